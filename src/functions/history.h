/*
 * history.h
 *		The SQL type purchase_history, for C code that is given one or makes
 *		one.
 */
#ifndef CRM_FUNCTIONS_HISTORY_H
#define CRM_FUNCTIONS_HISTORY_H

#include "postgres.h"

#include "engine/purchase_metric.h"

/* a history's bytes; detoasts, so they are of CurrentMemoryContext or the row */
extern void crm_history_open(CrmPurchaseView *view, Datum history);
/* palloc'd */
extern Datum crm_history_make(CrmPurchases *list);

/* an error unless both are of days or both of times */
extern void crm_history_check_kind(bool list_times, bool times);

/* the wide amounts of orders from `first` on, copied to CurrentMemoryContext */
extern void crm_history_own_amounts(CrmPurchases *list, int first);

/* is a text 'visit'? An error if it is not 'order' either */
extern bool crm_history_is_visit(Datum kind);

#endif /* CRM_FUNCTIONS_HISTORY_H */
