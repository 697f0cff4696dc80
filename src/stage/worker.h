/*
 * worker.h
 *		What the launcher, its workers and ordinary sessions share.
 *
 *		session --wake--> +------------------+ <--due, idle-- worker
 *		                  | shared memory:   |                  ^
 *		launcher <--due-- | one row for each | --leave, wake----+
 *		    |             | database         |                  |
 *		    |             +------------------+                  |
 *		    +------------------- starts ------------------------+
 *
 * Invariant: a database has at most one worker, because a worker takes the
 * database's row before it connects and leaves when the row is taken.
 */
#ifndef CRM_WORKER_H
#define CRM_WORKER_H

#include "postgres.h"
#include "datatype/timestamp.h"
#include "storage/latch.h"
#include "storage/lwlock.h"

#define CRM_MAX_DATABASES 512
#define CRM_MAX_LAUNCHERS 64

/* how soon a database is looked at again after its worker failed */
#define CRM_RETRY_MS 5000

typedef struct CrmLauncherRow
{
	pid_t  pid;	 /* 0: the row is free */
	Oid	   only; /* serves this database alone; InvalidOid: all of them */
	Latch *latch;
} CrmLauncherRow;

typedef struct CrmDatabaseRow
{
	Oid			database;  /* InvalidOid: the row is free */
	pid_t		starter;   /* launcher that has started a worker, until it
						   * attaches; 0: none */
	pid_t		worker;	   /* 0: none */
	Latch	   *latch;	   /* the worker's */
	bool		idle;	   /* the worker waits, outside a transaction */
	bool		leave;	   /* the worker is asked to go */
	bool		woken;	   /* something changed since the worker last looked */
	bool		looked;	   /* a worker has looked whether ... */
	bool		installed; /* ... the extension is there */
	bool		told;	   /* that it is of another version than we are */
	TimestampTz due;	   /* when a worker is wanted next */
} CrmDatabaseRow;

typedef struct CrmShared
{
	LWLock		   lock; /* protects all below */
	int			   tranche;
	bool		   rescan; /* a session runs in a database without a row */
	CrmLauncherRow launchers[CRM_MAX_LAUNCHERS];
	CrmDatabaseRow databases[CRM_MAX_DATABASES];
} CrmShared;

extern CrmShared *crm_shared;

/* settings, defined in crmlife.c */
extern bool	 crm_worker_enabled;
extern int	 crm_worker_interval; /* seconds */
extern int	 crm_max_workers;
extern char *crm_databases;
extern int	 crm_worker_lock_timeout;	   /* milliseconds */
extern int	 crm_worker_statement_timeout; /* milliseconds */

/* shared.c */
extern Size			   crm_shared_size(void);
extern void			   crm_shared_attach(void);
extern bool			   crm_shared_try_attach(void);
extern CrmDatabaseRow *crm_database_row(Oid database, bool create);
extern void			   crm_wake_launchers(void);

/* launcher.c */
extern void crm_register_launcher(void);
/* does the setting crmlife.databases admit this database? */
extern bool crm_database_listed(const char *name);

/* the processes' entry points */
extern PGDLLEXPORT void crm_launcher_main(Datum only);
extern PGDLLEXPORT void crm_worker_main(Datum database);

#endif /* CRM_WORKER_H */
