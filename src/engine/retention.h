/*
 * retention.h
 *		Who came back: on day n after the first, on any of days 1 to n, on any
 *		of some days, on day n or later, and the curve over all n.
 */
#ifndef CRM_RETENTION_H
#define CRM_RETENTION_H

#include "metric.h"

/* the counts in CrmTotals */
enum
{
	CRM_RETENTION_MATURE,  /* customers whose day n is over */
	CRM_RETENTION_ON_DAY,  /* of these, active on day n */
	CRM_RETENTION_WITHIN,  /* of these, active on any of days 1 .. n */
	CRM_RETENTION_RETAINED /* of these, active on the days asked for */
};

/* of the curve: a count, and those of the cells (n, 0) */
enum
{
	CRM_CURVE_CUSTOMERS
};
enum
{
	CRM_CURVE_ELIGIBLE, /* customers whose day n is over */
	CRM_CURVE_RETAINED
};

/* a hundred years: the largest n */
#define CRM_RETENTION_MAX_N CRM_DAYS_MOST
#define CRM_RETENTION_WHAT_N "Day 0 is the day of the customer's first event."

/* n and as_of are taken from the parameters */
extern const CrmMetric crm_retention_by_days;
/* days m to n */
extern const CrmMetric crm_retention_between;
/* day n or later */
extern const CrmMetric crm_retention_from;
/* all days 0 to n, of customers whose first day lies in [from, to] */
extern const CrmMetric crm_retention_curve;
extern void
crm_retention_curve_close(const CrmParams *params, CrmTotals *totals);

/* the same four where some events start and others return */
extern const CrmMetric crm_retention_by_days_of_kinds;
extern const CrmMetric crm_retention_between_of_kinds;
extern const CrmMetric crm_retention_from_of_kinds;
extern const CrmMetric crm_retention_curve_of_kinds;

#endif /* CRM_RETENTION_H */
