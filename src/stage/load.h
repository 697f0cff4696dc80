/*
 * load.h
 *		Filling a stage table that nobody else can see yet.
 */
#ifndef CRM_LOAD_H
#define CRM_LOAD_H

#include "stage/row.h"

typedef struct CrmLoad CrmLoad;

/*
 * NULL unless the table is empty, locked against everybody else by this
 * transaction, and such that its rows need nothing but to be stored.
 */
extern CrmLoad *crm_load_begin(const CrmStageDefinition *definition);
/* copies what it is given */
extern void crm_load_put(CrmLoad *load, Datum key, const CrmStageRow *row);
/* the indexes are built here */
extern void crm_load_end(CrmLoad *load);

#endif /* CRM_LOAD_H */
