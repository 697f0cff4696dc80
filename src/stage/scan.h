/*
 * scan.h
 *		Walking through customers: the sources' rows of each, beside the row
 *		that the stage table holds.
 */
#ifndef CRM_SCAN_H
#define CRM_SCAN_H

#include "postgres.h"
#include "access/tupdesc.h"
#include "storage/itemptr.h"
#include "utils/snapshot.h"

#include "engine/history.h"
#include "stage/definition.h"
#include "stage/digest.h"
#include "stage/keys.h"
#include "stage/queue.h"
#include "stage/row.h"

typedef struct CrmScan CrmScan;

/*
 * One customer; valid until the next call of crm_scan_next, which is given the
 * same pair each time.
 */
typedef struct CrmPair
{
	Datum	   key;			   /* int8, uuid or text */
	CrmHistory history;		   /* empty when the sources have no row */
	bool	   times;		   /* its orders have times, not only days */
	bool	   by_stored;	   /* the history is the stored one, and new rows */
	bool	   unknown;		   /* though that does not tell all */
	const CrmStageRow *stored; /* NULL: not in the stage table */
	const CrmDigest	  *digest; /* of stored, where that is wanted instead */
	ItemPointerData	   place;  /* of stored; invalid: not asked for */

	const char *segment;	  /* NULL: belongs to none */
	CrmDay		segment_from; /* the day from which that is known */
} CrmPair;

/* the segment as far as it is known at the end of a day; NULL: none */
static inline const char *
crm_pair_segment(const CrmPair *pair, CrmDay day)
{
	return pair->segment_from <= day ? pair->segment : NULL;
}

/* what is wanted of the stage table's rows */
typedef enum CrmStoredWish
{
	CRM_WISH_ROWS,
	CRM_WISH_PLACES, /* the rows, and where they lie */
	CRM_WISH_DIGESTS /* nothing but what they come down to */
} CrmStoredWish;

/*
 * keys: an array of int8, uuid or text, or 0 for every customer; read by index
 * as long as that costs less than a pass over the relation.  snapshot: one that
 * was taken after crm_scan_lock, or NULL for one of the walk's own.  The caller
 * is connected to SPI, as the stage table's owner.  The customers come in no
 * order that means anything.
 */
extern CrmScan *crm_scan_begin(const CrmStageDefinition *definition, Datum keys,
							   Snapshot snapshot, CrmStoredWish wish);

/* customers who are looked at by their stored histories */
typedef struct CrmKept
{
	Datum keys;	  /* of all of them */
	Datum by_key; /* of those whose rows are found by their keys; 0: none */
	Datum places; /* an array of tid, of the others' rows; 0: none */
} CrmKept;

/*
 * The same by the histories stored in the stage table: of the sources only the
 * members are read, and the new rows, by kind, that no history has yet.  A pair
 * whose row on a day can't be known in this way is marked.  kept: NULL for
 * everybody.
 */
extern CrmScan *
crm_scan_begin_stored(const CrmStageDefinition *definition, const CrmKept *kept,
					  CrmNewRows *rows, CrmDay day, Snapshot snapshot);
/* an error where the owner may not read the sources any more */
extern void
crm_scan_check_rights(const CrmStageDefinition *definition, Snapshot snapshot);
/*
 * Lock the stage table and all that its sources' queries read, tables behind
 * views too, against changes of their form; to be called before the snapshot is
 * taken in which they are read.  An error where the sources have lost what the
 * definition names; and one where the snapshot is that of the transaction, was
 * taken before, and cannot show what is there now: see outdated.c.
 */
extern void crm_scan_lock(const CrmStageDefinition *definition);
extern bool crm_scan_next(CrmScan *scan, CrmPair *pair);
/* the histories are not to be finished: see crm_history_sums */
extern void crm_scan_leave_unfinished(CrmScan *scan, bool unfinished);
/* the first day on which one of those walked through is known; or CRM_NO_DAY */
extern CrmDay crm_scan_first_day(const CrmScan *scan);
/* from the first customer on once more */
extern void crm_scan_rewind(CrmScan *scan);
extern void crm_scan_end(CrmScan *scan);

#endif /* CRM_SCAN_H */
