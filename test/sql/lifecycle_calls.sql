-- Calls as people write them: every one resolves, and answers what it should.
\set ECHO none
\pset format unaligned
\pset tuples_only true
SET client_min_messages = warning;
SET search_path = public;
SET TimeZone = 'Asia/Shanghai';
SET DateStyle = ISO;
SELECT no_plan();

CREATE DOMAIN money_d AS numeric(12, 2);
CREATE TABLE shop (
  id int, n int, n8 bigint, n2 smallint, amount numeric, cents int, price money_d,
  d date, ts timestamp, tz timestamptz, kind varchar);
-- the last order at 2025-06-24 23:30 in Shanghai, which is 15:30 UTC: six days
INSERT INTO shop VALUES
  (1, 5, 5, 5, 99.5, 9950, 99.5, '2025-06-24', '2025-06-24 23:30', '2025-06-24 15:30+00', 'recency');

-- the answer, or the SQLSTATE and message
CREATE FUNCTION answer(call text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
  result text;
BEGIN
  EXECUTE 'SELECT ' || call INTO result;
  RETURN result;
EXCEPTION WHEN OTHERS THEN
  RETURN SQLSTATE || ' | ' || SQLERRM;
END $$;

CREATE TABLE call (n serial, call text, expected text);
INSERT INTO call (call, expected) VALUES
-- unknown literals, and each kind of column
($$lifecycle_stage(5, 100.0, '2025-01-01', '2025-06-30')$$, 'sleeping'),
($$lifecycle_stage('5', '100.0', '2025-01-01', '2025-06-30')$$, '42725 | function lifecycle_stage(unknown, unknown, unknown, unknown) is not unique'),
($$lifecycle_stage('5'::int, '100.0', '2025-01-01', '2025-06-30')$$, 'sleeping'),
($$lifecycle_stage(5, 100.0, '2025-01-01', '2025-06-30', 'kpi_bands')$$, 'sleeping_140'),
($$lifecycle_stage(n, amount, d, '2025-06-30') FROM shop$$, 'aftersale'),
($$lifecycle_stage(n8, amount, d, '2025-06-30') FROM shop$$, 'aftersale'),
($$lifecycle_stage(n2, price, d, '2025-06-30') FROM shop$$, 'aftersale'),
($$lifecycle_stage(n, cents, d, '2025-06-30') FROM shop$$, 'aftersale'),
($$lifecycle_stage(n, cents / 100.0, ts, '2025-06-30') FROM shop$$, 'aftersale'),
($$lifecycle_stage(n, amount, tz, '2025-06-30') FROM shop$$, 'aftersale'),
($$lifecycle_stage(n, amount, tz, '2025-07-01') FROM shop$$, 'active'),
($$lifecycle_stage(n, amount, tz, '2025-06-30 23:59:59') FROM shop$$, 'aftersale'),
($$lifecycle_stage(n, amount, tz, '2025-06-30 16:00+00') FROM shop$$, 'active'),
($$lifecycle_stage(n, amount, tz AT TIME ZONE 'UTC', '2025-06-30') FROM shop$$, 'aftersale'),
($$lifecycle_stage(n, amount, d, date '2025-06-30') FROM shop$$, 'aftersale'),
($$lifecycle_stage(n, amount, d, timestamp '2025-06-30 12:00') FROM shop$$, 'aftersale'),
($$lifecycle_stage(n, amount, ts, date '2025-06-30') FROM shop$$, 'aftersale'),
($$lifecycle_stage(n, amount, tz, date '2025-06-30') FROM shop$$, 'aftersale'),
($$lifecycle_stage(n, amount, tz, date '2025-06-30', 'recency', tz, tz, tz, 2) FROM shop$$, 'aftersale'),
($$lifecycle_stage(n, amount, d, current_date) FROM shop$$, 'churned'),
($$lifecycle_stage(1, 1, current_date - 3, current_date)$$, 'aftersale'),
($$lifecycle_stage(1, 1, current_date - 3, now())$$, 'aftersale'),
($$lifecycle_stage(1, 1, now(), now())$$, 'aftersale'),
($$lifecycle_stage(1, 1, localtimestamp, current_timestamp)$$, 'aftersale'),
($$lifecycle_stage(1, 1, now() - interval '100 days', current_date)$$, 'silent'),
-- named arguments, own models, thresholds
($$lifecycle_stage(orders => 1, revenue => 5, last_order => '2025-06-01', as_of => '2025-06-30', model => 'recency')$$, 'active'),
($$lifecycle_stage(1, 5, '2025-06-01', '2025-06-30', registered => '2025-01-01')$$, 'active'),
($$lifecycle_stage(1, 5, '2025-06-01', '2025-06-30', with_threshold('recency', 'active_days', 20))$$, 'silent'),
($$lifecycle_stage(1, 5, '2025-06-01', '2025-06-30', with_threshold('recency', 'active_days', NULL))$$, 'silent'),
($$lifecycle_stage(1, 5, '2025-06-01', '2025-06-30', with_threshold('recency', 'active_days', 29.5))$$, 'active'),
($$lifecycle_stage(1, 5, '2025-06-01', '2025-06-30', 'CASE WHEN revenue >= 5 THEN ''rich'' END')$$, 'rich'),
($$lifecycle_stage(1, 4, '2025-06-01', '2025-06-30', 'CASE WHEN revenue >= 5 THEN ''rich'' END')$$, 'unclassified'),
($$lifecycle_stage(1, 5, '2025-06-01', '2025-06-30', (SELECT model FROM crmlife.model WHERE name = 'own'))$$, 'early'),
($$lifecycle_stage(1, 5, '2025-06-01', '2025-06-30', kind) FROM shop$$, '42883 | function lifecycle_stage(integer, integer, unknown, unknown, character varying) does not exist'),
($$lifecycle_stage(1, 5, '2025-06-01', '2025-06-30', kind::crmlife.lifecycle_model) FROM shop$$, 'active'),
-- NULLs
($$lifecycle_stage(NULL::int, NULL, NULL, '2025-06-30')$$, 'prospect'),
($$lifecycle_stage(0, 0, NULL, '2025-06-30')$$, 'prospect'),
($$lifecycle_stage(1, NULL, '2025-06-01', '2025-06-30')$$, 'active'),
($$lifecycle_stage(1, 1, '2025-06-01', NULL)$$, NULL),
($$lifecycle_stage(1, 1, '2025-06-01', NULL::date)$$, NULL),
($$lifecycle_stage(1, 1, '2025-06-01', '2025-06-30', NULL)$$, NULL),
($$lifecycle_stage(NULL::int, NULL::numeric, NULL::date, now())$$, 'prospect'),
-- a day in the facts
($$lifecycle_stage(2, 9, '2025-06-30', '2025-06-30')$$, 'aftersale'),
($$lifecycle_stage(2, 9, '2025-06-24', '2025-06-30')$$, 'aftersale'),
($$lifecycle_stage(2, 9, '2025-06-23', '2025-06-30')$$, 'active'),
($$lifecycle_stage(2, 9, '2024-06-30', '2025-06-30')$$, 'churned'),
($$lifecycle_stage(2, 9, '2024-07-01', '2025-06-30')$$, 'sleeping'),
-- engagement, first match wins
($$lifecycle_stage(2, 300, '2025-06-01', '2025-06-30', with_threshold('engagement', 'order_value', 100))$$, 'loyal'),
($$lifecycle_stage(2, 200, '2025-06-01', '2025-06-30', with_threshold('engagement', 'order_value', 100))$$, 'high_potential'),
($$lifecycle_stage(1, 101, '2025-06-01', '2025-06-30', with_threshold('engagement', 'order_value', 100))$$, 'high_potential'),
($$lifecycle_stage(1, 100, '2025-06-01', '2025-06-30', with_threshold('engagement', 'order_value', 100))$$, 'nurture'),
($$lifecycle_stage(1, 101, '2025-06-01', '2025-06-30', with_threshold('engagement', 'order_value', NULL))$$, 'nurture'),
($$lifecycle_stage(3, 900, '2025-05-01', '2025-06-30', with_threshold('engagement', 'order_value', 100))$$, 'loyal'),
($$lifecycle_stage(3, 900, '2025-04-30', '2025-06-30', with_threshold('engagement', 'order_value', 100))$$, 'silent'),
($$lifecycle_stage(3, 900, '2025-04-01', '2025-06-30', with_threshold('engagement', 'order_value', 100))$$, 'silent'),
($$lifecycle_stage(3, 900, '2025-03-31', '2025-06-30', with_threshold('engagement', 'order_value', 100))$$, 'cant_lose'),
($$lifecycle_stage(3, 900, '2025-03-31', '2025-06-30', with_threshold('engagement', 'order_value', 100), last_visit => '2025-06-29')$$, 'loyal'),
($$lifecycle_stage(0, 0, NULL, '2025-06-30', with_threshold('engagement', 'order_value', 100))$$, 'unclassified'),
($$lifecycle_stage(0, 0, NULL, '2025-06-30', with_threshold('engagement', 'order_value', 100), last_visit => '2025-06-30')$$, 'prospect'),
($$lifecycle_stage(0, 0, NULL, '2025-06-30', with_threshold('engagement', 'order_value', 100), last_visit => '2025-05-30')$$, 'introduce'),
($$lifecycle_stage(0, 0, NULL, '2025-06-30', with_threshold('engagement', 'order_value', 100), last_visit => '2025-03-31')$$, 'lost'),
($$lifecycle_stage(0, 0, NULL, '2025-06-30', with_threshold('engagement', 'order_value', 100), registered => '2025-06-16')$$, 'prospect'),
($$lifecycle_stage(0, 0, NULL, '2025-06-30', with_threshold('engagement', 'order_value', 100), registered => '2025-06-15')$$, 'introduce'),
($$lifecycle_stage(0, 0, NULL, '2025-06-30', with_threshold('engagement', 'order_value', 100), last_visit => '2025-06-30', registered => '2025-06-15')$$, 'introduce'),
-- contradictions
($$lifecycle_stage(1, 1, '2025-07-01', '2025-06-30')$$, '22023 | last_order lies after as_of'),
($$lifecycle_stage(1, 1, '2025-06-01', '2025-06-30', last_visit => '2025-07-01')$$, '22023 | last_visit lies after as_of'),
($$lifecycle_stage(1, 1, '2025-06-01', '2025-06-30', registered => '2025-07-01')$$, '22023 | registered lies after as_of'),
($$lifecycle_stage(2, 1, '2025-06-01', '2025-06-30', first_order => '2025-06-02')$$, '22023 | first_order lies after last_order'),
($$lifecycle_stage(0, 1, NULL, '2025-06-30', first_order => '2025-06-02')$$, '22023 | first_order is given, but orders is 0'),
($$lifecycle_stage(1, 1, NULL, '2025-06-30')$$, '22023 | orders is greater than 0, but last_order is NULL'),
($$lifecycle_stage(0, 1, '2025-06-01', '2025-06-30')$$, '22023 | last_order is given, but orders is 0'),
($$lifecycle_stage(NULL::int, 1, '2025-06-01', '2025-06-30')$$, '22023 | last_order is given, but orders is 0'),
($$lifecycle_stage(-1, 1, NULL, '2025-06-30')$$, '22023 | orders is negative'),
($$lifecycle_stage(2, 1, '2025-06-01', '2025-06-30', order_days => 3)$$, '22023 | order_days does not fit orders'),
($$lifecycle_stage(2, 1, '2025-06-01', '2025-06-30', order_days => 0)$$, '22023 | order_days does not fit orders'),
($$lifecycle_stage(2, 1, '2025-06-01', '2025-06-30', 'CASE WHEN order_days > 1 THEN ''x'' END')$$, '22023 | the stage model reads order_days, but order_days is not given'),
($$lifecycle_stage(1, 1, '2025-06-01', '2025-06-30', 'CASE WHEN order_days = 1 THEN ''x'' END')$$, 'x'),
($$lifecycle_stage(2, 1, '2025-06-01', '2025-06-30', 'CASE WHEN days_since_first_order > 1 THEN ''x'' END')$$, '22023 | the stage model reads days_since_first_order, but first_order is not given'),
($$lifecycle_stage(1, 1, '2025-06-01', '2025-06-30', 'CASE WHEN days_since_first_order = 29 THEN ''x'' END')$$, 'x'),
($$lifecycle_stage(1, 'NaN', '2025-06-01', '2025-06-30')$$, '22003 | amount must be a finite number'),
($$lifecycle_stage(1, 'Infinity', '2025-06-01', '2025-06-30')$$, '22003 | amount must be a finite number'),
($$lifecycle_stage(1, 1, 'infinity', 'infinity')$$, '22008 | timestamp must be finite'),
($$lifecycle_stage(1, 1, '2025-06-01', date 'infinity')$$, '22008 | date must be finite'),
($$lifecycle_stage(1, 1, '2025-06-01', '2025-06-30', 'recencie')$$, '42704 | stage model "recencie" does not exist'),
($$lifecycle_stage(1, 1, '2025-06-01', '2025-06-30', 'engagement')$$, '22023 | threshold "order_value" of the stage model has no value'),
($$lifecycle_stage(0, 1, NULL, '2025-06-30', 'CASE WHEN 1 / orders = 1 THEN ''x'' END')$$, '22012 | division by zero'),
($$lifecycle_stage(0, 1, NULL, '2025-06-30', 'CASE WHEN orders = 0 THEN ''none'' WHEN 1 / orders = 1 THEN ''x'' END')$$, 'none'),
($$lifecycle_stage(1, 1, '2025-06-01', '2025-06-30', 'CASE WHEN days_since_order * 2000000000 > 1 THEN ''x'' END')$$, '22003 | integer out of range'),
-- lifecycle_next
($$(lifecycle_next(5, 100.0, '2025-01-01', '2025-06-30'))::text$$, '(sleeping,2025-05-21,2026-01-01,churned)'),
($$(lifecycle_next(5, 100.0, '2025-06-29', '2025-06-30'))::text$$, '(aftersale,,2025-07-06,active)'),
($$(lifecycle_next(1, 100.0, '2025-06-29', '2025-06-30'))::text$$, '(aftersale,2025-06-29,2025-07-06,active)'),
($$(lifecycle_next(5, 100.0, '2020-01-01', '2025-06-30'))::text$$, '(churned,2020-12-31,,)'),
($$(lifecycle_next(0, 0, NULL, '2025-06-30'))::text$$, '(prospect,,,)'),
($$(lifecycle_next(n, amount, tz, '2025-06-30')).changes_on FROM shop$$, '2025-07-01'),
($$(lifecycle_next(n, amount, ts, now())).next_stage FROM shop$$, NULL),
($$(lifecycle_next(1, 1, now(), current_date, 'kpi_bands')).next_stage$$, 'prechurn_45_90'),
($$(lifecycle_next(1, 1, current_date, current_date)).changes_on = current_date + 7$$, 'true'),
($$lifecycle_next(1, 1, '2025-06-01', NULL) IS NULL$$, 'true'),
($$(lifecycle_next(3, 900, '2025-06-01', '2025-06-30', with_threshold('engagement', 'order_value', 100), last_visit => '2025-06-20'))::text$$, '(loyal,,2025-08-01,silent)'),
($$(lifecycle_next(0, 0, NULL, '2025-06-30', 'CASE WHEN days_since_registered > 14 THEN ''old'' ELSE ''new'' END', registered => '2025-06-01'))::text$$, '(old,2025-06-16,,)'),
-- the aggregate
($$lifecycle_stage(d, amount) FROM shop$$, 'churned'),
($$lifecycle_stage(d, amount, '2025-06-30') FROM shop$$, 'aftersale'),
($$lifecycle_stage(d, cents, '2025-07-01') FROM shop$$, 'active'),
($$lifecycle_stage(d, price, current_date) FROM shop$$, 'churned'),
($$lifecycle_stage(d, price, now()) FROM shop$$, 'churned'),
($$lifecycle_stage(ts, amount, '2025-06-30') FROM shop$$, 'aftersale'),
($$lifecycle_stage(ts, amount, date '2025-06-30') FROM shop$$, 'aftersale'),
($$lifecycle_stage(ts, amount, now()) FROM shop$$, 'churned'),
($$lifecycle_stage(tz, amount, '2025-06-30') FROM shop$$, 'aftersale'),
($$lifecycle_stage(tz, amount, date '2025-07-01') FROM shop$$, 'active'),
($$lifecycle_stage(tz, amount, '2025-06-30 17:00+00') FROM shop$$, 'active'),
($$lifecycle_stage(tz, amount, localtimestamp) FROM shop$$, 'churned'),
($$lifecycle_stage(d, amount, '2025-06-30', 'kpi_bands') FROM shop$$, 'within_45'),
($$lifecycle_stage(d, NULL, '2025-06-30', 'kpi_bands') FROM shop$$, 'within_45'),
($$lifecycle_stage(ts, amount, now(), 'kpi_bands') FROM shop$$, 'churned'),
($$lifecycle_stage(tz, amount, '2025-06-30', with_threshold('recency', 'aftersale_days', 3)) FROM shop$$, 'active'),
($$lifecycle_stage(tz, amount, '2025-06-30', (SELECT model FROM crmlife.model WHERE name = 'own')) FROM shop$$, 'early'),
($$lifecycle_stage(d, -amount, '2025-06-30') FROM shop$$, 'prospect'),
($$lifecycle_stage(d, 0, '2025-06-30') FROM shop$$, 'aftersale'),
($$lifecycle_stage(d, amount, '2025-06-23') FROM shop$$, NULL),
($$lifecycle_stage(d, amount, NULL) FROM shop$$, NULL),
($$lifecycle_stage(d, amount, '2025-06-30', NULL) FROM shop$$, NULL),
($$lifecycle_stage(NULL::date, amount, '2025-06-30') FROM shop$$, NULL),
($$lifecycle_stage(d, amount, '2025-06-30') FROM shop WHERE false$$, NULL),
($$lifecycle_stage(d, amount, '2025-06-30') FILTER (WHERE id = 2) FROM shop$$, NULL),
($$lifecycle_stage(d, 'NaN', '2025-06-30') FROM shop$$, '22003 | amount must be a finite number'),
($$lifecycle_stage(date 'infinity', amount, '2025-06-30') FROM shop$$, '22008 | date must be finite'),
($$lifecycle_stage(d, amount, x.day) FROM shop, (VALUES (date '2025-06-30'), ('2025-07-01')) AS x(day)$$, '22023 | as_of of lifecycle_stage differs between the rows of a group'),
($$lifecycle_stage(d, amount, x.day) FROM shop, (VALUES (date '2025-06-30'), (NULL)) AS x(day)$$, '22023 | as_of of lifecycle_stage differs between the rows of a group'),
($$lifecycle_stage(d, amount, '2025-06-30', x.m::crmlife.lifecycle_model) FROM shop, (VALUES ('recency'), ('kpi_bands')) AS x(m)$$, '22023 | model of lifecycle_stage differs between the rows of a group'),
($$lifecycle_stage(d, amount, '2025-06-30', x.m::crmlife.lifecycle_model) FROM shop, (VALUES ('recency'), (NULL)) AS x(m)$$, '22023 | model of lifecycle_stage differs between the rows of a group'),
($$lifecycle_stage(d, amount, '2025-06-30', with_threshold('engagement', 'order_value', 1)) FROM shop$$, '0A000 | the stage model reads days_since_active, which the aggregate over orders can''t supply'),
($$lifecycle_stage(d, amount, '2025-06-30', 'CASE WHEN days_since_visit > 1 THEN ''x'' END') FROM shop$$, '0A000 | the stage model reads days_since_visit, which the aggregate over orders can''t supply'),
($$lifecycle_stage(d, amount, '2025-06-30', 'CASE WHEN days_since_registered > 1 THEN ''x'' END') FROM shop$$, '0A000 | the stage model reads days_since_registered, which the aggregate over orders can''t supply'),
-- thresholds
($$string_agg(name || '=' || value, ' ' ORDER BY name) FROM model_thresholds('recency')$$, 'active_days=90 aftersale_days=7 silent_days=140 sleeping_days=365'),
($$string_agg(coalesce(value::text, name), ' ') FROM model_thresholds('engagement')$$, '30 90 60 14 order_value'),
($$count(*) FROM model_thresholds('kpi_bands')$$, '0'),
($$value FROM model_thresholds(with_threshold('recency', 'active_days', 91.50)) WHERE name = 'active_days'$$, '91.50'),
($$with_threshold('recency', 'active', 91)$$, '42704 | the stage model has no threshold "active"'),
($$with_threshold('recency', 'active_days', 'NaN')$$, '22023 | a threshold must be a finite number or NULL'),
($$with_threshold('recency', NULL, 3)$$, '22004 | name of the threshold must not be NULL'),
($$with_threshold(NULL, 'active_days', 3)$$, NULL),
($$with_threshold('engagement', 'churn_period', 30)$$, '22023 | thresholds break a condition of the stage model'),
($$with_threshold('engagement', 'churn_period', 31) IS NOT NULL$$, 'true'),
($$with_threshold('engagement', 'churn_period', NULL) IS NOT NULL$$, 'true'),
($$string_agg(stage, ' ' ORDER BY stage_order) FROM crmlife.model_stages('engagement')$$, 'loyal high_potential nurture silent cant_lose lost introduce prospect unclassified'),
($$string_agg(label_zh, ' ' ORDER BY stage_order) FROM crmlife.model_stages(with_threshold('recency', 'active_days', 60))$$, '售后 活跃 沉默 睡眠 流失 潜在 未分类'),
($$string_agg(coalesce(label_en, stage), ' ') FROM crmlife.model_stages('CASE WHEN orders > 1 THEN ''b'' ELSE ''a'' END')$$, 'b a unclassified'),
($$count(*) FROM (VALUES ('recency'::crmlife.lifecycle_model), ('kpi_bands'), ('engagement')) AS m(m), crmlife.model_stages(m) AS s WHERE label_en IS NULL$$, '0');

INSERT INTO crmlife.model VALUES ('own', 'CASE WHEN days_since_order < days THEN ''early'' ELSE ''late'' END WITH (days = 30)');
SELECT is(answer(call), expected, left(call, 110)) FROM call ORDER BY n;

-- the type: what is printed reads back the same, and says the same
CREATE TABLE text_of (n serial, given text, printed text);
INSERT INTO text_of (given, printed) VALUES
  ('  case when orders>1 then ''a'' end  ', 'case when orders>1 then ''a'' end'),
  ('-- one of ours' || E'\n' || 'CASE WHEN orders > k /* big */ THEN ''END'' END -- so far' || E'\n' || 'with (K=007.50,b,c=NULL,d = -1e2, e=+.5)',
   'CASE WHEN orders > k /* big */ THEN ''END'' END' || E'\n' || 'WITH (k = 7.50, b, c = NULL, d = -100, e = 0.5)'),
  ('CASE WHEN orders > a THEN ''it''''s'' END WITH(a=1)require( a  >0,(a<9) )',
   'CASE WHEN orders > a THEN ''it''''s'' END' || E'\n' || 'WITH (a = 1)' || E'\n' || 'REQUIRE ( a  >0,(a<9) )'),
  ('CASE WHEN orders > größe THEN ''忠诚'' END WITH (größe = 3)', 'CASE WHEN orders > größe THEN ''忠诚'' END' || E'\n' || 'WITH (größe = 3)');
SELECT is(given::crmlife.lifecycle_model::text, printed, 'printed: ' || printed) FROM text_of ORDER BY n;
SELECT is(m::text::crmlife.lifecycle_model::text, m::text, 'reads back what it prints')
FROM (SELECT printed::crmlife.lifecycle_model AS m FROM text_of
      UNION ALL SELECT name::crmlife.lifecycle_model FROM (VALUES ('recency'), ('kpi_bands'), ('engagement')) AS n(name)) AS x;
CREATE TABLE kept (m crmlife.lifecycle_model);
INSERT INTO kept SELECT printed::crmlife.lifecycle_model FROM text_of;
INSERT INTO kept VALUES ('recency');
SELECT set_config('crmlife_test.file', current_setting('data_directory') || '/lifecycle_calls.bin', false) AS file \gset
COPY kept TO :'file' (FORMAT binary);
CREATE TABLE restored (m crmlife.lifecycle_model);
COPY restored FROM :'file' (FORMAT binary);
\set command 'rm -f ' :file
COPY restored FROM PROGRAM :'command';
SELECT bag_eq('SELECT m::text FROM restored', 'SELECT m::text FROM kept', 'the binary form reads back');

-- a value that changes from row to row, also in PL/pgSQL, which keeps its
-- expressions from call to call
CREATE FUNCTION stage_by(model crmlife.lifecycle_model) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
  RETURN lifecycle_stage(1, 1, '2025-06-01', '2025-07-20', model);
END $$;
SELECT is(string_agg(stage_by(m), ' ' ORDER BY n), 'active prechurn_45_90 active prechurn_45_90', 'models differ from call to call')
FROM (VALUES (1, 'recency'::crmlife.lifecycle_model), (2, 'kpi_bands'), (3, 'recency'), (4, 'kpi_bands')) AS x(n, m);
SELECT is(string_agg(lifecycle_stage(1, 1, '2025-06-01', '2025-07-20', m), ' ' ORDER BY n),
          'active prechurn_45_90 active prechurn_45_90', 'models differ from row to row')
FROM (VALUES (1, 'recency'::crmlife.lifecycle_model), (2, 'kpi_bands'), (3, 'recency'), (4, 'kpi_bands')) AS x(n, m);

-- no setting of the session changes what a text means
SET standard_conforming_strings = off;
SET escape_string_warning = on;
SET backslash_quote = on;
SET quote_all_identifiers = on;
SET transform_null_equals = on;
SELECT is(with_threshold('CASE WHEN orders > a THEN ''it''''s'' END WITH (a = 1)', 'a', 2)::text,
          'CASE WHEN orders > a THEN ''it''''s'' END' || chr(10) || 'WITH (a = 2)', 'settings of the lexer do not matter');
RESET standard_conforming_strings;

-- few columns and a model that begins with the last order take a short way:
-- it leads where the long one does
CREATE TEMP TABLE short_model (name text, model crmlife.lifecycle_model);
INSERT INTO short_model SELECT name, model FROM crmlife.shipped_models() WHERE name IN ('recency', 'recency_grid', 'kpi_bands');
INSERT INTO short_model VALUES
  ('far bounds', 'CASE WHEN days_since_order < 20 THEN ''a'' WHEN days_since_order < 511 THEN ''b'' WHEN days_since_order < 700 THEN ''c'' WHEN days_since_order IS NOT NULL THEN ''d'' END'),
  ('last tabled day', 'CASE WHEN days_since_order < 511 THEN ''a'' WHEN days_since_order < 512 THEN ''b'' ELSE ''c'' END'),
  ('beyond', 'CASE WHEN days_since_order < 512 THEN ''a'' WHEN days_since_order < 513 THEN ''b'' ELSE ''c'' END'),
  ('fractions', 'CASE WHEN days_since_order <= 7.5 THEN ''a'' WHEN days_since_order < 8.5 THEN ''b'' WHEN orders > 1 THEN ''c'' END'),
  ('negative', 'CASE WHEN days_since_order < -5 THEN ''a'' WHEN days_since_order < 0 THEN ''b'' WHEN days_since_order < 1 THEN ''c'' ELSE ''d'' END'),
  ('money later', 'CASE WHEN days_since_order < 7 THEN ''a'' WHEN days_since_order < 30 THEN ''b'' WHEN revenue > 50 THEN ''c'' ELSE ''d'' END');
SELECT is(count(*) FILTER (WHERE lifecycle_stage(o, r, CASE WHEN o > 0 THEN date '2025-06-30' - d END, date '2025-06-30', model) IS DISTINCT FROM
    lifecycle_stage(o, r, CASE WHEN o > 0 THEN date '2025-06-30' - d END, date '2025-06-30', model, CASE WHEN o > 0 THEN date '2025-06-30' - d END, NULLIF(date '2025-06-30' - d, date '2025-06-30' - d), NULL, CASE WHEN o IS NOT NULL THEN least(o, 1) END)),
  0::bigint, 'the short way and the long one: ' || name)
FROM short_model, generate_series(0, 1100) d, (VALUES (0::bigint, 0.0), (1, 10), (3, 100), (NULL, NULL)) v(o, r) GROUP BY name ORDER BY name;
SELECT is(count(*) FILTER (WHERE lifecycle_stage(1, 10, date '2025-06-30' - d, date '2025-06-30') <> CASE WHEN d < 7 THEN 'aftersale' WHEN d < 90 THEN 'active' WHEN d < 140 THEN 'silent' WHEN d < 365 THEN 'sleeping' ELSE 'churned' END),
  0::bigint, 'the default model, each day') FROM generate_series(0, 1100) d;
SELECT throws_ok($$SELECT lifecycle_stage(1, 'NaN', date '2025-06-01', date '2025-06-30')$$, '22003', NULL, 'an amount that is none is refused on it too');
SELECT throws_ok($$SELECT lifecycle_stage(1, '-infinity', date '2025-06-01', date '2025-06-30')$$, '22003', NULL, 'and an infinite one');
SELECT throws_ok($$SELECT lifecycle_stage(2, 5, date '2025-06-01', date '2025-06-30', 'CASE WHEN days_since_order < 7 THEN ''a'' WHEN days_since_order < 60 THEN ''b'' WHEN order_days > 1 THEN ''c'' END')$$, '22023',
  'the stage model reads order_days, but order_days is not given', 'and a column that the model reads further on');

-- one call that meets more models than it keeps, in turn
SELECT is(count(*) FILTER (WHERE lifecycle_stage(1, 10, date '2025-06-30' - d, date '2025-06-30', format('CASE WHEN days_since_order < t THEN ''near'' ELSE ''far'' END WITH (t = %s)', t)::crmlife.lifecycle_model)
    <> CASE WHEN d < t THEN 'near' ELSE 'far' END), 0::bigint, 'hundreds of models in turn')
FROM (SELECT i % 211 AS d, 1 + i * 7919 % 200 AS t FROM generate_series(1, 6000) i OFFSET 0) x;
-- a model travels in binary
CREATE TEMP TABLE travelled (name text, model crmlife.lifecycle_model);
\set file `mktemp -u /tmp/crmlife_models.XXXXXX`
COPY short_model TO :'file' (FORMAT binary);
COPY travelled FROM :'file' (FORMAT binary);
\setenv CRMLIFE_FILE :file
\! rm -f "$CRMLIFE_FILE"
SELECT is(count(*) FILTER (WHERE s.model::text = t.model::text AND lifecycle_stage(1, 1, date '2025-06-20', date '2025-06-30', s.model) = lifecycle_stage(1, 1, date '2025-06-20', date '2025-06-30', t.model)),
  (SELECT count(*) FROM short_model), 'a model travels in binary') FROM short_model s JOIN travelled t USING (name);

DELETE FROM crmlife.model WHERE name = 'own';
SELECT * FROM finish();
