/*
 * scan.c
 *		Walking through customers: the sources' rows of each, beside the row
 *		that the stage table holds.
 *
 * Two ordered streams are merged by customer:
 *
 *		orders + visits + members  ORDER BY customer   k1 k1 k1 k3 k4 k4 ...
 *		stage table                ORDER BY customer   k1 k2 k3 ...
 *		                                                |  |  |  |
 *		pairs                                          k1 k2 k3 k4 ...
 *
 * The sources are read by ordinary queries, so that rights, row security and
 * views hold.  Local times come out of the query in the session's zone, which
 * the caller has set to the stage table's.
 *
 * Invariant: both streams ascend strictly in crm_key_compare's order, which is
 * SQL's for bigint and uuid and that of collation "C" for text.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/uuid.h"

#include "compat.h"
#include "functions/numeric_money.h"
#include "stage/row.h"
#include "stage/scan.h"

#define CRM_FETCH 2000

/* columns of the source stream */
#define SOURCE_KEY 1
#define SOURCE_KIND 2
#define SOURCE_AT 3
#define SOURCE_AMOUNT 4
#define SOURCE_ORDER_KEY 5

typedef struct Stream
{
	Portal		   portal;
	SPITupleTable *rows; /* the batch at hand */
	uint64		   count;
	uint64		   next;
} Stream;

struct CrmScan
{
	const CrmStageDefinition *definition;
	Stream					  sources;
	Stream					  stored;
	MemoryContext			  customer; /* what lives until the next customer */
};

/* ----- keys ----- */

Oid
crm_key_type(CrmStageKey key)
{
	switch (key)
	{
		case CRM_STAGE_KEY_BIGINT:
			return INT8OID;
		case CRM_STAGE_KEY_UUID:
			return UUIDOID;
		case CRM_STAGE_KEY_TEXT:
			break;
	}
	return TEXTOID;
}

Oid
crm_key_array_type(CrmStageKey key)
{
	switch (key)
	{
		case CRM_STAGE_KEY_BIGINT:
			return INT8ARRAYOID;
		case CRM_STAGE_KEY_UUID:
			return UUIDARRAYOID;
		case CRM_STAGE_KEY_TEXT:
			break;
	}
	return TEXTARRAYOID;
}

int
crm_key_compare(CrmStageKey key, Datum a, Datum b)
{
	if (key == CRM_STAGE_KEY_BIGINT)
	{
		int64 left = DatumGetInt64(a);
		int64 right = DatumGetInt64(b);

		return left < right ? -1 : left > right;
	}
	else if (key == CRM_STAGE_KEY_UUID)
		return memcmp(DatumGetUUIDP(a), DatumGetUUIDP(b), UUID_LEN);
	else
	{
		text *left = DatumGetTextPP(a);
		text *right = DatumGetTextPP(b);
		int	  left_size = VARSIZE_ANY_EXHDR(left);
		int	  right_size = VARSIZE_ANY_EXHDR(right);
		int	  result = memcmp(VARDATA_ANY(left), VARDATA_ANY(right),
							  Min(left_size, right_size));

		if (result != 0)
			return result;
		return left_size < right_size ? -1 : left_size > right_size;
	}
}

char *
crm_key_text(CrmStageKey key, Datum value)
{
	Oid	 output;
	bool varlena;

	getTypeOutputInfo(crm_key_type(key), &output, &varlena);
	return OidOutputFunctionCall(output, value);
}

Datum
crm_key_from_text(CrmStageKey key, const char *text)
{
	Oid input;
	Oid parameter;

	getTypeInputInfo(crm_key_type(key), &input, &parameter);
	return OidInputFunctionCall(input, unconstify(char *, text), parameter, -1);
}

Datum
crm_key_array(CrmStageKey key, Datum *keys, int count)
{
	Oid	  type = crm_key_type(key);
	int16 length;
	bool  by_value;
	char  align;

	get_typlenbyvalalign(type, &length, &by_value, &align);
	return PointerGetDatum(
		construct_array(keys, count, type, length, by_value, align));
}

static Datum
copy_key(CrmStageKey key, Datum value)
{
	int16 length;
	bool  by_value;

	get_typlenbyval(crm_key_type(key), &length, &by_value);
	return datumCopy(value, by_value, length);
}

/* ----- the queries ----- */

static const char *
key_cast(CrmStageKey key)
{
	switch (key)
	{
		case CRM_STAGE_KEY_BIGINT:
			return "::bigint";
		case CRM_STAGE_KEY_UUID:
			return "::uuid";
		case CRM_STAGE_KEY_TEXT:
			break;
	}
	return "::text COLLATE \"C\"";
}

/*
 * `column = ANY ($1)`, with the array in the column's own type so that an
 * index on the column serves.  citext has its own idea of equality, so there
 * the text decides.
 */
static void
append_key_filter(StringInfo sql, Oid relation, const char *column)
{
	AttrNumber	number = get_attnum(relation, column);
	Oid			type = getBaseType(get_atttype(relation, number));
	const char *quoted = quote_identifier(column);

	switch (type)
	{
		case INT2OID:
		case INT4OID:
		case INT8OID:
		case UUIDOID:
		case TEXTOID:
		case VARCHAROID:
			appendStringInfo(sql, "%s = ANY ($1)", quoted);
			break;
		case BPCHAROID:
			appendStringInfo(sql, "%s = ANY ($1::pg_catalog.bpchar[])", quoted);
			break;
		default:
			appendStringInfo(sql, "%s::text = ANY ($1)", quoted);
			break;
	}
}

static void
append_from(StringInfo sql, const CrmSource *source, bool some, bool needs_time)
{
	appendStringInfo(sql, " FROM %s WHERE %s IS NOT NULL",
					 crm_quote_relation(source->relation),
					 quote_identifier(source->customer));
	if (needs_time)
		appendStringInfo(sql, " AND (%s) IS NOT NULL", source->at);
	if (source->filter)
		appendStringInfo(sql, " AND (%s)", source->filter);
	if (some)
	{
		appendStringInfoString(sql, " AND ");
		append_key_filter(sql, source->relation, source->customer);
	}
}

static void
append_branch(StringInfo sql, const CrmStageDefinition *definition,
			  const CrmSource *source, CrmEventKind kind, bool some)
{
	appendStringInfo(
		sql,
		"SELECT (%s)%s AS k, %d AS kind, %s%s%s::timestamp AS at, "
		"%s%s%s::numeric AS amount",
		quote_identifier(source->customer), key_cast(definition->key), kind,
		source->at ? "(" : "", source->at ? source->at : "NULL",
		source->at ? ")" : "", source->amount ? "(" : "",
		source->amount ? source->amount : "NULL", source->amount ? ")" : "");
	if (definition->orders.order_key)
		appendStringInfo(sql, ", %s%s%s::text COLLATE \"C\" AS order_key",
						 source->order_key ? "(" : "",
						 source->order_key ? source->order_key : "NULL",
						 source->order_key ? ")" : "");
	append_from(sql, source, some, kind != CRM_EVENT_REGISTRATION);
}

static char *
source_query(const CrmStageDefinition *definition, bool some)
{
	StringInfoData sql;

	initStringInfo(&sql);
	append_branch(&sql, definition, &definition->orders, CRM_EVENT_ORDER, some);
	if (OidIsValid(definition->visits.relation))
	{
		appendStringInfoString(&sql, " UNION ALL ");
		append_branch(&sql, definition, &definition->visits, CRM_EVENT_VISIT,
					  some);
	}
	if (OidIsValid(definition->members.relation))
	{
		appendStringInfoString(&sql, " UNION ALL ");
		append_branch(&sql, definition, &definition->members,
					  CRM_EVENT_REGISTRATION, some);
	}
	appendStringInfoString(&sql, " ORDER BY k");
	if (definition->orders.order_key)
		appendStringInfoString(&sql, ", kind, order_key");
	return sql.data;
}

static char *
stored_query(const CrmStageDefinition *definition, bool some)
{
	StringInfoData sql;

	initStringInfo(&sql);
	appendStringInfo(&sql, "SELECT (%s)%s AS k",
					 quote_identifier(definition->customer_column),
					 key_cast(definition->key));
	for (int i = 0; i < CRM_STAGE_COLUMNS; i++)
		appendStringInfo(&sql, ", %s", crm_stage_columns[i].name);
	appendStringInfo(&sql, " FROM %s", definition->table_name);
	if (some)
	{
		appendStringInfoString(&sql, " WHERE ");
		append_key_filter(&sql, definition->stage_table,
						  definition->customer_column);
	}
	appendStringInfoString(&sql, " ORDER BY k");
	return sql.data;
}

/* ----- the streams ----- */

static void
open_stream(Stream *stream, const char *query, CrmStageKey key, Datum keys,
			bool read_only)
{
	Oid	  types[1] = {crm_key_array_type(key)};
	Datum values[1] = {keys};
	int	  nargs = keys ? 1 : 0;

	memset(stream, 0, sizeof(*stream));
	stream->portal =
		SPI_cursor_open_with_args(NULL, query, nargs, types, values, NULL,
								  read_only, CURSOR_OPT_NO_SCROLL);
}

/* the row at hand, or NULL at the end */
static HeapTuple
current_row(Stream *stream)
{
	if (stream->next < stream->count)
		return stream->rows->vals[stream->next];
	if (stream->portal == NULL)
		return NULL;
	CHECK_FOR_INTERRUPTS();
	if (stream->rows)
		SPI_freetuptable(stream->rows);
	SPI_cursor_fetch(stream->portal, true, CRM_FETCH);
	stream->rows = SPI_tuptable;
	stream->count = SPI_processed;
	stream->next = 0;
	if (stream->count > 0)
		return stream->rows->vals[0];
	SPI_cursor_close(stream->portal);
	stream->portal = NULL;
	return NULL;
}

static void
close_stream(Stream *stream)
{
	if (stream->rows)
		SPI_freetuptable(stream->rows);
	if (stream->portal)
		SPI_cursor_close(stream->portal);
	memset(stream, 0, sizeof(*stream));
}

static Datum
column(const Stream *stream, int number, bool *isnull)
{
	return SPI_getbinval(stream->rows->vals[stream->next],
						 stream->rows->tupdesc, number, isnull);
}

static void
set_local(const char *name, const char *value)
{
	(void) set_config_option(name, value, PGC_USERSET, PGC_S_SESSION,
							 GUC_ACTION_SAVE, true, 0, false);
}

/*
 * A walk over everybody sorts, in the memory that builds may take.  Fetching
 * the heap in index order instead costs a cache miss for each row; a covering
 * index is still welcome.  The caller's identity puts the settings back.
 */
static void
prepare_full_walk(void)
{
	set_local("enable_indexscan", "off");
	if (maintenance_work_mem > work_mem)
		set_local("work_mem", psprintf("%dkB", maintenance_work_mem));
}

CrmScan *
crm_scan_begin(const CrmStageDefinition *definition, Datum keys, bool read_only)
{
	CrmScan *scan = palloc0(sizeof(CrmScan));

	if (keys == 0)
		prepare_full_walk();
	scan->definition = definition;
	scan->customer = AllocSetContextCreate(
		CurrentMemoryContext, "crmlife customer", ALLOCSET_DEFAULT_SIZES);
	open_stream(&scan->sources, source_query(definition, keys != 0),
				definition->key, keys, read_only);
	open_stream(&scan->stored, stored_query(definition, keys != 0),
				definition->key, keys, read_only);
	return scan;
}

void
crm_scan_check(const CrmStageDefinition *definition)
{
	SPIPlanPtr plan = SPI_prepare(source_query(definition, false), 0, NULL);

	if (plan == NULL)
		elog(ERROR, "SPI could not prepare the sources' query: %s",
			 SPI_result_code_string(SPI_result));
	SPI_freeplan(plan);
}

void
crm_scan_end(CrmScan *scan)
{
	close_stream(&scan->sources);
	close_stream(&scan->stored);
	MemoryContextDelete(scan->customer);
	pfree(scan);
}

/* ----- one customer ----- */

static int64
finite_time(CrmScan *scan, const CrmPair *pair, Datum value)
{
	Timestamp at = DatumGetTimestamp(value);

	if (TIMESTAMP_NOT_FINITE(at))
		ereport(ERROR,
				(errcode(ERRCODE_DATETIME_VALUE_OUT_OF_RANGE),
				 errmsg("time of a row of customer \"%s\" is infinite",
						crm_key_text(scan->definition->key, pair->key)),
				 errhint("Correct the row, or leave such rows out with a "
						 "filter.")));
	return at;
}

static CrmMoney
finite_amount(CrmScan *scan, const CrmPair *pair, Datum value)
{
	Numeric amount = DatumGetNumeric(value);

	if (numeric_is_nan(amount) || numeric_is_inf(amount))
		ereport(ERROR,
				(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
				 errmsg("amount of a row of customer \"%s\" is %s",
						crm_key_text(scan->definition->key, pair->key),
						numeric_is_nan(amount) ? "NaN" : "infinite"),
				 errhint("Correct the row, or leave such rows out with a "
						 "filter.")));
	return crm_money_from_numeric_datum(value);
}

static bool
same_text(Datum a, Datum b)
{
	text *left = DatumGetTextPP(a);
	text *right = DatumGetTextPP(b);

	return VARSIZE_ANY_EXHDR(left) == VARSIZE_ANY_EXHDR(right) &&
		   memcmp(VARDATA_ANY(left), VARDATA_ANY(right),
				  VARSIZE_ANY_EXHDR(left)) == 0;
}

/* does the row belong to the order of the row before? */
static bool
same_order(CrmScan *scan, Datum *order_key)
{
	Stream *stream = &scan->sources;
	bool	isnull;
	Datum	value;
	bool	same;

	if (scan->definition->orders.order_key == NULL)
		return false;
	value = column(stream, SOURCE_ORDER_KEY, &isnull);
	if (isnull)
	{
		*order_key = (Datum) 0;
		return false;
	}
	same = *order_key != 0 && same_text(value, *order_key);
	if (!same)
		*order_key = PointerGetDatum(DatumGetTextPCopy(value));
	return same;
}

static void
add_row(CrmScan *scan, CrmPair *pair, Datum *order_key)
{
	Stream *stream = &scan->sources;
	bool	isnull;
	int		kind = DatumGetInt32(column(stream, SOURCE_KIND, &isnull));
	Datum	value = column(stream, SOURCE_AT, &isnull);
	int64	at = isnull ? CRM_NO_TIME : finite_time(scan, pair, value);

	switch (kind)
	{
		case CRM_EVENT_ORDER:
		{
			bool	 same = same_order(scan, order_key);
			CrmMoney amount;

			value = column(stream, SOURCE_AMOUNT, &isnull);
			if (!isnull)
				amount = finite_amount(scan, pair, value);
			crm_history_add_order(&pair->history, at, isnull ? NULL : &amount,
								  same);
			break;
		}
		case CRM_EVENT_VISIT:
			crm_history_add_visit(&pair->history, at);
			break;
		default:
			crm_history_add_registration(&pair->history, at);
			break;
	}
}

static void
collect_history(CrmScan *scan, CrmPair *pair)
{
	CrmStageKey key = scan->definition->key;
	Datum		order_key = (Datum) 0;
	bool		isnull;

	while (current_row(&scan->sources) != NULL &&
		   crm_key_compare(key, column(&scan->sources, SOURCE_KEY, &isnull),
						   pair->key) == 0)
	{
		add_row(scan, pair, &order_key);
		scan->sources.next++;
	}
	crm_history_finish(&pair->history);
}

bool
crm_scan_next(CrmScan *scan, CrmPair *pair)
{
	CrmStageKey	  key = scan->definition->key;
	bool		  sources;
	bool		  stored;
	int			  order = 0;
	bool		  isnull;
	MemoryContext old;

	MemoryContextReset(scan->customer);
	sources = current_row(&scan->sources) != NULL;
	stored = current_row(&scan->stored) != NULL;
	if (!sources && !stored)
		return false;
	if (sources && stored)
		order = crm_key_compare(key, column(&scan->sources, 1, &isnull),
								column(&scan->stored, 1, &isnull));
	else
		order = sources ? -1 : 1;

	old = MemoryContextSwitchTo(scan->customer);
	pair->key = copy_key(
		key, column(order <= 0 ? &scan->sources : &scan->stored, 1, &isnull));
	crm_history_init(&pair->history);
	pair->stored = NULL;
	if (order >= 0)
	{
		pair->stored = heap_copytuple(current_row(&scan->stored));
		pair->descriptor = scan->stored.rows->tupdesc;
		scan->stored.next++;
	}
	if (order <= 0)
		collect_history(scan, pair);
	MemoryContextSwitchTo(old);
	return true;
}
