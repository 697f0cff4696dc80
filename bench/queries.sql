-- What is measured.  A section is a line "## title | base | key", then a line
-- "-- kind: label" before each of its queries:
--
--   base     the bare scan that sections of this base are compared with
--   crmlife  ours; its result is what all others must give
--   sql      the same result by hand; the fastest one counts
--   duckdb   the same on DuckDB; the fastest one counts
--   check    run once and not timed; all of a section must give the same
--   pair     what ours is compared with in turn, many times in one session: the
--            scan with ours' arguments worked out
--
-- "sql other", "duckdb other": a different result for the same need, timed but
-- not compared.  "(serial)" at the end of a label: not run in parallel;
-- "(needs name)": only where there is such a function.  "| same as key" ends
-- the title of a section whose SQL by hand, and result, are another section's.
--
-- What stands before a line "-- timed", or a SET on the first line, is not
-- timed, nor what follows a line "-- after", whose result is then compared.
-- {0..2: f($i)} is f(0), f(1), f(2); {budget of key: 1/8} the work_mem that is
-- an eighth of the memory that the section "key" took.

## bare scan of orders | orders | orders
-- base: orders
SELECT count(*), sum(amount), max(paid_at) FROM bench.orders;
-- duckdb: the same
SELECT count(*), sum(amount), max(paid_at) FROM orders

## repurchase_rate(customer) | orders | repurchase
-- crmlife: crmlife
SELECT repurchase_rate(customer_id) FROM bench.orders;
-- sql: group by
SELECT count(*) FILTER (WHERE n >= 2) / count(*)::float8 FROM (SELECT count(*) AS n FROM bench.orders GROUP BY customer_id) c;
-- sql: group by, sorted
SET enable_hashagg = off; SELECT count(*) FILTER (WHERE n >= 2) / count(*)::float8 FROM (SELECT count(*) AS n FROM bench.orders GROUP BY customer_id) c;
-- duckdb: group by
SELECT count(*) FILTER (WHERE n >= 2) / count(*) FROM (SELECT count(*) AS n FROM orders GROUP BY customer_id) c

## repurchase_rate(customer, amount) | orders | repurchase_orders
-- crmlife: crmlife
SELECT repurchase_rate(customer_id, amount) FROM bench.orders;
-- sql: group by
SELECT count(*) FILTER (WHERE n >= 2) / count(*)::float8 FROM (SELECT count(*) AS n FROM bench.orders WHERE amount >= 0 GROUP BY customer_id) c;
-- sql: group by, sorted
SET enable_hashagg = off; SELECT count(*) FILTER (WHERE n >= 2) / count(*)::float8 FROM (SELECT count(*) AS n FROM bench.orders WHERE amount >= 0 GROUP BY customer_id) c;
-- duckdb: group by
SELECT count(*) FILTER (WHERE n >= 2) / count(*) FROM (SELECT count(*) AS n FROM orders WHERE amount >= 0 GROUP BY customer_id) c

## repurchase_rate(customer, at) | orders | repurchase_days
-- crmlife: crmlife
SELECT repurchase_rate(customer_id, paid_at) FROM bench.orders;
-- sql: first and last day
SELECT count(*) FILTER (WHERE a < b) / count(*)::float8
FROM (SELECT min(paid_at)::date AS a, max(paid_at)::date AS b FROM bench.orders GROUP BY customer_id) c;
-- sql: first and last day, sorted
SET enable_hashagg = off; SELECT count(*) FILTER (WHERE a < b) / count(*)::float8
FROM (SELECT min(paid_at)::date AS a, max(paid_at)::date AS b FROM bench.orders GROUP BY customer_id) c;
-- duckdb: first and last day
SELECT count(*) FILTER (WHERE a < b) / count(*)
FROM (SELECT min(paid_at)::DATE AS a, max(paid_at)::DATE AS b FROM orders GROUP BY customer_id) c

## retention_nth_day(customer, at, 30) | orders | retention
-- crmlife: crmlife
SELECT retention_nth_day(customer_id, paid_at, 30, date '2023-11-01') FROM bench.orders;
-- sql: array of days
SELECT count(*) FILTER (WHERE first + 30 = ANY (days)) / count(*)::float8
FROM (SELECT min(paid_at)::date AS first, array_agg(paid_at::date) AS days FROM bench.orders WHERE paid_at < '2023-11-02' GROUP BY customer_id) c
WHERE first + 30 < '2023-11-01';
-- sql: array of days, sorted
SET enable_hashagg = off; SELECT count(*) FILTER (WHERE first + 30 = ANY (days)) / count(*)::float8
FROM (SELECT min(paid_at)::date AS first, array_agg(paid_at::date) AS days FROM bench.orders WHERE paid_at < '2023-11-02' GROUP BY customer_id) c
WHERE first + 30 < '2023-11-01';
-- sql: semi-join with the first day
WITH first AS (SELECT customer_id, min(paid_at)::date AS first FROM bench.orders GROUP BY customer_id)
SELECT count(*) FILTER (WHERE came) / count(*)::float8
FROM (SELECT EXISTS (SELECT FROM bench.orders o WHERE o.customer_id = f.customer_id AND o.paid_at::date = first + 30) AS came
      FROM first f WHERE first + 30 < '2023-11-01') c;
-- sql: window
SELECT count(*) FILTER (WHERE came) / count(*)::float8
FROM (SELECT bool_or(paid_at::date = first + 30) AS came
      FROM (SELECT customer_id, paid_at, (min(paid_at) OVER (PARTITION BY customer_id))::date AS first FROM bench.orders WHERE paid_at < '2023-11-02') o
      WHERE first + 30 < '2023-11-01' GROUP BY customer_id) c;
-- duckdb: join with the first day
WITH first AS (SELECT customer_id, min(paid_at)::DATE AS first FROM orders GROUP BY customer_id)
SELECT (SELECT count(DISTINCT customer_id) FROM orders JOIN first USING (customer_id) WHERE first + 30 < '2023-11-01' AND paid_at::DATE = first + 30)
       / (SELECT count(*) FROM first WHERE first + 30 < '2023-11-01')
-- duckdb: semi-join with the first day
WITH first AS (SELECT customer_id, min(paid_at)::DATE AS first FROM orders GROUP BY customer_id)
SELECT (SELECT count(*) FROM first f SEMI JOIN orders o ON o.customer_id = f.customer_id AND o.paid_at::DATE = f.first + 30 WHERE first + 30 < '2023-11-01')
       / (SELECT count(*) FROM first WHERE first + 30 < '2023-11-01')
-- duckdb: list of days
SELECT count(*) FILTER (WHERE list_contains(days, first + 30)) / count(*)
FROM (SELECT min(paid_at)::DATE AS first, list(paid_at::DATE) AS days FROM orders WHERE paid_at < '2023-11-02' GROUP BY customer_id) c
WHERE first + 30 < '2023-11-01'

## retention_within_days(customer, at, 30) | orders | within
-- crmlife: crmlife
SELECT retention_within_days(customer_id, paid_at, 30, date '2023-11-01') FROM bench.orders;
-- sql: array of days
SELECT count(*) FILTER (WHERE EXISTS (SELECT FROM unnest(days) d WHERE d BETWEEN first + 1 AND first + 30)) / count(*)::float8
FROM (SELECT min(paid_at)::date AS first, array_agg(paid_at::date) AS days FROM bench.orders WHERE paid_at < '2023-11-02' GROUP BY customer_id) c
WHERE first + 30 < '2023-11-01';
-- sql: window
SELECT count(*) FILTER (WHERE came) / count(*)::float8
FROM (SELECT bool_or(paid_at::date BETWEEN first + 1 AND first + 30) AS came
      FROM (SELECT customer_id, paid_at, (min(paid_at) OVER (PARTITION BY customer_id))::date AS first FROM bench.orders WHERE paid_at < '2023-11-02') o
      WHERE first + 30 < '2023-11-01' GROUP BY customer_id) c;
-- duckdb: join with the first day
WITH first AS (SELECT customer_id, min(paid_at)::DATE AS first FROM orders GROUP BY customer_id)
SELECT (SELECT count(DISTINCT customer_id) FROM orders JOIN first USING (customer_id) WHERE first + 30 < '2023-11-01' AND paid_at::DATE BETWEEN first + 1 AND first + 30)
       / (SELECT count(*) FROM first WHERE first + 30 < '2023-11-01')

## retention_between_days(customer, at, 60, 90) | orders | between
-- crmlife: crmlife
SELECT retention_between_days(customer_id, paid_at, 60, 90, date '2023-11-01') FROM bench.orders;
-- sql: array of days
SELECT count(*) FILTER (WHERE EXISTS (SELECT FROM unnest(days) d WHERE d BETWEEN first + 60 AND first + 90)) / count(*)::float8
FROM (SELECT min(paid_at)::date AS first, array_agg(paid_at::date) AS days FROM bench.orders WHERE paid_at < '2023-11-02' GROUP BY customer_id) c
WHERE first + 90 < '2023-11-01';
-- sql: window
SELECT count(*) FILTER (WHERE came) / count(*)::float8
FROM (SELECT bool_or(paid_at::date BETWEEN first + 60 AND first + 90) AS came
      FROM (SELECT customer_id, paid_at, (min(paid_at) OVER (PARTITION BY customer_id))::date AS first FROM bench.orders WHERE paid_at < '2023-11-02') o
      WHERE first + 90 < '2023-11-01' GROUP BY customer_id) c;
-- duckdb: join with the first day
WITH first AS (SELECT customer_id, min(paid_at)::DATE AS first FROM orders GROUP BY customer_id)
SELECT (SELECT count(DISTINCT customer_id) FROM orders JOIN first USING (customer_id) WHERE first + 90 < '2023-11-01' AND paid_at::DATE BETWEEN first + 60 AND first + 90)
       / (SELECT count(*) FROM first WHERE first + 90 < '2023-11-01')

## retention_from_day(customer, at, 30) | orders | from_day
-- crmlife: crmlife
SELECT retention_from_day(customer_id, paid_at, 30, date '2023-11-01') FROM bench.orders;
-- sql: first and last day
SELECT count(*) FILTER (WHERE last >= first + 30) / count(*)::float8
FROM (SELECT min(paid_at)::date AS first, max(paid_at)::date AS last FROM bench.orders WHERE paid_at < '2023-11-02' GROUP BY customer_id) c
WHERE first + 30 < '2023-11-01';
-- sql: first and last day, sorted
SET enable_hashagg = off; SELECT count(*) FILTER (WHERE last >= first + 30) / count(*)::float8
FROM (SELECT min(paid_at)::date AS first, max(paid_at)::date AS last FROM bench.orders WHERE paid_at < '2023-11-02' GROUP BY customer_id) c
WHERE first + 30 < '2023-11-01';
-- duckdb: first and last day
SELECT count(*) FILTER (WHERE last >= first + 30) / count(*)
FROM (SELECT min(paid_at)::DATE AS first, max(paid_at)::DATE AS last FROM orders WHERE paid_at < '2023-11-02' GROUP BY customer_id) c
WHERE first + 30 < '2023-11-01'

## retention_nth_day and within_days, one state | orders | one_state
-- crmlife: crmlife
SELECT retention_nth_day(customer_id, paid_at, 30, date '2023-11-01'), retention_within_days(customer_id, paid_at, 30, date '2023-11-01') FROM bench.orders;

## retention_nth_day(customer, at, 30), days of Berlin | orders | berlin
-- crmlife: crmlife
SET TimeZone = 'Europe/Berlin'; SELECT retention_nth_day(customer_id, paid_at, 30, date '2023-11-01') FROM bench.orders;

## retention_nth_day(customer, at, 60) | orders | day_60
-- crmlife: crmlife
SELECT retention_nth_day(customer_id, paid_at, 60, date '2023-11-01') FROM bench.orders;

## retention_within_days(customer, at, 365) | orders | within_365
-- crmlife: crmlife
SELECT retention_within_days(customer_id, paid_at, 365, date '2023-11-01') FROM bench.orders;

## retention_curve(customer, at, 90) | orders | curve
-- crmlife: crmlife
SELECT n, eligible, retained FROM (SELECT retention_curve(customer_id, paid_at, 90, date '2023-11-01') AS curve FROM bench.orders) c, unnest(curve) ORDER BY n;
-- sql: join with the first day
WITH first AS MATERIALIZED (SELECT customer_id, min(paid_at)::date AS first FROM bench.orders WHERE paid_at < '2023-11-02' GROUP BY customer_id),
     began AS (SELECT first, count(*) AS customers FROM first GROUP BY first),
     came AS (SELECT n, count(*) AS retained
              FROM (SELECT DISTINCT customer_id, paid_at::date - first AS n FROM bench.orders JOIN first USING (customer_id)
                    WHERE paid_at < '2023-11-02' AND paid_at < first + 91 AND first + (paid_at::date - first) < '2023-11-01') a GROUP BY n)
SELECT n, sum(customers), coalesce(max(retained), 0) FROM generate_series(0, 90) n JOIN began ON first + n < '2023-11-01' LEFT JOIN came USING (n) GROUP BY n ORDER BY n;
-- sql: days since the first, by a window
WITH active AS (SELECT customer_id, first, paid_at::date - first AS n
                FROM (SELECT customer_id, paid_at, (min(paid_at) OVER (PARTITION BY customer_id))::date AS first FROM bench.orders WHERE paid_at < '2023-11-02') o
                WHERE paid_at::date - first <= 90 GROUP BY 1, 2, 3),
     began AS (SELECT first, count(*) FILTER (WHERE n = 0) AS customers FROM active GROUP BY first),
     came AS (SELECT n, count(*) AS retained FROM active WHERE first + n < '2023-11-01' GROUP BY n)
SELECT n, sum(customers), coalesce(max(retained), 0) FROM generate_series(0, 90) n JOIN began ON first + n < '2023-11-01' LEFT JOIN came USING (n) GROUP BY n ORDER BY n;
-- duckdb: join with the first day
WITH first AS MATERIALIZED (SELECT customer_id, min(paid_at)::DATE AS first FROM orders WHERE paid_at < '2023-11-02' GROUP BY customer_id),
     began AS (SELECT first, count(*) AS customers FROM first GROUP BY first),
     came AS (SELECT n, count(*) AS retained
              FROM (SELECT DISTINCT customer_id, paid_at::DATE - first AS n FROM orders JOIN first USING (customer_id)
                    WHERE paid_at < '2023-11-01' AND paid_at < first + 91) a GROUP BY n)
SELECT n, sum(customers), coalesce(max(retained), 0) FROM range(91) r(n) JOIN began ON first + n::INT < '2023-11-01' LEFT JOIN came USING (n) GROUP BY n ORDER BY n
-- duckdb: list of days
WITH c AS MATERIALIZED (SELECT min(paid_at)::DATE AS first, list(DISTINCT paid_at::DATE) AS days FROM orders WHERE paid_at < '2023-11-02' GROUP BY customer_id),
     began AS (SELECT first, count(*) AS customers FROM c GROUP BY first),
     came AS (SELECT day - first AS n, count(*) AS retained FROM (SELECT first, unnest(days) AS day FROM c) d WHERE day - first <= 90 AND day < '2023-11-01' GROUP BY 1)
SELECT n, sum(customers), coalesce(max(retained), 0) FROM range(91) r(n) JOIN began ON first + n::INT < '2023-11-01' LEFT JOIN came USING (n) GROUP BY n ORDER BY n

## retention_cohorts(customer, at, 'month') | orders | cohorts
-- crmlife: crmlife
SELECT cohort, period, customers, retained FROM (SELECT retention_cohorts(customer_id, paid_at, 'month', date '2023-11-01') AS cohorts FROM bench.orders) c, unnest(cohorts) ORDER BY cohort, period;
-- sql: map of months
SELECT (date '2021-01-01' + first * interval '1 month')::date, p - first, customers, retained
FROM (SELECT first, count(*) AS customers, ARRAY[{0..34: count(*) FILTER (WHERE months & (1::bigint << $i) <> 0)}] AS active
      FROM (SELECT (date_part('year', min(paid_at)) * 12 + date_part('month', min(paid_at)))::int - 24253 AS first,
                   bit_or(1::bigint << ((date_part('year', paid_at) * 12 + date_part('month', paid_at))::int - 24253)) AS months
            FROM bench.orders WHERE paid_at < '2023-11-02' GROUP BY customer_id) c GROUP BY first) t,
     LATERAL (SELECT i - 1 AS p, retained FROM unnest(active) WITH ORDINALITY a (retained, i)) a
WHERE p >= first ORDER BY 1, 2;
-- sql: map of months, sorted
SET enable_hashagg = off; SELECT (date '2021-01-01' + first * interval '1 month')::date, p - first, customers, retained
FROM (SELECT first, count(*) AS customers, ARRAY[{0..34: count(*) FILTER (WHERE months & (1::bigint << $i) <> 0)}] AS active
      FROM (SELECT (date_part('year', min(paid_at)) * 12 + date_part('month', min(paid_at)))::int - 24253 AS first,
                   bit_or(1::bigint << ((date_part('year', paid_at) * 12 + date_part('month', paid_at))::int - 24253)) AS months
            FROM bench.orders WHERE paid_at < '2023-11-02' GROUP BY customer_id) c GROUP BY first) t,
     LATERAL (SELECT i - 1 AS p, retained FROM unnest(active) WITH ORDINALITY a (retained, i)) a
WHERE p >= first ORDER BY 1, 2;
-- sql: distinct months and a window
WITH active AS (SELECT month, min(month) OVER (PARTITION BY customer_id) AS first
                FROM (SELECT customer_id, (date_part('year', paid_at) * 12 + date_part('month', paid_at))::int - 24253 AS month
                      FROM bench.orders WHERE paid_at < '2023-11-02' GROUP BY 1, 2) m),
     cell AS (SELECT first, month, count(*) AS retained FROM active GROUP BY 1, 2)
SELECT (date '2021-01-01' + first * interval '1 month')::date, month - first, (SELECT retained FROM cell z WHERE (z.first, z.month) = (f.first, f.first)), coalesce(retained, 0)
FROM (SELECT DISTINCT first FROM cell) f CROSS JOIN LATERAL generate_series(first, 34) month LEFT JOIN cell USING (first, month) ORDER BY 1, 2;
-- duckdb: join with the first month
WITH active AS MATERIALIZED (SELECT DISTINCT customer_id, datediff('month', TIMESTAMP '2021-01-01', paid_at) AS month FROM orders WHERE paid_at < '2023-11-02'),
     began AS (SELECT customer_id, min(month) AS first FROM active GROUP BY customer_id),
     cell AS MATERIALIZED (SELECT first, month, count(*) AS retained FROM active JOIN began USING (customer_id) GROUP BY 1, 2)
SELECT (DATE '2021-01-01' + to_months(z.first::INT))::DATE, r.month - z.first, z.retained, coalesce(c.retained, 0)
FROM cell z JOIN range(35) r(month) ON r.month >= z.first LEFT JOIN cell c ON (c.first, c.month) = (z.first, r.month) WHERE z.first = z.month ORDER BY 1, 2
-- duckdb: map of months
WITH map AS (SELECT months, count(*) AS customers FROM (SELECT bit_or(1::BIGINT << datediff('month', TIMESTAMP '2021-01-01', paid_at)) AS months
                                                        FROM orders WHERE paid_at < '2023-11-02' GROUP BY customer_id) c GROUP BY months),
     f AS (SELECT *, bit_count(xor(months, months - 1)) - 1 AS first FROM map)
SELECT (DATE '2021-01-01' + to_months(first::INT))::DATE, p - first, sum(customers), coalesce(sum(customers) FILTER (WHERE months & (1::BIGINT << p) <> 0), 0)
FROM f JOIN range(35) r(p) ON p >= first GROUP BY first, p ORDER BY 1, 2

## repurchase rate of each month, repurchase_periods | orders | monthly
-- crmlife: crmlife (needs repurchase_periods)
SELECT period, customers, repeated FROM (SELECT repurchase_periods(customer_id, paid_at, 'month', date '2024-01-01') AS periods FROM bench.orders) c, unnest(periods) WHERE customers > 0 ORDER BY period;
-- sql: group by month and customer
SELECT month::date, count(*), count(*) FILTER (WHERE n >= 2)
FROM (SELECT date_trunc('month', paid_at) AS month, count(*) AS n FROM bench.orders GROUP BY 1, customer_id) c GROUP BY month ORDER BY month;
-- sql: group by month and customer, sorted
SET enable_hashagg = off; SELECT month::date, count(*), count(*) FILTER (WHERE n >= 2)
FROM (SELECT date_trunc('month', paid_at) AS month, count(*) AS n FROM bench.orders GROUP BY 1, customer_id) c GROUP BY month ORDER BY month;
-- sql: two maps of months
SELECT (date '2021-01-01' + p * interval '1 month')::date, one[p + 1], two[p + 1]
FROM (SELECT ARRAY[{0..35: count(*) FILTER (WHERE once & (1::bigint << $i) <> 0)}] AS one, ARRAY[{0..35: count(*) FILTER (WHERE twice & (1::bigint << $i) <> 0)}] AS two
      FROM (SELECT bit_or(1::bigint << month) AS once, coalesce(bit_or(1::bigint << month) FILTER (WHERE n > 1), 0) AS twice
            FROM (SELECT customer_id, (date_part('year', paid_at) * 12 + date_part('month', paid_at))::int - 24253 AS month, count(*) AS n FROM bench.orders GROUP BY 1, 2) m GROUP BY customer_id) c) t,
     generate_series(0, 35) p WHERE one[p + 1] > 0 ORDER BY 1;
-- duckdb: group by month and customer
SELECT month::DATE, count(*), count(*) FILTER (WHERE n >= 2)
FROM (SELECT date_trunc('month', paid_at) AS month, count(*) AS n FROM orders GROUP BY 1, customer_id) c GROUP BY month ORDER BY month

## repurchase_rate ... GROUP BY month | orders | monthly_groups
-- crmlife: crmlife
SELECT date_trunc('month', paid_at)::date, (repurchase_stats(customer_id)).denominator, (repurchase_stats(customer_id)).numerator FROM bench.orders GROUP BY 1 ORDER BY 1;
-- sql: group by month and customer
SELECT month::date, count(*), count(*) FILTER (WHERE n >= 2)
FROM (SELECT date_trunc('month', paid_at) AS month, count(*) AS n FROM bench.orders GROUP BY 1, customer_id) c GROUP BY month ORDER BY month;
-- sql: group by month and customer, sorted
SET enable_hashagg = off; SELECT month::date, count(*), count(*) FILTER (WHERE n >= 2)
FROM (SELECT date_trunc('month', paid_at) AS month, count(*) AS n FROM bench.orders GROUP BY 1, customer_id) c GROUP BY month ORDER BY month;
-- duckdb: group by month and customer
SELECT month::DATE, count(*), count(*) FILTER (WHERE n >= 2)
FROM (SELECT date_trunc('month', paid_at) AS month, count(*) AS n FROM orders GROUP BY 1, customer_id) c GROUP BY month ORDER BY month

## second_purchase_rate(customer, at, 45) | orders | second
-- crmlife: crmlife
SELECT second_purchase_rate(customer_id, paid_at, 45, date '2023-11-01') FROM bench.orders;
-- sql: array of days
SELECT count(*) FILTER (WHERE EXISTS (SELECT FROM unnest(days) d WHERE d BETWEEN first + 1 AND first + 45)) / count(*)::float8
FROM (SELECT min(paid_at)::date AS first, array_agg(paid_at::date) AS days FROM bench.orders WHERE paid_at < '2023-11-02' GROUP BY customer_id) c
WHERE first + 45 < '2023-11-01';
-- sql: window
SELECT count(*) FILTER (WHERE came) / count(*)::float8
FROM (SELECT bool_or(paid_at::date BETWEEN first + 1 AND first + 45) AS came
      FROM (SELECT customer_id, paid_at, (min(paid_at) OVER (PARTITION BY customer_id))::date AS first FROM bench.orders WHERE paid_at < '2023-11-02') o
      WHERE first + 45 < '2023-11-01' GROUP BY customer_id) c;
-- duckdb: join with the first day
WITH first AS (SELECT customer_id, min(paid_at)::DATE AS first FROM orders GROUP BY customer_id)
SELECT (SELECT count(DISTINCT customer_id) FROM orders JOIN first USING (customer_id) WHERE first + 45 < '2023-11-01' AND paid_at::DATE BETWEEN first + 1 AND first + 45)
       / (SELECT count(*) FROM first WHERE first + 45 < '2023-11-01')

## repurchase_interval(customer, at) | orders | interval
-- crmlife: crmlife
SELECT repurchase_interval(customer_id, paid_at) FROM bench.orders;
-- sql: distinct days
SELECT sum(last - first)::float8 / sum(days - 1)
FROM (SELECT count(*) AS days, min(day) AS first, max(day) AS last FROM (SELECT customer_id, paid_at::date AS day FROM bench.orders GROUP BY 1, 2) d GROUP BY customer_id) c;
-- sql: distinct days, sorted
SET enable_hashagg = off; SELECT sum(last - first)::float8 / sum(days - 1)
FROM (SELECT count(*) AS days, min(day) AS first, max(day) AS last FROM (SELECT customer_id, paid_at::date AS day FROM bench.orders GROUP BY 1, 2) d GROUP BY customer_id) c;
-- duckdb: distinct days
SELECT sum(last - first) / sum(days - 1)
FROM (SELECT count(DISTINCT paid_at::DATE) AS days, min(paid_at)::DATE AS first, max(paid_at)::DATE AS last FROM orders GROUP BY customer_id) c
-- duckdb: two steps
SELECT sum(last - first) / sum(days - 1)
FROM (SELECT count(*) AS days, min(day) AS first, max(day) AS last FROM (SELECT customer_id, paid_at::DATE AS day FROM orders GROUP BY 1, 2) d GROUP BY customer_id) c

## repurchase_interval_median(customer, at) | orders | median
-- crmlife: crmlife
SELECT repurchase_interval_median(customer_id, paid_at) FROM bench.orders;
-- sql: lag
SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY gap)
FROM (SELECT day - lag(day) OVER (PARTITION BY customer_id ORDER BY day) AS gap FROM (SELECT customer_id, paid_at::date AS day FROM bench.orders) d) g WHERE gap > 0;
-- sql: lag over times
SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY gap)
FROM (SELECT paid_at::date - lag(paid_at) OVER (PARTITION BY customer_id ORDER BY paid_at)::date AS gap FROM bench.orders) g WHERE gap > 0;
-- duckdb: lag
SELECT median(gap) FROM (SELECT day - lag(day) OVER (PARTITION BY customer_id ORDER BY day) AS gap FROM (SELECT customer_id, paid_at::DATE AS day FROM orders) d) g WHERE gap > 0

## repeat_funnel(customer) | orders | funnel
-- crmlife: crmlife
SELECT k, reached, converted FROM (SELECT repeat_funnel(customer_id) AS funnel FROM bench.orders) c, unnest(funnel) ORDER BY k;
-- sql: group by
WITH c AS (SELECT n, count(*) AS customers FROM (SELECT count(*) AS n FROM bench.orders GROUP BY customer_id) o GROUP BY n)
SELECT k, sum(customers) FILTER (WHERE n >= k), sum(customers) FILTER (WHERE n > k) FROM c, generate_series(1, 10) k GROUP BY k ORDER BY k;
-- sql: group by, sorted
SET enable_hashagg = off; WITH c AS (SELECT n, count(*) AS customers FROM (SELECT count(*) AS n FROM bench.orders GROUP BY customer_id) o GROUP BY n)
SELECT k, sum(customers) FILTER (WHERE n >= k), sum(customers) FILTER (WHERE n > k) FROM c, generate_series(1, 10) k GROUP BY k ORDER BY k;
-- duckdb: group by
WITH c AS (SELECT n, count(*) AS customers FROM (SELECT count(*) AS n FROM orders GROUP BY customer_id) o GROUP BY n)
SELECT k, sum(customers) FILTER (WHERE n >= k), sum(customers) FILTER (WHERE n > k) FROM c, range(1, 11) r(k) GROUP BY k ORDER BY k

## repeat_funnel(customer, at, 10, 30) | orders | funnel_days
-- crmlife: crmlife
SELECT k, reached, converted FROM (SELECT repeat_funnel(customer_id, paid_at, 10, 30, date '2023-11-01') AS funnel FROM bench.orders) c, unnest(funnel) ORDER BY k;
-- sql: numbered days
SELECT k, count(*), count(*) FILTER (WHERE next <= day + 30)
FROM (SELECT day, row_number() OVER w AS k, lead(day) OVER w AS next
      FROM (SELECT customer_id, paid_at::date AS day FROM bench.orders WHERE paid_at < '2023-11-02' GROUP BY 1, 2) d WINDOW w AS (PARTITION BY customer_id ORDER BY day)) n
WHERE k <= 10 AND day + 30 < '2023-11-01' GROUP BY k ORDER BY k;
-- sql: numbered days, sorted
SET enable_hashagg = off; SELECT k, count(*), count(*) FILTER (WHERE next <= day + 30)
FROM (SELECT day, row_number() OVER w AS k, lead(day) OVER w AS next
      FROM (SELECT customer_id, paid_at::date AS day FROM bench.orders WHERE paid_at < '2023-11-02' GROUP BY 1, 2) d WINDOW w AS (PARTITION BY customer_id ORDER BY day)) n
WHERE k <= 10 AND day + 30 < '2023-11-01' GROUP BY k ORDER BY k;
-- duckdb: numbered days
SELECT k, count(*), count(*) FILTER (WHERE next <= day + 30)
FROM (SELECT day, row_number() OVER w AS k, lead(day) OVER w AS next
      FROM (SELECT customer_id, paid_at::DATE AS day FROM orders WHERE paid_at < '2023-11-02' GROUP BY 1, 2) d WINDOW w AS (PARTITION BY customer_id ORDER BY day)) n
WHERE k <= 10 AND day + 30 < '2023-11-01' GROUP BY k ORDER BY k

## time_to_second_purchase(customer, at) | orders | survival
-- crmlife: crmlife
SELECT day, at_risk, purchased, censored, round(survival::numeric, 9) FROM (SELECT time_to_second_purchase(customer_id, paid_at, date '2024-01-02') AS curve FROM bench.orders) c, unnest(curve) ORDER BY day;
-- sql: window
WITH customer AS (SELECT coalesce(min(day) FILTER (WHERE day > first), date '2024-01-01') - first AS day, bool_or(day > first) AS bought
                  FROM (SELECT customer_id, paid_at::date AS day, (min(paid_at) OVER (PARTITION BY customer_id))::date AS first FROM bench.orders WHERE paid_at < '2024-01-02') o GROUP BY customer_id, first),
     day AS (SELECT day, count(*) FILTER (WHERE bought) AS purchased, count(*) FILTER (WHERE NOT bought) AS censored FROM customer GROUP BY day),
     risk AS (SELECT *, sum(purchased + censored) OVER (ORDER BY day DESC) AS at_risk FROM day)
SELECT day, at_risk, purchased, censored, round(exp(sum(ln(1 - purchased / at_risk::float8)) OVER (ORDER BY day))::numeric, 9) FROM risk ORDER BY day;
-- sql: array of days
WITH customer AS (SELECT coalesce((SELECT min(d) FROM unnest(days) d WHERE d > first), date '2024-01-01') - first AS day, last > first AS bought
                  FROM (SELECT min(paid_at)::date AS first, max(paid_at)::date AS last, array_agg(paid_at::date) AS days FROM bench.orders WHERE paid_at < '2024-01-02' GROUP BY customer_id) o),
     day AS (SELECT day, count(*) FILTER (WHERE bought) AS purchased, count(*) FILTER (WHERE NOT bought) AS censored FROM customer GROUP BY day),
     risk AS (SELECT *, sum(purchased + censored) OVER (ORDER BY day DESC) AS at_risk FROM day)
SELECT day, at_risk, purchased, censored, round(exp(sum(ln(1 - purchased / at_risk::float8)) OVER (ORDER BY day))::numeric, 9) FROM risk ORDER BY day;
-- duckdb: join with the first day
WITH first AS (SELECT customer_id, min(paid_at)::DATE AS first FROM orders WHERE paid_at < '2024-01-02' GROUP BY customer_id),
     second AS (SELECT customer_id, min(paid_at)::DATE AS second FROM orders JOIN first USING (customer_id) WHERE paid_at < '2024-01-02' AND paid_at >= first + 1 GROUP BY customer_id),
     day AS (SELECT coalesce(second, DATE '2024-01-01') - first AS day, count(second) AS purchased, count(*) - count(second) AS censored FROM first LEFT JOIN second USING (customer_id) GROUP BY 1),
     risk AS (SELECT *, sum(purchased + censored) OVER (ORDER BY day DESC) AS at_risk FROM day)
SELECT day, at_risk, purchased, censored, round(exp(sum(ln(1 - purchased / at_risk)) OVER (ORDER BY day)), 9)::DECIMAL(18, 9) FROM risk ORDER BY day

## keep_rate(customer, at, day, 91) | orders | keep
-- crmlife: crmlife
SELECT keep_rate(customer_id, paid_at, date '2023-06-30', 91) FROM bench.orders;
-- sql: group by
SELECT count(*) FILTER (WHERE kept) / count(*)::float8
FROM (SELECT bool_or(paid_at >= '2023-07-01') AS kept FROM bench.orders WHERE paid_at < '2023-09-30' GROUP BY customer_id HAVING min(paid_at) < '2023-07-01') c;
-- duckdb: group by
SELECT count(*) FILTER (WHERE kept) / count(*)
FROM (SELECT bool_or(paid_at >= '2023-07-01') AS kept FROM orders WHERE paid_at < '2023-09-30' GROUP BY customer_id HAVING min(paid_at) < '2023-07-01') c

## arpu(customer, amount) | orders | arpu
-- crmlife: crmlife
SELECT round(arpu(customer_id, amount), 6) FROM bench.orders;
-- sql: two scans
SELECT round((SELECT sum(amount) FROM bench.orders) / (SELECT count(*) FROM (SELECT FROM bench.orders WHERE amount >= 0 GROUP BY customer_id) c), 6);
-- sql: count distinct
SELECT round(sum(amount) / count(DISTINCT customer_id) FILTER (WHERE amount >= 0), 6) FROM bench.orders;
-- duckdb: count distinct
SELECT round(sum(amount) / count(DISTINCT customer_id) FILTER (WHERE amount >= 0), 6)::DECIMAL(18, 6) FROM orders

## growth_accounting(customer, at, 'month') | orders | growth
-- crmlife: crmlife
SELECT period, new_customers, returning_customers, resurrected_customers, dormant_customers
FROM (SELECT growth_accounting(customer_id, paid_at, 'month', date '2023-11-01') AS growth FROM bench.orders) c, unnest(growth) WHERE new_customers IS NOT NULL ORDER BY period;
-- sql: maps of months
SELECT (date '2021-01-01' + p * interval '1 month')::date, came[p + 1], returned[p + 1], woke[p + 1], slept[p + 1]
FROM (SELECT ARRAY[{0..33: count(*) FILTER (WHERE came & (1::bigint << $i) <> 0)}] AS came, ARRAY[{0..33: count(*) FILTER (WHERE returned & (1::bigint << $i) <> 0)}] AS returned,
             ARRAY[{0..33: count(*) FILTER (WHERE woke & (1::bigint << $i) <> 0)}] AS woke, ARRAY[{0..33: count(*) FILTER (WHERE slept & (1::bigint << $i) <> 0)}] AS slept
      FROM (SELECT months & -months AS came, months & (months << 1) AS returned, months & ~(months << 1) & ~(months & -months) AS woke, (months << 1) & ~months AS slept
            FROM (SELECT bit_or(1::bigint << ((date_part('year', paid_at) * 12 + date_part('month', paid_at))::int - 24253)) AS months
                  FROM bench.orders WHERE paid_at < '2023-11-01' GROUP BY customer_id) c) m) t,
     generate_series(0, 33) p ORDER BY 1;
-- sql: maps of months, sorted
SET enable_hashagg = off; SELECT (date '2021-01-01' + p * interval '1 month')::date, came[p + 1], returned[p + 1], woke[p + 1], slept[p + 1]
FROM (SELECT ARRAY[{0..33: count(*) FILTER (WHERE came & (1::bigint << $i) <> 0)}] AS came, ARRAY[{0..33: count(*) FILTER (WHERE returned & (1::bigint << $i) <> 0)}] AS returned,
             ARRAY[{0..33: count(*) FILTER (WHERE woke & (1::bigint << $i) <> 0)}] AS woke, ARRAY[{0..33: count(*) FILTER (WHERE slept & (1::bigint << $i) <> 0)}] AS slept
      FROM (SELECT months & -months AS came, months & (months << 1) AS returned, months & ~(months << 1) & ~(months & -months) AS woke, (months << 1) & ~months AS slept
            FROM (SELECT bit_or(1::bigint << ((date_part('year', paid_at) * 12 + date_part('month', paid_at))::int - 24253)) AS months
                  FROM bench.orders WHERE paid_at < '2023-11-01' GROUP BY customer_id) c) m) t,
     generate_series(0, 33) p ORDER BY 1;
-- duckdb: lag and lead of months
WITH active AS (SELECT month, lag(month) OVER w AS before, lead(month) OVER w AS after
                FROM (SELECT DISTINCT customer_id, datediff('month', TIMESTAMP '2021-01-01', paid_at) AS month FROM orders WHERE paid_at < '2023-11-01') m WINDOW w AS (PARTITION BY customer_id ORDER BY month)),
     came AS (SELECT month, count(*) FILTER (WHERE before IS NULL) AS came, count(*) FILTER (WHERE before = month - 1) AS returned, count(*) FILTER (WHERE before < month - 1) AS woke FROM active GROUP BY month),
     slept AS (SELECT month + 1 AS month, count(*) AS slept FROM active WHERE after IS NULL OR after > month + 1 GROUP BY month)
SELECT (DATE '2021-01-01' + to_months(month::INT))::DATE, came, returned, woke, coalesce(slept, 0) FROM came LEFT JOIN slept USING (month) ORDER BY 1
-- duckdb: maps of months
WITH map AS (SELECT months, count(*) AS n FROM (SELECT bit_or(1::BIGINT << datediff('month', TIMESTAMP '2021-01-01', paid_at)) AS months FROM orders WHERE paid_at < '2023-11-01' GROUP BY customer_id) c GROUP BY months),
     m AS (SELECT n, months & -months AS came, months & (months << 1) AS returned, months & ~(months << 1) & ~(months & -months) AS woke, (months << 1) & ~months AS slept FROM map)
SELECT (DATE '2021-01-01' + to_months(p::INT))::DATE, sum(n) FILTER (WHERE came & (1::BIGINT << p) <> 0), coalesce(sum(n) FILTER (WHERE returned & (1::BIGINT << p) <> 0), 0),
       coalesce(sum(n) FILTER (WHERE woke & (1::BIGINT << p) <> 0), 0), coalesce(sum(n) FILTER (WHERE slept & (1::BIGINT << p) <> 0), 0)
FROM m, range(34) r(p) GROUP BY p ORDER BY 1

## sales_by_loyalty(customer, at, amount, 'month') | orders | loyalty
-- crmlife: crmlife
SELECT period, loyalty, customers, orders, revenue FROM (SELECT sales_by_loyalty(customer_id, paid_at, amount, 'month') AS sales FROM bench.orders) c, unnest(sales) ORDER BY period, loyalty;
-- sql: group by month and customer, window
SELECT month::date, CASE WHEN month = first THEN 'new' ELSE 'returning' END, count(*), sum(orders), sum(revenue)
FROM (SELECT month, orders, revenue, min(month) OVER (PARTITION BY customer_id) AS first
      FROM (SELECT customer_id, date_trunc('month', paid_at) AS month, count(*) AS orders, sum(amount) AS revenue FROM bench.orders GROUP BY 1, 2) m) c GROUP BY 1, 2 ORDER BY 1, 2;
-- sql: group by month and customer, window, sorted
SET enable_hashagg = off; SELECT month::date, CASE WHEN month = first THEN 'new' ELSE 'returning' END, count(*), sum(orders), sum(revenue)
FROM (SELECT month, orders, revenue, min(month) OVER (PARTITION BY customer_id) AS first
      FROM (SELECT customer_id, date_trunc('month', paid_at) AS month, count(*) AS orders, sum(amount) AS revenue FROM bench.orders GROUP BY 1, 2) m) c GROUP BY 1, 2 ORDER BY 1, 2;
-- duckdb: group by month and customer, window
SELECT month::DATE, CASE WHEN month = first THEN 'new' ELSE 'returning' END, count(*), sum(orders), sum(revenue)
FROM (SELECT month, orders, revenue, min(month) OVER (PARTITION BY customer_id) AS first
      FROM (SELECT customer_id, date_trunc('month', paid_at) AS month, count(*) AS orders, sum(amount) AS revenue FROM orders GROUP BY 1, 2) m) c GROUP BY 1, 2 ORDER BY 1, 2
-- duckdb: join with the first month
WITH first AS (SELECT customer_id, date_trunc('month', min(paid_at)) AS first FROM orders GROUP BY customer_id),
     c AS (SELECT customer_id, date_trunc('month', paid_at) AS month, count(*) AS orders, sum(amount) AS revenue FROM orders GROUP BY 1, 2)
SELECT month::DATE, CASE WHEN month = first THEN 'new' ELSE 'returning' END, count(*), sum(orders), sum(revenue) FROM c JOIN first USING (customer_id) GROUP BY 1, 2 ORDER BY 1, 2

## revenue_cohorts(customer, at, amount, 'month') | orders | revenue
-- crmlife: crmlife
SELECT cohort, period, customers, orders, revenue FROM (SELECT revenue_cohorts(customer_id, paid_at, amount, 'month', date '2023-11-01') AS cohorts FROM bench.orders) c, unnest(cohorts) WHERE orders IS NOT NULL ORDER BY cohort, period;
-- sql: join with the first month
WITH first AS MATERIALIZED (SELECT customer_id, date_trunc('month', min(paid_at)) AS first FROM bench.orders WHERE paid_at < '2023-11-01' GROUP BY customer_id),
     began AS (SELECT first, count(*) AS customers FROM first GROUP BY first),
     cell AS (SELECT first, date_trunc('month', paid_at) AS month, count(*) AS orders, sum(amount) AS revenue FROM bench.orders JOIN first USING (customer_id) WHERE paid_at < '2023-11-01' GROUP BY 1, 2)
SELECT first::date, period - 1, customers, coalesce(orders, 0), coalesce(revenue, 0)
FROM began CROSS JOIN LATERAL generate_series(first, '2023-10-01', interval '1 month') WITH ORDINALITY AS m (month, period) LEFT JOIN cell USING (first, month) ORDER BY 1, 2;
-- sql: window
WITH cell AS (SELECT date_trunc('month', first) AS first, date_trunc('month', paid_at) AS month, count(*) AS orders, count(*) FILTER (WHERE i = 1) AS began, sum(amount) AS revenue
              FROM (SELECT paid_at, amount, first_value(paid_at) OVER w AS first, row_number() OVER w AS i FROM bench.orders WHERE paid_at < '2023-11-01' WINDOW w AS (PARTITION BY customer_id ORDER BY paid_at)) o GROUP BY 1, 2)
SELECT c.first::date, period - 1, c.began, coalesce(cell.orders, 0), coalesce(cell.revenue, 0)
FROM cell c CROSS JOIN LATERAL generate_series(c.first, '2023-10-01', interval '1 month') WITH ORDINALITY AS m (month, period) LEFT JOIN cell ON (cell.first, cell.month) = (c.first, m.month) WHERE c.first = c.month ORDER BY 1, 2;
-- duckdb: join with the first month
WITH first AS MATERIALIZED (SELECT customer_id, datediff('month', TIMESTAMP '2021-01-01', min(paid_at)) AS first FROM orders WHERE paid_at < '2023-11-01' GROUP BY customer_id),
     began AS (SELECT first, count(*) AS customers FROM first GROUP BY first),
     cell AS (SELECT first, datediff('month', TIMESTAMP '2021-01-01', paid_at) AS month, count(*) AS orders, sum(amount) AS revenue FROM orders JOIN first USING (customer_id) WHERE paid_at < '2023-11-01' GROUP BY 1, 2)
SELECT (DATE '2021-01-01' + to_months(began.first::INT))::DATE, r.month - began.first, customers, coalesce(orders, 0), coalesce(revenue, 0)
FROM began JOIN range(34) r(month) ON r.month >= began.first LEFT JOIN cell ON (cell.first, cell.month) = (began.first, r.month) ORDER BY 1, 2

## aov_by_order_index(customer, at, amount) | orders | order_index
-- crmlife: crmlife
SELECT k, customers, round(average_order, 6), round(previous_average_order, 6) FROM (SELECT aov_by_order_index(customer_id, paid_at, amount) AS a FROM bench.orders) c, unnest(a) ORDER BY k;
-- sql: row_number and lag
SELECT k, count(*), round(avg(amount), 6), round(avg(before), 6)
FROM (SELECT amount, row_number() OVER w AS k, lag(amount) OVER w AS before FROM bench.orders WHERE amount >= 0 WINDOW w AS (PARTITION BY customer_id ORDER BY paid_at, amount)) o GROUP BY k ORDER BY k;
-- duckdb: row_number and lag
SELECT k, count(*), round(sum(amount) / count(*), 6)::DECIMAL(18, 6), round(sum(before) / count(before), 6)::DECIMAL(18, 6)
FROM (SELECT amount, row_number() OVER w AS k, lag(amount) OVER w AS before FROM orders WHERE amount >= 0 WINDOW w AS (PARTITION BY customer_id ORDER BY paid_at, amount)) o GROUP BY k ORDER BY k

## bare scan with three keys | keys | keys
-- base: keys
SELECT count(*), sum(amount), max(paid_at) FROM bench.keys;

## retention_nth_day(customer, at, 30), bigint | keys | key_bigint
-- crmlife: crmlife
SELECT retention_nth_day(customer_id, paid_at, 30, date '2023-11-01') FROM bench.keys;

## retention_nth_day(customer, at, 30), uuid | keys | key_uuid
-- crmlife: crmlife
SELECT retention_nth_day(customer_uuid, paid_at, 30, date '2023-11-01') FROM bench.keys;
-- duckdb: join with the first day
WITH first AS (SELECT customer_uuid, min(paid_at)::DATE AS first FROM keys GROUP BY customer_uuid)
SELECT (SELECT count(DISTINCT customer_uuid) FROM keys JOIN first USING (customer_uuid) WHERE first + 30 < '2023-11-01' AND paid_at::DATE = first + 30)
       / (SELECT count(*) FROM first WHERE first + 30 < '2023-11-01')

## retention_nth_day(customer, at, 30), text | keys | key_text
-- crmlife: crmlife
SELECT retention_nth_day(customer_text, paid_at, 30, date '2023-11-01') FROM bench.keys;
-- duckdb: join with the first day
WITH first AS (SELECT customer_text, min(paid_at)::DATE AS first FROM keys GROUP BY customer_text)
SELECT (SELECT count(DISTINCT customer_text) FROM keys JOIN first USING (customer_text) WHERE first + 30 < '2023-11-01' AND paid_at::DATE = first + 30)
       / (SELECT count(*) FROM first WHERE first + 30 < '2023-11-01')

## repurchase_rate(customer) in 1/8 of its memory | orders | spill_repurchase | same as repurchase
-- crmlife: crmlife (serial)
SET work_mem = {budget of repurchase: 1/8}; SELECT repurchase_rate(customer_id) FROM bench.orders;

## retention_nth_day(30) in 1/8 of its memory | orders | spill_retention | same as retention
-- crmlife: crmlife (serial)
SET work_mem = {budget of retention: 1/8}; SELECT retention_nth_day(customer_id, paid_at, 30, date '2023-11-01') FROM bench.orders;

## retention_curve(90) in 1/8 of its memory | orders | spill_curve | same as curve
-- crmlife: crmlife (serial)
SET work_mem = {budget of curve: 1/8}; SELECT n, eligible, retained FROM (SELECT retention_curve(customer_id, paid_at, 90, date '2023-11-01') AS curve FROM bench.orders) c, unnest(curve) ORDER BY n;

## retention_cohorts('month') in 1/8 of its memory | orders | spill_cohorts | same as cohorts
-- crmlife: crmlife (serial)
SET work_mem = {budget of cohorts: 1/8}; SELECT cohort, period, customers, retained FROM (SELECT retention_cohorts(customer_id, paid_at, 'month', date '2023-11-01') AS cohorts FROM bench.orders) c, unnest(cohorts) ORDER BY cohort, period;

## aov_by_order_index in 1/8 of its memory | orders | spill_order_index | same as order_index
-- crmlife: crmlife (serial)
SET work_mem = {budget of order_index: 1/8}; SELECT k, customers, round(average_order, 6), round(previous_average_order, 6) FROM (SELECT aov_by_order_index(customer_id, paid_at, amount) AS a FROM bench.orders) c, unnest(a) ORDER BY k;

## bare scan of customers, three columns | summary | summary
-- base: summary
SELECT count(last_order) FROM bench.summary;

## rfm_score OVER () | summary | rfm_over
-- crmlife: crmlife (serial)
SELECT sum(s), count(*) FROM (SELECT rfm_score(last_order, orders, revenue) OVER () AS s FROM bench.summary) x;
-- sql other: three ntile (serial)
SELECT sum(r * 100 + f * 10 + m), count(*) FROM (
  SELECT ntile(5) OVER (ORDER BY last_order) AS r, ntile(5) OVER (ORDER BY orders) AS f, ntile(5) OVER (ORDER BY revenue) AS m FROM bench.summary) x;
-- sql: percentile_cont (serial)
SELECT sum(CASE WHEN d <= r[1] THEN 500 WHEN d <= r[2] THEN 400 WHEN d <= r[3] THEN 300 WHEN d <= r[4] THEN 200 ELSE 100 END
         + CASE WHEN orders <= f[1] THEN 10 WHEN orders <= f[2] THEN 20 WHEN orders <= f[3] THEN 30 WHEN orders <= f[4] THEN 40 ELSE 50 END
         + CASE WHEN revenue <= m[1] THEN 1 WHEN revenue <= m[2] THEN 2 WHEN revenue <= m[3] THEN 3 WHEN revenue <= m[4] THEN 4 ELSE 5 END), count(*)
FROM (SELECT (SELECT max(last_order) FROM bench.summary) - last_order AS d, orders, revenue FROM bench.summary) s,
     (SELECT percentile_cont('{0.2,0.4,0.6,0.8}'::float8[]) WITHIN GROUP (ORDER BY d) AS r FROM (SELECT (SELECT max(last_order) FROM bench.summary) - last_order AS d FROM bench.summary) x) r,
     (SELECT percentile_cont('{0.2,0.4,0.6,0.8}'::float8[]) WITHIN GROUP (ORDER BY orders) AS f FROM bench.summary) f,
     (SELECT percentile_cont('{0.2,0.4,0.6,0.8}'::float8[]) WITHIN GROUP (ORDER BY revenue) AS m FROM bench.summary) m;
-- duckdb other: three ntile
SELECT sum(r * 100 + f * 10 + m), count(*) FROM (
  SELECT ntile(5) OVER (ORDER BY last_order) AS r, ntile(5) OVER (ORDER BY orders) AS f, ntile(5) OVER (ORDER BY revenue) AS m FROM summary) x

## rfm_score with fixed cuts | summary | rfm_fixed
-- crmlife: crmlife
SELECT count(rfm_score(date '2024-01-02' - last_order, orders, revenue, '{7,90,140,365}', '{1,2,3,5}', '{50,100,200,500}')) FROM bench.summary;
-- pair: count of the days
SELECT count(date '2024-01-02' - last_order) FROM bench.summary;
-- sql: case
SELECT count(CASE WHEN date '2024-01-02' - last_order <= 7 THEN 500 WHEN date '2024-01-02' - last_order <= 90 THEN 400 WHEN date '2024-01-02' - last_order <= 140 THEN 300 WHEN date '2024-01-02' - last_order <= 365 THEN 200 ELSE 100 END
           + CASE WHEN orders > 5 THEN 50 WHEN orders > 3 THEN 40 WHEN orders > 2 THEN 30 WHEN orders > 1 THEN 20 ELSE 10 END
           + CASE WHEN revenue > 500 THEN 5 WHEN revenue > 200 THEN 4 WHEN revenue > 100 THEN 3 WHEN revenue > 50 THEN 2 ELSE 1 END) FROM bench.summary;
-- duckdb: case
SELECT count(CASE WHEN date '2024-01-02' - last_order <= 7 THEN 500 WHEN date '2024-01-02' - last_order <= 90 THEN 400 WHEN date '2024-01-02' - last_order <= 140 THEN 300 WHEN date '2024-01-02' - last_order <= 365 THEN 200 ELSE 100 END
           + CASE WHEN orders > 5 THEN 50 WHEN orders > 3 THEN 40 WHEN orders > 2 THEN 30 WHEN orders > 1 THEN 20 ELSE 10 END
           + CASE WHEN revenue > 500 THEN 5 WHEN revenue > 200 THEN 4 WHEN revenue > 100 THEN 3 WHEN revenue > 50 THEN 2 ELSE 1 END) FROM summary
-- check: crmlife
SELECT rfm_score(date '2024-01-02' - last_order, orders, revenue, '{7,90,140,365}', '{1,2,3,5}', '{50,100,200,500}') AS score, count(*) FROM bench.summary GROUP BY 1 ORDER BY 1;
-- check: case
SELECT CASE WHEN d <= 7 THEN 500 WHEN d <= 90 THEN 400 WHEN d <= 140 THEN 300 WHEN d <= 365 THEN 200 ELSE 100 END
     + CASE WHEN orders > 5 THEN 50 WHEN orders > 3 THEN 40 WHEN orders > 2 THEN 30 WHEN orders > 1 THEN 20 ELSE 10 END
     + CASE WHEN revenue > 500 THEN 5 WHEN revenue > 200 THEN 4 WHEN revenue > 100 THEN 3 WHEN revenue > 50 THEN 2 ELSE 1 END AS score, count(*)
FROM (SELECT date '2024-01-02' - last_order AS d, orders, revenue FROM bench.summary) s GROUP BY 1 ORDER BY 1;

## lifecycle_stage on columns | summary | stage
-- crmlife: crmlife
SELECT count(lifecycle_stage(orders, revenue, last_order, date '2024-01-02')) FROM bench.summary;
-- pair: count of a column
SELECT count(last_order) FROM bench.summary;
-- sql: case
SELECT count(CASE WHEN last_order > date '2024-01-02' - 7 THEN 'aftersale' WHEN last_order > date '2024-01-02' - 90 THEN 'active' WHEN last_order > date '2024-01-02' - 140 THEN 'silent'
                  WHEN last_order > date '2024-01-02' - 365 THEN 'sleeping' WHEN last_order IS NOT NULL THEN 'churned' END) FROM bench.summary;
-- duckdb: case
SELECT count(CASE WHEN last_order > date '2024-01-02' - 7 THEN 'aftersale' WHEN last_order > date '2024-01-02' - 90 THEN 'active' WHEN last_order > date '2024-01-02' - 140 THEN 'silent'
                  WHEN last_order > date '2024-01-02' - 365 THEN 'sleeping' WHEN last_order IS NOT NULL THEN 'churned' END) FROM summary
-- check: crmlife
SELECT lifecycle_stage(orders, revenue, last_order, date '2024-01-02') AS stage, count(*) FROM bench.summary GROUP BY 1 ORDER BY 1;
-- check: case
SELECT CASE WHEN d < 7 THEN 'aftersale' WHEN d < 90 THEN 'active' WHEN d < 140 THEN 'silent' WHEN d < 365 THEN 'sleeping' ELSE 'churned' END AS stage, count(*)
FROM (SELECT date '2024-01-02' - last_order AS d FROM bench.summary) s GROUP BY 1 ORDER BY 1;

## a table of histories, GROUP BY | orders | build_groups
-- crmlife: crmlife
DROP TABLE IF EXISTS bench.built;
-- timed
CREATE UNLOGGED TABLE bench.built AS SELECT customer_id, purchase_history(paid_at, amount) AS h FROM bench.orders GROUP BY customer_id;
-- after
SELECT count(*), sum(history_orders(h)), sum(history_revenue(h)), sum(crmlife.purchase_history_hash_extended(h, customer_id)) FROM bench.built;
-- duckdb other: a table of sorted lists
CREATE OR REPLACE TEMP TABLE built AS SELECT customer_id, list({'at': paid_at, 'amount': amount} ORDER BY paid_at) AS h FROM orders GROUP BY customer_id

## a table of histories, purchase_histories | orders | build | same as build_groups
-- crmlife: crmlife (serial) (needs purchase_histories)
DROP TABLE IF EXISTS bench.built;
-- timed
CREATE UNLOGGED TABLE bench.built AS SELECT customer AS customer_id, history AS h FROM purchase_histories('SELECT customer_id, paid_at, amount FROM bench.orders');
-- after
SELECT count(*), sum(history_orders(h)), sum(history_revenue(h)), sum(crmlife.purchase_history_hash_extended(h, customer_id)) FROM bench.built;

## reading the column of histories | histories | histories
-- base: histories
SELECT sum(pg_column_size(h)) FROM bench.histories;

## retention_curve(h, 90) | histories | history_curve | same as curve
-- crmlife: crmlife
SELECT n, eligible, retained FROM (SELECT retention_curve(h, 90, date '2023-11-01') AS curve FROM bench.histories) c, unnest(curve) ORDER BY n;

## retention_cohorts(h, 'month') | histories | history_cohorts | same as cohorts
-- crmlife: crmlife
SELECT cohort, period, customers, retained FROM (SELECT retention_cohorts(h, 'month', date '2023-11-01') AS cohorts FROM bench.histories) c, unnest(cohorts) ORDER BY cohort, period;

## stages of a past day from histories | histories | history_stages
-- crmlife: crmlife
SELECT lifecycle_stage(h, date '2023-03-31') AS stage, count(*) FROM bench.histories GROUP BY 1 HAVING lifecycle_stage(h, date '2023-03-31') IS NOT NULL ORDER BY 1;
-- sql: group by
SELECT CASE WHEN d < 7 THEN 'aftersale' WHEN d < 90 THEN 'active' WHEN d < 140 THEN 'silent' WHEN d < 365 THEN 'sleeping' ELSE 'churned' END AS stage, count(*)
FROM (SELECT date '2023-03-31' - max(paid_at)::date AS d FROM bench.orders WHERE paid_at < '2023-04-01' GROUP BY customer_id) c GROUP BY 1 ORDER BY 1;
-- sql: group by, sorted
SET enable_hashagg = off; SELECT CASE WHEN d < 7 THEN 'aftersale' WHEN d < 90 THEN 'active' WHEN d < 140 THEN 'silent' WHEN d < 365 THEN 'sleeping' ELSE 'churned' END AS stage, count(*)
FROM (SELECT date '2023-03-31' - max(paid_at)::date AS d FROM bench.orders WHERE paid_at < '2023-04-01' GROUP BY customer_id) c GROUP BY 1 ORDER BY 1;
-- duckdb: group by
SELECT CASE WHEN d < 7 THEN 'aftersale' WHEN d < 90 THEN 'active' WHEN d < 140 THEN 'silent' WHEN d < 365 THEN 'sleeping' ELSE 'churned' END AS stage, count(*)
FROM (SELECT date '2023-03-31' - max(paid_at)::DATE AS d FROM orders WHERE paid_at < '2023-04-01' GROUP BY customer_id) c GROUP BY 1 ORDER BY 1

## repurchase_rate(h) | histories | history_repurchase | same as repurchase
-- crmlife: crmlife
SELECT repurchase_rate(h) FROM bench.histories;

## repurchase_interval(h) | histories | history_interval | same as interval
-- crmlife: crmlife
SELECT repurchase_interval(h) FROM bench.histories;
