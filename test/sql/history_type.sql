-- The type purchase_history: text and binary form, errors, comparison, the
-- kinds of days and times, and every accessor by hand.
\set ECHO none
\pset format unaligned
\pset tuples_only true
SET client_min_messages = warning;
SET search_path = pg_temp, public;
SET TimeZone = 'Asia/Shanghai';
SET DateStyle = 'German, DMY';
SELECT plan(103);

CREATE FUNCTION pg_temp.problem(query text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE state text; message text; detail text; hint text;
BEGIN
  EXECUTE query INTO message;
  RETURN 'none: ' || coalesce(message, 'NULL');
EXCEPTION WHEN OTHERS THEN
  GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
  RETURN state || ' ' || message || CASE WHEN hint = '' THEN ' (no hint)' ELSE '' END;
END $$;

-- text
SELECT is(i::crmlife.purchase_history::text, o, i) FROM (VALUES
  ('days:', 'days:'),
  ('times:', 'times:'),
  ('  days:2025-01-03 12.50 ,2025-01-01   null; visits:2025-01-02 x2,2025-01-02', 'days: 2025-01-01 null, 2025-01-03 12.50; visits: 2025-01-02 x3'),
  ('days:; visits: 2025-01-02', 'days:; visits: 2025-01-02'),
  ('days: 2025-01-01 2, 2025-01-01 null, 2025-01-01 -3.0, 2025-01-01 1.50, 2025-01-01 1.5, 2025-01-01 0', 'days: 2025-01-01 null, 2025-01-01 -3.0, 2025-01-01 0, 2025-01-01 1.5, 2025-01-01 1.50, 2025-01-01 2'),
  ('times: 2025-01-01 10:00:00.500000 1, 2025-01-01 09:59:59 2', 'times: 2025-01-01 09:59:59 2, 2025-01-01 10:00:00.5 1'),
  ('days: 4714-11-24 BC 1, 294276-12-31 1, 0001-12-31 BC 2, 0001-01-01 3', 'days: 4714-11-24 BC 1, 0001-12-31 BC 2, 0001-01-01 3, 294276-12-31 1'),
  ('days: 2025-01-01 -' || repeat('9', 300) || '.' || repeat('1', 80), 'days: 2025-01-01 -' || repeat('9', 300) || '.' || repeat('1', 80)),
  ('days: 2025-01-01 0.' || repeat('0', 199) || '1', 'days: 2025-01-01 0.' || repeat('0', 199) || '1')
) v (i, o);
SELECT is(pg_temp.problem(format('SELECT %L::crmlife.purchase_history', i)), '22P02 invalid input syntax for type purchase_history', 'refused: ' || i) FROM (VALUES
  (''), ('days'), ('2025-01-01 1'), ('days: 2025-01-01'), ('days: 2025-02-29 1'), ('days: 2025-01-01 10:00:00 1'), ('times: 2025-01-01 1'), ('days: 2025-01-01 NaN'), ('days: 01.02.2025 1'),
  ('days: 2025-01-01 1,'), ('days: 2025-01-01 1; visits:'), ('days: infinity 1'), ('times: 2025-01-01 24:00:00 1')) v (i);

-- binary
CREATE TEMP TABLE binary_form (h crmlife.purchase_history);
CREATE FUNCTION pg_temp.received(bytes bytea) RETURNS text LANGUAGE plpgsql AS $$
DECLARE header bytea := '\x5047434f50590aff0d0a00'; file text; result text;
BEGIN
  PERFORM lo_unlink(7777) FROM pg_largeobject_metadata WHERE oid = 7777;
  file := format('/tmp/crmlife-%s.bin', pg_backend_pid());
  PERFORM lo_from_bytea(7777, header || '\x0000000000000000' || '\x0001' || int4send(length(bytes)) || bytes || '\xffff');
  PERFORM lo_export(7777, file);
  PERFORM lo_unlink(7777);
  TRUNCATE binary_form;
  EXECUTE format('COPY binary_form FROM %L (FORMAT binary)', file);
  EXECUTE format('COPY (SELECT) TO PROGRAM %L', 'cat > /dev/null; rm ' || file);
  SELECT h::text FROM binary_form INTO result;
  RETURN result;
EXCEPTION WHEN OTHERS THEN
  EXECUTE format('COPY (SELECT) TO PROGRAM %L', 'cat > /dev/null; rm -f ' || file);
  RETURN SQLSTATE || ' ' || SQLERRM;
END $$;
SELECT is(crmlife.purchase_history_send(i::crmlife.purchase_history), b, 'bytes of ' || i) FROM (VALUES
  ('days:', '\x010000'::bytea), ('times:', '\x010100'),
  ('days: 2015-01-01 0', '\x010001000000'),
  ('days: 2015-01-01 19.99, 2015-01-11 5.00', '\x01000202000acf0ff403'),
  ('days: 2014-12-31 -0.01, 2014-12-31 null', '\x0130020201000002'),
  ('times: 2015-01-01 00:01:00 1; visits: 2015-01-02 x3, 2015-01-05', '\x01830100000202020200010100')
) v (i, b);
SELECT is(pg_temp.received(crmlife.purchase_history_send(i::crmlife.purchase_history)), i, 'received: ' || i) FROM (VALUES
  ('days:'), ('times: 2025-01-01 10:00:00.000001 null, 2025-01-01 10:00:00.000002 -1.50; visits: 2025-01-01 x3, 2025-02-01'),
  ('days: 2025-01-01 1.0, 2025-01-02 1.00, 2025-01-03 ' || repeat('7', 60))) v (i);
SELECT is(left(pg_temp.received(b), 5), e, 'refused: ' || b::text) FROM (VALUES
  (''::bytea, 'XX001'), ('\x020000', 'XX001'), ('\x0100', 'XX001'), ('\x010200', 'XX001'), ('\x010b00', 'XX001'), ('\x010001', 'XX001'), ('\x01000100', 'XX001'), ('\x0100ffffffff0f00', 'XX001'),
  -- too long a number, an unused flag, minutes for days, seconds for minutes, bits after the last time, minute 1440, bytes after the end
  ('\x01000180000000', '22P03'), ('\x012000', '22P03'), ('\x0103010000000000', '22P03'), ('\x0105010000003c0000', '22P03'), ('\x0103010000000108', '22P03'), ('\x010301000000a005', 'XX001'), ('\x01000000', '22P03')) v (b, e);

-- comparison
SELECT ok('days: 2025-01-01 1'::crmlife.purchase_history = 'days: 2025-01-01 1', 'equal');
SELECT ok('days: 2025-01-01 1'::crmlife.purchase_history <> 'days: 2025-01-01 1.0', '1 and 1.0 print differently');
SELECT ok('days:'::crmlife.purchase_history <> 'times:', 'days are not times');
SELECT is((SELECT count(*) FROM (SELECT DISTINCT h FROM (VALUES ('days: 2025-01-01 1'::crmlife.purchase_history), ('days: 2025-01-01 1'), ('days:')) v (h)) d), 2::bigint, 'DISTINCT');
SET enable_hashagg = off;
SELECT is((SELECT count(*) FROM (SELECT h FROM (VALUES ('days: 2025-01-01 1'::crmlife.purchase_history), ('days: 2025-01-01 1'), ('days:')) v (h) GROUP BY h) d), 2::bigint, 'GROUP BY, sorted');
RESET enable_hashagg;
CREATE TEMP TABLE keyed (h crmlife.purchase_history PRIMARY KEY);
CREATE INDEX ON keyed USING hash (h);
INSERT INTO keyed SELECT format('days: 2025-01-01 %s', i)::crmlife.purchase_history FROM generate_series(1, 500) i;
SELECT is((SELECT count(*) FROM keyed a JOIN keyed b USING (h)), 500::bigint, 'join');
SELECT is((SELECT count(*) FROM keyed WHERE h >= 'days: 2025-01-01 77'), (SELECT count(*) FROM keyed) - (SELECT count(*) FROM keyed WHERE h < 'days: 2025-01-01 77'), 'a total order');
SELECT is((SELECT count(*) FROM keyed WHERE h > 'days: 2025-01-01 77'), (SELECT count(*) FROM keyed) - (SELECT count(*) FROM keyed WHERE h <= 'days: 2025-01-01 77'), 'greater, or less or equal');
SELECT is((SELECT count(*) FROM keyed a JOIN keyed b ON NOT a.h <= b.h AND NOT a.h > b.h), 0::bigint, 'one or the other');
-- a table divided by a hash of them finds each again
CREATE TEMP TABLE divided (h crmlife.purchase_history) PARTITION BY HASH (h);
CREATE TEMP TABLE divided_0 PARTITION OF divided FOR VALUES WITH (MODULUS 2, REMAINDER 0);
CREATE TEMP TABLE divided_1 PARTITION OF divided FOR VALUES WITH (MODULUS 2, REMAINDER 1);
INSERT INTO divided SELECT h FROM keyed;
SELECT is((SELECT count(*) FROM divided_0 WHERE h = 'days: 2025-01-01 77') + (SELECT count(*) FROM divided_1 WHERE h = 'days: 2025-01-01 77'),
          (SELECT count(*) FROM divided WHERE h = 'days: 2025-01-01 77'), 'hash partitions');
SELECT ok((SELECT count(*) FROM divided_0) BETWEEN 1 AND (SELECT count(*) - 1 FROM divided), 'of which both have some');
SELECT is((SELECT count(*) FROM pg_amop WHERE amopfamily IN (SELECT oid FROM pg_opfamily WHERE opfname LIKE 'purchase_history%')), 6::bigint, 'operators of both classes');

-- building
SELECT is((SELECT purchase_history(at, amount)::text FROM (VALUES ('2025-01-02'::date, 1.5), (NULL, 9), ('2025-01-01', NULL)) v (at, amount)), 'days: 2025-01-01 null, 2025-01-02 1.5', 'of dates');
SELECT is((SELECT purchase_history(at, amount)::text FROM (VALUES ('2025-01-02 10:00'::timestamp, 1.5)) v (at, amount)), 'times: 2025-01-02 10:00:00 1.5', 'of timestamps');
SELECT is((SELECT purchase_history(at, amount)::text FROM (VALUES ('2025-01-02 20:00 UTC'::timestamptz, 1.5)) v (at, amount)), 'times: 2025-01-03 04:00:00 1.5', 'of timestamptz, local');
SELECT is((SELECT purchase_history(at, amount, kind)::text FROM (VALUES ('2025-01-02 20:00 UTC'::timestamptz, 1.5, 'visit'), ('2025-01-02 20:00 UTC', 2, 'order'), ('2025-01-02 20:00 UTC', 3, NULL), ('2025-01-03 UTC', NULL, 'visit')) v (at, amount, kind)),
  'times: 2025-01-03 04:00:00 2; visits: 2025-01-03 x2', 'orders and visits, local days, NULL kind left out');
SELECT is((SELECT purchase_history(at, 1::numeric)::text FROM (VALUES (NULL::date)) v (at)), NULL, 'no usable row');
SELECT is((SELECT history_merge(h)::text FROM (VALUES ('days: 2025-01-02 1'::crmlife.purchase_history), (NULL), ('days: 2025-01-01 1; visits: 2025-01-01')) v (h)), 'days: 2025-01-01 1, 2025-01-02 1; visits: 2025-01-01', 'history_merge');
SELECT is((SELECT history_merge(h)::text FROM (SELECT NULL::crmlife.purchase_history AS h) v), NULL, 'history_merge of nothing');
SELECT is(('days: 2025-01-02 1'::crmlife.purchase_history + 'days: 2025-01-02 1; visits: 2025-01-01 x2')::text, 'days: 2025-01-02 1, 2025-01-02 1; visits: 2025-01-01 x2', '+ counts twice what stands twice');
SELECT is(pg_temp.problem(q), e, q) FROM (VALUES
  ($$SELECT 'days:'::crmlife.purchase_history + 'times:'$$, '42804 a purchase_history of days and one of times cannot be merged'),
  ($$SELECT history_merge(h) FROM (VALUES ('days:'::crmlife.purchase_history), ('times:')) v (h)$$, '42804 a purchase_history of days and one of times cannot be merged'),
  ($$SELECT purchase_history('infinity'::date, 1)$$, '22008 date must be finite'),
  ($$SELECT purchase_history('-infinity'::timestamptz, 1)$$, '22008 timestamp must be finite'),
  ($$SELECT purchase_history('2025-01-01'::date, 'NaN')$$, '22003 amount must be a finite number'),
  ($$SELECT purchase_history('2025-01-01'::date, 1, 'refund')$$, '22023 unknown kind of event "refund"'),
  ($$SELECT purchase_history('2025-01-01'::date, 1, 'any')$$, '22023 unknown kind of event "any"'),
  ($$SELECT history_nth_order('days:', 0)$$, '22023 k must be at least 1'),
  ($$SELECT history_retained_on('days:', -1, '2025-01-01')$$, '22023 n must not be negative'),
  ($$SELECT history_retained_between('days:', 5, 4, '2025-01-01')$$, '22023 from_day must not be greater than to_day'),
  ($$SELECT history_retained_between('days:', 5, 40000, '2025-01-01')$$, '22023 to_day must not be greater than 36525'),
  ($$SELECT history_retained_on('days:', 1, '2025-01-01', 'login')$$, '22023 unknown kind of event "login"'),
  ($$SELECT history_rfm('days:', '2025-01-01', '1 hour')$$, '22023 window must be a number of whole days or months'),
  ($$SELECT history_as_of('days:', 'infinity'::date)$$, '22008 date must be finite')) v (q, e);

-- accessors: a refund before the first order, two orders on a day, a zero amount, one unknown
CREATE TEMP VIEW one AS SELECT 'times: 2025-01-01 08:00:00 -5.00, 2025-01-03 10:00:00 20.00, 2025-01-03 12:00:00 null, 2025-02-02 00:00:00 0, 2025-02-02 23:59:59.999999 -7.5, 2025-03-04 09:00:00 1.255; visits: 2024-12-25 x2, 2025-01-10'::crmlife.purchase_history AS h;
SELECT is(history_orders(h), 4::bigint, 'history_orders') FROM one;
SELECT is(history_order_days(h), 3::bigint, 'history_order_days') FROM one;
SELECT is(history_revenue(h)::text, '8.755', 'history_revenue') FROM one;
SELECT is(history_first_order(h), '2025-01-03 10:00'::timestamp, 'history_first_order') FROM one;
SELECT is(history_last_order(h), '2025-03-04 09:00'::timestamp, 'history_last_order') FROM one;
SELECT is((SELECT array_agg(history_nth_order(h, k) ORDER BY k) FROM generate_series(1, 5) k), ARRAY['2025-01-03 10:00', '2025-01-03 12:00', '2025-02-02', '2025-03-04 09:00', NULL]::timestamp[], 'history_nth_order') FROM one;
SELECT is(history_gaps(h), '{30,30}', 'history_gaps') FROM one;
SELECT is(history_as_of(h, '2025-02-02')::text, 'times: 2025-01-01 08:00:00 -5.00, 2025-01-03 10:00:00 20.00, 2025-01-03 12:00:00 null, 2025-02-02 00:00:00 0, 2025-02-02 23:59:59.999999 -7.5; visits: 2024-12-25 x2, 2025-01-10', 'history_as_of: the whole day') FROM one;
SELECT is(history_as_of(h, '2025-02-02 15:59:59 UTC'::timestamptz), history_as_of(h, '2025-02-02'::date), 'history_as_of: an instant''s local day') FROM one;
SELECT is(history_as_of(h, '2024-12-25 03:00'::timestamp)::text, 'times:; visits: 2024-12-25 x2', 'history_as_of: before the first order') FROM one;
SELECT is(ROW(history_orders(e), history_order_days(e), history_revenue(e), history_first_order(e), history_last_order(e), history_gaps(e), history_rfm(e, '2025-01-01'), history_retained_on(e, 0, '2025-01-01'))::text, '(0,0,0,,,,,)', 'of nothing')
FROM (SELECT 'days:'::crmlife.purchase_history AS e) v;
SELECT is(history_rfm(h, '2025-03-05')::text, '(1,4,8.755)', 'history_rfm') FROM one;
SELECT is(history_rfm(h, '2025-03-05', '31 days')::text, '(1,1,1.255)', 'history_rfm, 31 days: from 2025-02-03') FROM one;
SELECT is(history_rfm(h, '2025-03-05', '32 days')::text, '(1,2,-6.245)', 'history_rfm, 32 days: from 2025-02-02') FROM one;
SELECT is(history_rfm(h, '2025-03-05', '0')::text, '(1,4,8.755)', 'history_rfm, all time') FROM one;
SELECT is(history_rfm(h, '2025-01-02'), NULL, 'history_rfm before the first order') FROM one;
SELECT is((SELECT count(*) FROM (SELECT purchase_history(d::date, 1.0) AS h FROM generate_series(date '2019-01-01', date '2025-12-31', '1 day') d) x, generate_series(date '2023-12-20', date '2025-03-10', '1 day') a, unnest('{1 day,28 days,1 month,2 months 3 days,12 months,13 months 31 days,4 years,5 years 1 month}'::interval[]) w
  WHERE (history_rfm(h, a::date, w)).frequency <> (SELECT count(*) FROM generate_series(date '2019-01-01', a, '1 day') d WHERE d > a - w)), 0::bigint, 'windows of months and days, as timestamps have them');
SELECT is((history_rfm('days: 2024-01-01 5', date '580388-09-12', interval '1 day')).frequency, 0::bigint, 'a window in the far future');
SELECT is((history_rfm('days: 2024-01-01 5', date '5874897-12-31', interval '5872873 years 11 months 31 days')).frequency, 1::bigint, 'one up to there');
SELECT is((history_rfm('days: 2024-01-01 5', date '2025-01-01', interval '1000000 years 2000000000 days')).frequency, 1::bigint, 'one that is longer than the calendar');
SELECT is(history_rfm(h, '2025-01-03')::text, '(0,2,15.00)', 'history_rfm on the day of the first order') FROM one;
SELECT is(ARRAY[history_retained_on(h, 30, '2025-02-02'), history_retained_on(h, 30, '2025-02-03'), history_retained_on(h, 29, '2025-02-03'), history_retained_within(h, 40, '2025-02-12'), history_retained_within(h, 40, '2025-02-13'),
  history_retained_within(h, 29, '2025-02-13'), history_retained_between(h, 31, 59, '2025-05-01'), history_retained_between(h, 31, 60, '2025-05-01'), history_retained_from(h, 60, '2025-03-04'), history_retained_from(h, 60, '2025-03-05'), history_retained_from(h, 61, '2025-03-06'), history_retained_on(h, 0, '2025-01-04')],
  '{NULL,t,f,NULL,t,f,f,t,NULL,t,f,t}', 'retained: three-valued') FROM one;
SELECT is(ARRAY[history_retained_on(h, 16, '2025-05-01', 'visit'), history_retained_on(h, 9, '2025-05-01', 'any'), history_retained_on(h, 9, '2025-05-01', 'visit'), history_retained_on(h, 16, '2025-05-01')], '{t,t,f,f}', 'retained by event') FROM one;
SELECT finish();
