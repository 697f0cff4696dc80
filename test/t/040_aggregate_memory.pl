# The memory of aggregates over customers, and their temporary files: what a
# process takes at its peak, measured against the budget; nothing left behind
# whenever a query ends; what temp_file_limit and log_temp_files make of it.
use strict;
use warnings;
use FindBin;
use lib $FindBin::RealBin;
use IPC::Run;
use PostgreSQL::Test::Utils;
use Shop;
use Test::More;
use Time::HiRes qw(sleep time);

# what is measured is resident memory, in pages of the usual size
delete $ENV{GLIBC_TUNABLES};
my $node = new_server('memory', 0);
$node->append_conf('postgresql.conf', "max_worker_processes = 16\nlog_temp_files = 0\njit = off\n");
$node->restart;
$node->safe_psql('postgres', 'CREATE DATABASE shop');
$node->safe_psql('shop', <<'EOS');
CREATE EXTENSION crmlife;
SELECT setseed(0.5);
CREATE TABLE orders AS
SELECT c, 'customer ' || c AS t, date '2024-01-01' + (random() * 120)::int AS at, (random() * 50)::numeric(9, 2) AS amount, random() < 0.6 AS s, random() < 0.6 AS r, i
FROM (SELECT (random() * 60000)::int AS c, i FROM generate_series(1, 120000) i) x;
ALTER TABLE orders SET (parallel_workers = 2);
VACUUM ANALYZE orders;
CREATE FUNCTION slow(i bigint) RETURNS boolean LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS
$$ BEGIN IF i = 114000 THEN PERFORM pg_sleep(60); END IF; RETURN true; END $$;
EOS

my %call = (
	'repurchase_rate' => 'repurchase_rate(C)',
	'retention_nth_day' => "retention_nth_day(C, at, 30, date '2025-01-01')",
	'retention_between_days' => "retention_between_days(C, at, 3, 80, date '2025-01-01')",
	'retention_from_day of kinds' => "retention_from_day(C, at, 30, date '2025-01-01', s, r)",
	'keep_rate' => "keep_rate(C, at, date '2024-02-01', 30)",
	'second_purchase_rate' => "second_purchase_rate(C, at, 30, date '2025-01-01')",
	'retention_curve' => "retention_curve(C, at, 90, date '2025-01-01')",
	'return_curve' => "return_curve(C, at, 40, date '2025-01-01')",
	'retention_cohorts' => "retention_cohorts(C, at, 'month', date '2025-01-01')",
	'repurchase_interval' => 'repurchase_interval(C, at)',
	'repeat_funnel' => 'repeat_funnel(C)',
	'growth_accounting' => "growth_accounting(C, at, 'month', date '2025-01-01')",
	'sales_by_loyalty' => "sales_by_loyalty(C, at, amount, 'month')",
	'revenue_cohorts' => "revenue_cohorts(C, at, amount, 'month', date '2025-01-01')",
	'aov_by_order_index' => 'aov_by_order_index(C, at, amount)',
	'arpu' => 'arpu(C, amount)');

sub call_of
{
	my ($name, $customer) = @_;
	(my $call = $call{$name}) =~ s/\bC\b/$customer/;
	return $call;
}

# ---- memory at its peak ------------------------------------------------------

# kB that a fresh process takes more for the query; what is loaded once, and the
# table's pages in shared memory, count before
sub peak
{
	my ($settings, $query) = @_;
	my $rss = q{(regexp_match(pg_read_file('/proc/self/status'), 'VmHWM:\s+(\d+)'))[1]::int};
	my $output = $node->safe_psql('shop', <<"EOS");
SET max_parallel_workers_per_gather = 0;
$settings;
SELECT count(*), max(t), max(at), max(amount), max(s::int) FROM orders \\g /dev/null
SELECT repurchase_rate(c), repurchase_rate(t), repurchase_interval(c, at), sales_by_loyalty(c, at, amount, 'year') FROM (SELECT * FROM orders LIMIT 10) x \\g /dev/null
SELECT $rss AS before \\gset
$query \\g /dev/null
SELECT $rss - :before
EOS
	return $output;
}

SKIP:
{
	skip 'no /proc', 1 unless -r '/proc/self/status' && slurp_file('/proc/self/status') =~ /VmHWM/;

	# a budget of 1 MB, and a quarter of a megabyte for the files' buffers
	my $budget = "SET work_mem = '1MB'; SET hash_mem_multiplier = 1";
	for my $name (sort keys %call)
	{
		my $peak = peak($budget, 'SELECT ' . call_of($name, 't') . ' FROM orders');
		cmp_ok($peak, '<', 2560, "$name keeps to a budget of 1 MB: $peak kB");
	}
	my $peak = peak("SET work_mem = '1GB'", 'SELECT ' . call_of('repurchase_rate', 't') . ' FROM orders');
	cmp_ok($peak, '>', 2000, "with room it takes more: $peak kB");
	$peak = peak($budget, 'SELECT i % 40, ' . call_of('repurchase_rate', 't') . ' FROM orders GROUP BY 1');
	cmp_ok($peak, '<', 3500, "forty groups keep to it together: $peak kB");

	# 52,000 groups in one hash table, beside those of count(*)
	my $room = "SET work_mem = '1GB'; SET enable_sort = off";
	my $groups = $node->safe_psql('shop', 'SELECT count(DISTINCT c) FROM orders');
	my $base = peak($room, 'SELECT max(x::text) FROM (SELECT c, count(*) AS x FROM orders GROUP BY c) y');
	for my $name (sort keys %call)
	{
		my $bytes = int((peak($room, 'SELECT max(x::text) FROM (SELECT c, ' . call_of($name, 'c') . ' AS x FROM orders GROUP BY c) y') - $base) * 1024 / $groups);
		cmp_ok($bytes, '<', 1024, "a group of one customer, $name: $bytes bytes");
	}
	# and where the planner has to keep it small
	$peak = peak("SET work_mem = '2MB'; SET hash_mem_multiplier = 2; SET enable_sort = off",
		"SELECT max(x::text) FROM (SELECT c, retention_curve(c, at, 2000, date '2025-01-01') AS x FROM orders WHERE c < 3000 GROUP BY c) y");
	cmp_ok($peak, '<', 12288, "3,000 groups with curves of 2,000 days in 4 MB: $peak kB");
}

# ---- temporary files ---------------------------------------------------------

my $small = "SET work_mem = '64kB'; SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0; SET min_parallel_table_scan_size = 0";
my %way = ('serial' => "$small; SET max_parallel_workers_per_gather = 0", 'in workers' => "$small; SET max_parallel_workers_per_gather = 2",
	'in groups' => "$small; SET max_parallel_workers_per_gather = 0; SET enable_sort = off");
my %query = map { $_ => 'SELECT ' . ($_ eq 'in groups' ? 'i % 20, ' : '') . call_of('repurchase_rate', 't') . ', ' . call_of('aov_by_order_index', 'c') . ' FROM orders WHERE TRUE' . ($_ eq 'in groups' ? ' GROUP BY 1 ORDER BY 1' : '') } keys %way;

sub temp_files
{
	my $dir = $node->data_dir . '/base/pgsql_tmp';
	return () unless opendir(my $handle, $dir);
	return grep { !/^\./ } readdir $handle;
}

sub no_files
{
	my ($what) = @_;
	my $until = time + 20;
	sleep 0.05 while temp_files() && time < $until;
	is(join(' ', temp_files()), '', "$what: no temporary file is left");
}

my %result;
for my $way (sort keys %way)
{
	my $plan = $node->safe_psql('shop', "$way{$way}; EXPLAIN $query{$way}");
	like($plan, $way eq 'in workers' ? qr/Finalize.*Partial/s : qr/^(?!.*Partial)/s, "$way: the plan");
	my $before = -s $node->logfile;
	$result{$way} = $node->safe_psql('shop', "$way{$way}; $query{$way}");
	is($result{$way}, $node->safe_psql('shop', "$way{$way}; SET work_mem = '1GB'; $query{$way}"), "$way: the result with files is that without");
	like(slurp_file($node->logfile, $before), qr/temporary file: path "[^"]*pgsql_tmp[^"]*", size [1-9]/, "$way: log_temp_files logs them");
	no_files($way);

	# more than temp_file_limit
	my ($code, $out, $err) = $node->psql('shop', "$way{$way}; SET temp_file_limit = '200kB'; \\set VERBOSITY verbose\n $query{$way}");
	like($err, qr/53400: temporary file size exceeds "?temp_file_limit"?/, "$way: temp_file_limit");
	no_files("$way, over temp_file_limit");

	# an error in one of the last rows
	(my $failing = $query{$way}) =~ s/TRUE/1 \/ (i - 119999) IS NOT NULL/;
	($code, $out, $err) = $node->psql('shop', "$way{$way}; \\set VERBOSITY verbose\n $failing");
	like($err, qr/22012/, "$way: an error");
	no_files("$way, after an error");

	# cancelled at any time, its last stages included
	my $cancelled = 0;
	for (my $ms = 40; $ms < 4000; $ms *= 2)
	{
		($code, $out, $err) = $node->psql('shop', "$way{$way}; SET statement_timeout = " . int($ms) . "; $query{$way}");
		last if $code == 0 && $err eq '';
		$cancelled++ if $err =~ /canceling statement due to statement timeout/;
	}
	cmp_ok($cancelled, '>', 1, "$way: cancelled $cancelled times");
	no_files("$way, cancelled at any time");

	# cancelled and ended by another while it has files
	(my $waiting = $query{$way}) =~ s/TRUE/slow(i)/;
	for my $call ('pg_cancel_backend', 'pg_terminate_backend')
	{
		my ($stdout, $stderr) = ('', '');
		my $session = IPC::Run::start([ 'psql', '-X', '-q', '-d', $node->connstr('shop'), '-c', "$way{$way}; $waiting" ], '>', \$stdout, '2>', \$stderr);
		ok(defined wait_for($node, 'shop', "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep' AND query LIKE '%slow(i)%'", '1'), "$way: it waits");
		cmp_ok(scalar(temp_files()), '>', 0, "$way: and has files");
		$node->safe_psql('shop', "SELECT $call(pid) FROM pg_stat_activity WHERE query LIKE '%slow(i)%' AND backend_type = 'client backend' AND pid <> pg_backend_pid()");
		$session->finish;
		like($stderr, qr/canceling statement|terminating connection/, "$way: $call");
		no_files("$way, $call");
	}
	is($node->safe_psql('shop', "$way{$way}; $query{$way}"), $result{$way}, "$way: and then it is right");
}

# killed: the server restarts and removes what lay about
$node->append_conf('postgresql.conf', 'restart_after_crash = on');
$node->reload;
(my $waiting = $query{serial}) =~ s/TRUE/slow(i)/;
my ($stdout, $stderr) = ('', '');
my $session = IPC::Run::start([ 'psql', '-X', '-q', '-d', $node->connstr('shop'), '-c', "$way{serial}; $waiting" ], '>', \$stdout, '2>', \$stderr);
ok(defined wait_for($node, 'shop', "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep' AND query LIKE '%slow(i)%'", '1'), 'it waits');
cmp_ok(scalar(temp_files()), '>', 0, 'and has files');
kill_processes($node, $node->safe_psql('shop', "SELECT pid FROM pg_stat_activity WHERE wait_event = 'PgSleep'"));
$session->finish;
ok(defined wait_for($node, 'shop', 'SELECT 1', '1'), 'the server is back');
no_files('killed');

$node->stop;
done_testing();
