/*
 * shared.c
 *		The shared memory of launcher and workers, and how a session wakes them.
 *
 * Works preloaded and not: the memory is asked for at server start where
 * possible, and otherwise taken from the reserve that the server keeps for
 * libraries that are loaded later (about 25 kB are needed).
 */
#include "postgres.h"

#include "access/xact.h"
#include "commands/trigger.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "storage/ipc.h"
#include "storage/shmem.h"

#include "stage/worker.h"

CrmShared *crm_shared = NULL;

static bool wake_at_commit = false;

PG_FUNCTION_INFO_V1(crm_wake_worker);

Size
crm_shared_size(void)
{
	return MAXALIGN(sizeof(CrmShared));
}

void
crm_shared_attach(void)
{
	bool found;

	if (crm_shared != NULL)
		return;

	LWLockAcquire(AddinShmemInitLock, LW_EXCLUSIVE);
	crm_shared = ShmemInitStruct("crmlife workers", crm_shared_size(), &found);
	if (!found)
	{
		memset(crm_shared, 0, crm_shared_size());
		crm_shared->tranche = LWLockNewTrancheId();
		LWLockInitialize(&crm_shared->lock, crm_shared->tranche);
	}
	LWLockRelease(AddinShmemInitLock);
	LWLockRegisterTranche(crm_shared->tranche, "crmlife");
}

/*
 * The same where it may be that the server, not preloaded and with its reserve
 * used up, has no room: then there is no worker either.
 */
bool
crm_shared_try_attach(void)
{
	MemoryContext context = CurrentMemoryContext;

	PG_TRY();
	{
		crm_shared_attach();
	}
	PG_CATCH();
	{
		if (geterrcode() != ERRCODE_OUT_OF_MEMORY)
			PG_RE_THROW();
		/* an error lets interrupts in again, the lock's release does too */
		HOLD_INTERRUPTS();
		LWLockRelease(AddinShmemInitLock);
		MemoryContextSwitchTo(context);
		FlushErrorState();
	}
	PG_END_TRY();
	return crm_shared != NULL;
}

/*
 * The row of a database, or NULL when it has none and none is wanted or
 * free.  The caller holds the lock, exclusively when create is set.
 */
CrmDatabaseRow *
crm_database_row(Oid database, bool create)
{
	CrmDatabaseRow *unused = NULL;

	for (int i = 0; i < CRM_MAX_DATABASES; i++)
	{
		CrmDatabaseRow *row = &crm_shared->databases[i];

		if (row->database == database)
			return row;
		if (unused == NULL && !OidIsValid(row->database))
			unused = row;
	}
	if (!create || unused == NULL)
		return NULL;
	memset(unused, 0, sizeof(CrmDatabaseRow));
	unused->database = database;
	return unused;
}

/* the caller holds the lock */
void
crm_wake_launchers(void)
{
	for (int i = 0; i < CRM_MAX_LAUNCHERS; i++)
		if (crm_shared->launchers[i].pid != 0)
			SetLatch(crm_shared->launchers[i].latch);
}

/* somebody changed what the worker of this database has to do */
static void
wake_this_database(void)
{
	CrmDatabaseRow *row;

	LWLockAcquire(&crm_shared->lock, LW_EXCLUSIVE);
	row = crm_database_row(MyDatabaseId, false);
	if (row == NULL)
		crm_shared->rescan = true;
	else
	{
		row->due = 0;
		row->woken = true;
		if (row->worker != 0)
			SetLatch(row->latch);
	}
	crm_wake_launchers();
	LWLockRelease(&crm_shared->lock);
}

/* A worker must not look before it can see what was changed. */
static void
wake_callback(XactEvent event, void *arg)
{
	if (event != XACT_EVENT_COMMIT && event != XACT_EVENT_ABORT &&
		event != XACT_EVENT_PREPARE)
		return;
	if (wake_at_commit && event == XACT_EVENT_COMMIT)
		wake_this_database();
	wake_at_commit = false;
}

/* trigger: wake the worker when this transaction commits */
Datum
crm_wake_worker(PG_FUNCTION_ARGS)
{
	static bool registered = false;

	if (!CALLED_AS_TRIGGER(fcinfo))
		ereport(ERROR, (errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
						errmsg("crmlife.wake_worker() is a trigger function")));

	if (!crm_shared_try_attach())
		PG_RETURN_POINTER(NULL);
	if (!registered)
	{
		RegisterXactCallback(wake_callback, NULL);
		registered = true;
	}
	wake_at_commit = true;
	PG_RETURN_POINTER(NULL);
}
