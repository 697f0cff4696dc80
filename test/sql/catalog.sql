-- What is public is described, and safe to call.
\set ECHO none
\pset format unaligned
\pset tuples_only true
SELECT plan(10);

CREATE TEMP VIEW member AS
SELECT classid, objid FROM pg_depend
WHERE refclassid = 'pg_extension'::regclass AND deptype = 'e'
  AND refobjid = (SELECT oid FROM pg_extension WHERE extname = 'crmlife');

-- Functions that only PostgreSQL calls (of types and aggregates) take or
-- return internal or cstring.
CREATE TEMP VIEW public_function AS
SELECT p.* FROM pg_proc p JOIN member ON classid = 'pg_proc'::regclass AND objid = p.oid
WHERE NOT ('internal'::regtype = ANY (p.proargtypes::oid[])
    OR 'cstring'::regtype = ANY (p.proargtypes::oid[])
    OR p.prorettype IN ('internal'::regtype, 'cstring'::regtype));

SELECT is((SELECT string_agg(oid::regprocedure::text, ', ' ORDER BY oid::regprocedure::text)
           FROM public_function
           WHERE prorettype <> 'trigger'::regtype AND proname !~ '^_'
             AND obj_description(oid, 'pg_proc') IS NULL),
          NULL, 'every function and aggregate has a comment');
SELECT is((SELECT string_agg(c.oid::regclass::text, ', ' ORDER BY c.relname)
           FROM pg_class c JOIN member ON classid = 'pg_class'::regclass AND objid = c.oid
           WHERE c.relkind IN ('r', 'v', 'm', 'c', 'p')
             AND obj_description(c.oid, 'pg_class') IS NULL
             AND obj_description(c.reltype, 'pg_type') IS NULL),
          NULL, 'every table, view and composite type has a comment');
SELECT is((SELECT string_agg(t.oid::regtype::text, ', ' ORDER BY t.typname)
           FROM pg_type t JOIN member ON classid = 'pg_type'::regclass AND objid = t.oid
           WHERE t.typtype IN ('b', 'd', 'e') AND t.typelem = 0
             AND obj_description(t.oid, 'pg_type') IS NULL),
          NULL, 'every type has a comment');
-- A body in SQL or PL/pgSQL that looks names up in the caller's search_path
-- could be made to run the caller's functions.
SELECT is((SELECT string_agg(oid::regprocedure::text, ', ' ORDER BY oid::regprocedure::text)
           FROM public_function JOIN (SELECT oid AS lang, lanname FROM pg_language) l ON prolang = lang
           WHERE lanname IN ('sql', 'plpgsql') AND prosqlbody IS NULL
             AND NOT coalesce(array_to_string(proconfig, ',') LIKE '%search_path=pg_catalog%', false)),
          NULL, 'every SQL and PL/pgSQL body has its own search_path');
SELECT is((SELECT string_agg(p.oid::regprocedure::text, ', ' ORDER BY p.oid::regprocedure::text)
           FROM public_function p JOIN pg_aggregate a ON a.aggfnoid = p.oid
           WHERE p.proparallel <> 's' OR a.aggcombinefn = 0),
          NULL, 'every aggregate runs in parallel');

-- The rest of what there is: what only PostgreSQL calls, operators, classes.
SELECT is((SELECT string_agg(pg_describe_object(classid, objid, 0), ', ' ORDER BY pg_describe_object(classid, objid, 0))
           FROM member
           WHERE obj_description(objid, classid::regclass::name) IS NULL
             -- types of arrays and of rows, whose table has the comment
             AND NOT EXISTS (SELECT FROM pg_type t WHERE classid = 'pg_type'::regclass AND t.oid = objid AND (t.typelem <> 0 OR t.typrelid <> 0))
             AND NOT EXISTS (SELECT FROM pg_class c WHERE classid = 'pg_class'::regclass AND c.oid = objid AND c.relkind = 'c')),
          NULL, 'every other object has a comment');
SELECT is((SELECT string_agg(a.attrelid::regclass || '.' || a.attname, ', ' ORDER BY a.attrelid::regclass::text, a.attnum)
           FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid JOIN member ON classid = 'pg_class'::regclass AND objid = c.oid
           WHERE c.relkind = 'v' AND a.attnum > 0 AND col_description(c.oid, a.attnum) IS NULL),
          NULL, 'every column of a view has a comment');
-- Whoever calls one gets its owner's rights, who is a superuser.
SELECT is((SELECT string_agg(p.oid::regprocedure::text, ', ' ORDER BY p.oid::regprocedure::text)
           FROM pg_proc p JOIN member ON classid = 'pg_proc'::regclass AND objid = p.oid
           WHERE p.prosecdef),
          NULL, 'no function is a SECURITY DEFINER');

-- pg_dump reads the rows of these tables, and locks them for that.
SELECT is((SELECT string_agg(c.config::regclass::text, ', ' ORDER BY c.config::regclass::text)
           FROM pg_extension e, unnest(e.extconfig) AS c (config)
           WHERE e.extname = 'crmlife'
             AND NOT has_table_privilege('pg_database_owner', c.config, 'SELECT')),
          NULL, 'who owns the database can dump it');

-- A publication FOR ALL TABLES takes them along.
SELECT is((SELECT string_agg(c.oid::regclass::text, ', ' ORDER BY c.oid::regclass::text)
           FROM pg_class c JOIN member ON classid = 'pg_class'::regclass AND objid = c.oid
           WHERE c.relkind = 'r' AND c.relreplident <> 'f'
             AND NOT EXISTS (SELECT FROM pg_constraint k WHERE k.conrelid = c.oid AND k.contype = 'p')),
          NULL, 'rows of every table can be deleted where they are published');

SELECT finish();
