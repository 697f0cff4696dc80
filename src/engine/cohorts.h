/*
 * cohorts.h
 *		Retention by cohorts: customers by the calendar period of their first
 *		day, and in which periods after it they were active.
 */
#ifndef CRM_COHORTS_H
#define CRM_COHORTS_H

#include "metric.h"

/* a count, and those of the cells (cohort, period): numbers of periods */
enum
{
	CRM_COHORTS_CUSTOMERS
};
enum
{
	CRM_COHORT_ACTIVE
};

/* option is a CrmUnit; first days in [from, to] */
extern const CrmMetric crm_retention_cohorts;
/* the same where some events start and others return */
extern const CrmMetric crm_retention_cohorts_of_events;

typedef struct CrmCohortPoint
{
	CrmDay	cohort; /* first day of its period */
	int32_t period; /* so many after the cohort's own */
	int64_t customers;
	int64_t active;
	bool	over; /* the whole period lies before as_of */
} CrmCohortPoint;

/* where one is in the table, zero at its start */
typedef struct CrmCohortWalk
{
	size_t	place;
	int32_t row;
	int32_t column;
	int64_t customers;
} CrmCohortWalk;

/* how many points there are: each cohort's up to the period of as_of */
extern int64_t
crm_cohort_points(const CrmTotals *totals, const CrmParams *params);
/* the next one by cohort and period, of sorted totals; false at the end */
extern bool crm_cohort_next(const CrmTotals *totals, const CrmParams *params,
							CrmCohortWalk *walk, CrmCohortPoint *point);

#endif /* CRM_COHORTS_H */
