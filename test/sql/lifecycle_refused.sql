-- What a stage model must not contain: SQLSTATE, message, and the place in the
-- text with what stands there.
\set ECHO none
\pset format unaligned
\pset tuples_only true
SET client_min_messages = warning;
SET search_path = public;
SELECT no_plan();

-- sqlstate, message, and the text from the place on
CREATE FUNCTION refusal(text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
  message text;
  context text;
BEGIN
  PERFORM $1::crmlife.lifecycle_model;
  RETURN 'accepted';
EXCEPTION WHEN OTHERS THEN
  GET STACKED DIAGNOSTICS message = MESSAGE_TEXT, context = PG_EXCEPTION_CONTEXT;
  RETURN concat_ws(' | ', SQLSTATE, message, substring(context FROM 'stage model, (line \d+, column \d+: "[^\n]*")'));
END $$;

CREATE TABLE refused (n serial, model text, expected text);
INSERT INTO refused (model, expected) VALUES
-- not in the language
('CASE WHEN lower(orders) = 1 THEN ''x'' END', '0A000 | function lower can''t be called in a stage model | line 1, column 11: "lower(orders) = 1 THEN ''x'' END"'),
('CASE WHEN pg_catalog.now() IS NULL THEN ''x'' END', '0A000 | function now can''t be called in a stage model | line 1, column 11: "pg_catalog.now() IS NULL THEN ''x'' END"'),
('CASE WHEN orders_in(30, 2) > 1 THEN ''x'' END', '0A000 | the days of orders_in must be a number or a threshold | line 1, column 11: "orders_in(30, 2) > 1 THEN ''x'' END"'),
('CASE WHEN revenue_in() > 1 THEN ''x'' END', '0A000 | the days of revenue_in must be a number or a threshold | line 1, column 11: "revenue_in() > 1 THEN ''x'' END"'),
('CASE WHEN orders > 0 AND visits_in(orders) > 1 THEN ''x'' END', '0A000 | the days of visits_in must be a number or a threshold | line 1, column 26: "visits_in(orders) > 1 THEN ''x'' END"'),
('CASE WHEN orders_in(7 < 8) > 1 THEN ''x'' END', '0A000 | the days of orders_in must be a number or a threshold | line 1, column 11: "orders_in(7 < 8) > 1 THEN ''x'' END"'),
('CASE WHEN orders_in(DISTINCT 7) > 1 THEN ''x'' END', '0A000 | the days of orders_in must be a number or a threshold | line 1, column 11: "orders_in(DISTINCT 7) > 1 THEN ''x'' END"'),
('CASE WHEN orders_in(7) OVER () > 1 THEN ''x'' END', '0A000 | the days of orders_in must be a number or a threshold | line 1, column 11: "orders_in(7) OVER () > 1 THEN ''x'' END"'),
('CASE WHEN public.orders_in(7) > 1 THEN ''x'' END', '0A000 | the days of orders_in must be a number or a threshold | line 1, column 11: "public.orders_in(7) > 1 THEN ''x'' END"'),
('CASE WHEN orders_in(-1) > 1 THEN ''x'' END', '22023 | a window can''t have a negative number of days | line 1, column 21: "-1) > 1 THEN ''x'' END"'),
('CASE WHEN visits_in(-0.5) > 1 THEN ''x'' END', '22023 | a window can''t have a negative number of days | line 1, column 21: "-0.5) > 1 THEN ''x'' END"'),
('CASE WHEN orders_in > 1 THEN ''x'' END', '42601 | orders_in needs the days of its window | line 1, column 11: "orders_in > 1 THEN ''x'' END"'),
('CASE WHEN events_in(''review'', 30) > 1 THEN ''x'' END', '0A000 | fact events_in(...) is not supported by this version | line 1, column 11: "events_in(''review'', 30) > 1 THEN ''x'' END"'),
('CASE WHEN days_since_event(''review'') > 1 THEN ''x'' END', '0A000 | fact days_since_event(...) is not supported by this version | line 1, column 11: "days_since_event(''review'') > 1 THEN ''x'' "'),
('CASE WHEN (SELECT 1) = 1 THEN ''x'' END', '0A000 | a subquery can''t stand in a stage model | line 1, column 11: "(SELECT 1) = 1 THEN ''x'' END"'),
('CASE WHEN orders IN (SELECT 1) THEN ''x'' END', '0A000 | a subquery can''t stand in a stage model | line 1, column 11: "orders IN (SELECT 1) THEN ''x'' END"'),
('CASE WHEN EXISTS (SELECT FROM pg_class) THEN ''x'' END', '0A000 | a subquery can''t stand in a stage model | line 1, column 11: "EXISTS (SELECT FROM pg_class) THEN ''x'' E"'),
('CASE WHEN orders::text = 1 THEN ''x'' END', '0A000 | a cast can''t stand in a stage model | line 1, column 11: "orders::text = 1 THEN ''x'' END"'),
('CASE WHEN CAST(orders AS int) = 1 THEN ''x'' END', '0A000 | a cast can''t stand in a stage model | line 1, column 11: "CAST(orders AS int) = 1 THEN ''x'' END"'),
('CASE WHEN $1 = 1 THEN ''x'' END', '0A000 | a parameter can''t stand in a stage model | line 1, column 11: "$1 = 1 THEN ''x'' END"'),
('CASE WHEN ARRAY[1] IS NULL THEN ''x'' END', '0A000 | an array can''t stand in a stage model | line 1, column 11: "ARRAY[1] IS NULL THEN ''x'' END"'),
('CASE WHEN (orders, 1) = (1, 1) THEN ''x'' END', '0A000 | a row can''t stand in a stage model | line 1, column 11: "(orders, 1) = (1, 1) THEN ''x'' END"'),
('CASE WHEN coalesce(orders, 0) = 1 THEN ''x'' END', '0A000 | COALESCE can''t stand in a stage model | line 1, column 11: "coalesce(orders, 0) = 1 THEN ''x'' END"'),
('CASE WHEN greatest(orders, 0) = 1 THEN ''x'' END', '0A000 | GREATEST or LEAST can''t stand in a stage model | line 1, column 11: "greatest(orders, 0) = 1 THEN ''x'' END"'),
('CASE WHEN current_date IS NULL THEN ''x'' END', '0A000 | the current date, time or user can''t stand in a stage model | line 1, column 11: "current_date IS NULL THEN ''x'' END"'),
('CASE WHEN (orders > 1) IS TRUE THEN ''x'' END', '0A000 | IS TRUE, IS FALSE or IS UNKNOWN can''t stand in a stage model | line 1, column 12: "orders > 1) IS TRUE THEN ''x'' END"'),
('CASE WHEN nullif(orders, 1) = 1 THEN ''x'' END', '0A000 | this operator can''t stand in a stage model | line 1, column 11: "nullif(orders, 1) = 1 THEN ''x'' END"'),
('CASE WHEN (orders + 1).x > 1 THEN ''x'' END', '0A000 | a subscript or field can''t stand in a stage model | line 1, column 12: "orders + 1).x > 1 THEN ''x'' END"'),
('CASE WHEN orders[1] > 1 THEN ''x'' END', '0A000 | a subscript or field can''t stand in a stage model | line 1, column 11: "orders[1] > 1 THEN ''x'' END"'),
('CASE WHEN ((orders[1])[2]).x > 1 THEN ''x'' END', '0A000 | a subscript or field can''t stand in a stage model | line 1, column 13: "orders[1])[2]).x > 1 THEN ''x'' END"'),
('CASE WHEN orders > 1 THEN orders[1] END', '42804 | a stage is expected here: its name in quotes | line 1, column 27: "orders[1] END"'),
-- of this PostgreSQL knows no place
('CASE WHEN orders[1] COLLATE "C" = 1 THEN ''x'' END', '0A000 | COLLATE can''t stand in a stage model'),
('CASE WHEN grouping(orders) > 1 THEN ''x'' END', '0A000 | this expression can''t stand in a stage model | line 1, column 11: "grouping(orders) > 1 THEN ''x'' END"'),
(repeat('CASE WHEN orders > 1 THEN ', 250) || '''x''' || repeat(' END', 250), '54001 | stage model is nested too deeply | line 1, column 5159: "orders > 1 THEN CASE WHEN orders > 1 THE"'),
('orders=1', '42601 | syntax error in stage model: CASE expected | line 1, column 1: "orders=1"'),
('CASE WHEN orders IS DISTINCT FROM 1 THEN ''x'' END', '0A000 | this operator can''t stand in a stage model | line 1, column 18: "IS DISTINCT FROM 1 THEN ''x'' END"'),
('CASE WHEN orders % 2 = 0 THEN ''x'' END', '0A000 | operator % can''t stand in a stage model | line 1, column 18: "% 2 = 0 THEN ''x'' END"'),
('CASE WHEN orders ^ 2 = 0 THEN ''x'' END', '0A000 | operator ^ can''t stand in a stage model | line 1, column 18: "^ 2 = 0 THEN ''x'' END"'),
('CASE WHEN @ orders = 0 THEN ''x'' END', '0A000 | operator @ can''t stand in a stage model | line 1, column 11: "@ orders = 0 THEN ''x'' END"'),
('CASE WHEN orders OPERATOR(pg_catalog.=) 0 THEN ''x'' END', '0A000 | operator = can''t stand in a stage model | line 1, column 18: "OPERATOR(pg_catalog.=) 0 THEN ''x'' END"'),
('CASE WHEN orders = NULL THEN ''x'' END', '0A000 | NULL can''t stand in a stage model | line 1, column 20: "NULL THEN ''x'' END"'),
('CASE WHEN true THEN ''x'' END', '0A000 | only numbers may stand as constants in a stage model | line 1, column 11: "true THEN ''x'' END"'),
('CASE WHEN orders LIKE ''1'' THEN ''x'' END', '0A000 | this operator can''t stand in a stage model | line 1, column 18: "LIKE ''1'' THEN ''x'' END"'),
('CASE WHEN orders COLLATE "C" = 1 THEN ''x'' END', '0A000 | COLLATE can''t stand in a stage model | line 1, column 11: "orders COLLATE "C" = 1 THEN ''x'' END"'),
('CASE WHEN B''1'' = 1 THEN ''x'' END', '0A000 | only numbers may stand as constants in a stage model | line 1, column 11: "B''1'' = 1 THEN ''x'' END"'),
-- names
('CASE WHEN orderz > 1 THEN ''x'' END', '42703 | "orderz" is neither a fact nor a threshold of the stage model | line 1, column 11: "orderz > 1 THEN ''x'' END"'),
('CASE WHEN o.orders > 1 THEN ''x'' END', '0A000 | a stage model knows only simple names | line 1, column 11: "o.orders > 1 THEN ''x'' END"'),
(E'CASE WHEN orders > 1 THEN ''x''\n     WHEN revenue > limit_1 THEN ''y'' END\nWITH (limit_2 = 5)', '42703 | "limit_1" is neither a fact nor a threshold of the stage model | line 2, column 21: "limit_1 THEN ''y'' END"'),
-- types
('CASE WHEN orders THEN ''x'' END', '42804 | a condition is expected here, not a number | line 1, column 11: "orders THEN ''x'' END"'),
('CASE WHEN orders > 1 AND revenue THEN ''x'' END', '42804 | a condition is expected here, not a number | line 1, column 26: "revenue THEN ''x'' END"'),
('CASE WHEN NOT revenue THEN ''x'' END', '42804 | a condition is expected here, not a number | line 1, column 15: "revenue THEN ''x'' END"'),
('CASE WHEN (orders > 1) + 1 > 1 THEN ''x'' END', '42804 | arithmetic needs numbers on both sides | line 1, column 24: "+ 1 > 1 THEN ''x'' END"'),
('CASE WHEN (orders > 1) = 1 THEN ''x'' END', '42804 | only numbers compare with numbers, and conditions with conditions | line 1, column 24: "= 1 THEN ''x'' END"'),
('CASE WHEN -(orders > 1) = 1 THEN ''x'' END', '42804 | a sign needs a number | line 1, column 11: "-(orders > 1) = 1 THEN ''x'' END"'),
('CASE WHEN CASE WHEN orders > 1 THEN 1 ELSE orders = 1 END = 1 THEN ''x'' END', '42804 | results of a CASE must be all numbers or all conditions | line 1, column 44: "orders = 1 END = 1 THEN ''x'' END"'),
('CASE orders WHEN orders > 1 THEN ''x'' END', '42804 | only numbers compare with numbers, and conditions with conditions | line 1, column 18: "orders > 1 THEN ''x'' END"'),
('CASE WHEN orders = ''1'' THEN ''x'' END', '42804 | a string may stand only as a stage, after THEN or ELSE | line 1, column 20: "''1'' THEN ''x'' END"'),
('CASE WHEN CASE WHEN orders = 1 THEN ''a'' END = 1 THEN ''x'' END', '42804 | a string may stand only as a stage, after THEN or ELSE | line 1, column 37: "''a'' END = 1 THEN ''x'' END"'),
-- stages
('CASE WHEN orders > 1 THEN 1 END', '42804 | a stage is expected here: its name in quotes | line 1, column 27: "1 END"'),
('CASE WHEN orders > 1 THEN x END', '42804 | a stage is expected here: its name in quotes | line 1, column 27: "x END"'),
('CASE WHEN orders > 1 THEN NULL END', '42804 | a stage is expected here: its name in quotes | line 1, column 27: "NULL END"'),
('CASE WHEN orders > 1 THEN ''x'' ELSE NULL END', '42804 | a stage is expected here: its name in quotes | line 1, column 36: "NULL END"'),
('CASE WHEN orders > 1 THEN ''x'' || ''y'' END', '42804 | a stage is expected here: its name in quotes | line 1, column 27: "''x'' || ''y'' END"'),
('CASE WHEN orders > 1 THEN '''' END', '22023 | a stage can''t have an empty name | line 1, column 27: "'''' END"'),
('CASE WHEN orders > 1 THEN '' x'' END', '22023 | a stage''s name can''t have control characters, nor begin or end with a space | line 1, column 27: "'' x'' END"'),
('CASE WHEN orders > 1 THEN ''' || repeat('x', 64) || ''' END', '22023 | name of a stage is too long | line 1, column 27: "''xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"'),
-- clocks
('CASE WHEN days_since_order * days_since_visit > 5 THEN ''x'' END', '0A000 | a clock can''t be multiplied by a clock | line 1, column 28: "* days_since_visit > 5 THEN ''x'' END"'),
('CASE WHEN orders / days_since_visit > 5 THEN ''x'' END', '0A000 | a clock can''t be a divisor | line 1, column 18: "/ days_since_visit > 5 THEN ''x'' END"'),
('CASE WHEN revenue / (days_since_visit + 1) > 5 THEN ''x'' END', '0A000 | a clock can''t be a divisor | line 1, column 19: "/ (days_since_visit + 1) > 5 THEN ''x'' EN"'),
('CASE WHEN days_since_order / 7 - days_since_visit > 5 THEN ''x'' END', '0A000 | a divided clock can''t meet another clock | line 1, column 32: "- days_since_visit > 5 THEN ''x'' END"'),
('CASE WHEN days_since_order / 7 > days_since_visit THEN ''x'' END', '0A000 | a divided clock can''t meet another clock | line 1, column 32: "> days_since_visit THEN ''x'' END"'),
('CASE WHEN CASE WHEN orders > 1 THEN days_since_order ELSE 1 END * days_since_visit > 5 THEN ''x'' END', '0A000 | a clock can''t be multiplied by a clock | line 1, column 65: "* days_since_visit > 5 THEN ''x'' END"'),
-- the parts
('', '42704 | stage model "" does not exist'),
('nonsense', '42704 | stage model "nonsense" does not exist'),
('Recency', '42704 | stage model "Recency" does not exist'),
('SELECT 1', '42601 | syntax error in stage model: CASE expected | line 1, column 1: "SELECT 1"'),
('orders > 1', '42601 | syntax error in stage model: CASE expected | line 1, column 1: "orders > 1"'),
('CASE WHEN orders > 1 THEN ''x''', '42601 | stage model ends too early: END expected | line 1, column 30: ""'),
('CASE WHEN CASE WHEN orders > 1 THEN ''x'' END', '42601 | stage model ends too early: END expected | line 1, column 44: ""'),
('CASE WHEN orders > THEN ''x'' END', '42601 | syntax error at or near "THEN" | line 1, column 20: "THEN ''x'' END"'),
('CASE ELSE ''x'' END', '42601 | syntax error at or near "ELSE" | line 1, column 6: "ELSE ''x'' END"'),
('CASE WHEN orders > 1 THEN ''x'' END || ''y''', '42601 | syntax error in stage model: WITH, REQUIRE or end expected | line 1, column 35: "|| ''y''"'),
('CASE WHEN orders > 1 THEN ''x'' END; DROP TABLE t', '42601 | syntax error in stage model: WITH, REQUIRE or end expected | line 1, column 34: "; DROP TABLE t"'),
('CASE WHEN orders > 1 THEN ''x'' END FROM t', '42601 | syntax error in stage model: WITH, REQUIRE or end expected | line 1, column 35: "FROM t"'),
('CASE WHEN orders > 1 THEN ''x END', '42601 | unterminated quoted string at or near "''x END" | line 1, column 27: "''x END"'),
('CASE WHEN orders > 1 /* THEN ''x'' END', '42601 | unterminated /* comment at or near "/* THEN ''x'' END" | line 1, column 22: "/* THEN ''x'' END"'),
('CASE WHEN orders > 1 THEN E''\n'' END', '42601 | a stage model can''t contain a backslash | line 1, column 29: "\n'' END"'),
('CASE WHEN orders > 1 THEN U&''!0061'' UESCAPE ''!'' END', '42601 | a stage model can''t contain Unicode escapes | line 1, column 27: "U&''!0061'' UESCAPE ''!'' END"'),
('CASE WHEN orders > a THEN ''x'' END WITH', '42601 | stage model ends too early: "(" expected | line 1, column 39: ""'),
('CASE WHEN orders > a THEN ''x'' END WITH ()', '42601 | syntax error in stage model: name of a threshold expected | line 1, column 41: ")"'),
('CASE WHEN orders > a THEN ''x'' END WITH (a = )', '42601 | syntax error in stage model: number or NULL expected | line 1, column 45: ")"'),
('CASE WHEN orders > a THEN ''x'' END WITH (a = 1 + 1)', '42601 | syntax error in stage model: "," or ")" expected | line 1, column 47: "+ 1)"'),
('CASE WHEN orders > a THEN ''x'' END WITH (a = b)', '42601 | syntax error in stage model: number or NULL expected | line 1, column 45: "b)"'),
('CASE WHEN orders > a THEN ''x'' END WITH (a 1)', '42601 | syntax error in stage model: "," or ")" expected | line 1, column 43: "1)"'),
('CASE WHEN orders > a THEN ''x'' END WITH (a = 1, a = 2)', '42710 | threshold "a" is given twice | line 1, column 48: "a = 2)"'),
('CASE WHEN orders > 1 THEN ''x'' END WITH (orders = 1)', '42710 | "orders" is a fact and can''t be a threshold | line 1, column 41: "orders = 1)"'),
('CASE WHEN orders > 1 THEN ''x'' END WITH (orders_in = 1)', '42710 | "orders_in" is a fact and can''t be a threshold | line 1, column 41: "orders_in = 1)"'),
('CASE WHEN orders > 1 THEN ''x'' END WITH ("Big" = 1)', '42602 | "Big" can''t be the name of a threshold | line 1, column 41: ""Big" = 1)"'),
('CASE WHEN orders > 1 THEN ''x'' END WITH (select = 1)', '42602 | "select" can''t be the name of a threshold | line 1, column 41: "select = 1)"'),
('CASE WHEN orders > a THEN ''x'' END WITH (a = 1) x', '42601 | syntax error in stage model: REQUIRE or end expected | line 1, column 48: "x"'),
('CASE WHEN orders > a THEN ''x'' END WITH (a = 1) REQUIRE', '42601 | stage model ends too early: "(" expected | line 1, column 55: ""'),
('CASE WHEN orders > a THEN ''x'' END WITH (a = 1) REQUIRE (a > 0', '42601 | stage model ends too early: ")" expected | line 1, column 62: ""'),
('CASE WHEN orders > a THEN ''x'' END WITH (a = 1) REQUIRE ()', '42601 | syntax error at or near ")" | line 1, column 57: ")"'),
('CASE WHEN orders > a THEN ''x'' END WITH (a = 1) REQUIRE (a)', '42804 | a condition is expected here, not a number | line 1, column 57: "a)"'),
('CASE WHEN orders > a THEN ''x'' END WITH (a = 1) REQUIRE (a > orders)', '0A000 | REQUIRE speaks of thresholds, not of facts | line 1, column 61: "orders)"'),
('CASE WHEN orders > a THEN ''x'' END WITH (a = 1) REQUIRE (a > orders_in(3))', '0A000 | REQUIRE speaks of thresholds, not of facts | line 1, column 61: "orders_in(3))"'),
('CASE WHEN orders > a THEN ''x'' END WITH (a = 1) REQUIRE (a > 2)', '22023 | thresholds break a condition of the stage model | line 1, column 56: "(a > 2)"'),
('CASE WHEN orders > a THEN ''x'' END WITH (a = 1, b = 3) REQUIRE (a < b, a > 1)', '22023 | thresholds break a condition of the stage model | line 1, column 63: "(a < b, a > 1)"'),
-- limits
('CASE WHEN orders > 1 THEN ''x'' END' || repeat(' ', 70000), '54000 | text of a stage model is too long'),
('CASE WHEN ' || repeat('1 + ', 300) || 'orders > 1 THEN ''x'' END', '54001 | stage model is nested too deeply | line 1, column 11: "1 + 1 + 1 + 1 + 1 + 1 + 1 + 1 + 1 + 1 + "'),
('CASE WHEN orders > 1' || repeat(' THEN ''x'' WHEN orders > 1', 1000) || ' THEN ''x'' END', '54000 | too many branches | line 1, column 25006: "WHEN orders > 1 THEN ''x'' END"'),
((SELECT 'CASE' || string_agg(format(' WHEN orders > 1 THEN ''%s''', i), '') || ' END' FROM generate_series(1, 251) AS i), '54000 | too many stages | line 1, column 6669: "''251'' END"'),
((SELECT 'CASE WHEN orders > 1 THEN ''x'' END WITH (' || string_agg('t' || i || ' = 1', ', ') || ')' FROM generate_series(1, 65) AS i), '54000 | too many thresholds | line 1, column 608: "t65 = 1)"'),
('CASE WHEN ' || repeat('CASE WHEN orders > 1 THEN 1 WHEN orders > 2 THEN 2 END + ', 12) || '1 > 1 THEN ''x'' END', '54001 | too many clocks and nested CASE expressions | line 1, column 522: "+ CASE WHEN orders > 1 THEN 1 WHEN order"'),
('CASE WHEN ' || repeat('(', 5) || 'orders' || repeat(' BETWEEN SYMMETRIC 1 AND 2)', 0) || ' > 1' || repeat(') BETWEEN SYMMETRIC (orders > 1) AND (orders > 2)', 5) || ' THEN ''x'' END', 'accepted'),
('CASE WHEN ' || repeat('(', 12) || 'orders > 1' || repeat(') BETWEEN SYMMETRIC (orders > 1) AND (orders > 2)', 12) || ' THEN ''x'' END', '54001 | stage model is too complex | line 1, column 280: "BETWEEN SYMMETRIC (orders > 1) AND (orde"');

SELECT is(refusal(model), expected, 'refused: ' || left(translate(model, E'\n', ' '), 70)) FROM refused ORDER BY n;

-- with a cursor position that psql and other clients can show
SELECT throws_ok($$SELECT 'CASE WHEN foo > 1 THEN ''x'' END'::crmlife.lifecycle_model$$, '42703');

-- a name says how own models are used
CREATE FUNCTION hint(text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
  result text;
BEGIN
  EXECUTE $1;
  RETURN 'accepted';
EXCEPTION WHEN OTHERS THEN
  GET STACKED DIAGNOSTICS result = PG_EXCEPTION_HINT;
  RETURN result;
END $$;
SELECT is(hint($$SELECT 'mine'::crmlife.lifecycle_model$$),
  'A model of your own is the text CASE ... END, or (SELECT model FROM crmlife.model WHERE name = ''mine'').',
  'hint at crmlife.model');
SELECT is(hint($$SELECT 'CASE WHEN orders > big THEN ''x'' END'::crmlife.lifecycle_model$$),
  'Facts are orders, order_days, revenue, average_order, days_since_order, days_since_first_order, days_since_visit, '
  'days_since_active, days_since_registered, orders_in(days), revenue_in(days) and visits_in(days). A threshold is declared after the CASE: END WITH (big = 30).',
  'hint at the facts');
SELECT is(hint($$SELECT lifecycle_stage(1, 2, '2025-01-01', '2025-01-02', 'engagement')$$),
  'Bind it: with_threshold(model, ''order_value'', value).', 'hint at with_threshold');

SELECT * FROM finish();
