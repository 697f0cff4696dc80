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
my $place = 0;    # in the server log

# begin a refresh that takes long, and return the worker in the middle of it
sub worker_in_the_middle
{
	$customer++;
	$place = -s $node->logfile;
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
		"SELECT count(*) FROM stages WHERE customer_id IN ($customer, $customer + 5000)", '2', 60),
		'... both customers are there');
	is(verified($node, 'shop', 'stages'), 0, '... verify finds nothing');
	ok(defined wait_for($node, 'shop', "SELECT failures FROM crmlife.status", '0', 60), '... no failure is left');
	is(chain_breaks($node, 'shop', 'stages'), 0, '... the change log is one chain');
}

# the log tells once of a run that was cut off, and once that it was made up for
sub is_told_once
{
	is(told($node, 'the last refresh of stage table public.stages did not finish', $place), 1, '... the log tells it once');
	is(told($node, 'stage table public.stages is refreshed again', $place), 1, '... and that it is made up for');
}

# the worker is killed: PostgreSQL restarts all of its processes
my $pid = worker_in_the_middle();
kill_processes($node, $pid);
ok(defined wait_for($node, 'shop', 'UPDATE pace SET seconds = 0 RETURNING 1', '1'), 'back after the worker was killed');
catches_up('worker killed');
is_told_once();

# the launcher is killed
worker_in_the_middle();
my $launcher = $node->safe_psql('postgres', "SELECT pid FROM pg_stat_activity WHERE backend_type = 'crmlife launcher'");
kill_processes($node, $launcher);
ok(defined wait_for($node, 'shop', 'UPDATE pace SET seconds = 0 RETURNING 1', '1'), 'back after the launcher was killed');
catches_up('launcher killed');
is_told_once();

# a session that refreshes by itself is killed
$node->safe_psql('postgres', 'ALTER SYSTEM SET crmlife.worker_enabled = off');
$node->reload;
ok(defined wait_for($node, 'postgres', "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'crmlife worker'", '0', 60), 'no worker');
$customer++;
$node->safe_psql('shop', "UPDATE pace SET seconds = 3");
$node->safe_psql('shop', "INSERT INTO orders (customer_id, paid_at, amount) VALUES ($customer, now(), 5)");
my $session = $node->background_psql('shop', on_error_stop => 0);
$session->query_until(qr/begun/, "\\echo begun\nSELECT crmlife.refresh('stages');\n");
ok(defined wait_for($node, 'shop', 'SELECT state FROM crmlife.status', 'running', 30), 'a refresh by hand is running');
kill_processes($node, $node->safe_psql('shop', "SELECT pid FROM pg_stat_activity WHERE query ~ 'crmlife.refresh' AND pid <> pg_backend_pid()"));
eval { $session->quit };
ok(defined wait_for($node, 'shop', 'UPDATE pace SET seconds = 0 RETURNING 1', '1'), 'back after the session was killed');
is($node->safe_psql('shop', "SELECT waiting FROM crmlife.status"), '1', 'who waited waits');
$node->safe_psql('postgres', 'ALTER SYSTEM RESET crmlife.worker_enabled');
$node->reload;
catches_up('session killed');

# the whole server is killed
$pid = worker_in_the_middle();
$node->stop('immediate');
$node->start;
is($node->safe_psql('shop', 'UPDATE pace SET seconds = 0 RETURNING 1'), '1', 'back after an immediate stop');
catches_up('server stopped at once');
is_told_once();

# a restart as it should be, which does not wait for the refresh to end
worker_in_the_middle();
my $begun = time;
$node->stop('fast');
$node->start;
cmp_ok(time - $begun, '<', 30, 'the server restarts in the middle of a refresh');
is($node->safe_psql('shop', 'UPDATE pace SET seconds = 0 RETURNING 1'), '1', 'back after a restart');
catches_up('server restarted');
is_told_once();

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

# twenty days are to be made up for, and the run that does so is killed twice:
# each change is told once, with the day on which it happened
$node->safe_psql('postgres', 'ALTER SYSTEM SET crmlife.worker_enabled = off');
$node->reload;
ok(defined wait_for($node, 'postgres', "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'crmlife worker'", '0', 60), 'no worker');
$node->safe_psql('shop', "SELECT crmlife.refresh('stages', now() - '20 days'::interval, true); TRUNCATE stages_changes");
# nothing is read from the orders: what takes its time is each row
$node->safe_psql('shop', <<'EOS');
CREATE FUNCTION slow_row() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN PERFORM pg_sleep((SELECT max(seconds) FROM public.pace)); RETURN NEW; END $$;
CREATE TRIGGER slow_row BEFORE UPDATE ON stages FOR EACH ROW EXECUTE FUNCTION slow_row();
UPDATE pace SET seconds = 0.2;
EOS
$node->safe_psql('postgres', 'ALTER SYSTEM RESET crmlife.worker_enabled');
$node->reload;
for my $time (1 .. 2)
{
	ok(defined wait_for($node, 'shop', 'SELECT state FROM crmlife.status', 'running', 60), 'a refresh of twenty days is running');
	sleep rand;
	kill_processes($node, worker_pids($node, 'shop'));
	wait_for($node, 'shop', 'SELECT 1', '1', 60);
}
ok(defined wait_for($node, 'shop', 'UPDATE pace SET seconds = 0 RETURNING 1', '1', 60), 'back after both');
ok(defined wait_for($node, 'shop', 'SELECT refreshed_day = current_date AND failures = 0 FROM crmlife.status', 't', 60), 'twenty days later');
like(replay_differences($node, 'shop', 'stages', $node->safe_psql('shop', 'SELECT current_date - 20'), $node->safe_psql('shop', 'SELECT current_date')),
	qr/^0 of [1-9]/, '... every change is told once, with its day');
is(verified($node, 'shop', 'stages'), 0, '... verify');

$node->safe_psql('shop', 'DROP TRIGGER slow_row ON stages');

# a run that brings the server down again and again has to wait
$pid = worker_in_the_middle();
kill_processes($node, $pid);
ok(defined wait_for($node, 'shop', "SELECT failures FROM crmlife.status WHERE started_at > last_error_at AND state = 'running'", '1'),
	'interrupted once, it is tried at once');
($pid) = worker_pids($node, 'shop');
kill_processes($node, $pid);
ok(defined wait_for($node, 'shop', "SELECT state FROM crmlife.status", 'failing'), 'interrupted twice, it has to wait');
like($node->safe_psql('shop', "SELECT last_error FROM crmlife.status"), qr/did not finish/, '... and says why');
sleep 2;
is($node->safe_psql('shop', "SELECT state || ' ' || (next_run_at > now() + '1 second'::interval) FROM crmlife.status"), 'failing true', '... for some seconds');

$node->stop;
done_testing();
