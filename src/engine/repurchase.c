/*
 * repurchase.c
 *		The repurchase rate: customers who bought again / customers.
 *
 * By orders the state is their number, which stays at its largest value once
 * it is there; by days it is the first and the last day, which differ as soon
 * as there are two.
 */
#include "engine/repurchase.h"

static int
orders_words(const CrmParams *params)
{
	(void) params;
	return 1;
}

static void
orders_add(uint32_t *state, const CrmParams *params, CrmDay day)
{
	(void) params;
	(void) day;
	if (state[0] < UINT32_MAX)
		state[0]++;
}

static void
orders_merge(uint32_t *state, const uint32_t *other, const CrmParams *params)
{
	(void) params;
	if (__builtin_add_overflow(state[0], other[0], &state[0]))
		state[0] = UINT32_MAX;
}

static void
orders_fold(const uint32_t *state, const CrmParams *params, CrmTotals *totals)
{
	(void) params;
	totals->count[CRM_REPURCHASE_CUSTOMERS]++;
	totals->count[CRM_REPURCHASE_REPEATED] += state[0] >= 2;
}

const CrmMetric crm_repurchase_by_orders = {
	.name = "repurchase by orders",
	.code = 1,
	.words = orders_words,
	.add = orders_add,
	.merge = orders_merge,
	.fold = orders_fold,
};

static int
days_words(const CrmParams *params)
{
	(void) params;
	return 2;
}

/* stretch [first, last] to hold the other stretch */
static inline void
days_stretch(uint32_t *state, uint32_t first, uint32_t last)
{
	if (state[0] == 0 || first < state[0])
		state[0] = first;
	if (last > state[1])
		state[1] = last;
}

static void
days_add(uint32_t *state, const CrmParams *params, CrmDay day)
{
	uint32_t word = crm_word_from_day(day);

	(void) params;
	days_stretch(state, word, word);
}

static void
days_merge(uint32_t *state, const uint32_t *other, const CrmParams *params)
{
	(void) params;
	if (other[0] != 0)
		days_stretch(state, other[0], other[1]);
}

static void
days_fold(const uint32_t *state, const CrmParams *params, CrmTotals *totals)
{
	(void) params;
	totals->count[CRM_REPURCHASE_CUSTOMERS]++;
	totals->count[CRM_REPURCHASE_REPEATED] += state[0] < state[1];
}

const CrmMetric crm_repurchase_by_days = {
	.name = "repurchase by days",
	.code = 2,
	.words = days_words,
	.add = days_add,
	.merge = days_merge,
	.fold = days_fold,
};
