/*
 * definition.h
 *		What the stage layer's files share: a stage table's definition, the
 *		identities under which its queries run, small helpers over SPI.
 */
#ifndef CRM_DEFINITION_H
#define CRM_DEFINITION_H

#include "postgres.h"
#include "datatype/timestamp.h"
#include "utils/timestamp.h"

#include "compat.h"
#include "engine/calendar.h"
#include "engine/model.h"
#include "engine/standing.h"

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

	CrmSource	orders;
	CrmSource	visits;
	CrmSource	members;
	char	   *customer_column; /* as it is called, unquoted */
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

/* ----- whose rights ----- */

typedef struct CrmIdentity
{
	Oid user;
	int security;
	int guc_level;
} CrmIdentity;

extern Oid crm_relation_owner(Oid relation);
/* as the owner of crmlife's own tables: only for queries on those */
extern void crm_become_catalog_owner(CrmIdentity *saved);
/* as the owner of a stage table, security-restricted, in its time zone */
extern void crm_become_table_owner(const CrmStageDefinition *definition,
								   CrmIdentity				*saved);
/* the same in the session's settings, for a relation of any kind */
extern void crm_become_owner_of(Oid relation, CrmIdentity *saved);
/* the caller's own rights, with search_path pinned */
extern void crm_pin_search_path(CrmIdentity *saved);
/* beside one of these: values have the same text whatever the session's style */
extern void crm_pin_text(void);
extern void crm_revert_identity(const CrmIdentity *saved);

/* ----- small helpers over SPI; the caller is connected ----- */

/* run a statement with parameters, fail unless SPI says `expected` */
extern uint64 crm_execute(const char *query, int nargs, Oid *types,
						  Datum *values, const char *nulls, int expected);
/* the same for a SELECT that sees the active snapshot, not a newer one */
extern uint64
			 crm_query(const char *query, int nargs, Oid *types, Datum *values);
extern char *crm_quote_relation(Oid relation);
/* so that no time of ours plus or minus it is out of range */
extern bool crm_within_years(const Interval *interval, int years);

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
/* an error unless the current user may read the stage table */
extern void crm_require_stage_reader(Oid stage_table);
/* an error unless it is one */
extern void crm_require_stage_table(Oid relation);
/* an error unless the current user owns the stage table */
extern void crm_require_stage_owner(Oid stage_table);
/* the same, with the stage table for this transaction alone */
extern void crm_lock_own_stage(Oid stage_table);
/* raise the error that the relation is none */
pg_noreturn extern void crm_refuse_other_table(Oid relation);
/* NULL: frequency and monetary are of all time */
extern void crm_cuts_set_window(CrmStandingCuts *cuts, const Interval *window);
/* does a source tell which segment a customer belongs to? */
extern bool crm_has_segments(const CrmStageDefinition *definition);
/* the model of a segment's customers; NULL: of those who belong to none */
extern const CrmModel *
crm_segment_model(const CrmStageDefinition *definition, const char *segment);
extern void crm_refuse_on_standby(void);
/* an error while the catalog is of another version than the library */
extern void crm_require_same_version(void);

/*
 * The version of the extension in this database, NULL without it.  Its catalog
 * may be of another version than this library: between the installation of a
 * package and ALTER EXTENSION UPDATE, and from then to a restart of the server.
 * Stage tables are left alone meanwhile, and only the capture triggers work.
 */
extern char *crm_catalog_version(void);
#define CRM_VERSION_MESSAGE \
	"crmlife in database \"%s\" is of version %s, its library of version %s"
#define CRM_VERSION_HINT                                                    \
	"ALTER EXTENSION crmlife UPDATE; or, where that was done, restart the " \
	"server: it runs the library it was started with."
/* the change log's name, qualified and quoted; an error when it is gone */
extern char *crm_changes_name(const CrmStageDefinition *definition);
/* refuse a model that reads what the sources do not have, or lacks a value */
extern void
crm_check_stage_model(const CrmModel *model, bool visits, bool registrations);

#endif /* CRM_DEFINITION_H */
