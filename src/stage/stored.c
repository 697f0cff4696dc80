/*
 * stored.c
 *		The rows of a stage table, as they are read beside the sources.
 *
 * A pass over all of them asks for the table's rows as they are: then the
 * executor has nothing to put together anew, and a row is copied in one piece.
 * Otherwise columns are named one by one:
 *
 *		SELECT * FROM t                   where the customer needs no cast
 *		SELECT key, ..., ctid FROM t      where rows are to be replaced
 *
 * Invariant: columns are found by their names and are of the types that
 * crmlife gave them, whatever else the owner has made of the table.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "lib/stringinfo.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"

#include "stage/columns.h"
#include "stage/select.h"
#include "stage/stored.h"

static void
append_columns(StringInfo sql, const CrmStageDefinition *definition,
			   const char *cast, bool places)
{
	const char *key = quote_identifier(definition->customer_column);
	int			columns = crm_stage_column_count(definition);

	appendStringInfo(sql, "(%s)%s AS %s", key, cast, key);
	for (int i = 0; i < columns; i++)
		appendStringInfo(sql, ", %s", crm_stage_columns[i].name);
	if (places)
		appendStringInfoString(sql, ", ctid");
}

char *
crm_stored_query(const CrmStageDefinition *definition, CrmStoredRows which,
				 bool places)
{
	const char *cast =
		crm_key_cast(definition->stage_table, definition->customer_column);
	StringInfoData sql;

	initStringInfo(&sql);
	appendStringInfoString(&sql, "SELECT ");
	if (places || cast[0] != '\0')
		append_columns(&sql, definition, cast, places);
	else
		appendStringInfoString(&sql, "*");
	appendStringInfo(&sql, " FROM %s", definition->table_name);
	switch (which)
	{
		case CRM_STORED_ALL:
			break;
		case CRM_STORED_BY_KEY:
			appendStringInfoString(&sql, " WHERE ");
			crm_append_key_filter(&sql, definition->stage_table,
								  definition->customer_column);
			break;
		case CRM_STORED_BY_PLACE:
			appendStringInfoString(&sql, " WHERE ctid = ANY ($1)");
			break;
	}
	return sql.data;
}

static AttrNumber
find_column(TupleDesc descriptor, const char *name)
{
	for (int i = 0; i < descriptor->natts; i++)
		if (strcmp(NameStr(TupleDescAttr(descriptor, i)->attname), name) == 0)
			return i + 1;
	return InvalidAttrNumber;
}

void
crm_stored_form(CrmStoredForm *form, const CrmStageDefinition *definition,
				TupleDesc descriptor, bool places)
{
	memset(form, 0, sizeof(*form));
	form->descriptor = CreateTupleDescCopy(descriptor);
	form->columns = crm_stage_column_count(definition);
	form->key = find_column(descriptor, definition->customer_column);
	for (int i = 0; i < form->columns; i++)
	{
		AttrNumber number = find_column(descriptor, crm_stage_columns[i].name);

		if (number == InvalidAttrNumber ||
			!crm_is_stage_column(descriptor, number, i))
			crm_refuse_stage_column(definition, i);
		form->numbers[i] = number;
	}
	if (places)
		form->place = descriptor->natts;
	form->values = palloc(sizeof(Datum) * descriptor->natts);
	form->nulls = palloc(sizeof(bool) * descriptor->natts);
}

/* our columns of a row of the query */
static void
set_row(const CrmStoredForm *form, const Datum *values, const bool *nulls,
		CrmStageRow *row)
{
	for (int i = 0; i < form->columns; i++)
	{
		row->values[i] = values[form->numbers[i] - 1];
		row->nulls[i] = nulls[form->numbers[i] - 1];
	}
	/* a stage table without histories has a column less */
	for (int i = form->columns; i < CRM_STAGE_COLUMNS; i++)
		row->nulls[i] = true;
}

const char *
crm_stored_condense(void *context, TupleTableSlot *slot, uint32 *length)
{
	CrmStoredForm *form = context;
	CrmStageRow	   row;

	slot_getallattrs(slot);
	set_row(form, slot->tts_values, slot->tts_isnull, &row);
	form->digest = crm_row_digest(&row, form->columns);
	*length = sizeof(form->digest);
	return (const char *) &form->digest;
}

void
crm_stored_read(CrmStoredForm *form, const char *tuple, uint32 length,
				CrmStageRow *row, ItemPointerData *place)
{
	HeapTupleData whole;

	whole.t_len = length + MINIMAL_TUPLE_OFFSET;
	whole.t_data = (HeapTupleHeader) (tuple - MINIMAL_TUPLE_OFFSET);
	ItemPointerSetInvalid(&whole.t_self);
	whole.t_tableOid = InvalidOid;
	heap_deform_tuple(&whole, form->descriptor, form->values, form->nulls);
	set_row(form, form->values, form->nulls, row);
	if (form->place)
		*place = *(ItemPointer) DatumGetPointer(form->values[form->place - 1]);
	else
		ItemPointerSetInvalid(place);
}
