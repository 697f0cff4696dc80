# kill -9 of the worker and of the whole server in the middle of refreshes:
# nothing is lost, and the stage table catches up by itself.
use strict;
use warnings;
use FindBin;
use lib $FindBin::RealBin;
use PostgreSQL::Test::Utils;
use Shop;
use Test::More;
use Time::HiRes qw(sleep time);

my $node = new_server('crash', 1);
$node->append_conf('postgresql.conf', 'restart_after_crash = on');
$node->reload;
open_shop($node, 'shop');

# Work that lasts as long as a row of pace says, so that a signal meets it.
$node->safe_psql('shop', <<'EOS');
CREATE TABLE pace (seconds float8);
INSERT INTO pace VALUES (0);
CREATE FUNCTION paced(numeric) RETURNS numeric LANGUAGE plpgsql IMMUTABLE AS
$$ BEGIN PERFORM pg_sleep((SELECT max(seconds) FROM public.pace)); RETURN $1; END $$;
SELECT crmlife.create_stage_table('stages', 'orders', 'customer_id', 'paid_at', 'paced(amount)', refresh_every => '1 second');
EOS

my $customer = 1000;

# begin a refresh that takes long, and return the worker in the middle of it
sub worker_in_the_middle
{
	$customer++;
	$node->safe_psql('shop', "UPDATE pace SET seconds = 2");
	$node->safe_psql('shop', "INSERT INTO orders (customer_id, paid_at, amount) VALUES ($customer, now(), 5)");
	ok(defined wait_for($node, 'shop', "SELECT state FROM crmlife.status", 'running'), 'a refresh is running');
	return (worker_pids($node, 'shop'))[0];
}

sub catches_up
{
	my ($what) = @_;
	# writes that come meanwhile are not lost either
	ok(defined wait_for($node, 'shop',
		"INSERT INTO orders (customer_id, paid_at, amount) VALUES ($customer + 5000, now(), 5) RETURNING 1", '1'),
		"$what: the server is back");
	ok(defined wait_for($node, 'shop',
		"SELECT count(*) FROM stages WHERE customer_id IN ($customer, $customer + 5000)", '2', 30),
		'... both customers are there');
	is(verified($node, 'shop', 'stages'), 0, '... verify finds nothing');
	ok(defined wait_for($node, 'shop', "SELECT failures FROM crmlife.status", '0', 30), '... no failure is left');
}

# the worker is killed: PostgreSQL restarts all of its processes
my $pid = worker_in_the_middle();
kill 'KILL', $pid;
ok(defined wait_for($node, 'shop', 'UPDATE pace SET seconds = 0 RETURNING 1', '1'), 'back after the worker was killed');
catches_up('worker killed');

# the whole server is killed
$pid = worker_in_the_middle();
$node->stop('immediate');
$node->start;
is($node->safe_psql('shop', 'UPDATE pace SET seconds = 0 RETURNING 1'), '1', 'back after an immediate stop');
catches_up('server stopped at once');

$pid = worker_in_the_middle();
$node->kill9;
# the other processes notice, and only then the server can be started again
my $started;
for (1 .. 50)
{
	last if $started = $node->start(fail_ok => 1);
	$node->stop('fast', fail_ok => 1);
	sleep 0.2;
}
ok($started, 'the postmaster was killed, and started again');
is($node->safe_psql('shop', 'UPDATE pace SET seconds = 0 RETURNING 1'), '1', 'back after the postmaster was killed');
catches_up('postmaster killed');

# worker and launcher are asked to go in the middle of it
$pid = worker_in_the_middle();
$node->safe_psql('shop', "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE backend_type ~ '^crmlife'");
$node->safe_psql('shop', 'UPDATE pace SET seconds = 0');
my $took = wait_for($node, 'shop', "SELECT count(*) FROM stages WHERE customer_id = $customer", '1', 20);
ok(defined $took, 'terminated, both come back by themselves');
is(verified($node, 'shop', 'stages'), 0, '... verify finds nothing');

# a run that brings the server down again and again has to wait
$pid = worker_in_the_middle();
kill 'KILL', $pid;
ok(defined wait_for($node, 'shop', "SELECT failures FROM crmlife.status WHERE started_at > last_error_at AND state = 'running'", '1'),
	'interrupted once, it is tried at once');
($pid) = worker_pids($node, 'shop');
kill 'KILL', $pid;
ok(defined wait_for($node, 'shop', "SELECT state FROM crmlife.status", 'failing'), 'interrupted twice, it has to wait');
like($node->safe_psql('shop', "SELECT last_error FROM crmlife.status"), qr/did not finish/, '... and says why');
sleep 2;
is($node->safe_psql('shop', "SELECT state || ' ' || (next_run_at > now() + '1 second'::interval) FROM crmlife.status"), 'failing true', '... for some seconds');

$node->stop;
done_testing();
