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

/* accepts short and toasted values; wide results live in CurrentMemoryContext */
extern CrmMoney crm_money_from_numeric_datum(Datum value);
/* a wide amount's numeric is the result itself, not a copy */
extern Numeric crm_numeric_from_money(CrmMoney money);
/* -1, 0 or 1, without decoding the digits */
extern int crm_numeric_datum_sign(Datum value);
/*
 * The ordinary amount, of 16 digits or less: false if the value is anything
 * else, which is no error yet.
 */
extern bool crm_numeric_int64(Datum value, int64 *mantissa, int *scale);

/* an error where the value is NaN or infinite: its two highest bits say so */
static inline void
crm_numeric_require_finite(Datum value)
{
	const struct varlena *given = (struct varlena *) DatumGetPointer(value);
	uint16				  header;

	if (!VARATT_IS_EXTENDED(given) || VARATT_IS_SHORT(given))
	{
		memcpy(&header, VARDATA_ANY(given), sizeof(header));
		if (likely((header & 0xC000) != 0xC000))
			return;
	}
	(void) crm_numeric_datum_sign(value);
}

/* for a plain (not toasted) value: false if 128 bits don't hold the mantissa */
extern bool crm_numeric_parts(Datum value, crm_i128 *mantissa, int *scale);
/* scale in 0..16383 */
extern Numeric crm_numeric_from_parts(crm_i128 mantissa, int scale);

#endif /* CRM_NUMERIC_MONEY_H */
