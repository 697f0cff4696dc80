/*
 * purchase_history.h
 *		One customer's orders and visits: as a list while it is built, and as
 *		the bytes it is kept in.
 *
 *		rows --add--> CrmPurchases --encode--> bytes --open--> CrmPurchaseView
 *		                   ^                     |
 *		                   +----- add_bytes -----+
 *
 * An order has a local wall-clock time and an amount or none (a refund is one
 * of amount < 0); a visit has a local day.  A history has either times or
 * days throughout: which one is fixed where it is built.
 *
 * The bytes, columns one after the other:
 *
 *		version | flags | order count n
 *		scale                                       where n > 0, not general
 *		first time, n - 1 differences               in units of the flags
 *		visit days v, first day, v - 1 differences less 1,
 *		v counts less 1                             where there are visits
 *		n amounts
 *
 * All are unsigned LEB128 numbers but for the first two, which are bytes;
 * signed ones are folded to 0, -1, 1, -2 ...  Times count from the start of
 * 2015.  An amount is its number of units of the last decimal place; where an
 * order lacks its amount 0 stands for that and all others are one more.  In a
 * general history (amounts of several scales, or large ones) every amount says
 * what it is: 0 none; 1, scale, number; 2, length, decimal digits as text.
 *
 * Invariant: a list of the same orders and visits, in whatever order they
 * came, has the same bytes: the smallest flags that hold them all.  Amounts
 * are the same if they print the same: 1.5 and 1.50 are not.
 */
#ifndef CRM_PURCHASE_HISTORY_H
#define CRM_PURCHASE_HISTORY_H

#include "calendar.h"
#include "money.h"

/* the range of PostgreSQL's timestamp, the end exclusive */
#define CRM_LOCAL_MIN INT64_C(-211813488000000000)
#define CRM_LOCAL_END INT64_C(9223371331200000000)

/* visits of one day, at most */
#define CRM_MAX_VISITS INT64_C(999999999999999999)

typedef struct CrmPurchase
{
	int64_t	 at; /* local time; of a history of days, the day's start */
	CrmMoney amount;
	bool	 has_amount;
} CrmPurchase;

typedef struct CrmVisitDay
{
	CrmDay	day;
	int64_t count;
} CrmVisitDay;

typedef struct CrmPurchases
{
	bool		 times;	  /* orders have times, not only days */
	bool		 settled; /* sorted, each visit day once */
	CrmPurchase *orders;
	int			 order_count;
	int			 order_space;
	CrmVisitDay *visits;
	int			 visit_count;
	int			 visit_space;
} CrmPurchases;

extern void crm_purchases_init(CrmPurchases *list, bool times);
extern void crm_purchases_free(CrmPurchases *list);

/* amount NULL: none; a wide amount is kept, not copied */
extern void
crm_purchases_add_order(CrmPurchases *list, int64_t at, const CrmMoney *amount);
extern void
crm_purchases_add_visits(CrmPurchases *list, CrmDay day, int64_t count);
extern void
crm_purchases_add_list(CrmPurchases *list, const CrmPurchases *other);
/* sort; what encode and print do first */
extern void crm_purchases_settle(CrmPurchases *list);
/* forget what comes after a day */
extern void crm_purchases_cut(CrmPurchases *list, CrmDay last);

/* the number of bytes; they are written unless `to` is NULL */
extern size_t crm_purchases_encode(CrmPurchases *list, uint8_t *to);

/* ---- bytes -------------------------------------------------------------- */

/* where the columns of an encoded history lie */
typedef struct CrmPurchaseView
{
	bool		   times;
	bool		   nulls;	/* an order lacks its amount */
	bool		   refunds; /* an amount is negative */
	bool		   general; /* amounts say what they are */
	int64_t		   unit;	/* microseconds of a unit of time */
	int			   scale;
	int			   order_count; /* refunds included */
	int			   visit_count; /* days */
	const uint8_t *order_times;
	const uint8_t *visit_days;
	const uint8_t *end;
} CrmPurchaseView;

/*
 * Any bytes may be given; these and the cursors' functions fail with
 * CRM_ERROR_CORRUPT where bytes are no history.
 */
extern void
crm_purchases_open(CrmPurchaseView *view, const uint8_t *bytes, size_t size);
/* add all orders and visits; the list is of the same kind */
extern void
crm_purchases_add_view(CrmPurchases *list, const CrmPurchaseView *view);

/* one order after the other, as they are sorted */
typedef struct CrmOrderCursor
{
	const CrmPurchaseView *view;
	const uint8_t		  *next_time;
	const uint8_t		  *next_amount; /* NULL: amounts are not read */
	int					   left;
	int64_t				   units;
	int64_t				   at;
	CrmDay				   day;
	bool				   refund;
	bool				   has_amount; /* this and amount: only if read */
	CrmMoney			   amount;
} CrmOrderCursor;

/* without amounts only the times and who is a refund are told */
extern void crm_orders_start(CrmOrderCursor		   *cursor,
							 const CrmPurchaseView *view, bool amounts);
extern bool crm_orders_next(CrmOrderCursor *cursor);

typedef struct CrmVisitCursor
{
	const CrmPurchaseView *view;
	const uint8_t		  *next_day;
	const uint8_t		  *next_count;
	int					   left;
	CrmDay				   day;
	int64_t				   count;
} CrmVisitCursor;

extern void
crm_visits_start(CrmVisitCursor *cursor, const CrmPurchaseView *view);
extern bool crm_visits_next(CrmVisitCursor *cursor);

/* ---- text --------------------------------------------------------------- */

typedef struct CrmTextError
{
	const char *message;
	size_t		position; /* bytes before the mistake */
} CrmTextError;

/* the list as text, ending with a zero byte */
extern char *crm_purchases_print(CrmPurchases *list);
/* false, and the mistake, if the text is no history */
extern bool
crm_purchases_parse(CrmPurchases *list, const char *text, CrmTextError *error);

#endif /* CRM_PURCHASE_HISTORY_H */
