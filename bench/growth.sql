-- What bench/run growth measures, in sections "## title | key"; {orders} is the
-- table of each size.  The first is the bare scan.

## bare scan | scan
SELECT count(*), sum(amount), max(paid_at) FROM {orders};

## repurchase_rate(customer) | repurchase
SELECT repurchase_rate(customer_id) FROM {orders};

## retention_nth_day(customer, at, 30) | retention
SELECT retention_nth_day(customer_id, paid_at, 30, date '2023-11-01') FROM {orders};

## retention_curve(customer, at, 90) | curve
SELECT retention_curve(customer_id, paid_at, 90, date '2023-11-01') FROM {orders};

## retention_cohorts(customer, at, 'month') | cohorts
SELECT retention_cohorts(customer_id, paid_at, 'month', date '2023-11-01') FROM {orders};

## second_purchase_rate(customer, at, 45) | second
SELECT second_purchase_rate(customer_id, paid_at, 45, date '2023-11-01') FROM {orders};

## revenue_cohorts(customer, at, amount, 'month') | revenue
SELECT revenue_cohorts(customer_id, paid_at, amount, 'month', date '2023-11-01') FROM {orders};

## aov_by_order_index(customer, at, amount) | order_index
SELECT aov_by_order_index(customer_id, paid_at, amount) FROM {orders};
