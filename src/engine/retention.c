/*
 * retention.c
 *		Retention by days: the first day and a map of the days after it; for
 *		"on day n or later" the first and the last day are enough.
 *
 *		word 0      word 1                word 2
 *		first day | day 0, 1, 2 ... 31 | day 32 ... 63 | ...  up to day n
 *
 * Rows come in any order.  A day before the first becomes the first, and the
 * map moves up by the difference:
 *
 *		first = 10   1 0 0 1 0 0 0 ...      days 10, 13
 *		day 8 comes
 *		first = 8    1 0 1 0 0 1 0 ...      days 8, 10, 13
 *
 * What is beyond the map is dropped for good: the first day only ever falls, so
 * it can never come nearer again.
 *
 * Invariant: of a state that has seen a row, bit k of the map is set exactly if
 * a row of day first + k was seen; so bit 0 is.
 */
#include "engine/retention.h"

#define BITS 32

_Static_assert(2 + CRM_RETENTION_MAX_N / BITS <= CRM_STATE_MAX_WORDS,
			   "the largest n needs a larger state");

static inline int
map_words(const CrmParams *params)
{
	return params->n / BITS + 1;
}

static int
retention_words(const CrmParams *params)
{
	return 1 + map_words(params);
}

static inline uint32_t
map_word_shifted(const uint32_t *map, int word, int words_up, int bits_up)
{
	int		 from = word - words_up;
	uint64_t pair = 0;

	if (from >= 0)
		pair = (uint64_t) map[from] << BITS;
	if (from >= 1)
		pair |= map[from - 1];
	return (uint32_t) ((pair << bits_up) >> BITS);
}

/* target |= map moved up by `days`; may be the same map only if days is 0 */
static void
map_or_shifted(uint32_t *target, const uint32_t *map, int words, uint32_t days)
{
	uint32_t words_up = days / BITS;
	int		 bits_up = (int) (days % BITS);

	if (words_up >= (uint32_t) words)
		return;
	for (int word = (int) words_up; word < words; word++)
		target[word] |= map_word_shifted(map, word, (int) words_up, bits_up);
}

/* move the map up in place, from its top downwards */
static void
map_shift(uint32_t *map, int words, uint32_t days)
{
	uint32_t words_up = days / BITS;
	int		 bits_up = (int) (days % BITS);

	if (words_up > (uint32_t) words)
		words_up = (uint32_t) words;
	for (int word = words - 1; word >= (int) words_up; word--)
		map[word] = map_word_shifted(map, word, (int) words_up, bits_up);
	for (int word = 0; word < (int) words_up; word++)
		map[word] = 0;
}

static void
retention_add(uint32_t *state, const CrmParams *params, CrmDay day)
{
	uint32_t *map = state + 1;
	uint32_t  word = crm_word_from_day(day);

	if (state[0] == 0)
		state[0] = word;
	if (word >= state[0])
	{
		uint32_t since = word - state[0];

		if (since / BITS < (uint32_t) map_words(params))
			map[since / BITS] |= UINT32_C(1) << since % BITS;
		return;
	}
	map_shift(map, map_words(params), state[0] - word);
	map[0] |= 1;
	state[0] = word;
}

static void
retention_merge(uint32_t *state, const uint32_t *other, const CrmParams *params)
{
	uint32_t *map = state + 1;
	int		  words = map_words(params);

	if (other[0] == 0)
		return;
	if (state[0] == 0)
		state[0] = other[0];
	if (other[0] < state[0])
	{
		map_shift(map, words, state[0] - other[0]);
		state[0] = other[0];
	}
	map_or_shifted(map, other + 1, words, other[0] - state[0]);
}

/* is any of days from .. to in the map? */
static bool
map_any(const uint32_t *map, int32_t from, int32_t to)
{
	int		 last = to / BITS;
	uint32_t seen = 0;
	/* bits 0 .. to of the last word, and those before `from` of the first */
	uint32_t mask = (uint32_t) ((UINT64_C(2) << (to % BITS)) - 1);
	uint32_t below = (UINT32_C(1) << (from % BITS)) - 1;

	for (int word = from / BITS; word <= last; word++)
	{
		uint32_t bits = map[word];

		if (word == from / BITS)
			bits &= ~below;
		if (word == last)
			bits &= mask;
		seen |= bits;
	}
	return seen != 0;
}

static void
retention_fold(const uint32_t *state, const CrmParams *params,
			   CrmTotals *totals)
{
	const uint32_t *map = state + 1;
	int32_t			n = params->n;

	if (!crm_day_is_over(crm_day_from_word(state[0]), n, params))
		return;
	totals->count[CRM_RETENTION_MATURE]++;
	totals->count[CRM_RETENTION_ON_DAY] += map[n / BITS] >> (n % BITS) & 1;
	totals->count[CRM_RETENTION_WITHIN] += n > 0 && map_any(map, 1, n);
}

const CrmMetric crm_retention_by_days = {
	.name = "retention by days",
	.code = 3,
	.param = {[CRM_PARAM_N] = "n", [CRM_PARAM_AS_OF] = "as_of"},
	.most = CRM_RETENTION_MAX_N,
	.what_n = CRM_RETENTION_WHAT_N,
	.words = retention_words,
	.add = retention_add,
	.merge = retention_merge,
	.fold = retention_fold,
};

static void
between_fold(const uint32_t *state, const CrmParams *params, CrmTotals *totals)
{
	if (!crm_day_is_over(crm_day_from_word(state[0]), params->n, params))
		return;
	totals->count[CRM_RETENTION_MATURE]++;
	totals->count[CRM_RETENTION_RETAINED] +=
		map_any(state + 1, params->m, params->n);
}

const CrmMetric crm_retention_between = {
	.name = "retention between days",
	.code = 4,
	.param = {[CRM_PARAM_N] = "to_day",
			  [CRM_PARAM_M] = "from_day",
			  [CRM_PARAM_AS_OF] = "as_of"},
	.most = CRM_RETENTION_MAX_N,
	.what_n = CRM_RETENTION_WHAT_N,
	.words = retention_words,
	.add = retention_add,
	.merge = retention_merge,
	.fold = between_fold,
};

/* ---- the curve ----------------------------------------------------------- */

/* those whose maps are in the sums of bits, to their cells */
static void
count_bits(CrmTotals *totals)
{
	for (int32_t n = 0; n < totals->bits->words * BITS; n++)
	{
		int retained = crm_bit_sums_get(totals->bits, 0, n);

		if (retained > 0)
			crm_totals_cell(totals, n, 0)->count[CRM_CURVE_RETAINED] +=
				retained;
	}
	crm_bit_sums_clear(totals->bits, 0);
}

/*
 * A customer is eligible for days 0 .. last; it is counted at the last one
 * only, and close sums up from there.
 */
static void
curve_fold(const uint32_t *state, const CrmParams *params, CrmTotals *totals)
{
	const uint32_t *map = state + 1;
	CrmDay			first = crm_day_from_word(state[0]);
	int64_t			over = (int64_t) params->as_of - 1 - first;
	int32_t			last = over < params->n ? (int32_t) over : params->n;
	CrmBitSums	   *sums;

	if (first < params->from || first > params->to)
		return;
	totals->count[CRM_CURVE_CUSTOMERS]++;
	if (over < 0)
		return;
	crm_totals_cell(totals, last, 0)->count[CRM_CURVE_ELIGIBLE]++;
	sums = crm_totals_bits(totals, 1, map_words(params));
	for (int word = 0; word <= last / BITS; word++)
	{
		uint32_t bits = map[word];

		if (word == last / BITS)
			bits &= (uint32_t) ((UINT64_C(2) << (last % BITS)) - 1);
		if (sums != NULL)
		{
			crm_bit_sums_add(sums, 0, word, bits);
			continue;
		}
		for (; bits != 0; bits &= bits - 1)
			crm_totals_cell(totals, word * BITS + __builtin_ctz(bits), 0)
				->count[CRM_CURVE_RETAINED]++;
	}
	if (sums != NULL && crm_bit_sums_count(sums, 0))
		count_bits(totals);
}

void
crm_retention_curve_close(const CrmParams *params, CrmTotals *totals)
{
	int64_t eligible = 0;

	if (totals->count[CRM_CURVE_CUSTOMERS] == 0)
		return;
	if (totals->bits != NULL)
		count_bits(totals);
	for (int32_t n = params->n; n >= 0; n--)
	{
		CrmCell *cell = crm_totals_cell(totals, n, 0);

		eligible += cell->count[CRM_CURVE_ELIGIBLE];
		cell->count[CRM_CURVE_ELIGIBLE] = eligible;
	}
}

const CrmMetric crm_retention_curve = {
	.name = "retention curve",
	.code = 5,
	.param = {[CRM_PARAM_N] = "max_n",
			  [CRM_PARAM_AS_OF] = "as_of",
			  [CRM_PARAM_FROM] = "cohort_from",
			  [CRM_PARAM_TO] = "cohort_to"},
	.absent = {.from = CRM_DAY_MIN, .to = CRM_DAY_MAX},
	.most = CRM_RETENTION_MAX_N,
	.what_n = CRM_RETENTION_WHAT_N,
	.cell_counts = 2,
	.words = retention_words,
	.add = retention_add,
	.merge = retention_merge,
	.fold = curve_fold,
	.close = crm_retention_curve_close,
};

/* ---- on day n or later --------------------------------------------------- */

static int
two_words(const CrmParams *params)
{
	(void) params;
	return 2;
}

/* stretch [first, last] to hold the other stretch */
static inline void
stretch(uint32_t *state, uint32_t first, uint32_t last)
{
	if (state[0] == 0 || first < state[0])
		state[0] = first;
	if (last > state[1])
		state[1] = last;
}

static void
from_add(uint32_t *state, const CrmParams *params, CrmDay day)
{
	uint32_t word = crm_word_from_day(day);

	(void) params;
	stretch(state, word, word);
}

static void
from_merge(uint32_t *state, const uint32_t *other, const CrmParams *params)
{
	(void) params;
	if (other[0] != 0)
		stretch(state, other[0], other[1]);
}

static void
from_fold(const uint32_t *state, const CrmParams *params, CrmTotals *totals)
{
	if (!crm_day_is_over(crm_day_from_word(state[0]), params->n, params))
		return;
	totals->count[CRM_RETENTION_MATURE]++;
	totals->count[CRM_RETENTION_RETAINED] +=
		state[1] - state[0] >= (uint32_t) params->n;
}

const CrmMetric crm_retention_from = {
	.name = "retention from a day on",
	.code = 6,
	.param = {[CRM_PARAM_N] = "n", [CRM_PARAM_AS_OF] = "as_of"},
	.most = CRM_RETENTION_MAX_N,
	.what_n = CRM_RETENTION_WHAT_N,
	.words = two_words,
	.add = from_add,
	.merge = from_merge,
	.fold = from_fold,
};
