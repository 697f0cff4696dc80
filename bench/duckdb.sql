-- The benchmark's tables in DuckDB, from the CSV files that bench/run wrote.
-- Times are local (UTC) ones, which is what DuckDB is fastest with.
CREATE OR REPLACE TABLE orders (order_id BIGINT, customer_id BIGINT, paid_at TIMESTAMP, amount DECIMAL(12, 2));
INSERT INTO orders FROM read_csv(':csv/orders.csv', header = false, columns = {'order_id': 'BIGINT', 'customer_id': 'BIGINT', 'paid_at': 'TIMESTAMP', 'amount': 'DECIMAL(12, 2)'});
CREATE OR REPLACE TABLE keys (customer_id BIGINT, customer_text VARCHAR, customer_uuid UUID, paid_at TIMESTAMP, amount DECIMAL(12, 2));
INSERT INTO keys FROM read_csv(':csv/keys.csv', header = false, columns = {'customer_id': 'BIGINT', 'customer_text': 'VARCHAR', 'customer_uuid': 'UUID', 'paid_at': 'TIMESTAMP', 'amount': 'DECIMAL(12, 2)'});
CREATE OR REPLACE TABLE summary (customer_id BIGINT, orders BIGINT, revenue DECIMAL(18, 2), first_order DATE, last_order DATE);
INSERT INTO summary FROM read_csv(':csv/summary.csv', header = false, columns = {'customer_id': 'BIGINT', 'orders': 'BIGINT', 'revenue': 'DECIMAL(18, 2)', 'first_order': 'DATE', 'last_order': 'DATE'});
CHECKPOINT;
