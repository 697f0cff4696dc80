-- complain if the script is run by psql rather than CREATE EXTENSION
\echo Use "CREATE EXTENSION crmlife" to load this file. \quit

-- Functions and aggregates go to the schema the extension is created in, so
-- that they are called without a prefix; types, tables, views and management
-- functions go to schema crmlife, where they are in nobody's way.
CREATE SCHEMA crmlife;
GRANT USAGE ON SCHEMA crmlife TO PUBLIC;
COMMENT ON SCHEMA crmlife IS
  'crmlife: types, stage models, stage tables and their management';

-- What the functions and aggregates take for an instant's local day and time:
-- for tests, and to see why a row counts on the day it does.
CREATE FUNCTION crmlife.local_day(at timestamptz) RETURNS date
AS 'MODULE_PATHNAME', 'crm_local_day'
LANGUAGE C STABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION crmlife.local_day(timestamptz) IS
  'internal: the day of an instant in the session''s time zone, as crmlife sees it';

CREATE FUNCTION crmlife.local_time(at timestamptz) RETURNS timestamp
AS 'MODULE_PATHNAME', 'crm_local_time'
LANGUAGE C STABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION crmlife.local_time(timestamptz) IS
  'internal: the wall-clock time of an instant in the session''s time zone, as crmlife sees it';

-- timezone() takes an abbreviation first, and as one CET knows no summer.
CREATE FUNCTION crmlife._local_time(timezone text, at timestamptz) RETURNS timestamp
AS 'MODULE_PATHNAME', 'crm_local_time_in_zone'
LANGUAGE C STABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION crmlife._local_time(text, timestamptz) IS
  'internal: the wall-clock time of an instant in a time zone, as stage tables of that zone see it; NULL if there is no such zone';

-- Whom a model or a consumer belongs to: a role, whatever it is called.
CREATE TYPE crmlife.role_ref;
CREATE FUNCTION crmlife.role_ref_in(cstring) RETURNS crmlife.role_ref
AS 'MODULE_PATHNAME', 'crm_role_ref_in'
LANGUAGE C STABLE STRICT PARALLEL SAFE;
CREATE FUNCTION crmlife.role_ref_out(crmlife.role_ref) RETURNS cstring
AS 'MODULE_PATHNAME', 'crm_role_ref_out'
LANGUAGE C STABLE STRICT PARALLEL SAFE;
CREATE FUNCTION crmlife.role_ref_recv(internal) RETURNS crmlife.role_ref
AS 'MODULE_PATHNAME', 'crm_role_ref_recv'
LANGUAGE C STABLE STRICT PARALLEL SAFE;
CREATE FUNCTION crmlife.role_ref_send(crmlife.role_ref) RETURNS bytea
AS 'MODULE_PATHNAME', 'crm_role_ref_send'
LANGUAGE C STABLE STRICT PARALLEL SAFE;
CREATE TYPE crmlife.role_ref (
  INPUT = crmlife.role_ref_in,
  OUTPUT = crmlife.role_ref_out,
  RECEIVE = crmlife.role_ref_recv,
  SEND = crmlife.role_ref_send,
  LIKE = oid);
COMMENT ON TYPE crmlife.role_ref IS
  'a role, whatever it is called, shown by its name; empty: nobody';
COMMENT ON FUNCTION crmlife.role_ref_in(cstring) IS 'I/O';
COMMENT ON FUNCTION crmlife.role_ref_out(crmlife.role_ref) IS 'I/O';
COMMENT ON FUNCTION crmlife.role_ref_recv(internal) IS 'I/O';
COMMENT ON FUNCTION crmlife.role_ref_send(crmlife.role_ref) IS 'I/O';
CREATE FUNCTION crmlife.role_ref(name) RETURNS crmlife.role_ref
AS 'MODULE_PATHNAME', 'crm_role_ref_from_name'
LANGUAGE C STABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION crmlife.role_ref(name) IS 'the role of a name';
CREATE FUNCTION crmlife.role_ref_name(crmlife.role_ref) RETURNS name
AS 'MODULE_PATHNAME', 'crm_role_ref_name'
LANGUAGE C STABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION crmlife.role_ref_name(crmlife.role_ref) IS
  'the name of a role; empty for one that is gone';
CREATE CAST (name AS crmlife.role_ref) WITH FUNCTION crmlife.role_ref(name) AS ASSIGNMENT;
CREATE CAST (crmlife.role_ref AS name) WITH FUNCTION crmlife.role_ref_name(crmlife.role_ref) AS IMPLICIT;
CREATE CAST (crmlife.role_ref AS oid) WITHOUT FUNCTION;
CREATE CAST (oid AS crmlife.role_ref) WITHOUT FUNCTION;
COMMENT ON CAST (name AS crmlife.role_ref) IS 'a role by its name';
COMMENT ON CAST (crmlife.role_ref AS name) IS 'the role''s name; empty for one that is gone';
COMMENT ON CAST (crmlife.role_ref AS oid) IS 'the role''s number';
COMMENT ON CAST (oid AS crmlife.role_ref) IS 'a role by its number';
