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
