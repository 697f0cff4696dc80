/*
 * refresh.h
 *		Rebuilding a stage table on the day it already shows.
 */
#ifndef CRM_REFRESH_H
#define CRM_REFRESH_H

#include "stage/scan.h"
#include "stage/stage.h"

/*
 * Work out every row anew on the day the table was refreshed to, or today
 * when it never was; remodel says that the model is what has changed.
 */
extern void
crm_stage_rebuild(Oid stage_table, bool remodel, CrmRefreshResult *result);

/*
 * The first run of a stage table just created, empty and without indexes.  The
 * customers are those of a walk over everybody, which ends here.
 */
extern void crm_stage_fill(Oid stage_table, CrmScan *scan);

#endif /* CRM_REFRESH_H */
