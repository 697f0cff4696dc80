/*
 * repurchase_periods.h
 *		The repurchase rate of each period: customers with two or more orders in
 *		it / customers with an order in it.
 */
#ifndef CRM_REPURCHASE_PERIODS_H
#define CRM_REPURCHASE_PERIODS_H

#include "metric.h"

/* counts of the cells (period, 0), for each period with an order */
enum
{
	CRM_REPURCHASE_PERIOD_CUSTOMERS,
	CRM_REPURCHASE_PERIOD_REPEATED
};

/* every row is an order; option is a CrmUnit */
extern const CrmMetric crm_repurchase_periods;
extern const CrmMetric crm_repurchase_periods_of_rows;

#endif /* CRM_REPURCHASE_PERIODS_H */
