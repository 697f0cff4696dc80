/*
 * stored.h
 *		The rows of a stage table, as they are read beside the sources.
 */
#ifndef CRM_STORED_H
#define CRM_STORED_H

#include "postgres.h"
#include "access/tupdesc.h"
#include "executor/tuptable.h"
#include "storage/itemptr.h"

#include "stage/columns.h"
#include "stage/digest.h"
#include "stage/row.h"

typedef enum CrmStoredRows
{
	CRM_STORED_ALL,
	CRM_STORED_BY_KEY,	/* $1: an array of keys */
	CRM_STORED_BY_PLACE /* of tid */
} CrmStoredRows;

/* where in a row of that query is what */
typedef struct CrmStoredForm
{
	TupleDesc  descriptor;
	int		   columns;
	AttrNumber key;
	AttrNumber place; /* InvalidAttrNumber: it is not in it */
	AttrNumber numbers[CRM_STAGE_COLUMNS];
	Datum	  *values; /* of the row at hand */
	bool	  *nulls;
	CrmDigest  digest;
} CrmStoredForm;

/* places: with that of each row */
extern char *crm_stored_query(const CrmStageDefinition *definition,
							  CrmStoredRows which, bool places);
/*
 * What the query returns; an error where the stage table has lost a column.  In
 * the current memory context.
 */
extern void
crm_stored_form(CrmStoredForm *form, const CrmStageDefinition *definition,
				TupleDesc descriptor, bool places);
/* for a feed: the row's digest; context: the form */
extern const char *
crm_stored_condense(void *context, TupleTableSlot *slot, uint32 *length);
/* a row as the feed has left it; values are not copied, only found */
extern void
crm_stored_read(CrmStoredForm *form, const char *tuple, uint32 length,
				CrmStageRow *row, ItemPointerData *place);

#endif /* CRM_STORED_H */
