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
#include "catalog/pg_proc.h"
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
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/regproc.h"
#include "utils/rel.h"
#include "utils/ruleutils.h"
#include "utils/syscache.h"
#include "utils/typcache.h"

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

static Oid
function_owner(Oid function)
{
	HeapTuple tuple = SearchSysCache1(PROCOID, ObjectIdGetDatum(function));
	Oid		  owner;

	if (!HeapTupleIsValid(tuple))
		ereport(ERROR, (errcode(ERRCODE_UNDEFINED_FUNCTION),
						errmsg("function with OID %u was dropped by another "
							   "session meanwhile",
							   function)));
	owner = ((Form_pg_proc) GETSTRUCT(tuple))->proowner;
	ReleaseSysCache(tuple);
	return owner;
}

/* of somebody whom the current user need not trust */
static bool
is_foreign(Oid function)
{
	Oid owner;

	if (function < FirstNormalObjectId)
		return false;
	owner = function_owner(function);
	return !superuser_arg(owner) &&
		   !is_member_of_role_nosuper(GetUserId(), owner);
}

static bool
foreign_cast(Node *node, void *context)
{
	if (node == NULL)
		return false;
	if (IsA(node, FuncExpr))
	{
		FuncExpr *call = (FuncExpr *) node;

		if (call->funcformat != COERCE_EXPLICIT_CALL &&
			call->funcformat != COERCE_SQL_SYNTAX && is_foreign(call->funcid))
			return true;
	}
	return expression_tree_walker(node, foreign_cast, context);
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
	if (foreign_cast(node, NULL))
		refuse(argument, text, "is cast by a function of another user",
			   "Call the function by its name, if it is to be trusted.");
}

static bool
is_among(const List *calls, Oid function)
{
	const char *name = format_procedure_qualified(function);
	Oid			owner = function_owner(function);
	ListCell   *cell;

	foreach (cell, calls)
	{
		const CrmCall *call = lfirst(cell);

		if (call->owner == owner && strcmp(call->function, name) == 0)
			return true;
	}
	return false;
}

static bool
add_call(Oid function, void *context)
{
	List   **calls = context;
	CrmCall *call;

	if (function < FirstNormalObjectId || is_among(*calls, function))
		return false;
	call = palloc(sizeof(CrmCall));
	call->function = format_procedure_qualified(function);
	call->owner = function_owner(function);
	*calls = lappend(*calls, call);
	return false;
}

/*
 * A domain that an expression casts to has its constraints checked: what they
 * call is called, too.
 */
static bool
walk_constraints(Node *node, bool (*walker)(Node *, void *), void *context)
{
	DomainConstraintRef *domain;
	ListCell			*cell;

	if (!IsA(node, CoerceToDomain))
		return false;
	/* it stays for as long as the memory does */
	domain = palloc(sizeof(DomainConstraintRef));
	InitDomainConstraintRef(((CoerceToDomain *) node)->resulttype, domain,
							CurrentMemoryContext, false);
	foreach (cell, domain->constraints)
	{
		const DomainConstraintState *constraint = lfirst(cell);

		if (constraint->check_expr &&
			walker((Node *) constraint->check_expr, context))
			return true;
	}
	return false;
}

static bool
add_calls(Node *node, void *context)
{
	if (node == NULL)
		return false;
	(void) check_functions_in_node(node, add_call, context);
	(void) walk_constraints(node, add_calls, context);
	return expression_tree_walker(node, add_calls, context);
}

/* a call that the definition does not have, of a function to be trusted by name */
typedef struct Stranger
{
	const List *calls;
	Oid			function;
} Stranger;

static bool
is_stranger(Oid function, void *context)
{
	Stranger *stranger = context;

	if (!is_foreign(function) || is_among(stranger->calls, function))
		return false;
	stranger->function = function;
	return true;
}

static bool
find_stranger(Node *node, void *context)
{
	if (node == NULL)
		return false;
	return check_functions_in_node(node, is_stranger, context) ||
		   walk_constraints(node, find_stranger, context) ||
		   expression_tree_walker(node, find_stranger, context);
}

/*
 * A name means the function or operator whose arguments fit best.  Who may
 * create another of that name may make one that fits better.
 */
static void
check_calls(const char *argument, const char *text, Node *node,
			const List *calls)
{
	Stranger stranger = {.calls = calls};

	if (find_stranger(node, &stranger))
		ereport(
			ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("%s \"%s\" has come to call another user's function",
					argument, text),
			 errdetail(
				 "It did not call %s, under that name and of user \"%s\", "
				 "when the stage table was created.",
				 format_procedure_qualified(stranger.function),
				 GetUserNameFromId(function_owner(stranger.function), false)),
			 errhint("Have that function dropped; or, if it is to be "
					 "trusted, call crmlife.drop_stage_table and "
					 "crmlife.create_stage_table.")));
}

static Node *
checked(Relation relation, const char *argument, const char *text,
		CrmExpressionKind kind, bool given)
{
	const char			*what[2] = {argument, text};
	ErrorContextCallback callback = {error_context_stack, parse_error_context,
									 what};
	Node				*node;

	error_context_stack = &callback;
	node = transform(relation, argument, text, given);
	error_context_stack = callback.previous;
	check_type(argument, text, node, kind);
	check_casts(argument, text, node, kind);
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
	check_calls(argument, text, checked(opened, argument, text, kind, false),
				calls);
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
	node = checked(opened, argument, text, kind, true);
	(void) add_calls(node, calls);
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
