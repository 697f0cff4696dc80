/*
 * calendar.c
 *		Days, periods and zones of calendar.h.
 *
 * The calendar is the proleptic Gregorian one, years counted as astronomers
 * do: year 0 is 1 BC.  Civil dates are worked out in a year that starts on
 * 1 March, so that the leap day is a year's last and the months before it
 * have a pattern of lengths that one line describes:
 *
 *		Mar Apr May Jun Jul Aug Sep Oct Nov Dec Jan Feb
 *		 31  30  31  30  31  31  30  31  30  31  31  28/29
 *		 first day of month m = (153 * m + 2) / 5
 *
 * Every 400 years (an era, 146097 days) the calendar repeats itself.
 *
 * Invariant: crm_day_from_civil(crm_civil_from_day(d)) = d for every CrmDay,
 * and crm_period_from_index(crm_period_index(d)) = crm_period_start(d).
 */
#include "engine/calendar.h"

#define DAYS_PER_ERA 146097
/* from 0000-03-01 to the epoch, 2000-01-01 */
#define EPOCH_FROM_MARCH 730425
/* the Monday on or before the epoch, a Saturday */
#define EPOCH_MONDAY (-5)

static inline int64_t
floor_div(int64_t a, int64_t b)
{
	int64_t quotient = a / b;

	return a % b < 0 ? quotient - 1 : quotient;
}

/* number of the interval [from[i], from[i + 1]) that holds instant */
int
crm_zone_find(const CrmZone *zone, int64_t instant)
{
	int low = 0;
	int high = zone->count;

	while (high - low > 1)
	{
		int middle = low + (high - low) / 2;

		if (instant < zone->from[middle])
			high = middle;
		else
			low = middle;
	}
	return low;
}

int64_t
crm_zone_local(const CrmZone *zone, int64_t instant)
{
	int interval = crm_zone_find(zone, instant);

	return instant + zone->offset[interval] * CRM_USECS_PER_SEC;
}

/* one slice, [from, until), all of which the table covers */
static CrmZoneSlice
make_slice(const CrmZone *zone, int64_t from, int64_t until)
{
	int			 first = crm_zone_find(zone, from);
	int			 last = crm_zone_find(zone, until - 1);
	CrmZoneSlice slice = {.change = INT64_MAX,
						  .before = zone->offset[first] * CRM_USECS_PER_SEC,
						  .delta = 0};

	if (last > first + 1)
		slice.before = CRM_SLICE_MIXED;
	else if (last > first)
	{
		slice.change = zone->from[last];
		slice.delta =
			(zone->offset[last] - zone->offset[first]) * CRM_USECS_PER_SEC;
	}
	return slice;
}

void
crm_zone_index(CrmZone *zone, int64_t from, int64_t until)
{
	const int64_t width = INT64_C(1) << CRM_SLICE_BITS;

	if (from < zone->from[0])
		from = zone->from[0];
	if (until > zone->until)
		until = zone->until;
	zone->index_from = from;
	zone->slices = until <= from ? 0 : (int) ((until - from) / width);
	zone->slice = crm_alloc(zone->slices * sizeof(CrmZoneSlice));
	for (int i = 0; i < zone->slices; i++)
		zone->slice[i] =
			make_slice(zone, from + i * width, from + (i + 1) * width);
}

void
crm_civil_from_day(CrmDay day, int *year, int *month, int *mday)
{
	int64_t since = (int64_t) day + EPOCH_FROM_MARCH;
	int64_t era = floor_div(since, DAYS_PER_ERA);
	int		day_of_era = (int) (since - era * DAYS_PER_ERA);
	int		year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36524 -
					   day_of_era / 146096) /
					  365;
	int day_of_year =
		day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
	int march_month = (5 * day_of_year + 2) / 153;

	*mday = day_of_year - (153 * march_month + 2) / 5 + 1;
	*month = march_month < 10 ? march_month + 3 : march_month - 9;
	*year = (int) (era * 400 + year_of_era) + (*month <= 2 ? 1 : 0);
}

/* as crm_day_from_civil, but the result may lie outside CrmDay */
static int64_t
wide_day_from_civil(int64_t year, int month, int mday)
{
	int64_t march_year = month <= 2 ? year - 1 : year;
	int64_t era = floor_div(march_year, 400);
	int		year_of_era = (int) (march_year - era * 400);
	int		march_month = month <= 2 ? month + 9 : month - 3;
	int		day_of_year = (153 * march_month + 2) / 5 + mday - 1;
	int		day_of_era =
		year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;

	return era * DAYS_PER_ERA + day_of_era - EPOCH_FROM_MARCH;
}

static CrmDay
checked_day(int64_t day)
{
	if (day <= CRM_NO_DAY || day > INT32_MAX)
		crm_fail(CRM_ERROR_DATETIME, "date out of range",
				 "The period lies outside the calendar.", NULL);
	return (CrmDay) day;
}

CrmDay
crm_day_from_civil(int year, int month, int mday)
{
	return checked_day(wide_day_from_civil(year, month, mday));
}

static int
months_per(CrmUnit unit)
{
	static const int months[] = {
		[CRM_UNIT_MONTH] = 1, [CRM_UNIT_QUARTER] = 3, [CRM_UNIT_YEAR] = 12};

	return months[unit];
}

uint32_t crm_month_table_days;
uint16_t crm_month_of_day[CRM_MONTH_TABLE_DAYS];

static void
fill_month_table(void)
{
	for (int day = 0, month = 0; day < CRM_MONTH_TABLE_DAYS; month++)
	{
		CrmDay until = crm_period_from_index(CRM_MONTH_TABLE_BASE + month + 1,
											 CRM_UNIT_MONTH) -
					   CRM_MONTH_TABLE_FROM;

		while (day < until && day < CRM_MONTH_TABLE_DAYS)
			crm_month_of_day[day++] = (uint16_t) month;
	}
	crm_month_table_days = CRM_MONTH_TABLE_DAYS;
}

/* number of the month from 2000-01 on; false outside the table */
static inline bool
month_from_table(CrmDay day, int64_t *months)
{
	uint32_t place = (uint32_t) day - (uint32_t) CRM_MONTH_TABLE_FROM;

	if (crm_month_table_days == 0)
		fill_month_table();
	if (place >= CRM_MONTH_TABLE_DAYS)
		return false;
	*months = CRM_MONTH_TABLE_BASE + crm_month_of_day[place];
	return true;
}

static int64_t
month_from_civil(CrmDay day)
{
	int year;
	int month;
	int mday;

	crm_civil_from_day(day, &year, &month, &mday);
	return ((int64_t) year - 2000) * 12 + month - 1;
}

int32_t
crm_period_index(CrmDay day, CrmUnit unit)
{
	int64_t months;

	if (unit == CRM_UNIT_DAY)
		return day;
	if (unit == CRM_UNIT_WEEK)
		return (int32_t) floor_div((int64_t) day - EPOCH_MONDAY, 7);
	if (!month_from_table(day, &months))
		months = month_from_civil(day);
	if (unit == CRM_UNIT_MONTH)
		return (int32_t) months;
	return (int32_t) floor_div(months, months_per(unit));
}

CrmDay
crm_period_from_index(int32_t index, CrmUnit unit)
{
	int64_t months;
	int64_t years;

	if (unit == CRM_UNIT_DAY)
		return checked_day(index);
	if (unit == CRM_UNIT_WEEK)
		return checked_day((int64_t) index * 7 + EPOCH_MONDAY);
	months = (int64_t) index * months_per(unit);
	years = floor_div(months, 12);
	return checked_day(
		wide_day_from_civil(2000 + years, (int) (months - years * 12) + 1, 1));
}

CrmDay
crm_period_start(CrmDay day, CrmUnit unit)
{
	if (unit == CRM_UNIT_DAY)
		return day;
	return crm_period_from_index(crm_period_index(day, unit), unit);
}

static bool
same_name(const char *a, const char *lower)
{
	for (; *a != '\0' && *lower != '\0'; a++, lower++)
	{
		char c = *a >= 'A' && *a <= 'Z' ? (char) (*a - 'A' + 'a') : *a;

		if (c != *lower)
			return false;
	}
	return *a == *lower;
}

bool
crm_unit_from_name(const char *name, CrmUnit *unit)
{
	static const char *const names[] = {"day", "week", "month", "quarter",
										"year"};

	for (int i = 0; i < (int) (sizeof(names) / sizeof(names[0])); i++)
	{
		if (same_name(name, names[i]))
		{
			*unit = (CrmUnit) i;
			return true;
		}
	}
	return false;
}
