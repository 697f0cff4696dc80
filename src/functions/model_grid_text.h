/*
 * model_grid_text.h
 *		The facts of a cell of the grid, in words.
 */
#ifndef CRM_MODEL_GRID_TEXT_H
#define CRM_MODEL_GRID_TEXT_H

#include "postgres.h"

#include "engine/model_grid.h"

/* as it is written in a model: orders, orders_in(90) */
extern char *crm_grid_fact_text(const CrmGridFact *fact);
/* 3, 19.90, NULL */
extern char *crm_grid_number_text(const CrmGridFact *fact);
/* all that are given: "orders = 1, days_since_order = 7" */
extern char *crm_grid_text(const CrmGrid *grid);

#endif /* CRM_MODEL_GRID_TEXT_H */
