/*
 * test_rfm.c
 *		Cuts and scores of RFM against sorting and counting.
 *
 * Quantiles are compared without dividing: a value is beyond the k-th of n
 * quantiles if n times the value is more than the numerator.
 */
#include "engine/rfm.h"

#include <stdlib.h>

#include "tap.h"

#define MOST 400 /* customers of a sample */

typedef struct Customer
{
	int64_t	 recency;
	int64_t	 frequency;
	CrmMoney amount;
} Customer;

/* what amounts look like in a sample */
typedef enum Amounts
{
	AMOUNTS_CENTS,
	AMOUNTS_MIXED, /* scales 0 to 4 */
	AMOUNTS_LARGE, /* all 64 bits */
	AMOUNTS_BEYOND /* some need more than 64, some more than 128 bits */
} Amounts;

static CrmMoney
random_amount(Amounts kind)
{
	CrmMoney power;

	switch (kind)
	{
		case AMOUNTS_CENTS:
			return crm_money_from_parts(random_between(-500, 20000), 2);
		case AMOUNTS_MIXED:
			return crm_money_from_parts(random_between(-50, 300),
										(int) random_between(0, 4));
		case AMOUNTS_LARGE:
			return crm_money_from_parts((int64_t) random_bits(), 3);
		case AMOUNTS_BEYOND:
			break;
	}
	power = crm_money_from_parts(random_between(-9, 9),
								 (int) random_between(0, 30));
	for (int64_t i = random_between(0, 5); i > 0; i--)
		power = crm_money_mul(
			power, crm_money_from_parts(INT64_C(1000000000000000), 0));
	return power;
}

static void
random_customers(Customer *customers, int count, Amounts kind)
{
	int bits = (int) random_between(1, random_chance(0.2) ? 63 : 10);

	for (int i = 0; i < count; i++)
	{
		customers[i].recency = random_magnitude(bits);
		customers[i].frequency = random_magnitude(bits);
		customers[i].amount = random_amount(kind);
	}
}

static void
shuffle(Customer *customers, int count)
{
	for (int i = count - 1; i > 0; i--)
	{
		int		 other = (int) random_between(0, i);
		Customer swap = customers[i];

		customers[i] = customers[other];
		customers[other] = swap;
	}
}

static void
add_all(CrmRfmSample *sample, const Customer *customers, int count)
{
	for (int i = 0; i < count; i++)
		crm_rfm_sample_add(sample, customers[i].recency, customers[i].frequency,
						   customers[i].amount);
}

/* dimension 0 recency, 1 frequency, 2 monetary */
static CrmMoney
value_of(const Customer *customer, int dimension)
{
	switch (dimension)
	{
		case 0:
			return crm_money_from_int64(customer->recency);
		case 1:
			return crm_money_from_int64(customer->frequency);
		default:
			return customer->amount;
	}
}

static int
compare(const void *a, const void *b)
{
	return crm_money_cmp(*(const CrmMoney *) a, *(const CrmMoney *) b);
}

static CrmMoney
times(CrmMoney value, int64_t factor)
{
	return crm_money_mul(value, crm_money_from_int64(factor));
}

/* the quantile's numerator, from sorted values */
static CrmMoney
numerator(const CrmMoney *sorted, int count, int bins, int k)
{
	int		 position = (count - 1) * k / bins;
	int		 rest = (count - 1) * k % bins;
	CrmMoney result = times(sorted[position], bins - rest);

	if (rest > 0)
		result = crm_money_add(result, times(sorted[position + 1], rest));
	return result;
}

static bool
is_beyond(CrmMoney value, CrmMoney quantile, int bins, CrmRfmMethod method)
{
	if (method == CRM_RFM_R) /* value >= quantile + 1 */
		return crm_money_cmp(
				   times(value, bins),
				   crm_money_add(quantile, crm_money_from_int64(bins))) >= 0;
	return crm_money_cmp(times(value, bins), quantile) > 0;
}

static void
check_quantiles(const Customer *customers, int count, int bins,
				CrmRfmMethod method)
{
	CrmRfmSample sample;
	CrmMoney	 cuts[3][CRM_RFM_MAX_CUTS];
	CrmMoney	 sorted[MOST];

	crm_rfm_sample_init(&sample, 1);
	add_all(&sample, customers, count);
	CHECK(crm_rfm_sample_cuts(&sample, bins, method, cuts, NULL) == bins - 1,
		  "%d bins", bins);
	for (int dimension = 0; dimension < 3; dimension++)
	{
		for (int i = 0; i < count; i++)
			sorted[i] = value_of(&customers[i], dimension);
		qsort(sorted, count, sizeof(CrmMoney), compare);
		for (int k = 1; k < bins; k++)
		{
			CrmMoney quantile = numerator(sorted, count, bins, k);
			int		 wrong = 0;

			for (int i = 0; i < count; i++)
				wrong += is_beyond(sorted[i], quantile, bins, method) !=
						 (crm_money_cmp(sorted[i], cuts[dimension][k - 1]) > 0);
			CHECK(wrong == 0,
				  "%d of %d values are on the wrong side of cut %d of %d, "
				  "dimension %d",
				  wrong, count, k, bins - 1, dimension);
		}
	}
}

static void
test_quantiles(const char *name, Amounts kind, CrmRfmMethod method, int rounds)
{
	Customer customers[MOST];

	PROPERTY(name)
	for (int i = 0; i < rounds; i++)
	{
		int count = (int) random_between(1, random_chance(0.5) ? 12 : MOST);

		random_customers(customers, count, kind);
		check_quantiles(customers, count, (int) random_between(2, 9), method);
		host_free_all();
	}
}

static void
test_order(const char *name, Amounts kind, int rounds)
{
	Customer customers[MOST];

	PROPERTY(name)
	for (int i = 0; i < rounds; i++)
	{
		int			 count = (int) random_between(2, MOST);
		int			 part = (int) random_between(1, count - 1);
		CrmRfmMethod method = (CrmRfmMethod) random_between(0, 3);
		int			 bins = method >= CRM_RFM_MEAN ? 2 : random_between(2, 9);
		CrmRfmSample whole;
		CrmRfmSample parts[2];
		CrmMoney	 cuts[2][3][CRM_RFM_MAX_CUTS];
		int			 used[2][3];
		int			 different = 0;

		random_customers(customers, count, kind);
		crm_rfm_sample_init(&whole, count);
		add_all(&whole, customers, count);
		shuffle(customers, count);
		for (int half = 0; half < 2; half++)
			crm_rfm_sample_init(&parts[half], 1);
		add_all(&parts[0], customers, part);
		add_all(&parts[1], customers + part, count - part);
		crm_rfm_sample_merge(&parts[0], &parts[1]);
		crm_rfm_sample_free(&parts[1]);

		crm_rfm_sample_cuts(&whole, bins, method, cuts[0], used[0]);
		crm_rfm_sample_cuts(&parts[0], bins, method, cuts[1], used[1]);
		for (int dimension = 0; dimension < 3; dimension++)
		{
			different += used[0][dimension] != used[1][dimension];
			for (int k = 0; k < bins - 1; k++)
				different += !crm_money_identical(cuts[0][dimension][k],
												  cuts[1][dimension][k]);
		}
		CHECK(different == 0, "%d customers, %d bins, method %d", count, bins,
			  (int) method);
		host_free_all();
	}
}

static void
test_mean(Amounts kind, const char *name, int rounds)
{
	Customer customers[MOST];

	PROPERTY(name)
	for (int i = 0; i < rounds; i++)
	{
		int			 count = (int) random_between(1, MOST);
		CrmRfmSample sample;
		CrmMoney	 cuts[3][CRM_RFM_MAX_CUTS];

		random_customers(customers, count, kind);
		crm_rfm_sample_init(&sample, 1);
		add_all(&sample, customers, count);
		crm_rfm_sample_cuts(&sample, 2, CRM_RFM_MEAN, cuts, NULL);
		for (int dimension = 0; dimension < 3; dimension++)
		{
			CrmMoney sum = crm_money_from_int64(0);
			int		 wrong = 0;

			for (int j = 0; j < count; j++)
				sum = crm_money_add(sum, value_of(&customers[j], dimension));
			for (int j = 0; j < count; j++)
			{
				CrmMoney value = value_of(&customers[j], dimension);
				int		 order = crm_money_cmp(times(value, count), sum);

				/* few days: up to the mean; else from the mean on */
				wrong += (crm_money_cmp(value, cuts[dimension][0]) > 0) !=
						 (dimension == 0 ? order > 0 : order >= 0);
			}
			CHECK(wrong == 0, "%d of %d, dimension %d", wrong, count,
				  dimension);
		}
		host_free_all();
	}
}

static int
random_cuts(CrmMoney *cuts, Amounts kind)
{
	int count = (int) random_between(0, CRM_RFM_MAX_CUTS);

	for (int i = 0; i < count; i++)
		cuts[i] = random_amount(kind);
	qsort(cuts, count, sizeof(CrmMoney), compare);
	return count;
}

static int
cuts_below(const CrmMoney *cuts, int count, CrmMoney value)
{
	int below = 0;

	for (int i = 0; i < count; i++)
		below += crm_money_cmp(cuts[i], value) < 0;
	return below;
}

static void
test_scores(void)
{
	PROPERTY("a score counts the cuts below")
	for (int round = 0; round < 3000; round++)
	{
		CrmMoney   list[3][CRM_RFM_MAX_CUTS];
		int		   count[3];
		CrmRfmCuts cuts;

		for (int i = 0; i < 3; i++)
			count[i] = random_cuts(list[i], (Amounts) random_between(0, 3));
		crm_rfm_cuts_init(&cuts, list[0], count[0], list[1], count[1], list[2],
						  count[2]);
		for (int i = 0; i < 20; i++)
		{
			int64_t	 recency = random_magnitude(31);
			int64_t	 frequency = random_magnitude(63);
			CrmMoney monetary =
				count[2] > 0 && random_chance(0.3)
					? list[2][random_between(0, count[2] - 1)]
					: random_amount((Amounts) random_between(0, 3));
			int r =
				1 + count[0] -
				cuts_below(list[0], count[0], crm_money_from_int64(recency));
			int f = 1 + cuts_below(list[1], count[1],
								   crm_money_from_int64(frequency));
			int m = 1 + cuts_below(list[2], count[2], monetary);

			CHECK(crm_rfm_score(&cuts, recency, frequency, monetary) ==
					  r * 100 + f * 10 + m,
				  "%d, not %d%d%d",
				  crm_rfm_score(&cuts, recency, frequency, monetary), r, f, m);
		}
		host_free_all();
	}
}

/* the day by day truth: the first day on which the R score is another one */
static bool
flip_by_days(const CrmRfmCuts *cuts, int32_t days, int32_t *flips_at)
{
	for (int32_t later = days + 1; later < 1000; later++)
	{
		if (crm_rfm_recency_score(cuts, later) ==
			crm_rfm_recency_score(cuts, days))
			continue;
		*flips_at = later;
		return true;
	}
	return false;
}

static void
test_flips(void)
{
	PROPERTY("the R score flips on the day that is foretold")
	for (int round = 0; round < 300; round++)
	{
		CrmMoney   list[CRM_RFM_MAX_CUTS];
		int		   count = random_cuts(list, AMOUNTS_MIXED);
		CrmRfmCuts cuts;

		crm_rfm_cuts_init(&cuts, list, count, NULL, 0, NULL, 0);
		for (int32_t days = -60; days < 310; days++)
		{
			int32_t foretold = -1000;
			int32_t true_one = -1000;

			CHECK(crm_rfm_recency_flip(&cuts, days, &foretold) ==
						  flip_by_days(&cuts, days, &true_one) &&
					  foretold == true_one,
				  "after %d days: %d, not %d", days, foretold, true_one);
		}
	}
}

static void
test_refusals(void)
{
	CrmMoney   cuts[CRM_RFM_MAX_CUTS + 1];
	CrmRfmCuts decoded;

	for (int i = 0; i <= CRM_RFM_MAX_CUTS; i++)
		cuts[i] = crm_money_from_int64(i);
	ok(FAILS_WITH(CRM_ERROR_PARAMETER,
				  crm_rfm_cuts_init(&decoded, cuts, CRM_RFM_MAX_CUTS + 1, NULL,
									0, NULL, 0)),
	   "nine cuts are refused");
	cuts[3] = crm_money_from_int64(1);
	ok(FAILS_WITH(CRM_ERROR_PARAMETER,
				  crm_rfm_cuts_init(&decoded, NULL, 0, NULL, 0, cuts, 5)),
	   "decreasing cuts are refused");
	ok(strcmp(host_message, "monetary cuts decrease") == 0 &&
		   strcmp(host_detail, "Cut 4 is less than cut 3.") == 0,
	   "and pointed at: %s; %s", host_message, host_detail);
}

static void
test_no_flip(void)
{
	CrmMoney   cut = crm_money_from_int64(INT32_MAX);
	CrmRfmCuts cuts;
	int32_t	   flips_at;

	crm_rfm_cuts_init(&cuts, &cut, 1, NULL, 0, NULL, 0);
	ok(!crm_rfm_recency_flip(&cuts, 5, &flips_at),
	   "beyond the last day there is no flip");
}

static void
test_names(void)
{
	CrmRfmMethod method = CRM_RFM_QUANTILE;

	ok(crm_rfm_method_from_name("r", &method) && method == CRM_RFM_R &&
		   crm_rfm_method_from_name("median", &method) &&
		   method == CRM_RFM_MEDIAN && !crm_rfm_method_from_name("", &method),
	   "methods have names");
	ok(strcmp(crm_rfm_segment_code(crm_rfm_high_bits(545, 4)),
			  "important_value") == 0 &&
		   strcmp(crm_rfm_segment_code(crm_rfm_high_bits(144, 4)),
				  "important_keep") == 0 &&
		   strcmp(crm_rfm_segment_code(crm_rfm_high_bits(333, 4)),
				  "general_winback") == 0,
	   "segments have codes");
}

int
main(void)
{
	test_quantiles("quantiles of cents", AMOUNTS_CENTS, CRM_RFM_QUANTILE, 500);
	test_quantiles("quantiles of amounts of mixed scales", AMOUNTS_MIXED,
				   CRM_RFM_QUANTILE, 500);
	test_quantiles("quantiles of amounts of 64 bits", AMOUNTS_LARGE,
				   CRM_RFM_QUANTILE, 500);
	test_quantiles("quantiles of larger amounts", AMOUNTS_BEYOND,
				   CRM_RFM_QUANTILE, 100);
	test_quantiles("the R package's cuts", AMOUNTS_MIXED, CRM_RFM_R, 500);
	test_quantiles("the R package's cuts of larger amounts", AMOUNTS_BEYOND,
				   CRM_RFM_R, 100);
	test_mean(AMOUNTS_MIXED, "means", 300);
	test_mean(AMOUNTS_BEYOND, "means of larger amounts", 50);
	test_order("the order of customers does not matter", AMOUNTS_MIXED, 500);
	test_order("nor with larger amounts", AMOUNTS_BEYOND, 100);
	test_scores();
	test_flips();
	test_refusals();
	test_no_flip();
	test_names();
	return done();
}
