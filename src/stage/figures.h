/*
 * figures.h
 *		What is kept about a stage table as a whole: counts by stage and day,
 *		weekly figures, the overview, cohorts.
 */
#ifndef CRM_FIGURES_H
#define CRM_FIGURES_H

#include "stage/definition.h"
#include "stage/row.h"
#include "stage/scan.h"

/* of one refresh; the caller is connected to SPI all the while */
typedef struct CrmFigures CrmFigures;

/*
 * everybody: all customers will be given.  first_known: the first day on which
 * any of them is known, where the table is being filled; else CRM_NO_DAY.
 */
extern CrmFigures *
crm_figures_begin(const CrmStageDefinition *definition, CrmDay day,
				  bool everybody, CrmDay first_known);
/*
 * A customer whose row is written, or with everybody any; row NULL: there is
 * none.
 */
extern void crm_figures_add(CrmFigures *figures, const CrmPair *pair,
							const CrmStageRow *row);
/* once the rows are written: bring the figures to the day they show */
extern void crm_figures_end(CrmFigures *figures);

/*
 * The weekly figures walk over all histories, once a week.  They come after
 * the refresh, in the worker in a transaction of their own.  Nothing happens
 * where no week is over since the last time.
 */
extern void crm_figures_weeks(Oid stage_table);

#endif /* CRM_FIGURES_H */
