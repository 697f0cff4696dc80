------------------------------------------------------------------------
-- The change log as an outbox
------------------------------------------------------------------------

CREATE FUNCTION crmlife.add_consumer(
  stage_table regclass, consumer text, start text DEFAULT 'beginning',
  role name DEFAULT CURRENT_USER)
RETURNS bigint
AS 'MODULE_PATHNAME', 'crm_add_consumer' LANGUAGE C VOLATILE;
COMMENT ON FUNCTION crmlife.add_consumer(regclass, text, text, name) IS
  'have the members of a role take the changes of a stage table, from the beginning of its log or from now on; returns the position';

CREATE FUNCTION crmlife.set_consumer_role(
  stage_table regclass, consumer text, role name)
RETURNS void
AS 'MODULE_PATHNAME', 'crm_set_consumer_role' LANGUAGE C VOLATILE;
COMMENT ON FUNCTION crmlife.set_consumer_role(regclass, text, name) IS
  'have the members of another role take a consumer''s changes, from where it stands on';

CREATE FUNCTION crmlife.forget_consumer(stage_table regclass, consumer text)
RETURNS void
AS 'MODULE_PATHNAME', 'crm_forget_consumer' LANGUAGE C VOLATILE;
COMMENT ON FUNCTION crmlife.forget_consumer(regclass, text) IS
  'drop a consumer: nothing is kept for it any more';

CREATE FUNCTION crmlife.changes_since(
  stage_table regclass, consumer text, max_rows integer DEFAULT 1000,
  OUT seq bigint, OUT customer text, OUT from_stage text, OUT to_stage text,
  OUT changed_on date, OUT recorded_at timestamptz, OUT cause text,
  OUT model_version integer)
RETURNS SETOF record
AS 'MODULE_PATHNAME', 'crm_changes_since' LANGUAGE C VOLATILE;
COMMENT ON FUNCTION crmlife.changes_since(regclass, text, integer) IS
  'the changes a consumer has not acknowledged yet, in the order in which they were committed';

CREATE FUNCTION crmlife.ack(stage_table regclass, consumer text, seq bigint)
RETURNS bigint
AS 'MODULE_PATHNAME', 'crm_ack' LANGUAGE C VOLATILE;
COMMENT ON FUNCTION crmlife.ack(regclass, text, bigint) IS
  'acknowledge the changes up to seq: the consumer is not given them again; returns its position';

CREATE FUNCTION crmlife.keep_changes(
  stage_table regclass, keep_for interval, keep_rows bigint DEFAULT NULL)
RETURNS void
AS 'MODULE_PATHNAME', 'crm_keep_changes' LANGUAGE C VOLATILE;
COMMENT ON FUNCTION crmlife.keep_changes(regclass, interval, bigint) IS
  'how long, and how many, changes stay in the log of a stage table; NULL: no limit. What a consumer has not acknowledged always stays';

CREATE FUNCTION crmlife._changes_after(
  log oid, "position" bigint, OUT waiting bigint, OUT oldest timestamptz)
AS 'MODULE_PATHNAME', 'crm_changes_after' LANGUAGE C STABLE STRICT;
COMMENT ON FUNCTION crmlife._changes_after(oid, bigint) IS
  'internal to crmlife''s views: how many rows of a change log come after a position, and when the first of them was recorded';

CREATE VIEW crmlife.consumers WITH (security_barrier) AS
SELECT c.stage_table, c.consumer, c.role::name AS role, c.position, a.waiting,
       CASE WHEN a.waiting OPERATOR(pg_catalog.=) 0::bigint THEN interval '0'
            ELSE pg_catalog.clock_timestamp() OPERATOR(pg_catalog.-) a.oldest END AS lag,
       l.pid AS active_pid, c.added_at, c.acked_at
FROM crmlife.consumer c
JOIN crmlife.stage_table t
  ON t.stage_table::oid OPERATOR(pg_catalog.=) c.stage_table::oid
LEFT JOIN LATERAL crmlife._changes_after(t.changes::oid, c.position) a ON true
LEFT JOIN pg_catalog.pg_locks l
  ON l.locktype OPERATOR(pg_catalog.=) 'object'
 AND l.database OPERATOR(pg_catalog.=)
     (SELECT d.oid FROM pg_catalog.pg_database d
      WHERE d.datname OPERATOR(pg_catalog.=) pg_catalog.current_database())
 AND l.classid OPERATOR(pg_catalog.=) 'crmlife.consumer'::pg_catalog.regclass::oid
 AND l.objid OPERATOR(pg_catalog.=) c.stage_table::oid
 AND l.objsubid OPERATOR(pg_catalog.=) c.number
 AND l.granted
WHERE pg_catalog.has_table_privilege(t.stage_table::oid, 'SELECT');
GRANT SELECT ON crmlife.consumers TO PUBLIC;
COMMENT ON VIEW crmlife.consumers IS
  'who takes the changes of the stage tables you may read, and how far behind each is';
COMMENT ON COLUMN crmlife.consumers.role IS
  'whose members may take and acknowledge, beside the owner of the stage table; empty: it was dropped';
COMMENT ON COLUMN crmlife.consumers.position IS
  'the last seq it has acknowledged; 0: none yet';
COMMENT ON COLUMN crmlife.consumers.waiting IS
  'changes after that; NULL: you may not read the log';
COMMENT ON COLUMN crmlife.consumers.lag IS
  'how long the first of these has been waiting; 0: none is';
COMMENT ON COLUMN crmlife.consumers.active_pid IS
  'the process that was given changes and has not acknowledged them yet';
COMMENT ON COLUMN crmlife.consumers.acked_at IS 'when it last acknowledged';
COMMENT ON COLUMN crmlife.consumers.stage_table IS 'the stage table';
COMMENT ON COLUMN crmlife.consumers.consumer IS 'its name';
COMMENT ON COLUMN crmlife.consumers.added_at IS 'when it was made';
