------------------------------------------------------------------------
-- Stages of past days, from the histories that a stage table keeps
--
-- The functions read the stage table with the caller's rights.
------------------------------------------------------------------------

CREATE FUNCTION crmlife._stage_on(
  history crmlife.purchase_history, registered timestamp, known_since date,
  day date, model crmlife.lifecycle_model)
RETURNS text
AS 'MODULE_PATHNAME', 'crm_stage_on' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION crmlife._stage_on(crmlife.purchase_history, timestamp, date, date, crmlife.lifecycle_model) IS
  'internal to crmlife.stages_on';

CREATE FUNCTION crmlife._stage_spells(
  history crmlife.purchase_history, registered timestamp, known_since date,
  from_day date, to_day date, model crmlife.lifecycle_model)
RETURNS TABLE (stage text, entered_on date, left_on date, days integer, entry integer)
AS 'MODULE_PATHNAME', 'crm_stage_spells' LANGUAGE C IMMUTABLE PARALLEL SAFE ROWS 5;
COMMENT ON FUNCTION crmlife._stage_spells(crmlife.purchase_history, timestamp, date, date, date, crmlife.lifecycle_model) IS
  'internal to crmlife.stage_spells';

-- the customer column of a stage table that keeps histories, quoted
CREATE FUNCTION crmlife._history_customer(stage_table regclass)
RETURNS text
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  customer text;
BEGIN
  -- an error where it is no stage table
  PERFORM crmlife.effective_model(stage_table);
  IF NOT EXISTS (SELECT FROM pg_attribute a
                 WHERE a.attrelid = stage_table AND a.attname = 'history'
                   AND a.atttypid = 'crmlife.purchase_history'::regtype) THEN
    RAISE EXCEPTION 'stage table % keeps no histories', stage_table
      USING ERRCODE = 'object_not_in_prerequisite_state',
            HINT = 'Create it with keep_history => true.';
  END IF;
  SELECT quote_ident(a.attname) INTO STRICT customer
  FROM pg_attribute a WHERE a.attrelid = stage_table AND a.attnum = 1;
  RETURN customer;
END
$$;
COMMENT ON FUNCTION crmlife._history_customer(regclass) IS
  'internal to crmlife.stages_on, transitions, stage_spells';

-- what stands behind FROM: the histories, each with the model to go by; $1 is
-- that of customers whose segment has none of its own
CREATE FUNCTION crmlife._histories(stage_table regclass, model crmlife.lifecycle_model)
RETURNS text
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  by_segment boolean := model IS NULL AND EXISTS (SELECT FROM crmlife._segment_models(stage_table));
BEGIN
  RETURN format('(SELECT s.%s::text AS customer, s.history, s.registered_at, s.known_since, %s AS model FROM %s s %s) h',
    crmlife._history_customer(stage_table),
    CASE WHEN by_segment THEN 'coalesce(m.model, $1)' ELSE '$1' END,
    stage_table,
    CASE WHEN by_segment THEN format('LEFT JOIN crmlife._segment_models(%L) m ON m.segment = s.segment', stage_table) END);
END
$$;
COMMENT ON FUNCTION crmlife._histories(regclass, crmlife.lifecycle_model) IS
  'internal to crmlife.stages_on, transitions, stage_spells';

CREATE FUNCTION crmlife.stages_on(
  stage_table regclass, day date, model crmlife.lifecycle_model DEFAULT NULL)
RETURNS TABLE (customer text, stage text)
LANGUAGE plpgsql STABLE ROWS 100000
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  IF stage_table IS NULL THEN
    RETURN;
  END IF;
  RETURN QUERY EXECUTE format(
    'SELECT * FROM (SELECT h.customer, crmlife._stage_on(h.history, h.registered_at, h.known_since, $2, h.model) AS stage FROM %s) s
     WHERE stage IS NOT NULL',
    crmlife._histories(stage_table, model))
  USING coalesce(model, crmlife.effective_model(stage_table)), day;
END
$$;
COMMENT ON FUNCTION crmlife.stages_on(regclass, date, crmlife.lifecycle_model) IS
  'the stage of every customer at the end of a day, from the stored histories; with the model in force for the customer''s segment or another one';

CREATE FUNCTION crmlife.transitions(
  stage_table regclass, from_day date, to_day date,
  model crmlife.lifecycle_model DEFAULT NULL)
RETURNS TABLE (from_stage text, to_stage text, customers bigint)
LANGUAGE plpgsql STABLE ROWS 50
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  IF from_day > to_day THEN
    RAISE EXCEPTION 'from_day must not be after to_day'
      USING ERRCODE = 'invalid_parameter_value';
  END IF;
  IF stage_table IS NULL THEN
    RETURN;
  END IF;
  RETURN QUERY EXECUTE format(
    'SELECT a, b, count(*) FROM (
       SELECT crmlife._stage_on(h.history, h.registered_at, h.known_since, $2, h.model) AS a,
              crmlife._stage_on(h.history, h.registered_at, h.known_since, $3, h.model) AS b
       FROM %s) s
     WHERE b IS NOT NULL GROUP BY a, b',
    crmlife._histories(stage_table, model))
  USING coalesce(model, crmlife.effective_model(stage_table)), from_day, to_day;
END
$$;
COMMENT ON FUNCTION crmlife.transitions(regclass, date, date, crmlife.lifecycle_model) IS
  'how many customers were in one stage at the end of from_day and in another at the end of to_day; from_stage NULL: not known yet';

CREATE FUNCTION crmlife.stage_spells(
  stage_table regclass, from_day date, to_day date,
  model crmlife.lifecycle_model DEFAULT NULL)
RETURNS TABLE (customer text, stage text, entered_on date, left_on date, days integer, entry integer)
LANGUAGE plpgsql STABLE ROWS 100000
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  IF stage_table IS NULL THEN
    RETURN;
  END IF;
  RETURN QUERY EXECUTE format(
    'SELECT h.customer, p.* FROM %s,
       LATERAL crmlife._stage_spells(h.history, h.registered_at, h.known_since, $2, $3, h.model) p',
    crmlife._histories(stage_table, model))
  USING coalesce(model, crmlife.effective_model(stage_table)), from_day, to_day;
END
$$;
COMMENT ON FUNCTION crmlife.stage_spells(regclass, date, date, crmlife.lifecycle_model) IS
  'the stretches of one stage that each customer spent wholly or partly in the days from_day to to_day; entry 2 and more: a re-entry';

CREATE FUNCTION crmlife.time_in_stage(
  stage_table regclass, from_day date, to_day date,
  model crmlife.lifecycle_model DEFAULT NULL)
RETURNS TABLE (stage text, customers bigint, days bigint, entries bigint, re_entries bigint, completed bigint, average_days float8)
LANGUAGE sql STABLE ROWS 20
SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
  -- this body is parsed when it is installed, under the path of then
  SELECT s.stage, pg_catalog.count(DISTINCT s.customer), pg_catalog.sum(s.days),
         pg_catalog.count(*) FILTER (WHERE s.entered_on >= from_day),
         pg_catalog.count(*) FILTER (WHERE s.entered_on >= from_day AND s.entry > 1),
         pg_catalog.count(s.left_on) FILTER (WHERE s.entered_on IS NOT NULL),
         pg_catalog.avg(s.left_on - s.entered_on)::float8
  FROM crmlife.stage_spells(stage_table, from_day, to_day, model) s
  GROUP BY s.stage;
END;
COMMENT ON FUNCTION crmlife.time_in_stage(regclass, date, date, crmlife.lifecycle_model) IS
  'per stage: customers in it and their days from from_day to to_day, how often it was entered and re-entered, and how long those who left it had been in it';
