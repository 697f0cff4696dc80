/*
 * progress.c
 *		How far the runs under way have come, for crmlife.progress.
 *
 *		begin --> row in shared memory <-- phase, rows, customers --> end
 *		                  |
 *		          crmlife._progress(), in any session
 *
 * The rows live in shared memory of their own, asked for at server start where
 * the library is preloaded, and otherwise taken from the reserve the server
 * keeps.  Where that is used up, or all rows are taken, a run is not shown and
 * goes on all the same.
 *
 * Invariant: a row is written by the process that has claimed it, and free
 * again when that has ended its run, whichever way.  Counters are read while
 * they are written: each is right, if not all of the same instant.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_class.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_type.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "port/atomics.h"
#include "storage/ipc.h"
#include "storage/lwlock.h"
#include "storage/shmem.h"
#include "storage/spin.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/syscache.h"
#include "utils/timestamp.h"

#include "stage/progress.h"

#define PROGRESS_ROWS 64
#define PROGRESS_COLUMNS 8
/* rows are counted here so many times before the others see it */
#define ROWS_AT_ONCE 1024

enum
{
	ROWS_DONE,
	ROWS_EXPECTED,
	CUSTOMERS_DONE,
	CUSTOMERS_EXPECTED,
	COUNTERS
};

struct CrmProgress
{
	pid_t			 pid; /* 0: free */
	Oid				 database;
	Oid				 stage_table;
	Oid				 role; /* of the session */
	TimestampTz		 started_at;
	pg_atomic_uint32 phase;
	pg_atomic_uint64 counters[COUNTERS];
};

typedef struct SharedProgress
{
	slock_t		lock; /* of all but phase and counters */
	CrmProgress rows[PROGRESS_ROWS];
} SharedProgress;

static SharedProgress *shared = NULL;
static CrmProgress	  *mine = NULL; /* of the innermost run of this process */
static int64		   uncounted = 0;

static const char *const phase_names[CRM_PHASES] = {
	"collecting customers", "reading rows", "working out customers",
	"building indexes", "counting figures"};

Size
crm_progress_size(void)
{
	return MAXALIGN(sizeof(SharedProgress));
}

static void
init_shared(void)
{
	memset(shared, 0, sizeof(*shared));
	SpinLockInit(&shared->lock);
	for (int i = 0; i < PROGRESS_ROWS; i++)
	{
		pg_atomic_init_u32(&shared->rows[i].phase, 0);
		for (int j = 0; j < COUNTERS; j++)
			pg_atomic_init_u64(&shared->rows[i].counters[j], 0);
	}
}

static void leave_all(int code, Datum arg);

/* false: the server has no memory left for it */
static bool
attach(void)
{
	static bool	  failed = false;
	MemoryContext context = CurrentMemoryContext;
	bool		  found;

	if (shared != NULL || failed)
		return shared != NULL;
	LWLockAcquire(AddinShmemInitLock, LW_EXCLUSIVE);
	PG_TRY();
	{
		shared =
			ShmemInitStruct("crmlife progress", crm_progress_size(), &found);
		if (!found)
			init_shared();
	}
	PG_CATCH();
	{
		HOLD_INTERRUPTS(); /* the error has forgotten that the lock did */
		MemoryContextSwitchTo(context);
		FlushErrorState();
		shared = NULL;
		failed = true;
	}
	PG_END_TRY();
	LWLockRelease(AddinShmemInitLock);
	if (shared != NULL)
		before_shmem_exit(leave_all, (Datum) 0);
	return shared != NULL;
}

/* ----- the run's side ----- */

static void
free_row(CrmProgress *row)
{
	SpinLockAcquire(&shared->lock);
	row->pid = 0;
	SpinLockRelease(&shared->lock);
}

/* the process ends in the middle of its runs */
static void
leave_all(int code, Datum arg)
{
	for (int i = 0; i < PROGRESS_ROWS; i++)
		if (shared->rows[i].pid == MyProcPid)
			free_row(&shared->rows[i]);
	mine = NULL;
}

static CrmProgress *
claim_row(Oid stage_table)
{
	TimestampTz	 now = GetCurrentTimestamp();
	CrmProgress *row = NULL;

	SpinLockAcquire(&shared->lock);
	for (int i = 0; i < PROGRESS_ROWS && row == NULL; i++)
		if (shared->rows[i].pid == 0)
			row = &shared->rows[i];
	if (row)
	{
		row->pid = MyProcPid;
		row->database = MyDatabaseId;
		row->stage_table = stage_table;
		row->role = GetSessionUserId();
		row->started_at = now;
	}
	SpinLockRelease(&shared->lock);
	return row;
}

static void
set_counter(int counter, int64 value)
{
	pg_atomic_write_u64(&mine->counters[counter], (uint64) value);
}

CrmProgress *
crm_progress_begin(Oid stage_table)
{
	CrmProgress *outer = mine;

	/* a refresh is a part of creating the table */
	if (mine && mine->stage_table == stage_table)
		return mine;
	mine = attach() ? claim_row(stage_table) : NULL;
	if (mine)
	{
		crm_progress_phase(CRM_PHASE_COLLECTING, CRM_NOT_KNOWN);
		set_counter(CUSTOMERS_DONE, 0);
		set_counter(CUSTOMERS_EXPECTED, CRM_NOT_KNOWN);
	}
	return outer;
}

void
crm_progress_end(CrmProgress *outer)
{
	if (mine && mine != outer)
		free_row(mine);
	mine = outer;
}

void
crm_progress_phase(CrmPhase phase, int64 rows_expected)
{
	uncounted = 0;
	if (mine == NULL)
		return;
	set_counter(ROWS_DONE, 0);
	set_counter(ROWS_EXPECTED, rows_expected);
	pg_atomic_write_u32(&mine->phase, phase);
}

/* only this process writes: what it reads of its own row is what it wrote */
static void
advance(int counter, int64 count)
{
	set_counter(counter,
				(int64) pg_atomic_read_u64(&mine->counters[counter]) + count);
}

void
crm_progress_rows(int64 count)
{
	uncounted += count;
	if (uncounted < ROWS_AT_ONCE || mine == NULL)
		return;
	advance(ROWS_DONE, uncounted);
	uncounted = 0;
}

void
crm_progress_customers_expected(int64 count)
{
	if (mine)
		set_counter(CUSTOMERS_EXPECTED, count);
}

void
crm_progress_customer(void)
{
	if (mine)
		advance(CUSTOMERS_DONE, 1);
}

int64
crm_progress_rows_of(Oid relation)
{
	double	  rows = 0;
	ListCell *cell;

	if (!OidIsValid(relation))
		return 0;
	foreach (cell, find_all_inheritors(relation, NoLock, NULL))
	{
		HeapTuple tuple =
			SearchSysCache1(RELOID, ObjectIdGetDatum(lfirst_oid(cell)));
		char  kind;
		float known;

		if (!HeapTupleIsValid(tuple))
			return CRM_NOT_KNOWN;
		kind = ((Form_pg_class) GETSTRUCT(tuple))->relkind;
		known = ((Form_pg_class) GETSTRUCT(tuple))->reltuples;
		ReleaseSysCache(tuple);
		if (kind == RELKIND_PARTITIONED_TABLE)
			continue;
		if (known < 0 || kind == RELKIND_VIEW)
			return CRM_NOT_KNOWN;
		rows += known;
	}
	return (int64) rows;
}

/* ----- rows on their way ----- */

typedef struct CountingReceiver
{
	DestReceiver  pub;
	DestReceiver *inner;
} CountingReceiver;

static bool
receive(TupleTableSlot *slot, DestReceiver *self)
{
	DestReceiver *inner = ((CountingReceiver *) self)->inner;

	crm_progress_rows(1);
	return inner->receiveSlot(slot, inner);
}

static void
startup(DestReceiver *self, int operation, TupleDesc descriptor)
{
	DestReceiver *inner = ((CountingReceiver *) self)->inner;

	inner->rStartup(inner, operation, descriptor);
}

static void
shutdown_receiver(DestReceiver *self)
{
	DestReceiver *inner = ((CountingReceiver *) self)->inner;

	inner->rShutdown(inner);
}

static void
destroy(DestReceiver *self)
{
	DestReceiver *inner = ((CountingReceiver *) self)->inner;

	inner->rDestroy(inner);
	pfree(self);
}

DestReceiver *
crm_progress_receiver(DestReceiver *receiver)
{
	CountingReceiver *counting;

	if (mine == NULL)
		return receiver;
	counting = palloc0(sizeof(CountingReceiver));
	counting->pub.receiveSlot = receive;
	counting->pub.rStartup = startup;
	counting->pub.rShutdown = shutdown_receiver;
	counting->pub.rDestroy = destroy;
	counting->pub.mydest = receiver->mydest;
	counting->inner = receiver;
	return &counting->pub;
}

/* ----- the reader's side ----- */

static void
put_counter(Datum *values, bool *nulls, int column, int64 value)
{
	nulls[column] = value == CRM_NOT_KNOWN;
	values[column] = Int64GetDatum(value);
}

/*
 * Seen by who may read the stage table; by the role that runs it also while the
 * table is being created and others know nothing of it.
 */
static bool
may_know(const CrmProgress *run)
{
	bool	  missing = false;
	AclResult right = pg_class_aclcheck_ext(run->stage_table, GetUserId(),
											ACL_SELECT, &missing);

	return (!missing && right == ACLCHECK_OK) ||
		   has_privs_of_role(GetUserId(), run->role);
}

PG_FUNCTION_INFO_V1(crm_progress);

Datum
crm_progress(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;

	InitMaterializedSRF(fcinfo, 0);
	if (!attach())
		return (Datum) 0;
	for (int i = 0; i < PROGRESS_ROWS; i++)
	{
		CrmProgress *row = &shared->rows[i];
		CrmProgress	 seen;
		Datum		 values[PROGRESS_COLUMNS];
		bool		 nulls[PROGRESS_COLUMNS] = {false};

		SpinLockAcquire(&shared->lock);
		seen.pid = row->pid;
		seen.database = row->database;
		seen.stage_table = row->stage_table;
		seen.role = row->role;
		seen.started_at = row->started_at;
		SpinLockRelease(&shared->lock);
		if (seen.pid == 0 || seen.database != MyDatabaseId || !may_know(&seen))
			continue;
		values[0] = Int32GetDatum(seen.pid);
		values[1] = ObjectIdGetDatum(seen.stage_table);
		values[2] =
			CStringGetTextDatum(phase_names[pg_atomic_read_u32(&row->phase)]);
		for (int j = 0; j < COUNTERS; j++)
			put_counter(values, nulls, 3 + j,
						(int64) pg_atomic_read_u64(&row->counters[j]));
		values[7] = TimestampTzGetDatum(seen.started_at);
		tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
	}
	return (Datum) 0;
}
