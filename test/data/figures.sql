-- Weekly figures, flows and counts by stage from raw rows, by plain SQL:
--
--   raw     one row per order or refund: c text, day date, amount numeric
--   known   since when each customer is known: c text, since date, -infinity: ever
--
-- both made by the test; the model is recency.  Membership of a week is what was
-- known at the end of the Sunday before, counted from the Monday.
CREATE FUNCTION pg_temp.stage(last date, day date) RETURNS text LANGUAGE sql IMMUTABLE AS $$
  SELECT CASE WHEN day - last < 7 THEN 'aftersale' WHEN day - last < 90 THEN 'active'
              WHEN day - last < 140 THEN 'silent' WHEN day - last < 365 THEN 'sleeping'
              WHEN last IS NOT NULL THEN 'churned' ELSE 'prospect' END
$$;
CREATE FUNCTION pg_temp.band(days int) RETURNS int LANGUAGE sql IMMUTABLE AS $$
  SELECT CASE WHEN days < 45 THEN 1 WHEN days < 90 THEN 2 WHEN days < 140 THEN 3
              WHEN days < 365 THEN 4 WHEN days >= 365 THEN 5 ELSE 6 END
$$;
CREATE FUNCTION pg_temp.loyalty(n bigint) RETURNS text LANGUAGE sql IMMUTABLE AS $$
  SELECT CASE WHEN n = 1 THEN 'new' WHEN n > 1 THEN 'returning' END
$$;
CREATE FUNCTION pg_temp.weeks(until date) RETURNS SETOF date LANGUAGE sql STABLE AS $$
  SELECT w::date FROM generate_series(date_trunc('week', (SELECT min(since) FROM known WHERE isfinite(since))::timestamp),
                                      date_trunc('week', until::timestamp) - interval '7 days', '7 days') w
$$;
-- everybody at the beginning of every week, and what they did in it
CREATE FUNCTION pg_temp.week_rows(until date)
RETURNS TABLE (week date, c text, known bool, n bigint, last date, orders bigint, revenue numeric)
LANGUAGE sql STABLE AS $$
  WITH w AS MATERIALIZED (SELECT w AS week FROM pg_temp.weeks(until) w),
  before AS (
    SELECT w.week, r.c, count(*) FILTER (WHERE r.amount IS NULL OR r.amount >= 0) AS n,
           max(r.day) FILTER (WHERE r.amount IS NULL OR r.amount >= 0) AS last
    FROM w JOIN raw r ON r.day < w.week GROUP BY 1, 2),
  during AS (
    SELECT w.week, r.c, count(*) FILTER (WHERE r.amount IS NULL OR r.amount >= 0) AS orders,
           coalesce(sum(r.amount), 0) AS revenue
    FROM w JOIN raw r ON r.day BETWEEN w.week AND w.week + 6 GROUP BY 1, 2)
  SELECT w.week, k.c, k.since < w.week, coalesce(b.n, 0), b.last, coalesce(d.orders, 0), coalesce(d.revenue, 0)
  FROM w CROSS JOIN known k
  LEFT JOIN before b ON b.week = w.week AND b.c = k.c
  LEFT JOIN during d ON d.week = w.week AND d.c = k.c
$$;
CREATE FUNCTION pg_temp.bands(until date)
RETURNS TABLE (week date, band int, loyalty text, members bigint, buyers bigint, orders bigint, revenue numeric)
LANGUAGE sql STABLE AS $$
  SELECT r.week, pg_temp.band(r.week - r.last), pg_temp.loyalty(r.n),
         CASE WHEN pg_temp.loyalty(r.n) IS NOT NULL THEN count(*) END,
         count(*) FILTER (WHERE r.orders > 0), sum(r.orders)::bigint, sum(r.revenue)
  FROM pg_temp.week_rows(until) r GROUP BY 1, 2, 3
$$;
CREATE FUNCTION pg_temp.stages(until date)
RETURNS TABLE (week date, stage text, loyalty text, members bigint, buyers bigint, orders bigint, revenue numeric)
LANGUAGE sql STABLE AS $$
  SELECT r.week, CASE WHEN r.known THEN pg_temp.stage(r.last, r.week) END, pg_temp.loyalty(r.n),
         CASE WHEN r.known THEN count(*) END,
         count(*) FILTER (WHERE r.orders > 0), sum(r.orders)::bigint, sum(r.revenue)
  FROM pg_temp.week_rows(until) r GROUP BY r.known, 1, 2, 3
  HAVING r.known OR sum(r.orders) > 0 OR sum(r.revenue) <> 0
$$;
CREATE FUNCTION pg_temp.flows(until date)
RETURNS TABLE (week date, from_stage text, to_stage text, loyalty text, customers bigint)
LANGUAGE sql STABLE AS $$
  WITH at AS MATERIALIZED (SELECT * FROM pg_temp.week_rows((date_trunc('week', until::timestamp) + interval '7 days')::date))
  SELECT a.week, CASE WHEN a.known THEN pg_temp.stage(a.last, a.week) END, pg_temp.stage(b.last, b.week),
         pg_temp.loyalty(a.n), count(*)
  FROM at a JOIN at b ON b.week = a.week + 7 AND b.c = a.c
  WHERE b.known GROUP BY 1, 2, 3, 4
$$;
-- second purchases: of the last 45 days of the week, and of those whose day 45 lies in it
CREATE FUNCTION pg_temp.seconds(until date)
RETURNS TABLE (week date, loyalty text, recent bigint, recent_again bigint, matured bigint, matured_again bigint)
LANGUAGE sql STABLE AS $$
  WITH o AS MATERIALIZED (SELECT r.c, r.day, min(r.day) OVER (PARTITION BY r.c) AS first FROM raw r WHERE r.amount IS NULL OR r.amount >= 0),
  recent AS (
    SELECT w AS week, o.c, CASE WHEN o.first > w + 6 - 45 THEN 'new' ELSE 'returning' END AS loyalty, count(*) AS n
    FROM pg_temp.weeks(until) w JOIN o ON o.day BETWEEN w + 6 - 44 AND w + 6 GROUP BY 1, 2, 3),
  matured AS (
    SELECT w AS week, 'new' AS loyalty, count(DISTINCT o.c) AS customers,
           count(DISTINCT o.c) FILTER (WHERE o.day > o.first AND o.day <= o.first + 45) AS again
    FROM pg_temp.weeks(until) w JOIN o ON o.first + 45 BETWEEN w AND w + 6 GROUP BY 1)
  SELECT w, l, count(r.c), count(*) FILTER (WHERE r.n > 1),
         CASE WHEN l = 'new' THEN coalesce(min(m.customers), 0) END, CASE WHEN l = 'new' THEN coalesce(min(m.again), 0) END
  FROM pg_temp.weeks(until) w CROSS JOIN (VALUES ('new'), ('returning')) v (l)
  LEFT JOIN recent r ON r.week = w AND r.loyalty = l
  LEFT JOIN matured m ON m.week = w AND m.loyalty = l
  GROUP BY 1, 2
$$;
CREATE FUNCTION pg_temp.days(until date) RETURNS TABLE (day date, stage text, customers bigint)
LANGUAGE sql STABLE AS $$
  WITH o AS (SELECT DISTINCT r.c, r.day FROM raw r WHERE r.amount IS NULL OR r.amount >= 0),
  span AS (  -- from which day to which day an order was the last
    SELECT o.c, o.day AS last, o.day AS first_day, lead(o.day) OVER (PARTITION BY o.c ORDER BY o.day) - 1 AS last_day FROM o
    UNION ALL
    SELECT k.c, NULL, greatest(k.since, (SELECT min(since) FROM known WHERE isfinite(since))), f.day - 1
    FROM known k LEFT JOIN (SELECT c, min(day) AS day FROM o GROUP BY c) f ON f.c = k.c)
  SELECT d::date, pg_temp.stage(s.last, d::date), count(*)
  FROM span s CROSS JOIN LATERAL generate_series(s.first_day::timestamp, least(coalesce(s.last_day, until - 1), until - 1), '1 day') d
  GROUP BY 1, 2
$$;
-- rows that only one of the two has: figures of the stage table, plain SQL
CREATE FUNCTION pg_temp.differ(figures text, oracle text) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
  differing bigint;
BEGIN
  EXECUTE format('WITH a AS MATERIALIZED (%s), b AS MATERIALIZED (%s) SELECT count(*) FROM '
                 '((TABLE a EXCEPT ALL TABLE b) UNION ALL (TABLE b EXCEPT ALL TABLE a)) d', figures, oracle) INTO differing;
  RETURN differing;
END $$;
CREATE FUNCTION pg_temp.check_figures(stages regclass, until date, what text) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
  own text := format('stage_table::oid = %s', stages::oid);
  day text := quote_literal(until);
BEGIN
  RETURN NEXT cmp_ok((SELECT count(*) FROM pg_temp.bands(until) WHERE buyers > 0), '>', 20::bigint, what || ': the oracle has something to say');
  RETURN NEXT is(pg_temp.differ('SELECT week, band, loyalty, members, buyers, orders, revenue FROM crmlife.weekly_band WHERE (coalesce(members, 0) > 0 OR orders > 0 OR revenue <> 0) AND ' || own,
    'SELECT * FROM pg_temp.bands(' || day || ') WHERE coalesce(members, 0) > 0 OR orders > 0 OR revenue <> 0'), 0::bigint, what || ': weekly figures by band');
  RETURN NEXT is(pg_temp.differ('SELECT week, loyalty, recent, recent_again, matured, matured_again FROM crmlife.weekly_band WHERE band = 1 AND ' || own,
    'SELECT * FROM pg_temp.seconds(' || day || ')'), 0::bigint, what || ': second purchases');
  RETURN NEXT is(pg_temp.differ('SELECT week, stage, loyalty, members, buyers, orders, revenue FROM crmlife.weekly_stage WHERE ' || own,
    'SELECT * FROM pg_temp.stages(' || day || ')'), 0::bigint, what || ': weekly figures by stage');
  RETURN NEXT is(pg_temp.differ('SELECT week, from_stage, to_stage, loyalty, customers FROM crmlife.weekly_flow WHERE ' || own,
    'SELECT * FROM pg_temp.flows(' || day || ') WHERE week < date_trunc(''week'', date ' || day || ')'), 0::bigint, what || ': flows');
  RETURN NEXT is(pg_temp.differ('SELECT day, stage, customers FROM crmlife.stage_snapshot WHERE ' || own,
    'SELECT * FROM pg_temp.days(' || day || ')'), 0::bigint, what || ': counts by stage and day');
END $$;
