/*
 * history_totals.c
 *		The state of the aggregates over histories, a bigint[].
 *
 * A transition function changes the state in place, as PostgreSQL allows an
 * aggregate; it looks nothing up and keeps nothing between calls.
 *
 * Invariant: an array is looked at only after its shape was checked, for
 * anybody may call a final function with any array.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/date.h"
#include "utils/fmgrprotos.h"
#include "utils/memutils.h"

#include "compat.h"
#include "functions/history_totals.h"

PG_FUNCTION_INFO_V1(crm_histories_combine);

/* the elements before the counts */
enum
{
	HEAD_METRIC,
	HEAD_NULL,
	HEAD_FROM, /* from here on as CrmTotalsNames has them */
	HEAD_TO,
	HEAD_AS_OF,
	HEAD_OPTION,
	HEAD_SIZE
};

static const char *const no_names[4] = {"a parameter", "a parameter", "as_of",
										"a parameter"};

static void
require_aggregate(FunctionCallInfo fcinfo)
{
	if (!AggCheckCallContext(fcinfo, NULL))
		ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
						errmsg("function called outside an aggregate"),
						errhint("It is a part of an aggregate: call that.")));
}

/* ---- arrays ------------------------------------------------------------- */

static ArrayType *
new_array(int64 counts)
{
	int64	   elements = HEAD_SIZE + counts;
	Size	   size = ARR_OVERHEAD_NONULLS(1) + elements * sizeof(int64);
	ArrayType *array;

	if (counts > (int64) (MaxAllocSize / sizeof(int64)) - 100)
		ereport(
			ERROR,
			(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
			 errmsg("too many periods to count"),
			 errdetail("The table would have %lld cells.", (long long) counts),
			 errhint("Take a longer unit, or an as_of that is nearer to "
					 "the first events.")));
	array = palloc0(size);
	SET_VARSIZE(array, size);
	array->ndim = 1;
	array->elemtype = INT8OID;
	ARR_DIMS(array)[0] = (int) elements;
	ARR_LBOUND(array)[0] = 1;
	return array;
}

static pg_noinline void
no_state(void)
{
	ereport(ERROR,
			(errcode(ERRCODE_DATA_CORRUPTED),
			 errmsg("an array is no state of an aggregate over histories"),
			 errhint("Such states are made by the aggregates alone.")));
}

void
crm_totals_require(const CrmHistoryTotals *totals, int64 counts)
{
	if (counts < 0 || totals->counts < counts)
		no_state();
}

static inline CrmHistoryTotals
totals_of(ArrayType *array)
{
	CrmHistoryTotals totals = {.array = array};

	if (ARR_NDIM(array) != 1 || ARR_DIMS(array)[0] < HEAD_SIZE ||
		ARR_HASNULL(array) || ARR_ELEMTYPE(array) != INT8OID)
		no_state();
	totals.count = (int64 *) ARR_DATA_PTR(array) + HEAD_SIZE;
	totals.counts = ARR_DIMS(array)[0] - HEAD_SIZE;
	return totals;
}

static inline int64 *
head_of(const CrmHistoryTotals *totals)
{
	return totals->count - HEAD_SIZE;
}

void
crm_totals_grow(CrmHistoryTotals *totals, int64 counts)
{
	CrmHistoryTotals larger;

	if (counts <= totals->counts)
		return;
	larger = totals_of(new_array(counts));
	memcpy(head_of(&larger), head_of(totals),
		   (HEAD_SIZE + totals->counts) * sizeof(int64));
	*totals = larger;
}

/* ---- parameters --------------------------------------------------------- */

static void
write_head(int64 *head, const CrmTotalsParams *params)
{
	head[HEAD_METRIC] = params->metric;
	head[HEAD_NULL] = params->null;
	if (params->null)
		return;
	head[HEAD_FROM] = params->from;
	head[HEAD_TO] = params->to;
	head[HEAD_AS_OF] = params->as_of;
	head[HEAD_OPTION] = params->option;
}

static pg_noinline void
parameters_differ(const int64 *head, const int64 *other,
				  const char *const *names)
{
	int i = HEAD_FROM;

	if (head[HEAD_METRIC] != other[HEAD_METRIC])
		ereport(ERROR, (errcode(ERRCODE_DATATYPE_MISMATCH),
						errmsg("states of different aggregates cannot be "
							   "combined")));
	if (head[HEAD_NULL] != other[HEAD_NULL])
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("parameters must be the same in all rows of a group"),
				 errdetail("Some rows have NULL, others a value."),
				 errhint("Give constants, or add them to GROUP BY.")));
	while (i < HEAD_SIZE - 1 && head[i] == other[i])
		i++;
	ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					errmsg("%s must be the same in all rows of a group",
						   names[i - HEAD_FROM]),
					errhint("Give a constant, or add it to GROUP BY.")));
}

static inline void
check_head(const int64 *head, const int64 *other, const char *const *names)
{
	if (unlikely(memcmp(head, other, HEAD_SIZE * sizeof(int64)) != 0))
		parameters_differ(head, other, names);
}

CrmHistoryTotals
crm_totals_open(FunctionCallInfo fcinfo, const CrmTotalsParams *params,
				const CrmTotalsNames *names, int64 counts)
{
	CrmHistoryTotals totals;
	int64			 head[HEAD_SIZE] = {0};

	require_aggregate(fcinfo);
	if (PG_ARGISNULL(0))
	{
		totals = totals_of(new_array(counts));
		write_head(head_of(&totals), params);
		return totals;
	}
	totals = totals_of(PG_GETARG_ARRAYTYPE_P(0));
	write_head(head, params);
	check_head(head_of(&totals), head, names->name);
	crm_totals_grow(&totals, counts);
	return totals;
}

Datum
crm_totals_same(FunctionCallInfo fcinfo)
{
	if (PG_ARGISNULL(0))
		PG_RETURN_NULL();
	PG_RETURN_DATUM(PG_GETARG_DATUM(0));
}

/* strict: with one state only that is taken */
Datum
crm_histories_combine(PG_FUNCTION_ARGS)
{
	CrmHistoryTotals totals = totals_of(PG_GETARG_ARRAYTYPE_P(0));
	CrmHistoryTotals other = totals_of(PG_GETARG_ARRAYTYPE_P(1));

	require_aggregate(fcinfo);
	check_head(head_of(&totals), head_of(&other), no_names);
	crm_totals_grow(&totals, other.counts);
	for (int64 i = 0; i < other.counts; i++)
		totals.count[i] += other.count[i];
	PG_RETURN_ARRAYTYPE_P(totals.array);
}

bool
crm_totals_read(FunctionCallInfo fcinfo, CrmTotalsMetric metric,
				CrmTotalsParams *params, CrmHistoryTotals *totals)
{
	const int64 *head;

	if (PG_ARGISNULL(0))
		return false;
	*totals = totals_of(PG_GETARG_ARRAYTYPE_P(0));
	head = head_of(totals);
	if (head[HEAD_METRIC] != metric)
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("the state is of another aggregate over histories")));
	params->metric = metric;
	params->null = head[HEAD_NULL] != 0;
	params->from = (int32) head[HEAD_FROM];
	params->to = (int32) head[HEAD_TO];
	params->as_of = (int32) head[HEAD_AS_OF];
	params->option = (int32) head[HEAD_OPTION];
	return true;
}
