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
	return crm_log_has_amounts(customers) ? CRM_LOG_TIME_BYTES
										  : CRM_LOG_DAY_BYTES;
}

static void
refuse_damaged(void)
{
	ereport(ERROR, (errcode(ERRCODE_DATA_CORRUPTED),
					errmsg("invalid serialized customers"),
					errdetail("A row is damaged.")));
}

/* is it as long as it says itself? */
static bool
is_numeric(const CrmLogRecord *record)
{
	uint32 header;

	if (record->amount_length < VARHDRSZ + sizeof(uint16))
		return false;
	memcpy(&header, record->amount, sizeof(header));
	return VARATT_IS_4B_U(&header) && VARSIZE(&header) == record->amount_length;
}

/* one from elsewhere: an error if it reaches beyond `left` bytes */
static CrmLogRecord
checked_record(const CrmCustomers *customers, const char *at, Size left)
{
	bool		 amounts = crm_log_has_amounts(customers);
	uint32		 meta;
	CrmLogRecord record;

	if (left < crm_log_min_size(customers))
		refuse_damaged();
	if (amounts)
	{
		meta = crm_log_get32(at + CRM_LOG_DAY_BYTES);
		if (left < CRM_LOG_TIME_BYTES + crm_log_lengths(meta) ||
			crm_log_form(meta) > CRM_LOG_WIDE ||
			meta >> CRM_LOG_SCALE_SHIFT > CRM_MONEY_MAX_SCALE)
			refuse_damaged();
	}
	record = crm_log_record(amounts, at);
	if (record.size > left ||
		(record.form == CRM_LOG_WIDE && !is_numeric(&record)))
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

static CrmLogForm
form_of(const CrmLogRow *row)
{
	if (!row->known)
		return CRM_LOG_UNKNOWN;
	if (row->amount.wide != NULL)
		return CRM_LOG_WIDE;
	if (row->amount.mantissa == (int32) row->amount.mantissa)
		return CRM_LOG_MANTISSA_4;
	return row->amount.mantissa == (int64) row->amount.mantissa
			   ? CRM_LOG_MANTISSA_8
			   : CRM_LOG_MANTISSA_16;
}

static void
put_amount(char *to, CrmLogForm form, const CrmMoney *amount, uint32 length)
{
	switch (form)
	{
		case CRM_LOG_UNKNOWN:
			break;
		case CRM_LOG_MANTISSA_4:
			crm_log_put32(to, (uint32) amount->mantissa);
			break;
		case CRM_LOG_MANTISSA_16:
			crm_log_put64(to + 8, (uint64) (amount->mantissa >> 64));
			/* FALLTHROUGH */
		case CRM_LOG_MANTISSA_8:
			crm_log_put64(to, (uint64) amount->mantissa);
			break;
		case CRM_LOG_WIDE:
			memcpy(to, amount->wide, length);
			break;
	}
}

static void
add_day(CrmCustomers *customers, const CrmKey *key, const CrmLogRow *row)
{
	char *to = room(customers, key->hash, CRM_LOG_DAY_BYTES + key->length);

	crm_log_put64(to, key->hash);
	crm_log_put32(to + 8, (uint32) row->day);
	crm_log_put32(to + 12, key->length << CRM_LOG_KIND_BITS | row->kind);
	if (key->length > 0)
		memcpy(to + CRM_LOG_DAY_BYTES, key->bytes, key->length);
}

static void
add_time(CrmCustomers *customers, const CrmKey *key, const CrmLogRow *row)
{
	CrmLogForm form = form_of(row);
	uint32	   meta = row->kind | (uint32) form << CRM_LOG_KIND_BITS;
	uint32	   length = form == CRM_LOG_WIDE ? VARSIZE(row->amount.wide)
											 : crm_log_amount_length(form);
	char	  *to;

	if (key->length > 0)
		meta |= CRM_LOG_HAS_KEY;
	if (!row->timed)
		meta |= CRM_LOG_DATED;
	if (form != CRM_LOG_UNKNOWN && form != CRM_LOG_WIDE)
		meta |= (uint32) row->amount.scale << CRM_LOG_SCALE_SHIFT;
	to =
		room(customers, key->hash,
			 CRM_LOG_TIME_BYTES + crm_log_lengths(meta) + key->length + length);
	crm_log_put64(to, key->hash);
	crm_log_put64(to + 8, (uint64) (row->timed ? row->time : row->day));
	crm_log_put32(to + 16, meta);
	to += CRM_LOG_TIME_BYTES;
	if (key->length > 0)
	{
		crm_log_put32(to, key->length);
		to += sizeof(uint32);
	}
	if (form == CRM_LOG_WIDE)
	{
		crm_log_put32(to, length);
		to += sizeof(uint32);
	}
	if (key->length > 0)
		memcpy(to, key->bytes, key->length);
	put_amount(to + key->length, form, &row->amount, length);
}

void
crm_log_add(CrmCustomers *customers, const CrmKey *key, const CrmLogRow *row)
{
	if (crm_log_has_amounts(customers))
		add_time(customers, key, row);
	else
		add_day(customers, key, row);
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
	bool	many = crm_log_partitions(log) > 1;

	crm_spill_begin_run(customers, log->count);
	for (int i = 0; i < crm_log_partitions(log); i++)
	{
		CrmLogPartition *part = &log->part[i];

		for (const CrmLogChunk *chunk = crm_log_first_chunk(part);
			 chunk != NULL; chunk = crm_log_next_chunk(part, chunk))
		{
			const char *end = crm_log_chunk_end(part, chunk);

			if (many)
			{
				/* all of a partition belongs to one of the files */
				crm_spill_block(customers, (uint64) i, CRM_LOG_PARTITION_BITS,
								chunk->data, end - chunk->data);
				continue;
			}
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
