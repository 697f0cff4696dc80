/*
 * test_retention.c
 *		Retention, repurchase and rates against a brute-force oracle: the
 *		sorted list of a customer's days, searched by the definitions.
 */
#include <math.h>
#include <stdlib.h>

#include "engine/keep.h"
#include "engine/metric.h"
#include "engine/rate.h"
#include "engine/repurchase.h"
#include "engine/retention.h"
#include "engine/second.h"

#include "tap.h"

#define MAX_ROWS 60
#define ROUNDS 40000

typedef struct Rows
{
	int	   count;
	CrmDay day[MAX_ROWS];
} Rows;

/* of any size: n at the edges of words more often than not */
static int32_t
random_n(void)
{
	static const int32_t edges[] = {0,	 1,	  2,   30,	31,	  32,	33,
									62,	 63,  64,  65,	95,	  96,	127,
									128, 140, 365, 999, 1000, 10000};

	if (random_chance(0.6))
		return edges[random_between(0, sizeof(edges) / sizeof(edges[0]) - 1)];
	return (int32_t) random_between(0, 200);
}

static CrmDay
random_base(void)
{
	switch (random_between(0, 9))
	{
		case 0:
			return -2451545; /* date's first day, 4714-11-24 BC */
		case 1:
			return 2145031948 - 20000; /* near its last */
		case 2:
			return (CrmDay) random_between(-10, 10);
		default:
			return (CrmDay) random_between(5000, 10000);
	}
}

static Rows
random_rows(CrmDay base, int32_t n)
{
	Rows rows = {.count = (int) random_between(1, MAX_ROWS)};
	int	 reach = (int) random_between(1, random_chance(0.5) ? 40 : 2 * n + 5);

	if (random_chance(0.3))
		rows.count = (int) random_between(1, 3);
	for (int i = 0; i < rows.count; i++)
		rows.day[i] = base + (CrmDay) random_between(0, reach);
	return rows;
}

static bool
has_day(const Rows *rows, int64_t day)
{
	for (int i = 0; i < rows->count; i++)
	{
		if (rows->day[i] == day)
			return true;
	}
	return false;
}

static CrmTotals
retention_oracle(const Rows *rows, const CrmParams *params)
{
	CrmTotals totals = {.count = {0}};
	int64_t	  first = INT64_MAX;

	for (int i = 0; i < rows->count; i++)
	{
		if (rows->day[i] < first)
			first = rows->day[i];
	}
	if (first + params->n >= params->as_of)
		return totals;
	totals.count[CRM_RETENTION_MATURE] = 1;
	totals.count[CRM_RETENTION_ON_DAY] = has_day(rows, first + params->n);
	for (int64_t k = 1; k <= params->n; k++)
		totals.count[CRM_RETENTION_WITHIN] |= has_day(rows, first + k);
	return totals;
}

static int64_t
first_of(const Rows *rows)
{
	int64_t first = INT64_MAX;

	for (int i = 0; i < rows->count; i++)
	{
		if (rows->day[i] < first)
			first = rows->day[i];
	}
	return first;
}

/* days `from` .. `to` after the first, if day `over` is over */
static CrmTotals
retained_oracle(const Rows *rows, int64_t from, int64_t to, int64_t over,
				CrmDay as_of)
{
	CrmTotals totals = {.count = {0}};
	int64_t	  first = first_of(rows);

	if (first + over >= as_of)
		return totals;
	totals.count[CRM_RETENTION_MATURE] = 1;
	for (int i = 0; i < rows->count; i++)
		totals.count[CRM_RETENTION_RETAINED] |=
			rows->day[i] - first >= from && rows->day[i] - first <= to;
	return totals;
}

static CrmTotals
between_oracle(const Rows *rows, const CrmParams *params)
{
	return retained_oracle(rows, params->m, params->n, params->n,
						   params->as_of);
}

static CrmTotals
from_oracle(const Rows *rows, const CrmParams *params)
{
	return retained_oracle(rows, params->n, INT64_MAX, params->n,
						   params->as_of);
}

static CrmTotals
keep_oracle(const Rows *rows, const CrmParams *params)
{
	CrmTotals totals = {.count = {0}};
	bool	  was = false;
	bool	  stayed = false;

	for (int i = 0; i < rows->count; i++)
	{
		was |= rows->day[i] <= params->from &&
			   rows->day[i] > (int64_t) params->from - params->m;
		stayed |= rows->day[i] > params->from &&
				  rows->day[i] <= (int64_t) params->from + params->n;
	}
	if ((int64_t) params->from + params->n >= params->as_of)
		return totals;
	totals.count[CRM_KEEP_CUSTOMERS] = was;
	totals.count[CRM_KEEP_KEPT] = was && stayed;
	return totals;
}

static CrmTotals
second_oracle(const Rows *rows, const CrmParams *params)
{
	CrmTotals totals = {.count = {0}};
	int64_t	  first = first_of(rows);

	if (params->option == CRM_METHOD_MATURE
			? first + params->n >= params->as_of
			: first <= (int64_t) params->as_of - params->n)
		return totals;
	totals.count[CRM_SECOND_CUSTOMERS] = 1;
	for (int64_t k = 1; k <= params->n; k++)
		totals.count[CRM_SECOND_AGAIN] |= has_day(rows, first + k);
	return totals;
}

static CrmTotals
orders_oracle(const Rows *rows, const CrmParams *params)
{
	CrmTotals totals = {.count = {1, rows->count >= 2}};

	(void) params;
	return totals;
}

static CrmTotals
days_oracle(const Rows *rows, const CrmParams *params)
{
	CrmTotals totals = {.count = {1}};

	(void) params;
	for (int i = 1; i < rows->count; i++)
		totals.count[CRM_REPURCHASE_REPEATED] |= rows->day[i] != rows->day[0];
	return totals;
}

/*
 * The state of rows that came in pieces: each piece added in its order, then
 * all merged in the order of the pieces.
 */
static void
build(const CrmMetric *metric, const CrmParams *params, const Rows *rows,
	  int pieces, uint32_t *state)
{
	int		  words = metric->words(params);
	uint32_t *piece = malloc(words * sizeof(uint32_t));

	memset(state, 0, words * sizeof(uint32_t));
	for (int p = 0; p < pieces; p++)
	{
		memset(piece, 0, words * sizeof(uint32_t));
		for (int i = p; i < rows->count; i += pieces)
			metric->add(piece, params, rows->day[i]);
		metric->merge(state, piece, params);
	}
	free(piece);
}

static void
shuffle(Rows *rows)
{
	for (int i = rows->count - 1; i > 0; i--)
	{
		int	   j = (int) random_between(0, i);
		CrmDay day = rows->day[i];

		rows->day[i] = rows->day[j];
		rows->day[j] = day;
	}
}

static bool
same_totals(const CrmTotals *a, const CrmTotals *b)
{
	return memcmp(a->count, b->count, sizeof(a->count)) == 0;
}

static void
check_metric(const CrmMetric *metric,
			 CrmTotals (*oracle)(const Rows *, const CrmParams *))
{
	int wrong_totals = 0;
	int wrong_states = 0;
	int empty_states = 0;

	for (int round = 0; round < ROUNDS; round++)
	{
		/* exactly as large as the state, so that the sanitizer guards it */
		CrmDay	  base = random_base();
		CrmParams params = {.n = random_n()};
		Rows	  rows = random_rows(base, params.n);
		int		  words;
		uint32_t *state;
		uint32_t *other;
		CrmTotals totals = {.count = {0}};
		CrmTotals expected;

		params.as_of = base + (CrmDay) random_between(0, 3 * params.n + 50);
		params.m = (int32_t) random_between(0, params.n);
		params.from = base + (CrmDay) random_between(-5, params.n + 20);
		params.option = (int32_t) random_between(0, 1);
		words = metric->words(&params);
		state = malloc(words * sizeof(uint32_t));
		other = malloc(words * sizeof(uint32_t));
		build(metric, &params, &rows, 1, state);
		metric->fold(state, &params, &totals);
		expected = oracle(&rows, &params);
		wrong_totals += !same_totals(&totals, &expected);
		empty_states += state[0] == 0;
		shuffle(&rows);
		build(metric, &params, &rows, (int) random_between(1, 4), other);
		wrong_states += memcmp(state, other, words * sizeof(uint32_t)) != 0;
		free(state);
		free(other);
	}
	ok(wrong_totals == 0, "%s: totals are the oracle's", metric->name);
	ok(wrong_states == 0, "%s: neither order nor pieces change the state",
	   metric->name);
	ok(empty_states == 0, "%s: a state that has seen a row is not empty",
	   metric->name);
}

static void
check_code(const CrmMetric *metric)
{
	ok(crm_metric_by_code(metric->code) == metric, "%s is found by its code",
	   metric->name);
}

/* the largest count stays: one more order does not make it small again */
static void
check_saturation(void)
{
	CrmParams params = {.n = 0};
	uint32_t  state[1] = {UINT32_MAX - 1};
	uint32_t  other[1] = {5};

	crm_repurchase_by_orders.add(state, &params, 0);
	crm_repurchase_by_orders.add(state, &params, 0);
	ok(state[0] == UINT32_MAX, "adding orders stops at the largest count");
	crm_repurchase_by_orders.merge(other, state, &params);
	ok(other[0] == UINT32_MAX, "so does merging");
}

static bool
near(double a, double b)
{
	return fabs(a - b) < 1e-12;
}

/*
 * Published: Newcombe, "Two-sided confidence intervals for the single
 * proportion", Statistics in Medicine 17 (1998), table I, method 3 (score):
 * 81/263, 15/148, 0/20 and 1/29, to four places.
 */
static void
check_wilson(void)
{
	static const struct
	{
		int64_t k, n;
		double	lower, upper;
	} published[] = {{81, 263, 0.2553, 0.3662},
					 {15, 148, 0.0624, 0.1605},
					 {0, 20, 0, 0.1611},
					 {1, 29, 0.0061, 0.1718}};
	bool as_published = true;
	bool ordered = true;
	bool mirrored = true;

	for (size_t i = 0; i < sizeof(published) / sizeof(published[0]); i++)
	{
		CrmRate rate = crm_rate(published[i].k, published[i].n);

		as_published &= fabs(rate.lower - published[i].lower) < 5e-5 &&
						fabs(rate.upper - published[i].upper) < 5e-5;
	}
	ok(as_published, "Wilson's interval is as published");
	for (int64_t n = 1; n <= 300; n++)
	{
		for (int64_t k = 0; k <= n; k++)
		{
			CrmRate rate = crm_rate(k, n);
			CrmRate mirror = crm_rate(n - k, n);

			ordered &= 0 <= rate.lower && rate.lower <= rate.rate &&
					   rate.rate <= rate.upper && rate.upper <= 1;
			mirrored &= near(rate.lower, 1 - mirror.upper);
		}
	}
	ok(ordered, "0 <= lower <= rate <= upper <= 1");
	ok(mirrored, "the interval of the rest is the mirror image");
}

int
main(void)
{
	check_metric(&crm_retention_by_days, retention_oracle);
	check_metric(&crm_repurchase_by_orders, orders_oracle);
	check_metric(&crm_repurchase_by_days, days_oracle);
	check_metric(&crm_retention_between, between_oracle);
	check_metric(&crm_retention_from, from_oracle);
	check_metric(&crm_keep, keep_oracle);
	check_metric(&crm_second_purchase, second_oracle);
	check_code(&crm_retention_by_days);
	check_code(&crm_repurchase_by_orders);
	check_code(&crm_repurchase_by_days);
	ok(crm_metric_by_code(0) == NULL && crm_metric_by_code(255) == NULL,
	   "a code that is not given has no metric");
	check_saturation();
	check_wilson();
	return done();
}
