/*
 * definition.c
 *		Stage tables as crmlife knows them, and the identities their queries
 *		run under.
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

#include <math.h>

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/xact.h"
#include "access/xlog.h"
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "catalog/pg_extension.h"
#include "commands/dbcommands.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "storage/lock.h"
#include "storage/lmgr.h"
#include "tcop/utility.h"
#include "utils/acl.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/date.h"
#include "utils/fmgroids.h"
#include "utils/guc.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"

#include "compat.h"
#include "functions/model_type.h"
#include "functions/numeric_money.h"
#include "stage/definition.h"
#include "stage/in_force.h"
#include "stage/keys.h"
#include "stage/plans.h"
#include "stage/row.h"
#include "stage/source.h"
#include "stage/stage.h"

/* ----- identities ----- */

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

Oid
crm_catalog_owner(void)
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
	become_restricted(crm_catalog_owner(), saved);
}

void
crm_become_owner_of(Oid relation, CrmIdentity *saved)
{
	become_restricted(crm_relation_owner(relation), saved);
}

void
crm_become_table_owner(const CrmStageDefinition *definition, CrmIdentity *saved)
{
	become_restricted(definition->owner, saved);
	set_local("TimeZone", definition->timezone);
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

bool
crm_within_years(const Interval *interval, int years)
{
	/* a month of 30.5 days, a day of 24 hours: as long as they can be, nearly */
	double days = fabs((double) interval->month) * 30.5 +
				  fabs((double) interval->day) +
				  fabs((double) interval->time) / USECS_PER_DAY;

	return days <= years * 366.0;
}

/* ----- locks ----- */

/*
 * A lock on the stage table as an object of crmlife.stage_table: unlike an
 * advisory lock, nobody can take it from SQL and so keep refreshes waiting.
 * Of the advisory locks' method all the same: what a session holds of the
 * other goes when a transaction of it fails.
 */
static void
stage_lock_tag(LOCKTAG *tag, Oid stage_table)
{
	Oid namespace = get_namespace_oid("crmlife", false);

	SET_LOCKTAG_OBJECT(*tag, MyDatabaseId,
					   get_relname_relid("stage_table", namespace), stage_table,
					   0);
	tag->locktag_lockmethodid = USER_LOCKMETHOD;
}

void
crm_stage_lock(Oid stage_table)
{
	LOCKTAG tag;

	stage_lock_tag(&tag, stage_table);
	(void) LockAcquire(&tag, ExclusiveLock, false, false);
	/* what the caches hold may be older than what was waited for */
	AcceptInvalidationMessages();
}

bool
crm_stage_try_lock(Oid stage_table)
{
	LOCKTAG tag;

	stage_lock_tag(&tag, stage_table);
	return LockAcquire(&tag, ExclusiveLock, false, true) !=
		   LOCKACQUIRE_NOT_AVAIL;
}

bool
crm_stage_try_lock_session(Oid stage_table)
{
	LOCKTAG tag;

	stage_lock_tag(&tag, stage_table);
	return LockAcquire(&tag, ExclusiveLock, true, true) !=
		   LOCKACQUIRE_NOT_AVAIL;
}

void
crm_stage_unlock_session(Oid stage_table)
{
	LOCKTAG tag;

	stage_lock_tag(&tag, stage_table);
	/* somebody's trigger may have called pg_advisory_unlock_all() */
	if (crm_lock_held_by_me(&tag, ExclusiveLock))
		(void) LockRelease(&tag, ExclusiveLock, true);
}

/* ----- SPI ----- */

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
	return crm_quote_relation(definition->changes);
}

void
crm_refuse_other_table(Oid relation)
{
	ereport(ERROR, (errcode(ERRCODE_UNDEFINED_OBJECT),
					errmsg("%s is not a stage table",
						   get_rel_name(relation)
							   ? crm_quote_relation(relation)
							   : psprintf("relation with OID %u", relation)),
					errhint("SELECT stage_table FROM crmlife.status lists "
							"them; crmlife.create_stage_table makes one.")));
}

void
crm_require_stage_table(Oid relation)
{
	Oid			types[1] = {OIDOID};
	Datum		values[1] = {ObjectIdGetDatum(relation)};
	CrmIdentity saved;

	crm_become_catalog_owner(&saved);
	SPI_connect();
	if (crm_query("SELECT FROM crmlife.stage_table WHERE stage_table = $1", 1,
				  types, values) == 0)
		crm_refuse_other_table(relation);
	SPI_finish();
	crm_revert_identity(&saved);
}

/* ----- two versions ----- */

char *
crm_catalog_version(void)
{
	Relation	extensions = table_open(ExtensionRelationId, AccessShareLock);
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple	tuple;
	char	   *version = NULL;

	ScanKeyInit(&key, Anum_pg_extension_extname, BTEqualStrategyNumber,
				F_NAMEEQ, CStringGetDatum("crmlife"));
	scan = systable_beginscan(extensions, ExtensionNameIndexId, true, NULL, 1,
							  &key);
	tuple = systable_getnext(scan);
	if (HeapTupleIsValid(tuple))
	{
		bool  isnull;
		Datum value = heap_getattr(tuple, Anum_pg_extension_extversion,
								   RelationGetDescr(extensions), &isnull);

		version = TextDatumGetCString(value);
	}
	systable_endscan(scan);
	table_close(extensions, AccessShareLock);
	return version;
}

void
crm_require_same_version(void)
{
	char *version = crm_catalog_version();

	if (version == NULL || strcmp(version, CRM_VERSION) == 0)
		return;
	ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
					errmsg(CRM_VERSION_MESSAGE, get_database_name(MyDatabaseId),
						   version, CRM_VERSION),
					errhint(CRM_VERSION_HINT)));
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
crm_refuse_on_standby(void)
{
	if (RecoveryInProgress())
		ereport(ERROR,
				(errcode(ERRCODE_READ_ONLY_SQL_TRANSACTION),
				 errmsg("a stage table cannot be changed on a standby"),
				 errhint("Refresh it on the primary: the result arrives here "
						 "by replication.")));
	PreventCommandIfReadOnly("a change of a stage table");
	crm_require_same_version();
}

void
crm_require_stage_reader(Oid stage_table)
{
	if (get_rel_name(stage_table) != NULL &&
		pg_class_aclcheck(stage_table, GetUserId(), ACL_SELECT) != ACLCHECK_OK)
		aclcheck_error(ACLCHECK_NO_PRIV, OBJECT_TABLE,
					   get_rel_name(stage_table));
}

void
crm_require_stage_owner(Oid stage_table)
{
	if (get_rel_name(stage_table) != NULL &&
		!crm_owns_relation(stage_table, GetUserId()))
		aclcheck_error(ACLCHECK_NOT_OWNER, OBJECT_TABLE,
					   get_rel_name(stage_table));
}

/*
 * Asked before, so that nobody else's wait keeps the owner's waiting; and
 * after, for a table that was being created meanwhile, or given away.
 */
void
crm_lock_own_stage(Oid stage_table)
{
	crm_require_stage_owner(stage_table);
	crm_stage_lock(stage_table);
	crm_require_stage_owner(stage_table);
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
