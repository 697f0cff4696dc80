/*
 * test_learn.c
 *		Learned thresholds against brute force over the days, and simulated
 *		visitors whose return times are known.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engine/learn.h"
#include "engine/returns.h"

#include "tap.h"

#define CUSTOMERS 40
#define MAX_DAYS 60
#define AS_OF 1000

typedef struct Person
{
	uint64_t key;
	int		 count;
	CrmDay	 day[MAX_DAYS];
} Person;

static Person person[CUSTOMERS];

static int
compare_days(const void *a, const void *b)
{
	return *(const CrmDay *) a - *(const CrmDay *) b;
}

static void
random_people(void)
{
	int reach = (int) random_between(5, random_chance(0.5) ? 120 : 600);

	for (int c = 0; c < CUSTOMERS; c++)
	{
		Person *p = &person[c];
		int		wanted = (int) random_between(0, MAX_DAYS);
		int		kept = 0;

		p->key = random_bits();
		for (int i = 0; i < wanted; i++)
			p->day[i] = AS_OF - (CrmDay) random_between(0, reach);
		qsort(p->day, (size_t) wanted, sizeof(CrmDay), compare_days);
		for (int i = 0; i < wanted; i++)
			if (kept == 0 || p->day[kept - 1] != p->day[i])
				p->day[kept++] = p->day[i];
		p->count = kept;
	}
}

static void
add_person(CrmLearn *learn, const Person *p)
{
	CrmLearnCustomer customer = {.key = p->key,
								 .active_days = p->day,
								 .active_count = p->count,
								 .order_days = p->day,
								 .order_count = p->count,
								 .orders = p->count,
								 .revenue = crm_money_from_int64(7 * p->count)};

	crm_learn_add(learn, &customer);
}

/* ---- brute force --------------------------------------------------------- */

#define LONGEST 700

/* gaps that ended after, or were seen to last, exactly so many days */
static int closed[LONGEST + 2];
static int open[LONGEST + 2];

static void
count_gaps(void)
{
	memset(closed, 0, sizeof(closed));
	memset(open, 0, sizeof(open));
	for (int c = 0; c < CUSTOMERS; c++)
		for (int i = 0; i < person[c].count; i++)
		{
			CrmDay day = person[c].day[i];

			if (day >= AS_OF)
				continue;
			if (i + 1 < person[c].count && person[c].day[i + 1] < AS_OF)
				closed[person[c].day[i + 1] - day]++;
			else
				open[AS_OF - 1 - day]++;
		}
}

static double
brute_quantile(int min_eligible, double share)
{
	double stay[LONGEST + 1], stays = 1;
	int	   range = 0;

	for (int n = 0; n <= LONGEST; n++)
	{
		int risk = 0;

		for (int k = n; k <= LONGEST; k++)
			risk += closed[k] + open[k];
		if (risk > 0)
			stays *= 1 - (double) closed[n] / risk;
		stay[n] = stays;
		if (risk >= min_eligible && risk > 0)
			range = n;
	}
	if (1 - stay[range] <= 0)
		return NAN;
	for (int n = 0;; n++)
		if (1 - stay[n] >= share * (1 - stay[range]))
			return n;
}

static bool
active_on(const Person *p, CrmDay day)
{
	for (int i = 0; i < p->count; i++)
		if (p->day[i] == day)
			return true;
	return false;
}

/* r(n); NAN: not enough pairs */
static double
brute_return(int n, int min_eligible)
{
	int eligible = 0, returned = 0;

	for (int c = 0; c < CUSTOMERS; c++)
		for (CrmDay day = AS_OF - 90; day + n < AS_OF; day++)
			if (active_on(&person[c], day))
			{
				eligible++;
				returned += active_on(&person[c], day + n);
			}
	return eligible < min_eligible || eligible == 0
			   ? NAN
			   : (double) returned / eligible;
}

static void
brute_knees(int min_eligible, int smoothing, double *active, double *churn)
{
	double raw[91], curve[91], drop = 1e-12, change = INFINITY;

	for (int n = 1; n <= 90; n++)
		raw[n] = n < 90 ? brute_return(n, min_eligible) : NAN;
	for (int n = 1; n <= 90; n++)
	{
		double sum = 0;
		int	   points = 0;

		for (int i = n - smoothing / 2; i <= n + smoothing / 2; i++)
			if (i >= 1 && i <= 90 && !isnan(raw[i]))
				sum += raw[i], points++;
		curve[n] = isnan(raw[n]) ? NAN : sum / points;
	}
	*active = *churn = NAN;
	for (int n = 2; n <= 90; n++)
		if (curve[n - 1] - curve[n] > drop)
			drop = curve[n - 1] - curve[n], *active = n;
	for (int n = 2; n <= 90; n++)
		if (n > *active && fabs(curve[n] - curve[n - 1]) < change)
			change = fabs(curve[n] - curve[n - 1]), *churn = n;
}

static bool
same(const CrmLearned *learned, double value)
{
	return learned->known ? learned->value == value : isnan(value);
}

static void
check_values(void)
{
	PROPERTY("values are those of the definitions")
	for (int round = 0; round < 60; round++)
	{
		CrmLearn   learn;
		CrmLearned learned;
		int		   min_eligible = (int) random_between(1, 60);
		int		   smoothing = 1 + 2 * (int) random_between(0, 4);
		double	   active, churn;

		random_people();
		count_gaps();
		crm_learn_init(&learn, AS_OF, min_eligible, smoothing);
		for (int c = 0; c < CUSTOMERS; c++)
			add_person(&learn, &person[c]);
		learned =
			crm_learned(&learn, CRM_LEARN_ACTIVE_PERIOD, CRM_LEARN_HAZARD);
		CHECK(same(&learned, brute_quantile(min_eligible, 0.80)), "80 %%: %g",
			  learned.value);
		learned = crm_learned(&learn, CRM_LEARN_CHURN_PERIOD, CRM_LEARN_HAZARD);
		CHECK(same(&learned, brute_quantile(min_eligible, 0.95)), "95 %%: %g",
			  learned.value);
		brute_knees(min_eligible, smoothing, &active, &churn);
		learned =
			crm_learned(&learn, CRM_LEARN_ACTIVE_PERIOD, CRM_LEARN_SMARTPUSH);
		CHECK(same(&learned, active), "largest drop: %g, not %g", learned.value,
			  active);
		learned =
			crm_learned(&learn, CRM_LEARN_CHURN_PERIOD, CRM_LEARN_SMARTPUSH);
		CHECK(same(&learned, churn), "least change: %g, not %g", learned.value,
			  churn);
		learned = crm_learned(&learn, CRM_LEARN_ORDER_VALUE, CRM_LEARN_MEAN);
		CHECK(!learned.known || learned.value == 7, "order value %g",
			  learned.value);
		crm_learn_free(&learn);
	}
}

/* ---- samples ------------------------------------------------------------- */

static void
check_samples(void)
{
	double		   sum = 0, squares = 0;
	static uint8_t drawn[2000][CRM_SAMPLES];
	CrmLearn	   learn;

	crm_learn_init(&learn, AS_OF, 1, 1);
	for (int c = 0; c < 2000; c++)
	{
		Person p = {.key = (uint64_t) c};

		add_person(&learn, &p);
		memcpy(drawn[c], learn.weight, CRM_SAMPLES);
		for (int s = 1; s < CRM_SAMPLES; s++)
		{
			sum += learn.weight[s];
			squares += learn.weight[s] * learn.weight[s];
		}
	}
	sum /= 2000 * CRM_RESAMPLES;
	squares /= 2000 * CRM_RESAMPLES;
	/* 400,000 draws: four standard errors */
	ok(fabs(sum - 1) < 4 / sqrt(400000) &&
		   fabs(squares - sum * sum - 1) < 4 * sqrt(3. / 400000),
	   "customers are drawn as often as with replacement");
	PROPERTY("what is drawn follows from the key, and differs by sample")
	for (int c = 1999; c >= 0; c--)
	{
		Person p = {.key = (uint64_t) c};

		add_person(&learn, &p);
		CHECK(memcmp(drawn[c], learn.weight, CRM_SAMPLES) == 0, "key %d", c);
		CHECK(learn.weight[0] == 1, "sample 0");
		CHECK(c == 0 ||
				  memcmp(drawn[c] + 1, drawn[c - 1] + 1, CRM_RESAMPLES) != 0,
			  "keys %d and %d", c, c - 1);
	}
	crm_learn_free(&learn);
}

static void
check_order(void)
{
	PROPERTY("the order of customers does not matter")
	for (int round = 0; round < 20; round++)
	{
		CrmLearn forward, backward;

		random_people();
		crm_learn_init(&forward, AS_OF, 5, 7);
		crm_learn_init(&backward, AS_OF, 5, 7);
		for (int c = 0; c < CUSTOMERS; c++)
		{
			add_person(&forward, &person[c]);
			add_person(&backward, &person[CUSTOMERS - 1 - c]);
		}
		for (int t = CRM_LEARN_ACTIVE_PERIOD; t <= CRM_LEARN_CHURN_PERIOD; t++)
			for (int m = CRM_LEARN_HAZARD; m <= CRM_LEARN_SMARTPUSH; m++)
			{
				CrmLearned a =
					crm_learned(&forward, (CrmLearnable) t, (CrmLearnMethod) m);
				CrmLearned b = crm_learned(&backward, (CrmLearnable) t,
										   (CrmLearnMethod) m);

				CHECK(a.known == b.known && a.bounded == b.bounded &&
						  a.reliable == b.reliable,
					  "%d %d", t, m);
				CHECK(!a.bounded || (a.value == b.value && a.low == b.low &&
									 a.high == b.high),
					  "%d %d", t, m);
			}
		crm_learn_free(&forward);
		crm_learn_free(&backward);
	}
}

/* ---- planted return times ------------------------------------------------ */

/* how long those stay away who come back */
typedef enum Habit
{
	GEOMETRIC, /* memoryless, mean 12 days */
	EVEN,	   /* any of 1 .. 40 days alike */
	TWO_KINDS  /* some within days, some after a month */
} Habit;

static double
uniform(void)
{
	return (double) (random_bits() >> 11) / 9007199254740992.0;
}

static int
time_away(Habit habit)
{
	if (habit == EVEN)
		return (int) random_between(1, 40);
	if (habit == TWO_KINDS && uniform() < 0.3)
		return (int) random_between(25, 45);
	return 1 + (int) floor(log(uniform()) /
						   log(1 - 1.0 / (habit == TWO_KINDS ? 4 : 12)));
}

/* the share of those who come back by day n, by the habit's own law */
static double
back_by(Habit habit, int n)
{
	double late = n < 25 ? 0 : n > 45 ? 1 : (n - 24) / 21.0;

	if (habit == EVEN)
		return n > 40 ? 1 : n / 40.0;
	if (habit == GEOMETRIC)
		return 1 - pow(1 - 1.0 / 12, n);
	return 0.3 * late + 0.7 * (1 - pow(1 - 1.0 / 4, n));
}

static int
planted(Habit habit, double share)
{
	int n = 0;

	while (back_by(habit, n) < share - 1e-9)
		n++;
	return n;
}

/* visitors of a year, of whom one in eight leaves for good after each visit */
static void
simulate(CrmLearn *learn, Habit habit, int visitors)
{
	crm_learn_init(learn, AS_OF, 100, 7);
	for (int v = 0; v < visitors; v++)
	{
		Person p = {.key = random_bits()};
		CrmDay day = AS_OF - 365 + (CrmDay) random_between(0, 330);

		while (day <= AS_OF && p.count < MAX_DAYS)
		{
			p.day[p.count++] = day;
			if (uniform() < 0.125)
				break;
			day += time_away(habit);
		}
		add_person(learn, &p);
	}
}

static void
check_planted_once(Habit habit)
{
	CrmLearn many, few;

	simulate(&many, habit, 20000);
	simulate(&few, habit, 200);
	for (int i = 0; i < 2; i++)
	{
		CrmLearnable threshold =
			i == 0 ? CRM_LEARN_ACTIVE_PERIOD : CRM_LEARN_CHURN_PERIOD;
		int		   truth = planted(habit, i == 0 ? 0.80 : 0.95);
		CrmLearned found = crm_learned(&many, threshold, CRM_LEARN_HAZARD);

		CHECK(found.reliable, "habit %d: %s", habit, found.reason);
		CHECK(found.low <= truth && truth <= found.high,
			  "habit %d: %d is not in %g .. %g", habit, truth, found.low,
			  found.high);
		found = crm_learned(&few, threshold, CRM_LEARN_HAZARD);
		CHECK(found.known && !found.reliable,
			  "habit %d: 200 visitors, %g in %g .. %g", habit, found.value,
			  found.low, found.high);
	}
	crm_learn_free(&many);
	crm_learn_free(&few);
}

static void
check_planted(void)
{
	PROPERTY("planted return times are found, but not with 200 visitors")
	for (int habit = GEOMETRIC; habit <= TWO_KINDS; habit++)
		check_planted_once((Habit) habit);
}

/* a smooth curve has no knee: what smartpush finds there is chance */
static void
check_smooth(void)
{
	double least = INFINITY, most = 0;

	PROPERTY("a smooth curve's knee is anywhere, and not reliable")
	for (int round = 0; round < 10; round++)
	{
		CrmLearn   learn;
		CrmLearned learned;

		simulate(&learn, GEOMETRIC, 1500);
		learned =
			crm_learned(&learn, CRM_LEARN_ACTIVE_PERIOD, CRM_LEARN_SMARTPUSH);
		CHECK(!learned.reliable, "%g in %g .. %g", learned.value, learned.low,
			  learned.high);
		least = learned.value < least ? learned.value : least;
		most = learned.value > most ? learned.value : most;
		crm_learn_free(&learn);
	}
	ok(most - least > 20, "it lies from day %g to %g", least, most);
}

/* ---- the rest ------------------------------------------------------------ */

static void
check_curve(void)
{
	PROPERTY("curves are what the values were read off")
	for (int round = 0; round < 20; round++)
	{
		CrmLearn	   learn;
		CrmLearnPoint *point;
		int32_t		   count;
		int			   risk;

		random_people();
		count_gaps();
		crm_learn_init(&learn, AS_OF, 10, 7);
		for (int c = 0; c < CUSTOMERS; c++)
			add_person(&learn, &person[c]);
		count = crm_learn_curve(&learn, CRM_LEARN_CHURN_PERIOD,
								CRM_LEARN_HAZARD, &point);
		for (int32_t n = count; n >= 1; n--)
		{
			risk = n == count ? 0 : risk;
			risk += closed[n] + open[n];
			CHECK(point[n - 1].n == n && point[n - 1].eligible == risk &&
					  point[n - 1].returned == closed[n],
				  "day %d", n);
		}
		CHECK(closed[count + 1] + open[count + 1] == 0, "the end");
		crm_free(point);
		count = crm_learn_curve(&learn, CRM_LEARN_ACTIVE_PERIOD,
								CRM_LEARN_SMARTPUSH, &point);
		for (int32_t n = 1; n <= count; n++)
		{
			double rate = brute_return(n, 1);

			CHECK(isnan(rate) ? point[n - 1].eligible == 0
							  : (double) point[n - 1].returned /
										(double) point[n - 1].eligible ==
									rate,
				  "return on day %d", n);
		}
		crm_free(point);
		CHECK(crm_learn_curve(&learn, CRM_LEARN_ORDER_VALUE, CRM_LEARN_MEAN,
							  &point) == 0,
			  "a mean has no curve");
		crm_free(point);
		crm_learn_free(&learn);
	}
}

/* a customer who was here very long ago, or as long ago as the others */
static void
add_old(CrmLearn *learn, int32_t gap, bool returned)
{
	Person p = {.key = 4711, .count = returned ? 2 : 1};

	p.day[0] = AS_OF - (returned ? 9 : 1) - gap;
	p.day[1] = AS_OF - 9;
	add_person(learn, &p);
}

static void
check_long_once(CrmLearn *learn, CrmLearn *other)
{
	CrmLearnPoint *point, *others;
	int32_t		   count = crm_learn_curve(learn, CRM_LEARN_ACTIVE_PERIOD,
										   CRM_LEARN_HAZARD, &point);
	int32_t		   shorter = crm_learn_curve(other, CRM_LEARN_ACTIVE_PERIOD,
											 CRM_LEARN_HAZARD, &others);

	CHECK(count == 36525 && shorter == LONGEST, "%d and %d days", count,
		  shorter);
	for (int32_t n = 1; n < shorter; n++)
		CHECK(point[n - 1].eligible == others[n - 1].eligible &&
				  point[n - 1].returned == others[n - 1].returned,
			  "day %d", n);
	crm_free(point);
	crm_free(others);
	for (int t = CRM_LEARN_ACTIVE_PERIOD; t <= CRM_LEARN_CHURN_PERIOD; t++)
	{
		CrmLearned a = crm_learned(learn, (CrmLearnable) t, CRM_LEARN_HAZARD);
		CrmLearned b = crm_learned(other, (CrmLearnable) t, CRM_LEARN_HAZARD);

		CHECK(a.known == b.known && a.bounded == b.bounded, "%d", t);
		CHECK(!a.known || a.value == b.value, "%g and %g", a.value, b.value);
		CHECK(!a.bounded || (a.low == b.low && a.high == b.high), "%d", t);
	}
}

/* a date that was entered wrong */
static void
check_long(void)
{
	PROPERTY("a gap of ages costs and changes no more than another")
	for (int round = 0; round < 20; round++)
	{
		CrmLearn learn, other;
		size_t	 before;

		random_people();
		crm_learn_init(&learn, AS_OF, 5, 7);
		crm_learn_init(&other, AS_OF, 5, 7);
		for (int c = 0; c < CUSTOMERS; c++)
		{
			add_person(&learn, &person[c]);
			add_person(&other, &person[c]);
		}
		before = host_bytes();
		add_old(&learn, round % 2 == 0 ? 739917 : 100000000, round % 3 > 0);
		CHECK(host_bytes() <= 2 * before, "from %zu to %zu bytes", before,
			  host_bytes());
		add_old(&other, LONGEST, round % 3 > 0);
		check_long_once(&learn, &other);
		crm_learn_free(&learn);
		crm_learn_free(&other);
	}
}

static void
check_nobody(void)
{
	static const struct
	{
		CrmLearnable   threshold;
		CrmLearnMethod method;
	} lesson[] = {{CRM_LEARN_ORDER_VALUE, CRM_LEARN_MEAN},
				  {CRM_LEARN_REPURCHASE_PERIOD, CRM_LEARN_MEAN},
				  {CRM_LEARN_REPURCHASE_PERIOD_Q80, CRM_LEARN_HAZARD},
				  {CRM_LEARN_REPURCHASE_PERIOD_Q80, CRM_LEARN_SMARTPUSH},
				  {CRM_LEARN_FIRST_PURCHASE_PERIOD, CRM_LEARN_MEAN},
				  {CRM_LEARN_ACTIVE_PERIOD, CRM_LEARN_HAZARD},
				  {CRM_LEARN_CHURN_PERIOD, CRM_LEARN_SMARTPUSH}};
	CrmLearn learn;
	Person	 nobody = {.key = 1};
	size_t	 blocks = host_blocks();

	crm_learn_init(&learn, AS_OF, 1, 1);
	add_person(&learn, &nobody);
	PROPERTY("nobody: no value, and a reason")
	for (size_t i = 0; i < sizeof(lesson) / sizeof(lesson[0]); i++)
	{
		CrmLearned learned =
			crm_learned(&learn, lesson[i].threshold, lesson[i].method);

		CHECK(!learned.known && !learned.reliable && learned.reason != NULL &&
				  learned.customers == 0,
			  "%s", crm_learnable_name(lesson[i].threshold));
	}
	crm_learn_free(&learn);
	ok(host_blocks() == blocks, "nothing is left allocated");
}

int
main(void)
{
	check_values();
	check_samples();
	check_order();
	check_planted();
	check_smooth();
	check_curve();
	check_long();
	check_nobody();
	return done();
}
