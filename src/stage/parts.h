/*
 * parts.h
 *		The partitions that rows written by a partitioned table go to.
 */
#ifndef CRM_PARTS_H
#define CRM_PARTS_H

#include "postgres.h"
#include "nodes/pg_list.h"
#include "utils/relcache.h"

/* no digest: a partition works the customer out, and rows do not show it */
#define CRM_PARTS_HIDE_CUSTOMER (-1)
/* nor this: there is one that is not known, or somebody is changing one */
#define CRM_PARTS_UNKNOWN 0

/* of the partitions that a partitioned table has now; 1 of any other; waits for nobody */
extern int64 crm_parts_digest(Relation relation);

/*
 * What is to be kept of a relation's partitions, all of which are to be among
 * those that are known, a list of OIDs; NIL: whatever they are.
 */
extern int64 crm_parts_known(Oid relation, List *known, const char *customer);

/* is a column of a partitioned table one that a partition works out? */
extern bool crm_parts_generate(Oid relation, const char *column);

#endif /* CRM_PARTS_H */
