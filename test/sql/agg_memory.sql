-- The aggregates over customers at any work_mem: the same results, temporary
-- files when they are needed and none left behind; many small groups, few
-- large ones, states of 10,000 days, long keys.
\set ECHO none
\pset format unaligned
\pset tuples_only true
SET client_min_messages = warning;
DROP SCHEMA IF EXISTS agg_memory CASCADE;
CREATE SCHEMA agg_memory;
SET search_path = agg_memory, public;
SET TimeZone = 'UTC';
SET jit = off;
SET max_parallel_workers_per_gather = 0;
SELECT plan(48);

SELECT setseed(0.75) \gset
CREATE TABLE orders AS
SELECT (random() * 40000)::int AS c, date '2024-01-01' + (random() * 90)::int AS at, i % 40 AS g
FROM generate_series(1, 100000) i;
ANALYZE orders;

CREATE FUNCTION temp_files() RETURNS bigint LANGUAGE sql AS $$
  SELECT count(*) FROM pg_ls_tmpdir() WHERE name LIKE 'pgsql_tmp' || pg_backend_pid() || '.%' $$;
CREATE FUNCTION temp_written(query text) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE plan json;
BEGIN
  EXECUTE 'EXPLAIN (ANALYZE, BUFFERS, TIMING off, FORMAT json) ' || query INTO plan;
  RETURN (plan -> 0 -> 'Plan' ->> 'Temp Written Blocks')::bigint;
END $$;
CREATE FUNCTION problem(query text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
  EXECUTE query;
  RETURN 'none';
EXCEPTION WHEN OTHERS OR query_canceled THEN RETURN SQLSTATE;
END $$;

-- one group: 3 kinds of keys, 3 kinds of states, 4 sizes of work_mem
CREATE TABLE per_customer AS
SELECT c, count(*) AS rows, count(DISTINCT at) AS days, min(at) AS first, array_agg(DISTINCT at) AS active FROM orders GROUP BY c;
CREATE TABLE expected AS
SELECT concat_ws(' ', count(*) FILTER (WHERE rows >= 2), count(*) FILTER (WHERE days >= 2), count(*),
         count(*) FILTER (WHERE first + 10 < '2024-03-20' AND first + 10 = ANY (active)),
         count(*) FILTER (WHERE first + 10 < '2024-03-20' AND EXISTS (SELECT FROM unnest(active) d WHERE d > first AND d <= first + 10 AND d <= '2024-03-20')),
         count(*) FILTER (WHERE first + 10 < '2024-03-20')) AS all
FROM per_customer;
CREATE FUNCTION query(customer text) RETURNS text LANGUAGE sql AS $$
  SELECT format($f$SELECT repurchase_stats(%1$s) AS r, repurchase_stats(%1$s, at) AS d,
    retention_nth_day_stats(%1$s, at, 10, date '2024-03-20') AS n, retention_within_days_stats(%1$s, at, 10, date '2024-03-20') AS w FROM orders$f$, customer) $$;
CREATE FUNCTION counts(customer text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE result text;
BEGIN
  EXECUTE format('SELECT concat_ws('' '', (r).numerator, (d).numerator, (r).denominator, (n).numerator, (w).numerator, (n).denominator) FROM (%s) x', query(customer)) INTO result;
  RETURN result;
END $$;
CREATE TABLE key (kind text, customer text);
INSERT INTO key VALUES ('bigint', 'c'), ('uuid', 'md5(c::text)::uuid'), ('text', '''customer number '' || c');

SET work_mem = '64kB';
SELECT is(counts(customer), expected.all, kind || ' customers in 64 kB') FROM key, expected;
SELECT cmp_ok(temp_written(query(customer)), '>', 0::bigint, kind || ' customers in 64 kB need temporary files') FROM key WHERE kind <> 'uuid';
SET work_mem = '300kB';
SELECT is(counts(customer), expected.all, kind || ' customers in 300 kB') FROM key, expected WHERE kind <> 'uuid';
SET work_mem = '4MB';
SELECT is(counts(customer), expected.all, kind || ' customers in 4 MB') FROM key, expected WHERE kind <> 'uuid';
SELECT is(temp_written('SELECT repurchase_rate(c) FROM orders'), 0::bigint, '40,000 customers fit 4 MB');
SET work_mem = '1GB';
SELECT is(counts(customer), expected.all, kind || ' customers in 1 GB') FROM key, expected;
SELECT is(temp_files(), 0::bigint, 'no temporary file is left');

-- 40 groups share the budget
CREATE TABLE expected_groups AS
SELECT g, count(*) FILTER (WHERE n >= 2) AS k, count(*) AS n FROM (SELECT g, c, count(*) AS n FROM orders GROUP BY g, c) x GROUP BY g;
CREATE FUNCTION differing_groups() RETURNS bigint LANGUAGE sql AS $$
  SELECT count(*) FROM expected_groups e FULL JOIN (SELECT g, repurchase_stats(c) AS r FROM orders GROUP BY g) a USING (g)
  WHERE ((r).numerator, (r).denominator) IS DISTINCT FROM (k, n) $$;
SET enable_sort = off;
SET work_mem = '64kB';
SELECT is(differing_groups(), 0::bigint, '40 groups at once in 64 kB');
SET work_mem = '1MB';
SELECT is(differing_groups(), 0::bigint, '40 groups at once in 1 MB');
RESET enable_sort;
SET enable_hashagg = off;
SET work_mem = '64kB';
SELECT is(differing_groups(), 0::bigint, '40 groups one after the other in 64 kB');
RESET enable_hashagg;

-- as many groups as customers
CREATE FUNCTION small_groups() RETURNS text LANGUAGE sql AS $$
  SELECT concat_ws(' ', count(*), sum((r).denominator), sum((r).numerator)) FROM (SELECT c, repurchase_stats(c, at) AS r, repurchase_stats(c::text) FROM orders GROUP BY c) x $$;
SELECT (SELECT concat_ws(' ', count(*), count(*), count(*) FILTER (WHERE days >= 2)) FROM per_customer) AS expected_small \gset
SET work_mem = '1GB';
SELECT is(small_groups(), :'expected_small', '40,000 groups of one customer');
SET work_mem = '1MB';
SELECT is(small_groups(), :'expected_small', '40,000 groups of one customer in 1 MB');
SELECT is((SELECT concat_ws(' ', count(*), sum((r).denominator)) FROM (SELECT repurchase_stats(i) AS r FROM generate_series(1, 200000) i GROUP BY i) x),
          '200000 200000', '200,000 groups');
-- a few customers in each, with states that grow beyond the struct
SELECT is((SELECT concat_ws(' ', count(*), sum((r).denominator), sum((r).numerator)) FROM (SELECT at, c % 100, repurchase_stats(c, at) AS r FROM orders GROUP BY 1, 2) x),
          (SELECT concat_ws(' ', count(DISTINCT (at - date '2024-01-01') * 100 + c % 100), count(DISTINCT (at - date '2024-01-01')::bigint * 100000 + c), 0) FROM orders), '9,100 groups of 16 customers');

-- the same group finished, given up, and started again
SET work_mem = '64kB';
SELECT is((SELECT count(DISTINCT r)::int FROM generate_series(1, 3) i, LATERAL (SELECT repurchase_stats(c) FROM orders WHERE i > 0) x (r)), 1, 'an inner plan that is run again');
BEGIN;
DECLARE early CURSOR FOR SELECT g, repurchase_rate(c) FROM orders GROUP BY g;
FETCH 2 FROM early \g /dev/null
CLOSE early;
SELECT is(temp_files(), 0::bigint, 'a cursor closed early leaves no file');
COMMIT;
SELECT is(problem('SELECT repurchase_rate(c / (100000 - i)) FROM (SELECT c, row_number() OVER () AS i FROM orders) x'), '22012', 'an error in the last row');
SELECT is(problem('SELECT repurchase_rate(c), 1 / (count(*) - 100000) FROM orders'), '22012', 'an error after the last row');
SELECT is(temp_files(), 0::bigint, 'an error leaves no file');
SET temp_file_limit = '100kB';
SELECT is(problem('SELECT repurchase_rate(c) FROM orders'), '53400', 'temp_file_limit holds');
RESET temp_file_limit;
SET statement_timeout = '50ms';
SELECT is(problem('SELECT count(r) FROM generate_series(1, 1000) i, LATERAL (SELECT repurchase_rate(c) FROM orders WHERE i > 0) x (r)'), '57014', 'cancelled in the middle');
RESET statement_timeout;
SELECT is(temp_files(), 0::bigint, 'neither leaves a file');

-- states of 1.2 kB, spilled and not; each customer comes on days 0, k and 9,999, latest first
CREATE TABLE long AS
SELECT c, date '1990-01-01' + c % 5 + d AS at FROM generate_series(1, 3000) c, LATERAL (VALUES (9999), (c * 3), (0)) v (d);
SELECT is((SELECT concat_ws(' ', (retention_nth_day_stats(c, at, 9999)).numerator, (retention_nth_day_stats(c, at, 6000)).numerator,
                            (retention_within_days_stats(c, at, 6000)).numerator, (retention_within_days_stats(c, at, 6000)).denominator,
                            (retention_within_days_stats(c, at, 10000)).numerator) FROM long), '3000 1 2000 3000 3000', 'thousands of days, 64 kB');
SET work_mem = '1GB';
SELECT is((SELECT concat_ws(' ', (retention_nth_day_stats(c, at, 9999)).numerator, (retention_nth_day_stats(c, at, 6000)).numerator,
                            (retention_within_days_stats(c, at, 6000)).numerator, (retention_within_days_stats(c, at, 6000)).denominator,
                            (retention_within_days_stats(c, at, 10000)).numerator) FROM long), '3000 1 2000 3000 3000', 'thousands of days, 1 GB');
-- one customer with 100,000 orders
SELECT is((SELECT concat_ws(' ', repurchase_stats(1), repurchase_stats(1, at), (retention_nth_day_stats(1, at, 63, '2025-01-01')).numerator) FROM orders, generate_series(1, 2)),
          (SELECT format('(1,1,1,%s,1) (1,1,1,%1$s,1) 1', ((repurchase_stats(1)).lower)) FROM orders), 'a customer with 200,000 orders');
-- keys of 20 kB, longer than a batch's room and than a chunk of a file in part
CREATE TABLE longkey AS SELECT repeat(md5((i % 60)::text), 1 + 2000 * (i % 3)) AS c FROM generate_series(1, 160) i;
SET work_mem = '64kB';
SELECT is((SELECT (repurchase_stats(c)).numerator || '/' || (repurchase_stats(c)).denominator FROM longkey), '60/60', 'keys up to 128 kB');
-- rows in a log, one of which is larger than all the memory there is for it: as the same customers under short names
CREATE TABLE longkey_log AS
SELECT revenue_cohorts(c, at, amount, 'month') AS amounts, retention_curve(c, at, 100, date '2026-01-01', true, true) AS days
FROM (SELECT c, date '2024-01-01' + (row_number() OVER ())::int AS at, 1.5 * row_number() OVER () AS amount FROM longkey) x;
SET work_mem = '1GB';
CREATE TABLE shortkey_log AS
SELECT revenue_cohorts(c, at, amount, 'month') AS amounts, retention_curve(c, at, 100, date '2026-01-01', true, true) AS days
FROM (SELECT length(c) || left(c, 32) AS c, date '2024-01-01' + (row_number() OVER ())::int AS at, 1.5 * row_number() OVER () AS amount FROM longkey) x;
SELECT is(l.amounts, s.amounts, 'keys up to 128 kB in a log with amounts') FROM longkey_log l, shortkey_log s;
SELECT is(l.days, s.days, 'keys up to 128 kB in a log of days') FROM longkey_log l, shortkey_log s;
-- a log that is dealt out to partitions before it goes to files: whole parts of it are written at once
CREATE TABLE paid AS
SELECT c, date '2024-01-01' + (random() * 300)::int AS at, CASE WHEN random() < 0.9 THEN (random() * 10000)::int / 100.0 END AS amount
FROM orders;
INSERT INTO paid SELECT c, at, amount * 12345678901 FROM paid WHERE c % 500 = 3;
CREATE TABLE expected_revenue AS
WITH first AS (SELECT c, date_trunc('month', min(at))::date AS cohort FROM paid GROUP BY c),
  placed AS (SELECT cohort, ((extract(year FROM at) - extract(year FROM cohort)) * 12 + extract(month FROM at) - extract(month FROM cohort))::int AS period, amount
             FROM paid JOIN first USING (c))
SELECT cohort, period, (SELECT count(*) FROM first f WHERE f.cohort = p.cohort) AS customers, count(*) AS orders, coalesce(sum(amount), 0) AS revenue
FROM placed p GROUP BY cohort, period;
CREATE FUNCTION differing_revenue(customer text) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE result bigint;
BEGIN
  EXECUTE format($q$
    SELECT count(*) FROM (SELECT (unnest(revenue_cohorts(%s, at, amount, 'month', date '2025-01-01'))).* FROM paid) a
    FULL JOIN expected_revenue e USING (cohort, period)
    WHERE coalesce(a.orders, 0) <> coalesce(e.orders, 0) OR coalesce(a.revenue, 0) <> coalesce(e.revenue, 0) OR a.customers <> e.customers $q$, customer) INTO result;
  RETURN result;
END $$;
CREATE FUNCTION revenue_in(memory text, customer text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
  PERFORM set_config('work_mem', memory, true);
  RETURN differing_revenue(customer) || CASE WHEN temp_written(format('SELECT revenue_cohorts(%s, at, amount, ''month'') FROM paid', customer)) > 0 THEN ', with files' ELSE '' END;
END $$;
SELECT is(revenue_in(memory, customer), '0' || CASE WHEN memory <> '1GB' THEN ', with files' ELSE '' END, kind || ' customers with amounts in ' || memory)
FROM key, unnest('{64kB,600kB,1MB,1GB}'::text[]) memory;
SET work_mem = '64kB';
SELECT is((SELECT (repurchase_stats('')).denominator || '/' || (repurchase_stats(repeat('x', (c % 300)))).denominator FROM orders), '1/300', 'the empty key, and keys that begin alike');

SELECT finish();
DROP SCHEMA agg_memory CASCADE;
