-- Thresholds that differ by segment: a long random sequence of writes, days and
-- settings against plain SQL with each segment's own thresholds; what is in
-- force; past days, figures and forecast; what is logged, learned and refused.
\set ECHO none
\pset format unaligned
\pset tuples_only true
SET client_min_messages = warning;
SET jit = off;
SET TimeZone = 'UTC';
DROP SCHEMA IF EXISTS stage_segments CASCADE;
CREATE SCHEMA stage_segments;
SET search_path = stage_segments, public;
SELECT plan(85);
SELECT setseed(0.271828) \g /dev/null

CREATE SEQUENCE order_ids;
CREATE TABLE orders (id bigint DEFAULT nextval('order_ids'), customer int, at timestamp, amount numeric, order_no text, channel text);
CREATE INDEX ON orders (customer);
CREATE TABLE members (customer int, registered date, level text);
CREATE TABLE clock (today date);
INSERT INTO clock VALUES ('2024-03-01');
CREATE TABLE trouble (step int, stage_table text, what text, detail text);
CREATE TABLE tally (what text, n bigint);
-- what has been set by hand, as the test knows it
CREATE TABLE set_value (name text, segment text, threshold text, value numeric, PRIMARY KEY (name, segment, threshold));
CREATE TABLE default_value (threshold text PRIMARY KEY, value numeric);
INSERT INTO default_value VALUES ('fresh', 10), ('near', 30), ('far', 60), ('big', 100);

-- ----- the oracle -----
-- of the first row that has one, as far as it is visible
CREATE FUNCTION segment_of(name text, who int, as_of date) RETURNS text LANGUAGE plpgsql STABLE AS $$
BEGIN
  IF name = 'by_level' THEN
    RETURN (SELECT level FROM members WHERE customer = who AND (registered IS NULL OR registered <= as_of) AND level <> ''
            ORDER BY registered NULLS FIRST, level COLLATE "C" LIMIT 1);
  ELSE
    RETURN (SELECT lower(channel) FROM orders
            WHERE customer = who AND at::date <= as_of AND (amount < 0) IS NOT TRUE AND lower(channel) <> ''
            ORDER BY at, amount NULLS FIRST, lower(channel) COLLATE "C" LIMIT 1);
  END IF;
END $$;

CREATE FUNCTION threshold_of(name text, segment text, threshold text) RETURNS numeric LANGUAGE sql STABLE AS $$
  SELECT coalesce((SELECT value FROM set_value s WHERE (s.name, s.segment, s.threshold) = ($1, $2, $3)),
                  (SELECT value FROM set_value s WHERE (s.name, s.segment, s.threshold) = ($1, '', $3)),
                  (SELECT value FROM default_value d WHERE d.threshold = $3))
$$;

-- one row per customer known at the end of a day; seg_day: of which the segment
-- is; seen: up to which rows are, if not up to that day
CREATE FUNCTION stages(name text, as_of date, seg_day date, seen date DEFAULT NULL)
RETURNS TABLE (customer int, segment text, orders bigint, revenue numeric, last_at timestamp, registered date, stage text) LANGUAGE sql STABLE AS $$
  WITH r AS (SELECT o.*, CASE WHEN $1 = 'by_channel' AND order_no IS NOT NULL THEN 'k' || order_no ELSE 'r' || id END AS okey
             FROM orders o WHERE customer IS NOT NULL AND at::date <= coalesce(seen, as_of)),
  o AS (SELECT customer, okey, sum(amount) AS net, coalesce(bool_or(amount < 0), false) AS refunded,
               min(at) FILTER (WHERE amount >= 0 OR amount IS NULL) AS at
        FROM r GROUP BY customer, okey),
  f AS (SELECT customer, count(*) AS orders, max(at) AS last_at FROM o
        WHERE at IS NOT NULL AND NOT (refunded AND coalesce(net, 0) <= 0) GROUP BY customer),
  m AS (SELECT customer, min(registered) FILTER (WHERE registered <= coalesce(seen, as_of)) AS registered,
               bool_or(registered IS NULL OR registered <= coalesce(seen, as_of)) AS known
        FROM members WHERE $1 = 'by_level' GROUP BY 1),
  k AS (SELECT customer FROM r UNION SELECT customer FROM m WHERE known),
  s AS (SELECT k.customer, segment_of($1, k.customer, seg_day) AS segment, coalesce(f.orders, 0) AS orders,
               coalesce(a.revenue, 0) AS revenue, f.last_at, m.registered
        FROM k LEFT JOIN f USING (customer) LEFT JOIN m USING (customer)
        LEFT JOIN (SELECT customer, sum(amount) AS revenue FROM r GROUP BY customer) a USING (customer)),
  t AS MATERIALIZED (
    SELECT x.segment, threshold_of($1, x.segment, 'fresh') AS fresh, threshold_of($1, x.segment, 'near') AS near,
           threshold_of($1, x.segment, 'far') AS far, threshold_of($1, x.segment, 'big') AS big
    FROM (SELECT DISTINCT coalesce(segment, '') AS segment FROM s) x)
  SELECT s.customer, s.segment, s.orders, s.revenue, s.last_at, s.registered,
         CASE WHEN s.orders = 0 AND as_of - s.registered < t.fresh THEN 'new'
              WHEN s.orders = 0 THEN 'lead'
              WHEN s.revenue > t.big AND as_of - s.last_at::date < t.far THEN 'big'
              WHEN as_of - s.last_at::date < t.near THEN 'near'
              WHEN as_of - s.last_at::date < t.far THEN 'far' ELSE 'gone' END
  FROM s JOIN t ON t.segment = coalesce(s.segment, '')
$$;

\set model '$$CASE WHEN orders = 0 AND days_since_registered < fresh THEN ''new'' WHEN orders = 0 THEN ''lead'' WHEN revenue > big AND days_since_order < far THEN ''big'' WHEN days_since_order < near THEN ''near'' WHEN days_since_order < far THEN ''far'' ELSE ''gone'' END WITH (fresh = 10, near = 30, far = 60, big = 100) REQUIRE (near <= far)$$'
\set model_unregistered '$$CASE WHEN orders = 0 AND orders > fresh THEN ''new'' WHEN orders = 0 THEN ''lead'' WHEN revenue > big AND days_since_order < far THEN ''big'' WHEN days_since_order < near THEN ''near'' WHEN days_since_order < far THEN ''far'' ELSE ''gone'' END WITH (fresh = 10, near = 30, far = 60, big = 100) REQUIRE (near <= far)$$'

CREATE FUNCTION stored(name text)
RETURNS TABLE (customer int, segment text, orders bigint, revenue numeric, last_at timestamp, registered date, stage text, since date, previous_stage text, changes_on date, next_stage text)
LANGUAGE plpgsql STABLE AS $$
BEGIN
  RETURN QUERY EXECUTE format('SELECT customer::int, segment, orders, revenue, last_order_at, registered_at::date, stage, since, previous_stage, changes_on, next_stage FROM %I', name);
END $$;

CREATE FUNCTION against_sql(step int, name text, as_of date) RETURNS void LANGUAGE sql AS $$
  INSERT INTO trouble
  SELECT step, name, 'facts, segment or stage', coalesce(s.customer, f.customer) || ': ' || coalesce(s::text, 'not stored') || ' <> ' || coalesce(f::text, 'nothing')
  FROM (SELECT customer, segment, orders, revenue, last_at, registered, stage FROM stored(name)) s
  FULL JOIN stages(name, as_of, as_of) f USING (customer)
  WHERE s.* IS DISTINCT FROM f.*
$$;

-- the thresholds in force: the model of each segment, and the view
CREATE FUNCTION against_thresholds(step int, which text) RETURNS void LANGUAGE sql AS $$
  INSERT INTO trouble
  SELECT step, which, 'effective model', concat_ws(' ', s.segment, m.name, m.value, threshold_of(which, s.segment, m.name))
  FROM (VALUES (''), ('gold'), ('silver'), ('web'), ('shop'), ('nobody')) s (segment),
       model_thresholds(crmlife.effective_model(which::regclass, nullif(s.segment, ''))) m
  WHERE m.value IS DISTINCT FROM threshold_of(which, s.segment, m.name);
  INSERT INTO trouble
  SELECT step, which, 'view threshold', concat_ws(' ', v, w)
  FROM (SELECT segment, threshold, value, source, own FROM crmlife.threshold WHERE stage_table = which::regclass) v
  FULL JOIN (
    SELECT s.segment, d.threshold, threshold_of(which, s.segment, d.threshold) AS value,
           CASE WHEN o.value IS NULL AND g.value IS NULL THEN 'default' ELSE 'override' END AS source, s.segment = '' OR o.value IS NOT NULL AS own
    FROM (SELECT '' AS segment UNION SELECT v.segment FROM set_value v WHERE v.name = which) s CROSS JOIN default_value d
    LEFT JOIN set_value o ON (o.name, o.segment, o.threshold) = (which, s.segment, d.threshold)
    LEFT JOIN set_value g ON (g.name, g.segment, g.threshold) = (which, '', d.threshold)) w USING (segment, threshold)
  WHERE v.* IS DISTINCT FROM w.*
$$;

-- the stretch and the next change, day by day with the segment of today
CREATE FUNCTION against_brute_force(step int, name text, as_of date) RETURNS void LANGUAGE sql AS $$
  INSERT INTO trouble
  WITH day AS MATERIALIZED (SELECT g.day::date AS day, s.customer, s.stage FROM generate_series(as_of - 70, as_of, interval '1 day') g(day), LATERAL stages(name, g.day::date, as_of) s),
  b AS (SELECT s.customer, (SELECT max(g.day)::date FROM generate_series(as_of - 70, as_of, interval '1 day') g(day)
          LEFT JOIN day p ON p.day = g.day AND p.customer = s.customer WHERE p.stage IS DISTINCT FROM s.stage) AS last FROM stored(name) s)
  SELECT step, name, 'since or previous_stage', format('%s: stored %s %s, by day %s %s', s.customer, s.since, s.previous_stage, b.last + 1, p.stage)
  FROM stored(name) s JOIN b USING (customer) LEFT JOIN day p ON p.customer = s.customer AND p.day = b.last
  WHERE b.last IS NOT NULL AND (s.since, s.previous_stage) IS DISTINCT FROM (b.last + 1, p.stage) OR b.last IS NULL AND s.since > as_of - 70;
  INSERT INTO trouble
  WITH day AS MATERIALIZED (
    SELECT g.n, s.customer, CASE WHEN s.orders = 0 AND as_of + g.n - s.registered < t.fresh THEN 'new'
              WHEN s.orders = 0 THEN 'lead'
              WHEN s.revenue > t.big AND as_of + g.n - s.last_at::date < t.far THEN 'big'
              WHEN as_of + g.n - s.last_at::date < t.near THEN 'near'
              WHEN as_of + g.n - s.last_at::date < t.far THEN 'far' ELSE 'gone' END AS stage
    FROM stages(name, as_of, as_of) s
    JOIN (SELECT v.segment, threshold_of(name, v.segment, 'fresh') AS fresh, threshold_of(name, v.segment, 'near') AS near,
                 threshold_of(name, v.segment, 'far') AS far, threshold_of(name, v.segment, 'big') AS big
          FROM (SELECT '' AS segment UNION SELECT segment FROM stored(name) WHERE segment IS NOT NULL) v OFFSET 0) t ON t.segment = coalesce(s.segment, ''),
      generate_series(1, 130) g(n))
  SELECT step, name, 'changes_on or next_stage', format('%s: stored %s %s, by day %s %s', s.customer, s.changes_on, s.next_stage, as_of + d.n, d.stage)
  FROM stored(name) s LEFT JOIN LATERAL (SELECT n, stage FROM day d WHERE d.customer = s.customer AND d.stage <> s.stage ORDER BY n LIMIT 1) d ON true
  WHERE (s.changes_on, s.next_stage) IS DISTINCT FROM (as_of + d.n, d.stage)
$$;

-- what the last run logged, each day with the segment known on it
CREATE FUNCTION against_log(step int, name text, since date, as_of date, from_seq bigint) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  change record;
  before text;
  after text;
BEGIN
  EXECUTE format('INSERT INTO tally SELECT cause, count(*) FROM %I WHERE seq > $1 GROUP BY 1', name || '_changes') USING from_seq;
  FOR change IN EXECUTE format('SELECT customer::int, from_stage, to_stage, changed_on, cause FROM %I WHERE seq > $1 ORDER BY random() LIMIT 6', name || '_changes') USING from_seq
  LOOP
    CONTINUE WHEN change.cause NOT IN ('time', 'event') OR change.changed_on <= since;
    SELECT s.stage INTO before FROM stages(name, change.changed_on - 1, change.changed_on - 1) s WHERE s.customer = change.customer;
    SELECT s.stage INTO after FROM stages(name, change.changed_on, change.changed_on) s WHERE s.customer = change.customer;
    IF (before, after) IS DISTINCT FROM (change.from_stage, change.to_stage) OR change.changed_on > as_of THEN
      INSERT INTO trouble VALUES (step, name, 'change log', format('%s, by day %s -> %s', change, before, after));
    END IF;
  END LOOP;
END $$;

-- past days from the stored histories, with the segment of today
CREATE FUNCTION against_past(step int, name text, as_of date, day date) RETURNS void LANGUAGE sql AS $$
  INSERT INTO trouble
  SELECT step, name, 'stages_on', format('%s: %s %s <> %s', day, customer, a.stage, b.stage)
  FROM (SELECT customer::int, stage FROM crmlife.stages_on(name::regclass, day)) a FULL JOIN stages(name, day, as_of) b USING (customer)
  -- a history has each order as it is known now
  WHERE a.stage IS DISTINCT FROM b.stage AND name = 'by_level';
  INSERT INTO trouble
  SELECT step, name, 'transitions', format('%s %s', a, b)
  FROM crmlife.transitions(name::regclass, day, as_of) a
  FULL JOIN (SELECT x.stage AS from_stage, y.stage AS to_stage, count(*) AS customers
             FROM crmlife.stages_on(name::regclass, as_of) y LEFT JOIN crmlife.stages_on(name::regclass, day) x USING (customer) GROUP BY 1, 2) b
    ON (a.from_stage IS NOT DISTINCT FROM b.from_stage) AND a.to_stage = b.to_stage
  WHERE a.customers IS DISTINCT FROM b.customers
$$;

-- ----- random writes and settings -----
CREATE FUNCTION pick(n int) RETURNS int LANGUAGE sql VOLATILE AS $$ SELECT floor(random() * n)::int $$;
CREATE FUNCTION some_time() RETURNS timestamp LANGUAGE sql VOLATILE AS $$
  SELECT today + CASE WHEN r < 0.5 THEN -pick(3) WHEN r < 0.85 THEN -pick(150) ELSE pick(20) END + make_interval(hours => pick(24))
  FROM clock, (SELECT random() AS r) x $$;
CREATE FUNCTION some_amount() RETURNS numeric LANGUAGE sql VOLATILE AS $$
  SELECT CASE WHEN r < 0.05 THEN NULL WHEN r < 0.2 THEN -round((random() * 50)::numeric, 2) ELSE round((random() * 80)::numeric, 2) END FROM (SELECT random() AS r) x $$;
CREATE FUNCTION some_channel() RETURNS text LANGUAGE sql VOLATILE AS $$ SELECT (ARRAY['web', 'Web', 'shop', 'SHOP', '', NULL])[1 + pick(6)] $$;
CREATE FUNCTION some_level() RETURNS text LANGUAGE sql VOLATILE AS $$ SELECT (ARRAY['gold', 'silver', 'bronze', '', NULL])[1 + pick(5)] $$;

CREATE FUNCTION write_something() RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  some_id bigint := (SELECT id FROM orders ORDER BY random() LIMIT 1);
BEGIN
  CASE pick(10)
    WHEN 0, 1, 2 THEN
      INSERT INTO orders (customer, at, amount, order_no, channel)
      SELECT nullif(pick(40), 0), some_time(), some_amount(), CASE WHEN random() < 0.7 THEN pick(120)::text END, some_channel() FROM generate_series(1, 1 + pick(4));
    WHEN 3 THEN UPDATE orders SET channel = some_channel() WHERE id = some_id;
    WHEN 4 THEN UPDATE orders SET at = some_time(), amount = some_amount() WHERE id = some_id;
    WHEN 5 THEN DELETE FROM orders WHERE id = some_id OR customer = 1 + pick(60);
    WHEN 6 THEN INSERT INTO members SELECT 1 + pick(40), CASE WHEN random() < 0.8 THEN (SELECT today FROM clock) + 8 - pick(100) END, some_level();
    WHEN 7 THEN UPDATE members SET level = some_level() WHERE customer = 1 + pick(40);
    WHEN 8 THEN UPDATE members SET registered = (SELECT today FROM clock) + 5 - pick(40) WHERE customer = 1 + pick(40);
    ELSE DELETE FROM members WHERE customer = 1 + pick(60);
  END CASE;
END $$;

CREATE FUNCTION set_something() RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  table_name text := (ARRAY['by_level', 'by_channel'])[1 + pick(2)];
  which text := CASE WHEN random() < 0.25 THEN '' WHEN table_name = 'by_level' THEN (ARRAY['gold', 'silver'])[1 + pick(2)] ELSE (ARRAY['web', 'shop'])[1 + pick(2)] END;
  what text := (ARRAY['fresh', 'near', 'far', 'big'])[1 + pick(4)];
  number numeric := CASE WHEN random() < 0.3 THEN NULL WHEN what = 'near' THEN 15 + pick(30) WHEN what = 'far' THEN 45 + pick(50) ELSE pick(200) END;
BEGIN
  IF number IS NULL THEN DELETE FROM set_value s WHERE (s.name, s.segment, s.threshold) = (table_name, which, what);
  ELSE INSERT INTO set_value VALUES (table_name, which, what, number) ON CONFLICT (name, segment, threshold) DO UPDATE SET value = excluded.value;
  END IF;
  PERFORM crmlife.set_threshold(table_name::regclass, what, number, nullif(which, ''));
  INSERT INTO tally VALUES (CASE WHEN number IS NULL THEN 'removed a threshold' ELSE 'set a threshold' END, 1);
END $$;

-- ----- the run -----
SELECT write_something() FROM generate_series(1, 120) \g /dev/null
SELECT crmlife.create_stage_table('by_level', 'orders', 'customer', 'at', 'amount', members => 'members', member_customer => 'customer', registered_at => 'registered',
  segment => 'level', model => :model, timezone => 'UTC') \g /dev/null
SELECT crmlife.create_stage_table('by_channel', 'orders', 'customer', 'at', 'amount', order_key => 'order_no', segment => 'lower(channel)', model => :model_unregistered, timezone => 'UTC') \g /dev/null
SELECT count(crmlife.refresh(t, (SELECT today FROM clock) + interval '12 hours', true)) FROM unnest(ARRAY['by_level', 'by_channel']::regclass[]) t \g /dev/null
TRUNCATE by_level_changes, by_channel_changes;
CREATE TABLE published AS SELECT n.name, s.customer, s.stage FROM (VALUES ('by_level'), ('by_channel')) n (name), stored(n.name) s;

CREATE FUNCTION one_step(step int) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  name text;
  day date;
  was date;
  seq bigint;
  difference record;
BEGIN
  FOR i IN 1 .. 1 + pick(4) LOOP PERFORM write_something(); END LOOP;
  UPDATE clock SET today = today + CASE WHEN random() < 0.4 THEN 0 WHEN random() < 0.9 THEN pick(6) ELSE pick(60) END;
  SELECT today INTO day FROM clock;
  FOREACH name IN ARRAY ARRAY['by_level', 'by_channel'] LOOP
    CONTINUE WHEN random() < 0.15;
    EXECUTE format('SELECT coalesce(max(seq), 0) FROM %I', name || '_changes') INTO seq;
    SELECT refreshed_day INTO was FROM crmlife.status WHERE stage_table = name::regclass;
    PERFORM crmlife.refresh(name::regclass, day + interval '12 hours', random() < 0.03);
    FOR difference IN SELECT * FROM crmlife.verify(name::regclass) LOOP
      INSERT INTO trouble VALUES (step, name, 'verify', difference::text);
    END LOOP;
    PERFORM against_sql(step, name, day);
    PERFORM against_log(step, name, was, day, seq);
    IF step % 5 = 0 THEN PERFORM against_past(step, name, day, day - pick(100)); END IF;
    IF step % 25 = 0 THEN PERFORM against_brute_force(step, name, day); END IF;
  END LOOP;
  IF random() < 0.35 THEN
    -- some of the changes of rows are still waiting
    IF random() < 0.5 THEN PERFORM write_something(); END IF;
    PERFORM set_something();
    FOREACH name IN ARRAY ARRAY['by_level', 'by_channel'] LOOP
      FOR difference IN SELECT * FROM crmlife.verify(name::regclass) LOOP
        INSERT INTO trouble VALUES (step, name, 'verify after a setting', difference::text);
      END LOOP;
      PERFORM against_thresholds(step, name);
    END LOOP;
  END IF;
END $$;
SELECT one_step(step) FROM generate_series(1, 110) step \g /dev/null

SELECT is((SELECT string_agg(format('%s %s: %s', step, stage_table, detail), E'\n') FROM (SELECT * FROM trouble WHERE what = kind LIMIT 5) t), NULL, kind)
FROM unnest(ARRAY['verify', 'verify after a setting', 'facts, segment or stage', 'effective model', 'view threshold', 'since or previous_stage', 'changes_on or next_stage', 'change log', 'stages_on', 'transitions']) kind;

CREATE FUNCTION broken_chains() RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
  name text;
  n bigint;
  total bigint := 0;
BEGIN
  FOREACH name IN ARRAY ARRAY['by_level', 'by_channel'] LOOP
    EXECUTE format($q$
      WITH l AS (SELECT customer, seq, from_stage, to_stage FROM %1$I
        UNION ALL SELECT customer, 0, NULL, stage FROM published WHERE name = %2$L
        UNION ALL SELECT customer, 9e18::bigint, stage, NULL FROM %3$I),
      c AS (SELECT *, lag(to_stage) OVER (PARTITION BY customer ORDER BY seq) AS before, lead(seq) OVER (PARTITION BY customer ORDER BY seq) AS next FROM l)
      SELECT count(*) FROM c WHERE seq > 0 AND from_stage IS DISTINCT FROM before OR next IS NULL AND seq < 9e18 AND to_stage IS NOT NULL$q$,
      name || '_changes', name, name) INTO n;
    total := total + n;
  END LOOP;
  RETURN total;
END $$;
SELECT is(broken_chains(), 0::bigint, 'the change log is one unbroken story per customer');
SELECT ok((SELECT bool_and(n >= least) FROM (VALUES ('time', 60), ('event', 50), ('correction', 10), ('model', 1), ('set a threshold', 10), ('removed a threshold', 5)) want(what, least)
           LEFT JOIN (SELECT what, sum(n) AS n FROM tally GROUP BY 1) t USING (what)), 'every kind of change was among them');
SELECT ok((SELECT count(DISTINCT segment) FROM by_level) = 3 AND (SELECT count(DISTINCT segment) FROM by_channel) = 2, 'all segments');

-- the stage of each customer is that of the effective model of the segment
SELECT crmlife.set_threshold('by_level', 'far', 2000, 'gold'), crmlife.set_threshold('by_level', 'fresh', 2000, 'silver') \g /dev/null
SELECT is((SELECT count(*) FROM by_level s WHERE s.stage IS DISTINCT FROM lifecycle_stage(s.orders, s.revenue, s.last_order_at::date, (SELECT today FROM clock), crmlife.effective_model('by_level', s.segment), registered => s.registered_at::date)), 0::bigint,
  'lifecycle_stage by the effective model is the stored stage')
FROM crmlife.refresh('by_level', (SELECT today FROM clock) + interval '12 hours');
SELECT cmp_ok((SELECT count(*) FROM by_level s WHERE s.stage IS DISTINCT FROM lifecycle_stage(s.orders, s.revenue, s.last_order_at::date, (SELECT today FROM clock), crmlife.effective_model('by_level'), registered => s.registered_at::date)), '>', 0::bigint,
  'and that of the whole table is not');

-- ----- figures of all days at once, and the forecast -----
SELECT count(crmlife.drop_stage_table(t)) FROM unnest(ARRAY['by_level', 'by_channel']::regclass[]) t \g /dev/null
-- the past, with nothing in the future
DELETE FROM orders WHERE at > (SELECT today FROM clock);
DELETE FROM members WHERE registered > (SELECT today FROM clock);
DELETE FROM set_value;
-- and some more, at even distances
INSERT INTO members SELECT 1000 + i, today - 120, (ARRAY['gold', 'silver', 'bronze'])[1 + i % 3] FROM clock, generate_series(1, 300) i;
INSERT INTO orders (customer, at, amount) SELECT 1000 + i, today - i / 3 - 0.5 * interval '1 day', i % 7 * 10 FROM clock, generate_series(1, 300) i;
SELECT crmlife.create_stage_table('by_level', 'orders', 'customer', 'at', 'amount', members => 'members', member_customer => 'customer', registered_at => 'registered',
  segment => 'level', model => :model, timezone => 'UTC') \g /dev/null
INSERT INTO set_value VALUES ('by_level', 'gold', 'far', 90), ('by_level', 'gold', 'near', 50), ('by_level', 'silver', 'big', 20), ('by_level', '', 'near', 20);
SELECT count(crmlife.set_threshold('by_level', threshold, value, nullif(segment, ''))) FROM set_value \g /dev/null
-- what was counted when the table was made, with the defaults, goes
DELETE FROM crmlife.figures_state WHERE stage_table = 'by_level'::regclass;
DELETE FROM crmlife.stage_snapshot WHERE stage_table = 'by_level'::regclass;
DELETE FROM crmlife.weekly_flow WHERE stage_table = 'by_level'::regclass;
DELETE FROM crmlife.weekly_stage WHERE stage_table = 'by_level'::regclass;
SELECT crmlife.refresh('by_level', (SELECT today FROM clock) + interval '12 hours', true) \g /dev/null
CREATE TABLE by_day AS
SELECT g.day::date AS day, s.customer, s.stage FROM clock, generate_series(today - 100, today + 40, interval '1 day') g(day), LATERAL stages('by_level', g.day::date, today) s;
SELECT is_empty($$
  SELECT * FROM (SELECT day, stage, customers FROM crmlife.stage_snapshot WHERE stage_table = 'by_level'::regclass AND day >= (SELECT today - 100 FROM clock)) a
  FULL JOIN (SELECT day, stage, count(*) AS customers FROM by_day, clock WHERE day < today GROUP BY 1, 2) b USING (day, stage) WHERE a.customers IS DISTINCT FROM b.customers$$,
  'counts of each day by the thresholds of the segments');
SELECT is_empty($$
  SELECT * FROM (SELECT week, from_stage, to_stage, sum(customers) AS customers FROM crmlife.weekly_flow WHERE stage_table = 'by_level'::regclass AND week >= (SELECT date_trunc('week', today) - interval '84 days' FROM clock) GROUP BY 1, 2, 3) a
  FULL JOIN (WITH monday AS (SELECT g.day::date AS day, s.* FROM clock, generate_series(date_trunc('week', today) - interval '84 days', today, interval '7 days') g(day),
                             LATERAL stages('by_level', g.day::date, today, g.day::date - 1) s)
             SELECT x.day AS week, x.stage AS from_stage, y.stage AS to_stage, count(*) AS customers
             FROM monday y JOIN monday x ON x.customer = y.customer AND x.day = y.day - 7 GROUP BY 1, 2, 3) b
    USING (week, from_stage, to_stage) WHERE a.customers IS DISTINCT FROM b.customers AND from_stage IS NOT NULL$$, 'and the flow of each week');
SELECT is_empty($$
  SELECT * FROM crmlife.forecast('by_level', 40) a
  FULL JOIN (SELECT y.day, x.stage AS from_stage, y.stage AS to_stage, count(*) AS customers FROM by_day y JOIN clock ON y.day > today
             JOIN by_day x ON x.customer = y.customer AND x.day = y.day - 1 WHERE x.stage <> y.stage GROUP BY 1, 2, 3) b
    USING (day, from_stage, to_stage) WHERE a.customers IS DISTINCT FROM b.customers$$, 'and what is to come');
SELECT is_empty($$
  SELECT * FROM (SELECT customer::int, stage, entered_on, left_on FROM crmlife.stage_spells('by_level', (SELECT today - 60 FROM clock), (SELECT today FROM clock))) a,
       LATERAL (SELECT count(*) AS days, count(*) FILTER (WHERE b.stage = a.stage) AS same FROM by_day b, clock WHERE b.customer = a.customer
                AND b.day BETWEEN greatest(a.entered_on, today - 60) AND least(a.left_on - 1, today)) c WHERE days <> same$$, 'and the spells');

-- ----- one step by the other: what is logged, versions, snapshots, back again -----
CREATE TABLE before AS SELECT * FROM stored('by_level');
CREATE TABLE overview_before AS SELECT to_jsonb(o) - 'hour' AS o FROM crmlife.overview_log o WHERE stage_table = 'by_level'::regclass;
SELECT version AS version_before FROM (SELECT max(version) AS version FROM crmlife.model_version WHERE stage_table = 'by_level'::regclass) v \gset
DELETE FROM crmlife.threshold_change WHERE stage_table = 'by_level'::regclass;
SELECT crmlife.set_threshold('by_level', 'far', 51, 'gold') \g /dev/null
CREATE TABLE moved AS SELECT s.customer, s.segment, b.stage AS was, s.stage FROM stored('by_level') s JOIN before b USING (customer) WHERE s.stage <> b.stage;
SELECT cmp_ok((SELECT count(*) FROM moved), '>', 0::bigint, 'a threshold of a segment changes stages at once');
SELECT is((SELECT string_agg(DISTINCT segment, ', ') FROM moved), 'gold', 'of that segment alone');
SELECT is((SELECT count(*) FROM by_level_changes WHERE model_version = :version_before + 1 AND cause = 'model'), (SELECT count(*) FROM moved), 'each is in the change log');
SELECT results_eq($$SELECT segment, threshold, old_value, new_value, cause, moved, model_version FROM crmlife.threshold_changes WHERE stage_table = 'by_level'::regclass$$,
  format($$SELECT 'gold', 'far', 90::numeric, 51::numeric, 'override', count(*), %s FROM moved$$, :version_before + 1), 'with how many it moved');
SELECT results_eq($$SELECT segment, model::text FROM crmlife.model_version WHERE stage_table = 'by_level'::regclass AND version = (SELECT max(version) FROM crmlife.model_version WHERE stage_table = 'by_level'::regclass) ORDER BY 1$$,
  $$SELECT s, crmlife.effective_model('by_level', nullif(s, ''))::text FROM unnest(ARRAY['', 'gold', 'silver']) s ORDER BY 1$$, 'the version has the models of all segments');
SELECT is((SELECT model_version FROM crmlife.status WHERE stage_table = 'by_level'::regclass), :version_before + 1, 'it is the next one');
SELECT is((SELECT own_segments || ' ' || segment FROM crmlife.status WHERE stage_table = 'by_level'::regclass), '2 level', 'status says how many have values of their own, and by what');
SELECT crmlife.refresh('by_level', (SELECT today + 1 FROM clock) + interval '12 hours') \g /dev/null
SELECT is((SELECT bool_or(comparable) FROM crmlife.snapshots WHERE stage_table = 'by_level'::regclass AND day = (SELECT today FROM clock)), false, 'counts from before are not comparable');
SELECT is((SELECT bool_and(comparable) FROM crmlife.snapshots WHERE stage_table = 'by_level'::regclass AND day = (SELECT today - 1 FROM clock)), true, 'earlier ones are, among each other');
SELECT is((SELECT to_jsonb(o) - 'hour' - 'day' - 'new_buyers' - 'new_buyers_seen' - 'decision_days' FROM crmlife.overview_log o WHERE stage_table = 'by_level'::regclass ORDER BY hour DESC LIMIT 1),
          (SELECT o - 'day' - 'new_buyers' - 'new_buyers_seen' - 'decision_days' FROM overview_before LIMIT 1), 'the overview stays');
SELECT crmlife.refresh('by_level', (SELECT today FROM clock) + interval '12 hours', true) \g /dev/null
SELECT crmlife.set_threshold('by_level', 'far', 90, 'gold') \g /dev/null
SELECT is_empty('SELECT * FROM stored(''by_level'') EXCEPT SELECT * FROM before', 'set as it was, all is as before');
SELECT is((SELECT count(*) FROM crmlife.verify('by_level')), 0::bigint, 'verify agrees');
-- a general value does not touch who has one of their own
DELETE FROM crmlife.threshold_change WHERE stage_table = 'by_level'::regclass;
SELECT crmlife.set_threshold('by_level', 'near', 5) \g /dev/null
SELECT is((SELECT bool_or(s.segment = 'gold') FROM stored('by_level') s JOIN before b USING (customer) WHERE s.stage <> b.stage), false, 'a value for all leaves the segments with one of their own alone');
SELECT results_eq($$SELECT segment, threshold, old_value, new_value FROM crmlife.threshold_changes WHERE stage_table = 'by_level'::regclass ORDER BY 1$$, $$VALUES ('', 'near', 20::numeric, 5::numeric)$$,
  'who only follows is not named beside it');
SELECT crmlife.set_threshold('by_level', 'near', NULL, 'gold') \g /dev/null
SELECT is((SELECT value FROM crmlife.threshold WHERE stage_table = 'by_level'::regclass AND segment = 'gold' AND threshold = 'near'), 5::numeric, 'without its own value a segment follows all');
SELECT crmlife.set_threshold('by_level', 'near', 50, 'gold'), crmlife.set_threshold('by_level', 'near', 20) \g /dev/null
SELECT is_empty('SELECT * FROM stored(''by_level'') EXCEPT SELECT * FROM before', 'and back');
-- setting what holds anyway is no new version
SELECT crmlife.set_threshold('by_level', 'big', 100, 'bronze') \g /dev/null
SELECT is((SELECT max(version) FROM crmlife.model_version WHERE stage_table = 'by_level'::regclass), (SELECT model_version FROM crmlife.status WHERE stage_table = 'by_level'::regclass), 'one version is in force');
SELECT is((SELECT count(*) FROM crmlife.model_version v WHERE segment = 'bronze' AND stage_table = 'by_level'::regclass), 0::bigint, 'a value that comes to the same makes no model of its own');

-- a customer moves to another segment
CREATE TABLE one AS SELECT s.customer FROM stored('by_level') s WHERE s.segment = 'gold' AND s.stage = 'far' AND s.last_at::date < (SELECT today - 65 FROM clock) ORDER BY 1 DESC LIMIT 1;
SELECT is((SELECT count(*) FROM one), 1::bigint, 'there is one that only gold keeps');
UPDATE members SET level = 'bronze' WHERE customer IN (SELECT customer FROM one);
SELECT crmlife.refresh('by_level', (SELECT today FROM clock) + interval '12 hours') \g /dev/null
SELECT is((SELECT segment || ' ' || stage FROM by_level WHERE customer IN (SELECT customer FROM one)), 'bronze gone', 'who changes the segment is evaluated by the other thresholds');
SELECT is((SELECT concat_ws(' ', from_stage, to_stage, cause, changed_on - (SELECT today FROM clock)) FROM by_level_changes WHERE customer IN (SELECT customer FROM one) ORDER BY seq DESC LIMIT 1), 'far gone model 0', 'the log names the thresholds as the cause');
SELECT is((SELECT was_full FROM crmlife.status WHERE stage_table = 'by_level'::regclass), false, 'nobody else was looked at');

-- conditions of the model hold in each segment
CREATE FUNCTION problem(query text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
  EXECUTE query;
  RETURN 'none';
EXCEPTION WHEN OTHERS THEN RETURN SQLSTATE || ' ' || SQLERRM;
END $$;
CREATE TABLE unsegmented AS SELECT crmlife.create_stage_table('plain', 'orders', 'customer', 'at', 'amount') AS t;
SELECT is(problem(query), problem, query) FROM (VALUES
  ($$SELECT crmlife.set_threshold('by_level', 'near', 91, 'gold')$$, '22023 thresholds break a condition of the stage model'),
  ($$SELECT crmlife.set_threshold('by_level', 'far', 40)$$, 'none'),
  ($$SELECT crmlife.set_threshold('by_level', 'near', 45, 'silver')$$, '22023 thresholds break a condition of the stage model'),
  ($$SELECT crmlife.set_threshold('by_level', 'far', NULL)$$, 'none'),
  ($$SELECT crmlife.set_threshold('by_level', 'near', 45, 'silver')$$, 'none'),
  ($$SELECT crmlife.set_threshold('by_level', 'far', 40)$$, '22023 thresholds break a condition of the stage model'),
  ($$SELECT crmlife.set_threshold('by_level', 'near', 1, '')$$, '22023 segment must not be empty'),
  ($$SELECT crmlife.set_threshold('by_level', 'nearly', 1, 'gold')$$, '42704 the stage model has no threshold "nearly"'),
  ($$SELECT crmlife.set_threshold('by_level', 'near', 'NaN', 'gold')$$, '22023 a threshold must be a finite number or NULL'),
  ($$SELECT crmlife.set_threshold('plain', 'active_days', 1, 'gold')$$, '55000 stage table stage_segments.plain has no segments'),
  ($$SELECT crmlife.create_stage_table('x', 'orders', 'customer', 'at', 'amount', segment => 'level')$$, '42703 column "level" does not exist'),
  ($$SELECT crmlife.create_stage_table('x', 'orders', 'customer', 'at', 'amount', segment => 'channel || now()')$$, '22023 segment "channel || now()" is not immutable')) v (query, problem);
SELECT is((SELECT string_agg(DISTINCT segment, ',') FROM crmlife.threshold WHERE stage_table = 'plain'::regclass), '', 'without segments there is one set of thresholds');
SELECT is(crmlife.effective_model('by_level', '')::text, crmlife.effective_model('by_level')::text, 'an empty segment is none');
-- the name may be a slip of the pen
SET client_min_messages = notice;
CREATE FUNCTION pg_temp.notices() RETURNS void LANGUAGE plpgsql AS $$ BEGIN PERFORM crmlife.set_threshold('by_level', 'near', 33, 'golden'); END $$;
SELECT pg_temp.notices() \g /dev/null
SET client_min_messages = warning;
SELECT is((SELECT value FROM model_thresholds(crmlife.effective_model('by_level', 'golden')) WHERE name = 'near'), 33::numeric, 'though a segment may come later');

-- ----- another model -----
SELECT crmlife.set_model('by_level', 'recency') \g /dev/null
SELECT is(crmlife.effective_model('by_level', 'gold')::text, crmlife.effective_model('by_level')::text, 'values of thresholds that the model does not have lie still');
SELECT is((SELECT count(*) FROM crmlife.verify('by_level')), 0::bigint, 'verify, with another model');
SELECT crmlife.set_model('by_level', :model) \g /dev/null
SELECT is((SELECT value FROM crmlife.threshold WHERE stage_table = 'by_level'::regclass AND segment = 'gold' AND threshold = 'near'), 50::numeric, 'and come back with it');
SELECT is((SELECT count(*) FROM crmlife.verify('by_level')), 0::bigint, 'verify again');

-- ----- who may see and do it -----
CREATE ROLE stage_segments_reader;
GRANT USAGE ON SCHEMA stage_segments TO stage_segments_reader;
SET ROLE stage_segments_reader;
SELECT throws_ok($$SELECT crmlife.effective_model('stage_segments.by_level', 'gold')$$, '42501', NULL, 'who may not read the table does not see the models of segments');
SELECT throws_ok($$SELECT * FROM crmlife._segment_models('stage_segments.by_level')$$, '42501', NULL, 'by no door');
SELECT is((SELECT count(*) FROM crmlife.threshold), 0::bigint, 'nor the thresholds');
RESET ROLE;
GRANT SELECT ON by_level TO stage_segments_reader;
SET ROLE stage_segments_reader;
SELECT is((SELECT value FROM crmlife.threshold WHERE segment = 'gold' AND threshold = 'near'), 50::numeric, 'who may read it does');
SELECT cmp_ok((SELECT count(*) FROM crmlife.stages_on('stage_segments.by_level', '2024-03-01')), '>', 10::bigint, 'and the stages of past days');
SELECT throws_ok($$SELECT crmlife.set_threshold('stage_segments.by_level', 'near', 1, 'gold')$$, '42501', NULL, 'only the owner sets');
RESET ROLE;

-- ----- learned, per segment -----
-- two crowds that buy at different paces, and one too small to say anything
CREATE TABLE shopper AS SELECT c, CASE WHEN c % 10 < 5 THEN 'quick' WHEN c % 10 < 9 OR c > 600 THEN 'slow' ELSE 'rare' END AS pace FROM generate_series(1, 1500) c;
CREATE TABLE sale AS
SELECT c, timestamp '2024-01-01' + (c % 30) * interval '1 day' + g.at * interval '1 day' AS at, CASE pace WHEN 'quick' THEN 20 WHEN 'slow' THEN 60 ELSE 500 * random() END::numeric(10, 2) AS amount
FROM shopper, LATERAL (SELECT sum(CASE WHEN i = 1 THEN 0 WHEN pace = 'quick' THEN 2 + random() * 6 WHEN pace = 'slow' THEN 20 + random() * 30 ELSE random() * 100 END) OVER (ORDER BY i) AS at FROM generate_series(1, 8) i) g;
\set shop_model '$$CASE WHEN orders = 0 THEN ''prospect'' WHEN average_order > order_value THEN ''rich'' WHEN days_since_order <= active_period THEN ''active'' WHEN days_since_order <= churn_period THEN ''silent'' ELSE ''churned'' END WITH (order_value = 40, active_period = 30, churn_period = 90) REQUIRE (active_period < churn_period)$$'
SELECT crmlife.create_stage_table('shop', 'sale', 'c', 'at', 'amount', members => 'shopper', member_customer => 'c', segment => 'pace', model => :shop_model, timezone => 'UTC') \g /dev/null
SELECT crmlife.refresh('shop', '2024-12-31', true) \g /dev/null
CREATE TABLE lesson AS SELECT * FROM crmlife.learn('shop');
SELECT is((SELECT string_agg(DISTINCT segment, ',' ORDER BY segment) FROM lesson), ',quick,slow', 'learned from all and from each segment of 100 customers or more');
-- each as from a table of these customers alone
CREATE FUNCTION alone(which text) RETURNS SETOF text LANGUAGE plpgsql AS $$
BEGIN
  EXECUTE format('CREATE TABLE only_%1$s AS SELECT s.* FROM sale s JOIN shopper USING (c) WHERE pace = %1$L', which);
  PERFORM crmlife.create_stage_table('alone_' || which, ('only_' || which)::regclass, 'c', 'at', 'amount', timezone => 'UTC');
  PERFORM crmlife.refresh(('alone_' || which)::regclass, '2024-12-31', true);
  RETURN QUERY SELECT (to_jsonb(l) - 'segment')::text FROM crmlife.learn(('alone_' || which)::regclass) l;
END $$;
SELECT set_eq($$SELECT (to_jsonb(l) - 'segment')::text FROM lesson l WHERE segment = 'quick'$$, $$SELECT alone('quick')$$, 'what is learned from a segment is what a table of it alone gives');
SELECT set_eq($$SELECT (to_jsonb(l) - 'segment')::text FROM lesson l WHERE segment = 'slow'$$, $$SELECT alone('slow')$$, 'and from the other one');
SELECT results_eq($$SELECT segment, threshold, value, source, own FROM crmlife.threshold WHERE stage_table = 'shop'::regclass ORDER BY 1, 2$$,
  $$SELECT s, m.name, coalesce(o.value, a.value, m.value), CASE WHEN o.value IS NULL AND a.value IS NULL THEN 'default' ELSE 'learned' END, s = '' OR o.value IS NOT NULL
    FROM unnest(ARRAY['', 'quick', 'slow']) s CROSS JOIN model_thresholds((SELECT model FROM crmlife.stage_table WHERE stage_table = 'shop'::regclass)) m
    LEFT JOIN lesson o ON o.threshold = m.name AND o.segment = s AND o.method IN ('mean', 'hazard') AND o.reliable
    LEFT JOIN lesson a ON a.threshold = m.name AND a.segment = '' AND a.method IN ('mean', 'hazard') AND a.reliable ORDER BY 1, 2$$,
  'in force is what is reliable of the segment, else of all, else the default');
SELECT cmp_ok((SELECT count(DISTINCT value) FROM crmlife.threshold WHERE stage_table = 'shop'::regclass AND threshold = 'active_period' AND source = 'learned'), '>=', 2::bigint, 'the paces differ');
SELECT is((SELECT string_agg(DISTINCT crmlife.effective_model('shop', 'rare')::text, '') = crmlife.effective_model('shop')::text), true, 'the small one goes by what was learned from all');
SELECT is((SELECT count(*) FROM shop s WHERE s.stage IS DISTINCT FROM lifecycle_stage(s.orders, s.revenue, s.last_order_at::date, '2024-12-31', crmlife.effective_model('shop', s.segment))), 0::bigint, 'stages are by them');
SELECT is((SELECT count(*) FROM crmlife.verify('shop')), 0::bigint, 'verify');
SELECT set_eq($$SELECT segment, threshold, new_value FROM crmlife.threshold_changes WHERE stage_table = 'shop'::regclass AND cause = 'learned'$$,
  $$SELECT v.segment, v.threshold, v.value FROM crmlife.threshold v JOIN model_thresholds((SELECT model FROM crmlife.stage_table WHERE stage_table = 'shop'::regclass)) m ON m.name = v.threshold
    JOIN crmlife.threshold a USING (stage_table, threshold)
    WHERE v.stage_table = 'shop'::regclass AND v.own AND v.value <> m.value AND a.segment = '' AND (v.segment = '' OR v.value <> a.value)$$, 'each is logged with its segment, but where it came to what it is for all');
SELECT is((SELECT max(moved) FROM crmlife.threshold_changes WHERE stage_table = 'shop'::regclass), (SELECT count(*) FROM shop_changes WHERE cause = 'model'), 'with how many moved');
-- by hand, for all: it wins over what was learned from a segment
SELECT crmlife.set_threshold('shop', 'active_period', 12) \g /dev/null
SELECT is((SELECT string_agg(segment || ' ' || value || ' ' || source || ' ' || own, ', ' ORDER BY segment) FROM crmlife.threshold WHERE stage_table = 'shop'::regclass AND threshold = 'active_period'), ' 12 override true, quick 12 override false, slow 12 override false', 'set by hand for all, it wins over what was learned from a segment');
SELECT crmlife.set_threshold('shop', 'active_period', 13, 'slow') \g /dev/null
SELECT is((SELECT string_agg(segment || ' ' || value || ' ' || own, ', ' ORDER BY segment) FROM crmlife.threshold WHERE stage_table = 'shop'::regclass AND threshold = 'active_period'), ' 12 true, quick 12 false, slow 13 true', 'but not over one for the segment');
SELECT crmlife.set_threshold('shop', 'active_period', NULL, 'slow'), crmlife.set_threshold('shop', 'active_period', NULL) \g /dev/null
SELECT is((SELECT string_agg(v.value::text, ',' ORDER BY segment) FROM crmlife.threshold v WHERE stage_table = 'shop'::regclass AND threshold = 'active_period'),
  (SELECT string_agg(coalesce(o.value, (SELECT value FROM lesson WHERE segment = '' AND threshold = 'active_period' AND method = 'hazard' AND reliable), 30)::text, ',' ORDER BY s) FROM unnest(ARRAY['', 'quick', 'slow']) s LEFT JOIN lesson o ON o.segment = s AND o.threshold = 'active_period' AND o.method = 'hazard' AND o.reliable),
  'removed, what was learned is back');
-- what was learned from a segment gives way where it breaks a condition with the rest
SELECT crmlife.set_threshold('shop', 'churn_period', 31, 'slow') \g /dev/null
SELECT cmp_ok((SELECT value FROM lesson WHERE segment = 'slow' AND threshold = 'active_period' AND method = 'hazard' AND reliable), '>', 31::numeric, 'what was learned does not go with it');
SELECT is((SELECT value FROM crmlife.threshold WHERE stage_table = 'shop'::regclass AND segment = 'slow' AND threshold = 'active_period'),
  (SELECT coalesce(max(value) FILTER (WHERE value < 31), 30) FROM lesson WHERE segment = '' AND threshold = 'active_period' AND method = 'hazard' AND reliable), 'and gives way to the value for all, or the default');
SELECT is((SELECT count(*) FROM crmlife.verify('shop')), 0::bigint, 'verify in the end');
-- a segment that is gone is forgotten when it is learned again
UPDATE shopper SET pace = 'steady' WHERE pace = 'slow';
SELECT crmlife.refresh('shop', '2024-12-31') \g /dev/null
SELECT is((SELECT string_agg(DISTINCT segment, ',' ORDER BY segment) FROM crmlife.learn('shop')), ',quick,steady', 'learned again, segments that are gone are forgotten');
SELECT is((SELECT count(*) FROM crmlife.verify('shop')), 0::bigint, 'and those who moved go by the other one');

SELECT count(crmlife.drop_stage_table(t)) FROM unnest(ARRAY['by_level', 'plain', 'shop', 'alone_quick', 'alone_slow']::regclass[]) t \g /dev/null
SELECT is((SELECT count(*) FROM crmlife.threshold_override) + (SELECT count(*) FROM crmlife.learned_threshold) + (SELECT count(*) FROM crmlife.model_version), 0::bigint, 'nothing is left of dropped tables');
DROP SCHEMA stage_segments CASCADE;
DROP ROLE stage_segments_reader;
SELECT finish();
