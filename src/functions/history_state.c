/*
 * history_state.c
 *		States of aggregates over histories, expanded and flat.
 *
 * Flat, after the header of a bytea, numbers in network byte order and those
 * marked * as unsigned LEB128:
 *
 *		version 1 | metric 1 | a parameter is NULL 1 | event 1 | return event 1
 *		parameters 4 each | counts 8 each
 *		counts of the line*, each of them*
 *		cells*, each: row 4 | column 4 | counts 8 each | sums: length 4, text
 *
 * Invariant: a flat state is read within its bytes and what is read is
 * checked, for anybody can make an aggregate of these functions over bytea.
 */
#include "postgres.h"

#include "lib/stringinfo.h"
#include "libpq/pqformat.h"
#include "port/pg_bswap.h"
#include "utils/memutils.h"

#include "compat.h"
#include "functions/agg.h"
#include "functions/agg_part.h"
#include "functions/history_state.h"

#define VERSION 1

/* ---- expanded ------------------------------------------------------------ */

static Size get_flat_size(ExpandedObjectHeader *header);
static void
flatten_into(ExpandedObjectHeader *header, void *result, Size allocated_size);

static const ExpandedObjectMethods methods = {get_flat_size, flatten_into};

CrmHistories *
crm_histories_create(const CrmMetric *metric, const CrmHistoryParams *params,
					 bool params_null, MemoryContext parent)
{
	MemoryContext context = AllocSetContextCreate(parent, "crmlife histories",
												  ALLOCSET_START_SMALL_SIZES);
	CrmHistories *state = MemoryContextAllocZero(context, sizeof(*state));
	MemoryContext old = MemoryContextSwitchTo(context);

	EOH_init_header(&state->header, &methods, context);
	state->counter = crm_purchase_counter(metric);
	state->params_null = params_null;
	state->params = *params;
	crm_totals_init(&state->totals, metric->cell_counts, metric->cell_sums);
	/* so that it grows here, whoever makes it grow */
	state->events.event = palloc(sizeof(CrmLogEvent));
	state->events.space = 1;
	if (state->counter.line && !params_null)
		crm_line_grow(&state->line, state->counter.line(params));
	MemoryContextSwitchTo(old);
	return state;
}

void
crm_histories_require(const CrmHistories *state, const CrmHistoryParams *params,
					  bool null)
{
	crm_agg_require_params(state->counter.metric, &state->params.metric,
						   state->params_null, &params->metric, null);
	if (state->params.event != params->event ||
		state->params.return_event != params->return_event)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("%s must be the same in all rows of a group",
						state->params.event != params->event ? "event"
															 : "return_event"),
				 errhint("Give a constant, or add it to GROUP BY.")));
}

/* ---- flat: writing ------------------------------------------------------- */

static void
put_number(StringInfo to, uint64 value)
{
	for (; value >= 0x80; value >>= 7)
		appendStringInfoCharMacro(to, (char) (value | 0x80));
	appendStringInfoCharMacro(to, (char) value);
}

static void
put_sum(StringInfo to, CrmMoney sum)
{
	char *text = crm_money_to_text(sum);
	int	  length = (int) strlen(text);

	pq_sendint32(to, (uint32) length);
	appendBinaryStringInfo(to, text, length);
	pfree(text);
}

static void
put_cell(StringInfo to, const CrmHistories *state, CrmCell *cell)
{
	const CrmMetric *metric = state->counter.metric;

	pq_sendint32(to, (uint32) cell->row);
	pq_sendint32(to, (uint32) cell->column);
	for (int i = 0; i < metric->cell_counts; i++)
		pq_sendint64(to, (uint64) cell->count[i]);
	for (int i = 0; i < metric->cell_sums; i++)
		put_sum(to, crm_cell_sum(&state->totals, cell)[i]);
}

static void
put_state(StringInfo to, const CrmHistories *state)
{
	const CrmTotals *totals = &state->totals;

	pq_sendbyte(to, VERSION);
	pq_sendbyte(to, state->counter.metric->code);
	pq_sendbyte(to, state->params_null);
	pq_sendbyte(to, state->params.event);
	pq_sendbyte(to, state->params.return_event);
	for (int i = 0; i < CRM_PARAMS; i++)
		pq_sendint32(to, (uint32) state->params.metric.value[i]);
	for (int i = 0; i < CRM_COUNTS; i++)
		pq_sendint64(to, (uint64) totals->count[i]);
	put_number(to, (uint64) state->line.counts);
	for (int64 i = 0; i < state->line.counts; i++)
		put_number(to, (uint64) state->line.count[i]);
	put_number(to, totals->cells);
	for (size_t place = 0; place < totals->capacity; place++)
	{
		CrmCell *cell = crm_totals_sorted(totals, place);

		if (cell->used)
			put_cell(to, state, cell);
	}
}

static Size
get_flat_size(ExpandedObjectHeader *header)
{
	CrmHistories  *state = (CrmHistories *) header;
	MemoryContext  old = MemoryContextSwitchTo(header->eoh_context);
	StringInfoData flat;

	if (state->flat)
		pfree(state->flat);
	initStringInfo(&flat);
	put_state(&flat, state);
	state->flat = flat.data;
	state->flat_size = (Size) flat.len;
	MemoryContextSwitchTo(old);
	return VARHDRSZ + state->flat_size;
}

static void
flatten_into(ExpandedObjectHeader *header, void *result, Size allocated_size)
{
	CrmHistories *state = (CrmHistories *) header;

	Assert(allocated_size == VARHDRSZ + state->flat_size);
	SET_VARSIZE(result, allocated_size);
	memcpy(VARDATA(result), state->flat, state->flat_size);
}

/* ---- flat: reading ------------------------------------------------------- */

typedef struct Reader
{
	const uint8 *at;
	const uint8 *end;
} Reader;

pg_noreturn static void
no_state(void)
{
	ereport(ERROR,
			(errcode(ERRCODE_DATA_CORRUPTED),
			 errmsg("a bytea is no state of an aggregate over histories"),
			 errhint("Such states are made by the aggregates alone.")));
}

static const uint8 *
take_bytes(Reader *reader, Size size)
{
	const uint8 *bytes = reader->at;

	if (size > (Size) (reader->end - reader->at))
		no_state();
	reader->at += size;
	return bytes;
}

static uint8
take_byte(Reader *reader, uint8 most)
{
	uint8 byte = *take_bytes(reader, 1);

	if (byte > most)
		no_state();
	return byte;
}

static int32
take_int32(Reader *reader)
{
	uint32 value;

	memcpy(&value, take_bytes(reader, sizeof(value)), sizeof(value));
	return (int32) pg_ntoh32(value);
}

static int64
take_count(Reader *reader)
{
	int64 value;

	memcpy(&value, take_bytes(reader, sizeof(value)), sizeof(value));
	value = (int64) pg_ntoh64(value);
	if (value < 0)
		no_state();
	return value;
}

static int64
take_number(Reader *reader)
{
	uint64 value = 0;

	for (int shift = 0; shift < 63; shift += 7)
	{
		uint64 byte = *take_bytes(reader, 1);

		value |= (byte & 0x7f) << shift;
		if (byte < 0x80)
			return (int64) value;
	}
	no_state();
}

static CrmMoney
take_sum(Reader *reader)
{
	int32	 length = take_int32(reader);
	CrmMoney sum;

	if (length < 0 ||
		!crm_money_from_text((const char *) take_bytes(reader, (Size) length),
							 (Size) length, &sum))
		no_state();
	return sum;
}

static void
take_cell(Reader *reader, CrmHistories *state)
{
	const CrmMetric *metric = state->counter.metric;
	int32			 row = take_int32(reader);
	int32			 column = take_int32(reader);
	CrmCell			*cell = crm_totals_cell(&state->totals, row, column);

	for (int i = 0; i < metric->cell_counts; i++)
		cell->count[i] = take_count(reader);
	for (int i = 0; i < metric->cell_sums; i++)
		crm_cell_sum(&state->totals, cell)[i] = take_sum(reader);
}

static void
take_line(Reader *reader, CrmLine *line)
{
	int64 counts = take_number(reader);

	/* each takes a byte at least */
	if (counts < line->counts || counts > reader->end - reader->at)
		no_state();
	crm_line_grow(line, counts);
	for (int64 i = 0; i < counts; i++)
		line->count[i] = take_number(reader);
}

static void
check_params(const CrmMetric *metric, const CrmParams *params)
{
	crm_agg_check_params(metric, params);
	if (!crm_agg_knows_option(metric, params))
		no_state();
}

static CrmHistories *
take_state(Reader *reader, MemoryContext parent)
{
	CrmHistoryParams params;
	const CrmMetric *metric;
	bool			 null;
	CrmHistories	*state;
	MemoryContext	 old;

	if (take_byte(reader, VERSION) != VERSION)
		no_state();
	metric = crm_metric_by_code(take_byte(reader, PG_UINT8_MAX));
	if (metric == NULL)
		no_state();
	null = take_byte(reader, 1) != 0;
	params.event = (CrmActivity) take_byte(reader, CRM_ACTIVITY_ANY);
	params.return_event = (CrmActivity) take_byte(reader, CRM_ACTIVITY_ANY);
	for (int i = 0; i < CRM_PARAMS; i++)
		params.metric.value[i] = take_int32(reader);
	if (!null)
		check_params(metric, &params.metric);
	state = crm_histories_create(metric, &params, null, parent);
	old = MemoryContextSwitchTo(state->header.eoh_context);
	for (int i = 0; i < CRM_COUNTS; i++)
		state->totals.count[i] = take_count(reader);
	take_line(reader, &state->line);
	for (int64 cells = take_number(reader); cells > 0; cells--)
		take_cell(reader, state);
	MemoryContextSwitchTo(old);
	if (reader->at != reader->end)
		no_state();
	return state;
}

/* ---- arguments ----------------------------------------------------------- */

/* the expanded state that a datum points to, NULL if it is flat */
static inline CrmHistories *
expanded_state(Datum datum)
{
	ExpandedObjectHeader *header;

	if (!VARATT_IS_EXTERNAL_EXPANDED(DatumGetPointer(datum)))
		return NULL;
	header = DatumGetEOHP(datum);
	return header->eoh_methods == &methods ? (CrmHistories *) header : NULL;
}

static CrmHistories *
expand(Datum datum, MemoryContext parent)
{
	bytea *flat = DatumGetByteaPP(datum);
	Reader reader = {.at = (const uint8 *) VARDATA_ANY(flat)};

	reader.end = reader.at + VARSIZE_ANY_EXHDR(flat);
	return take_state(&reader, parent);
}

CrmHistories *
crm_histories_open(FunctionCallInfo fcinfo, int number, MemoryContext parent)
{
	Datum		  datum = PG_GETARG_DATUM(number);
	CrmHistories *state = NULL;

	if (VARATT_IS_EXTERNAL_EXPANDED_RW(DatumGetPointer(datum)))
		state = expanded_state(datum);
	return likely(state != NULL) ? state : expand(datum, parent);
}

/* ---- together ------------------------------------------------------------ */

PG_FUNCTION_INFO_V1(crm_histories_combine);

static void
add_cells(CrmHistories *state, const CrmHistories *other)
{
	const CrmMetric *metric = state->counter.metric;

	for (size_t place = 0; place < other->totals.capacity; place++)
	{
		CrmCell *from = crm_totals_sorted(&other->totals, place);
		CrmCell *cell;

		if (!from->used)
			continue;
		cell = crm_totals_cell(&state->totals, from->row, from->column);
		for (int i = 0; i < metric->cell_counts; i++)
			cell->count[i] += from->count[i];
		for (int i = 0; i < metric->cell_sums; i++)
			crm_money_accumulate(&crm_cell_sum(&state->totals, cell)[i],
								 crm_cell_sum(&other->totals, from)[i]);
	}
}

Datum
crm_histories_combine(PG_FUNCTION_ARGS)
{
	MemoryContext context = crm_aggregate_context(fcinfo);
	MemoryContext old;
	CrmHistories *state;
	CrmHistories *other;

	state = crm_histories_open(fcinfo, 0, context);
	other = expanded_state(PG_GETARG_DATUM(1));
	if (other == NULL)
		other = expand(PG_GETARG_DATUM(1), CurrentMemoryContext);
	if (state->counter.metric != other->counter.metric)
		ereport(ERROR, (errcode(ERRCODE_DATATYPE_MISMATCH),
						errmsg("states of different aggregates cannot be "
							   "combined")));
	crm_histories_require(state, &other->params, other->params_null);
	for (int i = 0; i < CRM_COUNTS; i++)
		state->totals.count[i] += other->totals.count[i];
	old = MemoryContextSwitchTo(state->header.eoh_context);
	crm_line_grow(&state->line, other->line.counts);
	for (int64 i = 0; i < other->line.counts; i++)
		state->line.count[i] += other->line.count[i];
	add_cells(state, other);
	MemoryContextSwitchTo(old);
	PG_RETURN_DATUM(EOHPGetRWDatum(&state->header));
}

/* ---- at the end ---------------------------------------------------------- */

/* the state stays as it is: in a window more rows may come */
static CrmTotals *
copy_totals(const CrmTotals *totals)
{
	CrmTotals *copy = palloc(sizeof(CrmTotals));
	Size	   bytes = totals->capacity * totals->cell_size;

	*copy = *totals;
	/* it leads to the cells of the other */
	copy->grid = NULL;
	copy->searches = 0;
	if (bytes > 0)
	{
		copy->cell = MemoryContextAllocHuge(CurrentMemoryContext, bytes);
		memcpy(copy->cell, totals->cell, bytes);
	}
	return copy;
}

const CrmTotals *
crm_histories_totals(FunctionCallInfo fcinfo, const CrmMetric *const *of,
					 const CrmParams **params)
{
	CrmHistories *state = expanded_state(PG_GETARG_DATUM(0));
	CrmTotals	 *totals;

	if (state == NULL)
		state = expand(PG_GETARG_DATUM(0), CurrentMemoryContext);
	crm_agg_require_metric(state->counter.metric, of);
	if (state->params_null)
		return NULL;
	totals = copy_totals(&state->totals);
	if (state->counter.close)
		state->counter.close(&state->line, &state->params, totals);
	if (state->counter.metric->close)
		state->counter.metric->close(&state->params.metric, totals);
	crm_totals_sort(totals);
	if (params)
		*params = &state->params.metric;
	return totals;
}
