/*
 * launcher.c
 *		The process that finds databases with work and starts a worker in each.
 *
 * It is connected to no database, so it is in nobody's way; it reads the list
 * of databases from the shared catalog and from shared memory when each wants
 * a worker next.  A worker does what is due, waits a little for more, and
 * goes.  Preloaded, one launcher serves all databases; crmlife.start_worker()
 * starts one for a single database.
 *
 * Invariants: the launcher sleeps until the earliest computed instant, never
 * polls, but for once a second while workers are connected: then it looks
 * whether somebody wants to drop, rename or copy one of their databases, and
 * has the worker leave (DROP DATABASE waits five seconds for that).
 */
#include "postgres.h"

#include <signal.h>

#include "access/heapam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "access/xlog.h"
#include "catalog/pg_database.h"
#include "commands/dbcommands.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "postmaster/bgworker.h"
#include "postmaster/interrupt.h"
#include "storage/ipc.h"
#include "storage/lock.h"
#include "storage/proc.h"
#include "tcop/tcopprot.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"
#include "utils/varlena.h"

#include "compat.h"
#include "stage/worker.h"

#define LAUNCHER_RESTART_SECONDS 10
#define WATCH_MS 1000		/* between looks for a DROP DATABASE */
#define SLOTS_RETRY_MS 1000 /* after running out of worker processes */
#define FREED_RETRY_MS 200	/* the same, when one is about to be free */
#define WARN_AFTER_MS 3000	/* of having none */
#define WARN_AGAIN_MS (10 * 60 * 1000)

/* a database this launcher serves */
typedef struct ServedDatabase
{
	Oid						oid;
	BackgroundWorkerHandle *handle; /* of the worker started last, or NULL */
	bool					seen;	/* stood in pg_database at the last look */
} ServedDatabase;

static Oid			   only_database = InvalidOid;
static ServedDatabase *served = NULL;
static int			   served_count = 0;
static int			   served_space = 0;
static TimestampTz	   next_scan = 0;
static TimestampTz	   slots_retry_at = 0;
static bool			   rows_exhausted = false;

PG_FUNCTION_INFO_V1(crm_start_worker);

/* ---- which databases ---- */

/* those that the setting crmlife.databases names; it was checked when it was set */
static List *
listed_databases(void)
{
	List *names = NIL;

	(void) SplitIdentifierString(pstrdup(crm_databases ? crm_databases : ""),
								 ',', &names);
	return names;
}

bool
crm_database_listed(const char *name)
{
	List	 *names = listed_databases();
	ListCell *cell;

	foreach (cell, names)
		if (strcmp((char *) lfirst(cell), name) == 0)
			return true;
	return names == NIL;
}

static List *
without(List *names, const char *name)
{
	ListCell *cell;

	foreach (cell, names)
		if (strcmp((char *) lfirst(cell), name) == 0)
			names = foreach_delete_current(names, cell);
	return names;
}

/* what was meant for a database must not be left undone without a word */
static void
warn_of_unknown(List *unknown)
{
	static char *told = NULL;
	ListCell	*cell;

	if (OidIsValid(only_database) || crm_databases == NULL ||
		(told && strcmp(told, crm_databases) == 0))
		return;
	foreach (cell, unknown)
		ereport(WARNING,
				(errcode(ERRCODE_UNDEFINED_DATABASE),
				 errmsg("\"crmlife.databases\" names \"%s\", which is no "
						"database",
						(char *) lfirst(cell)),
				 errhint("It is served once it is created. A name with "
						 "capitals stands in double quotes.")));
	if (told)
		pfree(told);
	told = MemoryContextStrdup(TopMemoryContext, crm_databases);
}

static ServedDatabase *
find_served(Oid oid)
{
	for (int i = 0; i < served_count; i++)
		if (served[i].oid == oid)
			return &served[i];
	return NULL;
}

static void
serve(Oid oid)
{
	ServedDatabase *database = find_served(oid);

	if (database == NULL)
	{
		if (served_count == served_space)
		{
			Size size;

			served_space = Max(served_space * 2, 2);
			size = served_space * sizeof(ServedDatabase);
			served = served == NULL ? MemoryContextAlloc(TopMemoryContext, size)
									: repalloc(served, size);
		}
		database = &served[served_count++];
		memset(database, 0, sizeof(ServedDatabase));
		database->oid = oid;
	}
	database->seen = true;
}

static bool
wants_database(Form_pg_database form)
{
	if (!form->datallowconn || form->datistemplate || form->datconnlimit < -1)
		return false;
	if (OidIsValid(only_database))
		return form->oid == only_database;
	return crm_database_listed(NameStr(form->datname));
}

/* Read pg_database and mark the databases to serve as seen. */
static void
read_databases(void)
{
	Relation	  rel;
	TableScanDesc scan;
	HeapTuple	  tuple;
	List		 *unknown;

	for (int i = 0; i < served_count; i++)
		served[i].seen = false;

	SetCurrentStatementStartTimestamp();
	StartTransactionCommand();
	unknown = listed_databases();
	rel = table_open(DatabaseRelationId, AccessShareLock);
	scan = table_beginscan_catalog(rel, 0, NULL);
	while ((tuple = heap_getnext(scan, ForwardScanDirection)) != NULL)
	{
		Form_pg_database form = (Form_pg_database) GETSTRUCT(tuple);

		unknown = without(unknown, NameStr(form->datname));
		if (wants_database(form))
			serve(form->oid);
	}
	table_endscan(scan);
	table_close(rel, AccessShareLock);
	warn_of_unknown(unknown);
	CommitTransactionCommand();
}

/* Give each served database a row in shared memory; the lock is held. */
static void
add_rows(void)
{
	bool full = false;

	for (int i = 0; i < served_count; i++)
		if (crm_database_row(served[i].oid, true) == NULL)
			full = true;
	if (full && !rows_exhausted)
		ereport(WARNING, (errcode(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED),
						  errmsg("crmlife serves no more than %d databases",
								 CRM_MAX_DATABASES),
						  errhint("Name the databases to serve in "
								  "\"crmlife.databases\".")));
	rows_exhausted = full;
}

/* An idle worker goes by itself; a busy one may be interrupted. */
static void
ask_to_leave(CrmDatabaseRow *row, bool interrupt)
{
	if (row->worker == 0)
		return;
	row->leave = true;
	if (!row->idle && interrupt)
		kill(row->worker, SIGTERM);
	else
		SetLatch(row->latch);
}

/* Forget databases that are gone or not wanted, once nobody runs in them. */
static void
forget_unseen(void)
{
	int kept = 0;

	for (int i = 0; i < served_count; i++)
	{
		CrmDatabaseRow *row = crm_database_row(served[i].oid, false);
		bool			busy = row && (row->worker != 0 || row->starter != 0);

		if (busy && !served[i].seen)
			ask_to_leave(row, false);
		if (served[i].seen || busy)
			served[kept++] = served[i];
		else if (row)
			memset(row, 0, sizeof(CrmDatabaseRow));
	}
	served_count = kept;
}

static void
scan_databases(TimestampTz now)
{
	read_databases();
	LWLockAcquire(&crm_shared->lock, LW_EXCLUSIVE);
	crm_shared->rescan = false;
	forget_unseen();
	add_rows();
	LWLockRelease(&crm_shared->lock);
	next_scan =
		TimestampTzPlusMilliseconds(now, (int64) crm_worker_interval * 1000);
}

/* ---- workers ---- */

/*
 * Does somebody hold, or wait for, a lock on the database that keeps new
 * sessions out?  DROP, RENAME, SET TABLESPACE and CREATE ... TEMPLATE do, and
 * fail unless all others leave.
 */
static bool
database_wanted_alone(Oid database)
{
	LOCKTAG tag;
	bool	wanted;

	SET_LOCKTAG_OBJECT(tag, InvalidOid, DatabaseRelationId, database, 0);
	wanted = LockAcquire(&tag, RowExclusiveLock, false, true) ==
			 LOCKACQUIRE_NOT_AVAIL;
	if (!wanted)
		LockRelease(&tag, RowExclusiveLock, false);
	return wanted;
}

/* Do these hold for the row of a database?  What is so may change at once. */
static bool
row_is(Oid		   database, bool (*question)(CrmDatabaseRow *, TimestampTz),
	   TimestampTz now)
{
	CrmDatabaseRow *row;
	bool			answer;

	LWLockAcquire(&crm_shared->lock, LW_SHARED);
	row = crm_database_row(database, false);
	answer = row != NULL && question(row, now);
	LWLockRelease(&crm_shared->lock);
	return answer;
}

static bool
is_running(CrmDatabaseRow *row, TimestampTz now)
{
	return row->worker != 0;
}

static bool
is_waiting(CrmDatabaseRow *row, TimestampTz now)
{
	return row->worker == 0 && row->starter == 0 && row->due <= now;
}

/*
 * Where somebody wants a database for himself, have its worker leave, and
 * start none: it would wait for him, and he might wait for it.
 */
static void
yield_databases(TimestampTz now)
{
	SetCurrentStatementStartTimestamp();
	StartTransactionCommand();
	for (int i = 0; i < served_count; i++)
	{
		CrmDatabaseRow *row;

		if (!row_is(served[i].oid, is_running, now) &&
			!row_is(served[i].oid, is_waiting, now))
			continue;
		if (!database_wanted_alone(served[i].oid))
			continue;
		LWLockAcquire(&crm_shared->lock, LW_EXCLUSIVE);
		row = crm_database_row(served[i].oid, false);
		if (row != NULL && row->worker != 0)
			ask_to_leave(row, true);
		else if (row != NULL)
			row->due = TimestampTzPlusMilliseconds(now, WATCH_MS);
		LWLockRelease(&crm_shared->lock);
	}
	CommitTransactionCommand();
}

/* Notice workers that ended without ever having taken their row. */
static void
reap_workers(TimestampTz now)
{
	for (int i = 0; i < served_count; i++)
	{
		CrmDatabaseRow *row;
		pid_t			pid;

		if (served[i].handle == NULL ||
			GetBackgroundWorkerPid(served[i].handle, &pid) != BGWH_STOPPED)
			continue;
		pfree(served[i].handle);
		served[i].handle = NULL;

		LWLockAcquire(&crm_shared->lock, LW_EXCLUSIVE);
		row = crm_database_row(served[i].oid, false);
		if (row != NULL && row->starter == MyProcPid)
		{
			row->starter = 0;
			row->due = TimestampTzPlusMilliseconds(now, CRM_RETRY_MS);
		}
		LWLockRelease(&crm_shared->lock);
	}
}

/*
 * Say that worker processes have run out, and that they are back: each once,
 * and not again for some time when they come and go.
 */
static void
report_slots(bool exhausted, TimestampTz now)
{
	static TimestampTz since = 0; /* when they ran out; 0: there are some */
	static TimestampTz warned_at = 0;
	static bool		   warned = false;

	if (!exhausted)
	{
		if (warned)
			ereport(LOG, (errmsg("crmlife finds worker processes again")));
		since = 0;
		warned = false;
		return;
	}
	if (since == 0)
		since = now;
	if (warned || !TimestampDifferenceExceeds(since, now, WARN_AFTER_MS) ||
		!TimestampDifferenceExceeds(warned_at, now, WARN_AGAIN_MS))
		return;
	warned = true;
	warned_at = now;
	ereport(WARNING, (errcode(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED),
					  errmsg("crmlife finds no free worker process to refresh "
							 "stage tables"),
					  errdetail("It goes on trying."),
					  errhint("Increase \"max_worker_processes\".")));
}

static bool
start_worker_in(ServedDatabase *database)
{
	BackgroundWorker worker = {0};
	MemoryContext	 old;
	bool			 started;

	worker.bgw_flags =
		BGWORKER_SHMEM_ACCESS | BGWORKER_BACKEND_DATABASE_CONNECTION;
	worker.bgw_start_time = BgWorkerStart_RecoveryFinished;
	worker.bgw_restart_time = BGW_NEVER_RESTART;
	strlcpy(worker.bgw_library_name, "crmlife",
			sizeof(worker.bgw_library_name));
	strlcpy(worker.bgw_function_name, "crm_worker_main",
			sizeof(worker.bgw_function_name));
	snprintf(worker.bgw_name, sizeof(worker.bgw_name),
			 "crmlife worker for database %u", database->oid);
	strlcpy(worker.bgw_type, "crmlife worker", sizeof(worker.bgw_type));
	worker.bgw_main_arg = ObjectIdGetDatum(database->oid);
	worker.bgw_notify_pid = MyProcPid;

	old = MemoryContextSwitchTo(TopMemoryContext);
	started = RegisterDynamicBackgroundWorker(&worker, &database->handle);
	MemoryContextSwitchTo(old);
	return started;
}

/* The served database that has waited longest, if a worker is due in one. */
static ServedDatabase *
most_overdue(TimestampTz now, int *running)
{
	ServedDatabase *first = NULL;
	TimestampTz		first_due = 0;
	TimestampTz		horizon =
		TimestampTzPlusMilliseconds(now, (int64) crm_worker_interval * 2000);

	*running = 0;
	for (int i = 0; i < served_count; i++)
	{
		CrmDatabaseRow *row = crm_database_row(served[i].oid, false);

		if (row == NULL)
			continue;
		if (row->worker != 0 || row->starter != 0)
		{
			(*running)++;
			continue;
		}
		if (row->due > horizon)
			row->due = 0; /* the clock was set back */
		if (served[i].seen && row->due <= now && served[i].handle == NULL &&
			(first == NULL || row->due < first_due))
		{
			first = &served[i];
			first_due = row->due;
		}
	}
	return first;
}

/*
 * Others wait for a worker: one that only waits for its next run may go.  Of
 * ours, or of anybody's when worker processes have run out.
 */
static bool
free_idle_worker(bool anybodys)
{
	for (int i = 0; i < CRM_MAX_DATABASES; i++)
	{
		CrmDatabaseRow *row = &crm_shared->databases[i];

		if (row->worker != 0 && row->idle && !row->leave &&
			(anybodys || find_served(row->database) != NULL))
		{
			ask_to_leave(row, false);
			return true;
		}
	}
	return false;
}

/*
 * Choose the next database to start a worker in, and note that in its row.
 * Sets *unserved when one is due and no worker may be started.
 */
static ServedDatabase *
choose_database(TimestampTz now, bool *unserved)
{
	ServedDatabase *database;
	int				running;

	LWLockAcquire(&crm_shared->lock, LW_EXCLUSIVE);
	database = most_overdue(now, &running);
	if (database != NULL && running >= crm_max_workers)
	{
		(void) free_idle_worker(false);
		*unserved = true;
		database = NULL;
	}
	if (database != NULL)
		crm_database_row(database->oid, false)->starter = MyProcPid;
	LWLockRelease(&crm_shared->lock);
	return database;
}

/*
 * Start workers where they are due, as many as the settings allow.  Returns
 * false when something was due and could not be started.
 */
static bool
start_due_workers(TimestampTz now)
{
	ServedDatabase *database;
	bool			unserved = false;

	if (!crm_worker_enabled)
		return true;
	if (now < slots_retry_at)
		return false;
	while ((database = choose_database(now, &unserved)) != NULL)
	{
		CrmDatabaseRow *row;
		bool			freed;

		if (start_worker_in(database))
		{
			report_slots(false, now);
			continue;
		}
		LWLockAcquire(&crm_shared->lock, LW_EXCLUSIVE);
		row = crm_database_row(database->oid, false);
		if (row != NULL)
			row->starter = 0;
		freed = free_idle_worker(true);
		LWLockRelease(&crm_shared->lock);
		if (!freed)
			report_slots(true, now);
		slots_retry_at = TimestampTzPlusMilliseconds(
			now, freed ? FREED_RETRY_MS : SLOTS_RETRY_MS);
		return false;
	}
	return !unserved;
}

/* Is anything due?  Then pg_database is read once more before starting. */
static bool
anything_due(TimestampTz now)
{
	bool due;
	int	 running;

	LWLockAcquire(&crm_shared->lock, LW_EXCLUSIVE);
	due = crm_shared->rescan || most_overdue(now, &running) != NULL;
	LWLockRelease(&crm_shared->lock);
	return due;
}

/* ---- the process ---- */

static void
launcher_exit(int code, Datum arg)
{
	LWLockAcquire(&crm_shared->lock, LW_EXCLUSIVE);
	for (int i = 0; i < CRM_MAX_LAUNCHERS; i++)
		if (crm_shared->launchers[i].pid == MyProcPid)
			memset(&crm_shared->launchers[i], 0, sizeof(CrmLauncherRow));
	for (int i = 0; i < CRM_MAX_DATABASES; i++)
		if (crm_shared->databases[i].starter == MyProcPid)
			crm_shared->databases[i].starter = 0;
	LWLockRelease(&crm_shared->lock);
}

/* The launcher that serves exactly these databases, or 0; lock held. */
static pid_t
launcher_of(Oid only)
{
	for (int i = 0; i < CRM_MAX_LAUNCHERS; i++)
	{
		CrmLauncherRow *row = &crm_shared->launchers[i];

		if (row->pid != 0 && row->only == only)
			return row->pid;
	}
	return 0;
}

/* Take a row among the launchers; false when this one is not needed. */
static bool
launcher_enter(void)
{
	bool entered = false;

	before_shmem_exit(launcher_exit, (Datum) 0);
	LWLockAcquire(&crm_shared->lock, LW_EXCLUSIVE);
	for (int i = 0; i < CRM_MAX_LAUNCHERS && !entered; i++)
	{
		CrmLauncherRow *row = &crm_shared->launchers[i];

		if (launcher_of(only_database) != 0)
			break;
		if (row->pid != 0)
			continue;
		row->pid = MyProcPid;
		row->only = only_database;
		row->latch = MyLatch;
		entered = true;
	}
	/* what was learned under an earlier launcher is looked at again */
	for (int i = 0; i < CRM_MAX_DATABASES && entered; i++)
	{
		crm_shared->databases[i].due = 0;
		crm_shared->databases[i].looked = false;
	}
	LWLockRelease(&crm_shared->lock);
	return entered;
}

/* Milliseconds until something is to be done, if nobody wakes us. */
static long
time_to_sleep(TimestampTz now, bool unserved)
{
	TimestampTz until = next_scan;
	bool		running = false;
	long		ms;

	LWLockAcquire(&crm_shared->lock, LW_SHARED);
	for (int i = 0; i < served_count; i++)
	{
		CrmDatabaseRow *row = crm_database_row(served[i].oid, false);

		if (row == NULL)
			continue;
		if (row->worker != 0 || row->starter != 0)
			running = true;
		else if (row->due < until && !unserved && crm_worker_enabled)
			until = row->due;
	}
	LWLockRelease(&crm_shared->lock);

	ms = TimestampDifferenceMilliseconds(now, until);
	if (unserved && now < slots_retry_at)
		ms = Min(ms, TimestampDifferenceMilliseconds(now, slots_retry_at));
	if (running)
		ms = Min(ms, WATCH_MS);
	return Max(ms, 10);
}

/*
 * A launcher for one database has nothing to do any more when the database
 * is gone, or the extension; but at first it may be waiting for the
 * transaction that creates it.
 */
static bool
launcher_done(TimestampTz now, TimestampTz born)
{
	bool absent = false;

	if (!OidIsValid(only_database))
		return false;
	if (served_count == 0)
		return true;
	LWLockAcquire(&crm_shared->lock, LW_SHARED);
	for (int i = 0; i < served_count; i++)
	{
		CrmDatabaseRow *row = crm_database_row(served[i].oid, false);

		absent = row != NULL && row->looked && !row->installed;
	}
	LWLockRelease(&crm_shared->lock);
	return absent &&
		   TimestampDifferenceExceeds(born, now, crm_worker_interval * 1000);
}

/* settings were re-read: who is no longer to be served goes */
static void
reload_settings(void)
{
	ConfigReloadPending = false;
	ProcessConfigFile(PGC_SIGHUP);
	next_scan = 0;
	if (crm_worker_enabled)
		return;
	LWLockAcquire(&crm_shared->lock, LW_EXCLUSIVE);
	for (int i = 0; i < CRM_MAX_DATABASES; i++)
		ask_to_leave(&crm_shared->databases[i], false);
	LWLockRelease(&crm_shared->lock);
}

/* One turn: look, start what is due; returns how long to sleep. */
static long
launcher_turn(TimestampTz born)
{
	TimestampTz now = GetCurrentTimestamp();
	bool		unserved;

	reap_workers(now);
	if (now >= next_scan ||
		next_scan > TimestampTzPlusMilliseconds(
						now, (int64) crm_worker_interval * 1000) ||
		anything_due(now))
		scan_databases(now);
	if (launcher_done(now, born))
		proc_exit(0); /* for good */
	yield_databases(now);
	unserved = !start_due_workers(now);
	return time_to_sleep(GetCurrentTimestamp(), unserved);
}

void
crm_launcher_main(Datum arg)
{
	TimestampTz	  born = GetCurrentTimestamp();
	MemoryContext context;

	only_database = DatumGetObjectId(arg);
	pqsignal(SIGHUP, SignalHandlerForConfigReload);
	pqsignal(SIGTERM, SignalHandlerForShutdownRequest);
	BackgroundWorkerUnblockSignals();

	crm_shared_attach();
	if (!launcher_enter())
		proc_exit(0);
	BackgroundWorkerInitializeConnection(NULL, NULL, 0);
	pgstat_report_appname("crmlife launcher");
	pgstat_report_activity(STATE_IDLE, NULL);

	context = AllocSetContextCreate(TopMemoryContext, "crmlife launcher",
									ALLOCSET_DEFAULT_SIZES);
	for (;;)
	{
		long ms;

		MemoryContextSwitchTo(context);
		MemoryContextReset(context);
		CHECK_FOR_INTERRUPTS();
		if (ShutdownRequestPending)
			proc_exit(1); /* asks to be started again, if the server stays */
		if (ConfigReloadPending)
			reload_settings();

		ms = launcher_turn(born);
		(void) WaitLatch(MyLatch,
						 WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH, ms,
						 PG_WAIT_EXTENSION);
		ResetLatch(MyLatch);
	}
}

/* ---- how it is started ---- */

static void
describe_launcher(BackgroundWorker *worker, Oid only)
{
	memset(worker, 0, sizeof(BackgroundWorker));
	worker->bgw_flags =
		BGWORKER_SHMEM_ACCESS | BGWORKER_BACKEND_DATABASE_CONNECTION;
	worker->bgw_start_time = BgWorkerStart_RecoveryFinished;
	worker->bgw_restart_time = LAUNCHER_RESTART_SECONDS;
	strlcpy(worker->bgw_library_name, "crmlife",
			sizeof(worker->bgw_library_name));
	strlcpy(worker->bgw_function_name, "crm_launcher_main",
			sizeof(worker->bgw_function_name));
	if (OidIsValid(only))
		snprintf(worker->bgw_name, sizeof(worker->bgw_name),
				 "crmlife launcher for database %u", only);
	else
		strlcpy(worker->bgw_name, "crmlife launcher", sizeof(worker->bgw_name));
	strlcpy(worker->bgw_type, "crmlife launcher", sizeof(worker->bgw_type));
	worker->bgw_main_arg = ObjectIdGetDatum(only);
}

/* at server start, when the library is preloaded */
void
crm_register_launcher(void)
{
	BackgroundWorker worker;

	if (IsBinaryUpgrade)
		return;
	describe_launcher(&worker, InvalidOid);
	RegisterBackgroundWorker(&worker);
}

/* The launcher that serves this database already, or 0. */
static pid_t
serving_launcher(void)
{
	char *name = get_database_name(MyDatabaseId);
	pid_t pid;

	if (!crm_shared_try_attach())
		ereport(ERROR,
				(errcode(ERRCODE_OUT_OF_MEMORY),
				 errmsg("there is no shared memory left for the worker of "
						"crmlife"),
				 errhint("Add crmlife to \"shared_preload_libraries\" and "
						 "restart the server.")));
	LWLockAcquire(&crm_shared->lock, LW_SHARED);
	pid = launcher_of(MyDatabaseId);
	if (pid == 0 && name != NULL && crm_database_listed(name))
		pid = launcher_of(InvalidOid);
	LWLockRelease(&crm_shared->lock);
	return pid;
}

static pid_t
start_launcher(Oid only)
{
	BackgroundWorker		worker;
	BackgroundWorkerHandle *handle;
	pid_t					pid = 0;

	describe_launcher(&worker, only);
	worker.bgw_notify_pid = MyProcPid;
	if (!RegisterDynamicBackgroundWorker(&worker, &handle))
		ereport(ERROR, (errcode(ERRCODE_INSUFFICIENT_RESOURCES),
						errmsg("no free worker process for crmlife"),
						errhint("Increase \"max_worker_processes\".")));
	if (WaitForBackgroundWorkerStartup(handle, &pid) != BGWH_STARTED)
		ereport(ERROR, (errcode(ERRCODE_INSUFFICIENT_RESOURCES),
						errmsg("the worker of crmlife did not start"),
						errhint("The server log tells more.")));
	return pid;
}

/* crmlife.start_worker(): returns the process id of who serves this database */
Datum
crm_start_worker(PG_FUNCTION_ARGS)
{
	pid_t pid;

	if (RecoveryInProgress())
		ereport(ERROR,
				(errcode(ERRCODE_READ_ONLY_SQL_TRANSACTION),
				 errmsg("crmlife runs no worker on a standby"),
				 errhint("Call it on the primary; stage tables reach the "
						 "standby by replication.")));
	if (!crm_worker_enabled)
		ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
						errmsg("the worker of crmlife is switched off"),
						errhint("Set \"crmlife.worker_enabled\" to on.")));

	pid = serving_launcher();
	if (pid != 0)
		ereport(NOTICE,
				(errmsg("a worker of crmlife serves this database already")));
	else
		pid = start_launcher(MyDatabaseId);
	PG_RETURN_INT32((int32) pid);
}
