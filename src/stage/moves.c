/*
 * moves.c
 *		Rows that a MERGE moves to another partition.
 *
 * PostgreSQL makes a DELETE and an INSERT of an UPDATE that moves a row.  Where
 * the statement is an UPDATE, both are in the transition tables of its trigger;
 * where it is a MERGE, they are in those of DELETE and INSERT, whose triggers
 * are only fired if the MERGE deletes and inserts, too.  But it counts:
 *
 *		rows updated  -  rows in the transition table  =  rows moved
 *
 * unless a foreign key puts rows into that table, too: what it does to the table
 * itself is part of the statement.  (By way of another table it comes later, when
 * this trigger has been fired, and its rows are those of the next.)  And where the
 * MERGE inserts nothing, it has made ready for rows of other partitions only if it
 * has moved one.
 *
 * A trigger is not told which statement fires it.  So the one whose triggers
 * are being fired is kept here, by a hook around that step.
 *
 * Invariant: firing is the innermost statement that is in that step, NULL where
 * none was seen to begin it: COPY, or the statement for which the library was
 * loaded.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/partition.h"
#include "catalog/pg_constraint.h"
#include "executor/executor.h"
#include "nodes/execnodes.h"
#include "nodes/parsenodes.h"
#include "parser/parsetree.h"
#include "tcop/pquery.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/syscache.h"
#include "utils/tuplestore.h"

#include "stage/moves.h"

static ExecutorFinish_hook_type previous_finish_hook = NULL;
static QueryDesc			   *firing = NULL;

static void
finish(QueryDesc *query)
{
	QueryDesc *outer = firing;

	firing = query;
	PG_TRY();
	{
		if (previous_finish_hook)
			previous_finish_hook(query);
		else
			standard_ExecutorFinish(query);
	}
	PG_FINALLY();
	{
		firing = outer;
	}
	PG_END_TRY();
}

void
crm_moves_init(void)
{
	previous_finish_hook = ExecutorFinish_hook;
	ExecutorFinish_hook = finish;
}

/* what of a statement writes to a relation, or to others */
typedef struct Writes
{
	int				  count;
	int				  elsewhere;
	ModifyTableState *merge;
} Writes;

static void
add_write(Writes *writes, PlanState *node, Oid relation)
{
	ModifyTableState *state = (ModifyTableState *) node;

	if (!IsA(node, ModifyTableState))
		return;
	if (RelationGetRelid(state->rootResultRelInfo->ri_RelationDesc) != relation)
	{
		writes->elsewhere++;
		return;
	}
	writes->count++;
	if (state->operation == CMD_MERGE)
		writes->merge = state;
}

static bool
has_insert(const ModifyTableState *merge)
{
	ListCell *relation;
	ListCell *action;

	foreach (relation, ((ModifyTable *) merge->ps.plan)->mergeActionLists)
		foreach (action, (List *) lfirst(relation))
			if (lfirst_node(MergeAction, action)->commandType == CMD_INSERT)
				return true;
	return false;
}

/* does it update who refers to a row that changed or is gone? */
static bool
key_updates(Oid key)
{
	HeapTuple tuple = SearchSysCache1(CONSTROID, ObjectIdGetDatum(key));
	Form_pg_constraint form;
	bool			   updates;

	if (!HeapTupleIsValid(tuple))
		return true;
	form = (Form_pg_constraint) GETSTRUCT(tuple);
	updates = (form->confupdtype != FKCONSTR_ACTION_NOACTION &&
			   form->confupdtype != FKCONSTR_ACTION_RESTRICT) ||
			  form->confdeltype == FKCONSTR_ACTION_SETNULL ||
			  form->confdeltype == FKCONSTR_ACTION_SETDEFAULT;
	ReleaseSysCache(tuple);
	return updates;
}

/* not every release refuses to attach a table that a key of the parent names */
static bool
is_or_has(Oid relation, Oid partition)
{
	return partition == relation ||
		   (get_rel_relispartition(partition) &&
			list_member_oid(get_partition_ancestors(partition), relation));
}

/* may a foreign key have updated rows of a relation on the statement's behalf? */
static bool
may_be_updated_by_key(Relation relation, const Writes *writes)
{
	List	 *keys = copyObject(RelationGetFKeyList(relation));
	ListCell *cell;

	foreach (cell, keys)
	{
		const ForeignKeyCacheInfo *key = lfirst(cell);

		if ((writes->elsewhere > 0 ||
			 is_or_has(RelationGetRelid(relation), key->confrelid)) &&
			key_updates(key->conoid))
			return true;
	}
	return false;
}

static bool
merge_has_moved(const TriggerData *trigger)
{
	Relation  relation = trigger->tg_relation;
	Writes	  writes = {0};
	ListCell *cell;

	add_write(&writes, firing->planstate, RelationGetRelid(relation));
	foreach (cell, firing->estate->es_auxmodifytables)
		add_write(&writes, lfirst(cell), RelationGetRelid(relation));
	if (writes.merge == NULL)
		return false;
	/* of several statements in one, each adds to the transition table */
	if (writes.count > 1)
		return true;
	if (!has_insert(writes.merge))
		return writes.merge->mt_partition_tuple_routing != NULL;
	return writes.merge->mt_merge_updated !=
			   (double) tuplestore_tuple_count(trigger->tg_newtable) ||
		   may_be_updated_by_key(relation, &writes);
}

/* does the session's statement write to a relation, and is it no MERGE? */
static bool
is_plain_write(const PlannedStmt *statement, Oid relation)
{
	ListCell *cell;

	if (statement->commandType != CMD_INSERT &&
		statement->commandType != CMD_UPDATE)
		return false;
	foreach (cell, statement->resultRelations)
		if (rt_fetch(lfirst_int(cell), statement->rtable)->relid == relation)
			return true;
	return false;
}

/*
 * Is the statement that fires the trigger the session's own, not one that it
 * has a function run?  Then its executor is the only one under the portal.
 */
static bool
is_of_portal(void)
{
	int executors = 0;

	for (MemoryContext context = CurrentMemoryContext; context;
		 context = MemoryContextGetParent(context))
	{
		if (context == ActivePortal->portalContext)
			return executors == 1;
		executors += strcmp(context->name, "ExecutorState") == 0;
	}
	return false;
}

/* from a function it cannot be told */
static bool
may_be_merge(Oid relation)
{
	ListCell *cell;

	if (ActivePortal == NULL || !is_of_portal())
		return true;
	foreach (cell, ActivePortal->stmts)
		if (is_plain_write(lfirst_node(PlannedStmt, cell), relation))
			return false;
	return true;
}

bool
crm_rows_moved_unseen(const TriggerData *trigger)
{
	if (!TRIGGER_FIRED_BY_UPDATE(trigger->tg_event) ||
		trigger->tg_relation->rd_rel->relkind != RELKIND_PARTITIONED_TABLE)
		return false;
	return firing ? merge_has_moved(trigger)
				  : may_be_merge(RelationGetRelid(trigger->tg_relation));
}
