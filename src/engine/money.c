/*
 * money.c
 *		Arithmetic of money.h.
 *
 * Two integers of 128 bits with one scale add, subtract and compare at once;
 * with different scales the smaller scale is raised first.  What does not fit
 * takes the wide path and comes back as soon as it fits again:
 *
 *		mantissa, scale --overflow--> wide --fits--> mantissa, scale
 *
 * Invariant: a result is wide only if its mantissa at its display scale does
 * not fit 128 bits.  So a value has one representation whatever the order in
 * which it was added up.
 */
#include <stdlib.h>
#include <string.h>

#include "engine/money.h"

#define MAX_POWER 38			/* 10^38 is the last power in 128 bits */
#define MIN_SIGNIFICANT 16		/* numeric division: significant digits, */
#define MAX_QUOTIENT_SCALE 1000 /* and its largest scale */
#define BASE_DIGITS 4			/* numeric counts in base 10^4 */

static const uint64_t small_power[] = {1,
									   10,
									   100,
									   1000,
									   10000,
									   100000,
									   1000000,
									   10000000,
									   100000000,
									   1000000000,
									   UINT64_C(10000000000),
									   UINT64_C(100000000000),
									   UINT64_C(1000000000000),
									   UINT64_C(10000000000000),
									   UINT64_C(100000000000000),
									   UINT64_C(1000000000000000),
									   UINT64_C(10000000000000000),
									   UINT64_C(100000000000000000),
									   UINT64_C(1000000000000000000),
									   UINT64_C(10000000000000000000)};

static crm_i128
power_of_ten(int exponent)
{
	if (exponent < 20)
		return small_power[exponent];
	return (crm_i128) small_power[19] * small_power[exponent - 19];
}

/* *value * 10^exponent; false if that does not fit */
bool
crm_i128_shift(crm_i128 *value, int exponent)
{
	if (exponent == 0 || *value == 0)
		return true;
	if (exponent > MAX_POWER)
		return false;
	return !__builtin_mul_overflow(*value, power_of_ten(exponent), value);
}

static CrmWide *
to_wide(CrmMoney a)
{
	return a.wide != NULL ? a.wide : crm_wide_from_i128(a.mantissa, a.scale);
}

static CrmMoney
from_wide(CrmWide *wide)
{
	CrmMoney result = {.mantissa = 0, .scale = 0, .wide = NULL};
	crm_i128 mantissa;
	int		 scale;

	if (crm_wide_to_i128(wide, &mantissa, &scale))
	{
		crm_free(wide);
		result.mantissa = mantissa;
		result.scale = scale;
	}
	else
		result.wide = wide;
	return result;
}

/* an operation on the wide forms; what was widened for it is freed */
static CrmMoney
wide_operation(CrmWide *(*operation)(const CrmWide *, const CrmWide *),
			   CrmMoney a, CrmMoney b)
{
	CrmWide *wide_a = to_wide(a);
	CrmWide *wide_b = to_wide(b);
	CrmWide *result = operation(wide_a, wide_b);

	if (a.wide == NULL)
		crm_free(wide_a);
	if (b.wide == NULL)
		crm_free(wide_b);
	return from_wide(result);
}

/* raise the smaller scale to the larger; false if that does not fit */
static bool
align(CrmMoney *a, CrmMoney *b)
{
	if (a->wide != NULL || b->wide != NULL)
		return false;
	if (a->scale < b->scale)
	{
		if (!crm_i128_shift(&a->mantissa, b->scale - a->scale))
			return false;
		a->scale = b->scale;
	}
	else
	{
		if (!crm_i128_shift(&b->mantissa, a->scale - b->scale))
			return false;
		b->scale = a->scale;
	}
	return true;
}

CrmMoney
crm_money_from_parts(crm_i128 mantissa, int scale)
{
	CrmMoney result = {.mantissa = mantissa, .scale = scale, .wide = NULL};

	if (scale < 0 || scale > CRM_MONEY_MAX_SCALE)
		crm_fail(CRM_ERROR_INTERNAL, "scale of an amount out of range", NULL,
				 NULL);
	return result;
}

CrmMoney
crm_money_add_slow(CrmMoney a, CrmMoney b)
{
	CrmMoney x = a;
	CrmMoney y = b;

	if (align(&x, &y) &&
		!__builtin_add_overflow(x.mantissa, y.mantissa, &x.mantissa))
		return x;
	return wide_operation(crm_wide_add, a, b);
}

CrmMoney
crm_money_sub(CrmMoney a, CrmMoney b)
{
	CrmMoney x = a;
	CrmMoney y = b;

	if (align(&x, &y) &&
		!__builtin_sub_overflow(x.mantissa, y.mantissa, &x.mantissa))
		return x;
	return wide_operation(crm_wide_sub, a, b);
}

void
crm_money_accumulate_slow(CrmMoney *sum, CrmMoney b)
{
	CrmMoney result = crm_money_add(*sum, b);

	if (sum->wide != NULL)
		crm_free(sum->wide);
	*sum = result;
}

CrmMoney
crm_money_mul(CrmMoney a, CrmMoney b)
{
	CrmMoney result = {.mantissa = 0, .scale = a.scale + b.scale, .wide = NULL};

	if (a.wide == NULL && b.wide == NULL &&
		result.scale <= CRM_MONEY_MAX_SCALE &&
		!__builtin_mul_overflow(a.mantissa, b.mantissa, &result.mantissa))
		return result;
	return wide_operation(crm_wide_mul, a, b);
}

CrmMoney
crm_money_neg(CrmMoney a)
{
	CrmMoney zero = {.mantissa = 0, .scale = a.scale, .wide = NULL};

	return crm_money_sub(zero, a);
}

static unsigned __int128
magnitude(crm_i128 value)
{
	return value < 0 ? -(unsigned __int128) value : (unsigned __int128) value;
}

/*
 * Where numeric sees the first digit of mantissa * 10^-scale: the weight
 * (power of 10^4) of its first base-10^4 digit, and that digit.
 */
static void
leading_digit(crm_i128 mantissa, int scale, int *weight, int *digit)
{
	unsigned __int128 rest = magnitude(mantissa);
	int				  groups = (scale + BASE_DIGITS - 1) / BASE_DIGITS;
	int				  pad = groups * BASE_DIGITS - scale;
	int				  dropped;

	*weight = 0;
	*digit = 0;
	if (rest == 0)
		return;
	/* the last group of the fraction lacks pad decimal places */
	dropped = BASE_DIGITS - pad;
	*weight = -groups;
	while (rest >= small_power[dropped])
	{
		rest /= small_power[dropped];
		dropped = BASE_DIGITS;
		pad = 0;
		(*weight)++;
	}
	*digit = (int) rest * (int) small_power[pad];
}

/* the scale that numeric's division chooses for a / b */
static int
quotient_scale(CrmMoney a, CrmMoney b)
{
	int weight_a;
	int weight_b;
	int digit_a;
	int digit_b;
	int scale;

	leading_digit(a.mantissa, a.scale, &weight_a, &digit_a);
	leading_digit(b.mantissa, b.scale, &weight_b, &digit_b);
	scale = weight_a - weight_b - (digit_a <= digit_b ? 1 : 0);
	scale = MIN_SIGNIFICANT - scale * BASE_DIGITS;
	scale = scale > a.scale ? scale : a.scale;
	scale = scale > b.scale ? scale : b.scale;
	scale = scale > 0 ? scale : 0;
	return scale < MAX_QUOTIENT_SCALE ? scale : MAX_QUOTIENT_SCALE;
}

/* a / b at the scale, half away from zero; false if that does not fit */
static bool
divide(CrmMoney a, CrmMoney b, int scale, crm_i128 *quotient)
{
	crm_i128		  dividend = a.mantissa;
	crm_i128		  divisor = b.mantissa;
	int				  shift = scale + b.scale - a.scale;
	unsigned __int128 rest;

	if (shift >= 0 ? !crm_i128_shift(&dividend, shift)
				   : !crm_i128_shift(&divisor, -shift))
		return false;
	/* the one quotient that overflows, and its remainder traps as well */
	if (divisor == -1)
		return !__builtin_sub_overflow((crm_i128) 0, dividend, quotient);
	*quotient = dividend / divisor;
	rest = magnitude(dividend % divisor);
	if (rest >= magnitude(divisor) - rest)
		*quotient += (dividend < 0) == (divisor < 0) ? 1 : -1;
	return true;
}

CrmMoney
crm_money_div(CrmMoney a, CrmMoney b)
{
	CrmMoney result = {.mantissa = 0, .scale = 0, .wide = NULL};

	if (crm_money_sign(b) == 0)
		crm_fail(CRM_ERROR_DIVISION, "division by zero", NULL, NULL);
	if (a.wide == NULL && b.wide == NULL)
	{
		result.scale = quotient_scale(a, b);
		if (divide(a, b, result.scale, &result.mantissa))
			return result;
	}
	return wide_operation(crm_wide_div, a, b);
}

static int
wide_cmp(CrmMoney a, CrmMoney b)
{
	CrmWide *wide_a = to_wide(a);
	CrmWide *wide_b = to_wide(b);
	int		 result = crm_wide_cmp(wide_a, wide_b);

	if (a.wide == NULL)
		crm_free(wide_a);
	if (b.wide == NULL)
		crm_free(wide_b);
	return result;
}

int
crm_money_cmp(CrmMoney a, CrmMoney b)
{
	CrmMoney x = a;
	CrmMoney y = b;

	if (align(&x, &y))
		return (x.mantissa > y.mantissa) - (x.mantissa < y.mantissa);
	if (a.wide != NULL || b.wide != NULL)
		return wide_cmp(a, b);
	/* what does not fit at the other's scale is larger than the other */
	return a.scale < b.scale ? crm_money_sign(a) : -crm_money_sign(b);
}

bool
crm_money_identical(CrmMoney a, CrmMoney b)
{
	if (a.wide == NULL && b.wide == NULL)
		return a.mantissa == b.mantissa && a.scale == b.scale;
	if (a.wide == NULL || b.wide == NULL)
		return false;
	return crm_wide_scale(a.wide) == crm_wide_scale(b.wide) &&
		   crm_wide_cmp(a.wide, b.wide) == 0;
}

/* ---- text --------------------------------------------------------------- */

char *
crm_money_to_text(CrmMoney a)
{
	unsigned __int128 rest = (unsigned __int128) a.mantissa;
	size_t			  space = (size_t) a.scale + 45;
	char			 *text;
	char			 *first;
	int				  places = 0;

	if (a.wide)
		return crm_wide_to_text(a.wide);
	if (a.mantissa < 0)
		rest = -rest;
	text = crm_alloc(space);
	first = text + space - 1;
	*first = '\0';
	while (rest > 0 || places <= a.scale)
	{
		if (places == a.scale && a.scale > 0)
			*--first = '.';
		*--first = (char) ('0' + (int) (rest % 10));
		rest /= 10;
		places++;
	}
	if (a.mantissa < 0)
		*--first = '-';
	memmove(text, first, (size_t) (text + space - first));
	return text;
}

/* what stands before and after the point; false unless digits do */
static bool
count_digits(const char *text, size_t length, int *scale)
{
	const char *point = memchr(text, '.', length);
	size_t		before = point ? (size_t) (point - text) : length;
	size_t		after = point ? length - before - 1 : 0;

	if (before == 0 || (point && after == 0) || after > CRM_MONEY_MAX_SCALE)
		return false;
	for (size_t i = 0; i < length; i++)
		if (i != before && (text[i] < '0' || text[i] > '9'))
			return false;
	*scale = (int) after;
	return true;
}

static CrmMoney
money_from_long_text(const char *text, size_t length)
{
	char	*copy = crm_alloc(length + 1);
	CrmWide *wide;

	memcpy(copy, text, length);
	copy[length] = '\0';
	wide = crm_wide_from_text(copy);
	crm_free(copy);
	return from_wide(wide);
}

bool
crm_money_from_text(const char *text, size_t length, CrmMoney *money)
{
	bool negative = length > 0 && text[0] == '-';
	int	 scale;

	if (!count_digits(text + negative, length - negative, &scale))
		return false;
	*money = crm_money_from_parts(0, scale);
	for (size_t i = negative; i < length; i++)
	{
		int digit = text[i] - '0';

		if (text[i] == '.')
			continue;
		if (__builtin_mul_overflow(money->mantissa, (crm_i128) 10,
								   &money->mantissa) ||
			__builtin_add_overflow(money->mantissa,
								   (crm_i128) (negative ? -digit : digit),
								   &money->mantissa))
		{
			*money = money_from_long_text(text, length);
			return true;
		}
	}
	return true;
}

/* beyond 2^53, or beyond a power of ten that a double holds, by way of text */
double
crm_money_to_double(CrmMoney a)
{
	static const double power[] = {1e0, 1e1, 1e2, 1e3, 1e4, 1e5,
								   1e6, 1e7, 1e8, 1e9, 1e10};
	const crm_i128		limit = (crm_i128) 1 << 53;
	char			   *text;
	double				result;

	if (a.wide == NULL && a.scale >= 0 && a.scale <= 10 &&
		a.mantissa <= limit && a.mantissa >= -limit)
		return (double) a.mantissa / power[a.scale];
	text = crm_money_to_text(a);
	result = strtod(text, NULL);
	crm_free(text);
	return result;
}
