/*
 * interval.h
 *		The repurchase interval: days between one day with orders and the next,
 *		all customers' gaps together.
 */
#ifndef CRM_INTERVAL_H
#define CRM_INTERVAL_H

#include "metric.h"

/* the counts in CrmTotals; a cell (gap, 0) counts the gaps of so many days */
enum
{
	CRM_INTERVAL_GAPS,
	CRM_INTERVAL_DAYS /* sum of all gaps */
};

extern const CrmMetric crm_repurchase_interval;

/* the mean of the middle gap or of the two; there is one, totals are sorted */
extern double crm_interval_median(const CrmTotals *totals);

#endif /* CRM_INTERVAL_H */
