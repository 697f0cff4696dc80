-- The stage table against a materialized view of the same content, and its
-- refreshes against its own full build.  Run by bench/run after the queries;
-- variable values names the file for the figures that are goals.
\set ON_ERROR_STOP on
\set QUIET on
SET client_min_messages = warning;
SET jit = off;
SET TimeZone = 'UTC';
SET work_mem = '256MB';
SET maintenance_work_mem = '256MB';

DROP SCHEMA IF EXISTS bench_stage CASCADE;
CREATE SCHEMA bench_stage;
SET search_path = bench_stage, public;

CREATE TABLE measured (n int GENERATED ALWAYS AS IDENTITY, what text, ms float8);
-- run a statement some times, each in its turn, and keep the times; afterwards
-- may put things back, and is not measured
CREATE PROCEDURE measure(what text, statement text, times int DEFAULT 1, afterwards text DEFAULT NULL)
LANGUAGE plpgsql AS $$
DECLARE
  started timestamptz;
BEGIN
  FOR i IN 1 .. times LOOP
    started := clock_timestamp();
    EXECUTE replace(statement, '{i}', i::text);
    INSERT INTO measured (what, ms)
    VALUES (measure.what, extract(epoch FROM clock_timestamp() - started) * 1000);
    COMMIT;
    IF afterwards IS NOT NULL THEN
      EXECUTE replace(afterwards, '{i}', i::text);
      COMMIT;
    END IF;
  END LOOP;
END $$;
CREATE FUNCTION median(what text) RETURNS float8 LANGUAGE sql STABLE AS $$
  SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY ms) FROM measured m WHERE m.what = median.what
$$;

CREATE TABLE shop AS SELECT order_id, customer_id, paid_at, amount FROM bench.orders;
-- what takes seconds is run less often where it takes many
SELECT CASE WHEN count(*) > 3000000 THEN 2 ELSE 3 END AS slow FROM shop \gset
CREATE INDEX shop_plain ON shop (customer_id);
VACUUM (ANALYZE) shop;

-- The same content by hand, as an expert would write it for the recency model
-- and fixed cuts: without and with each customer's orders in order, which is
-- what a history holds.  (An ORDER BY within each array_agg is slower than rows
-- that come sorted.)  Nobody writes the weekly figures into one such query.
CREATE PROCEDURE by_hand(name text, source text, more text) LANGUAGE plpgsql AS $$
BEGIN
  EXECUTE format($view$
CREATE MATERIALIZED VIEW %I AS
WITH c AS (
  SELECT customer_id, count(*) FILTER (WHERE amount >= 0) AS orders,
         count(DISTINCT (paid_at AT TIME ZONE 'UTC')::date) FILTER (WHERE amount >= 0) AS order_days,
         sum(amount) AS revenue,
         min(paid_at AT TIME ZONE 'UTC') FILTER (WHERE amount >= 0) AS first_order_at,
         max(paid_at AT TIME ZONE 'UTC') FILTER (WHERE amount >= 0) AS last_order_at%s
  FROM %s WHERE paid_at < timestamptz '2024-01-03' GROUP BY customer_id),
r AS (SELECT *, date '2024-01-02' - last_order_at::date AS days FROM c)
SELECT customer_id,
       CASE WHEN days < 7 THEN 'aftersale' WHEN days < 90 THEN 'active' WHEN days < 140 THEN 'silent'
            WHEN days < 365 THEN 'sleeping' ELSE 'churned' END AS stage,
       last_order_at::date + CASE WHEN days < 7 THEN 0 WHEN days < 90 THEN 7 WHEN days < 140 THEN 90
                                  WHEN days < 365 THEN 140 ELSE 365 END AS since,
       last_order_at::date + CASE WHEN days < 7 THEN 7 WHEN days < 90 THEN 90 WHEN days < 140 THEN 140
                                  WHEN days < 365 THEN 365 END AS changes_on,
       CASE WHEN days < 7 THEN 'active' WHEN days < 90 THEN 'silent' WHEN days < 140 THEN 'sleeping'
            WHEN days < 365 THEN 'churned' END AS next_stage,
       orders, order_days, revenue, revenue / orders AS average_order, first_order_at, last_order_at,
       CASE WHEN days <= 6 THEN 500 WHEN days <= 89 THEN 400 WHEN days <= 139 THEN 300 WHEN days <= 364 THEN 200 ELSE 100 END
         + CASE WHEN orders <= 1 THEN 10 WHEN orders <= 2 THEN 20 WHEN orders <= 3 THEN 30 WHEN orders <= 5 THEN 40 ELSE 50 END
         + CASE WHEN revenue <= 30 THEN 1 WHEN revenue <= 80 THEN 2 WHEN revenue <= 160 THEN 3 WHEN revenue <= 320 THEN 4 ELSE 5 END AS rfm_score,
       CASE WHEN orders = 1 THEN 'new' ELSE 'returning' END AS loyalty,
       now() AS refreshed_at%s
FROM r WITH NO DATA$view$, name, more, source, CASE WHEN more <> '' THEN ', paid_at, amounts' ELSE '' END);
  EXECUTE format('CREATE UNIQUE INDEX ON %I (customer_id)', name);
  EXECUTE format('CREATE INDEX ON %I (changes_on)', name);
END $$;
CALL by_hand('by_hand', 'shop', '');
CALL by_hand('by_hand_orders', '(SELECT * FROM shop ORDER BY customer_id, paid_at) AS shop',
             $$, array_agg(paid_at AT TIME ZONE 'UTC') AS paid_at, array_agg(amount) AS amounts$$);

-- A full build is a creation: cuts from the data, rows, indexes.  Each is
-- dropped again, as REFRESH drops what was there before.  All run once before
-- they are timed: what memory costs that the server has never used is the
-- machine's.
CALL measure('by hand, the first time', 'REFRESH MATERIALIZED VIEW by_hand');
CALL measure('by hand with the orders, the first time', 'REFRESH MATERIALIZED VIEW by_hand_orders');
CALL measure('full build with histories, the first time', $$SELECT crmlife.create_stage_table('stages', 'shop', 'customer_id', 'paid_at', 'amount', timezone => 'UTC')$$, 1, $$SELECT crmlife.drop_stage_table('stages')$$);
CALL measure('by hand', 'REFRESH MATERIALIZED VIEW by_hand', :slow);
CALL measure('by hand with the orders', 'REFRESH MATERIALIZED VIEW by_hand_orders', :slow);
CALL measure('full build', $$SELECT crmlife.create_stage_table('stages', 'shop', 'customer_id', 'paid_at', 'amount', timezone => 'UTC', keep_history => false)$$, 3, $$SELECT crmlife.drop_stage_table('stages')$$);
CALL measure('full build with histories', $$SELECT crmlife.create_stage_table('stages', 'shop', 'customer_id', 'paid_at', 'amount', timezone => 'UTC')$$, 3, $$SELECT crmlife.drop_stage_table('stages')$$);
SELECT crmlife.create_stage_table('stages', 'shop', 'customer_id', 'paid_at', 'amount', timezone => 'UTC') \g /dev/null
CALL measure('emptied and filled', $$TRUNCATE stages; SELECT crmlife.refresh('stages', '2024-01-02', "full" => true)$$, :slow);
CALL measure('everybody looked at', $$SELECT crmlife.refresh('stages', '2024-01-02', "full" => true)$$, :slow);
VACUUM ANALYZE stages;
-- since by hand is only the least it can be: a customer who bought again
-- within a stage has been in it longer.
SELECT count(*) > 0 AS differ
FROM stages s FULL JOIN by_hand h USING (customer_id)
WHERE (s.stage, s.changes_on, s.next_stage, s.orders, s.order_days, s.revenue, s.average_order,
       s.first_order_at, s.last_order_at, s.loyalty)
      IS DISTINCT FROM
      (h.stage, h.changes_on, h.next_stage, h.orders, h.order_days, h.revenue, h.average_order,
       h.first_order_at, h.last_order_at, h.loyalty)
\gset
\if :differ
\warn 'bench/stage.sql: the stage table and the view by hand differ'
SELECT 1 / 0;
\endif
-- the orders of one history, as the arrays have them
SELECT count(*) <> (SELECT count(*) FROM stages) AS differ
FROM stages s JOIN by_hand_orders h USING (customer_id)
WHERE s.history = (SELECT purchase_history(o.paid_at, o.amount) FROM unnest(h.paid_at, h.amounts) AS o (paid_at, amount))
\gset
\if :differ
\warn 'bench/stage.sql: the histories and the orders by hand differ'
SELECT 1 / 0;
\endif
CALL measure('nothing to do', $$SELECT crmlife.refresh('stages', '2024-01-02')$$, 5);
CALL measure('another threshold', $$SELECT crmlife.set_threshold('stages', 'active_days', 80 + {i})$$, 2);
SELECT crmlife.set_threshold('stages', 'active_days', NULL) \g /dev/null
CALL measure('verify', $$SELECT count(*) FROM crmlife.verify('stages')$$, 3);

-- one model, shipped and as somebody's own, in each way it may be passed; in
-- turn, so that what else the machine does falls on all, and without workers,
-- whose beginning would be most of it
SET max_parallel_workers_per_gather = 0;
INSERT INTO crmlife.model (name, model) VALUES ('bench_stage', 'kpi_bands');
CREATE FUNCTION own() RETURNS crmlife.lifecycle_model LANGUAGE sql STABLE AS
$$ SELECT model FROM crmlife.model WHERE name = 'bench_stage' $$;
CREATE PROCEDURE stages_by(what text, model text) LANGUAGE plpgsql AS $$
BEGIN
  CALL measure('stages by ' || what,
    format('SELECT count(lifecycle_stage(orders, revenue, last_order_at::date, ''2024-01-02'', %s)) FROM stages', model));
END $$;
DO $$
DECLARE
  own text := quote_literal(own());
BEGIN
  FOR i IN 1 .. 9 LOOP
    CALL stages_by('a shipped model', quote_literal('kpi_bands'));
    CALL stages_by('an own one, literally', own);
    CALL stages_by('an own one, by subquery', '(SELECT model FROM crmlife.model WHERE name = ''bench_stage'')');
    CALL stages_by('an own one, by function in a subquery', '(SELECT own())');
    CALL stages_by('effective_model in a subquery', '(SELECT crmlife.effective_model(''stages''))');
    CALL stages_by('effective_model in each row', 'crmlife.effective_model(''stages'')');
  END LOOP;
END $$;
DELETE FROM crmlife.model WHERE name = 'bench_stage';
RESET max_parallel_workers_per_gather;

-- 10,000 new orders of customers who buy often, as new orders are
CREATE TABLE news AS
SELECT g AS batch, o.customer_id, timestamptz '2024-01-02 09:00' + g * interval '1 minute' AS paid_at, o.amount
FROM generate_series(1, 5) g, LATERAL (SELECT customer_id, amount FROM shop TABLESAMPLE SYSTEM (0.3) REPEATABLE (4711) LIMIT 10000) o;
CREATE PROCEDURE news_come(suffix text) LANGUAGE plpgsql AS $$
DECLARE
  started timestamptz;
BEGIN
  FOR i IN 1 .. 5 LOOP
    INSERT INTO shop SELECT nextval('order_ids'), customer_id, paid_at, amount FROM news WHERE batch = i;
    COMMIT;
    started := clock_timestamp();
    PERFORM crmlife.refresh('stages', '2024-01-02');
    INSERT INTO measured (what, ms) VALUES ('10,000 new orders' || suffix, extract(epoch FROM clock_timestamp() - started) * 1000);
    COMMIT;
  END LOOP;
END $$;
CREATE SEQUENCE order_ids START 100000000;
-- as many orders change: their customers are read again
CREATE TABLE changes AS
SELECT g AS batch, o.order_id
FROM generate_series(1, 6) g, LATERAL (SELECT order_id FROM shop TABLESAMPLE SYSTEM (0.3) REPEATABLE (4711 + g) LIMIT 10000) o;
CREATE SEQUENCE change_batches;
CREATE PROCEDURE orders_change(suffix text) LANGUAGE plpgsql AS $$
DECLARE
  started timestamptz;
BEGIN
  FOR i IN 1 .. 3 LOOP
    UPDATE shop s SET amount = s.amount + 1 FROM changes c
    WHERE c.order_id = s.order_id AND c.batch = (SELECT nextval('change_batches'));
    COMMIT;
    started := clock_timestamp();
    PERFORM crmlife.refresh('stages', '2024-01-02');
    INSERT INTO measured (what, ms) VALUES ('10,000 changed orders' || suffix, extract(epoch FROM clock_timestamp() - started) * 1000);
    COMMIT;
  END LOOP;
END $$;
CALL news_come('');
CALL orders_change('');
CREATE INDEX shop_covering ON shop (customer_id) INCLUDE (paid_at, amount);
DROP INDEX shop_plain;
VACUUM (ANALYZE) shop;
CALL news_come(', covering index');
CALL orders_change(', covering index');
VACUUM ANALYZE stages;
CALL measure('a day passes', $$SELECT crmlife.refresh('stages', date '2024-01-02' + {i})$$, 5);
SELECT rows_changed AS changed FROM crmlife.status WHERE stage_table = 'stages'::regclass \gset
-- a time at which about one customer in a thousand is due each day
SELECT crmlife.refresh('stages', '2024-07-01', "full" => true) \g /dev/null
VACUUM ANALYZE stages;
CALL measure('a quiet day passes', $$SELECT crmlife.refresh('stages', date '2024-07-01' + {i})$$, 5);
SELECT rows_changed AS quietly_changed FROM crmlife.status WHERE stage_table = 'stages'::regclass \gset

-- Integers of two sizes are compared by no hash: new and changed orders of a
-- shop whose customers are not bigint.
CREATE TABLE shop_integer AS SELECT order_id, customer_id::integer AS customer_id, paid_at, amount FROM shop;
CREATE INDEX ON shop_integer (customer_id);
CREATE INDEX ON shop_integer (order_id);
VACUUM (ANALYZE) shop_integer;
SELECT crmlife.create_stage_table('integers', 'shop_integer', 'customer_id', 'paid_at', 'amount', timezone => 'UTC') \g /dev/null
SELECT crmlife.refresh('integers', '2024-01-02', "full" => true) \g /dev/null
VACUUM ANALYZE integers;
DO $$
DECLARE
  started timestamptz;
BEGIN
  FOR i IN 1 .. 3 LOOP
    INSERT INTO shop_integer SELECT nextval('order_ids'), customer_id, paid_at, amount FROM news WHERE batch = i;
    COMMIT;
    started := clock_timestamp();
    PERFORM crmlife.refresh('integers', '2024-01-02');
    INSERT INTO measured (what, ms) VALUES ('10,000 new orders, integer customers', extract(epoch FROM clock_timestamp() - started) * 1000);
    UPDATE shop_integer s SET amount = s.amount + 1 FROM changes c WHERE c.order_id = s.order_id AND c.batch = i;
    COMMIT;
    started := clock_timestamp();
    PERFORM crmlife.refresh('integers', '2024-01-02');
    INSERT INTO measured (what, ms) VALUES ('10,000 changed orders, integer customers', extract(epoch FROM clock_timestamp() - started) * 1000);
    COMMIT;
  END LOOP;
END $$;
SELECT crmlife.drop_stage_table('integers') \g /dev/null
DROP TABLE shop_integer;

-- the writers' side
CREATE TABLE plain (LIKE shop);
CREATE TABLE captured (LIKE shop);
CREATE INDEX ON plain (customer_id);
CREATE INDEX ON captured (customer_id);
SELECT crmlife.create_stage_table('captured_stages', 'captured', 'customer_id', 'paid_at', 'amount', timezone => 'UTC') \g /dev/null
CREATE PROCEDURE write(name text, size int, times int) LANGUAGE plpgsql AS $$
DECLARE
  started timestamptz;
BEGIN
  FOR i IN 1 .. times LOOP
    started := clock_timestamp();
    EXECUTE format('INSERT INTO %I SELECT order_id, customer_id, paid_at, amount FROM shop OFFSET $1 LIMIT $2', name)
      USING i, size;
    INSERT INTO measured (what, ms) VALUES (name || ' ' || size, extract(epoch FROM clock_timestamp() - started) * 1000);
    COMMIT;
  END LOOP;
END $$;
-- in turn, so that what else the machine does falls on both
DO $$ BEGIN
  FOR i IN 1 .. 9 LOOP
    CALL write('plain', 1, 300); CALL write('captured', 1, 300);
    CALL write('plain', 10000, 1); CALL write('captured', 10000, 1);
  END LOOP;
END $$;

\ir figures.sql

\pset tuples_only off
\pset format aligned
\echo
\echo The stage table
SELECT what AS "measured", round(a) AS "ms", against AS "against", round(b) AS "against ms",
       round((a / b)::numeric, 4) AS "ratio", must
FROM (VALUES
  (1, 'full build', 'by hand', 'by hand', '0.35'),
  (2, '10,000 new orders', 'full build', 'full build', '0.10'),
  (3, '10,000 new orders, covering index', 'full build', 'full build', '0.10'),
  (3.1, '10,000 changed orders', 'full build', 'full build', NULL),
  (3.2, '10,000 changed orders, covering index', 'full build', 'full build', NULL),
  (3.3, '10,000 new orders, integer customers', 'full build', 'full build', '0.10'),
  (3.4, '10,000 changed orders, integer customers', 'full build', 'full build', NULL),
  (4, 'a quiet day passes', 'full build', 'full build', '0.01 for 0.1 % of customers'),
  (4.5, 'a day passes', 'full build', 'full build', NULL),
  (5, 'nothing to do', 'full build', 'full build', NULL),
  (1.1, 'full build with histories', 'by hand with the orders', 'by hand with the orders', '0.35'),
  (1.2, 'full build with histories', 'by hand', 'by hand', NULL),
  (1.3, 'full build with histories, the first time', 'by hand with the orders', 'by hand with the orders, the first time', NULL),
  (5.5, 'everybody looked at', 'full build', 'full build', NULL),
  (6, 'emptied and filled', 'full build', 'full build', NULL),
  (6.1, 'another threshold', 'full build', 'full build', NULL),
  (7, 'verify', 'full build', 'full build', '1.0'),
  (7.1, 'stages by an own one, literally', 'a shipped model', 'stages by a shipped model', '1.05'),
  (7.2, 'stages by an own one, by subquery', 'a shipped model', 'stages by a shipped model', '1.10'),
  (7.3, 'stages by an own one, by function in a subquery', 'a shipped model', 'stages by a shipped model', '1.10'),
  (7.4, 'stages by effective_model in a subquery', 'a shipped model', 'stages by a shipped model', '1.10'),
  (7.5, 'stages by effective_model in each row', 'a shipped model', 'stages by a shipped model', NULL),
  (8, 'captured 1', 'plain 1', 'plain 1', '1.4'),
  (9, 'captured 10000', 'plain 10000', 'plain 10000', '1.25')) t(n, what, against, base, must),
  LATERAL (SELECT median(what) AS a, median(base) AS b) m
ORDER BY n;
SELECT count(*) AS "customers", :changed AS "rows a day changed", :quietly_changed AS "rows a quiet day changed",
       pg_size_pretty(pg_total_relation_size('stages')) AS "size of the stage table"
FROM stages;
\if :{?values}
\pset tuples_only on
\pset format unaligned
\o :values
SELECT 'stage_table.' || name || ' ' || median(what) / median(base)
FROM (VALUES ('full_build', 'full build', 'by hand'), ('full_build_histories', 'full build with histories', 'by hand with the orders'), ('new_orders', '10,000 new orders', 'full build'),
             ('new_orders_covering', '10,000 new orders, covering index', 'full build'), ('due', 'a quiet day passes', 'full build'), ('verify', 'verify', 'full build'),
             ('own_literal', 'stages by an own one, literally', 'stages by a shipped model'), ('own_subquery', 'stages by an own one, by subquery', 'stages by a shipped model'),
             ('insert_1', 'captured 1', 'plain 1'), ('insert_10000', 'captured 10000', 'plain 10000')) v (name, what, base);
SELECT 'stage_table.slowest_view ' || max(median(what)) FROM (SELECT DISTINCT what FROM measured WHERE what LIKE 'view %') v;
\o
\endif
SELECT count(crmlife.drop_stage_table(t)) FROM unnest(ARRAY['stages', 'captured_stages']::regclass[]) t \g /dev/null
DROP SCHEMA bench_stage CASCADE;
