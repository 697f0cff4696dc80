# Many writers with the worker on, for some seconds: the load of scripts/soak
# (make soak runs it for minutes, and measures).  No difference, no deadlock,
# no error.
use strict;
use warnings;
use FindBin;
use lib $FindBin::RealBin;
use PostgreSQL::Test::Utils;
use Shop;
use Test::More;

my $node = new_server('soak', 1);
$node->append_conf('postgresql.conf', "crmlife.worker_interval = '2s'\ndeadlock_timeout = '200ms'\nlog_statement = none");
$node->restart;
$node->safe_psql('postgres', <<'EOS');
CREATE EXTENSION crmlife;
CREATE TABLE orders (id bigserial PRIMARY KEY, customer int, at timestamptz, amount numeric);
CREATE TABLE visits (customer int, at timestamptz);
INSERT INTO orders (customer, at, amount) SELECT 1 + random() * 4999, now() - random() * interval '700 days', 1 + random() * 100 FROM generate_series(1, 20000);
CREATE INDEX ON orders (customer);
CREATE INDEX ON visits (customer);
ANALYZE;
SELECT crmlife.create_stage_table('stages', 'orders', 'customer', 'at', 'amount', visits => 'visits', visit_customer => 'customer', visited_at => 'at', refresh_every => '500 ms');
SELECT crmlife.create_stage_table('others', 'orders', 'customer', 'at', 'amount', model => 'kpi_bands', refresh_every => '300 ms');
EOS
my @load = map { ('-f', "$_@" . (/\.(\d+)$/)[0]) } glob 'test/soak/*';
cmp_ok(scalar @load, '>', 10, 'there is a load');
my ($out, $err) = ('', '');
my $writers = IPC::Run::start([ 'pgbench', '-n', '-c', 4, '-j', 2, '-T', 20, @load, '-d', $node->connstr('postgres') ], '>', \$out, '2>', \$err);
my $end = time + 18;
my $changed = 0;
while (time < $end)
{
	$node->safe_psql('postgres', "SELECT crmlife.set_threshold('stages', 'active_days', 60 + (random() * 40)::int); SELECT crmlife.refresh('others')");
	$changed++;
	sleep 1;
}
ok($writers->finish, 'the writers went on to the end');
unlike($err, qr/ERROR|aborted/, 'none gave up');
cmp_ok($changed, '>', 3, 'settings changed meanwhile');
like($out, qr/number of transactions actually processed: [1-9]\d{2,}/, 'they wrote');
$node->safe_psql('postgres', "SELECT crmlife.refresh('stages'), crmlife.refresh('others')");
is(verified($node, 'postgres', 'stages') + verified($node, 'postgres', 'others'), 0, 'no difference from the sources');
is($node->safe_psql('postgres', "SELECT count(*) FILTER (WHERE NOT succeeded), count(*) > 20 FROM crmlife.runs"), '0|t', 'no run failed');
is($node->safe_psql('postgres', "SELECT deadlocks FROM pg_stat_database WHERE datname = 'postgres'"), '0', 'no deadlock');
unlike(slurp_file($node->logfile), qr/ERROR|WARNING|PANIC|terminated by signal/, 'the log is silent');
$node->stop;
done_testing();
