/*
 * model_grid.h
 *		A model's tree on customers who are made up: which of its results can
 *		be reached, and what another value of one fact would change.
 *
 * A cell of the grid gives a value to some facts of the model.  For each fact
 * the values worth trying are those at which a comparison can turn: every
 * constant it meets and its neighbours.  Facts are given values only when the
 * evaluation asks for them, and only such values as a customer can have
 * together: no first order after the last, no order in a window without an
 * order, an average that is revenue / orders.
 *
 *		orders?  0 --> days_since_order is NULL  --> 'prospect'
 *		         1 --> days_since_order? 0 .. 6  --> 'aftersale'
 *		                                 7 .. 89 --> 'active'
 *
 * Invariant: a result that is reached is reached by a customer who can exist.
 * One that is not reached cannot be where comparisons are of one fact with
 * constants; where several facts meet in one comparison, the grid is of all
 * constants of the model.
 */
#ifndef CRM_MODEL_GRID_H
#define CRM_MODEL_GRID_H

#include "model_tree.h"

typedef struct CrmGridFact
{
	CrmFact	  fact;	  /* CRM_FACT_COUNT: a threshold without a value */
	int64_t	  days;	  /* of a window; the number of such a threshold */
	CrmMoney *points; /* ascending */
	int		  point_count;
	int		  point_space;
	bool	  set;
	bool	  null;
	CrmMoney  number;
} CrmGridFact;

typedef struct CrmGrid
{
	CrmNode		*root;
	CrmGridFact *facts; /* each once, in the order in which they depend */
	int			 count;
	int			 space;
	bool		 mixed; /* a comparison in which several facts meet */
	int64_t		 cells; /* evaluated so far */
} CrmGrid;

#define CRM_GRID_CELLS 3000000

/* what an evaluation comes to, other than the index of a stage */
#define CRM_GRID_NULL (-1)
#define CRM_GRID_FAULT (-2)

/*
 * Called for each cell that decides the node, a condition or a CASE of stages:
 * the index of a stage, 1 or 0 of a condition, or one of the above.  False
 * ends the search.
 */
typedef bool (*CrmGridCallback)(void *context, CrmGrid *grid, int result);

/* the facts below root and their points; nodes are kept */
extern void			crm_grid_init(CrmGrid *grid, CrmNode *root);
extern CrmGridFact *crm_grid_find(CrmGrid *grid, CrmFact fact, int64_t days);

/* whether the facts that are set agree on whether there are orders at all */
extern bool crm_grid_agrees(const CrmGrid *grid);

/* evaluate with the facts that are set; all that is asked for must be */
extern int crm_grid_evaluate(CrmGrid *grid, CrmNode *node);
/*
 * Every cell that matters to the node, on top of what is set.  False if they
 * are too many, or the callback ended it.
 */
extern bool crm_grid_search(CrmGrid *grid, CrmNode *node,
							CrmGridCallback callback, void *context);

#endif /* CRM_MODEL_GRID_H */
