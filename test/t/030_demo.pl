# The guided tour runs as a user without privileges, shows what it promises,
# and the worker moves a customer within two seconds of an order.
use strict;
use warnings;
use FindBin;
use lib $FindBin::RealBin;
use IPC::Run;
use PostgreSQL::Test::Utils;
use Server;
use Test::More;
use Time::HiRes qw(time usleep);

my $node = Server->new('tour');
$node->init(extra => [ '--locale=C.UTF-8', '--encoding=UTF8' ]);
$node->append_conf('postgresql.conf', "shared_preload_libraries = 'crmlife'\nmax_worker_processes = 16\n");
$node->start;
$node->safe_psql('postgres', 'CREATE ROLE shop LOGIN; CREATE ROLE bi LOGIN IN ROLE pg_read_all_data');

# a database with the generated shop, made as the demo makes it
sub make_shop
{
	my ($database) = @_;
	$node->safe_psql('postgres', "CREATE DATABASE $database OWNER shop");
	$node->safe_psql($database, 'CREATE EXTENSION crmlife; ALTER SCHEMA public OWNER TO shop');
	IPC::Run::run([ 'psql', '-X', '-q', '-v', 'customers=2000', '-d', $node->connstr($database), '-U', 'shop', '-f', 'demo/shop.sql' ])
	  or die 'demo/shop.sql failed';
}

sub tour
{
	my ($database, %variables) = @_;
	my ($printed, $errors) = ('', '');
	ok(IPC::Run::run([ 'psql', '-X', '-q', '-A', '-t', '-d', $node->connstr($database), '-U', 'shop',
			(map { ('-v', "$_=$variables{$_}") } sort keys %variables), '-f', 'demo/tour.sql' ],
		'>', \$printed, '2>', \$errors), "the tour of $database runs to its end") or diag($errors);
	is($errors, '', '... without a complaint');
	return $printed;
}

make_shop('plain');
my $printed = tour('plain', colour => 'false', bar => '#', key => 'order_no', visits => 'true');
unlike($printed, qr/\e/, 'no escape sequences where there is no terminal');
like($printed, qr/^   $_ +[\d,]+ +[\d.]+ %  #+$/m, "a bar for $_") for qw(aftersale active silent sleeping churned prospect);
like($printed, qr/^   important_value +[\d,]+ customers +[\d.]+ % of revenue  #+$/m, 'bars for the segments');
like($printed, qr/^   \d{4}-\d\d +\d+ +[\d.]+ % +[\d.]+ % +[\d.]+ %/m, 'cohorts');
like($printed, qr/s later +aftersale since/, 'the worker moved the customer');
like($printed, qr/in the log +\w+ -> aftersale, cause: event/, '... and logged it');
my ($promised, $moved) = $printed =~ /([\d,]+) customers were said to move, ([\d,]+) did/;
ok($promised, 'customers are about to move');
is($moved, $promised, '... and all of them do, and nobody else');
like($printed, qr/^   [\d,]+ customers, [\d,]+ with an order, [\d.]+ % of them twice or more, refunds netted; [\d.]+ an order; [\d.]+ days to the next, [\d.]+ to the first$/m, 'the overview');
like($printed, qr/^   \Q$_\E +(new|returning) +[\d,]+ +([\d.]+ %|-) /m, "the week of those whose last order is $_ days old") for qw(0-44 45-89 90-139 140-364 365+);
like($printed, qr/^   active +-> silent +[\d,]+$/m, 'who moved last week');
my ($this_week, $next_week) = $printed =~ /^   silent +-> sleeping +([\d,]+) this week +([\d,]+) next week$/m;
is("$this_week $next_week", $node->safe_psql('plain', q(SELECT count(*) FILTER (WHERE changes_on <= current_date + 7) || ' ' || count(*) FILTER (WHERE changes_on > current_date + 7)
	FROM customer_stage WHERE stage = 'silent' AND changes_on <= current_date + 14)), 'who falls asleep this week and next');
is($node->safe_psql('plain', 'SELECT count(*) > 100 FROM crmlife.snapshots', extra_params => [ '-U', 'bi' ]), 't', 'role bi reads the figures');
is($node->safe_psql('plain', q(SELECT count(*) FROM crmlife.verify('customer_stage'))), '0', 'nothing differs afterwards');
is($node->safe_psql('plain', 'SELECT count(*) > 2000 FROM customer_stage', extra_params => [ '-U', 'bi' ]), 't', 'role bi reads it');
isnt($node->psql('plain', 'DELETE FROM customer_stage', extra_params => [ '-U', 'bi' ]), 0, '... and changes nothing');

# how long the worker takes
my @took;
for my $n (1 .. 5)
{
	my $customer = $node->safe_psql('plain', q(SELECT customer_id FROM customer_stage WHERE stage = 'churned' ORDER BY 1 LIMIT 1));
	my $began = time;
	$node->safe_psql('plain', "INSERT INTO orders (order_no, customer_id, paid_at, amount) VALUES ('test-$n', $customer, now(), 10)");
	while (time - $began < 30)
	{
		last if $node->safe_psql('plain', "SELECT stage FROM customer_stage WHERE customer_id = $customer") eq 'aftersale';
		usleep(50_000);
	}
	push @took, time - $began;
}
@took = sort { $a <=> $b } @took;
cmp_ok($took[2], '<', 2, 'a customer is moved within 2 seconds (median of 5)');
diag(sprintf('seconds until the customer is moved: %s', join(' ', map { sprintf('%.1f', $_) } @took)));

make_shop('colourful');
$printed = tour('colourful', colour => 'true', bar => "\xE2\x96\x88", key => 'order_no', visits => 'true');
like($printed, qr/\e\[48;5;\d+;\d+m +[\d.]+ %\e\[0m/, 'the heat map is coloured on a terminal');
like($printed, qr/\xE2\x96\x88{5}|(\xE2\x96\x88){5}/, 'bars are blocks where UTF-8 is');

make_shop('orders_only');
$node->safe_psql('orders_only', 'DROP TABLE visit, member');
$printed = tour('orders_only', colour => 'false', bar => '#', key => '', visits => 'false');
unlike($printed, qr/prospect +[1-9]/, 'with orders alone there are no members without order');
like($printed, qr/s later +aftersale since/, '... and the worker works');

$node->stop;
done_testing();
