/*
 * calendar.h
 *		Local days: what day it is somewhere, and what weeks, months, quarters
 *		and years a day lies in.
 *
 * A CrmDay counts days from 2000-01-01 (PostgreSQL's date epoch); a local
 * time counts microseconds of wall-clock time from 2000-01-01 00:00; an
 * instant counts microseconds from 2000-01-01 00:00 UTC.
 *
 * A CrmZone is a table of all changes of the UTC offset in a range of time:
 *
 *		from[0]        from[1]        from[2]            until
 *		   |  offset[0]   |  offset[1]   |   offset[2]     |
 *
 * For the years in which orders lie it has an index besides: slices of about
 * 25 days, in which the offset changes once at most (a slice where it changes
 * more often says so, and the table is searched).  One look answers without a
 * branch that rows of many customers would make the processor guess wrong.
 *
 *		index_from   |  slice[0]  |  slice[1]  |  slice[2]  |
 *		                 before ^ change: then before + delta
 *
 * Invariant: from[] ascends strictly, and inside [from[0], until) the table
 * answers for every instant; outside, crm_zone_covers is false and the host
 * has to find its own answer.  The index never contradicts the table.
 */
#ifndef CRM_CALENDAR_H
#define CRM_CALENDAR_H

#include "host.h"

typedef int32_t CrmDay;

#define CRM_NO_DAY INT32_MIN /* never */
#define CRM_USECS_PER_SEC INT64_C(1000000)
#define CRM_USECS_PER_DAY INT64_C(86400000000)

typedef enum CrmUnit
{
	CRM_UNIT_DAY,
	CRM_UNIT_WEEK, /* ISO: Monday */
	CRM_UNIT_MONTH,
	CRM_UNIT_QUARTER,
	CRM_UNIT_YEAR
} CrmUnit;

#define CRM_SLICE_BITS 41 /* microseconds of a slice: 25.45 days */
#define CRM_SLICE_MIXED INT64_MIN

typedef struct CrmZoneSlice
{
	int64_t change; /* INT64_MAX: none */
	int64_t before; /* microseconds; CRM_SLICE_MIXED: search the table */
	int64_t delta;
} CrmZoneSlice;

typedef struct CrmZone
{
	int			  count;
	int64_t		 *from;	  /* instants, ascending */
	int32_t		 *offset; /* seconds east of UTC from from[i] on */
	int64_t		  until;  /* end of the range the table covers, exclusive */
	int64_t		  index_from;
	int			  slices; /* 0 until crm_zone_index */
	CrmZoneSlice *slice;
} CrmZone;

static inline bool
crm_zone_covers(const CrmZone *zone, int64_t instant)
{
	return zone->count > 0 && instant >= zone->from[0] && instant < zone->until;
}

/* the day of a local time; floor division, so that 1999-12-31 is -1 */
static inline CrmDay
crm_day_of_local(int64_t local)
{
	int64_t day = local / CRM_USECS_PER_DAY;

	if (local % CRM_USECS_PER_DAY < 0)
		day--;
	return (CrmDay) day;
}

/* number of the table's interval that holds an instant that it covers */
extern int crm_zone_find(const CrmZone *zone, int64_t instant);

/* index the part of the table that lies in [from, until) */
extern void crm_zone_index(CrmZone *zone, int64_t from, int64_t until);

/* the local time by the index alone; false where that doesn't tell */
static inline bool
crm_zone_local_indexed(const CrmZone *zone, int64_t instant, int64_t *local)
{
	uint64_t number =
		((uint64_t) instant - (uint64_t) zone->index_from) >> CRM_SLICE_BITS;
	const CrmZoneSlice *slice;

	if (number >= (uint64_t) zone->slices)
		return false;
	slice = &zone->slice[number];
	if (slice->before == CRM_SLICE_MIXED)
		return false;
	*local = instant + slice->before +
			 (-(int64_t) (instant >= slice->change) & slice->delta);
	return true;
}

/* times around one that the index tells of, all with the same offset */
static inline void
crm_zone_stretch(const CrmZone *zone, int64_t instant, int64_t *from,
				 int64_t *until)
{
	int64_t				number = (instant - zone->index_from) >> CRM_SLICE_BITS;
	const CrmZoneSlice *slice = &zone->slice[number];

	*from = zone->index_from + (number << CRM_SLICE_BITS);
	*until = *from + (INT64_C(1) << CRM_SLICE_BITS);
	if (instant >= slice->change)
		*from = slice->change;
	else if (slice->change < *until)
		*until = slice->change;
}

/* the local wall-clock time of an instant that the table covers */
extern int64_t crm_zone_local(const CrmZone *zone, int64_t instant);

/* year 0 is 1 BC; months and days count from 1 */
extern void	  crm_civil_from_day(CrmDay day, int *year, int *month, int *mday);
extern CrmDay crm_day_from_civil(int year, int month, int mday);

/* first day of the period that holds day */
extern CrmDay crm_period_start(CrmDay day, CrmUnit unit);
/* number of periods from the epoch's to day's; differences count periods */
extern int32_t crm_period_index(CrmDay day, CrmUnit unit);

/* the month of each day from 1970 to 2099, where orders lie, once one is asked */
#define CRM_MONTH_TABLE_FROM (-10957)
#define CRM_MONTH_TABLE_DAYS 47482
#define CRM_MONTH_TABLE_BASE (-360)

extern uint32_t crm_month_table_days; /* 0 until then */
extern uint16_t crm_month_of_day[CRM_MONTH_TABLE_DAYS];

/* the same; for months that are in the table without a call */
static inline int32_t
crm_period_of(CrmDay day, CrmUnit unit)
{
	uint32_t place = (uint32_t) day - (uint32_t) CRM_MONTH_TABLE_FROM;

	if (unit == CRM_UNIT_MONTH && place < crm_month_table_days)
		return CRM_MONTH_TABLE_BASE + crm_month_of_day[place];
	return crm_period_index(day, unit);
}
/* inverse of crm_period_index: first day of that period */
extern CrmDay crm_period_from_index(int32_t index, CrmUnit unit);
/* false when the name is not day, week, month, quarter or year (any case) */
extern bool crm_unit_from_name(const char *name, CrmUnit *unit);

#endif /* CRM_CALENDAR_H */
