-- The guided tour: psql -A -t -f tour.sql, with these variables:
--
--   colour    true or false: ANSI colours
--   bar       the sign bars are drawn with
--   key       order_no when orders have numbers, empty when a row is an order
--   visits    true when there are tables visit and member
--
-- A line on the screen is a row of one text column, so that SQL alone draws
-- the bars and the heat map.
\set ON_ERROR_STOP on
\pset pager off
SET client_min_messages = warning;

-- A psql variable holds an escape character only by way of a query.
SELECT CASE WHEN :colour THEN chr(27) || '[1m' ELSE '' END AS strong,
       CASE WHEN :colour THEN chr(27) || '[2m' ELSE '' END AS faint,
       CASE WHEN :colour THEN chr(27) || '[0m' ELSE '' END AS plain \gset

CREATE FUNCTION pg_temp.thousands(n numeric) RETURNS text LANGUAGE sql IMMUTABLE AS
$$ SELECT to_char(n, 'FM999,999,999,990') $$;

-- a cell of the heat map: the darker the more
CREATE FUNCTION pg_temp.cell(share float8, colour bool) RETURNS text LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE WHEN share IS NULL THEN '        '
                WHEN NOT colour THEN to_char(100 * share, '990.0') || ' %'
                ELSE chr(27) || '[48;5;'
                     || (ARRAY[231, 195, 159, 123, 51, 45, 39, 33, 27, 21])[1 + least(9, floor(share * 12))::int]
                     || CASE WHEN share * 12 < 8 THEN ';30m' ELSE ';97m' END
                     || to_char(100 * share, '990.0') || ' %' || chr(27) || '[0m' END
$$;

\echo
\echo :strong'1. The orders':plain
SELECT format('   %s orders and %s refunds of %s customers, %s to %s',
              pg_temp.thousands(count(*) FILTER (WHERE amount >= 0)),
              pg_temp.thousands(count(*) FILTER (WHERE amount < 0)),
              pg_temp.thousands(count(DISTINCT customer_id)),
              min(paid_at)::date, max(paid_at)::date)
FROM orders;
SELECT format('   %s of the buyers bought again, refunds left out', to_char(100 * repurchase_rate(customer_id), 'FM990.0 %'))
FROM orders WHERE amount >= 0;
\echo :faint'   SELECT repurchase_rate(customer_id) FROM orders WHERE amount >= 0':plain

\echo
\echo :strong'2. A stage table: one row per customer, kept fresh from here on':plain
\set began `date +%s%3N`
SELECT CASE WHEN :'key' <> '' THEN E'\n       order_key => ''order_no'',' ELSE '' END
       || CASE WHEN :visits THEN E' visits => ''visit'', visit_customer => ''customer_id'', visited_at => ''visited_at'',
       members => ''member'', member_customer => ''customer_id'', registered_at => ''registered_at'',' ELSE '' END AS more \gset
SELECT format('%s   SELECT crmlife.create_stage_table(''customer_stage'', ''orders'', ''customer_id'', ''paid_at'', ''amount'',%s
       refresh_every => ''1 second'')%s', :'faint', :'more', :'plain');
SELECT format('SELECT crmlife.create_stage_table(''customer_stage'', ''orders'', ''customer_id'', ''paid_at'', ''amount'',
       %s refresh_every => ''1 second'') IS NULL AS done', :'more') AS create \gset
:create \gset
\set ended `date +%s%3N`
SELECT format('   %s customers in %s s. Their stages today:', pg_temp.thousands(count(*)),
              to_char((:ended - :began) / 1000.0, 'FM990.0')) FROM customer_stage;
\echo
WITH stage AS (
    SELECT stage, count(*) AS n, min(current_date - last_order_at::date) AS since
    FROM customer_stage GROUP BY stage
)
SELECT format('   %-10s %8s  %5s %%  %s', stage, pg_temp.thousands(n),
              to_char(100.0 * n / sum(n) OVER (), 'FM990.0'),
              repeat(:'bar', ceil(50.0 * n / max(n) OVER ())::int))
FROM stage ORDER BY since NULLS LAST, stage;

\echo
\echo :strong'3. RFM segments: who brings the revenue':plain
\echo :faint'   SELECT rfm_segment, count(*), sum(revenue) FROM customer_stage GROUP BY 1':plain
WITH segment AS (
    SELECT rfm_segment, count(*) AS n, sum(revenue) AS revenue
    FROM customer_stage WHERE rfm_segment IS NOT NULL GROUP BY 1
)
SELECT format('   %-18s %8s customers  %5s %% of revenue  %s', rfm_segment, pg_temp.thousands(n),
              to_char(100 * revenue / nullif(sum(revenue) OVER (), 0), 'FM990.0'),
              repeat(:'bar', greatest(0, round(30 * revenue / nullif(max(revenue) OVER (), 0)))::int))
FROM segment ORDER BY revenue DESC, rfm_segment;

\echo
\echo :strong'4. Cohorts of the last 18 months: of those whose first order was in one, how many bought again within n days':plain
\echo :faint'   SELECT cohort, retention_within_days(customer_id, paid_at, 30), ... GROUP BY cohort':plain
\echo '   first order   customers      7 days     30 days     60 days     90 days    180 days    365 days'
SELECT format('   %s     %8s     %s', to_char(cohort, 'YYYY-MM'), pg_temp.thousands(n),
              (SELECT string_agg(pg_temp.cell(share, :colour), '    ' ORDER BY k)
               FROM unnest(ARRAY[d7, d30, d60, d90, d180, d365]) WITH ORDINALITY AS of(share, k)))
FROM (SELECT cohort, count(DISTINCT customer_id) AS n,
             retention_within_days(customer_id, paid_at, 7) AS d7,
             retention_within_days(customer_id, paid_at, 30) AS d30,
             retention_within_days(customer_id, paid_at, 60) AS d60,
             retention_within_days(customer_id, paid_at, 90) AS d90,
             retention_within_days(customer_id, paid_at, 180) AS d180,
             retention_within_days(customer_id, paid_at, 365) AS d365
      FROM (SELECT customer_id, paid_at,
                   date_trunc('month', min(paid_at) OVER (PARTITION BY customer_id)) AS cohort
            FROM orders WHERE amount >= 0) AS of_cohort
      GROUP BY cohort) AS cohorts
WHERE cohort > (SELECT max(paid_at) FROM orders) - interval '18 months'
ORDER BY cohort;
\echo :faint'   A customer counts only once the n days are over; blank: nobody''s are.':plain

\echo
\echo :strong'5. Live: a customer who had gone to sleep buys':plain
SELECT customer_id AS sleeper, orders AS had_orders,
       format('   customer %s   %s since %s, %s orders, revenue %s, score %s',
              customer_id, stage, since, orders, revenue, rfm_score) AS before
FROM customer_stage WHERE orders > 0
ORDER BY stage = 'sleeping' DESC, stage = 'aftersale', revenue DESC, customer_id LIMIT 1 \gset
\echo :before
\echo :faint'   INSERT INTO orders (order_no, customer_id, paid_at, amount) VALUES (..., now(), 120.00)':plain
CREATE FUNCTION pg_temp.wait_for_the_worker(who text, had bigint) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    FOR i IN 1 .. 600 LOOP
        PERFORM FROM customer_stage WHERE customer_id::text = who AND orders <> had;
        EXIT WHEN found;
        PERFORM pg_sleep(0.05);
    END LOOP;
END $$;
\set began `date +%s%3N`
INSERT INTO orders (order_no, customer_id, paid_at, amount) VALUES ('live-1', :'sleeper', now(), 120.00);
SELECT pg_temp.wait_for_the_worker(:'sleeper', :had_orders) AS waited \gset
\set ended `date +%s%3N`
SELECT CASE WHEN orders <> :had_orders
            THEN format('   %5s s later      %s since %s, %s orders, revenue %s, score %s',
                        to_char((:ended - :began) / 1000.0, 'FM990.0'), stage, since, orders, revenue, rfm_score)
            ELSE format('   Not moved within %s s: SELECT * FROM crmlife.status tells why.', (:ended - :began) / 1000) END
FROM customer_stage WHERE customer_id::text = :'sleeper';
SELECT format('   and in the log     %s -> %s, cause: %s', from_stage, to_stage, cause)
FROM customer_stage_changes ORDER BY seq DESC LIMIT 1;

\echo
\echo :strong'6. Time moves customers too: who will leave a stage in the next 7 days, if nobody buys':plain
\echo :faint'   SELECT stage, next_stage, changes_on, count(*) FROM customer_stage GROUP BY 1, 2, 3':plain
SELECT '                            ' || string_agg(lpad(to_char(current_date + n, 'Dy'), 6), '' ORDER BY n)
FROM generate_series(1, 7) AS n;
SELECT format('   %-10s -> %-10s  %s', stage, next_stage,
              string_agg(lpad(coalesce(customers::text, '·'), 6), '' ORDER BY n))
FROM (SELECT DISTINCT stage, next_stage FROM customer_stage
      WHERE changes_on BETWEEN current_date + 1 AND current_date + 7) AS move
CROSS JOIN generate_series(1, 7) AS n
LEFT JOIN (SELECT stage, next_stage, changes_on - current_date AS n, count(*) AS customers
           FROM customer_stage GROUP BY 1, 2, 3) AS counted USING (stage, next_stage, n)
GROUP BY stage, next_stage ORDER BY stage, next_stage;
SELECT coalesce(max(seq), 0) AS last_change FROM customer_stage_changes \gset
SELECT count(*) AS promised FROM customer_stage WHERE changes_on <= current_date + 7 \gset
BEGIN;
SELECT crmlife.refresh('customer_stage', as_of => now() + interval '7 days') IS NULL AS done \gset
SELECT format('   Refreshed as of next week: %s customers were said to move, %s did. (Rolled back: today is today.)',
              pg_temp.thousands(:promised), pg_temp.thousands(count(DISTINCT customer_id)))
FROM customer_stage_changes WHERE seq > :last_change;
ROLLBACK;

\echo
\echo :strong'7. Monday morning: the shop in one screen':plain
\echo :faint'   SELECT * FROM crmlife.overview, crmlife.weekly_kpi, crmlife.weekly_flows, crmlife.forecast(...)':plain
SELECT format('   %s customers, %s with an order, %s of them twice or more, refunds netted; %s an order; %s days to the next, %s to the first',
              pg_temp.thousands(customers), pg_temp.thousands(paying_customers), to_char(100 * repeat_share, 'FM990.0 %'),
              to_char(average_order, 'FM999990.00'), coalesce(to_char(repurchase_period, 'FM9990.0'), '-'),
              coalesce(to_char(first_purchase_decision_period, 'FM9990.0'), '-'))
FROM crmlife.overview WHERE stage_table = 'customer_stage'::regclass;
SELECT coalesce(max(week), current_date - 7) AS last_week FROM crmlife.weekly_kpi WHERE stage_table = 'customer_stage'::regclass \gset
\echo
\echo '   last order        customers         bought  a week before    an order  a week before'
SELECT format('   %-9s %-9s %8s  %13s  %13s  %10s  %13s', band, loyalty, pg_temp.thousands(denominator),
              coalesce(to_char(100 * rate, 'FM990.00 %'), '-'), coalesce(to_char(100 * rate_before, 'FM990.00 %'), '-'),
              coalesce(to_char(average_order, 'FM999990.00'), '-'), coalesce(to_char(average_order_before, 'FM999990.00'), '-'))
FROM crmlife.weekly_kpi
WHERE stage_table = 'customer_stage'::regclass AND week = :'last_week' AND measure = 'purchase_rate' AND loyalty IS NOT NULL
ORDER BY band_order, loyalty;
\echo
\echo '   Who moved last week:'
SELECT format('   %-10s -> %-10s %6s', from_stage, to_stage, pg_temp.thousands(sum(customers)))
FROM crmlife.weekly_flows
WHERE stage_table = 'customer_stage'::regclass AND week = :'last_week' AND from_stage <> to_stage
GROUP BY from_stage, to_stage ORDER BY min(from_order), min(to_order);
\echo '   Who falls asleep, or leaves, in the coming 14 days if nobody buys:'
SELECT format('   %-10s -> %-10s %6s this week %6s next week', from_stage, to_stage,
              pg_temp.thousands(coalesce(sum(customers) FILTER (WHERE day <= current_date + 7), 0)),
              pg_temp.thousands(coalesce(sum(customers) FILTER (WHERE day > current_date + 7), 0)))
FROM crmlife.forecast('customer_stage', 14)
WHERE to_stage IN ('silent', 'sleeping', 'churned') GROUP BY from_stage, to_stage ORDER BY from_stage, to_stage;
