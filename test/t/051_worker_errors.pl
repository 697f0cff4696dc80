# A stage table that cannot be refreshed says so, backs off, and stops nobody.
use strict;
use warnings;
use FindBin;
use lib $FindBin::RealBin;
use PostgreSQL::Test::Utils;
use Shop;
use Test::More;
use Time::HiRes qw(sleep time);

my $node = new_server('errors', 1);
open_shop($node, 'shop', 'good');
$node->safe_psql('shop', <<EOS);
CREATE TABLE other (LIKE orders);
INSERT INTO other SELECT * FROM orders;
SELECT crmlife.create_stage_table('bad', 'other', 'customer_id', 'paid_at', 'amount + bonus', refresh_every => '1 second');
SELECT crmlife.create_stage_table('last', 'orders', 'customer_id', 'paid_at', 'amount', refresh_every => '1 second');
EOS

sub state_of
{
	my ($column, $table) = @_;
	return "SELECT $column FROM crmlife.status WHERE stage_table = '$table'::regclass";
}

$node->safe_psql('shop', 'ALTER TABLE other DROP COLUMN bonus; INSERT INTO other VALUES (1, 1, now(), 1)');
ok(defined wait_for($node, 'shop', state_of('state', 'bad'), 'failing'), 'a column is gone: failing');
like($node->safe_psql('shop', state_of('last_error', 'bad')), qr/bonus/, 'the error names the column');
like($node->safe_psql('shop', state_of('last_error', 'bad')), qr/SQLSTATE 42/, '... and its SQLSTATE');
ok(defined wait_for($node, 'shop', state_of('failures >= 2', 'bad'), 't'), 'it is tried again');

for my $table ('good', 'last')
{
	my $customer = 100 + length $table;
	$node->safe_psql('shop', "INSERT INTO orders (customer_id, paid_at, amount) VALUES ($customer, now(), 5)");
	my $took = wait_for($node, 'shop', "SELECT count(*) FROM $table WHERE customer_id = $customer", '1');
	cmp_ok($took // 99, '<', 3, "$table goes on");
	is($node->safe_psql('shop', state_of('last_error IS NULL AND failures = 0', $table)), 't', '... without an error');
}

# once in the log, however often it is tried
my $log = slurp_file($node->logfile);
my @complaints = $log =~ /could not refresh stage table/g;
is(scalar @complaints, 1, 'the log tells it once');

# what says "everybody" many times comes to say so once
$node->safe_psql('shop', 'TRUNCATE other') for 1 .. 5;
my $entries = q(SELECT count(*), count(customers), count(new_rows) FROM crmlife.queue WHERE stage_table = 'bad'::regclass);
ok(defined wait_for($node, 'shop', $entries, '1|0|0', 20), 'the queue of a table that fails is folded');

# the wait grows
ok(defined wait_for($node, 'shop', state_of('failures >= 4', 'bad'), 't', 20), 'four failures');
is($node->safe_psql('shop', state_of(q(next_run_at - last_error_at > '6 seconds'), 'bad')), 't', 'the wait grows');

# mended, it recovers: by hand at once, and the worker is back at its pace
$node->safe_psql('shop', 'ALTER TABLE other ADD COLUMN bonus numeric DEFAULT 0');
$node->safe_psql('shop', "SELECT crmlife.refresh('bad')");
is($node->safe_psql('shop', state_of('last_error IS NULL AND failures = 0', 'bad')), 't', 'a refresh by hand clears the error');
$node->safe_psql('shop', 'INSERT INTO other VALUES (1, 777, now(), 1, 1)');
my $took = wait_for($node, 'shop', 'SELECT count(*) FROM bad WHERE customer_id = 777', '1', 20);
cmp_ok($took // 99, '<', 3, 'and the worker does not wait any longer');
is(verified($node, 'shop', 'bad'), 0, 'verify');

# the owner loses a right: an error of the same kind
$node->safe_psql('shop', <<EOS);
CREATE ROLE keeper;
GRANT CREATE ON SCHEMA public TO keeper;
GRANT SELECT, TRIGGER ON orders TO keeper;
SET ROLE keeper;
SELECT crmlife.create_stage_table('kept', 'orders', 'customer_id', 'paid_at', 'amount', refresh_every => '1 second');
RESET ROLE;
REVOKE SELECT ON orders FROM keeper;
INSERT INTO orders (customer_id, paid_at, amount) VALUES (888, now(), 1);
EOS
ok(defined wait_for($node, 'shop', state_of('state', 'kept'), 'failing'), 'it runs as the owner: no right, no refresh');
like($node->safe_psql('shop', state_of('last_error', 'kept')), qr/permission denied.*42501/, '... and says so');

# its zone is no zone any more
$node->safe_psql('shop', <<EOS);
SELECT crmlife.create_stage_table('astray', 'orders', 'customer_id', 'paid_at', 'amount', refresh_every => '1 second');
UPDATE crmlife.stage_table SET timezone = 'Mars/Olympus' WHERE stage_table = 'astray'::regclass;
INSERT INTO orders (customer_id, paid_at, amount) VALUES (889, now(), 1);
EOS
ok(defined wait_for($node, 'shop', q(SELECT last_error ~ 'Mars/Olympus', state FROM crmlife.status WHERE stage_table = 'astray'::regclass), 't|failing'), 'a zone that is gone: failing');
ok(defined wait_for($node, 'shop', 'SELECT count(*) FROM good WHERE customer_id = 889', '1'), '... and it stops nobody');
$node->safe_psql('shop', "UPDATE crmlife.stage_table SET timezone = 'UTC' WHERE stage_table = 'astray'::regclass; SELECT crmlife.drop_stage_table('astray')");

# a lock that is not to be had
$node->safe_psql('shop', q(ALTER SYSTEM SET crmlife.worker_lock_timeout = '300ms'));
$node->reload;
my $locker = $node->background_psql('shop');
$locker->query_safe('BEGIN; LOCK TABLE other; INSERT INTO other VALUES (1, 778, now(), 1, 1)');
$node->safe_psql('shop', "UPDATE crmlife.stage_state SET needs_full = true WHERE stage_table = 'bad'::regclass");
ok(defined wait_for($node, 'shop', state_of('state', 'bad'), 'failing'), 'a lock is not to be had');
like($node->safe_psql('shop', state_of('last_error', 'bad')), qr/lock timeout/, '... and says so');
$locker->query_safe('COMMIT');
$locker->quit;
ok(defined wait_for($node, 'shop', 'SELECT count(*) FROM bad WHERE customer_id = 778', '1', 10), 'it recovers');

# cancelled by hand
$node->safe_psql('shop', 'CREATE FUNCTION slow(numeric) RETURNS numeric LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN PERFORM pg_sleep(30); RETURN $1; END $$');
$node->safe_psql('shop', q(ALTER SYSTEM SET crmlife.worker_statement_timeout = '500ms'));
$node->reload;
$node->safe_psql('shop', <<'EOS');
CREATE TABLE slow_orders AS SELECT * FROM orders WHERE false;
SELECT crmlife.create_stage_table('sleepy', 'slow_orders', 'customer_id', 'paid_at', 'slow(amount)', refresh_every => '1 second');
INSERT INTO slow_orders VALUES (1, 1, now(), 1);
EOS
ok(defined wait_for($node, 'shop', state_of('state', 'sleepy'), 'failing'), 'a run that takes too long is given up');
like($node->safe_psql('shop', state_of('last_error', 'sleepy')), qr/57014/, '... as a cancelled statement');

# dropped behind crmlife's back, and its triggers while somebody writes
$node->safe_psql('shop', q(ALTER SYSTEM SET crmlife.worker_interval = '1s'; ALTER SYSTEM SET log_min_messages = debug1));
$node->reload;
my $writer = $node->background_psql('shop');
$writer->query_safe('BEGIN; INSERT INTO other VALUES (1, 779, now(), 1, 1)');
$node->safe_psql('shop', 'DROP TABLE bad');
my $start = time;
sleep 0.1 until told($node, 'could not clean up after a dropped stage table') || time - $start > 20;
cmp_ok(told($node, 'could not clean up after a dropped stage table: canceling statement due to lock timeout'), '>', 0, 'a source somebody writes to is not waited for');
$writer->query_safe('COMMIT');
$writer->quit;
ok(defined wait_for($node, 'shop', q(SELECT count(*) FROM crmlife.stage_table t WHERE NOT EXISTS (SELECT FROM pg_class WHERE oid = t.stage_table)), '0'),
	'a stage table dropped with DROP TABLE is forgotten');
is($node->safe_psql('shop', q(SELECT count(*) FROM pg_trigger WHERE tgrelid = 'other'::regclass)), '0', '... with its triggers');

$node->stop;
done_testing();
