-- CREATE EXTENSION in a database where others have been before.
\set ECHO none
\pset format unaligned
\pset tuples_only true
\set QUIET on
SET client_min_messages = error;
SELECT current_database() AS home \gset
DROP DATABASE IF EXISTS crmlife_hostile;
CREATE DATABASE crmlife_hostile;
DROP ROLE IF EXISTS crmlife_squatter;
CREATE ROLE crmlife_squatter;
\c crmlife_hostile
SET client_min_messages = error;
-- the test's own queries must not meet what lies in wait
CREATE SCHEMA tap;
GRANT USAGE ON SCHEMA tap TO PUBLIC;
SET search_path = tap;
CREATE EXTENSION pgtap SCHEMA tap;
SELECT plan(11);
GRANT CREATE ON DATABASE crmlife_hostile TO crmlife_squatter;
GRANT CREATE ON SCHEMA public TO crmlife_squatter;
CREATE FUNCTION error_of(call text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
  EXECUTE call;
  RETURN 'no error';
EXCEPTION WHEN OTHERS THEN
  RETURN sqlstate || ' ' || sqlerrm;
END $$;
CREATE FUNCTION left_over() RETURNS bigint LANGUAGE sql AS $$
  SELECT (SELECT count(*) FROM pg_extension WHERE extname = 'crmlife') + (SELECT count(*) FROM pg_proc WHERE probin LIKE '%crmlife%') $$;

-- what is in the way is not replaced
SET ROLE crmlife_squatter;
SELECT is(error_of('CREATE EXTENSION crmlife SCHEMA public'), '42501 permission denied to create extension "crmlife"', 'it takes a superuser');
CREATE SCHEMA crmlife;
RESET ROLE;
SELECT is(error_of('CREATE EXTENSION crmlife SCHEMA public'), '42P06 schema "crmlife" already exists', 'a schema of that name');
DROP SCHEMA crmlife;
SET ROLE crmlife_squatter;
CREATE FUNCTION public.rfm_segment(score int, high int DEFAULT 4) RETURNS text LANGUAGE sql AS 'SELECT ''mine''';
CREATE SCHEMA hidden;
CREATE FUNCTION hidden.rfm_segment(score int, high int DEFAULT 4) RETURNS text LANGUAGE sql AS 'SELECT ''mine''';
RESET ROLE;
SELECT is(error_of('CREATE EXTENSION crmlife SCHEMA public'), '42723 function "rfm_segment" already exists with same argument types', 'a function of that name');
SELECT is(left_over(), 0::bigint, 'nothing is left of it');
DROP FUNCTION public.rfm_segment(int, int);

-- Operators and functions that fit better than PostgreSQL's own: every symbol,
-- and every name that views and parsed bodies use, for all types and pairs of
-- types for which there is none.
CREATE EXTENSION crmlife SCHEMA public;
CREATE TABLE tap.names AS
SELECT DISTINCT m[1] AS f FROM pg_depend e
  CROSS JOIN LATERAL (SELECT pg_get_viewdef(e.objid) WHERE e.classid = 'pg_class'::regclass AND (SELECT relkind FROM pg_class WHERE oid = e.objid) = 'v'
    UNION ALL SELECT pg_get_functiondef(e.objid) WHERE e.classid = 'pg_proc'::regclass AND (SELECT prosqlbody IS NOT NULL FROM pg_proc WHERE oid = e.objid)) t(body)
  CROSS JOIN LATERAL regexp_matches(t.body, '([a-z_0-9]+)\(', 'g') m
WHERE e.deptype = 'e' AND e.refobjid = (SELECT oid FROM pg_extension WHERE extname = 'crmlife') AND EXISTS (SELECT FROM pg_proc p WHERE p.pronamespace = 'pg_catalog'::regnamespace AND p.proname = m[1]);
GRANT SELECT ON tap.names TO PUBLIC;
DROP EXTENSION crmlife;
SELECT ok((SELECT array_agg(f::text) FROM tap.names) @> ARRAY['sum', 'min', 'count'], 'the names are found');
SET ROLE crmlife_squatter;
CREATE SEQUENCE public.lured;
GRANT ALL ON SEQUENCE public.lured TO PUBLIC;
CREATE TEMP TABLE given AS SELECT unnest(ARRAY['smallint', 'int', 'bigint', 'numeric', 'real', 'float8', 'text', 'varchar', 'name', '"char"', 'oid', 'regclass', 'boolean', 'date', 'timestamp', 'timestamptz', 'interval']) AS t;
SELECT format('CREATE FUNCTION public.lure(%s, %s) RETURNS %s IMMUTABLE LANGUAGE sql AS $$ SELECT NULL::%3$s $$', l.t, r.t,
              CASE WHEN l.t = r.t THEN 'boolean' ELSE l.t END)
FROM given l, given r
\gexec
SELECT format('CREATE OPERATOR public.%s (LEFTARG = %s, RIGHTARG = %s, FUNCTION = public.lure)', o, l.t, r.t)
FROM given l, given r, unnest(ARRAY['+', '-', '*', '/', '%', '=', '<>', '<', '<=', '>', '>=', '||', '~', '!~', '~~']) o
WHERE NOT EXISTS (SELECT FROM pg_operator p WHERE p.oprnamespace = 'pg_catalog'::regnamespace AND p.oprname = o AND p.oprleft = l.t::regtype AND p.oprright = r.t::regtype)
\gexec
SELECT format('CREATE FUNCTION public.%s(%s) RETURNS %s LANGUAGE sql AS $$ SELECT NULL::%3$s $$', f, t, CASE WHEN f IN ('unnest', 'generate_series') THEN 'SETOF bigint' ELSE 'bigint' END)
FROM (SELECT t FROM given UNION ALL SELECT l.t || ', ' || r.t FROM given l, given r WHERE least(l.t, r.t) IN ('text', 'int', 'date') AND greatest(l.t, r.t) IN ('text', 'int', 'date', 'oid', 'regclass', 'timestamp', 'interval')) x(t), tap.names
WHERE to_regprocedure(format('pg_catalog.%s(%s)', f, t)) IS NULL
\gexec
CREATE TYPE public.numeric AS ENUM (); CREATE DOMAIN public.date AS text; CREATE TABLE public.pg_class (x int); CREATE TABLE public.text ();
RESET ROLE;
SET client_min_messages = error;
SELECT ok((SELECT count(*) FROM pg_operator WHERE oprnamespace = 'public'::regnamespace) > 2500, 'thousands of operators lie in wait');
SELECT is(error_of('CREATE EXTENSION crmlife SCHEMA public'), 'no error', 'it is created among them');
SELECT is_empty($$
  SELECT pg_describe_object(d.classid, d.objid, d.objsubid), pg_describe_object(d.refclassid, d.refobjid, 0)
  FROM pg_depend d
  LEFT JOIN pg_operator o ON d.refclassid = 'pg_operator'::regclass AND o.oid = d.refobjid
  LEFT JOIN pg_proc p ON d.refclassid = 'pg_proc'::regclass AND p.oid = d.refobjid
  LEFT JOIN pg_type t ON d.refclassid = 'pg_type'::regclass AND t.oid = d.refobjid
  LEFT JOIN pg_class c ON d.refclassid = 'pg_class'::regclass AND c.oid = d.refobjid
  WHERE (SELECT oid FROM pg_roles WHERE rolname = 'crmlife_squatter') IN (o.oprowner, p.proowner, t.typowner, c.relowner)
    AND d.objid NOT IN (SELECT oid FROM pg_proc WHERE proowner = 'crmlife_squatter'::regrole)
    AND d.objid NOT IN (SELECT oid FROM pg_operator WHERE oprowner = 'crmlife_squatter'::regrole)
    AND d.objid NOT IN (SELECT oid FROM pg_type WHERE typowner = 'crmlife_squatter'::regrole)
    AND d.objid NOT IN (SELECT oid FROM pg_class WHERE relowner = 'crmlife_squatter'::regrole)
    AND d.deptype IN ('n', 'a', 'e') $$, 'nothing of it depends on anything of the squatter''s');
SELECT is((SELECT count(*) FROM pg_depend d JOIN pg_type t ON d.classid = 'pg_type'::regclass AND d.objid = t.oid
           WHERE d.deptype = 'e' AND d.refobjid = (SELECT oid FROM pg_extension WHERE extname = 'crmlife') AND t.typnamespace <> 'crmlife'::regnamespace AND t.typelem = 0 AND t.typrelid = 0), 0::bigint, 'types are in its own schema');
-- in the middle of all that it works
CREATE SCHEMA shop;
SET search_path = tap, public;
CREATE TABLE shop.orders (customer int, at timestamptz, amount pg_catalog.numeric);
INSERT INTO shop.orders VALUES (1, '2025-06-01', 5), (1, '2025-06-09', 5), (2, '2025-06-02', 6);
SELECT crmlife.create_stage_table('shop.stages', 'shop.orders', 'customer', 'at', 'amount', timezone => 'UTC') \g /dev/null
SET search_path = tap;
SELECT is((SELECT count(*) FROM crmlife.refresh('shop.stages', '2025-07-01', true)) + (SELECT count(*) FROM crmlife.verify('shop.stages'))
  + (SELECT count(*) FROM crmlife.overview) + (SELECT count(*) FROM crmlife.order_funnel), 4::bigint, 'and works');
SELECT crmlife.drop_stage_table('shop.stages') \g /dev/null
SELECT is(error_of('DROP EXTENSION crmlife'), 'no error', 'and goes');
SELECT * FROM finish();
\c :home
DROP DATABASE crmlife_hostile;
DROP ROLE crmlife_squatter;
