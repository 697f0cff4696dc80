/*
 * deferred.c
 *		Customers of a stage table of whom nothing is visible yet: all their
 *		rows lie in the future.  They have no row there, and are looked at again
 *		on the first of these days.
 *
 *		future orders, visits, registrations --refresh--> crmlife.deferred
 *		                                  ^                     |
 *		                                  +------ their day ----+
 *
 * Only refreshes write them, so they have indexes and stay out of the queue,
 * whose size and order are for writers of the sources.
 *
 * Invariant: each is due after the day that the stage table shows.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/date.h"

#include "stage/deferred.h"
#include "stage/plans.h"
#include "stage/statement.h"

/* what SPI holds, in the caller's memory */
static void
read_keys(CrmKeys *keys)
{
	for (uint64 i = 0; i < SPI_processed; i++)
	{
		bool  isnull;
		Datum name = SPI_getbinval(SPI_tuptable->vals[i], SPI_tuptable->tupdesc,
								   1, &isnull);
		Datum key;

		CHECK_FOR_INTERRUPTS();
		if (!crm_stage_key_from_text(keys->kind, TextDatumGetCString(name),
									 &key))
			elog(ERROR, "crmlife.deferred has a customer of another type");
		crm_keys_add(keys, key);
	}
	SPI_freetuptable(SPI_tuptable);
}

void
crm_deferred_take(Oid stage_table, CrmDay day, Snapshot snapshot, CrmKeys *keys)
{
	Oid	  types[2] = {OIDOID, DATEOID};
	Datum values[2] = {ObjectIdGetDatum(stage_table), DateADTGetDatum(day)};
	CrmIdentity saved;
	SPIPlanPtr	plan;

	crm_become_catalog_owner(&saved);
	plan = crm_plan("DELETE FROM crmlife.deferred WHERE stage_table = $1 "
					"AND due_on <= $2 RETURNING customer",
					2, types, 0, 0);
	if (SPI_execute_snapshot(plan, values, NULL, snapshot, InvalidSnapshot,
							 false, true, 0) != SPI_OK_DELETE_RETURNING)
		elog(ERROR, "could not take customers whose day has come");
	crm_revert_identity(&saved);
	read_keys(keys);
}

void
crm_deferred_look(Oid stage_table, CrmDay day, CrmKeys *keys)
{
	Oid	  types[2] = {OIDOID, DATEOID};
	Datum values[2] = {ObjectIdGetDatum(stage_table), DateADTGetDatum(day)};
	CrmIdentity saved;

	crm_become_catalog_owner(&saved);
	crm_query("SELECT customer FROM crmlife.deferred "
			  "WHERE stage_table = $1 AND due_on <= $2",
			  2, types, values);
	crm_revert_identity(&saved);
	read_keys(keys);
}

void
crm_deferred_drop(Oid stage_table, CrmStageKey kind, const Datum *keys,
				  int count)
{
	Oid			types[2] = {OIDOID, TEXTARRAYOID};
	Datum		values[2] = {ObjectIdGetDatum(stage_table), (Datum) 0};
	CrmIdentity saved;

	if (keys)
	{
		Datum *texts = palloc(sizeof(Datum) * Max(count, 1));

		for (int i = 0; i < count; i++)
			texts[i] = CStringGetTextDatum(crm_key_text(kind, keys[i]));
		values[1] = crm_key_array(CRM_STAGE_KEY_TEXT, texts, count);
	}
	crm_become_catalog_owner(&saved);
	crm_execute(keys ? "DELETE FROM crmlife.deferred "
					   "WHERE stage_table = $1 AND customer = ANY ($2)"
					 : "DELETE FROM crmlife.deferred WHERE stage_table = $1",
				keys ? 2 : 1, types, values, NULL, SPI_OK_DELETE);
	crm_revert_identity(&saved);
}

int64
crm_deferred_count(Oid stage_table)
{
	Oid			types[1] = {OIDOID};
	Datum		values[1] = {ObjectIdGetDatum(stage_table)};
	CrmIdentity saved;
	bool		isnull;
	int64		count;

	crm_become_catalog_owner(&saved);
	crm_query("SELECT count(*) FROM crmlife.deferred WHERE stage_table = $1", 1,
			  types, values);
	crm_revert_identity(&saved);
	count = DatumGetInt64(SPI_getbinval(SPI_tuptable->vals[0],
										SPI_tuptable->tupdesc, 1, &isnull));
	SPI_freetuptable(SPI_tuptable);
	return count;
}
