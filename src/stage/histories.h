/*
 * histories.h
 *		Walking through the histories that a stage table keeps.
 */
#ifndef CRM_HISTORIES_H
#define CRM_HISTORIES_H

#include "engine/purchase_metric.h"
#include "stage/definition.h"

/* one customer; valid until the callback returns */
typedef struct CrmStoredCustomer
{
	CrmPurchaseView view;
	CrmHistory		history;	 /* the same, and the registration */
	CrmDay			known_since; /* CRM_ALWAYS: ever */
	const CrmModel *model;		 /* in force for the customer's segment */
} CrmStoredCustomer;

typedef void (*CrmStoredCallback)(void					  *context,
								  const CrmStoredCustomer *customer);

/*
 * due_by: only customers of whom something changes by that day; CRM_NO_DAY:
 * everybody.  The stage table keeps histories.  The caller is connected to
 * SPI, as whoever is to read; what the callback allocates stays.
 */
extern void
crm_for_each_history(const CrmStageDefinition *definition, CrmDay due_by,
					 CrmStoredCallback callback, void *context);

#endif /* CRM_HISTORIES_H */
