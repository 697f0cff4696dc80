/*
 * agg.c
 *		The part that all aggregates over customers have in common: the state,
 *		its way between processes, and rates.
 *
 * The state is one CrmCustomers in the aggregate's context; NULL as long as no
 * usable row has come.
 *
 * Invariant: a final function may run more than once on a state (aggregates
 * over the same arguments share it, and a plan may be run again), so it leaves
 * the state as it was, or keeps the totals.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/tupdesc.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_type.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "nodes/primnodes.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/syscache.h"
#include "utils/typcache.h"

#include "compat.h"
#include "customers/beside.h"
#include "engine/rate.h"
#include "functions/agg.h"
#include "functions/agg_part.h"
#include "functions/history_state.h"

PG_FUNCTION_INFO_V1(crm_customers_combine);
PG_FUNCTION_INFO_V1(crm_customers_serial);
PG_FUNCTION_INFO_V1(crm_customers_deserial);

/* ---- the start of a group ------------------------------------------------ */

static CrmKeyKind
key_kind_of_type(Oid type)
{
	switch (type)
	{
		case INT8OID:
			return CRM_KEY_BIGINT;
		case UUIDOID:
			return CRM_KEY_UUID;
		case TEXTOID:
			return CRM_KEY_TEXT;
		default:
			elog(ERROR, "type %u is no customer's key", type);
	}
}

static CrmParamKind
param_kind(int param, const char *name)
{
	switch (param)
	{
		case CRM_PARAM_N:
		case CRM_PARAM_M:
			return CRM_PARAM_NUMBER;
		case CRM_PARAM_OPTION:
			if (strcmp(name, "by") == 0)
				return CRM_PARAM_BY;
			return strcmp(name, "unit") == 0 ? CRM_PARAM_UNIT
											 : CRM_PARAM_METHOD;
		case CRM_PARAM_EVENT_START:
		case CRM_PARAM_EVENT_RETURN:
			return CRM_PARAM_EVENT;
		default:
			return CRM_PARAM_DAY;
	}
}

/* the names are those of our own install script */
static int
param_of_name(const CrmMetric *metric, const char *name)
{
	for (int param = 0; metric != NULL && param < CRM_PARAMS; param++)
	{
		if (metric->param[param] != NULL &&
			strcmp(metric->param[param], name) == 0)
			return param;
	}
	if (strcmp(name, "event") == 0)
		return CRM_PARAM_EVENT_START;
	if (strcmp(name, "return_event") == 0)
		return CRM_PARAM_EVENT_RETURN;
	elog(ERROR, "transition function has an unknown argument \"%s\"", name);
}

static void
note_param(CrmAgg *agg, const CrmMetric *metric, int arg, const char *name,
		   Oid type)
{
	CrmParamArg *param_arg = &agg->param_arg[agg->param_args];
	int			 param = param_of_name(metric, name);

	param_arg->arg = arg;
	param_arg->param = param;
	param_arg->kind = param_kind(param, name);
	(void) crm_time_kind_of_type(type, &param_arg->time_kind);
	agg->param_args++;
}

static void
note_argument(CrmAgg *agg, const CrmMetric *metric, int arg, const char *name,
			  Oid type)
{
	if (strcmp(name, "customer") == 0)
		agg->key_kind = key_kind_of_type(type);
	else if (strcmp(name, "h") == 0)
		return;
	else if (strcmp(name, "at") == 0)
	{
		agg->at = arg;
		(void) crm_time_kind_of_type(type, &agg->at_kind);
	}
	else if (strcmp(name, "amount") == 0)
		agg->amount = arg;
	else if (strcmp(name, "is_start") == 0)
		agg->is_start = arg;
	else if (strcmp(name, "is_return") == 0)
		agg->is_return = arg;
	else
		note_param(agg, metric, arg, name, type);
}

/*
 * Whether all parameters are written as constants, or are parameters of the
 * whole query.  The transition function's own expression does not tell.
 */
static bool
params_are_stable(FunctionCallInfo fcinfo, const CrmAgg *agg)
{
	Aggref *aggref = AggGetAggref(fcinfo);

	/* it is somebody else's where that aggregate calls ours for its own ends */
	if (aggref == NULL || list_length(aggref->args) < fcinfo->nargs - 1)
		return false;
	for (int i = 0; i < agg->param_args; i++)
	{
		TargetEntry *argument =
			list_nth(aggref->args, agg->param_arg[i].arg - 1);

		if (!IsA(argument->expr, Const) &&
			!(IsA(argument->expr, Param) &&
			  castNode(Param, argument->expr)->paramkind == PARAM_EXTERN))
			return false;
	}
	return true;
}

CrmAgg *
crm_agg_lookup(FunctionCallInfo fcinfo, const CrmMetric *metric)
{
	FmgrInfo *flinfo = fcinfo->flinfo;
	CrmAgg	 *agg = MemoryContextAllocZero(flinfo->fn_mcxt, sizeof(*agg));
	HeapTuple tuple =
		SearchSysCache1(PROCOID, ObjectIdGetDatum(flinfo->fn_oid));
	Oid	  *types;
	char **names;
	char  *modes;
	int	   count;

	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for function %u", flinfo->fn_oid);
	count = get_func_arg_info(tuple, &types, &names, &modes);
	if (names == NULL)
		elog(ERROR, "transition function has no argument names");
	for (int arg = 1; arg < count; arg++)
		note_argument(agg, metric, arg, names[arg], types[arg]);
	ReleaseSysCache(tuple);
	agg->params_stable = params_are_stable(fcinfo, agg);
	flinfo->fn_extra = agg;
	return agg;
}

/* bytes are compared, which is what the collation does, unless it is not */
static void
check_collation(Oid collation)
{
	if (OidIsValid(collation) && !get_collation_isdeterministic(collation))
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("nondeterministic collations are not supported for "
						"customers"),
				 errdetail("Collation \"%s\" may hold different texts for "
						   "equal.",
						   get_collation_name(collation)),
				 errhint("Make equal customers equal texts, with lower() for "
						 "example, and add COLLATE \"C\".")));
}

CrmCustomers *
crm_agg_start(FunctionCallInfo fcinfo, CrmAgg *agg, const CrmMetric *metric,
			  const CrmParams *params, bool params_null)
{
	MemoryContext context = crm_aggregate_context(fcinfo);

	if (agg->query == NULL)
	{
		if (agg->key_kind == CRM_KEY_TEXT)
			check_collation(PG_GET_COLLATION());
		/* outlives all groups, whose context is reset for each */
		agg->query = crm_customers_query(MemoryContextGetParent(context),
										 metric, agg->key_kind);
	}
	return crm_customers_create(agg->query, params, params_null, context);
}

static void
close_files(Datum customers)
{
	crm_customers_close_files((CrmCustomers *) DatumGetPointer(customers));
}

/* files of a group that is given up before its end, by a rescan say */
void
crm_agg_watch_files(FunctionCallInfo fcinfo, CrmCustomers *customers)
{
	customers->files_open = false;
	AggRegisterCallback(fcinfo, close_files, PointerGetDatum(customers));
}

/* its own and those beside it */
static void
watch_all_files(FunctionCallInfo fcinfo, CrmCustomers *customers)
{
	if (customers->files_open)
		crm_agg_watch_files(fcinfo, customers);
	if (customers->beside != NULL && customers->beside->older != NULL &&
		customers->beside->older->files_open)
		crm_agg_watch_files(fcinfo, customers->beside->older);
}

void
crm_agg_add_text(CrmCustomers *customers, Datum value, CrmDay day)
{
	text *given = (text *) DatumGetPointer(value);
	text *plain = DatumGetTextPP(value);

	crm_customers_add_text(customers, VARDATA_ANY(plain),
						   VARSIZE_ANY_EXHDR(plain), day);
	if (unlikely(plain != given))
		pfree(plain);
}

/* ---- between processes --------------------------------------------------- */

static CrmCustomers *
start_from_wire(FunctionCallInfo fcinfo, const CrmWire *wire)
{
	MemoryContext	   context = crm_aggregate_context(fcinfo);
	CrmCustomersQuery *query = fcinfo->flinfo->fn_extra;
	bool			   params_null;
	const CrmParams	  *params = crm_wire_params(wire, &params_null);

	if (query == NULL)
	{
		query =
			crm_customers_query(MemoryContextGetParent(context),
								crm_wire_metric(wire), crm_wire_key_kind(wire));
		fcinfo->flinfo->fn_extra = query;
	}
	return crm_customers_create(query, params, params_null, context);
}

static void
combine_parcel(CrmCustomers *state, const CrmParcel *parcel)
{
	const CrmWire	*wire = crm_parcel_wire(parcel);
	bool			 params_null;
	const CrmParams *params = crm_wire_params(wire, &params_null);

	if (crm_wire_metric(wire) != state->query->metric ||
		crm_wire_key_kind(wire) != state->query->key_kind)
		elog(ERROR, "states of different aggregates cannot be combined");
	crm_agg_compare_params(state, params, params_null);
	if (!params_null)
		crm_parcel_merge(state, parcel);
}

Datum
crm_customers_combine(PG_FUNCTION_ARGS)
{
	CrmCustomers *state =
		PG_ARGISNULL(0) ? NULL : (CrmCustomers *) PG_GETARG_POINTER(0);
	const CrmParcel *parcel;

	(void) crm_aggregate_context(fcinfo);
	if (PG_ARGISNULL(1))
	{
		if (state == NULL)
			PG_RETURN_NULL();
		PG_RETURN_POINTER(state);
	}
	parcel = (const CrmParcel *) PG_GETARG_POINTER(1);
	/* PostgreSQL serializes each state that is to be combined */
	if (!crm_is_parcel(parcel))
		elog(ERROR, "a state was not serialized");
	if (state == NULL)
		state = start_from_wire(fcinfo, crm_parcel_wire(parcel));
	combine_parcel(state, parcel);
	watch_all_files(fcinfo, state);
	PG_RETURN_POINTER(state);
}

Datum
crm_customers_serial(PG_FUNCTION_ARGS)
{
	CrmCustomers *state;
	bytea		 *bytes;

	(void) crm_aggregate_context(fcinfo);
	state = (CrmCustomers *) PG_GETARG_POINTER(0);
	bytes = crm_parcel_serialize(state);
	watch_all_files(fcinfo, state);
	PG_RETURN_BYTEA_P(bytes);
}

/* what no call can have would lead the metric astray */
static void
check_wire_params(const CrmWire *wire)
{
	const CrmMetric *metric = crm_wire_metric(wire);
	bool			 null;
	const CrmParams *params = crm_wire_params(wire, &null);

	if (null)
		return;
	crm_agg_check_params(metric, params);
	if (!crm_agg_knows_option(metric, params))
		ereport(ERROR, (errcode(ERRCODE_DATA_CORRUPTED),
						errmsg("invalid serialized customers"),
						errdetail("A parameter is out of range.")));
}

Datum
crm_customers_deserial(PG_FUNCTION_ARGS)
{
	CrmParcel *parcel;
	bytea	  *bytes;

	(void) crm_aggregate_context(fcinfo);
	bytes = PG_GETARG_BYTEA_PP(0);
	parcel = crm_parcel_open(VARDATA_ANY(bytes), VARSIZE_ANY_EXHDR(bytes));
	check_wire_params(crm_parcel_wire(parcel));
	PG_RETURN_POINTER(parcel);
}

/* ---- rates --------------------------------------------------------------- */

/* what the final function is declared to take says what its state is of */
static bool
is_over_histories(FunctionCallInfo fcinfo)
{
	HeapTuple tuple =
		SearchSysCache1(PROCOID, ObjectIdGetDatum(fcinfo->flinfo->fn_oid));
	bool result;

	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for function %u",
			 fcinfo->flinfo->fn_oid);
	result =
		((Form_pg_proc) GETSTRUCT(tuple))->proargtypes.values[0] != INTERNALOID;
	ReleaseSysCache(tuple);
	return result;
}

/* anybody may make an aggregate of one's transition and another's end */
void
crm_agg_require_metric(const CrmMetric *metric, const CrmMetric *const *of)
{
	if (of == NULL)
		return;
	for (; *of != NULL; of++)
		if (*of == metric)
			return;
	ereport(ERROR, (errcode(ERRCODE_DATATYPE_MISMATCH),
					errmsg("the state is of another aggregate"),
					errdetail("It is of %s.", metric->name)));
}

const CrmTotals *
crm_agg_totals(FunctionCallInfo fcinfo, const CrmMetric *const *of,
			   const CrmParams **params)
{
	CrmCustomers *state;

	(void) crm_aggregate_context(fcinfo);
	if (PG_ARGISNULL(0))
		return NULL;
	if (is_over_histories(fcinfo))
		return crm_histories_totals(fcinfo, of, params);
	state = (CrmCustomers *) PG_GETARG_POINTER(0);
	crm_agg_require_metric(state->query->metric, of);
	if (state->params_null)
		return NULL;
	if (params != NULL)
		*params = &state->params;
	return crm_customers_finish(state);
}

/* false: a parameter was NULL, and so is the result */
static bool
finish(FunctionCallInfo fcinfo, int numerator, int denominator, CrmRate *rate)
{
	/* counts that every metric has */
	const CrmTotals *totals = crm_agg_totals(fcinfo, NULL, NULL);

	*rate = crm_rate(0, 0);
	if (totals == NULL)
		return PG_ARGISNULL(0);
	*rate = crm_rate(totals->count[numerator], totals->count[denominator]);
	return true;
}

Datum
crm_agg_rate(FunctionCallInfo fcinfo, int numerator, int denominator)
{
	CrmRate rate;

	if (!finish(fcinfo, numerator, denominator, &rate) || rate.denominator == 0)
		PG_RETURN_NULL();
	PG_RETURN_FLOAT8(rate.rate);
}

static TupleDesc
result_row(FunctionCallInfo fcinfo)
{
	TupleDesc row = fcinfo->flinfo->fn_extra;

	if (row == NULL)
	{
		MemoryContext old = MemoryContextSwitchTo(fcinfo->flinfo->fn_mcxt);

		if (get_call_result_type(fcinfo, NULL, &row) != TYPEFUNC_COMPOSITE)
			elog(ERROR, "return type must be a row type");
		row = BlessTupleDesc(CreateTupleDescCopy(row));
		fcinfo->flinfo->fn_extra = row;
		MemoryContextSwitchTo(old);
	}
	return row;
}

Datum
crm_agg_rate_stats(FunctionCallInfo fcinfo, int numerator, int denominator)
{
	CrmRate rate;
	Datum	values[5];
	bool	nulls[5] = {false};

	if (!finish(fcinfo, numerator, denominator, &rate))
		PG_RETURN_NULL();
	values[0] = Int64GetDatum(rate.numerator);
	values[1] = Int64GetDatum(rate.denominator);
	values[2] = Float8GetDatum(rate.rate);
	values[3] = Float8GetDatum(rate.lower);
	values[4] = Float8GetDatum(rate.upper);
	nulls[2] = nulls[3] = nulls[4] = rate.denominator == 0;
	PG_RETURN_DATUM(
		HeapTupleGetDatum(heap_form_tuple(result_row(fcinfo), values, nulls)));
}

/* ---- arrays of rows ------------------------------------------------------ */

struct CrmRows
{
	ArrayBuildState *build;
	TupleDesc		 row;
	MemoryContext	 context; /* of one row */
};

/* what a final function looks up once */
static TupleDesc
element_row(FunctionCallInfo fcinfo)
{
	TupleDesc row = fcinfo->flinfo->fn_extra;

	if (row == NULL)
	{
		MemoryContext old = MemoryContextSwitchTo(fcinfo->flinfo->fn_mcxt);
		Oid			  array = get_func_rettype(fcinfo->flinfo->fn_oid);
		Oid			  element = get_element_type(array);

		row = BlessTupleDesc(lookup_rowtype_tupdesc_copy(element, -1));
		fcinfo->flinfo->fn_extra = row;
		MemoryContextSwitchTo(old);
	}
	return row;
}

/* at 10 million rows an array nears the 1 GB that a value may have */
#define MAX_ROWS 10000000

CrmRows *
crm_rows_start(FunctionCallInfo fcinfo, int64 expected)
{
	CrmRows *rows = palloc(sizeof(*rows));

	if (expected > MAX_ROWS)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("the result would have too many rows"),
				 errdetail("They are " INT64_FORMAT ", the limit is %d.",
						   expected, MAX_ROWS),
				 errhint("Choose a longer unit or fewer cohorts, and look for "
						 "times far in the past.")));
	rows->row = element_row(fcinfo);
	rows->build =
		initArrayResult(rows->row->tdtypeid, CurrentMemoryContext, true);
	rows->context = AllocSetContextCreate(CurrentMemoryContext, "crmlife row",
										  ALLOCSET_SMALL_SIZES);
	return rows;
}

void
crm_rows_add(CrmRows *rows, const Datum *values, const bool *nulls)
{
	MemoryContext old = MemoryContextSwitchTo(rows->context);
	HeapTuple tuple = heap_form_tuple(rows->row, unconstify(Datum *, values),
									  unconstify(bool *, nulls));

	(void) accumArrayResult(rows->build, HeapTupleGetDatum(tuple), false,
							rows->row->tdtypeid, old);
	MemoryContextSwitchTo(old);
	MemoryContextReset(rows->context);
	CHECK_FOR_INTERRUPTS();
}

Datum
crm_rows_finish(CrmRows *rows)
{
	return makeArrayResult(rows->build, CurrentMemoryContext);
}
