------------------------------------------------------------------------
-- Runs: those under way and those that are over
------------------------------------------------------------------------

CREATE FUNCTION crmlife._progress(
  OUT pid integer, OUT stage_table oid, OUT phase text, OUT rows_done bigint,
  OUT rows_expected bigint, OUT customers_done bigint,
  OUT customers_expected bigint, OUT started_at timestamptz)
RETURNS SETOF record
AS 'MODULE_PATHNAME', 'crm_progress' LANGUAGE C VOLATILE ROWS 5;
COMMENT ON FUNCTION crmlife._progress() IS
  'internal to crmlife.progress: the runs under way in this database that you may know of';

CREATE VIEW crmlife.progress WITH (security_barrier) AS
SELECT p.pid, p.stage_table::regclass AS stage_table, p.phase, p.rows_done,
       p.rows_expected, p.customers_done, p.customers_expected, p.started_at,
       pg_catalog.clock_timestamp() OPERATOR(pg_catalog.-) p.started_at AS running
FROM crmlife._progress() p;
GRANT SELECT ON crmlife.progress TO PUBLIC;
COMMENT ON VIEW crmlife.progress IS
  'the refreshes under way of the stage tables you may read, and how far they have come';
COMMENT ON COLUMN crmlife.progress.pid IS 'process id';
COMMENT ON COLUMN crmlife.progress.stage_table IS
  'the stage table; a number while it is being created';
COMMENT ON COLUMN crmlife.progress.phase IS
  'collecting customers, reading rows, working out customers, building indexes, counting figures';
COMMENT ON COLUMN crmlife.progress.rows_done IS
  'rows read, or worked out, in this phase, by the thousand';
COMMENT ON COLUMN crmlife.progress.rows_expected IS
  'of how many; while rows are read, by the statistics and before filters; NULL: not known';
COMMENT ON COLUMN crmlife.progress.customers_done IS
  'customers worked out in this run';
COMMENT ON COLUMN crmlife.progress.customers_expected IS
  'of how many; an estimate if the run looks at everybody; NULL: not known';
COMMENT ON COLUMN crmlife.progress.started_at IS 'when the run began';
COMMENT ON COLUMN crmlife.progress.running IS 'how long ago that was';

CREATE VIEW crmlife.runs WITH (security_barrier) AS
SELECT l.stage_table::regclass AS stage_table, l.run, l.step, l.started_at, l.duration, l.succeeded,
       l.was_full, l.customers, l.rows_changed, l.changes_logged,
       -- an error may quote rows of the sources
       CASE WHEN pg_catalog.pg_has_role(c.relowner, 'USAGE') THEN l.error END AS error
FROM crmlife.run_log l
JOIN pg_catalog.pg_class c ON c.oid OPERATOR(pg_catalog.=) l.stage_table
WHERE pg_catalog.has_table_privilege(l.stage_table, 'SELECT');
GRANT SELECT ON crmlife.runs TO PUBLIC;
COMMENT ON VIEW crmlife.runs IS
  'the last runs of the stage tables you may read; crmlife.run_log_size says how many of each are kept';
COMMENT ON COLUMN crmlife.runs.stage_table IS 'the stage table';
COMMENT ON COLUMN crmlife.runs.run IS 'ascends';
COMMENT ON COLUMN crmlife.runs.step IS
  'create; refresh; model: worked out for another model or threshold; rebuild: for another zone or other cuts; weeks: figures of weeks that are over; calibrate, learn: by the schedule';
COMMENT ON COLUMN crmlife.runs.started_at IS 'when it began';
COMMENT ON COLUMN crmlife.runs.duration IS 'how long it took, figures included';
COMMENT ON COLUMN crmlife.runs.succeeded IS
  'false: it failed, in the worker; a run that fails in a session is rolled back and leaves nothing';
COMMENT ON COLUMN crmlife.runs.was_full IS 'it looked at every customer';
COMMENT ON COLUMN crmlife.runs.customers IS 'customers looked at';
COMMENT ON COLUMN crmlife.runs.rows_changed IS
  'rows of the stage table written or removed; of the step weeks, rows of figures';
COMMENT ON COLUMN crmlife.runs.changes_logged IS 'rows added to the change log';
COMMENT ON COLUMN crmlife.runs.error IS
  'why it failed; for members of the owner';
