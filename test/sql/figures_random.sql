-- The figures of a stage table over random rows of three sources, when it is
-- made, after each day and after days without a refresh; the overview; and what
-- a change of threshold does.
\set ECHO none
\pset format unaligned
\pset tuples_only true
\set QUIET on
SET client_min_messages = warning;
SET jit = off;
SET timezone = 'Europe/London';
\getenv src PG_ABS_SRCDIR
\set oracle :src '/data/figures.sql'
SELECT plan(46);
CREATE SCHEMA random_shop;
SET search_path = random_shop, public;
SELECT setseed(0.25) \g /dev/null
CREATE TABLE orders (customer int, at timestamptz, amount numeric);
INSERT INTO orders
SELECT c, now() - d * interval '1 day', CASE WHEN a < 0.05 THEN NULL WHEN a < 0.12 THEN -round((a * 100)::numeric, 2) ELSE round((a * 300)::numeric, 1) END
FROM (SELECT ceil(300 * random() ^ 2)::int AS c, 800 * random() ^ 1.5 AS d, random() AS a FROM generate_series(1, 1500) i) r;
-- several of one day, and of the days around the bands' edges
INSERT INTO orders SELECT customer, at - e * interval '1 day', amount FROM orders, unnest(ARRAY[0, 44, 45, 46, 90, 140, 365]) e WHERE customer % 17 = 1;
CREATE TABLE visits AS SELECT ceil(360 * random())::int AS customer, now() - 700 * random() * interval '1 day' AS at FROM generate_series(1, 900);
CREATE TABLE members AS SELECT c AS customer, CASE WHEN c % 9 > 0 THEN now() - 900 * random() * interval '1 day' END AS at FROM generate_series(1, 380) c WHERE c % 5 = 0;
CREATE INDEX ON orders (customer);
CREATE INDEX ON visits (customer);
CREATE INDEX ON members (customer);
SELECT crmlife.create_stage_table('stages', 'orders', 'customer', 'at', 'amount', visits => 'visits', visit_customer => 'customer',
  visited_at => 'at', members => 'members', member_customer => 'customer', registered_at => 'at', timezone => 'Asia/Shanghai') \g /dev/null

-- the day that the stage table shows
CREATE FUNCTION pg_temp.today() RETURNS date LANGUAGE sql STABLE AS
  $$ SELECT day FROM crmlife.overview WHERE stage_table::oid = 'random_shop.stages'::regclass $$;
CREATE TEMP TABLE raw AS SELECT customer::text AS c, (at AT TIME ZONE 'Asia/Shanghai')::date AS day, amount FROM orders;
CREATE TEMP TABLE seen AS SELECT customer::text AS c, (at AT TIME ZONE 'Asia/Shanghai')::date AS day FROM visits;
CREATE TEMP TABLE known AS
  SELECT c, CASE WHEN bool_or(always) THEN '-infinity' ELSE min(day) END AS since
  FROM (SELECT c, day, false AS always FROM raw UNION ALL SELECT c, day, false FROM seen
        UNION ALL SELECT customer::text, (at AT TIME ZONE 'Asia/Shanghai')::date, at IS NULL FROM members) r GROUP BY c;
CREATE INDEX ON raw (c, day);
ANALYZE raw, known;
\i :oracle

SELECT pg_temp.check_figures('stages', pg_temp.today(), 'at creation');

-- ---- the overview ----
CREATE TEMP VIEW expected_overview AS
WITH o AS (SELECT c, day FROM raw WHERE amount IS NULL OR amount >= 0),
per AS (SELECT c, count(*) AS n, count(DISTINCT day) AS days, min(day) AS first, max(day) AS last FROM o GROUP BY c),
time AS (SELECT customer, count(*) AS n, max(at) - min(at) AS span FROM orders WHERE amount IS NULL OR amount >= 0 GROUP BY 1),
buyer AS (SELECT p.c, p.first - (SELECT min(s.day) FROM seen s WHERE s.c = p.c AND s.day <= p.first) AS days FROM per p WHERE p.first > pg_temp.today() - 90)
SELECT (SELECT count(*) FROM known) AS customers, (SELECT count(*) FROM per) AS paying, (SELECT count(*) FROM per WHERE n > 1) AS repeating,
       (SELECT count(*) FROM o) AS orders, (SELECT sum(amount) FROM raw) AS revenue,
       (SELECT count(*) FROM buyer) AS new_buyers, (SELECT count(days) FROM buyer) AS seen, (SELECT sum(days) FROM buyer) AS decision_days,
       (SELECT sum(days - 1)::bigint FROM per) AS gaps, (SELECT sum(last - first)::bigint FROM per) AS gap_days,
       (SELECT sum(n - 1)::bigint FROM time) AS order_gaps, (SELECT sum(extract(epoch FROM span)) FROM time) AS seconds;
CREATE FUNCTION pg_temp.check_overview(what text) RETURNS SETOF text LANGUAGE plpgsql AS $$
BEGIN
  RETURN NEXT is((SELECT ROW(customers, paying_customers, repeat_customers, orders, revenue, new_buyers, new_buyers_seen, decision_days, gaps, gap_days, order_gaps, order_gap_seconds)::text
                  FROM crmlife.overview WHERE stage_table::oid = 'random_shop.stages'::regclass),
                 (SELECT ROW(e.*)::text FROM expected_overview e), what || ': the overview');
END $$;
SELECT pg_temp.check_overview('at creation');
SELECT cmp_ok((SELECT seen FROM expected_overview), '>', 0::bigint, 'some new buyers were seen before');
SELECT cmp_ok((SELECT seen FROM expected_overview), '<', (SELECT new_buyers FROM expected_overview), 'and some were not');
SELECT is((SELECT ROW(repeat_share, average_order, left_out_share, first_purchase_decision_period, repurchase_period)::text FROM crmlife.overview WHERE stage_table::oid = 'stages'::regclass),
  (SELECT ROW(repeating::float8 / paying, revenue / orders, 1 - seen::float8 / new_buyers, decision_days::float8 / seen, gap_days::float8 / gaps)::text FROM expected_overview),
  'its rates follow from its parts');

-- ---- day by day, and after days without a refresh ----
CREATE FUNCTION pg_temp.go(days int) RETURNS bigint LANGUAGE sql AS
  $$ SELECT crmlife.refresh('random_shop.stages', (pg_temp.today() + days + time '12:00') AT TIME ZONE 'Asia/Shanghai') $$;
DO $$ BEGIN FOR i IN 1 .. 15 LOOP PERFORM pg_temp.go(1); END LOOP; END $$;
SELECT pg_temp.check_figures('stages', pg_temp.today(), 'day by day');
SELECT pg_temp.go(3) \g /dev/null
SELECT pg_temp.check_figures('stages', pg_temp.today(), 'after three days');
SELECT pg_temp.go(40) \g /dev/null
SELECT pg_temp.check_figures('stages', pg_temp.today(), 'after forty days');
SELECT pg_temp.check_overview('after forty days');

-- ---- what counts as the same ----
SELECT is((SELECT count(*) FROM crmlife.snapshots WHERE stage_table::oid = 'stages'::regclass AND NOT comparable), 0::bigint, 'one model: all days are comparable');
SELECT ok((SELECT bool_and(share = customers::float8 / total AND change IS NOT DISTINCT FROM (customers - week_before)::float8 / nullif(week_before, 0))
           FROM crmlife.snapshots WHERE stage_table::oid = 'stages'::regclass AND week_before IS NOT NULL), 'share and change follow from the counts');
SELECT is((SELECT count(*) FROM (SELECT day FROM crmlife.snapshots WHERE stage_table::oid = 'stages'::regclass GROUP BY day, total HAVING sum(customers) <> total) d), 0::bigint, 'the shares of a day add up to one');
CREATE TEMP TABLE before AS SELECT stage, count(*) AS n FROM stages GROUP BY 1;
CREATE TEMP TABLE overview_before AS SELECT * FROM crmlife.overview_log WHERE stage_table::oid = 'stages'::regclass;
SELECT crmlife.set_threshold('stages', 'active_days', 30) \g /dev/null
SELECT isnt((SELECT n FROM before WHERE stage = 'active'), (SELECT count(*) FROM stages WHERE stage = 'active'), 'an override changes stages at once');
SELECT is(pg_temp.differ('SELECT * FROM overview_before', 'SELECT * FROM crmlife.overview_log WHERE stage_table::oid = ''random_shop.stages''::regclass'), 0::bigint, 'and the overview not');
SELECT pg_temp.check_overview('with the override');
SELECT pg_temp.go(1) \g /dev/null
SELECT is((SELECT bool_or(comparable) FROM crmlife.snapshots WHERE stage_table::oid = 'stages'::regclass AND day = pg_temp.today() - 1), false, 'a day with the override is not comparable with the week before');
SELECT crmlife.set_threshold('stages', 'active_days', NULL) \g /dev/null
SELECT pg_temp.go(1) \g /dev/null
SELECT is((SELECT bool_and(comparable) FROM crmlife.snapshots WHERE stage_table::oid = 'stages'::regclass AND day = pg_temp.today() - 1), true, 'without it again days are');
SELECT pg_temp.go(6) \g /dev/null
SELECT is((SELECT bool_or(comparable) FROM crmlife.snapshots WHERE stage_table::oid = 'stages'::regclass AND day = pg_temp.today() - 1), false, 'but not a week after the override');
-- back in time
SELECT crmlife.refresh('stages', (pg_temp.today() - 30 + time '12:00') AT TIME ZONE 'Asia/Shanghai', "full" => true) \g /dev/null
SELECT pg_temp.check_figures('stages', pg_temp.today(), 'back in time');
SELECT is(pg_temp.today() < (SELECT refreshed_day FROM crmlife.status WHERE stage_table::oid = 'stages'::regclass) + 1, true, 'the day is that of the stage table');
SELECT crmlife.drop_stage_table('stages') \g /dev/null
SELECT is((SELECT count(*) FROM crmlife.weekly_band w WHERE NOT EXISTS (SELECT FROM pg_class c WHERE c.oid = w.stage_table::oid)), 0::bigint, 'a dropped stage table leaves no figures');
DROP SCHEMA random_shop CASCADE;
SELECT finish();
