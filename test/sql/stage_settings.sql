-- Expressions mean what they meant where they were written, under whatever
-- settings of a session they were written, and under whatever others a refresh
-- or verify reads the sources.  Against plain SQL.
\set ECHO none
\pset format unaligned
\pset tuples_only true
\set QUIET on
SET client_min_messages = error;
SET timezone = 'UTC';
BEGIN;
SELECT no_plan();
CREATE SCHEMA settings;
SET search_path = settings, public;
CREATE TABLE orders (customer int, at timestamp, amount numeric, sku text, weight float8, tag bytea, note text);
INSERT INTO orders SELECT i % 30, timestamp '2025-06-30' - i * interval '7 hours', i, (ARRAY['x\y', 'xy', 'a''b', 'x\\y'])[1 + i % 4], i / 7.0, CASE WHEN i % 2 = 0 THEN '\x6162'::bytea ELSE '\x00ff' END, nullif('n' || i % 5, 'n0')
FROM generate_series(1, 1000) i;

-- what is set; arguments of create_stage_table; the orders by plain SQL, with the default settings
CREATE TABLE written (n int, setting text, value text, arguments text, orders text);
INSERT INTO written VALUES
  (1, 'IntervalStyle', 'sql_standard', $$ordered_at => $x$at + interval '-1 day -2 hours'$x$ $$, $$SELECT customer, at - interval '26 hours' AS at, amount FROM orders$$),
  (2, 'DateStyle', 'German', $$order_filter => $x$at >= timestamp '2025-03-15' AND at::date <> date '2025-04-05'$x$ $$, $$SELECT * FROM orders WHERE at >= '2025-03-15' AND at::date <> '2025-04-05'$$),
  (3, 'DateStyle', 'SQL, DMY', $$order_filter => $x$at >= timestamp '04.05.2025'$x$ $$, $$SELECT * FROM orders WHERE at >= '2025-05-04'$$),
  (4, 'extra_float_digits', '-10', $$order_filter => $x$weight > 71.42857142857142::float8$x$ $$, $$SELECT * FROM orders WHERE weight > 71.42857142857142::float8$$),
  (5, 'standard_conforming_strings', 'off', $$order_filter => $x$sku <> 'x\\y'$x$ $$, $$SELECT * FROM orders WHERE sku <> E'x\\y'$$),
  (6, 'standard_conforming_strings', 'on', $$order_filter => $x$sku <> 'x\y' AND sku <> 'a''b'$x$ $$, $$SELECT * FROM orders WHERE sku <> E'x\\y' AND sku <> E'a\'b'$$),
  (7, 'bytea_output', 'escape', $$order_filter => $x$tag::text <> '\x6162'$x$ $$, $$SELECT * FROM orders WHERE tag <> '\x6162'$$),
  (8, 'bytea_output', 'escape', $$order_filter => $x$tag <> '\x6162'::bytea$x$ $$, $$SELECT * FROM orders WHERE tag <> '\x6162'$$),
  (9, 'transform_null_equals', 'off', $$order_filter => $x$(note = NULL) IS NULL AND amount > 7$x$ $$, $$SELECT * FROM orders WHERE amount > 7$$),
  (10, 'transform_null_equals', 'on', $$order_filter => $x$NOT note = NULL$x$ $$, $$SELECT * FROM orders WHERE note IS NOT NULL$$),
  (11, 'quote_all_identifiers', 'on', $$order_filter => $x$amount > 9$x$ $$, $$SELECT * FROM orders WHERE amount > 9$$),
  (12, 'TimeZone', 'Asia/Shanghai', $$ordered_at => $x$at AT TIME ZONE 'UTC'$x$, order_filter => $x$at AT TIME ZONE 'UTC' > timestamptz '2025-05-01 03:00'$x$ $$, $$SELECT * FROM orders WHERE at > '2025-04-30 19:00'$$);
CREATE TABLE reading (setting text, value text);
INSERT INTO reading VALUES ('DateStyle', 'SQL, DMY'), ('DateStyle', 'German'), ('IntervalStyle', 'sql_standard'), ('IntervalStyle', 'iso_8601'), ('extra_float_digits', '-15'),
  ('standard_conforming_strings', 'off'), ('standard_conforming_strings', 'on'), ('bytea_output', 'escape'), ('transform_null_equals', 'on'), ('transform_null_equals', 'off'), ('quote_all_identifiers', 'on'), ('TimeZone', 'America/New_York'), ('search_path', 'settings');

CREATE FUNCTION differing(w written) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE result bigint;
BEGIN
  EXECUTE format('SELECT count(*) FROM stages s FULL JOIN (SELECT customer, count(*) AS orders, sum(amount) AS revenue, max(at) AS last FROM (%s) o WHERE at < ''2025-07-01'' GROUP BY 1) o USING (customer)'
    ' WHERE (s.orders, s.revenue, s.last_order_at::timestamp) IS DISTINCT FROM (o.orders, o.revenue, o.last)', w.orders) INTO result;
  RETURN result;
END $$;
-- written under one setting, read under each of the others: what comes out wrong
CREATE FUNCTION wrong(w written) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
  r reading;
  before text := current_setting(w.setting);
  result text;
  difference bigint;
BEGIN
  PERFORM set_config(w.setting, w.value, true);
  EXECUTE format('SELECT crmlife.create_stage_table(name => ''stages'', orders => ''orders'', customer => ''customer'', amount => ''amount'', timezone => ''UTC'', %s%s)',
    CASE WHEN w.arguments !~ 'ordered_at' THEN 'ordered_at => ''at'', ' END, w.arguments);
  PERFORM set_config(w.setting, before, true);
  PERFORM crmlife.refresh('stages', '2025-06-30 UTC', true);
  IF differing(w) > 0 THEN result := 'as it was written'; END IF;
  FOR r IN SELECT * FROM reading LOOP
    before := current_setting(r.setting);
    PERFORM set_config(r.setting, r.value, true);
    UPDATE orders SET amount = amount WHERE customer % 3 = 0;
    PERFORM crmlife.refresh('stages', '2025-06-30 UTC');
    PERFORM crmlife.refresh('stages', '2025-06-30 UTC', true);
    SELECT count(*) INTO difference FROM crmlife.verify('stages');
    PERFORM set_config(r.setting, before, true);
    IF differing(w) > 0 OR difference > 0 THEN result := concat_ws(', ', result, r.setting || ' ' || r.value); END IF;
  END LOOP;
  PERFORM crmlife.drop_stage_table('stages');
  RETURN result;
END $$;
SELECT is(wrong(w), NULL, setting || ' ' || value || ': ' || arguments) FROM written w ORDER BY n;
-- PostgreSQL has something to say to what crmlife itself runs
SET client_min_messages = warning;
SET standard_conforming_strings = off;
SET escape_string_warning = on;
SELECT crmlife.create_stage_table('stages', 'orders', 'customer', 'at', 'amount') \g /dev/null
SELECT crmlife.refresh('stages') \g /dev/null
SELECT is((SELECT count(*) FROM crmlife.verify('stages')), 0::bigint, 'without a warning');
SELECT * FROM finish();
ROLLBACK;
