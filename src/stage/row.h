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
#include "stage/definition.h"

/* the columns after the customer and before refreshed_at, in table order */
typedef enum CrmStageColumnNumber
{
	CRM_COLUMN_STAGE,
	CRM_COLUMN_SINCE,
	CRM_COLUMN_CHANGES_ON,
	CRM_COLUMN_NEXT_STAGE,
	CRM_COLUMN_PREVIOUS_STAGE,
	CRM_COLUMN_DUE_ON,
	CRM_COLUMN_ORDERS,
	CRM_COLUMN_ORDER_DAYS,
	CRM_COLUMN_REVENUE,
	CRM_COLUMN_AVERAGE_ORDER,
	CRM_COLUMN_FIRST_ORDER_AT,
	CRM_COLUMN_LAST_ORDER_AT,
	CRM_COLUMN_LAST_ACTIVE_AT,
	CRM_COLUMN_REGISTERED_AT,
	CRM_COLUMN_RFM_SCORE,
	CRM_COLUMN_RFM_SEGMENT,
	CRM_COLUMN_LOYALTY,
	CRM_COLUMN_VALUE_TIER,
	CRM_COLUMN_SEGMENT,
	CRM_COLUMN_KNOWN_SINCE,
	CRM_COLUMN_HISTORY, /* last: a stage table may be without */
	CRM_STAGE_COLUMNS
} CrmStageColumnNumber;

typedef struct CrmStageColumn
{
	const char *name;
	Oid			type; /* InvalidOid: purchase_history */
	const char *type_name;
	const char *comment;
} CrmStageColumn;

extern const CrmStageColumn crm_stage_columns[CRM_STAGE_COLUMNS];

/* how many of them a stage table has, the first ones */
extern int crm_stage_column_count(const CrmStageDefinition *definition);
extern Oid crm_stage_column_type(int column);
/* has it the type that crmlife gave the column? */
extern bool crm_is_stage_column(TupleDesc descriptor, int number, int column);
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
