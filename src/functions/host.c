/*
 * host.c
 *		What engine/host.h asks for, in the server: palloc, ereport, numeric.
 *
 * Everything is allocated in CurrentMemoryContext, wide decimals included.
 * A CrmWide is a numeric with an ordinary 4-byte header, neither NaN nor
 * infinite.
 *
 * Invariant: nothing here is called per row on the ordinary path; sizes above
 * 1 GB are allowed, for the caller keeps the memory budget.
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/fmgrprotos.h"
#include "utils/memutils.h"

#include "functions/numeric_money.h"

void *
crm_alloc(size_t size)
{
	return palloc_extended(size, MCXT_ALLOC_HUGE);
}

void *
crm_realloc(void *pointer, size_t size)
{
	if (pointer == NULL)
		return crm_alloc(size);
	return repalloc_huge(pointer, size);
}

void
crm_free(void *pointer)
{
	if (pointer != NULL)
		pfree(pointer);
}

void
crm_poll(void)
{
	CHECK_FOR_INTERRUPTS();
}

static int
sqlstate_of(CrmError code)
{
	switch (code)
	{
		case CRM_ERROR_PARAMETER:
			return ERRCODE_INVALID_PARAMETER_VALUE;
		case CRM_ERROR_RANGE:
			return ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE;
		case CRM_ERROR_DATETIME:
			return ERRCODE_DATETIME_VALUE_OUT_OF_RANGE;
		case CRM_ERROR_DIVISION:
			return ERRCODE_DIVISION_BY_ZERO;
		case CRM_ERROR_CORRUPT:
			return ERRCODE_DATA_CORRUPTED;
		case CRM_ERROR_INTERNAL:
			break;
	}
	return ERRCODE_INTERNAL_ERROR;
}

void
crm_fail(CrmError code, const char *message, const char *detail,
		 const char *hint)
{
	ereport(ERROR, (errcode(sqlstate_of(code)), errmsg_internal("%s", message),
					detail ? errdetail_internal("%s", detail) : 0,
					hint ? errhint("%s", hint) : 0));
	pg_unreachable();
}

CrmWide *
crm_wide_from_i128(crm_i128 mantissa, int scale)
{
	return (CrmWide *) crm_numeric_from_parts(mantissa, scale);
}

static CrmWide *
call_numeric(PGFunction function, const CrmWide *a, const CrmWide *b)
{
	Datum result =
		DirectFunctionCall2(function, PointerGetDatum(a), PointerGetDatum(b));

	return (CrmWide *) DatumGetNumeric(result);
}

CrmWide *
crm_wide_add(const CrmWide *a, const CrmWide *b)
{
	return call_numeric(numeric_add, a, b);
}

CrmWide *
crm_wide_sub(const CrmWide *a, const CrmWide *b)
{
	return call_numeric(numeric_sub, a, b);
}

CrmWide *
crm_wide_mul(const CrmWide *a, const CrmWide *b)
{
	return call_numeric(numeric_mul, a, b);
}

CrmWide *
crm_wide_div(const CrmWide *a, const CrmWide *b)
{
	return call_numeric(numeric_div, a, b);
}

int
crm_wide_cmp(const CrmWide *a, const CrmWide *b)
{
	return DatumGetInt32(DirectFunctionCall2(numeric_cmp, PointerGetDatum(a),
											 PointerGetDatum(b)));
}

int
crm_wide_sign(const CrmWide *a)
{
	return crm_numeric_datum_sign(PointerGetDatum(a));
}

int
crm_wide_scale(const CrmWide *a)
{
	return DatumGetInt32(
		DirectFunctionCall1(numeric_scale, PointerGetDatum(a)));
}

bool
crm_wide_to_i128(const CrmWide *a, crm_i128 *mantissa, int *scale)
{
	return crm_numeric_parts(PointerGetDatum(a), mantissa, scale);
}

char *
crm_wide_to_text(const CrmWide *a)
{
	return DatumGetCString(
		DirectFunctionCall1(numeric_out, PointerGetDatum(a)));
}

CrmWide *
crm_wide_from_text(const char *text)
{
	return (CrmWide *) DatumGetNumeric(
		DirectFunctionCall3(numeric_in, CStringGetDatum(text),
							ObjectIdGetDatum(InvalidOid), Int32GetDatum(-1)));
}
