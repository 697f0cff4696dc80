/*
 * capture.c
 *		Noticing which customers' rows changed: the capture trigger and its
 *		installation.
 *
 * Every source carries four statement triggers that call crmlife.capture(), and
 * so does every partition of it, and every table that it is itself a part of:
 * a statement fires the triggers of the relation that it names, and of no
 * other.  The function looks up which stage tables the relation feeds and hands
 * the transition tables to the queue:
 *
 *		INSERT, COPY   the new rows, to be merged into stored histories
 *		UPDATE         the customers of old and new rows, to be read again
 *		DELETE         those of old rows      TRUNCATE   everybody
 *
 * Everybody too where the customer stands in no row, but is worked out.  What
 * comes by a table above the source is read again: it may lie beside it.
 *
 * What no trigger tells is told by the catalogs: a partition that came or
 * went, a trigger that was missing or disabled for a while, a table that was
 * rewritten, a column that became another.  crmlife.capture_source keeps what
 * they said when a relation was last looked at; where they say something else,
 * the run is a full one.
 *
 * Invariant: a transaction that changes a customer's rows and commits has
 * left the key in the queue, visible together with the change.  So a relation
 * is taken in under a lock that waits for all writers before the first row is
 * read: one who began before would not know that the stage table listens.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/skey.h"
#include "access/stratnum.h"
#include "access/table.h"
#include "access/xact.h"
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "catalog/pg_subscription_rel.h"
#include "catalog/pg_trigger.h"
#include "catalog/pg_type.h"
#include "commands/tablecmds.h"
#include "commands/trigger.h"
#include "executor/spi.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "parser/parse_func.h"
#include "storage/lmgr.h"
#include "utils/acl.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/hsearch.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

#include "compat.h"
#include "stage/capture.h"
#include "stage/definition.h"
#include "stage/moves.h"
#include "stage/newrows.h"
#include "stage/outdated.h"
#include "stage/parts.h"
#include "stage/queue.h"
#include "stage/source.h"
#include "stage/statement.h"
#include "stage/used.h"

/* the last transaction of this session in which a refresh read the sources */
static FullTransactionId read_in = {0};

void
crm_capture_reading(void)
{
	read_in = GetTopFullTransactionId();
}

/* ----- a statement ----- */

#define INSERT_TRIGGER "crmlife_capture_insert"
#define TARGET_COLUMNS 8

/*
 * May its new rows be merged?  Not where a refresh has run in this transaction:
 * called by the statement itself, or a trigger before this one, it has seen
 * rows that are not in the queue yet.  And only once, whatever other triggers
 * call the function: there is one of that name.  Nor where they may have gone
 * to a partition that the stage table does not know.
 */
static bool
may_merge(const TriggerData *trigger, int64 parts)
{
	return TRIGGER_FIRED_BY_INSERT(trigger->tg_event) &&
		   strcmp(trigger->tg_trigger->tgname, INSERT_TRIGGER) == 0 &&
		   !(FullTransactionIdIsValid(read_in) &&
			 FullTransactionIdEquals(read_in,
									 GetTopFullTransactionIdIfAny())) &&
		   parts > CRM_PARTS_UNKNOWN &&
		   parts == crm_parts_digest(trigger->tg_relation);
}

/*
 * Are there customers whose rows the statement has changed, and which its
 * transition tables do not show?  Of a partitioned table PostgreSQL shows a row
 * that is inserted as it was given, before the partition's generated columns
 * were worked out.
 */
static bool
hides_customers(const TriggerData *trigger, AttrNumber number, int64 parts)
{
	TupleDesc descriptor = RelationGetDescr(trigger->tg_relation);

	return TRIGGER_FIRED_BY_TRUNCATE(trigger->tg_event) ||
		   number == InvalidAttrNumber ||
		   crm_is_virtual(TupleDescAttr(descriptor, number - 1)) ||
		   (parts == CRM_PARTS_HIDE_CUSTOMER &&
			!TRIGGER_FIRED_BY_DELETE(trigger->tg_event)) ||
		   crm_rows_moved_unseen(trigger);
}

static void
queue_statement(TriggerData *trigger, Oid stage_table, const char *column,
				int64 parts, const CrmNewRowsForm *form)
{
	Relation		source = trigger->tg_relation;
	TupleDesc		descriptor = RelationGetDescr(source);
	AttrNumber		number = get_attnum(RelationGetRelid(source), column);
	CrmQueueWriter *writer = crm_queue_open(stage_table);

	if (hides_customers(trigger, number, parts))
		crm_queue_all(writer);
	else if (form && form->numbers[0] == number && may_merge(trigger, parts))
		crm_queue_new_rows(writer, trigger->tg_newtable, source, form);
	else
	{
		crm_queue_customers(writer, trigger->tg_oldtable, descriptor, number);
		crm_queue_customers(writer, trigger->tg_newtable, descriptor, number);
	}
	crm_queue_close(writer);
}

/* ----- the trigger ----- */

/* has a trigger all that its event shows? */
static bool
has_tables(const TriggerData *trigger)
{
	bool inserts = TRIGGER_FIRED_BY_INSERT(trigger->tg_event);
	bool updates = TRIGGER_FIRED_BY_UPDATE(trigger->tg_event);
	bool deletes = TRIGGER_FIRED_BY_DELETE(trigger->tg_event);

	return (trigger->tg_newtable || !(inserts || updates)) &&
		   (trigger->tg_oldtable || !(deletes || updates));
}

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
		!TRIGGER_FIRED_FOR_STATEMENT(trigger->tg_event) || !has_tables(trigger))
		ereport(ERROR, (errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
						errmsg("crmlife.capture() must be fired AFTER, FOR "
							   "EACH STATEMENT and with transition tables"),
						errhint("crmlife.create_stage_table creates the "
								"triggers the right way.")));
}

static Relation
open_targets(void)
{
	Oid namespace = get_namespace_oid("crmlife", false);
	Oid		 table = get_relname_relid("capture_source", namespace);
	Relation targets;

	if (!OidIsValid(table))
		ereport(ERROR, (errcode(ERRCODE_UNDEFINED_TABLE),
						errmsg("table crmlife.capture_source does not exist"),
						errhint("ALTER EXTENSION crmlife UPDATE;")));
	targets = table_open(table, AccessShareLock);
	if (RelationGetDescr(targets)->natts != TARGET_COLUMNS)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("table crmlife.capture_source is of another version"),
				 errhint("ALTER EXTENSION crmlife UPDATE;")));
	return targets;
}

/* false: new rows of it are read again */
static bool
read_form(Datum value, CrmNewRowsForm *form)
{
	int2vector *numbers = (int2vector *) DatumGetPointer(value);

	form->kind = numbers->values[0];
	form->count = numbers->dim1 - 1;
	if (form->count < 1 || form->count > CRM_NEW_ROWS_COLUMNS)
		return false;
	memcpy(form->numbers, numbers->values + 1, sizeof(int16) * form->count);
	return true;
}

static void
queue_for_target(TriggerData *trigger, HeapTuple target, TupleDesc descriptor)
{
	bool		   isnull;
	Datum		   stage_table = heap_getattr(target, 2, descriptor, &isnull);
	Datum		   column = heap_getattr(target, 3, descriptor, &isnull);
	Datum		   parts = heap_getattr(target, 8, descriptor, &isnull);
	Datum		   numbers = heap_getattr(target, 5, descriptor, &isnull);
	CrmNewRowsForm form;
	bool		   known = !isnull && read_form(numbers, &form);

	queue_statement(trigger, DatumGetObjectId(stage_table),
					NameStr(*DatumGetName(column)), DatumGetInt64(parts),
					known ? &form : NULL);
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
	targets = open_targets();
	ScanKeyInit(&key, 1, BTEqualStrategyNumber, F_OIDEQ,
				ObjectIdGetDatum(RelationGetRelid(trigger->tg_relation)));
	/* the newest definitions count, whatever this transaction's snapshot */
	scan = systable_beginscan(targets, crm_primary_key_index(targets), true,
							  NULL, 1, &key);
	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
		queue_for_target(trigger, tuple, RelationGetDescr(targets));
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
	int16		type; /* of a statement trigger AFTER the event */
} CaptureTrigger;

static const CaptureTrigger capture_triggers[] = {
	{INSERT_TRIGGER, "INSERT", "REFERENCING NEW TABLE AS crmlife_new",
	 TRIGGER_TYPE_INSERT},
	{"crmlife_capture_update", "UPDATE",
	 "REFERENCING OLD TABLE AS crmlife_old NEW TABLE AS crmlife_new",
	 TRIGGER_TYPE_UPDATE},
	{"crmlife_capture_delete", "DELETE", "REFERENCING OLD TABLE AS crmlife_old",
	 TRIGGER_TYPE_DELETE},
	{"crmlife_capture_truncate", "TRUNCATE", "", TRIGGER_TYPE_TRUNCATE},
};

typedef enum TriggerState
{
	TRIGGER_STATE_MISSING, /* or one of that name does something else */
	TRIGGER_STATE_DISABLED,
	TRIGGER_STATE_GOOD,	 /* fires, though not under replication */
	TRIGGER_STATE_ALWAYS /* fires whatever session_replication_role says */
} TriggerState;

/* does a trigger do what ours do, whoever created it? */
static bool
captures(const Trigger *trigger, const CaptureTrigger *ours, Oid function)
{
	return trigger->tgfoid == function && trigger->tgtype == ours->type &&
		   trigger->tgqual == NULL && trigger->tgnattr == 0 &&
		   (!TRIGGER_FOR_INSERT(ours->type) || trigger->tgnewtable) &&
		   (!TRIGGER_FOR_UPDATE(ours->type) ||
			(trigger->tgnewtable && trigger->tgoldtable)) &&
		   (!TRIGGER_FOR_DELETE(ours->type) || trigger->tgoldtable);
}

static TriggerState
trigger_state(Relation relation, const CaptureTrigger *ours, Oid function)
{
	TriggerDesc *triggers = relation->trigdesc;

	for (int i = 0; triggers && i < triggers->numtriggers; i++)
	{
		const Trigger *trigger = &triggers->triggers[i];

		if (strcmp(trigger->tgname, ours->name) != 0)
			continue;
		if (!captures(trigger, ours, function))
			return TRIGGER_STATE_MISSING;
		if (trigger->tgenabled == TRIGGER_FIRES_ALWAYS)
			return TRIGGER_STATE_ALWAYS;
		return trigger->tgenabled == TRIGGER_FIRES_ON_ORIGIN
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

static void
install_trigger(Oid relation, const CaptureTrigger *trigger, TriggerState state)
{
	bool owner = crm_owns_relation(relation, GetUserId());

	if (state == TRIGGER_STATE_MISSING)
		run_ddl(psprintf("CREATE OR REPLACE TRIGGER %s AFTER %s ON %s %s "
						 "FOR EACH STATEMENT "
						 "EXECUTE FUNCTION crmlife.capture()",
						 quote_identifier(trigger->name), trigger->event,
						 crm_quote_relation(relation), trigger->tables));
	if (owner && state != TRIGGER_STATE_ALWAYS)
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
}

/* where a subscription writes to it, which fires no statement triggers */
static void
warn_if_subscribed(Oid relation)
{
	Relation	map = table_open(SubscriptionRelRelationId, AccessShareLock);
	ScanKeyData key;
	SysScanDesc scan;
	bool		found;

	ScanKeyInit(&key, Anum_pg_subscription_rel_srrelid, BTEqualStrategyNumber,
				F_OIDEQ, ObjectIdGetDatum(relation));
	scan = systable_beginscan(map, SubscriptionRelSrrelidSrsubidIndexId, true,
							  NULL, 1, &key);
	found = HeapTupleIsValid(systable_getnext(scan));
	systable_endscan(scan);
	table_close(map, AccessShareLock);
	if (found)
		ereport(WARNING,
				(errmsg("changes of %s arrive by a subscription",
						crm_quote_relation(relation)),
				 errdetail("No trigger fires for them; every refresh of the "
						   "stage tables on it is a full one."),
				 errhint("Create these stage tables with capture => 'full', "
						 "which leaves out the triggers.")));
}

/* where a crash empties it, which fires none at all */
static void
warn_if_unlogged(Oid relation)
{
	if (get_rel_persistence(relation) != RELPERSISTENCE_UNLOGGED ||
		get_rel_relkind(relation) == RELKIND_PARTITIONED_TABLE)
		return;
	ereport(WARNING,
			(errmsg("%s is unlogged", crm_quote_relation(relation)),
			 errdetail("A crash empties it and no trigger tells; every refresh "
					   "of the stage tables on it is a full one."),
			 errhint("ALTER TABLE %s SET LOGGED; or create these stage tables "
					 "with capture => 'full', which leaves out the triggers.",
					 crm_quote_relation(relation))));
}

static void
states_of_triggers(Relation opened, TriggerState *state)
{
	Oid function =
		LookupFuncName(list_make2(makeString("crmlife"), makeString("capture")),
					   0, NULL, false);

	for (int i = 0; i < lengthof(capture_triggers); i++)
		state[i] = trigger_state(opened, &capture_triggers[i], function);
}

/* are there any to create or to enable, which keeps writers off? */
static bool
lacks_triggers(Oid relation)
{
	TriggerState state[lengthof(capture_triggers)];
	bool		 owner = crm_owns_relation(relation, GetUserId());
	Relation	 opened = table_open(relation, AccessShareLock);
	bool		 lacks = false;

	states_of_triggers(opened, state);
	table_close(opened, AccessShareLock);
	for (int i = 0; i < lengthof(capture_triggers); i++)
		lacks |= state[i] == TRIGGER_STATE_MISSING ||
				 (owner && state[i] != TRIGGER_STATE_ALWAYS);
	return lacks;
}

static void
install_triggers(Oid relation, bool above)
{
	TriggerState state[lengthof(capture_triggers)];
	Relation	 opened = table_open(relation, AccessShareLock);

	states_of_triggers(opened, state);
	for (int i = 0; i < lengthof(capture_triggers); i++)
	{
		if (state[i] != TRIGGER_STATE_MISSING)
			continue;
		if (above)
			crm_check_capturable_above(relation, "capture");
		else
			crm_check_capturable(relation, "capture");
		/* a statement under way would not fire it */
		CheckTableNotInUse(opened, "CREATE TRIGGER");
	}
	table_close(opened, AccessShareLock);
	for (int i = 0; i < lengthof(capture_triggers); i++)
		install_trigger(relation, &capture_triggers[i], state[i]);
	warn_if_subscribed(relation);
	if (!above)
		warn_if_unlogged(relation);
}

/* ----- what the catalogs say ----- */

/* the bits in roles of what is a source, or a part of one */
#define PART_ROLE_BITS 21
#define PART_ROLES CppAsString2(PART_ROLE_BITS)

/*
 * What it feeds; the last change of each of its capture triggers, by its place,
 * too, for a transaction may have made several; where its rows are stored; its
 * customer column, all columns in use, and types that expressions name; what its
 * virtual columns are made of; who reads it, and by which policies.  A relation of which this is the same
 * has had its triggers all the time, and its rows were not rewritten, nor made to
 * be read as others.  NULL: there are changes that no trigger of ours tells,
 * because one is not there or does not fire, a subscription writes them, or a
 * crash empties it.  Within a query that says which relation, roles, customer and
 * columns: r.source, r.roles, r.customer, columns and types.
 */
#define VIRTUAL_COLUMNS CRM_VIRTUAL_COLUMNS_OF("r.source")
#define ROWS_SHOWN                                                             \
	"CASE WHEN c.relrowsecurity THEN c.relforcerowsecurity || "                \
	"(SELECT concat_ws(':', a.rolsuper, a.rolbypassrls, "                      \
	"pg_has_role(a.oid, c.relowner, 'USAGE'), "                                \
	"(SELECT string_agg(concat_ws(':', p.oid, p.xmin, p.ctid, "                \
	"(SELECT bool_or(m = 0 OR pg_has_role(a.oid, m, 'USAGE')) "                \
	"FROM unnest(p.polroles) m)), ' ' ORDER BY p.oid) "                        \
	"FROM pg_policy p WHERE p.polrelid = r.source)) "                          \
	"FROM pg_roles a JOIN pg_class o ON o.relowner = a.oid WHERE o.oid = $1) " \
	"ELSE '' END"
#define SEEN_NOW                                                               \
	"(SELECT CASE WHEN count(*) FILTER (WHERE t.tgenabled IN ('O', 'A') "      \
	"AND t.tgfoid = to_regprocedure('crmlife.capture()')) = 4 "                \
	"AND NOT EXISTS (SELECT FROM pg_subscription_rel b "                       \
	"WHERE b.srrelid = r.source) "                                             \
	"AND (c.relpersistence <> 'u' OR c.relkind = 'p' OR r.roles & " PART_ROLES \
	" = 0) "                                                                   \
	"THEN r.roles || ':' || string_agg(concat_ws(':', t.oid, "                 \
	"t.xmin, t.ctid, t.tgenabled), ' ' ORDER BY t.tgname) || '/' || "          \
	"c.relfilenode || '/' || "                                                 \
	"(SELECT o.relowner || ':' FROM pg_class o WHERE o.oid = $1) "             \
	"|| " ROWS_SHOWN " || crmlife._columns_now(r.source, columns, "            \
	"r.customer, types) || " VIRTUAL_COLUMNS                                   \
	" END FROM pg_class c LEFT JOIN pg_trigger t ON t.tgrelid = c.oid "        \
	"AND t.tgname = ANY ('{crmlife_capture_insert, crmlife_capture_update, "   \
	"crmlife_capture_delete, crmlife_capture_truncate}') "                     \
	"WHERE c.oid = r.source "                                                  \
	"GROUP BY c.relfilenode, c.relpersistence, c.relkind, c.relowner, "        \
	"c.relrowsecurity, c.relforcerowsecurity)"

/* orders, visits, members */
#define SOURCES 3

/* relations that feed a stage table, each with its customer column */
typedef struct Feeds
{
	int	   count;
	int	   space;
	Datum *relations;
	Datum *columns; /* name */
	Datum *forms;	/* int2vector: the kind, then the columns of new rows */
	bool  *formless;
	int	  *numbers; /* of the source that it is, is a part of, or has */
	bool  *above;	/* it has the source as a part */
	Datum *roles;	/* bits of all numbers and whether above */
	Datum *used;	/* the columns that are used of it, a name[] as text */
	bool  *wholly;	/* it is used as a whole */
	Datum *parts;	/* its partitions, as parts.c tells of them */
	Datum  types;	/* that expressions name, an oid[]; 0: none */
	Datum  stage_table;
} Feeds;

static void
more_feeds(Feeds *feeds)
{
	Size values;

	feeds->space = Max(feeds->space * 2, 64);
	values = sizeof(Datum) * feeds->space;
	if (feeds->count == 0)
	{
		feeds->relations = palloc(values);
		feeds->columns = palloc(values);
		feeds->forms = palloc(values);
		feeds->formless = palloc(sizeof(bool) * feeds->space);
		feeds->numbers = palloc(sizeof(int) * feeds->space);
		feeds->above = palloc(sizeof(bool) * feeds->space);
		feeds->used = palloc(values);
		feeds->wholly = palloc(sizeof(bool) * feeds->space);
		feeds->parts = palloc(values);
		return;
	}
	feeds->relations = repalloc(feeds->relations, values);
	feeds->columns = repalloc(feeds->columns, values);
	feeds->forms = repalloc(feeds->forms, values);
	feeds->formless = repalloc(feeds->formless, sizeof(bool) * feeds->space);
	feeds->numbers = repalloc(feeds->numbers, sizeof(int) * feeds->space);
	feeds->above = repalloc(feeds->above, sizeof(bool) * feeds->space);
	feeds->used = repalloc(feeds->used, values);
	feeds->wholly = repalloc(feeds->wholly, sizeof(bool) * feeds->space);
	feeds->parts = repalloc(feeds->parts, values);
}

static void
add_feed(Feeds *feeds, Oid relation, Datum column, int number, bool above)
{
	if (feeds->count == feeds->space)
		more_feeds(feeds);
	feeds->relations[feeds->count] = ObjectIdGetDatum(relation);
	feeds->columns[feeds->count] = column;
	feeds->numbers[feeds->count] = number;
	feeds->above[feeds->count] = above;
	feeds->used[feeds->count] = (Datum) 0;
	feeds->wholly[feeds->count] = true;
	feeds->forms[feeds->count] = (Datum) 0;
	feeds->formless[feeds->count++] = true;
}

static void
add_source(Feeds *feeds, const CrmSource *source, int number)
{
	NameData *column;
	List	 *tree;
	List	 *above;
	ListCell *cell;

	if (!OidIsValid(source->relation))
		return;
	column = palloc(sizeof(NameData));
	namestrcpy(column, source->customer);
	/* the source itself and, when it is partitioned or inherited, all below */
	tree = crm_lock_tree(source->relation);
	foreach (cell, tree)
		add_feed(feeds, lfirst_oid(cell), NameGetDatum(column), number, false);
	above = crm_lock_above(tree);
	crm_refuse_new(above, "source");
	foreach (cell, above)
		add_feed(feeds, lfirst_oid(cell), NameGetDatum(column), number, true);
}

/*
 * As what each relation feeds the stage table: one that stays a feed may have
 * come to be another source's, too, or no longer be.
 */
static void
add_roles(Feeds *feeds)
{
	typedef struct Roles
	{
		Oid	  relation;
		int32 bits;
	} Roles;
	HASHCTL control = {.keysize = sizeof(Oid),
					   .entrysize = sizeof(Roles),
					   .hcxt = CurrentMemoryContext};
	HTAB   *roles = hash_create("crmlife feeds", 64, &control,
								HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);

	for (int i = 0; i < feeds->count; i++)
	{
		Oid	   relation = DatumGetObjectId(feeds->relations[i]);
		bool   found;
		Roles *its = hash_search(roles, &relation, HASH_ENTER, &found);

		its->bits = (found ? its->bits : 0) |
					1 << (2 * feeds->numbers[i] + feeds->above[i]);
	}
	feeds->roles = palloc(sizeof(Datum) * Max(feeds->count, 1));
	for (int i = 0; i < feeds->count; i++)
	{
		Oid	   relation = DatumGetObjectId(feeds->relations[i]);
		Roles *its = hash_search(roles, &relation, HASH_FIND, NULL);

		feeds->roles[i] = Int32GetDatum(its->bits);
	}
	hash_destroy(roles);
}

/* is a relation no part of a source, nor one? */
static bool
is_above(const Feeds *feeds, int number)
{
	return (DatumGetInt32(feeds->roles[number]) & PART_ROLE_BITS) == 0;
}

static int64
parts_of(Oid relation)
{
	Relation opened = table_open(relation, AccessShareLock);
	int64	 digest = crm_parts_digest(opened);

	table_close(opened, NoLock);
	return digest;
}

/* what is beside a source, and not below, may come and go */
static void
add_digests(Feeds *feeds)
{
	for (int i = 0; i < feeds->count; i++)
		feeds->parts[i] = Int64GetDatum(
			is_above(feeds, i)
				? CRM_PARTS_UNKNOWN
				: parts_of(DatumGetObjectId(feeds->relations[i])));
}

static void
list_feeds(const CrmStageDefinition *definition, Feeds *feeds)
{
	feeds->count = 0;
	feeds->space = 0;
	feeds->types = (Datum) 0;
	feeds->stage_table = ObjectIdGetDatum(definition->stage_table);
	add_source(feeds, &definition->orders, 0);
	add_source(feeds, &definition->visits, 1);
	add_source(feeds, &definition->members, 2);
	add_roles(feeds);
	add_digests(feeds);
}

/* does a relation feed the stage table in more than one way? */
static bool
feeds_twice(const Feeds *feeds, int number)
{
	int times = 0;

	for (int i = 0; i < feeds->count; i++)
		times += feeds->relations[i] == feeds->relations[number];
	return times > 1;
}

/* are there columns that new rows by a partitioned table do not show? */
static bool
lacks_generated(Oid relation, const CrmNewRowsForm *form)
{
	for (int i = 0; i < form->count; i++)
		if (crm_parts_generate(relation,
							   get_attname(relation, form->numbers[i], false)))
			return true;
	return false;
}

/*
 * Which columns the new rows of a source are kept by: of those whose events are
 * merged into stored histories.
 */
static void
add_forms(Feeds *feeds, const CrmSource *source, int source_number, int kind)
{
	CrmNewRowsForm form;
	CrmNewRowsForm own;
	int16		   numbers[CRM_NEW_ROWS_COLUMNS + 1];

	if (!OidIsValid(source->relation) ||
		!crm_new_rows_form(source, kind, &form))
		return;
	for (int i = 0; i < feeds->count; i++)
	{
		if (feeds->numbers[i] != source_number || feeds->above[i] ||
			feeds_twice(feeds, i) ||
			!crm_new_rows_form_of(
				source, &form, DatumGetObjectId(feeds->relations[i]), &own) ||
			lacks_generated(DatumGetObjectId(feeds->relations[i]), &own))
			continue;
		numbers[0] = (int16) kind;
		memcpy(numbers + 1, own.numbers, sizeof(int16) * own.count);
		feeds->forms[i] =
			PointerGetDatum(buildint2vector(numbers, own.count + 1));
		feeds->formless[i] = false;
	}
}

/* what the sources use together that a relation is, or is a part of */
static List *
used_of(const Feeds *feeds, List *const *used, int number)
{
	List *names = NIL;

	for (int i = 0; i < feeds->count; i++)
	{
		if (feeds->relations[i] != feeds->relations[number])
			continue;
		if (used[feeds->numbers[i]] == NIL)
			return NIL;
		names = list_union(names, used[feeds->numbers[i]]);
	}
	return names;
}

static Datum
name_array_text(List *names)
{
	Datum	 *values = palloc(sizeof(Datum) * list_length(names));
	int		  count = 0;
	ListCell *cell;

	foreach (cell, names)
	{
		NameData *name = palloc(sizeof(NameData));

		namestrcpy(name, strVal(lfirst(cell)));
		values[count++] = NameGetDatum(name);
	}
	return CStringGetTextDatum(OidOutputFunctionCall(
		F_ARRAY_OUT,
		PointerGetDatum(construct_array(values, count, NAMEOID, NAMEDATALEN,
										false, TYPALIGN_CHAR))));
}

static Datum
oid_array(const List *oids)
{
	Datum	 *values = palloc(sizeof(Datum) * list_length(oids));
	int		  count = 0;
	ListCell *cell;

	foreach (cell, oids)
		values[count++] = ObjectIdGetDatum(lfirst_oid(cell));
	return PointerGetDatum(construct_array(values, count, OIDOID, sizeof(Oid),
										   true, TYPALIGN_INT));
}

static void
add_used(const CrmStageDefinition *definition, Feeds *feeds)
{
	const CrmSource *sources[SOURCES] = {
		&definition->orders, &definition->visits, &definition->members};
	List *used[SOURCES] = {NIL};
	List *types = NIL;

	for (int i = 0; i < SOURCES; i++)
	{
		if (!OidIsValid(sources[i]->relation))
			continue;
		used[i] = crm_used_columns(definition, sources[i]);
		crm_used_types(sources[i], &types);
	}
	if (types)
		feeds->types = oid_array(types);
	for (int i = 0; i < feeds->count; i++)
	{
		List *names = used_of(feeds, used, i);

		feeds->wholly[i] = names == NIL;
		if (names)
			feeds->used[i] = name_array_text(names);
	}
}

/* all partitions of a source are among its feeds */
static void
add_parts(Feeds *feeds)
{
	List *known = NIL;

	for (int i = 0; i < feeds->count; i++)
		known = lappend_oid(known, DatumGetObjectId(feeds->relations[i]));
	for (int i = 0; i < feeds->count; i++)
		feeds->parts[i] = Int64GetDatum(
			crm_parts_known(DatumGetObjectId(feeds->relations[i]),
							is_above(feeds, i) ? NIL : known,
							NameStr(*DatumGetName(feeds->columns[i]))));
	list_free(known);
}

/* run a query on crmlife's own tables; $1 stage table, $2 to $7 the feeds, $8 types */
static uint64
execute_on_feeds(const Feeds *feeds, const char *query, int expected)
{
	Oid types[8] = {
		OIDOID,		  OIDARRAYOID,	NAMEARRAYOID, INT2VECTORARRAYOID,
		TEXTARRAYOID, INT4ARRAYOID, INT8ARRAYOID, OIDARRAYOID};
	Datum		values[8];
	const char *nulls = feeds->types ? NULL : "       n";
	int			dims[1] = {feeds->count};
	int			bounds[1] = {1};
	CrmIdentity saved;
	uint64		count;

	values[0] = feeds->stage_table;
	values[1] =
		PointerGetDatum(construct_array(feeds->relations, feeds->count, OIDOID,
										sizeof(Oid), true, TYPALIGN_INT));
	values[2] =
		PointerGetDatum(construct_array(feeds->columns, feeds->count, NAMEOID,
										NAMEDATALEN, false, TYPALIGN_CHAR));
	values[3] = PointerGetDatum(
		construct_md_array(feeds->forms, feeds->formless, 1, dims, bounds,
						   INT2VECTOROID, -1, false, TYPALIGN_INT));
	values[4] = PointerGetDatum(construct_md_array(feeds->used, feeds->wholly,
												   1, dims, bounds, TEXTOID, -1,
												   false, TYPALIGN_INT));
	values[5] =
		PointerGetDatum(construct_array(feeds->roles, feeds->count, INT4OID,
										sizeof(int32), true, TYPALIGN_INT));
	values[6] = PointerGetDatum(
		construct_array(feeds->parts, feeds->count, INT8OID, sizeof(int64),
						FLOAT8PASSBYVAL, TYPALIGN_DOUBLE));
	values[7] = feeds->types;
	crm_become_catalog_owner(&saved);
	count = crm_execute(query, 8, types, values, nulls, expected);
	crm_revert_identity(&saved);
	return count;
}

/* a relation that is not as it was seen */
typedef struct Changed
{
	Oid	 relation;
	bool known;	 /* seen at all */
	bool locked; /* under a lock that keeps writers off, before the next */
	bool above;	 /* it is no part of a source */
	int	 depth;
} Changed;

/* the one that has the other as a part is the first: so they are locked */
static int
compare_depths(const void *a, const void *b)
{
	const Changed *left = a;
	const Changed *right = b;

	if (left->depth != right->depth)
		return left->depth < right->depth ? -1 : 1;
	return left->relation < right->relation ? -1
											: left->relation > right->relation;
}

static int
find_changed(const Feeds *feeds, Changed **changed)
{
	uint64 count = execute_on_feeds(
		feeds,
		"SELECT r.source, bool_and(s.source IS NOT NULL), "
		"bool_and(r.roles & " PART_ROLES " = 0) "
		"FROM unnest($2, $3, $6, $7) AS r(source, customer, roles, parts) "
		"LEFT JOIN crmlife.capture_source s ON s.source = r.source "
		"AND s.stage_table = $1 AND s.customer = r.customer "
		"WHERE (s.seen = " SEEN_NOW
		" AND (s.parts IN (r.parts, -1) OR s.parts = -r.parts)) IS NOT TRUE"
		" GROUP BY r.source ORDER BY r.source",
		SPI_OK_SELECT);

	*changed = palloc(sizeof(Changed) * Max(count, 1));
	for (uint64 i = 0; i < count; i++)
	{
		HeapTuple tuple = SPI_tuptable->vals[i];
		TupleDesc row = SPI_tuptable->tupdesc;
		bool	  isnull;
		Oid relation = DatumGetObjectId(SPI_getbinval(tuple, row, 1, &isnull));

		(*changed)[i] = (Changed){
			.relation = relation,
			.known = DatumGetBool(SPI_getbinval(tuple, row, 2, &isnull)),
			.above = DatumGetBool(SPI_getbinval(tuple, row, 3, &isnull)),
			.depth = crm_depth(relation)};
		(*changed)[i].locked = !(*changed)[i].known || lacks_triggers(relation);
	}
	qsort(*changed, count, sizeof(Changed), compare_depths);
	return (int) count;
}

static void
record_feeds(const CrmStageDefinition *definition, Feeds *feeds)
{
	add_used(definition, feeds);
	add_forms(feeds, &definition->orders, 0, CRM_EVENT_ORDER);
	add_forms(feeds, &definition->visits, 1, CRM_EVENT_VISIT);
	add_parts(feeds);
	execute_on_feeds(
		feeds,
		"INSERT INTO crmlife.capture_source AS s "
		"(source, stage_table, customer, seen, new_rows, columns, types, "
		"parts) "
		/* what is not captured whole is looked at again each time */
		"SELECT DISTINCT r.source, $1, r.customer, coalesce(" SEEN_NOW
		", ''), r.new_rows, r.columns, r.types, r.parts "
		"FROM (SELECT f.source, f.customer, f.new_rows, f.columns::name[], "
		"f.roles, f.parts, $8 AS types FROM unnest($2, $3, $4, $5, $6, $7) "
		"AS f(source, customer, new_rows, columns, roles, parts)) AS r "
		"ON CONFLICT (source, stage_table, customer) "
		"DO UPDATE SET seen = excluded.seen, new_rows = excluded.new_rows, "
		"columns = excluded.columns, types = excluded.types, "
		"parts = excluded.parts "
		"WHERE (s.seen, s.new_rows, s.columns, s.types, s.parts) "
		"IS DISTINCT FROM (excluded.seen, excluded.new_rows, "
		"excluded.columns, excluded.types, excluded.parts)",
		SPI_OK_INSERT);
}

/* forget relations that feed the stage table no more: detached, dropped */
static bool
forget_others(const Feeds *feeds)
{
	return execute_on_feeds(feeds,
							"DELETE FROM crmlife.capture_source s "
							"WHERE s.stage_table = $1 AND NOT EXISTS "
							"(SELECT FROM unnest($2, $3) "
							"AS r(source, customer) "
							"WHERE r.source = s.source "
							"AND r.customer = s.customer)",
							SPI_OK_DELETE) > 0;
}

/* ----- a snapshot that is older than a lock ----- */

/* the transaction that took a relation in under such a snapshot */
static FullTransactionId taken_in_blindly = {0};

bool
crm_capture_may_have_missed(void)
{
	return FullTransactionIdIsValid(taken_in_blindly) &&
		   FullTransactionIdEquals(taken_in_blindly,
								   GetTopFullTransactionIdIfAny());
}

/* ----- installation as a whole ----- */

#define TRIES 20

/*
 * Nobody writes to a relation that is new until the stage table knows it, nor
 * while triggers are put right.  All of them, or none while it waits for one:
 * who has written to that one may want to write to another.  Where they are
 * never free at once, in the end each in its turn.
 */
static void
lock_changed(const Changed *changed, int count)
{
	int waited_for = -1;

	for (int tries = 0; tries < TRIES; tries++)
	{
		int busy = -1;

		for (int i = 0; i < count && busy < 0; i++)
			if (changed[i].locked && i != waited_for &&
				!ConditionalLockRelationOid(changed[i].relation,
											ShareRowExclusiveLock))
				busy = i;
		if (busy < 0)
			return;
		for (int i = 0; i < count; i++)
			if (changed[i].locked && (i < busy || i == waited_for))
				UnlockRelationOid(changed[i].relation, ShareRowExclusiveLock);
		LockRelationOid(changed[busy].relation, ShareRowExclusiveLock);
		waited_for = busy;
	}
	for (int i = 0; i < count; i++)
		if (changed[i].locked && i != waited_for)
			LockRelationOid(changed[i].relation, ShareRowExclusiveLock);
}

bool
crm_capture_install(const CrmStageDefinition *definition)
{
	Feeds	 feeds;
	Changed *changed;
	int		 count;
	bool	 gone;

	list_feeds(definition, &feeds);
	count = find_changed(&feeds, &changed);
	lock_changed(changed, count);
	for (int i = 0; i < count; i++)
		install_triggers(changed[i].relation, changed[i].above);
	gone = forget_others(&feeds);
	if (count == 0 && !gone)
		return false;
	record_feeds(definition, &feeds);
	/* whoever wrote before the lock may be invisible to an older snapshot */
	if (IsolationUsesXactSnapshot())
		taken_in_blindly = GetTopFullTransactionId();
	return true;
}

/* ----- removal ----- */

static void
sort_by_depth(Oid *relations, int count)
{
	Changed *sorted = palloc(sizeof(Changed) * Max(count, 1));

	for (int i = 0; i < count; i++)
		sorted[i] = (Changed){.relation = relations[i],
							  .depth = crm_depth(relations[i])};
	qsort(sorted, count, sizeof(Changed), compare_depths);
	for (int i = 0; i < count; i++)
		relations[i] = sorted[i].relation;
	pfree(sorted);
}

/*
 * No stage table but $1 wants triggers on relation r, though it may know nothing
 * of them: one that was restored, before its first refresh.
 */
#define WANTED_BY_NO_OTHER                                               \
	"NOT EXISTS (SELECT FROM crmlife.capture_source c"                   \
	" WHERE c.source = r.relation AND c.stage_table <> $1)"              \
	" AND NOT EXISTS (" CRM_WITH_SOURCES " FROM crmlife.stage_table d"   \
	" WHERE d.stage_table <> $1 AND d.capture = 'trigger'" CRM_AND_ABOVE \
	" SELECT FROM above WHERE above.oid = r.relation)"

/* those a query finds, as things are now, the ones that are above others first */
static int
find_relations(Oid stage_table, const char *query, Oid **relations)
{
	CrmIdentity saved;
	Oid			types[1] = {OIDOID};
	Datum		values[1] = {ObjectIdGetDatum(stage_table)};
	uint64		count;

	/* also where the transaction keeps an older snapshot */
	CommandCounterIncrement();
	PushActiveSnapshot(GetLatestSnapshot());
	crm_become_catalog_owner(&saved);
	count = crm_query(query, 1, types, values);
	*relations = palloc(sizeof(Oid) * Max(count, 1));
	for (uint64 i = 0; i < count; i++)
	{
		bool isnull;

		(*relations)[i] = DatumGetObjectId(SPI_getbinval(
			SPI_tuptable->vals[i], SPI_tuptable->tupdesc, 1, &isnull));
	}
	crm_revert_identity(&saved);
	PopActiveSnapshot();
	sort_by_depth(*relations, (int) count);
	return (int) count;
}

/* the sources of a stage table that no other listens to */
static int
find_unused(Oid stage_table, Oid **relations)
{
	return find_relations(stage_table,
						  "SELECT r.relation FROM (SELECT DISTINCT source "
						  "FROM crmlife.capture_source WHERE stage_table = $1) "
						  "AS r (relation) WHERE " WANTED_BY_NO_OTHER,
						  relations);
}

/* relations that have our triggers, and are no part of any source any more */
static int
find_orphans(Oid **relations)
{
	return find_relations(InvalidOid,
						  "SELECT r.relation FROM (SELECT DISTINCT tgrelid "
						  "FROM pg_trigger WHERE tgfoid = "
						  "to_regprocedure('crmlife.capture()')) "
						  "AS r (relation) WHERE " WANTED_BY_NO_OTHER,
						  relations);
}

static void
drop_triggers(Oid relation)
{
	for (int i = 0; i < lengthof(capture_triggers); i++)
		run_ddl(psprintf("DROP TRIGGER IF EXISTS %s ON %s",
						 quote_identifier(capture_triggers[i].name),
						 crm_quote_relation(relation)));
}

/* lock a source whose triggers may go; false: it stays as it is */
static bool
lock_unused(Oid relation)
{
	if (get_rel_name(relation) == NULL)
		return false;
	if (crm_owns_relation(relation, GetUserId()))
	{
		LockRelationOid(relation, AccessExclusiveLock);
		return true;
	}
	ereport(NOTICE,
			(errmsg("capture triggers stay on %s, which you do not own",
					crm_quote_relation(relation)),
			 errdetail("They find nothing to do there."),
			 errhint("Its owner can drop the triggers crmlife_capture_*.")));
	return false;
}

/* false: somebody uses a source whose triggers may go, or it is another's */
static bool
try_lock_unused(const Oid *unused, int count)
{
	for (int i = 0; i < count; i++)
		if (get_rel_name(unused[i]) != NULL &&
			(!crm_owns_relation(unused[i], GetUserId()) ||
			 !ConditionalLockRelationOid(unused[i], AccessExclusiveLock)))
			return false;
	return true;
}

/* what somebody uses can wait */
void
crm_capture_remove_orphans(void)
{
	Oid	 *orphans;
	Oid	 *still;
	int	  count = find_orphans(&orphans);
	List *locked = NIL;
	int	  left;

	for (int i = 0; i < count; i++)
		if (get_rel_name(orphans[i]) != NULL &&
			crm_owns_relation(orphans[i], GetUserId()) &&
			ConditionalLockRelationOid(orphans[i], AccessExclusiveLock))
			locked = lappend_oid(locked, orphans[i]);
	if (locked == NIL)
		return;
	/* another stage table may have been created on them in the meantime */
	left = find_orphans(&still);
	for (int i = 0; i < left; i++)
		if (list_member_oid(locked, still[i]) && get_rel_name(still[i]) != NULL)
			drop_triggers(still[i]);
}

bool
crm_capture_remove(Oid stage_table, bool wait)
{
	CrmIdentity saved;
	Oid			types[1] = {OIDOID};
	Datum		values[1] = {ObjectIdGetDatum(stage_table)};
	Oid		   *unused;
	int			count = find_unused(stage_table, &unused);
	bool		locked = false;

	if (!wait && !try_lock_unused(unused, count))
		return false;
	for (int i = 0; i < count; i++)
		locked |= lock_unused(unused[i]);
	/* another stage table may have been created on them in the meantime */
	if (locked)
		count = find_unused(stage_table, &unused);
	for (int i = 0; i < count; i++)
		if (get_rel_name(unused[i]) != NULL &&
			crm_owns_relation(unused[i], GetUserId()))
			drop_triggers(unused[i]);
	crm_become_catalog_owner(&saved);
	crm_execute("DELETE FROM crmlife.capture_source WHERE stage_table = $1", 1,
				types, values, NULL, SPI_OK_DELETE);
	crm_revert_identity(&saved);
	return true;
}
