/*
 * weeks.h
 *		Weekly figures on their way to crmlife's tables.
 */
#ifndef CRM_WEEKS_H
#define CRM_WEEKS_H

#include "engine/weekly.h"
#include "stage/definition.h"

/*
 * Write the bands of all weeks, and stages and flows of those from `first` on,
 * in place of what is there of them.  The weeks are finished.  Returns how many
 * rows that are.
 */
extern uint64 crm_weeks_write(const CrmStageDefinition *definition,
							  const CrmWeekly *weekly, int first);

#endif /* CRM_WEEKS_H */
