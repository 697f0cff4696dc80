-- A model however it is passed: as a literal, from a table, where a long one
-- is compressed or stored apart, by a variable, by effective_model in each row.
\set ECHO none
\pset format unaligned
\pset tuples_only true
SET client_min_messages = warning;
DROP SCHEMA IF EXISTS passed CASCADE;
CREATE SCHEMA passed;
SET search_path = passed, public;
SET TimeZone = 'UTC';
SELECT no_plan();

-- ----- values of a table -----
-- of one branch, of some, of so many that they are compressed, and stored apart
CREATE TABLE models (name text, model crmlife.lifecycle_model);
INSERT INTO models
SELECT branches || ' branches, ' || variant,
       ('CASE ' || string_agg(format('WHEN days_since_order < %s AND orders <> %s THEN ''%s''', i * 7 + variant,
          ('x' || substr(md5(i::text), 1, 6))::bit(24)::int, CASE WHEN branches < 100 THEN 'stage ' || i ELSE md5((i % 40)::text) END), ' ') || ' ELSE ''x'' END')::crmlife.lifecycle_model
FROM unnest(ARRAY[1, 5, 60, 200]) AS branches, generate_series(0, 2) AS variant, generate_series(1, branches) AS i GROUP BY branches, variant;
CREATE TABLE packed (LIKE models);
ALTER TABLE packed ALTER model SET STORAGE EXTERNAL;
INSERT INTO packed SELECT name || ', apart', model::text::crmlife.lifecycle_model FROM models;
SELECT ok(bool_or(pg_column_size(model) < length(model::text) / 2), 'some are compressed') FROM models;
SELECT ok(pg_relation_size(reltoastrelid) > 0, relname || ': some are stored apart') FROM (SELECT * FROM pg_class WHERE oid IN ('models'::regclass, 'packed'::regclass) ORDER BY relname OFFSET 0) AS c;
INSERT INTO models SELECT * FROM packed;

CREATE TABLE customer AS SELECT i AS id, i % 4 AS orders, CASE WHEN i % 4 > 0 THEN date '2025-01-01' - i % 1500 END AS last_order FROM generate_series(1, 300) AS i;
CREATE TABLE purchases AS SELECT id, last_order - i AS at, 10.0 AS amount FROM customer, generate_series(0, 2) AS i WHERE orders > i;
-- what each says when the model is a literal
CREATE TABLE literal (name text, id int, columns text, history text, rows text);
DO $$
DECLARE
  m record;
BEGIN
  FOR m IN SELECT * FROM models LOOP
    EXECUTE format('INSERT INTO literal SELECT %L, c.id, lifecycle_stage(c.orders, NULL, c.last_order, date ''2025-01-01'', %L),
      lifecycle_stage(o.h, date ''2025-01-01'', %2$L), o.stage
      FROM customer AS c LEFT JOIN (SELECT id, lifecycle_stage(at, amount, date ''2025-01-01'', %2$L) AS stage, purchase_history(at, amount) AS h FROM purchases GROUP BY id) AS o USING (id)',
      m.name, m.model);
  END LOOP;
END $$;
SELECT is(count(DISTINCT columns), 84::bigint, 'stages of all kinds') FROM literal;

-- by a subquery
CREATE FUNCTION by_subquery(name text) RETURNS TABLE (id int, columns text, history text, rows text) LANGUAGE plpgsql AS $$
BEGIN
  RETURN QUERY EXECUTE format('SELECT c.id, lifecycle_stage(c.orders, NULL, c.last_order, date ''2025-01-01'', (SELECT model FROM passed.models WHERE name = %L)),
      lifecycle_stage(o.h, date ''2025-01-01'', (SELECT model FROM passed.models WHERE name = %1$L)), o.stage
      FROM passed.customer AS c LEFT JOIN (SELECT id, lifecycle_stage(at, amount, date ''2025-01-01'', (SELECT model FROM passed.models WHERE name = %1$L)) AS stage,
        purchase_history(at, amount) AS h FROM passed.purchases GROUP BY id) AS o USING (id)', name);
END $$;
SELECT is(count(*) FILTER (WHERE (s.columns, s.history, s.rows) IS DISTINCT FROM (l.columns, l.history, l.rows)), 0::bigint, 'by a subquery')
FROM models AS m, LATERAL by_subquery(m.name) AS s, literal AS l WHERE l.name = m.name AND l.id = s.id;
-- by a column: another one in each row, and the same for a while
SELECT is(count(*) FILTER (WHERE stage IS DISTINCT FROM columns), 0::bigint, 'by a column, ordered by ' || what)
FROM (SELECT 'customer' AS what, l.columns, lifecycle_stage(c.orders, NULL, c.last_order, date '2025-01-01', m.model) AS stage
      FROM (SELECT * FROM customer, models ORDER BY id, name OFFSET 0) AS c (id, orders, last_order, name, model) JOIN models AS m USING (name) JOIN literal AS l USING (id, name)
      UNION ALL
      SELECT 'model', l.columns, lifecycle_stage(c.orders, NULL, c.last_order, date '2025-01-01', c.model)
      FROM (SELECT * FROM customer, models ORDER BY name, id OFFSET 0) AS c (id, orders, last_order, name, model) JOIN literal AS l USING (id, name)) AS s GROUP BY what ORDER BY what;
SELECT is(count(*) FILTER (WHERE stage IS DISTINCT FROM rows), 0::bigint, 'by a column, of an aggregate')
FROM (SELECT m.name, p.id, lifecycle_stage(at, amount, date '2025-01-01', model) AS stage FROM purchases AS p, models AS m GROUP BY p.id, m.name) AS s JOIN literal AS l USING (id, name);
SELECT throws_ok($$SELECT lifecycle_stage(at, amount, date '2025-01-01', model) FROM purchases, models WHERE id = 1$$,
  '22023', 'model of lifecycle_stage differs between the rows of a group', 'not two models in a group');
-- by a variable that takes one value after the other
CREATE FUNCTION by_variable() RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
  c record;
  m crmlife.lifecycle_model;
  differ bigint := 0;
BEGIN
  FOR c IN SELECT customer.*, models.name, models.model, l.columns FROM customer, models JOIN literal AS l USING (name) WHERE l.id = customer.id AND l.id < 60 LOOP
    m := c.model;
    IF lifecycle_stage(c.orders, NULL, c.last_order, date '2025-01-01', m) IS DISTINCT FROM c.columns THEN
      differ := differ + 1;
    END IF;
  END LOOP;
  RETURN differ;
END $$;
SELECT is(by_variable(), 0::bigint, 'by a variable');

-- ----- effective_model in each row -----
CREATE TABLE member (id int, joined date, level text);
INSERT INTO member SELECT id, date '2024-01-01', (ARRAY['gold', 'silver', NULL])[1 + id % 3] FROM customer;
SELECT crmlife.create_stage_table('stages', 'purchases', 'id', 'at', 'amount', members => 'member', member_customer => 'id', registered_at => 'joined', segment => 'level',
  timezone => 'UTC', capture => 'full') IS NOT NULL AS made \gset
SELECT crmlife.refresh('stages', '2025-01-01', true) IS NOT NULL AS refreshed \gset
SELECT crmlife.set_threshold('stages', 'active_days', 60), crmlife.set_threshold('stages', 'active_days', 200, 'gold') \g /dev/null
CREATE FUNCTION differing() RETURNS bigint LANGUAGE sql AS $$
  SELECT count(*) FILTER (WHERE stage IS DISTINCT FROM lifecycle_stage(orders, revenue, last_order_at::date, date '2025-01-01', crmlife.effective_model('stages', segment),
    registered => registered_at::date)) FROM stages $$;
SELECT is(differing(), 0::bigint, 'the models of segments, row by row');
SELECT is(count(*), 2::bigint, 'of which there are two') FROM (SELECT DISTINCT crmlife.effective_model('stages', segment)::text FROM stages) AS d;

-- one call site that stays for the whole transaction sees every change
CREATE FUNCTION active_days() RETURNS numeric LANGUAGE plpgsql STABLE AS $$
DECLARE
  model crmlife.lifecycle_model;
BEGIN
  model := crmlife.effective_model('stages');
  RETURN (SELECT value FROM model_thresholds(model) WHERE name = 'active_days');
END $$;
CREATE FUNCTION changing() RETURNS text LANGUAGE plpgsql AS $$
DECLARE
  seen text := active_days();
BEGIN
  PERFORM crmlife.set_threshold('stages', 'active_days', 61);
  seen := seen || ' ' || active_days();
  BEGIN
    PERFORM crmlife.set_threshold('stages', 'active_days', 62);
    seen := seen || ' ' || active_days();
    RAISE division_by_zero;
  EXCEPTION WHEN division_by_zero THEN
    seen := seen || ' ' || active_days();
  END;
  PERFORM crmlife.set_threshold('stages', 'active_days', 60);
  RETURN seen || ' ' || active_days();
END $$;
SELECT is(changing(), '60 61 62 61 60', 'changes, and one that is rolled back');
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT is(changing(), '60 61 62 61 60', 'with one snapshot too');
COMMIT;
-- who may not read the table may not, though somebody else asked before
CREATE ROLE passed_reader;
GRANT USAGE ON SCHEMA passed TO passed_reader;
CREATE FUNCTION asking(reader name) RETURNS numeric LANGUAGE plpgsql AS $$
BEGIN
  PERFORM set_config('role', reader, true);
  RETURN active_days();
END $$;
SELECT throws_ok($$SELECT string_agg(asking(who)::text, ' ') FROM unnest(ARRAY['none', 'passed_reader']) AS who$$, '42501', NULL, 'whoever asked before');
SELECT throws_ok($$SELECT crmlife.effective_model(t) FROM unnest(ARRAY['stages', 'member']::regclass[]) AS t$$, '42704', 'passed.member is not a stage table', 'another table in the next row');
SELECT crmlife.drop_stage_table('stages') \g /dev/null
REVOKE USAGE ON SCHEMA passed FROM passed_reader;
DROP ROLE passed_reader;
DROP SCHEMA passed CASCADE;
SELECT finish();
