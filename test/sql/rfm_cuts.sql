-- rfm_cuts against plain SQL: every method, serial and parallel.
\set ECHO none
\pset format unaligned
\pset tuples_only true
SET client_min_messages = warning;
SELECT plan(25);

SELECT setseed(0.2);
CREATE TABLE rfm_customers AS
SELECT g, id, round((random() * 500)::numeric, (id % 3)) AS m, (power(random(), 2) * 300)::int AS r,
       1 + (power(random(), 4) * 12)::int AS f
FROM generate_series(1, 60) AS g, generate_series(1, 1 + (g * 7) % 90) AS id;
-- exact values in a column of their own: no 64 bits hold them together
ALTER TABLE rfm_customers ADD wide numeric;
UPDATE rfm_customers SET wide = CASE id % 3 WHEN 0 THEN m * 1e20 WHEN 1 THEN m / 7 ELSE m END;
ANALYZE rfm_customers;

-- Bins by each method's own rule, as numbers of customers' bins.
CREATE FUNCTION pg_temp.quantiles(v numeric[], bins int, more int DEFAULT 0) RETURNS numeric[] LANGUAGE sql AS $$
  SELECT array_agg(sorted[1 + (n - 1) * k / bins] * (bins - (n - 1) * k % bins)
                   + coalesce(sorted[2 + (n - 1) * k / bins], 0) * ((n - 1) * k % bins) + more * bins ORDER BY k)
  FROM (SELECT array_agg(x ORDER BY x) AS sorted, count(*)::int AS n FROM unnest(v) AS x) s,
       generate_series(1, bins - 1) AS k
$$;
-- number of cuts that the value is beyond; cuts are times as large as they should be
CREATE FUNCTION pg_temp.beyond(v numeric, cuts numeric[], times int, left_closed bool DEFAULT false) RETURNS int LANGUAGE sql AS
  $$ SELECT count(*)::int FROM unnest(cuts) AS c WHERE CASE WHEN left_closed THEN v * times >= c ELSE v * times > c END $$;

-- how many customers score with the cuts of their group other than by the method's rule
CREATE FUNCTION pg_temp.wrong(amount text, bins int, method text) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE n bigint;
BEGIN
  EXECUTE format($q$
    WITH g AS (
      SELECT g, rfm_cuts(r, f, %1$I, %2$s, %3$L) AS c,
             pg_temp.quantiles(array_agg(r::numeric), %2$s, %4$s) AS qr,
             pg_temp.quantiles(array_agg(f::numeric), %2$s, %4$s) AS qf,
             pg_temp.quantiles(array_agg(%1$I), %2$s, %4$s) AS qm,
             sum(r) AS sr, sum(f) AS sf, sum(%1$I) AS sm, count(*) AS n
      FROM rfm_customers GROUP BY g)
    SELECT count(*) FROM rfm_customers JOIN g USING (g)
    WHERE rfm_score(r, f, %1$I, (c).recency_cuts, (c).frequency_cuts, (c).monetary_cuts) IS DISTINCT FROM
      CASE WHEN %3$L = 'mean'
           THEN 100 * (1 + (r * n <= sr)::int) + 10 * (1 + (f * n >= sf)::int) + 1 + (%1$I * n >= sm)::int
           ELSE 100 * (%2$s - pg_temp.beyond(r, qr, %2$s, %3$L = 'r'))
                + 10 * (1 + pg_temp.beyond(f, qf, %2$s, %3$L = 'r'))
                + 1 + pg_temp.beyond(%1$I, qm, %2$s, %3$L = 'r') END
    $q$, amount, bins, method, CASE method WHEN 'r' THEN 1 ELSE 0 END) INTO n;
  RETURN n;
END $$;

SELECT is((SELECT sum(pg_temp.wrong('m', bins, 'quantile')) FROM generate_series(2, 9) bins), 0::numeric,
          'quantile: customers score by type-7 quantiles, 2 to 9 bins');
SELECT is((SELECT sum(pg_temp.wrong('m', bins, 'r')) FROM generate_series(2, 9) bins), 0::numeric,
          'r: quantile + 1, closed on the left');
SELECT is(pg_temp.wrong('m', 2, 'median'), 0::bigint, 'median: high is above it, few days up to it');
SELECT is(pg_temp.wrong('m', 2, 'mean'), 0::bigint, 'mean: high is at least the mean, few days at most');
SELECT is((SELECT sum(pg_temp.wrong('wide', bins, 'quantile')) FROM generate_series(2, 9) bins), 0::numeric,
          'quantiles of amounts beyond 64 bits');
SELECT is((SELECT sum(pg_temp.wrong('wide', bins, 'r')) FROM generate_series(2, 9) bins), 0::numeric, 'r of such amounts');
SELECT is(pg_temp.wrong('wide', 2, 'mean'), 0::bigint, 'mean of such amounts');

-- The bins in which there are customers.
SELECT is((SELECT count(*) FROM (
    SELECT g, (c).recency_bins, (c).frequency_bins, (c).monetary_bins, (c).customers,
           count(DISTINCT s / 100) AS r, count(DISTINCT s / 10 % 10) AS f, count(DISTINCT s % 10) AS m, count(*) AS n
    FROM (SELECT g, c, rfm_score(r, f, m, (c).recency_cuts, (c).frequency_cuts, (c).monetary_cuts) AS s
          FROM rfm_customers JOIN (SELECT g, rfm_cuts(r, f, m) AS c FROM rfm_customers GROUP BY g) c USING (g)) q
    GROUP BY g, c) q WHERE (recency_bins, frequency_bins, monetary_bins, customers) IS DISTINCT FROM (r, f, m, n)),
  0::bigint, 'bins and customers are counted');

-- What the cuts look like: exact where a decimal is, with the amounts' places.
CREATE TEMP VIEW three AS SELECT * FROM (VALUES (1, 2, 3.50), (2, 2, 4), (4, 1, 7.25)) v(r, f, m);
SELECT is((SELECT rfm_cuts(r, f, m)::text FROM three),
          '("{1.4,1.8,2.4,3.2}","{1.4,1.8,2,2}","{3.70,3.90,4.65,5.95}",3,2,3,3)', 'five bins');
SELECT is((SELECT rfm_cuts(r, f, m, 5, 'quantile') FROM three), (SELECT rfm_cuts(r, f, m) FROM three), 'are the default');
SELECT is((SELECT rfm_cuts(r, f, m, 3)::text FROM three),
          '("{1.6666,2.6666}","{1.6666,2}","{3.833333,5.083333}",3,2,3,3)', 'thirds are rounded down');
SELECT is((SELECT rfm_cuts(r, f, m, 2, 'mean')::text FROM three), '({2.3333},{1},{4.91},2,2,2,3)', 'mean');
SELECT is((SELECT rfm_cuts(r, f, m, 2, 'median')::text FROM three), '({2},{2},{4.00},2,1,2,3)', 'median');
SELECT is((SELECT rfm_cuts(r, f, m, 4, 'r')::text FROM three), '("{2,2,3}","{2,2,2}","{4.74,4.99,6.62}",2,1,2,3)', 'r');

-- Rows that lack a value are left out; no rows, no cuts; NULL parameter, NULL.
SELECT is((SELECT rfm_cuts(r, f, m) FROM (SELECT * FROM three UNION ALL VALUES (NULL, 1, 1), (1, NULL, 1), (1, 1, NULL)) q),
          (SELECT rfm_cuts(r, f, m) FROM three), 'NULL in any of the three is not counted');
SELECT is((SELECT rfm_cuts(r, f, m)::text FROM three WHERE false), '(,,,0,0,0,0)', 'no rows, no cuts');
SELECT is((SELECT rfm_cuts(r, f, NULL)::text FROM three), '(,,,0,0,0,0)', 'no usable rows, no cuts');
SELECT is((SELECT rfm_cuts(r, f, m, NULL) IS NULL AND rfm_cuts(r, f, m, NULL, 'r') IS NULL AND rfm_cuts(r, f, m, 2, NULL) IS NULL
           FROM three), true, 'a NULL parameter gives NULL');

-- Serial and parallel plans give the same, bit for bit.
CREATE FUNCTION pg_temp.plan_of(query text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE line text; answer text := '';
BEGIN
  FOR line IN EXECUTE 'EXPLAIN (COSTS OFF) ' || query LOOP
    answer := answer || line || E'\n';
  END LOOP;
  RETURN answer;
END $$;
CREATE FUNCTION pg_temp.answer(query text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE answer text;
BEGIN
  EXECUTE 'SELECT string_agg(q::text, E''\n'' ORDER BY q::text) FROM (' || query || ') q' INTO answer;
  RETURN answer;
END $$;
\set whole '$$SELECT rfm_cuts(r, f, m), rfm_cuts(r, f, wide, 7), rfm_cuts(r, f, m, 2, \'mean\') FROM rfm_customers$$'
\set groups '$$SELECT g % 7, rfm_cuts(r, f, m, 6, \'r\'), rfm_cuts(r, f, wide) FROM rfm_customers GROUP BY 1$$'
SET max_parallel_workers_per_gather = 0;
SELECT pg_temp.answer(:whole) AS serial_whole, pg_temp.answer(:groups) AS serial_groups \gset
SET max_parallel_workers_per_gather = 2;
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET min_parallel_table_scan_size = 0;
SELECT matches(pg_temp.plan_of(:whole), 'Gather(.|\n)*Partial Aggregate', 'the plan is parallel');
SELECT is(pg_temp.answer(:whole), :'serial_whole', 'parallel gives what serial gives');
SELECT matches(pg_temp.plan_of(:groups), 'Partial (Hash|Group)Aggregate', 'the plan of groups is parallel');
SELECT is(pg_temp.answer(:groups), :'serial_groups', 'for groups as well');
SET parallel_leader_participation = off;
SELECT is(pg_temp.answer(:whole), :'serial_whole', 'and when only workers scan');
SELECT is(pg_temp.answer($$SELECT rfm_cuts(r, f, m) FROM rfm_customers WHERE g < 0$$),
          '("(,,,0,0,0,0)")', 'no rows in a parallel plan');
RESET max_parallel_workers_per_gather;
SELECT throws_ok($$SELECT rfm_cuts(r, f, m) OVER () FROM rfm_customers$$, '0A000', NULL,
                 'rfm_cuts is not for OVER, and PostgreSQL says so');
SELECT finish();
DROP TABLE rfm_customers;
