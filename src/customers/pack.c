/*
 * pack.c
 *		Entries packed by columns: how customers go from process to process.
 *
 * Each process of a parallel plan sends nearly every customer, through a narrow
 * queue and several copies, so that bytes cost more there than work.  A block
 * has the entries of some hundred neighbours, column by column, each value as
 * its difference from the column's least one:
 *
 *		block    customers - 1 1 | column | column | ...        block ... | pad
 *		column   width 1 | least 8 or 4 | difference width | difference ...
 *
 *		bigint   number            | word 0 | word 1 ...
 *		uuid     hash | rest       | word 0 | word 1 ...
 *
 * A bigint goes as the number itself, which is short where its hash is not.
 * Integers have their lowest byte first.  Values are read and written eight
 * bytes at a time, whatever their width: hence the pad at the end.
 *
 *		table --sort--> entries --pack--> bytes --unpack--> entries of a block
 *
 * What stands between are the entries of entry.c, in the order of
 * crm_key_compare.  Texts are not packed.
 *
 * Invariant: any bytes at all give entries or an error, and none are read
 * beyond the pad.
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/memutils.h"

#include "customers/entry.h"

/* of entries in a block, or fewer large ones */
#define BLOCK_MOST 256
#define BLOCK_BYTES (16 * 1024)

/* ---- the block ----------------------------------------------------------- */

static Size
entry_size(CrmKeyKind kind, int words)
{
	return sizeof(uint64) * (kind == CRM_KEY_UUID ? 2 : 1) +
		   sizeof(uint32) * words;
}

static int
block_most(Size entry_size)
{
	return Max(1, Min(BLOCK_MOST, BLOCK_BYTES / entry_size));
}

/* of a block, differences aside */
static Size
head_size(CrmKeyKind kind, int words)
{
	return 1 + (1 + sizeof(uint64)) * (kind == CRM_KEY_UUID ? 2 : 1) +
		   (1 + sizeof(uint32)) * words;
}

static inline uint64
width_mask(int width)
{
	return width == 0 ? 0 : PG_UINT64_MAX >> (64 - 8 * width);
}

/* ---- pack ---------------------------------------------------------------- */

/* entries on their way from the table */
typedef struct Packer
{
	CrmKeyKind kind;
	int		   words;
	Size	   size; /* of an entry */
	char	  *to;
	char	  *entries;
	Size	   room;
} Packer;

static inline char *
pack_column(char *to, const uint64 *value, int count, Size least_size)
{
	uint64 least = PG_UINT64_MAX;
	uint64 most = 0;
	int	   width = 0;

	for (int i = 0; i < count; i++)
	{
		least = Min(least, value[i]);
		most = Max(most, value[i]);
	}
	while (width < (int) sizeof(uint64) && (most - least) & ~width_mask(width))
		width++;
	*to++ = (char) width;
	crm_store64(to, little64(least));
	to += least_size;
	for (int i = 0; i < count; i++)
	{
		crm_store64(to, little64(value[i] - least));
		to += width;
	}
	return to;
}

static void
take_longs(uint64 *value, const char *from, int count, Size size)
{
	for (int i = 0; i < count; i++)
		value[i] = little64(crm_load64(from + i * size));
}

static void
take_words(uint64 *value, const char *from, int count, Size size)
{
	for (int i = 0; i < count; i++)
		value[i] = load_little32(from + i * size);
}

static char *
pack_block(char *to, const Packer *packer, const char *entry, int count)
{
	uint64 value[BLOCK_MOST];

	*to++ = (char) (count - 1);
	take_longs(value, entry, count, packer->size);
	if (packer->kind == CRM_KEY_BIGINT)
	{
		for (int i = 0; i < count; i++)
			value[i] = crm_unmix(value[i]);
	}
	to = pack_column(to, value, count, sizeof(uint64));
	entry += sizeof(uint64);
	if (packer->kind == CRM_KEY_UUID)
	{
		take_longs(value, entry, count, packer->size);
		to = pack_column(to, value, count, sizeof(uint64));
		entry += sizeof(uint64);
	}
	for (int word = 0; word < packer->words; word++)
	{
		take_words(value, entry, count, packer->size);
		to = pack_column(to, value, count, sizeof(uint32));
		entry += sizeof(uint32);
	}
	return to;
}

static pg_attribute_always_inline bool
comes_before(CrmKeyKind kind, const char *entry, const char *other)
{
	uint64 hash = little64(crm_load64(entry));
	uint64 other_hash = little64(crm_load64(other));

	if (hash != other_hash || kind != CRM_KEY_UUID)
		return hash < other_hash;
	return little64(crm_load64(entry + sizeof(uint64))) <
		   little64(crm_load64(other + sizeof(uint64)));
}

/* linear probing has left them nearly in order */
static pg_attribute_always_inline void
sort_entries(CrmKeyKind kind, char *entries, const char *end, uint32 size,
			 char *spare)
{
	for (char *entry = entries + size; entry < end; entry += size)
	{
		char *at = entry;

		if (likely(!comes_before(kind, entry, entry - size)))
			continue;
		crm_copy_slot(spare, entry, size);
		for (; at > entries && comes_before(kind, spare, at - size); at -= size)
			crm_copy_slot(at, at - size, size);
		crm_copy_slot(at, spare, size);
	}
}

/* the filled ones of these slots; whether one is, no processor foretells */
static pg_attribute_always_inline char *
take_slots_of(char *to, const CrmCustomers *customers, const char *slot,
			  const char *end, uint32 size, uint32 key_size)
{
	for (; slot < end; slot += size)
	{
		uint32 word;

#ifdef WORDS_BIGENDIAN
		crm_entry_write(to, customers, slot);
#else
		/* the bytes are those of the slot */
		crm_copy_slot(to, slot, size);
#endif
		memcpy(&word, slot + key_size, sizeof(word));
		to += word == 0 ? 0 : size;
	}
	return to;
}

/* in a copy for each of the usual sizes */
static char *
take_slots(char *to, const CrmCustomers *customers, const char *slot,
		   const char *end)
{
	uint32 key_size = customers->key_size;

	switch (customers->slot_size)
	{
		case 12:
			return take_slots_of(to, customers, slot, end, 12, 8);
		case 16:
			return take_slots_of(to, customers, slot, end, 16, 8);
		case 20:
			return take_slots_of(to, customers, slot, end, 20, key_size);
		case 24:
			return take_slots_of(to, customers, slot, end, 24, key_size);
		default:
			return take_slots_of(to, customers, slot, end, customers->slot_size,
								 key_size);
	}
}

/* slots from one after an empty one up to an empty one: their order is final */
static pg_attribute_always_inline void
pack_slots(Packer *packer, CrmKeyKind kind, const CrmCustomers *customers,
		   const char *slot, const char *end)
{
	/* a place for one that is empty, and for one that is moved */
	Size  needed = (end - slot) + 2 * packer->size;
	char *entry;
	char *entries_end;

	CHECK_FOR_INTERRUPTS();
	if (needed > packer->room)
	{
		pfree(packer->entries);
		packer->room = needed;
		packer->entries = MemoryContextAllocHuge(CurrentMemoryContext, needed);
	}
	entry = packer->entries + packer->size;
	entries_end = take_slots(entry, customers, slot, end);
	sort_entries(kind, entry, entries_end, packer->size, packer->entries);
	while (entry < entries_end)
	{
		int count = (int) Min((entries_end - entry) / packer->size,
							  block_most(packer->size));

		packer->to = pack_block(packer->to, packer, entry, count);
		entry += count * packer->size;
	}
}

Size
crm_pack_bound(const CrmCustomers *customers)
{
	CrmKeyKind kind = customers->query->key_kind;
	int		   words = crm_state_words(customers);
	Size	   size = entry_size(kind, words);
	uint64	   slots = (customers->last - customers->slots) / size + 1;
	/* one for each stretch, and one more where a stretch is longer */
	uint64 blocks =
		slots / block_most(size) + 1 + customers->count / block_most(size);

	return customers->count * size + blocks * head_size(kind, words) +
		   CRM_PACK_PAD;
}

char *
crm_pack_table(char *to, const CrmCustomers *customers)
{
	Packer packer = {.kind = customers->query->key_kind,
					 .words = crm_state_words(customers),
					 .size = customers->slot_size,
					 .to = to};
	Size   stretch = block_most(packer.size) * packer.size;
	char  *slot = customers->slots;

	Assert(packer.kind != CRM_KEY_TEXT);
	Assert(packer.size == entry_size(packer.kind, packer.words));
	packer.room = stretch + 64 * packer.size;
	packer.entries = palloc(packer.room);
	while (slot < customers->last)
	{
		char *end = slot + Min(stretch, (Size) (customers->last - slot));

		while (*crm_slot_state(customers, end) != 0)
			end += packer.size;
		if (packer.kind == CRM_KEY_UUID)
			pack_slots(&packer, CRM_KEY_UUID, customers, slot, end);
		else
			pack_slots(&packer, CRM_KEY_BIGINT, customers, slot, end);
		slot = end;
	}
	pfree(packer.entries);
	return packer.to;
}

/* ---- unpack -------------------------------------------------------------- */

struct CrmPacked
{
	CrmKeyKind	kind;
	int			words;
	const char *at;
	const char *end; /* without the pad */
	char	   *block;
	Size		room;
};

CrmPacked *
crm_packed_open(const CrmCustomers *customers, const char *bytes, Size size)
{
	CrmPacked *packed = MemoryContextAlloc(customers->context, sizeof(*packed));

	if (size < CRM_PACK_PAD)
		crm_refuse_entries("The last entry is cut off.");
	packed->kind = customers->query->key_kind;
	packed->words = crm_state_words(customers);
	packed->at = bytes;
	packed->end = bytes + size - CRM_PACK_PAD;
	packed->block = NULL;
	packed->room = 0;
	return packed;
}

void
crm_packed_close(CrmPacked *packed)
{
	if (packed->block != NULL)
		pfree(packed->block);
	pfree(packed);
}

uint64
crm_packed_most(const CrmPacked *packed)
{
	Size head = head_size(packed->kind, packed->words);
	Size size = entry_size(packed->kind, packed->words);

	return (packed->end - packed->at) / head * block_most(size);
}

static void
make_room(CrmPacked *packed, Size bytes)
{
	if (bytes <= packed->room)
		return;
	if (packed->block != NULL)
		pfree(packed->block);
	packed->block = MemoryContextAlloc(GetMemoryChunkContext(packed), bytes);
	packed->room = bytes;
}

/* a column's head and differences; all of it is there */
typedef struct Column
{
	uint64		least;
	uint64		mask;
	int			width;
	const char *from;
} Column;

static Column
next_column(CrmPacked *packed, int count, Size least_size)
{
	Size   left = packed->end - packed->at;
	Column column;

	if (left < 1 + least_size)
		crm_refuse_entries("The last entry is cut off.");
	column.width = (unsigned char) *packed->at;
	if (column.width > (int) least_size)
		crm_refuse_entries("A value is too wide.");
	if ((left - 1 - least_size) / count < (Size) column.width)
		crm_refuse_entries("The last entry is cut off.");
	column.mask = width_mask(column.width);
	column.least =
		little64(crm_load64(packed->at + 1)) & width_mask((int) least_size);
	column.from = packed->at + 1 + least_size;
	packed->at = column.from + (Size) count * column.width;
	return column;
}

static inline uint64
next_value(Column *column)
{
	uint64 value =
		column->least + (little64(crm_load64(column->from)) & column->mask);

	column->from += column->width;
	return value;
}

static void
unpack_numbers(Column column, char *to, int count, Size size)
{
	for (int i = 0; i < count; i++)
		crm_store64(to + i * size, little64(crm_mix(next_value(&column))));
}

static void
unpack_longs(Column column, char *to, int count, Size size)
{
	for (int i = 0; i < count; i++)
		crm_store64(to + i * size, little64(next_value(&column)));
}

static void
unpack_words(Column column, char *to, int count, Size size)
{
	for (int i = 0; i < count; i++)
	{
		uint32 word = little32((uint32) next_value(&column));

		memcpy(to + i * size, &word, sizeof(word));
	}
}

bool
crm_packed_next(CrmEntries *entries)
{
	CrmPacked *packed = entries->packed;
	Size	   size = entry_size(packed->kind, packed->words);
	int		   count;
	char	  *to;

	if (packed->at == packed->end)
		return false;
	CHECK_FOR_INTERRUPTS();
	count = (unsigned char) *packed->at++ + 1;
	if (count > block_most(size))
		crm_refuse_entries("A block has too many entries.");
	make_room(packed, count * size);
	to = packed->block;
	entries->at = to;
	entries->end = to + count * size;
	if (packed->kind == CRM_KEY_BIGINT)
		unpack_numbers(next_column(packed, count, sizeof(uint64)), to, count,
					   size);
	else
		unpack_longs(next_column(packed, count, sizeof(uint64)), to, count,
					 size);
	to += sizeof(uint64);
	if (packed->kind == CRM_KEY_UUID)
	{
		unpack_longs(next_column(packed, count, sizeof(uint64)), to, count,
					 size);
		to += sizeof(uint64);
	}
	for (int word = 0; word < packed->words; word++)
	{
		unpack_words(next_column(packed, count, sizeof(uint32)), to, count,
					 size);
		to += sizeof(uint32);
	}
	return true;
}
