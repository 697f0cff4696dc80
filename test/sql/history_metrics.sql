-- The aggregates over histories against plain SQL and against the aggregates
-- over the rows: serial, parallel, and in states that travel as text.
\set ECHO none
\pset format unaligned
\pset tuples_only true
SET client_min_messages = warning;
DROP SCHEMA IF EXISTS history_metrics CASCADE;
CREATE SCHEMA history_metrics;
SET search_path = history_metrics, public;
SET TimeZone = 'Pacific/Auckland';
SELECT plan(113);

-- 400 customers in 3 groups
SELECT setseed(0.125) \gset
CREATE TABLE events AS
SELECT (400 * random() * random())::int AS c, timestamptz '2023-11-01 UTC' + random() * random() * interval '500 days' AS at,
       CASE WHEN random() < 0.1 THEN NULL WHEN random() < 0.1 THEN 0 ELSE round((random() * 90 - 9)::numeric, 2) END AS amount,
       CASE WHEN random() < 0.3 THEN 'visit' ELSE 'order' END AS kind
FROM generate_series(1, 3000);
CREATE TABLE built AS SELECT c, c % 3 AS g, purchase_history(at, amount, kind) AS h FROM events GROUP BY c;
INSERT INTO built VALUES (-1, 0, NULL), (-2, 1, 'times:'), (-3, 2, 'times: 2024-01-01 10:00:00 -5');
ANALYZE built;
CREATE TABLE active AS SELECT DISTINCT c, c % 3 AS g, at::date AS day, kind FROM events WHERE kind = 'visit' OR coalesce(amount >= 0, true);
CREATE TABLE days AS SELECT day::date FROM unnest(ARRAY['2023-10-31', '2023-12-31', '2024-02-29', '2024-12-31', '2026-02-01']) day;
CREATE TABLE kinds AS SELECT unnest(ARRAY['order', 'visit', 'any']) AS event;
-- the active days as of a day: customer, number of the day, days since the first
CREATE FUNCTION seen(as_of date, event text) RETURNS TABLE (c int, g int, day date, first date, k bigint) LANGUAGE sql AS $$
  SELECT c, g, day, min(day) OVER (PARTITION BY c), row_number() OVER (PARTITION BY c ORDER BY day) FROM (SELECT DISTINCT c, g, day FROM active WHERE event IN ('any', kind) AND day <= as_of) x $$;
CREATE FUNCTION counts(s crmlife.rate_stats) RETURNS text LANGUAGE sql AS $$ SELECT format('%s/%s', s.numerator, s.denominator) $$;
CREATE FUNCTION retained_oracle(f int, t int, as_of date, event text) RETURNS TABLE (g int, counts text) LANGUAGE sql AS $$
  SELECT g, format('%s/%s', count(*) FILTER (WHERE hit), count(*)) FROM (SELECT g, c, bool_or(day - first >= f AND (t IS NULL OR day - first <= t)) AS hit FROM seen(as_of, event) WHERE first + coalesce(t, f) < as_of GROUP BY g, c) x GROUP BY g $$;

CREATE TABLE ns AS SELECT unnest(ARRAY[0, 1, 7, 45]) AS n;
CREATE FUNCTION differing(aggregate text, f text, t text) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE result bigint; rec record;
BEGIN
  result := 0;
  FOR rec IN SELECT * FROM days, kinds, ns LOOP
    EXECUTE format($f$SELECT $4 + count(*) FROM (SELECT g, counts(%s) AS counts, %s AS rate FROM built GROUP BY g) a LEFT JOIN retained_oracle(%s, %s, $2, $3) e USING (g)
      WHERE a.counts <> coalesce(e.counts, '0/0') OR rate IS DISTINCT FROM split_part(a.counts, '/', 1)::float8 / nullif(split_part(a.counts, '/', 2)::float8, 0)$f$,
      format(aggregate, '_stats'), format(aggregate, ''), f, t) INTO result USING rec.n, rec.day, rec.event, result;
  END LOOP;
  RETURN result;
END $$;
SELECT is(differing('retention_nth_day%s(h, $1, $2, $3)', '$1', '$1'), 0::bigint, 'retention_nth_day');
SELECT is(differing('retention_within_days%s(h, $1, $2, $3)', '1', '$1'), 0::bigint, 'retention_within_days');
SELECT is(differing('retention_between_days%s(h, $1, 2 * $1 + 3, $2, $3)', '$1', '2 * $1 + 3'), 0::bigint, 'retention_between_days');
SELECT is(differing('retention_from_day%s(h, $1, $2, $3)', '$1', 'NULL'), 0::bigint, 'retention_from_day');
SELECT cmp_ok((SELECT (retention_within_days_stats(h, 30, '2024-12-31')).numerator FROM built), '>', 50::bigint, 'some return');

-- against the rows, all kinds of as_of
CREATE VIEW orders AS SELECT c, at, amount FROM events WHERE kind = 'order' AND coalesce(amount >= 0, true);
SELECT is((SELECT count(*) FROM (SELECT n, day, retention_nth_day_stats(h, n, day) AS nth, retention_within_days_stats(h, n, day) AS within FROM built, days, ns GROUP BY 1, 2) a
           JOIN (SELECT n, day, retention_nth_day_stats(c, at, n, day) AS nth, retention_within_days_stats(c, at, n, day) AS within FROM orders, days, ns GROUP BY 1, 2) b USING (n, day) WHERE a IS DISTINCT FROM b), 0::bigint, 'retention through both doors');
SELECT is((SELECT repurchase_stats(h) FROM built), (SELECT repurchase_stats(c, amount) FROM events WHERE kind = 'order'), 'repurchase through both doors');
SELECT is((SELECT repurchase_rate(h) FROM built), (SELECT repurchase_rate(c, amount) FROM events WHERE kind = 'order'), 'repurchase_rate through both doors');
SELECT is((SELECT count(*) FROM days a, days b WHERE a.day <= b.day AND (SELECT counts(repurchase_stats(h, a.day, b.day)) FROM built) <> (SELECT counts(repurchase_stats(c, amount)) FROM events WHERE kind = 'order' AND at::date BETWEEN a.day AND b.day)), 0::bigint, 'repurchase in a range of days');
SELECT is((SELECT retention_nth_day_stats(h, 7) FROM built), (SELECT retention_nth_day_stats(h, 7, current_date) FROM built), 'without as_of it is today');

-- the curve
CREATE FUNCTION curve_oracle(max_n int, as_of date, event text) RETURNS crmlife.retention_point[] LANGUAGE sql AS $$
  SELECT array_agg(ROW(n, eligible, retained, retained::float8 / nullif(eligible, 0))::crmlife.retention_point ORDER BY n)
  FROM (SELECT n, count(DISTINCT c) FILTER (WHERE first + n < as_of) AS eligible, count(*) FILTER (WHERE day = first + n AND first + n < as_of) AS retained FROM generate_series(0, max_n) n, seen(as_of, event) GROUP BY n) x $$;
SELECT is((SELECT retention_curve(h, 60, day, event) FROM built), curve_oracle(60, day, event), format('curve of %s as of %s', event, day)) FROM days, kinds ORDER BY day, event;
SELECT is((SELECT retention_curve(h, 10, '2024-12-31') FROM built), (SELECT retention_curve(h, 10, '2024-12-31', 'order') FROM built), 'the curve is of orders');
SELECT is((SELECT (p).retained || '/' || (p).eligible FROM (SELECT unnest(retention_curve(h, 45, '2024-12-31')) AS p FROM built) x WHERE (p).n = 30), (SELECT counts(retention_nth_day_stats(h, 30, '2024-12-31')) FROM built), 'a point of the curve is the rate of that day');

-- the return curve
CREATE FUNCTION returns_oracle(max_n int, as_of date, event text) RETURNS crmlife.return_point[] LANGUAGE sql AS $$
  SELECT array_agg(ROW(n, eligible, returned, returned::float8 / nullif(eligible, 0))::crmlife.return_point ORDER BY n)
  FROM (SELECT n, count(a.day) FILTER (WHERE a.day >= as_of - 90 AND a.day + n < as_of) AS eligible, count(b.day) FILTER (WHERE a.day >= as_of - 90 AND a.day + n < as_of) AS returned
        FROM generate_series(1, max_n) n CROSS JOIN seen(as_of, event) a LEFT JOIN seen(as_of, event) b ON b.c = a.c AND b.day = a.day + n GROUP BY n) x $$;
SELECT is((SELECT return_curve(h, 95, day, event) FROM built), returns_oracle(95, day, event), format('returns of %s as of %s', event, day)) FROM days, kinds ORDER BY day, event;
SELECT cmp_ok((SELECT count(*) FROM unnest(returns_oracle(89, '2024-12-31', 'any')) WHERE returned > 0), '>', 30::bigint, 'there are returns');
SELECT is((SELECT return_curve(h, 10, '2024-12-31') FROM built), (SELECT return_curve(h, 10, '2024-12-31', 'order') FROM built), 'returns are of orders');
SELECT is((SELECT return_curve(h, 10) FROM built), (SELECT return_curve(h, 10, current_date) FROM built), 'returns until today');

-- cohorts
CREATE FUNCTION cohorts_oracle(unit text, as_of date, event text) RETURNS crmlife.cohort_point[] LANGUAGE sql AS $$
  WITH e AS (SELECT DISTINCT c, date_trunc(unit, first::timestamp)::date AS cohort, date_trunc(unit, day::timestamp)::date AS at FROM seen(as_of, event)),
       p AS (SELECT d::date AS at, row_number() OVER (ORDER BY d) AS i FROM generate_series(date_trunc(unit, '2023-10-01'::timestamp), as_of, ('1 ' || CASE unit WHEN 'quarter' THEN '3 month' ELSE unit END)::interval) d
             WHERE unit <> 'quarter' UNION ALL SELECT d::date, row_number() OVER (ORDER BY d) FROM generate_series(date_trunc(unit, '2023-10-01'::timestamp), as_of, '3 months') d WHERE unit = 'quarter'),
       q AS (SELECT a.at AS cohort, b.at, (b.i - a.i)::int AS period FROM p a JOIN p b ON b.i >= a.i)
  SELECT array_agg(ROW(cohort, period, customers, retained, CASE WHEN q.at < date_trunc(unit, as_of::timestamp)::date THEN retained::float8 / customers END)::crmlife.cohort_point ORDER BY cohort, period)
  FROM (SELECT q.*, customers, coalesce(retained, 0) AS retained FROM q JOIN (SELECT cohort, count(DISTINCT c) AS customers FROM e GROUP BY 1) s USING (cohort)
        LEFT JOIN (SELECT cohort, at, count(*) AS retained FROM e GROUP BY 1, 2) r USING (cohort, at)) q $$;
SELECT is((SELECT retention_cohorts(h, unit, day, event) FROM built), cohorts_oracle(unit, day, event), format('cohorts by %s of %s as of %s', unit, event, day))
FROM unnest(ARRAY['week', 'month', 'quarter', 'year']) unit, (SELECT * FROM days WHERE day IN ('2023-12-31', '2024-12-31')) d, (SELECT * FROM kinds WHERE event <> 'visit') k ORDER BY unit, day, event;
SELECT is((SELECT retention_cohorts(h, 'day', '2023-12-20') FROM built), cohorts_oracle('day', '2023-12-20', 'order'), 'cohorts by day');

-- the funnel and the interval
SELECT is((SELECT array_agg(ROW((s).k, (s).reached, (s).converted, (s).rate)::text ORDER BY (s).k) FROM (SELECT unnest(repeat_funnel(h, 12)) AS s FROM built) x),
          (SELECT array_agg(ROW(k, r, m, m::float8 / nullif(r, 0))::text ORDER BY k) FROM (SELECT k, count(*) FILTER (WHERE n >= k) AS r, count(*) FILTER (WHERE n > k) AS m FROM generate_series(1, 12) k, (SELECT count(*) AS n FROM orders GROUP BY c) o GROUP BY k) x), 'funnel');
SELECT is((SELECT array_agg((s).k) FROM (SELECT unnest(repeat_funnel(h, 12)) AS s FROM built) x WHERE (s).is_largest_gap), (SELECT ARRAY[(s).k] FROM (SELECT unnest(repeat_funnel(h, 12)) AS s FROM built) x ORDER BY (s).rate NULLS LAST, (s).k LIMIT 1), 'the largest gap is the lowest rate');
SELECT is((SELECT repeat_funnel(h) FROM built), (SELECT repeat_funnel(h, 10) FROM built), 'ten steps by default');
SELECT is((SELECT array_agg(ROW((s).k, (s).reached, (s).converted)::text ORDER BY (s).k) FROM (SELECT unnest(repeat_funnel(h, 8, 30, '2024-12-31')) AS s FROM built) x),
          (SELECT array_agg(ROW(k, coalesce(r, 0), coalesce(m, 0))::text ORDER BY k) FROM generate_series(1, 8) k LEFT JOIN (SELECT k::int, count(*) AS r, count(*) FILTER (WHERE next - day <= 30) AS m FROM (SELECT k, day, lead(day) OVER (PARTITION BY c ORDER BY day) AS next FROM seen('2024-12-31', 'order')) y WHERE day + 30 < '2024-12-31' GROUP BY k) x USING (k)), 'funnel within 30 days');
SELECT is((SELECT ROW(repurchase_interval(h), repurchase_interval_median(h)) FROM built)::text, (SELECT ROW(sum(gap) / count(*)::float8, percentile_cont(0.5) WITHIN GROUP (ORDER BY gap))::text FROM (SELECT day - lag(day) OVER (PARTITION BY c ORDER BY day) AS gap FROM seen('infinity', 'order')) x WHERE gap IS NOT NULL), 'interval');

-- every metric through both doors: the rows, and the histories
CREATE VIEW acts AS SELECT e.c, e.at, k.event FROM events e, kinds k WHERE k.event IN ('any', e.kind) AND (e.kind = 'visit' OR coalesce(e.amount >= 0, true));
SELECT is((SELECT count(*) FROM (SELECT event, n, day, retention_nth_day_stats(c, at, n, day) AS a, retention_within_days_stats(c, at, n, day) AS b, retention_between_days_stats(c, at, n, n + 9, day) AS c, retention_from_day_stats(c, at, n, day) AS d FROM acts, days, ns GROUP BY 1, 2, 3) r
           FULL JOIN (SELECT event, n, day, retention_nth_day_stats(h, n, day, event) AS a, retention_within_days_stats(h, n, day, event) AS b, retention_between_days_stats(h, n, n + 9, day, event) AS c, retention_from_day_stats(h, n, day, event) AS d FROM built, days, ns, kinds GROUP BY 1, 2, 3) h USING (event, n, day)
           WHERE (r.a, r.b, r.c, r.d) IS DISTINCT FROM (h.a, h.b, h.c, h.d)), 0::bigint, 'both doors: retention on, within, between, from');
SELECT is((SELECT count(*) FROM (SELECT event, day, return_curve(c, at, 95, day) AS curve FROM acts, days GROUP BY 1, 2) r JOIN (SELECT event, day, return_curve(h, 95, day, event) AS curve FROM built, days, kinds GROUP BY 1, 2) h USING (event, day) WHERE r.curve IS DISTINCT FROM h.curve), 0::bigint, 'both doors: the return curve');
SELECT is((SELECT count(*) FROM (SELECT event, day, retention_curve(c, at, 60, day) AS curve FROM acts, days GROUP BY 1, 2) r JOIN (SELECT event, day, retention_curve(h, 60, day, event) AS curve FROM built, days, kinds GROUP BY 1, 2) h USING (event, day) WHERE r.curve IS DISTINCT FROM h.curve), 0::bigint, 'both doors: the curve');
SELECT is((SELECT count(*) FROM (SELECT event, day, unit, retention_cohorts(c, at, unit, day) AS cohorts FROM acts, days, unnest(ARRAY['day', 'week', 'month', 'quarter', 'year']) unit GROUP BY 1, 2, 3) r
           JOIN (SELECT event, day, unit, retention_cohorts(h, unit, day, event) AS cohorts FROM built, days, kinds, unnest(ARRAY['day', 'week', 'month', 'quarter', 'year']) unit GROUP BY 1, 2, 3) h USING (event, day, unit) WHERE r.cohorts IS DISTINCT FROM h.cohorts), 0::bigint, 'both doors: cohorts');
SELECT is((SELECT ROW(repeat_funnel(h), repeat_funnel(h, 4), repeat_funnel(h, 6, 20, '2024-12-31'), repurchase_interval(h), repurchase_interval_median(h), repurchase_stats(h)) FROM built)::text,
          (SELECT ROW(repeat_funnel(c), repeat_funnel(c, 4), repeat_funnel(c, at, 6, 20, date '2024-12-31'), repurchase_interval(c, at), repurchase_interval_median(c, at), repurchase_stats(c)) FROM orders)::text, 'both doors: funnels, interval, repurchase');

-- parallel, and in states that travel as text: as between machines
CREATE FUNCTION plan_of(query text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE line text; plan text := '';
BEGIN
  FOR line IN EXECUTE 'EXPLAIN (COSTS off) ' || query LOOP plan := plan || line || E'\n'; END LOOP;
  RETURN plan;
END $$;
\set all 'SELECT ROW(retention_nth_day_stats(h, 30, ''2024-12-31''), retention_from_day(h, 30, ''2024-12-31''), retention_curve(h, 90, ''2024-12-31'', ''any''), return_curve(h, 80, ''2024-12-31'', ''any''), retention_cohorts(h, ''week'', ''2024-12-31''), repurchase_stats(h), repeat_funnel(h), repeat_funnel(h, 3, 30, ''2024-12-31''), repurchase_interval(h), repurchase_interval_median(h))::text FROM built'
SELECT (:all) AS serial \gset
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET min_parallel_table_scan_size = 0;
SET max_parallel_workers_per_gather = 3;
SET parallel_leader_participation = off;
ALTER TABLE built SET (parallel_workers = 3);
SELECT alike(plan_of(:'all'), '%Finalize%Partial%', 'a parallel plan');
SELECT is((:all), :'serial', 'in parallel');
RESET max_parallel_workers_per_gather;
CREATE AGGREGATE part_cohorts(crmlife.purchase_history, text, date) (SFUNC = crmlife.histories_retention_cohorts_accum, STYPE = bytea);
CREATE AGGREGATE all_cohorts(bytea) (SFUNC = crmlife.histories_combine, STYPE = bytea, FINALFUNC = crmlife.retention_cohorts_final);
CREATE AGGREGATE part_curve(crmlife.purchase_history, int, date) (SFUNC = crmlife.histories_retention_curve_accum, STYPE = bytea);
CREATE AGGREGATE all_curve(bytea) (SFUNC = crmlife.histories_combine, STYPE = bytea, FINALFUNC = crmlife.retention_curve_final);
SELECT is((SELECT all_cohorts(s::bytea) FROM (SELECT part_cohorts(h, 'month', '2024-12-31')::text AS s FROM built GROUP BY c % 7) x), (SELECT retention_cohorts(h, 'month', '2024-12-31') FROM built), 'cohorts from states as text');
SELECT is((SELECT all_curve(s::bytea) FROM (SELECT part_curve(h, 60, '2024-12-31')::text AS s FROM built GROUP BY c % 7) x), (SELECT retention_curve(h, 60, '2024-12-31') FROM built), 'the curve from states as text');

-- nothing, NULL, mistakes
SELECT is((SELECT ROW(retention_nth_day(h, 1, '2025-01-01'), retention_nth_day_stats(h, 1, '2025-01-01'), retention_curve(h, 3, '2025-01-01'), return_curve(h, 3, '2025-01-01'), retention_cohorts(h, 'month', '2025-01-01'), repurchase_rate(h), repurchase_stats(h), repeat_funnel(h), repeat_funnel(h, 2, 3), repurchase_interval(h)) FROM built WHERE c = -1)::text, '(,"(0,0,,,)",,,,,"(0,0,,,)",,,)', 'no usable row');
SELECT is((SELECT ROW(retention_nth_day(h, 1, '2025-01-01'), retention_nth_day_stats(h, 1, '2025-01-01'), retention_curve(h, 3, '2025-01-01'), return_curve(h, 3, '2025-01-01'), retention_cohorts(h, 'month', '2025-01-01'), repurchase_rate(h), repurchase_stats(h), repeat_funnel(h), repeat_funnel(h, 2, 3), repurchase_interval(h)) FROM built WHERE c IN (-2, -3))::text, '(,"(0,0,,,)",,,,,"(0,0,,,)",,,)', 'nobody with an order');
SELECT is((SELECT ROW(retention_nth_day_stats(h, NULL, '2025-01-01'), retention_nth_day_stats(h, 1, NULL::date), retention_curve(h, NULL), retention_curve(h, 3, '2025-01-01', NULL), return_curve(h, NULL), return_curve(h, 3, NULL::date), retention_cohorts(h, NULL), repurchase_stats(h, NULL, '2025-01-01'), repeat_funnel(h, NULL), repeat_funnel(h, 2, NULL)) FROM built)::text, '(,,,,,,,,,)', 'NULL parameters');
CREATE FUNCTION problem(query text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE message text;
BEGIN
  EXECUTE query INTO message;
  RETURN 'none';
EXCEPTION WHEN OTHERS THEN RETURN SQLSTATE || ' ' || SQLERRM;
END $$;
SELECT is(problem(q), e, q) FROM (VALUES
  ('SELECT retention_nth_day(h, -1, ''2025-01-01'') FROM built', '22023 n must not be negative'),
  ('SELECT return_curve(h, 0) FROM built', '22023 max_n must be at least 1'),
  ('SELECT return_curve(h, 40000) FROM built', '22023 max_n must not be greater than 36525'),
  ('SELECT return_curve(h, 1 + abs(c) % 2) FROM built', '22023 max_n must be the same in all rows of a group'),
  ('SELECT retention_curve(h, 40000) FROM built', '22023 max_n must not be greater than 36525'),
  ('SELECT retention_between_days(h, 3, 2) FROM built', '22023 from_day must not be greater than to_day'),
  ('SELECT retention_cohorts(h, ''decade'') FROM built', '22023 unknown unit'),
  ('SELECT retention_curve(h, 3, ''2025-01-01'', ''login'') FROM built', '22023 unknown kind of event "login"'),
  ('SELECT repeat_funnel(h, 0) FROM built', '22023 max_k must be at least 1'),
  ('SELECT repurchase_rate(h, ''2025-01-02'', ''2025-01-01'') FROM built', '22023 from_day must not be greater than to_day'),
  ('SELECT retention_nth_day(h, c % 2) FROM built WHERE c >= 0', '22023 n must be the same in all rows of a group'),
  ('SELECT retention_nth_day(h, 1, date ''2025-01-01'' + c) FROM built', '22023 as_of must be the same in all rows of a group'),
  ('SELECT retention_curve(h, NULLIF(c % 2, 1)) FROM built WHERE c >= 0', '22023 parameters must be the same in all rows of a group'),
  ('SELECT retention_cohorts(h, CASE WHEN c % 2 = 0 THEN ''day'' ELSE ''week'' END) FROM built', '22023 unit must be the same in all rows of a group'),
  ('SELECT retention_curve(h, 3, ''2025-01-01'', CASE c % 2 WHEN 0 THEN ''order'' ELSE ''visit'' END) FROM built WHERE c >= 0', '22023 event must be the same in all rows of a group'),
  ('SELECT retention_nth_day(h, 3, ''2025-01-01'', ''order'', CASE c % 2 WHEN 0 THEN ''order'' ELSE ''visit'' END) FROM built WHERE c >= 0', '22023 return_event must be the same in all rows of a group'),
  ('SELECT retention_cohorts(h, ''day'', date ''294276-01-01'') FROM built', '54000 the result would have too many rows'),
  ('SELECT crmlife.retention_curve_final(''\x01''::bytea)', '55000 function called outside an aggregate'),
  ('SELECT crmlife.histories_combine(''\x01'', ''\x01'')', '55000 function called outside an aggregate')) v (q, e);

-- states that somebody made up: an error or a value, whatever the bytes are
CREATE FUNCTION other(bytea, bytea) RETURNS bytea LANGUAGE sql IMMUTABLE AS 'SELECT $2';
CREATE FUNCTION forged(kind text, state bytea) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
  EXECUTE format('SELECT forged_%s(%L)', kind, state);
  RETURN 'taken';
EXCEPTION WHEN OTHERS THEN RETURN SQLSTATE;
END $$;
DO $$
DECLARE kind text; result text; call text;
BEGIN
  FOR kind, result, call IN VALUES
    ('retention_curve', 'crmlife.retention_curve_final', 'crmlife.purchase_history, int, date'), ('retention_cohorts', 'crmlife.retention_cohorts_final', 'crmlife.purchase_history, text, date'),
    ('repurchase_interval', 'crmlife.repurchase_interval_median_final', 'crmlife.purchase_history'), ('revenue', 'crmlife.arpu_final', 'crmlife.purchase_history'),
    ('revenue_cohorts', 'crmlife.revenue_cohorts_final', 'crmlife.purchase_history, text, date'), ('repeat_funnel', 'crmlife.repeat_funnel_final', 'crmlife.purchase_history, int'),
    ('time_to_second', 'crmlife.time_to_second_final', 'crmlife.purchase_history, date'), ('growth', 'crmlife.growth_final', 'crmlife.purchase_history, text, date')
  LOOP
    EXECUTE format('CREATE AGGREGATE state_%s(%s) (SFUNC = crmlife.histories_%1$s_accum, STYPE = bytea)', kind, call);
    EXECUTE format('CREATE AGGREGATE forged_%s(bytea) (SFUNC = other, STYPE = bytea, FINALFUNC = %s)', kind, result);
    EXECUTE format('CREATE AGGREGATE joined_%s(bytea) (SFUNC = crmlife.histories_combine, STYPE = bytea, FINALFUNC = %s)', kind, result);
  END LOOP;
END $$;
CREATE TABLE states AS
SELECT k.* FROM (SELECT state_retention_curve(h, 20, '2024-12-31') AS a, state_retention_cohorts(h, 'quarter', '2024-12-31') AS b, state_repurchase_interval(h) AS c, state_revenue(h) AS d,
         state_revenue_cohorts(h, 'quarter', '2024-12-31') AS e, state_repeat_funnel(h, 4) AS f, state_time_to_second(h, '2024-12-31') AS g, state_growth(h, 'quarter', '2024-12-31') AS i FROM built WHERE c < 60) s,
  LATERAL (VALUES ('retention_curve', a), ('retention_cohorts', b), ('repurchase_interval', c), ('revenue', d), ('revenue_cohorts', e), ('repeat_funnel', f), ('time_to_second', g), ('growth', i)) k (kind, state);
SELECT is((SELECT string_agg(kind || ' ' || forged(kind, state), ', ') FILTER (WHERE forged(kind, state) <> 'taken') FROM states), NULL, 'states as they are are taken');
SELECT is((SELECT string_agg(DISTINCT code, ' ') FROM (SELECT forged(kind, substr(state, 1, n)) AS code FROM states, generate_series(0, 400, 7) n WHERE n < length(state)) x), 'XX001', 'states cut short are refused');
SELECT setseed(0.5) \gset
SELECT is((SELECT string_agg(DISTINCT code, ' ') FROM (SELECT forged(kind, set_byte(set_byte(state, place, byte), (random() * (least(length(state), 60) - 1))::int, (random() * 255)::int)) AS code
           FROM states, LATERAL (SELECT (random() * (length(state) - 1))::int AS place, (random() * 255)::int AS byte FROM generate_series(1, 60 + 0 * length(kind))) r) x WHERE code NOT IN ('taken', 'XX001', '42804', '22023', '22008', '22012', '22003', '54000')), NULL, 'states with other bytes are refused or taken');

-- one that begins with a state of another kind, and one that begins with its own
SELECT throws_ok(format('CREATE AGGREGATE begun(crmlife.purchase_history, text, date) (SFUNC = crmlife.histories_growth_accum, STYPE = bytea, INITCOND = %L); SELECT begun(h, ''quarter'', ''2024-12-31'') FROM built', state),
                 '42804', 'the state is of another aggregate over histories') FROM states WHERE kind = 'revenue';
SELECT format('CREATE AGGREGATE goes_on(crmlife.purchase_history, text, date) (SFUNC = crmlife.histories_growth_accum, STYPE = bytea, INITCOND = %L, FINALFUNC = crmlife.growth_final)', state) FROM states WHERE kind = 'growth' \gexec
SELECT is((SELECT goes_on(h, 'quarter', '2024-12-31') FROM built WHERE c >= 60), (SELECT growth_accounting(h, 'quarter', '2024-12-31') FROM built), 'a state goes on where it was left');
SELECT is((SELECT string_agg(DISTINCT code, ' ') FROM (SELECT forged(kind, overlay(state PLACING '\xffffffffffffffffffffff' FROM n)) AS code FROM states, generate_series(1, 120) AS n WHERE n + 11 < length(state)) AS x
           WHERE code NOT IN ('taken', 'XX001', '42804', '22023', '22008', '22012', '22003', '54000')), NULL, 'numbers without an end are refused');
SELECT is((SELECT repurchase_interval('days: 1900-01-01 1, 2020-01-01 1, 2020-01-03 1'::crmlife.purchase_history)), (SELECT repurchase_interval(1::bigint, d) FROM unnest('{1900-01-01,2020-01-01,2020-01-03}'::date[]) AS d), 'a gap of a hundred years');
SELECT is(forged(kind, set_byte(state, 1, 255)), 'XX001', 'a metric that there is not') FROM states WHERE kind = 'growth';
SELECT is(forged(kind, set_byte(state, 0, get_byte(state, 0) + 1)), 'XX001', 'of another version') FROM states WHERE kind = 'growth';
SELECT is(forged(kind, set_byte(state, 0, 0)), 'XX001', 'of a version before the first') FROM states WHERE kind = 'growth';
SELECT is((SELECT joined_revenue_cohorts(s)::text FROM (SELECT state_revenue_cohorts(h, 'quarter', '2024-12-31') AS s FROM built GROUP BY c % 7) x), (SELECT revenue_cohorts(h, 'quarter', '2024-12-31')::text FROM built), 'revenue of seven parts is that of all');
SELECT throws_ok('SELECT joined_growth(state) FROM states', '42804', 'states of different aggregates cannot be combined');
-- everybody may give one's state to another's end
SELECT is((SELECT string_agg(DISTINCT forged(f.kind, s.state), ' ') FROM states s, states f WHERE f.kind <> s.kind), '42804', 'each end refuses the states of all others');
SELECT is((SELECT string_agg(DISTINCT forged(f.kind, set_byte(s.state, 1, code)), ' ') FROM states s, states f, generate_series(0, 255) code WHERE f.kind <> s.kind AND f.kind IN ('revenue_cohorts', 'growth', 'revenue') AND s.kind IN ('retention_curve', 'retention_cohorts') AND forged(f.kind, set_byte(s.state, 1, code)) <> 'taken'), '22023 42804 XX001', 'whatever metric they say they are of');
-- two that differ in what their metric does not have
CREATE AGGREGATE joined(bytea) (SFUNC = crmlife.histories_combine, STYPE = bytea);
SELECT isnt((SELECT joined(x) FROM (VALUES ('\x01030000000000000700000000000022d600000000000000000000000000000000000000010000000000000001000000000000000100000000000000000000'::bytea),
  ('\x01030000000000000700000000000022d600000000000000000000000100000000000000010000000000000001000000000000000100000000000000000000')) v (x)), NULL, 'what is no parameter is not compared');
SELECT finish();
DROP SCHEMA history_metrics CASCADE;
