-- The benchmark's orders: customers arrive over three years, buy at a rate of
-- their own (gamma, shape 1) and drop out after an exponential time; rows
-- stand in the order of time, as a shop writes them.
--
-- Deterministic: every draw is a hash of the customer's number, nothing is
-- random.  Variable orders; customers come at 0.15 of it, a few too many
-- orders are made and the last ones cut off.  Variables schema (bench) and
-- only_orders, for tables of other sizes.
--
--   bench.orders      order_id, customer_id, paid_at, amount
--   bench.keys        the same rows with a text and a uuid key beside the bigint
--   bench.summary     a row per customer
\set ON_ERROR_STOP on
SET client_min_messages = warning;
SET work_mem = '512MB';
SET maintenance_work_mem = '512MB';
SET TimeZone = 'UTC';
\if :{?schema}
\else
\set schema bench
\endif
DROP SCHEMA IF EXISTS :schema CASCADE;
CREATE SCHEMA :schema;
SET search_path = :schema, public;

-- a uniform draw in (0, 1) for a customer and a purpose
CREATE FUNCTION draw(customer bigint, purpose bigint) RETURNS float8
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN ((hashint8extended(customer, purpose) >> 11 & ((1::bigint << 52) - 1)) + 0.5) / (1::bigint << 52)::float8;

-- after the first one, orders come at even distances that a draw moves about
CREATE UNLOGGED TABLE customer AS
SELECT customer, arrived, alive, 1 + floor(alive * rate)::int AS orders
FROM (SELECT customer, arrived, least(lifetime, 1096 - arrived) AS alive, rate
      FROM (SELECT g AS customer,
                   1095 * power(draw(g, 1), 0.8) AS arrived,
                   -700 * ln(draw(g, 2)) AS lifetime,
                   0.0205 * -ln(draw(g, 3)) AS rate
            FROM generate_series(1, (0.15 * :orders)::bigint) g) d) c;

CREATE UNLOGGED TABLE orders (
  order_id bigint, customer_id bigint, paid_at timestamptz, amount numeric(12, 2));
INSERT INTO orders
SELECT row_number() OVER (ORDER BY paid_at, customer), customer, paid_at, amount
FROM (SELECT c.customer,
             timestamptz '2021-01-01 00:00 UTC'
               + interval '1 second' * floor(86400 * (arrived + CASE WHEN k = 0 THEN 0
                   ELSE alive * (k - 1 + draw(c.customer * 4096 + k, 5)) / greatest(orders - 1, 1) END)) AS paid_at,
             round((8 + 40 * -ln(draw(c.customer * 4096 + k, 6)))::numeric, 2) AS amount
      FROM customer c, generate_series(0, c.orders - 1) k) o
ORDER BY paid_at, customer
LIMIT :orders;
DROP TABLE customer;
VACUUM (ANALYZE, FREEZE) orders;
\if :{?only_orders}
\q
\endif

CREATE UNLOGGED TABLE keys (
  customer_id bigint, customer_text text, customer_uuid uuid, paid_at timestamptz, amount numeric(12, 2));
INSERT INTO keys
SELECT customer_id, 'C' || lpad(customer_id::text, 9, '0'), md5(customer_id::text)::uuid, paid_at, amount
FROM orders ORDER BY order_id;

CREATE UNLOGGED TABLE summary AS
SELECT customer_id, count(*) AS orders, sum(amount) AS revenue,
       min(paid_at)::date AS first_order, max(paid_at)::date AS last_order
FROM orders GROUP BY customer_id;

VACUUM (ANALYZE, FREEZE) keys;
VACUUM (ANALYZE, FREEZE) summary;
