/*
 * crmlife.c
 *		The module: magic block, settings, registration of the worker.
 *
 * Stands above everything else in src/ and does nothing of its own.
 */
#include "postgres.h"

#include <limits.h>

#include "fmgr.h"
#include "miscadmin.h"
#include "storage/ipc.h"
#include "storage/shmem.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/varlena.h"

#include "stage/moves.h"
#include "stage/plans.h"
#include "stage/progress.h"
#include "stage/queue.h"
#include "stage/worker.h"

PG_MODULE_MAGIC;

bool  crm_worker_enabled = true;
int	  crm_worker_interval = 60;
int	  crm_max_workers = 3;
char *crm_databases = NULL;
int	  crm_worker_lock_timeout = 30000;
int	  crm_worker_statement_timeout = 0;
int	  crm_run_log_size = 1000;
int	  crm_log_min_duration = -1;

static shmem_request_hook_type previous_shmem_request_hook = NULL;

extern PGDLLEXPORT void _PG_init(void);

static bool
check_databases(char **value, void **extra, GucSource source)
{
	char *copy = pstrdup(*value ? *value : "");
	List *names = NIL;
	bool  valid = SplitIdentifierString(copy, ',', &names);

	if (!valid)
		GUC_check_errdetail("List syntax is invalid.");
	list_free(names);
	pfree(copy);
	return valid;
}

static void
define_settings(void)
{
	DefineCustomBoolVariable(
		"crmlife.worker_enabled", "Lets crmlife refresh stage tables.",
		"When off, no worker is started and idle ones leave.",
		&crm_worker_enabled, true, PGC_SIGHUP, 0, NULL, NULL, NULL);
	DefineCustomIntVariable(
		"crmlife.worker_interval",
		"Time after which a database, or a stage table, without known work "
		"is looked at again.",
		NULL, &crm_worker_interval, 60, 1, 86400, PGC_SIGHUP, GUC_UNIT_S, NULL,
		NULL, NULL);
	DefineCustomIntVariable(
		"crmlife.max_workers",
		"Number of databases whose stage tables are refreshed at the same "
		"time.",
		"Each takes one of max_worker_processes while it runs.",
		&crm_max_workers, 3, 1, 64, PGC_SIGHUP, 0, NULL, NULL, NULL);
	DefineCustomStringVariable(
		"crmlife.databases", "Names of the databases the launcher serves.",
		"Separated by commas. Empty: every database that has the extension.",
		&crm_databases, "", PGC_SIGHUP, GUC_LIST_INPUT, check_databases, NULL,
		NULL);
	DefineCustomIntVariable(
		"crmlife.worker_lock_timeout",
		"Time the worker waits for a lock before a run fails.",
		"Zero waits for ever.", &crm_worker_lock_timeout, 30000, 0, INT_MAX,
		PGC_SIGHUP, GUC_UNIT_MS, NULL, NULL, NULL);
	DefineCustomIntVariable(
		"crmlife.worker_statement_timeout",
		"Time after which the worker gives up a run of one stage table.",
		"Zero turns this off.", &crm_worker_statement_timeout, 0, 0, INT_MAX,
		PGC_SIGHUP, GUC_UNIT_MS, NULL, NULL, NULL);
	DefineCustomIntVariable(
		"crmlife.queue_limit",
		"Size from which the queue of changed customers does not grow on.",
		"Transactions that change sources when it is full leave word that "
		"everybody has to be looked at.",
		&crm_queue_limit, 64 * 1024, 64, INT_MAX, PGC_SUSET, GUC_UNIT_KB, NULL,
		NULL, NULL);
	DefineCustomIntVariable(
		"crmlife.run_log_size",
		"Number of runs that crmlife.runs keeps of each stage table.",
		"Zero keeps none.", &crm_run_log_size, 1000, 0, 1000000, PGC_SIGHUP, 0,
		NULL, NULL, NULL);
	DefineCustomIntVariable(
		"crmlife.log_min_duration",
		"Time a refresh has to take to be told in the server log.",
		"Zero logs each of them, -1 none.", &crm_log_min_duration, -1, -1,
		INT_MAX, PGC_SIGHUP, GUC_UNIT_MS, NULL, NULL, NULL);
	MarkGUCPrefixReserved("crmlife");
}

static void
request_shared_memory(void)
{
	if (previous_shmem_request_hook)
		previous_shmem_request_hook();
	RequestAddinShmemSpace(add_size(crm_shared_size(), crm_progress_size()));
}

void
_PG_init(void)
{
	define_settings();
	crm_moves_init();
	crm_plans_init();
	if (!process_shared_preload_libraries_in_progress)
		return;
	previous_shmem_request_hook = shmem_request_hook;
	shmem_request_hook = request_shared_memory;
	crm_register_launcher();
}
