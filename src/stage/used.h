/*
 * used.h
 *		The columns that a stage table uses of a source, and what they are now.
 */
#ifndef CRM_USED_H
#define CRM_USED_H

#include "postgres.h"
#include "nodes/pg_list.h"

#include "stage/definition.h"

/*
 * Their names (String), the customer's among them; NIL: all that the relation has, for
 * an expression takes a row as a whole.  As the stage table's owner; an error
 * where an expression is none any more.
 */
extern List *
crm_used_columns(const CrmStageDefinition *definition, const CrmSource *source);

/* add the users' types that its expressions name, by their OIDs */
extern void crm_used_types(const CrmSource *source, List **types);

#endif /* CRM_USED_H */
