/*
 * pending.c
 *		Rows on their way into the table of customers, collected by the part
 *		of the table they belong to.
 *
 * A large table does not fit the caches, nor do the addresses of its pages:
 * a row by itself waits for memory several times.  So rows are first appended
 * to the buffer of a part, chosen by the first bits of the hash, and go into
 * the table when the buffer is full: then they meet in a stretch of the table
 * small enough to stay at hand, and the next slots are asked for while one is
 * worked on.
 *
 *		rows --hash--> buffers  |part 0    |part 1 ##|part 2 #  | ...
 *		                                     | full
 *		                                     v
 *		               table    |..........|..........|..........| ...
 *
 * A small table has no buffers, a middling one a single one.  A large one has
 * so many that a part stays in the processor's own cache, and such large ones
 * that a line of it, once there, is of use to more than one row.
 *
 *		row: hash 8 | day 4                        bigint
 *		     hash 8 | day 4 | rest 8               uuid
 *		     hash 8 | day 4 | length 4 | bytes     text
 *
 * Invariant: a buffer has room for one more row, of a text for an empty one.
 */
#include "postgres.h"

#include "customers/find.h"

/* the buffers of tables from so many bytes on */
typedef struct Buffers
{
	Size   from;
	int	   bits;  /* of the hash, that tell the part */
	uint32 bytes; /* for each part */
} Buffers;

static const Buffers buffers[] = {{64 * 1024, 0, 8192},
								  {2 * 1024 * 1024, 6, 8192},
								  {12 * 1024 * 1024, 9, 24576},
								  {384 * 1024 * 1024, 11, 24576}};

/* a buffer's memory is asked for so far ahead of what is written */
#define BYTES_AHEAD 64
/* so many rows ahead their slots are asked for, and their texts */
#define SLOTS_AHEAD 12
#define TEXTS_AHEAD 6
/* a longer text goes into the table at once */
#define TEXT_MAX_BYTES 1024

/* ---- buffers ------------------------------------------------------------- */

static Size
buffers_bytes(const Buffers *buffers)
{
	return offsetof(CrmPending, used) +
		   ((Size) 1 << buffers->bits) * (sizeof(uint32) + buffers->bytes);
}

static void
start(CrmCustomers *customers, int size)
{
	const Buffers *wanted = &buffers[size];
	int			   parts = 1 << wanted->bits;
	CrmPending	  *pending =
		MemoryContextAllocHuge(customers->context, buffers_bytes(wanted));

	pending->batched = 0;
	pending->size = size;
	pending->parts = parts;
	pending->shift = 63 - wanted->bits;
	pending->bytes = wanted->bytes;
	memset(pending->used, 0, sizeof(uint32) * parts);
	pending->rows = (char *) &pending->used[parts];
	customers->pending = pending;
	crm_customers_account(customers, buffers_bytes(wanted));
}

void
crm_pending_begin(CrmCustomers *customers, Size table_bytes)
{
	if (customers->pending == NULL && table_bytes >= buffers[0].from)
		start(customers, 0);
}

/*
 * The next larger buffers, once the table wants them, unless it needs what
 * memory there is to grow itself.
 */
static void
fit(CrmCustomers *customers)
{
	const CrmCustomersQuery *query = customers->query;
	Size					 table_bytes = customers->last - customers->slots;
	int						 next = customers->pending->size + 1;

	if (next == lengthof(buffers) || table_bytes < buffers[next].from ||
		query->used + table_bytes / 2 + buffers_bytes(&buffers[next]) >
			query->limit)
		return;
	crm_customers_flush(customers);
	crm_customers_unaccount(customers, buffers_bytes(&buffers[next - 1]));
	pfree(customers->pending);
	start(customers, next);
}

/* ---- into the table ------------------------------------------------------ */

static pg_attribute_always_inline uint32
read_row(CrmKeyKind kind, const char *from, CrmKey *key, CrmDay *day)
{
	uint32 size = CRM_KEY_ROW_BYTES(kind);

	key->hash = crm_load64(from);
	memcpy(day, from + sizeof(uint64), sizeof(*day));
	if (kind == CRM_KEY_UUID)
		key->rest = crm_load64(from + sizeof(uint64) + sizeof(*day));
	if (kind == CRM_KEY_TEXT)
	{
		memcpy(&key->length, from + size, sizeof(key->length));
		key->bytes = from + size + sizeof(key->length);
		size += sizeof(key->length) + key->length;
	}
	return size;
}

static pg_attribute_always_inline uint32
row_size(CrmKeyKind kind, const char *from)
{
	CrmKey key = {0};
	CrmDay day;

	return read_row(kind, from, &key, &day);
}

/* the key that will be compared: of the first slot with the same hash */
static void
prefetch_text(const CrmCustomers *customers, const char *row)
{
	uint64 hash = crm_load64(row);
	char  *slot = crm_customers_place(customers, hash);

	while (*crm_slot_state(customers, slot) != 0 && crm_load64(slot) != hash)
		slot += customers->slot_size;
	if (*crm_slot_state(customers, slot) != 0)
		__builtin_prefetch(crm_slot_text(slot));
}

/* of the rows from here to end, so many */
static pg_attribute_always_inline const char *
prefetch_first(const CrmCustomers *customers, CrmKeyKind kind, const char *row,
			   const char *end)
{
	for (int i = 0; i < SLOTS_AHEAD && row < end; i++)
	{
		__builtin_prefetch(crm_customers_place(customers, crm_load64(row)), 1);
		row += row_size(kind, row);
	}
	return row;
}

static pg_attribute_always_inline void
flush_rows(CrmCustomers *customers, CrmKeyKind kind, const char *row,
		   const char *end)
{
	void (*add)(uint32_t *, const CrmParams *, CrmDay) =
		customers->query->metric->add;
	const char *slots_at = prefetch_first(customers, kind, row, end);
	const char *texts_at = row;
	int			texts_ahead = 0;

	while (row < end)
	{
		CrmKey	key = {0};
		CrmDay	day;
		uint32 *state;

		if (slots_at < end)
		{
			__builtin_prefetch(
				crm_customers_place(customers, crm_load64(slots_at)), 1);
			slots_at += row_size(kind, slots_at);
		}
		if (kind == CRM_KEY_TEXT)
		{
			for (; texts_ahead < TEXTS_AHEAD && texts_at < end; texts_ahead++)
			{
				prefetch_text(customers, texts_at);
				texts_at += row_size(kind, texts_at);
			}
			texts_ahead--;
		}
		row += read_row(kind, row, &key, &day);
		state = crm_find(customers, kind, &key);
		if (unlikely(state == NULL))
			state = crm_table_reach(customers, &key);
		add(state, &customers->params, day);
	}
}

static void
flush_part(CrmCustomers *customers, int part)
{
	CrmPending *pending = customers->pending;
	CrmKeyKind	kind = customers->query->key_kind;
	const char *rows = pending->rows + (Size) part * pending->bytes;
	const char *end = rows + pending->used[part];
	uint64		most = pending->used[part] / CRM_KEY_ROW_BYTES(kind);

	if (customers->count + most > customers->max || customers->arena_full)
		crm_table_make_room(customers, most);
	switch (kind)
	{
		case CRM_KEY_BIGINT:
			flush_rows(customers, CRM_KEY_BIGINT, rows, end);
			break;
		case CRM_KEY_UUID:
			flush_rows(customers, CRM_KEY_UUID, rows, end);
			break;
		case CRM_KEY_TEXT:
			flush_rows(customers, CRM_KEY_TEXT, rows, end);
			break;
	}
	pending->used[part] = 0;
}

static inline CrmKey
batched_key(const CrmPending *pending, CrmKeyKind kind, int row)
{
	pg_uuid_t uuid;

	if (kind == CRM_KEY_BIGINT)
		return crm_key_from_bigint((int64) pending->key[row]);
	crm_store64((char *) uuid.data, pending->key[row]);
	crm_store64((char *) uuid.data + sizeof(uint64), pending->rest[row]);
	return crm_key_from_uuid(&uuid);
}

static pg_attribute_always_inline void
distribute(CrmCustomers *customers, CrmKeyKind kind)
{
	CrmPending *pending = customers->pending;
	uint32		size = CRM_KEY_ROW_BYTES(kind);
	int			rows = pending->batched;

	pending->batched = 0;
	for (int row = 0; row < rows; row++)
	{
		CrmKey key = batched_key(pending, kind, row);
		int	   part = crm_pending_part(customers, key.hash);
		char  *to =
			pending->rows + (Size) part * pending->bytes + pending->used[part];

		crm_store64(to, key.hash);
		memcpy(to + sizeof(uint64), &pending->day[row], sizeof(CrmDay));
		if (kind == CRM_KEY_UUID)
			crm_store64(to + sizeof(uint64) + sizeof(CrmDay), key.rest);
		/* by the time the part has that much, its line is here */
		__builtin_prefetch(to + BYTES_AHEAD, 1);
		pending->used[part] += size;
		if (unlikely(pending->used[part] > pending->bytes - size))
			flush_part(customers, part);
	}
}

static void
distribute_batch(CrmCustomers *customers)
{
	if (customers->query->key_kind == CRM_KEY_UUID)
		distribute(customers, CRM_KEY_UUID);
	else
		distribute(customers, CRM_KEY_BIGINT);
}

void
crm_pending_distribute(CrmCustomers *customers)
{
	distribute_batch(customers);
	fit(customers);
}

void
crm_customers_flush(CrmCustomers *customers)
{
	if (customers->pending != NULL)
		distribute_batch(customers);
	for (int part = 0;
		 customers->pending != NULL && part < customers->pending->parts; part++)
	{
		if (customers->pending->used[part] > 0)
			flush_part(customers, part);
	}
}

/* ---- rows ---------------------------------------------------------------- */

void
crm_customers_put(CrmCustomers *customers, const CrmKey *key, CrmDay day)
{
	uint32 *state = crm_table_reach(customers, key);

	customers->query->metric->add(state, &customers->params, day);
}

/* a key's bytes may be gone when the part is flushed, so they are copied */
void
crm_customers_add_text(CrmCustomers *customers, const char *bytes,
					   uint32 length, CrmDay day)
{
	CrmKey key = crm_key_from_text(bytes, length);
	uint32 fixed = CRM_KEY_ROW_BYTES(CRM_KEY_TEXT) + sizeof(length);
	int	   part;
	char  *to;

	if (customers->pending == NULL || length > TEXT_MAX_BYTES)
	{
		crm_customers_put(customers, &key, day);
		return;
	}
	part = crm_pending_part(customers, key.hash);
	if (customers->pending->used[part] + fixed + length >
		customers->pending->bytes)
	{
		flush_part(customers, part);
		fit(customers);
		part = crm_pending_part(customers, key.hash);
	}
	to = customers->pending->rows + (Size) part * customers->pending->bytes +
		 customers->pending->used[part];
	crm_store64(to, key.hash);
	memcpy(to + sizeof(uint64), &day, sizeof(day));
	memcpy(to + CRM_KEY_ROW_BYTES(CRM_KEY_TEXT), &length, sizeof(length));
	crm_copy_bytes(to + fixed, bytes, length);
	__builtin_prefetch(to + fixed + length + BYTES_AHEAD, 1);
	customers->pending->used[part] += fixed + length;
}
