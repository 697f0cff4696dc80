/*
 * plans.c
 *		Plans of statements that are run again and again, kept for the session.
 *
 *		text, types of parameters, user, variant  -->  plan
 *
 * A refresh on a day on which little happened runs two dozen small statements,
 * and to parse and plan them takes as long as to run them.
 *
 * What a plan was made of is watched by PostgreSQL: one that has lost a
 * relation's old form, a function or a policy is not valid any more, and is
 * prepared anew here, so that its columns are those of today.  Not so the labels
 * of an enum and the attributes of a composite type, which a plan knows by number:
 * all plans are prepared anew where such catalogs change.  Rights are
 * looked at with each run.  A plan belongs to the user it was made for all the
 * same: what was inlined into it was so by that user's rights.
 *
 * The statements name everything with its schema, or are run with search_path
 * pinned; PostgreSQL would plan them anew under another one.
 *
 * Invariant: a plan that was handed out is not freed before the transaction
 * ends.  It may be running further up, below a trigger that led here again.
 */
#include "postgres.h"

#include "access/xact.h"
#include "common/hashfn.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "utils/inval.h"
#include "utils/memutils.h"
#include "utils/syscache.h"

#include "stage/plans.h"

/* a stage table has a handful of its own, and all share the others */
#define MAX_PLANS 128

typedef struct Kept
{
	uint32	   hash; /* of the text */
	Oid		   user;
	int		   variant;
	int		   options;
	int		   nargs;
	Oid		  *types;
	char	  *query;
	SPIPlanPtr plan;
	uint64	   used;  /* the greater, the later */
	uint64	   made;  /* when types were what changes says */
	bool	   stale; /* another has taken its place */
} Kept;

static List	 *plans = NIL;
static int	  stale_plans = 0;
static uint64 uses = 0;
static uint64 changes = 0; /* of labels and attributes, that were heard of */

/* ----- letting go ----- */

static bool
goes_before(const Kept *a, const Kept *b)
{
	return a->stale != b->stale ? a->stale : a->used < b->used;
}

/* a stale one, or else the least recently used */
static Kept *
first_to_go(void)
{
	Kept	 *first = linitial(plans);
	ListCell *cell;

	foreach (cell, plans)
		if (goes_before(lfirst(cell), first))
			first = lfirst(cell);
	return first;
}

static void
forget(Kept *kept)
{
	plans = list_delete_ptr(plans, kept);
	stale_plans -= kept->stale;
	(void) SPI_freeplan(kept->plan);
	pfree(kept);
}

static void
at_transaction_end(XactEvent event, void *arg)
{
	if (event != XACT_EVENT_COMMIT && event != XACT_EVENT_ABORT &&
		event != XACT_EVENT_PREPARE)
		return;
	while (stale_plans > 0 || list_length(plans) > MAX_PLANS)
		forget(first_to_go());
}

/* ----- keeping ----- */

static void
at_change(Datum arg, int cache, uint32 hash)
{
	changes++;
}

static bool
is_of(const Kept *kept, uint32 hash, const char *query, int nargs,
	  const Oid *types, int variant, int options)
{
	return !kept->stale && kept->hash == hash && kept->user == GetUserId() &&
		   kept->variant == variant && kept->options == options &&
		   kept->nargs == nargs &&
		   (nargs == 0 ||
			memcmp(kept->types, types, sizeof(Oid) * nargs) == 0) &&
		   strcmp(kept->query, query) == 0;
}

static Kept *
find(uint32 hash, const char *query, int nargs, const Oid *types, int variant,
	 int options)
{
	ListCell *cell;

	foreach (cell, plans)
		if (is_of(lfirst(cell), hash, query, nargs, types, variant, options))
			return lfirst(cell);
	return NULL;
}

static SPIPlanPtr
prepare(const char *query, int nargs, const Oid *types, int options)
{
	SPIPlanPtr plan =
		SPI_prepare_cursor(query, nargs, unconstify(Oid *, types), options);

	if (plan == NULL || SPI_keepplan(plan) != 0)
		elog(ERROR, "SPI could not prepare \"%s\": %s", query,
			 SPI_result_code_string(SPI_result));
	return plan;
}

/* all of it in one piece of memory */
static Kept *
new_kept(uint32 hash, const char *query, int nargs, const Oid *types,
		 int variant, int options, SPIPlanPtr plan)
{
	Size  head = MAXALIGN(sizeof(Kept));
	Size  oids = MAXALIGN(sizeof(Oid) * nargs);
	Kept *kept = MemoryContextAllocZero(TopMemoryContext,
										head + oids + strlen(query) + 1);

	kept->hash = hash;
	kept->user = GetUserId();
	kept->variant = variant;
	kept->options = options;
	kept->nargs = nargs;
	kept->types = (Oid *) ((char *) kept + head);
	if (nargs > 0)
		memcpy(kept->types, types, sizeof(Oid) * nargs);
	kept->query = (char *) kept + head + oids;
	strcpy(kept->query, query);
	kept->plan = plan;
	return kept;
}

static void
keep(Kept *kept)
{
	static bool	  watching = false;
	MemoryContext old = MemoryContextSwitchTo(TopMemoryContext);

	if (!watching)
		RegisterXactCallback(at_transaction_end, NULL);
	watching = true;
	plans = lappend(plans, kept);
	MemoryContextSwitchTo(old);
}

void
crm_plans_init(void)
{
	CacheRegisterSyscacheCallback(ENUMOID, at_change, (Datum) 0);
	CacheRegisterSyscacheCallback(ATTNUM, at_change, (Datum) 0);
}

SPIPlanPtr
crm_plan(const char *query, int nargs, const Oid *types, int variant,
		 int options)
{
	uint32 hash =
		hash_bytes((const unsigned char *) query, (int) strlen(query));
	Kept *kept = find(hash, query, nargs, types, variant, options);

	if (kept && (kept->made != changes || !SPI_plan_is_valid(kept->plan)))
	{
		kept->stale = true;
		stale_plans++;
		kept = NULL;
	}
	if (kept == NULL)
	{
		uint64	   now = changes;
		SPIPlanPtr plan = prepare(query, nargs, types, options);

		kept = new_kept(hash, query, nargs, types, variant, options, plan);
		kept->made = now;
		keep(kept);
	}
	kept->used = ++uses;
	return kept->plan;
}
