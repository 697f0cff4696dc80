-- Random models.  The generator writes what the language allows: a clock is
-- neither multiplied by a clock, nor a divisor; constants meet constants
-- nowhere, for PostgreSQL would compute those while planning, and raise errors
-- for branches that nobody reaches.  With random.windows on, window facts stand
-- in for orders and order_days.

CREATE TYPE piece AS (t text, c bool, k int); -- text, constant, clock

CREATE FUNCTION pick(VARIADIC choices text[]) RETURNS text LANGUAGE sql AS
$$ SELECT choices[1 + floor(random() * cardinality(choices))::int] $$;

CREATE FUNCTION leaf() RETURNS piece LANGUAGE plpgsql AS $$
DECLARE
  r float8 := random();
BEGIN
  IF r < 0.30 THEN
    RETURN (pick('days_since_order', 'days_since_first_order', 'days_since_visit',
                 'days_since_active', 'days_since_registered'), false, 1)::piece;
  ELSIF r < 0.45 THEN
    IF current_setting('random.windows', true) = 'on' THEN
      RETURN (pick('orders_in', 'orders_in', 'revenue_in', 'visits_in') || '('
              || pick('0', '1', '7', '30', '90.5', '365', '1e9', 't1', 't2', 't4') || ')', false, 0)::piece;
    END IF;
    RETURN (pick('orders', 'order_days'), false, 0)::piece;
  ELSIF r < 0.55 THEN
    RETURN (pick('revenue', 'average_order'), false, 0)::piece;
  ELSIF r < 0.65 THEN
    RETURN (pick('t1', 't2', 't3', 't4'), false, 0)::piece;
  ELSIF r < 0.85 THEN
    RETURN ((floor(random() * 400))::int::text, true, 0)::piece;
  ELSIF r < 0.90 THEN
    RETURN (round((random() * 200)::numeric, (random() * 3)::int)::text, true, 0)::piece;
  END IF;
  RETURN (pick('0', '1', '2', '-1', '-7', '2147483647', '-2147483648', '3000000000', '.5', '1e2',
               '9223372036854775807', '99999999999999999999', '30.0', '7.50', '-0.001'),
          true, 0)::piece;
END $$;

-- what may stand beside l under the operator
CREATE FUNCTION fit(l piece, op text, r piece) RETURNS piece LANGUAGE sql AS $$
  SELECT CASE
    WHEN l.c AND r.c THEN ('orders', false, 0)::piece
    WHEN op = '*' AND l.k > 0 AND r.k > 0 THEN ('t1', false, 0)::piece
    WHEN op = '/' AND r.k > 0 THEN ('t2', false, 0)::piece
    WHEN l.k > 0 AND r.k > 0 AND (l.k = 2 OR r.k = 2) THEN ('order_days', false, 0)::piece
    ELSE r END $$;

CREATE FUNCTION condition(depth int) RETURNS text LANGUAGE sql AS 'SELECT NULL::text';

CREATE FUNCTION number(depth int) RETURNS piece LANGUAGE plpgsql AS $$
DECLARE
  r float8 := random();
  op text;
  a piece;
  b piece;
BEGIN
  IF depth <= 0 OR r < 0.35 THEN
    RETURN leaf();
  ELSIF r < 0.42 THEN
    a := number(depth - 1);
    RETURN (pick('- ', '+ ') || '(' || a.t || ')', a.c, a.k)::piece;
  ELSIF r < 0.50 THEN
    a := number(depth - 1);
    b := number(depth - 1);
    RETURN ('CASE WHEN ' || condition(depth - 1) || ' THEN ' || a.t
            || CASE WHEN random() < 0.7 THEN ' ELSE ' || b.t ELSE '' END || ' END',
            false, greatest(a.k, b.k))::piece;
  ELSIF r < 0.54 THEN
    a := number(depth - 1);
    b := fit(('1', true, 0), '=', a);
    RETURN ('CASE ' || b.t || ' WHEN 1 THEN ' || a.t || ' WHEN t1 THEN 2 WHEN 30 THEN orders END',
            false, a.k)::piece;
  END IF;
  op := pick('+', '-', '*', '/');
  a := number(depth - 1);
  b := fit(a, op, number(depth - 1));
  RETURN ('(' || a.t || ' ' || op || ' ' || b.t || ')', false,
          CASE WHEN op = '/' AND a.k > 0 THEN 2 ELSE greatest(a.k, b.k) END)::piece;
END $$;

CREATE OR REPLACE FUNCTION condition(depth int) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
  r float8 := random();
  a piece;
  b piece;
  c piece;
BEGIN
  IF depth > 0 AND r < 0.30 THEN
    RETURN '(' || condition(depth - 1) || pick(' AND ', ' OR ') || condition(depth - 1)
           || CASE WHEN random() < 0.3 THEN pick(' AND ', ' OR ') || condition(depth - 1) ELSE '' END || ')';
  ELSIF depth > 0 AND r < 0.38 THEN
    RETURN 'NOT (' || condition(depth - 1) || ')';
  ELSIF depth > 0 AND r < 0.41 THEN
    RETURN '((' || condition(depth - 1) || ')' || pick('=', '<>', '<', '>=') || '(' || condition(depth - 1) || '))';
  ELSIF depth > 0 AND r < 0.44 THEN
    RETURN 'CASE WHEN ' || condition(depth - 1) || ' THEN ' || condition(depth - 1) || ' ELSE '
           || condition(depth - 1) || ' END';
  END IF;
  a := number(depth - 1);
  IF a.c THEN
    a := fit(a, '=', a);
  END IF;
  IF r < 0.50 THEN
    RETURN '(' || a.t || ')' || pick(' IS NULL', ' IS NOT NULL');
  ELSIF r < 0.60 THEN
    b := fit(a, '=', number(depth - 1));
    c := fit(a, '=', number(depth - 1));
    RETURN '(' || a.t || pick(' BETWEEN ', ' NOT BETWEEN ', ' BETWEEN SYMMETRIC ', ' NOT BETWEEN SYMMETRIC ')
           || b.t || ' AND ' || c.t || ')';
  ELSIF r < 0.68 THEN
    b := fit(a, '=', number(depth - 2));
    c := fit(a, '=', number(depth - 2));
    RETURN '(' || a.t || pick(' IN (', ' NOT IN (') || b.t || ', 30, ' || c.t || ', 7.0)'
           || ')';
  END IF;
  b := fit(a, '=', number(depth - 1));
  IF random() < 0.3 THEN
    RETURN b.t || pick(' = ', ' <> ', ' < ', ' <= ', ' > ', ' >= ') || a.t;
  END IF;
  RETURN a.t || pick(' = ', ' <> ', ' < ', ' <= ', ' > ', ' >= ') || b.t;
END $$;

CREATE FUNCTION stages(depth int) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
  result text := 'CASE';
  operand piece;
  n int := 1 + floor(random() * 3);
BEGIN
  IF random() < 0.1 THEN
    operand := fit(('1', true, 0), '=', number(1));
    result := 'CASE ' || operand.t;
    FOR i IN 1..n LOOP
      result := result || ' WHEN ' || (fit(operand, '=', leaf())).t || ' THEN ''S' || i || '''';
    END LOOP;
  ELSE
    FOR i IN 1..n LOOP
      result := result || ' WHEN ' || condition(depth) || ' THEN '
        || CASE WHEN depth > 1 AND random() < 0.15 THEN stages(depth - 1) ELSE '''s' || i || '''' END;
    END LOOP;
  END IF;
  RETURN result || CASE WHEN random() < 0.6 THEN pick(' ELSE ''rest''', ' ELSE ''unclassified''', ' ELSE ''s1''') ELSE '' END || ' END';
END $$;

-- branches on one clock, as most models begin
CREATE FUNCTION ladder() RETURNS text LANGUAGE sql AS $$
  SELECT 'CASE ' || string_agg('WHEN ' || clock || pick(' < ', ' <= ', ' < ')
           || CASE WHEN random() < 0.3 THEN pick('t1', 't2') ELSE (random() * 60 * i)::numeric(5, 1)::text END
           || ' THEN ''s' || i || '''', ' ')
         || pick('', ' WHEN ' || clock || ' IS NOT NULL THEN ''known''', ' WHEN ' || clock || ' >= 600 THEN ''old''',
                 ' WHEN ' || clock || ' > t1 THEN ''older''', ' WHEN ' || clock || ' > 20 THEN ''aged''')
         || pick(' WHEN orders > 1 THEN ''more'' ELSE ''rest'' END', ' END',
                 ' WHEN average_order > t3 THEN ''rich'' END')
  FROM (SELECT pick('days_since_order', 'days_since_visit', 'days_since_active', 'days_since_registered') AS clock) AS c,
    generate_series(1, 2 + floor(random() * random() * 25)::int) AS i
  GROUP BY clock $$;

CREATE FUNCTION value() RETURNS text LANGUAGE sql AS $$
  SELECT CASE WHEN r < 0.08 THEN 'NULL'
              WHEN r < 0.15 THEN '0'
              WHEN r < 0.60 THEN floor(random() * 200)::text
              ELSE round((random() * 300 - 50)::numeric, (random() * 4)::int)::text END
  FROM (SELECT random() AS r) AS x $$;
