-- Refreshes of one session keep the plans of their statements.  Whatever is
-- changed between them, by whomever, each gives what a stage table gives that
-- was made just now and that no plan has been kept for.
\set ECHO none
\pset format unaligned
\pset tuples_only true
SET client_min_messages = warning;
SET TimeZone = 'UTC';
SET jit = off;
DROP SCHEMA IF EXISTS stage_plans CASCADE;
DROP SCHEMA IF EXISTS stage_plans_elsewhere CASCADE;
DROP ROLE IF EXISTS crmlife_test_plans_one;
DROP ROLE IF EXISTS crmlife_test_plans_two;
CREATE ROLE crmlife_test_plans_one;
CREATE ROLE crmlife_test_plans_two;
CREATE SCHEMA stage_plans;
GRANT ALL ON SCHEMA stage_plans TO crmlife_test_plans_one, crmlife_test_plans_two;
SET search_path = stage_plans, public;
SELECT plan(36);
SELECT setseed(0.314159) \g /dev/null

CREATE TABLE orders (id serial, customer int, at timestamp, amount int, note text, shop text);
CREATE FUNCTION price(amount numeric) RETURNS numeric LANGUAGE sql IMMUTABLE AS 'SELECT amount * 2';
CREATE FUNCTION source() RETURNS regclass LANGUAGE sql AS $$ SELECT coalesce(to_regclass('sales'), to_regclass('orders')) $$;
CREATE PROCEDURE more(n int) LANGUAGE plpgsql AS $p$
BEGIN
  EXECUTE format($$
    INSERT INTO %s (customer, at, amount, note, shop)
    SELECT random() * 60, timestamp '2025-06-30' - random() ^ 2 * interval '400 days', random() * 100 - 2,
      (ARRAY['paid', 'open', NULL])[ceil(random() * 3)], (ARRAY['one', 'two'])[ceil(random() * 2)]
    FROM generate_series(1, $1) $$, source()) USING n;
END $p$;
CREATE PROCEDURE make(name text) LANGUAGE plpgsql AS $$
BEGIN
  PERFORM crmlife.create_stage_table(name, source(), 'customer', 'at', 'price(amount::numeric)', order_filter => $f$ note IS DISTINCT FROM 'open' $f$,
    timezone => 'UTC');
END $$;
-- all that a stage table says, but for when, and for scores: its cuts are of the
-- day it was made
CREATE FUNCTION told(stages regclass) RETURNS SETOF text LANGUAGE plpgsql AS $$
BEGIN
  RETURN QUERY EXECUTE format('SELECT (to_jsonb(s) - %L::text[])::text FROM %s s', '{refreshed_at,rfm_score,rfm_segment,value_tier}', stages);
END $$;
-- new rows, a refresh, and how many rows are not what a fresh stage table of the
-- same owner has; whether the sources were read whole
CREATE FUNCTION same(day date, stages text DEFAULT 'kept', whole boolean DEFAULT false) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
  owner text := (SELECT pg_get_userbyid(relowner) FROM pg_class WHERE oid = stages::regclass);
  rows bigint;
  wrong bigint;
  was_full boolean;
BEGIN
  CALL more(5);
  PERFORM crmlife.refresh(stages::regclass, day, whole);
  SELECT s.was_full INTO was_full FROM crmlife.status s WHERE s.stage_table = stages::regclass;
  CALL make('fresh');
  EXECUTE format('ALTER TABLE fresh OWNER TO %1$I; ALTER TABLE fresh_changes OWNER TO %1$I', owner);
  PERFORM crmlife.refresh('fresh', day, true);
  SELECT count(*) INTO rows FROM told('fresh');
  SELECT count(*) INTO wrong FROM
    ((SELECT * FROM told('fresh') EXCEPT ALL SELECT * FROM told(stages::regclass)) UNION ALL
     (SELECT * FROM told(stages::regclass) EXCEPT ALL SELECT * FROM told('fresh'))) x;
  PERFORM crmlife.drop_stage_table('fresh');
  RETURN CASE WHEN rows > 20 THEN '' ELSE 'few rows; ' END || CASE WHEN was_full THEN 'full; ' ELSE '' END || wrong;
END $$;

CALL more(400);
CALL make('kept');
SELECT crmlife.refresh('kept', '2025-06-30', true) \g /dev/null
SELECT is(same('2025-07-01'), '0', 'for the first time');
SELECT is(same('2025-07-02'), '0', 'with the plans of the first time');
SELECT is(same('2025-07-02', whole => true), 'full; 0', 'everybody');

-- the sources
ALTER TABLE orders ALTER amount TYPE numeric(12,2);
SELECT matches(same('2025-07-03'), '0$', 'an amount of another type');
ALTER TABLE orders ALTER amount TYPE float8;
SELECT matches(same('2025-07-04'), '0$', 'and another');
ALTER TABLE orders ALTER customer TYPE bigint;
ALTER TABLE kept ALTER customer TYPE bigint;
ALTER TABLE kept_changes ALTER customer TYPE bigint;
SELECT matches(same('2025-07-04'), '0$', 'customers of another type');
ALTER TABLE orders ALTER at TYPE timestamptz;
SELECT matches(same('2025-07-05'), '0$', 'a time of another type');
SET TimeZone = 'Asia/Tokyo';
SELECT is(same('2025-07-06'), '0', 'in another zone');
RESET TimeZone;
SET TimeZone = 'UTC';
CREATE OR REPLACE FUNCTION price(amount numeric) RETURNS numeric LANGUAGE sql IMMUTABLE AS 'SELECT amount * 3';
SELECT is(same('2025-07-06', whole => true), 'full; 0', 'another price');
CREATE INDEX by_customer ON orders (customer);
SELECT is(same('2025-07-07'), '0', 'an index');
DROP INDEX by_customer;
SELECT is(same('2025-07-08'), '0', 'and none');

-- names
ALTER TABLE orders RENAME TO sales;
ALTER TABLE kept RENAME TO renamed;
SELECT is(same('2025-07-09', 'renamed'), '0', 'other names');
ALTER TABLE renamed RENAME TO kept;
ALTER TABLE sales RENAME TO orders;
SELECT is(same('2025-07-10'), '0', 'and the old ones');
CREATE SCHEMA stage_plans_elsewhere;
CREATE FUNCTION stage_plans_elsewhere.price(amount numeric) RETURNS numeric LANGUAGE sql IMMUTABLE AS 'SELECT 1.0';
ALTER TABLE kept SET SCHEMA stage_plans_elsewhere;
ALTER TABLE kept_changes SET SCHEMA stage_plans_elsewhere;
SELECT is(same('2025-07-11', 'stage_plans_elsewhere.kept'), '0', 'another schema');
SET search_path = stage_plans_elsewhere, stage_plans, public;
SELECT crmlife.refresh('kept', '2025-07-12') \g /dev/null
SET search_path = stage_plans, public;
SELECT is(same('2025-07-12', 'stage_plans_elsewhere.kept'), '0', 'a search_path that finds another function first');
CALL make('kept');
SELECT crmlife.refresh('kept', '2025-07-12', true) \g /dev/null
SELECT is(same('2025-07-13'), '0', 'another table of the old name');
SELECT is(same('2025-07-13', 'stage_plans_elsewhere.kept'), '0', 'beside the first');
SELECT crmlife.drop_stage_table('kept') \g /dev/null
CALL make('kept');
SELECT crmlife.refresh('kept', '2025-07-13', true) \g /dev/null
SELECT is(same('2025-07-14'), '0', 'made anew');

-- the stage table itself
ALTER TABLE kept DROP COLUMN orders, DROP COLUMN since, ADD COLUMN since date, ADD COLUMN orders bigint;
SELECT matches(same('2025-07-15', whole => true), '0$', 'columns made anew');
ALTER TABLE kept ADD COLUMN mine int DEFAULT 1;
CREATE OR REPLACE FUNCTION told(stages regclass) RETURNS SETOF text LANGUAGE plpgsql AS $$
BEGIN
  RETURN QUERY EXECUTE format('SELECT (to_jsonb(s) - %L::text[])::text FROM %s s', '{refreshed_at,rfm_score,rfm_segment,value_tier,mine}', stages);
END $$;
SELECT is(same('2025-07-16'), '0', 'a column of the owner''s');
ALTER TABLE kept DROP COLUMN mine;
SELECT is(same('2025-07-17'), '0', 'which goes again');
BEGIN;
ALTER TABLE orders ALTER shop TYPE varchar(10), ALTER amount TYPE numeric;
SELECT matches(same('2025-07-18'), '0$', 'in a transaction that changes the source');
ROLLBACK;
SELECT is(same('2025-07-18'), '0', 'and is rolled back');
DO $$ BEGIN
  PERFORM crmlife.refresh('kept', '2025-07-19');
  ALTER TABLE orders ALTER note TYPE varchar(10);
  PERFORM crmlife.refresh('kept', '2025-07-20', true);
  RAISE EXCEPTION 'no';
EXCEPTION WHEN OTHERS THEN NULL; END $$;
SELECT is(same('2025-07-21'), '0', 'a part of one is rolled back');

-- users: of one shop each
ALTER TABLE orders ENABLE ROW LEVEL SECURITY;
CREATE POLICY of_shop ON orders USING (current_user = 'crmlife_test_plans_' || shop);
GRANT SELECT, TRIGGER ON orders TO crmlife_test_plans_one, crmlife_test_plans_two;
ALTER TABLE kept OWNER TO crmlife_test_plans_one;
ALTER TABLE kept_changes OWNER TO crmlife_test_plans_one;
SELECT matches(same('2025-07-22', whole => true), '0$', 'another owner, whom a policy shows one shop');
SELECT is(same('2025-07-23'), '0', 'once more');
ALTER TABLE kept OWNER TO crmlife_test_plans_two;
ALTER TABLE kept_changes OWNER TO crmlife_test_plans_two;
SELECT matches(same('2025-07-24', whole => true), '0$', 'a third one, with another shop');
SELECT is(same('2025-07-25'), '0', 'once more');
ALTER POLICY of_shop ON orders USING (true);
SELECT matches(same('2025-07-25', whole => true), '0$', 'another policy');
-- a function that was made part of the plan of who may call it
REVOKE EXECUTE ON FUNCTION price FROM PUBLIC;
GRANT EXECUTE ON FUNCTION price TO crmlife_test_plans_one;
ALTER TABLE kept OWNER TO crmlife_test_plans_one;
ALTER TABLE kept_changes OWNER TO crmlife_test_plans_one;
SELECT matches(same('2025-07-25', whole => true), '0$', 'who may call a function');
ALTER TABLE kept OWNER TO crmlife_test_plans_two;
ALTER TABLE kept_changes OWNER TO crmlife_test_plans_two;
SELECT throws_ok($$ SELECT crmlife.refresh('kept', '2025-07-25', true) $$, '42501', 'permission denied for function price', 'who may not');
GRANT EXECUTE ON FUNCTION price TO PUBLIC;
REVOKE SELECT ON orders FROM crmlife_test_plans_two;
CALL more(5);
SELECT throws_ok($$ SELECT crmlife.refresh('kept', '2025-07-26') $$, '42501', NULL, 'no right any more to the source');
RESET ROLE;
ALTER TABLE kept OWNER TO CURRENT_USER;
ALTER TABLE kept_changes OWNER TO CURRENT_USER;
SELECT matches(same('2025-07-26', whole => true), '0$', 'back to the first');

-- more plans than are kept
SELECT count(crmlife.create_stage_table('many_' || i, 'orders', 'customer', 'at', 'price(amount::numeric)',
  order_filter => $$ note IS DISTINCT FROM 'open' $$, timezone => 'UTC')) FROM generate_series(1, 40) i \g /dev/null
SELECT crmlife.refresh(('many_' || i)::regclass, '2025-07-20', true) FROM generate_series(1, 40) i \g /dev/null
CREATE FUNCTION all_alike(day date) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
  wrong bigint := 0;
BEGIN
  FOR i IN 1..40 LOOP
    PERFORM crmlife.refresh(('many_' || i)::regclass, day);
    wrong := wrong + (SELECT count(*) FROM (SELECT * FROM told(('many_' || i)::regclass) EXCEPT SELECT * FROM told('many_1')) x);
  END LOOP;
  RETURN wrong;
END $$;
SELECT is(all_alike('2025-07-26'), 0::bigint, 'forty tables in one transaction');
CALL more(20);
SELECT is(all_alike('2025-07-27'), 0::bigint, 'and in the next');
SELECT is(same('2025-07-27', 'many_1') || same('2025-07-28', 'many_40'), '00', 'as they should be');
SELECT crmlife.drop_stage_table('kept'), crmlife.drop_stage_table('stage_plans_elsewhere.kept') \g /dev/null
SELECT crmlife.drop_stage_table(('many_' || i)::regclass) FROM generate_series(1, 40) i \g /dev/null
SELECT * FROM finish();
DROP SCHEMA stage_plans CASCADE;
DROP SCHEMA stage_plans_elsewhere CASCADE;
DROP ROLE crmlife_test_plans_one, crmlife_test_plans_two;
