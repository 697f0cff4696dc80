/*
 * parts.c
 *		The partitions that rows written by a partitioned table go to.
 *
 * The triggers of the table that a statement names see its new rows, but not
 * where they went.  One may have gone to a partition that no refresh has known
 * and none will: it came after the last one and is gone before the next.  So
 * new rows are merged only while the partitions are those of the last look.
 *
 *		last look: digest of partitions --> crmlife.capture_source
 *		statement: digest of partitions --> the same: rows are merged
 *		                                    another: customers are read again
 *
 * Nor do they see what a partition's generated columns were made of a row,
 * where the table above has a plain column: up to PostgreSQL 15 it may.
 *
 * One that is being detached, or was when that was cancelled, is no part of any
 * query any more, but may still be written to by who began before.
 *
 * Invariant: a digest that is kept without a minus is one of partitions that are
 * all known.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/relation.h"
#include "access/table.h"
#include "common/hashfn.h"
#include "partitioning/partdesc.h"
#include "storage/lmgr.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/syscache.h"

#include "stage/parts.h"

typedef void (*Visitor)(Oid partition, void *context);

static bool visit_partitions(Relation relation, Visitor visitor, void *context);

/* a writer waits for nobody who changes a partition that it does not write to */
static bool
visit_below(Oid partition, Visitor visitor, void *context)
{
	Relation below;
	bool	 all;

	if (!ConditionalLockRelationOid(partition, AccessShareLock))
		return false;
	below = try_relation_open(partition, NoLock);
	all = below && visit_partitions(below, visitor, context);
	if (below)
		relation_close(below, NoLock);
	UnlockRelationOid(partition, AccessShareLock);
	return all;
}

/*
 * Those that have rows, also one that is being detached; false where they cannot
 * be told at the moment.
 */
static bool
visit_partitions(Relation relation, Visitor visitor, void *context)
{
	PartitionDesc parts;

	if (relation->rd_rel->relkind != RELKIND_PARTITIONED_TABLE)
		return true;
	parts = RelationGetPartitionDesc(relation, false);
	for (int i = 0; i < parts->nparts; i++)
	{
		if (parts->is_leaf[i])
			visitor(parts->oids[i], context);
		else if (!visit_below(parts->oids[i], visitor, context))
			return false;
	}
	return true;
}

static void
add_to_digest(Oid partition, void *context)
{
	uint64 *digest = context;

	*digest += hash_bytes_uint32_extended(partition, 0);
}

int64
crm_parts_digest(Relation relation)
{
	uint64 digest = 0;

	if (!visit_partitions(relation, add_to_digest, &digest))
		return CRM_PARTS_UNKNOWN;
	return (int64) Max(digest & PG_INT64_MAX, 2);
}

typedef struct Known
{
	List *relations;
	bool  all;
} Known;

static void
check_known(Oid partition, void *context)
{
	Known *known = context;

	known->all &= list_member_oid(known->relations, partition);
}

int64
crm_parts_known(Oid relation, List *known_relations, const char *customer)
{
	Known	 known = {.relations = known_relations, .all = true};
	Relation opened;
	int64	 digest;

	if (crm_parts_generate(relation, customer))
		return CRM_PARTS_HIDE_CUSTOMER;
	if (known_relations == NIL)
		return CRM_PARTS_UNKNOWN;
	opened = table_open(relation, AccessShareLock);
	digest = crm_parts_digest(opened);
	(void) visit_partitions(opened, check_known, &known);
	/* one may have come in between */
	known.all &= digest == crm_parts_digest(opened);
	table_close(opened, NoLock);
	return known.all ? digest : -digest;
}

typedef struct Generated
{
	const char *column;
	bool		found;
} Generated;

static void
check_generated(Oid partition, void *context)
{
	Generated *generated = context;
	HeapTuple  tuple = SearchSysCacheAttName(partition, generated->column);

	/* the partition is not locked, and may be gone */
	if (!HeapTupleIsValid(tuple))
		return;
	generated->found |=
		((Form_pg_attribute) GETSTRUCT(tuple))->attgenerated != '\0';
	ReleaseSysCache(tuple);
}

bool
crm_parts_generate(Oid relation, const char *column)
{
	Generated generated = {.column = column};
	Relation  opened = table_open(relation, AccessShareLock);

	if (opened->rd_rel->relkind == RELKIND_PARTITIONED_TABLE)
		check_generated(relation, &generated);
	(void) visit_partitions(opened, check_generated, &generated);
	table_close(opened, NoLock);
	return generated.found;
}
