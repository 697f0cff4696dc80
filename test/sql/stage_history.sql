-- The history a stage table keeps of each customer, what is told from it about
-- past days, and the change of a model that reads it instead of the sources.
-- The oracle is plain SQL over the rows.
\set ECHO none
\pset format unaligned
\pset tuples_only true
SET client_min_messages = warning;
SET jit = off;
SELECT plan(29);

CREATE SCHEMA sh;
SET search_path = sh, public;
SET TimeZone = 'Asia/Shanghai';
SELECT setseed(0.77) \g /dev/null

CREATE TABLE orders AS
SELECT (power(random(), 2) * 60)::int AS customer, timestamptz '2024-01-01' + random() * 700 * interval '1 day' AS at,
       CASE WHEN random() < 0.05 THEN NULL ELSE round((random() * 120 - 15)::numeric, 2) END AS amount,
       CASE WHEN random() < 0.8 THEN 'no' || (random() * 300)::int END AS order_no
FROM generate_series(1, 900) g;
CREATE INDEX ON orders (customer);
CREATE TABLE visits AS
SELECT (random() * 70)::bigint AS customer, timestamp '2024-01-01' + random() * 700 * interval '1 day' AS at
FROM generate_series(1, 300) g;
CREATE TABLE members AS
SELECT g AS customer, CASE WHEN g % 9 > 0 THEN timestamp '2024-03-01' + random() * 500 * interval '1 day' END AS at
FROM generate_series(0, 80, 2) g;

SELECT crmlife.create_stage_table('plain', 'orders', 'customer', 'at', 'amount', timezone => 'Asia/Shanghai') \g /dev/null
SELECT crmlife.create_stage_table('days', 'orders', 'customer', $$(at AT TIME ZONE 'Asia/Shanghai')::date$$, 'amount', timezone => 'UTC') \g /dev/null
SELECT crmlife.create_stage_table('keyed', 'orders', 'customer', 'at', 'amount', order_key => 'order_no', timezone => 'Asia/Shanghai') \g /dev/null
SELECT crmlife.create_stage_table('whole', 'orders', 'customer', 'at', 'amount', timezone => 'Asia/Shanghai',
  visits => 'visits', visit_customer => 'customer', visited_at => 'at',
  members => 'members', member_customer => 'customer', registered_at => 'at',
  model => with_threshold('engagement', 'order_value', 40)) \g /dev/null
SELECT crmlife.create_stage_table('none', 'orders', 'customer', 'at', 'amount', timezone => 'Asia/Shanghai', keep_history => false) \g /dev/null

-- ----- the history is that of the rows -----
SELECT is((SELECT count(*) FROM plain s
           JOIN (SELECT customer, purchase_history(at, amount) AS h FROM orders GROUP BY customer) o USING (customer)
           WHERE s.history = o.h),
          (SELECT count(DISTINCT customer) FROM orders), 'times');
SELECT is((SELECT count(*) FROM days s
           JOIN (SELECT customer, purchase_history(at::date, amount) AS h FROM orders GROUP BY customer) o USING (customer)
           WHERE s.history = o.h),
          (SELECT count(DISTINCT customer) FROM orders), 'days');
SELECT is((SELECT count(*) FROM whole s
           LEFT JOIN (SELECT customer, purchase_history(at, amount, kind) AS h
                      FROM (SELECT customer::bigint, at::timestamp, amount, 'order' AS kind FROM orders
                            UNION ALL SELECT customer, at, NULL, 'visit' FROM visits) r GROUP BY customer) o USING (customer)
           WHERE s.history = coalesce(o.h, 'times:')),
          (SELECT count(*) FROM whole), 'orders and visits; of a member without either, an empty one');
SELECT is((SELECT count(*) FROM keyed s JOIN (
             WITH r AS (SELECT *, CASE WHEN order_no IS NULL THEN 'row ' || ctid::text ELSE 'key ' || order_no END AS k,
                               at::timestamp AS local FROM orders),
             o AS (SELECT customer, k, sum(amount) AS net, coalesce(bool_or(amount < 0), false) AS refunded,
                          min(local) FILTER (WHERE amount >= 0 OR amount IS NULL) AS at, max(local) AS last_at
                   FROM r GROUP BY customer, k)
             SELECT customer, purchase_history(CASE WHEN net < 0 THEN last_at ELSE at END, net)
                    FILTER (WHERE NOT (refunded AND net = 0) AND (at IS NOT NULL OR net < 0)) AS h
             FROM o GROUP BY customer) o USING (customer)
           WHERE s.history = coalesce(o.h, 'times:')),
          (SELECT count(*) FROM keyed), 'orders netted by their key');
SELECT is((SELECT count(*) FROM keyed WHERE history_revenue(history) IS DISTINCT FROM revenue AND revenue <> 0), 0::bigint,
          'netted orders add up to the revenue');
SELECT is((SELECT count(*) FROM pg_attribute WHERE attrelid = 'none'::regclass AND attname = 'history'), 0::bigint,
          'without keep_history there is no such column');
SELECT is((SELECT count(*) FROM whole w
           WHERE known_since IS DISTINCT FROM
             (SELECT CASE WHEN bool_or(undated) THEN NULL ELSE min(day) END FROM (
                SELECT at::date AS day, false AS undated FROM orders o WHERE o.customer = w.customer
                UNION ALL SELECT at::date, false FROM visits v WHERE v.customer = w.customer
                UNION ALL SELECT at::date, at IS NULL FROM members m WHERE m.customer = w.customer) x)),
          0::bigint, 'known_since is the day of the first row');

-- ----- it is kept and verified -----
INSERT INTO orders VALUES (3, '2025-10-01 10:00', 5, 'new'), (999, '2025-10-02 10:00', 7, NULL);
DELETE FROM orders WHERE customer = 7;
INSERT INTO visits VALUES (4, '2025-03-03 03:03'), (4, '2025-03-03 04:04');
SELECT count(crmlife.refresh(t)) FROM unnest('{plain,days,keyed,whole,none}'::regclass[]) t \g /dev/null
SELECT is((SELECT count(*) FROM unnest('{plain,days,keyed,whole,none}'::regclass[]) t, crmlife.verify(t)), 0::bigint, 'kept by refreshes');
SELECT is((SELECT history FROM plain WHERE customer = 3), (SELECT purchase_history(at, amount) FROM orders WHERE customer = 3), 'a new order is in it');
UPDATE plain SET history = history + (SELECT history FROM plain WHERE customer = 2) WHERE customer = 1;
SELECT is((SELECT array_agg(customer || ' ' || column_name) FROM crmlife.verify('plain')), ARRAY['1 history'], 'verify sees a history that is wrong');
SELECT crmlife.refresh('plain', "full" => true) \g /dev/null
SELECT is((SELECT count(*) FROM crmlife.verify('plain')), 0::bigint, 'a full refresh puts it right');

-- ----- another model, without the sources -----
CREATE FUNCTION unread(value timestamptz) RETURNS timestamptz LANGUAGE plpgsql AS $$
BEGIN
  IF current_setting('sh.closed', true) = 'yes' THEN RAISE 'the source is read'; END IF;
  RETURN value;
END $$;
CREATE VIEW guarded AS SELECT customer, sh.unread(at) AS at, amount FROM orders;
SELECT crmlife.create_stage_table('by_view', 'guarded', 'customer', 'at', 'amount', capture => 'full', timezone => 'Asia/Shanghai') \g /dev/null
CREATE TABLE other AS SELECT crmlife.lifecycle_model $$CASE WHEN orders >= 2 AND days_since_order < 60 THEN 'busy'
  WHEN days_since_order < d THEN 'seen' WHEN orders > 0 THEN 'gone' ELSE 'none' END WITH (d = 120)$$ AS model;
SET sh.closed = 'yes';
SELECT throws_ok($$SELECT crmlife.refresh('by_view')$$, 'P0001', 'the source is read', 'the guard guards');
SELECT lives_ok($$SELECT crmlife.set_model('by_view', model) FROM sh.other$$, 'another model is applied without the source');
SELECT lives_ok($$SELECT crmlife.set_threshold('by_view', 'd', 200)$$, 'and a threshold');
RESET sh.closed;
SELECT is((SELECT count(*) FROM crmlife.verify('by_view')), 0::bigint, 'with the rows the sources give');
SELECT ok((SELECT count(*) > 10 FROM by_view_changes WHERE cause = 'model'), 'and the changes logged');
INSERT INTO orders VALUES (5, now() - interval '1 hour', 50, 'late');
INSERT INTO visits VALUES (6, localtimestamp - interval '1 hour');
SELECT crmlife.set_threshold('whole', 'active_period', 20) \g /dev/null
SELECT crmlife.set_model('plain', model) FROM other \g /dev/null
SELECT crmlife.set_model('keyed', model) FROM other \g /dev/null
SELECT is((SELECT sum(waiting) FROM crmlife.status WHERE stage_table IN ('whole'::regclass, 'plain', 'keyed')), 0::numeric,
          'what waits is taken along, by its rows');
SELECT is((SELECT count(*) FROM unnest('{plain,keyed,whole}'::regclass[]) t, crmlife.verify(t)), 0::bigint,
          'every kind of stage table is right after another model');

-- ----- past days, by plain SQL over the rows -----
CREATE FUNCTION rows_stage(as_of date, model crmlife.lifecycle_model)
RETURNS TABLE (customer text, stage text) LANGUAGE sql STABLE AS $$
  WITH o AS (SELECT customer::bigint, count(*) FILTER (WHERE amount >= 0 OR amount IS NULL) AS n,
                    count(DISTINCT at::date) FILTER (WHERE amount >= 0 OR amount IS NULL) AS days,
                    coalesce(sum(amount), 0) AS revenue,
                    min(at::date) FILTER (WHERE amount >= 0 OR amount IS NULL) AS first,
                    max(at::date) FILTER (WHERE amount >= 0 OR amount IS NULL) AS last
             FROM orders WHERE at::date <= as_of GROUP BY 1),
  v AS (SELECT customer, max(at::date) AS last FROM visits WHERE at::date <= as_of GROUP BY 1),
  m AS (SELECT customer::bigint, at::date AS registered FROM members WHERE at IS NULL OR at::date <= as_of)
  SELECT customer::text, lifecycle_stage(coalesce(o.n, 0), coalesce(o.revenue, 0), o.last, as_of, model, o.first, v.last, m.registered,
                                         coalesce(o.days, 0))
  FROM o FULL JOIN v USING (customer) FULL JOIN m USING (customer)
$$;
CREATE FUNCTION wrong_days(model crmlife.lifecycle_model) RETURNS bigint LANGUAGE sql STABLE AS $$
  SELECT count(*) FROM generate_series(date '2023-12-25', '2026-06-30', '61 days') d,
  LATERAL (SELECT * FROM crmlife.stages_on('whole', d::date, model) a
           FULL JOIN rows_stage(d::date, coalesce(model, crmlife.effective_model('whole'))) b USING (customer)
           WHERE a.stage IS DISTINCT FROM b.stage) x
$$;
SELECT is(wrong_days(NULL), 0::bigint, 'stages_on: the model in force');
SELECT is(wrong_days('recency'), 0::bigint, 'stages_on: another model');
SELECT is((SELECT count(*) FROM crmlife.stages_on('whole', (SELECT refreshed_day FROM crmlife.status WHERE stage_table = 'whole'::regclass)) a
           FULL JOIN whole w ON w.customer::text = a.customer WHERE a.stage IS DISTINCT FROM w.stage), 0::bigint,
          'on the refreshed day it is the table''s own');
SELECT is((SELECT jsonb_object_agg(coalesce(from_stage, '') || '>' || to_stage, customers) FROM crmlife.transitions('whole', '2024-09-01', '2025-03-01')),
          (SELECT jsonb_object_agg(k, n) FROM (
             SELECT coalesce(a.stage, '') || '>' || b.stage AS k, count(*) AS n
             FROM rows_stage('2025-03-01', crmlife.effective_model('whole')) b
             LEFT JOIN rows_stage('2024-09-01', crmlife.effective_model('whole')) a USING (customer) GROUP BY 1) x),
          'transitions');

-- day by day: the stretches of equal stage
CREATE TABLE past AS
SELECT d::date AS day, r.* FROM generate_series(date '2023-12-20', '2025-04-30', '1 day') d, rows_stage(d::date, crmlife.effective_model('whole')) r;
CREATE VIEW stretches AS
SELECT customer, stage, min(day) AS first, max(day) AS last,
       row_number() OVER (PARTITION BY customer, stage ORDER BY min(day)) AS entry
FROM (SELECT *, day - (row_number() OVER (PARTITION BY customer, stage ORDER BY day))::int AS block FROM past) p
GROUP BY customer, stage, block;
CREATE VIEW by_days AS
SELECT customer, stage, CASE WHEN first > '2023-12-20' THEN first END AS entered_on,
       CASE WHEN last < '2025-04-30' THEN last + 1 END AS left_on,
       least(last, '2025-04-30') - greatest(first, '2024-11-01') + 1 AS days, entry::int
FROM stretches WHERE last >= '2024-11-01';
SELECT is((SELECT count(*) FROM (TABLE by_days EXCEPT SELECT * FROM crmlife.stage_spells('whole', '2024-11-01', '2025-04-30')) x), 0::bigint,
          'stage_spells has every stretch of days');
SELECT is((SELECT count(*) FROM (SELECT * FROM crmlife.stage_spells('whole', '2024-11-01', '2025-04-30') EXCEPT TABLE by_days) x), 0::bigint,
          'and no other');
SELECT is((SELECT jsonb_agg(to_jsonb(t) ORDER BY stage) FROM (
             SELECT stage, customers, days, entries, re_entries, completed, round(average_days::numeric, 6) AS average_days
             FROM crmlife.time_in_stage('whole', '2024-11-01', '2025-04-30')) t),
          (SELECT jsonb_agg(to_jsonb(t) ORDER BY stage) FROM (
             SELECT stage, count(DISTINCT customer) AS customers, sum(days) AS days,
                    count(*) FILTER (WHERE entered_on >= '2024-11-01') AS entries,
                    count(*) FILTER (WHERE entered_on >= '2024-11-01' AND entry > 1) AS re_entries,
                    count(left_on) FILTER (WHERE entered_on IS NOT NULL) AS completed, round(avg(left_on - entered_on), 6) AS average_days
             FROM by_days GROUP BY stage) t),
          'time_in_stage');
SELECT throws_ok($$SELECT * FROM crmlife.stages_on('none', '2025-01-01')$$, '55000', NULL, 'no history, no past');
-- a stage of its own for every day, begun anew with the second order
SELECT is((SELECT ROW(count(*), sum(days), count(DISTINCT s.stage), count(*) FILTER (WHERE entry = 2), bool_and(s.stage = 's' || (entered_on - CASE WHEN entered_on < '2025-01-10' THEN date '2025-01-01' ELSE '2025-01-10' END)))::text
           FROM crmlife._stage_spells('days: 2025-01-01 1, 2025-01-10 1', NULL, NULL, '2025-01-01', '2025-01-30', m.model) AS s),
          '(30,30,21,9,t)', 'more stages than most models have')
FROM (SELECT ('CASE WHEN orders = 0 THEN ''none'' ' || string_agg(format('WHEN days_since_order < %s THEN ''s%s''', i + 1, i), ' ' ORDER BY i) || ' END')::crmlife.lifecycle_model AS model FROM generate_series(0, 40) AS i) AS m;
SELECT throws_ok($$SELECT * FROM crmlife.stage_spells('whole', '2025-02-01', '2025-01-01')$$, '22023', NULL, 'and so are those of stretches');
SELECT throws_ok($$SELECT * FROM crmlife.transitions('whole', '2025-02-01', '2025-01-01')$$, '22023', NULL, 'the days are the wrong way round');

SELECT * FROM finish();
SELECT count(crmlife.drop_stage_table(t)) FROM unnest('{plain,days,keyed,whole,none,by_view}'::regclass[]) t \g /dev/null
DROP SCHEMA sh CASCADE;
