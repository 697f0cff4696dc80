/*
 * figures.c
 *		What is kept about a stage table as a whole.
 *
 *		row as it was, row as it is --each refresh--> tally (tally.c)
 *		tally, moves of the days    --a day is over-> counts by stage
 *		tally                       --an hour is over> overview
 *		all histories               --a week is over> weekly figures, flow
 *
 * So a refresh costs what changed, whatever there is.  Who is looked at tells
 * the moves since the day that the table showed before: nobody else moved.
 *
 * Everybody is walked over when the stage table is made, at the end of each
 * week, and when somebody asks for it (crmlife.recount_figures).  What was
 * published of a day or a week stays as it was, but for the figures by days
 * since the last order: they depend on no model, and late orders are taken into
 * them with each new week.
 *
 * Invariant: crmlife.figures_state says up to which day, and up to which
 * Monday, they go; days and weeks that are not over then have no figures.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "funcapi.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/date.h"
#include "utils/memutils.h"
#include "utils/plancache.h"
#include "utils/snapmgr.h"

#include "compat.h"
#include "engine/daily.h"
#include "engine/weekly.h"
#include "functions/history.h"
#include "stage/columns.h"
#include "stage/figures.h"
#include "stage/histories.h"
#include "stage/progress.h"
#include "stage/rights.h"
#include "stage/schedule.h"
#include "stage/sheet.h"
#include "stage/stage.h"
#include "stage/statement.h"
#include "stage/tally.h"
#include "stage/weeks.h"

/* how far back: 20 years, whatever dates the sources have */
#define MAX_WEEKS 1040
#define ROWS_AT_ONCE 1000

/* up to where they go; CRM_NO_DAY: there are none */
typedef struct State
{
	CrmDay day;
	CrmDay weeks;
	bool   new_hour;
} State;

struct CrmFigures
{
	const CrmStageDefinition *definition;
	MemoryContext			  context;
	CrmDay					  day; /* not over yet */
	State					  state;
	bool					  everybody;
	CrmStageTally			  tally;
	bool					  of_days;
	bool					  of_weeks;
	CrmDaily				  daily;
	CrmWeekly				  weekly;
	int64					  walked; /* customers, by their histories */
};

/* $1 is the stage table, $2 a day */
static void
change(const CrmStageDefinition *definition, const char *query, CrmDay day,
	   int expected)
{
	Oid			types[2] = {OIDOID, DATEOID};
	Datum		values[2] = {ObjectIdGetDatum(definition->stage_table),
							 DateADTGetDatum(day)};
	CrmIdentity saved;

	crm_become_catalog_owner(&saved);
	crm_execute(query, 2, types, values, NULL, expected);
	crm_revert_identity(&saved);
}

static CrmDay
monday_of(CrmDay day)
{
	return crm_period_start(day, CRM_UNIT_WEEK);
}

/* the first day that figures are worked out for */
static CrmDay
oldest_day(CrmDay day)
{
	return monday_of(day) - 7 * MAX_WEEKS;
}

/* ----- up to where they go ----- */

static State
read_state(const CrmStageDefinition *definition)
{
	State		state = {CRM_NO_DAY, CRM_NO_DAY, true};
	Oid			types[1] = {OIDOID};
	Datum		values[1] = {ObjectIdGetDatum(definition->stage_table)};
	CrmIdentity saved;

	crm_become_catalog_owner(&saved);
	if (crm_execute("SELECT day, weeks, hour < date_trunc('hour', "
					"statement_timestamp()) FROM crmlife.figures_state "
					"WHERE stage_table = $1",
					1, types, values, NULL, SPI_OK_SELECT) > 0)
	{
		HeapTuple tuple = SPI_tuptable->vals[0];
		TupleDesc row = SPI_tuptable->tupdesc;
		bool	  isnull;
		Datum	  weeks = SPI_getbinval(tuple, row, 2, &isnull);

		if (!isnull)
			state.weeks = DatumGetDateADT(weeks);
		state.day = DatumGetDateADT(SPI_getbinval(tuple, row, 1, &isnull));
		state.new_hour = DatumGetBool(SPI_getbinval(tuple, row, 3, &isnull));
	}
	crm_revert_identity(&saved);
	return state;
}

static void
write_day(const CrmFigures *figures)
{
	change(figures->definition,
		   "INSERT INTO crmlife.figures_state (stage_table, day, hour) "
		   "VALUES ($1, $2, date_trunc('hour', statement_timestamp())) "
		   "ON CONFLICT (stage_table) DO UPDATE SET day = excluded.day, "
		   "hour = excluded.hour",
		   figures->day, SPI_OK_INSERT);
}

static void
write_week(const CrmStageDefinition *definition, CrmDay monday)
{
	change(definition,
		   "UPDATE crmlife.figures_state SET weeks = $2 "
		   "WHERE stage_table = $1",
		   monday, SPI_OK_UPDATE);
}

/* the table went back in time */
static void
forget_since(const CrmFigures *figures)
{
	static const char *const tables[] = {"weekly_band", "weekly_stage",
										 "weekly_flow"};
	CrmDay					 monday = monday_of(figures->day);

	change(figures->definition,
		   "DELETE FROM crmlife.stage_snapshot WHERE stage_table = $1 "
		   "AND day >= $2",
		   figures->day, SPI_OK_DELETE);
	for (int i = 0; i < lengthof(tables); i++)
		change(figures->definition,
			   psprintf("DELETE FROM crmlife.%s WHERE stage_table = $1 "
						"AND week >= $2",
						tables[i]),
			   monday, SPI_OK_DELETE);
	if (figures->state.weeks != CRM_NO_DAY && figures->state.weeks > monday)
		write_week(figures->definition, monday);
}

/* ----- days ----- */

static void
put_day(CrmSheet *sheet, const CrmFigures *figures, CrmDay day,
		const int64 *counts)
{
	const CrmStageDefinition *definition = figures->definition;

	for (int stage = 0; stage < figures->daily.stages; stage++)
	{
		if (counts[stage] == 0)
			continue;
		crm_sheet_new_row(sheet);
		crm_sheet_set(sheet, 0, DateADTGetDatum(day));
		crm_sheet_set_text(sheet, 1, crm_stage_name(definition->model, stage));
		crm_sheet_set_count(sheet, 2, counts[stage]);
		crm_sheet_set(sheet, 3, Int32GetDatum(definition->model_version));
	}
}

/* the counts of today are the tally's; those of the days before follow */
static void
write_days(const CrmFigures *figures)
{
	static const Oid types[] = {DATEOID, TEXTOID, INT8OID, INT4OID};
	int64			*counts = crm_stage_tally_stages(figures->definition);
	CrmSheet		 sheet;

	crm_sheet_init(&sheet, lengthof(types), types);
	for (CrmDay day = figures->day; day > figures->daily.first; day--)
	{
		crm_daily_back(&figures->daily, day, counts);
		put_day(&sheet, figures, day - 1, counts);
	}
	crm_sheet_write(&sheet, figures->definition->stage_table,
					"INSERT INTO crmlife.stage_snapshot (stage_table, day, "
					"stage, customers, model_version) SELECT $1, * "
					"FROM unnest($2, $3, $4, $5)",
					SPI_OK_INSERT);
}

/* ----- the overview ----- */

/*
 * Of the buyers of the last 90 days with an order before or without any visit
 * up to the first order's day, nothing is known of how they decided.
 */
static void
write_overview(const CrmFigures *figures)
{
	change(
		figures->definition,
		"INSERT INTO crmlife.overview_log (stage_table, hour, day, customers, "
		"paying_customers, repeat_customers, orders, revenue, new_buyers, "
		"new_buyers_seen, decision_days, gaps, gap_days, order_gaps, "
		"order_gap_seconds) "
		"SELECT t.stage_table, date_trunc('hour', statement_timestamp()), $2, "
		"t.customers, t.paying_customers, t.repeat_customers, t.orders, "
		"t.revenue, coalesce(n.customers, 0), coalesce(n.seen, 0), "
		"coalesce(n.decision_days, 0), t.gaps, t.gap_days, t.order_gaps, "
		"t.order_gap_seconds FROM crmlife.tally t CROSS JOIN LATERAL ("
		"SELECT sum(d.customers) AS customers, sum(d.seen) AS seen, "
		"sum(d.decision_days) AS decision_days FROM crmlife.tally_day d "
		"WHERE d.stage_table = t.stage_table AND $2 - d.first_day < 90 "
		"AND d.first_day <= $2) n WHERE t.stage_table = $1 "
		"ON CONFLICT (stage_table, hour) DO UPDATE SET day = excluded.day, "
		"customers = excluded.customers, paying_customers = "
		"excluded.paying_customers, repeat_customers = "
		"excluded.repeat_customers, orders = excluded.orders, revenue = "
		"excluded.revenue, new_buyers = excluded.new_buyers, new_buyers_seen "
		"= excluded.new_buyers_seen, decision_days = excluded.decision_days, "
		"gaps = excluded.gaps, gap_days = excluded.gap_days, order_gaps = "
		"excluded.order_gaps, order_gap_seconds = excluded.order_gap_seconds",
		figures->day, SPI_OK_INSERT);
}

/* ----- all histories ----- */

/* the day on which the first customer became known; the day if none is */
static CrmDay
first_known(const CrmStageDefinition *definition, CrmDay day)
{
	CrmIdentity saved;
	bool		isnull;
	Datum		value;

	crm_become_table_owner(definition, &saved);
	crm_execute(
		psprintf("SELECT min(known_since) FROM %s", definition->table_name), 0,
		NULL, NULL, NULL, SPI_OK_SELECT);
	crm_revert_identity(&saved);
	value =
		SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull);
	return isnull || DatumGetDateADT(value) > day ? day
												  : DatumGetDateADT(value);
}

/* weeks from that of a day on; false: none of them is over */
static bool
begin_weeks(CrmFigures *figures, CrmDay first)
{
	CrmDay monday = monday_of(Max(first, oldest_day(figures->day)));
	int	   weeks = (monday_of(figures->day) - monday) / 7;

	if (weeks <= 0)
		return false;
	crm_weekly_init(&figures->weekly, monday, weeks,
					figures->definition->model);
	figures->of_weeks = true;
	return true;
}

static void
begin_days(CrmFigures *figures, CrmDay first)
{
	crm_daily_init(&figures->daily, Max(first, oldest_day(figures->day)),
				   figures->day, figures->definition->model);
	figures->of_days = true;
}

static void
count_customer(CrmFigures *figures, const CrmPurchaseView *view,
			   const CrmHistory *history, CrmDay known_since,
			   const CrmModel *model)
{
	if (figures->of_weeks)
		crm_weekly_add(&figures->weekly, view, history, known_since, model,
					   figures->of_days ? &figures->daily : NULL);
	else if (figures->of_days)
		crm_daily_add(&figures->daily, history, known_since, model);
}

static void
count_stored(void *context, const CrmStoredCustomer *customer)
{
	CrmFigures *figures = context;

	figures->walked++;
	count_customer(figures, &customer->view, &customer->history,
				   customer->known_since, customer->model);
}

static void
walk_histories(CrmFigures *figures)
{
	CrmIdentity saved;

	crm_become_table_owner(figures->definition, &saved);
	crm_for_each_history(figures->definition, CRM_NO_DAY, count_stored,
						 figures);
	crm_revert_identity(&saved);
}

/* stages and flows of the weeks from that of a day on; returns their rows */
static uint64
write_weeks(CrmFigures *figures, CrmDay from)
{
	int	   first = 0;
	uint64 rows = 0;

	if (figures->of_weeks)
	{
		if (from != CRM_NO_DAY && from > figures->weekly.first)
			first = (monday_of(from) - figures->weekly.first) / 7;
		crm_weekly_finish(&figures->weekly);
		rows = crm_weeks_write(figures->definition, &figures->weekly, first);
	}
	write_week(figures->definition, monday_of(figures->day));
	crm_schedule_done(figures->definition->stage_table, CRM_SCHEDULE_WEEKS);
	return rows;
}

/* ----- a run ----- */

CrmFigures *
crm_figures_begin(const CrmStageDefinition *definition, CrmDay day,
				  bool everybody, CrmDay first)
{
	MemoryContext context = AllocSetContextCreate(
		CurrentMemoryContext, "crmlife figures", ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);
	CrmFigures	 *figures = palloc0(sizeof(CrmFigures));
	CrmDay		  then;

	figures->definition = definition;
	figures->context = context;
	figures->day = day;
	figures->everybody = everybody;
	figures->state = read_state(definition);
	then = figures->state.day;
	/* each run writes the state down, and the first looks at everybody */
	Assert(then != CRM_NO_DAY || everybody);
	crm_stage_tally_init(&figures->tally, definition);
	if (then != CRM_NO_DAY && then < day)
		begin_days(figures, then);
	/* rows of one order on several days: histories have it as it is known now */
	if (first != CRM_NO_DAY && definition->keep_history &&
		definition->orders.order_key == NULL)
	{
		begin_days(figures, Min(first, day));
		(void) begin_weeks(figures, Min(first, day));
	}
	MemoryContextSwitchTo(old);
	return figures;
}

static void
tally_customer(CrmFigures *figures, const CrmPair *pair, const CrmStageRow *row)
{
	if (!figures->everybody)
		crm_stage_tally_move(&figures->tally, pair->stored,
							 figures->definition->refreshed_day, row,
							 figures->day);
	else if (row)
		crm_stage_tally_add(&figures->tally, row, figures->day, 1);
}

/* what is not known on any day has no step, or one of a day to come */
static void
count_pair(CrmFigures *figures, const CrmPair *pair, const CrmStageRow *row)
{
	const CrmHistory *history = &pair->history;
	CrmPurchaseView	  view = {0};
	CrmDay			  known = CRM_ALWAYS;
	MemoryContext	  old;

	if (history->step_count == 0)
		return;
	if (!history->always)
		known = history->steps[0].facts.known_on;
	/* weeks are counted where a table is filled, and nobody is removed */
	Assert(!figures->of_weeks || row != NULL);
	if (figures->of_weeks)
		crm_history_open(&view, row->values[CRM_COLUMN_HISTORY]);
	old = MemoryContextSwitchTo(figures->context);
	count_customer(figures, &view, history, known,
				   crm_segment_model(figures->definition,
									 crm_pair_segment(pair, figures->day)));
	MemoryContextSwitchTo(old);
}

void
crm_figures_add(CrmFigures *figures, const CrmPair *pair,
				const CrmStageRow *row)
{
	tally_customer(figures, pair, row);
	if (figures->of_days || figures->of_weeks)
		count_pair(figures, pair, row);
}

static void
add_stored_row(CrmStageTally *tally, HeapTuple tuple, TupleDesc descriptor,
			   int columns, CrmDay day)
{
	CrmStageRow row;

	for (int i = 0; i < columns; i++)
		row.values[i] = SPI_getbinval(tuple, descriptor, i + 1, &row.nulls[i]);
	crm_stage_tally_add(tally, &row, day, 1);
}

static Portal
open_rows(const CrmStageDefinition *definition, bool read_only)
{
	int				  columns = crm_stage_column_count(definition);
	StringInfoData	  sql;
	SPIPlanPtr		  plan;
	CachedPlanSource *source;

	initStringInfo(&sql);
	for (int i = 0; i < columns; i++)
		appendStringInfo(&sql, "%s%s", i > 0 ? ", " : "SELECT ",
						 crm_stage_columns[i].name);
	appendStringInfo(&sql, " FROM %s", definition->table_name);
	plan = SPI_prepare(sql.data, 0, NULL);
	if (plan == NULL)
		elog(ERROR, "SPI could not prepare a query: %s",
			 SPI_result_code_string(SPI_result));
	/* the owner may have altered them since the definition was read */
	source = linitial(SPI_plan_get_plan_sources(plan));
	crm_check_stage_columns(definition, source->resultDesc, 0);
	return SPI_cursor_open(NULL, plan, NULL, NULL, read_only);
}

/* what is there, as of a day; with read_only as the active snapshot shows it */
static void
tally_stored(CrmStageTally *tally, CrmDay day, bool read_only)
{
	const CrmStageDefinition *definition = tally->definition;
	MemoryContext			  batch = AllocSetContextCreate(
					CurrentMemoryContext, "crmlife rows", ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(batch);
	CrmIdentity	  saved;
	Portal		  portal;

	crm_become_table_owner(definition, &saved);
	portal = open_rows(definition, read_only);
	for (;;)
	{
		SPI_cursor_fetch(portal, true, ROWS_AT_ONCE);
		if (SPI_processed == 0)
			break;
		for (uint64 i = 0; i < SPI_processed; i++)
		{
			CHECK_FOR_INTERRUPTS();
			add_stored_row(tally, SPI_tuptable->vals[i], SPI_tuptable->tupdesc,
						   crm_stage_column_count(definition), day);
		}
		SPI_freetuptable(SPI_tuptable);
		MemoryContextReset(batch);
	}
	SPI_cursor_close(portal);
	crm_revert_identity(&saved);
	MemoryContextSwitchTo(old);
	MemoryContextDelete(batch);
}

/* days from one on, and all weeks, from what is stored */
static void
count_past(CrmFigures *figures, CrmDay from)
{
	CrmDay first = first_known(figures->definition, figures->day);

	begin_days(figures, Min(Max(first, from), figures->day));
	(void) begin_weeks(figures, first);
	walk_histories(figures);
}

static void
finish(CrmFigures *figures)
{
	const CrmStageDefinition *definition = figures->definition;
	CrmDay					  then = figures->state.day;
	bool					  past = then == CRM_NO_DAY;

	crm_stage_tally_write(&figures->tally, figures->everybody);
	if (past && !figures->of_days && definition->keep_history)
		count_past(figures, CRM_NO_DAY);
	if (!past && figures->day < then)
		forget_since(figures);
	else if (figures->of_days)
		write_days(figures);
	if (figures->day == then && !figures->state.new_hour)
		return;
	write_overview(figures);
	write_day(figures);
	if (past && definition->keep_history)
		(void) write_weeks(figures, CRM_NO_DAY);
}

void
crm_figures_end(CrmFigures *figures)
{
	MemoryContext old = MemoryContextSwitchTo(figures->context);

	/* the rows that the run has just written are seen */
	CommandCounterIncrement();
	finish(figures);
	MemoryContextSwitchTo(old);
	MemoryContextDelete(figures->context);
}

/* ----- what walks over everybody ----- */

static void
init_alone(CrmFigures *figures, const CrmStageDefinition *definition)
{
	memset(figures, 0, sizeof(*figures));
	figures->definition = definition;
	figures->context = CurrentMemoryContext;
	figures->state = read_state(definition);
	figures->day = figures->state.day;
	crm_stage_tally_init(&figures->tally, definition);
}

static bool
weeks_are_due(const CrmStageDefinition *definition, const State *state)
{
	return definition->keep_history && state->day != CRM_NO_DAY &&
		   (state->weeks == CRM_NO_DAY || state->weeks < monday_of(state->day));
}

static void
count_weeks(const CrmStageDefinition *definition)
{
	TimestampTz		 started = GetCurrentTimestamp();
	CrmFigures		 figures;
	CrmRefreshResult result = {0};

	init_alone(&figures, definition);
	if (!weeks_are_due(definition, &figures.state))
		return;
	if (begin_weeks(&figures, first_known(definition, figures.day)))
		walk_histories(&figures);
	result.rows = (int64) write_weeks(&figures, figures.state.weeks);
	result.full = true;
	result.customers = figures.walked;
	crm_run_log(definition->stage_table, "weeks", started, &result, NULL);
}

void
crm_figures_weeks(Oid stage_table)
{
	MemoryContext context;
	MemoryContext old;

	SPI_connect();
	context = AllocSetContextCreate(CurrentMemoryContext, "crmlife figures",
									ALLOCSET_DEFAULT_SIZES);
	old = MemoryContextSwitchTo(context);
	count_weeks(crm_load_newest_definition(stage_table));
	MemoryContextSwitchTo(old);
	MemoryContextDelete(context);
	SPI_finish();
}

static void
require_figures(const CrmStageDefinition *definition, CrmDay day)
{
	if (!definition->refreshed || day == CRM_NO_DAY)
		ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
						errmsg("stage table %s has not been refreshed yet",
							   definition->table_name),
						errhint("SELECT crmlife.refresh(%s);",
								quote_literal_cstr(definition->table_name))));
}

static void
recount(const CrmStageDefinition *definition, CrmDay from)
{
	CrmFigures figures;

	init_alone(&figures, definition);
	require_figures(definition, figures.day);
	if (!definition->keep_history)
		ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
						errmsg("stage table %s keeps no histories",
							   definition->table_name),
						errhint("Create it with keep_history => true.")));
	tally_stored(&figures.tally, figures.day, false);
	crm_stage_tally_write(&figures.tally, true);
	count_past(&figures, from);
	change(definition,
		   "DELETE FROM crmlife.stage_snapshot WHERE stage_table = $1 "
		   "AND day >= $2",
		   from == CRM_NO_DAY ? DATEVAL_NOBEGIN : figures.daily.first,
		   SPI_OK_DELETE);
	write_days(&figures);
	(void) write_weeks(&figures, from);
	write_overview(&figures);
}

PG_FUNCTION_INFO_V1(crm_recount_figures);

/* (stage_table, from_day) */
Datum
crm_recount_figures(PG_FUNCTION_ARGS)
{
	Oid	   stage_table;
	CrmDay from = CRM_NO_DAY;

	if (PG_ARGISNULL(0))
		ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
						errmsg("stage_table must not be null")));
	stage_table = PG_GETARG_OID(0);
	if (!PG_ARGISNULL(1))
	{
		if (DATE_NOT_FINITE(PG_GETARG_DATEADT(1)))
			ereport(ERROR, (errcode(ERRCODE_DATETIME_VALUE_OUT_OF_RANGE),
							errmsg("from_day must be finite"),
							errhint("Leave it out for all days.")));
		from = PG_GETARG_DATEADT(1);
	}
	crm_refuse_on_standby();
	crm_lock_own_stage(stage_table);
	SPI_connect();
	recount(crm_load_newest_definition(stage_table), from);
	SPI_finish();
	PG_RETURN_VOID();
}

PG_FUNCTION_INFO_V1(crm_verify_figures);

/* (stage_table): rows (cell, stored, expected) */
Datum
crm_verify_figures(PG_FUNCTION_ARGS)
{
	Oid					stage_table = PG_GETARG_OID(0);
	CrmStageTally		tally;
	CrmStageDefinition *definition;

	crm_require_stage_owner(stage_table);
	InitMaterializedSRF(fcinfo, 0);
	PushActiveSnapshot(GetTransactionSnapshot());
	definition = crm_load_definition(stage_table);
	/* it may have been created in the meantime */
	crm_require_stage_owner(stage_table);
	require_figures(definition, definition->refreshed_day);
	SPI_connect();
	crm_stage_tally_init(&tally, definition);
	tally_stored(&tally, definition->refreshed_day, true);
	crm_stage_tally_compare(&tally, (ReturnSetInfo *) fcinfo->resultinfo);
	SPI_finish();
	PopActiveSnapshot();
	return (Datum) 0;
}
