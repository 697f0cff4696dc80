/*
 * lock.c
 *		Having a stage table to oneself, against other runs of it.
 *
 * A lock on the stage table as an object of crmlife.stage_table: unlike an
 * advisory lock, nobody can take it from SQL and so keep refreshes waiting.
 * Of the advisory locks' method all the same: what a session holds of the
 * other goes when a transaction of it fails.
 *
 * Invariant: readers and writers of the stage table and its sources never wait
 * for it.
 */
#include "postgres.h"

#include "catalog/namespace.h"
#include "miscadmin.h"
#include "storage/lock.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"

#include "compat.h"
#include "stage/lock.h"

static void
stage_lock_tag(LOCKTAG *tag, Oid stage_table)
{
	Oid namespace = get_namespace_oid("crmlife", false);

	SET_LOCKTAG_OBJECT(*tag, MyDatabaseId,
					   get_relname_relid("stage_table", namespace), stage_table,
					   0);
	tag->locktag_lockmethodid = USER_LOCKMETHOD;
}

void
crm_stage_lock(Oid stage_table)
{
	LOCKTAG tag;

	stage_lock_tag(&tag, stage_table);
	(void) LockAcquire(&tag, ExclusiveLock, false, false);
	/* what the caches hold may be older than what was waited for */
	AcceptInvalidationMessages();
}

bool
crm_stage_try_lock(Oid stage_table)
{
	LOCKTAG tag;

	stage_lock_tag(&tag, stage_table);
	return LockAcquire(&tag, ExclusiveLock, false, true) !=
		   LOCKACQUIRE_NOT_AVAIL;
}

bool
crm_stage_try_lock_session(Oid stage_table)
{
	LOCKTAG tag;

	stage_lock_tag(&tag, stage_table);
	return LockAcquire(&tag, ExclusiveLock, true, true) !=
		   LOCKACQUIRE_NOT_AVAIL;
}

void
crm_stage_unlock_session(Oid stage_table)
{
	LOCKTAG tag;

	stage_lock_tag(&tag, stage_table);
	/* somebody's trigger may have called pg_advisory_unlock_all() */
	if (crm_lock_held_by_me(&tag, ExclusiveLock))
		(void) LockRelease(&tag, ExclusiveLock, true);
}
