/*
 * select.c
 *		The queries by which sources are read.
 *
 * Invariant: the customer stands first, a column of a type that the gather
 * takes as it is.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "lib/stringinfo.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"

#include "stage/keys.h"
#include "stage/select.h"
#include "stage/source.h"

/* nothing where the column is of a type that the gather takes as it is */
const char *
crm_key_cast(Oid relation, const char *column)
{
	switch (getBaseType(get_atttype(relation, get_attnum(relation, column))))
	{
		case INT2OID:
		case INT4OID:
		case INT8OID:
		case UUIDOID:
		case TEXTOID:
		case VARCHAROID:
		case BPCHAROID:
			return "";
		default:
			return "::text";
	}
}

/*
 * The keys of an array of them that fit a type, as an array of that one.  The
 * others are in no row of such a column.
 */
static Datum
keys_that_fit(Datum keys, Oid type, int64 least, int64 most)
{
	ArrayType *array = DatumGetArrayTypeP(keys);
	int		   count = ArrayGetNItems(ARR_NDIM(array), ARR_DIMS(array));
	int64	  *key = (int64 *) ARR_DATA_PTR(array);
	Datum	  *fitting = MemoryContextAllocHuge(CurrentMemoryContext,
												sizeof(Datum) * Max(count, 1));
	int		   fit = 0;
	Datum	   result;

	for (int i = 0; i < count; i++)
		if (key[i] >= least && key[i] <= most)
			fitting[fit++] = type == INT2OID ? Int16GetDatum((int16) key[i])
											 : Int32GetDatum((int32) key[i]);
	result = PointerGetDatum(construct_array(
		fitting, fit, type, type == INT2OID ? sizeof(int16) : sizeof(int32),
		true, type == INT2OID ? TYPALIGN_SHORT : TYPALIGN_INT));
	pfree(fitting);
	return result;
}

/*
 * char(n) knows no blanks at the end: a name that has some would be found in
 * rows of another.
 */
static Datum
keys_without_blanks(Datum keys)
{
	Datum *all;
	int	   count;
	int	   kept = 0;

	deconstruct_array(DatumGetArrayTypeP(keys), TEXTOID, -1, false,
					  TYPALIGN_INT, &all, NULL, &count);
	for (int i = 0; i < count; i++)
	{
		text *name = DatumGetTextPP(all[i]);
		int	  size = VARSIZE_ANY_EXHDR(name);

		if (size == 0 || VARDATA_ANY(name)[size - 1] != ' ')
			all[kept++] = all[i];
	}
	if (kept == count)
		return keys;
	return PointerGetDatum(
		construct_array(all, kept, TEXTOID, -1, false, TYPALIGN_INT));
}

/*
 * Integers of two sizes are equal across types, but not by a hash: the array
 * would be gone through for each row.
 */
Datum
crm_filter_keys(Oid relation, const char *column, CrmStageKey kind, Datum keys,
				Oid *type)
{
	*type = crm_key_array_type(kind);
	switch (getBaseType(get_atttype(relation, get_attnum(relation, column))))
	{
		case BPCHAROID:
			return keys_without_blanks(keys);
		case INT2OID:
			*type = INT2ARRAYOID;
			return keys_that_fit(keys, INT2OID, PG_INT16_MIN, PG_INT16_MAX);
		case INT4OID:
			*type = INT4ARRAYOID;
			return keys_that_fit(keys, INT4OID, PG_INT32_MIN, PG_INT32_MAX);
		default:
			return keys;
	}
}

/*
 * `column = ANY ($1)`, with the array in the column's own type so that a hash
 * of it and an index on the column serve.  citext has its own idea of
 * equality, so there the text decides.
 */
void
crm_append_key_filter(StringInfo sql, Oid relation, const char *column)
{
	AttrNumber	number = get_attnum(relation, column);
	Oid			type = getBaseType(get_atttype(relation, number));
	const char *quoted = quote_identifier(column);

	switch (type)
	{
		case INT2OID:
		case INT4OID:
		case INT8OID:
		case UUIDOID:
		case TEXTOID:
		case VARCHAROID:
			appendStringInfo(sql, "%s = ANY ($1)", quoted);
			break;
		case BPCHAROID:
			appendStringInfo(sql, "%s = ANY ($1::pg_catalog.bpchar[])", quoted);
			break;
		default:
			appendStringInfo(sql, "%s::text = ANY ($1)", quoted);
			break;
	}
}

/*
 * Customers and times that are NULL are left out as the rows come: a filter
 * may be what keeps the other expressions from failing.
 */
char *
crm_source_query(const CrmStageDefinition *definition, const CrmSource *source,
				 const char *from, bool some)
{
	StringInfoData sql;
	const char	  *link = " WHERE ";

	crm_recheck_expressions(definition, source);
	initStringInfo(&sql);
	appendStringInfo(&sql, "SELECT (%s)%s, ",
					 quote_identifier(source->customer),
					 crm_key_cast(source->relation, source->customer));
	if (source->at)
		appendStringInfo(&sql, "(%s)", source->at);
	else
		appendStringInfoString(&sql, "NULL::timestamp");
	if (source->amount)
		appendStringInfo(&sql, ", (%s)::numeric", source->amount);
	if (source->order_key)
		appendStringInfo(&sql, ", (%s)::text", source->order_key);
	if (source->segment)
		appendStringInfo(&sql, ", (%s)::text", source->segment);
	appendStringInfo(&sql, " FROM %s", from);
	if (source->filter)
	{
		appendStringInfo(&sql, "%s(%s)", link, source->filter);
		link = " AND ";
	}
	if (some)
	{
		appendStringInfoString(&sql, link);
		crm_append_key_filter(&sql, source->relation, source->customer);
	}
	return sql.data;
}
