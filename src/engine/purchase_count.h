/*
 * purchase_count.h
 *		What a metric over customers counts of one customer's history.
 *
 * Histories are customers already grouped, so nothing is kept of any of them:
 *
 *		history --days--> state --fold--> totals        metrics with states
 *		history -------events---walk----> totals        metrics with events
 *		history ----------count---------> line, totals  a few, for speed
 *
 * A line is a row of counts that one walk reaches without looking for a cell;
 * the metric knows what each of them counts, and puts them into its cells when
 * all histories are counted.
 *
 * Invariant: the totals are those that the rows of the histories would have
 * given, whichever way they were counted.
 */
#ifndef CRM_PURCHASE_COUNT_H
#define CRM_PURCHASE_COUNT_H

#include "metric.h"
#include "purchase_metric.h"

typedef void (*CrmWalk)(const CrmLogEvent *event, size_t count,
						const CrmParams *params, CrmTotals *totals);

typedef struct CrmHistoryParams
{
	CrmParams	metric;
	CrmActivity event;		  /* what a customer starts with */
	CrmActivity return_event; /* what returning is */
} CrmHistoryParams;

/* what is counted apart from totals */
typedef struct CrmLine
{
	int64_t *count;
	int64_t	 counts; /* those beyond are 0 */
} CrmLine;

/* what walks a customer's events, NULL: there is only a state */
static inline CrmWalk
crm_metric_walk(const CrmMetric *metric)
{
	return metric->older ? metric->older->walk : metric->walk;
}

/* how a metric counts histories */
typedef struct CrmPurchaseCounter
{
	const CrmMetric *metric;
	/* every order is a row; else all of a day are one, or metric->amounts */
	bool orders;
	/* what there is for speed: the counts of a line, at least, ... */
	int64_t (*line)(const CrmHistoryParams *params);
	/* one history; allocates for line and totals alone ... */
	void (*count)(CrmLine *line, CrmTotals *totals, const CrmPurchaseView *view,
				  const CrmHistoryParams *params);
	/* and the line's way to the cells */
	void (*close)(const CrmLine *line, const CrmHistoryParams *params,
				  CrmTotals *totals);
} CrmPurchaseCounter;

extern CrmPurchaseCounter crm_purchase_counter(const CrmMetric *metric);

/* does its count answer, or do starts and returns need the events? */
static inline bool
crm_purchase_directly(const CrmPurchaseCounter *counter,
					  const CrmHistoryParams   *params)
{
	return counter->count && (params->event == params->return_event ||
							  crm_metric_walk(counter->metric) == NULL);
}

/* room for the events of one history; grows by crm_realloc alone */
typedef struct CrmEvents
{
	CrmLogEvent *event;
	size_t		 count;
	size_t		 space;
} CrmEvents;

/*
 * The visible events of a history for a metric that has no count of its own,
 * and what they add to the totals.  Two steps, because amounts live where the
 * first is done and sums where the second is.
 */
extern void crm_purchase_events(const CrmPurchaseCounter *counter,
								const CrmPurchaseView	 *view,
								const CrmHistoryParams *params, CrmEvents *to);
extern void
crm_purchase_events_count(const CrmPurchaseCounter *counter,
						  const CrmEvents		   *events,
						  const CrmHistoryParams *params, CrmTotals *totals);

/* counts up to that number, new ones 0 */
extern void crm_line_grow(CrmLine *line, int64_t counts);

/* the repurchase rate of the orders, or of the days with orders, in a range */
typedef enum CrmRepurchaseBy
{
	CRM_BY_ORDERS,
	CRM_BY_DAYS
} CrmRepurchaseBy;

/* from, to; option is a CrmRepurchaseBy; counts as crm_repurchase_by_orders */
extern const CrmMetric crm_repurchase_in_range;

/* counts, and all revenue in the cell (0, 0) */
enum
{
	CRM_REVENUE_CUSTOMERS, /* with an order, as crm_arpu has it */
	CRM_REVENUE_ORDERS
};

extern const CrmMetric crm_revenue;

#endif /* CRM_PURCHASE_COUNT_H */
