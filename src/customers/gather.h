/*
 * gather.h
 *		Rows that come in any order, handed out customer by customer.
 *
 *		add, add, add ...  --->  gather  --->  next, next, next ...
 *
 * A row is a kind (the caller's), a time, an amount or none, and some bytes
 * the caller wants back.  The customers come in no order that means anything,
 * but always in the same one; the rows of a customer come unsorted.
 */
#ifndef CRM_GATHER_H
#define CRM_GATHER_H

#include "customers/key.h"
#include "engine/money.h"

typedef struct CrmGather CrmGather;

typedef struct CrmGatherRow
{
	uint8		kind;
	bool		known; /* amount is one */
	int64		at;
	CrmMoney	amount;
	const char *extra; /* NULL: none; comes back MAXALIGNed */
	uint32		extra_length;
} CrmGatherRow;

/* one customer; valid until the next call of crm_gather_next */
typedef struct CrmGathered
{
	CrmKey						key; /* of a text: its bytes too */
	uint64						count;
	const struct CrmGatherItem *item;
	const struct CrmGather	   *gather;
} CrmGathered;

/* limit: bytes that may be held in memory; beyond it, temporary files */
extern CrmGather *crm_gather_begin(CrmKeyKind key_kind, Size limit);
extern CrmKeyKind crm_gather_key_kind(const CrmGather *gather);
extern void
crm_gather_add(CrmGather *gather, const CrmKey *key, const CrmGatherRow *row);
/* rows added so far */
extern uint64 crm_gather_count(const CrmGather *gather);

/* from the first customer on; may be called again. Nothing is added any more */
extern void crm_gather_rewind(CrmGather *gather);
extern bool crm_gather_next(CrmGather *gather, CrmGathered *customer);
/* a wide amount is palloc'd; extra points into the row */
extern void
crm_gathered_row(const CrmGathered *customer, uint64 number, CrmGatherRow *row);
extern void crm_gather_end(CrmGather *gather);

#endif /* CRM_GATHER_H */
