/*
 * learn.h
 *		Learning a stage table's thresholds from its data.
 */
#ifndef CRM_STAGE_LEARN_H
#define CRM_STAGE_LEARN_H

#include "postgres.h"

/* learn with the default settings if the model has a threshold without value */
extern void crm_learn_if_lacking(Oid stage_table);

/* learn and apply as it was asked for the last time; the caller holds the lock */
extern void crm_learn_again(Oid stage_table);

#endif /* CRM_STAGE_LEARN_H */
