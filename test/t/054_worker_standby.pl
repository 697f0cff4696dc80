# Nothing on a standby; after promotion the worker is at work.
use strict;
use warnings;
use FindBin;
use lib $FindBin::RealBin;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Shop;
use Test::More;
use Time::HiRes qw(sleep time);

my $primary = new_server('primary', 1, allows_streaming => 1);
open_shop($primary, 'shop', 'stages');
$primary->backup('backup');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($primary, 'backup', has_streaming => 1);
$standby->start;

my $processes = q(SELECT count(*) FROM pg_stat_activity WHERE backend_type ~ '^crmlife');
$primary->safe_psql('shop', "INSERT INTO orders (customer_id, paid_at, amount) VALUES (1001, now(), 5)");
ok(defined wait_for($standby, 'shop', 'SELECT count(*) FROM stages WHERE customer_id = 1001', '1'),
	'what is done on the primary arrives on the standby');
is($standby->safe_psql('postgres', $processes), '0', 'the standby runs nothing of its own');

my $err;
$standby->psql('shop', "SELECT crmlife.refresh('stages')", stderr => \$err);
like($err, qr/ERROR:.*standby.*HINT:.*primary/s, 'refresh: a clear error');
$standby->psql('shop', 'SELECT crmlife.start_worker()', stderr => \$err);
like($err, qr/ERROR:.*standby.*HINT:.*primary/s, 'start_worker: a clear error');
is($standby->safe_psql('shop', "SELECT state FROM crmlife.status WHERE state <> 'running'"), 'ok', 'status can be read');

$primary->stop('fast');
$standby->promote;
ok(defined wait_for($standby, 'postgres', "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'crmlife launcher'", '1'),
	'promoted, the launcher starts');
$standby->safe_psql('shop', "INSERT INTO orders (customer_id, paid_at, amount) VALUES (1002, now(), 5)");
ok(defined wait_for($standby, 'shop', 'SELECT count(*) FROM stages WHERE customer_id = 1002', '1'), '... and a customer moves');
is(verified($standby, 'shop', 'stages'), 0, 'verify');
$standby->stop;
done_testing();
