/*
 * learn.c
 *		Learning a stage table's thresholds from its data.
 *
 *		sources --scan--> days and sums of each customer --> engine/learn.c
 *		                                                          |
 *		stages <--rebuild-- models in force <- learned_threshold <+
 *
 * The first walk over the customers is for all of them together, and counts
 * those of each segment; later ones are for some segments each, because what a
 * lesson counts in its resamples takes megabytes.
 *
 * What is learned is recorded whole, with what speaks for and against it; in
 * force is what is reliable and of the method that was chosen, unless it was
 * set by hand.  A refresh never learns: stages move by customers and days, or
 * because somebody asked for it.
 *
 * Invariant: only this file writes crmlife.learned_threshold.
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "common/hashfn.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/date.h"
#include "utils/fmgrprotos.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/tuplestore.h"

#include "compat.h"
#include "engine/learn.h"
#include "engine/returns.h"
#include "functions/localday.h"
#include "functions/model_type.h"
#include "functions/numeric_money.h"
#include "stage/definition.h"
#include "stage/in_force.h"
#include "stage/learn.h"
#include "stage/rights.h"
#include "stage/scan.h"
#include "stage/schedule.h"
#include "stage/stage.h"
#include "stage/statement.h"
#include "stage/thresholds.h"

/* decimals of what is not exact money */
#define DECIMALS 6
/* how many segments are learned from, the largest ones, and in one walk */
#define CRM_SEGMENTS_LEARNED 100
#define CRM_SEGMENTS_AT_ONCE 16

typedef struct Settings
{
	CrmLearnMethod method;
	int			   min_eligible;
	int			   smoothing;
} Settings;

static const Settings default_settings = {CRM_LEARN_HAZARD, 100, 7};

/* every value that is learned */
static const struct
{
	CrmLearnable   threshold;
	CrmLearnMethod method;
} lessons[] = {
	{CRM_LEARN_ORDER_VALUE, CRM_LEARN_MEAN},
	{CRM_LEARN_REPURCHASE_PERIOD, CRM_LEARN_MEAN},
	{CRM_LEARN_REPURCHASE_PERIOD_Q80, CRM_LEARN_HAZARD},
	{CRM_LEARN_REPURCHASE_PERIOD_Q80, CRM_LEARN_SMARTPUSH},
	{CRM_LEARN_FIRST_PURCHASE_PERIOD, CRM_LEARN_MEAN},
	{CRM_LEARN_ACTIVE_PERIOD, CRM_LEARN_HAZARD},
	{CRM_LEARN_ACTIVE_PERIOD, CRM_LEARN_SMARTPUSH},
	{CRM_LEARN_CHURN_PERIOD, CRM_LEARN_HAZARD},
	{CRM_LEARN_CHURN_PERIOD, CRM_LEARN_SMARTPUSH},
};

/* ----- reading the data ----- */

/* FNV-1a of the key's text: the same on every machine and in every version */
static uint64
stable_hash(const char *text)
{
	uint64 hash = UINT64CONST(0xCBF29CE484222325);

	for (; *text; text++)
		hash = (hash ^ (unsigned char) *text) * UINT64CONST(0x100000001B3);
	return hash;
}

static void
learn_customer(const CrmStageDefinition *definition, CrmPair *pair,
			   CrmLearn *learn, MemoryContext into)
{
	CrmHistory		*history = &pair->history;
	const CrmStep	*step = crm_history_step(history, learn->as_of);
	CrmLearnCustomer customer = {0};
	CrmDay			*order_days;
	CrmDay			*active_days;
	MemoryContext	 old;

	if (step == NULL)
		return;
	order_days = palloc(sizeof(CrmDay) * Max(history->event_count, 1));
	active_days = palloc(sizeof(CrmDay) * Max(history->event_count, 1));
	crm_history_days(history, learn->as_of, order_days, &customer.order_count,
					 active_days, &customer.active_count);
	customer.key = stable_hash(crm_key_text(definition->key, pair->key));
	customer.order_days = order_days;
	customer.active_days = active_days;
	customer.orders = step->facts.orders;
	customer.revenue = step->facts.revenue;
	customer.registered_before = step->first_order_at != CRM_NO_TIME &&
								 step->registered_at != CRM_NO_TIME &&
								 step->registered_at <= step->first_order_at;
	if (customer.registered_before)
		customer.days_to_first_order =
			(int64_t) step->facts.first_order - step->facts.registered;
	old = MemoryContextSwitchTo(into);
	crm_learn_add(learn, &customer);
	MemoryContextSwitchTo(old);
}

/* ----- all customers, and those of each segment ----- */

typedef struct Crowd
{
	char	 *segment;
	char	  status;
	int64	  customers;
	CrmLearn *learn; /* in the walks that are for it */
} Crowd;

#define SH_PREFIX crowds
#define SH_ELEMENT_TYPE Crowd
#define SH_KEY_TYPE char *
#define SH_KEY segment
#define SH_HASH_KEY(table, key) \
	DatumGetUInt32(hash_any((const unsigned char *) (key), strlen(key)))
#define SH_EQUAL(table, a, b) (strcmp((a), (b)) == 0)
#define SH_SCOPE static inline
#define SH_DECLARE
#define SH_DEFINE
#include "lib/simplehash.h"

typedef struct School
{
	const CrmStageDefinition *definition;
	const Settings			 *settings;
	CrmDay					  as_of;
	CrmScan					 *scan;
	CrmLearn				 *all; /* in the first walk */
	crowds_hash				 *crowds;
	MemoryContext			  lasting;
} School;

static void
count_in_crowd(School *school, const CrmPair *pair)
{
	const char	 *segment = crm_pair_segment(pair, school->as_of);
	MemoryContext old;
	Crowd		 *crowd;
	bool		  found;

	if (segment == NULL ||
		crm_history_step(&pair->history, school->as_of) == NULL)
		return;
	old = MemoryContextSwitchTo(school->lasting);
	crowd = crowds_insert(school->crowds, unconstify(char *, segment), &found);
	if (!found)
	{
		crowd->segment = pstrdup(segment);
		crowd->customers = 0;
		crowd->learn = NULL;
	}
	crowd->customers++;
	MemoryContextSwitchTo(old);
}

/* in the first walk everybody, later whose segment's turn it is */
static void
teach(School *school, CrmPair *pair)
{
	const char *segment = crm_pair_segment(pair, school->as_of);
	Crowd	   *crowd;

	if (school->all)
	{
		learn_customer(school->definition, pair, school->all, school->lasting);
		count_in_crowd(school, pair);
	}
	else if (segment)
	{
		crowd = crowds_lookup(school->crowds, unconstify(char *, segment));
		if (crowd && crowd->learn)
			learn_customer(school->definition, pair, crowd->learn,
						   school->lasting);
	}
}

static void
walk(School *school)
{
	MemoryContext context = AllocSetContextCreate(
		CurrentMemoryContext, "crmlife learn", ALLOCSET_DEFAULT_SIZES);
	CrmPair pair;

	while (crm_scan_next(school->scan, &pair))
	{
		MemoryContext old = MemoryContextSwitchTo(context);

		CHECK_FOR_INTERRUPTS();
		teach(school, &pair);
		MemoryContextSwitchTo(old);
		MemoryContextReset(context);
	}
	MemoryContextDelete(context);
}

static CrmLearn *
new_lesson(const School *school)
{
	CrmLearn *learn = palloc(sizeof(CrmLearn));

	crm_learn_init(learn, school->as_of, school->settings->min_eligible,
				   school->settings->smoothing);
	return learn;
}

static int
larger_first(const void *left, const void *right)
{
	const Crowd *a = *(Crowd *const *) left;
	const Crowd *b = *(Crowd *const *) right;

	if (a->customers != b->customers)
		return a->customers > b->customers ? -1 : 1;
	return strcmp(a->segment, b->segment);
}

/* the segments large enough to be learned from */
static int
list_crowds(const School *school, Crowd ***list)
{
	crowds_iterator iterator;
	Crowd		   *crowd;
	int				count = 0;

	*list = palloc_extended(sizeof(Crowd *) * Max(school->crowds->members, 1),
							MCXT_ALLOC_HUGE);
	crowds_start_iterate(school->crowds, &iterator);
	while ((crowd = crowds_iterate(school->crowds, &iterator)) != NULL)
		if (crowd->customers >= school->settings->min_eligible)
			(*list)[count++] = crowd;
	qsort(*list, count, sizeof(Crowd *), larger_first);
	return Min(count, CRM_SEGMENTS_LEARNED);
}

/* ----- recording ----- */

static Datum
rounded(double value)
{
	Datum number = DirectFunctionCall1(float8_numeric, Float8GetDatum(value));

	return DirectFunctionCall1(
		numeric_trim_scale,
		DirectFunctionCall2(numeric_round, number, Int32GetDatum(DECIMALS)));
}

/* money is exact, as average_order is */
static Datum
learned_value(const CrmLearn *learn, CrmLearnable threshold,
			  const CrmLearned *learned)
{
	if (threshold == CRM_LEARN_ORDER_VALUE)
		return NumericGetDatum(crm_numeric_from_money(crm_money_div(
			learn->revenue, crm_money_from_int64(learn->orders))));
	return rounded(learned->value);
}

/* the curve's points as three arrays */
static void
curve_arrays(const CrmLearn *learn, CrmLearnable threshold,
			 CrmLearnMethod method, Datum *arrays)
{
	CrmLearnPoint *points;
	int32		   count = crm_learn_curve(learn, threshold, method, &points);
	Datum		  *columns[3];

	for (int i = 0; i < 3; i++)
		columns[i] = palloc(sizeof(Datum) * Max(count, 1));
	for (int32 i = 0; i < count; i++)
	{
		columns[0][i] = Int32GetDatum(points[i].n);
		columns[1][i] = Int64GetDatum(points[i].eligible);
		columns[2][i] = Int64GetDatum(points[i].returned);
	}
	arrays[0] = PointerGetDatum(
		construct_array(columns[0], count, INT4OID, 4, true, TYPALIGN_INT));
	for (int i = 1; i < 3; i++)
		arrays[i] = PointerGetDatum(
			construct_array(columns[i], count, INT8OID, sizeof(int64),
							FLOAT8PASSBYVAL, TYPALIGN_DOUBLE));
}

static void
record_lesson(const School *school, const char *segment, const CrmLearn *learn,
			  CrmLearnable threshold, CrmLearnMethod method)
{
	const Settings *settings = school->settings;
	CrmLearned		learned = crm_learned(learn, threshold, method);
	Oid				types[] = {OIDOID,		 TEXTOID,	 TEXTOID,	   BOOLOID,
							   NUMERICOID,	 BOOLOID,	 TEXTOID,	   INT8OID,
							   NUMERICOID,	 NUMERICOID, INT4ARRAYOID, INT8ARRAYOID,
							   INT8ARRAYOID, INT4OID,	 DATEOID,	   INT4OID,
							   TEXTOID};
	Datum			values[lengthof(types)] = {0};
	char			nulls[lengthof(types) + 1] = "                 ";

	values[0] = ObjectIdGetDatum(school->definition->stage_table);
	values[1] = CStringGetTextDatum(crm_learnable_name(threshold));
	values[2] = CStringGetTextDatum(crm_learn_method_name(method));
	values[3] =
		BoolGetDatum(method == CRM_LEARN_MEAN || method == settings->method);
	if (learned.known)
		values[4] = learned_value(learn, threshold, &learned);
	values[5] = BoolGetDatum(learned.reliable);
	if (learned.reason)
		values[6] = CStringGetTextDatum(learned.reason);
	values[7] = Int64GetDatum(learned.customers);
	if (learned.known && learned.bounded)
	{
		values[8] = rounded(learned.low);
		values[9] = rounded(learned.high);
	}
	if (method != CRM_LEARN_MEAN)
		curve_arrays(learn, threshold, method, values + 10);
	values[13] = Int32GetDatum(settings->min_eligible);
	values[14] = DateADTGetDatum(learn->as_of);
	values[15] = Int32GetDatum(settings->smoothing);
	values[16] = CStringGetTextDatum(segment);
	for (int i = 4; i <= 12; i++)
		if (types[i] != BOOLOID && types[i] != INT8OID && values[i] == 0)
			nulls[i] = 'n';
	crm_execute(
		"INSERT INTO crmlife.learned_threshold AS l (stage_table, threshold, "
		"method, chosen, value, reliable, reason, customers, low, high, curve, "
		"learned_on, min_eligible, smoothing, segment) VALUES ($1, $2, $3, $4, "
		"$5, $6, "
		"$7, $8, $9, $10, "
		"(SELECT array_agg(ROW(n, eligible, returned, CASE WHEN eligible >= "
		"greatest($14, 1) THEN returned / eligible::float8 END)"
		"::crmlife.return_point ORDER BY n) "
		"FROM unnest($11, $12, $13) p (n, eligible, returned)), $15, $14, $16, "
		"$17) "
		"ON CONFLICT (stage_table, segment, threshold, method) DO UPDATE SET "
		"chosen = excluded.chosen, value = excluded.value, "
		"reliable = excluded.reliable, reason = excluded.reason, "
		"customers = excluded.customers, low = excluded.low, "
		"high = excluded.high, curve = excluded.curve, "
		"learned_on = excluded.learned_on, learned_at = now(), "
		"min_eligible = excluded.min_eligible, smoothing = excluded.smoothing",
		lengthof(types), types, values, nulls, SPI_OK_INSERT);
}

/* what the schedule goes by; at the creation of a table it has no state yet */
static void
record_day(Oid stage_table, CrmDay day)
{
	Oid	  types[2] = {OIDOID, DATEOID};
	Datum values[2] = {ObjectIdGetDatum(stage_table), DateADTGetDatum(day)};

	crm_execute("INSERT INTO crmlife.stage_state (stage_table, learned_on) "
				"VALUES ($1, $2) ON CONFLICT (stage_table) "
				"DO UPDATE SET learned_on = excluded.learned_on",
				2, types, values, NULL, SPI_OK_INSERT);
}

static void
record(const School *school, const char *segment, const CrmLearn *learn)
{
	CrmIdentity saved;

	crm_become_catalog_owner(&saved);
	for (int i = 0; i < lengthof(lessons); i++)
		record_lesson(school, segment, learn, lessons[i].threshold,
					  lessons[i].method);
	crm_revert_identity(&saved);
}

/* segments may be gone, or too small now */
static void
forget_segments(Oid stage_table)
{
	Oid			types[1] = {OIDOID};
	Datum		values[1] = {ObjectIdGetDatum(stage_table)};
	CrmIdentity saved;

	crm_become_catalog_owner(&saved);
	crm_execute("DELETE FROM crmlife.learned_threshold "
				"WHERE stage_table = $1 AND segment <> ''",
				1, types, values, NULL, SPI_OK_DELETE);
	crm_revert_identity(&saved);
}

static void
learn_segments(School *school)
{
	Crowd **crowd;
	int		count = list_crowds(school, &crowd);

	for (int first = 0; first < count; first += CRM_SEGMENTS_AT_ONCE)
	{
		int end = Min(count, first + CRM_SEGMENTS_AT_ONCE);

		for (int i = first; i < end; i++)
			crowd[i]->learn = new_lesson(school);
		crm_scan_rewind(school->scan);
		walk(school);
		for (int i = first; i < end; i++)
		{
			record(school, crowd[i]->segment, crowd[i]->learn);
			crm_learn_free(crowd[i]->learn);
			crowd[i]->learn = NULL;
		}
	}
}

static void
learn(Oid stage_table, const Settings *settings)
{
	CrmStageDefinition *definition = crm_load_without_model(stage_table);
	School				school = {.definition = definition,
								  .settings = settings,
								  .lasting = CurrentMemoryContext};
	CrmIdentity			saved;

	forget_segments(stage_table);
	crm_become_table_owner(definition, &saved);
	school.as_of =
		definition->refreshed ? definition->refreshed_day : crm_today();
	school.crowds = crowds_create(CurrentMemoryContext, 16, NULL);
	school.scan = crm_scan_begin(definition, (Datum) 0, NULL, CRM_WISH_ROWS);
	school.all = new_lesson(&school);
	walk(&school);
	record(&school, "", school.all);
	crm_learn_free(school.all);
	school.all = NULL;
	learn_segments(&school);
	crm_scan_end(school.scan);
	crm_revert_identity(&saved);
	crm_become_catalog_owner(&saved);
	record_day(stage_table, school.as_of);
	crm_revert_identity(&saved);
	CommandCounterIncrement();
}

/* ----- the thresholds in force ----- */

static bool
same_model(CrmInForce *a, CrmInForce *b, const char *segment)
{
	return strcmp(crm_model_datum_text(crm_in_force_text(a, segment)),
				  crm_model_datum_text(crm_in_force_text(b, segment))) == 0;
}

/* are the models of these segments the same in both? */
static bool
same_models(CrmInForce *of, CrmInForce *a, CrmInForce *b)
{
	for (int i = 0; i < crm_in_force_segments(of); i++)
		if (!same_model(a, b, crm_in_force_segment(of, i)))
			return false;
	return same_model(a, b, NULL);
}

void
crm_learn_if_lacking(Oid stage_table)
{
	CrmInForce *in_force = crm_newest_in_force(stage_table);

	if (crm_model_lacks_value(crm_in_force_text(in_force, NULL)))
		learn(stage_table, &default_settings);
}

static void
learn_and_apply(Oid stage_table, const Settings *settings)
{
	CrmInForce *before = crm_newest_in_force(stage_table);
	CrmInForce *after;

	learn(stage_table, settings);
	after = crm_newest_in_force(stage_table);
	if (!same_models(before, before, after) ||
		!same_models(after, before, after))
		crm_apply_thresholds(stage_table, before, "learned");
	crm_schedule_done(stage_table, CRM_SCHEDULE_LEARN);
}

void
crm_learn_again(Oid stage_table)
{
	Settings settings = default_settings;
	Oid		 types[] = {OIDOID, TEXTOID};
	Datum	 values[] = {
		   ObjectIdGetDatum(stage_table),
		   CStringGetTextDatum(crm_learnable_name(CRM_LEARN_ACTIVE_PERIOD))};
	CrmIdentity saved;

	SPI_connect();
	crm_become_catalog_owner(&saved);
	if (crm_execute("SELECT method = 'smartpush', min_eligible, smoothing "
					"FROM crmlife.learned_threshold WHERE stage_table = $1 "
					"AND segment = '' AND threshold = $2 AND chosen",
					2, types, values, NULL, SPI_OK_SELECT) > 0)
	{
		HeapTuple tuple = SPI_tuptable->vals[0];
		TupleDesc row = SPI_tuptable->tupdesc;
		bool	  isnull;

		if (DatumGetBool(SPI_getbinval(tuple, row, 1, &isnull)))
			settings.method = CRM_LEARN_SMARTPUSH;
		settings.min_eligible =
			DatumGetInt32(SPI_getbinval(tuple, row, 2, &isnull));
		settings.smoothing =
			DatumGetInt32(SPI_getbinval(tuple, row, 3, &isnull));
	}
	crm_revert_identity(&saved);
	learn_and_apply(stage_table, &settings);
	SPI_finish();
}

/* ----- SQL ----- */

static Settings
read_settings(FunctionCallInfo fcinfo)
{
	Settings settings = default_settings;
	char	*method;

	for (int i = 0; i < 4; i++)
		if (PG_ARGISNULL(i))
			ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
							errmsg("arguments of learn must not be null")));
	method = text_to_cstring(PG_GETARG_TEXT_PP(1));
	if (strcmp(method, "smartpush") == 0)
		settings.method = CRM_LEARN_SMARTPUSH;
	else if (strcmp(method, "hazard") != 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("unknown method \"%s\"", method),
				 errhint("Methods are hazard and smartpush; both are shown, "
						 "the one given is applied.")));
	settings.min_eligible = PG_GETARG_INT32(2);
	settings.smoothing = PG_GETARG_INT32(3);
	if (settings.min_eligible < 1)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("min_eligible must be at least 1")));
	/* the mean over more days than the curve has would have no knee left */
	if (settings.smoothing < 1 || settings.smoothing > CRM_RETURN_MAX_N ||
		settings.smoothing % 2 == 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("smoothing must be an odd number of days from 1 to %d",
						CRM_RETURN_MAX_N),
				 errdetail("The value is %d.", settings.smoothing),
				 errhint("1 leaves the curve as it is.")));
	return settings;
}

/* what was learned, as the function's result */
static void
return_lessons(FunctionCallInfo fcinfo, Oid stage_table)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	Oid			   types[] = {OIDOID};
	Datum		   values[] = {ObjectIdGetDatum(stage_table)};
	CrmIdentity	   saved;

	crm_become_catalog_owner(&saved);
	crm_execute("SELECT threshold, value, reliable, customers, low, high, "
				"method, curve, learned_on, reason, segment "
				"FROM crmlife.learned_threshold WHERE stage_table = $1 "
				"ORDER BY segment COLLATE \"C\", threshold, method",
				1, types, values, NULL, SPI_OK_SELECT);
	crm_revert_identity(&saved);
	for (uint64 i = 0; i < SPI_processed; i++)
		tuplestore_puttuple(result->setResult, SPI_tuptable->vals[i]);
}

PG_FUNCTION_INFO_V1(crm_learn);

Datum
crm_learn(PG_FUNCTION_ARGS)
{
	Settings settings = read_settings(fcinfo);
	Oid		 stage_table = PG_GETARG_OID(0);

	InitMaterializedSRF(fcinfo, 0);
	crm_refuse_on_standby();
	crm_lock_own_stage(stage_table);
	SPI_connect();
	learn_and_apply(stage_table, &settings);
	return_lessons(fcinfo, stage_table);
	SPI_finish();
	return (Datum) 0;
}
