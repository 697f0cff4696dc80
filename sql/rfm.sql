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
