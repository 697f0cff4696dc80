/*
 * statement.h
 *		Statements of ours: with whose rights they run, and running them.
 */
#ifndef CRM_STATEMENT_H
#define CRM_STATEMENT_H

#include "postgres.h"

/* ----- whose rights ----- */

typedef struct CrmIdentity
{
	Oid user;
	int security;
	int guc_level;
} CrmIdentity;

extern Oid crm_relation_owner(Oid relation);
/* as the owner of crmlife's own tables: only for queries on those */
extern void crm_become_catalog_owner(CrmIdentity *saved);
/* as that user, security-restricted, in that time zone, settings pinned */
extern void
crm_become_owner_in_zone(Oid owner, const char *timezone, CrmIdentity *saved);
/* the same in the session's settings, for a relation of any kind */
extern void crm_become_owner_of(Oid relation, CrmIdentity *saved);
/* the caller's own rights, with search_path pinned */
extern void crm_pin_search_path(CrmIdentity *saved);
/* beside one of these: values have the same text whatever the session's style */
extern void crm_pin_text(void);
extern void crm_revert_identity(const CrmIdentity *saved);

/* ----- small helpers over SPI; the caller is connected ----- */

/* run a statement with parameters, fail unless SPI says `expected` */
extern uint64 crm_execute(const char *query, int nargs, Oid *types,
						  Datum *values, const char *nulls, int expected);
/* the same for a SELECT that sees the active snapshot, not a newer one */
extern uint64
			 crm_query(const char *query, int nargs, Oid *types, Datum *values);
extern char *crm_quote_relation(Oid relation);

#endif /* CRM_STATEMENT_H */
