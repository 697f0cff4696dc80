/*
 * capture.c
 *		Noticing which customers' rows changed: the capture trigger and its
 *		installation.
 *
 * Every source, and every partition of it, carries four statement triggers
 * that call crmlife.capture().  It looks up which stage tables the relation
 * feeds and adds the distinct keys of the transition tables to the queue:
 *
 *		INSERT, COPY   new rows        UPDATE   old and new rows
 *		DELETE         old rows        TRUNCATE the NULL key: everybody
 *
 * The queue is written directly, by the trigger itself: no query, no plan, no
 * user code, and no right on the queue needed by whoever writes the source.
 *
 * Invariant: a transaction that changes a customer's rows and commits has
 * left the key in the queue, visible together with the change.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/skey.h"
#include "access/stratnum.h"
#include "access/table.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_trigger.h"
#include "catalog/pg_type.h"
#include "commands/trigger.h"
#include "common/hashfn.h"
#include "executor/spi.h"
#include "executor/tuptable.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/tuplestore.h"

#include "compat.h"
#include "stage/capture.h"
#include "stage/definition.h"

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

static void
collect_keys(keyset_hash *keys, Tuplestorestate *rows, TupleDesc descriptor,
			 AttrNumber number)
{
	Oid				type;
	Oid				output_function;
	bool			varlena;
	FmgrInfo		output;
	TupleTableSlot *slot;

	if (rows == NULL)
		return;
	type = getBaseType(TupleDescAttr(descriptor, number - 1)->atttypid);
	getTypeOutputInfo(type, &output_function, &varlena);
	fmgr_info(output_function, &output);
	slot = MakeSingleTupleTableSlot(descriptor, &TTSOpsMinimalTuple);
	tuplestore_rescan(rows);
	while (tuplestore_gettupleslot(rows, true, false, slot))
	{
		bool  isnull;
		bool  found;
		Datum value = slot_getattr(slot, number, &isnull);
		char *text;

		CHECK_FOR_INTERRUPTS();
		if (isnull)
			continue;
		text = key_as_text(value, type, &output);
		(void) keyset_insert(keys, text, &found);
		if (found)
			pfree(text);
	}
	ExecDropSingleTupleTableSlot(slot);
}

/* ----- writing the queue ----- */

#define QUEUE_COLUMNS 3

static void
put_in_queue(Relation queue, TupleTableSlot *slot, Oid stage_table,
			 const char *key)
{
	ExecClearTuple(slot);
	slot->tts_values[0] = ObjectIdGetDatum(stage_table);
	slot->tts_isnull[0] = false;
	slot->tts_isnull[1] = key == NULL;
	slot->tts_values[1] = key ? CStringGetTextDatum(key) : (Datum) 0;
	slot->tts_isnull[2] = true;
	slot->tts_values[2] = (Datum) 0;
	ExecStoreVirtualTuple(slot);
	simple_table_tuple_insert(queue, slot);
}

static Relation
open_own_table(const char *name, LOCKMODE lock)
{
	Oid namespace = get_namespace_oid("crmlife", false);
	Oid table = get_relname_relid(name, namespace);

	if (!OidIsValid(table))
		ereport(ERROR, (errcode(ERRCODE_UNDEFINED_TABLE),
						errmsg("table crmlife.%s does not exist", name),
						errhint("ALTER EXTENSION crmlife UPDATE;")));
	return table_open(table, lock);
}

static void
queue_statement(TriggerData *trigger, Oid stage_table, const char *column)
{
	Relation		source = trigger->tg_relation;
	TupleDesc		descriptor = RelationGetDescr(source);
	AttrNumber		number = get_attnum(RelationGetRelid(source), column);
	Relation		queue = open_own_table("queue", RowExclusiveLock);
	TupleTableSlot *slot;
	keyset_hash	   *keys = keyset_create(CurrentMemoryContext, 16, NULL);
	keyset_iterator iterator;
	KeyEntry	   *entry;

	Assert(RelationGetDescr(queue)->natts == QUEUE_COLUMNS);
	slot = MakeSingleTupleTableSlot(RelationGetDescr(queue), &TTSOpsVirtual);
	if (TRIGGER_FIRED_BY_TRUNCATE(trigger->tg_event) ||
		number == InvalidAttrNumber)
		put_in_queue(queue, slot, stage_table, NULL);
	else
	{
		collect_keys(keys, trigger->tg_oldtable, descriptor, number);
		collect_keys(keys, trigger->tg_newtable, descriptor, number);
		keyset_start_iterate(keys, &iterator);
		while ((entry = keyset_iterate(keys, &iterator)) != NULL)
			put_in_queue(queue, slot, stage_table, entry->key);
	}
	ExecDropSingleTupleTableSlot(slot);
	keyset_destroy(keys);
	table_close(queue, RowExclusiveLock);
}

/* ----- the trigger ----- */

static void
check_trigger_call(FunctionCallInfo fcinfo)
{
	TriggerData *trigger = (TriggerData *) fcinfo->context;

	if (!CALLED_AS_TRIGGER(fcinfo))
		ereport(ERROR, (errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
						errmsg("crmlife.capture() is a trigger function"),
						errhint("crmlife.create_stage_table puts it where it "
								"is needed.")));
	if (!TRIGGER_FIRED_AFTER(trigger->tg_event) ||
		!TRIGGER_FIRED_FOR_STATEMENT(trigger->tg_event) ||
		(trigger->tg_newtable == NULL && trigger->tg_oldtable == NULL &&
		 !TRIGGER_FIRED_BY_TRUNCATE(trigger->tg_event)))
		ereport(ERROR, (errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
						errmsg("crmlife.capture() must be fired AFTER, FOR "
							   "EACH STATEMENT and with transition tables"),
						errhint("crmlife.create_stage_table creates the "
								"triggers the right way.")));
}

PG_FUNCTION_INFO_V1(crm_capture);

Datum
crm_capture(PG_FUNCTION_ARGS)
{
	TriggerData *trigger = (TriggerData *) fcinfo->context;
	Relation	 targets;
	SysScanDesc	 scan;
	ScanKeyData	 key;
	HeapTuple	 tuple;

	check_trigger_call(fcinfo);
	targets = open_own_table("capture_source", AccessShareLock);
	ScanKeyInit(&key, 1, BTEqualStrategyNumber, F_OIDEQ,
				ObjectIdGetDatum(RelationGetRelid(trigger->tg_relation)));
	/* the newest definitions count, whatever this transaction's snapshot */
	scan = systable_beginscan(targets, crm_primary_key_index(targets), true,
							  NULL, 1, &key);
	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		bool  isnull;
		Datum stage_table =
			heap_getattr(tuple, 2, RelationGetDescr(targets), &isnull);
		Datum column =
			heap_getattr(tuple, 3, RelationGetDescr(targets), &isnull);

		queue_statement(trigger, DatumGetObjectId(stage_table),
						NameStr(*DatumGetName(column)));
	}
	systable_endscan(scan);
	table_close(targets, AccessShareLock);
	return PointerGetDatum(NULL);
}

/* ----- installation ----- */

typedef struct CaptureTrigger
{
	const char *name;
	const char *event;
	const char *tables;
} CaptureTrigger;

static const CaptureTrigger capture_triggers[] = {
	{"crmlife_capture_insert", "INSERT",
	 "REFERENCING NEW TABLE AS crmlife_new"},
	{"crmlife_capture_update", "UPDATE",
	 "REFERENCING OLD TABLE AS crmlife_old NEW TABLE AS crmlife_new"},
	{"crmlife_capture_delete", "DELETE",
	 "REFERENCING OLD TABLE AS crmlife_old"},
	{"crmlife_capture_truncate", "TRUNCATE", ""},
};

typedef enum TriggerState
{
	TRIGGER_STATE_MISSING,
	TRIGGER_STATE_DISABLED,
	TRIGGER_STATE_GOOD
} TriggerState;

static TriggerState
trigger_state(Relation relation, const char *name)
{
	TriggerDesc *triggers = relation->trigdesc;

	for (int i = 0; triggers && i < triggers->numtriggers; i++)
	{
		const Trigger *trigger = &triggers->triggers[i];

		if (strcmp(trigger->tgname, name) != 0)
			continue;
		return trigger->tgenabled == TRIGGER_FIRES_ON_ORIGIN ||
					   trigger->tgenabled == TRIGGER_FIRES_ALWAYS
				   ? TRIGGER_STATE_GOOD
				   : TRIGGER_STATE_DISABLED;
	}
	return TRIGGER_STATE_MISSING;
}

static void
run_ddl(const char *command)
{
	if (SPI_execute(command, false, 0) != SPI_OK_UTILITY)
		elog(ERROR, "SPI could not run \"%s\"", command);
}

static void
enable_trigger(Oid relation, const char *name)
{
	/* also under session_replication_role = replica, as bulk loads use it */
	run_ddl(psprintf("ALTER TABLE %s ENABLE ALWAYS TRIGGER %s",
					 crm_quote_relation(relation), quote_identifier(name)));
}

/* true when something had to be done */
static bool
install_trigger(Oid relation, const CaptureTrigger *trigger, TriggerState state)
{
	bool owner = crm_owns_relation(relation, GetUserId());

	if (state == TRIGGER_STATE_GOOD)
		return false;
	if (state == TRIGGER_STATE_MISSING)
		run_ddl(psprintf("CREATE TRIGGER %s AFTER %s ON %s %s FOR EACH "
						 "STATEMENT EXECUTE FUNCTION crmlife.capture()",
						 quote_identifier(trigger->name), trigger->event,
						 crm_quote_relation(relation), trigger->tables));
	if (owner)
		enable_trigger(relation, trigger->name);
	else if (state == TRIGGER_STATE_DISABLED)
		ereport(WARNING,
				(errmsg("trigger %s on %s is disabled", trigger->name,
						crm_quote_relation(relation)),
				 errdetail("Changes are missed while it is; every refresh of "
						   "the stage tables on it is a full one."),
				 errhint("Its owner can run: ALTER TABLE %s ENABLE ALWAYS "
						 "TRIGGER %s;",
						 crm_quote_relation(relation), trigger->name)));
	return true;
}

static bool
install_triggers(Oid relation)
{
	TriggerState state[lengthof(capture_triggers)];
	Relation	 opened = table_open(relation, AccessShareLock);
	bool		 changed = false;

	for (int i = 0; i < lengthof(capture_triggers); i++)
		state[i] = trigger_state(opened, capture_triggers[i].name);
	table_close(opened, AccessShareLock);
	for (int i = 0; i < lengthof(capture_triggers); i++)
		changed |= install_trigger(relation, &capture_triggers[i], state[i]);
	return changed;
}

/* remember that a relation feeds a stage table; true when it is news */
static bool
record_source(Oid relation, Oid stage_table, const char *column)
{
	CrmIdentity saved;
	Oid			types[3] = {OIDOID, OIDOID, NAMEOID};
	NameData	name;
	Datum		values[3];
	uint64		added;

	namestrcpy(&name, column);
	values[0] = ObjectIdGetDatum(relation);
	values[1] = ObjectIdGetDatum(stage_table);
	values[2] = NameGetDatum(&name);
	crm_become_catalog_owner(&saved);
	added =
		crm_execute("INSERT INTO crmlife.capture_source VALUES ($1, $2, $3) "
					"ON CONFLICT DO NOTHING",
					3, types, values, NULL, SPI_OK_INSERT);
	crm_revert_identity(&saved);
	return added > 0;
}

/* the source itself and, when it is partitioned or inherited, all below it */
static bool
install_on_source(const CrmSource *source, Oid stage_table)
{
	List	 *relations;
	ListCell *cell;
	bool	  changed = false;

	if (!OidIsValid(source->relation))
		return false;
	relations = find_all_inheritors(source->relation, AccessShareLock, NULL);
	foreach (cell, relations)
	{
		Oid relation = lfirst_oid(cell);

		changed |= record_source(relation, stage_table, source->customer);
		changed |= install_triggers(relation);
	}
	return changed;
}

/* forget relations that feed the stage table no more: detached, dropped */
static bool
forget_others(const CrmStageDefinition *definition)
{
	const CrmSource *sources[] = {&definition->orders, &definition->visits,
								  &definition->members};
	CrmIdentity		 saved;
	Oid				 types[2] = {OIDOID, OIDARRAYOID};
	Datum			 values[2];
	List			*relations = NIL;
	Datum			*oids;
	int				 count = 0;
	ListCell		*cell;
	uint64			 removed;

	for (int i = 0; i < lengthof(sources); i++)
		if (OidIsValid(sources[i]->relation))
			relations =
				list_concat(relations, find_all_inheritors(sources[i]->relation,
														   NoLock, NULL));
	oids = palloc(sizeof(Datum) * Max(list_length(relations), 1));
	foreach (cell, relations)
		oids[count++] = ObjectIdGetDatum(lfirst_oid(cell));
	values[0] = ObjectIdGetDatum(definition->stage_table);
	values[1] = PointerGetDatum(
		construct_array(oids, count, OIDOID, sizeof(Oid), true, TYPALIGN_INT));
	crm_become_catalog_owner(&saved);
	removed = crm_execute("DELETE FROM crmlife.capture_source "
						  "WHERE stage_table = $1 AND source <> ALL ($2)",
						  2, types, values, NULL, SPI_OK_DELETE);
	crm_revert_identity(&saved);
	return removed > 0;
}

bool
crm_capture_install(const CrmStageDefinition *definition)
{
	bool changed = false;

	changed |= install_on_source(&definition->orders, definition->stage_table);
	changed |= install_on_source(&definition->visits, definition->stage_table);
	changed |= install_on_source(&definition->members, definition->stage_table);
	changed |= forget_others(definition);
	return changed;
}

/* ----- removal ----- */

static void
drop_triggers(Oid relation)
{
	if (!crm_owns_relation(relation, GetUserId()))
	{
		ereport(
			NOTICE,
			(errmsg("capture triggers stay on %s, which you do not own",
					crm_quote_relation(relation)),
			 errdetail("They find nothing to do there."),
			 errhint("Its owner can drop the triggers crmlife_capture_*.")));
		return;
	}
	for (int i = 0; i < lengthof(capture_triggers); i++)
		run_ddl(psprintf("DROP TRIGGER IF EXISTS %s ON %s",
						 quote_identifier(capture_triggers[i].name),
						 crm_quote_relation(relation)));
}

void
crm_capture_remove(Oid stage_table)
{
	CrmIdentity saved;
	Oid			types[1] = {OIDOID};
	Datum		values[1] = {ObjectIdGetDatum(stage_table)};
	uint64		count;
	Oid		   *unused;

	crm_become_catalog_owner(&saved);
	crm_execute("WITH gone AS (DELETE FROM crmlife.capture_source "
				"WHERE stage_table = $1 RETURNING source) "
				"SELECT DISTINCT g.source FROM gone g WHERE NOT EXISTS "
				"(SELECT FROM crmlife.capture_source c "
				"WHERE c.source = g.source AND c.stage_table <> $1)",
				1, types, values, NULL, SPI_OK_SELECT);
	count = SPI_processed;
	unused = palloc(sizeof(Oid) * Max(count, 1));
	for (uint64 i = 0; i < count; i++)
	{
		bool isnull;

		unused[i] = DatumGetObjectId(SPI_getbinval(
			SPI_tuptable->vals[i], SPI_tuptable->tupdesc, 1, &isnull));
	}
	crm_revert_identity(&saved);
	for (uint64 i = 0; i < count; i++)
		if (get_rel_name(unused[i]) != NULL)
			drop_triggers(unused[i]);
}
