/*
 * model_grid.c
 *		Evaluating a tree on values given one by one, and trying all that matter.
 *
 * The evaluation stops at the first fact without a value; the search gives it
 * one after the other of those that go together with the ones given before,
 * and evaluates again.  What a branch does not look at is never varied, so a
 * model costs about as many cells as it has ways through it.
 */
#include "engine/model_grid.h"
#include "engine/model_internal.h"

#include <stdlib.h>
#include <string.h>

/* ---- evaluation ---- */

typedef enum Outcome
{
	KNOWN,
	UNKNOWN,
	FAULT,
	ASKS /* a fact has no value */
} Outcome;

typedef struct Value
{
	Outcome	 outcome;
	int64_t	 integer; /* of int, bool and stage */
	CrmMoney number;  /* of every number */
	int		 asks;	  /* index of the fact */
} Value;

static const Value unknown = {.outcome = UNKNOWN};
static const Value fault = {.outcome = FAULT};

static Value evaluate(CrmGrid *grid, const CrmNode *node);

static Value
of_integer(int64_t integer)
{
	return (Value){.outcome = KNOWN,
				   .integer = integer,
				   .number = crm_money_from_int64(integer)};
}

CrmGridFact *
crm_grid_find(CrmGrid *grid, CrmFact fact, int64_t days)
{
	for (int i = 0; i < grid->count; i++)
		if (grid->facts[i].fact == fact && grid->facts[i].days == days)
			return &grid->facts[i];
	return NULL;
}

static Value
evaluate_fact(CrmGrid *grid, const CrmNode *node)
{
	CrmFact fact = node->kind == CRM_NODE_FREE ? CRM_FACT_COUNT : node->fact;
	CrmGridFact *known = crm_grid_find(grid, fact, node->value);

	if (!known->set)
		return (Value){.outcome = ASKS, .asks = (int) (known - grid->facts)};
	if (known->null)
		return unknown;
	return (Value){.outcome = KNOWN,
				   .integer = (int64_t) known->number.mantissa,
				   .number = known->number};
}

static Value
integer_arithmetic(const CrmNode *node, int64_t a, int64_t b)
{
	int64_t result;

	if (crm_int_operation(node->kind, node->type == CRM_TYPE_INT4, a, b,
						  &result) != NULL)
		return fault;
	return of_integer(result);
}

static Value
evaluate_arithmetic(CrmGrid *grid, const CrmNode *node)
{
	Value a = evaluate(grid, node->args[0]);
	Value b = node->count > 1 ? evaluate(grid, node->args[1]) : a;
	Value result = {.outcome = KNOWN};

	if (a.outcome != KNOWN && a.outcome != UNKNOWN)
		return a;
	if (b.outcome != KNOWN)
		return b;
	if (a.outcome != KNOWN)
		return a;
	if (node->type != CRM_TYPE_NUMERIC)
		return integer_arithmetic(node, a.integer, b.integer);
	switch (node->kind)
	{
		case CRM_NODE_ADD:
			result.number = crm_money_add(a.number, b.number);
			break;
		case CRM_NODE_SUB:
			result.number = crm_money_sub(a.number, b.number);
			break;
		case CRM_NODE_MUL:
			result.number = crm_money_mul(a.number, b.number);
			break;
		case CRM_NODE_NEG:
			result.number = crm_money_neg(a.number);
			break;
		default:
			if (crm_money_sign(b.number) == 0)
				return fault;
			result.number = crm_money_div(a.number, b.number);
	}
	return result;
}

/* the order of two known values */
static int
order_of(const CrmNode *node, const Value *a, const Value *b)
{
	int sign;

	if (node->args[0]->type == CRM_TYPE_BOOL)
		sign = (int) (a->integer - b->integer);
	else
		sign = crm_money_cmp(a->number, b->number);
	return sign < 0 ? CRM_LESS : sign > 0 ? CRM_GREATER : CRM_EQUAL;
}

static Value
evaluate_compare(CrmGrid *grid, const CrmNode *node)
{
	Value a = evaluate(grid, node->args[0]);
	Value b;

	if (a.outcome == FAULT || a.outcome == ASKS)
		return a;
	b = evaluate(grid, node->args[1]);
	if (b.outcome != KNOWN)
		return b;
	if (a.outcome != KNOWN)
		return a;
	return of_integer((node->value & order_of(node, &a, &b)) != 0);
}

static Value
evaluate_logic(CrmGrid *grid, const CrmNode *node)
{
	int64_t decides = node->kind == CRM_NODE_OR;
	bool	any_unknown = false;

	for (int i = 0; i < node->count; i++)
	{
		Value value = evaluate(grid, node->args[i]);

		if (value.outcome == FAULT || value.outcome == ASKS ||
			(value.outcome == KNOWN && value.integer == decides))
			return value;
		any_unknown |= value.outcome == UNKNOWN;
	}
	return any_unknown ? unknown : of_integer(!decides);
}

static Value
evaluate_case(CrmGrid *grid, const CrmNode *node)
{
	int i;

	/* computed once and first, whatever becomes of it */
	if (node->operand != NULL)
	{
		Value operand = evaluate(grid, node->operand);

		if (operand.outcome == FAULT || operand.outcome == ASKS)
			return operand;
	}
	for (i = 0; i + 1 < node->count; i += 2)
	{
		Value condition = evaluate(grid, node->args[i]);

		if (condition.outcome == FAULT || condition.outcome == ASKS)
			return condition;
		if (condition.outcome == KNOWN && condition.integer)
			return evaluate(grid, node->args[i + 1]);
	}
	return node->has_else ? evaluate(grid, node->args[i]) : unknown;
}

static Value
evaluate_unary(CrmGrid *grid, const CrmNode *node)
{
	Value value = evaluate(grid, node->args[0]);

	if (value.outcome == FAULT || value.outcome == ASKS)
		return value;
	if (node->kind == CRM_NODE_IS_NULL)
		return of_integer(value.outcome == UNKNOWN);
	return value.outcome == UNKNOWN ? value : of_integer(!value.integer);
}

static Value
evaluate(CrmGrid *grid, const CrmNode *node)
{
	switch (node->kind)
	{
		case CRM_NODE_FACT:
		case CRM_NODE_FREE:
			return evaluate_fact(grid, node);
		case CRM_NODE_CONST:
			return (Value){.outcome = KNOWN,
						   .integer = node->value,
						   .number = node->number};
		case CRM_NODE_NULL:
			return unknown;
		case CRM_NODE_STAGE:
			return of_integer(node->value);
		case CRM_NODE_COMPARE:
			return evaluate_compare(grid, node);
		case CRM_NODE_AND:
		case CRM_NODE_OR:
			return evaluate_logic(grid, node);
		case CRM_NODE_NOT:
		case CRM_NODE_IS_NULL:
			return evaluate_unary(grid, node);
		case CRM_NODE_CASE:
			return evaluate_case(grid, node);
		case CRM_NODE_OPERAND:
			return evaluate(grid, node->args[0]);
		case CRM_NODE_NEG:
			/* 0 - a, so that the smallest integer overflows */
			if (node->type != CRM_TYPE_NUMERIC)
			{
				Value value = evaluate(grid, node->args[0]);

				if (value.outcome != KNOWN)
					return value;
				return integer_arithmetic(node, value.integer, value.integer);
			}
			return evaluate_arithmetic(grid, node);
		default:
			return evaluate_arithmetic(grid, node);
	}
}

static int
result_of(const Value *value)
{
	if (value->outcome == KNOWN)
		return (int) value->integer;
	return value->outcome == FAULT ? CRM_GRID_FAULT : CRM_GRID_NULL;
}

int
crm_grid_evaluate(CrmGrid *grid, CrmNode *node)
{
	Value value = evaluate(grid, node);

	return result_of(&value);
}

/* ---- the facts and their points ---- */

/* days and counts that no constant of a sane model reaches */
#define FAR_OUT 1000000000

typedef enum Kind
{
	COUNT,
	AGE,
	MONEY,
	FREE
} Kind;

static Kind
kind_of(CrmFact fact)
{
	switch (fact)
	{
		case CRM_FACT_ORDERS:
		case CRM_FACT_ORDER_DAYS:
		case CRM_FACT_ORDERS_IN:
		case CRM_FACT_VISITS_IN:
			return COUNT;
		case CRM_FACT_REVENUE:
		case CRM_FACT_AVERAGE_ORDER:
		case CRM_FACT_REVENUE_IN:
			return MONEY;
		case CRM_FACT_COUNT:
			return FREE;
		default:
			return AGE;
	}
}

/*
 * Facts that restrict each other get their values in this order, so that a
 * value that fits what is given leaves values for what is not.
 */
static int
rank_of(const CrmGridFact *fact)
{
	static const uint8_t rank[CRM_FACT_COUNT + 1] = {
		[CRM_FACT_COUNT] = 0,
		[CRM_FACT_ORDERS] = 1,
		[CRM_FACT_DAYS_SINCE_ORDER] = 2,
		[CRM_FACT_DAYS_SINCE_FIRST_ORDER] = 3,
		[CRM_FACT_ORDER_DAYS] = 4,
		[CRM_FACT_DAYS_SINCE_VISIT] = 5,
		[CRM_FACT_DAYS_SINCE_ACTIVE] = 6,
		[CRM_FACT_DAYS_SINCE_REGISTERED] = 7,
		[CRM_FACT_REVENUE] = 8,
		[CRM_FACT_AVERAGE_ORDER] = 9,
		[CRM_FACT_ORDERS_IN] = 10,
		[CRM_FACT_VISITS_IN] = 11,
		[CRM_FACT_REVENUE_IN] = 12};

	return rank[fact->fact];
}

static int
compare_facts(const void *left, const void *right)
{
	const CrmGridFact *a = left;
	const CrmGridFact *b = right;

	if (rank_of(a) != rank_of(b))
		return rank_of(a) - rank_of(b);
	return (a->days > b->days) - (a->days < b->days);
}

static void *
make_room(void *list, int count, int *space, size_t size)
{
	if (count < *space)
		return list;
	*space = *space == 0 ? 16 : *space * 2;
	return crm_realloc(list, *space * size);
}

static void
collect_facts(CrmGrid *grid, const CrmNode *node)
{
	if (node->kind == CRM_NODE_FACT || node->kind == CRM_NODE_FREE)
	{
		CrmFact fact =
			node->kind == CRM_NODE_FREE ? CRM_FACT_COUNT : node->fact;

		if (crm_grid_find(grid, fact, node->value) != NULL)
			return;
		grid->facts = make_room(grid->facts, grid->count, &grid->space,
								sizeof(CrmGridFact));
		grid->facts[grid->count++] =
			(CrmGridFact){.fact = fact, .days = node->value};
		return;
	}
	if (node->operand != NULL)
		collect_facts(grid, node->operand);
	for (int i = 0; i < node->count; i++)
		collect_facts(grid, node->args[i]);
}

/* counts and ages are not negative; a clock is an int */
static bool
is_possible(Kind kind, CrmMoney number)
{
	if (kind == MONEY || kind == FREE)
		return true;
	return crm_money_sign(number) >= 0 &&
		   crm_money_cmp(number, crm_money_from_int64(
									 kind == AGE ? INT32_MAX : INT64_MAX)) <= 0;
}

static void
add_point(CrmGridFact *fact, CrmMoney number)
{
	if (!is_possible(kind_of(fact->fact), number))
		return;
	fact->points = make_room(fact->points, fact->point_count,
							 &fact->point_space, sizeof(CrmMoney));
	fact->points[fact->point_count++] = number;
}

static CrmMoney
floor_of(CrmMoney number)
{
	crm_i128 whole = number.mantissa;
	bool	 fraction = false;

	if (number.wide != NULL)
		return crm_money_from_int64(crm_money_sign(number) < 0 ? INT64_MIN
															   : INT64_MAX);
	for (int i = 0; i < number.scale && whole != 0; i++)
	{
		fraction |= whole % 10 != 0;
		whole /= 10;
	}
	if (fraction && number.mantissa < 0)
		whole--;
	return crm_money_from_parts(whole, 0);
}

/* a constant that the fact meets, and its neighbours */
static void
add_points(CrmGridFact *fact, CrmMoney constant)
{
	Kind	 kind = kind_of(fact->fact);
	bool	 whole = kind == COUNT || kind == AGE;
	int		 scale = whole ? 0 : constant.scale > 2 ? constant.scale : 2;
	CrmMoney step = crm_money_from_parts(1, scale);
	CrmMoney at = whole ? floor_of(constant) : constant;

	add_point(fact, crm_money_sub(at, step));
	add_point(fact, at);
	add_point(fact, crm_money_add(at, step));
}

static bool
has_points(Kind kind, Kind of_constant)
{
	return kind == of_constant || kind == FREE || of_constant == FREE;
}

/* to all facts of a kind, for they bound each other */
static void
add_points_of_kind(CrmGrid *grid, Kind kind, CrmMoney constant)
{
	for (int i = 0; i < grid->count; i++)
		if (has_points(kind_of(grid->facts[i].fact), kind))
			add_points(&grid->facts[i], constant);
}

static int
count_facts(const CrmNode *node, const CrmNode **only)
{
	int count = 0;

	if (node->kind == CRM_NODE_FACT || node->kind == CRM_NODE_FREE)
	{
		if (*only != NULL && (*only)->kind == node->kind &&
			(*only)->fact == node->fact && (*only)->value == node->value)
			return 0;
		*only = node;
		return 1;
	}
	if (node->operand != NULL)
		count += count_facts(node->operand, only);
	for (int i = 0; i < node->count; i++)
		count += count_facts(node->args[i], only);
	return count;
}

static void
add_constants(CrmGrid *grid, const CrmNode *node)
{
	if (node->kind == CRM_NODE_CONST)
		add_points_of_kind(grid, FREE, node->number);
	for (int i = 0; i < node->count; i++)
		add_constants(grid, node->args[i]);
	if (node->operand != NULL)
		add_constants(grid, node->operand);
}

/* the order of a comparison's sides where its only fact has a value */
static int
order_at(CrmGrid *grid, const CrmNode *compare, CrmGridFact *fact, int64_t at)
{
	Value a;
	Value b;

	fact->set = true;
	fact->number = crm_money_from_int64(at);
	a = evaluate(grid, compare->args[0]);
	b = evaluate(grid, compare->args[1]);
	fact->set = false;
	if (a.outcome != KNOWN || b.outcome != KNOWN)
		return CRM_UNKNOWN;
	return order_of(compare, &a, &b);
}

/*
 * Arithmetic of one whole number against constants turns where a bisection
 * finds it: it is monotone, unless the fact is multiplied by itself.
 */
static void
add_turns(CrmGrid *grid, const CrmNode *compare, const CrmNode *node)
{
	CrmGridFact *fact = crm_grid_find(grid, node->fact, node->value);
	int64_t		 from = 0;
	int64_t		 last = INT32_MAX;
	int			 turns = 0;

	/* integers overflow far out: come back to where they do not */
	while (last > 0 && order_at(grid, compare, fact, last) == CRM_UNKNOWN)
		last /= 2;
	while (turns++ < 4 && order_at(grid, compare, fact, from) !=
							  order_at(grid, compare, fact, last))
	{
		int		first = order_at(grid, compare, fact, from);
		int64_t low = from;
		int64_t high = last;

		while (high - low > 1)
		{
			int64_t middle = low + (high - low) / 2;

			if (order_at(grid, compare, fact, middle) == first)
				low = middle;
			else
				high = middle;
		}
		add_points_of_kind(grid, kind_of(fact->fact),
						   crm_money_from_int64(high));
		from = high;
	}
}

static void
collect_points(CrmGrid *grid, const CrmNode *node)
{
	const CrmNode *only = NULL;
	const CrmNode *left = node->count > 0 ? node->args[0] : NULL;
	const CrmNode *right = node->count > 1 ? node->args[1] : NULL;

	if (node->operand != NULL)
		collect_points(grid, node->operand);
	for (int i = 0; i < node->count; i++)
		collect_points(grid, node->args[i]);
	if (node->kind != CRM_NODE_COMPARE || left->type == CRM_TYPE_BOOL)
		return;
	if (left->kind == CRM_NODE_OPERAND)
		left = left->args[0];
	if (left->kind == CRM_NODE_FACT && right->kind == CRM_NODE_CONST)
		add_points_of_kind(grid, kind_of(left->fact), right->number);
	else if (right->kind == CRM_NODE_FACT && left->kind == CRM_NODE_CONST)
		add_points_of_kind(grid, kind_of(right->fact), left->number);
	else
	{
		add_constants(grid, node);
		if (count_facts(node, &only) > 1 || node->alternatives > 1)
			grid->mixed = true;
		else if (only != NULL && only->kind == CRM_NODE_FACT &&
				 kind_of(only->fact) != MONEY)
			add_turns(grid, node, only);
	}
}

static int
compare_points(const void *left, const void *right)
{
	return crm_money_cmp(*(const CrmMoney *) left, *(const CrmMoney *) right);
}

/* ascending, each once */
static void
settle_points(CrmGridFact *fact)
{
	int count = 0;

	qsort(fact->points, (size_t) fact->point_count, sizeof(CrmMoney),
		  compare_points);
	for (int i = 0; i < fact->point_count; i++)
		if (count == 0 ||
			crm_money_cmp(fact->points[i], fact->points[count - 1]) != 0)
			fact->points[count++] = fact->points[i];
	fact->point_count = count;
}

void
crm_grid_init(CrmGrid *grid, CrmNode *root)
{
	*grid = (CrmGrid){.root = root};
	collect_facts(grid, root);
	qsort(grid->facts, (size_t) grid->count, sizeof(CrmGridFact),
		  compare_facts);
	collect_points(grid, root);
	for (int i = 0; i < grid->count; i++)
		if (crm_fact_is_window(grid->facts[i].fact) &&
			grid->facts[i].fact != CRM_FACT_COUNT)
			add_points_of_kind(grid, AGE,
							   crm_money_from_int64(grid->facts[i].days));
	add_points_of_kind(grid, COUNT, crm_money_from_int64(1));
	add_points_of_kind(grid, AGE, crm_money_from_int64(0));
	add_points_of_kind(grid, MONEY, crm_money_from_int64(0));
	/* room beyond all constants: three order days do not fit into one */
	for (int i = 0; i < grid->count; i++)
		if (kind_of(grid->facts[i].fact) != FREE)
			add_point(&grid->facts[i], crm_money_from_int64(FAR_OUT));
	for (int i = 0; i < grid->count; i++)
		settle_points(&grid->facts[i]);
}

/* ---- what goes together ---- */

/* the fact where it is given, else NULL */
static const CrmGridFact *
given(const CrmGrid *grid, CrmFact fact)
{
	for (int i = 0; i < grid->count; i++)
		if (grid->facts[i].fact == fact && grid->facts[i].set)
			return &grid->facts[i];
	return NULL;
}

static int64_t
integer_of(const CrmGridFact *fact)
{
	return (int64_t) fact->number.mantissa;
}

/* age of an event that is given, INT64_MAX: never happened */
static int64_t
age_of(const CrmGridFact *fact)
{
	return fact->null ? INT64_MAX : integer_of(fact);
}

/* what all facts of orders say: 1 some, 0 none, -1 they do not say */
static int
says_orders(const CrmGridFact *fact)
{
	switch (fact->fact)
	{
		case CRM_FACT_ORDERS:
		case CRM_FACT_ORDER_DAYS:
			return integer_of(fact) > 0;
		case CRM_FACT_DAYS_SINCE_ORDER:
		case CRM_FACT_DAYS_SINCE_FIRST_ORDER:
		case CRM_FACT_AVERAGE_ORDER:
			return !fact->null;
		case CRM_FACT_DAYS_SINCE_ACTIVE:
			return fact->null ? 0 : -1;
		case CRM_FACT_ORDERS_IN:
			return integer_of(fact) > 0 ? 1 : -1;
		default:
			return -1;
	}
}

static bool
agree_on_orders(const CrmGrid *grid, int *orders)
{
	*orders = -1;
	for (int i = 0; i < grid->count; i++)
	{
		int says = grid->facts[i].set ? says_orders(&grid->facts[i]) : -1;

		if (says >= 0 && *orders >= 0 && says != *orders)
			return false;
		if (says >= 0)
			*orders = says;
	}
	return true;
}

bool
crm_grid_agrees(const CrmGrid *grid)
{
	int orders;

	return agree_on_orders(grid, &orders);
}

/* is the first order given, and on the same day as the last? */
static bool
on_one_day(const CrmGrid *grid)
{
	const CrmGridFact *orders = given(grid, CRM_FACT_ORDERS);
	const CrmGridFact *days = given(grid, CRM_FACT_ORDER_DAYS);
	const CrmGridFact *first = given(grid, CRM_FACT_DAYS_SINCE_FIRST_ORDER);

	return first && !first->null &&
		   ((orders && integer_of(orders) == 1) ||
			(days && integer_of(days) == 1));
}

/*
 * Days since the last order, where they follow: given themselves; because
 * there is one day with orders; or because the last activity is later than any
 * visit and so is an order.
 */
static bool
last_order_age(const CrmGrid *grid, int64_t *age)
{
	const CrmGridFact *last = given(grid, CRM_FACT_DAYS_SINCE_ORDER);
	const CrmGridFact *active = given(grid, CRM_FACT_DAYS_SINCE_ACTIVE);
	const CrmGridFact *visit = given(grid, CRM_FACT_DAYS_SINCE_VISIT);
	int64_t			   visit_age = visit ? age_of(visit) : 0;

	if (last || on_one_day(grid))
	{
		*age =
			age_of(last ? last : given(grid, CRM_FACT_DAYS_SINCE_FIRST_ORDER));
		return true;
	}
	for (int i = 0; i < grid->count; i++)
	{
		const CrmGridFact *fact = &grid->facts[i];

		if (fact->set && fact->fact == CRM_FACT_VISITS_IN &&
			integer_of(fact) == 0 && fact->days > visit_age)
			visit_age = fact->days;
	}
	if (!active || active->null || age_of(active) >= visit_age)
		return false;
	*age = age_of(active);
	return true;
}

/* first and last order, and the days with one */
static bool
days_fit(const CrmGrid *grid)
{
	const CrmGridFact *orders = given(grid, CRM_FACT_ORDERS);
	const CrmGridFact *days = given(grid, CRM_FACT_ORDER_DAYS);
	const CrmGridFact *last = given(grid, CRM_FACT_DAYS_SINCE_ORDER);
	const CrmGridFact *first = given(grid, CRM_FACT_DAYS_SINCE_FIRST_ORDER);
	const CrmGridFact *active = given(grid, CRM_FACT_DAYS_SINCE_ACTIVE);
	int64_t			   age;
	int64_t			   span;

	if (orders && days && integer_of(days) > integer_of(orders))
		return false;
	if (!first || first->null || (last && last->null))
		return true;
	if (!last_order_age(grid, &age))
	{
		/* the last order is no later than the last activity, and than today */
		age = active && !active->null ? age_of(active) : 0;
		return !days || integer_of(days) <= age_of(first) - age + 1;
	}
	span = age_of(first) - age;
	if (span < 0 || (span > 0 && orders && integer_of(orders) == 1))
		return false;
	return !days || ((integer_of(days) == 1) == (span == 0) &&
					 integer_of(days) <= span + 1);
}

/* days_since_active is the smaller of the other two */
static bool
activity_fits(const CrmGrid *grid, int orders)
{
	const CrmGridFact *active = given(grid, CRM_FACT_DAYS_SINCE_ACTIVE);
	const CrmGridFact *order = given(grid, CRM_FACT_DAYS_SINCE_ORDER);
	const CrmGridFact *first = given(grid, CRM_FACT_DAYS_SINCE_FIRST_ORDER);
	const CrmGridFact *visit = given(grid, CRM_FACT_DAYS_SINCE_VISIT);
	int64_t			   limit = INT64_MAX;

	if (!active)
		return true;
	if (!order && on_one_day(grid))
		order = first;
	if (order)
		limit = age_of(order);
	else if (first)
		limit = age_of(first);
	if (visit && age_of(visit) < limit)
		limit = age_of(visit);
	if (age_of(active) > limit)
		return false;
	/* it is one of those that are known, unless it may be one that is not */
	if (visit && (order || orders == 0))
		return age_of(active) == limit;
	return true;
}

static bool
average_fits(const CrmGrid *grid, int orders)
{
	const CrmGridFact *count = given(grid, CRM_FACT_ORDERS);
	const CrmGridFact *revenue = given(grid, CRM_FACT_REVENUE);
	const CrmGridFact *average = given(grid, CRM_FACT_AVERAGE_ORDER);

	/* without an order there are refunds at most */
	if (orders == 0 && revenue && crm_money_sign(revenue->number) > 0)
		return false;
	if (!average || average->null || !revenue || !count)
		return true;
	return crm_money_cmp(average->number,
						 crm_money_div(revenue->number, count->number)) == 0;
}

/* the orders of a window against the customer's last and first */
static bool
orders_in_fit(const CrmGrid *grid, const CrmGridFact *window)
{
	const CrmGridFact *orders = given(grid, CRM_FACT_ORDERS);
	const CrmGridFact *first = given(grid, CRM_FACT_DAYS_SINCE_FIRST_ORDER);
	const CrmGridFact *active = given(grid, CRM_FACT_DAYS_SINCE_ACTIVE);
	int64_t			   count = integer_of(window);
	int64_t			   last;

	if (window->days == 0 && count > 0)
		return false;
	if (orders && count > integer_of(orders))
		return false;
	if (last_order_age(grid, &last) && (count > 0) != (last < window->days))
		return false;
	if (active && count > 0 && age_of(active) >= window->days)
		return false;
	if (first && !first->null)
	{
		bool all = age_of(first) < window->days;

		if (all && count == 0)
			return false;
		if (orders && all != (count == integer_of(orders)))
			return false;
	}
	return true;
}

static bool
visits_in_fit(const CrmGrid *grid, const CrmGridFact *window)
{
	const CrmGridFact *visit = given(grid, CRM_FACT_DAYS_SINCE_VISIT);
	const CrmGridFact *active = given(grid, CRM_FACT_DAYS_SINCE_ACTIVE);
	int64_t			   count = integer_of(window);

	if (window->days == 0 && count > 0)
		return false;
	if (visit && (count > 0) != (age_of(visit) < window->days))
		return false;
	return !active || count == 0 || age_of(active) < window->days;
}

static bool
revenue_in_fit(const CrmGrid *grid, const CrmGridFact *window, int orders)
{
	const CrmGridFact *first = given(grid, CRM_FACT_DAYS_SINCE_FIRST_ORDER);
	const CrmGridFact *revenue = given(grid, CRM_FACT_REVENUE);
	int64_t			   last;
	bool			   none =
		orders == 0 || (last_order_age(grid, &last) && last >= window->days);
	bool all = orders == 0 || (first && age_of(first) < window->days);

	if (window->days == 0)
		return crm_money_sign(window->number) == 0;
	/* refunds alone */
	if (none && crm_money_sign(window->number) > 0)
		return false;
	/* refunds alone are left out */
	return !all || !revenue ||
		   crm_money_cmp(revenue->number, window->number) <= 0;
}

/* a longer window holds what a shorter one does */
static bool
windows_fit(const CrmGridFact *shorter, const CrmGridFact *longer)
{
	return shorter->fact != longer->fact ||
		   shorter->fact == CRM_FACT_REVENUE_IN ||
		   integer_of(shorter) <= integer_of(longer);
}

static bool
window_fits(const CrmGrid *grid, int index, int orders)
{
	const CrmGridFact *window = &grid->facts[index];

	for (int i = 0; i < index; i++)
		if (grid->facts[i].set && !windows_fit(&grid->facts[i], window))
			return false;
	switch (window->fact)
	{
		case CRM_FACT_ORDERS_IN:
			return orders_in_fit(grid, window);
		case CRM_FACT_VISITS_IN:
			return visits_in_fit(grid, window);
		default:
			return revenue_in_fit(grid, window, orders);
	}
}

/* can one customer have all that is given? */
static bool
is_customer(const CrmGrid *grid)
{
	int		orders;
	int64_t last;

	if (!agree_on_orders(grid, &orders) || !days_fit(grid) ||
		!activity_fits(grid, orders) || !average_fits(grid, orders))
		return false;
	if (orders == 0 && last_order_age(grid, &last) && last < INT64_MAX)
		return false;
	for (int i = 0; i < grid->count; i++)
	{
		const CrmGridFact *fact = &grid->facts[i];

		if (fact->set && fact->fact != CRM_FACT_COUNT &&
			crm_fact_is_window(fact->fact) && !window_fits(grid, i, orders))
			return false;
	}
	return true;
}

/* ---- the search ---- */

typedef struct Search
{
	CrmGrid		   *grid;
	CrmNode		   *node;
	CrmGridCallback callback;
	void		   *context;
} Search;

static bool search(Search *self);

static bool
is_nullable(CrmFact fact)
{
	return fact == CRM_FACT_AVERAGE_ORDER ||
		   (kind_of(fact) == AGE && fact != CRM_FACT_COUNT);
}

/* what has to be given before the fact: something of a lower rank that bounds it */
static int
first_needed(const CrmGrid *grid, int index)
{
	CrmFact fact = grid->facts[index].fact;

	if (fact == CRM_FACT_COUNT || fact == CRM_FACT_DAYS_SINCE_REGISTERED ||
		fact == CRM_FACT_DAYS_SINCE_VISIT)
		return index;
	for (int i = 0; i < index; i++)
	{
		CrmFact other = grid->facts[i].fact;

		if (grid->facts[i].set || other == CRM_FACT_COUNT ||
			other == CRM_FACT_DAYS_SINCE_REGISTERED)
			continue;
		/* visits concern what speaks of visits */
		if (other == CRM_FACT_DAYS_SINCE_VISIT &&
			fact != CRM_FACT_DAYS_SINCE_ACTIVE && fact != CRM_FACT_VISITS_IN &&
			crm_grid_find((CrmGrid *) grid, CRM_FACT_DAYS_SINCE_ACTIVE, 0) ==
				NULL)
			continue;
		if (other == CRM_FACT_VISITS_IN && fact != CRM_FACT_VISITS_IN)
			continue;
		/* money restricts nothing but money */
		if ((other == CRM_FACT_REVENUE || other == CRM_FACT_AVERAGE_ORDER) &&
			kind_of(fact) != MONEY)
			continue;
		return i;
	}
	return index;
}

static bool
try_value(Search *self, CrmGridFact *fact, bool null, CrmMoney number)
{
	bool goes_on = true;

	fact->set = true;
	fact->null = null;
	fact->number = number;
	if (is_customer(self->grid))
		goes_on = search(self);
	fact->set = false;
	return goes_on;
}

/* the average of a revenue that is given, or a revenue for each average */
static bool
try_money(Search *self, CrmGridFact *fact)
{
	CrmGrid			  *grid = self->grid;
	const CrmGridFact *orders = given(grid, CRM_FACT_ORDERS);
	const CrmGridFact *revenue = given(grid, CRM_FACT_REVENUE);
	CrmGridFact		  *average = crm_grid_find(grid, CRM_FACT_AVERAGE_ORDER, 0);

	if (fact->fact == CRM_FACT_AVERAGE_ORDER && revenue && orders &&
		integer_of(orders) > 0)
		return try_value(self, fact, false,
						 crm_money_div(revenue->number, orders->number));
	if (fact->fact == CRM_FACT_REVENUE && average && orders)
		for (int i = 0; i < average->point_count; i++)
			if (!try_value(self, fact, false,
						   crm_money_mul(average->points[i], orders->number)))
				return false;
	for (int i = 0; i < fact->point_count; i++)
		if (!try_value(self, fact, false, fact->points[i]))
			return false;
	return true;
}

static bool
try_values(Search *self, CrmGridFact *fact)
{
	if (is_nullable(fact->fact) &&
		!try_value(self, fact, true, crm_money_from_int64(0)))
		return false;
	if (kind_of(fact->fact) == MONEY)
		return try_money(self, fact);
	for (int i = 0; i < fact->point_count; i++)
		if (!try_value(self, fact, false, fact->points[i]))
			return false;
	return true;
}

static bool
search(Search *self)
{
	CrmGrid *grid = self->grid;
	Value	 value;

	if (++grid->cells > CRM_GRID_CELLS)
		return false;
	value = evaluate(grid, self->node);
	if (value.outcome != ASKS)
		return self->callback(self->context, grid, result_of(&value));
	return try_values(self, &grid->facts[first_needed(grid, value.asks)]);
}

bool
crm_grid_search(CrmGrid *grid, CrmNode *node, CrmGridCallback callback,
				void *context)
{
	Search self = {
		.grid = grid, .node = node, .callback = callback, .context = context};

	return search(&self);
}
