/*
 * spill.c
 *		Customers that go over the budget: temporary files of entries,
 *		partitioned by hash, and the visit of all customers of a group.
 *
 *		table full      table full      end
 *		   |               |             |
 *		  run 1           run 2         run 3        each in order of hashes
 *		   |               |             |
 *		   +--> partition 0: chunk chunk chunk
 *		   +--> partition 1: chunk chunk chunk      by the next bits of the hash
 *		   +--> ...
 *
 * Entries merge, so a run holds a customer's state from the rows since the run
 * before.  At the end each partition is merged into a table of its own, which
 * has its hash's bits shifted by those all its customers share, and which may
 * go over the budget and spill itself.
 *
 * A chunk is a head and entries.  The first chunk of a run in a partition says
 * about how many entries the run has there.
 *
 * Invariant: every customer is in the table or in the partition of its hash,
 * perhaps in both, and in no other.  The files are PostgreSQL's temporary
 * files: they count for temp_file_limit and go with the query, whatever its
 * end.
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/memutils.h"

#include "compat.h"
#include "customers/beside.h"
#include "customers/log.h"
#include "customers/table.h"
#include "customers/temp_file.h"

#define CHUNK_BYTES (32 * 1024)
/* a file costs a buffer of 8 kB: few for groups that are small */
#define FEW_BITS 3
#define MANY_BITS 5
#define MANY_FROM_BYTES (1024 * 1024)

typedef struct ChunkHead
{
	uint64 bytes;
	uint64 expected; /* not zero: a run begins */
} ChunkHead;

struct CrmSpill
{
	int		  bits;
	int		  current; /* partition of the chunk at hand */
	ChunkHead head;
	Size	  room;
	char	 *chunk;
	struct
	{
		BufFile *file;
		uint64	 run_expected; /* of a run that has not begun here yet */
		int		 end_fileno;
		off_t	 end_offset;
		uint64	 bytes; /* that it has */
		bool	 moved; /* read since it was last written */
	} partition[FLEXIBLE_ARRAY_MEMBER];
};

static inline int
partition_of(const CrmCustomers *customers, uint64 hash)
{
	return (int) ((hash << customers->hash_shift) >>
				  (64 - customers->spill->bits));
}

static void
open_files(CrmCustomers *customers)
{
	int bits = customers->bytes >= MANY_FROM_BYTES ? MANY_BITS : FEW_BITS;
	MemoryContext old = MemoryContextSwitchTo(customers->context);
	CrmSpill	 *spill = palloc0(offsetof(CrmSpill, partition) +
								  (sizeof(spill->partition[0]) << bits));

	spill->bits = bits;
	spill->room = CHUNK_BYTES;
	spill->chunk = palloc(CHUNK_BYTES);
	customers->spill = spill;
	customers->files_open = true;
	for (int i = 0; i < 1 << bits; i++)
		spill->partition[i].file = BufFileCreateTemp(false);
	MemoryContextSwitchTo(old);
}

void
crm_customers_close_files(CrmCustomers *customers)
{
	CrmSpill *spill = customers->spill;

	customers->files_open = false;
	customers->spill = NULL;
	if (spill == NULL)
		return;
	for (int i = 0; i < 1 << spill->bits; i++)
	{
		if (spill->partition[i].file != NULL)
			BufFileClose(spill->partition[i].file);
	}
	pfree(spill->chunk);
	pfree(spill);
}

/* ---- write --------------------------------------------------------------- */

static void
write_entries(CrmCustomers *customers, const char *entries)
{
	CrmSpill *spill = customers->spill;
	BufFile	 *file = spill->partition[spill->current].file;

	if (spill->head.bytes == 0)
		return;
	CHECK_FOR_INTERRUPTS();
	if (spill->partition[spill->current].moved)
	{
		crm_temp_seek(file, spill->partition[spill->current].end_fileno,
					  spill->partition[spill->current].end_offset);
		spill->partition[spill->current].moved = false;
	}
	spill->head.expected = spill->partition[spill->current].run_expected;
	spill->partition[spill->current].run_expected = 0;
	BufFileWrite(file, &spill->head, sizeof(spill->head));
	BufFileWrite(file, unconstify(char *, entries), spill->head.bytes);
	BufFileTell(file, &spill->partition[spill->current].end_fileno,
				&spill->partition[spill->current].end_offset);
	spill->partition[spill->current].bytes +=
		sizeof(spill->head) + spill->head.bytes;
	spill->head.bytes = 0;
}

static void
write_chunk(CrmCustomers *customers)
{
	write_entries(customers, customers->spill->chunk);
}

/* so many bytes more will come for this partition */
static void
turn_to(CrmCustomers *customers, int partition, Size size)
{
	CrmSpill *spill = customers->spill;

	if (partition != spill->current || spill->head.bytes + size > spill->room)
		write_chunk(customers);
	spill->current = partition;
	if (size > spill->room)
	{
		pfree(spill->chunk);
		spill->chunk = MemoryContextAllocHuge(customers->context, size);
		spill->room = size;
	}
}

/* where to write the next entry of this hash */
static char *
chunk_room(CrmCustomers *customers, uint64 hash, Size size)
{
	CrmSpill *spill = customers->spill;
	int		  partition = partition_of(customers, hash);
	char	 *room;

	turn_to(customers, partition, size);
	room = spill->chunk + spill->head.bytes;
	spill->head.bytes += size;
	return room;
}

void
crm_spill_begin_run(CrmCustomers *customers, uint64 expected)
{
	if (customers->spill == NULL)
		open_files(customers);
	write_chunk(customers);
	for (int i = 0; i < 1 << customers->spill->bits; i++)
		customers->spill->partition[i].run_expected =
			(expected >> customers->spill->bits) + 1;
}

void
crm_spill_entry(CrmCustomers *customers, uint64 hash, const char *entry,
				Size size)
{
	memcpy(chunk_room(customers, hash, size), entry, size);
}

/* past the chunk at hand: a copy less */
void
crm_spill_block(CrmCustomers *customers, uint64 first, int bits,
				const char *entries, Size size)
{
	CrmSpill *spill = customers->spill;

	Assert(bits >= spill->bits);
	turn_to(customers, (int) (first >> (bits - spill->bits)), size);
	write_chunk(customers);
	spill->head.bytes = size;
	write_entries(customers, entries);
}

static void
spill_slot(void *argument, const CrmCustomers *table, const char *slot)
{
	CrmCustomers *customers = argument;
	Size		  size = crm_entry_size(table, slot);

	crm_entry_write(chunk_room(customers, crm_load64(slot), size), table, slot);
}

void
crm_spill_table(CrmCustomers *customers)
{
	crm_spill_begin_run(customers, customers->count);
	crm_table_visit_in_order(customers, spill_slot, customers);
	write_chunk(customers);
	crm_table_clear(customers, false);
}

/* ---- read ---------------------------------------------------------------- */

static void
load_partition(CrmCustomers *customers, int partition, CrmCustomers *child)
{
	CrmSpill *spill = customers->spill;
	BufFile	 *file = spill->partition[partition].file;
	uint64	  left = spill->partition[partition].bytes;
	CrmMerge  merge;
	ChunkHead head;

	spill->partition[partition].moved = true;
	crm_temp_seek(file, 0, 0);
	if (child->log == NULL)
		crm_merge_begin(&merge, child, 1);
	while (left > 0)
	{
		CrmEntries entries = {0};

		crm_temp_read(file, &head, sizeof(head));
		/* it was written from this very buffer, which never shrinks */
		if (unlikely(head.bytes > spill->room ||
					 sizeof(head) + head.bytes > left))
			crm_temp_refuse();
		crm_temp_read(file, spill->chunk, head.bytes);
		left -= sizeof(head) + head.bytes;
		if (child->log != NULL)
		{
			(void) crm_log_append(child, spill->chunk,
								  spill->chunk + head.bytes);
			continue;
		}
		if (head.expected > 0)
			crm_merge_begin(&merge, child, head.expected);
		entries.at = spill->chunk;
		entries.end = spill->chunk + head.bytes;
		crm_merge_entries(&merge, child, &entries);
	}
}

static void
clear(CrmCustomers *customers)
{
	if (customers->log != NULL)
		crm_log_clear(customers);
	else
		crm_table_clear(customers, true);
}

static void
visit_partition(CrmCustomers *customers, int partition, CrmTableVisitor visitor,
				void *argument)
{
	MemoryContext context = AllocSetContextCreate(
		customers->context, "crmlife partition", ALLOCSET_DEFAULT_SIZES);
	CrmCustomers *child = crm_customers_create(
		customers->query, &customers->params, false, context);

	child->hash_shift = customers->hash_shift + customers->spill->bits;
	load_partition(customers, partition, child);
	crm_customers_visit(child, visitor, argument);
	crm_customers_close_files(child);
	MemoryContextDelete(context);
}

void
crm_customers_visit(CrmCustomers *customers, CrmTableVisitor visitor,
					void *argument)
{
	crm_customers_flush(customers);
	crm_runs_settle(customers);
	if (customers->spill == NULL)
	{
		visitor(argument, customers);
		return;
	}
	if (customers->log != NULL)
		crm_log_spill(customers);
	else if (customers->count > 0)
		crm_spill_table(customers);
	write_chunk(customers);
	clear(customers);
	for (int i = 0; i < 1 << customers->spill->bits; i++)
		visit_partition(customers, i, visitor, argument);
}

/* ---- finish -------------------------------------------------------------- */

typedef struct Fold
{
	CrmCustomers
			  *customers; /* the group; what is visited may be a part of it */
	CrmTotals *totals;
} Fold;

static void
fold_slot(void *argument, const CrmCustomers *table, const char *slot)
{
	Fold  *fold = argument;
	CrmKey key = crm_slot_key(table, slot);

	crm_beside_fold(fold->customers, &key, crm_slot_state(table, slot),
					fold->totals);
}

static void
fold_table(void *argument, const CrmCustomers *table)
{
	Fold *fold = argument;

	if (table->log != NULL)
		crm_log_fold(table, fold->totals);
	else
		crm_table_visit(table, fold_slot, fold);
}

/* in CurrentMemoryContext */
static CrmTotals *
work_out(CrmCustomers *customers)
{
	const CrmMetric *metric = customers->query->metric;
	Fold			 fold = {.customers = customers};
	CrmTotals		*totals = palloc(sizeof(*totals));

	crm_totals_init(totals, metric->cell_counts, metric->cell_sums);
	fold.totals = totals;
	if (customers->runs != NULL && customers->count == 0 &&
		customers->spill == NULL)
		crm_runs_fold(customers, totals);
	else
		crm_customers_visit(customers, fold_table, &fold);
	crm_beside_finish(customers, totals);
	if (metric->close != NULL)
		metric->close(&customers->params, totals);
	crm_totals_sort(totals);
	return totals;
}

/* is everything still there when the totals have been worked out? */
static bool
can_repeat(const CrmCustomers *customers)
{
	return customers->spill == NULL && customers->runs == NULL &&
		   (customers->beside == NULL || customers->beside->older == NULL);
}

/* an empty context for the totals of one group at a time */
static MemoryContext
totals_context(CrmCustomersQuery *query)
{
	query->finished = NULL;
	if (query->totals_context == NULL)
		query->totals_context = AllocSetContextCreate(
			query->context, "crmlife totals", ALLOCSET_DEFAULT_SIZES);
	else
		MemoryContextReset(query->totals_context);
	return query->totals_context;
}

/*
 * A plan may hold all its groups until its end, and ask for the totals of each
 * again when it is run again.  Those of a curve take many times the memory of a
 * small group's customers, so that only one group's are kept.
 */
static const CrmTotals *
finish_again(CrmCustomers *customers)
{
	CrmCustomersQuery *query = customers->query;
	MemoryContext	   old;

	if (query->finished == customers)
		return query->totals;
	old = MemoryContextSwitchTo(totals_context(query));
	query->totals = work_out(customers);
	MemoryContextSwitchTo(old);
	query->finished = customers;
	return query->totals;
}

const CrmTotals *
crm_customers_finish(CrmCustomers *customers)
{
	MemoryContext old;
	CrmTotals	 *totals;

	if (customers->totals != NULL)
		return customers->totals;
	crm_customers_flush(customers);
	if (can_repeat(customers))
		return finish_again(customers);
	old = MemoryContextSwitchTo(customers->context);
	totals = work_out(customers);
	crm_customers_close_files(customers);
	clear(customers);
	MemoryContextSwitchTo(old);
	customers->totals = totals;
	return totals;
}
