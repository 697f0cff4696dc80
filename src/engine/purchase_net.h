/*
 * purchase_net.h
 *		The purchases that a history of rows comes down to.
 *
 * Invariant: what is known of the customer on a day by the purchases is what
 * was known by the rows, unless rows of one order lie on several days: then
 * the purchases have the order as it is known in the end.
 */
#ifndef CRM_PURCHASE_NET_H
#define CRM_PURCHASE_NET_H

#include "history.h"
#include "purchase_history.h"

/*
 * Add the orders of a finished history, each netted, and its visits.  An order
 * that its refunds have used up is a refund of what they exceed it by, on the
 * day of the last, or nothing.  Wide amounts are the history's or allocated.
 */
extern void
crm_purchases_add_history(CrmPurchases *list, const CrmHistory *history);

#endif /* CRM_PURCHASE_NET_H */
