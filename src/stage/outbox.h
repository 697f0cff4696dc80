/*
 * outbox.h
 *		What a refresh does for those who take a stage table's changes.
 */
#ifndef CRM_OUTBOX_H
#define CRM_OUTBOX_H

#include "stage/definition.h"

/*
 * Before and after a run writes to the change log.  The caller is connected
 * to SPI, as the stage table's owner, and holds its lock.
 */
extern void crm_outbox_begin(const CrmStageDefinition *definition);
extern void crm_outbox_end(const CrmStageDefinition *definition, int64 changes);

#endif /* CRM_OUTBOX_H */
