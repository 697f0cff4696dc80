/*
 * rate.c
 *		Wilson's score interval.
 *
 * E. B. Wilson, "Probable inference, the law of succession, and statistical
 * inference", Journal of the American Statistical Association 22 (1927).  With
 * p = k / n and z the normal quantile:
 *
 *		(p + z^2/2n  -+  z * sqrt(p(1-p)/n + z^2/4n^2)) / (1 + z^2/n)
 */
#include <math.h>

#include "engine/rate.h"

/* the 97.5 % quantile of the normal distribution */
#define Z 1.959963984540054

CrmRate
crm_rate(int64_t numerator, int64_t denominator)
{
	CrmRate result = {.numerator = numerator, .denominator = denominator};
	double	n = (double) denominator;
	double	p;
	double	centre;
	double	reach;
	double	scale;

	if (denominator == 0)
		return result;
	p = (double) numerator / n;
	scale = 1 + Z * Z / n;
	centre = p + Z * Z / (2 * n);
	reach = Z * sqrt(p * (1 - p) / n + Z * Z / (4 * n * n));
	result.rate = p;
	/* the bounds of all and nothing are exact, rounding would blur them */
	result.lower = numerator == 0 ? 0 : (centre - reach) / scale;
	result.upper = numerator == denominator ? 1 : (centre + reach) / scale;
	return result;
}
