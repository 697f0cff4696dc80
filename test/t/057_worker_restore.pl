# A dump is read in while the worker runs: it leaves a stage table alone until
# the dump has made its keys and triggers, then it brings it up to date.
use strict;
use warnings;
use FindBin;
use lib $FindBin::RealBin;
use PostgreSQL::Test::Utils;
use Shop;
use Test::More;
use Time::HiRes qw(sleep time);

my $node = new_server('restore', 1);
open_shop($node, 'shop', 'captured');
$node->safe_psql('shop', <<EOS);
CREATE TABLE sales (customer_id int, paid_at timestamptz, amount numeric) PARTITION BY LIST (customer_id);
CREATE TABLE sales_1 PARTITION OF sales FOR VALUES IN (1);
CREATE TABLE sales_2 PARTITION OF sales FOR VALUES IN (2) PARTITION BY RANGE (paid_at);
CREATE TABLE sales_2_all PARTITION OF sales_2 DEFAULT;
INSERT INTO sales SELECT 1 + i % 2, now() - i * interval '1 day', i FROM generate_series(1, 9) AS i;
SELECT crmlife.create_stage_table('divided', 'sales', 'customer_id', 'paid_at', 'amount', refresh_every => '1 second');
SELECT crmlife.create_stage_table('whole', 'orders', 'customer_id', 'paid_at', 'amount', refresh_every => '1 second', capture => 'full');
EOS
$node->safe_psql('shop', <<'EOS');
CREATE TABLE zroot (customer_id int, paid_at timestamptz, amount numeric) PARTITION BY LIST (customer_id);
CREATE TABLE apart PARTITION OF zroot FOR VALUES IN (1, 2, 3);
INSERT INTO zroot SELECT 1 + i % 3, now() - i * interval '1 day', i FROM generate_series(1, 9) AS i;
SELECT crmlife.create_stage_table('below', 'apart', 'customer_id', 'paid_at', 'amount', refresh_every => '1 second');
EOS
my @tables = ('captured', 'divided', 'whole', 'below');
for my $table (@tables)
{
	$node->safe_psql('shop', "SELECT crmlife.refresh('$table')");
}

my $dump = $node->basedir . '/dump';
for my $section ('pre-data', 'data', 'post-data')
{
	$node->command_ok(['pg_dump', '-p', $node->port, '-h', $node->host, "--section=$section", '-f', "$dump.$section", 'shop'],
		"dump $section");
}

my $never = q(SELECT count(*) FROM crmlife.status WHERE refreshed_day IS NULL);
$node->safe_psql('postgres', 'CREATE DATABASE copy');
for my $section ('pre-data', 'data', 'post-data')
{
	$node->command_ok(['psql', '-XqAt', '-v', 'ON_ERROR_STOP=1', '-p', $node->port, '-h', $node->host,
			'-d', 'copy', '-f', "$dump.$section"], "restore $section");
	next if $section ne 'data';

	# time enough for the worker to come by
	$node->safe_psql('shop', 'INSERT INTO orders (customer_id, paid_at, amount) VALUES (999, now(), 5)');
	ok(defined wait_for($node, 'shop', 'SELECT count(*) FROM captured WHERE customer_id = 999', '1'), 'the worker is at work');
	sleep 4;
	is($node->safe_psql('copy', $never), scalar(@tables), 'no stage table is refreshed before its keys and triggers are back');
}
ok(defined wait_for($node, 'copy', $never, '0', 30), 'then all are');
for my $table (@tables)
{
	is(verified($node, 'copy', $table), 0, "verify $table");
}
$node->safe_psql('copy', 'INSERT INTO sales VALUES (2, now(), 7)');
ok(defined wait_for($node, 'copy', q(SELECT orders FROM divided WHERE customer_id = 2), '6', 20), 'and goes on')
  or diag($node->safe_psql('copy', 'SELECT * FROM divided'));

# what is above a source has its triggers last
my @last = grep { /ON public\.zroot|TABLE public\.zroot/ } split /;\n/, slurp_file("$dump.post-data");
my $before = PostgreSQL::Test::Utils::tempdir() . '/before';
append_to_file($before, join(";\n", grep { !/ON public\.zroot|TABLE public\.zroot/ } split /;\n/, slurp_file("$dump.post-data")));
cmp_ok(scalar(@last), '>=', 8, 'statements about it');
$node->safe_psql('postgres', 'CREATE DATABASE half');
for my $file ("$dump.pre-data", "$dump.data", $before)
{
	$node->command_ok(['psql', '-XqAt', '-v', 'ON_ERROR_STOP=1', '-p', $node->port, '-h', $node->host, '-d', 'half', '-f', $file], "restore from $file");
}
ok(defined wait_for($node, 'half', $never, '1', 30), 'all are refreshed but one');
sleep 3;
is($node->safe_psql('half', q(SELECT stage_table FROM crmlife.status WHERE refreshed_day IS NULL)), 'below', '... whose triggers are not all there');
$node->safe_psql('half', join(";\n", @last) . ';');
ok(defined wait_for($node, 'half', $never, '0', 30), 'then it is, too');
is(verified($node, 'half', 'below'), 0, '... and is right');
$node->stop('fast');
done_testing();
