-- Histories of random customers against plain SQL: building serial and
-- parallel, from any partition, cutting, asking, text and binary form.
\set ECHO none
\pset format unaligned
\pset tuples_only true
SET client_min_messages = warning;
DROP SCHEMA IF EXISTS history_random CASCADE;
CREATE SCHEMA history_random;
SET search_path = history_random, public;
SET TimeZone = 'America/New_York';
SELECT plan(26);

-- 2,000 customers around two changes of the clock; refunds, zeros, equal
-- times, scales, large amounts, visits
SELECT setseed(0.25) \gset
CREATE TABLE events AS
SELECT (2000 * random() * random())::int AS c, i % 4 AS part,
       timestamptz '2024-10-01 UTC' + floor(random() * 260) * interval '1 day' + floor(random() * 3) * interval '1 hour' + CASE WHEN random() < 0.1 THEN floor(random() * 1e6) * interval '1 us' ELSE interval '0' END AS at,
       CASE WHEN random() < 0.1 THEN NULL WHEN random() < 0.1 THEN 0 WHEN random() < 0.01 THEN 1e45 / 7 WHEN random() < 0.05 THEN round((random() * 50)::numeric, 5) ELSE round((random() * 90 - 8)::numeric, 2) END AS amount,
       CASE WHEN random() < 0.2 THEN 'visit' ELSE 'order' END AS kind
FROM generate_series(1, 20000) i;
ANALYZE events;

CREATE TABLE built AS
SELECT c, purchase_history(at, amount, kind) AS h, purchase_history(at::date, amount, kind) AS d,
       purchase_history(at, amount) FILTER (WHERE kind = 'order') AS o FROM events GROUP BY c;
-- the text form by plain SQL
CREATE FUNCTION oracle(upto date) RETURNS TABLE (c int, h text, d text) LANGUAGE sql AS $$
  SELECT c, 'times:' || coalesce(h, '') || coalesce('; visits:' || v, ''), 'days:' || coalesce(d, '') || coalesce('; visits:' || v, '')
  FROM (SELECT DISTINCT c FROM events) x
  LEFT JOIN (SELECT c, string_agg(' ' || to_char(at, 'YYYY-MM-DD HH24:MI:SS') || rtrim(rtrim(to_char(at, '.US'), '0'), '.') || ' ' || coalesce(amount::text, 'null'), ',' ORDER BY at AT TIME ZONE 'America/New_York', amount NULLS FIRST, scale(amount)) AS h,
      string_agg(' ' || to_char(at, 'YYYY-MM-DD') || ' ' || coalesce(amount::text, 'null'), ',' ORDER BY at::date, amount NULLS FIRST, scale(amount)) AS d FROM events WHERE kind = 'order' AND at::date <= upto GROUP BY c) o USING (c)
  LEFT JOIN (SELECT c, string_agg(' ' || to_char(day, 'YYYY-MM-DD') || CASE WHEN n > 1 THEN ' x' || n ELSE '' END, ',' ORDER BY day) AS v FROM (SELECT c, at::date AS day, count(*) AS n FROM events WHERE kind = 'visit' AND at::date <= upto GROUP BY 1, 2) y GROUP BY c) z USING (c) $$;

SELECT is((SELECT count(*) FROM built JOIN oracle('infinity') e USING (c) WHERE built.h::text = e.h AND built.d::text = e.d), (SELECT count(*) FROM built), 'built of rows, times and days, as text');
SELECT cmp_ok((SELECT count(*) FROM built), '>', 1500::bigint, 'there are customers');
SELECT is((SELECT count(*) FROM built JOIN (SELECT c, purchase_history(at, amount, kind ORDER BY random()) AS h FROM events GROUP BY c) x USING (c) WHERE built.h = x.h), (SELECT count(*) FROM built), 'in any order of rows');
SELECT is((SELECT count(*) FROM built WHERE h::text::crmlife.purchase_history = h AND d::text::crmlife.purchase_history = d), (SELECT count(*) FROM built), 'text and back');

-- partitions
CREATE TABLE parts AS SELECT c, part, purchase_history(at, amount, kind) AS h FROM events GROUP BY c, part;
SELECT is((SELECT count(*) FROM built JOIN (SELECT c, history_merge(h) AS h FROM parts GROUP BY c) x USING (c) WHERE built.h = x.h), (SELECT count(*) FROM built), 'merged of four parts');
SELECT is((SELECT count(*) FROM built JOIN parts a USING (c) JOIN (SELECT c, part, history_merge(h) AS h FROM (SELECT a.c, a.part, b.h FROM parts a JOIN parts b ON a.c = b.c AND a.part <> b.part) y GROUP BY 1, 2) x USING (c, part)
           WHERE built.h IS DISTINCT FROM a.h + x.h OR built.h IS DISTINCT FROM x.h + a.h), 0::bigint, 'one part + the others');
SELECT is((SELECT count(*) FROM (SELECT c, history_merge(h) AS h FROM parts GROUP BY c) x JOIN built USING (c) WHERE crmlife.purchase_history_send(x.h) <> crmlife.purchase_history_send(built.h)), 0::bigint, 'equal to the byte');

-- parallel and partitionwise plans, sorted and hashed
CREATE FUNCTION plan_of(query text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE line text; plan text := '';
BEGIN
  FOR line IN EXECUTE 'EXPLAIN (COSTS off) ' || query LOOP plan := plan || line || E'\n'; END LOOP;
  RETURN plan;
END $$;
\set build 'SELECT c, purchase_history(at, amount, kind) AS h, purchase_history(at::date, amount, kind) AS d, purchase_history(at, amount) FILTER (WHERE kind = ''order'') AS o FROM events GROUP BY c'
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET min_parallel_table_scan_size = 0;
SET max_parallel_workers_per_gather = 4;
ALTER TABLE events SET (parallel_workers = 4);
SELECT alike(plan_of(:'build'), '%Finalize%Partial%', 'a parallel plan');
CREATE TABLE parallel AS :build;
SELECT is((SELECT count(*) FROM built JOIN parallel p USING (c) WHERE built.h = p.h AND built.d = p.d AND built.o IS NOT DISTINCT FROM p.o), (SELECT count(*) FROM built), 'built in parallel');
SET parallel_leader_participation = off;
SET enable_hashagg = off;
SELECT alike(plan_of(:'build'), '%Finalize GroupAggregate%Partial GroupAggregate%', 'a sorted parallel plan');
CREATE TABLE parallel_sorted AS :build;
SELECT is((SELECT count(*) FROM built JOIN parallel_sorted p USING (c) WHERE built.h = p.h AND built.d = p.d AND built.o IS NOT DISTINCT FROM p.o), (SELECT count(*) FROM built), 'built sorted and parallel, by workers alone');
ALTER TABLE parts SET (parallel_workers = 3);
SELECT alike(plan_of('SELECT c, history_merge(h) FROM parts GROUP BY c'), '%Partial%', 'a parallel plan of history_merge');
CREATE TABLE merged AS SELECT c, history_merge(h) AS h FROM parts GROUP BY c;
SELECT is((SELECT count(*) FROM built JOIN merged p USING (c) WHERE built.h = p.h), (SELECT count(*) FROM built), 'merged in parallel');
RESET enable_hashagg;
SET max_parallel_workers_per_gather = 0;
SET work_mem = '64kB';
CREATE TABLE spilled AS :build;
SELECT is((SELECT count(*) FROM built JOIN spilled p USING (c) WHERE built.h = p.h), (SELECT count(*) FROM built), 'built with little memory');
RESET work_mem;

-- cut at any day, by each type
SELECT is((SELECT count(*) FROM built JOIN (SELECT day::date, e.* FROM unnest(ARRAY['2024-09-30', '2024-10-05', '2024-11-03', '2025-03-09', '2025-05-01', '2026-01-01']::date[]) day, oracle(day) e) e USING (c)
           WHERE history_as_of(built.h, e.day)::text <> e.h OR history_as_of(built.d, e.day)::text <> e.d OR history_as_of(built.h, e.day::timestamp + '23:59') <> history_as_of(built.h, e.day) OR history_as_of(built.h, e.day::timestamptz + '2 hours') <> history_as_of(built.h, e.day)),
          0::bigint, 'cut at days');

-- what is asked of each, by plain SQL over its rows
CREATE VIEW orders AS SELECT c, at AT TIME ZONE 'America/New_York' AS at, at::date AS day, amount, coalesce(amount >= 0, true) AS is_order FROM events WHERE kind = 'order';
SELECT is((SELECT count(*) FROM built JOIN (SELECT c, count(*) FILTER (WHERE is_order) AS n, count(DISTINCT day) FILTER (WHERE is_order) AS days, coalesce(sum(amount), 0) AS revenue, min(at) FILTER (WHERE is_order) AS first, max(at) FILTER (WHERE is_order) AS last FROM orders GROUP BY c) e USING (c)
           WHERE (history_orders(h), history_order_days(h), history_revenue(h)::text, history_first_order(h), history_last_order(h)) IS DISTINCT FROM (n, days, revenue::text, first, last)), 0::bigint, 'orders, order days, revenue, first and last order');
SELECT is((SELECT count(*) FROM (SELECT c, at, row_number() OVER (PARTITION BY c ORDER BY at) AS k FROM orders WHERE is_order) e JOIN built USING (c) WHERE history_nth_order(h, k::int) IS DISTINCT FROM e.at), 0::bigint, 'nth order');
SELECT is((SELECT count(*) FROM (SELECT c, coalesce(array_agg(gap ORDER BY day) FILTER (WHERE gap IS NOT NULL), '{}') AS gaps FROM (SELECT c, day, day - lag(day) OVER (PARTITION BY c ORDER BY day) AS gap FROM (SELECT DISTINCT c, day FROM orders WHERE is_order) x) y GROUP BY c) e JOIN built USING (c) WHERE history_gaps(h) IS DISTINCT FROM e.gaps), 0::bigint, 'gaps');
CREATE TABLE days AS SELECT day::date FROM unnest(ARRAY['2024-10-20', '2025-01-01', '2025-03-09', '2025-04-30', '2025-07-01']) day;
SELECT is((SELECT count(*) FROM built b, days d, unnest(ARRAY['0 days', '30 days', '1 mon']::interval[]) w,
             LATERAL (SELECT d.day - max(o.day) FILTER (WHERE is_order) AS r, count(*) FILTER (WHERE is_order AND (w = '0' OR o.day > d.day - w)) AS f, coalesce(sum(amount) FILTER (WHERE w = '0' OR o.day > d.day - w), 0) AS m FROM orders o WHERE o.c = b.c AND o.day <= d.day) e
           WHERE b.c % 50 = 0 AND history_rfm(h, d.day, w)::text IS DISTINCT FROM CASE WHEN r IS NOT NULL THEN ROW(r, f, m)::text END), 0::bigint, 'rfm, with windows');
SELECT is((SELECT count(*) FROM built, days d WHERE history_rfm(h, d.day) IS DISTINCT FROM history_rfm(h, d.day, '0') OR history_rfm(h, d.day) IS DISTINCT FROM history_rfm(history_as_of(h, d.day), d.day)), 0::bigint, 'rfm of a cut history is that of the history as of the day');

CREATE TABLE active AS SELECT c, at::date AS day, kind FROM events WHERE kind = 'visit' OR coalesce(amount >= 0, true) GROUP BY 1, 2, 3;
CREATE INDEX ON active (c, day);
CREATE FUNCTION retained_oracle(customer int, n int, m int, as_of date, event text) RETURNS bool LANGUAGE sql AS $$
  SELECT CASE WHEN f.first + coalesce(m, n) < as_of THEN EXISTS (SELECT FROM active WHERE c = customer AND event IN ('any', kind) AND day >= f.first + n AND (m IS NULL OR day <= f.first + m) AND day <= as_of) END
  FROM (SELECT min(day) AS first FROM active WHERE c = customer AND event IN ('any', kind) AND day <= as_of) f $$;
SELECT is((SELECT count(*) FROM built b, days d, unnest(ARRAY[0, 1, 7, 30, 61]) n, unnest(ARRAY['order', 'visit', 'any']) e WHERE b.c % 100 = 0 AND history_retained_on(h, n, d.day, e) IS DISTINCT FROM retained_oracle(b.c, n, n, d.day, e)), 0::bigint, 'retained on');
SELECT is((SELECT count(*) FROM built b, days d, unnest(ARRAY[0, 1, 7, 30, 61]) n, unnest(ARRAY['order', 'visit', 'any']) e WHERE b.c % 100 = 1 AND history_retained_within(h, n, d.day, e) IS DISTINCT FROM retained_oracle(b.c, 1, n, d.day, e)), 0::bigint, 'retained within');
SELECT is((SELECT count(*) FROM built b, days d, unnest(ARRAY[0, 1, 7, 30, 61]) n, unnest(ARRAY['order', 'visit', 'any']) e WHERE b.c % 100 = 2 AND history_retained_between(h, n, 2 * n + 3, d.day, e) IS DISTINCT FROM retained_oracle(b.c, n, 2 * n + 3, d.day, e)), 0::bigint, 'retained between');
SELECT is((SELECT count(*) FROM built b, days d, unnest(ARRAY[0, 1, 7, 30, 61]) n, unnest(ARRAY['order', 'visit', 'any']) e WHERE b.c % 100 = 3 AND history_retained_from(h, n, d.day, e) IS DISTINCT FROM retained_oracle(b.c, n, NULL, d.day, e)), 0::bigint, 'retained from');
SELECT cmp_ok((SELECT count(*) FROM built b, days d WHERE history_retained_on(h, 7, d.day)), '>', 20::bigint, 'some are');

-- a table through COPY, binary
SELECT format('/tmp/crmlife-history-%s.bin', pg_backend_pid()) AS file \gset
COPY built TO :'file' (FORMAT binary);
CREATE TABLE copied (LIKE built);
COPY copied FROM :'file' (FORMAT binary);
SELECT 'cat > /dev/null; rm ' || :'file' AS command \gset
COPY (SELECT) TO PROGRAM :'command';
SELECT is((SELECT count(*) FROM built JOIN copied x USING (c) WHERE built.h = x.h AND built.d = x.d AND built.o IS NOT DISTINCT FROM x.o), (SELECT count(*) FROM built), 'binary COPY and back');
SELECT finish();
DROP SCHEMA history_random CASCADE;
