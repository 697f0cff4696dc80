/*
 * bit_sums.h
 *		Counting, for each bit, in how many of many maps it is set.
 *
 * One bit after the other, each with a cell to find, takes as many steps as
 * bits are set, and nobody can foretell how many those are.  So eight bits at
 * a time are spread over eight bytes and added up there:
 *
 *		00100101  ->  0 0 1 0 0 1 0 1
 *		00000100  ->  0 0 0 0 0 1 0 0
 *		              ---------------
 *		              0 0 1 0 0 2 0 1     a byte for each bit, up to 255 maps
 *
 * There are several rows of such sums.  Who adds to a row that is full reads
 * it and clears it; and reads all of them in the end.
 *
 * Invariant: no byte of a row has counted more maps than the row's count.
 */
#ifndef CRM_BIT_SUMS_H
#define CRM_BIT_SUMS_H

#include <string.h>

#include "host.h"

#define CRM_BIT_SUMS_MOST 255

typedef struct CrmBitSums
{
	int		 rows;
	int		 words; /* of 32 bits, that a map has */
	uint64_t spread[256];
	uint8_t *maps; /* of each row */
	uint64_t sum[];
} CrmBitSums;

extern CrmBitSums *crm_bit_sums_create(int rows, int words);

static inline uint64_t *
crm_bit_sums_row(CrmBitSums *sums, int row)
{
	return sums->sum + (size_t) row * sums->words * 4;
}

/* a map's word joins a row; all of the map's words, before it is counted */
static inline void
crm_bit_sums_add(CrmBitSums *sums, int row, int word, uint32_t bits)
{
	uint64_t *sum = crm_bit_sums_row(sums, row) + word * 4;

	sum[0] += sums->spread[bits & 255];
	sum[1] += sums->spread[bits >> 8 & 255];
	sum[2] += sums->spread[bits >> 16 & 255];
	sum[3] += sums->spread[bits >> 24];
}

/* one more map is in the row; true: the row is full */
static inline bool
crm_bit_sums_count(CrmBitSums *sums, int row)
{
	return ++sums->maps[row] == CRM_BIT_SUMS_MOST;
}

/* the maps of a row that have the bit */
static inline int
crm_bit_sums_get(CrmBitSums *sums, int row, int bit)
{
	return crm_bit_sums_row(sums, row)[bit / 8] >> (8 * (bit % 8)) & 255;
}

static inline void
crm_bit_sums_clear(CrmBitSums *sums, int row)
{
	sums->maps[row] = 0;
	memset(crm_bit_sums_row(sums, row), 0,
		   (size_t) sums->words * 4 * sizeof(uint64_t));
}

#endif /* CRM_BIT_SUMS_H */
