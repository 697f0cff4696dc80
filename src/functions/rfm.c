/*
 * rfm.c
 *		RFM with fixed cuts: rfm_score and rfm_segment on plain columns, and
 *		the way of cuts between numeric[] and the engine.
 *
 * rfm_score is called once per row, its cuts are the same in all of them as a
 * rule.  So decoded cuts are kept in fn_extra: for ever if the arguments are
 * constants, else as long as they are the same bytes.
 *
 * Invariant: the kept cuts are those of the bytes kept beside them.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "nodes/primnodes.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/numeric.h"

#include "compat.h"
#include "functions/numeric_money.h"
#include "functions/rfm.h"

#define FIRST_CUTS 3 /* argument number of recency_cuts */

typedef struct ScoreCache
{
	bool			constant;
	MemoryContext	context; /* of bytes and of the cuts' wide amounts */
	struct varlena *bytes[3];
	CrmRfmCuts		cuts;
	int64			order[CRM_RFM_MAX_CUTS]; /* bounds of the monetary cuts */
} ScoreCache;

PG_FUNCTION_INFO_V1(crm_rfm_score_fixed);
PG_FUNCTION_INFO_V1(crm_rfm_segment_of_score);
PG_FUNCTION_INFO_V1(crm_rfm_segment_of_flags);

void
crm_rfm_check_bins(int bins)
{
	if (bins < CRM_RFM_MIN_BINS || bins > CRM_RFM_MAX_BINS)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("number of bins must be between %d and %d",
							   CRM_RFM_MIN_BINS, CRM_RFM_MAX_BINS),
						errdetail("It is %d.", bins),
						errhint("Each of the three scores is one digit.")));
}

/* ------------------------------------------------------- cuts and arrays -- */

static CrmMoney
decode_cut(Datum element, const char *dimension)
{
	Numeric number = DatumGetNumeric(element);

	if (numeric_is_nan(number) || numeric_is_inf(number))
		ereport(ERROR, (errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
						errmsg("%s cuts must be finite numbers", dimension),
						errdetail("One of them is %s.",
								  numeric_is_nan(number) ? "NaN" : "infinite"),
						errhint("For fewer bins give fewer cuts.")));
	return crm_money_from_numeric_datum(NumericGetDatum(number));
}

int
crm_rfm_decode_cuts(Datum datum, const char *dimension, CrmMoney **cuts)
{
	ArrayType *array = DatumGetArrayTypeP(datum);
	Datum	  *elements;
	bool	  *nulls;
	int		   count;

	if (ARR_NDIM(array) > 1)
		ereport(ERROR,
				(errcode(ERRCODE_ARRAY_SUBSCRIPT_ERROR),
				 errmsg("%s cuts must be a one-dimensional array", dimension),
				 errdetail("The array has %d dimensions.", ARR_NDIM(array)),
				 errhint("Write the cuts as in '{1,2,3,5}'.")));
	deconstruct_array(array, NUMERICOID, -1, false, TYPALIGN_INT, &elements,
					  &nulls, &count);
	*cuts = palloc((count + 1) * sizeof(CrmMoney));
	for (int i = 0; i < count; i++)
	{
		if (nulls[i])
			ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
							errmsg("%s cuts must not be NULL", dimension),
							errdetail("Cut %d is NULL.", i + 1),
							errhint("For fewer bins give fewer cuts.")));
		(*cuts)[i] = decode_cut(elements[i], dimension);
	}
	pfree(elements);
	pfree(nulls);
	return count;
}

Datum
crm_rfm_encode_cuts(const CrmMoney *cuts, int count)
{
	Datum elements[CRM_RFM_MAX_CUTS];

	for (int i = 0; i < count; i++)
		elements[i] = NumericGetDatum(crm_numeric_from_money(cuts[i]));
	return PointerGetDatum(
		construct_array(elements, count, NUMERICOID, -1, false, TYPALIGN_INT));
}

void
crm_rfm_cuts_from_arrays(CrmRfmCuts *cuts, Datum recency, Datum frequency,
						 Datum monetary)
{
	CrmMoney *values[3];
	int		  count[3];

	count[0] = crm_rfm_decode_cuts(recency, "recency", &values[0]);
	count[1] = crm_rfm_decode_cuts(frequency, "frequency", &values[1]);
	count[2] = crm_rfm_decode_cuts(monetary, "monetary", &values[2]);
	crm_rfm_cuts_init(cuts, values[0], count[0], values[1], count[1], values[2],
					  count[2]);
	for (int i = 0; i < 3; i++)
		pfree(values[i]);
}

/* ----------------------------------------------------------------- score -- */

static bool
cuts_are_constant(FmgrInfo *flinfo)
{
	List *arguments;

	if (flinfo->fn_expr == NULL || !IsA(flinfo->fn_expr, FuncExpr))
		return false;
	arguments = ((FuncExpr *) flinfo->fn_expr)->args;
	for (int i = FIRST_CUTS; i < FIRST_CUTS + 3; i++)
		if (!IsA(list_nth(arguments, i), Const))
			return false;
	return true;
}

static bool
same_bytes(const struct varlena *a, const struct varlena *b)
{
	return VARSIZE_ANY(a) == VARSIZE_ANY(b) &&
		   memcmp(a, b, VARSIZE_ANY(a)) == 0;
}

/* nothing is kept until all of it is decoded: decoding may fail */
static void
fill_cache(ScoreCache *cache, struct varlena **bytes)
{
	MemoryContext old;

	cache->bytes[0] = NULL;
	MemoryContextReset(cache->context);
	old = MemoryContextSwitchTo(cache->context);
	crm_rfm_cuts_from_arrays(&cache->cuts, PointerGetDatum(bytes[0]),
							 PointerGetDatum(bytes[1]),
							 PointerGetDatum(bytes[2]));
	for (int i = 0; i < cache->cuts.monetary_count; i++)
		cache->order[i] = crm_numeric_order_bound(
			crm_numeric_from_money(cache->cuts.monetary[i]));
	for (int i = 2; i >= 0; i--)
	{
		struct varlena *copy = palloc(VARSIZE_ANY(bytes[i]));

		memcpy(copy, bytes[i], VARSIZE_ANY(bytes[i]));
		cache->bytes[i] = copy;
	}
	MemoryContextSwitchTo(old);
}

static ScoreCache *
create_cache(FmgrInfo *flinfo)
{
	ScoreCache *cache =
		MemoryContextAllocZero(flinfo->fn_mcxt, sizeof(ScoreCache));

	cache->constant = cuts_are_constant(flinfo);
	cache->context = AllocSetContextCreate(flinfo->fn_mcxt, "rfm_score cuts",
										   ALLOCSET_SMALL_SIZES);
	flinfo->fn_extra = cache;
	return cache;
}

/* cuts that may be others in each row, or the first ones */
static pg_noinline ScoreCache *
compared_cache(FunctionCallInfo fcinfo)
{
	ScoreCache	   *cache = fcinfo->flinfo->fn_extra;
	struct varlena *bytes[3];
	bool			same;

	if (cache == NULL)
		cache = create_cache(fcinfo->flinfo);
	same = cache->bytes[0] != NULL;
	for (int i = 0; i < 3; i++)
	{
		bytes[i] = PG_GETARG_VARLENA_PP(FIRST_CUTS + i);
		same = same && same_bytes(cache->bytes[i], bytes[i]);
	}
	if (!same)
		fill_cache(cache, bytes);
	return cache;
}

static inline ScoreCache *
cached_cuts(FunctionCallInfo fcinfo)
{
	ScoreCache *cache = fcinfo->flinfo->fn_extra;

	if (likely(cache != NULL && cache->constant && cache->bytes[0] != NULL))
		return cache;
	return compared_cache(fcinfo);
}

static pg_noinline Datum
score_any_amount(FunctionCallInfo fcinfo, ScoreCache *cache)
{
	PG_RETURN_INT32(
		crm_rfm_score(&cache->cuts, PG_GETARG_INT32(0), PG_GETARG_INT64(1),
					  crm_money_from_numeric_datum(PG_GETARG_DATUM(2))));
}

/*
 * rfm_score(recency_days int, frequency bigint, monetary numeric,
 *			 recency_cuts, frequency_cuts, monetary_cuts numeric[]), strict
 */
Datum
crm_rfm_score_fixed(PG_FUNCTION_ARGS)
{
	ScoreCache *cache = cached_cuts(fcinfo);
	int64		order;

	/* the score needs no more of an amount than its place among the cuts */
	if (unlikely(!crm_numeric_order(PG_GETARG_DATUM(2), &order)))
		return score_any_amount(fcinfo, cache);
	PG_RETURN_INT32(
		crm_rfm_two_digits(&cache->cuts, PG_GETARG_INT32(0),
						   PG_GETARG_INT64(1)) +
		1 +
		crm_rfm_cuts_below(cache->order, cache->cuts.monetary_count, order));
}

/* --------------------------------------------------------------- segment -- */

static void
refuse_score(int score)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("not an RFM score: %d", score),
			 errdetail("A score is three digits, recency, frequency and "
					   "monetary, each between 1 and %d.",
					   CRM_RFM_MAX_BINS),
			 errhint("Pass a result of rfm_score, or r * 100 + f * 10 + m.")));
}

/* rfm_segment(score int, high int), strict */
Datum
crm_rfm_segment_of_score(PG_FUNCTION_ARGS)
{
	int score = PG_GETARG_INT32(0);
	int high = PG_GETARG_INT32(1);

	if (score < 111 || score > 999 || score / 10 % 10 == 0 || score % 10 == 0)
		refuse_score(score);
	if (high < CRM_RFM_MIN_BINS || high > CRM_RFM_MAX_BINS)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("high must be between %d and %d", CRM_RFM_MIN_BINS,
						CRM_RFM_MAX_BINS),
				 errdetail("It is %d.", high),
				 errhint("high is the least score that counts as high: 4 with "
						 "five bins, 2 with two.")));
	PG_RETURN_TEXT_P(
		cstring_to_text(crm_rfm_segment_code(crm_rfm_high_bits(score, high))));
}

/* rfm_segment(r_high bool, f_high bool, m_high bool), strict */
Datum
crm_rfm_segment_of_flags(PG_FUNCTION_ARGS)
{
	int bits = (PG_GETARG_BOOL(0) ? 4 : 0) | (PG_GETARG_BOOL(1) ? 2 : 0) |
			   (PG_GETARG_BOOL(2) ? 1 : 0);

	PG_RETURN_TEXT_P(cstring_to_text(crm_rfm_segment_code(bits)));
}
