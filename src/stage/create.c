/*
 * create.c
 *		Creating a stage table.
 *
 *		arguments --check--> plan --> tables, definition --> triggers --> rows
 *
 * What a user asks for is done with that user's own rights: CREATE TABLE in a
 * schema that allows it, triggers on sources that grant it.  Only crmlife's
 * own tables are written as their owner.
 *
 * Invariant: a definition is complete when its row is written: names checked,
 * expressions qualified, model fit for the sources.  Everything of one call is
 * in one transaction, with the triggers in place before the first row is read.
 */
#include "postgres.h"

#include "catalog/namespace.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "lib/stringinfo.h"
#include "nodes/makefuncs.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/timestamp.h"

#include "compat.h"
#include "functions/model_type.h"
#include "stage/arguments.h"
#include "stage/calibrate.h"
#include "stage/capture.h"
#include "stage/columns.h"
#include "stage/definition.h"
#include "stage/drop.h"
#include "stage/calls.h"
#include "stage/expression.h"
#include "stage/in_force.h"
#include "stage/learn.h"
#include "stage/lock.h"
#include "stage/progress.h"
#include "stage/refresh.h"
#include "stage/rights.h"
#include "stage/source.h"
#include "stage/stage.h"
#include "stage/statement.h"

/* the arguments of create_stage_table, in order */
enum
{
	ARG_NAME,
	ARG_ORDERS,
	ARG_CUSTOMER,
	ARG_ORDERED_AT,
	ARG_AMOUNT,
	ARG_ORDER_FILTER,
	ARG_ORDER_KEY,
	ARG_VISITS,
	ARG_VISIT_CUSTOMER,
	ARG_VISITED_AT,
	ARG_VISIT_FILTER,
	ARG_MEMBERS,
	ARG_MEMBER_CUSTOMER,
	ARG_REGISTERED_AT,
	ARG_SEGMENT,
	ARG_MODEL,
	ARG_TIMEZONE,
	ARG_REFRESH_EVERY,
	ARG_CAPTURE,
	ARG_CUSTOMER_COLUMN,
	ARG_KEEP_HISTORY,
	ARG_COUNT
};

/* a stage table about to be made */
typedef struct StagePlan
{
	char	   *schema;
	char	   *name;
	char	   *customer_column;
	char	   *key_type; /* SQL type of the customer column */
	const char *key_kind;

	CrmSource	orders;
	CrmSource	visits;
	CrmSource	members;
	char	   *segment;
	Datum		model;
	char	   *timezone;
	Interval   *refresh_every;
	const char *capture;
	List	   *calls;	 /* users' functions, of all expressions; CrmCall */
	int			columns; /* of its own that the table gets */
} StagePlan;

/* ----- sources ----- */

static void
refuse_without(FunctionCallInfo fcinfo, int number, const char *argument,
			   const char *source)
{
	if (!PG_ARGISNULL(number))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("%s is given without %s", argument, source),
				 errhint("Name the relation with %s => '...'.", source)));
}

/* visits and members name customers the way the orders do */
static void
check_same_key(const StagePlan *plan, const CrmSource *source,
			   const char *argument, const char *column_argument)
{
	const char *kind;

	if (source->customer == NULL)
		ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
						errmsg("%s needs %s", argument, column_argument)));
	kind = crm_check_key(source->relation, column_argument, source->customer);
	if (strcmp(kind, plan->key_kind) != 0)
		ereport(
			ERROR,
			(errcode(ERRCODE_DATATYPE_MISMATCH),
			 errmsg("%s and customer are of different types", column_argument),
			 errdetail("One is a %s, the other a %s.", kind, plan->key_kind)));
}

static void
plan_orders(StagePlan *plan, FunctionCallInfo fcinfo, bool by_trigger)
{
	CrmSource *orders = &plan->orders;

	if (PG_ARGISNULL(ARG_ORDERS))
		ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
						errmsg("orders must not be null")));
	orders->relation = PG_GETARG_OID(ARG_ORDERS);
	crm_check_source(orders->relation, "orders", by_trigger);
	orders->customer = crm_required_text(fcinfo, ARG_CUSTOMER, "customer");
	plan->key_kind =
		crm_check_key(orders->relation, "customer", orders->customer);
	orders->at = crm_check_expression(
		orders->relation, "ordered_at",
		crm_required_text(fcinfo, ARG_ORDERED_AT, "ordered_at"),
		CRM_EXPRESSION_TIME, &plan->calls);
	orders->amount =
		crm_check_expression(orders->relation, "amount",
							 crm_required_text(fcinfo, ARG_AMOUNT, "amount"),
							 CRM_EXPRESSION_AMOUNT, &plan->calls);
	orders->filter =
		crm_check_expression(orders->relation, "order_filter",
							 crm_text_argument(fcinfo, ARG_ORDER_FILTER),
							 CRM_EXPRESSION_FILTER, &plan->calls);
	orders->order_key = crm_check_expression(
		orders->relation, "order_key", crm_text_argument(fcinfo, ARG_ORDER_KEY),
		CRM_EXPRESSION_ANY, &plan->calls);
}

static void
plan_visits(StagePlan *plan, FunctionCallInfo fcinfo, bool by_trigger)
{
	CrmSource *visits = &plan->visits;

	visits->relation = crm_relation_argument(fcinfo, ARG_VISITS);
	if (!OidIsValid(visits->relation))
	{
		refuse_without(fcinfo, ARG_VISIT_CUSTOMER, "visit_customer", "visits");
		refuse_without(fcinfo, ARG_VISITED_AT, "visited_at", "visits");
		refuse_without(fcinfo, ARG_VISIT_FILTER, "visit_filter", "visits");
		return;
	}
	crm_check_source(visits->relation, "visits", by_trigger);
	visits->customer = crm_text_argument(fcinfo, ARG_VISIT_CUSTOMER);
	check_same_key(plan, visits, "visits", "visit_customer");
	visits->at = crm_check_expression(
		visits->relation, "visited_at",
		crm_required_text(fcinfo, ARG_VISITED_AT, "visited_at"),
		CRM_EXPRESSION_TIME, &plan->calls);
	visits->filter =
		crm_check_expression(visits->relation, "visit_filter",
							 crm_text_argument(fcinfo, ARG_VISIT_FILTER),
							 CRM_EXPRESSION_FILTER, &plan->calls);
}

static void
plan_members(StagePlan *plan, FunctionCallInfo fcinfo, bool by_trigger)
{
	CrmSource *members = &plan->members;

	members->relation = crm_relation_argument(fcinfo, ARG_MEMBERS);
	if (OidIsValid(members->relation))
	{
		crm_check_source(members->relation, "members", by_trigger);
		members->customer = crm_text_argument(fcinfo, ARG_MEMBER_CUSTOMER);
		check_same_key(plan, members, "members", "member_customer");
		members->at =
			crm_check_expression(members->relation, "registered_at",
								 crm_text_argument(fcinfo, ARG_REGISTERED_AT),
								 CRM_EXPRESSION_TIME, &plan->calls);
	}
	else
	{
		refuse_without(fcinfo, ARG_MEMBER_CUSTOMER, "member_customer",
					   "members");
		refuse_without(fcinfo, ARG_REGISTERED_AT, "registered_at", "members");
	}
	plan->segment = crm_check_expression(
		OidIsValid(members->relation) ? members->relation
									  : plan->orders.relation,
		"segment", crm_text_argument(fcinfo, ARG_SEGMENT), CRM_EXPRESSION_ANY,
		&plan->calls);
}

/* ----- the table ----- */

static void
plan_name(StagePlan *plan, FunctionCallInfo fcinfo)
{
	char	 *name = crm_required_text(fcinfo, ARG_NAME, "name");
	RangeVar *range = makeRangeVarFromNameList(crm_qualified_name_list(name));

	Oid schema;

	if (strlen(range->relname) + strlen("_changes") >= NAMEDATALEN)
		ereport(ERROR,
				(errcode(ERRCODE_NAME_TOO_LONG),
				 errmsg("stage table name \"%s\" is too long", range->relname),
				 errdetail("Its change log is called %s_changes, which must "
						   "fit into %d bytes.",
						   range->relname, NAMEDATALEN - 1)));
	schema = RangeVarGetCreationNamespace(range);
	if (isAnyTempNamespace(schema))
		ereport(ERROR, (errcode(ERRCODE_INVALID_TABLE_DEFINITION),
						errmsg("a stage table cannot be a temporary table"),
						errdetail("Its refreshes run in other sessions."),
						errhint("Give a schema: name => 'public.%s'.",
								range->relname)));
	plan->schema = get_namespace_name(schema);
	plan->name = range->relname;
}

static void
check_customer_column(const char *name)
{
	/* those of the table to come, of the change log, and PostgreSQL's own */
	static const char *const others[] = {
		"refreshed_at", "seq",	 "from_stage",	  "to_stage", "changed_on",
		"recorded_at",	"cause", "model_version", "tableoid", "ctid",
		"xmin",			"xmax",	 "cmin",		  "cmax"};
	bool taken = false;

	if (strlen(name) == 0 || strlen(name) >= NAMEDATALEN)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_NAME),
				 errmsg("customer_column \"%s\" is no column name", name),
				 errdetail("A name has 1 to %d bytes.", NAMEDATALEN - 1)));
	for (int i = 0; i < CRM_STAGE_COLUMNS; i++)
		taken |= strcmp(name, crm_stage_columns[i].name) == 0;
	for (int i = 0; i < lengthof(others); i++)
		taken |= strcmp(name, others[i]) == 0;
	if (taken)
		ereport(ERROR,
				(errcode(ERRCODE_DUPLICATE_COLUMN),
				 errmsg("a stage table has a column \"%s\" of its own", name),
				 errhint("Choose another name with customer_column => "
						 "'...'.")));
}

/* the customer column: name and type of the source's */
static void
plan_customer_column(StagePlan *plan, FunctionCallInfo fcinfo)
{
	AttrNumber number =
		get_attnum(plan->orders.relation, plan->orders.customer);
	Oid	  type;
	int32 typmod;
	Oid	  collation;

	plan->customer_column = crm_text_argument(fcinfo, ARG_CUSTOMER_COLUMN);
	if (plan->customer_column == NULL)
		plan->customer_column = plan->orders.customer;
	check_customer_column(plan->customer_column);
	get_atttypetypmodcoll(plan->orders.relation, number, &type, &typmod,
						  &collation);
	type = getBaseTypeAndTypmod(type, &typmod);
	/* other sources may have larger keys; citext compares in its own way */
	if (OidIsValid(plan->visits.relation) ||
		OidIsValid(plan->members.relation) ||
		(strcmp(plan->key_kind, "text") == 0 && type != VARCHAROID &&
		 type != BPCHAROID))
		plan->key_type = pstrdup(plan->key_kind);
	else
		plan->key_type = format_type_with_typemod(type, typmod);
}

static void
create_tables(const StagePlan *plan)
{
	const char	  *table = quote_qualified_identifier(plan->schema, plan->name);
	const char	  *key = quote_identifier(plan->customer_column);
	StringInfoData sql;

	initStringInfo(&sql);
	appendStringInfo(&sql, "CREATE TABLE %s (%s %s NOT NULL", table, key,
					 plan->key_type);
	for (int i = 0; i < plan->columns; i++)
		appendStringInfo(&sql, ", %s %s%s", crm_stage_columns[i].name,
						 crm_stage_columns[i].type_name,
						 i == CRM_COLUMN_STAGE ? " NOT NULL" : "");
	appendStringInfo(&sql,
					 ", refreshed_at timestamptz NOT NULL);"
					 "CREATE TABLE %s ("
					 "seq bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, "
					 "%s %s NOT NULL, from_stage text, to_stage text, "
					 "changed_on date, recorded_at timestamptz NOT NULL, "
					 "cause text NOT NULL CHECK (cause IN ('event', 'time', "
					 "'model', 'correction', 'removed')), "
					 "model_version integer NOT NULL)",
					 quote_qualified_identifier(
						 plan->schema, psprintf("%s_changes", plan->name)),
					 key, plan->key_type);
	if (SPI_execute(sql.data, false, 0) != SPI_OK_UTILITY)
		elog(ERROR, "could not create the stage table");
}

/*
 * Once the rows are there: building an index costs less than keeping one.  The
 * columns that refreshes go by have statistics at once, the rest can wait for
 * autovacuum: to look at all takes a quarter of the time of the whole.
 */
static void
index_table(const StagePlan *plan)
{
	const char *table = quote_qualified_identifier(plan->schema, plan->name);
	const char *key = quote_identifier(plan->customer_column);

	(void) set_config_option("default_statistics_target", "10", PGC_USERSET,
							 PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);
	if (SPI_execute(psprintf("ALTER TABLE %s ADD PRIMARY KEY (%s);"
							 "CREATE INDEX ON %s (due_on);"
							 "ANALYZE %s (%s, stage, due_on)",
							 table, key, table, table, key),
					false, 0) != SPI_OK_UTILITY)
		elog(ERROR, "could not index the stage table");
}

static void
append_comment(StringInfo sql, const char *table, const char *column,
			   const char *comment)
{
	if (column)
		appendStringInfo(sql, "COMMENT ON COLUMN %s.%s IS %s;", table,
						 quote_identifier(column), quote_literal_cstr(comment));
	else
		appendStringInfo(sql, "COMMENT ON TABLE %s IS %s;", table,
						 quote_literal_cstr(comment));
}

static void
comment_tables(const StagePlan *plan)
{
	static const char *const log_columns[][2] = {
		{"seq", "ascends in the order in which changes were published"},
		{"from_stage", "the stage before; NULL: the customer was not known"},
		{"to_stage", "the stage from then on; NULL: not known any more"},
		{"changed_on", "the local day on which the stage really changed"},
		{"recorded_at", "when the refresh that found it ran"},
		{"cause", "event: a row on that day; time: no row; model: other model "
				  "or thresholds; correction: the past was rewritten; removed: "
				  "no row is left"},
		{"model_version", "the version in crmlife.model_version in force"}};
	const char *table = quote_qualified_identifier(plan->schema, plan->name);
	const char *changes = quote_qualified_identifier(
		plan->schema, psprintf("%s_changes", plan->name));
	StringInfoData sql;

	initStringInfo(&sql);
	append_comment(&sql, table, NULL,
				   psprintf("lifecycle stages of the customers of %s, kept by "
							"crmlife",
							crm_quote_relation(plan->orders.relation)));
	append_comment(&sql, table, plan->customer_column,
				   "the customer, as the sources have it");
	for (int i = 0; i < plan->columns; i++)
		append_comment(&sql, table, crm_stage_columns[i].name,
					   crm_stage_columns[i].comment);
	append_comment(&sql, table, "refreshed_at",
				   "when this row was last written");
	append_comment(&sql, changes, NULL,
				   psprintf("changes of stage in %s, one row for each day on "
							"which a customer's stage changed",
							table));
	append_comment(&sql, changes, plan->customer_column, "the customer");
	for (int i = 0; i < lengthof(log_columns); i++)
		append_comment(&sql, changes, log_columns[i][0], log_columns[i][1]);
	if (SPI_execute(sql.data, false, 0) != SPI_OK_UTILITY)
		elog(ERROR, "could not comment the stage table");
}

/* ----- the definition ----- */

static void
plan_settings(StagePlan *plan, FunctionCallInfo fcinfo)
{
	Interval zero = {0, 0, 0};

	if (PG_ARGISNULL(ARG_MODEL))
		ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
						errmsg("model must not be null")));
	plan->model = PG_GETARG_DATUM(ARG_MODEL);
	crm_check_stage_model(crm_model_for_checks(plan->model),
						  OidIsValid(plan->visits.relation),
						  plan->members.at != NULL);
	plan->timezone = crm_checked_timezone(
		crm_required_text(fcinfo, ARG_TIMEZONE, "timezone"));
	if (PG_ARGISNULL(ARG_REFRESH_EVERY))
		ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
						errmsg("refresh_every must not be null")));
	plan->refresh_every = PG_GETARG_INTERVAL_P(ARG_REFRESH_EVERY);
	if (DatumGetInt32(DirectFunctionCall2(
			interval_cmp, IntervalPGetDatum(plan->refresh_every),
			IntervalPGetDatum(&zero))) <= 0)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("refresh_every must be longer than nothing"),
						errhint("For example '1 minute'.")));
	if (!crm_within_years(plan->refresh_every, 100000))
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("refresh_every must not be longer than 100000 "
							   "years")));
}

static int
columns_argument(FunctionCallInfo fcinfo)
{
	if (PG_ARGISNULL(ARG_KEEP_HISTORY))
		ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
						errmsg("keep_history must not be null"),
						errhint("Leave it out for its default.")));
	return PG_GETARG_BOOL(ARG_KEEP_HISTORY) ? CRM_STAGE_COLUMNS
											: CRM_COLUMN_HISTORY;
}

static const char *
capture_argument(FunctionCallInfo fcinfo)
{
	char *capture = crm_required_text(fcinfo, ARG_CAPTURE, "capture");

	if (strcmp(capture, "trigger") != 0 && strcmp(capture, "full") != 0)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("capture \"%s\" is unknown", capture),
						errhint("'trigger': triggers on the sources notice "
								"changes; 'full': every refresh reads all.")));
	return capture;
}

static void
add_calls(CrmValues *values, const List *calls)
{
	Datum	 *functions = palloc(sizeof(Datum) * Max(list_length(calls), 1));
	Datum	 *owners = palloc(sizeof(Datum) * Max(list_length(calls), 1));
	int		  count = 0;
	ListCell *cell;

	foreach (cell, calls)
	{
		const CrmCall *call = lfirst(cell);

		functions[count] = CStringGetTextDatum(call->name);
		owners[count++] = ObjectIdGetDatum(call->owner);
	}
	crm_add_value(values, TEXTARRAYOID,
				  PointerGetDatum(construct_array(functions, count, TEXTOID, -1,
												  false, TYPALIGN_INT)),
				  false);
	crm_add_value(values, OIDARRAYOID,
				  PointerGetDatum(construct_array(
					  owners, count, OIDOID, sizeof(Oid), true, TYPALIGN_INT)),
				  false);
}

static void
store_definition(const StagePlan *plan, Oid stage_table, Oid changes,
				 Oid model_type)
{
	CrmValues	values = {0};
	CrmIdentity saved;

	crm_add_relation(&values, stage_table);
	crm_add_relation(&values, changes);
	crm_add_relation(&values, plan->orders.relation);
	crm_add_text(&values, plan->orders.customer);
	crm_add_text(&values, plan->orders.at);
	crm_add_text(&values, plan->orders.amount);
	crm_add_text(&values, plan->orders.filter);
	crm_add_text(&values, plan->orders.order_key);
	crm_add_relation(&values, plan->visits.relation);
	crm_add_text(&values, plan->visits.customer);
	crm_add_text(&values, plan->visits.at);
	crm_add_text(&values, plan->visits.filter);
	crm_add_relation(&values, plan->members.relation);
	crm_add_text(&values, plan->members.customer);
	crm_add_text(&values, plan->members.at);
	crm_add_text(&values, plan->segment);
	crm_add_value(&values, model_type, plan->model, false);
	crm_add_text(&values, plan->timezone);
	crm_add_value(&values, INTERVALOID, IntervalPGetDatum(plan->refresh_every),
				  false);
	crm_add_text(&values, plan->capture);
	crm_add_text(&values, plan->customer_column);
	crm_add_text(&values, plan->key_kind);
	add_calls(&values, plan->calls);
	crm_become_catalog_owner(&saved);
	crm_execute("INSERT INTO crmlife.stage_table (stage_table, changes, "
				"orders, customer, ordered_at, amount, order_filter, "
				"order_key, visits, visit_customer, visited_at, visit_filter, "
				"members, member_customer, registered_at, segment, model, "
				"timezone, refresh_every, capture, customer_column, key_kind, "
				"calls, call_owners) "
				"VALUES ($1, $2, $3, $4::name, $5, $6, $7, $8, $9, $10::name, "
				"$11, $12, $13, $14::name, $15, $16, $17, $18, $19, $20, "
				"$21::name, $22, $23, $24::crmlife.role_ref[])",
				values.count, values.types, values.values, values.nulls,
				SPI_OK_INSERT);
	crm_execute(
		"INSERT INTO crmlife.stage_state (stage_table, next_run_at) "
		"SELECT $1::oid, now() + refresh_every FROM crmlife.stage_table "
		"WHERE stage_table = $1",
		1, values.types, values.values, NULL, SPI_OK_INSERT);
	crm_revert_identity(&saved);
}

/* the first filling: cuts from the data, then the rows */
static void
fill(Oid stage_table, bool by_trigger)
{
	CrmStageDefinition *definition;
	CrmIdentity			saved;

	CommandCounterIncrement();
	crm_learn_if_lacking(stage_table);
	crm_record_model_version(stage_table);
	definition = crm_load_newest_definition(stage_table);
	if (by_trigger)
	{
		crm_become_table_owner(definition, &saved);
		crm_capture_install(definition);
		crm_revert_identity(&saved);
	}
	/* the sources are read once for both */
	crm_stage_fill(stage_table, crm_calibrate_first(stage_table));
}

PG_FUNCTION_INFO_V1(crm_create_stage_table);

Datum
crm_create_stage_table(PG_FUNCTION_ARGS)
{
	StagePlan	 plan = {0};
	Oid			 schema;
	Oid			 stage_table;
	Oid			 changes;
	bool		 by_trigger;
	CrmProgress *outer;
	CrmIdentity	 saved;

	crm_refuse_on_standby();
	plan.capture = capture_argument(fcinfo);
	plan.columns = columns_argument(fcinfo);
	by_trigger = strcmp(plan.capture, "trigger") == 0;
	plan_name(&plan, fcinfo);
	plan_orders(&plan, fcinfo, by_trigger);
	plan_visits(&plan, fcinfo, by_trigger);
	plan_members(&plan, fcinfo, by_trigger);
	plan_customer_column(&plan, fcinfo);
	plan_settings(&plan, fcinfo);

	SPI_connect();
	crm_pin_search_path(&saved);
	create_tables(&plan);
	comment_tables(&plan);
	schema = get_namespace_oid(plan.schema, false);
	stage_table = get_relname_relid(plan.name, schema);
	changes = get_relname_relid(psprintf("%s_changes", plan.name), schema);
	crm_stage_lock(stage_table);
	crm_link_changes(stage_table, changes);
	store_definition(&plan, stage_table, changes,
					 get_fn_expr_argtype(fcinfo->flinfo, ARG_MODEL));
	outer = crm_progress_begin(stage_table);
	PG_TRY();
	{
		fill(stage_table, by_trigger);
		crm_progress_phase(CRM_PHASE_INDEXING, CRM_NOT_KNOWN);
		index_table(&plan);
	}
	PG_FINALLY();
	{
		crm_progress_end(outer);
	}
	PG_END_TRY();
	crm_revert_identity(&saved);
	SPI_finish();
	/* last: what it locks is locked to the end of the transaction */
	crm_forget_dropped(false);
	PG_RETURN_OID(stage_table);
}
