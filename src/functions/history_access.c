/*
 * history_access.c
 *		What one asks of a purchase_history: a part of it, counts, days, RFM,
 *		and whether the customer came back.
 *
 * as_of comes as date, timestamp or timestamptz and means a local day, whole.
 *
 * Invariant: f(h, as_of) is f of the history cut at as_of, for every f that
 * takes an as_of.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "fmgr.h"
#include "funcapi.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/datetime.h"
#include "utils/timestamp.h"

#include "compat.h"
#include "engine/retention.h"
#include "functions/history.h"
#include "functions/history_call.h"
#include "functions/localday.h"
#include "functions/numeric_money.h"

PG_FUNCTION_INFO_V1(crm_history_orders);
PG_FUNCTION_INFO_V1(crm_history_order_days);
PG_FUNCTION_INFO_V1(crm_history_revenue);
PG_FUNCTION_INFO_V1(crm_history_first_order);
PG_FUNCTION_INFO_V1(crm_history_last_order);
PG_FUNCTION_INFO_V1(crm_history_nth_order);
PG_FUNCTION_INFO_V1(crm_history_gaps);

/* ---- counts ------------------------------------------------------------- */

static void
all_facts(FunctionCallInfo fcinfo, bool money, CrmFacts *facts)
{
	CrmPurchaseView view;

	crm_history_open(&view, PG_GETARG_DATUM(0));
	(void) crm_purchase_facts(&view, CRM_LAST_DAY, CRM_NO_DAY, money, facts);
}

Datum
crm_history_orders(PG_FUNCTION_ARGS)
{
	CrmFacts facts;

	all_facts(fcinfo, false, &facts);
	PG_RETURN_INT64(facts.orders);
}

Datum
crm_history_order_days(PG_FUNCTION_ARGS)
{
	CrmFacts facts;

	all_facts(fcinfo, false, &facts);
	PG_RETURN_INT64(facts.order_days);
}

Datum
crm_history_revenue(PG_FUNCTION_ARGS)
{
	CrmFacts facts;

	all_facts(fcinfo, true, &facts);
	PG_RETURN_NUMERIC(crm_numeric_from_money(facts.revenue));
}

static Datum
nth_order(FunctionCallInfo fcinfo, int64 k)
{
	CrmPurchaseView view;
	int64_t			at;

	crm_history_open(&view, PG_GETARG_DATUM(0));
	if (!crm_purchase_nth(&view, k, &at))
		PG_RETURN_NULL();
	PG_RETURN_TIMESTAMP(at);
}

Datum
crm_history_first_order(PG_FUNCTION_ARGS)
{
	return nth_order(fcinfo, 1);
}

Datum
crm_history_last_order(PG_FUNCTION_ARGS)
{
	return nth_order(fcinfo, 0);
}

Datum
crm_history_nth_order(PG_FUNCTION_ARGS)
{
	int32 k = PG_GETARG_INT32(1);

	if (k < 1)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("k must be at least 1"),
						errdetail("The value is %d.", k),
						errhint("The first order is number 1.")));
	return nth_order(fcinfo, k);
}

Datum
crm_history_gaps(PG_FUNCTION_ARGS)
{
	CrmPurchaseView view;
	CrmActiveDays	days;
	CrmDay			before;
	CrmDay			day;
	Datum		   *gaps;
	int				count = 0;

	crm_history_open(&view, PG_GETARG_DATUM(0));
	crm_active_days_start(&days, &view, CRM_ACTIVITY_ORDER, CRM_LAST_DAY);
	if (!crm_active_days_next(&days, &before))
		PG_RETURN_NULL();
	gaps = palloc(view.order_count * sizeof(Datum));
	for (; crm_active_days_next(&days, &day); before = day)
		gaps[count++] = Int32GetDatum(day - before);
	PG_RETURN_ARRAYTYPE_P(construct_array(gaps, count, INT4OID, sizeof(int32),
										  true, TYPALIGN_INT));
}

/* ---- a part of it ------------------------------------------------------- */

static inline Datum
history_as_of(FunctionCallInfo fcinfo, CrmTimeKind kind)
{
	CrmDay			day = crm_day_from_datum(PG_GETARG_DATUM(1), kind);
	CrmPurchaseView view;
	CrmPurchases	list;

	crm_history_open(&view, PG_GETARG_DATUM(0));
	crm_purchases_init(&list, view.times);
	crm_purchases_add_view(&list, &view);
	crm_purchases_cut(&list, day);
	return crm_history_make(&list);
}

CRM_AS_OF_OVERLOADS(history_as_of);

/* ---- retained ----------------------------------------------------------- */

void
crm_history_check_days(int32 from, int32 to, const char *from_name,
					   const char *to_name)
{
	bool negative = from < 0;

	if (negative || from > CRM_RETENTION_MAX_N || to > CRM_RETENTION_MAX_N)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 negative ? errmsg("%s must not be negative", from_name)
						  : errmsg("%s must not be greater than %d", to_name,
								   CRM_RETENTION_MAX_N),
				 errdetail("The value is %d.", negative ? from : Max(from, to)),
				 errhint("It counts days after the first one, which is day "
						 "0.")));
	if (from > to)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("%s must not be greater than %s", from_name, to_name),
				 errdetail("They are %d and %d.", from, to),
				 errhint("Both days belong to the range.")));
}

CrmActivity
crm_history_activity(Datum event)
{
	text	   *word = DatumGetTextPP(event);
	CrmActivity activity;

	if (!crm_activity_from_name(VARDATA_ANY(word), VARSIZE_ANY_EXHDR(word),
								&activity))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("unknown kind of event \"%s\"", text_to_cstring(word)),
				 errhint("It is 'order', 'visit' or 'any'.")));
	return activity;
}

/* as_of and event are the arguments from number `next` on */
static Datum
retained(FunctionCallInfo fcinfo, CrmTimeKind kind, int32 from, int32 to,
		 int next)
{
	CrmDay			as_of = crm_day_from_datum(PG_GETARG_DATUM(next), kind);
	CrmActivity		activity = crm_history_activity(PG_GETARG_DATUM(next + 1));
	CrmPurchaseView view;
	CrmRetained		result;

	crm_history_open(&view, PG_GETARG_DATUM(0));
	result = crm_purchase_retained(&view, activity, from, to, as_of);
	if (result == CRM_TOO_EARLY)
		PG_RETURN_NULL();
	PG_RETURN_BOOL(result == CRM_RETAINED);
}

static Datum
history_retained_on(FunctionCallInfo fcinfo, CrmTimeKind kind)
{
	int32 n = PG_GETARG_INT32(1);

	crm_history_check_days(n, n, "n", "n");
	return retained(fcinfo, kind, n, n, 2);
}

static Datum
history_retained_within(FunctionCallInfo fcinfo, CrmTimeKind kind)
{
	int32 n = PG_GETARG_INT32(1);

	crm_history_check_days(n, n, "n", "n");
	return retained(fcinfo, kind, 1, n, 2);
}

static Datum
history_retained_between(FunctionCallInfo fcinfo, CrmTimeKind kind)
{
	int32 from = PG_GETARG_INT32(1);
	int32 to = PG_GETARG_INT32(2);

	crm_history_check_days(from, to, "from_day", "to_day");
	return retained(fcinfo, kind, from, to, 3);
}

static Datum
history_retained_from(FunctionCallInfo fcinfo, CrmTimeKind kind)
{
	int32 n = PG_GETARG_INT32(1);

	crm_history_check_days(n, n, "n", "n");
	return retained(fcinfo, kind, n, CRM_NO_LIMIT, 2);
}

CRM_AS_OF_OVERLOADS(history_retained_on);
CRM_AS_OF_OVERLOADS(history_retained_within);
CRM_AS_OF_OVERLOADS(history_retained_between);
CRM_AS_OF_OVERLOADS(history_retained_from);

/* ---- RFM ---------------------------------------------------------------- */

/* so many months earlier, at the end of a shorter month; as timestamps have it */
static int64
months_before(CrmDay day, int32 months)
{
	int	  year, month, day_of_month;
	int64 number;

	j2date(day + POSTGRES_EPOCH_JDATE, &year, &month, &day_of_month);
	number = (int64) year * MONTHS_PER_YEAR + (month - 1) - months;
	/* no date lies so far back */
	if (number < -4800 * MONTHS_PER_YEAR)
		return CRM_NO_DAY;
	month = (int) ((number + 4800 * MONTHS_PER_YEAR) % MONTHS_PER_YEAR) + 1;
	year = (int) ((number - (month - 1)) / MONTHS_PER_YEAR);
	day_of_month = Min(day_of_month, day_tab[isleap(year)][month - 1]);
	return (int64) date2j(year, month, day_of_month) - POSTGRES_EPOCH_JDATE;
}

/* the last day before a window that ends on `day` */
static CrmDay
window_edge(const Interval *window, CrmDay day)
{
	int64 edge = day;

	if (window->time != 0 || window->day < 0 || window->month < 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("window must be a number of whole days or months"),
				 errhint("For example '365 days' or '1 year'; '0' for all "
						 "time.")));
	if (window->day == 0 && window->month == 0)
		return CRM_NO_DAY;
	if (window->month > 0)
		edge = months_before(day, window->month);
	return (CrmDay) Max(edge - window->day, (int64) CRM_NO_DAY);
}

/* (h, as_of [, window]) */
static Datum
history_rfm(FunctionCallInfo fcinfo, CrmTimeKind kind)
{
	CrmDay			as_of = crm_day_from_datum(PG_GETARG_DATUM(1), kind);
	CrmDay			edge = CRM_NO_DAY;
	TupleDesc		row;
	CrmPurchaseView view;
	CrmFacts		facts;
	int64_t			frequency;
	CrmMoney		monetary;
	Datum			values[3];
	bool			nulls[3] = {false};

	if (PG_NARGS() > 2)
		edge = window_edge(PG_GETARG_INTERVAL_P(2), as_of);
	crm_history_open(&view, PG_GETARG_DATUM(0));
	(void) crm_purchase_facts(&view, as_of, CRM_NO_DAY, false, &facts);
	if (facts.orders == 0)
		PG_RETURN_NULL();
	crm_purchase_window(&view, edge, as_of, &frequency, &monetary);
	row = crm_history_result_row(fcinfo);
	values[0] = Int32GetDatum(as_of - facts.last_order);
	values[1] = Int64GetDatum(frequency);
	values[2] = NumericGetDatum(crm_numeric_from_money(monetary));
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(row, values, nulls)));
}

CRM_AS_OF_OVERLOADS(history_rfm);

TupleDesc
crm_history_result_row(FunctionCallInfo fcinfo)
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
