/*
 * agg_repurchase.c
 *		repurchase_rate and repurchase_stats over rows, over orders with
 *		amounts, and over days.
 */
#include "postgres.h"

#include "functions/agg.h"
#include "functions/numeric_money.h"

#include "engine/repurchase.h"

PG_FUNCTION_INFO_V1(crm_repurchase_rows_accum);
PG_FUNCTION_INFO_V1(crm_repurchase_orders_accum);
PG_FUNCTION_INFO_V1(crm_repurchase_days_accum);

CRM_AGG_RATE(repurchase, CRM_REPURCHASE_REPEATED, CRM_REPURCHASE_CUSTOMERS);

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
	day = crm_day_from_datum(PG_GETARG_DATUM(2), agg->at_kind);
	customers = state_of(fcinfo, agg, &crm_repurchase_by_days);
	crm_agg_add(fcinfo, agg, customers, day);
	PG_RETURN_POINTER(customers);
}
