-- What aggregates over customers return: rows of arrays, for unnest.
CREATE TYPE crmlife.retention_point AS (
  n int, eligible bigint, retained bigint, rate float8);
COMMENT ON TYPE crmlife.retention_point IS
  'one day of a retention curve: of the customers whose day n is over, those active on it';
COMMENT ON COLUMN crmlife.retention_point.n IS 'days after the first event';
COMMENT ON COLUMN crmlife.retention_point.eligible IS 'customers whose day n is over';
COMMENT ON COLUMN crmlife.retention_point.retained IS 'of these, active on day n';
COMMENT ON COLUMN crmlife.retention_point.rate IS 'retained / eligible; NULL if nobody is eligible';

CREATE TYPE crmlife.return_point AS (
  n int, eligible bigint, returned bigint, rate float8);
COMMENT ON TYPE crmlife.return_point IS
  'one day of a return curve: of the pairs of a customer and an active day whose day n is over, those active again on it';
COMMENT ON COLUMN crmlife.return_point.n IS 'days after the active day';
COMMENT ON COLUMN crmlife.return_point.eligible IS 'pairs of a customer and an active day whose day n is over';
COMMENT ON COLUMN crmlife.return_point.returned IS 'of these, active on day n';
COMMENT ON COLUMN crmlife.return_point.rate IS 'returned / eligible; NULL if there is no such pair';

CREATE TYPE crmlife.cohort_point AS (
  cohort date, period int, customers bigint, retained bigint, rate float8);
COMMENT ON TYPE crmlife.cohort_point IS
  'a cell of a cohort table: of the customers who began in one period, those active in another';
COMMENT ON COLUMN crmlife.cohort_point.cohort IS 'first day of the period of the customers'' first event';
COMMENT ON COLUMN crmlife.cohort_point.period IS 'so many periods after it';
COMMENT ON COLUMN crmlife.cohort_point.customers IS 'all customers of the cohort';
COMMENT ON COLUMN crmlife.cohort_point.retained IS 'of these, active in the period (so far, while it is not over)';
COMMENT ON COLUMN crmlife.cohort_point.rate IS 'retained / customers; NULL while the period is not over';

CREATE TYPE crmlife.repurchase_point AS (
  period date, customers bigint, repeated bigint, rate float8);
COMMENT ON TYPE crmlife.repurchase_point IS
  'a period: of the customers with an order in it, those with two or more';
COMMENT ON COLUMN crmlife.repurchase_point.period IS 'its first day';
COMMENT ON COLUMN crmlife.repurchase_point.customers IS 'customers with an order in it';
COMMENT ON COLUMN crmlife.repurchase_point.repeated IS 'of these, with two or more orders in it (so far, while it is not over)';
COMMENT ON COLUMN crmlife.repurchase_point.rate IS 'repeated / customers; NULL while the period is not over';

CREATE TYPE crmlife.funnel_step AS (
  k int, reached bigint, converted bigint, rate float8, is_largest_gap boolean);
COMMENT ON TYPE crmlife.funnel_step IS
  'a step of the repeat funnel: of the customers with a k-th order, those with one more';
COMMENT ON COLUMN crmlife.funnel_step.k IS 'number of the order';
COMMENT ON COLUMN crmlife.funnel_step.reached IS 'customers with a k-th order';
COMMENT ON COLUMN crmlife.funnel_step.converted IS 'of these, with the next one';
COMMENT ON COLUMN crmlife.funnel_step.rate IS 'converted / reached; NULL if nobody reached it';
COMMENT ON COLUMN crmlife.funnel_step.is_largest_gap IS 'the lowest rate of all steps, the first of equal ones';

CREATE TYPE crmlife.survival_point AS (
  day int, at_risk bigint, purchased bigint, censored bigint,
  survival float8, std_error float8, lower float8, upper float8);
COMMENT ON TYPE crmlife.survival_point IS
  'a point of a Kaplan-Meier curve: a day on which somebody bought or was last seen';
COMMENT ON COLUMN crmlife.survival_point.day IS 'days after the first purchase';
COMMENT ON COLUMN crmlife.survival_point.at_risk IS 'customers without a second purchase and known up to that day';
COMMENT ON COLUMN crmlife.survival_point.purchased IS 'of these, bought on that day';
COMMENT ON COLUMN crmlife.survival_point.censored IS 'of these, not known any further';
COMMENT ON COLUMN crmlife.survival_point.survival IS 'estimated share without a second purchase after that day';
COMMENT ON COLUMN crmlife.survival_point.std_error IS 'of survival, by Greenwood; NULL where survival is 0';
COMMENT ON COLUMN crmlife.survival_point.lower IS '95 % interval of survival, on the scale of its logarithm';
COMMENT ON COLUMN crmlife.survival_point.upper IS '95 % interval of survival, at most 1';

CREATE TYPE crmlife.growth_point AS (
  period date, new_customers bigint, returning_customers bigint, resurrected_customers bigint, dormant_customers bigint);
COMMENT ON TYPE crmlife.growth_point IS
  'a period of growth accounting; all NULL while it is not over';
COMMENT ON COLUMN crmlife.growth_point.period IS 'its first day';
COMMENT ON COLUMN crmlife.growth_point.new_customers IS 'active in it for the first time';
COMMENT ON COLUMN crmlife.growth_point.returning_customers IS 'active in it and in the period before';
COMMENT ON COLUMN crmlife.growth_point.resurrected_customers IS 'active in it, not in the period before, but earlier';
COMMENT ON COLUMN crmlife.growth_point.dormant_customers IS 'active in the period before, not in it';

CREATE TYPE crmlife.loyalty_point AS (
  period date, loyalty text, customers bigint, orders bigint, revenue numeric, average_order numeric);
COMMENT ON TYPE crmlife.loyalty_point IS
  'sales of a period to new customers, whose first order lies in it, or to returning ones';
COMMENT ON COLUMN crmlife.loyalty_point.period IS 'its first day';
COMMENT ON COLUMN crmlife.loyalty_point.loyalty IS 'new or returning';
COMMENT ON COLUMN crmlife.loyalty_point.customers IS 'customers with an order in the period';
COMMENT ON COLUMN crmlife.loyalty_point.orders IS 'their orders, refunds left out';
COMMENT ON COLUMN crmlife.loyalty_point.revenue IS 'amounts of the period, refunds subtracted';
COMMENT ON COLUMN crmlife.loyalty_point.average_order IS 'revenue / orders; NULL without an order';

CREATE TYPE crmlife.revenue_point AS (
  cohort date, period int, customers bigint, orders bigint, revenue numeric, revenue_per_customer numeric);
COMMENT ON TYPE crmlife.revenue_point IS
  'a cell of a table of cohorts'' revenue; orders and money are NULL while the period is not over';
COMMENT ON COLUMN crmlife.revenue_point.cohort IS 'first day of the period of the customers'' first order';
COMMENT ON COLUMN crmlife.revenue_point.period IS 'so many periods after it';
COMMENT ON COLUMN crmlife.revenue_point.customers IS 'all customers of the cohort';
COMMENT ON COLUMN crmlife.revenue_point.orders IS 'their orders in the period';
COMMENT ON COLUMN crmlife.revenue_point.revenue IS 'their amounts in the period, refunds subtracted';
COMMENT ON COLUMN crmlife.revenue_point.revenue_per_customer IS 'their revenue up to the end of the period / customers';

CREATE TYPE crmlife.order_index_point AS (
  k int, customers bigint, average_order numeric, previous_average_order numeric);
COMMENT ON TYPE crmlife.order_index_point IS
  'the k-th orders of all customers that have one, beside the same customers'' orders before';
COMMENT ON COLUMN crmlife.order_index_point.k IS 'number of the order';
COMMENT ON COLUMN crmlife.order_index_point.customers IS 'customers with a k-th order';
COMMENT ON COLUMN crmlife.order_index_point.average_order IS 'mean of their k-th orders';
COMMENT ON COLUMN crmlife.order_index_point.previous_average_order IS 'mean of the same customers'' (k-1)-th orders; NULL for k = 1';

CREATE FUNCTION crmlife.average_order_accum(internal, amount numeric)
RETURNS internal
LANGUAGE C IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'crm_average_order_accum';
COMMENT ON FUNCTION crmlife.average_order_accum(internal, numeric) IS
  'transition function of aggregates';

CREATE FUNCTION crmlife.average_order_combine(internal, internal)
RETURNS internal
LANGUAGE C IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'crm_average_order_combine';
COMMENT ON FUNCTION crmlife.average_order_combine(internal, internal) IS
  'combine function of aggregates';

CREATE FUNCTION crmlife.average_order_serial(internal)
RETURNS bytea
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'crm_average_order_serial';
COMMENT ON FUNCTION crmlife.average_order_serial(internal) IS
  'serialize function of aggregates';

CREATE FUNCTION crmlife.average_order_deserial(bytea, internal)
RETURNS internal
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'crm_average_order_deserial';
COMMENT ON FUNCTION crmlife.average_order_deserial(bytea, internal) IS
  'deserialize function of aggregates';

CREATE FUNCTION crmlife.average_order_final(internal)
RETURNS numeric
LANGUAGE C IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'crm_average_order_final';
COMMENT ON FUNCTION crmlife.average_order_final(internal) IS
  'final function of aggregates';
CREATE AGGREGATE average_order(amount numeric) (
  SFUNC = crmlife.average_order_accum, STYPE = internal, SSPACE = 64,
  FINALFUNC = crmlife.average_order_final,
  COMBINEFUNC = crmlife.average_order_combine,
  SERIALFUNC = crmlife.average_order_serial,
  DESERIALFUNC = crmlife.average_order_deserial, PARALLEL = SAFE);
COMMENT ON AGGREGATE average_order(numeric) IS
  'revenue, refunds subtracted / orders';
