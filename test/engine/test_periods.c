/*
 * test_periods.c
 *		Maps of periods, with the older rows that go beside them, against brute
 *		force over the rows: however long a history is, in whatever order its
 *		rows come and however they are split and merged.
 */
#include <stdlib.h>

#include "engine/cohorts.h"
#include "engine/periods.h"
#include "engine/repurchase_periods.h"
#include "engine/value.h"

#include "tap.h"

#define CUSTOMERS 6
#define MAX_ROWS 40
#define MAX_PIECES 4
#define ROUNDS 3000

typedef struct Rows
{
	int	   count;
	CrmDay day[MAX_ROWS];
} Rows;

static Rows		 rows[CUSTOMERS];
static CrmParams params;
static CrmTotals totals;
/* each customer stands for so many who did the same */
static int alike;

/* days up to as_of, most of them within the map, some centuries before it */
static CrmDay
random_day(void)
{
	CrmDay since = crm_periods_since(&params);

	if (since != CRM_DAY_MAX && random_chance(0.1))
		return since + (CrmDay) random_between(-3, 3);
	if (random_chance(0.1))
		return params.as_of - (CrmDay) random_between(0, 3000000);
	if (random_chance(0.3))
		return params.as_of - (CrmDay) random_between(0, 40000);
	return params.as_of - (CrmDay) random_between(0, 3000);
}

static void
random_group(void)
{
	bool limits = random_chance(0.3);

	alike = random_chance(0.1) ? (int) random_between(2, 600) : 1;
	memset(&params, 0, sizeof(params));
	params.option = (int32_t) random_between(CRM_UNIT_DAY, CRM_UNIT_YEAR);
	params.as_of = (CrmDay) random_between(-20000, 20000);
	params.from = limits ? params.as_of - 2500 : CRM_DAY_MIN;
	params.to = limits ? params.as_of - 100 : CRM_DAY_MAX;
	for (int c = 0; c < CUSTOMERS; c++)
	{
		bool   young = random_chance(0.5);
		CrmDay since = crm_periods_since(&params);

		rows[c].count = (int) random_between(1, MAX_ROWS);
		for (int i = 0; i < rows[c].count; i++)
		{
			CrmDay day = random_day();

			if (young && since != CRM_DAY_MAX && day < since)
				day = since + (params.as_of - since) / 2;
			rows[c].day[i] = day < params.as_of ? day : params.as_of;
		}
	}
}

/* ---- one customer, as the server would keep it --------------------------- */

typedef struct Kept
{
	uint32_t	state[32];
	size_t		count;
	CrmLogEvent event[MAX_ROWS + CRM_METRIC_MAX_DAYS];
} Kept;

static void
keep_event(Kept *kept, CrmDay day)
{
	CrmLogEvent event = {.day = day, .kind = CRM_LOG_START | CRM_LOG_RETURN};

	kept->event[kept->count++] = event;
}

static void
keep_row(Kept *kept, const CrmMetric *metric, CrmDay day)
{
	CrmPlaces places = crm_places(&params);
	CrmDay	  since = metric->since(&params);

	if (day < since)
	{
		keep_event(kept, day);
		if (metric->days == NULL || since == CRM_DAY_MAX)
			return;
	}
	metric->add(kept->state, &params, crm_place(&places, &params, day));
}

static void
keep_others(Kept *kept, const CrmMetric *metric, const Kept *other)
{
	metric->merge(kept->state, other->state, &params);
	for (size_t i = 0; i < other->count; i++)
		keep_event(kept, other->event[i].day);
}

/* the rows in pieces, and these merged */
static void
keep_split(Kept *kept, const CrmMetric *metric, const Rows *r)
{
	static Kept piece[MAX_PIECES];
	int			pieces = (int) random_between(1, MAX_PIECES);

	memset(piece, 0, sizeof(piece));
	memset(kept, 0, sizeof(*kept));
	for (int i = 0; i < r->count; i++)
		keep_row(&piece[random_between(0, pieces - 1)], metric, r->day[i]);
	for (int p = pieces - 1; p >= 0; p--)
		keep_others(kept, metric, &piece[p]);
}

static int
compare_events(const void *a, const void *b)
{
	const CrmLogEvent *left = a;
	const CrmLogEvent *right = b;

	return (left->day > right->day) - (left->day < right->day);
}

/* sorted, and each day once if the log may thin them out */
static size_t
sort_events(CrmLogEvent *event, size_t count, bool distinct)
{
	size_t left = 0;

	qsort(event, count, sizeof(*event), compare_events);
	for (size_t i = 0; i < count; i++)
	{
		if (!distinct || left == 0 || event[left - 1].day != event[i].day)
			event[left++] = event[i];
	}
	return left;
}

static void
fold_kept(Kept *kept, const CrmMetric *metric)
{
	CrmDay day[CRM_METRIC_MAX_DAYS];
	size_t days = 0;

	if (kept->state[0] != 0)
	{
		if (metric->days != NULL)
			days = metric->days(kept->state, &params, day);
		for (int i = 0; days == 0 && i < alike; i++)
			metric->fold(kept->state, &params, &totals);
	}
	for (size_t i = 0; i < days; i++)
		keep_event(kept, day[i]);
	kept->count =
		sort_events(kept->event, kept->count, !metric->older->amounts);
	for (int i = 0; kept->count > 0 && i < alike; i++)
		metric->older->walk(kept->event, kept->count, &params, &totals);
}

static void
run(const CrmMetric *metric)
{
	static Kept kept;

	crm_totals_init(&totals, metric->cell_counts, metric->cell_sums);
	for (int c = 0; c < CUSTOMERS; c++)
	{
		keep_split(&kept, metric, &rows[c]);
		fold_kept(&kept, metric);
	}
	if (metric->close != NULL)
		metric->close(&params, &totals);
	crm_totals_sort(&totals);
}

/* ---- the maps ------------------------------------------------------------ */

static void
check_map(const uint32_t *map, const Rows *r)
{
	CrmDay	since = crm_periods_since(&params);
	int		words = crm_periods_words(&params);
	bool	older = false;
	int32_t before = INT32_MAX;
	int32_t age = CRM_PERIODS_ALL;

	for (int i = 0; i < r->count; i++)
		older |= r->day[i] < since;
	CHECK(crm_periods_older(map) == older, "older rows");
	CHECK(crm_periods_count(&params) <= CRM_METRIC_MAX_DAYS, "days");
	while ((age = crm_periods_next(map, words, age)) >= 0)
	{
		bool has = false;

		for (int i = 0; i < r->count; i++)
			has |= crm_periods_age(&params, r->day[i]) == age;
		CHECK(has && age < before, "period %d before that of as_of", age);
		before = age;
	}
	for (int i = 0; i < r->count; i++)
	{
		int32_t want = crm_periods_age(&params, r->day[i]);

		CHECK(r->day[i] < since
				  ? want >= crm_periods_count(&params)
				  : crm_periods_next(map, words, want + 1) == want,
			  "row %d", i);
	}
}

static void
check_maps(void)
{
	PROPERTY("a map holds the periods of its rows, whatever their order")
	for (int round = 0; round < ROUNDS; round++)
	{
		random_group();
		if (params.option == CRM_UNIT_DAY)
			continue;
		for (int c = 0; c < CUSTOMERS; c++)
		{
			uint32_t  piece[MAX_PIECES][32] = {{0}};
			CrmPlaces places = crm_places(&params);

			for (int i = 0; i < rows[c].count; i++)
				crm_periods_add(piece[random_between(0, MAX_PIECES - 1)],
								&params,
								crm_place(&places, &params, rows[c].day[i]));
			for (int p = 1; p < MAX_PIECES; p++)
				crm_periods_merge(piece[0], piece[p],
								  crm_periods_words(&params));
			check_map(piece[0], &rows[c]);
		}
	}
}

/* ---- metrics ------------------------------------------------------------- */

/* orders of a customer in a period */
static int64_t
orders_in(const Rows *r, int32_t period)
{
	int64_t orders = 0;

	for (int i = 0; i < r->count; i++)
		orders +=
			crm_period_index(r->day[i], (CrmUnit) params.option) == period;
	return orders;
}

static CrmDay
first_day(const Rows *r)
{
	CrmDay first = r->day[0];

	for (int i = 1; i < r->count; i++)
		first = r->day[i] < first ? r->day[i] : first;
	return first;
}

static void
check_cohorts(void)
{
	PROPERTY("cohorts from maps and older rows are those of the definition")
	for (int round = 0; round < ROUNDS; round++)
	{
		CrmUnit unit;
		int64_t customers = 0, cells = 0;

		random_group();
		unit = (CrmUnit) params.option;
		run(&crm_retention_cohorts);
		for (int c = 0; c < CUSTOMERS; c++)
		{
			CrmDay	first = first_day(&rows[c]);
			int32_t cohort = crm_period_index(first, unit);

			if (first < params.from || first > params.to)
				continue;
			customers += alike;
			for (int i = 0; i < rows[c].count; i++)
			{
				int32_t		   period = crm_period_index(rows[c].day[i], unit);
				const CrmCell *cell =
					crm_totals_find(&totals, cohort, period - cohort);
				int64_t active = 0;

				for (int other = 0; other < CUSTOMERS; other++)
				{
					CrmDay start = first_day(&rows[other]);

					if (start >= params.from && start <= params.to &&
						crm_period_index(start, unit) == cohort &&
						orders_in(&rows[other], period) > 0)
						active += alike;
				}
				CHECK(cell != NULL && cell->count[CRM_COHORT_ACTIVE] == active,
					  "cohort %d, period %d", cohort, period - cohort);
			}
		}
		for (size_t i = 0; i < totals.cells; i++)
			cells += crm_totals_sorted(&totals, i)->count[CRM_COHORT_ACTIVE];
		for (int c = 0; c < CUSTOMERS; c++)
		{
			CrmDay first = first_day(&rows[c]);

			for (int i = 0; i < rows[c].count; i++)
			{
				bool again = false;

				for (int k = 0; k < i; k++)
					again |= crm_period_index(rows[c].day[k], unit) ==
							 crm_period_index(rows[c].day[i], unit);
				if (!again && first >= params.from && first <= params.to)
					cells -= alike;
			}
		}
		CHECK(cells == 0, "no other cells");
		CHECK(totals.count[CRM_COHORTS_CUSTOMERS] == customers, "customers");
		crm_totals_free(&totals);
	}
}

static void
check_repurchase(void)
{
	PROPERTY("repurchase by periods is that of the definition")
	for (int round = 0; round < ROUNDS; round++)
	{
		int64_t seen = 0, orders = 0;

		random_group();
		run(&crm_repurchase_periods);
		for (size_t i = 0; i < totals.cells; i++)
		{
			const CrmCell *cell = crm_totals_sorted(&totals, i);
			int64_t		   customers = 0, repeated = 0;

			for (int c = 0; c < CUSTOMERS; c++)
			{
				customers += orders_in(&rows[c], cell->row) > 0;
				repeated += orders_in(&rows[c], cell->row) > 1;
				seen += orders_in(&rows[c], cell->row);
			}
			CHECK(customers > 0 &&
					  cell->count[CRM_REPURCHASE_PERIOD_CUSTOMERS] ==
						  customers * alike &&
					  cell->count[CRM_REPURCHASE_PERIOD_REPEATED] ==
						  repeated * alike,
				  "period %d", cell->row);
		}
		for (int c = 0; c < CUSTOMERS; c++)
			orders += rows[c].count;
		CHECK(seen == orders, "all rows lie in these periods");
		crm_totals_free(&totals);
	}
}

static void
check_growth(void)
{
	PROPERTY("growth from maps and older rows is that of the definition")
	for (int round = 0; round < ROUNDS / 100; round++)
	{
		CrmUnit unit;

		random_group();
		unit = (CrmUnit) params.option;
		if (unit < CRM_UNIT_MONTH)
			params.option = unit = CRM_UNIT_QUARTER;
		run(&crm_growth);
		for (size_t i = 0; i < totals.cells; i++)
		{
			const CrmCell *cell = crm_totals_sorted(&totals, i);
			int32_t		   period = cell->row;
			int64_t		   want[4] = {0};

			for (int c = 0; c < CUSTOMERS; c++)
			{
				bool now = orders_in(&rows[c], period) > 0;
				bool last = orders_in(&rows[c], period - 1) > 0;
				bool born =
					crm_period_index(first_day(&rows[c]), unit) == period;

				want[CRM_GROWTH_NEW] += born ? alike : 0;
				want[CRM_GROWTH_RETURNING] += now && last ? alike : 0;
				want[CRM_GROWTH_RESURRECTED] +=
					now && !last && !born ? alike : 0;
				want[CRM_GROWTH_DORMANT] += last && !now ? alike : 0;
			}
			CHECK(memcmp(cell->count, want, sizeof(want)) == 0, "period %d",
				  period);
		}
		CHECK(totals.count[CRM_VALUE_CUSTOMERS] == (int64_t) CUSTOMERS * alike,
			  "customers");
		crm_totals_free(&totals);
	}
}

int
main(void)
{
	check_maps();
	check_cohorts();
	check_repurchase();
	check_growth();
	return done();
}
