/*
 * source.h
 *		What may be a source of a stage table, and what became of it since.
 */
#ifndef CRM_SOURCE_H
#define CRM_SOURCE_H

#include "postgres.h"
#include "nodes/pg_list.h"

#include "stage/definition.h"

/* errors name the argument of create_stage_table that gave the relation */
extern void
crm_check_source(Oid relation, const char *argument, bool by_trigger);
/* an error unless a relation can carry capture triggers of the current user */
extern void crm_check_capturable(Oid relation, const char *argument);
/* the same for one that has a source as a part */
extern void crm_check_capturable_above(Oid relation, const char *argument);
/* kind of the customer column's type; an error when it is no customer */
extern const char *
crm_check_key(Oid relation, const char *argument, const char *column);

/* "bigint", "uuid" or "text"; NULL: no type for a customer */
extern const char *crm_kind_of_key(Oid type);

/* of any session */
extern bool crm_is_temporary(Oid relation);
/*
 * A relation and its partitions and children, all locked against DDL, what they
 * are parts of before them.  Temporary children of other sessions are left out.
 */
extern List *crm_lock_tree(Oid relation);
/*
 * What the relations of such a tree are parts of, and not in it: statements
 * write to them through these, too.  Locked, so that it stays so.
 */
extern List *crm_lock_above(List *tree);
/*
 * The same in a query: above (oid) has d.orders, d.visits and d.members, what is
 * below them and what is above.  Its beginning, where a FROM may follow, and
 * the rest.
 */
#define CRM_WITH_SOURCES             \
	"WITH RECURSIVE tree (oid) AS (" \
	" SELECT unnest(ARRAY[d.orders, d.visits, d.members])::oid"
#define CRM_AND_ABOVE                                         \
	" UNION SELECT i.inhrelid FROM tree JOIN pg_inherits i"   \
	" ON i.inhparent = tree.oid),"                            \
	" above (oid) AS (SELECT oid FROM tree"                   \
	" UNION SELECT i.inhparent FROM above JOIN pg_inherits i" \
	" ON i.inhrelid = above.oid)"
/* how many relations a relation is a part of: more than any of these itself */
extern int crm_depth(Oid relation);

/* is row security on? InvalidOid: no */
extern bool crm_has_policies(Oid relation);

/* an error when a source or its customer column is not what it was */
extern void crm_recheck_sources(const CrmStageDefinition *definition);
/* the same of the expressions over a source, as the stage table's owner */
extern void crm_recheck_expressions(const CrmStageDefinition *definition,
									const CrmSource			 *source);

#endif /* CRM_SOURCE_H */
