/*
 * due.h
 *		Customers whom time alone changes.
 */
#ifndef CRM_DUE_H
#define CRM_DUE_H

#include "postgres.h"
#include "storage/itemptr.h"
#include "utils/snapshot.h"

#include "stage/definition.h"
#include "stage/keys.h"

typedef struct CrmDue
{
	CrmKeys			 keys;	 /* settled */
	ItemPointerData *places; /* of their rows, in an order of their own */
	int				 count;	 /* of places */
} CrmDue;

/*
 * Who is due by a day, as a snapshot shows the stage table; in a memory context
 * of the caller's, who is connected to SPI.
 */
extern void crm_due_read(const CrmStageDefinition *definition, CrmDay day,
						 Snapshot snapshot, MemoryContext into, CrmDue *due);
/* the places as an array of tid; 0: there are none */
extern Datum crm_due_places(const CrmDue *due);

#endif /* CRM_DUE_H */
