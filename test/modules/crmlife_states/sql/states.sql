-- The parts of aggregates one by one, as a leader of a parallel plan calls them:
-- whole states in any number of pieces, none, those of other aggregates, and
-- damaged ones, which must be refused or mean something else, never more.
\set ECHO none
\pset format unaligned
\pset tuples_only true
SET client_min_messages = warning;
SET TimeZone = 'UTC';
SET DateStyle = ISO;
SELECT no_plan();

-- a state as bytes, and an aggregate over such bytes
CREATE AGGREGATE average_state(numeric) (SFUNC = crmlife.average_order_accum, STYPE = internal, FINALFUNC = crmlife.average_order_serial);
CREATE AGGREGATE average_of(regprocedure, regprocedure, bytea) (SFUNC = take_state, STYPE = internal, FINALFUNC = crmlife.average_order_final);
CREATE AGGREGATE stage_state(date, numeric, date, crmlife.lifecycle_model) (SFUNC = crmlife.lifecycle_stage_accum, STYPE = internal, FINALFUNC = crmlife.lifecycle_stage_serial);
CREATE AGGREGATE stage_of(regprocedure, regprocedure, bytea) (SFUNC = take_state, STYPE = internal, FINALFUNC = crmlife.lifecycle_stage_final);
CREATE AGGREGATE cuts_state(bigint, bigint, numeric, int, text) (SFUNC = crmlife._rfm_cuts_accum, STYPE = internal, FINALFUNC = crmlife._rfm_cuts_serialize);
CREATE AGGREGATE cuts_of(regprocedure, regprocedure, bytea) (SFUNC = take_state, STYPE = internal, FINALFUNC = crmlife._rfm_cuts_final);
CREATE AGGREGATE history_state(date, numeric) (SFUNC = crmlife.purchase_history_accum, STYPE = internal, FINALFUNC = crmlife.purchase_history_serial);
CREATE AGGREGATE history_of(regprocedure, regprocedure, bytea) (SFUNC = take_state, STYPE = internal, FINALFUNC = crmlife.purchase_history_final);
CREATE AGGREGATE repurchase_state(bigint) (SFUNC = crmlife.repurchase_accum, STYPE = internal, FINALFUNC = crmlife.customers_serial);
CREATE AGGREGATE repurchase_state(text) (SFUNC = crmlife.repurchase_accum, STYPE = internal, FINALFUNC = crmlife.customers_serial);
CREATE AGGREGATE retention_state(bigint, date, int) (SFUNC = crmlife.retention_accum, STYPE = internal, FINALFUNC = crmlife.customers_serial);
CREATE AGGREGATE repurchase_of(regprocedure, regprocedure, bytea) (SFUNC = take_state, STYPE = internal, FINALFUNC = crmlife.repurchase_stats_final);

-- customers in a log, with amounts in their rows; with a sum beside them; with rows older than their table reaches
CREATE AGGREGATE revenue_state(text, date, numeric, text, date) (SFUNC = crmlife.revenue_cohorts_accum, STYPE = internal, FINALFUNC = crmlife.customers_serial);
CREATE AGGREGATE revenue_of(regprocedure, regprocedure, bytea) (SFUNC = take_state, STYPE = internal, FINALFUNC = crmlife.revenue_cohorts_final);
CREATE AGGREGATE spent_state(bigint, numeric) (SFUNC = crmlife.arpu_accum, STYPE = internal, FINALFUNC = crmlife.customers_serial);
CREATE AGGREGATE spent_of(regprocedure, regprocedure, bytea) (SFUNC = take_state, STYPE = internal, FINALFUNC = crmlife.arpu_final);
CREATE AGGREGATE cohorts_state(bigint, date, text, date) (SFUNC = crmlife.retention_cohorts_accum, STYPE = internal, FINALFUNC = crmlife.customers_serial);
CREATE AGGREGATE cohorts_of(regprocedure, regprocedure, bytea) (SFUNC = take_state, STYPE = internal, FINALFUNC = crmlife.retention_cohorts_final);

CREATE TABLE part (name text, combine text, deserial text);
INSERT INTO part VALUES ('average', 'average_order_combine', 'average_order_deserial'), ('stage', 'lifecycle_stage_combine', 'lifecycle_stage_deserial'),
  ('cuts', '_rfm_cuts_combine', '_rfm_cuts_deserialize'), ('history', 'purchase_history_combine', 'purchase_history_deserial'),
  ('repurchase', 'customers_combine', 'customers_deserial'), ('revenue', 'customers_combine', 'customers_deserial'),
  ('spent', 'customers_combine', 'customers_deserial'), ('cohorts', 'customers_combine', 'customers_deserial');

-- what an aggregate over these states gives, or the error
CREATE FUNCTION result_of(kind text, VARIADIC states bytea[]) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
  result text;
  p part;
BEGIN
  SELECT * INTO p FROM part WHERE name = kind;
  EXECUTE format('SELECT %s_of(%L::regprocedure, %L::regprocedure, s)::text FROM unnest($1) WITH ORDINALITY AS u(s, i)', kind,
    (SELECT oid::regprocedure FROM pg_proc WHERE proname = p.combine), (SELECT oid::regprocedure FROM pg_proc WHERE proname = p.deserial)) INTO result USING states;
  RETURN coalesce(result, 'NULL');
EXCEPTION WHEN OTHERS THEN
  RETURN SQLSTATE || ' ' || SQLERRM;
END $$;

CREATE TABLE orders AS
SELECT i % 7 AS c, date '2025-01-01' + i % 60 AS at, (i * 37 % 101 - 5)::numeric / 100 AS amount, i % 3 AS piece FROM generate_series(1, 200) AS i;
INSERT INTO orders VALUES (9, '2025-02-01', 1e45, 1), (9, '2025-02-03', NULL, 2);

-- what is aggregated, the aggregate that gives the bytes, and the rows
CREATE TABLE spec (n serial, name text, kind text, arguments text, condition text DEFAULT 'true');
INSERT INTO spec (name, kind, arguments, condition) VALUES ('amounts', 'average', 'amount', 'c < 9');
INSERT INTO spec (name, kind, arguments) VALUES
  ('wide amounts', 'average', 'amount'),
  ('the default model', 'stage', 'at, amount, ''2025-03-10'', ''recency'''),
  ('days and windows', 'stage', 'at, amount, ''2025-03-01'', ''CASE WHEN revenue > 100 AND order_days > 3 AND revenue_in(30) > 5 AND orders_in(10) < 50 THEN ''''a'''' ELSE ''''b'''' END'''),
  ('no model', 'stage', 'at, amount, ''2025-03-10'', NULL'),
  ('wide amounts', 'cuts', 'c, c, amount, 3, ''r'''),
  ('no bins', 'cuts', 'c, c, amount, NULL, ''r'''),
  ('wide amounts', 'history', 'at, amount'),
  ('customers', 'repurchase', 'c'),
  ('wide amounts', 'spent', 'c, amount'),
  ('days long ago', 'cohorts', 'c, CASE WHEN c = 3 THEN at - 36500 ELSE at END, ''week'', date ''2025-06-01''');
INSERT INTO spec (name, kind, arguments, condition) VALUES ('a sum', 'spent', 'c, amount', 'c < 9'),
  ('wide amounts', 'revenue', 'c::text, at, amount, ''year'', date ''2025-06-01''', 'c IN (1, 9)');
INSERT INTO spec (name, kind, arguments, condition) VALUES ('amounts', 'cuts', 'c, c, amount, 5, ''quantile''', 'c < 9');
CREATE FUNCTION aggregated(called text, s spec, more text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
  result text;
BEGIN
  EXECUTE format('SELECT %s(%s)::text FROM orders WHERE %s AND %s', called, s.arguments, s.condition, more) INTO result;
  RETURN coalesce(result, 'NULL');
END $$;
CREATE FUNCTION state(s spec, more text) RETURNS bytea LANGUAGE sql AS $$ SELECT aggregated(s.kind || '_state', s, more)::bytea $$;
CREATE TABLE whole AS
SELECT n, name, kind, state(s, 'true') AS state, ARRAY[state(s, 'piece = 0'), state(s, 'piece = 1'), state(s, 'piece = 2')] AS piece,
       aggregated(CASE kind WHEN 'average' THEN 'average_order' WHEN 'stage' THEN 'lifecycle_stage' WHEN 'cuts' THEN 'rfm_cuts' WHEN 'history' THEN 'purchase_history' WHEN 'revenue' THEN 'revenue_cohorts'
         WHEN 'spent' THEN 'arpu' WHEN 'cohorts' THEN 'retention_cohorts' ELSE 'repurchase_stats' END, s, 'true') AS result
FROM spec AS s;

SELECT is(result_of(kind, state), result, kind || ' of ' || name || ': the whole') FROM whole ORDER BY n;
SELECT is(result_of(kind, VARIADIC piece), result, kind || ' of ' || name || ': three pieces') FROM whole ORDER BY n;
SELECT is(result_of(kind, NULL, piece[2], piece[3], NULL, piece[1]), result, kind || ' of ' || name || ': pieces and nothing') FROM whole ORDER BY n;
SELECT is(result_of(kind, NULL, NULL), nothing, kind || ': nothing')
FROM (VALUES ('average', 'NULL'), ('stage', 'NULL'), ('history', 'NULL'), ('cuts', '(,,,0,0,0,0)'), ('repurchase', '(0,0,,,)')) AS v (kind, nothing);

-- what is not to be combined
SELECT is(result_of('repurchase', repurchase_state(c), repurchase_state(c::text)), 'XX000 states of different aggregates cannot be combined', 'other keys') FROM orders;
SELECT is(result_of('repurchase', repurchase_state(c), retention_state(c, at, 7)), 'XX000 states of different aggregates cannot be combined', 'another metric') FROM orders;
SELECT throws_ok($$SELECT repurchase_of('crmlife.customers_combine(internal, internal)', CASE WHEN i < 2 THEN 'crmlife.customers_deserial(bytea, internal)'::regprocedure END, s)
                   FROM (SELECT repurchase_state(c) FROM orders) AS x (s), generate_series(1, 2) AS i$$, 'XX000', 'a state was not serialized', 'one that was not serialized');
SELECT is(result_of('stage', a.state, b.state), '22023 model of lifecycle_stage differs between the rows of a group', 'another model') FROM whole AS a, whole AS b WHERE a.name = 'the default model' AND b.name = 'no model';
SELECT is(result_of('cuts', a.state, b.state), '22023 bins and method of rfm_cuts must be the same in all rows of a group', 'other bins') FROM whole AS a, whole AS b WHERE (a.kind, a.name) = ('cuts', 'amounts') AND b.name = 'no bins';

-- 08P01: it is too short or too long.  What is text in a stage's state, amounts and its model, has errors of its own.
-- Cut at every byte, and each byte changed to a few others: refused, as damaged, or a value
CREATE FUNCTION refused(result text) RETURNS boolean LANGUAGE sql AS $$ SELECT result ~ '^(XX001|08P01) ' $$;
CREATE TABLE cut AS
SELECT n, kind, name, size, result_of(kind, substr(state, 1, size)) AS result FROM whole, generate_series(0, length(state) - 1) AS size WHERE kind NOT IN ('history', 'repurchase');
SELECT is(string_agg(size || ' bytes: ' || result, E'\n' ORDER BY size) FILTER (WHERE NOT refused(result)), NULL, kind || ' of ' || name || ' cut anywhere is refused') FROM cut GROUP BY n, kind, name ORDER BY n;
CREATE TABLE changed AS
SELECT n, kind, name, at, value, result_of(kind, set_byte(state, at, value)) AS result
FROM whole, generate_series(0, length(state) - 1) AS at, LATERAL unnest(ARRAY[0, 1, 127, 128, 255, get_byte(state, at) # 1, get_byte(state, at) # 128]) AS value
WHERE kind NOT IN ('history', 'repurchase') AND value <> get_byte(state, at)
  AND (kind NOT IN ('cohorts', 'revenue') OR at < 12 OR at BETWEEN 16 AND 35 OR at >= length(state) - CASE kind WHEN 'revenue' THEN 12 ELSE 60 END)
  -- days thousands of years apart take long: of the upper bytes of the days there, which are 255, only what comes to other days
  AND NOT (kind = 'cohorts' AND at - length(state) IN (-58, -42) AND value <> 254 OR kind = 'cohorts' AND at - length(state) IN (-57, -41) AND value = 254)
  AND NOT (kind = 'revenue' AND at - length(state) = -10 AND value = 128);
SELECT is(string_agg(format('byte %s is %s: %s', at, value, result), E'\n' ORDER BY at, value) FILTER (WHERE result ~ '^[0-9A-Z]{5} ' AND NOT refused(result) AND NOT (kind IN ('spent', 'cohorts', 'revenue') AND result ~ '^(22003|22023|54000|42804) ') AND NOT (kind = 'stage' AND result ~ '^(22P02|22003|22021|42601|42703|0A000|42804|22023|42704) ')), NULL,
          kind || ' of ' || name || ': any byte changed is refused, or a value') FROM changed GROUP BY n, kind, name ORDER BY n;
SELECT cmp_ok(count(*) FILTER (WHERE refused(result)), '>', 100::bigint, 'some are refused') FROM changed;
SELECT cmp_ok(count(*) FILTER (WHERE NOT refused(result)), '>', 100::bigint, 'some are values') FROM changed;

-- outside an aggregate
CREATE FUNCTION outside(part regprocedure) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
  PERFORM call_outside(part);
  RETURN 'called';
EXCEPTION WHEN OTHERS THEN
  RETURN SQLSTATE || ' ' || SQLERRM;
END $$;
CREATE TABLE called AS
SELECT part, outside(part) AS result, role FROM (SELECT DISTINCT f::oid::regprocedure AS part, role FROM pg_aggregate,
  LATERAL (VALUES (aggtransfn, 'accum'), (aggcombinefn, 'combine'), (aggserialfn, 'serial'), (aggdeserialfn, 'deserial'), (aggfinalfn, 'final')) AS v (f, role)
  WHERE f <> 0 AND f IN (SELECT oid FROM pg_proc WHERE pronamespace = 'crmlife'::regnamespace)) AS x;
SELECT is(string_agg(concat_ws(' ', role, part, result), E'\n') FILTER (WHERE result <> '55000 function called outside an aggregate'), NULL, role || ' outside an aggregate: refused')
FROM called WHERE role IN ('combine', 'serial', 'deserial') GROUP BY role ORDER BY role;
SELECT is(string_agg(concat_ws(' ', role, part, result), E'\n') FILTER (WHERE result NOT IN ('called', '55000 function called outside an aggregate')), NULL, role || ' outside an aggregate: of NULLs nothing, or refused')
FROM called WHERE role IN ('accum', 'final') GROUP BY role ORDER BY role;

-- as nobody calls them in SQL
CREATE AGGREGATE flat_state(crmlife.purchase_history) (SFUNC = crmlife.histories_revenue_accum, STYPE = bytea, FINALFUNC = flat_twice);
SELECT ok(flat_state(h), 'a state is made flat twice') FROM (SELECT purchase_history(at, amount) AS h FROM orders GROUP BY c) AS x;
SELECT is(string_agg(score_bare('rfm_score(integer, bigint, numeric, numeric[], numeric[], numeric[])', r, f, m, '{30,90}', '{2,5}', cuts)::text, ' ' ORDER BY r, f, m, cuts),
          string_agg(rfm_score(r, f, m, '{30,90}', '{2,5}', cuts)::text, ' ' ORDER BY r, f, m, cuts), 'scores without an expression, by cuts that change')
FROM (VALUES (10), (50), (100)) AS r (r), (VALUES (1::bigint), (3), (9)) AS f (f), (VALUES (5.5), (50), (500)) AS m (m), (VALUES ('{10,100}'::numeric[]), ('{6,60}')) AS c (cuts);

SELECT finish();
