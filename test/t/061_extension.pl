# The extension dropped, created again, and updated: an update ends where a new
# installation begins; the library of one version and the catalog of another
# harm nobody and lose nothing.
use strict;
use warnings;
use FindBin;
use lib $FindBin::RealBin;
use PostgreSQL::Test::Utils;
use Shop;
use Test::More;
use Time::HiRes qw(sleep time);

my $node = new_server('extension', 1);
my $extensions = $node->config_data('--sharedir') . '/extension';
my $err;

# ----- dropped and created again -----
open_shop($node, 'dropped', 'stages', '"My stages"');
$node->psql('dropped', 'DROP EXTENSION crmlife', stderr => \$err);
like($err, qr/2BP01|cannot drop extension crmlife because other objects depend on it.*stages/s, 'it is not dropped under stage tables');
like($err, qr/table "My stages".*HINT:.*CASCADE/s, '... the error names them, and the way out');
ok(defined wait_for($node, 'dropped', q(SELECT count(*) FROM crmlife.status WHERE refreshed_at IS NOT NULL), '2'), '... and they go on');

$node->safe_psql('dropped', 'CREATE TABLE before AS SELECT customer_id, stage, orders FROM stages');
$node->safe_psql('dropped', 'DROP EXTENSION crmlife CASCADE');
is($node->safe_psql('dropped', q(SELECT count(*) FROM pg_trigger WHERE NOT tgisinternal)), '0', 'with CASCADE the triggers on the sources go');
is($node->safe_psql('dropped', q(SELECT to_regnamespace('crmlife') IS NULL)), 't', '... and everything else of it');
is($node->safe_psql('dropped', 'SELECT count(*) FROM (TABLE before EXCEPT SELECT customer_id, stage, orders FROM stages) AS d'), '0', '... stage tables stay, without histories');
$node->safe_psql('dropped', 'INSERT INTO orders (customer_id, paid_at, amount) VALUES (1001, now(), 5)');
$node->safe_psql('dropped', 'CREATE EXTENSION crmlife');
$node->psql('dropped', q(SELECT crmlife.create_stage_table('stages', 'orders', 'customer_id', 'paid_at', 'amount')), stderr => \$err);
like($err, qr/already exists/, 'created again, it takes no table that is there');
$node->safe_psql('dropped', q(DROP TABLE stages, stages_changes));
$node->safe_psql('dropped', q(SELECT crmlife.create_stage_table('stages', 'orders', 'customer_id', 'paid_at', 'amount', refresh_every => '1 second')));
$node->safe_psql('dropped', 'INSERT INTO orders (customer_id, paid_at, amount) VALUES (1002, now(), 5)');
ok(defined wait_for($node, 'dropped', 'SELECT count(*) FROM stages WHERE customer_id > 1000', '2'), '... a stage table is made anew, and followed');
is(verified($node, 'dropped', 'stages'), 0, '... verify');
$node->safe_psql('postgres', 'DROP DATABASE dropped');

SKIP:
{
	skip "no right to write to $extensions", 1 if !-w $extensions;
	my $top = "$FindBin::RealBin/../..";
	my ($version) = slurp_file("$top/crmlife.control") =~ /^default_version = '(.*)'/m;

	# all that belongs to the extension, as text
	my $catalog = <<'EOS';
WITH member AS (SELECT classid, objid FROM pg_depend WHERE refclassid = 'pg_extension'::regclass AND deptype = 'e'
                AND refobjid = (SELECT oid FROM pg_extension WHERE extname = 'crmlife'))
SELECT pg_describe_object(classid, objid, 0) || ' ' || coalesce(obj_description(objid, classid::regclass::text::name), '-')
FROM member WHERE pg_describe_object(classid, objid, 0) !~ 'toast' UNION ALL
SELECT 'function ' || p.oid::regprocedure || ' ' || concat_ws(' ', p.prosrc, p.provolatile, p.proparallel, p.proisstrict, p.prosecdef, p.proconfig, p.proacl, pg_get_function_arguments(p.oid))
FROM pg_proc p JOIN member ON p.oid = objid AND classid = 'pg_proc'::regclass UNION ALL
SELECT 'aggregate ' || p.oid::regprocedure || ' ' || concat_ws(' ', a.aggtransfn, a.aggfinalfn, a.aggcombinefn, a.aggserialfn, a.aggdeserialfn, a.aggtranstype::regtype, a.agginitval)
FROM pg_aggregate a JOIN pg_proc p ON p.oid = a.aggfnoid JOIN member ON p.oid = objid AND classid = 'pg_proc'::regclass UNION ALL
SELECT 'relation ' || c.oid::regclass || ' ' || c.relkind::text || ' ' || coalesce(c.relacl::text, '') || coalesce(CASE WHEN c.relkind = 'v' THEN pg_get_viewdef(c.oid) END, '') || coalesce(c.reloptions::text, '')
FROM pg_class c JOIN member ON c.oid = objid AND classid = 'pg_class'::regclass UNION ALL
SELECT 'column ' || a.attrelid::regclass || ' ' || a.attname || ' ' || format_type(a.atttypid, a.atttypmod) || ' ' || a.attnotnull || ' ' ||
       coalesce(pg_get_expr(d.adbin, d.adrelid), '') || ' ' || coalesce(col_description(a.attrelid, a.attnum), '')
FROM pg_attribute a JOIN member ON a.attrelid = objid AND classid = 'pg_class'::regclass LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
WHERE a.attnum > 0 AND NOT a.attisdropped UNION ALL
SELECT 'constraint ' || k.conrelid::regclass || ' ' || k.conname || ' ' || pg_get_constraintdef(k.oid) FROM pg_constraint k JOIN member ON k.conrelid = objid AND classid = 'pg_class'::regclass UNION ALL
SELECT 'index ' || pg_get_indexdef(i.indexrelid) FROM pg_index i JOIN member ON i.indrelid = objid AND classid = 'pg_class'::regclass UNION ALL
SELECT 'trigger ' || pg_get_triggerdef(t.oid) FROM pg_trigger t JOIN member ON t.tgrelid = objid AND classid = 'pg_class'::regclass WHERE NOT t.tgisinternal UNION ALL
SELECT 'dumped ' || c::regclass || ' ' || q FROM pg_extension e, unnest(e.extconfig, e.extcondition) AS x(c, q) WHERE extname = 'crmlife' UNION ALL
SELECT 'cast ' || castsource::regtype || ' ' || casttarget::regtype || ' ' || castcontext::text FROM pg_cast JOIN member ON pg_cast.oid = objid AND classid = 'pg_cast'::regclass
ORDER BY 1
EOS
	$node->safe_psql('postgres', 'CREATE DATABASE fresh');
	$node->safe_psql('fresh', 'CREATE EXTENSION crmlife');
	my $fresh = $node->safe_psql('fresh', $catalog);

	# ----- every version that was released can be updated -----
	for my $old (glob "$top/test/upgrade/crmlife--*.sql")
	{
		my ($from) = $old =~ /--([^-]+)\.sql$/;
		system_or_bail('cp', $old, $extensions);
		$node->safe_psql('postgres', 'CREATE DATABASE released');
		$node->safe_psql('released', "CREATE EXTENSION crmlife VERSION '$from'; ALTER EXTENSION crmlife UPDATE");
		is($node->safe_psql('released', $catalog), $fresh, "updated from $from, all is as in a new installation");
		$node->safe_psql('postgres', 'DROP DATABASE released');
		unlink "$extensions/crmlife--$from.sql";
	}

	# ----- the mechanism, between this version and one that lacks a part -----
	my $part = slurp_file("$top/sql/figures.sql");
	my @tables = $part =~ /^CREATE TABLE (\S+)/mg;
	my @views = reverse $part =~ /^CREATE VIEW (\S+)/mg;
	my $down = join '', map { "DROP VIEW $_;\n" } @views;
	my @made = $part =~ /^CREATE FUNCTION (\S+?)\(/mg;
	$down .= join '', map { "DROP FUNCTION $_;\n" } @made;
	$down .= join '', map { "ALTER EXTENSION crmlife DROP TABLE $_;\nDROP TABLE $_;\n" } @tables;
	append_to_file("$extensions/crmlife--$version--0.0.9.sql", $down);
	append_to_file("$extensions/crmlife--0.0.9--$version.sql", $part);

	open_shop($node, 'shop', 'stages');
	ok(defined wait_for($node, 'shop', q(SELECT state FROM crmlife.status), 'ok'), 'a shop with a stage table');
	my $place = -s $node->logfile;
	$node->safe_psql('shop', "ALTER EXTENSION crmlife UPDATE TO '0.0.9'");
	is($node->safe_psql('shop', q(SELECT to_regclass('crmlife.overview') IS NULL AND to_regclass('crmlife.figures_state') IS NULL)), 't',
		'its catalog is that of an older version');

	# nobody who writes notices; the worker waits, and says so once
	$node->safe_psql('shop', 'INSERT INTO orders (customer_id, paid_at, amount) VALUES (1001, now(), 5), (2, now(), 5)');
	is($node->safe_psql('shop', 'SELECT waiting FROM crmlife.status'), '2', 'changes are captured all the same');
	$node->append_conf('postgresql.conf', "crmlife.worker_interval = '1s'");
	$node->reload;
	sleep 5;
	is($node->safe_psql('shop', q(SELECT waiting || ' ' || failures FROM crmlife.status)), '2 0', 'no refresh is tried');
	is(told($node, 'WARNING:.*crmlife in database "shop" is of version 0.0.9', $place), 1, '... the log tells it once');
	like(slurp_file($node->logfile, $place), qr/HINT:.*ALTER EXTENSION crmlife UPDATE/, '... and what to do');
	for my $call ("refresh('stages')", "set_threshold('stages', 'active_days', 80)", "verify('stages')",
		"create_stage_table('more', 'orders', 'customer_id', 'paid_at', 'amount')", "drop_stage_table('stages')",
		"changes_since('stages', 'mail')", "ack('stages', 'mail', 1)", "forget_consumer('stages', 'mail')",
		"set_consumer_role('stages', 'mail', 'postgres')")
	{
		$node->psql('shop', "SELECT * FROM crmlife.$call", stderr => \$err);
		like($err, qr/ERROR:.*of version 0\.0\.9.*HINT:.*ALTER EXTENSION crmlife UPDATE/s, "$call: says so too");
	}
	is($node->safe_psql('shop', 'SELECT lifecycle_stage(history, current_date) FROM stages WHERE customer_id = 0'), 'active', 'what reads no table works');

	# updated while somebody writes and the worker is there
	my $writer = $node->background_psql('shop');
	$writer->query_safe('BEGIN; INSERT INTO orders (customer_id, paid_at, amount) VALUES (1002, now(), 5)');
	$node->safe_psql('shop', 'ALTER EXTENSION crmlife UPDATE');
	$writer->query_safe('COMMIT');
	$writer->quit;
	is($node->safe_psql('shop', $catalog), $fresh, 'updated, all is as in a new installation');
	ok(defined wait_for($node, 'shop', 'SELECT count(*) FROM stages WHERE customer_id IN (1001, 1002)', '2', 60), '... the worker goes on by itself');
	is(verified($node, 'shop', 'stages'), 0, '... verify');
	is(chain_breaks($node, 'shop', 'stages'), 0, '... the change log is one chain');
	is($node->safe_psql('shop', "SELECT count(*) > 0 FROM crmlife.snapshots"), 't', '... what is new is filled');
	unlink "$extensions/crmlife--$version--0.0.9.sql", "$extensions/crmlife--0.0.9--$version.sql";

	# a restore brings the version that is installed
	$node->safe_psql('postgres', 'CREATE DATABASE copy');
	command_ok([ 'pg_dump', '-Fc', '-f', $node->basedir . '/shop.dump', '-h', $node->host, '-p', $node->port, 'shop' ], 'pg_dump');
	command_ok([ 'pg_restore', '-e', '-h', $node->host, '-p', $node->port, '-d', 'copy', $node->basedir . '/shop.dump' ], 'pg_restore');
	is($node->safe_psql('copy', "SELECT extversion FROM pg_extension WHERE extname = 'crmlife'"), $version, 'a restore has the version of the library');
}

$node->stop;
done_testing();
