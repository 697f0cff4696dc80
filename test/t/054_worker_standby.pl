# Nothing on a standby; after promotion the worker is at work.
use strict;
use warnings;
use FindBin;
use lib $FindBin::RealBin;
use Server;
use PostgreSQL::Test::Utils;
use Shop;
use Test::More;
use Time::HiRes qw(sleep time);

my $primary = new_server('primary', 1, allows_streaming => 1);
open_shop($primary, 'shop', 'stages');
$primary->backup('backup');
my $standby = Server->new('standby');
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
$standby->psql('shop', "SELECT * FROM crmlife.changes_since('stages', 'mailer')", stderr => \$err);
like($err, qr/ERROR:.*standby.*HINT:.*primary/s, 'changes_since: a clear error');
$standby->psql('shop', 'SELECT crmlife.start_worker()', stderr => \$err);
like($err, qr/ERROR:.*standby.*HINT:.*primary/s, 'start_worker: a clear error');
is($standby->safe_psql('shop', "SELECT state FROM crmlife.status WHERE state <> 'running'"), 'ok', 'status can be read');

# the primary dies in the middle of a refresh
$primary->safe_psql('shop', <<'EOS');
CREATE TABLE pace (seconds float8); INSERT INTO pace VALUES (0);
CREATE FUNCTION paced(numeric) RETURNS numeric LANGUAGE plpgsql IMMUTABLE AS
$$ BEGIN PERFORM pg_sleep((SELECT max(seconds) FROM public.pace)); RETURN $1; END $$;
SELECT crmlife.create_stage_table('slow', 'orders', 'customer_id', 'paid_at', 'paced(amount)', refresh_every => '1 second');
UPDATE pace SET seconds = 30;
INSERT INTO orders (customer_id, paid_at, amount) VALUES (1003, now(), 5);
EOS
my $slow = q(SELECT %s FROM crmlife.status WHERE stage_table = 'slow'::regclass);
ok(defined wait_for($primary, 'shop', sprintf($slow, 'state'), 'running', 60), 'a refresh is running on the primary');
$primary->wait_for_catchup($standby, 'replay', $primary->lsn('insert'));
is($standby->safe_psql('shop', sprintf($slow, 'waiting')), '1', '... of which the standby knows who waits for it');
$primary->stop('immediate');
$standby->append_conf('postgresql.conf', 'crmlife.worker_enabled = off');
$standby->reload;
$standby->promote;
ok(defined wait_for($standby, 'postgres', "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'crmlife launcher'", '1'),
	'promoted, the launcher starts');
$standby->safe_psql('shop', 'UPDATE pace SET seconds = 0');
$standby->safe_psql('shop', "INSERT INTO orders (customer_id, paid_at, amount) VALUES (1002, now(), 5)");
$standby->append_conf('postgresql.conf', 'crmlife.worker_enabled = on');
$standby->reload;
ok(defined wait_for($standby, 'shop', 'SELECT count(*) FROM stages WHERE customer_id = 1002', '1'), '... and a customer moves');
is(verified($standby, 'shop', 'stages'), 0, 'verify');
# what the old primary had begun is found here, told, and done
ok(defined wait_for($standby, 'shop', 'SELECT count(*) FROM slow WHERE customer_id IN (1002, 1003)', '2', 60), 'what the primary had begun is made up for');
is(verified($standby, 'shop', 'slow'), 0, '... verify');
is(chain_breaks($standby, 'shop', 'slow'), 0, '... the change log is one chain');
ok(defined wait_for($standby, 'shop', sprintf($slow, 'failures = 0 AND last_error IS NULL'), 't', 60), '... no failure is left');
is(told($standby, 'the last refresh of stage table public.slow did not finish'), 1, '... the log tells of it once');
$standby->stop;
done_testing();
