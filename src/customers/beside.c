/*
 * beside.c
 *		What a group has beside its table of customers.
 *
 *		row since then ----> table ---------------------fold--> totals
 *		                       | days of who is in both           ^
 *		older row ---------> log of rows --------------walk-------+
 *		amount ------------> sum ---------------------------------+
 *
 * The log is a group of its own (log.c), of the metric that the table's names
 * for older rows, with files and partitions of its own.  Once there is one, the
 * two halve the budget; where all rows are older, it has all of it.
 *
 * A group travels as one bytea, integers with the lowest byte first:
 *
 *		table (wire.c) | log (wire.c) or nothing | sum |
 *		         bytes of the log 8 | bytes of the sum 8
 *
 *		sum: mantissa 16 | scale 4 | a wide amount's numeric or nothing
 *
 * A metric that wants nothing beside its table sends the table alone.
 *
 * Invariant: each customer is folded once, by its state or, if it has older
 * rows, by its events; so the order of rows and of customers does not matter.
 */
#include "postgres.h"

#include "utils/memutils.h"

#include "compat.h"
#include "customers/beside.h"
#include "customers/table.h"

#define PARCEL_TAG 0x43524d50
#define TRAILER_BYTES 16
#define SUM_BYTES 20

struct CrmParcel
{
	uint32	 tag;
	CrmWire *wire;
	CrmWire *older; /* NULL: none */
	CrmMoney sum;
};

CrmBeside *
crm_beside_start(CrmCustomers *customers)
{
	const CrmMetric *metric = customers->query->metric;
	CrmBeside		*beside =
		MemoryContextAllocZero(customers->context, sizeof(CrmBeside));

	beside->since = CRM_DAY_MIN;
	if (metric->since != NULL)
		beside->since = metric->since(&customers->params);
	if (metric->places)
		beside->places = crm_places(&customers->params);
	customers->beside = beside;
	return beside;
}

/* ---- older rows ---------------------------------------------------------- */

static CrmCustomersQuery *
older_query(CrmCustomers *customers)
{
	CrmCustomersQuery *query = customers->query;

	if (query->older != NULL)
		return query->older;
	query->older = crm_customers_query(GetMemoryChunkContext(query),
									   query->metric->older, query->key_kind);
	query->older->limit = query->limit;
	if (crm_beside(customers)->since != CRM_DAY_MAX)
	{
		query->older->limit /= 2;
		query->limit -= query->older->limit;
	}
	return query->older;
}

static CrmCustomers *
older_of(CrmCustomers *customers)
{
	CrmBeside *beside = crm_beside(customers);

	if (beside->older == NULL)
		beside->older =
			crm_customers_create(older_query(customers), &customers->params,
								 false, customers->context);
	return beside->older;
}

void
crm_beside_add_older(CrmCustomers *customers, const CrmKey *key,
					 const CrmLogRow *row)
{
	crm_log_add(older_of(customers), key, row);
}

/* as the log wants it: what the hash does not say, in bytes */
static CrmKey
log_key(const CrmCustomers *customers, const CrmKey *key, uint64 *rest)
{
	CrmKey result = *key;

	if (customers->query->key_kind != CRM_KEY_UUID)
		return result;
	*rest = key->rest;
#ifdef WORDS_BIGENDIAN
	*rest = pg_bswap64(*rest);
#endif
	result.bytes = (const char *) rest;
	result.length = sizeof(*rest);
	return result;
}

bool
crm_beside_take(CrmCustomers *customers, const CrmKey *key, const uint32 *state)
{
	CrmDay day[CRM_METRIC_MAX_DAYS];
	size_t count =
		customers->query->metric->days(state, &customers->params, day);
	CrmLogRow row = {.kind = CRM_LOG_START | CRM_LOG_RETURN};
	CrmKey	  copy;
	uint64	  rest;

	if (count == 0)
		return false;
	copy = log_key(customers, key, &rest);
	for (size_t i = 0; i < count; i++)
	{
		row.day = day[i];
		crm_beside_add_older(customers, &copy, &row);
	}
	return true;
}

static void
fold_log(void *argument, const CrmCustomers *log)
{
	crm_log_fold(log, argument);
}

/* ---- the sum ------------------------------------------------------------- */

void
crm_beside_add_amount(CrmCustomers *customers, CrmMoney amount)
{
	MemoryContext old = MemoryContextSwitchTo(customers->context);

	crm_money_accumulate(&crm_beside(customers)->sum, amount);
	MemoryContextSwitchTo(old);
}

void
crm_beside_finish(CrmCustomers *customers, CrmTotals *totals)
{
	CrmBeside *beside;

	if (!crm_wants_beside(customers->query->metric))
		return;
	beside = crm_beside(customers);
	if (customers->query->metric->revenue)
		crm_money_accumulate(
			crm_cell_sum(totals, crm_totals_cell(totals, 0, 0)), beside->sum);
	if (beside->older == NULL)
		return;
	crm_customers_visit(beside->older, fold_log, totals);
	crm_customers_close_files(beside->older);
	crm_log_clear(beside->older);
	beside->older = NULL;
}

/* ---- between processes --------------------------------------------------- */

static void
put_little(char *to, uint64 value)
{
#ifdef WORDS_BIGENDIAN
	value = pg_bswap64(value);
#endif
	crm_store64(to, value);
}

static void
append_bytes(bytea **parcel, Size *size, const char *bytes, Size more)
{
	if (more > MaxAllocSize - *size)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("too many customers for a parallel plan"),
				 errdetail("The customers one process has seen take more than "
						   "%zu MB to send.",
						   (Size) MaxAllocSize >> 20),
				 errhint("Set max_parallel_workers_per_gather to 0 for this "
						 "query.")));
	*parcel = repalloc(*parcel, *size + more);
	memcpy((char *) *parcel + *size, bytes, more);
	*size += more;
}

static Size
append_sum(bytea **parcel, Size *size, const CrmMoney *sum)
{
	char bytes[SUM_BYTES];
	Size wide = sum->wide == NULL ? 0 : VARSIZE(sum->wide);

	put_little(bytes, (uint64) sum->mantissa);
	put_little(bytes + 8, (uint64) (sum->mantissa >> 64));
	for (int i = 0; i < 4; i++)
		bytes[16 + i] = (char) ((uint32) sum->scale >> (8 * i));
	append_bytes(parcel, size, bytes, SUM_BYTES);
	if (wide > 0)
		append_bytes(parcel, size, (const char *) sum->wide, wide);
	return SUM_BYTES + wide;
}

bytea *
crm_parcel_serialize(CrmCustomers *customers)
{
	bytea	  *parcel = crm_customers_serialize(customers);
	CrmBeside *beside;
	Size	   size = VARSIZE(parcel);
	Size	   older = 0;
	char	   trailer[TRAILER_BYTES];

	if (!crm_wants_beside(customers->query->metric) || customers->params_null)
		return parcel;
	beside = crm_beside(customers);
	if (beside->older != NULL)
	{
		bytea *bytes = crm_customers_serialize(beside->older);

		older = VARSIZE(bytes) - VARHDRSZ;
		append_bytes(&parcel, &size, VARDATA(bytes), older);
		pfree(bytes);
	}
	put_little(trailer, older);
	put_little(trailer + 8, append_sum(&parcel, &size, &beside->sum));
	append_bytes(&parcel, &size, trailer, TRAILER_BYTES);
	SET_VARSIZE(parcel, size);
	return parcel;
}

static void
refuse_parcel(void)
{
	ereport(ERROR, (errcode(ERRCODE_DATA_CORRUPTED),
					errmsg("invalid serialized customers"),
					errdetail("What is beside the table is damaged.")));
}

/* a plain value, of a finite number: what is none begins with two bits set */
static bool
is_finite(const void *wide, Size size)
{
	uint16 header;

	if (!VARATT_IS_4B_U(wide) || VARSIZE(wide) != size)
		return false;
	memcpy(&header, VARDATA(wide), sizeof(header));
	return (header & 0xC000) != 0xC000;
}

static CrmMoney
read_sum(const char *bytes, Size size)
{
	CrmMoney sum = {.mantissa = 0};

	if (size < SUM_BYTES ||
		(size > SUM_BYTES && size < SUM_BYTES + VARHDRSZ + sizeof(uint16)))
		refuse_parcel();
	sum.mantissa = (crm_i128) crm_load64_little(bytes) |
				   (crm_i128) crm_load64_little(bytes + 8) << 64;
	for (int i = 0; i < 4; i++)
		sum.scale |= (int32) ((uint32) (unsigned char) bytes[16 + i] << 8 * i);
	if (sum.scale < 0 || sum.scale > CRM_MONEY_MAX_SCALE)
		refuse_parcel();
	if (size > SUM_BYTES)
	{
		sum.wide = palloc(size - SUM_BYTES);
		memcpy(sum.wide, bytes + SUM_BYTES, size - SUM_BYTES);
		if (!is_finite(sum.wide, size - SUM_BYTES))
			refuse_parcel();
	}
	else
		sum = crm_money_from_parts(sum.mantissa, sum.scale);
	return sum;
}

/* the same metric and parameters as the table, but for the rows */
static CrmWire *
open_older(const CrmWire *wire, const char *bytes, Size size)
{
	CrmWire *older = crm_wire_open(bytes, size);
	bool	 params_null;
	bool	 older_null;

	if (crm_wire_metric(older) != crm_wire_metric(wire)->older ||
		crm_wire_key_kind(older) != crm_wire_key_kind(wire) ||
		memcmp(crm_wire_params(older, &older_null),
			   crm_wire_params(wire, &params_null), sizeof(CrmParams)) != 0 ||
		older_null || params_null)
		refuse_parcel();
	return older;
}

CrmParcel *
crm_parcel_open(const char *bytes, Size size)
{
	CrmParcel *parcel = palloc0(sizeof(CrmParcel));
	uint64	   older;
	uint64	   sum;
	bool	   params_null;

	parcel->tag = PARCEL_TAG;
	parcel->wire = crm_wire_open(bytes, size);
	(void) crm_wire_params(parcel->wire, &params_null);
	if (!crm_wants_beside(crm_wire_metric(parcel->wire)) || params_null)
		return parcel;
	if (size < TRAILER_BYTES)
		refuse_parcel();
	size -= TRAILER_BYTES;
	older = crm_load64_little(bytes + size);
	sum = crm_load64_little(bytes + size + 8);
	if (older > size || sum > size - older)
		refuse_parcel();
	size -= sum;
	parcel->sum = read_sum(bytes + size, sum);
	size -= older;
	parcel->wire = crm_wire_open(bytes, size);
	if (older > 0)
		parcel->older = open_older(parcel->wire, bytes + size, older);
	return parcel;
}

bool
crm_is_parcel(const void *pointer)
{
	return *(const uint32 *) pointer == PARCEL_TAG;
}

CrmWire *
crm_parcel_wire(const CrmParcel *parcel)
{
	return parcel->wire;
}

void
crm_parcel_merge(CrmCustomers *customers, const CrmParcel *parcel)
{
	crm_customers_merge_wire(customers, parcel->wire);
	if (customers->query->metric->revenue)
		crm_beside_add_amount(customers, parcel->sum);
	if (parcel->older != NULL)
		crm_customers_merge_wire(older_of(customers), parcel->older);
}
