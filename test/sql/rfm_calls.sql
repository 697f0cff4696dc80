-- How the RFM functions may be called, what they refuse, and the segments.
\set ECHO none
\pset format unaligned
\pset tuples_only true
\set VERBOSITY terse
SET client_min_messages = warning;
SET TimeZone = 'Asia/Shanghai';

CREATE TEMP TABLE call (n int GENERATED ALWAYS AS IDENTITY, query text, answer text);
-- customers in every type of column
CREATE TEMP TABLE c AS
SELECT id, id::int AS i, id::smallint AS s, id::numeric AS n,
       date '2024-06-01' + id::int AS d, timestamp '2024-06-01 08:00' + id * interval '1 day' AS ts,
       timestamptz '2024-06-01 08:00+08' + id * interval '1 day' AS tz
FROM generate_series(1, 10) AS id (id);

INSERT INTO call (query, answer) VALUES
-- the window function
('SELECT string_agg(x::text, '' '') FROM (SELECT rfm_score(d, id, n) OVER (ORDER BY id) x FROM c) q', '111 111 222 222 333 333 444 444 555 555'),
('SELECT string_agg(x::text, '' '') FROM (SELECT rfm_score(d, i, i) OVER (ORDER BY id) x FROM c) q', '111 111 222 222 333 333 444 444 555 555'),
('SELECT string_agg(x::text, '' '') FROM (SELECT rfm_score(ts, s, s) OVER (ORDER BY id) x FROM c) q', '111 111 222 222 333 333 444 444 555 555'),
('SELECT string_agg(x::text, '' '') FROM (SELECT rfm_score(tz, id, n) OVER (ORDER BY id) x FROM c) q', '111 111 222 222 333 333 444 444 555 555'),
('SELECT string_agg(x::text, '' '') FROM (SELECT rfm_score(d, id, n, 2) OVER (ORDER BY id) x FROM c) q', '111 111 111 111 111 222 222 222 222 222'),
('SELECT string_agg(x::text, '' '') FROM (SELECT rfm_score(tz, id, n, bins => 3) OVER (ORDER BY id) x FROM c) q', '111 111 111 211 222 222 322 333 333 333'),
('SELECT string_agg(x::text, '' '') FROM (SELECT rfm_score(last_order => ts, frequency => id, monetary => n) OVER (ORDER BY id) x FROM c) q', '111 111 222 222 333 333 444 444 555 555'),
('SELECT string_agg(x::text, '' '') FROM (SELECT rfm_score(d, id, n, 9) OVER (ORDER BY id) x FROM c) q', '111 211 322 433 544 655 766 877 988 999'),
('SELECT string_agg(x::text, '' '') FROM (SELECT rfm_score(d, id, n, (SELECT 2)) OVER (PARTITION BY id > 8) x FROM c ORDER BY id) q', '111 111 111 111 222 222 222 222 111 222'),
('SELECT string_agg(x::text, '' '') FROM (SELECT rfm_score(d, id, n, 1 + i) OVER (PARTITION BY id) x FROM c WHERE id < 9 ORDER BY id) q', '211 311 411 511 611 711 811 911'),
('SELECT rfm_score(''2024-01-01'', 1, 1) OVER ()', '511'),
('SELECT rfm_score(''2024-01-01'', ''1'', ''1.5'', ''3'') OVER ()', '311'),
('SELECT rfm_score(now(), 1, 1) OVER ()', '511'),
('SELECT rfm_score(current_date, 1, 1) OVER ()', '511'),
('SELECT rfm_score(localtimestamp, 1, 1) OVER ()', '511'),
('SELECT rfm_score(NULL, 1, 1) OVER ()', NULL),
('SELECT rfm_score(NULL, NULL, NULL, NULL) OVER ()', NULL),
('SELECT rfm_score(current_date, NULL, 1) OVER ()', NULL),
('SELECT rfm_score(current_date, 1, NULL) OVER ()', NULL),
('SELECT rfm_score(current_date, 1, 1, NULL) OVER ()', NULL),
('SELECT count(x) FROM (SELECT rfm_score(max(d), count(*), sum(n)) OVER () x FROM c GROUP BY id % 3) q', '3'),
('SELECT rfm_score(''infinity''::date, 1, 1) OVER ()', 'error 22008'),
('SELECT rfm_score(''-infinity''::timestamp, 1, NULL) OVER ()', 'error 22008'),
('SELECT rfm_score(''infinity'', 1, 1) OVER ()', 'error 22008'),
('SELECT rfm_score(current_date, 1, ''NaN'') OVER ()', 'error 22003'),
('SELECT rfm_score(current_date, NULL, ''-Infinity'') OVER ()', 'error 22003'),
('SELECT rfm_score(current_date, 1, 1, 1) OVER ()', 'error 22023'),
('SELECT rfm_score(current_date, 1, 1, 10) OVER ()', 'error 22023'),
('SELECT rfm_score(current_date, 1, 1, -2147483648) OVER ()', 'error 22023'),
('SELECT count(rfm_score(d, id, n, i + 1)) FROM c', 'error 42809'),
('SELECT max(x) FROM (SELECT rfm_score(d, id, n, i + 1) OVER () x FROM c WHERE id < 9) q', 'error 22023'),
('SELECT max(x) FROM (SELECT rfm_score(d, id, n, nullif(5, i)) OVER () x FROM c) q', 'error 22023'),
('SELECT rfm_score(current_date, 1, 1)', 'error 42809'),
('SELECT rfm_score(current_date, 1, 1::float8) OVER ()', 'error 42883'),
-- fixed cuts
('SELECT rfm_score(10, 3, 25, ''{7,90,140,365}'', ''{1,2,3,5}'', ''{10,20,30,40}'')', '433'),
('SELECT rfm_score(10, 3::bigint, 25.5, ''{7,90,140,365}''::numeric[], ''{1,2,3,5}''::numeric[], ''{10,20,30,40}''::numeric[])', '433'),
('SELECT rfm_score(''7'', ''1'', ''10'', ''{7,90,140,365}'', ''{1,2,3,5}'', ''{10,20,30,40}'')', '511'),
('SELECT rfm_score(8::smallint, 2::smallint, 11, ARRAY[7,90,140,365], ARRAY[1,2,3,5], ARRAY[10,20,30,40])', '422'),
('SELECT rfm_score(8::smallint, 2::smallint, 11, ARRAY[7,90,140,365]::numeric[], ARRAY[1,2,3,5]::numeric[], ARRAY[10,20,30,40]::numeric[])', '422'),
('SELECT rfm_score(date ''2024-03-01'' - date ''2024-01-01'', 2, 11, ''{7,90}'', ''{1}'', ''{}'')', '221'),
('SELECT rfm_score(recency_days => 1, frequency => 1, monetary => 1, recency_cuts => ''{}'', frequency_cuts => ''{}'', monetary_cuts => ''{}'')', '111'),
('SELECT rfm_score(1, 1, 0.5, ''{1,2,3,4,5,6,7,8}'', ''{1,1,1,1,1,1,1,1}'', ''{0.5,0.50,1,1,1,1,1,1}'')', '911'),
('SELECT rfm_score(1, 2, 0.51, ''{0.5}'', ''{1.999}'', ''[5:6]={0.5,0.509999999999999999999999999999999999999999}'')', '123'),
('SELECT rfm_score(-2147483648, -9223372036854775808, -1e100, ''{0}'', ''{0}'', ''{-1e99}'')', '211'),
('SELECT rfm_score(2147483647, 9223372036854775807, 1e100, ''{1e30}'', ''{1e30}'', ''{1e99,1e99,1.1e99}'')', '214'),
('SELECT rfm_score(NULL, 1, 1, ''{}'', ''{}'', ''{}'')', NULL),
('SELECT rfm_score(1, NULL, 1, ''{}'', ''{}'', ''{}'')', NULL),
('SELECT rfm_score(1, 1, NULL, ''{}'', ''{}'', ''{}'')', NULL),
('SELECT rfm_score(1, 1, 1, NULL, ''{}'', ''{}'')', NULL),
('SELECT rfm_score(1, 1, 1, ''{}'', NULL, ''{}'')', NULL),
('SELECT rfm_score(1, 1, 1, ''{}'', ''{}'', NULL)', NULL),
('SELECT rfm_score(NULL, NULL, NULL, NULL, NULL, NULL)', NULL),
('SELECT rfm_score(1, 1, 1, ''{2,1}'', ''{}'', ''{}'')', 'error 22023'),
('SELECT rfm_score(1, 1, 1, ''{}'', ''{1,2,1.99}'', ''{}'')', 'error 22023'),
('SELECT rfm_score(1, 1, 1, ''{}'', ''{}'', ''{1e60,1e50}'')', 'error 22023'),
('SELECT rfm_score(1, 1, 1, ''{1,2,3,4,5,6,7,8,9}'', ''{}'', ''{}'')', 'error 22023'),
('SELECT rfm_score(1, 1, 1, ''{}'', ''{NULL}'', ''{}'')', 'error 22004'),
('SELECT rfm_score(1, 1, 1, ''{}'', ''{}'', ''{NaN}'')', 'error 22003'),
('SELECT rfm_score(1, 1, 1, ''{-Infinity}'', ''{}'', ''{}'')', 'error 22003'),
('SELECT rfm_score(1, 1, 1, ''{{1,2},{3,4}}'', ''{}'', ''{}'')', 'error 2202E'),
('SELECT rfm_score(1, 1, ''NaN'', ''{}'', ''{}'', ''{}'')', 'error 22003'),
('SELECT rfm_score(1, 1, ''Infinity'', ''{}'', ''{}'', ''{}'')', 'error 22003'),
-- cuts
('SELECT (rfm_cuts(i, i, n)).recency_cuts FROM c', '{2.8,4.6,6.4,8.2}'),
('SELECT (rfm_cuts(id, s, i)).monetary_cuts FROM c', '{2.8,4.6,6.4,8.2}'),
('SELECT rfm_cuts(date ''2024-07-01'' - d, i, n, 2) IS NOT NULL FROM c', 'true'),
('SELECT (rfm_cuts(i, i, n, 2, ''median'')).frequency_cuts FROM c', '{5.5}'),
('SELECT rfm_cuts(''3'', ''4'', ''5.50'') IS NOT NULL', 'true'),
('SELECT (rfm_cuts(NULL, NULL, NULL)).customers', '0'),
('SELECT rfm_score(1, 1, x, recency_cuts, frequency_cuts, monetary_cuts) FROM (SELECT x, (rfm_cuts(1, 1, x)).* FROM (SELECT (''1.'' || repeat(''0'', 1999) || ''1'')::numeric) v(x) GROUP BY x) q', '511'),
('SELECT rfm_score(1, 1, x, recency_cuts, frequency_cuts, monetary_cuts) FROM (SELECT x, (rfm_cuts(1, 1, x, 5, ''r'')).* FROM (SELECT (''0.'' || repeat(''0'', 100))::numeric) v(x) GROUP BY x) q', '511'),
('SELECT rfm_cuts(1, 1, 1, 1)', 'error 22023'),
('SELECT rfm_cuts(1, 1, 1, 10, ''r'')', 'error 22023'),
('SELECT rfm_cuts(1, 1, 1, 5, ''R'')', 'error 22023'),
('SELECT rfm_cuts(1, 1, 1, 5, ''a method with a very long name'')', 'error 22023'),
('SELECT rfm_cuts(1, 1, 1, 3, ''mean'')', 'error 22023'),
('SELECT rfm_cuts(1, 1, 1, 5, ''median'')', 'error 22023'),
('SELECT rfm_cuts(i, i, n, 1 + i) FROM c', 'error 22023'),
('SELECT rfm_cuts(i, i, n, 2, CASE i WHEN 7 THEN ''mean'' ELSE ''median'' END) FROM c', 'error 22023'),
('SELECT rfm_cuts(i, i, n, nullif(5, i)) FROM c', 'error 22023'),
('SELECT rfm_cuts(1, 1, ''NaN'')', 'error 22003'),
('SELECT rfm_cuts(NULL, 1, ''Infinity'')', 'error 22003'),
('SELECT rfm_cuts(1.5, 1, 1)', 'error 42883'),
-- segments
('SELECT rfm_segment(455)', 'important_value'),
('SELECT rfm_segment(''115'')', 'important_winback'),
('SELECT rfm_segment(rfm_score(1, 1, 1, ''{}'', ''{}'', ''{}''))', 'general_winback'),
('SELECT rfm_segment(333, 3)', 'important_value'),
('SELECT rfm_segment(score => 122, high => 2)', 'important_keep'),
('SELECT rfm_segment(999, 9)', 'important_value'),
('SELECT rfm_segment(NULL)', NULL),
('SELECT rfm_segment(111, NULL)', NULL),
('SELECT rfm_segment(true, false, NULL)', NULL),
('SELECT rfm_segment(r_high => ''t'', f_high => ''no'', m_high => true)', 'important_develop'),
('SELECT rfm_segment(0)', 'error 22023'),
('SELECT rfm_segment(55)', 'error 22023'),
('SELECT rfm_segment(505)', 'error 22023'),
('SELECT rfm_segment(550)', 'error 22023'),
('SELECT rfm_segment(1111)', 'error 22023'),
('SELECT rfm_segment(-555)', 'error 22023'),
('SELECT rfm_segment(555, 1)', 'error 22023'),
('SELECT rfm_segment(555, 10)', 'error 22023');

CREATE FUNCTION pg_temp.answer(query text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE answer text;
BEGIN
  EXECUTE query INTO answer;
  RETURN answer;
EXCEPTION WHEN OTHERS THEN
  RETURN 'error ' || SQLSTATE;
END $$;

SELECT plan(count(*)::int + 6) FROM call;
SELECT is(CASE pg_temp.answer(query) WHEN 't' THEN 'true' ELSE pg_temp.answer(query) END, answer, query) FROM call ORDER BY n;

-- What an error says.
CREATE FUNCTION pg_temp.complaint(query text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE message text; detail text; hint text;
BEGIN
  EXECUTE query;
  RETURN NULL;
EXCEPTION WHEN OTHERS THEN
  GET STACKED DIAGNOSTICS message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
  RETURN message || ' | ' || detail || ' | ' || hint;
END $$;
SELECT is(pg_temp.complaint($$SELECT rfm_score(1, 1, 1, '{}', '{1,3,2}', '{}')$$),
          'frequency cuts decrease | Cut 3 is less than cut 2. | Write the cuts in ascending order; recency cuts too, in days, although fewer days score higher.',
          'decreasing cuts are pointed at');
SELECT is(pg_temp.complaint($$SELECT rfm_segment(60)$$),
          'not an RFM score: 60 | A score is three digits, recency, frequency and monetary, each between 1 and 9. | Pass a result of rfm_score, or r * 100 + f * 10 + m.',
          'so is what is no score');

-- The segments, all scores and thresholds, against CASE.
SELECT is((SELECT count(*) FROM generate_series(1, 9) r, generate_series(1, 9) f, generate_series(1, 9) m, generate_series(2, 9) high
           WHERE rfm_segment(100 * r + 10 * f + m, high) IS DISTINCT FROM CASE
             WHEN r >= high AND f >= high AND m >= high THEN 'important_value'
             WHEN r >= high AND f < high AND m >= high THEN 'important_develop'
             WHEN r < high AND f >= high AND m >= high THEN 'important_keep'
             WHEN r < high AND f < high AND m >= high THEN 'important_winback'
             WHEN r >= high AND f >= high THEN 'general_value'
             WHEN r >= high THEN 'general_develop'
             WHEN f >= high THEN 'general_keep'
             ELSE 'general_winback' END),
          0::bigint, 'segments of all scores');
SELECT is((SELECT count(*) FROM generate_series(1, 5) r, generate_series(1, 5) f, generate_series(1, 5) m
           WHERE rfm_segment(100 * r + 10 * f + m) IS DISTINCT FROM rfm_segment(r >= 4, f >= 4, m >= 4)),
          0::bigint, 'high is 4 if not given');
SELECT is((SELECT count(*) FROM crmlife.rfm_segment_label WHERE segment = rfm_segment(r_high, f_high, m_high)), 8::bigint,
          'the labels know the segments');
SELECT is((SELECT string_agg(label_zh, ' ' ORDER BY position) FROM crmlife.rfm_segment_label),
          '重要价值 重要发展 重要保持 重要挽留 一般价值 一般发展 一般保持 一般挽留', 'and their Chinese names');
SELECT finish();
