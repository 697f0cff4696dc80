-- Histories of real orders: size, the published figures, and the stages of
-- every week against the rows themselves.
\set ECHO none
\pset format unaligned
\pset tuples_only true
SET client_min_messages = warning;
\getenv src PG_ABS_SRCDIR
\set load :src '/data/load.sql'
\i :load
\if :have_data
SELECT plan(19);
CREATE TEMP TABLE h AS SELECT customer_id, purchase_history(occurred_at, amount) AS h FROM cdnow GROUP BY 1;
CREATE TEMP TABLE hr AS SELECT customer_id, purchase_history(occurred_at, amount) AS h FROM retail GROUP BY 1;

SELECT is(ROW(count(*), round(avg(pg_column_size(h)), 1), sum(length(crmlife.purchase_history_send(h))))::text, '(2357,15.2,33408)', 'CDNOW: customers, bytes each, bytes without their headers') FROM h;
SELECT is(ROW(count(*), round(avg(pg_column_size(h)), 1))::text, '(4372,32.6)', 'Online Retail: customers, bytes each') FROM hr;
SELECT is((SELECT string_agg(lifecycle_stage || ' ' || n, ', ' ORDER BY n) FROM (SELECT lifecycle_stage(h, '1998-06-30'), count(*) AS n FROM h GROUP BY 1) x), 'aftersale 27, silent 150, active 272, sleeping 363, churned 1545', 'CDNOW: stages as of 1998-06-30');
SELECT is(string_agg(concat_ws(' ', n, w, r), ', '), '145, 410, 516, 687, 810', 'CDNOW: within 7, 30, 45, 90, 140 days')
FROM (SELECT NULL AS n, count(*) FILTER (WHERE history_retained_within(h, d, '1998-07-01')) AS w, NULL AS r FROM h, unnest(ARRAY[7, 30, 45, 90, 140]) d GROUP BY d ORDER BY d) x;
SELECT is(string_agg(n::text, ' '), '29 25 14 19', 'CDNOW: on day 1, 7, 30, 45') FROM (SELECT count(*) FILTER (WHERE history_retained_on(h, d, '1998-07-01')) AS n FROM h, unnest(ARRAY[1, 7, 30, 45]) d GROUP BY d ORDER BY d) x;
SELECT is(string_agg(n::text, ' '), '1111 978 894 821', 'CDNOW: on or after day 7, 45, 90, 140') FROM (SELECT count(*) FILTER (WHERE history_retained_from(h, d, '1998-07-01')) AS n FROM h, unnest(ARRAY[7, 45, 90, 140]) d GROUP BY d ORDER BY d) x;
-- the reference results of RFM, on the rows of orders
SELECT is((SELECT count(*) FROM cdnow_rfm e JOIN h USING (customer_id), LATERAL (SELECT max(last_day) + 0 AS day FROM cdnow_rfm) d, history_rfm(h, d.day) r
           WHERE (r.frequency, r.monetary, d.day - r.recency_days) = (e.frequency, e.monetary, e.last_day)), 2357::bigint, 'CDNOW: frequency, monetary, recency of every customer');
SELECT is((SELECT count(*) FROM retail_rfm e JOIN hr USING (customer_id) WHERE history_orders(h) = e.frequency AND history_order_days(h) = e.order_days AND history_revenue(h) = e.monetary_net
           AND history_first_order(h)::date = e.first_day AND history_last_order(h)::date = e.last_day), (SELECT count(*) FROM retail_rfm), 'Online Retail: orders, order days, revenue, first and last day of every customer');
SELECT cmp_ok((SELECT count(*) FROM retail_rfm), '>', 4000::bigint, 'they are there');
-- one table of histories gives the stages of each of 78 weeks
CREATE TEMP TABLE weeks AS SELECT '1997-01-05'::date + 7 * i AS day FROM generate_series(0, 77) i;
SELECT is((SELECT count(*) FROM (SELECT customer_id, day, lifecycle_stage(occurred_at, amount, day) AS stage FROM cdnow, weeks GROUP BY 1, 2) e JOIN h USING (customer_id) WHERE lifecycle_stage(h, day) IS DISTINCT FROM stage), 0::bigint, 'CDNOW: the stages of 78 weeks');
SELECT is((SELECT count(*) FROM (SELECT customer_id, day, day - max(occurred_at) AS r FROM cdnow JOIN weeks ON occurred_at <= day GROUP BY 1, 2) e JOIN h USING (customer_id)
           WHERE lifecycle_stage(h, day) IS DISTINCT FROM CASE WHEN r < 7 THEN 'aftersale' WHEN r < 90 THEN 'active' WHEN r < 140 THEN 'silent' WHEN r < 365 THEN 'sleeping' ELSE 'churned' END), 0::bigint, 'CDNOW: and those that plain SQL gives week by week');
SELECT is((SELECT count(*) FROM h, weeks WHERE lifecycle_stage(h, day) IS NOT NULL), (SELECT count(*) FROM (SELECT customer_id, min(occurred_at) AS first FROM cdnow GROUP BY 1) x JOIN weeks ON day >= first), 'of every customer who was there');

-- the aggregates over histories: every day n, every cohort
CREATE TEMP TABLE day_n (n int, customers bigint, eligible bigint, on_day bigint, within bigint, from_day bigint, rate_of_all numeric, rate_of_eligible numeric);
CREATE TEMP TABLE cohort_month (cohort_month text, period int, cohort_size bigint, active bigint, retention numeric);
CREATE FUNCTION pg_temp.differing_days(source text, as_of date) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE result bigint;
BEGIN
  EXECUTE format($f$SELECT count(*) FROM day_n e FULL JOIN (SELECT n, retention_nth_day_stats(h, n, %2$L) AS nth, retention_within_days_stats(h, n, %2$L) AS within, retention_from_day_stats(h, n, %2$L) AS later FROM %1$s, (SELECT n FROM day_n) n GROUP BY n) a USING (n)
      FULL JOIN (SELECT p.* FROM (SELECT retention_curve(h, (SELECT max(n) FROM day_n), %2$L) AS c FROM %1$s) x, unnest(c) p WHERE n IN (SELECT n FROM day_n)) p USING (n)
    WHERE (e.eligible, e.on_day, e.within, e.from_day, e.eligible, e.on_day, e.eligible) IS DISTINCT FROM ((nth).denominator, (nth).numerator, (a.within).numerator, (later).numerator, p.eligible, p.retained, (later).denominator)$f$, source, as_of) INTO result;
  RETURN result;
END $$;
\set command 'cat ' :crmlife_data '/expected/cdnow_sample_day_n.csv'
COPY day_n FROM PROGRAM :'command' (FORMAT csv, HEADER);
SELECT is(pg_temp.differing_days('h', '1998-07-01'), 0::bigint, 'CDNOW: every day n, as rates and as a curve');
TRUNCATE day_n;
\set command 'cat ' :crmlife_data '/expected/online_retail_orders_day_n.csv'
COPY day_n FROM PROGRAM :'command' (FORMAT csv, HEADER);
SELECT is(pg_temp.differing_days('hr', '2011-12-10'), 0::bigint, 'Online Retail: every day n, as rates and as a curve');
\set command 'cat ' :crmlife_data '/expected/cdnow_sample_cohort_month.csv'
COPY cohort_month FROM PROGRAM :'command' (FORMAT csv, HEADER);
SELECT is((SELECT count(*) FROM cohort_month e FULL JOIN (SELECT to_char(cohort, 'YYYY-MM') AS cohort_month, period, customers, retained FROM (SELECT retention_cohorts(h, 'month', '1998-06-30') AS c FROM h) x, unnest(c)) a USING (cohort_month, period) WHERE (cohort_size, active) IS DISTINCT FROM (customers, retained)), 0::bigint, 'CDNOW: every cohort');
TRUNCATE cohort_month;
\set command 'cat ' :crmlife_data '/expected/online_retail_orders_cohort_month.csv'
COPY cohort_month FROM PROGRAM :'command' (FORMAT csv, HEADER);
SELECT is((SELECT count(*) FROM cohort_month e FULL JOIN (SELECT to_char(cohort, 'YYYY-MM') AS cohort_month, period, customers, retained FROM (SELECT retention_cohorts(h, 'month', '2011-12-09') AS c FROM hr) x, unnest(c)) a USING (cohort_month, period) WHERE (cohort_size, active) IS DISTINCT FROM (customers, retained)), 0::bigint, 'Online Retail: every cohort');
SELECT is((SELECT string_agg((s).reached::text, ' ') FROM (SELECT unnest(repeat_funnel(h, 7)) AS s FROM h) x), '2357 1152 746 538 388 290 234', 'CDNOW: repeat funnel by orders');
SELECT is(round(repurchase_interval(h)::numeric, 6), 70.860567, 'CDNOW: repurchase interval') FROM h;
SELECT is(ROW(round(repurchase_interval(h)::numeric, 6), round(repurchase_rate(h)::numeric, 6))::text, '(45.649553,0.655681)', 'Online Retail: repurchase interval and rate') FROM hr;
SELECT finish();
\else
\echo '1..0 # SKIP the order logs are not here'
\endif
