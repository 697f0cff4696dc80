/*
 * retention.c
 *		Retention by days: the first day and a map of the days after it.
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

/* is any of days 1 .. n in the map? */
static bool
map_any(const uint32_t *map, int32_t n)
{
	int		 last = n / BITS;
	uint32_t seen = 0;
	/* bits 0 .. n of the last word */
	uint32_t mask = (uint32_t) ((UINT64_C(2) << (n % BITS)) - 1);

	for (int word = 0; word <= last; word++)
	{
		uint32_t bits = map[word];

		if (word == 0)
			bits &= ~UINT32_C(1);
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

	if ((int64_t) crm_day_from_word(state[0]) + n >= params->as_of)
		return;
	totals->count[CRM_RETENTION_MATURE]++;
	totals->count[CRM_RETENTION_ON_DAY] += map[n / BITS] >> (n % BITS) & 1;
	totals->count[CRM_RETENTION_WITHIN] += map_any(map, n);
}

const CrmMetric crm_retention_by_days = {
	.name = "retention by days",
	.code = 3,
	.words = retention_words,
	.add = retention_add,
	.merge = retention_merge,
	.fold = retention_fold,
};
