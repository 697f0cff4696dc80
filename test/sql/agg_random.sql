-- The aggregates over customers against plain SQL, on random rows: several
-- orders a day, refunds, NULLs, days of 23 and 25 hours, midnights that do not
-- exist, rows in any order; every kind of key and time, in several zones.
\set ECHO none
\pset format unaligned
\pset tuples_only true
SET client_min_messages = warning;
DROP SCHEMA IF EXISTS agg_random CASCADE;
CREATE SCHEMA agg_random;
SET search_path = agg_random, public;
SELECT plan(14);

-- 40 groups of 25 customers around a change of the clocks (30 March 2025 in
-- Beirut, at midnight; 6 April in Lord Howe) and the day that Apia left out
SELECT setseed(0.25) \gset
CREATE TABLE orders AS
SELECT g, CASE WHEN random() < 0.03 THEN NULL ELSE g * 1000 + (random() * 25)::int END AS c,
       CASE WHEN random() < 0.03 THEN NULL
            WHEN random() < 0.2 THEN timestamptz '2025-03-29 22:00 UTC' + (random() * 5)::int * interval '30 minutes'
            WHEN random() < 0.2 THEN timestamptz '2011-12-28 10:00 UTC' + (random() * 96)::int * interval '30 minutes'
            ELSE timestamptz '2025-02-01 UTC' + random() * random() * interval '150 days' END AS at,
       CASE WHEN random() < 0.05 THEN NULL WHEN random() < 0.1 THEN -(random() * 50)::numeric(9, 2)
            WHEN random() < 0.05 THEN 0 ELSE (random() * 50)::numeric(9, 2) END AS amount
FROM generate_series(1, 40) g, generate_series(1, 150);
-- groups in which nothing counts
INSERT INTO orders VALUES (41, NULL, now(), 1), (42, 1, NULL, NULL);
ANALYZE orders;

CREATE TABLE zone (zone text);
INSERT INTO zone VALUES ('UTC'), ('America/New_York'), ('Asia/Beirut'), ('Australia/Lord_Howe'), ('Pacific/Apia'), ('Asia/Shanghai');
CREATE TABLE day AS
SELECT zone, g, c, (at AT TIME ZONE zone)::date AS d FROM orders, zone WHERE c IS NOT NULL AND at IS NOT NULL;

CREATE FUNCTION oracle(in_zone text, n int, as_of date)
RETURNS TABLE (g int, mature bigint, on_day bigint, within bigint) LANGUAGE sql AS $$
  WITH seen AS (SELECT DISTINCT g, c, d FROM day WHERE zone = in_zone AND d <= as_of),
       first AS (SELECT g, c, min(d) AS first FROM seen GROUP BY g, c),
       came AS (SELECT f.g, f.c,
                       bool_or(s.d = f.first + n) AS on_day,
                       bool_or(s.d BETWEEN f.first + 1 AND f.first + n) AS within
                FROM first f JOIN seen s USING (g, c) WHERE f.first + n < as_of GROUP BY f.g, f.c)
  SELECT all_groups.g, count(came.c), count(*) FILTER (WHERE came.on_day), count(*) FILTER (WHERE came.within)
  FROM (SELECT DISTINCT orders.g FROM orders) all_groups LEFT JOIN came USING (g) GROUP BY all_groups.g $$;

-- groups in which the aggregate, over those expressions, is not the oracle
CREATE FUNCTION differing(in_zone text, customer text, at text, n int, as_of date) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE result bigint;
BEGIN
  PERFORM set_config('TimeZone', in_zone, true);
  EXECUTE format($f$
    SELECT count(*)
    FROM oracle(%L, %s, %L) o
    FULL JOIN (SELECT g, retention_nth_day_stats(%5$s, %6$s, %2$s, %4$s) AS nth, retention_within_days_stats(%5$s, %6$s, %2$s, %4$s) AS within,
                      retention_nth_day(%5$s, %6$s, %2$s, %4$s) AS nth_rate, retention_within_days(%5$s, %6$s, %2$s, %4$s) AS within_rate
               FROM orders GROUP BY g) a USING (g)
    WHERE (o.mature, o.on_day, o.within) IS DISTINCT FROM ((a.nth).denominator, (a.nth).numerator, (a.within).numerator)
       OR (a.within).denominator IS DISTINCT FROM o.mature
       OR (nth_rate, (a.nth).rate) IS DISTINCT FROM (o.on_day / nullif(o.mature, 0)::float8, o.on_day / nullif(o.mature, 0)::float8)
       OR (within_rate, (a.within).rate) IS DISTINCT FROM (o.within / nullif(o.mature, 0)::float8, o.within / nullif(o.mature, 0)::float8)$f$,
    in_zone, n, as_of, quote_literal(as_of) || '::date', customer, at) INTO result;
  RETURN result;
END $$;

CREATE TABLE days_n (n int);
INSERT INTO days_n VALUES (0), (1), (2), (7), (30), (31), (32), (45), (63), (64), (100), (4800);

-- zones and times
SELECT is(sum(differing(zone, 'c', at, n, as_of)), 0::numeric, 'retention of ' || kind || ' is the oracle''s in all zones')
FROM (VALUES ('timestamptz', 'at'), ('timestamp', 'at AT TIME ZONE current_setting(''TimeZone'')'),
             ('date', '(at AT TIME ZONE current_setting(''TimeZone''))::date')) k (kind, at),
     zone, days_n, (VALUES (date '2025-04-10'), ('2025-12-31')) a (as_of)
WHERE CASE WHEN kind = 'timestamptz' THEN n <> 31 OR as_of < '2025-05-01' ELSE n IN (1, 32, 64) AND zone LIKE '%a%' END
GROUP BY kind ORDER BY kind;

-- keys
SELECT is(sum(differing('Asia/Shanghai', customer, 'at', n, '2025-04-15')), 0::numeric, 'retention of ' || kind || ' customers')
FROM (VALUES ('int', 'c'), ('bigint', '(c::bigint << 32) - c'), ('varchar', '(''C'' || c)::varchar(20)'),
             ('char(n)', 'c::char(12)'), ('long text', 'repeat(c::text, 1 + c % 800)'), ('uuid', 'md5(c::text)::uuid')) k (kind, customer),
     days_n WHERE n IN (1, 30, 40)
GROUP BY kind ORDER BY kind;

-- repurchase
CREATE FUNCTION repurchase_differing(customer text) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE result bigint;
BEGIN
  SET LOCAL TimeZone = 'Asia/Beirut';
  EXECUTE format($f$
    WITH per AS (SELECT g, c, count(*) AS rows, count(*) FILTER (WHERE coalesce(amount, 0) >= 0) AS orders,
                        count(DISTINCT (at AT TIME ZONE 'Asia/Beirut')::date) AS days
                 FROM orders WHERE c IS NOT NULL GROUP BY g, c),
         o AS (SELECT g, count(*) AS n1, count(*) FILTER (WHERE rows >= 2) AS k1,
                      count(*) FILTER (WHERE orders > 0) AS n2, count(*) FILTER (WHERE orders >= 2) AS k2,
                      count(*) FILTER (WHERE days > 0) AS n3, count(*) FILTER (WHERE days >= 2) AS k3
               FROM per GROUP BY g),
         a AS (SELECT g, repurchase_stats(%1$s) AS s1, repurchase_stats(%1$s, amount) AS s2, repurchase_stats(%1$s, at) AS s3,
                      repurchase_rate(%1$s) AS r1, repurchase_rate(%1$s, amount) AS r2, repurchase_rate(%1$s, at) AS r3
               FROM orders GROUP BY g)
    SELECT count(*) FROM a LEFT JOIN o USING (g)
    WHERE (coalesce(n1, 0), coalesce(k1, 0), r1) IS DISTINCT FROM ((s1).denominator, (s1).numerator, k1 / nullif(n1, 0)::float8)
       OR (coalesce(n2, 0), coalesce(k2, 0), r2) IS DISTINCT FROM ((s2).denominator, (s2).numerator, k2 / nullif(n2, 0)::float8)
       OR (coalesce(n3, 0), coalesce(k3, 0), r3) IS DISTINCT FROM ((s3).denominator, (s3).numerator, k3 / nullif(n3, 0)::float8)$f$, customer)
  INTO result;
  RETURN result;
END $$;
SELECT is(repurchase_differing(customer), 0::bigint, 'repurchase of ' || kind || ' customers, by rows, by orders, by days')
FROM (VALUES ('bigint', 'c'), ('text', 'c::text'), ('uuid', 'md5(c::text)::uuid')) k (kind, customer);

-- the order of rows, DISTINCT, FILTER
SELECT is((SELECT count(DISTINCT r)::int FROM
             (SELECT (retention_nth_day_stats(c, at, 5, date '2025-05-01' ORDER BY at), retention_within_days_stats(c, at, 5, date '2025-05-01' ORDER BY at),
                      repurchase_stats(c, at ORDER BY at))::text AS r FROM orders
              UNION ALL SELECT (retention_nth_day_stats(c, at, 5, date '2025-05-01' ORDER BY at DESC), retention_within_days_stats(c, at, 5, date '2025-05-01' ORDER BY at DESC),
                      repurchase_stats(c, at ORDER BY at DESC))::text FROM orders
              UNION ALL SELECT (retention_nth_day_stats(DISTINCT c, at, 5, date '2025-05-01'), retention_within_days_stats(DISTINCT c, at, 5, date '2025-05-01'),
                      repurchase_stats(DISTINCT c, at))::text FROM orders
              UNION ALL SELECT (retention_nth_day_stats(c, at, 5, date '2025-05-01'), retention_within_days_stats(c, at, 5, date '2025-05-01'),
                      repurchase_stats(c, at))::text FROM (SELECT * FROM orders ORDER BY md5(orders::text)) o) x),
          1, 'neither order nor repetition of rows changes a result');
SELECT is((SELECT repurchase_stats(c) FILTER (WHERE amount >= 0)::text FROM orders),
          (SELECT repurchase_stats(c)::text FROM orders WHERE amount >= 0), 'FILTER is WHERE');

SELECT finish();
DROP SCHEMA agg_random CASCADE;
