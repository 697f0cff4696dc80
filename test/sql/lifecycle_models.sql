-- The shipped models at their edges, a test for each row of a table: equal to
-- a threshold, one day either side, what a customer lacks.  Each row is asked
-- through every door that can answer it.
\set ECHO none
\pset format unaligned
\pset tuples_only true
SET client_min_messages = warning;
DROP SCHEMA IF EXISTS lifecycle_models CASCADE;
CREATE SCHEMA lifecycle_models;
SET search_path = lifecycle_models, public;
SET TimeZone = 'UTC';
SELECT no_plan();

-- ages in days: of each order (amounts beside them; a negative one is a
-- refund), of the visits, of the registration
CREATE TABLE edge (n serial, model text, orders int[], amounts numeric[], visits int[], registered int, stage text, remark text);
INSERT INTO edge (model, orders, visits, registered, stage, remark) VALUES
-- recency, and the same for new and returning customers
('recency', '{0}', '{}', NULL, 'aftersale', 'ordered today'), ('recency', '{6}', '{}', NULL, 'aftersale', 'one day before'),
('recency', '{7}', '{}', NULL, 'active', 'equal'), ('recency', '{8}', '{}', NULL, 'active', 'one day after'),
('recency', '{89}', '{}', NULL, 'active', 'one day before'), ('recency', '{90}', '{}', NULL, 'silent', 'equal'), ('recency', '{91}', '{}', NULL, 'silent', 'one day after'),
('recency', '{139}', '{}', NULL, 'silent', 'one day before'), ('recency', '{140}', '{}', NULL, 'sleeping', 'equal'), ('recency', '{141}', '{}', NULL, 'sleeping', 'one day after'),
('recency', '{364}', '{}', NULL, 'sleeping', 'one day before'), ('recency', '{365}', '{}', NULL, 'churned', 'equal'), ('recency', '{366,9000}', '{}', NULL, 'churned', 'one day after'),
('recency', '{}', '{0}', 0, 'prospect', 'never ordered'),
('recency_grid', '{0}', '{}', NULL, 'aftersale_new', 'one order'), ('recency_grid', '{0,0}', '{}', NULL, 'aftersale_returning', 'two on one day'),
('recency_grid', '{7}', '{}', NULL, 'active_new', 'equal'), ('recency_grid', '{7,8}', '{}', NULL, 'active_returning', 'equal'),
('recency_grid', '{89}', '{}', NULL, 'active_new', 'one day before'), ('recency_grid', '{90}', '{}', NULL, 'silent_new', 'equal'), ('recency_grid', '{90,400}', '{}', NULL, 'silent_returning', 'equal'),
('recency_grid', '{140}', '{}', NULL, 'sleeping_new', 'equal'), ('recency_grid', '{140,141}', '{}', NULL, 'sleeping_returning', 'equal'),
('recency_grid', '{365}', '{}', NULL, 'churned_new', 'equal'), ('recency_grid', '{365,366}', '{}', NULL, 'churned_returning', 'equal'), ('recency_grid', '{}', '{}', 5, 'prospect', 'never ordered'),
('kpi_bands', '{44}', '{}', NULL, 'within_45', 'one day before'), ('kpi_bands', '{45}', '{}', NULL, 'prechurn_45_90', 'equal'), ('kpi_bands', '{46}', '{}', NULL, 'prechurn_45_90', 'one day after'),
('kpi_bands', '{89}', '{}', NULL, 'prechurn_45_90', 'one day before'), ('kpi_bands', '{90}', '{}', NULL, 'prechurn_90_140', 'equal'), ('kpi_bands', '{139}', '{}', NULL, 'prechurn_90_140', 'one day before'),
('kpi_bands', '{140}', '{}', NULL, 'sleeping_140', 'equal'), ('kpi_bands', '{364}', '{}', NULL, 'sleeping_140', 'one day before'), ('kpi_bands', '{365}', '{}', NULL, 'churned', 'equal'), ('kpi_bands', '{}', '{}', 3, 'prospect', 'never ordered'),
-- membership: nothing bought
('membership', '{}', '{}', 0, 'introduction', 'registered today'), ('membership', '{}', '{}', 59, 'introduction', 'one day before'), ('membership', '{}', '{}', 60, 'introduction', 'equal'), ('membership', '{}', '{}', 61, 'dormancy', 'one day after'),
('membership', '{}', '{}', 180, 'dormancy', 'equal'), ('membership', '{}', '{}', 181, 'churn', 'one day after'), ('membership', '{}', '{5}', NULL, 'introduction', 'seen, not registered'),
-- one order
('membership', '{119}', '{}', NULL, 'growth', 'one day before'), ('membership', '{120}', '{}', NULL, 'growth', 'equal'), ('membership', '{121}', '{}', NULL, 'dormancy', 'one day after'),
('membership', '{365}', '{}', NULL, 'dormancy', 'equal'), ('membership', '{366}', '{}', NULL, 'churn', 'one day after'), ('membership', '{10}', '{}', 900, 'growth', 'an order undoes an old registration'),
('membership', '{121}', '{1}', 5, 'dormancy', 'a visit changes nothing'),
-- several
('membership', '{120,300}', '{}', NULL, 'growth', 'equal'), ('membership', '{121,300}', '{}', NULL, 'dormancy', 'one day after'), ('membership', '{366,500}', '{}', NULL, 'dormancy', 'longer than for one'),
('membership', '{730,900}', '{}', NULL, 'dormancy', 'equal'), ('membership', '{731,900}', '{}', NULL, 'churn', 'one day after'),
('membership', '{10,100,364}', '{}', NULL, 'maturity', 'the last day of the period'), ('membership', '{10,100,365}', '{}', NULL, 'growth', 'one day out of it'), ('membership', '{10,100}', '{}', NULL, 'growth', 'one order too few'),
('membership', '{10,10,10}', '{}', NULL, 'maturity', 'orders, not days'), ('membership', '{121,122,123}', '{}', NULL, 'dormancy', 'dormancy before maturity'),
-- layers
('layers', '{}', '{}', 5, 'potential', 'registered, never seen'), ('layers', '{}', '{}', 900, 'potential', 'however long ago'), ('layers', '{}', '{0}', 5, 'new', 'seen'),
('layers', '{}', '{0}', 30, 'new', 'equal'), ('layers', '{}', '{0}', 31, 'growing', 'one day after'), ('layers', '{}', '{0}', NULL, 'growing', 'not registered'),
('layers', '{}', '{90}', 200, 'growing', 'equal'), ('layers', '{}', '{91}', 200, 'pre_churn', 'one day after'), ('layers', '{}', '{180}', 200, 'pre_churn', 'equal'), ('layers', '{}', '{181}', 200, 'churned', 'one day after'),
('layers', '{90}', '{}', NULL, 'growing', 'an order is activity'), ('layers', '{91}', '{}', NULL, 'pre_churn', 'order without visit'), ('layers', '{181}', '{}', NULL, 'churned', 'order without visit'), ('layers', '{181}', '{90}', NULL, 'growing', 'seen since'),
('layers', '{91}', '{}', 30, 'pre_churn', 'pre-churn before new'), ('layers', '{10,100,364}', '{}', NULL, 'mature', 'the last day of the period'), ('layers', '{10,100,365}', '{}', NULL, 'growing', 'one day out of it'), ('layers', '{10,20,30}', '{}', 30, 'new', 'new before mature'),
-- one day before each edge, and the open cases between them
('membership', '{}', '{}', 179, 'dormancy', 'one day before'), ('membership', '{364}', '{}', NULL, 'dormancy', 'one day before'), ('membership', '{119,300}', '{}', NULL, 'growth', 'one day before'),
('membership', '{729,900}', '{}', NULL, 'dormancy', 'one day before'), ('membership', '{10,100,363}', '{}', NULL, 'maturity', 'one day before'), ('membership', '{10,100,200,300}', '{}', NULL, 'maturity', 'one order more'),
('membership', '{120,300,360}', '{}', NULL, 'maturity', 'dormancy days, equal'), ('membership', '{400,500}', '{}', 3, 'dormancy', 'registered after the orders'),
('layers', '{}', '{0}', 29, 'new', 'one day before'), ('layers', '{}', '{89}', 200, 'growing', 'one day before'), ('layers', '{}', '{179}', 200, 'pre_churn', 'one day before'),
('layers', '{89}', '{}', NULL, 'growing', 'one day before'), ('layers', '{90}', '{}', 31, 'growing', 'equal'), ('layers', '{179}', '{}', NULL, 'pre_churn', 'one day before'), ('layers', '{180}', '{}', NULL, 'pre_churn', 'equal'),
('layers', '{10,100,363}', '{}', NULL, 'mature', 'one day before'), ('layers', '{10,100}', '{}', NULL, 'growing', 'one order too few'), ('layers', '{10,20,30}', '{}', 31, 'mature', 'not new any more'),
('layers', '{}', '{200}', 5, 'churned', 'registered lately, seen long ago'), ('layers', '{400}', '{0}', NULL, 'growing', 'back by a visit'), ('layers', '{}', '{0}', 0, 'new', 'registered and seen today');
INSERT INTO edge (model, orders, amounts, visits, registered, stage, remark) VALUES
('membership', '{10,100,5}', '{20,20,-1}', '{}', NULL, 'growth', 'a refund is no order'), ('membership', '{130,5}', '{20,-20}', '{}', NULL, 'dormancy', 'nor does it wake up'), ('membership', '{5}', '{-20}', '{}', NULL, 'introduction', 'refunds alone'),
('layers', '{5}', '{-20}', '{}', NULL, 'potential', 'refunds alone'), ('layers', '{200,5}', '{20,-20}', '{}', NULL, 'churned', 'a refund is no activity'), ('recency', '{5}', '{-1}', '{}', NULL, 'prospect', 'refunds alone'), ('recency', '{5}', '{0}', '{}', NULL, 'aftersale', 'an order of 0 is one'),
-- engagement: loyal, high_potential, nurture by amount; "higher" is strict
('engagement', '{10,20}', '{75,75.02}', '{}', NULL, 'loyal', 'average above the order value'), ('engagement', '{10,20}', '{75,75}', '{}', NULL, 'high_potential', 'average equal'), ('engagement', '{10,20}', '{75,74}', '{}', NULL, 'high_potential', 'average below'),
('engagement', '{10}', '{75.01}', '{}', NULL, 'high_potential', 'one order above'), ('engagement', '{10}', '{75}', '{}', NULL, 'nurture', 'one order equal'), ('engagement', '{10}', '{5}', '{}', NULL, 'nurture', 'one order below'),
('engagement', '{10,20}', '{100,NULL}', '{}', NULL, 'high_potential', 'an amount that is not known adds nothing'), ('engagement', '{10,9}', '{100,-30}', '{}', NULL, 'nurture', 'a refund lowers the average'),
-- alive by the order: repurchase_period 60, longer than active_period 30
('engagement', '{59,70}', '{100,100}', '{}', NULL, 'loyal', 'one day before'), ('engagement', '{60,70}', '{100,100}', '{}', NULL, 'loyal', 'repurchase period, equal'), ('engagement', '{61,70}', '{100,100}', '{}', NULL, 'silent', 'one day after'),
('engagement', '{45}', '{10}', '{}', NULL, 'nurture', 'beyond the active, within the repurchase period'), ('engagement', '{60}', '{10}', '{}', NULL, 'nurture', 'equal'), ('engagement', '{61}', '{10}', '{}', NULL, 'silent', 'one day after'), ('engagement', '{61}', '{100}', '{}', NULL, 'silent', 'whatever it was worth'),
-- alive by a visit: active_period 30
('engagement', '{200,300}', '{100,100}', '{29}', NULL, 'loyal', 'one day before'), ('engagement', '{200,300}', '{100,100}', '{30}', NULL, 'loyal', 'active period, equal'), ('engagement', '{200,300}', '{100,100}', '{31}', NULL, 'silent', 'one day after'),
('engagement', '{200}', '{10}', '{30}', NULL, 'nurture', 'equal'), ('engagement', '{200}', '{10}', '{31}', NULL, 'silent', 'one day after'),
-- silent, can't lose: churn_period 90
('engagement', '{89}', '{10}', '{}', NULL, 'silent', 'one day before'), ('engagement', '{90}', '{10}', '{}', NULL, 'silent', 'churn period, equal, no visit'), ('engagement', '{91}', '{10}', '{}', NULL, 'cant_lose', 'one day after, no visit'),
('engagement', '{200}', '{10}', '{90}', NULL, 'silent', 'by a visit'), ('engagement', '{200}', '{10}', '{91}', NULL, 'cant_lose', 'one day after'), ('engagement', '{200}', '{10}', '{}', 1, 'cant_lose', 'a registration is no activity'),
-- never ordered
('engagement', '{}', '{}', '{}', 0, 'prospect', 'no visits: by registration alone'), ('engagement', '{}', '{}', '{}', 13, 'prospect', 'one day before'), ('engagement', '{}', '{}', '{}', 14, 'prospect', 'first-purchase period, equal'), ('engagement', '{}', '{}', '{}', 15, 'introduce', 'one day after'), ('engagement', '{}', '{}', '{}', 900, 'introduce', 'never lost without visits'),
('engagement', '{}', '{}', '{29}', NULL, 'prospect', 'one day before; registration unknown'), ('engagement', '{}', '{}', '{30}', NULL, 'prospect', 'active period, equal'), ('engagement', '{}', '{}', '{31}', NULL, 'introduce', 'one day after'),
('engagement', '{}', '{}', '{90}', NULL, 'introduce', 'churn period, equal'), ('engagement', '{}', '{}', '{91}', NULL, 'lost', 'one day after'), ('engagement', '{}', '{}', '{30}', 14, 'prospect', 'both equal'), ('engagement', '{}', '{}', '{30}', 15, 'introduce', 'registered too long ago'),
('engagement', '{}', '{}', '{31}', 3, 'introduce', 'not active'), ('engagement', '{}', '{}', '{91}', 3, 'lost', 'gone'), ('engagement', '{5}', '{-10}', '{}', NULL, 'unclassified', 'refunds alone: nothing is known'), ('engagement', '{5}', '{-10}', '{91}', NULL, 'lost', 'refunds alone, and gone');

CREATE TABLE model_of AS SELECT name, name::crmlife.lifecycle_model AS model FROM (SELECT DISTINCT model AS name FROM edge) AS m;
UPDATE model_of SET model = with_threshold(model, 'order_value', 75) WHERE name = 'engagement';
CREATE TABLE event AS
SELECT n, date '2025-06-30' - age AS at, CASE WHEN amounts IS NULL THEN 10 ELSE amounts[i] END AS amount, 'order' AS kind
FROM edge, unnest(orders) WITH ORDINALITY AS o(age, i)
UNION ALL SELECT n, date '2025-06-30' - age, NULL, 'visit' FROM edge, unnest(visits) AS v(age);
CREATE TABLE member AS SELECT n, date '2025-06-30' - registered AS registered FROM edge WHERE registered IS NOT NULL;

CREATE FUNCTION by_history(edge) RETURNS text LANGUAGE sql AS $$
  SELECT lifecycle_stage(coalesce((SELECT purchase_history(at, amount, kind) FROM event WHERE n = $1.n), 'days:'), date '2025-06-30', model,
                         date '2025-06-30' - $1.registered) FROM model_of WHERE name = $1.model $$;
CREATE FUNCTION by_rows(edge) RETURNS text LANGUAGE sql AS $$
  SELECT lifecycle_stage(at, amount, date '2025-06-30', model) FROM event, model_of WHERE name = $1.model AND n = $1.n AND kind = 'order' $$;
CREATE FUNCTION by_columns(edge) RETURNS text LANGUAGE sql AS $$
  SELECT lifecycle_stage(count(*) FILTER (WHERE ordered), sum(amount), max(at) FILTER (WHERE ordered), date '2025-06-30',
                         (SELECT model FROM model_of WHERE name = $1.model),
                         last_visit => max(at) FILTER (WHERE kind = 'visit'), registered => date '2025-06-30' - $1.registered)
  FROM (SELECT *, kind = 'order' AND coalesce(amount >= 0, true) AS ordered FROM event WHERE n = $1.n) AS e $$;

SELECT is(by_history(e), stage, format('%s: %s', model, concat_ws(', ', 'ordered ' || nullif(array_to_string(orders, ' '), ''), 'for ' || array_to_string(amounts, ' ', 'NULL'), 'seen ' || nullif(array_to_string(visits, ' '), ''), 'registered ' || registered, remark)))
FROM edge AS e ORDER BY n;
SELECT is(count(*) FILTER (WHERE by_columns(e) <> stage), 0::bigint, model || ': from columns') FROM edge AS e WHERE model IN ('recency', 'recency_grid', 'kpi_bands', 'engagement') GROUP BY model ORDER BY model;
SELECT is(count(*) FILTER (WHERE by_rows(e) <> stage), 0::bigint, model || ': from rows') FROM edge AS e WHERE model IN ('recency', 'recency_grid', 'kpi_bands') GROUP BY model ORDER BY model;

-- in a stage table with visits and members
SELECT crmlife.create_stage_table('edge_stage', 'event', 'n', 'at', 'amount', order_filter => $$kind = 'order'$$, visits => 'event', visit_customer => 'n', visited_at => 'at',
  visit_filter => $$kind = 'visit'$$, members => 'member', member_customer => 'n', registered_at => 'registered', timezone => 'UTC') IS NOT NULL AS made \gset
SELECT crmlife.refresh('edge_stage', '2025-06-30', true) IS NOT NULL AS refreshed \gset
CREATE FUNCTION in_table(name text) RETURNS TABLE (n int, stage text) LANGUAGE plpgsql AS $$
#variable_conflict use_column
BEGIN
  PERFORM crmlife.set_model('edge_stage', (SELECT model FROM model_of AS m WHERE m.name = in_table.name));
  RETURN QUERY SELECT s.n::int, s.stage FROM edge_stage AS s JOIN edge USING (n) WHERE model = in_table.name;
END $$;
SELECT set_eq(format('SELECT * FROM in_table(%L)', name), format('SELECT n, stage FROM edge WHERE model = %L', name), name || ': in a stage table') FROM model_of ORDER BY name;
SELECT is(count(*), 6::bigint, 'each model is a version of its own') FROM (SELECT DISTINCT model::text FROM crmlife.model_version WHERE stage_table = 'edge_stage'::regclass) AS v;

-- the order of the periods
SELECT throws_ok($$SELECT with_threshold('engagement', 'churn_period', 30)$$, '22023', 'thresholds break a condition of the stage model', 'churn period equal to the active period');
SELECT throws_ok($$SELECT with_threshold('engagement', 'churn_period', 29)$$, '22023', 'thresholds break a condition of the stage model', 'churn period below the active period');
SELECT throws_ok($$SELECT with_threshold('engagement', 'active_period', 90)$$, '22023', 'thresholds break a condition of the stage model', 'active period up to the churn period');
SELECT crmlife.set_model('edge_stage', (SELECT model FROM model_of WHERE name = 'engagement')) IS NULL AS set \gset
SELECT throws_ok($$SELECT crmlife.set_threshold('edge_stage', 'churn_period', 30)$$, '22023', 'thresholds break a condition of the stage model', 'in a stage table, too');
SELECT lives_ok($$SELECT with_threshold('engagement', 'churn_period', 31)$$, 'one day more');
SELECT is(array_agg(lifecycle_stage(1, 50, date '2025-06-30' - age, date '2025-06-30', with_threshold(with_threshold('engagement', 'order_value', 75), 'repurchase_period', 120)) ORDER BY age),
  '{nurture,nurture,nurture,cant_lose}', 'a repurchase period beyond the churn period keeps alive') FROM unnest('{90,91,120,121}'::int[]) AS age;
SELECT is(array_agg(lifecycle_stage(n, 500, date '2025-06-20', date '2025-06-30', with_threshold('engagement', 'order_value', NULL)) ORDER BY n),
  '{nurture,high_potential}', 'no order value: nothing is above it') FROM generate_series(1, 2) AS n;
SELECT finish();
DROP SCHEMA lifecycle_models CASCADE;
