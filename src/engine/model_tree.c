/*
 * model_tree.c
 *		The nodes of model_tree.h: types, clocks, folding of constants.
 *
 * Constants are folded as far as that raises nothing: an error in a branch is
 * an error only of the customer who reaches it.
 */
#include "engine/model_internal.h"

static CrmNode *
new_node(CrmNodeKind kind, CrmType type)
{
	CrmNode *node = crm_alloc(sizeof(CrmNode));

	*node = (CrmNode){.kind = kind,
					  .type = type,
					  .clock = CRM_CLOCK_NONE,
					  .alternatives = 1,
					  .depth = 1,
					  .size = 1,
					  .slot = -1};
	return node;
}

CrmNode *
crm_node_fact(CrmFact fact)
{
	static const CrmType type[CRM_FACT_COUNT] = {
		[CRM_FACT_ORDERS] = CRM_TYPE_INT8,
		[CRM_FACT_ORDER_DAYS] = CRM_TYPE_INT8,
		[CRM_FACT_REVENUE] = CRM_TYPE_NUMERIC,
		[CRM_FACT_AVERAGE_ORDER] = CRM_TYPE_NUMERIC,
		[CRM_FACT_DAYS_SINCE_ORDER] = CRM_TYPE_INT4,
		[CRM_FACT_DAYS_SINCE_FIRST_ORDER] = CRM_TYPE_INT4,
		[CRM_FACT_DAYS_SINCE_VISIT] = CRM_TYPE_INT4,
		[CRM_FACT_DAYS_SINCE_ACTIVE] = CRM_TYPE_INT4,
		[CRM_FACT_DAYS_SINCE_REGISTERED] = CRM_TYPE_INT4,
		[CRM_FACT_ORDERS_IN] = CRM_TYPE_INT8,
		[CRM_FACT_REVENUE_IN] = CRM_TYPE_NUMERIC,
		[CRM_FACT_VISITS_IN] = CRM_TYPE_INT8};
	CrmNode *node = new_node(CRM_NODE_FACT, type[fact]);

	node->fact = fact;
	if (type[fact] == CRM_TYPE_INT4)
		node->clock = CRM_CLOCK_LINEAR;
	return node;
}

CrmNode *
crm_node_window(CrmFact fact, int64_t days)
{
	CrmNode *node = crm_node_fact(fact);

	node->windowed = true;
	node->value = days;
	return node;
}

CrmNode *
crm_node_int(CrmType type, int64_t value)
{
	CrmNode *node = new_node(CRM_NODE_CONST, type);

	node->value = value;
	node->number = crm_money_from_int64(value);
	return node;
}

CrmNode *
crm_node_number(CrmMoney number)
{
	CrmNode *node = new_node(CRM_NODE_CONST, CRM_TYPE_NUMERIC);

	node->number = number;
	return node;
}

CrmNode *
crm_node_null(CrmType type)
{
	return new_node(CRM_NODE_NULL, type);
}

CrmNode *
crm_node_free(int number)
{
	CrmNode *node = new_node(CRM_NODE_FREE, CRM_TYPE_NUMERIC);

	node->value = number;
	return node;
}

CrmNode *
crm_node_stage(int stage)
{
	CrmNode *node = new_node(CRM_NODE_STAGE, CRM_TYPE_STAGE);

	node->value = stage;
	return node;
}

/* node takes over what its argument brings along */
static void
inherit(CrmNode *node, const CrmNode *arg)
{
	if (arg->depth >= node->depth)
		node->depth = arg->depth + 1;
	if (node->size <= CRM_MODEL_MAX_SIZE)
		node->size += arg->size;
	node->raises |= arg->raises;
	node->windowed |= arg->windowed;
}

static void
set_args(CrmNode *node, CrmNode *left, CrmNode *right)
{
	node->count = right == NULL ? 1 : 2;
	node->args = crm_alloc(2 * sizeof(CrmNode *));
	node->args[0] = left;
	node->args[1] = right;
	inherit(node, left);
	if (right != NULL)
		inherit(node, right);
}

/* the number of combinations, capped where it is refused anyway */
static int
combine(int a, int b)
{
	int64_t product = (int64_t) a * b;

	return product > CRM_MODEL_MAX_ALTERNATIVES ? CRM_MODEL_MAX_ALTERNATIVES + 1
												: (int) product;
}

CrmNode *
crm_node_unary(CrmNodeKind kind, CrmNode *arg)
{
	bool	 is_value = kind == CRM_NODE_NEG || kind == CRM_NODE_OPERAND;
	CrmNode *node = new_node(kind, is_value ? arg->type : CRM_TYPE_BOOL);

	set_args(node, arg, NULL);
	if (is_value)
	{
		node->clock = arg->clock;
		node->alternatives = arg->alternatives;
	}
	if (kind == CRM_NODE_NEG)
	{
		if (arg->kind == CRM_NODE_CONST && arg->type == CRM_TYPE_NUMERIC)
			return crm_node_number(crm_money_neg(arg->number));
		node->raises |= arg->type != CRM_TYPE_NUMERIC;
	}
	return node;
}

static bool
is_const(const CrmNode *node)
{
	return node->kind == CRM_NODE_CONST;
}

static bool
is_zero(const CrmNode *node)
{
	return crm_money_sign(node->number) == 0;
}

/* integer arithmetic on constants; NULL where it would raise */
static CrmNode *
fold_int(CrmNodeKind kind, CrmType type, const CrmNode *left,
		 const CrmNode *right)
{
	int64_t result;

	if (crm_int_operation(kind, type == CRM_TYPE_INT4, left->value,
						  right->value, &result) != NULL)
		return NULL;
	return crm_node_int(type, result);
}

/* numeric arithmetic on constants; NULL where it would raise */
static CrmNode *
fold_number(CrmNodeKind kind, const CrmNode *left, const CrmNode *right)
{
	switch (kind)
	{
		case CRM_NODE_ADD:
			return crm_node_number(crm_money_add(left->number, right->number));
		case CRM_NODE_SUB:
			return crm_node_number(crm_money_sub(left->number, right->number));
		case CRM_NODE_MUL:
			return crm_node_number(crm_money_mul(left->number, right->number));
		default:
			if (is_zero(right))
				return NULL;
			return crm_node_number(crm_money_div(left->number, right->number));
	}
}

/* whether the operation itself, on the given type, can raise an error */
static bool
can_raise(CrmNodeKind kind, CrmType type, const CrmNode *right)
{
	if (kind != CRM_NODE_DIV)
		return type != CRM_TYPE_NUMERIC;
	if (!is_const(right) || is_zero(right))
		return true;
	return type != CRM_TYPE_NUMERIC && right->value == -1;
}

CrmNode *
crm_node_binary(CrmNodeKind kind, CrmNode *left, CrmNode *right)
{
	CrmType	 type = left->type > right->type ? left->type : right->type;
	CrmNode *node;

	if (is_const(left) && is_const(right))
	{
		node = type == CRM_TYPE_NUMERIC ? fold_number(kind, left, right)
										: fold_int(kind, type, left, right);
		if (node != NULL)
			return node;
	}
	node = new_node(kind, type);
	set_args(node, left, right);
	node->clock = left->clock > right->clock ? left->clock : right->clock;
	if (kind == CRM_NODE_DIV && node->clock != CRM_CLOCK_NONE)
		node->clock = CRM_CLOCK_DIVIDED;
	node->alternatives = combine(left->alternatives, right->alternatives);
	node->raises |= can_raise(kind, type, right);
	return node;
}

CrmNode *
crm_node_compare(int orders, CrmNode *left, CrmNode *right)
{
	CrmNode *node = new_node(CRM_NODE_COMPARE, CRM_TYPE_BOOL);

	set_args(node, left, right);
	node->value = orders;
	node->alternatives = combine(left->alternatives, right->alternatives);
	return node;
}

CrmNode *
crm_node_logic(CrmNodeKind kind, CrmNode **args, int count)
{
	CrmNode *node = new_node(kind, CRM_TYPE_BOOL);

	node->args = args;
	node->count = count;
	for (int i = 0; i < count; i++)
		inherit(node, args[i]);
	return node;
}

CrmNode *
crm_node_case(CrmNode *operand, CrmNode **args, int count, bool has_else)
{
	CrmNode *node = new_node(CRM_NODE_CASE, args[1]->type);

	node->operand = operand;
	node->args = args;
	node->count = count;
	node->has_else = has_else;
	node->alternatives = 0;
	if (operand != NULL)
		inherit(node, operand);
	for (int i = 0; i < count; i++)
	{
		bool is_result = i % 2 == 1 || (has_else && i == count - 1);

		inherit(node, args[i]);
		if (!is_result)
			continue;
		if (args[i]->type > node->type)
			node->type = args[i]->type;
		if (args[i]->clock > node->clock)
			node->clock = args[i]->clock;
		if (node->alternatives <= CRM_MODEL_MAX_ALTERNATIVES)
			node->alternatives += args[i]->alternatives;
	}
	return node;
}

static bool
is_number(const CrmNode *node)
{
	return node->type == CRM_TYPE_INT4 || node->type == CRM_TYPE_INT8 ||
		   node->type == CRM_TYPE_NUMERIC;
}

#define CLOCK_RULE                                                           \
	"A clock may stand only as a * clock + b, so that the day on which the " \
	"comparison flips is computable."

static const CrmProblem no_arithmetic = {
	true, "arithmetic needs numbers on both sides", NULL};
static const CrmProblem no_comparison = {
	true, "only numbers compare with numbers, and conditions with conditions",
	NULL};
static const CrmProblem clock_times_clock = {
	false, "a clock can't be multiplied by a clock", CLOCK_RULE};
static const CrmProblem clock_divides = {false, "a clock can't be a divisor",
										 CLOCK_RULE " Multiply instead."};
static const CrmProblem clock_mixed = {
	false, "a divided clock can't meet another clock",
	CLOCK_RULE " A division rounds: multiply the other side instead."};

const CrmProblem *
crm_node_problem(CrmNodeKind kind, const CrmNode *left, const CrmNode *right)
{
	bool both = left->clock != CRM_CLOCK_NONE && right->clock != CRM_CLOCK_NONE;

	if (kind == CRM_NODE_COMPARE)
	{
		if (left->type == CRM_TYPE_BOOL && right->type == CRM_TYPE_BOOL)
			return NULL;
		if (!is_number(left) || !is_number(right))
			return &no_comparison;
	}
	else if (!is_number(left) || !is_number(right))
		return &no_arithmetic;
	if (kind == CRM_NODE_MUL && both)
		return &clock_times_clock;
	if (kind == CRM_NODE_DIV && right->clock != CRM_CLOCK_NONE)
		return &clock_divides;
	if (both &&
		(left->clock == CRM_CLOCK_DIVIDED || right->clock == CRM_CLOCK_DIVIDED))
		return &clock_mixed;
	return NULL;
}
