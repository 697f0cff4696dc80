/*
 * outbox.c
 *		The change log as an outbox: consumers, each with its place in it.
 *
 *		refresh --seq, under the stage table's lock, till it has committed--> log
 *		                                                                       |
 *		consumer: position --changes_since--> rows after it --ack--> position
 *
 * Whoever writes a log holds the stage table's lock until its transaction has
 * ended, and numbers are given while it is held.  So the order of seq is the
 * order of commits: what is not visible yet has a greater number than anything
 * that is, and a position never passes by a row.
 *
 * A process that was given rows has its consumer for itself until it has
 * acknowledged them, its session ends, or the transaction that was given them
 * is rolled back.  That is a lock like an advisory one, held by the session and
 * known by no number that SQL could name; nothing of it is left after a crash.
 *
 * Invariant: a consumer's position is the greatest seq it has acknowledged, in
 * a transaction that committed.  It is read by whoever holds the consumer's
 * lock, which is let go after the commit is visible.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/xact.h"
#include "access/xlog.h"
#include "catalog/namespace.h"
#include "catalog/pg_type.h"
#include "commands/async.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "storage/lmgr.h"
#include "storage/lock.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rls.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "compat.h"
#include "stage/arguments.h"
#include "stage/claims.h"
#include "stage/definition.h"
#include "stage/outbox.h"
#include "stage/rights.h"
#include "stage/stage.h"
#include "stage/statement.h"

#define CHANGES_CHANNEL "crmlife_changes"
#define CHANGES_COLUMNS 8
#define MAX_CONSUMERS 32767
#define MAX_CHANGES_AT_ONCE 100000
/* so many rows, or twice what it has logged, does a run let go at most */
#define TRIM_ROWS 10000

/* a consumer as the catalog has it */
typedef struct Consumer
{
	Oid			stage_table;
	const char *name;
	char	   *table_name;		 /* qualified and quoted */
	Oid			changes;		 /* the change log */
	char	   *customer_column; /* quoted */
	Oid			role;
	int			number;
} Consumer;

/* ----- telling who listens ----- */

/* a stage table with changes, told when the transaction commits */
typedef struct News
{
	char			*table_name;
	SubTransactionId made;
} News;

static List *to_tell = NIL;

static void
at_subtransaction_end(SubXactEvent event, SubTransactionId mine,
					  SubTransactionId parent, void *arg)
{
	bool failed = event == SUBXACT_EVENT_ABORT_SUB;

	if (!failed && event != SUBXACT_EVENT_COMMIT_SUB)
		return;
	for (int i = list_length(to_tell) - 1; i >= 0; i--)
	{
		News *news = list_nth(to_tell, i);

		if (news->made != mine)
			continue;
		if (failed)
			to_tell = list_delete_nth_cell(to_tell, i);
		else
			news->made = parent;
	}
}

/* told in a transaction of one phase alone: NOTIFY knows no other */
static void
tell(void)
{
	ListCell *cell;

	foreach (cell, to_tell)
		Async_Notify(CHANGES_CHANNEL, ((News *) lfirst(cell))->table_name);
	to_tell = NIL;
}

static void
at_transaction_end(XactEvent event, void *arg)
{
	if (event == XACT_EVENT_PRE_COMMIT)
		tell();
	else if (event == XACT_EVENT_COMMIT || event == XACT_EVENT_PREPARE ||
			 event == XACT_EVENT_ABORT)
		to_tell = NIL;
}

static void
watch_transactions(void)
{
	static bool watching = false;

	if (!watching)
	{
		RegisterXactCallback(at_transaction_end, NULL);
		RegisterSubXactCallback(at_subtransaction_end, NULL);
	}
	watching = true;
}

static void
consumer_lock_tag(const Consumer *consumer, LOCKTAG *tag)
{
	Oid catalog =
		get_relname_relid("consumer", get_namespace_oid("crmlife", false));

	memset(tag, 0, sizeof(*tag));
	SET_LOCKTAG_OBJECT(*tag, MyDatabaseId, catalog, consumer->stage_table,
					   consumer->number);
	/* not of the kind that ends with the transaction that fails next */
	tag->locktag_lockmethodid = USER_LOCKMETHOD;
}

static void
refuse_taken(const Consumer *consumer)
{
	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_IN_USE),
			 errmsg("consumer \"%s\" of stage table %s is in use by another "
					"session",
					consumer->name, consumer->table_name),
			 errdetail("It was given changes and has not acknowledged them."),
			 errhint("SELECT active_pid FROM crmlife.consumers tells which. It "
					 "is free again when that one has called crmlife.ack or "
					 "has ended, by pg_terminate_backend if need be.")));
}

/* have the consumer for this session alone */
static CrmClaim *
claim_consumer(const Consumer *consumer)
{
	LOCKTAG	  tag;
	CrmClaim *claim;

	consumer_lock_tag(consumer, &tag);
	claim = crm_claim(&tag);
	if (claim == NULL)
		refuse_taken(consumer);
	return claim;
}

/* who may not acknowledge any more keeps nobody from it */
static void
let_go(const Consumer *consumer)
{
	LOCKTAG tag;

	consumer_lock_tag(consumer, &tag);
	crm_claim_let_go(&tag);
}

/* ----- consumers ----- */

/* where, or when, a consumer's place may not be written */
static void
refuse_place(void)
{
	if (RecoveryInProgress())
		ereport(ERROR,
				(errcode(ERRCODE_READ_ONLY_SQL_TRANSACTION),
				 errmsg("changes cannot be taken on a standby"),
				 errhint("What a consumer has taken is kept on the primary: "
						 "call it there.")));
	crm_require_same_version();
}

static void
refuse_null(FunctionCallInfo fcinfo, int count)
{
	static const char *const names[] = {"stage_table", "consumer"};

	for (int i = 0; i < count; i++)
		if (PG_ARGISNULL(i))
			ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
							errmsg("%s must not be null", names[i])));
}

static char *
column_text(int column)
{
	return SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, column);
}

static int64
column_int64(int column)
{
	bool  isnull;
	Datum value = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc,
								column, &isnull);

	return isnull ? 0 : DatumGetInt64(value);
}

/* crmlife's own tables, as their owner, in a snapshot taken now */
static uint64
ask_catalog(const char *query, int nargs, Oid *types, Datum *values,
			int expected)
{
	CrmIdentity saved;
	uint64		count;

	crm_become_catalog_owner(&saved);
	count = crm_execute(query, nargs, types, values, NULL, expected);
	crm_revert_identity(&saved);
	return count;
}

/* the same also where the transaction keeps an older one */
static uint64
ask_newest(const char *query, Oid stage_table)
{
	Oid			types[1] = {OIDOID};
	Datum		values[1] = {ObjectIdGetDatum(stage_table)};
	CrmIdentity saved;
	uint64		count;

	CommandCounterIncrement();
	PushActiveSnapshot(GetLatestSnapshot());
	crm_become_catalog_owner(&saved);
	count = crm_query(query, 1, types, values);
	crm_revert_identity(&saved);
	PopActiveSnapshot();
	return count;
}

static uint64
ask_about(const Consumer *consumer, const char *query, int64 number,
		  int expected)
{
	Oid	  types[3] = {OIDOID, TEXTOID, INT8OID};
	Datum values[3] = {ObjectIdGetDatum(consumer->stage_table),
					   CStringGetTextDatum(consumer->name),
					   Int64GetDatum(number)};

	return ask_catalog(query, 3, types, values, expected);
}

static void
refuse_unknown(const Consumer *consumer)
{
	ereport(ERROR, (errcode(ERRCODE_UNDEFINED_OBJECT),
					errmsg("stage table %s has no consumer \"%s\"",
						   consumer->table_name, consumer->name),
					errhint("crmlife.add_consumer makes one; SELECT * FROM "
							"crmlife.consumers lists them.")));
}

/* who may not read the log learns nothing of its consumers */
static void
check_reader(const Consumer *consumer)
{
	char *log = get_rel_name(consumer->changes);

	if (log && !crm_owns_relation(consumer->stage_table, GetUserId()) &&
		pg_class_aclcheck(consumer->changes, GetUserId(), ACL_SELECT) !=
			ACLCHECK_OK)
		aclcheck_error(ACLCHECK_NO_PRIV, OBJECT_TABLE, log);
}

/* may the caller act for the consumer? */
static void
check_role(const Consumer *consumer)
{
	char *role = GetUserNameFromId(consumer->role, true);

	if (crm_owns_relation(consumer->stage_table, GetUserId()) ||
		(role && has_privs_of_role(GetUserId(), consumer->role)))
		return;
	let_go(consumer);
	ereport(ERROR,
			(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
			 errmsg("permission denied for consumer \"%s\" of stage table %s",
					consumer->name, consumer->table_name),
			 role ? errdetail("It belongs to role \"%s\".", role)
				  : errdetail("It belongs to a role that was dropped."),
			 errhint("The owner of the stage table can give it to another: "
					 "crmlife.set_consumer_role.")));
}

static void
find_consumer(Consumer *consumer, FunctionCallInfo fcinfo)
{
	bool known;

	consumer->stage_table = PG_GETARG_OID(0);
	consumer->name = text_to_cstring(PG_GETARG_TEXT_PP(1));
	consumer->table_name = get_rel_name(consumer->stage_table)
							   ? crm_quote_relation(consumer->stage_table)
							   : psprintf("%u", consumer->stage_table);
	if (ask_about(consumer,
				  "SELECT t.changes::oid::int8, t.customer_column, "
				  "c.role::oid::int8, c.number::int8 "
				  "FROM crmlife.stage_table t LEFT JOIN crmlife.consumer c "
				  "ON c.stage_table = t.stage_table AND c.consumer = $2 "
				  "WHERE t.stage_table = $1 AND $3 = 0",
				  0, SPI_OK_SELECT) != 1)
		crm_refuse_other_table(consumer->stage_table);
	consumer->changes = (Oid) column_int64(1);
	consumer->customer_column = pstrdup(quote_identifier(column_text(2)));
	known = column_text(4) != NULL;
	consumer->role = (Oid) column_int64(3);
	consumer->number = (int) column_int64(4);
	check_reader(consumer);
	if (!known)
		refuse_unknown(consumer);
	check_role(consumer);
}

/* read by who holds the lock; an older snapshot may not know it */
static int64
read_position(const Consumer *consumer)
{
	const char *query =
		IsolationUsesXactSnapshot()
			? "SELECT position FROM crmlife.consumer WHERE stage_table = $1 "
			  "AND consumer = $2 AND $3 = 0 FOR UPDATE"
			: "SELECT position FROM crmlife.consumer WHERE stage_table = $1 "
			  "AND consumer = $2 AND $3 = 0";

	if (ask_about(consumer, query, 0, SPI_OK_SELECT) != 1)
		refuse_unknown(consumer);
	return column_int64(1);
}

/* ----- taking and acknowledging ----- */

static int
max_rows_argument(FunctionCallInfo fcinfo)
{
	int max_rows;

	if (PG_ARGISNULL(2))
		ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
						errmsg("max_rows must not be null"),
						errhint("Leave it out for its default.")));
	max_rows = PG_GETARG_INT32(2);
	if (max_rows < 1 || max_rows > MAX_CHANGES_AT_ONCE)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("max_rows must be 1 to %d, not %d",
							   MAX_CHANGES_AT_ONCE, max_rows)));
	return max_rows;
}

/* may the caller read all of the log? */
static void
check_log(const Consumer *consumer)
{
	if (get_rel_name(consumer->changes) == NULL)
		ereport(ERROR, (errcode(ERRCODE_UNDEFINED_TABLE),
						errmsg("change log of stage table %s does not exist "
							   "any more",
							   consumer->table_name),
						errhint("Call crmlife.drop_stage_table and "
								"crmlife.create_stage_table.")));
	if (pg_class_aclcheck(consumer->changes, GetUserId(), ACL_SELECT) !=
		ACLCHECK_OK)
		aclcheck_error(ACLCHECK_NO_PRIV, OBJECT_TABLE,
					   get_rel_name(consumer->changes));
	if (check_enable_rls(consumer->changes, InvalidOid, true) == RLS_ENABLED)
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("row security keeps you from some of the changes of "
						"stage table %s",
						consumer->table_name),
				 errdetail("A consumer takes all of them.")));
}

/*
 * A query on the log, as the stage table's owner: whatever was made of the log
 * since, no code of the owner's runs with the caller's rights.
 */
static uint64
ask_log(const Consumer *consumer, const char *query, int nargs, Oid *types,
		Datum *values)
{
	CrmIdentity saved;
	uint64		count;

	crm_become_owner_of(consumer->stage_table, &saved);
	count = crm_execute(query, nargs, types, values, NULL, SPI_OK_SELECT);
	crm_revert_identity(&saved);
	return count;
}

/* the rows after a position; returns the last seq */
static int64
give_changes(const Consumer *consumer, ReturnSetInfo *result, int64 position,
			 int max_rows)
{
	Oid	   types[2] = {INT8OID, INT4OID};
	Datum  values[2] = {Int64GetDatum(position), Int32GetDatum(max_rows)};
	int64  last = position;
	uint64 count = ask_log(
		consumer,
		psprintf("SELECT seq::int8, %s::text, from_stage::text, "
				 "to_stage::text, changed_on::date, recorded_at::timestamptz, "
				 "cause::text, model_version::int4 FROM %s WHERE seq > $1 "
				 "ORDER BY seq LIMIT $2",
				 consumer->customer_column,
				 crm_quote_relation(consumer->changes)),
		2, types, values);

	for (uint64 i = 0; i < count; i++)
	{
		Datum row[CHANGES_COLUMNS];
		bool  nulls[CHANGES_COLUMNS];

		CHECK_FOR_INTERRUPTS();
		heap_deform_tuple(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, row,
						  nulls);
		tuplestore_putvalues(result->setResult, result->setDesc, row, nulls);
		last = DatumGetInt64(row[0]);
	}
	return last;
}

PG_FUNCTION_INFO_V1(crm_changes_since);

Datum
crm_changes_since(PG_FUNCTION_ARGS)
{
	Consumer	consumer;
	CrmIdentity saved;
	CrmClaim   *claim;
	int			max_rows;
	int64		position;
	int64		last;

	refuse_null(fcinfo, 2);
	max_rows = max_rows_argument(fcinfo);
	refuse_place();
	InitMaterializedSRF(fcinfo, 0);
	SPI_connect();
	crm_pin_search_path(&saved);
	find_consumer(&consumer, fcinfo);
	check_log(&consumer);
	claim = claim_consumer(&consumer);
	position = read_position(&consumer);
	last = give_changes(&consumer, (ReturnSetInfo *) fcinfo->resultinfo,
						position, max_rows);
	crm_claim_change(claim);
	claim->given = Max(claim->given, last);
	if (last > position)
		claim->done = false;
	else if (crm_claim_is_fresh(claim) && !claim->done)
		crm_claim_drop(claim); /* there is nothing to keep others from */
	crm_revert_identity(&saved);
	SPI_finish();
	return (Datum) 0;
}

static void
refuse_beyond(const Consumer *consumer, int64 seq, int64 position)
{
	int64 last;

	ask_log(consumer,
			psprintf("SELECT max(seq)::int8 FROM %s",
					 crm_quote_relation(consumer->changes)),
			0, NULL, NULL);
	last = Max(position, column_int64(1));
	if (seq > last)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("change %lld of stage table %s is not there",
						(long long) seq, consumer->table_name),
				 errdetail("The last one is %lld.", (long long) last),
				 errhint("Acknowledge the greatest seq you have dealt with.")));
}

PG_FUNCTION_INFO_V1(crm_ack);

Datum
crm_ack(PG_FUNCTION_ARGS)
{
	Consumer	consumer;
	CrmIdentity saved;
	CrmClaim   *claim;
	int64		seq;
	int64		position;

	refuse_null(fcinfo, 2);
	if (PG_ARGISNULL(2))
		ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
						errmsg("seq must not be null")));
	seq = PG_GETARG_INT64(2);
	refuse_place();
	SPI_connect();
	crm_pin_search_path(&saved);
	find_consumer(&consumer, fcinfo);
	check_log(&consumer);
	claim = claim_consumer(&consumer);
	position = read_position(&consumer);
	if (seq > position)
	{
		refuse_beyond(&consumer, seq, position);
		/* another may be past it where the session has let its locks go */
		position = ask_about(&consumer,
							 "UPDATE crmlife.consumer SET position = $3, "
							 "acked_at = pg_catalog.clock_timestamp() "
							 "WHERE stage_table = $1 AND consumer = $2 "
							 "AND position < $3",
							 seq, SPI_OK_UPDATE) > 0
					   ? seq
					   : read_position(&consumer);
	}
	/* of rows still to be acknowledged the session keeps the others off */
	crm_claim_change(claim);
	claim->done = position >= claim->given;
	claim->acked = true;
	crm_revert_identity(&saved);
	SPI_finish();
	PG_RETURN_INT64(position);
}

/* ----- adding and forgetting ----- */

/*
 * The last one that the calling statement can see: who copies the stage table in
 * it, or under the snapshot that its transaction keeps, sees no more there.
 */
static int64
last_seen(const char *changes)
{
	crm_query(psprintf("SELECT max(seq) FROM %s", changes), 0, NULL, NULL);
	return column_int64(1);
}

/*
 * The last number given, whoever has committed it, or the one before the first
 * that will be.
 */
static int64
last_number(const char *changes)
{
	Oid	  types[1] = {TEXTOID};
	Datum values[1] = {CStringGetTextDatum(changes)};
	char *sequence;

	crm_execute("SELECT pg_get_serial_sequence($1, 'seq')", 1, types, values,
				NULL, SPI_OK_SELECT);
	sequence = column_text(1);
	/* the owner may have made them numbers like any other */
	if (sequence == NULL)
		return last_seen(changes);
	/* pg_sequence_last_value says no number, too, where a right is missing */
	crm_execute(psprintf("SELECT CASE WHEN is_called THEN last_value "
						 "ELSE last_value - 1 END FROM %s",
						 sequence),
				0, NULL, NULL, NULL, SPI_OK_SELECT);
	return column_int64(1);
}

static bool
start_is_now(FunctionCallInfo fcinfo)
{
	char *start;

	if (PG_ARGISNULL(2))
		ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
						errmsg("start must not be null"),
						errhint("Leave it out for its default.")));
	start = text_to_cstring(PG_GETARG_TEXT_PP(2));
	if (strcmp(start, "now") == 0)
		return true;
	if (strcmp(start, "beginning") != 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("start \"%s\" is unknown", start),
				 errhint("'beginning': with all that the log holds; 'now': "
						 "with what is published from now on.")));
	return false;
}

static void
insert_consumer(const Consumer *consumer, int64 position)
{
	Oid	   types[4] = {OIDOID, TEXTOID, OIDOID, INT8OID};
	Datum  values[4] = {ObjectIdGetDatum(consumer->stage_table),
						CStringGetTextDatum(consumer->name),
						ObjectIdGetDatum(consumer->role),
						Int64GetDatum(position)};
	uint64 count = ask_catalog(
		"INSERT INTO crmlife.consumer "
		"(stage_table, consumer, role, number, position) "
		"SELECT $1, $2, $3::crmlife.role_ref, n, $4 "
		"FROM generate_series(1, " CppAsString2(
			MAX_CONSUMERS) ") n WHERE NOT EXISTS "
						   "(SELECT FROM crmlife.consumer c "
						   "WHERE c.stage_table = $1 AND c.number = n) "
						   "ORDER BY n LIMIT 1 ON CONFLICT DO NOTHING",
		4, types, values, SPI_OK_INSERT);

	if (count == 0)
		ereport(ERROR, (errcode(ERRCODE_DUPLICATE_OBJECT),
						errmsg("stage table %s has a consumer \"%s\" already",
							   consumer->table_name, consumer->name),
						errhint("crmlife.forget_consumer drops it.")));
}

PG_FUNCTION_INFO_V1(crm_add_consumer);

Datum
crm_add_consumer(PG_FUNCTION_ARGS)
{
	Consumer			consumer = {0};
	CrmStageDefinition *definition;
	CrmIdentity			saved;
	bool				now;
	int64				position = 0;

	refuse_null(fcinfo, 2);
	now = start_is_now(fcinfo);
	if (PG_ARGISNULL(3))
		ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
						errmsg("role must not be null")));
	consumer.stage_table = PG_GETARG_OID(0);
	consumer.name = text_to_cstring(PG_GETARG_TEXT_PP(1));
	consumer.role = get_role_oid(NameStr(*PG_GETARG_NAME(3)), false);
	if (consumer.name[0] == '\0' || strlen(consumer.name) >= NAMEDATALEN)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_NAME),
				 errmsg("consumer \"%s\" is no name", consumer.name),
				 errdetail("A name has 1 to %d bytes.", NAMEDATALEN - 1)));
	crm_refuse_on_standby();
	/* nobody is about to publish, or to let go of, a change */
	crm_lock_own_stage(consumer.stage_table);
	definition = crm_load_without_model(consumer.stage_table);
	consumer.table_name = definition->table_name;
	SPI_connect();
	crm_become_table_owner(definition, &saved);
	if (now)
		position = last_seen(crm_changes_name(definition));
	crm_revert_identity(&saved);
	insert_consumer(&consumer, position);
	SPI_finish();
	PG_RETURN_INT64(position);
}

PG_FUNCTION_INFO_V1(crm_set_consumer_role);

Datum
crm_set_consumer_role(PG_FUNCTION_ARGS)
{
	Consumer	consumer;
	CrmIdentity saved;
	Oid			role;

	refuse_null(fcinfo, 2);
	if (PG_ARGISNULL(2))
		ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
						errmsg("role must not be null")));
	role = get_role_oid(NameStr(*PG_GETARG_NAME(2)), false);
	crm_refuse_on_standby();
	crm_lock_own_stage(PG_GETARG_OID(0));
	SPI_connect();
	crm_pin_search_path(&saved);
	find_consumer(&consumer, fcinfo);
	ask_about(&consumer,
			  "UPDATE crmlife.consumer SET role = $3::oid::crmlife.role_ref "
			  "WHERE stage_table = $1 AND consumer = $2",
			  role, SPI_OK_UPDATE);
	crm_revert_identity(&saved);
	SPI_finish();
	PG_RETURN_VOID();
}

PG_FUNCTION_INFO_V1(crm_forget_consumer);

Datum
crm_forget_consumer(PG_FUNCTION_ARGS)
{
	Consumer	consumer;
	CrmIdentity saved;
	CrmClaim   *claim;

	refuse_null(fcinfo, 2);
	refuse_place();
	SPI_connect();
	crm_pin_search_path(&saved);
	find_consumer(&consumer, fcinfo);
	claim = claim_consumer(&consumer);
	crm_claim_change(claim);
	claim->done = claim->acked = true;
	ask_about(&consumer,
			  "DELETE FROM crmlife.consumer "
			  "WHERE stage_table = $1 AND consumer = $2 AND $3 = 0",
			  0, SPI_OK_DELETE);
	crm_revert_identity(&saved);
	SPI_finish();
	PG_RETURN_VOID();
}

/* ----- how long changes are kept ----- */

static void
check_limits(FunctionCallInfo fcinfo)
{
	static const Interval none = {0, 0, 0};

	if (!PG_ARGISNULL(1) &&
		DatumGetInt32(DirectFunctionCall2(interval_cmp, PG_GETARG_DATUM(1),
										  IntervalPGetDatum(&none))) < 0)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("keep_for must not be negative"),
						errhint("For example '90 days'; NULL: for ever.")));
	if (!PG_ARGISNULL(1) && !crm_within_years(PG_GETARG_INTERVAL_P(1), 1000))
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("keep_for must not be longer than 1000 years"),
						errhint("NULL: for ever.")));
	if (!PG_ARGISNULL(2) && PG_GETARG_INT64(2) < 0)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("keep_rows must not be negative"),
						errhint("NULL: any number.")));
}

PG_FUNCTION_INFO_V1(crm_keep_changes);

Datum
crm_keep_changes(PG_FUNCTION_ARGS)
{
	Oid			stage_table;
	Oid			types[3] = {OIDOID, INTERVALOID, INT8OID};
	Datum		values[3] = {0};
	char		nulls[] = "   ";
	CrmIdentity saved;

	refuse_null(fcinfo, 1);
	check_limits(fcinfo);
	stage_table = PG_GETARG_OID(0);
	crm_refuse_on_standby();
	crm_lock_own_stage(stage_table);
	(void) crm_load_without_model(stage_table);
	values[0] = ObjectIdGetDatum(stage_table);
	for (int i = 1; i <= 2; i++)
	{
		if (PG_ARGISNULL(i))
			nulls[i] = 'n';
		else
			values[i] = PG_GETARG_DATUM(i);
	}
	SPI_connect();
	crm_become_catalog_owner(&saved);
	crm_execute("UPDATE crmlife.stage_table SET keep_changes_for = $2, "
				"keep_changes_rows = $3 WHERE stage_table = $1",
				3, types, values, nulls, SPI_OK_UPDATE);
	crm_revert_identity(&saved);
	SPI_finish();
	PG_RETURN_VOID();
}

/*
 * Let go of rows that are over a limit and that no consumer still has to take:
 * from the oldest on, some in each run.
 */
static void
trim(const CrmStageDefinition *definition, int64 changes)
{
	Oid	  types[4] = {INT8OID, INTERVALOID, INT8OID, INT8OID};
	Datum values[4];
	char  nulls[] = "    ";
	bool  isnull;
	/* who has changed them since this transaction's snapshot is done */
	uint64 count = ask_newest(
		"SELECT coalesce((SELECT min(c.position) FROM crmlife.consumer c "
		"WHERE c.stage_table = t.stage_table), 9223372036854775807), "
		"t.keep_changes_for, t.keep_changes_rows "
		"FROM crmlife.stage_table t "
		"WHERE t.stage_table = $1 "
		"AND num_nonnulls(t.keep_changes_for, "
		"t.keep_changes_rows) > 0",
		definition->stage_table);

	if (count == 0)
		return;
	for (int i = 0; i < 3; i++)
	{
		values[i] = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc,
								  i + 1, &isnull);
		nulls[i] = isnull ? 'n' : ' ';
	}
	values[3] = Int64GetDatum(Max(TRIM_ROWS, 2 * changes));
	crm_execute(
		psprintf("WITH last AS (SELECT max(seq) AS seq FROM %s), "
				 "oldest AS (SELECT seq, recorded_at FROM %s WHERE seq <= $1 "
				 "ORDER BY seq LIMIT $4) "
				 "DELETE FROM %s c USING oldest o, last WHERE c.seq = o.seq "
				 "AND (o.recorded_at < now() - $2 OR o.seq <= last.seq - $3)",
				 crm_changes_name(definition), crm_changes_name(definition),
				 crm_changes_name(definition)),
		4, types, values, nulls, SPI_OK_DELETE);
}

/* ----- on the side of the refresh ----- */

/* numbers that a session keeps, or that count down, come below a position */
static void
check_ascending(const char *changes)
{
	Oid	   types[1] = {TEXTOID};
	Datum  values[1] = {CStringGetTextDatum(changes)};
	uint64 count = crm_execute(
		"SELECT s.seqrelid::regclass FROM pg_sequence s WHERE s.seqrelid = "
		"pg_get_serial_sequence($1, 'seq')::regclass "
		"AND (s.seqcache <> 1 OR s.seqincrement <= 0 OR s.seqcycle)",
		1, types, values, NULL, SPI_OK_SELECT);

	if (count > 0)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("numbers of change log %s do not ascend in the order "
						"in which they are given",
						changes),
				 errdetail("Its sequence was altered."),
				 errhint("ALTER SEQUENCE %s INCREMENT BY 1 CACHE 1 NO CYCLE;",
						 column_text(1))));
}

/*
 * A log that was emptied with RESTART IDENTITY counts from one again: so do
 * its consumers.
 */
void
crm_outbox_begin(const CrmStageDefinition *definition)
{
	Oid	  types[2] = {OIDOID, INT8OID};
	Datum values[2] = {ObjectIdGetDatum(definition->stage_table)};
	int64 last;

	check_ascending(crm_changes_name(definition));
	ask_catalog("SELECT max(position) FROM crmlife.consumer "
				"WHERE stage_table = $1",
				1, types, values, SPI_OK_SELECT);
	if (column_int64(1) == 0)
		return;
	if (column_int64(1) <= (last = last_number(crm_changes_name(definition))))
		return;
	values[1] = Int64GetDatum(last);
	ask_catalog("UPDATE crmlife.consumer SET position = 0 "
				"WHERE stage_table = $1 AND position > $2",
				2, types, values, SPI_OK_UPDATE);
}

void
crm_outbox_end(const CrmStageDefinition *definition, int64 changes)
{
	News		 *news;
	MemoryContext old;

	trim(definition, changes);
	if (changes == 0)
		return;
	watch_transactions();
	old = MemoryContextSwitchTo(TopTransactionContext);
	news = palloc(sizeof(News));
	news->table_name = pstrdup(definition->table_name);
	news->made = GetCurrentSubTransactionId();
	to_tell = lappend(to_tell, news);
	MemoryContextSwitchTo(old);
}
