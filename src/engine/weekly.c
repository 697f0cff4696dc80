/*
 * weekly.c
 *		Weekly figures of many customers, one pass over each one's purchases.
 *
 * Two walks over the same weeks, by the orders and by the stages:
 *
 *		orders      o         o o                  o
 *		band     --45--|-90-|--45----|----90---|140|--45 ...   by the day
 *		Mondays    M   M   M   M   M   M   M   M   M           who is where
 *
 * Invariant: a cell of the week after the last holds only differences, which
 * nobody reads.
 */
#include <string.h>

#include "purchase_metric.h"
#include "weekly.h"

typedef struct CrmWeekActivity
{
	int		   week;
	CrmLoyalty loyalty; /* when it began */
	int		   band;
	int64_t	   orders;
	CrmMoney   revenue;
} CrmWeekActivity;

/* ---- memory ------------------------------------------------------------- */

static void *
zeroed(size_t size)
{
	void *memory = crm_alloc(size);

	memset(memory, 0, size);
	return memory;
}

static CrmWeekCell *
new_cells(int64_t count)
{
	CrmWeekCell *cells = zeroed(sizeof(CrmWeekCell) * (size_t) count);

	for (int64_t i = 0; i < count; i++)
		cells[i].revenue = crm_money_from_int64(0);
	return cells;
}

void
crm_weekly_init(CrmWeekly *weekly, CrmDay first, int weeks,
				const CrmModel *model)
{
	int64_t rows = (int64_t) weeks + 1;

	memset(weekly, 0, sizeof(*weekly));
	weekly->first = first;
	weekly->weeks = weeks;
	weekly->model = model;
	weekly->stages = crm_model_stage_count(model) + 1;
	weekly->band = new_cells(rows * CRM_BANDS * CRM_LOYALTIES);
	weekly->stage = new_cells(rows * weekly->stages * CRM_LOYALTIES);
	weekly->band_members =
		zeroed(sizeof(int64_t) * (size_t) (rows * CRM_BANDS * CRM_LOYALTIES));
	weekly->stage_members = zeroed(
		sizeof(int64_t) * (size_t) (rows * weekly->stages * CRM_LOYALTIES));
	weekly->recent =
		zeroed(sizeof(CrmWeekPair) * (size_t) (rows * CRM_LOYALTIES));
	weekly->matured = zeroed(sizeof(CrmWeekPair) * (size_t) rows);
	weekly->flow =
		zeroed(sizeof(int64_t) * (size_t) (rows * weekly->stages *
										   weekly->stages * CRM_LOYALTIES));
}

void
crm_weekly_free(CrmWeekly *weekly)
{
	crm_free(weekly->band);
	crm_free(weekly->stage);
	crm_free(weekly->band_members);
	crm_free(weekly->stage_members);
	crm_free(weekly->recent);
	crm_free(weekly->matured);
	crm_free(weekly->flow);
	if (weekly->activity)
		crm_free(weekly->activity);
}

/* ---- weeks -------------------------------------------------------------- */

/* number of the week that holds a day, negative before the first */
static int64_t
week_of(const CrmWeekly *weekly, int64_t day)
{
	int64_t days = day - weekly->first;

	return days >= 0 ? days / 7 : -((6 - days) / 7);
}

/* the first week whose Monday is that day or a later one */
static int64_t
week_from(const CrmWeekly *weekly, int64_t day)
{
	return week_of(weekly, day + 6);
}

/*
 * The weeks whose Monday lies from..to, cut to those there are; false: none.
 * Their last days are the Mondays, six days later.
 */
static bool
weeks_between(const CrmWeekly *weekly, int64_t from, int64_t to, int *low,
			  int *high)
{
	int64_t first = week_from(weekly, from);
	int64_t last = week_of(weekly, to);

	if (first < 0)
		first = 0;
	if (last >= weekly->weeks)
		last = weekly->weeks - 1;
	*low = (int) first;
	*high = (int) last;
	return first <= last;
}

/* ---- bands -------------------------------------------------------------- */

static const int32_t band_from[] = {0, 45, 90, 140, 365};

static int
band_of(int64_t days)
{
	int band = CRM_BAND_REST;

	while (days < band_from[band])
		band--;
	return band;
}

static CrmLoyalty
loyalty_of(int64_t orders)
{
	if (orders == 0)
		return CRM_LOYALTY_NONE;
	return orders == 1 ? CRM_LOYALTY_NEW : CRM_LOYALTY_RETURNING;
}

static void
count_members(CrmWeekly *weekly, int64_t from, int64_t to, int band,
			  CrmLoyalty loyalty)
{
	int low;
	int high;
	int cell;

	if (!weeks_between(weekly, from, to, &low, &high))
		return;
	cell = band * CRM_LOYALTIES + loyalty;
	weekly->band_members[low * CRM_BANDS * CRM_LOYALTIES + cell]++;
	weekly->band_members[(high + 1) * CRM_BANDS * CRM_LOYALTIES + cell]--;
}

/* the last order lies on `day`, the next on `next`, so many came up to it */
static void
count_bands(CrmWeekly *weekly, CrmDay day, CrmDay next, int64_t orders)
{
	for (int band = 0; band <= CRM_BAND_REST; band++)
	{
		int64_t from = (int64_t) day + band_from[band];
		int64_t to = INT32_MAX;

		if (from > next)
			return;
		if (band < CRM_BAND_REST)
			to = (int64_t) day + band_from[band + 1] - 1;
		if (from == day)
			from++; /* known at the end of the day before */
		if (to > next)
			to = next;
		count_members(weekly, from, to, band, loyalty_of(orders));
	}
}

/* ---- second purchases --------------------------------------------------- */

/* weeks whose last day lies from..to */
static void
count_recent(CrmWeekly *weekly, int64_t from, int64_t to, int64_t again_to,
			 CrmLoyalty loyalty)
{
	int low;
	int high;

	if (weeks_between(weekly, from - 6, to - 6, &low, &high))
	{
		weekly->recent[low * CRM_LOYALTIES + loyalty].customers++;
		weekly->recent[(high + 1) * CRM_LOYALTIES + loyalty].customers--;
	}
	if (again_to > to)
		again_to = to;
	if (weeks_between(weekly, from - 6, again_to - 6, &low, &high))
	{
		weekly->recent[low * CRM_LOYALTIES + loyalty].again++;
		weekly->recent[(high + 1) * CRM_LOYALTIES + loyalty].again--;
	}
}

/*
 * As before; the first order of all lies on `first`, the one before on
 * `previous`, CRM_NO_DAY: it is the first.
 */
static void
count_second(CrmWeekly *weekly, CrmDay first, CrmDay previous, CrmDay day,
			 CrmDay next)
{
	int64_t reach = CRM_SECOND_DAYS - 1;
	int64_t to = (int64_t) day + reach;
	int64_t new_to = (int64_t) first + reach;
	int64_t again_to = INT64_MIN / 2;

	if (to > (int64_t) next - 1)
		to = (int64_t) next - 1;
	if (previous != CRM_NO_DAY)
		again_to = previous + reach;
	count_recent(weekly, day, to < new_to ? to : new_to, again_to,
				 CRM_LOYALTY_NEW);
	count_recent(weekly, day > new_to ? day : new_to + 1, to, again_to,
				 CRM_LOYALTY_RETURNING);
}

static void
count_matured(CrmWeekly *weekly, CrmDay first, CrmDay second)
{
	int64_t week = week_of(weekly, (int64_t) first + CRM_SECOND_DAYS);

	if (week < 0 || week >= weekly->weeks)
		return;
	weekly->matured[week].customers++;
	weekly->matured[week].again +=
		second != CRM_NO_DAY && second - (int64_t) first <= CRM_SECOND_DAYS;
}

/* ---- orders ------------------------------------------------------------- */

/* the activity of a week; those of all weeks come in their order */
static CrmWeekActivity *
activity_of(CrmWeekly *weekly, CrmDay day, CrmDay last, int64_t orders)
{
	int				 week = (int) week_of(weekly, day);
	CrmWeekActivity *activity;

	if (weekly->activities > 0 &&
		weekly->activity[weekly->activities - 1].week == week)
		return &weekly->activity[weekly->activities - 1];
	if (weekly->activities == weekly->activity_space)
	{
		size_t space = weekly->activity_space ? weekly->activity_space * 2 : 64;
		size_t size = sizeof(CrmWeekActivity) * space;

		weekly->activity = weekly->activity
							   ? crm_realloc(weekly->activity, size)
							   : crm_alloc(size);
		weekly->activity_space = (int) space;
	}
	activity = &weekly->activity[weekly->activities++];
	activity->week = week;
	activity->loyalty = loyalty_of(orders);
	activity->band = orders == 0
						 ? CRM_BAND_NONE
						 : band_of(weekly->first + INT64_C(7) * week - last);
	activity->orders = 0;
	activity->revenue = crm_money_from_int64(0);
	return activity;
}

static void
add_to_cell(CrmWeekCell *cell, const CrmWeekActivity *activity)
{
	cell->buyers += activity->orders > 0;
	cell->orders += activity->orders;
	crm_money_accumulate(&cell->revenue, activity->revenue);
}

/* the orders one by one, and what follows from each and the next */
static void
walk_orders(CrmWeekly *weekly, const CrmPurchaseView *view)
{
	CrmOrderCursor cursor;
	CrmDay		   first = CRM_NO_DAY;
	CrmDay		   second = CRM_NO_DAY;
	CrmDay		   previous = CRM_NO_DAY;
	CrmDay		   last = CRM_NO_DAY;
	CrmDay		   end = weekly->first + 7 * weekly->weeks;
	int64_t		   orders = 0;

	crm_orders_start(&cursor, view, true);
	while (crm_orders_next(&cursor) && cursor.day < end)
	{
		if (cursor.day >= weekly->first)
		{
			CrmWeekActivity *activity =
				activity_of(weekly, cursor.day, last, orders);

			activity->orders += !cursor.refund;
			if (cursor.has_amount)
				crm_money_increase(&activity->revenue, &cursor.amount);
		}
		if (cursor.refund)
			continue;
		if (orders > 0)
		{
			count_bands(weekly, last, cursor.day, orders);
			count_second(weekly, first, previous, last, cursor.day);
		}
		else
			first = cursor.day;
		if (second == CRM_NO_DAY && cursor.day > first)
			second = cursor.day;
		previous = last;
		last = cursor.day;
		orders++;
	}
	if (orders == 0)
		return;
	count_bands(weekly, last, INT32_MAX, orders);
	count_second(weekly, first, previous, last, INT32_MAX);
	count_matured(weekly, first, second);
}

/* ---- stages ------------------------------------------------------------- */

/* where the walk over a customer's stages stands */
typedef struct StageWalk
{
	CrmWeekly	*weekly;
	CrmDailyWalk daily;
	int			 next_activity;
	int			 known; /* the first week that begins with the customer known */
	int			 stage; /* of the range before */
	CrmLoyalty	 loyalty;
} StageWalk;

/* the customer is in a stage at the beginnings of the weeks low..high */
static void
count_stage(StageWalk *walk, int stage, CrmLoyalty loyalty, int low, int high)
{
	CrmWeekly *weekly = walk->weekly;
	int		   last = high < weekly->weeks ? high : weekly->weeks - 1;

	/* who stays is counted in the end: the members who do not leave */
	if (low > 0 && stage != walk->stage)
		*crm_weekly_flow(weekly, low - 1, walk->stage, stage, walk->loyalty) +=
			1;
	if (low <= last)
	{
		int width = weekly->stages * CRM_LOYALTIES;
		int cell = stage * CRM_LOYALTIES + loyalty;

		weekly->stage_members[low * width + cell]++;
		weekly->stage_members[(last + 1) * width + cell]--;
	}
	while (walk->next_activity < weekly->activities &&
		   weekly->activity[walk->next_activity].week <= high)
	{
		const CrmWeekActivity *activity =
			&weekly->activity[walk->next_activity++];

		add_to_cell(crm_weekly_stage(weekly, activity->week, stage, loyalty),
					activity);
	}
	walk->stage = stage;
	walk->loyalty = loyalty;
}

static CrmDay
monday(const CrmWeekly *weekly, int week)
{
	return weekly->first + 7 * week;
}

/*
 * The Mondays that a piece decides: the facts are those of the end of the
 * Sunday, so the first is after the day on which they came to be known.  The
 * week after the last is looked at too: where the last one's led.
 */
static void
take_piece(void *context, const CrmStep *step, int stage, CrmDay first,
		   CrmDay last, CrmDay event)
{
	StageWalk *walk = context;
	CrmWeekly *weekly = walk->weekly;
	int64_t	   low;
	int64_t	   high = week_of(weekly, last);

	if (walk->daily.daily)
		crm_daily_take(&walk->daily, stage, first,
					   last < event ? last : event - 1);
	if (first == step->facts.known_on)
		first++;
	low = week_from(weekly, first);
	if (low < walk->known)
		low = walk->known;
	if (high > weekly->weeks)
		high = weekly->weeks;
	if (low <= high)
		count_stage(walk, stage, loyalty_of(step->facts.orders), (int) low,
					(int) high);
}

/* weeks in which the customer is not known when they begin */
static void
walk_unknown(StageWalk *walk, CrmDay known_since)
{
	CrmWeekly *weekly = walk->weekly;
	int64_t	   known = 0;

	if (known_since != CRM_ALWAYS)
		known = week_from(weekly, (int64_t) known_since + 1);
	if (known <= 0)
		return;
	if (known > weekly->weeks + 1)
		known = weekly->weeks + 1;
	count_stage(walk, weekly->stages - 1, CRM_LOYALTY_NONE, 0, (int) known - 1);
	walk->known = (int) known;
}

/* ---- customers ---------------------------------------------------------- */

void
crm_weekly_add(CrmWeekly *weekly, const CrmPurchaseView *view,
			   const CrmHistory *history, CrmDay known_since,
			   const CrmModel *model, CrmDaily *daily)
{
	StageWalk walk = {.weekly = weekly};
	CrmDay	  last = monday(weekly, weekly->weeks);

	crm_daily_start(&walk.daily, daily, known_since);
	weekly->activities = 0;
	walk_orders(weekly, view);
	for (int i = 0; i < weekly->activities; i++)
	{
		const CrmWeekActivity *activity = &weekly->activity[i];

		add_to_cell(crm_weekly_band(weekly, activity->week, activity->band,
									activity->loyalty),
					activity);
	}
	walk_unknown(&walk, known_since);
	if (daily && daily->last > last)
		last = daily->last;
	/* from the Sunday on: what is known on it decides the first Monday */
	crm_history_pieces(history, model, weekly->first - 1, last, take_piece,
					   &walk);
}

/* from differences to numbers, into the cells */
static void
sum_members(CrmWeekCell *cells, int64_t *members, int weeks, int width)
{
	for (int i = 0; i < weeks * width; i++)
	{
		if (i >= width)
			members[i] += members[i - width];
		cells[i].members = members[i];
	}
}

static int64_t
leaving(const CrmWeekly *weekly, int week, int stage, int loyalty)
{
	int64_t count = 0;

	for (int to = 0; to < weekly->stages; to++)
		count += *crm_weekly_flow(weekly, week, stage, to, loyalty);
	return count;
}

static void
count_staying(CrmWeekly *weekly)
{
	for (int week = 0; week < weekly->weeks; week++)
		for (int stage = 0; stage < weekly->stages; stage++)
			for (int loyalty = 0; loyalty < CRM_LOYALTIES; loyalty++)
				*crm_weekly_flow(weekly, week, stage, stage, loyalty) =
					crm_weekly_stage(weekly, week, stage, loyalty)->members -
					leaving(weekly, week, stage, loyalty);
}

void
crm_weekly_finish(CrmWeekly *weekly)
{
	sum_members(weekly->band, weekly->band_members, weekly->weeks,
				CRM_BANDS * CRM_LOYALTIES);
	sum_members(weekly->stage, weekly->stage_members, weekly->weeks,
				weekly->stages * CRM_LOYALTIES);
	for (int i = CRM_LOYALTIES; i < weekly->weeks * CRM_LOYALTIES; i++)
	{
		weekly->recent[i].customers +=
			weekly->recent[i - CRM_LOYALTIES].customers;
		weekly->recent[i].again += weekly->recent[i - CRM_LOYALTIES].again;
	}
	count_staying(weekly);
}
