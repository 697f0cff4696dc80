/*
 * keep.c
 *		Whether a customer has orders before, and orders after the base date.
 *
 *		   |<---- m days ---->|<--- n days --->|
 *		---.------------------B----------------.---------> days
 *		         WAS  (B too)          STAYED
 *
 * All customers have the same days, so all of them count or, while the n days
 * are not over, none.
 */
#include "engine/keep.h"

#define SEEN UINT32_C(0x80000000)
#define WAS UINT32_C(1)
#define STAYED UINT32_C(2)

static int
keep_words(const CrmParams *params)
{
	(void) params;
	return 1;
}

static void
keep_add(uint32_t *state, const CrmParams *params, CrmDay day)
{
	int64_t after = (int64_t) day - params->from;

	state[0] |= SEEN;
	if (after <= 0 && after > -(int64_t) params->m)
		state[0] |= WAS;
	if (after > 0 && after <= params->n)
		state[0] |= STAYED;
}

static void
keep_merge(uint32_t *state, const uint32_t *other, const CrmParams *params)
{
	(void) params;
	state[0] |= other[0];
}

static void
keep_fold(const uint32_t *state, const CrmParams *params, CrmTotals *totals)
{
	if ((state[0] & WAS) == 0 ||
		!crm_day_is_over(params->from, params->n, params))
		return;
	totals->count[CRM_KEEP_CUSTOMERS]++;
	totals->count[CRM_KEEP_KEPT] += (state[0] & STAYED) != 0;
}

const CrmMetric crm_keep = {
	.name = "keep",
	.code = 11,
	.param = {[CRM_PARAM_N] = "n",
			  [CRM_PARAM_M] = "lookback_days",
			  [CRM_PARAM_AS_OF] = "as_of",
			  [CRM_PARAM_FROM] = "base_date"},
	.absent = {.m = INT32_MAX},
	.most = CRM_DAYS_MOST,
	.what_n = "Days are counted from base_date.",
	.most_m = CRM_DAYS_MOST,
	.what_m = "Leave it out to look back to the first order.",
	.words = keep_words,
	.add = keep_add,
	.merge = keep_merge,
	.fold = keep_fold,
};
