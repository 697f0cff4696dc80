/*
 * retention.h
 *		Who came back: on day n after the first, and on any of days 1 to n.
 */
#ifndef CRM_RETENTION_H
#define CRM_RETENTION_H

#include "metric.h"

/* the counts in CrmTotals */
enum
{
	CRM_RETENTION_MATURE, /* customers whose day n is over */
	CRM_RETENTION_ON_DAY, /* of these, active on day n */
	CRM_RETENTION_WITHIN  /* of these, active on any of days 1 .. n */
};

/* a hundred years: the largest n */
#define CRM_RETENTION_MAX_N 36525

/* n and as_of are taken from the parameters */
extern const CrmMetric crm_retention_by_days;

#endif /* CRM_RETENTION_H */
