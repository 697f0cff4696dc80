-- Real orders: the published and the reference figures of CDNOW (sample and
-- whole) and Online Retail to the last digit they have; their summaries, tables
-- of cohorts and of days whole.
\set ECHO none
\pset format unaligned
\pset tuples_only true
SET client_min_messages = warning;
\getenv src PG_ABS_SRCDIR
\set load :src '/data/load.sql'
\i :load
\if :have_data
SELECT plan(97);

SELECT is(round(repurchase_rate(customer_id)::numeric, 6), 0.488757, 'CDNOW: repurchase rate by orders') FROM cdnow;
SELECT is(round(repurchase_rate(customer_id, amount)::numeric, 6), 0.488757, 'CDNOW: by orders with amounts') FROM cdnow;
SELECT is(round(repurchase_rate(customer_id, occurred_at)::numeric, 6), 0.483241, 'CDNOW: by days') FROM cdnow;
SELECT is((repurchase_stats(customer_id)).numerator || ' ' || (repurchase_stats(customer_id, occurred_at)).numerator, '1152 1139', 'CDNOW: repeat customers') FROM cdnow;
SELECT is((SELECT string_agg((s).numerator || '/' || (s).denominator, ' ' ORDER BY n) FROM (
             SELECT n, retention_nth_day_stats(customer_id, occurred_at, n, date '1998-07-01') AS s
             FROM cdnow, unnest(ARRAY[1, 7, 30, 45]) n GROUP BY n) x),
          '29/2357 25/2357 14/2357 19/2357', 'CDNOW: on day 1, 7, 30, 45');
SELECT is((SELECT string_agg((s).numerator || '/' || (s).denominator, ' ' ORDER BY n) FROM (
             SELECT n, retention_within_days_stats(customer_id, occurred_at, n, date '1998-07-01') AS s
             FROM cdnow, unnest(ARRAY[7, 30, 45, 90, 140]) n GROUP BY n) x),
          '145/2357 410/2357 516/2357 687/2357 810/2357', 'CDNOW: within 7, 30, 45, 90, 140 days');
SELECT is((SELECT string_agg((s).numerator || '/' || (s).denominator, ' ' ORDER BY n) FROM (
             SELECT n, retention_from_day_stats(customer_id, occurred_at, n, date '1998-07-01') AS s
             FROM cdnow, unnest(ARRAY[7, 45, 90, 140]) n GROUP BY n) x),
          '1111/2357 978/2357 894/2357 821/2357', 'CDNOW: on or after day 7, 45, 90, 140');
SELECT is(round(keep_rate(customer_id, occurred_at, date '1998-03-31', 91)::numeric, 3), 0.127, 'CDNOW: keep rate') FROM cdnow;
SELECT is((SELECT (s).numerator || '/' || (s).denominator FROM (SELECT second_purchase_stats(customer_id, occurred_at, 45, date '1998-07-01') AS s FROM cdnow) x),
          '516/2357', 'CDNOW: second purchase within 45 days');
SELECT is((SELECT string_agg(reached::text, ' ' ORDER BY k) FROM (SELECT repeat_funnel(customer_id, 7) AS f FROM cdnow) x, unnest(f)),
          '2357 1152 746 538 388 290 234', 'CDNOW: funnel by orders');
SELECT is((SELECT string_agg(reached::text, ' ' ORDER BY k) FROM (SELECT repeat_funnel(customer_id, occurred_at, 7, 10000, date '2100-01-01') AS f FROM cdnow) x, unnest(f)),
          '2357 1139 736 527 378 283 223', 'CDNOW: funnel by days');
-- rounded to 5 places
SELECT is((SELECT string_agg(concat_ws(' ', n, eligible, round(rate::numeric, 5)), ', ' ORDER BY n) FROM (SELECT return_curve(customer_id, occurred_at, 4, date '1998-07-01') AS f FROM cdnow) x, unnest(f)),
          '1 489 0.01636, 2 488 0.00615, 3 483 0.01656, 4 477 0.02516', 'CDNOW: the return curve');
-- survfit(Surv(time, status) ~ 1) of R's survival 3.5-3 in R 4.2.2, 12 places
SELECT is((SELECT string_agg(concat_ws(' ', day, at_risk, round(survival::numeric, 12), round(std_error::numeric, 12), round(lower::numeric, 12), round(upper::numeric, 12)), E'\n' ORDER BY day)
           FROM (SELECT time_to_second_purchase(customer_id, occurred_at, date '1998-07-01') AS f FROM cdnow) x, unnest(f) WHERE day IN (1, 7, 45, 140, 365, 500)),
          '1 2357 0.987696224014 0.002270654791 0.983255833760 0.992156667101
7 2229 0.938481120068 0.004949224893 0.928830777246 0.948231727781
45 1848 0.781077641069 0.008517504492 0.764560775570 0.797951321690
140 1551 0.656342808655 0.009782464769 0.637446870600 0.675798881980
365 1285 0.544336020365 0.010258316520 0.524596882082 0.564817888148
500 658 0.518110757876 0.010314772125 0.498283519111 0.538726943861', 'CDNOW: time to the second purchase is R''s');
SELECT is((SELECT concat_ws(' ', count(*), sum(purchased), sum(censored)) FROM (SELECT time_to_second_purchase(customer_id, occurred_at, date '1998-07-01') AS f FROM cdnow) x, unnest(f)),
          '410 1139 1218', 'CDNOW: with as many points');
SELECT is(round(repurchase_interval(customer_id, occurred_at)::numeric, 2), 70.86, 'CDNOW: repurchase interval') FROM cdnow;
SELECT is(round(repurchase_rate(customer_id, amount)::numeric, 6), 0.655681, 'Online Retail: repurchase rate by orders') FROM retail;
SELECT is(round(repurchase_rate(customer_id)::numeric, 3), 0.700, 'Online Retail: with the rows of refunds') FROM retail;
SELECT is(round(repurchase_rate(customer_id, occurred_at) FILTER (WHERE amount >= 0)::numeric, 6), 0.643005, 'Online Retail: by days') FROM retail;

-- The reference tables and summaries of a log, and its aggregates.
CREATE TEMP TABLE log (log text, file text, orders text, as_of date, months_until date);
INSERT INTO log VALUES
  ('CDNOW', 'cdnow_sample', 'SELECT * FROM cdnow', '1998-07-01', '1998-07-01'),
  ('CDNOW, whole', 'cdnow_master', 'SELECT * FROM cdnow_master', '1998-07-01', '1998-07-01'),
  -- the table of cohorts has December, which was not over
  ('Online Retail', 'online_retail_orders', 'SELECT * FROM retail WHERE amount >= 0', '2011-12-10', '2012-01-01');
CREATE TEMP TABLE summary (file text, summary jsonb);
CREATE TEMP TABLE day_n (file text, n int, customers bigint, eligible bigint, on_day bigint, within bigint, from_day bigint, rate_of_all numeric, rate_of_eligible numeric);
CREATE TEMP TABLE cohort_month (file text, cohort text, period int, customers bigint, retained bigint, rate numeric);
CREATE TEMP TABLE cdnow_master (customer_id bigint, occurred_at date, quantity int, amount numeric);
\set command 'gzip -dc ' :crmlife_data '/cdnow_master.csv.gz'
COPY cdnow_master FROM PROGRAM :'command' (FORMAT csv, HEADER);
ANALYZE cdnow_master;
\set file cdnow_sample
\set reference :src '/data/load_reference.sql'
\i :reference
\set file cdnow_master
\i :reference
\set file online_retail_orders
\i :reference

CREATE FUNCTION pg_temp.text_of(log log, expression text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE result text;
BEGIN
  EXECUTE format('SELECT (%s)::text FROM (%s) o', replace(expression, 'AS_OF', quote_literal(log.as_of) || '::date'), log.orders) INTO result;
  RETURN result;
END $$;
-- the same float8: both are one division of whole numbers
SELECT is(pg_temp.text_of(l, expression), s.summary #>> path, format('%s: %s', log, array_to_string(path, ' ')))
FROM log l JOIN summary s USING (file), (VALUES
  ('{repurchase,customers}'::text[], '(repurchase_stats(customer_id)).denominator'),
  ('{repurchase,with_2_or_more_orders}', '(repurchase_stats(customer_id, amount)).numerator'),
  ('{repurchase,with_orders_on_2_or_more_days}', '(repurchase_stats(customer_id, occurred_at)).numerator'),
  ('{repurchase,rate_by_orders}', 'repurchase_rate(customer_id)'),
  ('{repurchase,rate_by_days}', 'repurchase_rate(customer_id, occurred_at)'),
  ('{repurchase,second_order_day_within_30_days}', '(second_purchase_stats(customer_id, occurred_at, 30, date ''2100-01-01'')).numerator'),
  ('{repurchase,second_order_day_within_60_days}', '(second_purchase_stats(customer_id, occurred_at, 60, date ''2100-01-01'')).numerator'),
  ('{repurchase,second_order_day_within_90_days}', '(second_purchase_stats(customer_id, occurred_at, 90, date ''2100-01-01'')).numerator'),
  ('{interval_days,between_order_days,mean}', 'repurchase_interval(customer_id, occurred_at)'),
  ('{interval_days,between_order_days,median}', 'to_char(repurchase_interval_median(customer_id, occurred_at), ''FM999.0'')'),
  ('{interval_days,first_to_second_order_day,customers}', '(SELECT sum(purchased) FROM unnest(time_to_second_purchase(customer_id, occurred_at, AS_OF)))'),
  ('{interval_days,first_to_second_order_day,mean}', '(SELECT sum(day * purchased) / sum(purchased)::float8 FROM unnest(time_to_second_purchase(customer_id, occurred_at, AS_OF)))'),
  ('{interval_days,first_to_second_order_day,median}', '(SELECT to_char(percentile_cont(0.5) WITHIN GROUP (ORDER BY day), ''FM999.0'') FROM unnest(time_to_second_purchase(customer_id, occurred_at, AS_OF)), generate_series(1, purchased))'),
  ('{customers_with_orders}', '(SELECT reached FROM unnest(repeat_funnel(customer_id)) WHERE k = 1)'),
  ('{orders}', '(SELECT sum(orders) FROM unnest(sales_by_loyalty(customer_id, occurred_at, amount, ''month'')))'),
  ('{orders}', '(SELECT sum(customers) FROM unnest(aov_by_order_index(customer_id, occurred_at, amount)))'),
  ('{customer_order_days}', '(SELECT sum(reached) FROM unnest(repeat_funnel(customer_id, occurred_at, 1000, 0, date ''2100-01-01'')))')) v (path, expression);
-- money, exact, refunds and all
SELECT is(pg_temp.text_of((log, file, CASE file WHEN 'online_retail_orders' THEN 'SELECT * FROM retail' ELSE orders END, as_of, months_until), expression), format('%s', trim_scale((summary ->> 'amount_sum')::numeric)), format('%s: revenue by %s', log, regexp_replace(expression, '\(SELECT .*unnest\(|\(.*', '', 'g')))
FROM log l JOIN summary s USING (file), (VALUES
  ('trim_scale(round(arpu(customer_id, amount) * (repurchase_stats(customer_id, amount)).denominator, 6))'),
  ('trim_scale(round(average_order(amount) * count(*) FILTER (WHERE amount >= 0), 6))'),
  ('(SELECT trim_scale(sum(revenue)) FROM unnest(sales_by_loyalty(customer_id, occurred_at, amount, ''year'')))')) v (expression);
SELECT is(pg_temp.text_of(l, '(SELECT trim_scale(sum(revenue)) FROM unnest(revenue_cohorts(customer_id, occurred_at, amount, ''day'', date ''2013-01-01'')) WHERE revenue IS NOT NULL)'),
          trim_scale(coalesce((summary #>> '{amount_by_kind,order}')::numeric, (summary ->> 'amount_sum')::numeric))::text, log || ': revenue of all cohorts by day') FROM log l JOIN summary s USING (file);

-- the tables, every row
CREATE FUNCTION pg_temp.days_differing(log log) RETURNS text LANGUAGE plpgsql AS $$
DECLARE result text;
BEGIN
  EXECUTE format($f$
    SELECT string_agg(n::text, ' ') FROM (SELECT * FROM day_n WHERE file = %1$L) e FULL JOIN (
      SELECT n, x.* FROM day_n d, LATERAL (
        SELECT retention_nth_day_stats(customer_id, occurred_at, d.n, %2$L::date) AS nth, retention_within_days_stats(customer_id, occurred_at, d.n, %2$L::date) AS within,
               retention_from_day_stats(customer_id, occurred_at, d.n, %2$L::date) AS later, retention_between_days_stats(customer_id, occurred_at, d.n, d.n, %2$L::date) AS between,
               retention_nth_day_stats(customer_id, occurred_at, d.n, date '2100-01-01') AS of_all
        FROM (%3$s) o) x WHERE file = %1$L) a USING (n)
    WHERE (e.eligible, e.on_day, e.within, e.from_day, e.customers) IS DISTINCT FROM ((a.nth).denominator, (a.nth).numerator, (a.within).numerator, (a.later).numerator, (a.of_all).denominator)
       OR (e.rate_of_eligible, e.rate_of_all) IS DISTINCT FROM (round((a.nth).rate::numeric, 8), round((a.of_all).rate::numeric, 8))
       OR (a.later).denominator <> (a.nth).denominator OR (a.within).denominator <> (a.nth).denominator OR between IS DISTINCT FROM nth$f$, log.file, log.as_of, log.orders) INTO result;
  RETURN result;
END $$;
CREATE FUNCTION pg_temp.curve_differing(log log) RETURNS text LANGUAGE plpgsql AS $$
DECLARE result text;
BEGIN
  EXECUTE format($f$
    SELECT string_agg(n::text, ' ') FROM (SELECT * FROM day_n WHERE file = %1$L) e LEFT JOIN (
      SELECT (unnest(retention_curve(customer_id, occurred_at, 1000, %2$L::date))).* FROM (%3$s) o) a USING (n)
    WHERE (e.eligible, e.on_day, e.rate_of_eligible) IS DISTINCT FROM (a.eligible, a.retained, round(a.rate::numeric, 8))$f$, log.file, log.as_of, log.orders) INTO result;
  RETURN result;
END $$;
CREATE FUNCTION pg_temp.cohorts_differing(log log) RETURNS text LANGUAGE plpgsql AS $$
DECLARE result text;
BEGIN
  EXECUTE format($f$
    SELECT string_agg(concat_ws('+', cohort, period), ' ')
    FROM (SELECT * FROM cohort_month WHERE file = %1$L) e FULL JOIN (
      SELECT to_char(u.cohort, 'YYYY-MM') AS cohort, u.period, u.customers, u.retained, u.rate
      FROM (SELECT retention_cohorts(customer_id, occurred_at, 'month', %2$L::date) AS r FROM (%3$s) o) x, unnest(r) u WHERE u.rate IS NOT NULL) a USING (cohort, period)
    WHERE (e.customers, e.retained, e.rate) IS DISTINCT FROM (a.customers, a.retained, round(a.rate::numeric, 8))$f$, log.file, log.months_until, log.orders) INTO result;
  RETURN result;
END $$;
SELECT is((SELECT count(*) FROM cohort_month WHERE cohort_month.file = log.file), CASE file WHEN 'online_retail_orders' THEN 91 ELSE 51 END::bigint, log || ': the reference has every month of every cohort') FROM log;
SELECT is(pg_temp.cohorts_differing(l), NULL, log || ': every month of every cohort') FROM log l;
SELECT is((SELECT count(*) FROM day_n WHERE day_n.file = log.file), 9::bigint, log || ': the reference has nine days') FROM log;
SELECT is(pg_temp.days_differing(l), NULL, log || ': every day n') FROM log l;
SELECT is(pg_temp.curve_differing(l), NULL, log || ': the curve in one pass') FROM log l;
SELECT is((SELECT string_agg(retained::text, ' ' ORDER BY period) FROM (SELECT retention_cohorts(customer_id, occurred_at, 'month', date '2012-01-01', date '2010-12-01', date '2010-12-31') AS r FROM retail WHERE amount >= 0) x, unnest(r)
           WHERE period BETWEEN 1 AND 12), '324 286 340 321 352 321 309 313 350 331 445 235', 'Online Retail: the cohort of December 2010, as published');
SELECT finish();
\else
\echo '1..0 # SKIP the order logs are not here'
\endif
