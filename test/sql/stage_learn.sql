-- Learning the thresholds of a stage table: against plain SQL on random rows
-- with refunds, netted orders, visits and registrations; what is in force;
-- overrides and back; the log of changes; who may see it; what is refused.
\set ECHO none
\pset format unaligned
\pset tuples_only true
\set QUIET on
SET client_min_messages = warning;
DROP SCHEMA IF EXISTS stage_learn CASCADE;
CREATE SCHEMA stage_learn;
SET search_path = stage_learn, public;
SET TimeZone = 'UTC';
SELECT plan(52);

SELECT setseed(0.25) \gset
CREATE TABLE shopper AS
SELECT c, timestamp '2024-01-01' + random() * interval '500 days' AS joined, 1 + (random() * random() * 20)::int AS n FROM generate_series(1, 900) c;
CREATE TABLE sale AS
SELECT c, timestamp '2024-01-01' + random() * interval '560 days' AS at, round((5 + random() * 95)::numeric, 2) AS amount, c * 1000 + i AS number FROM shopper, generate_series(1, n) i;
-- one in ten is taken back, whole or in part, later
INSERT INTO sale SELECT c, at + random() * interval '30 days', -round(amount * CASE WHEN random() < 0.5 THEN 1 ELSE 0.5 END, 2), number FROM sale WHERE random() < 0.1;
CREATE TABLE visit AS
SELECT c, timestamp '2024-01-01' + random() * interval '560 days' AS at FROM shopper, generate_series(1, 3 * n) i;
CREATE TABLE member AS SELECT c, joined FROM shopper WHERE c % 3 > 0;
SELECT crmlife.create_stage_table('stages', 'sale', 'c', 'at', 'amount', order_key => 'number', visits => 'visit', visit_customer => 'c', visited_at => 'at',
  members => 'member', member_customer => 'c', registered_at => 'joined', model => with_threshold('engagement', 'order_value', 50)) \g /dev/null
SELECT crmlife.refresh('stages', '2025-06-30', "full" => true) \g /dev/null
CREATE TABLE before AS SELECT c, stage FROM stages;

-- the same by plain SQL: orders as they stand at the end of the day
CREATE VIEW seen AS SELECT * FROM sale WHERE at::date <= '2025-06-30';
CREATE VIEW live AS
SELECT c, min(at) FILTER (WHERE amount >= 0) AS at FROM seen GROUP BY c, number HAVING bool_or(amount >= 0) AND NOT (bool_or(amount < 0) AND sum(amount) <= 0);
CREATE VIEW order_day AS SELECT DISTINCT c, at::date AS d FROM live;
CREATE VIEW active_day AS SELECT c, d FROM order_day UNION SELECT c, at::date FROM visit WHERE at::date <= '2025-06-30';
CREATE FUNCTION quantile(days regclass, share float8, min_eligible int) RETURNS numeric LANGUAGE plpgsql AS $$
DECLARE result numeric;
BEGIN
  EXECUTE format($q$
    WITH gap AS (SELECT coalesce(next, date '2025-06-30' - 1) - d AS t, next IS NOT NULL AS closed FROM (SELECT c, d, lead(d) OVER (PARTITION BY c ORDER BY d) AS next FROM %s WHERE d < '2025-06-30') x),
    step AS (SELECT t, count(*) FILTER (WHERE closed) AS ended, sum(count(*)) OVER (ORDER BY t DESC) AS risk FROM gap GROUP BY t),
    curve AS (SELECT t, risk, 1 - exp(sum(ln(greatest(1 - ended / risk, 1e-300))) OVER (ORDER BY t)) AS f FROM step),
    range AS (SELECT max(n) AS n FROM generate_series(1, 600) n WHERE (SELECT count(*) FROM gap WHERE t >= n) >= $2)
    SELECT min(t) FROM curve WHERE f >= $1 * (SELECT max(f) FROM curve, range WHERE t <= n) * (1 - 1e-12)$q$, days) INTO result USING share, min_eligible;
  RETURN result;
END $$;

CREATE TABLE lesson AS SELECT * FROM crmlife.learn('stages');
SELECT is((SELECT value FROM lesson WHERE threshold = 'order_value'), (SELECT sum(amount) / (SELECT count(*) FROM live) FROM seen), 'order value: all revenue / orders that stand');
SELECT is((SELECT value FROM lesson WHERE threshold = 'repurchase_period'),
          (SELECT trim_scale(round(avg(next - d), 6)) FROM (SELECT d, lead(d) OVER (PARTITION BY c ORDER BY d) AS next FROM order_day) x), 'repurchase period');
SELECT is((SELECT ROW(value, customers)::text FROM lesson WHERE threshold = 'first_purchase_period'),
          (SELECT ROW(trim_scale(round(avg(first::date - joined::date), 6)), count(*))::text FROM (SELECT c, min(at) AS first FROM live GROUP BY c) f JOIN member USING (c) WHERE joined <= first), 'first purchase period, of those who had joined before');
SELECT is((SELECT value FROM lesson WHERE (threshold, method) = ('repurchase_period_q80', 'hazard')), quantile('order_day', 0.8, 100), 'repurchase period, 80 %');
SELECT is((SELECT value FROM lesson WHERE (threshold, method) = ('active_period', 'hazard')), quantile('active_day', 0.8, 100), 'active period: visits and orders');
SELECT is((SELECT value FROM lesson WHERE (threshold, method) = ('churn_period', 'hazard')), quantile('active_day', 0.95, 100), 'churn period');
SELECT is((SELECT array_agg(ROW(n, eligible, returned)::text ORDER BY n) FROM lesson, unnest(curve) WHERE (threshold, method) = ('active_period', 'smartpush')),
          (SELECT array_agg(ROW(n, eligible, returned)::text ORDER BY n) FROM (SELECT return_curve(c, d, 89, date '2025-06-30') AS c FROM active_day) x, unnest(c)), 'the return curve');
SELECT is((SELECT string_agg(threshold || ' ' || method, ', ' ORDER BY threshold, method) FROM lesson),
          'active_period hazard, active_period smartpush, churn_period hazard, churn_period smartpush, first_purchase_period mean, order_value mean, repurchase_period mean, repurchase_period_q80 hazard, repurchase_period_q80 smartpush', 'all of them, by both methods');
SELECT is((SELECT bool_and(learned_on = '2025-06-30') FROM lesson), true, 'as of the day the table shows');
SELECT is((SELECT string_agg(threshold, ', ' ORDER BY threshold) FROM lesson WHERE reliable AND NOT (high - low <= greatest(CASE WHEN threshold <> 'order_value' THEN 3 ELSE 0 END, value / 4))), NULL, 'what is reliable lies close together');
SELECT is((SELECT string_agg(threshold || ' ' || method, ', ') FROM lesson WHERE reliable AND (low <= value AND value <= high) IS NOT TRUE), NULL, 'around the value');
SELECT cmp_ok((SELECT count(*) FROM lesson WHERE reliable), '>=', 5::bigint, 'some are reliable');
SELECT is((SELECT count(*) FROM lesson WHERE reliable = (reason IS NOT NULL)), 0::bigint, 'where not, a reason is given');

-- again: nothing is left to chance
SELECT is((SELECT array_agg(l::text ORDER BY threshold, method) FROM crmlife.learn('stages') l), (SELECT array_agg(l::text ORDER BY threshold, method) FROM lesson l), 'learned again, it is the same');

-- a year that was entered wrong
BEGIN;
INSERT INTO sale VALUES (1, '0001-01-01', 5, 1), (1000, '0001-01-01', 5, 2);
CREATE TABLE ages AS SELECT * FROM crmlife.learn('stages');
SELECT is((SELECT array_agg(value ORDER BY threshold) FROM ages WHERE method = 'hazard'), ARRAY[quantile('active_day', 0.8, 100), quantile('active_day', 0.95, 100), quantile('order_day', 0.8, 100)], 'gaps of two thousand years');
SELECT is((SELECT array_agg(cardinality(curve)) FROM ages WHERE method = 'hazard'), ARRAY[36525, 36525, 36525], 'the curve goes up to a hundred');
ROLLBACK;

-- in force: what is reliable and by the chosen method
CREATE VIEW in_force AS SELECT threshold, value, source FROM crmlife.threshold WHERE stage_table = 'stages'::regclass;
SELECT results_eq('SELECT threshold, value, source FROM in_force ORDER BY 1',
  $$SELECT m.name, coalesce(l.value, m.value), CASE WHEN l.value IS NULL THEN 'default' ELSE 'learned' END
    FROM model_thresholds(with_threshold('engagement', 'order_value', 50)) m LEFT JOIN lesson l ON l.threshold = m.name AND l.method IN ('mean', 'hazard') AND l.reliable ORDER BY 1$$, 'learned values are in force');
SELECT cmp_ok((SELECT count(*) FROM in_force WHERE source = 'learned'), '>=', 4::bigint, 'they are some');
SELECT is_empty($$SELECT * FROM crmlife.verify('stages')$$, 'and the rows are what they say');
SELECT is((SELECT count(*) FROM stages s JOIN before b USING (c) WHERE s.stage <> b.stage), (SELECT max(moved) FROM crmlife.threshold_changes WHERE cause = 'learned'), 'the log says how many moved');
SELECT cmp_ok((SELECT max(moved) FROM crmlife.threshold_changes), '>', 50::bigint, 'which they did');
SELECT is((SELECT count(*) FROM stages_changes WHERE cause = 'model'), (SELECT max(moved) FROM crmlife.threshold_changes), 'each is in the change log');
SELECT results_eq($$SELECT threshold, old_value, new_value FROM crmlife.threshold_changes WHERE stage_table = 'stages'::regclass ORDER BY 1$$,
  $$SELECT m.name, m.value, l.value FROM model_thresholds(with_threshold('engagement', 'order_value', 50)) m JOIN lesson l ON l.threshold = m.name AND l.method IN ('mean', 'hazard') AND l.reliable WHERE m.value <> l.value ORDER BY 1$$, 'and what changed; learning the same again changes nothing');
SELECT is((SELECT count(*) FROM crmlife.model_version WHERE stage_table = 'stages'::regclass), 2::bigint, 'a version each');

-- by hand, and back
CREATE TABLE learned_stages AS SELECT c, stage, since, changes_on, next_stage FROM stages;
CREATE TABLE learned_model AS SELECT crmlife.effective_model('stages')::text AS model;
SELECT crmlife.set_threshold('stages', 'order_value', 90) \g /dev/null
SELECT results_eq($$SELECT value, source FROM in_force WHERE threshold = 'order_value'$$, $$VALUES (90::numeric, 'override')$$, 'set by hand it wins');
SELECT cmp_ok((SELECT count(*) FROM stages s JOIN learned_stages b USING (c) WHERE s.stage <> b.stage), '>', 20::bigint, 'stages change at once');
SELECT is((SELECT ROW(old_value = l.value, new_value, moved = (SELECT count(*) FROM stages s JOIN learned_stages b USING (c) WHERE s.stage <> b.stage))::text FROM crmlife.threshold_changes c, lesson l WHERE c.cause = 'override' AND l.threshold = 'order_value'), '(t,90,t)', 'the log has it');
SELECT is((SELECT learned_value FROM crmlife.threshold WHERE threshold = 'order_value'), (SELECT value FROM lesson WHERE threshold = 'order_value'), 'what was learned stands beside it');
SELECT count(*) FROM crmlife.learn('stages') \g /dev/null
SELECT is((SELECT value FROM in_force WHERE threshold = 'order_value'), 90::numeric, 'learning does not touch it');
SELECT crmlife.set_threshold('stages', 'order_value', NULL) \g /dev/null
SELECT is((SELECT count(*) FROM learned_stages l FULL JOIN stages s USING (c) WHERE (l.stage, l.since, l.changes_on, l.next_stage) IS DISTINCT FROM (s.stage, s.since, s.changes_on, s.next_stage)), 0::bigint, 'removed, all stages are those of before');
SELECT is(crmlife.effective_model('stages')::text, (SELECT model FROM learned_model), 'and so is the model');
SELECT is((SELECT string_agg(concat_ws(' ', threshold, old_value, new_value = value), ', ') FROM crmlife.threshold_changes JOIN lesson USING (threshold) WHERE cause = 'restored'), 'order_value 90 t', 'the log has that too');
SELECT is_empty($$SELECT * FROM crmlife.verify('stages')$$, 'verify agrees');

-- learned values give way where a value set by hand contradicts them
SELECT crmlife.set_threshold('stages', 'churn_period', 31) \g /dev/null
SELECT is((SELECT string_agg(concat_ws(' ', threshold, value, source), ', ' ORDER BY threshold) FROM in_force WHERE threshold IN ('active_period', 'churn_period')), 'active_period 30 default, churn_period 31 override', 'the default instead of a learned active period that is longer');
SELECT throws_ok($$SELECT crmlife.set_threshold('stages', 'churn_period', 20)$$, '22023', 'thresholds break a condition of the stage model', 'by hand alone it must fit');
SELECT is((SELECT value FROM in_force WHERE threshold = 'churn_period'), 31::numeric, 'and nothing has changed');
SELECT crmlife.set_threshold('stages', 'churn_period', NULL) \g /dev/null

-- a threshold without value is learned when the table is made
SELECT crmlife.create_stage_table('fresh', 'sale', 'c', 'at', 'amount', order_key => 'number', visits => 'visit', visit_customer => 'c', visited_at => 'at', members => 'member', member_customer => 'c', registered_at => 'joined', model => 'engagement') \g /dev/null
SELECT is((SELECT source FROM crmlife.threshold WHERE stage_table = 'fresh'::regclass AND threshold = 'order_value'), 'learned', 'a threshold without default is learned at creation');
CREATE TABLE few AS SELECT * FROM sale WHERE c < 10;
SELECT throws_ok($$SELECT crmlife.create_stage_table('small', 'few', 'c', 'at', 'amount', members => 'member', member_customer => 'c', registered_at => 'joined', model => 'engagement')$$, '22023', 'threshold "order_value" of the stage model has no value', 'unless there is too little to learn it from');
-- who has only orders to come says nothing yet
INSERT INTO sale VALUES (5000, '2031-01-01', 10, 5000000), (5001, '2031-01-01', 10, 5001000);
SELECT is((SELECT array_agg(l::text ORDER BY threshold, method) FROM crmlife.learn('stages') l), (SELECT array_agg(l::text ORDER BY threshold, method) FROM lesson l), 'who has only orders to come says nothing');
DELETE FROM sale WHERE c >= 5000;
-- of segments of one size those are learned from that come first
CREATE TABLE little AS SELECT c, timestamp '2024-01-01' + i * c % 29 * interval '1 day' AS at, c % 7 + i AS amount, lpad((c % 101)::text, 3, '0') AS seg FROM generate_series(1, 202) c, generate_series(1, 3) i;
SELECT crmlife.create_stage_table('many_segments', 'little', 'c', 'at', 'amount', segment => 'seg') \g /dev/null
SELECT crmlife.refresh('many_segments', '2024-06-30', true) \g /dev/null
SELECT is((SELECT count(DISTINCT segment) || ' ' || min(segment) || ' ' || max(segment) FROM crmlife.learn('many_segments', min_eligible => 2) WHERE segment <> ''), '100 000 099', 'of segments of one size the first hundred');
SELECT crmlife.drop_stage_table('many_segments') \g /dev/null

-- who may see it
CREATE ROLE stage_learn_reader;
GRANT USAGE ON SCHEMA stage_learn TO stage_learn_reader;
SET ROLE stage_learn_reader;
SELECT is((SELECT count(*) FROM crmlife.learned_thresholds) + (SELECT count(*) FROM crmlife.threshold_changes), 0::bigint, 'who may not read the table sees nothing');
RESET ROLE;
GRANT SELECT ON stages TO stage_learn_reader;
SET ROLE stage_learn_reader;
SELECT is((SELECT count(*) FROM crmlife.learned_thresholds), 9::bigint, 'who may, sees what was learned');
SELECT throws_ok($$SELECT crmlife.learn('stage_learn.stages')$$, '42501', NULL, 'only the owner learns');
RESET ROLE;

-- refused
CREATE FUNCTION problem(query text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
  EXECUTE query;
  RETURN 'none';
EXCEPTION WHEN OTHERS THEN RETURN SQLSTATE || ' ' || SQLERRM;
END $$;
SELECT is(problem(query), problem, query) FROM (VALUES
  ($$SELECT crmlife.learn('stages', 'guess')$$, '22023 unknown method "guess"'),
  ($$SELECT crmlife.learn('stages', NULL)$$, '22004 arguments of learn must not be null'),
  ($$SELECT crmlife.learn('stages', smoothing => 4)$$, '22023 smoothing must be an odd number of days from 1 to 89'),
  ($$SELECT crmlife.learn('stages', smoothing => -1)$$, '22023 smoothing must be an odd number of days from 1 to 89'),
  ($$SELECT crmlife.learn('stages', smoothing => 91)$$, '22023 smoothing must be an odd number of days from 1 to 89'),
  ($$SELECT crmlife.learn('stages', smoothing => 2147483647)$$, '22023 smoothing must be an odd number of days from 1 to 89'),
  ($$SELECT crmlife.learn('stages', smoothing => 89)$$, 'none'),
  ($$SELECT crmlife.learn('sale')$$, '42704 stage_learn.sale is not a stage table')) v (query, problem);

DROP VIEW in_force;
SELECT count(crmlife.drop_stage_table(t)) FROM unnest(ARRAY['stages', 'fresh']::regclass[]) t \g /dev/null
DROP SCHEMA stage_learn CASCADE;
DROP ROLE stage_learn_reader;
SELECT is((SELECT count(*) FROM crmlife.learned_threshold) + (SELECT count(*) FROM crmlife.threshold_change), 0::bigint, 'nothing is left of dropped tables');
SELECT finish();
