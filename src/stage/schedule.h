/*
 * schedule.h
 *		When the steps are due that the worker does besides refreshing.
 */
#ifndef CRM_SCHEDULE_H
#define CRM_SCHEDULE_H

#include "postgres.h"
#include "datatype/timestamp.h"

typedef enum CrmScheduleStep
{
	CRM_SCHEDULE_WEEKS, /* the figures of a week that is over */
	CRM_SCHEDULE_CALIBRATE,
	CRM_SCHEDULE_LEARN,
	CRM_SCHEDULE_STEPS
} CrmScheduleStep;

/* as crmlife.runs calls it */
extern const char *crm_schedule_step_name(CrmScheduleStep step);

/*
 * Whether a step is due on the day the table shows.  The caller is connected
 * to SPI as the owner of crmlife's own tables.
 */
extern bool crm_schedule_due(Oid stage_table, CrmScheduleStep step);
/*
 * Keep why it failed, in the run log too: it is tried again on the next day.
 * Connected as above.
 */
extern void crm_schedule_failed(Oid stage_table, CrmScheduleStep step,
								TimestampTz started, const char *error);

/*
 * Called by what a step does, asked for by whomever: it has failed no more.
 * Connected to SPI.
 */
extern void crm_schedule_done(Oid stage_table, CrmScheduleStep step);

#endif /* CRM_SCHEDULE_H */
