/*
 * plain.c
 *		A stage table as it was made: rows of it can be formed here, and need
 *		nothing but to be stored.
 *
 *		key, columns of ours, refreshed_at  -->  a row of the table
 *
 * Then the executor may be passed by: where the table is filled (load.c), and
 * where a row takes the place of another (replace.c).  With the executor goes
 * what it would do beside: triggers, constraints, defaults, policies.  A table
 * that has any of these, or a column that is not crmlife's, is left to ordinary
 * statements.
 *
 * Invariant: as long as the table is open here, its lock keeps it as it is.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/table.h"
#include "access/xact.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/rel.h"

#include "compat.h"
#include "stage/columns.h"
#include "stage/plain.h"

/* ----- what it is ----- */

/* is it the customer, a column of ours, or refreshed_at? Where does it stand? */
static bool
find_column(CrmPlain *plain, const CrmStageDefinition *definition,
			const char *name, AttrNumber number)
{
	if (strcmp(name, definition->customer_column) == 0)
		plain->key = number;
	else if (strcmp(name, "refreshed_at") == 0)
		plain->refreshed_at = number;
	else
	{
		for (int i = 0; i < plain->columns; i++)
			if (strcmp(name, crm_stage_columns[i].name) == 0)
			{
				plain->numbers[i] = number;
				return i == CRM_COLUMN_STAGE;
			}
		return false;
	}
	return true;
}

/* the columns of create_stage_table, all of them and nothing else */
static bool
has_our_columns(CrmPlain *plain, const CrmStageDefinition *definition)
{
	TupleDesc descriptor = RelationGetDescr(plain->table);
	int		  found = 0;

	for (int i = 0; i < descriptor->natts; i++)
	{
		Form_pg_attribute column = TupleDescAttr(descriptor, i);
		bool			  filled;

		if (column->attisdropped)
			continue;
		filled =
			find_column(plain, definition, NameStr(column->attname), i + 1);
		if ((column->attnotnull && !filled) || column->attgenerated ||
			column->attidentity)
			return false;
		found++;
	}
	for (int i = 0; i < plain->columns; i++)
		if (plain->numbers[i] == InvalidAttrNumber)
			return false;
	return plain->key != InvalidAttrNumber &&
		   plain->refreshed_at != InvalidAttrNumber &&
		   found == plain->columns + 2;
}

/* a value of the key's kind is one of the column's type, or made so below */
static bool
is_plain_key(const CrmPlain *plain)
{
	switch (
		TupleDescAttr(RelationGetDescr(plain->table), plain->key - 1)->atttypid)
	{
		case INT2OID:
		case INT4OID:
		case INT8OID:
		case UUIDOID:
		case TEXTOID:
		case VARCHAROID:
			return true;
		default:
			return false;
	}
}

static bool
rows_need_nothing(Relation table, AclMode rights)
{
	TupleConstr *constraints = RelationGetDescr(table)->constr;

	return table->rd_rel->relkind == RELKIND_RELATION &&
		   !table->rd_rel->relispartition && !table->rd_rel->relhassubclass &&
		   !table->rd_rel->relrowsecurity && table->trigdesc == NULL &&
		   table->rd_rules == NULL &&
		   (constraints == NULL || (constraints->num_check == 0 &&
									!constraints->has_generated_stored)) &&
		   pg_class_aclmask(RelationGetRelid(table), GetUserId(), rights,
							ACLMASK_ALL) == rights;
}

bool
crm_plain_open(CrmPlain *plain, const CrmStageDefinition *definition,
			   AclMode rights)
{
	int columns;

	memset(plain, 0, sizeof(*plain));
	plain->columns = crm_stage_column_count(definition);
	plain->table = table_open(definition->stage_table, RowExclusiveLock);
	if (!rows_need_nothing(plain->table, rights) ||
		!has_our_columns(plain, definition) || !is_plain_key(plain))
	{
		crm_plain_close(plain);
		return false;
	}
	columns = RelationGetDescr(plain->table)->natts;
	plain->values = palloc0(sizeof(Datum) * columns);
	plain->nulls = palloc(sizeof(bool) * columns);
	memset(plain->nulls, true, sizeof(bool) * columns);
	return true;
}

void
crm_plain_close(CrmPlain *plain)
{
	table_close(plain->table, NoLock);
	plain->table = NULL;
}

/* ----- rows ----- */

/* from the key's kind to the column's type */
static Datum
key_value(const CrmPlain *plain, Datum key)
{
	Form_pg_attribute column =
		TupleDescAttr(RelationGetDescr(plain->table), plain->key - 1);

	switch (column->atttypid)
	{
		case INT2OID:
			return DirectFunctionCall1(int82, key);
		case INT4OID:
			return DirectFunctionCall1(int84, key);
		case VARCHAROID:
			if (column->atttypmod >= 0)
				return DirectFunctionCall3(varchar, key,
										   Int32GetDatum(column->atttypmod),
										   BoolGetDatum(false));
			return key;
		default:
			return key;
	}
}

HeapTuple
crm_plain_row(CrmPlain *plain, Datum key, const CrmStageRow *row)
{
	plain->values[plain->key - 1] = key_value(plain, key);
	plain->nulls[plain->key - 1] = false;
	plain->values[plain->refreshed_at - 1] =
		TimestampTzGetDatum(GetCurrentTransactionStartTimestamp());
	plain->nulls[plain->refreshed_at - 1] = false;
	for (int i = 0; i < plain->columns; i++)
	{
		plain->values[plain->numbers[i] - 1] = row->values[i];
		plain->nulls[plain->numbers[i] - 1] = row->nulls[i];
	}
	return heap_form_tuple(RelationGetDescr(plain->table), plain->values,
						   plain->nulls);
}
