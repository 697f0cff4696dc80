/*
 * stage.h
 *		The stage table: its definition, and what can be done with it.
 *
 * Invariant: every stored column but refreshed_at is a pure function of
 * (history, registration, effective model, frozen cuts, local day); verify
 * recomputes it and finds no difference.
 *
 *		sources --trigger--> queue --+
 *		                             +--> refresh --> stage table, changes
 *		due_on <= today -------------+
 */
#ifndef CRM_STAGE_H
#define CRM_STAGE_H

#include "postgres.h"
#include "datatype/timestamp.h"

#include "engine/calendar.h"
#include "engine/rfm.h"

/* what one run did */
typedef struct CrmRefreshResult
{
	bool   full;	  /* all customers were looked at */
	CrmDay day;		  /* the local day the table shows now */
	int64  customers; /* looked at */
	int64  rows;	  /* written or removed */
	int64  changes;	  /* rows added to the change log */
	int64  rescored;  /* RFM score moved without the customer doing a thing */
	/* of these, by segment before and after, as crm_rfm_high_bits has them */
	int64 resegmented[CRM_RFM_SEGMENTS][CRM_RFM_SEGMENTS];
} CrmRefreshResult;

/*
 * Bring a stage table to the local day of as_of, inside the current
 * transaction, as the table's owner and security-restricted.  Takes no lock
 * of its own: the caller holds crm_stage_lock or crm_stage_try_lock_session.
 * Records success in crmlife.stage_state; errors are raised.
 */
extern void crm_stage_refresh(Oid stage_table, TimestampTz as_of, bool full,
							  CrmRefreshResult *result);
/* to that of the transaction, in full should the table show a later one */
extern void crm_stage_refresh_today(Oid stage_table, CrmRefreshResult *result);

#endif /* CRM_STAGE_H */
