-- Sources that are parts of other tables: what is written by a statement that
-- names a table above them is captured like any other, whatever tables above
-- come and go, and where several sources are of one tree.  Against verify,
-- which reads the sources, and counts by plain SQL.
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
CREATE SCHEMA above;
SET search_path = above, public;
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

-- refreshes; 'full' or 'captured', and whether the result is right
CREATE FUNCTION outcome(t regclass) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
  wrong bigint;
  said text;
BEGIN
  PERFORM crmlife.refresh(t, '2025-06-30');
  SELECT CASE WHEN s.was_full THEN 'full' ELSE 'captured, ' || s.customers END INTO said FROM crmlife.status s WHERE s.stage_table = t;
  SELECT count(*) INTO wrong FROM crmlife.verify(t);
  RETURN said || CASE WHEN wrong > 0 THEN ', ' || wrong || ' wrong' ELSE '' END;
END $$;
CREATE FUNCTION after(ddl text, result text, stage_table text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
  EXECUTE ddl;
  RETURN is(outcome(stage_table::regclass), result, ddl);
END $$;

-- ----- a partition of a partition -----
CREATE TABLE events (customer int, buyer int, at timestamptz, amount numeric, kind text) PARTITION BY LIST (kind);
CREATE TABLE purchases (kind text, amount numeric, customer int, gone int, buyer int, at timestamptz) PARTITION BY RANGE (at);
ALTER TABLE purchases DROP COLUMN gone;
ALTER TABLE events ATTACH PARTITION purchases FOR VALUES IN ('purchase');
CREATE TABLE purchases_old PARTITION OF purchases FOR VALUES FROM (MINVALUE) TO ('2025-01-01');
CREATE TABLE purchases_new PARTITION OF purchases FOR VALUES FROM ('2025-01-01') TO (MAXVALUE);
CREATE TABLE visits PARTITION OF events FOR VALUES IN ('visit');
INSERT INTO events SELECT i % 20, i % 17, timestamptz '2025-06-30' - i * interval '41 hours', i, CASE WHEN i % 3 = 0 THEN 'visit' ELSE 'purchase' END FROM generate_series(1, 300) i;
SELECT crmlife.create_stage_table('bought', 'purchases_new', 'customer', 'at', 'amount') \g /dev/null
SELECT crmlife.refresh('bought', '2025-06-30', true) \g /dev/null
SELECT is((SELECT string_agg(DISTINCT tgrelid::regclass::text, ' ' ORDER BY tgrelid::regclass::text) FROM pg_trigger WHERE tgname LIKE 'crmlife%'), 'events purchases purchases_new', 'triggers on it and on all above');
SELECT is(outcome('bought'), 'captured, 0', 'nothing happened');
SELECT after(ddl, result, 'bought') FROM (VALUES
  ($$INSERT INTO events VALUES (1, 1, '2025-06-29', 5, 'purchase'), (2, 1, '2025-06-29', 5, 'purchase')$$, 'captured, 2'),
  ($$INSERT INTO purchases VALUES ('purchase', 7, 3, 3, '2025-06-28')$$, 'captured, 1'),
  ($$INSERT INTO purchases_new VALUES ('purchase', 7, 4, 3, '2025-06-28')$$, 'captured, 1'),
  ($$UPDATE events SET amount = amount + 1 WHERE customer = 5$$, 'captured, 1'),
  ($$UPDATE purchases SET customer = 21 WHERE customer = 6$$, 'captured, 2'),
  ($$DELETE FROM events WHERE customer = 7$$, 'captured, 1'),
  ($$UPDATE events SET at = '2024-12-01' WHERE customer = 8 AND kind = 'purchase'$$, 'captured, 1'),
  ($$UPDATE purchases SET at = '2025-06-01' WHERE customer = 8$$, 'captured, 1'),
  ($$UPDATE events SET kind = 'visit' WHERE customer = 9$$, 'captured, 1'),
  ($$MERGE INTO events e USING (VALUES (10), (99)) m (who) ON e.customer = m.who WHEN MATCHED THEN DELETE WHEN NOT MATCHED THEN INSERT VALUES (m.who, 1, '2025-06-01', 3, 'purchase')$$, 'captured, 2'),
  ($$INSERT INTO events VALUES (100, 1, '2025-06-29', 5, 'purchase'); INSERT INTO purchases_new VALUES ('purchase', 7, 100, 3, '2025-06-29'); INSERT INTO events VALUES (100, 1, '2025-06-29', 5, 'purchase')$$, 'captured, 1'),
  ($$SET LOCAL session_replication_role = replica; INSERT INTO events VALUES (11, 1, '2025-06-29', 5, 'purchase'); SET LOCAL session_replication_role = origin$$, 'captured, 1'),
  -- rows that lie beside it are looked for, and nothing is found
  ($$INSERT INTO events VALUES (12, 1, '2024-06-29', 5, 'purchase')$$, 'captured, 1'),
  ($$TRUNCATE events$$, 'full'),
  ($$INSERT INTO events SELECT i % 20, i % 17, timestamptz '2025-06-30' - i * interval '41 hours', i, CASE WHEN i % 3 = 0 THEN 'visit' ELSE 'purchase' END FROM generate_series(1, 300) i$$, 'captured, 20'),
  -- what no trigger tells
  ($$ALTER TABLE events DISABLE TRIGGER crmlife_capture_insert; INSERT INTO events VALUES (1, 1, '2025-06-29', 5, 'purchase')$$, 'full'),
  ($$INSERT INTO events VALUES (1, 1, '2025-06-29', 6, 'purchase')$$, 'captured, 1'),
  ($$DROP TRIGGER crmlife_capture_update ON purchases; UPDATE purchases SET amount = 2 WHERE customer = 2$$, 'full'),
  ($$ALTER TABLE events DETACH PARTITION purchases; INSERT INTO purchases VALUES ('purchase', 7, 3, 3, '2025-06-28')$$, 'full'),
  ($$INSERT INTO events VALUES (3, 1, '2025-06-28', 5, 'visit')$$, 'captured, 0'),
  ($$CREATE TABLE everything (LIKE events) PARTITION BY LIST (kind); ALTER TABLE everything ATTACH PARTITION purchases DEFAULT; INSERT INTO everything VALUES (4, 1, '2025-06-28', 5, 'purchase')$$, 'full'),
  ($$INSERT INTO everything VALUES (5, 1, '2025-06-28', 5, 'purchase')$$, 'captured, 1')
) x(ddl, result);
SELECT after(ddl, result, 'bought') FROM (VALUES
  -- above it only between two refreshes
  ($$CREATE TABLE for_a_while (LIKE events) PARTITION BY LIST (kind); ALTER TABLE everything DETACH PARTITION purchases; ALTER TABLE for_a_while ATTACH PARTITION purchases DEFAULT; INSERT INTO for_a_while VALUES (6, 1, '2025-06-28', 5, 'purchase');
     ALTER TABLE for_a_while DETACH PARTITION purchases; ALTER TABLE everything ATTACH PARTITION purchases DEFAULT$$, 'full')
) x(ddl, result);
SELECT is((SELECT sum(orders) FROM bought), (SELECT count(*)::numeric FROM purchases_new), 'as many orders as there are');
SELECT crmlife.drop_stage_table('bought') \g /dev/null
SELECT is((SELECT count(*) FROM pg_trigger WHERE tgname LIKE 'crmlife%'), 0::bigint, 'no trigger is left, nor where it was detached');
DROP TABLE everything, events, for_a_while;
-- a part that becomes one, and is one no more
CREATE TABLE alone (customer int, at timestamptz, amount numeric);
INSERT INTO alone SELECT i % 9, timestamptz '2025-06-30' - i * interval '9 days', i FROM generate_series(1, 60) i;
SELECT crmlife.create_stage_table('of_alone', 'alone', 'customer', 'at', 'amount') \g /dev/null
SELECT crmlife.refresh('of_alone', '2025-06-30', true) \g /dev/null
CREATE TABLE union_of (LIKE alone) PARTITION BY RANGE (at);
CREATE TABLE parent (customer int, at timestamptz);
SELECT after(ddl, result, 'of_alone') FROM (VALUES
  ($$ALTER TABLE union_of ATTACH PARTITION alone DEFAULT; INSERT INTO union_of VALUES (33, '2025-06-28', 5); ALTER TABLE union_of DETACH PARTITION alone$$, 'full'),
  ($$ALTER TABLE alone INHERIT parent; UPDATE parent SET customer = 34 WHERE customer = 2; ALTER TABLE alone NO INHERIT parent$$, 'full'),
  ($$INSERT INTO alone VALUES (35, '2025-06-28', 5)$$, 'captured, 1')
) x(ddl, result);
-- a partition of it, likewise; its triggers go, though it is one no more
CREATE TABLE shelves (LIKE alone) PARTITION BY RANGE (at);
CREATE TABLE shelf PARTITION OF shelves DEFAULT;
CREATE TABLE others (LIKE alone) PARTITION BY RANGE (at);
INSERT INTO shelves SELECT * FROM alone;
SELECT crmlife.create_stage_table('of_shelves', 'shelves', 'customer', 'at', 'amount') \g /dev/null
SELECT crmlife.refresh('of_shelves', '2025-06-30', true) \g /dev/null
SELECT after(ddl, result, 'of_shelves') FROM (VALUES
  ($$ALTER TABLE shelves DETACH PARTITION shelf; ALTER TABLE others ATTACH PARTITION shelf DEFAULT; INSERT INTO others VALUES (36, '2025-06-28', 5); ALTER TABLE others DETACH PARTITION shelf; ALTER TABLE shelves ATTACH PARTITION shelf DEFAULT$$, 'full'),
  ($$INSERT INTO shelf VALUES (37, '2025-06-28', 5)$$, 'captured, 1'),
  ($$ALTER TABLE shelves DETACH PARTITION shelf$$, 'full')
) x(ddl, result);
SELECT crmlife.drop_stage_table('of_shelves') \g /dev/null
SELECT is((SELECT string_agg(DISTINCT tgrelid::regclass::text, ' ') FROM pg_trigger WHERE tgname LIKE 'crmlife%' AND tgrelid IN ('shelf'::regclass, 'shelves'::regclass, 'others'::regclass)), NULL, 'no trigger is left on what was a part once');
SELECT is((SELECT count(DISTINCT tgrelid) FROM pg_trigger WHERE tgname LIKE 'crmlife%' AND tgrelid = 'alone'::regclass), 1::bigint, 'those of others are');
SELECT crmlife.drop_stage_table('of_alone') \g /dev/null
DROP TABLE alone, union_of, parent, shelves, shelf, others;

-- what is above has a foreign table: a trigger that sees rows would keep writers from it
CREATE EXTENSION IF NOT EXISTS file_fdw;
CREATE SERVER above_files FOREIGN DATA WRAPPER file_fdw;
CREATE TABLE mixed (customer int, at timestamptz, amount numeric, kind text) PARTITION BY LIST (kind);
CREATE TABLE here PARTITION OF mixed FOR VALUES IN ('here');
CREATE FOREIGN TABLE there PARTITION OF mixed FOR VALUES IN ('there') SERVER above_files OPTIONS (filename '/dev/null');
SELECT is(error_of($$SELECT crmlife.create_stage_table('of_here', 'here', 'customer', 'at', 'amount')$$),
  '42809 orders: changes of above.mixed cannot be captured by triggers | Pass capture => ''full'': every refresh then reads all of it.', 'a foreign table beside it');
SELECT is(error_of($$SELECT crmlife.create_stage_table('of_here', 'here', 'customer', 'at', 'amount', capture => 'full')$$), 'no error', 'without triggers');
DROP TABLE mixed;
-- an unlogged table above it may be emptied by a crash, it does not matter
CREATE UNLOGGED TABLE passing (customer int, at timestamptz);
CREATE TABLE lasting (amount numeric) INHERITS (passing);
SELECT is(error_of($$SELECT crmlife.create_stage_table('of_lasting', 'lasting', 'customer', 'at', 'amount')$$), 'no error', 'an unlogged parent');
DROP TABLE of_lasting, passing, lasting;

-- ----- inherited, by several -----
CREATE TABLE a (customer int, at date);
CREATE TABLE b (amount int);
CREATE TABLE c (amount int, at date) INHERITS (a, b);
CREATE TABLE d (note text) INHERITS (c);
CREATE TABLE e (customer int);
INSERT INTO d SELECT i % 9, date '2025-06-30' - i, i FROM generate_series(1, 60) i;
SELECT crmlife.create_stage_table('inherited', 'c', 'customer', 'at', 'amount') \g /dev/null
SELECT crmlife.refresh('inherited', '2025-06-30', true) \g /dev/null
SELECT after(ddl, result, 'inherited') FROM (VALUES
  ('INSERT INTO c VALUES (1, ''2025-06-30'', 4)', 'captured, 1'),
  ('INSERT INTO d VALUES (1, ''2025-06-30'', 4), (2, ''2025-06-30'', 4)', 'captured, 2'),
  ('INSERT INTO a VALUES (1, ''2025-06-30'')', 'captured, 1'),
  ('UPDATE a SET at = at - 1 WHERE customer = 3', 'captured, 1'),
  ('DELETE FROM a WHERE customer = 4', 'captured, 1'),
  -- it has no customers, so everybody is meant
  ('UPDATE b SET amount = 100 WHERE amount = 5', 'full'),
  ('UPDATE ONLY b SET amount = 1', 'full'),
  ('ALTER TABLE d INHERIT e; UPDATE e SET customer = 77 WHERE customer = 5', 'full'),
  ('UPDATE e SET customer = 5 WHERE customer = 77', 'captured, 2'),
  ('ALTER TABLE d NO INHERIT e', 'full')
) x(ddl, result);
SELECT crmlife.drop_stage_table('inherited') \g /dev/null
DROP TABLE a, b, c, d, e;

-- ----- several sources of one tree -----
CREATE TABLE events (customer int, buyer int, at timestamptz, amount numeric, kind text) PARTITION BY LIST (kind);
CREATE TABLE purchases PARTITION OF events FOR VALUES IN ('purchase');
CREATE TABLE visits PARTITION OF events FOR VALUES IN ('visit');
INSERT INTO events SELECT i % 20, i % 17, timestamptz '2025-06-30' - i * interval '41 hours', i, CASE WHEN i % 3 = 0 THEN 'visit' ELSE 'purchase' END FROM generate_series(1, 300) i;
SELECT crmlife.create_stage_table('one', 'purchases', 'customer', 'at', 'amount', visits => 'events', visit_customer => 'customer', visited_at => 'at') \g /dev/null
SELECT crmlife.create_stage_table('two', 'events', 'customer', 'at', 'amount', visits => 'visits', visit_customer => 'customer', visited_at => 'at') \g /dev/null
SELECT crmlife.create_stage_table('three', 'purchases', 'customer', 'at', 'amount', visits => 'events', visit_customer => 'buyer', visited_at => 'at') \g /dev/null
SELECT crmlife.create_stage_table('four', 'visits', 'buyer', 'at', 'amount', order_filter => 'amount > 5') \g /dev/null
SELECT crmlife.refresh(t, '2025-06-30', true) FROM unnest('{one,two,three,four}'::regclass[]) t \g /dev/null
SELECT after(ddl, result, 'two') FROM (VALUES
  ('ALTER TABLE events DETACH PARTITION visits', 'full'),
  ('INSERT INTO visits VALUES (1, 1, ''2025-06-30'', 1, ''visit'')', 'captured, 1'),
  ('ALTER TABLE events ATTACH PARTITION visits FOR VALUES IN (''visit'')', 'full'),
  ('INSERT INTO visits VALUES (2, 2, ''2025-06-30'', 1, ''visit'')', 'captured, 1')
) x(ddl, result);
SELECT is(string_agg(outcome(t), ', '), 'full, full, full', 'the others cannot tell, and look at everybody') FROM unnest('{one,three,four}'::regclass[]) t;
-- any writes by any of them
CREATE FUNCTION any_write(i int) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
  target text := (ARRAY['events', 'purchases', 'visits'])[1 + floor(random() * 3)];
  kind text := CASE target WHEN 'purchases' THEN 'purchase' WHEN 'visits' THEN 'visit' ELSE (ARRAY['purchase', 'visit'])[1 + floor(random() * 2)] END;
  day text := date '2025-06-30' - floor(random() * 400)::int;
  who int := floor(random() * 25);
BEGIN
  EXECUTE (ARRAY[
    format('INSERT INTO %I VALUES (%s, %s, %L, %s, %L)', target, who, 24 - who, day, i % 30, kind),
    format('INSERT INTO %I SELECT customer, buyer + 1, at, amount, %L FROM events WHERE customer = %s LIMIT 3', target, kind, who),
    format('UPDATE %I SET amount = %s, at = %L WHERE customer = %s', target, i % 30, day, who),
    format('UPDATE %I SET buyer = %s WHERE buyer = %s AND amount > 8', target, 24 - who, who),
    format('UPDATE events SET kind = %L WHERE buyer = %s AND amount < 9', kind, who),
    format('DELETE FROM %I WHERE customer = %s AND amount > 12', target, who)])[1 + floor(random() * 6)];
  RETURN CASE WHEN i % 4 = 0 THEN (SELECT string_agg(nullif(regexp_replace(outcome(t), ', \d+$', ''), 'captured'), ', ') FROM unnest('{one,two,three,four}'::regclass[]) t) END;
END $$;
SELECT setseed(0.4) \g /dev/null
SELECT is(string_agg(wrong, '; '), NULL, 'whatever is written by which of them') FROM (SELECT any_write(i) AS wrong FROM generate_series(1, 400) i OFFSET 0) x;
SELECT is((SELECT sum(orders) FROM one), (SELECT count(*) FROM purchases)::numeric, 'as many orders as there are');
SELECT is((SELECT sum(orders) FROM two), (SELECT count(*) FROM events)::numeric, 'in the other, too');
SELECT is((SELECT count(*) FROM four), (SELECT count(DISTINCT buyer) FROM visits WHERE amount > 5), 'and as many customers');

-- ----- rights -----
CREATE ROLE crmlife_alice; CREATE ROLE crmlife_bob;
GRANT USAGE ON SCHEMA above TO crmlife_alice, crmlife_bob;
ALTER TABLE purchases OWNER TO crmlife_alice;
CREATE SCHEMA hers AUTHORIZATION crmlife_alice;
SET ROLE crmlife_alice;
SELECT is(error_of($$SELECT crmlife.create_stage_table('hers.s', 'above.purchases', 'customer', 'at', 'amount')$$),
  '42501 orders: no right to create triggers on above.events | GRANT TRIGGER ON above.events TO crmlife_alice; or pass capture => ''full''.', 'a right on what is above is needed');
RESET ROLE;
GRANT TRIGGER ON events TO crmlife_alice;
SET ROLE crmlife_alice;
SELECT is(error_of($$SELECT crmlife.create_stage_table('hers.s', 'above.purchases', 'customer', 'at', 'amount')$$), 'no error', 'and is enough');
RESET ROLE;

-- ----- triggers -----
-- twice on one table: its rows count once
CREATE TABLE shop (customer int, at timestamptz, amount numeric);
INSERT INTO shop SELECT i % 9, timestamptz '2025-06-30' - i * interval '9 days', i FROM generate_series(1, 60) i;
SELECT crmlife.create_stage_table('sold', 'shop', 'customer', 'at', 'amount') \g /dev/null
SELECT crmlife.refresh('sold', '2025-06-30', true) \g /dev/null
SELECT after('ALTER TRIGGER crmlife_capture_insert ON shop RENAME TO other', 'full', 'sold');
SELECT after('INSERT INTO shop VALUES (1, ''2025-06-30'', 4), (33, ''2025-06-30'', 4)', 'captured, 2', 'sold');
SELECT is((SELECT orders FROM sold WHERE customer = 33), 1::bigint, 'one order is one');
DROP TRIGGER other ON shop;
-- off and on again in one transaction
SELECT after('ALTER TABLE shop DISABLE TRIGGER crmlife_capture_insert; INSERT INTO shop VALUES (2, ''2025-06-30'', 4); ALTER TABLE shop ENABLE ALWAYS TRIGGER crmlife_capture_insert', 'full', 'sold');
SELECT after('INSERT INTO shop VALUES (2, ''2025-06-30'', 4)', 'captured, 1', 'sold');
-- within a statement on the source, the rows of which would not be captured
CREATE FUNCTION early() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM crmlife.create_stage_table('hers.early', 'above.market', 'customer', 'at', 'amount'); RETURN NEW; END $$;
CREATE TABLE market (LIKE shop);
GRANT SELECT, INSERT, TRIGGER ON market TO crmlife_alice;
CREATE TRIGGER early BEFORE INSERT ON market FOR EACH ROW EXECUTE FUNCTION early();
SET ROLE crmlife_alice;
SELECT is(error_of($$INSERT INTO above.market VALUES (1, '2025-06-30', 1)$$), '55006 cannot CREATE TRIGGER "market" because it is being used by active queries in this session', 'created by a statement on the source');
RESET ROLE;

-- ----- types that change below a column -----
CREATE TYPE level AS ENUM ('gold', 'silver');
CREATE TYPE levels AS RANGE (subtype = level);
CREATE TYPE price AS (net numeric, tax numeric);
CREATE TABLE typed (customer int, at timestamptz, amount price, level level, worth levels);
INSERT INTO typed SELECT i % 9, timestamptz '2025-06-30' - i * interval '9 days', (i, 1)::price, CASE WHEN i % 9 > 4 THEN 'gold' ELSE 'silver' END::level, '[gold,gold]' FROM generate_series(1, 60) i;
SELECT crmlife.create_stage_table('of_types', 'typed', 'customer', 'at', '(amount).net', order_filter => 'level <> ''gold'' AND worth <> ''[silver,silver]''') \g /dev/null
SELECT crmlife.refresh('of_types', '2025-06-30', true) \g /dev/null
SELECT after(ddl, result, 'of_types') FROM (VALUES
  ('INSERT INTO typed VALUES (1, ''2025-06-30'', (4, 1), ''silver'', ''empty'')', 'captured, 1'),
  ('ALTER TYPE level RENAME VALUE ''gold'' TO ''x''; ALTER TYPE level RENAME VALUE ''silver'' TO ''gold''; ALTER TYPE level RENAME VALUE ''x'' TO ''silver''', 'full'),
  ('INSERT INTO typed VALUES (1, ''2025-06-30'', (4, 1), ''silver'', ''empty'')', 'captured, 1'),
  ('ALTER TYPE price RENAME ATTRIBUTE net TO x; ALTER TYPE price RENAME ATTRIBUTE tax TO net; ALTER TYPE price RENAME ATTRIBUTE x TO tax', 'full'),
  ('INSERT INTO typed VALUES (1, ''2025-06-30'', (4, 1), ''silver'', ''empty'')', 'captured, 1')
) x(ddl, result);

-- the labels of an enum, wherever a column's type has them
CREATE TYPE grade AS ENUM ('low', 'high');
CREATE TYPE grades AS RANGE (subtype = grade);
CREATE DOMAIN graded AS grade[];
CREATE TYPE marks AS (mark int, grades graded);
CREATE TABLE form (type regtype, low text, high text);
INSERT INTO form VALUES
  ('grade', 'low', 'high'), ('grade[]', '{low}', '{high}'), ('graded', '{low}', '{high}'), ('grades', '[low,low]', '[high,high]'),
  ('grades_multirange', '{[low,low]}', '{[high,high]}'), ('grades_multirange[]', '{"{[low,low]}"}', '{"{[high,high]}"}'), ('marks', '(1,{low})', '(1,{high})');
CREATE FUNCTION has_labels(f form) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
  before text;
BEGIN
  EXECUTE format('CREATE TABLE labelled (customer int, at timestamptz, amount numeric, of %s)', f.type);
  EXECUTE format('INSERT INTO labelled SELECT i %% 9, timestamptz ''2025-06-30'' - i * interval ''9 days'', i, CASE WHEN i %% 9 > 4 THEN %L ELSE %L END::%s FROM generate_series(1, 60) i', f.low, f.high, f.type);
  PERFORM crmlife.create_stage_table('of_labels', 'labelled', 'customer', 'at', 'amount', order_filter => format('of <> %L::%s', f.low, f.type));
  PERFORM crmlife.refresh('of_labels', '2025-06-30', true);
  EXECUTE format('INSERT INTO labelled VALUES (1, ''2025-06-29'', 5, %L)', f.high);
  before := outcome('of_labels');
  ALTER TYPE grade RENAME VALUE 'low' TO 'x';
  ALTER TYPE grade RENAME VALUE 'high' TO 'low';
  ALTER TYPE grade RENAME VALUE 'x' TO 'high';
  before := before || '; ' || outcome('of_labels');
  PERFORM crmlife.drop_stage_table('of_labels');
  DROP TABLE labelled;
  RETURN is(before, 'captured, 1; full', f.type::text);
END $$;
SELECT has_labels(form) FROM form;

SELECT * FROM finish();
ROLLBACK;
