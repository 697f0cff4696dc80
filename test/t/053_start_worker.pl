# crmlife.start_worker(): the same without shared_preload_libraries.
use strict;
use warnings;
use FindBin;
use IPC::Run;
use lib $FindBin::RealBin;
use PostgreSQL::Test::Utils;
use Shop;
use Test::More;
use Time::HiRes qw(sleep time);

my $node = new_server('dynamic', 0);
# each session loads the library by what it does first
$node->{new_sessions} = 1;
$node->append_conf('postgresql.conf', "restart_after_crash = on\nmax_worker_processes = 5");
$node->restart;
open_shop($node, 'shop', 'stages');
open_shop($node, 'quiet', 'stages');

my $launchers = q(SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'crmlife launcher');

sub moves
{
	my ($database, $customer, $what) = @_;
	$node->safe_psql($database, "INSERT INTO orders (customer_id, paid_at, amount) VALUES ($customer, now(), 5)");
	my $took = wait_for($node, $database, "SELECT count(*) FROM stages WHERE customer_id = $customer", '1', 20);
	ok(defined $took, $what);
	return $took // 99;
}

is($node->safe_psql('postgres', $launchers), '0', 'nothing runs by itself');
my $pid = $node->safe_psql('shop', 'SELECT crmlife.start_worker()');
is($node->safe_psql('postgres', "SELECT backend_type FROM pg_stat_activity WHERE pid = $pid"), 'crmlife launcher',
	'start_worker returns the process of the launcher');
moves('shop', 1001, 'a customer moves');
cmp_ok(moves('shop', 1002, 'another one'), '<', 2, '... within two seconds');

my ($out, $err);
$node->psql('shop', 'SELECT crmlife.start_worker()', stdout => \$out, stderr => \$err);
is($out, $pid, 'called again, it returns the same');
like($err, qr/NOTICE:.*serves this database already/, '... and says so');
is($node->safe_psql('quiet', "SELECT count(*) FROM crmlife.status WHERE state = 'running'"), '0', 'the other database is left alone');
is($node->safe_psql('postgres', "SELECT count(*) FROM pg_stat_activity WHERE datname = 'quiet' AND backend_type ~ '^crmlife'"), '0',
	'... nobody is connected to it');

# who may
$node->safe_psql('quiet', 'CREATE ROLE anyone');
$node->psql('quiet', 'SET ROLE anyone; SELECT crmlife.start_worker()', stderr => \$err);
like($err, qr/permission denied/, 'not for everybody');
$node->safe_psql('quiet', 'GRANT EXECUTE ON FUNCTION crmlife.start_worker() TO anyone');
is($node->psql('quiet', 'SET ROLE anyone; SELECT crmlife.start_worker()'), 0, 'but for who was granted it');
moves('quiet', 1001, 'it serves the second database');
is($node->safe_psql('postgres', $launchers), '2', 'a launcher for each');

# after a crash they go on by themselves
kill_processes($node, $pid);
ok(defined wait_for($node, 'postgres', $launchers, '2', 15), 'the launchers survive a crash');
moves('shop', 1003, 'and go on with their work');

# dropping the extension, or the database, ends them for good
$node->append_conf('postgresql.conf', "crmlife.worker_interval = '1s'");
$node->reload;
$node->safe_psql('quiet', 'DROP EXTENSION crmlife CASCADE');
ok(defined wait_for($node, 'postgres', $launchers, '1', 15), 'the launcher ends with the extension');
$node->safe_psql('postgres', 'DROP DATABASE shop');
ok(defined wait_for($node, 'postgres', $launchers, '0', 15), '... and with the database');
sleep 1;
unlike(slurp_file($node->logfile), qr/FATAL:  database/, 'without a complaint');

# called twice at the same time, one is enough
$node->safe_psql('quiet', 'CREATE EXTENSION crmlife');
my @calls = map { IPC::Run::start([ 'psql', '-XAtqc', 'SELECT crmlife.start_worker()', $node->connstr('quiet') ], '>', '/dev/null', '2>', '/dev/null') } 1 .. 2;
$_->finish for @calls;
ok(defined wait_for($node, 'postgres', $launchers, '1', 15), 'called twice at the same time: one launcher');
$node->safe_psql('quiet', 'DROP EXTENSION crmlife');
ok(defined wait_for($node, 'postgres', $launchers, '0', 15), '... which ends as well');

# no process left for it
$node->append_conf('postgresql.conf', 'max_worker_processes = 0');
$node->restart;
$node->safe_psql('quiet', 'CREATE EXTENSION crmlife');
$node->psql('quiet', 'SELECT crmlife.start_worker()', stderr => \$err);
like($err, qr/no free worker process.*HINT:.*max_worker_processes/s, 'no free worker process: says what to set');
$node->psql('quiet', q(LOAD 'crmlife'; SET crmlife.max_wrokers = 3), stderr => \$err);
like($err, qr/invalid configuration parameter/, 'a mistyped setting is refused');

# switched off
$node->append_conf('postgresql.conf', "max_worker_processes = 4\ncrmlife.worker_enabled = off");
$node->restart;
$node->psql('quiet', 'SELECT crmlife.start_worker()', stderr => \$err);
like($err, qr/switched off.*HINT:.*crmlife.worker_enabled/s, 'switched off: says what to set');

# a session's first statement, for which the library is loaded when it is half
# over: what kind it is can be told as far as the session's own statement tells
$node->safe_psql('quiet', <<EOS);
CREATE TABLE parted (customer int, at timestamptz, amount numeric) PARTITION BY RANGE (at);
CREATE TABLE parted_may PARTITION OF parted FOR VALUES FROM ('2025-05-01') TO ('2025-06-01');
CREATE TABLE parted_june PARTITION OF parted FOR VALUES FROM ('2025-06-01') TO ('2025-07-01');
INSERT INTO parted VALUES (1, '2025-05-01', 5), (2, '2025-05-01', 5), (3, '2025-05-01', 5), (5, '2025-05-01', 5);
CREATE TABLE orders_of_moves (customer int);
CREATE FUNCTION moved() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN MERGE INTO parted p USING (VALUES (NEW.customer)) v (c) ON p.customer = v.c WHEN MATCHED THEN UPDATE SET at = ''2025-06-04''; RETURN NULL; END';
CREATE TRIGGER moved AFTER INSERT ON orders_of_moves FOR EACH ROW EXECUTE FUNCTION moved();
CREATE FUNCTION merged() RETURNS int LANGUAGE plpgsql AS 'BEGIN MERGE INTO parted p USING (VALUES (1)) v (c) ON p.customer = v.c WHEN MATCHED THEN UPDATE SET at = ''2025-05-05'', customer = 7; RETURN 1; END';
SELECT crmlife.create_stage_table('parted_stages', 'parted', 'customer', 'at', 'amount');
EOS
for (
	[ 'an UPDATE', "UPDATE parted SET at = '2025-06-01' WHERE customer = 1", '1 f' ],
	[ 'an INSERT', "INSERT INTO parted VALUES (4, '2025-06-02', 5)", '1 f' ],
	[ 'a DELETE', 'DELETE FROM parted WHERE customer = 4', '1 f' ],
	[ 'a MERGE that moves a row', "MERGE INTO parted p USING (VALUES (2)) v (c) ON p.customer = v.c WHEN MATCHED THEN UPDATE SET at = '2025-06-02'", ' t' ],
	[ 'one in a function', "DO 'BEGIN MERGE INTO parted p USING (VALUES (3)) v (c) ON p.customer = v.c WHEN MATCHED THEN UPDATE SET at = ''2025-06-03''; END'", ' t' ],
	[ 'one in the trigger of another table', 'INSERT INTO orders_of_moves VALUES (5)', ' t' ],
	[ 'one in a function that an INSERT calls', "INSERT INTO parted SELECT 6, '2025-06-05', 5 FROM merged()", ' t' ],
	[ 'and an UPDATE in a function, which may be one', "DO 'BEGIN UPDATE parted SET amount = amount + 1; END'", ' t' ])
{
	my ($what, $statement, $waits) = @$_;
	$node->safe_psql('quiet', $statement);
	is($node->safe_psql('quiet', q(SELECT concat(CASE WHEN everybody THEN '' ELSE waiting::text END, ' ', everybody) FROM crmlife.status)), $waits, "$what: who is looked at");
	$node->safe_psql('quiet', q(SELECT crmlife.refresh('parted_stages')));
	is(verified($node, 'quiet', 'parted_stages'), 0, '... verify');
}
$node->stop;
done_testing();
