/*
 * numeric_money.c
 *		Reading and writing numeric's stored form.
 *
 * PostgreSQL keeps that form private to numeric.c, but it is on disk and so
 * has been the same since 9.1; reading it here costs a few ns instead of the
 * 20 and more of a detour over functions.  After the varlena header:
 *
 *		bits 15 14   kind       then
 *		      0  0   positive   14 bits scale | int16 weight | digits
 *		      0  1   negative   14 bits scale | int16 weight | digits
 *		      1  0   short      sign, 6 bits scale, 7 bits weight | digits
 *		      1  1   special    NaN, infinity, minus infinity
 *
 * The digits are int16 in base 10^4, the first one counts 10^(4 * weight), and
 * zeros stand neither first nor last.  The scale is how many decimal places
 * are displayed; digits beyond it are zero.
 *
 * Invariant: what crm_numeric_from_parts writes is bit for bit what numeric's
 * own functions would make of the same value and scale.
 */
#include "postgres.h"

#include "compat.h"
#include "functions/numeric_money.h"

#define KIND_MASK CRM_NUMERIC_KIND
#define KIND_NEGATIVE 0x4000
#define KIND_SHORT CRM_NUMERIC_SHORT
#define KIND_SPECIAL 0xC000

#define SPECIAL_MASK 0xF000
#define SPECIAL_NAN 0xC000

#define SHORT_NEGATIVE CRM_NUMERIC_SHORT_NEGATIVE
#define SHORT_SCALE_MASK 0x1F80
#define SHORT_SCALE_SHIFT 7
#define SHORT_SCALE_MAX 63
#define SHORT_WEIGHT_SIGN 0x0040
#define SHORT_WEIGHT_MASK 0x003F
#define SHORT_WEIGHT_MAX 63
#define SHORT_WEIGHT_MIN (-64)
#define LONG_SCALE_MASK 0x3FFF

#define BASE 10000
#define BASE_DIGITS 4
/* base-10^4 digits of a 128-bit mantissa, the padding of its scale included */
#define MAX_DIGITS 12

/* a numeric's parts; digits need not be aligned */
typedef struct Parts
{
	bool		negative;
	int			scale;
	int			weight;
	int			ndigits;
	const char *digits;
} Parts;

static void
refuse_special(uint16 header)
{
	const char *what =
		(header & SPECIAL_MASK) == SPECIAL_NAN ? "NaN" : "infinite";

	ereport(ERROR,
			(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
			 errmsg("amount must be a finite number"),
			 errdetail("The value is %s.", what),
			 errhint("Leave such rows out with a WHERE or FILTER condition, or "
					 "make them NULL with nullif().")));
}

static inline uint16
read_uint16(const char *from)
{
	uint16 value;

	memcpy(&value, from, sizeof(value));
	return value;
}

static inline int
read_digit(const Parts *parts, int i)
{
	return read_uint16(parts->digits + i * sizeof(int16));
}

static inline void
split_numeric(const struct varlena *value, Parts *parts)
{
	const char *data = VARDATA_ANY(value);
	int			size = (int) VARSIZE_ANY_EXHDR(value);
	uint16		header = read_uint16(data);

	if (likely((header & KIND_MASK) == KIND_SHORT))
	{
		parts->negative = (header & SHORT_NEGATIVE) != 0;
		parts->scale = (header & SHORT_SCALE_MASK) >> SHORT_SCALE_SHIFT;
		parts->weight = (header & SHORT_WEIGHT_MASK) -
						(header & SHORT_WEIGHT_SIGN ? SHORT_WEIGHT_MAX + 1 : 0);
		parts->digits = data + sizeof(uint16);
		parts->ndigits = (size - (int) sizeof(uint16)) / (int) sizeof(int16);
		return;
	}
	if ((header & KIND_MASK) == KIND_SPECIAL)
		refuse_special(header);
	parts->negative = (header & KIND_MASK) == KIND_NEGATIVE;
	parts->scale = header & LONG_SCALE_MASK;
	parts->weight = (int16) read_uint16(data + sizeof(uint16));
	parts->digits = data + 2 * sizeof(uint16);
	parts->ndigits = (size - 2 * (int) sizeof(uint16)) / (int) sizeof(int16);
}

bool
crm_numeric_is_whole(const char *bytes, Size size)
{
	varattrib_4b head;
	Size		 before = VARHDRSZ + sizeof(uint16);
	uint16		 kind;

	if (size < before)
		return false;
	memcpy(&head, bytes, VARHDRSZ);
	if (!VARATT_IS_4B_U(&head) || VARSIZE_4B(&head) != size)
		return false;
	kind = read_uint16(bytes + VARHDRSZ) & KIND_MASK;
	if (kind != KIND_SHORT)
		before += sizeof(uint16);
	if (kind == KIND_SPECIAL || size < before ||
		(size - before) % sizeof(int16) != 0)
		return false;
	for (Size at = before; at < size; at += sizeof(int16))
	{
		if (read_uint16(bytes + at) >= BASE)
			return false;
	}
	return true;
}

/* value * 10^shift with its sign; false if 127 bits don't hold it */
static inline bool
signed_shift(unsigned __int128 value, bool negative, int shift,
			 crm_i128 *result)
{
	const unsigned __int128 limit = (unsigned __int128) 1 << 127;

	if (value > limit || (value == limit && !negative))
		return false;
	*result = negative ? (crm_i128) -value : (crm_i128) value;
	return crm_i128_shift(result, shift);
}

/*
 * Append the last base-10^4 digit to the digits before it: as many of its
 * decimal places as the scale has, which are all but `excess`.
 */
static inline bool
append_last_digit(unsigned __int128 *value, int digit, int excess)
{
	static const int power[BASE_DIGITS + 1] = {1, 10, 100, 1000, BASE};

	return !__builtin_mul_overflow(*value, power[BASE_DIGITS - excess],
								   value) &&
		   !__builtin_add_overflow(*value, digit / power[excess], value);
}

/*
 * The value as an integer at its scale; false if 128 bits don't hold it.
 * shift is the number of decimal places that the stored digits lack (zeros
 * are not stored) or, negative, have in excess (the last digit's padding).
 */
static inline bool
parts_to_i128(const Parts *parts, crm_i128 *mantissa)
{
	int	   last = parts->ndigits - 1;
	int	   leading = Min(last, 4);
	int	   shift = (parts->weight - last) * BASE_DIGITS + parts->scale;
	uint64 head = 0;
	unsigned __int128 value;
	int				  i;

	*mantissa = 0;
	if (last < 0)
		return true;
	/* never so in a numeric of PostgreSQL's own making */
	if (shift <= -BASE_DIGITS)
		return false;
	for (i = 0; i < leading; i++)
		head = head * BASE + read_digit(parts, i);
	value = head;
	for (; i < last; i++)
	{
		if (!append_last_digit(&value, read_digit(parts, i), 0))
			return false;
	}
	if (!append_last_digit(&value, read_digit(parts, last), Max(-shift, 0)))
		return false;
	return signed_shift(value, parts->negative, Max(shift, 0), mantissa);
}

bool
crm_numeric_parts(Datum value, crm_i128 *mantissa, int *scale)
{
	Parts parts;

	split_numeric((struct varlena *) DatumGetPointer(value), &parts);
	*scale = parts.scale;
	return parts_to_i128(&parts, mantissa);
}

/* a short numeric of up to 16 digits: all in 64 bits and without a call */
static inline bool
read_int64(Datum datum, int64 *mantissa, int *scale)
{
	/* 2^24 / 10^excess, rounded up: a multiplication instead of a division */
	static const uint32 reciprocal[BASE_DIGITS] = {1 << 24, 1677722, 167773,
												   16778};
	static const int64	power[2 * BASE_DIGITS] = {
		 1, 10, 100, 1000, 10000, 100000, 1000000, 10000000};
	const struct varlena *value = (struct varlena *) DatumGetPointer(datum);
	Parts				  parts;
	int64				  head = 0;
	int					  last;
	int					  shift;

	if (VARATT_IS_EXTENDED(value) && !VARATT_IS_SHORT(value))
		return false;
	if ((read_uint16(VARDATA_ANY(value)) & KIND_MASK) != KIND_SHORT)
		return false;
	split_numeric(value, &parts);
	*scale = parts.scale;
	*mantissa = 0;
	last = parts.ndigits - 1;
	if (last < 0)
		return true;
	shift = (parts.weight - last) * BASE_DIGITS + parts.scale;
	if (last > 3 || shift <= -BASE_DIGITS || shift >= 2 * BASE_DIGITS)
		return false;
	for (int i = 0; i < last; i++)
		head = head * BASE + read_digit(&parts, i);
	if (shift < 0)
		head = head * power[BASE_DIGITS + shift] +
			   ((uint64) read_digit(&parts, last) * reciprocal[-shift] >> 24);
	else if (__builtin_mul_overflow(head * BASE + read_digit(&parts, last),
									power[shift], &head))
		return false;
	*mantissa = parts.negative ? -head : head;
	return true;
}

/* any numeric */
static CrmMoney
any_to_money(struct varlena *given)
{
	struct varlena *plain = PG_DETOAST_DATUM_PACKED(PointerGetDatum(given));
	CrmMoney		money = {.mantissa = 0, .scale = 0, .wide = NULL};
	Parts			parts;

	split_numeric(plain, &parts);
	if (parts_to_i128(&parts, &money.mantissa))
		money.scale = parts.scale;
	else
	{
		money.mantissa = 0;
		money.wide = (CrmWide *) DatumGetNumericCopy(PointerGetDatum(plain));
	}
	if (plain != given)
		pfree(plain);
	return money;
}

CrmMoney
crm_money_from_numeric_datum(Datum value)
{
	int64 mantissa;
	int	  scale;

	if (likely(read_int64(value, &mantissa, &scale)))
		return (CrmMoney){.mantissa = mantissa, .scale = scale, .wide = NULL};
	return any_to_money((struct varlena *) DatumGetPointer(value));
}

int
crm_numeric_datum_sign(Datum value)
{
	struct varlena *given = (struct varlena *) DatumGetPointer(value);
	struct varlena *plain = PG_DETOAST_DATUM_PACKED(value);
	Parts			parts;

	split_numeric(plain, &parts);
	if (unlikely(plain != given))
		pfree(plain);
	if (parts.ndigits == 0)
		return 0;
	return parts.negative ? -1 : 1;
}

/* the word of |value|, cut off, and whether it is all of it */
static int64
order_of_parts(const Parts *parts, bool *exact)
{
	int64 word = parts->weight + SHORT_WEIGHT_MAX + 1;

	*exact = parts->ndigits <= CRM_ORDER_DIGITS;
	for (int i = 0; i < CRM_ORDER_DIGITS; i++)
		word = word << CRM_ORDER_BITS |
			   (i < parts->ndigits ? read_digit(parts, i) : 0);
	return word;
}

int64
crm_numeric_order_bound(Numeric value)
{
	Parts parts;
	int64 word;
	bool  exact;

	split_numeric((struct varlena *) value, &parts);
	if (parts.ndigits == 0)
		return 0;
	/* all amounts with a word lie on one side of these */
	if (parts.weight > SHORT_WEIGHT_MAX)
		return parts.negative ? PG_INT64_MIN : PG_INT64_MAX;
	if (parts.weight < SHORT_WEIGHT_MIN)
		return parts.negative ? -1 : 0;
	word = order_of_parts(&parts, &exact);
	if (parts.negative)
		return exact ? -word : -word - 1;
	return word;
}

/*
 * |mantissa| * 10^-scale in base 10^4, last digit first; the number of digits.
 * The last one holds only as many decimal places as the scale leaves it.
 */
static int
split_mantissa(crm_i128 mantissa, int scale, int16 *digits)
{
	unsigned __int128 rest = mantissa < 0 ? -(unsigned __int128) mantissa
										  : (unsigned __int128) mantissa;
	static const int  power[BASE_DIGITS] = {BASE, 10, 100, 1000};
	int				  places = scale % BASE_DIGITS;
	int				  count = 0;

	if (places != 0 && rest != 0)
	{
		digits[count++] =
			(int16) ((int) (rest % power[places]) * (BASE / power[places]));
		rest /= power[places];
	}
	while (rest > UINT64_MAX)
	{
		digits[count++] = (int16) (rest % BASE);
		rest /= BASE;
	}
	for (uint64 low = (uint64) rest; low != 0; low /= BASE)
		digits[count++] = (int16) (low % BASE);
	return count;
}

static Numeric
write_numeric(bool negative, int scale, int weight, const int16 *digits,
			  int ndigits)
{
	bool fits = scale <= SHORT_SCALE_MAX && weight >= SHORT_WEIGHT_MIN &&
				weight <= SHORT_WEIGHT_MAX;
	int		header_size = fits ? sizeof(uint16) : 2 * sizeof(uint16);
	Size	size = VARHDRSZ + header_size + ndigits * sizeof(int16);
	Numeric result = palloc(size);
	uint16 *data = (uint16 *) VARDATA(result);

	SET_VARSIZE(result, size);
	if (fits)
		data[0] = KIND_SHORT | (negative ? SHORT_NEGATIVE : 0) |
				  (scale << SHORT_SCALE_SHIFT) |
				  (weight < 0 ? SHORT_WEIGHT_SIGN : 0) |
				  (weight & SHORT_WEIGHT_MASK);
	else
	{
		data[0] = (negative ? KIND_NEGATIVE : 0) | scale;
		data[1] = (uint16) weight;
	}
	memcpy((char *) data + header_size, digits, ndigits * sizeof(int16));
	return result;
}

Numeric
crm_numeric_from_parts(crm_i128 mantissa, int scale)
{
	int16 reversed[MAX_DIGITS];
	int16 digits[MAX_DIGITS];
	int	  count = split_mantissa(mantissa, scale, reversed);
	int	  groups = (scale + BASE_DIGITS - 1) / BASE_DIGITS;
	int	  weight = count - 1 - groups;
	int	  last = 0;
	int	  kept = 0;

	/* zeros stand neither first, where the mantissa leaves none, nor last */
	Assert(count == 0 || reversed[count - 1] != 0);
	while (last < count && reversed[last] == 0)
		last++;
	for (int i = count - 1; i >= last; i--)
		digits[kept++] = reversed[i];
	if (kept == 0)
		weight = 0;
	return write_numeric(mantissa < 0, scale, weight, digits, kept);
}

Numeric
crm_numeric_from_money(CrmMoney money)
{
	if (money.wide != NULL)
		return (Numeric) money.wide;
	return crm_numeric_from_parts(money.mantissa, money.scale);
}
