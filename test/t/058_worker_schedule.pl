# Cuts and thresholds that the worker takes anew at intervals, and the figures of
# weeks that are over; a step that fails leaves the refresh standing.
use strict;
use warnings;
use FindBin;
use lib $FindBin::RealBin;
use PostgreSQL::Test::Utils;
use Shop;
use Test::More;

my $node = new_server('schedule', 1);
open_shop($node, 'shop', 'due', 'young', 'asked');
$node->safe_psql('shop', <<EOS);
INSERT INTO orders (customer_id, paid_at, amount)
SELECT i % 300, now() - (i * 37 % 400) * interval '1 day', 10 + i % 90 FROM generate_series(1, 4000) AS i;
SELECT crmlife.set_schedule('asked', NULL, NULL);
EOS

sub value_of
{
	my ($column, $from, $table) = @_;
	return "SELECT $column FROM crmlife.$from WHERE stage_table = '$table'::regclass";
}
for my $table ('due', 'young', 'asked')
{
	ok(defined wait_for($node, 'shop', "SELECT sum(orders) FROM $table", '4400'), "$table is fresh");
}
is($node->safe_psql('shop', value_of('count(*)', 'learned_threshold', 'due')), '0', 'nothing is learned unless asked for');

# a month is over for two of the tables, and one is to learn
my $old = $node->safe_psql('shop', value_of('monetary_cuts', 'stage_cuts', 'due'));
$node->safe_psql('shop', <<EOS);
UPDATE crmlife.stage_cuts SET calibrated_on = calibrated_on - 40 WHERE stage_table IN ('due'::regclass, 'asked'::regclass);
SELECT crmlife.set_schedule('due', '1 month', '1 month');
INSERT INTO orders (customer_id, paid_at, amount) VALUES (1, now(), 1);
EOS
ok(defined wait_for($node, 'shop', value_of('calibrated_on = current_date', 'stage_cuts', 'due'), 't'), 'cuts are taken anew when a month is over');
isnt($node->safe_psql('shop', value_of('monetary_cuts', 'stage_cuts', 'due')), $old, '... of the orders as they are now');
ok(defined wait_for($node, 'shop', value_of('count(*)', 'learned_threshold', 'due'), '9'), 'thresholds are learned');
is($node->safe_psql('shop', value_of('bool_and(learned_on = current_date)', 'learned_threshold', 'due')), 't', '... as of today');
is($node->safe_psql('shop', value_of('calibrated_on = current_date - 40', 'stage_cuts', 'asked')), 't', 'not where it is switched off');
is($node->safe_psql('shop', value_of('count(*)', 'learned_threshold', 'young')), '0', 'nor where it was not switched on');
is(verified($node, 'shop', 'due'), 0, 'verify');

# the same day again: not due
my $at = $node->safe_psql('shop', value_of('max(learned_at)', 'learned_threshold', 'due'));
$node->safe_psql('shop', 'INSERT INTO orders (customer_id, paid_at, amount) VALUES (2, now(), 1)');
ok(defined wait_for($node, 'shop', 'SELECT sum(orders) FROM due', '4402'), 'another refresh');
is($node->safe_psql('shop', value_of('max(learned_at)', 'learned_threshold', 'due')), $at, 'learns once in its interval');

# a week is over: its figures are counted after the refresh, once
my $monday = "date_trunc('week', current_date)::date";
my $weeks = "SELECT count(DISTINCT week) FROM crmlife.weekly_flow WHERE stage_table = 'due'::regclass AND week = $monday - 7";
is($node->safe_psql('shop', $weeks), '1', 'the week that is over has figures');
$node->safe_psql('shop', <<EOS);
DELETE FROM crmlife.weekly_flow WHERE stage_table = 'due'::regclass AND week >= $monday - 7;
UPDATE crmlife.figures_state SET weeks = weeks - 7 WHERE stage_table = 'due'::regclass;
INSERT INTO orders (customer_id, paid_at, amount) VALUES (2, now(), 1);
EOS
ok(defined wait_for($node, 'shop', value_of("weeks = $monday", 'figures_state', 'due'), 't'), 'a week that has none is counted');
is($node->safe_psql('shop', $weeks), '1', '... and has them again');
is($node->safe_psql('shop', "SELECT count(*) FROM crmlife.verify_figures('due')"), '0', 'all adds up');
my $rows = "(SELECT count(*) FROM crmlife.weekly_band WHERE stage_table = 'due'::regclass) + (SELECT count(*) FROM crmlife.weekly_stage WHERE stage_table = 'due'::regclass AND week >= $monday - 7)"
  . " + (SELECT count(*) FROM crmlife.weekly_flow WHERE stage_table = 'due'::regclass AND week >= $monday - 7)";
is($node->safe_psql('shop', "SELECT step, succeeded, was_full, customers = (SELECT count(*) FROM due), rows_changed = $rows, rows_changed > 100, duration > '0', error IS NULL"
		. " FROM crmlife.runs WHERE stage_table = 'due'::regclass ORDER BY run DESC LIMIT 1"), 'weeks|t|t|t|t|t|t|t', 'the run log tells of it');
is($node->safe_psql('shop', value_of(q(string_agg(step, ' ' ORDER BY step)), 'runs', 'due') . q( AND step IN ('weeks', 'calibrate', 'learn'))), 'calibrate learn weeks', '... as of the other steps');
$node->safe_psql('shop', <<EOS);
UPDATE crmlife.figures_state SET weeks = weeks - 7 WHERE stage_table = 'asked'::regclass;
BEGIN;
SELECT crmlife.refresh('asked');
SELECT crmlife.refresh('asked');
COMMIT;
EOS
is($node->safe_psql('shop', value_of('count(*)', 'runs', 'asked') . q( AND step = 'weeks')), '1', 'and of weeks counted by crmlife.refresh, once');

# a step that fails: told, tried on the next day, and the refresh stands
$node->safe_psql('shop', <<EOS);
ALTER TABLE crmlife.learned_threshold ADD CONSTRAINT no_more CHECK (learned_on IS NULL) NOT VALID;
UPDATE crmlife.stage_state SET learned_on = learned_on - 40 WHERE stage_table = 'due'::regclass::oid;
INSERT INTO orders (customer_id, paid_at, amount) VALUES (3, now(), 1);
EOS
ok(defined wait_for($node, 'shop', value_of(q(schedule_error ~ 'no_more'), 'status', 'due'), 't'), 'what stopped it is in the status');
is($node->safe_psql('shop', value_of('failures = 0 AND last_error IS NULL', 'status', 'due')), 't', 'the refresh has not failed');
is($node->safe_psql('shop', 'SELECT sum(orders) FROM due'), '4404', '... and what it brought is there');
$node->safe_psql('shop', 'INSERT INTO orders (customer_id, paid_at, amount) VALUES (4, now(), 1)');
ok(defined wait_for($node, 'shop', 'SELECT sum(orders) FROM due', '4405'), 'refreshes go on');
my $complaints = () = slurp_file($node->logfile) =~ /could not learn from stage table/g;
is($complaints, 1, 'it is not tried again on that day');
$node->safe_psql('shop', <<EOS);
ALTER TABLE crmlife.learned_threshold DROP CONSTRAINT no_more;
UPDATE crmlife.schedule_error SET failed_on = failed_on - 1 WHERE stage_table = 'due'::regclass::oid;
INSERT INTO orders (customer_id, paid_at, amount) VALUES (5, now(), 1);
EOS
ok(defined wait_for($node, 'shop', value_of('schedule_error IS NULL', 'status', 'due'), 't'), 'on the next day it is');
is($node->safe_psql('shop', "SELECT learned_on = current_date FROM crmlife.stage_state WHERE stage_table = 'due'::regclass::oid"), 't', '... and done');

# each step stands for itself: the first and the last of them fail, one by one
my $from = -s $node->logfile;
my $run = $node->safe_psql('shop', value_of('max(run)', 'runs', 'due'));
$node->safe_psql('shop', <<EOS);
BEGIN;
ALTER TABLE crmlife.weekly_band ADD CONSTRAINT no_week CHECK (week IS NULL) NOT VALID;
UPDATE crmlife.figures_state SET weeks = weeks - 7 WHERE stage_table = 'due'::regclass;
UPDATE crmlife.stage_cuts SET calibrated_on = calibrated_on - 40 WHERE stage_table = 'due'::regclass;
UPDATE crmlife.stage_state SET learned_on = learned_on - 40 WHERE stage_table = 'due'::regclass::oid;
INSERT INTO orders (customer_id, paid_at, amount) VALUES (6, now(), 1);
COMMIT;
EOS
ok(defined wait_for($node, 'shop', "SELECT learned_on = current_date FROM crmlife.stage_state WHERE stage_table = 'due'::regclass::oid", 't'), 'the weeks fail, and thresholds are learned');
is($node->safe_psql('shop', value_of('calibrated_on = current_date', 'stage_cuts', 'due')), 't', '... and cuts taken');
like($node->safe_psql('shop', value_of('schedule_error', 'status', 'due')), qr/\Aweeks: .*no_week.*SQLSTATE 23514/, 'the status says what failed');
is($node->safe_psql('shop', value_of(q(string_agg(step || succeeded, ' ' ORDER BY run)), 'runs', 'due') . " AND run > $run AND step IN ('weeks', 'calibrate', 'learn')"),
	'weeksfalse calibratetrue learntrue', 'the run log too');
$node->safe_psql('shop', <<EOS);
BEGIN;
ALTER TABLE crmlife.learned_threshold ADD CONSTRAINT no_more CHECK (learned_on IS NULL) NOT VALID;
UPDATE crmlife.stage_state SET learned_on = learned_on - 40 WHERE stage_table = 'due'::regclass::oid;
INSERT INTO orders (customer_id, paid_at, amount) VALUES (7, now(), 1);
COMMIT;
EOS
ok(defined wait_for($node, 'shop', value_of(q(schedule_error ~ 'weeks: [^\n]*no_week' AND schedule_error ~ 'learn: [^\n]*no_more'), 'status', 'due'), 't'), 'another fails on the same day: both are told');
is(told($node, 'could not count the weeks of stage table', $from) . told($node, 'could not learn from stage table', $from), '11', 'each once in the log');
$node->safe_psql('shop', <<EOS);
BEGIN;
ALTER TABLE crmlife.weekly_band DROP CONSTRAINT no_week;
UPDATE crmlife.schedule_error SET failed_on = failed_on - 1 WHERE stage_table = 'due'::regclass::oid;
INSERT INTO orders (customer_id, paid_at, amount) VALUES (8, now(), 1);
COMMIT;
EOS
ok(defined wait_for($node, 'shop', value_of(q(schedule_error !~ 'weeks:' AND schedule_error ~ 'learn:'), 'status', 'due'), 't'), 'one is mended, and the other is still told');
$node->safe_psql('shop', "ALTER TABLE crmlife.learned_threshold DROP CONSTRAINT no_more; SELECT crmlife.learn('due')");
is($node->safe_psql('shop', value_of('schedule_error IS NULL', 'status', 'due')), 't', 'who learns by hand has mended it');

# a step that takes too long is given up, and the refresh stands
$node->safe_psql('shop', <<EOS);
ALTER TABLE crmlife.learned_threshold ADD CONSTRAINT slow CHECK (pg_sleep(30) IS NOT NULL) NOT VALID;
ALTER SYSTEM SET crmlife.worker_statement_timeout = '2s';
EOS
$node->reload;
$node->safe_psql('shop', <<EOS);
BEGIN;
UPDATE crmlife.stage_state SET learned_on = learned_on - 40 WHERE stage_table = 'due'::regclass::oid;
INSERT INTO orders (customer_id, paid_at, amount) VALUES (9, now(), 1);
COMMIT;
EOS
ok(defined wait_for($node, 'shop', value_of(q(schedule_error ~ 'learn: [^\n]*statement timeout[^\n]*57014'), 'status', 'due'), 't'), 'a step that takes too long is given up');
is($node->safe_psql('shop', value_of('failures = 0 AND last_error IS NULL', 'status', 'due')), 't', '... the refresh has not failed');
$node->safe_psql('shop', 'ALTER TABLE crmlife.learned_threshold DROP CONSTRAINT slow; ALTER SYSTEM RESET crmlife.worker_statement_timeout');
$node->reload;

# what was learned by a method and settings of one's choice is learned by these again
my $lessons = "SELECT string_agg(concat_ws(' ', threshold, method, value, customers, chosen, min_eligible, smoothing), ', ' ORDER BY threshold, method)"
  . " FROM crmlife.learned_threshold WHERE stage_table = 'young'::regclass AND segment = ''";
my $by_hand = $node->safe_psql('shop', "SELECT count(*) FROM crmlife.learn('young', 'smartpush', 7, 5); $lessons");
like($by_hand, qr/active_period smartpush \S+ \d+ t 7 5/, 'learned by smartpush');
$node->safe_psql('shop', <<EOS);
DELETE FROM crmlife.learned_threshold WHERE stage_table = 'young'::regclass AND NOT (segment = '' AND threshold = 'active_period' AND chosen);
UPDATE crmlife.learned_threshold SET value = value + 1 WHERE stage_table = 'young'::regclass;
SELECT crmlife.set_schedule('young', NULL, '1 month');
UPDATE crmlife.stage_state SET learned_on = learned_on - 40 WHERE stage_table = 'young'::regclass::oid;
UPDATE orders SET amount = amount WHERE customer_id = 1;
EOS
ok(defined wait_for($node, 'shop', "SELECT learned_on = current_date FROM crmlife.stage_state WHERE stage_table = 'young'::regclass::oid", 't'), 'and again on its schedule');
is("9\n" . $node->safe_psql('shop', $lessons), $by_hand, '... by the same method and settings, to the same thresholds');

# at the end of time nothing is due, and nobody else waits
$node->safe_psql('shop', <<EOS);
SELECT crmlife.set_schedule('asked', '1000 years', '1000 years');
SELECT crmlife.refresh('asked', '294276-12-30', true), crmlife.calibrate('asked');
UPDATE crmlife.stage_state SET learned_on = '294276-12-30' WHERE stage_table = 'asked'::regclass::oid;
INSERT INTO orders (customer_id, paid_at, amount) VALUES (8, now(), 1);
EOS
my $crashes = () = slurp_file($node->logfile) =~ /crmlife worker.* exited with exit code 1/g;
my $sum = $node->safe_psql('shop', 'SELECT count(*) FROM orders');
ok(defined wait_for($node, 'shop', 'SELECT sum(orders) FROM asked', $sum), 'a table at the end of time is refreshed');
ok(defined wait_for($node, 'shop', 'SELECT sum(orders) FROM due', $sum), '... and so are the others');
$node->safe_psql('shop', 'INSERT INTO orders (customer_id, paid_at, amount) VALUES (9, now(), 1)');
ok(defined wait_for($node, 'shop', 'SELECT sum(orders) FROM due', $sum + 1), '... once more');
is($node->safe_psql('shop', value_of(q(state || coalesce(schedule_error, last_error, '.')), 'status', 'asked')), 'ok.', 'it has no error');
my $then = () = slurp_file($node->logfile) =~ /crmlife worker.* exited with exit code 1/g;
is($then, $crashes, 'and the worker goes on');

is($node->safe_psql('shop', "SELECT count(*) FROM crmlife.verify_figures('due')"), '0', 'all adds up');
is(verified($node, 'shop', 'due') + verified($node, 'shop', 'young'), 0, 'verify');

$node->stop;
done_testing();
