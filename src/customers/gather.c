/*
 * gather.c
 *		Rows that come in any order, handed out customer by customer.
 *
 * Neither a hash table of customers nor a sort of all rows: rows are appended
 * to one of 256 partitions by the first bits of their customer's hash, which
 * writes to memory in sequence, and a partition is small enough for the cache
 * when its rows are put together.
 *
 *		rows --hash--> partition 0    chunk -> chunk -> chunk
 *		               partition 1    chunk -> chunk
 *		               ...              |  over the limit: all chunks
 *		                                v
 *		               temporary file   part -> part -> part   (each names the
 *		                                                       one before)
 *
 *		one partition --next bits of the hash--> items --> customer by customer
 *
 * A partition on file that is larger than the limit is gathered once more by
 * the bits that follow, unless all of it is one customer.  Few rows need no
 * partitions: they begin in one, which is dealt out when it has grown.
 *
 * A row in memory and on file, of a bigint with an ordinary amount 32 bytes:
 *
 *		hash 8 | time 8 | size 4, scale 2, kind 1, form 1 |
 *		     [ lengths 8 ] | [ amount 8 or 16 ] | [ extra ] | [ key ]
 *
 * each part padded to 8 bytes.  The lengths are there where there is an extra or
 * a key beside the hash; a wide amount is a numeric, which knows its own.
 *
 * Invariant: all rows of a customer are in one partition.
 */
#include "postgres.h"

#include "miscadmin.h"
#include "port/pg_bitutils.h"
#include "utils/memutils.h"

#include "compat.h"
#include "customers/gather.h"
#include "customers/temp_file.h"

#define PARTITION_BITS 8
#define PARTITIONS (1 << PARTITION_BITS)
/* so much goes into one partition at first, whatever the limit */
#define FIRST_BYTES ((Size) 256 * 1024)
#define MIN_CHUNK ((Size) 4 * 1024)
#define MAX_CHUNK ((Size) 64 * 1024)
/* once so many bits of the hash are used up there is nothing to deal by */
#define MAX_HASH_SHIFT 48
/* up to this many items insertion sorts best */
#define FEW_ITEMS 24
/* rows of a partition that share a place when they are put together */
#define ROWS_OF_A_PLACE 4
#define ROWS_AHEAD 32
#define MAX_PLACE_BITS 20

typedef enum RowForm
{
	FORM_NONE,	/* no amount */
	FORM_SHORT, /* a mantissa of 8 bytes */
	FORM_LONG,	/* of 16 */
	FORM_WIDE	/* a numeric */
} RowForm;

#define FORM_MASK 0x03
#define HAS_LENGTHS 0x04
#define HAS_EXTRA 0x08

typedef struct Head
{
	uint64 hash;
	int64  at;
	uint32 size;
	uint16 scale;
	uint8  kind;
	uint8  form;
} Head;

typedef struct Lengths
{
	uint32 extra;
	uint32 key;
} Lengths;

typedef struct Chunk
{
	struct Chunk *next;
	Size		  size;
	Size		  used; /* once another one has taken its place */
	char		  data[FLEXIBLE_ARRAY_MEMBER];
} Chunk;

/* in front of each part of a partition on file */
typedef struct PartHead
{
	uint64 bytes;
	int32  fileno; /* of the part before; -1: there is none */
	int32  padding;
	int64  offset;
} PartHead;

typedef struct Partition
{
	char  *at;	  /* where the next row goes */
	char  *end;	  /* of the chunk at hand */
	Chunk *chunk; /* at hand, the last one */
	Chunk *first;
	uint64 count;
	Size   bytes; /* of all rows */
	uint64 first_hash;
	uint64 differ; /* bits in which others differ from the first */
	int	   fileno; /* the last part on file; -1: there is none */
	off_t  offset;
} Partition;

typedef struct CrmGatherItem
{
	uint64		hash;
	const Head *row;
} CrmGatherItem;

struct CrmGather
{
	CrmKeyKind	  key_kind;
	int			  hash_shift; /* bits of the hash that all rows share */
	int			  bits;		  /* of the hash that choose the partition */
	Size		  limit;
	Size		  chunk_bytes;
	Size		  used; /* bytes of all chunks */
	uint64		  count;
	MemoryContext context;
	MemoryContext chunks;
	Chunk		 *spare;
	BufFile		 *file;

	/* the walk */
	int			   partition; /* at hand; -1: none yet */
	MemoryContext  walk;	  /* what one partition needs */
	CrmGatherItem *item;
	uint64		   items;
	uint64		   next;
	uint32		  *begin; /* of each place */
	uint64		   places;
	int			   place_shift; /* less one */
	uint64		   sorted;		/* places that are */
	uint64		   ahead;		/* items up to which rows were fetched */
	CrmGather	  *child;		/* what a large partition is gathered in */

	Partition part[PARTITIONS];
};

/* ---- rows --------------------------------------------------------------- */

static inline Size
padded(Size size)
{
	return TYPEALIGN(8, size);
}

/* with the bytes after it: what goes to a file is not what was there before */
static inline void
copy_padded(char *to, const void *from, Size size)
{
	if (size == 0)
		return;
	memset(to + padded(size) - 8, 0, 8);
	memcpy(to, from, size);
}

static inline bool
has_lengths(const Head *row)
{
	return (row->form & HAS_LENGTHS) != 0;
}

static inline char *
after_head(const Head *row)
{
	return (char *) (row + 1) + (has_lengths(row) ? sizeof(Lengths) : 0);
}

static inline Lengths
lengths_of(const Head *row)
{
	static const Lengths none = {0, 0};

	return has_lengths(row) ? *(const Lengths *) (row + 1) : none;
}

/* of the amount, padded; a wide one says so itself */
static inline Size
amount_size(const Head *row)
{
	switch (row->form & FORM_MASK)
	{
		case FORM_SHORT:
			return 8;
		case FORM_LONG:
			return 16;
		case FORM_WIDE:
			return padded(VARSIZE(after_head(row)));
		default:
			return 0;
	}
}

static inline const char *
key_bytes(const Head *row)
{
	return after_head(row) + amount_size(row) + padded(lengths_of(row).extra);
}

static inline uint32
key_length(const CrmGather *gather, const CrmKey *key)
{
	switch (gather->key_kind)
	{
		case CRM_KEY_BIGINT:
			return 0;
		case CRM_KEY_UUID:
			return sizeof(uint64);
		case CRM_KEY_TEXT:
			break;
	}
	return key->length;
}

static inline RowForm
amount_form(const CrmGatherRow *row)
{
	if (!row->known)
		return FORM_NONE;
	if (row->amount.wide != NULL)
		return FORM_WIDE;
	return row->amount.mantissa == (int64) row->amount.mantissa ? FORM_SHORT
																: FORM_LONG;
}

static void
write_amount(char *to, RowForm form, const CrmMoney *amount)
{
	int64 low = (int64) amount->mantissa;
	int64 high = (int64) (amount->mantissa >> 64);

	switch (form)
	{
		case FORM_NONE:
			break;
		case FORM_LONG:
			memcpy(to + 8, &high, sizeof(high));
			/* FALLTHROUGH */
		case FORM_SHORT:
			memcpy(to, &low, sizeof(low));
			break;
		case FORM_WIDE:
			copy_padded(to, amount->wide, VARSIZE(amount->wide));
			break;
	}
}

static CrmMoney
read_amount(const Head *row)
{
	const char *from = after_head(row);
	CrmMoney	amount = {.scale = row->scale};
	int64		low;
	int64		high;

	if ((row->form & FORM_MASK) == FORM_WIDE)
	{
		char *wide = palloc(VARSIZE(from));

		memcpy(wide, from, VARSIZE(from));
		amount.wide = (CrmWide *) wide;
		return amount;
	}
	memcpy(&low, from, sizeof(low));
	amount.mantissa = low;
	if ((row->form & FORM_MASK) == FORM_LONG)
	{
		memcpy(&high, from + 8, sizeof(high));
		amount.mantissa = (crm_i128) high << 64 | (uint64) low;
	}
	return amount;
}

void
crm_gathered_row(const CrmGathered *customer, uint64 number, CrmGatherRow *row)
{
	const Head *head = customer->item[number].row;

	row->kind = head->kind;
	row->at = head->at;
	row->known = (head->form & FORM_MASK) != FORM_NONE;
	if (row->known)
		row->amount = read_amount(head);
	row->extra = NULL;
	row->extra_length = 0;
	if (head->form & HAS_EXTRA)
	{
		row->extra = after_head(head) + amount_size(head);
		row->extra_length = lengths_of(head).extra;
	}
}

/* ---- append ------------------------------------------------------------- */

static void
reset_partition(Partition *part)
{
	memset(part, 0, sizeof(*part));
	part->fileno = -1;
}

static CrmGather *
begin(CrmKeyKind key_kind, Size limit, int hash_shift, MemoryContext parent)
{
	MemoryContext context = AllocSetContextCreate(
		parent, "crmlife customers' rows", ALLOCSET_DEFAULT_SIZES);
	CrmGather *gather = MemoryContextAllocZero(
		context, offsetof(CrmGather, part) + sizeof(Partition) * PARTITIONS);

	gather->key_kind = key_kind;
	gather->hash_shift = hash_shift;
	gather->limit = limit;
	gather->chunk_bytes =
		Max(MIN_CHUNK, Min(MAX_CHUNK, TYPEALIGN(8, limit / (4 * PARTITIONS))));
	gather->context = context;
	gather->chunks = AllocSetContextCreate(context, "crmlife chunks",
										   ALLOCSET_DEFAULT_SIZES);
	gather->partition = -1;
	for (int i = 0; i < PARTITIONS; i++)
		reset_partition(&gather->part[i]);
	return gather;
}

CrmGather *
crm_gather_begin(CrmKeyKind key_kind, Size limit)
{
	return begin(key_kind, limit, 0, CurrentMemoryContext);
}

CrmKeyKind
crm_gather_key_kind(const CrmGather *gather)
{
	return gather->key_kind;
}

uint64
crm_gather_count(const CrmGather *gather)
{
	return gather->count;
}

static inline Partition *
partition_of(CrmGather *gather, uint64 hash)
{
	if (gather->bits == 0)
		return &gather->part[0];
	return &gather->part[(hash << gather->hash_shift) >> (64 - PARTITION_BITS)];
}

static Chunk *
new_chunk(CrmGather *gather, Size room)
{
	Chunk *chunk = gather->spare;
	Size   size = Max(room, gather->chunk_bytes - offsetof(Chunk, data));

	CHECK_FOR_INTERRUPTS();
	if (chunk != NULL && chunk->size >= room)
		gather->spare = chunk->next;
	else
	{
		chunk = MemoryContextAllocHuge(gather->chunks,
									   offsetof(Chunk, data) + size);
		chunk->size = size;
		gather->used += size;
	}
	chunk->used = 0;
	return chunk;
}

static void spill(CrmGather *gather);
static void deal_out(CrmGather *gather);

/* a chunk with room for so many bytes; may move everything to the file */
static Partition *
make_room(CrmGather *gather, uint64 hash, Size size)
{
	Partition *part;
	Chunk	  *chunk;

	if (gather->bits == 0 && gather->used >= FIRST_BYTES)
		deal_out(gather);
	else if (gather->bits != 0 &&
			 (gather->spare == NULL || size > gather->spare->size) &&
			 gather->used + Max(size, gather->chunk_bytes) > gather->limit &&
			 gather->used >= MIN_CHUNK * PARTITIONS)
		spill(gather);
	part = partition_of(gather, hash);
	if ((Size) (part->end - part->at) >= size)
		return part;
	chunk = new_chunk(gather, size);
	if (part->chunk != NULL)
		part->chunk->used = part->at - part->chunk->data;
	chunk->next = NULL;
	if (part->chunk == NULL)
		part->first = chunk;
	else
		part->chunk->next = chunk;
	part->chunk = chunk;
	part->at = chunk->data;
	part->end = chunk->data + chunk->size;
	return part;
}

static inline char *
take_room(CrmGather *gather, uint64 hash, Size size)
{
	Partition *part = partition_of(gather, hash);
	char	  *to;

	if (unlikely((Size) (part->end - part->at) < size))
		part = make_room(gather, hash, size);
	if (part->count++ == 0)
		part->first_hash = hash;
	part->differ |= part->first_hash ^ hash;
	part->bytes += size;
	to = part->at;
	part->at += size;
	return to;
}

static void
refuse_size(void)
{
	ereport(ERROR, (errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
					errmsg("a row of a customer is too large")));
}

/* what most rows do not have */
static pg_noinline void
write_rest(const CrmGather *gather, char *to, const CrmKey *key,
		   const CrmGatherRow *row, Lengths lengths)
{
	copy_padded(to, row->extra, lengths.extra);
	to += padded(lengths.extra);
	if (gather->key_kind == CRM_KEY_UUID)
		memcpy(to, &key->rest, sizeof(key->rest));
	else
		copy_padded(to, key->bytes, lengths.key);
}

void
crm_gather_add(CrmGather *gather, const CrmKey *key, const CrmGatherRow *row)
{
	RowForm form = amount_form(row);
	Lengths lengths = {row->extra_length, key_length(gather, key)};
	bool	more = row->extra != NULL || lengths.key > 0;
	Size	amount = form == FORM_WIDE	  ? padded(VARSIZE(row->amount.wide))
					 : form == FORM_LONG  ? 16
					 : form == FORM_SHORT ? 8
										  : 0;
	Size	size = sizeof(Head) + amount;
	Head   *head;
	char   *to;

	if (more)
		size += sizeof(Lengths) + padded(lengths.extra) + padded(lengths.key);
	if (unlikely(size > PG_INT32_MAX))
		refuse_size();
	head = (Head *) take_room(gather, key->hash, size);
	head->hash = key->hash;
	head->at = row->at;
	head->size = (uint32) size;
	head->scale = row->known ? (uint16) row->amount.scale : 0;
	head->kind = row->kind;
	head->form =
		form | (more ? HAS_LENGTHS : 0) | (row->extra != NULL ? HAS_EXTRA : 0);
	to = (char *) (head + 1);
	if (more)
	{
		memcpy(to, &lengths, sizeof(lengths));
		to += sizeof(lengths);
	}
	write_amount(to, form, &row->amount);
	to += amount;
	if (more)
		write_rest(gather, to, key, row, lengths);
	gather->count++;
}

/* rows as they stand in a chunk or on file */
static void
append_rows(CrmGather *gather, const char *at, const char *end)
{
	while (at < end)
	{
		const Head *row = (const Head *) at;

		memcpy(take_room(gather, row->hash, row->size), row, row->size);
		gather->count++;
		at += row->size;
	}
}

static inline const char *
chunk_end(const Partition *part, const Chunk *chunk)
{
	return chunk == part->chunk ? part->at : chunk->data + chunk->used;
}

/* the rows of the one partition there was, to many */
static void
deal_out(CrmGather *gather)
{
	Partition first = gather->part[0];
	Chunk	 *chunk = first.first;
	uint64	  count = gather->count;

	gather->bits = PARTITION_BITS;
	reset_partition(&gather->part[0]);
	while (chunk != NULL)
	{
		Chunk *next = chunk->next;

		append_rows(gather, chunk->data, chunk_end(&first, chunk));
		gather->used -= chunk->size;
		pfree(chunk);
		chunk = next;
	}
	gather->count = count;
}

/* ---- the file ----------------------------------------------------------- */

static void
open_file(CrmGather *gather)
{
	MemoryContext old = MemoryContextSwitchTo(gather->context);

	gather->file = BufFileCreateTemp(false);
	MemoryContextSwitchTo(old);
}

/* one partition's rows in memory as one part on file */
static void
spill_partition(CrmGather *gather, Partition *part)
{
	PartHead head = {.fileno = part->fileno, .offset = part->offset};

	for (Chunk *chunk = part->first; chunk != NULL; chunk = chunk->next)
		head.bytes += chunk_end(part, chunk) - chunk->data;
	if (head.bytes == 0)
		return;
	BufFileTell(gather->file, &part->fileno, &part->offset);
	BufFileWrite(gather->file, &head, sizeof(head));
	for (Chunk *chunk = part->first; chunk != NULL; chunk = chunk->next)
		BufFileWrite(gather->file, chunk->data,
					 chunk_end(part, chunk) - chunk->data);
}

/* an ordinary chunk is used again, a large one goes */
static void
release_chunks(CrmGather *gather, Partition *part)
{
	Chunk *chunk = part->first;

	while (chunk != NULL)
	{
		Chunk *next = chunk->next;

		if (chunk->size > gather->chunk_bytes)
		{
			gather->used -= chunk->size;
			pfree(chunk);
		}
		else
		{
			chunk->next = gather->spare;
			gather->spare = chunk;
		}
		chunk = next;
	}
	part->chunk = part->first = NULL;
	part->at = part->end = NULL;
}

static void
spill(CrmGather *gather)
{
	if (gather->file == NULL)
		open_file(gather);
	for (int i = 0; i < PARTITIONS; i++)
	{
		CHECK_FOR_INTERRUPTS();
		spill_partition(gather, &gather->part[i]);
		release_chunks(gather, &gather->part[i]);
	}
}

/* the part at a place of the file: its head, and the file stands behind it */
static void
seek_part(CrmGather *gather, int fileno, off_t offset, PartHead *head)
{
	CHECK_FOR_INTERRUPTS();
	crm_temp_seek(gather->file, fileno, offset);
	crm_temp_read(gather->file, head, sizeof(*head));
}

/* ---- walk --------------------------------------------------------------- */

static inline int
compare_keys(const Head *a, const Head *b)
{
	uint32 left = lengths_of(a).key;
	uint32 right = lengths_of(b).key;

	if (left != right)
		return left < right ? -1 : 1;
	return memcmp(key_bytes(a), key_bytes(b), left);
}

static inline int
compare_items(const CrmGatherItem *a, const CrmGatherItem *b, const bool *keys)
{
	if (a->hash != b->hash)
		return a->hash < b->hash ? -1 : 1;
	return *keys ? compare_keys(a->row, b->row) : 0;
}

#define ST_SORT sort_items
#define ST_ELEMENT_TYPE CrmGatherItem
#define ST_COMPARE_ARG_TYPE const bool
#define ST_COMPARE(a, b, keys) compare_items(a, b, keys)
#define ST_SCOPE static
#define ST_CHECK_FOR_INTERRUPTS
#define ST_DECLARE
#define ST_DEFINE
#include "lib/sort_template.h"

static inline bool
keys_beside_hash(const CrmGather *gather)
{
	return gather->key_kind != CRM_KEY_BIGINT;
}

static void
sort_place(const CrmGather *gather, CrmGatherItem *item, uint64 count)
{
	bool keys = keys_beside_hash(gather);

	if (count > FEW_ITEMS)
	{
		sort_items(item, count, &keys);
		return;
	}
	for (uint64 i = 1; i < count; i++)
	{
		CrmGatherItem moved = item[i];
		uint64		  to = i;

		for (; to > 0 && compare_items(&item[to - 1], &moved, &keys) > 0; to--)
			item[to] = item[to - 1];
		item[to] = moved;
	}
}

static inline uint64
place_of(const CrmGather *gather, uint64 hash)
{
	/* in two steps, for one place means all 64 bits */
	return hash << gather->hash_shift << gather->bits >> 1 >>
		   gather->place_shift;
}

/* the rows of a partition, wherever they are: `visit` sees each stretch */
typedef void (*Stretch)(CrmGather *gather, const char *at, const char *end);

static void
count_rows(CrmGather *gather, const char *at, const char *end)
{
	for (; at < end; at += ((const Head *) at)->size)
		gather->begin[place_of(gather, ((const Head *) at)->hash) + 1]++;
}

static void
place_rows(CrmGather *gather, const char *at, const char *end)
{
	for (; at < end; at += ((const Head *) at)->size)
	{
		const Head	  *row = (const Head *) at;
		CrmGatherItem *to =
			&gather->item[gather->begin[place_of(gather, row->hash)]++];

		to->hash = row->hash;
		to->row = row;
	}
}

static void
each_chunk(CrmGather *gather, const Partition *part, Stretch stretch)
{
	for (const Chunk *chunk = part->first; chunk != NULL; chunk = chunk->next)
		stretch(gather, chunk->data, chunk_end(part, chunk));
}

/* all parts of a partition on file, in one piece of memory */
static char *
load_partition(CrmGather *gather, const Partition *part)
{
	char	*rows = MemoryContextAllocHuge(gather->walk, part->bytes);
	char	*to = rows + part->bytes; /* the last part comes first */
	int		 fileno = part->fileno;
	off_t	 offset = part->offset;
	PartHead head;

	while (fileno >= 0)
	{
		seek_part(gather, fileno, offset, &head);
		if (head.bytes > to - rows)
			crm_temp_refuse();
		to -= head.bytes;
		crm_temp_read(gather->file, to, head.bytes);
		fileno = head.fileno;
		offset = (off_t) head.offset;
	}
	if (to != rows)
		crm_temp_refuse();
	return rows;
}

/* a large partition's rows once more by the bits that follow */
static CrmGather *
gather_partition(CrmGather *gather, const Partition *part)
{
	CrmGather *child = begin(gather->key_kind, gather->limit,
							 gather->hash_shift + PARTITION_BITS, gather->walk);
	Size	   room = 0;
	char	  *rows = NULL;
	int		   fileno = part->fileno;
	off_t	   offset = part->offset;
	PartHead   head;

	while (fileno >= 0)
	{
		seek_part(gather, fileno, offset, &head);
		if (head.bytes > room)
		{
			if (rows != NULL)
				pfree(rows);
			room = head.bytes;
			rows = MemoryContextAllocHuge(gather->walk, room);
		}
		crm_temp_read(gather->file, rows, head.bytes);
		append_rows(child, rows, rows + head.bytes);
		fileno = head.fileno;
		offset = (off_t) head.offset;
	}
	if (rows != NULL)
		pfree(rows);
	crm_gather_rewind(child);
	return child;
}

static uint64
choose_places(uint64 count)
{
	uint64 places = 1;

	while (places < count / ROWS_OF_A_PLACE &&
		   places < (UINT64CONST(1) << MAX_PLACE_BITS))
		places *= 2;
	return places;
}

/* items in the order of their places; a place is sorted when it is reached */
static void
put_together(CrmGather *gather, const Partition *part)
{
	char *rows = NULL;

	gather->items = part->count;
	gather->places = choose_places(part->count);
	gather->place_shift = 63 - pg_leftmost_one_pos64(gather->places);
	gather->item = MemoryContextAllocHuge(gather->walk,
										  sizeof(CrmGatherItem) * part->count);
	gather->begin = MemoryContextAllocZero(
		gather->walk, sizeof(uint32) * (gather->places + 2));
	/* counted one place up: placing moves each begin to the next one's */
	gather->begin++;
	if (gather->file != NULL)
		rows = load_partition(gather, part);
	if (rows)
		count_rows(gather, rows, rows + part->bytes);
	else
		each_chunk(gather, part, count_rows);
	for (uint64 i = 1; i <= gather->places; i++)
		gather->begin[i] += gather->begin[i - 1];
	if (rows)
		place_rows(gather, rows, rows + part->bytes);
	else
		each_chunk(gather, part, place_rows);
	gather->begin--;
}

static bool
too_large(const CrmGather *gather, const Partition *part)
{
	return gather->file != NULL && part->differ != 0 &&
		   part->bytes + part->count * sizeof(CrmGatherItem) > gather->limit &&
		   part->bytes > FIRST_BYTES && gather->hash_shift < MAX_HASH_SHIFT;
}

static void
close_partition(CrmGather *gather)
{
	if (gather->child != NULL)
		crm_gather_end(gather->child);
	gather->child = NULL;
	gather->items = gather->next = gather->sorted = gather->ahead = 0;
	if (gather->walk != NULL)
		MemoryContextReset(gather->walk);
}

static bool
open_next_partition(CrmGather *gather)
{
	close_partition(gather);
	while (++gather->partition < PARTITIONS)
	{
		const Partition *part = &gather->part[gather->partition];

		CHECK_FOR_INTERRUPTS();
		if (part->count == 0)
			continue;
		if (part->count > PG_UINT32_MAX)
			ereport(ERROR, (errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
							errmsg("too many rows of too few customers")));
		if (too_large(gather, part))
			gather->child = gather_partition(gather, part);
		else
			put_together(gather, part);
		return true;
	}
	return false;
}

void
crm_gather_rewind(CrmGather *gather)
{
	if (gather->walk == NULL)
		gather->walk = AllocSetContextCreate(
			gather->context, "crmlife partition", ALLOCSET_DEFAULT_SIZES);
	close_partition(gather);
	gather->partition = -1;
	if (gather->file == NULL)
		return;
	/* what is in memory follows the rest: partitions need the memory now */
	spill(gather);
	MemoryContextReset(gather->chunks);
	gather->spare = NULL;
	gather->used = 0;
}

static void
set_key(const CrmGather *gather, const Head *row, CrmKey *key)
{
	memset(key, 0, sizeof(*key));
	key->hash = row->hash;
	if (gather->key_kind == CRM_KEY_UUID)
		memcpy(&key->rest, key_bytes(row), sizeof(key->rest));
	else if (gather->key_kind == CRM_KEY_TEXT)
	{
		key->bytes = key_bytes(row);
		key->length = lengths_of(row).key;
	}
}

/* sort places until the next item's is */
static void
sort_on(CrmGather *gather)
{
	while (gather->begin[gather->sorted] <= gather->next &&
		   gather->sorted < gather->places)
	{
		uint64 place = gather->sorted++;

		sort_place(gather, gather->item + gather->begin[place],
				   gather->begin[place + 1] - gather->begin[place]);
	}
}

/*
 * Rows lie where they came, those of one customer far apart.  So some of the
 * next customers are fetched while the caller works on this one.
 */
static void
fetch_ahead(CrmGather *gather)
{
	uint64 end = Min(gather->next + ROWS_AHEAD, gather->items);

	for (uint64 i = Max(gather->ahead, gather->next); i < end; i++)
		__builtin_prefetch(gather->item[i].row);
	gather->ahead = end;
}

bool
crm_gather_next(CrmGather *gather, CrmGathered *customer)
{
	const CrmGatherItem *first;
	uint64				 end;

	for (;;)
	{
		if (gather->child != NULL)
		{
			if (crm_gather_next(gather->child, customer))
				return true;
		}
		else if (gather->next < gather->items)
			break;
		if (gather->partition >= PARTITIONS || !open_next_partition(gather))
			return false;
	}
	sort_on(gather);
	first = &gather->item[gather->next];
	for (end = gather->next + 1;
		 end < gather->items && gather->item[end].hash == first->hash; end++)
		if (keys_beside_hash(gather) &&
			compare_keys(first->row, gather->item[end].row) != 0)
			break;
	set_key(gather, first->row, &customer->key);
	customer->item = first;
	customer->count = end - gather->next;
	gather->next = end;
	fetch_ahead(gather);
	return true;
}

void
crm_gather_end(CrmGather *gather)
{
	/* who ends it has read it all */
	Assert(gather->child == NULL);
	if (gather->file != NULL)
		BufFileClose(gather->file);
	MemoryContextDelete(gather->context);
}
