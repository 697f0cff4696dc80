/*
 * capture.h
 *		Installing the capture triggers of a stage table's sources.
 */
#ifndef CRM_CAPTURE_H
#define CRM_CAPTURE_H

#include "stage/definition.h"

/*
 * See to it that all sources and their partitions carry working triggers.
 * True when something was missing: changes may have been missed then, and the
 * next run has to be a full one.  As the stage table's owner, in SPI.
 */
extern bool crm_capture_install(const CrmStageDefinition *definition);

/* remove triggers that feed no stage table any more, where that is allowed */
extern void crm_capture_remove(Oid stage_table);

#endif /* CRM_CAPTURE_H */
