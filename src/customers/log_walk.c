/*
 * log_walk.c
 *		The records of a log sorted, and each customer's events walked over.
 *
 * One partition after the other: its records become items, placed by the next
 * bits of their hashes, so that a few rows are left to sort at a time.
 *
 *		chunk  r r r r r r r r r r
 *		          \ | /   place
 *		items  | i i | i | i i i | ...   --sort--> customer, day, time, amount
 *
 * Nearly all there is to know of a row stands in its item, so that records are
 * read once, in sequence.  Where it does not fit (a key beside the hash, a
 * large amount) the item points to the record.
 *
 * Invariant: records of equal day and kind count once where there are no
 * amounts; so a log that is full may be thinned out before it is spilled.
 */
#include "postgres.h"

#include "miscadmin.h"
#include "port/pg_bitutils.h"
#include "utils/memutils.h"

#include "compat.h"
#include "customers/log_record.h"
#include "customers/table.h"

/* rows of a partition that share a place */
#define ROWS_OF_A_PLACE 4
#define MAX_PLACE_BITS 22
/* up to this many items insertion sorts best */
#define FEW_ITEMS 24

typedef struct Item
{
	uint64 hash;
	int64  time;
	union
	{
		int64		mantissa;
		const char *record;
	};
	uint32 day; /* as a word that orders as days do */
	uint16 scale;
	uint8  kind;
	uint8  form;
} Item;

/* of items */
enum
{
	FORM_UNKNOWN, /* no amount; where a metric wants none, the record */
	FORM_SHORT,	  /* its mantissa is here */
	FORM_RECORD	  /* key and amount are in the record */
};

/* the sorted items of one partition */
typedef struct Sorted
{
	Item   *item;
	uint64	count;
	uint32 *begin; /* of each place, while they are placed */
} Sorted;

Size
crm_log_sort_bytes(uint64 count)
{
	return (count + 1) * (sizeof(Item) + sizeof(uint32) / ROWS_OF_A_PLACE * 2);
}

/* ---- items --------------------------------------------------------------- */

static inline void
fill_item(Item *item, bool amounts, const char *at, const CrmLogRecord *record)
{
	item->hash = record->hash;
	item->time = amounts ? record->time : 0;
	item->day = crm_word_from_day(record->day);
	item->kind = record->kind;
	item->scale = 0;
	if (!amounts)
	{
		item->form = FORM_UNKNOWN;
		item->record = at;
	}
	else if (record->key_length > 0 || record->form > CRM_LOG_MANTISSA_8)
	{
		item->form = FORM_RECORD;
		item->record = at;
	}
	else if (record->form == CRM_LOG_UNKNOWN)
	{
		item->form = FORM_UNKNOWN;
		item->mantissa = 0;
	}
	else
	{
		item->form = FORM_SHORT;
		item->scale = (uint16) record->scale;
		item->mantissa = record->form == CRM_LOG_MANTISSA_4
							 ? (int32) crm_log_get32(record->amount)
							 : (int64) crm_load64_little(record->amount);
	}
}

static CrmMoney
read_amount(const CrmLogRecord *record)
{
	CrmMoney money = {.scale = record->scale};
	crm_i128 low;

	switch (record->form)
	{
		case CRM_LOG_UNKNOWN:
			break;
		case CRM_LOG_MANTISSA_4:
			money.mantissa = (int32) crm_log_get32(record->amount);
			break;
		case CRM_LOG_MANTISSA_8:
			money.mantissa = (int64) crm_load64_little(record->amount);
			break;
		case CRM_LOG_MANTISSA_16:
			low = (crm_i128) crm_load64_little(record->amount);
			money.mantissa =
				low | (crm_i128) crm_load64_little(record->amount + 8) << 64;
			break;
		case CRM_LOG_WIDE:
			money.wide = palloc(record->amount_length);
			memcpy((void *) money.wide, record->amount, record->amount_length);
			break;
	}
	return money;
}

/* false if it is not known; a wide one is palloc'd */
static bool
item_amount(const Item *item, CrmMoney *amount)
{
	CrmLogRecord record;

	if (item->form == FORM_UNKNOWN)
		return false;
	if (item->form == FORM_SHORT)
	{
		*amount = (CrmMoney){.mantissa = item->mantissa, .scale = item->scale};
		return true;
	}
	record = crm_log_record(true, item->record);
	if (record.form == CRM_LOG_UNKNOWN)
		return false;
	*amount = read_amount(&record);
	return true;
}

/* ---- sort ---------------------------------------------------------------- */

/* an amount that is not known comes first */
static int
compare_amounts(const Item *a, const Item *b)
{
	CrmMoney left = {.wide = NULL};
	CrmMoney right = {.wide = NULL};
	bool	 left_known = item_amount(a, &left);
	bool	 right_known = item_amount(b, &right);
	int		 result = left_known - right_known;

	if (left_known && right_known)
		result = crm_money_cmp(left, right);
	if (left.wide != NULL)
		pfree(left.wide);
	if (right.wide != NULL)
		pfree(right.wide);
	return result;
}

/* of equal hash; a bigint has no key beside it */
static int
compare_keys(const Item *a, const Item *b, bool amounts)
{
	CrmLogRecord left = crm_log_record(amounts, a->record);
	CrmLogRecord right = crm_log_record(amounts, b->record);

	if (left.key_length != right.key_length)
		return left.key_length < right.key_length ? -1 : 1;
	return memcmp(left.key, right.key, left.key_length);
}

/* what sorting needs to know */
typedef struct Order
{
	bool keys; /* beside the hash */
	bool amounts;
} Order;

static inline int
compare_items(const Item *a, const Item *b, const Order *order)
{
	if (a->hash != b->hash)
		return a->hash < b->hash ? -1 : 1;
	if (order->keys)
	{
		int result = compare_keys(a, b, order->amounts);

		if (result != 0)
			return result;
	}
	if (a->day != b->day)
		return a->day < b->day ? -1 : 1;
	if (a->time != b->time)
		return a->time < b->time ? -1 : 1;
	return order->amounts ? compare_amounts(a, b) : 0;
}

#define ST_SORT sort_items
#define ST_ELEMENT_TYPE Item
#define ST_COMPARE_ARG_TYPE const Order
#define ST_COMPARE(a, b, order) compare_items(a, b, order)
#define ST_SCOPE static
#define ST_CHECK_FOR_INTERRUPTS
#define ST_DECLARE
#define ST_DEFINE
#include "lib/sort_template.h"

static inline void
sort_place(Item *item, uint64 count, const Order *order)
{
	if (count > FEW_ITEMS)
	{
		sort_items(item, count, order);
		return;
	}
	for (uint64 i = 1; i < count; i++)
	{
		Item   moved = item[i];
		uint64 to = i;

		for (; to > 0 && compare_items(&item[to - 1], &moved, order) > 0; to--)
			item[to] = item[to - 1];
		item[to] = moved;
	}
}

/* ---- place --------------------------------------------------------------- */

typedef struct Places
{
	int hash_shift;
	int partition_bits;
	int shift;
} Places;

static inline uint64
place_of(const Places *places, uint64 hash)
{
	/* in steps: none may take all 64 bits */
	return hash << places->hash_shift << places->partition_bits >> 1 >>
		   places->shift;
}

static uint64
choose_places(const CrmCustomers *customers, uint64 count, Places *places)
{
	uint64 number = 1;

	while (number < count / ROWS_OF_A_PLACE &&
		   number < (UINT64CONST(1) << MAX_PLACE_BITS))
		number *= 2;
	places->hash_shift = customers->hash_shift;
	places->partition_bits =
		crm_log_partitions(customers->log) == 1 ? 0 : CRM_LOG_PARTITION_BITS;
	places->shift = 63 - pg_leftmost_one_pos64(number);
	return number;
}

/* two passes: how many there are of each place, then each to its own */
static void
place_items(const CrmCustomers *customers, const CrmLogPartition *part,
			const Places *places, Sorted *sorted, bool counting)
{
	bool amounts = crm_log_has_amounts(customers);

	for (const CrmLogChunk *chunk = crm_log_first_chunk(part); chunk != NULL;
		 chunk = crm_log_next_chunk(part, chunk))
	{
		const char *end = crm_log_chunk_end(part, chunk);

		CHECK_FOR_INTERRUPTS();
		for (const char *at = chunk->data; at < end;)
		{
			CrmLogRecord record = crm_log_record(amounts, at);
			uint32		*begin = &sorted->begin[place_of(places, record.hash)];

			if (counting)
				begin[1]++;
			else
				fill_item(&sorted->item[(*begin)++], amounts, at, &record);
			at += record.size;
		}
	}
}

static void
sort_partition(const CrmCustomers *customers, const CrmLogPartition *part,
			   Sorted *sorted)
{
	Order	order = {.keys = customers->query->key_kind != CRM_KEY_BIGINT,
					 .amounts = crm_log_has_amounts(customers)};
	Places	places;
	uint64	number = choose_places(customers, part->count, &places);
	uint32 *begin;

	if (part->count > PG_UINT32_MAX)
		ereport(ERROR, (errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
						errmsg("too many rows of too few customers")));
	sorted->count = part->count;
	sorted->item =
		MemoryContextAllocHuge(customers->context, part->count * sizeof(Item));
	begin = MemoryContextAllocZero(customers->context,
								   (number + 2) * sizeof(uint32));
	/* counted one place up: placing moves each begin to the next one's */
	sorted->begin = begin + 1;
	place_items(customers, part, &places, sorted, true);
	for (uint64 i = 1; i <= number; i++)
		sorted->begin[i] += sorted->begin[i - 1];
	place_items(customers, part, &places, sorted, false);
	for (uint64 i = 0; i < number; i++)
	{
		if ((i & 0xFFF) == 0)
			CHECK_FOR_INTERRUPTS();
		sort_place(sorted->item + begin[i], begin[i + 1] - begin[i], &order);
	}
	pfree(begin);
}

static inline bool
same_customer(const CrmCustomers *customers, const Item *a, const Item *b)
{
	return a->hash == b->hash &&
		   (customers->query->key_kind == CRM_KEY_BIGINT ||
			compare_keys(a, b, crm_log_has_amounts(customers)) == 0);
}

/* ---- thin out ------------------------------------------------------------ */

/* where the records that are kept go: never beyond those that are read */
static void
keep_record(CrmLogPartition *part, const char *at, Size size)
{
	if ((Size) (part->end - part->at) < size)
	{
		part->chunk->used = part->at - part->chunk->data;
		part->chunk = part->chunk->next;
		part->at = part->chunk->data;
		part->end = part->chunk->data + part->chunk->size;
	}
	memmove(part->at, at, size);
	part->at += size;
	part->count++;
}

/* records without a kind go, the others move together */
static void
close_up(CrmLogPartition *part)
{
	CrmLogPartition old = *part;

	part->chunk = part->first;
	part->at = part->chunk->data;
	part->end = part->chunk->data + part->chunk->size;
	part->count = 0;
	for (CrmLogChunk *chunk = old.first; chunk != NULL;)
	{
		/* read before what is kept may say otherwise */
		const char	*end = crm_log_chunk_end(&old, chunk);
		CrmLogChunk *next = chunk == old.chunk ? NULL : chunk->next;

		for (const char *at = chunk->data; at < end;)
		{
			CrmLogRecord record = crm_log_record(false, at);

			if (record.kind != 0)
				keep_record(part, at, record.size);
			at += record.size;
		}
		chunk = next;
	}
}

static void
set_kind(char *record, uint8 kind)
{
	uint32 meta = crm_log_get32(record + 12);

	crm_log_put32(record + 12, (meta & ~CRM_LOG_KIND_MASK) | kind);
}

static void
thin_out_partition(CrmCustomers *customers, CrmLogPartition *part)
{
	Sorted sorted;
	Item  *kept;

	sort_partition(customers, part, &sorted);
	kept = sorted.item;
	for (uint64 i = 1; i < sorted.count; i++)
	{
		Item *item = &sorted.item[i];

		if (item->day != kept->day || !same_customer(customers, item, kept))
		{
			kept = item;
			continue;
		}
		kept->kind |= item->kind;
		set_kind(unconstify(char *, kept->record), kept->kind);
		set_kind(unconstify(char *, item->record), 0);
	}
	pfree(sorted.item);
	close_up(part);
}

void
crm_log_thin_out(CrmCustomers *customers)
{
	CrmLog *log = customers->log;

	log->count = 0;
	for (int i = 0; i < crm_log_partitions(log); i++)
	{
		if (log->part[i].count > 0)
			thin_out_partition(customers, &log->part[i]);
		log->count += log->part[i].count;
	}
}

/* ---- walk ---------------------------------------------------------------- */

/* one customer's events, in memory of their own */
typedef struct Events
{
	CrmLogEvent	 *event;
	Size		  count;
	Size		  size;
	bool		  wide;	   /* some amounts are */
	MemoryContext amounts; /* those */
} Events;

static inline CrmLogEvent *
next_event(Events *events)
{
	if (events->count == events->size)
	{
		events->size = Max(events->size * 2, 64);
		events->event =
			crm_realloc(events->event, events->size * sizeof(CrmLogEvent));
	}
	return &events->event[events->count++];
}

/* an amount that is not in the item */
static void
take_amount(Events *events, const Item *item, CrmLogEvent *event)
{
	MemoryContext old = MemoryContextSwitchTo(events->amounts);

	event->known = item_amount(item, &event->amount);
	events->wide |= event->known && event->amount.wide != NULL;
	MemoryContextSwitchTo(old);
}

static inline void
add_event(Events *events, const Item *item, bool amounts)
{
	CrmDay		 day = crm_day_from_word(item->day);
	CrmLogEvent *event;

	if (!amounts && events->count > 0 &&
		events->event[events->count - 1].day == day)
	{
		events->event[events->count - 1].kind |= item->kind;
		return;
	}
	event = next_event(events);
	event->day = day;
	event->kind = item->kind;
	event->known = item->form == FORM_SHORT;
	if (event->known)
		event->amount =
			(CrmMoney){.mantissa = item->mantissa, .scale = item->scale};
	else if (item->form == FORM_RECORD)
		take_amount(events, item, event);
}

/* what the totals keep is allocated in CurrentMemoryContext */
static inline void
fold_customer(const CrmCustomers *customers, Events *events, CrmTotals *totals)
{
	customers->query->metric->walk(events->event, events->count,
								   &customers->params, totals);
	if (events->wide)
		MemoryContextReset(events->amounts);
	events->wide = false;
	events->count = 0;
}

static void
fold_partition(const CrmCustomers *customers, const CrmLogPartition *part,
			   Events *events, CrmTotals *totals)
{
	bool   amounts = crm_log_has_amounts(customers);
	Sorted sorted;

	sort_partition(customers, part, &sorted);
	for (uint64 i = 0; i < sorted.count; i++)
	{
		const Item *item = &sorted.item[i];

		if (i > 0 && !same_customer(customers, item, item - 1))
			fold_customer(customers, events, totals);
		add_event(events, item, amounts);
		if ((i & 0xFFF) == 0)
			CHECK_FOR_INTERRUPTS();
	}
	fold_customer(customers, events, totals);
	pfree(sorted.item);
}

void
crm_log_fold(const CrmCustomers *customers, CrmTotals *totals)
{
	const CrmLog *log = customers->log;
	Events		  events = {0};

	if (log->count == 0)
		return;
	events.amounts = AllocSetContextCreate(
		customers->context, "crmlife amounts", ALLOCSET_SMALL_SIZES);
	for (int i = 0; i < crm_log_partitions(log); i++)
	{
		if (log->part[i].count > 0)
			fold_partition(customers, &log->part[i], &events, totals);
	}
	crm_free(events.event);
	MemoryContextDelete(events.amounts);
}
