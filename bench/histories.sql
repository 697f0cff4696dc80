-- A history per customer, made by the crmlife that is measured.
\set ON_ERROR_STOP on
SET client_min_messages = warning;
SET work_mem = '1GB';
SET TimeZone = 'UTC';
DROP TABLE IF EXISTS bench.histories;
CREATE UNLOGGED TABLE bench.histories AS
SELECT customer_id, purchase_history(paid_at, amount) AS h FROM bench.orders GROUP BY customer_id;
VACUUM (ANALYZE, FREEZE) bench.histories;
