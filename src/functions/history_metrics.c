/*
 * history_metrics.c
 *		The aggregates over histories: one row is one customer.
 *
 *		history --walk--> a few counts go up by one --> rate, curve, table
 *
 * Each has the name of the aggregate over the rows themselves and gives the
 * same; the customers are grouped already, so all that is kept are the counts
 * (history_totals.h).  as_of is one of three types or left out, which is
 * today; event ('order', 'visit', 'any') says what counts as being active.
 *
 * Invariant: a customer counts once in each count at most, and only if one of
 * its events is visible as of the day.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "fmgr.h"
#include "funcapi.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/date.h"
#include "utils/lsyscache.h"
#include "utils/typcache.h"

#include "compat.h"
#include "engine/rate.h"
#include "engine/returns.h"
#include "functions/history.h"
#include "functions/history_call.h"
#include "functions/history_totals.h"
#include "functions/localday.h"

#define DEFAULT_MAX_K 10
#define MAX_K 10000

PG_FUNCTION_INFO_V1(crm_histories_repurchase);
PG_FUNCTION_INFO_V1(crm_histories_funnel);
PG_FUNCTION_INFO_V1(crm_histories_interval);
PG_FUNCTION_INFO_V1(crm_histories_rate_final);
PG_FUNCTION_INFO_V1(crm_histories_stats_final);
PG_FUNCTION_INFO_V1(crm_histories_repurchase_final);
PG_FUNCTION_INFO_V1(crm_histories_repurchase_stats_final);
PG_FUNCTION_INFO_V1(crm_histories_curve_final);
PG_FUNCTION_INFO_V1(crm_histories_cohorts_final);
PG_FUNCTION_INFO_V1(crm_histories_returns_final);
PG_FUNCTION_INFO_V1(crm_histories_funnel_final);
PG_FUNCTION_INFO_V1(crm_histories_funnel_within_final);
PG_FUNCTION_INFO_V1(crm_histories_interval_final);
PG_FUNCTION_INFO_V1(crm_histories_interval_median_final);

static const CrmTotalsNames names_of_n = {{"n", "n", "as_of", "event"}};
static const CrmTotalsNames names_of_range = {
	{"from_day", "to_day", "as_of", "event"}};
static const CrmTotalsNames names_of_curve = {
	{"max_n", "max_n", "as_of", "event"}};
static const CrmTotalsNames names_of_cohorts = {
	{"unit", "unit", "as_of", "event"}};
static const CrmTotalsNames names_of_funnel = {
	{"max_k", "days", "as_of", "as_of"}};

/* ---- arguments ---------------------------------------------------------- */

static int32
int_argument(FunctionCallInfo fcinfo, int number, CrmTotalsParams *params)
{
	if (PG_ARGISNULL(number))
	{
		params->null = true;
		return 0;
	}
	return PG_GETARG_INT32(number);
}

/* as_of and event, from argument `number` on, so far as they are given */
static void
read_as_of(FunctionCallInfo fcinfo, int number, CrmTimeKind kind,
		   CrmTotalsParams *params)
{
	params->option |= CRM_ACTIVITY_ORDER;
	if (PG_NARGS() <= number)
		params->as_of = crm_today();
	else if (PG_ARGISNULL(number))
		params->null = true;
	else
		params->as_of = crm_day_from_datum(PG_GETARG_DATUM(number), kind);
	if (PG_NARGS() <= number + 1)
		return;
	if (PG_ARGISNULL(number + 1))
		params->null = true;
	else
		params->option |=
			(int32) crm_history_activity(PG_GETARG_DATUM(number + 1));
}

static void
check_max_n(int32 max_n)
{
	crm_history_check_days(max_n, max_n, "max_n", "max_n");
	if (max_n == 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("max_n must be at least 1"),
				 errdetail("The value is 0."),
				 errhint("Day n is counted from each active day; those of the "
						 "90 days before as_of are looked at.")));
}

/* ---- retained: rates ---------------------------------------------------- */

enum
{
	RETAINED,
	MATURE,
	RETAINED_COUNTS
};

static Datum
add_retained(FunctionCallInfo fcinfo, const CrmTotalsParams *params,
			 const CrmTotalsNames *names)
{
	CrmHistoryTotals totals =
		crm_totals_open(fcinfo, params, names, RETAINED_COUNTS);
	CrmPurchaseView view;
	CrmRetained		retained;

	if (!params->null)
	{
		crm_history_open(&view, PG_GETARG_DATUM(1));
		retained =
			crm_purchase_retained(&view, (CrmActivity) params->option,
								  params->from, params->to, params->as_of);
		totals.count[MATURE] += retained != CRM_TOO_EARLY;
		totals.count[RETAINED] += retained == CRM_RETAINED;
	}
	PG_RETURN_ARRAYTYPE_P(totals.array);
}

/* (state, h, n [, as_of [, event]]) */
static CrmTotalsParams
read_n(FunctionCallInfo fcinfo, CrmTimeKind kind)
{
	CrmTotalsParams params = {.metric = CRM_TOTALS_RETAINED};

	params.from = params.to = int_argument(fcinfo, 2, &params);
	if (!params.null)
		crm_history_check_days(params.from, params.to, "n", "n");
	read_as_of(fcinfo, 3, kind, &params);
	return params;
}

static Datum
histories_on(FunctionCallInfo fcinfo, CrmTimeKind kind)
{
	CrmTotalsParams params;

	if (PG_ARGISNULL(1))
		return crm_totals_same(fcinfo);
	params = read_n(fcinfo, kind);
	return add_retained(fcinfo, &params, &names_of_n);
}

static Datum
histories_within(FunctionCallInfo fcinfo, CrmTimeKind kind)
{
	CrmTotalsParams params;

	if (PG_ARGISNULL(1))
		return crm_totals_same(fcinfo);
	params = read_n(fcinfo, kind);
	params.from = 1;
	return add_retained(fcinfo, &params, &names_of_n);
}

static Datum
histories_from(FunctionCallInfo fcinfo, CrmTimeKind kind)
{
	CrmTotalsParams params;

	if (PG_ARGISNULL(1))
		return crm_totals_same(fcinfo);
	params = read_n(fcinfo, kind);
	params.to = CRM_NO_LIMIT;
	return add_retained(fcinfo, &params, &names_of_n);
}

/* (state, h, from_day, to_day [, as_of [, event]]) */
static Datum
histories_between(FunctionCallInfo fcinfo, CrmTimeKind kind)
{
	CrmTotalsParams params = {.metric = CRM_TOTALS_RETAINED};

	if (PG_ARGISNULL(1))
		return crm_totals_same(fcinfo);
	params.from = int_argument(fcinfo, 2, &params);
	params.to = int_argument(fcinfo, 3, &params);
	if (!params.null)
		crm_history_check_days(params.from, params.to, "from_day", "to_day");
	read_as_of(fcinfo, 4, kind, &params);
	return add_retained(fcinfo, &params, &names_of_range);
}

CRM_AS_OF_OVERLOADS(histories_on);
CRM_AS_OF_OVERLOADS(histories_within);
CRM_AS_OF_OVERLOADS(histories_from);
CRM_AS_OF_OVERLOADS(histories_between);

/* ---- the curve ---------------------------------------------------------- */

/*
 * customers | by the last day that is over, max_n at most: customers
 *           | by day n: active on it
 */
static inline int64
curve_counts(int32 max_n)
{
	return 1 + 2 * ((int64) max_n + 1);
}

static void
add_curve(int64 *count, const CrmPurchaseView *view,
		  const CrmTotalsParams *params)
{
	int64		 *last_over = count + 1;
	int64		 *active = last_over + params->to + 1;
	CrmActiveDays days;
	CrmDay		  first;
	CrmDay		  day;
	int64		  over;

	crm_active_days_start(&days, view, (CrmActivity) params->option,
						  params->as_of);
	if (!crm_active_days_next(&days, &first))
		return;
	count[0]++;
	over = (int64) params->as_of - first - 1;
	over = Min(over, params->to);
	if (over < 0)
		return;
	last_over[over]++;
	day = first;
	do
		if ((int64) day - first <= over)
			active[day - first]++;
		else
			break;
	while (crm_active_days_next(&days, &day));
}

/* (state, h, max_n [, as_of [, event]]) */
static Datum
histories_curve(FunctionCallInfo fcinfo, CrmTimeKind kind)
{
	CrmTotalsParams	 params = {.metric = CRM_TOTALS_CURVE};
	CrmHistoryTotals totals;
	CrmPurchaseView	 view;

	if (PG_ARGISNULL(1))
		return crm_totals_same(fcinfo);
	params.to = int_argument(fcinfo, 2, &params);
	if (!params.null)
		crm_history_check_days(params.to, params.to, "max_n", "max_n");
	read_as_of(fcinfo, 3, kind, &params);
	totals = crm_totals_open(fcinfo, &params, &names_of_curve,
							 params.null ? 0 : curve_counts(params.to));
	if (!params.null)
	{
		crm_history_open(&view, PG_GETARG_DATUM(1));
		add_curve(totals.count, &view, &params);
	}
	PG_RETURN_ARRAYTYPE_P(totals.array);
}

CRM_AS_OF_OVERLOADS(histories_curve);

/* ---- the return curve --------------------------------------------------- */

/* customers | by the last n it is eligible for: days | by n: pairs of days */
#define RETURN_COUNTS (1 + 2 * CRM_RETURN_DAYS)

/* (state, h, max_n [, as_of [, event]]) */
static Datum
histories_returns(FunctionCallInfo fcinfo, CrmTimeKind kind)
{
	CrmTotalsParams	 params = {.metric = CRM_TOTALS_RETURNS};
	CrmHistoryTotals totals;
	CrmPurchaseView	 view;
	CrmReturnMap	 map = {0};
	CrmActiveDays	 days;
	CrmDay			 day;
	bool			 known = false;

	if (PG_ARGISNULL(1))
		return crm_totals_same(fcinfo);
	params.to = int_argument(fcinfo, 2, &params);
	if (!params.null)
		check_max_n(params.to);
	read_as_of(fcinfo, 3, kind, &params);
	totals = crm_totals_open(fcinfo, &params, &names_of_curve, RETURN_COUNTS);
	if (!params.null)
	{
		crm_history_open(&view, PG_GETARG_DATUM(1));
		crm_active_days_start(&days, &view, (CrmActivity) params.option,
							  params.as_of);
		for (; crm_active_days_next(&days, &day); known = true)
			crm_return_map_add(&map, params.as_of, day);
		totals.count[0] += known;
		crm_return_map_count(&map, totals.count + 1,
							 totals.count + 1 + CRM_RETURN_DAYS);
	}
	PG_RETURN_ARRAYTYPE_P(totals.array);
}

CRM_AS_OF_OVERLOADS(histories_returns);

/* ---- cohorts ------------------------------------------------------------ */

/*
 * A triangle: cohorts by their age in periods at as_of, each with the periods
 * since, 0 to its age.  An older cohort only makes it longer.
 *
 *		age 0: 0 | age 1: 0 1 | age 2: 0 1 2 | ...
 */
static inline int64
cohort_cells(int64 ages)
{
	return ages * (ages + 1) / 2;
}

/* option: activity in the low two bits, unit above */
#define UNIT_SHIFT 2
#define ACTIVITY_MASK 3

static void
add_cohort(CrmHistoryTotals *totals, const CrmPurchaseView *view,
		   const CrmTotalsParams *params)
{
	CrmUnit		  unit = (CrmUnit) (params->option >> UNIT_SHIFT);
	int64		  now = crm_period_index(params->as_of, unit);
	int64		  cohort;
	int64		  age;
	int64		  before = -1;
	int64		  cells;
	CrmActiveDays days;
	CrmDay		  day;

	crm_active_days_start(&days, view,
						  (CrmActivity) (params->option & ACTIVITY_MASK),
						  params->as_of);
	if (!crm_active_days_next(&days, &day))
		return;
	cohort = crm_period_index(day, unit);
	age = now - cohort;
	cells = cohort_cells(age + 1);
	/* some more than needed, as older ones are likely to come */
	if (cells > totals->counts)
		crm_totals_grow(totals, cohort_cells(age + 1 + age / 8));
	do
	{
		int64 period = crm_period_index(day, unit) - cohort;

		if (period != before)
			totals->count[cohort_cells(age) + period]++;
		before = period;
	} while (crm_active_days_next(&days, &day));
}

static int32
read_unit(FunctionCallInfo fcinfo, CrmTotalsParams *params)
{
	CrmUnit unit;
	char   *name;

	if (PG_ARGISNULL(2))
	{
		params->null = true;
		return 0;
	}
	name = text_to_cstring(PG_GETARG_TEXT_PP(2));
	if (!crm_unit_from_name(name, &unit))
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("unknown unit \"%s\"", name),
						errhint("It is day, week, month, quarter or year.")));
	return (int32) unit << UNIT_SHIFT;
}

/* (state, h, unit [, as_of [, event]]) */
static Datum
histories_cohorts(FunctionCallInfo fcinfo, CrmTimeKind kind)
{
	CrmTotalsParams	 params = {.metric = CRM_TOTALS_COHORTS};
	CrmHistoryTotals totals;
	CrmPurchaseView	 view;

	if (PG_ARGISNULL(1))
		return crm_totals_same(fcinfo);
	params.option = read_unit(fcinfo, &params);
	params.from = params.to = params.option >> UNIT_SHIFT;
	read_as_of(fcinfo, 3, kind, &params);
	totals = crm_totals_open(fcinfo, &params, &names_of_cohorts, 0);
	if (!params.null)
	{
		crm_history_open(&view, PG_GETARG_DATUM(1));
		add_cohort(&totals, &view, &params);
	}
	PG_RETURN_ARRAYTYPE_P(totals.array);
}

CRM_AS_OF_OVERLOADS(histories_cohorts);

/* ---- repurchase --------------------------------------------------------- */

/* (state, h [, from_day, to_day]): dates */
Datum
crm_histories_repurchase(PG_FUNCTION_ARGS)
{
	CrmTotalsParams	 params = {.metric = CRM_TOTALS_REPURCHASE,
							   .from = CRM_NO_DAY,
							   .to = CRM_LAST_DAY};
	CrmHistoryTotals totals;
	CrmPurchaseView	 view;
	CrmOrderCursor	 orders;
	int64			 count = 0;

	if (PG_ARGISNULL(1))
		return crm_totals_same(fcinfo);
	if (PG_NARGS() > 2)
	{
		params.null = PG_ARGISNULL(2) || PG_ARGISNULL(3);
		params.from = params.null ? 0 : crm_day_from_date(PG_GETARG_DATEADT(2));
		params.to = params.null ? 0 : crm_day_from_date(PG_GETARG_DATEADT(3));
		if (params.from > params.to)
			ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
							errmsg("from_day must not be later than to_day"),
							errhint("Both days belong to the range.")));
	}
	totals = crm_totals_open(fcinfo, &params, &names_of_range, RETAINED_COUNTS);
	if (!params.null)
	{
		crm_history_open(&view, PG_GETARG_DATUM(1));
		crm_orders_start(&orders, &view, false);
		while (count < 2 && crm_orders_next(&orders) && orders.day <= params.to)
			count += orders.day >= params.from && !orders.refund;
		totals.count[MATURE] += count > 0;
		totals.count[RETAINED] += count > 1;
	}
	PG_RETURN_ARRAYTYPE_P(totals.array);
}

/* ---- the funnel --------------------------------------------------------- */

static int32
read_max_k(FunctionCallInfo fcinfo, CrmTotalsParams *params)
{
	int32 max_k = int_argument(fcinfo, 2, params);

	if (!params->null && (max_k < 1 || max_k > MAX_K))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("max_k must be between 1 and %d", MAX_K),
				 errdetail("The value is %d.", max_k),
				 errhint("Step k goes from the k-th order to the next.")));
	return max_k;
}

/*
 * (state, h [, max_k]).  Counts: customers by their number of orders, max_k + 1
 * at most.
 */
Datum
crm_histories_funnel(PG_FUNCTION_ARGS)
{
	CrmTotalsParams	 params = {.metric = CRM_TOTALS_FUNNEL,
							   .from = DEFAULT_MAX_K};
	CrmHistoryTotals totals;
	CrmPurchaseView	 view;
	CrmFacts		 facts;

	if (PG_ARGISNULL(1))
		return crm_totals_same(fcinfo);
	if (PG_NARGS() > 2)
		params.from = read_max_k(fcinfo, &params);
	totals = crm_totals_open(fcinfo, &params, &names_of_funnel,
							 (int64) params.from + 2);
	if (!params.null)
	{
		crm_history_open(&view, PG_GETARG_DATUM(1));
		(void) crm_purchase_facts(&view, CRM_LAST_DAY, CRM_NO_DAY, false,
								  &facts);
		totals.count[Min(facts.orders, (int64) params.from + 1)]++;
	}
	PG_RETURN_ARRAYTYPE_P(totals.array);
}

/* customers | k: reached, converted */
static void
add_funnel_within(int64 *count, const CrmPurchaseView *view,
				  const CrmTotalsParams *params)
{
	CrmActiveDays days;
	CrmDay		  day;
	CrmDay		  next;
	bool		  more;

	crm_active_days_start(&days, view, CRM_ACTIVITY_ORDER, params->as_of);
	if (!crm_active_days_next(&days, &day))
		return;
	count[0]++;
	for (int32 k = 0; k < params->from; k++, day = next)
	{
		/* of later days even less is over */
		if ((int64) day + params->to >= params->as_of)
			return;
		more = crm_active_days_next(&days, &next);
		count[1 + 2 * k]++;
		count[2 + 2 * k] += more && (int64) next - day <= params->to;
		if (!more)
			return;
	}
}

/* (state, h, max_k, days [, as_of]) */
static Datum
histories_funnel_within(FunctionCallInfo fcinfo, CrmTimeKind kind)
{
	CrmTotalsParams	 params = {.metric = CRM_TOTALS_FUNNEL_WITHIN};
	CrmHistoryTotals totals;
	CrmPurchaseView	 view;

	if (PG_ARGISNULL(1))
		return crm_totals_same(fcinfo);
	params.from = read_max_k(fcinfo, &params);
	params.to = int_argument(fcinfo, 3, &params);
	if (!params.null)
		crm_history_check_days(params.to, params.to, "days", "days");
	read_as_of(fcinfo, 4, kind, &params);
	totals = crm_totals_open(fcinfo, &params, &names_of_funnel,
							 1 + 2 * (int64) params.from);
	if (!params.null)
	{
		crm_history_open(&view, PG_GETARG_DATUM(1));
		add_funnel_within(totals.count, &view, &params);
	}
	PG_RETURN_ARRAYTYPE_P(totals.array);
}

CRM_AS_OF_OVERLOADS(histories_funnel_within);

/* ---- the interval ------------------------------------------------------- */

/* (state, h).  Counts: gaps by their length in days. */
Datum
crm_histories_interval(PG_FUNCTION_ARGS)
{
	CrmTotalsParams	 params = {.metric = CRM_TOTALS_INTERVAL};
	CrmHistoryTotals totals;
	CrmPurchaseView	 view;
	CrmActiveDays	 days;
	CrmDay			 before;
	CrmDay			 day;

	if (PG_ARGISNULL(1))
		return crm_totals_same(fcinfo);
	totals = crm_totals_open(fcinfo, &params, &names_of_n, 0);
	crm_history_open(&view, PG_GETARG_DATUM(1));
	crm_active_days_start(&days, &view, CRM_ACTIVITY_ORDER, CRM_LAST_DAY);
	if (crm_active_days_next(&days, &before))
	{
		for (; crm_active_days_next(&days, &day); before = day)
		{
			int64 gap = (int64) day - before;

			if (gap >= totals.counts)
				crm_totals_grow(&totals, gap + 1 + gap / 8);
			totals.count[gap]++;
		}
	}
	PG_RETURN_ARRAYTYPE_P(totals.array);
}

/* ---- results: rates ----------------------------------------------------- */

/* false: a parameter is NULL, and so is the result */
static bool
final_rate(FunctionCallInfo fcinfo, CrmTotalsMetric metric, CrmRate *rate)
{
	CrmTotalsParams	 params;
	CrmHistoryTotals totals;

	*rate = crm_rate(0, 0);
	if (!crm_totals_read(fcinfo, metric, &params, &totals))
		return true;
	if (params.null)
		return false;
	crm_totals_require(&totals, RETAINED_COUNTS);
	*rate = crm_rate(totals.count[RETAINED], totals.count[MATURE]);
	return true;
}

static Datum
rate_result(FunctionCallInfo fcinfo, CrmTotalsMetric metric)
{
	CrmRate rate;

	if (!final_rate(fcinfo, metric, &rate) || rate.denominator == 0)
		PG_RETURN_NULL();
	PG_RETURN_FLOAT8(rate.rate);
}

static Datum
stats_result(FunctionCallInfo fcinfo, CrmTotalsMetric metric)
{
	CrmRate rate;
	Datum	values[5];
	bool	nulls[5] = {false};

	if (!final_rate(fcinfo, metric, &rate))
		PG_RETURN_NULL();
	values[0] = Int64GetDatum(rate.numerator);
	values[1] = Int64GetDatum(rate.denominator);
	values[2] = Float8GetDatum(rate.rate);
	values[3] = Float8GetDatum(rate.lower);
	values[4] = Float8GetDatum(rate.upper);
	nulls[2] = nulls[3] = nulls[4] = rate.denominator == 0;
	PG_RETURN_DATUM(HeapTupleGetDatum(
		heap_form_tuple(crm_history_result_row(fcinfo), values, nulls)));
}

Datum
crm_histories_rate_final(PG_FUNCTION_ARGS)
{
	return rate_result(fcinfo, CRM_TOTALS_RETAINED);
}

Datum
crm_histories_stats_final(PG_FUNCTION_ARGS)
{
	return stats_result(fcinfo, CRM_TOTALS_RETAINED);
}

Datum
crm_histories_repurchase_final(PG_FUNCTION_ARGS)
{
	return rate_result(fcinfo, CRM_TOTALS_REPURCHASE);
}

Datum
crm_histories_repurchase_stats_final(PG_FUNCTION_ARGS)
{
	return stats_result(fcinfo, CRM_TOTALS_REPURCHASE);
}

/* ---- results: arrays of rows -------------------------------------------- */

typedef struct Rows
{
	Oid		  type; /* of a row */
	TupleDesc row;
	Datum	 *rows;
	int64	  count;
} Rows;

static void
rows_start(Rows *rows, FunctionCallInfo fcinfo, int64 space)
{
	if (space > MaxAllocSize / (int64) sizeof(Datum))
		ereport(ERROR, (errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
						errmsg("the result has too many rows"),
						errhint("Take a longer unit, or an as_of that is "
								"nearer to the first events.")));
	rows->type = get_element_type(get_func_rettype(fcinfo->flinfo->fn_oid));
	rows->row = lookup_rowtype_tupdesc_copy(rows->type, -1);
	rows->rows = palloc(Max(space, 1) * sizeof(Datum));
	rows->count = 0;
}

static void
rows_add(Rows *rows, Datum *values, bool *nulls)
{
	rows->rows[rows->count++] =
		HeapTupleGetDatum(heap_form_tuple(rows->row, values, nulls));
}

static Datum
rows_result(Rows *rows)
{
	return PointerGetDatum(construct_array(
		rows->rows, (int) rows->count, rows->type, -1, false, TYPALIGN_DOUBLE));
}

/* no visible customer, or a NULL parameter: NULL */
Datum
crm_histories_curve_final(PG_FUNCTION_ARGS)
{
	CrmTotalsParams	 params;
	CrmHistoryTotals totals;
	const int64		*last_over;
	int64			*eligible;
	Rows			 rows;

	if (!crm_totals_read(fcinfo, CRM_TOTALS_CURVE, &params, &totals) ||
		params.null)
		PG_RETURN_NULL();
	crm_history_check_days(params.to, params.to, "max_n", "max_n");
	crm_totals_require(&totals, curve_counts(params.to));
	if (totals.count[0] == 0)
		PG_RETURN_NULL();
	last_over = totals.count + 1;
	eligible = palloc0((params.to + 2) * sizeof(int64));
	for (int n = params.to; n >= 0; n--)
		eligible[n] = eligible[n + 1] + last_over[n];
	rows_start(&rows, fcinfo, params.to + 1);
	for (int n = 0; n <= params.to; n++)
	{
		int64 active = last_over[params.to + 1 + n];
		Datum values[] = {Int32GetDatum(n), Int64GetDatum(eligible[n]),
						  Int64GetDatum(active),
						  Float8GetDatum((double) active / eligible[n])};
		bool  nulls[] = {false, false, false, eligible[n] == 0};

		rows_add(&rows, values, nulls);
	}
	return rows_result(&rows);
}

/* n = 1 .. max_n; NULL as the curve's */
Datum
crm_histories_returns_final(PG_FUNCTION_ARGS)
{
	CrmTotalsParams	 params;
	CrmHistoryTotals totals;
	const int64		*last;
	const int64		*returned;
	int64			 eligible = 0;
	Rows			 rows;

	if (!crm_totals_read(fcinfo, CRM_TOTALS_RETURNS, &params, &totals) ||
		params.null)
		PG_RETURN_NULL();
	check_max_n(params.to);
	crm_totals_require(&totals, RETURN_COUNTS);
	if (totals.count[0] == 0)
		PG_RETURN_NULL();
	last = totals.count + 1;
	returned = last + CRM_RETURN_DAYS;
	for (int n = 1; n < CRM_RETURN_DAYS; n++)
		eligible += last[n];
	rows_start(&rows, fcinfo, params.to);
	for (int n = 1; n <= params.to; n++)
	{
		int64 back = n < CRM_RETURN_DAYS ? returned[n] : 0;
		Datum values[] = {Int32GetDatum(n), Int64GetDatum(eligible),
						  Int64GetDatum(back),
						  Float8GetDatum((double) back / eligible)};
		bool  nulls[] = {false, false, false, eligible == 0};

		rows_add(&rows, values, nulls);
		eligible -= n < CRM_RETURN_DAYS ? last[n] : 0;
	}
	return rows_result(&rows);
}

/* one cohort's row of the table */
static void
add_cohort_rows(Rows *rows, const int64 *cells, int64 age, int32 now,
				CrmUnit unit)
{
	for (int64 period = 0; period <= age; period++)
	{
		Datum values[] = {
			DateADTGetDatum(crm_period_from_index((int32) (now - age), unit)),
			Int32GetDatum((int32) period), Int64GetDatum(cells[0]),
			Int64GetDatum(cells[period]),
			Float8GetDatum((double) cells[period] / cells[0])};
		/* the period of as_of itself is not over */
		bool nulls[] = {false, false, false, false, period == age};

		rows_add(rows, values, nulls);
	}
}

Datum
crm_histories_cohorts_final(PG_FUNCTION_ARGS)
{
	CrmTotalsParams	 params;
	CrmHistoryTotals totals;
	CrmUnit			 unit;
	int32			 now;
	int64			 ages = 0;
	int64			 space = 0;
	Rows			 rows;

	if (!crm_totals_read(fcinfo, CRM_TOTALS_COHORTS, &params, &totals) ||
		params.null)
		PG_RETURN_NULL();
	unit = (CrmUnit) (params.option >> UNIT_SHIFT);
	crm_totals_require(&totals, unit <= CRM_UNIT_YEAR ? 0 : -1);
	for (; cohort_cells(ages + 1) <= totals.counts; ages++)
		if (totals.count[cohort_cells(ages)] > 0)
			space += ages + 1;
	if (space == 0)
		PG_RETURN_NULL();
	now = crm_period_index(params.as_of, unit);
	rows_start(&rows, fcinfo, space);
	while (ages-- > 0)
	{
		const int64 *cells = totals.count + cohort_cells(ages);

		if (cells[0] > 0)
			add_cohort_rows(&rows, cells, ages, now, unit);
	}
	return rows_result(&rows);
}

/* reached and converted of steps 1 .. max_k */
static Datum
funnel_result(FunctionCallInfo fcinfo, const int64 *step, int32 max_k)
{
	int32 gap = -1;
	Rows  rows;

	/* the lowest rate: a/b < c/d without rounding */
	for (int32 k = 0; k < max_k; k++)
		if (step[2 * k] > 0 &&
			(gap < 0 || (crm_i128) step[2 * k + 1] * step[2 * gap] <
							(crm_i128) step[2 * gap + 1] * step[2 * k]))
			gap = k;
	rows_start(&rows, fcinfo, max_k);
	for (int32 k = 0; k < max_k; k++)
	{
		int64 reached = step[2 * k];
		int64 converted = step[2 * k + 1];
		Datum values[] = {Int32GetDatum(k + 1), Int64GetDatum(reached),
						  Int64GetDatum(converted),
						  Float8GetDatum((double) converted / reached),
						  BoolGetDatum(k == gap)};
		bool  nulls[] = {false, false, false, reached == 0, false};

		rows_add(&rows, values, nulls);
	}
	return rows_result(&rows);
}

/* the steps, or NULL */
static const int64 *
read_funnel(FunctionCallInfo fcinfo, CrmTotalsMetric metric,
			CrmTotalsParams *params, CrmHistoryTotals *totals)
{
	bool within = metric == CRM_TOTALS_FUNNEL_WITHIN;

	if (!crm_totals_read(fcinfo, metric, params, totals) || params->null)
		return NULL;
	crm_totals_require(totals, params->from < 1 || params->from > MAX_K ? -1
							   : within ? 1 + 2 * (int64) params->from
										: (int64) params->from + 2);
	return totals->count;
}

Datum
crm_histories_funnel_final(PG_FUNCTION_ARGS)
{
	CrmTotalsParams	 params;
	CrmHistoryTotals totals;
	const int64		*count =
		read_funnel(fcinfo, CRM_TOTALS_FUNNEL, &params, &totals);
	int64 *step;
	int64  reached;

	if (count == NULL)
		PG_RETURN_NULL();
	step = palloc(2 * params.from * sizeof(int64));
	reached = count[params.from + 1];
	for (int32 k = params.from - 1; k >= 0; k--)
	{
		step[2 * k + 1] = reached;
		reached += count[k + 1];
		step[2 * k] = reached;
	}
	if (reached == 0)
		PG_RETURN_NULL();
	return funnel_result(fcinfo, step, params.from);
}

Datum
crm_histories_funnel_within_final(PG_FUNCTION_ARGS)
{
	CrmTotalsParams	 params;
	CrmHistoryTotals totals;
	const int64		*count =
		read_funnel(fcinfo, CRM_TOTALS_FUNNEL_WITHIN, &params, &totals);

	if (count == NULL || count[0] == 0)
		PG_RETURN_NULL();
	return funnel_result(fcinfo, count + 1, params.from);
}

/* ---- results: the interval ---------------------------------------------- */

/* the number of gaps; 0 without a state */
static int64
read_gaps(FunctionCallInfo fcinfo, CrmHistoryTotals *totals)
{
	CrmTotalsParams params;
	int64			gaps = 0;

	if (!crm_totals_read(fcinfo, CRM_TOTALS_INTERVAL, &params, totals))
		return 0;
	for (int64 i = 0; i < totals->counts; i++)
		gaps += totals->count[i];
	return gaps;
}

Datum
crm_histories_interval_final(PG_FUNCTION_ARGS)
{
	CrmHistoryTotals totals;
	int64			 gaps = read_gaps(fcinfo, &totals);
	int64			 days = 0;

	if (gaps <= 0)
		PG_RETURN_NULL();
	for (int64 i = 0; i < totals.counts; i++)
		days += i * totals.count[i];
	PG_RETURN_FLOAT8((double) days / gaps);
}

/* the gap of that place in the order of all, from 0 */
static double
gap_at(const CrmHistoryTotals *totals, int64 place)
{
	int64 gap = 0;

	while (gap < totals->counts - 1 && place >= totals->count[gap])
		place -= totals->count[gap++];
	return (double) gap;
}

Datum
crm_histories_interval_median_final(PG_FUNCTION_ARGS)
{
	CrmHistoryTotals totals;
	int64			 gaps = read_gaps(fcinfo, &totals);

	if (gaps <= 0)
		PG_RETURN_NULL();
	PG_RETURN_FLOAT8(
		(gap_at(&totals, (gaps - 1) / 2) + gap_at(&totals, gaps / 2)) / 2);
}
