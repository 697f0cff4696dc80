/*
 * forecast.c
 *		Who will change the stage in the coming days, if nothing happens.
 *
 * Invariant: it is what refreshes of these days would log if no row came.  So
 * orders that are dated in the future already are seen on their days.  Only a
 * segment that the first of them will tell comes with its day: the table does
 * not keep it, and who may read the table need not be allowed to read the
 * orders.
 */
#include "postgres.h"

#include "executor/spi.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/date.h"
#include "utils/memutils.h"

#include "compat.h"
#include "stage/histories.h"
#include "stage/rights.h"
#include "stage/row.h"
#include "stage/statement.h"

#define MAX_DAYS 3660

typedef struct Forecast
{
	const CrmModel *model;
	CrmDay			day; /* the stage table's */
	int				days;
	int				stages;
	int64		  **moves; /* [days], NULL: none; of a day [stages][stages] */
	MemoryContext	context;
} Forecast;

static void
count_move(void *context, CrmDay day, int from_stage, int to_stage,
		   bool by_event)
{
	const Forecast *forecast = context;
	int				number = day - forecast->day - 1;
	Size			pairs = (Size) forecast->stages * forecast->stages;

	if (forecast->moves[number] == NULL)
		forecast->moves[number] =
			MemoryContextAllocZero(forecast->context, sizeof(int64) * pairs);
	forecast->moves[number][from_stage * forecast->stages + to_stage]++;
}

static void
forecast_customer(void *context, const CrmStoredCustomer *customer)
{
	Forecast *forecast = context;

	crm_history_replay(&customer->history, customer->model, forecast->day,
					   forecast->day + forecast->days, count_move, forecast);
}

static void
put_moves(const Forecast *forecast, ReturnSetInfo *result, int number)
{
	const int64 *moves = forecast->moves[number];
	Datum		 values[4];
	bool		 nulls[4] = {false};

	values[0] = DateADTGetDatum(forecast->day + 1 + number);
	for (int i = 0; i < forecast->stages * forecast->stages; i++)
	{
		if (moves[i] == 0)
			continue;
		values[1] = CStringGetTextDatum(
			crm_stage_name(forecast->model, i / forecast->stages));
		values[2] = CStringGetTextDatum(
			crm_stage_name(forecast->model, i % forecast->stages));
		values[3] = Int64GetDatum(moves[i]);
		tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
	}
}

static void
require_history(const CrmStageDefinition *definition)
{
	if (!definition->refreshed)
		ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
						errmsg("stage table %s has not been refreshed yet",
							   definition->table_name),
						errhint("SELECT crmlife.refresh(%s);",
								quote_literal_cstr(definition->table_name))));
	if (!definition->keep_history)
		ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
						errmsg("stage table %s keeps no histories",
							   definition->table_name),
						errhint("Create it with keep_history => true.")));
}

PG_FUNCTION_INFO_V1(crm_forecast);

/* (stage_table, days) */
Datum
crm_forecast(PG_FUNCTION_ARGS)
{
	CrmStageDefinition *definition;
	Forecast			forecast = {0};
	CrmIdentity			saved;

	InitMaterializedSRF(fcinfo, 0);
	forecast.days = PG_GETARG_INT32(1);
	if (forecast.days < 1 || forecast.days > MAX_DAYS)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("days must be from 1 to %d", MAX_DAYS),
						errdetail("The value is %d.", forecast.days)));
	crm_require_stage_reader(PG_GETARG_OID(0));
	definition = crm_load_definition(PG_GETARG_OID(0));
	require_history(definition);
	forecast.model = definition->model;
	forecast.day = definition->refreshed_day;
	forecast.stages = crm_model_stage_count(forecast.model);
	forecast.moves = palloc0(sizeof(int64 *) * forecast.days);
	forecast.context = CurrentMemoryContext;
	SPI_connect();
	crm_pin_search_path(&saved);
	crm_for_each_history(definition, forecast.day + forecast.days,
						 forecast_customer, &forecast);
	crm_revert_identity(&saved);
	SPI_finish();
	for (int number = 0; number < forecast.days; number++)
	{
		CHECK_FOR_INTERRUPTS();
		if (forecast.moves[number])
			put_moves(&forecast, (ReturnSetInfo *) fcinfo->resultinfo, number);
	}
	return (Datum) 0;
}
