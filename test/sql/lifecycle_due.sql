-- due_on of a stage table against every day of three years: the first day on
-- which verify, working everything out for that day, finds another value.
\set ECHO none
\pset format unaligned
\pset tuples_only true
SET client_min_messages = warning;
DROP SCHEMA IF EXISTS lifecycle_due CASCADE;
CREATE SCHEMA lifecycle_due;
SET search_path = lifecycle_due, public;
SET TimeZone = 'UTC';
SET jit = off;
SELECT setseed(0.8414) IS NOT NULL AS seeded \gset
SELECT no_plan();
\getenv src PG_ABS_SRCDIR
\set models :src '/data/random_models.sql'
\i :models
SET random.windows = on;

-- orders of one or two lines, some of them refunded later, in part or whole;
-- a few events of the future
CREATE TABLE line (c int, key int, at date, amount numeric);
INSERT INTO line SELECT i % 12, i, date '2024-03-10' - floor(random() * random() * 500 - 30)::int, round((random() * 80)::numeric, 2) FROM generate_series(1, 70) AS i;
INSERT INTO line SELECT c, key, at + 1 + (random() * 60)::int, CASE WHEN random() < 0.5 THEN -amount ELSE round(-amount / 2, 2) END FROM line WHERE random() < 0.3;
INSERT INTO line SELECT c, key, at, 5 FROM line WHERE random() < 0.2;
CREATE TABLE visit (c int, at date);
INSERT INTO visit SELECT i % 14, date '2024-03-10' - floor(random() * random() * 300 - 10)::int FROM generate_series(1, 60) AS i;
CREATE TABLE member (c int, registered date);
INSERT INTO member SELECT i, date '2024-03-10' - i * i * 2 FROM generate_series(0, 15) AS i;
SELECT crmlife.create_stage_table('due_stage', 'line', 'c', 'at', 'amount', order_key => 'key', visits => 'visit', visit_customer => 'c', visited_at => 'at',
  members => 'member', member_customer => 'c', registered_at => 'registered', timezone => 'UTC', capture => 'full') IS NOT NULL AS made \gset
SELECT crmlife.refresh('due_stage', '2024-03-10', true) IS NOT NULL AS refreshed \gset

-- customers whose due_on is not the first day that verify finds to differ
CREATE FUNCTION due_differs(model crmlife.lifecycle_model, days int, OUT different bigint, OUT due bigint) LANGUAGE plpgsql AS $$
BEGIN
  PERFORM crmlife.set_model('due_stage', model);
  SELECT count(*) FILTER (WHERE first IS DISTINCT FROM CASE WHEN due_on <= date '2024-03-10' + days THEN due_on END), count(first)
  INTO different, due
  FROM due_stage LEFT JOIN
    (SELECT customer::int AS c, min(date '2024-03-10' + d) AS first
     FROM generate_series(1, days) AS d, LATERAL crmlife.verify('due_stage', date '2024-03-10' + d) AS v
     WHERE v.stored IS NOT NULL OR v.column_name <> 'customer' GROUP BY 1) AS f USING (c);
EXCEPTION WHEN data_exception THEN
  NULL;
END $$;
SELECT is(different, 0::bigint, name || ': due_on is the first day that differs')
FROM (VALUES ('recency', 'recency'::crmlife.lifecycle_model), ('recency_grid', 'recency_grid'), ('kpi_bands', 'kpi_bands'),
             ('engagement', with_threshold('engagement', 'order_value', 40)), ('membership', 'membership'), ('layers', 'layers'),
             ('membership, shorter', with_threshold(with_threshold('membership', 'period_days', 70), 'mature_orders', 2))) AS m(name, model),
  LATERAL due_differs(model, 1096);

-- random models with windows, for a while
CREATE FUNCTION positive() RETURNS text LANGUAGE sql AS $$ SELECT ltrim(value(), '-') $$;
CREATE TABLE outcome AS
SELECT model, d.*
FROM (SELECT format('%s WITH (t1 = %s, t2 = %s, t3 = %s, t4 = %s)', stages(1 + i % 3), positive(), positive(), positive(), positive()) AS model
      FROM generate_series(1, 40) AS i OFFSET 0) AS m, LATERAL due_differs(model::crmlife.lifecycle_model, 120) AS d;
SELECT is(count(*) FILTER (WHERE different > 0), 0::bigint, 'random models: due_on is the first day that differs') FROM outcome;
SELECT cmp_ok(count(different), '>', 20::bigint, 'of those that do not raise') FROM outcome;
SELECT cmp_ok(sum(due), '>', 100::numeric, 'and customers who are due') FROM outcome;
SELECT finish();
DROP SCHEMA lifecycle_due CASCADE;
