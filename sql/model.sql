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
-- they are used as (SELECT model FROM crmlife.model WHERE name = 'x').  Anyone
-- may add one; it belongs to who added it, and the guard below lets no one
-- else change it.
CREATE TABLE crmlife.model (
  name text PRIMARY KEY CHECK (name <> ''),
  model crmlife.lifecycle_model NOT NULL,
  description text,
  owner crmlife.role_ref NOT NULL DEFAULT CURRENT_USER);
COMMENT ON TABLE crmlife.model IS 'stage models of your own, by name';
COMMENT ON COLUMN crmlife.model.name IS 'what the model is called; no shipped model''s name';
COMMENT ON COLUMN crmlife.model.model IS 'the model itself';
COMMENT ON COLUMN crmlife.model.description IS 'what it is for';
COMMENT ON COLUMN crmlife.model.owner IS 'the role whose members may change it, whatever it is called; empty: it was dropped';
SELECT pg_catalog.pg_extension_config_dump('crmlife.model', '');

CREATE TABLE crmlife.model_label (
  model text NOT NULL,
  stage text NOT NULL,
  position integer NOT NULL,
  zone text CHECK (zone IN ('acquire', 'grow', 'retain')),
  label_en text,
  label_zh text,
  advice text,
  PRIMARY KEY (model, stage));
COMMENT ON TABLE crmlife.model_label IS
  'order, zone, labels and advice for the stages of your own models';
COMMENT ON COLUMN crmlife.model_label.model IS 'name of the model';
COMMENT ON COLUMN crmlife.model_label.stage IS 'a stage of it, as the model has it';
COMMENT ON COLUMN crmlife.model_label.position IS 'order in reports';
COMMENT ON COLUMN crmlife.model_label.zone IS 'acquire, grow or retain';
COMMENT ON COLUMN crmlife.model_label.label_en IS 'label in English';
COMMENT ON COLUMN crmlife.model_label.label_zh IS 'label in Chinese';
COMMENT ON COLUMN crmlife.model_label.advice IS 'what to do with customers in it';
SELECT pg_catalog.pg_extension_config_dump('crmlife.model_label', '');
GRANT SELECT, INSERT, UPDATE, DELETE ON crmlife.model, crmlife.model_label TO PUBLIC;

CREATE FUNCTION crmlife.guard_model() RETURNS trigger
AS 'MODULE_PATHNAME', 'crm_guard_model' LANGUAGE C;
COMMENT ON FUNCTION crmlife.guard_model() IS
  'lets only the owner of a model change it or its labels';
REVOKE ALL ON FUNCTION crmlife.guard_model() FROM PUBLIC;
CREATE TRIGGER guard BEFORE INSERT OR UPDATE OR DELETE ON crmlife.model
FOR EACH ROW EXECUTE FUNCTION crmlife.guard_model();
CREATE TRIGGER guard BEFORE INSERT OR UPDATE OR DELETE ON crmlife.model_label
FOR EACH ROW EXECUTE FUNCTION crmlife.guard_model();
CREATE FUNCTION crmlife.follow_model() RETURNS trigger
AS 'MODULE_PATHNAME', 'crm_follow_model' LANGUAGE C;
COMMENT ON FUNCTION crmlife.follow_model() IS
  'renames and removes the labels of a model with it';
REVOKE ALL ON FUNCTION crmlife.follow_model() FROM PUBLIC;
CREATE TRIGGER follow AFTER UPDATE OF name OR DELETE ON crmlife.model
FOR EACH ROW EXECUTE FUNCTION crmlife.follow_model();

CREATE FUNCTION crmlife.shipped_models(
  OUT name text, OUT model crmlife.lifecycle_model)
RETURNS SETOF record
AS 'MODULE_PATHNAME', 'crm_shipped_model_list'
LANGUAGE C IMMUTABLE PARALLEL SAFE ROWS 6;
COMMENT ON FUNCTION crmlife.shipped_models() IS 'the models that come with crmlife';

CREATE VIEW crmlife.model_stage
  (model, stage, position, zone, label_en, label_zh, advice) AS
SELECT m.name, s.stage, s.stage_order, s.zone, s.label_en, s.label_zh, s.advice
FROM crmlife.shipped_models() m, LATERAL crmlife.model_stages(m.model) s
UNION ALL
SELECT m.name, s.stage, coalesce(l.position, s.stage_order), coalesce(l.zone, s.zone),
       coalesce(l.label_en, s.label_en), coalesce(l.label_zh, s.label_zh),
       coalesce(l.advice, s.advice)
FROM crmlife.model m
CROSS JOIN LATERAL crmlife.model_stages(m.model) s
LEFT JOIN crmlife.model_label l
  ON l.model OPERATOR(pg_catalog.=) m.name
 AND l.stage OPERATOR(pg_catalog.=) s.stage;
GRANT SELECT ON crmlife.model_stage TO PUBLIC;
COMMENT ON VIEW crmlife.model_stage IS
  'the stages of all models, shipped and your own, with order, zone, labels and advice';
COMMENT ON COLUMN crmlife.model_stage.model IS 'name of the model';
COMMENT ON COLUMN crmlife.model_stage.stage IS 'code, as lifecycle_stage returns it';
COMMENT ON COLUMN crmlife.model_stage.position IS 'order in reports';
COMMENT ON COLUMN crmlife.model_stage.zone IS 'acquire, grow or retain; NULL: none';
COMMENT ON COLUMN crmlife.model_stage.label_en IS 'label in English';
COMMENT ON COLUMN crmlife.model_stage.label_zh IS 'label in Chinese';
COMMENT ON COLUMN crmlife.model_stage.advice IS 'what to do with customers in it';

-- model: the stage of a customer, from columns

CREATE TYPE crmlife.lifecycle_change AS (
  stage text, since date, changes_on date, next_stage text);
COMMENT ON TYPE crmlife.lifecycle_change IS
  'a stage, since when it holds, when it will change if nothing happens, and to what';
COMMENT ON COLUMN crmlife.lifecycle_change.stage IS 'the stage as of the day';
COMMENT ON COLUMN crmlife.lifecycle_change.since IS
  'first day of it; NULL where it can''t be told';
COMMENT ON COLUMN crmlife.lifecycle_change.changes_on IS
  'first day on which it will differ if nothing happens; NULL: never';
COMMENT ON COLUMN crmlife.lifecycle_change.next_stage IS 'the stage on that day';

CREATE TYPE crmlife.lifecycle_explanation AS (
  stage text, branch text, condition text, facts jsonb, thresholds jsonb,
  changes_on date, next_stage text, other_values jsonb);
COMMENT ON TYPE crmlife.lifecycle_explanation IS
  'why a customer is in its stage, and what would change it';
COMMENT ON COLUMN crmlife.lifecycle_explanation.stage IS 'the stage as of the day';
COMMENT ON COLUMN crmlife.lifecycle_explanation.branch IS
  'the branch of the CASE that decided: 2; 2.1 in a nested one; else';
COMMENT ON COLUMN crmlife.lifecycle_explanation.condition IS
  'its condition as the model has it; NULL for else';
COMMENT ON COLUMN crmlife.lifecycle_explanation.facts IS
  'the facts that were looked at, with the customer''s values';
COMMENT ON COLUMN crmlife.lifecycle_explanation.thresholds IS
  'the thresholds they were compared with';
COMMENT ON COLUMN crmlife.lifecycle_explanation.changes_on IS
  'first day on which the stage will differ if nothing happens; NULL: never';
COMMENT ON COLUMN crmlife.lifecycle_explanation.next_stage IS
  'the stage on that day';
COMMENT ON COLUMN crmlife.lifecycle_explanation.other_values IS
  'for each of these facts the nearest lower and higher value with which the stage would be another one, all others staying';

CREATE FUNCTION lifecycle_stage(
  orders bigint, revenue numeric, last_order date, as_of date,
  model crmlife.lifecycle_model DEFAULT 'recency',
  first_order date DEFAULT NULL, last_visit date DEFAULT NULL,
  registered date DEFAULT NULL, order_days bigint DEFAULT NULL)
RETURNS text
AS 'MODULE_PATHNAME', 'crm_lifecycle_stage_date'
LANGUAGE C IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE;
COMMENT ON FUNCTION lifecycle_stage(bigint, numeric, date, date,
  crmlife.lifecycle_model, date, date, date, bigint) IS
  'stage of a customer as of a day, from columns';

CREATE FUNCTION lifecycle_stage(
  orders bigint, revenue numeric, last_order timestamptz, as_of timestamptz,
  model crmlife.lifecycle_model DEFAULT 'recency',
  first_order timestamptz DEFAULT NULL, last_visit timestamptz DEFAULT NULL,
  registered timestamptz DEFAULT NULL, order_days bigint DEFAULT NULL)
RETURNS text
AS 'MODULE_PATHNAME', 'crm_lifecycle_stage_timestamptz'
LANGUAGE C STABLE CALLED ON NULL INPUT PARALLEL SAFE;
COMMENT ON FUNCTION lifecycle_stage(bigint, numeric, timestamptz, timestamptz,
  crmlife.lifecycle_model, timestamptz, timestamptz, timestamptz, bigint) IS
  'stage of a customer as of a local day of the session''s time zone, from columns';

CREATE FUNCTION lifecycle_next(
  orders bigint, revenue numeric, last_order date, as_of date,
  model crmlife.lifecycle_model DEFAULT 'recency',
  first_order date DEFAULT NULL, last_visit date DEFAULT NULL,
  registered date DEFAULT NULL, order_days bigint DEFAULT NULL)
RETURNS crmlife.lifecycle_change
AS 'MODULE_PATHNAME', 'crm_lifecycle_next_date'
LANGUAGE C IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE;
COMMENT ON FUNCTION lifecycle_next(bigint, numeric, date, date,
  crmlife.lifecycle_model, date, date, date, bigint) IS
  'stage of a customer, since when it holds and when it will change, from columns';

CREATE FUNCTION lifecycle_next(
  orders bigint, revenue numeric, last_order timestamptz, as_of timestamptz,
  model crmlife.lifecycle_model DEFAULT 'recency',
  first_order timestamptz DEFAULT NULL, last_visit timestamptz DEFAULT NULL,
  registered timestamptz DEFAULT NULL, order_days bigint DEFAULT NULL)
RETURNS crmlife.lifecycle_change
AS 'MODULE_PATHNAME', 'crm_lifecycle_next_timestamptz'
LANGUAGE C STABLE CALLED ON NULL INPUT PARALLEL SAFE;
COMMENT ON FUNCTION lifecycle_next(bigint, numeric, timestamptz, timestamptz,
  crmlife.lifecycle_model, timestamptz, timestamptz, timestamptz, bigint) IS
  'stage of a customer, since when it holds and when it will change, from columns of times';

CREATE FUNCTION lifecycle_schedule(
  orders bigint, revenue numeric, last_order date, as_of date,
  model crmlife.lifecycle_model DEFAULT 'recency',
  first_order date DEFAULT NULL, last_visit date DEFAULT NULL,
  registered date DEFAULT NULL, order_days bigint DEFAULT NULL,
  OUT changes_on date, OUT stage text, OUT next_stage text)
RETURNS SETOF record
AS 'MODULE_PATHNAME', 'crm_lifecycle_schedule_date'
LANGUAGE C IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE ROWS 3;
COMMENT ON FUNCTION lifecycle_schedule(bigint, numeric, date, date,
  crmlife.lifecycle_model, date, date, date, bigint) IS
  'every coming change of a customer''s stage if nothing happens, in order, from columns';

CREATE FUNCTION lifecycle_schedule(
  orders bigint, revenue numeric, last_order timestamptz, as_of timestamptz,
  model crmlife.lifecycle_model DEFAULT 'recency',
  first_order timestamptz DEFAULT NULL, last_visit timestamptz DEFAULT NULL,
  registered timestamptz DEFAULT NULL, order_days bigint DEFAULT NULL,
  OUT changes_on date, OUT stage text, OUT next_stage text)
RETURNS SETOF record
AS 'MODULE_PATHNAME', 'crm_lifecycle_schedule_timestamptz'
LANGUAGE C STABLE CALLED ON NULL INPUT PARALLEL SAFE ROWS 3;
COMMENT ON FUNCTION lifecycle_schedule(bigint, numeric, timestamptz, timestamptz,
  crmlife.lifecycle_model, timestamptz, timestamptz, timestamptz, bigint) IS
  'every coming change of a customer''s stage if nothing happens, in order, from columns of times';

CREATE FUNCTION lifecycle_explain(
  orders bigint, revenue numeric, last_order date, as_of date,
  model crmlife.lifecycle_model DEFAULT 'recency',
  first_order date DEFAULT NULL, last_visit date DEFAULT NULL,
  registered date DEFAULT NULL, order_days bigint DEFAULT NULL)
RETURNS crmlife.lifecycle_explanation
AS 'MODULE_PATHNAME', 'crm_lifecycle_explain_date'
LANGUAGE C IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE;
COMMENT ON FUNCTION lifecycle_explain(bigint, numeric, date, date,
  crmlife.lifecycle_model, date, date, date, bigint) IS
  'why a customer is in its stage as of a day, and what would change it, from columns';

CREATE FUNCTION lifecycle_explain(
  orders bigint, revenue numeric, last_order timestamptz, as_of timestamptz,
  model crmlife.lifecycle_model DEFAULT 'recency',
  first_order timestamptz DEFAULT NULL, last_visit timestamptz DEFAULT NULL,
  registered timestamptz DEFAULT NULL, order_days bigint DEFAULT NULL)
RETURNS crmlife.lifecycle_explanation
AS 'MODULE_PATHNAME', 'crm_lifecycle_explain_timestamptz'
LANGUAGE C STABLE CALLED ON NULL INPUT PARALLEL SAFE;
COMMENT ON FUNCTION lifecycle_explain(bigint, numeric, timestamptz, timestamptz,
  crmlife.lifecycle_model, timestamptz, timestamptz, timestamptz, bigint) IS
  'why a customer is in its stage as of a day, and what would change it, from columns of times';

CREATE FUNCTION lifecycle_check(
  model crmlife.lifecycle_model,
  OUT severity text, OUT branch text, OUT message text)
RETURNS SETOF record
AS 'MODULE_PATHNAME', 'crm_lifecycle_check'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE ROWS 2;
COMMENT ON FUNCTION lifecycle_check(crmlife.lifecycle_model) IS
  'what is wrong with a model: stages and branches nobody reaches, customers without a branch, errors, unused thresholds';

-- model: the stage of a customer, from the rows of its orders

CREATE FUNCTION crmlife.lifecycle_stage_combine(internal, internal) RETURNS internal
AS 'MODULE_PATHNAME', 'crm_stage_combine'
LANGUAGE C IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE;
COMMENT ON FUNCTION crmlife.lifecycle_stage_combine(internal, internal) IS
  'combine function of aggregates';
CREATE FUNCTION crmlife.lifecycle_stage_serial(internal) RETURNS bytea
AS 'MODULE_PATHNAME', 'crm_stage_serial'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION crmlife.lifecycle_stage_serial(internal) IS
  'serialize function of aggregates';
CREATE FUNCTION crmlife.lifecycle_stage_deserial(bytea, internal) RETURNS internal
AS 'MODULE_PATHNAME', 'crm_stage_deserial'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION crmlife.lifecycle_stage_deserial(bytea, internal) IS
  'deserialize function of aggregates';
CREATE FUNCTION crmlife.lifecycle_stage_final(internal) RETURNS text
AS 'MODULE_PATHNAME', 'crm_stage_final'
LANGUAGE C IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE;
COMMENT ON FUNCTION crmlife.lifecycle_stage_final(internal) IS
  'final function of aggregates';

CREATE FUNCTION crmlife.lifecycle_stage_accum(internal, date, numeric)
RETURNS internal
AS 'MODULE_PATHNAME', 'crm_stage_accum_date'
LANGUAGE C IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE;
COMMENT ON FUNCTION crmlife.lifecycle_stage_accum(internal, date, numeric) IS
  'transition function of aggregates';
CREATE AGGREGATE lifecycle_stage(date, numeric) (
  SFUNC = crmlife.lifecycle_stage_accum, STYPE = internal, SSPACE = 160,
  FINALFUNC = crmlife.lifecycle_stage_final,
  COMBINEFUNC = crmlife.lifecycle_stage_combine,
  SERIALFUNC = crmlife.lifecycle_stage_serial,
  DESERIALFUNC = crmlife.lifecycle_stage_deserial, PARALLEL = SAFE);
COMMENT ON AGGREGATE lifecycle_stage(date, numeric) IS
  'stage of the customer whose orders these are, as of today, by model recency';

CREATE FUNCTION crmlife.lifecycle_stage_accum(internal, date, numeric, date)
RETURNS internal
AS 'MODULE_PATHNAME', 'crm_stage_accum_date'
LANGUAGE C IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE;
COMMENT ON FUNCTION crmlife.lifecycle_stage_accum(internal, date, numeric, date) IS
  'transition function of aggregates';
CREATE AGGREGATE lifecycle_stage(date, numeric, date) (
  SFUNC = crmlife.lifecycle_stage_accum, STYPE = internal, SSPACE = 160,
  FINALFUNC = crmlife.lifecycle_stage_final,
  COMBINEFUNC = crmlife.lifecycle_stage_combine,
  SERIALFUNC = crmlife.lifecycle_stage_serial,
  DESERIALFUNC = crmlife.lifecycle_stage_deserial, PARALLEL = SAFE);
COMMENT ON AGGREGATE lifecycle_stage(date, numeric, date) IS
  'stage of the customer whose orders these are, as of a day, by model recency';

CREATE FUNCTION crmlife.lifecycle_stage_accum(internal, date, numeric, date, crmlife.lifecycle_model)
RETURNS internal
AS 'MODULE_PATHNAME', 'crm_stage_accum_date'
LANGUAGE C IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE;
COMMENT ON FUNCTION crmlife.lifecycle_stage_accum(internal, date, numeric, date, crmlife.lifecycle_model) IS
  'transition function of aggregates';
CREATE AGGREGATE lifecycle_stage(date, numeric, date, crmlife.lifecycle_model) (
  SFUNC = crmlife.lifecycle_stage_accum, STYPE = internal, SSPACE = 160,
  FINALFUNC = crmlife.lifecycle_stage_final,
  COMBINEFUNC = crmlife.lifecycle_stage_combine,
  SERIALFUNC = crmlife.lifecycle_stage_serial,
  DESERIALFUNC = crmlife.lifecycle_stage_deserial, PARALLEL = SAFE);
COMMENT ON AGGREGATE lifecycle_stage(date, numeric, date, crmlife.lifecycle_model) IS
  'stage of the customer whose orders these are, as of a day, by a model';

CREATE FUNCTION crmlife.lifecycle_stage_accum(internal, timestamp, numeric)
RETURNS internal
AS 'MODULE_PATHNAME', 'crm_stage_accum_timestamp'
LANGUAGE C IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE;
COMMENT ON FUNCTION crmlife.lifecycle_stage_accum(internal, timestamp, numeric) IS
  'transition function of aggregates';
CREATE AGGREGATE lifecycle_stage(timestamp, numeric) (
  SFUNC = crmlife.lifecycle_stage_accum, STYPE = internal, SSPACE = 160,
  FINALFUNC = crmlife.lifecycle_stage_final,
  COMBINEFUNC = crmlife.lifecycle_stage_combine,
  SERIALFUNC = crmlife.lifecycle_stage_serial,
  DESERIALFUNC = crmlife.lifecycle_stage_deserial, PARALLEL = SAFE);
COMMENT ON AGGREGATE lifecycle_stage(timestamp, numeric) IS
  'stage of the customer whose orders these are, as of today, by model recency';

CREATE FUNCTION crmlife.lifecycle_stage_accum(internal, timestamp, numeric, timestamp)
RETURNS internal
AS 'MODULE_PATHNAME', 'crm_stage_accum_timestamp'
LANGUAGE C IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE;
COMMENT ON FUNCTION crmlife.lifecycle_stage_accum(internal, timestamp, numeric, timestamp) IS
  'transition function of aggregates';
CREATE AGGREGATE lifecycle_stage(timestamp, numeric, timestamp) (
  SFUNC = crmlife.lifecycle_stage_accum, STYPE = internal, SSPACE = 160,
  FINALFUNC = crmlife.lifecycle_stage_final,
  COMBINEFUNC = crmlife.lifecycle_stage_combine,
  SERIALFUNC = crmlife.lifecycle_stage_serial,
  DESERIALFUNC = crmlife.lifecycle_stage_deserial, PARALLEL = SAFE);
COMMENT ON AGGREGATE lifecycle_stage(timestamp, numeric, timestamp) IS
  'stage of the customer whose orders these are, as of a day, by model recency';

CREATE FUNCTION crmlife.lifecycle_stage_accum(internal, timestamp, numeric, timestamp, crmlife.lifecycle_model)
RETURNS internal
AS 'MODULE_PATHNAME', 'crm_stage_accum_timestamp'
LANGUAGE C IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE;
COMMENT ON FUNCTION crmlife.lifecycle_stage_accum(internal, timestamp, numeric, timestamp, crmlife.lifecycle_model) IS
  'transition function of aggregates';
CREATE AGGREGATE lifecycle_stage(timestamp, numeric, timestamp, crmlife.lifecycle_model) (
  SFUNC = crmlife.lifecycle_stage_accum, STYPE = internal, SSPACE = 160,
  FINALFUNC = crmlife.lifecycle_stage_final,
  COMBINEFUNC = crmlife.lifecycle_stage_combine,
  SERIALFUNC = crmlife.lifecycle_stage_serial,
  DESERIALFUNC = crmlife.lifecycle_stage_deserial, PARALLEL = SAFE);
COMMENT ON AGGREGATE lifecycle_stage(timestamp, numeric, timestamp, crmlife.lifecycle_model) IS
  'stage of the customer whose orders these are, as of a day, by a model';

CREATE FUNCTION crmlife.lifecycle_stage_accum(internal, timestamptz, numeric)
RETURNS internal
AS 'MODULE_PATHNAME', 'crm_stage_accum_timestamptz'
LANGUAGE C IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE;
COMMENT ON FUNCTION crmlife.lifecycle_stage_accum(internal, timestamptz, numeric) IS
  'transition function of aggregates';
CREATE AGGREGATE lifecycle_stage(timestamptz, numeric) (
  SFUNC = crmlife.lifecycle_stage_accum, STYPE = internal, SSPACE = 160,
  FINALFUNC = crmlife.lifecycle_stage_final,
  COMBINEFUNC = crmlife.lifecycle_stage_combine,
  SERIALFUNC = crmlife.lifecycle_stage_serial,
  DESERIALFUNC = crmlife.lifecycle_stage_deserial, PARALLEL = SAFE);
COMMENT ON AGGREGATE lifecycle_stage(timestamptz, numeric) IS
  'stage of the customer whose orders these are, as of today, by model recency';

CREATE FUNCTION crmlife.lifecycle_stage_accum(internal, timestamptz, numeric, timestamptz)
RETURNS internal
AS 'MODULE_PATHNAME', 'crm_stage_accum_timestamptz'
LANGUAGE C IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE;
COMMENT ON FUNCTION crmlife.lifecycle_stage_accum(internal, timestamptz, numeric, timestamptz) IS
  'transition function of aggregates';
CREATE AGGREGATE lifecycle_stage(timestamptz, numeric, timestamptz) (
  SFUNC = crmlife.lifecycle_stage_accum, STYPE = internal, SSPACE = 160,
  FINALFUNC = crmlife.lifecycle_stage_final,
  COMBINEFUNC = crmlife.lifecycle_stage_combine,
  SERIALFUNC = crmlife.lifecycle_stage_serial,
  DESERIALFUNC = crmlife.lifecycle_stage_deserial, PARALLEL = SAFE);
COMMENT ON AGGREGATE lifecycle_stage(timestamptz, numeric, timestamptz) IS
  'stage of the customer whose orders these are, as of a day, by model recency';

CREATE FUNCTION crmlife.lifecycle_stage_accum(internal, timestamptz, numeric, timestamptz, crmlife.lifecycle_model)
RETURNS internal
AS 'MODULE_PATHNAME', 'crm_stage_accum_timestamptz'
LANGUAGE C IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE;
COMMENT ON FUNCTION crmlife.lifecycle_stage_accum(internal, timestamptz, numeric, timestamptz, crmlife.lifecycle_model) IS
  'transition function of aggregates';
CREATE AGGREGATE lifecycle_stage(timestamptz, numeric, timestamptz, crmlife.lifecycle_model) (
  SFUNC = crmlife.lifecycle_stage_accum, STYPE = internal, SSPACE = 160,
  FINALFUNC = crmlife.lifecycle_stage_final,
  COMBINEFUNC = crmlife.lifecycle_stage_combine,
  SERIALFUNC = crmlife.lifecycle_stage_serial,
  DESERIALFUNC = crmlife.lifecycle_stage_deserial, PARALLEL = SAFE);
COMMENT ON AGGREGATE lifecycle_stage(timestamptz, numeric, timestamptz, crmlife.lifecycle_model) IS
  'stage of the customer whose orders these are, as of a day, by a model';
