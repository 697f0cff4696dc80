/*
 * plain.h
 *		A stage table as it was made: rows of it can be formed here, and need
 *		nothing but to be stored.
 */
#ifndef CRM_PLAIN_H
#define CRM_PLAIN_H

#include "postgres.h"
#include "access/htup.h"
#include "nodes/parsenodes.h"
#include "utils/relcache.h"

#include "stage/columns.h"
#include "stage/row.h"

typedef struct CrmPlain
{
	Relation   table;
	AttrNumber key;
	AttrNumber refreshed_at;
	int		   columns;
	AttrNumber numbers[CRM_STAGE_COLUMNS];
	Datum	  *values;
	bool	  *nulls;
} CrmPlain;

/*
 * Open a stage table as one; false where it is none, or where the current user
 * has not all of these rights on it.
 */
extern bool
crm_plain_open(CrmPlain *plain, const CrmStageDefinition *definition,
			   AclMode rights);
/* the lock stays */
extern void crm_plain_close(CrmPlain *plain);
/* palloc'd in the current context */
extern HeapTuple
crm_plain_row(CrmPlain *plain, Datum key, const CrmStageRow *row);

#endif /* CRM_PLAIN_H */
