/*
 * daily.h
 *		Customers by stage at the end of each of many days.
 *
 * Counted are the moves, each on its day.  What is known is how many customers
 * are in each stage in the end; the days before follow from it, backwards:
 *
 *		day        first  ...   last - 1    last
 *		count       c0           c1          known
 *		moves             ...         m(last)
 *		                        c1 = known - m(last)
 *
 * So who does not move need not be looked at.
 */
#ifndef CRM_DAILY_H
#define CRM_DAILY_H

#include "history.h"

typedef struct CrmDaily
{
	CrmDay	 first;
	CrmDay	 last;
	int		 stages;
	int64_t *moved; /* [last - first + 1][stages]: came less went */
} CrmDaily;

/* one customer's way through the stages */
typedef struct CrmDailyWalk
{
	CrmDaily *daily; /* NULL: nothing is counted */
	CrmDay	  known_since;
	int		  stage; /* before */
} CrmDailyWalk;

extern void crm_daily_init(CrmDaily *daily, CrmDay first, CrmDay last,
						   const CrmModel *model);
extern void crm_daily_free(CrmDaily *daily);

/*
 * Nobody is in a stage before known_since (CRM_ALWAYS: ever).  The model has
 * the stages of the one given at the beginning; its thresholds may be others.
 */
extern void crm_daily_add(CrmDaily *daily, const CrmHistory *history,
						  CrmDay known_since, const CrmModel *model);

/*
 * From the counts of one day to those of the day before, in place; the first
 * that is given are those of `last`.
 */
extern void crm_daily_back(const CrmDaily *daily, CrmDay day, int64_t *count);

/* the same for who walks over the stages for other ends */
static inline void
crm_daily_start(CrmDailyWalk *walk, CrmDaily *daily, CrmDay known_since)
{
	walk->daily = daily;
	walk->known_since = known_since;
	walk->stage = CRM_ABSENT;
}

/* the stage of the days first..last, which follow those given before */
extern void
crm_daily_take(CrmDailyWalk *walk, int stage, CrmDay first, CrmDay last);

#endif /* CRM_DAILY_H */
