/*
 * steps.h
 *		What the worker does to a stage table by schedule, besides refreshing it.
 */
#ifndef CRM_STEPS_H
#define CRM_STEPS_H

#include "stage/schedule.h"

/* do a step, and keep it in the run log; the caller holds the table's lock */
extern void crm_step_run(Oid stage_table, CrmScheduleStep step);

#endif /* CRM_STEPS_H */
