/*
 * arguments.c
 *		Arguments as SQL gives them, and as statements of ours take them.
 *
 * Invariant: nothing here reads a table.
 */
#include "postgres.h"

#include <math.h>

#include "catalog/pg_type.h"
#include "pgtime.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "stage/arguments.h"

char *
crm_text_argument(FunctionCallInfo fcinfo, int number)
{
	return PG_ARGISNULL(number) ? NULL
								: text_to_cstring(PG_GETARG_TEXT_PP(number));
}

char *
crm_required_text(FunctionCallInfo fcinfo, int number, const char *name)
{
	char *value = crm_text_argument(fcinfo, number);

	if (value == NULL)
		ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
						errmsg("%s must not be null", name)));
	return value;
}

Oid
crm_relation_argument(FunctionCallInfo fcinfo, int number)
{
	return PG_ARGISNULL(number) ? InvalidOid : PG_GETARG_OID(number);
}

char *
crm_checked_timezone(const char *name)
{
	pg_tz *zone = pg_tzset(name);

	if (zone == NULL || !pg_tz_acceptable(zone))
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("time zone \"%s\" not recognized", name),
						errhint("SELECT name FROM pg_timezone_names lists "
								"them.")));
	return pstrdup(pg_get_timezone_name(zone));
}

bool
crm_within_years(const Interval *interval, int years)
{
	/* a month of 30.5 days, a day of 24 hours: as long as they can be, nearly */
	double days = fabs((double) interval->month) * 30.5 +
				  fabs((double) interval->day) +
				  fabs((double) interval->time) / USECS_PER_DAY;

	return days <= years * 366.0;
}

/* ----- of statements ----- */

void
crm_add_value(CrmValues *values, Oid type, Datum value, bool isnull)
{
	Assert(values->count < lengthof(values->values));
	values->types[values->count] = type;
	values->values[values->count] = value;
	values->nulls[values->count++] = isnull ? 'n' : ' ';
}

void
crm_add_text(CrmValues *values, const char *text)
{
	crm_add_value(values, TEXTOID, text ? CStringGetTextDatum(text) : (Datum) 0,
				  text == NULL);
}

void
crm_add_relation(CrmValues *values, Oid relation)
{
	crm_add_value(values, REGCLASSOID, ObjectIdGetDatum(relation),
				  !OidIsValid(relation));
}
