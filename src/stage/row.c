/*
 * row.c
 *		One row of a stage table, worked out from one customer's history.
 *
 * Invariant: a row is a function of (history, registration, segment and the
 * model in force for it, frozen cuts, day) alone; what changes with the day is
 * worked out in engine/standing.c.  due_on is the first later day on which any
 * of its columns has another value if no row of the customer changes; so a row
 * is right on every day from the one it was computed for to the day before
 * due_on.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/namespace.h"
#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/date.h"
#include "utils/datum.h"
#include "utils/fmgrprotos.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"
#include "utils/timestamp.h"

#include "engine/purchase_net.h"
#include "functions/history.h"
#include "functions/numeric_money.h"
#include "stage/row.h"

int
crm_stage_column_count(const CrmStageDefinition *definition)
{
	return definition->keep_history ? CRM_STAGE_COLUMNS : CRM_COLUMN_HISTORY;
}

/* the type that a column of this name has now; NULL: there is none */
static const char *
type_now(Oid relation, const char *name)
{
	Oid		   type;
	int32	   modifier;
	Oid		   collation;
	AttrNumber number = get_attnum(relation, name);

	if (number == InvalidAttrNumber)
		return NULL;
	get_atttypetypmodcoll(relation, number, &type, &modifier, &collation);
	return format_type_with_typemod(type, modifier);
}

void
crm_refuse_stage_column(const CrmStageDefinition *definition, int column)
{
	const char *name = crm_stage_columns[column].name;
	const char *now = type_now(definition->stage_table, name);

	ereport(ERROR,
			(errcode(ERRCODE_UNDEFINED_COLUMN),
			 errmsg("stage table %s has lost its column \"%s\" of type %s",
					definition->table_name, name,
					crm_stage_columns[column].type_name),
			 now ? errdetail("It is of type %s now.", now) : 0,
			 errhint("Drop the stage table with crmlife.drop_stage_table and "
					 "create it again.")));
}

void
crm_check_stage_columns(const CrmStageDefinition *definition, TupleDesc row,
						int first)
{
	int columns = crm_stage_column_count(definition);

	for (int i = 0; i < columns; i++)
		if (!crm_is_stage_column(row, first + i + 1, i))
			crm_refuse_stage_column(definition, i);
}

const char *
crm_stage_name(const CrmModel *model, int stage)
{
	return stage == CRM_ABSENT ? NULL : crm_model_stage_name(model, stage);
}

int
crm_stage_segment(int score)
{
	return crm_rfm_high_bits(score, 4);
}

/* is a value in the row itself, as it is, or with a short head? */
static inline bool
is_plain(Datum value)
{
	const char *bytes = DatumGetPointer(value);

	return VARATT_IS_4B_U(bytes) ||
		   (VARATT_IS_1B(bytes) && !VARATT_IS_1B_E(bytes));
}

static bool
same_bytes(Datum a, Datum b)
{
	if (!is_plain(a) || !is_plain(b))
		return datum_image_eq(a, b, false, -1);
	return VARSIZE_ANY_EXHDR(DatumGetPointer(a)) ==
			   VARSIZE_ANY_EXHDR(DatumGetPointer(b)) &&
		   memcmp(VARDATA_ANY(DatumGetPointer(a)),
				  VARDATA_ANY(DatumGetPointer(b)),
				  VARSIZE_ANY_EXHDR(DatumGetPointer(a))) == 0;
}

bool
crm_same_column(const CrmStageRow *stored, const CrmStageRow *row, int column)
{
	Datum a = stored->values[column];
	Datum b = row->values[column];

	if (stored->nulls[column] || row->nulls[column])
		return stored->nulls[column] && row->nulls[column];
	switch (crm_stage_columns[column].type)
	{
		case INT4OID:
		case DATEOID:
			return DatumGetInt32(a) == DatumGetInt32(b);
		case INT8OID:
		case TIMESTAMPOID:
			return DatumGetInt64(a) == DatumGetInt64(b);
		default:
			return same_bytes(a, b);
	}
}

char *
crm_stage_text(const CrmStageRow *row, CrmStageColumnNumber column)
{
	return row->nulls[column] ? NULL : TextDatumGetCString(row->values[column]);
}

static void
set_value(CrmStageRow *row, CrmStageColumnNumber column, Datum value)
{
	row->values[column] = value;
	row->nulls[column] = false;
}

static void
set_text(CrmStageRow *row, CrmStageColumnNumber column, const char *value)
{
	if (value)
		set_value(row, column, CStringGetTextDatum(value));
}

static void
set_day(CrmStageRow *row, CrmStageColumnNumber column, CrmDay day)
{
	if (day != CRM_NO_DAY)
		set_value(row, column, DateADTGetDatum(day));
}

static void
set_time(CrmStageRow *row, CrmStageColumnNumber column, int64_t at)
{
	if (at != CRM_NO_TIME)
		set_value(row, column, TimestampGetDatum(at));
}

/* ----- columns, a few at a time ----- */

static void
fill_stage(const CrmModel *model, const CrmStanding *standing, CrmStageRow *row)
{
	const CrmStretch *stretch = &standing->stretch;

	set_text(row, CRM_COLUMN_STAGE, crm_stage_name(model, stretch->stage));
	set_day(row, CRM_COLUMN_SINCE, stretch->since);
	set_text(row, CRM_COLUMN_PREVIOUS_STAGE,
			 crm_stage_name(model, stretch->previous));
	set_day(row, CRM_COLUMN_CHANGES_ON, standing->changes_on);
	set_text(row, CRM_COLUMN_NEXT_STAGE,
			 crm_stage_name(model, standing->next_stage));
	set_day(row, CRM_COLUMN_DUE_ON, standing->due_on);
}

static void
fill_facts(const CrmStep *step, CrmStageRow *row)
{
	const CrmFacts *facts = &step->facts;
	int64_t			active = step->last_order_at;

	if (step->last_visit_at > active)
		active = step->last_visit_at;
	set_value(row, CRM_COLUMN_ORDERS, Int64GetDatum(facts->orders));
	set_value(row, CRM_COLUMN_ORDER_DAYS, Int64GetDatum(facts->order_days));
	set_value(row, CRM_COLUMN_REVENUE,
			  NumericGetDatum(crm_numeric_from_money(facts->revenue)));
	if (facts->orders > 0)
	{
		CrmMoney average =
			crm_money_div(facts->revenue, crm_money_from_int64(facts->orders));

		set_value(row, CRM_COLUMN_AVERAGE_ORDER,
				  NumericGetDatum(crm_numeric_from_money(average)));
		set_text(row, CRM_COLUMN_LOYALTY,
				 facts->orders == 1 ? "new" : "returning");
	}
	set_time(row, CRM_COLUMN_FIRST_ORDER_AT, step->first_order_at);
	set_time(row, CRM_COLUMN_LAST_ORDER_AT, step->last_order_at);
	set_time(row, CRM_COLUMN_LAST_ACTIVE_AT, active);
	set_time(row, CRM_COLUMN_REGISTERED_AT, step->registered_at);
}

static void
fill_value(const CrmStanding *standing, CrmStageRow *row)
{
	if (standing->score > 0)
	{
		set_value(row, CRM_COLUMN_RFM_SCORE, Int32GetDatum(standing->score));
		set_text(row, CRM_COLUMN_RFM_SEGMENT,
				 crm_rfm_segment_code(crm_stage_segment(standing->score)));
	}
	if (standing->tier > 0)
		set_value(row, CRM_COLUMN_VALUE_TIER, Int32GetDatum(standing->tier));
}

static void
fill_history(const CrmHistory *history, bool times, CrmStageRow *row)
{
	CrmPurchases list;

	crm_purchases_init(&list, times);
	crm_purchases_add_history(&list, history);
	set_value(row, CRM_COLUMN_HISTORY, crm_history_make(&list));
	crm_purchases_free(&list);
}

bool
crm_stage_row(const CrmStageDefinition *definition, CrmHistory *history,
			  const char *segment, bool times, CrmDay day, CrmStageRow *row)
{
	const CrmModel *model = crm_segment_model(definition, segment);
	CrmStanding		standing;

	/* looking up scores fills tables beside the cuts */
	if (!crm_standing(history, model,
					  unconstify(CrmStandingCuts *, &definition->cuts), day,
					  &standing))
		return false;
	memset(row->nulls, true, sizeof(row->nulls));
	set_text(row, CRM_COLUMN_SEGMENT, segment);
	fill_stage(model, &standing, row);
	fill_facts(standing.step, row);
	fill_value(&standing, row);
	if (!history->always)
		set_day(row, CRM_COLUMN_KNOWN_SINCE, history->steps[0].facts.known_on);
	if (definition->keep_history)
		fill_history(history, times, row);
	return true;
}
