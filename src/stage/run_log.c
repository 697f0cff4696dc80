/*
 * run_log.c
 *		The last runs of each stage table, kept in crmlife.run_log.
 *
 * A ring: the runs of a table are numbered, and each new one lets go of those
 * that are crmlife.run_log_size behind it.  A run that succeeded is written
 * down in its own transaction, so that the log never tells of one that was
 * rolled back; a failed one by the worker, in the transaction that notes the
 * error.
 *
 * Invariant: a stage table has at most crmlife.run_log_size rows, as the
 * setting was at its last run.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "stage/progress.h"
#include "stage/statement.h"

void
crm_run_log(Oid stage_table, const char *step, TimestampTz started,
			const CrmRefreshResult *result, const char *error)
{
	Oid			types[10] = {OIDOID,  TEXTOID, TIMESTAMPTZOID, BOOLOID, INT8OID,
							 INT8OID, INT8OID, TEXTOID,		   INT4OID, BOOLOID};
	Datum		values[10];
	char		nulls[] = "          ";
	CrmIdentity saved;

	values[0] = ObjectIdGetDatum(stage_table);
	values[1] = CStringGetTextDatum(step);
	values[2] = TimestampTzGetDatum(started);
	values[3] = BoolGetDatum(result && result->full);
	values[4] = Int64GetDatum(result ? result->customers : 0);
	values[5] = Int64GetDatum(result ? result->rows : 0);
	values[6] = Int64GetDatum(result ? result->changes : 0);
	values[7] = error ? CStringGetTextDatum(error) : (Datum) 0;
	values[8] = Int32GetDatum(crm_run_log_size);
	values[9] = BoolGetDatum(error == NULL);
	memset(nulls + 3, result ? ' ' : 'n', 4);
	nulls[7] = error ? ' ' : 'n';
	crm_become_catalog_owner(&saved);
	crm_execute(
		"WITH last AS (SELECT coalesce(max(l.run), 0) + 1 AS run "
		"FROM crmlife.run_log l WHERE l.stage_table = $1), "
		"written AS (INSERT INTO crmlife.run_log (stage_table, run, step, "
		"started_at, duration, succeeded, was_full, customers, rows_changed, "
		"changes_logged, error) SELECT $1, last.run, $2, $3, "
		"clock_timestamp() - $3, $10, $4, $5, $6, $7, $8 FROM last "
		"WHERE $9 > 0 ON CONFLICT DO NOTHING) "
		"DELETE FROM crmlife.run_log l USING last "
		"WHERE l.stage_table = $1 AND l.run <= last.run - $9",
		10, types, values, nulls, SPI_OK_DELETE);
	crm_revert_identity(&saved);
}

void
crm_run_report(const CrmStageDefinition *definition, TimestampTz started,
			   const CrmRefreshResult *result)
{
	long ms = TimestampDifferenceMilliseconds(started, GetCurrentTimestamp());

	if (crm_log_min_duration < 0 || ms < crm_log_min_duration)
		return;
	ereport(LOG,
			(errmsg("refreshed stage table %s in %ld ms: %lld customers looked "
					"at%s, %lld rows written, %lld changes logged",
					definition->table_name, ms, (long long) result->customers,
					result->full ? " (all)" : "", (long long) result->rows,
					(long long) result->changes),
			 errhidestmt(true)));
}
