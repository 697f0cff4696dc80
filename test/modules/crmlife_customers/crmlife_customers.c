/*
 * crmlife_customers.c
 *		The table of customers seen from SQL, for tests.
 */
#include "postgres.h"

#include <sys/mman.h>
#include <unistd.h>

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "storage/buffile.h"
#include "utils/array.h"
#include "utils/memutils.h"
#include "utils/resowner.h"

#include "customers/beside.h"
#include "customers/gather.h"

PG_MODULE_MAGIC;

PG_FUNCTION_INFO_V1(customers_random);
PG_FUNCTION_INFO_V1(customers_fuzz);
PG_FUNCTION_INFO_V1(customers_miscounted);
PG_FUNCTION_INFO_V1(customers_cut);
PG_FUNCTION_INFO_V1(customers_unreadable);
PG_FUNCTION_INFO_V1(gather_random);
PG_FUNCTION_INFO_V1(gather_unreadable);

static uint64 random_state;

/* splitmix: the same sequence for a seed */
static uint64
random_bits(void)
{
	uint64 z = (random_state += UINT64CONST(0x9E3779B97F4A7C15));

	z = (z ^ (z >> 30)) * UINT64CONST(0xBF58476D1CE4E5B9);
	z = (z ^ (z >> 27)) * UINT64CONST(0x94D049BB133111EB);
	return z ^ (z >> 31);
}

static int64
random_below(int64 limit)
{
	return (int64) (random_bits() % (uint64) limit);
}

/* where serialized customers have their number */
#define COUNT_AT 28

/* bigint keys that all want the first or the last slot of the table */
#define CROWDED 4

/* one row of customer number `id`, whose key is made of the number */
static void
add_row(CrmCustomers *customers, int kind, int64 id, CrmDay day)
{
	CrmKey	  key;
	pg_uuid_t uuid;
	char	  text[600];
	int		  length;
	int64	  number;

	switch (kind)
	{
		case CROWDED:
			key = (CrmKey){.hash = id % 2 ? (uint64) id : ~(uint64) id};
			crm_customers_add(customers, CRM_KEY_BIGINT,
							  Int64GetDatum(crm_key_bigint(&key)), day);
			break;
		case CRM_KEY_BIGINT:
			/* short ones in a row, those of each length, and negative ones */
			number = id;
			if (id >= 4000)
				number |=
					(int64) (crm_mix((uint64) id) >> (20 + id % 44) << 20);
			if (id % 7 == 0)
				number = -id;
			crm_customers_add(customers, CRM_KEY_BIGINT, Int64GetDatum(number),
							  day);
			break;
		case CRM_KEY_UUID:
			memset(&uuid, 0, sizeof(uuid));
			memcpy(uuid.data + (id % 2) * 8, &id, sizeof(id));
			crm_customers_add(customers, CRM_KEY_UUID, UUIDPGetDatum(&uuid),
							  day);
			break;
		case CRM_KEY_TEXT:
			length = snprintf(text, sizeof(text), "%lld", (long long) id);
			/* one in a hundred is long */
			if (id % 100 == 0)
			{
				memset(text + length, 'x', sizeof(text) - length);
				length = sizeof(text) - (int) (id % 300);
			}
			crm_customers_add_text(customers, text, length, day);
			break;
	}
}

static CrmCustomersQuery *
make_query(int key_kind, int metric, int64 budget)
{
	const CrmMetric	  *found = crm_metric_by_code(metric);
	CrmCustomersQuery *query;

	if (found == NULL)
		elog(ERROR, "no such metric");
	query = crm_customers_query(CurrentMemoryContext, found,
								key_kind == CROWDED ? CRM_KEY_BIGINT
													: (CrmKeyKind) key_kind);
	if (budget > 0)
		query->limit = budget;
	return query;
}

static void
merge_by_wire(CrmCustomers *into, CrmCustomers *from)
{
	bytea *bytes = crm_customers_serialize(from);
	/* and again: serializing must not change it */
	bytea	*again = crm_customers_serialize(from);
	CrmWire *wire;

	if (VARSIZE(bytes) != VARSIZE(again) ||
		memcmp(bytes, again, VARSIZE(bytes)) != 0)
		elog(ERROR, "serialized twice, the bytes differ");
	wire = crm_wire_open(VARDATA(bytes), VARSIZE(bytes) - VARHDRSZ);
	crm_customers_merge_wire(into, wire);
	crm_customers_close_files(from);
	pfree(bytes);
	pfree(again);
}

/* as a leader does: all of them into a new one */
static CrmCustomers *
merge_as_leader(CrmCustomersQuery *query, const CrmParams *params,
				CrmCustomers **piece, int pieces)
{
	CrmCustomers *all =
		crm_customers_create(query, params, false, CurrentMemoryContext);

	for (int p = 0; p < pieces; p++)
		merge_by_wire(all, piece[p]);
	return all;
}

/* the others into the first */
static CrmCustomers *
merge_pieces(CrmCustomers **piece, int pieces)
{
	for (int p = 1; p < pieces; p++)
		merge_by_wire(piece[0], piece[p]);
	return piece[0];
}

static Datum
counts(const CrmTotals *totals)
{
	Datum values[CRM_COUNTS];

	for (int i = 0; i < CRM_COUNTS; i++)
		values[i] = Int64GetDatum(totals->count[i]);
	return PointerGetDatum(
		construct_array(values, CRM_COUNTS, INT8OID, sizeof(int64), true, 'd'));
}

Datum
customers_random(PG_FUNCTION_ARGS)
{
	CrmCustomersQuery *query =
		make_query(PG_GETARG_INT32(0), PG_GETARG_INT32(1), PG_GETARG_INT64(5));
	const CrmMetric *metric = query->metric;
	CrmParams		 params = {.n = PG_GETARG_INT32(2), .as_of = 9200};
	int				 people = PG_GETARG_INT32(3);
	int				 rows = PG_GETARG_INT32(4);
	int				 pieces = PG_GETARG_INT32(6);
	int				 words = metric->words(&params);
	uint32			*states = MemoryContextAllocExtended(
				 CurrentMemoryContext, (Size) people * words * sizeof(uint32),
				 MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	CrmCustomers **piece = palloc(pieces * sizeof(CrmCustomers *));
	CrmCustomers  *all;
	CrmTotals	   expected;
	bool		   spilled = false;
	TupleDesc	   row;
	Datum		   values[3];
	bool		   nulls[3] = {false};

	crm_totals_init(&expected, metric->cell_counts, metric->cell_sums);
	random_state = PG_GETARG_INT32(7);
	for (int p = 0; p < pieces; p++)
		piece[p] =
			crm_customers_create(query, &params, false, CurrentMemoryContext);
	for (int i = 0; i < rows; i++)
	{
		int64  id = random_below(people);
		CrmDay day = 9000 + (CrmDay) random_below(300);

		CHECK_FOR_INTERRUPTS();
		/* what has been sent once goes on */
		if (i == rows / 2)
			pfree(crm_customers_serialize(piece[0]));
		metric->add(states + id * words, &params, day);
		/* some pieces get many rows, some few */
		add_row(piece[random_below(1 + random_below(pieces))],
				PG_GETARG_INT32(0), id, day);
	}
	for (int id = 0; id < people; id++)
	{
		if (states[(Size) id * words] != 0)
			metric->fold(states + (Size) id * words, &params, &expected);
	}
	all = PG_GETARG_BOOL(8) ? merge_as_leader(query, &params, piece, pieces)
							: merge_pieces(piece, pieces);
	spilled = all->spill != NULL;
	values[0] = counts(crm_customers_finish(all));
	values[1] = counts(&expected);
	values[2] = BoolGetDatum(spilled);
	if (crm_customers_finish(all) != crm_customers_finish(all))
		elog(ERROR, "finished twice");
	if (get_call_result_type(fcinfo, NULL, &row) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	PG_RETURN_DATUM(
		HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(row), values, nulls)));
}

/* bytes that end where readable memory ends */
static char *
guarded(const char *bytes, Size size, char *area, Size area_size)
{
	char *at = area + area_size - size;

	memcpy(at, bytes, size);
	return at;
}

static Size
damage(char *bytes, Size size, Size whole)
{
	int changes = 1 + (int) random_below(4);

	switch (random_below(4))
	{
		case 0:
			return (Size) random_below(size + 1);
		case 1:
			/* in the head */
			bytes[random_below(Min(size, 20))] = (char) random_bits();
			return size;
		case 2:
			/* the count and what stands after it, cut to measure */
			bytes[COUNT_AT] = (char) random_bits();
			return (Size) random_below(size + 1);
		default:
			while (changes-- > 0)
				bytes[random_below(size)] = (char) random_bits();
			return size;
	}
}

/* 1: refused, 0: accepted */
static int
take(CrmCustomersQuery *query, const char *bytes, Size size)
{
	MemoryContext old = CurrentMemoryContext;
	volatile int  refused = 0;

	PG_TRY();
	{
		CrmWire			*wire = crm_wire_open(bytes, size);
		bool			 params_null;
		const CrmParams *params = crm_wire_params(wire, &params_null);

		if (crm_wire_key_kind(wire) == query->key_kind &&
			crm_wire_metric(wire) == query->metric)
		{
			CrmCustomers *customers = crm_customers_create(
				query, params, params_null, CurrentMemoryContext);

			if (!params_null)
			{
				crm_customers_merge_wire(customers, wire);
				(void) crm_customers_finish(customers);
			}
		}
	}
	PG_CATCH();
	{
		MemoryContextSwitchTo(old);
		if (geterrcode() != ERRCODE_DATA_CORRUPTED)
			PG_RE_THROW();
		FlushErrorState();
		refused = 1;
	}
	PG_END_TRY();
	return refused;
}

Datum
customers_fuzz(PG_FUNCTION_ARGS)
{
	CrmCustomersQuery *query =
		make_query(PG_GETARG_INT32(0), PG_GETARG_INT32(1), 0);
	CrmParams	  params = {.n = 40, .as_of = 9200};
	int			  people = PG_GETARG_INT32(2);
	int			  rounds = PG_GETARG_INT32(3);
	CrmCustomers *customers =
		crm_customers_create(query, &params, false, CurrentMemoryContext);
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "fuzz",
												  ALLOCSET_DEFAULT_SIZES);
	Size		  page = (Size) sysconf(_SC_PAGESIZE);
	int64		  count[2] = {0, 0};
	bytea		 *bytes;
	Size		  size;
	Size		  area_size;
	char		 *area;
	TupleDesc	  row;
	Datum		  values[2];
	bool		  nulls[2] = {false};

	random_state = PG_GETARG_INT32(4);
	for (int id = 0; id < people; id++)
		add_row(customers, PG_GETARG_INT32(0), id,
				9000 + (CrmDay) random_below(300));
	bytes = crm_customers_serialize(customers);
	size = VARSIZE(bytes) - VARHDRSZ;
	area_size = TYPEALIGN(page, size);
	area = mmap(NULL, area_size + page, PROT_READ | PROT_WRITE,
				MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (area == MAP_FAILED || mprotect(area + area_size, page, PROT_NONE) != 0)
		elog(ERROR, "no guarded memory");
	for (int i = 0; i < rounds; i++)
	{
		MemoryContext old = MemoryContextSwitchTo(context);
		char		 *copy = palloc(size);
		Size		  left;

		memcpy(copy, VARDATA(bytes), size);
		left = damage(copy, size, size);
		count[take(query, guarded(copy, left, area, area_size), left)]++;
		MemoryContextSwitchTo(old);
		MemoryContextReset(context);
	}
	munmap(area, area_size + page);
	values[0] = Int64GetDatum(count[1]);
	values[1] = Int64GetDatum(count[0]);
	if (get_call_result_type(fcinfo, NULL, &row) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	PG_RETURN_DATUM(
		HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(row), values, nulls)));
}

/* rows of one's own, and what came with another count than it has */
static bool
take_miscounted(CrmCustomersQuery *query, const CrmParams *params, int kind,
				const bytea *bytes)
{
	MemoryContext old = CurrentMemoryContext;
	volatile bool refused = false;

	PG_TRY();
	{
		CrmCustomers *customers =
			crm_customers_create(query, params, false, CurrentMemoryContext);

		crm_customers_merge_wire(
			customers,
			crm_wire_open(VARDATA(bytes), VARSIZE(bytes) - VARHDRSZ));
		add_row(customers, kind, 1, 9000);
		(void) crm_customers_finish(customers);
	}
	PG_CATCH();
	{
		MemoryContextSwitchTo(old);
		if (geterrcode() != ERRCODE_DATA_CORRUPTED)
			PG_RE_THROW();
		FlushErrorState();
		refused = true;
	}
	PG_END_TRY();
	return refused;
}

Datum
customers_miscounted(PG_FUNCTION_ARGS)
{
	int				   kind = PG_GETARG_INT32(0);
	CrmCustomersQuery *query = make_query(kind, 3, 0);
	CrmParams		   params = {.n = 40, .as_of = 9200};
	CrmCustomers	  *customers =
		crm_customers_create(query, &params, false, CurrentMemoryContext);
	bytea *bytes;

	for (int id = 0; id < PG_GETARG_INT32(1); id++)
		add_row(customers, kind, id, 9000 + id % 300);
	bytes = crm_customers_serialize(customers);
	if (take_miscounted(query, &params, kind, bytes))
		elog(ERROR, "the right count is refused");
	VARDATA(bytes)[COUNT_AT] ^= 1;
	PG_RETURN_BOOL(take_miscounted(query, &params, kind, bytes));
}

/* a row as the metric wants it: in the table, the log, or beside */
static void
add_any_row(CrmCustomers *customers, int kind, int64 id, CrmDay day)
{
	const CrmMetric *metric = customers->query->metric;
	uint64			 rest = (uint64) id;
	CrmKey			 key = {.hash = (uint64) id * CRM_MIX_A};
	CrmLogRow		 row = {.day = day,
							.kind = CRM_LOG_START | CRM_LOG_RETURN,
							.known = id % 3 > 0,
							.timed = id % 2 > 0,
							.time = day * INT64CONST(86400000000),
							.amount = crm_money_from_parts(id * 100, 2)};

	if (kind != CRM_KEY_BIGINT)
	{
		key.bytes = (const char *) &rest;
		key.length = sizeof(rest);
	}
	if (customers->log != NULL)
		crm_log_add(customers, &key, &row);
	else
	{
		/* these count places in their states, not days */
		add_row(customers, kind, id, metric->older ? (CrmDay) (id % 4) : day);
		if (metric->older != NULL)
			crm_beside_add_older(customers, &key, &row);
		if (metric->revenue)
			crm_beside_add_amount(
				customers, id % 5 ? row.amount
								  : crm_money_mul(crm_money_from_parts(
													  (crm_i128) 1 << 126, 0),
												  crm_money_from_int64(1000)));
	}
}

/* 1: refused, 0: accepted */
static int
take_parcel(CrmCustomersQuery *query, const char *bytes, Size size)
{
	MemoryContext old = CurrentMemoryContext;
	volatile int  refused = 0;

	PG_TRY();
	{
		CrmParcel		*parcel = crm_parcel_open(bytes, size);
		bool			 params_null;
		const CrmParams *params =
			crm_wire_params(crm_parcel_wire(parcel), &params_null);
		CrmCustomers *customers = crm_customers_create(
			query, params, params_null, CurrentMemoryContext);

		crm_parcel_merge(customers, parcel);
		(void) crm_customers_finish(customers);
	}
	PG_CATCH();
	{
		MemoryContextSwitchTo(old);
		if (geterrcode() != ERRCODE_DATA_CORRUPTED)
			PG_RE_THROW();
		FlushErrorState();
		refused = 1;
	}
	PG_END_TRY();
	return refused;
}

/* what a process would send, whole and cut at every byte */
Datum
customers_cut(PG_FUNCTION_ARGS)
{
	int				   kind = PG_GETARG_INT32(0);
	CrmCustomersQuery *query = make_query(kind, PG_GETARG_INT32(1), 0);
	CrmParams		   params = {
				 .n = 10, .m = 10, .as_of = 9400, .option = CRM_UNIT_MONTH};
	CrmCustomers *customers =
		crm_customers_create(query, &params, false, CurrentMemoryContext);
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "cut",
												  ALLOCSET_DEFAULT_SIZES);
	int64		  refused = 0;
	bytea		 *bytes;
	Size		  size;
	TupleDesc	  row;
	Datum		  values[3];
	bool		  nulls[3] = {false};

	random_state = PG_GETARG_INT32(3);
	for (int id = 1; id <= PG_GETARG_INT32(2); id++)
		add_any_row(customers, kind, id, 9000 + (CrmDay) random_below(300));
	bytes = crm_parcel_serialize(customers);
	size = VARSIZE(bytes) - VARHDRSZ;
	for (Size cut = 0; cut <= size; cut++)
	{
		MemoryContext old = MemoryContextSwitchTo(context);
		char		 *copy = palloc(cut + 1);

		CHECK_FOR_INTERRUPTS();
		memcpy(copy, VARDATA(bytes), cut);
		if (cut < size)
			refused += take_parcel(query, copy, cut);
		else
			values[2] = BoolGetDatum(take_parcel(query, copy, cut) == 0);
		MemoryContextSwitchTo(old);
		MemoryContextReset(context);
	}
	values[0] = Int64GetDatum(refused);
	values[1] = Int64GetDatum((int64) size);
	if (get_call_result_type(fcinfo, NULL, &row) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	PG_RETURN_DATUM(
		HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(row), values, nulls)));
}

/* ---- temporary files ---- */

/* what becomes of one call that seeks or reads */
typedef enum Failure
{
	FAIL_END,  /* the file ends there */
	FAIL_HALF, /* it ends in the middle */
	FAIL_ONES, /* what says how much there is to read is damaged */
	FAIL_ZEROS
} Failure;

/* no head is longer, and few other reads are as short */
#define HEAD_BYTES 32

/* about so many of the first calls fail, and of all calls */
#define ATTEMPTS 8

static int64   file_calls;
static int64   failing_call; /* 0: none */
static Failure failure;

extern size_t failing_read(BufFile *file, void *to, size_t size);
extern int	  failing_seek(BufFile *file, int fileno, off_t offset, int whence);

size_t
failing_read(BufFile *file, void *to, size_t size)
{
	if (++file_calls != failing_call)
		return BufFileRead(file, to, size);
	switch (failure)
	{
		case FAIL_END:
			return 0;
		case FAIL_HALF:
			return BufFileRead(file, to, size / 2);
		default:
			size = BufFileRead(file, to, size);
			if (size <= HEAD_BYTES)
				memset(to, failure == FAIL_ONES ? 0xFF : 0, size);
			return size;
	}
}

int
failing_seek(BufFile *file, int fileno, off_t offset, int whence)
{
	if (++file_calls != failing_call || failure == FAIL_ONES ||
		failure == FAIL_ZEROS)
		return BufFileSeek(file, fileno, offset, whence);
	errno = EIO;
	return EOF;
}

/* one attempt, in which the files fail somewhere or nowhere: its result */
typedef int64 (*Attempt)(FunctionCallInfo fcinfo);

/*
 * The result, or -1 where it is refused because of its files.  In a
 * subtransaction, which closes those that an error leaves open.
 */
static int64
attempt_guarded(FunctionCallInfo fcinfo, Attempt attempt)
{
	MemoryContext  context = CurrentMemoryContext;
	ResourceOwner  owner = CurrentResourceOwner;
	volatile int64 result = -1;

	BeginInternalSubTransaction(NULL);
	MemoryContextSwitchTo(context);
	PG_TRY();
	{
		result = attempt(fcinfo);
	}
	PG_CATCH();
	{
		MemoryContextSwitchTo(context);
		if (geterrcode() != ERRCODE_DATA_CORRUPTED &&
			geterrcode() != ERRCODE_IO_ERROR)
			PG_RE_THROW();
		FlushErrorState();
	}
	PG_END_TRY();
	RollbackAndReleaseCurrentSubTransaction();
	MemoryContextSwitchTo(context);
	CurrentResourceOwner = owner;
	return result;
}

/*
 * First without a failure, then with one in some of the calls.  What comes of these attempts: refused, accepted with the
 * right result, and with another one.
 */
static Datum
fail_everywhere(FunctionCallInfo fcinfo, Attempt attempt, Failure how)
{
	MemoryContext context = AllocSetContextCreate(
		CurrentMemoryContext, "attempt", ALLOCSET_DEFAULT_SIZES);
	int64	  count[4] = {0};
	int64	  expected = 0;
	int64	  calls = 0;
	int64	  step = 1;
	TupleDesc row;
	Datum	  values[4];
	bool	  nulls[4] = {false};

	failure = how;
	for (int64 i = 0; i <= calls; i += step)
	{
		MemoryContext old = MemoryContextSwitchTo(context);
		int64		  result;

		CHECK_FOR_INTERRUPTS();
		file_calls = 0;
		failing_call = i;
		result = attempt_guarded(fcinfo, attempt);
		failing_call = 0;
		if (i == 0)
		{
			expected = result;
			calls = file_calls;
		}
		else
		{
			count[0]++;
			count[result < 0 ? 1 : result == expected ? 2 : 3]++;
			/* the first ones, then few of many */
			step = i < ATTEMPTS ? 1 : Max(calls / ATTEMPTS, 1);
		}
		MemoryContextSwitchTo(old);
		MemoryContextReset(context);
	}
	for (int i = 0; i < 4; i++)
		values[i] = Int64GetDatum(count[i]);
	if (get_call_result_type(fcinfo, NULL, &row) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	PG_RETURN_DATUM(
		HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(row), values, nulls)));
}

/* a number that every count and every row of the totals is part of */
static int64
number_of(const CrmTotals *totals)
{
	uint64 number = 0;

	for (int i = 0; i < CRM_COUNTS; i++)
		number = crm_mix(number ^ (uint64) totals->count[i]);
	for (size_t i = 0; i < totals->cells; i++)
		number =
			crm_mix(number ^ (uint64) crm_totals_sorted(totals, i)->count[0]);
	return (int64) (number >> 1);
}

/* rows of many customers in little memory */
static int64
attempt_customers(FunctionCallInfo fcinfo)
{
	int				   kind = PG_GETARG_INT32(0);
	CrmCustomersQuery *query =
		make_query(kind, PG_GETARG_INT32(1), PG_GETARG_INT64(3));
	CrmParams params = {
		.n = 10, .m = 10, .as_of = 9400, .option = CRM_UNIT_MONTH};
	CrmCustomers *customers =
		crm_customers_create(query, &params, false, CurrentMemoryContext);
	int64 result;

	random_state = 1;
	for (int id = 1; id <= PG_GETARG_INT32(2); id++)
	{
		add_any_row(customers, kind, id, 9000 + (CrmDay) random_below(300));
		/* what has been sent once goes on */
		if (id == PG_GETARG_INT32(2) / 2)
			pfree(crm_parcel_serialize(customers));
	}
	result = number_of(crm_customers_finish(customers));
	crm_customers_close_files(customers);
	return result;
}

Datum
customers_unreadable(PG_FUNCTION_ARGS)
{
	return fail_everywhere(fcinfo, attempt_customers,
						   (Failure) PG_GETARG_INT32(4));
}

/* ---- rows handed out by customer ---- */

typedef struct Gathering
{
	CrmGather *gather;
	CrmKeyKind kind;
	int64	  *rows; /* of each customer, and the sum of their times */
	int64	  *times;
} Gathering;

/* the customer's number is in its key, and in what comes back with each row */
static void
gather_row(Gathering *gathering, int64 id)
{
	CrmGatherRow row = {.kind = (uint8) (id % 3),
						.known = id % 2 == 0,
						.at = random_below(1000000),
						.amount = crm_money_from_parts(id, 2),
						.extra = (const char *) &id,
						.extra_length = sizeof(id)};
	char		 text[40];
	CrmKey		 key;

	if (gathering->kind == CRM_KEY_BIGINT)
		key = crm_key_from_bigint(id);
	else
		key = crm_key_from_text(
			text, snprintf(text, sizeof(text), "number %lld", (long long) id));
	gathering->rows[id]++;
	gathering->times[id] += row.at;
	crm_gather_add(gathering->gather, &key, &row);
}

static Gathering
gather(FunctionCallInfo fcinfo)
{
	int		  people = PG_GETARG_INT32(1);
	Gathering gathering = {.kind = (CrmKeyKind) PG_GETARG_INT32(0),
						   .rows = palloc0(people * sizeof(int64)),
						   .times = palloc0(people * sizeof(int64))};

	gathering.gather =
		crm_gather_begin(gathering.kind, (Size) PG_GETARG_INT64(3));
	random_state = 1;
	for (int i = 0; i < PG_GETARG_INT32(2); i++)
		gather_row(&gathering, random_below(people));
	crm_gather_rewind(gathering.gather);
	return gathering;
}

/* one customer of as many rows and times as its rows had; false if it is not */
static bool
as_added(Gathering *gathering, const CrmGathered *customer)
{
	int64 id = -1;
	int64 times = 0;

	for (uint64 i = 0; i < customer->count; i++)
	{
		CrmGatherRow row;
		int64		 number;

		crm_gathered_row(customer, i, &row);
		memcpy(&number, row.extra, sizeof(number));
		if ((id >= 0 && number != id) || row.kind != number % 3 ||
			row.known != (number % 2 == 0) ||
			(row.known &&
			 crm_money_cmp(row.amount, crm_money_from_parts(number, 2)) != 0))
			return false;
		id = number;
		times += row.at;
	}
	if (id < 0 || gathering->rows[id] != (int64) customer->count ||
		gathering->times[id] != times)
		return false;
	gathering->rows[id] = 0; /* it does not come again */
	return true;
}

static bool
all_came(const Gathering *gathering, int people)
{
	for (int id = 0; id < people; id++)
	{
		if (gathering->rows[id] != 0)
			return false;
	}
	return true;
}

/*
 * How many customers came as they were added, from the first to so many; of
 * all, where that is -1: the others are told as none.
 */
static int64
attempt_gather(FunctionCallInfo fcinfo)
{
	Gathering	gathering = gather(fcinfo);
	int64		most = PG_GETARG_INT64(4);
	int64		count = 0;
	CrmGathered customer;

	while (count != most && crm_gather_next(gathering.gather, &customer))
		count += as_added(&gathering, &customer);
	crm_gather_end(gathering.gather);
	if (most < 0 && !all_came(&gathering, PG_GETARG_INT32(1)))
		return 0;
	return count;
}

Datum
gather_random(PG_FUNCTION_ARGS)
{
	PG_RETURN_INT64(attempt_gather(fcinfo));
}

Datum
gather_unreadable(PG_FUNCTION_ARGS)
{
	return fail_everywhere(fcinfo, attempt_gather,
						   (Failure) PG_GETARG_INT32(5));
}
