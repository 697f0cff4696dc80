/*
 * test_totals.c
 *		The cells of totals against plain arrays, wherever they lie: inside the
 *		grid, beyond its edges, at the ends of the numbers.
 */
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "engine/totals.h"

#include "tap.h"

#define ROWS 300
#define COLUMNS 150
#define ROUNDS 60

static int64_t counted[ROWS][COLUMNS];

/* how often each cell is asked for: few of them often, most of them hardly */
static void
count_at_random(CrmTotals *totals, int32_t row, int32_t column, int asked)
{
	for (int i = 0; i < asked; i++)
	{
		int r = (int) random_between(0, random_chance(0.7) ? 20 : ROWS - 1);
		int c = (int) random_between(0, random_chance(0.7) ? 9 : COLUMNS - 1);
		CrmCell *cell = crm_totals_cell(totals, row + r, column + c);

		cell->count[0] += i;
		cell->count[1]++;
		counted[r][c] += (int64_t) i * 1000000 + 1;
	}
}

static int64_t
cells_differing(const CrmTotals *totals, int32_t row, int32_t column)
{
	int64_t wrong = 0;

	for (int r = 0; r < ROWS; r++)
	{
		for (int c = 0; c < COLUMNS; c++)
		{
			const CrmCell *cell = crm_totals_find(totals, row + r, column + c);
			int64_t got = cell ? cell->count[0] * 1000000 + cell->count[1] : 0;

			wrong += got != counted[r][c];
		}
	}
	return wrong;
}

static bool
in_order(const CrmTotals *totals)
{
	for (size_t i = 1; i < totals->cells; i++)
	{
		const CrmCell *before = crm_totals_sorted(totals, i - 1);
		const CrmCell *cell = crm_totals_sorted(totals, i);

		if (before->row > cell->row ||
			(before->row == cell->row && before->column >= cell->column))
			return false;
	}
	return true;
}

static bool
one_round(int32_t row, int32_t column)
{
	CrmTotals totals;
	int		  asked = (int) random_between(1, random_chance(0.5) ? 900 : 9000);
	bool	  right;

	memset(counted, 0, sizeof(counted));
	crm_totals_init(&totals, 2, 0);
	count_at_random(&totals, row, column, asked);
	right = cells_differing(&totals, row, column) == 0;
	crm_totals_sort(&totals);
	right &= cells_differing(&totals, row, column) == 0 && in_order(&totals);
	crm_totals_free(&totals);
	return right;
}

static void
check(const char *what, int32_t row, int32_t column)
{
	PROPERTY(what)
	{
		for (int i = 0; i < ROUNDS; i++)
			CHECK(one_round(row, column), "round %d", i);
	}
}

/* ---- sums of bits --------------------------------------------------------- */

#define SUM_ROWS 7
#define SUM_WORDS 3

static void
check_bits(void)
{
	PROPERTY("sums of bits are those of the maps, one by one")
	{
		static int	maps_with[SUM_ROWS][SUM_WORDS * 32];
		CrmBitSums *sums = crm_bit_sums_create(SUM_ROWS, SUM_WORDS);

		memset(maps_with, 0, sizeof(maps_with));
		for (int i = 0; i < 20000; i++)
		{
			int	 row = (int) random_between(0, SUM_ROWS - 1);
			bool full = random_chance(0.5);

			for (int word = 0; word < SUM_WORDS; word++)
			{
				uint32_t bits = full ? UINT32_MAX
									 : (uint32_t) random_between(0, UINT32_MAX);

				crm_bit_sums_add(sums, row, word, bits);
				for (int bit = 0; bit < 32; bit++)
					maps_with[row][word * 32 + bit] += bits >> bit & 1;
			}
			if (!crm_bit_sums_count(sums, row) && !random_chance(0.001))
				continue;
			for (int bit = 0; bit < SUM_WORDS * 32; bit++)
				CHECK(crm_bit_sums_get(sums, row, bit) == maps_with[row][bit],
					  "row %d, bit %d", row, bit);
			memset(maps_with[row], 0, sizeof(maps_with[row]));
			crm_bit_sums_clear(sums, row);
		}
		crm_free(sums);
	}
}

int
main(void)
{
	check_bits();
	check("rows and columns from 0", 0, 0);
	check("negative rows and columns", -ROWS / 2, -COLUMNS / 2);
	check("the first rows", INT32_MIN, 0);
	check("the last rows", INT32_MAX - ROWS, 5);
	check("the last columns", 288, INT32_MAX - COLUMNS);
	return done();
}
