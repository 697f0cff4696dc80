-- Calls as people write them: columns have their types, days of the calendar
-- and names are bare literals.  Which of them does PostgreSQL not resolve?
\set ECHO none
\pset format unaligned
\pset tuples_only true
\set QUIET on
BEGIN;
SELECT plan(6);
CREATE TEMP TABLE o (c_int8 bigint, c_uuid uuid, c_text text, d date, t timestamp, z timestamptz, amount numeric, h crmlife.purchase_history);
CREATE FUNCTION pg_temp.state_of(call text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
  EXECUTE call;
  RETURN '00000';
EXCEPTION WHEN OTHERS THEN
  RETURN sqlstate;
END $$;
-- every overload, once for each way to write it
CREATE TEMP TABLE form AS
SELECT DISTINCT p.proname AS function, cardinality(p.proargtypes) AS arguments,
  format('SELECT %I(%s) FROM o', p.proname, (SELECT string_agg(CASE
    WHEN a.n = 1 AND a.type = 'bigint'::regtype THEN 'c_int8' WHEN a.n = 1 AND a.type = 'uuid'::regtype THEN 'c_uuid' WHEN a.n = 1 AND a.type = 'text'::regtype THEN 'c_text'
    WHEN a.type = 'crmlife.purchase_history'::regtype THEN 'h' WHEN a.type = 'numeric'::regtype THEN 'amount'
    -- the time of the row is a column, a day of the question is not
    WHEN a.n <= 2 AND a.type = 'date'::regtype AND NOT 'crmlife.purchase_history'::regtype = ANY (p.proargtypes) THEN 'd'
    WHEN a.n <= 2 AND a.type = 'timestamp'::regtype AND NOT 'crmlife.purchase_history'::regtype = ANY (p.proargtypes) THEN 't'
    WHEN a.n <= 2 AND a.type = 'timestamptz'::regtype AND NOT 'crmlife.purchase_history'::regtype = ANY (p.proargtypes) THEN 'z'
    WHEN a.type IN ('date'::regtype, 'timestamp'::regtype, 'timestamptz'::regtype) THEN $$'2025-06-30'$$
    WHEN a.type = 'int'::regtype THEN '7' WHEN a.type = 'bigint'::regtype THEN '3' WHEN a.type = 'boolean'::regtype THEN 'true'
    WHEN a.type = 'text'::regtype THEN $$'month'$$ WHEN a.type = 'crmlife.lifecycle_model'::regtype THEN $$'recency'$$
    WHEN a.type = 'numeric[]'::regtype THEN $$'{1,2}'$$ ELSE $$NULL$$ END, ', ' ORDER BY a.n) FROM unnest(p.proargtypes) WITH ORDINALITY a(type, n))) AS call
FROM pg_proc p JOIN pg_depend e ON e.classid = 'pg_proc'::regclass AND e.objid = p.oid AND e.deptype = 'e' AND e.refobjid = (SELECT oid FROM pg_extension WHERE extname = 'crmlife')
WHERE p.pronamespace <> 'crmlife'::regnamespace AND p.prokind IN ('a', 'f') AND p.prorettype <> 'trigger'::regtype
  AND NOT 'internal'::regtype = ANY (p.proargtypes) AND NOT 'anyelement'::regtype = ANY (p.proargtypes);
CREATE TEMP TABLE answer AS SELECT *, pg_temp.state_of(call) AS state FROM form;
SELECT ok((SELECT count(*) FROM answer) > 700, 'so many calls');
SELECT is((SELECT string_agg(DISTINCT function || ' of ' || arguments, ', ' ORDER BY function || ' of ' || arguments) FROM answer WHERE state = '42725'),
  'retention_cohorts of 6, retention_curve of 6', 'two literals in a row may be days, or flags: the only forms that are not unique');
SELECT is_empty($$SELECT call FROM answer WHERE state = '42883'$$, 'there is a function for all of them');
SELECT is_empty($$SELECT call FROM answer WHERE state LIKE 'XX%'$$, 'and none fails by itself');
-- what the reference says against it
SELECT is(pg_temp.state_of($$SELECT retention_cohorts(c_int8, z, 'month', '2025-06-30', date '2025-01-01', '2025-03-31') FROM o$$), '00000', 'one of the two with its type is enough');
SELECT is(pg_temp.state_of($$SELECT retention_curve(c_text, d, 30, '2025-06-30', date '2025-01-01', '2025-03-31') FROM o$$), '00000');
SELECT finish();
ROLLBACK;
