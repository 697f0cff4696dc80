/*
 * calibrate.h
 *		Taking a stage table's frozen cuts from its data.
 */
#ifndef CRM_CALIBRATE_H
#define CRM_CALIBRATE_H

#include "stage/scan.h"

/*
 * The first cuts of a new stage table, with the default settings; and the walk
 * over everybody that they were taken from.
 */
extern CrmScan *crm_calibrate_first(Oid stage_table);
/* new cuts by the settings of the last ones; the caller holds the lock */
extern void crm_calibrate_again(Oid stage_table);

#endif /* CRM_CALIBRATE_H */
