/*
 * calibrate.h
 *		Taking a stage table's frozen cuts from its data.
 */
#ifndef CRM_CALIBRATE_H
#define CRM_CALIBRATE_H

#include "postgres.h"

/* the first cuts of a new stage table, with the default settings */
extern void crm_calibrate_first(Oid stage_table);

#endif /* CRM_CALIBRATE_H */
