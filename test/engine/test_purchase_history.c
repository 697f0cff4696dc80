/*
 * test_purchase_history.c
 *		Histories against a sorted list: any order of building, any split and
 *		merge, any cut, bytes and text and back, and bytes that are damaged.
 */
#include <stdlib.h>

#include "engine/history.h"
#include "engine/purchase_metric.h"

#include "tap.h"

#define ROUNDS 6000
#define MAX_EVENTS 40

/* an event of the oracle; visits are one each */
typedef struct Event
{
	bool	visit;
	int64_t at;
	bool	has_amount;
	char	amount[64];
} Event;

typedef struct Events
{
	bool  times;
	int	  count;
	Event event[MAX_EVENTS];
} Events;

typedef struct Bytes
{
	uint8_t *data;
	size_t	 size;
} Bytes;

/* ---- random events ------------------------------------------------------ */

static void
random_amount(char *to, bool simple)
{
	int digits = simple ? (int) random_between(1, 5)
						: (int) random_between(1, random_chance(0.1) ? 50 : 20);
	int scale = simple ? 2 : (int) random_between(0, 6);

	if (random_chance(0.15))
		*to++ = '-';
	*to++ = (char) ('0' + random_between(digits > 1, 9));
	for (int i = 1; i < digits; i++)
		*to++ = (char) ('0' + random_between(0, 9));
	if (scale > 0)
		*to++ = '.';
	for (int i = 0; i < scale; i++)
		*to++ = (char) ('0' + random_between(0, 9));
	*to = '\0';
}

static Events
random_events(void)
{
	static const int64_t unit[] = {CRM_USECS_PER_DAY, 60000000, 1000000, 1000,
								   1};
	Events				 events = {.times = random_chance(0.6)};
	bool				 simple = random_chance(0.6);
	bool				 nulls = random_chance(0.3);
	int		visits = random_chance(0.5) ? 0 : (int) random_between(0, 100);
	int64_t step = unit[events.times ? random_between(0, 4) : 0];
	int64_t base = random_between(-3000, 10000);
	int64_t reach = random_between(1, random_chance(0.5) ? 30 : 900);

	if (random_chance(0.05))
		base = random_chance(0.5) ? -2451545 : 106751983 - reach;
	events.count = (int) random_between(0, MAX_EVENTS);
	for (int i = 0; i < events.count; i++)
	{
		Event *event = &events.event[i];
		/* few distinct times: equal ones are the hard case */
		int64_t time = random_between(0, random_chance(0.5) ? 2 : 86400000000);

		event->visit = random_between(0, 99) < visits;
		event->at = (base + random_between(0, reach - 1)) * CRM_USECS_PER_DAY;
		if (!event->visit)
			event->at += time % (CRM_USECS_PER_DAY / step) * step;
		event->has_amount = !(nulls && random_chance(0.3));
		random_amount(event->amount, simple);
	}
	return events;
}

static CrmMoney
money(const char *text)
{
	CrmMoney amount;

	if (!crm_money_from_text(text, strlen(text), &amount))
		abort();
	return amount;
}

static void
add_event(CrmPurchases *list, const Event *event)
{
	CrmMoney amount = money(event->amount);

	if (event->visit)
		crm_purchases_add_visits(list, crm_day_of_local(event->at), 1);
	else
		crm_purchases_add_order(list, event->at,
								event->has_amount ? &amount : NULL);
}

static Bytes
encoded(CrmPurchases *list)
{
	Bytes  bytes = {.size = crm_purchases_encode(list, NULL, 0)};
	size_t room = bytes.size / 2;

	bytes.data = crm_alloc(bytes.size);
	memset(bytes.data, 0xa5, bytes.size);
	CHECK(crm_purchases_encode(list, bytes.data, room) == bytes.size,
		  "the size, where there is less room");
	for (size_t i = room; i < bytes.size; i++)
		CHECK(bytes.data[i] == 0xa5, "nothing is written beyond the room");
	CHECK(crm_purchases_encode(list, bytes.data, bytes.size) == bytes.size,
		  "the size");
	return bytes;
}

static Bytes
built(const Events *events)
{
	CrmPurchases list;

	crm_purchases_init(&list, events->times);
	for (int i = 0; i < events->count; i++)
		add_event(&list, &events->event[i]);
	return encoded(&list);
}

static bool
same(Bytes a, Bytes b)
{
	return a.size == b.size && memcmp(a.data, b.data, a.size) == 0;
}

static void
shuffle(Events *events)
{
	for (int i = events->count - 1; i > 0; i--)
	{
		int	  j = (int) random_between(0, i);
		Event other = events->event[j];

		events->event[j] = events->event[i];
		events->event[i] = other;
	}
}

/* ---- the oracle --------------------------------------------------------- */

static int
compare(const Event *a, const Event *b)
{
	CrmMoney x = money(a->amount);
	CrmMoney y = money(b->amount);
	int		 order;

	if (a->at != b->at)
		return a->at < b->at ? -1 : 1;
	if (!a->has_amount || !b->has_amount)
		return (int) a->has_amount - (int) b->has_amount;
	order = crm_money_cmp(x, y);
	return order != 0 ? order
					  : (int) (strlen(strchr(a->amount, '.') ?: "")) -
							(int) (strlen(strchr(b->amount, '.') ?: ""));
}

/* the orders, sorted by selecting the least one after the other */
static Events
sorted_orders(const Events *events)
{
	Events result = {.times = events->times};
	bool   taken[MAX_EVENTS] = {false};

	for (;;)
	{
		int least = -1;

		for (int i = 0; i < events->count; i++)
			if (!taken[i] && !events->event[i].visit &&
				(least < 0 ||
				 compare(&events->event[i], &events->event[least]) < 0))
				least = i;
		if (least < 0)
			return result;
		taken[least] = true;
		result.event[result.count++] = events->event[least];
	}
}

static int64_t
visits_on(const Events *events, CrmDay day)
{
	int64_t count = 0;

	for (int i = 0; i < events->count; i++)
		count += events->event[i].visit &&
				 crm_day_of_local(events->event[i].at) == day;
	return count;
}

static int64_t
visits_in_all(const Events *events)
{
	int64_t count = 0;

	for (int i = 0; i < events->count; i++)
		count += events->event[i].visit;
	return count;
}

static void
check_content(Bytes bytes, const Events *events)
{
	Events			orders = sorted_orders(events);
	CrmPurchaseView view;
	CrmOrderCursor	order;
	CrmVisitCursor	visit;
	int				count = 0;
	int64_t			visits = 0;
	CrmDay			before = CRM_NO_DAY;

	crm_purchases_open(&view, bytes.data, bytes.size);
	CHECK(view.times == events->times, "the kind");
	crm_orders_start(&order, &view, true);
	for (; crm_orders_next(&order) && count < orders.count; count++)
	{
		const Event *event = &orders.event[count];

		CHECK(crm_order_time(&order) == event->at &&
				  order.has_amount == event->has_amount,
			  "order %d", count);
		CHECK(!event->has_amount ||
				  crm_money_identical(order.amount, money(event->amount)),
			  "amount %s of order %d", event->amount, count);
		CHECK(order.refund == (event->has_amount &&
							   crm_money_sign(money(event->amount)) < 0),
			  "refund of %s", event->amount);
	}
	CHECK(count == orders.count && order.left == 0, "%d of %d orders", count,
		  orders.count);
	crm_visits_start(&visit, &view);
	for (; crm_visits_next(&visit); before = visit.day)
	{
		CHECK(visit.day > before, "visit days ascend");
		CHECK(visit.count == visits_on(events, visit.day), "visits of a day");
		visits += visit.count;
	}
	CHECK(visits == visits_in_all(events), "all visits");
}

/* ---- splitting, merging, cutting ---------------------------------------- */

static Bytes
split_and_merged(const Events *events)
{
	int			 parts = (int) random_between(1, 5);
	Events		 part[5] = {{.count = 0}};
	CrmPurchases list;

	crm_purchases_init(&list, events->times);
	for (int i = 0; i < events->count; i++)
	{
		Events *to = &part[random_between(0, parts - 1)];

		to->times = events->times;
		to->event[to->count++] = events->event[i];
	}
	for (int i = 0; i < parts; i++)
	{
		CrmPurchaseView view;
		Bytes			bytes;

		part[i].times = events->times;
		bytes = built(&part[i]);
		crm_purchases_open(&view, bytes.data, bytes.size);
		crm_purchases_add_view(&list, &view);
	}
	return encoded(&list);
}

static void
check_cut(Bytes bytes, const Events *events)
{
	Events			visible = {.times = events->times};
	CrmDay			last = (CrmDay) random_between(-3000, 11000);
	CrmPurchaseView view;
	CrmPurchases	list;

	if (events->count > 0 && random_chance(0.9))
		last = crm_day_of_local(
				   events->event[random_between(0, events->count - 1)].at) -
			   random_chance(0.3);
	for (int i = 0; i < events->count; i++)
		if (crm_day_of_local(events->event[i].at) <= last)
			visible.event[visible.count++] = events->event[i];
	crm_purchases_open(&view, bytes.data, bytes.size);
	crm_purchases_init(&list, view.times);
	crm_purchases_add_view(&list, &view);
	crm_purchases_cut(&list, last);
	CHECK(same(encoded(&list), built(&visible)), "cut at %d", last);
}

static void
check_text(Bytes bytes)
{
	CrmPurchaseView view;
	CrmPurchases	list;
	CrmPurchases	back;
	CrmTextError	error = {NULL, 0};
	char		   *text;
	bool			parsed;

	crm_purchases_open(&view, bytes.data, bytes.size);
	crm_purchases_init(&list, view.times);
	crm_purchases_add_view(&list, &view);
	text = crm_purchases_print(&list);
	parsed = crm_purchases_parse(&back, text, &error);
	CHECK(parsed, "%s in %s", error.message, text);
	if (!parsed)
		return;
	CHECK(same(encoded(&back), bytes), "%s", text);
}

/* ---- questions ---------------------------------------------------------- */

static void
check_facts(Bytes bytes, const Events *events)
{
	CrmDay registered =
		random_chance(0.5) ? CRM_NO_DAY : (CrmDay) random_between(-3000, 10900);
	CrmDay			as_of = (CrmDay) random_between(-3000, 11000);
	CrmHistory		history;
	const CrmStep  *step;
	CrmPurchaseView view;
	CrmFacts		facts;
	bool			known;

	if (events->count > 0 && random_chance(0.9))
		as_of = crm_day_of_local(
			events->event[random_between(0, events->count - 1)].at);
	crm_history_init(&history);
	for (int i = 0; i < events->count; i++)
	{
		const Event *event = &events->event[i];
		CrmMoney	 amount = money(event->amount);

		if (event->visit)
			crm_history_add_visits(&history, event->at, 1);
		else
			crm_history_add_order(&history, event->at,
								  event->has_amount ? &amount : NULL, false);
	}
	if (registered != CRM_NO_DAY)
		crm_history_add_registration(&history, registered * CRM_USECS_PER_DAY);
	crm_history_finish(&history);
	step = crm_history_step(&history, as_of);
	crm_purchases_open(&view, bytes.data, bytes.size);
	known = crm_purchase_facts(&view, as_of, registered, true, &facts);
	CHECK(known == (step != NULL), "known");
	if (!known || !step)
		return;
	CHECK(facts.orders == step->facts.orders &&
			  facts.order_days == step->facts.order_days &&
			  facts.first_order == step->facts.first_order &&
			  facts.last_order == step->facts.last_order &&
			  facts.last_visit == step->facts.last_visit &&
			  facts.registered == step->facts.registered &&
			  crm_money_identical(facts.revenue, step->facts.revenue),
		  "facts as of %d", as_of);
}

static bool
active_on(const Events *events, CrmActivity activity, int64_t day)
{
	for (int i = 0; i < events->count; i++)
	{
		const Event *event = &events->event[i];

		if (crm_day_of_local(event->at) == day &&
			(event->visit
				 ? activity != CRM_ACTIVITY_ORDER
				 : activity != CRM_ACTIVITY_VISIT &&
					   !(event->has_amount && event->amount[0] == '-' &&
						 crm_money_sign(money(event->amount)) < 0)))
			return true;
	}
	return false;
}

/* the first active day; INT64_MAX: none */
static int64_t
first_active(const Events *events, CrmActivity activity)
{
	int64_t first = INT64_MAX;

	for (int i = 0; i < events->count; i++)
	{
		int64_t day = crm_day_of_local(events->event[i].at);

		if (day < first && active_on(events, activity, day))
			first = day;
	}
	return first;
}

static void
check_retained(Bytes bytes, const Events *events)
{
	CrmActivity activity = (CrmActivity) random_between(0, 2);
	int64_t		first = first_active(events, activity);
	int32_t		from = (int32_t) random_between(0, 40);
	bool		limited = random_chance(0.8);
	int32_t		to =
		limited ? from + (int32_t) random_between(0, 40) : CRM_NO_LIMIT;
	int64_t as_of = (first == INT64_MAX ? 0 : first) + random_between(-5, 400);
	int		expected = CRM_TOO_EARLY;
	CrmPurchaseView view;

	if (first != INT64_MAX && first + (limited ? to : from) < as_of)
	{
		expected = CRM_LEFT;
		for (int64_t day = first + from; day <= as_of; day++)
			if (day - first <= to && active_on(events, activity, day))
				expected = CRM_RETAINED;
	}
	crm_purchases_open(&view, bytes.data, bytes.size);
	CHECK((int) crm_purchase_retained(&view, activity, from, to,
									  (CrmDay) as_of) == expected,
		  "days %d to %d, as of %lld", from, to, (long long) as_of);
}

static bool
is_order(const Event *event)
{
	return !event->visit &&
		   !(event->has_amount && crm_money_sign(money(event->amount)) < 0);
}

static void
check_nth(const CrmPurchaseView *view, const Events *orders)
{
	int		count = 0;
	int64_t at = 0;
	int64_t last = 0;

	for (int i = 0; i < orders->count; i++)
	{
		if (!is_order(&orders->event[i]))
			continue;
		last = orders->event[i].at;
		count++;
		CHECK(crm_purchase_nth(view, count, &at) && at == last, "order %d",
			  count);
	}
	CHECK(!crm_purchase_nth(view, count + 1, &at), "order %d", count + 1);
	CHECK(crm_purchase_nth(view, 0, &at) == (count > 0) &&
			  (count == 0 || at == last),
		  "the last order");
}

static void
check_window(const CrmPurchaseView *view, const Events *orders)
{
	CrmDay first =
		orders->count > 0 ? crm_day_of_local(orders->event[0].at) : 0;
	CrmDay	 after = first + (CrmDay) random_between(-5, 30);
	CrmDay	 as_of = after + (CrmDay) random_between(0, 60);
	int64_t	 count = 0;
	CrmMoney sum = crm_money_from_int64(0);
	int64_t	 window_count;
	CrmMoney window_sum;

	for (int i = 0; i < orders->count; i++)
	{
		const Event *event = &orders->event[i];
		CrmDay		 day = crm_day_of_local(event->at);

		if (day <= after || day > as_of)
			continue;
		count += is_order(event);
		if (event->has_amount)
			sum = crm_money_add(sum, money(event->amount));
	}
	crm_purchase_window(view, after, as_of, &window_count, &window_sum);
	CHECK(count == window_count, "orders of days %d to %d", after + 1, as_of);
	CHECK(crm_money_identical(sum, window_sum), "revenue of days %d to %d",
		  after + 1, as_of);
}

static void
check_active_days(const CrmPurchaseView *view, const Events *events)
{
	CrmActivity	  activity = (CrmActivity) random_between(0, 2);
	int64_t		  first = first_active(events, activity);
	CrmDay		  day = CRM_NO_DAY;
	CrmDay		  before = CRM_NO_DAY;
	CrmActiveDays days;
	int			  count = 0;
	int			  expected = 0;
	int64_t		  seen[MAX_EVENTS];

	for (int i = 0; i < events->count; i++)
	{
		int64_t at = crm_day_of_local(events->event[i].at);
		bool	again = false;

		for (int j = 0; j < expected; j++)
			again |= seen[j] == at;
		if (!again && active_on(events, activity, at))
			seen[expected++] = at;
	}
	crm_active_days_start(&days, view, activity, CRM_LAST_DAY);
	for (; crm_active_days_next(&days, &day); before = day, count++)
	{
		CHECK(count > 0 ? day > before : day == first, "day %d", day);
		CHECK(active_on(events, activity, day), "active on %d", day);
	}
	CHECK(count == expected, "%d of %d active days", count, expected);
}

static void
check_asked(Bytes bytes, const Events *events)
{
	Events			orders = sorted_orders(events);
	CrmPurchaseView view;

	crm_purchases_open(&view, bytes.data, bytes.size);
	check_nth(&view, &orders);
	check_window(&view, &orders);
	check_active_days(&view, events);
}

/* ---- damage ------------------------------------------------------------- */

static void
use(const uint8_t *data, size_t size)
{
	CrmPurchaseView view;
	CrmPurchases	list;
	CrmFacts		facts;
	int64_t			at;

	crm_purchases_open(&view, data, size);
	(void) crm_purchase_facts(&view, 9000, CRM_NO_DAY, true, &facts);
	(void) crm_purchase_retained(&view, CRM_ACTIVITY_ANY, 1, 30, 9000);
	(void) crm_purchase_nth(&view, 2, &at);
	crm_purchases_init(&list, view.times);
	crm_purchases_add_view(&list, &view);
	(void) crm_purchases_encode(&list, NULL, 0);
}

static int damaged_refused;
static int damaged_taken;

static void
check_damage(Bytes bytes)
{
	/* a copy of just that size: a byte too far is found */
	uint8_t *copy = crm_alloc(bytes.size);
	size_t	 size = bytes.size;

	memcpy(copy, bytes.data, size);
	if (random_chance(0.3))
		size = (size_t) random_between(0, (int64_t) size - 1);
	else
		copy[random_between(0, (int64_t) size - 1)] = (uint8_t) random_bits();
	copy = crm_realloc(copy, size);
	if (FAILS_WITH(CRM_ERROR_CORRUPT, use(copy, size)))
		damaged_refused++;
	else
	{
		CHECK(host_failure == -1 || host_failure == CRM_ERROR_RANGE, "error %d",
			  host_failure);
		damaged_taken++;
	}
}

static void
check_many_visits(void)
{
	CrmPurchases	list;
	CrmPurchaseView view;
	CrmVisitCursor	visits;
	Bytes			bytes;
	size_t			last;

	crm_purchases_init(&list, false);
	crm_purchases_add_visits(&list, 9000, CRM_MAX_VISITS - 1);
	crm_purchases_add_visits(&list, 9000, 1);
	bytes = encoded(&list);
	crm_purchases_add_visits(&list, 9000, 1);
	CHECK(FAILS_WITH(CRM_ERROR_RANGE, crm_purchases_encode(&list, NULL, 0)),
		  "one visit too many");
	/* the same in bytes: what stands there is the number less one */
	for (last = bytes.size - 1; bytes.data[last] != 0xFE;)
		last--;
	crm_purchases_open(&view, bytes.data, bytes.size);
	crm_visits_start(&visits, &view);
	CHECK(crm_visits_next(&visits) && visits.count == CRM_MAX_VISITS,
		  "as many as may be");
	bytes.data[last]++;
	CHECK(FAILS_WITH(CRM_ERROR_CORRUPT, use(bytes.data, bytes.size)),
		  "one more in the bytes");
}

static void
check_bad_text(void)
{
	static const char *const bad[] = {
		"",
		"days",
		"hours:",
		"days: 2025-01-01",
		"days: 2025-01-01 1,",
		"days: 2025-01-01 1; 2025-01-01",
		"days: 2025-01-01 1; visits:",
		"days: 2025-01-01 1; visits: 2025-01-01 x0",
		"days: 2025-01-01 1; visits: 2025-01-01 x1000000000000000000",
		"days: 2025-02-29 1",
		"days: 2025-13-01 1",
		"days: 0000-01-01 1",
		"days: 2025-1-1 1",
		"days: 2025-01-01 10:00:00 1",
		"days: 2025-01-01 1e5",
		"days: 2025-01-01 NaN",
		"days: 2025-01-01 .5",
		"days: 2025-01-01 5.",
		"days: 2025-01-01 - 5",
		"days: 2025-01-01 1.2.3",
		"days: 2025-01-01 1 x",
		"days: 4715-01-01 BC 1",
		"days: 294277-01-01 1",
		"days: 4714-11-01 BC 1",
		"times: 2025-01-01 1",
		"times: 2025-01-01 24:00:00 1",
		"times: 2025-01-01 23:60:00 1",
		"times: 2025-01-01 10:00:00.1234567 1",
		"times: 2025-01-01 10:00:00. 1",
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
	{
		CrmPurchases list;
		CrmTextError error = {NULL, 0};

		CHECK(!crm_purchases_parse(&list, bad[i], &error), "%s", bad[i]);
		CHECK(error.message != NULL, "%s has a message", bad[i]);
	}
}

static void
check_size(void)
{
	Events events = {.count = 3};

	for (int i = 0; i < 3; i++)
	{
		events.event[i].at = (9000 + 20 * i) * CRM_USECS_PER_DAY;
		events.event[i].has_amount = true;
		strcpy(events.event[i].amount, "19.99");
	}
	/* header 3, scale 1, first day 2, two gaps, three amounts of 2 */
	CHECK(built(&events).size == 14, "%zu", built(&events).size);
}

int
main(void)
{
	PROPERTY("the bytes hold the sorted events")
	for (int i = 0; i < ROUNDS / 4; i++)
	{
		Events events = random_events();

		check_content(built(&events), &events);
	}
	PROPERTY("any order of building gives the same bytes")
	for (int i = 0; i < ROUNDS; i++)
	{
		Events events = random_events();
		Bytes  bytes = built(&events);

		shuffle(&events);
		CHECK(same(built(&events), bytes), "%d events", events.count);
	}
	PROPERTY("any split and merge gives the same bytes")
	for (int i = 0; i < ROUNDS; i++)
	{
		Events events = random_events();

		CHECK(same(split_and_merged(&events), built(&events)), "%d events",
			  events.count);
	}
	PROPERTY("a cut keeps what lies before it")
	for (int i = 0; i < ROUNDS; i++)
	{
		Events events = random_events();

		check_cut(built(&events), &events);
	}
	PROPERTY("text reads back to the same bytes")
	for (int i = 0; i < ROUNDS; i++)
	{
		Events events = random_events();

		check_text(built(&events));
	}
	PROPERTY("facts are those of the day's step")
	for (int i = 0; i < ROUNDS; i++)
	{
		Events events = random_events();

		check_facts(built(&events), &events);
	}
	PROPERTY("retained as a search of all days says")
	for (int i = 0; i < ROUNDS; i++)
	{
		Events events = random_events();

		check_retained(built(&events), &events);
	}
	PROPERTY("n-th order, windows and active days are those of the list")
	for (int i = 0; i < ROUNDS; i++)
	{
		Events events = random_events();

		check_asked(built(&events), &events);
	}
	PROPERTY("damaged bytes are refused or taken, never followed")
	{
		for (int i = 0; i < 10 * ROUNDS; i++)
		{
			Events events = random_events();

			check_damage(built(&events));
			host_free_all();
		}
		CHECK(damaged_refused > ROUNDS && damaged_taken > ROUNDS,
			  "%d refused, %d taken", damaged_refused, damaged_taken);
	}
	PROPERTY("text that is no history is refused")
	check_bad_text();
	PROPERTY("a day has only so many visits")
	check_many_visits();
	PROPERTY("three orders take 14 bytes")
	check_size();
	return done();
}
