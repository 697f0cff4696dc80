/*
 * test_model.c
 *		Compiled models against an interpreter that walks their tree, and next,
 *		since and schedule against every single day.
 *
 * The interpreter is the definition: it computes every operand, knows nothing
 * of jumps, ladders, bounds or slots, and decides AND, OR and CASE as SQL does.
 * Windows are counted event by event, some of them refunds and orders that came
 * to count, or ceased to, after their own day.
 * (That the definition is PostgreSQL's is tested in the server.)
 */
#include "engine/model_tree.h"

#include "random_model.h"
#include "tap.h"

#define TODAY 8835 /* 2024-03-10 */

/* ---- what happened ---- */

#define MAX_EVENTS 12

typedef struct Event
{
	CrmDay	known_on;
	CrmDay	own; /* of the order */
	int64_t orders;
	int64_t cents;
	int64_t visits;
} Event;

static Event		events[MAX_EVENTS];
static int			event_count;
static CrmFacts		known[MAX_EVENTS]; /* after each of them */
static CrmLateOrder late[MAX_EVENTS];
static CrmTimeline	timeline;

static void
random_event(Event *event, CrmDay known_on)
{
	*event = (Event){.known_on = known_on, .own = known_on};
	if (random_chance(0.3))
		event->visits = random_between(1, 3);
	if (random_chance(0.7))
	{
		event->orders = random_chance(0.8) ? 1 : -1;
		event->cents = random_between(-5000, 20000);
		if (event->orders < 0 || random_chance(0.2))
			event->own -= (CrmDay) random_between(0, 200);
	}
}

/* the facts of one of the events' days; the later ones are not known */
static void
random_past(CrmFacts *facts)
{
	CrmDay day = TODAY - (CrmDay) random_between(0, 900);
	int	   at = (int) random_between(0, MAX_EVENTS - 1);

	event_count = 0;
	timeline =
		(CrmTimeline){.first = known, .stride = sizeof(CrmFacts), .late = late};
	facts->orders = 0;
	facts->visits = 0;
	facts->revenue = crm_money_from_int64(0);
	facts->timeline = &timeline;
	for (int i = 0; i < MAX_EVENTS; i++)
	{
		Event *event = &events[event_count++];

		random_event(event, day);
		facts->known_on = day;
		facts->orders += event->orders;
		facts->visits += event->visits;
		facts->revenue = crm_money_add(facts->revenue,
									   crm_money_from_parts(event->cents, 2));
		if (event->orders != 0 && event->own != event->known_on)
			late[timeline.late_count++] =
				(CrmLateOrder){event->own, day, (int) event->orders};
		known[timeline.count++] = *facts;
		day += (CrmDay) random_between(1, 100);
	}
	while (at > 0 && known[at].known_on > TODAY)
		at--;
	*facts = known[at];
	if (facts->known_on > TODAY)
		facts->known_on = TODAY;
}

static int64_t
in_window(const CrmFacts *facts, CrmFact fact, int64_t days, CrmDay day)
{
	int64_t sum = 0;

	for (int i = 0; i < event_count; i++)
	{
		const Event *event = &events[i];
		bool		 is_order = fact == CRM_FACT_ORDERS_IN;

		if (event->known_on > facts->known_on ||
			(is_order ? event->own : event->known_on) <= day - days)
			continue;
		sum += is_order						 ? event->orders
			   : fact == CRM_FACT_REVENUE_IN ? event->cents
											 : event->visits;
	}
	return sum;
}

/* ---- the interpreter ---- */

typedef struct Value
{
	bool	 failed;
	bool	 null;
	int64_t	 number; /* of int and bool; the index of a stage */
	CrmMoney money;	 /* of every number */
} Value;

typedef struct World
{
	const CrmFacts *facts;
	CrmDay			day;
} World;

static Value interpret(const World *world, const CrmNode *node);

static Value
of_int(int64_t number)
{
	Value value = {.number = number, .money = crm_money_from_int64(number)};

	return value;
}

static Value
failure(void)
{
	Value value = {.failed = true};

	return value;
}

static Value
unknown(void)
{
	Value value = {.null = true};

	return value;
}

static Value
clock_value(const World *world, CrmDay start)
{
	return start == CRM_NO_DAY ? unknown() : of_int(world->day - start);
}

static Value
window_value(const World *world, const CrmNode *node)
{
	int64_t sum = in_window(world->facts, node->fact, node->value, world->day);
	Value	value = {.money = crm_money_from_parts(sum, 2)};

	if (world->facts->timeline == NULL)
		return unknown();
	return node->fact == CRM_FACT_REVENUE_IN ? value : of_int(sum);
}

static Value
fact_value(const World *world, const CrmNode *node)
{
	const CrmFacts *facts = world->facts;
	CrmFact			fact = node->fact;
	Value			value = {.money = facts->revenue};

	if (crm_fact_is_window(fact))
		return window_value(world, node);

	switch (fact)
	{
		case CRM_FACT_ORDERS:
			return of_int(facts->orders);
		case CRM_FACT_ORDER_DAYS:
			return facts->order_days_known ? of_int(facts->order_days)
										   : unknown();
		case CRM_FACT_REVENUE:
			return facts->revenue_known ? value : unknown();
		case CRM_FACT_AVERAGE_ORDER:
			if (!facts->revenue_known || facts->orders == 0)
				return unknown();
			value.money = crm_money_div(facts->revenue,
										crm_money_from_int64(facts->orders));
			return value;
		case CRM_FACT_DAYS_SINCE_ORDER:
			return clock_value(world, facts->last_order);
		case CRM_FACT_DAYS_SINCE_FIRST_ORDER:
			return clock_value(world, facts->first_order);
		case CRM_FACT_DAYS_SINCE_VISIT:
			return clock_value(world, facts->last_visit);
		case CRM_FACT_DAYS_SINCE_ACTIVE:
			return clock_value(world, facts->last_visit > facts->last_order
										  ? facts->last_visit
										  : facts->last_order);
		default:
			return clock_value(world, facts->registered);
	}
}

static Value
int_arithmetic(const CrmNode *node, int64_t a, int64_t b)
{
	crm_i128 result;
	crm_i128 limit = node->type == CRM_TYPE_INT4 ? INT32_MAX : INT64_MAX;

	switch (node->kind)
	{
		case CRM_NODE_ADD:
			result = (crm_i128) a + b;
			break;
		case CRM_NODE_SUB:
			result = (crm_i128) a - b;
			break;
		case CRM_NODE_MUL:
			result = (crm_i128) a * b;
			break;
		default:
			if (b == 0)
				return failure();
			result = (crm_i128) a / b;
	}
	if (result > limit || result < -limit - 1)
		return failure();
	return of_int((int64_t) result);
}

static Value
arithmetic(const CrmNode *node, Value a, Value b)
{
	Value value = {.null = a.null || b.null};

	if (a.failed || b.failed)
		return failure();
	if (value.null)
		return value;
	if (node->type != CRM_TYPE_NUMERIC)
		return int_arithmetic(node, a.number, b.number);
	switch (node->kind)
	{
		case CRM_NODE_ADD:
			value.money = crm_money_add(a.money, b.money);
			return value;
		case CRM_NODE_SUB:
			value.money = crm_money_sub(a.money, b.money);
			return value;
		case CRM_NODE_MUL:
			value.money = crm_money_mul(a.money, b.money);
			return value;
		default:
			if (crm_money_sign(b.money) == 0)
				return failure();
			value.money = crm_money_div(a.money, b.money);
			return value;
	}
}

static Value
comparison(const CrmNode *node, Value a, Value b)
{
	bool bools = node->args[0]->type == CRM_TYPE_BOOL;
	int	 sign;

	if (a.failed || b.failed)
		return failure();
	if (a.null || b.null)
		return unknown();
	sign =
		bools ? (int) (a.number - b.number) : crm_money_cmp(a.money, b.money);
	return of_int((node->value & (sign < 0	 ? CRM_LESS
								  : sign > 0 ? CRM_GREATER
											 : CRM_EQUAL)) != 0);
}

static Value
logic(const World *world, const CrmNode *node)
{
	int64_t decides = node->kind == CRM_NODE_OR;
	bool	null = false;

	for (int i = 0; i < node->count; i++)
	{
		Value value = interpret(world, node->args[i]);

		if (value.failed)
			return value;
		if (!value.null && value.number == decides)
			return value;
		null |= value.null;
	}
	return null ? unknown() : of_int(!decides);
}

static Value
case_value(const World *world, const CrmNode *node)
{
	int i;

	/* computed once and first, whatever becomes of it */
	if (node->operand != NULL)
	{
		Value operand = interpret(world, node->operand);

		if (operand.failed)
			return operand;
	}
	for (i = 0; i + 1 < node->count; i += 2)
	{
		Value condition = interpret(world, node->args[i]);

		if (condition.failed)
			return condition;
		if (!condition.null && condition.number)
			return interpret(world, node->args[i + 1]);
	}
	return node->has_else ? interpret(world, node->args[i]) : unknown();
}

static Value
interpret(const World *world, const CrmNode *node)
{
	Value value;

	switch (node->kind)
	{
		case CRM_NODE_FACT:
			return fact_value(world, node);
		case CRM_NODE_CONST:
			value = of_int(node->value);
			value.money = node->number;
			return value;
		case CRM_NODE_NULL:
			return unknown();
		case CRM_NODE_STAGE:
			return of_int(node->value);
		case CRM_NODE_NEG:
			value = interpret(world, node->args[0]);
			if (value.failed || value.null)
				return value;
			if (node->type != CRM_TYPE_NUMERIC)
			{
				CrmNode minus = {.kind = CRM_NODE_SUB, .type = node->type};

				return int_arithmetic(&minus, 0, value.number);
			}
			value.money = crm_money_neg(value.money);
			return value;
		case CRM_NODE_COMPARE:
			return comparison(node, interpret(world, node->args[0]),
							  interpret(world, node->args[1]));
		case CRM_NODE_AND:
		case CRM_NODE_OR:
			return logic(world, node);
		case CRM_NODE_NOT:
			value = interpret(world, node->args[0]);
			value.number = !value.number;
			return value;
		case CRM_NODE_IS_NULL:
			value = interpret(world, node->args[0]);
			return value.failed ? value : of_int(value.null);
		case CRM_NODE_CASE:
			return case_value(world, node);
		case CRM_NODE_OPERAND:
			return interpret(world, node->args[0]);
		default:
			return arithmetic(node, interpret(world, node->args[0]),
							  interpret(world, node->args[1]));
	}
}


/* the stage by the interpreter, RANDOM_STAGES for unclassified, -1 for an error */
static int
interpreted(const CrmNode *root, const CrmFacts *facts, CrmDay day)
{
	World world = {.facts = facts, .day = day};
	Value value = interpret(&world, root);

	if (value.failed)
		return -1;
	return value.null || value.number < 0 ? RANDOM_STAGES : (int) value.number;
}

/* ---- random facts ---- */

static CrmDay
random_day(int within)
{
	return random_chance(0.3) ? CRM_NO_DAY
							  : TODAY - (CrmDay) random_between(0, within);
}

static CrmFacts
random_facts(void)
{
	CrmFacts facts = {.known_on = TODAY,
					  .orders = random_between(0, 4),
					  .order_days = random_between(0, 4),
					  .order_days_known = random_chance(0.8),
					  .revenue_known = random_chance(0.8),
					  .first_order = random_day(600),
					  .last_order = random_day(300),
					  .last_visit = random_day(200),
					  .registered = random_day(900)};

	facts.revenue = crm_money_from_parts(random_between(-1000, 90000),
										 (int) random_between(0, 2));
	if (random_chance(0.8))
		random_past(&facts);
	return facts;
}

/* ---- properties ---- */

static void
check_evaluation(void)
{
	CrmNode	 *root = random_model();
	CrmModel *model = random_model_compile(root);

	for (int i = 0; i < 8; i++)
	{
		CrmFacts facts = random_facts();
		CrmDay	 day = TODAY + (CrmDay) random_between(0, 600);
		int		 expected = interpreted(root, &facts, day);

		CHECK(crm_model_try(model, &facts, day) == expected,
			  "%d, not %d on day %d", crm_model_try(model, &facts, day),
			  expected, day);
	}
	host_free_all();
}

#define AHEAD 1100

static void
check_next(const CrmModel *model, const CrmFacts *facts, int now)
{
	CrmDay expected = CRM_NO_DAY;
	CrmDay changes_on = CRM_NO_DAY;
	int	   stage = -1;
	bool   found = crm_model_next(model, facts, TODAY, &changes_on, &stage);

	for (CrmDay day = TODAY + 1; day <= TODAY + AHEAD; day++)
	{
		int then = crm_model_try(model, facts, day);

		if (then < 0 || then == now)
			continue;
		expected = day;
		break;
	}
	if (expected != CRM_NO_DAY)
		CHECK(found && changes_on == expected &&
				  stage == crm_model_try(model, facts, expected),
			  "changes on %d, not %d", changes_on, expected);
	else
		CHECK(!found || changes_on > TODAY + AHEAD, "changes on %d, never did",
			  changes_on);
}

static void
check_since(const CrmModel *model, const CrmFacts *facts, int now)
{
	CrmDay floor = facts->timeline ? facts->known_on : TODAY - AHEAD;
	CrmDay expected = CRM_NO_DAY;
	CrmDay since;
	int	   previous = -1;
	int	   before = -1;
	bool found = crm_model_since(model, facts, TODAY, floor, &since, &previous);

	for (CrmDay day = TODAY; day >= floor; day--)
	{
		int then = crm_model_try(model, facts, day);

		if (then == now)
			expected = day;
		else if (then >= 0)
		{
			before = then;
			break;
		}
	}
	CHECK(found == (before >= 0), "found %d, before %d", found, before);
	if (before >= 0)
		CHECK(since == expected && previous == before, "since %d, not %d",
			  since, expected);
	else
		CHECK(since == floor, "since %d, not the floor", since);
}

typedef struct Coming
{
	const CrmModel *model;
	const CrmFacts *facts;
	CrmDay			day; /* up to it the schedule was right */
	int				stage;
} Coming;

/* the first day after coming->day on which the stage is another one */
static CrmDay
next_by_day(const Coming *coming, int *stage)
{
	for (CrmDay day = coming->day + 1; day <= TODAY + AHEAD; day++)
	{
		*stage = crm_model_try(coming->model, coming->facts, day);
		if (*stage >= 0 && *stage != coming->stage)
			return day;
	}
	return CRM_NO_DAY;
}

static void
check_coming(void *context, CrmDay day, int from_stage, int to_stage)
{
	Coming *coming = context;
	int		stage;
	CrmDay	expected;

	if (day > TODAY + AHEAD)
		return;
	expected = next_by_day(coming, &stage);
	CHECK(day == expected && from_stage == coming->stage && to_stage == stage,
		  "scheduled for %d, not %d", day, expected);
	coming->day = day;
	coming->stage = to_stage;
}

static void
check_schedule(const CrmModel *model, const CrmFacts *facts, int now)
{
	Coming coming = {model, facts, TODAY, now};
	int	   stage;

	crm_model_schedule(model, facts, TODAY, check_coming, &coming);
	CHECK(next_by_day(&coming, &stage) == CRM_NO_DAY,
		  "nothing is scheduled after %d", coming.day);
}

static void
check_changes(void)
{
	CrmModel *model = random_model_compile(random_model());

	for (int i = 0; i < 2; i++)
	{
		CrmFacts facts = random_facts();
		int		 now = crm_model_try(model, &facts, TODAY);

		if (now < 0)
			continue;
		check_next(model, &facts, now);
		check_since(model, &facts, now);
		check_schedule(model, &facts, now);
	}
	host_free_all();
}

/* averages beside numbers that differ in the last digit, or not at all */
static void
check_average(void)
{
	CrmFacts  facts = random_facts();
	CrmNode **args = crm_alloc(2 * sizeof(CrmNode *));
	CrmMoney  average;
	CrmNode	 *root;

	facts.revenue_known = true;
	facts.orders = random_between(1, 1000);
	average = crm_money_div(facts.revenue, crm_money_from_int64(facts.orders));
	average.mantissa += random_between(-1, 1);
	args[0] = crm_node_compare((int) random_between(1, 6),
							   crm_node_fact(CRM_FACT_AVERAGE_ORDER),
							   crm_node_number(average));
	args[1] = crm_node_stage(0);
	root = crm_node_case(NULL, args, 2, false);
	CHECK(crm_model_try(random_model_compile(root), &facts, TODAY) ==
			  interpreted(root, &facts, TODAY),
		  "average beside itself");
	host_free_all();
}

/*
 * A branch that is reached one day, overflows at first, and comes back into
 * the range of its type:
 *
 *		CASE WHEN days_since_visit > a THEN
 *				  CASE WHEN (days_since_order - b) * c < d THEN 0 ELSE 1 END
 *			 ELSE 1 END
 */
static void
check_overflow(void)
{
	CrmFacts  facts = random_facts();
	CrmNode **inner = crm_alloc(3 * sizeof(CrmNode *));
	CrmNode **outer = crm_alloc(3 * sizeof(CrmNode *));
	CrmNode	 *product = crm_node_binary(
		 CRM_NODE_MUL,
		 crm_node_binary(CRM_NODE_SUB, crm_node_fact(CRM_FACT_DAYS_SINCE_ORDER),
						 crm_node_int(CRM_TYPE_INT4, random_between(0, 3000))),
		 crm_node_int(CRM_TYPE_INT4, random_between(1000000, 9000000)));
	CrmModel *model;
	int		  now;

	inner[0] = crm_node_compare(
		CRM_LESS, product,
		crm_node_int(CRM_TYPE_INT4, random_between(-1000000, 1000000)));
	inner[1] = crm_node_stage(0);
	inner[2] = crm_node_stage(1);
	outer[0] = crm_node_compare(
		random_chance(0.5) ? CRM_GREATER : CRM_LESS,
		crm_node_fact(CRM_FACT_DAYS_SINCE_VISIT),
		crm_node_int(CRM_TYPE_INT4, random_between(-300, 500)));
	outer[1] = crm_node_case(NULL, inner, 3, true);
	outer[2] = crm_node_stage(1);
	model = random_model_compile(crm_node_case(NULL, outer, 3, true));
	now = crm_model_try(model, &facts, TODAY);
	if (now >= 0)
	{
		check_next(model, &facts, now);
		check_since(model, &facts, now);
	}
	host_free_all();
}

/* days at the ends of the calendar, and beyond all events */
static void
check_extremes(void)
{
	static const CrmDay days[] = {-2451545, INT32_MIN + 1, 2145031948, 0, -1};
	CrmModel		   *model = random_model_compile(random_model());
	CrmFacts			facts = random_facts();
	CrmDay				day = days[random_between(0, 4)];
	CrmDay				answer;
	int					stage;

	facts.last_order = days[random_between(0, 4)];
	facts.first_order = days[random_between(0, 4)];
	if (crm_model_try(model, &facts, day) >= 0)
	{
		if (crm_model_next(model, &facts, day, &answer, &stage))
			CHECK(answer > day, "next on %d after %d", answer, day);
		if (crm_model_since(model, &facts, day, INT32_MIN + 1, &answer, &stage))
			CHECK(answer <= day, "since %d at %d", answer, day);
		CHECK(true, "ends");
	}
	host_free_all();
}

/* a model of one clock alone, which is read off a timetable */
static CrmNode *
clock_model(void)
{
	int		  branches = (int) random_between(1, 5);
	CrmNode **args = crm_alloc(sizeof(CrmNode *) * 12);

	for (int i = 0; i < branches; i++)
	{
		CrmNode *clock = crm_node_fact(CRM_FACT_DAYS_SINCE_ORDER);
		CrmNode *value = crm_node_int(
			CRM_TYPE_INT8,
			random_chance(0.1) ? random_magnitude(62) : random_between(-5, 60));

		args[2 * i] =
			crm_node_compare((int) random_between(1, 7), clock, value);
		args[2 * i + 1] =
			crm_node_stage((int) random_between(0, RANDOM_STAGES - 1));
	}
	args[2 * branches] =
		crm_node_stage((int) random_between(0, RANDOM_STAGES - 1));
	return crm_node_case(NULL, args, 2 * branches + 1, true);
}

typedef struct Told
{
	CrmDay day;
	int	   stage;
	int	   count;
} Told;

/* each change follows the one before it, and the model says the same */
static void
check_told(const CrmModel *model, const CrmFacts *facts, Told *told, CrmDay to)
{
	for (; told->day < to; told->day++)
		CHECK(crm_model_try(model, facts, told->day) == told->stage,
			  "day %d stage %d", told->day, told->stage);
}

typedef struct Telling
{
	const CrmModel *model;
	const CrmFacts *facts;
	Told			told;
} Telling;

static void
take_change(void *context, CrmDay day, int from_stage, int to_stage)
{
	Telling *telling = context;

	CHECK(from_stage == telling->told.stage && to_stage != from_stage,
		  "a change from %d to %d", from_stage, to_stage);
	check_told(telling->model, telling->facts, &telling->told, day);
	telling->told.stage = to_stage;
	telling->told.count++;
}

static void
check_timetable(void)
{
	CrmModel *model = random_model_compile(clock_model());
	CrmFacts  facts = random_facts();
	CrmDay	  last = TODAY + (CrmDay) random_between(0, 90);
	Telling	  telling = {.model = model, .facts = &facts};
	int		  stage;

	facts.last_order = random_chance(0.1)
						   ? CRM_NO_DAY
						   : TODAY - (CrmDay) random_between(-10, 70);
	telling.told.day = TODAY;
	telling.told.stage = crm_model_evaluate(model, &facts, TODAY);
	stage = crm_model_until(model, &facts, TODAY, last, take_change, &telling);
	CHECK(stage == telling.told.stage, "the last stage is returned");
	check_told(model, &facts, &telling.told, last + 1);
	host_free_all();
}

static void
check_names(void)
{
	CrmModel *model = random_model_compile(random_model());
	CrmFact	  fact;

	ok(crm_model_stage_count(model) == RANDOM_STAGES + 1 &&
		   strcmp(crm_model_stage_name(model, RANDOM_STAGES), "unclassified") ==
			   0,
	   "the last stage is unclassified");
	ok(crm_fact_from_name("days_since_visit", &fact) &&
		   fact == CRM_FACT_DAYS_SINCE_VISIT &&
		   crm_fact_from_name("orders_in", &fact) && crm_fact_is_window(fact) &&
		   !crm_fact_from_name("orders_i", &fact),
	   "facts have names");
}

static void
check_fault(void)
{
	CrmNode	 *args[2];
	CrmFacts  facts = random_facts();
	CrmModel *model;

	args[0] = crm_node_compare(CRM_EQUAL, crm_node_int(CRM_TYPE_INT4, 1),
							   crm_node_binary(CRM_NODE_DIV,
											   crm_node_int(CRM_TYPE_INT4, 1),
											   crm_node_fact(CRM_FACT_ORDERS)));
	args[1] = crm_node_stage(0);
	model = random_model_compile(crm_node_case(NULL, args, 2, false));
	facts.orders = 0;
	ok(FAILS_WITH(CRM_ERROR_DIVISION, crm_model_evaluate(model, &facts, TODAY)),
	   "division by zero is an error of the evaluation");
	ok(crm_model_try(model, &facts, TODAY) == -1, "which a try survives");
}

int
main(void)
{
	PROPERTY("compiled models mean what their trees mean")
	for (int i = 0; i < 12000; i++)
		check_evaluation();
	PROPERTY("next, since and schedule agree with every day")
	for (int i = 0; i < 10000; i++)
		check_changes();
	PROPERTY("models of one clock change when every day says so")
	for (int i = 0; i < 10000; i++)
		check_timetable();
	PROPERTY("averages are compared to their last digit")
	for (int i = 0; i < 5000; i++)
		check_average();
	PROPERTY("errors that begin and end are passed over")
	for (int i = 0; i < 1000; i++)
		check_overflow();
	PROPERTY("the ends of the calendar are survived")
	for (int i = 0; i < 3000; i++)
		check_extremes();
	check_names();
	check_fault();
	return done();
}
