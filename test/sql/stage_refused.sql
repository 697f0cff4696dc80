-- What a stage table refuses: each with its SQLSTATE, its message and, where
-- something can be done, the hint that says what.
\set ECHO none
\pset format unaligned
\pset tuples_only true
\set QUIET on
SET client_min_messages = warning;
SET timezone = 'UTC';
SET datestyle = 'ISO';
BEGIN;
SELECT no_plan();

CREATE SCHEMA refusals;
SET search_path = refusals, public;
CREATE TABLE orders (
  customer int, at timestamptz, amount numeric, price float8, paid money,
  note text, doc json, seq int, refreshed_at int, code numeric, "Paid At" date);
INSERT INTO orders
SELECT i % 7, timestamptz '2025-05-01 10:00+00' + i * interval '3 days', i, i, i, 'x', '{}', i, i, i, '2025-05-01'
FROM generate_series(1, 40) i;
CREATE TABLE visits (customer bigint, at date, who text);
CREATE TABLE members (customer bigint, registered date, name text);
CREATE VIEW order_view AS SELECT * FROM orders;
CREATE TEMP TABLE temporary (customer int, at date, amount int);
CREATE UNLOGGED TABLE unlogged (customer int, at date, amount int);
CREATE SEQUENCE numbers;
CREATE COLLATION alike (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
CREATE TABLE names (customer text COLLATE alike, at date, amount int);
CREATE FUNCTION told() RETURNS int LANGUAGE plpgsql STABLE AS 'BEGIN RETURN 1; END';

-- what a call raises, as 'SQLSTATE message | detail | hint'
CREATE FUNCTION error_of(call text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
  message text; detail text; hint text;
BEGIN
  EXECUTE call;
  RETURN 'no error';
EXCEPTION WHEN OTHERS THEN
  GET STACKED DIAGNOSTICS message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
  RETURN sqlstate || ' ' || concat_ws(' | ', message, nullif(detail, ''), nullif(hint, ''));
END $$;
CREATE FUNCTION refused(call text, error text) RETURNS text LANGUAGE sql AS $$
  SELECT CASE WHEN e LIKE error THEN ok(true, call) ELSE is(e, error, call) END FROM error_of(call) e
$$;
-- create_stage_table over orders with some arguments replaced
CREATE FUNCTION creation(arguments text) RETURNS text LANGUAGE sql AS $$
  SELECT 'SELECT crmlife.create_stage_table(' || string_agg(format('%s => %s', k, v), ', ') || ')'
  FROM (SELECT DISTINCT ON (k) k, v FROM (
          SELECT 0, split_part(a, ' => ', 1), split_part(a, ' => ', 2)
          FROM regexp_split_to_table(arguments, E'\n') a WHERE a <> ''
          UNION ALL VALUES (1, 'name', $q$'s'$q$), (1, 'orders', $q$'orders'$q$), (1, 'customer', $q$'customer'$q$),
            (1, 'ordered_at', $q$'at'$q$), (1, 'amount', $q$'amount'$q$)) x(rank, k, v) ORDER BY k, rank) y
$$;
CREATE FUNCTION refused_creation(arguments text, error text) RETURNS text LANGUAGE sql AS $$
  SELECT CASE WHEN e LIKE error THEN ok(true, what) ELSE is(e, error, what) END
  FROM error_of(creation(arguments)) e, replace(arguments, E'\n', ', ') what
$$;

-- ----- creating -----
SELECT refused_creation(arguments, error) FROM (VALUES
  -- what is missing
  ($$name => NULL$$, '22004 name must not be null'),
  ($$orders => NULL$$, '22004 orders must not be null'),
  ($$customer => NULL$$, '22004 customer must not be null'),
  ($$ordered_at => NULL$$, '22004 ordered_at must not be null'),
  ($$amount => NULL$$, '22004 amount must not be null'),
  ($$model => NULL$$, '22004 model must not be null'),
  ($$timezone => NULL$$, '22004 timezone must not be null'),
  ($$refresh_every => NULL$$, '22004 refresh_every must not be null'),
  ($$capture => NULL$$, '22004 capture must not be null'),
  ($$keep_history => NULL$$, '22004 keep_history must not be null | Leave it out for its default.'),
  -- names
  ($$name => ''$$, '42602 invalid name syntax'),
  ($$name => 'a.b.c.d'$$, '42601 improper relation name%'),
  ($$name => 'nowhere.s'$$, '3F000 schema "nowhere" does not exist'),
  ($$name => 'pg_temp.s'$$, '42P16 a stage table cannot be a temporary table | Its refreshes run in other sessions. | Give a schema%'),
  ($$name => 'pg_catalog.s'$$, '42501 permission denied to create "pg_catalog.s"%'),
  ($$name => repeat('x', 56)$$, '42622 stage table name "x%" is too long | Its change log is called x%_changes, which must fit into 63 bytes.'),
  ($$name => 'orders'$$, '42P07 relation "orders" already exists'),
  ($$name => 'order_view'$$, '42P07 relation "order_view" already exists'),
  -- columns and relations that are not there, or not that
  ($$customer => 'nobody'$$, '42703 customer: column "nobody" of refusals.orders does not exist | Give the name of a column as it is stored, without quotes around it.'),
  ($$customer => '"customer"'$$, '42703 customer: column ""customer"" of%'),
  ($$customer => 'ctid'$$, '42703 customer: column "ctid" of%'),
  ($$customer => 'doc'$$, '42804 customer: column "doc" is of type json | A customer is a bigint, integer, smallint, uuid or text. | Use a view%'),
  ($$customer => 'code'$$, '42804 customer: column "code" is of type numeric | A customer is%'),
  ($$customer => 'at'$$, '42804 customer: column "at" is of type timestamp with time zone | A customer is%'),
  ($$ordered_at => 'nothing'$$, '42703 column "nothing" does not exist'),
  ($$ordered_at => 'note'$$, '42804 ordered_at "note" is of type text | It must be a date, timestamp or timestamp with time zone. | Cast it%'),
  ($$ordered_at => '''2024-01-01'''$$, '42804 ordered_at%is of type text%'),
  ($$ordered_at => 'amount'$$, '42804 ordered_at "amount" is of type numeric%'),
  ($$amount => 'price'$$, '42804 amount "price" is of type double precision | Money is exact: it must be numeric or an integer type. | Cast it, for example (price)::numeric.'),
  ($$amount => 'paid'$$, '42804 amount "paid" is of type money%'),
  ($$amount => 'note'$$, '42804 amount "note" is of type text%'),
  ($$order_filter => 'amount'$$, '42804 order_filter "amount" is of type numeric, not boolean'),
  ($$order_filter => 'tableoid <> ''orders''::regclass'$$, '22023 order_filter "tableoid <> ''orders''::regclass" has a relation, type, role or function by name | It may come to be the name of another. Tell the rows by a column.'),
  ($$orders => 0::regclass$$, '42P01 orders: relation with OID 0 does not exist'),
  ($$orders => 'numbers'$$, '42809 orders: refusals.numbers is not a table or view'),
  ($$orders => 'pg_class'$$, '42809 orders: pg_catalog.pg_class belongs to PostgreSQL itself'),
  ($$orders => 'temporary'$$, '42809 orders: pg_temp%.temporary is a temporary table | Later refreshes, in other sessions, cannot see it.'),
  ($$orders => 'unlogged'$$, '42809 orders: changes of refusals.unlogged cannot be captured by triggers | It is unlogged%| Pass capture => ''full''%'),
  ($$orders => 'order_view'$$, '42809 orders: changes of refusals.order_view cannot be captured by triggers | It is a view. | Pass capture => ''full''%'),
  ($$orders => 'names'$$, '0A000 customer: column "customer" has a nondeterministic collation | Use a view%'),
  ($$visits => 'visits'$$, '22004 visits needs visit_customer'),
  (E'visits => ''visits''\nvisit_customer => ''customer''', '22004 visited_at must not be null'),
  (E'visits => ''visits''\nvisit_customer => ''who''\nvisited_at => ''at''', '42804 visit_customer and customer are of different types | One is a text, the other a bigint.'),
  (E'members => ''members''\nmember_customer => ''name''', '42804 member_customer and customer are of different types%'),
  ($$members => 'members'$$, '22004 members needs member_customer'),
  ($$visit_customer => 'customer'$$, '22023 visit_customer is given without visits | Name the relation with visits => ''...''.'),
  ($$visited_at => 'at'$$, '22023 visited_at is given without visits%'),
  ($$visit_filter => 'true'$$, '22023 visit_filter is given without visits%'),
  ($$member_customer => 'customer'$$, '22023 member_customer is given without members%'),
  ($$registered_at => 'registered'$$, '22023 registered_at is given without members%'),
  -- expressions that are none, or not of the row alone
  ($$amount => ''$$, '22023 amount "" is not one expression%'),
  ($$amount => '*'$$, '22023 amount "*" is not one expression%'),
  ($$amount => 'orders.*'$$, '22023 amount "orders.*" is not one expression%'),
  ($$amount => 'amount, code'$$, '22023 amount "amount, code" is not one expression | Give a column, or an expression over the columns of a row.'),
  ($$amount => 'amount FROM orders'$$, '22023 amount "amount FROM orders" is not one expression%'),
  ($$amount => 'amount ORDER BY 1'$$, '22023 amount "amount ORDER BY 1" is not one expression%'),
  ($$amount => 'amount LIMIT 1'$$, '22023%is not one expression%'),
  ($$amount => 'amount UNION SELECT 1'$$, '42601 syntax error at or near "UNION"'),
  ($$amount => 'amount x'$$, '22023 amount "amount x" is not one expression | Leave the name behind the expression out.'),
  ($$amount => '1); DROP TABLE orders; --'$$, '42601 syntax error at or near ")"'),
  ($$amount => '1; DROP TABLE orders'$$, '42601 syntax error at or near ";"'),
  ($$order_filter => 'true) OR (true'$$, '42601 syntax error at or near ")"'),
  ($$amount => '$1'$$, '42P02 there is no parameter $1'),
  ($$amount => 'DEFAULT'$$, '42601 DEFAULT is not allowed in this context'),
  ($$amount => '(SELECT 1)'$$, '22023 amount "(SELECT 1)" has a subquery | Put it into a view and use that as the source%'),
  ($$order_filter => 'EXISTS (SELECT FROM visits)'$$, '22023%has a subquery%'),
  ($$order_filter => 'customer = ANY (ARRAY(SELECT 1))'$$, '22023%has a subquery%'),
  ($$amount => 'sum(amount)'$$, '22023 amount "sum(amount)" has an aggregate or window function%'),
  ($$amount => 'sum(amount) OVER ()'$$, '22023%has an aggregate or window function%'),
  ($$amount => 'generate_series(1, 2)'$$, '22023 amount "generate_series(1, 2)" returns a set%'),
  ($$ordered_at => 'now()'$$, '22023 ordered_at "now()" is not immutable%'),
  ($$ordered_at => 'current_timestamp'$$, '22023%is not immutable%'),
  ($$ordered_at => 'at::date'$$, '22023 ordered_at "at::date" is not immutable | Its value must depend on the row alone%'),
  ($$amount => 'told()'$$, '22023 amount "told()" is not immutable%'),
  ($$amount => '(random() * 100)::int'$$, '22023%is not immutable%'),
  ($$order_key => 'nextval(''numbers'')'$$, '22023%is not immutable%'),
  ($$order_filter => 'at > now() - interval ''1 year'''$$, '22023%is not immutable%'),
  -- settings
  ($$model => 'nope'$$, '42704 stage model "nope" does not exist | Shipped models are%'),
  ($$model => 'CASE WHEN now() > 1 THEN ''a'' END'$$, '0A000 function now can''t be called in a stage model%'),
  ($$model => 'CASE WHEN (SELECT 1) > 1 THEN ''a'' END'$$, '0A000 a subquery can''t stand in a stage model%'),
  ($$model => 'engagement'$$, '0A000 the stage model reads days_since_registered%'),
  ($$model => with_threshold('engagement', 'order_value', 5)$$, '0A000 the stage model reads days_since_registered, which a stage table without that source can''t supply | Give create_stage_table the source that has it%'),
  (E'members => ''members''\nmember_customer => ''customer''\nmodel => with_threshold(''engagement'', ''order_value'', 5)', '0A000 the stage model reads days_since_registered%'),
  ($$model => 'CASE WHEN days_since_visit > 3 THEN ''a'' END'$$, '0A000 the stage model reads days_since_visit%'),
  ($$timezone => 'Mars/Olympus'$$, '22023 time zone "Mars/Olympus" not recognized | SELECT name FROM pg_timezone_names lists them.'),
  ($$timezone => ''$$, '22023 time zone "" not recognized%'),
  ($$refresh_every => '0'$$, '22023 refresh_every must be longer than nothing%'),
  ($$refresh_every => '178000000 years'$$, '22023 refresh_every must not be longer than 100000 years'),
  ($$refresh_every => '-1 minute'$$, '22023 refresh_every must be longer than nothing%'),
  ($$capture => 'sometimes'$$, '22023 capture "sometimes" is unknown | ''trigger''%'),
  -- names a stage table needs itself
  ($$customer => 'refreshed_at'$$, '42701 a stage table has a column "refreshed_at" of its own | Choose another name with customer_column%'),
  ($$customer => 'seq'$$, '42701 a stage table has a column "seq" of its own | Choose another name with customer_column%'),
  ($$customer_column => 'stage'$$, '42701 a stage table has a column "stage" of its own%'),
  ($$customer_column => 'history'$$, '42701 a stage table has a column "history" of its own%'),
  ($$customer_column => 'xmin'$$, '42701 a stage table has a column "xmin" of its own%'),
  ($$customer_column => ''$$, '42602 customer_column "" is no column name%'),
  ($$customer_column => repeat('c', 64)$$, '42602 customer_column "c%" is no column name%')
) x(arguments, error);

SELECT is_empty($$ SELECT relname FROM pg_class WHERE relnamespace = 'refusals'::regnamespace AND relname ~ '^(s|x)(_|$)' $$,
  'nothing is left of all that');
SELECT is_empty($$ SELECT tgname FROM pg_trigger WHERE tgrelid = 'orders'::regclass $$, 'no trigger either');
SELECT is_empty($$ SELECT * FROM crmlife.stage_table $$, 'no definition');
SELECT is_empty($$ SELECT * FROM crmlife.capture_source $$, 'no source');
SELECT lives_ok(creation($$customer => 'seq'
customer_column => 'who'$$), 'with customer_column such a name does');
SELECT col_type_is('s', 'who', 'integer', 'it is called as asked');
SELECT crmlife.drop_stage_table('s') \g /dev/null

-- a name that is taken by half
CREATE TABLE s_changes (x int);
SELECT refused_creation('', '42P07 relation "s_changes" already exists');
SELECT hasnt_table('s');
DROP TABLE s_changes;

-- ----- using -----
SELECT lives_ok(creation($$timezone => 'UTC'
refresh_every => '1 day'$$));
SELECT lives_ok($$ SELECT crmlife.refresh('s', '2025-12-01', true) $$);
SELECT refused(call, error) FROM (VALUES
  ($$SELECT crmlife.refresh(NULL)$$, '22004 stage_table must not be null'),
  ($$SELECT crmlife.refresh('s', NULL)$$, '22004 as_of must not be null | Leave it out for its default.'),
  ($$SELECT crmlife.refresh('s', "full" => NULL)$$, '22004 full must not be null%'),
  ($$SELECT crmlife.refresh('nothing')$$, '42P01 relation "nothing" does not exist'),
  ($$SELECT crmlife.refresh('orders')$$, '42704 refusals.orders is not a stage table | SELECT stage_table FROM crmlife.status lists them; crmlife.create_stage_table makes one.'),
  ($$SELECT crmlife.refresh('s_changes')$$, '42704 refusals.s_changes is not a stage table%'),
  ($$SELECT crmlife.refresh(1)$$, '42704 relation with OID 1 is not a stage table%'),
  ($$SELECT crmlife.refresh('s', '2025-11-30')$$, '55000 stage table refusals.s has been refreshed to a later day | It shows 2025-12-01, the refresh asks for 2025-11-30. | Going back in time rebuilds the table: pass full => true.'),
  ($$SELECT crmlife.refresh('s', 'infinity')$$, '22008 as_of must be finite'),
  ($$SELECT crmlife.refresh('s', '-infinity', true)$$, '22008 as_of must be finite'),
  ($$SELECT * FROM crmlife.verify(NULL)$$, '22004 stage_table must not be null'),
  ($$SELECT * FROM crmlife.verify('orders')$$, '42704 refusals.orders is not a stage table%'),
  ($$SELECT * FROM crmlife.verify('s', 'infinity')$$, '22008 as_of must be finite'),
  ($$SELECT crmlife.set_threshold(NULL, 'active_days', 1)$$, '22004 stage_table must not be null'),
  ($$SELECT crmlife.set_threshold('s', NULL, 1)$$, '22004 threshold must not be null'),
  ($$SELECT crmlife.set_threshold('orders', 'active_days', 1)$$, '42704 refusals.orders is not a stage table%'),
  ($$SELECT crmlife.set_threshold('s', 'nix', 1)$$, '42704 the stage model has no threshold "nix" | It has aftersale_days, active_days, silent_days, sleeping_days.'),
  ($$SELECT crmlife.set_threshold('s', 'nix', NULL)$$, '42704 the stage model has no threshold "nix"%'),
  ($$SELECT crmlife.set_threshold('s', 'active_days', 'NaN')$$, '22023 a threshold must be a finite number or NULL%'),
  ($$SELECT crmlife.set_threshold('s', 'active_days', 90, 'gold')$$, '55000 stage table refusals.s has no segments%'),
  ($$SELECT crmlife.set_model(NULL, 'recency')$$, '22004 stage_table must not be null'),
  ($$SELECT crmlife.set_model('s', NULL)$$, '22004 model must not be null'),
  ($$SELECT crmlife.set_model('s', 'nope')$$, '42704 stage model "nope" does not exist%'),
  ($$SELECT crmlife.set_model('s', 'engagement')$$, '22023 threshold "order_value" of the stage model has no value%'),
  ($$SELECT crmlife.set_model('s', 'CASE WHEN days_since_visit > 3 THEN ''a'' END')$$, '0A000 the stage model reads days_since_visit%'),
  ($$SELECT crmlife.set_model('s', 'CASE WHEN days_since_registered > 3 THEN ''a'' END')$$, '0A000 the stage model reads days_since_registered%'),
  ($$SELECT crmlife.set_timezone(NULL, 'UTC')$$, '22004 stage_table must not be null'),
  ($$SELECT crmlife.set_timezone('s', NULL)$$, '22004 timezone must not be null'),
  ($$SELECT crmlife.set_timezone('s', 'Mars')$$, '22023 time zone "Mars" not recognized%'),
  ($$SELECT crmlife.calibrate(NULL)$$, '22004 stage_table must not be null'),
  ($$SELECT crmlife.calibrate('orders')$$, '42704 refusals.orders is not a stage table%'),
  ($$SELECT crmlife.calibrate('s', 'median')$$, '22023 rfm_monetary "median" is unknown | ''sum'' of all orders, or ''mean'' per order.'),
  ($$SELECT crmlife.calibrate('s', rfm_window => '5 hours')$$, '22023 rfm_window must be a number of whole days or months%'),
  ($$SELECT crmlife.calibrate('s', rfm_window => '-5 days')$$, '22023 rfm_window must be%'),
  ($$SELECT crmlife.calibrate('s', rfm_window => '1001 years')$$, '22023 rfm_window must be%'),
  ($$SELECT crmlife.calibrate('s', recency_cuts => '{3,2}')$$, '22023 recency cuts decrease | Cut 2 is less than cut 1.%'),
  ($$SELECT crmlife.calibrate('s', recency_cuts => '{1,NULL}')$$, '22004 recency cuts must not be NULL%'),
  ($$SELECT crmlife.calibrate('s', frequency_cuts => '{NaN}')$$, '22003 frequency cuts must be finite numbers%'),
  ($$SELECT crmlife.calibrate('s', monetary_cuts => '{1,2,3,4,5,6,7,8,9}')$$, '22023 too many monetary cuts%'),
  ($$SELECT crmlife.calibrate('s', monetary_cuts => '{{1,2},{3,4}}')$$, '2202E monetary cuts must be a one-dimensional array%'),
  ($$SELECT crmlife.effective_model('orders')$$, '42704 refusals.orders is not a stage table%'),
  ($$SELECT crmlife.drop_stage_table('orders')$$, '42704 refusals.orders is not a stage table%'),
  ($$SELECT crmlife.drop_stage_table(1)$$, '42704 what was given is not a stage table%'),
  ($$SELECT * FROM crmlife.learn('s', min_eligible => 0)$$, '22023 min_eligible must be at least 1'),
  ($$SELECT crmlife.add_consumer('s', 'mailer', role => NULL)$$, '22004 role must not be null'),
  ($$SELECT * FROM crmlife._segment_models('orders')$$, '42704 refusals.orders is not a stage table%'),
  ($$SELECT crmlife.capture()$$, '39P01 crmlife.capture() is a trigger function | crmlife.create_stage_table puts it where it is needed.'),
  ($$SELECT crmlife.wake_worker()$$, '39P01 crmlife.wake_worker() is a trigger function')
) x(call, error);
SELECT is_empty($$ SELECT crmlife._segment_models(NULL) $$, 'no table, no segments');
SELECT is(w::text, '(,,)', 'what is no stage table has nobody waiting') FROM crmlife.waiting('orders') w;
SELECT is(crmlife.effective_model(NULL)::text, NULL, 'no table, no model');
SELECT is((SELECT model::text FROM crmlife.stage_table), 'recency'::crmlife.lifecycle_model::text, 'the model is what it was');
SELECT is_empty($$ SELECT * FROM crmlife.verify('s') $$, 'and so are the rows');

-- a threshold that its model does not allow
SELECT lives_ok($$ SELECT crmlife.set_model('s', $m$CASE WHEN days_since_order < soon THEN 'a' WHEN days_since_order < late THEN 'b' END
  WITH (soon = 5, late = 50) REQUIRE (soon < late)$m$) $$);
SELECT refused($$SELECT crmlife.set_threshold('s', 'late', 5)$$, '22023 %');
SELECT is((SELECT count(*) FROM crmlife.threshold_override), 0::bigint, 'such a threshold is not kept');
SELECT lives_ok($$ SELECT crmlife.set_threshold('s', 'late', 6) $$, 'one more is allowed');

-- ----- data no row can be made of -----
CREATE FUNCTION put(t timestamptz) RETURNS void LANGUAGE sql AS $$ UPDATE orders SET at = t WHERE customer = 4711 $$;
INSERT INTO orders (customer, at, amount) VALUES (4711, 'infinity', 5);
SELECT refused($$SELECT crmlife.refresh('s', '2025-12-01')$$, '22008 time of a row of customer "4711" is infinite | Correct the row, or leave such rows out with a filter.');
UPDATE orders SET at = '-infinity' WHERE customer = 4711;
SELECT refused($$SELECT crmlife.refresh('s', '2025-12-01')$$, '22008 time of a row of customer "4711" is infinite%');
-- of the zones of the world, one goes beyond the end
SELECT crmlife.create_stage_table('tokyo', 'orders', 'customer', 'at', 'amount', order_filter => 'customer <> 4711', timezone => 'Asia/Tokyo') \g /dev/null
SELECT crmlife.create_stage_table('york', 'orders', 'customer', 'at', 'amount', order_filter => 'customer <> 4711', timezone => 'America/New_York') \g /dev/null
SAVEPOINT ends;
UPDATE crmlife.stage_table SET order_filter = NULL;
SELECT refused(format('SELECT crmlife.refresh(%L, now(), true)', stages), what) FROM (VALUES
  ('294276-12-31 23:59:59+00', 'tokyo', '22008 time of a row of customer "4711" is out of range | Its local time lies outside the range of type timestamp. | Correct the row, or leave such rows out with a filter.'),
  ('294276-12-31 23:59:59+00', 'york', 'no error'),
  ('294276-12-31 14:59:59+00', 'tokyo', 'no error'),
  ('294276-12-31 15:00:00+00', 'tokyo', '22008 time of a row of customer "4711" is out of range%'),
  ('4714-11-24 00:00:00+00 BC', 'york', '22008 time of a row of customer "4711" is out of range%'),
  ('4714-11-24 00:00:00+00 BC', 'tokyo', 'no error')) x(at, stages, what), LATERAL (SELECT put(x.at::timestamptz)) p;
ROLLBACK TO ends;
SELECT crmlife.drop_stage_table(t) FROM unnest(ARRAY['tokyo', 'york']::regclass[]) t \g /dev/null
UPDATE orders SET at = '2025-11-11', amount = 'NaN' WHERE customer = 4711;
SELECT refused($$SELECT crmlife.refresh('s', '2025-12-01')$$, '22003 amount of a row of customer "4711" is NaN | Correct the row, or leave such rows out with a filter.');
UPDATE orders SET amount = '-infinity' WHERE customer = 4711;
SELECT refused($$SELECT crmlife.refresh('s', '2025-12-01')$$, '22003 amount of a row of customer "4711" is infinite%');
SELECT refused($$SELECT crmlife.refresh('s', '2025-12-01', true)$$, '22003 amount of a row of customer "4711" is infinite%');
SELECT refused($$SELECT * FROM crmlife.verify('s')$$, '22003 amount of a row of customer "4711" is infinite%');
SELECT is((SELECT waiting FROM crmlife.status), 1::bigint, 'the customer keeps waiting');
UPDATE orders SET amount = 1 WHERE customer = 4711;
SELECT is(crmlife.refresh('s', '2025-12-01'), 1::bigint, 'put right, the customer is refreshed');
SELECT is((SELECT stage FROM s WHERE customer = 4711), 'unclassified');

-- ----- what was there and is there no more -----
CREATE FUNCTION after_ddl(ddl text, call text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
  raised text;
BEGIN
  BEGIN
    EXECUTE ddl;
    raised := error_of(call);
    RAISE EXCEPTION USING ERRCODE = 'U0001';
  EXCEPTION WHEN SQLSTATE 'U0001' THEN
    RETURN raised;
  END;
END $$;
SELECT alike(after_ddl(ddl, $$SELECT crmlife.refresh('s', '2025-12-01', true)$$), error, ddl) FROM (VALUES
  ('DROP TABLE orders CASCADE', '42P01 orders of stage table refusals.s do not exist any more | The relation with OID % was dropped. | Undo that, or call crmlife.drop_stage_table and crmlife.create_stage_table.'),
  ('ALTER TABLE orders DROP COLUMN customer CASCADE', '42703 orders of stage table refusals.s: column "customer" of refusals.orders does not exist any more | It was dropped or renamed.%'),
  ('ALTER TABLE orders RENAME COLUMN customer TO buyer', '42703 orders of stage table refusals.s: column "customer" of%'),
  ('ALTER TABLE orders DROP COLUMN amount CASCADE', '42703 column "amount" does not exist'),
  ('ALTER TABLE orders RENAME at TO paid_at', '42703 column "at" does not exist'),
  ('DROP VIEW order_view; ALTER TABLE orders ALTER customer TYPE text', '42804 orders of stage table refusals.s: column "customer" of refusals.orders is now of type text | The stage table was created for customers of type bigint.%'),
  ('DROP VIEW order_view; ALTER TABLE orders ALTER customer TYPE bigint', '42804 column "customer" of refusals.orders is wider than that of stage table refusals.s | One is bigint, the other integer. | ALTER TABLE refusals.s ALTER COLUMN customer TYPE bigint; and the same for its change log.'),
  ('DROP TABLE s_changes', '42P01 change log of stage table refusals.s does not exist any more%'),
  ('ALTER TABLE s DROP COLUMN stage', '42703 stage table refusals.s has lost its column "stage" of type text%'),
  ('ALTER TABLE s ALTER customer TYPE text', '42804 column "customer" of stage table refusals.s is now of type text | The stage table was created for customers of type bigint. | Undo that, or call crmlife.drop_stage_table and crmlife.create_stage_table.'),
  ('ALTER TABLE s DROP CONSTRAINT s_pkey; ALTER TABLE s ALTER customer DROP NOT NULL, ALTER customer TYPE bytea USING NULL', '42804 column "customer" of stage table refusals.s is now of type bytea%'),
  ('ALTER TABLE s ALTER customer TYPE bigint', 'no error'),
  ('ALTER TABLE s DROP COLUMN customer', '42703 stage table refusals.s has lost its column "customer"'),
  ('ALTER TABLE orders RENAME TO bills', 'no error'),
  ('CREATE SCHEMA elsewhere; ALTER TABLE orders SET SCHEMA elsewhere', 'no error'),
  ('DROP VIEW order_view; ALTER TABLE orders ALTER customer TYPE smallint', 'no error'),
  ('DROP VIEW order_view; ALTER TABLE orders ALTER amount TYPE bigint USING amount * 100', 'no error')
) x(ddl, error);
CREATE TABLE buyers (customer text, at date, amount int);
INSERT INTO buyers VALUES ('Ann', '2025-06-01', 5), ('ann', '2025-06-02', 5);
SELECT FROM crmlife.create_stage_table('buyer_stages', 'buyers', 'customer', 'at', 'amount', timezone => 'UTC');
SELECT is(after_ddl('ALTER TABLE buyers ALTER customer TYPE text COLLATE alike', format('SELECT crmlife.refresh(''buyer_stages'', ''2025-12-01'', %L)', everybody)),
  '0A000 orders of stage table refusals.buyer_stages: column "customer" of refusals.buyers has a nondeterministic collation now | Customers are told apart byte by byte. | Undo that, or call crmlife.drop_stage_table and crmlife.create_stage_table.',
  'customers that have come to be alike, ' || everybody) FROM unnest(ARRAY[false, true]) everybody;
SELECT crmlife.drop_stage_table('buyer_stages') \g /dev/null
DROP TABLE buyers;
-- the capture trigger where a user has put it, and without the tables it needs
SELECT alike(after_ddl(ddl, $$INSERT INTO orders (customer, at, amount) VALUES (1, '2025-06-01', 3)$$), error, ddl) FROM (VALUES
  ('CREATE TRIGGER t BEFORE INSERT ON orders FOR EACH ROW EXECUTE FUNCTION crmlife.capture()',
   '39P01 crmlife.capture() must be fired AFTER, FOR EACH STATEMENT and with transition tables | crmlife.create_stage_table creates the triggers the right way.'),
  ('CREATE TRIGGER t AFTER INSERT ON orders FOR EACH STATEMENT EXECUTE FUNCTION crmlife.capture()', '39P01 crmlife.capture() must be fired AFTER%'),
  ('ALTER TABLE crmlife.capture_source RENAME TO x', '42P01 table crmlife.capture_source does not exist | ALTER EXTENSION crmlife UPDATE;'),
  ('ALTER TABLE crmlife.queue RENAME TO x', '42P01 table crmlife.queue does not exist | ALTER EXTENSION crmlife UPDATE;'),
  ('ALTER TABLE crmlife.capture_source ADD x int', '55000 table crmlife.capture_source is of another version | ALTER EXTENSION crmlife UPDATE;'),
  ('ALTER TABLE crmlife.queue ADD x int', '55000 table crmlife.queue is of another version | ALTER EXTENSION crmlife UPDATE;')
) x(ddl, error);
SELECT alike(after_ddl(format('CREATE TRIGGER t AFTER %s ON orders REFERENCING %s FOR EACH STATEMENT EXECUTE FUNCTION crmlife.capture()', event, tables), $$UPDATE orders SET amount = 4 WHERE customer = 1$$),
  '39P01 crmlife.capture() must be fired AFTER%', event || ' ' || tables) FROM (VALUES ('UPDATE', 'OLD TABLE AS o'), ('UPDATE', 'NEW TABLE AS n')) x(event, tables);
SELECT alike(after_ddl(ddl, call), error, ddl || ': ' || regexp_replace(call, '\d{5,}', 'OID')) FROM (VALUES
  ('ALTER TABLE crmlife.stage_table RENAME TO x', $$SELECT crmlife.refresh('s')$$, '42P01 extension crmlife is not installed in this database | CREATE EXTENSION crmlife;'),
  ('DROP TABLE s', format('SELECT crmlife.refresh(%s)', 's'::regclass::oid),
   format('42P01 stage table with OID %1$s does not exist any more | crmlife.drop_stage_table(%1$s) removes what is left of it.', 's'::regclass::oid)),
  ('DROP TABLE s', format('SELECT * FROM crmlife._rfm_counts(%s)', 's'::regclass::oid), format('42P01 relation with OID %s does not exist', 's'::regclass::oid)),
  ('TRUNCATE s; ALTER TABLE s DROP COLUMN stage', $$SELECT crmlife.refresh('s', '2025-12-01', true)$$, '42703 stage table refusals.s has lost its column "stage" of type text%'),
  ('CREATE RULE r AS ON DELETE TO s DO INSTEAD NOTHING; DELETE FROM orders WHERE customer = 1', $$SELECT crmlife.refresh('s', '2025-12-01')$$,
   '55000 a rule makes something else of what a refresh writes | DELETE FROM % | Drop the rules of the stage table and of its change log.'),
  -- as a restored dump leaves it
  ('DELETE FROM crmlife.stage_state', $$SELECT * FROM crmlife.forecast('s', 5)$$, '55000 stage table refusals.s has not been refreshed yet | SELECT crmlife.refresh(''refusals.s'');'),
  ('DELETE FROM crmlife.stage_state', $$SELECT * FROM crmlife.verify('s')$$, '55000 stage table refusals.s has not been refreshed yet | SELECT crmlife.refresh(''refusals.s'');'),
  ('DELETE FROM crmlife.stage_state', $$SELECT crmlife.recount_figures('s')$$, '55000 stage table refusals.s has not been refreshed yet | SELECT crmlife.refresh(''refusals.s'');')
) x(ddl, call, error);

-- where nothing may be written
SAVEPOINT reading;
SET TRANSACTION READ ONLY;
SELECT refused(call, '25006 cannot execute a change of a stage table in a read-only transaction') FROM (VALUES
  ($$SELECT crmlife.refresh('s')$$), ($$SELECT crmlife.set_model('s', 'recency')$$), ($$SELECT crmlife.calibrate('s')$$),
  ($$SELECT crmlife.set_threshold('s', 'late', 9)$$), ($$SELECT crmlife.drop_stage_table('s')$$)) x(call);
SELECT lives_ok($$SELECT * FROM crmlife.verify('s')$$, 'verify only reads');
ROLLBACK TO reading;

-- a stage table that is none
SELECT refused($$SELECT crmlife.drop_stage_table(NULL)$$, '22004 stage_table must not be null');
SELECT is_empty(call, 'nothing of nothing: ' || call) FROM (VALUES ('SELECT * FROM crmlife.stages_on(NULL, current_date)'), ('SELECT * FROM crmlife.transitions(NULL, current_date, current_date)'),
  ('SELECT * FROM crmlife.stage_spells(NULL, current_date, current_date)'), ('SELECT * FROM crmlife.time_in_stage(NULL, current_date, current_date)'), ('SELECT * FROM crmlife.forecast(NULL, 3)'), ('SELECT * FROM crmlife.rfm_sizes(NULL)')) x(call);

-- dropped, and dropped again
SELECT lives_ok($$ SELECT crmlife.drop_stage_table('s') $$);
SELECT refused($$SELECT crmlife.drop_stage_table('s')$$, '42P01 relation "s" does not exist');

SELECT finish();
ROLLBACK;
