/*
 * history_stage.c
 *		lifecycle_stage and lifecycle_next on a purchase_history.
 *
 * The stage of a day needs the facts of that day alone, so the history is
 * walked once and nothing is allocated.  What windows hold, and since when the
 * stage does, needs the facts of earlier days too: there the history is folded
 * into its steps.
 *
 * Invariant: the stage is the one that the aggregate over the same rows has,
 * and lifecycle_next's is lifecycle_stage's.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "fmgr.h"
#include "utils/date.h"

#include "functions/history.h"
#include "functions/history_call.h"
#include "functions/localday.h"
#include "functions/model_call.h"

/* the arguments, in order */
enum
{
	ARG_HISTORY,
	ARG_AS_OF,
	ARG_MODEL = CRM_HISTORY_MODEL,
	ARG_REGISTERED
};

#define READS_MONEY \
	(CRM_FACT_BIT(CRM_FACT_REVENUE) | CRM_FACT_BIT(CRM_FACT_AVERAGE_ORDER))

/* false: the result is NULL */
static bool
read_arguments(FunctionCallInfo fcinfo, CrmTimeKind kind, CrmPurchaseView *view,
			   CrmDay *as_of, CrmDay *registered)
{
	if (PG_ARGISNULL(ARG_HISTORY) || PG_ARGISNULL(ARG_AS_OF) ||
		PG_ARGISNULL(ARG_MODEL))
		return false;
	*as_of = crm_day_from_datum(PG_GETARG_DATUM(ARG_AS_OF), kind);
	*registered = CRM_NO_DAY;
	if (!PG_ARGISNULL(ARG_REGISTERED))
		*registered = crm_day_from_date(PG_GETARG_DATEADT(ARG_REGISTERED));
	crm_history_open(view, PG_GETARG_DATUM(ARG_HISTORY));
	return true;
}

/* false: the customer is not known on that day */
static bool
windowed_stage(const CrmModel *model, const CrmPurchaseView *view, CrmDay as_of,
			   CrmDay registered, int *stage)
{
	CrmHistory history;

	crm_history_init(&history);
	crm_purchase_replay(&history, view, registered);
	*stage = crm_history_stage(&history, model, as_of);
	crm_history_free(&history);
	return *stage != CRM_ABSENT;
}

/* the same from the facts of the day alone */
static bool
plain_stage(const CrmModel *model, const CrmPurchaseView *view, CrmDay as_of,
			CrmDay registered, int *stage)
{
	bool	 money = (crm_model_facts(model) & READS_MONEY) != 0;
	CrmFacts facts;

	if (!crm_purchase_facts(view, as_of, registered, money, &facts))
		return false;
	*stage = crm_model_evaluate(model, &facts, as_of);
	return true;
}

static inline Datum
history_lifecycle_stage(FunctionCallInfo fcinfo, CrmTimeKind kind)
{
	CrmPurchaseView view;
	CrmModelCall   *call;
	CrmDay			as_of;
	CrmDay			registered;
	int				stage;
	bool			known;

	if (!read_arguments(fcinfo, kind, &view, &as_of, &registered))
		PG_RETURN_NULL();
	call = crm_model_call(fcinfo, ARG_MODEL, true);
	if ((crm_model_facts(call->model) & CRM_FACT_WINDOWS) != 0)
		known = windowed_stage(call->model, &view, as_of, registered, &stage);
	else
		known = plain_stage(call->model, &view, as_of, registered, &stage);
	if (!known)
		PG_RETURN_NULL();
	return crm_model_call_stage(call, stage);
}

CrmModelCall *
crm_history_facts(FunctionCallInfo fcinfo, CrmTimeKind kind,
				  CrmHistory *history, const CrmFacts **facts, CrmDay *as_of)
{
	CrmPurchaseView view;
	CrmDay			registered;
	const CrmStep  *step;

	if (!read_arguments(fcinfo, kind, &view, as_of, &registered))
		return NULL;
	crm_history_init(history);
	crm_purchase_replay(history, &view, registered);
	step = crm_history_step(history, *as_of);
	if (step == NULL)
	{
		crm_history_free(history);
		return NULL;
	}
	*facts = &step->facts;
	return crm_model_call(fcinfo, ARG_MODEL, true);
}

static void
fill_next(const CrmModelCall *call, const CrmHistory *history, CrmDay as_of,
		  Datum *values, bool *nulls)
{
	CrmStretch	   stretch = crm_history_stretch(history, call->model, as_of);
	const CrmStep *step = crm_history_step(history, as_of);
	CrmDay		   changes_on;
	int			   next;

	values[0] = crm_model_call_stage(call, stretch.stage);
	nulls[1] = stretch.since == CRM_NO_DAY;
	values[1] = DateADTGetDatum(stretch.since);
	nulls[2] = nulls[3] =
		!crm_model_next(call->model, &step->facts, as_of, &changes_on, &next);
	if (!nulls[2])
	{
		values[2] = DateADTGetDatum(changes_on);
		values[3] = crm_model_call_stage(call, next);
	}
}

static Datum
history_lifecycle_next(FunctionCallInfo fcinfo, CrmTimeKind kind)
{
	CrmHistory		history;
	const CrmFacts *facts;
	CrmDay			as_of;
	CrmModelCall   *call =
		crm_history_facts(fcinfo, kind, &history, &facts, &as_of);
	Datum values[4] = {0};
	bool  nulls[4] = {false};

	if (call == NULL)
		PG_RETURN_NULL();
	fill_next(call, &history, as_of, values, nulls);
	crm_history_free(&history);
	PG_RETURN_DATUM(HeapTupleGetDatum(
		heap_form_tuple(crm_model_call_row(fcinfo, call), values, nulls)));
}

CRM_AS_OF_OVERLOADS(history_lifecycle_stage);
CRM_AS_OF_OVERLOADS(history_lifecycle_next);
