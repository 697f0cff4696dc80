-- The forecast is what happens when no order comes: refreshes day by day log
-- exactly that.
\set ECHO none
\pset format unaligned
\pset tuples_only true
\set QUIET on
SET client_min_messages = warning;
SET timezone = 'UTC';
SELECT plan(20);
CREATE SCHEMA coming;
SET search_path = coming, public;
SELECT setseed(0.75) \g /dev/null
CREATE TABLE orders (customer int, at date, amount numeric);
-- some orders are dated in the future already
INSERT INTO orders SELECT ceil(200 * random() ^ 2)::int, current_date + 15 - (500 * random() ^ 1.5)::int, round((90 * random() - 8)::numeric, 2)
FROM generate_series(1, 1200);
CREATE TABLE visits AS SELECT ceil(260 * random())::int AS customer, current_date - (300 * random() ^ 2)::int AS at FROM generate_series(1, 700);
CREATE TABLE members AS SELECT c AS customer, current_date - (400 * random())::int AS at FROM generate_series(1, 280) c WHERE c % 3 = 0;
CREATE INDEX ON orders (customer);
CREATE INDEX ON visits (customer);
CREATE INDEX ON members (customer);
-- who is visible today: those who come later are in no stage that could be left
CREATE FUNCTION pg_temp.check_forecast(model crmlife.lifecycle_model, days int, what text) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
  promised text;
  shown text;
BEGIN
  PERFORM crmlife.create_stage_table('coming.stages', 'orders', 'customer', 'at', 'amount', visits => 'visits', visit_customer => 'customer',
    visited_at => 'at', members => 'members', member_customer => 'customer', registered_at => 'at', model => model);
  SELECT string_agg(f::text, ' ' ORDER BY f.day, f.from_stage, f.to_stage) INTO promised FROM crmlife.forecast('coming.stages', days) f;
  RETURN NEXT cmp_ok((SELECT count(*) FROM crmlife.forecast('coming.stages', days)), '>', 20::bigint, what || ': something is about to happen');
  FOR i IN 1 .. days LOOP
    PERFORM crmlife.refresh('coming.stages', current_date + i + time '12:00');
  END LOOP;
  EXECUTE $q$SELECT string_agg(f::text, ' ' ORDER BY f.d, f.a, f.b) FROM (
    SELECT changed_on AS d, from_stage AS a, to_stage AS b, count(*) AS n
    FROM coming.stages_changes WHERE from_stage IS NOT NULL AND customer IN (SELECT customer FROM known_today) GROUP BY 1, 2, 3) f$q$ INTO shown;
  RETURN NEXT is(promised, shown, what || ': all of it does');
  RETURN NEXT is((SELECT count(*) FROM crmlife.verify('coming.stages')), 0::bigint, what || ': and verify agrees');
  PERFORM crmlife.drop_stage_table('coming.stages');
END $$;
CREATE TEMP TABLE known_today AS
  SELECT customer FROM orders WHERE at <= current_date UNION SELECT customer FROM visits UNION SELECT customer FROM members;
SELECT pg_temp.check_forecast('recency', 60, 'recency');
SELECT pg_temp.check_forecast(with_threshold('engagement', 'order_value', 30), 40, 'engagement');
SELECT pg_temp.check_forecast('membership', 60, 'membership, with window facts');
-- The first order tells the segment.  Where it is dated in the future, all
-- after it is foretold as for a customer without one, till its day.
CREATE TABLE channel_orders (customer int, at date, amount numeric, channel text);
INSERT INTO channel_orders VALUES (1, current_date + 15, 5, 'web'), (2, current_date + 15, 5, 'shop');
CREATE TABLE channel_visits AS SELECT customer, current_date - 3 AS at FROM generate_series(1, 2) AS customer;
SELECT crmlife.create_stage_table('by_channel', 'channel_orders', 'customer', 'at', 'amount', segment => 'channel', visits => 'channel_visits', visit_customer => 'customer', visited_at => 'at',
  model => $$CASE WHEN orders = 0 THEN 'none' WHEN days_since_order < fresh_days THEN 'fresh' ELSE 'stale' END WITH (fresh_days = 25)$$) \g /dev/null
SET client_min_messages = error;
SELECT crmlife.set_threshold('by_channel', 'fresh_days', 10, 'web') \g /dev/null
SET client_min_messages = warning;
SELECT is(string_agg(concat_ws(' ', f.day - current_date, from_stage, to_stage, customers), ', ' ORDER BY day), '15 none fresh 2, 40 fresh stale 2', 'a segment that the future tells is not known yet')
FROM crmlife.forecast('by_channel', 60) AS f;
SELECT is(string_agg(concat_ws(' ', due_on - current_date, segment), ', ' ORDER BY customer), '15, 15', 'the day that tells it is due') FROM by_channel;
SELECT sum(crmlife.refresh('by_channel', current_date + i + time '12:00')) FROM generate_series(1, 15) AS i \g /dev/null
SELECT is(string_agg(segment, ', ' ORDER BY customer), 'web, shop', 'then the segment is known') FROM by_channel;
SELECT is(string_agg(concat_ws(' ', f.day - current_date, from_stage, to_stage, customers), ', ' ORDER BY day), '25 fresh stale 1, 40 fresh stale 1', 'and all that follows foretold by it')
FROM crmlife.forecast('by_channel', 60) AS f;
SELECT crmlife.drop_stage_table('by_channel') \g /dev/null
-- as many stages, and days, as there may be
SELECT crmlife.create_stage_table('stages', 'orders', 'customer', 'at', 'amount', model => ('CASE ' || (SELECT string_agg(format('WHEN days_since_order < %s THEN ''s%s''', i * 10, i), ' ' ORDER BY i) FROM generate_series(1, 240) i) || ' END')::crmlife.lifecycle_model) \g /dev/null
CREATE TABLE ten_years AS SELECT * FROM crmlife.forecast('stages', 3660);
SELECT set_eq($$SELECT * FROM ten_years WHERE day <= current_date + 400$$, $$SELECT * FROM crmlife.forecast('stages', 400)$$, '240 stages over ten years');
SELECT cmp_ok(count(*), '>', 20000::bigint, 'and many moves') FROM ten_years;
SELECT crmlife.drop_stage_table('stages') \g /dev/null
SELECT crmlife.create_stage_table('stages', 'orders', 'customer', 'at', 'amount') \g /dev/null
SELECT crmlife.create_stage_table('bare', 'orders', 'customer', 'at', 'amount', keep_history => false) \g /dev/null
SELECT throws_ok($$SELECT * FROM crmlife.forecast('stages', 0)$$, '22023', 'days must be from 1 to 3660', 'no day is none');
SELECT throws_ok($$SELECT * FROM crmlife.forecast('bare', 7)$$, '55000', 'stage table coming.bare keeps no histories', 'histories are needed');
CREATE ROLE forecast_reader;
GRANT USAGE ON SCHEMA coming TO forecast_reader;
SET ROLE forecast_reader;
SELECT throws_ok($$SELECT * FROM crmlife.forecast('stages', 7)$$, '42501', NULL, 'nobody forecasts without SELECT');
RESET ROLE;
GRANT SELECT ON stages TO forecast_reader;
SET ROLE forecast_reader;
SELECT lives_ok($$SELECT * FROM crmlife.forecast('stages', 7)$$, 'SELECT on the stage table is enough');
SELECT cmp_ok((SELECT count(*) FROM crmlife.snapshots WHERE stage_table::oid = 'coming.stages'::regclass), '>', 100::bigint, 'for the figures too');
RESET ROLE;
SELECT count(crmlife.drop_stage_table(t)) FROM unnest(ARRAY['stages', 'bare']::regclass[]) t \g /dev/null
DROP OWNED BY forecast_reader;
DROP ROLE forecast_reader;
DROP SCHEMA coming CASCADE;
SELECT finish();
