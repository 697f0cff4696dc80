/*
 * deferred.h
 *		Customers of a stage table of whom nothing is visible yet.
 */
#ifndef CRM_DEFERRED_H
#define CRM_DEFERRED_H

#include "postgres.h"
#include "utils/snapshot.h"

#include "engine/calendar.h"
#include "stage/keys.h"

/* whose day has come, taken out, as a snapshot shows them */
extern void crm_deferred_take(Oid stage_table, CrmDay day, Snapshot snapshot,
							  CrmKeys *keys);
/* the same left where they are, as the active snapshot shows them */
extern void crm_deferred_look(Oid stage_table, CrmDay day, CrmKeys *keys);
/* those who are looked at now, whatever their day; NULL: all */
extern void	 crm_deferred_drop(Oid stage_table, CrmStageKey kind,
							   const Datum *keys, int count);
extern int64 crm_deferred_count(Oid stage_table);

#endif /* CRM_DEFERRED_H */
