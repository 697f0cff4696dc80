# What is seen of runs: while they are under way, when they are over, in the
# server log; with the library preloaded and without.  And the page that lists
# the settings.
use strict;
use warnings;
use FindBin;
use lib $FindBin::RealBin;
use PostgreSQL::Test::Utils;
use Shop;
use IPC::Run;
use Test::More;
use Time::HiRes qw(sleep);

# a session of its own that goes on
sub session
{
	my ($node) = @_;
	my $s = { in => '', out => '', err => '' };
	$s->{run} = IPC::Run::start([ 'psql', '-X', '-q', '-At', '-d', $node->connstr('shop') ], '<', \$s->{in}, '>', \$s->{out}, '2>', \$s->{err});
	return $s;
}

sub say_to { my ($s, $sql) = @_; $s->{in} .= "$sql\n"; eval { $s->{run}->pump_nb for 1 .. 5 }; }

for my $preload (1, 0)
{
	my $how = $preload ? 'preloaded' : 'loaded late';
	my $node = new_server("progress$preload", $preload);
	$node->append_conf('postgresql.conf', "crmlife.worker_enabled = off\ncrmlife.log_min_duration = 0");
	$node->restart;
	open_shop($node, 'shop');
	# a row waits for the gate while it is read (amount) or written (trigger)
	$node->safe_psql('shop', <<'EOS');
CREATE FUNCTION gate(numeric) RETURNS numeric LANGUAGE plpgsql IMMUTABLE AS
$$ BEGIN IF $1 = 399 THEN PERFORM pg_advisory_xact_lock_shared(1); END IF; RETURN $1; END $$;
ANALYZE orders;
CREATE ROLE mallory; CREATE ROLE reader; CREATE ROLE owner LOGIN;
GRANT CREATE ON SCHEMA public TO owner; ALTER TABLE orders OWNER TO owner;
EOS
	my $gate = session($node);
	my $runner = session($node);
	my $progress = q(SELECT phase, rows_done, rows_expected, customers_done, customers_expected FROM crmlife.progress WHERE pid <> pg_backend_pid() AND running > '0');
	is($node->safe_psql('shop', $progress), '', "$how: nothing runs");

	# creating, in a transaction nobody else sees
	say_to($gate, 'SELECT pg_advisory_lock(1);');
	wait_for($node, 'shop', "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND granted", '1');
	say_to($runner, "SET ROLE owner; SELECT crmlife.create_stage_table('stages', 'orders', 'customer_id', 'paid_at', 'gate(amount)');");
	ok(defined wait_for($node, 'shop', $progress, 'reading rows|0|400|0|'), "$how: a table being created");
	is($node->safe_psql('shop', "SET ROLE mallory; SELECT (SELECT count(*) FROM crmlife.progress) + count(*) FROM crmlife._progress()"), '0', "$how: ... not for everybody");
	say_to($gate, 'SELECT pg_advisory_unlock(1);');
	ok(defined wait_for($node, 'shop', $progress, ''), "$how: done");
	ok(defined wait_for($node, 'shop', 'SELECT count(*) FROM stages', '50'), "$how: it is there");
	$node->safe_psql('shop', 'ANALYZE stages; GRANT SELECT ON stages TO reader');

	# everybody, and some
	for my $case ([ q(SELECT crmlife.refresh('stages', "full" => true);), 'reading rows|0|450|0|50' ],
		[ q(UPDATE orders SET bonus = 1 WHERE customer_id IN (49, 7); SELECT crmlife.refresh('stages');), 'reading rows|0||0|2' ])
	{
		say_to($gate, 'SELECT pg_advisory_lock(1);');
		wait_for($node, 'shop', "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND granted", '1');
		say_to($runner, $case->[0]);
		ok(defined wait_for($node, 'shop', $progress, $case->[1]), "$how: $case->[0]");
		is($node->safe_psql('shop', "SET ROLE reader; SELECT count(*) FROM crmlife.progress WHERE stage_table = 'stages'::regclass"), '1', "$how: ... who may read the table sees it");
		is($node->safe_psql('shop', "SET ROLE mallory; SELECT (SELECT count(*) FROM crmlife.progress) + count(*) FROM crmlife._progress()"), '0', "$how: ... who may not does not");
		is($node->safe_psql('postgres', 'CREATE EXTENSION IF NOT EXISTS crmlife; SELECT count(*) FROM crmlife.progress'), '0', "$how: ... nor another database");
		say_to($gate, 'SELECT pg_advisory_unlock(1);');
		ok(defined wait_for($node, 'shop', $progress, ''), "$how: done");
	}

	# customer by customer: a trigger holds the writer at a thousand rows
	$node->safe_psql('shop', <<'EOS');
CREATE FUNCTION hold() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_advisory_xact_lock_shared(1); RETURN NULL; END $$;
CREATE TRIGGER hold AFTER INSERT ON stages FOR EACH STATEMENT EXECUTE FUNCTION hold();
INSERT INTO orders (customer_id, paid_at, amount) SELECT 100 + i / 2, now(), 1 FROM generate_series(1, 3000) i;
EOS
	say_to($gate, 'SELECT pg_advisory_lock(1);');
	wait_for($node, 'shop', "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND granted", '1');
	say_to($runner, "SELECT crmlife.refresh('stages');");
	ok(defined wait_for($node, 'shop', "SELECT phase, rows_done > 1000, rows_expected BETWEEN 2000 AND 3000, customers_done, customers_expected FROM crmlife.progress", 'working out customers|t|t|1000|1501'), "$how: customer by customer");

	# whichever way it ends, the row goes
	my $pid = $node->safe_psql('shop', 'SELECT pid FROM crmlife.progress');
	$node->safe_psql('shop', "SELECT pg_cancel_backend($pid)");
	ok(defined wait_for($node, 'shop', $progress, ''), "$how: cancelled, it is not shown any more");
	say_to($runner, "SELECT crmlife.refresh('stages');");
	ok(defined wait_for($node, 'shop', "SELECT phase FROM crmlife.progress", 'working out customers'), "$how: once more");
	$node->safe_psql('shop', "SELECT pg_terminate_backend($pid, 5000)");
	ok(defined wait_for($node, 'shop', $progress, ''), "$how: its session terminated, neither");
	say_to($gate, "SELECT pg_advisory_unlock(1);\n\\q");
	eval { $gate->{run}->finish };
	eval { $runner->{run}->finish };
	$node->safe_psql('shop', "DROP TRIGGER hold ON stages; SELECT crmlife.refresh('stages')");
	is(verified($node, 'shop', 'stages'), 0, "$how: verify");

	# ----- runs that are over -----
	is($node->safe_psql('shop', "SELECT run, step, succeeded, was_full, customers, rows_changed, changes_logged FROM crmlife.runs ORDER BY run"),
		"1|create|t|t|50|50|0\n2|refresh|t|t|50|0|0\n3|refresh|t|f|2|0|0\n4|refresh|t|f|1501|1501|1501", "$how: the runs that were not rolled back");
	$node->safe_psql('shop', "SELECT crmlife.set_threshold('stages', 'active_days', 80); SELECT crmlife.set_timezone('stages', 'Asia/Tokyo')");
	is($node->safe_psql('shop', "SELECT string_agg(step, ' ' ORDER BY run) FROM crmlife.runs WHERE run > 4"), 'model rebuild', "$how: what they were for");
	my $log = slurp_file($node->logfile);
	is(() = $log =~ /LOG:  refreshed stage table public\.stages in \d+ ms: 1501 customers looked at, 1501 rows written, 1501 changes logged$/mg, 1, "$how: a line in the log");
	is(() = $log =~ /LOG:  refreshed stage table/g, 6, "$how: one for each");
	$node->safe_psql('shop', 'ALTER SYSTEM SET crmlife.run_log_size = 3') if $preload;
	$node->append_conf('postgresql.conf', 'crmlife.run_log_size = 3') unless $preload;
	$node->safe_psql('shop', 'ALTER SYSTEM SET crmlife.log_min_duration = 60000') if $preload;
	$node->append_conf('postgresql.conf', 'crmlife.log_min_duration = 60000') unless $preload;
	$node->reload;
	wait_for($node, 'shop', "LOAD 'crmlife'; SHOW crmlife.run_log_size", '3');
	$node->safe_psql('shop', "SELECT crmlife.refresh('stages')") for 1 .. 5;
	# one more of them on a day that is Monday in Tokyo
	is($node->safe_psql('shop', "SELECT count(*), max(run) - min(run), max(run) >= 11 FROM crmlife.runs"), '3|2|t', "$how: so many are kept");
	my $last = $node->safe_psql('shop', "SELECT max(run) FROM crmlife.runs");
	is(() = slurp_file($node->logfile) =~ /LOG:  refreshed stage table/g, 6, "$how: none is as slow as that");
	is($node->safe_psql('shop', "SET ROLE mallory; SELECT count(*) FROM crmlife.runs"), '0', "$how: not for everybody");

	if ($preload)
	{
		# the worker's failures and steps of the schedule; how far behind it is
		$node->safe_psql('shop', 'ALTER SYSTEM SET crmlife.run_log_size = 50');
		$node->safe_psql('shop', "UPDATE crmlife.stage_table SET refresh_every = '200 ms'; ALTER TABLE orders RENAME amount TO price; UPDATE orders SET bonus = 2 WHERE customer_id = 1");
		is($node->safe_psql('shop', "SELECT waiting, lag_rows, lag_seconds > 0 AND lag_seconds < 600 FROM crmlife.status"), '1|1|t', 'one waits, since');
		$node->safe_psql('shop', 'ALTER SYSTEM SET crmlife.worker_enabled = on');
		$node->reload;
		ok(defined wait_for($node, 'shop', "SELECT failures > 1 FROM crmlife.status", 't'), 'the worker fails twice');
		$node->safe_psql('shop', "ALTER TABLE orders RENAME price TO amount");
		ok(defined wait_for($node, 'shop', "SELECT state || ' ' || lag_seconds || ' ' || lag_rows FROM crmlife.status", 'ok 0 0', 20), 'and goes on: nothing waits');
		like($node->safe_psql('shop', "SELECT string_agg(concat_ws(' ', step, succeeded, error), E'\\n' ORDER BY run) FROM crmlife.runs WHERE run > $last"),
			qr/\A(refresh f column "amount" does not exist [^\n]*(\n(HINT|DETAIL)[^\n]*)*\n){2,}refresh t/, 'the failures are kept, and what followed');
		is($node->safe_psql('shop', "SET ROLE reader; SELECT count(*) > 1, count(error) FROM crmlife.runs WHERE NOT succeeded"), 't|0', 'why, only for the owner');
		$log = slurp_file($node->logfile);
		is(() = $log =~ /could not refresh stage table public\.stages/g, 1, 'the log tells the first');
		is(() = $log =~ /LOG:  stage table public\.stages is refreshed again$/mg, 1, 'and the end');
		unlike($log, qr/you don't own a lock/, 'and nothing strange');
		$node->safe_psql('shop', "SELECT crmlife.set_schedule('stages', '1 day', NULL); UPDATE crmlife.stage_cuts SET calibrated_on = calibrated_on - 2; UPDATE orders SET bonus = 3 WHERE customer_id = 2");
		ok(defined wait_for($node, 'shop', "SELECT count(*) FROM crmlife.runs WHERE step = 'calibrate' AND succeeded", '1', 20), 'a step of the schedule');

		# ----- the page -----
		my %documented;
		open my $page, '<', 'doc/settings.md' or die "doc/settings.md: $!";
		while (<$page>)
		{
			my @column = map { s/^\s+|\s+$//gr } split /\|/;
			$documented{$1} = \@column if @column > 6 && $column[1] =~ /^`(crmlife\.\w+)`$/;
		}
		for (split /\n/, $node->safe_psql('shop', "SELECT name, unit, boot_val, min_val, max_val, vartype, context FROM pg_settings WHERE name LIKE 'crmlife.%' ORDER BY 1"))
		{
			my ($name, $unit, $default, $min, $max, $type, $context) = split /\|/, $_, -1;
			my $column = delete $documented{$name} // [];
			my @said = @{$column}[ 3 .. 5 ];
			is("@{[map { $_ // '' } @said]}", join(' ', $default eq '' ? 'empty' : $default, $type eq 'integer' ? ($min, $max) : ('', '')), "$name: default and limits are on the page");
			is($column->[2] // '', $unit, "$name: and its unit") if $unit ne '';
			is($context, $name eq 'crmlife.queue_limit' ? 'superuser' : 'sighup', "$name: read at a reload");
		}
		is(join(' ', keys %documented), '', 'and no others');
	}
	$node->stop;
}
done_testing();
