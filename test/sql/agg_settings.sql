-- Every aggregate over customers against plain SQL, whatever the settings: any
-- work_mem; serial, in 2 and 4 workers, with and without the leader; over
-- partitions; one group, forty, 200,000; with FILTER, DISTINCT and ORDER BY;
-- twice in a query, in a cursor closed early, refused in a window; over nothing.
-- test/data/agg_calls.sql has the rows, the calls and the oracle.
\set ECHO none
\pset format unaligned
\pset tuples_only true
SET client_min_messages = warning;
DROP SCHEMA IF EXISTS agg_settings CASCADE;
CREATE SCHEMA agg_settings;
SET search_path = agg_settings, public;
\getenv src PG_ABS_SRCDIR
\set calls :src '/data/agg_calls.sql'
\i :calls

-- the same rows by time, where a customer's lie in several partitions, and by group
CREATE TABLE by_time (LIKE orders) PARTITION BY RANGE (at);
CREATE TABLE by_time_1 PARTITION OF by_time FOR VALUES FROM (MINVALUE) TO ('2024-12-01');
CREATE TABLE by_time_2 PARTITION OF by_time FOR VALUES FROM ('2024-12-01') TO ('2025-03-30');
CREATE TABLE by_time_3 PARTITION OF by_time DEFAULT;
CREATE TABLE by_group (LIKE orders) PARTITION BY RANGE (g);
CREATE TABLE by_group_1 PARTITION OF by_group FOR VALUES FROM (MINVALUE) TO (13);
CREATE TABLE by_group_2 PARTITION OF by_group FOR VALUES FROM (13) TO (MAXVALUE);
INSERT INTO by_time SELECT * FROM orders;
INSERT INTO by_group SELECT * FROM orders;
ALTER TABLE by_time_1 SET (parallel_workers = 4);
ALTER TABLE by_time_2 SET (parallel_workers = 4);
ALTER TABLE by_time_3 SET (parallel_workers = 4);
ANALYZE by_time, by_group;

CREATE TABLE plans (plan text, workers int, leader bool, partitionwise bool, sorted bool, source text, pattern text);
INSERT INTO plans VALUES
  ('serial', 0, true, false, false, 'orders', '^(?!.*Partial).*Aggregate.*Seq Scan'),
  ('serial, sorted', 0, true, false, true, 'orders', '^(?!.*Partial).*GroupAggregate.*Seq Scan'),
  ('2 workers and the leader', 2, true, false, false, 'orders', 'Finalize.*Workers Planned: 2.*Partial.*Parallel Seq Scan'),
  ('2 workers alone', 2, false, false, false, 'orders', 'Finalize.*Workers Planned: 2.*Partial.*Parallel Seq Scan'),
  ('2 workers, sorted', 2, true, false, true, 'orders', 'Finalize GroupAggregate.*Workers Planned: 2.*Partial GroupAggregate.*Parallel Seq Scan'),
  ('4 workers and the leader', 4, true, false, false, 'orders', 'Finalize.*Workers Planned: 4.*Partial.*Parallel Seq Scan'),
  ('partitions, parts of groups', 0, true, true, false, 'by_time', 'Finalize.*Append.*Partial.*Partial.*Partial'),
  ('partitions, whole groups', 0, true, true, false, 'by_group', '^(?!.*Partial).*Append.*Aggregate.*Aggregate'),
  ('partitions in workers', 2, true, true, false, 'by_time', 'Finalize.*Workers Planned.*Parallel Append.*Partial.*Partial.*Partial');
CREATE TABLE memory (memory text, multiplier text);
INSERT INTO memory VALUES ('64kB', '1'), ('4MB', '2'), ('1GB', '2');
CREATE TABLE customer (kind text, customer text);
INSERT INTO customer VALUES ('bigint', 'c'), ('uuid', 'u'), ('text', 't');
-- every plan at every work_mem; every kind of key under every plan and at every work_mem
CREATE TABLE setting AS
SELECT row_number() OVER () AS number, *, format('%s, %s, %s keys, %s', plan, memory, kind, CASE k WHEN 'one' THEN 'one group' ELSE 'forty groups' END) AS name
FROM (SELECT *, row_number() OVER (ORDER BY plan) AS p FROM plans) p, (SELECT *, row_number() OVER (ORDER BY memory) AS m FROM memory) m,
     (SELECT *, row_number() OVER (ORDER BY kind) AS c FROM customer) c, (VALUES ('one'), ('forty')) k (k)
WHERE (p + m + c) % 3 = 0 AND (k = 'forty' OR plan <> 'partitions, whole groups' AND NOT sorted)
  -- the planner would not merge parts of groups there
  AND NOT (plan = 'partitions, parts of groups' AND memory = '64kB' AND k = 'forty');
CREATE FUNCTION under(s setting) RETURNS void LANGUAGE sql AS $$
  SELECT set_config('work_mem', s.memory, false), set_config('hash_mem_multiplier', s.multiplier, false), set_config('max_parallel_workers_per_gather', s.workers::text, false),
         set_config('parallel_leader_participation', s.leader::text, false), set_config('enable_partitionwise_aggregate', s.partitionwise::text, false),
         set_config('enable_hashagg', (NOT s.sorted)::text, false), set_config('enable_sort', s.sorted::text, false) $$;
-- one call of each kind of aggregate, for what is dear
CREATE FUNCTION of_each() RETURNS text[] LANGUAGE sql IMMUTABLE AS $$
  SELECT '{rows, orders, days, nth 7, nth 7 of kinds, within 40, between 3 and 12, between 3 and 12 of kinds, from 40, from 40 of kinds, keep, second, interval, "curve, short", "returns, short",
           "cohorts by quarter, all", "cohorts by quarter, kinds", "funnel, short", funnel within, time, growth by quarter, repurchase by quarter, sales by quarter, revenue by quarter, order index, arpu, average}'::text[] $$;
-- in one group all calls, but where only the number of workers is another
CREATE FUNCTION metrics(s setting) RETURNS text[] LANGUAGE sql AS $$ SELECT CASE WHEN s.k = 'forty' OR s.plan IN ('2 workers alone', '4 workers and the leader') THEN of_each() END $$;
CREATE FUNCTION planned(s setting) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
  PERFORM under(s);
  RETURN plan_of(query(s.k, s.customer, source => s.source, metrics => metrics(s)));
END $$;
CREATE FUNCTION differing(s setting) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
  PERFORM under(s);
  RETURN differing(s.k, query(s.k, s.customer, source => s.source, metrics => metrics(s)), metrics(s));
END $$;
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET min_parallel_table_scan_size = 0;

CREATE TABLE aggregate AS
SELECT proname AS name, min(p.oid::regprocedure::text) AS signature FROM pg_proc p JOIN pg_depend d ON d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e' JOIN pg_extension e ON e.oid = d.refobjid
WHERE prokind = 'a' AND extname = 'crmlife' AND (proargnames[1] = 'customer' OR proname = 'average_order') GROUP BY proname;

SELECT plan((SELECT 2 * count(*)::int FROM setting) + (SELECT count(*)::int FROM aggregate) + (SELECT count(*)::int FROM call) + 49);

SELECT is((SELECT string_agg(name, ', ') FROM aggregate WHERE NOT EXISTS (SELECT FROM call WHERE call ~ ('\m' || name || '\('))), NULL, 'every aggregate over customers is called');
SELECT is((SELECT string_agg(metric, ', ') FROM (SELECT metric FROM call EXCEPT SELECT metric FROM expected UNION (SELECT metric FROM expected EXCEPT SELECT metric FROM call)) x), NULL, 'every call has its oracle');
SELECT is((SELECT string_agg(metric, ', ') FROM unnest(of_each()) metric WHERE metric NOT IN (SELECT metric FROM expected WHERE k = 'many')), NULL, 'some of them for each customer');
-- the oracle has something to say: in forty groups the results differ
SELECT is((SELECT string_agg(metric, ', ') FROM (SELECT metric FROM expected WHERE k = 'forty' GROUP BY metric HAVING count(DISTINCT result) < 10) x), NULL, 'the groups differ');
SELECT cmp_ok((SELECT count(*) FROM expected WHERE k = 'many'), '>', 150000::bigint, 'and there are many');

-- every plan at every work_mem
SELECT matches(planned(s), '(?s)' || pattern, 'plan: ' || name) FROM setting s ORDER BY number;
SELECT is(differing(s), NULL, name) FROM setting s ORDER BY number;
-- one of each kind of state
\set states '{rows, days, nth 7 of kinds, keep, "curve, short", "cohorts by quarter, all", sales by quarter, order index, arpu, average}'
-- the smallest work_mem does not hold them
SELECT under(s) FROM setting s WHERE plan = 'serial' AND memory = '64kB' LIMIT 1 \g /dev/null
SELECT is((SELECT string_agg(metric, ', ') FROM unnest(of_each()) metric WHERE temp_written(query('one', 't', metrics => ARRAY[metric])) = 0), 'average', '64 kB: all but one need temporary files');
SELECT under(s) FROM setting s WHERE plan = '2 workers alone' AND memory = '64kB' LIMIT 1 \g /dev/null
SELECT is((SELECT string_agg(metric, ', ') FROM unnest(:'states'::text[]) metric WHERE temp_written(query('one', 't', metrics => ARRAY[metric])) = 0), 'average', '64 kB: in workers too');
-- alone, times of other types, a group for each customer
SELECT under(s) FROM setting s WHERE plan = 'serial' AND memory = '4MB' LIMIT 1 \g /dev/null
RESET enable_sort;
SELECT is((SELECT string_agg(k, ' ') FROM (SELECT DISTINCT k FROM expected e WHERE e.metric = call.metric AND k <> 'many') x WHERE differing(k, query(k, metrics => ARRAY[metric]), ARRAY[metric]) IS NOT NULL), NULL, metric || ', alone') FROM call ORDER BY number;
SELECT is(differing('forty', query('forty', at => '(at AT TIME ZONE ''Asia/Beirut'')')), NULL, 'timestamp');
SELECT is(differing('forty', query('forty', at => '(at AT TIME ZONE ''Asia/Beirut'')::date')), 'order index', 'date: only the rank of orders looks at the time');
SELECT is(differing('many', query('many', customer)), NULL, kind || ' keys, a group for each customer') FROM customer WHERE kind <> 'uuid';
SELECT is(temp_files(), 0::bigint, 'no temporary file is left');

-- 200,000 groups: those of the customers, many times over.  The results as they
-- are, without a text made of them.
CREATE TABLE many AS SELECT copy * 100000 + coalesce(c, 0) AS many_g, c, at, s, r, amount FROM orders, generate_series(1, 46) copy;
ALTER TABLE many SET (parallel_workers = 2);
ANALYZE many;
CREATE FUNCTION raw(metrics text[]) RETURNS TABLE (number bigint, aggregate text) LANGUAGE sql AS $$
  SELECT row_number() OVER (ORDER BY number, i), with_arguments(m[1], 'c', 'at')
  FROM call, regexp_matches(call, '(\w+\((?:C|amount)\M[^()]*\))', 'g') WITH ORDINALITY AS x (m, i) WHERE metric = ANY (metrics) $$;
CREATE FUNCTION query_many(source text, g text, metrics text[]) RETURNS text LANGUAGE sql AS $$
  SELECT format('SELECT %s AS g, %s FROM %s GROUP BY 1', g, string_agg(format('%s AS r%s', aggregate, number), ', '), source) FROM raw(metrics) $$;
CREATE FUNCTION many_groups(metrics text[]) RETURNS text LANGUAGE plpgsql AS $$
DECLARE result text;
BEGIN
  EXECUTE format('SELECT concat_ws('' '', count(*) FILTER (WHERE (%s) IS DISTINCT FROM (%s)), count(*) = 46 * (SELECT count(*) FROM groups WHERE k = ''many''), count(*) > 200000) FROM (%s) a FULL JOIN (%s) e ON e.g = a.g %% 100000',
                 (SELECT string_agg('a.r' || number, ', ') FROM raw(metrics)), (SELECT string_agg('e.r' || number, ', ') FROM raw(metrics)),
                 query_many('many', 'many_g', metrics), query_many('orders', 'coalesce(c, 0)', metrics)) INTO result;
  RETURN result;
END $$;
SELECT under(s) FROM setting s WHERE plan = 'serial' AND memory = '4MB' LIMIT 1 \g /dev/null
SELECT matches(plan_of(query_many('many', 'many_g', :'states')), '(?s)^HashAggregate.*Seq Scan', '200,000 groups at once, plan');
SELECT is(many_groups(:'states'), '0 t t', '200,000 groups at once');
SELECT under(s) FROM setting s WHERE plan = 'serial, sorted' AND memory = '1GB' LIMIT 1 \g /dev/null
SELECT matches(plan_of(query_many('many', 'many_g', '{days, keep, order index}')), '(?s)^GroupAggregate.*Sort.*Seq Scan', '200,000 groups one after the other, plan');
SELECT is(many_groups('{days, keep, order index}'), '0 t t', '200,000 groups one after the other');
SELECT under(s) FROM setting s WHERE plan = '2 workers and the leader' AND memory = '4MB' LIMIT 1 \g /dev/null
-- planned for few groups: with many the planner would not merge
ALTER TABLE many ALTER many_g SET (n_distinct = 100);
ANALYZE many;
SELECT matches(plan_of(query_many('many', 'many_g', '{orders, nth 7, sales by quarter}')), '(?s)^Finalize.*Workers Planned: 2.*Partial', '200,000 groups in workers, plan');
SELECT is(many_groups('{orders, nth 7, sales by quarter}'), '0 t t', '200,000 groups in workers');

-- FILTER: rows that do not count among those that do
SELECT under(s) FROM setting s WHERE plan = 'serial' AND memory = '4MB' LIMIT 1 \g /dev/null
RESET enable_sort;
CREATE TABLE filtered AS SELECT *, true AS real FROM orders UNION ALL SELECT g, c + 1, at - interval '3 days', NOT s, NOT r, amount * 2, u, t || '.', false FROM orders WHERE g < 41;
SELECT is(differing(k, query(k, source => 'filtered', form => 'filter')), NULL, 'FILTER, ' || k) FROM grouping WHERE k <> 'many';
SELECT isnt(differing('one', query('one', source => 'filtered')), NULL, 'which leaves something out');
-- ORDER BY: no order of rows changes anything
SELECT is(differing('one', query('one', customer, form => form, metrics => of_each()), of_each()), NULL, format('ORDER BY, %s, %s keys', form, kind)) FROM customer, (VALUES ('up'), ('down')) f (form) WHERE kind <> 'uuid';
SELECT is(differing('one', query('one', source => '(SELECT * FROM orders ORDER BY ' || by || ') o', metrics => of_each()), of_each()), NULL, 'rows in the order of ' || by) FROM (VALUES ('at DESC'), ('c DESC, at DESC'), ('md5(orders::text)')) v (by);
-- DISTINCT is SELECT DISTINCT
CREATE FUNCTION distinct_rows(metric text) RETURNS text LANGUAGE sql AS $$
  SELECT format('(SELECT DISTINCT g%s%s%s%s FROM orders) o', CASE WHEN call ~ '\mC\M' THEN ', c' END, CASE WHEN call ~ '\mA\M' THEN ', at' WHEN call ~ '\mD\M' THEN ', at::date AS at' END,
                CASE WHEN call ~ '\ms\M' THEN ', s, r' END, CASE WHEN call ~ '\mamount\M' THEN ', amount' END) FROM call WHERE call.metric = distinct_rows.metric $$;
CREATE FUNCTION distinct_differs(metric text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE result text;
BEGIN
  EXECUTE format('SELECT concat_ws('' '', count(*), count(*) FILTER (WHERE a.results IS DISTINCT FROM b.results)) FROM (%s) a FULL JOIN (%s) b USING (g)',
                 query('forty', form => 'distinct', metrics => ARRAY[metric]), query('forty', source => distinct_rows(metric), metrics => ARRAY[metric])) INTO result;
  RETURN result;
END $$;
SELECT is((SELECT string_agg(metric, ', ') FROM unnest(of_each()) metric WHERE distinct_differs(metric) <> '44 0'), NULL, 'DISTINCT');
-- where a day counts once however often it comes, it changes nothing
SELECT is(differing('one', query('one', source => '(SELECT * FROM orders UNION ALL SELECT * FROM orders) o', form => 'distinct', metrics => metrics), metrics), NULL, 'DISTINCT from rows twice')
FROM (SELECT array_agg(metric) AS metrics FROM unnest(of_each()) metric WHERE metric !~ 'repurchase|rows|orders|funnel, short|sales|revenue|index|arpu|average') m;

-- twice in one query: beside itself, and both over one state
SELECT under(s) FROM setting s WHERE plan = 'serial' AND memory = '64kB' LIMIT 1 \g /dev/null
SELECT is(differing('one', format('SELECT g, a.results FROM (%1$s) a JOIN (%1$s) b USING (g) WHERE a.results = b.results', query('one', 't', metrics => of_each())), of_each()), NULL, 'twice in one query');
SELECT is(differing('one', format('SELECT b.* FROM generate_series(1, 2) i, LATERAL (%s HAVING i > 0) b LIMIT 1 OFFSET 1', query('one', 't', metrics => of_each())), of_each()), NULL, 'two times one after the other');
SELECT is((SELECT count(DISTINCT x)::int FROM (SELECT ARRAY[repurchase_rate(c, at), (repurchase_stats(c, at)).rate, repurchase_rate(c, at) + 0, repurchase_rate(t, at), repurchase_rate(u, at)] AS a FROM orders) y, unnest(a) x), 1, 'twice over the same state');
-- a hash table of groups that is read again, each group's result worked out anew
SELECT under(s) FROM setting s WHERE plan = 'serial' AND memory = '1GB' LIMIT 1 \g /dev/null
SET enable_material = off;
SET enable_hashjoin = off;
SET enable_mergejoin = off;
CREATE FUNCTION read_again() RETURNS text LANGUAGE sql AS $$ SELECT format('SELECT g, results, i FROM generate_series(1, 2) i LEFT JOIN (%s) x ON x.g + i > 0', query('forty', metrics => of_each())) $$;
SELECT matches(plan_of(read_again()), '(?s)Nested Loop.*Function Scan.*HashAggregate.*Seq Scan', 'groups read again, plan');
SELECT is((SELECT string_agg(i || coalesce(differing, ''), ' ') FROM generate_series(1, 2) i, LATERAL differing('forty', format('SELECT g, results FROM (%s) y WHERE i = %s OFFSET 0', read_again(), i), of_each())), '1 2', 'groups read again');
RESET enable_material;
RESET enable_hashjoin;
RESET enable_mergejoin;

-- a cursor closed early; and a plan whose end nobody asks for
SELECT under(s) FROM setting s WHERE plan = 'serial, sorted' AND memory = '64kB' LIMIT 1 \g /dev/null
BEGIN;
SELECT 'DECLARE early CURSOR FOR ' || query('forty', 't', metrics => of_each()) \gexec
FETCH 2 FROM early \g /dev/null
SELECT ok(temp_files() > 0, 'a cursor has files');
CLOSE early;
SELECT is(temp_files(), 0::bigint, 'which are gone when it is closed, between two groups');
SELECT under(s) FROM setting s WHERE plan = 'serial' AND memory = '64kB' LIMIT 1 \g /dev/null
SELECT 'DECLARE early CURSOR FOR ' || query('forty', 't', metrics => of_each()) \gexec
FETCH 2 FROM early \g /dev/null
CLOSE early;
SELECT is(temp_files(), 0::bigint, 'and with all groups at once');
SELECT is(differing('forty', query('forty', 't', metrics => of_each()), of_each()), NULL, 'what comes after it is right');
COMMIT;
SELECT under(s) FROM setting s WHERE plan = '2 workers and the leader' AND memory = '64kB' LIMIT 1 \g /dev/null
SELECT is((SELECT count(*)::int FROM (SELECT g, repurchase_interval(t, at), repurchase_rate(t) FROM orders GROUP BY g LIMIT 1) x), 1, 'a parallel plan given up early');
SELECT is((SELECT count(*) FROM pg_ls_tmpdir() WHERE name LIKE 'pgsql_tmp%'), 0::bigint, 'leaves no file, nor do its workers');

-- a window would need the state again after the result: refused, in PostgreSQL's words
SELECT under(s) FROM setting s WHERE plan = 'serial' AND memory = '4MB' LIMIT 1 \g /dev/null
CREATE FUNCTION problem(query text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
  EXECUTE query;
  RETURN 'none';
EXCEPTION WHEN OTHERS THEN RETURN SQLSTATE || ' ' || SQLERRM;
END $$;
SELECT CASE WHEN name = 'average_order' THEN
         is((SELECT string_agg(trim_scale(round(average_order, 10))::text, ' ' ORDER BY at) FROM (SELECT at, average_order(amount) OVER (ORDER BY at ROWS BETWEEN 2 PRECEDING AND 2 FOLLOWING) FROM orders WHERE g = 1 LIMIT 40) x),
            (SELECT string_agg(trim_scale(round(coalesce(sum, 0) / nullif(orders, 0), 10))::text, ' ' ORDER BY at) FROM
              (SELECT at, sum(amount) OVER w, count(*) FILTER (WHERE coalesce(amount, 0) >= 0) OVER w AS orders FROM orders WHERE g = 1 WINDOW w AS (ORDER BY at ROWS BETWEEN 2 PRECEDING AND 2 FOLLOWING) LIMIT 40) x), 'average_order keeps no customers and moves over a window')
       ELSE matches((SELECT string_agg(DISTINCT problem(format('SELECT %s FROM orders', with_arguments(with_form(aggregate.name || m[1], 'window'), customer, 'at'))), E'\n') FROM customer, call, regexp_matches(call, '\m' || aggregate.name || '(\((?:C|amount)\M[^()]*\))', 'g') m),
                    '^(0A000 aggregate function ' || name || '\([a-z ,]+\) does not support use as a window function\n?)+$', name || ' in a window') END FROM aggregate ORDER BY name;

-- nothing: no row, no customer, no time
CREATE TABLE nothing (source text, empty text);
INSERT INTO nothing VALUES ('(SELECT * FROM orders WHERE c % 2 = 7) o', 'C|amount'), ('(SELECT NULL::int AS c, NULL::uuid AS u, NULL::text AS t, g, at, s, r, amount FROM orders) o', 'C'),
  ('(SELECT c, u, t, g, NULL::timestamptz AS at, s, r, amount FROM orders) o', 'A|D'), ('(SELECT NULL::int AS c, NULL::uuid AS u, NULL::text AS t, g, NULL::timestamptz AS at, NULL::bool AS s, NULL::bool AS r, NULL::numeric AS amount FROM orders) o', 'C');
-- the calls that should say that there is nothing, and say something else
CREATE FUNCTION not_empty(source text, empty text, customer text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE result text;
BEGIN
  EXECUTE format('SELECT string_agg(concat_ws('' = '', metric, result), '', '') FROM (%s) x, unnest(results) WITH ORDINALITY AS u (result, i) JOIN (SELECT *, row_number() OVER (ORDER BY number) AS i FROM call WHERE call ~ ''\m(%s)\M'') c USING (i) WHERE result IS DISTINCT FROM CASE WHEN call ~ ''^stats_text'' THEN ''0 0'' WHEN metric = ''interval'' THEN '''' END',
                 regexp_replace(query('one', customer, source => source, metrics => (SELECT array_agg(metric) FROM call WHERE call ~ ('\m(' || empty || ')\M'))), ' GROUP BY 1$', ''), empty) INTO result;
  RETURN result;
END $$;
SELECT is((SELECT string_agg(not_empty(source, empty, customer), '; ') FROM nothing, customer), NULL, 'over nothing there is nothing, serial');
SELECT is((SELECT count(*) FROM nothing WHERE problem(query('one', source => source) || ' LIMIT 0') <> 'none'), 0::bigint, 'in groups too');
SELECT under(s) FROM setting s WHERE plan = '2 workers alone' AND memory = '4MB' LIMIT 1 \g /dev/null
SELECT is((SELECT string_agg(not_empty(source, empty, customer), '; ') FROM nothing, customer), NULL, 'nor in workers');
SELECT is((SELECT count(*) FROM nothing, LATERAL plan_of(regexp_replace(query('one', source => source), ' GROUP BY 1$', '')) p WHERE p !~ 'Finalize.*Partial'), 0::bigint, 'in plans for workers');
-- only amounts that are not known: orders that add nothing
SELECT is((SELECT concat_ws(' ', repurchase_rate(c, NULL::numeric) = repurchase_rate(c), trim_scale(arpu(c, NULL)), trim_scale(average_order(NULL::numeric))) FROM orders), 't 0 0', 'unknown amounts are orders that add nothing');
SELECT is((SELECT (sum(revenue), sum(orders))::text FROM (SELECT sales_by_loyalty(c, at, NULL, 'year') AS x FROM orders) y, unnest(x)), (SELECT (0, count(*))::text FROM orders WHERE c IS NOT NULL AND at IS NOT NULL), 'and so they do in sales');
SELECT is((SELECT (trim_scale(max(revenue_per_customer)), sum(customers) FILTER (WHERE period = 0))::text FROM (SELECT revenue_cohorts(c, at, NULL, 'year', '2030-01-01'::date) AS x FROM orders) y, unnest(x)), (SELECT (0, count(DISTINCT c))::text FROM orders WHERE at IS NOT NULL), 'in cohorts');
SELECT is((SELECT (trim_scale(max(average_order)), max(k))::text FROM (SELECT aov_by_order_index(c, at, NULL) AS x FROM orders) y, unnest(x)), (SELECT (0, max(n))::text FROM (SELECT count(*) AS n FROM orders WHERE at IS NOT NULL AND c IS NOT NULL GROUP BY c) x), 'from order to order');
SELECT finish();
DROP SCHEMA agg_settings CASCADE;
