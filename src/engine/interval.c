/*
 * interval.c
 *		Pooled gaps between days with orders.
 */
#include "engine/interval.h"

static void
interval_walk(const CrmLogEvent *event, size_t count, const CrmParams *params,
			  CrmTotals *totals)
{
	(void) params;
	for (size_t i = 1; i < count; i++)
	{
		int32_t gap = event[i].day - event[i - 1].day;

		totals->count[CRM_INTERVAL_GAPS]++;
		totals->count[CRM_INTERVAL_DAYS] += gap;
		crm_totals_cell(totals, gap, 0)->count[0]++;
	}
}

const CrmMetric crm_repurchase_interval = {
	.name = "repurchase interval",
	.code = 15,
	.cell_counts = 1,
	.walk = interval_walk,
};

/* the gap of that place in the order of all, from 0 */
static int32_t
gap_at(const CrmTotals *totals, int64_t place)
{
	size_t i = 0;

	while (i + 1 < totals->cells &&
		   place >= crm_totals_sorted(totals, i)->count[0])
		place -= crm_totals_sorted(totals, i++)->count[0];
	return crm_totals_sorted(totals, i)->row;
}

double
crm_interval_median(const CrmTotals *totals)
{
	int64_t gaps = totals->count[CRM_INTERVAL_GAPS];

	return ((double) gap_at(totals, (gaps - 1) / 2) +
			(double) gap_at(totals, gaps / 2)) /
		   2;
}
