/*
 * thresholds.c
 *		The stages by other thresholds, and what is told of them.
 *
 *		models before --+
 *		                +--> crmlife.threshold_change: old, new, cause, moved
 *		models now -----+
 *		      |
 *		      +--rebuild--> stages
 *
 * Invariant: every change of a threshold in force stands in
 * crmlife.threshold_change.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/numeric.h"

#include "functions/model_parse.h"
#include "functions/model_type.h"
#include "stage/definition.h"
#include "stage/refresh.h"
#include "stage/source.h"
#include "stage/statement.h"
#include "stage/thresholds.h"

static void
log_threshold(Oid stage_table, const char *segment, const char *name,
			  Numeric old_value, Numeric new_value, const char *cause,
			  int64 moved)
{
	Oid	  types[] = {OIDOID,  TEXTOID, NUMERICOID, NUMERICOID,
					 TEXTOID, INT8OID, TEXTOID};
	Datum values[] = {ObjectIdGetDatum(stage_table), CStringGetTextDatum(name),
					  NumericGetDatum(old_value),	 NumericGetDatum(new_value),
					  CStringGetTextDatum(cause),	 Int64GetDatum(moved),
					  CStringGetTextDatum(segment)};
	char  nulls[] = "       ";

	nulls[2] = old_value ? ' ' : 'n';
	nulls[3] = new_value ? ' ' : 'n';
	crm_execute("INSERT INTO crmlife.threshold_change (stage_table, threshold, "
				"old_value, new_value, cause, moved, segment, model_version) "
				"SELECT $1, $2, $3, $4, $5, $6, $7, t.model_version "
				"FROM crmlife.stage_table t WHERE t.stage_table = $1",
				lengthof(types), types, values, nulls, SPI_OK_INSERT);
}

static bool
same_value(Numeric a, Numeric b)
{
	if (a == NULL || b == NULL)
		return a == b;
	return DatumGetBool(DirectFunctionCall2(numeric_eq, NumericGetDatum(a),
											NumericGetDatum(b)));
}

/* the models of a segment, or of all, before and after a change */
typedef struct Models
{
	const CrmModelText *was;
	const CrmModelText *is;
} Models;

static Models
split_models(CrmInForce *before, CrmInForce *after, const char *segment)
{
	Models models = {crm_model_text_split(crm_model_datum_text(
						 crm_in_force_text(before, segment))),
					 crm_model_text_split(crm_model_datum_text(
						 crm_in_force_text(after, segment)))};

	return models;
}

/* the value of a threshold, NULL where there is none or no such threshold */
static Numeric
threshold_value(const CrmModelText *parts, const char *name)
{
	for (int i = 0; i < parts->count; i++)
		if (strcmp(parts->thresholds[i].name, name) == 0)
			return parts->thresholds[i].value;
	return NULL;
}

/* a segment that only follows the stage table's value is not named beside it */
static void
log_if_changed(Oid stage_table, const char *segment, const Models *models,
			   const Models *all, const char *name, const char *cause,
			   int64 moved)
{
	Numeric was = threshold_value(models->was, name);
	Numeric is = threshold_value(models->is, name);

	if (same_value(was, is) ||
		(all && same_value(was, threshold_value(all->was, name)) &&
		 same_value(is, threshold_value(all->is, name))))
		return;
	log_threshold(stage_table, segment, name, was, is, cause, moved);
}

static bool
has_threshold(const CrmModelText *parts, const char *name)
{
	for (int i = 0; i < parts->count; i++)
		if (strcmp(parts->thresholds[i].name, name) == 0)
			return true;
	return false;
}

/* all: the models of the stage table, for a segment's */
static void
log_models(Oid stage_table, const char *segment, const Models *models,
		   const Models *all, const char *cause, int64 moved)
{
	for (int i = 0; i < models->is->count; i++)
		log_if_changed(stage_table, segment, models, all,
					   models->is->thresholds[i].name, cause, moved);
	for (int i = 0; i < models->was->count; i++)
		if (!has_threshold(models->is, models->was->thresholds[i].name))
			log_if_changed(stage_table, segment, models, all,
						   models->was->thresholds[i].name, cause, moved);
}

static void
log_thresholds(Oid stage_table, CrmInForce *before, const char *cause,
			   int64 moved)
{
	CrmInForce *after = crm_newest_in_force(stage_table);
	Models		all = split_models(before, after, NULL);
	CrmInForce *of[] = {before, after};
	CrmIdentity saved;

	crm_become_catalog_owner(&saved);
	log_models(stage_table, "", &all, NULL, cause, moved);
	for (int i = 0; i < lengthof(of); i++)
		for (int j = 0; j < crm_in_force_segments(of[i]); j++)
		{
			const char *segment = crm_in_force_segment(of[i], j);
			Models		models;

			/* one that is in both is looked at once */
			if (of[i] == after && crm_in_force_has(before, segment))
				continue;
			models = split_models(before, after, segment);
			log_models(stage_table, segment, &models, &all, cause, moved);
		}
	crm_revert_identity(&saved);
}

/* every model in force must be one that the sources can answer */
static void
check_models(const CrmStageDefinition *definition)
{
	bool visits = OidIsValid(definition->visits.relation);
	bool registrations = definition->members.at != NULL;
	int	 count = crm_in_force_segments(definition->in_force);

	crm_check_stage_model(definition->model, visits, registrations);
	for (int i = 0; i < count; i++)
		crm_check_stage_model(
			crm_segment_model(definition,
							  crm_in_force_segment(definition->in_force, i)),
			visits, registrations);
}

void
crm_apply_thresholds(Oid stage_table, CrmInForce *before, const char *cause)
{
	CrmStageDefinition *definition = crm_load_newest_definition(stage_table);
	CrmRefreshResult	result = {0};

	check_models(definition);
	crm_record_model_version(stage_table);
	if (definition->refreshed)
		crm_stage_rebuild(stage_table, true, &result);
	log_thresholds(stage_table, before, cause, result.changes);
}
