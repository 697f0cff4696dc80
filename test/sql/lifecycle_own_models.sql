-- crmlife.model: users' own models, who may change them, their stages beside
-- the shipped ones.
\set ECHO none
\pset format unaligned
\pset tuples_only true
SET client_min_messages = warning;
SELECT no_plan();
CREATE ROLE crm_test_ann;
CREATE ROLE crm_test_bob;
CREATE ROLE crm_test_team;
GRANT crm_test_team TO crm_test_ann;

-- the shipped ones
SELECT set_eq('SELECT name FROM crmlife.shipped_models()', '{recency,recency_grid,kpi_bands,engagement,membership,layers}'::text[], 'shipped models');
SELECT is(count(*) FILTER (WHERE name::crmlife.lifecycle_model::text <> model::text), 0::bigint, 'as their names are read') FROM crmlife.shipped_models();
SELECT is(count(*), 0::bigint, 'every shipped stage has a zone, labels and advice')
FROM crmlife.model_stage WHERE model IN (SELECT name FROM crmlife.shipped_models())
  AND ((zone IS NULL) <> (stage = 'unclassified') OR label_en IS NULL OR label_zh IS NULL OR advice IS NULL);
SELECT is(count(*), 0::bigint, 'and a position of its own') FROM (SELECT model, position FROM crmlife.model_stage GROUP BY 1, 2 HAVING count(*) > 1) AS p;
SELECT is(string_agg(stage || ' ' || label_zh || ' ' || coalesce(zone, ''), ', ' ORDER BY position),
  'introduction 导入 acquire, growth 成长 grow, maturity 成熟 grow, dormancy 休眠 retain, churn 流失 retain, unclassified 未分类 ', 'membership') FROM crmlife.model_stage WHERE model = 'membership';
SELECT is(string_agg(stage || ' ' || label_zh, ', ' ORDER BY position), 'potential 潜在, new 新, growing 成长, mature 成熟, pre_churn 预流失, churned 流失, unclassified 未分类', 'layers')
FROM crmlife.model_stage WHERE model = 'layers';

-- a user's own
SET ROLE crm_test_ann;
INSERT INTO crmlife.model (name, model, description) VALUES ('fans', 'CASE WHEN orders > many THEN ''fan'' WHEN orders > 0 THEN ''guest'' END WITH (many = 5)', 'who likes us');
SELECT is(owner::name, 'crm_test_ann', 'belongs to who added it') FROM crmlife.model WHERE name = 'fans';
SELECT is(lifecycle_stage(6, 100, date '2025-01-01', date '2025-01-02', (SELECT model FROM crmlife.model WHERE name = 'fans')), 'fan', 'is used by name');
SELECT is(string_agg(concat_ws(' ', position, stage, zone, label_en), ', ' ORDER BY position), '1 fan, 2 guest, 3 unclassified', 'its stages without labels') FROM crmlife.model_stage WHERE model = 'fans';
INSERT INTO crmlife.model_label VALUES ('fans', 'fan', 2, 'grow', 'Fan', '粉丝', 'Say thank you.'), ('fans', 'guest', 1, 'acquire', 'Guest', '客人', 'Invite.');
SELECT is(string_agg(concat_ws(' ', position, stage, zone, label_en, label_zh, advice), ', ' ORDER BY position), '1 guest acquire Guest 客人 Invite., 2 fan grow Fan 粉丝 Say thank you., 3 unclassified', 'with labels')
FROM crmlife.model_stage WHERE model = 'fans';
SELECT throws_ok($$INSERT INTO crmlife.model_label VALUES ('fans', 'friend', 3)$$, '42704', 'stage model "fans" has no stage "friend"', 'no such stage');
SELECT throws_ok($$INSERT INTO crmlife.model_label VALUES ('fan', 'friend', 3)$$, '23503', NULL, 'no such model');
SELECT throws_ok($$INSERT INTO crmlife.model_label VALUES ('fans', 'unclassified', 3, 'garden')$$, '23514', NULL, 'no such zone');
SELECT throws_ok($$INSERT INTO crmlife.model (name, model) VALUES ('recency', 'kpi_bands')$$, '42710', '"recency" is the name of a shipped stage model', 'not the name of a shipped model');
SELECT throws_ok($$INSERT INTO crmlife.model (name, model, owner) VALUES ('x', 'kpi_bands', 'crm_test_bob')$$, '42501', 'must be owner of stage model "x"', 'not for someone else');
SELECT throws_ok($$INSERT INTO crmlife.model (name, model, owner) VALUES ('x', 'kpi_bands', NULL)$$, '23502', NULL, 'nor for nobody');
SELECT lives_ok($$INSERT INTO crmlife.model (name, model, owner) VALUES ('ours', 'kpi_bands', 'crm_test_team')$$, 'for a role one is a member of');
-- another user
SET ROLE crm_test_bob;
SELECT is(count(*), 2::bigint, 'everyone sees them') FROM crmlife.model WHERE name IN ('fans', 'ours');
SELECT throws_ok(statement, '42501', 'must be owner of stage model "fans"', statement) FROM unnest(ARRAY[
  $$UPDATE crmlife.model SET model = 'recency' WHERE name = 'fans'$$, $$UPDATE crmlife.model SET owner = 'crm_test_bob' WHERE name = 'fans'$$,
  $$DELETE FROM crmlife.model WHERE name = 'fans'$$, $$UPDATE crmlife.model_label SET label_en = 'x' WHERE model = 'fans'$$,
  $$DELETE FROM crmlife.model_label WHERE model = 'fans'$$, $$INSERT INTO crmlife.model_label VALUES ('fans', 'unclassified', 9)$$]) AS statement;
-- the owner, and a member
SET ROLE crm_test_ann;
SELECT lives_ok($$UPDATE crmlife.model SET name = 'friends', model = 'CASE WHEN orders > 9 THEN ''fan'' ELSE ''other'' END' WHERE name = 'fans'$$, 'the owner renames and changes it');
SELECT is(string_agg(concat_ws(' ', position, stage, label_en), ', ' ORDER BY stage), '2 fan Fan, 2 other, 3 unclassified', 'labels follow, for the stages there are') FROM crmlife.model_stage WHERE model = 'friends';
SELECT lives_ok($$DELETE FROM crmlife.model WHERE name = 'friends'$$, 'the owner deletes it');
SELECT is(count(*), 0::bigint, 'and its labels') FROM crmlife.model_label;
SELECT lives_ok($$DELETE FROM crmlife.model WHERE name = 'ours'$$, 'a member of the owner');

-- a role by another name is the same, another one of the same name is not
INSERT INTO crmlife.model (name, model, owner) VALUES ('fans', 'recency', current_user), ('ours', 'kpi_bands', 'crm_test_team'), ('mine', 'layers', 'crm_test_ann');
INSERT INTO crmlife.model_label VALUES ('fans', 'churned', 1);
SELECT is(string_agg(name, ', ' ORDER BY name), 'fans, mine', 'found by the owner''s name') FROM crmlife.model WHERE owner = 'crm_test_ann';
RESET ROLE;
ALTER ROLE crm_test_ann RENAME TO "Ann, née Test";
SELECT is(string_agg(name || ' ' || owner, ', ' ORDER BY name), 'fans Ann, née Test, mine Ann, née Test, ours crm_test_team', 'renamed') FROM crmlife.model;
SELECT is(string_agg(owner::text, ', '), 'crm_test_team, Ann, née Test', 'as rows that are written and read in') FROM unnest(ARRAY['crm_test_team', 'Ann, née Test', NULL]::text[]::crmlife.role_ref[]) AS owner;
CREATE TABLE sent AS SELECT name, owner FROM crmlife.model;
CREATE TABLE received (LIKE sent);
SELECT set_config('crmlife_test.file', current_setting('data_directory') || '/lifecycle_own_models.bin', false) AS file \gset
COPY sent TO :'file' (FORMAT binary);
COPY received FROM :'file' (FORMAT binary);
\set command 'rm -f ' :file
COPY received FROM PROGRAM :'command';
SELECT bag_eq('SELECT name, owner::text FROM received', 'SELECT name, owner::text FROM sent', 'in binary');
SELECT is(crmlife.role_ref_send('crm_test_team'), 'crm_test_team'::bytea, 'that is the name too');
SET ROLE "Ann, née Test";
SELECT lives_ok($$UPDATE crmlife.model SET description = 'still mine' WHERE name = 'fans'$$, 'whoever is renamed keeps her models');
SELECT lives_ok($$UPDATE crmlife.model_label SET label_en = 'Gone' WHERE model = 'fans'$$, 'and their labels');
SELECT lives_ok($$UPDATE crmlife.model SET owner = 'crm_test_team' WHERE name = 'fans'$$, 'gives one away');
RESET ROLE;
CREATE ROLE crm_test_ann;
SET ROLE crm_test_ann;
SELECT throws_ok($$DELETE FROM crmlife.model WHERE name = 'mine'$$, '42501', 'must be owner of stage model "mine"', 'a new role under the old name has none');
RESET ROLE;
DROP ROLE "Ann, née Test", crm_test_team;
CREATE ROLE crm_test_team;
CREATE ROLE "Ann, née Test";
SELECT is(string_agg(name || ' ' || owner, ', ' ORDER BY name), 'fans , mine , ours ', 'dropped: they belong to nobody') FROM crmlife.model;
SET ROLE "Ann, née Test";
SELECT throws_ok(statement, '42501', 'must be owner of stage model "mine"', 'created again: ' || statement) FROM unnest(ARRAY[
  $$DELETE FROM crmlife.model WHERE name = 'mine'$$, $$UPDATE crmlife.model SET owner = current_user WHERE name = 'mine'$$, $$INSERT INTO crmlife.model_label VALUES ('mine', 'new', 1)$$]) AS statement;
SELECT lives_ok($$SELECT * FROM crmlife.model JOIN crmlife.model_stage ON model_stage.model = name$$, 'everyone sees them still');
RESET ROLE;
SELECT lives_ok($$UPDATE crmlife.model SET owner = 'Ann, née Test' WHERE name = 'mine'$$, 'the database''s owner gives it another owner');
SET ROLE "Ann, née Test";
SELECT lives_ok($$DELETE FROM crmlife.model WHERE name = 'mine'$$, 'who may change it');
RESET ROLE;
-- a name that is no role's
SELECT throws_ok($$INSERT INTO crmlife.model (name, model, owner) VALUES ('x', 'kpi_bands', 'crm_test_nobody'::name)$$, '42704', 'role "crm_test_nobody" does not exist', 'by a name');
SET client_min_messages = error;
SELECT lives_ok($$INSERT INTO crmlife.model (name, model, owner) VALUES ('x', 'kpi_bands', 'crm_test_nobody')$$, 'read in, as in a dump, with a warning');
SET client_min_messages = warning;
SET ROLE crm_test_bob;
SELECT throws_ok($$INSERT INTO crmlife.model (name, model, owner) VALUES ('y', 'kpi_bands', '')$$, '42501', 'must be owner of stage model "y"', 'not for nobody');
RESET ROLE;
DELETE FROM crmlife.model WHERE name IN ('fans', 'ours', 'x') AND owner = '';
SELECT is(count(*), 0::bigint, 'found by no owner') FROM crmlife.model;
DROP ROLE crm_test_ann, crm_test_bob, crm_test_team, "Ann, née Test";
-- as in a dump that is read in: it is said, not refused
SET client_min_messages = error;
INSERT INTO crmlife.model (name, model) VALUES ('read_in', 'kpi_bands');
SELECT lives_ok($$INSERT INTO crmlife.model_label VALUES ('read_in', 'gone', 1)$$, 'a label of a stage that is no more');
DELETE FROM crmlife.model WHERE name = 'read_in';
-- on tables of their own kind, and on no others
SELECT throws_ok('SELECT crmlife.guard_model()', '39P01', 'crmlife.guard_model is for its own triggers', 'no trigger is called by hand');
CREATE TABLE elsewhere (name text);
CREATE TRIGGER late AFTER INSERT ON elsewhere FOR EACH ROW EXECUTE FUNCTION crmlife.guard_model();
SELECT throws_ok('INSERT INTO elsewhere VALUES (NULL)', '39P01', 'crmlife.guard_model is for its own triggers', 'a guard that comes too late');
DROP TRIGGER late ON elsewhere;
CREATE TRIGGER early BEFORE INSERT ON elsewhere FOR EACH ROW EXECUTE FUNCTION crmlife.follow_model();
SELECT throws_ok('INSERT INTO elsewhere VALUES (NULL)', '39P01', 'crmlife.follow_model is for its own triggers', 'a follower that comes too early');
DROP TABLE elsewhere;
-- a long one is compressed where it is stored, and means the same
CREATE TABLE long AS
SELECT ('CASE ' || string_agg(format('WHEN orders = %s THEN ''has_%s''', i, i), ' ') || ' ELSE ''many'' END WITH (unused = 1)')::crmlife.lifecycle_model AS model FROM generate_series(1, 200) AS i;
SELECT ok(pg_column_size(model) < length(model::text) / 2, 'compressed') FROM long;
SELECT is(string_agg(lifecycle_stage(n, 1, date '2025-01-01', date '2025-01-02', with_threshold(model, 'unused', 2)), ' ' ORDER BY n), 'has_1 has_77 has_200 many', 'and used')
FROM long, unnest('{1,77,200,201}'::bigint[]) AS n;
DROP TABLE long;
-- a query with more models than are kept compiled, one of them again and again
SELECT is(count(*) FILTER (WHERE lifecycle_stage(n, 1, date '2025-01-01', date '2025-01-02', format('CASE WHEN orders > %s THEN ''more'' ELSE ''less'' END', i)::crmlife.lifecycle_model)
                                 IS DISTINCT FROM CASE WHEN n > i THEN 'more' ELSE 'less' END), 0::bigint, 'more models than are kept')
FROM (SELECT i, 1 + (i * 37) % 150 AS n FROM (SELECT i FROM generate_series(1, 120) AS i UNION ALL SELECT CASE i % 2 WHEN 0 THEN 3 ELSE 120 END FROM generate_series(1, 9) AS i) AS s OFFSET 0) AS v;
-- who may change all models may write labels before their models, as a dump does
INSERT INTO crmlife.model_label VALUES ('comes later', 'fan', 1, 'grow', 'Fan');
INSERT INTO crmlife.model (name, model) VALUES ('comes later', 'CASE WHEN orders > 1 THEN ''fan'' ELSE ''guest'' END');
SELECT is(string_agg(concat_ws(' ', position, stage, label_en), ', ' ORDER BY stage), '1 fan Fan, 2 guest, 3 unclassified', 'a label that was there first') FROM crmlife.model_stage WHERE model = 'comes later';
DELETE FROM crmlife.model WHERE name = 'comes later';
SELECT finish();
