-- The engine's money against PostgreSQL's numeric: the same stored bytes, so
-- the same value, display scale and layout.
\set ECHO none
\set QUIET on
\pset format unaligned
\pset tuples_only true
SET extra_float_digits = 1;

SELECT plan(33);
SELECT setseed(0.20020726);

-- Numbers of 0 to `most` digits around the point, of both signs: some with
-- runs of zeros and nines, for carries and for zeros first and last.
CREATE FUNCTION pg_temp.random_numeric(most int) RETURNS numeric
LANGUAGE plpgsql AS $$
DECLARE
  style int := floor(random() * 6);
  whole int := floor(random() * (most + 1));
  places int := floor(random() * (most + 1));
  digits text := '';
BEGIN
  IF style = 5 THEN
    whole := floor(random() * 5);
    places := floor(random() * 3);
  END IF;
  FOR i IN 1 .. whole + places LOOP
    digits := digits || CASE
      WHEN style = 0 OR random() < 0.2 THEN '0'
      WHEN style = 1 THEN '9'
      ELSE floor(random() * 10)::int::text END;
  END LOOP;
  IF style = 0 AND whole > 0 THEN
    digits := '1' || substr(digits, 2);
  END IF;
  digits := '0' || substr(digits, 1, whole) ||
    CASE WHEN places > 0 THEN '.' || substr(digits, whole + 1) ELSE '' END;
  RETURN CASE WHEN random() < 0.3 THEN -digits::numeric ELSE digits::numeric END;
END $$;

CREATE TEMP TABLE amount (id int, x numeric);
INSERT INTO amount SELECT i, pg_temp.random_numeric(CASE WHEN i % 10 < 7 THEN 16 WHEN i % 10 < 9 THEN 45 ELSE 200 END)
FROM generate_series(1, 40000) i;
-- edges: around 2^127, 2^64, 2^63, powers of ten, both layouts, long scales
INSERT INTO amount SELECT 40000 + row_number() OVER (), v FROM (
  SELECT s * (trunc(2::numeric ^ e) + d) * p AS v
  FROM unnest('{1,-1}'::int[]) s, unnest('{62,63,64,126,127,128}'::int[]) e,
       unnest('{-1,0,1}'::int[]) d, unnest('{1,0.1,0.00001,10}'::numeric[]) p
  UNION ALL
  SELECT s * round((1 || repeat('0', e))::numeric, 0) FROM unnest('{1,-1}'::int[]) s, generate_series(0, 260, 13) e
  UNION ALL
  SELECT s * ('0.' || repeat('0', e) || '1')::numeric FROM unnest('{1,-1}'::int[]) s, generate_series(0, 260, 13) e
  UNION ALL
  SELECT ('0.' || repeat('0', e))::numeric FROM generate_series(1, 260, 13) e
) edge;
-- values that an index or a wide row keeps compressed or out of line
INSERT INTO amount SELECT 60000 + i, (repeat('1234567890', 500) || '.' || i)::numeric FROM generate_series(1, 5) i;
INSERT INTO amount SELECT 60010 + i, (SELECT string_agg(floor(random() * 10)::int::text, '') FROM generate_series(1, 9000 + i))::numeric FROM generate_series(1, 3) i;
ANALYZE amount;

CREATE TEMP TABLE pair AS
SELECT a.x, b.x AS y
FROM amount a JOIN amount b ON b.id = 1 + (a.id::bigint * 7919 + 13) % 40000
UNION ALL
SELECT a.x, b.x FROM amount a, amount b WHERE a.id > 40000 AND a.id < 60000 AND b.id > 40000 AND b.id < 60000;

SELECT cmp_ok(count(*), '>', 40000::bigint, 'enough amounts') FROM amount;
SELECT cmp_ok(count(*) FILTER (WHERE money_is_wide(x)), '>', 5000::bigint, 'enough of them outgrow 128 bits') FROM amount;
SELECT cmp_ok(count(*) FILTER (WHERE NOT money_is_wide(x)), '>', 20000::bigint, 'enough of them do not') FROM amount;
SELECT is(count(*) FILTER (WHERE money_is_wide(x) = (x * trunc(10::numeric ^ scale(x)) BETWEEN -trunc(2::numeric ^ 127) AND trunc(2::numeric ^ 127) - 1)), 0::bigint,
  'wide exactly when the digits do not fit 127 bits') FROM amount WHERE id NOT BETWEEN 60000 AND 69999;
SELECT is(count(*) FILTER (WHERE NOT money_same_bytes(money_round_trip(x), x)), 0::bigint, 'round trip') FROM amount;
SELECT is(count(*) FILTER (WHERE money_datum_sign(x) <> sign(x)), 0::bigint, 'sign') FROM amount;
SELECT is(count(*) FILTER (WHERE NOT money_same_bytes(money_neg(x), -x)), 0::bigint, 'negation') FROM amount;

SELECT is(count(*) FILTER (WHERE NOT money_same_bytes(money_add(x, y), x + y)), 0::bigint, 'addition') FROM pair;
SELECT is(count(*) FILTER (WHERE NOT money_same_bytes(money_sub(x, y), x - y)), 0::bigint, 'subtraction') FROM pair;
SELECT is(count(*) FILTER (WHERE NOT money_same_bytes(money_mul(x, y), x * y)), 0::bigint, 'multiplication') FROM pair;
SELECT is(count(*) FILTER (WHERE NOT money_same_bytes(money_div(x, y), x / y)), 0::bigint, 'division') FROM pair WHERE y <> 0;
SELECT is(count(*) FILTER (WHERE money_cmp(x, y) <> CASE WHEN x < y THEN -1 WHEN x > y THEN 1 ELSE 0 END), 0::bigint, 'comparison') FROM pair;
SELECT is(count(*) FILTER (WHERE money_cmp(x, y) <> 0 OR money_identical(x, y) <> (scale(x) = scale(y))), 0::bigint, 'equal values of different scales are equal, not identical')
FROM (SELECT x, round(x, scale(x) + id % 7) AS y FROM amount WHERE id < 60000) padded;

-- halves round away from zero, as numeric's do
SELECT is(count(*) FILTER (WHERE NOT money_same_bytes(money_div(x, y), x / y)), 0::bigint, 'small quotients')
FROM (SELECT a::numeric / 100 AS x, b::numeric AS y FROM generate_series(-300, 300) a, generate_series(-40, 40) b WHERE b <> 0) small;
SELECT is(count(*) FILTER (WHERE NOT money_same_bytes(money_div(a, b), a / b)), 0::bigint, 'revenue over orders')
FROM (SELECT round(((random() * 1e9)::bigint / 100.0)::numeric, 2) AS a, (1 + random() * 500)::bigint::numeric AS b FROM generate_series(1, 20000)) average;

-- a sum does not depend on the order, nor on what passes 128 bits on the way
SELECT is(count(*) FILTER (WHERE NOT (money_same_bytes(up, total) AND money_same_bytes(down, total))), 0::bigint, 'sums in two orders')
FROM (SELECT money_sum(array_agg(x ORDER BY id)) AS up, money_sum(array_agg(x ORDER BY x)) AS down, sum(x) AS total
      FROM amount WHERE id < 60000 GROUP BY id % 997) sums;
SELECT ok(money_same_bytes(money_sum(array[trunc(2::numeric ^ 127), trunc(2::numeric ^ 127), -trunc(2::numeric ^ 127), -trunc(2::numeric ^ 127), 1.50]), 1.50),
  'a sum that comes back into 128 bits');

-- toasted values
CREATE TEMP TABLE toasted (id int, x numeric);
INSERT INTO toasted SELECT id, x FROM amount;
SELECT cmp_ok(max(pg_column_size(x)), '<', 4000, 'some values are compressed') FROM toasted WHERE id BETWEEN 60000 AND 60009;
SELECT is(count(*) FILTER (WHERE NOT money_same_bytes(money_round_trip(t.x), a.x)), 0::bigint, 'toasted values')
FROM toasted t JOIN amount a USING (id);

SELECT throws_ok($$SELECT money_round_trip('NaN')$$, '22003', 'amount must be a finite number', 'NaN');
SELECT throws_ok($$SELECT money_round_trip('-Infinity')$$, '22003', 'amount must be a finite number', 'infinity');
SELECT throws_ok($$SELECT money_datum_sign('Infinity')$$, '22003', 'amount must be a finite number', 'the sign of infinity');
SELECT throws_ok($$SELECT money_div(1, 0.00)$$, '22012', 'division by zero', 'division by zero');

-- what another process may send
SELECT is(count(*) FILTER (WHERE NOT money_is_whole(x) OR NOT money_is_whole(money_round_trip(x))), 0::bigint, 'every amount is whole') FROM amount;
SELECT ok(NOT money_is_whole(x), 'but not ' || x) FROM unnest('{NaN,Infinity,-Infinity}'::numeric[]) AS x;

-- an error of the engine, whatever raises it
SELECT throws_ok(format('SELECT host_fail(%s)', number), sqlstate, 'what', 'error ' || number)
FROM unnest('{22023,22003,22008,22012,XX001,XX000}'::text[]) WITH ORDINALITY AS e (sqlstate, n), LATERAL (SELECT n - 1) AS x (number);

SELECT finish();
