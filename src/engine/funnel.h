/*
 * funnel.h
 *		The repeat funnel: of the customers with a k-th order, how many made
 *		another.
 */
#ifndef CRM_FUNNEL_H
#define CRM_FUNNEL_H

#include "metric.h"

#define CRM_FUNNEL_MAX_K 10000
#define CRM_FUNNEL_DEFAULT_K 10

/* a count, and those of the cells (k, 0) for k = 1 .. max_k */
enum
{
	CRM_FUNNEL_CUSTOMERS
};
enum
{
	CRM_FUNNEL_REACHED,
	CRM_FUNNEL_CONVERTED
};

/* every row is an order; n is the largest k */
extern const CrmMetric crm_repeat_funnel;
/*
 * Days with orders; the next one within m days, of the customers whose m days
 * are over.
 */
extern const CrmMetric crm_repeat_funnel_within;

/* the step with the lowest rate, the first of them; 0 if no step has a rate */
extern int32_t crm_funnel_largest_gap(const CrmTotals *totals);

#endif /* CRM_FUNNEL_H */
