/*
 * model_scalar.c
 *		lifecycle_stage and lifecycle_next on plain columns.
 *
 * The columns are one customer's facts as of a day; they are checked against
 * each other, for a contradiction is a mistake of the query: an order without
 * its day, a day after as_of.  A column left out counts as "never", but where
 * the model would read what orders > 0 says must exist, it is asked for.
 *
 * Invariant: no column that the model does not read changes the result.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "fmgr.h"
#include "funcapi.h"
#include "nodes/primnodes.h"
#include "utils/builtins.h"

#include "functions/localday.h"
#include "functions/model_call.h"
#include "functions/numeric_money.h"

PG_FUNCTION_INFO_V1(crm_lifecycle_stage_date);
PG_FUNCTION_INFO_V1(crm_lifecycle_stage_timestamptz);
PG_FUNCTION_INFO_V1(crm_lifecycle_next_date);
PG_FUNCTION_INFO_V1(crm_lifecycle_next_timestamptz);

/* the arguments, in order */
enum
{
	ARG_ORDERS,
	ARG_REVENUE,
	ARG_LAST_ORDER,
	ARG_AS_OF,
	ARG_MODEL = CRM_COLUMNS_MODEL,
	ARG_FIRST_ORDER,
	ARG_LAST_VISIT,
	ARG_REGISTERED,
	ARG_ORDER_DAYS
};

#define READS_MONEY \
	(CRM_FACT_BIT(CRM_FACT_REVENUE) | CRM_FACT_BIT(CRM_FACT_AVERAGE_ORDER))
#define READS_VISITS                           \
	(CRM_FACT_BIT(CRM_FACT_DAYS_SINCE_VISIT) | \
	 CRM_FACT_BIT(CRM_FACT_DAYS_SINCE_ACTIVE))
/* where it must be given for who has more than one order */
#define READS_MORE                                   \
	(CRM_FACT_BIT(CRM_FACT_DAYS_SINCE_FIRST_ORDER) | \
	 CRM_FACT_BIT(CRM_FACT_ORDER_DAYS))
#define READS_REGISTERED CRM_FACT_BIT(CRM_FACT_DAYS_SINCE_REGISTERED)

/* ---- the model of a call ---- */

static void
keep_stages(CrmModelCall *call, MemoryContext context)
{
	int			  count = crm_model_stage_count(call->model);
	MemoryContext old = MemoryContextSwitchTo(context);

	call->stages = palloc(count * sizeof(text *));
	for (int i = 0; i < count; i++)
		call->stages[i] = cstring_to_text(crm_model_stage_name(call->model, i));
	MemoryContextSwitchTo(old);
}

/*
 * A parameter does not count: PL/pgSQL evaluates one expression with one
 * parameter after the other, and keeps fn_extra in between.
 */
static const Const *
constant_argument(const FmgrInfo *flinfo, int number)
{
	const FuncExpr *expression = (const FuncExpr *) flinfo->fn_expr;
	const Node	   *argument;

	if (expression == NULL || !IsA(expression, FuncExpr) ||
		number >= list_length(expression->args))
		return NULL;
	argument = list_nth(expression->args, number);
	return IsA(argument, Const) ? (const Const *) argument : NULL;
}

/* are all columns after the model left out? */
static bool
few_columns(const FmgrInfo *flinfo)
{
	for (int i = ARG_FIRST_ORDER; i <= ARG_ORDER_DAYS; i++)
	{
		const Const *argument = constant_argument(flinfo, i);

		if (argument == NULL || !argument->constisnull)
			return false;
	}
	return true;
}

/* the model of this row where it is not fixed, or not known yet */
static void
take_model(CrmModelCall *call, MemoryContext context, Datum value, bool windows)
{
	const CrmModel *model;
	bool			first = !call->taken;

	if (call->model != NULL && crm_model_seen_stored(&call->seen, value))
		return;
	model = crm_model_cached(&call->cache, context, value);
	crm_model_see(&call->seen, context, value);
	if (likely(model == call->model))
		return;
	/* the one before is gone, even if this one is refused */
	call->taken = true;
	call->model = NULL;
	call->stages = NULL;
	if (!windows)
		crm_model_require(model, ~CRM_FACT_WINDOWS, "plain columns",
						  "Use lifecycle_stage(at, amount, as_of, model) over "
						  "the rows, lifecycle_stage(history, as_of, model) or "
						  "a stage table: they know when each order was.");
	call->model = model;
	call->by_order = NULL;
	if (call->few && (crm_model_facts(model) & READS_MORE) == 0)
		call->by_order = crm_model_by_last_order(model);
	/*
	 * The names of the first one are kept as long as the call site, for a
	 * caller may still hold one; those of any later one are copied.
	 */
	if (first)
		keep_stages(call, context);
}

CrmModelCall *
crm_model_call_anew(FunctionCallInfo fcinfo, int number, bool windows)
{
	CrmModelCall *call = fcinfo->flinfo->fn_extra;
	MemoryContext context = fcinfo->flinfo->fn_mcxt;

	if (call == NULL)
	{
		call = MemoryContextAllocZero(context, sizeof(CrmModelCall));
		call->fixed = constant_argument(fcinfo->flinfo, number) != NULL;
		call->few = few_columns(fcinfo->flinfo);
		fcinfo->flinfo->fn_extra = call;
	}
	take_model(call, context, PG_GETARG_DATUM(number), windows);
	return call;
}

Datum
crm_model_call_copy(const CrmModelCall *call, int stage)
{
	return PointerGetDatum(
		cstring_to_text(crm_model_stage_name(call->model, stage)));
}

/* ---- the facts of a row ---- */

static pg_noinline void
contradiction(const char *message, const char *hint)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg_internal("%s", message), hint ? errhint("%s", hint) : 0));
}

static pg_noinline void
not_given(CrmFact fact, const char *argument)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("the stage model reads %s, but %s is not given",
					crm_fact_name(fact), argument),
			 errdetail("The customer has more than one order, so there is a "
					   "value."),
			 errhint("Pass %s => ..., or use the aggregate over the orders.",
					 argument)));
}

static pg_noinline void
after_as_of(const char *argument)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("%s lies after as_of", argument),
			 errhint("The columns know only the latest state: for a past day "
					 "use the aggregate over the rows, or a history.")));
}

static inline CrmDay
day_argument(FunctionCallInfo fcinfo, int number, CrmTimeKind kind)
{
	if (PG_ARGISNULL(number))
		return CRM_NO_DAY;
	return kind == CRM_TIME_DATE
			   ? crm_day_from_date(PG_GETARG_DATEADT(number))
			   : crm_day_from_timestamptz(PG_GETARG_TIMESTAMPTZ(number));
}

static inline void
read_order_days(FunctionCallInfo fcinfo, unsigned reads, CrmFacts *facts)
{
	facts->order_days_known = true;
	if (!PG_ARGISNULL(ARG_ORDER_DAYS))
	{
		facts->order_days = PG_GETARG_INT64(ARG_ORDER_DAYS);
		if (facts->order_days > facts->orders ||
			(facts->order_days > 0) != (facts->orders > 0))
			contradiction("order_days does not fit orders",
						  "It counts the days with an order: from 1 to orders, "
						  "0 without orders.");
	}
	else if (facts->orders <= 1)
		facts->order_days = facts->orders;
	else if (reads & CRM_FACT_BIT(CRM_FACT_ORDER_DAYS))
		not_given(CRM_FACT_ORDER_DAYS, "order_days");
	else
		facts->order_days_known = false;
}

static inline void
read_first_order(FunctionCallInfo fcinfo, unsigned reads, CrmTimeKind kind,
				 CrmFacts *facts)
{
	facts->first_order = day_argument(fcinfo, ARG_FIRST_ORDER, kind);
	if (facts->first_order == CRM_NO_DAY)
	{
		if (facts->orders == 1)
			facts->first_order = facts->last_order;
		else if (facts->orders > 1 &&
				 (reads & CRM_FACT_BIT(CRM_FACT_DAYS_SINCE_FIRST_ORDER)))
			not_given(CRM_FACT_DAYS_SINCE_FIRST_ORDER, "first_order");
	}
	else if (facts->orders == 0)
		contradiction("first_order is given, but orders is 0", NULL);
	else if (facts->first_order > facts->last_order)
		contradiction("first_order lies after last_order", NULL);
}

static inline void
read_revenue(FunctionCallInfo fcinfo, unsigned reads, CrmFacts *facts)
{
	facts->revenue = crm_money_from_int64(0);
	facts->revenue_known = true;
	if (PG_ARGISNULL(ARG_REVENUE))
		return;
	if (reads & READS_MONEY)
		facts->revenue =
			crm_money_from_numeric_datum(PG_GETARG_DATUM(ARG_REVENUE));
	else
		/* NaN and infinite are refused all the same */
		crm_numeric_require_finite(PG_GETARG_DATUM(ARG_REVENUE));
}

static inline void
read_facts(FunctionCallInfo fcinfo, const CrmModel *model, CrmTimeKind kind,
		   CrmFacts *facts, CrmDay *as_of)
{
	unsigned reads = crm_model_facts(model);

	*as_of = day_argument(fcinfo, ARG_AS_OF, kind);
	facts->orders = PG_ARGISNULL(ARG_ORDERS) ? 0 : PG_GETARG_INT64(ARG_ORDERS);
	facts->last_order = day_argument(fcinfo, ARG_LAST_ORDER, kind);
	if (unlikely(facts->orders < 0))
		contradiction("orders is negative", NULL);
	if (unlikely((facts->orders > 0) != (facts->last_order != CRM_NO_DAY)))
		contradiction(facts->orders > 0
						  ? "orders is greater than 0, but last_order is NULL"
						  : "last_order is given, but orders is 0",
					  "Count orders and take the last one over the same rows, "
					  "refunds left out.");
	if (unlikely(facts->last_order > *as_of))
		after_as_of("last_order");
	read_revenue(fcinfo, reads, facts);
	read_first_order(fcinfo, reads, kind, facts);
	read_order_days(fcinfo, reads, facts);
	facts->last_visit = day_argument(fcinfo, ARG_LAST_VISIT, kind);
	if (unlikely(facts->last_visit > *as_of))
		after_as_of("last_visit");
	facts->registered = day_argument(fcinfo, ARG_REGISTERED, kind);
	if (unlikely(facts->registered > *as_of))
		after_as_of("registered");
}

/* ---- lifecycle_stage ---- */

/*
 * The short way: one look-up tells, and what the arguments have to be checked
 * for is little.  -1: take the long one.
 */
static inline int
stage_by_last_order(FunctionCallInfo fcinfo, const CrmModelCall *call,
					CrmTimeKind kind)
{
	int64 days;

	if (call->by_order == NULL || PG_ARGISNULL(ARG_ORDERS) ||
		PG_ARGISNULL(ARG_LAST_ORDER) || PG_GETARG_INT64(ARG_ORDERS) <= 0)
		return -1;
	days = (int64) day_argument(fcinfo, ARG_AS_OF, kind) -
		   day_argument(fcinfo, ARG_LAST_ORDER, kind);
	if (days < 0)
		return -1;
	if (!PG_ARGISNULL(ARG_REVENUE))
		crm_numeric_require_finite(PG_GETARG_DATUM(ARG_REVENUE));
	return call->by_order[Min(days, CRM_TABLED_DAYS - 1)];
}

/* apart, for the short way needs no room for facts */
static pg_noinline Datum
stage_by_facts(FunctionCallInfo fcinfo, const CrmModelCall *call,
			   CrmTimeKind kind)
{
	CrmFacts facts;
	CrmDay	 as_of;

	read_facts(fcinfo, call->model, kind, &facts, &as_of);
	return crm_model_call_stage(call,
								crm_model_evaluate(call->model, &facts, as_of));
}

static inline Datum
lifecycle_stage(FunctionCallInfo fcinfo, CrmTimeKind kind)
{
	CrmModelCall *call;
	int			  stage;

	if (PG_ARGISNULL(ARG_AS_OF) || PG_ARGISNULL(ARG_MODEL))
		PG_RETURN_NULL();
	call = crm_model_call(fcinfo, ARG_MODEL, false);
	stage = stage_by_last_order(fcinfo, call, kind);
	if (likely(stage >= 0))
		return crm_model_call_stage(call, stage);
	return stage_by_facts(fcinfo, call, kind);
}

Datum
crm_lifecycle_stage_date(PG_FUNCTION_ARGS)
{
	return lifecycle_stage(fcinfo, CRM_TIME_DATE);
}

Datum
crm_lifecycle_stage_timestamptz(PG_FUNCTION_ARGS)
{
	return lifecycle_stage(fcinfo, CRM_TIME_TIMESTAMPTZ);
}

/* ---- lifecycle_next ---- */

/* the day since which the facts that the model reads have been as they are */
static CrmDay
facts_since(unsigned reads, const CrmFacts *facts)
{
	CrmDay since = CRM_NO_DAY;

	if (reads & ~(CRM_FACT_BIT(CRM_FACT_DAYS_SINCE_VISIT) | READS_REGISTERED))
		since = facts->last_order;
	if (reads & READS_VISITS)
		since = Max(since, facts->last_visit);
	if (reads & READS_REGISTERED)
		since = Max(since, facts->registered);
	return since;
}

/*
 * Whether a customer's only order is what brought it to its stage.  The day
 * before, a model of orders alone saw a customer without any.
 */
static bool
came_by_first_order(const CrmModel *model, const CrmFacts *facts, CrmDay as_of)
{
	CrmFacts nobody = {.order_days_known = true,
					   .revenue_known = true,
					   .first_order = CRM_NO_DAY,
					   .last_order = CRM_NO_DAY,
					   .last_visit = CRM_NO_DAY,
					   .registered = CRM_NO_DAY};
	int		 before;

	if (facts->orders != 1 ||
		(crm_model_facts(model) & (READS_VISITS | READS_REGISTERED)) != 0)
		return false;
	before = crm_model_try(model, &nobody, facts->last_order - 1);
	return before >= 0 && before != crm_model_evaluate(model, facts, as_of);
}

/*
 * What the columns tell of the past ends where the last event they name lies:
 * before it other facts held.  A refund leaves no day, so a model that reads
 * money can't be answered.
 */
static bool
stage_since(const CrmModel *model, const CrmFacts *facts, CrmDay as_of,
			CrmDay *since)
{
	unsigned reads = crm_model_facts(model);
	CrmDay	 floor = facts_since(reads, facts);
	int		 previous;

	if ((reads & READS_MONEY) != 0 || floor == CRM_NO_DAY)
		return false;
	return crm_model_since(model, facts, as_of, floor, since, &previous) ||
		   came_by_first_order(model, facts, as_of);
}

TupleDesc
crm_model_call_row(FunctionCallInfo fcinfo, CrmModelCall *call)
{
	if (call->descriptor == NULL)
	{
		MemoryContext old = MemoryContextSwitchTo(fcinfo->flinfo->fn_mcxt);
		TupleDesc	  descriptor;

		if (get_call_result_type(fcinfo, NULL, &descriptor) !=
			TYPEFUNC_COMPOSITE)
			elog(ERROR, "return type must be a row type");
		call->descriptor = BlessTupleDesc(descriptor);
		MemoryContextSwitchTo(old);
	}
	return call->descriptor;
}

CrmModelCall *
crm_columns_facts(FunctionCallInfo fcinfo, CrmTimeKind kind, CrmFacts *facts,
				  CrmDay *as_of)
{
	CrmModelCall *call;

	if (PG_ARGISNULL(ARG_AS_OF) || PG_ARGISNULL(ARG_MODEL))
		return NULL;
	call = crm_model_call(fcinfo, ARG_MODEL, false);
	memset(facts, 0, sizeof(*facts));
	read_facts(fcinfo, call->model, kind, facts, as_of);
	return call;
}

static Datum
lifecycle_next(FunctionCallInfo fcinfo, CrmTimeKind kind)
{
	CrmModelCall *call;
	CrmFacts	  facts;
	CrmDay		  as_of;
	CrmDay		  since;
	CrmDay		  changes_on;
	int			  next;
	Datum		  values[4] = {0};
	bool		  nulls[4] = {false};

	call = crm_columns_facts(fcinfo, kind, &facts, &as_of);
	if (call == NULL)
		PG_RETURN_NULL();
	values[0] = crm_model_call_stage(
		call, crm_model_evaluate(call->model, &facts, as_of));
	nulls[1] = !stage_since(call->model, &facts, as_of, &since);
	if (!nulls[1])
		values[1] = DateADTGetDatum(since);
	nulls[2] = nulls[3] =
		!crm_model_next(call->model, &facts, as_of, &changes_on, &next);
	if (!nulls[2])
	{
		values[2] = DateADTGetDatum(changes_on);
		values[3] = crm_model_call_stage(call, next);
	}
	return HeapTupleGetDatum(
		heap_form_tuple(crm_model_call_row(fcinfo, call), values, nulls));
}

Datum
crm_lifecycle_next_date(PG_FUNCTION_ARGS)
{
	return lifecycle_next(fcinfo, CRM_TIME_DATE);
}

Datum
crm_lifecycle_next_timestamptz(PG_FUNCTION_ARGS)
{
	return lifecycle_next(fcinfo, CRM_TIME_TIMESTAMPTZ);
}
