/*
 * history.c
 *		Folding one customer's events into steps, and stages out of them.
 *
 * Owns what an order is: a row of amount >= 0 (or without amount), or, where
 * rows name their order, the rows of one order netted.  An order that nets
 * to nothing by refunds is no order from the day of the refund on; the days
 * before still saw it.  Refunds lower the revenue on their own day.
 *
 * Invariant: facts of a step depend on the events up to the end of its day
 * and on nothing else, whatever the order in which they were added.
 */
#include <stdlib.h>
#include <string.h>

#include "history.h"

/* the facts being folded, one day after the other */
typedef struct Fold
{
	CrmHistory *history;
	CrmStep		step;
	CrmDay		day;
	int32_t		slot; /* of the day being folded, counting order days */
	bool		slot_used;
	int32_t		first; /* of the live orders, by time; -1: there is none */
	int32_t		last;
	bool		again; /* what came late has been noted before */
} Fold;

void
crm_history_init(CrmHistory *history)
{
	memset(history, 0, sizeof(*history));
}

void
crm_history_free(CrmHistory *history)
{
	if (history->events)
		crm_free(history->events);
	if (history->orders)
		crm_free(history->orders);
	if (history->live_on)
		crm_free(history->live_on);
	if (history->steps)
		crm_free(history->steps);
	if (history->late)
		crm_free(history->late);
	crm_history_init(history);
}

void
crm_history_reset(CrmHistory *history)
{
	history->event_count = 0;
	history->order_count = 0;
	history->step_count = 0;
	history->late_count = 0;
	history->always = false;
}

/* room for one more element; arrays are kept from customer to customer */
static void *
grown(void *array, int *space, int count, size_t size)
{
	if (count < *space)
		return array;
	*space = *space > 0 ? *space * 2 : 16;
	if (array == NULL)
		return crm_alloc(size * (size_t) *space);
	return crm_realloc(array, size * (size_t) *space);
}

static CrmEvent *
new_event(CrmHistory *history, CrmEventKind kind, int64_t at)
{
	CrmEvent *event;

	history->events = grown(history->events, &history->event_space,
							history->event_count, sizeof(CrmEvent));
	event = &history->events[history->event_count++];
	event->kind = kind;
	event->at = at;
	event->visits = 0;
	event->amount = crm_money_from_int64(0);
	event->has_amount = false;
	event->order = -1;
	return event;
}

void
crm_history_add_order(CrmHistory *history, int64_t at, const CrmMoney *amount,
					  bool same_order)
{
	CrmEvent *event = new_event(history, CRM_EVENT_ORDER, at);

	if (amount)
	{
		event->amount = *amount;
		event->has_amount = true;
	}
	if (!same_order || history->order_count == 0)
		history->order_count++;
	event->order = history->order_count - 1;
}

void
crm_history_add_visits(CrmHistory *history, int64_t at, int64_t count)
{
	new_event(history, CRM_EVENT_VISIT, at)->visits = count;
}

void
crm_history_add_registration(CrmHistory *history, int64_t at)
{
	if (at == CRM_NO_TIME)
		history->always = true;
	else
		new_event(history, CRM_EVENT_REGISTRATION, at);
}

/* by time; at one time by amount, smallest first, none before any */
static int
compare_events(const void *left, const void *right)
{
	const CrmEvent *a = left;
	const CrmEvent *b = right;

	if (a->at != b->at)
		return a->at < b->at ? -1 : 1;
	if (a->kind != b->kind)
		return a->kind < b->kind ? -1 : 1;
	if (a->has_amount != b->has_amount)
		return a->has_amount ? 1 : -1;
	return crm_money_cmp(a->amount, b->amount);
}

/* rows often come as they happened */
static bool
sorted(const CrmHistory *history)
{
	for (int i = 1; i < history->event_count; i++)
		if (compare_events(&history->events[i - 1], &history->events[i]) > 0)
			return false;
	return true;
}

/*
 * The live orders, by time: an order that appears is mostly the last of them, as
 * events are; one that is paid again after it was taken back is looked for from
 * there.
 */
static void
link_order(Fold *fold, int32_t number)
{
	CrmOrder *orders = fold->history->orders;
	int32_t	  before = fold->last;
	int32_t	  after = -1;

	while (before >= 0 && orders[before].at > orders[number].at)
	{
		after = before;
		before = orders[before].before;
	}
	orders[number].before = before;
	orders[number].after = after;
	*(before >= 0 ? &orders[before].after : &fold->first) = number;
	*(after >= 0 ? &orders[after].before : &fold->last) = number;
}

static void
unlink_order(Fold *fold, const CrmOrder *order)
{
	CrmOrder *orders = fold->history->orders;

	*(order->before >= 0 ? &orders[order->before].after : &fold->first) =
		order->after;
	*(order->after >= 0 ? &orders[order->after].before : &fold->last) =
		order->before;
}

static void
note_orders(Fold *fold)
{
	const CrmOrder *orders = fold->history->orders;
	CrmStep		   *step = &fold->step;

	step->first_order_at =
		fold->first < 0 ? CRM_NO_TIME : orders[fold->first].at;
	step->last_order_at = fold->last < 0 ? CRM_NO_TIME : orders[fold->last].at;
	if (step->facts.orders == 1)
		step->first_amount = orders[fold->first].net;
}

/* it is only now that the order counts, or ceases to */
static void
note_late(Fold *fold, const CrmOrder *order, int sign)
{
	CrmHistory *history = fold->history;
	CrmDay		own = crm_day_of_local(order->at);

	if (own == fold->day || fold->again)
		return;
	history->late = grown(history->late, &history->late_space,
						  history->late_count, sizeof(CrmLateOrder));
	history->late[history->late_count++] =
		(CrmLateOrder){.own = own, .known_on = fold->day, .sign = sign};
}

static void
order_appears(Fold *fold, CrmOrder *order)
{
	CrmStep *step = &fold->step;

	note_late(fold, order, 1);
	order->live = true;
	step->facts.orders++;
	if (fold->history->live_on[order->day_slot]++ == 0)
		step->facts.order_days++;
	link_order(fold, (int32_t) (order - fold->history->orders));
	note_orders(fold);
}

static void
order_vanishes(Fold *fold, CrmOrder *order)
{
	CrmStep *step = &fold->step;

	note_late(fold, order, -1);
	order->live = false;
	step->facts.orders--;
	if (--fold->history->live_on[order->day_slot] == 0)
		step->facts.order_days--;
	unlink_order(fold, order);
	note_orders(fold);
}

static void
fold_order_row(Fold *fold, const CrmEvent *event)
{
	CrmOrder *order = &fold->history->orders[event->order];
	CrmFacts *facts = &fold->step.facts;
	bool	  refund = event->has_amount && crm_money_sign(event->amount) < 0;
	bool	  live;

	if (event->has_amount)
	{
		crm_money_increase(&facts->revenue, &event->amount);
		crm_money_increase(&order->net, &event->amount);
	}
	if (refund)
		order->refunded = true;
	else if (order->at == CRM_NO_TIME)
	{
		order->at = event->at;
		order->day_slot = fold->slot;
		fold->slot_used = true;
	}
	live = order->at != CRM_NO_TIME &&
		   !(order->refunded && crm_money_sign(order->net) <= 0);
	if (live && !order->live)
		order_appears(fold, order);
	else if (!live && order->live)
		order_vanishes(fold, order);
	else if (live && facts->orders == 1)
		fold->step.first_amount = order->net;
}

static void
fold_event(Fold *fold, const CrmEvent *event)
{
	switch (event->kind)
	{
		case CRM_EVENT_ORDER:
			fold_order_row(fold, event);
			break;
		case CRM_EVENT_VISIT:
			fold->step.facts.visits += event->visits;
			fold->step.last_visit_at = event->at;
			fold->step.facts.last_visit = crm_day_of_local(event->at);
			break;
		case CRM_EVENT_REGISTRATION:
			if (fold->step.registered_at == CRM_NO_TIME)
			{
				fold->step.registered_at = event->at;
				fold->step.facts.registered = crm_day_of_local(event->at);
			}
			break;
	}
}

static CrmDay
day_or_never(int64_t at)
{
	return at == CRM_NO_TIME ? CRM_NO_DAY : crm_day_of_local(at);
}

static void
push_step(CrmHistory *history, const CrmStep *step)
{
	history->steps = grown(history->steps, &history->step_space,
						   history->step_count, sizeof(CrmStep));
	history->steps[history->step_count++] = *step;
}

/* the day is over: what is known now is a step */
static void
close_day(Fold *fold)
{
	CrmStep *step = &fold->step;

	crm_poll();
	step->facts.known_on = fold->day;
	step->facts.first_order = day_or_never(step->first_order_at);
	step->facts.last_order = day_or_never(step->last_order_at);
	push_step(fold->history, step);
}

static void
prepare_orders(CrmHistory *history)
{
	if (history->order_space < history->order_count)
	{
		if (history->orders)
			crm_free(history->orders);
		if (history->live_on)
			crm_free(history->live_on);
		history->order_space = history->order_count * 2;
		history->orders =
			crm_alloc(sizeof(CrmOrder) * (size_t) history->order_space);
		history->live_on =
			crm_alloc(sizeof(int32_t) * (size_t) history->order_space);
	}
	for (int i = 0; i < history->order_count; i++)
	{
		CrmOrder *order = &history->orders[i];

		order->net = crm_money_from_int64(0);
		order->at = CRM_NO_TIME;
		order->day_slot = 0;
		order->refunded = false;
		order->live = false;
		history->live_on[i] = 0;
	}
}

static void
init_fold(Fold *fold, CrmHistory *history)
{
	memset(fold, 0, sizeof(*fold));
	fold->history = history;
	fold->first = fold->last = -1;
	fold->day = CRM_ALWAYS;
	fold->step.facts.timeline = &history->timeline;
	fold->step.first_order_at = CRM_NO_TIME;
	fold->step.last_order_at = CRM_NO_TIME;
	fold->step.last_visit_at = CRM_NO_TIME;
	fold->step.registered_at = CRM_NO_TIME;
	fold->step.first_amount = crm_money_from_int64(0);
	fold->step.facts.revenue = crm_money_from_int64(0);
	fold->step.facts.revenue_known = true;
	fold->step.facts.order_days_known = true;
	fold->step.facts.first_order = CRM_NO_DAY;
	fold->step.facts.last_order = CRM_NO_DAY;
	fold->step.facts.last_visit = CRM_NO_DAY;
	fold->step.facts.registered = CRM_NO_DAY;
}

/* the steps stay where they are now */
static void
set_timeline(CrmHistory *history)
{
	history->timeline = (CrmTimeline){.first = &history->steps[0].facts,
									  .stride = sizeof(CrmStep),
									  .count = history->step_count,
									  .late = history->late,
									  .late_count = history->late_count};
}

void
crm_history_finish(CrmHistory *history)
{
	Fold fold;
	int	 i = 0;

	if (!sorted(history))
		qsort(history->events, (size_t) history->event_count, sizeof(CrmEvent),
			  compare_events);
	prepare_orders(history);
	init_fold(&fold, history);
	history->step_count = 0;
	history->late_count = 0;
	if (history->always)
		close_day(&fold);

	while (i < history->event_count)
	{
		fold.day = crm_day_of_local(history->events[i].at);
		for (; i < history->event_count &&
			   crm_day_of_local(history->events[i].at) == fold.day;
			 i++)
			fold_event(&fold, &history->events[i]);
		close_day(&fold);
		fold.slot += fold.slot_used;
		fold.slot_used = false;
	}
	if (history->step_count > 0)
		set_timeline(history);
}

void
crm_history_sums(const CrmHistory *history, CrmDay day, CrmOrderSums *sums)
{
	int64_t end = ((int64_t) day + 1) * CRM_USECS_PER_DAY;

	sums->orders = 0;
	sums->revenue = crm_money_from_int64(0);
	sums->amount = crm_money_from_int64(0);
	for (int i = 0; i < history->event_count; i++)
	{
		const CrmEvent *event = &history->events[i];

		if (event->kind != CRM_EVENT_ORDER || event->at >= end)
			continue;
		if (event->has_amount)
			crm_money_increase(&sums->revenue, &event->amount);
		if (event->has_amount && crm_money_sign(event->amount) < 0)
			continue;
		sums->orders++;
		sums->amount = event->amount;
	}
}

CrmDay
crm_history_first_day(const CrmHistory *history)
{
	int64_t first = INT64_MAX;

	for (int i = 0; i < history->event_count; i++)
		if (history->events[i].at < first)
			first = history->events[i].at;
	return first == INT64_MAX ? CRM_NO_DAY : crm_day_of_local(first);
}

/* index of the step in force on a day, -1 before the first */
static int
step_index(const CrmHistory *history, CrmDay day)
{
	int low = 0;
	int high = history->step_count;

	while (low < high)
	{
		int middle = low + (high - low) / 2;

		if (history->steps[middle].facts.known_on <= day)
			low = middle + 1;
		else
			high = middle;
	}
	return low - 1;
}

const CrmStep *
crm_history_step(const CrmHistory *history, CrmDay day)
{
	int index = step_index(history, day);

	return index < 0 ? NULL : &history->steps[index];
}

CrmDay
crm_history_next_event(const CrmHistory *history, CrmDay day)
{
	int index = step_index(history, day) + 1;

	return index < history->step_count ? history->steps[index].facts.known_on
									   : CRM_NO_DAY;
}

int
crm_history_stage(const CrmHistory *history, const CrmModel *model, CrmDay day)
{
	const CrmStep *step = crm_history_step(history, day);

	return step ? crm_model_evaluate(model, &step->facts, day) : CRM_ABSENT;
}

CrmStretch
crm_history_stretch(const CrmHistory *history, const CrmModel *model,
					CrmDay day)
{
	CrmStretch stretch = {CRM_ABSENT, CRM_NO_DAY, CRM_ABSENT};
	int		   index = step_index(history, day);

	if (index < 0)
		return stretch;
	stretch.stage =
		crm_model_evaluate(model, &history->steps[index].facts, day);
	for (;;)
	{
		const CrmFacts *facts = &history->steps[index].facts;

		if (crm_model_since(model, facts, day, facts->known_on, &stretch.since,
							&stretch.previous))
			return stretch;
		stretch.since =
			facts->known_on == CRM_ALWAYS ? CRM_NO_DAY : facts->known_on;
		stretch.previous = CRM_ABSENT;
		if (index == 0)
			return stretch;
		day = facts->known_on - 1;
		index--;
		stretch.previous =
			crm_model_evaluate(model, &history->steps[index].facts, day);
		if (stretch.previous != stretch.stage)
			return stretch;
	}
}

void
crm_history_replay(const CrmHistory *history, const CrmModel *model,
				   CrmDay from, CrmDay to, CrmChangeCallback callback,
				   void *context)
{
	CrmDay day = from;
	int	   stage = crm_history_stage(history, model, from);

	for (;;)
	{
		const CrmStep *step = crm_history_step(history, day);
		CrmDay		   event = crm_history_next_event(history, day);
		CrmDay		   clock = CRM_NO_DAY;
		int			   next;

		if (step && !crm_model_next(model, &step->facts, day, &clock, &next))
			clock = CRM_NO_DAY;
		if (event == CRM_NO_DAY && clock == CRM_NO_DAY)
			return;
		day = event == CRM_NO_DAY || (clock != CRM_NO_DAY && clock < event)
				  ? clock
				  : event;
		if (day > to)
			return;
		next = crm_history_stage(history, model, day);
		if (next != stage)
			callback(context, day, stage, next, day == event);
		stage = next;
	}
}

/* where the pieces of a step go to */
typedef struct Pieces
{
	CrmPieceCallback callback;
	void			*context;
	const CrmStep	*step;
	CrmDay			 event;
	CrmDay			 first; /* of the piece at hand */
} Pieces;

static void
end_piece(void *context, CrmDay day, int from_stage, int to_stage)
{
	Pieces *pieces = context;

	pieces->callback(pieces->context, pieces->step, from_stage, pieces->first,
					 day - 1, pieces->event);
	pieces->first = day;
}

void
crm_history_pieces(const CrmHistory *history, const CrmModel *model,
				   CrmDay from, CrmDay to, CrmPieceCallback callback,
				   void *context)
{
	Pieces pieces = {.callback = callback, .context = context};
	int	   index = step_index(history, from);

	for (index = index < 0 ? 0 : index; index < history->step_count; index++)
	{
		CrmDay known = history->steps[index].facts.known_on;
		CrmDay last = to;
		int	   stage;

		pieces.step = &history->steps[index];
		pieces.first = known < from ? from : known;
		if (pieces.first > to)
			return;
		pieces.event = index + 1 < history->step_count
						   ? history->steps[index + 1].facts.known_on
						   : CRM_LAST_EVENT;
		if (pieces.event < last)
			last = pieces.event;
		stage = crm_model_until(model, &pieces.step->facts, pieces.first, last,
								end_piece, &pieces);
		callback(context, pieces.step, stage, pieces.first, last, pieces.event);
	}
}

/* history->orders as of the end of a day */
static void
fold_orders(CrmHistory *history, CrmDay day)
{
	Fold fold;

	prepare_orders(history);
	init_fold(&fold, history);
	fold.again = true;
	for (int i = 0; i < history->event_count; i++)
	{
		const CrmEvent *event = &history->events[i];

		if (crm_day_of_local(event->at) > day)
			break;
		if (event->kind == CRM_EVENT_ORDER)
			fold_order_row(&fold, event);
	}
}

void
crm_history_window(const CrmHistory *history, CrmDay after, CrmDay day,
				   int64_t *orders, CrmMoney *revenue)
{
	const CrmStep *now = crm_history_step(history, day);

	*orders = now ? crm_facts_orders_after(&now->facts, after) : 0;
	*revenue = now ? crm_facts_revenue_after(&now->facts, after)
				   : crm_money_from_int64(0);
}

/* the first event after the end of a day */
static int
event_index(const CrmHistory *history, CrmDay day)
{
	int low = 0;
	int high = history->event_count;

	while (low < high)
	{
		int middle = low + (high - low) / 2;

		if (crm_day_of_local(history->events[middle].at) > day)
			high = middle;
		else
			low = middle + 1;
	}
	return low;
}

CrmDay
crm_history_first_in(const CrmHistory *history, CrmDay after, CrmDay day)
{
	for (int i = event_index(history, after); i < history->event_count; i++)
	{
		const CrmEvent *event = &history->events[i];
		CrmDay			on = crm_day_of_local(event->at);

		if (on > day)
			break;
		if (event->kind == CRM_EVENT_ORDER)
			return on;
	}
	return CRM_NO_DAY;
}

static void
add_day(CrmDay *days, int *count, CrmDay day)
{
	if (*count == 0 || days[*count - 1] != day)
		days[(*count)++] = day;
}

void
crm_history_days(CrmHistory *history, CrmDay day, CrmDay *order_days,
				 int *order_count, CrmDay *active_days, int *active_count)
{
	*order_count = *active_count = 0;
	fold_orders(history, day);
	for (int i = 0; i < history->event_count; i++)
	{
		const CrmEvent *event = &history->events[i];
		CrmDay			on = crm_day_of_local(event->at);

		if (on > day)
			break;
		if (event->kind == CRM_EVENT_ORDER)
		{
			const CrmOrder *order = &history->orders[event->order];

			if (!order->live || crm_day_of_local(order->at) != on)
				continue;
			add_day(order_days, order_count, on);
		}
		else if (event->kind != CRM_EVENT_VISIT)
			continue;
		add_day(active_days, active_count, on);
	}
}
