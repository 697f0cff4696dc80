-- Thresholds learned from real orders: the published figures of CDNOW, and
-- Kaplan-Meier curves and quantiles as R's survival has them.
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
CREATE SCHEMA learn_data;
SET search_path = learn_data, public;
CREATE TABLE cd AS SELECT customer_id, occurred_at, amount FROM cdnow;
CREATE TABLE shop AS SELECT customer_id, occurred_at, amount FROM retail;
SELECT crmlife.create_stage_table('cd_stages', 'cd', 'customer_id', 'occurred_at', 'amount') \g /dev/null
SELECT crmlife.refresh('cd_stages', '1998-07-01', "full" => true) \g /dev/null
SELECT crmlife.create_stage_table('shop_stages', 'shop', 'customer_id', 'occurred_at', 'amount', timezone => 'Europe/London') \g /dev/null
SELECT crmlife.refresh('shop_stages', '2011-12-10', "full" => true) \g /dev/null

CREATE FUNCTION periods(stage_table regclass, min_eligible int, smoothing int) RETURNS text LANGUAGE sql AS $$
  SELECT string_agg(concat_ws(' ', value, CASE WHEN reliable THEN 'reliable' ELSE 'not reliable' END), ', ' ORDER BY threshold)
  FROM crmlife.learn(stage_table, 'smartpush', min_eligible, smoothing) WHERE threshold IN ('active_period', 'churn_period') AND method = 'smartpush' $$;
SELECT is(periods('cd_stages', 1, 1), '86 not reliable, 87 not reliable', 'CDNOW, every point: active 86');
SELECT is(periods('cd_stages', 100, 1), '55 not reliable, 67 not reliable', 'from 100 pairs: 55 and 67');
SELECT is(periods('cd_stages', 300, 1), '18 not reliable, 26 not reliable', 'from 300 pairs: 18 and 26');
SELECT is(periods('cd_stages', 100, 7), '64 not reliable, 66 not reliable', 'smoothed over 7 days: 64 and 66');
SELECT is((SELECT string_agg(concat_ws(' ', n, eligible, returned, rate), ', ' ORDER BY n) FROM crmlife.learned_thresholds l, unnest(l.curve) WHERE stage_table = 'cd_stages'::regclass AND threshold = 'active_period' AND method = 'smartpush'),
          (SELECT string_agg(concat_ws(' ', n, eligible, returned, CASE WHEN eligible >= 100 THEN rate END), ', ' ORDER BY n) FROM (SELECT return_curve(customer_id, occurred_at, 89, date '1998-07-01') AS c FROM cd) x, unnest(c)), 'its curve is return_curve, NULL below min_eligible');

CREATE VIEW learned AS SELECT * FROM crmlife.learned_thresholds WHERE segment = '';
SELECT count(*) FROM crmlife.learn('shop_stages') \g /dev/null
-- survfit(Surv(time, status) ~ 1) of survival 3.5-3 in R 4.2.2: risk set and
-- survival, 10 places, gaps between order days, the last one censored
CREATE FUNCTION survival(t regclass, days int[]) RETURNS text LANGUAGE sql AS $$
  SELECT string_agg(concat_ws(' ', n, eligible, round(s::numeric, 10)), E'\n' ORDER BY n)
  FROM (SELECT n, eligible, exp(sum(ln(1 - returned / eligible::float8)) OVER (ORDER BY n)) AS s
        FROM learned l, unnest(l.curve) WHERE stage_table = t AND threshold = 'churn_period' AND method = 'hazard') x WHERE n = ANY (days) $$;
SELECT is(survival('cd_stages', '{1,7,30,60,117,250,350}'), '1 6694 0.9801314610
7 6036 0.8891086094
30 4530 0.6888243567
60 3622 0.5639946736
117 2833 0.4663586593
250 1997 0.3687877443
350 1674 0.3336853258', 'CDNOW: the survival curve is R''s');
SELECT is(survival('shop_stages', '{1,7,30,60,117,250,350}'), '1 16731 0.9803956727
7 14564 0.8693724768
30 8641 0.5802032067
60 4978 0.3759865049
117 2350 0.2198555492
250 652 0.1127789439
350 135 0.0714338266', 'Online Retail: the survival curve is R''s');
-- quantile(fit, c(.8, .95) * F) with F = 1 - S(range), the last day with 100 at risk
SELECT is((SELECT string_agg(concat_ws(' ', stage_table, threshold, value, reliable), ', ' ORDER BY stage_table::text, threshold) FROM learned WHERE method = 'hazard'),
          'cd_stages active_period 135 t, cd_stages churn_period 324 t, cd_stages repurchase_period_q80 135 t, shop_stages active_period 101 t, shop_stages churn_period 250 f, shop_stages repurchase_period_q80 101 t', 'the quantiles of those who return are R''s');
SELECT is((SELECT reason FROM learned WHERE stage_table = 'shop_stages'::regclass AND threshold = 'churn_period' AND method = 'hazard'), 'it lies beyond two thirds of the days seen', 'a year of data does not show 250 days');
-- quantile(closed gaps, .8, type = 1)
SELECT is((SELECT string_agg(concat_ws(' ', stage_table, value), ', ' ORDER BY stage_table::text) FROM learned WHERE threshold = 'repurchase_period_q80' AND method = 'smartpush'), 'cd_stages 117, shop_stages 70', '80 % of the closed gaps end by day 117, 70');
-- the same with the open gaps longer than all closed ones: as of years later
SELECT crmlife.refresh('shop_stages', '2021-12-10') \g /dev/null
SELECT is((SELECT string_agg(value::text, ' ') FROM crmlife.learn('shop_stages') WHERE threshold = 'repurchase_period_q80'), '70 70', 'who is not back after years does not count');
SELECT crmlife.refresh('shop_stages', '2011-12-10', true) \g /dev/null

SELECT is((SELECT string_agg(concat_ws(' ', stage_table, round(value, 6), reliable, customers), ', ' ORDER BY stage_table::text) FROM learned WHERE threshold = 'repurchase_period'), 'cd_stages 70.860567 t 1139, shop_stages 45.649553 t 2790', 'repurchase period: the pooled mean of the gaps');
SELECT is((SELECT string_agg(value::text, ' ' ORDER BY stage_table::text) FROM learned WHERE threshold = 'order_value'),
          (SELECT average_order(amount)::text FROM cd) || ' ' || (SELECT average_order(amount)::text FROM shop), 'order value: revenue / orders, exact');
SELECT is((SELECT string_agg(concat_ws(' ', stage_table, reliable, reason), ', ' ORDER BY stage_table::text) FROM learned WHERE threshold = 'first_purchase_period'), 'cd_stages f there is nothing to learn it from, shop_stages f there is nothing to learn it from', 'no members, no first purchase period');
SELECT count(crmlife.drop_stage_table(t)) FROM unnest(ARRAY['cd_stages', 'shop_stages']::regclass[]) t \g /dev/null
DROP SCHEMA learn_data CASCADE;
SELECT finish();
\else
\echo '1..0 # SKIP the order logs are not here'
\endif
