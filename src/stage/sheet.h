/*
 * sheet.h
 *		Rows on their way to one of crmlife's own tables, as columns.
 */
#ifndef CRM_SHEET_H
#define CRM_SHEET_H

#include "postgres.h"

#include "engine/money.h"

#define CRM_SHEET_COLUMNS 16

typedef struct CrmSheet
{
	int	   columns;
	Oid	   types[CRM_SHEET_COLUMNS];
	Datum *values[CRM_SHEET_COLUMNS];
	bool  *nulls[CRM_SHEET_COLUMNS];
	int	   count;
	int	   space;
} CrmSheet;

extern void crm_sheet_init(CrmSheet *sheet, int columns, const Oid *types);
/* all of it NULL */
extern void crm_sheet_new_row(CrmSheet *sheet);
/* of the newest row; a text NULL stays NULL */
extern void crm_sheet_set(CrmSheet *sheet, int column, Datum value);
extern void crm_sheet_set_count(CrmSheet *sheet, int column, int64 value);
extern void crm_sheet_set_text(CrmSheet *sheet, int column, const char *value);
extern void crm_sheet_set_money(CrmSheet *sheet, int column, CrmMoney value);
extern void crm_sheet_set_null(CrmSheet *sheet, int column);

/*
 * The statement takes the stage table as $1 and the columns as $2 ...; it is
 * run as the owner of crmlife's own tables, unless there is no row.  `expected`
 * is what SPI is to say.  Returns how many rows were written.
 */
extern uint64 crm_sheet_write(const CrmSheet *sheet, Oid stage_table,
							  const char *query, int expected);

/* the same for a SELECT, which sees the active snapshot; rows or none */
extern void
crm_sheet_read(const CrmSheet *sheet, Oid stage_table, const char *query);

#endif /* CRM_SHEET_H */
