/*
 * model_table.c
 *		Who may change a user's own model.
 *
 * crmlife.model and crmlife.model_label are open to everyone for writing; this
 * trigger holds rows to their owners.  Row security would do the same, but a
 * dump by the owner of a database, who is no superuser, would fail on it.  No
 * foreign key ties labels to models, for the same reason: the tables of a dump
 * are read in side by side.
 *
 * The owner is a role, not its name (role_ref.c).
 *
 * Invariant: a row is written only by a member of its model's owner, of the
 * owner of the extension's tables, or of the owner of the database (who reads
 * dumps in); a label names a stage that the model had when it was written.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_authid.h"
#include "catalog/pg_type.h"
#include "commands/trigger.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"

#include "functions/model_parse.h"
#include "functions/model_type.h"
#include "functions/model_shipped.h"

PG_FUNCTION_INFO_V1(crm_guard_model);
PG_FUNCTION_INFO_V1(crm_follow_model);

static char *
column_text(HeapTuple row, TupleDesc descriptor, const char *column)
{
	return SPI_getvalue(row, descriptor, SPI_fnumber(descriptor, column));
}

/*
 * These triggers read columns by name and trust them: on a table of somebody
 * else's they would find others, or none.
 */
static void
require_own_table(const TriggerData *trigger)
{
	Oid function = trigger->tg_trigger->tgfoid;

	/* nobody else may create tables beside the function */
	if (RelationGetNamespace(trigger->tg_relation) !=
		get_func_namespace(function))
		ereport(ERROR, (errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
						errmsg("crmlife.%s is for its own triggers",
							   get_func_name(function))));
}

static bool
may_change_all(const TriggerData *trigger)
{
	return has_privs_of_role(GetUserId(),
							 trigger->tg_relation->rd_rel->relowner) ||
		   has_privs_of_role(GetUserId(), ROLE_PG_DATABASE_OWNER);
}

static bool
may_change(const TriggerData *trigger, Oid owner)
{
	/* one that was dropped has no members */
	return (GetUserNameFromId(owner, true) != NULL &&
			has_privs_of_role(GetUserId(), owner)) ||
		   may_change_all(trigger);
}

static void
require_owner(const TriggerData *trigger, const char *model, Oid owner)
{
	const char *name = GetUserNameFromId(owner, true);

	if (!may_change(trigger, owner))
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("must be owner of stage model \"%s\"", model),
				 name ? errdetail("It belongs to \"%s\".", name)
					  : errdetail("It belongs to nobody: its owner is no role "
								  "of this server any more."),
				 name ? 0
					  : errhint("The owner of the database can give it another "
								"one: UPDATE crmlife.model SET owner = "
								"'...'.")));
}

static void
guard_row(const TriggerData *trigger, HeapTuple row)
{
	TupleDesc descriptor = RelationGetDescr(trigger->tg_relation);
	char	 *name = column_text(row, descriptor, "name");
	bool	  isnull;
	Datum	  owner = SPI_getbinval(row, descriptor,
									SPI_fnumber(descriptor, "owner"), &isnull);

	/* NOT NULL says the rest */
	if (name != NULL && !isnull)
		require_owner(trigger, name, DatumGetObjectId(owner));
}

/* a dump may hold a name that has been shipped since: there it is said only */
static void
refuse_shipped(const TriggerData *trigger, const char *name)
{
	if (name != NULL && crm_shipped_model(name) != NULL)
		ereport(may_change_all(trigger) ? WARNING : ERROR,
				(errcode(ERRCODE_DUPLICATE_OBJECT),
				 errmsg("\"%s\" is the name of a shipped stage model", name),
				 errhint("Shipped models are %s; choose another name.",
						 crm_shipped_names())));
}

/* a model: the row as it was and as it will be */
static void
guard_model(const TriggerData *trigger, HeapTuple before, HeapTuple after)
{
	TupleDesc descriptor = RelationGetDescr(trigger->tg_relation);

	if (before != NULL)
		guard_row(trigger, before);
	if (after != NULL)
	{
		guard_row(trigger, after);
		refuse_shipped(trigger, column_text(after, descriptor, "name"));
	}
}

/* the model may have lost the stage since: a dump is read in all the same */
static void
require_stage(const TriggerData *trigger, Datum value, const char *model_name,
			  const char *stage)
{
	CrmModel *model = crm_model_text_compile(
		crm_model_text_split(crm_model_datum_text(value)), false);

	for (int i = 0; i < crm_model_stage_count(model); i++)
		if (strcmp(crm_model_stage_name(model, i), stage) == 0)
			return;
	ereport(
		may_change_all(trigger) ? WARNING : ERROR,
		(errcode(ERRCODE_UNDEFINED_OBJECT),
		 errmsg("stage model \"%s\" has no stage \"%s\"", model_name, stage)));
}

/* in a dump that is read in labels may come before their models */
static void
require_model(const TriggerData *trigger, const char *name)
{
	if (!may_change_all(trigger))
		ereport(ERROR,
				(errcode(ERRCODE_FOREIGN_KEY_VIOLATION),
				 errmsg("stage model \"%s\" is not in crmlife.model", name),
				 errhint("Add the model first, then its labels.")));
}

/* a label: who may change its model may change it */
static void
guard_label(const TriggerData *trigger, HeapTuple row, bool is_new,
			bool check_stage)
{
	TupleDesc descriptor = RelationGetDescr(trigger->tg_relation);
	char	 *model = column_text(row, descriptor, "model");
	char	 *stage = column_text(row, descriptor, "stage");
	Oid		  types[1] = {TEXTOID};
	Datum	  values[1];
	bool	  isnull;

	/* NOT NULL says the rest */
	if (model == NULL || stage == NULL)
		return;
	values[0] = CStringGetTextDatum(model);
	if (SPI_execute_with_args("SELECT m.owner, m.model FROM crmlife.model m "
							  "WHERE m.name OPERATOR(pg_catalog.=) $1",
							  1, types, values, NULL, true, 1) != SPI_OK_SELECT)
		elog(ERROR, "could not read crmlife.model");
	if (SPI_processed == 0)
	{
		if (is_new)
			require_model(trigger, model);
		return;
	}
	require_owner(
		trigger, model,
		DatumGetObjectId(SPI_getbinval(SPI_tuptable->vals[0],
									   SPI_tuptable->tupdesc, 1, &isnull)));
	if (check_stage)
		require_stage(trigger,
					  SPI_getbinval(SPI_tuptable->vals[0],
									SPI_tuptable->tupdesc, 2, &isnull),
					  model, stage);
}

Datum
crm_guard_model(PG_FUNCTION_ARGS)
{
	TriggerData *trigger = (TriggerData *) fcinfo->context;
	HeapTuple	 before = NULL;
	HeapTuple	 after = NULL;

	if (!CALLED_AS_TRIGGER(fcinfo) ||
		!TRIGGER_FIRED_BEFORE(trigger->tg_event) ||
		!TRIGGER_FIRED_FOR_ROW(trigger->tg_event))
		ereport(ERROR, (errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
						errmsg("crmlife.guard_model is for its own triggers")));
	require_own_table(trigger);
	if (TRIGGER_FIRED_BY_INSERT(trigger->tg_event))
		after = trigger->tg_trigtuple;
	else
	{
		before = trigger->tg_trigtuple;
		if (TRIGGER_FIRED_BY_UPDATE(trigger->tg_event))
			after = trigger->tg_newtuple;
	}
	SPI_connect();
	if (strcmp(RelationGetRelationName(trigger->tg_relation), "model") == 0)
		guard_model(trigger, before, after);
	else
	{
		if (before != NULL)
			guard_label(trigger, before, false, false);
		if (after != NULL)
			guard_label(trigger, after, true, before == NULL);
	}
	SPI_finish();
	return PointerGetDatum(after ? after : before);
}

/* the labels of a model that is renamed or deleted */
Datum
crm_follow_model(PG_FUNCTION_ARGS)
{
	TriggerData *trigger = (TriggerData *) fcinfo->context;
	TupleDesc	 descriptor;
	Oid			 types[2] = {TEXTOID, TEXTOID};
	Datum		 values[2];
	bool		 renamed;

	if (!CALLED_AS_TRIGGER(fcinfo) || !TRIGGER_FIRED_AFTER(trigger->tg_event) ||
		!TRIGGER_FIRED_FOR_ROW(trigger->tg_event))
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("crmlife.follow_model is for its own triggers")));
	require_own_table(trigger);
	SPI_connect();
	descriptor = RelationGetDescr(trigger->tg_relation);
	renamed = TRIGGER_FIRED_BY_UPDATE(trigger->tg_event);
	values[0] = CStringGetTextDatum(
		column_text(trigger->tg_trigtuple, descriptor, "name"));
	if (renamed)
		values[1] = CStringGetTextDatum(
			column_text(trigger->tg_newtuple, descriptor, "name"));
	if (SPI_execute_with_args(
			renamed ? "UPDATE crmlife.model_label SET model = $2 "
					  "WHERE model OPERATOR(pg_catalog.=) $1 "
					  "AND $1 OPERATOR(pg_catalog.<>) $2"
					: "DELETE FROM crmlife.model_label "
					  "WHERE model OPERATOR(pg_catalog.=) $1",
			renamed ? 2 : 1, types, values, NULL, false, 0) < 0)
		elog(ERROR, "could not change crmlife.model_label");
	SPI_finish();
	return PointerGetDatum(NULL);
}
