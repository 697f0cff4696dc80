-- What was published stays as it was when late rows come; recount_figures
-- counts it again, and then it is what plain SQL finds in all rows.
-- verify_figures tells what the rows do not add up to.
\set ECHO none
\pset format unaligned
\pset tuples_only true
\set QUIET on
SET client_min_messages = warning;
SET jit = off;
SET timezone = 'UTC';
\getenv src PG_ABS_SRCDIR
\set oracle :src '/data/figures.sql'
SELECT plan(51);
CREATE SCHEMA recount_shop;
SET search_path = recount_shop, public;
SELECT setseed(0.6) \g /dev/null
CREATE TABLE orders (customer int, at date, amount numeric);
INSERT INTO orders SELECT ceil(120 * random() ^ 2)::int, current_date - (600 * random() ^ 1.5)::int, round((90 * random() - 6)::numeric, 2) FROM generate_series(1, 700);
CREATE INDEX ON orders (customer);
SELECT crmlife.create_stage_table('stages', 'orders', 'customer', 'at', 'amount', timezone => 'UTC') \g /dev/null
CREATE TEMP TABLE raw (c text, day date, amount numeric);
CREATE TEMP TABLE known (c text, since date);
CREATE INDEX ON raw (c, day);
CREATE FUNCTION pg_temp.look() RETURNS void LANGUAGE sql AS $$
  TRUNCATE raw, known;
  INSERT INTO raw SELECT customer::text, at, amount FROM recount_shop.orders;
  INSERT INTO known SELECT c, min(day) FROM raw GROUP BY c;
$$;
SELECT pg_temp.look() \g /dev/null
\i :oracle
CREATE FUNCTION pg_temp.today() RETURNS date LANGUAGE sql STABLE AS
  $$ SELECT day FROM crmlife.overview WHERE stage_table::oid = 'recount_shop.stages'::regclass $$;
CREATE FUNCTION pg_temp.go(days int) RETURNS bigint LANGUAGE sql AS
  $$ SELECT crmlife.refresh('recount_shop.stages', (pg_temp.today() + days + time '12:00') AT TIME ZONE 'UTC') $$;
SELECT pg_temp.check_figures('stages', pg_temp.today(), 'at creation');

-- ---- late rows ----
CREATE TEMP TABLE snapshots_before AS SELECT * FROM crmlife.stage_snapshot WHERE stage_table::oid = 'stages'::regclass;
CREATE TEMP TABLE weeks_before AS SELECT * FROM crmlife.weekly_stage WHERE stage_table::oid = 'stages'::regclass;
CREATE TEMP TABLE flows_before AS SELECT * FROM crmlife.weekly_flow WHERE stage_table::oid = 'stages'::regclass;
CREATE TEMP TABLE day_before AS SELECT pg_temp.today() AS day;
INSERT INTO orders SELECT 1 + i % 140, current_date - 100 - 9 * i, 20 + i FROM generate_series(1, 60) i;
DELETE FROM orders WHERE customer = 7;
SELECT pg_temp.look() \g /dev/null
SELECT pg_temp.go(8) \g /dev/null
SELECT is(pg_temp.differ('SELECT stage, day, customers, model_version FROM snapshots_before', 'SELECT stage, day, customers, model_version FROM crmlife.stage_snapshot WHERE stage_table::oid = ''stages''::regclass AND day < (SELECT day FROM day_before)'),
  0::bigint, 'late rows leave the published days as they were');
SELECT is(pg_temp.differ('SELECT w.*::text FROM weeks_before w', 'SELECT w.*::text FROM crmlife.weekly_stage w WHERE stage_table::oid = ''stages''::regclass AND week <= (SELECT max(week) FROM weeks_before)'),
  0::bigint, 'and the published weeks by stage');
SELECT is(pg_temp.differ('SELECT w.*::text FROM flows_before w', 'SELECT w.*::text FROM crmlife.weekly_flow w WHERE stage_table::oid = ''stages''::regclass AND week <= (SELECT max(week) FROM flows_before)'),
  0::bigint, 'and the flows');
SELECT isnt(pg_temp.differ('SELECT day, stage, customers FROM crmlife.stage_snapshot WHERE stage_table::oid = ''stages''::regclass', 'SELECT * FROM pg_temp.days(pg_temp.today())'),
  0::bigint, 'which the rows would not give any more');
SELECT is(pg_temp.differ('SELECT week, band, loyalty, members, buyers, orders, revenue FROM crmlife.weekly_band WHERE (coalesce(members, 0) > 0 OR orders > 0 OR revenue <> 0) AND stage_table::oid = ''stages''::regclass',
  'SELECT * FROM pg_temp.bands(pg_temp.today()) WHERE coalesce(members, 0) > 0 OR orders > 0 OR revenue <> 0'), 0::bigint, 'weekly figures by days since the last order have the late rows');
SELECT is((SELECT count(*) FROM crmlife.verify_figures('stages')), 0::bigint, 'and so has what the rows add up to');

-- ---- counted again, from a day on ----
SELECT crmlife.recount_figures('stages', current_date - 20) \g /dev/null
SELECT is(pg_temp.differ('SELECT day, stage, customers FROM crmlife.stage_snapshot WHERE stage_table::oid = ''stages''::regclass AND day >= current_date - 20',
  'SELECT * FROM pg_temp.days(pg_temp.today()) WHERE day >= current_date - 20'), 0::bigint, 'from a day on: the days are right');
SELECT is(pg_temp.differ('SELECT stage, day, customers, model_version FROM snapshots_before WHERE day < current_date - 20', 'SELECT stage, day, customers, model_version FROM crmlife.stage_snapshot WHERE stage_table::oid = ''stages''::regclass AND day < current_date - 20'),
  0::bigint, 'those before are as they were');
SELECT is(pg_temp.differ('SELECT week, stage, loyalty, members, buyers, orders, revenue FROM crmlife.weekly_stage WHERE stage_table::oid = ''stages''::regclass AND week >= date_trunc(''week'', current_date - 20)',
  'SELECT * FROM pg_temp.stages(pg_temp.today()) WHERE week >= date_trunc(''week'', current_date - 20)'), 0::bigint, 'the weeks from that of the day on too');
SELECT is(pg_temp.differ('SELECT w.*::text FROM weeks_before w WHERE week < date_trunc(''week'', current_date - 20)', 'SELECT w.*::text FROM crmlife.weekly_stage w WHERE stage_table::oid = ''stages''::regclass AND week < date_trunc(''week'', current_date - 20)'),
  0::bigint, 'and those before are as they were');
-- ---- all of it ----
SELECT crmlife.recount_figures('stages') \g /dev/null
SELECT pg_temp.check_figures('stages', pg_temp.today(), 'all counted again');
SELECT crmlife.recount_figures('stages', current_date + 1000) \g /dev/null
SELECT pg_temp.check_figures('stages', pg_temp.today(), 'from a day to come: nothing changes');
SELECT pg_temp.go(9) \g /dev/null
SELECT pg_temp.check_figures('stages', pg_temp.today(), 'and it goes on from there');
-- by another model
SELECT crmlife.set_model('stages', 'kpi_bands') \g /dev/null
SELECT crmlife.recount_figures('stages', current_date - 20) \g /dev/null
SELECT is((SELECT string_agg(DISTINCT v, ', ' ORDER BY v) FROM (
    SELECT CASE WHEN day < current_date - 20 THEN 'before ' ELSE 'since ' END || model_version AS v FROM crmlife.snapshots WHERE stage_table::oid = 'stages'::regclass) s),
  'before 1, since 2', 'days are counted again by the model in force');
SELECT is((SELECT count(*) FROM (SELECT day FROM crmlife.snapshots WHERE stage_table::oid = 'stages'::regclass GROUP BY day, total HAVING sum(customers) <> total) d), 0::bigint, 'each day by one model');

-- ---- what the rows do not add up to ----
SELECT is((SELECT count(*) FROM crmlife.verify_figures('stages')), 0::bigint, 'all adds up');
UPDATE crmlife.tally_stage SET customers = customers + 1 WHERE stage_table = 'stages'::regclass AND stage = 'churned';
UPDATE crmlife.tally SET revenue = revenue + 0.01 WHERE stage_table = 'stages'::regclass;
DELETE FROM crmlife.tally_cohort WHERE stage_table = 'stages'::regclass AND (cohort, period) = (SELECT min(cohort), 0 FROM crmlife.tally_cohort WHERE stage_table = 'stages'::regclass);
INSERT INTO crmlife.tally_orders VALUES ('stages'::regclass, 9, 3) ON CONFLICT (stage_table, orders) DO UPDATE SET customers = tally_orders.customers + 3;
UPDATE crmlife.tally_day SET again_90 = again_90 - 1 WHERE stage_table = 'stages'::regclass AND first_day = (SELECT min(first_day) FROM crmlife.tally_day WHERE stage_table = 'stages'::regclass);
SELECT is((SELECT string_agg(DISTINCT split_part(cell, ' ', 1), ' ' ORDER BY split_part(cell, ' ', 1)) || ' ' || count(*) FROM crmlife.verify_figures('stages')),
  'tally tally_cohort tally_day tally_orders tally_stage 5', 'each wrong cell is told');
SELECT is((SELECT stored::int - expected::int FROM crmlife.verify_figures('stages') WHERE cell = 'tally_stage churned'), 1, 'with what is stored and what is expected');
SELECT crmlife.recount_figures('stages', current_date) \g /dev/null
SELECT is((SELECT count(*) FROM crmlife.verify_figures('stages')), 0::bigint, 'a recount puts them right');
UPDATE crmlife.tally SET orders = 0 WHERE stage_table = 'stages'::regclass;
SELECT crmlife.refresh('stages', (pg_temp.today() + time '12:00') AT TIME ZONE 'UTC', "full" => true) \g /dev/null
SELECT is((SELECT count(*) FROM crmlife.verify_figures('stages')), 0::bigint, 'so does a full refresh');

-- whose rows are gone on the next day
DELETE FROM orders WHERE customer = 5;
SELECT crmlife.refresh('stages', (SELECT refreshed_day + 1 + time '12:00' FROM crmlife.status WHERE stage_table::oid = 'stages'::regclass) AT TIME ZONE 'UTC') \g /dev/null
SELECT is((SELECT count(*) FROM crmlife.verify_figures('stages')), 0::bigint, 'who is no customer any more');

-- ---- who may, and when ----
SELECT crmlife.create_stage_table('bare', 'orders', 'customer', 'at', 'amount', keep_history => false) \g /dev/null
SELECT is((SELECT count(*) FROM crmlife.verify_figures('bare')), 0::bigint, 'a table without histories adds up');
INSERT INTO orders SELECT i, current_date, 5 FROM generate_series(1, 200, 7) i;
DELETE FROM orders WHERE customer = 3;
SELECT crmlife.refresh('bare', now() + interval '3 days') \g /dev/null
SELECT is((SELECT count(*) FROM crmlife.verify_figures('bare')), 0::bigint, 'after changes too');
SELECT is((SELECT count(DISTINCT day) FROM crmlife.snapshots WHERE stage_table::oid = 'bare'::regclass), 3::bigint, 'and counts the days since');
SELECT throws_ok($$SELECT crmlife.recount_figures('bare')$$, '55000', 'stage table recount_shop.bare keeps no histories', 'but has nothing to count the past from');
SELECT throws_ok($$SELECT crmlife.recount_figures(NULL)$$, '22004', NULL, 'a stage table is needed');
SELECT throws_ok($$SELECT crmlife.recount_figures('stages', 'infinity')$$, '22008', NULL, 'and a day that comes');
CREATE ROLE figures_other;
GRANT USAGE ON SCHEMA recount_shop TO figures_other;
GRANT SELECT ON stages TO figures_other;
SET ROLE figures_other;
SELECT throws_ok($$SELECT crmlife.recount_figures('stages')$$, '42501', NULL, 'only the owner recounts');
SELECT throws_ok($$SELECT * FROM crmlife.verify_figures('stages')$$, '42501', NULL, 'or verifies');
RESET ROLE;
SELECT count(crmlife.drop_stage_table(t)) FROM unnest(ARRAY['stages', 'bare']::regclass[]) t \g /dev/null
SELECT is((SELECT count(*) FROM crmlife.tally t WHERE NOT EXISTS (SELECT FROM pg_class c WHERE c.oid = t.stage_table)), 0::bigint, 'a dropped stage table leaves none');
DROP OWNED BY figures_other;
DROP ROLE figures_other;
DROP SCHEMA recount_shop CASCADE;
SELECT finish();
