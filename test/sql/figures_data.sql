-- Every week and day of Online Retail: the figures of the stage table and those
-- that plain SQL finds in the orders.
\set ECHO none
\pset format unaligned
\pset tuples_only true
\getenv src PG_ABS_SRCDIR
\set load :src '/data/load.sql'
\set oracle :src '/data/figures.sql'
\set QUIET on
\i :load
\if :have_data
SET client_min_messages = warning;
SET jit = off;
SELECT plan(6);
CREATE SCHEMA real;
SET search_path = real, public;
CREATE TABLE shop AS SELECT customer_id, occurred_at, amount FROM retail;
CREATE INDEX ON shop (customer_id);
CREATE TEMP TABLE raw AS SELECT customer_id::text AS c, occurred_at::date AS day, amount FROM shop;
CREATE INDEX ON raw (c, day);
CREATE TEMP TABLE known AS SELECT c, min(day) AS since FROM raw GROUP BY c;
ANALYZE raw, known;
\i :oracle
SELECT crmlife.create_stage_table('shop_stages', 'shop', 'customer_id', 'occurred_at', 'amount', timezone => 'UTC') \g /dev/null
SELECT crmlife.refresh('shop_stages', '2011-12-13 12:00+00', "full" => true) \g /dev/null
SELECT pg_temp.check_figures('shop_stages', '2011-12-13', 'Online Retail');
SELECT crmlife.drop_stage_table('shop_stages') \g /dev/null
DROP SCHEMA real CASCADE;
SELECT finish();
\else
\echo '1..0 # SKIP the order logs are not here'
\endif
