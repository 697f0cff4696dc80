/*
 * model_agg.c
 *		lifecycle_stage as an aggregate over the raw rows of one customer.
 *
 *		row -> visible at as_of? -> order or refund -> facts -> stage
 *
 * The state is the customer's facts, of constant size; only a model that reads
 * order_days makes it keep the set of days, and one with windows what lies on
 * each day of the largest:
 *
 *		days, tallies:  | sorted, distinct | as they came |
 *		                0               distinct        count
 *
 * Parameters belong to the group: the first row sets them, every other must
 * agree.  Models are compiled once per call site, however many groups there
 * are.
 *
 * Invariant: the state does not depend on the order of the rows, and combining
 * two states is adding the rows of both.
 */
#include "postgres.h"

#include "fmgr.h"
#include "lib/stringinfo.h"
#include "libpq/pqformat.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/memutils.h"

#include "compat.h"
#include "functions/agg_part.h"
#include "functions/localday.h"
#include "functions/model_shipped.h"
#include "functions/model_type.h"
#include "functions/numeric_money.h"

PG_FUNCTION_INFO_V1(crm_stage_accum_date);
PG_FUNCTION_INFO_V1(crm_stage_accum_timestamp);
PG_FUNCTION_INFO_V1(crm_stage_accum_timestamptz);
PG_FUNCTION_INFO_V1(crm_stage_combine);
PG_FUNCTION_INFO_V1(crm_stage_serial);
PG_FUNCTION_INFO_V1(crm_stage_deserial);
PG_FUNCTION_INFO_V1(crm_stage_final);

#define DEFAULT_MODEL "recency"
#define WIRE_VERSION 1

#define SUPPLIED                                                             \
	(CRM_FACT_BIT(CRM_FACT_ORDERS) | CRM_FACT_BIT(CRM_FACT_ORDER_DAYS) |     \
	 CRM_FACT_BIT(CRM_FACT_REVENUE) | CRM_FACT_BIT(CRM_FACT_AVERAGE_ORDER) | \
	 CRM_FACT_BIT(CRM_FACT_DAYS_SINCE_ORDER) |                               \
	 CRM_FACT_BIT(CRM_FACT_DAYS_SINCE_FIRST_ORDER) |                         \
	 CRM_FACT_BIT(CRM_FACT_ORDERS_IN) | CRM_FACT_BIT(CRM_FACT_REVENUE_IN))

/* a compiled model, kept for the whole query */
typedef struct KnownModel
{
	struct KnownModel *next;
	text			  *value; /* NULL: the default */
	CrmModel		  *model;
	bool			   reads_money;
	bool			   reads_days;
	bool			   reads_windows;
	int64			   window; /* days of the largest */
} KnownModel;

/* all of a call site */
typedef struct KnownModels
{
	KnownModel		 *first;
	const KnownModel *last; /* of the row before; its value is `seen` */
	CrmModelSeen	  seen;
} KnownModels;

/* what lies on a day */
typedef struct Tally
{
	CrmDay	 day;
	int64	 orders;
	CrmMoney revenue;
} Tally;

typedef struct StageState
{
	const KnownModel *known; /* NULL: the parameter is NULL */
	CrmDay			  as_of; /* CRM_NO_DAY: the parameter is NULL */
	bool			  seen;	 /* a visible row */
	int64			  orders;
	CrmMoney		  revenue;
	CrmDay			  first_order;
	CrmDay			  last_order;
	CrmDay			 *days;
	int				  distinct;
	int				  count;
	int				  space;
	Tally			 *tallies;
	int				  tally_distinct;
	int				  tally_count;
	int				  tally_space;
} StageState;

/* the parameters of a row */
typedef struct Parameters
{
	const KnownModel *known;
	CrmDay			  as_of;
} Parameters;

/* ---- models ---- */

static bool
is_value(const KnownModel *known, const text *value)
{
	if (value == NULL || known->value == NULL)
		return value == known->value;
	return VARSIZE_ANY_EXHDR(value) == VARSIZE_ANY_EXHDR(known->value) &&
		   memcmp(VARDATA_ANY(value), VARDATA_ANY(known->value),
				  VARSIZE_ANY_EXHDR(value)) == 0;
}

static KnownModel *
compile_model(const text *value)
{
	KnownModel *known = palloc0(sizeof(KnownModel));
	unsigned	reads;

	if (value)
		known->value = cstring_to_text_with_len(VARDATA_ANY(value),
												(int) VARSIZE_ANY_EXHDR(value));
	known->model = crm_model_from_datum(
		value ? PointerGetDatum(known->value)
			  : crm_model_datum(crm_shipped_model(DEFAULT_MODEL)->text));
	crm_model_require(known->model, SUPPLIED, "the aggregate over orders",
					  "Use lifecycle_stage(orders, revenue, last_order, as_of, "
					  "model, ...) with last_visit and registered, or a stage "
					  "table.");
	reads = crm_model_facts(known->model);
	known->reads_days = (reads & CRM_FACT_BIT(CRM_FACT_ORDER_DAYS)) != 0;
	known->reads_money = (reads & (CRM_FACT_BIT(CRM_FACT_REVENUE) |
								   CRM_FACT_BIT(CRM_FACT_AVERAGE_ORDER) |
								   CRM_FACT_BIT(CRM_FACT_REVENUE_IN))) != 0;
	known->reads_windows = (reads & CRM_FACT_WINDOWS) != 0;
	known->window = crm_model_window(known->model);
	return known;
}

static KnownModels *
known_models(FmgrInfo *flinfo)
{
	if (flinfo->fn_extra == NULL)
		flinfo->fn_extra =
			MemoryContextAllocZero(flinfo->fn_mcxt, sizeof(KnownModels));
	return flinfo->fn_extra;
}

/* value NULL: the default model */
static const KnownModel *
known_model(FmgrInfo *flinfo, const text *value)
{
	KnownModels	 *models = known_models(flinfo);
	KnownModel	 *known;
	MemoryContext old;

	for (known = models->first; known != NULL; known = known->next)
		if (is_value(known, value))
			return known;
	old = MemoryContextSwitchTo(flinfo->fn_mcxt);
	known = compile_model(value);
	MemoryContextSwitchTo(old);
	known->next = models->first;
	models->first = known;
	return known;
}

/* the same for the value of a row, which mostly is that of the row before */
static inline const KnownModel *
known_value(FmgrInfo *flinfo, Datum value)
{
	KnownModels *models = known_models(flinfo);
	text		*read;

	if (models->last != NULL && (crm_model_seen(&models->seen, value) ||
								 crm_model_seen_stored(&models->seen, value)))
		return models->last;
	models->last = NULL;
	read = DatumGetTextPP(value);
	crm_model_see(&models->seen, flinfo->fn_mcxt, value);
	models->last = known_model(flinfo, read);
	if (PointerGetDatum(read) != value)
		pfree(read);
	return models->last;
}

/* by value, where two call sites have compiled it */
static bool
same_model(const KnownModel *a, const KnownModel *b)
{
	if (a == b || a == NULL || b == NULL)
		return a == b;
	return is_value(a, b->value);
}

/* ---- rows ---- */

static void
read_parameters(FunctionCallInfo fcinfo, CrmTimeKind kind, Parameters *given)
{
	if (PG_NARGS() <= 3)
		given->as_of = crm_today();
	else if (PG_ARGISNULL(3))
		given->as_of = CRM_NO_DAY;
	else
		given->as_of = crm_day_from_datum(PG_GETARG_DATUM(3), kind);
	if (PG_NARGS() <= 4)
		given->known = known_model(fcinfo->flinfo, NULL);
	else if (PG_ARGISNULL(4))
		given->known = NULL;
	else
		given->known = known_value(fcinfo->flinfo, PG_GETARG_DATUM(4));
}

static StageState *
new_state(MemoryContext context, const Parameters *given)
{
	StageState *state = MemoryContextAllocZero(context, sizeof(StageState));

	state->known = given->known;
	state->as_of = given->as_of;
	state->revenue = crm_money_from_int64(0);
	state->first_order = CRM_NO_DAY;
	state->last_order = CRM_NO_DAY;
	return state;
}

static pg_noinline void
parameters_differ(const char *name)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("%s of lifecycle_stage differs between the rows of a group",
					name),
			 errhint("It must be the same in all rows: a constant, or a column "
					 "that is grouped by.")));
}

static int
compare_days(const void *a, const void *b)
{
	CrmDay x = *(const CrmDay *) a;
	CrmDay y = *(const CrmDay *) b;

	return (x > y) - (x < y);
}

/* sort the days, each once */
static void
settle_days(StageState *state)
{
	int distinct = 0;

	if (state->distinct == state->count)
		return;
	qsort(state->days, state->count, sizeof(CrmDay), compare_days);
	for (int i = 0; i < state->count; i++)
		if (distinct == 0 || state->days[i] != state->days[distinct - 1])
			state->days[distinct++] = state->days[i];
	state->distinct = state->count = distinct;
}

static void
add_day(StageState *state, CrmDay day)
{
	if (state->count > 0 && state->days[state->count - 1] == day)
		return;
	if (state->count == state->space)
	{
		settle_days(state);
		/* grow when settling freed less than half */
		if (state->space == 0 || state->count > state->space / 2)
		{
			state->space = state->space == 0 ? 8 : state->space * 2;
			state->days =
				crm_realloc(state->days, state->space * sizeof(CrmDay));
		}
	}
	state->days[state->count++] = day;
	if (state->distinct == state->count - 1 &&
		(state->count == 1 || state->days[state->count - 2] < day))
		state->distinct = state->count;
}

static int
compare_tallies(const void *a, const void *b)
{
	CrmDay x = ((const Tally *) a)->day;
	CrmDay y = ((const Tally *) b)->day;

	return (x > y) - (x < y);
}

/* sort the tallies, one for each day */
static void
settle_tallies(StageState *state)
{
	Tally *tallies = state->tallies;
	int	   distinct = 0;

	if (state->tally_distinct == state->tally_count)
		return;
	qsort(tallies, state->tally_count, sizeof(Tally), compare_tallies);
	for (int i = 0; i < state->tally_count; i++)
	{
		Tally *last = &tallies[Max(distinct - 1, 0)];

		if (distinct > 0 && last->day == tallies[i].day)
		{
			last->orders += tallies[i].orders;
			last->revenue = crm_money_add(last->revenue, tallies[i].revenue);
		}
		else
			tallies[distinct++] = tallies[i];
	}
	state->tally_distinct = state->tally_count = distinct;
}

static void
add_tally(StageState *state, const Tally *tally)
{
	if (state->tally_count == state->tally_space)
	{
		settle_tallies(state);
		/* grow when settling freed less than half */
		if (state->tally_space == 0 ||
			state->tally_count > state->tally_space / 2)
		{
			state->tally_space =
				state->tally_space == 0 ? 8 : state->tally_space * 2;
			state->tallies =
				crm_realloc(state->tallies, state->tally_space * sizeof(Tally));
		}
	}
	state->tallies[state->tally_count++] = *tally;
}

static void
tally_row(StageState *state, CrmDay day, bool order, CrmMoney revenue)
{
	Tally tally = {.day = day, .orders = order, .revenue = revenue};

	if (day > state->as_of - state->known->window)
		add_tally(state, &tally);
}

static void
add_row(StageState *state, CrmDay day, bool has_amount, Datum amount)
{
	const KnownModel *known = state->known;
	CrmMoney		  money = crm_money_from_int64(0);
	bool			  refund = false;

	state->seen = true;
	if (has_amount)
	{
		refund = crm_numeric_datum_sign(amount) < 0;
		if (known->reads_money)
		{
			money = crm_money_from_numeric_datum(amount);
			crm_money_accumulate(&state->revenue, money);
		}
	}
	if (known->reads_windows)
		tally_row(state, day, !refund, money);
	/* a refund is no order */
	if (refund)
		return;
	state->orders++;
	if (state->first_order == CRM_NO_DAY || day < state->first_order)
		state->first_order = day;
	if (day > state->last_order)
		state->last_order = day;
	if (known->reads_days)
		add_day(state, day);
}

static Datum
accumulate(FunctionCallInfo fcinfo, CrmTimeKind kind)
{
	StageState *state =
		PG_ARGISNULL(0) ? NULL : (StageState *) PG_GETARG_POINTER(0);
	MemoryContext context = crm_aggregate_context(fcinfo);
	MemoryContext old;
	Parameters	  given;
	CrmDay		  day;

	if (PG_ARGISNULL(1))
	{
		if (state == NULL)
			PG_RETURN_NULL();
		PG_RETURN_POINTER(state);
	}
	read_parameters(fcinfo, kind, &given);
	if (state == NULL)
		state = new_state(context, &given);
	else if (unlikely(state->as_of != given.as_of))
		parameters_differ("as_of");
	else if (unlikely(!same_model(state->known, given.known)))
		parameters_differ("model");
	day = crm_day_from_datum(PG_GETARG_DATUM(1), kind);
	if (state->known != NULL && day <= state->as_of)
	{
		old = MemoryContextSwitchTo(context);
		add_row(state, day, !PG_ARGISNULL(2), PG_GETARG_DATUM(2));
		MemoryContextSwitchTo(old);
	}
	PG_RETURN_POINTER(state);
}

Datum
crm_stage_accum_date(PG_FUNCTION_ARGS)
{
	return accumulate(fcinfo, CRM_TIME_DATE);
}

Datum
crm_stage_accum_timestamp(PG_FUNCTION_ARGS)
{
	return accumulate(fcinfo, CRM_TIME_TIMESTAMP);
}

Datum
crm_stage_accum_timestamptz(PG_FUNCTION_ARGS)
{
	return accumulate(fcinfo, CRM_TIME_TIMESTAMPTZ);
}

/* ---- partial aggregation ---- */

static void
merge(StageState *state, const StageState *other)
{
	state->seen |= other->seen;
	state->orders += other->orders;
	crm_money_accumulate(&state->revenue, other->revenue);
	if (state->first_order == CRM_NO_DAY ||
		(other->first_order != CRM_NO_DAY &&
		 other->first_order < state->first_order))
		state->first_order = other->first_order;
	if (other->last_order > state->last_order)
		state->last_order = other->last_order;
	for (int i = 0; i < other->count; i++)
		add_day(state, other->days[i]);
	for (int i = 0; i < other->tally_count; i++)
	{
		Tally tally = other->tallies[i];

		/* what was deserialized lives for this call only */
		if (tally.revenue.wide != NULL)
			tally.revenue.wide = (CrmWide *) DatumGetNumericCopy(
				PointerGetDatum(tally.revenue.wide));
		add_tally(state, &tally);
	}
}

Datum
crm_stage_combine(PG_FUNCTION_ARGS)
{
	StageState *state =
		PG_ARGISNULL(0) ? NULL : (StageState *) PG_GETARG_POINTER(0);
	StageState *other =
		PG_ARGISNULL(1) ? NULL : (StageState *) PG_GETARG_POINTER(1);
	MemoryContext context = crm_aggregate_context(fcinfo);
	MemoryContext old;

	if (other == NULL)
	{
		if (state == NULL)
			PG_RETURN_NULL();
		PG_RETURN_POINTER(state);
	}
	if (state == NULL)
	{
		Parameters given = {.known = other->known, .as_of = other->as_of};

		state = new_state(context, &given);
	}
	else if (state->as_of != other->as_of)
		parameters_differ("as_of");
	else if (!same_model(state->known, other->known))
		parameters_differ("model");
	old = MemoryContextSwitchTo(context);
	merge(state, other);
	MemoryContextSwitchTo(old);
	PG_RETURN_POINTER(state);
}

static void
send_money(StringInfo buffer, CrmMoney money)
{
	pq_sendstring(buffer, DatumGetCString(DirectFunctionCall1(
							  numeric_out,
							  NumericGetDatum(crm_numeric_from_money(money)))));
}

static CrmMoney
receive_money(StringInfo buffer)
{
	return crm_money_from_numeric_datum(DirectFunctionCall3(
		numeric_in, CStringGetDatum(pq_getmsgstring(buffer)),
		ObjectIdGetDatum(InvalidOid), Int32GetDatum(-1)));
}

static void
send_model(StringInfo buffer, const KnownModel *known)
{
	/* -1: NULL, 0: the default */
	if (known == NULL || known->value == NULL)
	{
		pq_sendint32(buffer, known == NULL ? -1 : 0);
		return;
	}
	pq_sendint32(buffer, VARSIZE_ANY_EXHDR(known->value));
	pq_sendbytes(buffer, VARDATA_ANY(known->value),
				 (int) VARSIZE_ANY_EXHDR(known->value));
}

pg_noreturn static void
refuse_state(void)
{
	ereport(ERROR, (errcode(ERRCODE_DATA_CORRUPTED),
					errmsg("invalid serialized state of lifecycle_stage")));
}

static const KnownModel *
receive_model(FunctionCallInfo fcinfo, StringInfo buffer)
{
	int	  size = (int32) pq_getmsgint(buffer, 4);
	text *value;

	if (size < 0)
		return NULL;
	if (size == 0)
		return known_model(fcinfo->flinfo, NULL);
	if (size <= CRM_MODEL_DIGEST)
		refuse_state();
	value = cstring_to_text_with_len(pq_getmsgbytes(buffer, size), size);
	return known_model(fcinfo->flinfo, value);
}

Datum
crm_stage_serial(PG_FUNCTION_ARGS)
{
	StageState	  *state = (StageState *) PG_GETARG_POINTER(0);
	StringInfoData buffer;

	(void) crm_aggregate_context(fcinfo);
	settle_days(state);
	settle_tallies(state);
	pq_begintypsend(&buffer);
	pq_sendbyte(&buffer, WIRE_VERSION);
	send_model(&buffer, state->known);
	pq_sendint32(&buffer, state->as_of);
	pq_sendbyte(&buffer, state->seen);
	pq_sendint64(&buffer, state->orders);
	send_money(&buffer, state->revenue);
	pq_sendint32(&buffer, state->first_order);
	pq_sendint32(&buffer, state->last_order);
	pq_sendint32(&buffer, state->count);
	for (int i = 0; i < state->count; i++)
		pq_sendint32(&buffer, state->days[i]);
	pq_sendint32(&buffer, state->tally_count);
	for (int i = 0; i < state->tally_count; i++)
	{
		pq_sendint32(&buffer, state->tallies[i].day);
		pq_sendint64(&buffer, state->tallies[i].orders);
		send_money(&buffer, state->tallies[i].revenue);
	}
	PG_RETURN_BYTEA_P(pq_endtypsend(&buffer));
}

Datum
crm_stage_deserial(PG_FUNCTION_ARGS)
{
	bytea		  *bytes = PG_GETARG_BYTEA_PP(0);
	StringInfoData buffer;
	Parameters	   given;
	StageState	  *state;
	int			   count;

	(void) crm_aggregate_context(fcinfo);
	initStringInfo(&buffer);
	appendBinaryStringInfo(&buffer, VARDATA_ANY(bytes),
						   (int) VARSIZE_ANY_EXHDR(bytes));
	if (pq_getmsgbyte(&buffer) != WIRE_VERSION)
		refuse_state();
	given.known = receive_model(fcinfo, &buffer);
	given.as_of = (CrmDay) pq_getmsgint(&buffer, 4);
	state = new_state(CurrentMemoryContext, &given);
	state->seen = pq_getmsgbyte(&buffer) != 0;
	if (state->seen && state->known == NULL)
		refuse_state();
	state->orders = pq_getmsgint64(&buffer);
	state->revenue = receive_money(&buffer);
	state->first_order = (CrmDay) pq_getmsgint(&buffer, 4);
	state->last_order = (CrmDay) pq_getmsgint(&buffer, 4);
	count = (int) pq_getmsgint(&buffer, 4);
	for (int i = 0; i < count; i++)
		add_day(state, (CrmDay) pq_getmsgint(&buffer, 4));
	count = (int) pq_getmsgint(&buffer, 4);
	for (int i = 0; i < count; i++)
	{
		Tally tally;

		tally.day = (CrmDay) pq_getmsgint(&buffer, 4);
		tally.orders = pq_getmsgint64(&buffer);
		tally.revenue = receive_money(&buffer);
		add_tally(state, &tally);
	}
	pq_getmsgend(&buffer);
	PG_RETURN_POINTER(state);
}

/*
 * A timeline of the largest window: what was known before it began, then each
 * of its days.
 */
static void
set_timeline(const StageState *state, CrmFacts *facts, CrmTimeline *timeline)
{
	int		  count = state->tally_count;
	CrmFacts *known = palloc((count + 1) * sizeof(CrmFacts));

	known[count] = *facts;
	for (int i = count - 1; i >= 0; i--)
	{
		const Tally *tally = &state->tallies[i];

		known[i] = known[i + 1];
		known[i + 1].known_on = tally->day;
		known[i].orders -= tally->orders;
		known[i].revenue = crm_money_sub(known[i].revenue, tally->revenue);
	}
	known[0].known_on = INT32_MIN;
	*timeline = (CrmTimeline){
		.first = known, .stride = sizeof(CrmFacts), .count = count + 1};
	facts->timeline = timeline;
}

Datum
crm_stage_final(PG_FUNCTION_ARGS)
{
	StageState *state =
		PG_ARGISNULL(0) ? NULL : (StageState *) PG_GETARG_POINTER(0);
	CrmFacts	facts;
	CrmTimeline timeline;
	int			stage;

	if (state == NULL || !state->seen)
		PG_RETURN_NULL();
	settle_days(state);
	facts = (CrmFacts){.known_on = state->as_of,
					   .orders = state->orders,
					   .order_days = state->count,
					   .order_days_known = true,
					   .revenue = state->revenue,
					   .revenue_known = true,
					   .first_order = state->first_order,
					   .last_order = state->last_order,
					   .last_visit = CRM_NO_DAY,
					   .registered = CRM_NO_DAY};
	if (state->known->reads_windows)
	{
		settle_tallies(state);
		set_timeline(state, &facts, &timeline);
	}
	stage = crm_model_evaluate(state->known->model, &facts, state->as_of);
	PG_RETURN_TEXT_P(
		cstring_to_text(crm_model_stage_name(state->known->model, stage)));
}
