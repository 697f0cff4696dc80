/*
 * shape.h
 *		How the rows of some customers are read: by index, or with all others.
 */
#ifndef CRM_SHAPE_H
#define CRM_SHAPE_H

#include "postgres.h"

#include "stage/definition.h"

typedef enum CrmShape
{
	CRM_SHAPE_INDEX, /* each customer's rows by an index */
	CRM_SHAPE_ROWS,	 /* the same, row by row: never by a bitmap of them */
	CRM_SHAPE_PASS	 /* one pass over the relation, and a hash of the keys */
} CrmShape;

/* of a relation's rows for so many of the customers in the stage table */
extern CrmShape crm_shape(const CrmStageDefinition *definition, Oid relation,
						  const char *column, int customers);
/* have the planner do so, until the settings are restored */
extern void crm_force_shape(CrmShape shape);

/*
 * Does it cost more to look at some customers than at everybody?  changed:
 * whose rows are read again; kept: whose stored history is taken.
 */
extern bool crm_everybody_costs_less(const CrmStageDefinition *definition,
									 int changed, int kept);

#endif /* CRM_SHAPE_H */
