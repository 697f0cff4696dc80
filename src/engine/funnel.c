/*
 * funnel.c
 *		Both forms of the repeat funnel.
 *
 * By rows a customer's state is its number of orders, and it is counted at
 * that number only, until close sums up from the largest one.
 */
#include "engine/funnel.h"

static int
funnel_words(const CrmParams *params)
{
	(void) params;
	return 1;
}

static void
funnel_add(uint32_t *state, const CrmParams *params, CrmDay day)
{
	(void) params;
	(void) day;
	if (state[0] < UINT32_MAX)
		state[0]++;
}

static void
funnel_merge(uint32_t *state, const uint32_t *other, const CrmParams *params)
{
	(void) params;
	if (__builtin_add_overflow(state[0], other[0], &state[0]))
		state[0] = UINT32_MAX;
}

static void
funnel_fold(const uint32_t *state, const CrmParams *params, CrmTotals *totals)
{
	int32_t orders =
		state[0] > (uint32_t) params->n ? params->n + 1 : (int32_t) state[0];

	totals->count[CRM_FUNNEL_CUSTOMERS]++;
	if (orders > params->n)
		crm_totals_cell(totals, params->n, 0)->count[CRM_FUNNEL_CONVERTED]++;
	else
		crm_totals_cell(totals, orders, 0)->count[CRM_FUNNEL_REACHED]++;
}

static void
funnel_close(const CrmParams *params, CrmTotals *totals)
{
	int64_t more;

	if (totals->count[CRM_FUNNEL_CUSTOMERS] == 0)
		return;
	more = crm_totals_cell(totals, params->n, 0)->count[CRM_FUNNEL_CONVERTED];
	for (int32_t k = params->n; k >= 1; k--)
	{
		CrmCell *cell = crm_totals_cell(totals, k, 0);

		cell->count[CRM_FUNNEL_CONVERTED] = more;
		more += cell->count[CRM_FUNNEL_REACHED];
		cell->count[CRM_FUNNEL_REACHED] = more;
	}
}

const CrmMetric crm_repeat_funnel = {
	.name = "repeat funnel",
	.code = 16,
	.param = {[CRM_PARAM_N] = "max_k"},
	.absent = {.n = CRM_FUNNEL_DEFAULT_K},
	.least = 1,
	.most = CRM_FUNNEL_MAX_K,
	.what_n = "Step k goes from the k-th order to the next.",
	.cell_counts = 2,
	.words = funnel_words,
	.add = funnel_add,
	.merge = funnel_merge,
	.fold = funnel_fold,
	.close = funnel_close,
};

/* ---- within days --------------------------------------------------------- */

static void
within_walk(const CrmLogEvent *event, size_t count, const CrmParams *params,
			CrmTotals *totals)
{
	totals->count[CRM_FUNNEL_CUSTOMERS]++;
	for (size_t i = 0; i < count && i < (size_t) params->n; i++)
	{
		CrmCell *cell;

		/* of the later ones even less is over */
		if (!crm_day_is_over(event[i].day, params->m, params))
			return;
		cell = crm_totals_cell(totals, (int32_t) i + 1, 0);
		cell->count[CRM_FUNNEL_REACHED]++;
		cell->count[CRM_FUNNEL_CONVERTED] +=
			i + 1 < count &&
			(int64_t) event[i + 1].day - event[i].day <= params->m;
	}
}

static void
within_close(const CrmParams *params, CrmTotals *totals)
{
	if (totals->count[CRM_FUNNEL_CUSTOMERS] == 0)
		return;
	for (int32_t k = 1; k <= params->n; k++)
		(void) crm_totals_cell(totals, k, 0);
}

const CrmMetric crm_repeat_funnel_within = {
	.name = "repeat funnel within days",
	.code = 17,
	.param = {[CRM_PARAM_N] = "max_k",
			  [CRM_PARAM_M] = "days",
			  [CRM_PARAM_AS_OF] = "as_of"},
	.least = 1,
	.most = CRM_FUNNEL_MAX_K,
	.what_n = "Step k goes from the k-th day with orders to the next.",
	.most_m = CRM_DAYS_MOST,
	.what_m = "Days are counted from the k-th day with orders.",
	.cell_counts = 2,
	.walk = within_walk,
	.close = within_close,
};

int32_t
crm_funnel_largest_gap(const CrmTotals *totals)
{
	const CrmCell *lowest = NULL;

	for (size_t i = 0; i < totals->cells; i++)
	{
		const CrmCell *cell = crm_totals_sorted(totals, i);

		if (cell->count[CRM_FUNNEL_REACHED] == 0)
			continue;
		/* a/b < c/d without rounding */
		if (lowest == NULL ||
			(crm_i128) cell->count[CRM_FUNNEL_CONVERTED] *
					lowest->count[CRM_FUNNEL_REACHED] <
				(crm_i128) lowest->count[CRM_FUNNEL_CONVERTED] *
					cell->count[CRM_FUNNEL_REACHED])
			lowest = cell;
	}
	return lowest == NULL ? 0 : lowest->row;
}
