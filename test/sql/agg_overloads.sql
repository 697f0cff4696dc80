-- Every overload of every aggregate over customers, called: those of one name
-- with the same arguments give one result, whatever the types; and without
-- as_of that of today.  Every argument given NULL, and every mistake.
\set ECHO none
\pset format unaligned
\pset tuples_only true
SET client_min_messages = warning;
DROP SCHEMA IF EXISTS agg_overloads CASCADE;
CREATE SCHEMA agg_overloads;
SET search_path = agg_overloads, public;
SET TimeZone = 'America/New_York';
SET DateStyle = ISO;
SET jit = off;
SET max_parallel_workers_per_gather = 0;

-- About today.  On one day a later order is a larger one, so that the rank of
-- orders is the same by days and by times.
CREATE DOMAIN customer_number AS int;
CREATE DOMAIN customer_name AS varchar(20);
CREATE DOMAIN order_day AS date;
SELECT setseed(0.625) \gset
CREATE TABLE orders AS
SELECT c, at, s, r, CASE WHEN hours = 0 THEN NULL WHEN hours % 5 = 0 THEN -hours::numeric(9, 1) ELSE hours * 1.5 END AS amount
FROM (SELECT (random() * random() * 120)::int AS c, s, r, hours, (current_date - 100 + days)::timestamp + hours * interval '1 hour' AS at
      FROM (SELECT random() < 0.7 AS s, random() < 0.7 AS r, (random() * 23)::int AS hours, (random() * random() * 110)::int AS days, random()
            FROM generate_series(1, 400)) x) y;

CREATE TABLE kind (argument text, type text, expression text);
INSERT INTO kind VALUES
  ('customer', 'bigint', 'c'), ('customer', 'uuid', 'md5(c::text)::uuid'), ('customer', 'text', '''customer '' || c'),
  ('at', 'date', 'at::date'), ('at', 'timestamp without time zone', 'at'), ('at', 'timestamp with time zone', 'at::timestamptz'),
  ('amount', 'numeric', 'amount'), ('is_start', 'boolean', 's'), ('is_return', 'boolean', 'r'),
  ('n', 'integer', '7'), ('max_n', 'integer', '12'), ('from_day', 'integer', '3'), ('to_day', 'integer', '9'), ('days', 'integer', '40'),
  ('lookback_days', 'integer', '20'), ('max_k', 'integer', '5'), ('unit', 'text', '''week'''), ('method', 'text', '''literal'''),
  ('cohort_from', 'date', 'current_date - 80'), ('cohort_to', 'date', 'current_date - 20');
INSERT INTO kind SELECT argument, 'date', format('(current_date - %s)', ago) FROM (VALUES ('as_of', 10), ('base_date', 60)) v (argument, ago)
UNION ALL SELECT argument, 'timestamp without time zone', format('(current_date - %s + time ''13:00'')', ago) FROM (VALUES ('as_of', 10), ('base_date', 60)) v (argument, ago)
UNION ALL SELECT argument, 'timestamp with time zone', format('(current_date - %s + time ''23:30'')::timestamptz', ago) FROM (VALUES ('as_of', 10), ('base_date', 60)) v (argument, ago);

-- the aggregates whose first argument is a customer
CREATE TABLE overload AS
SELECT p.oid, proname AS name, proargnames AS arguments, array_to_string(proargnames, ' ') AS list, array_remove(proargnames, 'as_of') AS without,
       (SELECT array_agg(format_type(t, NULL) ORDER BY i) FROM unnest(proargtypes::oid[]) WITH ORDINALITY AS x (t, i)) AS types
FROM pg_proc p JOIN pg_depend d ON d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e' JOIN pg_extension e ON e.oid = d.refobjid
WHERE prokind = 'a' AND extname = 'crmlife' AND proargnames[1] = 'customer';
CREATE TABLE family AS
SELECT name, list, arguments, without, count(*) AS overloads, count(DISTINCT types) AS types, NULL::text AS result FROM overload GROUP BY 1, 2, 3, 4;

-- a call with these expressions for some of the arguments
CREATE FUNCTION call(name text, arguments text[], types text[]) RETURNS text LANGUAGE sql AS $$
  SELECT format('SELECT %I(%s)::text FROM orders', call.name, string_agg(expression, ', ' ORDER BY i))
  FROM unnest(arguments, types) WITH ORDINALITY AS x (argument, type, i) JOIN kind USING (argument, type) $$;
CREATE FUNCTION result_of(query text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE result text;
BEGIN
  EXECUTE query INTO result;
  RETURN coalesce(result, 'NULL');
EXCEPTION WHEN OTHERS THEN RETURN SQLSTATE || ' ' || SQLERRM;
END $$;

-- one of each family to compare with: bigint, timestamp, dates; as_of that of
-- the call, or today
CREATE FUNCTION canonical(text[]) RETURNS text[] LANGUAGE sql AS $$
  SELECT array_agg(CASE argument WHEN 'customer' THEN 'bigint' WHEN 'at' THEN 'timestamp without time zone'
                                 ELSE (SELECT min(type) FROM kind WHERE kind.argument = x.argument) END ORDER BY i)
  FROM unnest($1) WITH ORDINALITY AS x (argument, i) $$;
UPDATE family f SET result = (
  SELECT result_of(replace(call(f.name, full_list, canonical(full_list)), '(current_date - 10)', CASE WHEN f.arguments = full_list THEN '(current_date - 10)' ELSE 'current_date' END))
  FROM (SELECT coalesce((SELECT g.arguments FROM family g WHERE g.name = f.name AND g.without = f.without AND 'as_of' = ANY (g.arguments)), f.arguments) AS full_list) x);

-- a value that is refused, and one that is not the same in all rows
CREATE TABLE wrong (argument text, expression text);
INSERT INTO wrong
SELECT a, '-1' FROM unnest('{n, max_n, from_day, to_day, days, lookback_days, max_k}'::text[]) a
UNION ALL SELECT a, '2147483647' FROM unnest('{max_n, from_day, to_day, max_k}'::text[]) a
UNION ALL SELECT a, format('%L', v) FROM unnest('{at, as_of, base_date, cohort_from, cohort_to}'::text[]) a, unnest('{infinity, -infinity}'::text[]) v
UNION ALL SELECT 'amount', format('%L', v) FROM unnest('{infinity, -infinity, NaN}'::text[]) v
UNION ALL VALUES ('unit', '''hour'''), ('unit', ''''''), ('method', '''x'''), ('from_day', '10'), ('cohort_from', '(current_date - 10)');
INSERT INTO wrong
SELECT argument, CASE type WHEN 'date' THEN '(current_date - 50 + c % 2)' WHEN 'integer' THEN CASE argument WHEN 'from_day' THEN 'c % 2' ELSE '(10 + c % 2)' END
                           ELSE '(CASE c % 2 WHEN 0 THEN ' || CASE argument WHEN 'unit' THEN '''day'' ELSE ''year''' ELSE '''literal'' ELSE ''mature''' END || ' END)' END
FROM kind WHERE type IN ('date', 'integer', 'text') AND argument NOT IN ('customer', 'at')
UNION ALL
SELECT argument, format('(CASE WHEN c %% 2 = 0 THEN %s END)', expression) FROM kind WHERE type IN ('date', 'integer', 'text') AND argument NOT IN ('customer', 'at');
CREATE FUNCTION problem(query text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE state text; message text; detail text; hint text;
BEGIN
  EXECUTE query;
  RETURN 'none';
EXCEPTION WHEN OTHERS THEN
  GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
  RETURN concat_ws(' | ', state, message, detail, hint);
END $$;

SELECT plan(4 * (SELECT count(*)::int FROM family) + (SELECT count(*)::int FROM wrong) + 6);
SELECT cmp_ok((SELECT count(*) FROM overload), '>=', 1270::bigint, 'there are many overloads');
SELECT is((SELECT string_agg(DISTINCT argument, ' ') FROM overload, unnest(arguments, types) u (argument, type) WHERE NOT EXISTS (SELECT FROM kind WHERE (kind.argument, kind.type) = (u.argument, u.type))),
          NULL, 'each argument of each type has an expression');
-- customers, times and dates in three types each
SELECT is(overloads || ' of ' || types, format('%1$s of %1$s', 3 ^ (SELECT count(*) FROM unnest(arguments) a WHERE a IN ('customer', 'at', 'as_of', 'base_date'))),
          format('%s(%s): all types', name, list)) FROM family ORDER BY name, list;
SELECT is((SELECT string_agg(concat_ws(': ', types::text, left(result_of(call(f.name, f.arguments, types)), 60)), E'\n') FROM overload o
           WHERE o.name = f.name AND o.list = f.list AND result_of(call(f.name, f.arguments, types)) IS DISTINCT FROM f.result), NULL,
          format('%s(%s): one result', name, list)) FROM family f ORDER BY name, list;
-- types that come along, literals without a type
CREATE TABLE cast_kind (argument text, expression text);
INSERT INTO cast_kind VALUES
  ('customer', 'c::smallint'), ('customer', 'c::int'), ('customer', 'c::customer_number'), ('customer', '''customer '' || c::customer_number'),
  ('customer', '(''customer '' || c)::varchar(20)'), ('customer', '(''customer '' || c)::char(20)'), ('customer', '(''customer '' || c)::customer_name'),
  ('at', 'at::date::order_day'), ('at', 'at::timestamptz(0)'), ('amount', 'amount::numeric(12, 1)');
INSERT INTO cast_kind SELECT argument, quote_literal((current_date - ago)::text) FROM (VALUES ('as_of', 10), ('base_date', 60)) v (argument, ago);
SELECT is((SELECT string_agg(concat_ws(': ', argument, expression, left(result, 60)), E'\n')
           FROM cast_kind k CROSS JOIN LATERAL result_of((SELECT format('SELECT %I(%s)::text FROM orders', f.name, string_agg(CASE WHEN a = k.argument THEN k.expression ELSE expression END, ', ' ORDER BY i))
                  FROM unnest(f.arguments, canonical(f.arguments)) WITH ORDINALITY AS x (a, t, i) JOIN kind ON kind.argument = a AND kind.type = t)) r (result)
           WHERE k.argument = ANY (f.arguments) AND result IS DISTINCT FROM f.result), NULL,
          format('%s(%s): other types, literals', name, list)) FROM family f ORDER BY name, list;

-- NULL for a parameter gives NULL, in _stats too
SELECT is((SELECT string_agg(concat_ws(': ', parameter, result), ', ')
           FROM unnest(f.arguments) parameter, LATERAL result_of((SELECT format('SELECT %I(%s)::text FROM orders', f.name, string_agg(CASE WHEN a = parameter THEN 'NULL::' || type ELSE expression END, ', ' ORDER BY i))
                  FROM unnest(f.arguments, canonical(f.arguments)) WITH ORDINALITY AS x (a, t, i) JOIN kind ON kind.argument = a AND kind.type = t)) r (result)
           WHERE parameter NOT IN ('customer', 'at', 'amount', 'is_start', 'is_return') AND result <> 'NULL'), NULL,
          format('%s(%s): NULL for a parameter', name, list)) FROM family f ORDER BY name, list;

-- mistakes, each with its state, detail and hint
SELECT is((SELECT string_agg(format('%s(%s): %s', f.name, f.list, problem), E'\n')
           FROM family f, LATERAL problem((SELECT format('SELECT %I(%s)::text FROM orders', f.name, string_agg(CASE WHEN a = w.argument THEN w.expression || '::' || type ELSE expression END, ', ' ORDER BY i))
                  FROM unnest(f.arguments, canonical(f.arguments)) WITH ORDINALITY AS x (a, t, i) JOIN kind ON kind.argument = a AND kind.type = t))
           WHERE w.argument = ANY (f.arguments) AND problem !~ '^22(003|008|023) \| [^|]+ \| [^|]+\. \| [^|]+\.$'), NULL,
          format('%s given %s is refused', argument, expression)) FROM wrong w ORDER BY argument, expression COLLATE "C";
SELECT is((SELECT string_agg(DISTINCT argument, ', ') FROM family, unnest(arguments) argument WHERE argument NOT IN (SELECT argument FROM wrong)), 'customer, is_return, is_start', 'no other argument can be wrong');

-- the results say something
SELECT is((SELECT string_agg(name || ' ' || list || ' ' || result, ', ') FROM family WHERE result IN ('NULL', '{}', '0') OR result LIKE '(0,%'), NULL, 'no result is empty');
SELECT is((SELECT string_agg(f.name || ' ' || f.list, ', ') FROM family f JOIN family g ON g.name = f.name AND g.without = f.without AND g.list <> f.list WHERE f.result = g.result), NULL, 'today is not ten days ago');
SELECT is((SELECT string_agg(f.name || ' ' || f.list, ', ') FROM family f JOIN family g ON g.name = f.name AND g.without = f.without || ARRAY['is_start', 'is_return'] AND ('as_of' = ANY (f.arguments)) = ('as_of' = ANY (g.arguments)) WHERE f.result = g.result), NULL,
          'kinds of events make a difference');

SELECT finish();
DROP SCHEMA agg_overloads CASCADE;
