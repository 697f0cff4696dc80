/*
 * overflow.c
 *		A queue that is full: writers who say no more, and the refreshes that
 *		make up for it.
 *
 * Where the queue has no room for what a writer has to say, the writer leaves
 * a mark in crmlife.queue_overflow: everybody is to be looked at.  Whoever
 * comes later and finds a mark, committed, writes nothing at all.  So neither
 * table grows, however long nobody refreshes, and nobody waits.
 *
 * But a refresh that takes the mark does not see the changes of those who are
 * silent and still running, nor of those who will come and find the mark as
 * long as the refresh has not committed.  They are made up for in steps; each
 * is one run that looks at everybody, in one snapshot:
 *
 *		mark	   silent	 writers who find it say nothing
 *		  | taken by a run, or recalled by the worker before it
 *		  v
 *		recalled   -		 no writer is silent from here on
 *		  | a run
 *		  v
 *		settling   writers	 the transactions running in the run's snapshot:
 *		  |					 all silent ones that it has not seen are among
 *		  | a run after		 them, for they had looked before the recall was
 *		  | one has ended	 committed, and thus before the snapshot was taken
 *		  v
 *		none	   once they all have ended, the last of them seen by a run
 *
 * While none of them has ended, runs need not look at everybody: nothing that
 * was not told has become visible.  On a quiet server the worker, which
 * recalls first, needs one run, and crmlife.refresh, which can't commit, two.
 *
 * What ends otherwise than by a commit needs no care.  The mark of a writer
 * that rolls back, or back to a savepoint, was never found by others; and its
 * own changes after the mark, for which it was silent, are rolled back too.  A
 * prepared transaction is running.  A crash ends all that run.
 *
 * The mark is looked for by what is committed now, whatever snapshot the
 * writer's transaction has, which at REPEATABLE READ may be too old to show
 * that a mark is gone.  It is no read by that snapshot, so no serialization
 * failure of a writer comes of it.  No index makes writers wait for each other:
 * several marks stand where several were left at the same time.
 *
 * Invariant: who sees a silent writer's change, and has not seen it in a run
 * that looked at everybody, sees a row here that says everybody waits.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/tableam.h"
#include "catalog/namespace.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "executor/tuptable.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

#include "compat.h"
#include "stage/overflow.h"
#include "stage/plans.h"
#include "stage/statement.h"

enum
{
	OVERFLOW_STAGE_TABLE,
	OVERFLOW_SILENT,
	OVERFLOW_WRITERS,
	OVERFLOW_COLUMNS
};

/* ----- writers ----- */

static Relation
open_overflow(void)
{
	Oid namespace = get_namespace_oid("crmlife", false);
	Oid		 table = get_relname_relid("queue_overflow", namespace);
	Relation overflow;

	if (!OidIsValid(table))
		ereport(ERROR, (errcode(ERRCODE_UNDEFINED_TABLE),
						errmsg("table crmlife.queue_overflow does not exist"),
						errhint("ALTER EXTENSION crmlife UPDATE;")));
	overflow = table_open(table, RowExclusiveLock);
	if (RelationGetDescr(overflow)->natts != OVERFLOW_COLUMNS)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("table crmlife.queue_overflow is of another version"),
				 errhint("ALTER EXTENSION crmlife UPDATE;")));
	return overflow;
}

static bool
is_mark_of(Oid stage_table, HeapTuple tuple, TupleDesc descriptor)
{
	bool isnull;

	return DatumGetObjectId(heap_getattr(tuple, OVERFLOW_STAGE_TABLE + 1,
										 descriptor, &isnull)) == stage_table &&
		   DatumGetBool(
			   heap_getattr(tuple, OVERFLOW_SILENT + 1, descriptor, &isnull));
}

static bool
find_mark(Relation overflow, Oid stage_table)
{
	TupleDesc	descriptor = RelationGetDescr(overflow);
	SysScanDesc scan;
	HeapTuple	tuple;
	bool		found = false;

	scan =
		systable_beginscan(overflow, InvalidOid, false, SnapshotSelf, 0, NULL);
	while (!found && HeapTupleIsValid(tuple = systable_getnext(scan)))
		found = is_mark_of(stage_table, tuple, descriptor);
	systable_endscan(scan);
	return found;
}

static void
leave_mark(Relation overflow, Oid stage_table)
{
	TupleTableSlot *slot =
		MakeSingleTupleTableSlot(RelationGetDescr(overflow), &TTSOpsVirtual);

	ExecClearTuple(slot);
	memset(slot->tts_isnull, false, sizeof(bool) * OVERFLOW_COLUMNS);
	slot->tts_values[OVERFLOW_STAGE_TABLE] = ObjectIdGetDatum(stage_table);
	slot->tts_values[OVERFLOW_SILENT] = BoolGetDatum(true);
	slot->tts_isnull[OVERFLOW_WRITERS] = true;
	ExecStoreVirtualTuple(slot);
	simple_table_tuple_insert(overflow, slot);
	ExecDropSingleTupleTableSlot(slot);
}

void
crm_overflow_tell(Oid stage_table)
{
	Relation overflow = open_overflow();

	if (!find_mark(overflow, stage_table))
		leave_mark(overflow, stage_table);
	/* else the table could be rewritten without rows not yet committed */
	table_close(overflow, NoLock);
}

/* ----- refreshes ----- */

void
crm_overflow_recall(Oid stage_table)
{
	Oid	  types[1] = {OIDOID};
	Datum values[1] = {ObjectIdGetDatum(stage_table)};

	crm_execute("WITH recalled AS (DELETE FROM crmlife.queue_overflow o "
				"WHERE o.stage_table = $1 AND EXISTS (SELECT "
				"FROM crmlife.queue_overflow m "
				"WHERE m.stage_table = $1 AND m.silent) RETURNING 1) "
				"INSERT INTO crmlife.queue_overflow (stage_table, silent) "
				"SELECT $1, false FROM recalled LIMIT 1",
				1, types, values, NULL, SPI_OK_INSERT);
}

/* one of whom it was not known whether they are silent has ended, or may have */
#define HAS_TO_BE_LOOKED_AT                                        \
	"(o.writers IS NULL OR EXISTS (SELECT FROM unnest(o.writers) " \
	"AS w(writer) WHERE pg_visible_in_snapshot(w.writer, "         \
	"pg_current_snapshot())))"

/* what stands after a run in the snapshot the query is run in */
static const char next_step[] =
	"WITH taken AS (DELETE FROM crmlife.queue_overflow "
	"WHERE stage_table = $1 RETURNING silent, writers), "
	"what AS (SELECT bool_or(silent) AS marked, "
	"bool_or(writers IS NULL) AS unknown FROM taken), "
	"running AS (SELECT array_agg(x.writer) AS writers FROM what, "
	"pg_snapshot_xip(pg_current_snapshot()) AS x(writer) "
	"WHERE what.unknown OR x.writer IN (SELECT unnest(writers) FROM taken)) "
	"INSERT INTO crmlife.queue_overflow (stage_table, silent, writers) "
	"SELECT $1, false, CASE WHEN NOT what.marked THEN running.writers END "
	"FROM what, running WHERE what.marked OR running.writers IS NOT NULL";

bool
crm_overflow_take(Oid stage_table, Snapshot snapshot)
{
	Oid			types[1] = {OIDOID};
	Datum		values[1] = {ObjectIdGetDatum(stage_table)};
	SPIPlanPtr	plan;
	CrmIdentity saved;
	bool		everybody;

	crm_become_catalog_owner(&saved);
	PushActiveSnapshot(snapshot);
	everybody = crm_overflow_waits(stage_table);
	PopActiveSnapshot();
	if (everybody)
	{
		plan = crm_plan(next_step, 1, types, 0, 0);
		if (SPI_execute_snapshot(plan, values, NULL, snapshot, InvalidSnapshot,
								 false, true, 0) != SPI_OK_INSERT)
			elog(ERROR, "could not note the end of an overflow");
	}
	crm_revert_identity(&saved);
	return everybody;
}

bool
crm_overflow_waits(Oid stage_table)
{
	Oid	  types[1] = {OIDOID};
	Datum values[1] = {ObjectIdGetDatum(stage_table)};

	return crm_query("SELECT FROM crmlife.queue_overflow o "
					 "WHERE o.stage_table = $1 AND " HAS_TO_BE_LOOKED_AT
					 " LIMIT 1",
					 1, types, values) > 0;
}
