/*
 * compat.h
 *		The differences between PostgreSQL 15, 16, 17 and 18.
 *
 * The only file that looks at PG_VERSION_NUM.
 */
#ifndef CRM_COMPAT_H
#define CRM_COMPAT_H

#include "postgres.h"

#if PG_VERSION_NUM >= 160000
#include "varatt.h"
#endif
#if PG_VERSION_NUM >= 180000
#include "utils/wait_classes.h"
#endif
#ifndef pg_noreturn
#define pg_noreturn pg_attribute_noreturn()
#endif

#include "catalog/pg_attribute.h"
#include "catalog/pg_class.h"
#include "utils/acl.h"
#include "utils/regproc.h"
#include "utils/relcache.h"

static inline bool
crm_owns_relation(Oid relation, Oid user)
{
#if PG_VERSION_NUM >= 160000
	return object_ownercheck(RelationRelationId, relation, user);
#else
	return pg_class_ownercheck(relation, user);
#endif
}

static inline List *
crm_qualified_name_list(const char *name)
{
#if PG_VERSION_NUM >= 160000
	return stringToQualifiedNameList(name, NULL);
#else
	return stringToQualifiedNameList(name);
#endif
}

static inline Oid
crm_primary_key_index(Relation relation)
{
#if PG_VERSION_NUM >= 180000
	return RelationGetPrimaryKeyIndex(relation, false);
#else
	return RelationGetPrimaryKeyIndex(relation);
#endif
}

/* storage/lock.h is included where this is used */
#if PG_VERSION_NUM >= 170000
#define crm_lock_held_by_me(tag, mode) LockHeldByMe(tag, mode, false)
#else
#define crm_lock_held_by_me(tag, mode) LockHeldByMe(tag, mode)
#endif

/* storage/proc.h is included where this is used */
#if PG_VERSION_NUM >= 170000
#define crm_local_transaction() (MyProc->vxid.lxid)
#else
#define crm_local_transaction() (MyProc->lxid)
#endif

/* is a column worked out when it is read, and not in the row? */
static inline bool
crm_is_virtual(Form_pg_attribute column)
{
#if PG_VERSION_NUM >= 180000
	return column->attgenerated == ATTRIBUTE_GENERATED_VIRTUAL;
#else
	return false;
#endif
}

/*
 * SQL: a text that changes with the expressions of a relation's virtual columns.
 * A stored column's new expression rewrites the table.
 */
#if PG_VERSION_NUM >= 180000
#define CRM_VIRTUAL_COLUMNS_OF(relation)                                  \
	"(SELECT coalesce(string_agg('/v' || d.oid, '' ORDER BY d.oid), '') " \
	"FROM pg_attrdef d JOIN pg_attribute a ON a.attrelid = d.adrelid "    \
	"AND a.attnum = d.adnum WHERE d.adrelid = " relation                  \
	" AND a.attgenerated = 'v')"
#else
#define CRM_VIRTUAL_COLUMNS_OF(relation) "''"
#endif

/*
 * A row in the place of another and, where it is a new version of its own, its
 * index entries.  access/tableam.h and executor/executor.h are included where
 * this is used.
 */
#if PG_VERSION_NUM >= 160000
#define CrmUpdatedIndexes TU_UpdateIndexes
#define crm_needs_indexes(updated) ((updated) != TU_None)
#define crm_insert_index_tuples(relation, slot, estate, updated)             \
	((void) ExecInsertIndexTuples(relation, slot, estate, true, false, NULL, \
								  NIL, (updated) == TU_Summarizing))
#else
#define CrmUpdatedIndexes bool
#define crm_needs_indexes(updated) (updated)
#define crm_insert_index_tuples(relation, slot, estate, updated)             \
	((void) ExecInsertIndexTuples(relation, slot, estate, true, false, NULL, \
								  NIL))
#endif

/* catalog/index.h is included where this is used */
#if PG_VERSION_NUM >= 170000
#define crm_reindex_relation(relation, flags, params) \
	reindex_relation(NULL, relation, flags, params)
#else
#define crm_reindex_relation(relation, flags, params) \
	reindex_relation(relation, flags, params)
#endif

#endif /* CRM_COMPAT_H */
