/*
 * calibrate.c
 *		Taking a stage table's frozen cuts from its data.
 *
 * Scores by quantiles of the day would change for everybody whenever anybody
 * buys.  So the cuts are taken when they are asked for and kept: recency and
 * frequency at fixed places, monetary at the quantiles of all customers with
 * an order, value tiers at thirds of revenue (returning customers) and of the
 * first order (new ones).
 *
 * Invariant: only this file writes crmlife.stage_cuts, and a refresh never does.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/date.h"
#include "utils/fmgrprotos.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "functions/localday.h"
#include "functions/numeric_money.h"
#include "functions/rfm.h"
#include "stage/calibrate.h"
#include "stage/definition.h"
#include "stage/refresh.h"
#include "stage/rights.h"
#include "stage/scan.h"
#include "stage/schedule.h"
#include "stage/stage.h"
#include "stage/statement.h"

#define CRM_MONETARY_BINS 5
#define CRM_TIERS 3

/* what a calibration is asked for; 0 and NULL: as it was, or the default */
typedef struct Wish
{
	const char *monetary; /* 'sum' or 'mean' */
	Interval   *window;
	Datum		recency_cuts;
	Datum		frequency_cuts;
	Datum		monetary_cuts; /* 0: quantiles of the data */
	bool		monetary_fixed;
} Wish;

typedef struct Samples
{
	CrmRfmSample monetary;
	CrmRfmSample first_orders;
	CrmRfmSample revenues;
} Samples;

/* ----- reading the data ----- */

/* the amounts of a customer outlive the customer's memory */
static CrmMoney
kept(CrmMoney money)
{
	if (money.wide == NULL)
		return money;
	return crm_money_from_numeric_datum(
		NumericGetDatum(crm_numeric_from_money(money)));
}

/* are sums over the rows all that is asked for? Then nothing is folded */
static bool
takes_sums(const CrmStageDefinition *definition)
{
	return definition->orders.order_key == NULL && !definition->cuts.windowed;
}

static bool
sum_orders(const CrmStageDefinition *definition, CrmPair *pair, CrmDay day,
		   CrmOrderSums *sums)
{
	const CrmStep *step;

	if (takes_sums(definition))
		crm_history_sums(&pair->history, day, sums);
	else
	{
		step = crm_history_step(&pair->history, day);
		if (step == NULL)
			return false;
		sums->orders = step->facts.orders;
		sums->revenue = step->facts.revenue;
		sums->amount = step->first_amount;
	}
	return sums->orders > 0;
}

static void
sample_customer(const CrmStageDefinition *definition, CrmPair *pair, CrmDay day,
				Samples *samples, MemoryContext into)
{
	CrmOrderSums  sums;
	int64_t		  frequency;
	CrmMoney	  monetary;
	MemoryContext old;

	if (!sum_orders(definition, pair, day, &sums))
		return;
	frequency = sums.orders;
	monetary = sums.revenue;
	if (definition->cuts.windowed)
		crm_standing_measures(&definition->cuts, &pair->history, day,
							  &frequency, &monetary);
	else if (definition->cuts.mean)
		monetary = crm_money_div(monetary, crm_money_from_int64(frequency));
	old = MemoryContextSwitchTo(into);
	crm_rfm_sample_add(&samples->monetary, 0, frequency, kept(monetary));
	if (sums.orders == 1)
		crm_rfm_sample_add(&samples->first_orders, 0, 1, kept(sums.amount));
	else
		crm_rfm_sample_add(&samples->revenues, 0, 1, kept(sums.revenue));
	MemoryContextSwitchTo(old);
}

/* the walk, which may go over the same customers once more */
static CrmScan *
sample_all(const CrmStageDefinition *definition, CrmDay day, Samples *samples)
{
	MemoryContext into = CurrentMemoryContext;
	MemoryContext context = AllocSetContextCreate(
		CurrentMemoryContext, "crmlife calibrate", ALLOCSET_DEFAULT_SIZES);
	CrmScan *scan = crm_scan_begin(definition, (Datum) 0, NULL, CRM_WISH_ROWS);
	CrmPair	 pair;

	crm_scan_leave_unfinished(scan, takes_sums(definition));
	while (crm_scan_next(scan, &pair))
	{
		MemoryContext old = MemoryContextSwitchTo(context);

		CHECK_FOR_INTERRUPTS();
		sample_customer(definition, &pair, day, samples, into);
		MemoryContextSwitchTo(old);
		MemoryContextReset(context);
	}
	crm_scan_leave_unfinished(scan, false);
	MemoryContextDelete(context);
	return scan;
}

/* quantile cuts of the sample's amounts; no customer, no cut */
static Datum
sample_quantiles(const CrmRfmSample *sample, int bins)
{
	CrmMoney cuts[3][CRM_RFM_MAX_CUTS];
	int		 used[3];
	int		 count = 0;

	if (sample->count > 0)
		count = crm_rfm_sample_cuts(sample, bins, CRM_RFM_QUANTILE, cuts, used);
	return crm_rfm_encode_cuts(cuts[2], count);
}

/* ----- the wish ----- */

static Datum
whole_cuts(const int *values, int count)
{
	CrmMoney cuts[CRM_RFM_MAX_CUTS];

	for (int i = 0; i < count; i++)
		cuts[i] = crm_money_from_int64(values[i]);
	return crm_rfm_encode_cuts(cuts, count);
}

/*
 * A cut lies in the lower bin, so the last day before 7, 90, 140 and 365 is
 * what makes R change on the day on which the stage of `recency` does.
 */
static Datum
default_recency_cuts(void)
{
	static const int days[] = {7 - 1, 90 - 1, 140 - 1, 365 - 1};

	return whole_cuts(days, lengthof(days));
}

static Datum
default_frequency_cuts(void)
{
	static const int orders[] = {1, 2, 3, 5};

	return whole_cuts(orders, lengthof(orders));
}

static void
check_window(const Interval *window)
{
	/* the limit keeps every day that can be reached within a timestamp */
	if (window->time != 0 || window->day < 0 || window->month < 0 ||
		window->day > 1000 * 366 || window->month > 1000 * 12)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("rfm_window must be a number of whole days or months, "
						"up to 1000 years"),
				 errhint("For example '365 days' or '1 year'; '0' for all "
						 "time.")));
}

static void
check_wish(const Wish *wish)
{
	CrmRfmCuts cuts;
	Datum	   none = crm_rfm_encode_cuts(NULL, 0);

	if (wish->monetary && strcmp(wish->monetary, "sum") != 0 &&
		strcmp(wish->monetary, "mean") != 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("rfm_monetary \"%s\" is unknown", wish->monetary),
				 errhint("'sum' of all orders, or 'mean' per order.")));
	if (wish->window)
		check_window(wish->window);
	crm_rfm_cuts_from_arrays(&cuts,
							 wish->recency_cuts ? wish->recency_cuts : none,
							 wish->frequency_cuts ? wish->frequency_cuts : none,
							 wish->monetary_cuts ? wish->monetary_cuts : none);
}

/* what the last calibration was asked for stays asked for */
static void
complete_wish(Wish *wish, Oid stage_table)
{
	Oid			types[1] = {OIDOID};
	Datum		values[1] = {ObjectIdGetDatum(stage_table)};
	CrmIdentity saved;
	uint64		found;
	bool		isnull;
	TupleDesc	row;
	HeapTuple	tuple;

	crm_become_catalog_owner(&saved);
	found = crm_query("SELECT rfm_monetary, rfm_window, recency_cuts, "
					  "frequency_cuts, monetary_cuts, method FROM "
					  "crmlife.stage_cuts WHERE stage_table = $1 AND segment = "
					  "''",
					  1, types, values);
	crm_revert_identity(&saved);
	if (found > 0)
	{
		Datum value;

		row = SPI_tuptable->tupdesc;
		tuple = SPI_tuptable->vals[0];
		if (wish->monetary == NULL)
			wish->monetary = SPI_getvalue(tuple, row, 1);
		value = SPI_getbinval(tuple, row, 2, &isnull);
		if (wish->window == NULL && !isnull)
			wish->window = DatumGetIntervalP(value);
		if (wish->recency_cuts == 0)
			wish->recency_cuts = SPI_getbinval(tuple, row, 3, &isnull);
		if (wish->frequency_cuts == 0)
			wish->frequency_cuts = SPI_getbinval(tuple, row, 4, &isnull);
		if (wish->monetary_cuts == 0 &&
			strcmp(SPI_getvalue(tuple, row, 6), "fixed") == 0)
			wish->monetary_cuts = SPI_getbinval(tuple, row, 5, &isnull);
	}
	if (wish->monetary == NULL)
		wish->monetary = "sum";
	if (wish->recency_cuts == 0)
		wish->recency_cuts = default_recency_cuts();
	if (wish->frequency_cuts == 0)
		wish->frequency_cuts = default_frequency_cuts();
	wish->monetary_fixed = wish->monetary_cuts != 0;
	if (wish->window && wish->window->day == 0 && wish->window->month == 0)
		wish->window = NULL;
}

/* ----- writing the cuts ----- */

static void
store_cuts(Oid stage_table, const Wish *wish, const Samples *samples,
		   CrmDay day)
{
	Oid			types[11] = {OIDOID,		  DATEOID,		   TEXTOID,
							 TEXTOID,		  INTERVALOID,	   NUMERICARRAYOID,
							 NUMERICARRAYOID, NUMERICARRAYOID, NUMERICARRAYOID,
							 NUMERICARRAYOID, INT8OID};
	Datum		values[11];
	char		nulls[] = "           ";
	CrmIdentity saved;

	values[0] = ObjectIdGetDatum(stage_table);
	values[1] = DateADTGetDatum(day);
	values[2] =
		CStringGetTextDatum(wish->monetary_fixed ? "fixed" : "quantile");
	values[3] = CStringGetTextDatum(wish->monetary);
	values[4] = IntervalPGetDatum(wish->window);
	nulls[4] = wish->window ? ' ' : 'n';
	values[5] = wish->recency_cuts;
	values[6] = wish->frequency_cuts;
	values[7] = wish->monetary_fixed
					? wish->monetary_cuts
					: sample_quantiles(&samples->monetary, CRM_MONETARY_BINS);
	values[8] = sample_quantiles(&samples->first_orders, CRM_TIERS);
	values[9] = sample_quantiles(&samples->revenues, CRM_TIERS);
	values[10] = Int64GetDatum(samples->monetary.count);
	crm_become_catalog_owner(&saved);
	crm_execute("INSERT INTO crmlife.stage_cuts (stage_table, calibrated_on, "
				"method, rfm_monetary, rfm_window, recency_cuts, "
				"frequency_cuts, monetary_cuts, new_cuts, returning_cuts, "
				"customers, moved) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, "
				"$9, $10, $11, 0) ON CONFLICT (stage_table, segment) DO UPDATE "
				"SET calibrated_on = excluded.calibrated_on, "
				"method = excluded.method, "
				"rfm_monetary = excluded.rfm_monetary, "
				"rfm_window = excluded.rfm_window, "
				"recency_cuts = excluded.recency_cuts, "
				"frequency_cuts = excluded.frequency_cuts, "
				"monetary_cuts = excluded.monetary_cuts, "
				"new_cuts = excluded.new_cuts, "
				"returning_cuts = excluded.returning_cuts, "
				"customers = excluded.customers, moved = 0",
				11, types, values, nulls, SPI_OK_INSERT);
	crm_revert_identity(&saved);
}

static void
store_moved(Oid stage_table, int64 moved)
{
	Oid	  types[2] = {OIDOID, INT8OID};
	Datum values[2] = {ObjectIdGetDatum(stage_table), Int64GetDatum(moved)};
	CrmIdentity saved;

	crm_become_catalog_owner(&saved);
	crm_execute("UPDATE crmlife.stage_cuts SET moved = $2 "
				"WHERE stage_table = $1 AND segment = ''",
				2, types, values, NULL, SPI_OK_UPDATE);
	crm_revert_identity(&saved);
}

/* who came into another segment */
static void
store_segments(Oid stage_table, const CrmRefreshResult *result)
{
	Oid			types[5] = {OIDOID, DATEOID, TEXTOID, TEXTOID, INT8OID};
	Datum		values[5];
	CrmIdentity saved;

	values[0] = ObjectIdGetDatum(stage_table);
	values[1] = DateADTGetDatum(result->day);
	crm_become_catalog_owner(&saved);
	for (int i = 0; i < CRM_RFM_SEGMENTS * CRM_RFM_SEGMENTS; i++)
	{
		int from = i / CRM_RFM_SEGMENTS;
		int to = i % CRM_RFM_SEGMENTS;

		if (from == to || result->resegmented[from][to] == 0)
			continue;
		values[2] = CStringGetTextDatum(crm_rfm_segment_code(from));
		values[3] = CStringGetTextDatum(crm_rfm_segment_code(to));
		values[4] = Int64GetDatum(result->resegmented[from][to]);
		crm_execute("INSERT INTO crmlife.rfm_move AS m (stage_table, "
					"calibrated_on, from_segment, to_segment, customers) "
					"VALUES ($1, $2, $3, $4, $5) "
					"ON CONFLICT (stage_table, calibrated_at, from_segment, "
					"to_segment) DO UPDATE "
					"SET customers = m.customers + excluded.customers",
					5, types, values, NULL, SPI_OK_INSERT);
	}
	crm_revert_identity(&saved);
}

/* the walk over everybody that it took, as of the day it took the cuts for */
static CrmScan *
calibrate(Oid stage_table, Wish *wish)
{
	CrmScan			   *scan;
	CrmStageDefinition *definition = crm_load_newest_definition(stage_table);
	Samples				samples;
	CrmIdentity			saved;
	CrmDay				day;

	complete_wish(wish, stage_table);
	definition->cuts.mean = strcmp(wish->monetary, "mean") == 0;
	crm_cuts_set_window(&definition->cuts, wish->window);
	crm_rfm_sample_init(&samples.monetary, 1024);
	crm_rfm_sample_init(&samples.first_orders, 1024);
	crm_rfm_sample_init(&samples.revenues, 1024);
	crm_become_table_owner(definition, &saved);
	day = definition->refreshed ? definition->refreshed_day : crm_today();
	scan = sample_all(definition, day, &samples);
	crm_revert_identity(&saved);
	store_cuts(stage_table, wish, &samples, day);
	CommandCounterIncrement();
	return scan;
}

CrmScan *
crm_calibrate_first(Oid stage_table)
{
	Wish wish = {0};

	return calibrate(stage_table, &wish);
}

static Datum
array_argument(FunctionCallInfo fcinfo, int number)
{
	return PG_ARGISNULL(number) ? (Datum) 0 : PG_GETARG_DATUM(number);
}

PG_FUNCTION_INFO_V1(crm_calibrate);

/* take the cuts and score everybody by them; returns how many moved */
static int64
recalibrate(Oid stage_table, Wish *wish)
{
	CrmRefreshResult result;

	SPI_connect();
	crm_scan_end(calibrate(stage_table, wish));
	crm_stage_rebuild(stage_table, false, &result);
	store_moved(stage_table, result.rescored);
	store_segments(stage_table, &result);
	crm_schedule_done(stage_table, CRM_SCHEDULE_CALIBRATE);
	SPI_finish();
	return result.rescored;
}

void
crm_calibrate_again(Oid stage_table)
{
	Wish wish = {0};

	(void) recalibrate(stage_table, &wish);
}

Datum
crm_calibrate(PG_FUNCTION_ARGS)
{
	Oid	 stage_table;
	Wish wish = {0};

	if (PG_ARGISNULL(0))
		ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
						errmsg("stage_table must not be null")));
	stage_table = PG_GETARG_OID(0);
	if (!PG_ARGISNULL(1))
		wish.monetary = text_to_cstring(PG_GETARG_TEXT_PP(1));
	if (!PG_ARGISNULL(2))
		wish.window = PG_GETARG_INTERVAL_P(2);
	wish.recency_cuts = array_argument(fcinfo, 3);
	wish.frequency_cuts = array_argument(fcinfo, 4);
	wish.monetary_cuts = array_argument(fcinfo, 5);
	check_wish(&wish);
	crm_refuse_on_standby();
	crm_lock_own_stage(stage_table);
	PG_RETURN_INT64(recalibrate(stage_table, &wish));
}
