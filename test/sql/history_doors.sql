-- Every metric through both doors: over the rows, and over histories built of
-- them.  One table of calls; each with every kind of day and every unit that it
-- takes, in groups and over all, serial and in parallel.
\set ECHO none
\pset format unaligned
\pset tuples_only true
SET client_min_messages = warning;
DROP SCHEMA IF EXISTS history_doors CASCADE;
CREATE SCHEMA history_doors;
SET search_path = history_doors, public;
SET TimeZone = 'America/New_York';

-- 200 customers around both changes of the clock: several events a day and at
-- one instant, equal amounts, refunds (before the first order too), NULLs, zeros
SELECT setseed(0.375) \gset
CREATE TABLE events AS
SELECT c, c % 3 AS g, at, amount, kind, kind = 'order' AND coalesce(amount >= 0, true) AS o, kind = 'visit' AS v
FROM (SELECT (200 * random() * random())::bigint AS c,
             timestamptz '2024-02-01 UTC' + floor(random() * random() * 500) * interval '1 day' + floor(random() * 4) * interval '7 hours' AS at,
             CASE WHEN random() < 0.1 THEN NULL WHEN random() < 0.1 THEN 0 WHEN random() < 0.02 THEN 1e40 / 7 WHEN random() < 0.1 THEN round((random() * 9)::numeric, 4) ELSE round((random() * 60 - 9)::numeric) END AS amount,
             CASE WHEN random() < 0.3 THEN 'visit' ELSE 'order' END AS kind
      FROM generate_series(1, 1500)) e;
INSERT INTO events SELECT c, g, at, amount, kind, o, v FROM events WHERE random() < 0.1;
CREATE TABLE paid AS SELECT * FROM events WHERE kind = 'order';
CREATE TABLE orders AS SELECT * FROM events WHERE o;
CREATE TABLE visits AS SELECT * FROM events WHERE v;
CREATE TABLE active AS SELECT * FROM events WHERE o OR v;
CREATE TABLE built AS SELECT c, g, purchase_history(at, amount, kind) AS h FROM events GROUP BY c, g;
INSERT INTO built VALUES (-1, 0, NULL), (-2, 1, 'times:');
ANALYZE events, paid, orders, visits, active, built;

-- $day: a day of each type; $unit: a unit; $event: a kind of event, and $rows its table
CREATE TABLE calls (template int GENERATED ALWAYS AS IDENTITY, source text, over_rows text, over_histories text);
INSERT INTO calls (source, over_rows, over_histories) VALUES
  ('$rows', 'retention_nth_day(c, at, 7, $day)', 'retention_nth_day(h, 7, $day, $event)'),
  ('$rows', 'retention_nth_day_stats(c, at, 0, $day)', 'retention_nth_day_stats(h, 0, $day, $event)'),
  ('$rows', 'retention_nth_day_stats(c, at, 70, $day)', 'retention_nth_day_stats(h, 70, $day, $event)'),
  ('$rows', 'retention_within_days(c, at, 30, $day)', 'retention_within_days(h, 30, $day, $event)'),
  ('$rows', 'retention_within_days_stats(c, at, 100, $day)', 'retention_within_days_stats(h, 100, $day, $event)'),
  ('$rows', 'retention_between_days(c, at, 5, 40, $day)', 'retention_between_days(h, 5, 40, $day, $event)'),
  ('$rows', 'retention_between_days_stats(c, at, 0, 3, $day)', 'retention_between_days_stats(h, 0, 3, $day, $event)'),
  ('$rows', 'retention_from_day(c, at, 20, $day)', 'retention_from_day(h, 20, $day, $event)'),
  ('$rows', 'retention_from_day_stats(c, at, 0, $day)', 'retention_from_day_stats(h, 0, $day, $event)'),
  ('$rows', 'retention_curve(c, at, 40, $day)', 'retention_curve(h, 40, $day, $event)'),
  ('$rows', 'retention_curve(c, at, 40, $day, date ''2024-04-01'', date ''2024-07-01'')', 'retention_curve(h, 40, $day, date ''2024-04-01'', date ''2024-07-01'', $event)'),
  ('$rows', 'retention_cohorts(c, at, $unit, $day)', 'retention_cohorts(h, $unit, $day, $event)'),
  ('$rows', 'retention_cohorts(c, at, $unit, $day, date ''2024-03-05'', date ''2024-06-20'')', 'retention_cohorts(h, $unit, $day, date ''2024-03-05'', date ''2024-06-20'', $event)'),
  ('$rows', 'return_curve(c, at, 95, $day)', 'return_curve(h, 95, $day, $event)'),
  ('$rows', 'growth_accounting(c, at, $unit, $day)', 'growth_accounting(h, $unit, $day, $event)'),
  ('events', 'retention_nth_day_stats(c, at, 7, $day, $start, $return)', 'retention_nth_day_stats(h, 7, $day, $kinds)'),
  ('events', 'retention_within_days_stats(c, at, 30, $day, $start, $return)', 'retention_within_days_stats(h, 30, $day, $kinds)'),
  ('events', 'retention_between_days_stats(c, at, 3, 30, $day, $start, $return)', 'retention_between_days_stats(h, 3, 30, $day, $kinds)'),
  ('events', 'retention_from_day_stats(c, at, 9, $day, $start, $return)', 'retention_from_day_stats(h, 9, $day, $kinds)'),
  ('events', 'retention_curve(c, at, 40, $day, date ''2024-03-05'', date ''2024-06-20'', $start, $return)', 'retention_curve(h, 40, $day, date ''2024-03-05'', date ''2024-06-20'', $kinds)'),
  ('events', 'retention_cohorts(c, at, $unit, $day, date ''1900-01-01'', date ''2100-01-01'', $start, $return)', 'retention_cohorts(h, $unit, $day, date ''1900-01-01'', date ''2100-01-01'', $kinds)'),
  ('orders', 'retention_curve(c, at, 12, $day)', 'retention_curve(h, 12, $day)'),
  ('orders', 'retention_curve(c, at, 12, $day, date ''2024-03-05'', date ''2024-06-20'')', 'retention_curve(h, 12, $day, date ''2024-03-05'', date ''2024-06-20'')'),
  ('orders', 'retention_cohorts(c, at, $unit, $day)', 'retention_cohorts(h, $unit, $day)'),
  ('orders', 'retention_cohorts(c, at, $unit, $day, date ''2024-03-05'', date ''2024-06-20'')', 'retention_cohorts(h, $unit, $day, date ''2024-03-05'', date ''2024-06-20'')'),
  ('orders', 'keep_rate(c, at, $day, 30)', 'keep_rate(h, $day, 30)'),
  ('orders', 'keep_stats(c, at, $day, 30, 60)', 'keep_stats(h, $day, 30, 60)'),
  ('orders', 'second_purchase_rate(c, at, 30, $day)', 'second_purchase_rate(h, 30, $day)'),
  ('orders', 'second_purchase_stats(c, at, 30, $day)', 'second_purchase_stats(h, 30, $day)'),
  ('orders', 'second_purchase_rate(c, at, 45, $day, ''mature'')', 'second_purchase_rate(h, 45, $day, ''mature'')'),
  ('orders', 'second_purchase_stats(c, at, 200, $day, ''literal'')', 'second_purchase_stats(h, 200, $day, ''literal'')'),
  ('orders', 'time_to_second_purchase(c, at, $day)', 'time_to_second_purchase(h, $day)'),
  ('orders', 'repeat_funnel(c, at, 5, 30, $day)', 'repeat_funnel(h, 5, 30, $day)'),
  ('paid', 'revenue_cohorts(c, at, amount, $unit, $day)', 'revenue_cohorts(h, $unit, $day)'),
  ('paid', 'sales_by_loyalty(c, at, amount, $unit)', 'sales_by_loyalty(h, $unit)'),
  ('paid', 'aov_by_order_index(c, at, amount)', 'aov_by_order_index(h)'),
  ('paid', 'arpu(c, amount)', 'arpu(h)'),
  ('paid', 'average_order(amount)', 'average_order(h)'),
  ('paid', 'repurchase_rate(c, amount)', 'repurchase_rate(h)'),
  ('paid', 'repurchase_stats(c, amount)', 'repurchase_stats(h, ''orders'')'),
  ('orders', 'repurchase_stats(c)', 'repurchase_stats(h)'),
  ('orders', 'repurchase_rate(c, at)', 'repurchase_rate(h, ''days'')'),
  ('orders', 'repurchase_stats(c, at)', 'repurchase_stats(h, ''days'')'),
  ('paid', 'repurchase_stats(c, amount) FILTER (WHERE at::date BETWEEN ''2024-03-05'' AND ''2024-04-06'')', 'repurchase_stats(h, ''2024-03-05'', ''2024-04-06'')'),
  ('orders', 'repurchase_stats(c, at) FILTER (WHERE at::date BETWEEN ''2024-03-05'' AND ''2024-04-06'')', 'repurchase_stats(h, ''2024-03-05'', ''2024-04-06'', ''days'')'),
  ('orders', 'repurchase_periods(c, at, $unit, $day)', 'repurchase_periods(h, $unit, $day)'),
  ('orders', 'repurchase_periods(c, at, ''month'')', 'repurchase_periods(h, ''month'')'),
  ('orders', 'repurchase_interval(c, at)', 'repurchase_interval(h)'),
  ('orders', 'repurchase_interval_median(c, at)', 'repurchase_interval_median(h)'),
  ('orders', 'repeat_funnel(c)', 'repeat_funnel(h)'),
  ('orders', 'repeat_funnel(c, 3)', 'repeat_funnel(h, 3)'),
  -- without a day it is today, long after the last event
  ('orders', 'retention_nth_day_stats(c, at, 30)', 'retention_nth_day_stats(h, 30)'),
  ('orders', 'retention_within_days_stats(c, at, 30)', 'retention_within_days_stats(h, 30)'),
  ('orders', 'retention_between_days_stats(c, at, 3, 30)', 'retention_between_days_stats(h, 3, 30)'),
  ('orders', 'retention_from_day_stats(c, at, 30)', 'retention_from_day_stats(h, 30)'),
  ('orders', 'retention_curve(c, at, 9)', 'retention_curve(h, 9)'),
  ('orders', 'retention_cohorts(c, at, ''month'')', 'retention_cohorts(h, ''month'')'),
  ('orders', 'return_curve(c, at, 9)', 'return_curve(h, 9)'),
  ('orders', 'second_purchase_stats(c, at, 30)', 'second_purchase_stats(h, 30)'),
  ('orders', 'repeat_funnel(c, at, 4, 30)', 'repeat_funnel(h, 4, 30)'),
  ('orders', 'growth_accounting(c, at, ''month'')', 'growth_accounting(h, ''month'')'),
  ('paid', 'revenue_cohorts(c, at, amount, ''month'')', 'revenue_cohorts(h, ''month'')');

-- what stands for $..., everywhere in a call the same
CREATE VIEW asked AS
SELECT template, replace(source, '$rows', coalesce(e.rows, '')) AS source,
       replace(replace(replace(replace(over_rows, '$day', coalesce(day, '')), '$unit', coalesce(unit, '')), '$start', coalesce(k.starts, '')), '$return', coalesce(k.returns, '')) AS over_rows,
       replace(replace(replace(replace(over_histories, '$day', coalesce(day, '')), '$unit', coalesce(unit, '')), '$event', coalesce(e.event, '')), '$kinds', coalesce(k.kinds, '')) AS over_histories
FROM calls
  LEFT JOIN unnest(ARRAY['date ''2024-06-20''', 'timestamp ''2024-11-03 10:00''', 'timestamptz ''2024-03-31 23:30''', 'date ''2024-01-01''']) day ON over_histories ~ '\$day'
  LEFT JOIN unnest(ARRAY['''day''', '''week''', '''month''', '''YEAR''']) unit ON over_histories ~ '\$unit'
  LEFT JOIN (VALUES ('orders', '''order'''), ('visits', '''visit'''), ('active', '''any''')) e (rows, event) ON over_histories ~ '\$event'
  LEFT JOIN (VALUES ('o', 'v', '''order'', ''visit'''), ('v', 'o', '''visit'', ''order'''), ('o', 'o OR v', '''order'', ''any'''), ('o OR v', 'v', '''any'', ''visit'''), ('o', 'o', '''order'', ''order''')) k (starts, returns, kinds) ON over_histories ~ '\$kinds';

-- each group's answer, and that of all
CREATE FUNCTION by_group(source text, call text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE answer text;
BEGIN
  EXECUTE format('SELECT string_agg(g || ''='' || coalesce(r, ''NULL''), E''\n'' ORDER BY g) FROM (SELECT g, (%s)::text AS r FROM %I GROUP BY g) x', call, source) INTO answer;
  RETURN answer;
END $$;
CREATE FUNCTION of_all(source text, call text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE answer text;
BEGIN
  EXECUTE format('SELECT (%s)::text FROM %I', call, source) INTO answer;
  RETURN coalesce(answer, 'NULL');
END $$;
CREATE TABLE answers AS SELECT *, by_group(source, over_rows) AS by_group, of_all(source, over_rows) AS of_all FROM asked;

-- one test for each row of the table
CREATE FUNCTION same(how text) RETURNS SETOF text LANGUAGE sql AS $$
  SELECT is(string_agg(a.over_histories || ' is ' || b, E'\n') FILTER (WHERE b IS DISTINCT FROM a.by_group), NULL, c.over_histories || how)
  FROM calls c JOIN answers a USING (template), by_group('built', a.over_histories) b GROUP BY template, c.over_histories ORDER BY template $$;
-- ... of which many are one query, so that its workers are started once
CREATE FUNCTION at_once(expressions text[], grouped text DEFAULT '') RETURNS text LANGUAGE sql AS $$
  SELECT format('SELECT ARRAY[%s] AS answers FROM built%s', string_agg(format('(%s)::text', expression), ', ' ORDER BY i), grouped) FROM unnest(expressions) WITH ORDINALITY e (expression, i) $$;
CREATE FUNCTION of_all_at_once(calls text[]) RETURNS text[] LANGUAGE plpgsql AS $$
DECLARE answers text[];
BEGIN
  EXECUTE at_once(ARRAY(SELECT format('coalesce((%s)::text, ''NULL'')', call) FROM unnest(calls) WITH ORDINALITY c (call, i) ORDER BY i)) INTO answers;
  RETURN answers;
END $$;
CREATE FUNCTION by_group_at_once(calls text[]) RETURNS text[] LANGUAGE plpgsql AS $$
DECLARE answers text[];
BEGIN
  EXECUTE format('SELECT array_agg(answer ORDER BY i) FROM (SELECT i, string_agg(r, E''\n'' ORDER BY r) AS answer FROM (%s) x, unnest(answers) WITH ORDINALITY u (r, i) GROUP BY i) y',
                 at_once(ARRAY(SELECT format('g || ''='' || coalesce((%s)::text, ''NULL'')', call) FROM unnest(calls) WITH ORDINALITY c (call, i) ORDER BY i), ' GROUP BY g')) INTO answers;
  RETURN answers;
END $$;
ALTER TABLE answers ADD n int GENERATED ALWAYS AS IDENTITY;
CREATE TABLE batch AS SELECT array_agg(n ORDER BY n) AS numbers, array_agg(over_histories ORDER BY n) AS calls FROM answers GROUP BY n / 50;
CREATE FUNCTION differing(of_template int, given regclass, expected text) RETURNS text LANGUAGE plpgsql SET max_parallel_workers_per_gather = 0 AS $$
DECLARE result text;
BEGIN
  EXECUTE format('SELECT string_agg(over_histories || '' is '' || coalesce(answer, ''nothing''), E''\n'' ORDER BY n) FROM answers LEFT JOIN %s USING (n) WHERE template = $1 AND answer IS DISTINCT FROM %I', given, expected)
  INTO result USING of_template;
  RETURN result;
END $$;
SELECT plan(3 * (SELECT count(*) FROM calls)::int + 6);
SELECT cmp_ok((SELECT count(*) FROM built), '>', 100::bigint, 'there are customers');
SELECT is((SELECT count(*) FROM calls c WHERE NOT EXISTS (SELECT FROM answers a WHERE a.template = c.template AND a.by_group !~ '=(NULL|\(0,0,)')), 0::bigint, 'every call has an answer that is not nothing');
SELECT is((SELECT string_agg(DISTINCT p.proname, ' ') FROM pg_proc p JOIN pg_proc r USING (proname) WHERE p.prokind = 'a' AND r.prokind = 'a' AND p.proargtypes[0] = 'crmlife.purchase_history'::regtype AND r.proargtypes[0] <> 'crmlife.purchase_history'::regtype
           AND NOT EXISTS (SELECT FROM calls WHERE over_histories ~ ('^' || p.proname || '\('))), NULL, 'the table has every aggregate with two doors');
SELECT is((SELECT string_agg(DISTINCT p.proname, ' ') FROM pg_proc p WHERE p.prokind = 'a' AND p.pronamespace = 'public'::regnamespace AND EXISTS (SELECT FROM pg_depend d JOIN pg_extension x ON x.oid = d.refobjid WHERE d.objid = p.oid AND x.extname = 'crmlife')
           AND NOT EXISTS (SELECT FROM pg_proc h WHERE h.proname = p.proname AND h.prokind = 'a' AND h.proargtypes[0] = 'crmlife.purchase_history'::regtype)), 'lifecycle_stage purchase_history rfm_cuts', 'and every other aggregate has one');
SELECT same(', in groups');

SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET min_parallel_table_scan_size = 0;
SET max_parallel_workers_per_gather = 2;
SET parallel_leader_participation = off;
ALTER TABLE built SET (parallel_workers = 2);
CREATE FUNCTION plan_of(query text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE line text; plan text := '';
BEGIN
  FOR line IN EXECUTE 'EXPLAIN (COSTS off) ' || query LOOP plan := plan || line || E'\n'; END LOOP;
  RETURN plan;
END $$;
SELECT is((SELECT string_agg(calls::text, ', ') FROM batch WHERE plan_of(at_once(calls)) NOT LIKE '%Finalize%Partial%'), NULL, 'parallel plans');
CREATE TABLE in_parallel AS SELECT n, answer FROM batch, ROWS FROM (unnest(numbers), unnest(of_all_at_once(calls))) x (n, answer);
SELECT is(differing(template, 'in_parallel', 'of_all'), NULL, over_histories || ', in parallel') FROM calls ORDER BY template;
SET enable_hashagg = off;
SELECT is((SELECT string_agg(calls::text, ', ') FROM batch WHERE plan_of(at_once(calls, ' GROUP BY g')) NOT LIKE '%Finalize GroupAggregate%Partial GroupAggregate%'), NULL, 'parallel plans of groups');
CREATE TABLE in_parallel_groups AS SELECT n, answer FROM batch, ROWS FROM (unnest(numbers), unnest(by_group_at_once(calls))) x (n, answer);
SELECT is(differing(template, 'in_parallel_groups', 'by_group'), NULL, over_histories || ', in parallel groups, sorted') FROM calls ORDER BY template;
SELECT finish();
DROP SCHEMA history_doors CASCADE;
