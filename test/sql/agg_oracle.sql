-- Retention between and from days, the curve, cohorts, the keep rate, second
-- purchases, intervals and funnels against plain SQL on random rows: several
-- orders a day, NULLs, days of 23 hours, rows in any order; one, forty and
-- hundreds of groups; every kind of key and time; any work_mem; in workers.
\set ECHO none
\pset format unaligned
\pset tuples_only true
SET client_min_messages = warning;
DROP SCHEMA IF EXISTS agg_oracle CASCADE;
CREATE SCHEMA agg_oracle;
SET search_path = agg_oracle, public;
SET TimeZone = 'Asia/Beirut';
SET jit = off;

SELECT setseed(0.125) \gset
CREATE TABLE orders AS
SELECT g, CASE WHEN random() < 0.02 THEN NULL ELSE (g * 10 + (random() * random() * 30)::int) END AS c,
       CASE WHEN random() < 0.02 THEN NULL
            WHEN random() < 0.2 THEN timestamptz '2025-03-29 20:00 UTC' + (random() * 9)::int * interval '30 minutes'
            ELSE timestamptz '2024-11-20 UTC' + random() * random() * interval '160 days' END AS at,
       CASE WHEN random() < 0.05 THEN NULL ELSE random() < 0.6 END AS s,
       CASE WHEN random() < 0.05 THEN NULL ELSE random() < 0.6 END AS r
FROM generate_series(1, 40) g, generate_series(1, 120);
INSERT INTO orders VALUES (41, NULL, now(), true, true), (42, 1, NULL, true, true);
ALTER TABLE orders SET (parallel_workers = 4);
ANALYZE orders;

-- three ways to group: k says which
CREATE TABLE grouping (k text, expression text);
INSERT INTO grouping VALUES ('one', '0'), ('forty', 'g'), ('many', 'coalesce(c, 0)');
CREATE TABLE all_rows AS
SELECT k, CASE k WHEN 'one' THEN 0 WHEN 'forty' THEN g ELSE coalesce(c, 0) END AS g, c, (at AT TIME ZONE 'Asia/Beirut')::date AS d,
       coalesce(s, false) AS s, coalesce(r, false) AS r, c IS NOT NULL AND at IS NOT NULL AS usable
FROM orders, grouping;
CREATE VIEW groups AS SELECT DISTINCT k, g FROM all_rows;
CREATE TABLE every_day AS SELECT k, g, c, d, bool_or(s) AS s, bool_or(r) AS r, count(*) AS n FROM all_rows WHERE usable GROUP BY k, g, c, d;
CREATE VIEW day AS SELECT * FROM every_day WHERE d <= '2025-04-15';
CREATE VIEW first AS SELECT k, g, c, min(d) AS first FROM day GROUP BY k, g, c;
CREATE VIEW start AS SELECT k, g, c, min(d) AS first FROM day WHERE s GROUP BY k, g, c;
-- the days since the first, and returns since the first start
CREATE TABLE since AS SELECT k, g, c, first, d, d - first AS n FROM day JOIN first USING (k, g, c);
CREATE TABLE returned AS SELECT k, g, c, first, d, d - first AS n FROM day JOIN start USING (k, g, c) WHERE d = first OR (d > first AND r);
CREATE INDEX ON since (k, g);
CREATE INDEX ON returned (k, g);
ANALYZE since, returned;
-- the number of the day, and the next one
CREATE TABLE numbered AS
SELECT k, g, c, d, row_number() OVER w AS i, lead(d) OVER w AS next FROM every_day WINDOW w AS (PARTITION BY k, g, c ORDER BY d);
CREATE INDEX ON numbered (k, g);
CREATE INDEX ON every_day (k, g, c, d);
ANALYZE numbered, every_day;

CREATE FUNCTION rate_text(numerator bigint, denominator bigint) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT concat_ws(' ', coalesce(numerator, 0), coalesce(denominator, 0), numerator / nullif(denominator, 0)::float8) $$;
CREATE FUNCTION stats_text(s crmlife.rate_stats, rate float8) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT CASE WHEN s.rate IS DISTINCT FROM rate THEN 'different rates' ELSE concat_ws(' ', s.numerator, s.denominator, s.rate) END $$;
CREATE FUNCTION rows_text(anyarray) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT array_to_string($1, ' ') $$;

CREATE TABLE expected (metric text, k text, g int, result text);

INSERT INTO expected
SELECT 'between', k, g, rate_text(count(*) FILTER (WHERE came), count(came)) FROM groups LEFT JOIN
  (SELECT k, g, c, bool_or(n BETWEEN 3 AND 12) AS came FROM since WHERE first + 12 < '2025-04-15' GROUP BY k, g, c) x USING (k, g) GROUP BY k, g
UNION ALL
SELECT 'from', k, g, rate_text(count(*) FILTER (WHERE came), count(came)) FROM groups LEFT JOIN
  (SELECT k, g, c, bool_or(n >= 40) AS came FROM since WHERE first + 40 < '2025-04-15' GROUP BY k, g, c) x USING (k, g) GROUP BY k, g
UNION ALL
SELECT 'nth of kinds', k, g, rate_text(count(*) FILTER (WHERE came), count(came)) FROM groups LEFT JOIN
  (SELECT k, g, c, bool_or(n = 2) AS came FROM returned WHERE first + 2 < '2025-04-15' GROUP BY k, g, c) x USING (k, g) GROUP BY k, g
UNION ALL
SELECT 'within of kinds', k, g, rate_text(count(*) FILTER (WHERE came), count(came)) FROM groups LEFT JOIN
  (SELECT k, g, c, bool_or(n BETWEEN 1 AND 5) AS came FROM returned WHERE first + 5 < '2025-04-15' GROUP BY k, g, c) x USING (k, g) GROUP BY k, g
UNION ALL
SELECT 'between of kinds', k, g, rate_text(count(*) FILTER (WHERE came), count(came)) FROM groups LEFT JOIN
  (SELECT k, g, c, bool_or(n BETWEEN 3 AND 12) AS came FROM returned WHERE first + 12 < '2025-04-15' GROUP BY k, g, c) x USING (k, g) GROUP BY k, g
UNION ALL
SELECT 'from of kinds', k, g, rate_text(count(*) FILTER (WHERE came), count(came)) FROM groups LEFT JOIN
  (SELECT k, g, c, bool_or(n >= 40) AS came FROM returned WHERE first + 40 < '2025-04-15' GROUP BY k, g, c) x USING (k, g) GROUP BY k, g
UNION ALL
SELECT 'keep', k, g, rate_text(count(*) FILTER (WHERE was AND kept), count(*) FILTER (WHERE was)) FROM groups LEFT JOIN
  (SELECT k, g, c, bool_or(d <= '2025-01-20') AS was, bool_or(d > '2025-01-20' AND d <= date '2025-01-20' + 14) AS kept FROM every_day GROUP BY k, g, c) x USING (k, g) GROUP BY k, g
UNION ALL
SELECT 'keep, lookback', k, g, rate_text(count(*) FILTER (WHERE was AND kept), count(*) FILTER (WHERE was)) FROM groups LEFT JOIN
  (SELECT k, g, c, bool_or(d <= '2025-01-20' AND d > date '2025-01-20' - 10) AS was, bool_or(d > '2025-01-20' AND d <= date '2025-01-20' + 14) AS kept FROM every_day GROUP BY k, g, c) x USING (k, g) GROUP BY k, g
UNION ALL
SELECT 'second', k, g, rate_text(count(*) FILTER (WHERE came), count(came)) FROM groups LEFT JOIN
  (SELECT k, g, c, bool_or(n BETWEEN 1 AND 30) AS came FROM since WHERE first + 30 < '2025-04-15' GROUP BY k, g, c) x USING (k, g) GROUP BY k, g
UNION ALL
SELECT 'second, literal', k, g, rate_text(count(*) FILTER (WHERE came), count(came)) FROM groups LEFT JOIN
  (SELECT k, g, c, bool_or(n > 0) AS came FROM since WHERE first > date '2025-04-15' - 80 GROUP BY k, g, c) x USING (k, g) GROUP BY k, g
UNION ALL
SELECT 'interval', k, g, concat_ws(' ', sum(next - d) / nullif(count(next), 0)::float8, percentile_cont(0.5) WITHIN GROUP (ORDER BY next - d)) FROM groups LEFT JOIN numbered USING (k, g) GROUP BY k, g;

INSERT INTO expected
SELECT metric, k, g, string_agg(ROW(n, eligible, retained, retained / nullif(eligible, 0)::float8)::text, ' ' ORDER BY n) FILTER (WHERE n IS NOT NULL)
FROM groups CROSS JOIN (VALUES ('curve', false, date '-infinity', date 'infinity'), ('curve of some', false, '2024-12-10', '2025-01-15'),
                               ('curve of kinds', true, '-infinity', 'infinity'), ('curve of some kinds', true, '2024-12-10', '2025-01-15')) v (metric, kinds, c_from, c_to)
LEFT JOIN LATERAL (
  SELECT n, count(DISTINCT c) FILTER (WHERE x.first + n < '2025-04-15') AS eligible, count(*) FILTER (WHERE x.first + n < '2025-04-15' AND x.n_active = n) AS retained
  FROM generate_series(0, 70) n, (SELECT c, first, s.n AS n_active FROM since s WHERE NOT kinds AND s.k = groups.k AND s.g = groups.g
                                  UNION ALL SELECT c, first, s.n FROM returned s WHERE kinds AND s.k = groups.k AND s.g = groups.g) x
  WHERE x.first BETWEEN c_from AND c_to GROUP BY n) y ON true
WHERE k <> 'many' OR g % 40 = 0
GROUP BY metric, k, g;

-- pairs of a customer and a day of the 90 before, and the customer's other days
INSERT INTO expected
SELECT 'returns', k, g, string_agg(ROW(i, eligible, returned, returned / nullif(eligible, 0)::float8)::text, ' ' ORDER BY i) FILTER (WHERE i IS NOT NULL)
FROM groups
LEFT JOIN LATERAL (
  SELECT i, count(*) FILTER (WHERE a.d >= date '2025-04-15' - 90 AND a.d + i < '2025-04-15') AS eligible,
         count(b.d) FILTER (WHERE a.d >= date '2025-04-15' - 90 AND a.d + i < '2025-04-15') AS returned
  FROM generate_series(1, 40) i CROSS JOIN day a LEFT JOIN day b ON (b.k, b.g, b.c) = (a.k, a.g, a.c) AND b.d = a.d + i
  WHERE a.k = groups.k AND a.g = groups.g GROUP BY i) y ON true
WHERE k <> 'many' OR g % 40 = 0
GROUP BY k, g;

CREATE TABLE period (unit text, step interval);
INSERT INTO period VALUES ('day', '1 day'), ('week', '7 days'), ('month', '1 month'), ('quarter', '3 months'), ('year', '1 year');
INSERT INTO expected
WITH member AS (
  SELECT 'cohorts' AS metric, k, g, c, first, d FROM since
  UNION ALL SELECT 'cohorts of some', k, g, c, first, d FROM since WHERE first BETWEEN '2024-12-10' AND '2025-01-15'
  UNION ALL SELECT 'cohorts of kinds', k, g, c, first, d FROM returned
  UNION ALL SELECT 'cohorts of some kinds', k, g, c, first, d FROM returned WHERE first BETWEEN '2024-12-10' AND '2025-01-15'),
cohort AS (SELECT metric, unit, step, k, g, date_trunc(unit, first::timestamp) AS cohort, count(DISTINCT c) AS customers FROM member, period GROUP BY 1, 2, 3, 4, 5, 6),
active AS (SELECT metric, unit, k, g, date_trunc(unit, first::timestamp) AS cohort, date_trunc(unit, d::timestamp) AS at, count(DISTINCT c) AS retained
           FROM member, period GROUP BY 1, 2, 3, 4, 5, 6),
cell AS (SELECT metric, unit, k, g, cohort, i - 1 AS i, customers, coalesce(retained, 0) AS retained, p.at + step <= '2025-04-15' AS over
         FROM cohort CROSS JOIN LATERAL generate_series(cohort, timestamp '2025-04-15', step) WITH ORDINALITY AS p (at, i) LEFT JOIN active USING (metric, unit, k, g, cohort, at))
SELECT m.metric || ' by ' || unit, k, g, string_agg(ROW(cohort::date, i, customers, retained, CASE WHEN over THEN retained / customers::float8 END)::text, ' ' ORDER BY cohort, i) FILTER (WHERE cohort IS NOT NULL)
FROM groups CROSS JOIN period CROSS JOIN (SELECT DISTINCT metric FROM member) m LEFT JOIN cell USING (metric, unit, k, g)
WHERE k <> 'many' OR g % 40 = 0
GROUP BY 1, 2, 3;

INSERT INTO expected
WITH step AS (
  SELECT 'funnel' AS metric, k, g, i, count(*) FILTER (WHERE n >= i) AS reached, count(*) FILTER (WHERE n > i) AS converted
  FROM generate_series(1, 10) i, (SELECT k, g, c, count(*) AS n FROM all_rows WHERE c IS NOT NULL GROUP BY k, g, c) x GROUP BY k, g, i
  UNION ALL
  SELECT 'funnel within', x.k, x.g, s.i, count(*) FILTER (WHERE n.i = s.i AND n.d + 10 < '2025-04-15'), count(*) FILTER (WHERE n.i = s.i AND n.d + 10 < '2025-04-15' AND n.next <= n.d + 10)
  FROM generate_series(1, 4) s (i) CROSS JOIN (SELECT DISTINCT k, g FROM day) x JOIN numbered n USING (k, g) GROUP BY x.k, x.g, s.i)
SELECT metric, k, g, string_agg(ROW(i, reached, converted, rate, coalesce(place = 1, false))::text, ' ' ORDER BY i) FILTER (WHERE i IS NOT NULL)
FROM groups CROSS JOIN (VALUES ('funnel'), ('funnel within')) v (metric)
LEFT JOIN (SELECT *, CASE WHEN reached > 0 THEN row_number() OVER (PARTITION BY metric, k, g ORDER BY rate NULLS LAST, i) END AS place
           FROM (SELECT *, converted / nullif(reached, 0)::float8 AS rate FROM step) x) y USING (metric, k, g)
GROUP BY metric, k, g;

-- days to the second purchase, without its interval
INSERT INTO expected
WITH time AS (
  SELECT k, g, c, CASE WHEN next < '2025-04-15' THEN next - d ELSE date '2025-04-14' - d END AS t, coalesce(next < '2025-04-15', false) AS bought
  FROM numbered WHERE i = 1 AND d < '2025-04-15'),
point AS (SELECT k, g, t, count(*) FILTER (WHERE bought) AS events, count(*) FILTER (WHERE NOT bought) AS censored FROM time GROUP BY k, g, t),
risk AS (SELECT *, sum(events + censored) OVER (PARTITION BY k, g ORDER BY t DESC) AS at_risk FROM point)
SELECT 'time', k, g, string_agg(format('%s/%s/%s/%s', t, at_risk, events, censored), ' ' ORDER BY t) FILTER (WHERE t IS NOT NULL)
FROM groups LEFT JOIN risk USING (k, g) GROUP BY k, g;

ANALYZE expected;
CREATE FUNCTION time_text(crmlife.survival_point[]) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT string_agg(format('%s/%s/%s/%s', day, at_risk, purchased, censored), ' ' ORDER BY i)
  FROM unnest($1) WITH ORDINALITY AS x (day, at_risk, purchased, censored, survival, std_error, lower, upper, i) $$;

CREATE TABLE call (metric text, call text);
INSERT INTO call VALUES
  ('between', 'stats_text(retention_between_days_stats(C, A, 3, 12, O), retention_between_days(C, A, 3, 12, O))'),
  ('from', 'stats_text(retention_from_day_stats(C, A, 40, O), retention_from_day(C, A, 40, O))'),
  ('nth of kinds', 'stats_text(retention_nth_day_stats(C, A, 2, O, s, r), retention_nth_day(C, A, 2, O, s, r))'),
  ('within of kinds', 'stats_text(retention_within_days_stats(C, A, 5, O, s, r), retention_within_days(C, A, 5, O, s, r))'),
  ('between of kinds', 'stats_text(retention_between_days_stats(C, A, 3, 12, O, s, r), retention_between_days(C, A, 3, 12, O, s, r))'),
  ('from of kinds', 'stats_text(retention_from_day_stats(C, A, 40, O, s, r), retention_from_day(C, A, 40, O, s, r))'),
  ('keep', 'stats_text(keep_stats(C, A, ''2025-01-20''::date, 14), keep_rate(C, A, ''2025-01-20'', 14))'),
  ('keep, lookback', 'stats_text(keep_stats(C, A, ''2025-01-20''::date, 14, 10), keep_rate(C, A, ''2025-01-20'', 14, 10))'),
  ('second', 'stats_text(second_purchase_stats(C, A, 30, O), second_purchase_rate(C, A, 30, O, ''mature''))'),
  ('second, literal', 'stats_text(second_purchase_stats(C, A, 80, O, ''literal''), second_purchase_rate(C, A, 80, O, ''literal''))'),
  ('interval', 'concat_ws('' '', repurchase_interval(C, A), repurchase_interval_median(C, A))'),
  ('curve', 'rows_text(retention_curve(C, A, 70, O))'),
  ('curve of some', 'rows_text(retention_curve(C, A, 70, O, ''2024-12-10''::date, ''2025-01-15''::date))'),
  ('curve of kinds', 'rows_text(retention_curve(C, A, 70, O, s, r))'),
  ('curve of some kinds', 'rows_text(retention_curve(C, A, 70, O, ''2024-12-10'', ''2025-01-15'', s, r))'),
  ('returns', 'rows_text(return_curve(C, A, 40, O))'),
  ('funnel', 'rows_text(repeat_funnel(C))'),
  ('funnel within', 'rows_text(repeat_funnel(C, A, 4, 10, O))'),
  ('time', 'time_text(time_to_second_purchase(C, A, O))');
INSERT INTO call SELECT 'cohorts by ' || unit, format('rows_text(retention_cohorts(C, A, %L, O))', unit) FROM period
UNION ALL SELECT 'cohorts of some by ' || unit, format('rows_text(retention_cohorts(C, A, %L, O, ''2024-12-10''::date, ''2025-01-15''::date))', unit) FROM period WHERE unit = 'day'
UNION ALL SELECT 'cohorts of kinds by ' || unit, format('rows_text(retention_cohorts(C, A, %L, O, s, r))', unit) FROM period WHERE unit = 'month'
UNION ALL SELECT 'cohorts of some kinds by ' || unit, format('rows_text(retention_cohorts(C, A, %L, O, ''2024-12-10'', ''2025-01-15'', s, r))', unit) FROM period WHERE unit IN ('week', 'quarter');

CREATE FUNCTION query(call text, k text, customer text, at text) RETURNS text LANGUAGE sql AS $$
  SELECT format('SELECT %s AS g, %s AS result FROM orders GROUP BY 1', (SELECT expression FROM grouping WHERE grouping.k = query.k),
                regexp_replace(regexp_replace(regexp_replace(call, '\mC\M', customer, 'g'), '\mA\M', at, 'g'), '\mO\M', '''2025-04-15''::date', 'g')) $$;
-- groups whose result is not the oracle's, -1 if none is compared
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

SELECT plan((SELECT 5 * count(*)::int + 6 FROM call) + (SELECT count(*)::int FROM call WHERE metric LIKE '%cohorts by%' OR metric LIKE '%of kinds' OR metric IN ('interval', 'curve', 'returns', 'time')));

-- the oracle has something to say
SELECT cmp_ok((SELECT count(DISTINCT result) FROM expected WHERE k = 'forty'), '>', 500::bigint, 'the groups differ');
SELECT is((SELECT count(*) FROM call WHERE metric NOT IN (SELECT metric FROM expected)), 0::bigint, 'every call has its oracle');

SET max_parallel_workers_per_gather = 0;
SELECT is((SELECT string_agg(k, ' ') FROM grouping WHERE differing(metric, k) <> 0), NULL, metric || ', serial') FROM call;
-- keys and times
SELECT is((SELECT string_agg(kind, ', ') FROM (VALUES ('date', 'c', '(at AT TIME ZONE ''Asia/Beirut'')::date'), ('timestamp', 'c', 'at AT TIME ZONE ''Asia/Beirut'''),
             ('uuid', 'md5(c::text)::uuid', 'at'), ('text', '''customer '' || c', 'at')) v (kind, customer, at)
           WHERE differing(metric, 'forty', customer, at) <> 0), NULL, metric || ', keys and times') FROM call;
SET work_mem = '64kB';
SELECT is((SELECT string_agg(k || ' ' || customer, ', ') FROM grouping, (VALUES ('c'), ('''a customer '' || c')) v (customer) WHERE k <> 'many' AND differing(metric, k, customer) <> 0), NULL, metric || ', 64 kB') FROM call;
-- rows that do not fit, in partitions of partitions
CREATE TABLE wide AS SELECT o.g, o.c * 1000 + i AS c, o.at + i * interval '7 hours' AS at, (o.c + i) % 3 > 0 AS s, (o.c + i) % 5 > 0 AS r FROM orders o, generate_series(1, 10) i WHERE o.at IS NOT NULL AND o.c IS NOT NULL;
CREATE FUNCTION spilled(call text, customer text, memory text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE result text;
BEGIN
  PERFORM set_config('work_mem', memory, true);
  EXECUTE format('SELECT md5((x)::text) FROM (SELECT %s AS x FROM wide) y', regexp_replace(regexp_replace(regexp_replace(call, '\mC\M', customer, 'g'), '\mA\M', 'at', 'g'), '\mO\M', '''2025-04-15''::date', 'g')) INTO result;
  RETURN result;
END $$;
SELECT cmp_ok(temp_written('SELECT repurchase_interval(c, at) FROM wide'), '>', 100::bigint, 'events in 64 kB need temporary files');
SELECT is(spilled(call, customer, '64kB'), spilled(call, customer, '1GB'), metric || ', spilled or not') FROM call, (VALUES ('''a customer '' || c')) v (customer)
WHERE metric LIKE '%cohorts by%' OR metric LIKE '%of kinds' OR metric IN ('interval', 'curve', 'returns', 'time');
SELECT is((SELECT count(*) FROM pg_ls_tmpdir() WHERE name LIKE 'pgsql_tmp' || pg_backend_pid() || '.%'), 0::bigint, 'no temporary file is left');

-- workers
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET min_parallel_table_scan_size = 0;
SET max_parallel_workers_per_gather = 2;
SELECT is((SELECT string_agg(metric, ', ') FROM call WHERE plan_of(query(call, 'forty', 'c', 'at')) NOT LIKE '%Finalize%Partial%'), NULL, 'all run in workers');
SELECT is((SELECT string_agg(k || ' ' || customer, ', ') FROM grouping, (VALUES ('c'), ('''a customer '' || c')) v (customer) WHERE k <> 'many' AND differing(metric, k, customer) <> 0), NULL, metric || ', 2 workers, 64 kB') FROM call;
RESET work_mem;
SET max_parallel_workers_per_gather = 4;
SET parallel_leader_participation = off;
SELECT is((SELECT string_agg(k, ', ') FROM grouping WHERE k <> 'many' AND differing(metric, k, 'md5(c::text)::uuid') <> 0), NULL, metric || ', 4 workers alone') FROM call;
SELECT is((SELECT string_agg(metric, ', ') FROM call WHERE plan_of(query(call, 'one', 'c', 'at')) NOT LIKE '%Workers Planned: 4%Partial%'), NULL, 'in four');

SELECT finish();
DROP SCHEMA agg_oracle CASCADE;
