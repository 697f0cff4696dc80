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
/* nor this: somebody is changing one, or it does not matter which there are */
#define CRM_PARTS_UNKNOWN 0

/*
 * Of the partitions that a partitioned table has now, at least 2, as of any other
 * relation; waits for nobody.
 */
extern int64 crm_parts_digest(Relation relation);

/*
 * What is to be kept of a relation's partitions: their digest if all are among
 * those that are known, a list of OIDs, and with a minus if one is not.  NIL: it
 * does not matter which there are.
 */
extern int64 crm_parts_known(Oid relation, List *known, const char *customer);

/* is a column of a partitioned table one that a partition works out? */
extern bool crm_parts_generate(Oid relation, const char *column);

#endif /* CRM_PARTS_H */
