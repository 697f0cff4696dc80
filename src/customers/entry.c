/*
 * entry.c
 *		One customer as bytes, and the merging of runs of such entries.
 *
 * The form is that of temporary files, integers with the lowest byte first; so
 * do texts go over the wire, where others are packed (pack.c):
 *
 *		bigint   hash 8 |                         state 4 * words
 *		uuid     hash 8 | rest 8 |                state 4 * words
 *		text     hash 8 | length 4 | key bytes  | state 4 * words
 *
 * A run comes in the order of hashes.  Inserted into a table too small for
 * it, it would pile up at the front before the table as a whole is full; so
 * the table is grown ahead of the run, by what its part so far foretells:
 *
 *		hashes  0 |=====done=====>                      | 2^64
 *		new customers so far / share of the hashes = new customers in the end
 *
 * Invariant: nothing is read beyond the end of the bytes, and no state whose
 * word 0 is zero gets into a table.
 */
#include "postgres.h"

#include "miscadmin.h"

#include "customers/entry.h"

#define LOOK_AHEAD_EVERY 256

/* ---- write --------------------------------------------------------------- */

/* of an entry, text bytes aside */
Size
crm_entry_min_size(const CrmCustomers *customers)
{
	Size key = sizeof(uint64);

	if (customers->query->key_kind == CRM_KEY_UUID)
		key += sizeof(uint64);
	if (customers->query->key_kind == CRM_KEY_TEXT)
		key += sizeof(uint32);
	return key + crm_state_words(customers) * sizeof(uint32);
}

Size
crm_entry_size(const CrmCustomers *customers, const char *slot)
{
	Size size = crm_entry_min_size(customers);

	if (customers->query->key_kind == CRM_KEY_TEXT)
		size += crm_slot_text(slot)->length;
	return size;
}

void
crm_entry_write(char *to, const CrmCustomers *customers, const char *slot)
{
	crm_store64(to, little64(crm_load64(slot)));
	to += sizeof(uint64);
	if (customers->query->key_kind == CRM_KEY_UUID)
	{
		crm_store64(to, little64(crm_load64(slot + sizeof(uint64))));
		to += sizeof(uint64);
	}
	if (customers->query->key_kind == CRM_KEY_TEXT)
	{
		const CrmArenaKey *text = crm_slot_text(slot);
		uint32			   length = little32(text->length);

		memcpy(to, &length, sizeof(length));
		to += sizeof(length);
		memcpy(to, text->bytes, text->length);
		to += text->length;
	}
	copy_words(to, (const char *) crm_slot_state(customers, slot),
			   crm_state_words(customers));
}

/* ---- read ---------------------------------------------------------------- */

void
crm_refuse_entries(const char *detail)
{
	ereport(ERROR, (errcode(ERRCODE_DATA_CORRUPTED),
					errmsg("invalid serialized customers"),
					errdetail_internal("%s", detail)));
}

CrmEntries
crm_entries_open(const CrmCustomers *customers, const char *bytes, Size size)
{
	CrmEntries entries = {0};

	if (customers->query->key_kind == CRM_KEY_TEXT)
	{
		entries.at = bytes;
		entries.end = bytes + size;
	}
	else
		entries.packed = crm_packed_open(customers, bytes, size);
	return entries;
}

void
crm_entries_close(CrmEntries *entries)
{
	if (entries->packed != NULL)
		crm_packed_close(entries->packed);
}

bool
crm_entry_next(const CrmCustomers *customers, CrmEntries *entries,
			   CrmEntry *entry)
{
	return crm_entry_read(customers->query->key_kind,
						  crm_entry_min_size(customers), entries, entry);
}

static void
merge_entry(CrmCustomers *customers, const CrmEntry *entry)
{
	uint32	copy[CRM_STATE_MAX_WORDS];
	uint32 *state = crm_table_reach(customers, &entry->key);

	crm_entry_state(copy, entry, crm_state_words(customers));
	if (*state == 0)
		memcpy(state, copy, crm_state_words(customers) * sizeof(uint32));
	else
		customers->query->metric->merge(state, copy, &customers->params);
}

/* ---- runs ---------------------------------------------------------------- */

static void
spill_the_rest(CrmMerge *merge, CrmCustomers *customers)
{
	uint64 left =
		merge->expected > merge->done ? merge->expected - merge->done : 1;

	merge->spilling = true;
	crm_spill_begin_run(customers, left);
}

void
crm_merge_begin(CrmMerge *merge, CrmCustomers *customers, uint64 expected)
{
	crm_customers_flush(customers);
	merge->expected = expected;
	merge->done = 0;
	merge->spilling = false;
	merge->before = customers->count;
	if (customers->spill != NULL)
		spill_the_rest(merge, customers);
	else
		crm_table_reserve(customers, Max(expected, customers->count));
}

static void
look_ahead(CrmMerge *merge, CrmCustomers *customers, uint64 hash)
{
	uint64 added = customers->count - merge->before;
	double share = ((double) (hash << customers->hash_shift) + 1) / 0x1p64;
	double in_the_end = merge->before + added / share * 1.02 + LOOK_AHEAD_EVERY;

	CHECK_FOR_INTERRUPTS();
	if (in_the_end <= customers->max)
		return;
	/* a little at a time would be a move of all for every little */
	if (in_the_end < 0x1p40 &&
		(crm_table_reserve(
			 customers,
			 Max((uint64) in_the_end, customers->max + customers->max / 2)) ||
		 crm_table_reserve(customers, (uint64) in_the_end)))
		return;
	crm_spill_table(customers);
	spill_the_rest(merge, customers);
}

void
crm_merge_entries(CrmMerge *merge, CrmCustomers *customers, CrmEntries *entries)
{
	CrmEntry entry = {0};

	while (crm_entry_next(customers, entries, &entry))
	{
		/* the table may also have spilled on its own */
		if (!merge->spilling && customers->spill != NULL)
			spill_the_rest(merge, customers);
		if (merge->spilling)
			crm_spill_entry(customers, entry.key.hash, entry.start, entry.size);
		else
			merge_entry(customers, &entry);
		if (++merge->done % LOOK_AHEAD_EVERY == 0 && !merge->spilling)
			look_ahead(merge, customers, entry.key.hash);
	}
}
