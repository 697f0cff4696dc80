-- orders_in, revenue_in and visits_in: random models against PostgreSQL itself
-- on the same rows, from rows and from histories; lifecycle_next of histories
-- with refunds against every day of three years.
\set ECHO none
\pset format unaligned
\pset tuples_only true
SET client_min_messages = warning;
DROP SCHEMA IF EXISTS lifecycle_windows CASCADE;
CREATE SCHEMA lifecycle_windows;
SET search_path = lifecycle_windows, public;
SET TimeZone = 'UTC';
SET jit = off;
SELECT setseed(0.271828) IS NOT NULL AS seeded \gset
SELECT no_plan();
\getenv src PG_ABS_SRCDIR
\set models :src '/data/random_models.sql'
\i :models
SET random.windows = on;

-- ten customers: refunds, amounts that are not known, several visits a day,
-- events of the future
CREATE TABLE event (i int, at date, amount numeric, kind text);
INSERT INTO event
SELECT i, date '2024-03-10' - floor(random() * random() * 420 - 20)::int,
       CASE WHEN kind = 'order' AND random() < 0.93 THEN round((random() * 90 - 12)::numeric, 2) END, kind
FROM (SELECT i, CASE WHEN random() < 0.4 THEN 'visit' ELSE 'order' END AS kind
      FROM generate_series(1, 10) AS i, generate_series(1, 3 + 3 * i)) AS e
WHERE i <> 4 OR kind = 'visit';
CREATE TABLE customer AS
SELECT i, CASE WHEN i % 3 > 0 THEN date '2024-03-10' - i * 29 END AS registered,
       purchase_history(at, amount, kind) AS h
FROM event GROUP BY i;

CREATE VIEW fact AS
SELECT i, h, registered, orders, order_days, coalesce(revenue, 0) AS revenue,
       CASE WHEN orders > 0 THEN coalesce(revenue, 0) / orders END AS average_order,
       date '2024-03-10' - last_order AS days_since_order, date '2024-03-10' - first_order AS days_since_first_order,
       date '2024-03-10' - last_visit AS days_since_visit,
       date '2024-03-10' - greatest(last_order, last_visit) AS days_since_active,
       date '2024-03-10' - registered AS days_since_registered
FROM (SELECT i, count(*) FILTER (WHERE counts) AS orders, count(DISTINCT at) FILTER (WHERE counts) AS order_days,
             sum(amount) AS revenue, min(at) FILTER (WHERE counts) AS first_order,
             max(at) FILTER (WHERE counts) AS last_order, max(at) FILTER (WHERE kind = 'visit') AS last_visit
      FROM (SELECT *, kind = 'order' AND coalesce(amount >= 0, true) AS counts FROM event) AS e
      WHERE at <= '2024-03-10' GROUP BY i) AS f JOIN customer USING (i);

-- what a window means: the days of an age below the number
CREATE FUNCTION orders_in(customer int, days numeric) RETURNS bigint LANGUAGE sql STABLE STRICT AS $$
  SELECT count(*) FROM event
  WHERE i = customer AND kind = 'order' AND coalesce(amount >= 0, true) AND at <= '2024-03-10' AND '2024-03-10' - at < days $$;
CREATE FUNCTION revenue_in(customer int, days numeric) RETURNS numeric LANGUAGE sql STABLE STRICT AS $$
  SELECT coalesce(sum(amount), 0) FROM event WHERE i = customer AND at <= '2024-03-10' AND '2024-03-10' - at < days $$;
CREATE FUNCTION visits_in(customer int, days numeric) RETURNS bigint LANGUAGE sql STABLE STRICT AS $$
  SELECT count(*) FROM event WHERE i = customer AND kind = 'visit' AND at <= '2024-03-10' AND '2024-03-10' - at < days $$;

-- one model on all customers: differences, errors, and how often the rows were asked
CREATE FUNCTION compare_model(body text, v text[], OUT different int, OUT raised int, OUT by_rows int) LANGUAGE plpgsql AS $$
DECLARE
  model text := format('%s WITH (t1 = %s, t2 = %s, t3 = %s, t4 = %s)', body, v[1], v[2], v[3], v[4]);
  source text := format('FROM fact, (SELECT %s::numeric AS t1, %s::numeric AS t2, %s::numeric AS t3, '
                        '%s::numeric AS t4 OFFSET 0) AS t', v[1], v[2], v[3], v[4]);
  theirs text := format('coalesce(%s, ''unclassified'')',
                        regexp_replace(body, '(orders|revenue|visits)_in\(', '\1_in(i, ', 'g'));
  doors text[] := ARRAY[format('lifecycle_stage(h, date ''2024-03-10'', %L, registered)', model)];
  got text;
  want text;
BEGIN
  raised := 0;
  different := 0;
  by_rows := (body !~ 'visit|active|registered')::int;
  IF by_rows > 0 THEN
    doors := doors || format('(SELECT lifecycle_stage(at, amount, ''2024-03-10'', %L) FROM event AS e '
                             'WHERE e.i = fact.i AND kind = ''order'')', model);
  END IF;
  BEGIN
    EXECUTE format('SELECT count(*) FILTER (WHERE %s) %s',
                   (SELECT string_agg(format(CASE n WHEN 1 THEN '%s IS DISTINCT FROM %s' ELSE 'i <> 4 AND %s IS DISTINCT FROM %s' END,
                                             d, theirs), ' OR ')
                    FROM unnest(doors) WITH ORDINALITY AS u(d, n)), source) INTO different;
    IF different = 0 THEN
      RETURN;
    END IF;
  EXCEPTION WHEN data_exception THEN
    NULL;
  END;
  -- customer by customer, to see which of them raise
  different := 0;
  FOR c IN 1..10 LOOP
    BEGIN
      EXECUTE format('SELECT %s %s WHERE i = %s', theirs, source, c) INTO want;
    EXCEPTION WHEN data_exception THEN
      want := SQLSTATE;
      raised := raised + 1;
    END;
    FOR door IN 1..cardinality(doors) LOOP
      CONTINUE WHEN door = 2 AND c = 4; -- no order
      BEGIN
        EXECUTE format('SELECT %s %s WHERE i = %s', doors[door], source, c) INTO got;
      EXCEPTION WHEN data_exception THEN
        got := SQLSTATE;
      END;
      IF got IS DISTINCT FROM want THEN
        different := different + 1;
        RAISE WARNING 'door %, customer %: got %, want %: %', door, c, got, want, model;
      END IF;
    END LOOP;
  END LOOP;
END $$;

-- days of a window are not negative
CREATE FUNCTION positive() RETURNS text LANGUAGE sql AS $$ SELECT ltrim(value(), '-') $$;

CREATE TABLE outcome AS
SELECT m.body, c.*
FROM (SELECT CASE WHEN i % 3 = 0 THEN format('CASE WHEN %s THEN ''a'' WHEN %s THEN ''b'' ELSE ''c'' END',
                                             (SELECT leaf.t || pick(' > ', ' <= ', ' = ') || pick('t3', '2', '50') FROM leaf() WHERE i > 0),
                                             condition(1))
                  ELSE stages(1 + i % 3) END AS body, ARRAY[positive(), positive(), positive(), positive()] AS v
      FROM generate_series(1, 1000) AS i OFFSET 0) AS m,
  LATERAL compare_model(m.body, m.v) AS c;
SELECT is(count(*) FILTER (WHERE different > 0), 0::bigint, 'random models with windows agree with PostgreSQL') FROM outcome;
SELECT cmp_ok(count(*) FILTER (WHERE body ~ '_in\('), '>', 500::bigint, 'most of which have windows') FROM outcome;
SELECT cmp_ok(sum(by_rows), '>', 70::bigint, 'and many of which the rows can answer') FROM outcome;
SELECT cmp_ok(sum(raised), '>', 30::bigint, 'errors among them') FROM outcome;

-- the aggregate in parallel, spread over partial states, and with a state per
-- group that meets other models
CREATE TABLE many AS SELECT (i * 37 + k) AS i, at - k AS at, amount FROM event, generate_series(0, 36) AS k WHERE kind = 'order';
INSERT INTO many SELECT i, at - 1, amount FROM many;
ANALYZE many;
CREATE TABLE model_of (name text, model crmlife.lifecycle_model);
INSERT INTO model_of VALUES
  ('orders', 'CASE WHEN orders_in(90) >= 3 THEN ''often'' WHEN orders_in(90) = 0 THEN ''not'' ELSE ''some'' END'),
  ('money', 'CASE WHEN revenue_in(30) > revenue_in(60) / 2 THEN ''up'' WHEN revenue_in(400) < 0 THEN ''owes'' WHEN orders_in(days) > 0 THEN ''down'' END WITH (days = 45.5)');
CREATE TABLE serial AS
SELECT name, i, lifecycle_stage(at, amount, '2024-03-10', model) AS stage FROM model_of, many GROUP BY name, i;
SELECT set_eq($$SELECT name, i, lifecycle_stage(h, date '2024-03-10', model)
                FROM model_of, (SELECT i, purchase_history(at, amount) AS h FROM many GROUP BY i) AS x$$,
              'SELECT * FROM serial', 'rows and histories agree');
SELECT set_eq($$SELECT name, i, CASE WHEN name = 'orders' THEN CASE WHEN o90 >= 3 THEN 'often' WHEN o90 = 0 THEN 'not' ELSE 'some' END
                       ELSE CASE WHEN r30 > r60 / 2 THEN 'up' WHEN r400 < 0 THEN 'owes' WHEN o46 > 0 THEN 'down' ELSE 'unclassified' END END
                FROM model_of, (SELECT i, count(*) FILTER (WHERE age < 90 AND counts) AS o90, count(*) FILTER (WHERE age < 46 AND counts) AS o46,
                                       coalesce(sum(amount) FILTER (WHERE age < 30), 0) AS r30, coalesce(sum(amount) FILTER (WHERE age < 60), 0) AS r60,
                                       coalesce(sum(amount) FILTER (WHERE age < 400), 0) AS r400
                                FROM (SELECT *, '2024-03-10' - at AS age, coalesce(amount >= 0, true) AS counts FROM many) AS m
                                WHERE age >= 0 GROUP BY i) AS x$$,
              'SELECT * FROM serial', 'rows agree with SQL');
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET min_parallel_table_scan_size = 0;
SET max_parallel_workers_per_gather = 2;
SET enable_sort = off;
CREATE FUNCTION plan_has(part text) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
  line text;
BEGIN
  FOR line IN EXECUTE 'EXPLAIN (COSTS OFF) EXECUTE stages_by_rows' LOOP
    IF line ~ part THEN
      RETURN true;
    END IF;
  END LOOP;
  RETURN false;
END $$;
SELECT format('PREPARE stages_by_rows AS SELECT %L AS name, i, lifecycle_stage(at, amount, ''2024-03-10'', %L) AS stage '
              'FROM many GROUP BY i', name, model) FROM model_of WHERE name = 'money' \gexec
SELECT ok(plan_has('Partial'), 'partial states in parallel');
SELECT set_eq('EXECUTE stages_by_rows', 'SELECT * FROM serial WHERE name = ''money''', 'agree with serial');
RESET enable_sort;
RESET max_parallel_workers_per_gather;

-- lifecycle_next of histories, shipped models and random ones, against every
-- day of three years ahead and back to the first event
CREATE FUNCTION next_differs(c customer, model_text text, as_of date, OUT different int, OUT changes int) LANGUAGE plpgsql AS $$
DECLARE
  model crmlife.lifecycle_model;
BEGIN
  model := model_text; -- read once, and may raise
  SELECT (CASE WHEN n.changes_on > as_of + 1096 OR n.changes_on IS NULL THEN ahead IS NOT NULL
               ELSE n.changes_on IS DISTINCT FROM ahead
                 OR n.next_stage <> lifecycle_stage(known, n.changes_on, model, registered) END
          OR n.since IS DISTINCT FROM back)::int, count(ahead) OVER ()
  INTO different, changes
  FROM (SELECT history_as_of(c.h, as_of) AS known, CASE WHEN c.registered <= as_of THEN c.registered END AS registered) AS k,
    LATERAL lifecycle_next(c.h, as_of, model, c.registered) AS n,
    LATERAL (SELECT min(as_of + d) AS ahead
             FROM generate_series(1, 1096) AS d
             WHERE lifecycle_stage(known, as_of + d, model, registered) <> n.stage) AS a,
    LATERAL (SELECT max(as_of - d) + 1 AS back
             FROM generate_series(1, 800) AS d
             WHERE lifecycle_stage(c.h, as_of - d, model, c.registered) IS DISTINCT FROM n.stage) AS b;
EXCEPTION WHEN data_exception THEN
  NULL;
END $$;

SELECT is(sum(different)::int, 0, name || ': lifecycle_next agrees with every day')
FROM (VALUES ('recency', 'recency'::crmlife.lifecycle_model), ('recency_grid', 'recency_grid'), ('kpi_bands', 'kpi_bands'),
             ('engagement', with_threshold('engagement', 'order_value', 40)), ('membership', 'membership'), ('layers', 'layers'),
             ('membership, shorter', with_threshold(with_threshold('membership', 'period_days', 50), 'dormant_days', 900)),
             ('layers, shorter', with_threshold(with_threshold('layers', 'period_days', 33), 'mature_orders', 2))) AS m(name, model),
  customer AS c, (VALUES (date '2024-03-10'), ('2023-12-24'), ('2024-02-29')) AS d(day),
  LATERAL next_differs(c, model::text, day)
GROUP BY name ORDER BY name;

CREATE TABLE next_outcome AS
SELECT model, different, changes
FROM (SELECT format('%s WITH (t1 = %s, t2 = %s, t3 = %s, t4 = %s)', stages(1 + i % 3), positive(), positive(), positive(), positive()) AS model, i
      FROM generate_series(1, 400) AS i OFFSET 0) AS m JOIN customer AS c ON c.i = 1 + m.i % 10,
  LATERAL next_differs(c, model, '2024-03-10');
SELECT is(count(*) FILTER (WHERE different > 0), 0::bigint, 'lifecycle_next of random models agrees with every day') FROM next_outcome;
SELECT cmp_ok(count(different), '>', 250::bigint, 'on models that do not raise') FROM next_outcome;
SELECT cmp_ok(sum(changes), '>', 60::bigint, 'and stages that change') FROM next_outcome;

-- a door that knows no days refuses; so does one without visits
SELECT throws_ok($$SELECT lifecycle_stage(3, 100, date '2024-01-01', date '2024-03-10', 'membership')$$, '0A000',
                 'the stage model reads orders_in, which plain columns can''t supply');
SELECT throws_ok($$SELECT lifecycle_next(3, 100, now(), now(), 'CASE WHEN visits_in(3) > 1 THEN ''x'' END')$$, '0A000',
                 'the stage model reads visits_in, which plain columns can''t supply');
SELECT throws_ok($$SELECT lifecycle_stage(at, amount, '2024-03-10', 'CASE WHEN visits_in(3) > 1 THEN ''x'' END') FROM event$$, '0A000',
                 'the stage model reads visits_in, which the aggregate over orders can''t supply');
SELECT throws_ok($$SELECT lifecycle_stage(h, date '2024-03-10', with_threshold('membership', 'period_days', -1)) FROM customer$$, '22023',
                 'a window can''t have a negative number of days');
SELECT is(lifecycle_stage('days: 2024-03-10 5'::crmlife.purchase_history, date '2024-03-10',
                          'CASE WHEN orders_in(t) IS NULL THEN ''unknown'' WHEN orders_in(t) >= 0 THEN ''known'' END WITH (t = NULL)'),
          'unknown', 'a window of NULL days is unknown');

SELECT finish();
DROP SCHEMA lifecycle_windows CASCADE;
