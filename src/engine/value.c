/*
 * value.c
 *		Metrics over events with amounts, growth, and revenue per customer.
 *
 * Invariant: the sums of a customer's rows end up in cells whatever the class
 * of the customer, so that sales of all classes add up to all revenue.
 */
#include "engine/value.h"

#include "engine/periods.h"

static inline bool
is_order(const CrmLogEvent *event)
{
	return !event->known || crm_money_sign(event->amount) >= 0;
}

/* the first order's place, count if there is none */
static size_t
first_order(const CrmLogEvent *event, size_t count)
{
	size_t i = 0;

	while (i < count && !is_order(&event[i]))
		i++;
	return i;
}

static void
add_amount(CrmMoney *sum, const CrmLogEvent *event)
{
	if (event->known)
		crm_money_accumulate(sum, event->amount);
}

/* ---- growth -------------------------------------------------------------- */

/*
 * Active in periods 3, 4 and 7:
 *
 *		period   3     4          5        6    7            8
 *		         new   returning  dormant       resurrected  dormant
 */
static void
growth_step(CrmTotals *totals, int32_t last, int32_t period)
{
	if (period == last + 1)
		crm_totals_cell(totals, period, 0)->count[CRM_GROWTH_RETURNING]++;
	else
	{
		crm_totals_cell(totals, last + 1, 0)->count[CRM_GROWTH_DORMANT]++;
		crm_totals_cell(totals, period, 0)->count[CRM_GROWTH_RESURRECTED]++;
	}
}

static void
growth_begin(CrmTotals *totals, int32_t first)
{
	totals->count[CRM_VALUE_CUSTOMERS]++;
	crm_totals_cell(totals, first, 0)->count[CRM_GROWTH_NEW]++;
}

static void
growth_end(CrmTotals *totals, int32_t last, int32_t now)
{
	if (last < now)
		crm_totals_cell(totals, last + 1, 0)->count[CRM_GROWTH_DORMANT]++;
}

static void
growth_walk(const CrmLogEvent *event, size_t count, const CrmParams *params,
			CrmTotals *totals)
{
	CrmUnit unit = (CrmUnit) params->option;
	int32_t last = crm_period_index(event[0].day, unit);

	growth_begin(totals, last);
	for (size_t i = 1; i < count; i++)
	{
		int32_t period = crm_period_index(event[i].day, unit);

		if (period == last)
			continue;
		growth_step(totals, last, period);
		last = period;
	}
	growth_end(totals, last, crm_period_index(params->as_of, unit));
}

static void
growth_merge(uint32_t *state, const uint32_t *other, const CrmParams *params)
{
	crm_periods_merge(state, other, crm_periods_words(params));
}

static void
growth_fold(const uint32_t *state, const CrmParams *params, CrmTotals *totals)
{
	int		words = crm_periods_words(params);
	int32_t now = crm_period_index(params->as_of, (CrmUnit) params->option);
	int32_t last = crm_periods_next(state, words, CRM_PERIODS_ALL);
	int32_t age;

	if (last < 0)
		return;
	growth_begin(totals, now - last);
	while ((age = crm_periods_next(state, words, last)) >= 0)
	{
		growth_step(totals, now - last, now - age);
		last = age;
	}
	growth_end(totals, now - last, now);
}

/* periods in which nothing happened are there too */
static void
growth_close(const CrmParams *params, CrmTotals *totals)
{
	int32_t now = crm_period_index(params->as_of, (CrmUnit) params->option);
	int32_t first = now;

	if (totals->count[CRM_VALUE_CUSTOMERS] == 0)
		return;
	for (size_t place = 0; place < totals->capacity; place++)
	{
		const CrmCell *cell = crm_totals_sorted(totals, place);

		if (cell->used && cell->row < first)
			first = cell->row;
	}
	if ((int64_t) now - first >= CRM_MAX_PERIODS)
		crm_fail(CRM_ERROR_RANGE, "too many periods",
				 "There are more than a million from the first event to as_of.",
				 "Choose a longer unit, and look for times far in the past.");
	for (int32_t period = first; period <= now; period++)
		(void) crm_totals_cell(totals, period, 0);
}

const CrmMetric crm_growth_of_events = {
	.name = "growth accounting of events",
	.code = 24,
	.param = {[CRM_PARAM_AS_OF] = "as_of", [CRM_PARAM_OPTION] = "unit"},
	.cell_counts = 4,
	.walk = growth_walk,
	.close = growth_close,
};

const CrmMetric crm_growth = {
	.name = "growth accounting",
	.code = 18,
	.param = {[CRM_PARAM_AS_OF] = "as_of", [CRM_PARAM_OPTION] = "unit"},
	.cell_counts = 4,
	.places = true,
	.words = crm_periods_words,
	.add = crm_periods_add,
	.merge = growth_merge,
	.fold = growth_fold,
	.since = crm_periods_since,
	.older = &crm_growth_of_events,
	.days = crm_periods_days,
	.close = growth_close,
};

/* ---- sales by loyalty ---------------------------------------------------- */

/*
 * New in the period of the first order, returning in all others.  A refund
 * before it is for an order that is not in the input.
 */
static void
sales_walk(const CrmLogEvent *event, size_t count, const CrmParams *params,
		   CrmTotals *totals)
{
	CrmUnit unit = (CrmUnit) params->option;
	size_t	first = first_order(event, count);
	int64_t born =
		first == count ? INT64_MIN : crm_period_index(event[first].day, unit);
	int64_t counted = INT64_MIN;

	totals->count[CRM_VALUE_CUSTOMERS]++;
	for (size_t i = 0; i < count; i++)
	{
		int32_t	 period = crm_period_index(event[i].day, unit);
		CrmCell *cell = crm_totals_cell(totals, period,
										period == born ? CRM_SALES_NEW
													   : CRM_SALES_RETURNING);

		add_amount(crm_cell_sum(totals, cell), &event[i]);
		if (!is_order(&event[i]))
			continue;
		cell->count[CRM_SALES_ORDERS]++;
		cell->count[CRM_SALES_CUSTOMERS] += period != counted;
		counted = period;
	}
}

const CrmMetric crm_sales_by_loyalty = {
	.name = "sales by loyalty",
	.code = 19,
	.param = {[CRM_PARAM_OPTION] = "unit"},
	.cell_counts = 2,
	.cell_sums = 1,
	.amounts = true,
	.walk = sales_walk,
};

/* ---- revenue by cohorts -------------------------------------------------- */

static void
revenue_walk(const CrmLogEvent *event, size_t count, const CrmParams *params,
			 CrmTotals *totals)
{
	CrmUnit unit = (CrmUnit) params->option;
	size_t	first = first_order(event, count);
	int32_t cohort;

	if (first == count)
		return;
	cohort = crm_period_index(event[first].day, unit);
	totals->count[CRM_VALUE_CUSTOMERS]++;
	crm_totals_cell(totals, cohort, 0)->count[CRM_SALES_CUSTOMERS]++;
	for (size_t i = 0; i < count; i++)
	{
		int32_t	 period = crm_period_index(event[i].day, unit) - cohort;
		CrmCell *cell;

		if (period < 0)
			continue;
		cell = crm_totals_cell(totals, cohort, period);
		add_amount(crm_cell_sum(totals, cell), &event[i]);
		cell->count[CRM_SALES_ORDERS] += is_order(&event[i]);
	}
}

const CrmMetric crm_revenue_cohorts = {
	.name = "revenue cohorts",
	.code = 20,
	.param = {[CRM_PARAM_AS_OF] = "as_of", [CRM_PARAM_OPTION] = "unit"},
	.cell_counts = 2,
	.cell_sums = 1,
	.amounts = true,
	.walk = revenue_walk,
};

/* ---- the k-th order ------------------------------------------------------ */

static void
index_walk(const CrmLogEvent *event, size_t count, const CrmParams *params,
		   CrmTotals *totals)
{
	const CrmLogEvent *previous = NULL;
	int32_t			   k = 0;

	(void) params;
	for (size_t i = 0; i < count; i++)
	{
		CrmCell	 *cell;
		CrmMoney *sum;

		if (!is_order(&event[i]))
			continue;
		cell = crm_totals_cell(totals, ++k, 0);
		sum = crm_cell_sum(totals, cell);
		cell->count[CRM_INDEX_CUSTOMERS]++;
		add_amount(&sum[CRM_INDEX_REVENUE], &event[i]);
		if (previous != NULL)
			add_amount(&sum[CRM_INDEX_PREVIOUS], previous);
		previous = &event[i];
	}
}

const CrmMetric crm_aov_by_order_index = {
	.name = "average order by index",
	.code = 21,
	.cell_counts = 1,
	.cell_sums = 2,
	.amounts = true,
	.walk = index_walk,
};

/* ---- revenue per customer ------------------------------------------------ */

static int
arpu_words(const CrmParams *params)
{
	(void) params;
	return 1;
}

static void
arpu_add(uint32_t *state, const CrmParams *params, CrmDay day)
{
	(void) params;
	(void) day;
	state[0] = 1;
}

static void
arpu_merge(uint32_t *state, const uint32_t *other, const CrmParams *params)
{
	(void) params;
	state[0] |= other[0];
}

static void
arpu_fold(const uint32_t *state, const CrmParams *params, CrmTotals *totals)
{
	(void) state;
	(void) params;
	totals->count[CRM_VALUE_CUSTOMERS]++;
}

/* only the customers are kept one by one: revenue is the group's sum */
const CrmMetric crm_arpu = {
	.name = "average revenue per user",
	.code = 22,
	.cell_sums = 1,
	.words = arpu_words,
	.add = arpu_add,
	.merge = arpu_merge,
	.fold = arpu_fold,
	.revenue = true,
};
