/*
 * drop.c
 *		What is left of a stage table when it goes: nothing.
 *
 * DROP TABLE takes the change log along, but knows nothing of crmlife's own
 * rows, nor of triggers on sources: drop_stage_table takes them away itself,
 * the worker those of tables that were dropped behind its back.
 *
 * Invariant: crmlife's own rows about a stage table go together, after its
 * triggers.
 */
#include "postgres.h"

#include "catalog/dependency.h"
#include "catalog/objectaddress.h"
#include "catalog/pg_class.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "storage/lmgr.h"
#include "utils/lsyscache.h"

#include "stage/capture.h"
#include "stage/drop.h"
#include "stage/rights.h"
#include "stage/source.h"
#include "stage/stage.h"
#include "stage/statement.h"

/* DROP TABLE of the stage table takes the change log with it */
void
crm_link_changes(Oid stage_table, Oid changes)
{
	ObjectAddress log;
	ObjectAddress table;

	ObjectAddressSet(log, RelationRelationId, changes);
	ObjectAddressSet(table, RelationRelationId, stage_table);
	(void) deleteDependencyRecordsForSpecific(RelationRelationId, changes,
											  DEPENDENCY_AUTO,
											  RelationRelationId, stage_table);
	recordDependencyOn(&log, &table, DEPENDENCY_AUTO);
}

/* crmlife's own rows about a stage table */
static void
forget(Oid stage_table)
{
	static const char *const tables[] = {
		"threshold_override", "learned_threshold",
		"threshold_change",	  "stage_cuts",
		"model_version",	  "figures_state",
		"overview_log",		  "stage_snapshot",
		"weekly_band",		  "weekly_stage",
		"weekly_flow",		  "tally",
		"tally_stage",		  "tally_orders",
		"tally_day",		  "tally_cohort",
		"consumer",			  "run_log",
		"stage_state",		  "queue",
		"queue_overflow",	  "deferred",
		"schedule_error",	  "stage_table"};
	Oid			types[1] = {OIDOID};
	Datum		values[1] = {ObjectIdGetDatum(stage_table)};
	CrmIdentity saved;

	crm_become_catalog_owner(&saved);
	for (int i = 0; i < lengthof(tables); i++)
		crm_execute(psprintf("DELETE FROM crmlife.%s WHERE stage_table = $1",
							 tables[i]),
					1, types, values, NULL, SPI_OK_DELETE);
	crm_revert_identity(&saved);
}

/* the change log of a stage table; InvalidOid when it is none */
static Oid
changes_of(Oid stage_table)
{
	Oid			types[1] = {OIDOID};
	Datum		values[1] = {ObjectIdGetDatum(stage_table)};
	CrmIdentity saved;
	bool		isnull;
	Oid			changes = InvalidOid;

	crm_become_catalog_owner(&saved);
	if (crm_execute("SELECT changes::oid FROM crmlife.stage_table "
					"WHERE stage_table = $1",
					1, types, values, NULL, SPI_OK_SELECT) > 0)
		changes = DatumGetObjectId(SPI_getbinval(
			SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull));
	crm_revert_identity(&saved);
	return changes;
}

static void
drop_table(Oid table)
{
	if (SPI_execute(psprintf("DROP TABLE %s", crm_quote_relation(table)), false,
					0) != SPI_OK_UTILITY)
		elog(ERROR, "could not drop relation %u", table);
}

/* not what is another's: DROP TABLE refuses it, and nobody waits for that */
static void
lock_to_drop(Oid table)
{
	if (get_rel_name(table) != NULL && crm_owns_relation(table, GetUserId()))
		LockRelationOid(table, AccessExclusiveLock);
}

PG_FUNCTION_INFO_V1(crm_drop_stage_table);

Datum
crm_drop_stage_table(PG_FUNCTION_ARGS)
{
	Oid			stage_table = PG_GETARG_OID(0);
	char	   *name;
	Oid			changes;
	CrmIdentity saved;

	if (PG_ARGISNULL(0))
		ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
						errmsg("stage_table must not be null")));
	crm_refuse_on_standby();
	crm_lock_own_stage(stage_table);
	name = get_rel_name(stage_table);
	SPI_connect();
	crm_pin_search_path(&saved);
	changes = changes_of(stage_table);
	if (!OidIsValid(changes))
		ereport(
			ERROR,
			(errcode(ERRCODE_UNDEFINED_OBJECT),
			 errmsg("%s is not a stage table",
					name ? crm_quote_relation(stage_table) : "what was given"),
			 errhint("SELECT stage_table FROM crmlife.status lists them.")));
	/* in the order in which those lock them who read, or take changes */
	if (name)
		lock_to_drop(stage_table);
	lock_to_drop(changes);
	(void) crm_capture_remove(stage_table, true);
	forget(stage_table);
	if (name)
		drop_table(stage_table);
	/* goes with the stage table, unless a restore has left it by itself */
	CommandCounterIncrement();
	if (get_rel_name(changes) != NULL)
		drop_table(changes);
	crm_capture_remove_orphans();
	crm_revert_identity(&saved);
	SPI_finish();
	PG_RETURN_VOID();
}

/*
 * What is left of stage tables that were dropped with plain DROP TABLE; without
 * waiting, only where nobody uses their sources.
 */
void
crm_forget_dropped(bool wait)
{
	CrmIdentity saved;
	uint64		count;
	Oid		   *gone;

	SPI_connect();
	crm_become_catalog_owner(&saved);
	count = crm_execute("SELECT t.stage_table::oid FROM crmlife.stage_table t "
						"WHERE NOT EXISTS (SELECT FROM pg_class c "
						"WHERE c.oid = t.stage_table)",
						0, NULL, NULL, NULL, SPI_OK_SELECT);
	gone = palloc(sizeof(Oid) * Max(count, 1));
	for (uint64 i = 0; i < count; i++)
	{
		bool isnull;

		gone[i] = DatumGetObjectId(SPI_getbinval(
			SPI_tuptable->vals[i], SPI_tuptable->tupdesc, 1, &isnull));
	}
	crm_revert_identity(&saved);
	for (uint64 i = 0; i < count; i++)
	{
		if (crm_capture_remove(gone[i], wait))
			forget(gone[i]);
	}
	if (wait && count > 0)
		crm_capture_remove_orphans();
	SPI_finish();
}
