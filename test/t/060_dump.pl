# Dump and restore, and transactions in two phases: definitions, settings and
# the change log come along, and nothing that was written meanwhile is missed.
use strict;
use warnings;
use FindBin;
use lib $FindBin::RealBin;
use PostgreSQL::Test::Utils;
use Shop;
use Test::More;

my $node = new_server('dump', 0);
$node->append_conf('postgresql.conf', "max_prepared_transactions = 5\n");
$node->restart;
open_shop($node, 'shop', '"My stages"');
$node->safe_psql('shop', <<'EOS');
CREATE SCHEMA desk;
CREATE TABLE lines (customer text, at date, amount int, key text) PARTITION BY RANGE (at);
CREATE TABLE lines_1 PARTITION OF lines DEFAULT;
INSERT INTO lines SELECT 'c' || i % 20, current_date - i * 3, i % 11 - 2, i / 2 FROM generate_series(1, 200) i;
CREATE TABLE visits (who text, at timestamp);
INSERT INTO visits SELECT 'c' || i % 25, current_date - i * 5 FROM generate_series(1, 50) i;
SELECT crmlife.create_stage_table('desk.stages', 'lines', 'customer', 'at', 'amount', order_filter => 'amount <> 3',
  order_key => 'key', visits => 'visits', visit_customer => 'who', visited_at => 'at', customer_column => 'who',
  model => 'CASE WHEN days_since_active < near THEN ''near'' WHEN orders > 2 THEN ''many'' END WITH (near = 30)',
  timezone => 'Asia/Shanghai', refresh_every => '5 minutes');
SELECT crmlife.set_threshold('desk.stages', 'near', 20);
SELECT crmlife.calibrate('desk.stages', 'mean', '300 days', recency_cuts => '{5,50}');
INSERT INTO crmlife.rfm_scheme (scheme, position, segment, r_from) VALUES ('ours', 1, 'recent', 2);
SELECT count(*) FROM crmlife.learn('desk.stages', 'smartpush', 5, 3);
SELECT crmlife.set_schedule('desk.stages', '2 months', '1 month');
INSERT INTO crmlife.model VALUES ('own', 'kpi_bands', 'ours');
INSERT INTO crmlife.model_label VALUES ('own', 'churned', 9, 'retain', 'Gone', '流失', 'Let go.');
SELECT crmlife.set_model('"My stages"', (SELECT model FROM crmlife.model WHERE name = 'own'));
CREATE ROLE ann; CREATE ROLE bob; CREATE ROLE cid;
INSERT INTO crmlife.model (name, model, owner) VALUES ('ann''s', 'layers', 'ann'), ('bob''s', 'recency', 'bob'), ('cid''s', 'membership', 'cid');
ALTER ROLE ann RENAME TO "Ann B.";
DROP ROLE bob;
CREATE TABLE members (who text, joined date, level text);
INSERT INTO members SELECT 'c' || i, current_date - i * 7, (ARRAY['gold', 'silver'])[1 + i % 2] FROM generate_series(1, 30) i;
CREATE FUNCTION desk.grade(text) RETURNS text IMMUTABLE LANGUAGE sql AS 'SELECT $1';
ALTER FUNCTION desk.grade OWNER TO "Ann B.";
SELECT crmlife.create_stage_table('desk.segmented', 'lines', 'customer', 'at', 'amount', members => 'members', member_customer => 'who',
  registered_at => 'joined', segment => 'desk.grade(level)', customer_column => 'who');
SELECT crmlife.set_threshold('desk.segmented', 'active_days', 40, 'gold');
SELECT crmlife.set_threshold('desk.segmented', 'active_days', 60);
SELECT crmlife.refresh('desk.stages', now() + interval '40 days');
SELECT crmlife.refresh('desk.stages', now(), true);
SELECT crmlife.keep_changes('desk.stages', '1 year', 100000);
SELECT crmlife.add_consumer('desk.stages', 'mail'), crmlife.add_consumer('"My stages"', 'Post', 'now', 'pg_monitor');
SELECT crmlife.ack('desk.stages', 'mail', min(seq)) FROM desk.stages_changes;
EOS

# what has to come along
my $definitions = <<'EOS';
SELECT to_jsonb(t) FROM crmlife.stage_table t ORDER BY stage_table::text;
SELECT to_jsonb(t) FROM crmlife.rfm_cuts t ORDER BY stage_table::text;
SELECT to_jsonb(t) - 'set_at' FROM crmlife.threshold_override t ORDER BY stage_table::text, segment;
SELECT to_jsonb(t) FROM crmlife.learned_threshold t ORDER BY stage_table::text, segment, threshold, method;
SELECT to_jsonb(t) FROM crmlife.threshold_change t ORDER BY stage_table::text, changed_at, segment, threshold;
SELECT to_jsonb(t) FROM crmlife.rfm_move t ORDER BY stage_table::text, calibrated_at, from_segment, to_segment;
SELECT to_jsonb(t) FROM crmlife.rfm_scheme t ORDER BY scheme, position;
SELECT to_jsonb(t) FROM crmlife.consumer t ORDER BY stage_table::text, consumer;
SELECT stage_table, version, segment, model FROM crmlife.model_version ORDER BY stage_table::text, version, segment;
SELECT * FROM crmlife.model;
SELECT * FROM crmlife.model_label;
SELECT * FROM desk.stages_changes ORDER BY seq;
SELECT stage_table, s, crmlife.effective_model(stage_table, s) FROM crmlife.stage_table, unnest(ARRAY[NULL, 'gold']) s ORDER BY stage_table::text, s;
SELECT tgrelid::regclass, tgname FROM pg_trigger WHERE tgname LIKE 'crmlife%' ORDER BY tgrelid::regclass::text, tgname;
EOS
my $before = $node->safe_psql('shop', $definitions);
like($before, qr/near.*20/s, 'there is something to take along');
like($before, qr/"order_value".*"override".*"recent"/s, '... of what was learned, changed and defined too');
like($before, qr/"call_owners": \["Ann B\."\]/, '... whose functions an expression calls');
like($before, qr/^ann's\|.*\|Ann B\.$/ms, '... a model of a role that is called otherwise by now');
like($before, qr/^bob's\|.*\|$/ms, '... and one of a role that was dropped');

my $dump = PostgreSQL::Test::Utils::tempdir() . '/shop.dump';
$node->command_ok([ 'pg_dump', '-Fc', '-f', $dump, 'shop' ], 'pg_dump');
$node->command_ok([ 'pg_dump', '-Fd', '-j2', '-f', "$dump.d", 'shop' ], 'pg_dump into a directory, in two');
$node->command_ok([ 'pg_dump', '-f', "$dump.sql", 'shop' ], 'pg_dump as a script');
# changes after the dump are not in it; those at the restore are made there
$node->safe_psql('shop', "INSERT INTO lines VALUES ('late', current_date, 1, 'x')");

for my $way ('at once', 'data apart', 'in four', 'a directory', 'a script')
{
	(my $database = "restored_$way") =~ s/ /_/g;
	$node->safe_psql('postgres', "CREATE DATABASE $database");
	my @pg_restore = ('pg_restore', '--exit-on-error', '-d', $database);
	if ($way eq 'data apart')
	{
		$node->command_ok([ @pg_restore, '--schema-only', $dump ], "$way: the schema");
		is($node->safe_psql($database, 'SELECT count(*) FROM crmlife.stage_table'), '0', "$way: the schema alone has no definitions");
		is($node->psql($database, q(BEGIN; INSERT INTO lines VALUES ('c1', current_date, 1, 'x'); ROLLBACK)), 0, '... and disturbs no writer');
		$node->command_ok([ @pg_restore, '--data-only', '--disable-triggers', $dump ], "$way: the data");
	}
	elsif ($way eq 'a directory')
	{
		$node->command_ok([ @pg_restore, '-j2', "$dump.d" ], "$way: restored");
	}
	elsif ($way eq 'a script')
	{
		$node->command_ok([ 'psql', '-Xq', '-v', 'ON_ERROR_STOP=1', '-d', $database, '-f', "$dump.sql" ], "$way: restored");
	}
	else
	{
		$node->command_ok([ @pg_restore, $way eq 'in four' ? '-j4' : (), $dump ], "$way: restored");
	}
	is($node->safe_psql($database, $definitions), $before, "$way: all definitions come along");
	is($node->safe_psql($database, "SELECT string_agg(state, ',') FROM crmlife.status"),
		'never refreshed,never refreshed,never refreshed', "$way: not refreshed here yet");
	my ($code, $out, $err) = $node->psql($database, "SELECT * FROM crmlife.verify('desk.stages')");
	like($err, qr/has not been refreshed yet/, "$way: verify says so");
	is($node->safe_psql($database, "BEGIN; DO \$\$ BEGIN PERFORM crmlife.drop_stage_table('desk.segmented'); END \$\$; SELECT to_regclass('desk.segmented') IS NULL AND to_regclass('desk.segmented_changes') IS NULL; ROLLBACK"),
		't', "$way: dropped before the first refresh, the log goes too");

	# written before the first refresh
	$node->safe_psql($database, <<'EOS');
INSERT INTO lines VALUES ('c1', current_date, 50, 'new'), ('brand new', current_date, 50, 'new 2');
DELETE FROM lines WHERE customer = 'c2'; DELETE FROM visits WHERE who = 'c2';
EOS
	my $seq = $node->safe_psql($database, 'SELECT coalesce(max(seq), 0) FROM desk.stages_changes');
	$node->safe_psql($database, "SELECT crmlife.refresh(stage_table) FROM crmlife.stage_table");
	is($node->safe_psql($database, 'SELECT bool_and(was_full) FROM crmlife.status'), 't', "$way: the first refresh is a full one");
	is($node->safe_psql($database, "SELECT string_agg(DISTINCT tgenabled::text, ',') FROM pg_trigger WHERE tgname LIKE 'crmlife%'"),
		'A', "$way: and puts the triggers right");
	is(verified($node, $database, 'desk.stages') + verified($node, $database, '"My stages"') + verified($node, $database, 'desk.segmented'),
		0, "$way: verify");
	is($node->safe_psql($database, "SELECT count(*) FROM desk.segmented s WHERE stage <> lifecycle_stage(s.orders, s.revenue, s.last_order_at::date, current_date, crmlife.effective_model('desk.segmented', s.segment))"),
		'0', "$way: stages by the thresholds of the segments");
	is($node->safe_psql($database, "SELECT who, to_stage, cause FROM desk.stages_changes WHERE seq > $seq AND who IN ('c2', 'brand new') ORDER BY 1"),
		"brand new|near|correction\nc2||removed", "$way: the log goes on");
	is($node->safe_psql($database, "SELECT count(*) FROM crmlife.changes_since('desk.stages', 'mail', 100000)"),
		$node->safe_psql($database, "SELECT count(*) - 1 FROM desk.stages_changes"), "$way: the consumer goes on where it was");
	# every customer's story is one chain that ends where the table stands
	is($node->safe_psql($database, <<'EOS'), '0', "$way: without a break");
WITH l AS (SELECT who, seq, from_stage, to_stage FROM desk.stages_changes UNION ALL SELECT who, 9e18::bigint, stage, NULL FROM desk.stages),
c AS (SELECT *, lag(to_stage) OVER (PARTITION BY who ORDER BY seq) AS before, lag(seq) OVER (PARTITION BY who ORDER BY seq) AS prior FROM l)
SELECT count(*) FROM c WHERE prior IS NOT NULL AND from_stage IS DISTINCT FROM before
EOS
	$node->safe_psql($database, "INSERT INTO lines_1 VALUES ('c3', current_date, 5, 'y')");
	is($node->safe_psql($database, "SELECT waiting FROM crmlife.status WHERE stage_table = 'desk.stages'::regclass"), '1', "$way: changes are captured");
	$node->safe_psql($database, "SELECT crmlife.refresh('desk.stages')");
	is($node->safe_psql($database, "SELECT was_full FROM crmlife.status WHERE stage_table = 'desk.stages'::regclass"), 'f', "$way: the second looks at that customer");
	is(verified($node, $database, 'desk.stages'), 0, "$way: verify again");
	# the tie between table and log is back
	$node->safe_psql($database, 'DROP TABLE desk.stages');
	is($node->safe_psql($database, "SELECT to_regclass('desk.stages_changes') IS NULL"), 't', "$way: the log goes with its table");
}

# ----- what is left of stage tables dropped plainly stays behind -----
open_shop($node, 'leftovers', 'gone', 'stays');
$node->safe_psql('leftovers', q(CREATE TABLE calls AS SELECT * FROM orders; SELECT crmlife.create_stage_table('of_calls', 'orders', 'customer_id', 'paid_at', 'amount', visits => 'calls', visit_customer => 'customer_id', visited_at => 'paid_at', capture => 'full'); SELECT crmlife.set_threshold('of_calls', 'active_days', 40); DROP TABLE calls));
$node->safe_psql('leftovers', <<'EOS');
SELECT crmlife.set_threshold(t, 'active_days', 40), crmlife.add_consumer(t, 'mail') FROM unnest('{gone,stays}'::regclass[]) t;
SELECT crmlife.refresh(t, now() + interval '400 days') FROM unnest('{gone,stays}'::regclass[]) t;
SELECT crmlife.calibrate(t) FROM unnest('{gone,stays}'::regclass[]) t;
SELECT count(*) FROM unnest('{gone,stays}'::regclass[]) t, crmlife.learn(t);
DROP TABLE gone;
EOS
$node->safe_psql('postgres', 'CREATE DATABASE left_out');
$node->command_ok([ 'pg_dump', '-f', "$dump.left", 'leftovers' ], 'pg_dump where a stage table was dropped plainly');
$node->command_ok([ 'psql', '-Xq', '-v', 'ON_ERROR_STOP=1', '-d', 'left_out', '-f', "$dump.left" ], '... restored');
my @dumped = split /\n/, $node->safe_psql('leftovers', q(SELECT c::regclass FROM pg_extension, unnest(extconfig) c JOIN pg_attribute a ON attrelid = c AND attname = 'stage_table' WHERE extname = 'crmlife' ORDER BY 1));
cmp_ok(scalar(@dumped), '>', 10, 'tables with rows of stage tables');
for my $table (@dumped)
{
	my $rows = "SELECT count(*) FROM $table WHERE stage_table";
	is($node->safe_psql('left_out', "$rows <> 'stays'::regclass"), '0', "$table: nothing is left");
	is($node->safe_psql('left_out', "$rows = 'stays'::regclass"), $node->safe_psql('leftovers', "$rows = 'stays'::regclass"), '... and the other is whole');
}

# ----- the restored are not dropped with one of them -----
$node->safe_psql('postgres', 'CREATE DATABASE several');
$node->safe_psql('several', <<'EOS');
CREATE EXTENSION crmlife;
CREATE TABLE oa (customer int, at timestamptz, amount numeric);
CREATE TABLE ob (customer int, at timestamptz, amount numeric) PARTITION BY RANGE (at);
CREATE TABLE ob1 PARTITION OF ob DEFAULT;
INSERT INTO oa SELECT i % 9, now() - i * interval '3 days', i FROM generate_series(1, 60) i;
INSERT INTO ob SELECT * FROM oa;
SELECT crmlife.create_stage_table('a', 'oa', 'customer', 'at', 'amount'), crmlife.create_stage_table('b', 'ob', 'customer', 'at', 'amount'), crmlife.create_stage_table('c', 'ob', 'customer', 'at', 'amount');
EOS
$node->safe_psql('postgres', 'CREATE DATABASE fewer');
$node->command_ok([ 'pg_dump', '-f', "$dump.several", 'several' ], 'pg_dump of several stage tables');
$node->command_ok([ 'psql', '-Xq', '-v', 'ON_ERROR_STOP=1', '-d', 'fewer', '-f', "$dump.several" ], '... restored');
my $triggers = q(SELECT coalesce(string_agg(DISTINCT tgrelid::regclass::text, ' ' ORDER BY tgrelid::regclass::text), 'none') FROM pg_trigger WHERE tgname LIKE 'crmlife%');
$node->safe_psql('fewer', q(SELECT crmlife.drop_stage_table('a')));
is($node->safe_psql('fewer', $triggers), 'ob ob1', 'one that was never refreshed there is dropped with its triggers, and none of others');
$node->safe_psql('fewer', q(SELECT crmlife.refresh('b')));
$node->safe_psql('fewer', q(SELECT crmlife.drop_stage_table('b')));
is($node->safe_psql('fewer', $triggers), 'ob ob1', 'one that was refreshed leaves those that another wants, which was not');
$node->safe_psql('fewer', q(SELECT crmlife.drop_stage_table('c')));
is($node->safe_psql('fewer', $triggers), 'none', 'the last takes them along');
is($node->psql('fewer', 'DROP EXTENSION crmlife'), 0, '... and nothing depends on the extension');

# ----- a role that is not there -----
$node->safe_psql('postgres', 'DROP ROLE cid');
$node->safe_psql('postgres', 'CREATE DATABASE roleless');
$node->command_ok([ 'pg_restore', '--exit-on-error', '-d', 'roleless', $dump ], 'restored without a role that owned a model');
is($node->safe_psql('roleless', 'SELECT name, owner FROM crmlife.model ORDER BY name'), "ann's|Ann B.\nbob's|\ncid's|\nown|" . $node->safe_psql('shop', 'SELECT current_user'),
	'... the models are there, those of nobody too');
$node->safe_psql('postgres', 'CREATE ROLE cid');
my ($rc, $stdout, $stderr) = $node->psql('roleless', q(SET ROLE cid; DELETE FROM crmlife.model WHERE name = 'cid''s'));
like($stderr, qr/must be owner of stage model "cid's"/, '... and not of a new role under the name');
$node->safe_psql('postgres', 'DROP ROLE cid');

# ----- two phases -----
my $asks = q(SELECT waiting FROM crmlife.status WHERE stage_table = '"My stages"'::regclass);
$node->safe_psql('shop', q(SELECT crmlife.refresh('"My stages"')));
$node->safe_psql('shop', q(BEGIN; INSERT INTO orders (customer_id, paid_at, amount) VALUES (900, now(), 1); PREPARE TRANSACTION 'one'));
$node->safe_psql('shop', q(BEGIN; INSERT INTO orders (customer_id, paid_at, amount) VALUES (901, now(), 1); PREPARE TRANSACTION 'two'));
is($node->safe_psql('shop', $asks), '0', 'what is prepared is not there yet');
$node->safe_psql('shop', q(SELECT crmlife.refresh('"My stages"')));
$node->restart;
$node->safe_psql('shop', q(COMMIT PREPARED 'one'));
$node->safe_psql('shop', q(ROLLBACK PREPARED 'two'));
is($node->safe_psql('shop', $asks), '1', 'committed after a restart, it is captured');
$node->safe_psql('shop', q(SELECT crmlife.refresh('"My stages"')));
is($node->safe_psql('shop', q(SELECT count(*) FROM "My stages" WHERE customer_id >= 900)), '1', 'and refreshed');
is(verified($node, 'shop', '"My stages"'), 0, 'verify');
# a refresh in two phases is a refresh under way
$node->safe_psql('shop', q(BEGIN; INSERT INTO orders (customer_id, paid_at, amount) VALUES (902, now(), 1); SELECT crmlife.refresh('"My stages"'); PREPARE TRANSACTION 'three'));
is($node->safe_psql('shop', q(SELECT state FROM crmlife.status WHERE stage_table = '"My stages"'::regclass)), 'running', 'a prepared refresh is running');
my ($code, $out, $err) = $node->psql('shop', q(SET lock_timeout = '200ms'; SELECT crmlife.refresh('"My stages"')));
like($err, qr/lock timeout/, 'another waits for it');
$node->safe_psql('shop', q(COMMIT PREPARED 'three'));
is($node->safe_psql('shop', q(SELECT state FROM crmlife.status WHERE stage_table = '"My stages"'::regclass)), 'ok', 'till it is committed');
is(verified($node, 'shop', '"My stages"'), 0, 'verify');

# what holds up a DETACH until it is given up: the partition is none and not none
$node->safe_psql('shop', q(CREATE TABLE parted (customer int, at timestamptz, amount numeric) PARTITION BY LIST (customer);
CREATE TABLE parted1 PARTITION OF parted FOR VALUES IN (1); CREATE TABLE parted2 PARTITION OF parted FOR VALUES IN (2);
INSERT INTO parted VALUES (1, now(), 1), (2, now(), 1); SELECT crmlife.create_stage_table('parted_stages', 'parted', 'customer', 'at', 'amount')));
$node->safe_psql('shop', q(BEGIN; SELECT FROM parted; PREPARE TRANSACTION 'reads'));
$node->psql('shop', q(SET statement_timeout = '300ms'; ALTER TABLE parted DETACH PARTITION parted2 CONCURRENTLY));
$node->safe_psql('shop', q(ROLLBACK PREPARED 'reads'));
is($node->safe_psql('shop', q(SELECT inhdetachpending FROM pg_inherits WHERE inhrelid = 'parted2'::regclass)), 't', 'a partition half detached');
my $fulls = q(SELECT string_agg(was_full::text, ' ' ORDER BY run) FROM (SELECT * FROM crmlife.runs WHERE stage_table = 'parted_stages'::regclass ORDER BY run DESC LIMIT 2) r);
$node->safe_psql('shop', q(SELECT crmlife.refresh('parted_stages')));
for my $row ('INSERT INTO parted VALUES (1, now(), 2)', 'INSERT INTO parted2 VALUES (2, now(), 2)')
{
	$node->safe_psql('shop', $row);
	$node->safe_psql('shop', q(SELECT crmlife.refresh('parted_stages')));
	is(verified($node, 'shop', 'parted_stages'), 0, '... verify');
}
is($node->safe_psql('shop', $fulls), 'false false', '... has not everybody looked at for ever');
$node->safe_psql('shop', q(ALTER TABLE parted DETACH PARTITION parted2 FINALIZE; INSERT INTO parted VALUES (1, now(), 2); SELECT crmlife.refresh('parted_stages')));
is(verified($node, 'shop', 'parted_stages'), 0, '... and detached: verify');
is($node->safe_psql('shop', 'SELECT string_agg(customer::text, $$ $$) FROM parted_stages'), '1', '... whose customers are gone');

# every level of isolation, in one transaction with its own writes
for my $level ('REPEATABLE READ', 'SERIALIZABLE')
{
	is($node->safe_psql('shop', <<EOS), '0', "a write and a refresh at $level");
BEGIN ISOLATION LEVEL $level;
INSERT INTO orders (customer_id, paid_at, amount) VALUES (903, now(), 1);
DO \$\$ BEGIN PERFORM crmlife.refresh('"My stages"'); END \$\$;
SELECT count(*) FROM crmlife.verify('"My stages"');
COMMIT;
EOS
}
$node->stop;
done_testing();
