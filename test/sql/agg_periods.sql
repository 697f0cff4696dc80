-- Cohorts, growth and repurchase by periods against plain SQL where histories
-- are longer than the maps the aggregates keep: most rows of the last years,
-- some of decades before, days on which the clocks change, rows in any order;
-- every unit, key and kind of time, any work_mem, in workers; and repurchase by
-- periods against the same rate in a GROUP BY.
\set ECHO none
\pset format unaligned
\pset tuples_only true
SET client_min_messages = warning;
DROP SCHEMA IF EXISTS agg_periods CASCADE;
CREATE SCHEMA agg_periods;
SET search_path = agg_periods, public;
SET DateStyle = ISO;
SET TimeZone = 'Asia/Beirut';
SET jit = off;

-- a third of the customers has old orders, a few have nothing else
SELECT setseed(0.125) \gset
CREATE TABLE orders AS
SELECT g, CASE WHEN random() < 0.02 THEN NULL ELSE c END AS c,
       CASE WHEN random() < 0.02 THEN NULL
            WHEN c % 3 = 0 AND (random() < 0.3 OR c % 24 = 0) THEN timestamptz '1997-01-01 UTC' + random() * interval '21 years'
            WHEN random() < 0.2 THEN timestamptz '2025-03-29 20:00 UTC' + (random() * 9)::int * interval '30 minutes'
            ELSE timestamptz '2025-04-20 UTC' - random() * random() * interval '6 years' END AS at
FROM generate_series(1, 40) g, LATERAL (SELECT g * 25 + (random() * random() * 30)::int AS c FROM generate_series(1, 120)) x;
INSERT INTO orders VALUES (41, NULL, now()), (42, 1, NULL), (43, 1, '0044-03-15 BC'), (43, 1, '0044-03-15 BC'), (43, 1, '2025-04-01'), (43, 2, '2025-04-15 23:59:59');
ALTER TABLE orders SET (parallel_workers = 4);
ANALYZE orders;

CREATE TABLE grouping (k text, expression text);
INSERT INTO grouping VALUES ('one', '0'), ('forty', 'g');
CREATE TABLE groups AS SELECT DISTINCT k, CASE k WHEN 'one' THEN 0 ELSE g END AS g FROM orders, grouping;
CREATE TABLE event AS
SELECT k, CASE k WHEN 'one' THEN 0 ELSE g END AS g, c, at AT TIME ZONE 'Asia/Beirut' AS at
FROM orders, grouping WHERE c IS NOT NULL AND (at AT TIME ZONE 'Asia/Beirut')::date <= '2025-04-15' AND (k <> 'one' OR g <> 43);
CREATE TABLE period (unit text, step interval);
INSERT INTO period VALUES ('day', '1 day'), ('week', '7 days'), ('month', '1 month'), ('quarter', '3 months'), ('year', '1 year');
CREATE TABLE limits (name text, low date, high date);
INSERT INTO limits VALUES ('all', '-infinity', 'infinity'), ('some', '2016-05-11', '2024-11-20');
CREATE TABLE expected (metric text, k text, g int, result text);

-- only cells in which somebody was active, and the number of all
INSERT INTO expected
WITH member AS (SELECT k, g, c, min(at) AS first FROM event GROUP BY k, g, c),
     cell AS (SELECT name, unit, k, g, date_trunc(unit, first) AS cohort, date_trunc(unit, at) AS p, count(DISTINCT c) AS active
              FROM member JOIN event USING (k, g, c), period, limits WHERE first::date BETWEEN low AND high GROUP BY 1, 2, 3, 4, 5, 6)
SELECT 'cohorts of ' || name || ' by ' || unit, k, g, string_agg(concat_ws(' ', cohort::date, p::date, customers, active, round(active::numeric / customers, 12)), E'\n' ORDER BY cohort, p) FILTER (WHERE cohort IS NOT NULL)
FROM groups CROSS JOIN period CROSS JOIN limits LEFT JOIN (SELECT *, max(active) FILTER (WHERE p = cohort) OVER (PARTITION BY name, unit, k, g, cohort) AS customers FROM cell) x USING (name, unit, k, g)
GROUP BY 1, 2, 3;

INSERT INTO expected
WITH active AS (SELECT DISTINCT unit, step, k, g, c, date_trunc(unit, at) AS p FROM event, period),
     life AS (SELECT *, lag(p) OVER w AS before, lead(p) OVER w AS after FROM active WINDOW w AS (PARTITION BY unit, k, g, c ORDER BY p)),
     came AS (SELECT unit, step, k, g, p, count(*) FILTER (WHERE before IS NULL) AS n, count(*) FILTER (WHERE before = p - step) AS r, count(*) FILTER (WHERE before < p - step) AS s FROM life GROUP BY 1, 2, 3, 4, 5),
     went AS (SELECT unit, step, k, g, p + step AS p, count(*) AS d FROM life WHERE after IS NULL OR after > p + step GROUP BY 1, 2, 3, 4, 5)
SELECT 'growth by ' || unit, k, g, string_agg(concat_ws(' ', p::date, coalesce(n, 0), coalesce(r, 0), coalesce(s, 0), coalesce(d, 0)), E'\n' ORDER BY p) FILTER (WHERE p + step <= '2025-04-15')
FROM groups CROSS JOIN period LEFT JOIN (SELECT * FROM came FULL JOIN went USING (unit, step, k, g, p)) x USING (unit, step, k, g) GROUP BY 1, 2, 3;

INSERT INTO expected
WITH per AS (SELECT unit, step, k, g, c, date_trunc(unit, at) AS p, count(*) AS n FROM event, period GROUP BY 1, 2, 3, 4, 5, 6),
     point AS (SELECT unit, k, g, p, count(*) AS customers, count(*) FILTER (WHERE n >= 2) AS repeated, p + step <= '2025-04-15' AS over FROM per GROUP BY unit, step, k, g, p)
SELECT 'repurchase by ' || unit, k, g, string_agg(concat_ws(' ', p::date, customers, repeated, CASE WHEN over THEN round(repeated::numeric / customers, 12) END), E'\n' ORDER BY p) FILTER (WHERE p IS NOT NULL)
FROM groups CROSS JOIN period LEFT JOIN point USING (unit, k, g) GROUP BY 1, 2, 3;
ANALYZE expected;

CREATE FUNCTION cohorts_text(unit text, points crmlife.cohort_point[]) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT string_agg(concat_ws(' ', cohort, p, customers, retained, round(retained::numeric / customers, 12)), E'\n' ORDER BY i)
  FROM (SELECT *, (cohort + CASE unit WHEN 'day' THEN interval '1 day' WHEN 'week' THEN '7 days' WHEN 'month' THEN '1 month' WHEN 'quarter' THEN '3 months' ELSE '1 year' END * period)::date AS p
        FROM unnest(points) WITH ORDINALITY AS x (cohort, period, customers, retained, rate, i)) y WHERE retained > 0 $$;
CREATE FUNCTION growth_text(crmlife.growth_point[]) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT string_agg(concat_ws(' ', period, n, r, s, d), E'\n' ORDER BY i) FROM unnest($1) WITH ORDINALITY AS x (period, n, r, s, d, i) WHERE n + r + s + d > 0 $$;
CREATE FUNCTION repurchase_text(crmlife.repurchase_point[]) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT string_agg(concat_ws(' ', period, customers, repeated, round(rate::numeric, 12)), E'\n' ORDER BY i) FROM unnest($1) WITH ORDINALITY AS x (period, customers, repeated, rate, i) $$;

CREATE TABLE call (metric text, call text);
INSERT INTO call
SELECT 'cohorts of all by ' || unit, format('cohorts_text(%L, retention_cohorts(C, A, %1$L, ''2025-04-15''::date))', unit) FROM period WHERE unit <> 'day'
UNION ALL SELECT 'cohorts of some by ' || unit, format('cohorts_text(%L, retention_cohorts(C, A, %1$L, ''2025-04-15''::date, ''2016-05-11''::date, ''2024-11-20''::date))', unit) FROM period WHERE unit NOT IN ('day', 'week')
UNION ALL SELECT 'growth by ' || unit, format('growth_text(growth_accounting(C, A, %L, ''2025-04-15''::date))', unit) FROM period WHERE unit <> 'day'
UNION ALL SELECT 'repurchase by ' || unit, format('repurchase_text(repurchase_periods(C, A, %L, ''2025-04-15''::date))', unit) FROM period;

CREATE FUNCTION query(call text, k text, customer text, at text) RETURNS text LANGUAGE sql AS $$
  SELECT format('SELECT %s AS g, %s AS result FROM orders WHERE g <> 43 OR %L <> ''one'' GROUP BY 1', (SELECT expression FROM grouping WHERE grouping.k = query.k),
                regexp_replace(regexp_replace(call, '\mC\M', customer, 'g'), '\mA\M', at, 'g'), k) $$;
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

SELECT plan((SELECT 4 * count(*)::int + 12 FROM call));
SELECT cmp_ok((SELECT count(DISTINCT result) FROM expected WHERE k = 'forty'), '>', 500::bigint, 'the groups differ');
SELECT cmp_ok((SELECT count(DISTINCT c) FILTER (WHERE at < '2017-06-01') * 100 / count(DISTINCT c) FROM event WHERE k = 'one'), '>', 20::bigint, 'a fifth of the customers is older than the maps');
SET max_parallel_workers_per_gather = 0;
SELECT is((SELECT string_agg(k, ' ') FROM grouping WHERE differing(metric, k) <> 0), NULL, metric || ', serial') FROM call;
SELECT is((SELECT string_agg(kind, ', ') FROM (VALUES ('timestamp', 'c', 'at AT TIME ZONE ''Asia/Beirut'''), ('date', '''C'' || c', 'at::date'), ('uuid', 'md5(c::text)::uuid', 'at')) v (kind, customer, at)
           WHERE differing(metric, 'forty', customer, at) <> 0), NULL, metric || ', keys and times') FROM call;
SET work_mem = '64kB';
SELECT cmp_ok(temp_written(format('SELECT %s FROM orders', aggregate)), '>', 0::bigint, aggregate || ': temporary files in 64 kB')
FROM (VALUES ('growth_accounting(c::text, at, ''week'')'), ('retention_cohorts(c, at, ''day'', date ''2025-04-15'', date ''2025-01-01'', date ''2025-04-01'')'), ('repurchase_periods(c::text, at, ''day'')')) v (aggregate);
SELECT is((SELECT string_agg(k || ' ' || customer, ', ') FROM grouping, (VALUES ('c'), ('''a customer '' || c')) v (customer) WHERE differing(metric, k, customer) <> 0), NULL, metric || ', 64 kB') FROM call;
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET min_parallel_table_scan_size = 0;
SET max_parallel_workers_per_gather = 4;
-- all in one query, so that the workers are started once
CREATE FUNCTION at_once(k text) RETURNS text LANGUAGE sql AS $$
  SELECT query((SELECT format('ARRAY[%s]', string_agg(call, ', ' ORDER BY metric)) FROM call), k, CASE k WHEN 'forty' THEN 'md5(c::text)::uuid' ELSE 'c' END, 'at') $$;
SELECT format('CREATE TABLE workers_%1$s AS SELECT %1$L AS k, g, result AS results FROM (%2$s) x', k, at_once(k)) FROM grouping \gexec
CREATE VIEW in_workers AS TABLE workers_one UNION ALL TABLE workers_forty;
SELECT is((SELECT string_agg(DISTINCT k, ', ') FROM expected e LEFT JOIN in_workers a USING (k, g) WHERE e.metric = call.metric AND (a.g IS NULL OR results[(SELECT count(*) FROM call c WHERE c.metric <= call.metric)] IS DISTINCT FROM result)), NULL, metric || ', 4 workers') FROM call;
SELECT is((SELECT string_agg(k, ', ') FROM grouping WHERE plan_of(at_once(k)) NOT LIKE '%Finalize%Workers Planned: 4%Partial%'), NULL, 'all run in workers');
RESET work_mem;

-- the rate of each period in one pass is that of a GROUP BY
SELECT results_eq(format($f$SELECT (p).period, (p).customers, (p).repeated, (p).rate FROM (SELECT unnest(repurchase_periods(c, at, %1$L, '2026-01-01'::date)) AS p FROM orders) x$f$, unit),
                  format($f$SELECT p, (s).denominator, (s).numerator, (s).rate FROM (SELECT date_trunc(%L, at)::date AS p, repurchase_stats(c) AS s FROM orders GROUP BY 1) x WHERE (s).denominator > 0 AND p IS NOT NULL ORDER BY p$f$, unit),
                  'repurchase by ' || unit || ' is a GROUP BY')
FROM period WHERE unit NOT IN ('day', 'year');

-- nothing, NULL, mistakes
SELECT is((SELECT ROW(repurchase_periods(c, at, 'month'), repurchase_periods(c, at, NULL), repurchase_periods(c, at, 'month', NULL::date))::text FROM orders WHERE g = 41), '(,,)', 'no usable row');
SELECT is((SELECT array_to_string(repurchase_periods(c, at, 'month', date '2025-04-15'), ' ') FROM (VALUES (1, date '2025-04-15'), (1, '2025-04-16'), (2, '2025-03-31'), (2, '2025-03-31')) v (c, at)),
          '(2025-03-01,1,1,1) (2025-04-01,1,0,)', 'the period of as_of is open, what lies after as_of is not there');
SELECT throws_ok('SELECT repurchase_periods(c, at, ''hour'') FROM orders', '22023', 'unknown unit', 'unknown unit');

SELECT finish();
DROP SCHEMA agg_periods CASCADE;
