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
#include "utils/builtins.h"
#include "utils/lsyscache.h"

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
 * `column = ANY ($1)`, with the array in the column's own type so that an
 * index on the column serves.  citext has its own idea of equality, so there
 * the text decides.
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
