/*
 * columns.h
 *		The columns of a stage table.
 */
#ifndef CRM_COLUMNS_H
#define CRM_COLUMNS_H

#include "postgres.h"
#include "access/tupdesc.h"

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

extern Oid crm_stage_column_type(int column);
/* has it the type that crmlife gave the column? */
extern bool crm_is_stage_column(TupleDesc descriptor, int number, int column);

#endif /* CRM_COLUMNS_H */
