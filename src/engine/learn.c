/*
 * learn.c
 *		Counting customers in 201 samples, and reading thresholds off.
 *
 * Means: sum / number.  Periods, by two methods:
 *
 *		smartpush   the return curve r(n), smoothed: active where it drops most,
 *		            churn where it changes least after that
 *		hazard      F(n), the share of gaps closed by day n (Kaplan-Meier, an
 *		            open gap censored at the last day that is over), within the
 *		            range seen: active is the 80 % quantile of those who return,
 *		            churn the 95 % one
 *
 *		F |            . . . . . . . F(range)
 *		  |       .  ' |         |
 *		  |    .       |         |
 *		  |  .         |         |
 *		  +------------+---------+------ n
 *		             80 %      95 % of F(range)
 *
 * The range seen are the days n for which at least min_eligible gaps (pairs)
 * are still under observation, in the customers as they are; resamples are
 * read over the same range.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engine/learn.h"
#include "engine/metric.h"
#include "engine/returns.h"

#define ACTIVE_SHARE 0.80
#define CHURN_SHARE 0.95
/* the spread that a reliable value may have, 10 to 90 % */
#define SPREAD_DAYS 3
#define SPREAD_SHARE 0.25

const char *
crm_learnable_name(CrmLearnable threshold)
{
	static const char *const names[CRM_LEARNABLES] = {
		"order_value",			 "repurchase_period", "repurchase_period_q80",
		"first_purchase_period", "active_period",	  "churn_period"};

	return names[threshold];
}

const char *
crm_learn_method_name(CrmLearnMethod method)
{
	static const char *const names[] = {"mean", "hazard", "smartpush"};

	return names[method];
}

/* ---- samples ------------------------------------------------------------- */

static uint64_t
scrambled(uint64_t x)
{
	x = (x ^ x >> 30) * UINT64_C(0xBF58476D1CE4E5B9);
	x = (x ^ x >> 27) * UINT64_C(0x94D049BB133111EB);
	return x ^ x >> 31;
}

/* the Poisson variable with mean 1 at a place of its distribution function */
static uint8_t
poisson(uint16_t place)
{
	static const uint16_t below[] = {24109, 48219, 60274, 64292,
									 65296, 65497, 65531, 65535};
	uint8_t				  k = 0;

	for (int i = 0; i < 8; i++)
		k += place >= below[i];
	return k;
}

static void
draw_weights(CrmLearn *learn, uint64_t key)
{
	uint64_t bits = 0;

	learn->weight[0] = 1;
	for (int s = 1; s < CRM_SAMPLES; s++)
	{
		if (s % 4 == 1)
			bits = scrambled(key += UINT64_C(0x9E3779B97F4A7C15));
		learn->weight[s] = poisson((uint16_t) bits);
		bits >>= 16;
	}
}

static void
mean_add(CrmLearn *learn, CrmLearnable threshold, double numerator,
		 double denominator)
{
	CrmMean *mean = &learn->mean[threshold];

	mean->customers++;
	for (int s = 0; s < CRM_SAMPLES; s++)
	{
		mean->numerator[s] += learn->weight[s] * numerator;
		mean->denominator[s] += learn->weight[s] * denominator;
	}
}

/* ---- a customer ---------------------------------------------------------- */

void
crm_learn_init(CrmLearn *learn, CrmDay as_of, int32_t min_eligible,
			   int32_t smoothing)
{
	memset(learn, 0, sizeof(*learn));
	learn->as_of = as_of;
	learn->min_eligible = min_eligible;
	learn->smoothing = smoothing;
	learn->revenue = crm_money_from_int64(0);
}

void
crm_learn_free(CrmLearn *learn)
{
	CrmDayCounts *const counts[] = {&learn->closed,		  &learn->open,
									&learn->order_closed, &learn->order_open,
									&learn->last,		  &learn->returned};

	for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++)
		crm_day_counts_free(counts[i]);
}

/* gaps between days that are over, equal ones at once; true: there is a day */
static bool
add_gaps(CrmLearn *learn, const CrmDay *day, int count, CrmDayCounts *closed,
		 CrmDayCounts *open)
{
	int32_t gap = 0;
	int64_t times = 0;

	while (count > 0 && day[count - 1] >= learn->as_of)
		count--;
	if (count == 0)
		return false;
	for (int i = 1; i < count; i++)
	{
		if (day[i] - day[i - 1] != gap && times > 0)
		{
			crm_day_counts_add(closed, learn->weight, gap, times);
			times = 0;
		}
		gap = day[i] - day[i - 1];
		times++;
	}
	if (times > 0)
		crm_day_counts_add(closed, learn->weight, gap, times);
	crm_day_counts_add(open, learn->weight, learn->as_of - 1 - day[count - 1],
					   1);
	return true;
}

static void
add_returns(CrmLearn *learn, const CrmLearnCustomer *customer)
{
	CrmReturnMap map = {0};
	int64_t		 last[CRM_RETURN_DAYS] = {0};
	int64_t		 returned[CRM_RETURN_DAYS] = {0};

	for (int i = customer->active_count - 1; i >= 0; i--)
	{
		if (customer->active_days[i] < learn->as_of - CRM_RETURN_DAYS)
			break;
		crm_return_map_add(&map, learn->as_of, customer->active_days[i]);
	}
	if (map.low == 0 && map.high == 0)
		return;
	learn->recent_customers++;
	crm_return_map_count(&map, last, returned);
	for (int32_t n = 0; n < CRM_RETURN_DAYS; n++)
	{
		if (last[n] > 0)
			crm_day_counts_add(&learn->last, learn->weight, n, last[n]);
		if (returned[n] > 0)
			crm_day_counts_add(&learn->returned, learn->weight, n, returned[n]);
	}
}

void
crm_learn_add(CrmLearn *learn, const CrmLearnCustomer *customer)
{
	draw_weights(learn, customer->key);
	learn->active_customers +=
		add_gaps(learn, customer->active_days, customer->active_count,
				 &learn->closed, &learn->open);
	learn->order_customers +=
		add_gaps(learn, customer->order_days, customer->order_count,
				 &learn->order_closed, &learn->order_open);
	add_returns(learn, customer);
	if (customer->orders > 0)
	{
		mean_add(learn, CRM_LEARN_ORDER_VALUE,
				 crm_money_to_double(customer->revenue),
				 (double) customer->orders);
		learn->orders += customer->orders;
	}
	crm_money_accumulate(&learn->revenue, customer->revenue);
	if (customer->order_count > 1)
		mean_add(learn, CRM_LEARN_REPURCHASE_PERIOD,
				 (double) customer->order_days[customer->order_count - 1] -
					 customer->order_days[0],
				 customer->order_count - 1);
	if (customer->registered_before)
		mean_add(learn, CRM_LEARN_FIRST_PURCHASE_PERIOD,
				 (double) customer->days_to_first_order, 1);
}

/* ---- means --------------------------------------------------------------- */

static double
mean_of(const CrmLearn *learn, CrmLearnable threshold, int sample)
{
	const CrmMean *mean = &learn->mean[threshold];

	if (!(mean->denominator[sample] > 0))
		return NAN;
	return mean->numerator[sample] / mean->denominator[sample];
}

/* ---- gaps ---------------------------------------------------------------- */

static int64_t
sum_of(const CrmDayCounts *counts, int sample)
{
	int64_t sum = 0;

	for (int32_t i = 0; i < counts->used; i++)
		sum += crm_day_counts_get(counts, i, sample);
	return sum;
}

/* the lengths that occur, ascending */
typedef struct GapWalk
{
	const CrmDayCounts *closed;
	const CrmDayCounts *open;
	int					sample;
	int32_t				at_closed; /* the places that are next */
	int32_t				at_open;
	int64_t				at_risk; /* not over, and still to come in the walk */
	int32_t				n;
	int64_t				ended; /* on day n */
	int64_t				cut;   /* seen to last so long, and no longer */
} GapWalk;

static GapWalk
walk_gaps(const CrmDayCounts *closed, const CrmDayCounts *open, int sample)
{
	return (GapWalk){.closed = closed,
					 .open = open,
					 .sample = sample,
					 .at_risk = sum_of(closed, sample) + sum_of(open, sample)};
}

/* to the next length; at_risk are those that last to it */
static bool
next_gap(GapWalk *walk)
{
	bool some_closed = walk->at_closed < walk->closed->used;
	bool some_open = walk->at_open < walk->open->used;

	if (!some_closed && !some_open)
		return false;
	walk->at_risk -= walk->ended + walk->cut;
	walk->ended = walk->cut = 0;
	if (some_closed)
		walk->n = walk->closed->day[walk->at_closed].n;
	if (some_open &&
		(!some_closed || walk->open->day[walk->at_open].n < walk->n))
		walk->n = walk->open->day[walk->at_open].n;
	if (some_closed && walk->closed->day[walk->at_closed].n == walk->n)
		walk->ended =
			crm_day_counts_get(walk->closed, walk->at_closed++, walk->sample);
	if (some_open && walk->open->day[walk->at_open].n == walk->n)
		walk->cut =
			crm_day_counts_get(walk->open, walk->at_open++, walk->sample);
	return true;
}

/* the last n for which enough gaps are under observation; 0: none is */
static int32_t
gap_range(const CrmLearn *learn, const CrmDayCounts *closed,
		  const CrmDayCounts *open)
{
	GapWalk walk = walk_gaps(closed, open, 0);
	int64_t enough = learn->min_eligible > 1 ? learn->min_eligible : 1;
	int32_t range = 0;

	/* up to the next length as many are under observation as on its day */
	while (next_gap(&walk) && walk.at_risk >= enough)
		range = walk.n;
	return range;
}

/* the share of those under observation that has not come back */
static inline double
staying(const GapWalk *walk, double stay)
{
	if (walk->ended > 0)
		stay *= 1 - (double) walk->ended / (double) walk->at_risk;
	return stay;
}

/* the first n by which that share of those who return within range has */
static double
hazard_quantile(const CrmDayCounts *closed, const CrmDayCounts *open,
				int32_t range, double share, int sample)
{
	GapWalk walk = walk_gaps(closed, open, sample);
	double	stay = 1;
	double	returned;

	while (next_gap(&walk) && walk.n <= range)
		stay = staying(&walk, stay);
	returned = 1 - stay;
	walk = walk_gaps(closed, open, sample);
	stay = 1;
	while (returned > 0 && next_gap(&walk))
	{
		stay = staying(&walk, stay);
		if (1 - stay >= share * returned)
			return walk.n;
	}
	return NAN;
}

/* of closed gaps alone: the first n by which that share of them has ended */
static double
closed_quantile(const CrmDayCounts *closed, double share, int sample)
{
	int64_t gaps = sum_of(closed, sample);
	int64_t ended = 0;

	for (int32_t i = 0; i < closed->used; i++)
	{
		ended += crm_day_counts_get(closed, i, sample);
		if (gaps > 0 && (double) ended >= share * (double) gaps)
			return closed->day[i].n;
	}
	return NAN;
}

/* ---- the return curve ---------------------------------------------------- */

/* eligible[n] for n = 1 .. CRM_RETURN_MAX_N */
static void
eligible_pairs(const CrmLearn *learn, int sample, int64_t *eligible)
{
	int64_t pairs = 0;

	for (int32_t n = CRM_RETURN_MAX_N; n >= 1; n--)
	{
		pairs += crm_day_counts_at(&learn->last, n, sample);
		eligible[n] = pairs;
	}
}

static int32_t
return_range(const CrmLearn *learn)
{
	int64_t eligible[CRM_RETURN_DAYS];
	int32_t n = CRM_RETURN_MAX_N;

	eligible_pairs(learn, 0, eligible);
	while (n > 0 && (eligible[n] < learn->min_eligible || eligible[n] == 0))
		n--;
	return n;
}

/* r(n) for n = 1 .. range, NAN where too few are eligible, smoothed */
static void
smoothed_curve(const CrmLearn *learn, int32_t range, int sample, double *curve)
{
	int64_t eligible[CRM_RETURN_DAYS];
	double	raw[CRM_RETURN_DAYS];
	int32_t half = learn->smoothing / 2;

	eligible_pairs(learn, sample, eligible);
	for (int32_t n = 1; n <= range; n++)
		raw[n] = eligible[n] == 0
					 ? NAN
					 : (double) crm_day_counts_at(&learn->returned, n, sample) /
						   (double) eligible[n];
	for (int32_t n = 1; n <= range; n++)
	{
		int32_t from = n - half < 1 ? 1 : n - half;
		int32_t to = n + half > range ? range : n + half;
		double	sum = 0;
		int		points = 0;

		for (int32_t i = from; i <= to; i++)
		{
			if (isnan(raw[i]))
				continue;
			sum += raw[i];
			points++;
		}
		curve[n] = isnan(raw[n]) ? NAN : sum / points;
	}
}

/*
 * Comparing with NAN is false, so unknown points are passed over.  A drop that
 * is only rounding is none: 1 / 3 - 1 / 3 by way of sums.
 */
static void
knees(const CrmLearn *learn, int sample, double *active, double *churn)
{
	int32_t range = return_range(learn);
	double	curve[CRM_RETURN_DAYS];
	double	largest = 1e-12;
	double	smallest = INFINITY;

	*active = *churn = NAN;
	smoothed_curve(learn, range, sample, curve);
	for (int32_t n = 2; n <= range; n++)
	{
		if (curve[n - 1] - curve[n] > largest)
		{
			largest = curve[n - 1] - curve[n];
			*active = n;
		}
	}
	for (int32_t n = 2; n <= range; n++)
	{
		if (n > *active && fabs(curve[n] - curve[n - 1]) < smallest)
		{
			smallest = fabs(curve[n] - curve[n - 1]);
			*churn = n;
		}
	}
}

/* ---- thresholds ---------------------------------------------------------- */

/* a threshold being read off, and what it is read off */
typedef struct Estimate
{
	const CrmLearn	   *learn;
	CrmLearnable		threshold;
	CrmLearnMethod		method;
	const CrmDayCounts *closed; /* NULL: a mean */
	const CrmDayCounts *open;
	int32_t				range;
} Estimate;

static Estimate
estimate(const CrmLearn *learn, CrmLearnable threshold, CrmLearnMethod method)
{
	Estimate result = {learn, threshold, method, NULL, NULL, 0};

	if (method == CRM_LEARN_MEAN)
		return result;
	result.closed = &learn->closed;
	result.open = &learn->open;
	if (threshold == CRM_LEARN_REPURCHASE_PERIOD_Q80)
	{
		result.closed = &learn->order_closed;
		result.open = &learn->order_open;
	}
	else if (method == CRM_LEARN_SMARTPUSH)
	{
		result.range = return_range(learn);
		return result;
	}
	result.range = gap_range(learn, result.closed, result.open);
	return result;
}

static double
value_in(const Estimate *estimate, int sample)
{
	const CrmLearn *learn = estimate->learn;
	double			active;
	double			churn;

	if (estimate->closed == NULL)
		return mean_of(learn, estimate->threshold, sample);
	if (estimate->method == CRM_LEARN_HAZARD)
		return hazard_quantile(
			estimate->closed, estimate->open, estimate->range,
			estimate->threshold == CRM_LEARN_CHURN_PERIOD ? CHURN_SHARE
														  : ACTIVE_SHARE,
			sample);
	if (estimate->threshold == CRM_LEARN_REPURCHASE_PERIOD_Q80)
		return closed_quantile(estimate->closed, ACTIVE_SHARE, sample);
	knees(learn, sample, &active, &churn);
	return estimate->threshold == CRM_LEARN_ACTIVE_PERIOD ? active : churn;
}

static int
compare_values(const void *a, const void *b)
{
	double left = *(const double *) a;
	double right = *(const double *) b;

	return (left > right) - (left < right);
}

/*
 * The 20th and the 181st of the 200 values.  A resample without one counts as
 * larger than all: it bounds nothing.
 */
static void
read_spread(const Estimate *estimate, CrmLearned *learned)
{
	double value[CRM_RESAMPLES];

	for (int s = 0; s < CRM_RESAMPLES; s++)
	{
		value[s] = value_in(estimate, s + 1);
		if (isnan(value[s]))
			value[s] = INFINITY;
	}
	qsort(value, CRM_RESAMPLES, sizeof(double), compare_values);
	learned->low = value[CRM_RESAMPLES / 10 - 1];
	learned->high = value[CRM_RESAMPLES - CRM_RESAMPLES / 10];
	learned->bounded = !isinf(learned->low) && !isinf(learned->high);
}

static int64_t
customers_of(const Estimate *estimate)
{
	const CrmLearn *learn = estimate->learn;

	if (estimate->closed == NULL)
		return learn->mean[estimate->threshold].customers;
	if (estimate->threshold == CRM_LEARN_REPURCHASE_PERIOD_Q80)
		return learn->order_customers;
	return estimate->method == CRM_LEARN_HAZARD ? learn->active_customers
												: learn->recent_customers;
}

/* gaps, orders, first orders: what the value was taken from */
static double
observations_of(const Estimate *estimate)
{
	if (estimate->closed == NULL)
		return estimate->learn->mean[estimate->threshold].denominator[0];
	return (double) sum_of(estimate->closed, 0);
}

static bool
is_period(CrmLearnable threshold)
{
	return threshold == CRM_LEARN_ACTIVE_PERIOD ||
		   threshold == CRM_LEARN_CHURN_PERIOD;
}

/* is churn_period later than active_period, by the same method? */
static bool
in_order(const Estimate *of)
{
	Estimate active = *of;
	Estimate churn = *of;

	active.threshold = CRM_LEARN_ACTIVE_PERIOD;
	churn.threshold = CRM_LEARN_CHURN_PERIOD;
	return value_in(&churn, 0) > value_in(&active, 0);
}

static const char *
doubt(const Estimate *estimate, const CrmLearned *learned)
{
	CrmLearnable threshold = estimate->threshold;
	double		 spread = learned->value * SPREAD_SHARE;

	if (!learned->known)
		return "there is nothing to learn it from";
	if (threshold != CRM_LEARN_ORDER_VALUE && spread < SPREAD_DAYS)
		spread = SPREAD_DAYS;
	if (!learned->bounded || learned->high - learned->low > spread)
		return "it differs too much between resamples of the customers";
	if (observations_of(estimate) < estimate->learn->min_eligible)
		return "fewer observations than min_eligible";
	if (!is_period(threshold))
		return NULL;
	if (!in_order(estimate))
		return "churn_period would not be later than active_period";
	if (learned->value * 3 > estimate->range * 2.0)
		return "it lies beyond two thirds of the days seen";
	if (learned->customers < CRM_LEARN_MIN_CUSTOMERS)
		return "fewer than 500 customers";
	return NULL;
}

CrmLearned
crm_learned(const CrmLearn *learn, CrmLearnable threshold,
			CrmLearnMethod method)
{
	Estimate   of = estimate(learn, threshold, method);
	CrmLearned learned = {0};

	learned.customers = customers_of(&of);
	learned.value = value_in(&of, 0);
	learned.known = !isnan(learned.value);
	if (learned.known)
		read_spread(&of, &learned);
	learned.reason = doubt(&of, &learned);
	learned.reliable = learned.reason == NULL;
	return learned;
}

/* ---- the curves ---------------------------------------------------------- */

static void
return_points(const CrmLearn *learn, CrmLearnPoint *point)
{
	int64_t eligible[CRM_RETURN_DAYS];

	eligible_pairs(learn, 0, eligible);
	for (int32_t n = 1; n <= CRM_RETURN_MAX_N; n++)
	{
		point[n - 1].n = n;
		point[n - 1].eligible = eligible[n];
		point[n - 1].returned = crm_day_counts_at(&learn->returned, n, 0);
	}
}

static void
gap_points(const Estimate *of, int32_t count, CrmLearnPoint *point)
{
	int64_t at_risk = sum_of(of->closed, 0) + sum_of(of->open, 0) -
					  crm_day_counts_at(of->closed, 0, 0) -
					  crm_day_counts_at(of->open, 0, 0);

	for (int32_t n = 1; n <= count; n++)
	{
		point[n - 1].n = n;
		point[n - 1].eligible = at_risk;
		point[n - 1].returned = crm_day_counts_at(of->closed, n, 0);
		at_risk -= crm_day_counts_at(of->closed, n, 0) +
				   crm_day_counts_at(of->open, n, 0);
	}
}

/* days of the curve of gaps: up to the longest, within a century */
static int32_t
gap_days(const CrmDayCounts *closed, const CrmDayCounts *open)
{
	int32_t most_closed = closed->used ? closed->day[closed->used - 1].n : 0;
	int32_t most_open = open->used ? open->day[open->used - 1].n : 0;
	int32_t longest = most_closed > most_open ? most_closed : most_open;

	return longest < CRM_DAYS_MOST ? longest : CRM_DAYS_MOST;
}

int32_t
crm_learn_curve(const CrmLearn *learn, CrmLearnable threshold,
				CrmLearnMethod method, CrmLearnPoint **points)
{
	Estimate of = estimate(learn, threshold, method);
	bool	 returns = method == CRM_LEARN_SMARTPUSH && is_period(threshold);
	int32_t	 count = 0;

	if (returns && learn->recent_customers > 0)
		count = CRM_RETURN_MAX_N;
	else if (!returns && of.closed != NULL)
		count = gap_days(of.closed, of.open);
	*points = crm_alloc(sizeof(CrmLearnPoint) * ((size_t) count + 1));
	if (returns && count > 0)
		return_points(learn, *points);
	else if (count > 0)
		gap_points(&of, count, *points);
	return count;
}
