/*
 * refresh.h
 *		Rebuilding a stage table on the day it already shows.
 */
#ifndef CRM_REFRESH_H
#define CRM_REFRESH_H

#include "stage/stage.h"

/*
 * Work out every row anew on the day the table was refreshed to, or today
 * when it never was; remodel says that the model is what has changed.
 */
extern void
crm_stage_rebuild(Oid stage_table, bool remodel, CrmRefreshResult *result);

/* the first run of a stage table just created, empty and without indexes */
extern void crm_stage_fill(Oid stage_table);

#endif /* CRM_REFRESH_H */
