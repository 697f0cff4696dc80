/*
 * statement.c
 *		Statements of ours: with whose rights they run, and running them.
 *
 * crmlife's own tables belong to the extension's owner, a stage table to the
 * user who created it.  A query on the former runs as the former, a query on
 * sources or stage table as the latter and security-restricted, always with
 * search_path pinned: no expression, operator or trigger of a user is ever
 * evaluated with another's rights.
 *
 * Invariant: every crm_become... has its crm_revert_identity, or an error in
 * between, at which PostgreSQL itself restores both user and settings.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"

#include "stage/plans.h"
#include "stage/statement.h"

/* ----- whose rights ----- */

Oid
crm_relation_owner(Oid relation)
{
	HeapTuple tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(relation));
	Oid		  owner;

	if (!HeapTupleIsValid(tuple))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_TABLE),
				 errmsg("relation with OID %u does not exist", relation)));
	owner = ((Form_pg_class) GETSTRUCT(tuple))->relowner;
	ReleaseSysCache(tuple);
	return owner;
}

/* of crmlife's own tables */
static Oid
catalog_owner(void)
{
	Oid namespace = get_namespace_oid("crmlife", true);
	Oid table = OidIsValid(namespace)
					? get_relname_relid("stage_table", namespace)
					: InvalidOid;

	if (!OidIsValid(table))
		ereport(ERROR, (errcode(ERRCODE_UNDEFINED_TABLE),
						errmsg("extension crmlife is not installed in this "
							   "database"),
						errhint("CREATE EXTENSION crmlife;")));
	return crm_relation_owner(table);
}

static void
set_local(const char *name, const char *value)
{
	(void) set_config_option(name, value, PGC_USERSET, PGC_S_SESSION,
							 GUC_ACTION_SAVE, true, 0, false);
}

void
crm_pin_search_path(CrmIdentity *saved)
{
	GetUserIdAndSecContext(&saved->user, &saved->security);
	saved->guc_level = NewGUCNestLevel();
	set_local("search_path", "pg_catalog, pg_temp");
	/* in every text of ours, and of what others have stored, it is so */
	set_local("standard_conforming_strings", "on");
}

void
crm_pin_text(void)
{
	set_local("DateStyle", "ISO, YMD");
	set_local("IntervalStyle", "postgres");
	set_local("extra_float_digits", "1");
	set_local("bytea_output", "hex");
}

static void
become_restricted(Oid owner, CrmIdentity *saved)
{
	crm_pin_search_path(saved);
	SetUserIdAndSecContext(owner, saved->security |
									  SECURITY_LOCAL_USERID_CHANGE |
									  SECURITY_RESTRICTED_OPERATION);
}

void
crm_become_catalog_owner(CrmIdentity *saved)
{
	become_restricted(catalog_owner(), saved);
}

void
crm_become_owner_of(Oid relation, CrmIdentity *saved)
{
	become_restricted(crm_relation_owner(relation), saved);
}

void
crm_become_owner_in_zone(Oid owner, const char *timezone, CrmIdentity *saved)
{
	become_restricted(owner, saved);
	set_local("TimeZone", timezone);
	/* what a view shows must not depend on who calls */
	set_local("row_security", "on");
	/* nor what an expression makes of a value, or of its own text */
	crm_pin_text();
	set_local("transform_null_equals", "off");
	/* compiling costs more than the few rows of most runs */
	set_local("jit", "off");
}

void
crm_revert_identity(const CrmIdentity *saved)
{
	AtEOXact_GUC(false, saved->guc_level);
	SetUserIdAndSecContext(saved->user, saved->security);
}

/* ----- running them ----- */

uint64
crm_execute(const char *query, int nargs, Oid *types, Datum *values,
			const char *nulls, int expected)
{
	SPIPlanPtr plan = crm_plan(query, nargs, types, 0, CURSOR_OPT_PARALLEL_OK);
	int		   result = SPI_execute_plan(plan, values, nulls, false, 0);

	if (result == SPI_OK_REWRITTEN)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("a rule makes something else of what a refresh writes"),
				 errdetail_internal("%s", query),
				 errhint("Drop the rules of the stage table and of its change "
						 "log.")));
	if (result != expected)
		elog(ERROR, "SPI returned %s for \"%s\"",
			 SPI_result_code_string(result), query);
	return SPI_processed;
}

uint64
crm_query(const char *query, int nargs, Oid *types, Datum *values)
{
	SPIPlanPtr plan = crm_plan(query, nargs, types, 0, CURSOR_OPT_PARALLEL_OK);
	int		   result = SPI_execute_plan(plan, values, NULL, true, 0);

	if (result != SPI_OK_SELECT)
		elog(ERROR, "SPI returned %s for \"%s\"",
			 SPI_result_code_string(result), query);
	return SPI_processed;
}

char *
crm_quote_relation(Oid relation)
{
	char *name = get_rel_name(relation);

	if (name == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_TABLE),
				 errmsg("relation with OID %u does not exist", relation)));
	return quote_qualified_identifier(
		get_namespace_name(get_rel_namespace(relation)), name);
}
