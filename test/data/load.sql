-- Loads the real order logs for a test, if they are there:
--
--   \getenv src PG_ABS_SRCDIR
--   \set load :src '/data/load.sql'
--   \i :load
--   \if :have_data
--   ... plan(), tests over cdnow, cdnow_rfm, retail, retail_rfm, finish() ...
--   \else
--   \echo '1..0 # SKIP the order logs are not here'
--   \endif
--
-- with a second expected file NAME_1.out that holds that one line.  CRMLIFE_DATA
-- is set exactly when the files are there (Makefile, scripts/test).
--
--   cdnow       the CDNOW sample: customer_id, occurred_at (date), quantity, amount, sample_id
--   retail      Online Retail, a row per order or refund
--   *_rfm       the reference results for each
\set have_data false
\getenv crmlife_data CRMLIFE_DATA
\if :{?crmlife_data}
\set have_data true
CREATE TEMP TABLE cdnow (
    customer_id bigint, occurred_at date, quantity int, amount numeric, sample_id int);
CREATE TEMP TABLE retail (
    customer_id bigint, occurred_at timestamp, amount numeric, kind text,
    order_id text, quantity int, lines int, country text);
CREATE TEMP TABLE cdnow_rfm (
    customer_id bigint, first_day date, last_day date, recency_days int,
    frequency bigint, order_days bigint, monetary numeric,
    r_score int, f_score int, m_score int);
CREATE TEMP TABLE retail_rfm (
    customer_id bigint, first_day date, last_day date, recency_days int,
    frequency bigint, order_days bigint, monetary numeric, monetary_net numeric,
    r_score int, f_score int, m_score int);
\set command 'gzip -dc ' :crmlife_data '/cdnow_sample.csv.gz'
COPY cdnow FROM PROGRAM :'command' (FORMAT csv, HEADER);
\set command 'gzip -dc ' :crmlife_data '/online_retail_orders.csv.gz'
COPY retail FROM PROGRAM :'command' (FORMAT csv, HEADER);
\set command 'gzip -dc ' :crmlife_data '/expected/cdnow_sample_rfm.csv.gz'
COPY cdnow_rfm FROM PROGRAM :'command' (FORMAT csv, HEADER);
\set command 'gzip -dc ' :crmlife_data '/expected/online_retail_orders_rfm.csv.gz'
COPY retail_rfm FROM PROGRAM :'command' (FORMAT csv, HEADER);
ANALYZE cdnow, retail, cdnow_rfm, retail_rfm;
\endif
