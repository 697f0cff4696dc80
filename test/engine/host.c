/*
 * host.c
 *		What engine/host.h asks for, without a server: malloc, longjmp, and
 *		decimals of any size made the way one learns at school.
 *
 * Memory is like the server's where that can hide mistakes: it is not zero,
 * it is aligned to 8 and never to 16, and after an error all of it is freed
 * at once (host_free_all), as a memory context would be.
 *
 * A wide decimal is a sign and its decimal digits, the last one first:
 *
 *		-1234.50   negative, scale 2, digits 0 5 4 3 2 1
 *
 * Invariant: the digit furthest to the front is not zero, so zero has none.
 * Division follows numeric's choice of scale.  A product of more than 16383
 * decimal places, which numeric rounds, is refused.
 */
#include <stdlib.h>

#include "tap.h"

#define BASE_DIGITS 4

struct CrmWide
{
	bool	negative;
	int		scale;
	int		count;
	uint8_t digit[];
};

/* 24 bytes, so that what follows is not aligned to 16 */
typedef struct Block
{
	struct Block *next;
	struct Block *previous;
	size_t		  size;
} Block;

static Block  all_blocks = {&all_blocks, &all_blocks, 0};
static size_t block_count = 0;
static size_t byte_count = 0;

jmp_buf host_failed;
bool	host_expecting_failure = false;
int		host_failure = -1;
char	host_message[512];
char	host_detail[512];
char	host_hint[512];

/* ---- memory ------------------------------------------------------------- */

void *
crm_alloc(size_t size)
{
	Block *block = malloc(sizeof(Block) + size);

	if (block == NULL)
		abort();
	block->size = size;
	block->next = all_blocks.next;
	block->previous = &all_blocks;
	block->next->previous = block;
	all_blocks.next = block;
	block_count++;
	byte_count += size;
	memset(block + 1, 0x7f, size);
	return block + 1;
}

void
crm_free(void *pointer)
{
	Block *block;

	if (pointer == NULL)
		return;
	block = (Block *) pointer - 1;
	block->next->previous = block->previous;
	block->previous->next = block->next;
	block_count--;
	byte_count -= block->size;
	free(block);
}

void *
crm_realloc(void *pointer, size_t size)
{
	void *result = crm_alloc(size);

	if (pointer != NULL)
	{
		size_t old = ((Block *) pointer - 1)->size;

		memcpy(result, pointer, old < size ? old : size);
		crm_free(pointer);
	}
	return result;
}

/* nobody waits */
void
crm_poll(void)
{
}

size_t
host_blocks(void)
{
	return block_count;
}

size_t
host_bytes(void)
{
	return byte_count;
}

void
host_free_all(void)
{
	while (all_blocks.next != &all_blocks)
		crm_free(all_blocks.next + 1);
}

/* ---- errors ------------------------------------------------------------- */

static void
keep(char *to, size_t size, const char *text)
{
	snprintf(to, size, "%s", text == NULL ? "" : text);
}

void
crm_fail(CrmError code, const char *message, const char *detail,
		 const char *hint)
{
	if (!host_expecting_failure)
	{
		printf("Bail out! error %d: %s %s %s\n", code, message,
			   detail == NULL ? "" : detail, hint == NULL ? "" : hint);
		fflush(stdout);
		abort();
	}
	host_failure = (int) code;
	keep(host_message, sizeof(host_message), message);
	keep(host_detail, sizeof(host_detail), detail);
	keep(host_hint, sizeof(host_hint), hint);
	longjmp(host_failed, 1);
}

/* ---- wide decimals ------------------------------------------------------ */

static CrmWide *
make_wide(bool negative, int scale, int count)
{
	CrmWide *wide = crm_alloc(sizeof(CrmWide) + count);

	wide->negative = negative;
	wide->scale = scale;
	wide->count = count;
	memset(wide->digit, 0, count);
	return wide;
}

/* restore the invariant */
static CrmWide *
trim(CrmWide *wide)
{
	while (wide->count > 0 && wide->digit[wide->count - 1] == 0)
		wide->count--;
	if (wide->count == 0)
		wide->negative = false;
	return wide;
}

/* the same value with more decimal places, or |value| * 10^places */
static CrmWide *
append_zeros(const CrmWide *a, int places)
{
	CrmWide *result =
		make_wide(a->negative, a->scale + places, a->count + places);

	memcpy(result->digit + places, a->digit, a->count);
	return trim(result);
}

static int
digit_at(const CrmWide *a, int i)
{
	return i >= 0 && i < a->count ? a->digit[i] : 0;
}

/* of digits alone, without sign and scale */
static int
compare_digits(const CrmWide *a, const CrmWide *b)
{
	if (a->count != b->count)
		return a->count < b->count ? -1 : 1;
	for (int i = a->count - 1; i >= 0; i--)
	{
		if (a->digit[i] != b->digit[i])
			return a->digit[i] < b->digit[i] ? -1 : 1;
	}
	return 0;
}

static CrmWide *
add_digits(const CrmWide *a, const CrmWide *b)
{
	int		 count = (a->count > b->count ? a->count : b->count) + 1;
	CrmWide *result = make_wide(false, a->scale, count);
	int		 carry = 0;

	for (int i = 0; i < count; i++)
	{
		carry += digit_at(a, i) + digit_at(b, i);
		result->digit[i] = (uint8_t) (carry % 10);
		carry /= 10;
	}
	return trim(result);
}

/* a >= b */
static CrmWide *
subtract_digits(const CrmWide *a, const CrmWide *b)
{
	CrmWide *result = make_wide(false, a->scale, a->count);
	int		 borrow = 0;

	for (int i = 0; i < a->count; i++)
	{
		int difference = a->digit[i] - digit_at(b, i) - borrow;

		borrow = difference < 0;
		result->digit[i] = (uint8_t) (difference + 10 * borrow);
	}
	return trim(result);
}

/* a + b, b's sign turned or not */
static CrmWide *
add_signed(const CrmWide *a, const CrmWide *b, bool turn)
{
	int		 scale = a->scale > b->scale ? a->scale : b->scale;
	CrmWide *x = append_zeros(a, scale - a->scale);
	CrmWide *y = append_zeros(b, scale - b->scale);
	bool	 y_negative = y->negative != turn;
	CrmWide *result;

	if (x->negative == y_negative)
	{
		result = add_digits(x, y);
		result->negative = x->negative;
	}
	else if (compare_digits(x, y) >= 0)
	{
		result = subtract_digits(x, y);
		result->negative = x->negative;
	}
	else
	{
		result = subtract_digits(y, x);
		result->negative = y_negative;
	}
	crm_free(x);
	crm_free(y);
	return trim(result);
}

CrmWide *
crm_wide_from_i128(crm_i128 mantissa, int scale)
{
	unsigned __int128 rest = (unsigned __int128) mantissa;
	CrmWide			 *result = make_wide(mantissa < 0, scale, 40);

	if (mantissa < 0)
		rest = -rest;
	for (int i = 0; i < 40; i++, rest /= 10)
		result->digit[i] = (uint8_t) (rest % 10);
	return trim(result);
}

bool
crm_wide_to_i128(const CrmWide *a, crm_i128 *mantissa, int *scale)
{
	crm_i128 result = 0;

	for (int i = a->count - 1; i >= 0; i--)
	{
		int digit = a->negative ? -a->digit[i] : a->digit[i];

		if (__builtin_mul_overflow(result, (crm_i128) 10, &result) ||
			__builtin_add_overflow(result, (crm_i128) digit, &result))
			return false;
	}
	*mantissa = result;
	*scale = a->scale;
	return true;
}

CrmWide *
crm_wide_add(const CrmWide *a, const CrmWide *b)
{
	return add_signed(a, b, false);
}

CrmWide *
crm_wide_sub(const CrmWide *a, const CrmWide *b)
{
	return add_signed(a, b, true);
}

CrmWide *
crm_wide_mul(const CrmWide *a, const CrmWide *b)
{
	CrmWide *result = make_wide(a->negative != b->negative, a->scale + b->scale,
								a->count + b->count + 1);

	if (result->scale > 16383)
		crm_fail(CRM_ERROR_INTERNAL, "product has too many decimal places",
				 NULL, NULL);
	for (int i = 0; i < a->count; i++)
	{
		int carry = 0;

		for (int j = 0; i + j < result->count; j++)
		{
			carry += result->digit[i + j] + a->digit[i] * digit_at(b, j);
			result->digit[i + j] = (uint8_t) (carry % 10);
			carry /= 10;
		}
	}
	return trim(result);
}

/* weight and value of the first base-10^4 digit, as numeric stores it */
static void
first_group(const CrmWide *a, int *weight, int *group)
{
	int exponent = a->count - 1 - a->scale;

	*weight = 0;
	*group = 0;
	if (a->count == 0)
		return;
	*weight = exponent >= 0 ? exponent / BASE_DIGITS
							: -((3 - exponent) / BASE_DIGITS);
	for (int i = BASE_DIGITS - 1; i >= 0; i--)
		*group =
			*group * 10 + digit_at(a, *weight * BASE_DIGITS + i + a->scale);
}

static int
quotient_scale(const CrmWide *a, const CrmWide *b)
{
	int weight_a;
	int weight_b;
	int group_a;
	int group_b;
	int scale;

	first_group(a, &weight_a, &group_a);
	first_group(b, &weight_b, &group_b);
	scale = 16 - (weight_a - weight_b - (group_a <= group_b)) * BASE_DIGITS;
	if (scale < a->scale)
		scale = a->scale;
	if (scale < b->scale)
		scale = b->scale;
	if (scale < 0)
		scale = 0;
	return scale > 1000 ? 1000 : scale;
}

/* whole part of a / b in digits alone; *rest is what remains */
static CrmWide *
divide_digits(const CrmWide *a, const CrmWide *b, CrmWide **rest)
{
	CrmWide *result = make_wide(false, 0, a->count);

	*rest = make_wide(false, 0, 0);
	for (int i = a->count - 1; i >= 0; i--)
	{
		CrmWide *next = make_wide(false, 0, (*rest)->count + 1);

		memcpy(next->digit + 1, (*rest)->digit, (*rest)->count);
		next->digit[0] = a->digit[i];
		crm_free(*rest);
		*rest = trim(next);
		while (compare_digits(*rest, b) >= 0)
		{
			next = subtract_digits(*rest, b);
			crm_free(*rest);
			*rest = next;
			result->digit[i]++;
		}
	}
	return trim(result);
}

CrmWide *
crm_wide_div(const CrmWide *a, const CrmWide *b)
{
	int		 scale = quotient_scale(a, b);
	int		 shift = scale + b->scale - a->scale;
	CrmWide *x = append_zeros(a, shift > 0 ? shift : 0);
	CrmWide *y = append_zeros(b, shift < 0 ? -shift : 0);
	CrmWide *rest;
	CrmWide *quotient = divide_digits(x, y, &rest);
	CrmWide *twice = add_digits(rest, rest);

	if (compare_digits(twice, y) >= 0)
	{
		CrmWide *one = crm_wide_from_i128(1, 0);
		CrmWide *rounded = add_digits(quotient, one);

		crm_free(one);
		crm_free(quotient);
		quotient = rounded;
	}
	quotient->scale = scale;
	quotient->negative = a->negative != b->negative;
	crm_free(x);
	crm_free(y);
	crm_free(rest);
	crm_free(twice);
	return trim(quotient);
}

int
crm_wide_cmp(const CrmWide *a, const CrmWide *b)
{
	CrmWide *difference = crm_wide_sub(a, b);
	int		 result = crm_wide_sign(difference);

	crm_free(difference);
	return result;
}

int
crm_wide_sign(const CrmWide *a)
{
	if (a->count == 0)
		return 0;
	return a->negative ? -1 : 1;
}

int
crm_wide_scale(const CrmWide *a)
{
	return a->scale;
}

char *
crm_wide_to_text(const CrmWide *a)
{
	int	  digits = a->count > a->scale ? a->count : a->scale + 1;
	char *text = crm_alloc(digits + 3);
	char *to = text;

	if (a->negative)
		*to++ = '-';
	for (int i = digits - 1; i >= 0; i--)
	{
		*to++ = (char) ('0' + digit_at(a, i));
		if (i == a->scale && i > 0)
			*to++ = '.';
	}
	*to = '\0';
	return text;
}

CrmWide *
crm_wide_from_text(const char *text)
{
	const char *point = strchr(text, '.');
	bool		negative = text[0] == '-';
	int			count = (int) strlen(text) - negative - (point != NULL);
	CrmWide	   *result =
		make_wide(negative, point ? (int) strlen(point + 1) : 0, count);

	for (const char *from = text + negative; *from != '\0'; from++)
		if (*from != '.')
			result->digit[--count] = (uint8_t) (*from - '0');
	return trim(result);
}
