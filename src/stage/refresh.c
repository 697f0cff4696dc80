/*
 * refresh.c
 *		Bringing a stage table up to a day: whom to look at, what to write,
 *		what to tell.
 *
 *		queue: new rows -----+-- by stored histories --+
 *		due_on <= day -------+        | can't be told  +-- rows that differ
 *		                              v                +-- change log
 *		queue: customers -------- sources, by key -----+-- not visible yet
 *		(or everybody)
 *
 * Queue, sources and stage table are read in one snapshot.  What a writer
 * commits later is in neither and waits for the next run; so each new row is
 * merged into a stored history exactly once.
 *
 * What the change log says of a customer follows from what the table showed
 * (stage, since, previous_stage as of the day D0 it was refreshed to) and from
 * the history as it is now:
 *
 *		  ... D0-1 | D0 |  D0+1 ... D1
 *		  past      then    days since: replayed, each with its own date
 *
 * If the past is not what was published, that is one correction; what differs
 * on D0 alone is an event of that day, for D0 may not have been over.
 *
 * Invariant: after a run each stored row of a customer who was looked at
 * equals crm_stage_row of the sources, and the others' rows are right because
 * nothing of theirs changed and none is due.
 */
#include "postgres.h"

#include "access/table.h"
#include "access/xact.h"
#include "access/xlog.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "storage/bufmgr.h"
#include "storage/lmgr.h"
#include "utils/acl.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/date.h"
#include "utils/datum.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "functions/localday.h"
#include "stage/capture.h"
#include "stage/columns.h"
#include "stage/deferred.h"
#include "stage/definition.h"
#include "stage/drop.h"
#include "stage/due.h"
#include "stage/figures.h"
#include "stage/outbox.h"
#include "stage/progress.h"
#include "stage/refresh.h"
#include "stage/rights.h"
#include "stage/row.h"
#include "stage/queue.h"
#include "stage/scan.h"
#include "stage/shape.h"
#include "stage/source.h"
#include "stage/stage.h"
#include "stage/statement.h"
#include "stage/writer.h"

/* the memory of so many customers' rows, all of which are read again */
#define CRM_KEYS_AT_ONCE 100000

typedef struct Run
{
	CrmStageDefinition *definition;
	CrmRefreshResult   *result;
	CrmWriter		   *writer;
	CrmFigures		   *figures;
	CrmDay				day;
	Snapshot			snapshot;
	bool				remodel;   /* only the model has changed */
	bool				goes_back; /* in full, should the day have gone back */
	bool				everybody; /* are looked at by the sources */
	bool				by_stored; /* or by their stored histories */
	CrmScan			   *filling;   /* the table is being created from this */
	CrmQueued		   *queued;
	CrmDue				due;
	CrmKeys				kept;	 /* looked at by their stored histories */
	CrmKeys				changed; /* by the sources */
	MemoryContext		lasting; /* of the keys */
	/* of the customer at hand */
	Datum key;
} Run;

/* ----- the keys to look at ----- */

/*
 * Is a stored history all that its rows said?  Not where rows of one order lie
 * on several days: a history has each order as it is known in the end.
 */
static bool
histories_are_whole(const CrmStageDefinition *definition)
{
	return definition->keep_history && definition->refreshed &&
		   definition->orders.order_key == NULL;
}

/*
 * May new rows be added to it?  Not where they may tell the segment, and not
 * where policies hide rows from the owner, for they have not been seen by them.
 */
static bool
can_merge(const CrmStageDefinition *definition)
{
	return histories_are_whole(definition) &&
		   definition->orders.segment == NULL &&
		   !crm_has_policies(definition->orders.relation) &&
		   !crm_has_policies(definition->visits.relation);
}

static void
append_keys(Run *run, CrmKeys *to, const CrmKeys *from)
{
	MemoryContext old = MemoryContextSwitchTo(run->lasting);

	for (int i = 0; i < from->count; i++)
		crm_keys_add(to, from->keys[i]);
	MemoryContextSwitchTo(old);
}

/* a crash leaves nothing of an unlogged table, and says so nowhere */
static bool
may_be_emptied(const CrmStageDefinition *definition)
{
	Relation table = table_open(definition->stage_table, AccessShareLock);
	bool emptied = table->rd_rel->relpersistence == RELPERSISTENCE_UNLOGGED &&
				   RelationGetNumberOfBlocks(table) == 0;

	table_close(table, AccessShareLock);
	return emptied;
}

/* whom to look at, and how; true: everybody */
static bool
gather_keys(Run *run, bool full)
{
	CrmStageDefinition *definition = run->definition;
	bool				merge = can_merge(definition);

	run->queued = crm_queue_take(definition, run->snapshot);
	run->changed = run->queued->changed;
	run->kept.kind = definition->key;
	if (full || run->queued->everybody || !definition->refreshed ||
		definition->needs_full || may_be_emptied(definition) ||
		definition->had_history != definition->keep_history)
		return true;
	append_keys(run, merge ? &run->kept : &run->changed,
				&run->queued->appended);
	if (run->day > definition->refreshed_day)
	{
		crm_deferred_take(definition->stage_table, run->day, run->snapshot,
						  &run->changed);
		crm_due_read(definition, run->day, run->snapshot, run->lasting,
					 &run->due);
		append_keys(run, merge ? &run->kept : &run->changed, &run->due.keys);
	}
	crm_keys_settle(&run->changed);
	crm_keys_settle(&run->kept);
	crm_keys_subtract(&run->kept, &run->changed);
	return !crm_key_array_possible(definition->key, run->kept.keys,
								   run->kept.count) ||
		   crm_everybody_costs_less(definition, run->changed.count,
									run->kept.count);
}

/* ----- the change log ----- */

static bool
differs(const char *a, const char *b)
{
	if (a == NULL || b == NULL)
		return a != b;
	return strcmp(a, b) != 0;
}

/* what the stage table showed of a customer */
typedef struct Published
{
	const char *stage;		/* on D0; NULL: no row */
	const char *day_before; /* on the day before D0 */
	const char *segment;	/* NULL: none */
} Published;

static Published
read_published(const CrmStageDefinition *definition, const CrmPair *pair)
{
	Published		   published = {NULL, NULL, NULL};
	const CrmStageRow *stored = pair->stored;

	if (stored == NULL)
		return published;
	published.stage = crm_stage_text(stored, CRM_COLUMN_STAGE);
	published.segment = crm_stage_text(stored, CRM_COLUMN_SEGMENT);
	if (stored->nulls[CRM_COLUMN_SINCE] ||
		DatumGetDateADT(stored->values[CRM_COLUMN_SINCE]) <
			definition->refreshed_day)
		published.day_before = published.stage;
	else
		published.day_before =
			crm_stage_text(stored, CRM_COLUMN_PREVIOUS_STAGE);
	return published;
}

static void
log_replayed(void *context, CrmDay day, int from_stage, int to_stage,
			 bool by_event)
{
	Run			   *run = context;
	const CrmModel *model = run->definition->model;

	crm_writer_log(run->writer, run->key, crm_stage_name(model, from_stage),
				   crm_stage_name(model, to_stage), day,
				   by_event ? "event" : "time");
}

/* the model of the customer's segment as it was known at the end of a day */
static const CrmModel *
model_on(const Run *run, const CrmPair *pair, CrmDay day)
{
	return crm_segment_model(run->definition, crm_pair_segment(pair, day));
}

/* is it for another segment's thresholds alone that the stage differs? */
static bool
moved_by_segment(const Run *run, const CrmPair *pair,
				 const Published *published, CrmDay day)
{
	const CrmModel *before =
		crm_segment_model(run->definition, published->segment);

	return before != model_on(run, pair, day) &&
		   !differs(published->stage,
					crm_stage_name(before, crm_history_stage(&pair->history,
															 before, day)));
}

/* what differs on a day from what was published for it */
static void
log_difference(Run *run, const CrmPair *pair, const Published *published,
			   CrmDay day, bool past_differs)
{
	const CrmModel *model = model_on(run, pair, day);
	CrmStretch		now = crm_history_stretch(&pair->history, model, day);
	const char	   *stage = crm_stage_name(model, now.stage);
	CrmDay			changed_on = day;
	const char	   *cause = "event";

	if (!differs(published->stage, stage))
		return;
	if (run->remodel || moved_by_segment(run, pair, published, day))
		cause = "model";
	else if (stage == NULL)
	{
		cause = "removed";
		changed_on = Max(day, run->day);
	}
	else if (past_differs)
	{
		cause = "correction";
		if (now.since != CRM_NO_DAY)
			changed_on = now.since;
	}
	crm_writer_log(run->writer, pair->key, published->stage, stage, changed_on,
				   cause);
}

/*
 * The days after `then`.  One of them may be that on which the customer's
 * segment becomes known, and with it other thresholds.
 */
static void
log_days(Run *run, const CrmPair *pair, CrmDay then)
{
	const CrmModel *before = model_on(run, pair, then);
	const CrmModel *after = model_on(run, pair, run->day);
	CrmDay			from = pair->segment_from;
	int				old_stage;
	int				stage;

	if (before == after)
	{
		crm_history_replay(&pair->history, before, then, run->day, log_replayed,
						   run);
		return;
	}
	crm_history_replay(&pair->history, before, then, from - 1, log_replayed,
					   run);
	old_stage = crm_history_stage(&pair->history, before, from - 1);
	stage = crm_history_stage(&pair->history, after, from);
	if (stage != old_stage)
		log_replayed(run, from, old_stage, stage, true);
	crm_history_replay(&pair->history, after, from, run->day, log_replayed,
					   run);
}

static void
log_changes(Run *run, const CrmPair *pair)
{
	const CrmStageDefinition *definition = run->definition;
	CrmDay					  then = definition->refreshed_day;
	const CrmModel			 *model;
	Published				  published;
	int						  before;
	bool					  past_differs;

	/* the first filling is no change: nothing was published before */
	if (run->filling)
		return;
	published = read_published(definition, pair);
	/* restored from a dump: what was shown is known, but not of which day */
	if (!definition->refreshed || run->day < then)
	{
		log_difference(run, pair, &published, run->day, true);
		return;
	}
	model = model_on(run, pair, then);
	before = crm_history_stage(&pair->history, model, then - 1);
	past_differs = differs(published.day_before, crm_stage_name(model, before));
	log_difference(run, pair, &published, then, past_differs);
	log_days(run, pair, then);
}

/* ----- rows ----- */

static bool
same_row(const CrmStageDefinition *definition, const CrmPair *pair,
		 const CrmStageRow *row)
{
	int columns = crm_stage_column_count(definition);

	for (int i = 0; i < columns; i++)
		if (!crm_same_column(pair->stored, row, i))
			return false;
	return true;
}

/* did the cuts move the score, and not the customer? */
static bool
rescored(const CrmPair *pair, const CrmStageRow *row)
{
	static const CrmStageColumnNumber orders[] = {
		CRM_COLUMN_ORDERS, CRM_COLUMN_REVENUE, CRM_COLUMN_LAST_ORDER_AT};

	for (int i = 0; i < lengthof(orders); i++)
		if (!crm_same_column(pair->stored, row, orders[i]))
			return false;
	return !crm_same_column(pair->stored, row, CRM_COLUMN_RFM_SCORE);
}

/* a score that moved by the cuts alone */
static void
count_rescored(Run *run, const CrmPair *pair, const CrmStageRow *row)
{
	const CrmStageRow *before = pair->stored;

	run->result->rescored++;
	if (before->nulls[CRM_COLUMN_RFM_SCORE] || row->nulls[CRM_COLUMN_RFM_SCORE])
		return;
	run->result->resegmented
		[crm_stage_segment(DatumGetInt32(before->values[CRM_COLUMN_RFM_SCORE]))]
		[crm_stage_segment(DatumGetInt32(row->values[CRM_COLUMN_RFM_SCORE]))]++;
}

/* a history has the days of visits, not their times: the row has the last */
static void
keep_last_active(const CrmPair *pair, CrmStageRow *row)
{
	const CrmStageRow *before = pair->stored;
	int				   column = CRM_COLUMN_LAST_ACTIVE_AT;

	if (before->nulls[column] ||
		(!row->nulls[column] && DatumGetTimestamp(before->values[column]) <=
									DatumGetTimestamp(row->values[column])))
		return;
	row->values[column] = before->values[column];
	row->nulls[column] = false;
}

static void
refresh_customer(Run *run, CrmPair *pair)
{
	CrmStageRow row;
	bool		known;
	bool		differing;
	CrmDay		later;

	run->result->customers++;
	crm_progress_customer();
	run->key = pair->key;
	known = crm_stage_row(run->definition, &pair->history,
						  crm_pair_segment(pair, run->day), pair->times,
						  run->day, &row);
	log_changes(run, pair);
	if (known)
	{
		if (pair->by_stored)
			keep_last_active(pair, &row);
		if (pair->stored && rescored(pair, &row))
			count_rescored(run, pair, &row);
		differing =
			pair->stored == NULL || !same_row(run->definition, pair, &row);
		if (differing || run->everybody)
			crm_figures_add(run->figures, pair, &row);
		if (differing)
			crm_writer_put(run->writer, pair->key, &row,
						   pair->stored ? &pair->place : NULL);
		return;
	}
	if (pair->stored)
	{
		crm_figures_add(run->figures, pair, NULL);
		crm_writer_remove(run->writer, pair->key);
	}
	later = crm_history_next_event(&pair->history, run->day);
	if (later != CRM_NO_DAY)
		crm_writer_defer(run->writer, pair->key, later);
}

/* the sources tell what the stored history does not */
static void
read_again(Run *run, Datum key)
{
	MemoryContext old = MemoryContextSwitchTo(run->lasting);

	crm_keys_add(&run->changed, crm_stage_key_copy(run->changed.kind, key));
	MemoryContextSwitchTo(old);
}

static void
walk(Run *run, CrmScan *scan)
{
	MemoryContext context = AllocSetContextCreate(
		CurrentMemoryContext, "crmlife refresh", ALLOCSET_DEFAULT_SIZES);
	int		settled = run->changed.count;
	CrmKeys changed = run->changed;
	CrmPair pair;

	while (crm_scan_next(scan, &pair))
	{
		MemoryContext old = MemoryContextSwitchTo(context);

		CHECK_FOR_INTERRUPTS();
		changed.keys = run->changed.keys;
		changed.count = settled;
		if (!pair.by_stored)
			refresh_customer(run, &pair);
		else if (crm_keys_have(&changed, pair.key))
			; /* comes by the sources */
		else if (!pair.unknown)
			refresh_customer(run, &pair);
		else if (pair.stored || !run->remodel)
			read_again(run, pair.key);
		MemoryContextSwitchTo(old);
		MemoryContextReset(context);
	}
	crm_scan_end(scan);
	MemoryContextDelete(context);
}

static void
refresh_changed(Run *run)
{
	CrmKeys *keys = &run->changed;

	crm_keys_settle(keys);
	for (int first = 0; first < keys->count; first += CRM_KEYS_AT_ONCE)
	{
		int count = Min(CRM_KEYS_AT_ONCE, keys->count - first);

		crm_deferred_drop(run->definition->stage_table, keys->kind,
						  keys->keys + first, count);
		walk(run, crm_scan_begin(
					  run->definition,
					  crm_key_array(keys->kind, keys->keys + first, count),
					  run->snapshot, CRM_WISH_PLACES));
	}
}

/*
 * Those of whom nothing but time and new rows has changed.  Who has no row yet,
 * or whose row does not tell enough, is left for refresh_changed.
 */
static void
refresh_kept(Run *run)
{
	CrmKeys *keys = &run->kept;
	CrmKept	 kept = {0};

	if (keys->count == 0)
		return;
	crm_scan_check_rights(run->definition, run->snapshot);
	kept.keys = crm_key_array(keys->kind, keys->keys, keys->count);
	kept.places = crm_due_places(&run->due);
	crm_keys_subtract(keys, &run->due.keys);
	if (keys->count > 0)
		kept.by_key = crm_key_array(keys->kind, keys->keys, keys->count);
	walk(run, crm_scan_begin_stored(run->definition, &kept, run->queued->rows,
									run->day, run->snapshot));
}

/*
 * Everybody by the stored history, but those whose rows have changed since: the
 * sources are read for them.  Who has no row yet waits as before.
 */
static void
refresh_by_stored(Run *run)
{
	append_keys(run, &run->changed, &run->kept);
	crm_keys_settle(&run->changed);
	walk(run, crm_scan_begin_stored(run->definition, NULL, NULL, run->day,
									run->snapshot));
	refresh_changed(run);
}

static void
refresh_all(Run *run)
{
	crm_deferred_drop(run->definition->stage_table, run->changed.kind, NULL, 0);
	if (run->filling)
		crm_scan_rewind(run->filling);
	walk(run, run->filling ? run->filling
						   : crm_scan_begin(run->definition, (Datum) 0,
											run->snapshot, CRM_WISH_PLACES));
}

/* ----- a run ----- */

static void
check_direction(const CrmStageDefinition *definition, CrmDay day, bool full)
{
	if (definition->refreshed && day < definition->refreshed_day && !full)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("stage table %s has been refreshed to a later day",
						definition->table_name),
				 errdetail(
					 "It shows %s, the refresh asks for %s.",
					 DatumGetCString(DirectFunctionCall1(
						 date_out, DateADTGetDatum(definition->refreshed_day))),
					 DatumGetCString(
						 DirectFunctionCall1(date_out, DateADTGetDatum(day)))),
				 errhint("Going back in time rebuilds the table: pass full => "
						 "true.")));
}

static void
record_success(const Run *run, TimestampTz started)
{
	Oid			types[9] = {OIDOID,	 DATEOID, TIMESTAMPTZOID, BOOLOID, INT8OID,
							INT8OID, INT8OID, BOOLOID,		  BOOLOID};
	Datum		values[9];
	CrmIdentity saved;

	values[0] = ObjectIdGetDatum(run->definition->stage_table);
	values[1] = DateADTGetDatum(run->day);
	values[2] = TimestampTzGetDatum(started);
	values[3] = BoolGetDatum(run->result->full);
	values[4] = Int64GetDatum(run->result->customers);
	values[5] = Int64GetDatum(run->result->rows);
	values[6] = Int64GetDatum(run->result->changes);
	values[7] = BoolGetDatum(run->definition->keep_history);
	/* what no trigger tells is as old as it was */
	values[8] = BoolGetDatum(run->by_stored && !run->definition->by_trigger);
	crm_become_catalog_owner(&saved);
	crm_execute("INSERT INTO crmlife.stage_state AS s (stage_table, "
				"refreshed_day, refreshed_at, needs_full, started_at, "
				"duration, was_full, customers, rows_changed, changes_logged, "
				"had_history) "
				"VALUES ($1, $2, $3, false, $3, clock_timestamp() - $3, $4, "
				"$5, $6, $7, $8) "
				"ON CONFLICT (stage_table) DO UPDATE SET "
				"refreshed_day = excluded.refreshed_day, "
				"refreshed_at = CASE WHEN $9 THEN s.refreshed_at "
				"ELSE excluded.refreshed_at END, needs_full = false, "
				"duration = excluded.duration, was_full = excluded.was_full, "
				"customers = excluded.customers, "
				"rows_changed = excluded.rows_changed, "
				"changes_logged = excluded.changes_logged, "
				"had_history = excluded.had_history, "
				"failures = 0, last_error = NULL, last_error_at = NULL, "
				/* no longer put off because it had failed */
				"next_run_at = least(s.next_run_at, clock_timestamp() + "
				"(SELECT t.refresh_every FROM crmlife.stage_table t "
				"WHERE t.stage_table = $1))",
				9, types, values, NULL, SPI_OK_INSERT);
	crm_revert_identity(&saved);
}

/* can every row be worked out for another model from the history beside it? */
static bool
histories_tell(const CrmStageDefinition *definition)
{
	return histories_are_whole(definition) &&
		   crm_query(psprintf("SELECT FROM %s WHERE history IS NULL LIMIT 1",
							  definition->table_name),
					 0, NULL, NULL) == 0;
}

/* one for all that is read, taken when everything is locked that needs it */
static Snapshot
take_snapshot(void)
{
	Snapshot snapshot;

	crm_capture_reading();
	CommandCounterIncrement();
	PushActiveSnapshot(GetTransactionSnapshot());
	UpdateActiveSnapshotCommandId();
	snapshot = RegisterSnapshot(GetActiveSnapshot());
	PopActiveSnapshot();
	return snapshot;
}

/* an estimate where everybody is looked at */
static int64
customers_expected(const Run *run, bool everybody)
{
	int64 stored;

	if (!everybody)
		return run->kept.count + run->changed.count;
	stored = crm_progress_rows_of(run->definition->stage_table);
	return stored > 0 ? stored : CRM_NOT_KNOWN;
}

/* day: CRM_NO_DAY to take as_of's, in the stage table's zone */
static void
run_once(Run *run, TimestampTz as_of, CrmDay day, bool full)
{
	TimestampTz started = GetCurrentTimestamp();
	const char *step = run->filling		   ? "create"
					   : run->remodel	   ? "model"
					   : day != CRM_NO_DAY ? "rebuild"
										   : "refresh";
	CrmIdentity saved;

	crm_refuse_on_standby();
	SPI_connect();
	crm_become_table_owner(run->definition, &saved);
	run->day = day == CRM_NO_DAY ? crm_day_from_timestamptz(as_of) : day;
	full |= run->goes_back && run->definition->refreshed &&
			run->day < run->definition->refreshed_day;
	check_direction(run->definition, run->day, full);
	/* a column that is gone is told at once, too, not with the next order */
	crm_scan_lock(run->definition);
	run->by_stored = run->remodel && !full && histories_tell(run->definition);
	if (run->definition->by_trigger)
		full |= crm_capture_install(run->definition);
	else if (!run->by_stored)
		full = true;
	if (run->remodel && !run->by_stored)
		full = true;
	run->snapshot = take_snapshot();
	run->lasting = CurrentMemoryContext;
	run->result->full = gather_keys(run, full);
	crm_queue_relieve(run->definition->stage_table);
	run->result->day = run->day;
	crm_progress_customers_expected(
		customers_expected(run, run->result->full || run->by_stored));
	if (!run->filling)
		crm_outbox_begin(run->definition);
	run->writer = crm_writer_begin(run->definition, run->filling != NULL);
	run->everybody = run->result->full;
	run->figures = crm_figures_begin(
		run->definition, run->day, run->everybody,
		run->filling ? crm_scan_first_day(run->filling) : CRM_NO_DAY);
	/* a dump does not hold the tie between the two */
	if (!run->definition->refreshed && !run->filling)
		crm_link_changes(run->definition->stage_table,
						 run->definition->changes);
	if (run->result->full)
		refresh_all(run);
	else if (run->by_stored)
	{
		refresh_by_stored(run);
		run->result->full = true;
	}
	else
	{
		refresh_kept(run);
		refresh_changed(run);
	}
	crm_queue_taken(run->queued);
	crm_progress_phase(CRM_PHASE_INDEXING, CRM_NOT_KNOWN);
	crm_writer_end(run->writer);
	UnregisterSnapshot(run->snapshot);
	run->result->rows = crm_writer_rows(run->writer);
	run->result->changes = crm_writer_changes(run->writer);
	crm_outbox_end(run->definition, run->result->changes);
	if (crm_capture_may_have_missed())
		crm_queue_everybody(run->definition->stage_table);
	crm_revert_identity(&saved);
	record_success(run, started);
	crm_progress_phase(CRM_PHASE_FIGURES, CRM_NOT_KNOWN);
	crm_figures_end(run->figures);
	crm_run_log(run->definition->stage_table, step, started, run->result, NULL);
	crm_run_report(run->definition, started, run->result);
	SPI_finish();
}

/*
 * A trigger on the stage table, or a function its sources call, may call back:
 * the lock lets its own session in, but the rows at hand would be computed for
 * a definition or a day that is not the table's any more.
 */
static void
run_refresh(Run *run, TimestampTz as_of, CrmDay day, bool full)
{
	static Oid	 running[8];
	static int	 depth = 0;
	CrmProgress *outer;

	for (int i = 0; i < depth; i++)
		if (running[i] == run->definition->stage_table)
			ereport(ERROR,
					(errcode(ERRCODE_OBJECT_IN_USE),
					 errmsg("stage table %s is being refreshed by this session",
							run->definition->table_name),
					 errhint("A trigger on it, or a function called by its "
							 "sources, must not refresh or change it.")));
	if (depth == lengthof(running))
		ereport(ERROR, (errcode(ERRCODE_STATEMENT_TOO_COMPLEX),
						errmsg("refreshes within refreshes go too deep")));
	running[depth++] = run->definition->stage_table;
	outer = crm_progress_begin(run->definition->stage_table);
	PG_TRY();
	{
		run_once(run, as_of, day, full);
	}
	PG_FINALLY();
	{
		crm_progress_end(outer);
		depth--;
	}
	PG_END_TRY();
}

static void
begin_run(Run *run, Oid stage_table, CrmRefreshResult *result)
{
	memset(result, 0, sizeof(*result));
	/* else it could be dropped or renamed when its definition is known */
	LockRelationOid(stage_table, RowExclusiveLock);
	run->definition = crm_load_newest_definition(stage_table);
	run->result = result;
}

void
crm_stage_refresh(Oid stage_table, TimestampTz as_of, bool full,
				  CrmRefreshResult *result)
{
	Run run = {0};

	begin_run(&run, stage_table, result);
	run_refresh(&run, as_of, CRM_NO_DAY, full);
}

void
crm_stage_refresh_today(Oid stage_table, CrmRefreshResult *result)
{
	Run run = {.goes_back = true};

	begin_run(&run, stage_table, result);
	run_refresh(&run, GetCurrentTransactionStartTimestamp(), CRM_NO_DAY, false);
}

void
crm_stage_rebuild(Oid stage_table, bool remodel, CrmRefreshResult *result)
{
	Run run = {0};

	begin_run(&run, stage_table, result);
	run.remodel = remodel;
	run_refresh(&run, GetCurrentTransactionStartTimestamp(),
				run.definition->refreshed ? run.definition->refreshed_day
										  : CRM_NO_DAY,
				!remodel);
}

void
crm_stage_fill(Oid stage_table, CrmScan *scan)
{
	Run				 run = {0};
	CrmRefreshResult result = {0};

	run.definition = crm_load_newest_definition(stage_table);
	run.result = &result;
	run.filling = scan;
	run_refresh(&run, GetCurrentTransactionStartTimestamp(), CRM_NO_DAY, true);
}

/* ----- SQL ----- */

PG_FUNCTION_INFO_V1(crm_refresh);

Datum
crm_refresh(PG_FUNCTION_ARGS)
{
	Oid				 stage_table;
	CrmRefreshResult result;

	if (PG_ARGISNULL(0))
		ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
						errmsg("stage_table must not be null")));
	if (PG_ARGISNULL(1) || PG_ARGISNULL(2))
		ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
						errmsg("%s must not be null",
							   PG_ARGISNULL(1) ? "as_of" : "full"),
						errhint("Leave it out for its default.")));
	if (TIMESTAMP_NOT_FINITE(PG_GETARG_TIMESTAMPTZ(1)))
		ereport(ERROR, (errcode(ERRCODE_DATETIME_VALUE_OUT_OF_RANGE),
						errmsg("as_of must be finite")));
	stage_table = PG_GETARG_OID(0);
	crm_refuse_on_standby();
	crm_lock_own_stage(stage_table);
	crm_stage_refresh(stage_table, PG_GETARG_TIMESTAMPTZ(1), PG_GETARG_BOOL(2),
					  &result);
	crm_figures_weeks(stage_table);
	PG_RETURN_INT64(result.rows);
}
