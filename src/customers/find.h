/*
 * find.h
 *		A key's slot in the table of customers, new or known: what runs for
 *		each row, in one copy for each kind of key.
 */
#ifndef CRM_FIND_H
#define CRM_FIND_H

#include "customers/table.h"

static pg_attribute_always_inline bool
crm_same_key(CrmKeyKind kind, const char *slot, const CrmKey *key)
{
	if (crm_load64(slot) != key->hash)
		return false;
	if (kind == CRM_KEY_UUID)
		return crm_load64(slot + sizeof(uint64)) == key->rest;
	if (kind == CRM_KEY_TEXT)
	{
		const CrmArenaKey *text = crm_slot_text(slot);

		return text->length == key->length &&
			   crm_same_bytes(text->bytes, key->bytes, key->length);
	}
	return true;
}

static pg_attribute_always_inline void
crm_write_key(CrmCustomers *customers, CrmKeyKind kind, char *slot,
			  const CrmKey *key)
{
	crm_store64(slot, key->hash);
	if (kind == CRM_KEY_UUID)
		crm_store64(slot + sizeof(uint64), key->rest);
	if (kind == CRM_KEY_TEXT)
	{
		const CrmArenaKey *text = crm_arena_copy(customers, key);

		memcpy(slot + sizeof(uint64), &text, sizeof(text));
	}
}

/* NULL when a new customer would need the last slot */
static pg_attribute_always_inline uint32 *
crm_find(CrmCustomers *customers, CrmKeyKind kind, const CrmKey *key)
{
	char  *slot = crm_customers_place(customers, key->hash);
	uint32 slot_size = customers->slot_size;

	for (;; slot += slot_size)
	{
		uint32 *state = crm_slot_state(customers, slot);

		if (*state == 0)
		{
			if (unlikely(slot == customers->last))
				return NULL;
			crm_write_key(customers, kind, slot, key);
			customers->count++;
			return state;
		}
		if (crm_same_key(kind, slot, key))
			return state;
	}
}

#endif /* CRM_FIND_H */
