/*
 * totals.h
 *		What a metric counts over all customers of a group.
 *
 * A few counts by number, and any number of cells by row and column (cohort
 * and period, say), each with the counts and sums its metric asks for:
 *
 *		count[0] count[1] ...
 *
 *		(row, column) | count[0] count[1] ... | sum[0] ...
 *		(row, column) | ...
 *
 * Cells are found by hash until crm_totals_sort puts them in order of row
 * and column; then they can only be read.  Totals that are asked for cells
 * often have a grid that remembers where those around the first one are, and
 * those that count maps have sums of bits for what is not in the cells yet.
 *
 * Invariant: what isn't counted yet is zero; what the grid knows is right.
 */
#ifndef CRM_TOTALS_H
#define CRM_TOTALS_H

#include "bit_sums.h"
#include "host.h"
#include "money.h"

#define CRM_COUNTS 4

typedef struct CrmCell
{
	int32_t row;
	int32_t column;
	bool	used;
	int64_t count[]; /* and after them the sums */
} CrmCell;

typedef struct CrmTotals
{
	int64_t		count[CRM_COUNTS];
	size_t		cell_size;
	int			cell_counts;
	size_t		cells;
	size_t		capacity; /* a power of two */
	bool		sorted;
	char	   *cell;
	int			searches; /* so far, up to those that make a grid */
	int32_t		grid_row; /* its first one */
	CrmCell	  **grid;	  /* NULL as long as there is none */
	int			maps;	  /* so far, up to those that make sums of bits */
	CrmBitSums *bits;	  /* NULL as long as there are none */
} CrmTotals;

/* so many maps are worth the memory of sums of bits */
#define CRM_BITS_FROM 512

#define CRM_GRID_ROWS 128
#define CRM_GRID_COLUMNS 64

extern void crm_totals_init(CrmTotals *totals, int cell_counts, int cell_sums);
/* the cell, new or known, by a search */
extern CrmCell			   *
crm_totals_search(CrmTotals *totals, int32_t row, int32_t column);
extern void crm_totals_sort(CrmTotals *totals);
/* the cell of that place in the order; totals->cells there are */
extern CrmCell *crm_totals_sorted(const CrmTotals *totals, size_t place);
/* NULL if there is none; sorted or not */
extern CrmCell *
crm_totals_find(const CrmTotals *totals, int32_t row, int32_t column);
extern void crm_totals_free(CrmTotals *totals);

/* the cell, new or known */
static inline CrmCell *
crm_totals_cell(CrmTotals *totals, int32_t row, int32_t column)
{
	uint32_t r = (uint32_t) row - (uint32_t) totals->grid_row;

	if (totals->grid != NULL && r < CRM_GRID_ROWS &&
		(uint32_t) column < CRM_GRID_COLUMNS)
	{
		CrmCell *cell = totals->grid[r * CRM_GRID_COLUMNS + (uint32_t) column];

		if (cell != NULL)
			return cell;
	}
	return crm_totals_search(totals, row, column);
}

/*
 * Sums of bits that stay with the totals, of so many rows and words at every
 * call; NULL as long as there are too few maps for them.  It is for the metric
 * to get what is in them into the cells before these are sorted.
 */
static inline CrmBitSums *
crm_totals_bits(CrmTotals *totals, int rows, int words)
{
	if (totals->bits == NULL && ++totals->maps > CRM_BITS_FROM)
		totals->bits = crm_bit_sums_create(rows, words);
	return totals->bits;
}

static inline CrmMoney *
crm_cell_sum(const CrmTotals *totals, CrmCell *cell)
{
	return (CrmMoney *) (cell->count + totals->cell_counts);
}

#endif /* CRM_TOTALS_H */
