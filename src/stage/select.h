/*
 * select.h
 *		The queries by which sources are read.
 */
#ifndef CRM_SELECT_H
#define CRM_SELECT_H

#include "postgres.h"
#include "lib/stringinfo.h"

#include "stage/definition.h"

/*
 * Customer, time or NULL, then amount, order and segment as far as the source
 * has them.  from: the relation, or what stands for it; some: those of the
 * customers in $1.
 */
extern char *
crm_source_query(const CrmStageDefinition *definition, const CrmSource *source,
				 const char *from, bool some);
/* what makes a relation's column one of those; "" where it is */
extern const char *crm_key_cast(Oid relation, const char *column);
/* an array of keys for the condition, and its type */
extern Datum crm_filter_keys(Oid relation, const char *column, CrmStageKey kind,
							 Datum keys, Oid *type);
/* a condition on a relation's column: one of the keys in $1 */
extern void
crm_append_key_filter(StringInfo sql, Oid relation, const char *column);

#endif /* CRM_SELECT_H */
