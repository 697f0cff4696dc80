/*
 * table.h
 *		What the files of src/customers know of each other.
 */
#ifndef CRM_TABLE_H
#define CRM_TABLE_H

#include "customers/customers.h"

/* a text key in the arena */
typedef struct CrmArenaKey
{
	uint32 length;
	char   bytes[FLEXIBLE_ARRAY_MEMBER];
} CrmArenaKey;

static inline uint32 *
crm_slot_state(const CrmCustomers *customers, const char *slot)
{
	return (uint32 *) (slot + customers->key_size);
}

/* of a slot's few words; a call of memcpy costs more than they do */
static inline void
crm_copy_slot(char *to, const char *from, uint32 size)
{
	uint32 at = 0;

	for (; at + sizeof(uint64) <= size; at += sizeof(uint64))
		crm_store64(to + at, crm_load64(from + at));
	if (at < size)
		memcpy(to + at, from + at, sizeof(uint32));
}

static inline int
crm_state_words(const CrmCustomers *customers)
{
	return (int) ((customers->slot_size - customers->key_size) /
				  sizeof(uint32));
}

static inline const CrmArenaKey *
crm_slot_text(const char *slot)
{
	const CrmArenaKey *key;

	memcpy(&key, slot + sizeof(uint64), sizeof(key));
	return key;
}

/* the key in a slot of the table */
static inline CrmKey
crm_slot_key(const CrmCustomers *customers, const char *slot)
{
	CrmKey key = {.hash = crm_load64(slot)};

	if (customers->query->key_kind == CRM_KEY_UUID)
		key.rest = crm_load64(slot + sizeof(uint64));
	if (customers->query->key_kind == CRM_KEY_TEXT)
	{
		key.bytes = crm_slot_text(slot)->bytes;
		key.length = crm_slot_text(slot)->length;
	}
	return key;
}

/* table.c */
/* bytes more, or less: what all groups have together is limited */
extern void crm_customers_account(CrmCustomers *customers, Size bytes);
extern void crm_customers_unaccount(CrmCustomers *customers, Size bytes);
extern const CrmArenaKey *
crm_arena_copy(CrmCustomers *customers, const CrmKey *key);
/* room for so many more; the table may be written to the partitions for that */
extern void crm_table_make_room(CrmCustomers *customers, uint64 extra);
/* the state of a customer, new or known; makes room if need be */
extern uint32 *crm_table_reach(CrmCustomers *customers, const CrmKey *key);
/* room for so many customers at once; false if the budget does not allow it */
extern bool crm_table_reserve(CrmCustomers *customers, uint64 entries);
/* forget all customers; with release, the memory as well */
extern void crm_table_clear(CrmCustomers *customers, bool release);

/*
 * A visit of every customer of a table once, in the order of crm_key_compare or
 * as slots lie.
 */
typedef void (*CrmVisitor)(void *argument, const CrmCustomers *customers,
						   const char *slot);
extern void crm_table_visit(const CrmCustomers *customers, CrmVisitor visitor,
							void *argument);
extern void crm_table_visit_in_order(const CrmCustomers *customers,
									 CrmVisitor visitor, void *argument);

/* pending.c: a first buffer, when a table of so many bytes wants one */
extern void crm_pending_begin(CrmCustomers *customers, Size table_bytes);

/* spill.c */
/* write all customers to the partitions and clear the table */
extern void crm_spill_table(CrmCustomers *customers);
/* a run of about so many serialized entries is to be written as it is */
extern void crm_spill_begin_run(CrmCustomers *customers, uint64 expected);
extern void crm_spill_entry(CrmCustomers *customers, uint64 hash,
							const char *entry, Size size);
/* entries whose hashes, without the bits used up, all begin with these bits */
extern void crm_spill_block(CrmCustomers *customers, uint64 first, int bits,
							const char *entries, Size size);
/*
 * Every customer once, pending keys, runs and partitions included: in tables,
 * one after the other in the order of their hashes.
 */
typedef void (*CrmTableVisitor)(void *argument, const CrmCustomers *table);
extern void crm_customers_visit(CrmCustomers   *customers,
								CrmTableVisitor visitor, void *argument);

/* entry.c: one customer as bytes */
typedef struct CrmEntry
{
	CrmKey		key;
	const char *start;
	const char *state;
	Size		size;
} CrmEntry;

typedef struct CrmPacked CrmPacked;

/* a stretch of entries to read, in the order of crm_key_compare */
typedef struct CrmEntries
{
	const char *at;
	const char *end;
	CrmPacked  *packed; /* what comes after them, if they come in blocks */
} CrmEntries;

/* the next entry; false at the end, an error where it reaches beyond */
extern bool crm_entry_next(const CrmCustomers *customers, CrmEntries *entries,
						   CrmEntry *entry);
extern Size crm_entry_min_size(const CrmCustomers *customers);
extern Size crm_entry_size(const CrmCustomers *customers, const char *slot);
extern void
crm_entry_write(char *to, const CrmCustomers *customers, const char *slot);

/*
 * The merging of a run of about `expected` entries in the order of hashes,
 * piece by piece.
 */
typedef struct CrmMerge
{
	uint64 expected;
	uint64 done;
	uint64 before;	 /* customers in the table when the run began */
	bool   spilling; /* the rest goes to the partitions as it is */
} CrmMerge;

extern void
crm_merge_begin(CrmMerge *merge, CrmCustomers *customers, uint64 expected);
extern void crm_merge_entries(CrmMerge *merge, CrmCustomers *customers,
							  CrmEntries *entries);

/*
 * pack.c: entries in packed blocks, not for texts.  Behind the last block of a
 * stretch stands a pad.
 */
#define CRM_PACK_PAD 8
/* the most bytes that a table's entries take, with a pad */
extern Size crm_pack_bound(const CrmCustomers *customers);
/* all of a table in order, and where they end; the pad is for the caller */
extern char *crm_pack_table(char *to, const CrmCustomers *customers);
/* blocks and pad are in so many bytes; nothing is read yet */
extern CrmPacked *
crm_packed_open(const CrmCustomers *customers, const char *bytes, Size size);
extern void crm_packed_close(CrmPacked *packed);
/* no more entries can be in it */
extern uint64 crm_packed_most(const CrmPacked *packed);
/* the entries of the next block; false at the end */
extern bool crm_packed_next(CrmEntries *entries);

/*
 * runs.c: what came from other processes, kept as it came: bytes of so many
 * entries, packed or, of texts, as they are.  False if that is not worth it or
 * not affordable, and then nothing is kept any longer: the runs so far are in
 * the table or its partitions.
 */
extern bool crm_runs_keep(CrmCustomers *customers, const char *bytes, Size size,
						  uint64 count);
/* the entries in such bytes */
extern CrmEntries
crm_entries_open(const CrmCustomers *customers, const char *bytes, Size size);
extern void crm_entries_close(CrmEntries *entries);
/* merge the runs into the table */
extern void crm_runs_settle(CrmCustomers *customers);
/* all customers, when every one of them is in the runs */
extern void crm_runs_fold(CrmCustomers *customers, CrmTotals *totals);

#endif /* CRM_TABLE_H */
