-- Order, zone and labels of own models in every view of the figures.
\set ECHO none
\pset format unaligned
\pset tuples_only true
\set QUIET on
SET client_min_messages = warning;
SET timezone = 'UTC';
SELECT plan(13);
CREATE ROLE labels_owner;
CREATE ROLE labels_team;
CREATE ROLE labels_stranger;
GRANT labels_team TO labels_owner;
CREATE SCHEMA labels_shop AUTHORIZATION labels_owner;
SET search_path = labels_shop, public;
SET ROLE labels_owner;
CREATE TABLE orders (customer int, at date, amount numeric);
INSERT INTO orders SELECT c, current_date - 60 + k * 10, 10 FROM generate_series(1, 30) c, generate_series(0, c % 4) k;
CREATE INDEX ON orders (customer);
INSERT INTO crmlife.model (name, model) VALUES ('labels_fans', 'CASE WHEN orders > many THEN ''fan'' WHEN days_since_order < 40 THEN ''guest'' ELSE ''gone'' END WITH (many = 2)');
SELECT crmlife.create_stage_table('stages', 'orders', 'customer', 'at', 'amount', model => (SELECT model FROM crmlife.model WHERE name = 'labels_fans')) \g /dev/null
CREATE TEMP VIEW labels AS
  SELECT string_agg(concat_ws(' ', stage_order, stage, zone, label_en, label_zh), ', ' ORDER BY model_version, stage_order) AS l
  FROM crmlife.stage_label WHERE stage_table::oid = 'labels_shop.stages'::regclass;
SELECT is(l, '1 fan fan fan, 2 guest guest guest, 3 gone gone gone, 4 unclassified unclassified unclassified', 'without labels the codes stand') FROM labels;
INSERT INTO crmlife.model_label VALUES ('labels_fans', 'fan', 3, 'grow', 'Fan', '粉丝'), ('labels_fans', 'guest', 1, 'acquire', 'Guest', '客人'), ('labels_fans', 'gone', 2, 'retain', NULL, '流失');
SELECT is(l, '1 guest acquire Guest 客人, 2 gone retain gone 流失, 3 fan grow Fan 粉丝, 4 unclassified unclassified unclassified', 'labels, zone and order of the model') FROM labels;
-- another threshold is the same model
SELECT crmlife.set_threshold('stages', 'many', 1) \g /dev/null
SELECT is((SELECT count(*) FROM crmlife.stage_label WHERE stage_table::oid = 'stages'::regclass AND label_en = 'Guest'), 2::bigint, 'whatever its thresholds');
SELECT is((SELECT string_agg(DISTINCT concat_ws(' ', stage_order, label_en, label_zh), ', ') FROM crmlife.snapshots WHERE stage_table::oid = 'stages'::regclass AND stage = 'guest'), '1 Guest 客人', 'in the counts by day');
SELECT is((SELECT string_agg(DISTINCT concat_ws(' ', stage_order, label_en, label_zh), ', ') FROM crmlife.weekly_stage_kpi WHERE stage_table::oid = 'stages'::regclass AND stage = 'guest'), '1 Guest 客人', 'in the weekly figures');
SELECT is((SELECT string_agg(DISTINCT concat_ws(' ', from_order, from_en, from_zh, to_order, to_en, to_zh), ', ') FROM crmlife.weekly_flows WHERE stage_table::oid = 'stages'::regclass AND from_stage = 'guest' AND to_stage = 'fan'), '1 Guest 客人 3 Fan 粉丝', 'in the flows');
UPDATE crmlife.model_label SET label_en = 'Visitor' WHERE model = 'labels_fans' AND stage = 'guest';
SELECT is((SELECT string_agg(DISTINCT label_en, ', ') FROM crmlife.snapshots WHERE stage_table::oid = 'stages'::regclass AND stage = 'guest'), 'Visitor', 'a new label is there at once, for past days too');
-- whose labels
SET ROLE labels_stranger;
INSERT INTO crmlife.model (name, model) SELECT 'a_strange_one', model FROM crmlife.model WHERE name = 'labels_fans';
INSERT INTO crmlife.model_label VALUES ('a_strange_one', 'guest', 9, 'grow', 'Click here', '点这里');
SET ROLE labels_owner;
SELECT is((SELECT string_agg(DISTINCT label_en, ', ') FROM crmlife.snapshots WHERE stage_table::oid = 'stages'::regclass AND stage = 'guest'), 'Visitor', 'a stranger names nothing');
DELETE FROM crmlife.model WHERE name = 'labels_fans';
SELECT is((SELECT string_agg(DISTINCT label_en, ', ') FROM crmlife.snapshots WHERE stage_table::oid = 'stages'::regclass AND stage = 'guest'), 'guest', 'not even where nobody else does');
INSERT INTO crmlife.model (name, model, owner) VALUES ('labels_ours', 'CASE WHEN orders > many THEN ''fan'' WHEN days_since_order < 40 THEN ''guest'' ELSE ''gone'' END WITH (many = 7)', 'labels_team');
INSERT INTO crmlife.model_label VALUES ('labels_ours', 'guest', 1, 'acquire', 'Team guest', '客');
SELECT is((SELECT string_agg(DISTINCT label_en, ', ') FROM crmlife.snapshots WHERE stage_table::oid = 'stages'::regclass AND stage = 'guest'), 'Team guest', 'a team of the owner does');
INSERT INTO crmlife.model (name, model) SELECT 'labels_zz', model FROM crmlife.model WHERE name = 'labels_ours';
INSERT INTO crmlife.model_label VALUES ('labels_zz', 'guest', 1, 'acquire', 'My guest', '客');
SELECT is((SELECT string_agg(DISTINCT label_en, ', ') FROM crmlife.snapshots WHERE stage_table::oid = 'stages'::regclass AND stage = 'guest'), 'My guest', 'and the owner before the team');
-- shipped models keep theirs; who may not read the table sees no label
SELECT crmlife.set_model('stages', 'recency') \g /dev/null
SELECT is((SELECT string_agg(label_en, ', ' ORDER BY stage_order) FROM crmlife.stage_label WHERE stage_table::oid = 'stages'::regclass AND model_version = 3),
  (SELECT string_agg(label_en, ', ' ORDER BY position) FROM crmlife.model_stage WHERE model = 'recency'), 'shipped models have their own');
SET ROLE labels_stranger;
SELECT is((SELECT count(*) FROM crmlife.stage_label WHERE stage_table::oid IN (SELECT oid FROM pg_class WHERE relname = 'stages' AND relnamespace = (SELECT oid FROM pg_namespace WHERE nspname = 'labels_shop'))), 0::bigint, 'who may not read the stage table sees no label of it');
RESET ROLE;
DELETE FROM crmlife.model WHERE owner IN ('labels_owner', 'labels_team', 'labels_stranger');
DROP VIEW labels;
SELECT crmlife.drop_stage_table('stages') \g /dev/null
DROP SCHEMA labels_shop CASCADE;
DROP OWNED BY labels_owner, labels_team, labels_stranger;
DROP ROLE labels_owner, labels_team, labels_stranger;
SELECT finish();
