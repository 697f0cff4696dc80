/*
 * bit_sums.c
 *		The rows of sums and the bits' way to bytes.
 */
#include "engine/bit_sums.h"

CrmBitSums *
crm_bit_sums_create(int rows, int words)
{
	size_t		sums_size = (size_t) rows * words * 4 * sizeof(uint64_t);
	size_t		size = offsetof(CrmBitSums, sum) + sums_size + (size_t) rows;
	CrmBitSums *sums = crm_alloc(size);

	memset(sums, 0, size);
	sums->rows = rows;
	sums->words = words;
	sums->maps = (uint8_t *) sums->sum + sums_size;
	for (int bits = 0; bits < 256; bits++)
	{
		for (int bit = 0; bit < 8; bit++)
			sums->spread[bits] |= (uint64_t) (bits >> bit & 1) << (8 * bit);
	}
	return sums;
}
