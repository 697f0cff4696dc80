/*
 * worker.c
 *		The process that refreshes the stage tables of one database.
 *
 * It makes passes; in each it lists the stage tables and runs those that are
 * due, each under its session lock and in transactions of its own:
 *
 *		A  started_at is written and committed: a crash leaves evidence
 *		B  crm_stage_refresh_today, as the table's owner, and when to run next
 *		C  instead of B's result, after an error: the error, and a later time
 *
 * An error in B ends there, so one bad table never stops the others.  Between
 * passes the worker waits outside any transaction, and leaves when nothing is
 * due soon or when it is asked to.
 *
 * Invariants: no code of users runs with more rights than theirs: crmlife's
 * own tables are read and written as their owner, stage tables as theirs.
 * "Running" is the possession of the session lock, never a column.
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/namespace.h"
#include "catalog/pg_type.h"
#include "commands/dbcommands.h"
#include "common/pg_prng.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "pgstat.h"
#include "pgtime.h"
#include "postmaster/bgworker.h"
#include "postmaster/interrupt.h"
#include "storage/ipc.h"
#include "storage/proc.h"
#include "storage/procsignal.h"
#include "tcop/tcopprot.h"
#include "utils/builtins.h"
#include "utils/date.h"
#include "utils/datetime.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/timeout.h"
#include "utils/timestamp.h"

#include "compat.h"
#include "stage/drop.h"
#include "stage/lock.h"
#include "stage/overflow.h"
#include "stage/progress.h"
#include "stage/queue.h"
#include "stage/rights.h"
#include "stage/schedule.h"
#include "stage/source.h"
#include "stage/stage.h"
#include "stage/statement.h"
#include "stage/steps.h"
#include "stage/worker.h"

/* a worker waits so long for its next run before it leaves */
#define LINGER_MS 5000
/* and leaves anyway after so long, to give its memory back */
#define LIFETIME_MS (10 * 60 * 1000)
/* the shortest time between two runs of one table */
#define MIN_EVERY_MS 100
/* a look into the queue takes at most 1/20 of the time */
#define LOOK_SHARE 20
/* how long a failing table waits at most: see back_off */
#define BACK_OFF_FLOOR_MS (60 * 1000)
#define BACK_OFF_CAP_MS (600 * 1000)
#define CRASH_BACK_OFF_MS (10 * 1000)

/* a stage table, as the pass found it */
typedef struct Job
{
	Oid				stage_table;
	char		   *name;	  /* qualified; NULL: the table is gone */
	int64			every_ms; /* refresh_every */
	char		   *timezone;
	bool			captured; /* by triggers, into the queue */
	bool			partial;  /* being restored */
	bool			needs_full;
	bool			has_day;
	DateADT			refreshed_day;
	TimestampTz		refreshed_at; /* DT_NOBEGIN: never */
	TimestampTz		started_at;
	TimestampTz		failed_at;
	TimestampTz		next_run_at;
	int				failures;
	TimestampTz		look_at;  /* when the worker has to look at it again */
	TimestampTz		begun_at; /* the run at hand */
	bool			started;  /* it has been recorded */
	CrmScheduleStep step;	  /* of the schedule, being done */
	bool			step_due;
} Job;

static CrmDatabaseRow *my_row = NULL;
static MemoryContext   pass_context = NULL;
static CrmIdentity	   session_identity;
static TimestampTz	   forget_at = 0; /* when to try crm_forget_dropped again */

/* ---- transactions of the worker ---- */

static void
enter_catalog_work(void)
{
	PushActiveSnapshot(GetTransactionSnapshot());
	SPI_connect();
	crm_become_catalog_owner(&session_identity);
}

static void
end_catalog_work(void)
{
	crm_revert_identity(&session_identity);
	SPI_finish();
	PopActiveSnapshot();
	CommitTransactionCommand();
	MemoryContextSwitchTo(pass_context);
	pgstat_report_stat(true);
}

/* the extension is there, but of another version: it is left alone */
static bool waits_for_update = false;

/* Is the extension there, and of our version?  Where it is not, say so once. */
static bool
is_our_version(void)
{
	char *version = crm_catalog_version();
	bool  told;

	waits_for_update = version != NULL && strcmp(version, CRM_VERSION) != 0;
	LWLockAcquire(&crm_shared->lock, LW_EXCLUSIVE);
	told = my_row->told;
	my_row->told = waits_for_update;
	LWLockRelease(&crm_shared->lock);
	if (waits_for_update && !told)
		ereport(WARNING,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg(CRM_VERSION_MESSAGE, get_database_name(MyDatabaseId),
						version, CRM_VERSION),
				 errdetail("Its stage tables are not refreshed until both "
						   "agree. What changes meanwhile is noted."),
				 errhint(CRM_VERSION_HINT)));
	return version != NULL && !waits_for_update;
}

/*
 * Begin a transaction in which crmlife's own tables are used, as their owner.
 * Returns false, with no transaction open, when the extension is not there or
 * is of another version, or is being created or dropped.
 */
static bool
begin_catalog_work(void)
{
	static const char *const tables[] = {
		"stage_table", "stage_state", "queue",	"queue_overflow",
		"deferred",	   "consumer",	  "run_log"};

	SetCurrentStatementStartTimestamp();
	StartTransactionCommand();
	if (!is_our_version())
	{
		CommitTransactionCommand();
		return false;
	}
	for (int i = 0; i < lengthof(tables); i++)
	{
		RangeVar *table = makeRangeVar("crmlife", pstrdup(tables[i]), -1);

		if (!OidIsValid(RangeVarGetRelid(table, AccessShareLock, true)))
		{
			CommitTransactionCommand();
			return false;
		}
	}
	enter_catalog_work();
	return true;
}

/* ---- what is due ---- */

static TimestampTz
later(TimestampTz when, int64 ms)
{
	return when + ms * INT64CONST(1000);
}

static bool
get_column(int row, int column, Datum *value)
{
	bool isnull;

	*value = SPI_getbinval(SPI_tuptable->vals[row], SPI_tuptable->tupdesc,
						   column, &isnull);
	return !isnull;
}

static TimestampTz
get_instant(int row, int column)
{
	Datum value;

	return get_column(row, column, &value) ? DatumGetTimestampTz(value)
										   : DT_NOBEGIN;
}

/* seconds of refresh_every as milliseconds, whatever was asked for */
static int64
sane_interval(float8 seconds)
{
	if (!(seconds * 1000 > MIN_EVERY_MS))
		return MIN_EVERY_MS;
	if (seconds > SECS_PER_DAY * 365.0)
		return (int64) SECS_PER_DAY * 365 * 1000;
	return (int64) (seconds * 1000);
}

static void
read_job(int row, Job *job)
{
	Datum value;

	memset(job, 0, sizeof(Job));
	(void) get_column(row, 1, &value);
	job->stage_table = DatumGetObjectId(value);
	if (get_column(row, 2, &value))
		job->name = TextDatumGetCString(value);
	(void) get_column(row, 3, &value);
	job->every_ms = sane_interval(DatumGetFloat8(value));
	(void) get_column(row, 4, &value);
	job->timezone = TextDatumGetCString(value);
	(void) get_column(row, 5, &value);
	job->captured = DatumGetBool(value);
	(void) get_column(row, 6, &value);
	job->needs_full = DatumGetBool(value);
	job->has_day = get_column(row, 7, &value);
	if (job->has_day)
		job->refreshed_day = DatumGetDateADT(value);
	job->refreshed_at = get_instant(row, 8);
	job->started_at = get_instant(row, 9);
	job->failed_at = get_instant(row, 10);
	job->next_run_at = get_instant(row, 11);
	if (get_column(row, 12, &value))
		job->failures = DatumGetInt32(value);
	(void) get_column(row, 13, &value);
	job->partial = DatumGetBool(value);
}

/*
 * Whether a dump is being read in that has not got past the rows: never
 * refreshed here, and without what a dump makes after the rows of all tables,
 * primary keys and triggers.  A run now would add rows and triggers of its
 * own, and the dump's would fail.
 */
#define IS_PARTIAL                                                            \
	"s.stage_table IS NULL AND c.oid IS NOT NULL AND (NOT EXISTS ("           \
	"   SELECT FROM pg_constraint k"                                          \
	"   WHERE k.conrelid = d.stage_table AND k.contype = 'p')"                \
	"  OR d.capture = 'trigger' AND EXISTS (" CRM_WITH_SOURCES CRM_AND_ABOVE  \
	"   SELECT FROM above JOIN pg_class r"                                    \
	"   ON r.oid = above.oid AND r.relkind IN ('r', 'p')"                     \
	"   AND r.relpersistence <> 't'"                                          \
	"   WHERE 4 > (SELECT count(*) FROM pg_trigger g WHERE g.tgrelid = r.oid" \
	"              AND g.tgfoid = to_regprocedure('crmlife.capture()'))))"

/* All stage tables, the one that has waited longest first. */
static List *
read_jobs(void)
{
	static const char query[] =
		"SELECT d.stage_table::oid,"
		" quote_ident(n.nspname) || '.' || quote_ident(c.relname),"
		" extract(epoch FROM d.refresh_every)::float8, d.timezone,"
		" d.capture = 'trigger', coalesce(s.needs_full, true),"
		" s.refreshed_day, s.refreshed_at, s.started_at, s.last_error_at,"
		" s.next_run_at, s.failures, " IS_PARTIAL " FROM crmlife.stage_table d"
		" LEFT JOIN crmlife.stage_state s ON s.stage_table = d.stage_table"
		" LEFT JOIN pg_class c ON c.oid = d.stage_table"
		" LEFT JOIN pg_namespace n ON n.oid = c.relnamespace"
		" ORDER BY s.next_run_at NULLS FIRST, 1";
	List *jobs = NIL;

	crm_execute(query, 0, NULL, NULL, NULL, SPI_OK_SELECT);
	for (uint64 i = 0; i < SPI_processed; i++)
	{
		MemoryContext old = MemoryContextSwitchTo(pass_context);
		Job			 *job = palloc(sizeof(Job));

		read_job(i, job);
		jobs = lappend(jobs, job);
		MemoryContextSwitchTo(old);
	}
	return jobs;
}

/* The local day at an instant, and the instant at which the next one begins. */
static bool
local_day(const char *timezone, TimestampTz now, DateADT *day,
		  TimestampTz *midnight)
{
	pg_tz		*zone = pg_tzset(timezone);
	struct pg_tm tm;
	fsec_t		 fsec;
	int			 offset;

	if (zone == NULL || timestamp2tm(now, &offset, &tm, &fsec, NULL, zone) != 0)
		return false;
	*day = date2j(tm.tm_year, tm.tm_mon, tm.tm_mday) - POSTGRES_EPOCH_JDATE;

	j2date(*day + 1 + POSTGRES_EPOCH_JDATE, &tm.tm_year, &tm.tm_mon,
		   &tm.tm_mday);
	tm.tm_hour = tm.tm_min = tm.tm_sec = 0;
	offset = DetermineTimeZoneOffset(&tm, zone);
	return tm2timestamp(&tm, 0, &offset, midnight) == 0;
}

static bool
has_queued(Oid stage_table)
{
	Oid	  types[] = {OIDOID};
	Datum values[] = {ObjectIdGetDatum(stage_table)};

	return crm_query("SELECT FROM crmlife.queue WHERE stage_table = $1 LIMIT 1",
					 1, types, values) > 0 ||
		   crm_overflow_waits(stage_table);
}

/*
 * Has this table something to do now?  Cheap questions first.  A table is
 * also run without a known reason, once in crmlife.worker_interval, because a
 * run notices what no trigger tells: new partitions, disabled triggers.
 */
static bool
is_due(Job *job, TimestampTz now)
{
	DateADT		today;
	TimestampTz midnight;
	TimestampTz nonsense;
	instr_time	start, duration;
	int64		look_ms;
	bool		queued;

	if (!local_day(job->timezone, now, &today, &midnight))
		today = job->refreshed_day, midnight = DT_NOEND;

	/*
	 * A time so late that it can't be meant: the clock was set back, or
	 * somebody refreshed the table by hand while it had to wait.
	 */
	nonsense =
		later(now, job->failures == 0 ? job->every_ms : 2 * BACK_OFF_CAP_MS);
	job->look_at = Min(later(now, job->every_ms), midnight);
	if (job->partial)
		return false;
	if (job->failures == 0 && job->has_day && today > job->refreshed_day)
		return true;
	if (job->next_run_at > now && job->next_run_at <= nonsense)
	{
		job->look_at = job->next_run_at;
		if (job->failures == 0)
			job->look_at = Min(job->look_at, midnight);
		return false;
	}
	if (job->needs_full || !job->captured || !job->has_day ||
		today != job->refreshed_day || job->failures > 0 ||
		job->refreshed_at + crm_worker_interval * USECS_PER_SEC <= now)
		return true;

	INSTR_TIME_SET_CURRENT(start);
	queued = has_queued(job->stage_table);
	INSTR_TIME_SET_CURRENT(duration);
	INSTR_TIME_SUBTRACT(duration, start);
	look_ms = INSTR_TIME_GET_MILLISEC(duration) * LOOK_SHARE;
	job->look_at = Min(later(now, Max(job->every_ms, look_ms)), midnight);
	return queued;
}

/* ---- one run ---- */

/* Do some work; returns its error, or NULL, with no transaction open. */
static ErrorData *
guarded(void (*work)(Job *), Job *job)
{
	ErrorData *volatile error = NULL;

	PG_TRY();
	{
		work(job);
	}
	PG_CATCH();
	{
		HOLD_INTERRUPTS();
		MemoryContextSwitchTo(pass_context);
		error = CopyErrorData();
		FlushErrorState();
		disable_all_timeouts(false);
		QueryCancelPending = false;
		AbortOutOfAnyTransaction();
		RESUME_INTERRUPTS();
	}
	PG_END_TRY();
	MemoryContextSwitchTo(pass_context);
	return error;
}

/*
 * How long a table waits after its n-th failure in a row: refresh_every, then
 * twice as long each time.  The limit is five times refresh_every, or a
 * minute if that is more, or ten minutes if that is less.  Give or take an
 * eighth, so that tables which fail together do not come back together.
 */
static int64
back_off(int64 first_ms, int failures)
{
	int64 cap = Max(BACK_OFF_FLOOR_MS, Min(first_ms * 5, BACK_OFF_CAP_MS));
	int64 ms = Min(first_ms, cap);

	for (int i = 1; i < failures && ms < cap; i++)
		ms *= 2;
	ms = Min(ms, cap);
	return ms +
		   (int64) (ms * (pg_prng_double(&pg_global_prng_state) - 0.5) / 4);
}

/* A run began and neither ended nor failed, and nobody holds the lock. */
static bool
was_interrupted(Job *job)
{
	return job->started_at > job->refreshed_at &&
		   job->started_at > job->failed_at;
}

/* nobody takes from the queue what comes in the meantime */
static void
fold_queue(Job *job)
{
	if (!begin_catalog_work())
		return;
	crm_queue_fold(job->stage_table);
	end_catalog_work();
}

static bool
record_failure(Job *job, int64 first_ms, const char *error)
{
	Oid	  types[] = {OIDOID, TEXTOID, INT4OID, TIMESTAMPTZOID, TIMESTAMPTZOID};
	Datum values[5];
	TimestampTz now = GetCurrentTimestamp();

	if (!begin_catalog_work())
		return false;
	crm_run_log(job->stage_table, "refresh", job->begun_at, NULL, error);
	job->failures++;
	job->look_at = later(now, back_off(first_ms, job->failures));
	values[0] = ObjectIdGetDatum(job->stage_table);
	values[1] = CStringGetTextDatum(error);
	values[2] = Int32GetDatum(job->failures);
	values[3] = TimestampTzGetDatum(now);
	values[4] = TimestampTzGetDatum(job->look_at);
	crm_execute("UPDATE crmlife.stage_state SET last_error = $2, failures = $3,"
				" last_error_at = $4, next_run_at = $5 WHERE stage_table = $1",
				5, types, values, NULL, SPI_OK_UPDATE);
	end_catalog_work();
	/* what failed is known, whatever becomes of that */
	(void) guarded(fold_queue, job);
	return true;
}

/* transaction A; not started where the extension went away */
static void
record_start(Job *job)
{
	Oid	  types[] = {OIDOID, TIMESTAMPTZOID};
	Datum values[] = {ObjectIdGetDatum(job->stage_table), 0};

	job->begun_at = GetCurrentTimestamp();
	job->started = false;
	if (!begin_catalog_work())
		return;
	values[1] = TimestampTzGetDatum(job->begun_at);
	crm_execute("INSERT INTO crmlife.stage_state AS s (stage_table, started_at)"
				" VALUES ($1, $2) ON CONFLICT (stage_table)"
				" DO UPDATE SET started_at = excluded.started_at",
				2, types, values, NULL, SPI_OK_INSERT);
	crm_overflow_recall(job->stage_table);
	end_catalog_work();
	job->started = true;
}

/* within transaction B, after the refresh */
static void
record_success(Job *job)
{
	Oid	  types[] = {OIDOID, TIMESTAMPTZOID};
	Datum values[2];

	job->look_at = later(GetCurrentTimestamp(), job->every_ms);
	job->failures = 0;
	values[0] = ObjectIdGetDatum(job->stage_table);
	values[1] = TimestampTzGetDatum(job->look_at);
	crm_execute("UPDATE crmlife.stage_state SET next_run_at = $2, failures = 0,"
				" last_error = NULL WHERE stage_table = $1",
				2, types, values, NULL, SPI_OK_UPDATE);
}

/* transaction B */
static void
refresh_and_record(Job *job)
{
	CrmRefreshResult result;

	SetCurrentStatementStartTimestamp();
	StartTransactionCommand();
	PushActiveSnapshot(GetTransactionSnapshot());
	if (crm_worker_statement_timeout > 0)
		enable_timeout_after(STATEMENT_TIMEOUT, crm_worker_statement_timeout);
	/* what the session holds of it could be let go by code of users */
	crm_stage_lock(job->stage_table);
	crm_stage_refresh_today(job->stage_table, &result);
	disable_timeout(STATEMENT_TIMEOUT, false);
	PopActiveSnapshot();

	enter_catalog_work();
	record_success(job);
	end_catalog_work();
}

/*
 * Clean up after stage tables that were dropped with DROP TABLE.  Triggers on
 * their sources can go only while nobody uses those: it must not keep others
 * waiting, and comes again.
 */
static void
forget_dropped(Job *job)
{
	SetCurrentStatementStartTimestamp();
	StartTransactionCommand();
	PushActiveSnapshot(GetTransactionSnapshot());
	(void) set_config_option("lock_timeout", "200", PGC_USERSET, PGC_S_SESSION,
							 GUC_ACTION_LOCAL, true, 0, false);
	crm_forget_dropped(true);
	PopActiveSnapshot();
	CommitTransactionCommand();
}

/* what the status shows of an error */
static char *
describe_error(ErrorData *error)
{
	StringInfoData text;

	initStringInfo(&text);
	appendStringInfo(&text, "%s (SQLSTATE %s)",
					 error->message ? error->message : "unknown error",
					 unpack_sql_state(error->sqlerrcode));
	if (error->detail)
		appendStringInfo(&text, "\nDETAIL: %s", error->detail);
	if (error->hint)
		appendStringInfo(&text, "\nHINT: %s", error->hint);
	return text.data;
}

/* The server log hears of it once, the status each time. */
static void
log_failure(Job *job, ErrorData *error)
{
	ereport(job->failures == 0 ? WARNING : DEBUG1,
			(errcode(error->sqlerrcode),
			 errmsg("could not refresh stage table %s: %s", job->name,
					error->message ? error->message : "unknown error"),
			 error->detail ? errdetail_internal("%s", error->detail) : 0,
			 error->hint ? errhint("%s", error->hint) : 0));
}

/* An earlier run left its beginning, and neither an end nor an error. */
static void
log_interruption(Job *job, bool waits)
{
	ereport(
		WARNING,
		(errmsg("the last refresh of stage table %s did not finish", job->name),
		 errdetail("The server or the worker stopped. What it had begun "
				   "is undone, and what it was to do is still to do."),
		 waits ? errhint("It has to wait before it is tried again: what "
						 "it does may be what stops the server.")
			   : 0));
}

static void
log_recovery(Job *job, int failures)
{
	ereport(LOG, (errmsg("stage table %s is refreshed again", job->name),
				  errdetail_plural("It had failed %d time in a row.",
								   "It had failed %d times in a row.", failures,
								   failures)));
}

/* Transactions A, B, and C when one fails; false: the extension went away. */
static bool
refresh_guarded(Job *job)
{
	int		   failures = job->failures;
	ErrorData *error = guarded(record_start, job);

	if (error == NULL && !job->started)
		return false;
	if (error == NULL)
		error = guarded(refresh_and_record, job);
	if (error == NULL)
	{
		if (failures > 0)
			log_recovery(job, failures);
		return true;
	}
	log_failure(job, error);
	return record_failure(job, job->every_ms, describe_error(error));
}

static void
look_at_step(Job *job)
{
	job->step_due = false;
	if (!begin_catalog_work())
		return;
	job->step_due = crm_schedule_due(job->stage_table, job->step);
	end_catalog_work();
}

static void
run_step(Job *job)
{
	SetCurrentStatementStartTimestamp();
	StartTransactionCommand();
	PushActiveSnapshot(GetTransactionSnapshot());
	if (crm_worker_statement_timeout > 0)
		enable_timeout_after(STATEMENT_TIMEOUT, crm_worker_statement_timeout);
	crm_stage_lock(job->stage_table);
	crm_step_run(job->stage_table, job->step);
	disable_timeout(STATEMENT_TIMEOUT, false);
	PopActiveSnapshot();
	CommitTransactionCommand();
	MemoryContextSwitchTo(pass_context);
	pgstat_report_stat(true);
}

static void
step_failed(Job *job, ErrorData *error)
{
	static const char *const verbs[] = {"count the weeks of", "calibrate",
										"learn from"};

	if (!begin_catalog_work())
		return;
	ereport(
		WARNING,
		(errcode(error->sqlerrcode),
		 errmsg("could not %s stage table %s: %s", verbs[job->step], job->name,
				error->message ? error->message : "unknown error")));
	crm_schedule_failed(job->stage_table, job->step, job->begun_at,
						describe_error(error));
	end_catalog_work();
}

/*
 * Weekly figures, cuts and thresholds that are to be taken anew, each in a
 * transaction of its own; an error there is the step's, and neither the
 * refresh's nor that of another step.
 */
static void
run_schedule(Job *job)
{
	for (int step = 0; step < CRM_SCHEDULE_STEPS; step++)
	{
		ErrorData *error;

		job->step = (CrmScheduleStep) step;
		job->begun_at = GetCurrentTimestamp();
		error = guarded(look_at_step, job);
		if (error == NULL && job->step_due)
			error = guarded(run_step, job);
		if (error != NULL)
			step_failed(job, error);
	}
}

static bool
change_session_lock(Oid stage_table, bool take)
{
	bool done = true;

	SetCurrentStatementStartTimestamp();
	StartTransactionCommand();
	if (take)
		done = crm_stage_try_lock_session(stage_table);
	else
		crm_stage_unlock_session(stage_table);
	CommitTransactionCommand();
	return done;
}

/*
 * One run of one table; false when the extension went away.  A run that was
 * interrupted is tried again at once, but when that was interrupted too it
 * has to wait: what it does may be what brings the server down.
 */
static bool
run_job(Job *job)
{
	bool going;

	if (!change_session_lock(job->stage_table, true))
		return true; /* somebody refreshes it right now */

	MemoryContextSwitchTo(pass_context);
	pgstat_report_activity(STATE_RUNNING,
						   psprintf("crmlife: refreshing %s", job->name));
	if (was_interrupted(job))
	{
		static const char text[] =
			"the last run did not finish: the server or the worker stopped";

		log_interruption(job, job->failures > 0);
		job->begun_at = job->started_at;
		if (job->failures > 0)
			going = record_failure(job, CRASH_BACK_OFF_MS, text);
		else
			going = record_failure(job, CRASH_BACK_OFF_MS, text) &&
					refresh_guarded(job);
	}
	else
		going = refresh_guarded(job);
	if (going && job->failures == 0)
		run_schedule(job);
	(void) change_session_lock(job->stage_table, false);
	return going;
}

/* ---- passes ---- */

static List *
find_due_jobs(List *jobs)
{
	TimestampTz now = GetCurrentTimestamp();
	List	   *due = NIL;
	ListCell   *cell;

	foreach (cell, jobs)
	{
		Job			 *job = lfirst(cell);
		MemoryContext old;

		if (job->name == NULL)
		{
			job->look_at = DT_NOEND; /* see clean_up */
			continue;
		}
		if (!is_due(job, now))
			continue;
		old = MemoryContextSwitchTo(pass_context);
		due = lappend(due, job);
		MemoryContextSwitchTo(old);
	}
	return due;
}

/* Some stage table may have been dropped behind crmlife's back. */
static void
clean_up(List *jobs)
{
	TimestampTz now = GetCurrentTimestamp();
	ListCell   *cell;

	foreach (cell, jobs)
	{
		ErrorData *error;

		if (((Job *) lfirst(cell))->name != NULL || now < forget_at)
			continue;
		forget_at = later(now, (int64) crm_worker_interval * 1000);
		error = guarded(forget_dropped, NULL);
		if (error != NULL)
			ereport(DEBUG1, (errmsg("could not clean up after a dropped stage "
									"table: %s",
									error->message)));
		return;
	}
}

static bool
asked_to_leave(void)
{
	return my_row->leave || !crm_worker_enabled;
}

/*
 * One pass over the stage tables of this database.  Returns when the next is
 * wanted; sets *installed to whether there is anything to come back for.
 */
static TimestampTz
make_pass(bool *installed)
{
	TimestampTz next;
	List	   *jobs;
	List	   *due;
	ListCell   *cell;

	*installed = begin_catalog_work();
	next = later(GetCurrentTimestamp(), (int64) crm_worker_interval * 1000);
	if (!*installed)
	{
		*installed = waits_for_update;
		return next;
	}
	pgstat_report_activity(STATE_RUNNING, "crmlife: looking for work");
	jobs = read_jobs();
	due = find_due_jobs(jobs);
	end_catalog_work();

	foreach (cell, due)
	{
		CHECK_FOR_INTERRUPTS();
		if (asked_to_leave())
			return GetCurrentTimestamp();
		MemoryContextSwitchTo(pass_context);
		*installed = run_job(lfirst(cell));
		if (!*installed)
			return next;
	}
	clean_up(jobs);
	foreach (cell, jobs)
		next = Min(next, ((Job *) lfirst(cell))->look_at);
	return next;
}

/* ---- the process ---- */

static void
worker_exit(int code, Datum arg)
{
	LWLockAcquire(&crm_shared->lock, LW_EXCLUSIVE);
	my_row->worker = 0;
	my_row->latch = NULL;
	my_row->idle = false;
	my_row->leave = false;
	if (my_row->woken)
		my_row->due = 0;
	crm_wake_launchers();
	LWLockRelease(&crm_shared->lock);
}

/* Take the database's row; false when it is taken, or nobody wants us. */
static bool
worker_enter(Oid database)
{
	LWLockAcquire(&crm_shared->lock, LW_EXCLUSIVE);
	my_row = crm_database_row(database, false);
	if (my_row != NULL && my_row->worker == 0)
	{
		my_row->starter = 0;
		my_row->worker = MyProcPid;
		my_row->latch = MyLatch;
		my_row->idle = false;
		my_row->leave = false;
		/* stands if this worker fails before it knows better */
		my_row->due = later(GetCurrentTimestamp(), CRM_RETRY_MS);
	}
	else
		my_row = NULL;
	LWLockRelease(&crm_shared->lock);
	if (my_row != NULL)
		before_shmem_exit(worker_exit, (Datum) 0);
	return my_row != NULL;
}

static void
override_setting(const char *name, const char *value)
{
	SetConfigOption(name, value, PGC_SUSET, PGC_S_OVERRIDE);
}

/* What databases and roles set for their sessions is not meant for this. */
static void
prepare_session(void)
{
	char timeout[32];

	override_setting("search_path", "pg_catalog, pg_temp");
	override_setting("default_transaction_read_only", "off");
	override_setting("default_transaction_isolation", "read committed");
	override_setting("default_transaction_deferrable", "off");
	override_setting("session_replication_role", "origin");
	override_setting("row_security", "on");
	override_setting("idle_in_transaction_session_timeout", "0");
	/* of PostgreSQL 17: it would end the process */
	if (GetConfigOption("transaction_timeout", true, false) != NULL)
		override_setting("transaction_timeout", "0");
	override_setting("application_name", "crmlife worker");
	snprintf(timeout, sizeof(timeout), "%d", crm_worker_lock_timeout);
	override_setting("lock_timeout", timeout);
}

static void
publish(TimestampTz due, bool installed, bool idle)
{
	LWLockAcquire(&crm_shared->lock, LW_EXCLUSIVE);
	my_row->due = due;
	my_row->looked = true;
	my_row->installed = installed;
	my_row->idle = idle;
	LWLockRelease(&crm_shared->lock);
}

static void
reload_settings(void)
{
	ConfigReloadPending = false;
	ProcessConfigFile(PGC_SIGHUP);
	prepare_session();
}

/* Wait for the next pass; false when it is better to leave. */
static bool
linger(TimestampTz next, TimestampTz born)
{
	pgstat_report_activity(STATE_IDLE, NULL);
	for (;;)
	{
		TimestampTz now;
		long		ms;

		ResetLatch(MyLatch);
		if (ProcDiePending)
			proc_exit(1); /* quietly: nothing is interrupted */
		CHECK_FOR_INTERRUPTS();
		if (ConfigReloadPending)
			reload_settings();
		if (asked_to_leave())
			return false;
		if (my_row->woken)
			return true;

		now = GetCurrentTimestamp();
		ms = TimestampDifferenceMilliseconds(now, next);
		if (ms <= 0)
			return true;
		if (ms > LINGER_MS || now > later(born, LIFETIME_MS))
			return false;
		(void) WaitLatch(MyLatch,
						 WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH, ms,
						 PG_WAIT_EXTENSION);
	}
}

void
crm_worker_main(Datum database)
{
	TimestampTz born = GetCurrentTimestamp();
	TimestampTz next;
	bool		installed;

	pqsignal(SIGHUP, SignalHandlerForConfigReload);
	pqsignal(SIGTERM, die);
	BackgroundWorkerUnblockSignals();

	crm_shared_attach();
	if (!worker_enter(DatumGetObjectId(database)))
		return;
	BackgroundWorkerInitializeConnectionByOid(DatumGetObjectId(database),
											  InvalidOid, 0);
	prepare_session();
	pass_context = AllocSetContextCreate(TopMemoryContext, "crmlife pass",
										 ALLOCSET_DEFAULT_SIZES);
	do
	{
		LWLockAcquire(&crm_shared->lock, LW_EXCLUSIVE);
		my_row->woken = false;
		my_row->idle = false;
		my_row->due = later(GetCurrentTimestamp(), CRM_RETRY_MS);
		LWLockRelease(&crm_shared->lock);

		MemoryContextReset(pass_context);
		MemoryContextSwitchTo(pass_context);
		next = make_pass(&installed);
		publish(next, installed, true);
	} while (installed && linger(next, born));
}
