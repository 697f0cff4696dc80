# The server's clock is set forward and back, under the worker and in the
# middle of a refresh: days gone by are told with their own dates, a table that
# shows a later day than today is brought back, and nothing waits for a time
# that lies far off.
use strict;
use warnings;
use FindBin;
use lib $FindBin::RealBin;
use Server;
use PostgreSQL::Test::Utils;
use Shop;
use Test::More;
use Time::HiRes qw(sleep time);

plan skip_all => 'the clock is set by a library of Linux' if $^O ne 'linux';
my $library = PostgreSQL::Test::Utils::tempdir() . '/clock.so';
system_or_bail('cc', '-shared', '-fPIC', '-O1', '-Wall', '-Werror', '-o', $library, "$FindBin::RealBin/clock.c");

my $node = Server->new('clock');
$node->init;
$node->append_conf('postgresql.conf', <<EOC);
timezone = 'UTC'
fsync = off
autovacuum = off
shared_preload_libraries = 'crmlife'
crmlife.worker_lock_timeout = 0
EOC
my $clock = $node->basedir . '/clock';

# what the server takes the time to be, in seconds from what it is
sub set_clock
{
	my ($distance) = @_;
	open my $file, '+<', $clock or die "$clock: $!";
	syswrite $file, pack('q', $distance);
	close $file;
}

PostgreSQL::Test::Utils::append_to_file($clock, pack('q', 0));
{
	local %ENV = (%ENV, LD_PRELOAD => $library, CLOCK_FILE => $clock);
	$node->start;
}
open_shop($node, 'shop');
$node->safe_psql('shop', <<'EOS');
-- a refresh waits where it is while somebody holds this lock
CREATE FUNCTION held(numeric) RETURNS numeric LANGUAGE plpgsql IMMUTABLE AS
$$ BEGIN PERFORM pg_advisory_xact_lock_shared(1); RETURN $1; END $$;
SELECT crmlife.create_stage_table('stages', 'orders', 'customer_id', 'paid_at', 'held(amount)', refresh_every => '1 second');
EOS

my $customer = 1000;
my $day = 86400;

sub order
{
	$customer++;
	$node->safe_psql('shop', "INSERT INTO orders (customer_id, paid_at, amount) VALUES ($customer, now(), 5)");
}

# at this distance of the clock the worker does all it does at others
sub is_right
{
	my ($what) = @_;
	ok(defined wait_for($node, 'shop', 'SELECT refreshed_day = current_date FROM crmlife.status', 't', 60), "$what: the table shows the server's day");
	order();
	ok(defined wait_for($node, 'shop', "SELECT stage FROM stages WHERE customer_id = $customer", 'aftersale', 60), '... a new customer is there');
	is($node->safe_psql('shop', "SELECT failures = 0 AND next_run_at < now() + '1 minute'::interval FROM crmlife.status"), 't', '... the next run is not far off');
	is(verified($node, 'shop', 'stages'), 0, '... verify');
	is(chain_breaks($node, 'shop', 'stages'), 0, '... the change log is one chain');
}
is_right('at first');

# forward: days that were slept through are told with their own dates
$node->safe_psql('shop', 'TRUNCATE stages_changes');
my $first = $node->safe_psql('shop', 'SELECT refreshed_day FROM crmlife.status');
set_clock(9 * $day);
my $last = $node->safe_psql('shop', 'SELECT current_date');
is($node->safe_psql('shop', "SELECT '$last'::date - '$first'::date"), '9', 'the clock is nine days ahead');
ok(defined wait_for($node, 'shop', "SELECT refreshed_day = '$last' FROM crmlife.status", 't', 60), 'nine days later');
like(replay_differences($node, 'shop', 'stages', $first, $last), qr/^0 of [1-9]/, '... every change is told with the day on which it happened');
is_right('nine days ahead');

# back: to where it was, to where it has not been yet, by hours
for my $days (0, -3, -1, 1 / 12, 0)
{
	set_clock(int($days * $day));
	is_right(sprintf 'clock at %+.2f days', $days);
}

# orders of customers who have none in the past yet come when their day comes
set_clock(-400 * $day);
is_right('clock at -400 days');
set_clock(0);
is_right('back again');
is($node->safe_psql('shop', 'SELECT count(*) FROM stages'), $node->safe_psql('shop', 'SELECT count(DISTINCT customer_id) FROM orders WHERE paid_at::date <= current_date'),
	'... with everybody');

# in the middle of a refresh
for my $days (5, 0)
{
	my $holder = $node->background_psql('shop');
	$holder->query_safe('SELECT pg_advisory_lock(1)');
	order();
	ok(defined wait_for($node, 'shop', 'SELECT state FROM crmlife.status', 'running', 30), 'a refresh is running');
	set_clock($days * $day);
	$holder->quit;
	is_right(sprintf 'clock at %+d days in the middle of it', $days);
}

is($node->safe_psql('postgres', "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'crmlife launcher'"), '1', 'one launcher');
is(told($node, 'could not refresh|did not finish'), 0, 'nothing failed');
$node->stop;
done_testing();
