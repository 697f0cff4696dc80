/*
 * history_spells.c
 *		Stages of past days from what a stage table keeps of a customer: the
 *		history, the registration and since when the customer is known.
 *
 *		known          from_day                       to_day
 *		  |  silent  |--|  aftersale  |  active  |  silent --|--
 *		  entry 1       |<-- days in the window ------------>|  entry 2
 *
 * Invariant: the stage of a day is that of lifecycle_stage over the customer's
 * rows up to that day; the spells of a customer follow each other without a
 * gap from the day the customer is known.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/date.h"
#include "utils/timestamp.h"

#include "functions/history.h"
#include "functions/history_call.h"
#include "functions/localday.h"
#include "functions/model_call.h"

PG_FUNCTION_INFO_V1(crm_stage_on);
PG_FUNCTION_INFO_V1(crm_stage_spells);

/* the arguments that both begin with */
enum
{
	ARG_HISTORY,
	ARG_REGISTERED,
	ARG_KNOWN_SINCE,
	ARG_FROM_DAY, /* the day, of crm_stage_on */
	ARG_TO_DAY,
	ON_MODEL = ARG_TO_DAY,
	SPELLS_MODEL
};

enum
{
	COLUMN_STAGE,
	COLUMN_ENTERED_ON,
	COLUMN_LEFT_ON,
	COLUMN_DAYS,
	COLUMN_ENTRY,
	COLUMN_COUNT
};

/*
 * Known on every day as far as the history goes: the day from which the
 * customer really is known is given beside it, for an order that was refunded
 * whole leaves no trace in the history.
 */
static void
build(FunctionCallInfo fcinfo, CrmHistory *history)
{
	CrmPurchaseView view;
	CrmDay			registered = CRM_NO_DAY;

	if (!PG_ARGISNULL(ARG_REGISTERED))
		registered =
			crm_day_from_timestamp(PG_GETARG_TIMESTAMP(ARG_REGISTERED));
	crm_history_open(&view, PG_GETARG_DATUM(ARG_HISTORY));
	crm_history_init(history);
	crm_history_add_registration(history, CRM_NO_TIME);
	crm_purchase_replay(history, &view, registered);
}

static CrmDay
known_since(FunctionCallInfo fcinfo)
{
	return PG_ARGISNULL(ARG_KNOWN_SINCE)
			   ? CRM_ALWAYS
			   : crm_day_from_date(PG_GETARG_DATEADT(ARG_KNOWN_SINCE));
}

/* (history, registered, known_since, day, model) -> text */
Datum
crm_stage_on(PG_FUNCTION_ARGS)
{
	CrmModelCall *call;
	CrmHistory	  history;
	CrmDay		  day;
	int			  stage;

	if (PG_ARGISNULL(ARG_HISTORY) || PG_ARGISNULL(ARG_FROM_DAY) ||
		PG_ARGISNULL(ON_MODEL))
		PG_RETURN_NULL();
	day = crm_day_from_date(PG_GETARG_DATEADT(ARG_FROM_DAY));
	if (day < known_since(fcinfo))
		PG_RETURN_NULL();
	call = crm_model_call(fcinfo, ON_MODEL, true);
	build(fcinfo, &history);
	stage = crm_history_stage(&history, call->model, day);
	crm_history_free(&history);
	return crm_model_call_stage(call, stage);
}

/* ---- spells ------------------------------------------------------------- */

/* the spell at hand, and how often each stage has been entered */
typedef struct Spells
{
	const CrmModelCall *call;
	ReturnSetInfo	   *result;
	CrmDay				from;
	CrmDay				to;
	int					stage;
	CrmDay				entered_on; /* CRM_ALWAYS: none */
	int				   *entries;
	int					entries_size;
} Spells;

static int
count_entry(Spells *spells, int stage)
{
	if (stage >= spells->entries_size)
	{
		int size = Max(stage + 1, 16);

		if (spells->entries == NULL)
			spells->entries = palloc0(sizeof(int) * size);
		else
		{
			spells->entries = repalloc(spells->entries, sizeof(int) * size);
			memset(spells->entries + spells->entries_size, 0,
				   sizeof(int) * (size - spells->entries_size));
		}
		spells->entries_size = size;
	}
	return ++spells->entries[stage];
}

/* left_on CRM_NO_DAY: the stage holds at the end of the window */
static void
close_spell(Spells *spells, CrmDay left_on)
{
	Datum  values[COLUMN_COUNT];
	bool   nulls[COLUMN_COUNT] = {false};
	int	   entry = count_entry(spells, spells->stage);
	CrmDay first = Max(spells->entered_on, spells->from);
	CrmDay end = left_on == CRM_NO_DAY ? spells->to + 1 : left_on;

	if (end <= first)
		return;
	values[COLUMN_STAGE] = crm_model_call_stage(spells->call, spells->stage);
	nulls[COLUMN_ENTERED_ON] = spells->entered_on == CRM_ALWAYS;
	values[COLUMN_ENTERED_ON] = DateADTGetDatum(spells->entered_on);
	nulls[COLUMN_LEFT_ON] = left_on == CRM_NO_DAY;
	values[COLUMN_LEFT_ON] = DateADTGetDatum(left_on);
	values[COLUMN_DAYS] = Int32GetDatum(end - first);
	values[COLUMN_ENTRY] = Int32GetDatum(entry);
	tuplestore_putvalues(spells->result->setResult, spells->result->setDesc,
						 values, nulls);
}

static void
next_spell(void *context, CrmDay day, int from_stage, int to_stage,
		   bool by_event)
{
	Spells *spells = context;

	CHECK_FOR_INTERRUPTS();
	close_spell(spells, day);
	spells->stage = to_stage;
	spells->entered_on = day;
}

static void
check_window(CrmDay from, CrmDay to)
{
	if (from > to)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("from_day must not be after to_day"),
						errhint("Both days are included.")));
}

/*
 * (history, registered, known_since, from_day, to_day, model) -> the spells
 * that reach into the window
 */
Datum
crm_stage_spells(PG_FUNCTION_ARGS)
{
	Spells	   spells = {0};
	CrmHistory history;
	CrmDay	   start;

	InitMaterializedSRF(fcinfo, 0);
	if (PG_ARGISNULL(ARG_HISTORY) || PG_ARGISNULL(ARG_FROM_DAY) ||
		PG_ARGISNULL(ARG_TO_DAY) || PG_ARGISNULL(SPELLS_MODEL))
		return (Datum) 0;
	spells.from = crm_day_from_date(PG_GETARG_DATEADT(ARG_FROM_DAY));
	spells.to = crm_day_from_date(PG_GETARG_DATEADT(ARG_TO_DAY));
	check_window(spells.from, spells.to);
	spells.entered_on = known_since(fcinfo);
	if (spells.to < spells.entered_on)
		return (Datum) 0;
	spells.call = crm_model_call(fcinfo, SPELLS_MODEL, true);
	spells.result = (ReturnSetInfo *) fcinfo->resultinfo;
	build(fcinfo, &history);
	start = spells.entered_on;
	/* before the first row nothing runs: any day before it will do */
	if (start == CRM_ALWAYS)
	{
		CrmDay first = crm_history_next_event(&history, CRM_ALWAYS);

		start = spells.from;
		if (first != CRM_NO_DAY && first <= start)
			start = first - 1;
	}
	spells.stage = crm_history_stage(&history, spells.call->model, start);
	crm_history_replay(&history, spells.call->model, start, spells.to,
					   next_spell, &spells);
	close_spell(&spells, CRM_NO_DAY);
	crm_history_free(&history);
	return (Datum) 0;
}
