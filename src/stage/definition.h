/*
 * definition.h
 *		Stage tables as crmlife knows them.
 */
#ifndef CRM_DEFINITION_H
#define CRM_DEFINITION_H

#include "postgres.h"
#include "datatype/timestamp.h"
#include "nodes/pg_list.h"
#include "utils/timestamp.h"

#include "compat.h"
#include "engine/calendar.h"
#include "engine/model.h"
#include "engine/standing.h"
#include "stage/statement.h"

typedef enum CrmStageKey
{
	CRM_STAGE_KEY_BIGINT,
	CRM_STAGE_KEY_UUID,
	CRM_STAGE_KEY_TEXT
} CrmStageKey;

/* one of the relations the customers' rows come from */
typedef struct CrmSource
{
	Oid	  relation; /* InvalidOid: not given */
	char *customer; /* column */
	char *at;		/* expressions, as SQL text with qualified names */
	char *amount;
	char *filter;
	char *order_key;
	char
		*segment; /* to which a row's customer belongs; of one source at most */
} CrmSource;

typedef struct CrmStageDefinition
{
	Oid	  stage_table;
	Oid	  owner;
	char *table_name; /* qualified and quoted */
	Oid	  changes;	  /* the change log; may be gone */

	CrmSource orders;
	CrmSource visits;
	CrmSource members;
	List *calls; /* users' functions that the expressions call, as CrmCall */
	char *customer_column; /* as it is called, unquoted */
	CrmStageKey key;
	char	   *key_type; /* of the stage table's customer column */
	Oid			key_type_oid;
	char	   *timezone;
	bool		by_trigger;
	bool		keep_history; /* the stage table has the column */
	bool		had_history;  /* so it was when the figures were counted */

	const CrmModel	  *model;	 /* in force, of customers without a segment */
	struct CrmInForce *in_force; /* the segments' too */
	int				   model_version;

	CrmStandingCuts cuts;

	bool   refreshed; /* has been filled here */
	CrmDay refreshed_day;
	bool   needs_full;
} CrmStageDefinition;

/* ----- the definition ----- */

/*
 * palloc'd in the current context, as the active snapshot shows it; an error
 * when there is no such stage table
 */
extern CrmStageDefinition *crm_load_definition(Oid stage_table);
/* the same with a snapshot taken now */
extern CrmStageDefinition *crm_load_newest_definition(Oid stage_table);
/* the same with model NULL: a threshold may still have no value */
extern CrmStageDefinition *crm_load_without_model(Oid stage_table);
/* NULL: frequency and monetary are of all time */
extern void crm_cuts_set_window(CrmStandingCuts *cuts, const Interval *window);
/* does a source tell which segment a customer belongs to? */
extern bool crm_has_segments(const CrmStageDefinition *definition);
/* the model of a segment's customers; NULL: of those who belong to none */
extern const CrmModel *
crm_segment_model(const CrmStageDefinition *definition, const char *segment);
/* as the owner of a stage table, security-restricted, in its time zone */
extern void crm_become_table_owner(const CrmStageDefinition *definition,
								   CrmIdentity				*saved);
/* the change log's name, qualified and quoted; an error when it is gone */
extern char *crm_changes_name(const CrmStageDefinition *definition);
/* refuse a model that reads what the sources do not have, or lacks a value */
extern void
crm_check_stage_model(const CrmModel *model, bool visits, bool registrations);

#endif /* CRM_DEFINITION_H */
