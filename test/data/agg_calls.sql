-- Calls of every aggregate over customers, and what plain SQL makes of them.
-- Included by tests, in a schema of their own:
--
--   orders      customers (c, u, t) at random: several orders a day and at one instant, refunds
--               (before the first order too), NULLs, amounts too wide for 128
--               bits, days of 23 and 25 hours, no order; 40 groups and four in
--               which next to nothing counts
--   call        metric, and an expression over C (customer), A (time), O (as_of),
--               D (day)
--   expected    the result as text for each group: grouping 'one' all rows,
--               'forty' by g, 'many' by customer
--
-- The oracle is written from the definitions, not for speed.
SET TimeZone = 'Asia/Beirut';
SET DateStyle = ISO;
SET jit = off;
SET max_parallel_workers_per_gather = 0;
SET work_mem = '64MB';

SELECT setseed(0.125) \gset
CREATE TABLE orders AS
SELECT g, CASE WHEN random() < 0.02 THEN NULL ELSE g * 1000 + (random() * random() * 300)::int END AS c,
       CASE WHEN random() < 0.02 THEN NULL
            WHEN random() < 0.1 THEN timestamptz '2025-03-29 20:00 UTC' + (random() * 9)::int * interval '30 minutes'
            WHEN random() < 0.1 THEN timestamptz '2024-10-26 19:00 UTC' + (random() * 9)::int * interval '30 minutes'
            ELSE timestamptz '2024-10-25 UTC' + random() * random() * interval '200 days' END AS at,
       CASE WHEN random() < 0.05 THEN NULL ELSE random() < 0.6 END AS s,
       CASE WHEN random() < 0.05 THEN NULL ELSE random() < 0.6 END AS r,
       CASE WHEN random() < 0.05 THEN NULL WHEN random() < 0.15 THEN -(random() * 50)::numeric(9, 2) WHEN random() < 0.05 THEN 0
            WHEN random() < 0.02 THEN random()::numeric * 1e40 WHEN random() < 0.02 THEN 1234.56 / (1 + (random() * 10)::int)::numeric
            ELSE (random() * 5)::int + 0.50 END AS amount
FROM generate_series(1, 40) g, generate_series(1, 240);
INSERT INTO orders SELECT g, c, at, r, s, (random() * 3)::int FROM orders WHERE random() < 0.08;
INSERT INTO orders SELECT * FROM orders WHERE random() < 0.02;
INSERT INTO orders VALUES (41, NULL, now(), true, true, 1), (42, 1, NULL, true, true, 2), (43, 2, '2025-01-01', true, true, -5), (44, 3, '2025-01-01', true, true, NULL);
ALTER TABLE orders ADD u uuid, ADD t text;
UPDATE orders SET u = md5(c::text)::uuid, t = 'a customer ' || c;
ALTER TABLE orders SET (parallel_workers = 4);
VACUUM FULL ANALYZE orders;

CREATE TABLE grouping (k text, expression text);
INSERT INTO grouping VALUES ('one', '0'), ('forty', 'g'), ('many', 'coalesce(c, 0)');
CREATE TABLE all_rows AS
SELECT k, CASE k WHEN 'one' THEN 0 WHEN 'forty' THEN g ELSE coalesce(c, 0) END AS g, c, at AT TIME ZONE 'Asia/Beirut' AS at, (at AT TIME ZONE 'Asia/Beirut')::date AS d,
       coalesce(s, false) AS s, coalesce(r, false) AS r, amount, coalesce(amount, 0) >= 0 AS is_order
FROM orders, grouping;
CREATE TABLE groups AS SELECT DISTINCT k, g FROM all_rows;
CREATE TABLE event AS SELECT *, min(at) FILTER (WHERE is_order) OVER (PARTITION BY k, g, c) AS first_order FROM all_rows WHERE c IS NOT NULL AND at IS NOT NULL;
CREATE TABLE every_day AS SELECT k, g, c, d, bool_or(s) AS s, bool_or(r) AS r FROM event GROUP BY k, g, c, d;
CREATE VIEW day AS SELECT * FROM every_day WHERE d <= '2025-04-15';
-- the days since the first, and returns since the first start
CREATE TABLE since AS SELECT *, d - first AS n FROM (SELECT k, g, c, d, min(d) OVER w AS first FROM day WINDOW w AS (PARTITION BY k, g, c)) x;
CREATE TABLE returned AS SELECT k, g, c, d, first, d - first AS n FROM (SELECT k, g, c, d, r, min(d) FILTER (WHERE s) OVER w AS first FROM day WINDOW w AS (PARTITION BY k, g, c)) x
WHERE d = first OR (d > first AND r);
CREATE TABLE numbered AS
SELECT k, g, c, d, row_number() OVER w AS i, lead(d) OVER w AS next FROM every_day WINDOW w AS (PARTITION BY k, g, c ORDER BY d);
ANALYZE groups, event, every_day, since, returned, numbered;

CREATE TABLE expected (metric text, k text, g int, result text);

-- ---- rates: numerator, denominator, rate, Wilson's interval -----------------
CREATE FUNCTION rate_text(numerator bigint, denominator bigint) RETURNS text LANGUAGE sql IMMUTABLE AS $$
  SELECT CASE WHEN coalesce(denominator, 0) = 0 THEN '0 0'
    ELSE (SELECT concat_ws(' ', numerator, denominator, p, round(((p + z * z / (2 * n) - half) / (1 + z * z / n))::numeric, 10), round(((p + z * z / (2 * n) + half) / (1 + z * z / n))::numeric, 10))
          FROM (SELECT numerator / denominator::float8 AS p, denominator AS n, 1.959963984540054::float8 AS z) x,
               LATERAL (SELECT z * sqrt(p * (1 - p) / n + z * z / (4.0 * n * n)) AS half) y) END $$;
CREATE FUNCTION stats_text(s crmlife.rate_stats, rate float8) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT CASE WHEN s.rate IS DISTINCT FROM rate THEN 'different rates'
              ELSE concat_ws(' ', s.numerator, s.denominator, s.rate, round(s.lower::numeric, 10), round(s.upper::numeric, 10)) END $$;
-- a customer came, or did not; NULL: is not counted
CREATE TABLE came (metric text, k text, g int, came bool);
INSERT INTO came
SELECT 'rows', k, g, count(*) >= 2 FROM all_rows WHERE c IS NOT NULL GROUP BY k, g, c
UNION ALL SELECT 'orders', k, g, count(*) >= 2 FROM all_rows WHERE c IS NOT NULL AND is_order GROUP BY k, g, c
UNION ALL SELECT 'days', k, g, count(*) >= 2 FROM every_day GROUP BY k, g, c
UNION ALL SELECT 'keep', k, g, bool_or(d > '2025-01-20' AND d <= date '2025-01-20' + 14) FROM every_day GROUP BY k, g, c HAVING bool_or(d <= '2025-01-20')
UNION ALL SELECT 'keep, lookback', k, g, bool_or(d > '2025-01-20' AND d <= date '2025-01-20' + 14) FROM every_day GROUP BY k, g, c HAVING bool_or(d <= '2025-01-20' AND d > date '2025-01-20' - 10)
UNION ALL SELECT 'second', k, g, bool_or(n BETWEEN 1 AND 30) FROM since GROUP BY k, g, c, first HAVING first + 30 < '2025-04-15'
UNION ALL SELECT 'second, literal', k, g, bool_or(n BETWEEN 1 AND 80) FROM since GROUP BY k, g, c, first HAVING first > date '2025-04-15' - 80;
CREATE TABLE days (metric text, low int, high int, over int, many bool, call text);
INSERT INTO days VALUES
  ('nth 0', 0, 0, 0, false, 'nth_day(C, A, 0, O'), ('nth 7', 7, 7, 7, true, 'nth_day(C, A, 7, O'), ('nth 70', 70, 70, 70, false, 'nth_day(C, A, 70, O'),
  ('within 7', 1, 7, 7, false, 'within_days(C, A, 7, O'), ('within 40', 1, 40, 40, true, 'within_days(C, A, 40, O'),
  ('between 3 and 12', 3, 12, 12, true, 'between_days(C, A, 3, 12, O'), ('between 20 and 90', 20, 90, 90, false, 'between_days(C, A, 20, 90, O'),
  ('from 1', 1, 999, 1, false, 'from_day(C, A, 1, O'), ('from 40', 40, 999, 40, true, 'from_day(C, A, 40, O');
INSERT INTO came SELECT metric, k, g, bool_or(n BETWEEN low AND high) FROM since, days WHERE many OR k <> 'many' GROUP BY metric, k, g, c, first, over HAVING first + over < '2025-04-15'
UNION ALL SELECT metric || ' of kinds', k, g, bool_or(n BETWEEN low AND high) FROM returned, days WHERE many OR k <> 'many' GROUP BY metric, k, g, c, first, over HAVING first + over < '2025-04-15';
INSERT INTO expected SELECT metric, k, g, rate_text(count(*) FILTER (WHERE came), count(came)) FROM groups JOIN (SELECT DISTINCT metric, k FROM came) m USING (k) LEFT JOIN came USING (metric, k, g) GROUP BY metric, k, g;

-- ---- the curve --------------------------------------------------------------
CREATE TABLE range (range text, c_from date, c_to date);
INSERT INTO range VALUES ('', '-infinity', 'infinity'), (' of some', '2024-12-10', '2025-01-15');
CREATE TABLE member AS
SELECT 'all' AS kinds, range, k, g, c, first, d, n FROM since, range WHERE first BETWEEN c_from AND c_to
UNION ALL SELECT 'kinds', range, k, g, c, first, d, n FROM returned, range WHERE first BETWEEN c_from AND c_to;
ANALYZE member;
INSERT INTO expected
WITH active AS (SELECT kinds, range, k, g, n, count(*) AS retained FROM member WHERE first + n < '2025-04-15' GROUP BY 1, 2, 3, 4, 5),
     eligible AS (SELECT kinds, range, k, g, s AS n, count(*) FILTER (WHERE first + s < '2025-04-15') AS eligible FROM member, generate_series(0, 70) s WHERE n = 0 AND (k <> 'many' OR range = '' AND kinds = 'all' AND s <= 3) GROUP BY 1, 2, 3, 4, 5),
     point AS (SELECT kinds, range, k, g, n, eligible, coalesce(retained, 0) AS retained FROM eligible LEFT JOIN active USING (kinds, range, k, g, n))
SELECT format('curve%s by %s', range, kinds), k, g, string_agg(ROW(n, eligible, retained, retained / nullif(eligible, 0)::float8)::text, ' ' ORDER BY n) FILTER (WHERE n IS NOT NULL)
FROM groups CROSS JOIN (SELECT DISTINCT kinds, range FROM member) m LEFT JOIN point USING (kinds, range, k, g) WHERE k <> 'many' GROUP BY range, kinds, k, g
UNION ALL
SELECT 'curve, short', k, g, string_agg(ROW(n, eligible, retained, retained / nullif(eligible, 0)::float8)::text, ' ' ORDER BY n) FILTER (WHERE n IS NOT NULL)
FROM groups LEFT JOIN (SELECT * FROM point WHERE kinds = 'all' AND range = '' AND n <= 3) point USING (k, g) GROUP BY k, g;

-- pairs of a customer and a day of the 90 before, and the same customer's day later
INSERT INTO expected
WITH pair AS (SELECT k, g, c, d FROM day WHERE d >= date '2025-04-15' - 90),
     returned AS (SELECT k, g, b.d - a.d AS n, count(*) AS returned FROM pair a JOIN day b USING (k, g, c) WHERE b.d > a.d AND b.d < '2025-04-15' GROUP BY 1, 2, 3),
     eligible AS (SELECT k, g, n, count(*) FILTER (WHERE d + n < '2025-04-15') AS eligible FROM pair, generate_series(1, 40) n WHERE k <> 'many' OR n <= 3 GROUP BY 1, 2, 3),
     point AS (SELECT k, g, n, coalesce(eligible, 0) AS eligible, coalesce(returned, 0) AS returned
               FROM (SELECT DISTINCT k, g FROM day) x CROSS JOIN generate_series(1, 40) n LEFT JOIN eligible USING (k, g, n) LEFT JOIN returned USING (k, g, n) WHERE k <> 'many' OR n <= 3)
SELECT metric, k, g, string_agg(ROW(n, eligible, returned, returned / nullif(eligible, 0)::float8)::text, ' ' ORDER BY n) FILTER (WHERE n <= max_n)
FROM groups CROSS JOIN (VALUES ('returns', 40), ('returns, short', 3)) m (metric, max_n) LEFT JOIN point USING (k, g) WHERE k <> 'many' OR max_n = 3 GROUP BY metric, k, g;

-- ---- periods ----------------------------------------------------------------
CREATE TABLE period (unit text, step interval);
INSERT INTO period VALUES ('day', '1 day'), ('week', '7 days'), ('month', '1 month'), ('quarter', '3 months'), ('year', '1 year');
-- by day there are as many cells as there are rows: those of a range, and of one group
CREATE VIEW period_member AS SELECT unit, step, m.* FROM member m, period WHERE (unit <> 'day' OR k = 'one' AND kinds = 'all' OR k = 'forty' AND range <> '') AND (k <> 'many' OR unit = 'quarter');
INSERT INTO expected
WITH cohort AS (SELECT unit, step, kinds, range, k, g, date_trunc(unit, first::timestamp) AS cohort, count(*) AS customers FROM period_member WHERE n = 0 GROUP BY 1, 2, 3, 4, 5, 6, 7),
     active AS (SELECT unit, kinds, range, k, g, date_trunc(unit, first::timestamp) AS cohort, date_trunc(unit, d::timestamp) AS at, count(DISTINCT c) AS retained FROM period_member GROUP BY 1, 2, 3, 4, 5, 6, 7),
     cell AS (SELECT unit, kinds, range, k, g, cohort, i - 1 AS i, customers, coalesce(retained, 0) AS retained, at + step <= '2025-04-15' AS over
              FROM cohort CROSS JOIN LATERAL generate_series(cohort, timestamp '2025-04-15', step) WITH ORDINALITY AS p (at, i) LEFT JOIN active USING (unit, kinds, range, k, g, cohort, at))
SELECT format('cohorts%s by %s, %s', range, unit, kinds), k, g,
       string_agg(ROW(cohort::date, i, customers, retained, CASE WHEN over THEN retained / customers::float8 END)::text, ' ' ORDER BY cohort, i) FILTER (WHERE cohort IS NOT NULL)
FROM groups JOIN (SELECT DISTINCT unit, kinds, range, k FROM period_member) m USING (k) LEFT JOIN cell USING (unit, kinds, range, k, g) GROUP BY range, unit, kinds, k, g;

INSERT INTO expected
WITH active AS (SELECT DISTINCT unit, step, k, g, c, date_trunc(unit, d::timestamp) AS p FROM day, period),
     life AS (SELECT *, lag(p) OVER w AS before, lead(p) OVER w AS after FROM active WINDOW w AS (PARTITION BY unit, k, g, c ORDER BY p)),
     place AS (SELECT unit, step, k, g, s AS p FROM (SELECT unit, step, k, g, min(p) AS first FROM active GROUP BY 1, 2, 3, 4) x, generate_series(first, timestamp '2025-04-15', step) s WHERE k <> 'many' OR unit = 'quarter'),
     came AS (SELECT unit, k, g, p, count(*) FILTER (WHERE before IS NULL) AS n, count(*) FILTER (WHERE before = p - step) AS r, count(*) FILTER (WHERE before < p - step) AS s FROM life GROUP BY 1, 2, 3, 4),
     went AS (SELECT unit, k, g, p + step AS p, count(*) AS d FROM life WHERE after IS NULL OR after > p + step GROUP BY 1, 2, 3, 4),
     point AS (SELECT place.*, coalesce(n, 0) AS n, coalesce(r, 0) AS r, coalesce(s, 0) AS s, coalesce(d, 0) AS d, p + step <= '2025-04-15' AS over FROM place LEFT JOIN came USING (unit, k, g, p) LEFT JOIN went USING (unit, k, g, p))
SELECT 'growth by ' || unit, k, g, string_agg(CASE WHEN over THEN ROW(p::date, n, r, s, d) ELSE ROW(p::date, NULL, NULL, NULL, NULL) END::text, ' ' ORDER BY p) FILTER (WHERE p IS NOT NULL)
FROM groups CROSS JOIN period LEFT JOIN point USING (unit, k, g) WHERE k <> 'many' OR unit = 'quarter' GROUP BY 1, 2, 3;

INSERT INTO expected
WITH per AS (SELECT unit, step, k, g, c, date_trunc(unit, at) AS p, count(*) AS n FROM event, period WHERE at::date <= '2025-04-15' AND (k <> 'many' OR unit = 'quarter') GROUP BY 1, 2, 3, 4, 5, 6),
     point AS (SELECT unit, k, g, p, count(*) AS customers, count(*) FILTER (WHERE n >= 2) AS repeated, p + step <= '2025-04-15' AS over FROM per GROUP BY unit, step, k, g, p)
SELECT 'repurchase by ' || unit, k, g, string_agg(ROW(p::date, customers, repeated, CASE WHEN over THEN repeated / customers::float8 END)::text, ' ' ORDER BY p) FILTER (WHERE p IS NOT NULL)
FROM groups CROSS JOIN period LEFT JOIN point USING (unit, k, g) WHERE k <> 'many' OR unit = 'quarter' GROUP BY 1, 2, 3;

-- ---- money: as a value, the scale is only how it prints ----------------------
INSERT INTO expected
WITH cell AS (
  SELECT unit, k, g, date_trunc(unit, at) AS p, CASE WHEN date_trunc(unit, at) = date_trunc(unit, first_order) THEN 'new' ELSE 'returning' END AS loyalty,
         count(DISTINCT c) FILTER (WHERE is_order) AS customers, count(*) FILTER (WHERE is_order) AS orders, coalesce(sum(amount), 0) AS revenue
  FROM event, period GROUP BY 1, 2, 3, 4, 5)
SELECT 'sales by ' || unit, k, g, string_agg(concat_ws(' ', p::date, loyalty, customers, orders, trim_scale(revenue), trim_scale(round(revenue / nullif(orders, 0), 10))), E'\n' ORDER BY p, loyalty) FILTER (WHERE p IS NOT NULL)
FROM groups CROSS JOIN period LEFT JOIN cell USING (unit, k, g) WHERE k <> 'many' OR unit = 'quarter' GROUP BY 1, 2, 3;

INSERT INTO expected
WITH visible AS (SELECT k, g, c, at, amount, is_order, min(at) FILTER (WHERE is_order) OVER (PARTITION BY k, g, c) AS first FROM event WHERE at::date <= '2025-04-15'),
     cohort AS (SELECT unit, step, k, g, date_trunc(unit, first) AS cohort, count(DISTINCT c) AS customers FROM visible, period WHERE first IS NOT NULL AND (k = 'one' OR unit = 'quarter' OR k = 'forty' AND unit <> 'day') GROUP BY 1, 2, 3, 4, 5),
     cell AS (SELECT unit, k, g, date_trunc(unit, first) AS cohort, date_trunc(unit, at) AS p, count(*) FILTER (WHERE is_order) AS orders, sum(amount) AS revenue FROM visible, period GROUP BY 1, 2, 3, 4, 5),
     point AS (SELECT unit, k, g, cohort, i - 1 AS i, customers, coalesce(orders, 0) AS orders, coalesce(revenue, 0) AS revenue, p + step <= '2025-04-15' AS over,
                      round(sum(coalesce(revenue, 0)) OVER (PARTITION BY unit, k, g, cohort ORDER BY p) / customers, 10) AS each
               FROM cohort CROSS JOIN LATERAL generate_series(cohort, timestamp '2025-04-15', step) WITH ORDINALITY AS s (p, i) LEFT JOIN cell USING (unit, k, g, cohort, p))
SELECT 'revenue by ' || unit, k, g, string_agg(CASE WHEN over THEN concat_ws(' ', cohort::date, i, customers, orders, trim_scale(revenue), trim_scale(each)) ELSE concat_ws(' ', cohort::date, i, customers) END, E'\n' ORDER BY cohort, i) FILTER (WHERE cohort IS NOT NULL)
FROM groups CROSS JOIN period LEFT JOIN point USING (unit, k, g) WHERE k = 'one' OR unit = 'quarter' OR k = 'forty' AND unit <> 'day' GROUP BY 1, 2, 3;

INSERT INTO expected
WITH ranked AS (SELECT 'order index' AS metric, k, g, c, coalesce(amount, 0) AS amount, row_number() OVER w AS i, lag(coalesce(amount, 0)) OVER w AS before
                FROM event WHERE is_order WINDOW w AS (PARTITION BY k, g, c ORDER BY at, amount NULLS FIRST)
                UNION ALL
                SELECT 'order index by days', k, g, c, coalesce(amount, 0), row_number() OVER w, lag(coalesce(amount, 0)) OVER w
                FROM event WHERE is_order WINDOW w AS (PARTITION BY k, g, c ORDER BY d, amount NULLS FIRST)),
     point AS (SELECT metric, k, g, i, count(*) AS n, sum(amount) / count(*) AS mean, sum(before) / count(*) AS previous FROM ranked GROUP BY metric, k, g, i)
SELECT metric, k, g, string_agg(concat_ws(' ', i, n, trim_scale(round(mean, 10)), trim_scale(round(previous, 10))), E'\n' ORDER BY i) FILTER (WHERE i IS NOT NULL)
FROM groups CROSS JOIN (VALUES ('order index'), ('order index by days')) m (metric) LEFT JOIN point USING (metric, k, g) GROUP BY 1, 2, 3;
INSERT INTO expected
SELECT 'arpu', k, g, trim_scale(round(coalesce(sum(amount) FILTER (WHERE c IS NOT NULL), 0) / nullif(count(DISTINCT c) FILTER (WHERE is_order), 0), 10))::text FROM all_rows GROUP BY k, g
UNION ALL
SELECT 'average', k, g, trim_scale(round(coalesce(sum(amount), 0) / nullif(count(*) FILTER (WHERE is_order), 0), 10))::text FROM all_rows GROUP BY k, g;

-- ---- from order to order ----------------------------------------------------
INSERT INTO expected
SELECT 'interval', k, g, concat_ws(' ', sum(next - d) / nullif(count(next), 0)::float8, percentile_cont(0.5) WITHIN GROUP (ORDER BY next - d)) FROM groups LEFT JOIN numbered USING (k, g) GROUP BY k, g;

INSERT INTO expected
WITH per AS (SELECT k, g, count(*) AS n FROM all_rows WHERE c IS NOT NULL GROUP BY k, g, c),
step AS (
  SELECT 'funnel' AS metric, k, g, i, count(*) FILTER (WHERE n >= i) AS reached, count(*) FILTER (WHERE n > i) AS converted FROM per, generate_series(1, 10) i GROUP BY k, g, i
  UNION ALL
  SELECT 'funnel, short', k, g, i, count(*) FILTER (WHERE n >= i), count(*) FILTER (WHERE n > i) FROM per, generate_series(1, 3) i GROUP BY k, g, i
  UNION ALL
  SELECT 'funnel within', x.k, x.g, s.i, count(n.i), count(*) FILTER (WHERE n.next <= n.d + 10)
  FROM generate_series(1, 4) s (i) CROSS JOIN (SELECT DISTINCT k, g FROM day) x LEFT JOIN numbered n ON (n.k, n.g, n.i) = (x.k, x.g, s.i) AND n.d + 10 < '2025-04-15' GROUP BY x.k, x.g, s.i)
SELECT metric, k, g, string_agg(ROW(i, reached, converted, rate, coalesce(place = 1, false))::text, ' ' ORDER BY i) FILTER (WHERE i IS NOT NULL)
FROM groups CROSS JOIN (VALUES ('funnel'), ('funnel, short'), ('funnel within')) v (metric)
LEFT JOIN (SELECT *, CASE WHEN reached > 0 THEN row_number() OVER (PARTITION BY metric, k, g ORDER BY rate NULLS LAST, i) END AS place
           FROM (SELECT *, converted / nullif(reached, 0)::float8 AS rate FROM step) x) y USING (metric, k, g)
GROUP BY metric, k, g;

-- Kaplan and Meier's estimate, Greenwood's variance, the logarithm's interval
INSERT INTO expected
WITH time AS (
  SELECT k, g, c, CASE WHEN next < '2025-04-15' THEN next - d ELSE date '2025-04-14' - d END AS t, coalesce(next < '2025-04-15', false) AS bought
  FROM numbered WHERE i = 1 AND d < '2025-04-15'),
point AS (SELECT k, g, t, count(*) FILTER (WHERE bought) AS events, count(*) FILTER (WHERE NOT bought) AS censored FROM time GROUP BY k, g, t),
risk AS (SELECT *, sum(events + censored) OVER (PARTITION BY k, g ORDER BY t DESC)::float8 AS n FROM point),
curve AS (SELECT *, bool_or(events = n) OVER w AS none, exp(sum(CASE WHEN events < n THEN ln(1 - events / n) END) OVER w) AS survival,
                 sqrt(sum(CASE WHEN events < n THEN events / (n * (n - events)) END) OVER w) AS deviation FROM risk WINDOW w AS (PARTITION BY k, g ORDER BY t))
SELECT 'time', k, g, string_agg(CASE WHEN none THEN concat_ws(' ', t, n, events, censored, 0)
                                     ELSE concat_ws(' ', t, n, events, censored, trim_scale(round(survival::numeric, 9)), trim_scale(round((survival * deviation)::numeric, 9)),
                                                    trim_scale(round((survival * exp(-1.959963984540054 * deviation))::numeric, 9)), trim_scale(round(least(1, survival * exp(1.959963984540054 * deviation))::numeric, 9))) END,
                                E'\n' ORDER BY t) FILTER (WHERE t IS NOT NULL)
FROM groups LEFT JOIN curve USING (k, g) GROUP BY k, g;
CREATE INDEX ON expected (metric, k);
ANALYZE expected;

-- ---- the calls --------------------------------------------------------------
CREATE FUNCTION rows_text(anyarray) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$ SELECT array_to_string($1, ' ') $$;
CREATE FUNCTION time_text(crmlife.survival_point[]) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT string_agg(concat_ws(' ', day, at_risk, purchased, censored, trim_scale(round(survival::numeric, 9)), trim_scale(round(std_error::numeric, 9)), trim_scale(round(lower::numeric, 9)), trim_scale(round(upper::numeric, 9))), E'\n' ORDER BY i)
  FROM unnest($1) WITH ORDINALITY AS x (day, at_risk, purchased, censored, survival, std_error, lower, upper, i) $$;
CREATE FUNCTION sales_text(crmlife.loyalty_point[]) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT string_agg(concat_ws(' ', period, loyalty, customers, orders, trim_scale(revenue), trim_scale(round(average_order, 10))), E'\n' ORDER BY i)
  FROM unnest($1) WITH ORDINALITY AS x (period, loyalty, customers, orders, revenue, average_order, i) $$;
CREATE FUNCTION revenue_text(crmlife.revenue_point[]) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT string_agg(concat_ws(' ', cohort, period, customers, orders, trim_scale(revenue), trim_scale(round(each, 10))), E'\n' ORDER BY i)
  FROM unnest($1) WITH ORDINALITY AS x (cohort, period, customers, orders, revenue, each, i) $$;
CREATE FUNCTION index_text(crmlife.order_index_point[]) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT string_agg(concat_ws(' ', k, customers, trim_scale(round(average_order, 10)), trim_scale(round(previous, 10))), E'\n' ORDER BY i)
  FROM unnest($1) WITH ORDINALITY AS x (k, customers, average_order, previous, i) $$;

CREATE TABLE call (number int GENERATED ALWAYS AS IDENTITY, metric text, call text);
INSERT INTO call (metric, call) VALUES
  ('rows', 'stats_text(repurchase_stats(C), repurchase_rate(C))'),
  ('orders', 'stats_text(repurchase_stats(C, amount), repurchase_rate(C, amount))'),
  ('days', 'stats_text(repurchase_stats(C, A), repurchase_rate(C, A))'),
  ('keep', 'stats_text(keep_stats(C, A, date ''2025-01-20'', 14), keep_rate(C, A, date ''2025-01-20'', 14))'),
  ('keep, lookback', 'stats_text(keep_stats(C, A, date ''2025-01-20'', 14, 10), keep_rate(C, A, date ''2025-01-20'', 14, 10))'),
  ('second', 'stats_text(second_purchase_stats(C, A, 30, O), second_purchase_rate(C, A, 30, O, ''mature''))'),
  ('second, literal', 'stats_text(second_purchase_stats(C, A, 80, O, ''literal''), second_purchase_rate(C, A, 80, O, ''literal''))'),
  ('interval', 'concat_ws('' '', repurchase_interval(C, A), repurchase_interval_median(C, A))'),
  ('curve by all', 'rows_text(retention_curve(C, A, 70, O))'),
  ('curve of some by all', 'rows_text(retention_curve(C, A, 70, O, date ''2024-12-10'', date ''2025-01-15''))'),
  ('curve by kinds', 'rows_text(retention_curve(C, A, 70, O, s, r))'),
  ('curve of some by kinds', 'rows_text(retention_curve(C, A, 70, O, date ''2024-12-10'', date ''2025-01-15'', s, r))'),
  ('curve, short', 'rows_text(retention_curve(C, A, 3, O))'),
  ('returns', 'rows_text(return_curve(C, A, 40, O))'),
  ('returns, short', 'rows_text(return_curve(C, A, 3, O))'),
  ('funnel', 'rows_text(repeat_funnel(C))'),
  ('funnel, short', 'rows_text(repeat_funnel(C, 3))'),
  ('funnel within', 'rows_text(repeat_funnel(C, A, 4, 10, O))'),
  ('time', 'time_text(time_to_second_purchase(C, A, O))'),
  ('order index', 'index_text(aov_by_order_index(C, A, amount))'),
  ('order index by days', 'index_text(aov_by_order_index(C, D, amount))'),
  ('arpu', 'trim_scale(round(arpu(C, amount), 10))::text'),
  ('average', 'trim_scale(round(average_order(amount), 10))::text');
INSERT INTO call (metric, call)
SELECT metric, format('stats_text(retention_%s), retention_%s))', regexp_replace(call, '\(', '_stats('), call) FROM days
UNION ALL SELECT metric || ' of kinds', format('stats_text(retention_%s, s, r), retention_%s, s, r))', regexp_replace(call, '\(', '_stats('), call) FROM days
UNION ALL SELECT format('cohorts by %s, all', unit), format('rows_text(retention_cohorts(C, A, %L, O))', unit) FROM period
UNION ALL SELECT format('cohorts of some by %s, all', unit), format('rows_text(retention_cohorts(C, A, %L, O, date ''2024-12-10'', date ''2025-01-15''))', unit) FROM period
UNION ALL SELECT format('cohorts by %s, kinds', unit), format('rows_text(retention_cohorts(C, A, %L, O, s, r))', unit) FROM period WHERE unit <> 'day'
UNION ALL SELECT format('cohorts of some by %s, kinds', unit), format('rows_text(retention_cohorts(C, A, %L, O, date ''2024-12-10'', date ''2025-01-15'', s, r))', unit) FROM period
UNION ALL SELECT 'growth by ' || unit, format('rows_text(growth_accounting(C, A, %L, O))', unit) FROM period
UNION ALL SELECT 'repurchase by ' || unit, format('rows_text(repurchase_periods(C, A, %L, O))', unit) FROM period
UNION ALL SELECT 'sales by ' || unit, format('sales_text(sales_by_loyalty(C, A, amount, %L))', unit) FROM period
UNION ALL SELECT 'revenue by ' || unit, format('revenue_text(revenue_cohorts(C, A, amount, %L, O))', unit) FROM period;

-- ---- queries ----------------------------------------------------------------
-- what stands in a call's parentheses, and after them
CREATE FUNCTION with_form(call text, form text) RETURNS text LANGUAGE sql IMMUTABLE AS $$
  SELECT regexp_replace(call, '\(((C|amount)\M[^()]*)\)',
                        CASE form WHEN 'plain' THEN '(\1)' WHEN 'distinct' THEN '(DISTINCT \1)' WHEN 'filter' THEN '(\1) FILTER (WHERE real)'
                                  WHEN 'up' THEN '(\1 ORDER BY at, amount)' WHEN 'down' THEN '(\1 ORDER BY at DESC, amount DESC)' WHEN 'window' THEN '(\1) OVER ()' END, 'g') $$;
CREATE FUNCTION with_arguments(call text, customer text, at text) RETURNS text LANGUAGE sql IMMUTABLE AS $$
  SELECT regexp_replace(regexp_replace(regexp_replace(regexp_replace(call, '\mC\M', customer, 'g'), '\mD\M', '(A)::date', 'g'), '\mA\M', at, 'g'), '\mO\M', '''2025-04-15''::date', 'g') $$;
-- the calls that have an oracle for the grouping, or some of them, in one query
CREATE FUNCTION query(k text, customer text DEFAULT 'c', at text DEFAULT 'at', source text DEFAULT 'orders', form text DEFAULT 'plain', metrics text[] DEFAULT NULL) RETURNS text LANGUAGE sql AS $$
  SELECT format('SELECT %s AS g, ARRAY[%s] AS results FROM %s GROUP BY 1', (SELECT expression FROM grouping WHERE grouping.k = query.k),
                string_agg(with_arguments(with_form(call, form), customer, at), E',\n' ORDER BY number), source)
  FROM call WHERE CASE WHEN metrics IS NULL THEN EXISTS (SELECT FROM expected e WHERE e.metric = call.metric AND e.k = query.k) ELSE metric = ANY (metrics) END $$;
-- the metrics in whose results the query differs from the oracle; NULL: none does
CREATE FUNCTION differing(in_k text, query text, metrics text[] DEFAULT NULL) RETURNS text LANGUAGE plpgsql AS $$
DECLARE result text; compared bigint;
BEGIN
  EXECUTE format($f$
    WITH calls AS (SELECT metric, row_number() OVER (ORDER BY number) AS i FROM call WHERE CASE WHEN %2$L::text[] IS NULL THEN EXISTS (SELECT FROM expected e WHERE e.metric = call.metric AND e.k = %1$L) ELSE metric = ANY (%2$L) END),
         a AS MATERIALIZED (SELECT x.g, u.result, u.i FROM (%3$s) x, unnest(results) WITH ORDINALITY AS u (result, i)),
         e AS (SELECT g, i, metric, result FROM expected JOIN calls USING (metric) WHERE k = %1$L)
    SELECT string_agg(DISTINCT coalesce(metric, 'more than expected'), ', ') FILTER (WHERE a.i IS NULL OR e.i IS NULL OR a.result IS DISTINCT FROM e.result), count(*)
    FROM a FULL JOIN e USING (g, i)$f$, in_k, metrics, query) INTO result, compared;
  RETURN CASE WHEN compared = 0 THEN 'nothing compared' ELSE result END;
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
CREATE FUNCTION temp_files() RETURNS bigint LANGUAGE sql AS $$
  SELECT count(*) FROM pg_ls_tmpdir() WHERE name LIKE 'pgsql_tmp' || pg_backend_pid() || '.%' $$;
RESET work_mem;
