/*
 * log_record.h
 *		What a log is made of: for log.c, which keeps it, and log_walk.c, which
 *		sorts it.
 *
 * A record, in memory, on file and on the wire:
 *
 *		hash 8 | day 4 | kind 2 bits, key length 30 bits |
 *		         [ time 8 | scale 4 | amount length 4 ] | key | amount
 *
 * The part in brackets is there if the metric wants amounts.  The key is empty
 * for a bigint, whose hash is all of it.  Integers have their lowest byte
 * first.  An amount is the mantissa in 8 or 16 bytes, or a numeric (scale
 * WIDE).
 */
#ifndef CRM_LOG_RECORD_H
#define CRM_LOG_RECORD_H

#include "customers/log.h"

#define CRM_LOG_HEAD_BYTES 16
#define CRM_LOG_MORE_BYTES 16
#define CRM_LOG_KEY_BITS 30
#define CRM_LOG_KEY_MASK ((UINT32_C(1) << CRM_LOG_KEY_BITS) - 1)
#define CRM_LOG_WIDE UINT32_C(0xFFFFFFFF)

#define CRM_LOG_PARTITION_BITS 8

typedef struct CrmLogChunk
{
	struct CrmLogChunk *next;
	Size				size;
	Size				used; /* once another one has taken its place */
	char				data[FLEXIBLE_ARRAY_MEMBER];
} CrmLogChunk;

/*
 * Chunks up to the one at hand hold records; those after it are empty, kept
 * for the next ones.
 */
typedef struct CrmLogPartition
{
	char		*at;  /* where the next record goes */
	char		*end; /* of the chunk at hand */
	CrmLogChunk *chunk;
	CrmLogChunk *first;
	uint64		 count;
} CrmLogPartition;

struct CrmLog
{
	CrmLogPartition *part;	/* &only, or many */
	int				 shift; /* a hash's partition is what this leaves of it */
	bool			 thin;	/* thinning it out again would gain nothing */
	uint64			 count;
	uint64			 largest; /* records of a partition, about */
	Size			 bytes;	  /* of all chunks */
	CrmLogPartition	 only;
};

/* a record read */
typedef struct CrmLogRecord
{
	uint64		hash;
	CrmDay		day;
	uint8		kind;
	int64		time;
	uint32		scale;
	uint32		key_length;
	uint32		amount_length;
	const char *key;
	const char *amount;
	Size		size;
} CrmLogRecord;

static inline bool
crm_log_has_amounts(const CrmCustomers *customers)
{
	return customers->query->metric->amounts;
}

static inline int
crm_log_partitions(const CrmLog *log)
{
	return log->part == &log->only ? 1 : 1 << CRM_LOG_PARTITION_BITS;
}

static inline const char *
crm_log_chunk_end(const CrmLogPartition *part, const CrmLogChunk *chunk)
{
	return chunk == part->chunk ? part->at : chunk->data + chunk->used;
}

/* the chunks that have records, one after the other */
static inline const CrmLogChunk *
crm_log_first_chunk(const CrmLogPartition *part)
{
	return part->chunk != NULL ? part->first : NULL;
}

static inline const CrmLogChunk *
crm_log_next_chunk(const CrmLogPartition *part, const CrmLogChunk *chunk)
{
	return chunk == part->chunk ? NULL : chunk->next;
}

static inline uint32
crm_log_get32(const char *from)
{
	uint32 value;

	memcpy(&value, from, sizeof(value));
#ifdef WORDS_BIGENDIAN
	value = pg_bswap32(value);
#endif
	return value;
}

static inline void
crm_log_put64(char *to, uint64 value)
{
#ifdef WORDS_BIGENDIAN
	value = pg_bswap64(value);
#endif
	crm_store64(to, value);
}

static inline void
crm_log_put32(char *to, uint32 value)
{
#ifdef WORDS_BIGENDIAN
	value = pg_bswap32(value);
#endif
	memcpy(to, &value, sizeof(value));
}

/* a record of our own, known to be whole */
static inline CrmLogRecord
crm_log_record(bool amounts, const char *at)
{
	CrmLogRecord record = {.hash = crm_load64_little(at),
						   .day = (CrmDay) crm_log_get32(at + 8)};
	uint32		 meta = crm_log_get32(at + 12);

	record.kind = (uint8) (meta >> CRM_LOG_KEY_BITS);
	record.key_length = meta & CRM_LOG_KEY_MASK;
	record.size = CRM_LOG_HEAD_BYTES;
	if (amounts)
	{
		record.time = (int64) crm_load64_little(at + CRM_LOG_HEAD_BYTES);
		record.scale = crm_log_get32(at + CRM_LOG_HEAD_BYTES + 8);
		record.amount_length = crm_log_get32(at + CRM_LOG_HEAD_BYTES + 12);
		record.size += CRM_LOG_MORE_BYTES;
	}
	record.key = at + record.size;
	record.amount = record.key + record.key_length;
	record.size += (Size) record.key_length + record.amount_length;
	return record;
}

/* room for a record of this hash; it counts */
extern char *crm_log_room(CrmCustomers *customers, uint64 hash, Size size);
/* of records that are equal but for their kind keep one, with both kinds */
extern void crm_log_thin_out(CrmCustomers *customers);
/* bytes that sorting so many records takes */
extern Size crm_log_sort_bytes(uint64 count);
/* a partition without its chunks, and the chunks' memory back */
extern void crm_log_release(CrmCustomers *customers, CrmLogPartition *part);

#endif /* CRM_LOG_RECORD_H */
