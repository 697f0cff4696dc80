/*
 * test_calendar.c
 *		Calendar against a walk through every day of some centuries that knows
 *		nothing but the rule of leap years.
 */
#include "engine/calendar.h"

#include "tap.h"

typedef struct Walk
{
	int year;
	int month;
	int mday;
	int weekday; /* 0 is Monday */
} Walk;

static bool
is_leap(int year)
{
	return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}

static int
month_length(int year, int month)
{
	static const int length[] = {31, 28, 31, 30, 31, 30,
								 31, 31, 30, 31, 30, 31};

	return length[month - 1] + (month == 2 && is_leap(year) ? 1 : 0);
}

static void
step_forward(Walk *walk)
{
	walk->weekday = (walk->weekday + 1) % 7;
	if (++walk->mday <= month_length(walk->year, walk->month))
		return;
	walk->mday = 1;
	if (++walk->month <= 12)
		return;
	walk->month = 1;
	walk->year++;
}

static void
step_back(Walk *walk)
{
	walk->weekday = (walk->weekday + 6) % 7;
	if (--walk->mday >= 1)
		return;
	if (--walk->month < 1)
	{
		walk->month = 12;
		walk->year--;
	}
	walk->mday = month_length(walk->year, walk->month);
}

static void
check_civil(CrmDay day, const Walk *walk)
{
	int year;
	int month;
	int mday;

	crm_civil_from_day(day, &year, &month, &mday);
	CHECK(year == walk->year && month == walk->month && mday == walk->mday,
		  "day %d is %d-%d-%d, not %d-%d-%d", day, walk->year, walk->month,
		  walk->mday, year, month, mday);
	CHECK(crm_day_from_civil(walk->year, walk->month, walk->mday) == day,
		  "%d-%d-%d is day %d", walk->year, walk->month, walk->mday, day);
}

static bool
starts_period(const Walk *walk, CrmUnit unit)
{
	switch (unit)
	{
		case CRM_UNIT_DAY:
			return true;
		case CRM_UNIT_WEEK:
			return walk->weekday == 0;
		case CRM_UNIT_MONTH:
			return walk->mday == 1;
		case CRM_UNIT_QUARTER:
			return walk->mday == 1 && walk->month % 3 == 1;
		case CRM_UNIT_YEAR:
			return walk->mday == 1 && walk->month == 1;
	}
	return false;
}

#define WALKED (146097 + 1000) /* days each way: more than 400 years */
static const Walk epoch = {2000, 1, 1, 5};

static void
test_civil(void)
{
	PROPERTY("civil dates, forward from the epoch")
	{
		Walk walk = epoch;

		for (CrmDay day = 0; day < WALKED; day++, step_forward(&walk))
			check_civil(day, &walk);
	}
	PROPERTY("civil dates, back from the epoch to before year 1600")
	{
		Walk walk = epoch;

		for (CrmDay day = 0; day > -WALKED; day--, step_back(&walk))
			check_civil(day, &walk);
	}
}

/* a day's successor, anywhere in the range of CrmDay */
static void
test_far_days(void)
{
	PROPERTY("civil dates everywhere")
	{
		for (int i = 0; i < 200000; i++)
		{
			CrmDay day = (CrmDay) random_magnitude(31);
			Walk   walk = epoch;

			if (day == CRM_NO_DAY || day == INT32_MAX)
				continue;
			crm_civil_from_day(day, &walk.year, &walk.month, &walk.mday);
			check_civil(day, &walk);
			step_forward(&walk);
			check_civil(day + 1, &walk);
		}
	}
	PROPERTY("the ends of the range")
	{
		int year;
		int month;
		int mday;

		crm_civil_from_day(INT32_MAX, &year, &month, &mday);
		CHECK(crm_day_from_civil(year, month, mday) == INT32_MAX, "last day");
		crm_civil_from_day(INT32_MIN + 1, &year, &month, &mday);
		CHECK(crm_day_from_civil(year, month, mday) == INT32_MIN + 1,
			  "first day");
		CHECK(FAILS_WITH(CRM_ERROR_DATETIME,
						 crm_day_from_civil(year, month, mday - 1)),
			  "the day before the first");
		CHECK(FAILS_WITH(CRM_ERROR_DATETIME, crm_day_from_civil(9999999, 1, 1)),
			  "year 9999999");
		/* PostgreSQL's first date, 4714-11-24 BC */
		CHECK(crm_day_from_civil(-4713, 11, 24) == -2451545, "Julian day 0");
	}
}

static void
test_periods(CrmUnit unit, const char *name)
{
	char title[64];

	snprintf(title, sizeof(title), "periods: %s", name);
	PROPERTY(title)
	{
		Walk   walk = epoch;
		CrmDay day = 0;
		CrmDay start;
		int	   index;

		/* to the first start after the epoch, that of period 1 */
		while (step_forward(&walk), day++, !starts_period(&walk, unit))
			;
		index = 1;
		start = day;
		for (; day < WALKED; day++, step_forward(&walk))
		{
			if (day != start && starts_period(&walk, unit))
			{
				start = day;
				index++;
			}
			CHECK(crm_period_start(day, unit) == start, "start of day %d", day);
			CHECK(crm_period_index(day, unit) == index, "index of day %d", day);
			CHECK(crm_period_from_index(index, unit) == start, "period %d",
				  index);
		}
		CHECK(crm_period_index(0, unit) == 0, "the epoch's is period 0");
	}
	snprintf(title, sizeof(title), "periods everywhere: %s", name);
	PROPERTY(title)
	{
		for (int i = 0; i < 100000; i++)
		{
			/* as wide as PostgreSQL's dates */
			CrmDay	day = (CrmDay) random_between(-2451545, 2145031948);
			int32_t index = crm_period_index(day, unit);
			CrmDay	start = crm_period_from_index(index, unit);
			CrmDay	next = crm_period_from_index(index + 1, unit);

			CHECK(start <= day && day < next, "day %d lies in its period", day);
			CHECK(crm_period_index(start, unit) == index &&
					  crm_period_index(next - 1, unit) == index,
				  "all days of period %d", index);
			CHECK(crm_period_start(day, unit) == start, "start of day %d", day);
		}
	}
}

static void
test_units(void)
{
	CrmUnit unit;

	ok(crm_unit_from_name("day", &unit) && unit == CRM_UNIT_DAY, "day");
	ok(crm_unit_from_name("week", &unit) && unit == CRM_UNIT_WEEK, "week");
	ok(crm_unit_from_name("month", &unit) && unit == CRM_UNIT_MONTH, "month");
	ok(crm_unit_from_name("quarter", &unit) && unit == CRM_UNIT_QUARTER,
	   "quarter");
	ok(crm_unit_from_name("YEAR", &unit) && unit == CRM_UNIT_YEAR, "YEAR");
	ok(!crm_unit_from_name("", &unit), "no name");
	ok(!crm_unit_from_name("da", &unit), "too short");
	ok(!crm_unit_from_name("days", &unit), "too long");
	ok(!crm_unit_from_name("fortnight", &unit), "unknown");
	ok(FAILS_WITH(CRM_ERROR_DATETIME,
				  crm_period_from_index(INT32_MAX, CRM_UNIT_YEAR)),
	   "a period outside the calendar");
	ok(strcmp(host_message, "date out of range") == 0, "says so");
}

static void
test_local_days(void)
{
	PROPERTY("the day of a local time")
	{
		for (int i = 0; i < 200000; i++)
		{
			int64_t day = random_between(-2451545, 106751990);
			int64_t time = random_between(0, CRM_USECS_PER_DAY - 1);

			if (random_chance(0.2))
				time = random_chance(0.5) ? 0 : CRM_USECS_PER_DAY - 1;
			CHECK(crm_day_of_local(day * CRM_USECS_PER_DAY + time) == day,
				  "day %lld", (long long) day);
		}
	}
}

/* a table of up to `most` intervals, some of them very short */
static CrmZone
random_zone(int most)
{
	CrmZone zone = {.count = (int) random_between(1, most)};
	int64_t at = random_magnitude(58);

	zone.from = crm_alloc(zone.count * sizeof(int64_t));
	zone.offset = crm_alloc(zone.count * sizeof(int32_t));
	for (int i = 0; i < zone.count; i++)
	{
		zone.from[i] = at;
		zone.offset[i] = (int32_t) random_between(-57600, 57600);
		at += random_between(1, INT64_C(1) << random_between(1, 47));
	}
	zone.until = at;
	return zone;
}

static void
free_zone(CrmZone *zone)
{
	crm_free(zone->from);
	crm_free(zone->offset);
	crm_free(zone->slice);
}

/* close to a border, or anywhere */
static int64_t
random_instant(const CrmZone *zone)
{
	if (random_chance(0.5))
		return zone->from[random_between(0, zone->count - 1)] +
			   random_between(-1, 1);
	return random_between(zone->from[0] - 5, zone->until + 5);
}

static void
test_zones(void)
{
	PROPERTY("zone tables against a linear search")
	{
		for (int round = 0; round < 2000; round++)
		{
			CrmZone zone = random_zone(round % 100 + 1);

			for (int i = 0; i < 50; i++)
			{
				int64_t instant = random_instant(&zone);
				int		expected = zone.count - 1;

				while (expected > 0 && zone.from[expected] > instant)
					expected--;
				CHECK(crm_zone_covers(&zone, instant) ==
						  (instant >= zone.from[0] && instant < zone.until),
					  "covers");
				if (!crm_zone_covers(&zone, instant))
					continue;
				CHECK(crm_zone_local(&zone, instant) ==
						  instant + zone.offset[expected] * INT64_C(1000000),
					  "local time");
			}
			free_zone(&zone);
		}
	}
	ok(!crm_zone_covers(&(CrmZone){.count = 0, .until = INT64_MAX}, 0),
	   "an empty table covers nothing");
}

static void
test_zone_index(void)
{
	int answered = 0;
	int mixed = 0;

	PROPERTY("the index agrees with its table")
	{
		for (int round = 0; round < 2000; round++)
		{
			CrmZone zone = random_zone(round % 100 + 1);
			int64_t from = random_instant(&zone);
			int64_t until = random_instant(&zone);

			crm_zone_index(&zone, from, until);
			for (int i = 0; i < 100; i++)
			{
				int64_t instant = random_instant(&zone);
				int64_t local;

				if (!crm_zone_local_indexed(&zone, instant, &local))
				{
					mixed += instant >= from && instant < until;
					continue;
				}
				answered++;
				CHECK(instant >= from && instant < until, "in its range");
				CHECK(local == crm_zone_local(&zone, instant), "local time");
			}
			free_zone(&zone);
		}
		CHECK(answered > 10000 && mixed > 2000, "%d answered, %d mixed",
			  answered, mixed);
	}
	PROPERTY("an index refuses what lies far away")
	{
		CrmZone zone = random_zone(10);
		int64_t local;

		CHECK(!crm_zone_local_indexed(&zone, 0, &local), "before it is made");
		crm_zone_index(&zone, INT64_MIN, INT64_MAX);
		CHECK(!crm_zone_local_indexed(&zone, INT64_MIN, &local), "far past");
		CHECK(!crm_zone_local_indexed(&zone, INT64_MAX, &local), "far future");
		CHECK(!crm_zone_local_indexed(&zone, zone.from[0] - 1, &local),
			  "just before");
		CHECK(!crm_zone_local_indexed(&zone, zone.until, &local), "just after");
		free_zone(&zone);
	}
}

int
main(void)
{
	test_civil();
	test_far_days();
	test_periods(CRM_UNIT_DAY, "day");
	test_periods(CRM_UNIT_WEEK, "week");
	test_periods(CRM_UNIT_MONTH, "month");
	test_periods(CRM_UNIT_QUARTER, "quarter");
	test_periods(CRM_UNIT_YEAR, "year");
	test_units();
	test_local_days();
	test_zones();
	test_zone_index();
	return done();
}
