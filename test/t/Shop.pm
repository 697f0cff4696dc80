# What the tests of the worker share: a server with the launcher, databases
# with a shop and its stage tables, and patience with a limit.
package Shop;

use strict;
use warnings;
use Exporter 'import';
use List::Util qw(min);
use PostgreSQL::Test::Utils;
use Server;
use Time::HiRes qw(sleep time);

our @EXPORT = qw(new_server open_shop wait_for worker_pids kill_processes verified told
  replay_differences chain_breaks in_a_namespace small_disk);

# a server; $preload: with the launcher
sub new_server
{
	my ($name, $preload, %options) = @_;
	my $node = Server->new($name);
	$node->init(%options);
	$node->append_conf('postgresql.conf', <<EOC);
timezone = 'UTC'
fsync = off
autovacuum = off
EOC
	$node->append_conf('postgresql.conf', "shared_preload_libraries = 'crmlife'") if $preload;
	$node->start;
	return $node;
}

# a database with orders of 50 customers and a stage table for each name
sub open_shop
{
	my ($node, $database, @stage_tables) = @_;
	$node->safe_psql('postgres', "CREATE DATABASE $database");
	$node->safe_psql($database, <<EOS);
CREATE EXTENSION crmlife;
CREATE TABLE orders (id serial PRIMARY KEY, customer_id int, paid_at timestamptz, amount numeric, bonus numeric);
CREATE INDEX ON orders (customer_id);
INSERT INTO orders (customer_id, paid_at, amount, bonus)
SELECT i % 50, now() - i * interval '1 day', i, 0 FROM generate_series(1, 400) AS i;
EOS
	for my $name (@stage_tables)
	{
		$node->safe_psql($database, <<EOS);
SELECT crmlife.create_stage_table('$name', 'orders', 'customer_id', 'paid_at', 'amount', refresh_every => '1 second');
EOS
	}
}

# Ask until the answer is as expected; the seconds it took, or undef.
sub wait_for
{
	my ($node, $database, $query, $expected, $seconds) = @_;
	my $start = time;
	my ($answer, $took) = ('');
	# whoever asks all the time takes the processor from who is waited for
	for (my $pause = 0.05; time - $start < ($seconds // 30); $pause = min(1.5 * $pause, 0.4))
	{
		$answer = eval { $node->safe_psql($database, $query) } // 'no connection';
		if ($answer eq $expected)
		{
			$took = time - $start;
			last;
		}
		sleep $pause;
	}
	Test::More::diag("$query\n  gave '$answer' instead of '$expected'") if !defined $took;
	return $took;
}

sub worker_pids
{
	my ($node, $database) = @_;
	return split /\n/, $node->safe_psql('postgres',
		"SELECT pid FROM pg_stat_activity WHERE backend_type = 'crmlife worker' AND datname = '$database'");
}

# Processes of a server are killed, and it has noticed: until then it answers.
sub kill_processes
{
	my ($node, @pids) = @_;
	return if !@pids;
	my $place = -s $node->logfile;
	kill 'KILL', @pids;
	for (1 .. 300)
	{
		last if told($node, 'terminated by signal 9', $place);
		sleep 0.1;
	}
	$node->end_sessions;
}

# the number of differences between a stage table and its sources
sub verified
{
	my ($node, $database, $stage_table) = @_;
	return $node->safe_psql($database, "SELECT count(*) FROM crmlife.verify('$stage_table')");
}

# how often the server log says something, from a place on
sub told
{
	my ($node, $what, $from) = @_;
	my $log = PostgreSQL::Test::Utils::slurp_file($node->logfile, $from // 0);
	my @times = $log =~ /$what/g;
	return scalar @times;
}

# Where the change log and the days it tells of differ: each customer's stage
# at the end of each day after $from up to $to, by the aggregate over the rows.
sub replay_differences
{
	my ($node, $database, $table, $from, $to) = @_;
	return $node->safe_psql($database, <<EOS);
WITH day AS (SELECT d::date AS day FROM generate_series('$from'::date, '$to'::date, '1 day') AS d),
stage AS (SELECT customer_id, day, lifecycle_stage(paid_at, amount, day) AS stage FROM orders, day GROUP BY 1, 2),
move AS (SELECT customer_id, lag(stage) OVER w AS from_stage, stage AS to_stage, day
         FROM stage WINDOW w AS (PARTITION BY customer_id ORDER BY day)),
truth AS (SELECT * FROM move WHERE day > '$from' AND from_stage IS DISTINCT FROM to_stage),
told AS (SELECT customer_id, from_stage, to_stage, changed_on FROM ${table}_changes)
SELECT count(*) || ' of ' || (SELECT count(*) FROM truth)
FROM ((TABLE truth EXCEPT ALL TABLE told) UNION ALL (TABLE told EXCEPT ALL TABLE truth)) AS d
EOS
}

# A customer's changes are one chain, which ends where the table stands; the
# number of places where it breaks.
sub chain_breaks
{
	my ($node, $database, $table, $key) = @_;
	$key //= 'customer_id';
	return $node->safe_psql($database, <<EOS);
WITH l AS (SELECT $key AS customer, seq, from_stage, to_stage FROM ${table}_changes
           UNION ALL SELECT $key, 9e18::bigint, stage, NULL FROM $table),
c AS (SELECT *, lag(to_stage) OVER w AS before, lag(seq) OVER w AS prior FROM l WINDOW w AS (PARTITION BY customer ORDER BY seq))
SELECT count(*) FROM c WHERE prior IS NOT NULL AND from_stage IS DISTINCT FROM before
EOS
}

# Run this test again where it may mount small disks of its own: in a user and
# a mount namespace.  False where the system does not let us.  To be called in
# a BEGIN block, while standard output is still its own.
sub in_a_namespace
{
	return 1 if $ENV{CRMLIFE_NAMESPACE};
	my @unshare = ('unshare', '--user', '--map-current-user', '--mount', '--keep-caps');
	return 0
	  if system("@unshare sh -c 'd=\$(mktemp -d) && mount -t tmpfs tmpfs \$d && umount \$d && rmdir \$d' > /dev/null 2>&1") != 0;
	$ENV{CRMLIFE_NAMESPACE} = 1;
	exec @unshare, $^X, $0 or die "unshare: $!";
}

my @small_disks;
END { system('umount', '-l', $_) for @small_disks }

# a directory with room for so many megabytes
sub small_disk
{
	my ($megabytes) = @_;
	my $directory = PostgreSQL::Test::Utils::tempdir_short();
	PostgreSQL::Test::Utils::system_or_bail('mount', '-t', 'tmpfs', '-o', "size=${megabytes}m,mode=0700", 'tmpfs', $directory);
	push @small_disks, $directory;
	return $directory;
}

1;
