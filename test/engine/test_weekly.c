/*
 * test_weekly.c
 *		Weekly figures and counts by stage and day against counting each week
 *		and each day anew, of random customers.
 *
 * The oracle keeps the rows as they were given and looks at those it needs:
 * for a week those up to the Sunday before, with the clocks at the Monday; for
 * a day those up to its end.
 */
#include <stdlib.h>

#include "engine/model_tree.h"
#include "engine/purchase_metric.h"
#include "engine/weekly.h"
#include "tap.h"

#define CUSTOMERS 6
#define MAX_ROWS 24
#define MAX_WEEKS 90
#define ROUNDS 700

typedef struct Row
{
	CrmEventKind kind;
	CrmDay		 day;
	bool		 has_amount;
	int64_t		 cents;
} Row;

typedef struct Customer
{
	Row	   rows[MAX_ROWS];
	int	   count;
	CrmDay known_since;
	int	   segment;
} Customer;

static Customer customers[CUSTOMERS];
static int		customer_count;
static CrmDay	first; /* a Monday */
static int		weeks;

/* ---- the model, and the same by hand ------------------------------------- */

enum
{
	OFTEN,
	BURST,
	FRESH,
	RECENT,
	BROWSING,
	OLD,
	NAMED,
	UNCLASSIFIED = NAMED,
	UNKNOWN
};

static CrmNode *
below(CrmNode *left, int64_t value)
{
	return crm_node_compare(CRM_LESS, left, crm_node_int(CRM_TYPE_INT4, value));
}

static CrmNode *
above(CrmNode *left, int64_t value)
{
	return crm_node_compare(CRM_GREATER, left,
							crm_node_int(CRM_TYPE_INT4, value));
}

/* a threshold that differs by segment */
#define SEGMENTS 2
static const int recent_days[SEGMENTS] = {100, 61};

static CrmModel *
sample_model(int segment)
{
	static const char *const stages[] = {"often",  "burst",	   "fresh",
										 "recent", "browsing", "old"};
	CrmNode				   **args = crm_alloc(sizeof(CrmNode *) * 12);
	CrmNode				   **both = crm_alloc(sizeof(CrmNode *) * 2);

	both[0] = above(crm_node_fact(CRM_FACT_ORDERS), 2);
	both[1] = below(crm_node_fact(CRM_FACT_DAYS_SINCE_ORDER), 50);
	args[0] = crm_node_logic(CRM_NODE_AND, both, 2);
	args[1] = crm_node_stage(OFTEN);
	args[2] = above(crm_node_window(CRM_FACT_ORDERS_IN, 30), 1);
	args[3] = crm_node_stage(BURST);
	args[4] = below(crm_node_fact(CRM_FACT_DAYS_SINCE_ORDER), 20);
	args[5] = crm_node_stage(FRESH);
	args[6] =
		below(crm_node_fact(CRM_FACT_DAYS_SINCE_ORDER), recent_days[segment]);
	args[7] = crm_node_stage(RECENT);
	args[8] = below(crm_node_fact(CRM_FACT_DAYS_SINCE_VISIT), 10);
	args[9] = crm_node_stage(BROWSING);
	args[10] = above(crm_node_fact(CRM_FACT_ORDERS), 0);
	args[11] = crm_node_stage(OLD);
	return crm_model_compile(crm_node_case(NULL, args, 12, false), stages,
							 NAMED);
}

static bool
is_order(const Row *row)
{
	return row->kind == CRM_EVENT_ORDER &&
		   (!row->has_amount || row->cents >= 0);
}

/* orders of the days from..to, and the last of them */
static int
orders_between(const Customer *customer, int64_t from, int64_t to,
			   int64_t *last)
{
	int count = 0;

	*last = INT64_MIN / 2;
	for (int i = 0; i < customer->count; i++)
	{
		const Row *row = &customer->rows[i];

		if (!is_order(row) || row->day < from || row->day > to)
			continue;
		count++;
		if (row->day > *last)
			*last = row->day;
	}
	return count;
}

static int64_t
last_visit(const Customer *customer, int64_t to)
{
	int64_t last = INT64_MIN / 2;

	for (int i = 0; i < customer->count; i++)
		if (customer->rows[i].kind == CRM_EVENT_VISIT &&
			customer->rows[i].day <= to && customer->rows[i].day > last)
			last = customer->rows[i].day;
	return last;
}

/* the stage on a day, by what was known at the end of another */
static int
stage_by_hand(const Customer *customer, CrmDay known, CrmDay day)
{
	int64_t last;
	int64_t unused;
	int		orders = orders_between(customer, INT32_MIN, known, &last);

	if (customer->known_since > known)
		return UNKNOWN;
	if (orders > 2 && day - last < 50)
		return OFTEN;
	if (orders_between(customer, (int64_t) day - 29, known, &unused) > 1)
		return BURST;
	if (day - last < 20)
		return FRESH;
	if (day - last < recent_days[customer->segment])
		return RECENT;
	if (day - last_visit(customer, known) < 10)
		return BROWSING;
	return orders > 0 ? OLD : UNCLASSIFIED;
}

static CrmLoyalty
loyalty_by_hand(const Customer *customer, CrmDay monday)
{
	int64_t unused;
	int		orders =
		orders_between(customer, INT32_MIN, (int64_t) monday - 1, &unused);

	return orders == 0	 ? CRM_LOYALTY_NONE
		   : orders == 1 ? CRM_LOYALTY_NEW
						 : CRM_LOYALTY_RETURNING;
}

/* ---- random customers ----------------------------------------------------- */

static CrmDay
random_day(CrmDay base, int reach)
{
	/* days on which a clock of the bands or the model runs over, too */
	static const int edges[] = {0, 7, 44, 45, 46, 89, 90, 139, 140, 365};

	if (random_chance(0.3))
		return base + edges[random_between(0, 9)];
	return base + (CrmDay) random_between(0, reach);
}

static void
random_customer(Customer *customer, CrmDay base, int reach)
{
	customer->count = (int) random_between(0, MAX_ROWS);
	customer->known_since = CRM_ALWAYS;
	customer->segment = (int) random_between(0, SEGMENTS - 1);
	for (int i = 0; i < customer->count; i++)
	{
		Row *row = &customer->rows[i];

		row->kind = random_chance(0.75) ? CRM_EVENT_ORDER : CRM_EVENT_VISIT;
		row->day = random_day(base, reach);
		row->has_amount = random_chance(0.9);
		row->cents = random_between(-3, 9) * 100 + random_between(0, 99);
		if (customer->known_since == CRM_ALWAYS ||
			row->day < customer->known_since)
			customer->known_since = row->day;
	}
	if (random_chance(0.15))
		customer->known_since = CRM_ALWAYS;
	else if (random_chance(0.2) && customer->count > 0)
		customer->known_since -= (CrmDay) random_between(0, 30);
}

static void
random_group(void)
{
	CrmDay base = (CrmDay) random_between(-3000, 9000);
	int	   reach = (int) random_between(1, random_chance(0.3) ? 20 : 500);
	CrmDay start = base;

	customer_count = (int) random_between(1, CUSTOMERS);
	for (int c = 0; c < customer_count; c++)
	{
		random_customer(&customers[c], base, reach);
		if (customers[c].known_since != CRM_ALWAYS &&
			customers[c].known_since < start)
			start = customers[c].known_since;
	}
	/* now and then the first weeks are cut off */
	if (random_chance(0.3))
		start += (CrmDay) random_between(0, 200);
	first = crm_period_start(start, CRM_UNIT_WEEK);
	weeks = (int) random_between(1, MAX_WEEKS);
}

/* ---- the figures ----------------------------------------------------------- */

static void
fill(CrmHistory *history, CrmPurchases *list, const Customer *customer)
{
	crm_history_init(history);
	crm_purchases_init(list, false);
	for (int i = 0; i < customer->count; i++)
	{
		const Row *row = &customer->rows[i];
		int64_t	   at = row->day * CRM_USECS_PER_DAY;
		CrmMoney   amount = crm_money_from_parts(row->cents, 2);

		if (row->kind == CRM_EVENT_VISIT)
		{
			crm_history_add_visits(history, at, 1);
			crm_purchases_add_visits(list, row->day, 1);
			continue;
		}
		crm_history_add_order(history, at, row->has_amount ? &amount : NULL,
							  false);
		crm_purchases_add_order(list, at, row->has_amount ? &amount : NULL);
	}
}

/* as the stage table keeps it, or as the sources have it */
static void
add_customer(CrmWeekly *weekly, CrmDaily *daily, CrmDaily *alone,
			 const Customer *customer, const CrmModel *model)
{
	CrmHistory		history;
	CrmPurchases	list;
	CrmPurchaseView view;
	uint8_t		   *bytes;
	size_t			size;
	CrmDay			earliest = INT32_MAX;

	fill(&history, &list, customer);
	size = crm_purchases_encode(&list, NULL, 0);
	bytes = crm_alloc(size);
	crm_purchases_encode(&list, bytes, size);
	crm_purchases_open(&view, bytes, size);
	for (int i = 0; i < customer->count; i++)
		if (customer->rows[i].day < earliest)
			earliest = customer->rows[i].day;
	/* what a customer is known by may not be in the history any more */
	if (customer->known_since != earliest || random_chance(0.5))
		crm_history_add_registration(&history, CRM_NO_TIME);
	crm_history_finish(&history);
	crm_weekly_add(weekly, &view, &history, customer->known_since, model,
				   daily);
	crm_daily_add(alone, &history, customer->known_since, model);
	crm_history_free(&history);
	crm_purchases_free(&list);
	crm_free(bytes);
}

/* ---- the oracle ------------------------------------------------------------ */

typedef struct Cell
{
	int64_t members;
	int64_t buyers;
	int64_t orders;
	int64_t cents;
} Cell;

typedef struct Week
{
	Cell		band[CRM_BANDS][CRM_LOYALTIES];
	Cell		stage[UNKNOWN + 1][CRM_LOYALTIES];
	CrmWeekPair recent[CRM_LOYALTIES];
	CrmWeekPair matured;
	int64_t		flow[UNKNOWN + 1][UNKNOWN + 1][CRM_LOYALTIES];
} Week;

static int
band_by_hand(int orders, int64_t days)
{
	static const int from[] = {0, 45, 90, 140, 365};
	int				 band = CRM_BAND_NONE;

	for (int i = 0; orders > 0 && i < 5; i++)
		if (days >= from[i])
			band = i;
	return band;
}

static void
add_week(Cell *cell, const Customer *customer, CrmDay monday)
{
	int64_t unused;
	int		orders =
		orders_between(customer, monday, (int64_t) monday + 6, &unused);

	cell->members++;
	cell->buyers += orders > 0;
	cell->orders += orders;
	for (int i = 0; i < customer->count; i++)
	{
		const Row *row = &customer->rows[i];

		if (row->kind == CRM_EVENT_ORDER && row->has_amount &&
			row->day >= monday && row->day <= monday + 6)
			cell->cents += row->cents;
	}
}

static void
add_second(Week *week, const Customer *customer, CrmDay monday)
{
	int64_t sunday = (int64_t) monday + 6;
	int64_t order_day = INT64_MAX;
	int64_t unused;
	int		count = orders_between(customer, sunday - 44, sunday, &unused);
	bool	again = false;

	for (int i = 0; i < customer->count; i++)
		if (is_order(&customer->rows[i]) && customer->rows[i].day < order_day)
			order_day = customer->rows[i].day;
	if (order_day == INT64_MAX)
		return;
	if (count > 0)
	{
		CrmWeekPair *pair =
			&week->recent[order_day >= sunday - 44 ? CRM_LOYALTY_NEW
												   : CRM_LOYALTY_RETURNING];

		pair->customers++;
		pair->again += count > 1;
	}
	for (int i = 0; i < customer->count; i++)
		again |= is_order(&customer->rows[i]) &&
				 customer->rows[i].day > order_day &&
				 customer->rows[i].day <= order_day + 45;
	if (order_day + 45 < monday || order_day + 45 > sunday)
		return;
	week->matured.customers++;
	/* the second one may come after the weeks that are counted */
	week->matured.again += again;
}

static void
look_at_week(Week *week, CrmDay monday)
{
	memset(week, 0, sizeof(*week));
	for (int c = 0; c < customer_count; c++)
	{
		const Customer *customer = &customers[c];
		CrmLoyalty		loyalty = loyalty_by_hand(customer, monday);
		int64_t			last;
		int				orders =
			orders_between(customer, INT32_MIN, (int64_t) monday - 1, &last);
		int from = stage_by_hand(customer, monday - 1, monday);
		int to = stage_by_hand(customer, monday + 6, monday + 7);

		add_week(&week->band[band_by_hand(orders, monday - last)][loyalty],
				 customer, monday);
		add_week(&week->stage[from][loyalty], customer, monday);
		week->flow[from][to][loyalty]++;
		add_second(week, customer, monday);
	}
}

/* ---- comparing -------------------------------------------------------------- */

static bool
same_cell(const CrmWeekCell *cell, const Cell *expected, bool members)
{
	CrmMoney cents = crm_money_from_parts(expected->cents, 2);

	return (!members || cell->members == expected->members) &&
		   cell->buyers == expected->buyers &&
		   cell->orders == expected->orders &&
		   crm_money_cmp(cell->revenue, cents) == 0;
}

static void
check_week(const CrmWeekly *weekly, int week)
{
	Week   expected;
	CrmDay monday = first + 7 * week;

	look_at_week(&expected, monday);
	for (int loyalty = 0; loyalty < CRM_LOYALTIES; loyalty++)
	{
		for (int band = 0; band < CRM_BANDS; band++)
			CHECK(same_cell(crm_weekly_band(weekly, week, band, loyalty),
							&expected.band[band][loyalty],
							band != CRM_BAND_NONE),
				  "week %d band %d loyalty %d", week, band, loyalty);
		for (int stage = 0; stage <= UNKNOWN; stage++)
			CHECK(same_cell(crm_weekly_stage(weekly, week, stage, loyalty),
							&expected.stage[stage][loyalty], stage != UNKNOWN),
				  "week %d stage %d loyalty %d", week, stage, loyalty);
		if (loyalty != CRM_LOYALTY_NONE)
			CHECK(memcmp(&weekly->recent[week * CRM_LOYALTIES + loyalty],
						 &expected.recent[loyalty], sizeof(CrmWeekPair)) == 0,
				  "week %d recent %d", week, loyalty);
		for (int i = 0; i < UNKNOWN * (UNKNOWN + 1); i++)
		{
			int from = i % (UNKNOWN + 1);
			int to = i / (UNKNOWN + 1);

			CHECK(*crm_weekly_flow(weekly, week, from, to, loyalty) ==
					  expected.flow[from][to][loyalty],
				  "week %d flow %d %d loyalty %d", week, from, to, loyalty);
		}
	}
	CHECK(weekly->matured[week].customers == expected.matured.customers,
		  "week %d matured", week);
}

/* the second day of orders counts whenever it is known: within the weeks */
static void
check_matured(const CrmWeekly *weekly)
{
	int64_t end = (int64_t) first + 7 * weeks;

	for (int week = 0; week < weeks; week++)
	{
		Week expected;

		look_at_week(&expected, first + 7 * week);
		if ((int64_t) first + 7 * week + 7 + 45 < end)
			CHECK(weekly->matured[week].again == expected.matured.again,
				  "week %d matured again", week);
	}
}

static void
count_day(int64_t *count, CrmDay day)
{
	memset(count, 0, sizeof(int64_t) * UNKNOWN);
	for (int c = 0; c < customer_count; c++)
	{
		int stage = stage_by_hand(&customers[c], day, day);

		if (stage != UNKNOWN)
			count[stage]++;
	}
}

static void
check_days(const CrmDaily *daily, const char *what)
{
	int64_t count[UNKNOWN];
	int64_t expected[UNKNOWN];

	count_day(count, daily->last);
	for (CrmDay day = daily->last; day > daily->first; day--)
	{
		crm_daily_back(daily, day, count);
		count_day(expected, day - 1);
		CHECK(memcmp(count, expected, sizeof(count)) == 0,
			  "%s: day %d of %d..%d", what, day - 1, daily->first, daily->last);
	}
}

static void
check_round(CrmModel *const *models)
{
	CrmWeekly weekly;
	CrmDaily  daily;
	CrmDaily  alone;
	CrmDay	  from = first + (CrmDay) random_between(0, 7 * weeks);
	/* the days may go on for longer than the weeks */
	CrmDay last = first + 7 * weeks + (CrmDay) random_between(0, 20);

	crm_weekly_init(&weekly, first, weeks, models[0]);
	crm_daily_init(&daily, from, last, models[0]);
	crm_daily_init(&alone, from, last, models[0]);
	for (int c = 0; c < customer_count; c++)
		add_customer(&weekly, &daily, &alone, &customers[c],
					 models[customers[c].segment]);
	crm_weekly_finish(&weekly);
	for (int week = 0; week < weeks; week++)
		check_week(&weekly, week);
	check_matured(&weekly);
	check_days(&daily, "beside the weeks");
	check_days(&alone, "alone");
	crm_weekly_free(&weekly);
	crm_daily_free(&daily);
	crm_daily_free(&alone);
}

int
main(void)
{
	PROPERTY("weekly figures and counts by day are those of counting anew")
	{
		CrmModel *models[SEGMENTS];

		for (int segment = 0; segment < SEGMENTS; segment++)
			models[segment] = sample_model(segment);

		for (int round = 0; round < ROUNDS; round++)
		{
			random_group();
			check_round(models);
		}
	}
	return done();
}
