-- Local days and local times against PostgreSQL's own AT TIME ZONE: a million
-- random instants, both sides of every change of a zone's offset, every zone.
\set ECHO none
\pset format unaligned
\pset tuples_only true
SET TimeZone = 'UTC';

SELECT plan(59);
SELECT setseed(0.1582);

-- Where people's orders lie, where the zones' history lies, and everywhere.
CREATE TEMP TABLE instant AS
SELECT timestamptz '1990-01-01' + random() * interval '50 years' AS at FROM generate_series(1, 500000)
UNION ALL
SELECT timestamptz '1780-01-01' + random() * interval '600 years' FROM generate_series(1, 300000)
UNION ALL
SELECT (date '4713-01-02 BC' + (random() * (date '294276-12-29' - date '4713-01-02 BC'))::int)::timestamptz + random() * interval '1 day' FROM generate_series(1, 100000)
UNION ALL
-- around days' borders, most of all those of 2000 and 1970
SELECT timestamptz '2000-01-01' + (random() * 20000 - 10000)::int * interval '1 day' + (floor(random() * 27) - 13) * interval '1 hour' + (floor(random() * 3) - 1) * interval '1 microsecond' FROM generate_series(1, 99980)
UNION ALL
SELECT timestamptz '2000-01-01' + i * interval '1 microsecond' FROM generate_series(-4, 4) i
UNION ALL
SELECT timestamptz 'epoch' + i * interval '1 second' FROM generate_series(-5, 5) i;

-- The instants at which the session zone's offset changes, one in a stretch
-- of 12 hours, found by bisection.
CREATE FUNCTION pg_temp.transitions(first_year int, last_year int) RETURNS SETOF timestamptz
LANGUAGE plpgsql AS $$
DECLARE
  low timestamptz;
  high timestamptz;
  middle timestamptz;
BEGIN
  FOR low IN
    SELECT t FROM (
      SELECT t, t AT TIME ZONE 'UTC' - t::timestamp AS here,
        lead(t AT TIME ZONE 'UTC' - t::timestamp) OVER (ORDER BY t) AS next
      FROM generate_series(make_timestamptz(first_year, 1, 1, 0, 0, 0, 'UTC'), make_timestamptz(last_year, 1, 1, 0, 0, 0, 'UTC'), interval '12 hours') t) step
    WHERE here <> next
  LOOP
    high := low + interval '12 hours';
    WHILE high - low > interval '1 second' LOOP
      middle := date_trunc('second', low + (high - low) / 2);
      IF middle AT TIME ZONE 'UTC' - middle::timestamp = low AT TIME ZONE 'UTC' - low::timestamp THEN
        low := middle;
      ELSE
        high := middle;
      END IF;
    END LOOP;
    RETURN NEXT high;
  END LOOP;
END $$;

-- The transitions, and instants close to them and to the midnights around.
CREATE FUNCTION pg_temp.near_transitions() RETURNS TABLE (at timestamptz)
LANGUAGE sql AS $$
  WITH transition AS MATERIALIZED (
    SELECT t FROM pg_temp.transitions(1830, 2050) t
    UNION ALL
    SELECT t FROM pg_temp.transitions(2290, 2310) t)
  SELECT t + i * unit FROM transition, generate_series(-2, 2) i,
    unnest('{1 microsecond,1 second,30 minutes,1 hour,1 day}'::interval[]) unit
  UNION ALL
  SELECT (date_trunc('day', t::timestamp) + i * interval '1 day')::timestamptz + j * interval '1 microsecond'
  FROM transition, generate_series(-1, 2) i, generate_series(-1, 1) j
$$;

CREATE FUNCTION pg_temp.differs(at timestamptz, zone text) RETURNS bool
LANGUAGE sql STABLE AS $$
  SELECT crmlife.local_time(at) IS DISTINCT FROM at AT TIME ZONE zone
    OR crmlife.local_day(at) IS DISTINCT FROM crmlife.local_time(at)::date
$$;

SELECT is(count(*), 1000000::bigint, 'a million instants') FROM instant;

-- pg_temp.compare(zone, transitions at least)
CREATE FUNCTION pg_temp.compare(zone text, at_least bigint) RETURNS SETOF text
LANGUAGE plpgsql AS $$
BEGIN
  PERFORM set_config('TimeZone', zone, false);
  RETURN NEXT is((SELECT count(*) FROM instant WHERE pg_temp.differs(at, zone)), 0::bigint, zone || ': a million instants');
  RETURN NEXT is((SELECT count(*) FROM pg_temp.near_transitions() WHERE pg_temp.differs(at, zone)), 0::bigint, zone || ': around each transition');
  RETURN NEXT cmp_ok((SELECT count(*) FROM pg_temp.transitions(1830, 2050)), '>=', at_least, zone || ': transitions are found');
END $$;

SELECT pg_temp.compare('UTC', 0);
SELECT pg_temp.compare('America/New_York', 250);
SELECT pg_temp.compare('Asia/Shanghai', 20);
SELECT pg_temp.compare('Asia/Beirut', 150);
SELECT pg_temp.compare('Australia/Lord_Howe', 120);
SELECT pg_temp.compare('Pacific/Apia', 20);
-- two changes within a week, in 2000 and in each year from 2040 on
SELECT pg_temp.compare('America/Recife', 35);
SELECT pg_temp.compare('Asia/Gaza', 150);

-- what these zones are in the list for
SET TimeZone = 'Asia/Beirut';
SELECT is(crmlife.local_time(timestamptz '2022-03-26 21:59:59.999999+00'), timestamp '2022-03-26 23:59:59.999999', 'Beirut: the last moment of 26 March 2022');
SELECT is(crmlife.local_time(timestamptz '2022-03-26 22:00:00+00'), timestamp '2022-03-27 01:00:00', 'Beirut: the day after begins at one o''clock');
SET TimeZone = 'Australia/Lord_Howe';
SELECT is(crmlife.local_time(timestamptz '2023-04-01 14:59:59+00'), timestamp '2023-04-02 01:59:59', 'Lord Howe: summer time');
SELECT is(crmlife.local_time(timestamptz '2023-04-01 15:00:00+00'), timestamp '2023-04-02 01:30:00', 'Lord Howe: half an hour back');
SET TimeZone = 'Pacific/Apia';
SELECT is(crmlife.local_day(timestamptz '2011-12-30 09:59:59+00'), date '2011-12-29', 'Apia: 29 December 2011');
SELECT is(crmlife.local_day(timestamptz '2011-12-30 10:00:00+00'), date '2011-12-31', 'Apia: there was no 30 December');

-- Every zone, one after the other and again: the tables of several zones are
-- kept side by side.  (The cast is the oracle here: to AT TIME ZONE, the names
-- CET, EET, MET and WET are abbreviations, of a fixed offset.)
CREATE FUNCTION pg_temp.compare_all(name_from text) RETURNS bigint
LANGUAGE plpgsql AS $$
DECLARE
  zone text;
  wrong bigint := 0;
BEGIN
  FOR zone IN SELECT name FROM pg_timezone_names WHERE name >= name_from ORDER BY name LOOP
    PERFORM set_config('TimeZone', zone, false);
    wrong := wrong + (SELECT count(*) FROM few WHERE crmlife.local_time(at) <> at::timestamp OR crmlife.local_day(at) <> at::date
      OR crmlife._local_time(zone, at) <> at::timestamp);
  END LOOP;
  RETURN wrong;
END $$;
CREATE TEMP TABLE few AS SELECT at FROM instant WHERE random() < 0.0005;
SELECT cmp_ok(count(*), '>', 300::bigint, 'many zones') FROM pg_timezone_names;
SELECT is(pg_temp.compare_all(''), 0::bigint, 'every zone');
SELECT is(pg_temp.compare_all('Pacific'), 0::bigint, 'some of them again');

-- zones without a name
SET TimeZone = '<+0545>-5:45';
SELECT is(count(*), 0::bigint, 'a POSIX zone') FROM few WHERE pg_temp.differs(at, current_setting('TimeZone'));
SET TimeZone = 'EST5EDT,M3.2.0,M11.1.0';
SELECT is(count(*), 0::bigint, 'a POSIX zone with summer time') FROM few WHERE pg_temp.differs(at, current_setting('TimeZone'));
SET TIME ZONE INTERVAL '-03:30' HOUR TO MINUTE;
SELECT is(count(*), 0::bigint, 'an offset') FROM few WHERE crmlife.local_time(at) IS DISTINCT FROM at::timestamp;

-- the zone changes within one query, once by a function's own setting
SET TimeZone = 'Asia/Shanghai';
CREATE FUNCTION pg_temp.in_new_york(at timestamptz) RETURNS timestamp
LANGUAGE sql STABLE SET TimeZone = 'America/New_York' AS 'SELECT crmlife.local_time(at)';
SELECT is(count(*), 0::bigint, 'two zones in turns')
FROM few
WHERE pg_temp.in_new_york(at) IS DISTINCT FROM at AT TIME ZONE 'America/New_York'
  OR crmlife.local_time(at) IS DISTINCT FROM at AT TIME ZONE 'Asia/Shanghai';

-- aggregates keep the day of the row before: every 45 minutes of two
-- years, each of another customer, counted by local day; in the order of time,
-- backwards, in any order
CREATE FUNCTION pg_temp.days_differing(zone text, sorting text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE result text;
BEGIN
  PERFORM set_config('TimeZone', zone, true);
  EXECUTE format($q$
    WITH step AS MATERIALIZED (SELECT row_number() OVER () AS c, at FROM (SELECT at FROM generate_series(timestamptz '2021-06-01 00:07+00', timestamptz '2023-06-01 00:00+00', '45 minutes') at ORDER BY %s) s)
    SELECT count(*) || ' days, ' || count(*) FILTER (WHERE (a.customers, l.customers) IS DISTINCT FROM (o.customers, o.customers)) || ' differ'
    FROM (SELECT at::date AS period, count(*) AS customers FROM step GROUP BY 1) o
    FULL JOIN (SELECT (unnest(repurchase_periods(c, at, 'day', '2024-01-01'::date))).* FROM step) a USING (period)
    FULL JOIN (SELECT (unnest(repurchase_periods(c, at::timestamp, 'day', '2024-01-01'::date))).* FROM step) l USING (period)$q$, sorting) INTO result;
  RETURN result;
END $$;
SELECT is(pg_temp.days_differing(zone, sorting), (730 + (zone <> 'UTC')::int) || ' days, 0 differ', zone || ' by days, ' || sorting)
FROM unnest(ARRAY['UTC', 'America/New_York', 'Asia/Gaza']) zone, unnest(ARRAY['at', 'at DESC', 'md5(at::text)']) sorting;

-- the ends of what PostgreSQL can tell
SET TimeZone = 'UTC';
SELECT is(crmlife.local_day('4714-11-24 00:00:00+00 BC'), date '4714-11-24 BC', 'the first day');
SELECT is(crmlife.local_time('294276-12-31 23:59:59.999999+00'), timestamp '294276-12-31 23:59:59.999999', 'the last moment');
SET TimeZone = 'America/New_York';
SELECT throws_ok($$SELECT crmlife.local_time('4714-11-24 00:00:00+00 BC')$$, '22008', 'timestamp out of range', 'before the first day there');
SET TimeZone = 'Asia/Shanghai';
SELECT throws_ok($$SELECT crmlife.local_day('294276-12-31 23:59:59+00')$$, '22008', 'timestamp out of range', 'after the last day there');
SELECT throws_ok($$SELECT crmlife.local_day('infinity')$$, '22008', 'timestamp must be finite', 'infinity');
SELECT throws_ok($$SELECT crmlife.local_time('-infinity')$$, '22008', 'timestamp must be finite', '-infinity');
SELECT is(crmlife.local_day(NULL), NULL, 'NULL');

-- in a zone by its name, as stage tables have it
-- where there is such a zone
SELECT is(max(crmlife._local_time(name, '2026-07-01 22:30+00')), CASE WHEN count(*) > 0 THEN timestamp '2026-07-02 00:30' END, 'CET has a summer, whatever the abbreviation says') FROM pg_timezone_names WHERE name = 'CET';
SELECT is(crmlife._local_time('UTC', 'infinity'), timestamp 'infinity', 'infinite is infinite everywhere');
SELECT is(crmlife._local_time('Asia/Nowhere', now()), NULL, 'nowhere');
SELECT throws_ok($$SELECT crmlife._local_time('Asia/Shanghai', '294276-12-31 23:59:59+00')$$, '22008', 'timestamp out of range', 'after the last moment there');
SELECT is(crmlife._local_time(NULL, now()), NULL, 'nor in no zone');

SELECT finish();
