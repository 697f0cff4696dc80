-- A long random sequence of writes, refreshes and settings.  After each step
-- crmlife.verify must find nothing, and a second, plain-SQL computation of the
-- facts and stages must agree with every stage table.
\set ECHO none
\pset format unaligned
\pset tuples_only true
SET client_min_messages = warning;
SET jit = off;
SELECT plan(12);

CREATE SCHEMA seq;
SET search_path = seq, public;
SELECT setseed(0.4711);

CREATE SEQUENCE order_ids;
CREATE TABLE orders (
  id bigint DEFAULT nextval('order_ids'), customer int, at timestamptz,
  amount numeric, order_no text, status text DEFAULT 'paid'
) PARTITION BY RANGE (at);
CREATE TABLE orders_old PARTITION OF orders
  FOR VALUES FROM (MINVALUE) TO ('2024-01-01');
CREATE TABLE orders_2024 PARTITION OF orders
  FOR VALUES FROM ('2024-01-01') TO ('2025-01-01');
CREATE TABLE orders_new PARTITION OF orders DEFAULT;
CREATE INDEX ON orders (customer);
CREATE TABLE visits (customer int, at timestamp);
CREATE TABLE members (customer bigint, registered date);

-- where the sequence stands, and what went wrong
CREATE TABLE clock (today date);
INSERT INTO clock VALUES ('2023-06-01');
CREATE TABLE trouble (step int, stage_table text, what text, detail text);
CREATE TABLE tally (what text, n bigint);

-- ----- the oracle: facts and stages by plain SQL -----
CREATE TABLE definition (
  name text PRIMARY KEY, zone text, keyed bool, filtered bool, visits bool,
  members bool);

CREATE FUNCTION order_rows(d definition)
RETURNS TABLE (customer bigint, day date, local_at timestamp, amount numeric,
               okey text) LANGUAGE sql STABLE AS $$
  SELECT o.customer, (o.at AT TIME ZONE d.zone)::date, o.at AT TIME ZONE d.zone,
         o.amount,
         CASE WHEN d.keyed AND o.order_no IS NOT NULL THEN 'k' || o.order_no
              ELSE 'r' || o.id END || '/' || o.customer
  FROM orders o
  WHERE o.customer IS NOT NULL AND o.at IS NOT NULL
    AND (NOT d.filtered OR o.status <> 'cancelled')
$$;

-- one row per customer known at the end of a day
CREATE FUNCTION facts(d definition, as_of date)
RETURNS TABLE (customer bigint, orders bigint, order_days bigint,
               revenue numeric, first_at timestamp, last_at timestamp,
               visit_at timestamp, registered date, only_order numeric)
LANGUAGE sql STABLE AS $$
  WITH r AS (SELECT * FROM order_rows(d) WHERE day <= as_of),
  o AS (
    SELECT customer, okey, sum(amount) AS net,
           coalesce(bool_or(amount < 0), false) AS refunded,
           min(local_at) FILTER (WHERE amount >= 0 OR amount IS NULL) AS at
    FROM r GROUP BY customer, okey),
  live AS (SELECT * FROM o WHERE at IS NOT NULL
             AND NOT (refunded AND coalesce(net, 0) <= 0)),
  f AS (SELECT customer, count(*) AS orders, count(DISTINCT at::date) AS days,
               min(at) AS first_at, max(at) AS last_at,
               CASE WHEN count(*) = 1 THEN coalesce(sum(net), 0) END AS only_order
        FROM live GROUP BY customer),
  v AS (SELECT customer::bigint, max(at) AS at FROM visits
        WHERE d.visits AND at::date <= as_of GROUP BY 1),
  m AS (SELECT customer, min(registered) FILTER (WHERE registered <= as_of) AS registered,
               bool_or(registered IS NULL OR registered <= as_of) AS known
        FROM members WHERE d.members GROUP BY 1),
  s AS (SELECT customer, sum(amount) AS revenue FROM r GROUP BY customer),
  k AS (SELECT customer FROM s UNION SELECT customer FROM v
        UNION SELECT customer FROM m WHERE known)
  SELECT k.customer, coalesce(f.orders, 0), coalesce(f.days, 0),
         coalesce(s.revenue, 0),
         f.first_at, f.last_at, v.at, m.registered, f.only_order
  FROM k LEFT JOIN f USING (customer) LEFT JOIN s USING (customer)
  LEFT JOIN v USING (customer) LEFT JOIN m USING (customer)
$$;

CREATE FUNCTION stages(d definition, as_of date)
RETURNS TABLE (customer bigint, stage text) LANGUAGE sql STABLE AS $$
  WITH m AS MATERIALIZED (SELECT crmlife.effective_model(d.name::regclass) AS model)
  SELECT f.customer,
         lifecycle_stage(f.orders, f.revenue, f.last_at::date, as_of, m.model,
                         f.first_at::date, f.visit_at::date, f.registered,
                         f.order_days)
  FROM facts(d, as_of) f, m
$$;

CREATE FUNCTION cut_bin(value numeric, cuts numeric[]) RETURNS int
LANGUAGE sql IMMUTABLE AS $$
  SELECT 1 + count(*)::int FROM unnest(cuts) c WHERE c < value
$$;

-- ----- the stage tables under test -----
-- what the stored table says, in one shape for all of them
CREATE FUNCTION stored(name text)
RETURNS TABLE (customer bigint, stage text, since date, changes_on date,
               next_stage text, previous_stage text, orders bigint,
               order_days bigint, revenue numeric, average_order numeric,
               first_order_at timestamp, last_order_at timestamp,
               last_active_at timestamp, registered_at timestamp,
               rfm_score int, rfm_segment text, loyalty text, value_tier int)
LANGUAGE plpgsql STABLE AS $$
BEGIN
  RETURN QUERY EXECUTE format(
    'SELECT customer::bigint, stage, since, changes_on, next_stage,
            previous_stage, orders, order_days, revenue, average_order,
            first_order_at, last_order_at, last_active_at, registered_at,
            rfm_score, rfm_segment, loyalty, value_tier FROM %I', name);
END $$;

-- rows of the table that differ from plain SQL
CREATE FUNCTION against_sql(step int, d definition, as_of date) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
  c crmlife.rfm_cuts;
BEGIN
  SELECT * INTO c FROM crmlife.rfm_cuts WHERE stage_table = d.name::regclass;
  INSERT INTO trouble
  SELECT step, d.name, 'facts or stage', coalesce(s.customer, f.customer)::text
         || ': ' || coalesce(s::text, 'not stored') || ' <> ' || coalesce(f::text, 'nothing')
  FROM stored(d.name) s
  FULL JOIN (SELECT f.*, g.stage FROM facts(d, as_of) f
             JOIN stages(d, as_of) g USING (customer)) f USING (customer)
  WHERE (s.stage, s.orders, s.order_days, s.revenue, s.first_order_at,
         s.last_order_at, s.last_active_at, s.registered_at::date, s.loyalty)
    IS DISTINCT FROM
        (f.stage, f.orders, f.order_days, f.revenue, f.first_at, f.last_at,
         greatest(f.last_at, f.visit_at), f.registered,
         CASE WHEN f.orders = 1 THEN 'new' WHEN f.orders > 1 THEN 'returning' END)
     OR s.average_order IS DISTINCT FROM f.revenue / nullif(f.orders, 0);
  INSERT INTO trouble
  SELECT step, d.name, 'rfm or tier', format('%s, only order %s', s, f.only_order)
  FROM stored(d.name) s JOIN facts(d, as_of) f USING (customer)
  WHERE f.orders = 1 AND cardinality(c.new_cuts) > 0
    AND s.value_tier IS DISTINCT FROM cut_bin(f.only_order, c.new_cuts);
  -- scores without a window follow from the columns beside them
  IF c.rfm_window IS NULL THEN
    INSERT INTO trouble
    SELECT step, d.name, 'rfm or tier', s::text
    FROM stored(d.name) s
    WHERE s.rfm_score IS DISTINCT FROM
            CASE WHEN s.orders > 0 THEN rfm_score(
              as_of - s.last_order_at::date, s.orders,
              CASE c.rfm_monetary WHEN 'mean' THEN s.average_order ELSE s.revenue END,
              c.recency_cuts, c.frequency_cuts, c.monetary_cuts) END
       OR s.rfm_segment IS DISTINCT FROM rfm_segment(s.rfm_score)
       OR s.orders > 1 AND s.value_tier IS DISTINCT FROM cut_bin(s.revenue, c.returning_cuts)
          AND cardinality(c.returning_cuts) > 0;
  END IF;
END $$;

-- the stretch and the next change, day by day
CREATE FUNCTION against_brute_force(step int, d definition, as_of date)
RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  model crmlife.lifecycle_model := crmlife.effective_model(d.name::regclass);
BEGIN
  CREATE TEMP TABLE past ON COMMIT DROP AS
  SELECT g.day::date AS day, s.customer, s.stage
  FROM generate_series(as_of - 70, as_of, interval '1 day') g(day),
       LATERAL stages(d, g.day::date) s;
  INSERT INTO trouble
  SELECT step, d.name, 'since or previous_stage',
         format('%s: stored %s %s, by day %s %s', s.customer, s.since, s.previous_stage, b.since, b.previous)
  FROM stored(d.name) s,
  LATERAL (
    SELECT max(p.day) + 1 AS since,
           (SELECT q.stage FROM past q WHERE q.customer = s.customer AND q.day = max(p.day)) AS previous
    FROM (SELECT g.day::date AS day, q.stage FROM generate_series(as_of - 70, as_of, interval '1 day') g(day)
          LEFT JOIN past q ON q.customer = s.customer AND q.day = g.day::date) p
    WHERE p.stage IS DISTINCT FROM s.stage) b
  WHERE b.since IS NOT NULL
    AND (s.since, s.previous_stage) IS DISTINCT FROM (b.since, b.previous)
     OR b.since IS NULL AND s.since > as_of - 70;
  DROP TABLE past;

  INSERT INTO trouble
  SELECT step, d.name, 'changes_on or next_stage',
         format('%s: stored %s %s, by day %s %s', s.customer, s.changes_on, s.next_stage, b.day, b.stage)
  FROM stored(d.name) s JOIN facts(d, as_of) f USING (customer)
  LEFT JOIN LATERAL (
    SELECT g.day::date AS day, x.stage
    FROM generate_series(as_of + 1, as_of + 500, interval '1 day') g(day),
         LATERAL (SELECT lifecycle_stage(
           f.orders, f.revenue, f.last_at::date, g.day::date, model, f.first_at::date,
           f.visit_at::date, f.registered, f.order_days) AS stage) x
    WHERE x.stage <> s.stage ORDER BY g.day LIMIT 1) b ON true
  WHERE (s.changes_on, s.next_stage) IS DISTINCT FROM (b.day, b.stage);
END $$;

-- what the last run logged: replayed changes lie where plain SQL sees them
CREATE FUNCTION against_log(step int, d definition, since date, as_of date, from_seq bigint)
RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  change record;
  before text;
  after text;
  other date;
BEGIN
  EXECUTE format('INSERT INTO tally SELECT cause, count(*) FROM %I WHERE seq > $1 GROUP BY 1',
                 d.name || '_changes') USING from_seq;
  FOR change IN EXECUTE format(
    'SELECT customer::bigint, from_stage, to_stage, changed_on, cause FROM %I WHERE seq > $1 ORDER BY random() LIMIT 8',
    d.name || '_changes') USING from_seq
  LOOP
    CONTINUE WHEN change.cause NOT IN ('time', 'event') OR change.changed_on <= since;
    SELECT s.stage INTO before FROM stages(d, change.changed_on - 1) s WHERE s.customer = change.customer;
    SELECT s.stage INTO after FROM stages(d, change.changed_on) s WHERE s.customer = change.customer;
    IF (before, after) IS DISTINCT FROM (change.from_stage, change.to_stage)
       OR change.changed_on > as_of THEN
      INSERT INTO trouble VALUES (step, d.name, 'change log',
        format('%s, by day %s -> %s', change, before, after));
    END IF;
  END LOOP;
  -- a correction names the day from which the right stage holds
  FOR change IN EXECUTE format(
    $q$SELECT customer::bigint, to_stage, changed_on FROM %I
       WHERE seq > $1 AND cause = 'correction' ORDER BY random() LIMIT 1$q$,
    d.name || '_changes') USING from_seq
  LOOP
    SELECT max(g.day)::date INTO other
    FROM generate_series(since - 40, since, interval '1 day') g(day)
    LEFT JOIN LATERAL (SELECT s.stage FROM stages(d, g.day::date) s
                       WHERE s.customer = change.customer) s ON true
    WHERE s.stage IS DISTINCT FROM change.to_stage;
    IF other + 1 <> change.changed_on
       OR other IS NULL AND change.changed_on BETWEEN since - 39 AND since - 1 THEN
      INSERT INTO trouble VALUES (step, d.name, 'change log',
        format('%s, by day from %s, shown %s', change, other + 1, since));
    END IF;
  END LOOP;
END $$;

-- the figures: what the rows add up to, and the days that a run published
CREATE FUNCTION against_figures(step int, d definition, since date, as_of date)
RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO trouble SELECT step, d.name, 'figures', f::text FROM crmlife.verify_figures(d.name::regclass) f;
  INSERT INTO trouble
  SELECT step, d.name, 'counts by day', format('%s: published %s, by day %s', x.day, p, b)
  FROM (VALUES (since), (as_of - 1)) x (day)
  CROSS JOIN LATERAL (
    SELECT string_agg(f.stage || ' ' || f.customers, ', ' ORDER BY f.stage COLLATE "C") AS p
    FROM crmlife.stage_snapshot f WHERE f.stage_table = d.name::regclass AND f.day = x.day) p
  CROSS JOIN LATERAL (
    SELECT string_agg(s.stage || ' ' || s.n, ', ' ORDER BY s.stage COLLATE "C") AS b
    FROM (SELECT stage, count(*) AS n FROM stages(d, x.day) GROUP BY stage) s) b
  WHERE since < as_of AND p.p IS DISTINCT FROM b.b;
END $$;

INSERT INTO definition VALUES
  ('plain', 'America/New_York', false, false, false, false),
  ('engaged', 'Asia/Shanghai', false, true, true, true),
  ('netted', 'Etc/UTC', true, false, false, true),
  ('windowed', 'Australia/Lord_Howe', true, false, true, false);

-- ----- random writes -----
CREATE FUNCTION pick(n int) RETURNS int LANGUAGE sql VOLATILE AS
$$ SELECT floor(random() * n)::int $$;

-- mostly recent, sometimes long ago, sometimes in the future
CREATE FUNCTION some_time() RETURNS timestamptz LANGUAGE sql VOLATILE AS $$
  SELECT today + CASE WHEN r < 0.5 THEN -pick(3) WHEN r < 0.9 THEN -pick(500)
                      ELSE pick(30) END
         + make_interval(hours => pick(24), mins => pick(60))
  FROM clock, (SELECT random() AS r) x
$$;

CREATE FUNCTION some_amount() RETURNS numeric LANGUAGE sql VOLATILE AS $$
  SELECT CASE WHEN r < 0.05 THEN NULL WHEN r < 0.1 THEN 0
              WHEN r < 0.2 THEN -round((random() * 50)::numeric, 2)
              WHEN r < 0.25 THEN round((random() * 100)::numeric, 5)
              ELSE round((random() * 100)::numeric, 2) END
  FROM (SELECT random() AS r) x
$$;

CREATE FUNCTION write_something(step int) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
  kind int := pick(17);
  some_id bigint := (SELECT id FROM orders ORDER BY random() LIMIT 1);
BEGIN
  INSERT INTO tally VALUES ('write ' || kind, 1);
  CASE
    WHEN kind <= 4 THEN
      INSERT INTO orders (customer, at, amount, order_no)
      SELECT nullif(pick(50), 0), some_time(), some_amount(),
             CASE WHEN random() < 0.7 THEN pick(120)::text END
      FROM generate_series(1, 1 + pick(5));
    WHEN kind = 5 THEN -- the whole order is taken back, later
      INSERT INTO orders (customer, at, amount, order_no)
      SELECT customer, greatest(max(at), (SELECT today FROM clock)) + pick(3) * interval '1 day',
             -sum(amount), order_no
      FROM orders WHERE customer IS NOT NULL
        AND order_no = (SELECT order_no FROM orders WHERE id = some_id)
      GROUP BY customer, order_no;
    WHEN kind = 6 THEN -- part of an order comes back; an amount is put right
      INSERT INTO orders (customer, at, amount, order_no)
      SELECT customer, at + pick(40) * interval '1 day', -round(amount * random()::numeric, 2), order_no
      FROM orders WHERE amount > 0 AND order_no IS NOT NULL ORDER BY random() LIMIT 3;
      UPDATE orders SET amount = some_amount() WHERE id = some_id;
    WHEN kind = 7 THEN -- to another customer, perhaps to nobody
      UPDATE orders SET customer = nullif(pick(50), 0) WHERE id = some_id;
    WHEN kind = 8 THEN -- to another time, perhaps to another partition
      UPDATE orders SET at = some_time() WHERE id = some_id;
    WHEN kind = 9 THEN
      DELETE FROM orders WHERE id = some_id OR customer = 1 + pick(60);
    WHEN kind = 10 THEN
      UPDATE orders SET status = CASE status WHEN 'paid' THEN 'cancelled' ELSE 'paid' END
      WHERE id % 7 = pick(7);
    WHEN kind = 11 THEN
      INSERT INTO visits SELECT 1 + pick(35), some_time() FROM generate_series(1, 1 + pick(4));
    WHEN kind = 12 THEN
      DELETE FROM visits WHERE customer = 1 + pick(35);
    WHEN kind = 13 THEN
      INSERT INTO members SELECT 1 + pick(40),
        CASE WHEN random() < 0.8 THEN (SELECT today FROM clock) + 10 - pick(200) END;
    WHEN kind = 14 THEN
      DELETE FROM members WHERE customer = 1 + pick(40);
    WHEN kind = 15 THEN -- past the parent, into a leaf
      INSERT INTO orders_old (customer, at, amount) VALUES (1 + pick(50), '2023-01-01'::date + pick(300), some_amount());
    ELSE
      IF random() < 0.2 THEN TRUNCATE visits;
      ELSIF random() < 0.1 THEN TRUNCATE orders_new;
      ELSE UPDATE members SET registered = registered + 5 WHERE customer = 1 + pick(40);
      END IF;
  END CASE;
  RETURN kind::text;
END $$;

CREATE FUNCTION set_something() RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  kind int := pick(7);
BEGIN
  INSERT INTO tally VALUES ('setting ' || kind, 1);
  CASE kind
    WHEN 0 THEN
      PERFORM crmlife.set_model('plain', 'recency');
      PERFORM crmlife.set_threshold('plain', 'active_days', 60 + pick(40));
    WHEN 1 THEN
      PERFORM crmlife.set_model('plain', 'recency');
      PERFORM crmlife.set_threshold('plain', 'active_days', NULL);
    WHEN 2 THEN PERFORM crmlife.set_threshold('engaged', 'order_value', 20 + pick(50));
    WHEN 3 THEN PERFORM crmlife.set_threshold('engaged', 'churn_period', CASE WHEN random() < 0.5 THEN 40 + pick(80) END);
    WHEN 4 THEN PERFORM crmlife.calibrate((ARRAY['plain', 'engaged', 'netted'])[1 + pick(3)]::regclass,
                                          (ARRAY['sum', 'mean'])[1 + pick(2)]);
    WHEN 5 THEN PERFORM crmlife.set_model('plain', (ARRAY['recency', 'kpi_bands'])[1 + pick(2)]::crmlife.lifecycle_model);
    WHEN 6 THEN PERFORM crmlife.calibrate('windowed', NULL, (ARRAY['30 days', '1 month', '1 year 10 days', '0'])[1 + pick(4)]::interval);
  END CASE;
END $$;

-- ----- the run -----
-- something to begin with
SELECT write_something(0) FROM generate_series(1, 60) \g /dev/null

SELECT crmlife.create_stage_table('plain', 'orders', 'customer', 'at', 'amount',
  timezone => 'America/New_York') \g /dev/null
SELECT crmlife.create_stage_table('engaged', 'orders', 'customer', 'at', 'amount',
  order_filter => $$status <> 'cancelled'$$,
  visits => 'visits', visit_customer => 'customer', visited_at => 'at',
  members => 'members', member_customer => 'customer', registered_at => 'registered',
  model => with_threshold('engagement', 'order_value', 40),
  timezone => 'Asia/Shanghai') \g /dev/null
SELECT crmlife.create_stage_table('netted', 'orders', 'customer', 'at', 'amount',
  order_key => 'order_no',
  members => 'members', member_customer => 'customer', registered_at => 'registered',
  model => $$CASE WHEN orders = 0 AND days_since_registered > 20 THEN 'lapsed lead'
    WHEN orders = 0 THEN 'lead'
    WHEN days_since_order - days_since_first_order + 30 < days_since_registered THEN 'slow'
    WHEN revenue > big AND days_since_order * 2 <= 80 THEN 'big'
    WHEN average_order BETWEEN 10 AND 30 OR days_since_first_order IN (5, 10, 100) THEN 'middling'
    WHEN order_days < orders AND days_since_order > 3 THEN 'bursts' END WITH (big = 120)$$,
  timezone => 'UTC') \g /dev/null
SELECT crmlife.create_stage_table('windowed', 'orders', 'customer', 'at', 'amount',
  order_key => 'order_no', visits => 'visits', visit_customer => 'customer', visited_at => 'at',
  model => $$CASE WHEN days_since_visit < days_since_order THEN 'browsing'
    WHEN days_since_active <= 14 THEN 'here' WHEN orders > 3 THEN 'regular' ELSE 'gone' END$$,
  timezone => 'Australia/Lord_Howe') \g /dev/null
SELECT crmlife.calibrate('windowed', rfm_window => '45 days') \g /dev/null
-- the stage tables start on the sequence's own day
SELECT count(crmlife.refresh(name::regclass, (today + time '12:00') AT TIME ZONE zone, true))
FROM definition, clock \g /dev/null
TRUNCATE plain_changes, engaged_changes, netted_changes, windowed_changes;
-- what was published before the log begins
CREATE TABLE published AS
SELECT d.name, s.customer, s.stage FROM definition d, LATERAL stored(d.name) s;

CREATE FUNCTION one_step(step int) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  d definition;
  day date;
  was date;
  seq bigint;
  difference record;
BEGIN
  FOR i IN 1 .. 1 + pick(4) LOOP PERFORM write_something(step); END LOOP;
  UPDATE clock SET today = today + CASE WHEN random() < 0.4 THEN 0
    WHEN random() < 0.9 THEN pick(6) ELSE pick(120) END;
  SELECT today INTO day FROM clock;
  FOR d IN SELECT * FROM definition LOOP
    CONTINUE WHEN random() < 0.15; -- the worker sleeps
    EXECUTE format('SELECT coalesce(max(seq), 0) FROM %I', d.name || '_changes') INTO seq;
    SELECT refreshed_day INTO was FROM crmlife.status WHERE stage_table = d.name::regclass;
    PERFORM crmlife.refresh(d.name::regclass, (day + time '12:00') AT TIME ZONE d.zone,
                            random() < 0.03);
    FOR difference IN SELECT * FROM crmlife.verify(d.name::regclass) LOOP
      INSERT INTO trouble VALUES (step, d.name, 'verify', difference::text);
    END LOOP;
    PERFORM against_sql(step, d, day);
    PERFORM against_log(step, d, was, day, seq);
    PERFORM against_figures(step, d, was, day);
    IF step % 30 = 0 THEN PERFORM against_brute_force(step, d, day); END IF;
  END LOOP;
  IF random() < 0.2 THEN
    PERFORM set_something();
    FOR d IN SELECT * FROM definition LOOP
      FOR difference IN SELECT * FROM crmlife.verify(d.name::regclass) LOOP
        INSERT INTO trouble VALUES (step, d.name, 'verify after a setting', difference::text);
      END LOOP;
      INSERT INTO trouble SELECT step, d.name, 'figures', f::text FROM crmlife.verify_figures(d.name::regclass) f;
    END LOOP;
  END IF;
END $$;

SELECT one_step(step) FROM generate_series(1, 150) step \g /dev/null

SELECT is((SELECT string_agg(format('%s %s: %s', step, stage_table, detail), E'\n')
           FROM (SELECT * FROM trouble WHERE what = kind LIMIT 5) t), NULL, kind)
FROM unnest(ARRAY['verify', 'verify after a setting', 'facts or stage', 'rfm or tier',
  'since or previous_stage', 'changes_on or next_stage', 'change log', 'figures', 'counts by day']) kind;

-- the log tells one story: each row takes up where the one before ended, and
-- the last one ends where the table stands
CREATE FUNCTION broken_chains() RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
  d definition;
  n bigint;
  total bigint := 0;
BEGIN
  FOR d IN SELECT * FROM definition LOOP
    EXECUTE format($q$
      WITH l AS (
        SELECT customer, seq, from_stage, to_stage FROM %1$I
        UNION ALL SELECT customer, 0, NULL, stage FROM published WHERE name = %2$L
        UNION ALL SELECT customer, 9e18::bigint, stage, NULL FROM %3$I),
      c AS (SELECT *, lag(to_stage) OVER (PARTITION BY customer ORDER BY seq) AS before,
                   lead(seq) OVER (PARTITION BY customer ORDER BY seq) AS next FROM l)
      SELECT count(*) FROM c
      WHERE seq > 0 AND from_stage IS DISTINCT FROM before
         OR next IS NULL AND seq < 9e18 AND to_stage IS NOT NULL$q$,
      d.name || '_changes', d.name, d.name) INTO n;
    total := total + n;
  END LOOP;
  RETURN total;
END $$;
SELECT is(broken_chains(), 0::bigint, 'the change log is one unbroken story per customer');

SELECT ok((SELECT bool_and(n >= least) FROM (VALUES ('time', 100), ('event', 100), ('correction', 20),
             ('model', 5), ('removed', 3), ('write 5', 5), ('write 16', 5)) want(what, least)
           LEFT JOIN (SELECT what, sum(n) AS n FROM tally GROUP BY 1) t USING (what)),
          'every kind of change was among them');
SELECT ok((SELECT count(*) FROM plain) + (SELECT count(*) FROM netted) > 40, 'there were customers to look at');

SELECT count(crmlife.drop_stage_table(name::regclass)) FROM definition \g /dev/null
DROP SCHEMA seq CASCADE;
SELECT finish();
