/*
 * entry.h
 *		Reading of entries, in line: it happens for each customer of each
 *		process, in one copy for each kind of key.
 *
 * Invariant: nothing is read beyond the end of the bytes.
 */
#ifndef CRM_ENTRY_H
#define CRM_ENTRY_H

#include "compat.h"
#include "customers/table.h"

pg_noreturn extern void crm_refuse_entries(const char *detail);

static inline uint32
little32(uint32 value)
{
#ifdef WORDS_BIGENDIAN
	return pg_bswap32(value);
#else
	return value;
#endif
}

static inline uint64
little64(uint64 value)
{
#ifdef WORDS_BIGENDIAN
	return pg_bswap64(value);
#else
	return value;
#endif
}

static inline uint32
load_little32(const char *from)
{
	uint32 value;

	memcpy(&value, from, sizeof(value));
	return little32(value);
}

static inline void
copy_words(char *to, const char *from, int words)
{
	crm_copy_slot(to, from, words * sizeof(uint32));
#ifdef WORDS_BIGENDIAN
	for (int i = 0; i < words; i++)
	{
		uint32 word;

		memcpy(&word, to + i * sizeof(uint32), sizeof(word));
		word = pg_bswap32(word);
		memcpy(to + i * sizeof(uint32), &word, sizeof(word));
	}
#endif
}

/* min_size: crm_entry_min_size of the customers; false at the end */
static pg_attribute_always_inline bool
crm_entry_read(CrmKeyKind kind, Size min_size, CrmEntries *entries,
			   CrmEntry *entry)
{
	Size		left;
	const char *at;

	if (unlikely(entries->at == entries->end) &&
		(entries->packed == NULL || !crm_packed_next(entries)))
		return false;
	left = entries->end - entries->at;
	at = entries->at;
	entry->start = at;
	entry->size = min_size;
	if (left < min_size)
		crm_refuse_entries("The last entry is cut off.");
	entry->key.hash = little64(crm_load64(at));
	at += sizeof(uint64);
	if (kind == CRM_KEY_UUID)
	{
		entry->key.rest = little64(crm_load64(at));
		at += sizeof(uint64);
	}
	if (kind == CRM_KEY_TEXT)
	{
		entry->key.length = load_little32(at);
		at += sizeof(uint32);
		if (entry->key.length > left - min_size)
			crm_refuse_entries("A key reaches beyond the end.");
		entry->key.bytes = at;
		at += entry->key.length;
		entry->size += entry->key.length;
	}
	entry->state = at;
	if (load_little32(at) == 0)
		crm_refuse_entries("A customer has an empty state.");
	entries->at = entry->start + entry->size;
	return true;
}

static inline void
crm_entry_state(uint32 *state, const CrmEntry *entry, int words)
{
	copy_words((char *) state, entry->state, words);
}

#endif /* CRM_ENTRY_H */
