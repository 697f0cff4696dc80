/*
 * day_counts.h
 *		How often each number of days occurs, in the customers as they are and
 *		in resamples of them.
 *
 *		day    n      3    17    18   739917       ascending, each once
 *		       row    0     2     1        3       in the order they came
 *		count  [row * CRM_SAMPLES + sample]
 *
 * Only what occurs takes memory: a year that is entered wrong makes a gap of
 * two thousand years, and all days up to it would be gigabytes.
 *
 * Invariant: a set that is all zero is empty.
 */
#ifndef CRM_DAY_COUNTS_H
#define CRM_DAY_COUNTS_H

#include <stdint.h>

#define CRM_RESAMPLES 200
/* sample 0 are the customers as they are */
#define CRM_SAMPLES (1 + CRM_RESAMPLES)

typedef struct CrmDayRow
{
	int32_t n;
	int32_t row;
} CrmDayRow;

typedef struct CrmDayCounts
{
	int32_t	   used;
	int32_t	   room;
	CrmDayRow *day;
	int64_t	  *count;
} CrmDayCounts;

/* so many times, by the weight that a customer has in each sample */
extern void crm_day_counts_add(CrmDayCounts *counts, const uint8_t *weight,
							   int32_t n, int64_t times);
extern int64_t
crm_day_counts_at(const CrmDayCounts *counts, int32_t n, int sample);
extern void crm_day_counts_free(CrmDayCounts *counts);

/* the one at a place of day */
static inline int64_t
crm_day_counts_get(const CrmDayCounts *counts, int32_t place, int sample)
{
	return counts
		->count[(int64_t) counts->day[place].row * CRM_SAMPLES + sample];
}

#endif /* CRM_DAY_COUNTS_H */
