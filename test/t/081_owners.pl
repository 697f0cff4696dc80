# Roles that go while refreshes run: the owner of a stage table, who leaves it
# behind or takes it along; whoever called a refresh; the extension's owner.
use strict;
use warnings;
use FindBin;
use lib $FindBin::RealBin;
use PostgreSQL::Test::Utils;
use Shop;
use Test::More;
use Time::HiRes qw(sleep time);

my $node = new_server('owners', 1);
$node->safe_psql('postgres', 'CREATE ROLE admin SUPERUSER LOGIN; CREATE ROLE keeper LOGIN; CREATE ROLE heir; CREATE ROLE hand SUPERUSER LOGIN');
$node->safe_psql('postgres', 'CREATE DATABASE shop');
$node->safe_psql('shop', <<'EOS');
SET SESSION AUTHORIZATION admin;
CREATE EXTENSION crmlife;
RESET SESSION AUTHORIZATION;
CREATE TABLE orders (id serial PRIMARY KEY, customer_id int, paid_at timestamptz, amount numeric);
CREATE INDEX ON orders (customer_id);
INSERT INTO orders (customer_id, paid_at, amount)
SELECT i % 50, now() - i * interval '1 day', i FROM generate_series(1, 400) AS i;
CREATE TABLE pace (seconds float8); INSERT INTO pace VALUES (0);
CREATE FUNCTION paced(numeric) RETURNS numeric LANGUAGE plpgsql IMMUTABLE AS
$$ BEGIN PERFORM pg_sleep((SELECT max(seconds) FROM public.pace)); RETURN $1; END $$;
GRANT SELECT ON pace TO PUBLIC;
GRANT SELECT, TRIGGER ON orders TO keeper;
CREATE SCHEMA desk; GRANT ALL ON SCHEMA desk TO keeper, heir;
SELECT crmlife.create_stage_table('ours', 'orders', 'customer_id', 'paid_at', 'amount', refresh_every => '1 second');
SET ROLE keeper;
SELECT crmlife.create_stage_table('desk.left_behind', 'orders', 'customer_id', 'paid_at', 'paced(amount)', refresh_every => '1 second');
SELECT crmlife.create_stage_table('desk.taken_along', 'orders', 'customer_id', 'paid_at', 'amount', refresh_every => '1 second');
EOS

sub state_of
{
	my ($column, $table) = @_;
	return "SELECT $column FROM crmlife.status WHERE stage_table = to_regclass('$table')";
}
my $customer = 1000;

sub order
{
	$customer++;
	$node->safe_psql('shop', "INSERT INTO orders (customer_id, paid_at, amount) VALUES ($customer, now(), 5)");
}

sub has_customer
{
	my ($table, $what) = @_;
	ok(defined wait_for($node, 'shop', "SELECT count(*) FROM $table WHERE customer_id = $customer", '1', 60), $what);
}

# ----- the owner goes, in the middle of a refresh of his table -----
$node->safe_psql('shop', 'UPDATE pace SET seconds = 3');
order();
ok(defined wait_for($node, 'shop', state_of('state', 'desk.left_behind'), 'running', 60), 'a refresh is running');
$node->safe_psql('shop', 'ALTER TABLE desk.left_behind OWNER TO heir; ALTER TABLE desk.left_behind_changes OWNER TO heir');
$node->safe_psql('shop', 'DROP OWNED BY keeper; DROP ROLE keeper; UPDATE pace SET seconds = 0');
has_customer('ours', 'the other table goes on');
is($node->safe_psql('shop', "SELECT to_regclass('desk.taken_along') IS NULL"), 't', 'what the owner took along is gone');
ok(defined wait_for($node, 'shop', 'SELECT count(*) FROM crmlife.stage_table', '2', 60), '... and forgotten');

# the heir may not read the orders
order();
ok(defined wait_for($node, 'shop', state_of('state', 'desk.left_behind'), 'failing', 60), 'a new owner without rights: failing');
like($node->safe_psql('shop', state_of('last_error', 'desk.left_behind')), qr/permission denied.*42501/s, '... and says why');
is($node->safe_psql('shop', state_of('owner', 'desk.left_behind')), 'heir', '... and whose it is');
ok(defined wait_for($node, 'shop', state_of('failures >= 2', 'desk.left_behind'), 't', 60), '... it is tried again');
$node->safe_psql('shop', 'GRANT SELECT, TRIGGER ON orders TO heir');
has_customer('desk.left_behind', '... granted, it goes on');
is(verified($node, 'shop', 'desk.left_behind'), 0, '... verify');
is(told($node, 'could not refresh stage table desk.left_behind: permission denied'), 1, '... the log told it once');

# ----- whoever called a refresh goes, in the middle of it -----
$node->safe_psql('postgres', 'ALTER SYSTEM SET crmlife.worker_enabled = off');
$node->reload;
ok(defined wait_for($node, 'postgres', "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'crmlife worker'", '0', 60), 'no worker');
order();
$node->safe_psql('shop', 'UPDATE pace SET seconds = 2');
my $caller = $node->background_psql('shop', extra_params => [ '-U', 'hand' ]);
$caller->query_until(qr/begun/, "\\echo begun\nSELECT crmlife.refresh('desk.left_behind');\n");
ok(defined wait_for($node, 'shop', state_of('state', 'desk.left_behind'), 'running', 60), 'a refresh by hand is running');
$node->safe_psql('postgres', 'DROP ROLE hand');
$node->safe_psql('shop', 'UPDATE pace SET seconds = 0');
has_customer('desk.left_behind', 'its caller is dropped, and it ends well');
$caller->quit;
is(verified($node, 'shop', 'desk.left_behind'), 0, '... verify');

# ----- the extension's owner goes -----
$node->safe_psql('postgres', 'ALTER SYSTEM RESET crmlife.worker_enabled');
$node->reload;
$node->safe_psql('shop', 'REASSIGN OWNED BY admin TO postgres; DROP OWNED BY admin');
$node->safe_psql('postgres', 'DROP ROLE admin');
order();
has_customer($_, "the extension has another owner: $_ goes on") for 'ours', 'desk.left_behind';
is(verified($node, 'shop', $_), 0, '... verify') for 'ours', 'desk.left_behind';
is($node->safe_psql('shop', 'SELECT count(*) FROM crmlife.status WHERE failures > 0'), '0', 'no failure is left');

$node->stop;
done_testing();
