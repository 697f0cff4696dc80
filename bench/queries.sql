-- What is measured.  A section is a line "## title | base", then a line "-- kind: label"
-- before each of its queries:
--
--   base     the bare scan that other sections are compared with; its name is the label
--   crmlife  ours; its result is what the others must give
--   sql      the same result by hand; the fastest one counts
--   other    a different result for the same need: timed, not compared
--
-- "(serial)" at the end of a label: not run in parallel.

## bare scan of orders | orders
-- base: orders
SELECT count(*), sum(amount), max(paid_at) FROM bench.orders;

## repurchase_rate(customer) | orders
-- crmlife: crmlife
SELECT repurchase_rate(customer_id) FROM bench.orders;
-- sql: group by
SELECT count(*) FILTER (WHERE n >= 2) / count(*)::float8 FROM (SELECT count(*) AS n FROM bench.orders GROUP BY customer_id) c;
-- sql: group by, sorted
SET enable_hashagg = off; SELECT count(*) FILTER (WHERE n >= 2) / count(*)::float8 FROM (SELECT count(*) AS n FROM bench.orders GROUP BY customer_id) c;

## repurchase_rate(customer, amount) | orders
-- crmlife: crmlife
SELECT repurchase_rate(customer_id, amount) FROM bench.orders;
-- sql: group by
SELECT count(*) FILTER (WHERE n >= 2) / count(*)::float8 FROM (SELECT count(*) AS n FROM bench.orders WHERE amount >= 0 GROUP BY customer_id) c;

## repurchase_rate(customer, at) | orders
-- crmlife: crmlife
SELECT repurchase_rate(customer_id, paid_at) FROM bench.orders;
-- sql: first and last day
SELECT count(*) FILTER (WHERE a < b) / count(*)::float8
FROM (SELECT min(paid_at)::date AS a, max(paid_at)::date AS b FROM bench.orders GROUP BY customer_id) c;

## retention_nth_day(customer, at, 30) | orders
-- crmlife: crmlife
SELECT retention_nth_day(customer_id, paid_at, 30, date '2023-11-01') FROM bench.orders;
-- sql: array of times
SELECT count(*) FILTER (WHERE EXISTS (SELECT FROM unnest(times) t WHERE t >= first + 30 AND t < first + 31 AND t < '2023-11-02')) / count(*)::float8
FROM (SELECT min(paid_at)::date AS first, array_agg(paid_at) AS times FROM bench.orders GROUP BY customer_id) c
WHERE first + 30 < '2023-11-01';
-- sql: join with the first day
WITH first AS (SELECT customer_id, min(paid_at)::date AS first FROM bench.orders GROUP BY customer_id)
SELECT (SELECT count(DISTINCT o.customer_id) FROM bench.orders o JOIN first f ON f.customer_id = o.customer_id AND o.paid_at >= f.first + 30 AND o.paid_at < f.first + 31
        WHERE f.first + 30 < '2023-11-01' AND o.paid_at < '2023-11-02') / (SELECT count(*) FROM first WHERE first + 30 < '2023-11-01')::float8;
-- sql: window
SELECT count(*) FILTER (WHERE came) / count(*)::float8
FROM (SELECT bool_or(paid_at < '2023-11-02' AND paid_at::date = first + 30) AS came
      FROM (SELECT customer_id, paid_at, (min(paid_at) OVER (PARTITION BY customer_id))::date AS first FROM bench.orders) o
      WHERE first + 30 < '2023-11-01' GROUP BY customer_id) c;

## retention_within_days(customer, at, 30) | orders
-- crmlife: crmlife
SELECT retention_within_days(customer_id, paid_at, 30, date '2023-11-01') FROM bench.orders;
-- sql: array of times
SELECT count(*) FILTER (WHERE EXISTS (SELECT FROM unnest(times) t WHERE t >= first + 1 AND t < first + 31 AND t < '2023-11-02')) / count(*)::float8
FROM (SELECT min(paid_at)::date AS first, array_agg(paid_at) AS times FROM bench.orders GROUP BY customer_id) c
WHERE first + 30 < '2023-11-01';

## retention_nth_day and within_days, one state | orders
-- crmlife: crmlife
SELECT retention_nth_day(customer_id, paid_at, 30, date '2023-11-01'), retention_within_days(customer_id, paid_at, 30, date '2023-11-01') FROM bench.orders;

## retention_nth_day(customer, at, 60) | orders
-- crmlife: crmlife
SELECT retention_nth_day(customer_id, paid_at, 60, date '2023-11-01') FROM bench.orders;

## retention_within_days(customer, at, 365) | orders
-- crmlife: crmlife
SELECT retention_within_days(customer_id, paid_at, 365, date '2023-11-01') FROM bench.orders;

## bare scan with three keys | keys
-- base: keys
SELECT count(*), sum(amount), max(paid_at) FROM bench.keys;

## retention_nth_day(customer, at, 30), bigint | keys
-- crmlife: crmlife
SELECT retention_nth_day(customer_id, paid_at, 30, date '2023-11-01') FROM bench.keys;
## retention_nth_day(customer, at, 30), uuid | keys
-- crmlife: crmlife
SELECT retention_nth_day(customer_uuid, paid_at, 30, date '2023-11-01') FROM bench.keys;
## retention_nth_day(customer, at, 30), text | keys
-- crmlife: crmlife
SELECT retention_nth_day(customer_text, paid_at, 30, date '2023-11-01') FROM bench.keys;

## repurchase_rate spilling, work_mem 2.5 MB | orders
-- crmlife: crmlife
SET work_mem = '2560kB'; SELECT repurchase_rate(customer_id) FROM bench.orders;
## retention_nth_day(30) spilling, work_mem 2.5 MB | orders
-- crmlife: crmlife
SET work_mem = '2560kB'; SELECT retention_nth_day(customer_id, paid_at, 30, date '2023-11-01') FROM bench.orders;

## bare scan of customers | summary
-- base: summary
SELECT sum(orders), max(revenue), max(last_order) FROM bench.summary;

## rfm_score OVER () | summary
-- crmlife: crmlife (serial)
SELECT max(s), count(*) FROM (SELECT rfm_score(last_order, orders, revenue) OVER () AS s FROM bench.summary) x;
-- other: three ntile (serial)
SELECT max(r * 100 + f * 10 + m), count(*) FROM (
  SELECT ntile(5) OVER (ORDER BY last_order) AS r, ntile(5) OVER (ORDER BY orders) AS f, ntile(5) OVER (ORDER BY revenue) AS m FROM bench.summary) x;

## rfm_score with fixed cuts | summary
-- crmlife: crmlife
SELECT sum(rfm_score(date '2023-12-01' - last_order, orders, revenue, '{7,90,140,365}', '{1,2,3,5}', '{50,100,200,500}')) FROM bench.summary;
-- sql: case
SELECT sum((CASE WHEN r <= 7 THEN 5 WHEN r <= 90 THEN 4 WHEN r <= 140 THEN 3 WHEN r <= 365 THEN 2 ELSE 1 END) * 100
         + (CASE WHEN orders > 5 THEN 5 WHEN orders > 3 THEN 4 WHEN orders > 2 THEN 3 WHEN orders > 1 THEN 2 ELSE 1 END) * 10
         + (CASE WHEN revenue > 500 THEN 5 WHEN revenue > 200 THEN 4 WHEN revenue > 100 THEN 3 WHEN revenue > 50 THEN 2 ELSE 1 END))
FROM (SELECT date '2023-12-01' - last_order AS r, orders, revenue FROM bench.summary) s;

## lifecycle_stage on columns | summary
-- crmlife: crmlife
SELECT sum(length(lifecycle_stage(orders, revenue, last_order, date '2023-12-01'))) FROM bench.summary;
-- sql: case
SELECT sum(length(CASE WHEN r < 7 THEN 'aftersale' WHEN r < 90 THEN 'active' WHEN r < 140 THEN 'silent' WHEN r < 365 THEN 'sleeping' ELSE 'churned' END))
FROM (SELECT date '2023-12-01' - last_order AS r FROM bench.summary) s;
