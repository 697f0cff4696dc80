/*
 * random_customer.h
 *		Random customers, their histories, and what a look at their rows finds.
 *
 * The look keeps the rows as they were given, takes those up to the end of a
 * day and counts: the oracle for what the engine works out of them.
 */
#ifndef CRM_RANDOM_CUSTOMER_H
#define CRM_RANDOM_CUSTOMER_H

#include "engine/history.h"

#define MAX_ROWS 40 /* of a customer */
#define FIRST_DAY (-30)
#define LAST_DAY 150

typedef struct Row
{
	CrmEventKind kind;
	int64_t		 at;
	bool		 has_amount;
	int64_t		 cents;
	int			 order;
} Row;

typedef struct Customer
{
	Row	 rows[MAX_ROWS];
	int	 count;
	int	 orders;
	bool always;
} Customer;

/* what the oracle finds on a day */
typedef struct Found
{
	bool	known;
	int64_t orders;
	int64_t order_days;
	int64_t cents;
	int64_t visits;
	int64_t first_at;
	int64_t last_at;
	int64_t visit_at;
	int64_t registered_at;
	int64_t only_cents; /* of the order, when there is one only */
} Found;

/* keyed: several rows make an order, refunds among them */
extern void random_customer(Customer *customer, bool keyed);
extern void fill_history(CrmHistory *history, const Customer *customer);
/* at the end of a day, orders and money of the days after `after` alone */
extern Found look(const Customer *customer, CrmDay after, CrmDay day);
/* one order as of a day: its time and money; CRM_NO_TIME when it is none */
extern int64_t
order_time(const Customer *customer, int order, CrmDay day, int64_t *net);
extern bool something_happens(const Customer *customer, CrmDay day);

extern CrmDay day_or_never(int64_t at);
extern bool	  cents_are(CrmMoney money, int64_t cents);

#endif /* CRM_RANDOM_CUSTOMER_H */
