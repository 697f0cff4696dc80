/*
 * newrows.c
 *		New rows of a source, packed for the queue: the columns that an event
 *		is made of.
 *
 * Expressions and filter are not evaluated by whoever writes the source, who
 * must not be stopped by their errors and has other rights, but by the refresh,
 * as the stage table's owner.  So their columns are kept as they are:
 *
 *		length 4 | relation 4 | kind 1 | columns 1 | number 2, type 4 each
 *		row: bits of NULLs, then each value that is none:
 *		     of a fixed length: its bytes      others: size 2, the bytes
 *
 * Nothing is aligned.  Values out of line, or large ones, are not packed: that
 * row's customer is read again.
 *
 * Invariant: what is unpacked has been found to have the types it was packed
 * with, of columns that are still there.  An entry that fits no more is not
 * looked into.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/table.h"
#include "access/tupmacs.h"
#include "catalog/pg_type.h"
#include "nodes/bitmapset.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/syscache.h"

#include "compat.h"
#include "engine/history.h"
#include "stage/expression.h"
#include "stage/newrows.h"

/* a larger row costs the queue more than it saves the refresh */
#define ROW_BYTES 1000
/* ----- forms ----- */

bool
crm_new_rows_form(const CrmSource *source, int kind, CrmNewRowsForm *form)
{
	const char *texts[] = {source->at, source->amount, source->filter};
	AttrNumber	customer = get_attnum(source->relation, source->customer);
	Relation	relation = table_open(source->relation, AccessShareLock);
	Bitmapset  *columns = NULL;
	bool		simple =
		source->order_key == NULL && source->segment == NULL && customer > 0;
	int number = -1;

	for (int i = 0; i < lengthof(texts); i++)
		if (texts[i] && simple)
			simple = crm_expression_columns(relation, texts[i], &columns);
	table_close(relation, AccessShareLock);
	if (!simple || bms_num_members(columns) >= CRM_NEW_ROWS_COLUMNS)
		return false;
	form->kind = kind;
	form->count = 1;
	form->numbers[0] = customer;
	while ((number = bms_next_member(columns, number)) >= 0)
		if (number != customer)
			form->numbers[form->count++] = (int16) number;
	return true;
}

bool
crm_new_rows_form_of(const CrmSource *source, const CrmNewRowsForm *form,
					 Oid partition, CrmNewRowsForm *own)
{
	own->kind = form->kind;
	own->count = form->count;
	for (int i = 0; i < form->count; i++)
	{
		char *name = get_attname(source->relation, form->numbers[i], true);

		own->numbers[i] =
			name ? get_attnum(partition, name) : InvalidAttrNumber;
		if (own->numbers[i] <= 0)
			return false;
	}
	return true;
}

TupleDesc
crm_new_rows_descriptor(Relation source, const CrmNewRowsForm *form)
{
	TupleDesc descriptor = CreateTemplateTupleDesc(form->count);

	for (int i = 0; i < form->count; i++)
		TupleDescCopyEntry(descriptor, (AttrNumber) (i + 1),
						   RelationGetDescr(source), form->numbers[i]);
	return descriptor;
}

/* ----- packing ----- */

static char *
put(char *to, const void *from, Size size)
{
	memcpy(to, from, size);
	return to + size;
}

static void
write_header(CrmPacker *packer, Oid relation, int kind)
{
	char *to = packer->entry.bytes + VARHDRSZ;
	uint8 bytes[2] = {(uint8) kind, (uint8) packer->count};

	to = put(to, &relation, sizeof(relation));
	to = put(to, bytes, sizeof(bytes));
	for (int i = 0; i < packer->count; i++)
	{
		to = put(to, &packer->column[i].number, sizeof(int16));
		to = put(to, &packer->column[i].type, sizeof(Oid));
	}
	packer->header = to - packer->entry.bytes;
	packer->used = packer->header;
}

bool
crm_packer_begin(CrmPacker *packer, Relation relation,
				 const CrmNewRowsForm *form)
{
	TupleDesc descriptor = RelationGetDescr(relation);

	packer->count = form->count;
	packer->last = 0;
	for (int i = 0; i < form->count; i++)
	{
		Form_pg_attribute attribute;

		if (form->numbers[i] <= 0 || form->numbers[i] > descriptor->natts)
			return false;
		attribute = TupleDescAttr(descriptor, form->numbers[i] - 1);
		if (attribute->attisdropped || crm_is_virtual(attribute))
			return false;
		packer->column[i] = (CrmPackedColumn){.number = form->numbers[i],
											  .type = attribute->atttypid,
											  .length = attribute->attlen,
											  .by_value = attribute->attbyval};
		packer->last = Max(packer->last, form->numbers[i]);
	}
	write_header(packer, RelationGetRelid(relation), form->kind);
	return true;
}

static Size
nulls_size(int columns)
{
	return (Size) (columns + 7) / 8;
}

/* what the row takes; 0: too much */
static Size
row_size(const CrmPacker *packer, TupleTableSlot *slot)
{
	Size size = nulls_size(packer->count);

	for (int i = 0; i < packer->count; i++)
	{
		const CrmPackedColumn *column = &packer->column[i];
		Datum				   value = slot->tts_values[column->number - 1];

		if (slot->tts_isnull[column->number - 1])
			continue;
		if (column->length > 0)
			size += column->length;
		else if (column->length != -1 ||
				 VARATT_IS_EXTERNAL(DatumGetPointer(value)))
			return 0;
		else
			size += sizeof(uint16) + VARSIZE_ANY(DatumGetPointer(value));
		if (size > ROW_BYTES)
			return 0;
	}
	return size;
}

static char *
put_value(char *to, const CrmPackedColumn *column, Datum value)
{
	uint16 size;

	if (column->by_value)
	{
		char bytes[sizeof(Datum)];

		store_att_byval(bytes, value, column->length);
		return put(to, bytes, column->length);
	}
	if (column->length > 0)
		return put(to, DatumGetPointer(value), column->length);
	size = (uint16) VARSIZE_ANY(DatumGetPointer(value));
	to = put(to, &size, sizeof(size));
	return put(to, DatumGetPointer(value), size);
}

CrmPacked
crm_packer_add(CrmPacker *packer, TupleTableSlot *slot)
{
	uint8 *nulls = (uint8 *) packer->entry.bytes + packer->used;
	char  *to = (char *) nulls + nulls_size(packer->count);
	Size   size;

	slot_getsomeattrs(slot, packer->last);
	size = row_size(packer, slot);
	if (size == 0)
		return CRM_PACKED_NEVER;
	if (packer->used + size > sizeof(packer->entry))
		return CRM_PACKED_FULL;
	memset(nulls, 0, nulls_size(packer->count));
	for (int i = 0; i < packer->count; i++)
	{
		int number = packer->column[i].number - 1;

		if (slot->tts_isnull[number])
			nulls[i / 8] |= 1 << (i % 8);
		else
			to = put_value(to, &packer->column[i], slot->tts_values[number]);
	}
	packer->used = to - packer->entry.bytes;
	return CRM_PACKED;
}

bool
crm_packer_is_empty(const CrmPacker *packer)
{
	return packer->used == packer->header;
}

Datum
crm_packer_take(CrmPacker *packer)
{
	SET_VARSIZE(packer->entry.bytes, packer->used);
	packer->used = packer->header;
	return PointerGetDatum(packer->entry.bytes);
}

/* ----- unpacking ----- */

static void
take(CrmUnpacker *unpacker, void *to, Size size)
{
	if ((Size) (unpacker->end - unpacker->next) < size)
		ereport(ERROR, (errcode(ERRCODE_DATA_CORRUPTED),
						errmsg("an entry of crmlife.queue is damaged")));
	memcpy(to, unpacker->next, size);
	unpacker->next += size;
}

void
crm_unpacker_begin(CrmUnpacker *unpacker, Datum entry)
{
	const char *bytes = VARDATA_ANY(DatumGetPointer(entry));
	uint8		small[2];

	unpacker->header = bytes;
	unpacker->next = bytes;
	unpacker->end = bytes + VARSIZE_ANY_EXHDR(DatumGetPointer(entry));
	take(unpacker, &unpacker->relation, sizeof(Oid));
	take(unpacker, small, sizeof(small));
	unpacker->kind = small[0];
	unpacker->count = Min(small[1], CRM_NEW_ROWS_COLUMNS);
	for (int i = 0; i < unpacker->count; i++)
	{
		take(unpacker, &unpacker->column[i].number, sizeof(int16));
		take(unpacker, &unpacker->column[i].type, sizeof(Oid));
	}
	unpacker->header_size = unpacker->next - bytes;
}

/* by the catalog, without a lock that a look at the queue would wait for */
static bool
column_fits(Oid relation, CrmPackedColumn *column)
{
	HeapTuple tuple = SearchSysCache2(ATTNUM, ObjectIdGetDatum(relation),
									  Int16GetDatum(column->number));
	Form_pg_attribute attribute;
	bool			  fits;

	if (!HeapTupleIsValid(tuple))
		return false;
	attribute = (Form_pg_attribute) GETSTRUCT(tuple);
	column->length = attribute->attlen;
	column->by_value = attribute->attbyval;
	fits = !attribute->attisdropped && attribute->atttypid == column->type;
	ReleaseSysCache(tuple);
	return fits;
}

bool
crm_unpacker_fits(CrmUnpacker *unpacker)
{
	bool fits = unpacker->count > 0;

	for (int i = 0; i < unpacker->count; i++)
		fits &= column_fits(unpacker->relation, &unpacker->column[i]);
	return fits;
}

bool
crm_unpacker_matches(const CrmUnpacker *unpacker, const CrmSource *source,
					 const CrmNewRowsForm *form, TupleDesc descriptor)
{
	CrmNewRowsForm own;

	if (unpacker->count != form->count || unpacker->kind != form->kind ||
		!crm_new_rows_form_of(source, form, unpacker->relation, &own))
		return false;
	for (int i = 0; i < form->count; i++)
		if (own.numbers[i] != unpacker->column[i].number ||
			unpacker->column[i].type != TupleDescAttr(descriptor, i)->atttypid)
			return false;
	return true;
}

static Datum
take_value(CrmUnpacker *unpacker, const CrmPackedColumn *column)
{
	uint16 size;
	char  *value;

	if (column->by_value)
	{
		/* fetch_att reads what is aligned */
		union
		{
			Datum align;
			char  bytes[sizeof(Datum)];
		} fixed;
		Datum datum;

		take(unpacker, fixed.bytes, column->length);
		datum = fetch_att(fixed.bytes, true, column->length);
		return datum;
	}
	if (column->length > 0)
		size = column->length;
	else
		take(unpacker, &size, sizeof(size));
	value = palloc(Max(size, 1));
	take(unpacker, value, size);
	return PointerGetDatum(value);
}

bool
crm_unpacker_next(CrmUnpacker *unpacker, Datum *values, bool *nulls)
{
	uint8 bits[(CRM_NEW_ROWS_COLUMNS + 7) / 8];

	if (unpacker->next == unpacker->end)
		return false;
	take(unpacker, bits, nulls_size(unpacker->count));
	for (int i = 0; i < unpacker->count; i++)
	{
		nulls[i] = (bits[i / 8] >> (i % 8) & 1) != 0;
		values[i] =
			nulls[i] ? (Datum) 0 : take_value(unpacker, &unpacker->column[i]);
	}
	return true;
}
