# Many consumers, many processes for each, refreshes of several stage tables at
# the same time, and all of them killed again and again, with and without the
# server: each consumer has every change once, in the order of the log.  The
# change log itself is the oracle.  And who is told of changes, and when.
use strict;
use warnings;
use FindBin;
use lib $FindBin::RealBin;
use PostgreSQL::Test::Utils;
use Shop;
use IPC::Run;
use Test::More;
use Time::HiRes qw(sleep time);

my $node = new_server('outbox', 1);
$node->append_conf('postgresql.conf', "restart_after_crash = on\nmax_connections = 60\nmax_prepared_transactions = 5\ncrmlife.worker_interval = '1s'");
$node->restart;
open_shop($node, 'shop', 'first', 'second');
$node->safe_psql('shop', <<'EOS');
UPDATE crmlife.stage_table SET refresh_every = '200 ms';
CREATE TABLE received (stage_table text, consumer text, seq bigint, process int, at timestamptz DEFAULT clock_timestamp(), PRIMARY KEY (stage_table, consumer, seq));
CREATE TABLE posted (seq bigint, process int);
SELECT crmlife.add_consumer(t, c) FROM (VALUES ('first'), ('second')) t(t), (VALUES ('mail'), ('push'), ('post')) c(c);

-- what was taken is written down in the transaction that acknowledges it
CREATE PROCEDURE take(t text, c text, n int) LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO received SELECT t, c, seq, pg_backend_pid() FROM crmlife.changes_since(t::regclass, c, n);
  PERFORM crmlife.ack(t::regclass, c, max(seq)) FROM received WHERE stage_table = t AND consumer = c HAVING max(seq) IS NOT NULL;
EXCEPTION WHEN object_in_use THEN NULL;
END $$;
CREATE PROCEDURE buy(n int) LANGUAGE sql AS $$
INSERT INTO orders (customer_id, paid_at, amount) SELECT random() * 300, now() - random() * interval '400 days', 10 FROM generate_series(1, n);
$$;
EOS
my $stop = PostgreSQL::Test::Utils::tempdir() . '/stop';

# a client that goes on till it is told to stop, whatever becomes of its server
sub client
{
	my ($script) = @_;
	my $connection = $node->connstr('shop');
	my $file = PostgreSQL::Test::Utils::tempdir() . '/client' . rand() . '.sql';
	append_to_file($file, $script);
	return IPC::Run::start([ 'sh', '-c', "while [ ! -e '$stop' ]; do psql -X -q -d \"$connection\" -f '$file' > /dev/null 2>&1 || sleep 0.1; done" ]);
}

my @clients;
for my $table ('first', 'second')
{
	# two processes for each consumer
	for my $consumer ('mail', 'push')
	{
		push @clients, client("CALL take('$table', '$consumer', 1 + (random() * 20)::int);\nSELECT pg_sleep(random() * 0.02);\n" x 20) for 1 .. 2;
	}
	push @clients, client("SELECT crmlife.refresh('$table') \\g /dev/null\nSELECT pg_sleep(random() * 0.05);\n" x 20);
	# a refresh that is rolled back leaves a hole in the numbers
	push @clients, client("BEGIN;\nSELECT crmlife.refresh('$table') \\g /dev/null\nSELECT pg_sleep(random() * 0.1);\nROLLBACK;\nSELECT pg_sleep(0.1);\n" x 5);
}
push @clients, client("CALL buy((random() * 20)::int);\nSELECT pg_sleep(random() * 0.02);\n" x 20) for 1 .. 2;

# longer where the machine is busy
my $end = time + 9;
my $late = time + 60;
my ($killed, $crashes) = (0, 0);
while (time < $end || ($killed <= 10 && time < $late))
{
	sleep 0.1;
	my $pid = eval { $node->safe_psql('postgres', "SELECT pid FROM pg_stat_activity WHERE datname = 'shop' AND pid <> pg_backend_pid() ORDER BY random() LIMIT 1") } or next;
	if ($killed >= 5 * ($crashes + 1))
	{
		$crashes++;
		kill 'KILL', $pid;
	}
	else
	{
		$killed++;
		kill 'TERM', $pid;
	}
}
append_to_file($stop, '');
$_->finish for @clients;
cmp_ok($killed, '>', 10, "processes were terminated ($killed), and servers crashed ($crashes)");
ok(defined wait_for($node, 'shop', 'SELECT 1', '1', 30), 'the server is back');
ok(defined wait_for($node, 'shop', "SELECT string_agg(DISTINCT state, ',') FROM crmlife.status", 'ok', 30), 'and at rest');
$node->safe_psql('shop', "SELECT crmlife.refresh(stage_table) FROM crmlife.stage_table");
$node->end_sessions;
ok(defined wait_for($node, 'postgres', "SELECT count(*) FROM pg_stat_activity WHERE datname = 'shop' AND backend_type = 'client backend'", '0', 10),
	'nobody is left');
for my $table ('first', 'second')
{
	my $log = $node->safe_psql('shop', "SELECT count(*), max(seq) > count(*) FROM ${table}_changes");
	cmp_ok((split /\|/, $log)[0], '>', 100, "$table: there were changes (with holes between the numbers: $log)");
	for my $consumer ('mail', 'push')
	{
		$node->safe_psql('shop', "CALL take('$table', '$consumer', 100000)");
		is($node->safe_psql('shop', <<EOS), '0', "$table, $consumer: each change once");
SELECT count(*) FROM (SELECT seq FROM received WHERE stage_table = '$table' AND consumer = '$consumer') r
FULL JOIN ${table}_changes l USING (seq) WHERE r.seq IS NULL OR l.seq IS NULL
EOS
		is($node->safe_psql('shop', <<EOS), '0', "$table, $consumer: in their order");
SELECT count(*) FROM (SELECT seq, lag(seq) OVER (ORDER BY at, seq) AS before FROM received
 WHERE stage_table = '$table' AND consumer = '$consumer') r WHERE seq < before
EOS
		cmp_ok($node->safe_psql('shop', "SELECT count(DISTINCT process) FROM received WHERE stage_table = '$table' AND consumer = '$consumer'"),
			'>', 2, "$table, $consumer: by several processes");
	}
	is(verified($node, 'shop', $table), 0, "$table: verify");
}
is($node->safe_psql('shop', "SELECT consumer || waiting FROM crmlife.consumers WHERE stage_table = 'first'::regclass AND consumer <> 'post' ORDER BY 1"),
	"mail0\npush0", 'nothing waits for them');

# ----- a consumer outside of the database: taken, done, acknowledged apart -----
unlink $stop;
my $posted = <<'EOS';
SELECT coalesce(max(seq), 0) AS last, count(*) > 0 AS some, array_agg(seq) AS seqs FROM crmlife.changes_since('first', 'post', 25) \gset
SELECT pg_sleep(0.01);
INSERT INTO posted SELECT unnest(:'seqs'::bigint[]), pg_backend_pid();
SELECT pg_sleep(0.01);
SELECT crmlife.ack('first', 'post', :last);
EOS
my %dead;
@clients = map { client("\\set ON_ERROR_STOP on\n" . $posted x 5) } 1 .. 3;
$end = time + 4;
while (time < $end)
{
	sleep 0.3;
	my $pid = $node->safe_psql('postgres', "SELECT pid FROM pg_stat_activity WHERE datname = 'shop' AND backend_type = 'client backend' AND pid <> pg_backend_pid() ORDER BY random() LIMIT 1");
	next unless $pid;
	$node->safe_psql('postgres', "SELECT pg_terminate_backend($pid, 5000)");
	$dead{$pid} = 1;
}
append_to_file($stop, '');
$_->finish for @clients;
wait_for($node, 'shop', "SELECT count(active_pid) FROM crmlife.consumers", '0');
is($node->safe_psql('shop', "SELECT count(*) FROM first_changes l WHERE seq <= (SELECT position FROM crmlife.consumers WHERE stage_table = 'first'::regclass AND consumer = 'post') AND NOT EXISTS (SELECT FROM posted p WHERE p.seq = l.seq)"),
	'0', 'what is acknowledged was done');
cmp_ok($node->safe_psql('shop', "SELECT count(*) FROM posted"), '>', 100, 'and that was something');
my $dead = join ',', 0, keys %dead;
is($node->safe_psql('shop', "SELECT count(*) FROM (SELECT seq, process, row_number() OVER (PARTITION BY seq ORDER BY ctid DESC) AS n FROM posted) p WHERE n > 1 AND process NOT IN ($dead)"),
	'0', 'done twice was only what a process that was killed had not acknowledged');

# ----- the notification -----
my ($in, $out, $err) = ('', '', '');
my $listen = IPC::Run::start([ 'psql', '-X', '-q', '-d', $node->connstr('shop') ], '<', \$in, '>', \$out, '2>', \$err);
# psql prints what it has heard of after the result of a query, before the next
sub heard
{
	my ($expected, $what) = @_;
	$out = '';
	$in .= "SELECT 'hear';\nSELECT 'heard';\n";
	$listen->pump until $out =~ /heard\n\(1 row\)/ || $err =~ /./;
	my %names = map { $_ => 1 } ($out =~ /notification "crmlife_changes" with payload "([^"]*)"/g);
	is(join(' ', sort keys %names), $expected, $what);
}
$node->safe_psql('shop', 'ALTER SYSTEM SET crmlife.worker_enabled = off');
$node->reload;
ok(defined wait_for($node, 'postgres', "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'crmlife worker'", '0', 10), 'no worker');
$node->safe_psql('shop', 'SELECT crmlife.refresh(stage_table) FROM crmlife.stage_table');
$in .= "LISTEN crmlife_changes;\n";
heard('', 'nothing yet');
$node->safe_psql('shop', "SELECT crmlife.refresh(stage_table) FROM crmlife.stage_table");
heard('', 'nor of a refresh that finds no change');
$node->safe_psql('shop', "INSERT INTO orders (customer_id, paid_at, amount) VALUES (1000, now(), 1); BEGIN; SELECT crmlife.refresh('first'); ROLLBACK");
heard('', 'nor of one that is rolled back');
$node->safe_psql('shop', "SELECT crmlife.refresh('first'); SELECT crmlife.refresh('second')");
heard('public.first public.second', 'each stage table that has changes is told');
$node->safe_psql('shop', "BEGIN; INSERT INTO orders (customer_id, paid_at, amount) VALUES (1001, now(), 1); SELECT crmlife.refresh('first'); PREPARE TRANSACTION 'p'");
$node->safe_psql('shop', "COMMIT PREPARED 'p'");
heard('', 'a refresh in two phases tells nobody');
$node->safe_psql('shop', 'ALTER SYSTEM RESET crmlife.worker_enabled');
$node->reload;
$node->safe_psql('shop', "INSERT INTO orders (customer_id, paid_at, amount) VALUES (1002, now(), 1)");
ok(defined wait_for($node, 'shop', 'SELECT (SELECT count(*) FROM first WHERE customer_id = 1002) + (SELECT count(*) FROM second WHERE customer_id = 1002)', '2'), 'the worker refreshes');
wait_for($node, 'shop', "SELECT string_agg(DISTINCT state, ',') FROM crmlife.status", 'ok', 10);
heard('public.first public.second', 'and tells');
$in .= "\\q\n";
$listen->finish;

# what has been read only can be
$node->safe_psql('shop', "BEGIN; INSERT INTO orders (customer_id, paid_at, amount) VALUES (1003, now(), 1); SELECT crmlife.changes_since('first', 'post'); PREPARE TRANSACTION 'r'");
$node->safe_psql('shop', "COMMIT PREPARED 'r'");
is($node->safe_psql('shop', 'SELECT count(*) FROM orders WHERE customer_id = 1003'), '1', 'who has read changes can prepare');

# an acknowledgement cannot be prepared: the consumer would be free before it counts
my ($code, $output, $error) = $node->psql('shop', "BEGIN; SELECT crmlife.ack('first', 'post', (SELECT max(seq) FROM first_changes)); PREPARE TRANSACTION 'a'");
like($error, qr/cannot PREPARE a transaction that has acknowledged changes/, 'not in two phases');
my $next = q((SELECT min(l.seq) FROM first_changes l, crmlife.consumers c WHERE c.stage_table = 'first'::regclass AND c.consumer = 'post' AND l.seq > c.position));
($code, $output, $error) = $node->psql('shop', "BEGIN; SELECT count(*) > 1 FROM crmlife.changes_since('first', 'post'); SELECT crmlife.ack('first', 'post', $next); PREPARE TRANSACTION 'a'");
like($output, qr/^t\n\d+/, 'some of those given are acknowledged');
like($error, qr/cannot PREPARE a transaction that has acknowledged changes/, '... not in two phases either');
$node->stop;
done_testing();
