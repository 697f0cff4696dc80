/*
 * agg_second.c
 *		From one purchase to the next: the second purchase, the time to it, the
 *		repurchase interval, the repeat funnel.
 */
#include "postgres.h"

#include "functions/agg.h"

#include "engine/funnel.h"
#include "engine/interval.h"
#include "engine/second.h"

PG_FUNCTION_INFO_V1(crm_time_to_second_final);
PG_FUNCTION_INFO_V1(crm_repurchase_interval_final);
PG_FUNCTION_INFO_V1(crm_repurchase_interval_median_final);
PG_FUNCTION_INFO_V1(crm_repeat_funnel_final);

CRM_AGG_ACCUM(second_purchase, crm_second_purchase);
CRM_AGG_RATE(second_purchase, CRM_SECOND_AGAIN, CRM_SECOND_CUSTOMERS);
CRM_AGG_ACCUM(time_to_second, crm_time_to_second);
CRM_AGG_ACCUM(repurchase_interval, crm_repurchase_interval);
CRM_AGG_ACCUM(repeat_funnel, crm_repeat_funnel);
CRM_AGG_ACCUM(repeat_funnel_within, crm_repeat_funnel_within);

/*
 * crmlife.survival_point[]: day, at_risk, purchased, censored, survival,
 * std_error, lower, upper
 */
Datum
crm_time_to_second_final(PG_FUNCTION_ARGS)
{
	const CrmTotals *totals =
		crm_agg_totals(fcinfo, CRM_OF(&crm_time_to_second), NULL);
	CrmSurvival point;
	CrmRows	   *rows;

	if (totals == NULL || totals->cells == 0)
		PG_RETURN_NULL();
	rows = crm_rows_start(fcinfo, totals->cells);
	crm_survival_start(&point, totals->count[CRM_SECOND_OBSERVED]);
	for (size_t i = 0; i < totals->cells; i++)
	{
		const CrmCell *cell = crm_totals_sorted(totals, i);
		Datum		   values[8];
		bool		   nulls[8] = {false};

		crm_survival_next(&point, cell->row, cell->count[CRM_SECOND_BOUGHT],
						  cell->count[CRM_SECOND_OPEN]);
		values[0] = Int32GetDatum(point.day);
		values[1] = Int64GetDatum(point.at_risk);
		values[2] = Int64GetDatum(point.events);
		values[3] = Int64GetDatum(point.censored);
		values[4] = Float8GetDatum(point.survival);
		values[5] = Float8GetDatum(point.std_error);
		values[6] = Float8GetDatum(point.lower);
		values[7] = Float8GetDatum(point.upper);
		nulls[5] = nulls[6] = nulls[7] = !point.bounded;
		crm_rows_add(rows, values, nulls);
	}
	PG_RETURN_DATUM(crm_rows_finish(rows));
}

/* mean of all gaps in days */
Datum
crm_repurchase_interval_final(PG_FUNCTION_ARGS)
{
	const CrmTotals *totals =
		crm_agg_totals(fcinfo, CRM_OF(&crm_repurchase_interval), NULL);

	if (totals == NULL || totals->count[CRM_INTERVAL_GAPS] == 0)
		PG_RETURN_NULL();
	PG_RETURN_FLOAT8((double) totals->count[CRM_INTERVAL_DAYS] /
					 totals->count[CRM_INTERVAL_GAPS]);
}

Datum
crm_repurchase_interval_median_final(PG_FUNCTION_ARGS)
{
	const CrmTotals *totals =
		crm_agg_totals(fcinfo, CRM_OF(&crm_repurchase_interval), NULL);

	if (totals == NULL || totals->count[CRM_INTERVAL_GAPS] == 0 ||
		totals->cells == 0)
		PG_RETURN_NULL();
	PG_RETURN_FLOAT8(crm_interval_median(totals));
}

/* crmlife.funnel_step[]: k, reached, converted, rate, is_largest_gap */
Datum
crm_repeat_funnel_final(PG_FUNCTION_ARGS)
{
	const CrmTotals *totals = crm_agg_totals(
		fcinfo, CRM_OF(&crm_repeat_funnel, &crm_repeat_funnel_within), NULL);
	int32	 gap;
	CrmRows *rows;

	if (totals == NULL || totals->count[CRM_FUNNEL_CUSTOMERS] == 0)
		PG_RETURN_NULL();
	gap = crm_funnel_largest_gap(totals);
	rows = crm_rows_start(fcinfo, totals->cells);
	for (size_t i = 0; i < totals->cells; i++)
	{
		const CrmCell *cell = crm_totals_sorted(totals, i);
		int64		   reached = cell->count[CRM_FUNNEL_REACHED];
		int64		   converted = cell->count[CRM_FUNNEL_CONVERTED];
		Datum values[] = {Int32GetDatum(cell->row), Int64GetDatum(reached),
						  Int64GetDatum(converted),
						  Float8GetDatum((double) converted / reached),
						  BoolGetDatum(cell->row == gap)};
		bool  nulls[] = {false, false, false, reached == 0, false};

		crm_rows_add(rows, values, nulls);
	}
	PG_RETURN_DATUM(crm_rows_finish(rows));
}
