-- Customers whose keys are integers of different sizes in each source and in
-- the stage table: random writes and refreshes against a full refresh.  And
-- columns of the stage table that could not hold what is written.
\set ECHO none
\pset format unaligned
\pset tuples_only true
SET client_min_messages = warning;
SET TimeZone = 'UTC';
SET DateStyle = ISO;
SET jit = off;
DROP SCHEMA IF EXISTS stage_keys CASCADE;
CREATE SCHEMA stage_keys;
SET search_path = stage_keys, public;
SELECT plan(21);
SELECT setseed(0.141421) \g /dev/null

CREATE TABLE small_orders (customer smallint, at timestamp, amount numeric);
CREATE TABLE orders (customer int, at timestamp, amount numeric);
CREATE TABLE visits (customer bigint, at timestamp);
CREATE TABLE members (customer int, registered date);
CREATE INDEX ON small_orders (customer);
CREATE INDEX ON orders (customer);
SELECT crmlife.create_stage_table('small', 'small_orders', 'customer', 'at', 'amount', visits => 'visits', visit_customer => 'customer', visited_at => 'at',
  members => 'members', member_customer => 'customer', registered_at => 'registered', timezone => 'UTC') \g /dev/null
SELECT crmlife.create_stage_table('middle', 'orders', 'customer', 'at', 'amount', visits => 'visits', visit_customer => 'customer', visited_at => 'at',
  timezone => 'UTC', keep_history => false) \g /dev/null
SELECT is(string_agg(format_type(atttypid, atttypmod), ' ' ORDER BY attrelid), 'bigint bigint', 'the stage table holds the largest')
FROM pg_attribute WHERE attrelid IN ('small'::regclass, 'middle'::regclass) AND attname = 'customer';

-- customers at both ends of each type, and beyond
CREATE FUNCTION someone(low numeric, high numeric) RETURNS numeric LANGUAGE sql AS $$
  SELECT least(greatest((ARRAY[0, 1, 32767, 32768, -32768, -32769, 65536, 2147483647, 2147483648, -2147483648, -2147483649, 4294967296, 9223372036854775000])
    [1 + floor(random() * 13)] + floor(random() * 3), low), high) $$;
CREATE PROCEDURE writes(n int) LANGUAGE plpgsql AS $$
BEGIN
  FOR i IN 1..n LOOP
    CASE floor(random() * 7)
      WHEN 0 THEN INSERT INTO small_orders VALUES (someone(-32768, 32767), timestamp '2025-06-30' - random() * interval '300 days', (random() * 50)::int);
      WHEN 1 THEN INSERT INTO orders VALUES (someone(-2147483648, 2147483647), timestamp '2025-06-30' - random() * interval '300 days', (random() * 50)::int);
      WHEN 2 THEN INSERT INTO visits VALUES (someone(-9223372036854775808, 9223372036854775806), timestamp '2025-06-30' - random() * interval '300 days');
      WHEN 3 THEN INSERT INTO members VALUES (someone(-2147483648, 2147483647), date '2025-06-30' - (random() * 300)::int);
      WHEN 4 THEN UPDATE visits SET customer = someone(-9223372036854775808, 9223372036854775806) WHERE random() < 0.05;
      WHEN 5 THEN UPDATE small_orders SET amount = amount + 1 WHERE random() < 0.1; UPDATE orders SET amount = amount + 1 WHERE random() < 0.1;
      ELSE DELETE FROM visits WHERE random() < 0.05; DELETE FROM orders WHERE random() < 0.05; DELETE FROM members WHERE random() < 0.05;
    END CASE;
  END LOOP;
END $$;
CALL writes(300);
SELECT crmlife.refresh('small', '2025-06-30', true), crmlife.refresh('middle', '2025-06-30', true) \g /dev/null
CREATE FUNCTION told(stages regclass) RETURNS SETOF text LANGUAGE plpgsql AS $$
BEGIN
  RETURN QUERY EXECUTE format('SELECT (to_jsonb(s) - %L)::text FROM %s s', 'refreshed_at', stages);
END $$;
-- new rows, changed ones, a day: by keys, and then all
CREATE FUNCTION differing(stages text, day date) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
  by_keys text[];
  n bigint;
BEGIN
  PERFORM crmlife.refresh(stages::regclass, day);
  by_keys := ARRAY(SELECT told(stages::regclass));
  SELECT count(*) INTO n FROM crmlife.verify(stages::regclass);
  PERFORM crmlife.refresh(stages::regclass, day, true);
  RETURN concat_ws(' ', n, (SELECT count(*) FROM (SELECT * FROM told(stages::regclass) EXCEPT SELECT unnest(by_keys)) x),
                   (SELECT count(*) FROM (SELECT unnest(by_keys) EXCEPT SELECT * FROM told(stages::regclass)) x), CASE WHEN cardinality(by_keys) < 10 THEN 'few' END);
END $$;
DO $$ BEGIN
  CREATE TABLE outcome (step int, stages text, result text);
  FOR step IN 1..15 LOOP
    CALL writes(6);
    INSERT INTO outcome SELECT step, name, differing(name, date '2025-06-30' + step) FROM unnest('{small,middle}'::text[]) name;
  END LOOP;
END $$;
SELECT is(string_agg(format('step %s: %s', step, result), '; ') FILTER (WHERE result <> '0 0 0'), NULL, stages) FROM outcome GROUP BY stages ORDER BY stages;
SELECT cmp_ok(count(*) FILTER (WHERE customer > 2147483647), '>', 0::bigint, 'some customers fit no smaller type') FROM small;

-- a precision would round what is written
CREATE FUNCTION refused(change text, query text) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
  told text;
BEGIN
  BEGIN
    EXECUTE change;
    RETURN NEXT throws_ok(query, '42703', NULL, change || ': ' || query);
    RAISE EXCEPTION 'undo';
  EXCEPTION WHEN raise_exception THEN NULL;
  END;
END $$;
SELECT refused(change, query) FROM
  unnest(ARRAY['ALTER TABLE middle ALTER revenue TYPE numeric(9,1)', 'ALTER TABLE middle ALTER last_order_at TYPE timestamp(0)', 'ALTER TABLE middle ALTER average_order TYPE numeric(20,6)']) change,
  unnest(ARRAY['SELECT crmlife.refresh(''middle'', ''2025-08-01'')', 'SELECT crmlife.refresh(''middle'', ''2025-08-01'', true)', 'SELECT * FROM crmlife.verify(''middle'')',
               'SELECT crmlife.calibrate(''middle'')', 'SELECT * FROM crmlife.learn(''middle'')']) query;
ALTER TABLE middle ALTER revenue TYPE numeric(9,1);
DO $$
DECLARE
  detail text;
BEGIN
  PERFORM crmlife.refresh('middle', '2025-08-01');
EXCEPTION WHEN undefined_column THEN
  GET STACKED DIAGNOSTICS detail = PG_EXCEPTION_DETAIL;
  CREATE TABLE told_detail AS SELECT detail;
END $$;
SELECT is(detail, 'It is of type numeric(9,1) now.', 'and what it is is told') FROM told_detail;
ALTER TABLE middle ALTER revenue TYPE numeric;
SELECT crmlife.refresh('middle', '2025-08-01', true) \g /dev/null
SELECT is_empty($$ SELECT * FROM crmlife.verify('middle') $$, 'without it, and with what was rounded written anew, all is well');
SELECT crmlife.drop_stage_table('small'), crmlife.drop_stage_table('middle') \g /dev/null
SELECT * FROM finish();
DROP SCHEMA stage_keys CASCADE;
