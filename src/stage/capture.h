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

/*
 * True when this transaction has taken a source in under a snapshot older than
 * its lock (REPEATABLE READ): rows committed in between are neither seen nor
 * captured, so that everybody has to be looked at again.
 */
extern bool crm_capture_may_have_missed(void);

/*
 * A refresh is about to take the snapshot in which it reads the sources: what
 * this transaction writes from here on is not merged, but read again.
 */
extern void crm_capture_reading(void);

/*
 * Remove triggers that feed no stage table any more, where that is allowed, and
 * what a stage table captures.  Without wait: false, and nothing is removed,
 * where somebody uses a source whose triggers may go, or it is another's.
 */
extern bool crm_capture_remove(Oid stage_table, bool wait);

/*
 * Remove triggers from what once was a part of a source, where nobody uses it;
 * the last that is done, for it stays locked.
 */
extern void crm_capture_remove_orphans(void);

#endif /* CRM_CAPTURE_H */
