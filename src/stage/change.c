/*
 * change.c
 *		Changing what a stage table goes by: threshold, model, time zone.
 *
 *		crmlife's own row --written as its owner--> every row worked out again
 *
 * Invariant: in one transaction, on the day the table shows.  A change that the
 * models refuse leaves everything as it was.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "utils/builtins.h"

#include "stage/arguments.h"
#include "stage/definition.h"
#include "stage/in_force.h"
#include "stage/learn.h"
#include "stage/refresh.h"
#include "stage/rights.h"
#include "stage/source.h"
#include "stage/stage.h"
#include "stage/statement.h"
#include "stage/thresholds.h"

typedef struct Change
{
	Oid			stage_table;
	const char *query; /* $1 is the stage table */
	CrmValues	values;
	int			expected;
	const char *cause; /* of what it does to thresholds; NULL: nothing */
} Change;

/* run the statement as the catalog's owner, then work all rows out again */
static void
apply_change(Change *change)
{
	CrmStageDefinition *definition;
	CrmRefreshResult	result;
	CrmIdentity			saved;
	CrmInForce		   *before;

	SPI_connect();
	before = crm_newest_in_force(change->stage_table);
	crm_become_catalog_owner(&saved);
	crm_execute(change->query, change->values.count, change->values.types,
				change->values.values, change->values.nulls, change->expected);
	crm_revert_identity(&saved);
	if (change->cause)
	{
		crm_learn_if_lacking(change->stage_table);
		crm_apply_thresholds(change->stage_table, before, change->cause);
	}
	else
	{
		definition = crm_load_newest_definition(change->stage_table);
		if (definition->refreshed)
			crm_stage_rebuild(change->stage_table, false, &result);
	}
	SPI_finish();
}

static Oid
stage_argument(FunctionCallInfo fcinfo)
{
	Oid stage_table;

	if (PG_ARGISNULL(0))
		ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
						errmsg("stage_table must not be null")));
	stage_table = PG_GETARG_OID(0);
	crm_refuse_on_standby();
	crm_lock_own_stage(stage_table);
	(void) crm_load_newest_definition(stage_table);
	return stage_table;
}

static void
begin_change(Change *change, FunctionCallInfo fcinfo, const char *query,
			 int expected)
{
	memset(change, 0, sizeof(*change));
	change->stage_table = stage_argument(fcinfo);
	change->query = query;
	change->expected = expected;
	crm_add_relation(&change->values, change->stage_table);
}

/* the segment's name; empty for the whole stage table */
static char *
segment_argument(FunctionCallInfo fcinfo, int number, Oid stage_table)
{
	char *segment = crm_text_argument(fcinfo, number);

	if (segment == NULL)
		return pstrdup("");
	if (segment[0] == '\0')
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("segment must not be empty"),
						errhint("Leave it out to set the threshold for the "
								"whole stage table.")));
	if (!crm_has_segments(crm_load_without_model(stage_table)))
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("stage table %s has no segments",
						crm_quote_relation(stage_table)),
				 errhint("Create it with segment => '...', a column or "
						 "expression of members or, without them, orders.")));
	return segment;
}

/* a name that no customer has may be a slip of the pen */
static void
notice_empty_segment(Oid stage_table, const char *segment)
{
	CrmStageDefinition *definition = crm_load_without_model(stage_table);
	Oid					types[1] = {TEXTOID};
	Datum				values[1] = {CStringGetTextDatum(segment)};
	CrmIdentity			saved;
	uint64				found;

	if (segment[0] == '\0')
		return;
	SPI_connect();
	crm_become_table_owner(definition, &saved);
	found = crm_execute(psprintf("SELECT FROM %s WHERE segment = $1 LIMIT 1",
								 definition->table_name),
						1, types, values, NULL, SPI_OK_SELECT);
	crm_revert_identity(&saved);
	SPI_finish();
	if (found == 0)
		ereport(NOTICE, (errmsg("no customer of %s belongs to segment \"%s\"",
								definition->table_name, segment)));
}

PG_FUNCTION_INFO_V1(crm_set_threshold);

Datum
crm_set_threshold(PG_FUNCTION_ARGS)
{
	Change change;
	char  *name = crm_required_text(fcinfo, 1, "threshold");
	bool   remove = PG_ARGISNULL(2);
	char  *segment;

	begin_change(&change, fcinfo,
				 remove ? "DELETE FROM crmlife.threshold_override "
						  "WHERE stage_table = $1 AND threshold = $2 "
						  "AND segment = $3"
						: "INSERT INTO crmlife.threshold_override "
						  "(stage_table, threshold, segment, value) "
						  "VALUES ($1, $2, $3, $4) "
						  "ON CONFLICT (stage_table, segment, threshold) "
						  "DO UPDATE SET value = excluded.value, "
						  "set_at = now()",
				 remove ? SPI_OK_DELETE : SPI_OK_INSERT);
	segment = segment_argument(fcinfo, 3, change.stage_table);
	crm_require_threshold(change.stage_table, name);
	crm_add_text(&change.values, name);
	crm_add_text(&change.values, segment);
	if (!remove)
		crm_add_value(&change.values, NUMERICOID, PG_GETARG_DATUM(2), false);
	change.cause = remove ? "restored" : "override";
	apply_change(&change);
	if (!remove)
		notice_empty_segment(change.stage_table, segment);
	PG_RETURN_VOID();
}

PG_FUNCTION_INFO_V1(crm_set_model);

Datum
crm_set_model(PG_FUNCTION_ARGS)
{
	Change change;

	if (PG_ARGISNULL(1))
		ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
						errmsg("model must not be null")));
	begin_change(&change, fcinfo,
				 "UPDATE crmlife.stage_table SET model = $2 "
				 "WHERE stage_table = $1",
				 SPI_OK_UPDATE);
	crm_add_value(&change.values, get_fn_expr_argtype(fcinfo->flinfo, 1),
				  PG_GETARG_DATUM(1), false);
	change.cause = "model";
	apply_change(&change);
	PG_RETURN_VOID();
}

PG_FUNCTION_INFO_V1(crm_set_timezone);

Datum
crm_set_timezone(PG_FUNCTION_ARGS)
{
	Change change;
	char *zone = crm_checked_timezone(crm_required_text(fcinfo, 1, "timezone"));

	begin_change(&change, fcinfo,
				 "UPDATE crmlife.stage_table SET timezone = $2 "
				 "WHERE stage_table = $1",
				 SPI_OK_UPDATE);
	crm_add_text(&change.values, zone);
	apply_change(&change);
	PG_RETURN_VOID();
}
