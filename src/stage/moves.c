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
 * A trigger is not told which statement fires it.  So the one whose triggers
 * are being fired is kept here, by a hook around that step.
 *
 * Invariant: firing is the innermost statement that is in that step, NULL where
 * none was seen to begin it: COPY, or the statement for which the library was
 * loaded.
 */
#include "postgres.h"

#include "executor/executor.h"
#include "nodes/execnodes.h"
#include "parser/parsetree.h"
#include "tcop/pquery.h"
#include "utils/rel.h"
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

/* the MERGE into a relation, if a node is one */
static ModifyTableState *
merge_into(PlanState *node, Oid relation)
{
	ModifyTableState *state = (ModifyTableState *) node;

	return IsA(node, ModifyTableState) && state->operation == CMD_MERGE &&
				   RelationGetRelid(
					   state->rootResultRelInfo->ri_RelationDesc) == relation
			   ? state
			   : NULL;
}

static bool
merge_has_moved(const TriggerData *trigger)
{
	Oid				  relation = RelationGetRelid(trigger->tg_relation);
	ModifyTableState *merge = merge_into(firing->planstate, relation);
	ListCell		 *cell;

	/* of several statements in one, each adds to the transition table */
	foreach (cell, firing->estate->es_auxmodifytables)
	{
		if (merge || merge_into(lfirst(cell), relation))
			return true;
	}
	return merge && merge->mt_merge_updated !=
						(double) tuplestore_tuple_count(trigger->tg_newtable);
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

/* from a function, as a rule, it cannot be told */
static bool
may_be_merge(Oid relation)
{
	ListCell *cell;

	if (ActivePortal == NULL)
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
