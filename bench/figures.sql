-- The figures of the stage table: a week that is over, and every view that
-- people and BI tools look at.  Part of stage.sql, which has made the table and
-- the procedure.
CALL measure('a week is counted',
  $$UPDATE crmlife.figures_state SET weeks = weeks - 7 WHERE stage_table = 'stages'::regclass;
    SELECT crmlife.refresh('stages', (SELECT day FROM crmlife.figures_state WHERE stage_table = 'stages'::regclass))$$, 2);
CALL measure('figures counted again', $$SELECT crmlife.recount_figures('stages')$$, 1);
CALL measure('figures verified', $$SELECT count(*) FROM crmlife.verify_figures('stages')$$, 1);

-- all there are, whatever comes to be
CREATE TABLE view_read (name text, rows bigint);
CREATE PROCEDURE read_views() LANGUAGE plpgsql AS $$
DECLARE
  name text;
  statement text;
  n bigint;
BEGIN
  FOR name IN SELECT c.relname FROM pg_class c
              JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'stage_table'
              WHERE c.relnamespace = 'crmlife'::regnamespace AND c.relkind = 'v' AND c.relname !~ '^_'
              ORDER BY 1 LOOP
    statement := format('SELECT count(*) FROM (SELECT * FROM crmlife.%I WHERE stage_table::oid = ''stages''::regclass OFFSET 0) v', name);
    EXECUTE statement INTO n;
    INSERT INTO view_read VALUES (name, n);
    CALL measure('view ' || name, statement, 3);
  END LOOP;
  CALL measure('view forecast(14)', 'SELECT count(*) FROM crmlife.forecast(''stages'', 14)', 3);
END $$;
CALL read_views();
\pset tuples_only off
\pset format aligned
\echo
\echo The figures
SELECT substring(m.what FROM 6) AS "view", v.rows, round(median(m.what)::numeric, 1) AS "ms"
FROM (SELECT DISTINCT what FROM measured WHERE what LIKE 'view %') m
LEFT JOIN view_read v ON v.name = substring(m.what FROM 6) ORDER BY 3 DESC;
SELECT what AS "counted", round(median(what)) AS "ms"
FROM (VALUES (1, 'a week is counted'), (2, 'figures counted again'), (3, 'figures verified')) t (n, what) ORDER BY n;
