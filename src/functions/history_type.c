/*
 * history_type.c
 *		The SQL type purchase_history: input, output, comparison, merging.
 *
 * A value is the bytes of engine/purchase_history.h after a varlena header.
 * They are canonical, so equal histories are equal bytes; the order of the
 * btree class is that of the bytes and means nothing.
 *
 * Invariant: every value that is made here is canonical.  Bytes that come from
 * outside are decoded and encoded again before they are taken.
 */
#include "postgres.h"

#include "common/hashfn.h"
#include "fmgr.h"
#include "libpq/pqformat.h"
#include "utils/memutils.h"

#include "compat.h"
#include "functions/history.h"
#include "functions/numeric_money.h"

PG_FUNCTION_INFO_V1(crm_history_in);
PG_FUNCTION_INFO_V1(crm_history_out);
PG_FUNCTION_INFO_V1(crm_history_recv);
PG_FUNCTION_INFO_V1(crm_history_send);
PG_FUNCTION_INFO_V1(crm_history_eq);
PG_FUNCTION_INFO_V1(crm_history_ne);
PG_FUNCTION_INFO_V1(crm_history_lt);
PG_FUNCTION_INFO_V1(crm_history_le);
PG_FUNCTION_INFO_V1(crm_history_gt);
PG_FUNCTION_INFO_V1(crm_history_ge);
PG_FUNCTION_INFO_V1(crm_history_cmp);
PG_FUNCTION_INFO_V1(crm_history_hash);
PG_FUNCTION_INFO_V1(crm_history_hash_extended);
PG_FUNCTION_INFO_V1(crm_history_plus);

/* ---- for C code --------------------------------------------------------- */

void
crm_history_open(CrmPurchaseView *view, Datum history)
{
	struct varlena *value = PG_DETOAST_DATUM_PACKED(history);

	crm_purchases_open(view, (const uint8_t *) VARDATA_ANY(value),
					   VARSIZE_ANY_EXHDR(value));
}

static void
check_size(Size size)
{
	if (!AllocSizeIsValid(size))
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("purchase_history is too large"),
				 errdetail("It would take %zu bytes.", size),
				 errhint("Is it one customer? Placeholder customers collect "
						 "the orders of many.")));
}

/* most are short, and made in one go */
Datum
crm_history_make(CrmPurchases *list)
{
	uint8_t			bytes[1024];
	Size			size = crm_purchases_encode(list, bytes, sizeof(bytes));
	struct varlena *value;

	check_size(size + VARHDRSZ);
	value = palloc(size + VARHDRSZ);
	SET_VARSIZE(value, size + VARHDRSZ);
	if (size <= sizeof(bytes))
		memcpy(VARDATA(value), bytes, size);
	else
		(void) crm_purchases_encode(list, (uint8_t *) VARDATA(value), size);
	return PointerGetDatum(value);
}

void
crm_history_check_kind(bool list_times, bool times)
{
	if (list_times != times)
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("a purchase_history of days and one of times cannot "
						"be merged"),
				 errdetail("A history built from date has days; one built from "
						   "timestamp or timestamptz has times."),
				 errhint("Build both from the same type: at::date or "
						 "at::timestamp.")));
}

void
crm_history_own_amounts(CrmPurchases *list, int first)
{
	for (int i = first; i < list->order_count; i++)
	{
		CrmMoney *amount = &list->orders[i].amount;

		if (amount->wide)
			amount->wide =
				(CrmWide *) DatumGetNumericCopy(PointerGetDatum(amount->wide));
	}
}

/* ---- input and output --------------------------------------------------- */

Datum
crm_history_in(PG_FUNCTION_ARGS)
{
	const char	*text = PG_GETARG_CSTRING(0);
	CrmPurchases list;
	CrmTextError error;

	if (!crm_purchases_parse(&list, text, &error))
	{
		size_t position = Min(error.position, strlen(text));

		ereport(ERROR,
				(errcode(ERRCODE_INVALID_TEXT_REPRESENTATION),
				 errmsg("invalid input syntax for type purchase_history"),
				 errdetail("%s That was before \"%.40s\".", error.message,
						   text + position),
				 errhint("For example: days: 2025-01-31 12.50, 2025-02-01 "
						 "null; visits: 2025-01-30 x2")));
	}
	PG_RETURN_DATUM(crm_history_make(&list));
}

static void
list_of_datum(CrmPurchases *list, Datum history)
{
	CrmPurchaseView view;

	crm_history_open(&view, history);
	crm_purchases_init(list, view.times);
	crm_purchases_add_view(list, &view);
}

Datum
crm_history_out(PG_FUNCTION_ARGS)
{
	CrmPurchases list;

	list_of_datum(&list, PG_GETARG_DATUM(0));
	PG_RETURN_CSTRING(crm_purchases_print(&list));
}

Datum
crm_history_recv(PG_FUNCTION_ARGS)
{
	StringInfo		buffer = (StringInfo) PG_GETARG_POINTER(0);
	int				size = buffer->len - buffer->cursor;
	const char	   *bytes = pq_getmsgbytes(buffer, size);
	CrmPurchaseView view;
	CrmPurchases	list;
	Datum			value;

	crm_purchases_open(&view, (const uint8_t *) bytes, (size_t) size);
	crm_purchases_init(&list, view.times);
	crm_purchases_add_view(&list, &view);
	value = crm_history_make(&list);
	if (VARSIZE_ANY_EXHDR(DatumGetPointer(value)) != size ||
		memcmp(VARDATA_ANY(DatumGetPointer(value)), bytes, size) != 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_BINARY_REPRESENTATION),
				 errmsg("invalid binary form of type purchase_history"),
				 errdetail("It is not what this history is encoded as.")));
	PG_RETURN_DATUM(value);
}

Datum
crm_history_send(PG_FUNCTION_ARGS)
{
	struct varlena *value = PG_DETOAST_DATUM_PACKED(PG_GETARG_DATUM(0));
	StringInfoData	buffer;

	pq_begintypsend(&buffer);
	pq_sendbytes(&buffer, VARDATA_ANY(value), (int) VARSIZE_ANY_EXHDR(value));
	PG_RETURN_BYTEA_P(pq_endtypsend(&buffer));
}

/* ---- comparison --------------------------------------------------------- */

static int
compare(FunctionCallInfo fcinfo)
{
	struct varlena *a = PG_DETOAST_DATUM_PACKED(PG_GETARG_DATUM(0));
	struct varlena *b = PG_DETOAST_DATUM_PACKED(PG_GETARG_DATUM(1));
	Size			size_a = VARSIZE_ANY_EXHDR(a);
	Size			size_b = VARSIZE_ANY_EXHDR(b);
	int result = memcmp(VARDATA_ANY(a), VARDATA_ANY(b), Min(size_a, size_b));

	if (result == 0)
		result = (size_a > size_b) - (size_a < size_b);
	/* a btree must not leak */
	PG_FREE_IF_COPY(a, 0);
	PG_FREE_IF_COPY(b, 1);
	return result;
}

Datum
crm_history_eq(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(compare(fcinfo) == 0);
}

Datum
crm_history_ne(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(compare(fcinfo) != 0);
}

Datum
crm_history_lt(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(compare(fcinfo) < 0);
}

Datum
crm_history_le(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(compare(fcinfo) <= 0);
}

Datum
crm_history_gt(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(compare(fcinfo) > 0);
}

Datum
crm_history_ge(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(compare(fcinfo) >= 0);
}

Datum
crm_history_cmp(PG_FUNCTION_ARGS)
{
	int result = compare(fcinfo);

	PG_RETURN_INT32((result > 0) - (result < 0));
}

Datum
crm_history_hash(PG_FUNCTION_ARGS)
{
	struct varlena *value = PG_DETOAST_DATUM_PACKED(PG_GETARG_DATUM(0));
	uint32			hash = hash_bytes((unsigned char *) VARDATA_ANY(value),
									  (int) VARSIZE_ANY_EXHDR(value));

	PG_FREE_IF_COPY(value, 0);
	PG_RETURN_UINT32(hash);
}

Datum
crm_history_hash_extended(PG_FUNCTION_ARGS)
{
	struct varlena *value = PG_DETOAST_DATUM_PACKED(PG_GETARG_DATUM(0));
	uint64 hash = hash_bytes_extended((unsigned char *) VARDATA_ANY(value),
									  (int) VARSIZE_ANY_EXHDR(value),
									  (uint64) PG_GETARG_INT64(1));

	PG_FREE_IF_COPY(value, 0);
	PG_RETURN_UINT64(hash);
}

/* ---- merging ------------------------------------------------------------ */

Datum
crm_history_plus(PG_FUNCTION_ARGS)
{
	CrmPurchaseView view;
	CrmPurchases	list;

	list_of_datum(&list, PG_GETARG_DATUM(0));
	crm_history_open(&view, PG_GETARG_DATUM(1));
	crm_history_check_kind(list.times, view.times);
	crm_purchases_add_view(&list, &view);
	PG_RETURN_DATUM(crm_history_make(&list));
}
