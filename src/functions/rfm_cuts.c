/*
 * rfm_cuts.c
 *		rfm_cuts(recency_days, frequency, monetary [, bins [, method]]): the
 *		cuts of a group of customers, for rfm_score with fixed cuts.
 *
 * The state is the sample itself, 24 bytes a customer; cuts are exact
 * quantiles, so nothing smaller would do.  It travels between processes as
 *
 *		version | parameters | scale | wide? | count
 *		recency[count] | frequency[count] | amounts[count]
 *
 * in network byte order; wide amounts go as length and bytes of a numeric.
 *
 * Invariant: the result depends on the set of rows alone, so it is the same
 * bit for bit in a serial and in a parallel plan.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "fmgr.h"
#include "funcapi.h"
#include "libpq/pqformat.h"
#include "miscadmin.h"
#include "port/pg_bswap.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

#include "compat.h"
#include "functions/agg_part.h"
#include "functions/numeric_money.h"
#include "functions/rfm.h"

#define WIRE_VERSION 1
#define DEFAULT_BINS 5
#define FIRST_CAPACITY 16
#define METHOD_SIZE 16
#define INTERRUPT_ROWS 65536

typedef struct Parameters
{
	int			 bins;
	CrmRfmMethod method;
	bool		 null; /* one of them is NULL: so is the result */
} Parameters;

typedef struct CutsState
{
	Parameters	 parameters;
	CrmRfmSample sample;
} CutsState;

PG_FUNCTION_INFO_V1(crm_rfm_cuts_accum);
PG_FUNCTION_INFO_V1(crm_rfm_cuts_combine);
PG_FUNCTION_INFO_V1(crm_rfm_cuts_serialize);
PG_FUNCTION_INFO_V1(crm_rfm_cuts_deserialize);
PG_FUNCTION_INFO_V1(crm_rfm_cuts_final);

/* ------------------------------------------------------------ parameters -- */

static CrmRfmMethod
read_method(text *name)
{
	char		 copy[METHOD_SIZE];
	size_t		 size = VARSIZE_ANY_EXHDR(name);
	CrmRfmMethod method;

	if (size < sizeof(copy))
	{
		memcpy(copy, VARDATA_ANY(name), size);
		copy[size] = '\0';
		if (crm_rfm_method_from_name(copy, &method))
			return method;
	}
	ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					errmsg("unknown method of rfm_cuts: \"%s\"",
						   text_to_cstring(name)),
					errhint("Methods are quantile, r, mean and median.")));
}

static bool
makes_two_bins(CrmRfmMethod method)
{
	return method == CRM_RFM_MEAN || method == CRM_RFM_MEDIAN;
}

static Parameters
read_parameters(FunctionCallInfo fcinfo)
{
	Parameters result = {.bins = DEFAULT_BINS, .method = CRM_RFM_QUANTILE};

	if (PG_NARGS() > 4)
	{
		result.null = PG_ARGISNULL(4);
		if (PG_NARGS() > 5)
			result.null |= PG_ARGISNULL(5);
	}
	if (result.null)
		return (Parameters){.null = true};
	if (PG_NARGS() > 4)
		result.bins = PG_GETARG_INT32(4);
	if (PG_NARGS() > 5)
		result.method = read_method(PG_GETARG_TEXT_PP(5));
	return result;
}

static void
check_parameters(Parameters parameters)
{
	if (parameters.null)
		return;
	crm_rfm_check_bins(parameters.bins);
	if (makes_two_bins(parameters.method) && parameters.bins != 2)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("methods mean and median make two bins"),
						errdetail("The number of bins is %d.", parameters.bins),
						errhint("Pass 2 as the number of bins.")));
}

static void
check_same(Parameters a, Parameters b)
{
	if (a.bins != b.bins || a.method != b.method || a.null != b.null)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("bins and method of rfm_cuts must be the same in all "
						"rows of a group"),
				 errhint("Add them to GROUP BY, or pass constants.")));
}

/* ----------------------------------------------------------- aggregation -- */

static CutsState *
create_state(Parameters parameters, int64 capacity)
{
	CutsState *state = palloc0(sizeof(CutsState));

	state->parameters = parameters;
	crm_rfm_sample_init(&state->sample, Max(capacity, FIRST_CAPACITY));
	return state;
}

Datum
crm_rfm_cuts_accum(PG_FUNCTION_ARGS)
{
	MemoryContext old = MemoryContextSwitchTo(crm_aggregate_context(fcinfo));
	Parameters	  parameters = read_parameters(fcinfo);
	CutsState	 *state;

	if (PG_ARGISNULL(0))
	{
		check_parameters(parameters);
		state = create_state(parameters, FIRST_CAPACITY);
	}
	else
		state = (CutsState *) PG_GETARG_POINTER(0);
	check_same(state->parameters, parameters);
	if (!PG_ARGISNULL(3))
	{
		/* decoded also when the row is left out: NaN is always an error */
		CrmMoney monetary = crm_money_from_numeric_datum(PG_GETARG_DATUM(3));

		if (!PG_ARGISNULL(1) && !PG_ARGISNULL(2) && !parameters.null)
			crm_rfm_sample_add(&state->sample, PG_GETARG_INT64(1),
							   PG_GETARG_INT64(2), monetary);
	}
	MemoryContextSwitchTo(old);
	PG_RETURN_POINTER(state);
}

Datum
crm_rfm_cuts_combine(PG_FUNCTION_ARGS)
{
	MemoryContext old = MemoryContextSwitchTo(crm_aggregate_context(fcinfo));
	CutsState	 *into =
		   PG_ARGISNULL(0) ? NULL : (CutsState *) PG_GETARG_POINTER(0);
	CutsState *from =
		PG_ARGISNULL(1) ? NULL : (CutsState *) PG_GETARG_POINTER(1);

	if (from != NULL)
	{
		if (into == NULL)
			into = create_state(from->parameters, from->sample.count);
		check_same(into->parameters, from->parameters);
		CHECK_FOR_INTERRUPTS();
		crm_rfm_sample_merge(&into->sample, &from->sample);
	}
	MemoryContextSwitchTo(old);
	if (into == NULL)
		PG_RETURN_NULL();
	PG_RETURN_POINTER(into);
}

/* ------------------------------------------------------------------ wire -- */

/* room for size more bytes; the server holds no value beyond 1 GB */
static void
reserve(StringInfo wire, int64 size, int64 customers)
{
	if (wire->len + size >= (int64) MaxAllocSize)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("too many customers for a parallel rfm_cuts"),
				 errdetail("One process has collected %lld.",
						   (long long) customers),
				 errhint("Set max_parallel_workers_per_gather to 0 for this "
						 "query.")));
	enlargeStringInfo(wire, (int) size);
}

static void
send_integers(StringInfo wire, const int64 *values, int64 count)
{
	reserve(wire, count * (int64) sizeof(uint64), count);
	for (int64 i = 0; i < count; i++)
	{
		uint64 swapped = pg_hton64((uint64) values[i]);

		if (i % INTERRUPT_ROWS == 0)
			CHECK_FOR_INTERRUPTS();
		appendBinaryStringInfo(wire, (char *) &swapped, sizeof(swapped));
	}
}

static void
send_wide(StringInfo wire, const CrmMoney *values, int64 count)
{
	for (int64 i = 0; i < count; i++)
	{
		Numeric number = crm_numeric_from_money(values[i]);
		int		size = VARSIZE(number);

		if (i % INTERRUPT_ROWS == 0)
			CHECK_FOR_INTERRUPTS();
		reserve(wire, sizeof(int32) + size, count);
		pq_sendint32(wire, size);
		appendBinaryStringInfo(wire, (char *) number, size);
		if ((void *) number != (void *) values[i].wide)
			pfree(number);
	}
}

Datum
crm_rfm_cuts_serialize(PG_FUNCTION_ARGS)
{
	CutsState	  *state = (CutsState *) PG_GETARG_POINTER(0);
	CrmRfmSample  *sample = &state->sample;
	StringInfoData wire;

	(void) crm_aggregate_context(fcinfo);
	pq_begintypsend(&wire);
	pq_sendint8(&wire, WIRE_VERSION);
	pq_sendint8(&wire, state->parameters.null);
	pq_sendint8(&wire, state->parameters.bins);
	pq_sendint8(&wire, state->parameters.method);
	pq_sendint32(&wire, sample->scale);
	pq_sendint8(&wire, sample->wide != NULL);
	pq_sendint64(&wire, sample->count);
	send_integers(&wire, sample->recency, sample->count);
	send_integers(&wire, sample->frequency, sample->count);
	if (sample->wide != NULL)
		send_wide(&wire, sample->wide, sample->count);
	else
		send_integers(&wire, sample->amount, sample->count);
	PG_RETURN_BYTEA_P(pq_endtypsend(&wire));
}

pg_noreturn static void
refuse_state(void)
{
	ereport(ERROR, (errcode(ERRCODE_DATA_CORRUPTED),
					errmsg("invalid serialized state of rfm_cuts")));
}

static CrmMoney
receive_wide(StringInfo wire)
{
	int			size = pq_getmsgint(wire, 4);
	const char *bytes = pq_getmsgbytes(wire, size);
	char	   *aligned;
	CrmMoney	result;

	if (!crm_numeric_is_whole(bytes, size))
		refuse_state();
	aligned = palloc(size);
	memcpy(aligned, bytes, size);
	result = crm_money_from_numeric_datum(PointerGetDatum(aligned));
	pfree(aligned);
	return result;
}

static void
receive_sample(StringInfo wire, CrmRfmSample *sample, int64 count, int scale,
			   bool wide)
{
	const char *recency = pq_getmsgbytes(wire, count * sizeof(int64));
	const char *frequency = pq_getmsgbytes(wire, count * sizeof(int64));

	for (int64 i = 0; i < count; i++)
	{
		uint64 r;
		uint64 f;

		if (i % INTERRUPT_ROWS == 0)
			CHECK_FOR_INTERRUPTS();
		memcpy(&r, recency + i * sizeof(uint64), sizeof(r));
		memcpy(&f, frequency + i * sizeof(uint64), sizeof(f));
		crm_rfm_sample_add(
			sample, (int64) pg_ntoh64(r), (int64) pg_ntoh64(f),
			wide ? receive_wide(wire)
				 : crm_money_from_parts(pq_getmsgint64(wire), scale));
	}
}

/* those that no group can have */
static void
refuse_parameters(Parameters parameters)
{
	if (parameters.method > CRM_RFM_MEDIAN ||
		(!parameters.null && (parameters.bins < CRM_RFM_MIN_BINS ||
							  parameters.bins > CRM_RFM_MAX_BINS)))
		refuse_state();
}

Datum
crm_rfm_cuts_deserialize(PG_FUNCTION_ARGS)
{
	bytea		  *bytes = PG_GETARG_BYTEA_PP(0);
	StringInfoData wire;
	Parameters	   parameters;
	CutsState	  *state;
	int			   scale;
	bool		   wide;
	int64		   count;

	(void) crm_aggregate_context(fcinfo);
	initStringInfo(&wire);
	wire.data = VARDATA_ANY(bytes);
	wire.len = VARSIZE_ANY_EXHDR(bytes);
	if (pq_getmsgbyte(&wire) != WIRE_VERSION)
		refuse_state();
	parameters.null = pq_getmsgbyte(&wire);
	parameters.bins = pq_getmsgbyte(&wire);
	parameters.method = pq_getmsgbyte(&wire);
	refuse_parameters(parameters);
	scale = (int) pq_getmsgint(&wire, 4);
	wide = pq_getmsgbyte(&wire);
	count = pq_getmsgint64(&wire);
	if (count < 0 || count > wire.len / (int64) (2 * sizeof(int64)) ||
		scale < 0 || scale > CRM_MONEY_MAX_SCALE)
		refuse_state();
	state = create_state(parameters, count);
	receive_sample(&wire, &state->sample, count, scale, wide);
	pq_getmsgend(&wire);
	PG_RETURN_POINTER(state);
}

/* ---------------------------------------------------------------- result -- */

Datum
crm_rfm_cuts_final(PG_FUNCTION_ARGS)
{
	CutsState *state =
		PG_ARGISNULL(0) ? NULL : (CutsState *) PG_GETARG_POINTER(0);
	Datum	  values[7] = {0};
	bool	  nulls[7] = {true, true, true, false, false, false, false};
	TupleDesc descriptor;

	(void) crm_aggregate_context(fcinfo);
	if (state != NULL && state->parameters.null)
		PG_RETURN_NULL();
	if (get_call_result_type(fcinfo, NULL, &descriptor) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "rfm_cuts must return a row type");
	if (state != NULL && state->sample.count > 0)
	{
		CrmMoney cuts[3][CRM_RFM_MAX_CUTS];
		int		 bins_used[3];
		int		 count =
			crm_rfm_sample_cuts(&state->sample, state->parameters.bins,
								state->parameters.method, cuts, bins_used);

		for (int i = 0; i < 3; i++)
		{
			values[i] = crm_rfm_encode_cuts(cuts[i], count);
			nulls[i] = false;
			values[3 + i] = Int32GetDatum(bins_used[i]);
		}
		values[6] = Int64GetDatum(state->sample.count);
	}
	descriptor = BlessTupleDesc(descriptor);
	PG_RETURN_DATUM(
		HeapTupleGetDatum(heap_form_tuple(descriptor, values, nulls)));
}
