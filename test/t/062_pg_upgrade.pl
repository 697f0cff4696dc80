# The cluster as a whole is moved: its directory elsewhere, and pg_upgrade by
# copy and by link.  All that was defined, learned, counted and waiting comes
# along, and after pg_upgrade the first refresh is a full one.
use strict;
use warnings;
use FindBin;
use lib $FindBin::RealBin;
use Server;
use PostgreSQL::Test::Utils;
use File::Copy ();
use Shop;
use Test::More;

my $node = new_server('old', 1);
$node->safe_psql('postgres', 'ALTER SYSTEM SET crmlife.worker_enabled = off');
$node->reload;
open_shop($node, 'shop', 'stages');
$node->safe_psql('shop', <<'EOS');
CREATE TABLE sales (who text, at date, amount int, key text) PARTITION BY RANGE (at);
CREATE TABLE sales_1 PARTITION OF sales DEFAULT;
INSERT INTO sales SELECT 'c' || i % 20, current_date - i * 3, i % 11 - 2, i / 2 FROM generate_series(1, 200) i;
SELECT crmlife.create_stage_table('divided', 'sales', 'who', 'at', 'amount', order_key => 'key',
  model => 'CASE WHEN days_since_order < near THEN ''near'' WHEN orders > 2 THEN ''many'' END WITH (near = 30)', timezone => 'Asia/Shanghai');
SELECT crmlife.set_threshold('divided', 'near', 20);
SELECT count(*) FROM crmlife.learn('divided', 'smartpush', 5, 3);
SELECT crmlife.set_schedule('divided', '2 months', '1 month');
INSERT INTO crmlife.model VALUES ('own', 'kpi_bands');
INSERT INTO crmlife.model_label VALUES ('own', 'churned', 9, 'retain', 'Gone', '流失', 'Let go.');
SELECT crmlife.set_model('stages', (SELECT model FROM crmlife.model WHERE name = 'own'));
SELECT crmlife.refresh('stages', now() + interval '40 days');
SELECT crmlife.refresh('stages', now(), true);
INSERT INTO orders (customer_id, paid_at, amount) VALUES (1001, now(), 5);
EOS

my $kept = <<'EOS';
SELECT to_jsonb(t) FROM crmlife.stage_table t ORDER BY stage_table::text;
SELECT to_jsonb(t) FROM crmlife.stage_cuts t ORDER BY stage_table::text;
SELECT to_jsonb(t) FROM crmlife.threshold_override t;
SELECT to_jsonb(t) FROM crmlife.learned_threshold t ORDER BY stage_table::text, threshold, method;
SELECT stage_table, version, model FROM crmlife.model_version ORDER BY stage_table::text, version;
SELECT * FROM crmlife.model;
SELECT * FROM crmlife.model_label;
SELECT * FROM crmlife.snapshots ORDER BY 1, 2, 3, 4;
SELECT * FROM stages_changes ORDER BY seq;
SELECT * FROM divided_changes ORDER BY seq;
SELECT to_jsonb(s) - 'history' FROM stages s ORDER BY customer_id;
SELECT tgrelid::regclass, tgname, tgenabled FROM pg_trigger WHERE tgname LIKE 'crmlife%' ORDER BY tgrelid::regclass::text, tgname;
SELECT stage_table, state, waiting FROM crmlife.status ORDER BY stage_table::text;
EOS
my $before = $node->safe_psql('shop', $kept);
like($before, qr/near.*own.*Let go/s, 'there is something to take along');

# what was there is there, and goes on
my $customer = 2000;

sub goes_on
{
	my ($server, $what, $full) = @_;
	is($server->safe_psql('shop', $kept), $before, "$what: all is as it was");
	$customer++;
	$server->safe_psql('shop', "INSERT INTO orders (customer_id, paid_at, amount) VALUES ($customer, now(), 5)");
	$server->safe_psql('shop', "INSERT INTO sales_1 VALUES ('c$customer', current_date, 5, 'k$customer')");
	is($server->safe_psql('shop', q(SELECT string_agg(waiting::text, ' ' ORDER BY stage_table::text) FROM crmlife.status)), '1 2', '... changes are captured');
	$server->safe_psql('shop', 'SELECT crmlife.refresh(stage_table) FROM crmlife.stage_table');
	is($server->safe_psql('shop', 'SELECT string_agg(DISTINCT was_full::text, $$,$$) FROM crmlife.status'), $full, '... the first refresh is full: ' . $full);
	is(verified($server, 'shop', $_), 0, "... verify $_") for 'stages', 'divided';
	is(chain_breaks($server, 'shop', 'stages'), 0, '... the change log is one chain');
	$server->safe_psql('shop', 'SELECT crmlife.refresh(stage_table) FROM crmlife.stage_table');
	is($server->safe_psql('shop', 'SELECT bool_or(was_full) FROM crmlife.status'), 'f', '... the second is not');
	$server->safe_psql('postgres', 'ALTER SYSTEM SET crmlife.worker_enabled = on');
	$server->reload;
	$customer++;
	$server->safe_psql('shop', "INSERT INTO orders (customer_id, paid_at, amount) VALUES ($customer, now(), 5)");
	$server->safe_psql('shop', q(UPDATE crmlife.stage_table SET refresh_every = '1 second'));
	ok(defined wait_for($server, 'shop', "SELECT count(*) FROM stages WHERE customer_id = $customer", '1', 60), '... the worker is at work');
}

# ----- the directory is moved -----
$node->stop;
sub copy_of
{
	my ($name) = @_;
	my $copy = Server->new($name);
	system_or_bail('mkdir', '-p', $copy->basedir);
	system_or_bail('cp', '-a', $node->data_dir, $copy->data_dir);
	$copy->append_conf('postgresql.conf', 'port = ' . $copy->port . "\nunix_socket_directories = '" . $copy->host . "'");
	return $copy;
}
my $moved = copy_of('moved');
$moved->start;
goes_on($moved, 'moved', 'false');
$moved->stop;

# ----- pg_upgrade -----
my $bin = $node->config_data('--bindir');
my $version = $node->config_data('--version');
my $here = PostgreSQL::Test::Utils::tempdir();
for my $how ('--copy', '--link')
{
	my ($name) = $how =~ /(\w+)/;
	my $old = copy_of("from_$name");
	my $new = Server->new("to_$name");
	$new->init;
	$new->append_conf('postgresql.conf', "timezone = 'UTC'\nfsync = off\nautovacuum = off\nshared_preload_libraries = 'crmlife'\ncrmlife.worker_enabled = off");
	# older versions copy unless told to link, and know no word for it
	my @how = $how eq '--copy' && $version =~ / 1[56]\b/ ? () : ($how);
	chdir $here or die;
	command_ok([ 'pg_upgrade', '-b', $bin, '-B', $bin, '-d', $old->data_dir, '-D', $new->data_dir,
			'-s', $new->host, '-p', $old->port, '-P', $new->port, @how ], "pg_upgrade $how");
	$new->start;
	goes_on($new, "pg_upgrade $how", 'true');
	is(told($new, 'could not refresh|ERROR'), 0, '... without an error');
	$new->stop;
}
done_testing();
