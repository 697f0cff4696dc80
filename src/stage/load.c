/*
 * load.c
 *		Filling a stage table that nobody else can see yet: one that is being
 *		created, or was truncated in this transaction.
 *
 *		rows --> batch --multi-insert--> heap            at the end: indexes
 *
 * An INSERT keeps each index up to date row by row, for readers there are none
 * of.  So the rows go to the heap many at a time, and the indexes are built
 * once over all of them, as REFRESH MATERIALIZED VIEW does.
 *
 * The executor is passed by, and with it triggers, constraints, defaults and
 * policies.  A table that has any of these is left to ordinary statements.
 *
 * Invariant: the table had no row when the load began, and AccessExclusiveLock
 * is held on it until the transaction ends.
 */
#include "postgres.h"

#include "access/heapam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "catalog/index.h"
#include "catalog/pg_type.h"
#include "executor/tuptable.h"
#include "miscadmin.h"
#include "storage/bufmgr.h"
#include "storage/lmgr.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"

#include "compat.h"
#include "stage/load.h"

#define LOAD_ROWS 1000
#define LOAD_BYTES (256 * 1024)

struct CrmLoad
{
	Relation		table;
	AttrNumber		key;
	AttrNumber		refreshed_at;
	int				columns;
	AttrNumber		numbers[CRM_STAGE_COLUMNS];
	Datum		   *values;
	bool		   *nulls;
	BulkInsertState bulk;
	CommandId		command;
	MemoryContext	lasting; /* of the load itself */
	MemoryContext	context; /* of the batch's rows */
	TupleTableSlot *slots[LOAD_ROWS];
	int				count;
	Size			bytes;
};

/* ----- what may be loaded ----- */

/* is it the customer, a column of ours, or refreshed_at? Where does it stand? */
static bool
find_column(CrmLoad *load, const CrmStageDefinition *definition,
			const char *name, AttrNumber number)
{
	if (strcmp(name, definition->customer_column) == 0)
		load->key = number;
	else if (strcmp(name, "refreshed_at") == 0)
		load->refreshed_at = number;
	else
	{
		for (int i = 0; i < load->columns; i++)
			if (strcmp(name, crm_stage_columns[i].name) == 0)
			{
				load->numbers[i] = number;
				return i == CRM_COLUMN_STAGE;
			}
		return false;
	}
	return true;
}

/* the columns of create_stage_table, all of them and nothing else */
static bool
has_our_columns(CrmLoad *load, const CrmStageDefinition *definition)
{
	TupleDesc descriptor = RelationGetDescr(load->table);
	int		  found = 0;

	for (int i = 0; i < descriptor->natts; i++)
	{
		Form_pg_attribute column = TupleDescAttr(descriptor, i);
		bool			  filled;

		if (column->attisdropped)
			continue;
		filled = find_column(load, definition, NameStr(column->attname), i + 1);
		if ((column->attnotnull && !filled) || column->attgenerated ||
			column->attidentity)
			return false;
		found++;
	}
	for (int i = 0; i < load->columns; i++)
		if (load->numbers[i] == InvalidAttrNumber)
			return false;
	return load->key != InvalidAttrNumber &&
		   load->refreshed_at != InvalidAttrNumber &&
		   found == load->columns + 2;
}

/* a value of the key's kind is one of the column's type, or made so below */
static bool
is_plain_key(const CrmLoad *load)
{
	switch (
		TupleDescAttr(RelationGetDescr(load->table), load->key - 1)->atttypid)
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
rows_need_nothing(Relation table)
{
	TupleConstr *constraints = RelationGetDescr(table)->constr;

	return table->rd_rel->relkind == RELKIND_RELATION &&
		   !table->rd_rel->relispartition && !table->rd_rel->relhassubclass &&
		   !table->rd_rel->relrowsecurity && table->trigdesc == NULL &&
		   table->rd_rules == NULL &&
		   (constraints == NULL || (constraints->num_check == 0 &&
									!constraints->has_generated_stored)) &&
		   pg_class_aclcheck(RelationGetRelid(table), GetUserId(),
							 ACL_INSERT) == ACLCHECK_OK;
}

/* nobody, this session's own queries included, can be looking at it */
static bool
is_unseen(Relation table)
{
	return table->rd_refcnt == 1 &&
		   CheckRelationLockedByMe(table, AccessExclusiveLock, true) &&
		   RelationGetNumberOfBlocks(table) == 0;
}

CrmLoad *
crm_load_begin(const CrmStageDefinition *definition)
{
	CrmLoad	 *load = palloc0(sizeof(CrmLoad));
	TupleDesc descriptor;

	load->columns = crm_stage_column_count(definition);
	load->table = table_open(definition->stage_table, RowExclusiveLock);
	if (!rows_need_nothing(load->table) || !is_unseen(load->table) ||
		!has_our_columns(load, definition) || !is_plain_key(load))
	{
		table_close(load->table, NoLock);
		pfree(load);
		return NULL;
	}
	descriptor = RelationGetDescr(load->table);
	load->values = palloc0(sizeof(Datum) * descriptor->natts);
	load->nulls = palloc(sizeof(bool) * descriptor->natts);
	memset(load->nulls, true, sizeof(bool) * descriptor->natts);
	load->lasting = CurrentMemoryContext;
	load->bulk = GetBulkInsertState();
	load->command = GetCurrentCommandId(true);
	load->context = AllocSetContextCreate(
		CurrentMemoryContext, "crmlife rows to load", ALLOCSET_DEFAULT_SIZES);
	return load;
}

/* ----- rows ----- */

static void
flush(CrmLoad *load)
{
	if (load->count == 0)
		return;
	CHECK_FOR_INTERRUPTS();
	table_multi_insert(load->table, load->slots, load->count, load->command,
					   TABLE_INSERT_SKIP_FSM, load->bulk);
	for (int i = 0; i < load->count; i++)
		ExecClearTuple(load->slots[i]);
	load->count = 0;
	load->bytes = 0;
	MemoryContextReset(load->context);
}

/* from the key's kind to the column's type */
static Datum
key_value(const CrmLoad *load, Datum key)
{
	Form_pg_attribute column =
		TupleDescAttr(RelationGetDescr(load->table), load->key - 1);

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
										   BoolGetDatum(true));
			return key;
		default:
			return key;
	}
}

void
crm_load_put(CrmLoad *load, Datum key, const CrmStageRow *row)
{
	TupleDesc	  descriptor = RelationGetDescr(load->table);
	MemoryContext old = MemoryContextSwitchTo(load->context);
	HeapTuple	  tuple;

	load->values[load->key - 1] = key_value(load, key);
	load->nulls[load->key - 1] = false;
	load->values[load->refreshed_at - 1] =
		TimestampTzGetDatum(GetCurrentTransactionStartTimestamp());
	load->nulls[load->refreshed_at - 1] = false;
	for (int i = 0; i < load->columns; i++)
	{
		load->values[load->numbers[i] - 1] = row->values[i];
		load->nulls[load->numbers[i] - 1] = row->nulls[i];
	}
	tuple = heap_form_tuple(descriptor, load->values, load->nulls);
	MemoryContextSwitchTo(load->lasting);
	if (load->slots[load->count] == NULL)
		load->slots[load->count] =
			MakeSingleTupleTableSlot(descriptor, &TTSOpsHeapTuple);
	MemoryContextSwitchTo(old);
	ExecStoreHeapTuple(tuple, load->slots[load->count], false);
	load->count++;
	load->bytes += tuple->t_len;
	if (load->count == LOAD_ROWS || load->bytes >= LOAD_BYTES)
		flush(load);
}

void
crm_load_end(CrmLoad *load)
{
	ReindexParams params = {0};
	Oid			  table = RelationGetRelid(load->table);
	bool		  indexes = load->table->rd_rel->relhasindex;

	flush(load);
	FreeBulkInsertState(load->bulk);
	table_finish_bulk_insert(load->table, TABLE_INSERT_SKIP_FSM);
	for (int i = 0; i < LOAD_ROWS && load->slots[i] != NULL; i++)
		ExecDropSingleTupleTableSlot(load->slots[i]);
	MemoryContextDelete(load->context);
	table_close(load->table, NoLock);
	CommandCounterIncrement();
	if (indexes)
		(void) crm_reindex_relation(table, REINDEX_REL_CHECK_CONSTRAINTS,
									&params);
	pfree(load);
}
