/*
 * writer.c
 *		Writing a stage table and its change log, many rows to a statement.
 *
 * Rows are collected and handed to one INSERT ... SELECT FROM unnest(...) each
 * time enough have come, so that indexes, triggers and constraints of the
 * stage table are PostgreSQL's business.  ON CONFLICT finds each stored row by
 * the primary key, whatever the planner thinks.  A row travels as one value of
 * the stage table's own row type: an array for each column costs twice as much.
 * Rows of a table that nobody can see yet are loaded instead (load.c), and those
 * that were read take their own place, where nothing forbids it (replace.c).
 *
 * Invariant: statements are run in the order removal, rows, log, deferral,
 * and everything given is written when crm_writer_end returns.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/date.h"
#include "utils/datum.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"

#include "stage/columns.h"
#include "stage/load.h"
#include "stage/replace.h"
#include "stage/scan.h"
#include "stage/statement.h"
#include "stage/writer.h"

#define CRM_WRITE_BATCH 1000

/* a column of values being collected */
typedef struct Column
{
	Oid	   type;
	int16  length;
	bool   by_value;
	char   align;
	Datum *values;
	bool  *nulls;
} Column;

/* rows for one statement */
typedef struct Batch
{
	const char *query;
	int			columns;
	Column	   *column;
	int			count;
	bool		as_catalog_owner;
} Batch;

enum
{
	LOG_CUSTOMER,
	LOG_FROM,
	LOG_TO,
	LOG_CHANGED_ON,
	LOG_CAUSE,
	LOG_COLUMNS
};

struct CrmWriter
{
	const CrmStageDefinition *definition;
	MemoryContext			  context; /* what the batches at hand hold */
	CrmLoad					 *load; /* of a table nobody sees yet, else NULL */
	CrmReplace				 *replace; /* of a plain one, else NULL */
	Oid						  row_type;
	TupleDesc				  descriptor;
	int						  columns;
	AttrNumber				  numbers[CRM_STAGE_COLUMNS];
	Batch					  removed;
	Batch					  rows;
	Batch					  log;
	Batch					  deferred;
	int64					  rows_written;
	int64					  changes_logged;
};

static void
init_batch(Batch *batch, const char *query, int columns, const Oid *types,
		   bool as_catalog_owner)
{
	batch->query = query;
	batch->columns = columns;
	batch->column = palloc0(sizeof(Column) * columns);
	batch->count = 0;
	batch->as_catalog_owner = as_catalog_owner;
	for (int i = 0; i < columns; i++)
	{
		Column *column = &batch->column[i];

		column->type = types[i];
		get_typlenbyvalalign(column->type, &column->length, &column->by_value,
							 &column->align);
		column->values = palloc(sizeof(Datum) * CRM_WRITE_BATCH);
		column->nulls = palloc(sizeof(bool) * CRM_WRITE_BATCH);
	}
}

static void
set_column(CrmWriter *writer, Batch *batch, int number, Datum value,
		   bool isnull)
{
	Column		 *column = &batch->column[number];
	MemoryContext old = MemoryContextSwitchTo(writer->context);

	column->nulls[batch->count] = isnull;
	column->values[batch->count] =
		isnull ? (Datum) 0 : datumCopy(value, column->by_value, column->length);
	MemoryContextSwitchTo(old);
}

static Datum
column_array(const Column *column, int count)
{
	int dims[1] = {count};
	int bounds[1] = {1};

	return PointerGetDatum(construct_md_array(
		column->values, column->nulls, 1, dims, bounds, column->type,
		column->length, column->by_value, column->align));
}

static void
run_batch(CrmWriter *writer, Batch *batch)
{
	MemoryContext old;
	Oid			 *types;
	Datum		 *values;
	CrmIdentity	  saved;

	if (batch->count == 0)
		return;
	CHECK_FOR_INTERRUPTS();
	old = MemoryContextSwitchTo(writer->context);
	types = palloc(sizeof(Oid) * batch->columns);
	values = palloc(sizeof(Datum) * batch->columns);
	for (int i = 0; i < batch->columns; i++)
	{
		types[i] = get_array_type(batch->column[i].type);
		values[i] = column_array(&batch->column[i], batch->count);
	}
	MemoryContextSwitchTo(old);
	if (batch->as_catalog_owner)
		crm_become_catalog_owner(&saved);
	(void) crm_execute(batch->query, batch->columns, types, values, NULL,
					   batch == &writer->removed ? SPI_OK_DELETE
												 : SPI_OK_INSERT);
	if (batch->as_catalog_owner)
		crm_revert_identity(&saved);
	batch->count = 0;
}

static void
flush(CrmWriter *writer)
{
	run_batch(writer, &writer->removed);
	run_batch(writer, &writer->rows);
	run_batch(writer, &writer->log);
	run_batch(writer, &writer->deferred);
	MemoryContextReset(writer->context);
}

static void
finish_row(CrmWriter *writer, Batch *batch)
{
	if (++batch->count == CRM_WRITE_BATCH)
		flush(writer);
}

/* ----- the statements ----- */

/* where our columns stand among the stage table's, which may have others */
static void
describe_rows(CrmWriter *writer, const CrmStageDefinition *definition)
{
	Relation table = table_open(definition->stage_table, AccessShareLock);

	writer->row_type = RelationGetForm(table)->reltype;
	writer->descriptor = CreateTupleDescCopy(RelationGetDescr(table));
	for (int i = 0; i < writer->columns; i++)
	{
		AttrNumber number =
			get_attnum(definition->stage_table, crm_stage_columns[i].name);

		if (number == InvalidAttrNumber ||
			!crm_is_stage_column(writer->descriptor, number, i))
			crm_refuse_stage_column(definition, i);
		writer->numbers[i] = number;
	}
	table_close(table, AccessShareLock);
}

/* a name that no column of the stage table has, whatever its owner has added */
static const char *
free_name(Oid stage_table)
{
	const char *name = "k";

	while (get_attnum(stage_table, name) != InvalidAttrNumber)
		name = psprintf("%s_", name);
	return name;
}

static char *
rows_query(const CrmStageDefinition *definition, bool empty)
{
	int			   columns = crm_stage_column_count(definition);
	const char	  *key = quote_identifier(definition->customer_column);
	const char	  *given = free_name(definition->stage_table);
	StringInfoData sql;

	initStringInfo(&sql);
	appendStringInfo(&sql, "INSERT INTO %s AS s (%s", definition->table_name,
					 key);
	for (int i = 0; i < columns; i++)
		appendStringInfo(&sql, ", %s", crm_stage_columns[i].name);
	appendStringInfo(&sql, ", refreshed_at) SELECT u.%s::%s", given,
					 definition->key_type);
	for (int i = 0; i < columns; i++)
		appendStringInfo(&sql, ", u.%s", crm_stage_columns[i].name);
	appendStringInfo(&sql,
					 ", now() FROM ROWS FROM (unnest($1), unnest($2)) AS u(%s)",
					 given);
	if (empty)
		return sql.data;
	appendStringInfo(&sql, " ON CONFLICT (%s) DO UPDATE SET ", key);
	for (int i = 0; i < columns; i++)
		appendStringInfo(&sql, "%s = excluded.%s, ", crm_stage_columns[i].name,
						 crm_stage_columns[i].name);
	appendStringInfoString(&sql, "refreshed_at = excluded.refreshed_at");
	return sql.data;
}

static void
begin_rows(CrmWriter *writer, const CrmStageDefinition *definition, bool empty)
{
	Oid types[2];

	describe_rows(writer, definition);
	types[0] = crm_key_type(definition->key);
	types[1] = writer->row_type;
	init_batch(&writer->rows, rows_query(definition, empty), lengthof(types),
			   types, false);
	init_batch(&writer->removed,
			   psprintf("DELETE FROM %s s USING unnest($1) AS u(k) "
						"WHERE s.%s = u.k::%s",
						definition->table_name,
						quote_identifier(definition->customer_column),
						definition->key_type),
			   1, types, false);
}

static void
begin_log(CrmWriter *writer, const CrmStageDefinition *definition)
{
	Oid log[LOG_COLUMNS] = {crm_key_type(definition->key), TEXTOID, TEXTOID,
							DATEOID, TEXTOID};
	Oid deferred[2] = {TEXTOID, DATEOID};

	init_batch(&writer->log,
			   psprintf("INSERT INTO %s (%s, from_stage, to_stage, changed_on, "
						"recorded_at, cause, model_version) "
						"SELECT u.k::%s, u.a, u.b, u.d, now(), u.c, %d "
						"FROM ROWS FROM (unnest($1), unnest($2), unnest($3), "
						"unnest($4), unnest($5)) WITH ORDINALITY "
						"AS u(k, a, b, d, c, n) ORDER BY u.n",
						crm_changes_name(definition),
						quote_identifier(definition->customer_column),
						definition->key_type, definition->model_version),
			   LOG_COLUMNS, log, false);
	init_batch(&writer->deferred,
			   psprintf("INSERT INTO crmlife.deferred (stage_table, customer, "
						"due_on) SELECT %u, u.k, u.d "
						"FROM unnest($1, $2) AS u(k, d)",
						definition->stage_table),
			   2, deferred, true);
}

CrmWriter *
crm_writer_begin(const CrmStageDefinition *definition, bool empty)
{
	CrmWriter *writer = palloc0(sizeof(CrmWriter));

	writer->definition = definition;
	writer->columns = crm_stage_column_count(definition);
	writer->context = AllocSetContextCreate(
		CurrentMemoryContext, "crmlife rows to write", ALLOCSET_DEFAULT_SIZES);
	begin_rows(writer, definition, empty);
	begin_log(writer, definition);
	writer->load = crm_load_begin(definition);
	if (!writer->load)
		writer->replace = crm_replace_begin(definition);
	return writer;
}

/* the row as a value of the stage table's row type, without the customer */
static Datum
row_value(const CrmWriter *writer, const CrmStageRow *row)
{
	int	   count = writer->descriptor->natts;
	Datum *values = palloc0(sizeof(Datum) * count);
	bool  *nulls = palloc(sizeof(bool) * count);

	memset(nulls, true, sizeof(bool) * count);
	for (int i = 0; i < writer->columns; i++)
	{
		values[writer->numbers[i] - 1] = row->values[i];
		nulls[writer->numbers[i] - 1] = row->nulls[i];
	}
	return heap_copy_tuple_as_datum(
		heap_form_tuple(writer->descriptor, values, nulls), writer->descriptor);
}

void
crm_writer_put(CrmWriter *writer, Datum key, const CrmStageRow *row,
			   const ItemPointerData *place)
{
	writer->rows_written++;
	if (writer->load)
	{
		crm_load_put(writer->load, key, row);
		return;
	}
	if (writer->replace && place &&
		crm_replace_put(writer->replace, place, key, row))
		return;
	set_column(writer, &writer->rows, 0, key, false);
	set_column(writer, &writer->rows, 1, row_value(writer, row), false);
	finish_row(writer, &writer->rows);
}

void
crm_writer_remove(CrmWriter *writer, Datum key)
{
	set_column(writer, &writer->removed, 0, key, false);
	writer->rows_written++;
	finish_row(writer, &writer->removed);
}

static Datum
text_or_null(const char *value)
{
	return value ? CStringGetTextDatum(value) : (Datum) 0;
}

void
crm_writer_log(CrmWriter *writer, Datum key, const char *from_stage,
			   const char *to_stage, CrmDay changed_on, const char *cause)
{
	Batch *log = &writer->log;

	set_column(writer, log, LOG_CUSTOMER, key, false);
	set_column(writer, log, LOG_FROM, text_or_null(from_stage),
			   from_stage == NULL);
	set_column(writer, log, LOG_TO, text_or_null(to_stage), to_stage == NULL);
	set_column(writer, log, LOG_CHANGED_ON, DateADTGetDatum(changed_on),
			   changed_on == CRM_NO_DAY);
	set_column(writer, log, LOG_CAUSE, CStringGetTextDatum(cause), false);
	writer->changes_logged++;
	finish_row(writer, log);
}

void
crm_writer_defer(CrmWriter *writer, Datum key, CrmDay due_on)
{
	char *text = crm_key_text(writer->definition->key, key);

	set_column(writer, &writer->deferred, 0, CStringGetTextDatum(text), false);
	set_column(writer, &writer->deferred, 1, DateADTGetDatum(due_on), false);
	finish_row(writer, &writer->deferred);
}

void
crm_writer_end(CrmWriter *writer)
{
	flush(writer);
	if (writer->load)
		crm_load_end(writer->load);
	if (writer->replace)
		crm_replace_end(writer->replace);
	MemoryContextDelete(writer->context);
}

int64
crm_writer_rows(const CrmWriter *writer)
{
	return writer->rows_written;
}

int64
crm_writer_changes(const CrmWriter *writer)
{
	return writer->changes_logged;
}
