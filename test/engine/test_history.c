/*
 * test_history.c
 *		Steps, stretches and replays against counting each day anew.
 *
 * The oracle keeps the rows as they were given, looks at those up to the end
 * of a day and counts; stages are evaluated day by day.
 */
#include <stdlib.h>

#include "engine/history.h"
#include "engine/model_tree.h"
#include "random_customer.h"
#include "random_model.h"
#include "tap.h"

static void
check_day(const CrmHistory *history, const Customer *customer, CrmDay day)
{
	Found		   want = look(customer, INT32_MIN, day);
	const CrmStep *step = crm_history_step(history, day);

	CHECK((step != NULL) == want.known, "day %d: known", day);
	if (step == NULL)
		return;
	CHECK(step->facts.orders == want.orders, "day %d: orders %d, not %d", day,
		  (int) step->facts.orders, (int) want.orders);
	CHECK(step->facts.order_days == want.order_days, "day %d: order days", day);
	CHECK(cents_are(step->facts.revenue, want.cents), "day %d: revenue", day);
	CHECK(step->first_order_at == want.first_at, "day %d: first order", day);
	CHECK(step->last_order_at == want.last_at, "day %d: last order", day);
	CHECK(step->last_visit_at == want.visit_at, "day %d: visit", day);
	CHECK(step->registered_at == want.registered_at, "day %d: registered", day);
	CHECK(step->facts.first_order == day_or_never(want.first_at) &&
			  step->facts.last_order == day_or_never(want.last_at) &&
			  step->facts.last_visit == day_or_never(want.visit_at) &&
			  step->facts.registered == day_or_never(want.registered_at),
		  "day %d: days", day);
	CHECK(want.orders != 1 || cents_are(step->first_amount, want.only_cents),
		  "day %d: amount of the only order", day);
}

static void
check_window(CrmHistory *history, const Customer *customer)
{
	CrmDay	 day = (CrmDay) random_between(FIRST_DAY, LAST_DAY);
	CrmDay	 after = (CrmDay) random_between(FIRST_DAY, day);
	Found	 want = look(customer, after, day);
	int64_t	 orders;
	CrmMoney revenue;
	CrmDay	 first = crm_history_first_in(history, after, day);
	CrmDay	 expected = CRM_NO_DAY;

	crm_history_window(history, after, day, &orders, &revenue);
	CHECK(orders == want.orders && cents_are(revenue, want.cents),
		  "window (%d, %d]", after, day);
	for (int i = 0; i < customer->count; i++)
	{
		CrmDay on = crm_day_of_local(customer->rows[i].at);

		if (customer->rows[i].kind == CRM_EVENT_ORDER && on > after &&
			on <= day && (expected == CRM_NO_DAY || on < expected))
			expected = on;
	}
	CHECK(first == expected, "first row in (%d, %d]", after, day);
}

/* ----- stages ----- */

static CrmNode *
clock_below(CrmFact clock, int days)
{
	return crm_node_compare(CRM_LESS, crm_node_fact(clock),
							crm_node_int(CRM_TYPE_INT4, days));
}

static CrmNode *
window_above(CrmFact window, int days, int value)
{
	return crm_node_compare(CRM_GREATER, crm_node_window(window, days),
							crm_node_int(CRM_TYPE_INT4, value));
}

/*
 * Orders, visits and registration all count, every clock can flip it, and what
 * leaves a window.
 */
static CrmModel *
sample_model(void)
{
	static const char *const stages[] = {"loyal", "fresh", "browsing", "member",
										 "rich",  "seen",  "frequent", "old"};
	CrmNode				   **args = crm_alloc(sizeof(CrmNode *) * 15);
	CrmNode				   **both = crm_alloc(sizeof(CrmNode *) * 2);

	both[0] = crm_node_compare(CRM_GREATER, crm_node_fact(CRM_FACT_ORDER_DAYS),
							   crm_node_int(CRM_TYPE_INT4, 2));
	both[1] = clock_below(CRM_FACT_DAYS_SINCE_ORDER, 20);
	args[0] = crm_node_logic(CRM_NODE_AND, both, 2);
	args[1] = crm_node_stage(0);
	args[2] = window_above(CRM_FACT_ORDERS_IN, 14, 1);
	args[3] = crm_node_stage(6);
	args[4] = clock_below(CRM_FACT_DAYS_SINCE_ORDER, 9);
	args[5] = crm_node_stage(1);
	args[6] = clock_below(CRM_FACT_DAYS_SINCE_VISIT, 5);
	args[7] = crm_node_stage(2);
	args[8] = window_above(CRM_FACT_REVENUE_IN, 40, 5);
	args[9] = crm_node_stage(4);
	args[10] = window_above(CRM_FACT_VISITS_IN, 25, 1);
	args[11] = crm_node_stage(5);
	args[12] = clock_below(CRM_FACT_DAYS_SINCE_REGISTERED, 31);
	args[13] = crm_node_stage(3);
	args[14] = crm_node_stage(7);
	return crm_model_compile(crm_node_case(NULL, args, 15, true), stages, 8);
}

/* the same by hand */
static int
stage_by_counting(const Customer *customer, CrmDay day)
{
	Found	all = look(customer, INT32_MIN, day);
	int64_t order = day - (int64_t) day_or_never(all.last_at);

	if (!all.known)
		return CRM_ABSENT;
	if (all.order_days > 2 && order < 20)
		return 0;
	if (look(customer, day - 14, day).orders > 1)
		return 6;
	if (order < 9)
		return 1;
	if (day - (int64_t) day_or_never(all.visit_at) < 5)
		return 2;
	if (look(customer, day - 40, day).cents > 500)
		return 4;
	if (look(customer, day - 25, day).visits > 1)
		return 5;
	return day - (int64_t) day_or_never(all.registered_at) < 31 ? 3 : 7;
}

static void
check_stretch(const CrmHistory *history, const Customer *customer,
			  const CrmModel *model, CrmDay day)
{
	CrmStretch stretch = crm_history_stretch(history, model, day);
	int		   stage = stage_by_counting(customer, day);
	CrmDay	   since = day;

	CHECK(stretch.stage == stage, "day %d: stage", day);
	if (stage == CRM_ABSENT)
		return;
	while (since > FIRST_DAY && stage_by_counting(customer, since - 1) == stage)
		since--;
	if (since == FIRST_DAY)
	{
		CHECK(customer->always && stretch.since == CRM_NO_DAY,
			  "day %d: has always held", day);
		return;
	}
	CHECK(stretch.since == since, "day %d: since %d, not %d", day,
		  stretch.since, since);
	CHECK(stretch.previous == stage_by_counting(customer, since - 1),
		  "day %d: previous", day);
}

typedef struct Told
{
	CrmDay days[LAST_DAY - FIRST_DAY + 1];
	int	   from[LAST_DAY - FIRST_DAY + 1];
	int	   to[LAST_DAY - FIRST_DAY + 1];
	bool   by_event[LAST_DAY - FIRST_DAY + 1];
	int	   count;
} Told;

static void
hear(void *context, CrmDay day, int from_stage, int to_stage, bool by_event)
{
	Told *told = context;

	told->days[told->count] = day;
	told->from[told->count] = from_stage;
	told->to[told->count] = to_stage;
	told->by_event[told->count++] = by_event;
}

static void
check_replay(const CrmHistory *history, const Customer *customer,
			 const CrmModel *model)
{
	CrmDay from = (CrmDay) random_between(FIRST_DAY, LAST_DAY);
	CrmDay to = (CrmDay) random_between(from, LAST_DAY);
	Told   told = {.count = 0};
	int	   heard = 0;

	crm_history_replay(history, model, from, to, hear, &told);
	for (CrmDay day = from + 1; day <= to; day++)
	{
		int before = stage_by_counting(customer, day - 1);
		int after = stage_by_counting(customer, day);

		if (before == after)
			continue;
		CHECK(heard < told.count && told.days[heard] == day &&
				  told.from[heard] == before && told.to[heard] == after &&
				  told.by_event[heard] == something_happens(customer, day),
			  "replay (%d, %d]: day %d", from, to, day);
		heard++;
	}
	CHECK(heard == told.count, "replay (%d, %d]: %d changes, not %d", from, to,
		  told.count, heard);
}

/* the days of that kind up to a day, as a text */
static void
days_by_counting(const Customer *customer, CrmDay day, bool visits, char *text)
{
	*text = '\0';
	for (CrmDay on = FIRST_DAY; on <= day; on++)
	{
		bool	found = false;
		int64_t net;

		for (int order = 0; order < customer->orders; order++)
		{
			int64_t at = order_time(customer, order, day, &net);

			found |= at != CRM_NO_TIME && crm_day_of_local(at) == on;
		}
		for (int i = 0; visits && i < customer->count; i++)
			found |= customer->rows[i].kind == CRM_EVENT_VISIT &&
					 crm_day_of_local(customer->rows[i].at) == on;
		if (found)
			text += sprintf(text, " %d", on);
	}
}

static void
check_active_days(CrmHistory *history, const Customer *customer)
{
	CrmDay day = (CrmDay) random_between(FIRST_DAY, LAST_DAY);
	CrmDay days[2][MAX_ROWS];
	int	   count[2];

	crm_history_days(history, day, days[0], &count[0], days[1], &count[1]);
	for (int kind = 0; kind < 2; kind++)
	{
		char  want[MAX_ROWS * 8];
		char  got[MAX_ROWS * 8] = "";
		char *to = got;

		days_by_counting(customer, day, kind == 1, want);
		for (int i = 0; i < count[kind]; i++)
			to += sprintf(to, " %d", days[kind][i]);
		CHECK(strcmp(got, want) == 0, "%s days up to %d:%s, not%s",
			  kind == 1 ? "active" : "order", day, got, want);
	}
}

static void
check_customers(bool keyed)
{
	for (int i = 0; i < 400; i++)
	{
		Customer   customer;
		CrmHistory history;

		random_customer(&customer, keyed);
		fill_history(&history, &customer);
		for (CrmDay day = FIRST_DAY; day <= LAST_DAY; day++)
			check_day(&history, &customer, day);
		check_window(&history, &customer);
		check_active_days(&history, &customer);
		crm_history_free(&history);
	}
}

static void
check_stages(bool keyed)
{
	CrmModel *model = sample_model();

	for (int i = 0; i < 150; i++)
	{
		Customer   customer;
		CrmHistory history;

		random_customer(&customer, keyed);
		fill_history(&history, &customer);
		for (int j = 0; j < 20; j++)
			check_stretch(&history, &customer, model,
						  (CrmDay) random_between(FIRST_DAY, LAST_DAY));
		check_replay(&history, &customer, model);
		crm_history_free(&history);
	}
}

/* ----- what is to come ----- */

#define AHEAD 1100

/* the stage of each day after `day`, -1 where the model raises an error */
static void
stages_by_day(const CrmHistory *history, const CrmModel *model, CrmDay day,
			  int *stages)
{
	for (int i = 0; i <= AHEAD; i++)
	{
		const CrmStep *step = crm_history_step(history, day + i);

		stages[i] = crm_model_try(model, &step->facts, day + i);
	}
}

/*
 * A stage table looks at a customer again on the day of the next event, or on
 * that of the next change if nothing happens: till then the stage holds.
 */
static void
check_due(const CrmHistory *history, const CrmModel *model, CrmDay day,
		  const int *stages)
{
	const CrmStep *step = crm_history_step(history, day);
	CrmDay		   event = crm_history_next_event(history, day);
	CrmDay		   until = event == CRM_NO_DAY ? day + AHEAD : event - 1;
	CrmDay		   changes_on;
	CrmDay		   first = CRM_NO_DAY;
	int			   next;
	bool found = crm_model_next(model, &step->facts, day, &changes_on, &next);

	for (CrmDay d = day + 1; d <= until && first == CRM_NO_DAY; d++)
		if (stages[d - day] >= 0 && stages[d - day] != stages[0])
			first = d;
	if (first != CRM_NO_DAY)
		CHECK(found && changes_on == first && next == stages[first - day],
			  "due on %d, not %d", changes_on, first);
	else
		CHECK(!found || changes_on > until, "due on %d, before %d", changes_on,
			  until);
}

typedef struct Replayed
{
	const int *stages;
	CrmDay	   first; /* of stages[0] */
	CrmDay	   day;
	int		   stage;
} Replayed;

static void
check_replayed(void *context, CrmDay day, int from_stage, int to_stage,
			   bool by_event)
{
	Replayed *replayed = context;

	CHECK(from_stage == replayed->stage, "a change from another stage");
	for (CrmDay d = replayed->day; d < day; d++)
		CHECK(replayed->stages[d - replayed->first] == replayed->stage,
			  "no change on %d", d);
	CHECK(replayed->stages[day - replayed->first] == to_stage,
		  "to another one");
	replayed->day = day;
	replayed->stage = to_stage;
}

static void
check_replay_ahead(const CrmHistory *history, const CrmModel *model, CrmDay day,
				   const int *stages)
{
	Replayed replayed = {stages, day, day, stages[0]};

	for (int i = 0; i <= AHEAD; i++)
		if (stages[i] < 0)
			return;
	crm_history_replay(history, model, day, day + AHEAD, check_replayed,
					   &replayed);
	for (CrmDay d = replayed.day; d <= day + AHEAD; d++)
		CHECK(stages[d - day] == replayed.stage, "no change on %d", d);
}

static void
check_random_model(bool keyed)
{
	static int stages[AHEAD + 1];
	CrmModel  *model = random_model_compile(random_model());
	Customer   customer;
	CrmHistory history;
	CrmDay	   day = (CrmDay) random_between(FIRST_DAY + 10, LAST_DAY);

	random_customer(&customer, keyed);
	fill_history(&history, &customer);
	if (crm_history_step(&history, day) != NULL)
	{
		stages_by_day(&history, model, day, stages);
		if (stages[0] >= 0)
			check_due(&history, model, day, stages);
		check_replay_ahead(&history, model, day, stages);
	}
	host_free_all();
}

int
main(void)
{
	PROPERTY("each day's facts, one row an order")
	check_customers(false);
	PROPERTY("each day's facts, rows netted by order")
	check_customers(true);
	PROPERTY("stretches and replays, one row an order")
	check_stages(false);
	PROPERTY("stretches and replays, rows netted by order")
	check_stages(true);
	PROPERTY("what is to come, for random models and every day of three years")
	for (int i = 0; i < 10000; i++)
		check_random_model(i % 2 == 0);
	return done();
}
