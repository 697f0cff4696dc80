-- The aggregates over customers in parallel and partitionwise plans: the plan
-- is asserted, and the result against plain SQL.
\set ECHO none
\pset format unaligned
\pset tuples_only true
SET client_min_messages = warning;
SET jit = off;
DROP SCHEMA IF EXISTS agg_parallel CASCADE;
CREATE SCHEMA agg_parallel;
SET search_path = agg_parallel, public;
SET TimeZone = 'Australia/Lord_Howe';
SELECT plan(86);

-- 20,000 customers, most of them in the hands of every worker
SELECT setseed(0.5) \gset
CREATE TABLE orders AS
SELECT (20000 * random() * random())::int AS c, timestamptz '2025-03-01 UTC' + random() * interval '60 days' AS at,
       (random() * 20 - 1)::numeric(9, 2) AS amount, (i % 5)::int AS g
FROM generate_series(1, 60000) i;
INSERT INTO orders VALUES (NULL, now(), 1, 1), (1, NULL, 1, 1);
CREATE TABLE parts (LIKE orders) PARTITION BY LIST (g);
CREATE TABLE parts_0 PARTITION OF parts FOR VALUES IN (0, 1, 2);
CREATE TABLE parts_1 PARTITION OF parts FOR VALUES IN (3);
CREATE TABLE parts_2 PARTITION OF parts FOR VALUES IN (4);
INSERT INTO parts SELECT * FROM orders;
ANALYZE orders, parts;

CREATE FUNCTION plan_of(query text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE line text; plan text := '';
BEGIN
  FOR line IN EXECUTE 'EXPLAIN (COSTS off) ' || query LOOP plan := plan || line || E'\n'; END LOOP;
  RETURN plan;
END $$;

-- every state kind, and every kind of key
CREATE FUNCTION query(source text, groups text) RETURNS text LANGUAGE sql AS $$
  SELECT format($f$SELECT %2$s AS g, repurchase_stats(c) AS rows, repurchase_stats(c::text, amount) AS orders, repurchase_stats(md5(c::text)::uuid, at) AS days,
      retention_nth_day_stats(c, at, 10, date '2025-04-20') AS nth, retention_within_days_stats(c, at, 10, date '2025-04-20') AS within,
      retention_nth_day_stats('customer ' || c, at::date, 40, '2025-04-20') AS nth_text FROM %1$s GROUP BY %2$s$f$, source, groups) $$;
-- as counts, to compare with the oracle's
CREATE FUNCTION counts(query text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE result text;
BEGIN
  EXECUTE format($f$SELECT string_agg(concat_ws(' ', g, (rows).numerator, (rows).denominator, (orders).numerator, (orders).denominator, (days).numerator, (days).denominator,
    (nth).numerator, (nth).denominator, (within).numerator, (within).denominator, (nth_text).numerator, (nth_text).denominator), '; ' ORDER BY g) FROM (%s) x$f$, query) INTO result;
  RETURN result;
END $$;

CREATE FUNCTION oracle(groups text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE result text;
BEGIN
  EXECUTE format($f$
    WITH per AS (SELECT %1$s AS g, c, count(*) AS rows, count(*) FILTER (WHERE amount >= 0) AS orders, array_agg(DISTINCT at::date) FILTER (WHERE at IS NOT NULL) AS days,
                        array_agg(DISTINCT at::date) FILTER (WHERE at::date <= '2025-04-20') AS seen, min(at::date) AS first
                 FROM orders WHERE c IS NOT NULL GROUP BY 1, 2)
    SELECT string_agg(r, '; ' ORDER BY g) FROM (
      SELECT g, concat_ws(' ', g, count(*) FILTER (WHERE rows >= 2), count(*), count(*) FILTER (WHERE orders >= 2), count(*) FILTER (WHERE orders >= 1),
        count(*) FILTER (WHERE cardinality(days) >= 2), count(days),
        count(*) FILTER (WHERE first + 10 < '2025-04-20' AND first + 10 = ANY (seen)), count(*) FILTER (WHERE first + 10 < '2025-04-20'),
        count(*) FILTER (WHERE first + 10 < '2025-04-20' AND EXISTS (SELECT FROM unnest(seen) d WHERE d > first AND d <= first + 10)), count(*) FILTER (WHERE first + 10 < '2025-04-20'),
        count(*) FILTER (WHERE first + 40 < '2025-04-20' AND first + 40 = ANY (seen)), count(*) FILTER (WHERE first + 40 < '2025-04-20')) AS r
      FROM per GROUP BY g) x$f$, groups) INTO result;
  RETURN result;
END $$;
CREATE TABLE expected AS SELECT groups, oracle(groups) FROM (VALUES ('0::int'), ('g')) v (groups);

CREATE FUNCTION plan_with(workers int, leader bool) RETURNS void LANGUAGE sql AS $$
  SELECT set_config('max_parallel_workers_per_gather', workers::text, false), set_config('parallel_leader_participation', leader::text, false) $$;
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET min_parallel_table_scan_size = 0;

SELECT plan_with(0, true) \gset
SELECT unalike(plan_of(query('orders', groups)), '%Partial%', 'serial plan, group by ' || groups) FROM expected;
SELECT is(counts(query('orders', groups)), oracle, 'serial, group by ' || groups) FROM expected;

-- 2 and 4 workers, with and without the leader
SELECT plan_with(2, true) \gset
SELECT alike(plan_of(query('orders', groups)), '%Finalize%Partial%', '2 workers and the leader, plan, group by ' || groups) FROM expected;
SELECT is(counts(query('orders', groups)), oracle, '2 workers and the leader, group by ' || groups) FROM expected;
SELECT plan_with(2, false) \gset
SELECT alike(plan_of(query('orders', groups)), '%Finalize%Partial%', '2 workers alone, plan, group by ' || groups) FROM expected;
SELECT is(counts(query('orders', groups)), oracle, '2 workers alone, group by ' || groups) FROM expected;
ALTER TABLE orders SET (parallel_workers = 4);
SELECT plan_with(4, true) \gset
SELECT alike(plan_of(query('orders', groups)), '%Finalize%Workers Planned: 4%Partial%', '4 workers and the leader, plan, group by ' || groups) FROM expected;
SELECT is(counts(query('orders', groups)), oracle, '4 workers and the leader, group by ' || groups) FROM expected;
SELECT plan_with(4, false) \gset
SELECT is(counts(query('orders', groups)), oracle, '4 workers alone, group by ' || groups) FROM expected;
SELECT plan_with(1, true) \gset
SELECT is(counts(query('orders', groups)), oracle, '1 worker and the leader, group by ' || groups) FROM expected;

-- the workers' states merge in spilled form too
SET work_mem = '64kB';
SELECT plan_with(2, true) \gset
SELECT alike(plan_of(query('orders', '0::int')), '%Finalize%Partial%', 'spilling, plan');
SELECT is(counts(query('orders', groups)), oracle, 'spilling, 2 workers and the leader, group by ' || groups) FROM expected;
SELECT plan_with(4, false) \gset
SELECT is(counts(query('orders', groups)), oracle, 'spilling, 4 workers alone, group by ' || groups) FROM expected;
RESET work_mem;

-- partitionwise, whole groups and parts of groups
SELECT plan_with(0, true) \gset
SET enable_partitionwise_aggregate = on;
SELECT alike(plan_of(query('parts', 'g')), '%Append%Aggregate%Aggregate%', 'partitionwise plan, whole groups');
SELECT unalike(plan_of(query('parts', 'g')), '%Partial%', 'partitionwise plan, whole groups are not merged');
SELECT is(counts(query('parts', groups)), oracle, 'partitionwise, group by ' || groups) FROM expected WHERE groups = 'g';
SELECT alike(plan_of(query('parts', '0::int')), '%Finalize%Append%Partial%', 'partitionwise plan, parts of groups');
SELECT is(counts(query('parts', groups)), oracle, 'partitionwise, group by ' || groups) FROM expected WHERE groups = '0::int';
RESET enable_partitionwise_aggregate;

-- customers whose keys have the same hash: four uuids, and texts in pairs, of
-- which one is of different lengths; they are customers of their own all the same
CREATE TABLE crowd AS
SELECT c, u, t, date '2024-01-01' + i * c AS at, (i * c)::numeric AS amount
FROM (VALUES (1, 'b8c81c94-b7f5-d649-0100-000000000000'::uuid, 'cce2111c566d84a7e'), (2, '0032addc-b29b-ea32-0200-000000000000', '98ba09082b5224e7'),
             (3, '9b504101-398c-77a7-8877-665544332211', 'c6679ad5e52f40008'), (4, '8e1f8213-3a94-bcde-ffff-ffffffffffff', 'c3b29026b2d1b952f')) AS k (c, u, t), generate_series(0, c) AS i
UNION ALL SELECT c, md5(c::text)::uuid, 'other ' || c, date '2024-01-01' + i * c % 300, c FROM generate_series(5, 3000) AS c, generate_series(0, c % 4) AS i;
ALTER TABLE crowd SET (parallel_workers = 2);
ANALYZE crowd;
CREATE FUNCTION crowded(customer text, who text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE result text;
BEGIN
  EXECUTE format('SELECT ROW(repurchase_stats(%1$s), retention_nth_day_stats(%1$s, at, 3, ''2025-06-01''), repurchase_interval(%1$s, at), repeat_funnel(%1$s, 6), aov_by_order_index(%1$s, at, amount))::text FROM crowd WHERE %2$s', customer, who) INTO result;
  RETURN result;
END $$;
CREATE FUNCTION crowded_histories(customer text, of_type text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE result text;
BEGIN
  EXECUTE format('SELECT string_agg(history::text, ''; '' ORDER BY history) FROM purchase_histories(''SELECT %s, at, amount FROM crowd'', NULL::%s)', customer, of_type) INTO result;
  RETURN result;
END $$;
SELECT is(crowded(customer, who), crowded('c::bigint', who), format('equal hashes, %s, %s', customer, who)) FROM (VALUES ('u'), ('t')) AS k (customer), (VALUES ('c < 5'), ('true')) AS w (who);
SELECT is(crowded_histories('u', 'uuid'), crowded_histories('c', 'int'), 'equal hashes, histories by uuid');
SELECT is(crowded_histories('t', 'text'), crowded_histories('c', 'int'), 'equal hashes, histories by text');
SET work_mem = '64kB';
SELECT is(crowded(customer, 'true'), crowded('c::bigint', 'true'), format('equal hashes, %s, spilling', customer)) FROM (VALUES ('u'), ('t')) AS k (customer);
RESET work_mem;
SELECT plan_with(2, false) \gset
SELECT is(crowded(customer, who), crowded('c::bigint', who), format('equal hashes, %s, %s, in workers', customer, who)) FROM (VALUES ('u'), ('t')) AS k (customer), (VALUES ('c < 5'), ('true')) AS w (who);
SELECT plan_with(0, true) \gset

-- today and zones are the leader's in the workers too
SELECT plan_with(2, false) \gset
SELECT is((SELECT retention_nth_day_stats(c, at, 3)::text FROM orders), (SELECT retention_nth_day_stats(c, at, 3, current_date)::text FROM orders), 'today in workers');
SELECT alike(plan_of('SELECT retention_nth_day_stats(c, at, 3) FROM orders'), '%Partial%', 'today in workers, plan');
-- parameters that differ between workers
CREATE FUNCTION problem(query text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE message text;
BEGIN
  EXECUTE query INTO message;
  RETURN 'none';
EXCEPTION WHEN OTHERS THEN RETURN SQLSTATE || ' ' || SQLERRM;
END $$;
SELECT is(problem('SELECT retention_nth_day(c, at, CASE WHEN c < 10 THEN 1 ELSE 2 END) FROM orders'), '22023 n must be the same in all rows of a group', 'n differs between workers');
SELECT is(problem('SELECT retention_nth_day(c, at, 1, at) FROM parts'), '22023 as_of must be the same in all rows of a group', 'as_of differs between workers');
SET enable_partitionwise_aggregate = on;
SELECT is(problem('SELECT retention_nth_day(c, at, CASE WHEN g < 3 THEN 1 ELSE 2 END) FROM parts'), '22023 n must be the same in all rows of a group', 'n differs between partitions');
SELECT is(problem('SELECT retention_nth_day(c, at, CASE WHEN g < 3 THEN 1 END) FROM parts'), '22023 parameters must be the same in all rows of a group', 'n is NULL in some partitions');
SELECT is(problem('SELECT retention_nth_day(c, at, 1, CASE WHEN g < 3 THEN date ''2025-05-01'' ELSE ''2025-05-02'' END) FROM parts'), '22023 as_of must be the same in all rows of a group', 'as_of differs between partitions');
-- partitions without a row that counts, the first ones and the last ones
SELECT alike(plan_of('SELECT repurchase_stats(c) FROM parts WHERE g + 0 < 3'), '%Finalize%Append%Partial%', 'empty partitions, plan');
SELECT is((SELECT string_agg(ROW((SELECT repurchase_stats(c) FROM parts WHERE g + 0 BETWEEN a AND b), (SELECT purchase_history(at, 1::numeric) FROM parts WHERE g + 0 BETWEEN a AND b))::text, ' ' ORDER BY a) FROM (VALUES (0, 2), (4, 9), (9, 9)) x (a, b)),
          (SELECT string_agg(ROW((SELECT repurchase_stats(c) FROM orders WHERE g BETWEEN a AND b), (SELECT purchase_history(at, 1::numeric) FROM orders WHERE g BETWEEN a AND b))::text, ' ' ORDER BY a) FROM (VALUES (0, 2), (4, 9), (9, 9)) x (a, b)), 'empty partitions');
-- every metric: workers give what one process does, which is held against plain SQL elsewhere
CREATE TABLE many AS SELECT (i * 7919) % 700 AS c, date '2024-01-01' + (i * 10007) % 400 AS at, ((i * 31) % 97)::numeric - 5 AS amount FROM generate_series(1, 40000) i;
ANALYZE many;
CREATE TEMP TABLE serial (call text, plan text, result text);
SET max_parallel_workers_per_gather = 0;
CREATE FUNCTION answer(call text) RETURNS text LANGUAGE plpgsql AS $$ DECLARE a text; BEGIN EXECUTE 'SELECT (' || call || ')::text FROM many' INTO a; RETURN a; END $$;
INSERT INTO serial SELECT call, plan_of('SELECT ' || call || ' FROM many'), answer(call) FROM unnest(ARRAY[
  'repurchase_stats(c, at)', 'repurchase_periods(c, at, $$month$$, $$2025-06-01$$)', 'retention_nth_day_stats(c, at, 7, $$2025-06-01$$, amount > 0, amount > 20)',
  'retention_within_days_stats(c, at, 7, $$2025-06-01$$, amount > 0, amount > 20)', 'retention_between_days_stats(c, at, 3, 9, $$2025-06-01$$)',
  'retention_between_days_stats(c, at, 3, 9, $$2025-06-01$$, amount > 0, amount > 20)', 'retention_from_day_stats(c, at, 30, $$2025-06-01$$)', 'retention_from_day_stats(c, at, 30, $$2025-06-01$$, amount > 0, amount > 20)',
  'keep_stats(c, at, $$2024-06-01$$, 20)', 'second_purchase_stats(c, at, 5, $$2025-06-01$$)', 'retention_curve(c, at, 90, $$2025-06-01$$)', 'retention_curve(c, at, 90, $$2025-06-01$$, amount > 0, amount > 20)',
  'return_curve(c, at, 60, $$2025-01-01$$)', 'retention_cohorts(c, at, $$week$$, $$2025-06-01$$)', 'retention_cohorts(c, at, $$week$$, $$2025-06-01$$, amount > 0, amount > 20)', 'repurchase_interval(c, at)',
  'repurchase_interval_median(c, at)', 'repeat_funnel(c, 20)', 'repeat_funnel(c, at, 9, 12, $$2025-06-01$$)', 'time_to_second_purchase(c, at, $$2025-06-01$$)', 'growth_accounting(c, at, $$week$$, $$2025-06-01$$)',
  'sales_by_loyalty(c, at, amount, $$month$$)', 'revenue_cohorts(c, at, amount, $$month$$, $$2025-06-01$$)', 'aov_by_order_index(c, at, amount)', 'arpu(c, amount)']) call;
SET max_parallel_workers_per_gather = 2;
SELECT ok(bool_and(plan NOT LIKE '%Partial Aggregate%' AND plan_of('SELECT ' || call || ' FROM many') LIKE '%Partial Aggregate%'), 'one plan is serial, the other is parallel') FROM serial;
SELECT is(md5(answer(call)), md5(result), call) FROM serial;
-- and so do partitions within one process, whose states meet as they are; with rows from before the periods that a state has room for
CREATE TABLE long (c int, at date, amount numeric, g int) PARTITION BY LIST (g);
CREATE TABLE long_0 PARTITION OF long FOR VALUES IN (0); CREATE TABLE long_1 PARTITION OF long FOR VALUES IN (1); CREATE TABLE long_2 PARTITION OF long FOR VALUES IN (2);
INSERT INTO long SELECT (i * 7919) % 300, date '2005-01-01' + (i * 1009) % 7300, (i * 31) % 97, i % 3 FROM generate_series(1, 9000) i;
ANALYZE long;
CREATE FUNCTION answer_long(call text) RETURNS text LANGUAGE plpgsql AS $$ DECLARE a text; BEGIN EXECUTE 'SELECT (' || call || ')::text FROM long' INTO a; RETURN a; END $$;
CREATE TEMP TABLE plain (call text, plan text, result text);
SET max_parallel_workers_per_gather = 0;
SET enable_partitionwise_aggregate = off;
INSERT INTO plain SELECT call, plan_of('SELECT ' || call || ' FROM long'), answer_long(call) FROM unnest(ARRAY['retention_cohorts(c, at, $$week$$, $$2025-06-01$$)', 'retention_cohorts(c, at, $$month$$, $$2025-06-01$$)',
  'growth_accounting(c, at, $$week$$, $$2025-06-01$$)', 'repurchase_periods(c, at, $$week$$, $$2025-06-01$$)', 'arpu(c, amount)', 'repeat_funnel(c, 30)']) call;
SET enable_partitionwise_aggregate = on;
SELECT ok(bool_and(plan NOT LIKE '%Partial Aggregate%' AND plan_of('SELECT ' || call || ' FROM long') ~ 'Append\n.*Partial Aggregate'), 'the partitions are aggregated one by one') FROM plain;
SELECT is(md5(answer_long(call)), md5(result), call || ', by partition') FROM plain;
SET max_parallel_workers_per_gather = 2;
-- nothing at all, in workers
SELECT is((SELECT ROW(repurchase_rate(c), repurchase_stats(c), retention_nth_day(c, at, 1))::text FROM orders WHERE c < 0), '(,"(0,0,,,)",)', 'no row in any worker');
SELECT is((SELECT ROW(repurchase_rate(c), retention_nth_day(c, at, NULL), retention_within_days_stats(c, at, NULL))::text FROM orders WHERE c IS NULL OR c = 1)::text,
          '(1,,)', 'NULL n, one customer');

SELECT finish();
DROP SCHEMA agg_parallel CASCADE;
