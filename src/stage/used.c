/*
 * used.c
 *		The columns that a stage table uses of a source, and what they are now.
 *
 * A definition knows columns by name, so a statement that gives a name to
 * another column, or a column to another type, changes what every row says.
 * Many of these neither rewrite the table nor fire a trigger:
 *
 *		RENAME amount TO net, net TO amount      other numbers
 *		DROP amount, ADD amount DEFAULT 1        another number
 *		timestamp to timestamptz, at UTC         another type
 *		RENAME VALUE of an enum, RENAME or
 *		ADD ATTRIBUTE of a composite type        the same type
 *
 * The last also of types that only an expression names.
 *
 * Invariant: while the text that crmlife._columns_now returns for a relation
 * and these names stays the same, the names stand for the same stored values,
 * of the same types, and these for what they stood for.
 */
#include "postgres.h"

#include "access/attnum.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/transam.h"
#include "catalog/pg_attribute.h"
#include "catalog/pg_enum.h"
#include "catalog/pg_type.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "lib/stringinfo.h"
#include "nodes/bitmapset.h"
#include "nodes/value.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/catcache.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"

#include "stage/expression.h"
#include "stage/source.h"
#include "stage/used.h"

/* ----- which ----- */

List *
crm_used_columns(const CrmStageDefinition *definition, const CrmSource *source)
{
	const char *texts[] = {source->at, source->amount, source->filter,
						   source->order_key, source->segment};
	Relation	relation;
	Bitmapset  *columns = NULL;
	List	   *names = list_make1(makeString(source->customer));
	bool		some = true;
	int			number = -1;

	/* these errors name the argument that the expression was given as */
	crm_recheck_expressions(definition, source);
	relation = table_open(source->relation, AccessShareLock);
	for (int i = 0; i < lengthof(texts); i++)
		if (texts[i] && some)
			some = crm_expression_columns(relation, texts[i], &columns);
	table_close(relation, NoLock);
	if (!some)
		return NIL;
	while ((number = bms_next_member(columns, number)) >= 0)
		names = list_append_unique(
			names, makeString(get_attname(source->relation, number, false)));
	return names;
}

void
crm_used_types(const CrmSource *source, List **types)
{
	const char *texts[] = {source->at, source->amount, source->filter,
						   source->order_key, source->segment};
	Relation	relation = table_open(source->relation, AccessShareLock);

	for (int i = 0; i < lengthof(texts); i++)
		if (texts[i])
			crm_expression_types(relation, texts[i], types);
	table_close(relation, NoLock);
}

/* ----- what they are ----- */

/* a refresh does so for each column of each partition: no format is parsed */
static void
append_number(StringInfo text, int64 number)
{
	char digits[MAXINT8LEN + 1];

	appendBinaryStringInfo(text, digits, pg_lltoa(number, digits));
	appendStringInfoChar(text, ':');
}

static void append_all(StringInfo text, Oid relation);

/* a label that gets another name does not change the type, but what it says */
static void
append_labels(StringInfo text, Oid type)
{
	CatCList *labels =
		SearchSysCacheList1(ENUMTYPOIDNAME, ObjectIdGetDatum(type));

	for (int i = 0; i < labels->n_members; i++)
	{
		Form_pg_enum label =
			(Form_pg_enum) GETSTRUCT(&labels->members[i]->tuple);

		append_number(text, label->oid);
		append_number(text, strlen(NameStr(label->enumlabel)));
		appendStringInfoString(text, NameStr(label->enumlabel));
	}
	ReleaseCatCacheList(labels);
}

/* what a type is made of, where statements can change that */
static void
append_type(StringInfo text, Oid type)
{
	Oid element;

	check_stack_depth();
	type = getBaseType(type);
	element = get_element_type(type);
	if (OidIsValid(element))
		append_type(text, element);
	else if (get_typtype(type) == TYPTYPE_ENUM)
		append_labels(text, type);
	else if (get_typtype(type) == TYPTYPE_COMPOSITE)
		append_all(text, get_typ_typrelid(type));
	else if (get_typtype(type) == TYPTYPE_RANGE)
		append_type(text, get_range_subtype(type));
	else if (get_typtype(type) == TYPTYPE_MULTIRANGE)
		append_type(text, get_range_subtype(get_multirange_range(type)));
}

static void
append_column(StringInfo text, HeapTuple tuple)
{
	Form_pg_attribute column;

	if (!HeapTupleIsValid(tuple))
		return;
	column = (Form_pg_attribute) GETSTRUCT(tuple);
	if (!column->attisdropped)
	{
		append_number(text, column->attnum);
		append_number(text, column->atttypid);
		append_number(text, column->atttypmod);
		append_number(text, column->attcollation);
		/* not quoted: how is for a setting of the session to say */
		append_number(text, strlen(NameStr(column->attname)));
		appendStringInfoString(text, NameStr(column->attname));
		appendStringInfoChar(text, ' ');
		/* PostgreSQL's own types stay as they are */
		if (column->atttypid >= FirstNormalObjectId)
			append_type(text, column->atttypid);
	}
	ReleaseSysCache(tuple);
}

static void
append_named(StringInfo text, Oid relation, ArrayType *names)
{
	Datum *values;
	bool  *nulls;
	int	   count;

	deconstruct_array(names, NAMEOID, NAMEDATALEN, false, TYPALIGN_CHAR,
					  &values, &nulls, &count);
	for (int i = 0; i < count; i++)
		if (!nulls[i])
			append_column(
				text, SearchSysCacheAttName(relation,
											NameStr(*DatumGetName(values[i]))));
}

/* the numbers have no gaps: a column that was dropped keeps its own */
static void
append_all(StringInfo text, Oid relation)
{
	HeapTuple tuple;

	for (int i = 1; HeapTupleIsValid(
			 tuple = SearchSysCache2(ATTNUM, ObjectIdGetDatum(relation),
									 Int16GetDatum(i)));
		 i++)
		append_column(text, tuple);
}

/*
 * Any change of the customer column: writers told of another one where it was
 * called otherwise for a while, and of none where the relation was a part of a
 * table that is not known.
 */
static void
append_customer(StringInfo text, Oid relation, const char *customer)
{
	HeapTuple tuple = SearchSysCacheAttName(relation, customer);

	if (!HeapTupleIsValid(tuple))
		return;
	append_number(text, HeapTupleHeaderGetRawXmin(tuple->t_data));
	append_number(text, ItemPointerGetBlockNumber(&tuple->t_self));
	append_number(text, ItemPointerGetOffsetNumber(&tuple->t_self));
	ReleaseSysCache(tuple);
}

static void
append_types(StringInfo text, ArrayType *types)
{
	Datum *values;
	int	   count;

	deconstruct_array(types, OIDOID, sizeof(Oid), true, TYPALIGN_INT, &values,
					  NULL, &count);
	for (int i = 0; i < count; i++)
	{
		append_number(text, DatumGetObjectId(values[i]));
		append_type(text, DatumGetObjectId(values[i]));
	}
}

PG_FUNCTION_INFO_V1(crm_columns_now);

/*
 * By the caches, which know the columns as a query will find them, whatever the
 * transaction's snapshot; and at a fraction of what a query costs.
 */
Datum
crm_columns_now(PG_FUNCTION_ARGS)
{
	StringInfoData text;

	if (PG_ARGISNULL(0))
		PG_RETURN_NULL();
	initStringInfo(&text);
	if (PG_ARGISNULL(1))
		append_all(&text, PG_GETARG_OID(0));
	else
		append_named(&text, PG_GETARG_OID(0), PG_GETARG_ARRAYTYPE_P(1));
	if (!PG_ARGISNULL(2))
		append_customer(&text, PG_GETARG_OID(0), NameStr(*PG_GETARG_NAME(2)));
	if (!PG_ARGISNULL(3))
		append_types(&text, PG_GETARG_ARRAYTYPE_P(3));
	PG_RETURN_TEXT_P(cstring_to_text_with_len(text.data, text.len));
}
