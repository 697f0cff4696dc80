-- From the view "given" (line, customer, ordered_at, amount, order_no, all
-- text) that read-csv made to table orders.  A value that cannot be read is
-- an error that names the line; the types of keys and times are found by
-- looking at all of them.
\set ON_ERROR_STOP on
SET client_min_messages = warning;
\set SHOW_CONTEXT never

CREATE FUNCTION pg_temp.readable(value text, type regtype) RETURNS bool LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('SELECT %L::%s', value, type);
    RETURN value !~* 'nan|inf';
EXCEPTION WHEN data_exception THEN
    RETURN false;
END $$;

-- 1,234.50 or 1.234,50 or $12 as PostgreSQL writes numbers
CREATE FUNCTION pg_temp.plain_amount(value text, decimal_comma bool) RETURNS text LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE WHEN decimal_comma AND position(',' in bare) > 0
                THEN replace(replace(bare, '.', ''), ',', '.')
                ELSE replace(bare, ',', '') END
    FROM (SELECT regexp_replace(value, '[[:space:]$€£¥]', '', 'g') AS bare) AS without_signs
$$;

-- Says which lines cannot be read, the first five of them, and stops.
CREATE FUNCTION pg_temp.refuse_unreadable(what text, type regtype, expression text) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    wrong text;
    odd bool;
    n bigint;
BEGIN
    BEGIN
        EXECUTE format('SELECT bool_or((%1$s)::%2$s IS NULL OR %1$s ~* ''nan|inf'') FROM given WHERE %1$s IS NOT NULL',
                       expression, type) INTO odd;
        IF NOT coalesce(odd, false) THEN RETURN; END IF;
    EXCEPTION WHEN data_exception THEN
        NULL;
    END;
    EXECUTE format('SELECT count(*), string_agg(format(''line %%s: "%%s"'', line, value), E''\n'') FILTER (WHERE k <= 5)
                    FROM (SELECT line, value, row_number() OVER (ORDER BY line) AS k
                          FROM (SELECT line, %s AS value FROM given) AS v
                          WHERE value IS NOT NULL AND NOT pg_temp.readable(value, %L)) AS bad',
                   expression, type) INTO n, wrong;
    RAISE EXCEPTION '% line(s) have % that cannot be read', n, what
        USING DETAIL = wrong, ERRCODE = 'data_exception',
              HINT = 'Correct these lines, or name another column. Times are best written as 2025-06-30 or 2025-06-30 14:05.';
END $$;

DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM given WHERE customer IS NOT NULL AND ordered_at IS NOT NULL) THEN
        RAISE EXCEPTION 'there is no order in the file: every line lacks its customer or its time';
    END IF;
END $$;
SELECT CASE WHEN bool_and(customer ~ '^[+-]?\d{1,18}$') THEN 'bigint'
            WHEN bool_and(customer ~* '^[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}$') THEN 'uuid'
            ELSE 'text' END AS customer_type,
       CASE WHEN bool_and(ordered_at ~ '^\d{4}-\d\d-\d\d$') THEN 'date'
            WHEN bool_or(ordered_at ~ '\d:\d\d.*([+-]\d\d(:?\d\d)?|Z|UTC|GMT)$') THEN 'timestamptz'
            ELSE 'timestamp' END AS time_type,
       CASE WHEN count(order_no) > 0 AND count(order_no) = count(*) THEN 'order_no' ELSE '' END AS key
FROM given WHERE customer IS NOT NULL \gset
SELECT pg_temp.refuse_unreadable('a time', :'time_type', 'ordered_at') IS NULL AS good \gset
SELECT pg_temp.refuse_unreadable('an amount', 'numeric',
    format('pg_temp.plain_amount(amount, %L)', :'decimal_comma')) IS NULL AS good \gset

CREATE TABLE orders (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    order_no    text,
    customer_id :customer_type NOT NULL,
    paid_at     :time_type NOT NULL,
    amount      numeric
);
-- Orders of long ago would all be of churned customers: whole days are added,
-- so that the last one was yesterday.
SELECT CASE WHEN max(ordered_at::date) < current_date - 30 THEN current_date - 1 - max(ordered_at::date) ELSE 0 END AS moved
FROM (SELECT ordered_at::timestamp FROM given WHERE customer IS NOT NULL) AS times \gset
INSERT INTO orders (order_no, customer_id, paid_at, amount)
SELECT order_no, customer:::customer_type, moved, plain
FROM (SELECT order_no, customer, ordered_at:::time_type + make_interval(days => :moved) AS moved,
             pg_temp.plain_amount(amount, :decimal_comma)::numeric AS plain
      FROM given WHERE customer IS NOT NULL AND ordered_at IS NOT NULL) AS readable
ORDER BY moved;
CREATE INDEX ON orders (customer_id);
ANALYZE orders;

SELECT format(E'\n   Read %s rows%s. Columns: %s. Customers are %s, times %s%s.', count(*),
              CASE WHEN (SELECT count(*) FROM raw) > count(*)
                   THEN format(' (%s without customer or time left out)', (SELECT count(*) FROM raw) - count(*)) ELSE '' END,
              :'columns', :'customer_type', :'time_type',
              CASE WHEN :'key' = '' THEN '; one row is one order'
                   ELSE '; rows of one order number are one order' END)
FROM orders;
SELECT format('   The last order was long ago: all times are moved forward by %s days, so that it was yesterday.', :moved)
WHERE :moved > 0;
