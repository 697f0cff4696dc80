/*
 * tally.h
 *		What the customers of a stage table add up to, cell by cell, so that
 *		one customer who changes is a difference of a few cells.
 *
 *		    customer as it was  -->  -1  |
 *		    customer as it is   -->  +1  |  cells
 *
 * Nothing in a cell depends on the day on which it is looked at but through
 * what is visible on it.  So a day that passes changes no cell: rates of a
 * window, or of those for whom some days are over, are sums over cells.
 *
 * Invariant: adding a customer and taking the same one off again leaves every
 * cell as it was.
 */
#ifndef CRM_TALLY_H
#define CRM_TALLY_H

#include "purchase_history.h"
#include "totals.h"

/* customers by the number of their orders, the last of them: or more */
#define CRM_TALLY_ORDERS 11

/* counts of the cells of `days` */
enum
{
	CRM_TALLY_CUSTOMERS,
	CRM_TALLY_SEEN,			 /* with a visit up to the first order's day */
	CRM_TALLY_DECISION_DAYS, /* of these: from the first visit to that day */
	CRM_TALLY_AGAIN,		 /* with a second day of orders within the first */
	CRM_TALLY_DAY_COUNTS = CRM_TALLY_AGAIN + 6 /* window, the second, ... */
};

/* days after the first order within which the second one is to come */
#define CRM_TALLY_WINDOWS (CRM_TALLY_DAY_COUNTS - CRM_TALLY_AGAIN)
extern const int32_t crm_tally_windows[CRM_TALLY_WINDOWS];

/* counts of the cells of `cohorts`; the one sum is the revenue */
enum
{
	CRM_TALLY_ACTIVE, /* customers with an order in that month */
	CRM_TALLY_COHORT_ORDERS,
	CRM_TALLY_COHORT_COUNTS
};

/* a customer without the history */
typedef struct CrmTallyRow
{
	int64_t	 orders;
	int64_t	 order_days;
	CrmMoney revenue;
	int64_t	 first_order_at; /* these two: not looked at without an order */
	int64_t	 last_order_at;
} CrmTallyRow;

typedef struct CrmTally
{
	int64_t	 customers;
	int64_t	 paying; /* with an order, with two, ... */
	int64_t	 repeat;
	int64_t	 orders;
	CrmMoney revenue;
	int64_t	 gaps; /* between days with orders */
	int64_t	 gap_days;
	int64_t	 order_gaps; /* between orders */
	CrmMoney order_gap_seconds;
	int64_t	 by_orders[CRM_TALLY_ORDERS + 1];

	CrmTotals days;	   /* (day of the first order, 0) */
	CrmTotals cohorts; /* (month of the first order, months since) */
} CrmTally;

extern void crm_tally_init(CrmTally *tally);
extern void crm_tally_free(CrmTally *tally);

/* sign: 1 to add a customer, -1 to take one off */
extern void
crm_tally_add_row(CrmTally *tally, const CrmTallyRow *row, int sign);
/* what the history says beside it, as of a day */
extern void crm_tally_add_history(CrmTally *tally, const CrmPurchaseView *view,
								  CrmDay as_of, int sign);

#endif /* CRM_TALLY_H */
