/*
 * metric.c
 *		The list of all metrics.
 *
 * Invariant: a code stands in it once.
 */
#include "engine/metric.h"
#include "engine/repurchase.h"
#include "engine/retention.h"

static const CrmMetric *const metrics[] = {
	&crm_repurchase_by_orders,
	&crm_repurchase_by_days,
	&crm_retention_by_days,
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
