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
SELECT plan(12);

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
      SELECT n, retention_nth_day_stats(customer_id, occurred_at, n, as_of) AS nth, retention_within_days_stats(customer_id, occurred_at, n, as_of) AS within
      FROM (%s) o, (SELECT n FROM day_n) n GROUP BY n) a USING (n)
    WHERE (e.eligible, e.on_day, e.within) IS DISTINCT FROM ((a.nth).denominator, (a.nth).numerator, (a.within).numerator)
       OR (a.within).denominator <> (a.nth).denominator$f$, source) INTO result;
  RETURN result;
END $$;
\set command 'cat ' :crmlife_data '/expected/cdnow_sample_day_n.csv'
COPY day_n FROM PROGRAM :'command' (FORMAT csv, HEADER);
SELECT is(pg_temp.differing('SELECT customer_id, occurred_at, date ''1998-07-01'' AS as_of FROM cdnow'), 0::bigint, 'CDNOW: every day n');
TRUNCATE day_n;
\set command 'cat ' :crmlife_data '/expected/online_retail_orders_day_n.csv'
COPY day_n FROM PROGRAM :'command' (FORMAT csv, HEADER);
SELECT is(pg_temp.differing('SELECT customer_id, occurred_at, date ''2011-12-10'' AS as_of FROM retail WHERE amount >= 0'), 0::bigint, 'Online Retail: every day n');
SELECT cmp_ok((SELECT count(*) FROM day_n), '>', 5::bigint, 'they are not empty');
SELECT finish();
\else
\echo '1..0 # SKIP the order logs are not here'
\endif
