/*
 * table.c
 *		The hash table of customers: finding, growing, clearing.
 *
 * A hash's place is hash * capacity / 2^64, so the slots lie in the order of
 * the hashes, up to the shifting about that linear probing does:
 *
 *		0            place(h)                       capacity      last
 *		|----+----+----#####----+----+----+----+----+----|---tail---|
 *		                  ^ found or first empty slot        always empty
 *
 * A table is filled to three quarters and then doubled, when large grown by
 * half, or by what the budget has left.  It grows where it lies: no place
 * falls when the capacity rises, so slots are moved up block by block from the
 * end, a block beginning after an empty slot so that none of its slots belongs
 * before it:
 *
 *		|----------still to move---------_|==block==|  free  |#moved########|
 *		                                 ^ empty
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/memutils.h"

#include "customers/find.h"
#include "customers/log.h"
#include "customers/table.h"

/* a group struct with its inner slots is meant to fit a 256-byte chunk */
#define GROUP_BYTES 256
#define INSIDE_MIN_SLOTS 3
#define INSIDE_MAX_SLOTS 9

/* a table up to this size, or this count, may grow whatever the budget */
#define FREE_BYTES (64 * 1024)
#define FREE_CUSTOMERS 64
/* up to this size a table is doubled, then it grows by half */
#define DOUBLE_BYTES (16 * 1024 * 1024)
/* slots moved at once when it grows, or a few more */
#define BLOCK_SLOTS 2048
/* once so many bits of the hash are used up there is nothing to partition by */
#define MAX_HASH_SHIFT 56

#define ARENA_MIN_BYTES 256
#define ARENA_MAX_BYTES (1024 * 1024)

struct CrmArena
{
	CrmArena *next;
	Size	  size;
	Size	  used;
	char	  data[FLEXIBLE_ARRAY_MEMBER];
};

/* ---- memory and budget --------------------------------------------------- */

static void
give_back(void *argument)
{
	CrmCustomers *customers = argument;

	customers->query->used -= customers->bytes;
	customers->bytes = 0;
}

void
crm_customers_account(CrmCustomers *customers, Size bytes)
{
	if (!customers->accounted)
	{
		MemoryContextCallback *callback =
			MemoryContextAlloc(customers->context, sizeof(*callback));

		callback->func = give_back;
		callback->arg = customers;
		MemoryContextRegisterResetCallback(customers->context, callback);
		customers->accounted = true;
	}
	customers->bytes += bytes;
	customers->query->used += bytes;
}

void
crm_customers_unaccount(CrmCustomers *customers, Size bytes)
{
	customers->bytes -= bytes;
	customers->query->used -= bytes;
}

static inline bool
has_own_table(const CrmCustomers *customers)
{
	return customers->slots != customers->inside;
}

static inline Size
table_bytes(const CrmCustomers *customers)
{
	return (customers->last - customers->slots) + customers->slot_size;
}

/* of the budget */
static inline Size
own_bytes(const CrmCustomers *customers)
{
	return has_own_table(customers) ? table_bytes(customers) : 0;
}

static uint64
tail_slots(uint64 capacity)
{
	return Min(capacity / 8, 248) + 8;
}

/* ---- create -------------------------------------------------------------- */

CrmCustomersQuery *
crm_customers_query(MemoryContext context, const CrmMetric *metric,
					CrmKeyKind key_kind)
{
	CrmCustomersQuery *query = MemoryContextAlloc(context, sizeof(*query));

	query->metric = metric;
	query->key_kind = key_kind;
	query->older = NULL;
	query->limit = get_hash_memory_limit();
	query->used = 0;
	query->context = context;
	query->finished = NULL;
	query->totals_context = NULL;
	return query;
}

static void
use_inside(CrmCustomers *customers, uint64 slots)
{
	customers->capacity = 1;
	customers->slots = customers->inside;
	customers->last = customers->inside + (slots - 1) * customers->slot_size;
	customers->max = slots - 1;
}

static uint64
inside_slots(uint32 slot_size)
{
	Size room = GROUP_BYTES - offsetof(CrmCustomers, inside);

	return Max(INSIDE_MIN_SLOTS, Min(INSIDE_MAX_SLOTS, room / slot_size));
}

CrmCustomers *
crm_customers_create(CrmCustomersQuery *query, const CrmParams *params,
					 bool params_null, MemoryContext context)
{
	uint32 key_size =
		query->key_kind == CRM_KEY_BIGINT ? sizeof(uint64) : 2 * sizeof(uint64);
	bool   has_table = query->metric->words != NULL;
	int	   words = params_null || !has_table ? 1 : query->metric->words(params);
	uint32 slot_size = key_size + words * sizeof(uint32);
	uint64 slots = has_table ? inside_slots(slot_size) : 1;
	CrmCustomers *customers = MemoryContextAllocZero(
		context, offsetof(CrmCustomers, inside) + slots * slot_size);

	/* where a group was that is gone */
	if (query->finished == customers)
		query->finished = NULL;
	customers->tag = CRM_CUSTOMERS_TAG;
	customers->query = query;
	customers->params = *params;
	customers->params_null = params_null;
	customers->context = context;
	customers->key_size = key_size;
	customers->slot_size = slot_size;
	use_inside(customers, slots);
	if (!has_table && !params_null)
		crm_log_start(customers);
	return customers;
}

/* ---- text keys ----------------------------------------------------------- */

static void
arena_extend(CrmCustomers *customers, Size needed)
{
	CrmArena *last = customers->arena;
	Size size = last ? Min(last->size * 2, ARENA_MAX_BYTES) : ARENA_MIN_BYTES;
	Size bytes;
	CrmArena *block;

	size = Max(size, needed);
	bytes = offsetof(CrmArena, data) + size;
	block = MemoryContextAllocHuge(customers->context, bytes);
	block->next = last;
	block->size = size;
	block->used = 0;
	customers->arena = block;
	crm_customers_account(customers, bytes);
	customers->arena_full = customers->query->used > customers->query->limit &&
							customers->bytes > FREE_BYTES &&
							customers->count > FREE_CUSTOMERS &&
							customers->hash_shift < MAX_HASH_SHIFT;
}

const CrmArenaKey *
crm_arena_copy(CrmCustomers *customers, const CrmKey *key)
{
	Size		 size = offsetof(CrmArenaKey, bytes) + key->length;
	CrmArenaKey *copy;

	size = TYPEALIGN(sizeof(uint32), size);
	if (customers->arena == NULL ||
		customers->arena->size - customers->arena->used < size)
		arena_extend(customers, size);
	copy = (CrmArenaKey *) (customers->arena->data + customers->arena->used);
	customers->arena->used += size;
	copy->length = key->length;
	memcpy(copy->bytes, key->bytes, key->length);
	return copy;
}

static void
arena_free(CrmCustomers *customers)
{
	while (customers->arena != NULL)
	{
		CrmArena *block = customers->arena;

		customers->arena = block->next;
		crm_customers_unaccount(customers,
								offsetof(CrmArena, data) + block->size);
		pfree(block);
	}
	customers->arena_full = false;
}

/* ---- find ---------------------------------------------------------------- */

static uint32 *
find_any(CrmCustomers *customers, const CrmKey *key)
{
	switch (customers->query->key_kind)
	{
		case CRM_KEY_BIGINT:
			return crm_find(customers, CRM_KEY_BIGINT, key);
		case CRM_KEY_UUID:
			return crm_find(customers, CRM_KEY_UUID, key);
		case CRM_KEY_TEXT:
			break;
	}
	return crm_find(customers, CRM_KEY_TEXT, key);
}

/* ---- grow ---------------------------------------------------------------- */

static uint64
slot_count(const CrmCustomers *customers)
{
	return table_bytes(customers) / customers->slot_size;
}

static inline bool
is_empty(const CrmCustomers *customers, uint64 slot)
{
	return *crm_slot_state(customers,
						   customers->slots + slot * customers->slot_size) == 0;
}

/* make the table's memory so many slots, the new ones empty */
static void
extend(CrmCustomers *customers, uint64 slots)
{
	Size old_bytes = table_bytes(customers);
	Size bytes = slots * customers->slot_size;

	if (has_own_table(customers))
		customers->slots = repalloc_huge(customers->slots, bytes);
	else
	{
		customers->slots = MemoryContextAllocHuge(customers->context, bytes);
		memcpy(customers->slots, customers->inside, old_bytes);
		crm_customers_account(customers, old_bytes);
	}
	memset(customers->slots + old_bytes, 0, bytes - old_bytes);
	customers->last = customers->slots + bytes - customers->slot_size;
	crm_customers_account(customers, bytes - old_bytes);
}

/*
 * Put a slot where its key is not yet.  The table does not end too soon: when
 * the capacity rises, a place gets farther from it, never nearer, so slots
 * reach beyond it no farther than they did, and the tail is no shorter.
 */
static void
move_slot(CrmCustomers *customers, const char *from)
{
	char *slot = crm_customers_place(customers, crm_load64(from));

	while (*crm_slot_state(customers, slot) != 0)
		slot += customers->slot_size;
	Assert(slot < customers->last);
	crm_copy_slot(slot, from, customers->slot_size);
}

static void
move_block(CrmCustomers *customers, uint64 first, uint64 end, char *block)
{
	Size  bytes = (end - first) * customers->slot_size;
	char *from = customers->slots + first * customers->slot_size;

	memcpy(block, from, bytes);
	memset(from, 0, bytes);
	for (char *slot = block; slot < block + bytes; slot += customers->slot_size)
	{
		if (*crm_slot_state(customers, slot) != 0)
			move_slot(customers, slot);
	}
}

/* the capacity has risen; slots 0 .. end - 1 are where it used to have them */
static void
move_all(CrmCustomers *customers, uint64 end)
{
	uint64 room = Min(end, 2 * BLOCK_SLOTS);
	char  *block =
		MemoryContextAllocHuge(customers->context, room * customers->slot_size);

	while (end > 0)
	{
		uint64 first = end > BLOCK_SLOTS ? end - BLOCK_SLOTS : 0;

		while (first > 0 && !is_empty(customers, first - 1))
			first--;
		if (end - first > room)
		{
			room = end - first;
			block = repalloc_huge(block, room * customers->slot_size);
		}
		move_block(customers, first, end, block);
		end = first;
	}
	pfree(block);
}

/* give the table this capacity, larger than it has */
static void
grow(CrmCustomers *customers, uint64 capacity)
{
	uint64 end = slot_count(customers);

	CHECK_FOR_INTERRUPTS();
	extend(customers, Max(capacity + tail_slots(capacity), end + 1));
	customers->capacity = capacity;
	customers->max = capacity - capacity / 4;
	if (customers->count > 0)
		move_all(customers, end);
	crm_pending_begin(customers, table_bytes(customers));
}

/* may the table be of so many bytes, for so many entries? */
static bool
affordable(const CrmCustomers *customers, uint64 entries, Size bytes)
{
	const CrmCustomersQuery *query = customers->query;

	return bytes <= FREE_BYTES || entries <= FREE_CUSTOMERS ||
		   customers->hash_shift >= MAX_HASH_SHIFT ||
		   query->used - own_bytes(customers) + bytes <= query->limit;
}

bool
crm_table_reserve(CrmCustomers *customers, uint64 entries)
{
	uint64 capacity = entries + entries / 3 + 1;
	Size   bytes = (capacity + tail_slots(capacity)) * customers->slot_size;

	if (entries <= customers->max)
		return true;
	if (!affordable(customers, entries, bytes))
		return false;
	grow(customers, capacity);
	return true;
}

/* grow by what the budget has left, if that is worth the trouble */
static bool
reserve_the_rest(CrmCustomers *customers, uint64 needed)
{
	const CrmCustomersQuery *query = customers->query;
	uint64					 slots;
	uint64					 entries;

	if (query->used >= query->limit)
		return false;
	slots = (query->limit - query->used + own_bytes(customers)) /
			customers->slot_size;
	if (slots <= 512)
		return false;
	entries = (slots - 256) / 4 * 3 - 2;
	if (entries < needed || entries < customers->max + customers->max / 4)
		return false;
	return crm_table_reserve(customers, entries);
}

void
crm_table_make_room(CrmCustomers *customers, uint64 extra)
{
	uint64 needed = customers->count + extra;
	uint64 more = table_bytes(customers) < DOUBLE_BYTES ? customers->max
														: customers->max / 2;

	if (!customers->arena_full)
	{
		if (crm_table_reserve(customers, Max(customers->max + more, needed)) ||
			reserve_the_rest(customers, needed))
			return;
	}
	crm_spill_table(customers);
	if (extra > customers->max)
		grow(customers, 2 * extra);
}

uint32 *
crm_table_reach(CrmCustomers *customers, const CrmKey *key)
{
	uint32 *state;

	if (unlikely(customers->count >= customers->max || customers->arena_full))
		crm_table_make_room(customers, 1);
	while ((state = find_any(customers, key)) == NULL)
		crm_table_make_room(customers, 1);
	return state;
}

void
crm_table_clear(CrmCustomers *customers, bool release)
{
	arena_free(customers);
	customers->count = 0;
	if (release && has_own_table(customers))
	{
		crm_customers_unaccount(customers, table_bytes(customers));
		pfree(customers->slots);
		use_inside(customers, inside_slots(customers->slot_size));
	}
	memset(customers->slots, 0, table_bytes(customers));
}

void
crm_table_visit(const CrmCustomers *customers, CrmVisitor visitor,
				void *argument)
{
	uint32 visited = 0;

	for (const char *slot = customers->slots; slot < customers->last;
		 slot += customers->slot_size)
	{
		if (*crm_slot_state(customers, slot) == 0)
			continue;
		visitor(argument, customers, slot);
		if ((++visited & 0xFFF) == 0)
			CHECK_FOR_INTERRUPTS();
	}
}

/* slots side by side, in the order of their keys */
typedef struct Cluster
{
	int			 count;
	int			 space;
	const char **slot;
} Cluster;

static int
compare_slots(const CrmCustomers *customers, const char *a, const char *b)
{
	CrmKey left = {.hash = crm_load64(a)};
	CrmKey right = {.hash = crm_load64(b)};

	if (left.hash != right.hash)
		return left.hash < right.hash ? -1 : 1;
	if (customers->query->key_kind == CRM_KEY_UUID)
	{
		left.rest = crm_load64(a + sizeof(uint64));
		right.rest = crm_load64(b + sizeof(uint64));
	}
	else if (customers->query->key_kind == CRM_KEY_TEXT)
	{
		left.bytes = crm_slot_text(a)->bytes;
		left.length = crm_slot_text(a)->length;
		right.bytes = crm_slot_text(b)->bytes;
		right.length = crm_slot_text(b)->length;
	}
	return crm_key_compare(customers->query->key_kind, &left, &right);
}

/* linear probing has left them nearly in order */
static void
cluster_insert(Cluster *cluster, const CrmCustomers *customers,
			   const char *slot)
{
	int place = cluster->count++;

	if (cluster->count > cluster->space)
	{
		cluster->space *= 2;
		cluster->slot = repalloc_huge(cluster->slot, sizeof(cluster->slot[0]) *
														 cluster->space);
	}
	while (place > 0 &&
		   compare_slots(customers, cluster->slot[place - 1], slot) > 0)
	{
		cluster->slot[place] = cluster->slot[place - 1];
		place--;
	}
	cluster->slot[place] = slot;
}

static void
cluster_visit(Cluster *cluster, const CrmCustomers *customers,
			  CrmVisitor visitor, void *argument)
{
	for (int i = 0; i < cluster->count; i++)
		visitor(argument, customers, cluster->slot[i]);
	cluster->count = 0;
	CHECK_FOR_INTERRUPTS();
}

/* no slot belongs to the other side of an empty one */
void
crm_table_visit_in_order(const CrmCustomers *customers, CrmVisitor visitor,
						 void *argument)
{
	Cluster cluster = {.space = 256};

	cluster.slot = palloc(sizeof(cluster.slot[0]) * cluster.space);
	for (const char *slot = customers->slots; slot <= customers->last;
		 slot += customers->slot_size)
	{
		if (*crm_slot_state(customers, slot) != 0)
			cluster_insert(&cluster, customers, slot);
		else if (cluster.count > 0)
			cluster_visit(&cluster, customers, visitor, argument);
	}
	pfree(cluster.slot);
}
