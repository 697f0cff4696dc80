/*
 * learn.h
 *		Learning a stage table's thresholds from its data.
 */
#ifndef CRM_STAGE_LEARN_H
#define CRM_STAGE_LEARN_H

#include "postgres.h"

#include "stage/in_force.h"

/* learn with the default settings if the model has a threshold without value */
extern void crm_learn_if_lacking(Oid stage_table);

/* learn and apply as it was asked for the last time; the caller holds the lock */
extern void crm_learn_again(Oid stage_table);

/*
 * Work the stages out again by the models in force now, as a new version, and
 * log what changed; manage.c.
 */
extern void
crm_apply_thresholds(Oid stage_table, CrmInForce *before, const char *cause);
/*
 * Keep which thresholds are other ones than in the models before, why, and how
 * many customers are in another stage for it.
 */
extern void crm_log_thresholds(Oid stage_table, CrmInForce *before,
							   const char *cause, int64 moved);

#endif /* CRM_STAGE_LEARN_H */
