-- due_on of a stage table against every day of three years: the first day on
-- which verify, working everything out for that day, finds another value.
\set ECHO none
\pset format unaligned
\pset tuples_only true
SET client_min_messages = warning;
DROP SCHEMA IF EXISTS lifecycle_due CASCADE;
CREATE SCHEMA lifecycle_due;
SET search_path = lifecycle_due, public;
SET TimeZone = 'UTC';
SET jit = off;
SELECT setseed(0.8414) IS NOT NULL AS seeded \gset
SELECT no_plan();
\getenv src PG_ABS_SRCDIR
\set models :src '/data/random_models.sql'
\i :models
SET random.windows = on;

-- orders of one or two lines, some of them refunded later, in part or whole;
-- a few events of the future
CREATE TABLE line (c int, key int, at date, amount numeric);
INSERT INTO line SELECT i % 12, i, date '2024-03-10' - floor(random() * random() * 500 - 30)::int, round((random() * 80)::numeric, 2) FROM generate_series(1, 70) AS i;
INSERT INTO line SELECT c, key, at + 1 + (random() * 60)::int, CASE WHEN random() < 0.5 THEN -amount ELSE round(-amount / 2, 2) END FROM line WHERE random() < 0.3;
INSERT INTO line SELECT c, key, at, 5 FROM line WHERE random() < 0.2;
CREATE TABLE visit (c int, at date);
INSERT INTO visit SELECT i % 14, date '2024-03-10' - floor(random() * random() * 300 - 10)::int FROM generate_series(1, 60) AS i;
CREATE TABLE member (c int, registered date);
INSERT INTO member SELECT i, date '2024-03-10' - i * i * 2 FROM generate_series(0, 15) AS i;
SELECT crmlife.create_stage_table('due_stage', 'line', 'c', 'at', 'amount', order_key => 'key', visits => 'visit', visit_customer => 'c', visited_at => 'at',
  members => 'member', member_customer => 'c', registered_at => 'registered', timezone => 'UTC', capture => 'full') IS NOT NULL AS made \gset
SELECT crmlife.refresh('due_stage', '2024-03-10', true) IS NOT NULL AS refreshed \gset

-- customers whose due_on is not the first day that verify finds to differ
CREATE FUNCTION due_differs(model crmlife.lifecycle_model, days int, OUT different bigint, OUT due bigint) LANGUAGE plpgsql AS $$
BEGIN
  PERFORM crmlife.set_model('due_stage', model);
  SELECT count(*) FILTER (WHERE first IS DISTINCT FROM CASE WHEN due_on <= date '2024-03-10' + days THEN due_on END), count(first)
  INTO different, due
  FROM due_stage LEFT JOIN
    (SELECT customer::int AS c, min(date '2024-03-10' + d) AS first
     FROM generate_series(1, days) AS d, LATERAL crmlife.verify('due_stage', date '2024-03-10' + d) AS v
     WHERE v.stored IS NOT NULL OR v.column_name <> 'customer' GROUP BY 1) AS f USING (c);
EXCEPTION WHEN data_exception THEN
  NULL;
END $$;
SELECT is(different, 0::bigint, name || ': due_on is the first day that differs')
FROM (VALUES ('recency', 'recency'::crmlife.lifecycle_model), ('recency_grid', 'recency_grid'), ('kpi_bands', 'kpi_bands'),
             ('engagement', with_threshold('engagement', 'order_value', 40)), ('membership', 'membership'), ('layers', 'layers'),
             ('membership, shorter', with_threshold(with_threshold('membership', 'period_days', 70), 'mature_orders', 2))) AS m(name, model),
  LATERAL due_differs(model, 1096);

-- Random models with windows, under random cuts and windows of RFM, each on
-- another day, over times of a zone that changes its clocks on the first of
-- them.  Of the days on which somebody is due, one is tried, and the day
-- before: who is due on that day differs on it, who is due on it or later does
-- not on the day before.
CREATE TABLE sale (c int, key int, at timestamptz, amount numeric);
INSERT INTO sale SELECT c, key, (at + floor(random() * 24) * interval '1 hour') AT TIME ZONE 'America/New_York', amount FROM line;
CREATE TABLE seen (c int, at timestamptz);
INSERT INTO seen SELECT c, (at + floor(random() * 24) * interval '1 hour') AT TIME ZONE 'America/New_York' FROM visit;
SELECT crmlife.create_stage_table('zoned', 'sale', 'c', 'at', 'amount', order_key => 'key', visits => 'seen', visit_customer => 'c', visited_at => 'at',
  members => 'member', member_customer => 'c', registered_at => 'registered', timezone => 'America/New_York', capture => 'full') IS NOT NULL AS made \gset
-- noon of a day in both zones
CREATE FUNCTION noon(day date) RETURNS timestamptz LANGUAGE sql AS $$ SELECT (day + time '12:00') AT TIME ZONE 'America/New_York' $$;
CREATE FUNCTION positive() RETURNS text LANGUAGE sql AS $$ SELECT ltrim(value(), '-') $$;
CREATE FUNCTION some_cuts(lowest numeric, highest numeric) RETURNS numeric[] LANGUAGE sql AS $$
  SELECT coalesce(array_agg(cut ORDER BY cut), '{}') FROM (SELECT round(lowest + random()::numeric * (highest - lowest), 1) AS cut FROM generate_series(1, floor(random() * 5)::int)) AS c $$;
CREATE TABLE tried (model text, windowed bool, day date, due date, same bigint, before bigint, due_then bigint);
CREATE PROCEDURE try_model(i int) LANGUAGE plpgsql AS $$
DECLARE
  model text := format('%s WITH (t1 = %s, t2 = %s, t3 = %s, t4 = %s)', CASE WHEN random() < 0.2 THEN ladder() ELSE stages(1 + i % 3) END,
    positive(), positive(), positive(), positive());
  today date := date '2024-03-10' + floor(random() * 60)::int;
  next date;
BEGIN
  PERFORM crmlife.set_model('zoned', model::crmlife.lifecycle_model);
  PERFORM crmlife.refresh('zoned', noon(today), true);
  IF random() < 0.3 THEN
    PERFORM crmlife.calibrate('zoned', pick('sum', 'mean'), (pick('0', '1 month', '45 days', '3 months', '1 year', '2 months 10 days'))::interval,
      some_cuts(0, 300), some_cuts(0, 5), some_cuts(-20, 150));
  END IF;
  SELECT due_on INTO next FROM (SELECT DISTINCT due_on FROM zoned WHERE due_on < today + 1096) AS d ORDER BY random() LIMIT 1;
  INSERT INTO tried
  WITH differs AS MATERIALIZED (SELECT customer FROM crmlife.verify('zoned', noon(next))),
    before AS MATERIALIZED (SELECT customer FROM crmlife.verify('zoned', noon(next - 1)))
  SELECT model, (SELECT rfm_window IS NOT NULL FROM crmlife.rfm_cuts WHERE stage_table = 'zoned'::regclass), today, next,
    count(*) FILTER (WHERE due_on = next AND c::text NOT IN (SELECT customer FROM differs)),
    count(*) FILTER (WHERE coalesce(due_on, 'infinity') >= next AND c::text IN (SELECT customer FROM before)),
    count(*) FILTER (WHERE due_on = next)
  FROM zoned;
EXCEPTION WHEN data_exception THEN
  NULL;
END $$;
-- each by itself: in one transaction no version of a row would ever go
DO $$ BEGIN FOR i IN 1 .. 500 LOOP CALL try_model(i); COMMIT; END LOOP; END $$;
SELECT is(count(*), 0::bigint, 'random models: who is due differs then') FROM tried WHERE same > 0;
SELECT is(count(*), 0::bigint, 'nobody who is not due differs before') FROM tried WHERE before > 0;
SELECT cmp_ok(count(DISTINCT model), '>', 300::bigint, 'of those that do not raise') FROM tried WHERE due_then > 0;
SELECT cmp_ok(count(*), '>', 100::bigint, 'and scores of a window') FROM tried WHERE windowed AND due_then > 0;
SELECT finish();
DROP SCHEMA lifecycle_due CASCADE;
