/*
 * totals.c
 *		The cells of totals: a hash table with linear probing, half full at
 *		most, and an array once sorted.
 */
#include <stdlib.h>
#include <string.h>

#include "engine/totals.h"

#define FIRST_CAPACITY 16
/* so many searches are worth the memory of a grid */
#define GRID_FROM 1024

void
crm_totals_init(CrmTotals *totals, int cell_counts, int cell_sums)
{
	memset(totals, 0, sizeof(*totals));
	totals->cell_counts = cell_counts;
	totals->cell_size = offsetof(CrmCell, count) +
						cell_counts * sizeof(int64_t) +
						cell_sums * sizeof(CrmMoney);
}

/* what only speeds up counting */
static void
drop_aids(CrmTotals *totals)
{
	if (totals->grid != NULL)
		crm_free(totals->grid);
	if (totals->bits != NULL)
		crm_free(totals->bits);
	totals->grid = NULL;
	totals->bits = NULL;
}

void
crm_totals_free(CrmTotals *totals)
{
	if (totals->cell != NULL)
		crm_free(totals->cell);
	drop_aids(totals);
	totals->cell = NULL;
	totals->cells = totals->capacity = 0;
}

static inline CrmCell *
cell_at(const CrmTotals *totals, size_t place)
{
	return (CrmCell *) (totals->cell + place * totals->cell_size);
}

static inline size_t
hash_of(int32_t row, int32_t column)
{
	uint64_t key = (uint64_t) (uint32_t) row << 32 | (uint32_t) column;

	key *= UINT64_C(0x9E3779B97F4A7C15);
	return (size_t) (key ^ key >> 32);
}

/* the cell, or the free place where it belongs */
static CrmCell *
probe(const CrmTotals *totals, int32_t row, int32_t column)
{
	size_t mask = totals->capacity - 1;

	for (size_t place = hash_of(row, column) & mask;;
		 place = (place + 1) & mask)
	{
		CrmCell *cell = cell_at(totals, place);

		if (!cell->used || (cell->row == row && cell->column == column))
			return cell;
	}
}

/* ---- the grid ------------------------------------------------------------ */

#define GRID_BYTES (CRM_GRID_ROWS * CRM_GRID_COLUMNS * sizeof(CrmCell *))

static void
make_grid(CrmTotals *totals, int32_t row)
{
	totals->grid = crm_alloc(GRID_BYTES);
	memset(totals->grid, 0, GRID_BYTES);
	totals->grid_row = row < INT32_MIN + CRM_GRID_ROWS / 2
						   ? INT32_MIN
						   : row - CRM_GRID_ROWS / 2;
}

static void
remember_in_grid(CrmTotals *totals, CrmCell *cell)
{
	uint32_t row = (uint32_t) cell->row - (uint32_t) totals->grid_row;

	if (row < CRM_GRID_ROWS && (uint32_t) cell->column < CRM_GRID_COLUMNS)
		totals->grid[row * CRM_GRID_COLUMNS + (uint32_t) cell->column] = cell;
}

/* ---- cells --------------------------------------------------------------- */

static void
grow(CrmTotals *totals)
{
	CrmTotals old = *totals;
	size_t	  bytes;

	totals->capacity = old.capacity == 0 ? FIRST_CAPACITY : old.capacity * 2;
	bytes = totals->capacity * totals->cell_size;
	totals->cell = crm_alloc(bytes);
	memset(totals->cell, 0, bytes);
	for (size_t place = 0; place < old.capacity; place++)
	{
		CrmCell *from = cell_at(&old, place);

		if (from->used)
			memcpy(probe(totals, from->row, from->column), from,
				   totals->cell_size);
	}
	if (old.cell != NULL)
		crm_free(old.cell);
	if (totals->grid != NULL)
		memset(totals->grid, 0, GRID_BYTES);
}

CrmCell *
crm_totals_search(CrmTotals *totals, int32_t row, int32_t column)
{
	CrmCell *cell;

	if (totals->cells * 2 >= totals->capacity)
		grow(totals);
	cell = probe(totals, row, column);
	if (!cell->used)
	{
		cell->used = true;
		cell->row = row;
		cell->column = column;
		totals->cells++;
	}
	if (totals->grid == NULL && ++totals->searches == GRID_FROM)
		make_grid(totals, row);
	if (totals->grid != NULL)
		remember_in_grid(totals, cell);
	return cell;
}

static int
compare_cells(const void *a, const void *b)
{
	const CrmCell *left = a;
	const CrmCell *right = b;

	if (left->row != right->row)
		return left->row < right->row ? -1 : 1;
	return (left->column > right->column) - (left->column < right->column);
}

void
crm_totals_sort(CrmTotals *totals)
{
	size_t kept = 0;

	drop_aids(totals);
	for (size_t place = 0; place < totals->capacity; place++)
	{
		if (!cell_at(totals, place)->used)
			continue;
		if (kept != place)
			memmove(cell_at(totals, kept), cell_at(totals, place),
					totals->cell_size);
		kept++;
	}
	if (kept > 0)
		qsort(totals->cell, kept, totals->cell_size, compare_cells);
	totals->sorted = true;
}

CrmCell *
crm_totals_sorted(const CrmTotals *totals, size_t place)
{
	return cell_at(totals, place);
}

CrmCell *
crm_totals_find(const CrmTotals *totals, int32_t row, int32_t column)
{
	CrmCell	 key = {.row = row, .column = column};
	CrmCell *cell;

	if (totals->cells == 0)
		return NULL;
	if (totals->sorted)
		return bsearch(&key, totals->cell, totals->cells, totals->cell_size,
					   compare_cells);
	cell = probe(totals, row, column);
	return cell->used ? cell : NULL;
}
