/*
 * expression.c
 *		The expressions a stage table's owner gives for time, amount, filter
 *		and order key.
 *
 * They are parsed once, with their owner's search_path, and stored the way
 * PostgreSQL prints them, fully qualified: the refresh, which pins the path,
 * reads the same meaning.
 *
 * Invariant: what is stored is one immutable expression over the columns of
 * one relation: no subquery, no aggregate, no set, no clock.  So a row's
 * contribution changes only when the row does, which the triggers notice.
 */
#include "postgres.h"

#include "access/sysattr.h"
#include "access/table.h"
#include "access/transam.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/optimizer.h"
#include "parser/parse_coerce.h"
#include "parser/parse_collate.h"
#include "parser/parse_expr.h"
#include "parser/parse_node.h"
#include "parser/parse_relation.h"
#include "parser/parser.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/ruleutils.h"

#include "stage/calls.h"
#include "stage/expression.h"
#include "stage/statement.h"

static void
refuse(const char *argument, const char *text, const char *why,
	   const char *hint)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("%s \"%s\" %s", argument, text, why), errhint("%s", hint)));
}

static bool
is_star(Node *node)
{
	return IsA(node, ColumnRef) &&
		   IsA(llast(castNode(ColumnRef, node)->fields), A_Star);
}

/* the one expression in a text; anything else that SELECT takes is refused */
static Node *
parse_expression(const char *argument, const char *text)
{
	List	   *statements = raw_parser(text, RAW_PARSE_PLPGSQL_EXPR);
	SelectStmt *select;
	ResTarget  *target;

	/* a semicolon is none of an expression's words */
	Assert(list_length(statements) == 1);
	select = castNode(SelectStmt, linitial_node(RawStmt, statements)->stmt);
	if (list_length(select->targetList) != 1 || select->fromClause ||
		select->whereClause || select->groupClause || select->havingClause ||
		select->windowClause || select->sortClause || select->distinctClause ||
		select->limitCount || select->limitOffset || select->lockingClause ||
		select->valuesLists || select->withClause || select->intoClause ||
		select->op != SETOP_NONE)
		refuse(argument, text, "is not one expression",
			   "Give a column, or an expression over the columns of a row.");
	target = linitial_node(ResTarget, select->targetList);
	if (target->name || target->indirection)
		refuse(argument, text, "is not one expression",
			   "Leave the name behind the expression out.");
	/* the parser takes a star for an expression only inside of one */
	if (is_star(target->val))
		refuse(argument, text, "is not one expression",
			   "Give a column, or an expression over the columns of a row.");
	return target->val;
}

/* a text that is exactly a column's name means the column, however spelt */
static Node *
column_reference(const char *name)
{
	ColumnRef *column = makeNode(ColumnRef);

	column->fields = list_make1(makeString(pstrdup(name)));
	column->location = -1;
	return (Node *) column;
}

static void
parse_error_context(void *arg)
{
	const char **what = arg;

	/* the position is one in the argument, not in the statement at hand */
	if (geterrposition() > 0)
	{
		internalerrposition(geterrposition());
		internalerrquery(what[1]);
		errposition(0);
	}
	errcontext("%s \"%s\"", what[0], what[1]);
}

/* given: as a user wrote it; what is stored was printed, with its names quoted */
static Node *
transform(Relation relation, const char *argument, const char *text, bool given)
{
	ParseState		   *state = make_parsestate(NULL);
	ParseNamespaceItem *item;
	Node			   *node;
	static const char  *view_hint =
		"Put it into a view and use that as the source, with capture => "
		"'full'.";

	if (given && get_attnum(RelationGetRelid(relation), text) > 0)
		node = column_reference(text);
	else
		node = parse_expression(argument, text);
	state->p_sourcetext = text;
	item = addRangeTableEntryForRelation(state, relation, AccessShareLock, NULL,
										 false, true);
	addNSItemToQuery(state, item, false, true, true);
	node = transformExpr(state, node, EXPR_KIND_OTHER);
	if (state->p_hasSubLinks)
		refuse(argument, text, "has a subquery", view_hint);
	if (state->p_hasAggs || state->p_hasWindowFuncs)
		refuse(argument, text, "has an aggregate or window function",
			   view_hint);
	if (state->p_hasTargetSRFs || expression_returns_set(node))
		refuse(argument, text, "returns a set", view_hint);
	node = coerce_type(state, node, exprType(node),
					   exprType(node) == UNKNOWNOID ? TEXTOID : exprType(node),
					   -1, COERCION_IMPLICIT, COERCE_IMPLICIT_CAST, -1);
	assign_expr_collations(state, node);
	free_parsestate(state);
	return node;
}

static void
check_type(const char *argument, const char *text, Node *node,
		   CrmExpressionKind kind)
{
	Oid type = getBaseType(exprType(node));

	switch (kind)
	{
		case CRM_EXPRESSION_TIME:
			if (type != DATEOID && type != TIMESTAMPOID &&
				type != TIMESTAMPTZOID)
				ereport(
					ERROR,
					(errcode(ERRCODE_DATATYPE_MISMATCH),
					 errmsg("%s \"%s\" is of type %s", argument, text,
							format_type_be(exprType(node))),
					 errdetail("It must be a date, timestamp or timestamp "
							   "with time zone."),
					 errhint("Cast it, for example (%s)::timestamp.", text)));
			break;
		case CRM_EXPRESSION_AMOUNT:
			if (type != NUMERICOID && type != INT2OID && type != INT4OID &&
				type != INT8OID)
				ereport(ERROR,
						(errcode(ERRCODE_DATATYPE_MISMATCH),
						 errmsg("%s \"%s\" is of type %s", argument, text,
								format_type_be(exprType(node))),
						 errdetail("Money is exact: it must be numeric or an "
								   "integer type."),
						 errhint("Cast it, for example (%s)::numeric.", text)));
			break;
		case CRM_EXPRESSION_FILTER:
			if (type != BOOLOID)
				ereport(ERROR, (errcode(ERRCODE_DATATYPE_MISMATCH),
								errmsg("%s \"%s\" is of type %s, not boolean",
									   argument, text,
									   format_type_be(exprType(node)))));
			break;
		case CRM_EXPRESSION_ANY:
			break;
	}
}

static void
check_immutable(const char *argument, const char *text, Node *node)
{
	Node *planned = (Node *) expression_planner((Expr *) copyObject(node));

	if (contain_mutable_functions(planned))
		refuse(argument, text, "is not immutable",
			   "Its value must depend on the row alone: no now(), no "
			   "conversion that depends on the session (write at AT TIME "
			   "ZONE 'UTC'). Otherwise put it into a view and use that as "
			   "the source, with capture => 'full'.");
}

/*
 * Who owns the source may give a column another type, and that type a cast:
 * then the text would call a function that nobody has written into it.
 */
static void
check_casts(const char *argument, const char *text, Node *node,
			CrmExpressionKind kind)
{
	/* it is read as text */
	if (kind == CRM_EXPRESSION_ANY)
		node =
			coerce_to_target_type(NULL, node, exprType(node), TEXTOID, -1,
								  COERCION_EXPLICIT, COERCE_EXPLICIT_CAST, -1);
	crm_calls_check_casts(argument, text, node);
}

/* kept as names, which may come to be those of others */
static bool
find_name(Node *node, void *context)
{
	if (node == NULL)
		return false;
	if (IsA(node, Const) && !((Const *) node)->constisnull)
		switch (((Const *) node)->consttype)
		{
			case REGCLASSOID:
			case REGTYPEOID:
			case REGROLEOID:
			case REGNAMESPACEOID:
			case REGPROCOID:
			case REGPROCEDUREOID:
			case REGOPEROID:
			case REGOPERATOROID:
				return true;
		}
	return expression_tree_walker(node, find_name, context);
}

/*
 * Planning evaluates what is constant: nobody's function is called before it has
 * been looked at whose it is.  Of what a user gives now, that is the user's task.
 */
static Node *
checked(Relation relation, const char *argument, const char *text,
		CrmExpressionKind kind, const List *calls, bool given)
{
	const char			*what[2] = {argument, text};
	ErrorContextCallback callback = {error_context_stack, parse_error_context,
									 what};
	Node				*node;

	error_context_stack = &callback;
	if (!given)
		crm_calls_check_literals(argument, text,
								 parse_expression(argument, text), calls);
	node = transform(relation, argument, text, given);
	error_context_stack = callback.previous;
	check_type(argument, text, node, kind);
	check_casts(argument, text, node, kind);
	if (!given)
		crm_calls_check(argument, text, node, calls);
	check_immutable(argument, text, node);
	return node;
}

void
crm_recheck_expression(Oid relation, const char *argument, const char *text,
					   CrmExpressionKind kind, const List *calls)
{
	Relation opened;

	if (text == NULL)
		return;
	opened = table_open(relation, AccessShareLock);
	(void) checked(opened, argument, text, kind, calls, false);
	table_close(opened, NoLock);
}

char *
crm_check_expression(Oid relation, const char *argument, const char *text,
					 CrmExpressionKind kind, List **calls)
{
	Relation	opened;
	Node	   *node;
	CrmIdentity saved;
	char	   *result;

	if (text == NULL)
		return NULL;
	opened = table_open(relation, AccessShareLock);
	node = checked(opened, argument, text, kind, NIL, true);
	if (find_name(node, NULL))
		refuse(argument, text, "has a relation, type, role or function by name",
			   "It may come to be the name of another. Tell the rows by a "
			   "column.");
	crm_calls_note(node, calls);
	crm_pin_search_path(&saved);
	/* it is read under these, whatever it was written under */
	crm_pin_text();
	result = deparse_expression(
		node, deparse_context_for(RelationGetRelationName(opened), relation),
		false, false);
	crm_revert_identity(&saved);
	table_close(opened, AccessShareLock);
	return result;
}

static bool
add_types(Node *node, void *context)
{
	List **types = context;
	Oid	   type;

	if (node == NULL)
		return false;
	type = crm_made_type(node);
	if (type >= FirstNormalObjectId)
		*types = list_append_unique_oid(*types, type);
	return expression_tree_walker(node, add_types, context);
}

void
crm_expression_types(Relation relation, const char *text, List **types)
{
	CrmIdentity saved;

	crm_pin_search_path(&saved);
	(void) add_types(transform(relation, "expression", text, false), types);
	crm_revert_identity(&saved);
}

bool
crm_expression_columns(Relation relation, const char *text, Bitmapset **columns)
{
	Bitmapset  *read = NULL;
	CrmIdentity saved;
	int			number = -1;

	crm_pin_search_path(&saved);
	pull_varattnos(transform(relation, "expression", text, false), 1, &read);
	crm_revert_identity(&saved);
	while ((number = bms_next_member(read, number)) >= 0)
	{
		int column = number + FirstLowInvalidHeapAttributeNumber;

		if (column <= 0)
			return false;
		*columns = bms_add_member(*columns, column);
	}
	return true;
}
