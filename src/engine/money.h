/*
 * money.h
 *		Exact decimals: a 128-bit mantissa and a decimal scale while that
 *		holds, the host's wide decimal beyond.
 *
 * Invariant: a value is mantissa * 10^-scale, or *wide when wide is not NULL.
 * The scale is PostgreSQL's display scale, so that sums, differences and
 * products print as numeric's own would: add and sub have the larger scale,
 * mul the sum of both, div what numeric division chooses.  Nothing rounds but
 * div, nothing fails for size.
 *
 * A wide result is freshly allocated (see host.h); small results allocate
 * nothing.  An amount that outlives the current memory context therefore has
 * to be made in its own: switch before crm_money_add and its like.
 */
#ifndef CRM_MONEY_H
#define CRM_MONEY_H

#include "host.h"

/* numeric's largest display scale */
#define CRM_MONEY_MAX_SCALE 16383

typedef struct CrmMoney
{
	crm_i128 mantissa;
	int32_t	 scale;
	CrmWide *wide;
} CrmMoney;

static inline CrmMoney
crm_money_from_int64(int64_t value)
{
	CrmMoney result = {.mantissa = value, .scale = 0, .wide = NULL};

	return result;
}

/* value * 10^exponent in place; false (value undefined) if it does not fit */
extern bool crm_i128_shift(crm_i128 *value, int exponent);

extern CrmMoney crm_money_from_parts(crm_i128 mantissa, int scale);
extern CrmMoney crm_money_add_slow(CrmMoney a, CrmMoney b);
extern CrmMoney crm_money_sub(CrmMoney a, CrmMoney b);
extern CrmMoney crm_money_mul(CrmMoney a, CrmMoney b);
extern CrmMoney crm_money_neg(CrmMoney a);
extern void		crm_money_accumulate_slow(CrmMoney *sum, CrmMoney b);
/* fails with CRM_ERROR_DIVISION when b is zero */
extern CrmMoney crm_money_div(CrmMoney a, CrmMoney b);
extern int		crm_money_cmp(CrmMoney a, CrmMoney b);
/* the same value and the same display scale */
extern bool crm_money_identical(CrmMoney a, CrmMoney b);

/* the nearest double, give or take its last bit */
extern double crm_money_to_double(CrmMoney a);

/* as numeric prints it; freshly allocated, ends with a zero byte */
extern char *crm_money_to_text(CrmMoney a);
/* false unless the text is digits with a minus sign or a point or both */
extern bool
crm_money_from_text(const char *text, size_t length, CrmMoney *money);

static inline int
crm_money_sign(CrmMoney a)
{
	if (a.wide != NULL)
		return crm_wide_sign(a.wide);
	return (a.mantissa > 0) - (a.mantissa < 0);
}

static inline CrmMoney
crm_money_add(CrmMoney a, CrmMoney b)
{
	CrmMoney sum = {.mantissa = 0, .scale = a.scale, .wide = NULL};

	if (a.wide == NULL && b.wide == NULL && a.scale == b.scale &&
		!__builtin_add_overflow(a.mantissa, b.mantissa, &sum.mantissa))
		return sum;
	/* where every sum begins */
	if (a.wide == NULL && b.wide == NULL && a.mantissa == 0 && a.scale == 0)
		return b;
	return crm_money_add_slow(a, b);
}

/*
 * *sum += b; false: nothing was done, for it is not that easy.  In place: a
 * copy of what was just written part by part would have to wait for it.
 */
static inline bool
crm_money_add_narrow(CrmMoney *sum, const CrmMoney *b)
{
	crm_i128 mantissa;

	if (sum->wide != NULL || b->wide != NULL)
		return false;
	if (sum->scale == 0 && sum->mantissa == 0)
		sum->scale = b->scale;
	if (sum->scale != b->scale ||
		__builtin_add_overflow(sum->mantissa, b->mantissa, &mantissa))
		return false;
	sum->mantissa = mantissa;
	return true;
}

/* *sum += *b; a wide that *sum had stays for others */
static inline void
crm_money_increase(CrmMoney *sum, const CrmMoney *b)
{
	if (!crm_money_add_narrow(sum, b))
		*sum = crm_money_add_slow(*sum, *b);
}

/* *sum += b, freeing the wide that *sum had and owned */
static inline void
crm_money_accumulate(CrmMoney *sum, CrmMoney b)
{
	if (!crm_money_add_narrow(sum, &b))
		crm_money_accumulate_slow(sum, b);
}

#endif /* CRM_MONEY_H */
