# Whoever wants a database for himself gets it: DROP, RENAME, CREATE ...
# TEMPLATE; the extension dropped while its worker runs; more databases than
# workers, and fewer worker processes than wanted.
use strict;
use warnings;
use FindBin;
use IPC::Run;
use lib $FindBin::RealBin;
use PostgreSQL::Test::Utils;
use Shop;
use Test::More;
use Time::HiRes qw(sleep time);

my $node = new_server('yields', 1);
open_shop($node, $_, 'stages') for 'one', 'two';

# seconds a statement takes in database postgres; 99 when it fails
sub timed
{
	my ($statement) = @_;
	my $start = time;
	my $err;
	my $code = $node->psql('postgres', $statement, stderr => \$err);
	diag($err) if $code != 0;
	return $code == 0 ? time - $start : 99;
}

sub has_worker
{
	my ($database) = @_;
	return defined wait_for($node, 'postgres',
		"SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'crmlife worker' AND datname = '$database'", '1');
}

sub is_running
{
	my ($database) = @_;
	return defined wait_for($node, $database, 'SELECT state FROM crmlife.status', 'running');
}

# an idle worker
ok(has_worker('one'), 'a worker is connected');
cmp_ok(timed('CREATE DATABASE copy TEMPLATE one'), '<', 4, 'CREATE DATABASE ... TEMPLATE');
ok(has_worker('one'), 'it comes back');
cmp_ok(timed('ALTER DATABASE one RENAME TO uno'), '<', 4, 'ALTER DATABASE ... RENAME');
ok(has_worker('uno'), 'it comes back');
cmp_ok(timed('DROP DATABASE uno'), '<', 4, 'DROP DATABASE');

# a busy one
$node->safe_psql('two', <<'EOS');
SELECT crmlife.drop_stage_table('stages');
CREATE FUNCTION slow(numeric) RETURNS numeric LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN PERFORM pg_sleep(60); RETURN $1; END $$;
CREATE TABLE slow_orders AS SELECT * FROM orders WHERE false;
SELECT crmlife.create_stage_table('sleepy', 'slow_orders', 'customer_id', 'paid_at', 'slow(amount)', refresh_every => '1 second');
INSERT INTO slow_orders VALUES (1, 1, now(), 1);
EOS
ok(is_running('two'), 'a refresh is running');
cmp_ok(timed('DROP DATABASE two'), '<', 4, 'DROP DATABASE in the middle of it');

# the copy is found by itself, in the end
$node->safe_psql('postgres', q(ALTER SYSTEM SET crmlife.worker_interval = '1s'));
$node->reload;
$node->safe_psql('copy', "INSERT INTO orders (customer_id, paid_at, amount) VALUES (1001, now(), 5)");
ok(defined wait_for($node, 'copy', 'SELECT count(*) FROM stages WHERE customer_id = 1001', '1'), 'a database that was copied is found');
is(verified($node, 'copy', 'stages'), 0, '... and its stage table is right');

# the extension goes while its worker is there
my $start = time;
$node->safe_psql('copy', 'DROP EXTENSION crmlife CASCADE');
cmp_ok(time - $start, '<', 4, 'DROP EXTENSION');
sleep 2;
is(scalar worker_pids($node, 'copy'), 0, 'the worker leaves');
$node->safe_psql('copy', 'DROP TABLE stages, stages_changes; CREATE EXTENSION crmlife');
$node->safe_psql('copy', <<EOS);
SELECT crmlife.create_stage_table('stages', 'orders', 'customer_id', 'paid_at', 'amount', refresh_every => '1 second');
INSERT INTO orders (customer_id, paid_at, amount) VALUES (1002, now(), 5);
EOS
ok(defined wait_for($node, 'copy', 'SELECT count(*) FROM stages WHERE customer_id = 1002', '1'), 'created again, it is served again');

# more databases than workers: all get their turn
$node->safe_psql('postgres', 'ALTER SYSTEM SET crmlife.max_workers = 1');
$node->reload;
open_shop($node, $_, 'stages') for 'three', 'four';
for my $database ('copy', 'three', 'four')
{
	$node->safe_psql($database, "INSERT INTO orders (customer_id, paid_at, amount) VALUES (1003, now(), 5)");
}
for my $database ('copy', 'three', 'four')
{
	ok(defined wait_for($node, $database, 'SELECT count(*) FROM stages WHERE customer_id = 1003', '1'), "one worker serves $database too");
}

# renamed in the middle of a refresh; a template; closed to everybody
open_shop($node, 'five');
$node->safe_psql('five', <<'EOS');
CREATE TABLE pace (seconds float8); INSERT INTO pace VALUES (0);
CREATE FUNCTION paced(numeric) RETURNS numeric LANGUAGE plpgsql IMMUTABLE AS
$$ BEGIN PERFORM pg_sleep((SELECT max(seconds) FROM public.pace)); RETURN $1; END $$;
SELECT crmlife.create_stage_table('paced_stages', 'orders', 'customer_id', 'paid_at', 'paced(amount)', refresh_every => '1 second');
UPDATE pace SET seconds = 60;
INSERT INTO orders (customer_id, paid_at, amount) VALUES (1005, now(), 5);
EOS
ok(defined wait_for($node, 'five', 'SELECT state FROM crmlife.status', 'running', 30), 'a refresh is running');
cmp_ok(timed('ALTER DATABASE five RENAME TO cinq'), '<', 4, 'ALTER DATABASE ... RENAME in the middle of it');
$node->safe_psql('cinq', 'UPDATE pace SET seconds = 0');
my $waits_for = 1005;

sub goes_on
{
	my ($what) = @_;
	ok(defined wait_for($node, 'cinq', "SELECT count(*) FROM paced_stages WHERE customer_id = $waits_for", '1', 60), "$what: it goes on");
	is(verified($node, 'cinq', 'paced_stages'), 0, '... verify');
	$waits_for++;
	$node->safe_psql('cinq', "INSERT INTO orders (customer_id, paid_at, amount) VALUES ($waits_for, now(), 5)");
}
goes_on('renamed');
goes_on('served');
for my $how ([ 'IS_TEMPLATE true', 'IS_TEMPLATE false' ], [ 'ALLOW_CONNECTIONS false', 'ALLOW_CONNECTIONS true' ])
{
	goes_on('before');
	$node->safe_psql('postgres', "ALTER DATABASE cinq WITH $how->[0]");
	ok(defined wait_for($node, 'postgres', "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'crmlife worker' AND datname = 'cinq'", '0', 30),
		"$how->[0]: the worker leaves");
	my $place = -s $node->logfile;
	my $visits = 0;
	for (1 .. 30)
	{
		$visits += () = worker_pids($node, 'cinq');
		sleep 0.1;
	}
	is($visits, 0, '... and none comes');
	unlike(slurp_file($node->logfile, $place), qr/FATAL|not currently accepting/, '... or is refused');
	$node->safe_psql('postgres', "ALTER DATABASE cinq WITH $how->[1]");
	goes_on($how->[1]);
}
$node->safe_psql('postgres', 'DROP DATABASE cinq');

my $log = slurp_file($node->logfile);
unlike($log, qr/ERROR:.*(relation|schema) "crmlife/, 'no error of a worker about what is gone');

# three worker processes, taken by PostgreSQL's own launcher, crmlife's and a
# parallel query
$node->append_conf('postgresql.conf', "max_worker_processes = 3\ncrmlife.worker_enabled = off");
$node->restart;
$node->safe_psql('copy', "CREATE TABLE one AS SELECT 1 AS x; INSERT INTO orders (customer_id, paid_at, amount) VALUES (1004, now(), 5)");
my $place = -s $node->logfile;
my $query = IPC::Run::start([ 'psql', '-XAtq', '-d', $node->connstr('copy'), '-c', <<'EOS' ], '>', '/dev/null');
SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0; SET min_parallel_table_scan_size = 0;
SET parallel_leader_participation = off; SET max_parallel_workers_per_gather = 2;
SELECT sum(length(pg_sleep(7)::text)) FROM one;
EOS
ok(defined wait_for($node, 'postgres', "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'parallel worker'", '1'), 'a parallel query');
$node->safe_psql('postgres', 'ALTER SYSTEM SET crmlife.worker_enabled = on');
$node->reload;
$query->finish;
ok(defined wait_for($node, 'copy', 'SELECT count(*) FROM stages WHERE customer_id = 1004', '1', 20), 'when it is done, it goes on');
is(told($node, 'finds no free worker process.*\n.*\n.*HINT:  Increase "max_worker_processes"', $place), 1, 'out of worker processes: it is said once, and what to do');
is(told($node, 'crmlife finds worker processes again', $place), 1, '... and that there are some again');

$node->stop;
done_testing();
