/*
 * rate.h
 *		A rate with its parts and its interval.
 *
 * Invariant: where the denominator is positive and the numerator lies in
 * 0..denominator, 0 <= lower <= rate <= upper <= 1.
 */
#ifndef CRM_RATE_H
#define CRM_RATE_H

#include "host.h"

typedef struct CrmRate
{
	int64_t numerator;
	int64_t denominator;
	double	rate; /* this and the bounds: only if the denominator is not 0 */
	double	lower;
	double	upper;
} CrmRate;

/* the bounds are those of Wilson's score interval, 95 % */
extern CrmRate crm_rate(int64_t numerator, int64_t denominator);

#endif /* CRM_RATE_H */
