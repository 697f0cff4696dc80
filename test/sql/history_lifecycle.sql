-- lifecycle_stage and lifecycle_next on histories: the stage against the two
-- other doors, since and the next change against every single day.
\set ECHO none
\pset format unaligned
\pset tuples_only true
SET client_min_messages = warning;
DROP SCHEMA IF EXISTS history_lifecycle CASCADE;
CREATE SCHEMA history_lifecycle;
SET search_path = history_lifecycle, public;
SET TimeZone = 'Europe/Berlin';
SELECT plan(17);

SELECT setseed(0.75) \gset
CREATE TABLE member AS SELECT c, CASE WHEN random() < 0.7 THEN '2024-01-01'::date + (random() * 500)::int END AS registered FROM generate_series(0, 400) c;
CREATE TABLE events AS
SELECT (400 * random() * random())::int AS c, timestamptz '2024-01-01 UTC' + random() * interval '600 days' AS at,
       CASE WHEN random() < 0.1 THEN NULL WHEN random() < 0.1 THEN 0 ELSE round((random() * 90 - 12)::numeric, 2) END AS amount,
       CASE WHEN random() < 0.25 THEN 'visit' ELSE 'order' END AS kind
FROM generate_series(1, 2500);
CREATE TABLE built AS SELECT c, registered, purchase_history(at, amount, kind) AS h, purchase_history(at, amount) FILTER (WHERE kind = 'order') AS o FROM member JOIN events USING (c) GROUP BY c, registered;
CREATE TABLE models AS SELECT * FROM (VALUES ('recency', 'recency'::crmlife.lifecycle_model), ('kpi_bands', 'kpi_bands'),
  ('money', $$CASE WHEN revenue < 0 THEN 'owes' WHEN orders >= 3 AND average_order > 40 THEN 'good' WHEN order_days >= 2 AND days_since_first_order > 60 THEN 'back' WHEN days_since_order BETWEEN 10 AND 20 THEN 'window' END$$),
  ('never', $$CASE WHEN orders > 100 THEN 'x' END$$)) v (name, model);
CREATE TABLE all_models AS SELECT * FROM models UNION ALL SELECT * FROM (VALUES ('engagement', with_threshold('engagement', 'order_value', 35.5)),
  ('visits', $$CASE WHEN days_since_visit < 30 THEN 'seen' WHEN days_since_active < 90 THEN 'active' WHEN days_since_registered < 200 THEN 'new' WHEN days_since_registered IS NULL THEN 'guest' ELSE 'gone' END$$)) v (name, model);
CREATE TABLE days AS SELECT day::date FROM unnest(ARRAY['2023-12-31', '2024-02-29', '2024-10-27', '2025-01-01', '2025-06-30', '2026-03-29']::date[]) day;

-- the aggregate over the rows
CREATE FUNCTION differing(model crmlife.lifecycle_model) RETURNS bigint LANGUAGE sql AS $$
  SELECT count(*) FROM built JOIN (SELECT c, day, lifecycle_stage(at, amount, day::timestamptz, model) FILTER (WHERE kind = 'order') AS stage FROM events, days GROUP BY c, day) e USING (c)
  WHERE lifecycle_stage(o, day, model) IS DISTINCT FROM e.stage $$;
SELECT is(differing(model), 0::bigint, 'as over the rows: ' || name) FROM models ORDER BY name;
-- plain columns as of the day
CREATE FUNCTION by_columns(customer int, day date, model crmlife.lifecycle_model) RETURNS text LANGUAGE sql AS $$
  SELECT CASE WHEN rows > 0 OR registered <= day THEN lifecycle_stage(n, r, last, day, model, first, visit, CASE WHEN registered <= day THEN registered END, days) END
  FROM (SELECT count(*) AS rows, count(*) FILTER (WHERE o) AS n, sum(amount) FILTER (WHERE kind = 'order') AS r, max(at::date) FILTER (WHERE o) AS last, min(at::date) FILTER (WHERE o) AS first, count(DISTINCT at::date) FILTER (WHERE o) AS days, max(at::date) FILTER (WHERE kind = 'visit') AS visit
        FROM (SELECT *, kind = 'order' AND coalesce(amount >= 0, true) AS o FROM events) e WHERE c = customer AND at::date <= day) x, member WHERE c = customer $$;
SELECT is((SELECT count(*) FROM built, days WHERE c % 4 = 0 AND lifecycle_stage(h, day, model, registered) IS DISTINCT FROM by_columns(c, day, model)), 0::bigint, 'as by columns: ' || name) FROM all_models ORDER BY name;
SELECT cmp_ok((SELECT count(DISTINCT lifecycle_stage(h, day, model, registered)) FROM built, days, all_models), '>', 12::bigint, 'there are many stages');

-- every single day: the stretch backwards, and forwards if nothing happens
CREATE TABLE daily AS
SELECT b.c, m.name, day::date, lifecycle_stage(h, day::date, model, registered) AS stage FROM built b, all_models m, generate_series('2023-12-01'::timestamp, '2025-06-30', '1 day') day WHERE b.c % 40 = 1;
CREATE INDEX ON daily (c, name, day);
CREATE TABLE asked AS SELECT b.c, b.h, b.registered, m.name, m.model, d.day, (lifecycle_next(h, d.day, model, registered)).* FROM built b, all_models m, days d WHERE b.c % 40 = 1 AND d.day < '2026-01-01';
SELECT is((SELECT count(*) FROM asked WHERE stage IS DISTINCT FROM lifecycle_stage(h, day, model, registered)), 0::bigint, 'lifecycle_next has the stage');
SELECT is((SELECT count(*) FROM asked a WHERE stage IS NOT NULL AND since IS DISTINCT FROM (SELECT max(day) + 1 FROM daily d WHERE d.c = a.c AND d.name = a.name AND d.day <= a.day AND d.stage IS DISTINCT FROM a.stage)), 0::bigint, 'since, of every day');
SELECT is((SELECT count(*) FROM asked a WHERE stage IS NOT NULL AND ROW(least(changes_on, day + 450), CASE WHEN changes_on < day + 450 THEN next_stage END) IS DISTINCT FROM
   (SELECT ROW(coalesce(min(d), day + 450), (array_agg(s ORDER BY d))[1]) FROM (SELECT day + n AS d, lifecycle_stage(history_as_of(h, day), day + n, model, CASE WHEN registered <= day THEN registered END) AS s FROM generate_series(1, 449) n) x WHERE s <> a.stage)),
  0::bigint, 'changes_on and next_stage, of every day to come');
SELECT cmp_ok((SELECT count(*) FROM asked WHERE changes_on IS NOT NULL), '>', 50::bigint, 'some change');

SELECT is(ROW(lifecycle_stage(NULL::crmlife.purchase_history, '2025-01-01'), lifecycle_stage('days:'::crmlife.purchase_history, NULL::date), lifecycle_stage('days:'::crmlife.purchase_history, '2025-01-01', NULL), lifecycle_stage('days:'::crmlife.purchase_history, '2025-01-01'), lifecycle_stage('days:'::crmlife.purchase_history, '2025-01-01', registered => '2025-01-01'), lifecycle_stage('days: 2025-01-01 -1'::crmlife.purchase_history, '2025-01-01'))::text, '(,,,,prospect,prospect)', 'NULL, and nothing known');
SELECT is((SELECT count(*) FROM built WHERE lifecycle_stage(h, '2025-03-01 23:30:00+01'::timestamptz) IS DISTINCT FROM lifecycle_stage(h, '2025-03-01'::date) OR lifecycle_stage(h, '2025-03-01 23:30:00'::timestamp) IS DISTINCT FROM lifecycle_stage(h, '2025-03-01'::date) OR lifecycle_stage(h, '2025-03-01') IS DISTINCT FROM lifecycle_stage(h, '2025-03-01'::date)), 0::bigint, 'as_of of every type');
SELECT finish();
DROP SCHEMA history_lifecycle CASCADE;
