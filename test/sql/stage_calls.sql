-- Stage tables over every kind of source: key types, time types, expressions,
-- names, filters, order keys, visits, members, views, partitions, zones.  Each
-- is filled, written to in every way, refreshed after each write, and compared
-- with plain SQL written by hand; only the customers concerned may be touched.
\set ECHO none
\pset format unaligned
\pset tuples_only true
\set QUIET on
SET client_min_messages = error;
SET timezone = 'America/Chicago';
SET datestyle = 'ISO';
SET jit = off;
BEGIN;
SELECT no_plan();
CREATE EXTENSION citext;
CREATE EXTENSION postgres_fdw;
CREATE SCHEMA calls;
SET search_path = calls, public;
CREATE DOMAIN member_no AS int CHECK (value > 0);
CREATE DOMAIN member_code AS varchar(12);

-- customer i as a key of each type
CREATE FUNCTION key(i int, type text) RETURNS text LANGUAGE sql IMMUTABLE AS $$
  SELECT CASE type
    WHEN 'uuid' THEN '6f0dd5ab-0000-4000-8000-' || lpad(i::text, 12, '0')
    WHEN 'citext' THEN CASE WHEN i % 2 = 0 THEN 'Bob ' ELSE 'bob ' END || i / 2
    WHEN 'text' THEN CASE i WHEN 3 THEN '' WHEN 4 THEN ' ' WHEN 5 THEN 'o''Brien "x"' ELSE 'Kundé ' || i END
    WHEN 'varchar' THEN 'customer ' || i
    WHEN 'varchar(9)' THEN 'c' || i || CASE WHEN i % 2 = 0 THEN ' ' ELSE '' END
    WHEN 'character(8)' THEN 'c' || i
    WHEN 'member_code' THEN 'M-' || i
    WHEN 'name' THEN 'n' || i
    WHEN 'bigint' THEN (i * 1000000000000)::text
    WHEN 'smallint' THEN (i - 8)::text
    ELSE i::text END
$$;

-- One row is one case.  The oracle's row of orders is (customer, local at,
-- amount, order key, does it count), written over the columns of the source.
CREATE TABLE cases (
  n int GENERATED ALWAYS AS IDENTITY, what text, key_type text DEFAULT 'int', time_type text DEFAULT 'timestamptz',
  stage_name text, arguments text, zone text DEFAULT 'UTC',
  at text, amount text DEFAULT 'cents::numeric', okey text, filter text DEFAULT 'true',
  visits bool DEFAULT false, members text, source text DEFAULT 'table', column_type text);

INSERT INTO cases (what, key_type, column_type) VALUES
  ('int', 'int', 'integer'), ('bigint', 'bigint', 'bigint'), ('smallint', 'smallint', 'smallint'), ('uuid', 'uuid', 'uuid'),
  ('text', 'text', 'text'), ('varchar', 'varchar(9)', 'character varying(9)'), ('char', 'character(8)', 'character(8)'),
  ('domain over int', 'member_no', 'integer'), ('domain over varchar', 'member_code', 'character varying(12)'),
  ('citext', 'citext', 'text'), ('name', 'name', 'text'), ('varchar of any length', 'varchar', 'character varying');
INSERT INTO cases (what, time_type, zone, arguments, at) VALUES
  ('date', 'date', 'Asia/Shanghai', '', 'at::timestamp'),
  ('timestamp', 'timestamp', 'Asia/Shanghai', '', 'at'),
  ('timestamptz in Shanghai', 'timestamptz', 'Asia/Shanghai', '', NULL),
  ('timestamptz in New York', 'timestamptz', 'America/New_York', '', NULL),
  ('timestamptz in Kolkata', 'timestamptz', 'Asia/Kolkata', '', NULL),
  ('timestamptz on Lord Howe', 'timestamptz', 'Australia/Lord_Howe', '', NULL),
  ('timestamptz in Beirut', 'timestamptz', 'Asia/Beirut', '', NULL),
  ('UTC kept in timestamp', 'timestamp', 'Asia/Shanghai', $$ordered_at => 'at AT TIME ZONE ''UTC'''$$,
   $$at AT TIME ZONE 'UTC' AT TIME ZONE 'Asia/Shanghai'$$),
  ('a zone of its own', 'timestamptz', 'UTC', $$ordered_at => 'at AT TIME ZONE ''Asia/Tokyo'''$$,
   $$at AT TIME ZONE 'Asia/Tokyo'$$),
  ('six hours later', 'timestamp', 'UTC', $$ordered_at => 'at + interval ''6 hours'''$$, $$at + interval '6 hours'$$);
INSERT INTO cases (what, arguments, amount, filter, okey) VALUES
  ('an amount in cents', $$amount => 'cents / 100.0'$$, 'cents / 100.0', 'true', NULL),
  ('a net amount', $$amount => 'round(cents / 1.13, 4)'$$, 'round(cents / 1.13, 4)', 'true', NULL),
  ('an amount by CASE', $$amount => 'CASE status WHEN ''gift'' THEN 0 ELSE cents END'$$, $$CASE WHEN status = 'gift' THEN 0 ELSE cents END$$, 'true', NULL),
  ('a constant amount', $$amount => '1'$$, '1', 'true', NULL),
  ('a filter', $$order_filter => 'status <> ''cancelled'''$$, 'cents', $$status <> 'cancelled'$$, NULL),
  ('a filter that may be unknown', $$order_filter => 'cents > 0 OR status = ''gift'''$$, 'cents', $$cents > 0 OR status = 'gift'$$, NULL),
  ('an order key', $$order_key => 'order_no'$$, 'cents', 'true', 'order_no'),
  ('an order key by expression', $$order_key => 'lower(order_no) || status'$$, 'cents', 'true', 'lower(order_no) || status'),
  ('an order key and a filter', E'order_key => ''order_no''\norder_filter => ''status <> ''''cancelled''''''', 'cents', $$status <> 'cancelled'$$, 'order_no');
INSERT INTO cases (what, stage_name, arguments) VALUES
  ('a name in upper case', '"Stages"', ''),
  ('a name with spaces and quotes', '"the ""stage"" table"', ''),
  ('a qualified name', '"my schema"."Stages"', ''),
  ('a long name', repeat('s', 55), ''),
  ('customer_column', NULL, $$customer_column => 'stages''s "buyer"'$$),
  ('a model of its own', NULL, $$model => 'CASE WHEN orders = 0 THEN ''none'' WHEN revenue / orders > big THEN ''big'' WHEN days_since_order % 7 < 3 THEN ''x'' ELSE ''small'' END WITH (big = 40)'$$),
  ('engagement', NULL, $$model => 'kpi_bands'$$);
UPDATE cases SET arguments = $$model => 'CASE WHEN orders = 0 THEN ''none'' WHEN average_order > big THEN ''big'' WHEN days_since_first_order > 100 THEN ''old'' ELSE ''small'' END WITH (big = 40)'$$
WHERE what = 'a model of its own';
UPDATE cases SET what = 'kpi_bands' WHERE what = 'engagement';
INSERT INTO cases (what, key_type, visits, members, arguments, column_type) VALUES
  ('visits', 'int', true, NULL, '', 'bigint'),
  ('visits of text', 'text', true, NULL, '', 'text'),
  ('members with a date', 'int', false, 'registered', '', 'bigint'),
  ('members without a date', 'character(8)', false, 'NULL::date', '', 'text'),
  ('visits, members, engagement', 'uuid', true, 'registered', $$model => with_threshold('engagement', 'order_value', 30)$$, 'uuid'),
  ('visits with a filter', 'smallint', true, 'registered', $$visit_filter => 'page <> ''bot'''$$, 'bigint');
INSERT INTO cases (what, source, arguments, key_type) VALUES
  ('a view', 'view', $$capture => 'full'$$, 'int'),
  ('a materialized view', 'materialized view', $$capture => 'full'$$, 'text'),
  ('a foreign table', 'foreign', $$capture => 'full'$$, 'int'),
  ('a table by full reads', 'table', $$capture => 'full'$$, 'uuid'),
  ('an unlogged table by full reads', 'unlogged', $$capture => 'full'$$, 'int'),
  ('partitions', 'partitioned', '', 'int'),
  ('partitions of partitions', 'nested', '', 'text'),
  ('inheritance', 'inherited', '', 'int'),
  ('columns with strange names', 'strange', $$customer => 'The "Customer"'
ordered_at => 'Paid At'
amount => '"now" / 1'$$, 'int');
UPDATE cases SET
  stage_name = coalesce(stage_name, 'stages_' || n),
  arguments = coalesce(arguments, ''),
  at = coalesce(at, format('at AT TIME ZONE %L', zone));

CREATE SCHEMA "my schema";
CREATE TABLE trouble (n int, what text, detail text);

-- ----- the sources -----
CREATE FUNCTION make_source(c cases) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  o text := 'orders_' || c.n;
  columns text := format('(customer %s, at %s, cents int, status text, order_no text, id int)', c.key_type, c.time_type);
BEGIN
  CASE c.source
    WHEN 'partitioned' THEN
      EXECUTE format('CREATE TABLE %I %s PARTITION BY LIST (status)', o, columns);
      EXECUTE format('CREATE TABLE %I PARTITION OF %I FOR VALUES IN (''paid'', ''gift'')', o || '_a', o);
      EXECUTE format('CREATE TABLE %I PARTITION OF %I DEFAULT', o || '_b', o);
    WHEN 'nested' THEN
      EXECUTE format('CREATE TABLE %I %s PARTITION BY LIST (status)', o, columns);
      EXECUTE format('CREATE TABLE %I PARTITION OF %I FOR VALUES IN (''paid'') PARTITION BY HASH (customer)', o || '_a', o);
      EXECUTE format('CREATE TABLE %I PARTITION OF %I FOR VALUES WITH (MODULUS 2, REMAINDER 0)', o || '_a0', o || '_a');
      EXECUTE format('CREATE TABLE %I PARTITION OF %I FOR VALUES WITH (MODULUS 2, REMAINDER 1)', o || '_a1', o || '_a');
      EXECUTE format('CREATE TABLE %I PARTITION OF %I DEFAULT', o || '_b', o);
    WHEN 'inherited' THEN
      EXECUTE format('CREATE TABLE %I %s', o, columns);
      EXECUTE format('CREATE TABLE %I () INHERITS (%I)', o || '_a', o);
      EXECUTE format('CREATE TABLE %I (remark text) INHERITS (%I)', o || '_b', o);
    WHEN 'unlogged' THEN EXECUTE format('CREATE UNLOGGED TABLE %I %s', o, columns);
    ELSE EXECUTE format('CREATE TABLE %I %s', o, columns);
  END CASE;
  EXECUTE format($q$
    INSERT INTO %I (customer, at, cents, status, order_no, id)
    SELECT key(1 + (i * i) %% 13, %L)::%s,
           (timestamp '2024-09-01 00:20' + i * interval '2 days 7 hours 43 minutes') AT TIME ZONE 'UTC',
           CASE WHEN i %% 13 = 5 THEN NULL WHEN i %% 9 = 4 THEN -i %% 50 ELSE i %% 83 END,
           (ARRAY['paid', 'paid', 'paid', 'cancelled', 'gift'])[1 + i %% 5],
           CASE WHEN i %% 6 > 0 THEN 'No ' || i / 3 END, i
    FROM generate_series(1, 120) i$q$, o, c.key_type, c.key_type);
  EXECUTE format($q$INSERT INTO %I (customer, at, cents, status, id) VALUES (NULL, '2025-01-01', 1, 'paid', -1),
    (%L, NULL, 1, 'paid', -2), (%L, '2025-08-01', 8, 'paid', -3), (%L, '2025-07-15', 8, 'paid', -4)$q$,
    o, key(2, c.key_type), key(3, c.key_type), key(15, c.key_type));
  IF c.source = 'view' THEN
    EXECUTE format('CREATE VIEW %I AS SELECT * FROM %I', 'source_' || c.n, o);
  ELSIF c.source = 'materialized view' THEN
    EXECUTE format('CREATE MATERIALIZED VIEW %I AS SELECT * FROM %I', 'source_' || c.n, o);
  ELSIF c.source = 'strange' THEN
    EXECUTE format('ALTER TABLE %I RENAME customer TO "The ""Customer"""', o);
    EXECUTE format('ALTER TABLE %I RENAME at TO "Paid At"', o);
    EXECUTE format('ALTER TABLE %I RENAME cents TO now', o);
    EXECUTE format('CREATE VIEW %I AS SELECT "The ""Customer""" AS customer, "Paid At" AS at, now AS cents, status, order_no, id FROM %I', 'plain_' || c.n, o);
  ELSIF c.source = 'foreign' THEN
    EXECUTE format('CREATE SERVER IF NOT EXISTS here FOREIGN DATA WRAPPER postgres_fdw OPTIONS (dbname %L, port %L)',
                   current_database(), current_setting('port'));
    EXECUTE format('CREATE FOREIGN TABLE %I %s SERVER here', 'source_' || c.n, columns);
  END IF;
  IF c.visits THEN
    EXECUTE format('CREATE TABLE %I (visitor %s, day date, page text)', 'visits_' || c.n, c.key_type);
    EXECUTE format($q$INSERT INTO %I SELECT key(1 + (i * 7) %% 16, %L)::%s, date '2024-12-01' + i * 3, (ARRAY['home', 'bot'])[1 + i %% 2]
                     FROM generate_series(1, 60) i$q$, 'visits_' || c.n, c.key_type, c.key_type);
  END IF;
  IF c.members IS NOT NULL THEN
    EXECUTE format('CREATE TABLE %I (member %s, registered date)', 'members_' || c.n, c.key_type);
    EXECUTE format($q$INSERT INTO %I SELECT key(i, %L)::%s, CASE WHEN i %% 4 > 0 THEN date '2024-08-01' + i * 21 END
                     FROM generate_series(1, 18) i$q$, 'members_' || c.n, c.key_type, c.key_type);
  END IF;
END $$;

CREATE FUNCTION source_of(c cases) RETURNS text LANGUAGE sql AS $$
  SELECT CASE WHEN c.source IN ('view', 'materialized view', 'foreign') THEN 'source_' ELSE 'orders_' END || c.n
$$;

CREATE FUNCTION make_stage_table(c cases) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  EXECUTE (
    SELECT 'SELECT crmlife.create_stage_table(' || string_agg(format('%s => %s', k, v), ', ') || ')'
    FROM (SELECT DISTINCT ON (k) k, v FROM (
            SELECT 0 AS rank, split_part(a, ' => ', 1) AS k, substr(a, strpos(a, ' => ') + 4) AS v
            FROM regexp_split_to_table(c.arguments, E'\n') a WHERE a <> ''
            UNION ALL SELECT 1, * FROM (VALUES
              ('name', quote_literal(c.stage_name)), ('orders', quote_literal(source_of(c))), ('customer', $q$'customer'$q$),
              ('ordered_at', $q$'at'$q$), ('amount', $q$'cents'$q$), ('timezone', quote_literal(c.zone))) d
            UNION ALL SELECT 1, * FROM (VALUES ('visits', quote_literal('visits_' || c.n)), ('visit_customer', $q$'visitor'$q$),
              ('visited_at', $q$'day'$q$)) v WHERE c.visits
            UNION ALL SELECT 1, * FROM (VALUES ('members', quote_literal('members_' || c.n)), ('member_customer', $q$'member'$q$)) m
              WHERE c.members IS NOT NULL
            UNION ALL SELECT 1, 'registered_at', $q$'registered'$q$ WHERE c.members = 'registered') x
          ORDER BY k, rank) y);
END $$;

-- ----- the oracle -----
-- (customer, orders, days, revenue, first, last, active, registered, stage)
CREATE FUNCTION expected(c cases, as_of date) RETURNS TABLE (
  customer text, orders bigint, order_days bigint, revenue numeric, first_at timestamp, last_at timestamp,
  active_at timestamp, registered timestamp, stage text)
LANGUAGE plpgsql AS $$
BEGIN
  RETURN QUERY EXECUTE format($q$
    WITH r AS (SELECT customer::text, (%1$s)::timestamp AS at, (%2$s)::numeric AS amount,
                      coalesce('k' || (%3$s), 'r' || row_number() OVER ()) || '/' || customer::text AS okey
               FROM %4$I WHERE customer IS NOT NULL AND (%1$s) IS NOT NULL AND (%5$s) AND ((%1$s)::timestamp)::date <= $1),
    o AS (SELECT customer, okey, sum(amount) AS net, coalesce(bool_or(amount < 0), false) AS refunded,
                 min(at) FILTER (WHERE amount >= 0 OR amount IS NULL) AS at FROM r GROUP BY 1, 2),
    f AS (SELECT customer, count(*) AS orders, count(DISTINCT at::date) AS days, min(at) AS first_at, max(at) AS last_at
          FROM o WHERE at IS NOT NULL AND NOT (refunded AND coalesce(net, 0) <= 0) GROUP BY 1),
    v AS (%6$s), m AS (%7$s),
    k AS (SELECT customer FROM r UNION SELECT customer FROM v UNION SELECT customer FROM m),
    x AS (SELECT k.customer, coalesce(f.orders, 0) AS orders, coalesce(f.days, 0) AS days,
                 coalesce((SELECT sum(amount) FROM r WHERE r.customer = k.customer), 0) AS revenue,
                 f.first_at, f.last_at, v.at AS visit_at, m.at AS registered
          FROM k LEFT JOIN f USING (customer) LEFT JOIN v USING (customer) LEFT JOIN m USING (customer)),
    e AS MATERIALIZED (SELECT crmlife.effective_model(%8$L) AS model)
    SELECT customer, orders, days, revenue, first_at, last_at, greatest(last_at, visit_at), registered,
           lifecycle_stage(orders, revenue, last_at::date, $1, model, first_at::date, visit_at::date, registered::date, days)
    FROM x, e$q$,
    c.at, c.amount, coalesce(c.okey, 'NULL::text'), CASE c.source WHEN 'strange' THEN 'plain_' ELSE 'orders_' END || c.n, c.filter,
    CASE WHEN c.visits THEN format(
      'SELECT visitor::text AS customer, max(day)::timestamp AS at FROM %I WHERE day <= $1 AND %s GROUP BY 1', 'visits_' || c.n,
      CASE WHEN c.arguments LIKE '%visit_filter%' THEN 'page <> ''bot''' ELSE 'true' END)
      ELSE 'SELECT NULL::text AS customer, NULL::timestamp AS at WHERE false' END,
    CASE WHEN c.members IS NOT NULL THEN format(
      'SELECT member::text AS customer, min(%1$s)::timestamp AS at FROM %2$I WHERE %1$s <= $1 OR %1$s IS NULL GROUP BY 1', c.members, 'members_' || c.n)
      ELSE 'SELECT NULL::text AS customer, NULL::timestamp AS at WHERE false' END,
    c.stage_name)
  USING as_of;
END $$;

CREATE FUNCTION compare(c cases, as_of date, step text) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  own text := (SELECT customer_column FROM crmlife.stage_table WHERE stage_table = c.stage_name::regclass);
  difference record;
  found int := 0;
BEGIN
  FOR difference IN EXECUTE format($q$
    SELECT s.customer AS stored_customer, e.customer AS customer, s, e
    FROM (SELECT %1$I::text AS customer, orders, order_days, revenue, average_order, first_order_at, last_order_at, last_active_at,
                 registered_at, stage, loyalty FROM %2$s) s
    FULL JOIN expected($1, $2) e ON s.customer = e.customer
    WHERE (s.orders, s.order_days, s.revenue, s.first_order_at, s.last_order_at, s.last_active_at, s.registered_at, s.stage)
      IS DISTINCT FROM (e.orders, e.order_days, e.revenue, e.first_at, e.last_at, e.active_at, e.registered, e.stage)
      OR s.average_order IS DISTINCT FROM e.revenue / nullif(e.orders, 0)
      OR s.loyalty IS DISTINCT FROM CASE WHEN e.orders = 1 THEN 'new' WHEN e.orders > 1 THEN 'returning' END
    LIMIT 3$q$, own, c.stage_name) USING c, as_of
  LOOP
    INSERT INTO trouble VALUES (c.n, c.what, step || ': ' || difference::text);
  END LOOP;
  FOR difference IN SELECT * FROM crmlife.verify(c.stage_name::regclass) LIMIT 3 LOOP
    INSERT INTO trouble VALUES (c.n, c.what, step || ', verify: ' || difference::text);
  END LOOP;
END $$;

-- ----- the writes -----
-- each with the number of customers it concerns; NULL: everybody
CREATE FUNCTION writes(c cases) RETURNS TABLE (what text, statement text, customers int) LANGUAGE plpgsql AS $$
DECLARE
  o text := quote_ident(CASE c.source WHEN 'strange' THEN 'plain_' ELSE 'orders_' END || c.n);
  k text[] := ARRAY(SELECT quote_literal(key(i, c.key_type)) FROM generate_series(1, 20) i);
BEGIN
  RETURN QUERY VALUES
    ('insert', format('INSERT INTO %s (customer, at, cents, status, id) VALUES (%s, ''2025-06-20 23:30+00'', 7, ''paid'', 1000), (%s, ''2025-06-21'', 8, ''paid'', 1001)', o, k[1], k[14]), 2),
    ('amounts', format('UPDATE %s SET cents = cents + 1 WHERE customer = %s AND cents > 0', o, k[2]), 1),
    ('another time', format('UPDATE %s SET at = at + interval ''30 days'' WHERE id IN (1, 1001)', o), 2),
    ('another customer', format('UPDATE %s SET customer = %s WHERE customer = %s', o, k[16], k[14]), 2),
    ('another partition', format('UPDATE %s SET status = ''other'' WHERE id = 1000', o), 1),
    ('nobody', format('UPDATE %s SET customer = NULL WHERE id = 1000', o), 1),
    ('nothing', format('UPDATE %s SET cents = 1 WHERE false', o), 0),
    ('delete', format('DELETE FROM %s WHERE customer = %s', o, k[16]), 1),
    ('delete all of one', format('DELETE FROM %s WHERE customer = %s', o, k[5]), 1),
    ('once more', format('INSERT INTO %s (customer, at, cents, status, id) SELECT customer, at, cents, status, id + 2000 FROM %s WHERE customer IN (%s, %s)', o, o, k[7], k[10]), 2);
  IF c.source <> 'strange' THEN
    RETURN QUERY VALUES
      ('merge', format('MERGE INTO %s t USING (VALUES (3, 3), (9001, 4)) s(id, x) ON t.id = s.id '
         'WHEN MATCHED THEN UPDATE SET cents = s.x WHEN NOT MATCHED THEN INSERT (customer, at, cents, status, id) VALUES (%s, ''2025-06-01'', s.x, ''paid'', s.id)', o, k[17]), 2),
      ('copy', format('COPY %s (customer, at, cents, status, id) FROM PROGRAM %L', o,
        format(E'printf ''%%s,2025-05-05 22:00+00,5,paid,%%s\\n'' ''%s'' 77 ''%s'' 78', replace(replace(key(9, c.key_type), '''', ''), '"', ''), key(18, c.key_type)) ) || ' (FORMAT csv)', 2),
      ('truncate', format('TRUNCATE %s', o), NULL),
      ('begin again', format('INSERT INTO %s (customer, at, cents, status, id) VALUES (%s, ''2025-04-01'', 9, ''paid'', 1), (%s, ''2025-06-29 23:59:59'', 1, ''gift'', 2)', o, k[1], k[2]), 2);
  END IF;
  IF c.visits THEN
    RETURN QUERY VALUES
      ('visits', format('INSERT INTO visits_%s VALUES (%s, ''2025-06-29'', ''home''), (%s, ''2025-06-28'', ''bot'')', c.n, k[1], k[19]), 2),
      ('visits away', format('DELETE FROM visits_%s WHERE visitor = %s', c.n, k[3]), 1),
      ('no visits', format('TRUNCATE visits_%s', c.n), NULL);
  END IF;
  IF c.members IS NOT NULL THEN
    RETURN QUERY VALUES
      ('members', format('INSERT INTO members_%s VALUES (%s, ''2025-06-29''), (%s, NULL)', c.n, k[19], k[20]), 2),
      ('another date', format('UPDATE members_%s SET registered = ''2025-05-01'' WHERE member = %s', c.n, k[2]), 1),
      ('members away', format('DELETE FROM members_%s WHERE member IN (%s, %s)', c.n, k[3], k[19]), 2);
  END IF;
END $$;

CREATE FUNCTION run(c cases) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
  noon timestamptz := (date '2025-06-30' + time '12:00') AT TIME ZONE c.zone;
  w record;
  looked bigint;
  was_full bool;
  steps int := 0;
BEGIN
  PERFORM make_source(c);
  PERFORM make_stage_table(c);
  PERFORM crmlife.refresh(c.stage_name::regclass, noon, true);
  PERFORM compare(c, '2025-06-30', 'at first');
  FOR w IN SELECT * FROM writes(c) LOOP
    EXECUTE w.statement;
    IF c.source = 'materialized view' THEN EXECUTE format('REFRESH MATERIALIZED VIEW %I', source_of(c)); END IF;
    PERFORM crmlife.refresh(c.stage_name::regclass, noon);
    PERFORM compare(c, '2025-06-30', w.what);
    SELECT s.customers, s.was_full INTO looked, was_full FROM crmlife.status s WHERE stage_table = c.stage_name::regclass;
    -- citext counts as text, but its = finds 'Bob 1' and 'bob 1'
    IF NOT was_full AND (w.customers IS NULL OR looked > w.customers * CASE c.key_type WHEN 'citext' THEN 2 ELSE 1 END)
       OR was_full AND w.customers IS NOT NULL AND c.arguments NOT LIKE '%full%' THEN
      INSERT INTO trouble VALUES (c.n, c.what, format('%s: looked at %s customers, full %s', w.what, looked, was_full));
    END IF;
    steps := steps + 1;
  END LOOP;
  -- days pass, future rows come into sight
  PERFORM crmlife.refresh(c.stage_name::regclass, noon + interval '60 days');
  PERFORM compare(c, '2025-08-29', 'two months later');
  RETURN is((SELECT string_agg(t.detail, E'\n') FROM trouble t WHERE t.n = c.n), NULL,
            format('%s: right after %s writes', c.what, steps));
END $$;

SELECT run(c) FROM cases c WHERE source <> 'foreign' ORDER BY n;

-- ----- what stands in the catalogs -----
SELECT is(format_type(a.atttypid, a.atttypmod), c.column_type, c.what || ': type of the customer column')
FROM cases c JOIN crmlife.stage_table t ON t.stage_table = c.stage_name::regclass
JOIN pg_attribute a ON a.attrelid = t.stage_table AND a.attname = t.customer_column
WHERE c.column_type IS NOT NULL ORDER BY c.n;
SELECT is(customer_column, 'stages''s "buyer"', 'customer_column is taken as it is') FROM crmlife.stage_table t
WHERE t.stage_table = (SELECT stage_name::regclass FROM cases WHERE what = 'customer_column');
SELECT is_empty($$
  SELECT t.stage_table, a.attname FROM crmlife.stage_table t
  JOIN pg_attribute a ON a.attrelid IN (t.stage_table, t.changes) AND a.attnum > 0 AND NOT a.attisdropped
  WHERE col_description(a.attrelid, a.attnum) IS NULL $$, 'every column of a stage table and its log has a comment');
SELECT is_empty($$ SELECT t.stage_table FROM crmlife.stage_table t
  WHERE obj_description(t.stage_table, 'pg_class') IS NULL OR obj_description(t.changes, 'pg_class') IS NULL $$,
  'every stage table and its log has one');
SELECT is((SELECT string_agg(DISTINCT x.columns, E'\n') FROM (
    SELECT string_agg(a.attname || ' ' || format_type(a.atttypid, a.atttypmod), ', ' ORDER BY a.attnum) AS columns
    FROM crmlife.stage_table t JOIN pg_attribute a ON a.attrelid = t.stage_table AND a.attnum > 1 GROUP BY t.stage_table) x),
  'stage text, since date, changes_on date, next_stage text, previous_stage text, due_on date, orders bigint, order_days bigint, '
  'revenue numeric, average_order numeric, first_order_at timestamp without time zone, last_order_at timestamp without time zone, '
  'last_active_at timestamp without time zone, registered_at timestamp without time zone, rfm_score integer, rfm_segment text, '
  'loyalty text, value_tier integer, segment text, known_since date, history crmlife.purchase_history, refreshed_at timestamp with time zone', 'the columns after the customer, of each');
SELECT is((SELECT string_agg(DISTINCT x.columns, E'\n') FROM (
    SELECT string_agg(a.attname || ' ' || format_type(a.atttypid, a.atttypmod), ', ' ORDER BY a.attnum) AS columns
    FROM crmlife.stage_table t JOIN pg_attribute a ON a.attrelid = t.changes AND a.attnum > 0 AND a.attname <> t.customer_column GROUP BY t.changes) x),
  'seq bigint, from_stage text, to_stage text, changed_on date, recorded_at timestamp with time zone, cause text, model_version integer',
  'and of each log');
-- a foreign table's rows come from elsewhere; each refresh reads them all
CREATE EXTENSION file_fdw;
CREATE SERVER files FOREIGN DATA WRAPPER file_fdw;
CREATE FOREIGN TABLE exported (customer text, at timestamptz, amount numeric) SERVER files
  OPTIONS (program $$printf 'ann,2025-06-01 10:00+00,5\nbob,2025-01-01,7.25\nann,2025-06-28,-1\n'$$, format 'csv');
SELECT lives_ok($$ SELECT crmlife.create_stage_table('export_stages', 'exported', 'customer', 'at', 'amount', capture => 'full', timezone => 'UTC') $$);
SELECT crmlife.refresh('export_stages', '2025-06-30', true) \g /dev/null
SELECT results_eq('SELECT customer, stage, orders, revenue FROM export_stages ORDER BY 1',
  $$ VALUES ('ann', 'active', 1::bigint, 4::numeric), ('bob', 'sleeping', 1, 7.25) $$, 'a foreign table');
ALTER FOREIGN TABLE exported OPTIONS (SET program $$printf 'bob,2025-06-29,7\n'$$);
SELECT crmlife.refresh('export_stages', '2025-06-30') \g /dev/null
SELECT results_eq('SELECT customer, stage, orders, revenue FROM export_stages ORDER BY 1',
  $$ VALUES ('bob', 'aftersale', 1::bigint, 7::numeric) $$, 'what is in it now counts');
SELECT is_empty($$ SELECT * FROM crmlife.verify('export_stages') $$);

-- dropped again, nothing is left of any
SELECT is((SELECT count(crmlife.drop_stage_table(t.stage_table)) FROM crmlife.stage_table t), (SELECT count(*) FROM cases), 'all are dropped');
SELECT is_empty($$ SELECT tgrelid::regclass FROM pg_trigger WHERE tgname LIKE 'crmlife%' AND tgrelid::regclass::text LIKE 'orders%' $$, 'their triggers too');
SELECT is((SELECT count(*) FROM crmlife.queue) + (SELECT count(*) FROM crmlife.capture_source) + (SELECT count(*) FROM crmlife.stage_state)
          + (SELECT count(*) FROM crmlife.rfm_cuts) + (SELECT count(*) FROM crmlife.model_version), 0::bigint, 'and what was known of them');

-- what verify leaves out, and as of which day it looks
CREATE TABLE asked (customer int, at date, amount numeric);
INSERT INTO asked SELECT i, date '2025-06-30' - i, i FROM generate_series(1, 20) i;
SELECT crmlife.create_stage_table('asked_stages', 'asked', 'customer', 'at', 'amount', timezone => 'UTC') \g /dev/null
SELECT crmlife.refresh('asked_stages', '2025-06-30', true) \g /dev/null
SELECT is_empty($$ SELECT * FROM crmlife.verify('asked_stages', '2025-06-30') $$, 'verify as of the day it shows');
SELECT is((SELECT count(DISTINCT customer) FROM crmlife.verify('asked_stages', '2025-12-30') WHERE column_name = 'stage'), 20::bigint, 'as of a later one everybody is in another stage');
SELECT throws_ok($$ SELECT * FROM crmlife.verify('asked_stages', 'infinity') $$, '22008', 'as_of must be finite');
UPDATE asked_stages SET orders = 99 WHERE customer IN (1, 7, 20);
SELECT is((SELECT string_agg(customer, ' ' ORDER BY customer::int) FROM crmlife.verify('asked_stages') WHERE column_name = 'orders'), '1 7 20', 'verify finds what is wrong');
INSERT INTO asked VALUES (7, '2025-06-30', 1);
SELECT is((SELECT string_agg(customer, ' ' ORDER BY customer::int) FROM crmlife.verify('asked_stages') WHERE column_name = 'orders'), '1 20', 'but for whom waits for a refresh');
INSERT INTO asked VALUES (1, '2025-06-30', 1), (20, '2025-06-30', 1);
SELECT is_empty($$ SELECT * FROM crmlife.verify('asked_stages') $$, 'the first and the last of those who wait too');

-- cuts that were given stay, until others are given
SELECT crmlife.refresh('asked_stages', '2025-06-30', true) \g /dev/null
CREATE FUNCTION cuts_of_asked() RETURNS text LANGUAGE sql AS $$ SELECT method || ' ' || monetary_cuts::text FROM crmlife.rfm_cuts WHERE stage_table = 'asked_stages'::regclass $$;
SELECT cuts_of_asked() AS before \gset
INSERT INTO asked SELECT customer, at, 1000 FROM asked WHERE customer > 10;
SELECT crmlife.refresh('asked_stages', '2025-06-30') \g /dev/null
SELECT is(cuts_of_asked(), :'before', 'a refresh takes no cuts');
SELECT crmlife.calibrate('asked_stages') \g /dev/null
SELECT ok(cuts_of_asked() LIKE 'quantile %' AND cuts_of_asked() <> :'before', 'quantiles are taken anew');
SELECT crmlife.calibrate('asked_stages', monetary_cuts => '{1,2}') \g /dev/null
SELECT is(cuts_of_asked(), 'fixed {1,2}');
SELECT crmlife.calibrate('asked_stages', monetary_cuts => '{3,4,5}') \g /dev/null
SELECT is(cuts_of_asked(), 'fixed {3,4,5}');
SELECT crmlife.calibrate('asked_stages', 'mean') \g /dev/null
SELECT is(cuts_of_asked(), 'fixed {3,4,5}');
-- how far a schedule goes
SELECT lives_ok(format($$ SELECT crmlife.set_schedule('asked_stages', %L, %L) $$, i, i), i) FROM unnest(ARRAY['1 day', '1 month', '366000 days', '1000 years']) i;
SELECT throws_ok(format($$ SELECT crmlife.set_schedule('asked_stages', NULL, %L) $$, i), '22023', 'learn_every must be a number of whole days or months, up to 1000 years', i)
FROM unnest(ARRAY['0', '-1 day', '1 month -1 day', '366001 days', '1000 years 1 month', '1 day 00:00:01']) i;
SELECT crmlife.drop_stage_table('asked_stages') \g /dev/null

-- a window of months, whose lengths differ, over the ends of some: each day as if it were worked out anew
CREATE TABLE monthly (customer int, at date, amount numeric);
INSERT INTO monthly SELECT i, date '2024-12-20' + i, i FROM generate_series(1, 75) i;
INSERT INTO monthly SELECT i, date '2024-11-20' + i, 3 FROM generate_series(1, 75) i;
SELECT crmlife.create_stage_table('monthly_stages', 'monthly', 'customer', 'at', 'amount', timezone => 'UTC') \g /dev/null
SELECT crmlife.refresh('monthly_stages', '2025-01-01', true) \g /dev/null
SELECT crmlife.calibrate('monthly_stages', rfm_window => '1 month') \g /dev/null
CREATE FUNCTION wrong_days(first date, last date) RETURNS SETOF date LANGUAGE plpgsql AS $$
DECLARE
  d date;
BEGIN
  FOR d IN SELECT generate_series(first, last, '1 day')::date LOOP
    PERFORM crmlife.refresh('monthly_stages', d);
    IF EXISTS (SELECT FROM crmlife.verify('monthly_stages')) THEN RETURN NEXT d; END IF;
  END LOOP;
END $$;
SELECT is_empty($$ SELECT * FROM wrong_days('2025-01-27', '2025-04-05') $$, 'scores by a window of a month are right on every day');
SELECT crmlife.refresh('monthly_stages', '2025-02-27', true) \g /dev/null
SELECT crmlife.calibrate('monthly_stages', rfm_window => '1 month 5 days') \g /dev/null
SELECT is_empty($$ SELECT * FROM wrong_days('2025-02-28', '2025-03-09') $$, 'scores by a window of a month and some days as well');
SELECT crmlife.calibrate('monthly_stages', 'mean') \g /dev/null
SELECT is((SELECT to_char(rfm_window, 'MM DD ') || rfm_monetary FROM crmlife.rfm_cuts WHERE stage_table = 'monthly_stages'::regclass), '01 05 mean', 'the window stays when other things are calibrated');
SELECT crmlife.drop_stage_table('monthly_stages') \g /dev/null

-- cuts of amounts of any size
CREATE TABLE wide (customer int, at date, amount numeric);
SELECT crmlife.create_stage_table('wide_stages', 'wide', 'customer', 'at', 'amount', timezone => 'UTC') \g /dev/null
INSERT INTO wide SELECT i, date '2025-01-01' - i, i * 1e60 + 0.000001 FROM generate_series(1, 23) i;
SELECT crmlife.refresh('wide_stages', '2025-01-01', true) \g /dev/null
-- its owner may write to it
UPDATE wide_stages SET rfm_score = NULL;
SELECT is(crmlife.calibrate('wide_stages'), 23::bigint, 'all are given a score');
SELECT is((SELECT monetary_cuts FROM crmlife.rfm_cuts WHERE stage_table = 'wide_stages'::regclass), (SELECT (rfm_cuts(date '2025-01-01' - at, 1::bigint, amount)).monetary_cuts FROM wide), 'cuts of wide amounts');
SELECT is(sum(customers), NULL, 'nobody has moved from one segment to another') FROM crmlife.rfm_moves WHERE stage_table = 'wide_stages'::regclass;
SELECT is_empty($$ SELECT * FROM crmlife.verify('wide_stages') $$);
-- a table that its owner has changed and truncated is filled as well as one of ours
CREATE FUNCTION filled(change text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
  EXECUTE 'TRUNCATE wide_stages';
  EXECUTE change;
  PERFORM crmlife.refresh('wide_stages', '2025-01-01', true);
  RETURN is((SELECT count(*) FROM wide_stages) || ' ' || (SELECT count(*) FROM crmlife.verify('wide_stages')), '23 0', change);
END $$;
SELECT filled(change) FROM unnest(ARRAY['ALTER TABLE wide_stages ADD remark text', 'ALTER TABLE wide_stages ADD checked bool NOT NULL DEFAULT true', 'ALTER TABLE wide_stages DROP remark, DROP checked',
  'ALTER TABLE wide_stages ALTER customer TYPE bigint']) change;
SELECT crmlife.drop_stage_table('wide_stages') \g /dev/null

-- a foreign table: refused for triggers, as a partition too
SELECT make_source(c) FROM cases c WHERE source = 'foreign' \g /dev/null
SELECT format('source_%s', n) AS foreign_table, n AS foreign_n FROM cases WHERE source = 'foreign' \gset
SELECT throws_ok(format($$ SELECT crmlife.create_stage_table('f', %L, 'customer', 'at', 'cents') $$, :'foreign_table'), '42809',
  format('orders: changes of calls.%s cannot be captured by triggers', :'foreign_table'), 'a foreign table has no triggers that capture');
CREATE TABLE over_foreign (customer int, at timestamptz, cents int, status text, order_no text, id int) PARTITION BY LIST (status);
SELECT format('ALTER TABLE over_foreign ATTACH PARTITION %I DEFAULT', :'foreign_table') \gexec
SELECT throws_ok($$ SELECT crmlife.create_stage_table('f', 'over_foreign', 'customer', 'at', 'cents') $$, '42809',
  format('orders: changes of calls.%s cannot be captured by triggers', :'foreign_table'), 'nor as a partition');

SELECT finish();
ROLLBACK;
