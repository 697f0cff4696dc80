-- Sources with generated columns: stored ones, and from PostgreSQL 18 on
-- virtual ones, which are in no row and so in none that a trigger sees.  The
-- oracle is a stage table over the same rows in ordinary columns.
\set ECHO none
\pset format unaligned
\pset tuples_only true
SET client_min_messages = warning;
SET TimeZone = 'UTC';
SET jit = off;
SELECT CASE WHEN current_setting('server_version_num')::int >= 180000 THEN 'VIRTUAL' ELSE 'STORED' END AS kind \gset
SELECT plan(24);
CREATE SCHEMA generated;
SET search_path = generated, public;

-- time, amount and filter are worked out here, the customer too in the second
CREATE TABLE orders (id int PRIMARY KEY, customer text, utc timestamp, cents int, note text,
  at timestamp GENERATED ALWAYS AS (utc + interval '8 hours') :kind,
  amount numeric GENERATED ALWAYS AS (cents / 100.0) :kind,
  paid boolean GENERATED ALWAYS AS (note IS DISTINCT FROM 'cancelled') :kind);
CREATE TABLE named (id int PRIMARY KEY, buyer text, at timestamp, amount numeric,
  customer text GENERATED ALWAYS AS (lower(buyer)) :kind);
CREATE TABLE members (id text PRIMARY KEY, year int, since date GENERATED ALWAYS AS (make_date(year, 7, 1)) :kind);
INSERT INTO orders SELECT i, 'c' || i % 40, timestamp '2025-06-28' - i * interval '7 hours', 100 + i, CASE WHEN i % 9 = 0 THEN 'cancelled' END
FROM generate_series(1, 400) i;
INSERT INTO named SELECT id, upper(customer), at, amount FROM orders WHERE paid;
INSERT INTO members SELECT 'c' || i, 2010 + i % 15 FROM generate_series(1, 50) i;

-- the oracle: ordinary columns, what they hold written out
CREATE VIEW written_orders AS
  SELECT customer, utc + interval '8 hours' AS at, cents / 100.0 AS amount FROM orders WHERE note IS DISTINCT FROM 'cancelled';
CREATE VIEW written_members AS SELECT id, make_date(year, 7, 1) AS since FROM members;
CREATE VIEW written_named AS SELECT lower(buyer) AS customer, at, amount FROM named;

SELECT crmlife.create_stage_table('stages', 'orders', 'customer', 'at', 'amount', order_filter => 'paid',
  members => 'members', member_customer => 'id', registered_at => 'since') \g /dev/null
SELECT crmlife.create_stage_table('written_stages', 'written_orders', 'customer', 'at', 'amount', capture => 'full',
  members => 'written_members', member_customer => 'id', registered_at => 'since') \g /dev/null
SELECT crmlife.create_stage_table('named_stages', 'named', 'customer', 'at', 'amount') \g /dev/null
SELECT crmlife.create_stage_table('written_named_stages', 'written_named', 'customer', 'at', 'amount', capture => 'full') \g /dev/null

SELECT crmlife.refresh(s, '2025-06-30', true) FROM unnest('{stages,written_stages,named_stages,written_named_stages}'::regclass[]) s \g /dev/null

CREATE FUNCTION told(stages regclass) RETURNS SETOF text LANGUAGE plpgsql AS $$
BEGIN
  RETURN QUERY EXECUTE format('SELECT (s.customer, s.stage, s.since, s.orders, s.order_days, trim_scale(s.revenue),
    s.first_order_at, s.last_order_at, s.registered_at)::text FROM %s s', stages);
END $$;
-- refreshes both; whether everybody was read, and what is not as the oracle has it
CREATE FUNCTION refreshed(stages regclass) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
  oracle regclass := 'written_' || stages;
  state record;
  wrong bigint;
BEGIN
  PERFORM crmlife.refresh(stages, '2025-06-30'), crmlife.refresh(oracle, '2025-06-30');
  SELECT was_full, s.customers INTO state FROM crmlife.status s WHERE s.stage_table = stages;
  SELECT count(*) INTO wrong
  FROM (SELECT * FROM told(stages) EXCEPT ALL SELECT * FROM told(oracle)
        UNION ALL (SELECT * FROM told(oracle) EXCEPT ALL SELECT * FROM told(stages))) AS x;
  wrong := wrong + (SELECT count(*) FROM crmlife.verify(stages));
  RETURN concat_ws(', ', CASE WHEN state.was_full THEN 'everybody' ELSE state.customers || ' customers' END,
    CASE WHEN wrong > 0 THEN wrong || ' wrong' END);
END $$;
CREATE FUNCTION after(what text, result text, stages text DEFAULT 'stages') RETURNS text LANGUAGE plpgsql AS $$
BEGIN
  EXECUTE what;
  RETURN is(refreshed(stages::regclass), result, what);
END $$;

SELECT is(refreshed('stages'), '0 customers', 'built from generated columns');
SELECT is((SELECT (count(*), sum(orders), round(sum(revenue), 2), count(registered_at))::text FROM stages), '(51,356,1068.90,50)', 'they were worked out');
SELECT after(what, customers || ' customers') FROM (VALUES
  ('INSERT INTO orders VALUES (1001, ''c1'', ''2025-06-29 09:00'', 500)', 1),
  ('INSERT INTO orders VALUES (1002, ''c2'', ''2025-06-29 09:00'', 500, NULL), (1003, ''c3'', ''2025-06-29 23:00'', -200, NULL), (1004, ''c4'', ''2025-06-29'', 1, ''cancelled'')', 3),
  ('UPDATE orders SET cents = 7 WHERE id = 1001', 1),
  ('UPDATE orders SET utc = ''2021-01-01'' WHERE id = 1002', 1),
  ('UPDATE orders SET note = ''cancelled'' WHERE id = 1003', 1),
  ('UPDATE orders SET customer = ''c5'' WHERE id = 1002', 2),
  ('DELETE FROM orders WHERE id = 1001', 1),
  ('COPY orders (id, customer, utc, cents) FROM PROGRAM ''echo 1010,c9,2025-06-29,5'' (FORMAT csv)', 1),
  ('UPDATE members SET year = 2001 WHERE id = ''c7''', 1),
  ('INSERT INTO members VALUES (''m1'', 2019)', 1),
  ('DELETE FROM members WHERE id = ''m1''', 1)
) AS x(what, customers);
-- another expression makes other values, and no trigger fires; a stored column's
-- rewrites the table
SELECT CASE :'kind' WHEN 'VIRTUAL' THEN 'ALTER amount SET EXPRESSION AS (cents / 50.0)'
  ELSE 'DROP amount, ADD amount numeric GENERATED ALWAYS AS (cents / 50.0) STORED' END AS expression \gset
CREATE OR REPLACE VIEW written_orders AS
  SELECT customer, utc + interval '8 hours' AS at, cents / 50.0 AS amount FROM orders WHERE note IS DISTINCT FROM 'cancelled';
ALTER TABLE orders :expression;
SELECT is(refreshed('stages'), 'everybody', 'another expression');
SELECT is(refreshed('stages'), '0 customers', 'is noticed once');
SELECT after('TRUNCATE orders', 'everybody');

-- a key that is in no row of the trigger's cannot be queued: all are read
SELECT is(refreshed('named_stages'), '0 customers', 'built by a generated key');
SELECT is((SELECT (count(*), min(customer))::text FROM named_stages), '(40,c0)', 'it was worked out');
SELECT after(what, CASE :'kind' WHEN 'VIRTUAL' THEN 'everybody' ELSE stored || ' customers' END, 'named_stages') FROM (VALUES
  ('INSERT INTO named VALUES (1001, ''C1'', ''2025-06-29 09:00'', 500)', 1),
  ('INSERT INTO named VALUES (1002, ''Z2'', ''2025-06-29 09:00'', 500)', 1),
  ('UPDATE named SET buyer = ''Z3'' WHERE id = 1002', 2),
  ('UPDATE named SET amount = 3 WHERE id = 1001', 1),
  ('DELETE FROM named WHERE id = 1002', 1)
) AS x(what, stored);
SELECT is(refreshed('named_stages'), '0 customers', 'nothing is left in the queue');

SELECT crmlife.drop_stage_table(s) FROM unnest('{stages,written_stages,named_stages,written_named_stages}'::regclass[]) s \g /dev/null
DROP SCHEMA generated CASCADE;
SELECT finish();
