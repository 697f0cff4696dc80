-- The histories of all customers of a query at once.

CREATE FUNCTION purchase_histories(query text)
RETURNS TABLE (customer bigint, history crmlife.purchase_history)
AS 'MODULE_PATHNAME', 'crm_purchase_histories'
LANGUAGE C STABLE ROWS 100000 COST 100000;
COMMENT ON FUNCTION purchase_histories(text) IS
  'one purchase_history for each bigint customer of a query with the columns customer, at, amount [, kind]';

CREATE FUNCTION purchase_histories(query text, customer_type anyelement)
RETURNS TABLE (customer anyelement, history crmlife.purchase_history)
AS 'MODULE_PATHNAME', 'crm_purchase_histories'
LANGUAGE C STABLE ROWS 100000 COST 100000;
COMMENT ON FUNCTION purchase_histories(text, anyelement) IS
  'the same for customers of the type of the second argument, whose value does not matter: NULL::uuid, NULL::text';
