-- A shop of two years that looks alive today: members, orders with refunds,
-- visits.  The same every time it is made on one day; nothing of it is real.
--
--   kind of customer       share
--   one-time               47 %   one order
--   regular                18 %   an order every week to every three months, to this day
--   lapsed                 20 %   bought like a regular, then stopped
--   returning              16 %   stopped for 4 to 13 months and came back
--   and members who registered and never bought
--
-- Everything is drawn from a hash of (customer, purpose), so that no plan and
-- no order of rows changes it.
\set ON_ERROR_STOP on
SET client_min_messages = warning;

-- uniform in (0, 1)
CREATE FUNCTION pg_temp.draw(id bigint, purpose bigint) RETURNS float8
LANGUAGE sql IMMUTABLE AS $$
    SELECT (((pg_catalog.hashint8extended(id, purpose) >> 12) & 4503599627370495) + 0.5)
           / 4503599627370496.0
$$;
-- around 0, standard deviation 1
CREATE FUNCTION pg_temp.bell(id bigint, purpose bigint) RETURNS float8
LANGUAGE sql IMMUTABLE AS $$
    SELECT pg_catalog.sqrt(-2 * pg_catalog.ln(pg_temp.draw(id, purpose)))
           * pg_catalog.cos(2 * pg_catalog.pi() * pg_temp.draw(id, purpose + 1000))
$$;

CREATE FUNCTION pg_temp.channel(id bigint) RETURNS text LANGUAGE sql IMMUTABLE AS $$
    SELECT (ARRAY['search', 'social', 'friend', 'shop'])[1 + floor(4 * pg_temp.draw(id, 5) ^ 1.5)::int]
$$;

CREATE TABLE member (
    customer_id   bigint PRIMARY KEY,
    registered_at timestamptz NOT NULL,
    channel       text NOT NULL
);
-- a row per payment; a refund is a row of its own under the order's number
CREATE TABLE orders (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    order_no    text NOT NULL DEFAULT gen_random_uuid(),
    customer_id bigint NOT NULL,
    paid_at     timestamptz NOT NULL,
    amount      numeric(10, 2) NOT NULL
);
CREATE TABLE visit (
    customer_id bigint NOT NULL,
    visited_at  timestamptz NOT NULL
);

-- Who they are.  days_ago = when they came: the shop grew over its 730 days.
-- Friends of customers stay more often than people from social media.
CREATE TEMP TABLE person AS
SELECT id, channel,
       CASE WHEN u < 0.46 + shift THEN 'one-time' WHEN u < 0.64 + shift / 2 THEN 'regular'
            WHEN u < 0.84 THEN 'lapsed' ELSE 'returning' END AS kind,
       1 + floor(730 * pg_temp.draw(id, 2) ^ 1.3)::int AS days_ago,
       least(110, greatest(6, exp(3.4 + 0.5 * pg_temp.bell(id, 3)))) AS rhythm,
       exp(3.6 + 0.6 * pg_temp.bell(id, 4)) AS price_level
FROM (SELECT id, channel, pg_temp.draw(id, 1) AS u,
             CASE channel WHEN 'social' THEN 0.14 WHEN 'friend' THEN -0.16 ELSE 0 END AS shift
      FROM (SELECT id, pg_temp.channel(id) AS channel FROM generate_series(1, :customers) AS id) AS came) AS who;

-- When they bought, in days after they came: step k waits one rhythm, more or
-- less; a lapsed customer stops, a returning one waits in the middle.
CREATE TEMP TABLE purchase AS
WITH habit AS (
    SELECT person.*,
           CASE kind WHEN 'one-time' THEN 1
                     WHEN 'lapsed' THEN 2 + floor(7 * pg_temp.draw(id, 6))::int
                     ELSE ceil(1000 / rhythm)::int END AS most,
           CASE kind WHEN 'returning' THEN 1 + floor(4 * pg_temp.draw(id, 7))::int END AS pause_after,
           120 + 280 * pg_temp.draw(id, 8) AS pause
    FROM person
), step AS (
    SELECT habit.*, k,
           CASE WHEN k = 1 THEN 0 ELSE rhythm * (0.3 + 1.4 * pg_temp.draw(id, 10000 + k)) END
           + CASE WHEN k = pause_after + 1 THEN pause ELSE 0 END AS wait
    FROM habit, generate_series(1, most) AS k
), moment AS (
    SELECT step.*, sum(wait) OVER (PARTITION BY id ORDER BY k) AS after FROM step
)
SELECT id, k, days_ago - floor(after)::int AS ago, price_level
FROM moment WHERE days_ago - floor(after)::int >= 1;

-- A local time of day, most often in the evening.
INSERT INTO orders (order_no, customer_id, paid_at, amount)
SELECT 'A' || 100000 + row_number() OVER (ORDER BY paid_at, id, k), id, paid_at, amount
FROM (SELECT id, k,
             ((current_date - ago) + interval '1 minute'
              * floor(480 + 900 * sqrt(pg_temp.draw(id, 20000 + k)) * 0.99)) AT TIME ZONE current_setting('TimeZone') AS paid_at,
             round(greatest(2, price_level * exp(0.4 * pg_temp.bell(id, 30000 + k)))::numeric, 2) AS amount
      FROM purchase) AS paid;

-- One order in twenty goes back 2 to 14 days later, every second of them whole.
INSERT INTO orders (order_no, customer_id, paid_at, amount)
SELECT order_no, customer_id, back_at, -back
FROM (SELECT o.*, paid_at + interval '1 day' * (2 + floor(13 * pg_temp.draw(id, 401))) AS back_at,
             CASE WHEN pg_temp.draw(id, 402) < 0.5 THEN amount
                  ELSE round(amount * (0.2 + 0.6 * pg_temp.draw(id, 403))::numeric, 2) END AS back
      FROM orders o WHERE pg_temp.draw(id, 400) < 0.05) AS refund
WHERE back_at < current_date
ORDER BY back_at, order_no;

-- Most buyers are members since their first order or shortly before; some
-- members only ever registered.
INSERT INTO member
SELECT customer_id, first_at - interval '1 hour' * floor(72 * pg_temp.draw(customer_id, 500) ^ 3), channel
FROM (SELECT customer_id, min(paid_at) AS first_at FROM orders GROUP BY customer_id) AS buyer
JOIN person ON id = customer_id
WHERE pg_temp.draw(customer_id, 501) < 0.9;
INSERT INTO member
SELECT id, (current_date - 1 - floor(400 * pg_temp.draw(id, 502))::int) + interval '1 minute' * floor(1400 * pg_temp.draw(id, 503)),
       pg_temp.channel(id)
FROM generate_series(:customers + 1, :customers + :customers / 10) AS id;

-- They look before they buy, and a few look without buying.
INSERT INTO visit
SELECT customer_id, paid_at - interval '1 minute' * (3 + floor(4000 * pg_temp.draw(id, 600 + n) ^ 3))
FROM orders, generate_series(1, 3) AS n
WHERE amount >= 0 AND pg_temp.draw(id, 610 + n) < 0.6
UNION ALL
SELECT customer_id, at
FROM (SELECT customer_id, registered_at + interval '1 minute' * floor(1440 * 90 * pg_temp.draw(customer_id, 620 + n) ^ 2) AS at
      FROM member, generate_series(1, 3) AS n WHERE pg_temp.draw(customer_id, 630 + n) < 0.5) AS browsing
WHERE at < current_date
ORDER BY 2, 1;

-- One index on each source by customer: a refresh then reads only the rows of
-- the customers who changed.
CREATE INDEX ON orders (customer_id);
CREATE INDEX ON visit (customer_id);
ANALYZE member, orders, visit;
