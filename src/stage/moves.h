/*
 * moves.h
 *		Rows that a MERGE moves to another partition.
 */
#ifndef CRM_MOVES_H
#define CRM_MOVES_H

#include "postgres.h"
#include "commands/trigger.h"

/* once, when the library is loaded */
extern void crm_moves_init(void);

/*
 * May the statement that fires this trigger have moved rows that are not in its
 * transition tables?
 */
extern bool crm_rows_moved_unseen(const TriggerData *trigger);

#endif /* CRM_MOVES_H */
