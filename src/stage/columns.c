/*
 * columns.c
 *		The columns of a stage table.
 *
 * Invariant: each is named, typed and described here and nowhere else.
 */
#include "postgres.h"

#include "catalog/namespace.h"
#include "catalog/pg_type.h"
#include "utils/syscache.h"

#include "stage/columns.h"

const CrmStageColumn crm_stage_columns[CRM_STAGE_COLUMNS] = {
	[CRM_COLUMN_STAGE] = {"stage", TEXTOID, "text",
						  "stage of the model in force, as of the day the "
						  "table was refreshed to"},
	[CRM_COLUMN_SINCE] = {"since", DATEOID, "date",
						  "first day of the stage's present stretch, under "
						  "the model in force; NULL: it has always held"},
	[CRM_COLUMN_CHANGES_ON] = {"changes_on", DATEOID, "date",
							   "first day on which the stage will differ if "
							   "nothing happens; NULL: never"},
	[CRM_COLUMN_NEXT_STAGE] = {"next_stage", TEXTOID, "text",
							   "the stage on changes_on"},
	[CRM_COLUMN_PREVIOUS_STAGE] = {"previous_stage", TEXTOID, "text",
								   "the stage on the day before since; NULL: "
								   "the customer was not known"},
	[CRM_COLUMN_DUE_ON] = {"due_on", DATEOID, "date",
						   "first day on which any column will differ if "
						   "nothing happens; the refresh goes by it"},
	[CRM_COLUMN_ORDERS] = {"orders", INT8OID, "bigint",
						   "orders; refunds are none"},
	[CRM_COLUMN_ORDER_DAYS] = {"order_days", INT8OID, "bigint",
							   "distinct local days with an order"},
	[CRM_COLUMN_REVENUE] = {"revenue", NUMERICOID, "numeric",
							"sum of all amounts, refunds taken off"},
	[CRM_COLUMN_AVERAGE_ORDER] = {"average_order", NUMERICOID, "numeric",
								  "revenue / orders"},
	[CRM_COLUMN_FIRST_ORDER_AT] = {"first_order_at", TIMESTAMPOID, "timestamp",
								   "local time of the first order"},
	[CRM_COLUMN_LAST_ORDER_AT] = {"last_order_at", TIMESTAMPOID, "timestamp",
								  "local time of the last order"},
	[CRM_COLUMN_LAST_ACTIVE_AT] = {"last_active_at", TIMESTAMPOID, "timestamp",
								   "local time of the last order or visit"},
	[CRM_COLUMN_REGISTERED_AT] = {"registered_at", TIMESTAMPOID, "timestamp",
								  "local time of the registration"},
	[CRM_COLUMN_RFM_SCORE] = {"rfm_score", INT4OID, "integer",
							  "r * 100 + f * 10 + m by frozen cuts; NULL "
							  "without an order"},
	[CRM_COLUMN_RFM_SEGMENT] = {"rfm_segment", TEXTOID, "text",
								"value segment of rfm_score"},
	[CRM_COLUMN_LOYALTY] = {"loyalty", TEXTOID, "text",
							"new: one order, returning: two or more; NULL "
							"without an order"},
	[CRM_COLUMN_VALUE_TIER] = {"value_tier", INT4OID, "integer",
							   "1 to 3 by frozen thirds: of revenue for "
							   "returning, of the first order for new"},
	[CRM_COLUMN_SEGMENT] = {"segment", TEXTOID, "text",
							"which segment's thresholds hold; NULL: those of "
							"the whole stage table"},
	[CRM_COLUMN_KNOWN_SINCE] = {"known_since", DATEOID, "date",
								"local day of the customer's first row; NULL: "
								"a member without a date of registration has "
								"always been known"},
	[CRM_COLUMN_HISTORY] = {"history", InvalidOid, "crmlife.purchase_history",
							"all orders, netted, and visits, later ones than "
							"the day the table was refreshed to included"},
};

Oid
crm_stage_column_type(int column)
{
	if (crm_stage_columns[column].type != InvalidOid)
		return crm_stage_columns[column].type;
	return GetSysCacheOid2(
		TYPENAMENSP, Anum_pg_type_oid, CStringGetDatum("purchase_history"),
		ObjectIdGetDatum(get_namespace_oid("crmlife", false)));
}

/* a precision would round what is written, and each day find it changed */
bool
crm_is_stage_column(TupleDesc descriptor, int number, int column)
{
	Form_pg_attribute attribute = TupleDescAttr(descriptor, number - 1);

	return attribute->atttypid == crm_stage_column_type(column) &&
		   attribute->atttypmod == -1;
}
