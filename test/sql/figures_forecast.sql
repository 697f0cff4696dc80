-- The forecast is what happens when no order comes: refreshes day by day log
-- exactly that.
\set ECHO none
\pset format unaligned
\pset tuples_only true
\set QUIET on
SET client_min_messages = warning;
SET timezone = 'UTC';
SELECT plan(14);
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
