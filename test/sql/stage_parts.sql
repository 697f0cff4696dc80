-- Rows that go to partitions by the table above them: to those that came after
-- the last refresh and are gone before the next, from one to another by MERGE,
-- and into partitions that work out columns of their own.  The oracle is verify.
-- Each step is a transaction of its own: what is written in that of a refresh is
-- read again, and never kept in the queue.
\set ECHO none
\pset format unaligned
\pset tuples_only true
\set QUIET on
SET client_min_messages = error;
SET timezone = 'UTC';
SET jit = off;
SELECT no_plan();
DROP SCHEMA IF EXISTS parts CASCADE;
CREATE SCHEMA parts;
SET search_path = parts, public;

CREATE FUNCTION outcome(t regclass, as_of timestamptz DEFAULT '2025-06-30') RETURNS text LANGUAGE plpgsql AS $$
DECLARE
  waits text;
BEGIN
  SELECT CASE WHEN s.everybody THEN 'everybody' ELSE s.waiting || ' waiting' END INTO waits FROM crmlife.status s WHERE s.stage_table = t;
  PERFORM crmlife.refresh(t, as_of);
  RETURN concat_ws(', ', waits, 'after ' || (SELECT count(*) FROM crmlife.verify(t)));
END $$;
CREATE TABLE result (n serial, what text, got text, expected text);
CREATE PROCEDURE step(what text, statement text, expected text) LANGUAGE plpgsql AS $$
BEGIN
  EXECUTE statement;
  COMMIT;
  INSERT INTO result (what, got, expected) VALUES (what, outcome('stages'), expected);
  COMMIT;
END $$;

-- ----- MERGE -----
CREATE TABLE orders (customer int, at timestamptz, amount numeric, no int) PARTITION BY RANGE (at);
CREATE TABLE may PARTITION OF orders FOR VALUES FROM ('2025-05-01') TO ('2025-06-01');
CREATE TABLE june PARTITION OF orders FOR VALUES FROM ('2025-06-01') TO ('2025-07-01') PARTITION BY HASH (customer);
CREATE TABLE june0 PARTITION OF june FOR VALUES WITH (MODULUS 2, REMAINDER 0);
CREATE TABLE june1 PARTITION OF june FOR VALUES WITH (MODULUS 2, REMAINDER 1);
INSERT INTO orders SELECT i, timestamptz '2025-05-01' + i * interval '1 day', 5, i FROM generate_series(1, 20) i;
SELECT FROM crmlife.create_stage_table('stages', 'orders', 'customer', 'at', 'amount', timezone => 'UTC');
SELECT FROM crmlife.refresh('stages', '2025-06-30', true);
CALL step('a row stays in its partition', 'MERGE INTO orders o USING (VALUES (1, 7)) v (no, amount) ON o.no = v.no WHEN MATCHED THEN UPDATE SET amount = v.amount', '1 waiting, after 0');
CALL step('no row is met', 'MERGE INTO orders o USING (VALUES (99)) v (no) ON o.no = v.no WHEN MATCHED THEN UPDATE SET at = ''2025-06-02''', '0 waiting, after 0');
CALL step('a row moves', 'MERGE INTO orders o USING (VALUES (1)) v (no) ON o.no = v.no WHEN MATCHED THEN UPDATE SET at = ''2025-06-02''', 'everybody, after 0');
CALL step('one moves, one is new', 'MERGE INTO orders o USING (VALUES (2), (21)) v (no) ON o.no = v.no WHEN MATCHED THEN UPDATE SET at = ''2025-06-03'' WHEN NOT MATCHED THEN INSERT VALUES (30, ''2025-06-04'', 9, v.no)',
  'everybody, after 0');
CALL step('one is changed, one is new', 'MERGE INTO orders o USING (VALUES (3), (22)) v (no) ON o.no = v.no WHEN MATCHED THEN UPDATE SET amount = 8 WHEN NOT MATCHED THEN INSERT VALUES (31, ''2025-06-05'', 9, v.no)',
  '2 waiting, after 0');
CALL step('one moves, one goes', 'MERGE INTO orders o USING (VALUES (4, false), (5, true)) v (no, gone) ON o.no = v.no WHEN MATCHED AND gone THEN DELETE WHEN MATCHED THEN UPDATE SET at = ''2025-06-06''', 'everybody, after 0');
CALL step('one goes, one is new', 'MERGE INTO orders o USING (VALUES (6), (23)) v (no) ON o.no = v.no WHEN MATCHED THEN DELETE WHEN NOT MATCHED THEN INSERT VALUES (32, ''2025-06-05'', 9, v.no)', '2 waiting, after 0');
CALL step('a customer becomes another, below', 'MERGE INTO june o USING generate_series(1, 10) v (no) ON o.no = v.no WHEN MATCHED THEN UPDATE SET customer = customer + 41', 'everybody, after 0');
CALL step('an update that moves tells itself', 'UPDATE orders SET at = ''2025-06-08'' WHERE no IN (7, 8)', '2 waiting, after 0');
CALL step('two statements in one', 'WITH a AS (UPDATE orders SET at = ''2025-06-09'' WHERE no = 9) UPDATE orders SET amount = amount + 1 WHERE no = 10', '2 waiting, after 0');
CALL step('... of which one is a MERGE', 'WITH a AS (UPDATE orders SET amount = amount + 1 WHERE no = 10) MERGE INTO orders o USING (VALUES (11)) v (no) ON o.no = v.no WHEN MATCHED THEN UPDATE SET at = ''2025-06-10''', 'everybody, after 0');
CALL step('... beside one elsewhere', 'WITH a AS (INSERT INTO result (what, got, expected) VALUES (''elsewhere'', 1, 1)) MERGE INTO orders o USING (VALUES (12)) v (no) ON o.no = v.no WHEN MATCHED THEN UPDATE SET amount = 11', '1 waiting, after 0');
CALL step('a query that writes', 'WITH a AS (UPDATE orders SET amount = amount + 1 WHERE no = 10 RETURNING 1) SELECT count(*) FROM a', '1 waiting, after 0');
-- any of them, in any order, now and then several before a refresh
CREATE PROCEDURE merge_at_random(rounds int) LANGUAGE plpgsql AS $$
DECLARE
  wrong bigint := 0;
  partly bigint := 0;
BEGIN
  PERFORM setseed(0.5);
  FOR i IN 1 .. rounds LOOP
    FOR j IN 1 .. ceil(3 * random()) LOOP
      CASE floor(4 * random())
        WHEN 0 THEN
          MERGE INTO orders o USING (SELECT ceil(30 * random())::int AS no, timestamptz '2025-05-01' + random() * interval '60 days' AS at) v ON o.no = v.no
          WHEN MATCHED THEN UPDATE SET at = v.at WHEN NOT MATCHED THEN INSERT VALUES (v.no + 10, v.at, 3, v.no);
        WHEN 1 THEN
          MERGE INTO june o USING (SELECT ceil(30 * random())::int AS no) v ON o.no = v.no WHEN MATCHED THEN UPDATE SET customer = ceil(40 * random())::int;
        WHEN 2 THEN
          MERGE INTO orders o USING (SELECT ceil(40 * random())::int AS no) v ON o.no = v.no WHEN MATCHED AND v.no % 2 = 0 THEN DELETE WHEN MATCHED THEN UPDATE SET amount = o.amount + 1
          WHEN NOT MATCHED THEN INSERT VALUES (v.no, '2025-05-03', 1, v.no);
        ELSE
          INSERT INTO orders SELECT ceil(40 * random()), timestamptz '2025-05-01' + random() * interval '60 days', 2, i * 100 + k FROM generate_series(1, 3) k;
      END CASE;
      COMMIT;
    END LOOP;
    partly := partly + (SELECT (NOT s.everybody)::int FROM crmlife.status s WHERE s.stage_table = 'stages'::regclass);
    PERFORM crmlife.refresh('stages', timestamptz '2025-06-30' + i * interval '1 day');
    COMMIT;
    wrong := wrong + (SELECT count(*) FROM crmlife.verify('stages'));
  END LOOP;
  INSERT INTO result (what, got, expected) VALUES ('at random, rounds that differ', wrong, 0), ('rounds in which not everybody is looked at, some', (partly BETWEEN rounds / 10 AND rounds * 9 / 10)::text, 'true');
END $$;
CALL merge_at_random(60);
SELECT FROM crmlife.refresh('stages', '2025-06-30', true);

-- ----- foreign keys that update, too, and are of the statement -----
CREATE TABLE shops (shop int PRIMARY KEY);
CREATE TABLE linked (no int, k int, of_no int, of_k int, customer int, at timestamptz, amount numeric, shop int REFERENCES shops ON DELETE SET NULL, PRIMARY KEY (no, k),
  FOREIGN KEY (of_no, of_k) REFERENCES linked (no, k) ON UPDATE CASCADE ON DELETE SET NULL) PARTITION BY LIST (k);
CREATE TABLE linked1 PARTITION OF linked FOR VALUES IN (1);
CREATE TABLE linked2 PARTITION OF linked FOR VALUES IN (2);
CREATE PROCEDURE linked(what text, statement text, expected text) LANGUAGE plpgsql AS $$
BEGIN
  TRUNCATE linked;
  INSERT INTO shops VALUES (1), (2), (3) ON CONFLICT DO NOTHING;
  INSERT INTO linked VALUES (1, 1, NULL, NULL, 100, '2025-01-01', 10, 1), (2, 1, 1, 1, 200, '2025-01-02', 20, 2), (3, 1, NULL, NULL, 300, '2025-01-03', 5, 3);
  PERFORM crmlife.refresh('linked_stages', '2025-06-30', true);
  COMMIT;
  EXECUTE statement;
  COMMIT;
  INSERT INTO result (what, got, expected) VALUES (what, outcome('linked_stages'), expected);
END $$;
SELECT FROM crmlife.create_stage_table('linked_stages', 'linked', 'customer', 'at', 'amount', timezone => 'UTC');
CALL linked('one moves, who refers to it follows', 'MERGE INTO linked USING (VALUES (1)) v (n) ON no = n WHEN MATCHED THEN UPDATE SET k = 2, customer = 101, amount = 99', 'everybody, after 0');
CALL linked('... and one is new', 'MERGE INTO linked USING (VALUES (1), (77)) v (n) ON no = n WHEN MATCHED THEN UPDATE SET k = 2 WHEN NOT MATCHED THEN INSERT VALUES (77, 1, NULL, NULL, 900, ''2025-01-05'', 1)', 'everybody, after 0');
CALL linked('one goes, one moves', 'MERGE INTO linked USING (VALUES (1, true), (3, false)) v (n, gone) ON no = n WHEN MATCHED AND gone THEN DELETE WHEN MATCHED THEN UPDATE SET k = 2, customer = 301', 'everybody, after 0');
CALL linked('one moves, what another refers to goes', 'WITH gone AS (DELETE FROM shops WHERE shop = 2) MERGE INTO linked USING (VALUES (3), (78)) v (n) ON no = n WHEN MATCHED THEN UPDATE SET k = 2, customer = 301 WHEN NOT MATCHED THEN INSERT VALUES (78, 1, NULL, NULL, 900, ''2025-01-05'', 1)',
  'everybody, after 0');
CALL linked('none moves, none is new', 'MERGE INTO linked USING (VALUES (1)) v (n) ON no = n WHEN MATCHED THEN UPDATE SET amount = 99', '1 waiting, after 0');
ALTER TABLE linked DROP CONSTRAINT linked_of_no_of_k_fkey;
CALL linked('a key that does nothing to it', 'MERGE INTO linked USING (VALUES (1), (79)) v (n) ON no = n WHEN MATCHED THEN UPDATE SET amount = 98 WHEN NOT MATCHED THEN INSERT VALUES (79, 1, NULL, NULL, 900, ''2025-01-05'', 1)', '2 waiting, after 0');
ALTER TABLE linked ADD FOREIGN KEY (of_no, of_k) REFERENCES linked (no, k);
CALL linked('a key that only refuses', 'MERGE INTO linked USING (VALUES (1), (80)) v (n) ON no = n WHEN MATCHED THEN UPDATE SET amount = 97 WHEN NOT MATCHED THEN INSERT VALUES (80, 1, NULL, NULL, 900, ''2025-01-05'', 1)', '2 waiting, after 0');
ALTER TABLE linked DROP CONSTRAINT linked_of_no_of_k_fkey;
ALTER TABLE linked ADD FOREIGN KEY (of_no, of_k) REFERENCES linked (no, k) ON DELETE SET DEFAULT;
CALL linked('one goes, one moves, one is new: a key that sets defaults', 'MERGE INTO linked USING (VALUES (1, true), (3, false), (81, false)) v (n, gone) ON no = n WHEN MATCHED AND gone THEN DELETE WHEN MATCHED THEN UPDATE SET k = 2, customer = 301 WHEN NOT MATCHED THEN INSERT VALUES (81, 1, NULL, NULL, 900, ''2025-01-05'', 1)', 'everybody, after 0');
SELECT FROM crmlife.drop_stage_table('linked_stages');
DROP TABLE linked, shops;
-- A key whose table is a partition of its own: not every version refuses to
-- attach it.  Here the key is another table's at that moment.
CREATE TABLE linked (no int, k int, of_no int, of_k int, customer int, at timestamptz, amount numeric, shop int, PRIMARY KEY (no, k)) PARTITION BY LIST (k);
CREATE TABLE linked1 PARTITION OF linked FOR VALUES IN (1);
CREATE TABLE linked2 PARTITION OF linked FOR VALUES IN (2);
CREATE TABLE linked3 (LIKE linked, PRIMARY KEY (no, k), CHECK (k = 3));
CREATE TABLE shops (shop int PRIMARY KEY);
ALTER TABLE linked ADD CONSTRAINT own FOREIGN KEY (of_no, of_k) REFERENCES linked3 (no, k) ON UPDATE CASCADE;
UPDATE pg_constraint SET conrelid = 'shops'::regclass WHERE conname = 'own' AND conrelid = 'linked'::regclass;
ALTER TABLE linked ATTACH PARTITION linked3 FOR VALUES IN (3);
UPDATE pg_constraint SET conrelid = 'linked'::regclass WHERE conname = 'own' AND conrelid = 'shops'::regclass;
SELECT FROM crmlife.create_stage_table('linked_stages', 'linked', 'customer', 'at', 'amount', timezone => 'UTC');
INSERT INTO linked VALUES (1, 3, NULL, NULL, 100, '2025-01-01', 10), (2, 1, 1, 3, 200, '2025-01-02', 20), (3, 1, NULL, NULL, 300, '2025-01-03', 5);
SELECT FROM crmlife.refresh('linked_stages', '2025-06-30', true);
MERGE INTO linked USING (VALUES (1, 11, 3, 100), (3, 3, 2, 301)) v (n, new_n, new_k, buyer) ON no = n WHEN MATCHED THEN UPDATE SET no = new_n, k = new_k, customer = buyer
  WHEN NOT MATCHED THEN INSERT VALUES (new_n, new_k, NULL, NULL, buyer, '2025-01-01', 5);
INSERT INTO result (what, got, expected) VALUES ('a key to a partition of its own', outcome('linked_stages'), 'everybody, after 0');
SELECT FROM crmlife.drop_stage_table('linked_stages');
UPDATE pg_constraint SET conrelid = 'shops'::regclass WHERE conname = 'own' AND conrelid = 'linked'::regclass;
DROP TABLE linked, shops CASCADE;

-- ----- what comes and goes beside the source -----
CREATE TABLE regions (region int, customer int, at timestamptz, amount numeric) PARTITION BY LIST (region);
CREATE TABLE region1 PARTITION OF regions FOR VALUES IN (1) PARTITION BY RANGE (at);
CREATE TABLE region1_all PARTITION OF region1 DEFAULT;
INSERT INTO regions SELECT 1, i, '2025-05-01', 5 FROM generate_series(1, 5) i;
SELECT FROM crmlife.create_stage_table('region_stages', 'region1', 'customer', 'at', 'amount', timezone => 'UTC');
SELECT FROM crmlife.refresh('region_stages', '2025-06-30', true);
CREATE PROCEDURE beside(what text, statement text, expected text) LANGUAGE plpgsql AS $$
DECLARE
  got text;
BEGIN
  EXECUTE statement;
  COMMIT;
  got := outcome('region_stages');
  INSERT INTO result (what, got, expected) VALUES (what, got || (SELECT CASE WHEN was_full THEN ', full' ELSE '' END FROM crmlife.runs WHERE stage_table = 'region_stages'::regclass ORDER BY run DESC LIMIT 1), expected);
  COMMIT;
END $$;
CALL beside('a partition beside the source', 'CREATE TABLE region2 PARTITION OF regions FOR VALUES IN (2) PARTITION BY RANGE (at)', '0 waiting, after 0');
CALL beside('one of that', 'CREATE TABLE region2_all PARTITION OF region2 DEFAULT; INSERT INTO regions VALUES (2, 6, ''2025-06-01'', 1)', '1 waiting, after 0');
CALL beside('... goes', 'DROP TABLE region2', '0 waiting, after 0');
CALL beside('one below it', 'CREATE TABLE region1_june PARTITION OF region1 FOR VALUES FROM (''2025-07-01'') TO (''2025-08-01'')', '0 waiting, after 0, full');
CALL beside('rows by what is above', 'INSERT INTO regions VALUES (1, 2, ''2025-07-02'', 1)', '1 waiting, after 0');
-- as orders it is a source, of visits it is above one
SELECT FROM crmlife.drop_stage_table('region_stages');
SELECT FROM crmlife.create_stage_table('region_stages', 'regions', 'customer', 'at', 'amount', visits => 'region1', visit_customer => 'customer', visited_at => 'at', timezone => 'UTC');
SELECT FROM crmlife.refresh('region_stages', '2025-06-30', true);
CALL beside('a source above another', 'CREATE TABLE region3 PARTITION OF regions FOR VALUES IN (3)', '0 waiting, after 0, full');
CALL beside('... and its rows', 'INSERT INTO regions VALUES (3, 7, ''2025-06-02'', 1), (1, 8, ''2025-06-02'', 1)', '2 waiting, after 0');
SELECT FROM crmlife.drop_stage_table('region_stages');
DROP TABLE regions;

-- ----- here and gone -----
CREATE TABLE other_orders (LIKE orders);
CALL step('a partition comes and goes', 'CREATE TABLE july PARTITION OF orders FOR VALUES FROM (''2025-07-01'') TO (''2025-08-01''); INSERT INTO orders VALUES (1, ''2025-07-02'', 1000, 900); DROP TABLE july', '1 waiting, after 0');
CALL step('one below comes and goes', 'CREATE TABLE april PARTITION OF orders FOR VALUES FROM (''2025-04-01'') TO (''2025-05-01'') PARTITION BY LIST (customer); CREATE TABLE april1 PARTITION OF april FOR VALUES IN (1, 2);
  INSERT INTO orders VALUES (1, ''2025-04-02'', 1000, 901), (2, ''2025-05-03'', 10, 902); DROP TABLE april', '2 waiting, after 0');
CALL step('one that is there before comes', 'ALTER TABLE orders ATTACH PARTITION other_orders FOR VALUES FROM (''2025-08-01'') TO (''2025-09-01'')', '0 waiting, after 0');
CALL step('... is known now', 'INSERT INTO orders VALUES (3, ''2025-08-02'', 10, 903)', '1 waiting, after 0');
CALL step('... and goes', 'ALTER TABLE orders DETACH PARTITION other_orders', '0 waiting, after 0');
CALL step('what it was is known no more', 'INSERT INTO orders VALUES (3, ''2025-06-02'', 10, 904)', '1 waiting, after 0');
CALL step('two in turn', 'ALTER TABLE orders ATTACH PARTITION other_orders FOR VALUES FROM (''2025-08-01'') TO (''2025-09-01''); INSERT INTO orders VALUES (4, ''2025-08-02'', 10, 905); ALTER TABLE orders DETACH PARTITION other_orders;
  INSERT INTO orders VALUES (5, ''2025-06-02'', 10, 906)', '2 waiting, after 0');
SELECT is(crmlife.drop_stage_table('stages')::text, '', 'dropped');
DROP TABLE orders, other_orders;

-- ----- generated in a partition alone, which PostgreSQL takes up to 15 -----
SELECT current_setting('server_version_num')::int < 160000 AS takes_it \gset
\if :takes_it
CREATE TABLE orders (customer int, at timestamptz, amount numeric, k int, remark text) PARTITION BY LIST (k);
CREATE TABLE one (remark text, k int, at timestamptz, amount numeric, customer int GENERATED ALWAYS AS (k * 10) STORED);
ALTER TABLE orders ATTACH PARTITION one FOR VALUES IN (1);
INSERT INTO orders (customer, at, amount, k) VALUES (1, '2025-05-01', 5, 1);
SELECT FROM crmlife.create_stage_table('stages', 'orders', 'customer', 'at', 'amount', timezone => 'UTC');
SELECT FROM crmlife.refresh('stages', '2025-06-30', true);
CALL step('the customer is', 'INSERT INTO orders (customer, at, amount, k) VALUES (2, ''2025-06-01'', 6, 1)', 'everybody, after 0');
CALL step('of a row that goes', 'DELETE FROM orders WHERE at = ''2025-06-01''', '1 waiting, after 0');
SELECT FROM crmlife.drop_stage_table('stages');
DROP TABLE orders;
CREATE TABLE orders (customer int, at timestamptz, amount numeric, k int, remark text) PARTITION BY LIST (k);
CREATE TABLE two (k int, customer int, remark text, at timestamptz, amount numeric GENERATED ALWAYS AS (k * 100) STORED);
ALTER TABLE orders ATTACH PARTITION two FOR VALUES IN (2);
INSERT INTO orders (customer, at, amount, k) VALUES (1, '2025-05-01', 5, 2);
SELECT FROM crmlife.create_stage_table('stages', 'orders', 'customer', 'at', 'amount', timezone => 'UTC');
SELECT FROM crmlife.refresh('stages', '2025-06-30', true);
CALL step('the amount is', 'INSERT INTO orders (customer, at, amount, k) VALUES (1, ''2025-06-01'', 6, 2)', '1 waiting, after 0');
SELECT FROM crmlife.drop_stage_table('stages');
DROP TABLE orders;
\else
INSERT INTO result (what, got, expected) VALUES ('the customer is', 1, 1), ('of a row that goes', 1, 1), ('the amount is', 1, 1);
\endif

-- ----- whose rows are shown -----
CREATE ROLE crmlife_seller; CREATE ROLE crmlife_buyer;
GRANT USAGE, CREATE ON SCHEMA parts TO crmlife_seller, crmlife_buyer;
CREATE TABLE orders (customer int, at timestamptz, amount numeric);
CREATE POLICY few ON orders TO crmlife_buyer USING (customer <= 2);
INSERT INTO orders SELECT i, '2025-06-01', 5 FROM generate_series(1, 4) i;
ALTER TABLE orders OWNER TO crmlife_seller;
GRANT SELECT ON orders TO crmlife_buyer;
SET ROLE crmlife_seller;
SELECT FROM crmlife.create_stage_table('stages', 'orders', 'customer', 'at', 'amount', timezone => 'UTC');
SELECT FROM crmlife.refresh('stages', '2025-06-30', true);
RESET ROLE;
CALL step('another owner', 'ALTER TABLE stages OWNER TO crmlife_buyer; ALTER TABLE stages_changes OWNER TO crmlife_buyer', '0 waiting, after 0');
CALL step('row security', 'ALTER TABLE orders ENABLE ROW LEVEL SECURITY', '0 waiting, after 0');
SELECT is(string_agg(customer::text, ' ' ORDER BY customer), '1 2', 'those that its policy shows') FROM stages;
CALL step('another policy', 'DROP POLICY few ON orders; CREATE POLICY few ON orders TO crmlife_buyer USING (customer >= 3)', '0 waiting, after 0');
CALL step('a policy changed', 'ALTER POLICY few ON orders USING (customer >= 2)', '0 waiting, after 0');
SELECT is(string_agg(customer::text, ' ' ORDER BY customer), '2 3 4', '... and those') FROM stages;
CREATE ROLE crmlife_team;
CALL step('one that is for others', 'CREATE POLICY ours ON orders TO crmlife_team USING (true)', '0 waiting, after 0');
CALL step('whom the owner joins', 'GRANT crmlife_team TO crmlife_buyer', '0 waiting, after 0');
CALL step('... and leaves', 'REVOKE crmlife_team FROM crmlife_buyer', '0 waiting, after 0');
CALL step('an owner for whom none holds', 'ALTER ROLE crmlife_buyer BYPASSRLS', '0 waiting, after 0');
CALL step('... for whom they do', 'ALTER ROLE crmlife_buyer NOBYPASSRLS', '0 waiting, after 0');
CALL step('a source that is the owner''s', 'ALTER TABLE orders OWNER TO crmlife_buyer', '0 waiting, after 0');
CALL step('... and is not', 'ALTER TABLE orders OWNER TO crmlife_seller; GRANT SELECT ON orders TO crmlife_buyer', '0 waiting, after 0');
DROP OWNED BY crmlife_team; DROP ROLE crmlife_team;
SELECT FROM crmlife.drop_stage_table('stages');
DROP TABLE orders;

SELECT is(got, expected, what) FROM result ORDER BY n;
SELECT * FROM finish();
DROP SCHEMA parts CASCADE;
DROP ROLE crmlife_seller, crmlife_buyer;
