/*
 * replace.c
 *		Rows of a stage table that take the place of those that were read.
 *
 *		row as it was read --place--> new version --> entries of the indexes
 *		                        | changed or deleted since
 *		                        +--> left to an ordinary statement
 *
 * A refresh has read the row that it replaces, and so knows where it lies.  To
 * find it once more by its key and to lock it first, as ON CONFLICT does, takes
 * half of the time of writing it; what leads to a row's page is memory that is
 * in no cache.
 *
 * Who has changed or deleted the row in the meantime is rare, and is dealt with
 * by the statement that knows what the isolation level asks for.
 *
 * Invariant: rows are written with the command that is current, so statements
 * that are run later see them.
 */
#include "postgres.h"

#include "access/tableam.h"
#include "access/xact.h"
#include "executor/executor.h"
#include "executor/tuptable.h"
#include "miscadmin.h"
#include "utils/memutils.h"
#include "utils/rel.h"

#include "compat.h"
#include "stage/plain.h"
#include "stage/replace.h"

struct CrmReplace
{
	CrmPlain		plain;
	EState		   *estate;
	ResultRelInfo  *relation;
	TupleTableSlot *slot;
	MemoryContext	context; /* of the row at hand */
};

/*
 * All our columns may have changed but the customer.  PostgreSQL would look for
 * that in a range table; it is to know which entries are of old versions alone.
 */
static void
mark_unchanged_indexes(CrmReplace *replace)
{
	ResultRelInfo *relation = replace->relation;

	for (int i = 0; i < relation->ri_NumIndices; i++)
	{
		IndexInfo *index = relation->ri_IndexRelationInfo[i];

		index->ii_CheckedUnchanged = true;
		index->ii_IndexUnchanged =
			index->ii_NumIndexKeyAttrs == 1 &&
			index->ii_IndexAttrNumbers[0] == replace->plain.key;
	}
}

CrmReplace *
crm_replace_begin(const CrmStageDefinition *definition)
{
	CrmReplace *replace = palloc0(sizeof(CrmReplace));
	Relation	table;

	if (!crm_plain_open(&replace->plain, definition, ACL_INSERT | ACL_UPDATE))
	{
		pfree(replace);
		return NULL;
	}
	table = replace->plain.table;
	CheckCmdReplicaIdentity(table, CMD_UPDATE);
	replace->estate = CreateExecutorState();
	replace->relation = makeNode(ResultRelInfo);
	InitResultRelInfo(replace->relation, table, 0, NULL, 0);
	ExecOpenIndices(replace->relation, false);
	mark_unchanged_indexes(replace);
	replace->slot =
		MakeSingleTupleTableSlot(RelationGetDescr(table), &TTSOpsHeapTuple);
	replace->context = AllocSetContextCreate(
		CurrentMemoryContext, "crmlife row to write", ALLOCSET_SMALL_SIZES);
	return replace;
}

static bool
replace_row(CrmReplace *replace, const ItemPointerData *place)
{
	ItemPointerData	  from = *place;
	TM_FailureData	  failure;
	LockTupleMode	  mode;
	CrmUpdatedIndexes updated;

	replace->slot->tts_tableOid = RelationGetRelid(replace->plain.table);
	if (table_tuple_update(replace->plain.table, &from, replace->slot,
						   GetCurrentCommandId(true), InvalidSnapshot,
						   InvalidSnapshot, true, &failure, &mode,
						   &updated) != TM_Ok)
		return false;
	if (crm_needs_indexes(updated))
		crm_insert_index_tuples(replace->relation, replace->slot,
								replace->estate, updated);
	ResetPerTupleExprContext(replace->estate);
	return true;
}

bool
crm_replace_put(CrmReplace *replace, const ItemPointerData *place, Datum key,
				const CrmStageRow *row)
{
	MemoryContext old = MemoryContextSwitchTo(replace->context);
	HeapTuple	  tuple = crm_plain_row(&replace->plain, key, row);
	bool		  done;

	CHECK_FOR_INTERRUPTS();
	ExecStoreHeapTuple(tuple, replace->slot, false);
	done = replace_row(replace, place);
	ExecClearTuple(replace->slot);
	MemoryContextSwitchTo(old);
	MemoryContextReset(replace->context);
	return done;
}

void
crm_replace_end(CrmReplace *replace)
{
	ExecDropSingleTupleTableSlot(replace->slot);
	ExecCloseIndices(replace->relation);
	FreeExecutorState(replace->estate);
	MemoryContextDelete(replace->context);
	crm_plain_close(&replace->plain);
	CommandCounterIncrement();
	pfree(replace);
}
