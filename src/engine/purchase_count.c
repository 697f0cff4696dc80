/*
 * purchase_count.c
 *		Each metric's way to count a history, and the one of all the others.
 *
 * A count of its own is for what is asked of millions of histories at a time;
 * it reads days from their bytes and counts them in a line.
 *
 * Invariant: a line is only read and changed within its counts.
 */
#include <string.h>

#include "cohorts.h"
#include "funnel.h"
#include "interval.h"
#include "purchase_count.h"
#include "repurchase.h"
#include "repurchase_periods.h"
#include "retention.h"

void
crm_line_grow(CrmLine *line, int64_t counts)
{
	if (counts <= line->counts)
		return;
	line->count = crm_realloc(line->count, (size_t) counts * sizeof(int64_t));
	memset(line->count + line->counts, 0,
		   (size_t) (counts - line->counts) * sizeof(int64_t));
	line->counts = counts;
}

/* ---- events -------------------------------------------------------------- */

static CrmLogEvent *
new_event(CrmEvents *events)
{
	CrmLogEvent *event;

	if (events->count == events->space)
	{
		events->space = events->space * 2 + 8;
		events->event =
			crm_realloc(events->event, events->space * sizeof(CrmLogEvent));
	}
	event = &events->event[events->count++];
	event->kind = CRM_LOG_START | CRM_LOG_RETURN;
	event->known = false;
	return event;
}

/* orders one by one, with refunds and amounts if those are asked for */
static void
order_events(const CrmPurchaseView *view, bool amounts, CrmDay as_of,
			 CrmEvents *to)
{
	CrmOrderCursor orders;

	crm_orders_start(&orders, view, amounts);
	while (crm_orders_next(&orders) && orders.day <= as_of)
	{
		CrmLogEvent *event;

		if (orders.refund && !amounts)
			continue;
		event = new_event(to);
		event->day = orders.day;
		event->known = amounts && orders.has_amount;
		event->amount = orders.amount;
	}
}

static void
day_events(const CrmPurchaseView *view, CrmActivity activity, CrmDay as_of,
		   CrmEvents *to)
{
	CrmActiveDays days;
	CrmDay		  day;

	crm_active_days_start(&days, view, activity, as_of);
	while (crm_active_days_next(&days, &day))
		new_event(to)->day = day;
}

/* days on which a customer starts, returns, or both */
static void
kind_events(const CrmPurchaseView *view, const CrmHistoryParams *params,
			CrmEvents *to)
{
	CrmActiveDays starts;
	CrmActiveDays returns;
	CrmDay		  start = CRM_LAST_DAY;
	CrmDay		  back = CRM_LAST_DAY;

	crm_active_days_start(&starts, view, params->event, params->metric.as_of);
	crm_active_days_start(&returns, view, params->return_event,
						  params->metric.as_of);
	(void) crm_active_days_next(&starts, &start);
	(void) crm_active_days_next(&returns, &back);
	while (start != CRM_LAST_DAY || back != CRM_LAST_DAY)
	{
		CrmLogEvent *event = new_event(to);

		event->day = start < back ? start : back;
		event->kind = 0;
		if (start == event->day)
		{
			event->kind |= CRM_LOG_START;
			if (!crm_active_days_next(&starts, &start))
				start = CRM_LAST_DAY;
		}
		if (back == event->day)
		{
			event->kind |= CRM_LOG_RETURN;
			if (!crm_active_days_next(&returns, &back))
				back = CRM_LAST_DAY;
		}
	}
}

void
crm_purchase_events(const CrmPurchaseCounter *counter,
					const CrmPurchaseView *view, const CrmHistoryParams *params,
					CrmEvents *to)
{
	CrmDay as_of = params->metric.as_of;

	to->count = 0;
	if (counter->metric->amounts || counter->orders)
		order_events(view, counter->metric->amounts, as_of, to);
	else if (params->event == params->return_event)
		day_events(view, params->event, as_of, to);
	else
		kind_events(view, params, to);
}

void
crm_purchase_events_count(const CrmPurchaseCounter *counter,
						  const CrmEvents		   *events,
						  const CrmHistoryParams *params, CrmTotals *totals)
{
	const CrmMetric *metric = counter->metric;
	CrmWalk			 walk = crm_metric_walk(metric);
	uint32_t		 state[CRM_STATE_MAX_WORDS];

	if (events->count == 0)
		return;
	if (walk)
	{
		walk(events->event, events->count, &params->metric, totals);
		return;
	}
	memset(state, 0,
		   (size_t) metric->words(&params->metric) * sizeof(state[0]));
	for (size_t i = 0; i < events->count; i++)
		metric->add(state, &params->metric, events->event[i].day);
	metric->fold(state, &params->metric, totals);
}

/* ---- days ---------------------------------------------------------------- */

/*
 * Counts of their own walk over days like this, each compiled twice: for orders
 * without a refund among them everything stays in registers.
 */
typedef struct Days
{
	const uint8_t *next;
	const uint8_t *end;
	int			   left; /* differences; -1: no day */
	CrmDay		   day;	 /* the next one, refunds aside */
	CrmDay		   as_of;
} Days;

static inline bool
are_plain(const CrmPurchaseView *view, const CrmHistoryParams *params)
{
	return params->event == CRM_ACTIVITY_ORDER && !view->refunds;
}

static inline __attribute__((always_inline)) void
days_start(bool plain, Days *days, CrmActiveDays *others,
		   const CrmPurchaseView *view, const CrmHistoryParams *params)
{
	CrmDay as_of = params->metric.as_of;

	if (!plain)
	{
		crm_active_days_start(others, view, params->event, as_of);
		return;
	}
	days->next = view->order_days;
	days->end = view->end;
	days->left = view->order_count - 1;
	days->day = view->first_day;
	days->as_of = as_of;
}

static inline __attribute__((always_inline)) bool
days_next(bool plain, Days *days, CrmActiveDays *others, CrmDay *day)
{
	CrmDay next = days->day;

	if (!plain)
		return crm_active_days_next(others, day);
	if (days->left < 0 || next > days->as_of)
		return false;
	*day = next;
	do
	{
		if (days->left-- == 0)
			break;
		days->day = crm_take_day(&days->next, days->end, next);
	} while (days->day == next);
	return true;
}

/* ---- retained ------------------------------------------------------------ */

static void
count_by_days(CrmLine *line, CrmTotals *totals, const CrmPurchaseView *view,
			  const CrmHistoryParams *params)
{
	int32_t		  n = params->metric.n;
	CrmActiveDays days;
	CrmDay		  first;
	CrmDay		  day;
	int64_t		  since = 0;

	(void) line;
	crm_active_days_start(&days, view, params->event, params->metric.as_of);
	if (!crm_active_days_next(&days, &first) ||
		!crm_day_is_over(first, n, &params->metric))
		return;
	totals->count[CRM_RETENTION_MATURE]++;
	if (n > 0 && crm_active_days_next(&days, &day))
	{
		since = (int64_t) day - first;
		totals->count[CRM_RETENTION_WITHIN] += since <= n;
	}
	while (since < n && crm_active_days_next(&days, &day))
		since = (int64_t) day - first;
	totals->count[CRM_RETENTION_ON_DAY] += since == n;
}

static inline void
count_retained(CrmTotals *totals, const CrmPurchaseView *view,
			   const CrmHistoryParams *params, int32_t from, int32_t to)
{
	CrmRetained retained = crm_purchase_retained(view, params->event, from, to,
												 params->metric.as_of);

	totals->count[CRM_RETENTION_MATURE] += retained != CRM_TOO_EARLY;
	totals->count[CRM_RETENTION_RETAINED] += retained == CRM_RETAINED;
}

static void
count_between(CrmLine *line, CrmTotals *totals, const CrmPurchaseView *view,
			  const CrmHistoryParams *params)
{
	(void) line;
	count_retained(totals, view, params, params->metric.m, params->metric.n);
}

static void
count_from(CrmLine *line, CrmTotals *totals, const CrmPurchaseView *view,
		   const CrmHistoryParams *params)
{
	(void) line;
	count_retained(totals, view, params, params->metric.n, CRM_NO_LIMIT);
}

/* ---- the curve ----------------------------------------------------------- */

/*
 *		by the last day that is over, n at most: customers
 *		by day 0 .. n: customers active on it
 */
static int64_t
curve_line(const CrmHistoryParams *params)
{
	return 2 * ((int64_t) params->metric.n + 1);
}

static inline __attribute__((always_inline)) void
curve_of(bool plain, CrmLine *line, CrmTotals *totals,
		 const CrmPurchaseView *view, const CrmHistoryParams *params)
{
	const CrmParams *metric = &params->metric;
	int64_t			*active = line->count + metric->n + 1;
	Days			 days;
	CrmActiveDays	 others;
	CrmDay			 first;
	CrmDay			 day;
	int64_t			 over;

	days_start(plain, &days, &others, view, params);
	if (!days_next(plain, &days, &others, &first) || first < metric->from ||
		first > metric->to)
		return;
	totals->count[CRM_CURVE_CUSTOMERS]++;
	over = (int64_t) metric->as_of - 1 - first;
	if (over < 0)
		return;
	over = over < metric->n ? over : metric->n;
	line->count[over]++;
	active[0]++;
	while (days_next(plain, &days, &others, &day) &&
		   day - (int64_t) first <= over)
		active[day - first]++;
}

static void
count_curve(CrmLine *line, CrmTotals *totals, const CrmPurchaseView *view,
			const CrmHistoryParams *params)
{
	if (are_plain(view, params))
		curve_of(true, line, totals, view, params);
	else
		curve_of(false, line, totals, view, params);
}

static void
close_curve(const CrmLine *line, const CrmHistoryParams *params,
			CrmTotals *totals)
{
	int32_t max_n = params->metric.n;

	for (int32_t n = 0; n <= max_n; n++)
	{
		CrmCell *cell;

		if (line->count[n] == 0 && line->count[max_n + 1 + n] == 0)
			continue;
		cell = crm_totals_cell(totals, n, 0);
		cell->count[CRM_CURVE_ELIGIBLE] += line->count[n];
		cell->count[CRM_CURVE_RETAINED] += line->count[max_n + 1 + n];
	}
}

/* ---- cohorts ------------------------------------------------------------- */

/*
 * A triangle: cohorts by their age in periods at as_of, each with the periods
 * since, 0 to its age.  An older cohort only makes it longer; the very old go
 * to cells.
 *
 *		age 0: 0 | age 1: 0 1 | age 2: 0 1 2 | ...
 */
#define TRIANGLE_AGES 512

static inline int64_t
triangle(int64_t ages)
{
	return ages * (ages + 1) / 2;
}

/* a customer of a cohort that no triangle reaches */
static void
old_cohort(CrmTotals *totals, const CrmPurchaseView *view,
		   const CrmHistoryParams *params)
{
	CrmUnit		  unit = (CrmUnit) params->metric.option;
	int32_t		  cohort = 0;
	int32_t		  before = -1;
	CrmActiveDays days;
	CrmDay		  day;

	crm_active_days_start(&days, view, params->event, params->metric.as_of);
	while (crm_active_days_next(&days, &day))
	{
		int32_t period = crm_period_index(day, unit);

		if (before < 0)
			cohort = period;
		period -= cohort;
		if (period != before)
			crm_totals_cell(totals, cohort, period)->count[CRM_COHORT_ACTIVE]++;
		before = period;
	}
}

static inline __attribute__((always_inline)) void
cohorts_of(bool plain, CrmLine *line, CrmTotals *totals,
		   const CrmPurchaseView *view, const CrmHistoryParams *params)
{
	CrmUnit		  unit = (CrmUnit) params->metric.option;
	int32_t		  cohort;
	int32_t		  period = 0;
	int64_t		  age;
	int64_t		 *row;
	Days		  days;
	CrmActiveDays others;
	CrmDay		  day;

	days_start(plain, &days, &others, view, params);
	if (!days_next(plain, &days, &others, &day) || day < params->metric.from ||
		day > params->metric.to)
		return;
	totals->count[CRM_COHORTS_CUSTOMERS]++;
	cohort = crm_period_of(day, unit);
	age = (int64_t) crm_period_of(params->metric.as_of, unit) - cohort;
	if (age >= TRIANGLE_AGES)
	{
		old_cohort(totals, view, params);
		return;
	}
	/* some more than needed, as older ones are likely to come */
	if (triangle(age + 1) > line->counts)
		crm_line_grow(line, triangle(age + 1 + age / 8));
	row = line->count + triangle(age);
	row[0]++;
	while (days_next(plain, &days, &others, &day))
	{
		int32_t next = crm_period_of(day, unit) - cohort;

		row[next] += next != period;
		period = next;
	}
}

static void
count_cohorts(CrmLine *line, CrmTotals *totals, const CrmPurchaseView *view,
			  const CrmHistoryParams *params)
{
	if (are_plain(view, params))
		cohorts_of(true, line, totals, view, params);
	else
		cohorts_of(false, line, totals, view, params);
}

static void
close_cohorts(const CrmLine *line, const CrmHistoryParams *params,
			  CrmTotals *totals)
{
	CrmUnit unit = (CrmUnit) params->metric.option;
	int32_t now = crm_period_index(params->metric.as_of, unit);

	for (int32_t age = 0; triangle(age + 1) <= line->counts; age++)
		for (int32_t period = 0; period <= age; period++)
		{
			int64_t count = line->count[triangle(age) + period];

			if (count > 0)
				crm_totals_cell(totals, now - age, period)
					->count[CRM_COHORT_ACTIVE] += count;
		}
}

/* ---- gaps ---------------------------------------------------------------- */

/* by the days from one order day to the next; the very long go to cells */
#define LINE_GAPS 4096

static int64_t
interval_line(const CrmHistoryParams *params)
{
	(void) params;
	return LINE_GAPS;
}

static void
count_interval(CrmLine *line, CrmTotals *totals, const CrmPurchaseView *view,
			   const CrmHistoryParams *params)
{
	CrmActiveDays days;
	CrmDay		  first;
	CrmDay		  before;
	CrmDay		  day;

	crm_active_days_start(&days, view, CRM_ACTIVITY_ORDER,
						  params->metric.as_of);
	if (!crm_active_days_next(&days, &first))
		return;
	for (before = first; crm_active_days_next(&days, &day); before = day)
	{
		int32_t gap = day - before;

		totals->count[CRM_INTERVAL_GAPS]++;
		if (gap < LINE_GAPS)
			line->count[gap]++;
		else
			crm_totals_cell(totals, gap, 0)->count[0]++;
	}
	totals->count[CRM_INTERVAL_DAYS] += before - first;
}

static void
close_interval(const CrmLine *line, const CrmHistoryParams *params,
			   CrmTotals *totals)
{
	(void) params;
	for (int32_t gap = 0; gap < LINE_GAPS; gap++)
		if (line->count[gap] > 0)
			crm_totals_cell(totals, gap, 0)->count[0] += line->count[gap];
}

/* ---- repurchase ---------------------------------------------------------- */

static void
count_repurchase(CrmLine *line, CrmTotals *totals, const CrmPurchaseView *view,
				 const CrmHistoryParams *params)
{
	CrmOrderCursor orders;
	CrmDay		   before = CRM_NO_DAY;
	int			   count = 0;

	(void) line;
	crm_orders_start(&orders, view, false);
	while (count < 2 && crm_orders_next(&orders) &&
		   orders.day <= params->metric.to)
	{
		if (orders.refund || orders.day < params->metric.from ||
			(params->metric.option == CRM_BY_DAYS && orders.day == before))
			continue;
		before = orders.day;
		count++;
	}
	totals->count[CRM_REPURCHASE_CUSTOMERS] += count > 0;
	totals->count[CRM_REPURCHASE_REPEATED] += count > 1;
}

/* what arpu and the average order are worked out from */
static void
revenue_walk(const CrmLogEvent *event, size_t count, const CrmParams *params,
			 CrmTotals *totals)
{
	CrmMoney *sum = crm_cell_sum(totals, crm_totals_cell(totals, 0, 0));
	int64_t	  orders = 0;

	(void) params;
	for (size_t i = 0; i < count; i++)
	{
		orders += !event[i].known || crm_money_sign(event[i].amount) >= 0;
		if (event[i].known)
			crm_money_accumulate(sum, event[i].amount);
	}
	totals->count[CRM_REVENUE_CUSTOMERS] += orders > 0;
	totals->count[CRM_REVENUE_ORDERS] += orders;
}

const CrmMetric crm_revenue = {
	.name = "revenue",
	.code = 42,
	.cell_sums = 1,
	.amounts = true,
	.walk = revenue_walk,
};

const CrmMetric crm_repurchase_in_range = {
	.name = "repurchase in a range",
	.code = 41,
	.param = {[CRM_PARAM_FROM] = "from_day",
			  [CRM_PARAM_TO] = "to_day",
			  [CRM_PARAM_OPTION] = "by"},
	.absent = {.from = CRM_DAY_MIN, .to = CRM_DAY_MAX, .option = CRM_BY_ORDERS},
};

/* ---- all of them --------------------------------------------------------- */

/* a metric that is not in it counts events, the orders of a day as one */
static const CrmPurchaseCounter counters[] = {
	{&crm_retention_by_days, .count = count_by_days},
	{&crm_retention_between, .count = count_between},
	{&crm_retention_from, .count = count_from},
	{&crm_retention_curve, .line = curve_line, .count = count_curve,
	 .close = close_curve},
	{&crm_retention_cohorts, .count = count_cohorts, .close = close_cohorts},
	{&crm_repurchase_interval, .line = interval_line, .count = count_interval,
	 .close = close_interval},
	{&crm_repurchase_in_range, .count = count_repurchase},
	{&crm_repeat_funnel, .orders = true},
	{&crm_repurchase_periods, .orders = true},
};

CrmPurchaseCounter
crm_purchase_counter(const CrmMetric *metric)
{
	CrmPurchaseCounter other = {.metric = metric};

	for (size_t i = 0; i < sizeof(counters) / sizeof(counters[0]); i++)
		if (counters[i].metric == metric)
			return counters[i];
	return other;
}
