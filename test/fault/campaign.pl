# A campaign of faults: while a shop writes and the worker refreshes, one fault
# after the other at a random moment.  After each the worker has to bring every
# stage table up to date by itself, and then nothing may differ: the tables from
# their sources, the change logs from the tables.
#
#   make fault                        ten minutes
#   FAULT_SECONDS=60 make fault       as long as that
#   FAULT_SEED=7 make fault           the same faults in the same order
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/../t";
use IPC::Run;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Shop;
use Test::More;
use Time::HiRes qw(sleep time);

my $seconds = $ENV{FAULT_SECONDS} || 600;
my $seed = $ENV{FAULT_SEED} || time % 100000;
srand $seed;

my $node = new_server('campaign', 1);
$node->append_conf('postgresql.conf', <<EOC);
restart_after_crash = on
work_mem = '64kB'
maintenance_work_mem = '1MB'
crmlife.worker_interval = '2s'
crmlife.worker_lock_timeout = '300ms'
EOC
$node->stop;
$node->start;
open_shop($node, 'shop');
$node->safe_psql('shop', <<'EOS');
INSERT INTO orders (customer_id, paid_at, amount)
SELECT i % 3000, now() - (i * 7919 % 500) * interval '1 day', i % 100 FROM generate_series(1, 30000) AS i;
CREATE TABLE sales (who int, at timestamptz, amount numeric, key int) PARTITION BY LIST (who);
CREATE TABLE sales_odd PARTITION OF sales FOR VALUES IN (1, 3, 5, 7, 9, 11, 13, 15, 17, 19);
CREATE TABLE sales_rest PARTITION OF sales DEFAULT;
CREATE INDEX ON sales (who);
INSERT INTO sales SELECT i % 40, now() - i * interval '3 hours', i % 50 - 5, i / 2 FROM generate_series(1, 2000) AS i;
EOS
my %tables = (
	captured => q('orders', 'customer_id', 'paid_at', 'amount', refresh_every => '1 second'),
	divided => q('sales', 'who', 'at', 'amount', order_key => 'key', refresh_every => '1 second'),
	whole => q('orders', 'customer_id', 'paid_at', 'amount', refresh_every => '1 second', capture => 'full'));
my %key = (captured => 'customer_id', divided => 'who', whole => 'customer_id');

sub create_table
{
	my ($name) = @_;
	$node->safe_psql('shop', "SELECT crmlife.create_stage_table('$name', $tables{$name})");
}
create_table($_) for sort keys %tables;

# ----- what the shop writes -----

sub pick { return $_[ int rand @_ ] }

sub statement
{
	my $customer = int rand 3200;
	my $who = int rand 45;
	my $age = pick(0, 0, 0, 1, 6, 7, 30, 89, 200, 400);
	my $amount = pick(5, 10, 99.5, -5, 0);
	return pick(
		"INSERT INTO orders (customer_id, paid_at, amount) VALUES ($customer, now() - '$age days'::interval, $amount);",
		"INSERT INTO orders (customer_id, paid_at, amount) VALUES ($customer, now() - '$age days'::interval, $amount);",
		"INSERT INTO orders (customer_id, paid_at, amount) SELECT $customer + i, now(), 1 FROM generate_series(1, 20) AS i;",
		"UPDATE orders SET amount = amount + 1 WHERE customer_id = $customer;",
		"UPDATE orders SET customer_id = $customer + 1 WHERE customer_id = $customer;",
		"DELETE FROM orders WHERE customer_id = $customer;",
		"BEGIN; DELETE FROM orders WHERE customer_id < 100; ROLLBACK;",
		"BEGIN; INSERT INTO orders (customer_id, paid_at, amount) VALUES ($customer, now(), 1); SAVEPOINT s; DELETE FROM sales WHERE who = $who; ROLLBACK TO s; COMMIT;",
		"INSERT INTO sales VALUES ($who, now() - '$age days'::interval, $amount, $customer);",
		"UPDATE sales SET who = $who WHERE key = $customer;",
		"DELETE FROM sales WHERE key = $customer;",
		rand() < 0.02 ? 'TRUNCATE sales_odd;' : "INSERT INTO sales_rest VALUES (100 + $who, now(), 3, $customer);");
}

# some three seconds of it; it may end with the connection
my $script = $node->basedir . '/shop.sql';

sub begin_writing
{
	open my $file, '>', $script or die $!;
	print $file statement(), "\nSELECT pg_sleep(0.01);\n" for 1 .. 150;
	close $file;
	my ($in, $out, $err) = ('', '', '');
	return IPC::Run::start([ 'psql', '-Xq', '-d', $node->connstr('shop'), '-f', $script ],
		'<', \$in, '>', \$out, '2>', \$err, IPC::Run::timeout(120));
}

# ----- faults -----

sub pids
{
	my ($which) = @_;
	my $pids = eval { $node->safe_psql('postgres', "SELECT pid FROM pg_stat_activity WHERE $which") } // '';
	return split /\n/, $pids;
}

sub kill_all
{
	my ($which) = @_;
	my @pids = pids($which);
	kill 'KILL', @pids if @pids;
	return scalar @pids;
}

sub sql
{
	my ($database, $statement) = @_;
	return eval { $node->psql($database, $statement); 1 };
}

sub set_for
{
	my ($name, $value, $time) = @_;
	sql('postgres', "ALTER SYSTEM SET $name = $value");
	$node->reload;
	sleep $time;
	sql('postgres', "ALTER SYSTEM RESET $name");
	$node->reload;
}

sub start_again
{
	for (1 .. 100)
	{
		return if $node->start(fail_ok => 1);
		$node->stop('fast', fail_ok => 1);
		sleep 0.2;
	}
	die 'the server does not start';
}

sub by_hand
{
	my ($call) = @_;
	my ($in, $out, $err) = ('', '', '');
	return IPC::Run::start([ 'psql', '-Xq', '-d', $node->connstr('shop'), '-c', "SELECT crmlife.$call" ],
		'<', \$in, '>', \$out, '2>', \$err, IPC::Run::timeout(120));
}
my $crmlife = "backend_type = 'crmlife worker'";
my %faults = (
	'worker killed' => sub { kill_all($crmlife) },
	'launcher killed' => sub { kill_all("backend_type = 'crmlife launcher'") },
	'writer killed' => sub { kill_all("query ~ 'orders|sales|pg_sleep' AND backend_type = 'client backend' AND pid <> pg_backend_pid()") },
	'checkpointer killed' => sub { kill_all("backend_type = 'checkpointer'") },
	'refreshing session killed' => sub {
		my $session = by_hand("refresh('whole')");
		sleep rand 0.3;
		kill_all("query ~ 'crmlife.refresh' AND pid <> pg_backend_pid()");
		eval { $session->finish };
	},
	'worker terminated' => sub { sql('postgres', "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE $crmlife") },
	'worker cancelled' => sub { sql('postgres', "SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE $crmlife") },
	'server stopped at once' => sub { $node->stop('immediate'); start_again() },
	'postmaster killed' => sub { $node->kill9; start_again() },
	'server restarted' => sub { $node->stop('fast'); start_again() },
	'source locked' => sub { sql('shop', 'BEGIN; LOCK TABLE orders, sales; SELECT pg_sleep(1); COMMIT') },
	'stage table locked' => sub { sql('shop', 'BEGIN; LOCK TABLE captured IN SHARE MODE; SELECT pg_sleep(1); COMMIT') },
	'no time' => sub { set_for('crmlife.worker_statement_timeout', "'2ms'", 1.5) },
	'no temporary files' => sub { set_for('temp_file_limit', "'64kB'", 1.5) },
	'worker switched off' => sub { set_for('crmlife.worker_enabled', 'off', 1.5) },
	'database renamed' => sub {
		sql('postgres', 'ALTER DATABASE shop RENAME TO other');
		sleep rand;
		sql('postgres', 'SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $$other$$; ALTER DATABASE other RENAME TO shop');
	},
	'database closed' => sub {
		sql('postgres', 'ALTER DATABASE shop ALLOW_CONNECTIONS false');
		sleep 1;
		sql('postgres', 'ALTER DATABASE shop ALLOW_CONNECTIONS true');
	},
	'refreshed to a later day' => sub { sql('shop', "SELECT crmlife.refresh('captured', now() + '3 days'::interval)") },
	'refreshed to an earlier day' => sub { sql('shop', "SELECT crmlife.refresh('divided', now() - '10 days'::interval, true)") },
	'partition detached and attached' => sub {
		sql('shop', 'ALTER TABLE sales DETACH PARTITION sales_odd; INSERT INTO sales_odd VALUES (1, now(), 9, 1)');
		sleep rand 2;
		sql('shop', 'ALTER TABLE sales ATTACH PARTITION sales_odd FOR VALUES IN (1, 3, 5, 7, 9, 11, 13, 15, 17, 19)');
	},
	'triggers disabled' => sub {
		sql('shop', 'ALTER TABLE orders DISABLE TRIGGER USER');
		sleep rand;
		sql('shop', 'ALTER TABLE orders ENABLE TRIGGER USER');
	},
	'threshold set' => sub { sql('shop', "SELECT crmlife.set_threshold('captured', 'active_days', " . (60 + int rand 60) . ')') },
	'stage table made anew' => sub {
		sql('shop', "SELECT crmlife.drop_stage_table('divided')");
		sql('shop', "SELECT crmlife.create_stage_table('divided', $tables{divided})");
	});

# ----- afterwards -----

# every stage table refreshed since, without a failure, and nobody waits
sub recovered
{
	my ($what) = @_;
	my $since;
	for (1 .. 600)
	{
		$since = eval { $node->safe_psql('shop', 'SELECT clock_timestamp()') };
		last if $since;
		sleep 0.1;
	}
	create_table('divided') if $node->safe_psql('shop', "SELECT to_regclass('divided') IS NULL") eq 't';
	return defined wait_for($node, 'shop', <<EOS, '3', 120);
SELECT count(*) FROM crmlife.status WHERE failures = 0 AND last_error IS NULL AND waiting = 0 AND NOT everybody
  AND refreshed_at > '$since' AND refreshed_day = (now() AT TIME ZONE timezone)::date
EOS
}

my ($differences, $injected) = (0, 0);
my %count;
my $end = time + $seconds;
my @order;
while (time < $end)
{
	@order = sort { rand() <=> 0.5 } sort keys %faults if !@order;
	my $fault = shift @order;
	my $writer = begin_writing();
	sleep rand 2.5;
	$faults{$fault}->();
	$injected++;
	$count{$fault}++;
	eval { $writer->finish };
	my $found = 0;
	if (!recovered($fault))
	{
		diag("after \"$fault\" not every stage table came back:\n" . $node->safe_psql('shop',
				'SELECT stage_table, state, waiting, failures, refreshed_at, refreshed_day, next_run_at, last_error FROM crmlife.status'));
		$found++;
	}
	for my $table (sort keys %tables)
	{
		my $wrong = verified($node, 'shop', $table);
		my $broken = chain_breaks($node, 'shop', $table, $key{$table});
		diag("after \"$fault\": $table differs $wrong times, its log breaks $broken times") if $wrong + $broken > 0;
		$found += $wrong + $broken;
	}
	$differences += $found;
}
is($differences, 0, "faults: $injected injected in $seconds seconds (seed $seed), $differences differences found");
cmp_ok($injected, '>=', 1, "faults by kind: " . join ', ', map { "$_ $count{$_}" } sort keys %count);
my $log = slurp_file($node->logfile);
unlike($log, qr/TRAP:|terminated by signal (?!9:|3:|6:)\d+/, 'no process died of anything but what was done to it');
$node->stop;
done_testing();
