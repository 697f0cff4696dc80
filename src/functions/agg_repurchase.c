/*
 * agg_repurchase.c
 *		repurchase_rate and repurchase_stats over rows, over orders with
 *		amounts, and over days; repurchase_periods.
 */
#include "postgres.h"

#include "utils/date.h"

#include "functions/agg.h"
#include "functions/numeric_money.h"

#include "engine/repurchase.h"
#include "engine/repurchase_periods.h"

PG_FUNCTION_INFO_V1(crm_repurchase_rows_accum);
PG_FUNCTION_INFO_V1(crm_repurchase_orders_accum);
PG_FUNCTION_INFO_V1(crm_repurchase_days_accum);
PG_FUNCTION_INFO_V1(crm_repurchase_periods_final);

CRM_AGG_RATE(repurchase, CRM_REPURCHASE_REPEATED, CRM_REPURCHASE_CUSTOMERS);
CRM_AGG_ACCUM(repurchase_periods, crm_repurchase_periods);

static const CrmParams no_params = {.n = 0};

static inline CrmCustomers *
state_of(FunctionCallInfo fcinfo, CrmAgg *agg, const CrmMetric *metric)
{
	if (likely(!PG_ARGISNULL(0)))
		return (CrmCustomers *) PG_GETARG_POINTER(0);
	return crm_agg_start(fcinfo, agg, metric, &no_params, false);
}

static inline Datum
same_state(FunctionCallInfo fcinfo)
{
	if (PG_ARGISNULL(0))
		PG_RETURN_NULL();
	PG_RETURN_DATUM(PG_GETARG_DATUM(0));
}

/* (state, customer) */
Datum
crm_repurchase_rows_accum(PG_FUNCTION_ARGS)
{
	CrmAgg		 *agg = crm_agg(fcinfo, NULL);
	CrmCustomers *customers;

	if (PG_ARGISNULL(1))
		return same_state(fcinfo);
	customers = state_of(fcinfo, agg, &crm_repurchase_by_orders);
	crm_agg_add(fcinfo, agg, customers, 0);
	PG_RETURN_POINTER(customers);
}

/* (state, customer, amount): a refund is no order, an unknown amount is one */
Datum
crm_repurchase_orders_accum(PG_FUNCTION_ARGS)
{
	CrmAgg		 *agg = crm_agg(fcinfo, NULL);
	CrmCustomers *customers;

	if (PG_ARGISNULL(1) ||
		(!PG_ARGISNULL(2) && crm_numeric_datum_sign(PG_GETARG_DATUM(2)) < 0))
		return same_state(fcinfo);
	customers = state_of(fcinfo, agg, &crm_repurchase_by_orders);
	crm_agg_add(fcinfo, agg, customers, 0);
	PG_RETURN_POINTER(customers);
}

/* (state, customer, at) */
Datum
crm_repurchase_days_accum(PG_FUNCTION_ARGS)
{
	CrmAgg		 *agg = crm_agg(fcinfo, NULL);
	CrmCustomers *customers;
	CrmDay		  day;

	if (PG_ARGISNULL(1) || PG_ARGISNULL(2))
		return same_state(fcinfo);
	day = crm_day_cached(&agg->at_day, PG_GETARG_DATUM(2), agg->at_kind);
	customers = state_of(fcinfo, agg, &crm_repurchase_by_days);
	crm_agg_add(fcinfo, agg, customers, day);
	PG_RETURN_POINTER(customers);
}

/* crmlife.repurchase_point[]: period, customers, repeated, rate */
Datum
crm_repurchase_periods_final(PG_FUNCTION_ARGS)
{
	const CrmParams *params = NULL;
	const CrmTotals *totals =
		crm_agg_totals(fcinfo, CRM_OF(&crm_repurchase_periods), &params);
	CrmUnit	 unit;
	int32	 now;
	CrmRows *rows;

	if (totals == NULL || totals->cells == 0)
		PG_RETURN_NULL();
	unit = (CrmUnit) params->option;
	now = crm_period_index(params->as_of, unit);
	rows = crm_rows_start(fcinfo, totals->cells);
	for (size_t i = 0; i < totals->cells; i++)
	{
		const CrmCell *cell = crm_totals_sorted(totals, i);
		int64		   customers = cell->count[CRM_REPURCHASE_PERIOD_CUSTOMERS];
		int64		   repeated = cell->count[CRM_REPURCHASE_PERIOD_REPEATED];
		Datum		   values[] = {
					 DateADTGetDatum(crm_period_from_index(cell->row, unit)),
					 Int64GetDatum(customers), Int64GetDatum(repeated),
					 Float8GetDatum((double) repeated / customers)};
		bool nulls[] = {false, false, false, cell->row >= now};

		crm_rows_add(rows, values, nulls);
	}
	PG_RETURN_DATUM(crm_rows_finish(rows));
}
