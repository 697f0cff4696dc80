/*
 * feed.c
 *		The rows of an ordinary query, gathered by customer.
 *
 * Invariant: a row that is added has a customer; whatever is no time or no
 * amount stops the query with an error that names the customer.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "executor/tuptable.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/numeric.h"
#include "utils/uuid.h"

#include "compat.h"
#include "engine/history.h"
#include "functions/feed.h"
#include "functions/history.h"
#include "functions/numeric_money.h"

typedef enum KeyColumn
{
	KEY_INT2,
	KEY_INT4,
	KEY_INT8,
	KEY_UUID,
	KEY_TEXT,
	KEY_PADDED /* char(n): blanks at the end mean nothing */
} KeyColumn;

typedef struct Feed
{
	DestReceiver   receiver; /* first */
	CrmGather	  *gather;
	CrmFeedColumns columns;
	KeyColumn	   key;
	CrmTimeKind	   time;
	MemoryContext  row;	 /* what a row needs */
	bool		   used; /* something was detoasted for it */
} Feed;

static bool
key_column(Oid type, KeyColumn *key)
{
	char category;
	bool preferred;

	switch (getBaseType(type))
	{
		case INT2OID:
			*key = KEY_INT2;
			return true;
		case INT4OID:
			*key = KEY_INT4;
			return true;
		case INT8OID:
			*key = KEY_INT8;
			return true;
		case UUIDOID:
			*key = KEY_UUID;
			return true;
		case BPCHAROID:
			*key = KEY_PADDED;
			return true;
		default:
			break;
	}
	get_type_category_preferred(getBaseType(type), &category, &preferred);
	*key = KEY_TEXT;
	return category == TYPCATEGORY_STRING &&
		   get_typlen(getBaseType(type)) == -1;
}

static CrmKeyKind
kind_of(KeyColumn key)
{
	switch (key)
	{
		case KEY_INT2:
		case KEY_INT4:
		case KEY_INT8:
			return CRM_KEY_BIGINT;
		case KEY_UUID:
			return CRM_KEY_UUID;
		default:
			return CRM_KEY_TEXT;
	}
}

bool
crm_feed_key_kind(Oid type, CrmKeyKind *kind)
{
	KeyColumn key;

	if (!key_column(type, &key))
		return false;
	*kind = kind_of(key);
	return true;
}

/* ---- customers ---------------------------------------------------------- */

Datum
crm_feed_customer(CrmKeyKind kind, const CrmKey *key)
{
	pg_uuid_t *uuid;

	switch (kind)
	{
		case CRM_KEY_BIGINT:
			return Int64GetDatum(crm_key_bigint(key));
		case CRM_KEY_UUID:
			uuid = palloc(sizeof(pg_uuid_t));
			crm_key_uuid(key, uuid);
			return UUIDPGetDatum(uuid);
		case CRM_KEY_TEXT:
			break;
	}
	return PointerGetDatum(
		cstring_to_text_with_len(key->bytes, (int) key->length));
}

static inline CrmKey
key_of(Feed *feed, Datum customer)
{
	text *value;
	int	  length;

	switch (feed->key)
	{
		case KEY_INT2:
			return crm_key_from_bigint(DatumGetInt16(customer));
		case KEY_INT4:
			return crm_key_from_bigint(DatumGetInt32(customer));
		case KEY_INT8:
			return crm_key_from_bigint(DatumGetInt64(customer));
		case KEY_UUID:
			return crm_key_from_uuid(DatumGetUUIDP(customer));
		default:
			break;
	}
	feed->used |= VARATT_IS_EXTENDED(DatumGetPointer(customer)) &&
				  !VARATT_IS_SHORT(DatumGetPointer(customer));
	value = DatumGetTextPP(customer);
	length = VARSIZE_ANY_EXHDR(value);
	if (feed->key == KEY_PADDED)
		length = bpchartruelen(VARDATA_ANY(value), length);
	return crm_key_from_text(VARDATA_ANY(value), (uint32) length);
}

static char *
customer_text(const Feed *feed, const CrmKey *key)
{
	CrmKeyKind kind = kind_of(feed->key);
	Oid		   type = kind == CRM_KEY_UUID	 ? UUIDOID
					  : kind == CRM_KEY_TEXT ? TEXTOID
											 : INT8OID;
	Oid		   output;
	bool	   varlena;

	getTypeOutputInfo(type, &output, &varlena);
	return OidOutputFunctionCall(output, crm_feed_customer(kind, key));
}

/* ---- what is no time or no amount --------------------------------------- */

/* infinite, or so near to an end that it may have no local time */
static inline bool
is_extreme(const Feed *feed, Datum value)
{
	if (feed->time == CRM_TIME_DATE)
		return DATE_NOT_FINITE(DatumGetDateADT(value)) ||
			   DatumGetDateADT(value) >=
				   TIMESTAMP_END_JULIAN - POSTGRES_EPOCH_JDATE;
	return DatumGetTimestamp(value) < MIN_TIMESTAMP + 2 * USECS_PER_DAY ||
		   DatumGetTimestamp(value) >= END_TIMESTAMP - 2 * USECS_PER_DAY;
}

static pg_noinline void
check_time(const Feed *feed, const CrmKey *key, Datum value)
{
	bool finite = feed->time == CRM_TIME_DATE
					  ? !DATE_NOT_FINITE(DatumGetDateADT(value))
					  : !TIMESTAMP_NOT_FINITE(DatumGetTimestamp(value));

	if (!crm_has_local(value, feed->time))
		ereport(ERROR,
				(errcode(ERRCODE_DATETIME_VALUE_OUT_OF_RANGE),
				 errmsg("time of a row of customer \"%s\" is %s",
						customer_text(feed, key),
						finite ? "out of range" : "infinite"),
				 finite ? errdetail("Its local time lies outside the range of "
									"type %s.",
									"timestamp")
						: 0,
				 errhint("%s", feed->columns.hint)));
}

static pg_noinline void
refuse_amount(const Feed *feed, const CrmKey *key, Numeric amount)
{
	ereport(ERROR, (errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
					errmsg("amount of a row of customer \"%s\" is %s",
						   customer_text(feed, key),
						   numeric_is_nan(amount) ? "NaN" : "infinite"),
					errhint("%s", feed->columns.hint)));
}

static inline int64
time_of(const Feed *feed, const CrmKey *key, Datum value)
{
	if (unlikely(is_extreme(feed, value)))
		check_time(feed, key, value);
	return crm_local_from_datum(value, feed->time);
}

static inline CrmMoney
amount_of(Feed *feed, const CrmKey *key, Datum value)
{
	/* what is stored short or in line needs no copy */
	if (VARATT_IS_EXTENDED(DatumGetPointer(value)) &&
		!VARATT_IS_SHORT(DatumGetPointer(value)))
	{
		value = NumericGetDatum(DatumGetNumeric(value));
		feed->used = true;
	}
	return crm_money_from_numeric_datum(value);
}

/* NaN and infinities are told before the amount is read */
static inline bool
is_special(Datum value)
{
	const char *data = VARDATA_ANY(DatumGetPointer(value));
	uint16		header;

	if (VARATT_IS_EXTERNAL(DatumGetPointer(value)) ||
		VARATT_IS_COMPRESSED(DatumGetPointer(value)))
		return false;
	memcpy(&header, data, sizeof(header));
	return (header & 0xC000) == 0xC000;
}

/* ---- the receiver ------------------------------------------------------- */

static inline void
set_extra(Feed *feed, CrmGatherRow *row, Datum value)
{
	text *extra = DatumGetTextPP(value);

	row->extra = VARDATA_ANY(extra);
	row->extra_length = VARSIZE_ANY_EXHDR(extra);
	feed->used |= PointerGetDatum(extra) != value;
}

static bool
fill_row(Feed *feed, TupleTableSlot *slot, const CrmKey *key, CrmGatherRow *row)
{
	const CrmFeedColumns *columns = &feed->columns;
	const Datum			 *values = slot->tts_values;
	const bool			 *nulls = slot->tts_isnull;

	row->kind = columns->kind;
	row->at = CRM_NO_TIME;
	row->known = false;
	row->extra = NULL;
	row->extra_length = 0;
	if (columns->word)
	{
		if (nulls[columns->word - 1])
			return false;
		row->kind = crm_history_is_visit(values[columns->word - 1])
						? CRM_FEED_VISIT
						: CRM_FEED_ORDER;
	}
	if (columns->at)
	{
		if (!nulls[columns->at - 1])
			row->at = time_of(feed, key, values[columns->at - 1]);
		else if (!columns->undated)
			return false;
	}
	if (columns->amount && !nulls[columns->amount - 1] &&
		!(columns->word && row->kind == CRM_FEED_VISIT))
	{
		Datum amount = values[columns->amount - 1];

		if (unlikely(is_special(amount)))
			refuse_amount(feed, key, DatumGetNumeric(amount));
		row->amount = amount_of(feed, key, amount);
		row->known = true;
		feed->used |= row->amount.wide != NULL;
	}
	if (columns->extra && !nulls[columns->extra - 1])
		set_extra(feed, row, values[columns->extra - 1]);
	return true;
}

/*
 * A row of a table that comes as it lies there is taken from the page; the
 * gather copies it.  What a minimal tuple has in front of its own is not set
 * then: its length is the extra's.
 */
static void
set_whole(Feed *feed, TupleTableSlot *slot, CrmGatherRow *row)
{
	bool		 ours;
	HeapTuple	 tuple;
	MinimalTuple copy;

	if (TTS_IS_BUFFERTUPLE(slot))
	{
		tuple = ExecFetchSlotHeapTuple(slot, false, &ours);
		row->extra = (const char *) tuple->t_data + MINIMAL_TUPLE_OFFSET;
		row->extra_length = tuple->t_len - MINIMAL_TUPLE_OFFSET;
		return;
	}
	/* the caller's slot may not own its tuple, so it is copied */
	copy = ExecCopySlotMinimalTuple(slot);
	row->extra = (const char *) copy;
	row->extra_length = copy->t_len;
	feed->used = true;
}

/* values may have been detoasted for it */
static void
set_condensed(Feed *feed, TupleTableSlot *slot, CrmGatherRow *row)
{
	row->extra =
		feed->columns.condense(feed->columns.context, slot, &row->extra_length);
	feed->used = true;
}

/* the same row once more, as one of the label's */
static inline void
add_label(Feed *feed, TupleTableSlot *slot, const CrmKey *key,
		  CrmGatherRow *row)
{
	int label = feed->columns.label;

	if (label == 0 || slot->tts_isnull[label - 1])
		return;
	row->kind = feed->columns.label_kind;
	set_extra(feed, row, slot->tts_values[label - 1]);
	crm_gather_add(feed->gather, key, row);
}

static bool
receive(TupleTableSlot *slot, DestReceiver *self)
{
	Feed		 *feed = (Feed *) self;
	int			  customer = feed->columns.customer - 1;
	MemoryContext old;
	CrmKey		  key;
	CrmGatherRow  row;

	if (feed->columns.whole)
		slot_getsomeattrs(slot, customer + 1);
	else
		slot_getallattrs(slot);
	if (slot->tts_isnull[customer])
		return true;
	old = MemoryContextSwitchTo(feed->row);
	key = key_of(feed, slot->tts_values[customer]);
	if (fill_row(feed, slot, &key, &row))
	{
		if (feed->columns.whole)
			set_whole(feed, slot, &row);
		if (feed->columns.condense)
			set_condensed(feed, slot, &row);
		crm_gather_add(feed->gather, &key, &row);
		add_label(feed, slot, &key, &row);
	}
	MemoryContextSwitchTo(old);
	if (feed->used)
	{
		MemoryContextReset(feed->row);
		feed->used = false;
	}
	return true;
}

static void
startup(DestReceiver *self, int operation, TupleDesc descriptor)
{
	Feed				 *feed = (Feed *) self;
	const CrmFeedColumns *columns = &feed->columns;

	if (!key_column(TupleDescAttr(descriptor, columns->customer - 1)->atttypid,
					&feed->key) ||
		kind_of(feed->key) != crm_gather_key_kind(feed->gather) ||
		(columns->at &&
		 !crm_time_kind_of_type(
			 TupleDescAttr(descriptor, columns->at - 1)->atttypid,
			 &feed->time)))
		elog(ERROR, "a query for customers' rows has columns of other types");
}

static void
shut_down(DestReceiver *self)
{
}

static void
destroy(DestReceiver *self)
{
	Feed *feed = (Feed *) self;

	MemoryContextDelete(feed->row);
	pfree(feed);
}

DestReceiver *
crm_feed_create(CrmGather *gather, const CrmFeedColumns *columns)
{
	Feed *feed = palloc0(sizeof(Feed));

	feed->receiver.receiveSlot = receive;
	feed->receiver.rStartup = startup;
	feed->receiver.rShutdown = shut_down;
	feed->receiver.rDestroy = destroy;
	feed->receiver.mydest = DestTuplestore;
	feed->gather = gather;
	feed->columns = *columns;
	feed->row = AllocSetContextCreate(CurrentMemoryContext, "crmlife row",
									  ALLOCSET_SMALL_SIZES);
	return &feed->receiver;
}
