------------------------------------------------------------------------
-- The background worker
------------------------------------------------------------------------

CREATE FUNCTION crmlife.start_worker() RETURNS integer
  LANGUAGE c VOLATILE PARALLEL RESTRICTED
  AS 'MODULE_PATHNAME', 'crm_start_worker';
REVOKE ALL ON FUNCTION crmlife.start_worker() FROM PUBLIC;
COMMENT ON FUNCTION crmlife.start_worker() IS
  'start refreshing the stage tables of this database in the background, where crmlife is not in shared_preload_libraries; returns the process id of the launcher';

-- A new or changed definition is taken up when its transaction commits,
-- instead of when the worker next looks.
CREATE FUNCTION crmlife.wake_worker() RETURNS trigger
  LANGUAGE c VOLATILE
  AS 'MODULE_PATHNAME', 'crm_wake_worker';
REVOKE ALL ON FUNCTION crmlife.wake_worker() FROM PUBLIC;
COMMENT ON FUNCTION crmlife.wake_worker() IS
  'trigger on crmlife''s own tables: have the worker look at once';

CREATE TRIGGER wake_worker AFTER INSERT OR UPDATE ON crmlife.stage_table
  FOR EACH STATEMENT EXECUTE FUNCTION crmlife.wake_worker();
CREATE TRIGGER wake_worker AFTER INSERT OR UPDATE OR DELETE ON crmlife.threshold_override
  FOR EACH STATEMENT EXECUTE FUNCTION crmlife.wake_worker();
