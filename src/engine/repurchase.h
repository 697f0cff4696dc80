/*
 * repurchase.h
 *		Who bought again: customers with two or more orders, or with orders on
 *		two or more days.
 */
#ifndef CRM_REPURCHASE_H
#define CRM_REPURCHASE_H

#include "metric.h"

/* the counts in CrmTotals, of both metrics */
enum
{
	CRM_REPURCHASE_CUSTOMERS,
	CRM_REPURCHASE_REPEATED
};

/* every row is an order; the day is not looked at */
extern const CrmMetric crm_repurchase_by_orders;
/* all orders of a day are one */
extern const CrmMetric crm_repurchase_by_days;

#endif /* CRM_REPURCHASE_H */
