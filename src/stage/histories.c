/*
 * histories.c
 *		Walking through the histories that a stage table keeps.
 *
 * Invariant: rows come by a cursor, so that no more than a batch of them is in
 * memory, and the arrays of one history are those of the next.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "utils/date.h"
#include "utils/memutils.h"
#include "utils/plancache.h"

#include "functions/history.h"
#include "stage/columns.h"
#include "stage/histories.h"
#include "stage/row.h"

#define HISTORIES_AT_ONCE 1000

static void
read_customer(const CrmStageDefinition *definition, HeapTuple tuple,
			  TupleDesc row, CrmStoredCustomer *customer)
{
	bool  isnull;
	Datum value = SPI_getbinval(tuple, row, 1, &isnull);

	crm_history_open(&customer->view, value);
	value = SPI_getbinval(tuple, row, 2, &isnull);
	customer->known_since = isnull ? CRM_ALWAYS : DatumGetDateADT(value);
	customer->model =
		crm_segment_model(definition, SPI_getvalue(tuple, row, 4));
}

/*
 * The empty facts of before the first order hold from ever on, for a customer
 * may be known by rows that come to nothing.
 */
static void
replay_customer(HeapTuple tuple, TupleDesc row, CrmStoredCustomer *customer)
{
	bool   isnull;
	Datum  value = SPI_getbinval(tuple, row, 3, &isnull);
	CrmDay registered = isnull ? CRM_NO_DAY : DatumGetDateADT(value);

	crm_history_reset(&customer->history);
	crm_history_add_registration(&customer->history, CRM_NO_TIME);
	crm_purchase_replay(&customer->history, &customer->view, registered);
}

/* the owner may have altered the columns since the definition was read */
static void
check_columns(const CrmStageDefinition *definition, SPIPlanPtr plan)
{
	CachedPlanSource *source = linitial(SPI_plan_get_plan_sources(plan));
	TupleDesc		  row = source->resultDesc;

	static const int columns[] = {CRM_COLUMN_HISTORY, CRM_COLUMN_KNOWN_SINCE};

	for (int i = 0; i < lengthof(columns); i++)
		if (TupleDescAttr(row, i)->atttypid !=
			crm_stage_column_type(columns[i]))
			crm_refuse_stage_column(definition, columns[i]);
}

static Portal
open_cursor(const CrmStageDefinition *definition, CrmDay due_by)
{
	Oid		   types[1] = {DATEOID};
	Datum	   values[1] = {DateADTGetDatum(due_by)};
	SPIPlanPtr plan = SPI_prepare(
		psprintf("SELECT history, known_since, registered_at::date, segment "
				 "FROM %s WHERE history IS NOT NULL AND %s",
				 definition->table_name,
				 due_by == CRM_NO_DAY ? "$1 IS NOT NULL" : "due_on <= $1"),
		1, types);

	if (plan == NULL)
		elog(ERROR, "SPI could not prepare a query: %s",
			 SPI_result_code_string(SPI_result));
	check_columns(definition, plan);
	/* with a snapshot of its own: this command may have written the rows */
	return SPI_cursor_open(NULL, plan, values, NULL, false);
}

void
crm_for_each_history(const CrmStageDefinition *definition, CrmDay due_by,
					 CrmStoredCallback callback, void *context)
{
	MemoryContext lasting = CurrentMemoryContext;
	MemoryContext batch = AllocSetContextCreate(
		CurrentMemoryContext, "crmlife histories", ALLOCSET_DEFAULT_SIZES);
	CrmStoredCustomer customer;
	Portal			  portal = open_cursor(definition, due_by);

	crm_history_init(&customer.history);
	for (;;)
	{
		SPI_cursor_fetch(portal, true, HISTORIES_AT_ONCE);
		if (SPI_processed == 0)
			break;
		for (uint64 i = 0; i < SPI_processed; i++)
		{
			CHECK_FOR_INTERRUPTS();
			MemoryContextSwitchTo(batch);
			read_customer(definition, SPI_tuptable->vals[i],
						  SPI_tuptable->tupdesc, &customer);
			MemoryContextSwitchTo(lasting);
			replay_customer(SPI_tuptable->vals[i], SPI_tuptable->tupdesc,
							&customer);
			callback(context, &customer);
		}
		SPI_freetuptable(SPI_tuptable);
		MemoryContextReset(batch);
	}
	SPI_freetuptable(SPI_tuptable);
	SPI_cursor_close(portal);
	crm_history_free(&customer.history);
	MemoryContextDelete(batch);
}
