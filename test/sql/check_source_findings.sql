\set ECHO none
\pset format unaligned
\pset tuples_only true
\set QUIET on
SET client_min_messages = warning;
SET timezone = 'UTC';
BEGIN;
SELECT plan(50);

CREATE SCHEMA "the shop";
-- the findings of a call as "severity finding rows", without the summary
CREATE FUNCTION found(call text) RETURNS TABLE (found text) LANGUAGE plpgsql AS $$
BEGIN
  RETURN QUERY EXECUTE format(
    'SELECT concat_ws('' '', severity, finding, rows) FROM %s WHERE finding <> ''summary''', call);
END $$;

-- 1000 ordinary orders of 200 customers, by day, in shop hours
CREATE TABLE good AS
  SELECT i AS order_id, i % 200 + 1 AS customer_id,
         timestamptz '2024-03-01 09:00:07Z' + i * interval '1 hour 7 minutes 13 seconds'
           - CASE WHEN extract(hour FROM timestamptz '2024-03-01 09:00:07Z' + i * interval '1 hour 7 minutes 13 seconds') < 9
                  THEN interval '9 hours' ELSE interval '0' END AS paid_at,
         (i % 37)::numeric + 0.5 AS amount
  FROM generate_series(1, 1000) i;
CREATE INDEX ON good (customer_id);

SELECT set_eq($$ SELECT * FROM found($c$ crmlife.check_source('good', 'customer_id', 'paid_at', 'amount') $c$) $$,
  ARRAY['note guessed_zone'], 'orders in order: nothing but the zone');
SELECT is(detail, '1000 rows of 200 customers, from 2024-03-01 to 2024-04-16.', 'the summary counts')
  FROM crmlife.check_source('good', 'customer_id', 'paid_at', 'amount') WHERE finding = 'summary';
SELECT is(rows, 1000::bigint, 'the summary''s rows')
  FROM crmlife.check_source('good', 'customer_id', 'paid_at', 'amount') WHERE finding = 'summary';
SELECT is(detail, '500 rows of 100 customers, from 2024-03-01 to 2024-04-16.', 'order_filter is applied')
  FROM crmlife.check_source('good', 'customer_id', 'paid_at', 'amount', order_filter => 'customer_id % 2 = 0')
  WHERE finding = 'summary';
SELECT set_eq($$ SELECT * FROM found($c$ crmlife.check_source('good', 'customer_id', 'paid_at') $c$) $$,
  ARRAY['note guessed_zone', 'note no_amount'], 'no amount given');
SELECT set_eq($$ SELECT * FROM found($c$ crmlife.check_source('good', 'customer_id', 'paid_at', 'amount * 2', order_key => 'order_id') $c$) $$,
  ARRAY['note guessed_zone'], 'expressions and a unique key');
SELECT set_eq($$ SELECT * FROM found($c$ crmlife.check_source('good', 'customer_id', 'paid_at', 'amount', 'false') $c$) $$,
  ARRAY['warning no_rows 0', 'note guessed_zone'], 'a filter that lets nothing through');

-- one fault at a time, each put into a copy
CREATE FUNCTION with_fault(change text, call text) RETURNS TABLE (found text) LANGUAGE plpgsql AS $$
BEGIN
  DROP TABLE IF EXISTS faulty;
  CREATE TABLE faulty (LIKE good INCLUDING INDEXES);
  INSERT INTO faulty SELECT * FROM good;
  EXECUTE change;
  RETURN QUERY SELECT f.found FROM found(call) f;
END $$;
\set call '$c$ crmlife.check_source(''faulty'', ''customer_id'', ''paid_at'', ''amount'') $c$'

SELECT set_eq($$ SELECT * FROM with_fault('UPDATE faulty SET customer_id = NULL WHERE order_id <= 30', $$ || :'call' || ')',
  ARRAY['warning null_customer 30', 'note guessed_zone'], 'NULL customers');
SELECT set_eq($$ SELECT * FROM with_fault('UPDATE faulty SET paid_at = NULL WHERE order_id <= 31', $$ || :'call' || ')',
  ARRAY['warning null_time 31', 'note guessed_zone'], 'NULL times');
SELECT set_eq($$ SELECT * FROM with_fault('UPDATE faulty SET amount = NULL WHERE order_id <= 32', $$ || :'call' || ')',
  ARRAY['note null_amount 32', 'note guessed_zone'], 'NULL amounts');
SELECT set_eq($$ SELECT * FROM with_fault('UPDATE faulty SET paid_at = ''infinity'' WHERE order_id = 5; UPDATE faulty SET paid_at = ''-infinity'' WHERE order_id = 6', $$ || :'call' || ')',
  ARRAY['error infinite_time 2', 'note guessed_zone'], 'infinite times');
SELECT set_eq($$ SELECT * FROM with_fault('UPDATE faulty SET amount = ''NaN'' WHERE order_id <= 3; UPDATE faulty SET amount = ''-Infinity'' WHERE order_id = 4', $$ || :'call' || ')',
  ARRAY['error nan_amount 4', 'note guessed_zone'], 'NaN and infinite amounts');
SELECT set_eq($$ SELECT * FROM with_fault('UPDATE faulty SET amount = -amount WHERE order_id <= 40', $$ || :'call' || ')',
  ARRAY['note refunds 40', 'note guessed_zone'], 'refunds');
SELECT set_eq($$ SELECT * FROM with_fault('UPDATE faulty SET paid_at = now() + order_id * interval ''1 day'' + interval ''1 second'' WHERE order_id <= 7', $$ || :'call' || ')',
  ARRAY['warning future_time 7', 'note guessed_zone'], 'future times');
SELECT set_eq($$ SELECT * FROM with_fault('UPDATE faulty SET paid_at = date_trunc(''day'', paid_at)', $$ || :'call' || ')
  WHERE found !~ ''several_orders''',
  ARRAY['note midnight_only 1000', 'note guessed_zone'], 'midnights only') FROM (SELECT 1) x;
SELECT set_eq($$ SELECT * FROM with_fault('UPDATE faulty SET paid_at = date_trunc(''day'', paid_at) + interval ''16 hours''', $$ || :'call' || ')
  WHERE found !~ ''several_orders''',
  ARRAY['warning one_time_of_day 1000', 'note guessed_zone'], 'midnights of another zone');
SELECT set_eq($$ SELECT * FROM with_fault('UPDATE faulty SET paid_at = date_trunc(''day'', paid_at) + interval ''1 hour'' + order_id * interval ''10 seconds''', $$ || :'call' || ')',
  ARRAY['warning orders_at_night 1000', 'note guessed_zone'], 'a shop that sells at night');
SELECT set_eq($$ SELECT * FROM with_fault('UPDATE faulty SET customer_id = 0 WHERE order_id <= 20; UPDATE faulty SET customer_id = -1 WHERE order_id = 21; UPDATE faulty SET customer_id = 99999 WHERE order_id = 22', $$ || :'call' || ')',
  ARRAY['warning placeholder_customer 22', 'note guessed_zone'], 'placeholders 0, -1, 99999');
SELECT set_eq($$ SELECT * FROM with_fault('UPDATE faulty SET customer_id = 77 WHERE order_id <= 300', $$ || :'call' || ')',
  ARRAY['warning dominant_customer 303', 'note guessed_zone'], 'one customer with a wild share');
SELECT set_eq($$ SELECT * FROM with_fault('INSERT INTO faulty SELECT order_id, customer_id, paid_at, amount + 1 FROM good', $$ || :'call' || ')',
  ARRAY['warning several_rows_per_order 2000', 'note guessed_zone'], 'two lines for each order');
SELECT set_eq($$ SELECT * FROM with_fault('INSERT INTO faulty SELECT * FROM good', $$ || :'call' || ')',
  ARRAY['warning duplicate_rows 1000', 'note guessed_zone'], 'a file loaded twice');
SELECT set_eq($$ SELECT * FROM with_fault('INSERT INTO faulty SELECT * FROM good WHERE order_id <= 2', $$ || :'call' || ')',
  ARRAY['warning duplicate_rows 2', 'note guessed_zone'], 'two rows twice');
SELECT set_eq($$ SELECT * FROM with_fault('INSERT INTO faulty SELECT order_id, customer_id, paid_at, amount + 1 FROM good',
    $c$ crmlife.check_source('faulty', 'customer_id', 'paid_at', 'amount', order_key => 'order_id') $c$) $$,
  ARRAY['note rows_netted 2000', 'note guessed_zone'], 'the same with order_key');
SELECT set_eq($$ SELECT * FROM with_fault('UPDATE faulty SET order_id = 1 WHERE order_id = 2; UPDATE faulty SET order_id = NULL WHERE order_id > 995',
    $c$ crmlife.check_source('faulty', 'customer_id', 'paid_at', 'amount', order_key => 'order_id') $c$) $$,
  ARRAY['note rows_netted 2', 'warning key_of_several_customers 2', 'warning null_key 5', 'note guessed_zone'],
  'a key of two customers, and no key');
SELECT set_eq($$ SELECT * FROM with_fault('DROP INDEX faulty_customer_id_idx', $$ || :'call' || ')',
  ARRAY['warning missing_index', 'note guessed_zone'], 'no index on the customer');
SELECT set_eq($$ SELECT * FROM with_fault('DROP INDEX faulty_customer_id_idx; CREATE INDEX ON faulty (amount, customer_id); CREATE INDEX ON faulty (customer_id) WHERE amount > 5', $$ || :'call' || ')',
  ARRAY['warning missing_index', 'note guessed_zone'], 'a partial one, or a second place, will not do');

-- text and uuid keys, dates, timestamps
CREATE TABLE words AS SELECT order_id,
    CASE WHEN order_id <= 3 THEN ' ' WHEN order_id <= 7 THEN 'Unknown' ELSE 'c' || customer_id END::varchar(20) AS who,
    md5((order_id % 90)::text)::uuid AS id, paid_at::date AS day, paid_at AT TIME ZONE 'UTC' AS at, amount
  FROM good;
UPDATE words SET id = '00000000-0000-0000-0000-000000000000' WHERE order_id = 9;
SELECT is(detail, 'The customers ''Unknown'', '' '' look like placeholders.', 'placeholders are shown as they are written')
  FROM crmlife.check_source('words', 'who', 'at', 'amount') WHERE finding = 'placeholder_customer';
SELECT set_eq($$ SELECT * FROM found($c$ crmlife.check_source('words', 'who', 'day', 'amount') $c$) WHERE found !~ 'index|several_orders' $$,
  ARRAY['warning placeholder_customer 7'], 'dates: no word about midnight or zones');
SELECT set_eq($$ SELECT * FROM found($c$ crmlife.check_source('words', 'id', 'at', 'amount') $c$) WHERE found !~ 'index' $$,
  ARRAY['warning placeholder_customer 1', 'note guessed_zone'], 'uuid keys, timestamps');
SELECT alike(detail, '%has no time zone%', 'a timestamp''s zone is guessed')
  FROM crmlife.check_source('words', 'id', 'at', 'amount') WHERE finding = 'guessed_zone';
SELECT is(detail, 'Days are cut in the time zone ''Asia/Shanghai''.', 'a timestamptz has its days cut')
  FROM crmlife.check_source('good', 'customer_id', 'paid_at', timezone => 'Asia/Shanghai') WHERE finding = 'guessed_zone';

-- types
SELECT set_eq($$ SELECT * FROM found($c$ crmlife.check_source('good', 'amount', 'paid_at') $c$) WHERE found !~ 'index' $$,
  ARRAY['error customer_type', 'note guessed_zone'], 'a numeric customer');
SELECT set_eq($$ SELECT * FROM found($c$ crmlife.check_source('good', 'customer_id', 'order_id') $c$) $$,
  ARRAY['error time_type'], 'an integer time');
SELECT is(array_agg(split_part(hint, ':', 1) ORDER BY a), ARRAY[
    'Cast it, and round it to the currency''s unit', 'Cast it', 'Cast it, and round it to the currency''s unit',
    'Use a numeric, bigint, integer or smallint column, or an expression that gives one.'], 'amounts that need a cast')
  FROM unnest(ARRAY['amount::float8', 'amount::money', 'amount::real', 'amount::text']) WITH ORDINALITY e(x, a),
       crmlife.check_source('good', 'customer_id', 'paid_at', x) WHERE finding = 'amount_type';
SELECT set_eq($$ SELECT * FROM found($c$ crmlife.check_source('good', 'customer_id', 'paid_at', 'amount', 'order_id') $c$) $$,
  ARRAY['error filter_type', 'note guessed_zone'], 'a filter that is no condition');
CREATE DOMAIN euros AS numeric(12, 2);
CREATE DOMAIN price AS euros;
SELECT is(count(*), 0::bigint, 'a domain over a domain over numeric is money')
  FROM crmlife.check_source('good', 'customer_id', 'paid_at', 'amount::price') WHERE severity = 'error';

-- names
CREATE TABLE "the shop"."Orders; --" ("Who?" bigint, "when ""it"" was" timestamptz, "sum" numeric);
INSERT INTO "the shop"."Orders; --" SELECT customer_id, paid_at, amount FROM good;
SELECT is(rows, 1000::bigint, 'names with spaces, quotes and semicolons')
  FROM crmlife.check_source('"the shop"."Orders; --"', 'Who?', 'when "it" was', 'sum') WHERE finding = 'summary';
SELECT is(hint, 'CREATE INDEX ON "the shop"."Orders; --" ("Who?");', 'and in hints')
  FROM crmlife.check_source('"the shop"."Orders; --"', 'Who?', 'when "it" was', 'sum') WHERE finding = 'missing_index';
CREATE FUNCTION "the shop".cents(a numeric) RETURNS numeric LANGUAGE sql IMMUTABLE AS 'SELECT a / 100';
SET LOCAL search_path = "the shop", public;
SELECT is(rows, 1000::bigint, 'the caller''s own functions are found as the caller finds them')
  FROM crmlife.check_source('good', 'customer_id', 'paid_at', 'cents(amount)') WHERE finding = 'summary';
RESET search_path;

-- names that shadow PostgreSQL's own change nothing
CREATE SCHEMA trap;
CREATE FUNCTION trap.sprung() RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'the trap is sprung'; END $$;
CREATE FUNCTION trap.compare(timestamp, timestamp) RETURNS boolean LANGUAGE sql AS 'SELECT trap.sprung()';
CREATE FUNCTION trap.compare(text, text) RETURNS boolean LANGUAGE sql AS 'SELECT trap.sprung()';
CREATE FUNCTION trap.compare(bigint, integer) RETURNS boolean LANGUAGE sql AS 'SELECT trap.sprung()';
CREATE FUNCTION trap.lower(text) RETURNS text LANGUAGE sql AS 'SELECT trap.sprung()::text';
CREATE FUNCTION trap.timezone(text, timestamptz) RETURNS timestamp LANGUAGE sql AS 'SELECT trap.sprung()::text::timestamp';
CREATE OPERATOR trap.> (LEFTARG = timestamp, RIGHTARG = timestamp, FUNCTION = trap.compare);
CREATE OPERATOR trap.> (LEFTARG = bigint, RIGHTARG = integer, FUNCTION = trap.compare);
CREATE OPERATOR trap.= (LEFTARG = text, RIGHTARG = text, FUNCTION = trap.compare);
CREATE TABLE free AS SELECT * FROM crmlife.check_source('words', 'who', 'at', 'amount', order_key => 'order_id');
SET LOCAL search_path = trap, pg_catalog, public;
CREATE TABLE public.trapped AS SELECT * FROM crmlife.check_source('words', 'who', 'at', 'amount', order_key => 'order_id');
RESET search_path;
SELECT set_eq('TABLE trapped', 'TABLE free', 'shadowing operators and functions are passed by');

-- views, foreign rights
CREATE VIEW seen AS SELECT * FROM good;
SELECT set_eq($$ SELECT * FROM found($c$ crmlife.check_source('seen', 'customer_id', 'paid_at', 'amount') $c$) $$,
  ARRAY['note no_triggers', 'note guessed_zone'], 'a view');
CREATE ROLE crm_check_reader;
GRANT SELECT ON good TO crm_check_reader;
SET LOCAL ROLE crm_check_reader;
SELECT is(hint, 'GRANT TRIGGER ON public.good TO crm_check_reader; or create the stage table with capture => ''full''.', 'no TRIGGER right')
  FROM crmlife.check_source('good', 'customer_id', 'paid_at', 'amount') WHERE finding = 'no_trigger_right';
SELECT throws_ok($$ SELECT * FROM crmlife.check_source('words', 'id', 'at', 'amount') $$, '42501', NULL, 'no SELECT right');
RESET ROLE;

-- wrong use
SELECT throws_ok($$ SELECT * FROM crmlife.check_source('good', 'customer', 'paid_at') $$, '42703',
  'column "customer" of relation public.good does not exist', 'unknown customer column');
SELECT throws_ok($$ SELECT * FROM crmlife.check_source('good', 'customer_id', 'bought_at') $$, '42703',
  'column "bought_at" does not exist', 'unknown time column');
SELECT throws_ok($$ SELECT * FROM crmlife.check_source('good', 'customer_id', 'paid_at', 'amount +') $$, '42601', NULL, 'broken expression');
SELECT throws_ok($$ SELECT * FROM crmlife.check_source('good', 'customer_id', 'paid_at', 'amount', timezone => 'Europe/Atlantis') $$,
  '22023', 'time zone "Europe/Atlantis" not recognized', 'unknown zone');
SELECT throws_ok($$ SELECT * FROM crmlife.check_source('good', NULL, 'paid_at') $$, '22004', NULL, 'no customer');
SELECT throws_ok($$ SELECT * FROM crmlife.check_source('good', 'customer_id', ' ') $$, '22023', 'an expression is empty', 'an empty expression');
SELECT throws_ok($$ SELECT * FROM crmlife.check_source('good', 'customer_id', 'paid_at', 'amount), true) l; DELETE FROM good; --') $$,
  NULL, NULL, 'a text that would write is refused');

SELECT * FROM finish();
ROLLBACK;
