/*
 * key.h
 *		A customer's key as the table of customers sees it.
 *
 * Every key becomes a 64-bit hash and, where that is not all of it, the rest:
 *
 *		bigint   hash is a bijection of the number: equal hash, equal key
 *		uuid     hash and rest together are a bijection of the 128 bits
 *		text     hash of the bytes; rest points to them
 *
 * The table orders customers by hash, so its high bits must depend on all
 * bits of the key.
 *
 * Invariant: the hash is the same on every platform.  It goes over the wire
 * and a table of customers is written in its order.
 */
#ifndef CRM_KEY_H
#define CRM_KEY_H

#include "postgres.h"

#include "port/pg_bswap.h"
#include "utils/uuid.h"

typedef enum CrmKeyKind
{
	CRM_KEY_BIGINT = 1,
	CRM_KEY_UUID,
	CRM_KEY_TEXT
} CrmKeyKind;

typedef struct CrmKey
{
	uint64		hash;
	uint64		rest;  /* uuid: its low half */
	const char *bytes; /* text */
	uint32		length;
} CrmKey;

#define CRM_MIX_A UINT64CONST(0x9E3779B97F4A7C15)
#define CRM_MIX_B UINT64CONST(0xD6E8FEB86659FD93)
#define CRM_UNMIX_A UINT64CONST(0xF1DE83E19937733D)
#define CRM_UNMIX_B UINT64CONST(0xCFEE444D8B59A89B)

/* a bijection: xor-shifts and odd multipliers can all be undone */
static inline uint64
crm_mix(uint64 x)
{
	x ^= x >> 32;
	x *= CRM_MIX_A;
	x ^= x >> 29;
	x *= CRM_MIX_B;
	x ^= x >> 32;
	return x;
}

/* the other way: by the multipliers' inverses modulo 2^64 */
static inline uint64
crm_unmix(uint64 x)
{
	x ^= x >> 32;
	x *= CRM_UNMIX_B;
	x ^= x >> 29 ^ x >> 58;
	x *= CRM_UNMIX_A;
	x ^= x >> 32;
	return x;
}

static inline uint64
crm_multiply_fold(uint64 a, uint64 b)
{
	unsigned __int128 product = (unsigned __int128) a * b;

	return (uint64) product ^ (uint64) (product >> 64);
}

/* 64 bits from an address of any alignment, as they stand in memory */
static inline uint64
crm_load64(const char *from)
{
	uint64 value;

	memcpy(&value, from, sizeof(value));
	return value;
}

static inline void
crm_store64(char *to, uint64 value)
{
	memcpy(to, &value, sizeof(value));
}

/* the same bytes, the first one lowest, whatever the machine */
static inline uint64
crm_load64_little(const char *from)
{
#ifdef WORDS_BIGENDIAN
	return pg_bswap64(crm_load64(from));
#else
	return crm_load64(from);
#endif
}

static inline CrmKey
crm_key_from_bigint(int64 value)
{
	CrmKey key = {.hash = crm_mix((uint64) value)};

	return key;
}

static inline CrmKey
crm_key_from_uuid(const pg_uuid_t *uuid)
{
	uint64 high = crm_load64_little((const char *) uuid->data);
	CrmKey key;

	key.rest = crm_load64_little((const char *) uuid->data + sizeof(uint64));
	key.hash = crm_mix(high ^ crm_mix(key.rest ^ CRM_MIX_A));
	key.bytes = NULL;
	key.length = 0;
	return key;
}

static inline int64
crm_key_bigint(const CrmKey *key)
{
	return (int64) crm_unmix(key->hash);
}

static inline void
crm_key_uuid(const CrmKey *key, pg_uuid_t *uuid)
{
	uint64 high = crm_unmix(key->hash) ^ crm_mix(key->rest ^ CRM_MIX_A);

#ifdef WORDS_BIGENDIAN
	high = pg_bswap64(high);
#endif
	crm_store64((char *) uuid->data, high);
#ifdef WORDS_BIGENDIAN
	crm_store64((char *) uuid->data + sizeof(uint64), pg_bswap64(key->rest));
#else
	crm_store64((char *) uuid->data + sizeof(uint64), key->rest);
#endif
}

/*
 * Keys are short: a call of memcpy or memcmp costs more than the work.  The end
 * of eight bytes or more is taken by a last step back to its beginning.
 */
static inline void
crm_copy_bytes(char *to, const char *from, uint32 length)
{
	uint32 at = 0;

	if (length < sizeof(uint64))
	{
		for (; at < length; at++)
			to[at] = from[at];
		return;
	}
	for (; at < length - sizeof(uint64); at += sizeof(uint64))
		crm_store64(to + at, crm_load64(from + at));
	at = length - sizeof(uint64);
	crm_store64(to + at, crm_load64(from + at));
}

static inline bool
crm_same_bytes(const char *a, const char *b, uint32 length)
{
	uint32 at = 0;

	if (length < sizeof(uint64))
	{
		while (at < length && a[at] == b[at])
			at++;
		return at == length;
	}
	for (; at < length - sizeof(uint64); at += sizeof(uint64))
	{
		if (crm_load64(a + at) != crm_load64(b + at))
			return false;
	}
	at = length - sizeof(uint64);
	return crm_load64(a + at) == crm_load64(b + at);
}

/* the last one to eight bytes of a text, none of an empty one */
static inline uint64
crm_last_bytes(const char *bytes, uint32 length, uint32 whole)
{
	uint64 last = 0;

	if (whole >= sizeof(uint64))
		return crm_load64_little(bytes + length - sizeof(uint64)) >>
			   (8 * (sizeof(uint64) - length));
	for (uint32 i = 0; i < length; i++)
		last |= (uint64) (unsigned char) bytes[i] << (8 * i);
	return last;
}

static inline CrmKey
crm_key_from_text(const char *bytes, uint32 length)
{
	CrmKey key = {.bytes = bytes, .length = length};
	uint64 hash = CRM_MIX_A ^ length;
	uint64 last;

	while (length > sizeof(uint64))
	{
		hash = crm_multiply_fold(hash ^ crm_load64_little(bytes), CRM_MIX_B);
		hash += CRM_MIX_A;
		bytes += sizeof(uint64);
		length -= sizeof(uint64);
	}
	last = crm_last_bytes(bytes, length, key.length);
	key.hash = crm_mix(crm_multiply_fold(hash ^ last, CRM_MIX_B) + hash);
	return key;
}

/* the order in which customers are written: by hash, and by the rest of it */
static inline int
crm_key_compare(CrmKeyKind kind, const CrmKey *a, const CrmKey *b)
{
	if (a->hash != b->hash)
		return a->hash < b->hash ? -1 : 1;
	if (kind == CRM_KEY_UUID && a->rest != b->rest)
		return a->rest < b->rest ? -1 : 1;
	if (kind == CRM_KEY_TEXT)
	{
		if (a->length != b->length)
			return a->length < b->length ? -1 : 1;
		return memcmp(a->bytes, b->bytes, a->length);
	}
	return 0;
}

#endif /* CRM_KEY_H */
