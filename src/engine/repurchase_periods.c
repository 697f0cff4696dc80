/*
 * repurchase_periods.c
 *		Two maps of periods: those in which an order was seen, and those in
 *		which another one was.
 *
 *		word 0 .. words - 1         once
 *		word words .. 2 * words - 1 again
 *
 * Invariant: what is set in the second map is set in the first.  A period
 * stands alone, so the rows before the maps are counted by themselves.
 */
#include "engine/repurchase_periods.h"

#include "engine/periods.h"

static void
count_customer(CrmTotals *totals, int32_t period, bool again)
{
	CrmCell *cell = crm_totals_cell(totals, period, 0);

	cell->count[CRM_REPURCHASE_PERIOD_CUSTOMERS]++;
	cell->count[CRM_REPURCHASE_PERIOD_REPEATED] += again;
}

/* ---- rows ---------------------------------------------------------------- */

static void
rows_walk(const CrmLogEvent *event, size_t count, const CrmParams *params,
		  CrmTotals *totals)
{
	CrmUnit unit = (CrmUnit) params->option;
	size_t	i = 0;

	while (i < count)
	{
		int32_t period = crm_period_index(event[i].day, unit);
		size_t	first = i;

		while (i < count && crm_period_index(event[i].day, unit) == period)
			i++;
		count_customer(totals, period, i - first >= 2);
	}
}

/* amounts: none are given, but where there are, no row is left out */
const CrmMetric crm_repurchase_periods_of_rows = {
	.name = "repurchase by periods of rows",
	.code = 26,
	.param = {[CRM_PARAM_AS_OF] = "as_of", [CRM_PARAM_OPTION] = "unit"},
	.cell_counts = 2,
	.amounts = true,
	.walk = rows_walk,
};

/* ---- maps ---------------------------------------------------------------- */

static int
maps_words(const CrmParams *params)
{
	return 2 * crm_periods_words(params);
}

static void
maps_add(uint32_t *state, const CrmParams *params, int32_t place)
{
	uint32_t  bit = place & CRM_PLACE_BIT;
	uint32_t  mask = UINT32_C(1) << bit % CRM_PERIODS_WORD_BITS;
	uint32_t *once = &state[bit / CRM_PERIODS_WORD_BITS];

	state[0] |= CRM_PERIODS_SEEN;
	once[crm_periods_words(params)] |= *once & mask;
	*once |= mask;
}

static void
maps_merge(uint32_t *state, const uint32_t *other, const CrmParams *params)
{
	int words = crm_periods_words(params);

	for (int word = 0; word < words; word++)
	{
		uint32_t both = state[word] & other[word];

		if (word == 0)
			both &= ~CRM_PERIODS_SEEN;
		state[words + word] |= other[words + word] | both;
		state[word] |= other[word];
	}
}

/* the rows of sums of bits, one for each of the maps */
enum
{
	ONCE,
	AGAIN,
	MAPS
};

static void
count_bits(const CrmParams *params, CrmTotals *totals)
{
	CrmBitSums *bits = totals->bits;
	int32_t		now = crm_period_of(params->as_of, (CrmUnit) params->option);

	for (int bit = CRM_PERIODS_FLAGS; bit < bits->words * CRM_PERIODS_WORD_BITS;
		 bit++)
	{
		int		 once = crm_bit_sums_get(bits, ONCE, bit);
		CrmCell *cell;

		if (once == 0)
			continue;
		cell = crm_totals_cell(totals, now - (bit - CRM_PERIODS_FLAGS), 0);
		cell->count[CRM_REPURCHASE_PERIOD_CUSTOMERS] += once;
		cell->count[CRM_REPURCHASE_PERIOD_REPEATED] +=
			crm_bit_sums_get(bits, AGAIN, bit);
	}
	crm_bit_sums_clear(bits, ONCE);
	crm_bit_sums_clear(bits, AGAIN);
}

static void
maps_close(const CrmParams *params, CrmTotals *totals)
{
	if (totals->bits != NULL)
		count_bits(params, totals);
}

static void
maps_fold(const uint32_t *state, const CrmParams *params, CrmTotals *totals)
{
	int			  words = crm_periods_words(params);
	int32_t		  now = crm_period_of(params->as_of, (CrmUnit) params->option);
	CrmPeriodWalk walk = crm_periods_walk(state, words);
	int32_t		  age;
	CrmBitSums	 *bits = crm_totals_bits(totals, MAPS, words);

	if (bits != NULL)
	{
		for (int word = 0; word < words; word++)
		{
			crm_bit_sums_add(bits, ONCE, word, state[word]);
			crm_bit_sums_add(bits, AGAIN, word, state[words + word]);
		}
		if (crm_bit_sums_count(bits, ONCE))
			count_bits(params, totals);
		return;
	}
	while ((age = crm_periods_walk_next(&walk)) >= 0)
	{
		uint32_t bit = (uint32_t) age + CRM_PERIODS_FLAGS;

		count_customer(totals, now - age,
					   state[words + bit / CRM_PERIODS_WORD_BITS] >>
							   bit % CRM_PERIODS_WORD_BITS &
						   1);
	}
}

const CrmMetric crm_repurchase_periods = {
	.name = "repurchase by periods",
	.code = 25,
	.param = {[CRM_PARAM_AS_OF] = "as_of", [CRM_PARAM_OPTION] = "unit"},
	.cell_counts = 2,
	.places = true,
	.words = maps_words,
	.add = maps_add,
	.merge = maps_merge,
	.fold = maps_fold,
	.close = maps_close,
	.since = crm_periods_since,
	.older = &crm_repurchase_periods_of_rows,
};
