-- What aggregates over customers return: rows of arrays, for unnest.
CREATE TYPE crmlife.retention_point AS (
  n int, eligible bigint, retained bigint, rate float8);
COMMENT ON TYPE crmlife.retention_point IS
  'one day of a retention curve: of the customers whose day n is over, those active on it';
COMMENT ON COLUMN crmlife.retention_point.n IS 'days after the first event';
COMMENT ON COLUMN crmlife.retention_point.eligible IS 'customers whose day n is over';
COMMENT ON COLUMN crmlife.retention_point.retained IS 'of these, active on day n';
COMMENT ON COLUMN crmlife.retention_point.rate IS 'retained / eligible; NULL if nobody is eligible';

CREATE TYPE crmlife.cohort_point AS (
  cohort date, period int, customers bigint, retained bigint, rate float8);
COMMENT ON TYPE crmlife.cohort_point IS
  'a cell of a cohort table: of the customers who began in one period, those active in another';
COMMENT ON COLUMN crmlife.cohort_point.cohort IS 'first day of the period of the customers'' first event';
COMMENT ON COLUMN crmlife.cohort_point.period IS 'so many periods after it';
COMMENT ON COLUMN crmlife.cohort_point.customers IS 'all customers of the cohort';
COMMENT ON COLUMN crmlife.cohort_point.retained IS 'of these, active in the period (so far, while it is not over)';
COMMENT ON COLUMN crmlife.cohort_point.rate IS 'retained / customers; NULL while the period is not over';

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
