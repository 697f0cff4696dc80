-- Whose rights a stage table works with: its owner's, and no one else's,
-- whoever calls; what others may see and do; and what hostile code achieves.
\set ECHO none
\pset format unaligned
\pset tuples_only true
\set QUIET on
SET client_min_messages = error;
SET timezone = 'UTC';
SET datestyle = 'ISO';
BEGIN;
SELECT no_plan();
CREATE ROLE crmlife_alice; CREATE ROLE crmlife_mallory; CREATE ROLE crmlife_clerk; CREATE ROLE crmlife_reader; CREATE ROLE crmlife_bob;
CREATE SCHEMA shop AUTHORIZATION crmlife_alice;
GRANT USAGE ON SCHEMA shop TO PUBLIC;
CREATE SCHEMA lair AUTHORIZATION crmlife_mallory;
GRANT USAGE ON SCHEMA lair TO PUBLIC;

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

SET ROLE crmlife_alice;
CREATE TABLE shop.orders (customer int, at timestamptz, amount numeric, remark text);
INSERT INTO shop.orders SELECT i % 9, timestamptz '2025-06-30' - i * interval '4 days', i FROM generate_series(1, 60) i;
SELECT lives_ok($$ SELECT crmlife.create_stage_table('shop.stages', 'shop.orders', 'customer', 'at', 'amount') $$, 'a user without any special right creates one');
SELECT lives_ok($$ SELECT crmlife.refresh('shop.stages', '2025-06-30', true) $$, 'refreshes it');
SELECT is_empty($$ SELECT * FROM crmlife.verify('shop.stages') $$, 'verifies it');
RESET ROLE;
SELECT is(pg_get_userbyid(relowner), 'crmlife_alice', relname || ' is hers')
FROM pg_class WHERE relnamespace = 'shop'::regnamespace AND relkind = 'r' ORDER BY relname;

-- ----- others -----
SET ROLE crmlife_mallory;
SELECT is(error_of(call), error, 'another: ' || call) FROM (VALUES
  ($$SELECT crmlife.refresh('shop.stages')$$, '42501 must be owner of table stages'),
  ($$SELECT * FROM crmlife.verify('shop.stages')$$, '42501 must be owner of table stages'),
  ($$SELECT crmlife.set_threshold('shop.stages', 'active_days', 1)$$, '42501 must be owner of table stages'),
  ($$SELECT crmlife.set_model('shop.stages', 'kpi_bands')$$, '42501 must be owner of table stages'),
  ($$SELECT crmlife.set_timezone('shop.stages', 'UTC')$$, '42501 must be owner of table stages'),
  ($$SELECT crmlife.calibrate('shop.stages')$$, '42501 must be owner of table stages'),
  ($$SELECT crmlife.drop_stage_table('shop.stages')$$, '42501 must be owner of table stages'),
  ($$SELECT crmlife.effective_model('shop.stages')$$, '42501 permission denied for table stages'),
  ($$SELECT crmlife.create_stage_table('lair.s', 'shop.orders', 'customer', 'at', 'amount')$$,
   '42501 orders: permission denied for shop.orders | GRANT SELECT ON shop.orders TO crmlife_mallory;'),
  ($$SELECT crmlife.create_stage_table('shop.s', 'lair.nothing', 'customer', 'at', 'amount')$$, '42P01 relation "lair.nothing" does not exist'),
  ($$SELECT * FROM shop.stages$$, '42501 permission denied for table stages'),
  ($$SELECT * FROM shop.stages_changes$$, '42501 permission denied for table stages_changes'),
  ($$SELECT * FROM crmlife.stage_table$$, '42501 permission denied for table stage_table'),
  ($$SELECT * FROM crmlife.stage_state$$, '42501 permission denied for table stage_state'),
  ($$SELECT * FROM crmlife.queue$$, '42501 permission denied for table queue'),
  ($$SELECT * FROM crmlife.queue_overflow$$, '42501 permission denied for table queue_overflow'),
  ($$SELECT * FROM crmlife.capture_source$$, '42501 permission denied for table capture_source'),
  ($$SELECT * FROM crmlife.stage_cuts$$, '42501 permission denied for table stage_cuts'),
  ($$SELECT * FROM crmlife.threshold_override$$, '42501 permission denied for table threshold_override'),
  ($$SELECT * FROM crmlife.model_version$$, '42501 permission denied for table model_version'),
  ($$INSERT INTO crmlife.queue SELECT 'shop.stages'::regclass$$, '42501 permission denied for table queue'),
  ($$INSERT INTO crmlife.queue_overflow SELECT 'shop.stages'::regclass, true$$, '42501 permission denied for table queue_overflow'),
  ($$DELETE FROM crmlife.queue_overflow$$, '42501 permission denied for table queue_overflow'),
  ($$DELETE FROM crmlife.queue$$, '42501 permission denied for table queue'),
  ($$TRUNCATE crmlife.queue$$, '42501 permission denied for table queue'),
  ($$INSERT INTO crmlife.capture_source VALUES (1, 1, 'x', '')$$, '42501 permission denied for table capture_source'),
  ($$INSERT INTO crmlife.model (name, model, owner) VALUES ('x', 'recency', 'postgres')$$, '42501 must be owner of stage model "x"'),
  ($$CREATE TABLE crmlife.x ()$$, '42501 permission denied for schema crmlife')
) x(call, error);
SELECT is_empty('SELECT * FROM crmlife.status', 'nothing of it is seen');
SELECT is_empty('SELECT * FROM crmlife.rfm_cuts', 'nor its cuts');
SELECT is(w::text, '(,,)', 'nor who waits') FROM crmlife.waiting('shop.stages') w;
SELECT is_empty('SELECT * FROM crmlife.threshold', 'nor its thresholds');
SELECT is_empty('SELECT * FROM crmlife.stage_tables', 'nor how it is defined');
SELECT is_empty('SELECT * FROM crmlife.model_versions', 'nor its models');
RESET ROLE;
GRANT SELECT ON shop.stages TO crmlife_reader;
GRANT INSERT, UPDATE, DELETE, TRUNCATE, SELECT ON shop.orders TO crmlife_clerk;
SET ROLE crmlife_reader;
SELECT is(to_jsonb(t) - '{model,timezone}'::text[], jsonb_build_object('stage_table', 'shop.stages', 'changes', 'shop.stages_changes', 'orders', 'shop.orders', 'customer', 'customer', 'ordered_at', 'at', 'amount', 'amount',
    'refresh_every', interval '1 minute', 'capture', 'trigger', 'customer_column', 'customer', 'calibrate_every', interval '1 mon') || '{"order_filter": null, "order_key": null, "visits": null, "visit_customer": null, "visited_at": null, "visit_filter": null,
    "members": null, "member_customer": null, "registered_at": null, "segment": null, "learn_every": null, "keep_changes_for": null, "keep_changes_rows": null}', 'a reader sees how it is defined') FROM crmlife.stage_tables t;
SELECT is((SELECT array_agg((stage_table, version, segment, model, in_force_from)::text) FROM crmlife.model_versions), (SELECT array_agg((stage_table, model_version, '', crmlife.effective_model(stage_table), now())::text) FROM crmlife.status), 'and the models it has had');
SELECT results_eq('SELECT stage_table::text, owner, state FROM crmlife.status', $$ VALUES ('shop.stages', 'crmlife_alice'::name, 'ok') $$,
  'who may read the table sees how fresh it is');
SELECT is((SELECT count(*) FROM crmlife.rfm_cuts), 1::bigint, 'and its cuts');
SELECT is((SELECT count(*) FROM crmlife.threshold), 4::bigint, 'and its thresholds');
SELECT isnt(crmlife.effective_model('shop.stages')::text, NULL, 'and its model');
SELECT is(error_of($$SELECT crmlife.refresh('shop.stages')$$), '42501 must be owner of table stages', 'but refreshes nothing');
RESET ROLE;

-- who writes orders needs no right on anything of crmlife
REVOKE USAGE ON SCHEMA crmlife FROM PUBLIC;
SET ROLE crmlife_clerk;
SELECT lives_ok(call, 'the clerk: ' || call) FROM (VALUES
  ($$INSERT INTO shop.orders VALUES (100, '2025-06-30', 5)$$), ($$UPDATE shop.orders SET amount = 6 WHERE customer = 100$$),
  ($$DELETE FROM shop.orders WHERE customer = 1$$)) x(call);
RESET ROLE;
GRANT USAGE ON SCHEMA crmlife TO PUBLIC;
SELECT is((SELECT waiting FROM crmlife.status), 2::bigint, 'all of it is captured');
SELECT is(crmlife.refresh('shop.stages', '2025-06-30'), 2::bigint, 'a superuser refreshes it');
SELECT is_empty($$ SELECT * FROM crmlife.verify('shop.stages') $$);

-- no lock that can be taken from SQL keeps a refresh waiting
SELECT pg_advisory_xact_lock(1668443500, 'shop.stages'::regclass::int) \g /dev/null
SELECT is((SELECT state FROM crmlife.status), 'ok', 'an advisory lock is not a running refresh');

-- ----- rights that come and go -----
SET ROLE crmlife_alice;
CREATE TABLE shop.parts (customer int, at date, amount int) PARTITION BY RANGE (at);
CREATE TABLE shop.parts_1 PARTITION OF shop.parts DEFAULT;
GRANT SELECT ON shop.orders, shop.parts, shop.parts_1 TO crmlife_mallory;
GRANT TRIGGER ON shop.parts TO crmlife_mallory;
SET ROLE crmlife_mallory;
SELECT is(error_of($$SELECT crmlife.create_stage_table('lair.s', 'shop.orders', 'customer', 'at', 'amount')$$),
  '42501 orders: no right to create triggers on shop.orders | GRANT TRIGGER ON shop.orders TO crmlife_mallory; or pass capture => ''full''.', 'no TRIGGER');
SELECT is(error_of($$SELECT crmlife.create_stage_table('lair.s', 'shop.parts', 'customer', 'at', 'amount')$$),
  '42501 orders: no right to create triggers on shop.parts_1 | GRANT TRIGGER ON shop.parts_1 TO crmlife_mallory; or pass capture => ''full''.', 'no TRIGGER on a partition');
SELECT is(error_of($$SELECT crmlife.create_stage_table('shop.s', 'shop.orders', 'customer', 'at', 'amount', capture => 'full')$$),
  '42501 permission denied for schema shop', 'no CREATE in the schema');
SELECT is(error_of($$SELECT crmlife.create_stage_table('lair.s', 'shop.orders', 'customer', 'at', 'amount', capture => 'full')$$), 'no error', 'full needs SELECT alone');
SELECT is(error_of($$SELECT crmlife.drop_stage_table('lair.s')$$), 'no error');
SET ROLE crmlife_alice;
-- what tells nothing to who may not read it does not lock it either
SET ROLE crmlife_mallory;
SELECT is(crmlife._due_rows('pg_largeobject'::regclass, current_date), NULL, 'no rows of what is not hers');
SELECT is((SELECT waiting FROM crmlife._changes_after('pg_largeobject'::regclass, 0)), NULL, 'no changes either');
SELECT is((SELECT count(*) FROM pg_locks WHERE relation = 'pg_largeobject'::regclass), 0::bigint, 'and no lock');
RESET ROLE;
GRANT TRIGGER ON shop.orders, shop.parts_1 TO crmlife_mallory;
SET ROLE crmlife_mallory;
SELECT is(error_of($$SELECT crmlife.create_stage_table('lair.s', 'shop.orders', 'customer', 'at', 'amount')$$), 'no error', 'SELECT and TRIGGER do');
SELECT is(error_of($$SELECT crmlife.create_stage_table('lair.p', 'shop.parts', 'customer', 'at', 'amount')$$), 'no error', 'on partitions too');
RESET ROLE;
INSERT INTO shop.orders VALUES (101, '2025-06-29', 5);
SELECT is((SELECT count(*) FROM crmlife.queue), 2::bigint, 'one write, two stage tables');
SELECT is(crmlife.refresh('lair.s', '2025-06-30', true) > 0, true);
SELECT is_empty($$ SELECT * FROM crmlife.verify('lair.s') $$);
SET ROLE crmlife_alice;
CREATE TABLE shop.parts_2 PARTITION OF shop.parts FOR VALUES FROM ('2025-01-01') TO ('2025-07-01');
SET ROLE crmlife_mallory;
SELECT is(error_of($$SELECT crmlife.refresh('lair.p')$$),
  '42501 capture: no right to create triggers on shop.parts_2 | GRANT TRIGGER ON shop.parts_2 TO crmlife_mallory; or pass capture => ''full''.',
  'a partition that came without the right');
SET ROLE crmlife_alice;
GRANT TRIGGER ON shop.parts_2 TO crmlife_mallory;
INSERT INTO shop.parts VALUES (1, '2025-06-01', 5);
SET ROLE crmlife_mallory;
SELECT is(error_of($$SELECT crmlife.refresh('lair.p', '2025-12-01', true)$$), 'no error', 'and with it');
SELECT is((SELECT count(*) FROM lair.p), 1::bigint, 'what was written in between is there');
-- the capture triggers of alice's table belong to the table; hers is not harmed
SELECT is(error_of($$SELECT crmlife.drop_stage_table('lair.s')$$), 'no error', 'a stage table on it is dropped by another');
SELECT is(error_of($$DROP TABLE lair.p$$), 'no error', 'one by plain DROP TABLE');
RESET ROLE;
SELECT is((SELECT count(*) FROM pg_trigger WHERE tgrelid = 'shop.orders'::regclass), 4::bigint, 'her triggers stay');
INSERT INTO shop.orders VALUES (102, '2025-06-29', 5);
SELECT is((SELECT waiting FROM crmlife.status WHERE stage_table = 'shop.stages'::regclass), 2::bigint, 'and work');
SET ROLE crmlife_alice;
SELECT lives_ok($$ INSERT INTO shop.parts VALUES (2, '2025-06-01', 5) $$, 'triggers left behind do no harm');
CREATE TABLE shop.alone (customer int, at date, amount int);
GRANT SELECT, TRIGGER ON shop.alone TO crmlife_mallory;
SET ROLE crmlife_mallory;
SELECT is(error_of($$SELECT crmlife.create_stage_table('lair.only', 'shop.alone', 'customer', 'at', 'amount')$$), 'no error', 'the only stage table on a table of hers');
SET client_min_messages = notice;
SELECT crmlife.drop_stage_table('lair.only') \g /dev/null
SET client_min_messages = error;
SELECT is((SELECT count(*) FROM pg_trigger WHERE tgrelid = 'shop.alone'::regclass), 4::bigint, 'is dropped, its triggers are for her to drop');
SET ROLE crmlife_alice;
SELECT lives_ok($$ INSERT INTO shop.alone VALUES (3, '2025-06-01', 5) $$, 'and do no harm');
REVOKE ALL ON shop.orders, shop.parts, shop.parts_1 FROM crmlife_mallory;

-- rights on the columns in use are enough, and are lost like any other
GRANT SELECT (customer, at, amount) ON shop.orders TO crmlife_bob;
RESET ROLE;
CREATE SCHEMA bobs AUTHORIZATION crmlife_bob;
SET ROLE crmlife_bob;
SELECT is(error_of($$SELECT crmlife.create_stage_table('bobs.s', 'shop.orders', 'customer', 'at', 'amount', order_filter => 'remark IS NULL', capture => 'full')$$),
  '42501 permission denied for table orders', 'a column bob may not read');
SELECT is(error_of($$SELECT crmlife.create_stage_table('bobs.s', 'shop.orders', 'customer', 'at', 'amount', capture => 'full')$$), 'no error', 'columns he may');
RESET ROLE;
REVOKE SELECT (amount) ON shop.orders FROM crmlife_bob;
SELECT is(error_of($$SELECT crmlife.refresh('bobs.s')$$), '42501 permission denied for table orders', 'a right taken away, though a superuser calls');
SELECT is(error_of($$SELECT * FROM crmlife.verify('bobs.s')$$), '42501 permission denied for table orders', 'verify too');
SELECT is(error_of($$SELECT crmlife.calibrate('bobs.s')$$), '42501 permission denied for table orders', 'calibrate too');
SELECT crmlife.drop_stage_table('bobs.s') \g /dev/null

-- row security holds for the owner of the stage table
SET ROLE crmlife_alice;
ALTER TABLE shop.orders ENABLE ROW LEVEL SECURITY;
CREATE POLICY few ON shop.orders FOR SELECT TO crmlife_bob USING (customer < 3);
GRANT SELECT, TRIGGER ON shop.orders TO crmlife_bob;
SET ROLE crmlife_bob;
SELECT crmlife.create_stage_table('bobs.few', 'shop.orders', 'customer', 'at', 'amount') \g /dev/null
RESET ROLE;
SET row_security = off;
INSERT INTO shop.orders VALUES (2, '2025-06-30', 1), (7, '2025-06-30', 1);
SELECT lives_ok($$ SELECT crmlife.refresh('bobs.few', '2025-07-01', true) $$, 'with row security switched off by the caller');
RESET row_security;
SELECT is((SELECT array_agg(customer ORDER BY customer) FROM bobs.few), ARRAY[0, 2], 'bob sees his rows, whoever refreshes');
SELECT is_empty($$ SELECT * FROM crmlife.verify('bobs.few') $$);
SELECT crmlife.drop_stage_table('bobs.few') \g /dev/null

-- ----- hostile code -----
-- what ran as whom
CREATE TABLE ran (as_user name, session name, what text);
GRANT ALL ON ran TO PUBLIC;
SET ROLE crmlife_mallory;
CREATE FUNCTION lair.spy(what text) RETURNS bool LANGUAGE plpgsql AS $$
DECLARE
  attempt text;
BEGIN
  -- in this test's own session, outside of any refresh, all of it would work
  IF current_setting('test.armed', true) IS DISTINCT FROM 'yes' THEN RETURN true; END IF;
  INSERT INTO public.ran VALUES (current_user, session_user, what);
  FOREACH attempt IN ARRAY ARRAY['RESET ROLE', 'SET ROLE postgres', 'SET SESSION AUTHORIZATION DEFAULT',
    'SET LOCAL ROLE crmlife_alice', 'RESET SESSION AUTHORIZATION', 'CREATE TEMP TABLE trap ()',
    'ALTER ROLE crmlife_mallory SUPERUSER', 'INSERT INTO crmlife.queue VALUES (1)', 'DECLARE c CURSOR WITH HOLD FOR SELECT 1']
  LOOP
    BEGIN
      EXECUTE attempt;
      INSERT INTO public.ran VALUES (current_user, session_user, 'DONE: ' || attempt);
    EXCEPTION WHEN OTHERS THEN NULL;
    END;
  END LOOP;
  PERFORM set_config('search_path', 'lair, public, pg_catalog', false), set_config('TimeZone', 'Asia/Shanghai', true);
  RETURN true;
END $$;
CREATE FUNCTION lair.spying_trigger() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM lair.spy('trigger'); RETURN NEW; END $$;
CREATE FUNCTION lair.innocent(n numeric) RETURNS numeric LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN PERFORM lair.spy('expression'); RETURN n; END $$;
CREATE TABLE lair.orders (customer int, at timestamptz, amount numeric);
INSERT INTO lair.orders VALUES (1, '2025-06-01', 5), (2, '2025-06-02', 6);
CREATE VIEW lair.order_view AS SELECT * FROM lair.orders WHERE lair.spy('view');
SELECT crmlife.create_stage_table('lair.stages', 'lair.orders', 'customer', 'at', 'lair.innocent(amount)', timezone => 'UTC') \g /dev/null
SELECT crmlife.create_stage_table('lair.viewed', 'lair.order_view', 'customer', 'at', 'amount', capture => 'full', timezone => 'UTC') \g /dev/null
CREATE TRIGGER spies BEFORE INSERT OR UPDATE OR DELETE ON lair.stages FOR EACH ROW EXECUTE FUNCTION lair.spying_trigger();
CREATE TRIGGER spies AFTER INSERT ON lair.stages_changes FOR EACH STATEMENT EXECUTE FUNCTION lair.spying_trigger();
ALTER TABLE lair.stages ADD COLUMN spied bool DEFAULT lair.spy('default');
ALTER TABLE lair.stages ADD CHECK (lair.spy('check'));
RESET ROLE;
SET test.armed = 'yes';
INSERT INTO lair.orders VALUES (3, '2025-06-03', 7), (1, '2025-06-04', 1);
SELECT is(error_of(call), 'no error', 'a superuser: ' || call) FROM (VALUES
  ($$SELECT crmlife.refresh('lair.stages', '2025-06-30', true)$$),
  ($$SELECT crmlife.refresh('lair.viewed', '2025-06-30', true)$$),
  ($$SELECT * FROM crmlife.verify('lair.stages')$$),
  ($$SELECT * FROM crmlife.verify('lair.viewed')$$),
  ($$SELECT crmlife.set_threshold('lair.stages', 'active_days', 10)$$),
  ($$SELECT crmlife.set_model('lair.stages', 'kpi_bands')$$),
  ($$SELECT crmlife.set_timezone('lair.stages', 'Asia/Shanghai')$$),
  ($$SELECT crmlife.calibrate('lair.stages', 'mean')$$),
  ($$SELECT crmlife.refresh('lair.stages', '2025-09-30')$$)
) x(call);
SELECT is(current_user::text, 'postgres', 'who is still who before');
SELECT is(current_setting('TimeZone'), 'UTC', 'with the settings of before');
SELECT unalike(current_setting('search_path'), '%lair%', 'and the search_path');
SELECT results_eq('SELECT DISTINCT as_user FROM ran', $$ VALUES ('crmlife_mallory'::name) $$, 'mallory''s code ran as mallory and nobody else');
SELECT set_eq('SELECT DISTINCT what FROM ran', ARRAY['trigger', 'expression', 'view', 'default', 'check'], 'all of it did, and reached nothing');
-- a trigger that waits for the end of the transaction would run as the caller
SET ROLE crmlife_mallory;
CREATE CONSTRAINT TRIGGER later AFTER UPDATE OR INSERT ON lair.stages DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION lair.spying_trigger();
RESET ROLE;
SELECT is(error_of($$SELECT crmlife.set_threshold('lair.stages', 'active_days', 10)$$), '42704 the stage model has no threshold "active_days"', 'kpi_bands has no such threshold');
SELECT is(error_of($$SELECT crmlife.set_model('lair.stages', 'recency')$$), '42501 cannot fire deferred trigger within security-restricted operation', 'and is refused');
SET ROLE crmlife_mallory;
DROP TRIGGER later ON lair.stages;
-- a refresh within a refresh ends
CREATE FUNCTION lair.again() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM crmlife.refresh('lair.stages', '2025-10-30', true); RETURN NULL; END $$;
CREATE TRIGGER again AFTER UPDATE ON lair.stages FOR EACH STATEMENT EXECUTE FUNCTION lair.again();
RESET ROLE;
SELECT alike(error_of($$SELECT crmlife.refresh('lair.stages', '2025-10-30', true)$$), '55006 stage table lair.stages is being refreshed%', 'a refresh that calls itself');
SELECT alike(error_of($$SELECT crmlife.refresh('lair.stages', '2025-10-30', true)$$), '55006 stage table lair.stages is being refreshed%', 'and once more: nothing is left over');
SET ROLE crmlife_mallory;
DROP TRIGGER again ON lair.stages;
RESET ROLE;
SELECT is(error_of($$SELECT crmlife.refresh('lair.stages', '2025-10-30', true)$$), 'no error', 'without that it works again');

-- given to somebody else, it works with that one's rights
ALTER TABLE lair.stages OWNER TO crmlife_bob;
ALTER TABLE lair.stages_changes OWNER TO crmlife_bob;
SELECT is(error_of($$SELECT crmlife.refresh('lair.stages', '2025-11-30', true)$$), '42501 permission denied for table orders', 'bob may not read mallory''s orders');
ALTER TABLE lair.stages OWNER TO crmlife_mallory;
ALTER TABLE lair.stages_changes OWNER TO crmlife_mallory;

-- functions and operators that lie in wait on the search_path
CREATE FUNCTION lair.hostile() RETURNS void LANGUAGE plpgsql AS $$ BEGIN INSERT INTO public.ran VALUES (current_user, session_user, 'lured'); END $$;
CREATE FUNCTION public.lured_text(text, text) RETURNS text LANGUAGE plpgsql AS $$ BEGIN PERFORM lair.hostile(); RETURN $1; END $$;
SELECT format('CREATE FUNCTION public.lured(%s, %s) RETURNS bool LANGUAGE plpgsql AS $$ BEGIN PERFORM lair.hostile(); RETURN true; END $$', t, t)
FROM unnest(ARRAY['oid', 'regclass', 'text', 'name', 'int', 'bigint', 'numeric', 'date', 'timestamptz', 'uuid', 'boolean']) t
UNION ALL
SELECT format('CREATE OPERATOR public.%s (LEFTARG = %s, RIGHTARG = %s, FUNCTION = public.lured)', o, t, t)
FROM unnest(ARRAY['=', '<>', '<', '<=', '>']) o, unnest(ARRAY['oid', 'regclass', 'text', 'name', 'int', 'bigint', 'numeric', 'date', 'timestamptz', 'uuid', 'boolean']) t
\gexec
CREATE OPERATOR public.|| (LEFTARG = text, RIGHTARG = text, FUNCTION = public.lured_text);
CREATE FUNCTION public.now() RETURNS timestamptz LANGUAGE plpgsql AS $$ BEGIN PERFORM lair.hostile(); RETURN '1999-01-01'; END $$;
CREATE FUNCTION public.unnest(int[]) RETURNS SETOF int LANGUAGE plpgsql AS $$ BEGIN PERFORM lair.hostile(); END $$;
CREATE FUNCTION public.quote_literal(text) RETURNS text LANGUAGE plpgsql AS $$ BEGIN PERFORM lair.hostile(); RETURN $1; END $$;
CREATE FUNCTION public.current_setting(text) RETURNS text LANGUAGE plpgsql AS $$ BEGIN PERFORM lair.hostile(); RETURN 'UTC'; END $$;
CREATE FUNCTION public.effective_model(regclass) RETURNS text LANGUAGE plpgsql AS $$ BEGIN PERFORM lair.hostile(); RETURN ''; END $$;
CREATE DOMAIN public.regclass AS text;
CREATE DOMAIN public.numeric AS int;
CREATE TABLE public.pg_class (oid int); CREATE TABLE public.pg_trigger (oid int); CREATE TABLE public.stage_table (x int);
CREATE TABLE public.lured_orders (customer int, at timestamptz, amount pg_catalog.numeric);
INSERT INTO public.lured_orders SELECT i % 5, timestamptz '2025-06-30' - i * interval '9 days', i FROM generate_series(1, 30) i;
TRUNCATE ran;
SET search_path = public, pg_catalog;
SELECT crmlife.create_stage_table('lured_stages', 'lured_orders', 'customer', 'at', 'amount', timezone => 'UTC') \g /dev/null
SELECT crmlife.refresh('lured_stages', '2025-06-30', true) \g /dev/null
INSERT INTO lured_orders VALUES (1, '2025-06-30', 5), (77, '2025-06-30', 5);
SELECT crmlife.refresh('lured_stages', '2025-07-05') \g /dev/null
SELECT crmlife.set_threshold('lured_stages', 'active_days', 20) \g /dev/null
SELECT crmlife.set_model('lured_stages', 'kpi_bands') \g /dev/null
SELECT crmlife.set_timezone('lured_stages', 'Asia/Tokyo') \g /dev/null
SELECT crmlife.calibrate('lured_stages', 'mean') \g /dev/null
CREATE TEMP TABLE answers AS SELECT (SELECT count(*) FROM crmlife.verify('lured_stages')) AS differences, (SELECT count(*) FROM crmlife.status) AS seen,
  crmlife.effective_model('lured_stages')::text AS model;
SELECT crmlife.drop_stage_table('lured_stages') \g /dev/null
SET search_path = pg_catalog, public;
SELECT is((SELECT count(*) FROM public.ran), 0::bigint, 'nothing on the search_path was lured');
SELECT is((SELECT differences FROM answers), 0::bigint, 'and nothing was wrong');

SELECT finish();
ROLLBACK;
