/*
 * wire.c
 *		A group of customers as a bytea, from a parallel worker to the leader.
 *
 *		version 1 | key kind 1 | metric 1 | flags 1 | parameters 6 * 4 | count 8
 *		entries, each customer once and in order (pack.c; of texts, entry.c), or
 *		records (log.c)
 *
 * Integers have their lowest byte first.
 *
 * Deserializing only reads the head: combining takes the entries straight
 * from the bytes.
 *
 * Invariant: any bytes at all give customers or an error.
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/memutils.h"

#include "compat.h"
#include "customers/log.h"
#include "customers/table.h"

#define WIRE_VERSION 4
#define FLAG_PARAMS_NULL 1
#define PARAMS_AT 4
#define COUNT_AT (PARAMS_AT + 4 * CRM_PARAMS)
#define HEAD_BYTES (COUNT_AT + 8)

/* room is left for the tuple around it */
#define WIRE_MAX_BYTES (MaxAllocSize - 64 * 1024)

struct CrmWire
{
	bool			 params_null;
	const CrmMetric *metric;
	CrmKeyKind		 key_kind;
	CrmParams		 params;
	uint64			 count;
	const char		*bytes; /* of entries or records */
	Size			 size;
};

/* a bytea that grows */
typedef struct WireBuffer
{
	char  *data;
	Size   used;
	Size   size;
	uint64 count;
} WireBuffer;

static void
put_bytes(char *to, uint64 value, int bytes)
{
	for (int i = 0; i < bytes; i++)
		to[i] = (char) (value >> (8 * i));
}

static uint64
get_bytes(const char *from, int bytes)
{
	uint64 value = 0;

	for (int i = 0; i < bytes; i++)
		value |= (uint64) (unsigned char) from[i] << (8 * i);
	return value;
}

static void
buffer_reserve(WireBuffer *buffer, Size more)
{
	Size needed = buffer->used + more;

	if (needed <= buffer->size)
		return;
	if (needed > WIRE_MAX_BYTES)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("too many customers for a parallel plan"),
				 errdetail("The customers one process has seen take more than "
						   "%zu MB to send.",
						   (Size) WIRE_MAX_BYTES >> 20),
				 errhint("Set max_parallel_workers_per_gather to 0 for this "
						 "query.")));
	buffer->size = Min(Max(needed, buffer->size * 2), WIRE_MAX_BYTES);
	buffer->data = buffer->data ? repalloc(buffer->data, buffer->size)
								: palloc(buffer->size);
}

static void
append_log(WireBuffer *buffer, const CrmCustomers *customers)
{
	uint64 count;
	Size   size;

	crm_log_size(customers, &size, &count);
	buffer_reserve(buffer, size);
	crm_log_copy(customers, buffer->data + buffer->used);
	buffer->used += size;
	buffer->count += count;
}

static void
append_slot(void *argument, const CrmCustomers *table, const char *slot)
{
	WireBuffer *buffer = argument;
	Size		size = crm_entry_size(table, slot);

	buffer_reserve(buffer, size);
	crm_entry_write(buffer->data + buffer->used, table, slot);
	buffer->used += size;
	buffer->count++;
}

static void
append_table(void *argument, const CrmCustomers *table)
{
	WireBuffer *buffer = argument;

	if (table->log != NULL)
		append_log(buffer, table);
	else if (table->query->key_kind == CRM_KEY_TEXT)
		crm_table_visit_in_order(table, append_slot, buffer);
	else
	{
		buffer_reserve(buffer, crm_pack_bound(table));
		buffer->used =
			crm_pack_table(buffer->data + buffer->used, table) - buffer->data;
		buffer->count += table->count;
	}
}

static bool
is_packed(const CrmCustomers *customers)
{
	return customers->log == NULL && customers->query->key_kind != CRM_KEY_TEXT;
}

static void
write_head(char *to, const CrmCustomers *customers, uint64 count)
{
	put_bytes(to, WIRE_VERSION, 1);
	put_bytes(to + 1, customers->query->key_kind, 1);
	put_bytes(to + 2, customers->query->metric->code, 1);
	put_bytes(to + 3, customers->params_null ? FLAG_PARAMS_NULL : 0, 1);
	for (int i = 0; i < CRM_PARAMS; i++)
		put_bytes(to + PARAMS_AT + 4 * i, (uint32) customers->params.value[i],
				  4);
	put_bytes(to + COUNT_AT, count, 8);
}

bytea *
crm_customers_serialize(CrmCustomers *customers)
{
	WireBuffer buffer = {0};

	crm_customers_flush(customers);
	buffer_reserve(&buffer,
				   VARHDRSZ + HEAD_BYTES +
					   Min(customers->count * crm_entry_min_size(customers),
						   WIRE_MAX_BYTES / 2));
	buffer.used = VARHDRSZ + HEAD_BYTES;
	if (!customers->params_null)
		crm_customers_visit(customers, append_table, &buffer);
	if (is_packed(customers))
	{
		buffer_reserve(&buffer, CRM_PACK_PAD);
		memset(buffer.data + buffer.used, 0, CRM_PACK_PAD);
		buffer.used += CRM_PACK_PAD;
	}
	write_head(buffer.data + VARHDRSZ, customers, buffer.count);
	SET_VARSIZE(buffer.data, buffer.used);
	return (bytea *) buffer.data;
}

/* ---- read ---------------------------------------------------------------- */

static void
refuse_head(const char *detail)
{
	ereport(ERROR, (errcode(ERRCODE_DATA_CORRUPTED),
					errmsg("invalid serialized customers"),
					errdetail_internal("%s", detail)));
}

CrmWire *
crm_wire_open(const char *bytes, Size size)
{
	CrmWire *wire = palloc0(sizeof(CrmWire));

	if (size < HEAD_BYTES)
		refuse_head("The head is cut off.");
	if (get_bytes(bytes, 1) != WIRE_VERSION)
		refuse_head("The version is not known.");
	wire->key_kind = (CrmKeyKind) get_bytes(bytes + 1, 1);
	wire->metric = crm_metric_by_code((int) get_bytes(bytes + 2, 1));
	wire->params_null = (get_bytes(bytes + 3, 1) & FLAG_PARAMS_NULL) != 0;
	for (int i = 0; i < CRM_PARAMS; i++)
		wire->params.value[i] =
			(int32) (uint32) get_bytes(bytes + PARAMS_AT + 4 * i, 4);
	wire->count = get_bytes(bytes + COUNT_AT, 8);
	wire->bytes = bytes + HEAD_BYTES;
	wire->size = size - HEAD_BYTES;
	if (wire->metric == NULL || wire->key_kind < CRM_KEY_BIGINT ||
		wire->key_kind > CRM_KEY_TEXT)
		refuse_head("The metric or the kind of key is not known.");
	if (wire->params.n < 0 || wire->params.m < 0 ||
		(wire->metric->words != NULL &&
		 wire->metric->words(&wire->params) > CRM_STATE_MAX_WORDS))
		refuse_head("A parameter is out of range.");
	return wire;
}

const CrmMetric *
crm_wire_metric(const CrmWire *wire)
{
	return wire->metric;
}

CrmKeyKind
crm_wire_key_kind(const CrmWire *wire)
{
	return wire->key_kind;
}

const CrmParams *
crm_wire_params(const CrmWire *wire, bool *params_null)
{
	*params_null = wire->params_null;
	return &wire->params;
}

static void
merge_log(CrmCustomers *customers, const CrmWire *wire)
{
	if (wire->count > wire->size / crm_log_min_size(customers))
		refuse_head("There are fewer entries than the head says.");
	if (crm_log_append(customers, wire->bytes, wire->bytes + wire->size) !=
		wire->count)
		refuse_head("There are more entries than the head says.");
}

static uint64
most_entries(const CrmCustomers *customers, const CrmWire *wire,
			 const CrmEntries *entries)
{
	if (entries->packed != NULL)
		return crm_packed_most(entries->packed);
	return wire->size / crm_entry_min_size(customers);
}

/* metric, kind of key and parameters are the same: the caller has checked */
void
crm_customers_merge_wire(CrmCustomers *customers, CrmWire *wire)
{
	CrmEntries entries;
	CrmMerge   merge;

	if (customers->log != NULL)
	{
		merge_log(customers, wire);
		return;
	}
	entries = crm_entries_open(customers, wire->bytes, wire->size);
	if (wire->count > most_entries(customers, wire, &entries))
		refuse_head("There are fewer entries than the head says.");
	if (!crm_runs_keep(customers, wire->bytes, wire->size, wire->count))
	{
		crm_merge_begin(&merge, customers, wire->count);
		crm_merge_entries(&merge, customers, &entries);
		if (merge.done != wire->count)
			refuse_head("There are not as many entries as the head says.");
	}
	crm_entries_close(&entries);
}
