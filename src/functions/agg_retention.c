/*
 * agg_retention.c
 *		The retention aggregates: rates, the curves and the table of cohorts.
 *
 * Aggregates over the same arguments share one transition function and with it
 * the state: retention_nth_day, retention_within_days and their _stats.
 */
#include "postgres.h"

#include "utils/date.h"

#include "functions/agg.h"

#include "engine/cohorts.h"
#include "engine/keep.h"
#include "engine/retention.h"
#include "engine/returns.h"

PG_FUNCTION_INFO_V1(crm_retention_curve_final);
PG_FUNCTION_INFO_V1(crm_retention_cohorts_final);
PG_FUNCTION_INFO_V1(crm_return_curve_final);

CRM_AGG_ACCUM(retention, crm_retention_by_days);
CRM_AGG_ACCUM(retention_kinds, crm_retention_by_days_of_kinds);
CRM_AGG_RATE(retention_nth_day, CRM_RETENTION_ON_DAY, CRM_RETENTION_MATURE);
CRM_AGG_RATE(retention_within_days, CRM_RETENTION_WITHIN, CRM_RETENTION_MATURE);

CRM_AGG_ACCUM(retention_between, crm_retention_between);
CRM_AGG_ACCUM(retention_between_kinds, crm_retention_between_of_kinds);
CRM_AGG_ACCUM(retention_from, crm_retention_from);
CRM_AGG_ACCUM(retention_from_kinds, crm_retention_from_of_kinds);
CRM_AGG_RATE(retention_retained, CRM_RETENTION_RETAINED, CRM_RETENTION_MATURE);

CRM_AGG_ACCUM(keep, crm_keep);
CRM_AGG_RATE(keep, CRM_KEEP_KEPT, CRM_KEEP_CUSTOMERS);

CRM_AGG_ACCUM(retention_curve, crm_retention_curve);
CRM_AGG_ACCUM(retention_curve_kinds, crm_retention_curve_of_kinds);
CRM_AGG_ACCUM(retention_cohorts, crm_retention_cohorts);
CRM_AGG_ACCUM(return_curve, crm_return_curve);
CRM_AGG_ACCUM(retention_cohorts_kinds, crm_retention_cohorts_of_events);

/* crmlife.retention_point[]: n, eligible, retained, rate */
Datum
crm_retention_curve_final(PG_FUNCTION_ARGS)
{
	const CrmTotals *totals = crm_agg_totals(
		fcinfo, CRM_OF(&crm_retention_curve, &crm_retention_curve_of_kinds),
		NULL);
	CrmRows *rows;

	if (totals == NULL || totals->count[CRM_CURVE_CUSTOMERS] == 0)
		PG_RETURN_NULL();
	rows = crm_rows_start(fcinfo, totals->cells);
	for (size_t i = 0; i < totals->cells; i++)
	{
		const CrmCell *cell = crm_totals_sorted(totals, i);
		int64		   eligible = cell->count[CRM_CURVE_ELIGIBLE];
		int64		   retained = cell->count[CRM_CURVE_RETAINED];
		Datum values[] = {Int32GetDatum(cell->row), Int64GetDatum(eligible),
						  Int64GetDatum(retained),
						  Float8GetDatum((double) retained / eligible)};
		bool  nulls[] = {false, false, false, eligible == 0};

		crm_rows_add(rows, values, nulls);
	}
	PG_RETURN_DATUM(crm_rows_finish(rows));
}

/* crmlife.cohort_point[]: cohort, period, customers, retained, rate */
Datum
crm_retention_cohorts_final(PG_FUNCTION_ARGS)
{
	const CrmParams *params;
	const CrmTotals *totals = crm_agg_totals(
		fcinfo,
		CRM_OF(&crm_retention_cohorts, &crm_retention_cohorts_of_events),
		&params);
	CrmCohortWalk  walk = {0};
	CrmCohortPoint point;
	CrmRows		  *rows;

	if (totals == NULL || totals->count[CRM_COHORTS_CUSTOMERS] == 0)
		PG_RETURN_NULL();
	rows = crm_rows_start(fcinfo, crm_cohort_points(totals, params));
	while (crm_cohort_next(totals, params, &walk, &point))
	{
		Datum values[] = {
			DateADTGetDatum(point.cohort), Int32GetDatum(point.period),
			Int64GetDatum(point.customers), Int64GetDatum(point.active),
			Float8GetDatum((double) point.active / point.customers)};
		bool nulls[] = {false, false, false, false, !point.over};

		crm_rows_add(rows, values, nulls);
	}
	PG_RETURN_DATUM(crm_rows_finish(rows));
}

/* crmlife.return_point[]: n, eligible, returned, rate */
Datum
crm_return_curve_final(PG_FUNCTION_ARGS)
{
	const CrmTotals *totals =
		crm_agg_totals(fcinfo, CRM_OF(&crm_return_curve), NULL);
	CrmRows *rows;

	if (totals == NULL || totals->count[CRM_RETURNS_CUSTOMERS] == 0)
		PG_RETURN_NULL();
	rows = crm_rows_start(fcinfo, totals->cells);
	for (size_t i = 0; i < totals->cells; i++)
	{
		const CrmCell *cell = crm_totals_sorted(totals, i);
		int64		   eligible = cell->count[CRM_RETURNS_ELIGIBLE];
		int64		   returned = cell->count[CRM_RETURNS_RETURNED];
		Datum values[] = {Int32GetDatum(cell->row), Int64GetDatum(eligible),
						  Int64GetDatum(returned),
						  Float8GetDatum((double) returned / eligible)};
		bool  nulls[] = {false, false, false, eligible == 0};

		/* days that are eligible for no n were counted at 0 */
		if (cell->row > 0)
			crm_rows_add(rows, values, nulls);
	}
	PG_RETURN_DATUM(crm_rows_finish(rows));
}
