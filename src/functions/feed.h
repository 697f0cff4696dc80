/*
 * feed.h
 *		The rows of an ordinary query, gathered by customer.
 *
 * The query runs through the executor with the rights of the current user, so
 * privileges, row security and views hold; its rows go straight from there
 * into a CrmGather, without a tuplestore or a sort between.
 */
#ifndef CRM_FEED_H
#define CRM_FEED_H

#include "postgres.h"
#include "access/tupdesc.h"
#include "executor/tuptable.h"
#include "tcop/dest.h"

#include "customers/gather.h"
#include "functions/localday.h"

/*
 * Which columns of the query say what, from 1; 0: none does.  Rows without a
 * customer or a time are left out, where there is a column for that.
 */
typedef struct CrmFeedColumns
{
	int	  customer;
	int	  at;
	int	  amount;	  /* numeric */
	int	  word;		  /* text: 'order' or 'visit'; NULL: left out */
	int	  extra;	  /* text, by its bytes */
	int	  label;	  /* text: a second row of the gather has it as extra */
	uint8 kind;		  /* of rows without a word */
	uint8 label_kind; /* of the rows with the labels */
	bool  undated;	  /* rows without a time have CRM_NO_TIME */
	bool  whole; /* the row itself, as a minimal tuple without its length, is
						* the extra */
	/* or what the row comes down to: bytes of that function's own */
	const char *(*condense)(void *context, TupleTableSlot *slot,
							uint32 *length);
	void	   *context;
	const char *hint; /* what to do about a time or an amount that is none */
} CrmFeedColumns;

typedef enum CrmFeedWord
{
	CRM_FEED_ORDER,
	CRM_FEED_VISIT
} CrmFeedWord;

/* kind of the customers in a column; false: the type is no customer's */
extern bool crm_feed_key_kind(Oid type, CrmKeyKind *kind);
/*
 * A receiver that adds what it gets to the gather; destroyed by its
 * rDestroy.
 */
extern DestReceiver *
crm_feed_create(CrmGather *gather, const CrmFeedColumns *columns);

/* of a gathered customer: int8, uuid or text, palloc'd */
extern Datum crm_feed_customer(CrmKeyKind kind, const CrmKey *key);

#endif /* CRM_FEED_H */
