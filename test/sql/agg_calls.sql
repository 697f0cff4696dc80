-- How the aggregates over customers are called: which types resolve, what NULL
-- gives, what is refused and how.
\set ECHO none
\pset format unaligned
\pset tuples_only true
SET client_min_messages = warning;
DROP SCHEMA IF EXISTS agg_calls CASCADE;
CREATE SCHEMA agg_calls;
SET search_path = agg_calls, public;
SET TimeZone = 'America/New_York';
SET DateStyle = ISO;
SELECT plan(241);

CREATE DOMAIN customer_number AS int;
CREATE DOMAIN customer_name AS varchar(20);
CREATE DOMAIN order_day AS date;
CREATE TABLE orders AS
SELECT s::smallint AS small, s AS int, s::bigint AS big, s::customer_number AS number, s::customer_name AS name,
       s::text AS text, s::varchar(9) AS varchar, s::char(9) AS char, md5(s::text)::uuid AS uuid,
       d AS date, d::order_day AS day, d + time '23:30' AS timestamp, (d + time '23:30')::timestamptz AS timestamptz,
       (d + time '23:30')::timestamptz(0) AS timestamptz0, a::numeric AS numeric, a::int AS int_amount, a::bigint AS big_amount
FROM (VALUES (1, date '2025-06-01', 10), (1, '2025-06-02', 10), (1, '2025-06-02', 20), (2, '2025-06-01', 5), (2, '2025-06-08', -5),
             (3, '2025-06-20', 0), (3, '2025-06-27', NULL)) v (s, d, a);

-- the bounds to 12 places: the last ones are the platform's
CREATE FUNCTION parts(s crmlife.rate_stats) RETURNS text LANGUAGE sql AS $$
  SELECT format('%s/%s %s..%s', s.numerator, s.denominator, round(s.lower::numeric, 12), round(s.upper::numeric, 12)) $$;

CREATE FUNCTION result_of(expression text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE result text;
BEGIN
  EXECUTE 'SELECT (' || expression || ')::text FROM orders' INTO result;
  RETURN result;
EXCEPTION WHEN OTHERS THEN RETURN SQLSTATE || ' ' || SQLERRM;
END $$;

CREATE TABLE customer (customer text);
INSERT INTO customer VALUES ('small'), ('int'), ('big'), ('number'), ('name'), ('text'), ('varchar'), ('char'), ('uuid');

-- 9 * (1 + 3 + 6)
SELECT is(result_of(format('parts(repurchase_stats(%I))', customer)), '3/3 0.438502968245..1.000000000000', customer || ' customers') FROM customer;
SELECT is(result_of(format('(repurchase_stats(%I, %I)).numerator', customer, amount)), '2', format('%s customers, %s amounts', customer, amount))
FROM customer, (VALUES ('numeric'), ('int_amount'), ('big_amount')) a (amount);
SELECT is(result_of(format('(repurchase_stats(%I, %I)).numerator', customer, at)), '3', format('%s customers, %s times', customer, at))
FROM customer, (VALUES ('date'), ('day'), ('timestamp'), ('timestamptz'), ('timestamptz0'), ('date + 1')) a (at) WHERE at <> 'date + 1'
UNION ALL SELECT is(result_of(format('(repurchase_stats(%I, date + 1)).numerator', customer)), '3', customer || ' customers, an expression') FROM customer;

-- Day 7 is over for customers 1 and 2 on 15 June, for all on 30 June.  7 kinds of as_of * 4 of times * 3 of keys
SELECT is(result_of(format('parts(retention_nth_day_stats(%s, %s, 7, %s)) || '' '' || parts(retention_within_days_stats(%1$s, %2$s, 7, %3$s))', customer, at, as_of)),
          '1/2 0.094531205734..0.905468794266 2/2 0.342380227507..1.000000000000', format('%s, %s, as of %s', customer, at, as_of))
FROM (VALUES ('int'), ('text'), ('uuid')) c (customer), (VALUES ('date'), ('day'), ('timestamp'), ('timestamptz')) t (at),
     (VALUES ('''2025-06-15'''), ('date ''2025-06-15'''), ('timestamp ''2025-06-15 23:59'''), ('timestamptz ''2025-06-15 23:59 America/New_York'''),
             ('timestamptz ''2025-06-16 03:59 UTC'''), ('date ''2025-06-15'' + interval ''5 hours'''), ('date ''2025-06-08'' + 7')) a (as_of);
-- now(), current_date, omitted
SELECT is(result_of(format('(retention_nth_day_stats(int, %I, 7%s)).denominator', at, as_of)), '3', format('%s, as of "%s"', at, as_of))
FROM (VALUES ('date'), ('timestamp'), ('timestamptz')) t (at), (VALUES (''), (', now()'), (', current_date'), (', localtimestamp')) a (as_of);

-- citext counts as text, nondeterministic collations are refused
SELECT is((SELECT count(*)::int FROM pg_available_extensions WHERE name = 'citext'), 1, 'citext is here');
CREATE EXTENSION IF NOT EXISTS citext WITH SCHEMA agg_calls;
SELECT is((SELECT parts(repurchase_stats(v::citext)) FROM (VALUES ('a'), ('A'), ('b'), ('b')) v (v)), '1/3 0.061491944720..0.792340399198', 'citext counts as text');
SELECT CASE WHEN EXISTS (SELECT FROM pg_collation WHERE collprovider = 'i') THEN $$
  CREATE COLLATION blind (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
  SELECT throws_ok($q$SELECT repurchase_rate(text COLLATE blind) FROM orders$q$, '0A000',
                   'nondeterministic collations are not supported for customers', 'nondeterministic collation') $$
  ELSE $$ SELECT pass('no ICU: there are no nondeterministic collations') $$ END \gexec
SELECT is((SELECT repurchase_rate(text COLLATE "C") FROM orders), 1::float8, 'other collations are fine');

-- no function for these
SELECT throws_ok('SELECT repurchase_rate(numeric) FROM orders', '42883', NULL, 'numeric customers need a cast');
SELECT throws_ok('SELECT repurchase_rate(int, int_amount::float8) FROM orders', '42883', NULL, 'float8 amounts need a cast');
SELECT is((SELECT repurchase_rate(numeric::bigint) FROM orders WHERE int = 1), 0.5::float8, 'with a cast it works');

-- NULL, and nothing at all
SELECT is((SELECT ROW(repurchase_rate(NULL::int), repurchase_stats(NULL::int))::text FROM orders), '(,"(0,0,,,)")', 'only NULL customers');
SELECT is((SELECT ROW(retention_nth_day(int, NULL::date, 1), retention_within_days_stats(int, NULL::date, 1))::text FROM orders), '(,"(0,0,,,)")', 'only NULL times');
SELECT is((SELECT ROW(repurchase_rate(int), repurchase_stats(int, date), retention_within_days(int, date, 1), retention_nth_day_stats(int, date, 1))::text
           FROM orders WHERE false), '(,"(0,0,,,)",,"(0,0,,,)")', 'no row');
SELECT is((SELECT ROW(repurchase_rate(int, numeric), repurchase_stats(int, numeric))::text FROM orders WHERE numeric < 0), '(,"(0,0,,,)")', 'only refunds');
SELECT is((SELECT ROW(retention_nth_day(int, date, 1, date '2025-06-02'), retention_nth_day_stats(int, date, 1, date '2025-06-02'))::text FROM orders), '(,"(0,0,,,)")', 'nobody is mature');
SELECT is((SELECT ROW(retention_nth_day(int, date, 1, date '2025-05-01'), retention_nth_day_stats(int, date, 1, date '2025-05-01'))::text FROM orders), '(,"(0,0,,,)")', 'all events lie after as_of');
SELECT is((SELECT ROW(retention_nth_day(int, date, NULL), retention_within_days_stats(int, date, NULL))::text FROM orders), '(,)', 'NULL n gives NULL');
SELECT is((SELECT ROW(retention_nth_day(int, date, 1, NULL::date), retention_within_days_stats(int, date, 1, NULL::timestamptz))::text FROM orders), '(,)', 'NULL as_of gives NULL');
SELECT is((SELECT parts(repurchase_stats(int, NULL::numeric)) FROM orders), '3/3 0.438502968245..1.000000000000', 'an unknown amount is an order');
SELECT is((SELECT retention_nth_day(NULL::int, date, -1) FROM orders), NULL, 'an ignored row is ignored whole');

-- day 0, and events after as_of
SELECT is((SELECT parts(retention_nth_day_stats(int, date, 0, date '2025-06-15')) || ' ' || (retention_within_days_stats(int, date, 0, date '2025-06-15')).numerator FROM orders),
          '2/2 0.342380227507..1.000000000000 0', 'all are active on day 0, nobody within no days');
SELECT is((SELECT (retention_nth_day_stats(int, date, 7, date '2025-06-08')).denominator FROM orders), 0::bigint, 'a day is over when it is before as_of');
SELECT is((SELECT parts(retention_nth_day_stats(int, date, 7, date '2025-06-09')) FROM orders), '1/2 0.094531205734..0.905468794266', 'on the next day it is over');

-- mistakes
CREATE FUNCTION problem(query text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE state text; message text; detail text; hint text;
BEGIN
  EXECUTE query;
  RETURN 'none';
EXCEPTION WHEN OTHERS THEN
  GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
  RETURN concat_ws(' | ', state, message, detail, CASE WHEN hint <> '' THEN hint ELSE 'NO HINT' END);
END $$;
SELECT is(problem(query), problem, query) FROM (VALUES
  ('SELECT retention_nth_day(int, date, -1) FROM orders', '22023 | n must not be negative | The value is -1. | Day 0 is the day of the customer''s first event.'),
  ('SELECT retention_within_days(int, date, 40000) FROM orders', '22023 | n must not be greater than 36525 | The value is 40000. | Day 0 is the day of the customer''s first event.'),
  ('SELECT retention_nth_day(int, date, int) FROM orders', '22023 | n must be the same in all rows of a group | One row has 1, another one 2. | Give a constant, or add n to GROUP BY.'),
  ('SELECT retention_nth_day(int, date, 1, date) FROM orders', '22023 | as_of must be the same in all rows of a group | One row has 2025-06-01, another one 2025-06-02. | Give a constant, or add as_of to GROUP BY.'),
  ('SELECT retention_nth_day(int, date, nullif(int, 2)) FROM orders', '22023 | n must be the same in all rows of a group | One row has a value, another one NULL. | Give a constant, or add n to GROUP BY.'),
  ('SELECT retention_nth_day(int, date, nullif(int, 1)) FROM orders WHERE int < 3', '22023 | parameters must be the same in all rows of a group | In one row one of them is NULL, in another one none. | Give constants, or add them to GROUP BY.'),
  ('SELECT keep_rate(int, date, nullif(date, ''2025-06-02''), 7) FROM orders', '22023 | base_date must be the same in all rows of a group | One row has a value, another one NULL. | Give a constant, or add base_date to GROUP BY.'),
  ('SELECT keep_rate(int, date, ''2025-06-01'', 7, nullif(int, 2)) FROM orders', '22023 | lookback_days must be the same in all rows of a group | One row has a value, another one NULL. | Give a constant, or add lookback_days to GROUP BY.'),
  ('SELECT keep_rate(int, date, ''2025-06-01'', 7, int) FROM orders', '22023 | lookback_days must be the same in all rows of a group | One row has 1, another one 2. | Give a constant, or add lookback_days to GROUP BY.'),
  ('SELECT keep_rate(int, date, ''2025-06-01'', 36526) FROM orders', '22023 | n must not be greater than 36525 | The value is 36526. | Days are counted from base_date.'),
  ('SELECT keep_rate(int, date, ''2025-06-01'', 7, 36526) FROM orders', '22023 | lookback_days must not be greater than 36525 | The value is 36526. | Leave it out to look back to the first order.'),
  ('SELECT keep_rate(int, date, ''2025-06-01'', 7, 2147483647) FROM orders', '22023 | lookback_days must not be greater than 36525 | The value is 2147483647. | Leave it out to look back to the first order.'),
  ('SELECT keep_rate(int, date, ''2025-06-01'', 36525, 36525) FROM orders', 'none'), ('SELECT keep_rate(int, date, ''2025-06-01'', 0, 0) FROM orders', 'none'),
  ('SELECT keep_rate(int, date, ''2025-06-01'', 7, -1) FROM orders', '22023 | lookback_days must not be negative | The value is -1. | Days are counted from base_date.'),
  ('SELECT second_purchase_rate(int, date, 36526) FROM orders', '22023 | days must not be greater than 36525 | The value is 36526. | Days are counted from the day of the first order.'),
  ('SELECT second_purchase_rate(int, date, 2147483647) FROM orders', '22023 | days must not be greater than 36525 | The value is 2147483647. | Days are counted from the day of the first order.'),
  ('SELECT second_purchase_rate(int, date, 36525) FROM orders', 'none'),
  ('SELECT repurchase_rate(h, ''hours'') FROM (SELECT purchase_history(date, 1::numeric) AS h FROM orders GROUP BY int) x', '22023 | unknown way to count orders | The value is "hours". | It is orders, or days: all orders of a day are one.'),
  ('SELECT repurchase_rate(h, CASE int WHEN 1 THEN ''orders'' ELSE ''days'' END) FROM (SELECT int, purchase_history(date, 1::numeric) AS h FROM orders GROUP BY int ORDER BY int) x', '22023 | by must be the same in all rows of a group | One row has orders, another one days. | Give a constant, or add by to GROUP BY.'),
  ('SELECT purchase_history(date ''294277-01-01'', 1)', '22008 | timestamp out of range | The local time lies outside the range of type timestamp. | NO HINT'),
  ('SELECT repeat_funnel(int, date, 3, 36526) FROM orders', '22023 | days must not be greater than 36525 | The value is 36526. | Days are counted from the k-th day with orders.'),
  ('SELECT repeat_funnel(int, date, 3, 2147483647) FROM orders', '22023 | days must not be greater than 36525 | The value is 2147483647. | Days are counted from the k-th day with orders.'),
  ('SELECT repeat_funnel(int, date, 3, 36525) FROM orders', 'none'),
  ('SELECT keep_rate(h, ''2025-06-01'', 7, 2147483647) FROM (SELECT purchase_history(date, 1::numeric) AS h FROM orders GROUP BY int) x', '22023 | lookback_days must not be greater than 36525 | The value is 2147483647. | Leave it out to look back to the first order.'),
  ('SELECT repeat_funnel(h, 3, 36526) FROM (SELECT purchase_history(date, 1::numeric) AS h FROM orders GROUP BY int) x', '22023 | days must not be greater than 36525 | The value is 36526. | Days are counted from the k-th day with orders.'),
  ('SELECT second_purchase_rate(h, 36526) FROM (SELECT purchase_history(date, 1::numeric) AS h FROM orders GROUP BY int) x', '22023 | days must not be greater than 36525 | The value is 36526. | Days are counted from the day of the first order.'),
  ('SELECT retention_nth_day(int, timestamp ''infinity'', 1) FROM orders', '22008 | timestamp must be finite | The value is infinity. | Leave such rows out with a WHERE or FILTER condition, or use NULL for a time that is not known.'),
  ('SELECT repurchase_rate(int, date ''-infinity'') FROM orders', '22008 | date must be finite | The value is -infinity. | Leave such rows out with a WHERE or FILTER condition, or use NULL for a time that is not known.'),
  ('SELECT retention_nth_day(int, date, 1, timestamptz ''infinity'') FROM orders', '22008 | timestamp must be finite | The value is infinity. | Leave such rows out with a WHERE or FILTER condition, or use NULL for a time that is not known.'),
  ('SELECT repurchase_rate(int, ''NaN''::numeric) FROM orders', '22003 | amount must be a finite number | The value is NaN. | Leave such rows out with a WHERE or FILTER condition, or make them NULL with nullif().'),
  ('SELECT repurchase_rate(int, ''-Infinity''::numeric) FROM orders', '22003 | amount must be a finite number | The value is infinite. | Leave such rows out with a WHERE or FILTER condition, or make them NULL with nullif().')) v (query, problem);
-- PostgreSQL's own words: the state is shared, a window would need it again
SELECT matches(problem('SELECT ' || call || ' OVER (ORDER BY date) FROM orders'), '^0A000 \| aggregate function .* does not support use as a window function', call || ' OVER')
FROM (VALUES ('repurchase_rate(int)'), ('retention_nth_day(int, date, 1)')) v (call);

-- the same n and as_of in each group
SELECT is((SELECT string_agg(ROW(n, s)::text, ';' ORDER BY n) FROM
            (SELECT n, (retention_nth_day_stats(int, date, n, date '2025-06-03' + n)).numerator AS s FROM orders, generate_series(1, 7, 6) n GROUP BY n) x),
          '(1,1);(7,1)', 'n and as_of may differ between groups');

SELECT finish();
DROP SCHEMA agg_calls CASCADE;
