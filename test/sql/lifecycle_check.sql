-- lifecycle_check: thirty faulty models, the shipped ones, and random models
-- against all customers of a small world.
\set ECHO none
\pset format unaligned
\pset tuples_only true
SET client_min_messages = warning;
DROP SCHEMA IF EXISTS lifecycle_check CASCADE;
CREATE SCHEMA lifecycle_check;
SET search_path = lifecycle_check, public;
SET jit = off;
SELECT setseed(0.1618) IS NOT NULL AS seeded \gset
SELECT no_plan();

CREATE FUNCTION findings(model crmlife.lifecycle_model) RETURNS text LANGUAGE sql AS $$
  SELECT string_agg(concat_ws(' ', severity, branch, message), E'\n') FROM lifecycle_check(model) $$;

SELECT is(findings(m::crmlife.lifecycle_model), NULL, m || ' has no fault')
FROM unnest('{recency,recency_grid,kpi_bands,engagement,membership,layers}'::text[]) AS m;
SELECT is(findings(with_threshold('engagement', 'order_value', 75)), NULL, 'engagement with an order value has no fault');

CREATE TABLE faulty (n serial, model text, expected text);
INSERT INTO faulty (model, expected) VALUES
-- thresholds in an order that empties a stage
($$CASE WHEN days_since_active <= active THEN 'active' WHEN days_since_active <= churn THEN 'silent' WHEN days_since_active > churn THEN 'lost' ELSE 'new' END WITH (active = 90, churn = 90)$$,
 'error 2 no customer can be in stage "silent": where "days_since_active <= churn" holds, branch 1 applies (active = 90, churn = 90)'),
($$CASE WHEN days_since_active <= active THEN 'active' WHEN days_since_active <= churn THEN 'silent' WHEN days_since_active > churn THEN 'lost' ELSE 'new' END WITH (active = 90, churn = 30)$$,
 'error 2 no customer can be in stage "silent": where "days_since_active <= churn" holds, branch 1 applies (active = 90, churn = 30)'),
((with_threshold('recency', 'silent_days', 90))::text,
 'error 3 no customer can be in stage "silent": where "days_since_order < silent_days" holds, branch 1 or 2 applies (aftersale_days = 7, active_days = 90, silent_days = 90)'),
((with_threshold('recency', 'aftersale_days', 0))::text,
 'error 1 no customer can be in stage "aftersale": "days_since_order < aftersale_days" never holds (aftersale_days = 0)'),
((with_threshold('recency', 'sleeping_days', NULL))::text,
 'error 4 no customer can be in stage "sleeping": "days_since_order < sleeping_days" never holds (sleeping_days = NULL)'),
((with_threshold('layers', 'pre_churn_days', 200))::text,
 'error 3 no customer can be in stage "pre_churn": where "days_since_active > pre_churn_days" holds, branch 2 applies (churn_days = 180, pre_churn_days = 200)'),
((with_threshold('membership', 'dormant_unbought_days', 200))::text, NULL),
((with_threshold('membership', 'mature_orders', 0))::text,
 'error else no customer can be in stage "growth": every customer has a branch before ELSE'),
((with_threshold('membership', 'period_days', 0))::text,
 'error 4 no customer can be in stage "maturity": "orders_in(period_days) >= mature_orders" never holds (period_days = 0, mature_orders = 3)'),
((with_threshold('recency_grid', 'active_days', 5))::text,
 E'error 2.1 no customer can be in stage "active_new": where "orders = 1" holds, branch 1.1, 3.1, 4.1 or 5.1 applies\n'
 'error 2.else no customer can be in stage "active_returning": every customer has a branch before ELSE'),
-- conditions that never hold
($$CASE WHEN orders < 0 THEN 'x' ELSE 'y' END$$, 'error 1 no customer can be in stage "x": "orders < 0" never holds'),
($$CASE WHEN orders = 0 AND days_since_order < 30 THEN 'x' ELSE 'y' END$$, 'error 1 no customer can be in stage "x": "orders = 0 AND days_since_order < 30" never holds'),
($$CASE WHEN days_since_order > 90 AND days_since_first_order < 60 THEN 'x' ELSE 'y' END$$,
 'error 1 no customer can be in stage "x": "days_since_order > 90 AND days_since_first_order < 60" never holds'),
($$CASE WHEN days_since_active > 30 AND days_since_visit <= 30 THEN 'x' ELSE 'y' END$$,
 'error 1 no customer can be in stage "x": "days_since_active > 30 AND days_since_visit <= 30" never holds'),
($$CASE WHEN orders >= 1 AND days_since_order IS NULL THEN 'x' ELSE 'y' END$$,
 'error 1 no customer can be in stage "x": "orders >= 1 AND days_since_order IS NULL" never holds'),
($$CASE WHEN order_days > 3 AND orders <= 3 THEN 'x' ELSE 'y' END$$, 'error 1 no customer can be in stage "x": "order_days > 3 AND orders <= 3" never holds'),
($$CASE WHEN orders = 1 AND days_since_order <> days_since_first_order THEN 'x' ELSE 'y' END$$,
 'warning 1 no customer can be in stage "x", by the numbers of the model at least: "orders = 1 AND days_since_order <> days_since_first_order" never holds'),
($$CASE WHEN orders_in(30) >= 1 AND days_since_order >= 30 THEN 'x' ELSE 'y' END$$,
 'error 1 no customer can be in stage "x": "orders_in(30) >= 1 AND days_since_order >= 30" never holds'),
($$CASE WHEN orders_in(30) >= 2 AND orders_in(90) < 2 THEN 'x' ELSE 'y' END$$,
 'error 1 no customer can be in stage "x": "orders_in(30) >= 2 AND orders_in(90) < 2" never holds'),
($$CASE WHEN visits_in(7) > 0 AND days_since_visit > 7 THEN 'x' ELSE 'y' END$$,
 'error 1 no customer can be in stage "x": "visits_in(7) > 0 AND days_since_visit > 7" never holds'),
($$CASE WHEN orders = 0 AND revenue > 0 THEN 'x' ELSE 'y' END$$, 'error 1 no customer can be in stage "x": "orders = 0 AND revenue > 0" never holds'),
($$CASE WHEN orders = 2 AND revenue < 100 AND average_order > 50 THEN 'x' ELSE 'y' END$$,
 'error 1 no customer can be in stage "x": "orders = 2 AND revenue < 100 AND average_order > 50" never holds'),
($$CASE WHEN orders BETWEEN 5 AND 3 THEN 'x' ELSE 'y' END$$, 'error 1 no customer can be in stage "x": "orders BETWEEN 5 AND 3" never holds'),
($$CASE WHEN days_since_order / 7 > 4 AND days_since_order < 30 THEN 'x' ELSE 'y' END$$,
 'error 1 no customer can be in stage "x": "days_since_order / 7 > 4 AND days_since_order < 30" never holds'),
($$CASE WHEN orders = 1 AND days_since_active IS NULL THEN 'x' ELSE 'y' END$$,
 'error 1 no customer can be in stage "x": "orders = 1 AND days_since_active IS NULL" never holds'),
($$CASE WHEN visits_in(0) > 0 THEN 'x' ELSE 'y' END$$, 'error 1 no customer can be in stage "x": "visits_in(0) > 0" never holds'),
($$CASE WHEN revenue_in(0) > 0 THEN 'x' ELSE 'y' END$$, 'error 1 no customer can be in stage "x": "revenue_in(0) > 0" never holds'),
($$CASE WHEN revenue_in(30) > 0 AND orders = 0 THEN 'x' ELSE 'y' END$$, 'error 1 no customer can be in stage "x": "revenue_in(30) > 0 AND orders = 0" never holds'),
($$CASE WHEN revenue_in(30) > 0 AND days_since_order >= 30 THEN 'x' ELSE 'y' END$$,
 'error 1 no customer can be in stage "x": "revenue_in(30) > 0 AND days_since_order >= 30" never holds'),
($$CASE WHEN revenue > 10 AND revenue_in(90) < 10 AND days_since_first_order < 90 THEN 'x' ELSE 'y' END$$,
 'error 1 no customer can be in stage "x": "revenue > 10 AND revenue_in(90) < 10 AND days_since_first_order < 90" never holds'),
($$CASE WHEN orders_in(99999999999) > 1 AND orders < 2 THEN 'x' ELSE 'y' END$$,
 'error 1 no customer can be in stage "x": "orders_in(99999999999) > 1 AND orders < 2" never holds'),
($$CASE WHEN orders > 170141183460469231731687303715884105728 THEN 'x' WHEN orders < -170141183460469231731687303715884105728 THEN 'z' ELSE 'y' END$$,
 E'error 1 no customer can be in stage "x": "orders > 170141183460469231731687303715884105728" never holds\n'
 'error 2 no customer can be in stage "z": "orders < -170141183460469231731687303715884105728" never holds'),
-- branches in the shadow of others
($$CASE WHEN orders > 1 THEN 'many' WHEN orders > 5 THEN 'fan' ELSE 'few' END$$, 'error 2 no customer can be in stage "fan": where "orders > 5" holds, branch 1 applies'),
($$CASE WHEN orders > 1 THEN 'a' WHEN days_since_order < 30 THEN 'b' WHEN days_since_order < 10 THEN 'a' ELSE 'c' END$$,
 'warning 3 branch is never reached: where "days_since_order < 10" holds, branch 1 or 2 applies'),
($$CASE WHEN orders IS NOT NULL THEN 'a' ELSE 'b' END$$, 'error else no customer can be in stage "b": every customer has a branch before ELSE'),
($$CASE WHEN days_since_order < 30 THEN 'a' WHEN days_since_order >= 30 THEN 'b' WHEN orders = 0 THEN 'c' ELSE 'a' END$$,
 'warning else branch is never reached: every customer has a branch before ELSE'),
-- no ELSE
($$CASE WHEN days_since_order < 30 THEN 'a' WHEN days_since_order > 30 THEN 'b' END$$, 'warning else no ELSE: a customer with days_since_order = NULL is unclassified'),
($$CASE WHEN orders = 0 THEN 'a' WHEN orders >= 1 THEN 'b' END$$, 'notice else no ELSE, but every customer has a branch'),
($$CASE WHEN orders > 0 THEN CASE WHEN days_since_order < 9 THEN 'a' END ELSE 'b' END$$,
 'warning 1.else no ELSE: a customer with orders = 1, days_since_order = 9 is unclassified'),
($$CASE WHEN orders >= 0 THEN 'x' ELSE 'unclassified' END$$, 'notice else no customer can be in stage "unclassified": every customer has a branch before ELSE'),
($$CASE WHEN 1 > 2 THEN 'a' END$$, E'error 1 no customer can be in stage "a": "1 > 2" never holds\nwarning else no ELSE: a customer with any facts is unclassified'),
-- orders on several days did not all begin today
($$CASE WHEN order_days >= 2 AND days_since_first_order < 1 THEN 'a' ELSE 'b' END$$, 'error 1 no customer can be in stage "a": "order_days >= 2 AND days_since_first_order < 1" never holds'),
($$CASE WHEN order_days = 1 AND days_since_first_order = 5 AND days_since_visit IS NULL AND days_since_active < 5 THEN 'a' ELSE 'b' END$$,
 'error 1 no customer can be in stage "a": "order_days = 1 AND days_since_first_order = 5 AND days_since_visit IS NULL AND days_since_active < 5" never holds'),
-- errors, and what is not used
($$CASE WHEN 100 / orders > 50 THEN 'a' ELSE 'b' END$$, 'warning a customer with orders = 0 has no stage: the evaluation raises an error'),
($$CASE WHEN orders > big THEN 'a' ELSE 'b' END WITH (big = 3, bigger = 5)$$, 'notice threshold bigger is not used');
SELECT is(findings(model::crmlife.lifecycle_model), expected, 'found: ' || left(translate(regexp_replace(model, ' +', ' ', 'g'), E'\n', ' '), 70)) FROM faulty ORDER BY n;
SELECT is(count(*) FILTER (WHERE expected IS NOT NULL), 44::bigint, 'faults') FROM faulty;
SELECT is(findings($$CASE WHEN orders > limit_a THEN 'a' WHEN orders > limit_b THEN 'b' ELSE 'c' END WITH (limit_a, limit_b)$$), NULL, 'a threshold without a value may have any');
SELECT is(findings($$CASE WHEN orders_in(some_days) > 1 THEN 'a' ELSE 'c' END WITH (some_days)$$), NULL, 'so may the days of a window');
SELECT is((SELECT count(*) FROM lifecycle_check(NULL)), 0::bigint, 'NULL has no fault');
SELECT is(findings(('CASE WHEN orders + days_since_order + days_since_visit + days_since_registered < 0 THEN ''a'' WHEN ' ||
                    string_agg(fact || ' IN (10, 20, 30, 40, 50, 60, 70, 80, 90, 100, 110, 120, 130, 140, 150, 160, 170, 180, 190, 200)', ' AND ') || ' THEN ''b'' ELSE ''c'' END')::crmlife.lifecycle_model),
          'notice the model has too many ways through it to try all: 2 of its 3 results were reached', 'too large to be searched') FROM unnest('{orders,days_since_order,days_since_visit,days_since_registered}'::text[]) AS fact;

-- ----- brute force -----
CREATE FUNCTION pick(VARIADIC choices text[]) RETURNS text LANGUAGE sql AS
$$ SELECT choices[1 + floor(random() * cardinality(choices))::int] $$;
-- each branch its own stage
CREATE FUNCTION random_model(facts text[], small text) RETURNS text LANGUAGE sql AS $$
  SELECT 'CASE ' || string_agg('WHEN ' || a || CASE WHEN random() < 0.6 THEN pick(' AND ', ' OR ', ' AND NOT ') || b ELSE '' END
                               || ' THEN ''s' || i || '''', ' ' ORDER BY i) || ' ELSE ''s0'' END'
  FROM (SELECT i, max(t) FILTER (WHERE k = 1) AS a, max(t) FILTER (WHERE k = 2) AS b
        FROM (SELECT i, k, CASE WHEN random() < 0.1 THEN f || pick(' IS NULL', ' IS NOT NULL') ELSE f || pick(' < ', ' <= ', ' > ', ' >= ', ' = ', ' <> ')
                           || CASE WHEN f ~ small THEN pick('0', '1') ELSE pick('0', '1', '2', '3') END END AS t
              FROM (SELECT i, k, facts[1 + floor(random() * cardinality(facts))::int] AS f
                    FROM generate_series(1, 6) AS i, generate_series(1, 2) AS k OFFSET 0) AS p) AS q GROUP BY i) AS r $$;
-- what the check says can't be reached
CREATE FUNCTION unreached(model text) RETURNS text LANGUAGE sql AS $$
  SELECT coalesce(string_agg(CASE branch WHEN 'else' THEN 's0' ELSE 's' || branch END, ' ' ORDER BY branch = 'else' DESC, branch), '')
  FROM lifecycle_check(model::crmlife.lifecycle_model) WHERE severity IN ('error', 'warning') AND branch IS NOT NULL $$;

-- from columns: every customer with up to 4 orders, ages beyond all constants
CREATE TABLE customer AS
SELECT n AS orders, last, first, days, visit, registered
FROM generate_series(0, 4) AS n
  CROSS JOIN LATERAL (SELECT NULL::int AS last, NULL::int AS first, 0 AS days WHERE n = 0
                      UNION ALL SELECT l, f, d FROM generate_series(0, 4) AS l, generate_series(l, 7) AS f, generate_series(1, n) AS d
                      WHERE n > 0 AND d <= f - l + 1 AND (d = 1) = (l = f)) AS o,
  (SELECT nullif(v, 5) AS visit FROM generate_series(0, 5) AS v) AS v, (SELECT nullif(v, 5) AS registered FROM generate_series(0, 5) AS v) AS r;
CREATE FUNCTION stages_of(model crmlife.lifecycle_model) RETURNS SETOF text LANGUAGE sql AS $$
  SELECT DISTINCT lifecycle_stage(orders, NULL, '2024-03-10'::date - last, '2024-03-10', model, '2024-03-10'::date - first,
                                  '2024-03-10'::date - visit, '2024-03-10'::date - registered, days) FROM customer $$;
CREATE TABLE outcome AS
SELECT model, unreached(model) AS got,
       (SELECT coalesce(string_agg(s, ' ' ORDER BY s), '') FROM (SELECT 's' || i AS s FROM generate_series(0, 6) AS i) AS all_stages
        WHERE s NOT IN (SELECT stages_of(model::crmlife.lifecycle_model))) AS want
FROM (SELECT random_model('{orders,orders,order_days,days_since_order,days_since_order,days_since_first_order,days_since_visit,days_since_active,days_since_registered}', 'none') AS model
      FROM generate_series(1, 300) AS i WHERE i > 0 OFFSET 0) AS m;
SELECT is((SELECT string_agg(concat_ws(' ', got, 'not', want, model), E'\n') FROM (SELECT * FROM outcome WHERE got <> want LIMIT 3) AS o), NULL,
          'what is not reached, by all customers');
SELECT cmp_ok(count(*) FILTER (WHERE want <> ''), '>', 100::bigint, 'some is not') FROM outcome;

-- from histories: up to two events a day on the first days, one on the later ones
CREATE FUNCTION worlds(kind text, days int) RETURNS TABLE (world int, age int, kind text) LANGUAGE sql AS $$
  SELECT w, age, kind FROM generate_series(0, 242) AS w(w), generate_series(0, 4) AS age, generate_series(1, (w / (3 ^ age)::int) % 3)
  WHERE NOT EXISTS (SELECT FROM generate_series(days, 4) AS later WHERE (w / (3 ^ later)::int) % 3 = 2) $$;
CREATE TABLE history AS
SELECT 'orders' AS of, purchase_history(date '2024-03-10' - age, 10, kind) AS h FROM worlds('order', 5) GROUP BY world
UNION ALL
SELECT 'visits', purchase_history(date '2024-03-10' - age, 10, kind)
FROM (SELECT o.world AS a, v.world AS b, e.* FROM (SELECT DISTINCT world FROM worlds('order', 2) UNION SELECT -1) AS o,
        (SELECT DISTINCT world FROM worlds('visit', 2) UNION SELECT -1) AS v,
        LATERAL (SELECT age, kind FROM worlds('order', 2) AS x WHERE x.world = o.world
                 UNION ALL SELECT age, kind FROM worlds('visit', 2) AS x WHERE x.world = v.world) AS e) AS both_kinds
GROUP BY a, b;
CREATE FUNCTION stages_of_histories(model crmlife.lifecycle_model, which text) RETURNS SETOF text LANGUAGE sql AS $$
  SELECT DISTINCT lifecycle_stage(h, '2024-03-10'::date, model, '2024-03-10') FROM history WHERE of = which
  UNION SELECT lifecycle_stage('days:'::crmlife.purchase_history, '2024-03-10'::date, model, '2024-03-10') $$;
CREATE TABLE window_outcome AS
SELECT model, unreached(model) AS got,
       (SELECT coalesce(string_agg(s, ' ' ORDER BY s), '') FROM (SELECT 's' || i AS s FROM generate_series(0, 6) AS i) AS all_stages
        WHERE s NOT IN (SELECT stages_of_histories(model::crmlife.lifecycle_model, of))) AS want
FROM (SELECT 'orders' AS of, random_model('{orders,days_since_order,days_since_first_order,orders_in(1),orders_in(2),orders_in(3),orders_in(0)}', 'orders') AS model
      FROM generate_series(1, 150) AS i WHERE i > 0
      UNION ALL SELECT 'visits', random_model('{visits_in(1),visits_in(2),days_since_visit,days_since_active,orders_in(2),orders}', 'orders|visits_in')
      FROM generate_series(1, 100) AS i WHERE i > 0 OFFSET 0) AS m;
SELECT is((SELECT string_agg(concat_ws(' ', got, 'not', want, model), E'\n') FROM (SELECT * FROM window_outcome WHERE got <> want LIMIT 3) AS o), NULL,
          'what is not reached with windows, by all histories');
SELECT cmp_ok(count(*) FILTER (WHERE want <> ''), '>', 80::bigint, 'some is not') FROM window_outcome;
-- with revenue: what is said to be out of reach is; what a window may hold is
-- not all there is in this world, so more may be out of reach here
CREATE TABLE money AS
SELECT purchase_history(date '2024-03-10' - age, amounts[1 + (w / (6 ^ age)::int) % 6], 'order') AS h
FROM (SELECT '{NULL,-2,0.5,1,2,4}'::numeric[] AS amounts) AS a, generate_series(0, 215) AS w, generate_series(0, 2) AS age
WHERE amounts[1 + (w / (6 ^ age)::int) % 6] IS NOT NULL GROUP BY w;
CREATE TABLE money_outcome AS
SELECT model, string_to_array(unreached(model), ' ') AS got,
       ARRAY(SELECT 's' || i FROM generate_series(0, 6) AS i
             EXCEPT SELECT lifecycle_stage(h, '2024-03-10'::date, model::crmlife.lifecycle_model, '2024-03-10') FROM money) AS want
FROM (SELECT random_model('{orders,days_since_order,days_since_first_order,revenue_in(0),revenue_in(1),revenue_in(2),revenue_in(2),revenue}', 'orders') AS model
      FROM generate_series(1, 80) AS i WHERE i > 0 OFFSET 0) AS m;
SELECT is((SELECT string_agg(concat_ws(' ', got, 'not', want, model), E'\n') FROM (SELECT * FROM money_outcome WHERE NOT got <@ want LIMIT 3) AS o), NULL, 'what revenue can''t reach, by all histories');
SELECT cmp_ok(sum(cardinality(got)), '>', 150::bigint, 'some is not') FROM money_outcome;
-- with money and visits side by side, which restrict each other by way of the orders
CREATE TABLE mixed AS
SELECT purchase_history(date '2024-03-10' - age, e.amount, e.kind) AS h
FROM (SELECT '{NULL,-2,1,4}'::numeric[] AS amounts) AS a, generate_series(0, 511) AS w, generate_series(0, 2) AS age,
  LATERAL (SELECT (w / (8 ^ age)::int) % 8 AS day) AS d,
  LATERAL (SELECT amounts[1 + day % 4] AS amount, 'order' AS kind WHERE amounts[1 + day % 4] IS NOT NULL
           UNION ALL SELECT NULL, 'visit' WHERE day >= 4) AS e
GROUP BY w;
CREATE TABLE mixed_outcome AS
SELECT model, string_to_array(unreached(model), ' ') AS got,
       ARRAY(SELECT 's' || i FROM generate_series(0, 6) AS i
             EXCEPT SELECT lifecycle_stage(h, '2024-03-10'::date, model::crmlife.lifecycle_model, '2024-03-10') FROM mixed) AS want
FROM (SELECT random_model('{orders,order_days,revenue,average_order,revenue_in(1),days_since_visit,days_since_active,visits_in(1),visits_in(2),days_since_order}', 'orders') AS model
      FROM generate_series(1, 80) AS i WHERE i > 0 OFFSET 0) AS m;
SELECT is((SELECT string_agg(concat_ws(' ', got, 'not', want, model), E'\n') FROM (SELECT * FROM mixed_outcome WHERE NOT got <@ want LIMIT 3) AS o), NULL, 'what money and visits can''t reach, by all histories');
SELECT cmp_ok(sum(cardinality(got)), '>', 100::bigint, 'some is not') FROM mixed_outcome;
-- all thousand branches
SELECT is(count(*), 50::bigint, 'many branches') FROM lifecycle_check((SELECT ('CASE ' || string_agg(format('WHEN days_since_order < %s THEN ''s%s''', least(i, 950), i % 200), ' ') || ' ELSE ''x'' END')::crmlife.lifecycle_model
  FROM generate_series(1, 1000) AS i));
SELECT finish();
DROP SCHEMA lifecycle_check CASCADE;
