/*
 * model_check.c
 *		lifecycle_check: what is wrong with a stage model.
 *
 * The model is tried on customers who are made up (engine/model_grid.h).  What
 * none of them reaches is a fault; a second search, for the customers who meet
 * the branch's own condition, tells why: there are none, or branches before it
 * take them all.
 *
 * Invariant: a model of which nothing is said has every one of its branches
 * reached by a customer who can exist, and every customer has a branch.
 */
#include "postgres.h"

#include "fmgr.h"
#include "funcapi.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "utils/builtins.h"

#include "engine/model_grid.h"
#include "functions/model_grid_text.h"
#include "functions/model_parse.h"
#include "functions/model_type.h"
#include "functions/model_walk.h"

PG_FUNCTION_INFO_V1(crm_lifecycle_check);

typedef struct Check
{
	const CrmModelText *parts;
	CrmModelLeaves	   *leaves;
	int					count; /* of leaves */
	CrmGrid				grid;
	bool			   *reached;
	int					missing;  /* leaves not reached yet */
	bool				stopped;  /* all is known */
	char			  **examples; /* of customers, for each leaf */
	char			   *fault;	  /* a customer whose evaluation raises */
	ReturnSetInfo	   *result;
} Check;

static const CrmLeaf *
leaf_of(const Check *check, int index)
{
	return list_nth(check->leaves->leaves, index);
}

static void
report(Check *check, const char *severity, const char *branch,
	   const char *message)
{
	Datum values[3] = {CStringGetTextDatum(severity), (Datum) 0,
					   CStringGetTextDatum(message)};
	bool  nulls[3] = {false, branch == NULL, false};

	if (branch != NULL)
		values[1] = CStringGetTextDatum(branch);
	tuplestore_putvalues(check->result->setResult, check->result->setDesc,
						 values, nulls);
}

/* ---- who reaches what ---- */

static bool
note_reached(void *context, CrmGrid *grid, int result)
{
	Check *check = context;

	CHECK_FOR_INTERRUPTS();
	if (result < 0)
	{
		if (check->fault == NULL)
			check->fault = crm_grid_text(grid);
		return true;
	}
	if (!check->reached[result])
	{
		check->reached[result] = true;
		check->missing--;
		if (!leaf_of(check, result)->written)
			check->examples[result] = crm_grid_text(grid);
	}
	/* where nothing can raise an error there is no more to find */
	check->stopped = check->missing == 0 && !check->leaves->root->raises;
	return !check->stopped;
}

/* who meets a condition, and where they go */
typedef struct Takers
{
	Check *check;
	bool  *takes; /* of each leaf */
	bool   any;
} Takers;

static bool
note_taker(void *context, CrmGrid *grid, int result)
{
	Takers *takers = context;

	CHECK_FOR_INTERRUPTS();
	if (result >= 0)
		takers->takes[result] = true;
	return true;
}

static bool
follow(void *context, CrmGrid *grid, int result)
{
	Takers *takers = context;

	CHECK_FOR_INTERRUPTS();
	if (result != 1)
		return true;
	takers->any = true;
	return crm_grid_search(grid, takers->check->leaves->root, note_taker,
						   takers);
}

/* ---- what to say ---- */

static const CrmTested *
last_tested(const CrmLeaf *leaf)
{
	return llast(leaf->tested);
}

static bool
is_stage_reached(const Check *check, const char *stage)
{
	for (int i = 0; i < check->count; i++)
		if (check->reached[i] && strcmp(leaf_of(check, i)->stage, stage) == 0)
			return true;
	return false;
}

/* " (a = 5, b = NULL)": the thresholds of some conditions */
static char *
thresholds_of(const Check *check, const List *conditions)
{
	StringInfoData	text;
	const char	   *separator = " (";
	const ListCell *cell;

	initStringInfo(&text);
	for (int i = 0; i < check->parts->count; i++)
	{
		const CrmThreshold *threshold = &check->parts->thresholds[i];

		foreach (cell, conditions)
		{
			if (!crm_model_text_names(lfirst(cell), threshold->name))
				continue;
			appendStringInfo(
				&text, "%s%s %s", separator, threshold->name,
				!threshold->bound ? "without a value"
				: threshold->value == NULL
					? "= NULL"
					: psprintf("= %s",
							   DatumGetCString(DirectFunctionCall1(
								   numeric_out,
								   NumericGetDatum(threshold->value)))));
			separator = ", ";
			break;
		}
	}
	if (text.len > 0)
		appendStringInfoChar(&text, ')');
	return text.data;
}

/* one line: a condition may have been written over several */
static char *
condition_text(const Check *check, const CrmLeaf *leaf)
{
	char *text = crm_model_text_tested(check->parts, last_tested(leaf));
	char *to = text;

	for (char *from = text; *from != '\0'; from++)
	{
		bool space = strchr(" \t\r\n\f", *from) != NULL;

		if (!space)
			*to++ = *from;
		else if (to > text && to[-1] != ' ')
			*to++ = ' ';
	}
	*to = '\0';
	return text;
}

/* the branches that take the customers, as "branch 1, 2 or 3.else" */
static char *
takers_text(const Check *check, const bool *takes, List **conditions)
{
	List		  *branches = NIL;
	StringInfoData text;
	ListCell	  *cell;

	for (int i = 0; i < check->count; i++)
	{
		const CrmLeaf *leaf = leaf_of(check, i);

		if (!takes[i])
			continue;
		branches = lappend(branches, unconstify(char *, leaf->branch));
		if (leaf->by_when)
			*conditions = lappend(*conditions, condition_text(check, leaf));
	}
	initStringInfo(&text);
	appendStringInfoString(&text, "branch ");
	foreach (cell, branches)
	{
		int index = foreach_current_index(cell);

		if (index > 0)
			appendStringInfoString(
				&text, index == list_length(branches) - 1 ? " or " : ", ");
		appendStringInfoString(&text, lfirst(cell));
	}
	return text.data;
}

static const char *
severity_of(const Check *check, const CrmLeaf *leaf)
{
	bool empty = !is_stage_reached(check, leaf->stage);

	if (!leaf->by_when && strcmp(leaf->stage, CRM_UNCLASSIFIED) == 0)
		return "notice";
	/* several facts in one comparison: the grid is no proof */
	return empty && !check->grid.mixed ? "error" : "warning";
}

static char *
what_is_not_reached(const Check *check, const CrmLeaf *leaf)
{
	const char *grid =
		check->grid.mixed ? ", by the numbers of the model at least" : "";

	return is_stage_reached(check, leaf->stage)
			   ? psprintf("branch is never reached%s", grid)
			   : psprintf("no customer can be in stage \"%s\"%s", leaf->stage,
						  grid);
}

static void
report_branch(Check *check, const CrmLeaf *leaf)
{
	Takers takers = {.check = check};
	char  *condition = condition_text(check, leaf);
	List  *conditions = list_make1(condition);
	char  *taken;

	takers.takes = palloc0(check->count * sizeof(bool));
	check->grid.cells = 0;
	(void) crm_grid_search(&check->grid, last_tested(leaf)->condition, follow,
						   &takers);
	taken = takers_text(check, takers.takes, &conditions);
	if (!takers.any)
		report(check, severity_of(check, leaf), leaf->branch,
			   psprintf("%s: \"%s\" never holds%s",
						what_is_not_reached(check, leaf), condition,
						thresholds_of(check, conditions)));
	else
		report(check, severity_of(check, leaf), leaf->branch,
			   psprintf("%s: where \"%s\" holds, %s applies%s",
						what_is_not_reached(check, leaf), condition, taken,
						thresholds_of(check, conditions)));
}

static void
report_else(Check *check, int index, const CrmLeaf *leaf)
{
	if (!leaf->written && check->reached[index])
		report(check, "warning", leaf->branch,
			   psprintf("no ELSE: a customer with %s is unclassified",
						check->examples[index]));
	else if (!leaf->written)
		report(check, "notice", leaf->branch,
			   "no ELSE, but every customer has a branch");
	else if (!check->reached[index])
		report(check, severity_of(check, leaf), leaf->branch,
			   psprintf("%s: every customer has a branch before ELSE",
						what_is_not_reached(check, leaf)));
}

static void
report_leaves(Check *check)
{
	for (int i = 0; i < check->count; i++)
	{
		const CrmLeaf *leaf = leaf_of(check, i);

		if (!leaf->by_when)
			report_else(check, i, leaf);
		else if (!check->reached[i])
			report_branch(check, leaf);
	}
}

/* names in the CASE or in REQUIRE */
static void
report_unused(Check *check)
{
	const CrmModelText *parts = check->parts;
	char			   *text = pnstrdup(parts->text + parts->case_start,
										parts->case_end - parts->case_start);

	for (int i = 0; i < parts->count; i++)
	{
		const char *name = parts->thresholds[i].name;

		if (!crm_model_text_names(text, name))
			report(check, "notice", NULL,
				   psprintf("threshold %s is not used", name));
	}
}

static void
run(Check *check)
{
	bool complete;

	check->count = list_length(check->leaves->leaves);
	check->missing = check->count;
	check->reached = palloc0(check->count * sizeof(bool));
	check->examples = palloc0(check->count * sizeof(char *));
	crm_grid_init(&check->grid, check->leaves->root);
	complete = crm_grid_search(&check->grid, check->leaves->root, note_reached,
							   check) ||
			   check->stopped;
	if (complete)
		report_leaves(check);
	else
		report(check, "notice", NULL,
			   psprintf("the model has too many ways through it to try all: "
						"%d of its %d results were reached",
						check->count - check->missing, check->count));
	if (check->fault != NULL)
		report(
			check, "warning", NULL,
			psprintf("a customer with %s has no stage: the evaluation raises "
					 "an error",
					 check->fault));
	report_unused(check);
}

Datum
crm_lifecycle_check(PG_FUNCTION_ARGS)
{
	Check		  check = {.result = (ReturnSetInfo *) fcinfo->resultinfo};
	MemoryContext old = CurrentMemoryContext;
	MemoryContext work;

	InitMaterializedSRF(fcinfo, 0);
	work =
		AllocSetContextCreate(old, "stage model check", ALLOCSET_DEFAULT_SIZES);
	MemoryContextSwitchTo(work);
	check.parts =
		crm_model_text_split(crm_model_datum_text(PG_GETARG_DATUM(0)));
	check.leaves = crm_model_text_leaves(check.parts, false);
	run(&check);
	MemoryContextSwitchTo(old);
	MemoryContextDelete(work);
	return (Datum) 0;
}
