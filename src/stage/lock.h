/*
 * lock.h
 *		Having a stage table to oneself, against other runs of it.
 */
#ifndef CRM_LOCK_H
#define CRM_LOCK_H

#include "postgres.h"

/* "running" is the possession of this lock */
extern void crm_stage_lock(Oid stage_table); /* until the end of transaction */
/* the same, if nobody else has it */
extern bool crm_stage_try_lock(Oid stage_table);
extern bool crm_stage_try_lock_session(Oid stage_table);
extern void crm_stage_unlock_session(Oid stage_table);

#endif /* CRM_LOCK_H */
