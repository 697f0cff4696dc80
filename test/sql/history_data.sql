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
SELECT plan(11);
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
SELECT is((SELECT count(*) FROM h, weeks WHERE lifecycle_stage(h, day) IS NOT NULL), (SELECT count(*) FROM (SELECT customer_id, min(occurred_at) AS first FROM cdnow GROUP BY 1) x JOIN weeks ON day >= first), 'of every customer who was there');
SELECT finish();
\else
\echo '1..0 # SKIP the order logs are not here'
\endif
