/*
 * history_totals.h
 *		The state of the aggregates over histories: counts, in a bigint[].
 *
 * A real type, so that engines that distribute queries can send partial
 * states between machines:
 *
 *		metric | a parameter is NULL | from | to | as_of | option | counts ...
 *
 * Counts are added up, whatever they count, so combining two states is adding
 * them element by element; where one has more counts than the other, the other
 * one's are zero.
 *
 * Invariant: the parameters are those of all rows of the group.
 */
#ifndef CRM_HISTORY_TOTALS_H
#define CRM_HISTORY_TOTALS_H

#include "postgres.h"

#include "fmgr.h"
#include "utils/array.h"

/* part of the states: never renumbered */
typedef enum CrmTotalsMetric
{
	CRM_TOTALS_RETAINED = 1,
	CRM_TOTALS_CURVE = 2,
	CRM_TOTALS_COHORTS = 3,
	CRM_TOTALS_REPURCHASE = 4,
	CRM_TOTALS_FUNNEL = 5,
	CRM_TOTALS_FUNNEL_WITHIN = 6,
	CRM_TOTALS_INTERVAL = 7,
	CRM_TOTALS_RETURNS = 8
} CrmTotalsMetric;

/* what a group is told besides its rows */
typedef struct CrmTotalsParams
{
	CrmTotalsMetric metric;
	bool			null; /* one of them is NULL: so is the result */
	int32			from;
	int32			to;
	int32			as_of;
	int32			option;
} CrmTotalsParams;

/* names of from, to, as_of and option, for messages */
typedef struct CrmTotalsNames
{
	const char *name[4];
} CrmTotalsNames;

typedef struct CrmHistoryTotals
{
	ArrayType *array;
	int64	  *count;
	int64	   counts;
} CrmHistoryTotals;

/*
 * The group's state, argument 0, with room for so many counts at least; new
 * ones are zero.  An error when the parameters are not the group's.
 */
extern CrmHistoryTotals
crm_totals_open(FunctionCallInfo fcinfo, const CrmTotalsParams *params,
				const CrmTotalsNames *names, int64 counts);
extern void crm_totals_grow(CrmHistoryTotals *totals, int64 counts);
/* the state, unchanged: the row does not count */
extern Datum crm_totals_same(FunctionCallInfo fcinfo);

/*
 * For final functions: argument 0 as a state of that metric.  False if there
 * was no row.
 */
extern bool crm_totals_read(FunctionCallInfo fcinfo, CrmTotalsMetric metric,
							CrmTotalsParams *params, CrmHistoryTotals *totals);

/* an error when there are fewer counts: the array is none of our making */
extern void crm_totals_require(const CrmHistoryTotals *totals, int64 counts);

#endif /* CRM_HISTORY_TOTALS_H */
