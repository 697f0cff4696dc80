/*
 * log.c
 *		Rows appended as they come, by their customers' hashes.
 *
 * What a metric with events keeps instead of the hash table: records (see
 * log_record.h) in chunks, which go to the partitions of spill.c when they may
 * not be more, and which are sorted in the end (log_walk.c).
 *
 * A small log is one list of chunks.  A larger one has 256 of them, by the
 * first bits of the hash: to write in sequence to so many places costs little
 * more than to one, and what is put together later are the records of one
 * partition, few enough for the processor's cache.
 *
 *		record --hash--> partition 0    chunk -> chunk -> chunk
 *		                 partition 1    chunk -> chunk
 *		                 ...
 *
 * Invariant: all records of a customer are in one partition.
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/memutils.h"

#include "compat.h"
#include "customers/log_record.h"
#include "customers/table.h"

#define FIRST_BYTES 256
#define MAX_CHUNK_BYTES ((Size) 64 * 1024)
#define PARTITION_FIRST_BYTES ((Size) 2 * 1024)
/* a log of so many bytes is dealt out to partitions */
#define DEAL_FROM_BYTES ((Size) 512 * 1024)
/* a log up to this size may grow whatever the budget */
#define FREE_BYTES ((Size) 64 * 1024)
#define MAX_HASH_SHIFT 56
/* memory is asked for so far ahead of what is written */
#define AHEAD_BYTES 128

Size
crm_log_min_size(const CrmCustomers *customers)
{
	return crm_log_has_amounts(customers)
			   ? CRM_LOG_HEAD_BYTES + CRM_LOG_MORE_BYTES
			   : CRM_LOG_HEAD_BYTES;
}

static void
refuse_damaged(void)
{
	ereport(ERROR, (errcode(ERRCODE_DATA_CORRUPTED),
					errmsg("invalid serialized customers"),
					errdetail("A row is damaged.")));
}

/* one from elsewhere: an error if it reaches beyond `left` bytes */
static CrmLogRecord
checked_record(const CrmCustomers *customers, const char *at, Size left)
{
	CrmLogRecord record;

	if (left < crm_log_min_size(customers))
		refuse_damaged();
	record = crm_log_record(crm_log_has_amounts(customers), at);
	if (record.size > left ||
		(record.scale != CRM_LOG_WIDE && record.amount_length != 0 &&
		 record.amount_length != sizeof(uint64) &&
		 record.amount_length != sizeof(crm_i128)) ||
		(record.scale != CRM_LOG_WIDE && record.scale > CRM_MONEY_MAX_SCALE))
		refuse_damaged();
	return record;
}

/* ---- room ---------------------------------------------------------------- */

static void
be_one_partition(CrmLog *log)
{
	memset(log, 0, sizeof(*log));
	log->part = &log->only;
	log->shift = 63;
}

void
crm_log_start(CrmCustomers *customers)
{
	customers->log = MemoryContextAlloc(customers->context, sizeof(CrmLog));
	be_one_partition(customers->log);
}

static inline CrmLogPartition *
partition_of(const CrmCustomers *customers, uint64 hash)
{
	const CrmLog *log = customers->log;

	/* in two steps: with a single one all 64 bits are to go */
	return &log->part[hash << customers->hash_shift >> 1 >> log->shift];
}

/* what the log may take: its chunks, and what sorts a partition */
static bool
affordable(const CrmCustomers *customers, Size more)
{
	const CrmCustomersQuery *query = customers->query;
	const CrmLog			*log = customers->log;
	Size					 needed = more + crm_log_sort_bytes(log->largest);

	return log->bytes + more <= FREE_BYTES ||
		   (query->used <= query->limit &&
			needed <= query->limit - query->used);
}

/* the chunk at hand gives way to the next one, if that is large enough */
static bool
step_on(CrmLogPartition *part, Size size)
{
	CrmLogChunk *next = part->chunk ? part->chunk->next : part->first;

	if (next == NULL || next->size < size)
		return false;
	if (part->chunk != NULL)
		part->chunk->used = part->at - part->chunk->data;
	part->chunk = next;
	part->at = next->data;
	part->end = next->data + next->size;
	return true;
}

static Size
chunk_bytes(const CrmLog *log, const CrmLogPartition *part, Size size)
{
	Size bytes = log->part == &log->only ? FIRST_BYTES : PARTITION_FIRST_BYTES;

	if (part->chunk != NULL)
		bytes = Min(2 * (offsetof(CrmLogChunk, data) + part->chunk->size),
					MAX_CHUNK_BYTES);
	return Max(bytes, offsetof(CrmLogChunk, data) + size);
}

static void
insert_chunk(CrmCustomers *customers, CrmLogPartition *part, Size bytes)
{
	CrmLog		 *log = customers->log;
	CrmLogChunk	 *chunk = MemoryContextAllocHuge(customers->context, bytes);
	CrmLogChunk **place = part->chunk ? &part->chunk->next : &part->first;

	chunk->size = bytes - offsetof(CrmLogChunk, data);
	chunk->used = 0;
	chunk->next = *place;
	*place = chunk;
	log->bytes += bytes;
	log->largest = Max(log->largest, part->count);
	crm_customers_account(customers, bytes);
}

void
crm_log_release(CrmCustomers *customers, CrmLogPartition *part)
{
	CrmLogChunk *chunk = part->first;

	while (chunk != NULL)
	{
		CrmLogChunk *next = chunk->next;
		Size		 bytes = offsetof(CrmLogChunk, data) + chunk->size;

		customers->log->bytes -= bytes;
		crm_customers_unaccount(customers, bytes);
		pfree(chunk);
		chunk = next;
	}
	memset(part, 0, sizeof(*part));
}

/* from one partition to many */
static void
deal_out(CrmCustomers *customers)
{
	CrmLog		   *log = customers->log;
	CrmLogPartition only = log->only;
	bool			amounts = crm_log_has_amounts(customers);

	memset(&log->only, 0, sizeof(log->only));
	log->part = MemoryContextAllocZero(
		customers->context, sizeof(CrmLogPartition) << CRM_LOG_PARTITION_BITS);
	log->shift = 63 - CRM_LOG_PARTITION_BITS;
	log->count = 0;
	log->largest = 0;
	for (const CrmLogChunk *chunk = crm_log_first_chunk(&only); chunk != NULL;
		 chunk = crm_log_next_chunk(&only, chunk))
	{
		const char *end = crm_log_chunk_end(&only, chunk);

		for (const char *at = chunk->data; at < end;)
		{
			CrmLogRecord record = crm_log_record(amounts, at);

			memcpy(crm_log_room(customers, record.hash, record.size), at,
				   record.size);
			at += record.size;
		}
	}
	crm_log_release(customers, &only);
}

/* false if that would gain nothing, or has not */
static bool
thin_out(CrmCustomers *customers)
{
	CrmLog *log = customers->log;
	uint64	before = log->count;

	if (crm_log_has_amounts(customers) || log->thin)
		return false;
	crm_log_thin_out(customers);
	log->thin = log->count > before / 4 * 3;
	return !log->thin;
}

/* room where this hash's records go; they may all be elsewhere after it */
static pg_noinline void
make_room(CrmCustomers *customers, uint64 hash, Size size)
{
	CrmLog			*log = customers->log;
	CrmLogPartition *part = partition_of(customers, hash);
	Size			 bytes = chunk_bytes(log, part, size);

	CHECK_FOR_INTERRUPTS();
	if (step_on(part, size))
		return;
	if (!affordable(customers, bytes))
	{
		if (!thin_out(customers) && customers->hash_shift < MAX_HASH_SHIFT &&
			log->count > 0)
			crm_log_spill(customers);
	}
	else if (log->part == &log->only && log->bytes >= DEAL_FROM_BYTES)
		deal_out(customers);
	part = partition_of(customers, hash);
	if ((Size) (part->end - part->at) >= size || step_on(part, size))
		return;
	insert_chunk(customers, part, chunk_bytes(log, part, size));
	(void) step_on(part, size);
}

static inline char *
room(CrmCustomers *customers, uint64 hash, Size size)
{
	CrmLogPartition *part = partition_of(customers, hash);
	char			*to;

	if (unlikely((Size) (part->end - part->at) < size))
	{
		make_room(customers, hash, size);
		part = partition_of(customers, hash);
	}
	to = part->at;
	__builtin_prefetch(to + AHEAD_BYTES, 1);
	part->at += size;
	part->count++;
	customers->log->count++;
	return to;
}

char *
crm_log_room(CrmCustomers *customers, uint64 hash, Size size)
{
	return room(customers, hash, size);
}

/* ---- append -------------------------------------------------------------- */

static bool
fits_int64(crm_i128 value)
{
	return value == (int64) value;
}

/* the amount's bytes and their scale; low and high hold a mantissa's */
static const char *
amount_bytes(const CrmMoney *amount, char *buffer, uint32 *scale,
			 uint32 *length)
{
	if (amount->wide != NULL)
	{
		*scale = CRM_LOG_WIDE;
		*length = VARSIZE(amount->wide);
		return (const char *) amount->wide;
	}
	*scale = amount->scale;
	*length = fits_int64(amount->mantissa) ? 8 : 16;
	crm_log_put64(buffer, (uint64) amount->mantissa);
	crm_log_put64(buffer + 8, (uint64) (amount->mantissa >> 64));
	return buffer;
}

void
crm_log_add(CrmCustomers *customers, const CrmKey *key, const CrmLogRow *row)
{
	Size		size = crm_log_min_size(customers) + key->length;
	uint32		scale = 0;
	uint32		length = 0;
	const char *bytes = NULL;
	char		buffer[16];
	char	   *to;

	if (crm_log_has_amounts(customers) && row->known)
		bytes = amount_bytes(&row->amount, buffer, &scale, &length);
	to = room(customers, key->hash, size + length);
	crm_log_put64(to, key->hash);
	crm_log_put32(to + 8, (uint32) row->day);
	crm_log_put32(to + 12,
				  (uint32) row->kind << CRM_LOG_KEY_BITS | key->length);
	to += CRM_LOG_HEAD_BYTES;
	if (crm_log_has_amounts(customers))
	{
		crm_log_put64(to, (uint64) row->time);
		crm_log_put32(to + 8, scale);
		crm_log_put32(to + 12, length);
		to += CRM_LOG_MORE_BYTES;
	}
	if (key->length > 0)
		memcpy(to, key->bytes, key->length);
	if (length > 0)
		memcpy(to + key->length, bytes, length);
}

uint64
crm_log_append(CrmCustomers *customers, const char *at, const char *end)
{
	uint64		 done = 0;
	CrmLogRecord record;

	for (; at < end; at += record.size, done++)
	{
		record = checked_record(customers, at, end - at);
		memcpy(room(customers, record.hash, record.size), at, record.size);
		if ((done & 0xFFF) == 0)
			CHECK_FOR_INTERRUPTS();
	}
	return done;
}

/* ---- all records --------------------------------------------------------- */

/* in the order of partitions, which is that of the files' */
void
crm_log_spill(CrmCustomers *customers)
{
	CrmLog *log = customers->log;
	bool	amounts = crm_log_has_amounts(customers);

	crm_spill_begin_run(customers, log->count);
	for (int i = 0; i < crm_log_partitions(log); i++)
	{
		CrmLogPartition *part = &log->part[i];

		for (const CrmLogChunk *chunk = crm_log_first_chunk(part);
			 chunk != NULL; chunk = crm_log_next_chunk(part, chunk))
		{
			const char *end = crm_log_chunk_end(part, chunk);

			for (const char *at = chunk->data; at < end;)
			{
				CrmLogRecord record = crm_log_record(amounts, at);

				crm_spill_entry(customers, record.hash, at, record.size);
				at += record.size;
			}
		}
		part->chunk = NULL;
		part->at = part->end = NULL;
		part->count = 0;
	}
	log->count = 0;
	log->thin = false;
}

void
crm_log_clear(CrmCustomers *customers)
{
	CrmLog *log = customers->log;

	for (int i = 0; i < crm_log_partitions(log); i++)
		crm_log_release(customers, &log->part[i]);
	if (log->part != &log->only)
		pfree(log->part);
	be_one_partition(log);
}

void
crm_log_size(const CrmCustomers *customers, Size *size, uint64 *count)
{
	const CrmLog *log = customers->log;

	*size = 0;
	*count = log->count;
	for (int i = 0; i < crm_log_partitions(log); i++)
	{
		const CrmLogPartition *part = &log->part[i];

		for (const CrmLogChunk *chunk = crm_log_first_chunk(part);
			 chunk != NULL; chunk = crm_log_next_chunk(part, chunk))
			*size += crm_log_chunk_end(part, chunk) - chunk->data;
	}
}

void
crm_log_copy(const CrmCustomers *customers, char *to)
{
	const CrmLog *log = customers->log;

	for (int i = 0; i < crm_log_partitions(log); i++)
	{
		const CrmLogPartition *part = &log->part[i];

		for (const CrmLogChunk *chunk = crm_log_first_chunk(part);
			 chunk != NULL; chunk = crm_log_next_chunk(part, chunk))
		{
			Size size = crm_log_chunk_end(part, chunk) - chunk->data;

			memcpy(to, chunk->data, size);
			to += size;
		}
	}
}
