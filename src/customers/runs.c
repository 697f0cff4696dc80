/*
 * runs.c
 *		Customers from other processes, kept as the sorted runs they came in.
 *
 * Each process of a parallel plan has seen nearly every customer, and the
 * leader has to bring their states together by itself while the others wait
 * or are gone.  It needs no table for that: the runs are in the same order, so
 * the states of one customer meet at the front of a heap of runs, are merged
 * there and folded at once.  All memory is read once, from front to end.
 *
 *		run 0   h1 .. h4 .. h5 ..            +-> h1       --fold--> totals
 *		run 1   h1 .. h2 .. h5 ..   --heap-->|   h2
 *		run 2   h3 .. h4 .. h9 ..            +-> h3 ...
 *
 * Runs count for the budget.  Where they do not fit they are merged into the
 * table, which goes to temporary files when it is full.
 *
 * Invariant: the entries of a run ascend strictly, and are as many as were
 * announced: bytes for which that is not so are refused when they are read.
 */
#include "postgres.h"

#include "miscadmin.h"

#include "customers/beside.h"
#include "customers/entry.h"

/* a smaller one is not worth keeping beside the table */
#define MIN_BYTES (32 * 1024)

typedef struct Run
{
	char	  *bytes;
	Size	   size;
	uint64	   count;
	uint64	   read;
	CrmEntries left;
	CrmEntry   entry; /* the one at hand */
} Run;

struct CrmRuns
{
	int	 count;
	int	 space;
	Run *run;
};

/* ---- keep ---------------------------------------------------------------- */

/* the bytes of a new run, to be filled */
static char *
add_run(CrmCustomers *customers, Size size, uint64 count)
{
	CrmRuns *runs = customers->runs;
	Run		*run;

	if (runs == NULL)
	{
		runs = MemoryContextAllocZero(customers->context, sizeof(*runs));
		runs->space = 4;
		runs->run =
			MemoryContextAlloc(customers->context, sizeof(*run) * runs->space);
		customers->runs = runs;
	}
	if (runs->count == runs->space)
	{
		runs->space *= 2;
		runs->run = repalloc(runs->run, sizeof(*run) * runs->space);
	}
	run = &runs->run[runs->count];
	memset(run, 0, sizeof(*run));
	run->bytes = MemoryContextAllocHuge(customers->context, size);
	run->size = size;
	run->count = count;
	runs->count++;
	crm_customers_account(customers, size);
	return run->bytes;
}

/* the run added last is shorter */
static void
end_run(CrmCustomers *customers, const char *end)
{
	Run *run = &customers->runs->run[customers->runs->count - 1];

	crm_customers_unaccount(customers, run->size);
	run->size = end - run->bytes;
	run->bytes = repalloc_huge(run->bytes, run->size);
	crm_customers_account(customers, run->size);
}

static void
free_run(CrmCustomers *customers, Run *run)
{
	crm_entries_close(&run->left);
	pfree(run->bytes);
	run->bytes = NULL;
	crm_customers_unaccount(customers, run->size);
}

static void
forget(CrmRuns *runs)
{
	pfree(runs->run);
	pfree(runs);
}

static void
measure_slot(void *argument, const CrmCustomers *table, const char *slot)
{
	*(Size *) argument += crm_entry_size(table, slot);
}

static void
write_slot(void *argument, const CrmCustomers *table, const char *slot)
{
	char **to = argument;

	crm_entry_write(*to, table, slot);
	*to += crm_entry_size(table, slot);
}

/* what few customers the table has become a run too */
static void
keep_table(CrmCustomers *customers)
{
	Size  size = 0;
	char *to;

	if (customers->query->key_kind == CRM_KEY_TEXT)
	{
		crm_table_visit(customers, measure_slot, &size);
		to = add_run(customers, size, customers->count);
		crm_table_visit_in_order(customers, write_slot, &to);
	}
	else
	{
		size = crm_pack_bound(customers);
		to = add_run(customers, size, customers->count);
		to = crm_pack_table(to, customers);
		memset(to, 0, CRM_PACK_PAD);
		end_run(customers, to + CRM_PACK_PAD);
	}
	crm_table_clear(customers, true);
}

bool
crm_runs_keep(CrmCustomers *customers, const char *bytes, Size size,
			  uint64 count)
{
	const CrmCustomersQuery *query = customers->query;

	if (customers->runs == NULL &&
		(size < MIN_BYTES || customers->spill != NULL))
		return false;
	if (query->used + size > query->limit)
	{
		crm_runs_settle(customers);
		return false;
	}
	if (customers->count > 0)
		keep_table(customers);
	memcpy(add_run(customers, size, count), bytes, size);
	return true;
}

void
crm_runs_settle(CrmCustomers *customers)
{
	CrmRuns *runs = customers->runs;

	if (runs == NULL)
		return;
	customers->runs = NULL;
	for (int i = 0; i < runs->count; i++)
	{
		Run		*run = &runs->run[i];
		CrmMerge merge;

		run->left = crm_entries_open(customers, run->bytes, run->size);
		crm_merge_begin(&merge, customers, run->count);
		crm_merge_entries(&merge, customers, &run->left);
		if (merge.done != run->count)
			crm_refuse_entries(
				"There are not as many entries as the head says.");
		free_run(customers, run);
	}
	forget(runs);
}

/* ---- merge and fold ------------------------------------------------------ */

typedef struct Heap
{
	const CrmCustomers *customers;
	Size				entry_size; /* of text bytes aside */
	int					words;
	int					count;
	Run				  **run; /* the first one has the least key */
} Heap;

/* what the kind of key has, no more: a copy of all would wait for its parts */
static pg_attribute_always_inline CrmKey
copy_key(CrmKeyKind kind, const CrmKey *key)
{
	CrmKey copy = {.hash = key->hash};

	if (kind == CRM_KEY_UUID)
		copy.rest = key->rest;
	if (kind == CRM_KEY_TEXT)
	{
		copy.bytes = key->bytes;
		copy.length = key->length;
	}
	return copy;
}

/* the next entry of a run; false at its end */
static pg_attribute_always_inline bool
advance(CrmKeyKind kind, Size entry_size, Run *run, CrmEntry *entry)
{
	CrmKey last = copy_key(kind, &entry->key);

	if (!crm_entry_read(kind, entry_size, &run->left, entry))
	{
		if (run->read != run->count)
			crm_refuse_entries(
				"There are not as many entries as the head says.");
		return false;
	}
	if (run->read++ > 0 && crm_key_compare(kind, &last, &entry->key) >= 0)
		crm_refuse_entries("The entries are not in order.");
	return true;
}

/* the run at `place` has a greater key than before */
static pg_attribute_always_inline void
sift_down(Heap *heap, CrmKeyKind kind, int place)
{
	Run *run = heap->run[place];

	for (;;)
	{
		int child = 2 * place + 1;

		if (child >= heap->count)
			break;
		if (child + 1 < heap->count &&
			crm_key_compare(kind, &heap->run[child + 1]->entry.key,
							&heap->run[child]->entry.key) < 0)
			child++;
		if (crm_key_compare(kind, &run->entry.key,
							&heap->run[child]->entry.key) <= 0)
			break;
		heap->run[place] = heap->run[child];
		place = child;
	}
	heap->run[place] = run;
}

static pg_attribute_always_inline void
advance_first(Heap *heap, CrmKeyKind kind)
{
	if (!advance(kind, heap->entry_size, heap->run[0], &heap->run[0]->entry))
	{
		heap->run[0] = heap->run[--heap->count];
		if (heap->count == 0)
			return;
	}
	sift_down(heap, kind, 0);
}

static pg_attribute_always_inline void
fill_heap(Heap *heap, CrmKeyKind kind, CrmCustomers *customers)
{
	CrmRuns *runs = customers->runs;

	heap->customers = customers;
	heap->entry_size = crm_entry_min_size(customers);
	heap->words = crm_state_words(customers);
	heap->count = 0;
	heap->run = palloc(sizeof(heap->run[0]) * runs->count);
	for (int i = 0; i < runs->count; i++)
	{
		if (advance(kind, heap->entry_size, &runs->run[i], &runs->run[i].entry))
			heap->run[heap->count++] = &runs->run[i];
	}
	for (int place = heap->count / 2 - 1; place >= 0; place--)
		sift_down(heap, kind, place);
}

/* the customer in front, whole, and on to the next one */
static pg_attribute_always_inline CrmKey
take_customer(Heap *heap, CrmKeyKind kind, uint32 *state)
{
	const CrmCustomers *customers = heap->customers;
	CrmKey				key = copy_key(kind, &heap->run[0]->entry.key);
	uint32				more[CRM_STATE_MAX_WORDS];

	crm_entry_state(state, &heap->run[0]->entry, heap->words);
	advance_first(heap, kind);
	while (heap->count > 0 &&
		   crm_key_compare(kind, &key, &heap->run[0]->entry.key) == 0)
	{
		crm_entry_state(more, &heap->run[0]->entry, heap->words);
		customers->query->metric->merge(state, more, &customers->params);
		advance_first(heap, kind);
	}
	return key;
}

/* the usual case, a leader and one worker: no heap */
static pg_attribute_always_inline void
fold_two(CrmCustomers *customers, CrmKeyKind kind, CrmTotals *totals)
{
	uint32	 state[CRM_STATE_MAX_WORDS];
	uint32	 more[CRM_STATE_MAX_WORDS];
	uint32	 folded = 0;
	Size	 size = crm_entry_min_size(customers);
	int		 words = crm_state_words(customers);
	Run		*run_a = &customers->runs->run[0];
	Run		*run_b = &customers->runs->run[1];
	CrmEntry a = {0};
	CrmEntry b = {0};
	bool	 left_a = advance(kind, size, run_a, &a);
	bool	 left_b = advance(kind, size, run_b, &b);

	while (left_a || left_b)
	{
		int	   order = !left_b	 ? -1
					   : !left_a ? 1
								 : crm_key_compare(kind, &a.key, &b.key);
		CrmKey key = copy_key(kind, order <= 0 ? &a.key : &b.key);

		crm_entry_state(state, order <= 0 ? &a : &b, words);
		if (order == 0)
		{
			crm_entry_state(more, &b, words);
			customers->query->metric->merge(state, more, &customers->params);
		}
		crm_beside_fold(customers, &key, state, totals);
		if (order <= 0)
			left_a = advance(kind, size, run_a, &a);
		if (order >= 0)
			left_b = advance(kind, size, run_b, &b);
		if ((++folded & 0xFFF) == 0)
			CHECK_FOR_INTERRUPTS();
	}
}

static pg_attribute_always_inline void
fold_all(CrmCustomers *customers, CrmKeyKind kind, CrmTotals *totals)
{
	uint32 state[CRM_STATE_MAX_WORDS];
	uint32 folded = 0;
	Heap   heap;

	if (customers->runs->count == 2)
	{
		fold_two(customers, kind, totals);
		return;
	}
	fill_heap(&heap, kind, customers);
	while (heap.count > 0)
	{
		CrmKey key = take_customer(&heap, kind, state);

		crm_beside_fold(customers, &key, state, totals);
		if ((++folded & 0xFFF) == 0)
			CHECK_FOR_INTERRUPTS();
	}
	pfree(heap.run);
}

void
crm_runs_fold(CrmCustomers *customers, CrmTotals *totals)
{
	CrmRuns *runs = customers->runs;

	for (int i = 0; i < runs->count; i++)
		runs->run[i].left =
			crm_entries_open(customers, runs->run[i].bytes, runs->run[i].size);
	switch (customers->query->key_kind)
	{
		case CRM_KEY_BIGINT:
			fold_all(customers, CRM_KEY_BIGINT, totals);
			break;
		case CRM_KEY_UUID:
			fold_all(customers, CRM_KEY_UUID, totals);
			break;
		case CRM_KEY_TEXT:
			fold_all(customers, CRM_KEY_TEXT, totals);
			break;
	}
	customers->runs = NULL;
	for (int i = 0; i < runs->count; i++)
		free_run(customers, &runs->run[i]);
	forget(runs);
}
