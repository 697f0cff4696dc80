-- RFM: scores, cuts, segments.

CREATE FUNCTION rfm_score(last_order date, frequency bigint, monetary numeric, bins int DEFAULT 5)
RETURNS int
AS 'MODULE_PATHNAME', 'crm_rfm_score_over_date'
LANGUAGE C IMMUTABLE WINDOW PARALLEL SAFE;
COMMENT ON FUNCTION rfm_score(date, bigint, numeric, int) IS
  'RFM score r * 100 + f * 10 + m of a customer against the whole partition; the highest bin is the best';

CREATE FUNCTION rfm_score(last_order timestamp, frequency bigint, monetary numeric, bins int DEFAULT 5)
RETURNS int
AS 'MODULE_PATHNAME', 'crm_rfm_score_over_timestamp'
LANGUAGE C IMMUTABLE WINDOW PARALLEL SAFE;
COMMENT ON FUNCTION rfm_score(timestamp, bigint, numeric, int) IS
  'RFM score r * 100 + f * 10 + m of a customer against the whole partition; the highest bin is the best';

CREATE FUNCTION rfm_score(last_order timestamptz, frequency bigint, monetary numeric, bins int DEFAULT 5)
RETURNS int
AS 'MODULE_PATHNAME', 'crm_rfm_score_over_timestamptz'
LANGUAGE C STABLE WINDOW PARALLEL SAFE;
COMMENT ON FUNCTION rfm_score(timestamptz, bigint, numeric, int) IS
  'RFM score r * 100 + f * 10 + m of a customer against the whole partition, by days of the session''s time zone; the highest bin is the best';

CREATE FUNCTION rfm_score(recency_days int, frequency bigint, monetary numeric,
                          recency_cuts numeric[], frequency_cuts numeric[], monetary_cuts numeric[])
RETURNS int
AS 'MODULE_PATHNAME', 'crm_rfm_score_fixed'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION rfm_score(int, bigint, numeric, numeric[], numeric[], numeric[]) IS
  'RFM score r * 100 + f * 10 + m by fixed cuts; a value equal to a cut is in the lower bin';

CREATE FUNCTION rfm_segment(score int, high int DEFAULT 4) RETURNS text
AS 'MODULE_PATHNAME', 'crm_rfm_segment_of_score'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION rfm_segment(int, int) IS
  'one of the eight RFM segments; a dimension is high if its score is at least high';

CREATE FUNCTION rfm_segment(r_high bool, f_high bool, m_high bool) RETURNS text
AS 'MODULE_PATHNAME', 'crm_rfm_segment_of_flags'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION rfm_segment(bool, bool, bool) IS
  'one of the eight RFM segments';

CREATE VIEW crmlife.rfm_segment_label (position, segment, r_high, f_high, m_high, label_en, label_zh) AS
VALUES
  (1, 'important_value',   true,  true,  true,  'important, to value',    '重要价值'),
  (2, 'important_develop', true,  false, true,  'important, to develop',  '重要发展'),
  (3, 'important_keep',    false, true,  true,  'important, to keep',     '重要保持'),
  (4, 'important_winback', false, false, true,  'important, to win back', '重要挽留'),
  (5, 'general_value',     true,  true,  false, 'general, to value',      '一般价值'),
  (6, 'general_develop',   true,  false, false, 'general, to develop',    '一般发展'),
  (7, 'general_keep',      false, true,  false, 'general, to keep',       '一般保持'),
  (8, 'general_winback',   false, false, false, 'general, to win back',   '一般挽留');
GRANT SELECT ON crmlife.rfm_segment_label TO PUBLIC;
COMMENT ON VIEW crmlife.rfm_segment_label IS
  'the eight RFM segments: order, code, which dimensions are high, label in English and Chinese';
COMMENT ON COLUMN crmlife.rfm_segment_label.position IS 'order in reports';
COMMENT ON COLUMN crmlife.rfm_segment_label.segment IS 'code, as rfm_segment returns it';
COMMENT ON COLUMN crmlife.rfm_segment_label.r_high IS 'bought recently';
COMMENT ON COLUMN crmlife.rfm_segment_label.f_high IS 'buys often';
COMMENT ON COLUMN crmlife.rfm_segment_label.m_high IS 'spends much';
COMMENT ON COLUMN crmlife.rfm_segment_label.label_en IS 'label in English';
COMMENT ON COLUMN crmlife.rfm_segment_label.label_zh IS 'label in Chinese';

-- Schemes of segments: boxes over the three scores, the first that holds a
-- score is its segment.
CREATE TYPE crmlife.rfm_box AS (
  segment text, r_from int, r_to int, f_from int, f_to int, m_from int, m_to int);
COMMENT ON TYPE crmlife.rfm_box IS
  'scores of one segment, both limits included; NULL does not limit';

CREATE TABLE crmlife.rfm_scheme (
  scheme text NOT NULL,
  position int NOT NULL,
  segment text NOT NULL CHECK (segment OPERATOR(pg_catalog.<>) ''),
  r_from int CHECK (r_from BETWEEN 1 AND 9), r_to int CHECK (r_to BETWEEN 1 AND 9),
  f_from int CHECK (f_from BETWEEN 1 AND 9), f_to int CHECK (f_to BETWEEN 1 AND 9),
  m_from int CHECK (m_from BETWEEN 1 AND 9), m_to int CHECK (m_to BETWEEN 1 AND 9),
  label_en text,
  label_zh text,
  shipped boolean NOT NULL DEFAULT false,
  PRIMARY KEY (scheme, position),
  CHECK (r_from <= r_to), CHECK (f_from <= f_to), CHECK (m_from <= m_to)
);
COMMENT ON TABLE crmlife.rfm_scheme IS
  'named schemes of RFM segments: boxes over the scores in order, the first that holds a score is its segment; a score in none is others';
COMMENT ON COLUMN crmlife.rfm_scheme.scheme IS 'name of the scheme';
COMMENT ON COLUMN crmlife.rfm_scheme.position IS 'the smallest comes first';
COMMENT ON COLUMN crmlife.rfm_scheme.segment IS 'code of the segment';
COMMENT ON COLUMN crmlife.rfm_scheme.r_from IS 'least recency score; NULL: no limit';
COMMENT ON COLUMN crmlife.rfm_scheme.r_to IS 'greatest recency score; NULL: no limit';
COMMENT ON COLUMN crmlife.rfm_scheme.f_from IS 'least frequency score; NULL: no limit';
COMMENT ON COLUMN crmlife.rfm_scheme.f_to IS 'greatest frequency score; NULL: no limit';
COMMENT ON COLUMN crmlife.rfm_scheme.m_from IS 'least monetary score; NULL: no limit';
COMMENT ON COLUMN crmlife.rfm_scheme.m_to IS 'greatest monetary score; NULL: no limit';
COMMENT ON COLUMN crmlife.rfm_scheme.label_en IS 'label in English';
COMMENT ON COLUMN crmlife.rfm_scheme.label_zh IS 'label in Chinese';
COMMENT ON COLUMN crmlife.rfm_scheme.shipped IS 'comes with crmlife; leave it false for your own';
GRANT SELECT ON crmlife.rfm_scheme TO PUBLIC;
SELECT pg_catalog.pg_extension_config_dump('crmlife.rfm_scheme', 'WHERE NOT shipped');

INSERT INTO crmlife.rfm_scheme VALUES
  ('r', 1,  'champions',          5, 5, 5, 5, 5, 5, 'Champions',          '冠军客户', true),
  ('r', 2,  'potential_loyalist', 3, 5, 3, 5, 2, 5, 'Potential Loyalist', '潜在忠诚', true),
  ('r', 3,  'loyal_customers',    2, 4, 2, 4, 2, 4, 'Loyal Customers',    '忠诚客户', true),
  ('r', 4,  'promising',          3, 4, 1, 3, 3, 5, 'Promising',          '有希望',   true),
  ('r', 5,  'new_customers',      4, 5, 1, 3, 1, 5, 'New Customers',      '新客户',   true),
  ('r', 6,  'cant_lose',          1, 2, 3, 4, 4, 5, 'Can''t Lose Them',   '不能流失', true),
  ('r', 7,  'at_risk',            1, 2, 2, 5, 4, 5, 'At Risk',            '有流失风险', true),
  ('r', 8,  'need_attention',     1, 3, 3, 5, 3, 5, 'Need Attention',     '需要关注', true),
  ('r', 9,  'about_to_sleep',     2, 3, 1, 3, 1, 4, 'About To Sleep',     '即将睡眠', true),
  ('r', 10, 'lost',               1, 1, 1, 5, 1, 5, 'Lost',               '流失',     true);

CREATE FUNCTION rfm_scheme_segment(score int, boxes crmlife.rfm_box[]) RETURNS text
AS 'MODULE_PATHNAME', 'crm_rfm_scheme_segment'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION rfm_scheme_segment(int, crmlife.rfm_box[]) IS
  'segment of a score in a scheme: that of the first box which holds it, others if none does';

CREATE FUNCTION crmlife.rfm_boxes(scheme text) RETURNS crmlife.rfm_box[]
LANGUAGE plpgsql STABLE STRICT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
  result crmlife.rfm_box[];
BEGIN
  SELECT array_agg(ROW(s.segment, s.r_from, s.r_to, s.f_from, s.f_to, s.m_from, s.m_to)::crmlife.rfm_box ORDER BY s.position)
  INTO result FROM crmlife.rfm_scheme s WHERE s.scheme = rfm_boxes.scheme;
  IF result IS NULL THEN
    RAISE EXCEPTION USING ERRCODE = 'undefined_object',
      MESSAGE = format('there is no RFM scheme "%s"', scheme),
      DETAIL = format('There are %s.', (SELECT string_agg(DISTINCT s.scheme, ', ' ORDER BY s.scheme) FROM crmlife.rfm_scheme s)),
      HINT = 'A scheme of your own is a few rows of crmlife.rfm_scheme.';
  END IF;
  RETURN result;
END
$function$;
COMMENT ON FUNCTION crmlife.rfm_boxes(text) IS
  'the boxes of a named scheme, to be passed to rfm_scheme_segment';

CREATE TYPE crmlife.rfm_cuts_result AS (
  recency_cuts numeric[],
  frequency_cuts numeric[],
  monetary_cuts numeric[],
  recency_bins int,
  frequency_bins int,
  monetary_bins int,
  customers bigint
);
COMMENT ON TYPE crmlife.rfm_cuts_result IS
  'cuts for rfm_score, in how many bins of each dimension there are customers, and how many customers they were taken from';

CREATE FUNCTION crmlife._rfm_cuts_accum(internal, bigint, bigint, numeric) RETURNS internal
AS 'MODULE_PATHNAME', 'crm_rfm_cuts_accum' LANGUAGE C IMMUTABLE PARALLEL SAFE;
CREATE FUNCTION crmlife._rfm_cuts_accum(internal, bigint, bigint, numeric, int) RETURNS internal
AS 'MODULE_PATHNAME', 'crm_rfm_cuts_accum' LANGUAGE C IMMUTABLE PARALLEL SAFE;
CREATE FUNCTION crmlife._rfm_cuts_accum(internal, bigint, bigint, numeric, int, text) RETURNS internal
AS 'MODULE_PATHNAME', 'crm_rfm_cuts_accum' LANGUAGE C IMMUTABLE PARALLEL SAFE;
CREATE FUNCTION crmlife._rfm_cuts_combine(internal, internal) RETURNS internal
AS 'MODULE_PATHNAME', 'crm_rfm_cuts_combine' LANGUAGE C IMMUTABLE PARALLEL SAFE;
CREATE FUNCTION crmlife._rfm_cuts_serialize(internal) RETURNS bytea
AS 'MODULE_PATHNAME', 'crm_rfm_cuts_serialize' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE FUNCTION crmlife._rfm_cuts_deserialize(bytea, internal) RETURNS internal
AS 'MODULE_PATHNAME', 'crm_rfm_cuts_deserialize' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE FUNCTION crmlife._rfm_cuts_final(internal) RETURNS crmlife.rfm_cuts_result
AS 'MODULE_PATHNAME', 'crm_rfm_cuts_final' LANGUAGE C IMMUTABLE PARALLEL SAFE;

COMMENT ON FUNCTION crmlife._rfm_cuts_accum(internal, bigint, bigint, numeric) IS 'transition function of aggregates';
COMMENT ON FUNCTION crmlife._rfm_cuts_accum(internal, bigint, bigint, numeric, int) IS 'transition function of aggregates';
COMMENT ON FUNCTION crmlife._rfm_cuts_accum(internal, bigint, bigint, numeric, int, text) IS 'transition function of aggregates';
COMMENT ON FUNCTION crmlife._rfm_cuts_combine(internal, internal) IS 'combine function of aggregates';
COMMENT ON FUNCTION crmlife._rfm_cuts_serialize(internal) IS 'serialize function of aggregates';
COMMENT ON FUNCTION crmlife._rfm_cuts_deserialize(bytea, internal) IS 'deserialize function of aggregates';
COMMENT ON FUNCTION crmlife._rfm_cuts_final(internal) IS 'final function of aggregates';

CREATE AGGREGATE rfm_cuts(recency_days bigint, frequency bigint, monetary numeric) (
  SFUNC = crmlife._rfm_cuts_accum, STYPE = internal, SSPACE = 512,
  FINALFUNC = crmlife._rfm_cuts_final, FINALFUNC_MODIFY = SHAREABLE,
  COMBINEFUNC = crmlife._rfm_cuts_combine,
  SERIALFUNC = crmlife._rfm_cuts_serialize, DESERIALFUNC = crmlife._rfm_cuts_deserialize,
  PARALLEL = SAFE
);
COMMENT ON AGGREGATE rfm_cuts(bigint, bigint, numeric) IS
  'cuts of recency, frequency and monetary for rfm_score: five bins by quantiles';

CREATE AGGREGATE rfm_cuts(recency_days bigint, frequency bigint, monetary numeric, bins int) (
  SFUNC = crmlife._rfm_cuts_accum, STYPE = internal, SSPACE = 512,
  FINALFUNC = crmlife._rfm_cuts_final, FINALFUNC_MODIFY = SHAREABLE,
  COMBINEFUNC = crmlife._rfm_cuts_combine,
  SERIALFUNC = crmlife._rfm_cuts_serialize, DESERIALFUNC = crmlife._rfm_cuts_deserialize,
  PARALLEL = SAFE
);
COMMENT ON AGGREGATE rfm_cuts(bigint, bigint, numeric, int) IS
  'cuts of recency, frequency and monetary for rfm_score, by quantiles';

CREATE AGGREGATE rfm_cuts(recency_days bigint, frequency bigint, monetary numeric, bins int, method text) (
  SFUNC = crmlife._rfm_cuts_accum, STYPE = internal, SSPACE = 512,
  FINALFUNC = crmlife._rfm_cuts_final, FINALFUNC_MODIFY = SHAREABLE,
  COMBINEFUNC = crmlife._rfm_cuts_combine,
  SERIALFUNC = crmlife._rfm_cuts_serialize, DESERIALFUNC = crmlife._rfm_cuts_deserialize,
  PARALLEL = SAFE
);
COMMENT ON AGGREGATE rfm_cuts(bigint, bigint, numeric, int, text) IS
  'cuts of recency, frequency and monetary for rfm_score; method quantile, r (as the R package rfm), mean or median';
