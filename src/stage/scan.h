/*
 * scan.h
 *		Walking through customers: the sources' rows of each, beside the row
 *		that the stage table holds.
 */
#ifndef CRM_SCAN_H
#define CRM_SCAN_H

#include "postgres.h"
#include "access/htup.h"
#include "access/tupdesc.h"

#include "engine/history.h"
#include "stage/definition.h"

typedef struct CrmScan CrmScan;

/*
 * One customer; valid until the next call of crm_scan_next, which is given the
 * same pair each time.
 */
typedef struct CrmPair
{
	Datum	   key;		   /* int8, uuid or text */
	CrmHistory history;	   /* empty when the sources have no row */
	bool	   times;	   /* its orders have times, not only days */
	HeapTuple  stored;	   /* NULL: not in the stage table */
	TupleDesc  descriptor; /* of stored: key, then crm_stage_columns */

	const char *segment;	  /* NULL: belongs to none */
	CrmDay		segment_from; /* the day from which that is known */
} CrmPair;

/* the segment as far as it is known at the end of a day; NULL: none */
static inline const char *
crm_pair_segment(const CrmPair *pair, CrmDay day)
{
	return pair->segment_from <= day ? pair->segment : NULL;
}

/*
 * keys: an array of int8, uuid or text, or 0 for every customer.  With
 * read_only the walk sees the active snapshot, else one of its own.  The
 * caller is connected to SPI, as the stage table's owner.  The customers come
 * in no order that means anything.
 */
extern CrmScan *crm_scan_begin(const CrmStageDefinition *definition, Datum keys,
							   bool read_only);
/*
 * The same for everybody in the stage table, by the histories stored there:
 * of the sources only the members are read.
 */
extern CrmScan *crm_scan_begin_stored(const CrmStageDefinition *definition);
/* an error where the sources have lost what the definition names */
extern void crm_scan_check(const CrmStageDefinition *definition);
extern bool crm_scan_next(CrmScan *scan, CrmPair *pair);
/* the first day on which one of those walked through is known; or CRM_NO_DAY */
extern CrmDay crm_scan_first_day(const CrmScan *scan);
/* from the first customer on once more */
extern void crm_scan_rewind(CrmScan *scan);
extern void crm_scan_end(CrmScan *scan);

extern Oid crm_key_type(CrmStageKey key);
extern Oid crm_key_array_type(CrmStageKey key);
extern int crm_stage_key_compare(CrmStageKey key, Datum a, Datum b);
/* as text, the way the queue holds it */
extern char *crm_key_text(CrmStageKey key, Datum value);
extern Datum crm_stage_key_from_text(CrmStageKey key, const char *text);
extern Datum crm_key_array(CrmStageKey key, Datum *keys, int count);

#endif /* CRM_SCAN_H */
