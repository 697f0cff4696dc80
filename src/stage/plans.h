/*
 * plans.h
 *		Plans of statements that are run again and again, kept for the session.
 */
#ifndef CRM_PLANS_H
#define CRM_PLANS_H

#include "postgres.h"
#include "executor/spi.h"

/*
 * The current user's plan of a statement, prepared if there is none that still
 * holds.  variant: a number of the caller's where one text is planned in
 * several ways, else 0.  options: CURSOR_OPT_...  It may be used until the
 * transaction ends.
 */
extern SPIPlanPtr crm_plan(const char *query, int nargs, const Oid *types,
						   int variant, int options);

/* once, when the library is loaded */
extern void crm_plans_init(void);

#endif /* CRM_PLANS_H */
