-- Stage tables over real order logs: the published counts of CDNOW, and every
-- customer of Online Retail with its refunds.
\set ECHO none
\pset format unaligned
\pset tuples_only true
\getenv src PG_ABS_SRCDIR
\set load :src '/data/load.sql'
\set QUIET on
\i :load
\if :have_data
SET client_min_messages = warning;
SELECT plan(14);
CREATE SCHEMA real;
SET search_path = real, public;
CREATE TABLE cd AS SELECT customer_id::int, occurred_at, amount FROM cdnow;
CREATE INDEX ON cd (customer_id);
CREATE TABLE shop AS SELECT customer_id::text AS "customer no", occurred_at, amount, kind FROM retail;
CREATE INDEX ON shop ("customer no");

SELECT crmlife.create_stage_table('cd_stages', 'cd', 'customer_id', 'occurred_at', 'amount') \g /dev/null
SELECT crmlife.refresh('cd_stages', '1998-06-30', "full" => true) \g /dev/null
SELECT results_eq('SELECT stage, count(*) FROM cd_stages GROUP BY 1 ORDER BY 1',
  $$VALUES ('active', 272::bigint), ('aftersale', 27), ('churned', 1545), ('silent', 150), ('sleeping', 363)$$,
  'CDNOW on 1998-06-30 has the published stages');
SELECT is_empty($$SELECT * FROM crmlife.verify('cd_stages')$$, 'verify agrees');
SELECT is((SELECT count(*) FROM cd_stages WHERE orders >= 2), 1152::bigint, 'customers with two orders');
SELECT is((SELECT count(*) FROM cd_stages WHERE order_days >= 2), 1139::bigint, 'customers with orders on two days');
SELECT is((SELECT sum(revenue) FROM cd_stages), 244091.94, 'the revenue is all there');
-- R agrees with the stage beside it
SELECT results_eq($$SELECT DISTINCT stage, rfm_score / 100 FROM cd_stages ORDER BY 2 DESC$$,
  $$VALUES ('aftersale', 5), ('active', 4), ('silent', 3), ('sleeping', 2), ('churned', 1)$$,
  'R changes where the stage does');
SELECT is(
  (SELECT count(*) FROM cd_stages s JOIN crmlife.rfm_cuts c ON c.stage_table = 'cd_stages'::regclass
   WHERE s.rfm_score <> rfm_score(date '1998-06-30' - s.last_order_at::date, s.orders, s.revenue,
                                  c.recency_cuts, c.frequency_cuts, c.monetary_cuts)),
  0::bigint, 'every score is that of rfm_score with the frozen cuts');
-- day by day to the end of the year, as a worker would
SELECT count(crmlife.refresh('cd_stages', d)) FROM generate_series(timestamptz '1998-07-01', '1998-12-31', '1 day') d \g /dev/null
SELECT is_empty($$SELECT * FROM crmlife.verify('cd_stages')$$, 'verify agrees after half a year of days');
SELECT is((SELECT count(*) FROM cd_stages_changes WHERE changed_on > '1998-06-30' AND cause <> 'time'), 0::bigint,
  'nothing but time moved anybody');
SELECT results_eq('SELECT stage, count(*) FROM cd_stages GROUP BY 1 ORDER BY 1',
  $$SELECT stage, count(*) FROM (SELECT lifecycle_stage(occurred_at, amount, date '1998-12-31') AS stage
                                 FROM cd GROUP BY customer_id) s GROUP BY 1 ORDER BY 1$$,
  'and they are where the rows themselves say');

SELECT crmlife.create_stage_table('"Shop''s stages"', 'shop', 'customer no', 'occurred_at', 'amount',
                                  timezone => 'Europe/London') \g /dev/null
SELECT crmlife.refresh('"Shop''s stages"', '2011-12-10', "full" => true) \g /dev/null
SELECT is((SELECT count(*) FROM "Shop's stages" s FULL JOIN retail_rfm r ON r.customer_id = s."customer no"::bigint
           WHERE (date '2011-12-10' - s.last_order_at::date, s.orders, s.order_days, s.revenue, s.first_order_at::date)
             IS DISTINCT FROM (r.recency_days, r.frequency, r.order_days, r.monetary_net, r.first_day)
             AND NOT (r.customer_id IS NULL AND s.orders = 0)),
          0::bigint, 'recency, frequency and net revenue of every customer are the reference''s');
SELECT is((SELECT count(*) FROM "Shop's stages" WHERE orders > 0), 4339::bigint, 'customers with an order');
SELECT is((SELECT count(*) FROM "Shop's stages" WHERE orders = 0 AND stage = 'prospect' AND rfm_score IS NULL), 33::bigint,
          'customers with refunds only are prospects without a score');
SELECT is_empty($$SELECT * FROM crmlife.verify('"Shop''s stages"')$$, 'verify agrees');
SELECT count(crmlife.drop_stage_table(t)) FROM unnest(ARRAY['cd_stages', '"Shop''s stages"']::regclass[]) t \g /dev/null
DROP SCHEMA real CASCADE;
SELECT finish();
\else
\echo '1..0 # SKIP the order logs are not here'
\endif
