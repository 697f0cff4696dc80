/*
 * row.h
 *		One row of a stage table, worked out from one customer's history.
 */
#ifndef CRM_ROW_H
#define CRM_ROW_H

#include "postgres.h"
#include "access/htup.h"
#include "access/tupdesc.h"

#include "engine/history.h"
#include "stage/columns.h"
#include "stage/definition.h"

/* how many of its columns a stage table has, the first ones */
extern int crm_stage_column_count(const CrmStageDefinition *definition);
/*
 * An error unless these are the columns, from `first` (0-based) on: what is
 * read as a value of a type must be one, and the owner may have altered it.
 */
extern void crm_check_stage_columns(const CrmStageDefinition *definition,
									TupleDesc row, int first);
extern void
crm_refuse_stage_column(const CrmStageDefinition *definition, int column);

typedef struct CrmStageRow
{
	Datum values[CRM_STAGE_COLUMNS];
	bool  nulls[CRM_STAGE_COLUMNS];
} CrmStageRow;

/*
 * The row as of the end of a day, palloc'd in the current context; false when
 * the customer is not known on that day.  segment: on that day, NULL for none;
 * times: the orders have times, not only days.
 */
extern bool
crm_stage_row(const CrmStageDefinition *definition, CrmHistory *history,
			  const char *segment, bool times, CrmDay day, CrmStageRow *row);

/* the RFM segment of a score, as crm_rfm_high_bits has it */
extern int crm_stage_segment(int score);

/* is a column the same, bit for bit? */
extern bool
crm_same_column(const CrmStageRow *stored, const CrmStageRow *row, int column);

/* a text column, palloc'd; NULL for NULL */
extern char *
crm_stage_text(const CrmStageRow *row, CrmStageColumnNumber column);

/* name of a stage, NULL for CRM_ABSENT */
extern const char *crm_stage_name(const CrmModel *model, int stage);

#endif /* CRM_ROW_H */
