/*
 * schedule.c
 *		The figures of a week that is over, cuts and thresholds taken anew.
 *
 * A refresh of the worker never does it: the first walks over everybody, and
 * with the others stages and scores move for everybody.  The worker asks after
 * each of its runs, and does a step that is due in a transaction of its own,
 * so that one that fails leaves the refresh standing.
 *
 *		last time + interval <= day the table shows
 *
 * Invariant: a step is tried once a day at most, whatever becomes of the others.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/timestamp.h"

#include "stage/definition.h"
#include "stage/progress.h"
#include "stage/rights.h"
#include "stage/schedule.h"
#include "stage/stage.h"
#include "stage/statement.h"

/* as crmlife.runs calls them */
static const char *const step_names[CRM_SCHEDULE_STEPS] = {
	[CRM_SCHEDULE_WEEKS] = "weeks",
	[CRM_SCHEDULE_CALIBRATE] = "calibrate",
	[CRM_SCHEDULE_LEARN] = "learn",
};

/* it has not failed on this day */
#define NOT_TRIED                                              \
	"AND NOT EXISTS (SELECT FROM crmlife.schedule_error e "    \
	"WHERE e.stage_table = s.stage_table AND e.step = $2 AND " \
	"e.failed_on = s.refreshed_day)"

/* has this time since that day passed?  Near the end of time it never does. */
#define PASSED(day, every)                           \
	"AND CASE WHEN " day " IS NULL THEN true "       \
	"WHEN " day " > date '290000-01-01' THEN false " \
	"ELSE " day " + " every " <= s.refreshed_day END "

/* true where the step is due; $1 is the stage table, $2 the step */
static const char *const due_queries[CRM_SCHEDULE_STEPS] = {
	[CRM_SCHEDULE_WEEKS] =
		"SELECT FROM crmlife.figures_state f JOIN crmlife.stage_state s "
		"ON s.stage_table = f.stage_table::oid WHERE f.stage_table = $1 "
		"AND coalesce(f.weeks < date_trunc('week', f.day::timestamp)::date, "
		"true) AND EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = "
		"f.stage_table AND a.attname = 'history' AND NOT "
		"a.attisdropped) " NOT_TRIED,
	[CRM_SCHEDULE_CALIBRATE] =
		"SELECT FROM crmlife.stage_table t JOIN crmlife.stage_state s "
		"ON s.stage_table = t.stage_table::oid LEFT JOIN crmlife.stage_cuts c "
		"ON c.stage_table = t.stage_table AND c.segment = '' "
		"WHERE t.stage_table = $1 AND t.calibrate_every IS NOT NULL " PASSED(
			"c.calibrated_on", "t.calibrate_every") NOT_TRIED,
	[CRM_SCHEDULE_LEARN] =
		"SELECT FROM crmlife.stage_table t JOIN crmlife.stage_state s "
		"ON s.stage_table = t.stage_table::oid "
		"WHERE t.stage_table = $1 AND t.learn_every IS NOT NULL " PASSED(
			"s.learned_on", "t.learn_every") NOT_TRIED,
};

const char *
crm_schedule_step_name(CrmScheduleStep step)
{
	return step_names[step];
}

bool
crm_schedule_due(Oid stage_table, CrmScheduleStep step)
{
	Oid	  types[2] = {OIDOID, TEXTOID};
	Datum values[2] = {ObjectIdGetDatum(stage_table),
					   CStringGetTextDatum(step_names[step])};

	return crm_execute(due_queries[step], 2, types, values, NULL,
					   SPI_OK_SELECT) > 0;
}

void
crm_schedule_done(Oid stage_table, CrmScheduleStep step)
{
	Oid			types[2] = {OIDOID, TEXTOID};
	Datum		values[2] = {ObjectIdGetDatum(stage_table),
							 CStringGetTextDatum(step_names[step])};
	CrmIdentity saved;

	crm_become_catalog_owner(&saved);
	crm_execute("DELETE FROM crmlife.schedule_error WHERE stage_table = $1 "
				"AND step = $2",
				2, types, values, NULL, SPI_OK_DELETE);
	crm_revert_identity(&saved);
}

void
crm_schedule_failed(Oid stage_table, CrmScheduleStep step, TimestampTz started,
					const char *error)
{
	Oid	  types[3] = {OIDOID, TEXTOID, TEXTOID};
	Datum values[3] = {ObjectIdGetDatum(stage_table),
					   CStringGetTextDatum(step_names[step]),
					   CStringGetTextDatum(error)};

	crm_execute("INSERT INTO crmlife.schedule_error AS e "
				"(stage_table, step, failed_on, error) "
				"SELECT s.stage_table, $2, s.refreshed_day, $3 "
				"FROM crmlife.stage_state s WHERE s.stage_table = $1 "
				"ON CONFLICT (stage_table, step) DO UPDATE SET "
				"failed_on = excluded.failed_on, error = excluded.error",
				3, types, values, NULL, SPI_OK_INSERT);
	crm_run_log(stage_table, step_names[step], started, NULL, error);
}

/* ----- SQL ----- */

static Datum
interval_argument(FunctionCallInfo fcinfo, int number, const char *name)
{
	Interval *interval;

	if (PG_ARGISNULL(number))
		return (Datum) 0;
	interval = PG_GETARG_INTERVAL_P(number);
	/* the limit keeps every day that can be reached within a timestamp */
	if (interval->time != 0 || interval->day < 0 || interval->month < 0 ||
		interval->day + interval->month == 0 || interval->day > 1000 * 366 ||
		interval->month > 1000 * 12)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("%s must be a number of whole days or months, "
							   "up to 1000 years",
							   name),
						errhint("For example '1 month'; NULL: only when "
								"asked.")));
	return IntervalPGetDatum(interval);
}

PG_FUNCTION_INFO_V1(crm_set_schedule);

Datum
crm_set_schedule(PG_FUNCTION_ARGS)
{
	Oid			types[3] = {OIDOID, INTERVALOID, INTERVALOID};
	Datum		values[3];
	char		nulls[] = "   ";
	CrmIdentity saved;

	if (PG_ARGISNULL(0))
		ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
						errmsg("stage_table must not be null")));
	values[0] = PG_GETARG_DATUM(0);
	values[1] = interval_argument(fcinfo, 1, "calibrate_every");
	values[2] = interval_argument(fcinfo, 2, "learn_every");
	nulls[1] = values[1] ? ' ' : 'n';
	nulls[2] = values[2] ? ' ' : 'n';
	crm_refuse_on_standby();
	crm_lock_own_stage(PG_GETARG_OID(0));
	(void) crm_load_without_model(PG_GETARG_OID(0));
	SPI_connect();
	crm_become_catalog_owner(&saved);
	crm_execute("UPDATE crmlife.stage_table SET calibrate_every = $2, "
				"learn_every = $3 WHERE stage_table = $1",
				3, types, values, nulls, SPI_OK_UPDATE);
	crm_revert_identity(&saved);
	SPI_finish();
	PG_RETURN_VOID();
}
