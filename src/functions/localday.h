/*
 * localday.h
 *		From PostgreSQL's dates and times to local days and local times.
 *
 * Every door uses these, so that an instant has one local day everywhere: a
 * date as it is, a timestamp its date, a timestamptz in the session's zone.
 * Infinite values are refused with an error.
 */
#ifndef CRM_LOCALDAY_H
#define CRM_LOCALDAY_H

#include "postgres.h"

#include "pgtime.h"
#include "utils/date.h"
#include "utils/timestamp.h"

#include "compat.h"
#include "engine/calendar.h"

typedef enum CrmTimeKind
{
	CRM_TIME_DATE,
	CRM_TIME_TIMESTAMP,
	CRM_TIME_TIMESTAMPTZ
} CrmTimeKind;

pg_noreturn extern void crm_refuse_infinite_date(DateADT date);

/* inline: functions that are called once per row take several */
static inline CrmDay
crm_day_from_date(DateADT date)
{
	if (unlikely(DATE_NOT_FINITE(date)))
		crm_refuse_infinite_date(date);
	return date;
}

extern CrmDay crm_day_from_timestamp(Timestamp timestamp);
extern CrmDay crm_day_from_timestamptz(TimestampTz instant);

/* the local wall-clock time, microseconds from 2000-01-01 00:00 */
extern int64 crm_local_from_date(DateADT date);
extern int64 crm_local_from_timestamp(Timestamp timestamp);
extern int64 crm_local_from_timestamptz(TimestampTz instant);

/* is it a local time at all, neither infinite nor beyond the ends? */
extern bool crm_has_local(Datum value, CrmTimeKind kind);

/*
 * In another zone than the session's, by its name; infinite ones as they are.
 * False: there is no such zone, it may be on another machine.
 */
extern bool
crm_local_in_zone(const char *zone, TimestampTz instant, Timestamp *local);

/* of a Datum of that kind */
extern CrmDay crm_day_from_datum(Datum value, CrmTimeKind kind);
extern int64  crm_local_from_datum(Datum value, CrmTimeKind kind);

/*
 * The day of the row before and the times that have it: rows mostly stand in
 * the order of time, so that the next one has the same day.
 */
typedef struct CrmDayCache
{
	int64		 from;
	uint64		 length; /* 0: nothing is known */
	CrmDay		 day;
	const pg_tz *zone; /* NULL: of whatever zone */
} CrmDayCache;

extern CrmDay crm_day_learn(CrmDayCache *cache, Datum value, CrmTimeKind kind);

/* crm_day_from_datum, for one kind throughout */
static inline CrmDay
crm_day_cached(CrmDayCache *cache, Datum value, CrmTimeKind kind)
{
	if ((uint64) value - (uint64) cache->from < cache->length &&
		(cache->zone == session_timezone || cache->zone == NULL))
		return cache->day;
	return crm_day_learn(cache, value, kind);
}

/* CRM_TIME_... of date, timestamp, timestamptz; false for another type */
extern bool crm_time_kind_of_type(Oid type, CrmTimeKind *kind);

/* the local date on which the transaction started */
extern CrmDay crm_today(void);

#endif /* CRM_LOCALDAY_H */
