/*
 * replace.h
 *		Rows of a stage table that take the place of those that were read.
 */
#ifndef CRM_REPLACE_H
#define CRM_REPLACE_H

#include "storage/itemptr.h"

#include "stage/row.h"

typedef struct CrmReplace CrmReplace;

/* NULL unless the stage table is a plain one */
extern CrmReplace *crm_replace_begin(const CrmStageDefinition *definition);
/*
 * Put a row in the place of a customer's row that a snapshot of this
 * transaction shows; false: it is not there any more, and nothing is done.
 */
extern bool crm_replace_put(CrmReplace *replace, const ItemPointerData *place,
							Datum key, const CrmStageRow *row);
extern void crm_replace_end(CrmReplace *replace);

#endif /* CRM_REPLACE_H */
