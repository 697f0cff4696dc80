/*
 * random_model.c
 *		Random stage models: nested CASEs over all facts, windows among them,
 *		arithmetic that overflows, ladders on one clock.
 */
#include "random_model.h"

#include "tap.h"

static CrmNode *random_condition(int depth);

static CrmNode *
random_fact(void)
{
	static const int64_t days[] = {0, 1, 30, 90, 365, 10000000000};
	CrmFact				 fact = (CrmFact) random_between(0, CRM_FACT_COUNT - 1);

	if (!crm_fact_is_window(fact))
		return crm_node_fact(fact);
	return crm_node_window(fact, random_chance(0.5) ? days[random_between(0, 5)]
													: random_between(2, 500));
}

static CrmNode *
random_leaf(void)
{
	static const int64_t numbers[] = {
		0,		   1,		  -1,		  7,		 30,	   365,
		INT32_MAX, INT32_MIN, 2000000000, INT64_MAX, INT64_MIN};
	int64_t value;

	switch (random_between(0, 9))
	{
		case 0:
			value = numbers[random_between(0, 10)];
			return crm_node_int(value == (int32_t) value ? CRM_TYPE_INT4
														 : CRM_TYPE_INT8,
								value);
		case 1:
			return crm_node_null(CRM_TYPE_NUMERIC);
		case 2:
		case 3:
			return crm_node_number(crm_money_from_parts(
				random_between(-5000, 60000), (int) random_between(0, 3)));
		case 4:
		case 5:
			return crm_node_int(CRM_TYPE_INT4, random_between(-20, 400));
		default:
			return random_fact();
	}
}

/* what may stand beside left */
static CrmNode *
beside(CrmNodeKind kind, CrmNode *left, CrmNode *right)
{
	if (crm_node_problem(kind, left, right) == NULL)
		return right;
	return crm_node_fact(CRM_FACT_ORDERS);
}

static CrmNode *
random_number(int depth)
{
	CrmNodeKind kind = CRM_NODE_ADD + (int) random_between(0, 3);
	CrmNode	  **args;
	CrmNode	   *left;

	if (depth <= 0 || random_chance(0.3))
		return random_leaf();
	if (random_chance(0.1))
		return crm_node_unary(CRM_NODE_NEG, random_number(depth - 1));
	if (random_chance(0.2))
	{
		bool has_else = random_chance(0.6);

		args = crm_alloc(3 * sizeof(CrmNode *));
		args[0] = random_condition(depth - 1);
		args[1] = random_number(depth - 1);
		args[2] = random_number(depth - 1);
		return crm_node_case(NULL, args, has_else ? 3 : 2, has_else);
	}
	left = random_number(depth - 1);
	return crm_node_binary(kind, left,
						   beside(kind, left, random_number(depth - 1)));
}

static CrmNode *
random_compare(int depth)
{
	CrmNode *left = random_number(depth);
	CrmNode *right = beside(CRM_NODE_COMPARE, left, random_number(depth));

	if (random_chance(0.2))
		return crm_node_compare((int) random_between(1, 6), right, left);
	return crm_node_compare((int) random_between(1, 6), left, right);
}

static CrmNode *
random_condition(int depth)
{
	CrmNode **args;
	int		  count = (int) random_between(2, 4);

	if (depth <= 0)
		return random_compare(0);
	switch (random_between(0, 9))
	{
		case 0:
		case 1:
		case 2:
			args = crm_alloc(count * sizeof(CrmNode *));
			for (int i = 0; i < count; i++)
				args[i] = random_condition(depth - 1);
			return crm_node_logic(
				random_chance(0.5) ? CRM_NODE_AND : CRM_NODE_OR, args, count);
		case 3:
			return crm_node_unary(CRM_NODE_NOT, random_condition(depth - 1));
		case 4:
			return crm_node_unary(CRM_NODE_IS_NULL, random_number(depth - 1));
		case 5:
			return crm_node_compare((int) random_between(1, 6),
									random_condition(depth - 1),
									random_condition(depth - 1));
		default:
			return random_compare(depth - 1);
	}
}

static CrmNode *
random_stage(void)
{
	return crm_node_stage((int) random_between(-1, RANDOM_STAGES - 1));
}

/* branches on one clock, as most models begin */
static CrmNode *
random_step(CrmFact clock)
{
	static const int orders[] = {CRM_LESS, CRM_LESS, CRM_LESS | CRM_EQUAL,
								 CRM_GREATER, CRM_GREATER | CRM_EQUAL};
	int64_t			 value = random_between(-50, 1000);
	CrmNode			*bound = random_chance(0.5)
								 ? crm_node_int(CRM_TYPE_INT4, value)
								 : crm_node_number(crm_money_from_parts(value * 5, 1));

	if (random_chance(0.1))
		return crm_node_unary(
			CRM_NODE_NOT,
			crm_node_unary(CRM_NODE_IS_NULL, crm_node_fact(clock)));
	return crm_node_compare(orders[random_between(0, 4)], crm_node_fact(clock),
							bound);
}

static CrmNode *
random_stages(int depth)
{
	int		  branches = (int) random_between(1, 5);
	int		  ladder = random_chance(0.3) ? (int) random_between(0, 20) : 0;
	CrmFact	  clock = (CrmFact) random_between(CRM_FACT_DAYS_SINCE_ORDER,
											   CRM_FACT_DAYS_SINCE_REGISTERED);
	CrmNode **args =
		crm_alloc((2 * (branches + ladder) + 1) * sizeof(CrmNode *));
	CrmNode *operand = NULL;
	int		 count = 0;

	if (ladder == 0 && random_chance(0.15))
		operand = crm_node_unary(CRM_NODE_OPERAND, random_number(depth - 1));
	for (int i = 0; i < ladder; i++)
	{
		args[count++] = random_step(clock);
		args[count++] = random_stage();
	}
	for (int i = 0; i < branches; i++)
	{
		if (operand != NULL)
			args[count++] = crm_node_compare(
				CRM_EQUAL, operand,
				beside(CRM_NODE_COMPARE, operand, random_leaf()));
		else
			args[count++] = random_condition(depth);
		args[count++] = depth > 1 && random_chance(0.2)
							? random_stages(depth - 1)
							: random_stage();
	}
	if (random_chance(0.5))
		args[count++] = random_stage();
	return crm_node_case(operand, args, count, count % 2 == 1);
}

CrmModel *
random_model_compile(CrmNode *root)
{
	static const char *const names[RANDOM_STAGES] = {"a", "b", "c",
													 "d", "e", "f"};

	return crm_model_compile(root, names, RANDOM_STAGES);
}

CrmNode *
random_model(void)
{
	CrmNode *root;

	do
		root = random_stages((int) random_between(1, 3));
	while (root->size > 2000 || root->alternatives > 100);
	return root;
}
