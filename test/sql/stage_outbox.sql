-- The change log as an outbox: what each consumer is given and when it is done
-- with it, against the log itself; how long changes are kept; who may take
-- them; what is refused.  Sessions against each other: test/isolation and
-- test/t/059_outbox.pl.
\set ECHO none
\pset format unaligned
\pset tuples_only true
\set QUIET on
SET client_min_messages = error;
SET timezone = 'UTC';
SET datestyle = 'ISO';
BEGIN;
SELECT plan(122);
CREATE ROLE crmlife_alice; CREATE ROLE crmlife_mailer; CREATE ROLE crmlife_reader; CREATE ROLE crmlife_post; GRANT crmlife_post TO crmlife_mailer;
CREATE SCHEMA box AUTHORIZATION crmlife_alice;
GRANT USAGE ON SCHEMA box TO PUBLIC;
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
CREATE TABLE box.orders (customer char(6), at date, amount int);
INSERT INTO box.orders SELECT 'c' || i % 9, date '2025-06-30' - i * 4, i FROM generate_series(1, 60) i;
SELECT crmlife.create_stage_table('box."My stages"', 'box.orders', 'customer', 'at', 'amount', timezone => 'UTC') \g /dev/null
SELECT crmlife.refresh('box."My stages"', '2025-01-31', true) \g /dev/null
SELECT crmlife.refresh('box."My stages"', '2025-03-31') \g /dev/null
SELECT cmp_ok((SELECT count(*) FROM box."My stages_changes"), '>', 20::bigint, 'there is something to take');

-- ----- two consumers -----
SELECT is(crmlife.add_consumer('box."My stages"', 'mailer'), 0::bigint, 'one from the beginning');
SELECT is(crmlife.add_consumer('box."My stages"', 'Büro "2"', 'now'), (SELECT max(seq) FROM box."My stages_changes"), 'one from now on');
SELECT results_eq($$ SELECT * FROM crmlife.changes_since('box."My stages"', 'mailer') $$,
  $$ SELECT seq, customer::text, from_stage, to_stage, changed_on, recorded_at, cause, model_version FROM box."My stages_changes" ORDER BY seq $$,
  'the first is given all that the log holds');
SELECT is_empty($$ SELECT * FROM crmlife.changes_since('box."My stages"', 'Büro "2"') $$, 'the second nothing yet');
SELECT results_eq($$ SELECT seq FROM crmlife.changes_since('box."My stages"', 'mailer', 3) $$, $$ SELECT seq FROM box."My stages_changes" ORDER BY seq LIMIT 3 $$, 'so many at once');
SELECT results_eq($$ SELECT seq FROM crmlife.changes_since('box."My stages"', 'mailer', 3) $$, $$ SELECT seq FROM box."My stages_changes" ORDER BY seq LIMIT 3 $$, 'again, for they are not acknowledged');
SELECT is(crmlife.ack('box."My stages"', 'mailer', 2), 2::bigint, 'two are');
-- numbers that cannot be seen are not none
REVOKE ALL ON SEQUENCE box."My stages_changes_seq_seq" FROM crmlife_alice;
SELECT is(error_of($$SELECT crmlife.refresh('box."My stages"', '2025-03-31')$$), '42501 permission denied for sequence My stages_changes_seq_seq', 'an owner without a right on the numbers');
GRANT ALL ON SEQUENCE box."My stages_changes_seq_seq" TO crmlife_alice;
SELECT lives_ok($$SELECT crmlife.refresh('box."My stages"', '2025-03-31')$$, 'and with it');
SELECT is((SELECT position FROM crmlife.consumers WHERE consumer = 'mailer'), 2::bigint, 'nobody starts again');
SAVEPOINT plain_numbers;
ALTER TABLE box."My stages_changes" ALTER seq DROP IDENTITY;
SELECT lives_ok($$SELECT crmlife.refresh('box."My stages"', '2025-03-31')$$, 'numbers that are no identity any more');
SELECT is((SELECT position FROM crmlife.consumers WHERE consumer = 'mailer'), 2::bigint, 'nobody starts again then either');
ROLLBACK TO plain_numbers;
SELECT results_eq($$ SELECT seq FROM crmlife.changes_since('box."My stages"', 'mailer', 3) $$, $$ VALUES (3::bigint), (4), (5) $$, 'then come the next');
SELECT is(crmlife.ack('box."My stages"', 'mailer', 1), 2::bigint, 'acknowledged once more, nothing moves');
SELECT is(crmlife.ack('box."My stages"', 'mailer', -5), 2::bigint, 'back neither');
SELECT crmlife.refresh('box."My stages"', '2025-06-30') \g /dev/null
SELECT results_eq($$ SELECT seq, customer, to_stage FROM crmlife.changes_since('box."My stages"', 'Büro "2"') $$,
  $$ SELECT seq, customer::text, to_stage FROM box."My stages_changes" WHERE recorded_at = now() AND seq > (SELECT position FROM crmlife.consumers WHERE consumer LIKE 'B%') ORDER BY seq $$,
  'what was published since');
SELECT is((SELECT customer FROM crmlife.changes_since('box."My stages"', 'mailer', 1)) LIKE 'c_', true, 'char(n) without its blanks');
SELECT is((SELECT string_agg(consumer || ' ' || (active_pid = pg_backend_pid()), ', ' ORDER BY added_at, number) FROM crmlife.consumers JOIN (SELECT consumer, position = 2 AS number FROM crmlife.consumers) n USING (consumer)),
  'Büro "2" true, mailer true', 'both are in use by this session');
SELECT pg_advisory_unlock_all() \g /dev/null
SELECT is((SELECT count(active_pid) FROM crmlife.consumers), 0::bigint, 'let go of, none is');
SELECT is((SELECT count(*) FROM crmlife.changes_since('box."My stages"', 'mailer', 1)), 1::bigint, 'given again');
SELECT is((SELECT active_pid FROM crmlife.consumers WHERE consumer = 'mailer'), pg_backend_pid(), 'it is in use again');
SELECT is(crmlife.ack('box."My stages"', 'mailer', (SELECT max(seq) FROM box."My stages_changes")), (SELECT max(seq) FROM box."My stages_changes"), 'all are acknowledged');
SELECT is_empty($$ SELECT * FROM crmlife.changes_since('box."My stages"', 'mailer') $$, 'and none comes again');
SELECT is((SELECT waiting || ' ' || (lag = '0') FROM crmlife.consumers WHERE consumer = 'mailer'), '0 true', 'nothing waits for it');
SELECT ok(waiting = (SELECT count(*) FROM box."My stages_changes" WHERE seq > position) AND waiting > 0 AND lag > '0' AND lag < '1 hour' AND acked_at IS NULL, 'what waits for the other')
FROM crmlife.consumers WHERE consumer <> 'mailer';

-- what is rolled back was not acknowledged
SELECT seq AS first FROM crmlife.changes_since('box."My stages"', 'Büro "2"', 1) \gset
SAVEPOINT a;
SELECT is(crmlife.ack('box."My stages"', 'Büro "2"', :first), :first::bigint);
SELECT is((SELECT count(*) FROM crmlife.changes_since('box."My stages"', 'Büro "2"') WHERE seq <= :first), 0::bigint, 'in the same transaction it counts at once');
ROLLBACK TO a;
SELECT is((SELECT min(seq) FROM crmlife.changes_since('box."My stages"', 'Büro "2"')), :first::bigint, 'rolled back, it comes again');

-- what was given and rolled back keeps nobody away, nor does an acknowledgement that was rolled back
SELECT pg_advisory_unlock_all() \g /dev/null
CREATE FUNCTION box.in_use(consumer text) RETURNS bool LANGUAGE sql AS $$ SELECT active_pid IS NOT NULL FROM crmlife.consumers c WHERE c.consumer = in_use.consumer $$;
CREATE FUNCTION box.swallow(call text, fail bool) RETURNS bool LANGUAGE plpgsql AS $$
BEGIN
  BEGIN
    EXECUTE call;
    IF fail THEN RAISE division_by_zero; END IF;
  EXCEPTION WHEN division_by_zero THEN NULL;
  END;
  RETURN box.in_use('Büro "2"');
END $$;
CREATE FUNCTION box.take() RETURNS bigint LANGUAGE sql AS $$ SELECT count(*) FROM crmlife.changes_since('box."My stages"', 'Büro "2"') $$;
SELECT is(box.swallow('SELECT box.take()', true), false, 'given in a subtransaction that fails, it is free');
SELECT is(box.swallow('SELECT box.swallow(''SELECT box.take()'', false)', true), false, 'in one within it too');
SELECT is(box.swallow('SELECT box.swallow(''SELECT box.take()'', true)', false), false, 'and where only that one fails');
SELECT is(box.swallow('SELECT box.take()', false), true, 'given in one that succeeds, it is in use');
SELECT is(box.swallow('SELECT box.take()', true), true, 'which a later one does not change');

-- ----- every way of publishing -----
SELECT crmlife.ack('box."My stages"', 'Büro "2"', (SELECT max(seq) FROM box."My stages_changes")) \g /dev/null
CREATE FUNCTION box.given(consumer text) RETURNS text LANGUAGE sql AS $$
SELECT count(*) > 0 AND count(*) = (SELECT count(*) FROM box."My stages_changes" l WHERE l.seq > (SELECT position FROM crmlife.consumers c WHERE c.consumer = given.consumer))
       AND crmlife.ack('box."My stages"', given.consumer, max(seq)) = max(seq)
FROM crmlife.changes_since('box."My stages"', given.consumer, 100000) $$;
SELECT crmlife.set_threshold('box."My stages"', 'active_days', 20) \g /dev/null
SELECT is(box.given('mailer'), 'true', 'a threshold');
SELECT crmlife.set_model('box."My stages"', 'recency_grid') \g /dev/null
SELECT is(box.given('mailer'), 'true', 'a model');
SELECT crmlife.set_timezone('box."My stages"', 'Asia/Shanghai') \g /dev/null
SELECT crmlife.refresh('box."My stages"', '2025-05-31', true) \g /dev/null
SELECT is(box.given('mailer'), 'true', 'a way back');
DELETE FROM box.orders WHERE customer = 'c1';
SELECT crmlife.refresh('box."My stages"', '2025-05-31', true) \g /dev/null
SELECT is(box.given('mailer'), 'true', 'a customer who is gone');

-- ----- the log is counted from one again -----
TRUNCATE box."My stages_changes" RESTART IDENTITY;
SELECT is_empty($$ SELECT * FROM crmlife.changes_since('box."My stages"', 'mailer') $$, 'emptied');
SELECT crmlife.refresh('box."My stages"', '2025-07-31') \g /dev/null
SELECT is((SELECT min(seq) FROM box."My stages_changes"), 1::bigint);
SELECT is(box.given('mailer'), 'true', 'none of the new ones is passed by');
SELECT is(box.given('Büro "2"'), 'true', 'by no consumer');

-- ----- how long changes are kept -----
CREATE FUNCTION box.kept() RETURNS text LANGUAGE sql AS $$ SELECT count(*) || ' from ' || min(seq) FROM box."My stages_changes" $$;
SELECT max(seq) AS last FROM box."My stages_changes" \gset
SELECT crmlife.keep_changes('box."My stages"', NULL, 5) \g /dev/null
SELECT is((SELECT min(seq) FROM box."My stages_changes"), 1::bigint, 'nothing goes before the next refresh');
SELECT crmlife.refresh('box."My stages"', '2025-07-31') \g /dev/null
SELECT is(box.kept(), '5 from ' || :last - 4, 'so many rows');
SELECT crmlife.refresh('box."My stages"', '2025-12-31') \g /dev/null
SELECT cmp_ok((SELECT count(*) FROM box."My stages_changes"), '>', 5::bigint, 'more are kept');
SELECT is((SELECT min(seq) FROM box."My stages_changes"), :last::bigint + 1, '... all that nobody has taken');
SELECT is(box.given('mailer'), 'true', 'one takes them');
SELECT crmlife.refresh('box."My stages"', '2025-12-31') \g /dev/null
SELECT is((SELECT min(seq) FROM box."My stages_changes"), :last::bigint + 1, 'the other has not');
SELECT crmlife.ack('box."My stages"', 'Büro "2"', :last + 2) \g /dev/null
SELECT crmlife.refresh('box."My stages"', '2025-12-31') \g /dev/null
SELECT is((SELECT min(seq) FROM box."My stages_changes"), :last::bigint + 3, 'not all of them');
SELECT crmlife.forget_consumer('box."My stages"', 'Büro "2"') \g /dev/null
SELECT crmlife.refresh('box."My stages"', '2025-12-31') \g /dev/null
SELECT is((SELECT count(*) FROM box."My stages_changes"), 5::bigint, 'forgotten, it holds nothing back');
SELECT crmlife.keep_changes('box."My stages"', '90 days') \g /dev/null
RESET ROLE;
UPDATE box."My stages_changes" SET recorded_at = now() - interval '100 days' WHERE seq IN (SELECT seq FROM box."My stages_changes" ORDER BY seq LIMIT 2);
SET ROLE crmlife_alice;
SELECT crmlife.refresh('box."My stages"', '2025-12-31') \g /dev/null
SELECT is((SELECT count(*) FROM box."My stages_changes"), 3::bigint, 'so many days');
SELECT crmlife.keep_changes('box."My stages"', NULL) \g /dev/null
UPDATE box."My stages_changes" SET recorded_at = 'epoch';
SELECT crmlife.refresh('box."My stages"', '2025-12-31') \g /dev/null
SELECT is((SELECT count(*) FROM box."My stages_changes"), 3::bigint, 'without a limit, for ever');

-- ----- who may -----
SELECT crmlife.add_consumer('box."My stages"', 'post', role => 'crmlife_post') \g /dev/null
RESET ROLE;
GRANT SELECT ON box."My stages" TO crmlife_reader, crmlife_mailer;
SET ROLE crmlife_mailer;
SELECT is(error_of($$SELECT * FROM crmlife.changes_since('box."My stages"', 'post')$$), '42501 permission denied for table My stages_changes', 'a member of its role, without a right on the log');
SELECT is(error_of($$SELECT crmlife.ack('box."My stages"', 'post', 1)$$), '42501 permission denied for table My stages_changes');
SELECT is((SELECT string_agg(concat_ws(' ', consumer, waiting, lag), ', ') FROM crmlife.consumers WHERE consumer = 'post'), 'post', 'nor sees what waits');
RESET ROLE;
GRANT SELECT ON box."My stages_changes" TO crmlife_mailer, crmlife_reader;
SET ROLE crmlife_mailer;
SELECT is((SELECT count(*) FROM crmlife.changes_since('box."My stages"', 'post')), 3::bigint, 'with it');
SELECT is((SELECT waiting FROM crmlife.consumers WHERE consumer = 'post'), 3::bigint, 'and sees how many');
SELECT is(error_of($$SELECT crmlife.ack('box."My stages"', 'post', (SELECT min(seq) FROM box."My stages_changes"))$$), 'no error', 'acknowledges');
SELECT is(error_of(call), error, 'not hers: ' || call) FROM (VALUES
  ($$SELECT * FROM crmlife.changes_since('box."My stages"', 'mailer')$$, '42501 permission denied for consumer "mailer" of stage table box."My stages" | The owner of the stage table can give it to another: crmlife.set_consumer_role.'),
  ($$SELECT crmlife.ack('box."My stages"', 'mailer', 1)$$, '42501 permission denied for consumer "mailer" of stage table box."My stages" | The owner of the stage table can give it to another: crmlife.set_consumer_role.'),
  ($$SELECT crmlife.forget_consumer('box."My stages"', 'mailer')$$, '42501 permission denied for consumer "mailer" of stage table box."My stages" | The owner of the stage table can give it to another: crmlife.set_consumer_role.'),
  ($$SELECT crmlife.add_consumer('box."My stages"', 'mine')$$, '42501 must be owner of table My stages'),
  ($$SELECT crmlife.keep_changes('box."My stages"', '1 day')$$, '42501 must be owner of table My stages'),
  ($$SELECT * FROM crmlife.consumer$$, '42501 permission denied for table consumer')) x(call, error);
SET ROLE crmlife_reader;
SELECT is(error_of($$SELECT * FROM crmlife.changes_since('box."My stages"', 'post')$$), '42501 permission denied for consumer "post" of stage table box."My stages" | The owner of the stage table can give it to another: crmlife.set_consumer_role.', 'who may only read is no consumer');
RESET ROLE;

-- ----- the role, whatever it is called -----
CREATE ROLE crmlife_courier; CREATE ROLE crmlife_stranger;
GRANT SELECT ON box."My stages", box."My stages_changes" TO crmlife_courier;
SET ROLE crmlife_alice;
SELECT crmlife.add_consumer('box."My stages"', 'parcel', role => 'crmlife_courier') \g /dev/null
RESET ROLE;
ALTER ROLE crmlife_courier RENAME TO crmlife_postman;
SELECT is((SELECT role FROM crmlife.consumers WHERE consumer = 'parcel'), 'crmlife_postman', 'a role that is renamed stays');
SET ROLE crmlife_postman;
SELECT is(error_of($$SELECT crmlife.ack('box."My stages"', 'parcel', 1)$$), 'no error', 'and acknowledges');
RESET ROLE;
DROP OWNED BY crmlife_postman; DROP ROLE crmlife_postman; CREATE ROLE crmlife_postman;
GRANT SELECT ON box."My stages", box."My stages_changes" TO crmlife_postman;
SELECT is((SELECT role FROM crmlife.consumers WHERE consumer = 'parcel'), '', 'one that is dropped is nobody');
SELECT is(error_of(format('SET ROLE %s; %s', role, call)), error, role || ': ' || call) FROM (VALUES
  ('crmlife_postman', $$SELECT * FROM crmlife.changes_since('box."My stages"', 'parcel')$$, '42501 permission denied for consumer "parcel" of stage table box."My stages" | The owner of the stage table can give it to another: crmlife.set_consumer_role.'),
  ('crmlife_postman', $$SELECT crmlife.forget_consumer('box."My stages"', 'parcel')$$, '42501 permission denied for consumer "parcel" of stage table box."My stages" | The owner of the stage table can give it to another: crmlife.set_consumer_role.'),
  ('crmlife_postman', $$SELECT crmlife.set_consumer_role('box."My stages"', 'parcel', 'crmlife_postman')$$, '42501 must be owner of table My stages'),
  ('crmlife_stranger', $$SELECT crmlife.ack('box."My stages"', 'parcel', 1)$$, '42501 permission denied for table My stages_changes'),
  ('crmlife_stranger', $$SELECT crmlife.ack('box."My stages"', 'not there', 1)$$, '42501 permission denied for table My stages_changes'),
  ('crmlife_alice', $$SELECT crmlife.set_consumer_role('box."My stages"', 'not there', 'crmlife_postman')$$, '42704 stage table box."My stages" has no consumer "not there" | crmlife.add_consumer makes one; SELECT * FROM crmlife.consumers lists them.'),
  ('crmlife_alice', $$SELECT crmlife.set_consumer_role('box."My stages"', 'parcel', 'nobody_of_that_name')$$, '42704 role "nobody_of_that_name" does not exist'),
  ('crmlife_alice', $$SELECT crmlife.set_consumer_role('box."My stages"', 'parcel', NULL)$$, '22004 role must not be null'),
  ('crmlife_alice', $$SELECT crmlife.set_consumer_role('box."My stages"', 'parcel', 'crmlife_postman')$$, 'no error'),
  ('crmlife_postman', $$SELECT crmlife.ack('box."My stages"', 'parcel', 2)$$, 'no error')) x(role, call, error);
RESET ROLE;
SELECT is((SELECT position FROM crmlife.consumers WHERE consumer = 'parcel'), 2::bigint, 'from where it stood');
SET ROLE crmlife_alice;
REVOKE SELECT ON box."My stages_changes" FROM crmlife_alice;
SELECT is(error_of($$SELECT * FROM crmlife.changes_since('box."My stages"', 'parcel')$$), '42501 permission denied for table My stages_changes', 'nor has the owner more than the rights there are');
GRANT SELECT ON box."My stages_changes" TO crmlife_alice;
RESET ROLE;

-- a session that has lost the role lets go of what it was given
CREATE ROLE crmlife_clerk;
GRANT SELECT ON box."My stages", box."My stages_changes" TO crmlife_clerk;
SET ROLE crmlife_postman;
SELECT is((SELECT count(*) > 0 FROM crmlife.changes_since('box."My stages"', 'parcel')), true, 'taken');
SELECT is((SELECT active_pid FROM crmlife.consumers WHERE consumer = 'parcel'), pg_backend_pid(), '... and not acknowledged');
SET ROLE crmlife_alice;
SELECT crmlife.set_consumer_role('box."My stages"', 'parcel', 'crmlife_clerk') \g /dev/null
SET ROLE crmlife_postman;
SELECT matches(error_of($$SELECT crmlife.ack('box."My stages"', 'parcel', 3)$$), '^42501', 'another''s by now');
SELECT is((SELECT active_pid FROM crmlife.consumers WHERE consumer = 'parcel'), NULL, '... who may take');
RESET ROLE;
DROP OWNED BY crmlife_clerk; DROP ROLE crmlife_clerk;

-- ----- numbers that begin elsewhere -----
SET ROLE crmlife_alice;
SELECT position AS was FROM crmlife.consumers WHERE consumer = 'post' \gset
SELECT crmlife.ack('box."My stages"', 'post', max(seq)) AS acked FROM box."My stages_changes" \gset
ALTER TABLE box."My stages_changes" ALTER seq RESTART WITH 1000;
SELECT is(error_of($$SELECT crmlife.refresh('box."My stages"', '2025-12-31')$$), 'no error', 'greater ones');
SELECT is((SELECT position FROM crmlife.consumers WHERE consumer = 'post'), :acked::bigint, 'nothing comes again');
RESET ROLE;
UPDATE crmlife.consumer SET position = :was WHERE consumer = 'post';

-- ----- numbers that do not ascend -----
SET ROLE crmlife_alice;
ALTER SEQUENCE box."My stages_changes_seq_seq" CACHE 20;
SELECT is(error_of($$SELECT crmlife.refresh('box."My stages"', '2025-12-31')$$), '55000 numbers of change log box."My stages_changes" do not ascend in the order in which they are given | ALTER SEQUENCE box."My stages_changes_seq_seq" INCREMENT BY 1 CACHE 1 NO CYCLE;',
  'sessions that keep some');
ALTER SEQUENCE box."My stages_changes_seq_seq" INCREMENT BY -1 MINVALUE -1000 CACHE 1;
SELECT matches(error_of($$SELECT crmlife.refresh('box."My stages"', '2025-12-31')$$), '^55000', 'downwards');
ALTER SEQUENCE box."My stages_changes_seq_seq" INCREMENT BY 1 CACHE 1 MAXVALUE 100000 CYCLE;
SELECT matches(error_of($$SELECT crmlife.refresh('box."My stages"', '2025-12-31')$$), '^55000', 'round and round');
ALTER SEQUENCE box."My stages_changes_seq_seq" NO MAXVALUE NO CYCLE;
SELECT is(error_of($$SELECT crmlife.refresh('box."My stages"', '2025-12-31')$$), 'no error', 'as it was');
RESET ROLE;
ALTER TABLE box."My stages_changes" OWNER TO crmlife_postman;
SELECT is(error_of($$SELECT crmlife.refresh('box."My stages"', '2025-12-31')$$), '42501 change log of stage table box."My stages" belongs to another user | ALTER TABLE box."My stages_changes" OWNER TO crmlife_alice;', 'the log alone is given away');
ALTER TABLE box."My stages_changes" OWNER TO crmlife_alice;

REVOKE SELECT ON box."My stages" FROM crmlife_reader;
SET ROLE crmlife_reader;
SELECT is_empty('SELECT * FROM crmlife.consumers', 'and sees none of a table that is not to be read');
SET ROLE crmlife_alice;
SELECT is((SELECT count(*) FROM crmlife.changes_since('box."My stages"', 'post')), 2::bigint, 'the owner of the stage table may take for any');
-- row security would make a position mean something else for everybody
ALTER TABLE box."My stages_changes" ENABLE ROW LEVEL SECURITY;
CREATE POLICY few ON box."My stages_changes" USING (true);
SET ROLE crmlife_mailer;
SELECT is(error_of($$SELECT * FROM crmlife.changes_since('box."My stages"', 'post')$$), '42501 row security keeps you from some of the changes of stage table box."My stages"', 'row security');
SET ROLE crmlife_alice;
ALTER TABLE box."My stages_changes" DISABLE ROW LEVEL SECURITY;
-- what the owner makes of the log runs with the owner's rights
CREATE TABLE box.ran (as_user name);
GRANT INSERT ON box.ran TO PUBLIC;
CREATE TYPE box.trap AS (a text);
CREATE FUNCTION box.spring(box.trap) RETURNS text LANGUAGE plpgsql AS $$ BEGIN INSERT INTO box.ran VALUES (current_user); RETURN ($1).a; END $$;
ALTER TABLE box."My stages_changes" DROP CONSTRAINT "My stages_changes_cause_check";
ALTER TABLE box."My stages_changes" ALTER cause TYPE box.trap USING ROW(cause)::box.trap;
RESET ROLE;
CREATE CAST (box.trap AS text) WITH FUNCTION box.spring(box.trap);
SELECT is((SELECT string_agg(cause, ' ') FROM crmlife.changes_since('box."My stages"', 'post')) IS NOT NULL, true, 'a cast of the owner''s');
SELECT is((SELECT string_agg(DISTINCT as_user, ' ') FROM box.ran), 'crmlife_alice', 'with whose rights it runs');

-- ----- what is refused -----
SET ROLE crmlife_alice;
SELECT crmlife.create_stage_table('box.other', 'box.orders', 'customer', 'at', 'amount', timezone => 'UTC') \g /dev/null
SELECT crmlife.add_consumer('box.other', 'one') \g /dev/null
SELECT is(error_of(call), error, call) FROM (VALUES
  ($$SELECT crmlife.add_consumer('box.other', 'one')$$, '42710 stage table box.other has a consumer "one" already | crmlife.forget_consumer drops it.'),
  ($$SELECT crmlife.add_consumer('box.other', 'two', 'yesterday')$$, '22023 start "yesterday" is unknown | ''beginning'': with all that the log holds; ''now'': with what is published from now on.'),
  ($$SELECT crmlife.add_consumer('box.other', 'two', role => 'nobody_of_that_name')$$, '42704 role "nobody_of_that_name" does not exist'),
  ($$SELECT crmlife.add_consumer('box.other', '')$$, '42602 consumer "" is no name'),
  ($$SELECT crmlife.add_consumer('box.other', repeat('x', 64))$$, '42602 consumer "' || repeat('x', 64) || '" is no name'),
  ($$SELECT crmlife.add_consumer('box.orders', 'one')$$, '42704 box.orders is not a stage table | SELECT stage_table FROM crmlife.status lists them; crmlife.create_stage_table makes one.'),
  ($$SELECT crmlife.add_consumer(NULL, 'one')$$, '22004 stage_table must not be null'),
  ($$SELECT crmlife.add_consumer('box.other', NULL)$$, '22004 consumer must not be null'),
  ($$SELECT crmlife.add_consumer('box.other', 'one', NULL)$$, '22004 start must not be null | Leave it out for its default.'),
  ($$SELECT * FROM crmlife.changes_since('box.other', 'two')$$, '42704 stage table box.other has no consumer "two" | crmlife.add_consumer makes one; SELECT * FROM crmlife.consumers lists them.'),
  ($$SELECT * FROM crmlife.changes_since('box.orders', 'one')$$, '42704 box.orders is not a stage table | SELECT stage_table FROM crmlife.status lists them; crmlife.create_stage_table makes one.'),
  ($$SELECT * FROM crmlife.changes_since('box.other', 'one', 0)$$, '22023 max_rows must be 1 to 100000, not 0'),
  ($$SELECT * FROM crmlife.changes_since('box.other', 'one', NULL)$$, '22004 max_rows must not be null | Leave it out for its default.'),
  ($$SELECT * FROM crmlife.changes_since('box.other', NULL)$$, '22004 consumer must not be null'),
  ($$SELECT crmlife.ack('box.other', 'one', 1)$$, '22023 change 1 of stage table box.other is not there | Acknowledge the greatest seq you have dealt with.'),
  ($$SELECT crmlife.ack('box.other', 'one', NULL)$$, '22004 seq must not be null'),
  ($$SELECT crmlife.ack('box.other', 'two', 0)$$, '42704 stage table box.other has no consumer "two" | crmlife.add_consumer makes one; SELECT * FROM crmlife.consumers lists them.'),
  ($$SELECT crmlife.forget_consumer('box.other', 'two')$$, '42704 stage table box.other has no consumer "two" | crmlife.add_consumer makes one; SELECT * FROM crmlife.consumers lists them.'),
  ($$SELECT crmlife.keep_changes('box.other', '-1 day')$$, '22023 keep_for must not be negative | For example ''90 days''; NULL: for ever.'),
  ($$SELECT crmlife.keep_changes('box.other', '1001 years')$$, '22023 keep_for must not be longer than 1000 years | NULL: for ever.'),
  ($$SELECT crmlife.keep_changes('box.other', interval '-100000 years' + interval '100000000 days')$$, '22023 keep_for must not be longer than 1000 years | NULL: for ever.'),
  ($$SELECT crmlife.keep_changes('box.other', NULL, -1)$$, '22023 keep_rows must not be negative | NULL: any number.')) x(call, error);
SELECT crmlife.keep_changes('box.other', '1000 years') \g /dev/null
SELECT lives_ok($$SELECT crmlife.refresh('box.other')$$, 'the longest there is');
SELECT is(crmlife.ack('box.other', 'one', 0), 0::bigint, 'nothing is nothing');
DROP TABLE box.other_changes;
SELECT is(error_of($$SELECT * FROM crmlife.changes_since('box.other', 'one')$$), '42P01 change log of stage table box.other does not exist any more | Call crmlife.drop_stage_table and crmlife.create_stage_table.', 'a log that is gone');
SELECT crmlife.drop_stage_table('box.other') \g /dev/null
SELECT is((SELECT count(*) FROM crmlife.consumers WHERE stage_table::text LIKE '%other%'), 0::bigint, 'consumers go with their stage table');
SELECT * FROM finish();
ROLLBACK;
