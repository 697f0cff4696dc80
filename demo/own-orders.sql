-- From table given (line, customer, ordered_at, amount, order_no, all text but
-- the line) that read-csv made to table orders.  A time that cannot be read is
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

-- Says which lines cannot be read, the first five of them, and stops.
CREATE FUNCTION pg_temp.refuse_unreadable_times(type regtype) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    wrong text;
    odd bool;
    n bigint;
BEGIN
    BEGIN
        EXECUTE format('SELECT bool_or(ordered_at::%s IS NULL OR ordered_at ~* ''nan|inf'') FROM given WHERE ordered_at IS NOT NULL',
                       type) INTO odd;
        IF NOT coalesce(odd, false) THEN RETURN; END IF;
    EXCEPTION WHEN data_exception THEN
        NULL;
    END;
    SELECT count(*), string_agg(format('line %s: "%s"', line, ordered_at), E'\n' ORDER BY line) FILTER (WHERE k <= 5)
    INTO n, wrong
    FROM (SELECT line, ordered_at, row_number() OVER (ORDER BY line) AS k
          FROM given WHERE ordered_at IS NOT NULL AND NOT pg_temp.readable(ordered_at, type)) AS bad;
    RAISE EXCEPTION '% line(s) have a time that cannot be read', n
        USING DETAIL = wrong, ERRCODE = 'data_exception',
              HINT = 'Correct these lines, or name another column: ORDERED_AT="...". Times are best written as 2025-06-30 or 2025-06-30 14:05.';
END $$;

DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM given WHERE customer IS NOT NULL AND ordered_at IS NOT NULL) THEN
        RAISE EXCEPTION 'there is no order in the file: every line lacks its customer or its time';
    END IF;
    IF NOT EXISTS (SELECT FROM given WHERE amount IS NULL OR amount !~ '^-') THEN
        RAISE EXCEPTION 'there is no order in the file: every amount is below zero';
    END IF;
END $$;
-- 31.12.2024, 12/31/2024: what comes first shows where one is above 12.  Where
-- none is, dots and semicolons are of places that begin with the day.
SELECT CASE WHEN :'day_first' IN ('DMY', 'MDY') THEN :'day_first'
            WHEN bool_or(d[1]::int > 12) THEN 'DMY'
            WHEN bool_or(d[3]::int > 12) THEN 'MDY'
            WHEN :'day_first' = 'likely' OR bool_and(d[2] = '.') THEN 'DMY'
            ELSE 'MDY' END AS date_order,
       :'day_first' NOT IN ('DMY', 'MDY') AND coalesce(max(greatest(d[1]::int, d[3]::int)) <= 12, false) AS guessed
FROM (SELECT regexp_match(ordered_at, '^(\d\d?)([./-])(\d\d?)\2\d') AS d FROM given) AS written \gset
SET DateStyle = ISO, :date_order;
SELECT CASE WHEN bool_and(customer ~ '^(0|-?[1-9]\d{0,17})$') THEN 'bigint'
            WHEN bool_and(customer ~* '^[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}$') THEN 'uuid'
            ELSE 'text' END AS customer_type,
       CASE WHEN bool_and(ordered_at ~ '^(\d{4}-\d\d-\d\d|\d\d?([./-])\d\d?\2\d{4}|\d{8})$') THEN 'date'
            WHEN bool_or(ordered_at ~ '\d:\d\d.*([+-]\d\d(:?\d\d)?|Z|UTC|GMT)$') THEN 'timestamptz'
            ELSE 'timestamp' END AS time_type,
       CASE WHEN count(order_no) > 0 AND count(order_no) = count(*) THEN 'order_no' ELSE '' END AS key
FROM given WHERE customer IS NOT NULL \gset
SELECT pg_temp.refuse_unreadable_times(:'time_type') IS NULL AS good \gset

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
SELECT order_no, customer:::customer_type, moved, amount::numeric
FROM (SELECT order_no, customer, ordered_at:::time_type + make_interval(days => :moved) AS moved, amount
      FROM given WHERE customer IS NOT NULL AND ordered_at IS NOT NULL) AS readable
ORDER BY moved;
CREATE INDEX ON orders (customer_id);
ANALYZE orders;

SELECT format(E'\n   Read %s rows%s: %s.\n   Customers are %s, times %s%s.', count(*),
              CASE WHEN (SELECT count(*) FROM given) > count(*)
                   THEN format(' (%s without customer or time left out)', (SELECT count(*) FROM given) - count(*)) ELSE '' END,
              :'columns', :'customer_type', :'time_type',
              CASE WHEN :'key' = '' THEN '; one row is one order'
                   ELSE '; rows of one order number are one order' END)
FROM orders;
SELECT format('   The last order was long ago: all times are moved forward by %s days, so that it was yesterday.', :moved)
WHERE :moved > 0;
SELECT format('   Dates like %s are read %s: if that is wrong, say DATES=%s.',
              (SELECT ordered_at FROM given WHERE ordered_at ~ '^\d\d?[./-]\d\d?[./-]' ORDER BY line LIMIT 1),
              CASE :'date_order' WHEN 'DMY' THEN 'day first' ELSE 'month first' END,
              CASE :'date_order' WHEN 'DMY' THEN 'MDY' ELSE 'DMY' END)
WHERE :'guessed'::bool;

