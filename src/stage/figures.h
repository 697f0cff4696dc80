/*
 * figures.h
 *		What is kept about a stage table as a whole: counts by stage and day,
 *		weekly figures, the overview, cohorts.
 */
#ifndef CRM_FIGURES_H
#define CRM_FIGURES_H

#include "stage/definition.h"

/*
 * Bring the figures to the day that the stage table shows.  The caller is
 * connected to SPI; rows of the stage table are read as its owner.
 */
extern void
crm_figures_update(const CrmStageDefinition *definition, CrmDay day);

#endif /* CRM_FIGURES_H */
