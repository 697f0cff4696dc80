# What the demo runs on: the generated shop is believable and the same every
# time, and a user's own CSV is read, or refused with words that help.
use strict;
use warnings;
use FindBin;
use lib $FindBin::RealBin;
use IPC::Run;
use PostgreSQL::Test::Utils;
use Server;
use Test::More;

my $node = Server->new('demo');
$node->init(extra => [ '--locale=C.UTF-8', '--encoding=UTF8' ]);
$node->append_conf('postgresql.conf', "timezone = 'Europe/Paris'\n");
$node->start;

# ---- the shop

my @digests;
for my $database (qw(shop_a shop_b))
{
	$node->safe_psql('postgres', "CREATE DATABASE $database");
	# another plan, another order of rows: the same shop
	my $options = $database eq 'shop_a' ? '' : '-c enable_hashjoin=off -c enable_hashagg=off -c work_mem=64kB';
	local $ENV{PGOPTIONS} = $options;
	my $run = [ 'psql', '-X', '-q', '-v', 'customers=2000', '-d', $node->connstr($database), '-f', 'demo/shop.sql' ];
	ok(IPC::Run::run($run), "$database is generated");
	push @digests, $node->safe_psql($database,
		q(SELECT md5(string_agg(o::text, ',' ORDER BY id)) FROM orders o;
		  SELECT md5(string_agg(m::text, ',' ORDER BY customer_id)) FROM member m;
		  SELECT md5(string_agg(v::text, ',' ORDER BY customer_id, visited_at)) FROM visit v));
}
is($digests[1], $digests[0], 'the same shop both times');
my @facts = (
	[ 'nothing in it is of today or later',
		'SELECT NOT EXISTS (SELECT FROM orders WHERE paid_at >= current_date)
		 AND NOT EXISTS (SELECT FROM visit WHERE visited_at >= current_date)
		 AND NOT EXISTS (SELECT FROM member WHERE registered_at >= current_date)' ],
	[ 'every refund belongs to an order of the same customer and takes back no more than it was',
		'SELECT count(*) > 20 AND bool_and(r.customer_id = o.customer_id AND r.paid_at > o.paid_at AND -r.amount <= o.amount)
		 FROM orders r LEFT JOIN orders o ON o.order_no = r.order_no AND o.amount >= 0 WHERE r.amount < 0' ],
	[ 'it has members who never bought',
		'SELECT count(*) > 100 FROM member WHERE customer_id NOT IN (SELECT customer_id FROM orders)' ],
	[ 'between 40 and 60 of 100 customers bought once',
		'SELECT avg((n = 1)::int) BETWEEN 0.4 AND 0.6 FROM (SELECT count(*) AS n FROM orders WHERE amount >= 0 GROUP BY customer_id) AS c' ],
	[ 'every age of the last order is there',
		'SELECT count(DISTINCT width_bucket(current_date - last, ARRAY[7, 90, 140, 365])) = 5
		 FROM (SELECT max(paid_at)::date AS last FROM orders WHERE amount >= 0 GROUP BY customer_id) AS c' ],
	[ 'some came back after half a year',
		q(SELECT count(*) > 50 FROM (SELECT paid_at - lag(paid_at) OVER (PARTITION BY customer_id ORDER BY paid_at) AS gap
		  FROM orders WHERE amount >= 0) AS g WHERE gap > interval '182 days') ]);
is($node->safe_psql('shop_a', $_->[1]), 't', $_->[0]) for @facts;

# ---- own files

# reads a CSV file's text; returns what was said, and the orders
sub read_csv
{
	my ($csv, %told) = @_;
	my $file = "$PostgreSQL::Test::Utils::tmp_check/own.csv";
	open my $out, '>:raw', $file or die $!;
	print $out $csv;
	close $out;
	local @ENV{ keys %told } = values %told;
	my ($sql, $said) = ('', '');
	IPC::Run::run([ 'demo/read-csv', $file ], '>', \$sql, '2>', \$said) or return ($said, '');
	$node->safe_psql('postgres', 'DROP DATABASE IF EXISTS own');
	$node->safe_psql('postgres', 'CREATE DATABASE own');
	open $out, '>:raw', "$file.sql" or die $!;
	print $out $sql;
	close $out;
	my $read = IPC::Run::run([ 'psql', '-X', '-q', '-A', '-t', '-d', $node->connstr('own'),
			'-f', "$file.sql", '-f', 'demo/own-orders.sql' ], '>&', \$said);
	return ($said, '') unless $read;
	return ($said, $node->safe_psql('own',
			q(SELECT pg_typeof(customer_id), pg_typeof(paid_at), order_no, customer_id, paid_at, amount FROM orders ORDER BY id)));
}
my $day = $node->safe_psql('postgres', "SELECT current_date - 3");

my ($said, $orders) = read_csv("customer_id,paid_at,amount\n7,$day 10:00,12.50\n8,$day 11:00:00,-3\n7,$day 12:00,\n");
is($orders, "bigint|timestamp without time zone||7|$day 10:00:00|12.50\n"
	  . "bigint|timestamp without time zone||8|$day 11:00:00|-3\n"
	  . "bigint|timestamp without time zone||7|$day 12:00:00|", 'a plain file is read as it is');
like($said, qr/one row is one order/, '... and told what a row is');

(undef, $orders) = read_csv("\xEF\xBB\xBFKunde;Datum;Summe;Rechnung\r\n\"M\xC3\xBCller; A\";$day;\"1.234,50\";R1\r\n",
	CUSTOMER => 'kunde', ORDERED_AT => 'Datum', AMOUNT => 'summe', ORDER_NO => 'Rechnung');
is($orders, "text|date|R1|M\xC3\xBCller; A|$day|1234.50", 'semicolons, decimal commas, CRLF, a byte-order mark and told columns');

(undef, $orders) = read_csv("Email\tOrder Date\tOrder Total\na\@b.c\t${day}T10:00:00Z\t\$1,234.50\n");
is($orders, "text|timestamp with time zone||a\@b.c|$day " . ($node->safe_psql('postgres', "SELECT ('$day 10:00Z'::timestamptz)::time")) . "+0"
	  . ($node->safe_psql('postgres', "SELECT extract(hour FROM ('$day 10:00Z'::timestamptz)::time) - 10")) . "|1234.50",
	'tabs, a zone, a currency sign and a thousands separator');

($said, $orders) = read_csv("customer,date,amount\n1,1998-06-01,5\n1,1998-06-30,5\n");
like($said, qr/moved forward by \d+ days/, 'old orders are moved, and that is said');
is($node->safe_psql('own', 'SELECT current_date - max(paid_at), max(paid_at) - min(paid_at) FROM orders'), '1|29', '... by whole days, to yesterday');

(undef, $orders) = read_csv("\"Customer ID\", \"Order Date\" ,Total (EUR)\n\n007,31/12/2025 10:00,\"12,50\"\n\n008,01/02/2026 11:00,(3.00)\n009,3/4/2026,1'234.50 CHF\n");
is($orders =~ s{\d{4}-\d\d-\d\d}{DAY}gr, "text|timestamp without time zone||007|DAY 10:00:00|12.50\n"
	  . "text|timestamp without time zone||008|DAY 11:00:00|-3.00\ntext|timestamp without time zone||009|DAY 00:00:00|1234.50",
	'quoted headers, empty lines, leading zeros, amounts as people write them');
is($node->safe_psql('own', q(SELECT string_agg((paid_at::date - first)::text, ' ' ORDER BY id) FROM (SELECT *, min(paid_at::date) OVER () AS first FROM orders) AS o)),
	'0 32 93', '... and the day comes first where one is above 12');

# customer and day of each order, counted from the first
sub days { return $node->safe_psql('own', 'SELECT string_agg((paid_at::date - first)::text, \' \' ORDER BY id) FROM (SELECT *, min(paid_at::date) OVER () AS first FROM orders) AS o') }
my @dates = (
	[ ',', "1/2/2025", "3/1/2025", {}, '0 58', qr{like 1/2/2025 are read month first.*DATES=DMY} ],
	[ ',', "1/2/2025", "3/1/2025", { DATES => 'DMY' }, '0 29', undef ],
	[ ';', "1/2/2025", "3/1/2025", {}, '0 29', qr{read day first.*DATES=MDY} ],
	[ ',', "1.2.2025", "3.1.2025", {}, '0 29', qr{read day first} ],
	[ ',', "1/2/2025", "1/31/2025", {}, '0 29', undef ],
	[ ',', "1735689600", "1735776000123", {}, '0 1', undef ]);
for (@dates)
{
	my ($sign, $one, $two, $told, $apart, $note) = @$_;
	($said, undef) = read_csv(join($sign, qw(customer date amount)) . "\n" . join($sign, 1, $one, 5) . "\n" . join($sign, 2, $two, 5) . "\n", %$told);
	is(days(), $apart, "dates $one and $two, separated by $sign");
	$note ? like($said, $note, '... and the guess is told') : unlike($said, qr/Dates like/, '... without guessing');
}

($said, $orders) = read_csv("name;customer_id;date;amount;note\n\"a\n\n\"\"b\";M\xFCller;$day;1.234,50;\n\"\\.\";x;$day;7;\n");
is($orders, "text|date||M\xC3\xBCller|$day|1234.50\ntext|date||x|$day|7", 'values over several lines, another code page');
like($said, qr/1 lines are not UTF-8/, '... and that is said');

my @refused = (
	[ "", {}, qr/is empty/ ],
	[ "just text\nmore\n", {}, qr/one column only: "just text"/ ],
	[ "a,b,c\n1,2,3\n", {}, qr/no column says who bought.*columns are: a, b, c.*CUSTOMER=/s ],
	[ "customer,b,amount\n1,2,3\n", {}, qr/no column says when.*ORDERED_AT=/s ],
	[ "customer,date,amount\n1,$day,3\n", { AMOUNT => 'total' }, qr/no column "total".*customer, date, amount/s ],
	[ "PK\x03\x04\x00\x00,,\n", {}, qr/not text/ ],
	[ "customer,date,amount\n", {}, qr/no order in the file/ ],
	[ "customer,date,amount\n1,$day,5\n2,31/31/2025,6\n", {}, qr/1 line\(s\) have a time that cannot be read.*line 3: "31\/31\/2025"/s ],
	[ "customer,date,amount\n1,infinity,5\n", {}, qr/a time that cannot be read.*line 2: "infinity"/s ],
	[ "customer,date,amount\n1,$day,NaN\n1,$day,x\n", {}, qr/2 line\(s\) have an amount that cannot be read.*line 2: "NaN".*line 3: "x"/s ],
	[ "customer,date,amount\n1,$day\n", {}, qr{line 2: 2 in place of 3} ],
	[ "customer,date,amount\n1,$day,5\n\\.\n1,$day,6,7\n", {}, qr{line 4: 4 in place of 3} ],
	[ "customer,date,amount\n1,$day,-5\n", {}, qr{every amount is below zero} ],
	[ "customer,date,amount\n1,$day,5\n\"2,$day,5\n3,$day,5\n", {}, qr{line 3 has a quote} ],
	[ "customer,date,amount\r1,$day,5\r", {}, qr{carriage returns} ]);
for (@refused)
{
	my ($csv, $told, $pattern) = @$_;
	($said, $orders) = read_csv($csv, %$told);
	like($said, $pattern, "refused: $pattern");
	is($orders, '', '... and nothing is read');
}
$node->stop;
done_testing();
