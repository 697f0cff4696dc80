/*
 * agg_retention.c
 *		retention_nth_day and retention_within_days, with their _stats.
 *
 * (state, customer, at, n [, as_of]): the four of them share one transition
 * function, and with it the state where n and as_of are the same.
 */
#include "postgres.h"

#include "functions/agg.h"

#include "engine/retention.h"

PG_FUNCTION_INFO_V1(crm_retention_accum);

CRM_AGG_RATE(retention_nth_day, CRM_RETENTION_ON_DAY, CRM_RETENTION_MATURE);
CRM_AGG_RATE(retention_within_days, CRM_RETENTION_WITHIN, CRM_RETENTION_MATURE);

static void
check_n(int32 n)
{
	if (n < 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("n must not be negative"),
				 errdetail("The value is %d.", n),
				 errhint("Day 0 is the day of the customer's first event.")));
	if (n > CRM_RETENTION_MAX_N)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("n must not be greater than %d", CRM_RETENTION_MAX_N),
				 errdetail("The value is %d.", n), errhint("n counts days.")));
}

static inline CrmDay
as_of_day(CrmAgg *agg, Datum as_of)
{
	if (likely(agg->as_of_known && agg->as_of == as_of))
		return agg->as_of_day;
	agg->as_of_day = crm_day_from_datum(as_of, agg->as_of_kind);
	agg->as_of = as_of;
	agg->as_of_known = true;
	return agg->as_of_day;
}

/* false if one of them is NULL */
static inline bool
read_params(FunctionCallInfo fcinfo, CrmAgg *agg, CrmParams *params)
{
	if (PG_ARGISNULL(3) || (agg->has_as_of && PG_ARGISNULL(4)))
		return false;
	params->n = PG_GETARG_INT32(3);
	if (agg->has_as_of)
		params->as_of = as_of_day(agg, PG_GETARG_DATUM(4));
	else if (likely(agg->as_of_known))
		params->as_of = agg->as_of_day;
	else
	{
		params->as_of = agg->as_of_day = crm_today();
		agg->as_of_known = true;
	}
	return true;
}

Datum
crm_retention_accum(PG_FUNCTION_ARGS)
{
	CrmAgg		 *agg = crm_agg(fcinfo);
	CrmCustomers *customers =
		PG_ARGISNULL(0) ? NULL : (CrmCustomers *) PG_GETARG_POINTER(0);
	CrmParams params = {0, 0};
	CrmDay	  day;
	bool	  given;

	if (PG_ARGISNULL(1) || PG_ARGISNULL(2))
	{
		if (customers == NULL)
			PG_RETURN_NULL();
		PG_RETURN_POINTER(customers);
	}
	day = crm_day_from_datum(PG_GETARG_DATUM(2), agg->at_kind);
	given = read_params(fcinfo, agg, &params);
	if (unlikely(customers == NULL))
	{
		if (given)
			check_n(params.n);
		customers =
			crm_agg_start(fcinfo, agg, &crm_retention_by_days, &params, !given);
	}
	else if (unlikely(customers->params_null || !given ||
					  customers->params.n != params.n ||
					  customers->params.as_of != params.as_of))
		crm_agg_compare_params(customers, &params, !given);
	if (given && day <= params.as_of)
		crm_agg_add(fcinfo, agg, customers, day);
	PG_RETURN_POINTER(customers);
}
