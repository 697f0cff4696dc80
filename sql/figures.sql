------------------------------------------------------------------------
-- Figures of stage tables: overview, counts by stage and day, weekly figures
------------------------------------------------------------------------

-- Up to where the figures of a stage table go.
CREATE TABLE crmlife.figures_state (
  stage_table regclass PRIMARY KEY,
  day date NOT NULL,           -- not over: days before it have figures
  hour timestamptz NOT NULL,   -- of the last overview
  weeks date                   -- a Monday: weeks before it have figures
);
COMMENT ON TABLE crmlife.figures_state IS
  'up to which day and hour the figures of each stage table go';
SELECT pg_catalog.pg_extension_config_dump('crmlife.figures_state', 'WHERE stage_table::oid IN (SELECT t.stage_table::oid FROM crmlife.stage_table t WHERE crmlife._is_whole(t.stage_table::oid))');

CREATE TABLE crmlife.overview_log (
  stage_table regclass NOT NULL,
  hour timestamptz NOT NULL,
  day date NOT NULL,
  customers bigint NOT NULL,
  paying_customers bigint NOT NULL,
  repeat_customers bigint NOT NULL,
  orders bigint NOT NULL,
  revenue numeric NOT NULL,
  new_buyers bigint NOT NULL,
  new_buyers_seen bigint NOT NULL,
  decision_days bigint NOT NULL,
  gaps bigint NOT NULL,
  gap_days bigint NOT NULL,
  order_gaps bigint NOT NULL,
  order_gap_seconds numeric NOT NULL,
  PRIMARY KEY (stage_table, hour)
);
COMMENT ON TABLE crmlife.overview_log IS
  'the overview of each hour, as numerators and denominators; read it through the views crmlife.overview and crmlife.overview_hours';
SELECT pg_catalog.pg_extension_config_dump('crmlife.overview_log', 'WHERE stage_table::oid IN (SELECT t.stage_table::oid FROM crmlife.stage_table t WHERE crmlife._is_whole(t.stage_table::oid))');

CREATE TABLE crmlife.stage_snapshot (
  stage_table regclass NOT NULL,
  day date NOT NULL,
  stage text NOT NULL,
  customers bigint NOT NULL,
  model_version integer NOT NULL,
  PRIMARY KEY (stage_table, day, stage)
);
COMMENT ON TABLE crmlife.stage_snapshot IS
  'customers by stage at the end of each day; read it through the view crmlife.snapshots';
SELECT pg_catalog.pg_extension_config_dump('crmlife.stage_snapshot', 'WHERE stage_table::oid IN (SELECT t.stage_table::oid FROM crmlife.stage_table t WHERE crmlife._is_whole(t.stage_table::oid))');

CREATE TABLE crmlife.weekly_band (
  stage_table regclass NOT NULL,
  week date NOT NULL,
  band integer NOT NULL,
  loyalty text,
  members bigint,
  buyers bigint NOT NULL,
  orders bigint NOT NULL,
  revenue numeric NOT NULL,
  recent bigint,
  recent_again bigint,
  matured bigint,
  matured_again bigint
);
CREATE INDEX ON crmlife.weekly_band (stage_table, week);
ALTER TABLE crmlife.weekly_band REPLICA IDENTITY FULL; -- as crmlife.queue
COMMENT ON TABLE crmlife.weekly_band IS
  'weekly figures by days since the last order; read it through the view crmlife.weekly_kpi';
SELECT pg_catalog.pg_extension_config_dump('crmlife.weekly_band', 'WHERE stage_table::oid IN (SELECT t.stage_table::oid FROM crmlife.stage_table t WHERE crmlife._is_whole(t.stage_table::oid))');

CREATE TABLE crmlife.weekly_stage (
  stage_table regclass NOT NULL,
  week date NOT NULL,
  stage text,
  loyalty text,
  members bigint,
  buyers bigint NOT NULL,
  orders bigint NOT NULL,
  revenue numeric NOT NULL,
  model_version integer NOT NULL
);
CREATE INDEX ON crmlife.weekly_stage (stage_table, week);
ALTER TABLE crmlife.weekly_stage REPLICA IDENTITY FULL; -- as crmlife.queue
COMMENT ON TABLE crmlife.weekly_stage IS
  'weekly figures by stage; read it through the view crmlife.weekly_stage_kpi';
SELECT pg_catalog.pg_extension_config_dump('crmlife.weekly_stage', 'WHERE stage_table::oid IN (SELECT t.stage_table::oid FROM crmlife.stage_table t WHERE crmlife._is_whole(t.stage_table::oid))');

CREATE TABLE crmlife.weekly_flow (
  stage_table regclass NOT NULL,
  week date NOT NULL,
  from_stage text,
  to_stage text,
  loyalty text,
  customers bigint NOT NULL,
  model_version integer NOT NULL
);
CREATE INDEX ON crmlife.weekly_flow (stage_table, week);
ALTER TABLE crmlife.weekly_flow REPLICA IDENTITY FULL; -- as crmlife.queue
COMMENT ON TABLE crmlife.weekly_flow IS
  'customers by stage at the beginning and at the end of each week; read it through the view crmlife.weekly_flows';
SELECT pg_catalog.pg_extension_config_dump('crmlife.weekly_flow', 'WHERE stage_table::oid IN (SELECT t.stage_table::oid FROM crmlife.stage_table t WHERE crmlife._is_whole(t.stage_table::oid))');

-- What the rows of each stage table add up to.  Each refresh adds the
-- differences of the rows it writes; the first one after a restore counts
-- everybody, so they are not dumped.
CREATE TABLE crmlife.tally (
  stage_table oid PRIMARY KEY,
  customers bigint NOT NULL,
  paying_customers bigint NOT NULL,
  repeat_customers bigint NOT NULL,
  orders bigint NOT NULL,
  revenue numeric NOT NULL,
  gaps bigint NOT NULL,               -- between days with orders
  gap_days bigint NOT NULL,
  order_gaps bigint NOT NULL,         -- between orders
  order_gap_seconds numeric NOT NULL
);
COMMENT ON TABLE crmlife.tally IS
  'what the rows of each stage table add up to; the overview comes from it';

CREATE TABLE crmlife.tally_stage (
  stage_table oid NOT NULL,
  stage text NOT NULL,
  customers bigint NOT NULL,
  PRIMARY KEY (stage_table, stage)
);
COMMENT ON TABLE crmlife.tally_stage IS
  'customers of each stage, now; the view crmlife.snapshots comes from it';

CREATE TABLE crmlife.tally_orders (
  stage_table oid NOT NULL,
  orders integer NOT NULL,            -- 11: or more
  customers bigint NOT NULL,
  PRIMARY KEY (stage_table, orders)
);
COMMENT ON TABLE crmlife.tally_orders IS
  'customers by the number of their orders; read it through the view crmlife.order_funnel';

CREATE TABLE crmlife.tally_day (
  stage_table oid NOT NULL,
  first_day date NOT NULL,            -- of the first order
  customers bigint NOT NULL,
  seen bigint NOT NULL,               -- with a visit up to that day
  decision_days bigint NOT NULL,      -- of these, from the first visit to it
  again_30 bigint NOT NULL,           -- with a second day of orders within 30 days
  again_45 bigint NOT NULL,
  again_60 bigint NOT NULL,
  again_90 bigint NOT NULL,
  again_180 bigint NOT NULL,
  again_365 bigint NOT NULL,
  PRIMARY KEY (stage_table, first_day)
);
COMMENT ON TABLE crmlife.tally_day IS
  'customers by the day of their first order; read it through the views crmlife.overview and crmlife.second_purchase';

CREATE TABLE crmlife.tally_cohort (
  stage_table oid NOT NULL,
  cohort date NOT NULL,               -- the month of the first order
  period integer NOT NULL,            -- months since
  customers bigint NOT NULL,          -- with an order in that month
  orders bigint NOT NULL,
  revenue numeric NOT NULL,
  PRIMARY KEY (stage_table, cohort, period)
);
COMMENT ON TABLE crmlife.tally_cohort IS
  'customers by the month of their first order, and what they did since; read it through the views crmlife.cohorts and crmlife.revenue_cohort';

REVOKE ALL ON crmlife.tally, crmlife.tally_stage, crmlife.tally_orders,
  crmlife.tally_day, crmlife.tally_cohort FROM PUBLIC;
REVOKE ALL ON crmlife.figures_state, crmlife.overview_log,
  crmlife.stage_snapshot, crmlife.weekly_band, crmlife.weekly_stage,
  crmlife.weekly_flow FROM PUBLIC;
GRANT SELECT ON crmlife.figures_state, crmlife.overview_log,
  crmlife.stage_snapshot, crmlife.weekly_band, crmlife.weekly_stage,
  crmlife.weekly_flow TO pg_database_owner;

-- The views below show what concerns stage tables whose rows the reader may
-- read.  Every comparison in them is between values of one type, so that no
-- operator of another schema can come before pg_catalog's.

CREATE VIEW crmlife.overview_hours WITH (security_barrier) AS
SELECT o.stage_table, o.hour, o.day, o.customers, o.paying_customers,
       o.repeat_customers,
       o.repeat_customers::float8 / nullif(o.paying_customers, 0)::float8 AS repeat_share,
       o.orders, o.revenue,
       o.revenue / nullif(o.orders, 0)::numeric AS average_order,
       o.new_buyers, o.new_buyers_seen,
       1::float8 - o.new_buyers_seen::float8 / nullif(o.new_buyers, 0)::float8 AS left_out_share,
       o.decision_days,
       o.decision_days::float8 / nullif(o.new_buyers_seen, 0)::float8 AS first_purchase_decision_period,
       o.gaps, o.gap_days,
       o.gap_days::float8 / nullif(o.gaps, 0)::float8 AS repurchase_period,
       o.order_gaps, o.order_gap_seconds,
       o.order_gap_seconds::float8 / nullif(o.order_gaps, 0)::float8 / 86400::float8 AS repurchase_period_by_orders
FROM crmlife.overview_log o
WHERE crmlife._reads_all(o.stage_table::oid);
COMMENT ON VIEW crmlife.overview_hours IS
  'the overview of the stage tables you may read, one row for each hour in which there was a refresh';

CREATE VIEW crmlife.overview WITH (security_barrier) AS
SELECT h.* FROM crmlife.figures_state s
JOIN crmlife.overview_hours h
  ON h.stage_table::oid = s.stage_table::oid AND h.hour = s.hour;
COMMENT ON VIEW crmlife.overview IS
  'the newest overview of the stage tables you may read; thresholds and models do not change it';

DO $comments$
DECLARE
  view text;
  line text[];
BEGIN
  FOREACH view IN ARRAY ARRAY['overview', 'overview_hours'] LOOP
    FOREACH line SLICE 1 IN ARRAY ARRAY[
      ['stage_table', 'the stage table'],
      ['hour', 'the hour of the clock in which the figures were last taken'],
      ['day', 'the local day that the stage table showed'],
      ['customers', 'all customers, those without an order included'],
      ['paying_customers', 'customers with an order'],
      ['repeat_customers', 'customers with two or more orders'],
      ['repeat_share', 'repeat_customers / paying_customers'],
      ['orders', 'all orders; refunds are none'],
      ['revenue', 'sum of all amounts, refunds taken off'],
      ['average_order', 'revenue / orders'],
      ['new_buyers', 'customers whose first order lies on the last 90 days, day included'],
      ['new_buyers_seen', 'of these, with a visit on the day of that order or before'],
      ['left_out_share', 'of new_buyers, those without such a visit: the decision period is not about them'],
      ['decision_days', 'days from the first visit to the first order, of all new_buyers_seen together'],
      ['first_purchase_decision_period', 'decision_days / new_buyers_seen'],
      ['gaps', 'pairs of a day with orders and the customer''s next one'],
      ['gap_days', 'days between them, of all pairs together'],
      ['repurchase_period', 'gap_days / gaps, in days'],
      ['order_gaps', 'pairs of an order and the customer''s next one, those of one day included'],
      ['order_gap_seconds', 'time between them, of all pairs together'],
      ['repurchase_period_by_orders', 'order_gap_seconds / order_gaps, in days']]
    LOOP
      EXECUTE pg_catalog.format('COMMENT ON COLUMN crmlife.%I.%I IS %L', view, line[1], line[2]);
    END LOOP;
  END LOOP;
END
$comments$;

CREATE FUNCTION crmlife._model_case(model crmlife.lifecycle_model) RETURNS text
AS 'MODULE_PATHNAME', 'crm_model_case' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION crmlife._model_case(crmlife.lifecycle_model) IS
  'internal to crmlife.stage_label: the model without its thresholds';

-- The stages of each version of each stage table's model.  Versions of the
-- same texts, those of segments included, are one: same_as is the first of
-- them.  All models of a version have the same stages.  Order and labels are
-- those that crmlife.model_label gives a model with the same CASE, whatever its
-- thresholds.  Anybody may add a model: it counts if its owner and that of the
-- stage table are members of one another, and an owner's own comes first.
CREATE VIEW crmlife.stage_label WITH (security_barrier) AS
WITH version AS MATERIALIZED (
  SELECT v.stage_table, v.version, v.model, c.relowner, w.same_as
  FROM (SELECT m.stage_table::oid AS stage_table, m.version,
               min(m.version) OVER (
                 PARTITION BY m.stage_table::oid,
                              pg_catalog.jsonb_object_agg(m.segment, m.model::text)) AS same_as
        FROM crmlife.model_version m
        WHERE pg_catalog.has_table_privilege(m.stage_table::oid, 'SELECT')
        GROUP BY 1, 2) w
  JOIN crmlife.model_version v
    ON v.stage_table::oid = w.stage_table AND v.version = w.version AND v.segment = ''
  JOIN pg_catalog.pg_class c ON c.oid = w.stage_table),
own AS (
  SELECT DISTINCT ON (v.stage_table, v.version) v.stage_table, v.version, m.name
  FROM version v
  JOIN crmlife.model m ON crmlife._model_case(m.model) = crmlife._model_case(v.model)
  JOIN pg_catalog.pg_roles r ON r.oid = m.owner::oid
  JOIN pg_catalog.pg_roles o ON o.oid = v.relowner
  -- a superuser is a member of every role, and need not know of it
  WHERE pg_catalog.pg_has_role(r.oid, v.relowner, 'MEMBER'::text)
     OR NOT o.rolsuper AND pg_catalog.pg_has_role(v.relowner, r.oid, 'MEMBER'::text)
  ORDER BY v.stage_table, v.version, r.oid <> v.relowner, m.name)
SELECT v.stage_table, v.version AS model_version, v.same_as,
       coalesce(l.position, s.stage_order) AS stage_order, s.stage,
       coalesce(l.zone, s.zone) AS zone,
       coalesce(l.label_en, s.label_en, s.stage) AS label_en,
       coalesce(l.label_zh, s.label_zh, s.stage) AS label_zh
FROM version v
CROSS JOIN LATERAL crmlife.model_stages(v.model) s
LEFT JOIN own o ON o.stage_table::oid = v.stage_table::oid AND o.version = v.version
LEFT JOIN crmlife.model_label l ON l.model = o.name AND l.stage = s.stage;
COMMENT ON VIEW crmlife.stage_label IS
  'order and labels of the stages of each model that a stage table you may read has had';
COMMENT ON COLUMN crmlife.stage_label.stage_table IS 'the stage table';
COMMENT ON COLUMN crmlife.stage_label.model_version IS 'version of its model, thresholds in force included';
COMMENT ON COLUMN crmlife.stage_label.same_as IS 'the first version with the same model and thresholds';
COMMENT ON COLUMN crmlife.stage_label.stage_order IS 'order of the stage in reports';
COMMENT ON COLUMN crmlife.stage_label.stage IS 'code of the stage';
COMMENT ON COLUMN crmlife.stage_label.zone IS 'acquire, grow or retain; NULL where neither is said';
COMMENT ON COLUMN crmlife.stage_label.label_en IS 'English label, of your own models that of crmlife.model_label; the code without one';
COMMENT ON COLUMN crmlife.stage_label.label_zh IS 'Chinese label, of your own models that of crmlife.model_label; the code without one';

-- What was seven days before stands in a window over the days, not in a join
-- with the same rows: it takes no longer than the days themselves, whatever the
-- planner thinks of them.
CREATE VIEW crmlife.snapshots WITH (security_barrier) AS
WITH label AS MATERIALIZED (SELECT * FROM crmlife.stage_label),
version AS MATERIALIZED (SELECT DISTINCT l.stage_table::oid AS stage_table, l.model_version, l.same_as FROM label l),
day AS (
  SELECT s.stage_table::oid AS stage_table, s.day, min(s.model_version) AS model_version,
         sum(s.customers)::bigint AS total, pg_catalog.jsonb_object_agg(s.stage, s.customers) AS counts
  FROM crmlife.stage_snapshot s
  WHERE crmlife._reads_all(s.stage_table::oid)
  GROUP BY 1, 2),
paired AS (
  SELECT d.*, pg_catalog.first_value(d.total) OVER week AS total_before, pg_catalog.first_value(d.counts) OVER week AS counts_before,
         pg_catalog.first_value(d.model_version) OVER week AS version_before
  FROM day d
  WINDOW week AS (PARTITION BY d.stage_table ORDER BY d.day
                  RANGE BETWEEN interval '7 days' PRECEDING AND interval '7 days' PRECEDING)),
compared AS (
  SELECT p.*, CASE WHEN p.total_before IS NOT NULL THEN coalesce(
           (SELECT v.same_as FROM version v WHERE v.stage_table = p.stage_table AND v.model_version = p.version_before)
           = (SELECT v.same_as FROM version v WHERE v.stage_table = p.stage_table AND v.model_version = p.model_version),
           false) END AS comparable
  FROM paired p)
SELECT c.stage_table::regclass AS stage_table, c.day, l.stage_order, l.stage,
       l.label_en, l.label_zh, n.customers, c.total,
       n.customers::float8 / nullif(c.total, 0)::float8 AS share,
       coalesce(n.before, CASE WHEN c.total_before IS NOT NULL THEN 0::bigint END) AS week_before,
       (n.customers - n.before)::float8 / nullif(n.before, 0)::float8 AS change,
       c.comparable, c.model_version
FROM compared c
JOIN label l ON l.stage_table::oid = c.stage_table AND l.model_version = c.model_version
CROSS JOIN LATERAL (SELECT coalesce((c.counts ->> l.stage)::bigint, 0::bigint) AS customers,
                           (c.counts_before ->> l.stage)::bigint AS before) n
-- a stage nobody can write down, unless somebody is in it
WHERE l.stage <> 'unclassified' OR n.customers > 0;
COMMENT ON VIEW crmlife.snapshots IS
  'customers by stage at the end of each local day, of the stage tables you may read';
COMMENT ON COLUMN crmlife.snapshots.stage_table IS 'the stage table';
COMMENT ON COLUMN crmlife.snapshots.day IS 'a local day that is over';
COMMENT ON COLUMN crmlife.snapshots.stage_order IS 'order of the stage in reports';
COMMENT ON COLUMN crmlife.snapshots.stage IS 'code of the stage';
COMMENT ON COLUMN crmlife.snapshots.label_en IS 'English label of the stage';
COMMENT ON COLUMN crmlife.snapshots.label_zh IS 'Chinese label of the stage';
COMMENT ON COLUMN crmlife.snapshots.customers IS 'customers in the stage at the end of the day';
COMMENT ON COLUMN crmlife.snapshots.total IS 'all customers on that day, unclassified ones included';
COMMENT ON COLUMN crmlife.snapshots.share IS 'customers / total';
COMMENT ON COLUMN crmlife.snapshots.week_before IS 'customers in the stage seven days before; NULL where that day has no figures';
COMMENT ON COLUMN crmlife.snapshots.change IS '(customers - week_before) / week_before; NULL where nobody was in it';
COMMENT ON COLUMN crmlife.snapshots.comparable IS 'the model and all its thresholds were the same seven days before; NULL where that day has no figures';
COMMENT ON COLUMN crmlife.snapshots.model_version IS 'version of the model in crmlife.model_version';

CREATE VIEW crmlife.weekly_kpi WITH (security_barrier) AS
WITH band (band, code, label_en, label_zh) AS (VALUES
  (1, '0-44', '0 to 44 days', '45天内'),
  (2, '45-89', '45 to 89 days (pre-churn)', '45-90天预流失'),
  (3, '90-139', '90 to 139 days (pre-churn)', '90-140天预流失'),
  (4, '140-364', '140 to 364 days (sleeping)', '140-365天睡眠'),
  (5, '365+', '365 days or more (churned)', '365天以上流失'),
  (6, 'no order', 'first order', '首单')),
measure (measure_order, measure, label_en, label_zh) AS (VALUES
  (1, 'purchase_rate', 'Buyers of the week', '周购买率'),
  (2, 'repeat_45', 'Two orders in 45 days', '45天内重复购买率'),
  (3, 'second_45', 'Second purchase within 45 days, day 45 over', '45天二次转化率')),
part AS (
  SELECT w.stage_table::oid AS stage_table, w.week, w.band, w.loyalty, w.orders, w.revenue,
         m.measure_order, m.measure, m.label_en, m.label_zh,
         CASE m.measure_order WHEN 1 THEN w.buyers WHEN 2 THEN w.recent_again ELSE w.matured_again END AS numerator,
         CASE m.measure_order WHEN 1 THEN w.members WHEN 2 THEN w.recent ELSE w.matured END AS denominator
  FROM crmlife.weekly_band w CROSS JOIN measure m
  WHERE crmlife._reads_all(w.stage_table::oid)
    AND (m.measure_order = 1 OR w.band = 1 AND (m.measure_order = 2 OR w.loyalty = 'new'))),
rated AS (
  SELECT p.*, p.numerator::float8 / nullif(p.denominator, 0)::float8 AS rate,
         p.revenue / nullif(p.orders, 0)::numeric AS average_order
  FROM part p),
paired AS (
  SELECT r.*, pg_catalog.first_value(r.rate) OVER week AS rate_before,
         pg_catalog.first_value(r.average_order) OVER week AS average_order_before
  FROM rated r
  WINDOW week AS (PARTITION BY r.stage_table, r.measure_order, r.band, r.loyalty ORDER BY r.week
                  RANGE BETWEEN interval '7 days' PRECEDING AND interval '7 days' PRECEDING))
SELECT r.stage_table::regclass AS stage_table, r.week, r.measure_order, r.measure,
       r.label_en AS measure_en, r.label_zh AS measure_zh,
       r.band AS band_order, b.code AS band, b.label_en AS band_en, b.label_zh AS band_zh,
       r.loyalty, r.numerator, r.denominator, r.rate,
       r.orders, r.revenue, r.average_order,
       r.rate_before, r.rate - r.rate_before AS rate_change, r.average_order_before
FROM paired r
JOIN band b ON b.band = r.band;
COMMENT ON VIEW crmlife.weekly_kpi IS
  'weekly figures by days since the last order and loyalty, both as they were when the week began, of the stage tables you may read';
COMMENT ON COLUMN crmlife.weekly_kpi.stage_table IS 'the stage table';
COMMENT ON COLUMN crmlife.weekly_kpi.week IS 'the Monday of a week that is over';
COMMENT ON COLUMN crmlife.weekly_kpi.measure_order IS 'order of the measure in reports';
COMMENT ON COLUMN crmlife.weekly_kpi.measure IS 'purchase_rate: members at the beginning of the week and the buyers among them; repeat_45: customers with an order on the last 45 days of the week, new ones having their first on them, and those with two or more on these days; second_45: customers whose 45th day after the first order lies in the week, and those with another day of orders up to it';
COMMENT ON COLUMN crmlife.weekly_kpi.measure_en IS 'English label of the measure';
COMMENT ON COLUMN crmlife.weekly_kpi.measure_zh IS 'Chinese label of the measure';
COMMENT ON COLUMN crmlife.weekly_kpi.band_order IS 'order of the band in reports';
COMMENT ON COLUMN crmlife.weekly_kpi.band IS 'days from the last order before the week to its Monday; no order: those who had none, whose number is not known';
COMMENT ON COLUMN crmlife.weekly_kpi.band_en IS 'English label of the band';
COMMENT ON COLUMN crmlife.weekly_kpi.band_zh IS 'Chinese label of the band';
COMMENT ON COLUMN crmlife.weekly_kpi.loyalty IS 'new: one order before the week, returning: two or more; NULL: none';
COMMENT ON COLUMN crmlife.weekly_kpi.numerator IS 'customers who did it';
COMMENT ON COLUMN crmlife.weekly_kpi.denominator IS 'customers who could';
COMMENT ON COLUMN crmlife.weekly_kpi.rate IS 'numerator / denominator; NULL where nobody could';
COMMENT ON COLUMN crmlife.weekly_kpi.orders IS 'orders of the band''s members in the week';
COMMENT ON COLUMN crmlife.weekly_kpi.revenue IS 'revenue of the band''s members in the week, refunds of the week taken off';
COMMENT ON COLUMN crmlife.weekly_kpi.average_order IS 'revenue / orders, to be looked at beside every rate';
COMMENT ON COLUMN crmlife.weekly_kpi.rate_before IS 'rate of the week before';
COMMENT ON COLUMN crmlife.weekly_kpi.rate_change IS 'rate - rate_before';
COMMENT ON COLUMN crmlife.weekly_kpi.average_order_before IS 'average_order of the week before';

CREATE VIEW crmlife.weekly_stage_kpi WITH (security_barrier) AS
WITH label AS MATERIALIZED (SELECT * FROM crmlife.stage_label),
version AS MATERIALIZED (SELECT DISTINCT l.stage_table::oid AS stage_table, l.model_version, l.same_as FROM label l),
rated AS (
  SELECT w.stage_table::oid AS stage_table, w.week, w.stage, w.loyalty, w.members, w.buyers,
         w.orders, w.revenue, w.model_version,
         w.buyers::float8 / nullif(w.members, 0)::float8 AS rate,
         w.revenue / nullif(w.orders, 0)::numeric AS average_order
  FROM crmlife.weekly_stage w
  WHERE crmlife._reads_all(w.stage_table::oid)),
paired AS (
  SELECT r.*, pg_catalog.first_value(r.rate) OVER week AS rate_before,
         pg_catalog.first_value(r.average_order) OVER week AS average_order_before,
         pg_catalog.first_value(r.model_version) OVER week AS version_before
  FROM rated r
  WINDOW week AS (PARTITION BY r.stage_table, r.stage, r.loyalty ORDER BY r.week
                  RANGE BETWEEN interval '7 days' PRECEDING AND interval '7 days' PRECEDING))
SELECT r.stage_table::regclass AS stage_table, r.week, l.stage_order, r.stage,
       l.label_en, l.label_zh, r.loyalty, r.members, r.buyers, r.rate,
       r.orders, r.revenue, r.average_order,
       r.rate_before, r.rate - r.rate_before AS rate_change, r.average_order_before,
       (SELECT v.same_as FROM version v WHERE v.stage_table = r.stage_table AND v.model_version = r.version_before)
         = (SELECT v.same_as FROM version v WHERE v.stage_table = r.stage_table AND v.model_version = r.model_version) AS comparable,
       r.model_version
FROM paired r
LEFT JOIN label l ON l.stage_table::oid = r.stage_table
  AND l.model_version = r.model_version AND l.stage = r.stage;
COMMENT ON VIEW crmlife.weekly_stage_kpi IS
  'weekly figures by stage and loyalty, both as they were when the week began, of the stage tables you may read';
COMMENT ON COLUMN crmlife.weekly_stage_kpi.stage_table IS 'the stage table';
COMMENT ON COLUMN crmlife.weekly_stage_kpi.week IS 'the Monday of a week that is over';
COMMENT ON COLUMN crmlife.weekly_stage_kpi.stage_order IS 'order of the stage in reports';
COMMENT ON COLUMN crmlife.weekly_stage_kpi.stage IS 'stage on the Monday, as known at the end of the day before; NULL: not known yet';
COMMENT ON COLUMN crmlife.weekly_stage_kpi.label_en IS 'English label of the stage';
COMMENT ON COLUMN crmlife.weekly_stage_kpi.label_zh IS 'Chinese label of the stage';
COMMENT ON COLUMN crmlife.weekly_stage_kpi.loyalty IS 'new: one order before the week, returning: two or more; NULL: none';
COMMENT ON COLUMN crmlife.weekly_stage_kpi.members IS 'customers in the stage when the week began';
COMMENT ON COLUMN crmlife.weekly_stage_kpi.buyers IS 'of these, with an order in the week';
COMMENT ON COLUMN crmlife.weekly_stage_kpi.rate IS 'buyers / members';
COMMENT ON COLUMN crmlife.weekly_stage_kpi.orders IS 'orders of the members in the week';
COMMENT ON COLUMN crmlife.weekly_stage_kpi.revenue IS 'revenue of the members in the week, refunds of the week taken off';
COMMENT ON COLUMN crmlife.weekly_stage_kpi.average_order IS 'revenue / orders, to be looked at beside every rate';
COMMENT ON COLUMN crmlife.weekly_stage_kpi.rate_before IS 'rate of the week before';
COMMENT ON COLUMN crmlife.weekly_stage_kpi.rate_change IS 'rate - rate_before';
COMMENT ON COLUMN crmlife.weekly_stage_kpi.average_order_before IS 'average_order of the week before';
COMMENT ON COLUMN crmlife.weekly_stage_kpi.comparable IS 'both weeks were counted by the same model and thresholds; NULL: there is no week before';
COMMENT ON COLUMN crmlife.weekly_stage_kpi.model_version IS 'version of the model in crmlife.model_version';

CREATE VIEW crmlife.weekly_flows WITH (security_barrier) AS
WITH label AS MATERIALIZED (SELECT * FROM crmlife.stage_label)
SELECT w.stage_table, w.week, f.stage_order AS from_order, w.from_stage,
       f.label_en AS from_en, f.label_zh AS from_zh,
       t.stage_order AS to_order, w.to_stage, t.label_en AS to_en, t.label_zh AS to_zh,
       w.loyalty, w.customers, w.model_version
FROM crmlife.weekly_flow w
LEFT JOIN label f ON f.stage_table::oid = w.stage_table::oid
  AND f.model_version = w.model_version AND f.stage = w.from_stage
LEFT JOIN label t ON t.stage_table::oid = w.stage_table::oid
  AND t.model_version = w.model_version AND t.stage = w.to_stage
WHERE crmlife._reads_all(w.stage_table::oid);
COMMENT ON VIEW crmlife.weekly_flows IS
  'customers by the stage in which a week found and the one in which it left them, of the stage tables you may read';
COMMENT ON COLUMN crmlife.weekly_flows.stage_table IS 'the stage table';
COMMENT ON COLUMN crmlife.weekly_flows.week IS 'the Monday of a week that is over';
COMMENT ON COLUMN crmlife.weekly_flows.from_order IS 'order of from_stage in reports';
COMMENT ON COLUMN crmlife.weekly_flows.from_stage IS 'stage when the week began; NULL: not known yet';
COMMENT ON COLUMN crmlife.weekly_flows.from_en IS 'English label of from_stage';
COMMENT ON COLUMN crmlife.weekly_flows.from_zh IS 'Chinese label of from_stage';
COMMENT ON COLUMN crmlife.weekly_flows.to_order IS 'order of to_stage in reports';
COMMENT ON COLUMN crmlife.weekly_flows.to_stage IS 'stage when the next week began';
COMMENT ON COLUMN crmlife.weekly_flows.to_en IS 'English label of to_stage';
COMMENT ON COLUMN crmlife.weekly_flows.to_zh IS 'Chinese label of to_stage';
COMMENT ON COLUMN crmlife.weekly_flows.loyalty IS 'new: one order before the week, returning: two or more; NULL: none';
COMMENT ON COLUMN crmlife.weekly_flows.customers IS 'customers who went this way, or stayed';
COMMENT ON COLUMN crmlife.weekly_flows.model_version IS 'version of the model in crmlife.model_version';

CREATE VIEW crmlife.churn_rate WITH (security_barrier) AS
WITH counted AS (
  SELECT w.stage_table::oid AS stage_table, w.week, w.loyalty,
         sum(w.customers) FILTER (WHERE w.to_stage ~ '^(churn|churned|churned_new|churned_returning|lost|cant_lose)$')::bigint AS churned,
         sum(w.customers)::bigint AS customers
  FROM crmlife.weekly_flow w
  WHERE w.loyalty IS NOT NULL
    AND w.from_stage !~ '^(churn|churned|churned_new|churned_returning|lost|cant_lose)$'
    AND crmlife._reads_all(w.stage_table::oid)
  GROUP BY 1, 2, 3),
rated AS (
  SELECT c.stage_table, c.week, c.loyalty, coalesce(c.churned, 0) AS churned, c.customers,
         coalesce(c.churned, 0)::float8 / nullif(c.customers, 0)::float8 AS churn_rate
  FROM counted c)
SELECT r.stage_table::regclass AS stage_table, r.week, r.loyalty, r.churned, r.customers,
       r.churn_rate, r.churn_rate_before, r.churn_rate - r.churn_rate_before AS change
FROM (SELECT p.*, pg_catalog.first_value(p.churn_rate) OVER week AS churn_rate_before
      FROM rated p
      WINDOW week AS (PARTITION BY p.stage_table, p.loyalty ORDER BY p.week
                      RANGE BETWEEN interval '7 days' PRECEDING AND interval '7 days' PRECEDING)) r;
COMMENT ON VIEW crmlife.churn_rate IS
  'of the customers with an order who were not churned when a week began, those who were at its end, of the stage tables you may read; stages called churned, churn, lost and cant_lose count as churned';
COMMENT ON COLUMN crmlife.churn_rate.stage_table IS 'the stage table';
COMMENT ON COLUMN crmlife.churn_rate.week IS 'the Monday of a week that is over';
COMMENT ON COLUMN crmlife.churn_rate.loyalty IS 'new: one order before the week, returning: two or more';
COMMENT ON COLUMN crmlife.churn_rate.churned IS 'customers who churned in the week';
COMMENT ON COLUMN crmlife.churn_rate.customers IS 'customers who were not churned when it began';
COMMENT ON COLUMN crmlife.churn_rate.churn_rate IS 'churned / customers';
COMMENT ON COLUMN crmlife.churn_rate.churn_rate_before IS 'churn_rate of the week before';
COMMENT ON COLUMN crmlife.churn_rate.change IS 'churn_rate - churn_rate_before';

-- Customers whose first order lies in the last 20 years, whatever dates there
-- are; months up to the one of the day that the stage table shows.
CREATE VIEW crmlife._cohort WITH (security_barrier) AS
SELECT c.stage_table, c.cohort, p.period, c.customers, p.period < c.age AS over
FROM (SELECT c.stage_table, c.cohort, c.customers,
             (extract(year FROM f.day)::integer - extract(year FROM c.cohort)::integer) * 12
               + extract(month FROM f.day)::integer - extract(month FROM c.cohort)::integer AS age
      FROM crmlife.figures_state f
      JOIN crmlife.tally_cohort c ON c.stage_table = f.stage_table::oid
      WHERE c.period = 0 AND c.customers > 0 AND f.day - c.cohort < 7280
        AND crmlife._reads_all(c.stage_table)) c
CROSS JOIN LATERAL pg_catalog.generate_series(0, c.age) p (period);
COMMENT ON VIEW crmlife._cohort IS
  'internal to the views crmlife.cohorts and crmlife.revenue_cohort: their rows';
COMMENT ON COLUMN crmlife._cohort.stage_table IS 'oid of the stage table';
COMMENT ON COLUMN crmlife._cohort.cohort IS 'first day of the month of the first order';
COMMENT ON COLUMN crmlife._cohort.period IS 'so many months after it';
COMMENT ON COLUMN crmlife._cohort.customers IS 'all customers of the cohort';
COMMENT ON COLUMN crmlife._cohort.over IS 'the month is over on the day that the stage table shows';

CREATE VIEW crmlife.cohorts WITH (security_barrier) AS
SELECT c.stage_table::regclass AS stage_table, c.cohort, c.period, c.customers,
       coalesce(t.customers, 0) AS retained,
       CASE WHEN c.over THEN coalesce(t.customers, 0)::float8 / nullif(c.customers, 0)::float8 END AS rate
FROM crmlife._cohort c
LEFT JOIN crmlife.tally_cohort t
  ON t.stage_table = c.stage_table AND t.cohort = c.cohort AND t.period = c.period;
COMMENT ON VIEW crmlife.cohorts IS
  'customers by the month of their first order, and those who ordered in each month since, of the stage tables you may read';
COMMENT ON COLUMN crmlife.cohorts.stage_table IS 'the stage table';
COMMENT ON COLUMN crmlife.cohorts.cohort IS 'first day of the month of the first order';
COMMENT ON COLUMN crmlife.cohorts.period IS 'so many months after it';
COMMENT ON COLUMN crmlife.cohorts.customers IS 'all customers of the cohort';
COMMENT ON COLUMN crmlife.cohorts.retained IS 'of these, with an order in the month (so far, while it is not over)';
COMMENT ON COLUMN crmlife.cohorts.rate IS 'retained / customers; NULL while the month is not over';

CREATE VIEW crmlife.revenue_cohort WITH (security_barrier) AS
WITH brought AS (
  SELECT c.stage_table, c.cohort, c.period, c.customers, c.over,
         CASE WHEN c.over THEN coalesce(t.orders, 0) END AS orders,
         CASE WHEN c.over THEN coalesce(t.revenue, 0) END AS revenue
  FROM crmlife._cohort c
  LEFT JOIN crmlife.tally_cohort t
    ON t.stage_table = c.stage_table AND t.cohort = c.cohort AND t.period = c.period)
SELECT c.stage_table::regclass AS stage_table, c.cohort, c.period, c.customers, c.orders, c.revenue,
       c.revenue / nullif(c.orders, 0)::numeric AS average_order,
       CASE WHEN c.over THEN sum(c.revenue) OVER (PARTITION BY c.stage_table, c.cohort ORDER BY c.period)
                             / nullif(c.customers, 0)::numeric END AS revenue_per_customer
FROM brought c;
COMMENT ON VIEW crmlife.revenue_cohort IS
  'customers by the month of their first order, and what they brought in each month since, of the stage tables you may read';
COMMENT ON COLUMN crmlife.revenue_cohort.stage_table IS 'the stage table';
COMMENT ON COLUMN crmlife.revenue_cohort.cohort IS 'first day of the month of the first order';
COMMENT ON COLUMN crmlife.revenue_cohort.period IS 'so many months after it';
COMMENT ON COLUMN crmlife.revenue_cohort.customers IS 'all customers of the cohort';
COMMENT ON COLUMN crmlife.revenue_cohort.orders IS 'their orders in the month; NULL while it is not over';
COMMENT ON COLUMN crmlife.revenue_cohort.revenue IS 'their revenue in the month, refunds taken off; NULL while it is not over';
COMMENT ON COLUMN crmlife.revenue_cohort.average_order IS 'revenue / orders';
COMMENT ON COLUMN crmlife.revenue_cohort.revenue_per_customer IS 'revenue up to the month / customers; NULL while the month is not over';

-- Days of a cohort that are over for a customer are those before the day that
-- the stage table shows.
CREATE VIEW crmlife.second_purchase WITH (security_barrier) AS
WITH counted AS (
  SELECT t.stage_table, pg_catalog.date_trunc('month', t.first_day::timestamp)::date AS cohort, w.days,
         sum(t.customers)::bigint AS customers,
         coalesce(sum(t.customers) FILTER (WHERE f.day - t.first_day > w.days), 0)::bigint AS mature,
         coalesce(sum(w.again) FILTER (WHERE f.day - t.first_day > w.days), 0)::bigint AS again
  FROM crmlife.figures_state f
  JOIN crmlife.tally_day t ON t.stage_table = f.stage_table::oid
  CROSS JOIN LATERAL (VALUES (30, t.again_30), (45, t.again_45), (60, t.again_60),
                             (90, t.again_90), (180, t.again_180), (365, t.again_365)) w (days, again)
  WHERE f.day - t.first_day < 7280 AND f.weeks IS NOT NULL
    AND crmlife._reads_all(t.stage_table)
  GROUP BY 1, 2, 3)
SELECT c.stage_table::regclass AS stage_table, c.cohort, c.days, c.customers, c.mature, c.again,
       c.again::float8 / nullif(c.mature, 0)::float8 AS rate
FROM counted c WHERE c.customers > 0;
COMMENT ON VIEW crmlife.second_purchase IS
  'customers by the month of their first order, and those with another day of orders within so many days, of the stage tables you may read';
COMMENT ON COLUMN crmlife.second_purchase.stage_table IS 'the stage table';
COMMENT ON COLUMN crmlife.second_purchase.cohort IS 'first day of the month of the first order';
COMMENT ON COLUMN crmlife.second_purchase.days IS 'days after the first order: 30, 45, 60, 90, 180, 365';
COMMENT ON COLUMN crmlife.second_purchase.customers IS 'all customers of the cohort';
COMMENT ON COLUMN crmlife.second_purchase.mature IS 'of these, those for whom the days are over';
COMMENT ON COLUMN crmlife.second_purchase.again IS 'of these, with a second day of orders within the days';
COMMENT ON COLUMN crmlife.second_purchase.rate IS 'again / mature; NULL while the days are over for nobody';

CREATE VIEW crmlife.order_funnel WITH (security_barrier) AS
WITH step AS (
  SELECT t.stage_table, k.k,
         coalesce(sum(t.customers) FILTER (WHERE t.orders >= k.k), 0)::bigint AS reached,
         coalesce(sum(t.customers) FILTER (WHERE t.orders > k.k), 0)::bigint AS converted
  FROM crmlife.tally_orders t CROSS JOIN pg_catalog.generate_series(1, 10) k (k)
  WHERE crmlife._reads_all(t.stage_table)
  GROUP BY t.stage_table, k.k)
SELECT s.stage_table::regclass AS stage_table, s.k, s.reached, s.converted,
       s.converted::float8 / nullif(s.reached, 0)::float8 AS rate,
       s.k = pg_catalog.first_value(s.k) OVER (PARTITION BY s.stage_table
                                    ORDER BY s.converted::numeric / s.reached::numeric, s.k) AS is_largest_gap
FROM step s WHERE s.reached > 0;
COMMENT ON VIEW crmlife.order_funnel IS
  'customers with a k-th order, and those of them with one more, of the stage tables you may read';
COMMENT ON COLUMN crmlife.order_funnel.stage_table IS 'the stage table';
COMMENT ON COLUMN crmlife.order_funnel.k IS 'number of the order, 1 to 10';
COMMENT ON COLUMN crmlife.order_funnel.reached IS 'customers with a k-th order';
COMMENT ON COLUMN crmlife.order_funnel.converted IS 'of these, with one more';
COMMENT ON COLUMN crmlife.order_funnel.rate IS 'converted / reached; NULL if nobody reached it';
COMMENT ON COLUMN crmlife.order_funnel.is_largest_gap IS 'the lowest rate of all steps, the first of equal ones';

GRANT SELECT ON crmlife.cohorts, crmlife.revenue_cohort,
  crmlife.second_purchase, crmlife.order_funnel TO PUBLIC;
GRANT SELECT ON crmlife.overview, crmlife.overview_hours, crmlife.stage_label,
  crmlife.snapshots, crmlife.weekly_kpi, crmlife.weekly_stage_kpi,
  crmlife.weekly_flows, crmlife.churn_rate TO PUBLIC;

CREATE FUNCTION crmlife.recount_figures(
  stage_table regclass, from_day date DEFAULT NULL)
RETURNS void
AS 'MODULE_PATHNAME', 'crm_recount_figures' LANGUAGE C VOLATILE;
COMMENT ON FUNCTION crmlife.recount_figures(regclass, date) IS
  'count the days and weeks of a stage table again from a day on, by its present rows and model; without a day all of them';

CREATE FUNCTION crmlife.verify_figures(stage_table regclass)
RETURNS TABLE (cell text, stored text, expected text)
AS 'MODULE_PATHNAME', 'crm_verify_figures' LANGUAGE C VOLATILE STRICT;
COMMENT ON FUNCTION crmlife.verify_figures(regclass) IS
  'add the rows of a stage table up again, in one snapshot, and return what of its figures differs';

CREATE FUNCTION crmlife.forecast(stage_table regclass, days int)
RETURNS TABLE (day date, from_stage text, to_stage text, customers bigint)
AS 'MODULE_PATHNAME', 'crm_forecast' LANGUAGE C VOLATILE STRICT ROWS 100;
COMMENT ON FUNCTION crmlife.forecast(regclass, int) IS
  'how many customers will leave one stage for another on each of the coming days if nobody buys';
