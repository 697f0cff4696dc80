-- Aggregates over customers.  Built from sql/aggregates.list.
CREATE TYPE crmlife.rate_stats AS (
  numerator bigint, denominator bigint, rate float8, lower float8, upper float8);
COMMENT ON TYPE crmlife.rate_stats IS
  'a rate with its parts and Wilson''s 95 % interval';
CREATE FUNCTION crmlife.customers_combine(internal, internal)
RETURNS internal
LANGUAGE C IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'crm_customers_combine';
COMMENT ON FUNCTION crmlife.customers_combine(internal, internal) IS
  'combine function of aggregates';
CREATE FUNCTION crmlife.customers_serial(internal)
RETURNS bytea
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'crm_customers_serial';
COMMENT ON FUNCTION crmlife.customers_serial(internal) IS
  'serialize function of aggregates';
CREATE FUNCTION crmlife.customers_deserial(bytea, internal)
RETURNS internal
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'crm_customers_deserial';
COMMENT ON FUNCTION crmlife.customers_deserial(bytea, internal) IS
  'deserialize function of aggregates';
CREATE FUNCTION crmlife.repurchase_final(internal)
RETURNS float8
LANGUAGE C IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'crm_repurchase_final';
COMMENT ON FUNCTION crmlife.repurchase_final(internal) IS
  'final function of aggregates';
CREATE FUNCTION crmlife.repurchase_accum(internal, bigint)
RETURNS internal
LANGUAGE C IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'crm_repurchase_rows_accum';
COMMENT ON FUNCTION crmlife.repurchase_accum(internal, bigint) IS
  'transition function of aggregates';
CREATE AGGREGATE repurchase_rate(bigint) (
  SFUNC = crmlife.repurchase_accum, STYPE = internal, SSPACE = 1024,
  FINALFUNC = crmlife.repurchase_final, FINALFUNC_MODIFY = SHAREABLE,
  COMBINEFUNC = crmlife.customers_combine,
  SERIALFUNC = crmlife.customers_serial,
  DESERIALFUNC = crmlife.customers_deserial, PARALLEL = SAFE);
COMMENT ON AGGREGATE repurchase_rate(bigint) IS
  'customers with two or more rows / customers';
CREATE FUNCTION crmlife.repurchase_accum(internal, uuid)
RETURNS internal
LANGUAGE C IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'crm_repurchase_rows_accum';
COMMENT ON FUNCTION crmlife.repurchase_accum(internal, uuid) IS
  'transition function of aggregates';
CREATE AGGREGATE repurchase_rate(uuid) (
  SFUNC = crmlife.repurchase_accum, STYPE = internal, SSPACE = 1024,
  FINALFUNC = crmlife.repurchase_final, FINALFUNC_MODIFY = SHAREABLE,
  COMBINEFUNC = crmlife.customers_combine,
  SERIALFUNC = crmlife.customers_serial,
  DESERIALFUNC = crmlife.customers_deserial, PARALLEL = SAFE);
COMMENT ON AGGREGATE repurchase_rate(uuid) IS
  'customers with two or more rows / customers';
CREATE FUNCTION crmlife.repurchase_accum(internal, text)
RETURNS internal
LANGUAGE C IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'crm_repurchase_rows_accum';
COMMENT ON FUNCTION crmlife.repurchase_accum(internal, text) IS
  'transition function of aggregates';
CREATE AGGREGATE repurchase_rate(text) (
  SFUNC = crmlife.repurchase_accum, STYPE = internal, SSPACE = 1024,
  FINALFUNC = crmlife.repurchase_final, FINALFUNC_MODIFY = SHAREABLE,
  COMBINEFUNC = crmlife.customers_combine,
  SERIALFUNC = crmlife.customers_serial,
  DESERIALFUNC = crmlife.customers_deserial, PARALLEL = SAFE);
COMMENT ON AGGREGATE repurchase_rate(text) IS
  'customers with two or more rows / customers';
CREATE FUNCTION crmlife.repurchase_accum(internal, bigint, numeric)
RETURNS internal
LANGUAGE C IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'crm_repurchase_orders_accum';
COMMENT ON FUNCTION crmlife.repurchase_accum(internal, bigint, numeric) IS
  'transition function of aggregates';
CREATE AGGREGATE repurchase_rate(bigint, numeric) (
  SFUNC = crmlife.repurchase_accum, STYPE = internal, SSPACE = 1024,
  FINALFUNC = crmlife.repurchase_final, FINALFUNC_MODIFY = SHAREABLE,
  COMBINEFUNC = crmlife.customers_combine,
  SERIALFUNC = crmlife.customers_serial,
  DESERIALFUNC = crmlife.customers_deserial, PARALLEL = SAFE);
COMMENT ON AGGREGATE repurchase_rate(bigint, numeric) IS
  'customers with two or more orders / customers with an order; refunds (amount < 0) are no orders';
CREATE FUNCTION crmlife.repurchase_accum(internal, uuid, numeric)
RETURNS internal
LANGUAGE C IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'crm_repurchase_orders_accum';
COMMENT ON FUNCTION crmlife.repurchase_accum(internal, uuid, numeric) IS
  'transition function of aggregates';
CREATE AGGREGATE repurchase_rate(uuid, numeric) (
  SFUNC = crmlife.repurchase_accum, STYPE = internal, SSPACE = 1024,
  FINALFUNC = crmlife.repurchase_final, FINALFUNC_MODIFY = SHAREABLE,
  COMBINEFUNC = crmlife.customers_combine,
  SERIALFUNC = crmlife.customers_serial,
  DESERIALFUNC = crmlife.customers_deserial, PARALLEL = SAFE);
COMMENT ON AGGREGATE repurchase_rate(uuid, numeric) IS
  'customers with two or more orders / customers with an order; refunds (amount < 0) are no orders';
CREATE FUNCTION crmlife.repurchase_accum(internal, text, numeric)
RETURNS internal
LANGUAGE C IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'crm_repurchase_orders_accum';
COMMENT ON FUNCTION crmlife.repurchase_accum(internal, text, numeric) IS
  'transition function of aggregates';
CREATE AGGREGATE repurchase_rate(text, numeric) (
  SFUNC = crmlife.repurchase_accum, STYPE = internal, SSPACE = 1024,
  FINALFUNC = crmlife.repurchase_final, FINALFUNC_MODIFY = SHAREABLE,
  COMBINEFUNC = crmlife.customers_combine,
  SERIALFUNC = crmlife.customers_serial,
  DESERIALFUNC = crmlife.customers_deserial, PARALLEL = SAFE);
COMMENT ON AGGREGATE repurchase_rate(text, numeric) IS
  'customers with two or more orders / customers with an order; refunds (amount < 0) are no orders';
CREATE FUNCTION crmlife.repurchase_accum(internal, bigint, date)
RETURNS internal
LANGUAGE C IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'crm_repurchase_days_accum';
COMMENT ON FUNCTION crmlife.repurchase_accum(internal, bigint, date) IS
  'transition function of aggregates';
CREATE AGGREGATE repurchase_rate(bigint, date) (
  SFUNC = crmlife.repurchase_accum, STYPE = internal, SSPACE = 1024,
  FINALFUNC = crmlife.repurchase_final, FINALFUNC_MODIFY = SHAREABLE,
  COMBINEFUNC = crmlife.customers_combine,
  SERIALFUNC = crmlife.customers_serial,
  DESERIALFUNC = crmlife.customers_deserial, PARALLEL = SAFE);
COMMENT ON AGGREGATE repurchase_rate(bigint, date) IS
  'customers with rows on two or more days / customers';
CREATE FUNCTION crmlife.repurchase_accum(internal, bigint, timestamp)
RETURNS internal
LANGUAGE C IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'crm_repurchase_days_accum';
COMMENT ON FUNCTION crmlife.repurchase_accum(internal, bigint, timestamp) IS
  'transition function of aggregates';
CREATE AGGREGATE repurchase_rate(bigint, timestamp) (
  SFUNC = crmlife.repurchase_accum, STYPE = internal, SSPACE = 1024,
  FINALFUNC = crmlife.repurchase_final, FINALFUNC_MODIFY = SHAREABLE,
  COMBINEFUNC = crmlife.customers_combine,
  SERIALFUNC = crmlife.customers_serial,
  DESERIALFUNC = crmlife.customers_deserial, PARALLEL = SAFE);
COMMENT ON AGGREGATE repurchase_rate(bigint, timestamp) IS
  'customers with rows on two or more days / customers';
CREATE FUNCTION crmlife.repurchase_accum(internal, bigint, timestamptz)
RETURNS internal
LANGUAGE C STABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'crm_repurchase_days_accum';
COMMENT ON FUNCTION crmlife.repurchase_accum(internal, bigint, timestamptz) IS
  'transition function of aggregates';
CREATE AGGREGATE repurchase_rate(bigint, timestamptz) (
  SFUNC = crmlife.repurchase_accum, STYPE = internal, SSPACE = 1024,
  FINALFUNC = crmlife.repurchase_final, FINALFUNC_MODIFY = SHAREABLE,
  COMBINEFUNC = crmlife.customers_combine,
  SERIALFUNC = crmlife.customers_serial,
  DESERIALFUNC = crmlife.customers_deserial, PARALLEL = SAFE);
COMMENT ON AGGREGATE repurchase_rate(bigint, timestamptz) IS
  'customers with rows on two or more days / customers';
CREATE FUNCTION crmlife.repurchase_accum(internal, uuid, date)
RETURNS internal
LANGUAGE C IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'crm_repurchase_days_accum';
COMMENT ON FUNCTION crmlife.repurchase_accum(internal, uuid, date) IS
  'transition function of aggregates';
CREATE AGGREGATE repurchase_rate(uuid, date) (
  SFUNC = crmlife.repurchase_accum, STYPE = internal, SSPACE = 1024,
  FINALFUNC = crmlife.repurchase_final, FINALFUNC_MODIFY = SHAREABLE,
  COMBINEFUNC = crmlife.customers_combine,
  SERIALFUNC = crmlife.customers_serial,
  DESERIALFUNC = crmlife.customers_deserial, PARALLEL = SAFE);
COMMENT ON AGGREGATE repurchase_rate(uuid, date) IS
  'customers with rows on two or more days / customers';
CREATE FUNCTION crmlife.repurchase_accum(internal, uuid, timestamp)
RETURNS internal
LANGUAGE C IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'crm_repurchase_days_accum';
COMMENT ON FUNCTION crmlife.repurchase_accum(internal, uuid, timestamp) IS
  'transition function of aggregates';
CREATE AGGREGATE repurchase_rate(uuid, timestamp) (
  SFUNC = crmlife.repurchase_accum, STYPE = internal, SSPACE = 1024,
  FINALFUNC = crmlife.repurchase_final, FINALFUNC_MODIFY = SHAREABLE,
  COMBINEFUNC = crmlife.customers_combine,
  SERIALFUNC = crmlife.customers_serial,
  DESERIALFUNC = crmlife.customers_deserial, PARALLEL = SAFE);
COMMENT ON AGGREGATE repurchase_rate(uuid, timestamp) IS
  'customers with rows on two or more days / customers';
CREATE FUNCTION crmlife.repurchase_accum(internal, uuid, timestamptz)
RETURNS internal
LANGUAGE C STABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'crm_repurchase_days_accum';
COMMENT ON FUNCTION crmlife.repurchase_accum(internal, uuid, timestamptz) IS
  'transition function of aggregates';
CREATE AGGREGATE repurchase_rate(uuid, timestamptz) (
  SFUNC = crmlife.repurchase_accum, STYPE = internal, SSPACE = 1024,
  FINALFUNC = crmlife.repurchase_final, FINALFUNC_MODIFY = SHAREABLE,
  COMBINEFUNC = crmlife.customers_combine,
  SERIALFUNC = crmlife.customers_serial,
  DESERIALFUNC = crmlife.customers_deserial, PARALLEL = SAFE);
COMMENT ON AGGREGATE repurchase_rate(uuid, timestamptz) IS
  'customers with rows on two or more days / customers';
CREATE FUNCTION crmlife.repurchase_accum(internal, text, date)
RETURNS internal
LANGUAGE C IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'crm_repurchase_days_accum';
COMMENT ON FUNCTION crmlife.repurchase_accum(internal, text, date) IS
  'transition function of aggregates';
CREATE AGGREGATE repurchase_rate(text, date) (
  SFUNC = crmlife.repurchase_accum, STYPE = internal, SSPACE = 1024,
  FINALFUNC = crmlife.repurchase_final, FINALFUNC_MODIFY = SHAREABLE,
  COMBINEFUNC = crmlife.customers_combine,
  SERIALFUNC = crmlife.customers_serial,
  DESERIALFUNC = crmlife.customers_deserial, PARALLEL = SAFE);
COMMENT ON AGGREGATE repurchase_rate(text, date) IS
  'customers with rows on two or more days / customers';
CREATE FUNCTION crmlife.repurchase_accum(internal, text, timestamp)
RETURNS internal
LANGUAGE C IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'crm_repurchase_days_accum';
COMMENT ON FUNCTION crmlife.repurchase_accum(internal, text, timestamp) IS
  'transition function of aggregates';
CREATE AGGREGATE repurchase_rate(text, timestamp) (
  SFUNC = crmlife.repurchase_accum, STYPE = internal, SSPACE = 1024,
  FINALFUNC = crmlife.repurchase_final, FINALFUNC_MODIFY = SHAREABLE,
  COMBINEFUNC = crmlife.customers_combine,
  SERIALFUNC = crmlife.customers_serial,
  DESERIALFUNC = crmlife.customers_deserial, PARALLEL = SAFE);
COMMENT ON AGGREGATE repurchase_rate(text, timestamp) IS
  'customers with rows on two or more days / customers';
CREATE FUNCTION crmlife.repurchase_accum(internal, text, timestamptz)
RETURNS internal
LANGUAGE C STABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'crm_repurchase_days_accum';
COMMENT ON FUNCTION crmlife.repurchase_accum(internal, text, timestamptz) IS
  'transition function of aggregates';
CREATE AGGREGATE repurchase_rate(text, timestamptz) (
  SFUNC = crmlife.repurchase_accum, STYPE = internal, SSPACE = 1024,
  FINALFUNC = crmlife.repurchase_final, FINALFUNC_MODIFY = SHAREABLE,
  COMBINEFUNC = crmlife.customers_combine,
  SERIALFUNC = crmlife.customers_serial,
  DESERIALFUNC = crmlife.customers_deserial, PARALLEL = SAFE);
COMMENT ON AGGREGATE repurchase_rate(text, timestamptz) IS
  'customers with rows on two or more days / customers';
CREATE FUNCTION crmlife.repurchase_stats_final(internal)
RETURNS crmlife.rate_stats
LANGUAGE C IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'crm_repurchase_stats_final';
COMMENT ON FUNCTION crmlife.repurchase_stats_final(internal) IS
  'final function of aggregates';
CREATE AGGREGATE repurchase_stats(bigint) (
  SFUNC = crmlife.repurchase_accum, STYPE = internal, SSPACE = 1024,
  FINALFUNC = crmlife.repurchase_stats_final, FINALFUNC_MODIFY = SHAREABLE,
  COMBINEFUNC = crmlife.customers_combine,
  SERIALFUNC = crmlife.customers_serial,
  DESERIALFUNC = crmlife.customers_deserial, PARALLEL = SAFE);
COMMENT ON AGGREGATE repurchase_stats(bigint) IS
  'repurchase_rate with its parts and its 95 % interval';
CREATE AGGREGATE repurchase_stats(uuid) (
  SFUNC = crmlife.repurchase_accum, STYPE = internal, SSPACE = 1024,
  FINALFUNC = crmlife.repurchase_stats_final, FINALFUNC_MODIFY = SHAREABLE,
  COMBINEFUNC = crmlife.customers_combine,
  SERIALFUNC = crmlife.customers_serial,
  DESERIALFUNC = crmlife.customers_deserial, PARALLEL = SAFE);
COMMENT ON AGGREGATE repurchase_stats(uuid) IS
  'repurchase_rate with its parts and its 95 % interval';
CREATE AGGREGATE repurchase_stats(text) (
  SFUNC = crmlife.repurchase_accum, STYPE = internal, SSPACE = 1024,
  FINALFUNC = crmlife.repurchase_stats_final, FINALFUNC_MODIFY = SHAREABLE,
  COMBINEFUNC = crmlife.customers_combine,
  SERIALFUNC = crmlife.customers_serial,
  DESERIALFUNC = crmlife.customers_deserial, PARALLEL = SAFE);
COMMENT ON AGGREGATE repurchase_stats(text) IS
  'repurchase_rate with its parts and its 95 % interval';
CREATE AGGREGATE repurchase_stats(bigint, numeric) (
  SFUNC = crmlife.repurchase_accum, STYPE = internal, SSPACE = 1024,
  FINALFUNC = crmlife.repurchase_stats_final, FINALFUNC_MODIFY = SHAREABLE,
  COMBINEFUNC = crmlife.customers_combine,
  SERIALFUNC = crmlife.customers_serial,
  DESERIALFUNC = crmlife.customers_deserial, PARALLEL = SAFE);
COMMENT ON AGGREGATE repurchase_stats(bigint, numeric) IS
  'repurchase_rate with its parts and its 95 % interval';
CREATE AGGREGATE repurchase_stats(uuid, numeric) (
  SFUNC = crmlife.repurchase_accum, STYPE = internal, SSPACE = 1024,
  FINALFUNC = crmlife.repurchase_stats_final, FINALFUNC_MODIFY = SHAREABLE,
  COMBINEFUNC = crmlife.customers_combine,
  SERIALFUNC = crmlife.customers_serial,
  DESERIALFUNC = crmlife.customers_deserial, PARALLEL = SAFE);
COMMENT ON AGGREGATE repurchase_stats(uuid, numeric) IS
  'repurchase_rate with its parts and its 95 % interval';
CREATE AGGREGATE repurchase_stats(text, numeric) (
  SFUNC = crmlife.repurchase_accum, STYPE = internal, SSPACE = 1024,
  FINALFUNC = crmlife.repurchase_stats_final, FINALFUNC_MODIFY = SHAREABLE,
  COMBINEFUNC = crmlife.customers_combine,
  SERIALFUNC = crmlife.customers_serial,
  DESERIALFUNC = crmlife.customers_deserial, PARALLEL = SAFE);
COMMENT ON AGGREGATE repurchase_stats(text, numeric) IS
  'repurchase_rate with its parts and its 95 % interval';
CREATE AGGREGATE repurchase_stats(bigint, date) (
  SFUNC = crmlife.repurchase_accum, STYPE = internal, SSPACE = 1024,
  FINALFUNC = crmlife.repurchase_stats_final, FINALFUNC_MODIFY = SHAREABLE,
  COMBINEFUNC = crmlife.customers_combine,
  SERIALFUNC = crmlife.customers_serial,
  DESERIALFUNC = crmlife.customers_deserial, PARALLEL = SAFE);
COMMENT ON AGGREGATE repurchase_stats(bigint, date) IS
  'repurchase_rate with its parts and its 95 % interval';
CREATE AGGREGATE repurchase_stats(bigint, timestamp) (
  SFUNC = crmlife.repurchase_accum, STYPE = internal, SSPACE = 1024,
  FINALFUNC = crmlife.repurchase_stats_final, FINALFUNC_MODIFY = SHAREABLE,
  COMBINEFUNC = crmlife.customers_combine,
  SERIALFUNC = crmlife.customers_serial,
  DESERIALFUNC = crmlife.customers_deserial, PARALLEL = SAFE);
COMMENT ON AGGREGATE repurchase_stats(bigint, timestamp) IS
  'repurchase_rate with its parts and its 95 % interval';
CREATE AGGREGATE repurchase_stats(bigint, timestamptz) (
  SFUNC = crmlife.repurchase_accum, STYPE = internal, SSPACE = 1024,
  FINALFUNC = crmlife.repurchase_stats_final, FINALFUNC_MODIFY = SHAREABLE,
  COMBINEFUNC = crmlife.customers_combine,
  SERIALFUNC = crmlife.customers_serial,
  DESERIALFUNC = crmlife.customers_deserial, PARALLEL = SAFE);
COMMENT ON AGGREGATE repurchase_stats(bigint, timestamptz) IS
  'repurchase_rate with its parts and its 95 % interval';
CREATE AGGREGATE repurchase_stats(uuid, date) (
  SFUNC = crmlife.repurchase_accum, STYPE = internal, SSPACE = 1024,
  FINALFUNC = crmlife.repurchase_stats_final, FINALFUNC_MODIFY = SHAREABLE,
  COMBINEFUNC = crmlife.customers_combine,
  SERIALFUNC = crmlife.customers_serial,
  DESERIALFUNC = crmlife.customers_deserial, PARALLEL = SAFE);
COMMENT ON AGGREGATE repurchase_stats(uuid, date) IS
  'repurchase_rate with its parts and its 95 % interval';
CREATE AGGREGATE repurchase_stats(uuid, timestamp) (
  SFUNC = crmlife.repurchase_accum, STYPE = internal, SSPACE = 1024,
  FINALFUNC = crmlife.repurchase_stats_final, FINALFUNC_MODIFY = SHAREABLE,
  COMBINEFUNC = crmlife.customers_combine,
  SERIALFUNC = crmlife.customers_serial,
  DESERIALFUNC = crmlife.customers_deserial, PARALLEL = SAFE);
COMMENT ON AGGREGATE repurchase_stats(uuid, timestamp) IS
  'repurchase_rate with its parts and its 95 % interval';
CREATE AGGREGATE repurchase_stats(uuid, timestamptz) (
  SFUNC = crmlife.repurchase_accum, STYPE = internal, SSPACE = 1024,
  FINALFUNC = crmlife.repurchase_stats_final, FINALFUNC_MODIFY = SHAREABLE,
  COMBINEFUNC = crmlife.customers_combine,
  SERIALFUNC = crmlife.customers_serial,
  DESERIALFUNC = crmlife.customers_deserial, PARALLEL = SAFE);
COMMENT ON AGGREGATE repurchase_stats(uuid, timestamptz) IS
  'repurchase_rate with its parts and its 95 % interval';
CREATE AGGREGATE repurchase_stats(text, date) (
  SFUNC = crmlife.repurchase_accum, STYPE = internal, SSPACE = 1024,
  FINALFUNC = crmlife.repurchase_stats_final, FINALFUNC_MODIFY = SHAREABLE,
  COMBINEFUNC = crmlife.customers_combine,
  SERIALFUNC = crmlife.customers_serial,
  DESERIALFUNC = crmlife.customers_deserial, PARALLEL = SAFE);
COMMENT ON AGGREGATE repurchase_stats(text, date) IS
  'repurchase_rate with its parts and its 95 % interval';
CREATE AGGREGATE repurchase_stats(text, timestamp) (
  SFUNC = crmlife.repurchase_accum, STYPE = internal, SSPACE = 1024,
  FINALFUNC = crmlife.repurchase_stats_final, FINALFUNC_MODIFY = SHAREABLE,
  COMBINEFUNC = crmlife.customers_combine,
  SERIALFUNC = crmlife.customers_serial,
  DESERIALFUNC = crmlife.customers_deserial, PARALLEL = SAFE);
COMMENT ON AGGREGATE repurchase_stats(text, timestamp) IS
  'repurchase_rate with its parts and its 95 % interval';
CREATE AGGREGATE repurchase_stats(text, timestamptz) (
  SFUNC = crmlife.repurchase_accum, STYPE = internal, SSPACE = 1024,
  FINALFUNC = crmlife.repurchase_stats_final, FINALFUNC_MODIFY = SHAREABLE,
  COMBINEFUNC = crmlife.customers_combine,
  SERIALFUNC = crmlife.customers_serial,
  DESERIALFUNC = crmlife.customers_deserial, PARALLEL = SAFE);
COMMENT ON AGGREGATE repurchase_stats(text, timestamptz) IS
  'repurchase_rate with its parts and its 95 % interval';
CREATE FUNCTION crmlife.retention_nth_day_final(internal)
RETURNS float8
LANGUAGE C IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'crm_retention_nth_day_final';
COMMENT ON FUNCTION crmlife.retention_nth_day_final(internal) IS
  'final function of aggregates';
CREATE FUNCTION crmlife.retention_accum(internal, bigint, date, integer)
RETURNS internal
LANGUAGE C STABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'crm_retention_accum';
COMMENT ON FUNCTION crmlife.retention_accum(internal, bigint, date, integer) IS
  'transition function of aggregates';
CREATE AGGREGATE retention_nth_day(bigint, date, integer) (
  SFUNC = crmlife.retention_accum, STYPE = internal, SSPACE = 1024,
  FINALFUNC = crmlife.retention_nth_day_final, FINALFUNC_MODIFY = SHAREABLE,
  COMBINEFUNC = crmlife.customers_combine,
  SERIALFUNC = crmlife.customers_serial,
  DESERIALFUNC = crmlife.customers_deserial, PARALLEL = SAFE);
COMMENT ON AGGREGATE retention_nth_day(bigint, date, integer) IS
  'share of customers active exactly on day n after their first, of those whose day n is over at as_of (default: today)';
CREATE FUNCTION crmlife.retention_accum(internal, bigint, timestamp, integer)
RETURNS internal
LANGUAGE C STABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'crm_retention_accum';
COMMENT ON FUNCTION crmlife.retention_accum(internal, bigint, timestamp, integer) IS
  'transition function of aggregates';
CREATE AGGREGATE retention_nth_day(bigint, timestamp, integer) (
  SFUNC = crmlife.retention_accum, STYPE = internal, SSPACE = 1024,
  FINALFUNC = crmlife.retention_nth_day_final, FINALFUNC_MODIFY = SHAREABLE,
  COMBINEFUNC = crmlife.customers_combine,
  SERIALFUNC = crmlife.customers_serial,
  DESERIALFUNC = crmlife.customers_deserial, PARALLEL = SAFE);
COMMENT ON AGGREGATE retention_nth_day(bigint, timestamp, integer) IS
  'share of customers active exactly on day n after their first, of those whose day n is over at as_of (default: today)';
CREATE FUNCTION crmlife.retention_accum(internal, bigint, timestamptz, integer)
RETURNS internal
LANGUAGE C STABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'crm_retention_accum';
COMMENT ON FUNCTION crmlife.retention_accum(internal, bigint, timestamptz, integer) IS
  'transition function of aggregates';
CREATE AGGREGATE retention_nth_day(bigint, timestamptz, integer) (
  SFUNC = crmlife.retention_accum, STYPE = internal, SSPACE = 1024,
  FINALFUNC = crmlife.retention_nth_day_final, FINALFUNC_MODIFY = SHAREABLE,
  COMBINEFUNC = crmlife.customers_combine,
  SERIALFUNC = crmlife.customers_serial,
  DESERIALFUNC = crmlife.customers_deserial, PARALLEL = SAFE);
COMMENT ON AGGREGATE retention_nth_day(bigint, timestamptz, integer) IS
  'share of customers active exactly on day n after their first, of those whose day n is over at as_of (default: today)';
CREATE FUNCTION crmlife.retention_accum(internal, uuid, date, integer)
RETURNS internal
LANGUAGE C STABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'crm_retention_accum';
COMMENT ON FUNCTION crmlife.retention_accum(internal, uuid, date, integer) IS
  'transition function of aggregates';
CREATE AGGREGATE retention_nth_day(uuid, date, integer) (
  SFUNC = crmlife.retention_accum, STYPE = internal, SSPACE = 1024,
  FINALFUNC = crmlife.retention_nth_day_final, FINALFUNC_MODIFY = SHAREABLE,
  COMBINEFUNC = crmlife.customers_combine,
  SERIALFUNC = crmlife.customers_serial,
  DESERIALFUNC = crmlife.customers_deserial, PARALLEL = SAFE);
COMMENT ON AGGREGATE retention_nth_day(uuid, date, integer) IS
  'share of customers active exactly on day n after their first, of those whose day n is over at as_of (default: today)';
CREATE FUNCTION crmlife.retention_accum(internal, uuid, timestamp, integer)
RETURNS internal
LANGUAGE C STABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'crm_retention_accum';
COMMENT ON FUNCTION crmlife.retention_accum(internal, uuid, timestamp, integer) IS
  'transition function of aggregates';
CREATE AGGREGATE retention_nth_day(uuid, timestamp, integer) (
  SFUNC = crmlife.retention_accum, STYPE = internal, SSPACE = 1024,
  FINALFUNC = crmlife.retention_nth_day_final, FINALFUNC_MODIFY = SHAREABLE,
  COMBINEFUNC = crmlife.customers_combine,
  SERIALFUNC = crmlife.customers_serial,
  DESERIALFUNC = crmlife.customers_deserial, PARALLEL = SAFE);
COMMENT ON AGGREGATE retention_nth_day(uuid, timestamp, integer) IS
  'share of customers active exactly on day n after their first, of those whose day n is over at as_of (default: today)';
CREATE FUNCTION crmlife.retention_accum(internal, uuid, timestamptz, integer)
RETURNS internal
LANGUAGE C STABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'crm_retention_accum';
COMMENT ON FUNCTION crmlife.retention_accum(internal, uuid, timestamptz, integer) IS
  'transition function of aggregates';
CREATE AGGREGATE retention_nth_day(uuid, timestamptz, integer) (
  SFUNC = crmlife.retention_accum, STYPE = internal, SSPACE = 1024,
  FINALFUNC = crmlife.retention_nth_day_final, FINALFUNC_MODIFY = SHAREABLE,
  COMBINEFUNC = crmlife.customers_combine,
  SERIALFUNC = crmlife.customers_serial,
  DESERIALFUNC = crmlife.customers_deserial, PARALLEL = SAFE);
COMMENT ON AGGREGATE retention_nth_day(uuid, timestamptz, integer) IS
  'share of customers active exactly on day n after their first, of those whose day n is over at as_of (default: today)';
CREATE FUNCTION crmlife.retention_accum(internal, text, date, integer)
RETURNS internal
LANGUAGE C STABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'crm_retention_accum';
COMMENT ON FUNCTION crmlife.retention_accum(internal, text, date, integer) IS
  'transition function of aggregates';
CREATE AGGREGATE retention_nth_day(text, date, integer) (
  SFUNC = crmlife.retention_accum, STYPE = internal, SSPACE = 1024,
  FINALFUNC = crmlife.retention_nth_day_final, FINALFUNC_MODIFY = SHAREABLE,
  COMBINEFUNC = crmlife.customers_combine,
  SERIALFUNC = crmlife.customers_serial,
  DESERIALFUNC = crmlife.customers_deserial, PARALLEL = SAFE);
COMMENT ON AGGREGATE retention_nth_day(text, date, integer) IS
  'share of customers active exactly on day n after their first, of those whose day n is over at as_of (default: today)';
CREATE FUNCTION crmlife.retention_accum(internal, text, timestamp, integer)
RETURNS internal
LANGUAGE C STABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'crm_retention_accum';
COMMENT ON FUNCTION crmlife.retention_accum(internal, text, timestamp, integer) IS
  'transition function of aggregates';
CREATE AGGREGATE retention_nth_day(text, timestamp, integer) (
  SFUNC = crmlife.retention_accum, STYPE = internal, SSPACE = 1024,
  FINALFUNC = crmlife.retention_nth_day_final, FINALFUNC_MODIFY = SHAREABLE,
  COMBINEFUNC = crmlife.customers_combine,
  SERIALFUNC = crmlife.customers_serial,
  DESERIALFUNC = crmlife.customers_deserial, PARALLEL = SAFE);
COMMENT ON AGGREGATE retention_nth_day(text, timestamp, integer) IS
  'share of customers active exactly on day n after their first, of those whose day n is over at as_of (default: today)';
CREATE FUNCTION crmlife.retention_accum(internal, text, timestamptz, integer)
RETURNS internal
LANGUAGE C STABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'crm_retention_accum';
COMMENT ON FUNCTION crmlife.retention_accum(internal, text, timestamptz, integer) IS
  'transition function of aggregates';
CREATE AGGREGATE retention_nth_day(text, timestamptz, integer) (
  SFUNC = crmlife.retention_accum, STYPE = internal, SSPACE = 1024,
  FINALFUNC = crmlife.retention_nth_day_final, FINALFUNC_MODIFY = SHAREABLE,
  COMBINEFUNC = crmlife.customers_combine,
  SERIALFUNC = crmlife.customers_serial,
  DESERIALFUNC = crmlife.customers_deserial, PARALLEL = SAFE);
COMMENT ON AGGREGATE retention_nth_day(text, timestamptz, integer) IS
  'share of customers active exactly on day n after their first, of those whose day n is over at as_of (default: today)';
CREATE FUNCTION crmlife.retention_accum(internal, bigint, date, integer, date)
RETURNS internal
LANGUAGE C IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'crm_retention_accum';
COMMENT ON FUNCTION crmlife.retention_accum(internal, bigint, date, integer, date) IS
  'transition function of aggregates';
CREATE AGGREGATE retention_nth_day(bigint, date, integer, date) (
  SFUNC = crmlife.retention_accum, STYPE = internal, SSPACE = 1024,
  FINALFUNC = crmlife.retention_nth_day_final, FINALFUNC_MODIFY = SHAREABLE,
  COMBINEFUNC = crmlife.customers_combine,
  SERIALFUNC = crmlife.customers_serial,
  DESERIALFUNC = crmlife.customers_deserial, PARALLEL = SAFE);
COMMENT ON AGGREGATE retention_nth_day(bigint, date, integer, date) IS
  'share of customers active exactly on day n after their first, of those whose day n is over at as_of (default: today)';
CREATE FUNCTION crmlife.retention_accum(internal, bigint, date, integer, timestamp)
RETURNS internal
LANGUAGE C IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'crm_retention_accum';
COMMENT ON FUNCTION crmlife.retention_accum(internal, bigint, date, integer, timestamp) IS
  'transition function of aggregates';
CREATE AGGREGATE retention_nth_day(bigint, date, integer, timestamp) (
  SFUNC = crmlife.retention_accum, STYPE = internal, SSPACE = 1024,
  FINALFUNC = crmlife.retention_nth_day_final, FINALFUNC_MODIFY = SHAREABLE,
  COMBINEFUNC = crmlife.customers_combine,
  SERIALFUNC = crmlife.customers_serial,
  DESERIALFUNC = crmlife.customers_deserial, PARALLEL = SAFE);
COMMENT ON AGGREGATE retention_nth_day(bigint, date, integer, timestamp) IS
  'share of customers active exactly on day n after their first, of those whose day n is over at as_of (default: today)';
CREATE FUNCTION crmlife.retention_accum(internal, bigint, date, integer, timestamptz)
RETURNS internal
LANGUAGE C STABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'crm_retention_accum';
COMMENT ON FUNCTION crmlife.retention_accum(internal, bigint, date, integer, timestamptz) IS
  'transition function of aggregates';
CREATE AGGREGATE retention_nth_day(bigint, date, integer, timestamptz) (
  SFUNC = crmlife.retention_accum, STYPE = internal, SSPACE = 1024,
  FINALFUNC = crmlife.retention_nth_day_final, FINALFUNC_MODIFY = SHAREABLE,
  COMBINEFUNC = crmlife.customers_combine,
  SERIALFUNC = crmlife.customers_serial,
  DESERIALFUNC = crmlife.customers_deserial, PARALLEL = SAFE);
COMMENT ON AGGREGATE retention_nth_day(bigint, date, integer, timestamptz) IS
  'share of customers active exactly on day n after their first, of those whose day n is over at as_of (default: today)';
CREATE FUNCTION crmlife.retention_accum(internal, bigint, timestamp, integer, date)
RETURNS internal
LANGUAGE C IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'crm_retention_accum';
COMMENT ON FUNCTION crmlife.retention_accum(internal, bigint, timestamp, integer, date) IS
  'transition function of aggregates';
CREATE AGGREGATE retention_nth_day(bigint, timestamp, integer, date) (
  SFUNC = crmlife.retention_accum, STYPE = internal, SSPACE = 1024,
  FINALFUNC = crmlife.retention_nth_day_final, FINALFUNC_MODIFY = SHAREABLE,
  COMBINEFUNC = crmlife.customers_combine,
  SERIALFUNC = crmlife.customers_serial,
  DESERIALFUNC = crmlife.customers_deserial, PARALLEL = SAFE);
COMMENT ON AGGREGATE retention_nth_day(bigint, timestamp, integer, date) IS
  'share of customers active exactly on day n after their first, of those whose day n is over at as_of (default: today)';
CREATE FUNCTION crmlife.retention_accum(internal, bigint, timestamp, integer, timestamp)
RETURNS internal
LANGUAGE C IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'crm_retention_accum';
COMMENT ON FUNCTION crmlife.retention_accum(internal, bigint, timestamp, integer, timestamp) IS
  'transition function of aggregates';
CREATE AGGREGATE retention_nth_day(bigint, timestamp, integer, timestamp) (
  SFUNC = crmlife.retention_accum, STYPE = internal, SSPACE = 1024,
  FINALFUNC = crmlife.retention_nth_day_final, FINALFUNC_MODIFY = SHAREABLE,
  COMBINEFUNC = crmlife.customers_combine,
  SERIALFUNC = crmlife.customers_serial,
  DESERIALFUNC = crmlife.customers_deserial, PARALLEL = SAFE);
COMMENT ON AGGREGATE retention_nth_day(bigint, timestamp, integer, timestamp) IS
  'share of customers active exactly on day n after their first, of those whose day n is over at as_of (default: today)';
CREATE FUNCTION crmlife.retention_accum(internal, bigint, timestamp, integer, timestamptz)
RETURNS internal
LANGUAGE C STABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'crm_retention_accum';
COMMENT ON FUNCTION crmlife.retention_accum(internal, bigint, timestamp, integer, timestamptz) IS
  'transition function of aggregates';
CREATE AGGREGATE retention_nth_day(bigint, timestamp, integer, timestamptz) (
  SFUNC = crmlife.retention_accum, STYPE = internal, SSPACE = 1024,
  FINALFUNC = crmlife.retention_nth_day_final, FINALFUNC_MODIFY = SHAREABLE,
  COMBINEFUNC = crmlife.customers_combine,
  SERIALFUNC = crmlife.customers_serial,
  DESERIALFUNC = crmlife.customers_deserial, PARALLEL = SAFE);
COMMENT ON AGGREGATE retention_nth_day(bigint, timestamp, integer, timestamptz) IS
  'share of customers active exactly on day n after their first, of those whose day n is over at as_of (default: today)';
CREATE FUNCTION crmlife.retention_accum(internal, bigint, timestamptz, integer, date)
RETURNS internal
LANGUAGE C STABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'crm_retention_accum';
COMMENT ON FUNCTION crmlife.retention_accum(internal, bigint, timestamptz, integer, date) IS
  'transition function of aggregates';
CREATE AGGREGATE retention_nth_day(bigint, timestamptz, integer, date) (
  SFUNC = crmlife.retention_accum, STYPE = internal, SSPACE = 1024,
  FINALFUNC = crmlife.retention_nth_day_final, FINALFUNC_MODIFY = SHAREABLE,
  COMBINEFUNC = crmlife.customers_combine,
  SERIALFUNC = crmlife.customers_serial,
  DESERIALFUNC = crmlife.customers_deserial, PARALLEL = SAFE);
COMMENT ON AGGREGATE retention_nth_day(bigint, timestamptz, integer, date) IS
  'share of customers active exactly on day n after their first, of those whose day n is over at as_of (default: today)';
CREATE FUNCTION crmlife.retention_accum(internal, bigint, timestamptz, integer, timestamp)
RETURNS internal
LANGUAGE C STABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'crm_retention_accum';
COMMENT ON FUNCTION crmlife.retention_accum(internal, bigint, timestamptz, integer, timestamp) IS
  'transition function of aggregates';
CREATE AGGREGATE retention_nth_day(bigint, timestamptz, integer, timestamp) (
  SFUNC = crmlife.retention_accum, STYPE = internal, SSPACE = 1024,
  FINALFUNC = crmlife.retention_nth_day_final, FINALFUNC_MODIFY = SHAREABLE,
  COMBINEFUNC = crmlife.customers_combine,
  SERIALFUNC = crmlife.customers_serial,
  DESERIALFUNC = crmlife.customers_deserial, PARALLEL = SAFE);
COMMENT ON AGGREGATE retention_nth_day(bigint, timestamptz, integer, timestamp) IS
  'share of customers active exactly on day n after their first, of those whose day n is over at as_of (default: today)';
CREATE FUNCTION crmlife.retention_accum(internal, bigint, timestamptz, integer, timestamptz)
RETURNS internal
LANGUAGE C STABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'crm_retention_accum';
COMMENT ON FUNCTION crmlife.retention_accum(internal, bigint, timestamptz, integer, timestamptz) IS
  'transition function of aggregates';
CREATE AGGREGATE retention_nth_day(bigint, timestamptz, integer, timestamptz) (
  SFUNC = crmlife.retention_accum, STYPE = internal, SSPACE = 1024,
  FINALFUNC = crmlife.retention_nth_day_final, FINALFUNC_MODIFY = SHAREABLE,
  COMBINEFUNC = crmlife.customers_combine,
  SERIALFUNC = crmlife.customers_serial,
  DESERIALFUNC = crmlife.customers_deserial, PARALLEL = SAFE);
COMMENT ON AGGREGATE retention_nth_day(bigint, timestamptz, integer, timestamptz) IS
  'share of customers active exactly on day n after their first, of those whose day n is over at as_of (default: today)';
CREATE FUNCTION crmlife.retention_accum(internal, uuid, date, integer, date)
RETURNS internal
LANGUAGE C IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'crm_retention_accum';
COMMENT ON FUNCTION crmlife.retention_accum(internal, uuid, date, integer, date) IS
  'transition function of aggregates';
CREATE AGGREGATE retention_nth_day(uuid, date, integer, date) (
  SFUNC = crmlife.retention_accum, STYPE = internal, SSPACE = 1024,
  FINALFUNC = crmlife.retention_nth_day_final, FINALFUNC_MODIFY = SHAREABLE,
  COMBINEFUNC = crmlife.customers_combine,
  SERIALFUNC = crmlife.customers_serial,
  DESERIALFUNC = crmlife.customers_deserial, PARALLEL = SAFE);
COMMENT ON AGGREGATE retention_nth_day(uuid, date, integer, date) IS
  'share of customers active exactly on day n after their first, of those whose day n is over at as_of (default: today)';
CREATE FUNCTION crmlife.retention_accum(internal, uuid, date, integer, timestamp)
RETURNS internal
LANGUAGE C IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'crm_retention_accum';
COMMENT ON FUNCTION crmlife.retention_accum(internal, uuid, date, integer, timestamp) IS
  'transition function of aggregates';
CREATE AGGREGATE retention_nth_day(uuid, date, integer, timestamp) (
  SFUNC = crmlife.retention_accum, STYPE = internal, SSPACE = 1024,
  FINALFUNC = crmlife.retention_nth_day_final, FINALFUNC_MODIFY = SHAREABLE,
  COMBINEFUNC = crmlife.customers_combine,
  SERIALFUNC = crmlife.customers_serial,
  DESERIALFUNC = crmlife.customers_deserial, PARALLEL = SAFE);
COMMENT ON AGGREGATE retention_nth_day(uuid, date, integer, timestamp) IS
  'share of customers active exactly on day n after their first, of those whose day n is over at as_of (default: today)';
CREATE FUNCTION crmlife.retention_accum(internal, uuid, date, integer, timestamptz)
RETURNS internal
LANGUAGE C STABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'crm_retention_accum';
COMMENT ON FUNCTION crmlife.retention_accum(internal, uuid, date, integer, timestamptz) IS
  'transition function of aggregates';
CREATE AGGREGATE retention_nth_day(uuid, date, integer, timestamptz) (
  SFUNC = crmlife.retention_accum, STYPE = internal, SSPACE = 1024,
  FINALFUNC = crmlife.retention_nth_day_final, FINALFUNC_MODIFY = SHAREABLE,
  COMBINEFUNC = crmlife.customers_combine,
  SERIALFUNC = crmlife.customers_serial,
  DESERIALFUNC = crmlife.customers_deserial, PARALLEL = SAFE);
COMMENT ON AGGREGATE retention_nth_day(uuid, date, integer, timestamptz) IS
  'share of customers active exactly on day n after their first, of those whose day n is over at as_of (default: today)';
CREATE FUNCTION crmlife.retention_accum(internal, uuid, timestamp, integer, date)
RETURNS internal
LANGUAGE C IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'crm_retention_accum';
COMMENT ON FUNCTION crmlife.retention_accum(internal, uuid, timestamp, integer, date) IS
  'transition function of aggregates';
CREATE AGGREGATE retention_nth_day(uuid, timestamp, integer, date) (
  SFUNC = crmlife.retention_accum, STYPE = internal, SSPACE = 1024,
  FINALFUNC = crmlife.retention_nth_day_final, FINALFUNC_MODIFY = SHAREABLE,
  COMBINEFUNC = crmlife.customers_combine,
  SERIALFUNC = crmlife.customers_serial,
  DESERIALFUNC = crmlife.customers_deserial, PARALLEL = SAFE);
COMMENT ON AGGREGATE retention_nth_day(uuid, timestamp, integer, date) IS
  'share of customers active exactly on day n after their first, of those whose day n is over at as_of (default: today)';
CREATE FUNCTION crmlife.retention_accum(internal, uuid, timestamp, integer, timestamp)
RETURNS internal
LANGUAGE C IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'crm_retention_accum';
COMMENT ON FUNCTION crmlife.retention_accum(internal, uuid, timestamp, integer, timestamp) IS
  'transition function of aggregates';
CREATE AGGREGATE retention_nth_day(uuid, timestamp, integer, timestamp) (
  SFUNC = crmlife.retention_accum, STYPE = internal, SSPACE = 1024,
  FINALFUNC = crmlife.retention_nth_day_final, FINALFUNC_MODIFY = SHAREABLE,
  COMBINEFUNC = crmlife.customers_combine,
  SERIALFUNC = crmlife.customers_serial,
  DESERIALFUNC = crmlife.customers_deserial, PARALLEL = SAFE);
COMMENT ON AGGREGATE retention_nth_day(uuid, timestamp, integer, timestamp) IS
  'share of customers active exactly on day n after their first, of those whose day n is over at as_of (default: today)';
CREATE FUNCTION crmlife.retention_accum(internal, uuid, timestamp, integer, timestamptz)
RETURNS internal
LANGUAGE C STABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'crm_retention_accum';
COMMENT ON FUNCTION crmlife.retention_accum(internal, uuid, timestamp, integer, timestamptz) IS
  'transition function of aggregates';
CREATE AGGREGATE retention_nth_day(uuid, timestamp, integer, timestamptz) (
  SFUNC = crmlife.retention_accum, STYPE = internal, SSPACE = 1024,
  FINALFUNC = crmlife.retention_nth_day_final, FINALFUNC_MODIFY = SHAREABLE,
  COMBINEFUNC = crmlife.customers_combine,
  SERIALFUNC = crmlife.customers_serial,
  DESERIALFUNC = crmlife.customers_deserial, PARALLEL = SAFE);
COMMENT ON AGGREGATE retention_nth_day(uuid, timestamp, integer, timestamptz) IS
  'share of customers active exactly on day n after their first, of those whose day n is over at as_of (default: today)';
CREATE FUNCTION crmlife.retention_accum(internal, uuid, timestamptz, integer, date)
RETURNS internal
LANGUAGE C STABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'crm_retention_accum';
COMMENT ON FUNCTION crmlife.retention_accum(internal, uuid, timestamptz, integer, date) IS
  'transition function of aggregates';
CREATE AGGREGATE retention_nth_day(uuid, timestamptz, integer, date) (
  SFUNC = crmlife.retention_accum, STYPE = internal, SSPACE = 1024,
  FINALFUNC = crmlife.retention_nth_day_final, FINALFUNC_MODIFY = SHAREABLE,
  COMBINEFUNC = crmlife.customers_combine,
  SERIALFUNC = crmlife.customers_serial,
  DESERIALFUNC = crmlife.customers_deserial, PARALLEL = SAFE);
COMMENT ON AGGREGATE retention_nth_day(uuid, timestamptz, integer, date) IS
  'share of customers active exactly on day n after their first, of those whose day n is over at as_of (default: today)';
CREATE FUNCTION crmlife.retention_accum(internal, uuid, timestamptz, integer, timestamp)
RETURNS internal
LANGUAGE C STABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'crm_retention_accum';
COMMENT ON FUNCTION crmlife.retention_accum(internal, uuid, timestamptz, integer, timestamp) IS
  'transition function of aggregates';
CREATE AGGREGATE retention_nth_day(uuid, timestamptz, integer, timestamp) (
  SFUNC = crmlife.retention_accum, STYPE = internal, SSPACE = 1024,
  FINALFUNC = crmlife.retention_nth_day_final, FINALFUNC_MODIFY = SHAREABLE,
  COMBINEFUNC = crmlife.customers_combine,
  SERIALFUNC = crmlife.customers_serial,
  DESERIALFUNC = crmlife.customers_deserial, PARALLEL = SAFE);
COMMENT ON AGGREGATE retention_nth_day(uuid, timestamptz, integer, timestamp) IS
  'share of customers active exactly on day n after their first, of those whose day n is over at as_of (default: today)';
CREATE FUNCTION crmlife.retention_accum(internal, uuid, timestamptz, integer, timestamptz)
RETURNS internal
LANGUAGE C STABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'crm_retention_accum';
COMMENT ON FUNCTION crmlife.retention_accum(internal, uuid, timestamptz, integer, timestamptz) IS
  'transition function of aggregates';
CREATE AGGREGATE retention_nth_day(uuid, timestamptz, integer, timestamptz) (
  SFUNC = crmlife.retention_accum, STYPE = internal, SSPACE = 1024,
  FINALFUNC = crmlife.retention_nth_day_final, FINALFUNC_MODIFY = SHAREABLE,
  COMBINEFUNC = crmlife.customers_combine,
  SERIALFUNC = crmlife.customers_serial,
  DESERIALFUNC = crmlife.customers_deserial, PARALLEL = SAFE);
COMMENT ON AGGREGATE retention_nth_day(uuid, timestamptz, integer, timestamptz) IS
  'share of customers active exactly on day n after their first, of those whose day n is over at as_of (default: today)';
CREATE FUNCTION crmlife.retention_accum(internal, text, date, integer, date)
RETURNS internal
LANGUAGE C IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'crm_retention_accum';
COMMENT ON FUNCTION crmlife.retention_accum(internal, text, date, integer, date) IS
  'transition function of aggregates';
CREATE AGGREGATE retention_nth_day(text, date, integer, date) (
  SFUNC = crmlife.retention_accum, STYPE = internal, SSPACE = 1024,
  FINALFUNC = crmlife.retention_nth_day_final, FINALFUNC_MODIFY = SHAREABLE,
  COMBINEFUNC = crmlife.customers_combine,
  SERIALFUNC = crmlife.customers_serial,
  DESERIALFUNC = crmlife.customers_deserial, PARALLEL = SAFE);
COMMENT ON AGGREGATE retention_nth_day(text, date, integer, date) IS
  'share of customers active exactly on day n after their first, of those whose day n is over at as_of (default: today)';
CREATE FUNCTION crmlife.retention_accum(internal, text, date, integer, timestamp)
RETURNS internal
LANGUAGE C IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'crm_retention_accum';
COMMENT ON FUNCTION crmlife.retention_accum(internal, text, date, integer, timestamp) IS
  'transition function of aggregates';
CREATE AGGREGATE retention_nth_day(text, date, integer, timestamp) (
  SFUNC = crmlife.retention_accum, STYPE = internal, SSPACE = 1024,
  FINALFUNC = crmlife.retention_nth_day_final, FINALFUNC_MODIFY = SHAREABLE,
  COMBINEFUNC = crmlife.customers_combine,
  SERIALFUNC = crmlife.customers_serial,
  DESERIALFUNC = crmlife.customers_deserial, PARALLEL = SAFE);
COMMENT ON AGGREGATE retention_nth_day(text, date, integer, timestamp) IS
  'share of customers active exactly on day n after their first, of those whose day n is over at as_of (default: today)';
CREATE FUNCTION crmlife.retention_accum(internal, text, date, integer, timestamptz)
RETURNS internal
LANGUAGE C STABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'crm_retention_accum';
COMMENT ON FUNCTION crmlife.retention_accum(internal, text, date, integer, timestamptz) IS
  'transition function of aggregates';
CREATE AGGREGATE retention_nth_day(text, date, integer, timestamptz) (
  SFUNC = crmlife.retention_accum, STYPE = internal, SSPACE = 1024,
  FINALFUNC = crmlife.retention_nth_day_final, FINALFUNC_MODIFY = SHAREABLE,
  COMBINEFUNC = crmlife.customers_combine,
  SERIALFUNC = crmlife.customers_serial,
  DESERIALFUNC = crmlife.customers_deserial, PARALLEL = SAFE);
COMMENT ON AGGREGATE retention_nth_day(text, date, integer, timestamptz) IS
  'share of customers active exactly on day n after their first, of those whose day n is over at as_of (default: today)';
CREATE FUNCTION crmlife.retention_accum(internal, text, timestamp, integer, date)
RETURNS internal
LANGUAGE C IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'crm_retention_accum';
COMMENT ON FUNCTION crmlife.retention_accum(internal, text, timestamp, integer, date) IS
  'transition function of aggregates';
CREATE AGGREGATE retention_nth_day(text, timestamp, integer, date) (
  SFUNC = crmlife.retention_accum, STYPE = internal, SSPACE = 1024,
  FINALFUNC = crmlife.retention_nth_day_final, FINALFUNC_MODIFY = SHAREABLE,
  COMBINEFUNC = crmlife.customers_combine,
  SERIALFUNC = crmlife.customers_serial,
  DESERIALFUNC = crmlife.customers_deserial, PARALLEL = SAFE);
COMMENT ON AGGREGATE retention_nth_day(text, timestamp, integer, date) IS
  'share of customers active exactly on day n after their first, of those whose day n is over at as_of (default: today)';
CREATE FUNCTION crmlife.retention_accum(internal, text, timestamp, integer, timestamp)
RETURNS internal
LANGUAGE C IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'crm_retention_accum';
COMMENT ON FUNCTION crmlife.retention_accum(internal, text, timestamp, integer, timestamp) IS
  'transition function of aggregates';
CREATE AGGREGATE retention_nth_day(text, timestamp, integer, timestamp) (
  SFUNC = crmlife.retention_accum, STYPE = internal, SSPACE = 1024,
  FINALFUNC = crmlife.retention_nth_day_final, FINALFUNC_MODIFY = SHAREABLE,
  COMBINEFUNC = crmlife.customers_combine,
  SERIALFUNC = crmlife.customers_serial,
  DESERIALFUNC = crmlife.customers_deserial, PARALLEL = SAFE);
COMMENT ON AGGREGATE retention_nth_day(text, timestamp, integer, timestamp) IS
  'share of customers active exactly on day n after their first, of those whose day n is over at as_of (default: today)';
CREATE FUNCTION crmlife.retention_accum(internal, text, timestamp, integer, timestamptz)
RETURNS internal
LANGUAGE C STABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'crm_retention_accum';
COMMENT ON FUNCTION crmlife.retention_accum(internal, text, timestamp, integer, timestamptz) IS
  'transition function of aggregates';
CREATE AGGREGATE retention_nth_day(text, timestamp, integer, timestamptz) (
  SFUNC = crmlife.retention_accum, STYPE = internal, SSPACE = 1024,
  FINALFUNC = crmlife.retention_nth_day_final, FINALFUNC_MODIFY = SHAREABLE,
  COMBINEFUNC = crmlife.customers_combine,
  SERIALFUNC = crmlife.customers_serial,
  DESERIALFUNC = crmlife.customers_deserial, PARALLEL = SAFE);
COMMENT ON AGGREGATE retention_nth_day(text, timestamp, integer, timestamptz) IS
  'share of customers active exactly on day n after their first, of those whose day n is over at as_of (default: today)';
CREATE FUNCTION crmlife.retention_accum(internal, text, timestamptz, integer, date)
RETURNS internal
LANGUAGE C STABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'crm_retention_accum';
COMMENT ON FUNCTION crmlife.retention_accum(internal, text, timestamptz, integer, date) IS
  'transition function of aggregates';
CREATE AGGREGATE retention_nth_day(text, timestamptz, integer, date) (
  SFUNC = crmlife.retention_accum, STYPE = internal, SSPACE = 1024,
  FINALFUNC = crmlife.retention_nth_day_final, FINALFUNC_MODIFY = SHAREABLE,
  COMBINEFUNC = crmlife.customers_combine,
  SERIALFUNC = crmlife.customers_serial,
  DESERIALFUNC = crmlife.customers_deserial, PARALLEL = SAFE);
COMMENT ON AGGREGATE retention_nth_day(text, timestamptz, integer, date) IS
  'share of customers active exactly on day n after their first, of those whose day n is over at as_of (default: today)';
CREATE FUNCTION crmlife.retention_accum(internal, text, timestamptz, integer, timestamp)
RETURNS internal
LANGUAGE C STABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'crm_retention_accum';
COMMENT ON FUNCTION crmlife.retention_accum(internal, text, timestamptz, integer, timestamp) IS
  'transition function of aggregates';
CREATE AGGREGATE retention_nth_day(text, timestamptz, integer, timestamp) (
  SFUNC = crmlife.retention_accum, STYPE = internal, SSPACE = 1024,
  FINALFUNC = crmlife.retention_nth_day_final, FINALFUNC_MODIFY = SHAREABLE,
  COMBINEFUNC = crmlife.customers_combine,
  SERIALFUNC = crmlife.customers_serial,
  DESERIALFUNC = crmlife.customers_deserial, PARALLEL = SAFE);
COMMENT ON AGGREGATE retention_nth_day(text, timestamptz, integer, timestamp) IS
  'share of customers active exactly on day n after their first, of those whose day n is over at as_of (default: today)';
CREATE FUNCTION crmlife.retention_accum(internal, text, timestamptz, integer, timestamptz)
RETURNS internal
LANGUAGE C STABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'crm_retention_accum';
COMMENT ON FUNCTION crmlife.retention_accum(internal, text, timestamptz, integer, timestamptz) IS
  'transition function of aggregates';
CREATE AGGREGATE retention_nth_day(text, timestamptz, integer, timestamptz) (
  SFUNC = crmlife.retention_accum, STYPE = internal, SSPACE = 1024,
  FINALFUNC = crmlife.retention_nth_day_final, FINALFUNC_MODIFY = SHAREABLE,
  COMBINEFUNC = crmlife.customers_combine,
  SERIALFUNC = crmlife.customers_serial,
  DESERIALFUNC = crmlife.customers_deserial, PARALLEL = SAFE);
COMMENT ON AGGREGATE retention_nth_day(text, timestamptz, integer, timestamptz) IS
  'share of customers active exactly on day n after their first, of those whose day n is over at as_of (default: today)';
CREATE FUNCTION crmlife.retention_nth_day_stats_final(internal)
RETURNS crmlife.rate_stats
LANGUAGE C IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'crm_retention_nth_day_stats_final';
COMMENT ON FUNCTION crmlife.retention_nth_day_stats_final(internal) IS
  'final function of aggregates';
CREATE AGGREGATE retention_nth_day_stats(bigint, date, integer) (
  SFUNC = crmlife.retention_accum, STYPE = internal, SSPACE = 1024,
  FINALFUNC = crmlife.retention_nth_day_stats_final, FINALFUNC_MODIFY = SHAREABLE,
  COMBINEFUNC = crmlife.customers_combine,
  SERIALFUNC = crmlife.customers_serial,
  DESERIALFUNC = crmlife.customers_deserial, PARALLEL = SAFE);
COMMENT ON AGGREGATE retention_nth_day_stats(bigint, date, integer) IS
  'retention_nth_day with its parts and its 95 % interval';
CREATE AGGREGATE retention_nth_day_stats(bigint, timestamp, integer) (
  SFUNC = crmlife.retention_accum, STYPE = internal, SSPACE = 1024,
  FINALFUNC = crmlife.retention_nth_day_stats_final, FINALFUNC_MODIFY = SHAREABLE,
  COMBINEFUNC = crmlife.customers_combine,
  SERIALFUNC = crmlife.customers_serial,
  DESERIALFUNC = crmlife.customers_deserial, PARALLEL = SAFE);
COMMENT ON AGGREGATE retention_nth_day_stats(bigint, timestamp, integer) IS
  'retention_nth_day with its parts and its 95 % interval';
CREATE AGGREGATE retention_nth_day_stats(bigint, timestamptz, integer) (
  SFUNC = crmlife.retention_accum, STYPE = internal, SSPACE = 1024,
  FINALFUNC = crmlife.retention_nth_day_stats_final, FINALFUNC_MODIFY = SHAREABLE,
  COMBINEFUNC = crmlife.customers_combine,
  SERIALFUNC = crmlife.customers_serial,
  DESERIALFUNC = crmlife.customers_deserial, PARALLEL = SAFE);
COMMENT ON AGGREGATE retention_nth_day_stats(bigint, timestamptz, integer) IS
  'retention_nth_day with its parts and its 95 % interval';
CREATE AGGREGATE retention_nth_day_stats(uuid, date, integer) (
  SFUNC = crmlife.retention_accum, STYPE = internal, SSPACE = 1024,
  FINALFUNC = crmlife.retention_nth_day_stats_final, FINALFUNC_MODIFY = SHAREABLE,
  COMBINEFUNC = crmlife.customers_combine,
  SERIALFUNC = crmlife.customers_serial,
  DESERIALFUNC = crmlife.customers_deserial, PARALLEL = SAFE);
COMMENT ON AGGREGATE retention_nth_day_stats(uuid, date, integer) IS
  'retention_nth_day with its parts and its 95 % interval';
CREATE AGGREGATE retention_nth_day_stats(uuid, timestamp, integer) (
  SFUNC = crmlife.retention_accum, STYPE = internal, SSPACE = 1024,
  FINALFUNC = crmlife.retention_nth_day_stats_final, FINALFUNC_MODIFY = SHAREABLE,
  COMBINEFUNC = crmlife.customers_combine,
  SERIALFUNC = crmlife.customers_serial,
  DESERIALFUNC = crmlife.customers_deserial, PARALLEL = SAFE);
COMMENT ON AGGREGATE retention_nth_day_stats(uuid, timestamp, integer) IS
  'retention_nth_day with its parts and its 95 % interval';
CREATE AGGREGATE retention_nth_day_stats(uuid, timestamptz, integer) (
  SFUNC = crmlife.retention_accum, STYPE = internal, SSPACE = 1024,
  FINALFUNC = crmlife.retention_nth_day_stats_final, FINALFUNC_MODIFY = SHAREABLE,
  COMBINEFUNC = crmlife.customers_combine,
  SERIALFUNC = crmlife.customers_serial,
  DESERIALFUNC = crmlife.customers_deserial, PARALLEL = SAFE);
COMMENT ON AGGREGATE retention_nth_day_stats(uuid, timestamptz, integer) IS
  'retention_nth_day with its parts and its 95 % interval';
CREATE AGGREGATE retention_nth_day_stats(text, date, integer) (
  SFUNC = crmlife.retention_accum, STYPE = internal, SSPACE = 1024,
  FINALFUNC = crmlife.retention_nth_day_stats_final, FINALFUNC_MODIFY = SHAREABLE,
  COMBINEFUNC = crmlife.customers_combine,
  SERIALFUNC = crmlife.customers_serial,
  DESERIALFUNC = crmlife.customers_deserial, PARALLEL = SAFE);
COMMENT ON AGGREGATE retention_nth_day_stats(text, date, integer) IS
  'retention_nth_day with its parts and its 95 % interval';
CREATE AGGREGATE retention_nth_day_stats(text, timestamp, integer) (
  SFUNC = crmlife.retention_accum, STYPE = internal, SSPACE = 1024,
  FINALFUNC = crmlife.retention_nth_day_stats_final, FINALFUNC_MODIFY = SHAREABLE,
  COMBINEFUNC = crmlife.customers_combine,
  SERIALFUNC = crmlife.customers_serial,
  DESERIALFUNC = crmlife.customers_deserial, PARALLEL = SAFE);
COMMENT ON AGGREGATE retention_nth_day_stats(text, timestamp, integer) IS
  'retention_nth_day with its parts and its 95 % interval';
CREATE AGGREGATE retention_nth_day_stats(text, timestamptz, integer) (
  SFUNC = crmlife.retention_accum, STYPE = internal, SSPACE = 1024,
  FINALFUNC = crmlife.retention_nth_day_stats_final, FINALFUNC_MODIFY = SHAREABLE,
  COMBINEFUNC = crmlife.customers_combine,
  SERIALFUNC = crmlife.customers_serial,
  DESERIALFUNC = crmlife.customers_deserial, PARALLEL = SAFE);
COMMENT ON AGGREGATE retention_nth_day_stats(text, timestamptz, integer) IS
  'retention_nth_day with its parts and its 95 % interval';
CREATE AGGREGATE retention_nth_day_stats(bigint, date, integer, date) (
  SFUNC = crmlife.retention_accum, STYPE = internal, SSPACE = 1024,
  FINALFUNC = crmlife.retention_nth_day_stats_final, FINALFUNC_MODIFY = SHAREABLE,
  COMBINEFUNC = crmlife.customers_combine,
  SERIALFUNC = crmlife.customers_serial,
  DESERIALFUNC = crmlife.customers_deserial, PARALLEL = SAFE);
COMMENT ON AGGREGATE retention_nth_day_stats(bigint, date, integer, date) IS
  'retention_nth_day with its parts and its 95 % interval';
CREATE AGGREGATE retention_nth_day_stats(bigint, date, integer, timestamp) (
  SFUNC = crmlife.retention_accum, STYPE = internal, SSPACE = 1024,
  FINALFUNC = crmlife.retention_nth_day_stats_final, FINALFUNC_MODIFY = SHAREABLE,
  COMBINEFUNC = crmlife.customers_combine,
  SERIALFUNC = crmlife.customers_serial,
  DESERIALFUNC = crmlife.customers_deserial, PARALLEL = SAFE);
COMMENT ON AGGREGATE retention_nth_day_stats(bigint, date, integer, timestamp) IS
  'retention_nth_day with its parts and its 95 % interval';
CREATE AGGREGATE retention_nth_day_stats(bigint, date, integer, timestamptz) (
  SFUNC = crmlife.retention_accum, STYPE = internal, SSPACE = 1024,
  FINALFUNC = crmlife.retention_nth_day_stats_final, FINALFUNC_MODIFY = SHAREABLE,
  COMBINEFUNC = crmlife.customers_combine,
  SERIALFUNC = crmlife.customers_serial,
  DESERIALFUNC = crmlife.customers_deserial, PARALLEL = SAFE);
COMMENT ON AGGREGATE retention_nth_day_stats(bigint, date, integer, timestamptz) IS
  'retention_nth_day with its parts and its 95 % interval';
CREATE AGGREGATE retention_nth_day_stats(bigint, timestamp, integer, date) (
  SFUNC = crmlife.retention_accum, STYPE = internal, SSPACE = 1024,
  FINALFUNC = crmlife.retention_nth_day_stats_final, FINALFUNC_MODIFY = SHAREABLE,
  COMBINEFUNC = crmlife.customers_combine,
  SERIALFUNC = crmlife.customers_serial,
  DESERIALFUNC = crmlife.customers_deserial, PARALLEL = SAFE);
COMMENT ON AGGREGATE retention_nth_day_stats(bigint, timestamp, integer, date) IS
  'retention_nth_day with its parts and its 95 % interval';
CREATE AGGREGATE retention_nth_day_stats(bigint, timestamp, integer, timestamp) (
  SFUNC = crmlife.retention_accum, STYPE = internal, SSPACE = 1024,
  FINALFUNC = crmlife.retention_nth_day_stats_final, FINALFUNC_MODIFY = SHAREABLE,
  COMBINEFUNC = crmlife.customers_combine,
  SERIALFUNC = crmlife.customers_serial,
  DESERIALFUNC = crmlife.customers_deserial, PARALLEL = SAFE);
COMMENT ON AGGREGATE retention_nth_day_stats(bigint, timestamp, integer, timestamp) IS
  'retention_nth_day with its parts and its 95 % interval';
CREATE AGGREGATE retention_nth_day_stats(bigint, timestamp, integer, timestamptz) (
  SFUNC = crmlife.retention_accum, STYPE = internal, SSPACE = 1024,
  FINALFUNC = crmlife.retention_nth_day_stats_final, FINALFUNC_MODIFY = SHAREABLE,
  COMBINEFUNC = crmlife.customers_combine,
  SERIALFUNC = crmlife.customers_serial,
  DESERIALFUNC = crmlife.customers_deserial, PARALLEL = SAFE);
COMMENT ON AGGREGATE retention_nth_day_stats(bigint, timestamp, integer, timestamptz) IS
  'retention_nth_day with its parts and its 95 % interval';
CREATE AGGREGATE retention_nth_day_stats(bigint, timestamptz, integer, date) (
  SFUNC = crmlife.retention_accum, STYPE = internal, SSPACE = 1024,
  FINALFUNC = crmlife.retention_nth_day_stats_final, FINALFUNC_MODIFY = SHAREABLE,
  COMBINEFUNC = crmlife.customers_combine,
  SERIALFUNC = crmlife.customers_serial,
  DESERIALFUNC = crmlife.customers_deserial, PARALLEL = SAFE);
COMMENT ON AGGREGATE retention_nth_day_stats(bigint, timestamptz, integer, date) IS
  'retention_nth_day with its parts and its 95 % interval';
CREATE AGGREGATE retention_nth_day_stats(bigint, timestamptz, integer, timestamp) (
  SFUNC = crmlife.retention_accum, STYPE = internal, SSPACE = 1024,
  FINALFUNC = crmlife.retention_nth_day_stats_final, FINALFUNC_MODIFY = SHAREABLE,
  COMBINEFUNC = crmlife.customers_combine,
  SERIALFUNC = crmlife.customers_serial,
  DESERIALFUNC = crmlife.customers_deserial, PARALLEL = SAFE);
COMMENT ON AGGREGATE retention_nth_day_stats(bigint, timestamptz, integer, timestamp) IS
  'retention_nth_day with its parts and its 95 % interval';
CREATE AGGREGATE retention_nth_day_stats(bigint, timestamptz, integer, timestamptz) (
  SFUNC = crmlife.retention_accum, STYPE = internal, SSPACE = 1024,
  FINALFUNC = crmlife.retention_nth_day_stats_final, FINALFUNC_MODIFY = SHAREABLE,
  COMBINEFUNC = crmlife.customers_combine,
  SERIALFUNC = crmlife.customers_serial,
  DESERIALFUNC = crmlife.customers_deserial, PARALLEL = SAFE);
COMMENT ON AGGREGATE retention_nth_day_stats(bigint, timestamptz, integer, timestamptz) IS
  'retention_nth_day with its parts and its 95 % interval';
CREATE AGGREGATE retention_nth_day_stats(uuid, date, integer, date) (
  SFUNC = crmlife.retention_accum, STYPE = internal, SSPACE = 1024,
  FINALFUNC = crmlife.retention_nth_day_stats_final, FINALFUNC_MODIFY = SHAREABLE,
  COMBINEFUNC = crmlife.customers_combine,
  SERIALFUNC = crmlife.customers_serial,
  DESERIALFUNC = crmlife.customers_deserial, PARALLEL = SAFE);
COMMENT ON AGGREGATE retention_nth_day_stats(uuid, date, integer, date) IS
  'retention_nth_day with its parts and its 95 % interval';
CREATE AGGREGATE retention_nth_day_stats(uuid, date, integer, timestamp) (
  SFUNC = crmlife.retention_accum, STYPE = internal, SSPACE = 1024,
  FINALFUNC = crmlife.retention_nth_day_stats_final, FINALFUNC_MODIFY = SHAREABLE,
  COMBINEFUNC = crmlife.customers_combine,
  SERIALFUNC = crmlife.customers_serial,
  DESERIALFUNC = crmlife.customers_deserial, PARALLEL = SAFE);
COMMENT ON AGGREGATE retention_nth_day_stats(uuid, date, integer, timestamp) IS
  'retention_nth_day with its parts and its 95 % interval';
CREATE AGGREGATE retention_nth_day_stats(uuid, date, integer, timestamptz) (
  SFUNC = crmlife.retention_accum, STYPE = internal, SSPACE = 1024,
  FINALFUNC = crmlife.retention_nth_day_stats_final, FINALFUNC_MODIFY = SHAREABLE,
  COMBINEFUNC = crmlife.customers_combine,
  SERIALFUNC = crmlife.customers_serial,
  DESERIALFUNC = crmlife.customers_deserial, PARALLEL = SAFE);
COMMENT ON AGGREGATE retention_nth_day_stats(uuid, date, integer, timestamptz) IS
  'retention_nth_day with its parts and its 95 % interval';
CREATE AGGREGATE retention_nth_day_stats(uuid, timestamp, integer, date) (
  SFUNC = crmlife.retention_accum, STYPE = internal, SSPACE = 1024,
  FINALFUNC = crmlife.retention_nth_day_stats_final, FINALFUNC_MODIFY = SHAREABLE,
  COMBINEFUNC = crmlife.customers_combine,
  SERIALFUNC = crmlife.customers_serial,
  DESERIALFUNC = crmlife.customers_deserial, PARALLEL = SAFE);
COMMENT ON AGGREGATE retention_nth_day_stats(uuid, timestamp, integer, date) IS
  'retention_nth_day with its parts and its 95 % interval';
CREATE AGGREGATE retention_nth_day_stats(uuid, timestamp, integer, timestamp) (
  SFUNC = crmlife.retention_accum, STYPE = internal, SSPACE = 1024,
  FINALFUNC = crmlife.retention_nth_day_stats_final, FINALFUNC_MODIFY = SHAREABLE,
  COMBINEFUNC = crmlife.customers_combine,
  SERIALFUNC = crmlife.customers_serial,
  DESERIALFUNC = crmlife.customers_deserial, PARALLEL = SAFE);
COMMENT ON AGGREGATE retention_nth_day_stats(uuid, timestamp, integer, timestamp) IS
  'retention_nth_day with its parts and its 95 % interval';
CREATE AGGREGATE retention_nth_day_stats(uuid, timestamp, integer, timestamptz) (
  SFUNC = crmlife.retention_accum, STYPE = internal, SSPACE = 1024,
  FINALFUNC = crmlife.retention_nth_day_stats_final, FINALFUNC_MODIFY = SHAREABLE,
  COMBINEFUNC = crmlife.customers_combine,
  SERIALFUNC = crmlife.customers_serial,
  DESERIALFUNC = crmlife.customers_deserial, PARALLEL = SAFE);
COMMENT ON AGGREGATE retention_nth_day_stats(uuid, timestamp, integer, timestamptz) IS
  'retention_nth_day with its parts and its 95 % interval';
CREATE AGGREGATE retention_nth_day_stats(uuid, timestamptz, integer, date) (
  SFUNC = crmlife.retention_accum, STYPE = internal, SSPACE = 1024,
  FINALFUNC = crmlife.retention_nth_day_stats_final, FINALFUNC_MODIFY = SHAREABLE,
  COMBINEFUNC = crmlife.customers_combine,
  SERIALFUNC = crmlife.customers_serial,
  DESERIALFUNC = crmlife.customers_deserial, PARALLEL = SAFE);
COMMENT ON AGGREGATE retention_nth_day_stats(uuid, timestamptz, integer, date) IS
  'retention_nth_day with its parts and its 95 % interval';
CREATE AGGREGATE retention_nth_day_stats(uuid, timestamptz, integer, timestamp) (
  SFUNC = crmlife.retention_accum, STYPE = internal, SSPACE = 1024,
  FINALFUNC = crmlife.retention_nth_day_stats_final, FINALFUNC_MODIFY = SHAREABLE,
  COMBINEFUNC = crmlife.customers_combine,
  SERIALFUNC = crmlife.customers_serial,
  DESERIALFUNC = crmlife.customers_deserial, PARALLEL = SAFE);
COMMENT ON AGGREGATE retention_nth_day_stats(uuid, timestamptz, integer, timestamp) IS
  'retention_nth_day with its parts and its 95 % interval';
CREATE AGGREGATE retention_nth_day_stats(uuid, timestamptz, integer, timestamptz) (
  SFUNC = crmlife.retention_accum, STYPE = internal, SSPACE = 1024,
  FINALFUNC = crmlife.retention_nth_day_stats_final, FINALFUNC_MODIFY = SHAREABLE,
  COMBINEFUNC = crmlife.customers_combine,
  SERIALFUNC = crmlife.customers_serial,
  DESERIALFUNC = crmlife.customers_deserial, PARALLEL = SAFE);
COMMENT ON AGGREGATE retention_nth_day_stats(uuid, timestamptz, integer, timestamptz) IS
  'retention_nth_day with its parts and its 95 % interval';
CREATE AGGREGATE retention_nth_day_stats(text, date, integer, date) (
  SFUNC = crmlife.retention_accum, STYPE = internal, SSPACE = 1024,
  FINALFUNC = crmlife.retention_nth_day_stats_final, FINALFUNC_MODIFY = SHAREABLE,
  COMBINEFUNC = crmlife.customers_combine,
  SERIALFUNC = crmlife.customers_serial,
  DESERIALFUNC = crmlife.customers_deserial, PARALLEL = SAFE);
COMMENT ON AGGREGATE retention_nth_day_stats(text, date, integer, date) IS
  'retention_nth_day with its parts and its 95 % interval';
CREATE AGGREGATE retention_nth_day_stats(text, date, integer, timestamp) (
  SFUNC = crmlife.retention_accum, STYPE = internal, SSPACE = 1024,
  FINALFUNC = crmlife.retention_nth_day_stats_final, FINALFUNC_MODIFY = SHAREABLE,
  COMBINEFUNC = crmlife.customers_combine,
  SERIALFUNC = crmlife.customers_serial,
  DESERIALFUNC = crmlife.customers_deserial, PARALLEL = SAFE);
COMMENT ON AGGREGATE retention_nth_day_stats(text, date, integer, timestamp) IS
  'retention_nth_day with its parts and its 95 % interval';
CREATE AGGREGATE retention_nth_day_stats(text, date, integer, timestamptz) (
  SFUNC = crmlife.retention_accum, STYPE = internal, SSPACE = 1024,
  FINALFUNC = crmlife.retention_nth_day_stats_final, FINALFUNC_MODIFY = SHAREABLE,
  COMBINEFUNC = crmlife.customers_combine,
  SERIALFUNC = crmlife.customers_serial,
  DESERIALFUNC = crmlife.customers_deserial, PARALLEL = SAFE);
COMMENT ON AGGREGATE retention_nth_day_stats(text, date, integer, timestamptz) IS
  'retention_nth_day with its parts and its 95 % interval';
CREATE AGGREGATE retention_nth_day_stats(text, timestamp, integer, date) (
  SFUNC = crmlife.retention_accum, STYPE = internal, SSPACE = 1024,
  FINALFUNC = crmlife.retention_nth_day_stats_final, FINALFUNC_MODIFY = SHAREABLE,
  COMBINEFUNC = crmlife.customers_combine,
  SERIALFUNC = crmlife.customers_serial,
  DESERIALFUNC = crmlife.customers_deserial, PARALLEL = SAFE);
COMMENT ON AGGREGATE retention_nth_day_stats(text, timestamp, integer, date) IS
  'retention_nth_day with its parts and its 95 % interval';
CREATE AGGREGATE retention_nth_day_stats(text, timestamp, integer, timestamp) (
  SFUNC = crmlife.retention_accum, STYPE = internal, SSPACE = 1024,
  FINALFUNC = crmlife.retention_nth_day_stats_final, FINALFUNC_MODIFY = SHAREABLE,
  COMBINEFUNC = crmlife.customers_combine,
  SERIALFUNC = crmlife.customers_serial,
  DESERIALFUNC = crmlife.customers_deserial, PARALLEL = SAFE);
COMMENT ON AGGREGATE retention_nth_day_stats(text, timestamp, integer, timestamp) IS
  'retention_nth_day with its parts and its 95 % interval';
CREATE AGGREGATE retention_nth_day_stats(text, timestamp, integer, timestamptz) (
  SFUNC = crmlife.retention_accum, STYPE = internal, SSPACE = 1024,
  FINALFUNC = crmlife.retention_nth_day_stats_final, FINALFUNC_MODIFY = SHAREABLE,
  COMBINEFUNC = crmlife.customers_combine,
  SERIALFUNC = crmlife.customers_serial,
  DESERIALFUNC = crmlife.customers_deserial, PARALLEL = SAFE);
COMMENT ON AGGREGATE retention_nth_day_stats(text, timestamp, integer, timestamptz) IS
  'retention_nth_day with its parts and its 95 % interval';
CREATE AGGREGATE retention_nth_day_stats(text, timestamptz, integer, date) (
  SFUNC = crmlife.retention_accum, STYPE = internal, SSPACE = 1024,
  FINALFUNC = crmlife.retention_nth_day_stats_final, FINALFUNC_MODIFY = SHAREABLE,
  COMBINEFUNC = crmlife.customers_combine,
  SERIALFUNC = crmlife.customers_serial,
  DESERIALFUNC = crmlife.customers_deserial, PARALLEL = SAFE);
COMMENT ON AGGREGATE retention_nth_day_stats(text, timestamptz, integer, date) IS
  'retention_nth_day with its parts and its 95 % interval';
CREATE AGGREGATE retention_nth_day_stats(text, timestamptz, integer, timestamp) (
  SFUNC = crmlife.retention_accum, STYPE = internal, SSPACE = 1024,
  FINALFUNC = crmlife.retention_nth_day_stats_final, FINALFUNC_MODIFY = SHAREABLE,
  COMBINEFUNC = crmlife.customers_combine,
  SERIALFUNC = crmlife.customers_serial,
  DESERIALFUNC = crmlife.customers_deserial, PARALLEL = SAFE);
COMMENT ON AGGREGATE retention_nth_day_stats(text, timestamptz, integer, timestamp) IS
  'retention_nth_day with its parts and its 95 % interval';
CREATE AGGREGATE retention_nth_day_stats(text, timestamptz, integer, timestamptz) (
  SFUNC = crmlife.retention_accum, STYPE = internal, SSPACE = 1024,
  FINALFUNC = crmlife.retention_nth_day_stats_final, FINALFUNC_MODIFY = SHAREABLE,
  COMBINEFUNC = crmlife.customers_combine,
  SERIALFUNC = crmlife.customers_serial,
  DESERIALFUNC = crmlife.customers_deserial, PARALLEL = SAFE);
COMMENT ON AGGREGATE retention_nth_day_stats(text, timestamptz, integer, timestamptz) IS
  'retention_nth_day with its parts and its 95 % interval';
CREATE FUNCTION crmlife.retention_within_days_final(internal)
RETURNS float8
LANGUAGE C IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'crm_retention_within_days_final';
COMMENT ON FUNCTION crmlife.retention_within_days_final(internal) IS
  'final function of aggregates';
CREATE AGGREGATE retention_within_days(bigint, date, integer) (
  SFUNC = crmlife.retention_accum, STYPE = internal, SSPACE = 1024,
  FINALFUNC = crmlife.retention_within_days_final, FINALFUNC_MODIFY = SHAREABLE,
  COMBINEFUNC = crmlife.customers_combine,
  SERIALFUNC = crmlife.customers_serial,
  DESERIALFUNC = crmlife.customers_deserial, PARALLEL = SAFE);
COMMENT ON AGGREGATE retention_within_days(bigint, date, integer) IS
  'share of customers active on any of days 1 to n after their first, of those whose day n is over at as_of (default: today)';
CREATE AGGREGATE retention_within_days(bigint, timestamp, integer) (
  SFUNC = crmlife.retention_accum, STYPE = internal, SSPACE = 1024,
  FINALFUNC = crmlife.retention_within_days_final, FINALFUNC_MODIFY = SHAREABLE,
  COMBINEFUNC = crmlife.customers_combine,
  SERIALFUNC = crmlife.customers_serial,
  DESERIALFUNC = crmlife.customers_deserial, PARALLEL = SAFE);
COMMENT ON AGGREGATE retention_within_days(bigint, timestamp, integer) IS
  'share of customers active on any of days 1 to n after their first, of those whose day n is over at as_of (default: today)';
CREATE AGGREGATE retention_within_days(bigint, timestamptz, integer) (
  SFUNC = crmlife.retention_accum, STYPE = internal, SSPACE = 1024,
  FINALFUNC = crmlife.retention_within_days_final, FINALFUNC_MODIFY = SHAREABLE,
  COMBINEFUNC = crmlife.customers_combine,
  SERIALFUNC = crmlife.customers_serial,
  DESERIALFUNC = crmlife.customers_deserial, PARALLEL = SAFE);
COMMENT ON AGGREGATE retention_within_days(bigint, timestamptz, integer) IS
  'share of customers active on any of days 1 to n after their first, of those whose day n is over at as_of (default: today)';
CREATE AGGREGATE retention_within_days(uuid, date, integer) (
  SFUNC = crmlife.retention_accum, STYPE = internal, SSPACE = 1024,
  FINALFUNC = crmlife.retention_within_days_final, FINALFUNC_MODIFY = SHAREABLE,
  COMBINEFUNC = crmlife.customers_combine,
  SERIALFUNC = crmlife.customers_serial,
  DESERIALFUNC = crmlife.customers_deserial, PARALLEL = SAFE);
COMMENT ON AGGREGATE retention_within_days(uuid, date, integer) IS
  'share of customers active on any of days 1 to n after their first, of those whose day n is over at as_of (default: today)';
CREATE AGGREGATE retention_within_days(uuid, timestamp, integer) (
  SFUNC = crmlife.retention_accum, STYPE = internal, SSPACE = 1024,
  FINALFUNC = crmlife.retention_within_days_final, FINALFUNC_MODIFY = SHAREABLE,
  COMBINEFUNC = crmlife.customers_combine,
  SERIALFUNC = crmlife.customers_serial,
  DESERIALFUNC = crmlife.customers_deserial, PARALLEL = SAFE);
COMMENT ON AGGREGATE retention_within_days(uuid, timestamp, integer) IS
  'share of customers active on any of days 1 to n after their first, of those whose day n is over at as_of (default: today)';
CREATE AGGREGATE retention_within_days(uuid, timestamptz, integer) (
  SFUNC = crmlife.retention_accum, STYPE = internal, SSPACE = 1024,
  FINALFUNC = crmlife.retention_within_days_final, FINALFUNC_MODIFY = SHAREABLE,
  COMBINEFUNC = crmlife.customers_combine,
  SERIALFUNC = crmlife.customers_serial,
  DESERIALFUNC = crmlife.customers_deserial, PARALLEL = SAFE);
COMMENT ON AGGREGATE retention_within_days(uuid, timestamptz, integer) IS
  'share of customers active on any of days 1 to n after their first, of those whose day n is over at as_of (default: today)';
CREATE AGGREGATE retention_within_days(text, date, integer) (
  SFUNC = crmlife.retention_accum, STYPE = internal, SSPACE = 1024,
  FINALFUNC = crmlife.retention_within_days_final, FINALFUNC_MODIFY = SHAREABLE,
  COMBINEFUNC = crmlife.customers_combine,
  SERIALFUNC = crmlife.customers_serial,
  DESERIALFUNC = crmlife.customers_deserial, PARALLEL = SAFE);
COMMENT ON AGGREGATE retention_within_days(text, date, integer) IS
  'share of customers active on any of days 1 to n after their first, of those whose day n is over at as_of (default: today)';
CREATE AGGREGATE retention_within_days(text, timestamp, integer) (
  SFUNC = crmlife.retention_accum, STYPE = internal, SSPACE = 1024,
  FINALFUNC = crmlife.retention_within_days_final, FINALFUNC_MODIFY = SHAREABLE,
  COMBINEFUNC = crmlife.customers_combine,
  SERIALFUNC = crmlife.customers_serial,
  DESERIALFUNC = crmlife.customers_deserial, PARALLEL = SAFE);
COMMENT ON AGGREGATE retention_within_days(text, timestamp, integer) IS
  'share of customers active on any of days 1 to n after their first, of those whose day n is over at as_of (default: today)';
CREATE AGGREGATE retention_within_days(text, timestamptz, integer) (
  SFUNC = crmlife.retention_accum, STYPE = internal, SSPACE = 1024,
  FINALFUNC = crmlife.retention_within_days_final, FINALFUNC_MODIFY = SHAREABLE,
  COMBINEFUNC = crmlife.customers_combine,
  SERIALFUNC = crmlife.customers_serial,
  DESERIALFUNC = crmlife.customers_deserial, PARALLEL = SAFE);
COMMENT ON AGGREGATE retention_within_days(text, timestamptz, integer) IS
  'share of customers active on any of days 1 to n after their first, of those whose day n is over at as_of (default: today)';
CREATE AGGREGATE retention_within_days(bigint, date, integer, date) (
  SFUNC = crmlife.retention_accum, STYPE = internal, SSPACE = 1024,
  FINALFUNC = crmlife.retention_within_days_final, FINALFUNC_MODIFY = SHAREABLE,
  COMBINEFUNC = crmlife.customers_combine,
  SERIALFUNC = crmlife.customers_serial,
  DESERIALFUNC = crmlife.customers_deserial, PARALLEL = SAFE);
COMMENT ON AGGREGATE retention_within_days(bigint, date, integer, date) IS
  'share of customers active on any of days 1 to n after their first, of those whose day n is over at as_of (default: today)';
CREATE AGGREGATE retention_within_days(bigint, date, integer, timestamp) (
  SFUNC = crmlife.retention_accum, STYPE = internal, SSPACE = 1024,
  FINALFUNC = crmlife.retention_within_days_final, FINALFUNC_MODIFY = SHAREABLE,
  COMBINEFUNC = crmlife.customers_combine,
  SERIALFUNC = crmlife.customers_serial,
  DESERIALFUNC = crmlife.customers_deserial, PARALLEL = SAFE);
COMMENT ON AGGREGATE retention_within_days(bigint, date, integer, timestamp) IS
  'share of customers active on any of days 1 to n after their first, of those whose day n is over at as_of (default: today)';
CREATE AGGREGATE retention_within_days(bigint, date, integer, timestamptz) (
  SFUNC = crmlife.retention_accum, STYPE = internal, SSPACE = 1024,
  FINALFUNC = crmlife.retention_within_days_final, FINALFUNC_MODIFY = SHAREABLE,
  COMBINEFUNC = crmlife.customers_combine,
  SERIALFUNC = crmlife.customers_serial,
  DESERIALFUNC = crmlife.customers_deserial, PARALLEL = SAFE);
COMMENT ON AGGREGATE retention_within_days(bigint, date, integer, timestamptz) IS
  'share of customers active on any of days 1 to n after their first, of those whose day n is over at as_of (default: today)';
CREATE AGGREGATE retention_within_days(bigint, timestamp, integer, date) (
  SFUNC = crmlife.retention_accum, STYPE = internal, SSPACE = 1024,
  FINALFUNC = crmlife.retention_within_days_final, FINALFUNC_MODIFY = SHAREABLE,
  COMBINEFUNC = crmlife.customers_combine,
  SERIALFUNC = crmlife.customers_serial,
  DESERIALFUNC = crmlife.customers_deserial, PARALLEL = SAFE);
COMMENT ON AGGREGATE retention_within_days(bigint, timestamp, integer, date) IS
  'share of customers active on any of days 1 to n after their first, of those whose day n is over at as_of (default: today)';
CREATE AGGREGATE retention_within_days(bigint, timestamp, integer, timestamp) (
  SFUNC = crmlife.retention_accum, STYPE = internal, SSPACE = 1024,
  FINALFUNC = crmlife.retention_within_days_final, FINALFUNC_MODIFY = SHAREABLE,
  COMBINEFUNC = crmlife.customers_combine,
  SERIALFUNC = crmlife.customers_serial,
  DESERIALFUNC = crmlife.customers_deserial, PARALLEL = SAFE);
COMMENT ON AGGREGATE retention_within_days(bigint, timestamp, integer, timestamp) IS
  'share of customers active on any of days 1 to n after their first, of those whose day n is over at as_of (default: today)';
CREATE AGGREGATE retention_within_days(bigint, timestamp, integer, timestamptz) (
  SFUNC = crmlife.retention_accum, STYPE = internal, SSPACE = 1024,
  FINALFUNC = crmlife.retention_within_days_final, FINALFUNC_MODIFY = SHAREABLE,
  COMBINEFUNC = crmlife.customers_combine,
  SERIALFUNC = crmlife.customers_serial,
  DESERIALFUNC = crmlife.customers_deserial, PARALLEL = SAFE);
COMMENT ON AGGREGATE retention_within_days(bigint, timestamp, integer, timestamptz) IS
  'share of customers active on any of days 1 to n after their first, of those whose day n is over at as_of (default: today)';
CREATE AGGREGATE retention_within_days(bigint, timestamptz, integer, date) (
  SFUNC = crmlife.retention_accum, STYPE = internal, SSPACE = 1024,
  FINALFUNC = crmlife.retention_within_days_final, FINALFUNC_MODIFY = SHAREABLE,
  COMBINEFUNC = crmlife.customers_combine,
  SERIALFUNC = crmlife.customers_serial,
  DESERIALFUNC = crmlife.customers_deserial, PARALLEL = SAFE);
COMMENT ON AGGREGATE retention_within_days(bigint, timestamptz, integer, date) IS
  'share of customers active on any of days 1 to n after their first, of those whose day n is over at as_of (default: today)';
CREATE AGGREGATE retention_within_days(bigint, timestamptz, integer, timestamp) (
  SFUNC = crmlife.retention_accum, STYPE = internal, SSPACE = 1024,
  FINALFUNC = crmlife.retention_within_days_final, FINALFUNC_MODIFY = SHAREABLE,
  COMBINEFUNC = crmlife.customers_combine,
  SERIALFUNC = crmlife.customers_serial,
  DESERIALFUNC = crmlife.customers_deserial, PARALLEL = SAFE);
COMMENT ON AGGREGATE retention_within_days(bigint, timestamptz, integer, timestamp) IS
  'share of customers active on any of days 1 to n after their first, of those whose day n is over at as_of (default: today)';
CREATE AGGREGATE retention_within_days(bigint, timestamptz, integer, timestamptz) (
  SFUNC = crmlife.retention_accum, STYPE = internal, SSPACE = 1024,
  FINALFUNC = crmlife.retention_within_days_final, FINALFUNC_MODIFY = SHAREABLE,
  COMBINEFUNC = crmlife.customers_combine,
  SERIALFUNC = crmlife.customers_serial,
  DESERIALFUNC = crmlife.customers_deserial, PARALLEL = SAFE);
COMMENT ON AGGREGATE retention_within_days(bigint, timestamptz, integer, timestamptz) IS
  'share of customers active on any of days 1 to n after their first, of those whose day n is over at as_of (default: today)';
CREATE AGGREGATE retention_within_days(uuid, date, integer, date) (
  SFUNC = crmlife.retention_accum, STYPE = internal, SSPACE = 1024,
  FINALFUNC = crmlife.retention_within_days_final, FINALFUNC_MODIFY = SHAREABLE,
  COMBINEFUNC = crmlife.customers_combine,
  SERIALFUNC = crmlife.customers_serial,
  DESERIALFUNC = crmlife.customers_deserial, PARALLEL = SAFE);
COMMENT ON AGGREGATE retention_within_days(uuid, date, integer, date) IS
  'share of customers active on any of days 1 to n after their first, of those whose day n is over at as_of (default: today)';
CREATE AGGREGATE retention_within_days(uuid, date, integer, timestamp) (
  SFUNC = crmlife.retention_accum, STYPE = internal, SSPACE = 1024,
  FINALFUNC = crmlife.retention_within_days_final, FINALFUNC_MODIFY = SHAREABLE,
  COMBINEFUNC = crmlife.customers_combine,
  SERIALFUNC = crmlife.customers_serial,
  DESERIALFUNC = crmlife.customers_deserial, PARALLEL = SAFE);
COMMENT ON AGGREGATE retention_within_days(uuid, date, integer, timestamp) IS
  'share of customers active on any of days 1 to n after their first, of those whose day n is over at as_of (default: today)';
CREATE AGGREGATE retention_within_days(uuid, date, integer, timestamptz) (
  SFUNC = crmlife.retention_accum, STYPE = internal, SSPACE = 1024,
  FINALFUNC = crmlife.retention_within_days_final, FINALFUNC_MODIFY = SHAREABLE,
  COMBINEFUNC = crmlife.customers_combine,
  SERIALFUNC = crmlife.customers_serial,
  DESERIALFUNC = crmlife.customers_deserial, PARALLEL = SAFE);
COMMENT ON AGGREGATE retention_within_days(uuid, date, integer, timestamptz) IS
  'share of customers active on any of days 1 to n after their first, of those whose day n is over at as_of (default: today)';
CREATE AGGREGATE retention_within_days(uuid, timestamp, integer, date) (
  SFUNC = crmlife.retention_accum, STYPE = internal, SSPACE = 1024,
  FINALFUNC = crmlife.retention_within_days_final, FINALFUNC_MODIFY = SHAREABLE,
  COMBINEFUNC = crmlife.customers_combine,
  SERIALFUNC = crmlife.customers_serial,
  DESERIALFUNC = crmlife.customers_deserial, PARALLEL = SAFE);
COMMENT ON AGGREGATE retention_within_days(uuid, timestamp, integer, date) IS
  'share of customers active on any of days 1 to n after their first, of those whose day n is over at as_of (default: today)';
CREATE AGGREGATE retention_within_days(uuid, timestamp, integer, timestamp) (
  SFUNC = crmlife.retention_accum, STYPE = internal, SSPACE = 1024,
  FINALFUNC = crmlife.retention_within_days_final, FINALFUNC_MODIFY = SHAREABLE,
  COMBINEFUNC = crmlife.customers_combine,
  SERIALFUNC = crmlife.customers_serial,
  DESERIALFUNC = crmlife.customers_deserial, PARALLEL = SAFE);
COMMENT ON AGGREGATE retention_within_days(uuid, timestamp, integer, timestamp) IS
  'share of customers active on any of days 1 to n after their first, of those whose day n is over at as_of (default: today)';
CREATE AGGREGATE retention_within_days(uuid, timestamp, integer, timestamptz) (
  SFUNC = crmlife.retention_accum, STYPE = internal, SSPACE = 1024,
  FINALFUNC = crmlife.retention_within_days_final, FINALFUNC_MODIFY = SHAREABLE,
  COMBINEFUNC = crmlife.customers_combine,
  SERIALFUNC = crmlife.customers_serial,
  DESERIALFUNC = crmlife.customers_deserial, PARALLEL = SAFE);
COMMENT ON AGGREGATE retention_within_days(uuid, timestamp, integer, timestamptz) IS
  'share of customers active on any of days 1 to n after their first, of those whose day n is over at as_of (default: today)';
CREATE AGGREGATE retention_within_days(uuid, timestamptz, integer, date) (
  SFUNC = crmlife.retention_accum, STYPE = internal, SSPACE = 1024,
  FINALFUNC = crmlife.retention_within_days_final, FINALFUNC_MODIFY = SHAREABLE,
  COMBINEFUNC = crmlife.customers_combine,
  SERIALFUNC = crmlife.customers_serial,
  DESERIALFUNC = crmlife.customers_deserial, PARALLEL = SAFE);
COMMENT ON AGGREGATE retention_within_days(uuid, timestamptz, integer, date) IS
  'share of customers active on any of days 1 to n after their first, of those whose day n is over at as_of (default: today)';
CREATE AGGREGATE retention_within_days(uuid, timestamptz, integer, timestamp) (
  SFUNC = crmlife.retention_accum, STYPE = internal, SSPACE = 1024,
  FINALFUNC = crmlife.retention_within_days_final, FINALFUNC_MODIFY = SHAREABLE,
  COMBINEFUNC = crmlife.customers_combine,
  SERIALFUNC = crmlife.customers_serial,
  DESERIALFUNC = crmlife.customers_deserial, PARALLEL = SAFE);
COMMENT ON AGGREGATE retention_within_days(uuid, timestamptz, integer, timestamp) IS
  'share of customers active on any of days 1 to n after their first, of those whose day n is over at as_of (default: today)';
CREATE AGGREGATE retention_within_days(uuid, timestamptz, integer, timestamptz) (
  SFUNC = crmlife.retention_accum, STYPE = internal, SSPACE = 1024,
  FINALFUNC = crmlife.retention_within_days_final, FINALFUNC_MODIFY = SHAREABLE,
  COMBINEFUNC = crmlife.customers_combine,
  SERIALFUNC = crmlife.customers_serial,
  DESERIALFUNC = crmlife.customers_deserial, PARALLEL = SAFE);
COMMENT ON AGGREGATE retention_within_days(uuid, timestamptz, integer, timestamptz) IS
  'share of customers active on any of days 1 to n after their first, of those whose day n is over at as_of (default: today)';
CREATE AGGREGATE retention_within_days(text, date, integer, date) (
  SFUNC = crmlife.retention_accum, STYPE = internal, SSPACE = 1024,
  FINALFUNC = crmlife.retention_within_days_final, FINALFUNC_MODIFY = SHAREABLE,
  COMBINEFUNC = crmlife.customers_combine,
  SERIALFUNC = crmlife.customers_serial,
  DESERIALFUNC = crmlife.customers_deserial, PARALLEL = SAFE);
COMMENT ON AGGREGATE retention_within_days(text, date, integer, date) IS
  'share of customers active on any of days 1 to n after their first, of those whose day n is over at as_of (default: today)';
CREATE AGGREGATE retention_within_days(text, date, integer, timestamp) (
  SFUNC = crmlife.retention_accum, STYPE = internal, SSPACE = 1024,
  FINALFUNC = crmlife.retention_within_days_final, FINALFUNC_MODIFY = SHAREABLE,
  COMBINEFUNC = crmlife.customers_combine,
  SERIALFUNC = crmlife.customers_serial,
  DESERIALFUNC = crmlife.customers_deserial, PARALLEL = SAFE);
COMMENT ON AGGREGATE retention_within_days(text, date, integer, timestamp) IS
  'share of customers active on any of days 1 to n after their first, of those whose day n is over at as_of (default: today)';
CREATE AGGREGATE retention_within_days(text, date, integer, timestamptz) (
  SFUNC = crmlife.retention_accum, STYPE = internal, SSPACE = 1024,
  FINALFUNC = crmlife.retention_within_days_final, FINALFUNC_MODIFY = SHAREABLE,
  COMBINEFUNC = crmlife.customers_combine,
  SERIALFUNC = crmlife.customers_serial,
  DESERIALFUNC = crmlife.customers_deserial, PARALLEL = SAFE);
COMMENT ON AGGREGATE retention_within_days(text, date, integer, timestamptz) IS
  'share of customers active on any of days 1 to n after their first, of those whose day n is over at as_of (default: today)';
CREATE AGGREGATE retention_within_days(text, timestamp, integer, date) (
  SFUNC = crmlife.retention_accum, STYPE = internal, SSPACE = 1024,
  FINALFUNC = crmlife.retention_within_days_final, FINALFUNC_MODIFY = SHAREABLE,
  COMBINEFUNC = crmlife.customers_combine,
  SERIALFUNC = crmlife.customers_serial,
  DESERIALFUNC = crmlife.customers_deserial, PARALLEL = SAFE);
COMMENT ON AGGREGATE retention_within_days(text, timestamp, integer, date) IS
  'share of customers active on any of days 1 to n after their first, of those whose day n is over at as_of (default: today)';
CREATE AGGREGATE retention_within_days(text, timestamp, integer, timestamp) (
  SFUNC = crmlife.retention_accum, STYPE = internal, SSPACE = 1024,
  FINALFUNC = crmlife.retention_within_days_final, FINALFUNC_MODIFY = SHAREABLE,
  COMBINEFUNC = crmlife.customers_combine,
  SERIALFUNC = crmlife.customers_serial,
  DESERIALFUNC = crmlife.customers_deserial, PARALLEL = SAFE);
COMMENT ON AGGREGATE retention_within_days(text, timestamp, integer, timestamp) IS
  'share of customers active on any of days 1 to n after their first, of those whose day n is over at as_of (default: today)';
CREATE AGGREGATE retention_within_days(text, timestamp, integer, timestamptz) (
  SFUNC = crmlife.retention_accum, STYPE = internal, SSPACE = 1024,
  FINALFUNC = crmlife.retention_within_days_final, FINALFUNC_MODIFY = SHAREABLE,
  COMBINEFUNC = crmlife.customers_combine,
  SERIALFUNC = crmlife.customers_serial,
  DESERIALFUNC = crmlife.customers_deserial, PARALLEL = SAFE);
COMMENT ON AGGREGATE retention_within_days(text, timestamp, integer, timestamptz) IS
  'share of customers active on any of days 1 to n after their first, of those whose day n is over at as_of (default: today)';
CREATE AGGREGATE retention_within_days(text, timestamptz, integer, date) (
  SFUNC = crmlife.retention_accum, STYPE = internal, SSPACE = 1024,
  FINALFUNC = crmlife.retention_within_days_final, FINALFUNC_MODIFY = SHAREABLE,
  COMBINEFUNC = crmlife.customers_combine,
  SERIALFUNC = crmlife.customers_serial,
  DESERIALFUNC = crmlife.customers_deserial, PARALLEL = SAFE);
COMMENT ON AGGREGATE retention_within_days(text, timestamptz, integer, date) IS
  'share of customers active on any of days 1 to n after their first, of those whose day n is over at as_of (default: today)';
CREATE AGGREGATE retention_within_days(text, timestamptz, integer, timestamp) (
  SFUNC = crmlife.retention_accum, STYPE = internal, SSPACE = 1024,
  FINALFUNC = crmlife.retention_within_days_final, FINALFUNC_MODIFY = SHAREABLE,
  COMBINEFUNC = crmlife.customers_combine,
  SERIALFUNC = crmlife.customers_serial,
  DESERIALFUNC = crmlife.customers_deserial, PARALLEL = SAFE);
COMMENT ON AGGREGATE retention_within_days(text, timestamptz, integer, timestamp) IS
  'share of customers active on any of days 1 to n after their first, of those whose day n is over at as_of (default: today)';
CREATE AGGREGATE retention_within_days(text, timestamptz, integer, timestamptz) (
  SFUNC = crmlife.retention_accum, STYPE = internal, SSPACE = 1024,
  FINALFUNC = crmlife.retention_within_days_final, FINALFUNC_MODIFY = SHAREABLE,
  COMBINEFUNC = crmlife.customers_combine,
  SERIALFUNC = crmlife.customers_serial,
  DESERIALFUNC = crmlife.customers_deserial, PARALLEL = SAFE);
COMMENT ON AGGREGATE retention_within_days(text, timestamptz, integer, timestamptz) IS
  'share of customers active on any of days 1 to n after their first, of those whose day n is over at as_of (default: today)';
CREATE FUNCTION crmlife.retention_within_days_stats_final(internal)
RETURNS crmlife.rate_stats
LANGUAGE C IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'crm_retention_within_days_stats_final';
COMMENT ON FUNCTION crmlife.retention_within_days_stats_final(internal) IS
  'final function of aggregates';
CREATE AGGREGATE retention_within_days_stats(bigint, date, integer) (
  SFUNC = crmlife.retention_accum, STYPE = internal, SSPACE = 1024,
  FINALFUNC = crmlife.retention_within_days_stats_final, FINALFUNC_MODIFY = SHAREABLE,
  COMBINEFUNC = crmlife.customers_combine,
  SERIALFUNC = crmlife.customers_serial,
  DESERIALFUNC = crmlife.customers_deserial, PARALLEL = SAFE);
COMMENT ON AGGREGATE retention_within_days_stats(bigint, date, integer) IS
  'retention_within_days with its parts and its 95 % interval';
CREATE AGGREGATE retention_within_days_stats(bigint, timestamp, integer) (
  SFUNC = crmlife.retention_accum, STYPE = internal, SSPACE = 1024,
  FINALFUNC = crmlife.retention_within_days_stats_final, FINALFUNC_MODIFY = SHAREABLE,
  COMBINEFUNC = crmlife.customers_combine,
  SERIALFUNC = crmlife.customers_serial,
  DESERIALFUNC = crmlife.customers_deserial, PARALLEL = SAFE);
COMMENT ON AGGREGATE retention_within_days_stats(bigint, timestamp, integer) IS
  'retention_within_days with its parts and its 95 % interval';
CREATE AGGREGATE retention_within_days_stats(bigint, timestamptz, integer) (
  SFUNC = crmlife.retention_accum, STYPE = internal, SSPACE = 1024,
  FINALFUNC = crmlife.retention_within_days_stats_final, FINALFUNC_MODIFY = SHAREABLE,
  COMBINEFUNC = crmlife.customers_combine,
  SERIALFUNC = crmlife.customers_serial,
  DESERIALFUNC = crmlife.customers_deserial, PARALLEL = SAFE);
COMMENT ON AGGREGATE retention_within_days_stats(bigint, timestamptz, integer) IS
  'retention_within_days with its parts and its 95 % interval';
CREATE AGGREGATE retention_within_days_stats(uuid, date, integer) (
  SFUNC = crmlife.retention_accum, STYPE = internal, SSPACE = 1024,
  FINALFUNC = crmlife.retention_within_days_stats_final, FINALFUNC_MODIFY = SHAREABLE,
  COMBINEFUNC = crmlife.customers_combine,
  SERIALFUNC = crmlife.customers_serial,
  DESERIALFUNC = crmlife.customers_deserial, PARALLEL = SAFE);
COMMENT ON AGGREGATE retention_within_days_stats(uuid, date, integer) IS
  'retention_within_days with its parts and its 95 % interval';
CREATE AGGREGATE retention_within_days_stats(uuid, timestamp, integer) (
  SFUNC = crmlife.retention_accum, STYPE = internal, SSPACE = 1024,
  FINALFUNC = crmlife.retention_within_days_stats_final, FINALFUNC_MODIFY = SHAREABLE,
  COMBINEFUNC = crmlife.customers_combine,
  SERIALFUNC = crmlife.customers_serial,
  DESERIALFUNC = crmlife.customers_deserial, PARALLEL = SAFE);
COMMENT ON AGGREGATE retention_within_days_stats(uuid, timestamp, integer) IS
  'retention_within_days with its parts and its 95 % interval';
CREATE AGGREGATE retention_within_days_stats(uuid, timestamptz, integer) (
  SFUNC = crmlife.retention_accum, STYPE = internal, SSPACE = 1024,
  FINALFUNC = crmlife.retention_within_days_stats_final, FINALFUNC_MODIFY = SHAREABLE,
  COMBINEFUNC = crmlife.customers_combine,
  SERIALFUNC = crmlife.customers_serial,
  DESERIALFUNC = crmlife.customers_deserial, PARALLEL = SAFE);
COMMENT ON AGGREGATE retention_within_days_stats(uuid, timestamptz, integer) IS
  'retention_within_days with its parts and its 95 % interval';
CREATE AGGREGATE retention_within_days_stats(text, date, integer) (
  SFUNC = crmlife.retention_accum, STYPE = internal, SSPACE = 1024,
  FINALFUNC = crmlife.retention_within_days_stats_final, FINALFUNC_MODIFY = SHAREABLE,
  COMBINEFUNC = crmlife.customers_combine,
  SERIALFUNC = crmlife.customers_serial,
  DESERIALFUNC = crmlife.customers_deserial, PARALLEL = SAFE);
COMMENT ON AGGREGATE retention_within_days_stats(text, date, integer) IS
  'retention_within_days with its parts and its 95 % interval';
CREATE AGGREGATE retention_within_days_stats(text, timestamp, integer) (
  SFUNC = crmlife.retention_accum, STYPE = internal, SSPACE = 1024,
  FINALFUNC = crmlife.retention_within_days_stats_final, FINALFUNC_MODIFY = SHAREABLE,
  COMBINEFUNC = crmlife.customers_combine,
  SERIALFUNC = crmlife.customers_serial,
  DESERIALFUNC = crmlife.customers_deserial, PARALLEL = SAFE);
COMMENT ON AGGREGATE retention_within_days_stats(text, timestamp, integer) IS
  'retention_within_days with its parts and its 95 % interval';
CREATE AGGREGATE retention_within_days_stats(text, timestamptz, integer) (
  SFUNC = crmlife.retention_accum, STYPE = internal, SSPACE = 1024,
  FINALFUNC = crmlife.retention_within_days_stats_final, FINALFUNC_MODIFY = SHAREABLE,
  COMBINEFUNC = crmlife.customers_combine,
  SERIALFUNC = crmlife.customers_serial,
  DESERIALFUNC = crmlife.customers_deserial, PARALLEL = SAFE);
COMMENT ON AGGREGATE retention_within_days_stats(text, timestamptz, integer) IS
  'retention_within_days with its parts and its 95 % interval';
CREATE AGGREGATE retention_within_days_stats(bigint, date, integer, date) (
  SFUNC = crmlife.retention_accum, STYPE = internal, SSPACE = 1024,
  FINALFUNC = crmlife.retention_within_days_stats_final, FINALFUNC_MODIFY = SHAREABLE,
  COMBINEFUNC = crmlife.customers_combine,
  SERIALFUNC = crmlife.customers_serial,
  DESERIALFUNC = crmlife.customers_deserial, PARALLEL = SAFE);
COMMENT ON AGGREGATE retention_within_days_stats(bigint, date, integer, date) IS
  'retention_within_days with its parts and its 95 % interval';
CREATE AGGREGATE retention_within_days_stats(bigint, date, integer, timestamp) (
  SFUNC = crmlife.retention_accum, STYPE = internal, SSPACE = 1024,
  FINALFUNC = crmlife.retention_within_days_stats_final, FINALFUNC_MODIFY = SHAREABLE,
  COMBINEFUNC = crmlife.customers_combine,
  SERIALFUNC = crmlife.customers_serial,
  DESERIALFUNC = crmlife.customers_deserial, PARALLEL = SAFE);
COMMENT ON AGGREGATE retention_within_days_stats(bigint, date, integer, timestamp) IS
  'retention_within_days with its parts and its 95 % interval';
CREATE AGGREGATE retention_within_days_stats(bigint, date, integer, timestamptz) (
  SFUNC = crmlife.retention_accum, STYPE = internal, SSPACE = 1024,
  FINALFUNC = crmlife.retention_within_days_stats_final, FINALFUNC_MODIFY = SHAREABLE,
  COMBINEFUNC = crmlife.customers_combine,
  SERIALFUNC = crmlife.customers_serial,
  DESERIALFUNC = crmlife.customers_deserial, PARALLEL = SAFE);
COMMENT ON AGGREGATE retention_within_days_stats(bigint, date, integer, timestamptz) IS
  'retention_within_days with its parts and its 95 % interval';
CREATE AGGREGATE retention_within_days_stats(bigint, timestamp, integer, date) (
  SFUNC = crmlife.retention_accum, STYPE = internal, SSPACE = 1024,
  FINALFUNC = crmlife.retention_within_days_stats_final, FINALFUNC_MODIFY = SHAREABLE,
  COMBINEFUNC = crmlife.customers_combine,
  SERIALFUNC = crmlife.customers_serial,
  DESERIALFUNC = crmlife.customers_deserial, PARALLEL = SAFE);
COMMENT ON AGGREGATE retention_within_days_stats(bigint, timestamp, integer, date) IS
  'retention_within_days with its parts and its 95 % interval';
CREATE AGGREGATE retention_within_days_stats(bigint, timestamp, integer, timestamp) (
  SFUNC = crmlife.retention_accum, STYPE = internal, SSPACE = 1024,
  FINALFUNC = crmlife.retention_within_days_stats_final, FINALFUNC_MODIFY = SHAREABLE,
  COMBINEFUNC = crmlife.customers_combine,
  SERIALFUNC = crmlife.customers_serial,
  DESERIALFUNC = crmlife.customers_deserial, PARALLEL = SAFE);
COMMENT ON AGGREGATE retention_within_days_stats(bigint, timestamp, integer, timestamp) IS
  'retention_within_days with its parts and its 95 % interval';
CREATE AGGREGATE retention_within_days_stats(bigint, timestamp, integer, timestamptz) (
  SFUNC = crmlife.retention_accum, STYPE = internal, SSPACE = 1024,
  FINALFUNC = crmlife.retention_within_days_stats_final, FINALFUNC_MODIFY = SHAREABLE,
  COMBINEFUNC = crmlife.customers_combine,
  SERIALFUNC = crmlife.customers_serial,
  DESERIALFUNC = crmlife.customers_deserial, PARALLEL = SAFE);
COMMENT ON AGGREGATE retention_within_days_stats(bigint, timestamp, integer, timestamptz) IS
  'retention_within_days with its parts and its 95 % interval';
CREATE AGGREGATE retention_within_days_stats(bigint, timestamptz, integer, date) (
  SFUNC = crmlife.retention_accum, STYPE = internal, SSPACE = 1024,
  FINALFUNC = crmlife.retention_within_days_stats_final, FINALFUNC_MODIFY = SHAREABLE,
  COMBINEFUNC = crmlife.customers_combine,
  SERIALFUNC = crmlife.customers_serial,
  DESERIALFUNC = crmlife.customers_deserial, PARALLEL = SAFE);
COMMENT ON AGGREGATE retention_within_days_stats(bigint, timestamptz, integer, date) IS
  'retention_within_days with its parts and its 95 % interval';
CREATE AGGREGATE retention_within_days_stats(bigint, timestamptz, integer, timestamp) (
  SFUNC = crmlife.retention_accum, STYPE = internal, SSPACE = 1024,
  FINALFUNC = crmlife.retention_within_days_stats_final, FINALFUNC_MODIFY = SHAREABLE,
  COMBINEFUNC = crmlife.customers_combine,
  SERIALFUNC = crmlife.customers_serial,
  DESERIALFUNC = crmlife.customers_deserial, PARALLEL = SAFE);
COMMENT ON AGGREGATE retention_within_days_stats(bigint, timestamptz, integer, timestamp) IS
  'retention_within_days with its parts and its 95 % interval';
CREATE AGGREGATE retention_within_days_stats(bigint, timestamptz, integer, timestamptz) (
  SFUNC = crmlife.retention_accum, STYPE = internal, SSPACE = 1024,
  FINALFUNC = crmlife.retention_within_days_stats_final, FINALFUNC_MODIFY = SHAREABLE,
  COMBINEFUNC = crmlife.customers_combine,
  SERIALFUNC = crmlife.customers_serial,
  DESERIALFUNC = crmlife.customers_deserial, PARALLEL = SAFE);
COMMENT ON AGGREGATE retention_within_days_stats(bigint, timestamptz, integer, timestamptz) IS
  'retention_within_days with its parts and its 95 % interval';
CREATE AGGREGATE retention_within_days_stats(uuid, date, integer, date) (
  SFUNC = crmlife.retention_accum, STYPE = internal, SSPACE = 1024,
  FINALFUNC = crmlife.retention_within_days_stats_final, FINALFUNC_MODIFY = SHAREABLE,
  COMBINEFUNC = crmlife.customers_combine,
  SERIALFUNC = crmlife.customers_serial,
  DESERIALFUNC = crmlife.customers_deserial, PARALLEL = SAFE);
COMMENT ON AGGREGATE retention_within_days_stats(uuid, date, integer, date) IS
  'retention_within_days with its parts and its 95 % interval';
CREATE AGGREGATE retention_within_days_stats(uuid, date, integer, timestamp) (
  SFUNC = crmlife.retention_accum, STYPE = internal, SSPACE = 1024,
  FINALFUNC = crmlife.retention_within_days_stats_final, FINALFUNC_MODIFY = SHAREABLE,
  COMBINEFUNC = crmlife.customers_combine,
  SERIALFUNC = crmlife.customers_serial,
  DESERIALFUNC = crmlife.customers_deserial, PARALLEL = SAFE);
COMMENT ON AGGREGATE retention_within_days_stats(uuid, date, integer, timestamp) IS
  'retention_within_days with its parts and its 95 % interval';
CREATE AGGREGATE retention_within_days_stats(uuid, date, integer, timestamptz) (
  SFUNC = crmlife.retention_accum, STYPE = internal, SSPACE = 1024,
  FINALFUNC = crmlife.retention_within_days_stats_final, FINALFUNC_MODIFY = SHAREABLE,
  COMBINEFUNC = crmlife.customers_combine,
  SERIALFUNC = crmlife.customers_serial,
  DESERIALFUNC = crmlife.customers_deserial, PARALLEL = SAFE);
COMMENT ON AGGREGATE retention_within_days_stats(uuid, date, integer, timestamptz) IS
  'retention_within_days with its parts and its 95 % interval';
CREATE AGGREGATE retention_within_days_stats(uuid, timestamp, integer, date) (
  SFUNC = crmlife.retention_accum, STYPE = internal, SSPACE = 1024,
  FINALFUNC = crmlife.retention_within_days_stats_final, FINALFUNC_MODIFY = SHAREABLE,
  COMBINEFUNC = crmlife.customers_combine,
  SERIALFUNC = crmlife.customers_serial,
  DESERIALFUNC = crmlife.customers_deserial, PARALLEL = SAFE);
COMMENT ON AGGREGATE retention_within_days_stats(uuid, timestamp, integer, date) IS
  'retention_within_days with its parts and its 95 % interval';
CREATE AGGREGATE retention_within_days_stats(uuid, timestamp, integer, timestamp) (
  SFUNC = crmlife.retention_accum, STYPE = internal, SSPACE = 1024,
  FINALFUNC = crmlife.retention_within_days_stats_final, FINALFUNC_MODIFY = SHAREABLE,
  COMBINEFUNC = crmlife.customers_combine,
  SERIALFUNC = crmlife.customers_serial,
  DESERIALFUNC = crmlife.customers_deserial, PARALLEL = SAFE);
COMMENT ON AGGREGATE retention_within_days_stats(uuid, timestamp, integer, timestamp) IS
  'retention_within_days with its parts and its 95 % interval';
CREATE AGGREGATE retention_within_days_stats(uuid, timestamp, integer, timestamptz) (
  SFUNC = crmlife.retention_accum, STYPE = internal, SSPACE = 1024,
  FINALFUNC = crmlife.retention_within_days_stats_final, FINALFUNC_MODIFY = SHAREABLE,
  COMBINEFUNC = crmlife.customers_combine,
  SERIALFUNC = crmlife.customers_serial,
  DESERIALFUNC = crmlife.customers_deserial, PARALLEL = SAFE);
COMMENT ON AGGREGATE retention_within_days_stats(uuid, timestamp, integer, timestamptz) IS
  'retention_within_days with its parts and its 95 % interval';
CREATE AGGREGATE retention_within_days_stats(uuid, timestamptz, integer, date) (
  SFUNC = crmlife.retention_accum, STYPE = internal, SSPACE = 1024,
  FINALFUNC = crmlife.retention_within_days_stats_final, FINALFUNC_MODIFY = SHAREABLE,
  COMBINEFUNC = crmlife.customers_combine,
  SERIALFUNC = crmlife.customers_serial,
  DESERIALFUNC = crmlife.customers_deserial, PARALLEL = SAFE);
COMMENT ON AGGREGATE retention_within_days_stats(uuid, timestamptz, integer, date) IS
  'retention_within_days with its parts and its 95 % interval';
CREATE AGGREGATE retention_within_days_stats(uuid, timestamptz, integer, timestamp) (
  SFUNC = crmlife.retention_accum, STYPE = internal, SSPACE = 1024,
  FINALFUNC = crmlife.retention_within_days_stats_final, FINALFUNC_MODIFY = SHAREABLE,
  COMBINEFUNC = crmlife.customers_combine,
  SERIALFUNC = crmlife.customers_serial,
  DESERIALFUNC = crmlife.customers_deserial, PARALLEL = SAFE);
COMMENT ON AGGREGATE retention_within_days_stats(uuid, timestamptz, integer, timestamp) IS
  'retention_within_days with its parts and its 95 % interval';
CREATE AGGREGATE retention_within_days_stats(uuid, timestamptz, integer, timestamptz) (
  SFUNC = crmlife.retention_accum, STYPE = internal, SSPACE = 1024,
  FINALFUNC = crmlife.retention_within_days_stats_final, FINALFUNC_MODIFY = SHAREABLE,
  COMBINEFUNC = crmlife.customers_combine,
  SERIALFUNC = crmlife.customers_serial,
  DESERIALFUNC = crmlife.customers_deserial, PARALLEL = SAFE);
COMMENT ON AGGREGATE retention_within_days_stats(uuid, timestamptz, integer, timestamptz) IS
  'retention_within_days with its parts and its 95 % interval';
CREATE AGGREGATE retention_within_days_stats(text, date, integer, date) (
  SFUNC = crmlife.retention_accum, STYPE = internal, SSPACE = 1024,
  FINALFUNC = crmlife.retention_within_days_stats_final, FINALFUNC_MODIFY = SHAREABLE,
  COMBINEFUNC = crmlife.customers_combine,
  SERIALFUNC = crmlife.customers_serial,
  DESERIALFUNC = crmlife.customers_deserial, PARALLEL = SAFE);
COMMENT ON AGGREGATE retention_within_days_stats(text, date, integer, date) IS
  'retention_within_days with its parts and its 95 % interval';
CREATE AGGREGATE retention_within_days_stats(text, date, integer, timestamp) (
  SFUNC = crmlife.retention_accum, STYPE = internal, SSPACE = 1024,
  FINALFUNC = crmlife.retention_within_days_stats_final, FINALFUNC_MODIFY = SHAREABLE,
  COMBINEFUNC = crmlife.customers_combine,
  SERIALFUNC = crmlife.customers_serial,
  DESERIALFUNC = crmlife.customers_deserial, PARALLEL = SAFE);
COMMENT ON AGGREGATE retention_within_days_stats(text, date, integer, timestamp) IS
  'retention_within_days with its parts and its 95 % interval';
CREATE AGGREGATE retention_within_days_stats(text, date, integer, timestamptz) (
  SFUNC = crmlife.retention_accum, STYPE = internal, SSPACE = 1024,
  FINALFUNC = crmlife.retention_within_days_stats_final, FINALFUNC_MODIFY = SHAREABLE,
  COMBINEFUNC = crmlife.customers_combine,
  SERIALFUNC = crmlife.customers_serial,
  DESERIALFUNC = crmlife.customers_deserial, PARALLEL = SAFE);
COMMENT ON AGGREGATE retention_within_days_stats(text, date, integer, timestamptz) IS
  'retention_within_days with its parts and its 95 % interval';
CREATE AGGREGATE retention_within_days_stats(text, timestamp, integer, date) (
  SFUNC = crmlife.retention_accum, STYPE = internal, SSPACE = 1024,
  FINALFUNC = crmlife.retention_within_days_stats_final, FINALFUNC_MODIFY = SHAREABLE,
  COMBINEFUNC = crmlife.customers_combine,
  SERIALFUNC = crmlife.customers_serial,
  DESERIALFUNC = crmlife.customers_deserial, PARALLEL = SAFE);
COMMENT ON AGGREGATE retention_within_days_stats(text, timestamp, integer, date) IS
  'retention_within_days with its parts and its 95 % interval';
CREATE AGGREGATE retention_within_days_stats(text, timestamp, integer, timestamp) (
  SFUNC = crmlife.retention_accum, STYPE = internal, SSPACE = 1024,
  FINALFUNC = crmlife.retention_within_days_stats_final, FINALFUNC_MODIFY = SHAREABLE,
  COMBINEFUNC = crmlife.customers_combine,
  SERIALFUNC = crmlife.customers_serial,
  DESERIALFUNC = crmlife.customers_deserial, PARALLEL = SAFE);
COMMENT ON AGGREGATE retention_within_days_stats(text, timestamp, integer, timestamp) IS
  'retention_within_days with its parts and its 95 % interval';
CREATE AGGREGATE retention_within_days_stats(text, timestamp, integer, timestamptz) (
  SFUNC = crmlife.retention_accum, STYPE = internal, SSPACE = 1024,
  FINALFUNC = crmlife.retention_within_days_stats_final, FINALFUNC_MODIFY = SHAREABLE,
  COMBINEFUNC = crmlife.customers_combine,
  SERIALFUNC = crmlife.customers_serial,
  DESERIALFUNC = crmlife.customers_deserial, PARALLEL = SAFE);
COMMENT ON AGGREGATE retention_within_days_stats(text, timestamp, integer, timestamptz) IS
  'retention_within_days with its parts and its 95 % interval';
CREATE AGGREGATE retention_within_days_stats(text, timestamptz, integer, date) (
  SFUNC = crmlife.retention_accum, STYPE = internal, SSPACE = 1024,
  FINALFUNC = crmlife.retention_within_days_stats_final, FINALFUNC_MODIFY = SHAREABLE,
  COMBINEFUNC = crmlife.customers_combine,
  SERIALFUNC = crmlife.customers_serial,
  DESERIALFUNC = crmlife.customers_deserial, PARALLEL = SAFE);
COMMENT ON AGGREGATE retention_within_days_stats(text, timestamptz, integer, date) IS
  'retention_within_days with its parts and its 95 % interval';
CREATE AGGREGATE retention_within_days_stats(text, timestamptz, integer, timestamp) (
  SFUNC = crmlife.retention_accum, STYPE = internal, SSPACE = 1024,
  FINALFUNC = crmlife.retention_within_days_stats_final, FINALFUNC_MODIFY = SHAREABLE,
  COMBINEFUNC = crmlife.customers_combine,
  SERIALFUNC = crmlife.customers_serial,
  DESERIALFUNC = crmlife.customers_deserial, PARALLEL = SAFE);
COMMENT ON AGGREGATE retention_within_days_stats(text, timestamptz, integer, timestamp) IS
  'retention_within_days with its parts and its 95 % interval';
CREATE AGGREGATE retention_within_days_stats(text, timestamptz, integer, timestamptz) (
  SFUNC = crmlife.retention_accum, STYPE = internal, SSPACE = 1024,
  FINALFUNC = crmlife.retention_within_days_stats_final, FINALFUNC_MODIFY = SHAREABLE,
  COMBINEFUNC = crmlife.customers_combine,
  SERIALFUNC = crmlife.customers_serial,
  DESERIALFUNC = crmlife.customers_deserial, PARALLEL = SAFE);
COMMENT ON AGGREGATE retention_within_days_stats(text, timestamptz, integer, timestamptz) IS
  'retention_within_days with its parts and its 95 % interval';
