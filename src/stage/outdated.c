/*
 * outdated.c
 *		A snapshot that is older than the relations it is to read.
 *
 *		snapshot      others: ALTER TABLE, TRUNCATE, DETACH      lock
 *		   |-------------------- commit ---------------------------|--> read
 *		   |                                                       |
 *		pg_class, pg_inherits as it shows them   <-- equal? -->   as they are
 *
 * Where a transaction keeps one snapshot it is older than the locks.  Rows that
 * a rewrite has put into new storage in the meantime, and those loaded after a
 * TRUNCATE, are of a transaction that the snapshot does not know: the relation
 * looks empty, whatever it held before and holds now, and every customer would
 * have gone.  The catalogs tell, for they are read by any snapshot: what the
 * transaction's own shows in them is compared with what they say now.
 *
 * VACUUM FULL, CLUSTER and SET TABLESPACE keep what a snapshot shows, but can't
 * be told from the others, and ask for another try, too.
 *
 * Invariant: what is compared is locked, so it stays as it is until the
 * transaction ends.  The transaction's own changes are on both sides.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/xact.h"
#include "catalog/indexing.h"
#include "catalog/pg_class.h"
#include "catalog/pg_inherits.h"
#include "miscadmin.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"

#include "stage/outdated.h"
#include "stage/source.h"
#include "stage/statement.h"

/* ----- what is so now ----- */

static Oid
storage_now(Oid relation)
{
	HeapTuple tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(relation));
	Oid		  storage;

	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for relation %u", relation);
	storage = ((Form_pg_class) GETSTRUCT(tuple))->relfilenode;
	ReleaseSysCache(tuple);
	return storage;
}

/* ----- what the snapshot shows ----- */

/*
 * What happened to a relation's storage; NULL: nothing.  The snapshot shows two
 * rows of a relation where others have changed its row and this transaction did
 * so after them: none of the two may be about other storage.
 */
static const char *
storage_differs(Relation classes, Oid relation, Snapshot snapshot)
{
	Oid			now = storage_now(relation);
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple	tuple;
	bool		found = false;
	bool		same = true;

	ScanKeyInit(&key, Anum_pg_class_oid, BTEqualStrategyNumber, F_OIDEQ,
				ObjectIdGetDatum(relation));
	scan =
		systable_beginscan(classes, ClassOidIndexId, true, snapshot, 1, &key);
	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		found = true;
		same &= ((Form_pg_class) GETSTRUCT(tuple))->relfilenode == now;
	}
	systable_endscan(scan);
	if (!found)
		return "created";
	return same ? NULL : "rewritten or truncated";
}

static bool
is_shown(Relation classes, Oid relation, Snapshot snapshot)
{
	ScanKeyData key;
	SysScanDesc scan;
	bool		shown;

	ScanKeyInit(&key, Anum_pg_class_oid, BTEqualStrategyNumber, F_OIDEQ,
				ObjectIdGetDatum(relation));
	scan =
		systable_beginscan(classes, ClassOidIndexId, true, snapshot, 1, &key);
	shown = HeapTupleIsValid(systable_getnext(scan));
	systable_endscan(scan);
	return shown;
}

static List *
add_children(Relation inherits, Oid parent, Snapshot snapshot, List *tree)
{
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple	tuple;

	ScanKeyInit(&key, Anum_pg_inherits_inhparent, BTEqualStrategyNumber,
				F_OIDEQ, ObjectIdGetDatum(parent));
	scan = systable_beginscan(inherits, InheritsParentIndexId, true, snapshot,
							  1, &key);
	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		Form_pg_inherits form = (Form_pg_inherits) GETSTRUCT(tuple);

		/* a query leaves out what it sees to be on its way out */
		if (!form->inhdetachpending && !crm_is_temporary(form->inhrelid))
			tree = list_append_unique_oid(tree, form->inhrelid);
	}
	systable_endscan(scan);
	return tree;
}

/* a relation and all below it */
static List *
tree_shown(Oid relation, Snapshot snapshot)
{
	Relation inherits = table_open(InheritsRelationId, AccessShareLock);
	List	*tree = list_make1_oid(relation);

	for (int i = 0; i < list_length(tree); i++)
	{
		CHECK_FOR_INTERRUPTS();
		tree = add_children(inherits, list_nth_oid(tree, i), snapshot, tree);
	}
	table_close(inherits, AccessShareLock);
	return tree;
}

/* ----- the difference ----- */

static void
refuse(Oid relation, const char *happened, const char *what)
{
	ereport(ERROR,
			(errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
			 errmsg("could not serialize access due to concurrent change of a "
					"%s",
					what),
			 errdetail("%s was %s after this transaction's snapshot was taken, "
					   "which cannot show the rows that are there now.",
					   get_rel_name(relation)
						   ? crm_quote_relation(relation)
						   : psprintf("The relation with OID %u", relation),
					   happened),
			 errhint("Run it again in a new transaction.")));
}

void
crm_refuse_outdated(Oid relation, List *tree, const char *what)
{
	Snapshot  snapshot;
	List	 *shown;
	List	 *differing;
	Relation  classes;
	ListCell *cell;

	if (!IsolationUsesXactSnapshot())
		return;
	snapshot = RegisterSnapshot(GetTransactionSnapshot());
	shown = tree_shown(relation, snapshot);
	differing = list_difference_oid(shown, tree);
	if (differing != NIL)
		refuse(linitial_oid(differing), "detached or dropped", what);
	differing = list_difference_oid(tree, shown);
	if (differing != NIL)
		refuse(linitial_oid(differing), "created or attached", what);
	classes = table_open(RelationRelationId, AccessShareLock);
	foreach (cell, tree)
	{
		const char *happened;

		CHECK_FOR_INTERRUPTS();
		happened = storage_differs(classes, lfirst_oid(cell), snapshot);
		if (happened)
			refuse(lfirst_oid(cell), happened, what);
	}
	table_close(classes, AccessShareLock);
	UnregisterSnapshot(snapshot);
}

/* the same of relations that are not read, but have to be known */
void
crm_refuse_new(List *relations, const char *what)
{
	Snapshot  snapshot;
	Relation  classes;
	ListCell *cell;

	if (!IsolationUsesXactSnapshot() || relations == NIL)
		return;
	snapshot = RegisterSnapshot(GetTransactionSnapshot());
	classes = table_open(RelationRelationId, AccessShareLock);
	foreach (cell, relations)
		if (!is_shown(classes, lfirst_oid(cell), snapshot))
			refuse(lfirst_oid(cell), "created", what);
	table_close(classes, AccessShareLock);
	UnregisterSnapshot(snapshot);
}
