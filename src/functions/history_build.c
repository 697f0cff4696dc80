/*
 * history_build.c
 *		The aggregates that make a purchase_history: of rows, and of histories.
 *
 * The state is the list of events in the aggregate's context, sorted when it
 * is wanted; NULL as long as no usable row has come.  On its way between
 * processes it is the history itself, so it means the same everywhere.
 *
 * Invariant: the result depends on the set of rows alone.
 */
#include "postgres.h"

#include "fmgr.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

#include "compat.h"
#include "functions/agg_part.h"
#include "functions/history.h"
#include "functions/localday.h"
#include "functions/numeric_money.h"

PG_FUNCTION_INFO_V1(crm_history_accum_date);
PG_FUNCTION_INFO_V1(crm_history_accum_timestamp);
PG_FUNCTION_INFO_V1(crm_history_accum_timestamptz);
PG_FUNCTION_INFO_V1(crm_history_merge_accum);
PG_FUNCTION_INFO_V1(crm_history_combine);
PG_FUNCTION_INFO_V1(crm_history_serial);
PG_FUNCTION_INFO_V1(crm_history_deserial);
PG_FUNCTION_INFO_V1(crm_history_final);

static CrmPurchases *
state_argument(FunctionCallInfo fcinfo, int number)
{
	if (PG_ARGISNULL(number))
		return NULL;
	return (CrmPurchases *) PG_GETARG_POINTER(number);
}

/* in CurrentMemoryContext */
static CrmPurchases *
new_state(bool times)
{
	CrmPurchases *state = palloc(sizeof(CrmPurchases));

	crm_purchases_init(state, times);
	return state;
}

static Datum
state_result(FunctionCallInfo fcinfo, CrmPurchases *state)
{
	if (state == NULL)
		PG_RETURN_NULL();
	PG_RETURN_POINTER(state);
}

/* ---- rows --------------------------------------------------------------- */

static pg_noinline void
unknown_kind(const text *kind)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("unknown kind of event \"%s\"", text_to_cstring(kind)),
			 errhint("A kind is 'order' or 'visit'; rows of a NULL kind are "
					 "left out.")));
}

bool
crm_history_is_visit(Datum kind)
{
	text	   *word = DatumGetTextPP(kind);
	CrmActivity activity;

	if (!crm_activity_from_name(VARDATA_ANY(word), VARSIZE_ANY_EXHDR(word),
								&activity) ||
		activity == CRM_ACTIVITY_ANY)
		unknown_kind(word);
	return activity == CRM_ACTIVITY_VISIT;
}

static void
add_order(FunctionCallInfo fcinfo, CrmPurchases *state, int64 at)
{
	CrmMoney amount;

	if (PG_ARGISNULL(2))
		crm_purchases_add_order(state, at, NULL);
	else
	{
		amount = crm_money_from_numeric_datum(PG_GETARG_DATUM(2));
		crm_purchases_add_order(state, at, &amount);
	}
}

/* (state, at, amount [, kind]) */
static inline Datum
accumulate(FunctionCallInfo fcinfo, CrmTimeKind kind)
{
	MemoryContext context = crm_aggregate_context(fcinfo);
	CrmPurchases *state = state_argument(fcinfo, 0);
	MemoryContext old;
	int64		  at;
	bool		  visit;

	if (PG_ARGISNULL(1) || (PG_NARGS() > 3 && PG_ARGISNULL(3)))
		return state_result(fcinfo, state);
	at = crm_local_from_datum(PG_GETARG_DATUM(1), kind);
	visit = PG_NARGS() > 3 && crm_history_is_visit(PG_GETARG_DATUM(3));
	old = MemoryContextSwitchTo(context);
	if (state == NULL)
		state = new_state(kind != CRM_TIME_DATE);
	if (visit)
		crm_purchases_add_visits(state, crm_day_of_local(at), 1);
	else
		add_order(fcinfo, state, at);
	MemoryContextSwitchTo(old);
	PG_RETURN_POINTER(state);
}

Datum
crm_history_accum_date(PG_FUNCTION_ARGS)
{
	return accumulate(fcinfo, CRM_TIME_DATE);
}

Datum
crm_history_accum_timestamp(PG_FUNCTION_ARGS)
{
	return accumulate(fcinfo, CRM_TIME_TIMESTAMP);
}

Datum
crm_history_accum_timestamptz(PG_FUNCTION_ARGS)
{
	return accumulate(fcinfo, CRM_TIME_TIMESTAMPTZ);
}

/* ---- histories ---------------------------------------------------------- */

/* (state, history) */
Datum
crm_history_merge_accum(PG_FUNCTION_ARGS)
{
	MemoryContext	context = crm_aggregate_context(fcinfo);
	CrmPurchases   *state = state_argument(fcinfo, 0);
	CrmPurchaseView view;
	MemoryContext	old;

	if (PG_ARGISNULL(1))
		return state_result(fcinfo, state);
	crm_history_open(&view, PG_GETARG_DATUM(1));
	old = MemoryContextSwitchTo(context);
	if (state == NULL)
		state = new_state(view.times);
	crm_history_check_kind(state->times, view.times);
	crm_purchases_add_view(state, &view);
	MemoryContextSwitchTo(old);
	PG_RETURN_POINTER(state);
}

/* ---- between processes -------------------------------------------------- */

Datum
crm_history_combine(PG_FUNCTION_ARGS)
{
	MemoryContext context = crm_aggregate_context(fcinfo);
	CrmPurchases *state = state_argument(fcinfo, 0);
	CrmPurchases *other = state_argument(fcinfo, 1);
	MemoryContext old;
	int			  first;

	if (other == NULL)
		return state_result(fcinfo, state);
	old = MemoryContextSwitchTo(context);
	if (state == NULL)
		state = new_state(other->times);
	crm_history_check_kind(state->times, other->times);
	first = state->order_count;
	crm_purchases_add_list(state, other);
	/* what was deserialized lives for this call only */
	crm_history_own_amounts(state, first);
	MemoryContextSwitchTo(old);
	PG_RETURN_POINTER(state);
}

Datum
crm_history_serial(PG_FUNCTION_ARGS)
{
	(void) crm_aggregate_context(fcinfo);
	return crm_history_make((CrmPurchases *) PG_GETARG_POINTER(0));
}

Datum
crm_history_deserial(PG_FUNCTION_ARGS)
{
	CrmPurchaseView view;
	CrmPurchases   *state;

	(void) crm_aggregate_context(fcinfo);
	crm_history_open(&view, PG_GETARG_DATUM(0));
	state = new_state(view.times);
	crm_purchases_add_view(state, &view);
	PG_RETURN_POINTER(state);
}

Datum
crm_history_final(PG_FUNCTION_ARGS)
{
	(void) crm_aggregate_context(fcinfo);
	if (PG_ARGISNULL(0))
		PG_RETURN_NULL();
	return crm_history_make((CrmPurchases *) PG_GETARG_POINTER(0));
}
