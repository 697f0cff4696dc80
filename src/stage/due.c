/*
 * due.c
 *		Customers whom time alone changes, by the index on due_on.
 *
 *		due_on   .. yesterday | today | tomorrow ..
 *		          old versions  rows
 *
 * The row of each has to be read afterwards, and is at the place that is noted
 * here: nothing else need be looked up for it.
 *
 * Below today the index has entries of versions that are gone, those that were
 * due before.  A scan row by row marks them, and the next one passes them by; a
 * scan by a bitmap would visit each again on every day until the table is
 * vacuumed.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/date.h"
#include "utils/guc.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"

#include "stage/due.h"
#include "stage/shape.h"
#include "stage/statement.h"

static void
add_row(CrmDue *due, HeapTuple tuple, TupleDesc row)
{
	bool  nobody;
	bool  isnull;
	Datum key = SPI_getbinval(tuple, row, 1, &nobody);
	Datum place = SPI_getbinval(tuple, row, 2, &isnull);

	/* the owner may have taken the primary key away */
	if (nobody)
		return;
	crm_keys_add(&due->keys, crm_stage_key_copy(due->keys.kind, key));
	due->places[due->count++] = *(ItemPointer) DatumGetPointer(place);
}

void
crm_due_read(const CrmStageDefinition *definition, CrmDay day,
			 Snapshot snapshot, MemoryContext into, CrmDue *due)
{
	Oid			  types[1] = {DATEOID};
	Datum		  values[1] = {DateADTGetDatum(day)};
	MemoryContext old;
	int			  level = NewGUCNestLevel();

	crm_force_shape(CRM_SHAPE_ROWS);
	PushActiveSnapshot(snapshot);
	crm_query(psprintf("SELECT %s::%s, ctid FROM %s WHERE due_on <= $1",
					   quote_identifier(definition->customer_column),
					   format_type_be(crm_key_type(definition->key)),
					   definition->table_name),
			  1, types, values);
	PopActiveSnapshot();
	AtEOXact_GUC(true, level);
	old = MemoryContextSwitchTo(into);
	due->keys.kind = definition->key;
	due->places = MemoryContextAllocHuge(into, sizeof(ItemPointerData) *
												   Max(SPI_processed, 1));
	due->count = 0;
	for (uint64 i = 0; i < SPI_processed; i++)
	{
		CHECK_FOR_INTERRUPTS();
		add_row(due, SPI_tuptable->vals[i], SPI_tuptable->tupdesc);
	}
	MemoryContextSwitchTo(old);
	SPI_freetuptable(SPI_tuptable);
	crm_keys_settle(&due->keys);
}

Datum
crm_due_places(const CrmDue *due)
{
	Datum *places;

	if (due->count == 0)
		return (Datum) 0;
	places = palloc(sizeof(Datum) * due->count);
	for (int i = 0; i < due->count; i++)
		places[i] = PointerGetDatum(&due->places[i]);
	return PointerGetDatum(construct_array(places, due->count, TIDOID,
										   sizeof(ItemPointerData), false,
										   TYPALIGN_SHORT));
}
