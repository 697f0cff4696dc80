-- What a user with a schema of his own gains by hostile tables, types, casts,
-- policies, indexes, triggers and names: nothing.  (stage_rights.sql has the
-- rights themselves, and functions and operators lying in wait.)
\set ECHO none
\pset format unaligned
\pset tuples_only true
\set QUIET on
SET client_min_messages = error;
SET timezone = 'UTC';
SET datestyle = 'ISO';
BEGIN;
SELECT no_plan();
CREATE ROLE crmlife_mallory; CREATE ROLE crmlife_reader; CREATE ROLE crmlife_alice;
CREATE SCHEMA lair AUTHORIZATION crmlife_mallory;
CREATE SCHEMA shop AUTHORIZATION crmlife_alice;
GRANT USAGE ON SCHEMA lair, shop TO PUBLIC;

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

-- As whom mallory's code ran is told by sequences: no error takes that back.
SET ROLE crmlife_mallory;
CREATE SEQUENCE lair.as_mallory; CREATE SEQUENCE lair.as_reader; CREATE SEQUENCE lair.as_alice; CREATE SEQUENCE lair.as_other;
GRANT ALL ON ALL SEQUENCES IN SCHEMA lair TO PUBLIC;
CREATE FUNCTION lair.evil() RETURNS bool LANGUAGE plpgsql AS $$
BEGIN
  PERFORM pg_catalog.nextval(CASE current_user WHEN 'crmlife_mallory' THEN 'lair.as_mallory' WHEN 'crmlife_reader' THEN 'lair.as_reader'
    WHEN 'crmlife_alice' THEN 'lair.as_alice' ELSE 'lair.as_other' END::pg_catalog.regclass);
  RETURN true;
END $$;
CREATE FUNCTION lair.constant(bool) RETURNS bool LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN PERFORM lair.evil(); RETURN true; END $$;
CREATE TYPE lair.score AS ENUM ('1');
CREATE FUNCTION lair.to_int(lair.score) RETURNS int LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN PERFORM lair.evil(); RETURN 111; END $$;
CREATE FUNCTION lair.to_numeric(lair.score) RETURNS numeric LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN PERFORM lair.evil(); RETURN 1; END $$;
CREATE FUNCTION lair.to_text(lair.score) RETURNS text LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN PERFORM lair.evil(); RETURN 'x'; END $$;
CREATE FUNCTION lair.to_bool(lair.score) RETURNS bool LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN PERFORM lair.evil(); RETURN true; END $$;
CREATE FUNCTION lair.to_time(lair.score) RETURNS timestamptz LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN PERFORM lair.evil(); RETURN '2025-06-01'; END $$;
CREATE CAST (lair.score AS int) WITH FUNCTION lair.to_int(lair.score) AS IMPLICIT;
CREATE CAST (lair.score AS numeric) WITH FUNCTION lair.to_numeric(lair.score) AS IMPLICIT;
CREATE CAST (lair.score AS text) WITH FUNCTION lair.to_text(lair.score) AS IMPLICIT;
CREATE CAST (lair.score AS boolean) WITH FUNCTION lair.to_bool(lair.score) AS IMPLICIT;
CREATE CAST (lair.score AS timestamptz) WITH FUNCTION lair.to_time(lair.score) AS IMPLICIT;
RESET ROLE;
CREATE FUNCTION ran_as_others() RETURNS text LANGUAGE sql AS $$
  SELECT concat_ws(' ', CASE WHEN r.is_called THEN 'reader' END, CASE WHEN a.is_called THEN 'alice' END, CASE WHEN o.is_called THEN 'superuser' END)
  FROM lair.as_reader r, lair.as_alice a, lair.as_other o $$;

-- does it tell at all?
SET ROLE crmlife_mallory;
CREATE VIEW lair.trap AS SELECT lair.evil();
GRANT SELECT ON lair.trap TO PUBLIC;
SET ROLE crmlife_reader;
SELECT evil FROM lair.trap \g /dev/null
RESET ROLE;
SELECT is(ran_as_others(), 'reader', 'the trap works');
SELECT setval('lair.as_reader', 1, false) \g /dev/null

-- ----- stage tables made to be met in crmlife's views -----
SET ROLE crmlife_mallory;
CREATE TABLE lair.orders (customer int, at timestamptz, amount numeric);
INSERT INTO lair.orders VALUES (1, '2025-06-01', 5), (1, '2025-06-09', 5), (2, '2025-06-02', 6);
CREATE TABLE lair.no_orders (LIKE lair.orders);
SELECT crmlife.create_stage_table('lair.' || name, CASE WHEN name = 'turned' THEN 'lair.no_orders' ELSE 'lair.orders' END, 'customer', 'at', 'amount', timezone => 'UTC')
FROM unnest(ARRAY['retyped', 'policed', 'indexed', 'turned', 'lost', 'honest']) name \g /dev/null
ALTER TABLE lair.retyped ALTER rfm_score TYPE lair.score USING '1'::lair.score;
ALTER TABLE lair.policed ENABLE ROW LEVEL SECURITY;
CREATE POLICY p ON lair.policed USING (lair.evil());
CREATE INDEX ON lair.indexed (stage) WHERE lair.constant(true);
ALTER TABLE lair.lost DROP COLUMN rfm_score, DROP COLUMN history;
RESET ROLE;
-- a table without rows can become a view up to PostgreSQL 15, once VACUUM has found that it has no index
DO $$
DECLARE
  index regclass;
BEGIN
  IF current_setting('server_version_num')::int >= 160000 THEN RETURN; END IF;
  SET LOCAL ROLE crmlife_mallory;
  CREATE TABLE lair.copy (LIKE lair.turned);
  ALTER TABLE lair.turned DROP CONSTRAINT turned_pkey;
  FOR index IN SELECT indexrelid FROM pg_index WHERE indrelid = 'lair.turned'::regclass LOOP
    EXECUTE format('DROP INDEX %s', index);
  END LOOP;
  RESET ROLE;
  UPDATE pg_class SET relhasindex = false WHERE oid = 'lair.turned'::regclass;
  SET LOCAL ROLE crmlife_mallory;
  CREATE RULE "_RETURN" AS ON SELECT TO lair.turned DO INSTEAD SELECT * FROM lair.copy WHERE lair.evil();
END $$;
SET ROLE crmlife_mallory;
GRANT SELECT ON ALL TABLES IN SCHEMA lair TO PUBLIC;
RESET ROLE;
SELECT ok((SELECT count(*) FROM crmlife.status) = 6, 'all of them are met');
CREATE FUNCTION views_that_fail() RETURNS TABLE (view regclass, error text) LANGUAGE sql AS $$
  SELECT c.oid::regclass, e.error FROM pg_class c, LATERAL error_of(format('SELECT count(*) FROM (SELECT * FROM %s OFFSET 0) v', c.oid::regclass)) e(error)
  WHERE c.relnamespace = 'crmlife'::regnamespace AND c.relkind = 'v' AND has_table_privilege(c.oid, 'SELECT') AND e.error <> 'no error' $$;
SET ROLE crmlife_reader;
SELECT is_empty('SELECT * FROM views_that_fail()', 'a reader selects from every view of crmlife''s');
RESET ROLE;
SELECT is(ran_as_others(), '', 'and runs nothing of mallory''s');
SELECT is_empty('SELECT * FROM views_that_fail()', 'a superuser selects from every view of crmlife''s');
SELECT is(ran_as_others(), '', 'and runs nothing of mallory''s');
SELECT is((SELECT string_agg(DISTINCT stage_table::text, ' ') FROM crmlife.rfm_segment_size WHERE customers > 0), 'lair.honest lair.indexed lair.policed', 'what can be counted is');

-- functions that are given the table
SELECT is(error_of(call), error, 'a superuser: ' || call) FROM (VALUES
  ($$SELECT * FROM crmlife.rfm_sizes('lair.retyped')$$, '42804 columns of stage table lair.retyped have other types than they were created with | Drop the stage table with crmlife.drop_stage_table and create it again.'),
  ($$SELECT * FROM crmlife.rfm_bins('lair.retyped')$$, '42804 columns of stage table lair.retyped have other types than they were created with | Drop the stage table with crmlife.drop_stage_table and create it again.'),
  ($$SELECT * FROM crmlife.rfm_sizes('lair.orders')$$, '42704 lair.orders is not a stage table | SELECT stage_table FROM crmlife.status lists them; crmlife.create_stage_table makes one.'),
  ($$SELECT * FROM crmlife.verify('lair.retyped')$$, '42703 stage table lair.retyped has lost its column "rfm_score" of type integer | Drop the stage table with crmlife.drop_stage_table and create it again.'),
  ($$SELECT crmlife.refresh('lair.retyped')$$, '42703 stage table lair.retyped has lost its column "rfm_score" of type integer | Drop the stage table with crmlife.drop_stage_table and create it again.'),
  ($$SELECT crmlife.calibrate('lair.retyped')$$, '42703 stage table lair.retyped has lost its column "rfm_score" of type integer | Drop the stage table with crmlife.drop_stage_table and create it again.'),
  ($$SELECT * FROM crmlife.learn('lair.retyped')$$, '42703 stage table lair.retyped has lost its column "rfm_score" of type integer | Drop the stage table with crmlife.drop_stage_table and create it again.'),
  ($$SELECT * FROM crmlife.verify('lair.policed')$$, 'no error'),
  ($$SELECT * FROM crmlife.verify('lair.indexed')$$, 'no error'),
  ($$SELECT crmlife.refresh('lair.policed', '2025-07-01', true)$$, 'no error'),
  ($$SELECT crmlife.refresh('lair.indexed', '2025-07-01', true)$$, 'no error'),
  ($$SELECT * FROM crmlife.verify('lair.lost')$$, '42703 stage table lair.lost has lost its column "rfm_score" of type integer | Drop the stage table with crmlife.drop_stage_table and create it again.')
) x(call, error);
SELECT is(ran_as_others(), '', 'none of it ran mallory''s code as another');
SET ROLE crmlife_reader;
SELECT is(error_of($$SELECT * FROM crmlife.rfm_sizes('lair.policed')$$),
  '42501 row security keeps you from reading all of stage table lair.policed | A query of your own counts the rows that you may read.', 'who may see some of the rows counts nothing');
SELECT is(ran_as_others(), '', 'not even by the policy');
SET ROLE crmlife_mallory;
REVOKE SELECT ON lair.honest FROM PUBLIC;
SET ROLE crmlife_reader;
SELECT is(error_of(call), '42501 permission denied for table honest', 'without the right: ' || call) FROM unnest(ARRAY[
  $$SELECT * FROM crmlife.rfm_sizes('lair.honest')$$, $$SELECT * FROM crmlife.rfm_bins('lair.honest')$$, $$SELECT * FROM crmlife._rfm_counts('lair.honest')$$,
  $$SELECT * FROM crmlife.forecast('lair.honest', 3)$$, $$SELECT * FROM crmlife.stages_on('lair.honest', '2025-06-30')$$]) call;
SELECT is((SELECT count(*) FROM crmlife.status WHERE stage_table = 'lair.honest'::regclass), 0::bigint, 'and sees nothing');
RESET ROLE;

-- every type that a column can get is told from the right one where it is read
SET ROLE crmlife_mallory;
SELECT crmlife.create_stage_table('lair.columns', 'lair.orders', 'customer', 'at', 'amount', timezone => 'UTC') \g /dev/null
RESET ROLE;
CREATE TEMP TABLE answers AS
SELECT a.attname, t.type, e.error FROM pg_attribute a, (VALUES ('bigint', '7'), ('text', '''x'''), ('lair.score', '''1''')) t(type, value),
  LATERAL error_of(format($do$DO $$ BEGIN
    SET LOCAL ROLE crmlife_mallory;
    ALTER TABLE lair.columns ALTER %I DROP NOT NULL, ALTER %1$I TYPE %s USING %s;
    RESET ROLE;
    PERFORM * FROM crmlife.verify('lair.columns');
    RAISE EXCEPTION 'not noticed';
  END $$ $do$, a.attname, t.type, t.value)) e(error)
WHERE a.attrelid = 'lair.columns'::regclass AND a.attnum > 1 AND a.attname NOT IN ('refreshed_at', 'history') AND NOT a.attisdropped AND a.atttypid <> t.type::regtype;
SELECT is((SELECT count(*) FROM answers), 52::bigint, 'each column but those that have the type');
SELECT is_empty($$SELECT * FROM answers WHERE error NOT LIKE '42703 stage table lair.columns has lost its column "' || attname || '" of type%'$$, 'verify names it');
-- histories that are none, for a reader who asks for a forecast
SET ROLE crmlife_mallory;
ALTER TABLE lair.columns ALTER known_since TYPE text;
RESET ROLE;
SELECT is(error_of($$SELECT * FROM crmlife.forecast('lair.columns', 9)$$),
  '42703 stage table lair.columns has lost its column "known_since" of type date | Drop the stage table with crmlife.drop_stage_table and create it again.');
SET ROLE crmlife_mallory;
SELECT crmlife.drop_stage_table('lair.columns') \g /dev/null

-- a trigger on the change log alters the stage table in the middle of a refresh
SELECT crmlife.create_stage_table('lair.moving', 'lair.orders', 'customer', 'at', 'amount', timezone => 'UTC') \g /dev/null
SELECT crmlife.refresh('lair.moving', '2025-06-15', true) \g /dev/null
CREATE FUNCTION lair.move() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  EXECUTE current_setting('lair.moves');
  RETURN NULL;
END $$;
CREATE TRIGGER moves AFTER INSERT ON lair.moving_changes FOR EACH STATEMENT EXECUTE FUNCTION lair.move();
RESET ROLE;
SELECT CASE WHEN set_config('lair.moves', moves, true) IS NOT NULL THEN matches(error_of(format($do$DO $$ BEGIN PERFORM crmlife.refresh('lair.moving', %L); RAISE EXCEPTION 'done'; END $$ $do$, as_of)),
  '^(P0001 done|55006 cannot ALTER TABLE "moving" because it is being used by active queries in this session|42804 columns of stage table lair.moving have other types|42703 stage table lair.moving has lost its column|42725 function sum\(lair.score\) is not unique)', 'in the middle of a refresh to ' || as_of || ': ' || moves) END
FROM unnest(ARRAY['2025-06-16', '2025-12-30']) as_of, unnest(ARRAY[
  $$ALTER TABLE lair.moving ALTER stage TYPE lair.score USING '1', ALTER previous_stage TYPE lair.score USING '1'$$,
  $$ALTER TABLE lair.moving ALTER history TYPE bigint USING 81985529216486895$$,
  $$ALTER TABLE lair.moving ALTER known_since TYPE text$$,
  $$ALTER TABLE lair.moving ALTER revenue TYPE lair.score USING '1'$$,
  $$ALTER TABLE lair.moving ALTER first_order_at TYPE lair.score USING '1', ALTER orders TYPE lair.score USING '1'$$]) moves;
SELECT is(ran_as_others(), '', 'no cast of mallory''s ran as another');
SET ROLE crmlife_mallory;
DROP TRIGGER moves ON lair.moving_changes;
RESET ROLE;

-- ----- somebody else's stage table on mallory's table -----
SET ROLE crmlife_mallory;
CREATE TABLE lair.sales (customer int, at timestamptz, amount numeric, paid bool, number text, shop text);
INSERT INTO lair.sales VALUES (1, '2025-06-01', 5, true, 'a', 'north');
GRANT SELECT, TRIGGER ON lair.sales TO crmlife_alice;
SET ROLE crmlife_alice;
SELECT crmlife.create_stage_table('shop.stages', 'lair.sales', 'customer', 'at', '(amount / 2)::numeric', order_filter => 'paid AND amount IS NOT NULL', order_key => 'number', segment => 'shop', timezone => 'UTC') \g /dev/null
RESET ROLE;
SELECT crmlife.create_stage_table('shop.supers', 'lair.sales', 'customer', 'at', '(amount / 2)::numeric', order_filter => 'paid AND amount IS NOT NULL', order_key => 'number', segment => 'shop', timezone => 'UTC') \g /dev/null
CREATE FUNCTION as_altered(alter text, call text) RETURNS text LANGUAGE sql AS $f$
  SELECT error_of(format($do$DO $$ BEGIN
    SET LOCAL ROLE crmlife_mallory; ALTER TABLE lair.sales %s; RESET ROLE;
    PERFORM %s;
    RAISE EXCEPTION 'done';
  END $$ $do$, alter, call)) $f$;
SELECT is(as_altered(alter, format(call, stage_table)), format(error, stage_table), alter || ': ' || format(call, stage_table))
FROM (VALUES
  ($$ALTER amount TYPE lair.score USING '1'$$, $$22023 amount of stage table shop.%s "(amount / (2)::numeric)" is cast by a function of another user | Call the function by its name, if it is to be trusted.$$),
  ($$ALTER amount TYPE lair.score USING '1', ADD "(amount / (2)::numeric)" numeric$$, $$22023 amount of stage table shop.%s "(amount / (2)::numeric)" is cast by a function of another user | Call the function by its name, if it is to be trusted.$$),
  ($$ALTER paid TYPE lair.score USING '1'$$, $$22023 order_filter of stage table shop.%s "(paid AND (amount IS NOT NULL))" is cast by a function of another user | Call the function by its name, if it is to be trusted.$$),
  ($$ALTER number TYPE lair.score USING '1'$$, $$22023 order_key of stage table shop.%s "number" is cast by a function of another user | Call the function by its name, if it is to be trusted.$$),
  ($$ALTER shop TYPE lair.score USING '1'$$, $$22023 segment of stage table shop.%s "shop" is cast by a function of another user | Call the function by its name, if it is to be trusted.$$),
  ($$ALTER at TYPE lair.score USING '1'$$, $$42804 ordered_at of stage table shop.%s "at" is of type lair.score | Cast it, for example (at)::timestamp.$$)) a(alter, error),
 (VALUES ('supers'), ('stages')) t(stage_table),
 (VALUES ($$crmlife.refresh('shop.%s', '2025-07-01', true)$$), ($$crmlife.verify('shop.%s')$$), ($$crmlife.calibrate('shop.%s')$$)) c(call)
ORDER BY 1;
SELECT is(as_altered('ADD remark text', $$crmlife.refresh('shop.supers', '2025-07-01', true)$$), 'P0001 done', 'what is not read may change');
SELECT is(as_altered('ALTER amount TYPE numeric(9,4)', $$crmlife.refresh('shop.supers', '2025-07-01', true)$$), 'P0001 done', 'and a type may become another good one');
SELECT is(ran_as_others(), '', 'and nothing of mallory''s ran as alice or a superuser');
SET ROLE crmlife_mallory;
CREATE TABLE lair.typed (customer int, at timestamptz, amount lair.score);
GRANT SELECT ON lair.typed TO crmlife_alice;
SET ROLE crmlife_alice;
SELECT is(error_of($$SELECT crmlife.create_stage_table('shop.t', 'lair.typed', 'customer', 'at', 'amount::numeric', capture => 'full')$$),
  '22023 amount "amount::numeric" is cast by a function of another user | Call the function by its name, if it is to be trusted.', 'nor is one made with such a cast');
SET ROLE crmlife_mallory;
SELECT is(error_of($$SELECT crmlife.create_stage_table('lair.t', 'lair.typed', 'customer', 'at', 'amount::numeric', capture => 'full')$$), 'no error', 'but by who owns it');
SELECT crmlife.drop_stage_table('lair.t') \g /dev/null

-- ----- functions that fit better than the one that was meant -----
RESET ROLE;
CREATE ROLE crmlife_super SUPERUSER;
CREATE SCHEMA tools;
GRANT USAGE, CREATE ON SCHEMA tools TO crmlife_mallory;
GRANT USAGE ON SCHEMA tools TO crmlife_alice;
CREATE FUNCTION tools.given(anyelement) RETURNS bool LANGUAGE sql IMMUTABLE AS 'SELECT $1 IS NOT NULL';
CREATE OPERATOR tools.=? (FUNCTION = tools.given, RIGHTARG = anyelement);
SET ROLE crmlife_mallory;
CREATE FUNCTION lair.paid(bool) RETURNS bool LANGUAGE sql IMMUTABLE AS 'SELECT $1';
SET ROLE crmlife_alice;
SELECT crmlife.create_stage_table('shop.' || name, 'lair.sales', 'customer', 'at', '1', order_filter => filter, timezone => 'UTC')
FROM (VALUES ('called', 'tools.given(number)'), ('operated', 'OPERATOR(tools.=?) number'), ('trusting', 'lair.paid(paid)')) x(name, filter) \g /dev/null
RESET ROLE;
SELECT is(string_agg(concat_ws(' of ', calls, call_owners), '; ' ORDER BY stage_table::text), format('{tools.given(pg_catalog.anyelement)} of {%1$s}; {tools.given(pg_catalog.anyelement)} of {%1$s}; {lair.paid(boolean)} of {crmlife_mallory}', session_user), 'what of others alice calls is kept')
FROM crmlife.stage_table WHERE stage_table IN ('shop.called'::regclass, 'shop.operated'::regclass, 'shop.trusting'::regclass);
SET ROLE crmlife_mallory;
CREATE FUNCTION tools.given(text) RETURNS bool LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN PERFORM lair.evil(); RETURN true; END $$;
CREATE OPERATOR tools.=? (FUNCTION = tools.given, RIGHTARG = text);
SET ROLE crmlife_alice;
SELECT is(error_of(call), error, call) FROM (VALUES
  ($$SELECT crmlife.refresh('shop.called', '2025-07-01', true)$$, '22023 order_filter of stage table shop.called "tools.given(number)" has come to call another user''s function'),
  ($$SELECT * FROM crmlife.verify('shop.called')$$, '22023 order_filter of stage table shop.called "tools.given(number)" has come to call another user''s function'),
  ($$SELECT crmlife.refresh('shop.operated', '2025-07-01', true)$$, '22023 order_filter of stage table shop.operated "(OPERATOR(tools.=?) number)" has come to call another user''s function'),
  ($$SELECT crmlife.refresh('shop.trusting', '2025-07-01', true)$$, NULL)) x(call, hintless), LATERAL (SELECT coalesce(hintless || ' | Have that undone; or, if it is to be trusted, call crmlife.drop_stage_table and crmlife.create_stage_table.', 'no error')) e(error);
RESET ROLE;
SELECT is(ran_as_others(), '', 'and nothing of mallory''s ran as alice');
ALTER FUNCTION lair.paid(bool) OWNER TO crmlife_reader;
SELECT matches(error_of($$SELECT crmlife.refresh('shop.trusting', '2025-07-01', true)$$), '^22023 .*has come to call another user''s function', 'who has it now is not whom alice trusted');
DROP OPERATOR tools.=? (NONE, text); DROP FUNCTION tools.given(text); ALTER FUNCTION lair.paid(bool) OWNER TO crmlife_mallory;
ALTER ROLE crmlife_mallory RENAME TO crmlife_melody;
SELECT is(error_of($$SELECT crmlife.refresh('shop.trusting', '2025-07-01', true)$$), 'no error', 'a role that is renamed is the same');
ALTER ROLE crmlife_melody RENAME TO crmlife_mallory;
SELECT is(error_of(format('SELECT crmlife.refresh(%L, ''2025-07-01'', true)', t)), 'no error', t || ' again') FROM unnest(ARRAY['shop.called', 'shop.operated', 'shop.trusting']) t;
-- one who was a superuser is the same
ALTER FUNCTION tools.given(anyelement) OWNER TO crmlife_super;
SET ROLE crmlife_alice;
SELECT crmlife.create_stage_table('shop.demoted', 'lair.sales', 'customer', 'at', '1', order_filter => 'tools.given(number)', timezone => 'UTC') \g /dev/null
RESET ROLE;
ALTER ROLE crmlife_super NOSUPERUSER;
SELECT is(error_of($$SELECT crmlife.refresh('shop.demoted', '2025-07-01', true)$$), 'no error', 'who was a superuser');
SELECT crmlife.drop_stage_table('shop.demoted') \g /dev/null
ALTER FUNCTION tools.given(anyelement) OWNER TO SESSION_USER;
DROP ROLE crmlife_super;
-- what the constraints of a domain call is called
SET ROLE crmlife_mallory;
CREATE DOMAIN lair.price AS numeric;
CREATE FUNCTION lair.fair(numeric) RETURNS bool LANGUAGE plpgsql AS $$ BEGIN PERFORM lair.evil(); RETURN true; END $$;
SET ROLE crmlife_alice;
SELECT crmlife.create_stage_table('shop.priced', 'lair.sales', 'customer', 'at', 'amount::lair.price', timezone => 'UTC') \g /dev/null
SET ROLE crmlife_mallory;
ALTER DOMAIN lair.price ADD CONSTRAINT fair CHECK (lair.fair(VALUE));
SET ROLE crmlife_alice;
SELECT matches(error_of($$SELECT crmlife.refresh('shop.priced', '2025-07-01', true)$$), '^22023 amount of stage table shop.priced .*has come to be checked by another user''s constraints', 'by a domain');
RESET ROLE;
SELECT is(ran_as_others(), '', 'nor did that run as alice');
SET ROLE crmlife_mallory;
ALTER DOMAIN lair.price DROP CONSTRAINT fair;
CREATE DOMAIN lair.better AS lair.price CHECK (VALUE < 1000000) CHECK (VALUE > -1000000);
CREATE FUNCTION lair.priced(lair.price) RETURNS numeric LANGUAGE sql IMMUTABLE AS 'SELECT $1::numeric';
CREATE FUNCTION lair.made(numeric) RETURNS lair.price LANGUAGE sql IMMUTABLE AS 'SELECT $1::lair.price';
CREATE TYPE lair.pair AS (a lair.price, b int);
SET ROLE crmlife_alice;
SELECT crmlife.create_stage_table('shop.' || name, 'lair.sales', 'customer', 'at', amount, timezone => 'UTC')
FROM (VALUES ('above', 'amount::lair.better'), ('listed', 'amount + (''{1,2}''::lair.price[])[1]'), ('rowed', 'amount + (''(1,2)''::lair.pair).b'), ('read', '(amount::text::lair.price)::numeric'), ('implied', 'lair.priced(amount)'), ('made', 'lair.made(amount)::numeric'), ('twice', 'amount::lair.price + amount::lair.price')) x(name, amount) \g /dev/null
RESET ROLE;
SELECT is(error_of(format('SELECT crmlife.refresh(%L, ''2025-07-01'', true)', t)), 'no error', t || ' before') FROM unnest(ARRAY['shop.priced', 'shop.above', 'shop.listed', 'shop.rowed', 'shop.read', 'shop.implied', 'shop.made', 'shop.twice']) t;
CREATE FUNCTION lair.constant(numeric) RETURNS numeric LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN PERFORM lair.evil(); RETURN -1; END $$;
ALTER FUNCTION lair.constant(numeric) OWNER TO crmlife_mallory;
CREATE FUNCTION constrained(check_text text) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
  t text;
BEGIN
  SET LOCAL ROLE crmlife_mallory;
  EXECUTE 'ALTER DOMAIN lair.price ADD CONSTRAINT fair CHECK (' || check_text || ')';
  FOREACH t IN ARRAY ARRAY['shop.priced', 'shop.above', 'shop.listed', 'shop.rowed', 'shop.read', 'shop.implied', 'shop.made', 'shop.twice'] LOOP
    SET LOCAL ROLE crmlife_alice;
    RETURN NEXT matches(error_of(format('SELECT crmlife.refresh(%L, ''2025-07-01'', true)', t)), '^22023 .*has come to be checked by another user''s constraints', t || ': ' || check_text);
    RETURN NEXT matches(error_of(format('SELECT * FROM crmlife.verify(%L)', t)), '^22023 .*has come to be checked by another user''s constraints', '... verify');
  END LOOP;
  SET LOCAL ROLE crmlife_mallory;
  ALTER DOMAIN lair.price DROP CONSTRAINT fair;
  RESET ROLE;
END $$;
SELECT constrained(c) FROM unnest(ARRAY['lair.fair(VALUE)', 'VALUE > lair.constant(1)', 'query_to_xml(''SELECT lair.evil()'', true, true, '''') IS NOT NULL']) c;
SELECT is(ran_as_others(), '', 'nothing of it ran as alice');
SET ROLE crmlife_alice;
SELECT is(error_of(format('SELECT crmlife.refresh(%L, ''2025-07-01'', true)', t)), 'no error', t || ' without') FROM unnest(ARRAY['shop.priced', 'shop.above', 'shop.listed', 'shop.rowed', 'shop.read', 'shop.implied', 'shop.made', 'shop.twice']) t;
-- a function that is another's by now is not called to find that out
RESET ROLE;
CREATE FUNCTION tools.bonus(int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT 1';
SET ROLE crmlife_alice;
SELECT crmlife.create_stage_table('shop.bonus', 'lair.sales', 'customer', 'at', 'amount + tools.bonus(3)', timezone => 'UTC') \g /dev/null
RESET ROLE;
CREATE OR REPLACE FUNCTION tools.bonus(int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN PERFORM lair.evil(); RETURN 1; END $$;
ALTER FUNCTION tools.bonus(int) OWNER TO crmlife_mallory;
SET ROLE crmlife_alice;
SELECT matches(error_of($$SELECT crmlife.refresh('shop.bonus', '2025-07-01', true)$$), '^22023 .*has come to call another user''s function', 'whose it is');
SELECT matches(error_of($$SELECT * FROM crmlife.verify('shop.bonus')$$), '^22023 .*has come to call another user''s function', '... verify');
RESET ROLE;
SELECT is(ran_as_others(), '', '... and it was not called');
SELECT crmlife.drop_stage_table(t::regclass) FROM unnest(ARRAY['shop.called', 'shop.operated', 'shop.trusting', 'shop.priced', 'shop.above', 'shop.listed', 'shop.rowed', 'shop.read', 'shop.implied', 'shop.made', 'shop.twice', 'shop.bonus']) t \g /dev/null
SET ROLE crmlife_mallory;

-- ----- crmlife's trigger functions on other tables -----
CREATE TABLE lair.model (x int);
CREATE TABLE lair.plain (name text, x int);
SELECT is(error_of(format('CREATE TRIGGER t %s ON lair.model FOR EACH %s EXECUTE FUNCTION crmlife.%s()', event, each, f)), '42501 permission denied for function crmlife.' || f, f || ' is crmlife''s own')
FROM (VALUES ('BEFORE INSERT', 'ROW', 'guard_model'), ('AFTER DELETE', 'ROW', 'follow_model'), ('AFTER INSERT', 'STATEMENT', 'wake_worker')) x(event, each, f);
RESET ROLE;
-- a superuser may, and brings nothing down
CREATE TRIGGER t BEFORE INSERT ON lair.model FOR EACH ROW EXECUTE FUNCTION crmlife.guard_model();
CREATE TRIGGER t AFTER DELETE OR UPDATE ON lair.plain FOR EACH ROW EXECUTE FUNCTION crmlife.follow_model();
INSERT INTO lair.plain VALUES (NULL, 1);
SELECT is(error_of(call), error, call) FROM (VALUES
  ('INSERT INTO lair.model VALUES (1)', '39P01 crmlife.guard_model is for its own triggers'),
  ('DELETE FROM lair.plain', '39P01 crmlife.follow_model is for its own triggers'),
  ('UPDATE lair.plain SET x = 2', '39P01 crmlife.follow_model is for its own triggers')) x(call, error);
SET ROLE crmlife_mallory;
CREATE TABLE lair.forged (customer int);
CREATE TRIGGER crmlife_capture_insert AFTER INSERT ON lair.forged REFERENCING NEW TABLE AS crmlife_new FOR EACH STATEMENT EXECUTE FUNCTION crmlife.capture();
INSERT INTO lair.forged VALUES (1);
RESET ROLE;
SELECT is((SELECT count(*) FROM crmlife.queue WHERE stage_table NOT IN (SELECT t.stage_table FROM crmlife.stage_table t)), 0::bigint, 'a forged capture trigger puts nothing in the queue');

-- ----- models and labels of others -----
SET ROLE crmlife_alice;
INSERT INTO crmlife.model (name, model) VALUES ('alices', $m$CASE WHEN orders > 1 THEN 'good' ELSE 'other' END$m$);
INSERT INTO crmlife.model_label VALUES ('alices', 'good', 1, 'grow', 'Good', '好', 'Keep');
SET ROLE crmlife_mallory;
INSERT INTO crmlife.model (name, model) VALUES ('mallorys', $m$CASE WHEN orders > 1 THEN 'good' ELSE 'other' END$m$);
SELECT is(left(error_of(call), 5), '42501', 'mallory: ' || call) FROM unnest(ARRAY[
  $$UPDATE crmlife.model SET model = 'recency' WHERE name = 'alices'$$,
  $$UPDATE crmlife.model SET owner = 'crmlife_mallory'$$,
  $$UPDATE crmlife.model SET owner = 'crmlife_alice' WHERE name = 'mallorys'$$,
  $$DELETE FROM crmlife.model WHERE name = 'alices'$$,
  $$INSERT INTO crmlife.model (name, model) VALUES ('alices', 'recency') ON CONFLICT (name) DO UPDATE SET model = 'recency'$$,
  $$MERGE INTO crmlife.model m USING (VALUES (1)) x ON m.name = 'alices' WHEN MATCHED THEN DELETE$$,
  $$UPDATE crmlife.model_label SET advice = 'Send everything' WHERE model = 'alices'$$,
  $$UPDATE crmlife.model_label SET model = 'mallorys'$$,
  $$DELETE FROM crmlife.model_label$$,
  $$INSERT INTO crmlife.model_label VALUES ('alices', 'other', 2)$$,
  $$TRUNCATE crmlife.model$$, $$TRUNCATE crmlife.model_label$$,
  $$ALTER TABLE crmlife.model DISABLE TRIGGER ALL$$, $$SET session_replication_role = replica$$,
  $$CREATE TRIGGER t BEFORE INSERT ON crmlife.model FOR EACH ROW EXECUTE FUNCTION lair.move()$$,
  $$CREATE RULE r AS ON INSERT TO crmlife.model DO ALSO SELECT lair.evil()$$,
  $$INSERT INTO crmlife.rfm_scheme (scheme, position, segment) VALUES ('r', 0, 'mine')$$,
  $$UPDATE crmlife.stage_table SET model = 'recency'$$,
  $$CREATE EVENT TRIGGER e ON ddl_command_end EXECUTE FUNCTION lair.move()$$]) call;
-- nor by a model of the same text as somebody's stage table has
INSERT INTO crmlife.model (name, model) SELECT 'copy', model FROM crmlife.shipped_models() WHERE name = 'recency';
INSERT INTO crmlife.model_label VALUES ('copy', 'churned', 1, 'grow', 'Send more', '多发');
RESET ROLE;
SELECT is_empty($$SELECT * FROM crmlife.stage_label WHERE label_en = 'Send more' AND stage_table IN ('shop.supers'::regclass, 'shop.stages'::regclass)$$, 'labels of mallory''s show on no table of a superuser''s or alice''s');
SELECT ok(EXISTS (SELECT FROM crmlife.stage_label WHERE label_en = 'Send more' AND stage_table = 'lair.honest'::regclass), 'but on her own');
SET ROLE crmlife_mallory;
DELETE FROM crmlife.model WHERE name = 'copy';
SELECT is(error_of($$INSERT INTO crmlife.model_label VALUES ('recency', 'active', 1, NULL, 'Mine')$$), '23503 stage model "recency" is not in crmlife.model | Add the model first, then its labels.', 'labels of a shipped model are its own');
SELECT is(error_of($$UPDATE crmlife.model SET name = 'recency' WHERE name = 'mallorys'$$), '42710 "recency" is the name of a shipped stage model | Shipped models are recency, recency_grid, kpi_bands, engagement, membership, layers; choose another name.', 'and so is its name');
RESET ROLE;
SELECT is((SELECT string_agg(concat_ws(' ', m.name, m.owner, l.advice), ', ' ORDER BY m.name) FROM crmlife.model m LEFT JOIN crmlife.model_label l ON l.model = m.name WHERE m.owner LIKE 'crmlife\_%'),
  'alices crmlife_alice Keep, mallorys crmlife_mallory', 'all is as it was');

-- ----- who is limited by row security, and who only reads -----
SET ROLE crmlife_alice;
CREATE TABLE shop.orders (customer int, at timestamptz, amount numeric);
INSERT INTO shop.orders SELECT i % 9, timestamptz '2025-06-30' - i * interval '4 days', i FROM generate_series(1, 60) i;
SELECT crmlife.create_stage_table('shop.tenants', 'shop.orders', 'customer', 'at', 'amount', timezone => 'UTC') \g /dev/null
SELECT crmlife.refresh('shop.tenants', '2025-06-30', true) \g /dev/null
GRANT SELECT ON shop.tenants TO crmlife_reader;
RESET ROLE;
CREATE FUNCTION views_with(whose regclass) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
  view regclass; seen bool; found text[];
BEGIN
  FOR view IN SELECT attrelid FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
              WHERE c.relnamespace = 'crmlife'::regnamespace AND c.relkind = 'v' AND a.attname = 'stage_table' AND has_table_privilege(c.oid, 'SELECT') ORDER BY c.relname LOOP
    EXECUTE format('SELECT EXISTS (SELECT FROM %s WHERE stage_table::oid = %s)', view, whose::oid) INTO seen;
    IF seen THEN found := found || split_part(view::text, '.', 2); END IF;
  END LOOP;
  RETURN array_to_string(found, ' ');
END $$;
SET ROLE crmlife_reader;
SELECT ok(string_to_array(views_with('shop.tenants'), ' ') @> ARRAY['cohorts', 'order_funnel', 'overview', 'rfm_bin_size', 'rfm_segment_size', 'snapshots', 'status', 'threshold', 'weekly_kpi'],
  'a reader sees the figures of the table');
SET ROLE crmlife_alice;
ALTER TABLE shop.tenants ENABLE ROW LEVEL SECURITY;
CREATE POLICY few ON shop.tenants FOR SELECT TO crmlife_reader USING (customer < 3);
SET ROLE crmlife_reader;
SELECT is((SELECT count(*) FROM shop.tenants), 3::bigint, 'limited to some rows');
SELECT is_empty($$SELECT * FROM unnest(ARRAY['churn_rate', 'cohorts', 'learned_thresholds', 'order_funnel', 'overview', 'overview_hours', 'revenue_cohort', 'rfm_bin_size', 'rfm_cuts', 'rfm_moves', 'rfm_segment_size', 'second_purchase', 'snapshots', 'weekly_flows', 'weekly_kpi', 'weekly_stage_kpi']) v WHERE v = ANY (string_to_array(views_with('shop.tenants'), ' '))$$, 'the reader sees no figures of all rows');
SELECT is((SELECT count(*) FROM crmlife.stages_on('shop.tenants', '2025-06-30')), 3::bigint, 'what reads the rows for the reader shows these');
SET ROLE crmlife_alice;
SELECT ok(string_to_array(views_with('shop.tenants'), ' ') @> ARRAY['overview', 'snapshots'], 'the owner sees all');
SELECT is_empty($$SELECT * FROM crmlife.verify('shop.tenants')$$, 'and refreshes go on');
ALTER TABLE shop.tenants DISABLE ROW LEVEL SECURITY;
RESET ROLE;
UPDATE crmlife.stage_state SET last_error = 'invalid input: "Ms. Liu, 139 1234 5678"' WHERE stage_table = 'shop.tenants'::regclass;
INSERT INTO crmlife.schedule_error VALUES ('shop.tenants'::regclass, 'learn', '2025-06-30', 'the same');
SET ROLE crmlife_reader;
SELECT results_eq($$SELECT state, last_error, schedule_error FROM crmlife.status WHERE stage_table = 'shop.tenants'::regclass$$, $$VALUES ('failing', NULL::text, NULL::text)$$, 'errors may quote rows: readers see that there is one');
SET ROLE crmlife_alice;
SELECT results_eq($$SELECT state, last_error, schedule_error FROM crmlife.status WHERE stage_table = 'shop.tenants'::regclass$$, $$VALUES ('failing', 'invalid input: "Ms. Liu, 139 1234 5678"', 'learn: the same')$$, 'the owner sees it');
RESET ROLE;

-- ----- names -----
CREATE TABLE names (n int, schema text, name text, col text);
GRANT SELECT ON names TO PUBLIC;
INSERT INTO names VALUES
  (1, E'a"b''c\nd', E'"; DROP TABLE x; --', E'cust"omer'),
  (2, E'%s %I %n %%', E'%1$s%s', E'100%'),
  (3, repeat('客', 21), repeat('户', 18), repeat('编', 21)),
  (4, E'back\\slash $1 {}', E'tab\tand ''quote', E' $$ '),
  (5, 'select', 'Table', 'Order by');
SELECT format('CREATE SCHEMA %I AUTHORIZATION crmlife_mallory', schema) FROM names
\gexec
SET ROLE crmlife_mallory;
CREATE FUNCTION lair.with_names(which int) RETURNS SETOF text LANGUAGE plpgsql AS $f$
DECLARE
  r public.names; orders regclass; stage regclass;
BEGIN
  SELECT * INTO r FROM public.names WHERE n = which;
  EXECUTE format('CREATE TABLE %I.%I (%I int, %I timestamptz, %I numeric)', r.schema, r.name, r.col, left(r.col, 19) || 'at', left(r.col, 20) || '¥');
  SELECT oid INTO orders FROM pg_class WHERE relname = r.name AND relnamespace = (SELECT oid FROM pg_namespace WHERE nspname = r.schema);
  EXECUTE format('INSERT INTO %s SELECT i %% 7, timestamptz ''2025-06-30'' - i * interval ''5 days'', i FROM generate_series(1, 40) i', orders);
  stage := crmlife.create_stage_table(format('%I.%I', r.schema, left(r.name, 17) || 's'), orders, r.col, left(r.col, 19) || 'at', left(r.col, 20) || '¥', timezone => 'UTC');
  RETURN NEXT 'rows ' || crmlife.refresh(stage, '2025-07-30', true);
  EXECUTE format('INSERT INTO %s VALUES (1, ''2025-07-30'', 3), (77, ''2025-07-30'', 3)', orders);
  RETURN NEXT 'changed ' || crmlife.refresh(stage, '2025-07-31');
  PERFORM crmlife.set_threshold(stage, 'active_days', 30);
  PERFORM crmlife.set_model(stage, 'kpi_bands');
  PERFORM crmlife.set_timezone(stage, 'Asia/Tokyo');
  PERFORM crmlife.calibrate(stage, 'mean');
  PERFORM crmlife.set_schedule(stage, '1 month', NULL);
  PERFORM crmlife.learn(stage);
  RETURN NEXT 'differences ' || (SELECT count(*) FROM crmlife.verify(stage));
  RETURN NEXT 'functions ' || concat_ws(' ', (SELECT count(*) FROM crmlife.stages_on(stage, '2025-07-01')), (SELECT count(*) > 0 FROM crmlife.transitions(stage, '2025-07-01', '2025-07-20')),
    (SELECT count(*) > 0 FROM crmlife.time_in_stage(stage, '2025-07-01', '2025-07-20')), (SELECT count(*) FROM crmlife.rfm_sizes(stage, 'r')), (SELECT count(*) > 0 FROM crmlife.rfm_bins(stage)),
    (SELECT count(*) > 0 FROM crmlife.forecast(stage, 400)), (SELECT state FROM crmlife.status WHERE stage_table = stage), (SELECT count(*) FROM crmlife.overview WHERE stage_table = stage));
  RETURN NEXT 'check_source ' || (SELECT count(*) FROM crmlife.check_source(orders, r.col, left(r.col, 19) || 'at', left(r.col, 20) || '¥') WHERE severity = 'error');
  EXECUTE format('ALTER TABLE %s DROP COLUMN %I', orders, left(r.col, 20) || '¥');
  BEGIN
    PERFORM crmlife.refresh(stage, '2025-08-01', true);
  EXCEPTION WHEN undefined_column THEN RETURN NEXT 'an error';
  END;
  PERFORM crmlife.drop_stage_table(stage);
END $f$;
SELECT is(string_agg(l, ', '), 'rows 7, changed 2, differences 0, functions 7 t t 11 t t ok 1, check_source 0, an error', 'names ' || n) FROM generate_series(1, 5) n, LATERAL lair.with_names(n) l GROUP BY n ORDER BY n;
RESET ROLE;
SELECT is((SELECT count(*) FROM names WHERE octet_length(schema) = 63 AND octet_length(col) = 63), 1::bigint, 'with names of all the length there is');

-- ----- functions of crmlife in a schema where others may create some -----
GRANT CREATE ON SCHEMA public TO crmlife_mallory;
SET ROLE crmlife_mallory;
CREATE FUNCTION public.rfm_segment(int) RETURNS text LANGUAGE plpgsql AS $$ BEGIN PERFORM lair.evil(); RETURN 'important_value'; END $$;
CREATE FUNCTION public.rfm_scheme_segment(int, anyarray) RETURNS text LANGUAGE plpgsql AS $$ BEGIN PERFORM lair.evil(); RETURN 'r'; END $$;
CREATE FUNCTION public.retention_cohorts(crmlife.purchase_history, varchar, date) RETURNS crmlife.cohort_point[] LANGUAGE plpgsql AS $$ BEGIN PERFORM lair.evil(); RETURN NULL; END $$;
CREATE FUNCTION public.revenue_cohorts(crmlife.purchase_history, "char", date) RETURNS crmlife.revenue_point[] LANGUAGE plpgsql AS $$ BEGIN PERFORM lair.evil(); RETURN NULL; END $$;
CREATE FUNCTION public.second_purchase_stats(crmlife.purchase_history, bigint, date) RETURNS crmlife.rate_stats LANGUAGE plpgsql AS $$ BEGIN PERFORM lair.evil(); RETURN NULL; END $$;
CREATE FUNCTION public.model_thresholds(text, OUT name text, OUT value numeric) RETURNS SETOF record LANGUAGE plpgsql AS $$ BEGIN PERFORM lair.evil(); END $$;
RESET ROLE;
SET search_path = public, pg_catalog;
SELECT crmlife.refresh('shop.tenants', '2025-12-30') \g /dev/null
CREATE TEMP TABLE counted AS SELECT (SELECT count(*) FROM crmlife.rfm_sizes('shop.tenants')) + (SELECT count(*) FROM crmlife.rfm_sizes('shop.tenants', 'r')) + (SELECT count(*) FROM crmlife.threshold WHERE stage_table = 'shop.tenants'::regclass) AS n;
RESET search_path;
SELECT is((SELECT n FROM counted), 23::bigint, 'crmlife counts by its own functions');
SELECT is(ran_as_others(), '', 'nothing lying in wait beside them was called');

-- ----- calls that make no sense -----
-- with no values at all, by a user without rights: an error, or nothing
CREATE TEMP VIEW extension_function AS
SELECT p.* FROM pg_proc p JOIN pg_depend d ON d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e'
WHERE d.refobjid = (SELECT oid FROM pg_extension WHERE extname = 'crmlife') AND p.prokind = 'f' AND p.prorettype <> 'trigger'::regtype;
GRANT SELECT ON extension_function TO crmlife_mallory;
CREATE FUNCTION call_with_nulls(p oid) RETURNS text LANGUAGE sql AS $$
  SELECT error_of(format('SELECT %I.%I(%s)', (SELECT nspname FROM pg_namespace n WHERE n.oid = f.pronamespace), f.proname,
    (SELECT string_agg(CASE WHEN t IN ('internal'::regtype, 'anyelement'::regtype) THEN 'NULL' WHEN t = 'cstring'::regtype THEN 'NULL::cstring' ELSE 'NULL::' || format_type(t, NULL) END, ', ') FROM unnest(f.proargtypes) t)))
  FROM pg_proc f WHERE f.oid = p $$;
SET ROLE crmlife_mallory;
CREATE TEMP TABLE called AS
SELECT oid::regprocedure AS function, 'internal'::regtype = ANY (proargtypes) AS inner_part, call_with_nulls(oid) AS answer FROM extension_function;
SELECT ok((SELECT count(*) FROM called) > 500, 'all functions there are');
SELECT is_empty($$SELECT * FROM called WHERE answer ~ '^XX' OR inner_part AND answer = 'no error'$$, 'bring no internal error, and those with internal arguments cannot be called');
RESET ROLE;
SELECT finish();
ROLLBACK;
