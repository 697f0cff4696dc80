/*
 * crmlife_money.c
 *		The engine's money seen from SQL, for tests.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/array.h"

#include "functions/numeric_money.h"

PG_MODULE_MAGIC;

PG_FUNCTION_INFO_V1(money_round_trip);
PG_FUNCTION_INFO_V1(money_is_wide);
PG_FUNCTION_INFO_V1(money_datum_sign);
PG_FUNCTION_INFO_V1(money_add);
PG_FUNCTION_INFO_V1(money_sub);
PG_FUNCTION_INFO_V1(money_mul);
PG_FUNCTION_INFO_V1(money_div);
PG_FUNCTION_INFO_V1(money_neg);
PG_FUNCTION_INFO_V1(money_cmp);
PG_FUNCTION_INFO_V1(money_identical);
PG_FUNCTION_INFO_V1(money_same_bytes);
PG_FUNCTION_INFO_V1(money_sum);
PG_FUNCTION_INFO_V1(money_decode_loop);
PG_FUNCTION_INFO_V1(money_is_whole);
PG_FUNCTION_INFO_V1(host_fail);

#define ARG(n) crm_money_from_numeric_datum(PG_GETARG_DATUM(n))
#define RETURN(money) PG_RETURN_NUMERIC(crm_numeric_from_money(money))

Datum
money_round_trip(PG_FUNCTION_ARGS)
{
	RETURN(ARG(0));
}

Datum
money_is_wide(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(ARG(0).wide != NULL);
}

Datum
money_datum_sign(PG_FUNCTION_ARGS)
{
	int sign = crm_numeric_datum_sign(PG_GETARG_DATUM(0));

	if (sign != crm_money_sign(ARG(0)))
		elog(ERROR, "two signs of one amount");
	PG_RETURN_INT32(sign);
}

Datum
money_add(PG_FUNCTION_ARGS)
{
	RETURN(crm_money_add(ARG(0), ARG(1)));
}

Datum
money_sub(PG_FUNCTION_ARGS)
{
	RETURN(crm_money_sub(ARG(0), ARG(1)));
}

Datum
money_mul(PG_FUNCTION_ARGS)
{
	RETURN(crm_money_mul(ARG(0), ARG(1)));
}

Datum
money_div(PG_FUNCTION_ARGS)
{
	RETURN(crm_money_div(ARG(0), ARG(1)));
}

Datum
money_neg(PG_FUNCTION_ARGS)
{
	RETURN(crm_money_neg(ARG(0)));
}

Datum
money_cmp(PG_FUNCTION_ARGS)
{
	PG_RETURN_INT32(crm_money_cmp(ARG(0), ARG(1)));
}

Datum
money_identical(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(crm_money_identical(ARG(0), ARG(1)));
}

Datum
money_same_bytes(PG_FUNCTION_ARGS)
{
	struct varlena *a = PG_DETOAST_DATUM(PG_GETARG_DATUM(0));
	struct varlena *b = PG_DETOAST_DATUM(PG_GETARG_DATUM(1));

	PG_RETURN_BOOL(VARSIZE(a) == VARSIZE(b) && memcmp(a, b, VARSIZE(a)) == 0);
}

Datum
money_sum(PG_FUNCTION_ARGS)
{
	CrmMoney sum = crm_money_from_int64(0);
	Datum	*values;
	bool	*nulls;
	int		 count;

	deconstruct_array(PG_GETARG_ARRAYTYPE_P(0), NUMERICOID, -1, false, 'i',
					  &values, &nulls, &count);
	for (int i = 0; i < count; i++)
		crm_money_accumulate(&sum, crm_money_from_numeric_datum(values[i]));
	RETURN(sum);
}

Datum
money_decode_loop(PG_FUNCTION_ARGS)
{
	Datum		   value = PG_GETARG_DATUM(0);
	volatile int64 total = 0;

	for (int64 i = 0; i < PG_GETARG_INT64(1); i++)
	{
		total += (int64) crm_money_from_numeric_datum(value).mantissa;
		CHECK_FOR_INTERRUPTS();
	}
	PG_RETURN_INT64(total);
}

Datum
money_is_whole(PG_FUNCTION_ARGS)
{
	Numeric given = PG_GETARG_NUMERIC(0);

	PG_RETURN_BOOL(crm_numeric_is_whole((char *) given, VARSIZE(given)));
}

Datum
host_fail(PG_FUNCTION_ARGS)
{
	crm_fail((CrmError) PG_GETARG_INT32(0), "what", "detail", "hint");
}
