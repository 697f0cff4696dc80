-- Cohorts, second purchases and funnel of a stage table are what the aggregates
-- over the orders themselves say; every column of the views is described.
\set ECHO none
\pset format unaligned
\pset tuples_only true
\set QUIET on
SET client_min_messages = warning;
SET timezone = 'UTC';
SELECT plan(11);
CREATE SCHEMA cohort_shop;
SET search_path = cohort_shop, public;
SELECT setseed(0.1) \g /dev/null
CREATE TABLE orders (customer int, at timestamptz, amount numeric);
INSERT INTO orders SELECT ceil(250 * random() ^ 2)::int, now() - 500 * random() * interval '1 day', round((90 * random() - 6)::numeric, 2) FROM generate_series(1, 1400);
CREATE INDEX ON orders (customer);
SELECT crmlife.create_stage_table('stages', 'orders', 'customer', 'at', 'amount', timezone => 'UTC') \g /dev/null
CREATE FUNCTION pg_temp.check(what text) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
  today date := (SELECT day FROM crmlife.overview WHERE stage_table::oid = 'cohort_shop.stages'::regclass);
BEGIN
  RETURN NEXT results_eq('SELECT cohort, period, customers, retained, rate FROM crmlife.cohorts WHERE stage_table::oid = ''cohort_shop.stages''::regclass ORDER BY 1, 2',
    format('SELECT c.* FROM unnest((SELECT retention_cohorts(customer, at, ''month'', %L::date) FROM cohort_shop.orders WHERE amount >= 0)) c ORDER BY 1, 2', today), what || ': cohorts');
  RETURN NEXT results_eq('SELECT cohort, period, customers, orders, revenue, round(revenue_per_customer, 10) FROM crmlife.revenue_cohort WHERE stage_table::oid = ''cohort_shop.stages''::regclass ORDER BY 1, 2',
    format('SELECT cohort, period, customers, orders, revenue, round(revenue_per_customer, 10) FROM unnest((SELECT revenue_cohorts(customer, at, amount, ''month'', %L::date) FROM cohort_shop.orders)) c ORDER BY 1, 2', today), what || ': revenue of cohorts');
  RETURN NEXT results_eq('SELECT cohort, days, mature, again, rate FROM crmlife.second_purchase WHERE stage_table::oid = ''cohort_shop.stages''::regclass ORDER BY 1, 2',
    format('SELECT cohort, d, (s).denominator, (s).numerator, (s).rate FROM (
              SELECT cohort, d, second_purchase_stats(customer, at, d, %L::date) AS s
              FROM (SELECT customer, at, date_trunc(''month'', min(at) OVER (PARTITION BY customer))::date AS cohort FROM cohort_shop.orders WHERE amount >= 0) o
              CROSS JOIN unnest(ARRAY[30, 45, 60, 90, 180, 365]) d GROUP BY 1, 2) r ORDER BY 1, 2', today), what || ': second purchases');
  RETURN NEXT results_eq('SELECT k, reached, converted, rate, is_largest_gap FROM crmlife.order_funnel WHERE stage_table::oid = ''cohort_shop.stages''::regclass ORDER BY 1',
    'SELECT f.* FROM unnest((SELECT repeat_funnel(customer, 10) FROM cohort_shop.orders WHERE amount >= 0)) f ORDER BY 1', what || ': the funnel');
END $$;
SELECT pg_temp.check('at creation');
SELECT crmlife.refresh('stages', now() + interval '45 days') \g /dev/null
SELECT pg_temp.check('later');

CREATE TEMP TABLE figure_view AS SELECT unnest(ARRAY['overview', 'overview_hours', 'snapshots', 'weekly_kpi', 'weekly_stage_kpi', 'weekly_flows', 'churn_rate',
  'stage_label', 'cohorts', 'revenue_cohort', 'second_purchase', 'order_funnel']) AS name;
SELECT is((SELECT string_agg(v.name || '.' || a.attname, ', ') FROM figure_view v JOIN pg_attribute a ON a.attrelid = ('crmlife.' || v.name)::regclass AND a.attnum > 0
           WHERE col_description(a.attrelid, a.attnum) IS NULL), NULL, 'every column of every view is described');
-- a role with SELECT on the stage table alone, and one without
CREATE ROLE figures_reader;
CREATE ROLE figures_stranger;
GRANT SELECT ON stages, figure_view TO figures_reader;
GRANT SELECT ON figure_view TO figures_stranger;
CREATE FUNCTION pg_temp.rows_seen() RETURNS TABLE (name text, n bigint) LANGUAGE plpgsql AS $$
BEGIN
  FOR name IN SELECT v.name FROM figure_view v LOOP
    EXECUTE format('SELECT count(*) FROM crmlife.%I WHERE stage_table::oid = %s', name, 'cohort_shop.stages'::regclass::oid) INTO n;
    RETURN NEXT;
  END LOOP;
END $$;
GRANT USAGE ON SCHEMA cohort_shop TO figures_reader, figures_stranger;
SET ROLE figures_reader;
SELECT is((SELECT string_agg(name, ', ') FROM pg_temp.rows_seen() WHERE n = 0), NULL, 'SELECT on the stage table opens every view');
SET ROLE figures_stranger;
SELECT is((SELECT string_agg(name, ', ') FROM pg_temp.rows_seen() WHERE n > 0), NULL, 'without it they are empty');
RESET ROLE;
SELECT crmlife.drop_stage_table('stages') \g /dev/null
DROP OWNED BY figures_reader, figures_stranger;
DROP ROLE figures_reader, figures_stranger;
DROP SCHEMA cohort_shop CASCADE;
SELECT finish();
