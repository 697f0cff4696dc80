-- lifecycle_explain against PostgreSQL: the condition holds, the facts are the
-- customer's, other values lead to the stage they name, and none between does.
-- lifecycle_schedule against every day.
\set ECHO none
\pset format unaligned
\pset tuples_only true
SET client_min_messages = warning;
DROP SCHEMA IF EXISTS lifecycle_explain CASCADE;
CREATE SCHEMA lifecycle_explain;
SET search_path = lifecycle_explain, public;
SET TimeZone = 'UTC';
SET DateStyle = 'ISO';
SET jit = off;
SELECT setseed(0.5772) IS NOT NULL AS seeded \gset
SELECT no_plan();
\getenv src PG_ABS_SRCDIR
\set models :src '/data/random_models.sql'
\i :models

CREATE TABLE customer AS
SELECT i, o.orders, round((random() * 900 - 20)::numeric, 2) AS revenue, last_order,
       last_order - CASE WHEN o.orders > 1 THEN floor(random() * 300)::int ELSE 0 END AS first_order,
       CASE WHEN random() < 0.6 THEN date '2024-03-10' - floor(random() * 200)::int END AS last_visit,
       CASE WHEN random() < 0.6 THEN date '2024-03-10' - floor(random() * 700)::int END AS registered,
       CASE WHEN o.orders > 0 THEN 1 + floor(random() * o.orders)::bigint ELSE 0 END AS order_days
FROM generate_series(1, 8) AS i,
  LATERAL (SELECT CASE WHEN i % 4 = 0 THEN 0 ELSE floor(1 + random() * random() * 6)::bigint END AS orders) AS o,
  LATERAL (SELECT CASE WHEN o.orders > 0 THEN date '2024-03-10' - floor(random() * random() * 400)::int END AS last_order) AS d;
CREATE VIEW fact AS
SELECT i, orders, order_days, revenue, CASE WHEN orders > 0 THEN revenue / orders END AS average_order,
       date '2024-03-10' - last_order AS days_since_order, date '2024-03-10' - first_order AS days_since_first_order,
       date '2024-03-10' - last_visit AS days_since_visit,
       date '2024-03-10' - greatest(last_order, last_visit) AS days_since_active,
       date '2024-03-10' - registered AS days_since_registered
FROM customer;

-- the customer's facts as PostgreSQL has them, one of them replaced by an expression
CREATE FUNCTION facts_with(customer int, changed text, replacement text) RETURNS text LANGUAGE sql AS $$
  SELECT format('SELECT %s FROM fact, x WHERE i = %s OFFSET 0',
                string_agg(CASE WHEN attname = changed THEN format('(%s)::%s AS %I', replacement, format_type(atttypid, NULL), attname)
                                ELSE quote_ident(attname) END, ', '), customer)
  FROM pg_attribute WHERE attrelid = 'fact'::regclass AND attnum > 0 $$;
-- the stage with the fact at one value, or the first other one with it at any of several
CREATE FUNCTION stage_with(customer int, body text, v text[], changed text, low numeric, high numeric DEFAULT NULL, other_than text DEFAULT NULL) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
  result text;
BEGIN
  EXECUTE format('WITH x AS (SELECT value FROM generate_series(%L::numeric, %L) AS value) '
                 'SELECT stage FROM (SELECT coalesce(%s, ''unclassified'') AS stage FROM (%s) AS f, '
                 '(SELECT %s::numeric AS t1, %s::numeric AS t2, %s::numeric AS t3, %s::numeric AS t4 OFFSET 0) AS t OFFSET 0) AS s '
                 'WHERE stage IS DISTINCT FROM %L LIMIT 1',
                 coalesce(low, 0), coalesce(high, low, 0), body, facts_with(customer, changed, 'value'), v[1], v[2], v[3], v[4], other_than) INTO result;
  RETURN result;
END $$;
CREATE FUNCTION holds(customer int, condition text, v text[]) RETURNS bool LANGUAGE plpgsql AS $$
DECLARE
  result bool;
BEGIN
  EXECUTE format('SELECT %s FROM fact, (SELECT %s::numeric AS t1, %s::numeric AS t2, %s::numeric AS t3, %s::numeric AS t4 OFFSET 0) AS t '
                 'WHERE i = %s', condition, v[1], v[2], v[3], v[4], customer) INTO result;
  RETURN result;
END $$;

CREATE FUNCTION wrong(c customer, body text, v text[], OUT mistake text, OUT others int) LANGUAGE plpgsql AS $$
DECLARE
  model crmlife.lifecycle_model := format('%s WITH (t1 = %s, t2 = %s, t3 = %s, t4 = %s)', body, v[1], v[2], v[3], v[4]);
  e crmlife.lifecycle_explanation;
  n crmlife.lifecycle_change;
  other record;
  own numeric;
BEGIN
  e := lifecycle_explain(c.orders, c.revenue, c.last_order, '2024-03-10', model, c.first_order, c.last_visit, c.registered, c.order_days);
  n := lifecycle_next(c.orders, c.revenue, c.last_order, '2024-03-10', model, c.first_order, c.last_visit, c.registered, c.order_days);
  others := 0;
  IF e.stage <> n.stage OR e.changes_on IS DISTINCT FROM n.changes_on OR e.next_stage IS DISTINCT FROM n.next_stage THEN
    mistake := 'lifecycle_next';
  ELSIF e.stage <> stage_with(c.i, body, v, NULL, NULL) THEN
    mistake := 'stage';
  ELSIF (e.condition IS NULL) <> (e.branch LIKE '%else') THEN
    mistake := 'branch';
  ELSIF e.condition IS NOT NULL AND NOT coalesce(holds(c.i, e.condition, v), false) THEN
    mistake := 'condition';
  ELSIF EXISTS (SELECT FROM jsonb_each(e.facts) AS f
                WHERE f.value IS DISTINCT FROM (SELECT coalesce(to_jsonb(x) -> f.key) FROM fact AS x WHERE i = c.i)) THEN
    mistake := 'facts';
  END IF;
  FOR other IN SELECT * FROM jsonb_to_recordset(e.other_values) AS o(fact text, value numeric, stage text) LOOP
    others := others + 1;
    own := (e.facts ->> other.fact)::numeric;
    IF other.stage <> stage_with(c.i, body, v, other.fact, other.value) OR other.stage = e.stage THEN
      mistake := 'other stage of ' || other.fact || ' ' || other.value;
    -- no whole number nearer than it, but for 0 orders of a customer with a last one
    ELSIF other.fact !~ 'revenue|average' AND own IS NOT NULL AND abs(own - other.value) < 1000
      AND stage_with(c.i, body, v, other.fact, least(own, other.value) + 1, greatest(own, other.value) - 1, e.stage) IS NOT NULL THEN
      mistake := 'nearer value of ' || other.fact || ' than ' || other.value;
    END IF;
  END LOOP;
EXCEPTION WHEN data_exception THEN
  mistake := NULL;
END $$;

-- comparisons of one fact with numbers
CREATE FUNCTION plain_model() RETURNS text LANGUAGE sql AS $$
  SELECT 'CASE ' || string_agg('WHEN ' || a || pick(' AND ', ' OR ', ' AND NOT ') || b || ' THEN '
           || CASE WHEN i = 2 THEN 'CASE WHEN ' || b2 || ' THEN ''x'' WHEN ' || a2 || ' THEN ''y'' END' ELSE '''s' || i || '''' END, ' ')
         || pick(' ELSE ''rest'' END', ' END')
  FROM (SELECT i, max(t) FILTER (WHERE k = 1) AS a, max(t) FILTER (WHERE k = 2) AS b, max(t) FILTER (WHERE k = 3) AS a2, max(t) FILTER (WHERE k = 4) AS b2
        FROM (SELECT i, k, pick('orders', 'order_days', 'days_since_order', 'days_since_visit', 'days_since_active', 'days_since_registered',
                                'days_since_first_order', 'average_order', 'revenue') || pick(' < ', ' <= ', ' > ', ' >= ', ' = ')
                           || pick('t1', 't2', '1', '2', '30', '90.5') AS t
              FROM generate_series(1, 4) AS i, generate_series(1, 4) AS k OFFSET 0) AS p GROUP BY i) AS q $$;
CREATE TABLE outcome AS
SELECT m.body, m.v, c.i, w.*
FROM (SELECT plain_model() AS body, ARRAY[value(), value(), '3', '4'] AS v, i FROM generate_series(1, 150) AS i OFFSET 0) AS m
  JOIN customer AS c ON c.i % 4 = m.i % 4, LATERAL wrong(c, m.body, m.v) AS w;
SELECT is((SELECT string_agg(concat_ws(' ', mistake, i, body, v::text), E'\n') FROM (SELECT * FROM outcome WHERE mistake IS NOT NULL LIMIT 3) AS o), NULL,
          'explanations agree with PostgreSQL');
SELECT cmp_ok(sum(others), '>', 500::bigint, 'with other values') FROM outcome;

-- any model: stage, condition and facts
CREATE TABLE any_outcome AS
SELECT m.body, m.v, c.i, w.mistake
FROM (SELECT stages(1 + i % 3) AS body, ARRAY[value(), value(), value(), value()] AS v, i FROM generate_series(1, 400) AS i OFFSET 0) AS m
  JOIN customer AS c ON c.i = 1 + m.i % 8, LATERAL wrong(c, m.body, m.v) AS w;
SELECT is((SELECT string_agg(concat_ws(' ', mistake, i, body, v::text), E'\n')
           FROM (SELECT * FROM any_outcome WHERE mistake NOT LIKE 'nearer%' LIMIT 3) AS o), NULL, 'of any model');

-- what it looks like
SELECT is(to_jsonb(e), jsonb_build_object('stage', 'nurture', 'branch', '3', 'condition', e.condition,
    'facts', '{"orders": 1, "average_order": 50.0000000000000000, "days_since_order": 20, "days_since_active": 20}'::jsonb,
    'thresholds', '{"order_value": 75, "active_period": 30, "repurchase_period": 60}'::jsonb,
    'changes_on', '2025-08-10', 'next_stage', 'silent',
    'other_values', '[{"fact": "orders", "value": 2, "stage": "high_potential"}, {"fact": "average_order", "value": 75.01, "stage": "high_potential"}]'::jsonb),
  'engagement explained')
FROM lifecycle_explain(1, 50, date '2025-06-10', date '2025-06-30', with_threshold('engagement', 'order_value', 75)) AS e;
SELECT is(ROW(branch, condition, facts, thresholds)::text,
  '(1,"days_since_order < aftersale_days","{""days_since_order"": 0}","{""aftersale_days"": 7}")', 'one condition is looked at')
FROM lifecycle_explain(1, 50, now(), now()) AS e;
SELECT is(ROW(stage, branch, condition)::text, '(active_new,2.1,"orders = 1")', 'nested') FROM lifecycle_explain(1, 50, date '2025-06-10', date '2025-06-30', 'recency_grid') AS e;
SELECT is(ROW(stage, branch, condition)::text, '(b,2,"orders + 1 = order_days + 1 /* one more */")', 'a simple CASE')
FROM lifecycle_explain(1, 50, date '2025-06-10', date '2025-06-30', 'CASE orders + 1 WHEN 5 THEN ''a'' WHEN
   order_days + 1 /* one more */ THEN ''b'' WHEN 2 THEN ''c'' END') AS e;
SELECT is(ROW(stage, facts, other_values)::text,
  '(maturity,"{""orders"": 3, ""orders_in(365)"": 3, ""days_since_order"": 29, ""days_since_registered"": 300}","[{""fact"": ""days_since_order"", ""stage"": ""dormancy"", ""value"": 121}, {""fact"": ""orders_in(365)"", ""stage"": ""growth"", ""value"": 2}]")',
  'of a history') FROM lifecycle_explain('days: 2025-06-01 20, 2025-05-01 20, 2024-12-01 5'::crmlife.purchase_history, '2025-06-30', 'membership', '2024-09-03');
SELECT is(ROW(a.*, b.*, c.*)::text, '(,,,,,,,,,,,,,,,,,,,,,,,)', 'NULL gives NULL')
FROM lifecycle_explain(1, 50, date '2025-06-10', NULL) AS a, lifecycle_explain(1, 50, date '2025-06-10', date '2025-06-30', NULL) AS b,
  lifecycle_explain('days: 2025-06-01 20'::crmlife.purchase_history, '2025-05-31') AS c;
SELECT throws_ok($$SELECT lifecycle_explain(1, 50, date '2025-06-10', date '2025-06-30', 'engagement')$$, '22023',
                 'threshold "order_value" of the stage model has no value');
SELECT throws_ok($$SELECT lifecycle_explain(1, 50, date '2025-06-10', date '2025-06-30', 'layers')$$, '0A000',
                 'the stage model reads orders_in, which plain columns can''t supply');

-- every change to come, from columns and from histories
CREATE FUNCTION by_day(c customer, model crmlife.lifecycle_model, days int) RETURNS text LANGUAGE sql AS $$
  SELECT string_agg(concat_ws(' ', day, before, stage), ', ' ORDER BY day)
  FROM (SELECT day, stage, lag(stage) OVER (ORDER BY day) AS before
        FROM (SELECT '2024-03-10'::date + d AS day,
                     lifecycle_stage(c.orders, c.revenue, c.last_order, '2024-03-10'::date + d, model, c.first_order, c.last_visit, c.registered, c.order_days) AS stage
              FROM generate_series(0, days) AS d) AS x) AS y WHERE stage <> before $$;
CREATE FUNCTION by_schedule(c customer, model crmlife.lifecycle_model, days int) RETURNS text LANGUAGE sql AS $$
  SELECT string_agg(concat_ws(' ', changes_on, stage, next_stage), ', ')
  FROM lifecycle_schedule(c.orders, c.revenue, c.last_order, '2024-03-10', model, c.first_order, c.last_visit, c.registered, c.order_days)
  WHERE changes_on <= '2024-03-10'::date + days $$;
CREATE FUNCTION schedule_differs(c customer, model crmlife.lifecycle_model, OUT different bool, OUT changes int) LANGUAGE plpgsql AS $$
DECLARE
  got text;
BEGIN
  got := by_schedule(c, model, 1096);
  different := got IS DISTINCT FROM by_day(c, model, 1096);
  changes := coalesce(length(got) - length(replace(got, ',', '')) + 1, 0);
EXCEPTION WHEN data_exception THEN
  different := NULL;
END $$;
SELECT is(count(*) FILTER (WHERE different), 0::bigint, name || ': lifecycle_schedule agrees with every day')
FROM (VALUES ('recency', 'recency'::crmlife.lifecycle_model), ('recency_grid', 'recency_grid'), ('kpi_bands', 'kpi_bands'),
             ('engagement', with_threshold('engagement', 'order_value', 100))) AS m(name, model), customer AS c,
  LATERAL schedule_differs(c, model) GROUP BY name ORDER BY name;
CREATE TABLE schedule_outcome AS
SELECT m.body, s.*
FROM (SELECT stages(1 + i % 3) AS body, ARRAY[value(), value(), value(), value()] AS v, i FROM generate_series(1, 400) AS i OFFSET 0) AS m
  JOIN customer AS c ON c.i = 1 + m.i % 8,
  LATERAL schedule_differs(c, format('%s WITH (t1 = %s, t2 = %s, t3 = %s, t4 = %s)', body, v[1], v[2], v[3], v[4])::crmlife.lifecycle_model) AS s;
SELECT is(count(*) FILTER (WHERE different), 0::bigint, 'lifecycle_schedule of random models agrees with every day') FROM schedule_outcome;
SELECT cmp_ok(sum(changes), '>', 20::bigint, 'on some changes') FROM schedule_outcome;
SELECT is((SELECT string_agg(s::text, ' ') FROM lifecycle_schedule('days: 2025-06-01 20, 2025-05-01 20, 2024-12-01 5'::crmlife.purchase_history, '2025-06-30', 'membership') AS s),
  '(2025-09-30,maturity,dormancy) (2027-06-02,dormancy,churn)', 'of a history');
SELECT is((SELECT string_agg(s::text, ' ') FROM lifecycle_schedule('days: 2025-06-01 20, 2025-05-01 20, 2024-12-01 5'::crmlife.purchase_history, '2025-06-30 23:00', with_threshold('membership', 'period_days', 61)) AS s),
  '(2025-09-30,growth,dormancy) (2027-06-02,dormancy,churn)', 'with a shorter window');
SELECT is((SELECT count(*) FROM lifecycle_schedule('days: 2025-06-01 20'::crmlife.purchase_history, '2025-05-31'))
        + (SELECT count(*) FROM lifecycle_schedule(1, 50, date '2025-06-10', NULL))
        + (SELECT count(*) FROM lifecycle_schedule(0, 0, NULL, now())), 0::bigint, 'no row where nothing is known or changes');
-- a search through many windows
SET statement_timeout = '500ms';
DO $$
DECLARE
  model crmlife.lifecycle_model := 'CASE ' || (SELECT string_agg(format('WHEN orders_in(%s) > %s AND revenue_in(%s) < %s THEN ''s%s''', i, i * 3, i * 2, i, i % 200), ' ' ORDER BY i) FROM generate_series(1, 200) i) || ' END';
  began timestamptz := clock_timestamp();
BEGIN
  PERFORM lifecycle_explain('days: 2024-01-01 1', date '2025-01-01', model);
EXCEPTION WHEN query_canceled THEN
  PERFORM set_config('explain.after', (clock_timestamp() - began)::text, false);
END $$;
RESET statement_timeout;
SELECT cmp_ok(current_setting('explain.after', true)::interval, '<', '5 seconds'::interval, 'it can be cancelled');
SELECT finish();
DROP SCHEMA lifecycle_explain CASCADE;
