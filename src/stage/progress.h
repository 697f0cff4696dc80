/*
 * progress.h
 *		What a run that is under way shows of itself, and what is kept of runs
 *		that are over.
 */
#ifndef CRM_PROGRESS_H
#define CRM_PROGRESS_H

#include "postgres.h"
#include "tcop/dest.h"

#include "stage/definition.h"
#include "stage/stage.h"

typedef enum CrmPhase
{
	CRM_PHASE_COLLECTING, /* whom to look at */
	CRM_PHASE_READING,	  /* rows of the sources and of the stage table */
	CRM_PHASE_WORKING,	  /* customer by customer; rows that differ written */
	CRM_PHASE_INDEXING,	  /* of a table that was filled without its indexes */
	CRM_PHASE_FIGURES
} CrmPhase;
#define CRM_PHASES (CRM_PHASE_FIGURES + 1)

#define CRM_NOT_KNOWN (-1)

typedef struct CrmProgress CrmProgress;

extern Size crm_progress_size(void);

/* the caller gives the result of begin back to end, errors or not */
extern CrmProgress *crm_progress_begin(Oid stage_table);
extern void			crm_progress_end(CrmProgress *outer);

/* without a run under way these do nothing */
extern void crm_progress_phase(CrmPhase phase, int64 rows_expected);
extern void crm_progress_rows(int64 count);
extern void crm_progress_customers_expected(int64 count);
extern void crm_progress_customer(void);
/*
 * Rows of a relation and of all below it, by the statistics; CRM_NOT_KNOWN:
 * these are silent.
 */
extern int64 crm_progress_rows_of(Oid relation);
/* counts the rows on their way to a receiver, which goes with this one */
extern DestReceiver *crm_progress_receiver(DestReceiver *receiver);

/* ----- runs that are over ----- */

/*
 * One row in crmlife.run_log; step is refresh, weeks, calibrate or another
 * thing done to a stage table.  The caller holds the table's lock.  error: NULL
 * for success.
 */
extern void crm_run_log(Oid stage_table, const char *step, TimestampTz started,
						const CrmRefreshResult *result, const char *error);
/* a line in the server log, if crmlife.log_min_duration wants one */
extern void crm_run_report(const CrmStageDefinition *definition,
						   TimestampTz started, const CrmRefreshResult *result);

/* settings, defined in crmlife.c */
extern int crm_run_log_size;
extern int crm_log_min_duration; /* milliseconds; -1: off */

#endif /* CRM_PROGRESS_H */
