-- purchase_histories: the histories of a query's customers, against the
-- aggregate over the same rows; in memory and on temporary files.
\set ECHO none
\pset format unaligned
\pset tuples_only true
SET client_min_messages = warning;
SET jit = off;
SELECT plan(42);

CREATE SCHEMA hq;
SET search_path = hq, public;
SET TimeZone = 'America/Sao_Paulo';
SELECT setseed(0.1905) \g /dev/null
CREATE COLLATION no_order (provider = icu, locale = 'und', deterministic = false);

-- customers of very different size, every kind of amount, unusable rows
CREATE TABLE shop AS
SELECT CASE WHEN random() < 0.98 THEN (power(random(), 3) * 9000)::bigint * 7919 - 30000000 END AS customer,
       CASE WHEN random() < 0.98 THEN timestamptz '2018-10-01 00:00Z' + random() * 800 * interval '1 day' END AS at,
       CASE WHEN random() < 0.02 THEN NULL
            WHEN random() < 0.01 THEN ((random() * 1e15)::bigint::text || repeat('7', (random() * 60)::int))::numeric
            WHEN random() < 0.05 THEN round((random() * 100)::numeric, 4)
            ELSE round((random() * 300 - 20)::numeric, 2) END AS amount,
       CASE WHEN random() < 0.02 THEN NULL WHEN random() < 0.2 THEN 'visit' ELSE 'order' END AS kind
FROM generate_series(1, 60000) g;

-- rows of a query against the aggregate over it: what differs
CREATE FUNCTION differ(query text, customer_type anyelement, kind bool DEFAULT true)
RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
  found bigint;
BEGIN
  EXECUTE format('SELECT count(*) FROM
    (SELECT customer, history FROM purchase_histories(%L, NULL::%s)) a
    FULL JOIN (SELECT q.customer, purchase_history(q.at, q.amount%s) AS history FROM (%s) q
               WHERE q.customer IS NOT NULL GROUP BY q.customer) b
      ON a.customer = b.customer AND a.history = b.history
    WHERE (a.customer IS NULL) <> (b.history IS NULL)',
    query, pg_typeof(customer_type), CASE WHEN kind THEN ', q.kind' ELSE '' END, query) INTO found;
  RETURN found;
END $$;

-- ----- equal to the aggregate -----
SELECT is((SELECT count(*) FROM purchase_histories('SELECT customer, at, amount, kind FROM hq.shop')),
          (SELECT count(DISTINCT customer) FROM shop WHERE customer IS NOT NULL AND at IS NOT NULL AND kind IS NOT NULL),
          'each customer with a usable row stands once');
SELECT is(differ('SELECT customer, at, amount, kind FROM hq.shop', NULL::bigint), 0::bigint, 'bigint, timestamptz, kind');
SELECT is(differ('SELECT customer, at, amount FROM hq.shop', NULL::bigint, false), 0::bigint, 'without kind: all are orders');
SELECT is(differ('SELECT customer, at::timestamp AS at, amount, kind FROM hq.shop', NULL::bigint), 0::bigint, 'timestamp');
SELECT is(differ('SELECT customer, at::date AS at, amount, kind FROM hq.shop', NULL::bigint), 0::bigint, 'date');
SELECT is(differ('SELECT (customer / 7919)::int AS customer, at, amount, kind FROM hq.shop', NULL::int), 0::bigint, 'integer');
SELECT is(differ('SELECT (customer / 7919)::smallint AS customer, at, amount, kind FROM hq.shop', NULL::smallint), 0::bigint, 'smallint');
SELECT is(differ('SELECT md5(customer::text)::uuid AS customer, at, amount, kind FROM hq.shop', NULL::uuid), 0::bigint, 'uuid');
SELECT is(differ('SELECT ''C'' || customer AS customer, at, amount, kind FROM hq.shop', NULL::text), 0::bigint, 'text');
SELECT is(differ('SELECT repeat(customer::text, 1 + (customer % 7)::int) AS customer, at, amount, kind FROM hq.shop', NULL::varchar), 0::bigint,
          'varchar, of several lengths');
SELECT is(array_agg(customer || '|' ORDER BY customer), ARRAY['a|', 'b|'], 'the blanks at the end of a char(n) are not the customer''s')
FROM purchase_histories($$VALUES ('a'::char(9), date '2025-01-01', 1.0), ('a', '2025-01-02', 1.0), ('b', '2025-01-02', 1.0)$$, NULL::text);
SELECT is(differ('SELECT customer, at, amount, kind FROM hq.shop WHERE false', NULL::bigint), 0::bigint, 'no rows, no customers');
SELECT is((SELECT count(*) FROM purchase_histories(NULL)), 0::bigint, 'no query, no customers');
SELECT is(customer || ' ' || history, '5 days: 2025-01-01 2.50', 'VALUES, TABLE and WITH are queries too')
FROM purchase_histories('WITH w AS (VALUES (5, date ''2025-01-01'', 2.50)) TABLE w');

-- ----- beyond the memory -----
SET work_mem = '64kB';
SELECT is(differ('SELECT customer, at, amount, kind FROM hq.shop', NULL::bigint), 0::bigint, 'on temporary files');
SELECT is(differ('SELECT ''C'' || customer AS customer, at, amount, kind FROM hq.shop', NULL::text), 0::bigint, 'on temporary files, text');
SELECT is(differ('SELECT md5(customer::text)::uuid AS customer, at, amount, kind FROM hq.shop', NULL::uuid), 0::bigint, 'on temporary files, uuid');
-- each of the 256 parts is too large by itself
CREATE TABLE large AS
SELECT g % 20000 AS customer, date '2025-01-01' + g / 20000 AS at, (repeat('8', 4500) || g % 10)::numeric AS amount
FROM generate_series(0, 39999) g;
SELECT is((SELECT count(*) || ' ' || count(DISTINCT customer) || ' ' || sum(history_orders(history))
                  || ' ' || (sum(history_revenue(history)) = (SELECT sum(amount) FROM large))
           FROM purchase_histories('SELECT * FROM hq.large')),
          '20000 20000 40000 true', 'parts that are too large themselves');
SELECT is((SELECT history_orders(history) || ' ' || (history_revenue(history) = (SELECT sum(amount) FROM large WHERE customer < 2000))
           FROM purchase_histories('SELECT 1, at, amount FROM hq.large WHERE customer < 2000')),
          '4000 true', 'one customer who is too large');
-- rows that are larger than what is taken for many at a time
SELECT is((SELECT count(*) || ' ' || min(length(customer)) || ' ' || sum(history_orders(history))
           FROM purchase_histories('SELECT repeat(''x'', 100000) || g % 30, date ''2025-01-01'' + g, 1.5 FROM generate_series(1, 90) g', NULL::text)),
          '30 100001 90', 'large rows');
RESET work_mem;
DROP TABLE large;

-- ----- who may read what -----
CREATE ROLE hq_reader;
GRANT USAGE ON SCHEMA hq TO hq_reader;
SET ROLE hq_reader;
SELECT throws_ok($$SELECT * FROM purchase_histories('SELECT customer, at, amount FROM hq.shop')$$, '42501', NULL,
                 'a table that the caller may not read');
RESET ROLE;
GRANT SELECT ON shop TO hq_reader;
ALTER TABLE shop ENABLE ROW LEVEL SECURITY;
CREATE POLICY few ON shop FOR SELECT TO hq_reader USING (customer < -29900000);
SET ROLE hq_reader;
SELECT ok((SELECT max(customer) < -29900000 AND count(*) > 1 FROM purchase_histories('SELECT customer, at, amount FROM hq.shop')),
          'row security holds');
RESET ROLE;

-- ----- what is refused -----
SELECT throws_ok($$SELECT * FROM purchase_histories('DELETE FROM hq.shop RETURNING customer, at, amount')$$, '22023', NULL, 'DELETE');
SELECT throws_ok($$SELECT * FROM purchase_histories('WITH w AS (DELETE FROM hq.shop RETURNING customer, at, amount) SELECT * FROM w')$$,
                 '22023', NULL, 'a DELETE inside WITH');
SELECT throws_ok($$SELECT * FROM purchase_histories('SELECT 1; SELECT 2')$$, '22023', NULL, 'two queries');
SELECT throws_ok($$SELECT * FROM purchase_histories('SELECT customer, at, amount INTO x FROM hq.shop')$$, '22023', NULL, 'SELECT INTO');
SELECT throws_ok($$SELECT * FROM purchase_histories('SELECT customer, at, amount::float8 FROM hq.shop')$$, '42804', NULL, 'amounts that are no numeric');
SELECT throws_ok($$SELECT * FROM purchase_histories('SELECT customer, at FROM hq.shop')$$, '42804', NULL, 'too few columns');
SELECT throws_ok($$SELECT * FROM purchase_histories('SELECT customer::text, at, amount FROM hq.shop')$$, '42804', NULL, 'customers of another type than said');
SELECT throws_ok($$SELECT * FROM purchase_histories('SELECT customer, timestamp ''infinity'', amount FROM hq.shop')$$, '22008', NULL, 'infinite times');
SELECT throws_ok($$SELECT * FROM purchase_histories('SELECT customer, at, ''NaN''::numeric FROM hq.shop')$$, '22003', NULL, 'NaN amounts');
SELECT throws_ok(format('SELECT * FROM purchase_histories(%L%s)', query, of_type), state, message, message)
FROM (VALUES ('SELECT 1.5::float8, current_date, 1.0', '', '42804', 'the query''s columns are not those of purchases'),
  ('SELECT 1, 2, 1.0', '', '42804', 'the query''s columns are not those of purchases'), ('SELECT 1, current_date, 1.0, 5', '', '42804', 'the query''s columns are not those of purchases'),
  ('SELECT 70000, current_date, 1.0', ', NULL::smallint', '22003', 'customer 70000 is out of range for type smallint'),
  ('SELECT 3000000000, current_date, 1.0', ', NULL::int', '22003', 'customer 3000000000 is out of range for type integer'),
  ('SELECT 1, current_date, 1.0', ', NULL::date', '42804', 'customers cannot be of type date'),
  ('SELECT ''a'' COLLATE hq.no_order, current_date, 1.0', ', NULL::text', '0A000', 'customers have a nondeterministic collation')) AS v (query, of_type, state, message);
CREATE DOMAIN hq.positive AS bigint CHECK (value > 0);
CREATE DOMAIN hq.short AS text CHECK (length(value) < 3);
SELECT throws_ok($$SELECT * FROM purchase_histories('VALUES (-5::bigint, date ''2024-01-01'', 1.0)', NULL::hq.positive)$$, '23514', NULL, 'a domain is kept');
SELECT throws_ok($$SELECT * FROM purchase_histories('VALUES (''abc'', date ''2024-01-01'', 1.0)', NULL::hq.short)$$, '23514', NULL, 'of names, too');
SELECT is((SELECT string_agg(customer::text, ' ' ORDER BY customer) FROM purchase_histories('VALUES (5::bigint, date ''2024-01-01'', 1.0), (7, date ''2024-01-01'', 1.0)', NULL::hq.positive)), '5 7', 'what it allows is there');
SET statement_timeout = '200ms';
DO $$ BEGIN
  PERFORM FROM purchase_histories('SELECT g, date ''2025-01-01'', 1.0 FROM generate_series(1, 1000000000) g');
EXCEPTION WHEN query_canceled THEN
  PERFORM set_config('hq.cancelled', 'yes', false);
END $$;
RESET statement_timeout;
SELECT is(current_setting('hq.cancelled', true), 'yes', 'it can be cancelled');

SELECT * FROM finish();
DROP SCHEMA hq CASCADE;
DROP ROLE hq_reader;
