-- New rows are merged into stored histories without the source being read, and
-- only where that is right; how what has to be read is read; and a queue that
-- is full.  The oracle is crmlife.verify, which reads all rows.
\set ECHO none
\pset format unaligned
\pset tuples_only true
SET client_min_messages = warning;
SET jit = off;
SELECT plan(151);

CREATE SCHEMA merging;
SET search_path = merging, public;
SET TimeZone = 'UTC';
SET timezone_abbreviations = 'Default';

-- how often each relation was read: passes over it, and whether by index
CREATE FUNCTION scans(relation regclass, OUT passes bigint, OUT by_index bigint) LANGUAGE sql VOLATILE AS $$
  SELECT coalesce(sum(seq_scan), 0)::bigint, coalesce(sum(idx_scan), 0)::bigint
  FROM pg_stat_xact_user_tables WHERE relid IN (SELECT relation UNION SELECT relid FROM pg_partition_tree(relation))
$$;
CREATE FUNCTION refreshed(stages regclass, source regclass, as_of timestamptz DEFAULT '2025-06-30') RETURNS text LANGUAGE plpgsql AS $$
DECLARE
  before record;
  after record;
  state record;
  wrong bigint;
BEGIN
  before := scans(source);
  PERFORM crmlife.refresh(stages, as_of);
  after := scans(source);
  SELECT was_full, customers INTO state FROM crmlife.status s WHERE s.stage_table = stages;
  SELECT count(*) INTO wrong FROM crmlife.verify(stages);
  RETURN concat_ws(', ', CASE WHEN state.was_full THEN 'everybody' ELSE state.customers || ' customers' END,
    CASE WHEN after.passes > before.passes THEN 'passes ' || after.passes - before.passes END,
    CASE WHEN after.by_index > before.by_index THEN 'by index' END,
    CASE WHEN (after.passes, after.by_index) = (before.passes, before.by_index) THEN 'not read' END,
    CASE WHEN wrong > 0 THEN wrong || ' wrong' END);
END $$;
CREATE FUNCTION after(what text, result text, stages text DEFAULT 'stages', source text DEFAULT 'orders', as_of timestamptz DEFAULT '2025-06-30') RETURNS text LANGUAGE plpgsql AS $$
BEGIN
  EXECUTE what;
  RETURN is(refreshed(stages::regclass, source::regclass, as_of), result, what);
END $$;
CREATE FUNCTION error_of(statement text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
  EXECUTE statement;
  RETURN 'no error';
EXCEPTION WHEN OTHERS THEN
  RETURN SQLSTATE || ' ' || SQLERRM;
END $$;

CREATE TABLE orders (id int PRIMARY KEY, customer int, at timestamptz, amount numeric, status text DEFAULT 'paid');
INSERT INTO orders SELECT i, 1 + i % 1000, timestamptz '2025-06-28' - i * interval '2 hours', i % 90 FROM generate_series(1, 4000) i;
CREATE INDEX ON orders (customer);
ANALYZE orders;
SELECT crmlife.create_stage_table('stages', 'orders', 'customer', 'at', 'amount', order_filter => $$status <> 'cancelled'$$, timezone => 'Asia/Shanghai') \g /dev/null
SELECT crmlife.refresh('stages', '2025-06-30', true) \g /dev/null

-- ----- new rows -----
SELECT is(refreshed('stages', 'orders'), '0 customers, not read', 'nothing happened');
SELECT format('SELECT after(%L, %L)', what, result) FROM (VALUES
  ('INSERT INTO orders VALUES (5000, 1, ''2025-06-29'', 5)', '1 customers, not read'),
  ('INSERT INTO orders VALUES (5001, 1, ''2023-01-01'', 7), (5002, 2, ''2025-06-29'', -3), (5003, 3, ''2025-06-29'', 0), (5004, 4, ''2025-06-29'', NULL)', '4 customers, not read'),
  ('INSERT INTO orders SELECT 5010 + i, 5, ''2025-06-29 10:00'', 1.5 FROM generate_series(1, 3) i', '1 customers, not read'),
  ('INSERT INTO orders VALUES (5020, 5, ''2025-06-29 10:00'', 1.50), (5021, 6, ''0044-03-15 BC'', 1e30), (5022, 6, ''2025-06-01'', 1e-20)', '2 customers, not read'),
  ('INSERT INTO orders VALUES (5030, 7, NULL, 5), (5031, NULL, ''2025-06-29'', 5), (5032, 8, ''2025-06-29'', 5)', '2 customers, not read'),
  ('INSERT INTO orders VALUES (5040, 9, ''2025-06-29'', 5, ''cancelled''), (5041, 9, ''2025-06-29'', 6, ''paid''), (5042, 10, ''2025-06-29'', 5, NULL)', '2 customers, not read'),
  ('INSERT INTO orders VALUES (5050, 11, ''2025-06-29'', 5); INSERT INTO orders VALUES (5051, 11, ''2025-06-28'', 6); INSERT INTO orders VALUES (5052, 12, ''2025-06-28'', 6)', '2 customers, not read'),
  ('COPY orders FROM PROGRAM ''echo 5060,13,2025-06-29,5,paid'' (FORMAT csv)', '1 customers, not read'),
  ('SET LOCAL session_replication_role = replica; INSERT INTO orders VALUES (5070, 14, ''2025-06-30'', 5); SET LOCAL session_replication_role = origin', '1 customers, not read'),
  -- orders of days to come, and a day that shows them
  ('INSERT INTO orders VALUES (5080, 15, ''2025-07-02'', 5)', '1 customers, not read')
) x(what, result) \gexec
SELECT is((SELECT orders FROM stages WHERE customer = 15), 4::bigint, 'not visible yet');
SELECT set_config('merging.due', (SELECT count(*) FROM stages WHERE due_on <= '2025-07-02')::text, false) \g /dev/null
SELECT is(refreshed('stages', 'orders', '2025-07-02'), current_setting('merging.due') || ' customers, not read', 'time alone needs no source');
SELECT cmp_ok(current_setting('merging.due')::int, '>', 10, 'it moved some');
SELECT is((SELECT orders FROM stages WHERE customer = 15), 5::bigint, 'visible now');
SELECT is((SELECT count(*) FROM stages_changes WHERE cause = 'time' AND changed_on = '2025-07-01') > 0, true, 'days between are told');
INSERT INTO orders VALUES (5090, 16, '2025-06-29', 5);
SELECT is_empty($$SELECT * FROM crmlife.verify('stages')$$, 'who waits with a new row is left out');
SELECT is(refreshed('stages', 'orders', '2025-07-02'), '1 customers, not read');

-- ----- what is not only new -----
SELECT format('SELECT after(%L, %L, as_of => ''2025-07-02'')', what, result) FROM (VALUES
  ('INSERT INTO orders VALUES (6000, 2000, ''2025-06-29'', 5)', '1 customers, by index'),
  ('INSERT INTO orders VALUES (6001, 2001, ''2025-09-29'', 5)', '1 customers, by index'),
  ('INSERT INTO orders VALUES (6002, 2001, ''2025-10-29'', 5)', '1 customers, by index'),
  ('UPDATE orders SET amount = amount + 1 WHERE id = 5001', '1 customers, by index'),
  ('INSERT INTO orders VALUES (6010, 20, ''2025-06-29'', 5); UPDATE orders SET amount = 6 WHERE id = 6010', '1 customers, by index'),
  ('INSERT INTO orders VALUES (6011, 20, ''2025-06-29'', 5); DELETE FROM orders WHERE id = 6011', '1 customers, by index'),
  ('DELETE FROM orders WHERE id = 6010; INSERT INTO orders VALUES (6010, 20, ''2025-06-29'', 5), (6012, 21, ''2025-06-29'', 5)', '2 customers, by index'),
  ('INSERT INTO orders VALUES (6012, 21, ''2025-06-30'', 50), (6013, 22, ''2025-06-30'', 5) ON CONFLICT (id) DO UPDATE SET customer = 23', '3 customers, by index'),
  ('INSERT INTO orders VALUES (6013, 22, ''2025-06-30'', 5), (6014, 22, ''2025-06-30'', 5) ON CONFLICT (id) DO NOTHING', '1 customers, not read'),
  ('MERGE INTO orders o USING (VALUES (6014, 22), (6015, 24)) m(id, who) ON o.id = m.id WHEN MATCHED THEN DELETE WHEN NOT MATCHED THEN INSERT VALUES (m.id, m.who, ''2025-06-30'', 1)', '2 customers, by index'),
  ('DO $do$ BEGIN INSERT INTO orders VALUES (6020, 25, ''2025-06-30'', 5); RAISE division_by_zero; EXCEPTION WHEN division_by_zero THEN INSERT INTO orders VALUES (6021, 26, ''2025-06-30'', 5); END $do$', '1 customers, not read'),
  ('INSERT INTO orders VALUES (6030, 28, ''2025-06-30'', 5, repeat(''x'', 3000)), (6031, 29, ''2025-06-30'', 5, ''paid'')', '2 customers, by index'),
  ('TRUNCATE orders; INSERT INTO orders SELECT i, 1 + i % 1000, timestamptz ''2025-06-28'' - i * interval ''2 hours'', i % 90 FROM generate_series(1, 4000) i; ANALYZE orders', 'everybody, passes 1')
) x(what, result) \gexec
BEGIN;
SAVEPOINT one;
INSERT INTO orders VALUES (6100, 30, '2025-06-30', 6);
ROLLBACK TO one;
INSERT INTO orders VALUES (6101, 31, '2025-06-30', 6);
SELECT is(refreshed('stages', 'orders', '2025-07-02'), '1 customers, not read', 'a subtransaction that was undone');
COMMIT;

-- ----- a refresh in the middle of a statement sees rows that are not queued yet -----
BEGIN;
INSERT INTO orders VALUES (6200, 32, '2025-06-30', 6);
SELECT is(crmlife.refresh('stages', '2025-07-02'), 1::bigint);
INSERT INTO orders VALUES (6201, 32, '2025-06-30', 6);
SELECT is(refreshed('stages', 'orders', '2025-07-02'), '1 customers, by index', 'after a refresh in the same transaction');
COMMIT;
SELECT after($$INSERT INTO orders SELECT 6300 + i, 33, '2025-06-30', 5 + 0 * crmlife.refresh('stages', '2025-07-02') FROM generate_series(1, 5) i$$, '1 customers, by index', as_of => '2025-07-02');
CREATE FUNCTION refresh_first() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM crmlife.refresh('stages', '2025-07-02'); RETURN NULL; END $$;
CREATE TRIGGER before_ours AFTER INSERT ON orders FOR EACH STATEMENT EXECUTE FUNCTION refresh_first();
UPDATE orders SET amount = 1 WHERE id = 6300;
SELECT after($$INSERT INTO orders VALUES (6400, 32, '2025-06-30', 6), (6401, 33, '2025-06-30', 6), (6402, 3000, '2025-06-30', 6)$$, '3 customers, by index', as_of => '2025-07-02');
CREATE TRIGGER each_row AFTER INSERT ON orders FOR EACH ROW EXECUTE FUNCTION refresh_first();
UPDATE orders SET amount = 1 WHERE customer = 33;
SELECT after($$INSERT INTO orders VALUES (6410, 32, '2025-06-30', 6), (6411, 33, '2025-06-30', 6), (6412, 3000, '2025-06-30', 6)$$, '3 customers, by index', as_of => '2025-07-02');
DROP TRIGGER before_ours ON orders;
DROP TRIGGER each_row ON orders;
-- a row that another trigger changes at once
CREATE FUNCTION change_it() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN UPDATE orders SET amount = amount + 1 WHERE id = NEW.id; RETURN NULL; END $$;
CREATE TRIGGER each_row AFTER INSERT ON orders FOR EACH ROW EXECUTE FUNCTION change_it();
SELECT after($$INSERT INTO orders VALUES (6500, 34, '2025-06-30', 6)$$, '1 customers, by index', as_of => '2025-07-02');
DROP TRIGGER each_row ON orders;
CREATE FUNCTION change_before() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.customer := NEW.customer + 1; RETURN NEW; END $$;
CREATE TRIGGER each_row BEFORE INSERT ON orders FOR EACH ROW EXECUTE FUNCTION change_before();
SELECT after($$INSERT INTO orders VALUES (6501, 34, '2025-06-30', 6)$$, '1 customers, not read', as_of => '2025-07-02');
DROP TRIGGER each_row ON orders;

-- ----- entries and forms that are not what they seem -----
-- a value that lies elsewhere
CREATE TABLE remarks (status text);
ALTER TABLE remarks ALTER status SET STORAGE EXTERNAL;
INSERT INTO remarks VALUES (repeat('x', 3000));
SELECT after($$INSERT INTO orders (id, customer, at, amount, status) SELECT 6600, 36, '2025-06-30', 6, status FROM remarks$$, '1 customers, by index', as_of => '2025-07-02');
-- entries that no statement of today writes: of other columns, a relation that is gone, of a form nobody knows
CREATE PROCEDURE odd_entry(id int, change text) LANGUAGE plpgsql AS $$
BEGIN
  EXECUTE format('INSERT INTO orders (id, customer, at, amount) VALUES (%s, 36, ''2025-06-30'', 6)', id);
  COMMIT;
  EXECUTE change;
END $$;
CREATE TABLE elsewhere (id int PRIMARY KEY, who int, at timestamptz, amount numeric, status text);
-- with the OID of another relation, whatever the byte order
CREATE FUNCTION of_elsewhere(entry bytea) RETURNS bytea LANGUAGE sql AS $$
  WITH r AS (SELECT n, int4send(oid::int) AS big FROM unnest('{orders,elsewhere}'::regclass[]) WITH ORDINALITY r(oid, n)),
  b AS (SELECT n, encode(big, 'hex') AS big, encode(set_byte(set_byte(set_byte(set_byte(big, 0, get_byte(big, 3)), 1, get_byte(big, 2)), 2, get_byte(big, 1)), 3, get_byte(big, 0)), 'hex') AS small FROM r)
  SELECT decode(replace(replace(encode(entry, 'hex'), a.big, b.big), a.small, b.small), 'hex') FROM b a, b WHERE (a.n, b.n) = (1, 2)
$$;
SELECT format('CALL odd_entry(%s, %L)', 6610 + row_number() OVER (), change), format('SELECT is(refreshed(''stages'', ''orders'', ''2025-07-02''), %L, %L)', result, what) FROM (VALUES
  ('fewer columns', 'UPDATE crmlife.queue SET new_rows = set_byte(new_rows, 5, 2)', 'everybody, passes 1'),
  ('another column of that type', 'UPDATE crmlife.queue SET new_rows = set_byte(new_rows, 6, 1)', 'everybody, passes 1'),
  ('no column', 'UPDATE crmlife.queue SET new_rows = set_byte(new_rows, 6, 77)', 'everybody, passes 1'),
  ('rows of visits, of which there are none', 'UPDATE crmlife.queue SET new_rows = set_byte(new_rows, 4, 1)', 'everybody, passes 1'),
  ('a relation without these names', 'UPDATE crmlife.queue q SET new_rows = of_elsewhere(q.new_rows)', 'everybody, passes 1')
) x(what, change, result) \gexec
CREATE FUNCTION after_damage(change text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
  raised text;
BEGIN
  raised := error_of(change);
  IF raised = 'no error' THEN raised := error_of($r$SELECT crmlife.refresh('stages', '2025-07-02')$r$); END IF;
  RAISE EXCEPTION USING ERRCODE = 'U0001', MESSAGE = raised;
EXCEPTION WHEN SQLSTATE 'U0001' THEN
  RETURN SQLERRM;
END $$;
INSERT INTO orders (id, customer, at, amount) VALUES (6640, 36, '2025-06-30', 6);
SELECT is(after_damage('UPDATE crmlife.queue SET new_rows = substr(new_rows, 1, length(new_rows) - 1)'), 'XX001 an entry of crmlife.queue is damaged', 'cut off in a row');
SELECT is(after_damage('UPDATE crmlife.queue SET new_rows = substr(new_rows, 1, 5)'), 'XX001 an entry of crmlife.queue is damaged', 'cut off before any');
SELECT is(refreshed('stages', 'orders', '2025-07-02'), '1 customers, not read', 'and nothing was lost');
SELECT format('UPDATE crmlife.capture_source SET new_rows = %L', form), format('SELECT after(%L, ''1 customers, by index'', as_of => ''2025-07-02'')', format('INSERT INTO orders (id, customer, at, amount) VALUES (%s, 36, ''2025-06-30'', 6)', 6650 + n))
FROM unnest(ARRAY['0', '0' || repeat(' 1', 40), '0 2 99']) WITH ORDINALITY f(form, n) \gexec
UPDATE crmlife.capture_source SET seen = '' WHERE stage_table = 'stages'::regclass;
SELECT after($$INSERT INTO orders (id, customer, at, amount) VALUES (6660, 36, '2025-06-30', 6)$$, 'everybody, passes 1', as_of => '2025-07-02');

-- ----- columns that are not what they were -----
SELECT format('SELECT after(%L, %L, as_of => ''2025-07-02'')', what, result) FROM (VALUES
  ('INSERT INTO orders VALUES (7000, 35, ''2025-06-30'', 6); ALTER TABLE orders ADD COLUMN remark text DEFAULT ''none''', '1 customers, not read'),
  ('INSERT INTO orders VALUES (7001, 35, ''2025-06-30'', 6); ALTER TABLE orders ALTER amount TYPE int', 'everybody, passes 1'),
  ('INSERT INTO orders VALUES (7002, 35, ''2025-06-30'', 6)', '1 customers, not read'),
  ('INSERT INTO orders VALUES (7003, 35, ''2025-06-30'', 6); ALTER TABLE orders DROP COLUMN amount; ALTER TABLE orders ADD COLUMN amount text; ALTER TABLE orders DROP COLUMN amount; ALTER TABLE orders ADD COLUMN amount numeric', 'everybody, passes 1'),
  ('INSERT INTO orders (id, customer, at, amount) VALUES (7004, 36, ''2025-06-30'', 6)', '1 customers, not read')
) x(what, result) \gexec

UPDATE orders SET amount = id % 90;
ANALYZE orders;
SELECT crmlife.refresh('stages', '2025-07-02', true) \g /dev/null

-- ----- no history, no merging -----
ALTER TABLE stages DROP COLUMN history;
SELECT after($$INSERT INTO orders (id, customer, at, amount) VALUES (7100, 37, '2025-06-30', 6)$$, 'everybody, passes 1', as_of => '2025-07-02');
SELECT after($$INSERT INTO orders (id, customer, at, amount) VALUES (7103, 37, '2025-06-30', 6)$$, '1 customers, by index', as_of => '2025-07-02');
SELECT crmlife.drop_stage_table('stages') \g /dev/null
SELECT crmlife.create_stage_table('stages', 'orders', 'customer', 'at', 'amount', order_filter => $$status <> 'cancelled'$$, timezone => 'Asia/Shanghai') \g /dev/null
SELECT crmlife.refresh('stages', '2025-07-02', true) \g /dev/null
UPDATE stages SET history = NULL WHERE customer = 38;
SELECT after($$INSERT INTO orders (id, customer, at, amount) VALUES (7101, 38, '2025-06-30', 6), (7102, 40, '2025-06-30', 6)$$, '2 customers, by index', as_of => '2025-07-02');
SELECT is((SELECT count(*) FROM stages WHERE history IS NULL), 0::bigint, 'who is looked at has one again');

-- ----- rights and policies are the owner's at the time of the refresh -----
CREATE ROLE merging_owner;
GRANT USAGE, CREATE ON SCHEMA merging TO merging_owner;
GRANT SELECT, TRIGGER ON orders TO merging_owner;
SET SESSION AUTHORIZATION merging_owner;
SELECT crmlife.create_stage_table('theirs', 'orders', 'customer', 'at', 'amount', timezone => 'UTC') \g /dev/null
RESET SESSION AUTHORIZATION;
SELECT crmlife.refresh('theirs', '2025-07-02', true) \g /dev/null
SELECT after($$INSERT INTO orders (id, customer, at, amount) VALUES (7200, 41, '2025-06-30', 6)$$, '1 customers, not read', 'theirs', as_of => '2025-07-02');
INSERT INTO orders (id, customer, at, amount) VALUES (7201, 41, '2025-06-30', 6);
REVOKE SELECT ON orders FROM merging_owner;
SELECT is(error_of($$SELECT crmlife.refresh('theirs', '2025-07-02')$$), '42501 permission denied for table orders', 'a new row is not seen by who may not see the table');
GRANT SELECT ON orders TO merging_owner;
SELECT is(refreshed('theirs', 'orders', '2025-07-02'), '1 customers, not read', 'it has waited');
ALTER TABLE orders ENABLE ROW LEVEL SECURITY;
CREATE POLICY few ON orders TO merging_owner USING (customer < 42);
SELECT crmlife.refresh('theirs', '2025-07-02', true) \g /dev/null
SELECT after($$INSERT INTO orders (id, customer, at, amount) VALUES (7202, 41, '2025-06-30', 6), (7203, 42, '2025-06-30', 6)$$, '1 customers, by index', 'theirs', as_of => '2025-07-02');
SELECT is((SELECT count(*) FROM theirs WHERE customer >= 42), 0::bigint, 'policies hold');
ALTER TABLE orders DISABLE ROW LEVEL SECURITY;
SELECT crmlife.drop_stage_table('theirs') \g /dev/null
SELECT crmlife.refresh('stages', '2025-07-02') \g /dev/null
DROP OWNED BY merging_owner;
DROP ROLE merging_owner;

-- ----- definitions whose new rows are read again, or not -----
CREATE FUNCTION price(orders) RETURNS numeric LANGUAGE sql IMMUTABLE AS 'SELECT $1.amount * 2';
SELECT crmlife.create_stage_table('keyed', 'orders', 'customer', 'at', 'amount', order_key => 'id / 2', timezone => 'UTC') \g /dev/null
SELECT crmlife.create_stage_table('whole', 'orders', 'customer', 'at', 'merging.price(orders)', timezone => 'UTC') \g /dev/null
SELECT crmlife.create_stage_table('computed', 'orders', 'customer', '(at AT TIME ZONE ''UTC'' + interval ''6 hours'')::date', 'amount * 2', 'amount / nullif(amount, 0) > 0 AND status::text <> upper(status)', timezone => 'UTC') \g /dev/null
SELECT crmlife.refresh(t, '2025-07-02', true) FROM unnest('{keyed,whole,computed}'::regclass[]) t \g /dev/null
INSERT INTO orders (id, customer, at, amount) VALUES (7300, 43, '2025-06-30 19:00', 6), (7301, 43, '2025-06-30', -6), (7302, 44, '2025-06-30', 0);
SELECT is(refreshed('keyed', 'orders', '2025-07-02'), '2 customers, by index', 'rows of an order are netted');
SELECT is(refreshed('whole', 'orders', '2025-07-02'), '2 customers, by index', 'an expression over the row as a whole');
SELECT is(refreshed('computed', 'orders', '2025-07-02'), '2 customers, not read', 'expressions');
SELECT is(refreshed('stages', 'orders', '2025-07-02'), '2 customers, not read', 'four at once');
-- an error of an expression is the refresh's, not the writer's
SELECT crmlife.drop_stage_table(t) FROM unnest('{keyed,whole,computed}'::regclass[]) t \g /dev/null
SELECT crmlife.create_stage_table('failing', 'orders', 'customer', 'at', '1 / (id - 7400)', timezone => 'UTC') \g /dev/null
SELECT lives_ok($$INSERT INTO orders (id, customer, at, amount) VALUES (7400, 45, '2025-06-30', 6)$$, 'the writer is not stopped');
SELECT is(error_of($$SELECT crmlife.refresh('failing')$$), '22012 division by zero', 'the refresh is');
SELECT crmlife.drop_stage_table('failing') \g /dev/null

-- ----- keys of every kind, in partitions with columns in another order -----
CREATE DOMAIN code AS varchar(20);
CREATE PROCEDURE with_keys(type text, make text) LANGUAGE plpgsql AS $$
BEGIN
  EXECUTE format('CREATE TABLE parts (at date, customer %1$s, amount int, note text) PARTITION BY RANGE (at);
    CREATE TABLE part_old (gone int, note text, amount int, at date, customer %1$s);
    ALTER TABLE part_old DROP COLUMN gone;
    ALTER TABLE parts ATTACH PARTITION part_old FOR VALUES FROM (MINVALUE) TO (''2025-01-01'');
    CREATE TABLE part_new PARTITION OF parts DEFAULT;
    INSERT INTO parts SELECT date ''2025-06-28'' - i, %2$s, i FROM generate_series(1, 600) i;
    CREATE INDEX ON parts (customer); ANALYZE parts, part_old, part_new;
    SELECT crmlife.create_stage_table(''part_stages'', ''parts'', ''customer'', ''at'', ''amount'', timezone => ''UTC'');
    SELECT crmlife.refresh(''part_stages'', ''2025-06-30'', true)', type, make);
  COMMIT;
  EXECUTE format('INSERT INTO parts SELECT date ''2025-06-29'' - i * 200, %1$s, i FROM generate_series(1, 3) i;
    INSERT INTO part_old SELECT ''direct'', 4, ''2024-12-31'', %1$s FROM generate_series(1, 2) i', make);
END $$;
SELECT format('CALL with_keys(%1$L, %2$L)', type, make),
       format('SELECT is(refreshed(''part_stages'', ''parts''), ''3 customers, not read'', %L)', type || ' keys, through the parent and directly'),
       format('INSERT INTO part_old (customer, at, amount) SELECT %s, ''2024-12-30'', 1 FROM generate_series(599, 601) i; DELETE FROM parts WHERE customer = (SELECT %s FROM generate_series(2, 2) i)', make, make),
       format('SELECT is(refreshed(''part_stages'', ''parts''), ''4 customers, by index'', %L)', type || ' keys, new and deleted'),
       'DO $do$ BEGIN PERFORM crmlife.drop_stage_table(''part_stages''); END $do$', 'DROP TABLE parts'
FROM (VALUES ('smallint', 'i'), ('int', 'i'), ('bigint', 'i + 1e12::bigint'), ('uuid', 'md5(i::text)::uuid'), ('text', $m$'key "' || i || E'\\'$m$), ('char(12)', $m$'c' || i$m$), ('code', $m$'c' || i$m$)) k(type, make) \gexec

-- ----- visits and members -----
CREATE TABLE visits (who bigint, at timestamp);
CREATE TABLE members (who bigint, since date);
INSERT INTO visits SELECT 1 + i % 1000, timestamp '2025-06-20' - i * interval '7 hours' FROM generate_series(1, 2000) i;
INSERT INTO members SELECT i, date '2025-01-01' + i % 100 FROM generate_series(1, 1100) i;
CREATE INDEX ON visits (who);
CREATE INDEX ON members (who);
ANALYZE visits, members;
SELECT crmlife.create_stage_table('all_three', 'orders', 'customer', 'at', 'amount', visits => 'visits', visit_customer => 'who', visited_at => 'at',
  members => 'members', member_customer => 'who', registered_at => 'since', timezone => 'UTC', model => with_threshold('engagement', 'order_value', 40)) \g /dev/null
SELECT crmlife.refresh('all_three', '2025-06-30', true) \g /dev/null
SELECT format('SELECT after(%L, %L, ''all_three'', %L)', what, result, source) FROM (VALUES
  ('INSERT INTO visits VALUES (1, ''2025-06-29 10:00''), (1, ''2025-06-29 09:00''), (2, ''2024-06-29 09:00'')', '2 customers, not read', 'visits'),
  ('INSERT INTO visits VALUES (1, ''2025-06-29 11:00''); INSERT INTO orders (id, customer, at, amount) VALUES (8000, 1, ''2025-06-29 10:30'', 6)', '1 customers, not read', 'visits'),
  ('INSERT INTO visits VALUES (3, ''2025-06-29 11:00''); INSERT INTO orders (id, customer, at, amount) VALUES (8001, 3, ''2025-06-29 23:30'', 6)', '1 customers, not read', 'orders'),
  ('INSERT INTO members VALUES (4, ''2024-01-01'')', '1 customers, by index', 'orders'),
  ('INSERT INTO members VALUES (5000, NULL)', '1 customers, by index', 'visits'),
  ('INSERT INTO visits VALUES (5000, ''2025-06-29'')', '1 customers, not read', 'visits'),
  ('INSERT INTO visits VALUES (6, ''2025-07-01 08:30''), (7, ''2025-07-20'')', '2 customers, not read', 'visits')
) x(what, result, source) \gexec
-- a visit of a day to come has lost its time of day
SELECT alike(refreshed('all_three', 'visits', '2025-07-02'), '% customers, by index', 'whose visit has become visible is read again');
SELECT is((SELECT last_active_at FROM all_three WHERE customer = 6), '2025-07-01 08:30', 'at its time');
-- one relation for two purposes
CREATE TABLE log_lines (who int, at timestamp, amount int);
INSERT INTO log_lines SELECT i % 100, timestamp '2025-06-20' - i * interval '7 hours', i % 10 FROM generate_series(1, 500) i;
CREATE INDEX ON log_lines (who);
SELECT crmlife.create_stage_table('both', 'log_lines', 'who', 'at', 'amount', 'amount > 4', visits => 'log_lines', visit_customer => 'who', visited_at => 'at', timezone => 'UTC') \g /dev/null
SELECT crmlife.refresh('both', '2025-06-30', true) \g /dev/null
SELECT after('INSERT INTO log_lines VALUES (1, ''2025-06-29 10:00'', 9)', '1 customers, by index', 'both', 'log_lines');
SELECT crmlife.drop_stage_table(t) FROM unnest('{both,all_three}'::regclass[]) t \g /dev/null

-- ----- segments: of the members they are read with these, of the orders they come with any row -----
SELECT crmlife.create_stage_table('by_member', 'orders', 'customer', 'at', 'amount', members => 'members', member_customer => 'who', registered_at => 'since',
  segment => $$CASE WHEN who % 2 = 0 THEN 'even' ELSE 'odd' END$$, timezone => 'UTC') \g /dev/null
SELECT crmlife.create_stage_table('by_order', 'orders', 'customer', 'at', 'amount', segment => 'status', timezone => 'UTC') \g /dev/null
SELECT crmlife.set_threshold('by_member', 'active_days', 30, 'even'), crmlife.set_threshold('by_order', 'active_days', 30, 'first') \g /dev/null
SELECT crmlife.refresh(t, '2025-07-02', true) FROM unnest('{by_member,by_order}'::regclass[]) t \g /dev/null
INSERT INTO orders (id, customer, at, amount, status) VALUES (8500, 50, '2020-06-30', 6, 'first'), (8501, 51, '2025-06-30', 6, 'first');
SELECT is(refreshed('by_member', 'orders', '2025-07-02'), '2 customers, not read', 'the segment stands with the member');
SELECT is(refreshed('by_order', 'orders', '2025-07-02'), '2 customers, by index', 'a new row may tell it');
SELECT is((SELECT string_agg(segment, ' ' ORDER BY customer) FROM by_member WHERE customer IN (50, 51)), 'even odd'),
       is((SELECT segment FROM by_order WHERE customer = 50), 'first');
SELECT crmlife.drop_stage_table(t) FROM unnest('{by_member,by_order}'::regclass[]) t \g /dev/null

-- two orders at one time: the smaller amount tells, then the text, whichever came first
CREATE TABLE ties (customer text, at timestamp, amount numeric, segment text);
WITH one AS (SELECT amount, segment FROM unnest(ARRAY[NULL, 1, 2]) amount, unnest(ARRAY['a', 'ab', 'b']) segment)
INSERT INTO ties SELECT concat_ws(' ', coalesce(a.amount::text, '-'), a.segment, coalesce(b.amount::text, '-'), b.segment), '2025-06-01', a.amount, a.segment
FROM one a, one b;
INSERT INTO ties SELECT customer, at, nullif(split_part(customer, ' ', 3), '-')::numeric, split_part(customer, ' ', 4) FROM ties;
SELECT crmlife.create_stage_table('tie_stages', 'ties', 'customer', 'at', 'amount', segment => 'segment', timezone => 'UTC') \g /dev/null
SELECT set_eq('SELECT customer, segment FROM tie_stages', 'SELECT DISTINCT ON (customer) customer, segment FROM ties ORDER BY customer, at, amount NULLS FIRST, segment COLLATE "C"', 'of two orders at one time');
SELECT crmlife.drop_stage_table('tie_stages') \g /dev/null

-- ----- how what is read is read, whatever the planner would like -----
SELECT crmlife.refresh('stages', '2025-07-02') > 0 \g /dev/null
SET random_page_cost = 100000;
SET cpu_index_tuple_cost = 1000;
SELECT after('UPDATE orders SET amount = amount WHERE customer <= 5', '5 customers, by index', as_of => '2025-07-02');
SET enable_indexscan = off; SET enable_indexonlyscan = off; SET enable_bitmapscan = off;
SELECT after('UPDATE orders SET amount = amount WHERE customer <= 5', '5 customers, by index', as_of => '2025-07-02');
RESET ALL;
SET search_path = merging, public; SET TimeZone = 'UTC'; SET client_min_messages = warning;
SET random_page_cost = 0; SET seq_page_cost = 100000; SET enable_seqscan = off;
SELECT after('UPDATE orders SET amount = amount WHERE customer <= 500', '500 customers, passes 1', as_of => '2025-07-02');
RESET random_page_cost; RESET seq_page_cost; RESET enable_seqscan;
-- the stage table by its key, and the due by theirs
CREATE FUNCTION stage_scans(what text, as_of date DEFAULT '2025-07-02') RETURNS text LANGUAGE plpgsql AS $$
DECLARE
  before bigint;
BEGIN
  EXECUTE what;
  before := (scans('stages')).passes;
  PERFORM crmlife.refresh('stages', as_of);
  RETURN is((scans('stages')).passes - before, 0::bigint, what || ' and no pass over the stage table');
END $$;
SET random_page_cost = 100000;
SELECT stage_scans('UPDATE orders SET amount = amount WHERE customer <= 5');
SELECT stage_scans('INSERT INTO orders (id, customer, at, amount) VALUES (9000, 1, ''2025-06-30'', 5)');
RESET random_page_cost;
-- customers who are due
SELECT crmlife.create_stage_table('lean', 'orders', 'customer', 'at', 'amount', timezone => 'UTC', keep_history => false) \g /dev/null
SELECT crmlife.refresh('lean', '2025-07-02', true) \g /dev/null
SET random_page_cost = 100000;
BEGIN;
SELECT crmlife.refresh('lean', '2025-07-03') \g /dev/null
SELECT cmp_ok(pg_stat_get_xact_numscans('lean_due_on_idx'::regclass), '>', 0::bigint, 'the due by their index');
COMMIT;
RESET random_page_cost;
SELECT crmlife.drop_stage_table('lean') \g /dev/null
SELECT refreshed('stages', 'orders', '2025-07-03') \g /dev/null
-- without an index each run is one pass
CREATE TABLE bare AS SELECT customer, at, amount FROM orders;
ANALYZE bare;
SELECT crmlife.create_stage_table('bare_stages', 'bare', 'customer', 'at', 'amount', timezone => 'UTC') \g /dev/null
SELECT crmlife.refresh('bare_stages', '2025-07-02', true) \g /dev/null
SELECT after('UPDATE bare SET amount = amount WHERE customer = 5', '1 customers, passes 1', 'bare_stages', 'bare', as_of => '2025-07-02');
SELECT after('INSERT INTO bare VALUES (5, ''2025-06-30'', 6)', '1 customers, not read', 'bare_stages', 'bare', as_of => '2025-07-02');
SELECT crmlife.drop_stage_table('bare_stages') \g /dev/null

-- ----- the queue is full -----
SET crmlife.queue_limit = '64kB';
CREATE FUNCTION entries(OUT entries bigint, OUT everybody bigint, OUT marks bigint, OUT kilobytes bigint) LANGUAGE sql AS $$
  SELECT count(*), count(*) FILTER (WHERE customers IS NULL AND new_rows IS NULL), (SELECT count(*) FROM crmlife.queue_overflow),
         pg_relation_size('crmlife.queue') / 1024 FROM crmlife.queue $$;
SELECT refreshed('stages', 'orders', '2025-07-03') \g /dev/null
TRUNCATE crmlife.queue;
INSERT INTO orders (id, customer, at, amount) SELECT 10000 + i, 1 + i % 100, '2025-06-30', 5 FROM generate_series(1, 1000) i;
SELECT is((entries, everybody)::text, '(4,0)', 'many rows to an entry') FROM entries();
-- without the table that tells of it
SELECT is(after_damage(change || '; INSERT INTO merging.orders (id, customer, at, amount) SELECT 20000 + i, 1, ''2025-06-30'', 5 FROM generate_series(1, 20000) i'), error, change) FROM (VALUES
  ('ALTER TABLE crmlife.queue_overflow RENAME TO x', '42P01 table crmlife.queue_overflow does not exist'),
  ('ALTER TABLE crmlife.queue_overflow ADD x int', '55000 table crmlife.queue_overflow is of another version')) x(change, error);
VACUUM crmlife.queue;
INSERT INTO orders (id, customer, at, amount) SELECT 20000 + i, 1 + i % 100, '2025-06-30', 5 FROM generate_series(1, 10000) i;
SELECT is((everybody, marks, kilobytes)::text, '(0,1,64)', 'beyond it they are not told apart, and it does not grow') FROM entries();
DO $$ BEGIN FOR i IN 1 .. 50 LOOP UPDATE orders SET amount = amount + 1 WHERE id = i; END LOOP; END $$;
SELECT is((everybody, marks)::text, '(0,1)', 'it is said once') FROM entries();
DO $$ BEGIN FOR i IN 1 .. 50 LOOP UPDATE orders SET amount = amount + 1 WHERE id = i; COMMIT; END LOOP; END $$;
SELECT is((everybody, marks)::text, '(0,1)', 'whatever comes') FROM entries();
SELECT is(everybody, true, 'the status tells') FROM crmlife.status WHERE stage_table = 'stages'::regclass;
SELECT is(refreshed('stages', 'orders', '2025-07-03'), 'everybody, passes 1', 'everybody is looked at');
SELECT is(entries, 0::bigint, 'it is empty') FROM entries();
SELECT is(everybody, true, 'but some may have been silent meanwhile') FROM crmlife.status WHERE stage_table = 'stages'::regclass;
SELECT is(refreshed('stages', 'orders', '2025-07-03'), 'everybody, passes 1', 'for whom everybody is looked at again');
SELECT is((entries, marks)::text, '(0,0)', 'and that is all') FROM entries();
-- room that was freed inside is used again
VACUUM crmlife.queue;
SELECT after('UPDATE orders SET amount = amount + 1 WHERE id <= 5', '5 customers, by index', as_of => '2025-07-03');
-- a stage table that nobody refreshes does not fill it for the others
CREATE TABLE idle (customer int, at timestamptz, amount numeric);
SELECT crmlife.create_stage_table('idle_stages', 'idle', 'customer', 'at', 'amount', timezone => 'UTC') \g /dev/null
INSERT INTO idle SELECT i, '2025-06-30', 5 FROM generate_series(1, 5000) i;
SELECT crmlife.refresh('stages', '2025-07-03') \g /dev/null
SELECT is((entries, everybody)::text, '(1,1)', 'it gives up its customers') FROM entries();
VACUUM crmlife.queue;
SELECT after('UPDATE orders SET amount = amount + 1 WHERE id <= 5', '5 customers, by index', as_of => '2025-07-03');
SELECT is(refreshed('idle_stages', 'idle', now()), 'everybody, passes 1', 'and is looked at whole');
SELECT crmlife.drop_stage_table('idle_stages') \g /dev/null
-- nor do customers of whom nothing is visible yet
VACUUM crmlife.queue;
CREATE TABLE subscriptions (customer text, at timestamptz, amount numeric);
INSERT INTO subscriptions SELECT 'c' || i, '2030-01-01', 5 FROM generate_series(1, 20000) i;
INSERT INTO subscriptions SELECT string_agg(md5(i::text), ''), '2030-01-01', 5 FROM generate_series(1, 300) i;
SELECT crmlife.create_stage_table('later', 'subscriptions', 'customer', 'at', 'amount', timezone => 'UTC') \g /dev/null
SELECT is((entries, everybody)::text, '(0,0)', 'what waits for its day is elsewhere') FROM entries();
SELECT after('UPDATE orders SET amount = amount + 1 WHERE id <= 5', '5 customers, by index', as_of => '2025-07-03');
SELECT is((SELECT not_visible_yet FROM crmlife.status WHERE stage_table = 'later'::regclass), 20001::bigint, 'so many');
INSERT INTO subscriptions SELECT 'c' || i, now() - interval '1 day', 5 FROM generate_series(1, 100) i;
INSERT INTO subscriptions SELECT string_agg(md5(i::text), ''), now() - interval '1 day', 5 FROM generate_series(1, 300) i;
UPDATE subscriptions SET at = '2031-01-01' WHERE customer IN ('c200', 'c201');
DELETE FROM subscriptions WHERE customer IN ('c202', 'c203', 'c204');
SELECT is(error_of($$SELECT crmlife.refresh('later')$$) LIKE '54000 index row %', true, 'a name too long for a primary key has no row');
DELETE FROM subscriptions WHERE length(customer) > 1000;
SELECT is(crmlife.refresh('later'), 100::bigint, 'some are visible now');
SELECT is((SELECT not_visible_yet FROM crmlife.status WHERE stage_table = 'later'::regclass), 19897::bigint, 'fewer wait');
SELECT is_empty($$SELECT * FROM crmlife.verify('later')$$, 'rightly');
SELECT is((SELECT count(*) FROM crmlife.verify('later', '2030-02-01')) > 99, true, 'who waits for his day is not expected before a refresh of it');
SELECT is(crmlife.refresh('later', '2030-02-01'), 19995::bigint, 'all but two and whom this finds');
SELECT is((SELECT not_visible_yet FROM crmlife.status WHERE stage_table = 'later'::regclass), 2::bigint, 'two still do');
SELECT is_empty($$SELECT * FROM crmlife.verify('later')$$, 'rightly');
SELECT crmlife.drop_stage_table('later') \g /dev/null
SELECT is((SELECT count(*) FROM crmlife.deferred), 0::bigint, 'who waited is forgotten');
RESET crmlife.queue_limit;

SELECT crmlife.drop_stage_table('stages') \g /dev/null
SELECT is((SELECT count(*) FROM crmlife.queue), 0::bigint, 'nothing is left');

-- new rows that nothing can be made of stop a refresh until they are corrected, and not longer
CREATE TABLE bad (customer int, at timestamptz, amount numeric, rate int);
INSERT INTO bad SELECT i, timestamptz '2025-06-01' + i * interval '1 day', i, 1 FROM generate_series(1, 29) i;
SELECT crmlife.create_stage_table('bad_stages', 'bad', 'customer', 'at', 'amount / rate', order_filter => '100 / (rate + 1) > 0', timezone => 'UTC') \g /dev/null
SELECT crmlife.refresh('bad_stages', '2025-06-30', true) \g /dev/null
CREATE FUNCTION state_of(call text) RETURNS text LANGUAGE plpgsql AS $$ BEGIN EXECUTE call; RETURN 'no error'; EXCEPTION WHEN OTHERS THEN RETURN sqlstate; END $$;
CREATE FUNCTION corrected(what text, wrong text, error text, right_again text, as_of date) RETURNS SETOF text LANGUAGE plpgsql AS $$
BEGIN
  EXECUTE 'INSERT INTO bad VALUES (30, ''2025-06-30'', 1, 1), ' || wrong;
  RETURN NEXT is(state_of(format('SELECT crmlife.refresh(''bad_stages'', %L)', as_of)), error, what);
  EXECUTE right_again;
  -- another day: others are due, whose rows have not changed
  RETURN NEXT is(state_of(format('SELECT crmlife.refresh(''bad_stages'', %L)', as_of)), 'no error', what || ', corrected');
  RETURN NEXT is((SELECT count(*) FROM crmlife.verify('bad_stages')), 0::bigint, what || ', verified');
END $$;
SELECT corrected('a time that is infinite', $$(1, 'infinity', 1, 1)$$, '22008', $$DELETE FROM bad WHERE at = 'infinity'$$, '2025-07-08');
SELECT corrected('an amount that cannot be worked out', $$(2, '2025-07-08', 1, 0)$$, '22012', $$UPDATE bad SET rate = 2 WHERE rate = 0$$, '2025-07-20');
SELECT corrected('a filter that cannot', $$(3, '2025-07-20', 1, -1)$$, '22012', $$DELETE FROM bad WHERE rate = -1$$, '2025-09-20');
SELECT corrected('an amount that is no number', $$(4, '2025-09-20', 'NaN', 1)$$, '22003', $$UPDATE bad SET amount = 3 WHERE amount = 'NaN'$$, '2025-10-20');
SELECT crmlife.drop_stage_table('bad_stages') \g /dev/null

-- more new rows than work_mem holds are in a file, which is closed when they have been read
CREATE TABLE many (customer int, at timestamptz, amount numeric);
INSERT INTO many SELECT i % 500, timestamptz '2025-06-01' + i * interval '1 minute', i FROM generate_series(1, 1000) AS i;
SELECT crmlife.create_stage_table('many_stages', 'many', 'customer', 'at', 'amount', timezone => 'UTC') \g /dev/null
SELECT crmlife.refresh('many_stages', '2025-06-30', true) \g /dev/null
SET work_mem = '64kB';
INSERT INTO many SELECT i % 20, timestamptz '2025-06-20' + i * interval '1 second', i FROM generate_series(1, 3000) AS i;
SELECT is(refreshed('many_stages', 'many'), '20 customers, not read', 'more new rows than work_mem holds');
RESET work_mem;
SELECT crmlife.drop_stage_table('many_stages') \g /dev/null
SELECT finish();
DROP SCHEMA merging CASCADE;
