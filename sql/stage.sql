------------------------------------------------------------------------
-- The stage table: what is kept about each, and the functions around it
------------------------------------------------------------------------

-- One row per stage table: what its owner asked for.  Dumped, so that a
-- restored database knows its stage tables; the first refresh there is a
-- full one, because the state below is not dumped.
CREATE TABLE crmlife.stage_table (
  stage_table regclass PRIMARY KEY,
  changes regclass NOT NULL,   -- its change log
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
  calls text[] NOT NULL DEFAULT '{}', -- users' functions that the expressions call, and domains they cast to,
  call_owners crmlife.role_ref[] NOT NULL DEFAULT '{}', -- and whose each was
  model_version integer NOT NULL DEFAULT 1,
  calibrate_every interval DEFAULT '1 month',  -- NULL: only when asked
  learn_every interval,
  keep_changes_for interval,   -- NULL: for ever
  keep_changes_rows bigint,    -- NULL: any number
  CHECK (pg_catalog.cardinality(calls) OPERATOR(pg_catalog.=) pg_catalog.cardinality(call_owners))
);
COMMENT ON TABLE crmlife.stage_table IS
  'stage tables and their definitions; managed by crmlife.create_stage_table, set_model, set_timezone, drop_stage_table; read it through the view crmlife.stage_tables';
-- Of a relation that was dropped a dump has the number, which may be that of
-- another one where it is restored: what is known of these stage tables is not
-- dumped.  A function, for pg_dump reads no views.
CREATE FUNCTION crmlife._is_whole(stage_table oid) RETURNS boolean
LANGUAGE sql STABLE
BEGIN ATOMIC
  SELECT EXISTS (
    SELECT FROM crmlife.stage_table t
    WHERE t.stage_table::oid OPERATOR(pg_catalog.=) _is_whole.stage_table
      AND NOT EXISTS (
        SELECT FROM pg_catalog.unnest(ARRAY[t.stage_table::oid, t.changes::oid, t.orders::oid, t.visits::oid, t.members::oid]) AS r (oid)
        WHERE r.oid IS NOT NULL AND NOT EXISTS (
          SELECT FROM pg_catalog.pg_class c WHERE c.oid OPERATOR(pg_catalog.=) r.oid)));
END;
COMMENT ON FUNCTION crmlife._is_whole(oid) IS
  'internal to dumps: are a stage table, its log and all its sources there?';
SELECT pg_catalog.pg_extension_config_dump('crmlife.stage_table', 'WHERE crmlife._is_whole(stage_table::oid)');

-- Thresholds set by hand; deleting one brings the model's own value back.
-- Here and below the segment is empty for the stage table as a whole.
CREATE TABLE crmlife.threshold_override (
  stage_table regclass NOT NULL,
  segment text NOT NULL DEFAULT '',
  threshold text NOT NULL,
  value numeric NOT NULL,
  set_at timestamptz NOT NULL DEFAULT pg_catalog.now(),
  PRIMARY KEY (stage_table, segment, threshold)
);
COMMENT ON TABLE crmlife.threshold_override IS
  'thresholds set by crmlife.set_threshold; they win over the model''s defaults';
SELECT pg_catalog.pg_extension_config_dump('crmlife.threshold_override', 'WHERE stage_table::oid IN (SELECT t.stage_table::oid FROM crmlife.stage_table t WHERE crmlife._is_whole(t.stage_table::oid))');

-- What was learned, both by the method in force and by the other one.
CREATE TABLE crmlife.learned_threshold (
  stage_table regclass NOT NULL,
  segment text NOT NULL DEFAULT '',
  threshold text NOT NULL,
  method text NOT NULL,
  chosen boolean NOT NULL,
  value numeric,
  reliable boolean NOT NULL CHECK (value IS NOT NULL OR NOT reliable),
  reason text CHECK (reliable OR reason IS NOT NULL),
  customers bigint NOT NULL,
  low numeric,
  high numeric,
  curve crmlife.return_point[],
  learned_on date NOT NULL,
  learned_at timestamptz NOT NULL DEFAULT pg_catalog.now(),
  min_eligible integer NOT NULL,
  smoothing integer NOT NULL,
  PRIMARY KEY (stage_table, segment, threshold, method)
);
COMMENT ON TABLE crmlife.learned_threshold IS
  'what crmlife.learn found; in force is what is chosen and reliable, unless it was set by hand';
SELECT pg_catalog.pg_extension_config_dump('crmlife.learned_threshold', 'WHERE stage_table::oid IN (SELECT t.stage_table::oid FROM crmlife.stage_table t WHERE crmlife._is_whole(t.stage_table::oid))');

-- Each change of a threshold in force.
CREATE TABLE crmlife.threshold_change (
  stage_table regclass NOT NULL,
  segment text NOT NULL DEFAULT '',
  changed_at timestamptz NOT NULL DEFAULT pg_catalog.now(),
  threshold text NOT NULL,
  old_value numeric,
  new_value numeric,
  cause text NOT NULL CHECK (cause IN ('override', 'restored', 'learned', 'model')),
  model_version integer NOT NULL,
  moved bigint NOT NULL
);
CREATE INDEX ON crmlife.threshold_change (stage_table, changed_at);
ALTER TABLE crmlife.threshold_change REPLICA IDENTITY FULL; -- as crmlife.queue
COMMENT ON TABLE crmlife.threshold_change IS
  'changes of the thresholds in force; read it through the view crmlife.threshold_changes';
SELECT pg_catalog.pg_extension_config_dump('crmlife.threshold_change', 'WHERE stage_table::oid IN (SELECT t.stage_table::oid FROM crmlife.stage_table t WHERE crmlife._is_whole(t.stage_table::oid))');

-- The frozen cuts that rfm_score and value_tier of a stage table use.
CREATE TABLE crmlife.stage_cuts (
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
COMMENT ON TABLE crmlife.stage_cuts IS
  'frozen cuts of rfm_score (recency, frequency, monetary) and value_tier (new, returning) per stage table; written by crmlife.calibrate. A value equal to a cut lies in the lower bin';
SELECT pg_catalog.pg_extension_config_dump('crmlife.stage_cuts', 'WHERE stage_table::oid IN (SELECT t.stage_table::oid FROM crmlife.stage_table t WHERE crmlife._is_whole(t.stage_table::oid))');

-- Who came into another segment when the cuts were taken anew.
CREATE TABLE crmlife.rfm_move (
  stage_table regclass NOT NULL,
  calibrated_at timestamptz NOT NULL DEFAULT pg_catalog.now(),
  calibrated_on date NOT NULL,
  from_segment text NOT NULL,
  to_segment text NOT NULL,
  customers bigint NOT NULL,
  PRIMARY KEY (stage_table, calibrated_at, from_segment, to_segment)
);
COMMENT ON TABLE crmlife.rfm_move IS
  'customers whose RFM segment crmlife.calibrate changed; read it through the view crmlife.rfm_moves';
SELECT pg_catalog.pg_extension_config_dump('crmlife.rfm_move', 'WHERE stage_table::oid IN (SELECT t.stage_table::oid FROM crmlife.stage_table t WHERE crmlife._is_whole(t.stage_table::oid))');

-- The models a stage table has had, for the changes that name a version: its
-- own, and those of the segments that have another one.
CREATE TABLE crmlife.model_version (
  stage_table regclass NOT NULL,
  version integer NOT NULL,
  segment text NOT NULL DEFAULT '',
  model crmlife.lifecycle_model NOT NULL,
  in_force_from timestamptz NOT NULL DEFAULT pg_catalog.now(),
  PRIMARY KEY (stage_table, version, segment)
);
COMMENT ON TABLE crmlife.model_version IS
  'the effective models (thresholds in force included) that a stage table and its segments have had; read it through the view crmlife.model_versions';
SELECT pg_catalog.pg_extension_config_dump('crmlife.model_version', 'WHERE stage_table::oid IN (SELECT t.stage_table::oid FROM crmlife.stage_table t WHERE crmlife._is_whole(t.stage_table::oid))');

-- Who takes a stage table's changes from its log, and up to which seq: dumped
-- together with the log, so that the two fit together.
CREATE TABLE crmlife.consumer (
  stage_table regclass NOT NULL,
  consumer text NOT NULL,
  role crmlife.role_ref NOT NULL,
  number smallint NOT NULL,    -- in its lock
  position bigint NOT NULL,
  added_at timestamptz NOT NULL DEFAULT pg_catalog.now(),
  acked_at timestamptz,
  PRIMARY KEY (stage_table, consumer),
  UNIQUE (stage_table, number)
);
COMMENT ON TABLE crmlife.consumer IS
  'consumers of change logs and what they have taken; read it through the view crmlife.consumers';
SELECT pg_catalog.pg_extension_config_dump('crmlife.consumer', 'WHERE stage_table::oid IN (SELECT t.stage_table::oid FROM crmlife.stage_table t WHERE crmlife._is_whole(t.stage_table::oid))');

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
  changes_logged bigint,
  had_history boolean,         -- when the figures were counted by it
  learned_on date              -- by the schedule or when asked
);
COMMENT ON TABLE crmlife.stage_state IS
  'where each stage table stands; read it through the view crmlife.status';

-- Steps of the schedule that failed when they were last tried.
CREATE TABLE crmlife.schedule_error (
  stage_table oid NOT NULL,
  step text NOT NULL,          -- weeks, calibrate, learn
  failed_on date NOT NULL,     -- the local day the table showed
  error text NOT NULL,
  PRIMARY KEY (stage_table, step)
);
COMMENT ON TABLE crmlife.schedule_error IS
  'what stopped a step of the schedule; read it through the view crmlife.status';

-- The last runs of each stage table; how many is for crmlife.run_log_size.
CREATE TABLE crmlife.run_log (
  stage_table oid NOT NULL,
  run bigint NOT NULL,
  step text NOT NULL,
  started_at timestamptz NOT NULL,
  duration interval NOT NULL,
  succeeded boolean NOT NULL,
  was_full boolean,
  customers bigint,
  rows_changed bigint,
  changes_logged bigint,
  error text,
  PRIMARY KEY (stage_table, run)
);
COMMENT ON TABLE crmlife.run_log IS
  'the last runs of each stage table; read it through the view crmlife.runs';

-- What changed since the last refresh, many customers or rows to an entry:
-- customers whose rows must be read again, or new rows, packed.  Neither:
-- every customer.  No index: a writer pays for the entry alone.
CREATE TABLE crmlife.queue (
  stage_table oid NOT NULL,
  customers text[],
  new_rows bytea
) WITH (toast_tuple_target = 8160);
-- in line up to the size of a page, and as it is
ALTER TABLE crmlife.queue ALTER COLUMN customers SET STORAGE EXTERNAL,
  ALTER COLUMN new_rows SET STORAGE EXTERNAL;
COMMENT ON TABLE crmlife.queue IS
  'what waits for the next refresh of a stage table; filled by the capture triggers';

-- Where the queue was full: every customer of these stage tables is to be
-- looked at.  Few rows, and no index, which writers would wait for.
CREATE TABLE crmlife.queue_overflow (
  stage_table oid NOT NULL,
  silent boolean NOT NULL,     -- writers who find it leave nothing
  writers xid8[]               -- who may have been silent and was running in the last refresh; NULL: not known
);
COMMENT ON TABLE crmlife.queue_overflow IS
  'stage tables whose writers found the queue full, until refreshes have looked at every customer';

-- Customers none of whose rows is visible yet.  Written by refreshes alone; a
-- hash, for a name may be too long for a btree.
CREATE TABLE crmlife.deferred (
  stage_table oid NOT NULL,
  customer text NOT NULL,
  due_on date NOT NULL         -- local day of the first of the rows
);
CREATE INDEX ON crmlife.deferred (stage_table, due_on);
CREATE INDEX ON crmlife.deferred USING hash (customer);
COMMENT ON TABLE crmlife.deferred IS
  'customers of stage tables all of whose rows lie in the future, and when to look at them';

-- A publication FOR ALL TABLES takes these along, and what has no key could not
-- be deleted there.
ALTER TABLE crmlife.queue REPLICA IDENTITY FULL;
ALTER TABLE crmlife.queue_overflow REPLICA IDENTITY FULL;
ALTER TABLE crmlife.deferred REPLICA IDENTITY FULL;

-- The relations that carry capture triggers for a stage table: its sources,
-- their partitions, and what these are parts of.
CREATE TABLE crmlife.capture_source (
  source oid NOT NULL,
  stage_table oid NOT NULL,
  customer name NOT NULL,
  seen text NOT NULL,          -- its triggers, storage and columns at the last look
  new_rows int2vector,         -- kind of event and columns that new rows are kept by; NULL: read again
  columns name[],              -- those in use; NULL: all, an expression takes the row as a whole
  types oid[],                 -- users' types that expressions name; NULL: none
  parts bigint NOT NULL,       -- digest of its partitions; negative: not all are known; 0: any will do; -1: one works the customer out
  PRIMARY KEY (source, stage_table, customer)
);
COMMENT ON TABLE crmlife.capture_source IS
  'which relations feed which stage table through capture triggers';

CREATE FUNCTION crmlife._columns_now(source oid, columns name[], customer name, types oid[]) RETURNS text
AS 'MODULE_PATHNAME', 'crm_columns_now' LANGUAGE C STABLE CALLED ON NULL INPUT;
COMMENT ON FUNCTION crmlife._columns_now(oid, name[], name, oid[]) IS
  'internal: a text that changes when these columns of a relation, or with NULL all of them, become others or get another type, with any change of the customer column, and when these types come to be made of something else';

REVOKE ALL ON crmlife.stage_table, crmlife.threshold_override,
  crmlife.learned_threshold, crmlife.threshold_change,
  crmlife.stage_cuts, crmlife.rfm_move, crmlife.model_version,
  crmlife.consumer, crmlife.stage_state, crmlife.schedule_error,
  crmlife.run_log, crmlife.queue, crmlife.queue_overflow, crmlife.deferred,
  crmlife.capture_source FROM PUBLIC;
-- without a superuser's rights too, who owns a database can dump it
GRANT SELECT ON crmlife.stage_table, crmlife.threshold_override,
  crmlife.learned_threshold, crmlife.threshold_change,
  crmlife.stage_cuts, crmlife.rfm_move, crmlife.model_version,
  crmlife.consumer TO pg_database_owner;

CREATE FUNCTION crmlife.effective_model(
  stage_table regclass, segment text DEFAULT NULL)
RETURNS crmlife.lifecycle_model
AS 'MODULE_PATHNAME', 'crm_effective_model'
LANGUAGE C STABLE CALLED ON NULL INPUT PARALLEL RESTRICTED;
COMMENT ON FUNCTION crmlife.effective_model(regclass, text) IS
  'the model of a stage table with the thresholds in force, for all or for the customers of a segment';

CREATE FUNCTION crmlife._segment_models(
  stage_table regclass, OUT segment text, OUT model crmlife.lifecycle_model)
RETURNS SETOF record
AS 'MODULE_PATHNAME', 'crm_segment_models' LANGUAGE C STABLE CALLED ON NULL INPUT ROWS 10;
COMMENT ON FUNCTION crmlife._segment_models(regclass) IS
  'internal: the segments of a stage table that have thresholds of their own';

-- The views of schema crmlife show what concerns stage tables that their
-- reader may read; those with figures, only of stage tables whose rows the
-- reader may read all.
CREATE FUNCTION crmlife._reads_all(stage_table oid) RETURNS boolean
AS 'MODULE_PATHNAME', 'crm_reads_all' LANGUAGE C STABLE STRICT;
COMMENT ON FUNCTION crmlife._reads_all(oid) IS
  'internal to crmlife''s views: may the current user read every row of a relation?';

CREATE VIEW crmlife.rfm_cuts WITH (security_barrier) AS
SELECT * FROM crmlife.stage_cuts c
WHERE crmlife._reads_all(c.stage_table::oid);
GRANT SELECT ON crmlife.rfm_cuts TO PUBLIC;
COMMENT ON VIEW crmlife.rfm_cuts IS
  'frozen cuts of rfm_score (recency, frequency, monetary) and value_tier (new, returning) of the stage tables you may read. A value equal to a cut lies in the lower bin';
COMMENT ON COLUMN crmlife.rfm_cuts.stage_table IS 'the stage table';
COMMENT ON COLUMN crmlife.rfm_cuts.segment IS 'customers the cuts are for; empty: all of them';
COMMENT ON COLUMN crmlife.rfm_cuts.calibrated_on IS 'the local day as of which they were taken';
COMMENT ON COLUMN crmlife.rfm_cuts.method IS 'how monetary_cuts were taken: quantile of the customers, or fixed by hand';
COMMENT ON COLUMN crmlife.rfm_cuts.rfm_monetary IS 'sum of all orders, or mean per order';
COMMENT ON COLUMN crmlife.rfm_cuts.rfm_window IS 'how far back frequency and monetary look; NULL: all time';
COMMENT ON COLUMN crmlife.rfm_cuts.recency_cuts IS 'of days since the last order';
COMMENT ON COLUMN crmlife.rfm_cuts.frequency_cuts IS 'of orders';
COMMENT ON COLUMN crmlife.rfm_cuts.monetary_cuts IS 'of money, as rfm_monetary says';
COMMENT ON COLUMN crmlife.rfm_cuts.new_cuts IS 'of the first order, for the value tier of new customers';
COMMENT ON COLUMN crmlife.rfm_cuts.returning_cuts IS 'of revenue, for the value tier of returning customers';
COMMENT ON COLUMN crmlife.rfm_cuts.customers IS 'customers with an order, whom the quantiles were taken from';
COMMENT ON COLUMN crmlife.rfm_cuts.moved IS 'customers whose score these cuts changed';

CREATE FUNCTION crmlife._reads_scores(stage_table oid) RETURNS boolean
AS 'MODULE_PATHNAME', 'crm_reads_scores' LANGUAGE C STABLE STRICT;
COMMENT ON FUNCTION crmlife._reads_scores(oid) IS
  'internal to crmlife''s views: the same, and does it have the columns that _rfm_counts counts?';

CREATE FUNCTION crmlife._rfm_counts(
  stage_table regclass,
  OUT rfm_score int, OUT customers bigint, OUT revenue numeric)
RETURNS SETOF record
AS 'MODULE_PATHNAME', 'crm_rfm_counts' LANGUAGE C STABLE STRICT ROWS 125;
COMMENT ON FUNCTION crmlife._rfm_counts(regclass) IS
  'internal to crmlife.rfm_sizes and rfm_bins: customers by score';

CREATE FUNCTION crmlife.rfm_sizes(
  stage_table regclass, scheme text DEFAULT NULL,
  OUT "position" int, OUT segment text, OUT label_en text, OUT label_zh text,
  OUT customers bigint, OUT share float8, OUT revenue numeric)
RETURNS SETOF record
LANGUAGE plpgsql STABLE CALLED ON NULL INPUT
SET search_path = pg_catalog, pg_temp
AS $function$
#variable_conflict use_column
DECLARE
  -- the names of all segments; those of the scores are few
  boxes crmlife.rfm_box[] := crmlife.rfm_boxes(scheme);
BEGIN
  IF stage_table IS NULL THEN RETURN; END IF;
  RETURN QUERY
    WITH score AS (
      SELECT CASE WHEN $2 IS NULL THEN @extschema@.rfm_segment(c.rfm_score, 4)
                  ELSE @extschema@.rfm_scheme_segment(c.rfm_score, boxes) END AS segment,
             c.customers, c.revenue
      FROM crmlife._rfm_counts($1) c),
    size AS (
      SELECT s.segment, sum(s.customers)::bigint AS customers, sum(s.revenue) AS revenue
      FROM score s GROUP BY 1),
    name AS (
      SELECT l.position, l.segment, l.label_en, l.label_zh
      FROM crmlife.rfm_segment_label l WHERE $2 IS NULL
      UNION ALL
      (SELECT DISTINCT ON (s.segment) s.position, s.segment, s.label_en, s.label_zh
       FROM crmlife.rfm_scheme s WHERE s.scheme = $2 ORDER BY s.segment, s.position)
      UNION ALL
      SELECT 1000000, 'others', 'Others', '其他' FROM size z
      WHERE z.segment = 'others' AND $2 IS NOT NULL
        AND NOT EXISTS (SELECT FROM crmlife.rfm_scheme s WHERE s.scheme = $2 AND s.segment = 'others'))
    SELECT row_number() OVER (ORDER BY n.position)::int, n.segment, n.label_en, n.label_zh,
           coalesce(z.customers, 0),
           coalesce(z.customers, 0) / nullif(sum(z.customers) OVER (), 0)::float8,
           coalesce(z.revenue, 0)
    FROM name n LEFT JOIN size z ON z.segment = n.segment ORDER BY 1;
END
$function$;
COMMENT ON FUNCTION crmlife.rfm_sizes(regclass, text) IS
  'how many customers of a stage table each RFM segment has, and their revenue: the eight, or those of a scheme';

CREATE FUNCTION crmlife.rfm_bins(
  stage_table regclass,
  OUT dimension text, OUT score int, OUT above numeric, OUT up_to numeric,
  OUT customers bigint, OUT share float8)
RETURNS SETOF record
LANGUAGE plpgsql STABLE CALLED ON NULL INPUT
SET search_path = pg_catalog, pg_temp
AS $function$
#variable_conflict use_column
DECLARE
  scores int[];
  numbers bigint[];
BEGIN
  IF stage_table IS NULL THEN RETURN; END IF;
  SELECT array_agg(c.rfm_score), array_agg(c.customers) INTO scores, numbers
  FROM crmlife._rfm_counts($1) c;
  RETURN QUERY
    WITH cut AS (
      SELECT d.dimension, d.place, d.cuts, cardinality(d.cuts) AS n
      FROM crmlife.rfm_cuts c,
           -- whatever the numbers were that their places had
           LATERAL (VALUES ('recency', 100, c.recency_cuts[:]), ('frequency', 10, c.frequency_cuts[:]),
                           ('monetary', 1, c.monetary_cuts[:])) d (dimension, place, cuts)
      WHERE c.stage_table::oid = $1::oid AND c.segment = ''),
    bin AS (
      -- bin 1 lies below the first cut; few days are the best score
      SELECT dimension, place, CASE WHEN dimension = 'recency' THEN n + 2 - b ELSE b END AS score,
             cuts[b - 1] AS above, cuts[b] AS up_to
      FROM cut, generate_series(1, n + 1) b),
    counted AS (
      SELECT * FROM unnest(scores, numbers) AS u (rfm_score, customers))
    SELECT b.dimension, b.score, b.above, b.up_to, coalesce(sum(s.customers), 0)::bigint,
           (sum(s.customers) / sum(sum(s.customers)) OVER (PARTITION BY b.dimension))::float8
    FROM bin b LEFT JOIN counted s ON s.rfm_score / b.place % 10 = b.score
    GROUP BY b.dimension, b.place, b.score, b.above, b.up_to
    ORDER BY b.place DESC, b.score DESC;
END
$function$;
COMMENT ON FUNCTION crmlife.rfm_bins(regclass) IS
  'which values each RFM score of a stage table stands for by its frozen cuts, and how many customers have it';

CREATE VIEW crmlife.rfm_segment_size WITH (security_barrier) AS
SELECT t.stage_table, s.*
FROM crmlife.stage_table t
CROSS JOIN LATERAL crmlife.rfm_sizes(
  CASE WHEN crmlife._reads_scores(t.stage_table::oid)
       THEN t.stage_table END) s;
GRANT SELECT ON crmlife.rfm_segment_size TO PUBLIC;
COMMENT ON VIEW crmlife.rfm_segment_size IS
  'the eight RFM segments of the stage tables you may read, with their customers and revenue';
COMMENT ON COLUMN crmlife.rfm_segment_size.stage_table IS 'the stage table';
COMMENT ON COLUMN crmlife.rfm_segment_size.label_en IS 'label in English';
COMMENT ON COLUMN crmlife.rfm_segment_size.label_zh IS 'label in Chinese';
COMMENT ON COLUMN crmlife.rfm_segment_size.position IS 'order in reports';
COMMENT ON COLUMN crmlife.rfm_segment_size.segment IS 'code, as in the column rfm_segment';
COMMENT ON COLUMN crmlife.rfm_segment_size.customers IS 'customers with that segment';
COMMENT ON COLUMN crmlife.rfm_segment_size.share IS 'of all customers with an order; NULL without any';
COMMENT ON COLUMN crmlife.rfm_segment_size.revenue IS 'their revenue';

CREATE VIEW crmlife.rfm_bin_size WITH (security_barrier) AS
SELECT t.stage_table, b.*
FROM crmlife.stage_table t
CROSS JOIN LATERAL crmlife.rfm_bins(
  CASE WHEN crmlife._reads_scores(t.stage_table::oid)
       THEN t.stage_table END) b;
GRANT SELECT ON crmlife.rfm_bin_size TO PUBLIC;
COMMENT ON VIEW crmlife.rfm_bin_size IS
  'the thresholds of the RFM scores of the stage tables you may read, with the customers of each';
COMMENT ON COLUMN crmlife.rfm_bin_size.stage_table IS 'the stage table';
COMMENT ON COLUMN crmlife.rfm_bin_size.dimension IS 'recency, frequency or monetary';
COMMENT ON COLUMN crmlife.rfm_bin_size.score IS 'digit of rfm_score; the greatest is the best';
COMMENT ON COLUMN crmlife.rfm_bin_size.above IS 'values above this one; NULL: no limit';
COMMENT ON COLUMN crmlife.rfm_bin_size.up_to IS 'values up to this one, which belongs to it; NULL: no limit';
COMMENT ON COLUMN crmlife.rfm_bin_size.customers IS 'customers with that score';
COMMENT ON COLUMN crmlife.rfm_bin_size.share IS 'of all customers with a score; NULL without any';

CREATE VIEW crmlife.rfm_moves WITH (security_barrier) AS
SELECT * FROM crmlife.rfm_move m
WHERE crmlife._reads_all(m.stage_table::oid);
GRANT SELECT ON crmlife.rfm_moves TO PUBLIC;
COMMENT ON VIEW crmlife.rfm_moves IS
  'customers whom new cuts brought into another RFM segment though they did nothing, of the stage tables you may read';
COMMENT ON COLUMN crmlife.rfm_moves.stage_table IS 'the stage table';
COMMENT ON COLUMN crmlife.rfm_moves.from_segment IS 'RFM segment by the cuts before';
COMMENT ON COLUMN crmlife.rfm_moves.to_segment IS 'RFM segment by the new cuts';
COMMENT ON COLUMN crmlife.rfm_moves.customers IS 'customers who went this way';
COMMENT ON COLUMN crmlife.rfm_moves.calibrated_at IS 'when the cuts were taken';
COMMENT ON COLUMN crmlife.rfm_moves.calibrated_on IS 'the local day as of which they were taken';

CREATE VIEW crmlife.threshold WITH (security_barrier) AS
SELECT t.stage_table, s.segment, m.name AS threshold, m.value,
       o.value IS NOT NULL OR g.value IS NOT NULL AS overridden,
       coalesce(o.set_at, g.set_at) AS set_at,
       CASE WHEN o.value IS NOT NULL OR g.value IS NOT NULL THEN 'override'
            WHEN l.value OPERATOR(pg_catalog.=) m.value
              OR a.value OPERATOR(pg_catalog.=) m.value THEN 'learned'
            ELSE 'default' END AS source,
       s.segment OPERATOR(pg_catalog.=) '' OR o.value IS NOT NULL
         OR g.value IS NULL
            AND coalesce(l.value OPERATOR(pg_catalog.=) m.value, false) AS own,
       coalesce(l.value, a.value) AS learned_value,
       CASE WHEN l.value IS NULL THEN a.learned_on ELSE l.learned_on END AS learned_on
FROM (SELECT d.stage_table,
             CASE WHEN pg_catalog.has_table_privilege(d.stage_table::oid, 'SELECT')
                  THEN d.stage_table END AS readable
      FROM crmlife.stage_table d) t
CROSS JOIN LATERAL (
  SELECT '' AS segment, crmlife.effective_model(t.readable) AS model
  UNION ALL SELECT p.segment, p.model FROM crmlife._segment_models(t.readable) p) s
CROSS JOIN LATERAL @extschema@.model_thresholds(s.model) m
LEFT JOIN crmlife.threshold_override o
  ON o.stage_table::oid OPERATOR(pg_catalog.=) t.stage_table::oid
 AND o.segment OPERATOR(pg_catalog.=) s.segment
 AND o.threshold OPERATOR(pg_catalog.=) m.name
LEFT JOIN crmlife.threshold_override g
  ON g.stage_table::oid OPERATOR(pg_catalog.=) t.stage_table::oid
 AND g.segment OPERATOR(pg_catalog.=) ''
 AND g.threshold OPERATOR(pg_catalog.=) m.name
LEFT JOIN crmlife.learned_threshold l
  ON l.stage_table::oid OPERATOR(pg_catalog.=) t.stage_table::oid
 AND l.segment OPERATOR(pg_catalog.=) s.segment
 AND l.threshold OPERATOR(pg_catalog.=) m.name
 AND l.chosen AND l.reliable
LEFT JOIN crmlife.learned_threshold a
  ON a.stage_table::oid OPERATOR(pg_catalog.=) t.stage_table::oid
 AND a.segment OPERATOR(pg_catalog.=) ''
 AND a.threshold OPERATOR(pg_catalog.=) m.name
 AND a.chosen AND a.reliable;
GRANT SELECT ON crmlife.threshold TO PUBLIC;
COMMENT ON VIEW crmlife.threshold IS
  'the thresholds in force of the stage tables you may read and of their segments, and where each value comes from';
COMMENT ON COLUMN crmlife.threshold.stage_table IS 'the stage table';
COMMENT ON COLUMN crmlife.threshold.threshold IS 'name in the model';
COMMENT ON COLUMN crmlife.threshold.segment IS
  'empty: customers whose segment has no values of its own; the segments that have some are listed with all thresholds';
COMMENT ON COLUMN crmlife.threshold.own IS
  'set by hand for the segment or learned from it; false: it follows the whole stage table';
COMMENT ON COLUMN crmlife.threshold.value IS
  'the value in force; NULL: its comparisons are unknown';
COMMENT ON COLUMN crmlife.threshold.overridden IS
  'set by hand, with crmlife.set_threshold';
COMMENT ON COLUMN crmlife.threshold.set_at IS 'when it was set by hand';
COMMENT ON COLUMN crmlife.threshold.source IS
  'override: set by hand; learned: by crmlife.learn; default: the model''s own value';
COMMENT ON COLUMN crmlife.threshold.learned_value IS
  'the reliable value of the chosen method, else that of the whole stage table; in force when nothing is set by hand';
COMMENT ON COLUMN crmlife.threshold.learned_on IS
  'the local day as of which it was learned';

CREATE VIEW crmlife.learned_thresholds WITH (security_barrier) AS
SELECT * FROM crmlife.learned_threshold l
WHERE crmlife._reads_all(l.stage_table::oid);
GRANT SELECT ON crmlife.learned_thresholds TO PUBLIC;
COMMENT ON VIEW crmlife.learned_thresholds IS
  'what was learned from the stage tables you may read, by each method, with what speaks for and against it';
COMMENT ON COLUMN crmlife.learned_thresholds.stage_table IS 'the stage table';
COMMENT ON COLUMN crmlife.learned_thresholds.threshold IS 'name of the threshold';
COMMENT ON COLUMN crmlife.learned_thresholds.segment IS
  'customers it was learned from; empty: all of them';
COMMENT ON COLUMN crmlife.learned_thresholds.method IS
  'mean; hazard: Kaplan-Meier over closed and open gaps; smartpush: the return curve, of repurchase_period_q80 the closed gaps alone';
COMMENT ON COLUMN crmlife.learned_thresholds.chosen IS
  'the method asked for: its value is in force if it is reliable';
COMMENT ON COLUMN crmlife.learned_thresholds.value IS
  'days, or money for order_value; NULL: there is nothing to learn it from';
COMMENT ON COLUMN crmlife.learned_thresholds.reliable IS
  'the value is not chance: see reason where it may be';
COMMENT ON COLUMN crmlife.learned_thresholds.reason IS
  'why it is not reliable; NULL if it is';
COMMENT ON COLUMN crmlife.learned_thresholds.customers IS
  'customers whose days or orders went into it';
COMMENT ON COLUMN crmlife.learned_thresholds.low IS
  '10 % quantile of the values in 200 resamples of the customers';
COMMENT ON COLUMN crmlife.learned_thresholds.high IS
  '90 % quantile of these';
COMMENT ON COLUMN crmlife.learned_thresholds.curve IS
  'hazard: eligible = gaps that lasted to day n, returned = of these, ended on day n; smartpush: the return curve; rate NULL below min_eligible';
COMMENT ON COLUMN crmlife.learned_thresholds.learned_on IS
  'the local day as of which it was learned';
COMMENT ON COLUMN crmlife.learned_thresholds.learned_at IS 'when';
COMMENT ON COLUMN crmlife.learned_thresholds.min_eligible IS
  'points of the curve with fewer were not looked at';
COMMENT ON COLUMN crmlife.learned_thresholds.smoothing IS
  'of the return curve, in days';

CREATE VIEW crmlife.threshold_changes WITH (security_barrier) AS
SELECT * FROM crmlife.threshold_change c
WHERE pg_catalog.has_table_privilege(c.stage_table::oid, 'SELECT');
GRANT SELECT ON crmlife.threshold_changes TO PUBLIC;
COMMENT ON VIEW crmlife.threshold_changes IS
  'which thresholds in force changed, why, and how many customers it moved, of the stage tables you may read';
COMMENT ON COLUMN crmlife.threshold_changes.stage_table IS 'the stage table';
COMMENT ON COLUMN crmlife.threshold_changes.changed_at IS 'when';
COMMENT ON COLUMN crmlife.threshold_changes.threshold IS 'name of the threshold';
COMMENT ON COLUMN crmlife.threshold_changes.segment IS
  'customers it concerns; empty: all but those of segments with a value of their own';
COMMENT ON COLUMN crmlife.threshold_changes.old_value IS
  'NULL: there was none';
COMMENT ON COLUMN crmlife.threshold_changes.new_value IS
  'NULL: there is none any more';
COMMENT ON COLUMN crmlife.threshold_changes.cause IS
  'override: set by hand; restored: the override was removed; learned: by crmlife.learn; model: with another model';
COMMENT ON COLUMN crmlife.threshold_changes.model_version IS
  'version of the model in force since, in crmlife.model_versions';
COMMENT ON COLUMN crmlife.threshold_changes.moved IS
  'customers whose stage changed in that step, in which several thresholds may have changed';

CREATE VIEW crmlife.model_versions WITH (security_barrier) AS
SELECT * FROM crmlife.model_version v
WHERE pg_catalog.has_table_privilege(v.stage_table::oid, 'SELECT');
GRANT SELECT ON crmlife.model_versions TO PUBLIC;
COMMENT ON VIEW crmlife.model_versions IS
  'the models that the stage tables you may read, and their segments, have had';
COMMENT ON COLUMN crmlife.model_versions.stage_table IS 'the stage table';
COMMENT ON COLUMN crmlife.model_versions.version IS
  'as in the change log, crmlife.status and crmlife.threshold_changes';
COMMENT ON COLUMN crmlife.model_versions.segment IS
  'customers it is of; empty: all but those of segments with a model of their own';
COMMENT ON COLUMN crmlife.model_versions.model IS
  'with the thresholds that were in force';
COMMENT ON COLUMN crmlife.model_versions.in_force_from IS 'since when';

CREATE VIEW crmlife.stage_tables WITH (security_barrier) AS
SELECT t.stage_table, t.changes, t.orders, t.customer, t.ordered_at, t.amount,
       t.order_filter, t.order_key, t.visits, t.visit_customer, t.visited_at,
       t.visit_filter, t.members, t.member_customer, t.registered_at,
       t.segment, t.model, t.timezone, t.refresh_every, t.capture,
       t.customer_column, t.calibrate_every, t.learn_every,
       t.keep_changes_for, t.keep_changes_rows
FROM crmlife.stage_table t
WHERE pg_catalog.has_table_privilege(t.stage_table::oid, 'SELECT');
GRANT SELECT ON crmlife.stage_tables TO PUBLIC;
COMMENT ON VIEW crmlife.stage_tables IS
  'how the stage tables you may read are defined';
COMMENT ON COLUMN crmlife.stage_tables.stage_table IS 'the stage table';
COMMENT ON COLUMN crmlife.stage_tables.changes IS 'its change log';
COMMENT ON COLUMN crmlife.stage_tables.orders IS 'the orders';
COMMENT ON COLUMN crmlife.stage_tables.customer IS 'their column of the customer';
COMMENT ON COLUMN crmlife.stage_tables.ordered_at IS
  'when, as it was understood: an expression over their columns, names qualified';
COMMENT ON COLUMN crmlife.stage_tables.amount IS 'how much, likewise';
COMMENT ON COLUMN crmlife.stage_tables.order_filter IS 'rows for which it is not true do not exist';
COMMENT ON COLUMN crmlife.stage_tables.order_key IS
  'rows of a customer with the same key are one order; NULL: each is one';
COMMENT ON COLUMN crmlife.stage_tables.visits IS 'the visits; NULL: none are given';
COMMENT ON COLUMN crmlife.stage_tables.visit_customer IS 'their column of the customer';
COMMENT ON COLUMN crmlife.stage_tables.visited_at IS 'when';
COMMENT ON COLUMN crmlife.stage_tables.visit_filter IS 'visits for which it is not true do not exist';
COMMENT ON COLUMN crmlife.stage_tables.members IS 'the members; NULL: none are given';
COMMENT ON COLUMN crmlife.stage_tables.member_customer IS 'their column of the customer';
COMMENT ON COLUMN crmlife.stage_tables.registered_at IS 'when they registered';
COMMENT ON COLUMN crmlife.stage_tables.segment IS
  'what tells the segment of a customer; NULL: there are none';
COMMENT ON COLUMN crmlife.stage_tables.model IS
  'as it was given, without thresholds set or learned; crmlife.effective_model has these';
COMMENT ON COLUMN crmlife.stage_tables.timezone IS 'zone in which local days are cut';
COMMENT ON COLUMN crmlife.stage_tables.refresh_every IS 'time between two runs of the worker';
COMMENT ON COLUMN crmlife.stage_tables.capture IS
  'trigger: changes of the sources are noticed; full: every refresh reads all of them';
COMMENT ON COLUMN crmlife.stage_tables.customer_column IS
  'what the stage table''s column of the customer was called when it was created';
COMMENT ON COLUMN crmlife.stage_tables.calibrate_every IS
  'how often the worker takes the cuts of RFM scores anew; NULL: only when asked';
COMMENT ON COLUMN crmlife.stage_tables.learn_every IS
  'how often the worker learns the thresholds anew; NULL: only when asked';
COMMENT ON COLUMN crmlife.stage_tables.keep_changes_for IS
  'how long changes stay in the log; NULL: for ever';
COMMENT ON COLUMN crmlife.stage_tables.keep_changes_rows IS
  'how many stay; NULL: any number';

CREATE FUNCTION crmlife.waiting(
  stage_table regclass,
  OUT waiting bigint, OUT not_visible_yet bigint, OUT everybody boolean)
AS 'MODULE_PATHNAME', 'crm_waiting' LANGUAGE C STABLE STRICT;
COMMENT ON FUNCTION crmlife.waiting(regclass) IS
  'customers in the queue of a stage table that you may read; NULL for others. Shown by crmlife.status';

CREATE FUNCTION crmlife._due_rows(stage_table oid, day date) RETURNS bigint
AS 'MODULE_PATHNAME', 'crm_due_rows' LANGUAGE C STABLE STRICT;
COMMENT ON FUNCTION crmlife._due_rows(oid, date) IS
  'internal to crmlife''s views: how many rows of a stage table are due by a day';

CREATE VIEW crmlife.status WITH (security_barrier) AS
SELECT t.stage_table,
       pg_catalog.pg_get_userbyid(c.relowner) AS owner,
       CASE
         WHEN EXISTS (SELECT FROM pg_catalog.pg_locks l
                      WHERE l.locktype OPERATOR(pg_catalog.=) 'object'
                        AND l.database OPERATOR(pg_catalog.=)
                            (SELECT d.oid FROM pg_catalog.pg_database d
                             WHERE d.datname OPERATOR(pg_catalog.=)
                                   pg_catalog.current_database())
                        AND l.classid OPERATOR(pg_catalog.=)
                            'crmlife.stage_table'::pg_catalog.regclass::oid
                        AND l.objid OPERATOR(pg_catalog.=) t.stage_table::oid
                        AND (l.pid IS NULL OR l.pid OPERATOR(pg_catalog.<>)
                             pg_catalog.pg_backend_pid())
                        AND l.granted) THEN 'running'
         WHEN s.last_error IS NOT NULL THEN 'failing'
         WHEN s.refreshed_day IS NULL THEN 'never refreshed'
         ELSE 'ok'
       END AS state,
       t.timezone, t.refresh_every, t.capture, t.segment,
       (SELECT pg_catalog.count(*) FROM (
          SELECT o.segment FROM crmlife.threshold_override o
          WHERE o.stage_table::oid OPERATOR(pg_catalog.=) t.stage_table::oid
          UNION
          SELECT l.segment FROM crmlife.learned_threshold l
          WHERE l.stage_table::oid OPERATOR(pg_catalog.=) t.stage_table::oid
            AND l.chosen AND l.reliable) v
        WHERE v.segment OPERATOR(pg_catalog.<>) '') AS own_segments,
       t.model_version,
       s.refreshed_day, s.refreshed_at, s.needs_full, s.next_run_at,
       q.waiting, q.not_visible_yet, q.everybody,
       s.started_at, s.duration, s.was_full, s.customers, s.rows_changed,
       s.changes_logged, s.failures,
       -- an error may quote rows of the sources
       CASE WHEN pg_catalog.pg_has_role(c.relowner, 'USAGE')
            THEN s.last_error END AS last_error,
       s.last_error_at, t.calibrate_every, t.learn_every,
       CASE WHEN pg_catalog.pg_has_role(c.relowner, 'USAGE')
            THEN (SELECT pg_catalog.string_agg(pg_catalog.concat(e.step, ': ', e.error), e'\n' ORDER BY e.step)
                  FROM crmlife.schedule_error e
                  WHERE e.stage_table OPERATOR(pg_catalog.=) t.stage_table::oid)
            END AS schedule_error,
       CASE WHEN s.refreshed_at IS NULL THEN NULL
            WHEN w.everybody OR q.waiting OPERATOR(pg_catalog.>) 0::bigint
                 OR w.new_day
            THEN extract(epoch FROM pg_catalog.clock_timestamp()
                         OPERATOR(pg_catalog.-) s.refreshed_at)::float8
            ELSE 0 END AS lag_seconds,
       CASE WHEN w.everybody
            THEN nullif(c.reltuples, '-1'::float4)::bigint
            WHEN w.new_day
            THEN q.waiting OPERATOR(pg_catalog.+) crmlife._due_rows(t.stage_table::oid, w.today)
            ELSE q.waiting END AS lag_rows
FROM crmlife.stage_table t
JOIN pg_catalog.pg_class c ON c.oid OPERATOR(pg_catalog.=) t.stage_table::oid
LEFT JOIN crmlife.stage_state s
  ON s.stage_table OPERATOR(pg_catalog.=) t.stage_table::oid
CROSS JOIN LATERAL crmlife.waiting(t.stage_table) q
CROSS JOIN LATERAL (
  SELECT coalesce(s.needs_full, true) OR q.everybody
         OR t.capture OPERATOR(pg_catalog.=) 'full' AS everybody,
         s.refreshed_day OPERATOR(pg_catalog.<) d.today AS new_day, d.today
  FROM (SELECT crmlife._local_time(t.timezone, pg_catalog.clock_timestamp())::date AS today) d) w
WHERE pg_catalog.has_table_privilege(t.stage_table::oid, 'SELECT');
GRANT SELECT ON crmlife.status TO PUBLIC;
COMMENT ON VIEW crmlife.status IS
  'one row per stage table you may read: how fresh it is, what waits, the last error';
COMMENT ON COLUMN crmlife.status.stage_table IS 'the stage table';
COMMENT ON COLUMN crmlife.status.owner IS 'whose rights refreshes have';
COMMENT ON COLUMN crmlife.status.timezone IS 'zone in which local days are cut';
COMMENT ON COLUMN crmlife.status.refresh_every IS 'time between two runs of the worker';
COMMENT ON COLUMN crmlife.status.capture IS 'trigger: changes of the sources are noticed row by row; full: every refresh reads all of them';
COMMENT ON COLUMN crmlife.status.model_version IS 'version in force, in crmlife.model_versions';
COMMENT ON COLUMN crmlife.status.refreshed_at IS 'when the last successful run began';
COMMENT ON COLUMN crmlife.status.next_run_at IS 'when the worker looks again; in the past: as soon as there is something to do';
COMMENT ON COLUMN crmlife.status.started_at IS 'when the worker began its last run';
COMMENT ON COLUMN crmlife.status.duration IS 'of the last successful run';
COMMENT ON COLUMN crmlife.status.was_full IS 'it looked at every customer';
COMMENT ON COLUMN crmlife.status.customers IS 'looked at by it';
COMMENT ON COLUMN crmlife.status.rows_changed IS 'rows it wrote or removed';
COMMENT ON COLUMN crmlife.status.changes_logged IS 'rows it added to the change log';
COMMENT ON COLUMN crmlife.status.failures IS 'failed runs in a row';
COMMENT ON COLUMN crmlife.status.last_error_at IS 'when the last of them failed';
COMMENT ON COLUMN crmlife.status.state IS
  'running: a refresh holds the table''s lock; failing: the last run raised last_error; ok; never refreshed';
COMMENT ON COLUMN crmlife.status.refreshed_day IS
  'the local day the stage table shows';
COMMENT ON COLUMN crmlife.status.segment IS
  'what tells the segment of a customer; NULL: there are none';
COMMENT ON COLUMN crmlife.status.own_segments IS
  'segments with thresholds of their own, in crmlife.threshold';
COMMENT ON COLUMN crmlife.status.waiting IS
  'customers whose rows changed since the last refresh';
COMMENT ON COLUMN crmlife.status.not_visible_yet IS
  'customers all of whose rows are dated in the future';
COMMENT ON COLUMN crmlife.status.everybody IS
  'a source was truncated, the queue was full, or the last refresh could not see all: the next looks at every customer';
COMMENT ON COLUMN crmlife.status.needs_full IS
  'the next refresh looks at every customer';

COMMENT ON COLUMN crmlife.status.calibrate_every IS
  'how often the worker takes the cuts of RFM scores anew; NULL: only when asked';
COMMENT ON COLUMN crmlife.status.learn_every IS
  'how often the worker learns the thresholds anew; NULL: only when asked';
COMMENT ON COLUMN crmlife.status.last_error IS
  'what stopped the last run; shown to the owner''s role alone, for it may quote rows of the sources';
COMMENT ON COLUMN crmlife.status.lag_seconds IS
  'age of what the table shows: time since its last refresh began, while something waits for the next; 0: nothing does';
COMMENT ON COLUMN crmlife.status.lag_rows IS
  'customers whose rows may be old: those that wait, and on a new day those that are due; all of them, estimated, if the next refresh looks at everybody';
COMMENT ON COLUMN crmlife.status.schedule_error IS
  'what stopped a step of the schedule, shown as last_error; it is tried again on the next day';

CREATE FUNCTION crmlife.capture() RETURNS trigger
AS 'MODULE_PATHNAME', 'crm_capture' LANGUAGE C;
COMMENT ON FUNCTION crmlife.capture() IS
  'trigger on the sources of stage tables: notes which customers'' rows changed';

CREATE FUNCTION crmlife.create_stage_table(
  name text, orders regclass, customer text, ordered_at text, amount text,
  order_filter text DEFAULT NULL, order_key text DEFAULT NULL,
  visits regclass DEFAULT NULL, visit_customer text DEFAULT NULL,
  visited_at text DEFAULT NULL, visit_filter text DEFAULT NULL,
  members regclass DEFAULT NULL, member_customer text DEFAULT NULL,
  registered_at text DEFAULT NULL, segment text DEFAULT NULL,
  model crmlife.lifecycle_model DEFAULT 'recency',
  timezone text DEFAULT pg_catalog.current_setting('TimeZone'),
  refresh_every interval DEFAULT '1 minute', capture text DEFAULT 'trigger',
  customer_column text DEFAULT NULL, keep_history boolean DEFAULT true)
RETURNS regclass
AS 'MODULE_PATHNAME', 'crm_create_stage_table' LANGUAGE C VOLATILE;
COMMENT ON FUNCTION crmlife.create_stage_table(text, regclass, text, text, text, text, text, regclass, text, text, text, regclass, text, text, text, crmlife.lifecycle_model, text, interval, text, text, boolean) IS
  'create a table with one row per customer and fill it; refreshes keep it up to date';

CREATE FUNCTION crmlife.refresh(
  stage_table regclass, as_of timestamptz DEFAULT pg_catalog.now(),
  "full" boolean DEFAULT false)
RETURNS bigint
AS 'MODULE_PATHNAME', 'crm_refresh' LANGUAGE C VOLATILE;
COMMENT ON FUNCTION crmlife.refresh(regclass, timestamptz, boolean) IS
  'bring a stage table to the local day of as_of; returns the number of rows written or removed';

CREATE FUNCTION crmlife.verify(
  stage_table regclass, as_of timestamptz DEFAULT NULL)
RETURNS TABLE (customer text, column_name text, stored text, expected text)
AS 'MODULE_PATHNAME', 'crm_verify' LANGUAGE C VOLATILE;
COMMENT ON FUNCTION crmlife.verify(regclass, timestamptz) IS
  'work a stage table out again from its sources, in one snapshot, and return what differs; customers waiting for a refresh are left out';

CREATE FUNCTION crmlife.drop_stage_table(stage_table regclass) RETURNS void
AS 'MODULE_PATHNAME', 'crm_drop_stage_table' LANGUAGE C VOLATILE;
COMMENT ON FUNCTION crmlife.drop_stage_table(regclass) IS
  'drop a stage table, its change log, and the capture triggers nobody else needs';

CREATE FUNCTION crmlife.set_threshold(
  stage_table regclass, threshold text, value numeric,
  segment text DEFAULT NULL)
RETURNS void
AS 'MODULE_PATHNAME', 'crm_set_threshold' LANGUAGE C VOLATILE;
COMMENT ON FUNCTION crmlife.set_threshold(regclass, text, numeric, text) IS
  'override a threshold of a stage table''s model, for all customers or those of a segment, and apply it at once; NULL brings back what held without';

CREATE FUNCTION crmlife.learn(
  stage_table regclass, apply text DEFAULT 'hazard',
  min_eligible integer DEFAULT 100, smoothing integer DEFAULT 7,
  OUT threshold text, OUT value numeric, OUT reliable boolean,
  OUT customers bigint, OUT low numeric, OUT high numeric, OUT method text,
  OUT curve crmlife.return_point[], OUT learned_on date, OUT reason text,
  OUT segment text)
RETURNS SETOF record
AS 'MODULE_PATHNAME', 'crm_learn' LANGUAGE C VOLATILE;
COMMENT ON FUNCTION crmlife.learn(regclass, text, integer, integer) IS
  'learn the thresholds of a stage table and of its segments from its data, record them, and apply those that are reliable and not set by hand';

CREATE FUNCTION crmlife.set_schedule(
  stage_table regclass, calibrate_every interval, learn_every interval)
RETURNS void
AS 'MODULE_PATHNAME', 'crm_set_schedule' LANGUAGE C VOLATILE;
COMMENT ON FUNCTION crmlife.set_schedule(regclass, interval, interval) IS
  'how often the worker takes cuts and learns thresholds anew; NULL: only when asked';

CREATE FUNCTION crmlife.set_model(
  stage_table regclass, model crmlife.lifecycle_model)
RETURNS void
AS 'MODULE_PATHNAME', 'crm_set_model' LANGUAGE C VOLATILE;
COMMENT ON FUNCTION crmlife.set_model(regclass, crmlife.lifecycle_model) IS
  'give a stage table another model and apply it at once; overrides of thresholds the new model has too stay in force';

CREATE FUNCTION crmlife.set_timezone(stage_table regclass, timezone text)
RETURNS void
AS 'MODULE_PATHNAME', 'crm_set_timezone' LANGUAGE C VOLATILE;
COMMENT ON FUNCTION crmlife.set_timezone(regclass, text) IS
  'count a stage table''s days in another time zone and work it out again';

CREATE FUNCTION crmlife.calibrate(
  stage_table regclass, rfm_monetary text DEFAULT NULL,
  rfm_window interval DEFAULT NULL, recency_cuts numeric[] DEFAULT NULL,
  frequency_cuts numeric[] DEFAULT NULL, monetary_cuts numeric[] DEFAULT NULL)
RETURNS bigint
AS 'MODULE_PATHNAME', 'crm_calibrate' LANGUAGE C VOLATILE;
COMMENT ON FUNCTION crmlife.calibrate(regclass, text, interval, numeric[], numeric[], numeric[]) IS
  'take a stage table''s frozen cuts anew; what is left out stays as it was. Returns how many RFM scores moved';
