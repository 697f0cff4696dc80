/*
 * customers.h
 *		A state of a metric for each of millions of customers.
 *
 * One CrmCustomers is one group of one aggregate: a hash table whose slots lie
 * in the order of the customers' hashes, and what stands around it:
 *
 *		add --> pending: rows by the part of the table they belong to
 *		           |  part full
 *		           v
 *		        slots: [hash | rest | state] ...   <-- merge (another process)
 *		           |  budget full                       or a partition's entries
 *		           v
 *		        spill: entries in temporary files, partitioned by hash
 *
 * A group starts with a few slots inside its own struct, without pending keys
 * and without any other memory; so hundreds of thousands of small groups cost
 * some 250 bytes each.
 *
 * All groups of one aggregate in one query share a CrmCustomersQuery and with
 * it the budget, work_mem * hash_mem_multiplier.  A group that may not grow
 * writes its customers to the partitions and starts again with an empty table;
 * the entries merge at the end, one partition at a time.
 *
 * Customers that come from other processes are kept as they came, sorted runs
 * of entries, and merged while the totals are worked out (runs.c).
 *
 * A metric that wants the customers' events has a log of all rows instead of
 * the table (log.c); budget, partitions and wire are the same.  Some have a
 * table, and beside it a log of the rows their states have no room for, or a
 * sum of all amounts (beside.c).
 *
 * Invariants: a slot is empty exactly if word 0 of its state is zero; slots
 * are found by linear probing upwards from their hash's place, never around
 * the end; the last slot is always empty.
 */
#ifndef CRM_CUSTOMERS_H
#define CRM_CUSTOMERS_H

#include "postgres.h"

#include "fmgr.h"

#include "customers/key.h"
#include "engine/metric.h"

/* what all groups of one aggregate in one query share */
typedef struct CrmCustomersQuery
{
	const CrmMetric *metric;
	CrmKeyKind		 key_kind;
	/* of the older rows beside the tables, once there are any (beside.c) */
	struct CrmCustomersQuery *older;
	Size				 limit; /* bytes that all groups may use together */
	Size				 used;
	MemoryContext		 context;
	struct CrmCustomers *finished; /* the group that has these totals */
	CrmTotals			*totals;
	MemoryContext		 totals_context;
} CrmCustomersQuery;

/* rows that nothing was done with yet */
#define CRM_BATCH_ROWS 64

/* rows on their way into the table, by the part of it they belong to (pending.c) */
typedef struct CrmPending
{
	int	   batched;
	CrmDay day[CRM_BATCH_ROWS];
	/* a bigint, or the halves of a uuid as it stands in memory */
	uint64 key[CRM_BATCH_ROWS];
	uint64 rest[CRM_BATCH_ROWS];

	int	   size; /* of pending.c's */
	int	   parts;
	int	   shift;  /* a hash's part is what this leaves of it */
	uint32 bytes;  /* for the rows of each part */
	char  *rows;   /* of all parts */
	uint32 used[]; /* of each part */
} CrmPending;

typedef struct CrmArena	 CrmArena;
typedef struct CrmSpill	 CrmSpill;
typedef struct CrmLog	 CrmLog;
typedef struct CrmRuns	 CrmRuns;
typedef struct CrmBeside CrmBeside;

typedef struct CrmCustomers
{
	uint32			   tag; /* CRM_CUSTOMERS_TAG */
	bool			   params_null;
	bool			   files_open; /* there are files to close */
	bool			   arena_full; /* its keys went over the budget */
	bool			   accounted;  /* gives its bytes back when it goes */
	uint8			   hash_shift; /* bits of the hash used up by spilling */
	CrmParams		   params;
	CrmCustomersQuery *query;
	MemoryContext	   context;
	uint32			   key_size;
	uint32			   slot_size;
	uint64			   count;	 /* customers in the table */
	uint64			   max;		 /* so many may be */
	uint64			   capacity; /* places that hashes map to */
	char			  *slots;
	char			  *last; /* the slot that stays empty */
	CrmPending		  *pending;
	CrmArena		  *arena;
	CrmLog			  *log; /* of metrics with events, instead of the table */
	CrmBeside		  *beside; /* what some metrics have besides the table */
	CrmSpill		  *spill;
	CrmRuns			  *runs;
	CrmTotals		  *totals; /* that cannot be worked out again */
	Size			   bytes;  /* what it has of query->used */
	char			   inside[FLEXIBLE_ARRAY_MEMBER];
} CrmCustomers;

#define CRM_CUSTOMERS_TAG 0x43524d43

extern CrmCustomersQuery *
crm_customers_query(MemoryContext context, const CrmMetric *metric,
					CrmKeyKind key_kind);
extern CrmCustomers *
crm_customers_create(CrmCustomersQuery *query, const CrmParams *params,
					 bool params_null, MemoryContext context);

/*
 * The totals over all customers.  They stay until another group is finished
 * and are then worked out anew if need be; or, where the customers were in
 * files, for good: the first call frees these.
 */
extern const CrmTotals *crm_customers_finish(CrmCustomers *customers);

/* temporary files only: when a group is given up in the middle */
extern void crm_customers_close_files(CrmCustomers *customers);

/* serialized form: crm_wire_... in wire.c */
typedef struct CrmWire CrmWire;

/* a bytea's content; an error when it would not fit one */
extern bytea *crm_customers_serialize(CrmCustomers *customers);
/* checks the header only, and points into the bytes */
extern CrmWire		   *crm_wire_open(const char *bytes, Size size);
extern const CrmMetric *crm_wire_metric(const CrmWire *wire);
extern CrmKeyKind		crm_wire_key_kind(const CrmWire *wire);
extern const CrmParams *crm_wire_params(const CrmWire *wire, bool *params_null);
extern void crm_customers_merge_wire(CrmCustomers *customers, CrmWire *wire);

extern void
crm_customers_put(CrmCustomers *customers, const CrmKey *key, CrmDay day);
extern void crm_customers_flush(CrmCustomers *customers);
/* the rows of a full batch */
extern void crm_pending_distribute(CrmCustomers *customers);
extern void crm_customers_add_text(CrmCustomers *customers, const char *bytes,
								   uint32 length, CrmDay day);

/* a pending row: hash, day, and the rest of a uuid, or a text's length */
#define CRM_KEY_ROW_BYTES(kind)        \
	(sizeof(uint64) + sizeof(CrmDay) + \
	 ((kind) == CRM_KEY_UUID ? sizeof(uint64) : 0))

/* where the search for a hash starts */
static inline char *
crm_customers_place(const CrmCustomers *customers, uint64 hash)
{
	uint64 shifted = hash << customers->hash_shift;
	uint64 index =
		(uint64) (((unsigned __int128) shifted * customers->capacity) >> 64);

	return customers->slots + index * customers->slot_size;
}

static inline int
crm_pending_part(const CrmCustomers *customers, uint64 hash)
{
	/* in two steps: with a single part all 64 bits are to go */
	return (int) (hash << customers->hash_shift >> 1 >>
				  customers->pending->shift);
}

/*
 * One row of a bigint or uuid customer.  What comes first after a call from the
 * executor is waited for, step by step; so hashing, whose steps depend on each
 * other, is left for a loop over many rows.
 */
static pg_attribute_always_inline void
crm_customers_add(CrmCustomers *customers, CrmKeyKind kind, Datum value,
				  CrmDay day)
{
	CrmPending *pending = customers->pending;
	int			row;

	if (pending == NULL)
	{
		CrmKey key = kind == CRM_KEY_UUID
						 ? crm_key_from_uuid(DatumGetUUIDP(value))
						 : crm_key_from_bigint(DatumGetInt64(value));

		crm_customers_put(customers, &key, day);
		return;
	}
	row = pending->batched++;
	pending->day[row] = day;
	if (kind == CRM_KEY_UUID)
	{
		const char *data = (const char *) DatumGetUUIDP(value)->data;

		pending->key[row] = crm_load64(data);
		pending->rest[row] = crm_load64(data + sizeof(uint64));
	}
	else
		pending->key[row] = (uint64) DatumGetInt64(value);
	if (row == CRM_BATCH_ROWS - 1)
		crm_pending_distribute(customers);
}

#endif /* CRM_CUSTOMERS_H */
