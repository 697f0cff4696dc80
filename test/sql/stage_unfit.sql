-- What does not fit: rows of nobody's, in each type a customer can have; keys
-- in the queue that are of another type than the stage table's; rows of the
-- stage table that its owner has written.  None of it stops the server, and the
-- next refresh is right, by verify.  Each step is a transaction of its own: what
-- is written in that of a refresh is read again, and never kept in the queue.
\set ECHO none
\pset format unaligned
\pset tuples_only true
\set QUIET on
SET client_min_messages = error;
SET timezone = 'UTC';
SET jit = off;
SELECT no_plan();
DROP SCHEMA IF EXISTS unfit CASCADE;
CREATE SCHEMA unfit;
SET search_path = unfit, public;

-- refreshes; what was known before, and how many differences there are after
CREATE FUNCTION outcome(t regclass, as_of timestamptz DEFAULT '2025-06-30') RETURNS text LANGUAGE plpgsql AS $$
DECLARE
  waits text;
  wrong bigint;
BEGIN
  SELECT CASE WHEN s.everybody THEN 'everybody' ELSE s.waiting::text END INTO waits FROM crmlife.status s WHERE s.stage_table = t;
  SELECT count(*) INTO wrong FROM crmlife.verify(t);
  PERFORM crmlife.refresh(t, as_of);
  RETURN concat_ws(', ', waits || ' waiting', 'before ' || wrong, 'after ' || (SELECT count(*) FROM crmlife.verify(t)));
END $$;

CREATE TABLE result (n serial, what text, got text, expected text);

-- ----- nobody -----
CREATE DOMAIN code AS varchar(9);
CREATE TABLE kind (type text, one text, two text);
INSERT INTO kind VALUES ('smallint', '1', '2'), ('int', '1', '2'), ('bigint', '1', '2'), ('text', 'a', ''), ('varchar(5)', 'a', 'b'), ('char(5)', 'a', 'b'), ('name', 'a', 'b'), ('code', 'a', 'b'),
  ('uuid', '00000000-0000-0000-0000-000000000001', 'ffffffff-ffff-ffff-ffff-ffffffffffff');
CREATE PROCEDURE of_nobody(type text, one text, two text) LANGUAGE plpgsql AS $$
BEGIN
  EXECUTE format('CREATE TABLE orders (at timestamptz, amount numeric, customer %s, remark text); CREATE TABLE visits (LIKE orders)', type);
  EXECUTE format('INSERT INTO orders VALUES (''2025-05-01'', 5, %L), (''2025-05-02'', 5, NULL)', one);
  PERFORM crmlife.create_stage_table('stages', 'orders', 'customer', 'at', 'amount', visits => 'visits', visit_customer => 'customer', visited_at => 'at', timezone => 'UTC');
  PERFORM crmlife.refresh('stages', '2025-06-30', true);
  COMMIT;
  EXECUTE format('INSERT INTO orders VALUES (''2025-06-01'', 5, NULL), (''2025-06-02'', 5, %L), (''2025-06-03'', 5, NULL)', two);
  INSERT INTO visits (at) VALUES ('2025-06-01');
  COMMIT;
  INSERT INTO result (what, got, expected) VALUES (type || ': new rows', outcome('stages'), '1 waiting, before 0, after 0');
  COMMIT;
  -- too large to be kept in the queue
  INSERT INTO orders VALUES ('2025-06-04', 5, NULL, repeat('x', 9000));
  UPDATE orders SET amount = 6 WHERE customer IS NULL;
  DELETE FROM orders WHERE customer IS NULL;
  COMMIT;
  INSERT INTO result (what, got, expected) VALUES (type || ': changed and gone', outcome('stages'), '0 waiting, before 0, after 0');
  COMMIT;
  EXECUTE format('INSERT INTO visits VALUES (''2025-06-05'', 5, NULL), (''2025-06-06'', 5, %L)', one);
  EXECUTE format('UPDATE orders SET customer = NULL WHERE customer = %L', two);
  COMMIT;
  INSERT INTO result (what, got, expected) VALUES (type || ': an order that is nobody''s any more', outcome('stages'), '2 waiting, before 0, after 0');
  PERFORM crmlife.drop_stage_table('stages');
  DROP TABLE orders, visits;
END $$;
SELECT format('CALL of_nobody(%L, %L, %L)', type, one, two) FROM kind \gexec

-- ----- blanks -----
-- char(n) has none at the end, other names are others by them.  INCLUDE keeps
-- PostgreSQL from deduplicating: equal values of a bpchar without length differ
-- in their blanks, and its own assertion (nbtutils.c) says that they do not.
CREATE PROCEDURE blanks(orders_type text, visits_type text, members_type text) LANGUAGE plpgsql AS $$
DECLARE
  source text;
  who text;
  wrong bigint := 0;
BEGIN
  EXECUTE format('CREATE TABLE orders (customer %s, at timestamptz, amount numeric); CREATE TABLE visits (customer %s, at timestamptz); CREATE TABLE members (customer %s, at timestamptz)', orders_type, visits_type, members_type);
  CREATE INDEX ON orders (customer) INCLUDE (at); CREATE INDEX ON visits (customer) INCLUDE (at); CREATE INDEX ON members (customer) INCLUDE (at);
  PERFORM setseed(0.25);
  INSERT INTO orders SELECT 'c' || i % 40 || repeat(' ', i % 3), timestamptz '2025-06-01' - i * interval '9 hours', i FROM generate_series(1, 400) i;
  INSERT INTO visits SELECT 'c' || i % 50 || repeat(' ', i % 3), timestamptz '2025-06-01' - i * interval '9 hours' FROM generate_series(1, 400) i;
  INSERT INTO members SELECT 'c' || i || repeat(' ', i % 3), '2024-01-01' FROM generate_series(1, 60) i;
  PERFORM crmlife.create_stage_table('stages', 'orders', 'customer', 'at', 'amount', visits => 'visits', visit_customer => 'customer', visited_at => 'at',
    members => 'members', member_customer => 'customer', registered_at => 'at', timezone => 'UTC');
  PERFORM crmlife.refresh('stages', '2025-06-30', true);
  COMMIT;
  FOR i IN 1 .. 30 LOOP
    who := 'c' || floor(60 * random()) || repeat(' ', floor(3 * random())::int);
    source := (ARRAY['orders', 'visits', 'members'])[ceil(3 * random())];
    CASE floor(4 * random())
      WHEN 0 THEN EXECUTE format('UPDATE %I SET at = at + interval ''1 day'' WHERE customer = $1', source) USING who;
      WHEN 1 THEN EXECUTE format('DELETE FROM %I WHERE customer = $1', source) USING who;
      WHEN 2 THEN EXECUTE format('UPDATE %I SET customer = customer || '' '' WHERE customer = $1', source) USING who;
      ELSE EXECUTE format('INSERT INTO %I (customer, at) VALUES ($1, ''2025-06-20'')', source) USING who;
    END CASE;
    COMMIT;
    PERFORM crmlife.refresh('stages', timestamptz '2025-06-30' + i * interval '1 day');
    COMMIT;
    wrong := wrong + (SELECT count(*) FROM crmlife.verify('stages'));
  END LOOP;
  INSERT INTO result (what, got, expected) VALUES (concat_ws(', ', orders_type, visits_type, members_type), wrong, 0);
  PERFORM crmlife.drop_stage_table('stages');
  DROP TABLE orders, visits, members;
END $$;
SELECT format('CALL blanks(%L, %L, %L)', o, v, m) FROM (VALUES ('text', 'char(6)', 'char(6)'), ('char(6)', 'text', 'name'), ('name', 'char(9)', 'text'), ('varchar(8)', 'name', 'char(7)'), ('bpchar', 'text', 'bpchar')) x (o, v, m) \gexec

-- ----- what a transition table does not show -----
-- columns that are generated, where a partition has them elsewhere than the
-- table that is named
CREATE PROCEDURE outcome_of(what text, statement text, expected text) LANGUAGE plpgsql AS $$
BEGIN
  EXECUTE statement;
  COMMIT;
  INSERT INTO result (what, got, expected) VALUES (what, outcome('stages', '2026-06-01'), expected);
  COMMIT;
END $$;
CREATE TABLE bills (c int, at timestamptz, cents int, amount int GENERATED ALWAYS AS (cents / 100) STORED) PARTITION BY LIST (c);
CREATE TABLE bills_1 (amount int GENERATED ALWAYS AS (cents / 100) STORED, cents int, at timestamptz, c int);
ALTER TABLE bills ATTACH PARTITION bills_1 FOR VALUES IN (1);
CREATE TABLE bills_2 PARTITION OF bills DEFAULT;
INSERT INTO bills VALUES (1, '2026-01-01', 100), (2, '2026-01-01', 100);
SELECT crmlife.create_stage_table('stages', 'bills', 'c', 'at', 'amount', timezone => 'UTC') \g /dev/null
SELECT crmlife.refresh('stages', '2026-06-01', true) \g /dev/null
CALL outcome_of('generated amounts', 'INSERT INTO bills VALUES (1, ''2026-02-01'', 700), (2, ''2026-02-01'', 700)', '2 waiting, before 0, after 0');
CALL outcome_of('of a partition named itself', 'INSERT INTO bills_1 (c, at, cents) VALUES (1, ''2026-02-02'', 700)', '1 waiting, before 0, after 0');
SELECT crmlife.drop_stage_table('stages') \g /dev/null
DROP TABLE bills;
CREATE TABLE bills (email text, at timestamptz, amount int, c text GENERATED ALWAYS AS (lower(email)) STORED) PARTITION BY RANGE (at);
CREATE TABLE bills_1 (c text GENERATED ALWAYS AS (lower(email)) STORED, amount int, email text, at timestamptz);
ALTER TABLE bills ATTACH PARTITION bills_1 FOR VALUES FROM ('2026-01-01') TO ('2027-01-01');
INSERT INTO bills VALUES ('Ann', '2026-01-01', 100);
SELECT crmlife.create_stage_table('stages', 'bills', 'c', 'at', 'amount', timezone => 'UTC') \g /dev/null
SELECT crmlife.refresh('stages', '2026-06-01', true) \g /dev/null
CALL outcome_of('generated customers', 'INSERT INTO bills VALUES (''Ann'', ''2026-02-01'', 700), (''Bob'', ''2026-02-01'', 50)', 'everybody waiting, before 0, after 0');
CALL outcome_of('who become others', 'UPDATE bills SET email = ''Cid'' WHERE email = ''Bob''', 'everybody waiting, before 0, after 0');
CALL outcome_of('or go', 'DELETE FROM bills WHERE email = ''Cid''', '1 waiting, before 0, after 0');
CALL outcome_of('by the partition', 'INSERT INTO bills_1 (email, at, amount) VALUES (''Dan'', ''2026-02-01'', 50)', '1 waiting, before 0, after 0');
SELECT crmlife.drop_stage_table('stages') \g /dev/null
DROP TABLE bills;

-- ----- another type -----
-- of a partition that is one no more, of which no refresh knows yet
CREATE PROCEDURE of_another(was text, now text, written text[], waits text) LANGUAGE plpgsql AS $$
BEGIN
  EXECUTE format('CREATE TABLE orders (customer %s, at timestamptz, amount numeric) PARTITION BY RANGE (at)', was);
  CREATE TABLE orders_new PARTITION OF orders FOR VALUES FROM ('2025-01-01') TO (MAXVALUE);
  CREATE TABLE orders_old PARTITION OF orders FOR VALUES FROM (MINVALUE) TO ('2025-01-01');
  INSERT INTO orders_new VALUES (DEFAULT, '2025-05-01', 5);
  PERFORM crmlife.create_stage_table('stages', 'orders', 'customer', 'at', 'amount', timezone => 'UTC');
  PERFORM crmlife.refresh('stages', '2025-06-30', true);
  COMMIT;
  ALTER TABLE orders DETACH PARTITION orders_old;
  EXECUTE format('ALTER TABLE orders_old ALTER customer DROP DEFAULT, ALTER customer TYPE %s USING NULL', now);
  FOR i IN 1 .. cardinality(written) LOOP
    EXECUTE format('INSERT INTO orders_old (at, amount, customer) VALUES (''2024-05-01'', 5, %L)', written[i]);
    EXECUTE 'UPDATE orders_old SET amount = 6';
  END LOOP;
  COMMIT;
  INSERT INTO result (what, got, expected) VALUES (was || ' and ' || now, outcome('stages'), waits);
  PERFORM crmlife.drop_stage_table('stages');
  DROP TABLE orders, orders_old;
END $$;
SELECT format('CALL of_another(%L, %L, %L, %L)', was, now, written, waits || ' waiting, before 0, after 0') FROM (VALUES
  ('text DEFAULT ''1''', 'int', ARRAY['5', '6'], '2'),
  ('text DEFAULT ''1''', 'uuid', ARRAY['00000000-0000-0000-0000-000000000001'], '1'),
  ('int DEFAULT 1', 'text', ARRAY['5', 'x'], 'everybody'),
  ('bigint DEFAULT 1', 'text', ARRAY['5x'], 'everybody'),
  ('bigint DEFAULT 1', 'numeric', ARRAY['1e30', '0.5'], 'everybody'),
  ('bigint DEFAULT 1', 'uuid', ARRAY['00000000-0000-0000-0000-000000000001'], 'everybody'),
  ('smallint DEFAULT 1', 'bigint', ARRAY['9223372036854775807', '-9223372036854775808'], '2'),
  ('uuid DEFAULT ''00000000-0000-0000-0000-000000000001''', 'text', ARRAY['00000000-0000-0000-0000-00000000000g', '', '{00000000-0000-0000-0000-000000000001}', '00000000000000000000000000000000abcd'], 'everybody'),
  ('uuid DEFAULT ''00000000-0000-0000-0000-000000000001''', 'bytea', ARRAY['x'], 'everybody'),
  ('uuid DEFAULT ''00000000-0000-0000-0000-000000000001''', 'int[]', ARRAY['{1,2}'], 'everybody')) v (was, now, written, waits) \gexec
SELECT is(got, expected, what) FROM result ORDER BY n;

-- and back, with what was written in between still there
CREATE TABLE orders (customer int, at timestamptz, amount numeric);
INSERT INTO orders VALUES (1, '2025-05-01', 5), (2, '2025-05-01', 5);
SELECT crmlife.create_stage_table('stages', 'orders', 'customer', 'at', 'amount', timezone => 'UTC') \g /dev/null
SELECT crmlife.refresh('stages', '2025-06-30', true) \g /dev/null
ALTER TABLE orders ALTER customer TYPE text;
INSERT INTO orders VALUES ('abc', '2025-05-01', 5);
DELETE FROM orders WHERE customer = 'abc';
ALTER TABLE orders ALTER customer TYPE int USING customer::int;
SELECT is(outcome('stages'), 'everybody waiting, before 0, after 0', 'another type for a while');

-- ----- what the owner has written -----
TRUNCATE result;
CREATE PROCEDURE write(what text, statement text, expected text) LANGUAGE plpgsql AS $$
DECLARE
  got text;
BEGIN
  EXECUTE statement;
  COMMIT;
  INSERT INTO orders VALUES (1, '2025-06-10', 5);
  COMMIT;
  SELECT CASE WHEN count(*) > 0 THEN 'figures differ, ' END INTO got FROM crmlife.verify_figures('stages');
  got := concat(got, outcome('stages'));
  COMMIT;
  PERFORM crmlife.refresh('stages', '2025-06-30', true);
  COMMIT;
  INSERT INTO result (what, got, expected) SELECT what, concat_ws(', ', got, 'in full ' || (SELECT count(*) FROM crmlife.verify('stages')), 'figures ' || (SELECT count(*) FROM crmlife.verify_figures('stages'))), expected;
END $$;
ALTER TABLE stages ALTER stage DROP NOT NULL;
SELECT format('CALL write(%L, %L, %L)', attname, format('UPDATE stages SET %I = NULL WHERE customer = 1', attname),
  CASE WHEN attname IN ('stage', 'orders', 'order_days', 'revenue', 'first_order_at', 'last_order_at', 'history') THEN 'figures differ, ' ELSE '' END || '1 waiting, before 0, after 0, in full 0, figures 0')
FROM pg_attribute WHERE attrelid = 'stages'::regclass AND attnum > 1 AND attname <> 'refreshed_at' ORDER BY attnum \gexec
CALL write('many at once', 'UPDATE stages SET stage = NULL, orders = NULL, order_days = NULL, revenue = NULL, history = NULL, known_since = NULL, due_on = NULL',
  'figures differ, 1 waiting, before 7, after 7, in full 0, figures 0');
SELECT is(got, expected, what) FROM result ORDER BY n;
TRUNCATE result;
-- columns of the owner's, called as ours within a statement
ALTER TABLE stages ADD k int, ADD k_ text, ADD crmlife_key text, ADD u int, ADD s int;
CALL write('columns of any name', 'INSERT INTO orders VALUES (3, ''2025-06-10'', 5)', '2 waiting, before 0, after 0, in full 0, figures 0');
SELECT is(got, expected, what) FROM result ORDER BY n;
-- figures by histories, and without
ALTER TABLE stages DROP COLUMN history;
SELECT crmlife.refresh('stages', '2025-06-30') \g /dev/null
SELECT is((SELECT concat_ws(', ', (SELECT count(*) FROM crmlife.verify_figures('stages')), (SELECT count(*) FROM crmlife.verify('stages')), (SELECT was_full FROM crmlife.status WHERE stage_table = 'stages'::regclass))), '0, 0, t', 'the column of histories is gone');
SELECT crmlife.refresh('stages', '2025-06-30') \g /dev/null
SELECT is((SELECT was_full FROM crmlife.status WHERE stage_table = 'stages'::regclass), false, 'told once');
-- a source that a crash empties
ALTER TABLE orders SET UNLOGGED;
SET client_min_messages = warning;
SELECT crmlife.refresh('stages', '2025-06-30') \g /dev/null
SET client_min_messages = error;
SELECT crmlife.refresh('stages', '2025-06-30') \g /dev/null
SELECT is((SELECT was_full FROM crmlife.status WHERE stage_table = 'stages'::regclass), true, 'an unlogged source is read whole each time');
ALTER TABLE orders SET LOGGED;
SELECT crmlife.refresh('stages', '2025-06-30') \g /dev/null
SELECT crmlife.refresh('stages', '2025-06-30') \g /dev/null
SELECT is((SELECT was_full FROM crmlife.status WHERE stage_table = 'stages'::regclass), false, 'until it is logged again');
-- a customer who is nobody, and is due
ALTER TABLE stages DROP CONSTRAINT stages_pkey, ALTER customer DROP NOT NULL;
UPDATE stages SET customer = NULL, due_on = '2025-06-30' WHERE customer = 2;
SELECT lives_ok($$SELECT crmlife.refresh('stages', '2025-07-01')$$, 'nobody is due');
SELECT is((SELECT string_agg(customer || ' ' || column_name, ', ') FROM crmlife.verify('stages')), '2 (row)', 'and somebody is missing');

SELECT crmlife.drop_stage_table('stages') \g /dev/null
DROP TABLE orders;

-- ----- the first day there is, and what nobody has read -----
CREATE TABLE orders (customer int, at timestamptz, amount numeric);
INSERT INTO orders VALUES (1, '2025-05-01', 5), (2, '4714-11-24 00:00+00 BC', 5);
SELECT FROM crmlife.create_stage_table('stages', 'orders', 'customer', 'at', 'amount', timezone => 'UTC', capture => 'full');
SELECT lives_ok($$SELECT crmlife.refresh('stages', '4714-11-24 00:00+00 BC', true)$$, 'the first day');
SELECT is((SELECT string_agg(customer::text, ' ') || ' ' || (SELECT count(*) FROM crmlife.verify('stages')) FROM stages), '2 0', 'who is known on it');
SELECT FROM crmlife.refresh('stages', '2025-06-30');
SELECT refreshed_at AS read_at FROM crmlife.status WHERE stage_table = 'stages'::regclass \gset
INSERT INTO orders VALUES (3, '2025-05-01', 5);
SELECT FROM crmlife.set_threshold('stages', 'active_days', 50);
SELECT is(refreshed_at, :'read_at'::timestamptz, 'by another threshold a table that no trigger tells of is as old as it was') FROM crmlife.status WHERE stage_table = 'stages'::regclass;
SELECT FROM crmlife.refresh('stages', '2025-06-30');
SELECT cmp_ok(refreshed_at, '>', :'read_at'::timestamptz, 'until it is read') FROM crmlife.status WHERE stage_table = 'stages'::regclass;
SELECT crmlife.drop_stage_table('stages') \g /dev/null
DROP SCHEMA unfit CASCADE;
SELECT * FROM finish();
