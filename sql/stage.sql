------------------------------------------------------------------------
-- The stage table: what is kept about each, and the functions around it
------------------------------------------------------------------------

-- One row per stage table: what its owner asked for.  Dumped, so that a
-- restored database knows its stage tables; the first refresh there is a
-- full one, because the state below is not dumped.
CREATE TABLE crmlife.stage_table (
  stage_table regclass PRIMARY KEY,
  orders regclass NOT NULL,
  customer name NOT NULL,
  ordered_at text NOT NULL,
  amount text NOT NULL,
  order_filter text,
  order_key text,
  visits regclass,
  visit_customer name,
  visited_at text,
  visit_filter text,
  members regclass,
  member_customer name,
  registered_at text,
  segment text,
  model crmlife.lifecycle_model NOT NULL,
  timezone text NOT NULL,
  refresh_every interval NOT NULL,
  capture text NOT NULL CHECK (capture IN ('trigger', 'full')),
  customer_column name NOT NULL,
  key_kind text NOT NULL CHECK (key_kind IN ('bigint', 'uuid', 'text')),
  model_version integer NOT NULL DEFAULT 1
);
COMMENT ON TABLE crmlife.stage_table IS
  'stage tables and their definitions; managed by crmlife.create_stage_table, set_model, set_timezone, drop_stage_table';
SELECT pg_catalog.pg_extension_config_dump('crmlife.stage_table', '');

-- Thresholds set by hand; deleting one brings the model's own value back.
CREATE TABLE crmlife.threshold_override (
  stage_table regclass NOT NULL,
  threshold text NOT NULL,
  value numeric NOT NULL,
  set_at timestamptz NOT NULL DEFAULT pg_catalog.now(),
  PRIMARY KEY (stage_table, threshold)
);
COMMENT ON TABLE crmlife.threshold_override IS
  'thresholds set by crmlife.set_threshold; they win over the model''s defaults';
SELECT pg_catalog.pg_extension_config_dump('crmlife.threshold_override', '');

-- The frozen cuts that rfm_score and value_tier of a stage table use.
CREATE TABLE crmlife.rfm_cuts (
  stage_table regclass NOT NULL,
  segment text NOT NULL DEFAULT '',
  calibrated_on date NOT NULL,
  method text NOT NULL,
  rfm_monetary text NOT NULL CHECK (rfm_monetary IN ('sum', 'mean')),
  rfm_window interval,
  recency_cuts numeric[] NOT NULL,
  frequency_cuts numeric[] NOT NULL,
  monetary_cuts numeric[] NOT NULL,
  new_cuts numeric[] NOT NULL,
  returning_cuts numeric[] NOT NULL,
  customers bigint NOT NULL,
  moved bigint NOT NULL,
  PRIMARY KEY (stage_table, segment)
);
COMMENT ON TABLE crmlife.rfm_cuts IS
  'frozen cuts of rfm_score (recency, frequency, monetary) and value_tier (new, returning) per stage table; written by crmlife.calibrate. A value equal to a cut lies in the lower bin';
SELECT pg_catalog.pg_extension_config_dump('crmlife.rfm_cuts', '');

-- Each model a stage table has had, for the changes that name a version.
CREATE TABLE crmlife.model_version (
  stage_table regclass NOT NULL,
  version integer NOT NULL,
  model crmlife.lifecycle_model NOT NULL,
  in_force_from timestamptz NOT NULL DEFAULT pg_catalog.now(),
  PRIMARY KEY (stage_table, version)
);
COMMENT ON TABLE crmlife.model_version IS
  'the effective models (thresholds in force included) that a stage table has had';
SELECT pg_catalog.pg_extension_config_dump('crmlife.model_version', '');

-- Where each stage table stands.  No row means: never refreshed here, the
-- next run is a full one.
CREATE TABLE crmlife.stage_state (
  stage_table oid PRIMARY KEY,
  refreshed_day date,          -- the local day the table shows
  refreshed_at timestamptz,    -- when the last successful run started
  needs_full boolean NOT NULL DEFAULT true,
  next_run_at timestamptz NOT NULL DEFAULT pg_catalog.now(),
  failures integer NOT NULL DEFAULT 0,
  last_error text,
  last_error_at timestamptz,
  started_at timestamptz,      -- committed before the worker starts a run
  duration interval,
  was_full boolean,
  customers bigint,            -- looked at by the last run
  rows_changed bigint,         -- rewritten by it
  changes_logged bigint
);
COMMENT ON TABLE crmlife.stage_state IS
  'where each stage table stands; read it through the view crmlife.status';

-- Customers whose rows changed since the last refresh.  A NULL customer
-- means all of them.  due_on: a customer none of whose rows is visible yet
-- and the local day on which the first will be.  No index: a writer pays for
-- the row alone.
CREATE TABLE crmlife.queue (
  stage_table oid NOT NULL,
  customer text,
  due_on date
);
COMMENT ON TABLE crmlife.queue IS
  'customers waiting for the next refresh of a stage table; filled by the capture triggers';

-- The relations that carry capture triggers for a stage table: its sources
-- and their partitions.
CREATE TABLE crmlife.capture (
  source oid NOT NULL,
  stage_table oid NOT NULL,
  customer name NOT NULL,
  PRIMARY KEY (source, stage_table, customer)
);
COMMENT ON TABLE crmlife.capture IS
  'which relations feed which stage table through capture triggers';
