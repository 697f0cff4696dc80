-- What verify finds: differences planted in every column of a stage table are
-- all told, each with both values, and nothing else is.  Refreshes mend them,
-- also where columns were dropped and made anew.
\set ECHO none
\pset format unaligned
\pset tuples_only true
SET client_min_messages = warning;
SET TimeZone = 'UTC';
SET DateStyle = ISO;
SET jit = off;
DROP SCHEMA IF EXISTS stage_verify CASCADE;
CREATE SCHEMA stage_verify;
SET search_path = stage_verify, public;
SELECT plan(13);
SELECT setseed(0.577215) \g /dev/null

CREATE TABLE orders (customer int, at timestamp, amount numeric);
CREATE TABLE visits (customer int, at timestamp);
CREATE TABLE members (customer int, registered date, level text);
INSERT INTO orders SELECT random() * 200, timestamp '2025-06-30' - random() ^ 3 * interval '700 days', round((random() * 100 - 3)::numeric, 2)
FROM generate_series(1, 900);
INSERT INTO visits SELECT random() * 250, timestamp '2025-06-30' - random() * interval '300 days' FROM generate_series(1, 300);
INSERT INTO members SELECT i, date '2025-06-30' - (random() * 900)::int, (ARRAY['gold', 'silver', NULL])[i % 3 + 1] FROM generate_series(1, 260) i;

SELECT crmlife.create_stage_table('stages', 'orders', 'customer', 'at', 'amount', visits => 'visits', visit_customer => 'customer', visited_at => 'at',
  members => 'members', member_customer => 'customer', registered_at => 'registered', segment => 'level') \g /dev/null
SELECT crmlife.refresh('stages', '2025-06-30', true) \g /dev/null
SELECT is_empty($$ SELECT * FROM crmlife.verify('stages') $$, 'nothing differs before');

CREATE TABLE our_column AS
  SELECT attname::text AS name, format_type(atttypid, NULL) AS type FROM pg_attribute
  WHERE attrelid = 'stages'::regclass AND attnum > 0 AND attname NOT IN ('customer', 'refreshed_at');
CREATE TABLE right_rows AS SELECT * FROM stages;
-- what is in no row at all would not be found to be wrong in any
SELECT is((SELECT string_agg(name, ' ') FROM our_column c
           WHERE NOT EXISTS (SELECT FROM right_rows r WHERE to_jsonb(r) ->> c.name IS NOT NULL)), NULL, 'each column has values');

CREATE TABLE planted (customer text, column_name text, stored text, expected text);
-- another value, as like the right one as there is
CREATE FUNCTION near(type text, old text) RETURNS text LANGUAGE sql IMMUTABLE AS $$
  SELECT CASE
    WHEN old IS NULL THEN CASE type WHEN 'text' THEN '' WHEN 'date' THEN '2025-01-01' WHEN 'timestamp without time zone' THEN '2025-01-01 00:00:00'
                                    WHEN 'crmlife.purchase_history' THEN '{}' ELSE '0' END
    WHEN type IN ('integer', 'bigint') THEN (old::bigint + 1)::text
    WHEN type = 'numeric' THEN (old::numeric + 0.01)::text
    WHEN type = 'text' THEN overlay(old PLACING upper(right(old, 1)) || 'x' FROM greatest(length(old), 1))
    WHEN type = 'date' THEN (old::date + 1)::text
    WHEN type = 'timestamp without time zone' THEN (old::timestamp + interval '1 microsecond')::text
  END
$$;
-- for each column: a value that is near, and none where there is one, or one where there is none
CREATE FUNCTION plant() RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
  c record;
  r record;
  new text;
BEGIN
  FOR c IN SELECT * FROM our_column LOOP
    FOR r IN EXECUTE format($q$ (SELECT customer, %1$I::text AS old, false AS remove FROM right_rows ORDER BY %1$I IS NULL, random() LIMIT 3)
        UNION (SELECT customer, %1$I::text, true FROM right_rows WHERE %1$I IS NOT NULL ORDER BY random() LIMIT 2)
        UNION (SELECT customer, NULL, false FROM right_rows WHERE %1$I IS NULL ORDER BY random() LIMIT 2) $q$, c.name) LOOP
      CONTINUE WHEN EXISTS (SELECT FROM planted p WHERE (p.customer, p.column_name) = (r.customer::text, c.name));
      new := CASE WHEN NOT r.remove THEN near(c.type, r.old) END;
      IF c.type = 'crmlife.purchase_history' AND new IS NULL THEN
        new := (SELECT h.history::text FROM right_rows h WHERE h.history::text <> r.old ORDER BY random() LIMIT 1);
      END IF;
      CONTINUE WHEN c.name = 'stage' AND new IS NULL;
      EXECUTE format('UPDATE stages SET %I = $1::text::%s WHERE customer = $2', c.name, c.type) USING new, r.customer;
      INSERT INTO planted VALUES (r.customer, c.name, new, r.old);
    END LOOP;
  END LOOP;
  RETURN (SELECT count(DISTINCT column_name) FROM planted);
END $$;
SELECT is(plant(), (SELECT count(*) FROM our_column), 'something is planted in each column');
SELECT is((SELECT string_agg(format('%s %s %s', column_name, stored, expected), '; ') FROM planted
           WHERE stored IS NOT DISTINCT FROM expected), NULL, 'and differs');
SELECT set_eq($$ SELECT * FROM crmlife.verify('stages') $$, $$ SELECT * FROM planted $$, 'all of it is found, and nothing else');
SELECT crmlife.refresh('stages', '2025-06-30', true) \g /dev/null
SELECT is_empty($$ SELECT * FROM crmlife.verify('stages') $$, 'a full refresh mends it');

-- the same values, in each other's columns
UPDATE stages SET first_order_at = last_order_at, last_order_at = first_order_at, orders = order_days, order_days = orders,
  rfm_segment = loyalty, loyalty = rfm_segment;
SELECT set_eq($$ SELECT customer, column_name FROM crmlife.verify('stages') $$,
  $$ SELECT customer::text, unnest(CASE WHEN orders <> order_days THEN '{orders,order_days}'::text[] END
       || CASE WHEN first_order_at <> last_order_at THEN '{first_order_at,last_order_at}'::text[] END
       || CASE WHEN rfm_segment IS DISTINCT FROM loyalty THEN '{rfm_segment,loyalty}'::text[] END) FROM right_rows $$,
  'values that changed places are found');
SELECT crmlife.refresh('stages', '2025-06-30', true) \g /dev/null
SELECT is_empty($$ SELECT * FROM crmlife.verify('stages') $$, 'a full refresh mends it');

-- a column made anew with a default: PostgreSQL keeps that outside of the rows
ALTER TABLE stages DROP COLUMN first_order_at, DROP COLUMN loyalty,
  ADD COLUMN loyalty text DEFAULT 'anew', ADD COLUMN first_order_at timestamp DEFAULT '2025-01-01';
SELECT set_eq($$ SELECT * FROM crmlife.verify('stages') $$,
  $$ SELECT customer::text, 'loyalty' AS name, 'anew' AS stored, loyalty FROM right_rows
     UNION ALL SELECT customer::text, 'first_order_at', '2025-01-01 00:00:00', first_order_at::text FROM right_rows $$,
  'a column made anew with a default is found in each row');
SELECT crmlife.refresh('stages', '2025-07-20') \g /dev/null
CREATE TEMP VIEW looked_at AS SELECT customer::text FROM stages WHERE refreshed_at = (SELECT max(refreshed_at) FROM stages);
SELECT cmp_ok((SELECT count(*) FROM looked_at), '>', 10::bigint, 'three weeks on some are due');
SELECT is_empty($$ SELECT * FROM crmlife.verify('stages') JOIN looked_at USING (customer) $$, 'which mends their rows');
SELECT crmlife.refresh('stages', '2025-07-20', true) \g /dev/null
SELECT is_empty($$ SELECT * FROM crmlife.verify('stages') $$, 'a full refresh mends it');
-- so many are wrong that everybody is read once more, and some wait for a refresh
CREATE TABLE many (customer int PRIMARY KEY, at date, amount int);
INSERT INTO many SELECT i, '2025-06-01', 1 FROM generate_series(1, 101000) i;
SELECT crmlife.create_stage_table('many_stages', 'many', 'customer', 'at', 'amount') \g /dev/null
SELECT crmlife.refresh('many_stages', '2025-06-30', true) \g /dev/null
UPDATE many_stages SET orders = 2;
UPDATE many SET amount = 2 WHERE customer % 1000 = 7;
SELECT is((count(*), count(DISTINCT customer), min(stored), max(stored), min(expected), max(expected), count(*) FILTER (WHERE customer::int % 1000 = 7))::text,
          '(100899,100899,2,2,1,1,0)', 'all but those who wait are told') FROM crmlife.verify('many_stages');
DROP VIEW looked_at;
SELECT crmlife.drop_stage_table('stages'), crmlife.drop_stage_table('many_stages') \g /dev/null
SELECT * FROM finish();
DROP SCHEMA stage_verify CASCADE;
