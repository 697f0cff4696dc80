/*
 * rfm.h
 *		RFM: cuts, scores and the sample that quantile cuts are taken from.
 *
 * A dimension with k cuts has k + 1 bins, all closed on the right, so a value
 * equal to a cut is in the lower bin:
 *
 *		 bin 1    |  bin 2    |  bin 3    |  bin 4
 *		     cut[0] ]    cut[1] ]    cut[2] ]
 *
 * Frequency and monetary score the number of their bin.  Recency is counted
 * in days and few are good, so its bins score in the other direction.  The
 * score of a customer is the three digits r, f, m as one number.
 *
 * Days and frequencies are whole, so a cut counts for them only by its floor.
 * Money of scale s is a whole number of 10^-s, so there a cut counts only by
 * its floor at that scale.  All comparisons are of integers therefore, and
 * exact; amounts beyond 64 bits take crm_money_cmp.
 *
 * Invariant: cuts never decrease, and a score depends on nothing but the
 * cuts and the three values.
 */
#ifndef CRM_RFM_H
#define CRM_RFM_H

#include "money.h"

#define CRM_RFM_MIN_BINS 2
#define CRM_RFM_MAX_BINS 9
#define CRM_RFM_MAX_CUTS (CRM_RFM_MAX_BINS - 1)

/* amounts of a scale up to this compare as 64-bit integers */
#define CRM_RFM_FAST_SCALE 20
/* most customers' days and orders lie below these */
#define CRM_RFM_TABLED_DAYS 1024
#define CRM_RFM_TABLED_ORDERS 64

typedef struct CrmRfmCuts
{
	int		 recency_count;
	int		 frequency_count;
	int		 monetary_count;
	int64_t	 recency[CRM_RFM_MAX_CUTS];	  /* floors */
	int64_t	 frequency[CRM_RFM_MAX_CUTS]; /* floors */
	CrmMoney monetary[CRM_RFM_MAX_CUTS];
	/* what small values score, times 100 and 10; -1: not worked out */
	int16_t recency_digit[CRM_RFM_TABLED_DAYS];
	int16_t frequency_digit[CRM_RFM_TABLED_ORDERS];
	/* floors of the monetary cuts by scale, worked out when first wanted */
	uint32_t floors_ready;
	int64_t	 floors[CRM_RFM_FAST_SCALE + 1][CRM_RFM_MAX_CUTS];
} CrmRfmCuts;

/*
 * Decode cuts.  Fails with CRM_ERROR_PARAMETER when there are more than
 * CRM_RFM_MAX_CUTS or when they decrease.  The wide decimals of monetary cuts
 * are kept, not copied.
 */
extern void
crm_rfm_cuts_init(CrmRfmCuts *cuts, const CrmMoney *recency, int recency_count,
				  const CrmMoney *frequency, int frequency_count,
				  const CrmMoney *monetary, int monetary_count);

/* r * 100 + f * 10 + m */
extern int crm_rfm_score(CrmRfmCuts *cuts, int64_t recency_days,
						 int64_t frequency, CrmMoney monetary);

/* r * 100 + f * 10, by the cuts themselves */
extern int crm_rfm_two_digits_anew(CrmRfmCuts *cuts, int64_t recency_days,
								   int64_t frequency);

/* the same, looked up where the values are small and have been there before */
static inline int
crm_rfm_two_digits(CrmRfmCuts *cuts, int64_t recency_days, int64_t frequency)
{
	int r;
	int f;

	if ((uint64_t) recency_days < CRM_RFM_TABLED_DAYS &&
		(uint64_t) frequency < CRM_RFM_TABLED_ORDERS)
	{
		r = cuts->recency_digit[recency_days];
		f = cuts->frequency_digit[frequency];
		if ((r | f) >= 0)
			return r + f;
	}
	return crm_rfm_two_digits_anew(cuts, recency_days, frequency);
}

/* how many of the cuts, or of words that order as they do, are less */
static inline int
crm_rfm_cuts_below(const int64_t *cuts, int count, int64_t value)
{
	int below = 0;

	for (int i = 0; i < count; i++)
		below += cuts[i] < value;
	return below;
}

/* the R score alone */
extern int crm_rfm_recency_score(const CrmRfmCuts *cuts, int64_t recency_days);

/*
 * The least number of days above recency_days at which the R score is another
 * one; false when it stays for ever.
 */
extern bool crm_rfm_recency_flip(const CrmRfmCuts *cuts, int32_t recency_days,
								 int32_t *flips_at);

/* high or low in each dimension: bit 2 recency, bit 1 frequency, bit 0 monetary */
#define CRM_RFM_SEGMENTS 8
extern int crm_rfm_high_bits(int score, int high);
/* fixed code of a segment, by these bits */
extern const char *crm_rfm_segment_code(int bits);

/*
 * The values that cuts are taken from, one entry per customer, in the order
 * in which they were added.  Amounts are int64 at one common scale as long as
 * they fit; then all of them move to `wide`.
 */
typedef struct CrmRfmSample
{
	int64_t	  count;
	int64_t	  capacity;
	int64_t	 *recency; /* days, or anything that grows by one a day */
	int64_t	 *frequency;
	int64_t	 *amount; /* NULL once wide is in use */
	CrmMoney *wide;
	int32_t	  scale; /* the largest scale of an amount */
} CrmRfmSample;

extern void crm_rfm_sample_init(CrmRfmSample *sample, int64_t capacity);
extern void crm_rfm_sample_free(CrmRfmSample *sample);
extern void crm_rfm_sample_add(CrmRfmSample *sample, int64_t recency,
							   int64_t frequency, CrmMoney monetary);
extern void crm_rfm_sample_merge(CrmRfmSample *into, const CrmRfmSample *from);
extern CrmMoney crm_rfm_sample_amount(const CrmRfmSample *sample, int64_t i);

typedef enum CrmRfmMethod
{
	CRM_RFM_QUANTILE, /* type 7, linear interpolation */
	CRM_RFM_R,		  /* package rfm: quantile + 1, bins closed on the left */
	CRM_RFM_MEAN,	  /* two bins: high is at least the mean */
	CRM_RFM_MEDIAN	  /* two bins: high is above the median */
} CrmRfmMethod;

extern bool crm_rfm_method_from_name(const char *name, CrmRfmMethod *method);

/*
 * The cuts of a sample that is not empty, as decimals that crm_rfm_cuts_init
 * takes: a customer of the sample, and any with amounts of no larger scale,
 * scores with them exactly as by the method's own rule.  bins_used counts the
 * bins of each dimension that hold a customer.  Returns the number of cuts.
 */
extern int
crm_rfm_sample_cuts(const CrmRfmSample *sample, int bins, CrmRfmMethod method,
					CrmMoney cuts[3][CRM_RFM_MAX_CUTS], int bins_used[3]);

#endif /* CRM_RFM_H */
