/*
 * model_walk.c
 *		The language of stage models: a whitelist over raw parse nodes.
 *
 * What is not listed here is refused, at its place in the text, so nothing of
 * SQL enters a model by accident: no function, no cast, no subquery, no name
 * but facts and thresholds.  Types follow PostgreSQL's own rules for the same
 * expression.
 *
 * Invariant: a node that is returned has been checked: types and clocks fit,
 * and it keeps within the limits of model_tree.h.
 */
#include "postgres.h"

#include <ctype.h>

#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "nodes/nodeFuncs.h"
#include "nodes/parsenodes.h"
#include "nodes/value.h"
#include "utils/builtins.h"

#include "compat.h"
#include "functions/model_walk.h"
#include "functions/numeric_money.h"

#define FACT_HINT                                                  \
	"Facts are orders, order_days, revenue, average_order, "       \
	"days_since_order, days_since_first_order, days_since_visit, " \
	"days_since_active, days_since_registered, orders_in(days), "  \
	"revenue_in(days) and visits_in(days)."

/* more days than there are */
#define LONGEST_WINDOW INT64CONST(10000000000)

static CrmNode *walk_value(CrmWalk *walk, Node *node);

int
crm_model_errposition(const CrmModelText *parts, int location)
{
	if (location < 0)
		return 0;
	return errposition(pg_mbstrlen_with_len(parts->text, location) + 1);
}

pg_noreturn static void
refuse(const CrmWalk *walk, int location, int code, const char *message,
	   const char *hint)
{
	ereport(ERROR, (errcode(code), errmsg_internal("%s", message),
					hint ? errhint("%s", hint) : 0,
					crm_model_errposition(walk->parts, location)));
	pg_unreachable();
}

static int
place_of(Node *node)
{
	/* PostgreSQL knows no place of these */
	while (IsA(node, A_Indirection))
		node = castNode(A_Indirection, node)->arg;
	return exprLocation(node);
}

/*
 * A node that breaks no limit.  What depends on the day is looked at for each
 * of its alternatives when a change of the stage is searched for.
 */
static CrmNode *
checked(CrmWalk *walk, CrmNode *node, int location)
{
	if (node->clock != CRM_CLOCK_NONE || node->kind == CRM_NODE_COMPARE)
		walk->alternatives += node->alternatives;
	if (node->depth > CRM_MODEL_MAX_DEPTH || node->size > CRM_MODEL_MAX_SIZE)
		refuse(walk, location, ERRCODE_STATEMENT_TOO_COMPLEX,
			   "stage model is too complex",
			   psprintf("A model may be nested %d levels deep and have %d "
						"operations.",
						CRM_MODEL_MAX_DEPTH, CRM_MODEL_MAX_SIZE));
	if ((node->alternatives > CRM_MODEL_MAX_ALTERNATIVES &&
		 node->type != CRM_TYPE_STAGE) ||
		walk->alternatives > CRM_MODEL_MAX_FLIPS)
		refuse(walk, location, ERRCODE_STATEMENT_TOO_COMPLEX,
			   "too many clocks and nested CASE expressions",
			   psprintf("The results of nested CASEs may combine in %d ways in "
						"one comparison, and all comparisons in %d.",
						CRM_MODEL_MAX_ALTERNATIVES, CRM_MODEL_MAX_FLIPS));
	return node;
}

static void
check_pair(const CrmWalk *walk, CrmNodeKind kind, const CrmNode *left,
		   const CrmNode *right, int location)
{
	const CrmProblem *problem = crm_node_problem(kind, left, right);

	if (problem != NULL)
		refuse(walk, location,
			   problem->of_types ? ERRCODE_DATATYPE_MISMATCH
								 : ERRCODE_FEATURE_NOT_SUPPORTED,
			   problem->message, problem->hint);
}

static CrmNode *
compare(CrmWalk *walk, int orders, CrmNode *left, CrmNode *right, int location)
{
	check_pair(walk, CRM_NODE_COMPARE, left, right, location);
	return checked(walk, crm_node_compare(orders, left, right), location);
}

static CrmNode *
logic(CrmWalk *walk, CrmNodeKind kind, CrmNode *left, CrmNode *right,
	  int location)
{
	CrmNode **args = palloc(2 * sizeof(CrmNode *));

	args[0] = left;
	args[1] = right;
	return checked(walk, crm_node_logic(kind, args, 2), location);
}

/* ---- leaves ---- */

/* the type that PostgreSQL gives a number too large for its own int4 */
static CrmNode *
walk_float(const char *digits)
{
	char *end;
	int64 value;

	errno = 0;
	value = strtoll(digits, &end, 10);
	if (errno == 0 && *end == '\0')
		return crm_node_int(value >= PG_INT32_MIN && value <= PG_INT32_MAX
								? CRM_TYPE_INT4
								: CRM_TYPE_INT8,
							value);
	return crm_node_number(crm_money_from_numeric_datum(
		DirectFunctionCall3(numeric_in, CStringGetDatum(digits),
							ObjectIdGetDatum(InvalidOid), Int32GetDatum(-1))));
}

static CrmNode *
walk_const(const CrmWalk *walk, const A_Const *constant)
{
	if (constant->isnull)
		refuse(walk, constant->location, ERRCODE_FEATURE_NOT_SUPPORTED,
			   "NULL can't stand in a stage model",
			   "Ask with IS NULL or IS NOT NULL.");
	if (IsA(&constant->val, Integer))
		return crm_node_int(CRM_TYPE_INT4, constant->val.ival.ival);
	if (IsA(&constant->val, Float))
		return walk_float(constant->val.fval.fval);
	if (IsA(&constant->val, String))
		refuse(walk, constant->location, ERRCODE_DATATYPE_MISMATCH,
			   "a string may stand only as a stage, after THEN or ELSE",
			   "Stages are the results of the outermost CASE, and of a CASE "
			   "that stands there as a result.");
	refuse(walk, constant->location, ERRCODE_FEATURE_NOT_SUPPORTED,
		   "only numbers may stand as constants in a stage model", NULL);
}

static CrmNode *
walk_threshold(const CrmWalk *walk, const CrmThreshold *threshold, int location)
{
	if (!threshold->bound && walk->for_use)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("threshold \"%s\" of the stage model has no value",
						threshold->name),
				 errhint("Bind it: with_threshold(model, '%s', value).",
						 threshold->name),
				 crm_model_errposition(walk->parts, location)));
	if (!threshold->bound && walk->free_thresholds)
		return crm_node_free((int) (threshold - walk->parts->thresholds));
	if (threshold->value == NULL)
		return crm_node_null(CRM_TYPE_NUMERIC);
	return crm_node_number(
		crm_money_from_numeric_datum(NumericGetDatum(threshold->value)));
}

static CrmNode *
walk_name(const CrmWalk *walk, const ColumnRef *reference)
{
	const CrmModelText *parts = walk->parts;
	Node			   *field = linitial(reference->fields);
	const char		   *name;
	CrmFact				fact;

	if (list_length(reference->fields) != 1 || !IsA(field, String))
		refuse(walk, reference->location, ERRCODE_FEATURE_NOT_SUPPORTED,
			   "a stage model knows only simple names", FACT_HINT);
	name = strVal(field);
	for (int i = 0; i < parts->count; i++)
		if (strcmp(parts->thresholds[i].name, name) == 0)
			return walk_threshold(walk, &parts->thresholds[i],
								  reference->location);
	if (!crm_fact_from_name(name, &fact))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_COLUMN),
				 errmsg("\"%s\" is neither a fact nor a threshold of the stage "
						"model",
						name),
				 errhint("%s A threshold is declared after the CASE: "
						 "END WITH (%s = 30).",
						 FACT_HINT, name),
				 crm_model_errposition(parts, reference->location)));
	if (walk->conditional)
		refuse(walk, reference->location, ERRCODE_FEATURE_NOT_SUPPORTED,
			   "REQUIRE speaks of thresholds, not of facts", NULL);
	if (crm_fact_is_window(fact))
		refuse(walk, reference->location, ERRCODE_SYNTAX_ERROR,
			   psprintf("%s needs the days of its window", name),
			   psprintf("Write %s(90), or %s(some_threshold).", name, name));
	return crm_node_fact(fact);
}

/* ---- windows ---- */

/*
 * The last so many days are those of age 0, 1, ... below the number, which
 * need not be whole: age < 7.5 is age < 8.
 */
static int64
window_days(const CrmWalk *walk, const CrmNode *days, int location)
{
	CrmMoney number = days->number;
	crm_i128 whole = number.mantissa;
	bool	 fraction = false;

	if (crm_money_sign(number) < 0)
		refuse(walk, location, ERRCODE_INVALID_PARAMETER_VALUE,
			   "a window can't have a negative number of days", NULL);
	if (number.wide != NULL ||
		crm_money_cmp(number, crm_money_from_int64(LONGEST_WINDOW)) > 0)
		return LONGEST_WINDOW;
	for (int i = 0; i < number.scale && whole != 0; i++)
	{
		fraction |= whole % 10 != 0;
		whole /= 10;
	}
	return (int64) whole + fraction;
}

static bool
is_plain_call(const FuncCall *call)
{
	return list_length(call->funcname) == 1 && list_length(call->args) == 1 &&
		   call->agg_order == NIL && call->agg_filter == NULL &&
		   call->over == NULL && !call->agg_within_group && !call->agg_star &&
		   !call->agg_distinct && !call->func_variadic;
}

static CrmNode *
walk_window(CrmWalk *walk, const FuncCall *call, CrmFact fact)
{
	const char *name = crm_fact_name(fact);
	CrmNode	   *days = NULL;

	if (walk->conditional)
		refuse(walk, call->location, ERRCODE_FEATURE_NOT_SUPPORTED,
			   "REQUIRE speaks of thresholds, not of facts", NULL);
	if (is_plain_call(call))
		days = walk_value(walk, linitial(call->args));
	/* some days, while it is not known how many */
	if (days != NULL && days->kind == CRM_NODE_FREE)
		return crm_node_window(fact, 30);
	if (days == NULL || days->type == CRM_TYPE_BOOL ||
		(days->kind != CRM_NODE_CONST && days->kind != CRM_NODE_NULL))
		refuse(walk, call->location, ERRCODE_FEATURE_NOT_SUPPORTED,
			   psprintf("the days of %s must be a number or a threshold", name),
			   psprintf("Write %s(90), or %s(some_threshold).", name, name));
	if (days->kind == CRM_NODE_NULL)
		return crm_node_null(fact == CRM_FACT_REVENUE_IN ? CRM_TYPE_NUMERIC
														 : CRM_TYPE_INT8);
	return crm_node_window(
		fact, window_days(walk, days, exprLocation(linitial(call->args))));
}

/* ---- operators ---- */

static const struct
{
	const char *name;
	int			orders;
} comparisons[] = {{"=", CRM_EQUAL},   {"<>", CRM_LESS | CRM_GREATER},
				   {"<", CRM_LESS},	   {"<=", CRM_LESS | CRM_EQUAL},
				   {">", CRM_GREATER}, {">=", CRM_GREATER | CRM_EQUAL}};

static const struct
{
	const char *name;
	CrmNodeKind kind;
} operations[] = {{"+", CRM_NODE_ADD},
				  {"-", CRM_NODE_SUB},
				  {"*", CRM_NODE_MUL},
				  {"/", CRM_NODE_DIV}};

static CrmNode *
walk_sign(CrmWalk *walk, const A_Expr *expression, const char *name)
{
	CrmNode *arg = walk_value(walk, expression->rexpr);

	if (arg->type == CRM_TYPE_BOOL)
		refuse(walk, expression->location, ERRCODE_DATATYPE_MISMATCH,
			   "a sign needs a number", NULL);
	if (strcmp(name, "+") == 0)
		return arg;
	return checked(walk, crm_node_unary(CRM_NODE_NEG, arg),
				   expression->location);
}

static CrmNode *
walk_operator(CrmWalk *walk, const A_Expr *expression)
{
	const char *name = strVal(llast(expression->name));
	bool		plain = list_length(expression->name) == 1;
	int			location = expression->location;
	CrmNode	   *left;
	CrmNode	   *right;

	if (plain && expression->lexpr == NULL &&
		(strcmp(name, "-") == 0 || strcmp(name, "+") == 0))
		return walk_sign(walk, expression, name);
	for (int i = 0; plain && expression->lexpr && i < lengthof(comparisons);
		 i++)
		if (strcmp(comparisons[i].name, name) == 0)
		{
			left = walk_value(walk, expression->lexpr);
			right = walk_value(walk, expression->rexpr);
			return compare(walk, comparisons[i].orders, left, right, location);
		}
	for (int i = 0; plain && expression->lexpr && i < lengthof(operations); i++)
		if (strcmp(operations[i].name, name) == 0)
		{
			left = walk_value(walk, expression->lexpr);
			right = walk_value(walk, expression->rexpr);
			check_pair(walk, operations[i].kind, left, right, location);
			return checked(walk,
						   crm_node_binary(operations[i].kind, left, right),
						   location);
		}
	refuse(walk, location, ERRCODE_FEATURE_NOT_SUPPORTED,
		   psprintf("operator %s can't stand in a stage model", name),
		   "A model may use = <> < <= > >= + - * / AND OR NOT BETWEEN IN "
		   "IS NULL and CASE.");
}

/*
 * As PostgreSQL does it: a BETWEEN b AND c is a >= b AND a <= c, SYMMETRIC is
 * that, or the same with b and c exchanged.
 */
static CrmNode *
walk_between(CrmWalk *walk, const A_Expr *expression)
{
	A_Expr_Kind kind = expression->kind;
	bool  negated = kind == AEXPR_NOT_BETWEEN || kind == AEXPR_NOT_BETWEEN_SYM;
	List *bounds = castNode(List, expression->rexpr);
	int	  at = expression->location;
	int	  low = negated ? CRM_LESS : CRM_GREATER | CRM_EQUAL;
	int	  high = negated ? CRM_GREATER : CRM_LESS | CRM_EQUAL;
	CrmNodeKind within = negated ? CRM_NODE_OR : CRM_NODE_AND;
	CrmNode	   *value = walk_value(walk, expression->lexpr);
	CrmNode	   *b = walk_value(walk, linitial(bounds));
	CrmNode	   *c = walk_value(walk, lsecond(bounds));
	CrmNode	   *plain = logic(walk, within, compare(walk, low, value, b, at),
							  compare(walk, high, value, c, at), at);

	if (kind == AEXPR_BETWEEN || kind == AEXPR_NOT_BETWEEN)
		return plain;
	return logic(walk, negated ? CRM_NODE_AND : CRM_NODE_OR, plain,
				 logic(walk, within, compare(walk, low, value, c, at),
					   compare(walk, high, value, b, at), at),
				 at);
}

static bool
reads_fact(const CrmNode *node)
{
	if (node->kind == CRM_NODE_FACT)
		return true;
	for (int i = 0; i < node->count; i++)
		if (reads_fact(node->args[i]))
			return true;
	return node->operand != NULL && reads_fact(node->operand);
}

/*
 * PostgreSQL makes one array of the constants of a list, if they are two or
 * more, and looks there first; the order matters where an element raises.
 */
static CrmNode *
walk_in(CrmWalk *walk, const A_Expr *expression)
{
	bool	  negated = strcmp(strVal(linitial(expression->name)), "<>") == 0;
	int		  orders = negated ? CRM_LESS | CRM_GREATER : CRM_EQUAL;
	int		  at = expression->location;
	List	 *constant = NIL;
	List	 *variable = NIL;
	List	 *ordered = NIL;
	CrmNode	 *value = walk_value(walk, expression->lexpr);
	CrmNode **args;
	int		  count = 0;
	ListCell *cell;

	foreach (cell, castNode(List, expression->rexpr))
	{
		CrmNode *element = walk_value(walk, lfirst(cell));
		CrmNode *test = compare(walk, orders, value, element,
								exprLocation((Node *) lfirst(cell)));

		ordered = lappend(ordered, test);
		if (reads_fact(element))
			variable = lappend(variable, test);
		else
			constant = lappend(constant, test);
	}
	if (list_length(constant) > 1)
		ordered = list_concat(constant, variable);
	args = palloc(list_length(ordered) * sizeof(CrmNode *));
	foreach (cell, ordered)
		args[count++] = lfirst(cell);
	return checked(
		walk, crm_node_logic(negated ? CRM_NODE_AND : CRM_NODE_OR, args, count),
		at);
}

static CrmNode *
walk_expression(CrmWalk *walk, const A_Expr *expression)
{
	switch (expression->kind)
	{
		case AEXPR_OP:
			return walk_operator(walk, expression);
		case AEXPR_IN:
			return walk_in(walk, expression);
		case AEXPR_BETWEEN:
		case AEXPR_NOT_BETWEEN:
		case AEXPR_BETWEEN_SYM:
		case AEXPR_NOT_BETWEEN_SYM:
			return walk_between(walk, expression);
		default:
			refuse(walk, expression->location, ERRCODE_FEATURE_NOT_SUPPORTED,
				   "this operator can't stand in a stage model",
				   "A model may use = <> < <= > >= + - * / AND OR NOT BETWEEN "
				   "IN IS NULL and CASE.");
	}
}

static CrmNode *
condition(CrmWalk *walk, Node *node)
{
	CrmNode *result = walk_value(walk, node);

	if (result->type != CRM_TYPE_BOOL)
		refuse(walk, exprLocation(node), ERRCODE_DATATYPE_MISMATCH,
			   "a condition is expected here, not a number", NULL);
	return result;
}

static CrmNode *
walk_bool(CrmWalk *walk, const BoolExpr *expression)
{
	CrmNode **args;
	int		  count = 0;
	ListCell *cell;

	if (expression->boolop == NOT_EXPR)
		return checked(
			walk,
			crm_node_unary(CRM_NODE_NOT,
						   condition(walk, linitial(expression->args))),
			expression->location);
	args = palloc(list_length(expression->args) * sizeof(CrmNode *));
	foreach (cell, expression->args)
		args[count++] = condition(walk, lfirst(cell));
	return checked(walk,
				   crm_node_logic(expression->boolop == AND_EXPR ? CRM_NODE_AND
																 : CRM_NODE_OR,
								  args, count),
				   expression->location);
}

static CrmNode *
walk_null_test(CrmWalk *walk, const NullTest *test)
{
	CrmNode *arg = walk_value(walk, (Node *) test->arg);
	CrmNode *result = crm_node_unary(CRM_NODE_IS_NULL, arg);

	if (test->nulltesttype == IS_NOT_NULL)
		result = crm_node_unary(CRM_NODE_NOT, result);
	return checked(walk, result, test->location);
}

/* ---- CASE ---- */

static CrmNode *
walk_stage_name(CrmWalk *walk, const A_Const *constant)
{
	const char *name = constant->val.sval.sval;
	int			size = (int) strlen(name);
	ListCell   *cell;

	if (size == 0 || size >= NAMEDATALEN)
		refuse(walk, constant->location, ERRCODE_INVALID_PARAMETER_VALUE,
			   size == 0 ? "a stage can't have an empty name"
						 : "name of a stage is too long",
			   psprintf("A stage's name has 1 to %d bytes.", NAMEDATALEN - 1));
	for (int i = 0; i < size; i++)
		if (iscntrl((unsigned char) name[i]) ||
			(name[i] == ' ' && (i == 0 || i == size - 1)))
			refuse(walk, constant->location, ERRCODE_INVALID_PARAMETER_VALUE,
				   "a stage's name can't have control characters, nor begin "
				   "or end with a space",
				   NULL);
	if (strcmp(name, CRM_UNCLASSIFIED) == 0)
		return crm_node_stage(-1);
	foreach (cell, walk->stages)
		if (strcmp(lfirst(cell), name) == 0)
			return crm_node_stage(foreach_current_index(cell));
	if (list_length(walk->stages) >= CRM_MODEL_MAX_STAGES)
		refuse(walk, constant->location, ERRCODE_PROGRAM_LIMIT_EXCEEDED,
			   "too many stages",
			   psprintf("A model may have %d stages.", CRM_MODEL_MAX_STAGES));
	walk->stages = lappend(walk->stages, pstrdup(name));
	return crm_node_stage(list_length(walk->stages) - 1);
}

static CrmNode *
walk_case(CrmWalk *walk, const CaseExpr *expression, bool of_stages);

static CrmNode *
new_leaf(CrmWalk *walk, const char *stage, bool by_when, bool written)
{
	CrmLeaf *leaf = palloc(sizeof(CrmLeaf));

	leaf->stage = stage;
	leaf->branch = walk->path;
	leaf->tested = list_copy(walk->tested);
	leaf->by_when = by_when;
	leaf->written = written;
	walk->leaves = lappend(walk->leaves, leaf);
	return crm_node_stage(list_length(walk->leaves) - 1);
}

/* a result of a CASE whose results are stages */
static CrmNode *
walk_stage(CrmWalk *walk, Node *node, bool by_when)
{
	if (IsA(node, A_Const))
	{
		A_Const *constant = castNode(A_Const, node);

		if (!constant->isnull && IsA(&constant->val, String))
		{
			CrmNode *stage = walk_stage_name(walk, constant);

			if (walk->of_leaves)
				return new_leaf(walk, constant->val.sval.sval, by_when, true);
			return stage;
		}
	}
	if (IsA(node, CaseExpr))
		return walk_case(walk, castNode(CaseExpr, node), true);
	refuse(walk, place_of(node), ERRCODE_DATATYPE_MISMATCH,
		   "a stage is expected here: its name in quotes",
		   "No branch, or no ELSE, means 'unclassified'.");
}

static CrmNode *
walk_result(CrmWalk *walk, Node *node, bool of_stages, bool by_when,
			const CrmNode *first)
{
	CrmNode *result =
		of_stages ? walk_stage(walk, node, by_when) : walk_value(walk, node);

	if (first != NULL &&
		(first->type == CRM_TYPE_BOOL) != (result->type == CRM_TYPE_BOOL))
		refuse(walk, exprLocation(node), ERRCODE_DATATYPE_MISMATCH,
			   "results of a CASE must be all numbers or all conditions", NULL);
	return result;
}

/* the condition of a WHEN; in a simple CASE the operand's comparison with it */
static CrmNode *
walk_when(CrmWalk *walk, const CaseWhen *when, CrmNode *operand)
{
	if (++walk->branches > CRM_MODEL_MAX_BRANCHES)
		refuse(
			walk, when->location, ERRCODE_PROGRAM_LIMIT_EXCEEDED,
			"too many branches",
			psprintf("A model may have %d branches.", CRM_MODEL_MAX_BRANCHES));
	if (operand == NULL)
		return condition(walk, (Node *) when->expr);
	return compare(walk, CRM_EQUAL, operand,
				   walk_value(walk, (Node *) when->expr),
				   exprLocation((Node *) when->expr));
}

/* the way goes on below branch `number`; 0: ELSE */
static void
enter_branch(CrmWalk *walk, const CaseExpr *expression, const CaseWhen *when,
			 CrmNode *condition, const char *path, int number)
{
	const char *dot = *path == '\0' ? "" : ".";

	if (!walk->of_leaves)
		return;
	walk->path = number > 0 ? psprintf("%s%s%d", path, dot, number)
							: psprintf("%s%selse", path, dot);
	if (when != NULL)
	{
		CrmTested *tested = palloc(sizeof(CrmTested));

		tested->condition = condition;
		tested->case_at = expression->location;
		tested->when_at = when->location;
		tested->simple = expression->arg != NULL;
		walk->tested = lappend(walk->tested, tested);
	}
}

static CrmNode *
walk_case(CrmWalk *walk, const CaseExpr *expression, bool of_stages)
{
	bool	  has_else = expression->defresult != NULL;
	CrmNode **args =
		palloc((2 * list_length(expression->args) + 1) * sizeof(CrmNode *));
	CrmNode	   *operand = NULL;
	CrmNode	   *first = NULL;
	int			count = 0;
	int			tested = list_length(walk->tested);
	const char *path = walk->path ? walk->path : "";
	ListCell   *cell;

	check_stack_depth();
	/* its first condition finds that too deep, if it is */
	walk->depth++;
	if (expression->arg != NULL)
	{
		operand = walk_value(walk, (Node *) expression->arg);
		/* a fact or a constant may as well be looked at again */
		if (operand->kind != CRM_NODE_FACT && operand->kind != CRM_NODE_CONST)
			operand = crm_node_unary(CRM_NODE_OPERAND, operand);
	}
	foreach (cell, expression->args)
	{
		CaseWhen *when = castNode(CaseWhen, lfirst(cell));

		args[count++] = walk_when(walk, when, operand);
		if (of_stages)
			enter_branch(walk, expression, when, args[count - 1], path,
						 foreach_current_index(cell) + 1);
		args[count++] =
			walk_result(walk, (Node *) when->result, of_stages, true, first);
		first = args[1];
	}
	if (of_stages)
		enter_branch(walk, expression, NULL, NULL, path, 0);
	if (has_else)
		args[count++] = walk_result(walk, (Node *) expression->defresult,
									of_stages, false, first);
	else if (of_stages && walk->of_leaves)
	{
		args[count++] = new_leaf(walk, CRM_UNCLASSIFIED, false, false);
		has_else = true;
	}
	walk->tested = list_truncate(walk->tested, tested);
	walk->path = path;
	if (operand != NULL && operand->kind != CRM_NODE_OPERAND)
		operand = NULL;
	walk->depth--;
	return checked(walk, crm_node_case(operand, args, count, has_else),
				   expression->location);
}

/* ---- what is refused ---- */

pg_noreturn static void
refuse_function(const CrmWalk *walk, const FuncCall *call)
{
	static const char *const later[] = {"events_in", "days_since_event"};
	const char				*name = strVal(llast(call->funcname));

	for (int i = 0; i < lengthof(later); i++)
		if (strcmp(later[i], name) == 0)
			refuse(
				walk, call->location, ERRCODE_FEATURE_NOT_SUPPORTED,
				psprintf("fact %s(...) is not supported by this version", name),
				FACT_HINT);
	refuse(walk, call->location, ERRCODE_FEATURE_NOT_SUPPORTED,
		   psprintf("function %s can't be called in a stage model", name),
		   "A model consists of facts, thresholds, numbers, operators and "
		   "CASE. " FACT_HINT);
}

static const char *
describe(const Node *node)
{
	switch (nodeTag(node))
	{
		case T_SubLink:
			return "a subquery";
		case T_TypeCast:
			return "a cast";
		case T_ParamRef:
			return "a parameter";
		case T_A_ArrayExpr:
			return "an array";
		case T_RowExpr:
			return "a row";
		case T_CoalesceExpr:
			return "COALESCE";
		case T_MinMaxExpr:
			return "GREATEST or LEAST";
		case T_SQLValueFunction:
			return "the current date, time or user";
		case T_BooleanTest:
			return "IS TRUE, IS FALSE or IS UNKNOWN";
		case T_A_Indirection:
			return "a subscript or field";
		case T_CollateClause:
			return "COLLATE";
		default:
			return "this expression";
	}
}

static CrmNode *
walk_call(CrmWalk *walk, const FuncCall *call)
{
	CrmFact fact;

	if (!crm_fact_from_name(strVal(llast(call->funcname)), &fact) ||
		!crm_fact_is_window(fact))
		refuse_function(walk, call);
	return walk_window(walk, call, fact);
}

pg_noreturn static void
refuse_node(const CrmWalk *walk, Node *node)
{
	refuse(walk, place_of(node), ERRCODE_FEATURE_NOT_SUPPORTED,
		   psprintf("%s can't stand in a stage model", describe(node)),
		   "A model consists of facts, thresholds, numbers, operators and "
		   "CASE.");
}

/* a number or a condition */
static CrmNode *
walk_value(CrmWalk *walk, Node *node)
{
	CrmNode *result;

	check_stack_depth();
	if (++walk->depth > CRM_MODEL_MAX_DEPTH)
		refuse(walk, place_of(node), ERRCODE_STATEMENT_TOO_COMPLEX,
			   "stage model is nested too deeply", NULL);
	switch (nodeTag(node))
	{
		case T_A_Const:
			result = walk_const(walk, castNode(A_Const, node));
			break;
		case T_ColumnRef:
			result = walk_name(walk, castNode(ColumnRef, node));
			break;
		case T_A_Expr:
			result = walk_expression(walk, castNode(A_Expr, node));
			break;
		case T_BoolExpr:
			result = walk_bool(walk, castNode(BoolExpr, node));
			break;
		case T_NullTest:
			result = walk_null_test(walk, castNode(NullTest, node));
			break;
		case T_CaseExpr:
			result = walk_case(walk, castNode(CaseExpr, node), false);
			break;
		case T_FuncCall:
			result = walk_call(walk, castNode(FuncCall, node));
			break;
		default:
			refuse_node(walk, node);
	}
	walk->depth--;
	return result;
}

CrmNode *
crm_walk_model(CrmWalk *walk, Node *expression)
{
	return walk_case(walk, castNode(CaseExpr, expression), true);
}

CrmNode *
crm_walk_condition(CrmWalk *walk, Node *expression)
{
	return condition(walk, expression);
}
