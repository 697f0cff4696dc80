/*
 * localday.c
 *		Local days and times, and the table of the session zone's transitions.
 *
 * PostgreSQL works a local time out in some 100 ns; a query over orders needs
 * it for each row.  So the changes of a zone's UTC offset are looked up once
 * and kept for the life of the process:
 *
 *		pg_localtime | CrmZone, 1800 ... index, 1980 ... 2060 ... 2300 | pg_localtime
 *
 * Instants outside the table (year 9999 as "never", say) are right too, only
 * slower.
 *
 * A zone is recognized by its pg_tz pointer: PostgreSQL keeps one for each
 * zone it has loaded, at a fixed address, and never frees or reloads it.
 *
 * Invariant: crm_local_from_timestamptz(t) is t AT TIME ZONE the session's
 * zone for every finite t, errors included.
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "pgtime.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"

#include "compat.h"
#include "functions/localday.h"

#define UNIX_EPOCH_SECS \
	((POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE) * (int64) SECS_PER_DAY)

/* seconds of the Unix epoch */
#define TABLE_FROM INT64CONST(-5364662400)	/* 1800-01-01 */
#define TABLE_UNTIL INT64CONST(10413792000) /* 2300-01-01 */
#define INDEX_FROM INT64CONST(315532800)	/* 1980-01-01 */
#define INDEX_UNTIL INT64CONST(2840140800)	/* 2060-01-01 */

typedef struct ZoneTable
{
	const pg_tz		 *tz;
	CrmZone			  zone;
	struct ZoneTable *next;
} ZoneTable;

static ZoneTable *zone_tables = NULL;

/* the session zone's entry, copied to where one load finds it */
static const pg_tz *current_tz = NULL;
static CrmZone		current_zone;

static inline int64
instant_from_unix(pg_time_t seconds)
{
	return (seconds - UNIX_EPOCH_SECS) * USECS_PER_SEC;
}

static void
append_transition(CrmZone *zone, int *allocated, pg_time_t at, long int offset)
{
	if (zone->count > 0 && zone->offset[zone->count - 1] == offset)
		return;
	if (zone->count == *allocated)
	{
		*allocated *= 2;
		zone->from = repalloc(zone->from, *allocated * sizeof(int64));
		zone->offset = repalloc(zone->offset, *allocated * sizeof(int32));
	}
	zone->from[zone->count] = instant_from_unix(at);
	zone->offset[zone->count] = (int32) offset;
	zone->count++;
}

static void
fill_zone(CrmZone *zone, const pg_tz *tz)
{
	int		  allocated = 64;
	pg_time_t at = TABLE_FROM;

	zone->from = palloc(allocated * sizeof(int64));
	zone->offset = palloc(allocated * sizeof(int32));
	zone->count = 0;
	zone->until = instant_from_unix(TABLE_UNTIL);
	for (;;)
	{
		long int  before;
		long int  after;
		int		  before_isdst;
		int		  after_isdst;
		pg_time_t boundary;
		int found = pg_next_dst_boundary(&at, &before, &before_isdst, &boundary,
										 &after, &after_isdst, tz);

		if (found < 0)
			elog(ERROR, "could not determine transitions of time zone");
		append_transition(zone, &allocated, at, before);
		if (found == 0 || boundary >= TABLE_UNTIL)
			break;
		append_transition(zone, &allocated, boundary, after);
		/* at a boundary itself the answer might be this boundary once more */
		at = boundary + 1;
	}
}

static void
switch_zone(void)
{
	ZoneTable *table = zone_tables;

	while (table != NULL && table->tz != session_timezone)
		table = table->next;
	if (table == NULL)
	{
		MemoryContext old = MemoryContextSwitchTo(TopMemoryContext);

		table = palloc0(sizeof(ZoneTable));
		table->tz = session_timezone;
		fill_zone(&table->zone, session_timezone);
		crm_zone_index(&table->zone, instant_from_unix(INDEX_FROM),
					   instant_from_unix(INDEX_UNTIL));
		table->next = zone_tables;
		zone_tables = table;
		MemoryContextSwitchTo(old);
	}
	current_zone = table->zone;
	current_tz = table->tz;
}

pg_noreturn static void
refuse_range(void)
{
	ereport(ERROR,
			(errcode(ERRCODE_DATETIME_VALUE_OUT_OF_RANGE),
			 errmsg("timestamp out of range"),
			 errdetail("The local time lies outside the range of type %s.",
					   "timestamp")));
}

bool
crm_local_in_zone(const char *zone, TimestampTz instant, Timestamp *local)
{
	pg_tz		*tz = pg_tzset(zone);
	struct pg_tm tm;
	fsec_t		 fsec;
	int			 offset;

	if (tz == NULL)
		return false;
	if (TIMESTAMP_NOT_FINITE(instant))
		*local = instant;
	else if (timestamp2tm(instant, &offset, &tm, &fsec, NULL, tz) != 0 ||
			 tm2timestamp(&tm, fsec, NULL, local) != 0)
		refuse_range();
	return true;
}

pg_noreturn static void
refuse_infinite(const char *what, bool negative)
{
	ereport(ERROR,
			(errcode(ERRCODE_DATETIME_VALUE_OUT_OF_RANGE),
			 errmsg("%s must be finite", what),
			 errdetail("The value is %s.", negative ? "-infinity" : "infinity"),
			 errhint("Leave such rows out with a WHERE or FILTER condition, or "
					 "use NULL for a time that is not known.")));
}

static bool
find_local(TimestampTz instant, int64 *local)
{
	pg_time_t	  seconds = instant / USECS_PER_SEC;
	struct pg_tm *tm;

	if (instant % USECS_PER_SEC < 0)
		seconds--;
	seconds += UNIX_EPOCH_SECS;
	tm = pg_localtime(&seconds, session_timezone);
	if (tm == NULL)
		return false;
	*local = instant + tm->tm_gmtoff * USECS_PER_SEC;
	return IS_VALID_TIMESTAMP(*local);
}

/* an instant that the table does not cover */
static int64
local_by_server(TimestampTz instant)
{
	int64 local;

	if (TIMESTAMP_NOT_FINITE(instant))
		refuse_infinite("timestamp", TIMESTAMP_IS_NOBEGIN(instant));
	if (!find_local(instant, &local))
		refuse_range();
	return local;
}

static inline bool
date_has_local(DateADT date)
{
	return !DATE_NOT_FINITE(date) &&
		   date < TIMESTAMP_END_JULIAN - POSTGRES_EPOCH_JDATE;
}

bool
crm_has_local(Datum value, CrmTimeKind kind)
{
	int64 local;

	if (kind == CRM_TIME_DATE)
		return date_has_local(DatumGetDateADT(value));
	if (TIMESTAMP_NOT_FINITE(DatumGetTimestamp(value)))
		return false;
	return kind == CRM_TIME_TIMESTAMP ||
		   find_local(DatumGetTimestampTz(value), &local);
}

static int64
local_by_table(TimestampTz instant)
{
	if (current_tz != session_timezone)
		switch_zone();
	if (!crm_zone_covers(&current_zone, instant))
		return local_by_server(instant);
	return crm_zone_local(&current_zone, instant);
}

int64
crm_local_from_timestamptz(TimestampTz instant)
{
	int64 local;

	if (likely(current_tz == session_timezone &&
			   crm_zone_local_indexed(&current_zone, instant, &local)))
		return local;
	return local_by_table(instant);
}

int64
crm_local_from_timestamp(Timestamp timestamp)
{
	if (unlikely(TIMESTAMP_NOT_FINITE(timestamp)))
		refuse_infinite("timestamp", TIMESTAMP_IS_NOBEGIN(timestamp));
	return timestamp;
}

int64
crm_local_from_date(DateADT date)
{
	if (unlikely(DATE_NOT_FINITE(date)))
		refuse_infinite("date", DATE_IS_NOBEGIN(date));
	if (unlikely(!date_has_local(date)))
		refuse_range();
	return date * USECS_PER_DAY;
}

void
crm_refuse_infinite_date(DateADT date)
{
	refuse_infinite("date", DATE_IS_NOBEGIN(date));
}

CrmDay
crm_day_from_timestamp(Timestamp timestamp)
{
	return crm_day_of_local(crm_local_from_timestamp(timestamp));
}

CrmDay
crm_day_from_timestamptz(TimestampTz instant)
{
	return crm_day_of_local(crm_local_from_timestamptz(instant));
}

CrmDay
crm_day_from_datum(Datum value, CrmTimeKind kind)
{
	if (kind == CRM_TIME_DATE)
		return crm_day_from_date(DatumGetDateADT(value));
	return crm_day_of_local(crm_local_from_datum(value, kind));
}

int64
crm_local_from_datum(Datum value, CrmTimeKind kind)
{
	switch (kind)
	{
		case CRM_TIME_DATE:
			return crm_local_from_date(DatumGetDateADT(value));
		case CRM_TIME_TIMESTAMP:
			return crm_local_from_timestamp(DatumGetTimestamp(value));
		case CRM_TIME_TIMESTAMPTZ:
			break;
	}
	return crm_local_from_timestamptz(DatumGetTimestampTz(value));
}

CrmDay
crm_day_learn(CrmDayCache *cache, Datum value, CrmTimeKind kind)
{
	CrmDay day = crm_day_from_datum(value, kind);
	int64  time = DatumGetInt64(value);
	int64  from;
	int64  until;

	cache->length = 0;
	if (kind == CRM_TIME_DATE)
		return day;
	cache->zone = NULL;
	if (kind == CRM_TIME_TIMESTAMPTZ)
	{
		int64 local;

		if (!crm_zone_local_indexed(&current_zone, time, &local))
			return day;
		cache->zone = current_tz;
		crm_zone_stretch(&current_zone, time, &from, &until);
		from = Max(from, time - (local - day * USECS_PER_DAY));
		until = Min(until, time - (local - (day + 1) * USECS_PER_DAY));
	}
	else
	{
		from = day * USECS_PER_DAY;
		until = from + USECS_PER_DAY;
	}
	cache->day = day;
	cache->from = from;
	cache->length = until - from;
	return day;
}

bool
crm_time_kind_of_type(Oid type, CrmTimeKind *kind)
{
	switch (getBaseType(type))
	{
		case DATEOID:
			*kind = CRM_TIME_DATE;
			return true;
		case TIMESTAMPOID:
			*kind = CRM_TIME_TIMESTAMP;
			return true;
		case TIMESTAMPTZOID:
			*kind = CRM_TIME_TIMESTAMPTZ;
			return true;
		default:
			return false;
	}
}

CrmDay
crm_today(void)
{
	return crm_day_from_timestamptz(GetCurrentTransactionStartTimestamp());
}
