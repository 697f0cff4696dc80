/*
 * select.h
 *		The queries by which sources and stage table are read.
 */
#ifndef CRM_SELECT_H
#define CRM_SELECT_H

#include "postgres.h"
#include "lib/stringinfo.h"

#include "stage/definition.h"

/* which rows of the stage table */
typedef enum CrmStoredRows
{
	CRM_STORED_ALL,
	CRM_STORED_BY_KEY,	/* $1: an array of keys */
	CRM_STORED_BY_PLACE /* of tid */
} CrmStoredRows;

/*
 * Customer, time or NULL, then amount, order and segment as far as the source
 * has them.  from: the relation, or what stands for it; some: those of the
 * customers in $1.
 */
extern char *
crm_source_query(const CrmStageDefinition *definition, const CrmSource *source,
				 const char *from, bool some);
/* customer and crm_stage_columns; places: ctid after them */
extern char *crm_stored_query(const CrmStageDefinition *definition,
							  CrmStoredRows which, bool places);
/* a condition on a relation's column: one of the keys in $1 */
extern void
crm_append_key_filter(StringInfo sql, Oid relation, const char *column);

#endif /* CRM_SELECT_H */
