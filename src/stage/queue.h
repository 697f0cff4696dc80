/*
 * queue.h
 *		The queue of customers whose rows changed: how the capture triggers
 *		fill it, and what a refresh finds in it.
 */
#ifndef CRM_QUEUE_H
#define CRM_QUEUE_H

#include "postgres.h"
#include "access/tupdesc.h"
#include "utils/date.h"
#include "utils/relcache.h"
#include "utils/snapshot.h"
#include "utils/tuplestore.h"

#include "engine/history.h"
#include "stage/keys.h"
#include "stage/newrows.h"

/* kilobytes that the queue may take before single customers are given up */
extern int crm_queue_limit;

/* ----- writing ----- */

typedef struct CrmQueueWriter CrmQueueWriter;

extern CrmQueueWriter *crm_queue_open(Oid stage_table);
/* customers whose rows have to be read again; each statement's once */
extern void crm_queue_customers(CrmQueueWriter *writer, Tuplestorestate *rows,
								TupleDesc descriptor, AttrNumber customer);
/* rows that are new, themselves */
extern void crm_queue_new_rows(CrmQueueWriter *writer, Tuplestorestate *rows,
							   Relation relation, const CrmNewRowsForm *form);
/* have the next run look at every customer */
extern void crm_queue_all(CrmQueueWriter *writer);
extern void crm_queue_close(CrmQueueWriter *writer);

/* for a refresh to have the next one look at every customer */
extern void crm_queue_everybody(Oid stage_table);

/* ----- reading ----- */

/* new rows of a source, as an event is made of them */
typedef struct CrmNewRows
{
	TupleDesc		 descriptor; /* NULL: the source's cannot be merged */
	Tuplestorestate *rows;
	int64			 count;
} CrmNewRows;

typedef struct CrmQueued
{
	bool	   everybody;
	CrmKeys	   changed;	 /* whose rows have to be read again */
	CrmKeys	   appended; /* who have new rows; some also in changed */
	CrmNewRows rows[CRM_EVENT_VISIT + 1];
} CrmQueued;

/*
 * What waits for a stage table, taken out of the queue, as a snapshot shows it.
 * The caller is connected to SPI.
 */
extern CrmQueued *
crm_queue_take(const CrmStageDefinition *definition, Snapshot snapshot);
/* when the new rows have been read: they may be in a file */
extern void crm_queue_taken(CrmQueued *queued);
/* the same left where it is, without the rows; as the active snapshot shows */
extern CrmQueued *crm_queue_look(Oid stage_table, CrmStageKey kind);
/*
 * One entry says of everybody that they wait as well as many.
 */
extern void crm_queue_fold(Oid stage_table);
/*
 * Where the queue is full with what another stage table waits for, whom nobody
 * refreshes, that one gives up its customers.
 */
extern void crm_queue_relieve(Oid stage_table);

#endif /* CRM_QUEUE_H */
