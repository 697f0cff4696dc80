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
#include "utils/date.h"
#include "utils/timestamp.h"

#include "engine/calendar.h"

typedef enum CrmTimeKind
{
	CRM_TIME_DATE,
	CRM_TIME_TIMESTAMP,
	CRM_TIME_TIMESTAMPTZ
} CrmTimeKind;

extern CrmDay crm_day_from_date(DateADT date);
extern CrmDay crm_day_from_timestamp(Timestamp timestamp);
extern CrmDay crm_day_from_timestamptz(TimestampTz instant);

/* the local wall-clock time, microseconds from 2000-01-01 00:00 */
extern int64 crm_local_from_date(DateADT date);
extern int64 crm_local_from_timestamp(Timestamp timestamp);
extern int64 crm_local_from_timestamptz(TimestampTz instant);

/* of a Datum of that kind */
extern CrmDay crm_day_from_datum(Datum value, CrmTimeKind kind);
extern int64  crm_local_from_datum(Datum value, CrmTimeKind kind);

/* CRM_TIME_... of date, timestamp, timestamptz; false for another type */
extern bool crm_time_kind_of_type(Oid type, CrmTimeKind *kind);

/* the local date on which the transaction started */
extern CrmDay crm_today(void);

#endif /* CRM_LOCALDAY_H */
