/*
 * metric.c
 *		The list of all metrics.
 *
 * Invariant: a code stands in it once.
 */
#include "engine/cohorts.h"
#include "engine/funnel.h"
#include "engine/interval.h"
#include "engine/keep.h"
#include "engine/metric.h"
#include "engine/purchase_count.h"
#include "engine/repurchase.h"
#include "engine/repurchase_periods.h"
#include "engine/retention.h"
#include "engine/returns.h"
#include "engine/second.h"
#include "engine/value.h"

static const CrmMetric *const metrics[] = {
	&crm_repurchase_by_orders,
	&crm_repurchase_by_days,
	&crm_retention_by_days,
	&crm_retention_between,
	&crm_retention_curve,
	&crm_retention_from,
	&crm_retention_by_days_of_kinds,
	&crm_retention_between_of_kinds,
	&crm_retention_from_of_kinds,
	&crm_retention_curve_of_kinds,
	&crm_keep,
	&crm_second_purchase,
	&crm_time_to_second,
	&crm_retention_cohorts,
	&crm_repurchase_interval,
	&crm_repeat_funnel,
	&crm_repeat_funnel_within,
	&crm_growth,
	&crm_sales_by_loyalty,
	&crm_revenue_cohorts,
	&crm_aov_by_order_index,
	&crm_arpu,
	&crm_return_curve,
	&crm_retention_cohorts_of_events,
	&crm_growth_of_events,
	&crm_repurchase_periods,
	&crm_repurchase_periods_of_rows,
	&crm_repurchase_in_range,
	&crm_revenue,
};

const CrmMetric *
crm_metric_by_code(int code)
{
	for (size_t i = 0; i < sizeof(metrics) / sizeof(metrics[0]); i++)
	{
		if (metrics[i]->code == code)
			return metrics[i];
	}
	return NULL;
}
