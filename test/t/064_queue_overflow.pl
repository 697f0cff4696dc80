# A queue that is full stays as large as it is, whatever is written and however
# long nobody refreshes; and nothing that was not said in it is lost.
use strict;
use warnings;
use FindBin;
use lib $FindBin::RealBin;
use PostgreSQL::Test::Utils;
use Shop;
use Test::More;

my $clients = 4;
my $node = new_server('overflow', 1);
$node->append_conf('postgresql.conf', <<EOC);
crmlife.queue_limit = '64kB'
crmlife.worker_enabled = off
max_prepared_transactions = 5
EOC
$node->restart;
my $database = 'postgres';
$node->safe_psql($database, <<'EOS');
CREATE EXTENSION crmlife;
CREATE TABLE orders (id bigserial PRIMARY KEY, customer int, at timestamptz, amount numeric);
CREATE TABLE visits (customer int, at timestamptz);
INSERT INTO orders (customer, at, amount) SELECT 1 + i % 500, now() - i * interval '1 hour', 1 + i % 100 FROM generate_series(1, 3000) i;
CREATE INDEX ON orders (customer);
CREATE INDEX ON visits (customer);
ANALYZE;
SELECT crmlife.create_stage_table('stages', 'orders', 'customer', 'at', 'amount', visits => 'visits', visit_customer => 'customer', visited_at => 'at', refresh_every => '200 ms');
SELECT crmlife.create_stage_table('idle', 'orders', 'customer', 'at', 'amount');
EOS

sub ask { return $node->safe_psql($database, shift) }

sub waits { return ask("SELECT everybody FROM crmlife.status WHERE stage_table = 'stages'::regclass") }

# refresh, and tell whether everybody was looked at
sub refreshed
{
	ask("SELECT crmlife.refresh('stages')");
	return ask("SELECT was_full FROM crmlife.runs WHERE stage_table = 'stages'::regclass ORDER BY run DESC LIMIT 1");
}

# customers whose facts are not those of the sources, by plain SQL
my $differences = <<'EOS';
SELECT count(*) FROM stages s FULL JOIN (SELECT customer, count(*) AS orders, sum(amount) AS revenue FROM orders GROUP BY customer) o USING (customer)
WHERE coalesce((s.orders, s.revenue) IS DISTINCT FROM (o.orders, o.revenue) AND (o.orders IS NOT NULL OR s.orders > 0), true)
EOS

sub load
{
	my ($options, @files) = @_;
	my ($out, $err) = ('', '');
	my $done = IPC::Run::run([ 'pgbench', '-n', '-c', $clients, '-j', 2, @$options, (map { ('-f', $_) } @files), '-d', $node->connstr($database) ],
		'>', \$out, '2>', \$err);
	ok($done && $err !~ /ERROR|aborted/, "the writers went on to the end: @$options") or diag($err);
	return;
}

my $write = PostgreSQL::Test::Utils::tempdir() . '/write.sql';
append_to_file($write, <<'EOS');
\set c random(1, 2000)
INSERT INTO orders (customer, at, amount) VALUES (:c, now() - interval '1 day', 7);
EOS

# ----- nobody refreshes -----
my $fill = q(INSERT INTO orders (customer, at, amount) SELECT 1 + i % 500, now() - i * interval '17 minutes', i * 0.37 FROM generate_series(1, 6000) i);
ask($fill);
my $size = q(SELECT pg_relation_size('crmlife.queue') / 1024, pg_relation_size('crmlife.queue_overflow') / 1024 <= 8, (SELECT count(*) FROM crmlife.queue_overflow) <= 2 * ) . $clients;
my $entries = q(SELECT count(*) FROM crmlife.queue);
load([ '-t', 100 ], $write);
is(ask($size), '64|t|t', 'the queue is full');
my $full = ask($entries);
my $inserted = q(SELECT pg_stat_force_next_flush(); SELECT n_tup_ins FROM pg_stat_all_tables WHERE relid = 'crmlife.queue_overflow'::regclass);
my $marks = ask($inserted);
load([ '-t', 2500 ], $write);
is(ask($size), '64|t|t', '10,000 transactions later it is as large');
is(ask($entries), $full, '... with as many entries');
is(ask($inserted), $marks, '... and nobody has written anything');
# neither does a transaction that goes back and forth, or empties a source each time
ask("DO \$\$ BEGIN FOR i IN 1 .. 200 LOOP BEGIN UPDATE orders SET amount = 8 WHERE id = i; IF i % 2 = 0 THEN RAISE division_by_zero; END IF; EXCEPTION WHEN division_by_zero THEN END; END LOOP; END \$\$");
ask('TRUNCATE visits') for 1 .. 20;
is(ask($size), '64|t|t', 'subtransactions and TRUNCATE add nothing');
is(waits(), 't', 'the status says that everybody waits');

# ----- prepared transactions that were silent, and runs that do not see them -----
$node->safe_psql($database, "BEGIN; UPDATE orders SET amount = 1000 + amount WHERE customer = $_; PREPARE TRANSACTION 'p$_'") for 1 .. 3;
is(ask($entries) . ask($inserted), $full . $marks, 'they say nothing');
is(refreshed(), 't', 'a run takes the mark');
is(waits(), 't', 'but it may not have seen everybody');
is(refreshed(), 't', 'another');
is(waits() . ask($differences), 'f0', 'as long as they do not end, nothing waits');
is(verified($node, $database, 'stages'), 0, 'verify');
ask("INSERT INTO visits VALUES (9, now())");
# the queue is full of what is dead
ask('VACUUM crmlife.queue');
is(refreshed(), 't', 'who finds the queue full says so again');
is(refreshed(), 't', 'which begins anew');
ask("INSERT INTO visits VALUES (10, now())");
is(refreshed(), 'f', 'with room in the queue a run costs what has changed');
ask("COMMIT PREPARED 'p1'");
is(waits() . ask($differences), 't1', 'one is committed: it says that everybody waits');
is(refreshed(), 't', 'a run looks at everybody');
is(waits() . ask($differences), 'f0', 'nobody waits, the others run on');
ask("ROLLBACK PREPARED 'p2'");
is(waits() . refreshed() . waits() . ask($differences), 'ttf0', 'one is rolled back');
ask(q(CREATE TABLE other_orders AS SELECT i % 100 AS customer, timestamp '2025-06-01' - i * interval '9 hours' AS at, 10 AS amount FROM generate_series(1, 1000) i;
	SELECT crmlife.create_stage_table('unlogged_stages', 'other_orders', 'customer', 'at', 'amount');
	SELECT crmlife.refresh('unlogged_stages', '2025-06-01', true);
	ALTER TABLE unlogged_stages SET UNLOGGED;
	CHECKPOINT));
$node->stop('immediate');
$node->start;
is(waits() . ask($differences), 'f0', 'a crash ends no prepared transaction');
is(ask('SELECT count(*) FROM unlogged_stages'), '0', 'it leaves nothing of an unlogged stage table');
ask(q(INSERT INTO other_orders VALUES (1, '2025-06-01', 5); SELECT crmlife.refresh('unlogged_stages', '2025-06-02')));
is(ask('SELECT count(*) FROM unlogged_stages') . ' ' . verified($node, $database, 'unlogged_stages'), '100 0', 'a refresh makes it anew');
ask(q(SELECT crmlife.drop_stage_table('unlogged_stages')));
ask("COMMIT PREPARED 'p3'");
is(waits() . refreshed() . waits() . ask($differences), 'ttf0', 'the last of them');
is(ask("SELECT count(*) FROM crmlife.queue_overflow WHERE stage_table = 'stages'::regclass"), '0', 'it is over');
is(verified($node, $database, 'stages'), 0, 'verify');

# ----- a crash with a silent writer -----
ask('VACUUM crmlife.queue');
ask($fill);
ask($fill);
is(waits(), 't', 'full again');
my $silent = $node->background_psql($database, on_error_stop => 0);
$silent->query('BEGIN; UPDATE orders SET amount = 2000 WHERE customer = 5');
refreshed();
$node->stop('immediate');
$node->start;
eval { $silent->quit };
is(waits() . refreshed() . waits() . ask($differences), 'ttf0', 'a crash ends those who were silent');

# ----- the worker has writers speak before it looks -----
ask('VACUUM crmlife.queue');
ask($fill);
ask($fill);
my $runs = q(SELECT count(*) FILTER (WHERE was_full), count(*) FROM crmlife.runs WHERE stage_table = 'stages'::regclass AND run > );
my $last = ask("SELECT max(run) FROM crmlife.runs WHERE stage_table = 'stages'::regclass");
is(waits(), 't', 'full again');
$node->append_conf('postgresql.conf', 'crmlife.worker_enabled = on');
$node->reload;
ok(defined wait_for($node, $database, "SELECT everybody FROM crmlife.status WHERE stage_table = 'stages'::regclass", 'f'), 'the worker comes');
is(ask($runs . $last), '1|1', 'one run is enough');
is(ask($differences), '0', 'nothing differs');

# ----- all of it at once -----
load([ '-T', 8 ], glob 'test/soak/*');
cmp_ok(ask("SELECT count(*) FROM crmlife.runs WHERE stage_table = 'stages'::regclass AND was_full AND run > $last + 1"), '>', 3, 'it was full many times');
is(ask("SELECT pg_relation_size('crmlife.queue') / 1024"), '64', 'and never larger');
ok(defined wait_for($node, $database, q(SELECT everybody OR waiting > 0 FROM crmlife.status WHERE stage_table = 'stages'::regclass), 'f'), 'the worker catches up');
is(verified($node, $database, 'stages'), 0, 'verify');
is(ask("SELECT count(*) FROM crmlife.runs WHERE NOT succeeded"), '0', 'no run failed');
# and who was hardly ever refreshed
for (1 .. 100)
{
	ask("SELECT crmlife.refresh('idle')");
	last if ask("SELECT everybody FROM crmlife.status WHERE stage_table = 'idle'::regclass") eq 'f';
}
is(ask("SELECT everybody FROM crmlife.status WHERE stage_table = 'idle'::regclass"), 'f', 'the other stage table at last');
is(verified($node, $database, 'idle'), 0, '... is right');

# ----- a key for which no page has room: told like any other, or as everybody -----
ask(q(ALTER SYSTEM SET crmlife.worker_enabled = off));
$node->reload;
ask(q(CREATE TABLE parcels (customer text, at timestamptz, amount numeric); INSERT INTO parcels VALUES ('a', now(), 1)));
ask(q(SELECT crmlife.create_stage_table('receivers', 'parcels', 'customer', 'at', 'amount')));
ask(q(INSERT INTO parcels SELECT string_agg(md5(i::text), ''), now(), 1 FROM generate_series(1, 300) i));
ask(q(UPDATE parcels SET amount = 2));
is(ask(q(SELECT everybody OR waiting = 2 FROM crmlife.status WHERE stage_table = 'receivers'::regclass)), 't', 'a key of 9600 bytes stops no writer');
ask(q(DELETE FROM parcels WHERE customer <> 'a'));
ask(q(SELECT crmlife.refresh('receivers')));
is(verified($node, $database, 'receivers'), 0, '... and what was written is refreshed');
$node->stop;
done_testing();
