/*
 * overflow.h
 *		A queue that is full: writers who say no more, and the refreshes that
 *		make up for it.
 */
#ifndef CRM_OVERFLOW_H
#define CRM_OVERFLOW_H

#include "postgres.h"
#include "utils/snapshot.h"

/*
 * What the writer at hand has changed is not in the queue: everybody is to be
 * looked at.  Writes nothing where that is said already.
 */
extern void crm_overflow_tell(Oid stage_table);

/*
 * From the end of this transaction on writers are to speak again.  The caller
 * holds the stage table's lock, is connected to SPI, and owns crmlife's tables.
 */
extern void crm_overflow_recall(Oid stage_table);

/*
 * Does everybody have to be looked at in a snapshot?  If so, and the caller
 * does, the overflow is brought a step nearer to its end.  Lock and SPI as
 * above.
 */
extern bool crm_overflow_take(Oid stage_table, Snapshot snapshot);

/* the same left as it is; as the active snapshot shows */
extern bool crm_overflow_waits(Oid stage_table);

#endif /* CRM_OVERFLOW_H */
