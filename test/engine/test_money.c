/*
 * test_money.c
 *		Money in 128 bits against the decimals of host.c, which know no limit
 *		and share no code with it.  (That numeric's arithmetic is met byte for
 *		byte is tested in the server.)
 */
#include <float.h>
#include <math.h>

#include "engine/money.h"

#include "tap.h"

#define I128_MAX ((crm_i128) (((unsigned __int128) 1 << 127) - 1))
#define I128_MIN (-I128_MAX - 1)

typedef CrmMoney (*MoneyOperation)(CrmMoney, CrmMoney);
typedef CrmWide *(*WideOperation)(const CrmWide *, const CrmWide *);

static crm_i128
power(int exponent)
{
	crm_i128 result = 1;

	while (exponent-- > 0)
		result *= 10;
	return result;
}

/* of any number of bits, around powers of ten and of two, and the extremes */
static crm_i128
random_mantissa(void)
{
	crm_i128 value;

	switch (random_between(0, 9))
	{
		case 0:
			value = power((int) random_between(0, 38)) + random_between(-1, 1);
			break;
		case 1:
			value = ((crm_i128) 1 << random_between(0, 126)) +
					random_between(-1, 1);
			break;
		case 2:
			value = random_between(0, 1) ? I128_MAX - random_between(0, 2)
										 : I128_MIN + random_between(0, 2);
			break;
		case 3:
		case 4:
			value = (crm_i128) (((unsigned __int128) random_bits() << 64) |
								random_bits());
			value >>= random_between(0, 127);
			break;
		default:
			value = random_magnitude(40);
	}
	return random_chance(0.5) || value == I128_MIN ? value : -value;
}

/* one in twenty does not fit 128 bits */
static CrmMoney
random_money(void)
{
	int		 scale = (int) random_between(0, random_chance(0.9) ? 6 : 60);
	CrmMoney money = crm_money_from_parts(random_mantissa(), scale);

	if (random_chance(0.05))
	{
		CrmMoney factor = crm_money_from_parts(
			random_chance(0.5) ? I128_MAX : I128_MIN + 1, random_between(0, 3));

		money = crm_money_add(crm_money_mul(factor, factor), money);
		if (random_chance(0.5))
			money = crm_money_neg(money);
	}
	return money;
}

static CrmWide *
widen(CrmMoney money)
{
	return money.wide != NULL ? money.wide
							  : crm_wide_from_i128(money.mantissa, money.scale);
}

/* the same value and scale, in the form that money.c promises */
static bool
is_canonical(CrmMoney money, const CrmWide *expected)
{
	crm_i128 mantissa;
	int		 scale;

	if (crm_wide_to_i128(expected, &mantissa, &scale))
		return money.wide == NULL && money.mantissa == mantissa &&
			   money.scale == scale;
	return money.wide != NULL && crm_wide_cmp(money.wide, expected) == 0 &&
		   crm_wide_scale(money.wide) == crm_wide_scale(expected);
}

static void
test_operation(const char *name, MoneyOperation operation,
			   WideOperation expected, int rounds)
{
	int went_wide = 0;

	PROPERTY(name)
	{
		for (int i = 0; i < rounds; i++)
		{
			CrmMoney a = random_money();
			CrmMoney b = random_money();
			CrmMoney result;

			if (expected == crm_wide_div && crm_money_sign(b) == 0)
				continue;
			result = operation(a, b);
			went_wide += result.wide != NULL;
			CHECK(is_canonical(result, expected(widen(a), widen(b))),
				  "%lld (%d places) and %lld (%d places)",
				  (long long) a.mantissa, a.scale, (long long) b.mantissa,
				  b.scale);
			host_free_all();
		}
		CHECK(went_wide > rounds / 100 && went_wide < rounds / 2,
			  "%d of %d results are wide", went_wide, rounds);
	}
}

/* the edges: everything with everything */
static void
test_edges(void)
{
	static const int scales[] = {0, 1, 2, 37, 38, 39, 100};
	crm_i128		 values[] = {0,
								 1,
								 -1,
								 9,
								 10,
								 -10,
								 I128_MAX,
								 I128_MIN,
								 I128_MAX - 1,
								 I128_MIN + 1,
								 I128_MAX / 2,
								 I128_MIN / 2,
								 power(38),
								 -power(38),
								 power(38) - 1};
	int				 count = sizeof(values) / sizeof(values[0]);

	PROPERTY("edges")
	{
		for (int i = 0; i < count * count * 7 * 7; i++)
		{
			CrmMoney a = crm_money_from_parts(values[i % count],
											  scales[i / count / count % 7]);
			CrmMoney b = crm_money_from_parts(values[i / count % count],
											  scales[i / count / count / 7]);
			CrmWide *x = widen(a);
			CrmWide *y = widen(b);

			CHECK(is_canonical(crm_money_add(a, b), crm_wide_add(x, y)),
				  "sum %d", i);
			CHECK(is_canonical(crm_money_sub(a, b), crm_wide_sub(x, y)),
				  "difference %d", i);
			CHECK(is_canonical(crm_money_mul(a, b), crm_wide_mul(x, y)),
				  "product %d", i);
			CHECK(crm_money_cmp(a, b) == crm_wide_cmp(x, y), "comparison %d",
				  i);
			if (crm_money_sign(b) != 0)
				CHECK(is_canonical(crm_money_div(a, b), crm_wide_div(x, y)),
					  "quotient %d", i);
			host_free_all();
		}
	}
}

static void
test_comparison(void)
{
	PROPERTY("comparison, sign, negation, identity")
	{
		for (int i = 0; i < 100000; i++)
		{
			CrmMoney a = random_money();
			CrmMoney b = random_chance(0.2) ? a : random_money();
			int		 order = crm_wide_cmp(widen(a), widen(b));
			CrmMoney zero = crm_money_from_int64(0);

			CHECK(crm_money_cmp(a, b) == order, "comparison");
			CHECK(crm_money_cmp(b, a) == -order, "comparison the other way");
			CHECK(crm_money_sign(a) == crm_money_cmp(a, zero), "sign");
			CHECK(crm_money_sign(crm_money_neg(a)) == -crm_money_sign(a),
				  "sign of the negation");
			CHECK(crm_money_identical(crm_money_neg(crm_money_neg(a)), a),
				  "negated twice");
			CHECK(crm_money_identical(a, b) ==
					  (order == 0 &&
					   crm_wide_scale(widen(a)) == crm_wide_scale(widen(b))),
				  "identity");
			host_free_all();
		}
	}
}

/* no rounding by more than half a unit in the last place */
static void
test_rounding(void)
{
	PROPERTY("a quotient is nearest, halves away from zero")
	{
		for (int i = 0; i < 50000; i++)
		{
			CrmMoney a = crm_money_from_parts(random_magnitude(30),
											  (int) random_between(0, 30));
			CrmMoney b = crm_money_from_parts(random_magnitude(12) * 2 + 1,
											  (int) random_between(0, 4));
			CrmMoney q = crm_money_div(a, b);
			CrmMoney half = crm_money_from_parts(5, q.scale + 1);
			CrmMoney error = crm_money_sub(a, crm_money_mul(q, b));
			CrmMoney limit = crm_money_mul(half, b);

			if (crm_money_sign(error) < 0)
				error = crm_money_neg(error);
			if (crm_money_sign(limit) < 0)
				limit = crm_money_neg(limit);
			CHECK(crm_money_cmp(error, limit) <= 0, "case %d", i);
		}
	}
	for (int numerator = -5; numerator <= 5; numerator++)
	{
		/* 0.0...05 / 10 at a scale of 1000 has its half in the 1001st place */
		CrmMoney a = crm_money_from_parts(numerator, 1000);
		CrmMoney q = crm_money_div(a, crm_money_from_int64(10));

		ok(q.scale == 1000 &&
			   q.mantissa == (numerator >= 5) - (numerator <= -5),
		   "%d in the last place, divided by ten", numerator);
	}
}

static void
test_sums(void)
{
	PROPERTY("a sum does not depend on its order")
	{
		for (int round = 0; round < 1000; round++)
		{
			CrmMoney amount[40];
			CrmMoney first = crm_money_from_int64(0);
			int		 count = (int) random_between(1, 40);

			for (int i = 0; i < count; i++)
			{
				amount[i] = random_money();
				first = crm_money_add(first, amount[i]);
			}
			for (int shuffle = 0; shuffle < 5; shuffle++)
			{
				CrmMoney sum = crm_money_from_int64(0);

				for (int i = count - 1; i >= 0; i--)
				{
					int		 other = (int) random_between(0, i);
					CrmMoney next = amount[other];

					amount[other] = amount[i];
					amount[i] = next;
					crm_money_accumulate(&sum, next);
				}
				CHECK(crm_money_identical(sum, first), "round %d", round);
			}
			host_free_all();
		}
	}
}

static void
test_memory(void)
{
	CrmMoney big = crm_money_from_parts(I128_MAX, 0);
	CrmMoney sum = crm_money_from_int64(0);
	size_t	 most = 0;

	host_free_all();
	for (int i = 0; i < 1000; i++)
	{
		crm_money_accumulate(&sum, big);
		most = most > host_blocks() ? most : host_blocks();
	}
	ok(sum.wide != NULL && most == 1, "a growing sum holds one block");
	for (int i = 0; i < 1000; i++)
		crm_money_accumulate(&sum, crm_money_neg(big));
	ok(sum.wide == NULL && sum.mantissa == 0 && host_blocks() == 0,
	   "back in 128 bits it holds none");
	crm_money_cmp(crm_money_from_parts(I128_MAX, 0),
				  crm_money_from_parts(1, 100));
	ok(host_blocks() == 0, "comparing leaves nothing behind");
}

/* where an allocator promises 8 bytes and no more */
static void
test_alignment(void)
{
	CrmMoney *sum = crm_alloc(2 * sizeof(CrmMoney));

	sum[0] = crm_money_from_parts(I128_MAX - 7, 2);
	sum[1] = crm_money_from_int64(0);
	for (int i = 0; i < 7; i++)
		crm_money_accumulate(&sum[0], crm_money_from_parts(1, 2));
	for (int i = 0; i < 2; i++)
		crm_money_accumulate(&sum[1], sum[0]);
	ok((uintptr_t) sum % 16 == 8 && sum[0].mantissa == I128_MAX &&
		   sum[1].wide != NULL,
	   "amounts aligned to 8");
	host_free_all();
}

/* by quadruple precision, in which 128 bits and a power of ten lose little */
static void
test_doubles(void)
{
	PROPERTY("as a double, to the last bit but one")
	for (int i = 0; i < 20000; i++)
	{
		CrmMoney   money = crm_money_from_parts(random_mantissa(),
												(int) random_between(0, 40));
		__float128 expected = (__float128) money.mantissa;
		double	   got = crm_money_to_double(money);

		for (int s = 0; s < money.scale; s++)
			expected /= 10;
		CHECK(fabs(got - (double) expected) <=
				  fabs((double) expected) * DBL_EPSILON,
			  "%.17g, not %.17g", got, (double) expected);
		host_free_all();
	}
	ok(crm_money_to_double(crm_money_mul(
		   crm_money_from_parts(I128_MAX, 0),
		   crm_money_from_parts((crm_i128) 1 << 100, 0))) == ldexp(1, 227),
	   "and beyond 128 bits");
	host_free_all();
}

static void
test_failures(void)
{
	CrmMoney one = crm_money_from_int64(1);
	CrmMoney zero = crm_money_from_parts(0, 3);
	CrmMoney tiny = crm_money_from_parts(123456789, 1005);

	ok(is_canonical(crm_money_div(tiny, crm_money_from_int64(7)),
					crm_wide_div(widen(tiny), crm_wide_from_i128(7, 0))),
	   "a quotient has no more decimal places than numeric's");
	ok(FAILS_WITH(CRM_ERROR_DIVISION, crm_money_div(one, zero)),
	   "division by zero");
	ok(strcmp(host_message, "division by zero") == 0, "says so");
	ok(FAILS_WITH(CRM_ERROR_INTERNAL, crm_money_from_parts(1, -1)),
	   "a negative scale");
	ok(FAILS_WITH(CRM_ERROR_INTERNAL, crm_money_from_parts(1, 16384)),
	   "a scale beyond numeric's");
}

int
main(void)
{
	test_operation("addition", crm_money_add, crm_wide_add, 100000);
	test_operation("subtraction", crm_money_sub, crm_wide_sub, 100000);
	test_operation("multiplication", crm_money_mul, crm_wide_mul, 50000);
	test_operation("division", crm_money_div, crm_wide_div, 30000);
	test_edges();
	test_comparison();
	test_rounding();
	test_sums();
	test_memory();
	test_alignment();
	test_doubles();
	test_failures();
	return done();
}
