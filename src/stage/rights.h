/*
 * rights.h
 *		Whether something may be done with a stage table, here and by this user.
 */
#ifndef CRM_RIGHTS_H
#define CRM_RIGHTS_H

#include "postgres.h"

#include "compat.h"

/* an error unless the current user may read the stage table */
extern void crm_require_stage_reader(Oid stage_table);
/* an error unless it is one */
extern void crm_require_stage_table(Oid relation);
/* an error unless the current user owns the stage table */
extern void crm_require_stage_owner(Oid stage_table);
/* the same, with the stage table for this transaction alone */
extern void crm_lock_own_stage(Oid stage_table);
/* raise the error that the relation is none */
pg_noreturn extern void crm_refuse_other_table(Oid relation);
/* an error on a standby and in a transaction that only reads; and as the next */
extern void crm_refuse_on_standby(void);
/* an error while the catalog is of another version than the library */
extern void crm_require_same_version(void);

/*
 * The version of the extension in this database, NULL without it.  Its catalog
 * may be of another version than this library: between the installation of a
 * package and ALTER EXTENSION UPDATE, and from then to a restart of the server.
 * Stage tables are left alone meanwhile, and only the capture triggers work.
 */
extern char *crm_catalog_version(void);
#define CRM_VERSION_MESSAGE \
	"crmlife in database \"%s\" is of version %s, its library of version %s"
#define CRM_VERSION_HINT                                                    \
	"ALTER EXTENSION crmlife UPDATE; or, where that was done, restart the " \
	"server: it runs the library it was started with."

#endif /* CRM_RIGHTS_H */
