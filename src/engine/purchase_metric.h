/*
 * purchase_metric.h
 *		What is asked of one customer's history, as of a day.
 *
 * Only what lies on the day or before it is looked at.  A refund is no order
 * and no activity; it lowers the revenue.
 *
 * Invariant: each answer is the one that the metric's one-step form gives for
 * a customer of the same rows.
 */
#ifndef CRM_PURCHASE_METRIC_H
#define CRM_PURCHASE_METRIC_H

#include "history.h"
#include "model.h"
#include "purchase_history.h"

/* all of a history is visible */
#define CRM_LAST_DAY INT32_MAX

/* what counts as being active */
typedef enum CrmActivity
{
	CRM_ACTIVITY_ORDER,
	CRM_ACTIVITY_VISIT,
	CRM_ACTIVITY_ANY
} CrmActivity;

/* order, visit, any */
extern bool
crm_activity_from_name(const char *name, size_t length, CrmActivity *activity);

/*
 * The days on which a customer was active, each once, ascending.  Orders
 * without a refund among them, the common case, are read from their bytes; the
 * cursors are for all others.
 */
typedef struct CrmActiveDays
{
	bool		   plain;
	const uint8_t *next; /* if it is plain: the differences */
	const uint8_t *end;
	int			   left;
	CrmDay		   order_day; /* the next one; CRM_LAST_DAY: none */
	CrmDay		   visit_day;
	CrmDay		   as_of;
	CrmOrderCursor orders;
	CrmVisitCursor visits;
} CrmActiveDays;

/* the slow halves of the two below */
extern void
crm_active_days_begin(CrmActiveDays *days, const CrmPurchaseView *view,
					  CrmActivity activity);
extern void crm_active_days_advance(CrmActiveDays *days, CrmDay day);

static inline void
crm_active_days_start(CrmActiveDays *days, const CrmPurchaseView *view,
					  CrmActivity activity, CrmDay as_of)
{
	days->as_of = as_of < CRM_LAST_DAY ? as_of : CRM_LAST_DAY - 1;
	days->plain = activity == CRM_ACTIVITY_ORDER && !view->refunds;
	days->visit_day = CRM_LAST_DAY;
	if (days->plain)
	{
		days->next = view->order_days;
		days->end = view->end;
		days->left = view->order_count - 1;
		days->order_day =
			view->order_count > 0 ? view->first_day : CRM_LAST_DAY;
	}
	else
		crm_active_days_begin(days, view, activity);
}

static inline bool
crm_active_days_next(CrmActiveDays *days, CrmDay *day)
{
	CrmDay next =
		days->order_day < days->visit_day ? days->order_day : days->visit_day;

	if (next > days->as_of)
		return false;
	*day = next;
	if (!days->plain)
	{
		crm_active_days_advance(days, next);
		return true;
	}
	do
	{
		if (days->left-- <= 0)
		{
			days->order_day = CRM_LAST_DAY;
			break;
		}
		days->order_day = crm_take_day(&days->next, days->end, next);
	} while (days->order_day == next);
	return true;
}

/*
 * The facts of a stage model; false when the customer is not known on that
 * day.  registered CRM_NO_DAY: unknown.  Without money the revenue stays 0.
 */
extern bool crm_purchase_facts(const CrmPurchaseView *view, CrmDay as_of,
							   CrmDay registered, bool money, CrmFacts *facts);

/* all events, for what looks at more days than one; finished */
extern void crm_purchase_replay(CrmHistory			  *history,
								const CrmPurchaseView *view, CrmDay registered);

/* orders and revenue of the days after `after`, up to as_of */
extern void
crm_purchase_window(const CrmPurchaseView *view, CrmDay after, CrmDay as_of,
					int64_t *orders, CrmMoney *revenue);

/* time of the k-th order from 1, of the last one if k is 0; false: none */
extern bool
crm_purchase_nth(const CrmPurchaseView *view, int64_t k, int64_t *at);

#define CRM_NO_LIMIT INT32_MAX

/*
 * Was the customer active on a day from..to (or from.. without limit) after
 * the first?  CRM_TOO_EARLY while the last of these days (the first, without
 * limit) is not over, and for a customer who never was.
 */
typedef enum CrmRetained
{
	CRM_TOO_EARLY = -1,
	CRM_LEFT,
	CRM_RETAINED
} CrmRetained;

extern CrmRetained
crm_purchase_retained(const CrmPurchaseView *view, CrmActivity activity,
					  int32_t from, int32_t to, CrmDay as_of);

#endif /* CRM_PURCHASE_METRIC_H */
