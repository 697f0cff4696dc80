/*
 * drop.h
 *		What is left of a stage table when it goes: nothing.
 */
#ifndef CRM_DROP_H
#define CRM_DROP_H

#include "postgres.h"

/* have a stage table's change log dropped with it */
extern void crm_link_changes(Oid stage_table, Oid changes);

/*
 * Forget stage tables that were dropped behind crmlife's back.  Triggers on
 * sources that the current user does not own stay, and find nothing to do.
 * Without wait, a stage table for which it would have to wait, or whose triggers
 * would stay, is left to the worker.
 */
extern void crm_forget_dropped(bool wait);

#endif /* CRM_DROP_H */
