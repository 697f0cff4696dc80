/*
 * purchase_net.c
 *		The purchases that a history of rows comes down to.
 */
#include <string.h>

#include "purchase_net.h"

/* all rows of one order */
typedef struct NetOrder
{
	CrmMoney net;
	bool	 has_amount;
	bool	 refunded;
	int64_t	 at;	  /* of the first row that is no refund */
	int64_t	 last_at; /* of the last row */
} NetOrder;

static void
add_row(NetOrder *order, const CrmEvent *event)
{
	bool refund = event->has_amount && crm_money_sign(event->amount) < 0;

	if (event->has_amount)
		order->net = order->has_amount
						 ? crm_money_add(order->net, event->amount)
						 : event->amount;
	order->has_amount |= event->has_amount;
	order->refunded |= refund;
	if (!refund && order->at == CRM_NO_TIME)
		order->at = event->at;
	order->last_at = event->at;
}

static void
add_net(CrmPurchases *list, const NetOrder *order)
{
	int sign = order->has_amount ? crm_money_sign(order->net) : 0;

	if (order->at != CRM_NO_TIME && !(order->refunded && sign <= 0))
		crm_purchases_add_order(list, order->at,
								order->has_amount ? &order->net : NULL);
	else if (sign < 0)
		crm_purchases_add_order(list, order->last_at, &order->net);
}

static void
add_netted(CrmPurchases *list, const CrmHistory *history)
{
	NetOrder *orders =
		crm_alloc(sizeof(NetOrder) * (size_t) history->order_count);

	for (int i = 0; i < history->order_count; i++)
	{
		memset(&orders[i], 0, sizeof(NetOrder));
		orders[i].at = CRM_NO_TIME;
	}
	for (int i = 0; i < history->event_count; i++)
		if (history->events[i].kind == CRM_EVENT_ORDER)
			add_row(&orders[history->events[i].order], &history->events[i]);
	for (int i = 0; i < history->order_count; i++)
		add_net(list, &orders[i]);
	crm_free(orders);
}

void
crm_purchases_add_history(CrmPurchases *list, const CrmHistory *history)
{
	int	 rows = 0;
	bool netted;

	for (int i = 0; i < history->event_count; i++)
		rows += history->events[i].kind == CRM_EVENT_ORDER;
	netted = rows > history->order_count;
	if (netted)
		add_netted(list, history);
	for (int i = 0; i < history->event_count; i++)
	{
		const CrmEvent *event = &history->events[i];

		if (event->kind == CRM_EVENT_ORDER && !netted)
			crm_purchases_add_order(list, event->at,
									event->has_amount ? &event->amount : NULL);
		else if (event->kind == CRM_EVENT_VISIT)
			crm_purchases_add_visits(list, crm_day_of_local(event->at),
									 event->visits);
	}
}
