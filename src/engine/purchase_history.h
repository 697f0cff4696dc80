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
 *		first day, n - 1 differences
 *		visit days v, first day, v - 1 differences less 1,
 *		v counts less 1                             where there are visits
 *		n amounts
 *		n times of day                              in units of the flags
 *
 * All are unsigned LEB128 numbers but for the first two, which are bytes, and
 * the times of day; signed ones are folded to 0, -1, 1, -2 ...  Days count from
 * the start of 2015.  An amount is its number of units of the last decimal
 * place; where an order lacks its amount 0 stands for that and all others are
 * one more.  In a general history (amounts of several scales, or large ones)
 * every amount says what it is: 0 none; 1, scale, number; 2, length, decimal
 * digits as text.  A time of day has a fixed number of bits, none where all are
 * midnight, 11 in minutes, 17 in seconds, 27 and 37 in milli- and microseconds;
 * they fill bytes from the lowest bit on.
 *
 * Most questions are about days.  So days stand first and apart, nearly always
 * one byte each, and times last, where nobody has to step over them.
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

/* the number of bytes; as many are written as there is room for */
extern size_t
crm_purchases_encode(CrmPurchases *list, uint8_t *to, size_t room);

/* ---- bytes -------------------------------------------------------------- */

/* where the columns of an encoded history lie */
typedef struct CrmPurchaseView
{
	bool		   times;
	bool		   nulls;	/* an order lacks its amount */
	bool		   refunds; /* an amount is negative */
	bool		   general; /* amounts say what they are */
	int			   unit;	/* of a time of day: which one, from the coarsest */
	int			   scale;
	int			   order_count; /* refunds included */
	CrmDay		   first_day;	/* of the orders, if there are any */
	int			   visit_count; /* days */
	const uint8_t *order_days;	/* the differences */
	const uint8_t *visit_days;	/* NULL: none */
	const uint8_t *day_times;
	const uint8_t *end; /* of all columns but that */
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

/* the slow half of crm_take_number */
extern uint64_t crm_take_long(const uint8_t **from, const uint8_t *end);

/* the number at *from, which is moved behind it; one or two bytes mostly */
static inline uint64_t
crm_take_number(const uint8_t **from, const uint8_t *end)
{
	const uint8_t *at = *from;
	uint64_t	   value;

	if (end - at >= 2)
	{
		if (at[0] < 0x80)
		{
			*from = at + 1;
			return at[0];
		}
		if (at[1] < 0x80)
		{
			*from = at + 2;
			return (at[0] & 0x7f) | (uint64_t) at[1] << 7;
		}
	}
	/* a copy, so that *from may live in a register */
	value = crm_take_long(&at, end);
	*from = at;
	return value;
}

/* a day after so many more; fails where that is none */
extern CrmDay crm_day_after(CrmDay day, uint64_t step);

/* the next day of a column, from its difference */
static inline CrmDay
crm_take_day(const uint8_t **from, const uint8_t *end, CrmDay day)
{
	uint64_t step = crm_take_number(from, end);

	/* so no sum overflows; all days that are in use are far below */
	if (__builtin_expect(step < 0x10000 && day < (1 << 24), 1))
		return day + (CrmDay) step;
	return crm_day_after(day, step);
}

/* one order after the other, as they are sorted */
typedef struct CrmOrderCursor
{
	const CrmPurchaseView *view;
	const uint8_t		  *next_day;
	const uint8_t		  *next_amount; /* NULL: amounts are not read */
	int					   left;
	CrmDay				   day;
	bool				   amounts; /* they are asked for */
	bool				   refund;
	bool				   has_amount; /* this and amount: only if asked for */
	CrmMoney			   amount;
} CrmOrderCursor;

/* without amounts only the days and who is a refund are told */
extern void crm_orders_start(CrmOrderCursor		   *cursor,
							 const CrmPurchaseView *view, bool amounts);
/* the slow half of crm_orders_next */
extern void crm_order_amount(CrmOrderCursor *cursor);

static inline bool
crm_orders_next(CrmOrderCursor *cursor)
{
	const CrmPurchaseView *view = cursor->view;

	if (cursor->left == 0)
		return false;
	if (cursor->left < view->order_count)
		cursor->day = crm_take_day(&cursor->next_day, view->end, cursor->day);
	if (cursor->next_amount)
		crm_order_amount(cursor);
	cursor->left--;
	return true;
}

/* the order's local time */
extern int64_t crm_order_time(const CrmOrderCursor *cursor);

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
