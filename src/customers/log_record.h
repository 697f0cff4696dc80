/*
 * log_record.h
 *		What a log is made of: for log.c, which keeps it, and log_walk.c, which
 *		sorts it.
 *
 * A record, in memory, on file and on the wire, where a metric wants no amounts
 * and where it does:
 *
 *		hash 8 | day 4 | kind 2 bits, key length 30 bits | key
 *
 *		hash 8 | time 8 | kind 2 bits, form 3, has key 1, dated 1, scale 14 |
 *		         [ key length 4 ] | [ length of a wide amount 4 ] | key | amount
 *
 * The key is empty for a bigint, whose hash is all of it.  Integers have their
 * lowest byte first.  The amount is the mantissa in as many bytes as its form
 * says, or a numeric.  A row without a time is dated: its day stands there.
 * So the ordinary row of a bigint takes 24 bytes.
 */
#ifndef CRM_LOG_RECORD_H
#define CRM_LOG_RECORD_H

#include "customers/log.h"

#define CRM_LOG_DAY_BYTES 16  /* of a record before its key */
#define CRM_LOG_TIME_BYTES 20 /* of one that may have an amount, at least */
#define CRM_LOG_KIND_BITS 2
#define CRM_LOG_KIND_MASK ((UINT32_C(1) << CRM_LOG_KIND_BITS) - 1)
#define CRM_LOG_FORM_MASK UINT32_C(7)
#define CRM_LOG_HAS_KEY (UINT32_C(1) << 5)
#define CRM_LOG_DATED (UINT32_C(1) << 6)
#define CRM_LOG_SCALE_SHIFT 7

typedef enum CrmLogForm
{
	CRM_LOG_UNKNOWN, /* no amount */
	CRM_LOG_MANTISSA_4,
	CRM_LOG_MANTISSA_8,
	CRM_LOG_MANTISSA_16,
	CRM_LOG_WIDE /* a numeric */
} CrmLogForm;

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
	CrmLogForm	form;
	int64		time;
	int			scale;
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

static inline CrmLogForm
crm_log_form(uint32 meta)
{
	return (CrmLogForm) (meta >> CRM_LOG_KIND_BITS & CRM_LOG_FORM_MASK);
}

/* of the lengths behind the fixed part */
static inline Size
crm_log_lengths(uint32 meta)
{
	return ((meta & CRM_LOG_HAS_KEY) != 0 ? sizeof(uint32) : 0) +
		   (crm_log_form(meta) == CRM_LOG_WIDE ? sizeof(uint32) : 0);
}

/* of a mantissa; a numeric says it itself */
static inline uint32
crm_log_amount_length(CrmLogForm form)
{
	return form == CRM_LOG_UNKNOWN || form == CRM_LOG_WIDE
			   ? 0
			   : UINT32_C(2) << form;
}

/* a record of our own, known to be whole */
static inline CrmLogRecord
crm_log_record(bool amounts, const char *at)
{
	CrmLogRecord record = {.hash = crm_load64_little(at)};
	const char	*from = at + CRM_LOG_DAY_BYTES;
	uint32		 meta;

	if (!amounts)
	{
		record.day = (CrmDay) crm_log_get32(at + 8);
		meta = crm_log_get32(at + 12);
		record.kind = (uint8) (meta & CRM_LOG_KIND_MASK);
		record.key_length = meta >> CRM_LOG_KIND_BITS;
		record.key = from;
		record.size = CRM_LOG_DAY_BYTES + (Size) record.key_length;
		return record;
	}
	record.time = (int64) crm_load64_little(at + 8);
	meta = crm_log_get32(from);
	record.day = (meta & CRM_LOG_DATED) != 0 ? (CrmDay) record.time
											 : crm_day_of_local(record.time);
	from += sizeof(uint32);
	record.kind = (uint8) (meta & CRM_LOG_KIND_MASK);
	record.form = crm_log_form(meta);
	record.scale = (int) (meta >> CRM_LOG_SCALE_SHIFT);
	record.amount_length = crm_log_amount_length(record.form);
	if (meta & CRM_LOG_HAS_KEY)
	{
		record.key_length = crm_log_get32(from);
		from += sizeof(uint32);
	}
	if (record.form == CRM_LOG_WIDE)
	{
		record.amount_length = crm_log_get32(from);
		from += sizeof(uint32);
	}
	record.key = from;
	record.amount = from + record.key_length;
	record.size = (Size) (from - at) + record.key_length + record.amount_length;
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
