/*
 * keep.h
 *		The keep rate: of the customers of one day, who bought again by n days
 *		later.
 */
#ifndef CRM_KEEP_H
#define CRM_KEEP_H

#include "metric.h"

/* the counts in CrmTotals */
enum
{
	CRM_KEEP_CUSTOMERS, /* with an order on or before the base date */
	CRM_KEEP_KEPT		/* of these, with another on days 1 .. n after it */
};

/*
 * from is the base date, m the number of days up to it in which the customers'
 * orders are looked for.
 */
extern const CrmMetric crm_keep;

#endif /* CRM_KEEP_H */
