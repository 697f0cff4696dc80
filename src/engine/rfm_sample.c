/*
 * rfm_sample.c
 *		The sample of rfm.h: what cuts are taken from.
 *
 * A quantile of type 7 lies between two neighbours a <= b of the sorted
 * values.  With k of n bins and (count - 1) * k = n * position + rest it is
 *
 *		(a * (n - rest) + b * rest) / n,	a at position, b at position + 1
 *
 * and only that division can be inexact.  It is taken downwards, at a scale
 * no smaller than that of any value, which leaves every comparison of a value
 * with the cut as it was.
 *
 * Neighbours are found without sorting: values fall into 4096 buckets over
 * their range, and only buckets that hold a wanted rank are looked into.
 *
 * Invariant: everything depends on the set of values alone, not on the order
 * in which they were added or merged.
 */
#include "engine/rfm.h"

#include <string.h>

#define BUCKET_BITS 12
#define BUCKETS (1 << BUCKET_BITS)
#define GUARD_DIGITS 4 /* enough for halves to ninths that end: 1/8 = .125 */
#define MAX_RANKS (2 * CRM_RFM_MAX_CUTS)
#define NARROW_SCALE 18 /* int64 has no use for a larger one */

/* ---------------------------------------------------------------- adding -- */

static void
allocate(CrmRfmSample *sample, int64_t capacity)
{
	size_t size = (size_t) capacity * sizeof(int64_t);

	sample->recency = crm_realloc(sample->recency, size);
	sample->frequency = crm_realloc(sample->frequency, size);
	if (sample->wide != NULL)
		sample->wide =
			crm_realloc(sample->wide, (size_t) capacity * sizeof(CrmMoney));
	else
		sample->amount = crm_realloc(sample->amount, size);
	sample->capacity = capacity;
}

void
crm_rfm_sample_init(CrmRfmSample *sample, int64_t capacity)
{
	size_t size = (size_t) capacity * sizeof(int64_t);

	memset(sample, 0, sizeof(*sample));
	sample->recency = crm_alloc(size);
	sample->frequency = crm_alloc(size);
	sample->amount = crm_alloc(size);
	sample->capacity = capacity;
}

void
crm_rfm_sample_free(CrmRfmSample *sample)
{
	crm_free(sample->recency);
	crm_free(sample->frequency);
	if (sample->wide != NULL)
		crm_free(sample->wide);
	else
		crm_free(sample->amount);
	memset(sample, 0, sizeof(*sample));
}

static bool
fits_int64(crm_i128 value)
{
	return value >= INT64_MIN && value <= INT64_MAX;
}

static int32_t
scale_of(CrmMoney a)
{
	return a.wide != NULL ? crm_wide_scale(a.wide) : a.scale;
}

static void
widen(CrmRfmSample *sample)
{
	sample->wide = crm_alloc((size_t) sample->capacity * sizeof(CrmMoney));
	for (int64_t i = 0; i < sample->count; i++)
		sample->wide[i] =
			crm_money_from_parts(sample->amount[i], sample->scale);
	crm_free(sample->amount);
	sample->amount = NULL;
}

/* bring the amounts to a larger scale, or to `wide` if they do not fit */
static void
raise_scale(CrmRfmSample *sample, int32_t scale)
{
	crm_i128 power = 1;
	bool	 fits =
		scale <= NARROW_SCALE && crm_i128_shift(&power, scale - sample->scale);

	for (int64_t i = 0; fits && i < sample->count; i++)
	{
		crm_i128 raised = sample->amount[i];

		fits = !__builtin_mul_overflow(raised, power, &raised) &&
			   fits_int64(raised);
	}
	if (!fits)
		widen(sample);
	else
		for (int64_t i = 0; i < sample->count; i++)
			sample->amount[i] *= (int64_t) power;
	sample->scale = scale;
}

/* bring the sample to where it can hold the amount, and that to its scale */
static void
make_fit(CrmRfmSample *sample, CrmMoney *amount)
{
	int32_t scale = scale_of(*amount);

	if (sample->wide != NULL)
	{
		if (scale > sample->scale)
			sample->scale = scale;
		return;
	}
	if (scale > sample->scale)
		raise_scale(sample, scale);
	if (sample->wide != NULL)
		return;
	if (amount->wide == NULL &&
		crm_i128_shift(&amount->mantissa, sample->scale - scale) &&
		fits_int64(amount->mantissa))
		amount->scale = sample->scale;
	else
		widen(sample);
}

void
crm_rfm_sample_add(CrmRfmSample *sample, int64_t recency, int64_t frequency,
				   CrmMoney monetary)
{
	CrmMoney fitted = monetary;
	int64_t	 i = sample->count;

	if (i == sample->capacity)
		allocate(sample, sample->capacity * 2);
	if (sample->wide != NULL || monetary.wide != NULL ||
		monetary.scale != sample->scale || !fits_int64(monetary.mantissa))
		make_fit(sample, &fitted);
	sample->recency[i] = recency;
	sample->frequency[i] = frequency;
	if (sample->wide != NULL)
		sample->wide[i] = monetary;
	else
		sample->amount[i] = (int64_t) fitted.mantissa;
	sample->count++;
}

CrmMoney
crm_rfm_sample_amount(const CrmRfmSample *sample, int64_t i)
{
	if (sample->wide != NULL)
		return sample->wide[i];
	return crm_money_from_parts(sample->amount[i], sample->scale);
}

/* the same amount in memory of its own */
static CrmMoney
copy_amount(CrmMoney amount)
{
	if (amount.wide == NULL)
		return amount;
	return crm_money_add(amount, crm_money_from_int64(0));
}

void
crm_rfm_sample_merge(CrmRfmSample *into, const CrmRfmSample *from)
{
	if (into->capacity < into->count + from->count)
		allocate(into, into->count + from->count);
	for (int64_t i = 0; i < from->count; i++)
		crm_rfm_sample_add(into, from->recency[i], from->frequency[i],
						   copy_amount(crm_rfm_sample_amount(from, i)));
}

/* ------------------------------------------------------------- selecting -- */

static int
bit_length(uint64_t value)
{
	return value == 0 ? 0 : 64 - __builtin_clzll(value);
}

static void select_ranks(const int64_t *values, int64_t count,
						 const int64_t *ranks, int wanted, int64_t *found);

/* values fall into buckets by (value - least) >> shift */
typedef struct Buckets
{
	uint64_t least;
	int		 shift;
	int64_t	 held[BUCKETS];
} Buckets;

static inline int
bucket_of(const Buckets *buckets, int64_t value)
{
	return (int) (((uint64_t) value - buckets->least) >> buckets->shift);
}

static void
fill_buckets(Buckets *buckets, const int64_t *values, int64_t count)
{
	int64_t least = values[0];
	int64_t most = values[0];
	int		bits;

	for (int64_t i = 1; i < count; i++)
	{
		least = values[i] < least ? values[i] : least;
		most = values[i] > most ? values[i] : most;
	}
	bits = bit_length((uint64_t) most - (uint64_t) least);
	buckets->least = (uint64_t) least;
	buckets->shift = bits > BUCKET_BITS ? bits - BUCKET_BITS : 0;
	memset(buckets->held, 0, sizeof(buckets->held));
	for (int64_t i = 0; i < count; i++)
		buckets->held[bucket_of(buckets, values[i])]++;
}

/* what select_ranks does, for ranks that all lie in one bucket */
static void
select_inside(const Buckets *buckets, int bucket, int64_t before,
			  const int64_t *values, int64_t count, const int64_t *ranks,
			  int wanted, int64_t *found)
{
	int64_t *inside;
	int64_t	 filled = 0;
	int64_t	 inner[MAX_RANKS];

	if (buckets->shift == 0)
	{
		for (int i = 0; i < wanted; i++)
			found[i] = (int64_t) (buckets->least + (uint64_t) bucket);
		return;
	}
	inside = crm_alloc((size_t) buckets->held[bucket] * sizeof(int64_t));
	for (int64_t i = 0; i < count; i++)
		if (bucket_of(buckets, values[i]) == bucket)
			inside[filled++] = values[i];
	for (int i = 0; i < wanted; i++)
		inner[i] = ranks[i] - before;
	select_ranks(inside, filled, inner, wanted, found);
	crm_free(inside);
}

/* the values of the sorted array at ascending ranks; values stay as they are */
static void
select_ranks(const int64_t *values, int64_t count, const int64_t *ranks,
			 int wanted, int64_t *found)
{
	Buckets *buckets = crm_alloc(sizeof(Buckets));
	int64_t	 before = 0; /* values in lower buckets */
	int		 bucket = 0;

	fill_buckets(buckets, values, count);
	for (int first = 0, next = 0; first < wanted; first = next)
	{
		while (before + buckets->held[bucket] <= ranks[first])
			before += buckets->held[bucket++];
		while (next < wanted && ranks[next] < before + buckets->held[bucket])
			next++;
		select_inside(buckets, bucket, before, values, count, ranks + first,
					  next - first, found + first);
	}
	crm_free(buckets);
}

/*
 * Three-way quickselect of amounts at ascending ranks, in place: on return
 * the elements at those ranks are where a sort would put them.
 */
static void
place_ranks(CrmMoney *values, int64_t low, int64_t high, const int64_t *ranks,
			int wanted)
{
	uint64_t random = UINT64_C(0x9E3779B97F4A7C15);

	while (wanted > 0 && high - low > 1)
	{
		int64_t	 less = low;  /* values[low..less) < pivot */
		int64_t	 more = high; /* values[more..high) > pivot */
		int64_t	 next = low;
		int		 lower = 0;
		int		 upper;
		CrmMoney pivot;

		random = random * UINT64_C(6364136223846793005) + 1442695040888963407;
		pivot =
			values[low + (int64_t) ((random >> 33) % (uint64_t) (high - low))];
		while (next < more)
		{
			int		 order = crm_money_cmp(values[next], pivot);
			CrmMoney swap = values[next];

			if (order < 0)
			{
				values[next++] = values[less];
				values[less++] = swap;
			}
			else if (order > 0)
			{
				values[next] = values[--more];
				values[more] = swap;
			}
			else
				next++;
		}
		while (lower < wanted && ranks[lower] < less)
			lower++;
		upper = lower;
		while (upper < wanted && ranks[upper] < more)
			upper++;
		place_ranks(values, low, less, ranks, lower);
		ranks += upper;
		wanted -= upper;
		low = more;
	}
}

/* ------------------------------------------------------------------ cuts -- */

static crm_i128
floor_div(crm_i128 a, crm_i128 b)
{
	return a / b - (a % b < 0);
}

static crm_i128
ceil_div(crm_i128 a, crm_i128 b)
{
	return -floor_div(-a, b);
}

static crm_i128
power_of_ten(int exponent)
{
	crm_i128 power = 1;

	if (!crm_i128_shift(&power, exponent))
		crm_fail(CRM_ERROR_INTERNAL, "power of ten out of range", NULL, NULL);
	return power;
}

static int64_t
quantile_position(int64_t count, int bins, int k)
{
	return (int64_t) ((crm_i128) (count - 1) * k / bins);
}

/* the positions of all neighbours, each once and ascending; their number */
static int
quantile_ranks(int64_t count, int bins, int64_t ranks[MAX_RANKS])
{
	int64_t last = -1;
	int		wanted = 0;

	for (int k = 1; k < bins; k++)
	{
		int64_t position = quantile_position(count, bins, k);

		if (position > last)
			ranks[wanted++] = last = position;
		if (position + 1 > last && position + 1 < count)
			ranks[wanted++] = last = position + 1;
	}
	return wanted;
}

static int
quantile_rest(int64_t count, int bins, int k)
{
	return (int) ((crm_i128) (count - 1) * k % bins);
}

/* numerator / bins, downwards at GUARD_DIGITS more than scale, zeros cut off */
static CrmMoney
quotient_down(crm_i128 numerator, int64_t divisor, int32_t scale)
{
	crm_i128 mantissa =
		floor_div(numerator * power_of_ten(GUARD_DIGITS), divisor);
	int32_t digits = scale + GUARD_DIGITS;

	for (; digits > scale && mantissa % 10 == 0; digits--)
		mantissa /= 10;
	return crm_money_from_parts(mantissa, digits);
}

/*
 * The right-closed cut that separates whole values (of 10^-scale) as a
 * left-closed one at numerator / divisor + step does: one below its ceiling.
 */
static CrmMoney
quotient_below(crm_i128 numerator, int64_t divisor, crm_i128 step,
			   int32_t scale)
{
	return crm_money_from_parts(ceil_div(numerator, divisor) + step - 1, scale);
}

static int64_t
value_at(int64_t rank, const int64_t *ranks, const int64_t *found)
{
	while (*ranks != rank)
	{
		ranks++;
		found++;
	}
	return *found;
}

static void
cuts_of_integers(const int64_t *values, int64_t count, int32_t scale, int bins,
				 CrmRfmMethod method, CrmMoney *cuts)
{
	int64_t ranks[MAX_RANKS];
	int64_t found[MAX_RANKS];
	int		wanted = quantile_ranks(count, bins, ranks);

	select_ranks(values, count, ranks, wanted, found);
	for (int k = 1; k < bins; k++)
	{
		int64_t	 position = quantile_position(count, bins, k);
		int		 rest = quantile_rest(count, bins, k);
		crm_i128 numerator =
			(crm_i128) value_at(position, ranks, found) * (bins - rest);

		if (rest > 0)
			numerator += (crm_i128) value_at(position + 1, ranks, found) * rest;
		cuts[k - 1] =
			method == CRM_RFM_R
				? quotient_below(numerator, bins, power_of_ten(scale), scale)
				: quotient_down(numerator, bins, scale);
	}
}

static void
mean_of_integers(const int64_t *values, int64_t count, int32_t scale,
				 bool few_are_good, CrmMoney *cut)
{
	crm_i128 sum = 0;

	for (int64_t i = 0; i < count; i++)
		sum += values[i];
	*cut = few_are_good ? quotient_down(sum, count, scale)
						: quotient_below(sum, count, 0, scale);
}

/* ------------------------------------------------- cuts of wide amounts -- */

/* the same value, shown with at least that scale */
static CrmMoney
with_scale(CrmMoney value, int32_t scale)
{
	return crm_money_add(value, crm_money_from_parts(0, scale));
}

/* one unit of the last place */
static CrmMoney
last_place(CrmMoney value)
{
	return crm_money_from_parts(1, scale_of(value));
}

/* value / divisor, downwards at the scale that division chooses */
static CrmMoney
money_down(CrmMoney value, int64_t divisor)
{
	CrmMoney by = crm_money_from_int64(divisor);
	CrmMoney quotient = crm_money_div(value, by);

	if (crm_money_cmp(crm_money_mul(quotient, by), value) > 0)
		return crm_money_sub(quotient, last_place(quotient));
	return quotient;
}

/* as quotient_below, with the scale that division chooses for a last place */
static CrmMoney
money_below(CrmMoney value, int64_t divisor, int64_t step)
{
	CrmMoney by = crm_money_from_int64(divisor);
	CrmMoney below = money_down(value, divisor);

	if (crm_money_cmp(crm_money_mul(below, by), value) == 0)
		below = crm_money_sub(below, last_place(below));
	return crm_money_add(below, crm_money_from_int64(step));
}

static void
cuts_of_wide(const CrmRfmSample *sample, int bins, CrmRfmMethod method,
			 CrmMoney *cuts)
{
	size_t	  size = (size_t) sample->count * sizeof(CrmMoney);
	CrmMoney *values = crm_alloc(size);
	int64_t	  ranks[MAX_RANKS];
	int		  wanted = quantile_ranks(sample->count, bins, ranks);

	memcpy(values, sample->wide, size);
	place_ranks(values, 0, sample->count, ranks, wanted);
	for (int k = 1; k < bins; k++)
	{
		int64_t	 position = quantile_position(sample->count, bins, k);
		int		 rest = quantile_rest(sample->count, bins, k);
		CrmMoney a = with_scale(values[position], sample->scale);
		CrmMoney sum = crm_money_mul(a, crm_money_from_int64(bins - rest));

		if (rest > 0)
			sum = crm_money_add(sum, crm_money_mul(values[position + 1],
												   crm_money_from_int64(rest)));
		if (method == CRM_RFM_R)
			cuts[k - 1] = money_below(sum, bins, 1);
		else
			cuts[k - 1] = rest == 0 ? a : money_down(sum, bins);
	}
	crm_free(values);
}

static void
mean_of_wide(const CrmRfmSample *sample, CrmMoney *cut)
{
	CrmMoney sum = crm_money_from_parts(0, sample->scale);

	for (int64_t i = 0; i < sample->count; i++)
		crm_money_accumulate(&sum, sample->wide[i]);
	*cut = money_below(sum, sample->count, 0);
}

/* ---------------------------------------------------------------- result -- */

static void
count_bins_used(const CrmRfmSample *sample, int count,
				CrmMoney cuts[3][CRM_RFM_MAX_CUTS], int bins_used[3])
{
	bool	   used[3][CRM_RFM_MAX_BINS + 1] = {{false}};
	CrmRfmCuts decoded;

	crm_rfm_cuts_init(&decoded, cuts[0], count, cuts[1], count, cuts[2], count);
	for (int64_t i = 0; i < sample->count; i++)
	{
		int score =
			crm_rfm_score(&decoded, sample->recency[i], sample->frequency[i],
						  crm_rfm_sample_amount(sample, i));

		used[0][score / 100] = true;
		used[1][score / 10 % 10] = true;
		used[2][score % 10] = true;
	}
	for (int dimension = 0; dimension < 3; dimension++)
	{
		bins_used[dimension] = 0;
		for (int bin = 1; bin <= count + 1; bin++)
			bins_used[dimension] += used[dimension][bin];
	}
}

bool
crm_rfm_method_from_name(const char *name, CrmRfmMethod *method)
{
	static const char *const names[] = {"quantile", "r", "mean", "median"};

	for (int i = 0; i < 4; i++)
	{
		if (strcmp(name, names[i]) != 0)
			continue;
		*method = (CrmRfmMethod) i;
		return true;
	}
	return false;
}

int
crm_rfm_sample_cuts(const CrmRfmSample *sample, int bins, CrmRfmMethod method,
					CrmMoney cuts[3][CRM_RFM_MAX_CUTS], int bins_used[3])
{
	int64_t count = sample->count;

	if (method == CRM_RFM_MEAN)
	{
		mean_of_integers(sample->recency, count, 0, true, cuts[0]);
		mean_of_integers(sample->frequency, count, 0, false, cuts[1]);
		if (sample->wide != NULL)
			mean_of_wide(sample, cuts[2]);
		else
			mean_of_integers(sample->amount, count, sample->scale, false,
							 cuts[2]);
	}
	else
	{
		cuts_of_integers(sample->recency, count, 0, bins, method, cuts[0]);
		cuts_of_integers(sample->frequency, count, 0, bins, method, cuts[1]);
		if (sample->wide != NULL)
			cuts_of_wide(sample, bins, method, cuts[2]);
		else
			cuts_of_integers(sample->amount, count, sample->scale, bins, method,
							 cuts[2]);
	}
	if (bins_used != NULL)
		count_bins_used(sample, bins - 1, cuts, bins_used);
	return bins - 1;
}
