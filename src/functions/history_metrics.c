/*
 * history_metrics.c
 *		The aggregates over histories: one row is one customer.
 *
 *		history --count--> the metric's totals --> rate, curve, table
 *
 * Each has the name of the aggregate over the rows themselves, its metric and
 * its final function, so it gives the same; the customers are grouped already,
 * and all that is kept are the totals (history_state.h).  event ('order',
 * 'visit', 'any') says what counts as being active, return_event what counts
 * as coming back.
 *
 * Invariant: a customer counts only if one of its events is visible as of the
 * day.
 */
#include "postgres.h"

#include "fmgr.h"

#include "compat.h"
#include "engine/cohorts.h"
#include "engine/funnel.h"
#include "engine/interval.h"
#include "engine/keep.h"
#include "engine/repurchase_periods.h"
#include "engine/retention.h"
#include "engine/returns.h"
#include "engine/second.h"
#include "engine/value.h"
#include "functions/agg.h"
#include "functions/agg_part.h"
#include "functions/history.h"
#include "functions/history_state.h"
#include "functions/numeric_money.h"

PG_FUNCTION_INFO_V1(crm_histories_average_order_final);

static CrmHistories *
start(FunctionCallInfo fcinfo, const CrmMetric *metric, const CrmAgg *agg,
	  const CrmHistoryParams *params)
{
	MemoryContext context = crm_aggregate_context(fcinfo);

	if (!PG_ARGISNULL(0))
		return crm_histories_open(fcinfo, 0, context);
	if (agg->params_given)
		crm_agg_check_params(metric, &params->metric);
	return crm_histories_create(metric, params, !agg->params_given, context);
}

/* the group's state, of this metric and these parameters */
static CrmHistories *
state_of(FunctionCallInfo fcinfo, const CrmMetric *metric, const CrmAgg *agg)
{
	CrmHistoryParams params = {.metric = agg->params,
							   .event = (CrmActivity) agg->event[0],
							   .return_event = (CrmActivity) agg->event[1]};
	CrmHistories	*state;

	if (unlikely(PG_ARGISNULL(0) || !VARATT_IS_EXTERNAL_EXPANDED_RW(
										DatumGetPointer(PG_GETARG_DATUM(0)))))
		state = start(fcinfo, metric, agg, &params);
	else
		state = crm_histories_open(fcinfo, 0, CurrentMemoryContext);
	if (unlikely(state->counter.metric != metric))
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("the state is of another aggregate over histories")));
	if (unlikely(state->params_null == agg->params_given ||
				 memcmp(&state->params, &params, sizeof(params)) != 0))
		crm_histories_require(state, &params, !agg->params_given);
	return state;
}

/* amounts live for this row, what the state keeps as long as it does */
static inline void
count_history(CrmHistories *state, const CrmPurchaseView *view)
{
	const CrmPurchaseCounter *counter = &state->counter;
	const CrmHistoryParams	 *params = &state->params;
	bool					  direct = crm_purchase_directly(counter, params);
	MemoryContext			  old;

	if (!direct)
		crm_purchase_events(counter, view, params, &state->events);
	old = MemoryContextSwitchTo(state->header.eoh_context);
	if (direct)
		counter->count(&state->line, &state->totals, view, params);
	else
		crm_purchase_events_count(counter, &state->events, params,
								  &state->totals);
	MemoryContextSwitchTo(old);
}

/*
 * The state of the row before needs no look: whatever is at its place now was
 * made here, of parameters that have not changed since.
 */
static inline CrmHistories *
find_state(FunctionCallInfo fcinfo, const CrmMetric *metric, CrmAgg *agg)
{
	CrmHistories *state;

	if (unlikely(!crm_agg_params_unchanged(fcinfo, agg)))
		crm_agg_read_params(fcinfo, agg, metric);
	if (likely(agg->state != 0 && !PG_ARGISNULL(0) &&
			   agg->state == PG_GETARG_DATUM(0)))
		return agg->state_object;
	state = state_of(fcinfo, metric, agg);
	agg->state = EOHPGetRWDatum(&state->header);
	agg->state_object = state;
	return state;
}

/* without a call where the history lies in its row as it is */
static inline void
open_history(CrmPurchaseView *view, Datum history)
{
	struct varlena *value = (struct varlena *) DatumGetPointer(history);

	if (likely(VARATT_IS_1B(value) && !VARATT_IS_1B_E(value)))
		crm_purchases_open(view, (const uint8_t *) VARDATA_1B(value),
						   VARSIZE_1B(value) - VARHDRSZ_SHORT);
	else
		crm_history_open(view, history);
}

/* (state, h, the metric's parameters) */
static inline Datum
accumulate(FunctionCallInfo fcinfo, const CrmMetric *metric)
{
	CrmAgg		   *agg;
	CrmHistories   *state;
	CrmPurchaseView view;

	if (PG_ARGISNULL(1))
	{
		if (PG_ARGISNULL(0))
			PG_RETURN_NULL();
		PG_RETURN_DATUM(PG_GETARG_DATUM(0));
	}
	agg = crm_agg(fcinfo, metric);
	state = find_state(fcinfo, metric, agg);
	if (agg->params_given)
	{
		open_history(&view, PG_GETARG_DATUM(1));
		count_history(state, &view);
	}
	PG_RETURN_DATUM(EOHPGetRWDatum(&state->header));
}

#define CRM_HISTORIES_ACCUM(name, metric)                \
	PG_FUNCTION_INFO_V1(crm_histories_##name##_accum);   \
	Datum crm_histories_##name##_accum(PG_FUNCTION_ARGS) \
	{                                                    \
		return accumulate(fcinfo, &(metric));            \
	}                                                    \
	extern int no_such_variable

CRM_HISTORIES_ACCUM(retention, crm_retention_by_days);
CRM_HISTORIES_ACCUM(retention_kinds, crm_retention_by_days_of_kinds);
CRM_HISTORIES_ACCUM(retention_between, crm_retention_between);
CRM_HISTORIES_ACCUM(retention_between_kinds, crm_retention_between_of_kinds);
CRM_HISTORIES_ACCUM(retention_from, crm_retention_from);
CRM_HISTORIES_ACCUM(retention_from_kinds, crm_retention_from_of_kinds);
CRM_HISTORIES_ACCUM(retention_curve, crm_retention_curve);
CRM_HISTORIES_ACCUM(retention_curve_kinds, crm_retention_curve_of_kinds);
CRM_HISTORIES_ACCUM(retention_cohorts, crm_retention_cohorts);
CRM_HISTORIES_ACCUM(return_curve, crm_return_curve);
CRM_HISTORIES_ACCUM(keep, crm_keep);
CRM_HISTORIES_ACCUM(second_purchase, crm_second_purchase);
CRM_HISTORIES_ACCUM(time_to_second, crm_time_to_second);
CRM_HISTORIES_ACCUM(repurchase, crm_repurchase_in_range);
CRM_HISTORIES_ACCUM(repurchase_periods, crm_repurchase_periods);
CRM_HISTORIES_ACCUM(repurchase_interval, crm_repurchase_interval);
CRM_HISTORIES_ACCUM(repeat_funnel, crm_repeat_funnel);
CRM_HISTORIES_ACCUM(repeat_funnel_within, crm_repeat_funnel_within);
CRM_HISTORIES_ACCUM(growth, crm_growth);
CRM_HISTORIES_ACCUM(sales_by_loyalty, crm_sales_by_loyalty);
CRM_HISTORIES_ACCUM(revenue_cohorts, crm_revenue_cohorts);
CRM_HISTORIES_ACCUM(aov_by_order_index, crm_aov_by_order_index);
CRM_HISTORIES_ACCUM(revenue, crm_revenue);

/* revenue of all rows / orders; over rows this needs no customers */
Datum
crm_histories_average_order_final(PG_FUNCTION_ARGS)
{
	const CrmTotals *totals =
		crm_agg_totals(fcinfo, CRM_OF(&crm_revenue), NULL);
	CrmCell *cell;

	if (totals == NULL || totals->count[CRM_REVENUE_ORDERS] == 0 ||
		(cell = crm_totals_find(totals, 0, 0)) == NULL)
		PG_RETURN_NULL();
	PG_RETURN_NUMERIC(crm_numeric_from_money(crm_money_div(
		*crm_cell_sum(totals, cell),
		crm_money_from_int64(totals->count[CRM_REVENUE_ORDERS]))));
}
