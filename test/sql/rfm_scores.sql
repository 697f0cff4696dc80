-- rfm_score against plain SQL over random customers: as a window function
-- and with fixed cuts.
\set ECHO none
\pset format unaligned
\pset tuples_only true
SET client_min_messages = warning;
SELECT plan(26);

-- Quantiles of type 7, each times the number of bins: exact, no division.
CREATE FUNCTION pg_temp.cuts_times_bins(v numeric[], bins int) RETURNS numeric[] LANGUAGE sql AS $$
  SELECT array_agg(sorted[1 + (n - 1) * k / bins] * (bins - (n - 1) * k % bins)
                   + coalesce(sorted[2 + (n - 1) * k / bins], 0) * ((n - 1) * k % bins) ORDER BY k)
  FROM (SELECT array_agg(x ORDER BY x) AS sorted, count(*)::int AS n FROM unnest(v) AS x) s,
       generate_series(1, bins - 1) AS k
$$;
CREATE FUNCTION pg_temp.above(v numeric, cuts numeric[]) RETURNS int LANGUAGE sql AS
  $$ SELECT count(*)::int FROM unnest(cuts) AS c WHERE v > c $$;

-- What rfm_score must be for each row of a table (trial, id, d, f, m, bins).
CREATE FUNCTION pg_temp.expected(source text)
RETURNS TABLE (trial int, id int, score int) LANGUAGE plpgsql AS $$
BEGIN
  RETURN QUERY EXECUTE format($q$
    WITH usable AS (
      SELECT *, max(d) OVER (PARTITION BY trial) - d AS days FROM %1$I
      WHERE d IS NOT NULL AND f IS NOT NULL AND m IS NOT NULL),
    cuts AS (
      SELECT trial, pg_temp.cuts_times_bins(array_agg(days::numeric), bins) AS r,
             pg_temp.cuts_times_bins(array_agg(f::numeric), bins) AS f,
             pg_temp.cuts_times_bins(array_agg(m), bins) AS m
      FROM usable GROUP BY trial, bins)
    SELECT t.trial, t.id,
           CASE WHEN u.days IS NOT NULL THEN
             100 * (t.bins - pg_temp.above(u.days * t.bins, c.r))
             + 10 * (1 + pg_temp.above(u.f::numeric * t.bins, c.f))
             + 1 + pg_temp.above(u.m * t.bins, c.m) END
    FROM %1$I t LEFT JOIN usable u USING (trial, id) LEFT JOIN cuts c ON c.trial = u.trial
  $q$, source);
END $$;

-- Trials of few and of many customers, with many ties and with few, NULLs in
-- any column, amounts of mixed scales below and above zero, all numbers of bins.
SELECT setseed(0.42);
CREATE TEMP TABLE small AS
SELECT trial, id, 2 + trial % 8 AS bins,
       CASE WHEN random() > 0.04 THEN date '2024-02-25' + (power(random(), 2) * span)::int END AS d,
       CASE WHEN random() > 0.04 THEN (power(random(), 3) * span / 3)::bigint END AS f,
       CASE WHEN random() > 0.04 THEN round((random() * span - 5)::numeric, (random() * 3)::int) END AS m
FROM (SELECT trial, 1 + (power(random(), 3) * 120)::int AS span, 1 + (power(random(), 2) * 80)::int AS n
      FROM generate_series(1, 240) AS trial) s, generate_series(1, n) AS id;
-- Values far apart, so that quantiles are looked for on several levels.
CREATE TEMP TABLE skewed AS
SELECT trial, id, 2 + trial % 8 AS bins,
       date '2024-12-31' - (exp(random() * 13))::int AS d,
       (exp(random() * 43))::bigint * (CASE WHEN random() < 0.1 THEN -1 ELSE 1 END) AS f,
       round((exp(random() * 25))::numeric, 2) AS m
FROM generate_series(1, 8) AS trial, generate_series(1, 3000) AS id;
-- Amounts that no 64 bits hold, beside ordinary ones of the same value.
CREATE TEMP TABLE wide AS
SELECT trial, id, 2 + trial % 8 AS bins, date '2024-01-01' + id % 17 AS d, (id % 5)::bigint AS f,
       CASE id % 4 WHEN 0 THEN round((random() * 9)::numeric, 0)
                   WHEN 1 THEN round((random() * 9)::numeric, 0) * 1.00000000000000000000000
                   WHEN 2 THEN (random() * 9)::int / 7::numeric
                   ELSE (random() * 9)::int * 1e45 + 1e-30 END AS m
FROM generate_series(1, 24) AS trial, generate_series(1, 60) AS id;

CREATE FUNCTION pg_temp.wrong(source text, over_clause text, column_type text DEFAULT 'date')
RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE n bigint;
BEGIN
  EXECUTE format($q$
    SELECT count(*) FROM pg_temp.expected(%L) e
    FULL JOIN (SELECT trial, id, rfm_score(d::%s, f, m, bins) OVER (PARTITION BY trial %s) AS score FROM %I) s
    USING (trial, id) WHERE e.score IS DISTINCT FROM s.score $q$, source, column_type, over_clause, source) INTO n;
  RETURN n;
END $$;

SELECT cmp_ok((SELECT count(*) FROM small)::int, '>', 5000, 'there are customers to score');
SELECT cmp_ok((SELECT count(DISTINCT score) FROM pg_temp.expected('small'))::int, '>', 250, 'and many scores occur');
SELECT is(pg_temp.wrong('small', ''), 0::bigint, 'random partitions score as SQL says');
SELECT is(pg_temp.wrong('small', 'ORDER BY m'), 0::bigint, 'whatever the order');
SELECT is(pg_temp.wrong('small', 'ORDER BY d DESC, f ROWS BETWEEN 1 PRECEDING AND CURRENT ROW'), 0::bigint,
          'whatever the frame');
SELECT is(pg_temp.wrong('skewed', ''), 0::bigint, 'skewed values score as SQL says');
SELECT is(pg_temp.wrong('wide', ''), 0::bigint, 'amounts beyond 64 and 128 bits score as SQL says');

-- One large partition.  width_bucket counts the limits up to a value; with the
-- signs turned, those below it.
CREATE TEMP TABLE large AS
SELECT 1 AS trial, id, 5 AS bins, date '2024-12-31' - (random() * random() * 2000)::int AS d,
       (random() * random() * 90)::bigint AS f, round((random() * random() * 9000)::numeric, 2) AS m
FROM generate_series(1, 140000) AS id;
CREATE FUNCTION pg_temp.below(v numeric, cuts numeric[]) RETURNS int LANGUAGE sql AS
  $$ SELECT cardinality(cuts) - width_bucket(-v, cuts) $$;
CREATE FUNCTION pg_temp.turned(cuts numeric[]) RETURNS numeric[] LANGUAGE sql AS
  $$ SELECT array_agg(-c ORDER BY -c) FROM unnest(cuts) AS c $$;
SELECT is((SELECT count(*) FROM
            (SELECT rfm_score(d, f, m) OVER () AS score, (date '2024-12-31' - d) * 5 AS r, f * 5 AS f, m * 5 AS m FROM large) s,
            (SELECT pg_temp.turned(pg_temp.cuts_times_bins(array_agg(date '2024-12-31' - d), 5)) AS rc,
                    pg_temp.turned(pg_temp.cuts_times_bins(array_agg(f), 5)) AS fc,
                    pg_temp.turned(pg_temp.cuts_times_bins(array_agg(m), 5)) AS mc FROM large) c
           WHERE score IS DISTINCT FROM 100 * (5 - pg_temp.below(r, rc)) + 10 * (1 + pg_temp.below(f, fc)) + 1 + pg_temp.below(m, mc)),
          0::bigint, 'a large partition scores as SQL says');

-- Local days: 23:59 and 00:01 of one day are the same day, in any zone.
SELECT is(pg_temp.wrong('small', '', 'timestamp'), 0::bigint, 'timestamp counts by its date');
SET TimeZone = 'America/New_York';
SELECT is(pg_temp.wrong('small', '', 'timestamptz'), 0::bigint, 'timestamptz counts by local days, clocks change in between');
CREATE TEMP VIEW late AS SELECT trial, id, bins, d + time '23:59:59.999' AS d, f, m FROM small;
SELECT is((SELECT count(*) FROM (SELECT trial, id, rfm_score(d::timestamptz, f, m, bins) OVER (PARTITION BY trial) AS score FROM late) s
           JOIN pg_temp.expected('small') e USING (trial, id) WHERE e.score IS DISTINCT FROM s.score),
          0::bigint, 'so does the last moment of a day');
-- At 2024-03-10 01:30 and 2024-03-09 23:30 in New York it is the 10th in UTC.
SELECT is((SELECT array_agg(s ORDER BY at) FROM (SELECT at, rfm_score(at, 1, 1, 2) OVER () AS s
             FROM (VALUES (timestamptz '2024-03-10 04:30+00'), ('2024-03-10 06:30+00')) v(at)) q),
          ARRAY[111, 211], 'in New York these are two days');
SET TimeZone = 'UTC';
SELECT is((SELECT array_agg(s ORDER BY at) FROM (SELECT at, rfm_score(at, 1, 1, 2) OVER () AS s
             FROM (VALUES (timestamptz '2024-03-10 04:30+00'), ('2024-03-10 06:30+00')) v(at)) q),
          ARRAY[211, 211], 'in UTC one');

-- A small work_mem sends the partition to a file.
SET work_mem = '64kB';
SELECT is(pg_temp.wrong('skewed', ''), 0::bigint, 'the same from a temporary file');
RESET work_mem;

-- Cuts of a partition, passed as fixed cuts, give what the window function gives.
SELECT is((SELECT count(*) FROM (
    SELECT rfm_score(max_d - d, f, m, (c).recency_cuts, (c).frequency_cuts, (c).monetary_cuts) AS fixed, score
    FROM (SELECT *, max(d) OVER w AS max_d, rfm_score(d, f, m, bins) OVER w AS score FROM small
          WHERE d IS NOT NULL AND f IS NOT NULL AND m IS NOT NULL WINDOW w AS (PARTITION BY trial)) s
    JOIN (SELECT trial, rfm_cuts(days, f, m, bins) AS c
          FROM (SELECT *, max(d) OVER (PARTITION BY trial) - d AS days FROM small
                WHERE d IS NOT NULL AND f IS NOT NULL AND m IS NOT NULL) q GROUP BY trial) c USING (trial)
    OFFSET 0) q WHERE fixed IS DISTINCT FROM score),
  0::bigint, 'rfm_cuts and fixed cuts agree with the window function');
SELECT is((SELECT count(*) FROM (
    SELECT rfm_score(max_d - d, f, m, (c).recency_cuts, (c).frequency_cuts, (c).monetary_cuts) AS fixed, score
    FROM (SELECT *, max(d) OVER w AS max_d, rfm_score(d, f, m, bins) OVER w AS score FROM wide
          WINDOW w AS (PARTITION BY trial)) s
    JOIN (SELECT trial, rfm_cuts(days, f, m, bins) AS c
          FROM (SELECT *, max(d) OVER (PARTITION BY trial) - d AS days FROM wide) q GROUP BY trial) c USING (trial)
    OFFSET 0) q WHERE fixed IS DISTINCT FROM score),
  0::bigint, 'so do those of wide amounts');

-- Fixed cuts against counting: any number of cuts, any scale, different cuts in each row.
CREATE TEMP TABLE fixed AS
SELECT (random() * 400 - 20)::int AS r, (random() * 30 - 2)::bigint AS f,
       CASE (random() * 4)::int WHEN 0 THEN (random() * 100)::int::numeric
                        WHEN 1 THEN round((random() * 100)::numeric, 2)
                        WHEN 2 THEN round((random() * 100)::numeric, 9) * 1.00000000000000000000
                        WHEN 3 THEN (random() * 100)::int * 1e40
                        ELSE -(random() * 100)::int / 3::numeric END AS m,
       (SELECT coalesce(array_agg(x ORDER BY x), '{}') FROM (SELECT round((random() * 400)::numeric, (g % 3)) AS x
          FROM generate_series(1, n % 9) AS g) q) AS rc,
       (SELECT coalesce(array_agg(x ORDER BY x), '{}') FROM (SELECT round((random() * 25)::numeric, (g + n) % 2) AS x
          FROM generate_series(1, n / 9 % 9) AS g) q) AS fc,
       (SELECT coalesce(array_agg(x ORDER BY x), '{}') FROM (
          SELECT CASE WHEN g % 7 = 6 THEN 5e41 + g WHEN g % 7 = 5 THEN -1e50 + g
                      ELSE round((random() * 100)::numeric, (n + g) % 5) END AS x
          FROM generate_series(1, n / 2 % 9) AS g) q) AS mc
FROM generate_series(1, 4000) AS n;
SELECT is((SELECT count(*) FROM fixed WHERE rfm_score(r, f, m, rc, fc, mc) IS DISTINCT FROM
             100 * (1 + cardinality(rc) - pg_temp.above(r, rc)) + 10 * (1 + pg_temp.above(f, fc)) + 1 + pg_temp.above(m, mc)),
          0::bigint, 'fixed cuts score as counting the cuts below says');
SELECT is((SELECT count(*) FROM fixed WHERE rfm_score(r, f, m, '{7,90,140,365}', '{1,2,3,5}', '{10,20.5,30,1e40}') IS DISTINCT FROM
             100 * (5 - pg_temp.above(r, '{7,90,140,365}')) + 10 * (1 + pg_temp.above(f, '{1,2,3,5}')) + 1 + pg_temp.above(m, '{10,20.5,30,1e40}')),
          0::bigint, 'also when they are constants');

-- Amounts that differ in their last digit, of all sizes a short numeric has and
-- beyond, of both signs: each one against each as a cut.
CREATE TEMP TABLE near AS
SELECT DISTINCT trim_scale(sign * (digits::numeric + step) * ('1e' || e)::numeric) AS v
FROM unnest(ARRAY[1, -1]) AS sign,
     unnest(ARRAY['0', '1', '9999', '10000', '12340000.5678', '99999999', '1234567890123456', '12345678901234567890', '99999999999999999999']) AS digits,
     unnest(ARRAY[0, 1, 0.0001, -0.0001, 1e-9]) AS step,
     unnest(ARRAY[-275, -258, -254, -63, -7, 0, 3, 236, 252, 260]) AS e;
SELECT cmp_ok((SELECT count(*) FROM near)::int, '>', 800, 'there are amounts close to each other');
SELECT is((SELECT count(*) FROM near a, near c
           WHERE rfm_score(1, 1, a.v, '{}', '{}', ARRAY[c.v]) IS DISTINCT FROM 111 + (a.v > c.v)::int),
          0::bigint, 'each is on its side of each other one as a cut');

-- Scalars keep their cuts between calls: a prepared statement and a PL/pgSQL
-- expression meet other cuts each time.
PREPARE one(numeric[]) AS SELECT rfm_score(1, 1, 1, $1, '{}', '{}');
CREATE FUNCTION pg_temp.each() RETURNS text LANGUAGE plpgsql AS $$
DECLARE cuts numeric[]; answer text := '';
BEGIN
  FOREACH cuts SLICE 1 IN ARRAY ARRAY[[1, 2], [0, 2], [0, 0], [1, 2]]::numeric[] LOOP
    answer := answer || ' ' || rfm_score(1, 1, 1, cuts, '{}', '{}');
  END LOOP;
  RETURN answer;
END $$;
SELECT is(pg_temp.each(), ' 311 211 111 311', 'cuts are not mixed up between calls');

-- A partition in which nobody can be scored, and rows of one customer.
SELECT is((SELECT array_agg(s) FROM (SELECT rfm_score(d, f, 1) OVER (PARTITION BY f) AS s
             FROM (VALUES (NULL::date, 1), (NULL, 1), ('2024-01-01', 2)) v(d, f)) q),
          ARRAY[NULL, NULL, 511], 'NULL dates have no score, a single customer is 5-1-1');
SELECT is((SELECT array_agg(s) FROM (SELECT rfm_score(d, 1, 1) OVER () AS s FROM (SELECT NULL::date AS d WHERE false) v) q),
          NULL, 'no rows, no score');
-- Amounts so long that they are stored elsewhere, or compressed.
CREATE TEMP TABLE pg_temp.long_amount AS
SELECT i AS c, i % 10 AS r, i AS f, CASE WHEN i % 3 > 0 THEN (repeat('12345', 4000) || '.' || i)::numeric * (CASE WHEN i % 2 > 0 THEN 1 ELSE -1 END)
                                   ELSE (i || '.' || repeat('3', 9000) || i)::numeric END AS m
FROM generate_series(1, 30) AS i;
SELECT cmp_ok(count(*) FILTER (WHERE pg_column_size(m) < 8000), '>', 10::bigint, 'some are stored in less than they are') FROM pg_temp.long_amount;
SELECT is(count(*) FILTER (WHERE rfm_score(r, f, m, '{5}'::numeric[], '{15}'::numeric[], cut) % 10 IS DISTINCT FROM CASE WHEN m >= cut[1] THEN 2 ELSE 1 END), 0::bigint,
          'long amounts and fixed cuts') FROM pg_temp.long_amount, (VALUES ('{10}'::numeric[]), (ARRAY[1e20::numeric]), (ARRAY[(repeat('12345', 4000) || '.15')::numeric])) AS v (cut);
SELECT is((SELECT string_agg(rfm_score || '', ' ' ORDER BY c) FROM (SELECT c, rfm_score(date '2025-01-01' - r, f, m) OVER () FROM pg_temp.long_amount) AS x),
          (SELECT string_agg(rfm_score || '', ' ' ORDER BY c) FROM (SELECT c, rfm_score(date '2025-01-01' - r, f, rank) OVER () FROM (SELECT c, r, f, rank() OVER (ORDER BY m) AS rank FROM pg_temp.long_amount) AS y) AS x),
          'and by their ranks');
SELECT finish();
