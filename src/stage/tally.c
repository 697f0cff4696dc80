/*
 * tally.c
 *		What the rows of a stage table add up to, kept by differences.
 *
 *		table			a row for each
 *		tally			stage table
 *		tally_stage		stage
 *		tally_orders	number of orders, up to 11
 *		tally_day		day of the first order
 *		tally_cohort	month of the first order, months since
 *
 * They are written in the transaction that writes the rows, so no crash comes
 * in between.  Cells in which nobody is left stay, as zeros, until everybody is
 * counted anew.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "lib/stringinfo.h"
#include "utils/builtins.h"
#include "utils/date.h"
#include "utils/datum.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "functions/history.h"
#include "functions/numeric_money.h"
#include "stage/columns.h"
#include "stage/sheet.h"
#include "stage/statement.h"
#include "stage/tally.h"

void
crm_stage_tally_init(CrmStageTally *tally, const CrmStageDefinition *definition)
{
	tally->definition = definition;
	tally->context = CurrentMemoryContext;
	crm_tally_init(&tally->cells);
	tally->stage_count = 0;
	tally->stage_space = 16;
	tally->stages = palloc(sizeof(CrmStageCount) * tally->stage_space);
}

/* ----- rows ----- */

/*
 * Of a row that its owner has written a value is not there, it may be.  What was
 * counted of it is not known any more: see crmlife.verify_figures.
 */
static void
count_stage(CrmStageTally *tally, const CrmStageRow *row, int sign)
{
	Datum		   value = row->values[CRM_COLUMN_STAGE];
	text		  *stage;
	int			   length;
	CrmStageCount *count;

	if (row->nulls[CRM_COLUMN_STAGE])
		return;
	stage = DatumGetTextPP(value);
	length = VARSIZE_ANY_EXHDR(stage);
	for (int i = 0; i < tally->stage_count; i++)
		if (tally->stages[i].length == length &&
			memcmp(tally->stages[i].stage, VARDATA_ANY(stage), length) == 0)
		{
			tally->stages[i].customers += sign;
			return;
		}
	if (tally->stage_count == tally->stage_space)
	{
		tally->stage_space *= 2;
		tally->stages =
			repalloc(tally->stages, sizeof(CrmStageCount) * tally->stage_space);
	}
	count = &tally->stages[tally->stage_count++];
	count->stage =
		MemoryContextStrdup(tally->context, TextDatumGetCString(value));
	count->length = length;
	count->customers = sign;
}

static int64
whole(const CrmStageRow *row, CrmStageColumnNumber column)
{
	return row->nulls[column] ? 0 : DatumGetInt64(row->values[column]);
}

static CrmMoney
revenue(const CrmStageRow *row)
{
	return row->nulls[CRM_COLUMN_REVENUE]
			   ? crm_money_from_int64(0)
			   : crm_money_from_numeric_datum(row->values[CRM_COLUMN_REVENUE]);
}

static void
add_cells(CrmStageTally *tally, const CrmStageRow *row, CrmDay day, int sign)
{
	CrmTallyRow		facts;
	CrmPurchaseView view;
	bool			history =
		tally->definition->keep_history && !row->nulls[CRM_COLUMN_HISTORY];
	MemoryContext old;

	/* what is unpacked goes with the row */
	if (history)
		crm_history_open(&view, row->values[CRM_COLUMN_HISTORY]);
	facts.orders = whole(row, CRM_COLUMN_ORDERS);
	facts.order_days = whole(row, CRM_COLUMN_ORDER_DAYS);
	facts.first_order_at = whole(row, CRM_COLUMN_FIRST_ORDER_AT);
	facts.last_order_at = whole(row, CRM_COLUMN_LAST_ORDER_AT);
	old = MemoryContextSwitchTo(tally->context);
	facts.revenue = revenue(row);
	crm_tally_add_row(&tally->cells, &facts, sign);
	if (history)
		crm_tally_add_history(&tally->cells, &view, day, sign);
	MemoryContextSwitchTo(old);
}

void
crm_stage_tally_add(CrmStageTally *tally, const CrmStageRow *row, CrmDay day,
					int sign)
{
	count_stage(tally, row, sign);
	add_cells(tally, row, day, sign);
}

static bool
same_value(const CrmStageRow *a, const CrmStageRow *b,
		   CrmStageColumnNumber column)
{
	bool by_value = column == CRM_COLUMN_ORDERS ||
					column == CRM_COLUMN_ORDER_DAYS ||
					column == CRM_COLUMN_FIRST_ORDER_AT ||
					column == CRM_COLUMN_LAST_ORDER_AT;

	if (a->nulls[column] || b->nulls[column])
		return a->nulls[column] && b->nulls[column];
	return datum_image_eq(a->values[column], b->values[column], by_value,
						  by_value ? sizeof(int64) : -1);
}

/*
 * Where nothing of these differs, nothing else became visible that cells know
 * of: an order adds to the orders, a refund takes off revenue.
 */
static bool
same_cells(const CrmStageTally *tally, const CrmStageRow *a,
		   const CrmStageRow *b)
{
	static const CrmStageColumnNumber columns[] = {
		CRM_COLUMN_ORDERS,		  CRM_COLUMN_ORDER_DAYS,
		CRM_COLUMN_REVENUE,		  CRM_COLUMN_FIRST_ORDER_AT,
		CRM_COLUMN_LAST_ORDER_AT, CRM_COLUMN_HISTORY};

	for (int i = 0; i < lengthof(columns); i++)
		if ((columns[i] != CRM_COLUMN_HISTORY ||
			 tally->definition->keep_history) &&
			!same_value(a, b, columns[i]))
			return false;
	return true;
}

void
crm_stage_tally_move(CrmStageTally *tally, const CrmStageRow *before,
					 CrmDay then, const CrmStageRow *row, CrmDay day)
{
	if (before)
		count_stage(tally, before, -1);
	if (row)
		count_stage(tally, row, 1);
	if (before && row && same_cells(tally, before, row))
		return;
	if (before)
		add_cells(tally, before, then, -1);
	if (row)
		add_cells(tally, row, day, 1);
}

/* ----- tables ----- */

#define MAX_COLUMNS 10

/* keys first, then what is added up */
typedef struct TallyTable
{
	const char *name;
	void (*fill)(CrmStageTally *tally, CrmSheet *sheet);
	int			keys;
	int			columns;
	const char *column[MAX_COLUMNS];
	Oid			type[MAX_COLUMNS];
} TallyTable;

static void
fill_sums(CrmStageTally *tally, CrmSheet *sheet)
{
	const CrmTally *cells = &tally->cells;
	const int64		counts[] = {cells->customers, cells->paying, cells->repeat,
								cells->orders};

	crm_sheet_new_row(sheet);
	for (int i = 0; i < lengthof(counts); i++)
		crm_sheet_set_count(sheet, i, counts[i]);
	crm_sheet_set_money(sheet, 4, cells->revenue);
	crm_sheet_set_count(sheet, 5, cells->gaps);
	crm_sheet_set_count(sheet, 6, cells->gap_days);
	crm_sheet_set_count(sheet, 7, cells->order_gaps);
	crm_sheet_set_money(sheet, 8, cells->order_gap_seconds);
}

static void
fill_stages(CrmStageTally *tally, CrmSheet *sheet)
{
	for (int i = 0; i < tally->stage_count; i++)
	{
		if (tally->stages[i].customers == 0)
			continue;
		crm_sheet_new_row(sheet);
		crm_sheet_set_text(sheet, 0, tally->stages[i].stage);
		crm_sheet_set_count(sheet, 1, tally->stages[i].customers);
	}
}

static void
fill_orders(CrmStageTally *tally, CrmSheet *sheet)
{
	for (int i = 1; i <= CRM_TALLY_ORDERS; i++)
	{
		if (tally->cells.by_orders[i] == 0)
			continue;
		crm_sheet_new_row(sheet);
		crm_sheet_set(sheet, 0, Int32GetDatum(i));
		crm_sheet_set_count(sheet, 1, tally->cells.by_orders[i]);
	}
}

static bool
all_zero(const CrmCell *cell, int counts)
{
	for (int i = 0; i < counts; i++)
		if (cell->count[i] != 0)
			return false;
	return true;
}

static void
fill_days(CrmStageTally *tally, CrmSheet *sheet)
{
	CrmTotals *days = &tally->cells.days;

	crm_totals_sort(days);
	for (size_t i = 0; i < days->cells; i++)
	{
		const CrmCell *cell = crm_totals_sorted(days, i);

		if (all_zero(cell, CRM_TALLY_DAY_COUNTS))
			continue;
		crm_sheet_new_row(sheet);
		crm_sheet_set(sheet, 0, DateADTGetDatum(cell->row));
		for (int c = 0; c < CRM_TALLY_DAY_COUNTS; c++)
			crm_sheet_set_count(sheet, 1 + c, cell->count[c]);
	}
}

static void
fill_cohorts(CrmStageTally *tally, CrmSheet *sheet)
{
	CrmTotals *cohorts = &tally->cells.cohorts;

	crm_totals_sort(cohorts);
	for (size_t i = 0; i < cohorts->cells; i++)
	{
		CrmCell *cell = crm_totals_sorted(cohorts, i);
		CrmMoney revenue = *crm_cell_sum(cohorts, cell);

		if (all_zero(cell, CRM_TALLY_COHORT_COUNTS) &&
			crm_money_sign(revenue) == 0)
			continue;
		crm_sheet_new_row(sheet);
		crm_sheet_set(
			sheet, 0,
			DateADTGetDatum(crm_period_from_index(cell->row, CRM_UNIT_MONTH)));
		crm_sheet_set(sheet, 1, Int32GetDatum(cell->column));
		crm_sheet_set_count(sheet, 2, cell->count[CRM_TALLY_ACTIVE]);
		crm_sheet_set_count(sheet, 3, cell->count[CRM_TALLY_COHORT_ORDERS]);
		crm_sheet_set_money(sheet, 4, revenue);
	}
}

/* the first is all that a day which passes can touch */
static const TallyTable tables[] = {
	{.name = "tally_stage",
	 .fill = fill_stages,
	 .keys = 1,
	 .columns = 2,
	 .column = {"stage", "customers"},
	 .type = {TEXTOID, INT8OID}},
	{.name = "tally",
	 .fill = fill_sums,
	 .columns = 9,
	 .column = {"customers", "paying_customers", "repeat_customers", "orders",
				"revenue", "gaps", "gap_days", "order_gaps",
				"order_gap_seconds"},
	 .type = {INT8OID, INT8OID, INT8OID, INT8OID, NUMERICOID, INT8OID, INT8OID,
			  INT8OID, NUMERICOID}},
	{.name = "tally_orders",
	 .fill = fill_orders,
	 .keys = 1,
	 .columns = 2,
	 .column = {"orders", "customers"},
	 .type = {INT4OID, INT8OID}},
	{.name = "tally_day",
	 .fill = fill_days,
	 .keys = 1,
	 .columns = 1 + CRM_TALLY_DAY_COUNTS,
	 .column = {"first_day", "customers", "seen", "decision_days", "again_30",
				"again_45", "again_60", "again_90", "again_180", "again_365"},
	 .type = {DATEOID, INT8OID, INT8OID, INT8OID, INT8OID, INT8OID, INT8OID,
			  INT8OID, INT8OID, INT8OID}},
	{.name = "tally_cohort",
	 .fill = fill_cohorts,
	 .keys = 2,
	 .columns = 5,
	 .column = {"cohort", "period", "customers", "orders", "revenue"},
	 .type = {DATEOID, INT4OID, INT8OID, INT8OID, NUMERICOID}}};

static void
append_unnest(StringInfo sql, const TallyTable *table)
{
	appendStringInfoString(sql, "unnest(");
	for (int i = 0; i < table->columns; i++)
		appendStringInfo(sql, "%s$%d", i > 0 ? ", " : "", i + 2);
	appendStringInfoString(sql, ")");
}

static char *
upsert(const TallyTable *table)
{
	StringInfoData sql;

	initStringInfo(&sql);
	appendStringInfo(&sql, "INSERT INTO crmlife.%s AS t SELECT $1, * FROM ",
					 table->name);
	append_unnest(&sql, table);
	appendStringInfoString(&sql, " ON CONFLICT (stage_table");
	for (int i = 0; i < table->keys; i++)
		appendStringInfo(&sql, ", %s", table->column[i]);
	appendStringInfoString(&sql, ") DO UPDATE SET ");
	for (int i = table->keys; i < table->columns; i++)
		appendStringInfo(&sql, "%s%s = t.%s + excluded.%s",
						 i > table->keys ? ", " : "", table->column[i],
						 table->column[i], table->column[i]);
	return sql.data;
}

static void
write_table(CrmStageTally *tally, const TallyTable *table)
{
	CrmSheet sheet;

	crm_sheet_init(&sheet, table->columns, table->type);
	table->fill(tally, &sheet);
	crm_sheet_write(&sheet, tally->definition->stage_table, upsert(table),
					SPI_OK_INSERT);
}

static void
forget(const TallyTable *table, Oid stage_table)
{
	Oid			types[1] = {OIDOID};
	Datum		values[1] = {ObjectIdGetDatum(stage_table)};
	CrmIdentity saved;

	crm_become_catalog_owner(&saved);
	crm_execute(
		psprintf("DELETE FROM crmlife.%s WHERE stage_table = $1", table->name),
		1, types, values, NULL, SPI_OK_DELETE);
	crm_revert_identity(&saved);
}

/* nothing changed but stages, as on most days that pass */
static bool
cells_stay(const CrmTally *cells)
{
	return cells->days.cells == 0 && cells->cohorts.cells == 0 &&
		   cells->customers == 0 && crm_money_sign(cells->revenue) == 0;
}

void
crm_stage_tally_write(CrmStageTally *tally, bool anew)
{
	int count = !anew && cells_stay(&tally->cells) ? 1 : lengthof(tables);

	for (int i = 0; i < count; i++)
	{
		if (anew)
			forget(&tables[i], tally->definition->stage_table);
		write_table(tally, &tables[i]);
	}
}

/* ----- is it what the rows add up to? ----- */

static void
append_columns(StringInfo sql, const TallyTable *table, const char *of)
{
	appendStringInfoString(sql, "concat_ws(' '");
	for (int i = table->keys; i < table->columns; i++)
		appendStringInfo(sql, ", %s.%s", of, table->column[i]);
	appendStringInfoString(sql, ")");
}

/* a cell that is not there is as good as one of zeros */
static char *
comparison(const TallyTable *table)
{
	StringInfoData sql;

	initStringInfo(&sql);
	appendStringInfo(&sql, "SELECT concat_ws(' ', '%s'", table->name);
	for (int i = 0; i < table->keys; i++)
		appendStringInfo(&sql, ", coalesce(t.%s, e.%s)", table->column[i],
						 table->column[i]);
	appendStringInfoString(&sql, "), ");
	append_columns(&sql, table, "t");
	appendStringInfoString(&sql, ", ");
	append_columns(&sql, table, "e");
	appendStringInfo(&sql,
					 " FROM (SELECT * FROM crmlife.%s WHERE stage_table = $1) "
					 "t FULL JOIN ",
					 table->name);
	append_unnest(&sql, table);
	appendStringInfoString(&sql, " AS e(");
	for (int i = 0; i < table->columns; i++)
		appendStringInfo(&sql, "%s%s", i > 0 ? ", " : "", table->column[i]);
	appendStringInfoString(&sql, ") ON true");
	for (int i = 0; i < table->keys; i++)
		appendStringInfo(&sql, " AND t.%s = e.%s", table->column[i],
						 table->column[i]);
	appendStringInfoString(&sql, " WHERE false");
	for (int i = table->keys; i < table->columns; i++)
		appendStringInfo(&sql, " OR coalesce(t.%s, 0) <> coalesce(e.%s, 0)",
						 table->column[i], table->column[i]);
	appendStringInfoString(&sql, " ORDER BY 1");
	return sql.data;
}

static void
put_differences(ReturnSetInfo *result)
{
	for (uint64 i = 0; i < SPI_processed; i++)
	{
		Datum values[3];
		bool  nulls[3];

		for (int column = 0; column < lengthof(values); column++)
			values[column] =
				SPI_getbinval(SPI_tuptable->vals[i], SPI_tuptable->tupdesc,
							  column + 1, &nulls[column]);
		tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
	}
}

void
crm_stage_tally_compare(CrmStageTally *tally, ReturnSetInfo *result)
{
	for (int i = 0; i < lengthof(tables); i++)
	{
		CrmSheet sheet;

		crm_sheet_init(&sheet, tables[i].columns, tables[i].type);
		tables[i].fill(tally, &sheet);
		crm_sheet_read(&sheet, tally->definition->stage_table,
					   comparison(&tables[i]));
		put_differences(result);
	}
}

/* ----- the stages ----- */

int64 *
crm_stage_tally_stages(const CrmStageDefinition *definition)
{
	const CrmModel *model = definition->model;
	int				stages = crm_model_stage_count(model);
	int64		   *counts = palloc0(sizeof(int64) * stages);
	Oid				types[1] = {OIDOID};
	Datum			values[1] = {ObjectIdGetDatum(definition->stage_table)};
	CrmIdentity		saved;

	crm_become_catalog_owner(&saved);
	crm_execute("SELECT stage, customers FROM crmlife.tally_stage "
				"WHERE stage_table = $1",
				1, types, values, NULL, SPI_OK_SELECT);
	crm_revert_identity(&saved);
	for (uint64 i = 0; i < SPI_processed; i++)
	{
		HeapTuple tuple = SPI_tuptable->vals[i];
		TupleDesc row = SPI_tuptable->tupdesc;
		char	 *name = SPI_getvalue(tuple, row, 1);
		bool	  isnull;

		for (int stage = 0; stage < stages; stage++)
			if (strcmp(crm_model_stage_name(model, stage), name) == 0)
				counts[stage] =
					DatumGetInt64(SPI_getbinval(tuple, row, 2, &isnull));
	}
	return counts;
}
