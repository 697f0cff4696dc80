/*
 * thresholds.h
 *		The stages by other thresholds, and what is told of them.
 */
#ifndef CRM_THRESHOLDS_H
#define CRM_THRESHOLDS_H

#include "postgres.h"

#include "stage/in_force.h"

/*
 * Work the stages out again by the models in force now, as a new version.  Keep
 * which thresholds are other ones than in the models before, why, and how many
 * customers are in another stage for it.
 */
extern void
crm_apply_thresholds(Oid stage_table, CrmInForce *before, const char *cause);

#endif /* CRM_THRESHOLDS_H */
