/*
 * model_explain.c
 *		lifecycle_schedule and lifecycle_explain, on columns and on histories.
 *
 * Both ask what lifecycle_next asks and take the same arguments.  The schedule
 * is every change to come, not only the first.  The explanation goes back from
 * the stage to the text: the branch that decided, the facts and thresholds of
 * the conditions that were looked at on the way to it, and for each of these
 * facts the nearest values with which the stage would be another one.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "funcapi.h"
#include "lib/stringinfo.h"
#include "utils/builtins.h"
#include "utils/date.h"
#include "utils/fmgrprotos.h"
#include "utils/json.h"

#include "engine/model_grid.h"
#include "functions/localday.h"
#include "functions/history_call.h"
#include "functions/model_call.h"
#include "functions/model_grid_text.h"
#include "functions/model_parse.h"
#include "functions/model_type.h"
#include "functions/model_walk.h"

PG_FUNCTION_INFO_V1(crm_lifecycle_schedule_date);
PG_FUNCTION_INFO_V1(crm_lifecycle_schedule_timestamptz);
PG_FUNCTION_INFO_V1(crm_lifecycle_explain_date);
PG_FUNCTION_INFO_V1(crm_lifecycle_explain_timestamptz);

/* ---- the schedule ---- */

typedef struct Schedule
{
	const CrmModelCall *call;
	ReturnSetInfo	   *result;
} Schedule;

static void
add_change(void *context, CrmDay day, int from_stage, int to_stage)
{
	Schedule *schedule = context;
	Datum	  values[3];
	bool	  nulls[3] = {false, false, false};

	values[0] = DateADTGetDatum(day);
	values[1] = crm_model_call_stage(schedule->call, from_stage);
	values[2] = crm_model_call_stage(schedule->call, to_stage);
	tuplestore_putvalues(schedule->result->setResult, schedule->result->setDesc,
						 values, nulls);
}

static Datum
lifecycle_schedule(FunctionCallInfo fcinfo, CrmTimeKind kind)
{
	Schedule schedule = {.result = (ReturnSetInfo *) fcinfo->resultinfo};
	CrmFacts facts;
	CrmDay	 as_of;

	InitMaterializedSRF(fcinfo, 0);
	schedule.call = crm_columns_facts(fcinfo, kind, &facts, &as_of);
	if (schedule.call != NULL)
		crm_model_schedule(schedule.call->model, &facts, as_of, add_change,
						   &schedule);
	return (Datum) 0;
}

static Datum
history_lifecycle_schedule(FunctionCallInfo fcinfo, CrmTimeKind kind)
{
	Schedule		schedule = {.result = (ReturnSetInfo *) fcinfo->resultinfo};
	CrmHistory		history;
	const CrmFacts *facts;
	CrmDay			as_of;

	InitMaterializedSRF(fcinfo, 0);
	schedule.call = crm_history_facts(fcinfo, kind, &history, &facts, &as_of);
	if (schedule.call != NULL)
	{
		crm_model_schedule(schedule.call->model, facts, as_of, add_change,
						   &schedule);
		crm_history_free(&history);
	}
	return (Datum) 0;
}

/* ---- facts in words ---- */

char *
crm_grid_fact_text(const CrmGridFact *fact)
{
	if (!crm_fact_is_window(fact->fact))
		return pstrdup(crm_fact_name(fact->fact));
	return psprintf("%s(%lld)", crm_fact_name(fact->fact),
					(long long) fact->days);
}

char *
crm_grid_number_text(const CrmGridFact *fact)
{
	return fact->null ? pstrdup("NULL") : crm_money_to_text(fact->number);
}

char *
crm_grid_text(const CrmGrid *grid)
{
	StringInfoData text;

	initStringInfo(&text);
	for (int i = 0; i < grid->count; i++)
	{
		const CrmGridFact *fact = &grid->facts[i];

		if (fact->set && fact->fact != CRM_FACT_COUNT)
			appendStringInfo(&text, "%s%s = %s", text.len > 0 ? ", " : "",
							 crm_grid_fact_text(fact),
							 crm_grid_number_text(fact));
	}
	if (text.len == 0)
		appendStringInfoString(&text, "any facts");
	return text.data;
}

/* ---- the explanation ---- */

typedef struct Explanation
{
	const CrmModelText *parts;
	CrmModelLeaves	   *leaves;
	const CrmLeaf	   *leaf;
	CrmGrid				grid; /* with the customer's own values */
	bool			   *used; /* of each fact: it was looked at */
} Explanation;

/* the customer's own value of a fact */
static void
set_fact(CrmGridFact *fact, const CrmFacts *facts, CrmDay as_of)
{
	fact->set = true;
	fact->null =
		!crm_facts_number(facts, fact->fact, fact->days, as_of, &fact->number);
}

static void
mark_used(Explanation *explanation, const CrmNode *node)
{
	CrmGrid *grid = &explanation->grid;

	if (node->kind == CRM_NODE_FACT)
		explanation
			->used[crm_grid_find(grid, node->fact, node->value) - grid->facts] =
			true;
	if (node->operand != NULL)
		mark_used(explanation, node->operand);
	for (int i = 0; i < node->count; i++)
		mark_used(explanation, node->args[i]);
}

static void
begin_explanation(Explanation *explanation, Datum model, const CrmFacts *facts,
				  CrmDay as_of)
{
	CrmGrid	 *grid = &explanation->grid;
	ListCell *cell;

	explanation->parts = crm_model_text_split(crm_model_datum_text(model));
	explanation->leaves = crm_model_text_leaves(explanation->parts, true);
	explanation->leaf =
		list_nth(explanation->leaves->leaves,
				 crm_model_evaluate(explanation->leaves->model, facts, as_of));
	crm_grid_init(grid, explanation->leaves->root);
	for (int i = 0; i < grid->count; i++)
		set_fact(&grid->facts[i], facts, as_of);
	explanation->used = palloc0((grid->count + 1) * sizeof(bool));
	foreach (cell, explanation->leaf->tested)
	{
		const CrmTested *tested = lfirst(cell);

		mark_used(explanation, tested->condition);
	}
}

static Datum
json_of(const StringInfo text)
{
	return DirectFunctionCall1(jsonb_in, CStringGetDatum(text->data));
}

static Datum
facts_json(const Explanation *explanation)
{
	const CrmGrid *grid = &explanation->grid;
	StringInfoData text;

	initStringInfo(&text);
	appendStringInfoChar(&text, '{');
	for (int i = 0; i < grid->count; i++)
		if (explanation->used[i])
			appendStringInfo(&text, "%s\"%s\": %s", text.len > 1 ? ", " : "",
							 crm_grid_fact_text(&grid->facts[i]),
							 grid->facts[i].null
								 ? "null"
								 : crm_grid_number_text(&grid->facts[i]));
	appendStringInfoChar(&text, '}');
	return json_of(&text);
}

static bool
names_threshold(const Explanation *explanation, const char *name)
{
	ListCell *cell;

	foreach (cell, explanation->leaf->tested)
		if (crm_model_text_names(
				crm_model_text_tested(explanation->parts, lfirst(cell)), name))
			return true;
	return false;
}

static Datum
thresholds_json(const Explanation *explanation)
{
	StringInfoData text;

	initStringInfo(&text);
	appendStringInfoChar(&text, '{');
	for (int i = 0; i < explanation->parts->count; i++)
	{
		const CrmThreshold *threshold = &explanation->parts->thresholds[i];

		if (!names_threshold(explanation, threshold->name))
			continue;
		if (text.len > 1)
			appendStringInfoString(&text, ", ");
		escape_json(&text, threshold->name);
		appendStringInfo(
			&text, ": %s",
			threshold->value == NULL
				? "null"
				: DatumGetCString(DirectFunctionCall1(
					  numeric_out, NumericGetDatum(threshold->value))));
	}
	appendStringInfoChar(&text, '}');
	return json_of(&text);
}

/*
 * The stage with another value of one fact.  NULL: the same, an error, or no
 * customer: without orders, yet with a last one.
 */
static const char *
other_stage(Explanation *explanation, CrmGridFact *fact, CrmMoney number)
{
	CrmGridFact	   own = *fact;
	const CrmLeaf *leaf;
	int			   result;

	fact->null = false;
	fact->number = number;
	result = CRM_GRID_NULL;
	if (crm_grid_agrees(&explanation->grid))
		result =
			crm_grid_evaluate(&explanation->grid, explanation->leaves->root);
	*fact = own;
	if (result < 0)
		return NULL;
	leaf = list_nth(explanation->leaves->leaves, result);
	return strcmp(leaf->stage, explanation->leaf->stage) == 0 ? NULL
															  : leaf->stage;
}

static void
add_other(StringInfo text, const CrmGridFact *fact, CrmMoney number,
		  const char *stage)
{
	appendStringInfo(text, "%s{\"fact\": \"%s\", \"value\": %s, \"stage\": ",
					 text->len > 1 ? ", " : "", crm_grid_fact_text(fact),
					 crm_money_to_text(number));
	escape_json(text, stage);
	appendStringInfoChar(text, '}');
}

/* the nearest value on one side with which the stage is another one */
static void
search_other(Explanation *explanation, CrmGridFact *fact, bool upwards,
			 StringInfo text)
{
	for (int i = 0; i < fact->point_count; i++)
	{
		CrmMoney number = fact->points[upwards ? i : fact->point_count - 1 - i];
		const char *stage;
		int			side = fact->null ? 1 : crm_money_cmp(number, fact->number);

		CHECK_FOR_INTERRUPTS();
		if (upwards ? side <= 0 : side >= 0)
			continue;
		stage = other_stage(explanation, fact, number);
		if (stage == NULL)
			continue;
		add_other(text, fact, number, stage);
		return;
	}
}

static Datum
others_json(Explanation *explanation)
{
	StringInfoData text;

	initStringInfo(&text);
	appendStringInfoChar(&text, '[');
	for (int i = 0; i < explanation->grid.count; i++)
		if (explanation->used[i])
		{
			search_other(explanation, &explanation->grid.facts[i], false,
						 &text);
			search_other(explanation, &explanation->grid.facts[i], true, &text);
		}
	appendStringInfoChar(&text, ']');
	return json_of(&text);
}

static Datum
explain(FunctionCallInfo fcinfo, CrmModelCall *call, Datum model,
		const CrmFacts *facts, CrmDay as_of)
{
	Explanation explanation;
	Datum		values[8] = {0};
	bool		nulls[8] = {false};
	CrmDay		changes_on;
	int			next;

	begin_explanation(&explanation, model, facts, as_of);
	values[0] = CStringGetTextDatum(explanation.leaf->stage);
	values[1] = CStringGetTextDatum(explanation.leaf->branch);
	nulls[2] = !explanation.leaf->by_when;
	if (!nulls[2])
		values[2] = CStringGetTextDatum(crm_model_text_tested(
			explanation.parts, llast(explanation.leaf->tested)));
	values[3] = facts_json(&explanation);
	values[4] = thresholds_json(&explanation);
	nulls[5] = nulls[6] =
		!crm_model_next(call->model, facts, as_of, &changes_on, &next);
	if (!nulls[5])
	{
		values[5] = DateADTGetDatum(changes_on);
		values[6] = crm_model_call_stage(call, next);
	}
	values[7] = others_json(&explanation);
	return HeapTupleGetDatum(
		heap_form_tuple(crm_model_call_row(fcinfo, call), values, nulls));
}

static Datum
lifecycle_explain(FunctionCallInfo fcinfo, CrmTimeKind kind)
{
	CrmFacts	  facts;
	CrmDay		  as_of;
	CrmModelCall *call = crm_columns_facts(fcinfo, kind, &facts, &as_of);

	if (call == NULL)
		PG_RETURN_NULL();
	return explain(fcinfo, call, PG_GETARG_DATUM(CRM_COLUMNS_MODEL), &facts,
				   as_of);
}

static Datum
history_lifecycle_explain(FunctionCallInfo fcinfo, CrmTimeKind kind)
{
	CrmHistory		history;
	const CrmFacts *facts;
	CrmDay			as_of;
	CrmModelCall   *call =
		crm_history_facts(fcinfo, kind, &history, &facts, &as_of);
	Datum result;

	if (call == NULL)
		PG_RETURN_NULL();
	result =
		explain(fcinfo, call, PG_GETARG_DATUM(CRM_HISTORY_MODEL), facts, as_of);
	crm_history_free(&history);
	return result;
}

/* ---- overloads ---- */

Datum
crm_lifecycle_schedule_date(PG_FUNCTION_ARGS)
{
	return lifecycle_schedule(fcinfo, CRM_TIME_DATE);
}

Datum
crm_lifecycle_schedule_timestamptz(PG_FUNCTION_ARGS)
{
	return lifecycle_schedule(fcinfo, CRM_TIME_TIMESTAMPTZ);
}

Datum
crm_lifecycle_explain_date(PG_FUNCTION_ARGS)
{
	return lifecycle_explain(fcinfo, CRM_TIME_DATE);
}

Datum
crm_lifecycle_explain_timestamptz(PG_FUNCTION_ARGS)
{
	return lifecycle_explain(fcinfo, CRM_TIME_TIMESTAMPTZ);
}

CRM_AS_OF_OVERLOADS(history_lifecycle_schedule);
CRM_AS_OF_OVERLOADS(history_lifecycle_explain);
