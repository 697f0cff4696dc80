-- Schemes of RFM segments: boxes against SQL, sizes, thresholds and moves of
-- a stage table against plain SQL, what is refused, who sees what.
\set ECHO none
\pset format unaligned
\pset tuples_only true
\set QUIET on
SET client_min_messages = warning;
DROP SCHEMA IF EXISTS rfm_scheme_test CASCADE;
CREATE SCHEMA rfm_scheme_test;
SET search_path = rfm_scheme_test, public;
SET TimeZone = 'UTC';
SET IntervalStyle = 'postgres';
SELECT plan(33);

CREATE TABLE score AS SELECT r * 100 + f * 10 + m AS score, r, f, m FROM generate_series(1, 9) r, generate_series(1, 9) f, generate_series(1, 9) m;
-- 100 random schemes of up to 12 boxes, a third of the limits open
SELECT setseed(0.5) \gset
CREATE FUNCTION low() RETURNS int LANGUAGE sql AS $$ SELECT CASE WHEN random() > 0.33 THEN 1 + floor(random() * 5)::int END $$;
CREATE FUNCTION high() RETURNS int LANGUAGE sql AS $$ SELECT CASE WHEN random() > 0.33 THEN 5 + floor(random() * 5)::int END $$;
CREATE TABLE box AS
SELECT g, i, 's' || floor(random() * 6) AS segment, low() AS r_from, high() AS r_to, low() AS f_from, high() AS f_to, low() AS m_from, high() AS m_to
FROM generate_series(1, 100) g, generate_series(1, 1 + g % 12) i;
CREATE TABLE scheme AS SELECT g, array_agg(ROW(segment, r_from, r_to, f_from, f_to, m_from, m_to)::crmlife.rfm_box ORDER BY i) AS boxes FROM box GROUP BY g;
CREATE TABLE first_box AS
SELECT DISTINCT ON (g, score) g, score, segment FROM box, score
WHERE coalesce(r >= r_from, true) AND coalesce(r <= r_to, true) AND coalesce(f >= f_from, true) AND coalesce(f <= f_to, true) AND coalesce(m >= m_from, true) AND coalesce(m <= m_to, true)
ORDER BY g, score, i;
SELECT is((SELECT count(*) FROM scheme CROSS JOIN score LEFT JOIN first_box b USING (g, score) WHERE rfm_scheme_segment(score, boxes) IS DISTINCT FROM coalesce(b.segment, 'others')), 0::bigint, 'the first box that holds a score');
SELECT cmp_ok((SELECT count(*) FROM scheme, score WHERE rfm_scheme_segment(score, boxes) = 'others'), '>', 1000::bigint, 'some are in none');
-- another scheme in each row
SELECT is((SELECT count(*) FROM score CROSS JOIN scheme LEFT JOIN first_box b USING (g, score) WHERE score % 7 = 0 AND rfm_scheme_segment(score, boxes) <> coalesce(b.segment, 'others')), 0::bigint, 'schemes that change from row to row');
SELECT is((SELECT count(*) FROM score WHERE rfm_scheme_segment(score, crmlife.rfm_boxes('r')) IS NULL), 0::bigint, 'each score has a segment of the shipped scheme');
SELECT is((SELECT string_agg(segment, ' ' ORDER BY position) FROM crmlife.rfm_scheme WHERE shipped), 'champions potential_loyalist loyal_customers promising new_customers cant_lose at_risk need_attention about_to_sleep lost', 'ten segments are shipped');
SELECT is(rfm_scheme_segment(NULL, crmlife.rfm_boxes('r')), NULL, 'NULL score');
SELECT is(rfm_scheme_segment(555, NULL), NULL, 'NULL boxes');
SELECT is(rfm_scheme_segment(555, '{}'), 'others', 'no box');

-- a scheme of one's own
INSERT INTO crmlife.rfm_scheme (scheme, position, segment, r_from, f_from) VALUES ('mine', 20, 'rest', NULL, NULL), ('mine', 10, 'best', 4, 4);
SELECT is((SELECT string_agg(rfm_scheme_segment(s, crmlife.rfm_boxes('mine')), ' ') FROM unnest(ARRAY[551, 441, 351]) s), 'best best rest', 'boxes go by position');

CREATE FUNCTION problem(query text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE detail text;
BEGIN
  EXECUTE query;
  RETURN 'none';
EXCEPTION WHEN OTHERS THEN
  GET STACKED DIAGNOSTICS detail = PG_EXCEPTION_DETAIL;
  RETURN SQLSTATE || ' ' || SQLERRM || CASE WHEN detail <> '' THEN ' | ' || detail ELSE '' END;
END $$;
SELECT is(problem(query), problem, query) FROM (VALUES
  ($$SELECT rfm_scheme_segment(55, crmlife.rfm_boxes('r'))$$, '22023 not an RFM score: 55 | A score is three digits, recency, frequency and monetary, each between 1 and 9.'),
  ($$SELECT rfm_scheme_segment(505, crmlife.rfm_boxes('r'))$$, '22023 not an RFM score: 505 | A score is three digits, recency, frequency and monetary, each between 1 and 9.'),
  ($$SELECT rfm_scheme_segment(-555, crmlife.rfm_boxes('r'))$$, '22023 not an RFM score: -555 | A score is three digits, recency, frequency and monetary, each between 1 and 9.'),
  ($$SELECT rfm_scheme_segment(555, ARRAY[('a', 5, 4, 1, 1, 1, 1)::crmlife.rfm_box])$$, '22023 box 1 of an RFM scheme is not valid | It goes from 5 to 4.'),
  ($$SELECT rfm_scheme_segment(555, ARRAY[('a', 1, 1, 1, 1, 1, 1), (NULL, 1, 1, 1, 1, 1, 1)]::crmlife.rfm_box[])$$, '22023 box 2 of an RFM scheme is not valid | Its segment is NULL.'),
  ($$SELECT rfm_scheme_segment(555, ARRAY[('a', 0, 4, 1, 1, 1, 1)::crmlife.rfm_box])$$, '22023 box 1 of an RFM scheme is not valid | A limit is 0.'),
  ($$SELECT rfm_scheme_segment(555, ARRAY[NULL]::crmlife.rfm_box[])$$, '22023 box 1 of an RFM scheme is not valid | It is NULL.'),
  ($$SELECT rfm_scheme_segment(111, array_fill(boxes[1], ARRAY[1001])) FROM scheme LIMIT 1$$, '54000 an RFM scheme has at most 1000 boxes | There are 1001.'),
  ($$SELECT crmlife.rfm_boxes('none')$$, '42704 there is no RFM scheme "none" | There are mine, r.')) v (query, problem);

-- a stage table: sizes, thresholds and moves
CREATE TABLE sale AS
SELECT c, date '2024-01-01' + floor(random() * 500)::int AS at, round((1 + random() * random() * 300)::numeric, 2) AS amount
FROM generate_series(1, 400) c, generate_series(1, 1 + c % 7) i;
SELECT crmlife.create_stage_table('stages', 'sale', 'c', 'at', 'amount') \g /dev/null
SELECT crmlife.refresh('stages', '2025-06-01', "full" => true) \g /dev/null
SELECT results_eq($$SELECT segment, customers, share, revenue FROM crmlife.rfm_segment_size WHERE stage_table = 'stages'::regclass ORDER BY position$$,
  $$SELECT l.segment, count(s.c), count(s.c) / 400::float8, coalesce(sum(s.revenue), 0) FROM crmlife.rfm_segment_label l LEFT JOIN stages s ON s.rfm_segment = l.segment GROUP BY l.position, l.segment ORDER BY l.position$$, 'sizes of the eight');
SELECT results_eq($$SELECT segment, customers FROM crmlife.rfm_sizes('stages', 'r') ORDER BY segment$$,
  $$SELECT x.segment, count(s.c) FROM (SELECT DISTINCT segment FROM crmlife.rfm_scheme WHERE scheme = 'r' UNION SELECT rfm_scheme_segment(rfm_score, crmlife.rfm_boxes('r')) FROM stages) x
    LEFT JOIN stages s ON rfm_scheme_segment(s.rfm_score, crmlife.rfm_boxes('r')) = x.segment GROUP BY 1 ORDER BY 1$$, 'sizes of a scheme');
SELECT is((SELECT string_agg(segment || ' ' || customers, ', ' ORDER BY position) FROM crmlife.rfm_sizes('stages', 'mine')), (SELECT 'best ' || count(*) FILTER (WHERE rfm_score >= 400 AND rfm_score / 10 % 10 >= 4) || ', rest ' || count(*) FILTER (WHERE NOT (rfm_score >= 400 AND rfm_score / 10 % 10 >= 4)) FROM stages), 'sizes of one''s own, without others');
SELECT is((SELECT count(*) FROM stages s JOIN crmlife.rfm_bin_size b ON b.stage_table = 'stages'::regclass WHERE b.score = CASE b.dimension WHEN 'recency' THEN rfm_score / 100 WHEN 'frequency' THEN rfm_score / 10 % 10 ELSE rfm_score % 10 END
             AND NOT (CASE b.dimension WHEN 'recency' THEN date '2025-06-01' - last_order_at::date WHEN 'frequency' THEN orders ELSE revenue END > coalesce(above, '-Infinity')
                  AND CASE b.dimension WHEN 'recency' THEN date '2025-06-01' - last_order_at::date WHEN 'frequency' THEN orders ELSE revenue END <= coalesce(up_to, 'Infinity'))), 0::bigint, 'every customer lies in its bins');
SELECT is((SELECT string_agg(dimension || ' ' || n || ' ' || sum, ', ' ORDER BY dimension) FROM (SELECT dimension, count(*) AS n, sum(customers) FROM crmlife.rfm_bins('stages') GROUP BY 1) x), 'frequency 5 400, monetary 5 400, recency 5 400', 'bins of all dimensions, with everybody');

CREATE TABLE bins AS SELECT * FROM crmlife.rfm_bins('stages');
SELECT crmlife.calibrate('stages', recency_cuts => format('[0:%s]=%s', cardinality(recency_cuts) - 1, recency_cuts)::numeric[], frequency_cuts => format('[5:%s]=%s', 4 + cardinality(frequency_cuts), frequency_cuts)::numeric[],
  monetary_cuts => format('[-2:%s]=%s', cardinality(monetary_cuts) - 3, monetary_cuts)::numeric[]) FROM crmlife.rfm_cuts WHERE stage_table = 'stages'::regclass AND segment = '' \g /dev/null
SELECT set_eq('SELECT * FROM crmlife.rfm_bins(''stages'')', 'TABLE bins', 'whatever number the first cut has');

CREATE TABLE before AS SELECT c, rfm_segment FROM stages;
SELECT crmlife.calibrate('stages', 'mean', frequency_cuts => '{2,3,4,5}') AS moved \gset
SELECT results_eq($$SELECT from_segment, to_segment, customers FROM crmlife.rfm_moves WHERE stage_table = 'stages'::regclass ORDER BY 1, 2$$,
  $$SELECT b.rfm_segment, s.rfm_segment, count(*) FROM before b JOIN stages s USING (c) WHERE b.rfm_segment <> s.rfm_segment GROUP BY 1, 2 ORDER BY 1, 2$$, 'who moved between segments by new cuts');
SELECT cmp_ok((SELECT sum(customers) FROM crmlife.rfm_moves), '>', 20::numeric, 'some did');
SELECT is_empty($$SELECT * FROM crmlife.verify('stages')$$, 'verify agrees');

-- the schedule
SELECT is((SELECT concat_ws(' ', calibrate_every, coalesce(learn_every::text, 'never')) FROM crmlife.status WHERE stage_table = 'stages'::regclass), '1 mon never', 'cuts every month, thresholds when asked');
SELECT crmlife.set_schedule('stages', NULL, '14 days') \g /dev/null
SELECT is((SELECT concat_ws(' ', coalesce(calibrate_every::text, 'never'), learn_every) FROM crmlife.status WHERE stage_table = 'stages'::regclass), 'never 14 days', 'set_schedule');
SELECT is(problem($$SELECT crmlife.set_schedule('stages', '5 hours', NULL)$$), '22023 calibrate_every must be a number of whole days or months, up to 1000 years', 'not by hours');

-- who sees it
CREATE ROLE rfm_scheme_reader;
GRANT USAGE ON SCHEMA rfm_scheme_test TO rfm_scheme_reader;
SET ROLE rfm_scheme_reader;
SELECT is((SELECT count(*) FROM crmlife.rfm_segment_size) + (SELECT count(*) FROM crmlife.rfm_bin_size) + (SELECT count(*) FROM crmlife.rfm_moves), 0::bigint, 'nothing without the right to read the table');
SELECT is(problem($$SELECT crmlife.set_schedule('rfm_scheme_test.stages', NULL, NULL)$$), '42501 must be owner of table stages', 'only the owner sets a schedule');
RESET ROLE;
GRANT SELECT ON stages TO rfm_scheme_reader;
SET ROLE rfm_scheme_reader;
SELECT is((SELECT count(*) FROM crmlife.rfm_segment_size) + (SELECT count(*) FROM crmlife.rfm_bin_size), 8 + 15::bigint, 'a reader sees sizes and thresholds');
RESET ROLE;

DELETE FROM crmlife.rfm_scheme WHERE NOT shipped;
SELECT crmlife.drop_stage_table('stages') \g /dev/null
DROP SCHEMA rfm_scheme_test CASCADE;
DROP ROLE rfm_scheme_reader;
SELECT finish();
