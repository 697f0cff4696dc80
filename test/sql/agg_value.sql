-- Growth, sales by loyalty, revenue by cohorts and the k-th order against plain
-- SQL: refunds (before the first order too), unknown amounts, amounts too wide
-- for 128 bits, orders of one instant; any work_mem; in workers.
\set ECHO none
\pset format unaligned
\pset tuples_only true
SET client_min_messages = warning;
DROP SCHEMA IF EXISTS agg_value CASCADE;
CREATE SCHEMA agg_value;
SET search_path = agg_value, public;
SET TimeZone = 'Asia/Beirut';
SET jit = off;

SELECT setseed(0.375) \gset
CREATE TABLE orders AS
SELECT g, CASE WHEN random() < 0.02 THEN NULL ELSE (g * 10 + (random() * random() * 30)::int) END AS c,
       CASE WHEN random() < 0.02 THEN NULL
            WHEN random() < 0.2 THEN timestamptz '2025-03-29 20:00 UTC' + (random() * 9)::int * interval '30 minutes'
            ELSE timestamptz '2024-11-20 UTC' + random() * random() * interval '160 days' END AS at,
       CASE WHEN random() < 0.05 THEN NULL WHEN random() < 0.15 THEN -(random() * 50)::numeric(9, 2) WHEN random() < 0.05 THEN 0
            WHEN random() < 0.02 THEN random()::numeric * 1e40 WHEN random() < 0.02 THEN 1234.56 / (1 + (random() * 10)::int)::numeric
            ELSE (random() * 5)::int + 0.50 END AS amount
FROM generate_series(1, 40) g, generate_series(1, 120);
INSERT INTO orders VALUES (41, NULL, now(), 1), (42, 1, NULL, 2), (43, 1, '2025-01-01', -5), (44, 1, '2025-01-01', NULL);
ALTER TABLE orders SET (parallel_workers = 4);
ANALYZE orders;

CREATE TABLE grouping (k text, expression text);
INSERT INTO grouping VALUES ('one', '0'), ('forty', 'g');
CREATE TABLE groups AS SELECT DISTINCT k, CASE k WHEN 'one' THEN 0 ELSE g END AS g FROM orders, grouping;
CREATE TABLE event AS
SELECT k, CASE k WHEN 'one' THEN 0 ELSE g END AS g, c, at AT TIME ZONE 'Asia/Beirut' AS at, amount, coalesce(amount, 0) >= 0 AS is_order
FROM orders, grouping WHERE c IS NOT NULL AND at IS NOT NULL;
CREATE TABLE period (unit text, step interval);
INSERT INTO period VALUES ('day', '1 day'), ('week', '7 days'), ('month', '1 month'), ('quarter', '3 months'), ('year', '1 year');
CREATE TABLE expected (metric text, k text, g int, result text);

INSERT INTO expected
WITH active AS (SELECT DISTINCT unit, step, k, g, c, date_trunc(unit, at) AS p FROM event, period WHERE at::date <= '2025-04-15'),
     life AS (SELECT *, lag(p) OVER w AS before, lead(p) OVER w AS after FROM active WINDOW w AS (PARTITION BY unit, k, g, c ORDER BY p)),
     place AS (SELECT unit, step, k, g, s AS p FROM (SELECT unit, step, k, g, min(p) AS first FROM active GROUP BY 1, 2, 3, 4) x, generate_series(first, timestamp '2025-04-15', step) s),
     came AS (SELECT unit, k, g, p, count(*) FILTER (WHERE before IS NULL) AS n, count(*) FILTER (WHERE before = p - step) AS r, count(*) FILTER (WHERE before < p - step) AS s FROM life GROUP BY 1, 2, 3, 4),
     went AS (SELECT unit, k, g, p + step AS p, count(*) AS d FROM life WHERE after IS NULL OR after > p + step GROUP BY 1, 2, 3, 4),
     point AS (SELECT place.*, coalesce(n, 0) AS n, coalesce(r, 0) AS r, coalesce(s, 0) AS s, coalesce(d, 0) AS d, p + step <= '2025-04-15' AS over FROM place LEFT JOIN came USING (unit, k, g, p) LEFT JOIN went USING (unit, k, g, p))
SELECT 'growth by ' || unit, k, g, string_agg(CASE WHEN over THEN ROW(p::date, n, r, s, d) ELSE ROW(p::date, NULL, NULL, NULL, NULL) END::text, ' ' ORDER BY p) FILTER (WHERE p IS NOT NULL)
FROM groups CROSS JOIN period LEFT JOIN point USING (unit, k, g) GROUP BY 1, 2, 3;

-- the money as a value: the scale is only how it prints
CREATE TABLE ranked AS
SELECT *, min(at) FILTER (WHERE is_order) OVER (PARTITION BY k, g, c) AS first FROM event;
INSERT INTO expected
WITH cell AS (
  SELECT unit, k, g, date_trunc(unit, at) AS p, CASE WHEN date_trunc(unit, at) = date_trunc(unit, first) THEN 'new' ELSE 'returning' END AS loyalty,
         count(DISTINCT c) FILTER (WHERE is_order) AS customers, count(*) FILTER (WHERE is_order) AS orders, coalesce(sum(amount), 0) AS revenue
  FROM ranked, period GROUP BY 1, 2, 3, 4, 5)
SELECT 'sales by ' || unit, k, g, string_agg(concat_ws(' ', p::date, loyalty, customers, orders, trim_scale(revenue), trim_scale(round(revenue / nullif(orders, 0), 10))), E'\n' ORDER BY p, loyalty) FILTER (WHERE p IS NOT NULL)
FROM groups CROSS JOIN period LEFT JOIN cell USING (unit, k, g) GROUP BY 1, 2, 3;

INSERT INTO expected
WITH visible AS (SELECT k, g, c, at, amount, is_order, min(at) FILTER (WHERE is_order) OVER (PARTITION BY k, g, c) AS first FROM event WHERE at::date <= '2025-04-15'),
     cohort AS (SELECT unit, step, k, g, date_trunc(unit, first) AS cohort, count(DISTINCT c) AS customers FROM visible, period WHERE first IS NOT NULL GROUP BY 1, 2, 3, 4, 5),
     cell AS (SELECT unit, k, g, date_trunc(unit, first) AS cohort, date_trunc(unit, at) AS p, count(*) FILTER (WHERE is_order) AS orders, sum(amount) AS revenue FROM visible, period GROUP BY 1, 2, 3, 4, 5),
     point AS (SELECT unit, k, g, cohort, i - 1 AS i, customers, coalesce(orders, 0) AS orders, coalesce(revenue, 0) AS revenue, p + step <= '2025-04-15' AS over,
                      round(sum(coalesce(revenue, 0)) OVER (PARTITION BY unit, k, g, cohort ORDER BY p) / customers, 10) AS each
               FROM cohort CROSS JOIN LATERAL generate_series(cohort, timestamp '2025-04-15', step) WITH ORDINALITY AS s (p, i) LEFT JOIN cell USING (unit, k, g, cohort, p))
SELECT 'revenue by ' || unit, k, g, string_agg(CASE WHEN over THEN concat_ws(' ', cohort::date, i, customers, orders, trim_scale(revenue), trim_scale(each)) ELSE concat_ws(' ', cohort::date, i, customers) END, E'\n' ORDER BY cohort, i) FILTER (WHERE cohort IS NOT NULL)
FROM groups CROSS JOIN period LEFT JOIN point USING (unit, k, g) GROUP BY 1, 2, 3;

INSERT INTO expected
WITH numbered AS (SELECT k, g, c, coalesce(amount, 0) AS amount, row_number() OVER w AS i, lag(coalesce(amount, 0)) OVER w AS before
                  FROM event WHERE is_order WINDOW w AS (PARTITION BY k, g, c ORDER BY at, amount NULLS FIRST)),
     point AS (SELECT k, g, i, count(*) AS n, sum(amount) / count(*) AS mean, sum(before) / count(*) AS previous FROM numbered GROUP BY k, g, i)
SELECT 'order index', k, g, string_agg(concat_ws(' ', i, n, trim_scale(round(mean, 10)), trim_scale(round(previous, 10))), E'\n' ORDER BY i) FILTER (WHERE i IS NOT NULL)
FROM groups LEFT JOIN point USING (k, g) GROUP BY 1, 2, 3;
INSERT INTO expected
SELECT 'arpu', k, g, (SELECT round(coalesce(sum(amount), 0) / nullif(count(DISTINCT c) FILTER (WHERE is_order), 0), 10)::text
                      FROM (SELECT c, amount, coalesce(amount, 0) >= 0 AS is_order FROM orders WHERE c IS NOT NULL AND (groups.k = 'one' OR orders.g = groups.g)) x) FROM groups
UNION ALL
SELECT 'average', k, g, (SELECT round(coalesce(sum(amount), 0) / nullif(count(*) FILTER (WHERE coalesce(amount, 0) >= 0), 0), 10)::text
                         FROM orders WHERE groups.k = 'one' OR orders.g = groups.g) FROM groups;
ANALYZE expected;

CREATE FUNCTION sales_text(crmlife.loyalty_point[]) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT string_agg(concat_ws(' ', period, loyalty, customers, orders, trim_scale(revenue), trim_scale(round(average_order, 10))), E'\n' ORDER BY i)
  FROM unnest($1) WITH ORDINALITY AS x (period, loyalty, customers, orders, revenue, average_order, i) $$;
CREATE FUNCTION revenue_text(crmlife.revenue_point[]) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT string_agg(concat_ws(' ', cohort, period, customers, orders, trim_scale(revenue), trim_scale(round(each, 10))), E'\n' ORDER BY i)
  FROM unnest($1) WITH ORDINALITY AS x (cohort, period, customers, orders, revenue, each, i) $$;
CREATE FUNCTION index_text(crmlife.order_index_point[]) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT string_agg(concat_ws(' ', k, customers, trim_scale(round(average_order, 10)), trim_scale(round(previous, 10))), E'\n' ORDER BY i)
  FROM unnest($1) WITH ORDINALITY AS x (k, customers, average_order, previous, i) $$;

CREATE TABLE call (metric text, call text);
INSERT INTO call
SELECT 'growth by ' || unit, format('array_to_string(growth_accounting(C, A, %L, ''2025-04-15''::date), '' '')', unit) FROM period
UNION ALL SELECT 'sales by ' || unit, format('sales_text(sales_by_loyalty(C, A, amount, %L))', unit) FROM period
UNION ALL SELECT 'revenue by ' || unit, format('revenue_text(revenue_cohorts(C, A, amount, %L, ''2025-04-15''::date))', unit) FROM period
UNION ALL SELECT 'arpu', 'round(arpu(C, amount), 10)::text'
UNION ALL SELECT 'average', 'round(average_order(amount), 10)::text'
UNION ALL SELECT 'order index', 'index_text(aov_by_order_index(C, A, amount))';

CREATE FUNCTION query(call text, k text, customer text, at text) RETURNS text LANGUAGE sql AS $$
  SELECT format('SELECT %s AS g, %s AS result FROM orders GROUP BY 1', (SELECT expression FROM grouping WHERE grouping.k = query.k),
                regexp_replace(regexp_replace(call, '\mC\M', customer, 'g'), '\mA\M', at, 'g')) $$;
CREATE FUNCTION differing(metric text, in_k text, customer text DEFAULT 'c', at text DEFAULT 'at') RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE result bigint; compared bigint;
BEGIN
  EXECUTE format($f$WITH a AS MATERIALIZED (%3$s)
                    SELECT count(*) FILTER (WHERE (a.g IS NULL) OR a.result IS DISTINCT FROM e.result), count(a.g)
                    FROM (SELECT * FROM expected WHERE metric = %1$L AND k = %2$L) e LEFT JOIN a USING (g)$f$,
                 metric, in_k, query((SELECT call FROM call WHERE call.metric = differing.metric), in_k, customer, at)) INTO result, compared;
  RETURN CASE WHEN compared = 0 THEN -1 ELSE result END;
END $$;
CREATE FUNCTION plan_of(query text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE line text; plan text := '';
BEGIN
  FOR line IN EXECUTE 'EXPLAIN (COSTS off) ' || query LOOP plan := plan || line || E'\n'; END LOOP;
  RETURN plan;
END $$;
CREATE FUNCTION temp_written(query text) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE plan json;
BEGIN
  EXECUTE 'EXPLAIN (ANALYZE, BUFFERS, TIMING off, FORMAT json) ' || query INTO plan;
  RETURN (plan -> 0 -> 'Plan' ->> 'Temp Written Blocks')::bigint;
END $$;

SELECT plan((SELECT 4 * count(*)::int + 6 FROM call));
SELECT cmp_ok((SELECT count(DISTINCT result) FROM expected WHERE k = 'forty'), '>', 400::bigint, 'the groups differ');
SET max_parallel_workers_per_gather = 0;
SELECT is((SELECT string_agg(k, ' ') FROM grouping WHERE differing(metric, k) <> 0), NULL, metric || ', serial') FROM call;
SELECT is((SELECT string_agg(kind, ', ') FROM (VALUES ('timestamp', 'c', 'at AT TIME ZONE ''Asia/Beirut'''), ('uuid', 'md5(c::text)::uuid', 'at'), ('text', '''customer '' || c', 'at')) v (kind, customer, at)
           WHERE differing(metric, 'forty', customer, at) <> 0), NULL, metric || ', keys and times') FROM call;
SET work_mem = '64kB';
SELECT cmp_ok(temp_written('SELECT aov_by_order_index(c, at, amount) FROM orders'), '>', 0::bigint, 'temporary files in 64 kB');
SELECT is((SELECT string_agg(k || ' ' || customer, ', ') FROM grouping, (VALUES ('c'), ('''a customer '' || c')) v (customer) WHERE differing(metric, k, customer) <> 0), NULL, metric || ', 64 kB') FROM call;
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET min_parallel_table_scan_size = 0;
SET max_parallel_workers_per_gather = 4;
SELECT is((SELECT string_agg(k || ' ' || customer, ', ') FROM grouping, (VALUES ('c'), ('md5(c::text)::uuid')) v (customer) WHERE differing(metric, k, customer) <> 0), NULL, metric || ', 4 workers') FROM call;
SELECT is((SELECT string_agg(metric, ', ') FROM call WHERE plan_of(query(call, 'one', 'c', 'at')) NOT LIKE '%Partial%'), NULL, 'all run in workers');
RESET work_mem;

-- nothing, NULL, mistakes
SELECT is((SELECT ROW(growth_accounting(c, at, 'day'), sales_by_loyalty(c, at, amount, 'day'), revenue_cohorts(c, at, amount, 'day'), aov_by_order_index(c, at, amount))::text FROM orders WHERE false), '(,,,)', 'no row');
SELECT is((SELECT ROW(growth_accounting(c, at, NULL), sales_by_loyalty(c, at, amount, NULL))::text FROM orders), '(,)', 'NULL unit');
SELECT throws_ok('SELECT sales_by_loyalty(c, at, amount, ''hour'') FROM orders', '22023', 'unknown unit', 'unknown unit');

SELECT finish();
DROP SCHEMA agg_value CASCADE;
