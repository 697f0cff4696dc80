# What the tests of the worker share: a server with the launcher, databases
# with a shop and its stage tables, and patience with a limit.
package Shop;

use strict;
use warnings;
use Exporter 'import';
use PostgreSQL::Test::Cluster;
use Time::HiRes qw(sleep time);

our @EXPORT = qw(new_server open_shop wait_for worker_pids verified);

# a server; $preload: with the launcher
sub new_server
{
	my ($name, $preload, %options) = @_;
	my $node = PostgreSQL::Test::Cluster->new($name);
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
	my $answer = '';
	while (time - $start < ($seconds // 10))
	{
		$answer = eval { $node->safe_psql($database, $query) } // 'no connection';
		return time - $start if $answer eq $expected;
		sleep 0.05;
	}
	Test::More::diag("$query\n  gave '$answer' instead of '$expected'");
	return undef;
}

sub worker_pids
{
	my ($node, $database) = @_;
	return split /\n/, $node->safe_psql('postgres',
		"SELECT pid FROM pg_stat_activity WHERE backend_type = 'crmlife worker' AND datname = '$database'");
}

# the number of differences between a stage table and its sources
sub verified
{
	my ($node, $database, $stage_table) = @_;
	return $node->safe_psql($database, "SELECT count(*) FROM crmlife.verify('$stage_table')");
}

1;
