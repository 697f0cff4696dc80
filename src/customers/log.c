/*
 * log.c
 *		Rows appended as they come, and sorted by customer at the end.
 *
 * What a metric with events keeps instead of the hash table: one buffer of
 * records per group, which goes to the partitions of spill.c when it may not
 * grow, and which is sorted partition by partition.
 *
 *		hash 8 | day 4 | kind 2 bits, key length 30 bits |
 *		         [ time 8 | scale 4 | amount length 4 ] | key | amount
 *
 * The part in brackets is there if the metric wants amounts.  The key is empty
 * for a bigint, whose hash is all of it.  Integers have their lowest byte
 * first; the form is that of files and of the wire too.  An amount is the
 * mantissa in 8 or 16 bytes, or a numeric (scale WIDE).
 *
 * To sort, the records are first dealt to buckets by their hashes' first bits,
 * which then are sorted one by one, each small enough for the cache:
 *
 *		records  r r r r r r r r r r
 *		            \ | /   deal
 *		items    |  b0  |  b1  | b2 ...  --sort--> customer, day, time, amount
 *
 * Invariant: records of equal day and kind count once where there are no
 * amounts; so a buffer that is full may be thinned out before it is spilled.
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/memutils.h"

#include "compat.h"
#include "customers/log.h"
#include "customers/table.h"

#define HEAD_BYTES 16
#define MORE_BYTES 16
#define FIRST_BYTES 256
#define KEY_BITS 30
#define KEY_MASK ((UINT32_C(1) << KEY_BITS) - 1)
#define WIDE UINT32_C(0xFFFFFFFF)
/* a log up to this size may grow whatever the budget */
#define FREE_BYTES (64 * 1024)
#define MAX_HASH_SHIFT 56
#define BUCKET_BITS 9
/* fewer records than this are sorted at once */
#define DEAL_FROM 4096

struct CrmLog
{
	char  *data;
	Size   used;
	Size   size;
	uint64 count;
	bool   thin; /* thinning it out again would gain nothing */
};

/* a record read */
typedef struct Record
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
} Record;

typedef struct Item
{
	uint64		hash;
	const char *record;
	uint32		day; /* as a word that orders as days do */
	uint32		number;
} Item;

static inline uint64
get64(const char *from)
{
	return crm_load64_little(from);
}

static inline uint32
get32(const char *from)
{
	uint32 value;

	memcpy(&value, from, sizeof(value));
#ifdef WORDS_BIGENDIAN
	value = pg_bswap32(value);
#endif
	return value;
}

static inline void
put64(char *to, uint64 value)
{
#ifdef WORDS_BIGENDIAN
	value = pg_bswap64(value);
#endif
	crm_store64(to, value);
}

static inline void
put32(char *to, uint32 value)
{
#ifdef WORDS_BIGENDIAN
	value = pg_bswap32(value);
#endif
	memcpy(to, &value, sizeof(value));
}

static inline bool
has_amounts(const CrmCustomers *customers)
{
	return customers->query->metric->amounts;
}

Size
crm_log_min_size(const CrmCustomers *customers)
{
	return has_amounts(customers) ? HEAD_BYTES + MORE_BYTES : HEAD_BYTES;
}

static void
refuse_damaged(void)
{
	ereport(ERROR, (errcode(ERRCODE_DATA_CORRUPTED),
					errmsg("invalid serialized customers"),
					errdetail("A row is damaged.")));
}

/* a record of our own, known to be whole */
static inline Record
own_record(bool amounts, const char *at)
{
	Record record = {.hash = get64(at), .day = (CrmDay) get32(at + 8)};
	uint32 meta = get32(at + 12);

	record.kind = (uint8) (meta >> KEY_BITS);
	record.key_length = meta & KEY_MASK;
	record.size = HEAD_BYTES;
	if (amounts)
	{
		record.time = (int64) get64(at + HEAD_BYTES);
		record.scale = get32(at + HEAD_BYTES + 8);
		record.amount_length = get32(at + HEAD_BYTES + 12);
		record.size += MORE_BYTES;
	}
	record.key = at + record.size;
	record.amount = record.key + record.key_length;
	record.size += (Size) record.key_length + record.amount_length;
	return record;
}

/* one from elsewhere: an error if it reaches beyond `left` bytes */
static Record
checked_record(const CrmCustomers *customers, const char *at, Size left)
{
	Record record;

	if (left < crm_log_min_size(customers))
		refuse_damaged();
	record = own_record(has_amounts(customers), at);
	if (record.size > left ||
		(record.scale != WIDE && record.amount_length != 0 &&
		 record.amount_length != sizeof(uint64) &&
		 record.amount_length != sizeof(crm_i128)) ||
		(record.scale != WIDE && record.scale > CRM_MONEY_MAX_SCALE))
		refuse_damaged();
	return record;
}

/* ---- append -------------------------------------------------------------- */

void
crm_log_start(CrmCustomers *customers)
{
	customers->log = MemoryContextAllocZero(customers->context, sizeof(CrmLog));
}

/* what the log may take: old and new buffer, and the items that sort it */
static bool
affordable(const CrmCustomers *customers, Size size)
{
	const CrmCustomersQuery *query = customers->query;
	const CrmLog			*log = customers->log;
	Size					 items = (log->count + 1) * 2 * sizeof(Item);

	return size <= FREE_BYTES || (query->used <= query->limit &&
								  size + items <= query->limit - query->used);
}

static void
resize(CrmCustomers *customers, Size size)
{
	CrmLog *log = customers->log;

	if (log->data == NULL)
		log->data = MemoryContextAllocHuge(customers->context, size);
	else
		log->data = repalloc_huge(log->data, size);
	crm_customers_account(customers, size - log->size);
	log->size = size;
}

static void thin_out(CrmCustomers *customers);

static void
make_room(CrmCustomers *customers, Size more)
{
	CrmLog *log = customers->log;
	Size	size = Max(Max(log->size * 2, FIRST_BYTES), log->used + more);

	CHECK_FOR_INTERRUPTS();
	if (affordable(customers, size))
	{
		resize(customers, size);
		return;
	}
	if (!has_amounts(customers) && !log->thin)
	{
		thin_out(customers);
		if (log->used <= log->size / 4 * 3 && log->used + more <= log->size)
			return;
		log->thin = true;
	}
	if (customers->hash_shift < MAX_HASH_SHIFT)
		crm_log_spill(customers);
	if (log->used + more > log->size)
		resize(customers, customers->hash_shift < MAX_HASH_SHIFT
							  ? log->used + more
							  : size);
}

static inline char *
room(CrmCustomers *customers, Size size)
{
	CrmLog *log = customers->log;
	char   *to;

	if (unlikely(log->size - log->used < size))
		make_room(customers, size);
	to = log->data + log->used;
	log->used += size;
	log->count++;
	return to;
}

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
		*scale = WIDE;
		*length = VARSIZE(amount->wide);
		return (const char *) amount->wide;
	}
	*scale = amount->scale;
	*length = fits_int64(amount->mantissa) ? 8 : 16;
	put64(buffer, (uint64) amount->mantissa);
	put64(buffer + 8, (uint64) (amount->mantissa >> 64));
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

	if (has_amounts(customers) && row->known)
		bytes = amount_bytes(&row->amount, buffer, &scale, &length);
	to = room(customers, size + length);
	put64(to, key->hash);
	put32(to + 8, (uint32) row->day);
	put32(to + 12, (uint32) row->kind << KEY_BITS | key->length);
	to += HEAD_BYTES;
	if (has_amounts(customers))
	{
		put64(to, (uint64) row->time);
		put32(to + 8, scale);
		put32(to + 12, length);
		to += MORE_BYTES;
	}
	if (key->length > 0)
		memcpy(to, key->bytes, key->length);
	if (length > 0)
		memcpy(to + key->length, bytes, length);
}

uint64
crm_log_append(CrmCustomers *customers, const char *at, const char *end)
{
	uint64 done = 0;
	Record record;

	for (; at < end; at += record.size, done++)
	{
		record = checked_record(customers, at, end - at);
		memcpy(room(customers, record.size), at, record.size);
		if ((done & 0xFFF) == 0)
			CHECK_FOR_INTERRUPTS();
	}
	return done;
}

void
crm_log_spill(CrmCustomers *customers)
{
	CrmLog *log = customers->log;
	Record	record;

	crm_spill_begin_run(customers, log->count);
	for (const char *at = log->data; at < log->data + log->used;
		 at += record.size)
	{
		record = own_record(has_amounts(customers), at);
		crm_spill_entry(customers, record.hash, at, record.size);
	}
	log->used = 0;
	log->count = 0;
	log->thin = false;
}

void
crm_log_clear(CrmCustomers *customers)
{
	CrmLog *log = customers->log;

	if (log->data != NULL)
		pfree(log->data);
	crm_customers_account(customers, -log->size);
	memset(log, 0, sizeof(*log));
}

const char *
crm_log_bytes(const CrmCustomers *customers, Size *size, uint64 *count)
{
	*size = customers->log->used;
	*count = customers->log->count;
	return customers->log->data;
}

/* ---- sort ---------------------------------------------------------------- */

static CrmMoney
read_amount(const Record *record)
{
	crm_i128 low;

	if (record->scale == WIDE)
	{
		CrmMoney money = {.mantissa = 0};

		money.wide = palloc(record->amount_length);
		memcpy((void *) money.wide, record->amount, record->amount_length);
		return money;
	}
	if (record->amount_length == 8)
		return crm_money_from_parts((int64) get64(record->amount),
									record->scale);
	low = (crm_i128) get64(record->amount);
	return crm_money_from_parts(
		low | (crm_i128) get64(record->amount + 8) << 64, record->scale);
}

/* an amount that is not known comes first */
static int
compare_amounts(const Record *a, const Record *b)
{
	CrmMoney left;
	CrmMoney right;
	int		 result;

	if (a->amount_length == 0 || b->amount_length == 0)
		return (a->amount_length != 0) - (b->amount_length != 0);
	left = read_amount(a);
	right = read_amount(b);
	result = crm_money_cmp(left, right);
	if (left.wide != NULL)
		pfree(left.wide);
	if (right.wide != NULL)
		pfree(right.wide);
	return result;
}

static int
compare_keys(const Record *a, const Record *b)
{
	if (a->key_length != b->key_length)
		return a->key_length < b->key_length ? -1 : 1;
	return memcmp(a->key, b->key, a->key_length);
}

static int
compare_records(const Item *a, const Item *b, bool amounts)
{
	Record left;
	Record right;
	int	   result;

	left = own_record(amounts, a->record);
	right = own_record(amounts, b->record);
	result = compare_keys(&left, &right);
	if (result == 0)
		result = (a->day > b->day) - (a->day < b->day);
	if (result == 0 && amounts)
	{
		result = (left.time > right.time) - (left.time < right.time);
		if (result == 0)
			result = compare_amounts(&left, &right);
	}
	return result;
}

/* bigint without amounts: hash and day are everything */
static inline int
compare_short(const Item *a, const Item *b)
{
	if (a->hash != b->hash)
		return a->hash < b->hash ? -1 : 1;
	return (a->day > b->day) - (a->day < b->day);
}

static inline int
compare_long(const Item *a, const Item *b, const bool *amounts)
{
	if (a->hash != b->hash)
		return a->hash < b->hash ? -1 : 1;
	return compare_records(a, b, *amounts);
}

#define ST_SORT sort_short
#define ST_ELEMENT_TYPE Item
#define ST_COMPARE(a, b) compare_short(a, b)
#define ST_SCOPE static
#define ST_CHECK_FOR_INTERRUPTS
#define ST_DECLARE
#define ST_DEFINE
#include "lib/sort_template.h"

#define ST_SORT sort_long
#define ST_ELEMENT_TYPE Item
#define ST_COMPARE_ARG_TYPE const bool
#define ST_COMPARE(a, b, amounts) compare_long(a, b, amounts)
#define ST_SCOPE static
#define ST_CHECK_FOR_INTERRUPTS
#define ST_DECLARE
#define ST_DEFINE
#include "lib/sort_template.h"

static void
sort_items(const CrmCustomers *customers, Item *item, uint64 count)
{
	bool amounts = has_amounts(customers);

	if (customers->query->key_kind == CRM_KEY_BIGINT && !amounts)
		sort_short(item, count);
	else
		sort_long(item, count, &amounts);
}

static inline uint32
bucket_of(const CrmCustomers *customers, uint64 hash, int bits)
{
	return bits == 0
			   ? 0
			   : (uint32) ((hash << customers->hash_shift) >> (64 - bits));
}

/* where each bucket begins; begin[1 << bits] is the end */
static void
count_buckets(const CrmCustomers *customers, int bits, uint64 *begin)
{
	const CrmLog *log = customers->log;
	Record		  record;

	memset(begin, 0, ((1 << bits) + 1) * sizeof(uint64));
	for (const char *at = log->data; at < log->data + log->used;
		 at += record.size)
	{
		record = own_record(has_amounts(customers), at);
		begin[bucket_of(customers, record.hash, bits) + 1]++;
	}
	for (int i = 0; i < 1 << bits; i++)
		begin[i + 1] += begin[i];
}

static Item *
deal_and_sort(const CrmCustomers *customers)
{
	const CrmLog *log = customers->log;
	int			  bits = log->count < DEAL_FROM ? 0 : BUCKET_BITS;
	Item		 *item = MemoryContextAllocHuge(customers->context,
												(log->count + 1) * sizeof(Item));
	uint64		  begin[(1 << BUCKET_BITS) + 1];
	uint64		  end[(1 << BUCKET_BITS) + 1];
	Record		  record;

	count_buckets(customers, bits, begin);
	memcpy(end, begin, sizeof(end));
	for (const char *at = log->data; at < log->data + log->used;
		 at += record.size)
	{
		Item *to;

		record = own_record(has_amounts(customers), at);
		to = &item[end[bucket_of(customers, record.hash, bits)]++];
		to->hash = record.hash;
		to->record = at;
		to->day = crm_word_from_day(record.day);
		to->number = 0;
	}
	for (int i = 0; i < 1 << bits; i++)
	{
		CHECK_FOR_INTERRUPTS();
		sort_items(customers, item + begin[i], begin[i + 1] - begin[i]);
	}
	return item;
}

static inline bool
same_customer(const CrmCustomers *customers, const Item *a, const Item *b)
{
	Record left;
	Record right;

	if (a->hash != b->hash)
		return false;
	if (customers->query->key_kind == CRM_KEY_BIGINT)
		return true;
	left = own_record(has_amounts(customers), a->record);
	right = own_record(has_amounts(customers), b->record);
	return compare_keys(&left, &right) == 0;
}

/* of records that are equal but for their kind keep one, with both kinds */
static void
thin_out(CrmCustomers *customers)
{
	CrmLog *log = customers->log;
	Item   *item = deal_and_sort(customers);
	char   *kept = MemoryContextAllocHuge(customers->context, log->size);
	char   *last = NULL;
	uint64	count = log->count;

	log->used = 0;
	log->count = 0;
	for (uint64 i = 0; i < count; i++)
	{
		Record record;

		record = own_record(false, item[i].record);
		if (last != NULL && item[i].day == item[i - 1].day &&
			same_customer(customers, &item[i], &item[i - 1]))
		{
			put32(last + 12,
				  get32(last + 12) | (uint32) record.kind << KEY_BITS);
			continue;
		}
		last = kept + log->used;
		memcpy(last, item[i].record, record.size);
		log->used += record.size;
		log->count++;
	}
	pfree(item);
	pfree(log->data);
	log->data = kept;
}

/* ---- walk ---------------------------------------------------------------- */

/* one customer's events, in memory of their own */
typedef struct Events
{
	CrmLogEvent	 *event;
	Size		  count;
	Size		  size;
	MemoryContext amounts; /* those that are wide */
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

static inline void
add_event(const CrmCustomers *customers, Events *events, const Item *item)
{
	bool		 amounts = has_amounts(customers);
	CrmLogEvent *event;
	Record		 record;
	CrmDay		 day = crm_day_from_word(item->day);

	record = own_record(amounts, item->record);
	if (!amounts && events->count > 0 &&
		events->event[events->count - 1].day == day)
	{
		events->event[events->count - 1].kind |= record.kind;
		return;
	}
	event = next_event(events);
	event->day = day;
	event->kind = record.kind;
	event->known = record.amount_length > 0;
	if (event->known)
	{
		MemoryContext old = MemoryContextSwitchTo(events->amounts);

		event->amount = read_amount(&record);
		MemoryContextSwitchTo(old);
	}
}

/* what the totals keep is allocated in CurrentMemoryContext */
static void
fold_customer(const CrmCustomers *customers, Events *events, CrmTotals *totals)
{
	customers->query->metric->walk(events->event, events->count,
								   &customers->params, totals);
	if (events->count > 0 && has_amounts(customers))
		MemoryContextReset(events->amounts);
	events->count = 0;
}

void
crm_log_fold(const CrmCustomers *customers, CrmTotals *totals)
{
	Events events = {0};
	Item  *item;
	uint64 count = customers->log->count;

	if (count == 0)
		return;
	item = deal_and_sort(customers);
	events.amounts = AllocSetContextCreate(
		customers->context, "crmlife amounts", ALLOCSET_SMALL_SIZES);
	for (uint64 i = 0; i < count; i++)
	{
		if (i > 0 && !same_customer(customers, &item[i], &item[i - 1]))
			fold_customer(customers, &events, totals);
		add_event(customers, &events, &item[i]);
		if ((i & 0xFFF) == 0)
			CHECK_FOR_INTERRUPTS();
	}
	fold_customer(customers, &events, totals);
	crm_free(events.event);
	MemoryContextDelete(events.amounts);
	pfree(item);
}
