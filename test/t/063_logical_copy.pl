# Logical replication: a stage table kept on a subscriber over orders that
# arrive there, and a stage table that is itself published.
use strict;
use warnings;
use FindBin;
use lib $FindBin::RealBin;
use PostgreSQL::Test::Utils;
use Shop;
use Test::More;

my $publisher = new_server('publisher', 0, allows_streaming => 'logical');
my $subscriber = new_server('subscriber', 1, allows_streaming => 'logical');
open_shop($publisher, 'shop', 'stages');
$publisher->safe_psql('shop', 'CREATE PUBLICATION all_of_it FOR TABLE orders, stages');
my $definition = 'CREATE TABLE orders (id serial PRIMARY KEY, customer_id int, paid_at timestamptz, amount numeric, bonus numeric)';
$subscriber->safe_psql('postgres', 'CREATE DATABASE shop');
$subscriber->safe_psql('shop', "CREATE EXTENSION crmlife; $definition");

# the published stage table, as a plain table there
$publisher->command_ok([ 'pg_dump', '-s', '-t', 'stages', '-f', $publisher->basedir . '/stages.sql', 'shop' ], 'pg_dump of the stage table alone');
$subscriber->command_ok([ 'psql', '-Xq', '-v', 'ON_ERROR_STOP=1', '-d', 'shop', '-f', $publisher->basedir . '/stages.sql' ], 'its copy is a plain table');
$subscriber->safe_psql('shop', "CREATE SUBSCRIPTION s CONNECTION \$\$" . $publisher->connstr('shop') . "\$\$ PUBLICATION all_of_it");
$subscriber->wait_for_subscription_sync($publisher, 's');

sub arrived
{
	$publisher->safe_psql('shop', "SELECT crmlife.refresh('stages')");
	$publisher->wait_for_catchup('s');
}
my $rows = q(SELECT md5(string_agg(s::text, E'\n' ORDER BY customer_id)) FROM stages s);
arrived();
is($subscriber->safe_psql('shop', $rows), $publisher->safe_psql('shop', $rows), 'the copy has what the stage table has');
$publisher->safe_psql('shop', <<EOS);
INSERT INTO orders (customer_id, paid_at, amount) VALUES (1001, now(), 5), (2, now(), 5);
DELETE FROM orders WHERE customer_id = 3;
UPDATE orders SET amount = amount + 1 WHERE customer_id = 4;
EOS
arrived();
is($subscriber->safe_psql('shop', $rows), $publisher->safe_psql('shop', $rows), '... and what refreshes make of it');
is($subscriber->safe_psql('shop', q(SELECT count(*) FROM stages WHERE customer_id IN (3, 1001))), '1', '... one came and one went');
is($subscriber->safe_psql('shop', "SELECT lifecycle_stage(history, current_date) FROM stages WHERE customer_id = 1001"), 'aftersale', '... histories can be asked there');

# a stage table of the subscriber's own, over the orders that arrive
$subscriber->safe_psql('shop', <<EOS);
SELECT crmlife.create_stage_table('own', 'orders', 'customer_id', 'paid_at', 'amount', refresh_every => '1 second', capture => 'full');
EOS
is(verified($subscriber, 'shop', 'own'), 0, 'a stage table over a subscribed source');
$publisher->safe_psql('shop', <<EOS);
INSERT INTO orders (customer_id, paid_at, amount) VALUES (1002, now(), 5);
DELETE FROM orders WHERE customer_id = 5;
EOS
$publisher->wait_for_catchup('s');
ok(defined wait_for($subscriber, 'shop', 'SELECT string_agg(customer_id::text, $$,$$) FROM own WHERE customer_id IN (5, 1002)', '1002', 60), '... follows what arrives');
is(verified($subscriber, 'shop', 'own'), 0, '... verify');
is($subscriber->safe_psql('shop', "SELECT capture FROM crmlife.status WHERE stage_table = 'own'::regclass"), 'full', '... and the status says how');

# with triggers, of which none fires for what arrives
my ($code, $out, $err) = $subscriber->psql('shop', "SELECT crmlife.create_stage_table('blind', 'orders', 'customer_id', 'paid_at', 'amount', refresh_every => '1 day')");
is($code, 0, 'a stage table with triggers over a subscribed source');
like($err, qr/WARNING:  changes of public\.orders arrive by a subscription/, '... warns');
$publisher->safe_psql('shop', 'INSERT INTO orders (customer_id, paid_at, amount) VALUES (1003, now(), 5)');
$publisher->wait_for_catchup('s');
for my $time (1, 2)
{
	$subscriber->safe_psql('shop', "SELECT crmlife.refresh('blind')");
	is($subscriber->safe_psql('shop', 'SELECT count(*) FROM blind WHERE customer_id BETWEEN 1003 AND 1004'), $time, "... a refresh looks at everybody, $time");
	is(verified($subscriber, 'shop', 'blind'), 0, '... verify');
	$publisher->safe_psql('shop', 'INSERT INTO orders (customer_id, paid_at, amount) VALUES (1004, now(), 5)');
	$publisher->wait_for_catchup('s');
}

# subscribed to after the stage table was created
$publisher->safe_psql('shop', 'CREATE PUBLICATION without_orders FOR TABLE stages');
$subscriber->safe_psql('shop', 'ALTER SUBSCRIPTION s SET PUBLICATION without_orders');
$subscriber->safe_psql('shop', "SELECT crmlife.refresh('blind')") for 1, 2;
($code, $out, $err) = $subscriber->psql('shop', 'SELECT crmlife.refresh($$blind$$)');
unlike($err, qr/subscription/, '... not without the subscription');
$subscriber->safe_psql('shop', 'ALTER SUBSCRIPTION s SET PUBLICATION all_of_it WITH (copy_data = false)');
# the connection with the other publication would pass over what comes now
$subscriber->safe_psql('shop', 'ALTER SUBSCRIPTION s DISABLE');
ok(defined wait_for($publisher, 'shop', "SELECT count(*) FROM pg_stat_replication WHERE application_name = 's'", '0'), '... it connects anew');
$subscriber->safe_psql('shop', 'ALTER SUBSCRIPTION s ENABLE');
$publisher->safe_psql('shop', 'INSERT INTO orders (customer_id, paid_at, amount) VALUES (1005, now(), 5)');
$publisher->wait_for_catchup('s');
$subscriber->safe_psql('shop', "SELECT crmlife.refresh('blind')");
is($subscriber->safe_psql('shop', 'SELECT count(*) FROM blind WHERE customer_id = 1005'), '1', '... from then on with a later one');
is(verified($subscriber, 'shop', 'blind'), 0, '... verify');

# truncated at the publisher
$publisher->safe_psql('shop', 'TRUNCATE orders');
$publisher->wait_for_catchup('s');
ok(defined wait_for($subscriber, 'shop', 'SELECT count(*) FROM own', '0', 60), '... a truncated source too');

# all tables are published, crmlife's own among them: everything works
$publisher->safe_psql('postgres', 'CREATE DATABASE all_tables');
$publisher->safe_psql('all_tables', <<'EOS');
CREATE EXTENSION crmlife;
CREATE PUBLICATION everything FOR ALL TABLES;
CREATE TABLE orders (id serial PRIMARY KEY, customer_id int, paid_at timestamptz, amount numeric);
INSERT INTO orders (customer_id, paid_at, amount) SELECT i % 50, now() - i * interval '1 day', i FROM generate_series(1, 400) AS i;
SELECT crmlife.create_stage_table('stages', 'orders', 'customer_id', 'paid_at', 'amount');
INSERT INTO orders (customer_id, paid_at, amount) VALUES (1001, now(), 5), (2, now() + interval '3 days', 5);
DELETE FROM orders WHERE customer_id = 3;
SELECT crmlife.refresh('stages');
SELECT crmlife.refresh('stages', now() + interval '40 days');
SELECT crmlife.refresh('stages', "full" => true);
SELECT crmlife.set_threshold('stages', 'active_days', 20);
SELECT crmlife.set_threshold('stages', 'active_days', NULL);
SELECT crmlife.set_model('stages', 'kpi_bands');
SELECT crmlife.calibrate('stages');
SELECT count(*) FROM crmlife.learn('stages');
SELECT crmlife.recount_figures('stages');
SELECT crmlife.add_consumer('stages', 'mail');
SELECT count(*) FROM crmlife.changes_since('stages', 'mail');
SELECT crmlife.ack('stages', 'mail', max(seq)) FROM stages_changes;
SELECT crmlife.keep_changes('stages', '0');
SELECT crmlife.refresh('stages', now() + interval '80 days');
SELECT crmlife.forget_consumer('stages', 'mail');
EOS
is($publisher->safe_psql('all_tables', q(SELECT (SELECT count(*) FROM crmlife.verify('stages')) + (SELECT count(*) FROM crmlife.verify_figures('stages')))), '0', 'where all tables are published, all works');
is($publisher->safe_psql('all_tables', q(DO $$ BEGIN PERFORM crmlife.drop_stage_table('stages'); END $$; SELECT count(*) FROM crmlife.stage_table)), '0', '... to the end');

$subscriber->stop;
$publisher->stop;
done_testing();
