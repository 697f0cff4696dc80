/*
 * test_cells.c
 *		The metrics whose totals are tables, and those that walk over events,
 *		against brute force over the rows.
 */
#include <math.h>
#include <stdlib.h>

#include "engine/cohorts.h"
#include "engine/funnel.h"
#include "engine/interval.h"
#include "engine/retention.h"
#include "engine/returns.h"
#include "engine/second.h"

#include "tap.h"

#define CUSTOMERS 8
#define MAX_ROWS 25
#define ROUNDS 4000

typedef struct Rows
{
	int		count;
	CrmDay	day[MAX_ROWS];
	uint8_t kind[MAX_ROWS];
} Rows;

static Rows		 rows[CUSTOMERS];
static CrmParams params;
static CrmTotals totals;

static void
random_group(bool kinds)
{
	CrmDay base = (CrmDay) random_between(-2000, 10000);
	int	   reach = (int) random_between(1, random_chance(0.5) ? 15 : 1200);

	for (int c = 0; c < CUSTOMERS; c++)
	{
		rows[c].count = (int) random_between(1, MAX_ROWS);
		for (int i = 0; i < rows[c].count; i++)
		{
			rows[c].day[i] = base + (CrmDay) random_between(0, reach);
			rows[c].kind[i] = kinds ? (uint8_t) random_between(1, 3) : 3;
		}
	}
	params.n = (int32_t) random_between(0, random_chance(0.3) ? 70 : 20);
	params.m = (int32_t) random_between(0, params.n);
	params.as_of = base + (CrmDay) random_between(0, reach + 30);
	params.from = random_chance(0.7) ? CRM_DAY_MIN : base + 5;
	params.to = random_chance(0.7) ? CRM_DAY_MAX : base + reach / 2 + 5;
	params.option = (int32_t) random_between(CRM_UNIT_DAY, CRM_UNIT_YEAR);
	/* what lies after as_of never reaches a metric */
	for (int c = 0; c < CUSTOMERS; c++)
	{
		int kept = 0;

		for (int i = 0; i < rows[c].count; i++)
		{
			if (rows[c].day[i] > params.as_of)
				continue;
			rows[c].day[kept] = rows[c].day[i];
			rows[c].kind[kept++] = rows[c].kind[i];
		}
		rows[c].count = kept;
	}
}

static bool
has(const Rows *r, int64_t day, int kind)
{
	for (int i = 0; i < r->count; i++)
	{
		if (r->day[i] == day && (r->kind[i] & kind) != 0)
			return true;
	}
	return false;
}

static bool
first_start(const Rows *r, int64_t *first)
{
	*first = INT64_MAX;
	for (int i = 0; i < r->count; i++)
	{
		if ((r->kind[i] & CRM_LOG_START) != 0 && r->day[i] < *first)
			*first = r->day[i];
	}
	return *first != INT64_MAX;
}

static int
compare_events(const void *a, const void *b)
{
	const CrmLogEvent *left = a;
	const CrmLogEvent *right = b;

	return (left->day > right->day) - (left->day < right->day);
}

/* distinct days, sorted, with all their kinds */
static size_t
events_of(const Rows *r, CrmLogEvent *event)
{
	size_t count = 0;

	for (int i = 0; i < r->count; i++)
	{
		size_t e = 0;

		while (e < count && event[e].day != r->day[i])
			e++;
		if (e == count)
		{
			CrmLogEvent fresh = {.day = r->day[i]};

			event[count++] = fresh;
		}
		event[e].kind |= r->kind[i];
	}
	qsort(event, count, sizeof(*event), compare_events);
	return count;
}

/* all customers into totals, in a random way */
static void
run(const CrmMetric *metric)
{
	crm_totals_init(&totals, metric->cell_counts, metric->cell_sums);
	for (int c = 0; c < CUSTOMERS; c++)
	{
		const Rows	*r = &rows[c];
		CrmLogEvent *event = malloc((r->count + 1) * sizeof(CrmLogEvent));
		uint32_t	*state[2];
		int			 words;

		if (metric->walk != NULL && r->count > 0)
			metric->walk(event, events_of(r, event), &params, &totals);
		free(event);
		if (metric->walk != NULL || r->count == 0)
			continue;
		words = metric->words(&params);
		for (int half = 0; half < 2; half++)
			state[half] = calloc(words, sizeof(**state));
		for (int i = 0; i < r->count; i++)
			metric->add(state[random_chance(0.5)], &params, r->day[i]);
		metric->merge(state[0], state[1], &params);
		metric->fold(state[0], &params, &totals);
		for (int half = 0; half < 2; half++)
			free(state[half]);
	}
	if (metric->close != NULL)
		metric->close(&params, &totals);
	crm_totals_sort(&totals);
}

static bool
sorted_cells(void)
{
	for (size_t i = 1; i < totals.cells; i++)
	{
		const CrmCell *a = crm_totals_sorted(&totals, i - 1);
		const CrmCell *b = crm_totals_sorted(&totals, i);

		if (a->row > b->row || (a->row == b->row && a->column >= b->column))
			return false;
	}
	return true;
}

/* ---- rates where events start and return --------------------------------- */

static void
check_kinds(void)
{
	PROPERTY("rates by kinds are those of the definitions")
	for (int round = 0; round < ROUNDS; round++)
	{
		int64_t mature = 0, on = 0, within = 0, between = 0, later = 0, first;

		random_group(true);
		for (int c = 0; c < CUSTOMERS; c++)
		{
			bool any_within = false, any_between = params.m == 0;
			bool any_later = params.n == 0;

			if (!first_start(&rows[c], &first) ||
				first + params.n >= params.as_of)
				continue;
			mature++;
			on += params.n == 0 || has(&rows[c], first + params.n, 2);
			for (int64_t k = 1; k <= params.n; k++)
				any_within |= has(&rows[c], first + k, 2);
			for (int64_t k = params.m; k <= params.n; k++)
				any_between |= k > 0 && has(&rows[c], first + k, 2);
			for (int64_t day = first + params.n; day <= params.as_of; day++)
				any_later |= day > first && has(&rows[c], day, 2);
			within += any_within;
			between += any_between;
			later += any_later;
		}
		run(&crm_retention_by_days_of_kinds);
		CHECK(totals.count[CRM_RETENTION_MATURE] == mature, "mature");
		CHECK(totals.count[CRM_RETENTION_ON_DAY] == on, "on day %d", params.n);
		CHECK(totals.count[CRM_RETENTION_WITHIN] == within, "within %d days",
			  params.n);
		run(&crm_retention_between_of_kinds);
		CHECK(totals.count[CRM_RETENTION_MATURE] == mature &&
				  totals.count[CRM_RETENTION_RETAINED] == between,
			  "between %d and %d", params.m, params.n);
		run(&crm_retention_from_of_kinds);
		CHECK(totals.count[CRM_RETENTION_MATURE] == mature &&
				  totals.count[CRM_RETENTION_RETAINED] == later,
			  "from %d", params.n);
	}
}

/* ---- the curve ----------------------------------------------------------- */

static void
check_curve_once(const CrmMetric *metric)
{
	int64_t customers = 0, first;

	run(metric);
	for (int c = 0; c < CUSTOMERS; c++)
		customers += first_start(&rows[c], &first) && first >= params.from &&
					 first <= params.to;
	CHECK(totals.count[CRM_CURVE_CUSTOMERS] == customers, "customers");
	CHECK(totals.cells == (customers == 0 ? 0 : params.n + 1) && sorted_cells(),
		  "%zu points for n = %d", totals.cells, params.n);
	for (size_t n = 0; n < totals.cells; n++)
	{
		const CrmCell *cell = crm_totals_sorted(&totals, n);
		int64_t		   eligible = 0, retained = 0;

		for (int c = 0; c < CUSTOMERS; c++)
		{
			if (!first_start(&rows[c], &first) || first < params.from ||
				first > params.to || first + (int64_t) n >= params.as_of)
				continue;
			eligible++;
			retained += n == 0 || has(&rows[c], first + (int64_t) n, 2);
		}
		CHECK(cell->row == (int32_t) n &&
				  cell->count[CRM_CURVE_ELIGIBLE] == eligible &&
				  cell->count[CRM_CURVE_RETAINED] == retained,
			  "day %zu", n);
	}
	crm_totals_free(&totals);
}

static void
check_curve(void)
{
	PROPERTY("the curve is that of the definition, by maps and by events")
	for (int round = 0; round < ROUNDS / 4; round++)
	{
		random_group(false);
		check_curve_once(&crm_retention_curve);
		check_curve_once(&crm_retention_curve_of_kinds);
		random_group(true);
		check_curve_once(&crm_retention_curve_of_kinds);
	}
}

/* ---- the return curve ---------------------------------------------------- */

/* pairs of a customer and a day that start, and of these those n days on */
static void
count_pairs(int64_t n, int64_t *eligible, int64_t *returned)
{
	*eligible = *returned = 0;
	for (int c = 0; c < CUSTOMERS; c++)
	{
		for (int64_t day = (int64_t) params.as_of - 90; day + n < params.as_of;
			 day++)
		{
			if (!has(&rows[c], day, 3))
				continue;
			++*eligible;
			*returned += has(&rows[c], day + n, 3);
		}
	}
}

static void
check_returns_once(void)
{
	int64_t last[CRM_RETURN_DAYS] = {0}, back[CRM_RETURN_DAYS] = {0};
	int64_t eligible, returned, customers = 0;

	run(&crm_return_curve);
	for (int c = 0; c < CUSTOMERS; c++)
	{
		CrmReturnMap map = {0};

		for (int i = 0; i < rows[c].count; i++)
			crm_return_map_add(&map, params.as_of, rows[c].day[i]);
		crm_return_map_count(&map, last, back);
		customers += rows[c].count > 0;
	}
	CHECK(totals.count[CRM_RETURNS_CUSTOMERS] == customers, "customers");
	for (int32_t n = params.n; n >= 1; n--)
	{
		const CrmCell *cell = crm_totals_find(&totals, n, 0);
		int64_t		   from_last = 0;

		count_pairs(n, &eligible, &returned);
		CHECK(customers == 0 ||
				  (cell != NULL &&
				   cell->count[CRM_RETURNS_ELIGIBLE] == eligible &&
				   cell->count[CRM_RETURNS_RETURNED] == returned),
			  "day %d", n);
		for (int k = n; k < CRM_RETURN_DAYS; k++)
			from_last += last[k];
		CHECK(n >= CRM_RETURN_DAYS ||
				  (from_last == eligible && back[n] == returned),
			  "day %d, by maps", n);
	}
	crm_totals_free(&totals);
}

static void
check_returns(void)
{
	PROPERTY("the return curve is that of the definition")
	for (int round = 0; round < ROUNDS / 4; round++)
	{
		random_group(false);
		params.n = (int32_t) random_between(1, random_chance(0.5) ? 100 : 9);
		check_returns_once();
	}
}

/* ---- cohorts ------------------------------------------------------------- */

static bool
active_in(const Rows *r, int64_t first, int32_t period)
{
	CrmUnit unit = (CrmUnit) params.option;

	if (period == crm_period_index((CrmDay) first, unit))
		return true;
	for (int i = 0; i < r->count; i++)
	{
		if (r->day[i] > first && (r->kind[i] & CRM_LOG_RETURN) != 0 &&
			crm_period_index(r->day[i], unit) == period)
			return true;
	}
	return false;
}

static void
check_cohort_point(const CrmCohortPoint *point)
{
	CrmUnit unit = (CrmUnit) params.option;
	int32_t cohort = crm_period_index(point->cohort, unit);
	int64_t customers = 0, active = 0, first;

	for (int c = 0; c < CUSTOMERS; c++)
	{
		if (!first_start(&rows[c], &first) || first < params.from ||
			first > params.to ||
			crm_period_index((CrmDay) first, unit) != cohort)
			continue;
		customers++;
		active += active_in(&rows[c], first, cohort + point->period);
	}
	CHECK(crm_period_start(point->cohort, unit) == point->cohort, "start");
	CHECK(point->customers == customers && customers > 0, "customers");
	CHECK(point->active == active, "active in period %d", point->period);
	CHECK(point->over == (crm_period_from_index(cohort + point->period + 1,
												unit) <= params.as_of),
		  "period %d over", point->period);
}

static void
check_cohorts(void)
{
	PROPERTY("the table of cohorts is that of the definition")
	for (int round = 0; round < ROUNDS / 4; round++)
	{
		CrmCohortWalk  walk = {0};
		CrmCohortPoint point;
		CrmCohortPoint before = {0};
		int64_t		   points = 0, customers = 0;

		random_group(true);
		run(&crm_retention_cohorts_of_events);
		for (; crm_cohort_next(&totals, &params, &walk, &point); points++)
		{
			check_cohort_point(&point);
			CHECK(points == 0 || before.cohort < point.cohort ||
					  before.period + 1 == point.period,
				  "order");
			CHECK(points == 0 || before.cohort == point.cohort ||
					  (point.period == 0 && before.cohort < point.cohort),
				  "every cohort begins with period 0");
			customers += point.period == 0 ? point.customers : 0;
			before = point;
		}
		CHECK(points == crm_cohort_points(&totals, &params), "points");
		CHECK(customers == totals.count[CRM_COHORTS_CUSTOMERS], "all cohorts");
		crm_totals_free(&totals);
	}
}

/* ---- from one purchase to the next --------------------------------------- */

static int
compare_ints(const void *a, const void *b)
{
	return *(const int *) a - *(const int *) b;
}

static void
check_interval(void)
{
	PROPERTY("gaps, their sum and their median are those of all days")
	for (int round = 0; round < ROUNDS; round++)
	{
		int		gap[CUSTOMERS * MAX_ROWS];
		int		gaps = 0;
		int64_t sum = 0;

		random_group(false);
		for (int c = 0; c < CUSTOMERS; c++)
		{
			CrmLogEvent event[MAX_ROWS];
			size_t		count = events_of(&rows[c], event);

			for (size_t i = 1; i < count; i++)
				sum += gap[gaps++] = event[i].day - event[i - 1].day;
		}
		run(&crm_repurchase_interval);
		CHECK(totals.count[CRM_INTERVAL_GAPS] == gaps, "gaps");
		CHECK(totals.count[CRM_INTERVAL_DAYS] == sum, "sum");
		qsort(gap, gaps, sizeof(int), compare_ints);
		if (gaps > 0)
			CHECK(crm_interval_median(&totals) ==
					  (gap[(gaps - 1) / 2] + gap[gaps / 2]) / 2.0,
				  "median");
		crm_totals_free(&totals);
	}
}

static void
check_funnel_once(bool within)
{
	double	lowest = 2;
	int32_t gap = 0;

	params.n = (int32_t) random_between(1, 30);
	params.m = (int32_t) random_between(0, 40);
	run(within ? &crm_repeat_funnel_within : &crm_repeat_funnel);
	for (size_t i = 0; i < totals.cells; i++)
	{
		const CrmCell *cell = crm_totals_sorted(&totals, i);
		int64_t		   k = (int64_t) i + 1, reached = 0, converted = 0;

		for (int c = 0; c < CUSTOMERS; c++)
		{
			CrmLogEvent event[MAX_ROWS];
			int64_t		count =
				within ? (int64_t) events_of(&rows[c], event) : rows[c].count;

			if (count < k || (within && (int64_t) event[k - 1].day + params.m >=
											params.as_of))
				continue;
			reached++;
			converted +=
				count > k &&
				(!within || event[k].day - event[k - 1].day <= params.m);
		}
		CHECK(cell->row == k && cell->count[CRM_FUNNEL_REACHED] == reached &&
				  cell->count[CRM_FUNNEL_CONVERTED] == converted,
			  "step %d", (int) k);
		if (reached > 0 && (double) converted / (double) reached < lowest)
		{
			lowest = (double) converted / (double) reached;
			gap = (int32_t) k;
		}
	}
	CHECK(crm_funnel_largest_gap(&totals) == gap, "largest gap");
	CHECK(totals.cells == 0 || totals.cells == (size_t) params.n, "steps");
	crm_totals_free(&totals);
}

static void
check_many_orders(void)
{
	uint32_t	   state = UINT32_MAX - 2;
	const uint32_t other = 5;

	crm_repeat_funnel.merge(&state, &other, &params);
	ok(state == UINT32_MAX, "a number of orders stops at the largest");
	crm_repeat_funnel.add(&state, &params, 0);
	ok(state == UINT32_MAX, "and stays there");
}

static void
check_funnel(void)
{
	PROPERTY("both funnels are those of the definition")
	for (int round = 0; round < ROUNDS; round++)
	{
		random_group(false);
		check_funnel_once(round % 2 == 0);
	}
}

static void
check_time(void)
{
	PROPERTY("times to the second purchase are found or cut off")
	for (int round = 0; round < ROUNDS; round++)
	{
		int64_t observed = 0, events = 0;

		random_group(false);
		run(&crm_time_to_second);
		for (size_t i = 0; i < totals.cells; i++)
		{
			const CrmCell *cell = crm_totals_sorted(&totals, i);
			int64_t		   bought = 0, open = 0;

			for (int c = 0; c < CUSTOMERS; c++)
			{
				CrmLogEvent event[MAX_ROWS];
				size_t		count = events_of(&rows[c], event);
				bool		known = count > 1 && event[1].day < params.as_of;

				bought += known && event[1].day - event[0].day == cell->row;
				open += count > 0 && !known &&
						params.as_of - 1 - event[0].day == cell->row;
			}
			CHECK(cell->count[CRM_SECOND_BOUGHT] == bought &&
					  cell->count[CRM_SECOND_OPEN] == open,
				  "day %d", cell->row);
			events += bought + open;
		}
		for (int c = 0; c < CUSTOMERS; c++)
		{
			CrmLogEvent event[MAX_ROWS];

			observed +=
				events_of(&rows[c], event) > 0 && event[0].day < params.as_of;
		}
		CHECK(observed == events &&
				  observed == totals.count[CRM_SECOND_OBSERVED],
			  "all are observed");
		crm_totals_free(&totals);
	}
}

/*
 * R's survival 3.5-3, survfit(Surv(time, status) ~ 1) of its data set aml,
 * group Maintained: times 9 13 13+ 18 23 28+ 31 34 45+ 48 161+.  R 4.2.2, printed
 * with 15 digits.
 */
static void
check_survival(void)
{
	static const struct
	{
		int	   day, events, censored;
		double survival, std_error, lower, upper;
	} r[] = {
		{9, 1, 0, 0.909090909090909, 0.0866784172041448, 0.754133845081525, 1},
		{13, 1, 1, 0.818181818181818, 0.116291299830333, 0.619248987399364, 1},
		{18, 1, 0, 0.715909090909091, 0.139664970557228, 0.488426287422128, 1},
		{23, 1, 0, 0.613636363636364, 0.152632331027312, 0.37686705950168,
		 0.999157600228473},
		{28, 0, 1, 0.613636363636364, 0.152632331027312, 0.37686705950168,
		 0.999157600228473},
		{31, 1, 0, 0.490909090909091, 0.164193267221136, 0.254859951199317,
		 0.945584955200429},
		{34, 1, 0, 0.368181818181818, 0.162668885827095, 0.154877117897191,
		 0.875260678143908},
		{45, 0, 1, 0.368181818181818, 0.162668885827095, 0.154877117897191,
		 0.875260678143908},
		{48, 1, 0, 0.184090909090909, 0.153492745786294, 0.0359178984891853,
		 0.943525769474552},
		{161, 0, 1, 0.184090909090909, 0.153492745786294, 0.0359178984891853,
		 0.943525769474552}};
	CrmSurvival point;

	crm_survival_start(&point, 11);
	PROPERTY("the curve is R's")
	for (size_t i = 0; i < sizeof(r) / sizeof(r[0]); i++)
	{
		crm_survival_next(&point, r[i].day, r[i].events, r[i].censored);
		CHECK(fabs(point.survival - r[i].survival) < 1e-14 &&
				  fabs(point.std_error - r[i].std_error) < 1e-14 &&
				  fabs(point.lower - r[i].lower) < 1e-13 &&
				  fabs(point.upper - r[i].upper) < 1e-13 && point.bounded,
			  "day %d: %.16g %.16g %.16g %.16g", r[i].day, point.survival,
			  point.std_error, point.lower, point.upper);
	}
	crm_survival_start(&point, 2);
	crm_survival_next(&point, 5, 2, 0);
	ok(point.survival == 0 && !point.bounded, "nobody left: no interval");
}

int
main(void)
{
	check_kinds();
	check_curve();
	check_returns();
	check_cohorts();
	check_interval();
	check_funnel();
	check_many_orders();
	check_time();
	check_survival();
	return done();
}
