/*
 * purchase_metric.c
 *		Walks over one customer's history.
 *
 * Each answer is one pass over the columns that it needs, and ends at as_of;
 * nothing is allocated but amounts beyond 128 bits.
 */
#include <string.h>

#include "purchase_metric.h"

bool
crm_activity_from_name(const char *name, size_t length, CrmActivity *activity)
{
	static const char *const names[] = {"order", "visit", "any"};

	for (int i = 0; i < 3; i++)
	{
		if (strlen(names[i]) == length && memcmp(names[i], name, length) == 0)
		{
			*activity = (CrmActivity) i;
			return true;
		}
	}
	return false;
}

/* ---- active days -------------------------------------------------------- */

/* go to the next order's day after `day` */
static inline void
next_order_day(CrmActiveDays *days, CrmDay day)
{
	while (crm_orders_next(&days->orders))
	{
		if (days->orders.refund ||
			(days->orders.day == day && day != CRM_NO_DAY))
			continue;
		days->order_day = days->orders.day;
		return;
	}
	days->order_day = CRM_LAST_DAY;
}

static inline void
next_visit_day(CrmActiveDays *days)
{
	days->visit_day =
		crm_visits_next(&days->visits) ? days->visits.day : CRM_LAST_DAY;
}

void
crm_active_days_begin(CrmActiveDays *days, const CrmPurchaseView *view,
					  CrmActivity activity)
{
	days->order_day = CRM_LAST_DAY;
	if (activity != CRM_ACTIVITY_VISIT)
	{
		crm_orders_start(&days->orders, view, false);
		next_order_day(days, CRM_NO_DAY);
	}
	if (activity != CRM_ACTIVITY_ORDER)
	{
		crm_visits_start(&days->visits, view);
		next_visit_day(days);
	}
}

void
crm_active_days_advance(CrmActiveDays *days, CrmDay day)
{
	if (days->order_day == day)
		next_order_day(days, day);
	if (days->visit_day == day)
		next_visit_day(days);
}

/* ---- facts -------------------------------------------------------------- */

static void
add_order_facts(const CrmOrderCursor *order, CrmFacts *facts)
{
	if (order->has_amount)
		crm_money_accumulate(&facts->revenue, order->amount);
	if (order->refund)
		return;
	facts->orders++;
	if (facts->first_order == CRM_NO_DAY)
		facts->first_order = order->day;
	if (facts->last_order != order->day)
		facts->order_days++;
	facts->last_order = order->day;
}

/* orders without refunds, their amounts aside */
static void
add_plain_days(const CrmPurchaseView *view, CrmDay as_of, CrmFacts *facts)
{
	const uint8_t *next = view->order_days;
	CrmDay		   day = view->first_day;
	int			   count = 0;
	int			   days = 0;
	CrmDay		   last = CRM_NO_DAY;

	while (count < view->order_count && day <= as_of)
	{
		days += day != last;
		last = day;
		if (++count < view->order_count)
			day = crm_take_day(&next, view->end, day);
	}
	facts->orders = count;
	facts->order_days = days;
	facts->first_order = count > 0 ? view->first_day : CRM_NO_DAY;
	facts->last_order = last;
}

bool
crm_purchase_facts(const CrmPurchaseView *view, CrmDay as_of, CrmDay registered,
				   bool money, CrmFacts *facts)
{
	bool		   known = registered != CRM_NO_DAY && registered <= as_of;
	CrmOrderCursor orders;
	CrmVisitCursor visits;

	memset(facts, 0, sizeof(*facts));
	facts->revenue = crm_money_from_int64(0);
	facts->revenue_known = true;
	facts->order_days_known = true;
	facts->first_order = CRM_NO_DAY;
	facts->last_order = CRM_NO_DAY;
	facts->last_visit = CRM_NO_DAY;
	facts->registered = known ? registered : CRM_NO_DAY;
	if (!money && !view->refunds)
	{
		add_plain_days(view, as_of, facts);
		known |= facts->orders > 0;
	}
	else
	{
		crm_orders_start(&orders, view, money);
		while (crm_orders_next(&orders) && orders.day <= as_of)
		{
			known = true;
			add_order_facts(&orders, facts);
		}
	}
	if (view->visit_count == 0)
		return known;
	crm_visits_start(&visits, view);
	while (crm_visits_next(&visits) && visits.day <= as_of)
	{
		known = true;
		facts->last_visit = visits.day;
	}
	return known;
}

void
crm_purchase_replay(CrmHistory *history, const CrmPurchaseView *view,
					CrmDay registered)
{
	CrmOrderCursor orders;
	CrmVisitCursor visits;

	crm_orders_start(&orders, view, true);
	while (crm_orders_next(&orders))
		crm_history_add_order(history, crm_order_time(&orders),
							  orders.has_amount ? &orders.amount : NULL, false);
	crm_visits_start(&visits, view);
	while (crm_visits_next(&visits))
		crm_history_add_visits(history, visits.day * CRM_USECS_PER_DAY,
							   visits.count);
	if (registered != CRM_NO_DAY)
		crm_history_add_registration(history, registered * CRM_USECS_PER_DAY);
	crm_history_finish(history);
}

void
crm_purchase_window(const CrmPurchaseView *view, CrmDay after, CrmDay as_of,
					int64_t *orders, CrmMoney *revenue)
{
	CrmOrderCursor cursor;

	*orders = 0;
	*revenue = crm_money_from_int64(0);
	crm_orders_start(&cursor, view, true);
	while (crm_orders_next(&cursor) && cursor.day <= as_of)
	{
		if (cursor.day <= after)
			continue;
		*orders += !cursor.refund;
		if (cursor.has_amount)
			crm_money_accumulate(revenue, cursor.amount);
	}
}

bool
crm_purchase_nth(const CrmPurchaseView *view, int64_t k, int64_t *at)
{
	CrmOrderCursor orders;
	int64_t		   count = 0;

	crm_orders_start(&orders, view, false);
	while (crm_orders_next(&orders))
	{
		if (orders.refund)
			continue;
		count++;
		if (count == k || k == 0)
			*at = crm_order_time(&orders);
		if (count == k)
			return true;
	}
	return k == 0 && count > 0;
}

/* ---- retention ---------------------------------------------------------- */

CrmRetained
crm_purchase_retained(const CrmPurchaseView *view, CrmActivity activity,
					  int32_t from, int32_t to, CrmDay as_of)
{
	CrmActiveDays days;
	CrmDay		  first;
	CrmDay		  day;
	int64_t		  until = to == CRM_NO_LIMIT ? from : to;

	crm_active_days_start(&days, view, activity, as_of);
	if (!crm_active_days_next(&days, &first) || first + until >= as_of)
		return CRM_TOO_EARLY;
	day = first;
	do
		if (day - (int64_t) first >= from)
			return day - (int64_t) first <= to ? CRM_RETAINED : CRM_LEFT;
	while (crm_active_days_next(&days, &day));
	return CRM_LEFT;
}
