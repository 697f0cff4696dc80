-- The stages of real customers: CDNOW, 1998-06-30.
\set ECHO none
\pset format unaligned
\pset tuples_only true
SET client_min_messages = warning;
SET search_path = public;
\getenv src PG_ABS_SRCDIR
\set load :src '/data/load.sql'
\i :load
\if :have_data
SELECT plan(6);

CREATE TEMP TABLE expected (stage text, customers bigint);
INSERT INTO expected VALUES ('aftersale', 27), ('active', 272), ('silent', 150), ('sleeping', 363), ('churned', 1545);
SELECT set_eq($$SELECT lifecycle_stage(orders, revenue, last_order, '1998-06-30'), count(*)
                FROM (SELECT count(*) AS orders, sum(amount) AS revenue, max(occurred_at) AS last_order
                      FROM cdnow GROUP BY customer_id) AS c GROUP BY 1$$,
              'SELECT * FROM expected', 'CDNOW from columns');
SELECT set_eq($$SELECT stage, count(*)
                FROM (SELECT lifecycle_stage(occurred_at, amount, '1998-06-30') AS stage FROM cdnow GROUP BY customer_id) AS c
                GROUP BY 1$$,
              'SELECT * FROM expected', 'CDNOW from rows');
SELECT set_eq($$SELECT stage, count(*)
                FROM (SELECT lifecycle_stage(occurred_at::timestamp, amount, '1998-06-30 12:00', 'recency') AS stage
                      FROM cdnow GROUP BY customer_id) AS c GROUP BY 1$$,
              'SELECT * FROM expected', 'CDNOW from rows with a time');

-- refunds are no orders; local British time without a zone
SELECT set_eq($$SELECT customer_id, lifecycle_stage(occurred_at, amount, '2011-12-10') FROM retail GROUP BY 1$$,
              $$SELECT customer_id, CASE WHEN last_day IS NULL THEN 'prospect'
                                         WHEN date '2011-12-10' - last_day < 7 THEN 'aftersale'
                                         WHEN date '2011-12-10' - last_day < 90 THEN 'active'
                                         WHEN date '2011-12-10' - last_day < 140 THEN 'silent'
                                         WHEN date '2011-12-10' - last_day < 365 THEN 'sleeping' ELSE 'churned' END
                FROM (SELECT customer_id FROM retail GROUP BY 1) AS r LEFT JOIN retail_rfm USING (customer_id)$$,
              'Online Retail from rows');
SELECT set_eq($$SELECT customer_id, lifecycle_stage(occurred_at, amount, '2011-12-10',
                   'CASE WHEN average_order >= 500 THEN ''big'' WHEN order_days = 1 THEN ''once'' WHEN orders > 10 THEN ''often''
                    WHEN orders = 0 THEN ''refunds'' END') FROM retail GROUP BY 1$$,
              $$SELECT customer_id, CASE WHEN revenue / nullif(orders, 0) >= 500 THEN 'big' WHEN order_days = 1 THEN 'once'
                                         WHEN orders > 10 THEN 'often' WHEN orders = 0 THEN 'refunds' ELSE 'unclassified' END
                FROM (SELECT customer_id, count(*) FILTER (WHERE amount >= 0) AS orders, sum(amount) AS revenue,
                             count(DISTINCT occurred_at::date) FILTER (WHERE amount >= 0) AS order_days
                      FROM retail GROUP BY 1) AS c$$,
              'Online Retail with money and order days');

-- the whole past of a real customer: stages as of each day are the same from
-- rows and from lifecycle_next, stretch by stretch
SELECT is(count(*), 0::bigint, 'CDNOW day by day')
FROM (SELECT customer_id, day, x.stage, n.stage AS stage_again, changes_on, next_stage,
             lead(x.stage) OVER w AS tomorrow, lead(orders) OVER w AS orders_tomorrow, orders
      FROM (SELECT customer_id, day, count(*) AS orders, lifecycle_stage(occurred_at, amount, day) AS stage,
                   lifecycle_next(count(*), sum(amount), max(occurred_at), day) AS next
            FROM cdnow, (SELECT date '1997-01-10' + i AS day FROM generate_series(0, 500) AS i) AS d
            WHERE occurred_at <= day AND sample_id % 40 = 0
            GROUP BY 1, 2) AS x, LATERAL (SELECT (next).*) AS n
      WINDOW w AS (PARTITION BY customer_id ORDER BY day)) AS y
WHERE stage <> stage_again
   OR orders = orders_tomorrow AND (changes_on = day + 1) <> (stage <> tomorrow)
   OR orders = orders_tomorrow AND changes_on = day + 1 AND next_stage <> tomorrow;

SELECT finish();
\else
\echo '1..0 # SKIP the order logs are not here'
\endif
