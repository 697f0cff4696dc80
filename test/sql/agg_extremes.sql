-- The aggregates over customers at their limits, against plain SQL: n up to
-- 10,000 days, a customer with 100,000 orders, cohorts by day over years; with
-- room, and spilled.  scripts/extremes has the sizes that take minutes.
\set ECHO none
\pset format unaligned
\pset tuples_only true
SET client_min_messages = warning;
DROP SCHEMA IF EXISTS agg_extremes CASCADE;
CREATE SCHEMA agg_extremes;
SET search_path = agg_extremes, public;
SET TimeZone = 'UTC';
SET DateStyle = ISO;
SET jit = off;
SET max_parallel_workers_per_gather = 0;
SELECT plan(56);

-- 3,000 customers over 30 years, rows in any order; a third comes again on a
-- day that is asked for
SELECT setseed(0.875) \gset
CREATE TABLE sparse AS
SELECT c, first + n AS at, random() < 0.7 AS s, random() < 0.7 AS r
FROM (SELECT c, date '1990-01-01' + (random() * 4000)::int AS first FROM generate_series(1, 3000) c) x,
     LATERAL (SELECT 0 AS n UNION ALL SELECT (ARRAY[63, 64, 65, 999, 1000, 9999, 10000, 10001])[1 + (random() * 7)::int] FROM generate_series(1, (c % 3))
              UNION ALL SELECT (random() * random() * 11000)::int FROM generate_series(1, c % 4)) y
ORDER BY random();
ANALYZE sparse;
CREATE TABLE since AS SELECT c, d, d - first AS n, first FROM (SELECT c, at AS d, min(at) OVER (PARTITION BY c) AS first FROM (SELECT DISTINCT c, at FROM sparse WHERE at <= '2025-01-01') x) y;
CREATE TABLE returned AS
SELECT c, d, d - first AS n, first FROM (SELECT c, d, r, min(d) FILTER (WHERE s) OVER (PARTITION BY c) AS first FROM (SELECT c, at AS d, bool_or(s) AS s, bool_or(r) AS r FROM sparse WHERE at <= '2025-01-01' GROUP BY c, at) y) x WHERE d = first OR (d > first AND r);
ANALYZE since, returned;
CREATE FUNCTION parts(s crmlife.rate_stats) RETURNS text LANGUAGE sql IMMUTABLE AS $$ SELECT s.numerator || '/' || s.denominator $$;
CREATE FUNCTION problem(query text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE result text;
BEGIN
  EXECUTE query INTO result;
  RETURN result;
EXCEPTION WHEN OTHERS THEN RETURN SQLSTATE || ' ' || SQLERRM;
END $$;
-- low .. high after the first, high (or low) over on 2025-01-01
CREATE TABLE days (call text, low int, high int, over int);
INSERT INTO days SELECT format('nth_day_stats(C, at, %s', n), n, n, n FROM unnest(ARRAY[63, 64, 65, 1000, 9999, 10000]) n
UNION ALL SELECT format('within_days_stats(C, at, %s', n), 1, n, n FROM unnest(ARRAY[64, 9999, 10000]) n
UNION ALL SELECT format('between_days_stats(C, at, %s, %s', a, b), a, b, b FROM (VALUES (64, 10000), (10000, 10000), (9999, 10001)) v (a, b)
UNION ALL SELECT format('from_day_stats(C, at, %s', n), n, 99999, n FROM unnest(ARRAY[65, 10000]) n;
CREATE FUNCTION differing(kinds bool, customer text) RETURNS text LANGUAGE sql AS $$
  SELECT string_agg(call, '; ') FROM days
  WHERE problem(format('SELECT parts(retention_%s, date ''2025-01-01''%s)) FROM sparse', replace(call, 'C', customer), CASE WHEN kinds THEN ', s, r' END)) IS DISTINCT FROM
    (SELECT count(*) FILTER (WHERE came) || '/' || count(*)
     FROM (SELECT bool_or(n BETWEEN low AND high) AS came FROM (SELECT * FROM since WHERE NOT kinds UNION ALL SELECT * FROM returned WHERE kinds) x GROUP BY c, first HAVING first + over < '2025-01-01') y) $$;
-- every point of a curve of 10,001
CREATE FUNCTION curve(kinds bool, customer text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE result text;
BEGIN
  EXECUTE format($f$
    WITH s AS MATERIALIZED (SELECT * FROM since WHERE NOT %1$L UNION ALL SELECT * FROM returned WHERE %1$L),
         retained AS (SELECT n, count(*) AS retained FROM s WHERE first + n < '2025-01-01' GROUP BY n),
         gone AS (SELECT date '2025-01-01' - first AS n, count(*) AS gone FROM s WHERE n = 0 GROUP BY 1),
         e AS (SELECT n, (SELECT count(*) FROM s WHERE s.n = 0) - sum(coalesce(gone, 0)) OVER (ORDER BY n) AS eligible, coalesce(retained, 0) AS retained FROM generate_series(0, 10000) n LEFT JOIN gone USING (n) LEFT JOIN retained USING (n))
    SELECT count(*) || ' points, ' || count(*) FILTER (WHERE (e.eligible, e.retained) IS DISTINCT FROM (a.eligible, a.retained)) || ' differ'
    FROM e FULL JOIN (SELECT (unnest(retention_curve(%2$s, at, 10000, date '2025-01-01'%3$s))).* FROM sparse) a USING (n)$f$, kinds, customer, CASE WHEN kinds THEN ', s, r' END) INTO result;
  RETURN result;
END $$;
CREATE TABLE memory (memory text);
INSERT INTO memory VALUES ('64kB'), ('256MB');
CREATE FUNCTION set_memory(text) RETURNS text LANGUAGE sql AS $$ SELECT set_config('work_mem', $1, false) $$;

SELECT is(set_memory(memory) || coalesce(differing(kinds, customer), ''), memory, format('rates of up to 10,000 days, kinds %s, %s, %s', kinds, customer, memory))
FROM memory, (VALUES (false), (true)) k (kinds), (VALUES ('c'), ('''customer '' || c')) c (customer);
SELECT is(set_memory(memory) || curve(kinds, customer), memory || '10001 points, 0 differ', format('a curve of 10,000 days, kinds %s, %s, %s', kinds, customer, memory))
FROM memory, (VALUES (false), (true)) k (kinds), (VALUES ('c'), ('''customer '' || c')) c (customer);
SELECT is((SELECT concat_ws(' ', parts(keep_stats(c, at, date '2000-01-01', n)), parts(keep_stats(c, at, date '2000-01-01', n, 10000))) FROM sparse),
          (SELECT concat_ws(' ', count(*) FILTER (WHERE was AND kept) || '/' || count(*) FILTER (WHERE was), count(*) FILTER (WHERE lately AND kept) || '/' || count(*) FILTER (WHERE lately))
           FROM (SELECT bool_or(at <= '2000-01-01') AS was, bool_or(at <= '2000-01-01' AND at > date '2000-01-01' - 10000) AS lately, bool_or(at > '2000-01-01' AND at <= date '2000-01-01' + n) AS kept FROM sparse GROUP BY c) x),
          format('kept for %s days', n)) FROM unnest(ARRAY[64, 9000]) n;
SELECT is((SELECT parts(second_purchase_stats(c, at, n, date '2025-01-01')) FROM sparse),
          (SELECT count(*) FILTER (WHERE again) || '/' || count(*) FROM (SELECT bool_or(n BETWEEN 1 AND days.n) AS again FROM since GROUP BY c, first HAVING first + days.n < '2025-01-01') x),
          format('a second purchase within %s days', n)) FROM (VALUES (63), (9999), (10000)) days (n);
SELECT is((SELECT string_agg(concat_ws('/', k, reached, converted), ' ' ORDER BY k) FROM (SELECT repeat_funnel(c, at, 6, 9999, date '2025-01-01') AS f FROM sparse) x, unnest(f)),
          (SELECT string_agg(concat_ws('/', k, reached, converted), ' ' ORDER BY k) FROM (SELECT k, count(*) AS reached, count(*) FILTER (WHERE next <= d + 9999) AS converted
             FROM (SELECT d, row_number() OVER w AS k, lead(d) OVER w AS next FROM since WINDOW w AS (PARTITION BY c ORDER BY d)) x WHERE d + 9999 < '2025-01-01' AND k <= 6 GROUP BY k) y), 'a funnel of 9,999 days');
SELECT is((SELECT concat_ws(' ', count(*), sum(purchased), sum(day * purchased), sum(censored)) FROM (SELECT time_to_second_purchase(c, at, date '2025-01-01') AS f FROM sparse) x, unnest(f)),
          (SELECT concat_ws(' ', count(DISTINCT coalesce(next, date '2024-12-31') - d), count(next), sum(next - d), count(*) - count(next)) FROM (SELECT min(d) AS d, (array_agg(d ORDER BY d))[2] AS next FROM since WHERE d < '2025-01-01' GROUP BY c) x), 'thousands of days to the second purchase');

-- periods over 30 years
CREATE FUNCTION cells(unit text, step interval, until date) RETURNS text LANGUAGE sql AS $$
  WITH m AS (SELECT c, date_trunc(unit, at::timestamp) AS p, min(date_trunc(unit, at::timestamp)) OVER (PARTITION BY c) AS cohort FROM sparse WHERE at <= until)
  SELECT concat_ws(' ', (SELECT sum((SELECT count(*) FROM generate_series(cohort, until::timestamp, step))) FROM (SELECT DISTINCT cohort FROM m) x), count(DISTINCT (c, p)), count(DISTINCT cohort), md5(string_agg(DISTINCT cohort::date || ' ' || p::date, ',')))
  FROM m $$;
CREATE FUNCTION cells_of(unit text, step interval, until date, customer text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE result text;
BEGIN
  EXECUTE format($f$SELECT concat_ws(' ', count(*), sum(retained), count(DISTINCT cohort), md5(string_agg(cohort || ' ' || (cohort + period * %L::interval)::date, ',' ORDER BY cohort || ' ' || (cohort + period * %1$L::interval)::date) FILTER (WHERE retained > 0)))
    FROM (SELECT retention_cohorts(%2$s, at, %3$L, %4$L::date) AS r FROM sparse) x, unnest(r)$f$, step, customer, unit, until) INTO result;
  RETURN result;
END $$;
SELECT is(set_memory(memory) || ' ' || cells_of(unit, step, until, customer), memory || ' ' || cells(unit, step, until), format('cohorts by %s until %s, %s, %s', unit, until, customer, memory))
FROM memory, (VALUES ('day', interval '1 day', date '1991-12-31'), ('week', '7 days', '2000-12-31'), ('month', '1 month', '2032-01-01')) u (unit, step, until), (VALUES ('c'), ('''customer '' || c')) c (customer);
SELECT is((SELECT concat_ws(' ', count(*), sum(new_customers), sum(new_customers + returning_customers + resurrected_customers)) FROM (SELECT growth_accounting(c, at, 'day', date '2025-01-01') AS g FROM sparse) x, unnest(g)),
          (SELECT concat_ws(' ', date '2025-01-01' - min(at) + 1, count(DISTINCT c), count(DISTINCT (c, at)) FILTER (WHERE at < '2025-01-01')) FROM sparse WHERE at <= '2025-01-01'), 'growth by day over 30 years');
SELECT is((SELECT concat_ws(' ', count(*), sum(orders), sum(revenue), sum(customers)) FROM (SELECT sales_by_loyalty(c, at, c, 'day') AS g FROM sparse) x, unnest(g)),
          (SELECT concat_ws(' ', count(DISTINCT (at, at = first)), count(*), sum(c), count(DISTINCT (c, at))) FROM (SELECT c, at, min(at) OVER (PARTITION BY c) AS first FROM sparse) x), 'sales by day over 30 years');
SELECT is((SELECT concat_ws(' ', sum(orders), sum(revenue), count(DISTINCT cohort)) FROM (SELECT revenue_cohorts(c, at, c, 'week', date '2000-12-31') AS g FROM sparse WHERE at < '2000-12-25') x, unnest(g)),
          (SELECT concat_ws(' ', count(*), sum(c), count(DISTINCT date_trunc('week', first))) FROM (SELECT c, at, min(at) OVER (PARTITION BY c) AS first FROM sparse WHERE at < '2000-12-25') x), 'revenue of cohorts by week over ten years');
-- as many as there are are counted, not as many as there might be
SELECT is((SELECT cardinality(retention_cohorts(i, date '2022-10-01' + i, 'day', date '2025-06-30')) FROM generate_series(1, 1000) i), (SELECT sum(date '2025-06-30' - (date '2022-10-01' + i) + 1)::int FROM generate_series(1, 1000) i), 'cohorts of a thousand days, half a million cells');
-- more cells than a value may have
SELECT matches(problem('SELECT array_length(retention_cohorts(c, at, ''day'', date ''2025-01-01''), 1) FROM sparse'), '^54000 the result would have too many rows', 'cohorts by day over 30 years are refused');

-- one customer with 100,000 orders among 500: one a quarter of an hour, of 1, 2, 3 ...
CREATE TABLE busy AS SELECT * FROM (SELECT 1 AS c, timestamp '2020-01-01' + i * interval '15 minutes' AS at, i + 1 AS amount FROM generate_series(0, 99999) i
UNION ALL SELECT 2 + i / 2, timestamp '2020-01-01 06:00' + i * interval '1 day', 5 FROM generate_series(0, 999) i) x ORDER BY random();
ANALYZE busy;
CREATE FUNCTION busy(customer text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE result text;
BEGIN
  EXECUTE format($f$
    SELECT concat_ws(' ', repurchase_stats(%1$s), repurchase_stats(%1$s, at), repurchase_stats(%1$s, amount), parts(retention_nth_day_stats(%1$s, at, 1000, date '2024-01-01')), parts(retention_between_days_stats(%1$s, at, 500, 1000, date '2024-01-01')),
      parts(second_purchase_stats(%1$s, at, 1, date '2024-01-01')), repurchase_interval(%1$s, at), repurchase_interval_median(%1$s, at), (SELECT sum(retained) FROM unnest(retention_curve(%1$s, at, 2000, date '2024-01-01'))),
      (SELECT count(*) FROM unnest(repeat_funnel(%1$s, 10000))), (SELECT sum(reached) FROM unnest(repeat_funnel(%1$s, at, 2000, 1, date '2024-01-01'))), (SELECT sum(retained) FROM unnest(retention_cohorts(%1$s, at, 'month', date '2024-01-01'))),
      (SELECT sum(orders) || ' ' || sum(revenue) || ' ' || sum(customers) FROM unnest(sales_by_loyalty(%1$s, at, amount, 'month'))), (SELECT sum(orders) || ' ' || sum(revenue) FROM unnest(revenue_cohorts(%1$s, at, amount, 'year', date '2024-01-01'))),
      (SELECT count(*) || ' ' || count(*) FILTER (WHERE k > 2 AND (customers, average_order, previous_average_order) = (1, k, k - 1)) || ' ' || sum(customers) FROM unnest(aov_by_order_index(%1$s, at, amount))),
      (SELECT sum(new_customers) || ' ' || sum(returning_customers) FROM unnest(growth_accounting(%1$s, at, 'day', date '2024-01-01'))), round(arpu(%1$s, amount), 6)) FROM busy$f$, customer) INTO result;
  RETURN result;
END $$;
CREATE FUNCTION busy_oracle() RETURNS text LANGUAGE sql AS $$
  WITH d AS (SELECT c, at AS d, row_number() OVER w AS k, lead(at) OVER w AS next, first_value(at) OVER w AS first FROM (SELECT DISTINCT c, at::date AS at FROM busy) x WINDOW w AS (PARTITION BY c ORDER BY at))
  SELECT concat_ws(' ', r.s, r.s, r.s, (SELECT count(*) FILTER (WHERE d = first + 1000 AND d < '2024-01-01') || '/' || mature FROM d), (SELECT count(DISTINCT c) FILTER (WHERE d - first BETWEEN 500 AND 1000 AND first + 1000 < '2024-01-01') || '/' || mature FROM d), '501/501',
    (SELECT avg(next - d)::float8 FROM d), (SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY next - d) FROM d), (SELECT count(*) FROM d), 10000, (SELECT count(*) FROM d WHERE k <= 2000), (SELECT count(DISTINCT (c, date_trunc('month', d))) FROM d),
    (SELECT count(*) || ' ' || sum(amount) || ' ' || (SELECT count(DISTINCT (c, date_trunc('month', d))) FROM d) FROM busy), (SELECT count(*) || ' ' || sum(amount) FROM busy), '100000 99998 101000',
    (SELECT '501 ' || count(*) FROM d WHERE next = d + 1), (SELECT round(sum(amount) / 501.0, 6) FROM busy))
  FROM (SELECT repurchase_stats(i)::text AS s FROM generate_series(1, 501) i, generate_series(1, 2)) r, (SELECT count(DISTINCT c) AS mature FROM d WHERE first + 1000 < '2024-01-01') m $$;
SELECT is(set_memory(memory) || ' ' || busy(customer), memory || ' ' || busy_oracle(), format('a customer with 100,000 orders, %s, %s', customer, memory))
FROM memory, (VALUES ('c'), ('''customer '' || c')) c (customer);

-- keys of 40 bytes that differ in the last few, and keys of 100 kB
SELECT is(set_memory(memory) || ' ' || (SELECT parts(repurchase_stats(rpad('', 32, 'x') || to_char(i % 30000, 'FM00000000'))) FROM generate_series(1, 40000) i WHERE memory <> ''), memory || ' 10000/30000', 'long keys that begin alike, ' || memory) FROM memory;
SELECT is(set_memory(memory) || ' ' || (SELECT parts(repurchase_stats(repeat(md5((i % 50)::text), 3200 + i % 50))) FROM generate_series(1, 75) i WHERE memory <> ''), memory || ' 25/50', 'keys of 100 kB, ' || memory) FROM memory;
-- the same of metrics that keep all rows: amounts of every size, one in seven of them unknown
CREATE TEMP TABLE loud AS
SELECT (i * i % 50)::text AS short, repeat(md5((i * i % 50)::text), 3200 + i * i % 50) AS long, date '2024-01-01' + i % 97 AS at,
       CASE WHEN i % 7 > 0 THEN (i - 20) * power(10::numeric, i % 5 * 12 - 2) END AS amount
FROM generate_series(1, 150) i;
SELECT is(set_memory(memory) || ' ' || (SELECT sales_by_loyalty(long, at, amount, 'month')::text FROM loud WHERE memory <> ''),
          memory || ' ' || (SELECT sales_by_loyalty(short, at, amount, 'month')::text FROM loud), 'sales with keys of 100 kB, ' || memory) FROM memory;
SELECT is(set_memory(memory) || ' ' || (SELECT parts(retention_within_days_stats(long, at, 30, date '2024-06-30', at < '2024-03-15', amount > 0)) FROM loud WHERE memory <> ''),
          memory || ' ' || (SELECT parts(retention_within_days_stats(short, at, 30, date '2024-06-30', at < '2024-03-15', amount > 0)) FROM loud), 'kinds of rows with keys of 100 kB, ' || memory) FROM memory;
-- tables beyond the size from which rows have the largest buffers
SET work_mem = '512MB';
CREATE FUNCTION months_differing(customer text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE result text;
BEGIN
  EXECUTE format($f$
    WITH o AS MATERIALIZED (SELECT %s AS c, date '2024-01-01' + (i %% 11)::int * 29 AS at FROM generate_series(0, 799999) g, LATERAL (SELECT g::bigint * 7919 %% 450000 AS i) x)
    SELECT count(*) || ' months, ' || count(*) FILTER (WHERE (a.customers, a.repeated) IS DISTINCT FROM (e.customers, e.repeated)) || ' differ'
    FROM (SELECT month AS period, count(*) AS customers, count(*) FILTER (WHERE orders > 1) AS repeated FROM (SELECT date_trunc('month', at)::date AS month, c, count(*) AS orders FROM o GROUP BY 1, 2) m GROUP BY 1) e
    FULL JOIN (SELECT (unnest(repurchase_periods(c, at, 'month', date '2024-12-31'))).* FROM o) a USING (period)$f$, customer) INTO result;
  RETURN result;
END $$;
SELECT is(months_differing(customer), '10 months, 0 differ', '450,000 customers, ' || customer) FROM unnest(ARRAY['i', 'lpad(to_hex(i), 32, ''0'')::uuid', '''customer '' || i']) customer;

SELECT is((SELECT count(*) FROM pg_ls_tmpdir() WHERE name LIKE 'pgsql_tmp' || pg_backend_pid() || '.%'), 0::bigint, 'no temporary file is left');

SELECT finish();
DROP SCHEMA agg_extremes CASCADE;
