/*
 * digest.c
 *		What a row of a stage table comes down to, in 16 bytes.
 *
 * To compare every row of a large table with what it should be, most of which
 * are equal, its rows need not be kept beside the customers' rows: a digest
 * tells which to look at.  A row is some 350 bytes, and those of millions of
 * customers would go to temporary files.
 *
 * Each word is mixed into two halves that know nothing of each other, by a
 * multiplication whose upper and lower part are folded together.  A value is
 * preceded by what it is: NULL, or its length.
 *
 * Invariant: of two rows that differ in a bit of a value both halves are equal
 * with a probability of about 1 in 2^128.  It is no protection against somebody
 * who looks for two rows of one digest.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/date.h"
#include "utils/timestamp.h"

#include "stage/columns.h"
#include "stage/digest.h"

/* odd, of no pattern: from the fractional digits of the golden ratio and pi */
#define FACTOR_A UINT64CONST(0x9E3779B97F4A7C15)
#define FACTOR_B UINT64CONST(0x243F6A8885A308D3)
#define NO_VALUE UINT64CONST(0xA4093822299F31D1)

static inline uint64
folded(uint64 value, uint64 factor)
{
	unsigned __int128 product = (unsigned __int128) value * factor;

	return (uint64) product ^ (uint64) (product >> 64);
}

static inline void
mix(CrmDigest *digest, uint64 word)
{
	digest->a = folded(digest->a ^ word, FACTOR_A) + word;
	digest->b = folded(digest->b + word, FACTOR_B) ^ (word >> 32 | word << 32);
}

static inline void
mix_bytes(CrmDigest *digest, const char *bytes, Size size)
{
	uint64 word;

	mix(digest, size);
	for (; size >= sizeof(word); size -= sizeof(word), bytes += sizeof(word))
	{
		memcpy(&word, bytes, sizeof(word));
		mix(digest, word);
	}
	if (size == 0)
		return;
	word = 0;
	memcpy(&word, bytes, size);
	mix(digest, word);
}

CrmDigest
crm_row_digest(const CrmStageRow *row, int columns)
{
	CrmDigest digest = {FACTOR_B, FACTOR_A};

	for (int i = 0; i < columns; i++)
	{
		Datum			value = row->values[i];
		struct varlena *bytes;

		if (row->nulls[i])
		{
			mix(&digest, NO_VALUE);
			continue;
		}
		switch (crm_stage_columns[i].type)
		{
			case INT4OID:
			case DATEOID:
				mix(&digest, (uint32) DatumGetInt32(value));
				break;
			case INT8OID:
			case TIMESTAMPOID:
				mix(&digest, (uint64) DatumGetInt64(value));
				break;
			default:
				bytes = PG_DETOAST_DATUM_PACKED(value);
				mix_bytes(&digest, VARDATA_ANY(bytes),
						  VARSIZE_ANY_EXHDR(bytes));
				break;
		}
	}
	return digest;
}
