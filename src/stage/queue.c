/*
 * queue.c
 *		The queue of customers whose rows changed: how the capture triggers
 *		fill it, and what a refresh finds in it.
 *
 * An entry of crmlife.queue is one of
 *
 *		customers		those whose rows must be read again
 *		new_rows		rows that are new, packed: see newrows.c
 *		none of these	everybody
 *
 * Many customers, or rows, share an entry of about a page.  It is written
 * directly: no query, no plan, no user code, no right on the queue needed by
 * whoever writes the source, no lock but of the row written, no index.
 *
 * When the queue has reached crmlife.queue_limit and has no room inside, what
 * comes is said elsewhere, once for all: see overflow.c.
 *
 * Invariant: an entry becomes visible together with the change that it is of.
 * So a refresh that reads queue and sources in one snapshot knows of each new
 * row whether a stored history has it: as long as it stands in the queue, none
 * has, and once it is taken, one has.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "catalog/namespace.h"
#include "catalog/pg_type.h"
#include "common/hashfn.h"
#include "executor/spi.h"
#include "executor/tuptable.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "storage/bufmgr.h"
#include "storage/freespace.h"
#include "utils/acl.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/date.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"

#include "compat.h"
#include "stage/deferred.h"
#include "stage/lock.h"
#include "stage/overflow.h"
#include "stage/plans.h"
#include "stage/queue.h"
#include "stage/stage.h"
#include "stage/statement.h"

int crm_queue_limit = 64 * 1024;

enum
{
	QUEUE_STAGE_TABLE,
	QUEUE_CUSTOMERS,
	QUEUE_NEW_ROWS,
	QUEUE_COLUMNS
};

/* ----- the set of keys of one statement ----- */

typedef struct KeyEntry
{
	char *key;
	char  status;
} KeyEntry;

#define SH_PREFIX keyset
#define SH_ELEMENT_TYPE KeyEntry
#define SH_KEY_TYPE char *
#define SH_KEY key
#define SH_HASH_KEY(table, key) \
	DatumGetUInt32(hash_any((const unsigned char *) (key), strlen(key)))
#define SH_EQUAL(table, a, b) (strcmp((a), (b)) == 0)
#define SH_SCOPE static inline
#define SH_DECLARE
#define SH_DEFINE
#include "lib/simplehash.h"

/* a key as text, the way the refresh casts it; palloc'd */
static char *
key_as_text(Datum value, Oid type, FmgrInfo *output)
{
	char *text = OutputFunctionCall(output, value);

	if (type == BPCHAROID)
	{
		size_t size = strlen(text);

		while (size > 0 && text[size - 1] == ' ')
			text[--size] = '\0';
	}
	return text;
}

/* so many keys are held at once; more come to stand in the queue repeatedly */
#define KEYS_HELD 100000
/* an entry has customers of about so many bytes */
#define CUSTOMERS_BYTES 7500

struct CrmQueueWriter
{
	Relation		queue;
	TupleTableSlot *slot;
	Oid				stage_table;
	bool			overflown;
	keyset_hash	   *keys;	 /* NULL: none yet */
	MemoryContext	context; /* of the keys */
};

/* ----- writing entries ----- */

/* has the queue grown to its limit, and is there no room for so much? */
static bool
is_full(Relation queue, Size bytes)
{
	uint64 limit = (uint64) crm_queue_limit * 1024 / BLCKSZ;

	return RelationGetNumberOfBlocks(queue) >= limit &&
		   GetPageWithFreeSpace(queue, Min(bytes + 64, MaxHeapTupleSize)) ==
			   InvalidBlockNumber;
}

static void
put_entry(CrmQueueWriter *writer, Datum customers, Datum new_rows)
{
	TupleTableSlot *slot = writer->slot;

	ExecClearTuple(slot);
	memset(slot->tts_isnull, true, sizeof(bool) * QUEUE_COLUMNS);
	slot->tts_values[QUEUE_STAGE_TABLE] = ObjectIdGetDatum(writer->stage_table);
	slot->tts_isnull[QUEUE_STAGE_TABLE] = false;
	slot->tts_values[QUEUE_CUSTOMERS] = customers;
	slot->tts_isnull[QUEUE_CUSTOMERS] = customers == 0;
	slot->tts_values[QUEUE_NEW_ROWS] = new_rows;
	slot->tts_isnull[QUEUE_NEW_ROWS] = new_rows == 0;
	ExecStoreVirtualTuple(slot);
	simple_table_tuple_insert(writer->queue, slot);
}

static void
put(CrmQueueWriter *writer, Datum customers, Datum new_rows)
{
	Datum value = customers ? customers : new_rows;
	Size  bytes = value ? VARSIZE_ANY(DatumGetPointer(value)) : 0;

	if (writer->overflown)
		return;
	writer->overflown = is_full(writer->queue, bytes);
	if (writer->overflown)
		crm_overflow_tell(writer->stage_table);
	else
		put_entry(writer, customers, new_rows);
}

static void
put_customers(CrmQueueWriter *writer, Datum *customers, int count)
{
	ArrayType *array =
		construct_array(customers, count, TEXTOID, -1, false, TYPALIGN_INT);

	put(writer, PointerGetDatum(array), 0);
	pfree(array);
}

#define CUSTOMERS_AT_ONCE 1024

static void
flush_keys(CrmQueueWriter *writer)
{
	keyset_iterator iterator;
	KeyEntry	   *entry;
	Datum			customers[CUSTOMERS_AT_ONCE];
	int				count = 0;
	Size			bytes = 0;
	MemoryContext	old;

	if (writer->keys == NULL)
		return;
	old = MemoryContextSwitchTo(writer->context);
	keyset_start_iterate(writer->keys, &iterator);
	while ((entry = keyset_iterate(writer->keys, &iterator)) != NULL)
	{
		Size size = INTALIGN(VARHDRSZ + strlen(entry->key));

		if (count == CUSTOMERS_AT_ONCE ||
			(count > 0 && bytes + size > CUSTOMERS_BYTES))
		{
			put_customers(writer, customers, count);
			count = 0;
			bytes = 0;
		}
		customers[count++] = CStringGetTextDatum(entry->key);
		bytes += size;
	}
	put_customers(writer, customers, count);
	MemoryContextSwitchTo(old);
	writer->keys = NULL;
	MemoryContextReset(writer->context);
}

/* ----- what the trigger calls ----- */

static Relation
open_table(LOCKMODE lock)
{
	Oid namespace = get_namespace_oid("crmlife", false);
	Oid table = get_relname_relid("queue", namespace);

	if (!OidIsValid(table))
		ereport(ERROR, (errcode(ERRCODE_UNDEFINED_TABLE),
						errmsg("table crmlife.queue does not exist"),
						errhint("ALTER EXTENSION crmlife UPDATE;")));
	return table_open(table, lock);
}

CrmQueueWriter *
crm_queue_open(Oid stage_table)
{
	CrmQueueWriter *writer = palloc0(sizeof(CrmQueueWriter));

	writer->queue = open_table(RowExclusiveLock);
	if (RelationGetDescr(writer->queue)->natts != QUEUE_COLUMNS)
		ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
						errmsg("table crmlife.queue is of another version"),
						errhint("ALTER EXTENSION crmlife UPDATE;")));
	writer->slot = MakeSingleTupleTableSlot(RelationGetDescr(writer->queue),
											&TTSOpsVirtual);
	writer->stage_table = stage_table;
	writer->context = AllocSetContextCreate(
		CurrentMemoryContext, "crmlife keys", ALLOCSET_SMALL_SIZES);
	return writer;
}

void
crm_queue_close(CrmQueueWriter *writer)
{
	flush_keys(writer);
	ExecDropSingleTupleTableSlot(writer->slot);
	MemoryContextDelete(writer->context);
	/* else the table could be rewritten without rows not yet committed */
	table_close(writer->queue, NoLock);
	pfree(writer);
}

static void
add_key(CrmQueueWriter *writer, Datum value, Oid type, FmgrInfo *output)
{
	MemoryContext old = MemoryContextSwitchTo(writer->context);
	char		 *text = key_as_text(value, type, output);
	bool		  found;

	if (writer->keys == NULL)
		writer->keys = keyset_create(writer->context, 16, NULL);
	(void) keyset_insert(writer->keys, text, &found);
	if (found)
		pfree(text);
	MemoryContextSwitchTo(old);
	if (writer->keys->members >= KEYS_HELD)
		flush_keys(writer);
}

void
crm_queue_customers(CrmQueueWriter *writer, Tuplestorestate *rows,
					TupleDesc descriptor, AttrNumber customer)
{
	Oid				type;
	Oid				output_function;
	bool			varlena;
	FmgrInfo		output;
	TupleTableSlot *slot;

	if (rows == NULL)
		return;
	type = getBaseType(TupleDescAttr(descriptor, customer - 1)->atttypid);
	getTypeOutputInfo(type, &output_function, &varlena);
	fmgr_info(output_function, &output);
	slot = MakeSingleTupleTableSlot(descriptor, &TTSOpsMinimalTuple);
	tuplestore_rescan(rows);
	while (!writer->overflown &&
		   tuplestore_gettupleslot(rows, true, false, slot))
	{
		bool  isnull;
		Datum value = slot_getattr(slot, customer, &isnull);

		CHECK_FOR_INTERRUPTS();
		if (!isnull)
			add_key(writer, value, type, &output);
	}
	ExecDropSingleTupleTableSlot(slot);
}

/* rows too large to be packed */
static void
add_customer_of(CrmQueueWriter *writer, TupleTableSlot *slot,
				const CrmPackedColumn *customer)
{
	Oid		 output_function;
	bool	 varlena;
	FmgrInfo output;
	Oid		 type = getBaseType(customer->type);

	getTypeOutputInfo(type, &output_function, &varlena);
	fmgr_info(output_function, &output);
	add_key(writer, slot->tts_values[customer->number - 1], type, &output);
}

static void
put_packed(CrmQueueWriter *writer, CrmPacker *packer)
{
	if (!crm_packer_is_empty(packer))
		put(writer, 0, crm_packer_take(packer));
}

static void
add_new_row(CrmQueueWriter *writer, CrmPacker *packer, TupleTableSlot *slot)
{
	CrmPacked packed;

	if (slot_attisnull(slot, packer->column[0].number))
		return;
	packed = crm_packer_add(packer, slot);
	if (packed == CRM_PACKED_FULL)
	{
		put_packed(writer, packer);
		packed = crm_packer_add(packer, slot);
	}
	if (packed != CRM_PACKED)
		add_customer_of(writer, slot, &packer->column[0]);
}

void
crm_queue_new_rows(CrmQueueWriter *writer, Tuplestorestate *rows,
				   Relation relation, const CrmNewRowsForm *form)
{
	TupleDesc		descriptor = RelationGetDescr(relation);
	CrmPacker		packer;
	TupleTableSlot *slot;

	if (!crm_packer_begin(&packer, relation, form))
	{
		crm_queue_customers(writer, rows, descriptor, form->numbers[0]);
		return;
	}
	slot = MakeSingleTupleTableSlot(descriptor, &TTSOpsMinimalTuple);
	tuplestore_rescan(rows);
	while (!writer->overflown &&
		   tuplestore_gettupleslot(rows, true, false, slot))
	{
		CHECK_FOR_INTERRUPTS();
		add_new_row(writer, &packer, slot);
	}
	put_packed(writer, &packer);
	ExecDropSingleTupleTableSlot(slot);
}

void
crm_queue_all(CrmQueueWriter *writer)
{
	put(writer, 0, 0);
}

void
crm_queue_everybody(Oid stage_table)
{
	CrmQueueWriter *writer = crm_queue_open(stage_table);

	/* of refreshes, each of which takes what those before have left */
	put_entry(writer, 0, 0);
	crm_queue_close(writer);
}

/* ----- reading entries ----- */

/* what is known of the entries while they are read */
typedef struct Reading
{
	CrmQueued		*queued;
	bool			 rows; /* are wanted; else only their customers */
	const CrmSource *source[CRM_EVENT_VISIT + 1];
	CrmNewRowsForm	 form[CRM_EVENT_VISIT + 1];
	MemoryContext	 into;
	char			*header; /* of the entry before, which fitted */
	CrmUnpacker		 fitted;
} Reading;

static void
prepare_source(Reading *reading, const CrmSource *source, int kind)
{
	CrmNewRows *rows = &reading->queued->rows[kind];
	Relation	relation;

	reading->source[kind] = source;
	if (!OidIsValid(source->relation) ||
		!crm_new_rows_form(source, kind, &reading->form[kind]))
		return;
	relation = table_open(source->relation, AccessShareLock);
	rows->descriptor = crm_new_rows_descriptor(relation, &reading->form[kind]);
	rows->rows = tuplestore_begin_heap(false, false, work_mem);
	table_close(relation, AccessShareLock);
}

/* can the rows be merged; those of one statement are all alike */
static bool
matches(const Reading *reading, const CrmUnpacker *unpacker)
{
	int kind = unpacker->kind;

	if (!reading->rows)
		return true;
	return kind <= CRM_EVENT_VISIT && reading->queued->rows[kind].rows &&
		   crm_unpacker_matches(unpacker, reading->source[kind],
								&reading->form[kind],
								reading->queued->rows[kind].descriptor);
}

static bool
begin_entry(Reading *reading, Datum entry, CrmUnpacker *unpacker)
{
	crm_unpacker_begin(unpacker, entry);
	if (reading->header &&
		reading->fitted.header_size == unpacker->header_size &&
		memcmp(reading->header, unpacker->header, unpacker->header_size) == 0)
	{
		memcpy(unpacker->column, reading->fitted.column,
			   sizeof(unpacker->column));
		return true;
	}
	if (!crm_unpacker_fits(unpacker) || !matches(reading, unpacker))
		return false;
	reading->header = MemoryContextAlloc(reading->into, unpacker->header_size);
	memcpy(reading->header, unpacker->header, unpacker->header_size);
	reading->fitted = *unpacker;
	return true;
}

/*
 * The customer's value as a key of the stage table.  The column may have been of
 * another type than now, or than the stage table's; false: then this is no key.
 */
static bool
key_of(CrmStageKey kind, Datum value, Oid type, Datum *key)
{
	Oid		 output_function;
	bool	 varlena;
	FmgrInfo output;

	type = getBaseType(type);
	*key = value;
	if (kind == CRM_STAGE_KEY_BIGINT && type == INT2OID)
		*key = Int64GetDatum(DatumGetInt16(value));
	else if (kind == CRM_STAGE_KEY_BIGINT && type == INT4OID)
		*key = Int64GetDatum(DatumGetInt32(value));
	else if (type != crm_key_type(kind) || kind == CRM_STAGE_KEY_TEXT)
	{
		getTypeOutputInfo(type, &output_function, &varlena);
		fmgr_info(output_function, &output);
		return crm_stage_key_from_text(kind, key_as_text(value, type, &output),
									   key);
	}
	return true;
}

static void
read_new_row(Reading *reading, const CrmUnpacker *unpacker, Datum *values,
			 bool *nulls)
{
	CrmQueued	 *queued = reading->queued;
	CrmStageKey	  kind = queued->appended.kind;
	MemoryContext old;
	Datum		  key;

	if (!key_of(kind, values[0], unpacker->column[0].type, &key))
	{
		queued->everybody = true;
		return;
	}
	old = MemoryContextSwitchTo(reading->into);
	crm_keys_add(&queued->appended, crm_stage_key_copy(kind, key));
	MemoryContextSwitchTo(old);
	if (reading->rows)
	{
		CrmNewRows *rows = &queued->rows[unpacker->kind];

		tuplestore_putvalues(rows->rows, rows->descriptor, values, nulls);
		rows->count++;
	}
}

static void
read_new_rows(Reading *reading, Datum entry)
{
	CrmUnpacker unpacker;
	Datum		values[CRM_NEW_ROWS_COLUMNS];
	bool		nulls[CRM_NEW_ROWS_COLUMNS];

	if (!begin_entry(reading, entry, &unpacker))
	{
		reading->queued->everybody = true;
		return;
	}
	while (crm_unpacker_next(&unpacker, values, nulls))
	{
		CHECK_FOR_INTERRUPTS();
		/* an order of nobody's */
		if (!nulls[0])
			read_new_row(reading, &unpacker, values, nulls);
	}
}

static void
read_customers(Reading *reading, Datum entry)
{
	CrmKeys		 *changed = &reading->queued->changed;
	MemoryContext old;
	Datum		 *customers;
	int			  count;

	deconstruct_array(DatumGetArrayTypeP(entry), TEXTOID, -1, false,
					  TYPALIGN_INT, &customers, NULL, &count);
	old = MemoryContextSwitchTo(reading->into);
	for (int i = 0; i < count; i++)
	{
		char *name = TextDatumGetCString(customers[i]);
		Datum key;

		if (crm_stage_key_from_text(changed->kind, name, &key))
			crm_keys_add(changed, key);
		else
			/* the column was of another type when it was written */
			reading->queued->everybody = true;
		pfree(name);
	}
	MemoryContextSwitchTo(old);
}

static void
read_entry(Reading *reading, HeapTuple tuple, TupleDesc row)
{
	bool  isnull;
	Datum value = SPI_getbinval(tuple, row, 1, &isnull);

	if (!isnull)
	{
		read_customers(reading, value);
		return;
	}
	value = SPI_getbinval(tuple, row, 2, &isnull);
	if (isnull)
		reading->queued->everybody = true;
	else
		read_new_rows(reading, PointerGetDatum(PG_DETOAST_DATUM_PACKED(value)));
}

static void
begin_reading(Reading *reading, CrmStageKey kind)
{
	memset(reading, 0, sizeof(*reading));
	reading->queued = palloc0(sizeof(CrmQueued));
	reading->queued->changed.kind = kind;
	reading->queued->appended.kind = kind;
	reading->into = CurrentMemoryContext;
}

/* what SPI holds */
static void
read_entries(Reading *reading)
{
	MemoryContext context = AllocSetContextCreate(
		CurrentMemoryContext, "crmlife queue", ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);

	for (uint64 i = 0; i < SPI_processed; i++)
	{
		CHECK_FOR_INTERRUPTS();
		read_entry(reading, SPI_tuptable->vals[i], SPI_tuptable->tupdesc);
		MemoryContextReset(context);
	}
	MemoryContextSwitchTo(old);
	MemoryContextDelete(context);
	SPI_freetuptable(SPI_tuptable);
}

CrmQueued *
crm_queue_take(const CrmStageDefinition *definition, Snapshot snapshot)
{
	Oid			types[1] = {OIDOID};
	Datum		values[1] = {ObjectIdGetDatum(definition->stage_table)};
	Reading		reading;
	SPIPlanPtr	plan;
	CrmIdentity saved;

	begin_reading(&reading, definition->key);
	reading.rows = true;
	prepare_source(&reading, &definition->orders, CRM_EVENT_ORDER);
	prepare_source(&reading, &definition->visits, CRM_EVENT_VISIT);
	crm_become_catalog_owner(&saved);
	plan = crm_plan("DELETE FROM crmlife.queue WHERE stage_table = $1 "
					"RETURNING customers, new_rows",
					1, types, 0, 0);
	if (SPI_execute_snapshot(plan, values, NULL, snapshot, InvalidSnapshot,
							 false, true, 0) != SPI_OK_DELETE_RETURNING)
		elog(ERROR, "could not empty the queue");
	crm_revert_identity(&saved);
	read_entries(&reading);
	if (crm_overflow_take(definition->stage_table, snapshot))
		reading.queued->everybody = true;
	return reading.queued;
}

void
crm_queue_taken(CrmQueued *queued)
{
	for (int kind = 0; kind <= CRM_EVENT_VISIT; kind++)
	{
		CrmNewRows *rows = &queued->rows[kind];

		if (rows->rows != NULL)
			tuplestore_end(rows->rows);
		rows->rows = NULL;
	}
}

CrmQueued *
crm_queue_look(Oid stage_table, CrmStageKey kind)
{
	Oid			types[1] = {OIDOID};
	Datum		values[1] = {ObjectIdGetDatum(stage_table)};
	Reading		reading;
	CrmIdentity saved;

	begin_reading(&reading, kind);
	crm_become_catalog_owner(&saved);
	crm_query("SELECT customers, new_rows FROM crmlife.queue "
			  "WHERE stage_table = $1",
			  1, types, values);
	read_entries(&reading);
	if (crm_overflow_waits(stage_table))
		reading.queued->everybody = true;
	crm_revert_identity(&saved);
	return reading.queued;
}

/* ----- the rest of it ----- */

static void
give_up_all(Oid stage_table)
{
	Oid	  types[1] = {OIDOID};
	Datum values[1] = {ObjectIdGetDatum(stage_table)};

	crm_execute("DELETE FROM crmlife.queue "
				"WHERE stage_table = $1",
				1, types, values, NULL, SPI_OK_DELETE);
	crm_queue_everybody(stage_table);
}

void
crm_queue_fold(Oid stage_table)
{
	Oid	   types[1] = {OIDOID};
	Datum  values[1] = {ObjectIdGetDatum(stage_table)};
	uint64 count;

	count = crm_execute("SELECT FROM crmlife.queue WHERE stage_table = $1 "
						"AND customers IS NULL AND new_rows IS NULL LIMIT 2",
						1, types, values, NULL, SPI_OK_SELECT);
	if (count == 2)
		give_up_all(stage_table);
}

/* those whose entries take more than half of what there may be */
static List *
list_hogs(Oid stage_table)
{
	Oid	  types[2] = {OIDOID, INT8OID};
	Datum values[2] = {ObjectIdGetDatum(stage_table),
					   Int64GetDatum((int64) crm_queue_limit * 1024 / 2)};
	List *hogs = NIL;

	crm_execute("SELECT stage_table FROM crmlife.queue "
				"WHERE stage_table <> $1 "
				"GROUP BY stage_table HAVING sum(coalesce("
				"pg_column_size(new_rows), pg_column_size(customers), 0)) > $2",
				2, types, values, NULL, SPI_OK_SELECT);
	for (uint64 i = 0; i < SPI_processed; i++)
	{
		bool isnull;

		hogs = lappend_oid(hogs, DatumGetObjectId(SPI_getbinval(
									 SPI_tuptable->vals[i],
									 SPI_tuptable->tupdesc, 1, &isnull)));
	}
	return hogs;
}

void
crm_queue_relieve(Oid stage_table)
{
	Relation	queue = open_table(AccessShareLock);
	bool		full = is_full(queue, CRM_NEW_ROWS_BYTES);
	ListCell   *cell;
	CrmIdentity saved;

	table_close(queue, AccessShareLock);
	/* an older snapshot may show entries that are taken already */
	if (!full || IsolationUsesXactSnapshot())
		return;
	crm_become_catalog_owner(&saved);
	foreach (cell, list_hogs(stage_table))
		if (crm_stage_try_lock(lfirst_oid(cell)))
			give_up_all(lfirst_oid(cell));
	crm_revert_identity(&saved);
}

/* ----- SQL ----- */

/* what the status shows: whoever may read the stage table may know */
static bool
may_know(Oid user, Oid stage_table, CrmStageKey *kind)
{
	Oid	  types[1] = {OIDOID};
	Datum values[1] = {ObjectIdGetDatum(stage_table)};
	char *name;

	if (get_rel_name(stage_table) == NULL ||
		pg_class_aclcheck(stage_table, user, ACL_SELECT) != ACLCHECK_OK)
		return false;
	if (crm_query("SELECT key_kind FROM crmlife.stage_table "
				  "WHERE stage_table = $1",
				  1, types, values) == 0)
		return false;
	name = SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1);
	*kind = crm_stage_key_from_name(name);
	return true;
}

PG_FUNCTION_INFO_V1(crm_waiting);

Datum
crm_waiting(PG_FUNCTION_ARGS)
{
	Oid			stage_table = PG_GETARG_OID(0);
	TupleDesc	descriptor;
	Datum		values[3] = {0};
	bool		nulls[3] = {true, true, true};
	CrmStageKey kind;
	CrmQueued  *queued;
	CrmIdentity saved;

	if (get_call_result_type(fcinfo, NULL, &descriptor) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "crmlife.waiting does not return a row");
	descriptor = BlessTupleDesc(descriptor);
	SPI_connect();
	crm_become_catalog_owner(&saved);
	if (may_know(saved.user, stage_table, &kind))
	{
		queued = crm_queue_look(stage_table, kind);
		for (int i = 0; i < queued->appended.count; i++)
			crm_keys_add(&queued->changed, queued->appended.keys[i]);
		crm_keys_settle(&queued->changed);
		values[0] = Int64GetDatum(queued->changed.count);
		values[1] = Int64GetDatum(crm_deferred_count(stage_table));
		values[2] = BoolGetDatum(queued->everybody);
		memset(nulls, false, sizeof(nulls));
	}
	crm_revert_identity(&saved);
	SPI_finish();
	PG_RETURN_DATUM(
		HeapTupleGetDatum(heap_form_tuple(descriptor, values, nulls)));
}
