/*
 * figures.c
 *		What is kept about a stage table as a whole.
 *
 *		stage table --a day is over-----> counts by stage, cohorts, funnel
 *		            --a week is over----> weekly figures, flow
 *		            --an hour is over---> overview
 *
 * Past days and weeks are worked out from the histories: all of them when the
 * stage table is new, those in between when nobody refreshed it for a while.
 * What was published of a day or a week stays as it was, but for the figures
 * by days since the last order: they depend on no model, and late orders are
 * taken into them with each new week.
 *
 * Invariant: crmlife.figures_state says up to which day they go; days and weeks
 * that are not over then have no figures.
 */
#include "postgres.h"

#include "access/transam.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/date.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"

#include "engine/weekly.h"
#include "functions/numeric_money.h"
#include "stage/figures.h"
#include "stage/histories.h"
#include "stage/row.h"
#include "stage/stage.h"

/* how far back: 20 years, whatever dates the sources have */
#define MAX_WEEKS 1040

typedef struct Figures
{
	const CrmStageDefinition *definition;
	CrmDay					  day;	/* not over yet */
	CrmDay					  then; /* up to which they went; CRM_NO_DAY */
} Figures;

/* ----- rows on their way to a table ----- */

#define MAX_COLUMNS 16

typedef struct Sheet
{
	int	   columns;
	Oid	   types[MAX_COLUMNS];
	Datum *values[MAX_COLUMNS];
	bool  *nulls[MAX_COLUMNS];
	int	   count;
	int	   space;
} Sheet;

static void
sheet_init(Sheet *sheet, int columns, const Oid *types)
{
	sheet->columns = columns;
	sheet->count = 0;
	sheet->space = 256;
	for (int i = 0; i < columns; i++)
	{
		sheet->types[i] = types[i];
		sheet->values[i] = palloc(sizeof(Datum) * sheet->space);
		sheet->nulls[i] = palloc(sizeof(bool) * sheet->space);
	}
}

static void
sheet_new_row(Sheet *sheet)
{
	if (sheet->count == sheet->space)
	{
		sheet->space *= 2;
		for (int i = 0; i < sheet->columns; i++)
		{
			sheet->values[i] =
				repalloc_huge(sheet->values[i], sizeof(Datum) * sheet->space);
			sheet->nulls[i] =
				repalloc_huge(sheet->nulls[i], sizeof(bool) * sheet->space);
		}
	}
	for (int i = 0; i < sheet->columns; i++)
		sheet->nulls[i][sheet->count] = true;
	sheet->count++;
}

static void
sheet_set(Sheet *sheet, int column, Datum value)
{
	sheet->values[column][sheet->count - 1] = value;
	sheet->nulls[column][sheet->count - 1] = false;
}

static void
sheet_set_count(Sheet *sheet, int column, int64 value)
{
	sheet_set(sheet, column, Int64GetDatum(value));
}

static void
sheet_set_text(Sheet *sheet, int column, const char *value)
{
	if (value)
		sheet_set(sheet, column, CStringGetTextDatum(value));
}

static Datum
sheet_column(const Sheet *sheet, int column)
{
	int	  dims[1] = {sheet->count};
	int	  bounds[1] = {1};
	int16 length;
	bool  by_value;
	char  align;

	get_typlenbyvalalign(sheet->types[column], &length, &by_value, &align);
	return PointerGetDatum(construct_md_array(
		sheet->values[column], sheet->nulls[column], 1, dims, bounds,
		sheet->types[column], length, by_value, align));
}

/* the statement takes the stage table as $1 and the columns as $2 ... */
static void
sheet_write(const Figures *figures, const Sheet *sheet, const char *query)
{
	Oid			types[MAX_COLUMNS + 1] = {OIDOID};
	Datum		values[MAX_COLUMNS + 1];
	CrmIdentity saved;

	if (sheet->count == 0)
		return;
	values[0] = ObjectIdGetDatum(figures->definition->stage_table);
	for (int i = 0; i < sheet->columns; i++)
	{
		types[i + 1] = get_array_type(sheet->types[i]);
		values[i + 1] = sheet_column(sheet, i);
	}
	crm_become_catalog_owner(&saved);
	crm_execute(query, sheet->columns + 1, types, values, NULL, SPI_OK_INSERT);
	crm_revert_identity(&saved);
}

/*
 * What is read as the stage table's owner is written as another: a cast of the
 * owner's own, which a type of the owner's could bring along, would run as that
 * one.
 */
static Oid
builtin_type(const Figures *figures, Oid type)
{
	if (type >= FirstUnpinnedObjectId)
		ereport(
			ERROR,
			(errcode(ERRCODE_DATATYPE_MISMATCH),
			 errmsg("columns of stage table %s have other types than they "
					"were created with",
					figures->definition->table_name),
			 errdetail("A figure would be of type %s.", format_type_be(type)),
			 errhint("Drop the stage table with crmlife.drop_stage_table "
					 "and create it again.")));
	return type;
}

/* what a query over the stage table gives, as its owner sees it */
static void
sheet_read(const Figures *figures, Sheet *sheet, const char *query)
{
	CrmIdentity saved;
	Oid			types[1] = {DATEOID};
	Datum		values[1] = {DateADTGetDatum(figures->day)};
	Oid			columns[MAX_COLUMNS];
	TupleDesc	row;

	crm_become_table_owner(figures->definition, &saved);
	crm_execute(query, 1, types, values, NULL, SPI_OK_SELECT);
	crm_revert_identity(&saved);
	row = SPI_tuptable->tupdesc;
	for (int i = 0; i < row->natts; i++)
		columns[i] = builtin_type(figures, SPI_gettypeid(row, i + 1));
	sheet_init(sheet, row->natts, columns);
	for (uint64 i = 0; i < SPI_processed; i++)
	{
		sheet_new_row(sheet);
		for (int column = 0; column < row->natts; column++)
			sheet->values[column][i] =
				SPI_getbinval(SPI_tuptable->vals[i], row, column + 1,
							  &sheet->nulls[column][i]);
	}
}

/* from the stage table to a table of crmlife's */
static void
transfer(const Figures *figures, const char *read, const char *write)
{
	Sheet sheet;

	sheet_read(figures, &sheet, read);
	sheet_write(figures, &sheet, write);
}

/* $1 is the stage table, $2 a day */
static void
change(const Figures *figures, const char *query, CrmDay day, int expected)
{
	Oid			types[2] = {OIDOID, DATEOID};
	Datum		values[2];
	CrmIdentity saved;

	values[0] = ObjectIdGetDatum(figures->definition->stage_table);
	values[1] = DateADTGetDatum(day);
	crm_become_catalog_owner(&saved);
	crm_execute(query, 2, types, values, NULL, expected);
	crm_revert_identity(&saved);
}

/* ----- days ----- */

/* customers of a stage, as differences from the day before */
typedef struct Days
{
	CrmDay			first;
	int				days;
	const CrmModel *model;
	int				stages;
	int64		   *change; /* [days + 1][stages] */
} Days;

static void
days_init(Days *days, CrmDay first, CrmDay end, const CrmModel *model)
{
	days->first = first;
	days->days = end - first;
	days->model = model;
	days->stages = crm_model_stage_count(model);
	days->change =
		palloc0(sizeof(int64) * (days->days + 1) * (Size) days->stages);
}

static void
days_moved(void *context, CrmDay day, int from_stage, int to_stage,
		   bool by_event)
{
	Days  *days = context;
	int64 *change = days->change + (day - days->first) * (Size) days->stages;

	if (from_stage != CRM_ABSENT)
		change[from_stage]--;
	if (to_stage != CRM_ABSENT)
		change[to_stage]++;
}

static void
days_add(Days *days, const CrmStoredCustomer *customer)
{
	CrmDay from = days->first;
	CrmDay last = days->first + days->days - 1;

	if (customer->known_since > from)
		from = customer->known_since;
	if (from > last)
		return;
	days_moved(days, from, CRM_ABSENT,
			   crm_history_stage(&customer->history, days->model, from), false);
	crm_history_replay(&customer->history, days->model, from, last, days_moved,
					   days);
}

static void
days_write(const Figures *figures, const Days *days)
{
	static const Oid types[] = {DATEOID, TEXTOID, INT8OID, INT4OID};
	int64			*count = palloc0(sizeof(int64) * days->stages);
	Sheet			 sheet;

	sheet_init(&sheet, lengthof(types), types);
	for (int day = 0; day < days->days; day++)
		for (int stage = 0; stage < days->stages; stage++)
		{
			count[stage] += days->change[day * (Size) days->stages + stage];
			if (count[stage] == 0)
				continue;
			sheet_new_row(&sheet);
			sheet_set(&sheet, 0, DateADTGetDatum(days->first + day));
			sheet_set_text(&sheet, 1, crm_stage_name(days->model, stage));
			sheet_set_count(&sheet, 2, count[stage]);
			sheet_set(&sheet, 3,
					  Int32GetDatum(figures->definition->model_version));
		}
	sheet_write(figures, &sheet,
				"INSERT INTO crmlife.stage_snapshot (stage_table, day, stage, "
				"customers, model_version) SELECT $1, * "
				"FROM unnest($2, $3, $4, $5)");
}

/*
 * The day that has just ended, from the stage table of the next one: whoever
 * is in a stage since then was in the one before.
 */
static void
write_yesterday(const Figures *figures)
{
	transfer(figures,
			 psprintf("SELECT $1 - 1, s, count(*), %d FROM ("
					  "SELECT CASE WHEN since = $1 THEN previous_stage "
					  "ELSE stage END AS s FROM %s "
					  "WHERE known_since IS NULL OR known_since < $1) t "
					  "WHERE s IS NOT NULL GROUP BY 2",
					  figures->definition->model_version,
					  figures->definition->table_name),
			 "INSERT INTO crmlife.stage_snapshot (stage_table, day, stage, "
			 "customers, model_version) SELECT $1, * "
			 "FROM unnest($2, $3, $4, $5)");
}

/* ----- weeks ----- */

static const char *const loyalties[] = {NULL, "new", "returning"};

static void
put_cell(Sheet *sheet, int column, const CrmWeekCell *cell)
{
	sheet_set_count(sheet, column, cell->members);
	sheet_set_count(sheet, column + 1, cell->buyers);
	sheet_set_count(sheet, column + 2, cell->orders);
	sheet_set(sheet, column + 3,
			  NumericGetDatum(crm_numeric_from_money(cell->revenue)));
}

static void
put_week(Sheet *sheet, const CrmWeekly *weekly, int week)
{
	sheet_new_row(sheet);
	sheet_set(sheet, 0, DateADTGetDatum(weekly->first + 7 * week));
}

static void
put_band(Sheet *sheet, const CrmWeekly *weekly, int week, int band, int loyalty)
{
	const CrmWeekPair *recent = &weekly->recent[week * CRM_LOYALTIES + loyalty];
	const CrmWeekPair *matured = &weekly->matured[week];
	bool			   none = band == CRM_BAND_NONE;

	put_week(sheet, weekly, week);
	sheet_set(sheet, 1, Int32GetDatum(band + 1));
	sheet_set_text(sheet, 2, loyalties[loyalty]);
	put_cell(sheet, 3, crm_weekly_band(weekly, week, band, loyalty));
	/* nobody counts those who have not ordered yet by their orders */
	sheet->nulls[3][sheet->count - 1] = none;
	if (band != CRM_BAND_45)
		return;
	sheet_set_count(sheet, 7, recent->customers);
	sheet_set_count(sheet, 8, recent->again);
	if (loyalty != CRM_LOYALTY_NEW)
		return;
	sheet_set_count(sheet, 9, matured->customers);
	sheet_set_count(sheet, 10, matured->again);
}

static void
write_bands(const Figures *figures, const CrmWeekly *weekly)
{
	static const Oid types[] = {DATEOID, INT4OID, TEXTOID,	  INT8OID,
								INT8OID, INT8OID, NUMERICOID, INT8OID,
								INT8OID, INT8OID, INT8OID};
	Sheet			 sheet;

	sheet_init(&sheet, lengthof(types), types);
	for (int week = 0; week < weekly->weeks; week++)
	{
		for (int band = 0; band <= CRM_BAND_REST; band++)
			for (int loyalty = CRM_LOYALTY_NEW; loyalty < CRM_LOYALTIES;
				 loyalty++)
				put_band(&sheet, weekly, week, band, loyalty);
		put_band(&sheet, weekly, week, CRM_BAND_NONE, CRM_LOYALTY_NONE);
	}
	change(figures,
		   "DELETE FROM crmlife.weekly_band WHERE stage_table = $1 "
		   "AND week >= $2",
		   weekly->first, SPI_OK_DELETE);
	sheet_write(figures, &sheet,
				"INSERT INTO crmlife.weekly_band (stage_table, week, band, "
				"loyalty, members, buyers, orders, revenue, recent, "
				"recent_again, matured, matured_again) SELECT $1, * "
				"FROM unnest($2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)");
}

/* the last of a week's stages is: not known yet */
static const char *
week_stage(const CrmWeekly *weekly, int stage)
{
	return stage == weekly->stages - 1 ? NULL
									   : crm_stage_name(weekly->model, stage);
}

static bool
is_empty(const CrmWeekCell *cell)
{
	return cell->members == 0 && cell->orders == 0 &&
		   crm_money_sign(cell->revenue) == 0;
}

static void
put_stage(Sheet *sheet, const Figures *figures, const CrmWeekly *weekly,
		  int week, int stage, int loyalty)
{
	const CrmWeekCell *cell = crm_weekly_stage(weekly, week, stage, loyalty);
	const char		  *name = week_stage(weekly, stage);

	/* somebody not known yet is no member of anything */
	if (is_empty(cell) || (name == NULL && cell->orders == 0 &&
						   crm_money_sign(cell->revenue) == 0))
		return;
	put_week(sheet, weekly, week);
	sheet_set_text(sheet, 1, name);
	sheet_set_text(sheet, 2, loyalties[loyalty]);
	put_cell(sheet, 3, cell);
	sheet->nulls[3][sheet->count - 1] = name == NULL;
	sheet_set(sheet, 7, Int32GetDatum(figures->definition->model_version));
}

static void
write_stages(const Figures *figures, const CrmWeekly *weekly, int from)
{
	static const Oid types[] = {DATEOID, TEXTOID, TEXTOID,	  INT8OID,
								INT8OID, INT8OID, NUMERICOID, INT4OID};
	Sheet			 sheet;

	sheet_init(&sheet, lengthof(types), types);
	for (int week = from; week < weekly->weeks; week++)
		for (int stage = 0; stage < weekly->stages; stage++)
			for (int loyalty = 0; loyalty < CRM_LOYALTIES; loyalty++)
				put_stage(&sheet, figures, weekly, week, stage, loyalty);
	sheet_write(figures, &sheet,
				"INSERT INTO crmlife.weekly_stage (stage_table, week, stage, "
				"loyalty, members, buyers, orders, revenue, model_version) "
				"SELECT $1, * FROM unnest($2, $3, $4, $5, $6, $7, $8, $9)");
}

static void
put_flow(Sheet *sheet, const Figures *figures, const CrmWeekly *weekly,
		 int week, int from, int to)
{
	for (int loyalty = 0; loyalty < CRM_LOYALTIES; loyalty++)
	{
		int64 customers = *crm_weekly_flow(weekly, week, from, to, loyalty);

		if (customers == 0 || (from == to && from == weekly->stages - 1))
			continue;
		put_week(sheet, weekly, week);
		sheet_set_text(sheet, 1, week_stage(weekly, from));
		sheet_set_text(sheet, 2, week_stage(weekly, to));
		sheet_set_text(sheet, 3, loyalties[loyalty]);
		sheet_set_count(sheet, 4, customers);
		sheet_set(sheet, 5, Int32GetDatum(figures->definition->model_version));
	}
}

static void
write_flow(const Figures *figures, const CrmWeekly *weekly, int first)
{
	static const Oid types[] = {DATEOID, TEXTOID, TEXTOID,
								TEXTOID, INT8OID, INT4OID};
	Sheet			 sheet;

	sheet_init(&sheet, lengthof(types), types);
	for (int week = first; week < weekly->weeks; week++)
		for (int from = 0; from < weekly->stages; from++)
			for (int to = 0; to < weekly->stages; to++)
				put_flow(&sheet, figures, weekly, week, from, to);
	sheet_write(figures, &sheet,
				"INSERT INTO crmlife.weekly_flow (stage_table, week, "
				"from_stage, to_stage, loyalty, customers, model_version) "
				"SELECT $1, * FROM unnest($2, $3, $4, $5, $6, $7)");
}

/* ----- a run ----- */

/* what is counted in one pass over the histories */
typedef struct Pass
{
	bool	  of_days;
	bool	  of_weeks;
	Days	  days;
	CrmWeekly weekly;
} Pass;

static void
count_customer(void *context, const CrmStoredCustomer *customer)
{
	Pass *pass = context;

	if (pass->of_days)
		days_add(&pass->days, customer);
	if (pass->of_weeks)
		crm_weekly_add(&pass->weekly, &customer->view, &customer->history,
					   customer->known_since);
}

/* the first day that figures are worked out for */
static CrmDay
oldest_day(const Figures *figures)
{
	return crm_period_start(figures->day, CRM_UNIT_WEEK) - 7 * MAX_WEEKS;
}

/* the day on which the first customer became known, if it is not older */
static CrmDay
first_day(const Figures *figures)
{
	CrmIdentity saved;
	bool		isnull;
	Datum		value;

	crm_become_table_owner(figures->definition, &saved);
	crm_execute(psprintf("SELECT min(known_since) FROM %s",
						 figures->definition->table_name),
				0, NULL, NULL, NULL, SPI_OK_SELECT);
	crm_revert_identity(&saved);
	value =
		SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull);
	if (isnull || DatumGetDateADT(value) > figures->day)
		return figures->day;
	return Max(DatumGetDateADT(value), oldest_day(figures));
}

static void
plan_pass(const Figures *figures, Pass *pass)
{
	CrmDay first = first_day(figures);
	CrmDay monday = crm_period_start(first, CRM_UNIT_WEEK);
	CrmDay this_week = crm_period_start(figures->day, CRM_UNIT_WEEK);

	pass->of_weeks =
		monday < this_week &&
		(figures->then == CRM_NO_DAY ||
		 crm_period_start(figures->then, CRM_UNIT_WEEK) < this_week);
	if (pass->of_weeks)
		crm_weekly_init(&pass->weekly, monday, (this_week - monday) / 7,
						figures->definition->model);
	if (figures->then != CRM_NO_DAY)
		first = Max(figures->then, oldest_day(figures));
	pass->of_days = first < figures->day && figures->then != figures->day - 1;
	if (pass->of_days)
		days_init(&pass->days, first, figures->day, figures->definition->model);
}

/* the week from which on those of stages are still to be written */
static int
first_new_week(const Figures *figures, const CrmWeekly *weekly)
{
	if (figures->then == CRM_NO_DAY)
		return 0;
	return Max(
		0,
		(crm_period_start(figures->then, CRM_UNIT_WEEK) - weekly->first) / 7);
}

static void
count_days_and_weeks(const Figures *figures)
{
	MemoryContext context = AllocSetContextCreate(
		CurrentMemoryContext, "crmlife figures", ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);
	Pass		  pass = {0};
	CrmIdentity	  saved;

	if (figures->definition->keep_history)
		plan_pass(figures, &pass);
	if (pass.of_days || pass.of_weeks)
	{
		crm_become_table_owner(figures->definition, &saved);
		crm_for_each_history(figures->definition, CRM_NO_DAY, count_customer,
							 &pass);
		crm_revert_identity(&saved);
	}
	if (pass.of_days)
		days_write(figures, &pass.days);
	else if (figures->then == figures->day - 1)
		write_yesterday(figures);
	if (pass.of_weeks)
	{
		int first = first_new_week(figures, &pass.weekly);

		crm_weekly_finish(&pass.weekly);
		write_bands(figures, &pass.weekly);
		write_stages(figures, &pass.weekly, first);
		write_flow(figures, &pass.weekly, first);
	}
	MemoryContextSwitchTo(old);
	MemoryContextDelete(context);
}

/* the table went back in time */
static void
forget_days(const Figures *figures)
{
	CrmDay week = crm_period_start(figures->day, CRM_UNIT_WEEK);

	change(figures,
		   "DELETE FROM crmlife.stage_snapshot WHERE stage_table = $1 "
		   "AND day >= $2",
		   figures->day, SPI_OK_DELETE);
	change(figures,
		   "DELETE FROM crmlife.weekly_band WHERE stage_table = $1 "
		   "AND week >= $2",
		   week, SPI_OK_DELETE);
	change(figures,
		   "DELETE FROM crmlife.weekly_stage WHERE stage_table = $1 "
		   "AND week >= $2",
		   week, SPI_OK_DELETE);
	change(figures,
		   "DELETE FROM crmlife.weekly_flow WHERE stage_table = $1 "
		   "AND week >= $2",
		   week, SPI_OK_DELETE);
}

/* ----- the overview ----- */

/*
 * Of the buyers of the last 90 days with an order before or without any visit
 * up to the first order's day, nothing is known of how they decided.
 */
static void
write_overview(const Figures *figures)
{
	const char *first_visit = figures->definition->keep_history
								  ? "crmlife.history_first_visit(history)"
								  : "NULL::date";

	transfer(
		figures,
		psprintf(
			"SELECT $1, count(*), count(*) FILTER (WHERE orders > 0), "
			"count(*) FILTER (WHERE orders > 1), "
			"coalesce(sum(orders), 0)::bigint, coalesce(sum(revenue), 0), "
			"count(*) FILTER (WHERE is_new), "
			"count(*) FILTER (WHERE is_new AND seen <= first_order_at::date), "
			"coalesce(sum(first_order_at::date - seen) FILTER (WHERE is_new "
			"AND seen <= first_order_at::date), 0)::bigint, "
			"coalesce(sum(order_days - 1) FILTER (WHERE order_days > 1), "
			"0)::bigint, "
			"coalesce(sum(last_order_at::date - first_order_at::date), "
			"0)::bigint, "
			"coalesce(sum(orders - 1) FILTER (WHERE orders > 1), 0)::bigint, "
			"coalesce(sum(extract(epoch FROM last_order_at - "
			"first_order_at)), 0) "
			"FROM (SELECT orders, order_days, revenue, first_order_at, "
			"last_order_at, is_new, CASE WHEN is_new THEN %s END AS seen "
			"FROM (SELECT *, orders > 0 AND $1 - first_order_at::date < 90 "
			"AS is_new FROM %s) s) t",
			first_visit, figures->definition->table_name),
		"INSERT INTO crmlife.overview_log (stage_table, hour, day, customers, "
		"paying_customers, repeat_customers, orders, revenue, new_buyers, "
		"new_buyers_seen, decision_days, gaps, gap_days, order_gaps, "
		"order_gap_seconds) SELECT $1, date_trunc('hour', "
		"statement_timestamp()), * FROM unnest($2, $3, $4, $5, $6, $7, $8, $9, "
		"$10, $11, $12, $13, $14) "
		"ON CONFLICT (stage_table, hour) DO UPDATE SET day = excluded.day, "
		"customers = excluded.customers, paying_customers = "
		"excluded.paying_customers, repeat_customers = "
		"excluded.repeat_customers, orders = excluded.orders, revenue = "
		"excluded.revenue, new_buyers = excluded.new_buyers, new_buyers_seen "
		"= excluded.new_buyers_seen, decision_days = excluded.decision_days, "
		"gaps = excluded.gaps, gap_days = excluded.gap_days, order_gaps = "
		"excluded.order_gaps, order_gap_seconds = excluded.order_gap_seconds");
}

/* ----- cohorts and funnel ----- */

static void
write_cohorts(const Figures *figures)
{
	Oid table = figures->definition->stage_table;

	change(figures,
		   "DELETE FROM crmlife.cohort_log WHERE stage_table = $1 "
		   "AND $2 IS NOT NULL",
		   figures->day, SPI_OK_DELETE);
	transfer(figures,
			 psprintf("SELECT * FROM crmlife._cohort_rows(%u, $1)", table),
			 "INSERT INTO crmlife.cohort_log SELECT $1, * "
			 "FROM unnest($2, $3, $4, $5, $6, $7, $8)");
	change(figures,
		   "DELETE FROM crmlife.second_purchase_log WHERE stage_table = $1 "
		   "AND $2 IS NOT NULL",
		   figures->day, SPI_OK_DELETE);
	transfer(
		figures,
		psprintf("SELECT * FROM crmlife._second_purchase_rows(%u, $1)", table),
		"INSERT INTO crmlife.second_purchase_log SELECT $1, * "
		"FROM unnest($2, $3, $4, $5, $6)");
}

static void
write_funnel(const Figures *figures)
{
	change(figures,
		   "DELETE FROM crmlife.funnel_log WHERE stage_table = $1 "
		   "AND $2 IS NOT NULL",
		   figures->day, SPI_OK_DELETE);
	transfer(figures,
			 psprintf("SELECT * FROM crmlife._funnel_rows(%u, $1)",
					  figures->definition->stage_table),
			 "INSERT INTO crmlife.funnel_log SELECT $1, * "
			 "FROM unnest($2, $3, $4, $5)");
}

/* ----- all of it ----- */

/* false: there is nothing to do */
static bool
read_state(Figures *figures, bool *new_hour)
{
	Oid			types[1] = {OIDOID};
	Datum		values[1];
	CrmIdentity saved;
	bool		isnull;

	figures->then = CRM_NO_DAY;
	*new_hour = true;
	values[0] = ObjectIdGetDatum(figures->definition->stage_table);
	crm_become_catalog_owner(&saved);
	if (crm_execute("SELECT day, hour < date_trunc('hour', "
					"statement_timestamp()) FROM crmlife.figures_state "
					"WHERE stage_table = $1",
					1, types, values, NULL, SPI_OK_SELECT) > 0)
	{
		HeapTuple tuple = SPI_tuptable->vals[0];
		TupleDesc row = SPI_tuptable->tupdesc;

		figures->then = DatumGetDateADT(SPI_getbinval(tuple, row, 1, &isnull));
		*new_hour = DatumGetBool(SPI_getbinval(tuple, row, 2, &isnull));
	}
	crm_revert_identity(&saved);
	return figures->then != figures->day || *new_hour;
}

static void
write_state(const Figures *figures)
{
	change(figures,
		   "INSERT INTO crmlife.figures_state (stage_table, day, hour) "
		   "VALUES ($1, $2, date_trunc('hour', statement_timestamp())) "
		   "ON CONFLICT (stage_table) DO UPDATE SET day = excluded.day, "
		   "hour = excluded.hour",
		   figures->day, SPI_OK_INSERT);
}

void
crm_figures_update(const CrmStageDefinition *definition, CrmDay day)
{
	Figures figures = {.definition = definition, .day = day};
	bool	new_hour;

	if (!read_state(&figures, &new_hour))
		return;
	/* the rows that the run has just written are seen */
	CommandCounterIncrement();
	if (figures.then != CRM_NO_DAY && day < figures.then)
		forget_days(&figures);
	else if (figures.then != day)
		count_days_and_weeks(&figures);
	if (figures.then != day)
	{
		if (definition->keep_history)
			write_cohorts(&figures);
		write_funnel(&figures);
	}
	write_overview(&figures);
	write_state(&figures);
}
