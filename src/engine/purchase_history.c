/*
 * purchase_history.c
 *		The list of a customer's orders and visits, and its bytes.
 *
 * Writing goes over the list once, and counts on where there is no more room.
 * Reading goes column by column:
 *
 *		order days    d0   +d  +d  +d
 *		visit days    v0   +d
 *		visit counts  c0   c1
 *		amounts       a0   a1  a2  a3
 *		times of day  t0   t1  t2  t3
 *
 * so that who only wants days looks at nothing else.
 *
 * Invariant: no byte outside [bytes, bytes + size) is read, whatever the
 * bytes are, and a number read is checked before it is used.
 */
#include <stdlib.h>
#include <string.h>

#include "purchase_history.h"

#define VERSION 1

/* the flags */
#define FLAG_TIMES 0x01
#define FLAG_UNIT_SHIFT 1
#define FLAG_UNIT_MASK 0x07
#define FLAG_NULLS 0x10
#define FLAG_REFUNDS 0x20
#define FLAG_GENERAL 0x40
#define FLAG_VISITS 0x80

/* 2015-01-01: 22 years before and after it fit two bytes of days */
#define REFERENCE_DAY 5479

#define MAX_SCALE 16383
/* larger amounts make a history general */
#define UNIFORM_LIMIT (INT64_C(1) << 61)

#define TAG_NULL 0
#define TAG_NARROW 1
#define TAG_WIDE 2

/* from the coarsest: the flags hold an index */
static const struct
{
	int64_t usecs;
	int		bits; /* that a time of day takes */
} units[] = {{CRM_USECS_PER_DAY, 0},
			 {60 * CRM_USECS_PER_SEC, 11},
			 {CRM_USECS_PER_SEC, 17},
			 {1000, 27},
			 {1, 37}};
#define UNIT_COUNT ((int) (sizeof(units) / sizeof(units[0])))

#define FIRST_LOCAL_DAY ((CrmDay) (CRM_LOCAL_MIN / CRM_USECS_PER_DAY))
#define LAST_LOCAL_DAY ((CrmDay) (CRM_LOCAL_END / CRM_USECS_PER_DAY - 1))

/* ---- the list ----------------------------------------------------------- */

void
crm_purchases_init(CrmPurchases *list, bool times)
{
	memset(list, 0, sizeof(*list));
	list->times = times;
	list->settled = true;
}

void
crm_purchases_free(CrmPurchases *list)
{
	if (list->orders)
		crm_free(list->orders);
	if (list->visits)
		crm_free(list->visits);
	crm_purchases_init(list, list->times);
}

/* an array with room for one more element */
static void *
with_room(void *array, int count, int *space, size_t size)
{
	if (count < *space)
		return array;
	if (*space > INT32_MAX / 2)
		crm_fail(CRM_ERROR_RANGE, "too many events in one purchase_history",
				 NULL, NULL);
	*space = *space == 0 ? 4 : *space * 2;
	return crm_realloc(array, (size_t) *space * size);
}

void
crm_purchases_add_order(CrmPurchases *list, int64_t at, const CrmMoney *amount)
{
	CrmPurchase *order;

	list->orders = with_room(list->orders, list->order_count,
							 &list->order_space, sizeof(CrmPurchase));
	order = &list->orders[list->order_count++];
	order->at = at;
	order->has_amount = amount != NULL;
	order->amount = amount ? *amount : crm_money_from_int64(0);
	list->settled = false;
}

void
crm_purchases_add_visits(CrmPurchases *list, CrmDay day, int64_t count)
{
	CrmVisitDay *visit;

	list->visits = with_room(list->visits, list->visit_count,
							 &list->visit_space, sizeof(CrmVisitDay));
	visit = &list->visits[list->visit_count++];
	visit->day = day;
	visit->count = count;
	list->settled = false;
}

void
crm_purchases_add_list(CrmPurchases *list, const CrmPurchases *other)
{
	for (int i = 0; i < other->order_count; i++)
	{
		const CrmPurchase *order = &other->orders[i];

		crm_purchases_add_order(list, order->at,
								order->has_amount ? &order->amount : NULL);
	}
	for (int i = 0; i < other->visit_count; i++)
		crm_purchases_add_visits(list, other->visits[i].day,
								 other->visits[i].count);
}

static int
scale_of(const CrmMoney *amount)
{
	return amount->wide ? crm_wide_scale(amount->wide) : amount->scale;
}

static int
compare_orders(const void *left, const void *right)
{
	const CrmPurchase *a = left;
	const CrmPurchase *b = right;
	int				   order;

	if (a->at != b->at)
		return a->at < b->at ? -1 : 1;
	if (a->has_amount != b->has_amount)
		return a->has_amount ? 1 : -1;
	order = crm_money_cmp(a->amount, b->amount);
	return order != 0 ? order : scale_of(&a->amount) - scale_of(&b->amount);
}

static int
compare_visits(const void *left, const void *right)
{
	CrmDay a = ((const CrmVisitDay *) left)->day;
	CrmDay b = ((const CrmVisitDay *) right)->day;

	return (a > b) - (a < b);
}

/* each day once, with the sum of its counts */
static void
unite_visit_days(CrmPurchases *list)
{
	int days = 0;

	for (int i = 0; i < list->visit_count; i++)
	{
		CrmVisitDay *last = days > 0 ? &list->visits[days - 1] : NULL;

		if (last == NULL || last->day != list->visits[i].day)
			list->visits[days++] = list->visits[i];
		else if ((last->count += list->visits[i].count) > CRM_MAX_VISITS)
			crm_fail(CRM_ERROR_RANGE, "too many visits on one day", NULL, NULL);
	}
	list->visit_count = days;
}

static bool
sorted(const CrmPurchases *list)
{
	for (int i = 1; i < list->order_count; i++)
		if (compare_orders(&list->orders[i - 1], &list->orders[i]) > 0)
			return false;
	return true;
}

void
crm_purchases_settle(CrmPurchases *list)
{
	if (list->settled)
		return;
	if (!sorted(list))
		qsort(list->orders, (size_t) list->order_count, sizeof(CrmPurchase),
			  compare_orders);
	if (list->visit_count > 1)
	{
		qsort(list->visits, (size_t) list->visit_count, sizeof(CrmVisitDay),
			  compare_visits);
		unite_visit_days(list);
	}
	list->settled = true;
}

void
crm_purchases_cut(CrmPurchases *list, CrmDay last)
{
	crm_purchases_settle(list);
	while (list->order_count > 0 &&
		   crm_day_of_local(list->orders[list->order_count - 1].at) > last)
		list->order_count--;
	while (list->visit_count > 0 &&
		   list->visits[list->visit_count - 1].day > last)
		list->visit_count--;
}

/* ---- writing ------------------------------------------------------------ */

/* what the flags and the scale say */
typedef struct Layout
{
	int	 unit; /* index into units */
	bool nulls;
	bool refunds;
	bool general;
	int	 scale; /* -1: no amount yet */
} Layout;

typedef struct Writer
{
	uint8_t *to;
	size_t	 room;
	size_t	 size; /* also of what there was no room for */
} Writer;

static void
look_at_amount(Layout *layout, const CrmPurchase *order)
{
	const CrmMoney *amount = &order->amount;

	if (!order->has_amount)
	{
		layout->nulls = true;
		return;
	}
	if (crm_money_sign(*amount) < 0)
		layout->refunds = true;
	if (layout->scale < 0)
		layout->scale = amount->scale;
	if (amount->wide || amount->scale != layout->scale ||
		amount->mantissa <= -UNIFORM_LIMIT || amount->mantissa >= UNIFORM_LIMIT)
		layout->general = true;
}

static Layout
layout_of(const CrmPurchases *list)
{
	Layout layout = {.scale = -1};

	for (int i = 0; i < list->order_count; i++)
	{
		while (layout.unit < UNIT_COUNT - 1 &&
			   list->orders[i].at % units[layout.unit].usecs != 0)
			layout.unit++;
		look_at_amount(&layout, &list->orders[i]);
	}
	if (layout.scale < 0)
		layout.scale = 0;
	return layout;
}

static inline void
put_byte(Writer *writer, uint8_t byte)
{
	if (writer->size < writer->room)
		writer->to[writer->size] = byte;
	writer->size++;
}

static inline void
put(Writer *writer, uint64_t value)
{
	for (; value >= 0x80; value >>= 7)
		put_byte(writer, (uint8_t) value | 0x80);
	put_byte(writer, (uint8_t) value);
}

static void
put_any(Writer *writer, unsigned __int128 value)
{
	for (; value >= 0x80; value >>= 7)
		put_byte(writer, (uint8_t) (value & 0x7f) | 0x80);
	put_byte(writer, (uint8_t) value);
}

/* 0, -1, 1, -2 ... to 0, 1, 2, 3 ... */
static inline uint64_t
folded(int64_t value)
{
	return ((uint64_t) value << 1) ^ -(uint64_t) (value < 0 ? 1 : 0);
}

static inline unsigned __int128
folded_any(crm_i128 value)
{
	return ((unsigned __int128) value << 1) ^
		   -(unsigned __int128) (value < 0 ? 1 : 0);
}

static void
put_days(Writer *writer, const CrmPurchases *list)
{
	CrmDay before = REFERENCE_DAY;

	for (int i = 0; i < list->order_count; i++)
	{
		CrmDay	day = crm_day_of_local(list->orders[i].at);
		int64_t difference = (int64_t) day - before;

		put(writer, i == 0 ? folded(difference) : (uint64_t) difference);
		before = day;
	}
}

/* one after the other, the lowest bits first */
static void
put_times(Writer *writer, const CrmPurchases *list, int unit)
{
	uint64_t pending = 0;
	int		 bits = 0;

	for (int i = 0; i < list->order_count; i++)
	{
		int64_t at = list->orders[i].at;
		int64_t time = at - crm_day_of_local(at) * CRM_USECS_PER_DAY;

		pending |= (uint64_t) (time / units[unit].usecs) << bits;
		for (bits += units[unit].bits; bits >= 8; bits -= 8, pending >>= 8)
			put_byte(writer, (uint8_t) pending);
	}
	if (bits > 0)
		put_byte(writer, (uint8_t) pending);
}

static void
put_visits(Writer *writer, const CrmPurchases *list)
{
	int64_t before = REFERENCE_DAY;

	put(writer, (unsigned) list->visit_count);
	for (int i = 0; i < list->visit_count; i++)
	{
		int64_t difference = list->visits[i].day - before;

		put(writer, i == 0 ? folded(difference) : (uint64_t) difference - 1);
		before = list->visits[i].day;
	}
	for (int i = 0; i < list->visit_count; i++)
		put(writer, (uint64_t) (list->visits[i].count - 1));
}

static void
put_general_amount(Writer *writer, const CrmPurchase *order)
{
	char  *text;
	size_t length;

	if (!order->has_amount)
	{
		put(writer, TAG_NULL);
		return;
	}
	if (order->amount.wide == NULL)
	{
		put(writer, TAG_NARROW);
		put(writer, (unsigned) order->amount.scale);
		put_any(writer, folded_any(order->amount.mantissa));
		return;
	}
	text = crm_wide_to_text(order->amount.wide);
	length = strlen(text);
	put(writer, TAG_WIDE);
	put(writer, length);
	for (size_t i = 0; i < length; i++)
		put_byte(writer, (uint8_t) text[i]);
	crm_free(text);
}

static void
put_amount(Writer *writer, const Layout *layout, const CrmPurchase *order)
{
	/* as long as it is not a general one, UNIFORM_LIMIT is beyond it */
	int64_t mantissa = (int64_t) order->amount.mantissa;

	if (layout->general)
		put_general_amount(writer, order);
	else if (!order->has_amount)
		put(writer, 0);
	else
		put(writer, (layout->refunds ? folded(mantissa) : (uint64_t) mantissa) +
						layout->nulls);
}

size_t
crm_purchases_encode(CrmPurchases *list, uint8_t *to, size_t room)
{
	Writer writer = {.to = to, .room = room};
	Layout layout;

	crm_purchases_settle(list);
	layout = layout_of(list);
	put_byte(&writer, VERSION);
	put_byte(&writer, (uint8_t) ((list->times ? FLAG_TIMES : 0) |
								 layout.unit << FLAG_UNIT_SHIFT |
								 (layout.nulls ? FLAG_NULLS : 0) |
								 (layout.refunds ? FLAG_REFUNDS : 0) |
								 (layout.general ? FLAG_GENERAL : 0) |
								 (list->visit_count > 0 ? FLAG_VISITS : 0)));
	put(&writer, (unsigned) list->order_count);
	if (list->order_count > 0 && !layout.general)
		put(&writer, (unsigned) layout.scale);
	put_days(&writer, list);
	if (list->visit_count > 0)
		put_visits(&writer, list);
	for (int i = 0; i < list->order_count; i++)
		put_amount(&writer, &layout, &list->orders[i]);
	put_times(&writer, list, layout.unit);
	return writer.size;
}

/* ---- reading ------------------------------------------------------------ */

static void __attribute__((noreturn, cold, noinline))
corrupt(const char *detail)
{
	crm_fail(CRM_ERROR_CORRUPT, "purchase_history is corrupted", detail, NULL);
}

uint64_t
crm_take_long(const uint8_t **from, const uint8_t *end)
{
	uint64_t value = 0;

	for (int shift = 0; shift < 64; shift += 7)
	{
		uint64_t byte;

		if (*from >= end)
			corrupt("It ends inside a number.");
		byte = *(*from)++;
		if (shift == 63 && byte > 1)
			break;
		value |= (byte & 0x7f) << shift;
		if (byte < 0x80)
			return value;
	}
	corrupt("A number is too large.");
}

CrmDay
crm_day_after(CrmDay day, uint64_t step)
{
	if (step > (uint64_t) ((int64_t) LAST_LOCAL_DAY - day))
		corrupt("A day is out of range.");
	return day + (CrmDay) step;
}

static unsigned __int128
take_wide(const uint8_t **from, const uint8_t *end)
{
	unsigned __int128 value = 0;

	for (int shift = 0; shift < 128; shift += 7)
	{
		unsigned __int128 byte;

		if (*from >= end)
			corrupt("It ends inside a number.");
		byte = *(*from)++;
		if (shift == 126 && byte > 3)
			break;
		value |= (byte & 0x7f) << shift;
		if (byte < 0x80)
			return value;
	}
	corrupt("A number is too large.");
}

static inline int64_t
unfolded(uint64_t value)
{
	return (int64_t) (value >> 1) ^ -(int64_t) (value & 1);
}

/* a number of things that take two bytes each at least */
static int
take_count(const uint8_t **from, const uint8_t *end)
{
	uint64_t count = crm_take_number(from, end);

	if (count > (uint64_t) (end - *from) / 2 || count > INT32_MAX)
		corrupt("It is shorter than its number of events.");
	return (int) count;
}

static const uint8_t *
skip_numbers(const uint8_t *from, const uint8_t *end, int count)
{
	while (count > 0)
	{
		if (from >= end)
			corrupt("It ends inside a column.");
		count -= *from++ < 0x80;
	}
	return from;
}

/* the first of a column of days */
static CrmDay
take_first_day(const uint8_t **from, const uint8_t *end)
{
	int64_t since = unfolded(crm_take_number(from, end));

	if (since < (int64_t) FIRST_LOCAL_DAY - REFERENCE_DAY ||
		since > (int64_t) LAST_LOCAL_DAY - REFERENCE_DAY)
		corrupt("A day is out of range.");
	return (CrmDay) (REFERENCE_DAY + since);
}

static void
read_flags(CrmPurchaseView *view, unsigned flags)
{
	view->times = (flags & FLAG_TIMES) != 0;
	view->nulls = (flags & FLAG_NULLS) != 0;
	view->refunds = (flags & FLAG_REFUNDS) != 0;
	view->general = (flags & FLAG_GENERAL) != 0;
	view->unit = (int) (flags >> FLAG_UNIT_SHIFT & FLAG_UNIT_MASK);
	if (view->unit >= UNIT_COUNT || (view->unit != 0 && !view->times))
		corrupt("Its unit of time is unknown.");
}

static int
take_scale(const uint8_t **from, const uint8_t *end)
{
	uint64_t scale = crm_take_number(from, end);

	if (scale > MAX_SCALE)
		corrupt("A scale is too large.");
	return (int) scale;
}

static inline int64_t
times_size(int64_t count, int unit)
{
	return (count * units[unit].bits + 7) / 8;
}

/* the column of times is found from the end */
static void
leave_times(CrmPurchaseView *view, const uint8_t *from)
{
	int64_t size = times_size(view->order_count, view->unit);

	if (size > view->end - from)
		corrupt("It is shorter than its number of events.");
	view->end -= size;
	view->day_times = view->end;
}

void
crm_purchases_open(CrmPurchaseView *view, const uint8_t *bytes, size_t size)
{
	view->end = bytes + size;
	if (size < 3 || bytes[0] != VERSION)
		corrupt("Its first byte is no version that is known.");
	read_flags(view, bytes[1]);
	bytes += 2;
	view->visit_count = bytes[-1] & FLAG_VISITS;
	view->order_count = take_count(&bytes, view->end);
	view->scale = 0;
	view->first_day = 0;
	if (view->order_count > 0)
	{
		if (!view->general)
			view->scale = take_scale(&bytes, view->end);
		leave_times(view, bytes);
		view->first_day = take_first_day(&bytes, view->end);
	}
	view->order_days = bytes;
	view->visit_days = NULL;
	if (view->visit_count != 0)
	{
		bytes = skip_numbers(bytes, view->end, view->order_count - 1);
		view->visit_count = take_count(&bytes, view->end);
		view->visit_days = bytes;
	}
}

static const uint8_t *
amounts_of(const CrmPurchaseView *view)
{
	if (view->visit_days)
		return skip_numbers(view->visit_days, view->end, 2 * view->visit_count);
	return skip_numbers(view->order_days, view->end, view->order_count - 1);
}

void
crm_orders_start(CrmOrderCursor *cursor, const CrmPurchaseView *view,
				 bool amounts)
{
	cursor->view = view;
	cursor->next_day = view->order_days;
	cursor->next_amount = amounts || view->refunds ? amounts_of(view) : NULL;
	cursor->left = view->order_count;
	cursor->day = view->first_day;
	cursor->amounts = amounts;
	cursor->refund = false;
	cursor->has_amount = false;
	cursor->amount = crm_money_from_int64(0);
}

static void
next_general_amount(CrmOrderCursor *cursor)
{
	const uint8_t *end = cursor->view->end;
	uint64_t	   tag = crm_take_number(&cursor->next_amount, end);

	cursor->amount = crm_money_from_int64(0);
	cursor->has_amount = tag != TAG_NULL;
	if (tag == TAG_NARROW)
	{
		int				  scale = take_scale(&cursor->next_amount, end);
		unsigned __int128 value = take_wide(&cursor->next_amount, end);

		cursor->amount.scale = scale;
		cursor->amount.mantissa =
			(crm_i128) (value >> 1) ^ -(crm_i128) (value & 1);
	}
	else if (tag == TAG_WIDE)
	{
		uint64_t length = crm_take_number(&cursor->next_amount, end);

		if (length > (uint64_t) (end - cursor->next_amount))
			corrupt("It ends inside an amount.");
		if (!crm_money_from_text((const char *) cursor->next_amount,
								 (size_t) length, &cursor->amount))
			corrupt("An amount is no number.");
		cursor->next_amount += length;
	}
	else if (tag != TAG_NULL)
		corrupt("An amount is of an unknown kind.");
	cursor->refund = crm_money_sign(cursor->amount) < 0;
	/* a walk over days leaves no memory behind */
	if (!cursor->amounts && cursor->amount.wide)
	{
		crm_free(cursor->amount.wide);
		cursor->amount = crm_money_from_int64(0);
	}
}

void
crm_order_amount(CrmOrderCursor *cursor)
{
	const CrmPurchaseView *view = cursor->view;
	uint64_t			   value;

	if (view->general)
	{
		next_general_amount(cursor);
		return;
	}
	value = crm_take_number(&cursor->next_amount, view->end);
	cursor->has_amount = !view->nulls || value > 0;
	cursor->amount.mantissa = 0;
	cursor->amount.scale = cursor->has_amount ? view->scale : 0;
	if (cursor->has_amount)
	{
		value -= view->nulls;
		cursor->amount.mantissa =
			view->refunds ? (crm_i128) unfolded(value) : (crm_i128) value;
	}
	cursor->refund = cursor->amount.mantissa < 0;
}

int64_t
crm_order_time(const CrmOrderCursor *cursor)
{
	const CrmPurchaseView *view = cursor->view;
	int					   width = units[view->unit].bits;
	int64_t bit = (int64_t) (view->order_count - cursor->left - 1) * width;
	const uint8_t *byte = view->day_times + bit / 8;
	int64_t		   time = 0;

	for (int have = -(int) (bit % 8); have < width; have += 8, byte++)
		time |= have < 0 ? *byte >> -have : (int64_t) *byte << have;
	time = (time & ((INT64_C(1) << width) - 1)) * units[view->unit].usecs;
	if (time >= CRM_USECS_PER_DAY)
		corrupt("A time of day is out of range.");
	return cursor->day * CRM_USECS_PER_DAY + time;
}

void
crm_visits_start(CrmVisitCursor *cursor, const CrmPurchaseView *view)
{
	cursor->view = view;
	cursor->left = view->visit_count;
	cursor->next_day = view->visit_days;
	cursor->next_count = NULL;
	if (view->visit_count > 0)
		cursor->next_count =
			skip_numbers(view->visit_days, view->end, view->visit_count);
}

bool
crm_visits_next(CrmVisitCursor *cursor)
{
	const CrmPurchaseView *view = cursor->view;
	uint64_t			   count;

	if (cursor->left == 0)
		return false;
	if (cursor->left == view->visit_count)
		cursor->day = take_first_day(&cursor->next_day, view->end);
	else
		cursor->day = crm_day_after(
			crm_take_day(&cursor->next_day, view->end, cursor->day), 1);
	count = crm_take_number(&cursor->next_count, view->end);
	if (count >= CRM_MAX_VISITS)
		corrupt("A number of visits is too large.");
	cursor->count = (int64_t) count + 1;
	cursor->left--;
	return true;
}

void
crm_purchases_add_view(CrmPurchases *list, const CrmPurchaseView *view)
{
	CrmOrderCursor orders;
	CrmVisitCursor visits;

	crm_orders_start(&orders, view, true);
	while (crm_orders_next(&orders))
		crm_purchases_add_order(list, crm_order_time(&orders),
								orders.has_amount ? &orders.amount : NULL);
	crm_visits_start(&visits, view);
	while (crm_visits_next(&visits))
		crm_purchases_add_visits(list, visits.day, visits.count);
}
