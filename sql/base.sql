-- complain if the script is run by psql rather than CREATE EXTENSION
\echo Use "CREATE EXTENSION crmlife" to load this file. \quit

-- Functions and aggregates go to the schema the extension is created in, so
-- that they are called without a prefix; types, tables, views and management
-- functions go to schema crmlife, where they are in nobody's way.
CREATE SCHEMA crmlife;
GRANT USAGE ON SCHEMA crmlife TO PUBLIC;
COMMENT ON SCHEMA crmlife IS
  'crmlife: types, stage models, stage tables and their management';
