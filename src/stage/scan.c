/*
 * scan.c
 *		Walking through customers: the sources' rows of each, beside the row
 *		that the stage table holds.
 *
 *		orders  --+
 *		visits  --+-- gather --> pairs: history, stored row
 *		members --+
 *		stage table, whole rows
 *
 * The relations are read by ordinary queries, unsorted, so that rights, row
 * security and views hold; src/customers puts the rows of each customer
 * together.  Local times are worked out in the session's zone, which the
 * caller has set to the stage table's.
 *
 * Invariant: all relations are read in one snapshot, taken when they were locked
 * or found to be as they were then, which stays active until the walk ends: what
 * a stored row keeps out of line is still there.
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "nodes/params.h"
#include "storage/lmgr.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/plancache.h"
#include "utils/queryenvironment.h"
#include "utils/snapmgr.h"

#include "compat.h"
#include "engine/purchase_history.h"
#include "functions/feed.h"
#include "functions/history.h"
#include "stage/columns.h"
#include "stage/outdated.h"
#include "stage/plans.h"
#include "stage/progress.h"
#include "stage/row.h"
#include "stage/scan.h"
#include "stage/select.h"
#include "stage/shape.h"
#include "stage/source.h"
#include "stage/statement.h"
#include "stage/stored.h"

/* columns of a source's query */
#define SOURCE_KEY 1
#define SOURCE_AT 2

/* beside those of CrmEventKind: the row the stage table holds, a segment */
#define KIND_STORED 15
#define KIND_SEGMENT 14

/* a row of an order that has a key */
typedef struct KeyedRow
{
	const char *key;
	uint32		length;
	int64		at;
	bool		known;
	CrmMoney	amount;
} KeyedRow;

/* arrays up to this size are kept from customer to customer */
#define CRM_KEPT_BYTES (256 * 1024)

struct CrmScan
{
	const CrmStageDefinition *definition;
	CrmKeyKind				  kind;
	CrmGather				 *gather;
	bool					  times;	 /* orders have */
	bool					  by_stored; /* histories are the stored ones */
	bool					  merging;	 /* and new rows come to them */
	CrmStoredWish			  wish;		 /* of stored rows */
	CrmDay					  day;		 /* for which that is done */
	CrmStoredForm			  form;		 /* of stored rows */
	CrmStageRow				  stored;
	MemoryContext			  customer; /* what lives until the next customer */
	MemoryContext			  arrays;	/* of histories, kept between them */
	bool					  started;
	bool					  unfinished; /* histories are left so */
	CrmDay					  first_day;  /* of all so far */
};

/* ----- reading ----- */

/* what of a relation is read */
typedef struct Some
{
	Datum	 array; /* of keys, or of places; 0: everything is read */
	Oid		 type;	/* of the array */
	CrmShape shape;
} Some;

static const Some everything = {0};

static Some
some_keys(const CrmScan *scan, Datum keys, Oid relation, const char *column)
{
	const CrmStageDefinition *definition = scan->definition;
	ArrayType				 *array;
	Some					  some = {0};

	if (keys == 0)
		return some;
	some.array =
		crm_filter_keys(relation, column, definition->key, keys, &some.type);
	array = DatumGetArrayTypeP(some.array);
	some.shape = crm_shape(definition, relation, column,
						   ArrayGetNItems(ARR_NDIM(array), ARR_DIMS(array)));
	return some;
}

static SPIPlanPtr
prepare(const char *query, const Some *some)
{
	int		   nargs = some->array ? 1 : 0;
	SPIPlanPtr plan = SPI_prepare(query, nargs, unconstify(Oid *, &some->type));

	if (plan == NULL)
		elog(ERROR, "SPI could not prepare \"%s\": %s", query,
			 SPI_result_code_string(SPI_result));
	return plan;
}

/*
 * Of a query that is run again and again; one for each shape.  It is planned
 * each time, for only an array that is known is searched by a hash.
 */
static SPIPlanPtr
kept_plan(const char *query, const Some *some)
{
	return some->array ? crm_plan(query, 1, &some->type, 1 + some->shape,
								  CURSOR_OPT_CUSTOM_PLAN)
					   : crm_plan(query, 0, NULL, 0, 0);
}

static TupleDesc
result_of(SPIPlanPtr plan)
{
	CachedPlanSource *source = linitial(SPI_plan_get_plan_sources(plan));

	return source->resultDesc;
}

/* the query's rows, into the gather */
static void
run(CrmScan *scan, SPIPlanPtr plan, const Some *some,
	const CrmFeedColumns *columns)
{
	SPIExecuteOptions options = {.read_only = true};
	int				  level = NewGUCNestLevel();
	int				  result;

	if (some->array)
	{
		options.params = makeParamList(1);
		options.params->params[0] =
			(ParamExternData){.value = some->array,
							  .pflags = PARAM_FLAG_CONST,
							  .ptype = some->type};
		crm_force_shape(some->shape);
	}
	options.dest =
		crm_progress_receiver(crm_feed_create(scan->gather, columns));
	result = SPI_execute_plan_extended(plan, &options);
	if (result != SPI_OK_SELECT)
		elog(ERROR, "SPI returned %s for customers' rows",
			 SPI_result_code_string(result));
	options.dest->rDestroy(options.dest);
	AtEOXact_GUC(true, level);
}

static bool
has_times(TupleDesc row)
{
	return getBaseType(TupleDescAttr(row, SOURCE_AT - 1)->atttypid) != DATEOID;
}

/* the rows that a query of crm_source_query's returns */
static void
run_source(CrmScan *scan, const CrmSource *source, CrmEventKind kind,
		   SPIPlanPtr plan, const Some *some)
{
	int			   last = SOURCE_AT;
	CrmFeedColumns columns = {
		.customer = SOURCE_KEY,
		.at = SOURCE_AT,
		.kind = (uint8) kind,
		.label_kind = KIND_SEGMENT,
		.undated = kind == CRM_EVENT_REGISTRATION,
		.hint = "Correct the row, or leave such rows out with a filter."};

	if (kind == CRM_EVENT_ORDER)
		scan->times = has_times(result_of(plan));
	if (source->amount)
		columns.amount = ++last;
	if (source->order_key)
		columns.extra = ++last;
	if (source->segment)
		columns.label = ++last;
	run(scan, plan, some, &columns);
}

static char *
whole_source_query(const CrmStageDefinition *definition,
				   const CrmSource *source, bool some)
{
	return crm_source_query(definition, source,
							crm_quote_relation(source->relation), some);
}

static void
read_source(CrmScan *scan, const CrmSource *source, CrmEventKind kind,
			Datum keys)
{
	Some  some;
	char *query;

	if (!OidIsValid(source->relation))
		return;
	some = some_keys(scan, keys, source->relation, source->customer);
	query = whole_source_query(scan->definition, source, keys != 0);
	run_source(scan, source, kind, kept_plan(query, &some), &some);
}

/* what its orders would have, if there were any */
static void
note_times(CrmScan *scan, const CrmSource *source, CrmEventKind kind)
{
	char *query = whole_source_query(scan->definition, source, false);

	if (kind == CRM_EVENT_ORDER)
		scan->times = has_times(result_of(kept_plan(query, &everything)));
}

/*
 * By the same query as the source's rows, so that they mean the same.  Whose
 * rows have been changed since comes by the source: a row that no expression
 * can take, and that has been corrected, is not looked at before that.
 */
static void
read_new(CrmScan *scan, const CrmSource *source, CrmEventKind kind,
		 CrmNewRows *rows, Datum keys)
{
	StringInfoData			   from;
	EphemeralNamedRelationData relation = {
		.md = {.name = "crmlife_new_rows",
			   .reliddesc = InvalidOid,
			   .tupdesc = rows->descriptor,
			   .enrtype = ENR_NAMED_TUPLESTORE,
			   .enrtuples = (double) rows->count},
		.reldata = rows->rows};
	Some	   some;
	SPIPlanPtr plan;

	if (!OidIsValid(source->relation) || rows->descriptor == NULL)
		return;
	if (rows->count == 0)
	{
		note_times(scan, source, kind);
		return;
	}
	if (SPI_register_relation(&relation) != SPI_OK_REL_REGISTER)
		elog(ERROR, "SPI could not register new rows");
	initStringInfo(&from);
	appendStringInfo(&from, "(SELECT * FROM %s WHERE ", relation.md.name);
	crm_append_key_filter(&from, source->relation, source->customer);
	appendStringInfo(&from, " OFFSET 0) %s", relation.md.name);
	some = some_keys(scan, keys, source->relation, source->customer);
	/* its columns are not watched as a relation's are: it is not kept */
	plan = prepare(crm_source_query(scan->definition, source, from.data, false),
				   &some);
	run_source(scan, source, kind, plan, &some);
	SPI_freeplan(plan);
	SPI_unregister_relation(relation.md.name);
}

static void
read_stored(CrmScan *scan, CrmStoredRows which, const Some *some)
{
	bool		   places = scan->wish == CRM_WISH_PLACES;
	CrmFeedColumns columns = {.kind = KIND_STORED};
	SPIPlanPtr	   plan =
		kept_plan(crm_stored_query(scan->definition, which, places), some);

	crm_stored_form(&scan->form, scan->definition, result_of(plan), places);
	columns.customer = scan->form.key;
	if (scan->wish == CRM_WISH_DIGESTS)
	{
		columns.condense = crm_stored_condense;
		columns.context = &scan->form;
	}
	else
		columns.whole = true;
	run(scan, plan, some, &columns);
}

/* keys: 0 for all */
static void
read_stored_keys(CrmScan *scan, Datum keys)
{
	Some some = some_keys(scan, keys, scan->definition->stage_table,
						  scan->definition->customer_column);

	read_stored(scan, keys ? CRM_STORED_BY_KEY : CRM_STORED_ALL, &some);
}

static void
read_stored_places(CrmScan *scan, Datum places)
{
	Some some = {
		.array = places, .type = TIDARRAYOID, .shape = CRM_SHAPE_INDEX};

	read_stored(scan, CRM_STORED_BY_PLACE, &some);
}

/* ----- locks ----- */

static void
lock_relation(Oid relation, const char *what)
{
	List *tree = crm_lock_tree(relation);

	crm_refuse_outdated(relation, tree, what);
	list_free(tree);
}

static List *
read_by(const char *query)
{
	SPIPlanPtr		  plan = kept_plan(query, &everything);
	CachedPlanSource *source = linitial(SPI_plan_get_plan_sources(plan));

	return list_copy(source->relationOids);
}

/*
 * The relations that a query reads, those behind views among them: until all of
 * them are locked a view may become another, which reads others.
 */
static List *
lock_query(const char *query)
{
	List *locked = NIL;
	List *relations;

	for (;;)
	{
		List	 *others;
		ListCell *cell;

		relations = read_by(query);
		others = list_difference_oid(relations, locked);
		if (others == NIL)
			return relations;
		foreach (cell, others)
			LockRelationOid(lfirst_oid(cell), AccessShareLock);
		locked = list_concat(locked, others);
	}
}

void
crm_scan_lock(const CrmStageDefinition *definition)
{
	const CrmSource *sources[] = {&definition->orders, &definition->visits,
								  &definition->members};

	/* what this command did to them belongs to what is there now */
	CommandCounterIncrement();
	lock_relation(definition->stage_table, "stage table");
	for (int i = 0; i < lengthof(sources); i++)
	{
		ListCell *cell;

		if (!OidIsValid(sources[i]->relation))
			continue;
		/* by its number, for the query has its name */
		(void) crm_lock_tree(sources[i]->relation);
		foreach (cell,
				 lock_query(whole_source_query(definition, sources[i], false)))
			lock_relation(lfirst_oid(cell), "source");
	}
}

/* ----- the beginning of a walk ----- */

/* a walk over everybody may take the memory that builds may */
static Size
memory_limit(bool some)
{
	Size limit = get_hash_memory_limit();

	return some ? limit : Max(limit, (Size) maintenance_work_mem * 1024);
}

static CrmScan *
open_scan(const CrmStageDefinition *definition, bool some, Snapshot snapshot)
{
	static const CrmKeyKind kinds[] = {[CRM_STAGE_KEY_BIGINT] = CRM_KEY_BIGINT,
									   [CRM_STAGE_KEY_UUID] = CRM_KEY_UUID,
									   [CRM_STAGE_KEY_TEXT] = CRM_KEY_TEXT};
	CrmScan				   *scan = palloc0(sizeof(CrmScan));

	scan->definition = definition;
	scan->first_day = CRM_NO_DAY;
	scan->kind = kinds[definition->key];
	scan->gather = crm_gather_begin(scan->kind, memory_limit(some));
	scan->customer = AllocSetContextCreate(
		CurrentMemoryContext, "crmlife customer", ALLOCSET_DEFAULT_SIZES);
	scan->arrays = AllocSetContextCreate(
		CurrentMemoryContext, "crmlife history", ALLOCSET_DEFAULT_SIZES);
	if (snapshot)
		PushActiveSnapshot(snapshot);
	else
	{
		crm_scan_lock(definition);
		CommandCounterIncrement();
		PushActiveSnapshot(GetTransactionSnapshot());
		UpdateActiveSnapshotCommandId();
	}
	return scan;
}

static void
begin_reading(const CrmStageDefinition *definition, bool all, bool by_stored)
{
	Oid	  relations[] = {definition->stage_table, definition->members.relation,
						 by_stored ? InvalidOid : definition->orders.relation,
						 by_stored ? InvalidOid : definition->visits.relation};
	int64 sum = 0;

	for (int i = 0; all && i < lengthof(relations); i++)
	{
		int64 rows = crm_progress_rows_of(relations[i]);

		/* before its first rows the stage table itself is not analyzed */
		if (rows == CRM_NOT_KNOWN && i > 0)
			all = false;
		sum += Max(rows, 0);
	}
	crm_progress_phase(CRM_PHASE_READING, all ? sum : CRM_NOT_KNOWN);
}

static void
end_reading(CrmScan *scan)
{
	crm_gather_rewind(scan->gather);
	crm_progress_phase(CRM_PHASE_WORKING,
					   (int64) crm_gather_count(scan->gather));
}

CrmScan *
crm_scan_begin(const CrmStageDefinition *definition, Datum keys,
			   Snapshot snapshot, CrmStoredWish wish)
{
	CrmScan *scan = open_scan(definition, keys != 0, snapshot);

	scan->wish = wish;
	begin_reading(definition, keys == 0, false);
	read_source(scan, &definition->orders, CRM_EVENT_ORDER, keys);
	read_source(scan, &definition->visits, CRM_EVENT_VISIT, keys);
	read_source(scan, &definition->members, CRM_EVENT_REGISTRATION, keys);
	read_stored_keys(scan, keys);
	end_reading(scan);
	return scan;
}

CrmScan *
crm_scan_begin_stored(const CrmStageDefinition *definition, const CrmKept *kept,
					  CrmNewRows *rows, CrmDay day, Snapshot snapshot)
{
	Datum	 keys = kept ? kept->keys : 0;
	CrmScan *scan = open_scan(definition, keys != 0, snapshot);

	scan->by_stored = true;
	scan->wish = CRM_WISH_PLACES;
	scan->day = day;
	begin_reading(definition, keys == 0, true);
	if (rows)
	{
		scan->merging = true;
		read_new(scan, &definition->orders, CRM_EVENT_ORDER,
				 &rows[CRM_EVENT_ORDER], keys);
		read_new(scan, &definition->visits, CRM_EVENT_VISIT,
				 &rows[CRM_EVENT_VISIT], keys);
	}
	read_source(scan, &definition->members, CRM_EVENT_REGISTRATION, keys);
	if (kept == NULL || kept->by_key)
		read_stored_keys(scan, kept ? kept->by_key : 0);
	if (kept && kept->places)
		read_stored_places(scan, kept->places);
	end_reading(scan);
	return scan;
}

/* the executor looks at rights before the first row, which nobody wants */
void
crm_scan_check_rights(const CrmStageDefinition *definition, Snapshot snapshot)
{
	const CrmSource *sources[] = {&definition->orders, &definition->visits};

	PushActiveSnapshot(snapshot);
	for (int i = 0; i < lengthof(sources); i++)
	{
		char *query;

		if (!OidIsValid(sources[i]->relation))
			continue;
		query = whole_source_query(definition, sources[i], false);
		(void) crm_query(psprintf("%s LIMIT 0", query), 0, NULL, NULL);
		SPI_freetuptable(SPI_tuptable);
	}
	PopActiveSnapshot();
}

void
crm_scan_rewind(CrmScan *scan)
{
	end_reading(scan);
	scan->started = false;
}

void
crm_scan_end(CrmScan *scan)
{
	crm_gather_end(scan->gather);
	PopActiveSnapshot();
	MemoryContextDelete(scan->customer);
	MemoryContextDelete(scan->arrays);
	pfree(scan);
}

/* ----- one customer ----- */

static int
compare_keyed(const void *left, const void *right)
{
	const KeyedRow *a = left;
	const KeyedRow *b = right;

	if (a->length != b->length)
		return a->length < b->length ? -1 : 1;
	return memcmp(a->key, b->key, a->length);
}

/* rows that name the same order are one */
static void
add_keyed(CrmHistory *history, KeyedRow *row, int count)
{
	qsort(row, count, sizeof(KeyedRow), compare_keyed);
	for (int i = 0; i < count; i++)
		crm_history_add_order(
			history, row[i].at, row[i].known ? &row[i].amount : NULL,
			i > 0 && compare_keyed(&row[i - 1], &row[i]) == 0);
}

/* which of two rows of one time says the segment: that of the smaller amount */
static int
compare_segments(const CrmGatherRow *a, const CrmGatherRow *b)
{
	int order;

	if (a->at != b->at)
		return a->at < b->at ? -1 : 1;
	if (a->known != b->known)
		return a->known ? 1 : -1;
	order = a->known ? crm_money_cmp(a->amount, b->amount) : 0;
	if (order == 0)
		order =
			memcmp(a->extra, b->extra, Min(a->extra_length, b->extra_length));
	if (order == 0)
		order = (a->extra_length > b->extra_length) -
				(a->extra_length < b->extra_length);
	return order;
}

/*
 * The segment is that of the first row that has one; an empty text is none.  A
 * refund is no order, and says nothing.
 */
static void
note_segment(CrmGatherRow *first, const CrmGatherRow *row)
{
	if (row->extra_length == 0 ||
		(row->known && crm_money_sign(row->amount) < 0))
		return;
	if (first->extra == NULL || compare_segments(row, first) < 0)
		*first = *row;
}

static void
set_segment(CrmScan *scan, CrmPair *pair, const CrmGatherRow *first)
{
	MemoryContext old = MemoryContextSwitchTo(scan->customer);

	pair->segment = NULL;
	pair->segment_from = CRM_ALWAYS;
	if (scan->by_stored && !scan->merging && pair->stored)
		/* the rows have not changed since */
		pair->segment = crm_stage_text(pair->stored, CRM_COLUMN_SEGMENT);
	else if (first->extra != NULL)
	{
		pair->segment = pnstrdup(first->extra, first->extra_length);
		if (first->at != CRM_NO_TIME)
			pair->segment_from = crm_day_of_local(first->at);
	}
	MemoryContextSwitchTo(old);
}

static void
set_stored(CrmScan *scan, CrmPair *pair, const CrmGatherRow *row)
{
	if (scan->wish == CRM_WISH_DIGESTS)
	{
		pair->digest = (const CrmDigest *) row->extra;
		return;
	}
	crm_stored_read(&scan->form, row->extra, row->extra_length, &scan->stored,
					&pair->place);
	pair->stored = &scan->stored;
}

static void
add_rows(CrmScan *scan, CrmPair *pair, const CrmGathered *customer)
{
	CrmGatherRow segment = {0};
	KeyedRow	*keyed = NULL;
	int			 keyed_count = 0;

	if (customer->count > INT_MAX / 2)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("customer \"%s\" has too many rows",
						crm_key_text(scan->definition->key, pair->key))));
	if (scan->definition->orders.order_key)
		keyed = MemoryContextAllocHuge(scan->customer,
									   sizeof(KeyedRow) * customer->count);
	for (uint64 i = 0; i < customer->count; i++)
	{
		CrmGatherRow row;

		crm_gathered_row(customer, i, &row);
		switch (row.kind)
		{
			case CRM_EVENT_ORDER:
				if (row.extra)
					keyed[keyed_count++] =
						(KeyedRow){.key = row.extra,
								   .length = row.extra_length,
								   .at = row.at,
								   .known = row.known,
								   .amount = row.amount};
				else
					crm_history_add_order(&pair->history, row.at,
										  row.known ? &row.amount : NULL,
										  false);
				break;
			case CRM_EVENT_VISIT:
				crm_history_add_visits(&pair->history, row.at, 1);
				break;
			case CRM_EVENT_REGISTRATION:
				crm_history_add_registration(&pair->history, row.at);
				break;
			case KIND_SEGMENT:
				note_segment(&segment, &row);
				break;
			default:
				set_stored(scan, pair, &row);
				break;
		}
		if ((i & 0xFFFF) == 0)
			CHECK_FOR_INTERRUPTS();
	}
	if (keyed_count > 0)
		add_keyed(&pair->history, keyed, keyed_count);
	set_segment(scan, pair, &segment);
}

/*
 * A history has the days of visits, not their times.  Of those that are visible
 * since a later day than the one the row shows, the last time is not known.
 */
static bool
shows_visits(const CrmScan *scan, CrmDay visit)
{
	return visit <= scan->definition->refreshed_day || visit > scan->day;
}

static void
add_stored_history(const CrmScan *scan, CrmPair *pair)
{
	CrmPurchaseView view;
	CrmOrderCursor	orders;
	CrmVisitCursor	visits;

	if (pair->stored->nulls[CRM_COLUMN_HISTORY])
	{
		pair->unknown = true;
		return;
	}
	crm_history_open(&view, pair->stored->values[CRM_COLUMN_HISTORY]);
	pair->unknown |= scan->merging && view.times != scan->times;
	pair->times = view.times;
	crm_orders_start(&orders, &view, true);
	while (crm_orders_next(&orders))
		crm_history_add_order(&pair->history, crm_order_time(&orders),
							  orders.has_amount ? &orders.amount : NULL, false);
	crm_visits_start(&visits, &view);
	while (crm_visits_next(&visits))
	{
		crm_history_add_visits(&pair->history, visits.day * CRM_USECS_PER_DAY,
							   visits.count);
		pair->unknown |= !shows_visits(scan, visits.day);
	}
}

/* the arrays are used again, unless a customer has made them large */
static void
empty_history(CrmScan *scan, CrmPair *pair)
{
	if (scan->started &&
		MemoryContextMemAllocated(scan->arrays, false) <= CRM_KEPT_BYTES)
	{
		crm_history_reset(&pair->history);
		return;
	}
	MemoryContextReset(scan->arrays);
	crm_history_init(&pair->history);
	scan->started = true;
}

/* who has always been known is so since whenever anybody is */
static void
note_first_day(CrmScan *scan, const CrmHistory *history)
{
	CrmDay day;

	if (history->always)
		return;
	day = crm_history_first_day(history);
	if (scan->first_day == CRM_NO_DAY ||
		(day != CRM_NO_DAY && day < scan->first_day))
		scan->first_day = day;
}

void
crm_scan_leave_unfinished(CrmScan *scan, bool unfinished)
{
	scan->unfinished = unfinished;
}

bool
crm_scan_next(CrmScan *scan, CrmPair *pair)
{
	CrmGathered	  customer;
	MemoryContext old;

	if (!crm_gather_next(scan->gather, &customer))
		return false;
	crm_progress_rows((int64) customer.count);
	MemoryContextReset(scan->customer);
	old = MemoryContextSwitchTo(scan->customer);
	pair->key = crm_feed_customer(scan->kind, &customer.key);
	pair->stored = NULL;
	pair->digest = NULL;
	ItemPointerSetInvalid(&pair->place);
	pair->times = scan->times;
	MemoryContextSwitchTo(scan->arrays);
	empty_history(scan, pair);
	add_rows(scan, pair, &customer);
	pair->by_stored = scan->by_stored;
	pair->unknown = scan->by_stored && pair->stored == NULL;
	if (scan->by_stored && pair->stored)
		add_stored_history(scan, pair);
	if (!scan->unfinished)
		crm_history_finish(&pair->history);
	MemoryContextSwitchTo(old);
	note_first_day(scan, &pair->history);
	return true;
}

CrmDay
crm_scan_first_day(const CrmScan *scan)
{
	return scan->first_day;
}
