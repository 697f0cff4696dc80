/*
 * verify.c
 *		Working a whole stage table out again and saying what differs.
 *
 * Invariant: sources, stage table, queue and definition are read in one
 * snapshot.  Customers whose keys stand in the queue are left out, for their
 * rows may rightly be old; everybody else must be equal to the last bit, as far
 * as the digest of a row tells that (digest.c).
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "storage/lmgr.h"
#include "utils/builtins.h"
#include "utils/date.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"

#include "functions/localday.h"
#include "stage/columns.h"
#include "stage/deferred.h"
#include "stage/definition.h"
#include "stage/digest.h"
#include "stage/queue.h"
#include "stage/rights.h"
#include "stage/row.h"
#include "stage/scan.h"
#include "stage/stage.h"
#include "stage/statement.h"

typedef struct Verification
{
	CrmStageDefinition *definition;
	CrmDay				day;
	ReturnSetInfo	   *result;
	CrmKeys				pending;
	CrmKeys				doubtful; /* whose row is not what it should be */
	MemoryContext		lasting;  /* of these keys */
} Verification;

/* more are not read by their keys, but with all others */
#define MANY_DOUBTFUL 100000

#define VERIFY_COLUMNS 4

static void
report(Verification *verification, Datum key, const char *column,
	   const char *stored, const char *expected)
{
	const char *texts[VERIFY_COLUMNS] = {
		crm_key_text(verification->definition->key, key), column, stored,
		expected};
	Datum values[VERIFY_COLUMNS];
	bool  nulls[VERIFY_COLUMNS];

	for (int i = 0; i < VERIFY_COLUMNS; i++)
	{
		nulls[i] = texts[i] == NULL;
		values[i] = texts[i] ? CStringGetTextDatum(texts[i]) : (Datum) 0;
	}
	tuplestore_putvalues(verification->result->setResult,
						 verification->result->setDesc, values, nulls);
}

static char *
as_text(Oid type, Datum value, bool isnull)
{
	Oid	 output;
	bool varlena;

	if (isnull)
		return NULL;
	getTypeOutputInfo(type, &output, &varlena);
	return OidOutputFunctionCall(output, value);
}

static void
compare_rows(Verification *verification, const CrmPair *pair,
			 const CrmStageRow *row)
{
	int columns = crm_stage_column_count(verification->definition);

	for (int i = 0; i < columns; i++)
	{
		const CrmStageColumn *column = &crm_stage_columns[i];
		Oid					  type;

		if (crm_same_column(pair->stored, row, i))
			continue;
		type = crm_stage_column_type(i);
		report(verification, pair->key, column->name,
			   as_text(type, pair->stored->values[i], pair->stored->nulls[i]),
			   as_text(type, row->values[i], row->nulls[i]));
	}
}

static void
verify_customer(Verification *verification, CrmPair *pair)
{
	CrmStageRow row;
	bool		known;

	if (crm_keys_have(&verification->pending, pair->key))
		return;
	known = crm_stage_row(verification->definition, &pair->history,
						  crm_pair_segment(pair, verification->day),
						  pair->times, verification->day, &row);
	if (known && pair->stored)
		compare_rows(verification, pair, &row);
	else if (known)
		report(verification, pair->key, "(row)", "missing", "present");
	else if (pair->stored)
		report(verification, pair->key, "(row)", "present", "missing");
}

/* false: everybody is pending */
static bool
read_pending(Verification *verification)
{
	const CrmStageDefinition *definition = verification->definition;
	CrmQueued				 *queued =
		crm_queue_look(definition->stage_table, definition->key);

	for (int i = 0; i < queued->appended.count; i++)
		crm_keys_add(&queued->changed, queued->appended.keys[i]);
	crm_deferred_look(definition->stage_table, verification->day,
					  &queued->changed);
	crm_keys_settle(&queued->changed);
	verification->pending = queued->changed;
	return !queued->everybody;
}

/* is the row what its digest says? */
static bool
agrees(const Verification *verification, CrmPair *pair)
{
	const CrmStageDefinition *definition = verification->definition;
	CrmStageRow				  row;
	CrmDigest				  digest;

	if (!crm_stage_row(definition, &pair->history,
					   crm_pair_segment(pair, verification->day), pair->times,
					   verification->day, &row))
		return pair->digest == NULL;
	if (pair->digest == NULL)
		return false;
	digest = crm_row_digest(&row, crm_stage_column_count(definition));
	return crm_same_digest(&digest, pair->digest);
}

typedef void (*Look)(Verification *verification, CrmPair *pair);

static void
note_doubtful(Verification *verification, CrmPair *pair)
{
	CrmKeys		 *doubtful = &verification->doubtful;
	MemoryContext old;

	if (crm_keys_have(&verification->pending, pair->key) ||
		agrees(verification, pair))
		return;
	old = MemoryContextSwitchTo(verification->lasting);
	crm_keys_add(doubtful, crm_stage_key_copy(doubtful->kind, pair->key));
	MemoryContextSwitchTo(old);
}

/* keys: 0 for everybody */
static void
walk(Verification *verification, Datum keys, CrmStoredWish wish, Look look)
{
	MemoryContext context = AllocSetContextCreate(
		CurrentMemoryContext, "crmlife verify", ALLOCSET_DEFAULT_SIZES);
	CrmScan *scan = crm_scan_begin(verification->definition, keys,
								   GetActiveSnapshot(), wish);
	CrmPair	 pair;

	while (crm_scan_next(scan, &pair))
	{
		MemoryContext old = MemoryContextSwitchTo(context);

		CHECK_FOR_INTERRUPTS();
		look(verification, &pair);
		MemoryContextSwitchTo(old);
		MemoryContextReset(context);
	}
	crm_scan_end(scan);
	MemoryContextDelete(context);
}

/* most rows are equal: those that are not are read once more, to tell how */
static void
verify_all(Verification *verification)
{
	CrmKeys *doubtful = &verification->doubtful;
	Datum	 keys = 0;

	verification->lasting = CurrentMemoryContext;
	doubtful->kind = verification->definition->key;
	walk(verification, 0, CRM_WISH_DIGESTS, note_doubtful);
	if (doubtful->count == 0)
		return;
	if (doubtful->count <= MANY_DOUBTFUL)
		keys = crm_key_array(doubtful->kind, doubtful->keys, doubtful->count);
	walk(verification, keys, CRM_WISH_ROWS, verify_customer);
}

static void
require_refreshed(const CrmStageDefinition *definition)
{
	if (!definition->refreshed)
		ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
						errmsg("stage table %s has not been refreshed yet",
							   definition->table_name),
						errhint("SELECT crmlife.refresh(%s);",
								quote_literal_cstr(definition->table_name))));
}

/*
 * Lock what will be read before the snapshot is taken: rows that a TRUNCATE
 * in between removes are gone for an older snapshot too.
 */
static void
lock_all(Oid stage_table)
{
	CrmStageDefinition *definition;
	CrmIdentity			saved;

	/* else it could be dropped or renamed when its definition is known */
	LockRelationOid(stage_table, AccessShareLock);
	/* it may have been created, or given away, while this waited */
	crm_require_stage_owner(stage_table);
	definition = crm_load_newest_definition(stage_table);
	SPI_connect();
	crm_become_table_owner(definition, &saved);
	crm_scan_lock(definition);
	crm_revert_identity(&saved);
	SPI_finish();
}

PG_FUNCTION_INFO_V1(crm_verify);

Datum
crm_verify(PG_FUNCTION_ARGS)
{
	Verification verification = {0};
	Oid			 stage_table;
	CrmIdentity	 saved;

	if (PG_ARGISNULL(0))
		ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
						errmsg("stage_table must not be null")));
	if (!PG_ARGISNULL(1) && TIMESTAMP_NOT_FINITE(PG_GETARG_TIMESTAMPTZ(1)))
		ereport(ERROR, (errcode(ERRCODE_DATETIME_VALUE_OUT_OF_RANGE),
						errmsg("as_of must be finite")));
	stage_table = PG_GETARG_OID(0);
	crm_require_stage_owner(stage_table);
	InitMaterializedSRF(fcinfo, 0);
	lock_all(stage_table);
	verification.result = (ReturnSetInfo *) fcinfo->resultinfo;
	PushActiveSnapshot(GetTransactionSnapshot());
	verification.definition = crm_load_definition(stage_table);
	require_refreshed(verification.definition);
	SPI_connect();
	crm_become_table_owner(verification.definition, &saved);
	verification.day = PG_ARGISNULL(1)
						   ? verification.definition->refreshed_day
						   : crm_day_from_timestamptz(PG_GETARG_TIMESTAMPTZ(1));
	if (read_pending(&verification))
		verify_all(&verification);
	else
		ereport(NOTICE,
				(errmsg("every customer of %s waits for a refresh",
						verification.definition->table_name),
				 errdetail("A source was truncated, the queue was full, or "
						   "the last one has not seen a source whole; "
						   "there is nothing to compare.")));
	crm_revert_identity(&saved);
	SPI_finish();
	PopActiveSnapshot();
	return (Datum) 0;
}
