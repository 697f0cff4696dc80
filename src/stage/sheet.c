/*
 * sheet.c
 *		Rows on their way to one of crmlife's own tables, as columns.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"

#include "functions/numeric_money.h"
#include "stage/sheet.h"
#include "stage/statement.h"

void
crm_sheet_init(CrmSheet *sheet, int columns, const Oid *types)
{
	Assert(columns <= CRM_SHEET_COLUMNS);
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

void
crm_sheet_new_row(CrmSheet *sheet)
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

void
crm_sheet_set(CrmSheet *sheet, int column, Datum value)
{
	sheet->values[column][sheet->count - 1] = value;
	sheet->nulls[column][sheet->count - 1] = false;
}

void
crm_sheet_set_count(CrmSheet *sheet, int column, int64 value)
{
	crm_sheet_set(sheet, column, Int64GetDatum(value));
}

void
crm_sheet_set_text(CrmSheet *sheet, int column, const char *value)
{
	if (value)
		crm_sheet_set(sheet, column, CStringGetTextDatum(value));
}

void
crm_sheet_set_money(CrmSheet *sheet, int column, CrmMoney value)
{
	crm_sheet_set(sheet, column,
				  NumericGetDatum(crm_numeric_from_money(value)));
}

void
crm_sheet_set_null(CrmSheet *sheet, int column)
{
	sheet->nulls[column][sheet->count - 1] = true;
}

static Datum
column_array(const CrmSheet *sheet, int column)
{
	int	  dims[1] = {sheet->count};
	int	  bounds[1] = {1};
	int16 length;
	bool  by_value;
	char  align;

	if (sheet->count == 0)
		return PointerGetDatum(construct_empty_array(sheet->types[column]));
	get_typlenbyvalalign(sheet->types[column], &length, &by_value, &align);
	return PointerGetDatum(construct_md_array(
		sheet->values[column], sheet->nulls[column], 1, dims, bounds,
		sheet->types[column], length, by_value, align));
}

static void
set_parameters(const CrmSheet *sheet, Oid stage_table, Oid *types,
			   Datum *values)
{
	types[0] = OIDOID;
	values[0] = ObjectIdGetDatum(stage_table);
	for (int i = 0; i < sheet->columns; i++)
	{
		types[i + 1] = get_array_type(sheet->types[i]);
		values[i + 1] = column_array(sheet, i);
	}
}

uint64
crm_sheet_write(const CrmSheet *sheet, Oid stage_table, const char *query,
				int expected)
{
	Oid			types[CRM_SHEET_COLUMNS + 1];
	Datum		values[CRM_SHEET_COLUMNS + 1];
	CrmIdentity saved;
	uint64		rows;

	if (sheet->count == 0)
		return 0;
	set_parameters(sheet, stage_table, types, values);
	crm_become_catalog_owner(&saved);
	rows =
		crm_execute(query, sheet->columns + 1, types, values, NULL, expected);
	crm_revert_identity(&saved);
	return rows;
}

void
crm_sheet_read(const CrmSheet *sheet, Oid stage_table, const char *query)
{
	Oid			types[CRM_SHEET_COLUMNS + 1];
	Datum		values[CRM_SHEET_COLUMNS + 1];
	CrmIdentity saved;

	set_parameters(sheet, stage_table, types, values);
	crm_become_catalog_owner(&saved);
	crm_query(query, sheet->columns + 1, types, values);
	crm_revert_identity(&saved);
}
