/*
 * claims.c
 *		Consumers that a session has for itself.
 *
 * A claim is a lock of the session that outlives transactions: who was given
 * changes keeps others off until it has acknowledged them.
 *
 *		changes_since   given is more         ack   done, if it is all
 *		     |                                  |
 *		     +-- rolled back: as it was --------+-- committed: let go
 *
 * Invariant: a transaction, or a subtransaction, that fails leaves every claim
 * as it found it.  So what a claim was is kept from the first change in each
 * on: of the outermost first, each passed on to the parent when it ends well.
 */
#include "postgres.h"

#include "access/xact.h"
#include "storage/lmgr.h"
#include "utils/memutils.h"

#include "compat.h"
#include "stage/claims.h"

typedef struct Before
{
	SubTransactionId in; /* which has changed it */
	bool			 existed;
	int64			 given;
	bool			 done;
	bool			 acked;
} Before;

static List *claims = NIL;

/* ----- what they were ----- */

static Before *
nth_before(const CrmClaim *claim, int place)
{
	return place >= 0 && place < list_length(claim->before)
			   ? list_nth(claim->before, place)
			   : NULL;
}

static Before *
last_before(const CrmClaim *claim)
{
	return nth_before(claim, list_length(claim->before) - 1);
}

static void
remember(CrmClaim *claim, bool existed)
{
	SubTransactionId now = GetCurrentSubTransactionId();
	Before			*before = last_before(claim);
	MemoryContext	 old;

	if (before && before->in == now)
		return;
	old = MemoryContextSwitchTo(TopMemoryContext);
	before = palloc(sizeof(Before));
	*before = (Before){.in = now,
					   .existed = existed,
					   .given = claim->given,
					   .done = claim->done,
					   .acked = claim->acked};
	claim->before = lappend(claim->before, before);
	MemoryContextSwitchTo(old);
}

static void
forget_last(CrmClaim *claim)
{
	pfree(llast(claim->before));
	claim->before = list_delete_last(claim->before);
}

/* as it was before the change that is noted at this place, and those after it */
static void
take_back(CrmClaim *claim, int place)
{
	Before *before = nth_before(claim, place);

	if (!before->existed)
	{
		crm_claim_drop(claim);
		return;
	}
	claim->given = before->given;
	claim->done = before->done;
	claim->acked = before->acked;
	while (list_length(claim->before) > place)
		forget_last(claim);
}

/* ----- ends of transactions ----- */

static void
end_all(bool committed)
{
	for (int i = list_length(claims) - 1; i >= 0; i--)
	{
		CrmClaim *claim = list_nth(claims, i);

		if (!committed && claim->before != NIL)
			take_back(claim, 0);
		else if (claim->done)
			crm_claim_drop(claim);
		else
		{
			claim->acked = false;
			while (claim->before != NIL)
				forget_last(claim);
		}
	}
}

static void
refuse_prepare(void)
{
	ListCell *cell;

	foreach (cell, claims)
		if (((CrmClaim *) lfirst(cell))->acked)
			ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
							errmsg("cannot PREPARE a transaction that has "
								   "acknowledged changes"),
							errhint("Acknowledge in a transaction that is "
									"committed at once.")));
}

static void
at_transaction_end(XactEvent event, void *arg)
{
	if (event == XACT_EVENT_PRE_PREPARE)
		refuse_prepare();
	else if (event == XACT_EVENT_COMMIT || event == XACT_EVENT_PREPARE ||
			 event == XACT_EVENT_ABORT)
		end_all(event != XACT_EVENT_ABORT);
}

static void
end_in(CrmClaim *claim, bool failed, SubTransactionId mine,
	   SubTransactionId parent)
{
	int		place = list_length(claim->before) - 1;
	Before *before = nth_before(claim, place);
	Before *outer = nth_before(claim, place - 1);

	if (before == NULL || before->in != mine)
		return;
	if (failed)
		take_back(claim, place);
	else if (outer && outer->in == parent)
		forget_last(claim);
	else
		before->in = parent;
}

static void
at_subtransaction_end(SubXactEvent event, SubTransactionId mine,
					  SubTransactionId parent, void *arg)
{
	if (event != SUBXACT_EVENT_ABORT_SUB && event != SUBXACT_EVENT_COMMIT_SUB)
		return;
	for (int i = list_length(claims) - 1; i >= 0; i--)
		end_in(list_nth(claims, i), event == SUBXACT_EVENT_ABORT_SUB, mine,
			   parent);
}

static void
watch_transactions(void)
{
	static bool watching = false;

	if (!watching)
	{
		RegisterXactCallback(at_transaction_end, NULL);
		RegisterSubXactCallback(at_subtransaction_end, NULL);
	}
	watching = true;
}

/* ----- claims ----- */

static CrmClaim *
new_claim(const LOCKTAG *tag)
{
	MemoryContext old = MemoryContextSwitchTo(TopMemoryContext);
	CrmClaim	 *claim = palloc0(sizeof(CrmClaim));

	claim->tag = *tag;
	claims = lappend(claims, claim);
	MemoryContextSwitchTo(old);
	remember(claim, false);
	return claim;
}

static CrmClaim *
find_claim(const LOCKTAG *tag)
{
	ListCell *cell;

	foreach (cell, claims)
	{
		CrmClaim *claim = lfirst(cell);

		if (memcmp(&claim->tag, tag, sizeof(*tag)) == 0)
			return claim;
	}
	return NULL;
}

CrmClaim *
crm_claim(const LOCKTAG *tag)
{
	CrmClaim *claim = find_claim(tag);

	watch_transactions();
	if (claim && crm_lock_held_by_me(tag, ExclusiveLock))
		return claim;
	if (claim)
		crm_claim_drop(claim); /* DISCARD ALL and its like have let it go */
	claim = new_claim(tag);
	if (LockAcquire(tag, ExclusiveLock, true, true) != LOCKACQUIRE_NOT_AVAIL)
		return claim;
	crm_claim_drop(claim);
	return NULL;
}

void
crm_claim_change(CrmClaim *claim)
{
	remember(claim, true);
}

void
crm_claim_let_go(const LOCKTAG *tag)
{
	CrmClaim *claim = find_claim(tag);

	if (claim)
		crm_claim_drop(claim);
}

bool
crm_claim_is_fresh(const CrmClaim *claim)
{
	Before *first = nth_before(claim, 0);

	return first && !first->existed;
}

void
crm_claim_drop(CrmClaim *claim)
{
	if (crm_lock_held_by_me(&claim->tag, ExclusiveLock))
		(void) LockRelease(&claim->tag, ExclusiveLock, true);
	claims = list_delete_ptr(claims, claim);
	list_free_deep(claim->before);
	pfree(claim);
}
