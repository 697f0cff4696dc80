/*
 * outdated.h
 *		A snapshot that is older than the relations it is to read.
 */
#ifndef CRM_OUTDATED_H
#define CRM_OUTDATED_H

#include "postgres.h"
#include "nodes/pg_list.h"

/*
 * At REPEATABLE READ and above, an error where the transaction's snapshot shows
 * a relation, or one below it, otherwise than it is now: rewritten, truncated,
 * attached or detached by others.  tree: what crm_lock_tree gave.  what: the
 * relation is a "source" or a "stage table".
 */
extern void crm_refuse_outdated(Oid relation, List *tree, const char *what);

/* for relations that are to be known, if not read: refuse those created since */
extern void crm_refuse_new(List *relations, const char *what);

#endif /* CRM_OUTDATED_H */
