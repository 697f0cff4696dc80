/*
 * agg_average.c
 *		average_order: revenue / orders, without customers.
 *
 * An amount below 0 is a refund: part of the revenue, not an order.  An unknown
 * amount is an order that adds nothing.  The sum is exact, so the result does
 * not depend on the order of rows.
 */
#include "postgres.h"

#include "compat.h"
#include "functions/agg_part.h"
#include "functions/numeric_money.h"

PG_FUNCTION_INFO_V1(crm_average_order_accum);
PG_FUNCTION_INFO_V1(crm_average_order_combine);
PG_FUNCTION_INFO_V1(crm_average_order_serial);
PG_FUNCTION_INFO_V1(crm_average_order_deserial);
PG_FUNCTION_INFO_V1(crm_average_order_final);

typedef struct Average
{
	int64	 orders;
	CrmMoney sum;
} Average;

static Average *
state_of(FunctionCallInfo fcinfo, MemoryContext *context)
{
	*context = crm_aggregate_context(fcinfo);
	if (!PG_ARGISNULL(0))
		return (Average *) PG_GETARG_POINTER(0);
	return MemoryContextAllocZero(*context, sizeof(Average));
}

static void
add(Average *average, CrmMoney amount, MemoryContext context)
{
	MemoryContext old = MemoryContextSwitchTo(context);

	crm_money_accumulate(&average->sum, amount);
	MemoryContextSwitchTo(old);
}

Datum
crm_average_order_accum(PG_FUNCTION_ARGS)
{
	MemoryContext context;
	Average		 *average = state_of(fcinfo, &context);

	if (PG_ARGISNULL(1))
		average->orders++;
	else
	{
		CrmMoney amount = crm_money_from_numeric_datum(PG_GETARG_DATUM(1));

		average->orders += crm_money_sign(amount) >= 0;
		add(average, amount, context);
	}
	PG_RETURN_POINTER(average);
}

Datum
crm_average_order_combine(PG_FUNCTION_ARGS)
{
	MemoryContext  context;
	Average		  *average = state_of(fcinfo, &context);
	const Average *other;

	if (!PG_ARGISNULL(1))
	{
		other = (const Average *) PG_GETARG_POINTER(1);
		average->orders += other->orders;
		add(average, other->sum, context);
	}
	PG_RETURN_POINTER(average);
}

/* orders 8 | the sum as a numeric */
Datum
crm_average_order_serial(PG_FUNCTION_ARGS)
{
	MemoryContext  context;
	const Average *average = state_of(fcinfo, &context);
	Numeric		   sum = crm_numeric_from_money(average->sum);
	Size		   size = VARHDRSZ + sizeof(int64) + VARSIZE(sum);
	bytea		  *bytes = palloc(size);

	SET_VARSIZE(bytes, size);
	memcpy(VARDATA(bytes), &average->orders, sizeof(int64));
	memcpy(VARDATA(bytes) + sizeof(int64), sum, VARSIZE(sum));
	PG_RETURN_BYTEA_P(bytes);
}

Datum
crm_average_order_deserial(PG_FUNCTION_ARGS)
{
	bytea	*bytes = PG_GETARG_BYTEA_PP(0);
	Size	 size = VARSIZE_ANY_EXHDR(bytes);
	Average *average;
	Numeric	 sum;

	(void) crm_aggregate_context(fcinfo);
	if (size < sizeof(int64) ||
		!crm_numeric_is_whole(VARDATA_ANY(bytes) + sizeof(int64),
							  size - sizeof(int64)))
		ereport(ERROR, (errcode(ERRCODE_DATA_CORRUPTED),
						errmsg("invalid serialized average")));
	average = palloc0(sizeof(Average));
	memcpy(&average->orders, VARDATA_ANY(bytes), sizeof(int64));
	sum = palloc(size - sizeof(int64));
	memcpy(sum, VARDATA_ANY(bytes) + sizeof(int64), size - sizeof(int64));
	average->sum = crm_money_from_numeric_datum(NumericGetDatum(sum));
	PG_RETURN_POINTER(average);
}

Datum
crm_average_order_final(PG_FUNCTION_ARGS)
{
	const Average *average;

	if (PG_ARGISNULL(0))
		PG_RETURN_NULL();
	average = (const Average *) PG_GETARG_POINTER(0);
	if (average->orders == 0)
		PG_RETURN_NULL();
	PG_RETURN_NUMERIC(crm_numeric_from_money(
		crm_money_div(average->sum, crm_money_from_int64(average->orders))));
}
