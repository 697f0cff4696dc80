-- model: the type lifecycle_model

CREATE TYPE crmlife.lifecycle_model;

CREATE FUNCTION crmlife.lifecycle_model_in(cstring)
RETURNS crmlife.lifecycle_model
AS 'MODULE_PATHNAME', 'crm_model_in'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE FUNCTION crmlife.lifecycle_model_out(crmlife.lifecycle_model)
RETURNS cstring
AS 'MODULE_PATHNAME', 'crm_model_out'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE FUNCTION crmlife.lifecycle_model_recv(internal)
RETURNS crmlife.lifecycle_model
AS 'MODULE_PATHNAME', 'crm_model_recv'
LANGUAGE C STABLE STRICT PARALLEL SAFE;
CREATE FUNCTION crmlife.lifecycle_model_send(crmlife.lifecycle_model)
RETURNS bytea
AS 'MODULE_PATHNAME', 'crm_model_send'
LANGUAGE C STABLE STRICT PARALLEL SAFE;

CREATE TYPE crmlife.lifecycle_model (
  INPUT = crmlife.lifecycle_model_in,
  OUTPUT = crmlife.lifecycle_model_out,
  RECEIVE = crmlife.lifecycle_model_recv,
  SEND = crmlife.lifecycle_model_send,
  INTERNALLENGTH = VARIABLE,
  ALIGNMENT = int4,
  STORAGE = extended);

COMMENT ON TYPE crmlife.lifecycle_model IS
  'a stage model: CASE ... END WITH (threshold = value, ...), or the name of a shipped one';
COMMENT ON FUNCTION crmlife.lifecycle_model_in(cstring) IS 'I/O';
COMMENT ON FUNCTION crmlife.lifecycle_model_out(crmlife.lifecycle_model) IS 'I/O';
COMMENT ON FUNCTION crmlife.lifecycle_model_recv(internal) IS 'I/O';
COMMENT ON FUNCTION crmlife.lifecycle_model_send(crmlife.lifecycle_model) IS 'I/O';

CREATE FUNCTION with_threshold(
  model crmlife.lifecycle_model, name text, value numeric)
RETURNS crmlife.lifecycle_model
AS 'MODULE_PATHNAME', 'crm_with_threshold'
LANGUAGE C IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE;
COMMENT ON FUNCTION with_threshold(crmlife.lifecycle_model, text, numeric) IS
  'the model with another value of a threshold; NULL makes its comparisons unknown';

CREATE FUNCTION model_thresholds(
  model crmlife.lifecycle_model, OUT name text, OUT value numeric)
RETURNS SETOF record
AS 'MODULE_PATHNAME', 'crm_model_thresholds'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE ROWS 5;
COMMENT ON FUNCTION model_thresholds(crmlife.lifecycle_model) IS
  'the thresholds of a model in the order of its WITH clause; value NULL: none given';

CREATE FUNCTION crmlife.model_stages(
  model crmlife.lifecycle_model,
  OUT stage_order int, OUT stage text, OUT zone text,
  OUT label_en text, OUT label_zh text, OUT advice text)
RETURNS SETOF record
AS 'MODULE_PATHNAME', 'crm_model_stages'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE ROWS 8;
COMMENT ON FUNCTION crmlife.model_stages(crmlife.lifecycle_model) IS
  'the stages of a model in order; zone, labels and advice of the shipped models';

-- Models of the users' own, by name.  An input function may not read tables:
-- they are used as (SELECT model FROM crmlife.model WHERE name = 'x').
CREATE TABLE crmlife.model (
  name text PRIMARY KEY CHECK (name <> ''),
  model crmlife.lifecycle_model NOT NULL,
  description text);
COMMENT ON TABLE crmlife.model IS 'stage models of your own, by name';
COMMENT ON COLUMN crmlife.model.name IS 'what the model is called';
COMMENT ON COLUMN crmlife.model.model IS 'the model itself';
COMMENT ON COLUMN crmlife.model.description IS 'what it is for';
GRANT SELECT ON crmlife.model TO PUBLIC;
SELECT pg_catalog.pg_extension_config_dump('crmlife.model', '');
