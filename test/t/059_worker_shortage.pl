# Out of room: for temporary files, for the stage table itself, for WAL; out
# of time.  With so few buffers that a stage table does not fit into them.  Each is told once, nothing is lost, and when there is room again
# the worker goes on by itself.
use strict;
use warnings;
use FindBin;
use lib $FindBin::RealBin;
use Server;
use PostgreSQL::Test::Utils;
use Shop;
use Test::More;
use Time::HiRes qw(sleep time);

my $disks;
BEGIN { $disks = in_a_namespace() }
my $wal = $disks ? small_disk(14) . '/wal' : undef;
mkdir $wal or die if $wal;

my $node = Server->new('shortage');
$node->init($wal ? (extra => [ '--wal-segsize=1', '-X', $wal ]) : ());
$node->append_conf('postgresql.conf', <<EOC);
timezone = 'UTC'
fsync = off
autovacuum = off
shared_preload_libraries = 'crmlife'
restart_after_crash = on
shared_buffers = '1MB'
work_mem = '64kB'
maintenance_work_mem = '1MB'
EOC
$node->append_conf('postgresql.conf', "min_wal_size = 2MB\nmax_wal_size = 6MB\nwal_recycle = off\n") if $wal;
$node->start;

# enough customers that a full refresh needs temporary files
open_shop($node, 'shop', 'captured');
$node->safe_psql('shop', <<EOS);
INSERT INTO orders (customer_id, paid_at, amount)
SELECT i % 9000, now() - (i * 7919 % 500) * interval '1 day', i % 100 FROM generate_series(1, 40000) AS i;
SELECT crmlife.create_stage_table('whole', 'orders', 'customer_id', 'paid_at', 'amount', refresh_every => '1 second', capture => 'full');
EOS
my @tables = ('captured', 'whole');
my $customer = 100_000;

sub state_of
{
	my ($column, $table) = @_;
	return "SELECT $column FROM crmlife.status WHERE stage_table = '$table'::regclass";
}

sub order
{
	$customer++;
	$node->safe_psql('shop', "INSERT INTO orders (customer_id, paid_at, amount) VALUES ($customer, now(), 5)");
}

# every table is right, by the worker alone
sub all_is_well
{
	my ($what) = @_;
	for my $table (@tables)
	{
		ok(defined wait_for($node, 'shop', "SELECT count(*) FROM $table WHERE customer_id = $customer", '1', 60), "$what: $table has the customer");
		ok(defined wait_for($node, 'shop', state_of(q(state <> 'failing' AND failures = 0 AND last_error IS NULL), $table), 't', 60), '... and no error is left');
		is(verified($node, 'shop', $table), 0, '... verify');
		is(chain_breaks($node, 'shop', $table), 0, '... the change log is one chain');
	}
}

# leave no room on a small disk
sub fill
{
	my ($disk) = @_;
	system("head -c 100000000 /dev/zero > '$disk/filler' 2> /dev/null");
}

# settings that last until they are reset
sub setting
{
	my ($name, $value) = @_;
	$node->safe_psql('postgres', defined $value ? "ALTER SYSTEM SET $name = $value" : "ALTER SYSTEM RESET $name");
	$node->reload;
}
order();
all_is_well('at first');

# ----- a limit to temporary files -----
my $from = -s $node->logfile;
setting('temp_file_limit', "'64kB'");
order();
ok(defined wait_for($node, 'shop', state_of('state', 'whole'), 'failing', 60), 'temp_file_limit: a full refresh fails');
like($node->safe_psql('shop', state_of('last_error', 'whole')), qr/temporary file size exceeds.*53400/s, '... and says why');
ok(defined wait_for($node, 'shop', state_of('failures >= 2', 'whole'), 't', 60), '... it is tried again');
ok(defined wait_for($node, 'shop', "SELECT count(*) FROM captured WHERE customer_id = $customer", '1', 60), '... the other table needs no temporary file');
setting('temp_file_limit');
all_is_well('temp_file_limit');
is(told($node, 'could not refresh stage table', $from), 1, '... the log tells it once');
is(told($node, 'stage table public.whole is refreshed again', $from), 1, '... and once that it is over');

# ----- out of time, by hand -----
$node->safe_psql('shop', <<'EOS');
CREATE TABLE slow_orders AS SELECT * FROM orders WHERE customer_id < 5;
CREATE TABLE pace (seconds float8); INSERT INTO pace VALUES (0);
CREATE FUNCTION paced(numeric) RETURNS numeric LANGUAGE plpgsql IMMUTABLE AS
$$ BEGIN PERFORM pg_sleep((SELECT max(seconds) FROM public.pace)); RETURN $1; END $$;
SELECT crmlife.create_stage_table('sleepy', 'slow_orders', 'customer_id', 'paid_at', 'paced(amount)', refresh_every => '1 day');
UPDATE pace SET seconds = 5;
INSERT INTO slow_orders SELECT * FROM orders WHERE customer_id = 5;
EOS
my $err;
$node->psql('shop', "SET statement_timeout = '200ms'; SELECT crmlife.refresh('sleepy')", stderr => \$err);
like($err, qr/statement timeout/, 'statement_timeout: the refresh is given up');
is($node->safe_psql('shop', state_of('waiting', 'sleepy')), '1', '... who waited waits');
$node->safe_psql('shop', 'UPDATE pace SET seconds = 0');
my $locker = $node->background_psql('shop');
$locker->query_safe('BEGIN; LOCK TABLE slow_orders');
$node->psql('shop', "SET lock_timeout = '200ms'; SELECT crmlife.refresh('sleepy')", stderr => \$err);
like($err, qr/lock timeout/, 'lock_timeout: the refresh is given up');
$locker->query_safe('COMMIT');
$locker->quit;
is($node->safe_psql('shop', state_of('waiting', 'sleepy')), '1', '... who waited waits');
is($node->safe_psql('shop', "SELECT crmlife.refresh('sleepy')"), '1', '... and is refreshed in the end');
is(verified($node, 'shop', 'sleepy'), 0, '... verify');

SKIP:
{
	skip 'this system lets nobody mount a small disk', 1 if !$disks;

	# ----- a disk for temporary files that is full -----
	my $temporary = small_disk(16);
	$node->safe_psql('postgres', "CREATE TABLESPACE temporary LOCATION '$temporary'");
	$from = -s $node->logfile;
	# before it is used: what a refresh has there meanwhile would be room again
	fill($temporary);
	setting('temp_tablespaces', 'temporary');
	order();
	ok(defined wait_for($node, 'shop', state_of('state', 'whole'), 'failing', 60), 'no room for temporary files: a full refresh fails');
	like($node->safe_psql('shop', state_of('last_error', 'whole')), qr/No space left on device.*53100/s, '... and says why');
	unlink "$temporary/filler";
	all_is_well('room for temporary files');
	is(told($node, 'could not refresh stage table', $from), 1, '... the log tells it once');
	setting('temp_tablespaces');

	# ----- a disk for the stage table that is full -----
	my $storage = small_disk(8);
	$node->safe_psql('postgres', "CREATE TABLESPACE storage LOCATION '$storage'");
	setting('crmlife.worker_enabled', 'off');
	ok(defined wait_for($node, 'postgres', "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'crmlife worker'", '0'), 'no worker');
	$node->safe_psql('shop', 'ALTER TABLE captured SET TABLESPACE storage; CHECKPOINT');
	$from = -s $node->logfile;
	fill($storage);
	$node->safe_psql('shop', <<EOS);
INSERT INTO orders (customer_id, paid_at, amount) SELECT 200000 + i, now(), 5 FROM generate_series(1, 3000) AS i;
EOS
	order();
	setting('crmlife.worker_enabled');
	ok(defined wait_for($node, 'shop', state_of('state', 'captured'), 'failing', 60), 'no room for the stage table: a refresh fails');
	like($node->safe_psql('shop', state_of('last_error', 'captured')), qr/No space left on device.*53100/s, '... and says why');
	is($node->safe_psql('shop', state_of('waiting', 'captured')), '3001', '... who waited waits');
	unlink "$storage/filler";
	all_is_well('room for the stage table');
	is(told($node, 'could not refresh stage table public.captured', $from), 1, '... the log tells it once');
	$node->safe_psql('shop', 'ALTER TABLE captured SET TABLESPACE pg_default');

	# ----- a disk for WAL that is full: the server stops, whatever it does -----
	setting('crmlife.worker_enabled', 'off');
	ok(defined wait_for($node, 'postgres', "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'crmlife worker'", '0'), 'no worker');
	$node->safe_psql('shop', 'SELECT crmlife.drop_stage_table($$whole$$)');
	@tables = ('captured');
	$node->safe_psql('shop', <<EOS);
UPDATE orders SET amount = amount + 1 WHERE customer_id < 9000;
EOS
	order();
	$node->safe_psql('shop', 'CHECKPOINT');
	$from = -s $node->logfile;
	fill("$wal/..");
	# the worker starts, and its refresh needs more than is there
	setting('crmlife.worker_enabled');
	my $start = time;
	sleep 0.1 until told($node, 'PANIC:.*No space left on device', $from) || time - $start > 60;
	cmp_ok(told($node, 'PANIC:.*No space left on device', $from), '>', 0, 'no room for WAL: the server stops');
	unlink "$wal/../filler";
	# it may have come up by itself, or have given up
	for (1 .. 20)
	{
		last if ($node->psql('postgres', 'SELECT 1'))[0] eq '0';
		system_log('pg_ctl', '-D', $node->data_dir, '-l', $node->logfile, '-w', 'start');
		sleep 0.5;
	}
	$node->_update_pid(1);
	all_is_well('room for WAL');
	is(told($node, 'the last refresh of stage table public.captured did not finish', $from), 1, '... the log tells once of the refresh it stopped');
}

$node->stop;
done_testing();
