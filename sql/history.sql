-- The type purchase_history: one customer's orders and visits as one value.

CREATE TYPE crmlife.purchase_history;

CREATE FUNCTION crmlife.purchase_history_in(cstring) RETURNS crmlife.purchase_history
AS 'MODULE_PATHNAME', 'crm_history_in'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION crmlife.purchase_history_in(cstring) IS
  'I/O';

CREATE FUNCTION crmlife.purchase_history_out(crmlife.purchase_history) RETURNS cstring
AS 'MODULE_PATHNAME', 'crm_history_out'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION crmlife.purchase_history_out(crmlife.purchase_history) IS
  'I/O';

CREATE FUNCTION crmlife.purchase_history_recv(internal) RETURNS crmlife.purchase_history
AS 'MODULE_PATHNAME', 'crm_history_recv'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION crmlife.purchase_history_recv(internal) IS
  'I/O';

CREATE FUNCTION crmlife.purchase_history_send(crmlife.purchase_history) RETURNS bytea
AS 'MODULE_PATHNAME', 'crm_history_send'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION crmlife.purchase_history_send(crmlife.purchase_history) IS
  'I/O';

CREATE TYPE crmlife.purchase_history (
  INPUT = crmlife.purchase_history_in,
  OUTPUT = crmlife.purchase_history_out,
  RECEIVE = crmlife.purchase_history_recv,
  SEND = crmlife.purchase_history_send,
  INTERNALLENGTH = VARIABLE,
  ALIGNMENT = int4,
  STORAGE = extended);
COMMENT ON TYPE crmlife.purchase_history IS
  'orders (local time, amount) and visits (local day) of one customer';

-- Comparison.  Equal histories are equal bytes; their order means nothing.

CREATE FUNCTION crmlife.purchase_history_eq(crmlife.purchase_history, crmlife.purchase_history) RETURNS bool
AS 'MODULE_PATHNAME', 'crm_history_eq'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION crmlife.purchase_history_eq(crmlife.purchase_history, crmlife.purchase_history) IS
  'implementation of operator =';

CREATE FUNCTION crmlife.purchase_history_ne(crmlife.purchase_history, crmlife.purchase_history) RETURNS bool
AS 'MODULE_PATHNAME', 'crm_history_ne'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION crmlife.purchase_history_ne(crmlife.purchase_history, crmlife.purchase_history) IS
  'implementation of operator <>';

CREATE FUNCTION crmlife.purchase_history_lt(crmlife.purchase_history, crmlife.purchase_history) RETURNS bool
AS 'MODULE_PATHNAME', 'crm_history_lt'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION crmlife.purchase_history_lt(crmlife.purchase_history, crmlife.purchase_history) IS
  'implementation of operator <';

CREATE FUNCTION crmlife.purchase_history_le(crmlife.purchase_history, crmlife.purchase_history) RETURNS bool
AS 'MODULE_PATHNAME', 'crm_history_le'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION crmlife.purchase_history_le(crmlife.purchase_history, crmlife.purchase_history) IS
  'implementation of operator <=';

CREATE FUNCTION crmlife.purchase_history_gt(crmlife.purchase_history, crmlife.purchase_history) RETURNS bool
AS 'MODULE_PATHNAME', 'crm_history_gt'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION crmlife.purchase_history_gt(crmlife.purchase_history, crmlife.purchase_history) IS
  'implementation of operator >';

CREATE FUNCTION crmlife.purchase_history_ge(crmlife.purchase_history, crmlife.purchase_history) RETURNS bool
AS 'MODULE_PATHNAME', 'crm_history_ge'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION crmlife.purchase_history_ge(crmlife.purchase_history, crmlife.purchase_history) IS
  'implementation of operator >=';

CREATE FUNCTION crmlife.purchase_history_cmp(crmlife.purchase_history, crmlife.purchase_history) RETURNS int
AS 'MODULE_PATHNAME', 'crm_history_cmp'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION crmlife.purchase_history_cmp(crmlife.purchase_history, crmlife.purchase_history) IS
  'for btree indexes';

CREATE FUNCTION crmlife.purchase_history_hash(crmlife.purchase_history) RETURNS int
AS 'MODULE_PATHNAME', 'crm_history_hash'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION crmlife.purchase_history_hash(crmlife.purchase_history) IS
  'for hash joins, aggregates and indexes';

CREATE FUNCTION crmlife.purchase_history_hash_extended(crmlife.purchase_history, bigint) RETURNS bigint
AS 'MODULE_PATHNAME', 'crm_history_hash_extended'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION crmlife.purchase_history_hash_extended(crmlife.purchase_history, bigint) IS
  'for hash partitioning';

CREATE OPERATOR @extschema@.= (
  LEFTARG = crmlife.purchase_history, RIGHTARG = crmlife.purchase_history,
  FUNCTION = crmlife.purchase_history_eq, COMMUTATOR = OPERATOR(@extschema@.=),
  NEGATOR = OPERATOR(@extschema@.<>), RESTRICT = eqsel, JOIN = eqjoinsel, HASHES, MERGES);
COMMENT ON OPERATOR @extschema@.= (crmlife.purchase_history, crmlife.purchase_history) IS 'the same orders and visits';
CREATE OPERATOR @extschema@.<> (
  LEFTARG = crmlife.purchase_history, RIGHTARG = crmlife.purchase_history,
  FUNCTION = crmlife.purchase_history_ne, COMMUTATOR = OPERATOR(@extschema@.<>),
  NEGATOR = OPERATOR(@extschema@.=), RESTRICT = neqsel, JOIN = neqjoinsel);
COMMENT ON OPERATOR @extschema@.<> (crmlife.purchase_history, crmlife.purchase_history) IS 'not the same orders and visits';
CREATE OPERATOR @extschema@.< (
  LEFTARG = crmlife.purchase_history, RIGHTARG = crmlife.purchase_history,
  FUNCTION = crmlife.purchase_history_lt, COMMUTATOR = OPERATOR(@extschema@.>),
  NEGATOR = OPERATOR(@extschema@.>=), RESTRICT = scalarltsel, JOIN = scalarltjoinsel);
COMMENT ON OPERATOR @extschema@.< (crmlife.purchase_history, crmlife.purchase_history) IS 'before, in an order that means nothing';
CREATE OPERATOR @extschema@.<= (
  LEFTARG = crmlife.purchase_history, RIGHTARG = crmlife.purchase_history,
  FUNCTION = crmlife.purchase_history_le, COMMUTATOR = OPERATOR(@extschema@.>=),
  NEGATOR = OPERATOR(@extschema@.>), RESTRICT = scalarlesel, JOIN = scalarlejoinsel);
COMMENT ON OPERATOR @extschema@.<= (crmlife.purchase_history, crmlife.purchase_history) IS 'before or the same, in an order that means nothing';
CREATE OPERATOR @extschema@.> (
  LEFTARG = crmlife.purchase_history, RIGHTARG = crmlife.purchase_history,
  FUNCTION = crmlife.purchase_history_gt, COMMUTATOR = OPERATOR(@extschema@.<),
  NEGATOR = OPERATOR(@extschema@.<=), RESTRICT = scalargtsel, JOIN = scalargtjoinsel);
COMMENT ON OPERATOR @extschema@.> (crmlife.purchase_history, crmlife.purchase_history) IS 'after, in an order that means nothing';
CREATE OPERATOR @extschema@.>= (
  LEFTARG = crmlife.purchase_history, RIGHTARG = crmlife.purchase_history,
  FUNCTION = crmlife.purchase_history_ge, COMMUTATOR = OPERATOR(@extschema@.<=),
  NEGATOR = OPERATOR(@extschema@.<), RESTRICT = scalargesel, JOIN = scalargejoinsel);
COMMENT ON OPERATOR @extschema@.>= (crmlife.purchase_history, crmlife.purchase_history) IS 'after or the same, in an order that means nothing';

CREATE OPERATOR CLASS crmlife.purchase_history_btree DEFAULT FOR TYPE crmlife.purchase_history USING btree AS
  OPERATOR 1 @extschema@.<, OPERATOR 2 @extschema@.<=, OPERATOR 3 @extschema@.=,
  OPERATOR 4 @extschema@.>=, OPERATOR 5 @extschema@.>,
  FUNCTION 1 crmlife.purchase_history_cmp(crmlife.purchase_history, crmlife.purchase_history);
CREATE OPERATOR CLASS crmlife.purchase_history_hash DEFAULT FOR TYPE crmlife.purchase_history USING hash AS
  OPERATOR 1 @extschema@.=,
  FUNCTION 1 crmlife.purchase_history_hash(crmlife.purchase_history),
  FUNCTION 2 crmlife.purchase_history_hash_extended(crmlife.purchase_history, bigint);

COMMENT ON OPERATOR CLASS crmlife.purchase_history_btree USING btree IS 'order of histories, as of their bytes: for sorting and DISTINCT';
COMMENT ON OPERATOR CLASS crmlife.purchase_history_hash USING hash IS 'equality of histories';
COMMENT ON OPERATOR FAMILY crmlife.purchase_history_btree USING btree IS 'order of histories, as of their bytes: for sorting and DISTINCT';
COMMENT ON OPERATOR FAMILY crmlife.purchase_history_hash USING hash IS 'equality of histories';

-- Making histories.

CREATE FUNCTION crmlife.purchase_history_plus(crmlife.purchase_history, crmlife.purchase_history) RETURNS crmlife.purchase_history
AS 'MODULE_PATHNAME', 'crm_history_plus'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION crmlife.purchase_history_plus(crmlife.purchase_history, crmlife.purchase_history) IS
  'implementation of operator +';

CREATE OPERATOR @extschema@.+ (
  LEFTARG = crmlife.purchase_history, RIGHTARG = crmlife.purchase_history,
  FUNCTION = crmlife.purchase_history_plus, COMMUTATOR = OPERATOR(@extschema@.+));
COMMENT ON OPERATOR @extschema@.+ (crmlife.purchase_history, crmlife.purchase_history) IS 'the events of both; what stands in both counts twice';

CREATE FUNCTION crmlife.purchase_history_combine(internal, internal) RETURNS internal
AS 'MODULE_PATHNAME', 'crm_history_combine'
LANGUAGE C IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE;
COMMENT ON FUNCTION crmlife.purchase_history_combine(internal, internal) IS
  'combine function of aggregates';

CREATE FUNCTION crmlife.purchase_history_serial(internal) RETURNS bytea
AS 'MODULE_PATHNAME', 'crm_history_serial'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION crmlife.purchase_history_serial(internal) IS
  'serialize function of aggregates';

CREATE FUNCTION crmlife.purchase_history_deserial(bytea, internal) RETURNS internal
AS 'MODULE_PATHNAME', 'crm_history_deserial'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION crmlife.purchase_history_deserial(bytea, internal) IS
  'deserialize function of aggregates';

CREATE FUNCTION crmlife.purchase_history_final(internal) RETURNS crmlife.purchase_history
AS 'MODULE_PATHNAME', 'crm_history_final'
LANGUAGE C IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE;
COMMENT ON FUNCTION crmlife.purchase_history_final(internal) IS
  'final function of aggregates';

CREATE FUNCTION crmlife.purchase_history_accum(internal, date, numeric) RETURNS internal
AS 'MODULE_PATHNAME', 'crm_history_accum_date'
LANGUAGE C IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE;
COMMENT ON FUNCTION crmlife.purchase_history_accum(internal, date, numeric) IS
  'transition function of aggregates';

CREATE AGGREGATE purchase_history(date, numeric) (
  SFUNC = crmlife.purchase_history_accum, STYPE = internal, SSPACE = 512,
  FINALFUNC = crmlife.purchase_history_final, FINALFUNC_MODIFY = SHAREABLE,
  COMBINEFUNC = crmlife.purchase_history_combine,
  SERIALFUNC = crmlife.purchase_history_serial,
  DESERIALFUNC = crmlife.purchase_history_deserial, PARALLEL = SAFE);
COMMENT ON AGGREGATE purchase_history(date, numeric) IS
  'the orders of one customer as one value';

CREATE FUNCTION crmlife.purchase_history_accum(internal, date, numeric, text) RETURNS internal
AS 'MODULE_PATHNAME', 'crm_history_accum_date'
LANGUAGE C IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE;
COMMENT ON FUNCTION crmlife.purchase_history_accum(internal, date, numeric, text) IS
  'transition function of aggregates';

CREATE AGGREGATE purchase_history(date, numeric, text) (
  SFUNC = crmlife.purchase_history_accum, STYPE = internal, SSPACE = 512,
  FINALFUNC = crmlife.purchase_history_final, FINALFUNC_MODIFY = SHAREABLE,
  COMBINEFUNC = crmlife.purchase_history_combine,
  SERIALFUNC = crmlife.purchase_history_serial,
  DESERIALFUNC = crmlife.purchase_history_deserial, PARALLEL = SAFE);
COMMENT ON AGGREGATE purchase_history(date, numeric, text) IS
  'the orders and visits (kind order or visit) of one customer as one value';

CREATE FUNCTION crmlife.purchase_history_accum(internal, timestamp, numeric) RETURNS internal
AS 'MODULE_PATHNAME', 'crm_history_accum_timestamp'
LANGUAGE C IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE;
COMMENT ON FUNCTION crmlife.purchase_history_accum(internal, timestamp, numeric) IS
  'transition function of aggregates';

CREATE AGGREGATE purchase_history(timestamp, numeric) (
  SFUNC = crmlife.purchase_history_accum, STYPE = internal, SSPACE = 512,
  FINALFUNC = crmlife.purchase_history_final, FINALFUNC_MODIFY = SHAREABLE,
  COMBINEFUNC = crmlife.purchase_history_combine,
  SERIALFUNC = crmlife.purchase_history_serial,
  DESERIALFUNC = crmlife.purchase_history_deserial, PARALLEL = SAFE);
COMMENT ON AGGREGATE purchase_history(timestamp, numeric) IS
  'the orders of one customer as one value';

CREATE FUNCTION crmlife.purchase_history_accum(internal, timestamp, numeric, text) RETURNS internal
AS 'MODULE_PATHNAME', 'crm_history_accum_timestamp'
LANGUAGE C IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE;
COMMENT ON FUNCTION crmlife.purchase_history_accum(internal, timestamp, numeric, text) IS
  'transition function of aggregates';

CREATE AGGREGATE purchase_history(timestamp, numeric, text) (
  SFUNC = crmlife.purchase_history_accum, STYPE = internal, SSPACE = 512,
  FINALFUNC = crmlife.purchase_history_final, FINALFUNC_MODIFY = SHAREABLE,
  COMBINEFUNC = crmlife.purchase_history_combine,
  SERIALFUNC = crmlife.purchase_history_serial,
  DESERIALFUNC = crmlife.purchase_history_deserial, PARALLEL = SAFE);
COMMENT ON AGGREGATE purchase_history(timestamp, numeric, text) IS
  'the orders and visits (kind order or visit) of one customer as one value';

CREATE FUNCTION crmlife.purchase_history_accum(internal, timestamptz, numeric) RETURNS internal
AS 'MODULE_PATHNAME', 'crm_history_accum_timestamptz'
LANGUAGE C STABLE CALLED ON NULL INPUT PARALLEL SAFE;
COMMENT ON FUNCTION crmlife.purchase_history_accum(internal, timestamptz, numeric) IS
  'transition function of aggregates';

CREATE AGGREGATE purchase_history(timestamptz, numeric) (
  SFUNC = crmlife.purchase_history_accum, STYPE = internal, SSPACE = 512,
  FINALFUNC = crmlife.purchase_history_final, FINALFUNC_MODIFY = SHAREABLE,
  COMBINEFUNC = crmlife.purchase_history_combine,
  SERIALFUNC = crmlife.purchase_history_serial,
  DESERIALFUNC = crmlife.purchase_history_deserial, PARALLEL = SAFE);
COMMENT ON AGGREGATE purchase_history(timestamptz, numeric) IS
  'the orders of one customer as one value, by the session''s time zone';

CREATE FUNCTION crmlife.purchase_history_accum(internal, timestamptz, numeric, text) RETURNS internal
AS 'MODULE_PATHNAME', 'crm_history_accum_timestamptz'
LANGUAGE C STABLE CALLED ON NULL INPUT PARALLEL SAFE;
COMMENT ON FUNCTION crmlife.purchase_history_accum(internal, timestamptz, numeric, text) IS
  'transition function of aggregates';

CREATE AGGREGATE purchase_history(timestamptz, numeric, text) (
  SFUNC = crmlife.purchase_history_accum, STYPE = internal, SSPACE = 512,
  FINALFUNC = crmlife.purchase_history_final, FINALFUNC_MODIFY = SHAREABLE,
  COMBINEFUNC = crmlife.purchase_history_combine,
  SERIALFUNC = crmlife.purchase_history_serial,
  DESERIALFUNC = crmlife.purchase_history_deserial, PARALLEL = SAFE);
COMMENT ON AGGREGATE purchase_history(timestamptz, numeric, text) IS
  'the orders and visits (kind order or visit) of one customer as one value, by the session''s time zone';

CREATE FUNCTION crmlife.history_merge_accum(internal, crmlife.purchase_history) RETURNS internal
AS 'MODULE_PATHNAME', 'crm_history_merge_accum'
LANGUAGE C IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE;
COMMENT ON FUNCTION crmlife.history_merge_accum(internal, crmlife.purchase_history) IS
  'transition function of aggregates';

CREATE AGGREGATE history_merge(crmlife.purchase_history) (
  SFUNC = crmlife.history_merge_accum, STYPE = internal, SSPACE = 512,
  FINALFUNC = crmlife.purchase_history_final, FINALFUNC_MODIFY = SHAREABLE,
  COMBINEFUNC = crmlife.purchase_history_combine,
  SERIALFUNC = crmlife.purchase_history_serial,
  DESERIALFUNC = crmlife.purchase_history_deserial, PARALLEL = SAFE);
COMMENT ON AGGREGATE history_merge(crmlife.purchase_history) IS
  'the events of all histories; what stands in two of them counts twice';

-- What one asks of a history.

CREATE FUNCTION history_orders(h crmlife.purchase_history) RETURNS bigint
AS 'MODULE_PATHNAME', 'crm_history_orders'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION history_orders(h crmlife.purchase_history) IS
  'number of orders; refunds (amount < 0) are none';

CREATE FUNCTION history_order_days(h crmlife.purchase_history) RETURNS bigint
AS 'MODULE_PATHNAME', 'crm_history_order_days'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION history_order_days(h crmlife.purchase_history) IS
  'number of days with an order';

CREATE FUNCTION history_revenue(h crmlife.purchase_history) RETURNS numeric
AS 'MODULE_PATHNAME', 'crm_history_revenue'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION history_revenue(h crmlife.purchase_history) IS
  'sum of all amounts, refunds included';

CREATE FUNCTION history_first_order(h crmlife.purchase_history) RETURNS timestamp
AS 'MODULE_PATHNAME', 'crm_history_first_order'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION history_first_order(h crmlife.purchase_history) IS
  'local time of the first order';

CREATE FUNCTION history_last_order(h crmlife.purchase_history) RETURNS timestamp
AS 'MODULE_PATHNAME', 'crm_history_last_order'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION history_last_order(h crmlife.purchase_history) IS
  'local time of the last order';

CREATE FUNCTION history_nth_order(h crmlife.purchase_history, k int) RETURNS timestamp
AS 'MODULE_PATHNAME', 'crm_history_nth_order'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION history_nth_order(h crmlife.purchase_history, k int) IS
  'local time of the k-th order; NULL if there are fewer';

CREATE FUNCTION history_gaps(h crmlife.purchase_history) RETURNS int[]
AS 'MODULE_PATHNAME', 'crm_history_gaps'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION history_gaps(h crmlife.purchase_history) IS
  'days from each order day to the next';
