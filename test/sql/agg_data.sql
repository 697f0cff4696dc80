-- Real orders: the published and the reference figures of CDNOW and Online
-- Retail, the day-n tables whole.
\set ECHO none
\pset format unaligned
\pset tuples_only true
SET client_min_messages = warning;
\getenv src PG_ABS_SRCDIR
\set load :src '/data/load.sql'
\i :load
\if :have_data
SELECT plan(27);

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

CREATE TEMP TABLE day_n (n int, customers bigint, eligible bigint, on_day bigint, within bigint, from_day bigint,
  rate_of_all numeric, rate_of_eligible numeric);
CREATE FUNCTION pg_temp.differing(source text) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE result bigint;
BEGIN
  EXECUTE format($f$
    SELECT count(*) FROM day_n e FULL JOIN (
      SELECT n, retention_nth_day_stats(customer_id, occurred_at, n, as_of) AS nth, retention_within_days_stats(customer_id, occurred_at, n, as_of) AS within,
             retention_from_day_stats(customer_id, occurred_at, n, as_of) AS later
      FROM (%s) o, (SELECT n FROM day_n) n GROUP BY n) a USING (n)
    WHERE (e.eligible, e.on_day, e.within, e.from_day) IS DISTINCT FROM ((a.nth).denominator, (a.nth).numerator, (a.within).numerator, (a.later).numerator)
       OR (a.later).denominator <> (a.nth).denominator OR (a.within).denominator <> (a.nth).denominator$f$, source) INTO result;
  RETURN result;
END $$;
CREATE FUNCTION pg_temp.curve_differing(source text, as_of date) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE result bigint;
BEGIN
  EXECUTE format($f$
    SELECT count(*) FROM day_n e LEFT JOIN (
      SELECT (unnest(retention_curve(customer_id, occurred_at, 1000, %L::date))).* FROM (%s) o) a USING (n)
    WHERE (e.eligible, e.on_day) IS DISTINCT FROM (a.eligible, a.retained)$f$, as_of, source) INTO result;
  RETURN result;
END $$;
CREATE TEMP TABLE cohort_month (cohort text, period int, customers bigint, retained bigint, rate numeric);
-- the rows of the table that are over, in each other's place
CREATE FUNCTION pg_temp.cohorts_differing(source text, as_of date) RETURNS text LANGUAGE plpgsql AS $$
DECLARE result text;
BEGIN
  EXECUTE format($f$
    SELECT count(*) FILTER (WHERE (e.customers, e.retained) IS DISTINCT FROM (a.customers, a.retained)) || ' of ' || count(*)
    FROM cohort_month e FULL JOIN (
      SELECT to_char(u.cohort, 'YYYY-MM') AS cohort, u.period, u.customers, u.retained
      FROM (SELECT retention_cohorts(customer_id, occurred_at, 'month', %L::date) AS r FROM (%s) o) x, unnest(r) u WHERE u.rate IS NOT NULL) a USING (cohort, period)$f$,
    as_of, source) INTO result;
  RETURN result;
END $$;
\set command 'cat ' :crmlife_data '/expected/cdnow_sample_cohort_month.csv'
COPY cohort_month FROM PROGRAM :'command' (FORMAT csv, HEADER);
SELECT is(pg_temp.cohorts_differing('SELECT * FROM cdnow', '1998-07-01'), (SELECT '0 of ' || count(*) FROM cohort_month), 'CDNOW: every month of every cohort');
SELECT cmp_ok((SELECT count(*) FROM cohort_month), '>', 40::bigint, 'CDNOW: there are some');
TRUNCATE cohort_month;
\set command 'cat ' :crmlife_data '/expected/online_retail_orders_cohort_month.csv'
COPY cohort_month FROM PROGRAM :'command' (FORMAT csv, HEADER);
SELECT is(pg_temp.cohorts_differing('SELECT * FROM retail WHERE amount >= 0', '2012-01-01'), (SELECT '0 of ' || count(*) FROM cohort_month), 'Online Retail: every month of every cohort');
SELECT cmp_ok((SELECT count(*) FROM cohort_month), '>', 80::bigint, 'Online Retail: there are some');
\set command 'cat ' :crmlife_data '/expected/cdnow_sample_day_n.csv'
COPY day_n FROM PROGRAM :'command' (FORMAT csv, HEADER);
SELECT is(pg_temp.differing('SELECT customer_id, occurred_at, date ''1998-07-01'' AS as_of FROM cdnow'), 0::bigint, 'CDNOW: every day n');
SELECT is(pg_temp.curve_differing('SELECT * FROM cdnow', '1998-07-01'), 0::bigint, 'CDNOW: the curve in one pass');
TRUNCATE day_n;
\set command 'cat ' :crmlife_data '/expected/online_retail_orders_day_n.csv'
COPY day_n FROM PROGRAM :'command' (FORMAT csv, HEADER);
SELECT is(pg_temp.differing('SELECT customer_id, occurred_at, date ''2011-12-10'' AS as_of FROM retail WHERE amount >= 0'), 0::bigint, 'Online Retail: every day n');
SELECT is(pg_temp.curve_differing('SELECT * FROM retail WHERE amount >= 0', '2011-12-10'), 0::bigint, 'Online Retail: the curve in one pass');
SELECT cmp_ok((SELECT count(*) FROM day_n), '>', 5::bigint, 'they are not empty');
SELECT finish();
\else
\echo '1..0 # SKIP the order logs are not here'
\endif
