/*
 * calls.c
 *		Whose functions an expression calls.
 *
 * It is evaluated with the rights of the stage table's owner, who has trusted
 * what it called when it was given: functions, and domains that it casts to, for
 * a cast has their constraints checked.  These are noted with the definition:
 *
 *		function   its name and arguments' types    and who owns it
 *		domain     its name and constraints         and who owns it
 *
 * Who may create a function, an operator, a cast or a constraint may have the
 * same text call another one.  What is another user's and is not noted is refused.
 *
 * Invariant: nothing is called before it has been looked at.  A literal is read
 * when it is parsed, and planning evaluates what is constant.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/skey.h"
#include "access/stratnum.h"
#include "access/table.h"
#include "access/transam.h"
#include "catalog/indexing.h"
#include "catalog/pg_constraint.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "nodes/nodeFuncs.h"
#include "parser/parse_type.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/regproc.h"
#include "utils/syscache.h"

#include "stage/calls.h"
#include "stage/statement.h"

/* ----- functions ----- */

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
is_foreigner(Oid owner)
{
	return !superuser_arg(owner) &&
		   !is_member_of_role_nosuper(GetUserId(), owner);
}

static bool
is_foreign(Oid function)
{
	return function >= FirstNormalObjectId &&
		   is_foreigner(function_owner(function));
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

void
crm_calls_check_casts(const char *argument, const char *text, Node *node)
{
	if (foreign_cast(node, NULL))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("%s \"%s\" is cast by a function of another user",
						argument, text),
				 errhint("Call the function by its name, if it is to be "
						 "trusted.")));
}

/* ----- notes ----- */

static bool
is_noted(const List *calls, const char *name, Oid owner)
{
	ListCell *cell;

	foreach (cell, calls)
	{
		const CrmCall *call = lfirst(cell);

		if (call->owner == owner && strcmp(call->name, name) == 0)
			return true;
	}
	return false;
}

static void
note(List **calls, char *name, Oid owner)
{
	CrmCall *call;

	if (is_noted(*calls, name, owner))
		return;
	call = palloc(sizeof(CrmCall));
	call->name = name;
	call->owner = owner;
	*calls = lappend(*calls, call);
}

/* ----- domains, whose constraints are checked by whoever casts to them ----- */

Oid
crm_made_type(Node *node)
{
	switch (nodeTag(node))
	{
		case T_Const:
		case T_FuncExpr:
		case T_OpExpr:
		case T_RelabelType:
		case T_CoerceToDomain:
		case T_CoerceViaIO:
		case T_ArrayCoerceExpr:
		case T_ConvertRowtypeExpr:
		case T_ArrayExpr:
		case T_RowExpr:
			return exprType(node);
		default:
			return InvalidOid;
	}
}

typedef bool (*DomainVisitor)(Oid domain, Oid owner, void *context);

static bool visit_domains(Oid type, DomainVisitor visit, void *context);

static bool
visit_domains_of_attributes(Oid relation, DomainVisitor visit, void *context)
{
	HeapTuple tuple;

	for (int i = 1; HeapTupleIsValid(
			 tuple = SearchSysCache2(ATTNUM, ObjectIdGetDatum(relation),
									 Int16GetDatum(i)));
		 i++)
	{
		Oid type = ((Form_pg_attribute) GETSTRUCT(tuple))->atttypid;

		ReleaseSysCache(tuple);
		if (visit_domains(type, visit, context))
			return true;
	}
	return false;
}

/* the domains that a type is, or has within it, until one says that it is it */
static bool
visit_domains(Oid type, DomainVisitor visit, void *context)
{
	HeapTuple		 tuple;
	FormData_pg_type form;

	check_stack_depth();
	if (type < FirstNormalObjectId)
		return false;
	tuple = SearchSysCache1(TYPEOID, ObjectIdGetDatum(type));
	if (!HeapTupleIsValid(tuple))
		return false;
	form = *(Form_pg_type) GETSTRUCT(tuple);
	ReleaseSysCache(tuple);
	switch (form.typtype)
	{
		case TYPTYPE_DOMAIN:
			return visit(type, form.typowner, context) ||
				   visit_domains(form.typbasetype, visit, context);
		case TYPTYPE_COMPOSITE:
			return visit_domains_of_attributes(form.typrelid, visit, context);
		case TYPTYPE_RANGE:
			return visit_domains(get_range_subtype(type), visit, context);
		case TYPTYPE_MULTIRANGE:
			return visit_domains(get_multirange_range(type), visit, context);
		default:
			return OidIsValid(form.typelem) &&
				   visit_domains(form.typelem, visit, context);
	}
}

static int
compare_texts(const ListCell *a, const ListCell *b)
{
	return strcmp(lfirst(a), lfirst(b));
}

/* one that came after the transaction's snapshot cannot be told, and is strange */
static char *
constraint_definition(Oid constraint)
{
	LOCAL_FCINFO(call, 1);
	Datum definition;

	InitFunctionCallInfoData(*call, NULL, 1, InvalidOid, NULL, NULL);
	call->args[0].value = ObjectIdGetDatum(constraint);
	call->args[0].isnull = false;
	definition = pg_get_constraintdef(call);
	return call->isnull ? psprintf("CHECK %u", constraint)
						: TextDatumGetCString(definition);
}

/* a domain with its own constraints, as it is kept */
static char *
domain_signature(Oid domain)
{
	StringInfoData signature;
	Relation	   constraints;
	ScanKeyData	   key;
	SysScanDesc	   scan;
	HeapTuple	   tuple;
	List		  *checks = NIL;
	ListCell	  *cell;
	CrmIdentity	   saved;

	crm_pin_search_path(&saved);
	crm_pin_text();
	constraints = table_open(ConstraintRelationId, AccessShareLock);
	ScanKeyInit(&key, Anum_pg_constraint_contypid, BTEqualStrategyNumber,
				F_OIDEQ, ObjectIdGetDatum(domain));
	scan = systable_beginscan(constraints, ConstraintTypidIndexId, true, NULL,
							  1, &key);
	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		Form_pg_constraint form = (Form_pg_constraint) GETSTRUCT(tuple);

		if (form->contype == CONSTRAINT_CHECK)
			checks = lappend(checks, constraint_definition(form->oid));
	}
	systable_endscan(scan);
	table_close(constraints, AccessShareLock);
	list_sort(checks, compare_texts);
	initStringInfo(&signature);
	appendStringInfoString(&signature, format_type_be_qualified(domain));
	foreach (cell, checks)
		appendStringInfo(&signature, " %s", (char *) lfirst(cell));
	crm_revert_identity(&saved);
	return signature.data;
}

/* ----- what an expression calls ----- */

static bool
add_domain(Oid domain, Oid owner, void *context)
{
	note(context, domain_signature(domain), owner);
	return false;
}

static bool
add_call(Oid function, void *context)
{
	if (function >= FirstNormalObjectId)
		note(context, format_procedure_qualified(function),
			 function_owner(function));
	return false;
}

static bool
add_calls(Node *node, void *context)
{
	if (node == NULL)
		return false;
	(void) check_functions_in_node(node, add_call, context);
	(void) visit_domains(crm_made_type(node), add_domain, context);
	return expression_tree_walker(node, add_calls, context);
}

void
crm_calls_note(Node *node, List **calls)
{
	(void) add_calls(node, calls);
}

/* what the definition does not have, and is to be trusted by name */
typedef struct Stranger
{
	const List *calls;
	char	   *name;
	Oid			owner;
} Stranger;

static bool
is_strange(Stranger *stranger, char *name, Oid owner)
{
	if (is_noted(stranger->calls, name, owner))
		return false;
	stranger->name = name;
	stranger->owner = owner;
	return true;
}

static bool
is_strange_function(Oid function, void *context)
{
	return is_foreign(function) &&
		   is_strange(context, format_procedure_qualified(function),
					  function_owner(function));
}

static bool
is_strange_domain(Oid domain, Oid owner, void *context)
{
	return is_foreigner(owner) &&
		   is_strange(context, domain_signature(domain), owner);
}

static bool
find_strange_function(Node *node, void *context)
{
	if (node == NULL)
		return false;
	return check_functions_in_node(node, is_strange_function, context) ||
		   expression_tree_walker(node, find_strange_function, context);
}

static bool
find_strange_domain(Node *node, void *context)
{
	if (node == NULL)
		return false;
	return visit_domains(crm_made_type(node), is_strange_domain, context) ||
		   expression_tree_walker(node, find_strange_domain, context);
}

/* a literal is read, and checked, when it is parsed */
static bool
find_strange_cast(Node *node, void *context)
{
	if (node == NULL)
		return false;
	if (IsA(node, TypeCast))
	{
		Type type =
			LookupTypeName(NULL, ((TypeCast *) node)->typeName, NULL, true);

		if (type)
		{
			Oid oid = typeTypeId(type);

			ReleaseSysCache(type);
			if (visit_domains(oid, is_strange_domain, context))
				return true;
		}
	}
	return raw_expression_tree_walker(node, find_strange_cast, context);
}

static const char *trust_hint =
	"Have that undone; or, if it is to be trusted, call "
	"crmlife.drop_stage_table and crmlife.create_stage_table.";

static void
refuse_domain(const char *argument, const char *text, const Stranger *stranger)
{
	ereport(
		ERROR,
		(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
		 errmsg("%s \"%s\" has come to be checked by another user's "
				"constraints",
				argument, text),
		 errdetail("When the stage table was created it was not cast to "
				   "%s, of user \"%s\".",
				   stranger->name, GetUserNameFromId(stranger->owner, false)),
		 errhint("%s", trust_hint)));
}

void
crm_calls_check_literals(const char *argument, const char *text, Node *raw,
						 const List *calls)
{
	Stranger stranger = {.calls = calls};

	if (find_strange_cast(raw, &stranger))
		refuse_domain(argument, text, &stranger);
}

/*
 * A name means the function or operator whose arguments fit best.  Who may
 * create another of that name may make one that fits better.
 */
void
crm_calls_check(const char *argument, const char *text, Node *node,
				const List *calls)
{
	Stranger stranger = {.calls = calls};

	if (find_strange_function(node, &stranger))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("%s \"%s\" has come to call another user's function",
						argument, text),
				 errdetail(
					 "It did not call %s, under that name and of user \"%s\", "
					 "when the stage table was created.",
					 stranger.name, GetUserNameFromId(stranger.owner, false)),
				 errhint("%s", trust_hint)));
	if (find_strange_domain(node, &stranger))
		refuse_domain(argument, text, &stranger);
}
