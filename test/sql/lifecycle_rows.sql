-- lifecycle_stage over raw rows: against the stage on columns, which plain SQL
-- computes from the same rows; serial, in parallel, as a window function.
\set ECHO none
\pset format unaligned
\pset tuples_only true
SET client_min_messages = warning;
SET search_path = public;
SET TimeZone = 'America/New_York';
SET jit = off;
SELECT setseed(0.25) IS NOT NULL AS seeded \gset
SELECT plan(19);

CREATE TABLE model (n int, model crmlife.lifecycle_model);
INSERT INTO model VALUES
  (1, 'recency'), (2, 'kpi_bands'),
  (3, 'CASE WHEN order_days > 3 THEN ''often'' WHEN order_days = 1 AND orders > 1 THEN ''one day'' END'),
  (4, 'CASE WHEN average_order > v THEN ''rich'' WHEN revenue < 0 THEN ''returns'' ELSE ''poor'' END WITH (v = 40.05)'),
  (5, 'CASE WHEN days_since_first_order - days_since_order > 60 THEN ''kept'' WHEN orders = 0 THEN ''none'' ELSE ''new'' END');

-- rows in time, across both changes of the clocks; refunds, zeros and NULLs
CREATE TABLE row_of AS
SELECT c, timestamptz '2024-01-01' + random() * interval '400 days' AS at,
       CASE WHEN r < 0.1 THEN NULL WHEN r < 0.15 THEN 0
            ELSE round((random() * 120 - 30)::numeric, (random() * 3)::int) END AS amount
FROM generate_series(1, 1500) AS c, LATERAL generate_series(1, 1 + (random() * random() * 12)::int + 0 * c) AS i,
  LATERAL (SELECT random() + 0 * i AS r) AS x;
INSERT INTO row_of SELECT c, NULL, 5 FROM generate_series(1, 1600, 3) AS c;
-- amounts beyond 128 bits
INSERT INTO row_of SELECT 2000, timestamptz '2024-05-05' + i * interval '1 day', 1e45 + 0.01 FROM generate_series(1, 5) AS i;
INSERT INTO row_of SELECT 2000, timestamptz '2024-05-05', -4e45;
ALTER TABLE row_of ADD g int GENERATED ALWAYS AS (c % 40) STORED;
ANALYZE row_of;

-- the same from columns
CREATE FUNCTION from_columns(day date) RETURNS TABLE (c int, n int, stage text) LANGUAGE sql AS $$
  SELECT c, n, lifecycle_stage(orders, revenue, last_order, day, model, first_order, NULL, NULL, order_days)
  FROM (SELECT c, count(*) FILTER (WHERE is_order) AS orders, sum(amount) AS revenue,
               max(d) FILTER (WHERE is_order) AS last_order, min(d) FILTER (WHERE is_order) AS first_order,
               count(DISTINCT d) FILTER (WHERE is_order) AS order_days
        FROM (SELECT c, at::date AS d, amount, coalesce(amount >= 0, true) AS is_order FROM row_of WHERE at::date <= day) AS x
        GROUP BY c) AS y, model $$;

-- the number of customers that differ, and of those compared, by kind of time
CREATE FUNCTION compare_with(day date, at text, as_of text, OUT different bigint, OUT compared bigint) LANGUAGE plpgsql AS $$
BEGIN
  EXECUTE format('SELECT count(*) FILTER (WHERE a.stage IS DISTINCT FROM b.stage), count(b.stage)
    FROM (SELECT c, n, lifecycle_stage(%s, amount, $1::date%s, model) AS stage FROM row_of, model GROUP BY c, n) AS a
      LEFT JOIN from_columns($1) AS b USING (c, n)', at, as_of)
  INTO different, compared USING day;
END $$;

SELECT is(sum(different), 0::numeric, 'rows of ' || kind || ' as of five days agree with columns')
FROM (VALUES ('date', 'at::date', ''), ('timestamp', 'at::timestamp', '::timestamp'), ('timestamptz', 'at', '::timestamptz')) AS k(kind, at, cast_),
  (VALUES (date '2023-12-31'), ('2024-03-10'), ('2024-07-01'), ('2024-11-03'), ('2025-06-30')) AS d(day),
  LATERAL compare_with(day, at, cast_)
GROUP BY kind ORDER BY kind;
SELECT cmp_ok(min(compared), '>', 4000::bigint, 'on thousands of customers and models')
FROM (VALUES (date '2024-07-01'), ('2025-06-30')) AS d(day), LATERAL compare_with(day, 'at', '::timestamptz');
SELECT cmp_ok(count(DISTINCT stage), '>=', 15::bigint, 'in many stages') FROM from_columns('2024-11-03');
SELECT is(count(*), 0::bigint, 'before the first row there is no stage')
FROM (SELECT lifecycle_stage(at, amount, '2023-12-31') AS stage FROM row_of GROUP BY c) AS x WHERE stage IS NOT NULL;

-- the zone decides on the day
SET TimeZone = 'UTC';
SELECT is(different, 0::bigint, 'in another zone') FROM compare_with('2024-07-01', 'at', '::timestamptz');
SET TimeZone = 'Pacific/Apia';
SELECT is(different, 0::bigint, 'and another') FROM compare_with('2024-07-01', 'at', '::timestamptz');

-- in parallel, with every state sent and combined: 40 groups of customers
CREATE TABLE serial AS
SELECT g, n, lifecycle_stage(at, amount, '2024-07-01', model) AS stage FROM row_of, model GROUP BY g, n;
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0.1;
SET min_parallel_table_scan_size = 0;
SET max_parallel_workers_per_gather = 2;
CREATE FUNCTION plan_of(query text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
  line text;
  result text := '';
BEGIN
  FOR line IN EXECUTE 'EXPLAIN (COSTS off) ' || query LOOP
    result := result || line || E'\n';
  END LOOP;
  RETURN result;
END $$;
SELECT matches(plan_of('SELECT g, lifecycle_stage(at, amount, ''2024-07-01'') FROM row_of GROUP BY g'),
               'Partial (Hash|Group)?Aggregate', 'the aggregate runs in parallel');
SELECT format('CREATE TABLE parallel_%s AS SELECT g, %s AS n, lifecycle_stage(at, amount, ''2024-07-01'', %L) AS stage '
              'FROM row_of GROUP BY g', n, n, model) FROM model ORDER BY n \gexec
SELECT set_eq('TABLE parallel_1 UNION TABLE parallel_2 UNION TABLE parallel_3 UNION TABLE parallel_4 UNION TABLE parallel_5',
              'SELECT * FROM serial', 'with the same stages');
SELECT throws_ok($$SELECT lifecycle_stage(at, amount, CASE WHEN c < 700 THEN date '2024-07-01' ELSE '2024-07-02' END) FROM row_of$$,
                 '22023', NULL, 'parameters must agree between workers too');

-- the model left out, and NULL
SELECT set_eq('SELECT g, lifecycle_stage(at, amount, ''2024-07-01'') FROM row_of GROUP BY g', 'SELECT g, stage FROM serial, model m WHERE serial.n = m.n AND m.model::text = ''recency''::crmlife.lifecycle_model::text', 'the default model, in parallel');
SELECT is((SELECT count(*) FROM (SELECT lifecycle_stage(at, amount, '2024-07-01', NULL::crmlife.lifecycle_model) AS stage FROM row_of GROUP BY g) AS x WHERE stage IS NOT NULL), 0::bigint, 'no model, in parallel');
-- partitions: one with other parameters, one without a row, and none with one
SET max_parallel_workers_per_gather = 0;
SET enable_partitionwise_aggregate = on;
CREATE TABLE parted (c int, at timestamptz, amount numeric, g int) PARTITION BY RANGE (g);
CREATE TABLE parted_1 PARTITION OF parted FOR VALUES FROM (0) TO (20);
CREATE TABLE parted_2 PARTITION OF parted FOR VALUES FROM (20) TO (40);
INSERT INTO parted SELECT c, at, amount, g FROM row_of;
ANALYZE parted;
SELECT matches(plan_of('SELECT lifecycle_stage(at, amount, ''2024-07-01'') FROM parted'), '(?s)Finalize.*Append.*Partial.*Partial', 'partitions, plan');
SELECT throws_ok($$SELECT lifecycle_stage(at, amount, CASE WHEN g < 20 THEN date '2024-07-01' ELSE '2024-07-02' END) FROM parted$$,
                 '22023', 'as_of of lifecycle_stage differs between the rows of a group', 'as_of must agree between partitions');
SELECT throws_ok($$SELECT lifecycle_stage(at, amount, '2024-07-01', CASE WHEN g < 20 THEN 'recency' ELSE 'kpi_bands' END::crmlife.lifecycle_model) FROM parted$$,
                 '22023', 'model of lifecycle_stage differs between the rows of a group', 'and so must models');
SELECT is((SELECT array_agg((SELECT lifecycle_stage(at, amount, '2024-07-01') FROM parted WHERE g + 0 BETWEEN a AND b) ORDER BY a) FROM (VALUES (0, 19), (20, 39), (50, 60)) AS x (a, b)),
          (SELECT array_agg((SELECT lifecycle_stage(at, amount, '2024-07-01') FROM row_of WHERE g BETWEEN a AND b) ORDER BY a) FROM (VALUES (0, 19), (20, 39), (50, 60)) AS x (a, b)), 'partitions without a row');
SELECT is((SELECT lifecycle_stage(at, amount, '2024-07-01', NULL::crmlife.lifecycle_model) FROM parted), NULL, 'partitions without a model');
RESET enable_partitionwise_aggregate;

-- over growing frames: the state goes on after an answer
SELECT is(count(*), 0::bigint, 'as a window function')
FROM (SELECT a.c, a.at, a.stage,
             (SELECT lifecycle_stage(b.at, b.amount, '2024-07-01', (SELECT model FROM model WHERE n = 3))
              FROM row_of AS b WHERE b.c = a.c AND b.at <= a.at) AS expected
      FROM (SELECT c, at, lifecycle_stage(at, amount, '2024-07-01', (SELECT model FROM model WHERE n = 3))
                     OVER (PARTITION BY c ORDER BY at) AS stage
            FROM row_of WHERE c < 60 AND at IS NOT NULL) AS a) AS x
WHERE stage IS DISTINCT FROM expected;

SELECT finish();
