/*
 * effective.c
 *		crmlife.effective_model, called once or in every row.
 *
 * A query may ask for each customer's segment, or for one and the same model
 * in each row, for PostgreSQL calls a STABLE function as often as it stands
 * there.  So what was read is kept with the call:
 *
 *		sight: which rows a query can see   -> the same: the models kept hold
 *		                                    -> another: they are read anew
 *
 * Invariant: the result is what reading the tables with the active snapshot
 * would give.
 */
#include "postgres.h"

#include "access/xact.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "storage/proc.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"

#include "compat.h"
#include "functions/model_type.h"
#include "stage/in_force.h"

PG_FUNCTION_INFO_V1(crm_effective_model);

/*
 * Two equal ones see the same rows.  A subtransaction that is rolled back does
 * not bring the command counter back, hence its number.
 */
typedef struct Sight
{
	LocalTransactionId transaction;
	SubTransactionId   subtransaction;
	SnapshotData	   snapshot; /* with arrays of its own */
} Sight;

/* kept in fn_extra */
typedef struct Kept
{
	MemoryContext context; /* of all of it; NULL: nothing is kept */
	MemoryContext before;  /* of the last result, which may still be held */
	Sight		  sight;
	Oid			  user; /* who was allowed to read */
	Oid			  stage_table;
	CrmInForce	 *in_force;
} Kept;

/* ---- what a query sees ---- */

static bool
same_ids(const TransactionId *a, const TransactionId *b, Size count)
{
	return count == 0 || memcmp(a, b, count * sizeof(TransactionId)) == 0;
}

/* how many there are in subxip: with too many of them it says nothing */
static Size
subxip_count(const SnapshotData *snapshot)
{
	return snapshot->suboverflowed && !snapshot->takenDuringRecovery
			   ? 0
			   : snapshot->subxcnt;
}

static bool
same_sight(const Sight *sight, const SnapshotData *snapshot)
{
	const SnapshotData *kept = &sight->snapshot;

	return sight->transaction == crm_local_transaction() &&
		   sight->subtransaction == GetCurrentSubTransactionId() &&
		   kept->xmin == snapshot->xmin && kept->xmax == snapshot->xmax &&
		   kept->curcid == snapshot->curcid && kept->xcnt == snapshot->xcnt &&
		   subxip_count(kept) == subxip_count(snapshot) &&
		   kept->suboverflowed == snapshot->suboverflowed &&
		   kept->takenDuringRecovery == snapshot->takenDuringRecovery &&
		   same_ids(kept->xip, snapshot->xip, kept->xcnt) &&
		   same_ids(kept->subxip, snapshot->subxip, subxip_count(kept));
}

static TransactionId *
copy_ids(const TransactionId *ids, Size count)
{
	TransactionId *copy = palloc(count * sizeof(TransactionId) + 1);

	if (count > 0)
		memcpy(copy, ids, count * sizeof(TransactionId));
	return copy;
}

static void
keep_sight(Sight *sight, const SnapshotData *snapshot)
{
	sight->transaction = crm_local_transaction();
	sight->subtransaction = GetCurrentSubTransactionId();
	sight->snapshot = *snapshot;
	sight->snapshot.xip = copy_ids(snapshot->xip, snapshot->xcnt);
	sight->snapshot.subxip = copy_ids(snapshot->subxip, subxip_count(snapshot));
}

/* ---- the models ---- */

static void
forget(Kept *kept)
{
	if (kept->context == NULL)
		return;
	if (kept->before != NULL)
		MemoryContextDelete(kept->before);
	kept->before = kept->context;
	kept->context = NULL;
}

static void
read_anew(Kept *kept, MemoryContext lasting, Oid stage_table)
{
	Snapshot	  snapshot = GetActiveSnapshot();
	MemoryContext context;
	MemoryContext old;

	forget(kept);
	context = AllocSetContextCreate(lasting, "crmlife models in force",
									ALLOCSET_SMALL_SIZES);
	old = MemoryContextSwitchTo(context);
	kept->in_force = crm_show_in_force(stage_table);
	kept->stage_table = stage_table;
	kept->user = GetUserId();
	keep_sight(&kept->sight, snapshot);
	MemoryContextSwitchTo(old);
	kept->context = context;
}

/* (stage_table, segment) -> lifecycle_model */
Datum
crm_effective_model(PG_FUNCTION_ARGS)
{
	Kept *kept = fcinfo->flinfo->fn_extra;
	Oid	  stage_table;
	char *segment = NULL;

	if (PG_ARGISNULL(0))
		PG_RETURN_NULL();
	stage_table = PG_GETARG_OID(0);
	if (!PG_ARGISNULL(1))
		segment = text_to_cstring(PG_GETARG_TEXT_PP(1));
	if (kept == NULL)
		fcinfo->flinfo->fn_extra = kept =
			MemoryContextAllocZero(fcinfo->flinfo->fn_mcxt, sizeof(Kept));
	if (kept->context == NULL || kept->stage_table != stage_table ||
		kept->user != GetUserId() ||
		!same_sight(&kept->sight, GetActiveSnapshot()))
		read_anew(kept, fcinfo->flinfo->fn_mcxt, stage_table);
	PG_RETURN_DATUM(crm_in_force_text(kept->in_force, segment));
}
