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
 * The pages stay in shared buffers, where the building of the indexes finds
 * them, while they take no more than a quarter: what a sequential scan may take
 * there.  Further ones go through a ring of buffers, as those of COPY do.
 *
 * Only a plain stage table is filled so: see plain.c.
 *
 * Invariant: the table had no row when the load began, and AccessExclusiveLock
 * is held on it until the transaction ends.
 */
#include "postgres.h"

#include "access/heapam.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "catalog/index.h"
#include "executor/tuptable.h"
#include "miscadmin.h"
#include "storage/bufmgr.h"
#include "storage/lmgr.h"
#include "utils/memutils.h"
#include "utils/rel.h"

#include "compat.h"
#include "stage/load.h"
#include "stage/plain.h"

#define LOAD_ROWS 1000
#define LOAD_BYTES (256 * 1024)

struct CrmLoad
{
	CrmPlain		plain;
	BulkInsertState bulk; /* NULL: pages stay in shared buffers */
	CommandId		command;
	MemoryContext	lasting; /* of the load itself */
	MemoryContext	context; /* of the batch's rows */
	TupleTableSlot *slots[LOAD_ROWS];
	int				count;
	Size			bytes;
};

/* ----- what may be loaded ----- */

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
	CrmLoad *load = palloc0(sizeof(CrmLoad));

	if (!crm_plain_open(&load->plain, definition, ACL_INSERT))
		return NULL;
	if (!is_unseen(load->plain.table))
	{
		crm_plain_close(&load->plain);
		return NULL;
	}
	load->lasting = CurrentMemoryContext;
	load->command = GetCurrentCommandId(true);
	load->context = AllocSetContextCreate(
		CurrentMemoryContext, "crmlife rows to load", ALLOCSET_DEFAULT_SIZES);
	return load;
}

/* ----- rows ----- */

static void
choose_buffers(CrmLoad *load)
{
	MemoryContext old;

	if (load->bulk != NULL ||
		RelationGetNumberOfBlocks(load->plain.table) < NBuffers / 4)
		return;
	old = MemoryContextSwitchTo(load->lasting);
	load->bulk = GetBulkInsertState();
	MemoryContextSwitchTo(old);
}

static void
flush(CrmLoad *load)
{
	if (load->count == 0)
		return;
	CHECK_FOR_INTERRUPTS();
	choose_buffers(load);
	table_multi_insert(load->plain.table, load->slots, load->count,
					   load->command, TABLE_INSERT_SKIP_FSM, load->bulk);
	for (int i = 0; i < load->count; i++)
		ExecClearTuple(load->slots[i]);
	load->count = 0;
	load->bytes = 0;
	MemoryContextReset(load->context);
}

void
crm_load_put(CrmLoad *load, Datum key, const CrmStageRow *row)
{
	MemoryContext old = MemoryContextSwitchTo(load->context);
	HeapTuple	  tuple = crm_plain_row(&load->plain, key, row);

	MemoryContextSwitchTo(load->lasting);
	if (load->slots[load->count] == NULL)
		load->slots[load->count] = MakeSingleTupleTableSlot(
			RelationGetDescr(load->plain.table), &TTSOpsHeapTuple);
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
	Oid			  table = RelationGetRelid(load->plain.table);
	bool		  indexes = load->plain.table->rd_rel->relhasindex;

	flush(load);
	if (load->bulk != NULL)
		FreeBulkInsertState(load->bulk);
	table_finish_bulk_insert(load->plain.table, TABLE_INSERT_SKIP_FSM);
	for (int i = 0; i < LOAD_ROWS && load->slots[i] != NULL; i++)
		ExecDropSingleTupleTableSlot(load->slots[i]);
	MemoryContextDelete(load->context);
	crm_plain_close(&load->plain);
	CommandCounterIncrement();
	if (indexes)
		(void) crm_reindex_relation(table, REINDEX_REL_CHECK_CONSTRAINTS,
									&params);
	pfree(load);
}
