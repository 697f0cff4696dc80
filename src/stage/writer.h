/*
 * writer.h
 *		Writing a stage table and its change log, many rows to a statement.
 */
#ifndef CRM_WRITER_H
#define CRM_WRITER_H

#include "storage/itemptr.h"

#include "stage/row.h"

typedef struct CrmWriter CrmWriter;

/* empty: the stage table has no row and no index yet */
extern CrmWriter *
crm_writer_begin(const CrmStageDefinition *definition, bool empty);
/*
 * The three copy what they are given.  place: of the row that this one takes the
 * place of, as a snapshot of this transaction shows it; NULL: not known.
 */
extern void crm_writer_put(CrmWriter *writer, Datum key, const CrmStageRow *row,
						   const ItemPointerData *place);
extern void crm_writer_remove(CrmWriter *writer, Datum key);
extern void
crm_writer_log(CrmWriter *writer, Datum key, const char *from_stage,
			   const char *to_stage, CrmDay changed_on, const char *cause);
/* a customer of whom nothing is visible yet: look again on that day */
extern void crm_writer_defer(CrmWriter *writer, Datum key, CrmDay due_on);
extern void crm_writer_end(CrmWriter *writer);

extern int64 crm_writer_rows(const CrmWriter *writer);
extern int64 crm_writer_changes(const CrmWriter *writer);

#endif /* CRM_WRITER_H */
