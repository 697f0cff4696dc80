/*
 * claims.h
 *		Consumers that a session has for itself.
 */
#ifndef CRM_CLAIMS_H
#define CRM_CLAIMS_H

#include "postgres.h"

#include "nodes/pg_list.h"
#include "storage/lock.h"

typedef struct CrmClaim
{
	LOCKTAG tag;
	int64	given;	/* the last seq this session was given */
	bool	done;	/* all of it acknowledged: goes when that is committed */
	bool	acked;	/* in the transaction at hand */
	List   *before; /* what it was, see claims.c */
} CrmClaim;

/* the session's claim on what is locked so; NULL: another session has it */
extern CrmClaim *crm_claim(const LOCKTAG *tag);
/* nor has the session it any more, if it had */
extern void crm_claim_let_go(const LOCKTAG *tag);
/* given, done or acked are about to be changed */
extern void crm_claim_change(CrmClaim *claim);
/* was it made in the transaction at hand? */
extern bool crm_claim_is_fresh(const CrmClaim *claim);
extern void crm_claim_drop(CrmClaim *claim);

#endif /* CRM_CLAIMS_H */
