/*
 * value.h
 *		What customers are worth over time: revenue by cohorts, sales to new and
 *		returning customers, the k-th order; and how their number grows.
 *
 * A row with an amount below 0 is a refund: no order, but part of the revenue.
 * An unknown amount is an order that adds nothing.
 */
#ifndef CRM_VALUE_H
#define CRM_VALUE_H

#include "metric.h"

/* a count of all of them: customers with an order, or with a row */
enum
{
	CRM_VALUE_CUSTOMERS
};

/* counts of the cells (period, 0), for every period up to that of as_of */
enum
{
	CRM_GROWTH_NEW,
	CRM_GROWTH_RETURNING,
	CRM_GROWTH_RESURRECTED,
	CRM_GROWTH_DORMANT
};

extern const CrmMetric crm_growth;
extern const CrmMetric crm_growth_of_events;

/* counts and the one sum, revenue, of the cells of the two below */
enum
{
	CRM_SALES_CUSTOMERS,
	CRM_SALES_ORDERS
};

/* columns of the cells (period, loyalty) */
enum
{
	CRM_SALES_NEW,
	CRM_SALES_RETURNING
};

extern const CrmMetric crm_sales_by_loyalty;

/* cells (cohort, periods since); customers are counted in period 0 */
extern const CrmMetric crm_revenue_cohorts;

/* the cells (k, 0): a count and the sums of the k-th and the order before it */
enum
{
	CRM_INDEX_CUSTOMERS
};
enum
{
	CRM_INDEX_REVENUE,
	CRM_INDEX_PREVIOUS
};

extern const CrmMetric crm_aov_by_order_index;

/* count[CRM_VALUE_CUSTOMERS]: those with an order; the cell (0, 0): all revenue */
extern const CrmMetric crm_arpu;

/* the most periods that growth may have */
#define CRM_MAX_PERIODS 1000000

#endif /* CRM_VALUE_H */
