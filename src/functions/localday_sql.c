/*
 * localday_sql.c
 *		crmlife.local_day, local_time and _local_time: localday.h seen from
 *		SQL.
 */
#include "postgres.h"

#include "fmgr.h"
#include "utils/builtins.h"

#include "functions/localday.h"

PG_FUNCTION_INFO_V1(crm_local_day);
PG_FUNCTION_INFO_V1(crm_local_time);
PG_FUNCTION_INFO_V1(crm_local_time_in_zone);

Datum
crm_local_day(PG_FUNCTION_ARGS)
{
	PG_RETURN_DATEADT(crm_day_from_timestamptz(PG_GETARG_TIMESTAMPTZ(0)));
}

Datum
crm_local_time(PG_FUNCTION_ARGS)
{
	PG_RETURN_TIMESTAMP(crm_local_from_timestamptz(PG_GETARG_TIMESTAMPTZ(0)));
}

/* (timezone, at) */
Datum
crm_local_time_in_zone(PG_FUNCTION_ARGS)
{
	Timestamp local;

	if (!crm_local_in_zone(text_to_cstring(PG_GETARG_TEXT_PP(0)),
						   PG_GETARG_TIMESTAMPTZ(1), &local))
		PG_RETURN_NULL();
	PG_RETURN_TIMESTAMP(local);
}
