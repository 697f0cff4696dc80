# Orders on several servers (postgres_fdw): each builds the histories of its own
# customers, and the metric is put around them.  The plans show that only
# histories travel; the answers are those of all rows on one server.
use strict;
use warnings;
use FindBin;
use lib $FindBin::RealBin;
use PostgreSQL::Test::Utils;
use Shop;
use Test::More;

my $node = new_server('shards', 0);
plan skip_all => 'postgres_fdw is not installed here'
  if $node->safe_psql('postgres', "SELECT count(*) FROM pg_available_extensions WHERE name = 'postgres_fdw'") eq '0';

for my $database (qw(shard_0 shard_1 hub))
{
	$node->safe_psql('postgres', "CREATE DATABASE $database");
	$node->safe_psql($database, 'CREATE EXTENSION crmlife');
}
my $columns = '(customer_id bigint NOT NULL, paid_at timestamp, amount numeric, channel text)';
$node->safe_psql($_, "CREATE TABLE orders $columns; CREATE TABLE histories (customer_id bigint, h crmlife.purchase_history)") for qw(shard_0 shard_1);
my ($host, $port) = ($node->host, $node->port);
my $shards = join '', map { <<EOS } 0, 1;
CREATE SERVER shard_$_ FOREIGN DATA WRAPPER postgres_fdw
  OPTIONS (host '$host', port '$port', dbname 'shard_$_', extensions 'crmlife');
CREATE USER MAPPING FOR CURRENT_USER SERVER shard_$_;
CREATE FOREIGN TABLE orders_$_ PARTITION OF orders FOR VALUES WITH (MODULUS 2, REMAINDER $_)
  SERVER shard_$_ OPTIONS (table_name 'orders');
CREATE FOREIGN TABLE histories_$_ (customer_id bigint, h crmlife.purchase_history)
  SERVER shard_$_ OPTIONS (table_name 'histories');
EOS
$node->safe_psql('hub', <<EOS);
CREATE EXTENSION postgres_fdw;
CREATE TABLE orders $columns PARTITION BY HASH (customer_id);
$shards
CREATE TABLE local_orders $columns;
SELECT setseed(0.1);
INSERT INTO local_orders
SELECT (200 * random() * random())::int, timestamp '2024-01-01' + random() * random() * interval '500 days',
  CASE WHEN random() < 0.9 THEN round((random() * 60 - 5)::numeric, 2) END, (ARRAY['web', 'shop', 'app'])[1 + (random() * 2)::int]
FROM generate_series(1, 3000);
INSERT INTO orders SELECT * FROM local_orders;
ALTER DATABASE hub SET enable_partitionwise_aggregate = on;
EOS
$node->safe_psql($_, 'INSERT INTO histories SELECT customer_id, purchase_history(paid_at, amount) FROM orders GROUP BY customer_id') for qw(shard_0 shard_1);
is($node->safe_psql('hub', 'SELECT count(*) > 0, count(DISTINCT tableoid) FROM orders'), 't|2', 'both servers have orders');

my $inner = 'SELECT customer_id, purchase_history(paid_at, amount) AS h FROM orders GROUP BY customer_id';
my $plan = $node->safe_psql('hub', "EXPLAIN (VERBOSE, COSTS off) SELECT retention_curve(h, 30, '2025-01-01') FROM ($inner) c");
my @remote = $plan =~ /Remote SQL: (.*)/g;
is(scalar @remote, 2, 'two servers are asked');
like($_, qr/SELECT customer_id, public\.purchase_history\(paid_at, amount\) FROM public\.orders GROUP BY 1/, 'and build the histories themselves') for @remote;
unlike($plan, qr/Output:.*orders_0\.amount(?!\))/, 'no order travels') or diag($plan);

# the two-step form against the one-step form over all rows at one place
my @metrics = (
	[ "retention_curve(h, 30, '2025-01-01')", "retention_curve(customer_id, paid_at, 30, '2025-01-01') FILTER (WHERE coalesce(amount >= 0, true))" ],
	[ "retention_cohorts(h, 'month', '2025-01-01')", "retention_cohorts(customer_id, paid_at, 'month', '2025-01-01') FILTER (WHERE coalesce(amount >= 0, true))" ],
	[ 'repurchase_stats(h)', 'repurchase_stats(customer_id, amount)' ],
	[ 'arpu(h)', 'arpu(customer_id, amount)' ],
	[ "sales_by_loyalty(h, 'quarter')", "sales_by_loyalty(customer_id, paid_at, amount, 'quarter')" ],
	[ "revenue_cohorts(h, 'quarter', '2025-01-01')", "revenue_cohorts(customer_id, paid_at, amount, 'quarter', '2025-01-01')" ]);
for (@metrics)
{
	my ($two, $one) = @$_;
	my $expected = $node->safe_psql('hub', "SELECT $one FROM local_orders");
	isnt($expected, '', "$one has an answer");
	is($node->safe_psql('hub', "SELECT $two FROM ($inner) c"), $expected, "$two of histories from two servers");
	# histories that are kept there
	is($node->safe_psql('hub', "SELECT $two FROM (TABLE histories_0 UNION ALL TABLE histories_1) c"), $expected, 'and of those they keep');
}

# one foreign table: a metric of a plain type is worked out there too (postgres_fdw
# does not take arrays of an extension's types for the extension's)
$plan = $node->safe_psql('hub', "EXPLAIN (VERBOSE, COSTS off) SELECT retention_nth_day(h, 30, date '2025-01-01'), arpu(h) FROM histories_0");
like($plan, qr/Remote SQL: SELECT public\.retention_nth_day\(h, 30, '2025-01-01'::date\), public\.arpu\(h\) FROM public\.histories/, 'a rate of one server is asked whole');
is($node->safe_psql('hub', "SELECT retention_nth_day(h, 30, date '2025-01-01'), arpu(h) FROM histories_0"),
	$node->safe_psql('shard_0', "SELECT retention_nth_day(h, 30, date '2025-01-01'), arpu(h) FROM histories"), 'and is its own');

# groups by something else than the customer: histories by customer and group
is($node->safe_psql('hub', "SELECT channel, repurchase_rate(h) FROM (SELECT customer_id, channel, purchase_history(paid_at, amount) AS h FROM orders GROUP BY 1, 2) c GROUP BY 1 ORDER BY 1"),
	$node->safe_psql('hub', 'SELECT channel, repurchase_rate(customer_id, amount) FROM local_orders GROUP BY 1 ORDER BY 1'), 'by channel');
$node->stop;
done_testing();
