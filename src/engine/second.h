/*
 * second.h
 *		The second purchase: whether it came within so many days of the first,
 *		and how long it took.
 *
 * Orders of one day are one purchase.
 */
#ifndef CRM_SECOND_H
#define CRM_SECOND_H

#include "metric.h"

/* the counts in CrmTotals, of the rate */
enum
{
	CRM_SECOND_CUSTOMERS,
	CRM_SECOND_AGAIN
};

/* of the time: a count, and those of the cells (days since the first, 0) */
enum
{
	CRM_SECOND_OBSERVED
};
enum
{
	CRM_SECOND_BOUGHT,
	CRM_SECOND_OPEN
};

/* option is a CrmMethod */
extern const CrmMetric crm_second_purchase;
extern const CrmMetric crm_time_to_second;

/* one point of a Kaplan-Meier curve: a day on which somebody bought or left */
typedef struct CrmSurvival
{
	int32_t day;
	int64_t at_risk;
	int64_t events;
	int64_t censored;
	double	survival;
	bool	bounded; /* the rest is defined: survival is not 0 */
	double	std_error;
	double	lower;
	double	upper;
	double	greenwood; /* sum of d / (n * (n - d)) so far */
} CrmSurvival;

/* before the first: at_risk is the number of all, survival 1, greenwood 0 */
extern void crm_survival_start(CrmSurvival *point, int64_t observed);
extern void crm_survival_next(CrmSurvival *point, int32_t day, int64_t events,
							  int64_t censored);

#endif /* CRM_SECOND_H */
