-- Random models against PostgreSQL itself, and lifecycle_next against every
-- single day of three years.
\set ECHO none
\pset format unaligned
\pset tuples_only true
SET client_min_messages = warning;
SET search_path = public;
SET TimeZone = 'UTC';
SET jit = off;
SELECT setseed(0.314159) IS NOT NULL AS seeded \gset
SELECT plan(12);

\getenv src PG_ABS_SRCDIR
\set models :src '/data/random_models.sql'
\i :models

-- customers, and their facts as of 2024-03-10
CREATE TABLE customer AS
SELECT i, o.orders, d.revenue, last_order,
       last_order - CASE WHEN o.orders > 1 AND random() < 0.8 THEN floor(random() * 300)::int ELSE 0 END AS first_order,
       last_visit, registered,
       CASE WHEN o.orders > 0 THEN 1 + floor(random() * o.orders)::bigint ELSE 0 END AS order_days
FROM generate_series(1, 10) AS i,
  LATERAL (SELECT CASE WHEN i % 4 = 0 THEN 0 ELSE floor(1 + random() * random() * 6)::bigint END AS orders) AS o,
  LATERAL (SELECT (CASE WHEN i = 3 THEN 0 ELSE round((random() * 900 - 20)::numeric, 2) END) AS revenue,
                  CASE WHEN o.orders > 0 THEN date '2024-03-10' - floor(random() * random() * 400)::int END AS last_order,
                  CASE WHEN random() < 0.6 THEN date '2024-03-10' - floor(random() * 200)::int END AS last_visit,
                  CASE WHEN random() < 0.6 THEN date '2024-03-10' - floor(random() * 700)::int END AS registered) AS d;

CREATE VIEW fact AS
SELECT i, orders, order_days, revenue, first_order, last_order, last_visit, registered,
       CASE WHEN orders > 0 THEN revenue / orders END AS average_order,
       date '2024-03-10' - last_order AS days_since_order,
       date '2024-03-10' - first_order AS days_since_first_order,
       date '2024-03-10' - last_visit AS days_since_visit,
       date '2024-03-10' - greatest(last_order, last_visit) AS days_since_active,
       date '2024-03-10' - registered AS days_since_registered
FROM customer;

-- one model on all customers: differences, and whether errors were met
CREATE FUNCTION compare_model(body text, v text[], OUT different int, OUT raised int) LANGUAGE plpgsql AS $$
DECLARE
  model text := format('%s WITH (t1 = %s, t2 = %s, t3 = %s, t4 = %s)', body, v[1], v[2], v[3], v[4]);
  source text := format('FROM fact, (SELECT %s::numeric AS t1, %s::numeric AS t2, %s::numeric AS t3, '
                        '%s::numeric AS t4 OFFSET 0) AS t', v[1], v[2], v[3], v[4]);
  ours text := format('lifecycle_stage(orders, revenue, last_order, ''2024-03-10'', %L, first_order, '
                      'last_visit, registered, order_days)', model);
  theirs text := format('coalesce(%s, ''unclassified'')', body);
  got text;
  want text;
BEGIN
  raised := 0;
  BEGIN
    EXECUTE format('SELECT count(*) FILTER (WHERE %s IS DISTINCT FROM %s) %s', ours, theirs, source) INTO different;
    RETURN;
  EXCEPTION WHEN data_exception THEN
    different := 0;
  END;
  FOR i IN 1..10 LOOP
    BEGIN
      EXECUTE format('SELECT %s %s WHERE i = %s', theirs, source, i) INTO want;
    EXCEPTION WHEN data_exception THEN
      want := SQLSTATE;
      raised := raised + 1;
    END;
    BEGIN
      EXECUTE format('SELECT %s %s WHERE i = %s', ours, source, i) INTO got;
    EXCEPTION WHEN data_exception THEN
      got := SQLSTATE;
    END;
    IF got IS DISTINCT FROM want THEN
      different := different + 1;
      RAISE WARNING 'customer %: got %, want %: %', i, got, want, model;
    END IF;
  END LOOP;
END $$;

CREATE TABLE outcome (body text, v text[], different int, raised int);
INSERT INTO outcome
SELECT m.body, m.v, c.different, c.raised
FROM (SELECT CASE WHEN i % 10 = 0 THEN ladder() ELSE stages(1 + i % 3) END AS body, ARRAY[value(), value(), value(), value()] AS v
      FROM generate_series(1, 10000) AS i OFFSET 0) AS m,
  LATERAL compare_model(m.body, m.v) AS c;
SELECT is(count(*) FILTER (WHERE different > 0), 0::bigint,
          'random models agree with PostgreSQL evaluating the same CASE') FROM outcome;
SELECT cmp_ok(count(*), '>=', 10000::bigint, 'on 10,000 models') FROM outcome;
SELECT cmp_ok(sum(raised), '>', 500::bigint, 'errors among them') FROM outcome;
SELECT cmp_ok(count(DISTINCT body), '>', 9000::bigint, 'nearly all different') FROM outcome;

-- lifecycle_next against every day of three years ahead, and every day back to
-- the last event.
CREATE VIEW today AS
SELECT *, date '2024-03-10' AS as_of, coalesce(greatest(last_order, last_visit, registered), '2024-03-10') AS floor
FROM customer;

CREATE FUNCTION call(name text, day text, model text) RETURNS text LANGUAGE sql AS $$
  SELECT format('%s(c.orders, c.revenue, c.last_order, %s, %L, c.first_order, c.last_visit, c.registered, c.order_days)',
                name, day, model) $$;

CREATE FUNCTION next_differs(model text, part int, parts int, OUT different int, OUT changes int) LANGUAGE plpgsql AS $$
BEGIN
  EXECUTE format($query$
    SELECT count(*) FILTER (WHERE CASE WHEN n.changes_on > as_of + 1096 OR n.changes_on IS NULL THEN ahead IS NOT NULL
                                       ELSE n.changes_on IS DISTINCT FROM ahead OR n.next_stage <> %s END
                              OR CASE WHEN %L THEN n.since IS NOT NULL
                                      WHEN n.since > floor THEN n.since - 1 IS DISTINCT FROM back
                                      ELSE back IS NOT NULL END),
           count(ahead)
    FROM today AS c,
      LATERAL %s AS n,
      LATERAL (SELECT min(day) FILTER (WHERE day > as_of) AS ahead, max(day) FILTER (WHERE day < as_of) AS back
               FROM (SELECT as_of + d AS day FROM generate_series(floor - as_of, 1096) AS d OFFSET 0) AS x
               WHERE %s <> n.stage) AS b
    WHERE c.i %% %s = %s$query$,
    call('lifecycle_stage', 'n.changes_on', model), model ~ 'revenue|average_order',
    call('lifecycle_next', 'as_of', model), call('lifecycle_stage', 'day', model), parts, part)
  INTO different, changes;
EXCEPTION WHEN data_exception THEN
  NULL;
END $$;

SELECT is(different, 0, name || ': lifecycle_next agrees with every day')
FROM (VALUES ('recency', 'recency'::crmlife.lifecycle_model),
             ('kpi_bands', 'kpi_bands'),
             ('engagement', with_threshold('engagement', 'order_value', 100))) AS m(name, model),
  LATERAL next_differs(model::text, 0, 1);

-- a stage for each of a few comparisons with a clock
CREATE FUNCTION clocked() RETURNS text LANGUAGE sql AS $$
  SELECT 'CASE WHEN ' || string_agg(
           pick('days_since_order', 'days_since_first_order', 'days_since_visit', 'days_since_active',
                'days_since_registered')
           || pick('', '', ' * 2', ' * -3', ' * t1', ' * 0.3', ' + orders', ' - t2', ' / 7', ' / 7.0', ' / t3', ' / orders',
                   ' + CASE WHEN days_since_visit > t4 THEN 10 ELSE days_since_order END')
           || pick(' < ', ' <= ', ' = ', ' <> ', ' > ', ' >= ')
           || pick('t1', 't2', '7', '30', '90.5', 'order_days * 10', '(orders + 5) * 3', 't4 / 3',
                   'CASE WHEN days_since_order > 45 THEN 100 ELSE t2 END')
           || ' THEN ''s' || i || '''', pick(' WHEN ', ' WHEN NOT orders IS NULL AND ')) || ' END'
  FROM generate_series(1, 4) AS i WHERE random() < 2 $$;

CREATE TABLE next_outcome (model text, different int, changes int);
INSERT INTO next_outcome
SELECT model, different, changes
FROM (SELECT format('%s WITH (t1 = %s, t2 = %s, t3 = %s, t4 = %s)', CASE WHEN i <= 1500 THEN stages(1 + i % 3) WHEN i <= 2700 THEN clocked() ELSE ladder() END,
                    value(), value(), value(), value()) AS model, i
      FROM generate_series(1, 3000) AS i OFFSET 0) AS m, LATERAL next_differs(model, i % 5, 5);
SELECT is(count(*) FILTER (WHERE different > 0), 0::bigint, 'lifecycle_next of random models agrees with every day')
FROM next_outcome;
SELECT cmp_ok(count(different), '>', 2000::bigint, 'on models that do not raise') FROM next_outcome;
SELECT cmp_ok(sum(changes), '>', 1000::bigint, 'and stages that change') FROM next_outcome;

-- A day on which the model raises an error has no stage and is passed over.
CREATE FUNCTION stage_on(c customer, day date, model crmlife.lifecycle_model) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
  RETURN lifecycle_stage(c.orders, c.revenue, c.last_order, day, model, c.first_order, c.last_visit,
                         c.registered, c.order_days);
EXCEPTION WHEN data_exception THEN
  RETURN NULL;
END $$;

CREATE TABLE raising AS
SELECT i, format('CASE WHEN days_since_registered > %s AND (days_since_order - %s) * %s > %s THEN ''a'' '
                 'WHEN days_since_order / %s = %s THEN ''b'' WHEN days_since_active * -%s + orders > 5 THEN ''c'' '
                 'ELSE ''d'' END',
                 (random() * 1500)::int, (random() * 1000)::int, 2000000 + (random() * 9000000)::int,
                 (random() * 100000000)::int, 1 + (random() * 60)::int, (random() * 20)::int,
                 2000000 + (random() * 3000000)::int) AS model
FROM generate_series(1, 40) AS i;
CREATE TABLE raising_day AS
SELECT r.i AS model, c.i AS customer, as_of, floor, day, stage_on(u, day, r.model::crmlife.lifecycle_model) AS stage
FROM raising AS r, today AS c JOIN customer AS u USING (i),
  LATERAL (SELECT as_of + d AS day FROM generate_series(floor - as_of, 1096) AS d) AS x
WHERE c.last_order IS NOT NULL AND c.i % 4 = r.i % 4;
SELECT is(count(*) FILTER (WHERE ahead IS DISTINCT FROM CASE WHEN n.changes_on <= as_of + 1096 THEN n.changes_on END
                              OR CASE WHEN n.since > floor THEN n.since IS DISTINCT FROM back
                                      ELSE differed IS NOT NULL END), 0::bigint,
          'lifecycle_next passes over days that raise')
FROM (SELECT model, customer, as_of, floor,
             min(day) FILTER (WHERE day > as_of AND stage <> now) AS ahead,
             max(differed) AS differed, min(day) FILTER (WHERE day > differed AND stage = now) AS back
      FROM (SELECT *, max(day) FILTER (WHERE day < as_of AND stage <> now) OVER (PARTITION BY model, customer) AS differed
            FROM (SELECT *, max(stage) FILTER (WHERE day = as_of) OVER (PARTITION BY model, customer) AS now
                  FROM raising_day) AS x) AS y
      WHERE now IS NOT NULL
      GROUP BY model, customer, as_of, floor OFFSET 0) AS z
  JOIN raising AS r ON r.i = z.model JOIN customer AS c ON c.i = z.customer,
  LATERAL lifecycle_next(c.orders, c.revenue, c.last_order, as_of, r.model::crmlife.lifecycle_model, c.first_order,
                         c.last_visit, c.registered, c.order_days) AS n;
SELECT cmp_ok(count(*), '>', 1000::bigint, 'which there are') FROM raising_day WHERE stage IS NULL;

SELECT finish();
