/*
 * weeks.c
 *		Weekly figures on their way to crmlife's tables.
 *
 * Invariant: cells that nobody was in have no row, but for those of bands,
 * which are there each week.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "utils/date.h"

#include "stage/row.h"
#include "stage/sheet.h"
#include "stage/statement.h"
#include "stage/weeks.h"

static const char *const loyalties[] = {NULL, "new", "returning"};

static void
put_cell(CrmSheet *sheet, int column, const CrmWeekCell *cell)
{
	crm_sheet_set_count(sheet, column, cell->members);
	crm_sheet_set_count(sheet, column + 1, cell->buyers);
	crm_sheet_set_count(sheet, column + 2, cell->orders);
	crm_sheet_set_money(sheet, column + 3, cell->revenue);
}

static void
put_week(CrmSheet *sheet, const CrmWeekly *weekly, int week)
{
	crm_sheet_new_row(sheet);
	crm_sheet_set(sheet, 0, DateADTGetDatum(weekly->first + 7 * week));
}

static void
put_band(CrmSheet *sheet, const CrmWeekly *weekly, int week, int band,
		 int loyalty)
{
	const CrmWeekPair *recent = &weekly->recent[week * CRM_LOYALTIES + loyalty];
	const CrmWeekPair *matured = &weekly->matured[week];
	bool			   none = band == CRM_BAND_NONE;

	put_week(sheet, weekly, week);
	crm_sheet_set(sheet, 1, Int32GetDatum(band + 1));
	crm_sheet_set_text(sheet, 2, loyalties[loyalty]);
	put_cell(sheet, 3, crm_weekly_band(weekly, week, band, loyalty));
	/* nobody counts those who have not ordered yet by their orders */
	if (none)
		crm_sheet_set_null(sheet, 3);
	if (band != CRM_BAND_45)
		return;
	crm_sheet_set_count(sheet, 7, recent->customers);
	crm_sheet_set_count(sheet, 8, recent->again);
	if (loyalty != CRM_LOYALTY_NEW)
		return;
	crm_sheet_set_count(sheet, 9, matured->customers);
	crm_sheet_set_count(sheet, 10, matured->again);
}

static uint64
write_bands(const CrmStageDefinition *definition, const CrmWeekly *weekly)
{
	static const Oid types[] = {DATEOID, INT4OID, TEXTOID,	  INT8OID,
								INT8OID, INT8OID, NUMERICOID, INT8OID,
								INT8OID, INT8OID, INT8OID};
	CrmSheet		 sheet;

	crm_sheet_init(&sheet, lengthof(types), types);
	for (int week = 0; week < weekly->weeks; week++)
	{
		for (int band = 0; band <= CRM_BAND_REST; band++)
			for (int loyalty = CRM_LOYALTY_NEW; loyalty < CRM_LOYALTIES;
				 loyalty++)
				put_band(&sheet, weekly, week, band, loyalty);
		put_band(&sheet, weekly, week, CRM_BAND_NONE, CRM_LOYALTY_NONE);
	}
	return crm_sheet_write(
		&sheet, definition->stage_table,
		"INSERT INTO crmlife.weekly_band (stage_table, week, band, "
		"loyalty, members, buyers, orders, revenue, recent, "
		"recent_again, matured, matured_again) SELECT $1, * "
		"FROM unnest($2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)",
		SPI_OK_INSERT);
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
put_stage(CrmSheet *sheet, const CrmStageDefinition *definition,
		  const CrmWeekly *weekly, int week, int stage, int loyalty)
{
	const CrmWeekCell *cell = crm_weekly_stage(weekly, week, stage, loyalty);
	const char		  *name = week_stage(weekly, stage);

	/* somebody not known yet is no member of anything */
	if (is_empty(cell) || (name == NULL && cell->orders == 0 &&
						   crm_money_sign(cell->revenue) == 0))
		return;
	put_week(sheet, weekly, week);
	crm_sheet_set_text(sheet, 1, name);
	crm_sheet_set_text(sheet, 2, loyalties[loyalty]);
	put_cell(sheet, 3, cell);
	if (name == NULL)
		crm_sheet_set_null(sheet, 3);
	crm_sheet_set(sheet, 7, Int32GetDatum(definition->model_version));
}

static uint64
write_stages(const CrmStageDefinition *definition, const CrmWeekly *weekly,
			 int from)
{
	static const Oid types[] = {DATEOID, TEXTOID, TEXTOID,	  INT8OID,
								INT8OID, INT8OID, NUMERICOID, INT4OID};
	CrmSheet		 sheet;

	crm_sheet_init(&sheet, lengthof(types), types);
	for (int week = from; week < weekly->weeks; week++)
		for (int stage = 0; stage < weekly->stages; stage++)
			for (int loyalty = 0; loyalty < CRM_LOYALTIES; loyalty++)
				put_stage(&sheet, definition, weekly, week, stage, loyalty);
	return crm_sheet_write(
		&sheet, definition->stage_table,
		"INSERT INTO crmlife.weekly_stage (stage_table, week, stage, "
		"loyalty, members, buyers, orders, revenue, model_version) "
		"SELECT $1, * FROM unnest($2, $3, $4, $5, $6, $7, $8, $9)",
		SPI_OK_INSERT);
}

static void
put_flow(CrmSheet *sheet, const CrmStageDefinition *definition,
		 const CrmWeekly *weekly, int week, int from, int to)
{
	for (int loyalty = 0; loyalty < CRM_LOYALTIES; loyalty++)
	{
		int64 customers = *crm_weekly_flow(weekly, week, from, to, loyalty);

		if (customers == 0 || (from == to && from == weekly->stages - 1))
			continue;
		put_week(sheet, weekly, week);
		crm_sheet_set_text(sheet, 1, week_stage(weekly, from));
		crm_sheet_set_text(sheet, 2, week_stage(weekly, to));
		crm_sheet_set_text(sheet, 3, loyalties[loyalty]);
		crm_sheet_set_count(sheet, 4, customers);
		crm_sheet_set(sheet, 5, Int32GetDatum(definition->model_version));
	}
}

static uint64
write_flow(const CrmStageDefinition *definition, const CrmWeekly *weekly,
		   int first)
{
	static const Oid types[] = {DATEOID, TEXTOID, TEXTOID,
								TEXTOID, INT8OID, INT4OID};
	CrmSheet		 sheet;

	crm_sheet_init(&sheet, lengthof(types), types);
	for (int week = first; week < weekly->weeks; week++)
		for (int from = 0; from < weekly->stages; from++)
			for (int to = 0; to < weekly->stages; to++)
				put_flow(&sheet, definition, weekly, week, from, to);
	return crm_sheet_write(
		&sheet, definition->stage_table,
		"INSERT INTO crmlife.weekly_flow (stage_table, week, "
		"from_stage, to_stage, loyalty, customers, model_version) "
		"SELECT $1, * FROM unnest($2, $3, $4, $5, $6, $7)",
		SPI_OK_INSERT);
}

/* what is there of the weeks from one on, in any of the tables */
static void
forget_weeks(const CrmStageDefinition *definition, const char *table,
			 CrmDay week)
{
	Oid			types[2] = {OIDOID, DATEOID};
	Datum		values[2] = {ObjectIdGetDatum(definition->stage_table),
							 DateADTGetDatum(week)};
	CrmIdentity saved;

	crm_become_catalog_owner(&saved);
	crm_execute(psprintf("DELETE FROM crmlife.%s WHERE stage_table = $1 "
						 "AND week >= $2",
						 table),
				2, types, values, NULL, SPI_OK_DELETE);
	crm_revert_identity(&saved);
}

uint64
crm_weeks_write(const CrmStageDefinition *definition, const CrmWeekly *weekly,
				int first)
{
	CrmDay week = weekly->first + 7 * first;

	/* all of them: the first orders may be gone */
	forget_weeks(definition, "weekly_band", DATEVAL_NOBEGIN);
	forget_weeks(definition, "weekly_stage", week);
	forget_weeks(definition, "weekly_flow", week);
	return write_bands(definition, weekly) +
		   write_stages(definition, weekly, first) +
		   write_flow(definition, weekly, first);
}
