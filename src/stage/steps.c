/*
 * steps.c
 *		What the worker does to a stage table by schedule, besides refreshing it.
 *
 * Invariant: in the transaction of the caller, who holds the table's lock.
 */
#include "postgres.h"

#include "executor/spi.h"
#include "utils/timestamp.h"

#include "stage/calibrate.h"
#include "stage/figures.h"
#include "stage/learn.h"
#include "stage/progress.h"
#include "stage/steps.h"

static void (*const steps[CRM_SCHEDULE_STEPS])(Oid stage_table) = {
	[CRM_SCHEDULE_WEEKS] = crm_figures_weeks,
	[CRM_SCHEDULE_CALIBRATE] = crm_calibrate_again,
	[CRM_SCHEDULE_LEARN] = crm_learn_again,
};

void
crm_step_run(Oid stage_table, CrmScheduleStep step)
{
	TimestampTz started = GetCurrentTimestamp();

	steps[step](stage_table);
	/* the weeks are there already, with what they have cost */
	if (step == CRM_SCHEDULE_WEEKS)
		return;
	SPI_connect();
	crm_run_log(stage_table, crm_schedule_step_name(step), started, NULL, NULL);
	SPI_finish();
}
