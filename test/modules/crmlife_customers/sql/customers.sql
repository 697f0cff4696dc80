-- The table of customers against a plain array of states: every kind of key
-- and state, budgets from next to nothing on, states merged in pieces.  And
-- damaged states, which must be refused or mean something else, never more.
\set ECHO none
\pset format unaligned
\pset tuples_only true
SET client_min_messages = warning;
SELECT plan(162);

-- a budget so small that partitions spill again, one that spills, one that does not
SELECT is(totals, expected, format('%s keys, metric %s, n %s, %s customers, budget %s, %s pieces', key, metric, n, customers, budget, pieces))
FROM (VALUES (1, 'bigint'), (2, 'uuid'), (3, 'text')) k (kind, key), (VALUES (1, 0), (2, 0), (3, 7), (3, 63)) m (metric, n),
     (VALUES (40000, 60000, 100000, 1), (30000, 50000, 300000, 4), (30000, 50000, 100000000, 3)) b (customers, rows, budget, pieces),
     LATERAL customers_random(kind, metric, n, customers, rows, budget, pieces, kind * 100 + metric * 10 + pieces, false) r;
-- the budgets are what they are meant to be
SELECT is(spilled, budget < 10000000, format('a budget of %s', budget))
FROM (VALUES (100000), (300000), (100000000)) b (budget), LATERAL customers_random(1, 3, 30, 30000, 50000, budget, 2, 1, false) r;
-- few customers, in many pieces, of a few slots each
SELECT is(totals, expected, format('%s customers in 20 pieces', customers)) FROM (VALUES (1), (3), (60)) c (customers),
     LATERAL customers_random(3, 3, 30, customers, 500, 100000, 20, customers, false) r;
-- hashes crowded at both ends of the table, where growing has nowhere to begin a block and no tail is long enough
SELECT is(totals, expected, format('crowded hashes, budget %s, %s pieces', budget, pieces))
FROM (VALUES (10000000, 1, false), (10000000, 3, true), (100000, 2, true)) b (budget, pieces, leader), LATERAL customers_random(4, 3, 30, 8000, 12000, budget, pieces, 7, leader) r;
-- as a leader merges: what it keeps as it came, what no longer fits, pieces large and tiny
SELECT is(totals, expected, format('%s keys, metric %s, n %s, budget %s, %s pieces merged by a leader', key, metric, n, budget, pieces))
FROM (VALUES (1, 'bigint'), (2, 'uuid'), (3, 'text')) k (kind, key), (VALUES (1, 0), (2, 0), (3, 7), (3, 63)) m (metric, n),
     (VALUES (300000, 4), (2000000, 7), (100000000, 3), (100000000, 40)) b (budget, pieces),
     LATERAL customers_random(kind, metric, n, 30000, 50000, budget, pieces, kind * 100 + metric * 10 + pieces, true) r;

-- states so large that few of them are packed together
SELECT is(totals, expected, format('%s keys, large states, %s pieces merged by a leader', key, pieces))
FROM (VALUES (1, 'bigint'), (2, 'uuid')) k (kind, key), (VALUES (2), (5)) b (pieces), LATERAL customers_random(kind, 3, 5000, 500, 3000, 100000000, pieces, kind * 10 + pieces, true) r;

SELECT ok(refused > 500 AND accepted + refused = 3000, format('damaged bytes of kind %s are refused or taken for others', kind))
FROM (VALUES (1), (2), (3)) k (kind), customers_fuzz(kind, 3, 50, 3000, 1);
SELECT ok(refused > 150 AND accepted + refused = 600, format('damaged runs of kind %s are refused or taken for others', kind))
FROM (VALUES (1), (2), (3)) k (kind), customers_fuzz(kind, 3, 2500, 600, 2);

-- the metrics with rows in a log, without and with amounts, with older rows beside the table, with a sum
SELECT ok(whole_accepted AND refused = bytes, format('a parcel of metric %s, kind %s, cut anywhere is refused', metric, kind))
FROM (VALUES (1), (2), (3)) k (kind), (VALUES (12), (19), (14), (24), (22)) m (metric), customers_cut(kind, metric, 40, kind);

-- temporary files that end or cannot be read, at any call: refused, never another result
SELECT ok(refused = attempts AND attempts > 8 AND wrong = 0, format('metric %s, kind %s: a file that %s is refused', metric, kind, what))
FROM (VALUES (1), (3)) k (kind), (VALUES (3), (12), (19)) m (metric), (VALUES (0, 'ends or fails'), (1, 'ends in the middle')) f (failure, what), customers_unreadable(kind, metric, 6000, 80000, failure);
SELECT ok(refused > 2 AND wrong = 0, format('metric %s, kind %s: a damaged head is refused', metric, kind))
FROM (VALUES (1), (3)) k (kind), (VALUES (3), (12), (19)) m (metric), customers_unreadable(kind, metric, 6000, 80000, 2);

-- rows by customer: partitions of partitions, partitions, memory
SELECT ok(gather_random(kind, 2000, 8000, budget, -1) > 1900, format('rows gathered by customer, kind %s, budget %s', kind, budget)) FROM (VALUES (1), (3)) k (kind), (VALUES (10000), (100000), (10000000)) b (budget);
SELECT is(gather_random(kind, 2000, 8000, budget, 700), 700::bigint, format('given up in the middle, kind %s, budget %s', kind, budget)) FROM (VALUES (1), (3)) k (kind), (VALUES (10000), (100000)) b (budget);
SELECT is((SELECT string_agg(name, ' ') FROM pg_ls_tmpdir() WHERE name LIKE 'pgsql_tmp' || pg_backend_pid() || '.%'), NULL, 'no temporary file is left');
SELECT ok(refused = attempts AND attempts > 8 AND wrong = 0, format('gathered, kind %s, budget %s: a file that %s is refused', kind, budget, what))
FROM (VALUES (1), (3)) k (kind), (VALUES (20000), (100000)) b (budget), (VALUES (0, 'ends or fails'), (1, 'ends in the middle')) f (failure, what), gather_unreadable(kind, 1000, 6000, budget, -1, failure);
SELECT ok(refused > 3 AND wrong = 0, format('gathered, kind %s: a damaged head is refused', kind)) FROM (VALUES (1), (3)) k (kind), (VALUES (2), (3)) f (failure), gather_unreadable(kind, 1000, 6000, 100000, -1, failure);

SELECT ok(customers_miscounted(kind, 5000), format('a wrong count of kind %s is refused where runs join the table', kind)) FROM (VALUES (1), (2), (3)) k (kind);

SELECT finish();
