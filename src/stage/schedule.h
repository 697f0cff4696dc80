/*
 * schedule.h
 *		What the worker does to a stage table besides refreshing it.
 */
#ifndef CRM_SCHEDULE_H
#define CRM_SCHEDULE_H

#include "postgres.h"

typedef enum CrmScheduleStep
{
	CRM_SCHEDULE_WEEKS, /* the figures of a week that is over */
	CRM_SCHEDULE_CALIBRATE,
	CRM_SCHEDULE_LEARN,
	CRM_SCHEDULE_STEPS
} CrmScheduleStep;

/*
 * Whether a step is due on the day the table shows.  The caller is connected
 * to SPI as the owner of crmlife's own tables.
 */
extern bool crm_schedule_due(Oid stage_table, CrmScheduleStep step);
/* do it; the caller holds the table's lock */
extern void crm_schedule_run(Oid stage_table, CrmScheduleStep step);
/* keep why it failed: it is tried again on the next day; connected as above */
extern void crm_schedule_failed(Oid stage_table, const char *error);

/* as crmlife.runs calls it */
extern const char *crm_schedule_step_name(CrmScheduleStep step);

#endif /* CRM_SCHEDULE_H */
