/*
 * returns.c
 *		The return curve, from a map of 90 days for each customer.
 *
 *		word 0    words 1 .. 3
 *		seen: 1 | bits 0 .. 89
 *
 * The days are counted back from as_of, which all rows share, so rows and maps
 * come together by OR, in any order.
 */
#include "engine/returns.h"

#define WORDS 4
#define BITS 32

/* the bit of a day; negative or CRM_RETURN_DAYS and more: outside */
static inline int64_t
bit_of(CrmDay as_of, CrmDay day)
{
	return (int64_t) as_of - 1 - day;
}

void
crm_return_map_add(CrmReturnMap *map, CrmDay as_of, CrmDay day)
{
	int64_t bit = bit_of(as_of, day);

	if (bit < 0 || bit >= CRM_RETURN_DAYS)
		return;
	if (bit < 64)
		map->low |= UINT64_C(1) << bit;
	else
		map->high |= UINT64_C(1) << (bit - 64);
}

/* the days of a map, from the last backwards; how many they are */
static int
days_of(const CrmReturnMap *map, int *day)
{
	int count = 0;

	for (uint64_t bits = map->low; bits != 0; bits &= bits - 1)
		day[count++] = __builtin_ctzll(bits);
	for (uint64_t bits = map->high; bits != 0; bits &= bits - 1)
		day[count++] = 64 + __builtin_ctzll(bits);
	return count;
}

void
crm_return_map_count(const CrmReturnMap *map, int64_t *last, int64_t *returned)
{
	int day[CRM_RETURN_DAYS];
	int count = days_of(map, day);

	for (int i = 0; i < count; i++)
	{
		last[day[i]]++;
		for (int later = 0; later < i; later++)
			returned[day[i] - day[later]]++;
	}
}

/* ---- the metric ---------------------------------------------------------- */

static int
returns_words(const CrmParams *params)
{
	(void) params;
	return WORDS;
}

static void
returns_add(uint32_t *state, const CrmParams *params, CrmDay day)
{
	int64_t bit = bit_of(params->as_of, day);

	state[0] = 1;
	if (bit >= 0 && bit < CRM_RETURN_DAYS)
		state[1 + bit / BITS] |= UINT32_C(1) << bit % BITS;
}

static void
returns_merge(uint32_t *state, const uint32_t *other, const CrmParams *params)
{
	(void) params;
	for (int word = 0; word < WORDS; word++)
		state[word] |= other[word];
}

/*
 * A day is counted at the last n for which it is eligible, and close sums up
 * from there.
 */
static void
returns_fold(const uint32_t *state, const CrmParams *params, CrmTotals *totals)
{
	CrmReturnMap map = {(uint64_t) state[2] << BITS | state[1], state[3]};
	int			 day[CRM_RETURN_DAYS];
	int			 count = days_of(&map, day);

	totals->count[CRM_RETURNS_CUSTOMERS]++;
	for (int i = 0; i < count; i++)
	{
		int32_t n = day[i] < params->n ? day[i] : params->n;

		crm_totals_cell(totals, n, 0)->count[CRM_RETURNS_ELIGIBLE]++;
		for (int later = i - 1; later >= 0; later--)
		{
			n = day[i] - day[later];
			if (n > params->n)
				break;
			crm_totals_cell(totals, n, 0)->count[CRM_RETURNS_RETURNED]++;
		}
	}
}

static void
returns_close(const CrmParams *params, CrmTotals *totals)
{
	int64_t eligible = 0;

	if (totals->count[CRM_RETURNS_CUSTOMERS] == 0)
		return;
	for (int32_t n = params->n; n >= 1; n--)
	{
		CrmCell *cell = crm_totals_cell(totals, n, 0);

		eligible += cell->count[CRM_RETURNS_ELIGIBLE];
		cell->count[CRM_RETURNS_ELIGIBLE] = eligible;
	}
}

const CrmMetric crm_return_curve = {
	.name = "return curve",
	.code = 23,
	.param = {[CRM_PARAM_N] = "max_n", [CRM_PARAM_AS_OF] = "as_of"},
	.least = 1,
	.most = CRM_DAYS_MOST,
	.what_n = "Day n is counted from each active day; those of the 90 days "
			  "before as_of are looked at.",
	.cell_counts = 2,
	.words = returns_words,
	.add = returns_add,
	.merge = returns_merge,
	.fold = returns_fold,
	.close = returns_close,
};
