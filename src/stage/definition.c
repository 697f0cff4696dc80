/*
 * definition.c
 *		Stage tables as crmlife knows them.
 *
 * Invariant: what is loaded is whole and fit for the sources as they are now, or
 * an error says what is not.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/xact.h"
#include "catalog/pg_class.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/date.h"
#include "utils/lsyscache.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"

#include "compat.h"
#include "functions/model_type.h"
#include "functions/numeric_money.h"
#include "stage/columns.h"
#include "stage/definition.h"
#include "stage/calls.h"
#include "stage/in_force.h"
#include "stage/keys.h"
#include "stage/rights.h"
#include "stage/source.h"
#include "stage/statement.h"

/* ----- reading a definition ----- */

/* a row that SPI holds, read by column name */
typedef struct Row
{
	HeapTuple tuple;
	TupleDesc descriptor;
} Row;

static Datum
row_datum(const Row *row, const char *column, bool *isnull)
{
	int number = SPI_fnumber(row->descriptor, column);

	if (number == SPI_ERROR_NOATTRIBUTE)
		elog(ERROR, "column \"%s\" is missing", column);
	return SPI_getbinval(row->tuple, row->descriptor, number, isnull);
}

static char *
row_text(const Row *row, const char *column)
{
	int number = SPI_fnumber(row->descriptor, column);

	if (number == SPI_ERROR_NOATTRIBUTE)
		elog(ERROR, "column \"%s\" is missing", column);
	return SPI_getvalue(row->tuple, row->descriptor, number);
}

static Oid
row_oid(const Row *row, const char *column)
{
	bool  isnull;
	Datum value = row_datum(row, column, &isnull);

	return isnull ? InvalidOid : DatumGetObjectId(value);
}

static char *
keep(MemoryContext context, const char *string)
{
	return string ? MemoryContextStrdup(context, string) : NULL;
}

static int
money_array(Datum array, CrmMoney *values, int limit)
{
	Datum *elements;
	int	   count;

	deconstruct_array(DatumGetArrayTypeP(array), NUMERICOID, -1, false,
					  TYPALIGN_INT, &elements, NULL, &count);
	if (count > limit)
		elog(ERROR, "too many cuts: %d", count);
	for (int i = 0; i < count; i++)
		values[i] = crm_money_from_numeric_datum(elements[i]);
	return count;
}

void
crm_cuts_set_window(CrmStandingCuts *cuts, const Interval *window)
{
	cuts->windowed = window != NULL;
	if (window == NULL)
		return;
	cuts->window.months = window->month;
	cuts->window.days = window->day;
}

static void
read_cuts(const Row *row, CrmStandingCuts *cuts)
{
	CrmMoney values[3][CRM_RFM_MAX_CUTS];
	int		 counts[3];
	bool	 isnull;
	Datum	 window;
	Datum	 recency = row_datum(row, "recency_cuts", &isnull);

	cuts->set = !isnull;
	if (isnull)
		return;
	counts[0] = money_array(recency, values[0], CRM_RFM_MAX_CUTS);
	counts[1] = money_array(row_datum(row, "frequency_cuts", &isnull),
							values[1], CRM_RFM_MAX_CUTS);
	counts[2] = money_array(row_datum(row, "monetary_cuts", &isnull), values[2],
							CRM_RFM_MAX_CUTS);
	crm_rfm_cuts_init(&cuts->rfm, values[0], counts[0], values[1], counts[1],
					  values[2], counts[2]);
	cuts->new_count =
		money_array(row_datum(row, "new_cuts", &isnull), cuts->new_cuts, 2);
	cuts->returning_count = money_array(
		row_datum(row, "returning_cuts", &isnull), cuts->returning_cuts, 2);
	cuts->mean = strcmp(row_text(row, "rfm_monetary"), "mean") == 0;
	window = row_datum(row, "rfm_window", &isnull);
	crm_cuts_set_window(cuts, isnull ? NULL : DatumGetIntervalP(window));
}

/* the members say to which segment a customer belongs, else the orders */
static CrmSource *
segment_source(CrmStageDefinition *definition)
{
	return OidIsValid(definition->members.relation) ? &definition->members
													: &definition->orders;
}

static void
read_sources(const Row *row, CrmStageDefinition *definition, MemoryContext into)
{
	definition->orders.relation = row_oid(row, "orders");
	definition->orders.customer = keep(into, row_text(row, "customer"));
	definition->orders.at = keep(into, row_text(row, "ordered_at"));
	definition->orders.amount = keep(into, row_text(row, "amount"));
	definition->orders.filter = keep(into, row_text(row, "order_filter"));
	definition->orders.order_key = keep(into, row_text(row, "order_key"));
	definition->visits.relation = row_oid(row, "visits");
	definition->visits.customer = keep(into, row_text(row, "visit_customer"));
	definition->visits.at = keep(into, row_text(row, "visited_at"));
	definition->visits.filter = keep(into, row_text(row, "visit_filter"));
	definition->members.relation = row_oid(row, "members");
	definition->members.customer = keep(into, row_text(row, "member_customer"));
	definition->members.at = keep(into, row_text(row, "registered_at"));
	segment_source(definition)->segment = keep(into, row_text(row, "segment"));
}

static List *
read_calls(const Row *row)
{
	bool	   isnull;
	ArrayType *owner_array =
		DatumGetArrayTypeP(row_datum(row, "call_owners", &isnull));
	Datum *functions;
	Datum *owners;
	int	   count;
	int	   owner_count;
	List  *calls = NIL;

	deconstruct_array(DatumGetArrayTypeP(row_datum(row, "calls", &isnull)),
					  TEXTOID, -1, false, TYPALIGN_INT, &functions, NULL,
					  &count);
	deconstruct_array(owner_array, ARR_ELEMTYPE(owner_array), sizeof(Oid), true,
					  TYPALIGN_INT, &owners, NULL, &owner_count);
	if (count != owner_count)
		elog(ERROR, "%d calls have %d owners", count, owner_count);
	for (int i = 0; i < count; i++)
	{
		CrmCall *call = palloc(sizeof(CrmCall));

		call->name = TextDatumGetCString(functions[i]);
		call->owner = DatumGetObjectId(owners[i]);
		calls = lappend(calls, call);
	}
	return calls;
}

static void
read_state(const Row *row, CrmStageDefinition *definition)
{
	bool  isnull;
	Datum value = row_datum(row, "refreshed_day", &isnull);

	definition->refreshed = !isnull;
	if (!isnull)
		definition->refreshed_day = DatumGetDateADT(value);
	value = row_datum(row, "needs_full", &isnull);
	definition->needs_full = isnull || DatumGetBool(value);
	value = row_datum(row, "had_history", &isnull);
	definition->had_history = !isnull && DatumGetBool(value);
}

static void
read_definition(const Row *row, CrmStageDefinition *definition,
				MemoryContext into)
{
	bool		  isnull;
	MemoryContext old;

	read_sources(row, definition, into);
	definition->customer_column = keep(into, row_text(row, "customer_column"));
	definition->changes = row_oid(row, "changes");
	definition->key = crm_stage_key_from_name(row_text(row, "key_kind"));
	definition->timezone = keep(into, row_text(row, "timezone"));
	definition->by_trigger = strcmp(row_text(row, "capture"), "trigger") == 0;
	definition->model_version =
		DatumGetInt32(row_datum(row, "model_version", &isnull));
	read_state(row, definition);

	old = MemoryContextSwitchTo(into);
	read_cuts(row, &definition->cuts);
	definition->calls = read_calls(row);
	MemoryContextSwitchTo(old);
}

/* what the catalogs of PostgreSQL say about the stage table */
static void
read_relation(CrmStageDefinition *definition)
{
	HeapTuple	  tuple;
	Form_pg_class form;
	AttrNumber	  number;

	tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(definition->stage_table));
	if (!HeapTupleIsValid(tuple))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_TABLE),
				 errmsg("stage table with OID %u does not exist any more",
						definition->stage_table),
				 errhint("crmlife.drop_stage_table(%u) removes what is left of "
						 "it.",
						 definition->stage_table)));
	form = (Form_pg_class) GETSTRUCT(tuple);
	definition->owner = form->relowner;
	ReleaseSysCache(tuple);
	definition->table_name = crm_quote_relation(definition->stage_table);

	number = get_attnum(definition->stage_table, definition->customer_column);
	if (number == InvalidAttrNumber)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_COLUMN),
				 errmsg("stage table %s has lost its column \"%s\"",
						definition->table_name, definition->customer_column)));
	number = get_attnum(definition->stage_table, "history");
	definition->keep_history = number != InvalidAttrNumber &&
							   get_atttype(definition->stage_table, number) ==
								   crm_stage_column_type(CRM_COLUMN_HISTORY);
	number = get_attnum(definition->stage_table, definition->customer_column);
	/* without its length: a cast would cut a customer short without a word */
	definition->key_type = format_type_extended(
		get_atttype(definition->stage_table, number), -1,
		FORMAT_TYPE_TYPEMOD_GIVEN | FORMAT_TYPE_FORCE_QUALIFY);
	definition->key_type_oid = get_atttype(definition->stage_table, number);
}

/* a trigger on it runs with the rights of the stage table's owner */
static void
check_changes_owner(const CrmStageDefinition *definition)
{
	Oid owner = crm_relation_owner(definition->changes);

	if (owner != definition->owner && !superuser_arg(owner))
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("change log of stage table %s belongs to another user",
						definition->table_name),
				 errdetail("It belongs to \"%s\", the stage table to \"%s\".",
						   GetUserNameFromId(owner, false),
						   GetUserNameFromId(definition->owner, false)),
				 errhint("ALTER TABLE %s OWNER TO %s;",
						 crm_quote_relation(definition->changes),
						 quote_identifier(
							 GetUserNameFromId(definition->owner, false)))));
}

char *
crm_changes_name(const CrmStageDefinition *definition)
{
	if (get_rel_name(definition->changes) == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_TABLE),
				 errmsg("change log of stage table %s does not exist any more",
						definition->table_name),
				 errdetail("The relation with OID %u was dropped.",
						   definition->changes),
				 errhint("Call crmlife.drop_stage_table and "
						 "crmlife.create_stage_table.")));
	check_changes_owner(definition);
	return crm_quote_relation(definition->changes);
}

static CrmStageDefinition *
load_definition(Oid stage_table, bool with_model)
{
	CrmStageDefinition *definition = palloc0(sizeof(CrmStageDefinition));
	MemoryContext		into = CurrentMemoryContext;
	CrmIdentity			saved;
	Oid					types[1] = {OIDOID};
	Datum				values[1] = {ObjectIdGetDatum(stage_table)};
	Row					row;

	crm_require_same_version();
	crm_become_catalog_owner(&saved);
	SPI_connect();
	if (crm_query("SELECT t.*, s.refreshed_day, s.needs_full, s.had_history, "
				  "c.recency_cuts, c.frequency_cuts, c.monetary_cuts, "
				  "c.new_cuts, c.returning_cuts, c.rfm_monetary, c.rfm_window "
				  "FROM crmlife.stage_table t "
				  "LEFT JOIN crmlife.stage_state s "
				  "ON s.stage_table = t.stage_table::oid "
				  "LEFT JOIN crmlife.stage_cuts c "
				  "ON c.stage_table = t.stage_table AND c.segment = '' "
				  "WHERE t.stage_table = $1",
				  1, types, values) != 1)
		crm_refuse_other_table(stage_table);
	row.tuple = SPI_tuptable->vals[0];
	row.descriptor = SPI_tuptable->tupdesc;
	definition->stage_table = stage_table;
	read_definition(&row, definition, into);
	SPI_finish();
	definition->in_force = crm_read_in_force(stage_table);
	crm_revert_identity(&saved);
	if (with_model)
		definition->model = crm_in_force_model(definition->in_force, NULL);
	read_relation(definition);
	crm_recheck_sources(definition);
	return definition;
}

CrmStageDefinition *
crm_load_definition(Oid stage_table)
{
	return load_definition(stage_table, true);
}

/* another run may have ended after this statement's snapshot was taken */
static CrmStageDefinition *
load_newest(Oid stage_table, bool with_model)
{
	CrmStageDefinition *definition;

	CommandCounterIncrement();
	PushActiveSnapshot(GetTransactionSnapshot());
	definition = load_definition(stage_table, with_model);
	PopActiveSnapshot();
	return definition;
}

CrmStageDefinition *
crm_load_newest_definition(Oid stage_table)
{
	return load_newest(stage_table, true);
}

CrmStageDefinition *
crm_load_without_model(Oid stage_table)
{
	return load_newest(stage_table, false);
}

void
crm_become_table_owner(const CrmStageDefinition *definition, CrmIdentity *saved)
{
	crm_become_owner_in_zone(definition->owner, definition->timezone, saved);
}

/* ----- models ----- */

bool
crm_has_segments(const CrmStageDefinition *definition)
{
	return definition->orders.segment != NULL ||
		   definition->members.segment != NULL;
}

const CrmModel *
crm_segment_model(const CrmStageDefinition *definition, const char *segment)
{
	return segment == NULL ? definition->model
						   : crm_in_force_model(definition->in_force, segment);
}

void
crm_check_stage_model(const CrmModel *model, bool visits, bool registrations)
{
	unsigned supplied = CRM_FACT_BIT(CRM_FACT_COUNT) - 1;

	if (!visits)
		supplied &= ~(CRM_FACT_BIT(CRM_FACT_DAYS_SINCE_VISIT) |
					  CRM_FACT_BIT(CRM_FACT_VISITS_IN));
	if (!registrations)
		supplied &= ~CRM_FACT_BIT(CRM_FACT_DAYS_SINCE_REGISTERED);
	crm_model_require(model, supplied, "a stage table without that source",
					  "Give create_stage_table the source that has it: visits "
					  "with visited_at, members with registered_at.");
}
