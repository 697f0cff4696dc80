-- What happens to the sources behind a stage table's back: whatever is written
-- is captured, whatever is missed is noticed, and nothing is left behind.
\set ECHO none
\pset format unaligned
\pset tuples_only true
\set QUIET on
SET client_min_messages = error;
SET timezone = 'UTC';
SET datestyle = 'ISO';
SET jit = off;
BEGIN;
SELECT no_plan();
CREATE SCHEMA capture;
SET search_path = capture, public;
CREATE FUNCTION error_of(call text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
  message text; hint text;
BEGIN
  EXECUTE call;
  RETURN 'no error';
EXCEPTION WHEN OTHERS THEN
  GET STACKED DIAGNOSTICS message = MESSAGE_TEXT, hint = PG_EXCEPTION_HINT;
  RETURN sqlstate || ' ' || concat_ws(' | ', message, nullif(hint, ''));
END $$;

CREATE TABLE people (id int PRIMARY KEY);
INSERT INTO people SELECT generate_series(1, 40);
CREATE TABLE orders (id int PRIMARY KEY, customer int REFERENCES people ON DELETE CASCADE ON UPDATE CASCADE, at timestamptz, amount numeric);
INSERT INTO orders SELECT i, 1 + i % 30, timestamptz '2025-06-30' - i * interval '31 hours', i FROM generate_series(1, 200) i;
SELECT crmlife.create_stage_table('stages', 'orders', 'customer', 'at', 'amount') \g /dev/null
SELECT crmlife.refresh('stages', '2025-06-30', true) \g /dev/null
-- by OID: it will be called otherwise
SELECT set_config('test.stages', 'stages'::regclass::oid::text, false) \g /dev/null

-- refreshes; 'full' or 'captured', and whether the result is right
CREATE FUNCTION outcome(name text DEFAULT NULL) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
  t regclass := coalesce(name::regclass::oid, current_setting('test.stages')::oid);
  wrong bigint;
  said text;
BEGIN
  PERFORM crmlife.refresh(t, '2025-06-30');
  SELECT CASE WHEN s.was_full THEN 'full' ELSE 'captured, ' || s.customers END INTO said
  FROM crmlife.status s WHERE s.stage_table = t;
  SELECT count(*) INTO wrong FROM crmlife.verify(t);
  RETURN said || CASE WHEN wrong > 0 THEN ', ' || wrong || ' wrong' ELSE '' END;
END $$;
CREATE FUNCTION after(ddl text, result text, stage_table text DEFAULT NULL) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
  EXECUTE ddl;
  RETURN is(outcome(stage_table), result, ddl);
END $$;

SELECT is(outcome(), 'captured, 0', 'nothing happened');
SELECT after(ddl, result) FROM (VALUES
  -- ordinary writes, however they come
  ('INSERT INTO orders VALUES (1000, 1, ''2025-06-30'', 5)', 'captured, 1'),
  ('INSERT INTO orders VALUES (1000, 1, ''2025-06-30'', 5), (1001, 2, ''2025-06-30'', 5) ON CONFLICT (id) DO UPDATE SET customer = 3', 'captured, 3'),
  ('INSERT INTO orders VALUES (1000, 4, ''2025-06-30'', 5) ON CONFLICT DO NOTHING', 'captured, 0'),
  ('WITH gone AS (DELETE FROM orders WHERE id = 1000 RETURNING *) INSERT INTO orders SELECT 1002, 5, at, amount FROM gone', 'captured, 2'),
  ('DELETE FROM people WHERE id = 6', 'captured, 1'),
  ('UPDATE people SET id = 41 WHERE id = 7', 'captured, 2'),
  ('INSERT INTO orders VALUES (1003, NULL, ''2025-06-30'', 5)', 'captured, 0'),
  ('UPDATE orders SET customer = 8 WHERE id = 1003', 'captured, 1'),
  ('MERGE INTO orders o USING (VALUES (1, 9), (1004, 10)) m(id, who) ON o.id = m.id WHEN MATCHED THEN DELETE WHEN NOT MATCHED THEN INSERT VALUES (m.id, m.who, ''2025-06-30'', 1)', 'captured, 2'),
  ('SET LOCAL session_replication_role = replica; INSERT INTO orders VALUES (1005, 11, ''2025-06-30'', 5); SET LOCAL session_replication_role = origin', 'captured, 1'),
  ('TRUNCATE people CASCADE', 'full'),
  ('INSERT INTO people SELECT generate_series(1, 40)', 'captured, 0'),
  ('INSERT INTO orders SELECT i, 1 + i % 30, timestamptz ''2025-06-30'' - i * interval ''31 hours'', i FROM generate_series(1, 200) i', 'captured, 30'),
  -- settings of the session under which names are written otherwise
  ('SET LOCAL quote_all_identifiers = on; INSERT INTO orders VALUES (1006, 12, ''2025-06-30'', 5)', 'captured, 1'),
  ('SET LOCAL quote_all_identifiers = off; INSERT INTO orders VALUES (1007, 12, ''2025-06-30'', 5)', 'captured, 1'),
  -- what no trigger tells
  ('ALTER TABLE orders DISABLE TRIGGER ALL; INSERT INTO orders VALUES (2000, 1, ''2025-06-30'', 5); ALTER TABLE orders ENABLE TRIGGER ALL', 'full'),
  ('INSERT INTO orders VALUES (2001, 1, ''2025-06-30'', 5)', 'captured, 1'),
  ('ALTER TABLE orders DISABLE TRIGGER crmlife_capture_delete; DELETE FROM orders WHERE id = 2001', 'full'),
  ('DELETE FROM orders WHERE id = 2000', 'captured, 1'),
  ('ALTER TABLE orders ENABLE REPLICA TRIGGER crmlife_capture_insert; INSERT INTO orders VALUES (2002, 1, ''2025-06-30'', 5)', 'full'),
  ('DROP TRIGGER crmlife_capture_update ON orders; UPDATE orders SET amount = 1 WHERE id = 5', 'full'),
  ('UPDATE orders SET amount = 2 WHERE id = 5', 'captured, 1'),
  ('CREATE FUNCTION nothing() RETURNS trigger LANGUAGE plpgsql AS ''BEGIN RETURN NULL; END''; '
   'CREATE OR REPLACE TRIGGER crmlife_capture_insert AFTER INSERT ON orders FOR EACH STATEMENT EXECUTE FUNCTION nothing(); '
   'INSERT INTO orders VALUES (2003, 2, ''2025-06-30'', 5)', 'full'),
  ('INSERT INTO orders VALUES (2004, 2, ''2025-06-30'', 5)', 'captured, 1'),
  ('DROP TRIGGER crmlife_capture_insert ON orders; CREATE TRIGGER crmlife_capture_insert AFTER INSERT ON orders REFERENCING NEW TABLE AS n '
   'FOR EACH STATEMENT WHEN (false) EXECUTE FUNCTION crmlife.capture(); INSERT INTO orders VALUES (2005, 2, ''2025-06-30'', 5)', 'full'),
  ('ALTER TABLE orders ALTER amount TYPE numeric USING amount * 2', 'full'),
  ('ALTER TABLE orders ADD COLUMN remark text DEFAULT ''none''', 'captured, 0'),
  -- other names
  ('ALTER TABLE orders RENAME TO bills; INSERT INTO bills VALUES (3000, 3, ''2025-06-30'', 5)', 'captured, 1'),
  ('ALTER TABLE bills RENAME TO orders; ALTER TABLE stages RENAME TO phases; INSERT INTO orders VALUES (3001, 3, ''2025-06-30'', 5)', 'captured, 1'),
  ('CREATE SCHEMA attic; ALTER TABLE phases SET SCHEMA attic; ALTER TABLE stages_changes RENAME TO log; INSERT INTO orders VALUES (3002, 33, ''2025-06-30'', 5)', 'captured, 1'),
  ('ALTER TABLE attic.phases SET SCHEMA capture; ALTER TABLE phases RENAME TO stages', 'captured, 0')
) x(ddl, result);
SELECT is((SELECT to_stage FROM log ORDER BY seq DESC LIMIT 1), 'aftersale', 'the change log goes on under its new name');

-- what verify says of rows that are not there, or should not be; and when there is nothing to say
SAVEPOINT wrong;
CREATE TEMP TABLE victim ON COMMIT DROP AS SELECT min(customer) AS customer, max(customer) AS other FROM stages;
DELETE FROM stages WHERE customer = (SELECT customer FROM victim);
UPDATE stages SET customer = 4711 WHERE customer = (SELECT other FROM victim);
SELECT results_eq($$ SELECT * FROM crmlife.verify('stages') ORDER BY customer::int $$, $$ SELECT x.* FROM victim, LATERAL (VALUES
  (customer::text, '(row)', 'missing', 'present'), (other::text, '(row)', 'missing', 'present'), ('4711', '(row)', 'present', 'missing')) x $$, 'rows missing and rows that should be');
INSERT INTO orders SELECT 3900, other, '2025-06-30', 1 FROM victim;
SELECT is((SELECT string_agg(v.customer, ' ') FROM crmlife.verify('stages') v, victim WHERE v.customer = other::text), NULL, 'who waits is left out');
SELECT set_config('test.waiting', count(*)::text, false) FROM crmlife.verify('stages') \g /dev/null
SELECT is(current_setting('test.waiting'), '2', 'the others are not');
TRUNCATE orders;
SELECT is_empty($$ SELECT * FROM crmlife.verify('stages') $$, 'everybody waits');
ROLLBACK TO wrong;

-- undone, it stays to be done
SAVEPOINT before;
INSERT INTO orders VALUES (4000, 12, '2025-06-30', 5);
SAVEPOINT inner_one;
SELECT is(crmlife.refresh('stages', '2025-06-30'), 1::bigint, 'a refresh in a subtransaction');
SELECT is((SELECT waiting FROM crmlife.status), 0::bigint);
ROLLBACK TO inner_one;
SELECT is((SELECT waiting FROM crmlife.status), 1::bigint, 'taken back: the customer waits again');
SELECT is(outcome(), 'captured, 1', 'and is not forgotten');
ROLLBACK TO before;
SELECT is(outcome(), 'captured, 0', 'a write taken back');

-- an error half-way leaves nothing of a refresh
INSERT INTO orders SELECT 5000 + i, i, '2025-06-29', CASE WHEN i = 20 THEN numeric 'NaN' ELSE 1 END FROM generate_series(1, 25) i;
SELECT alike(error_of($$SELECT crmlife.refresh('stages', '2025-06-30')$$), '22003 amount of a row of customer "20" is NaN%', 'one customer stops the run');
SELECT is((SELECT waiting FROM crmlife.status), 25::bigint, 'all keep waiting');
DELETE FROM orders WHERE id = 5020;
SELECT is(outcome(), 'captured, 25', 'put right, all are done');

-- an error half-way leaves nothing of a creation
CREATE TABLE flawed (customer text, at timestamp, amount numeric);
INSERT INTO flawed VALUES ('a', '2025-01-01', 1), ('b', 'infinity', 1);
SELECT alike(error_of($$SELECT crmlife.create_stage_table('flawed_stages', 'flawed', 'customer', 'at', 'amount')$$), '22008 time of a row of customer "b" is infinite%', 'a creation fails');
CREATE TABLE flawed_days (customer text, at date, amount numeric);
INSERT INTO flawed_days VALUES ('a', '2025-01-01', 1), ('b', 'infinity', 1);
SELECT alike(error_of($$SELECT crmlife.create_stage_table('flawed_stages', 'flawed_days', 'customer', 'at', 'amount')$$), '22008 time of a row of customer "b" is infinite%', 'of days, too');
UPDATE flawed_days SET at = '5874897-12-31' WHERE customer = 'b';
SELECT alike(error_of($$SELECT crmlife.create_stage_table('flawed_stages', 'flawed_days', 'customer', 'at', 'amount')$$), '22008 time of a row of customer "b" is out of range%', 'that are no times');
SELECT hasnt_table('flawed_stages');
SELECT hasnt_table('flawed_stages_changes');
SELECT is((SELECT count(*) FROM pg_trigger WHERE tgrelid = 'flawed'::regclass) + (SELECT count(*) FROM crmlife.capture_source WHERE source = 'flawed'::regclass)
  + (SELECT count(*) - 1 FROM crmlife.stage_table) + (SELECT count(*) - 1 FROM crmlife.stage_state), 0::bigint, 'and leaves nothing');

-- ----- partitions -----
CREATE TABLE log_lines (customer text, at date, amount int) PARTITION BY RANGE (at);
CREATE TABLE log_2024 PARTITION OF log_lines FOR VALUES FROM ('2024-01-01') TO ('2025-01-01');
CREATE TABLE log_rest PARTITION OF log_lines DEFAULT;
INSERT INTO log_lines SELECT 'c' || i % 10, date '2024-06-01' + i, i FROM generate_series(1, 100) i;
SELECT crmlife.create_stage_table('part_stages', 'log_lines', 'customer', 'at', 'amount') \g /dev/null
SELECT crmlife.refresh('part_stages', '2025-06-30', true) \g /dev/null
CREATE TABLE loaded (LIKE log_lines);
INSERT INTO loaded VALUES ('new', '2025-06-01', 3), ('c1', '2025-06-02', 3);
SELECT after(ddl, result, 'part_stages') FROM (VALUES
  ('INSERT INTO log_2024 VALUES (''c1'', ''2024-02-02'', 1)', 'captured, 1'),
  ('UPDATE log_lines SET at = ''2023-01-01'' WHERE customer = ''c2'' AND amount = 2', 'captured, 1'),
  ('ALTER TABLE log_lines ATTACH PARTITION loaded FOR VALUES FROM (''2025-06-01'') TO (''2025-07-01'')', 'full'),
  ('INSERT INTO loaded VALUES (''c3'', ''2025-06-03'', 1)', 'captured, 1'),
  ('ALTER TABLE log_lines DETACH PARTITION log_2024', 'full'),
  ('INSERT INTO log_2024 VALUES (''c4'', ''2024-04-04'', 1)', 'captured, 0'),
  ('ALTER TABLE log_lines ATTACH PARTITION log_2024 FOR VALUES FROM (''2024-01-01'') TO (''2025-01-01'')', 'full'),
  ('ALTER TABLE log_lines DETACH PARTITION log_2024; INSERT INTO log_2024 VALUES (''c5'', ''2024-04-04'', 1); '
   'ALTER TABLE log_lines ATTACH PARTITION log_2024 FOR VALUES FROM (''2024-01-01'') TO (''2025-01-01'')', 'full'),
  ('TRUNCATE loaded', 'full'),
  ('DROP TABLE log_2024', 'full'),
  ('CREATE TABLE log_2024 PARTITION OF log_lines FOR VALUES FROM (''2024-01-01'') TO (''2025-01-01'') PARTITION BY LIST (amount); '
   'CREATE TABLE log_2024_all PARTITION OF log_2024 DEFAULT; INSERT INTO log_lines VALUES (''c6'', ''2024-01-01'', 1)', 'full'),
  ('INSERT INTO log_2024_all VALUES (''c7'', ''2024-01-01'', 1)', 'captured, 1'),
  ('COPY log_2024 FROM PROGRAM ''echo c8,2024-02-02,5'' (FORMAT csv)', 'captured, 1')
) x(ddl, result);
-- more than a handful
DO $$ BEGIN FOR i IN 1 .. 70 LOOP EXECUTE format('CREATE TABLE log_all_%s PARTITION OF log_2024 FOR VALUES IN (%s)', i, 1000 + i); END LOOP; END $$;
SELECT after('INSERT INTO log_lines SELECT ''p'' || i, ''2024-05-05'', 1000 + i FROM generate_series(1, 70) i', 'full', 'part_stages');
SELECT after('INSERT INTO log_all_70 VALUES (''c1'', ''2024-05-05'', 1070)', 'captured, 1', 'part_stages');
-- rows of a partition that is gone when they are looked at
SELECT after('INSERT INTO log_all_70 VALUES (''c2'', ''2024-05-05'', 1070); DROP TABLE log_all_70', 'full', 'part_stages');
SELECT crmlife.drop_stage_table('part_stages') \g /dev/null
SELECT is_empty($$ SELECT tgrelid::regclass FROM pg_trigger WHERE tgname LIKE 'crmlife%' AND tgrelid <> 'orders'::regclass $$,
  'no partition keeps a trigger');

-- ----- a source of somebody else's, who lets triggers be created and then disables one -----
CREATE ROLE crmlife_guest;
GRANT USAGE, CREATE ON SCHEMA capture TO crmlife_guest;
GRANT SELECT, TRIGGER ON orders TO crmlife_guest;
SET ROLE crmlife_guest;
SELECT crmlife.create_stage_table('guest_stages', 'orders', 'customer', 'at', 'amount', timezone => 'UTC') \g /dev/null
SELECT crmlife.refresh('guest_stages', '2025-06-30', true) \g /dev/null
SELECT is(outcome('guest_stages'), 'captured, 0');
RESET ROLE;
ALTER TABLE orders DISABLE TRIGGER crmlife_capture_insert;
INSERT INTO orders VALUES (5100, 1, '2025-06-30', 5);
SET ROLE crmlife_guest;
SELECT is(outcome('guest_stages'), 'full', 'what is missed is noticed');
SELECT is(outcome('guest_stages'), 'full', 'as long as it may be');
RESET ROLE;
ALTER TABLE orders ENABLE ALWAYS TRIGGER crmlife_capture_insert;
SET ROLE crmlife_guest;
SELECT is(outcome('guest_stages'), 'full', 'enabled, once more');
SELECT is(outcome('guest_stages'), 'captured, 0', 'and then it is captured again');
SELECT crmlife.drop_stage_table('guest_stages') \g /dev/null
RESET ROLE;
SELECT is(outcome(), 'full', 'and of the owner''s own stage table');

-- ----- refreshes within refreshes -----
CREATE TABLE drops (customer int, at date, amount int);
CREATE FUNCTION fall() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM crmlife.refresh(TG_ARGV[0]::regclass, '2025-06-30'); RETURN NULL; END $$;
DO $$ BEGIN
  FOR i IN 1 .. 9 LOOP
    PERFORM crmlife.create_stage_table('fall_' || i, 'drops', 'customer', 'at', 'amount', timezone => 'UTC');
    PERFORM crmlife.refresh(('fall_' || i)::regclass, '2025-06-30', true);
    IF i < 9 THEN EXECUTE format('CREATE TRIGGER fall AFTER INSERT ON fall_%s FOR EACH STATEMENT EXECUTE FUNCTION capture.fall(%L)', i, 'capture.fall_' || i + 1); END IF;
  END LOOP;
END $$;
INSERT INTO drops VALUES (1, '2025-06-01', 1);
SELECT is(error_of($$ SELECT crmlife.refresh('fall_1', '2025-06-30') $$), '54001 refreshes within refreshes go too deep', 'nine of them');
SELECT is(error_of($$ SELECT crmlife.refresh('fall_2', '2025-06-30') $$), 'no error', 'eight of them');
SELECT is((SELECT count(*) FROM fall_9), 1::bigint, 'down to the last');
SELECT crmlife.drop_stage_table(('fall_' || i)::regclass) FROM generate_series(1, 9) i \g /dev/null

-- ----- how far behind it is: who waits and, on a new day, who is due -----
CREATE TABLE old_news (customer int, at date, amount int);
INSERT INTO old_news SELECT i, (clock_timestamp() AT TIME ZONE 'UTC')::date - i, i FROM generate_series(1, 150) i;
SELECT crmlife.create_stage_table('late_stages', 'old_news', 'customer', 'at', 'amount', timezone => 'UTC') \g /dev/null
CREATE FUNCTION behind() RETURNS bigint LANGUAGE sql AS $$ SELECT lag_rows FROM crmlife.status WHERE stage_table = 'late_stages'::regclass $$;
SELECT is(behind(), 0::bigint, 'nothing waits');
SELECT crmlife.refresh('late_stages', clock_timestamp() - interval '5 days', true) \g /dev/null
CREATE TEMP TABLE due AS SELECT count(*) AS due FROM late_stages WHERE due_on <= (clock_timestamp() AT TIME ZONE 'UTC')::date;
SELECT cmp_ok(due, '>', 10::bigint, 'some are due') FROM due;
SELECT is(behind(), due, 'they are behind') FROM due;
INSERT INTO old_news VALUES (160, (clock_timestamp() AT TIME ZONE 'UTC')::date, 1);
SELECT is(behind(), due + 1, 'and who waits') FROM due;
SAVEPOINT altered;
ALTER TABLE late_stages ALTER due_on TYPE text;
SELECT is(behind(), NULL, 'by a column of another type nobody is counted');
ROLLBACK TO altered;
SELECT crmlife.refresh('late_stages') \g /dev/null
SELECT is(behind(), 0::bigint, 'refreshed, it is not behind');
SELECT crmlife.drop_stage_table('late_stages') \g /dev/null

-- ----- more customers than a few: by index, or everybody at once -----
CREATE TABLE many (customer int, at date, amount int);
INSERT INTO many SELECT i, date '2025-01-01' + i % 90, i % 50 FROM generate_series(1, 10001) i;
CREATE INDEX ON many (customer);
SELECT crmlife.create_stage_table('many_stages', 'many', 'customer', 'at', 'amount', timezone => 'UTC') \g /dev/null
SELECT crmlife.refresh('many_stages', '2025-06-30', true) \g /dev/null
-- as if there were a hundred times as many
UPDATE pg_class SET reltuples = 1e6 WHERE oid IN ('many'::regclass, 'many_stages'::regclass);
SELECT after('UPDATE many SET amount = amount + 1', 'captured, 10001', 'many_stages');
-- nobody knows how many there are
UPDATE pg_class SET reltuples = -1 WHERE oid = 'many_stages'::regclass;
SELECT after('UPDATE many SET amount = amount - 1', 'full', 'many_stages');
SELECT crmlife.drop_stage_table('many_stages') \g /dev/null

-- ----- extremes -----
CREATE TABLE odd (customer text, at timestamp, amount numeric);
SELECT crmlife.create_stage_table('odd_stages', 'odd', 'customer', 'at', 'amount', timezone => 'UTC') \g /dev/null
SELECT crmlife.refresh('odd_stages', '2025-06-30', true) \g /dev/null
SELECT is((SELECT count(*) FROM odd_stages), 0::bigint, 'no order, no customer');
SELECT crmlife.calibrate('odd_stages') \g /dev/null
INSERT INTO odd VALUES (NULL, NULL, NULL), (NULL, '2025-01-01', 1), ('no time', NULL, 1), ('no amount', '2025-01-01', NULL);
SELECT is(outcome('odd_stages'), 'captured, 1', 'rows of nothing');
SELECT results_eq('SELECT customer, orders, revenue, average_order FROM odd_stages', $$ VALUES ('no amount', 1::bigint, 0::numeric, 0::numeric) $$, 'one of them is an order');
INSERT INTO odd VALUES
  ('rich', '2025-06-01', 1e30), ('rich', '2025-06-02', 0.000000000000000000000000000000000000000123), ('rich', '2025-06-03', 9.99e120), ('rich', '2025-06-04', 1e-200),
  ('old', '0001-01-01', 1), ('older', '4713-01-01 BC', 1), ('to come', '250000-01-01', 1), ('last', '294276-12-31 23:59:59', 1), ('once and again', '0001-01-01 BC', 1),
  ('once and again', '294276-12-31', 1), (repeat('x', 2000), '2025-01-01', 1);
SELECT is(outcome('odd_stages'), 'captured, 7', 'sums, days and keys at the edge');
SELECT is(revenue, (SELECT sum(amount) FROM odd WHERE customer = 'rich'), 'a sum of any size is exact'),
       is(average_order, (SELECT avg(amount) FROM odd WHERE customer = 'rich')::numeric, 'and its quotient PostgreSQL''s own')
FROM odd_stages WHERE customer = 'rich';
SELECT results_eq($$ SELECT customer, stage, due_on FROM odd_stages WHERE customer ~ '^o' ORDER BY 1 $$,
  $$ VALUES ('old', 'churned', NULL::date), ('older', 'churned', NULL), ('once and again', 'churned', '294276-12-31') $$, 'days at the edge');
SELECT is((SELECT not_visible_yet FROM crmlife.status WHERE stage_table = 'odd_stages'::regclass), 2::bigint, 'orders of the far future wait for it');
SELECT crmlife.refresh('odd_stages', '250000-06-30') \g /dev/null
SELECT is_empty($$ SELECT * FROM crmlife.verify('odd_stages') $$, 'a refresh to the year 250000');
SELECT is((SELECT stage FROM odd_stages WHERE customer = 'to come'), 'sleeping', 'which comes');
SELECT crmlife.refresh('odd_stages', '2025-06-30', true) \g /dev/null
SELECT crmlife.set_threshold('odd_stages', 'active_days', x) FROM unnest(ARRAY[1e18, -1e18, 0.5, 1e300]) x \g /dev/null
SELECT is_empty($$ SELECT * FROM crmlife.verify('odd_stages') $$, 'thresholds at the edge');
-- one that fills an entry of the queue by itself
INSERT INTO odd SELECT string_agg(md5(i::text), ''), '2025-01-01', 1 FROM generate_series(1, 300) i;
DELETE FROM odd WHERE length(customer) > 9000;
SELECT is((SELECT string_agg(DISTINCT cardinality(customers)::text, ' ') FROM crmlife.queue WHERE stage_table = 'odd_stages'::regclass AND customers IS NOT NULL), '1', 'a key as long as an entry');
DELETE FROM crmlife.queue WHERE stage_table = 'odd_stages'::regclass;
SELECT alike(error_of($$INSERT INTO odd SELECT string_agg(md5(i::text), ''), '2025-01-01', 1 FROM generate_series(1, 200) i; SELECT crmlife.refresh('odd_stages', '2025-06-30')$$),
  '54000 index row size % exceeds btree version 4 maximum 2704%', 'a key too long for an index');
-- 20,000 orders of one customer, and one statement with 150,000 customers
INSERT INTO odd SELECT 'guest', timestamp '2025-06-30' - i * interval '100 minutes', i % 100 FROM generate_series(1, 20000) i;
SELECT is(outcome('odd_stages'), 'captured, 1', 'a customer of 20,000 orders');
SELECT is(orders, 20000::bigint, 'all of them') FROM odd_stages WHERE customer = 'guest';
INSERT INTO odd SELECT 'm' || i, timestamp '2025-06-30' - (i % 900) * interval '1 day', i % 100 FROM generate_series(1, 150000) i;
SELECT is((SELECT waiting FROM crmlife.status WHERE stage_table = 'odd_stages'::regclass), 150000::bigint, 'a statement of 150,000 customers');
SELECT is(outcome('odd_stages'), 'full', 'so many are done together');
SELECT is((SELECT count(*) FROM odd_stages), 150007::bigint);
SELECT crmlife.drop_stage_table('odd_stages') \g /dev/null

-- ----- going -----
-- plain DROP TABLE: the log goes too, the triggers do no harm, the name is free
DROP TABLE stages;
SELECT hasnt_table('log');
SELECT lives_ok($$ INSERT INTO orders VALUES (6000, 1, '2025-06-30', 5) $$);
SELECT lives_ok($$ TRUNCATE orders $$);
SELECT is_empty('SELECT * FROM crmlife.status');
SELECT lives_ok($$ SELECT crmlife.create_stage_table('stages', 'orders', 'customer', 'at', 'amount') $$, 'created anew under the same name');
SELECT is((SELECT count(*) FROM crmlife.stage_table) * 10 + (SELECT count(*) FROM crmlife.stage_state) + (SELECT count(*) FROM crmlife.queue), 11::bigint,
  'nothing of the old one is left');
-- a table that happens to have the name the log once had is nobody's business
ALTER TABLE stages_changes RENAME TO log;
CREATE TABLE stages_changes (x int);
SELECT lives_ok($$ SELECT crmlife.drop_stage_table('stages') $$);
SELECT has_table('stages_changes');
SELECT hasnt_table('log');
SELECT is((SELECT count(*) FROM pg_trigger WHERE tgrelid = 'orders'::regclass AND tgname LIKE 'crmlife%'), 0::bigint, 'no trigger is left');
DROP TABLE stages_changes;
-- somebody depends on it
SELECT crmlife.create_stage_table('stages', 'orders', 'customer', 'at', 'amount') \g /dev/null
SELECT crmlife.refresh('stages', '2025-06-30', true) \g /dev/null
SELECT set_config('test.stages', 'stages'::regclass::oid::text, false) \g /dev/null
CREATE VIEW report AS SELECT stage, count(*) FROM stages GROUP BY 1;
SELECT alike(error_of($$ SELECT crmlife.drop_stage_table('stages') $$), '2BP01 cannot drop table capture.stages because other objects depend on it%', 'a view on it');
SELECT is(outcome(), 'captured, 0', 'it goes on');
DROP VIEW report;
-- the extension goes: with CASCADE only, and the tables stay as tables
SELECT alike(error_of('DROP EXTENSION crmlife'), '2BP01 cannot drop extension crmlife because other objects depend on it%');
DROP EXTENSION crmlife CASCADE;
SELECT has_table('stages');
SELECT is((SELECT count(*) FROM pg_trigger WHERE tgrelid = 'orders'::regclass AND tgname LIKE 'crmlife%'), 0::bigint, 'the triggers go with it');
SELECT lives_ok($$ INSERT INTO orders VALUES (7000, 1, '2025-06-30', 5) $$);
CREATE EXTENSION crmlife SCHEMA public;
SELECT is(error_of($$ SELECT crmlife.create_stage_table('stages', 'orders', 'customer', 'at', 'amount') $$), '42P07 relation "stages" already exists', 'what stayed is in the way');
DROP TABLE stages, stages_changes;
SELECT is(error_of($$ SELECT crmlife.create_stage_table('stages', 'orders', 'customer', 'at', 'amount') $$), 'no error', 'till it is dropped');

SELECT finish();
ROLLBACK;
