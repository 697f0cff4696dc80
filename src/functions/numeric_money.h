/*
 * numeric_money.h
 *		Between PostgreSQL's numeric and the engine's money.
 *
 * Exact both ways, display scale included.  NaN and infinite numerics are
 * refused with an error.
 */
#ifndef CRM_NUMERIC_MONEY_H
#define CRM_NUMERIC_MONEY_H

#include "postgres.h"
#include "utils/numeric.h"

#include "compat.h"
#include "engine/money.h"

/* the two highest bits of the stored form, and what a short one has of others */
#define CRM_NUMERIC_KIND 0xC000
#define CRM_NUMERIC_SHORT 0x8000
#define CRM_NUMERIC_SHORT_NEGATIVE 0x2000
#define CRM_NUMERIC_SHORT_WEIGHT 0x7F

#define CRM_ORDER_DIGITS 4
#define CRM_ORDER_BITS 14

/* accepts short and toasted values; wide results live in CurrentMemoryContext */
extern CrmMoney crm_money_from_numeric_datum(Datum value);
/* a wide amount's numeric is the result itself, not a copy */
extern Numeric crm_numeric_from_money(CrmMoney money);
/* -1, 0 or 1, without decoding the digits */
extern int crm_numeric_datum_sign(Datum value);

/* of the stored form: part 0 is the header, the digits follow */
static inline int64
crm_numeric_part(const char *data, int i)
{
	uint16 part;

	memcpy(&part, data + i * sizeof(part), sizeof(part));
	return part;
}

/*
 * A word that orders as amounts do, without working out which they are: of an
 * ordinary one the parts of its stored form, of zero 0, of a negative amount
 * the negative word.
 *
 *		weight + 64 | digit | digit | digit | digit
 *		   7 bits     14      14      14      14
 *
 * False for all others: more digits, toasted, special.
 */
static inline bool
crm_numeric_order(Datum value, int64 *order)
{
	const struct varlena *given = (struct varlena *) DatumGetPointer(value);
	const char			 *data = VARDATA_ANY(given);
	int					  size;
	int64				  header;
	int64				  word = 0;

	if (likely(VARATT_IS_SHORT(given)))
		size = (int) VARSIZE_SHORT(given) - VARHDRSZ_SHORT;
	else if (!VARATT_IS_EXTENDED(given))
		size = (int) VARSIZE(given) - VARHDRSZ;
	else
		return false;
	/* as many as there are, without a loop; a pointer to a toast has no size */
	switch (size / (int) sizeof(uint16))
	{
		case 5:
			word = crm_numeric_part(data, 4);
			/* FALLTHROUGH */
		case 4:
			word |= crm_numeric_part(data, 3) << CRM_ORDER_BITS;
			/* FALLTHROUGH */
		case 3:
			word |= crm_numeric_part(data, 2) << 2 * CRM_ORDER_BITS;
			/* FALLTHROUGH */
		case 2:
			word |= crm_numeric_part(data, 1) << 3 * CRM_ORDER_BITS;
			/* FALLTHROUGH */
		case 1:
			header = crm_numeric_part(data, 0);
			break;
		default:
			return false;
	}
	if (unlikely((header & CRM_NUMERIC_KIND) != CRM_NUMERIC_SHORT))
		return false;
	/* seven bits with a sign; counted from the least one they have none */
	if (likely(word != 0))
		word |= ((header & CRM_NUMERIC_SHORT_WEIGHT) ^ 0x40)
				<< CRM_ORDER_DIGITS * CRM_ORDER_BITS;
	*order = (header & CRM_NUMERIC_SHORT_NEGATIVE) != 0 ? -word : word;
	return true;
}

/*
 * The word of any finite value as a bound: an amount that has a word is at most
 * the value if and only if its word is at most this.
 */
extern int64 crm_numeric_order_bound(Numeric value);

/* an error where the value is NaN or infinite: its two highest bits say so */
static inline void
crm_numeric_require_finite(Datum value)
{
	const struct varlena *given = (struct varlena *) DatumGetPointer(value);
	uint16				  header;

	if (!VARATT_IS_EXTENDED(given) || VARATT_IS_SHORT(given))
	{
		memcpy(&header, VARDATA_ANY(given), sizeof(header));
		if (likely((header & CRM_NUMERIC_KIND) != CRM_NUMERIC_KIND))
			return;
	}
	(void) crm_numeric_datum_sign(value);
}

/* for a plain (not toasted) value: false if 128 bits don't hold the mantissa */
extern bool crm_numeric_parts(Datum value, crm_i128 *mantissa, int *scale);
/*
 * Are so many bytes of any alignment a finite numeric as PostgreSQL makes them?
 * To be asked of what comes from another process: the others trust a numeric.
 */
extern bool crm_numeric_is_whole(const char *bytes, Size size);
/* scale in 0..16383 */
extern Numeric crm_numeric_from_parts(crm_i128 mantissa, int scale);

#endif /* CRM_NUMERIC_MONEY_H */
