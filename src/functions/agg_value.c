/*
 * agg_value.c
 *		Revenue by cohorts, by loyalty and by order, and growth accounting.
 */
#include "postgres.h"

#include "utils/builtins.h"
#include "utils/date.h"

#include "functions/agg.h"
#include "functions/numeric_money.h"

#include "engine/purchase_count.h"
#include "engine/value.h"

PG_FUNCTION_INFO_V1(crm_arpu_final);
PG_FUNCTION_INFO_V1(crm_growth_final);
PG_FUNCTION_INFO_V1(crm_sales_by_loyalty_final);
PG_FUNCTION_INFO_V1(crm_revenue_cohorts_final);
PG_FUNCTION_INFO_V1(crm_aov_by_order_index_final);

CRM_AGG_ACCUM(growth, crm_growth);
CRM_AGG_ACCUM(arpu, crm_arpu);
CRM_AGG_ACCUM(sales_by_loyalty, crm_sales_by_loyalty);
CRM_AGG_ACCUM(revenue_cohorts, crm_revenue_cohorts);
CRM_AGG_ACCUM(aov_by_order_index, crm_aov_by_order_index);

static Datum
money_datum(CrmMoney money)
{
	return NumericGetDatum(crm_numeric_from_money(money));
}

static Datum
mean_datum(CrmMoney sum, int64 count)
{
	return money_datum(crm_money_div(sum, crm_money_from_int64(count)));
}

/* crmlife.growth_point[] */
Datum
crm_growth_final(PG_FUNCTION_ARGS)
{
	const CrmParams *params = NULL;
	const CrmTotals *totals =
		crm_agg_totals(fcinfo, CRM_OF(&crm_growth), &params);
	CrmUnit	 unit;
	int32	 now;
	CrmRows *rows;

	if (totals == NULL || totals->count[CRM_VALUE_CUSTOMERS] == 0)
		PG_RETURN_NULL();
	unit = (CrmUnit) params->option;
	now = crm_period_index(params->as_of, unit);
	rows = crm_rows_start(fcinfo, totals->cells);
	for (size_t i = 0; i < totals->cells; i++)
	{
		const CrmCell *cell = crm_totals_sorted(totals, i);
		bool		   open = cell->row >= now;
		Datum		   values[] = {
					 DateADTGetDatum(crm_period_from_index(cell->row, unit)),
					 Int64GetDatum(cell->count[CRM_GROWTH_NEW]),
					 Int64GetDatum(cell->count[CRM_GROWTH_RETURNING]),
					 Int64GetDatum(cell->count[CRM_GROWTH_RESURRECTED]),
					 Int64GetDatum(cell->count[CRM_GROWTH_DORMANT])};
		bool nulls[] = {false, open, open, open, open};

		crm_rows_add(rows, values, nulls);
	}
	PG_RETURN_DATUM(crm_rows_finish(rows));
}

/* crmlife.loyalty_point[] */
Datum
crm_sales_by_loyalty_final(PG_FUNCTION_ARGS)
{
	const CrmParams *params = NULL;
	const CrmTotals *totals =
		crm_agg_totals(fcinfo, CRM_OF(&crm_sales_by_loyalty), &params);
	CrmRows *rows;

	if (totals == NULL || totals->cells == 0)
		PG_RETURN_NULL();
	rows = crm_rows_start(fcinfo, totals->cells);
	for (size_t i = 0; i < totals->cells; i++)
	{
		CrmCell *cell = crm_totals_sorted(totals, i);
		CrmMoney revenue = *crm_cell_sum(totals, cell);
		int64	 orders = cell->count[CRM_SALES_ORDERS];
		bool	 nulls[] = {false, false, false, false, false, orders == 0};
		Datum	 values[6];

		values[0] = DateADTGetDatum(
			crm_period_from_index(cell->row, (CrmUnit) params->option));
		values[1] = CStringGetTextDatum(
			cell->column == CRM_SALES_NEW ? "new" : "returning");
		values[2] = Int64GetDatum(cell->count[CRM_SALES_CUSTOMERS]);
		values[3] = Int64GetDatum(orders);
		values[4] = money_datum(revenue);
		values[5] = orders == 0 ? (Datum) 0 : mean_datum(revenue, orders);
		crm_rows_add(rows, values, nulls);
	}
	PG_RETURN_DATUM(crm_rows_finish(rows));
}

/* one cohort's row of cells up to the period of as_of */
static void
add_cohort(CrmRows *rows, const CrmTotals *totals, CrmCell *cohort,
		   const CrmParams *params)
{
	CrmUnit	 unit = (CrmUnit) params->option;
	int32	 now = crm_period_index(params->as_of, unit);
	int64	 customers = cohort->count[CRM_SALES_CUSTOMERS];
	CrmMoney all = crm_money_from_int64(0);

	for (int32 period = 0; cohort->row + period <= now; period++)
	{
		CrmCell *cell = crm_totals_find(totals, cohort->row, period);
		CrmMoney revenue =
			cell ? *crm_cell_sum(totals, cell) : crm_money_from_int64(0);
		bool  open = cohort->row + period == now;
		bool  nulls[] = {false, false, false, open, open, open};
		Datum values[6];

		all = crm_money_add(all, revenue);
		values[0] = DateADTGetDatum(crm_period_from_index(cohort->row, unit));
		values[1] = Int32GetDatum(period);
		values[2] = Int64GetDatum(customers);
		values[3] = Int64GetDatum(cell ? cell->count[CRM_SALES_ORDERS] : 0);
		values[4] = money_datum(revenue);
		values[5] = mean_datum(all, customers);
		crm_rows_add(rows, values, nulls);
	}
}

/* crmlife.revenue_point[] */
Datum
crm_revenue_cohorts_final(PG_FUNCTION_ARGS)
{
	const CrmParams *params = NULL;
	const CrmTotals *totals =
		crm_agg_totals(fcinfo, CRM_OF(&crm_revenue_cohorts), &params);
	int64	 points = 0;
	int32	 now;
	CrmRows *rows;

	if (totals == NULL || totals->cells == 0)
		PG_RETURN_NULL();
	now = crm_period_index(params->as_of, (CrmUnit) params->option);
	for (size_t i = 0; i < totals->cells; i++)
	{
		if (crm_totals_sorted(totals, i)->column == 0)
			points += (int64) now - crm_totals_sorted(totals, i)->row + 1;
	}
	rows = crm_rows_start(fcinfo, points);
	for (size_t i = 0; i < totals->cells; i++)
	{
		if (crm_totals_sorted(totals, i)->column == 0)
			add_cohort(rows, totals, crm_totals_sorted(totals, i), params);
	}
	PG_RETURN_DATUM(crm_rows_finish(rows));
}

/* crmlife.order_index_point[] */
Datum
crm_aov_by_order_index_final(PG_FUNCTION_ARGS)
{
	const CrmTotals *totals =
		crm_agg_totals(fcinfo, CRM_OF(&crm_aov_by_order_index), NULL);
	CrmRows *rows;

	if (totals == NULL || totals->cells == 0)
		PG_RETURN_NULL();
	rows = crm_rows_start(fcinfo, totals->cells);
	for (size_t i = 0; i < totals->cells; i++)
	{
		CrmCell		   *cell = crm_totals_sorted(totals, i);
		const CrmMoney *sum = crm_cell_sum(totals, cell);
		int64			customers = cell->count[CRM_INDEX_CUSTOMERS];
		bool			nulls[] = {false, false, false, cell->row == 1};
		Datum			values[4];

		values[0] = Int32GetDatum(cell->row);
		values[1] = Int64GetDatum(customers);
		values[2] = mean_datum(sum[CRM_INDEX_REVENUE], customers);
		values[3] = mean_datum(sum[CRM_INDEX_PREVIOUS], customers);
		crm_rows_add(rows, values, nulls);
	}
	PG_RETURN_DATUM(crm_rows_finish(rows));
}

/* revenue of all rows / customers with an order */
Datum
crm_arpu_final(PG_FUNCTION_ARGS)
{
	const CrmTotals *totals =
		crm_agg_totals(fcinfo, CRM_OF(&crm_arpu, &crm_revenue), NULL);

	if (totals == NULL || totals->count[CRM_VALUE_CUSTOMERS] == 0 ||
		totals->cells == 0)
		PG_RETURN_NULL();
	PG_RETURN_DATUM(
		mean_datum(*crm_cell_sum(totals, crm_totals_sorted(totals, 0)),
				   totals->count[CRM_VALUE_CUSTOMERS]));
}
