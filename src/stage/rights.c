/*
 * rights.c
 *		Whether something may be done with a stage table, here and by this user.
 *
 * Invariant: what is no stage table, or somebody else's, is refused before its
 * lock is waited for.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/xlog.h"
#include "catalog/pg_extension.h"
#include "commands/dbcommands.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "tcop/utility.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"

#include "compat.h"
#include "stage/lock.h"
#include "stage/rights.h"
#include "stage/statement.h"

void
crm_refuse_other_table(Oid relation)
{
	ereport(ERROR, (errcode(ERRCODE_UNDEFINED_OBJECT),
					errmsg("%s is not a stage table",
						   get_rel_name(relation)
							   ? crm_quote_relation(relation)
							   : psprintf("relation with OID %u", relation)),
					errhint("SELECT stage_table FROM crmlife.status lists "
							"them; crmlife.create_stage_table makes one.")));
}

void
crm_require_stage_table(Oid relation)
{
	Oid			types[1] = {OIDOID};
	Datum		values[1] = {ObjectIdGetDatum(relation)};
	CrmIdentity saved;

	crm_become_catalog_owner(&saved);
	SPI_connect();
	if (crm_query("SELECT FROM crmlife.stage_table WHERE stage_table = $1", 1,
				  types, values) == 0)
		crm_refuse_other_table(relation);
	SPI_finish();
	crm_revert_identity(&saved);
}

char *
crm_catalog_version(void)
{
	Relation	extensions = table_open(ExtensionRelationId, AccessShareLock);
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple	tuple;
	char	   *version = NULL;

	ScanKeyInit(&key, Anum_pg_extension_extname, BTEqualStrategyNumber,
				F_NAMEEQ, CStringGetDatum("crmlife"));
	scan = systable_beginscan(extensions, ExtensionNameIndexId, true, NULL, 1,
							  &key);
	tuple = systable_getnext(scan);
	if (HeapTupleIsValid(tuple))
	{
		bool  isnull;
		Datum value = heap_getattr(tuple, Anum_pg_extension_extversion,
								   RelationGetDescr(extensions), &isnull);

		version = TextDatumGetCString(value);
	}
	systable_endscan(scan);
	table_close(extensions, AccessShareLock);
	return version;
}

void
crm_require_same_version(void)
{
	char *version = crm_catalog_version();

	if (version == NULL || strcmp(version, CRM_VERSION) == 0)
		return;
	ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
					errmsg(CRM_VERSION_MESSAGE, get_database_name(MyDatabaseId),
						   version, CRM_VERSION),
					errhint(CRM_VERSION_HINT)));
}

void
crm_refuse_on_standby(void)
{
	if (RecoveryInProgress())
		ereport(ERROR,
				(errcode(ERRCODE_READ_ONLY_SQL_TRANSACTION),
				 errmsg("a stage table cannot be changed on a standby"),
				 errhint("Refresh it on the primary: the result arrives here "
						 "by replication.")));
	PreventCommandIfReadOnly("a change of a stage table");
	crm_require_same_version();
}

void
crm_require_stage_reader(Oid stage_table)
{
	if (get_rel_name(stage_table) != NULL &&
		pg_class_aclcheck(stage_table, GetUserId(), ACL_SELECT) != ACLCHECK_OK)
		aclcheck_error(ACLCHECK_NO_PRIV, OBJECT_TABLE,
					   get_rel_name(stage_table));
}

void
crm_require_stage_owner(Oid stage_table)
{
	if (get_rel_name(stage_table) != NULL &&
		!crm_owns_relation(stage_table, GetUserId()))
		aclcheck_error(ACLCHECK_NOT_OWNER, OBJECT_TABLE,
					   get_rel_name(stage_table));
}

/*
 * Asked before, so that nobody else's wait keeps the owner's waiting; and
 * after, for a table that was being created meanwhile, or given away.
 */
void
crm_lock_own_stage(Oid stage_table)
{
	crm_require_stage_owner(stage_table);
	crm_stage_lock(stage_table);
	crm_require_stage_owner(stage_table);
}
