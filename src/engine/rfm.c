/*
 * rfm.c
 *		Cuts, scores and segments of rfm.h.
 *
 * The sample and the cuts taken from it are in rfm_sample.c.
 *
 * Invariant: a floor stands for its cut in every comparison with a value of
 * that scale: value <= cut if and only if value <= floor.
 */
#include "engine/rfm.h"

#include <stdio.h>
#include <string.h>

/* ------------------------------------------------------------------ cuts -- */

static int64_t
clamp(crm_i128 value)
{
	if (value > INT64_MAX)
		return INT64_MAX;
	if (value < INT64_MIN)
		return INT64_MIN;
	return (int64_t) value;
}

/* the largest int64 t with t * 10^-scale <= cut, by comparisons alone */
static int64_t
floor_by_search(CrmMoney cut, int scale)
{
	crm_i128 low = INT64_MIN;
	crm_i128 high = INT64_MAX;

	while (low < high)
	{
		crm_i128 middle = low + (high - low + 1) / 2;

		if (crm_money_cmp(crm_money_from_parts(middle, scale), cut) <= 0)
			low = middle;
		else
			high = middle - 1;
	}
	return (int64_t) low;
}

/* floor(cut * 10^scale), held inside int64 */
static int64_t
floor_at_scale(CrmMoney cut, int scale)
{
	crm_i128 mantissa = cut.mantissa;
	crm_i128 power = 1;

	if (cut.wide != NULL)
		return floor_by_search(cut, scale);
	if (scale >= cut.scale)
	{
		if (!crm_i128_shift(&mantissa, scale - cut.scale))
			return cut.mantissa < 0 ? INT64_MIN : INT64_MAX;
		return clamp(mantissa);
	}
	if (!crm_i128_shift(&power, cut.scale - scale))
		return cut.mantissa < 0 ? -1 : 0;
	return clamp(mantissa / power - (mantissa % power < 0));
}

static void
check_cuts(const CrmMoney *cuts, int count, const char *dimension)
{
	char message[64];
	char detail[80];

	if (count > CRM_RFM_MAX_CUTS)
	{
		snprintf(message, sizeof(message), "too many %s cuts", dimension);
		snprintf(detail, sizeof(detail),
				 "There are %d, at most %d are allowed.", count,
				 CRM_RFM_MAX_CUTS);
		crm_fail(CRM_ERROR_PARAMETER, message, detail,
				 "A score has one digit for each of recency, frequency and "
				 "monetary, so there are at most 9 bins.");
	}
	for (int i = 1; i < count; i++)
	{
		if (crm_money_cmp(cuts[i - 1], cuts[i]) <= 0)
			continue;
		snprintf(message, sizeof(message), "%s cuts decrease", dimension);
		snprintf(detail, sizeof(detail), "Cut %d is less than cut %d.", i + 1,
				 i);
		crm_fail(CRM_ERROR_PARAMETER, message, detail,
				 "Write the cuts in ascending order; recency cuts too, in "
				 "days, although fewer days score higher.");
	}
}

void
crm_rfm_cuts_init(CrmRfmCuts *cuts, const CrmMoney *recency, int recency_count,
				  const CrmMoney *frequency, int frequency_count,
				  const CrmMoney *monetary, int monetary_count)
{
	check_cuts(recency, recency_count, "recency");
	check_cuts(frequency, frequency_count, "frequency");
	check_cuts(monetary, monetary_count, "monetary");

	cuts->recency_count = recency_count;
	cuts->frequency_count = frequency_count;
	cuts->monetary_count = monetary_count;
	cuts->floors_ready = 0;
	memset(cuts->recency_digit, -1, sizeof(cuts->recency_digit));
	memset(cuts->frequency_digit, -1, sizeof(cuts->frequency_digit));
	for (int i = 0; i < recency_count; i++)
		cuts->recency[i] = floor_at_scale(recency[i], 0);
	for (int i = 0; i < frequency_count; i++)
		cuts->frequency[i] = floor_at_scale(frequency[i], 0);
	for (int i = 0; i < monetary_count; i++)
		cuts->monetary[i] = monetary[i];
}

/* ---------------------------------------------------------------- scores -- */

static inline const int64_t *
monetary_floors(CrmRfmCuts *cuts, int scale)
{
	uint32_t bit = UINT32_C(1) << scale;

	if ((cuts->floors_ready & bit) == 0)
	{
		for (int i = 0; i < cuts->monetary_count; i++)
			cuts->floors[scale][i] = floor_at_scale(cuts->monetary[i], scale);
		cuts->floors_ready |= bit;
	}
	return cuts->floors[scale];
}

static inline int
monetary_below(CrmRfmCuts *cuts, CrmMoney monetary)
{
	int below = 0;

	/* INT64_MIN is left out: there a floor may stand for less than itself */
	if (monetary.wide == NULL && monetary.scale <= CRM_RFM_FAST_SCALE &&
		monetary.mantissa > INT64_MIN && monetary.mantissa <= INT64_MAX)
		return crm_rfm_cuts_below(monetary_floors(cuts, monetary.scale),
								  cuts->monetary_count,
								  (int64_t) monetary.mantissa);
	for (int i = 0; i < cuts->monetary_count; i++)
		below += crm_money_cmp(cuts->monetary[i], monetary) < 0;
	return below;
}

int
crm_rfm_recency_score(const CrmRfmCuts *cuts, int64_t recency_days)
{
	return 1 + cuts->recency_count -
		   crm_rfm_cuts_below(cuts->recency, cuts->recency_count, recency_days);
}

int
crm_rfm_two_digits_anew(CrmRfmCuts *cuts, int64_t recency_days,
						int64_t frequency)
{
	int r = 100 * crm_rfm_recency_score(cuts, recency_days);
	int f = 10 * (1 + crm_rfm_cuts_below(cuts->frequency, cuts->frequency_count,
										 frequency));

	if ((uint64_t) recency_days < CRM_RFM_TABLED_DAYS)
		cuts->recency_digit[recency_days] = (int16_t) r;
	if ((uint64_t) frequency < CRM_RFM_TABLED_ORDERS)
		cuts->frequency_digit[frequency] = (int16_t) f;
	return r + f;
}

int
crm_rfm_score(CrmRfmCuts *cuts, int64_t recency_days, int64_t frequency,
			  CrmMoney monetary)
{
	return crm_rfm_two_digits(cuts, recency_days, frequency) + 1 +
		   monetary_below(cuts, monetary);
}

bool
crm_rfm_recency_flip(const CrmRfmCuts *cuts, int32_t recency_days,
					 int32_t *flips_at)
{
	for (int i = 0; i < cuts->recency_count; i++)
	{
		if (cuts->recency[i] < recency_days)
			continue;
		if (cuts->recency[i] >= INT32_MAX)
			return false;
		*flips_at = (int32_t) cuts->recency[i] + 1;
		return true;
	}
	return false;
}

/* -------------------------------------------------------------- segments -- */

int
crm_rfm_high_bits(int score, int high)
{
	return (score / 100 >= high) << 2 | (score / 10 % 10 >= high) << 1 |
		   (score % 10 >= high);
}

const char *
crm_rfm_segment_code(int bits)
{
	static const char *const code[CRM_RFM_SEGMENTS] = {
		"general_winback", "important_winback", "general_keep",
		"important_keep",  "general_develop",	"important_develop",
		"general_value",   "important_value",
	};

	return code[bits];
}
