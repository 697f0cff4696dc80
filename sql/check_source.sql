------------------------------------------------------------------------
-- crmlife.check_source: what to know about orders before using them
--
-- The caller's expressions mean what they mean to him: the queries that hold
-- them run under his search_path, and are fully qualified otherwise.  All
-- else runs under a pinned one.  Everything is STABLE: no text passed in can
-- make it write.
------------------------------------------------------------------------

-- The text of a column or expression: a column of exactly this name, quoted,
-- else the text itself in parentheses.
CREATE FUNCTION crmlife._check_source_expression(source regclass, expression text, fallback text) RETURNS text
  LANGUAGE plpgsql STABLE PARALLEL SAFE
  SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  IF expression IS NULL THEN
    RETURN fallback;
  END IF;
  IF EXISTS (SELECT FROM pg_attribute a
             WHERE a.attrelid = source AND a.attname = expression
               AND a.attnum > 0 AND NOT a.attisdropped) THEN
    RETURN quote_ident(expression);
  END IF;
  IF btrim(expression) = '' THEN
    RAISE EXCEPTION 'an expression is empty'
      USING ERRCODE = 'invalid_parameter_value',
            HINT = 'Give the name of a column, or an expression over the columns, or NULL.';
  END IF;
  RETURN format('(%s)', expression);
END
$$;
COMMENT ON FUNCTION crmlife._check_source_expression(regclass, text, text) IS
  'internal to crmlife.check_source: a column or expression as SQL text';

-- The inner select list and FROM clause that all queries of check_source
-- share: the source's rows as columns customer, at, amount, key.
CREATE FUNCTION crmlife._check_source_lines(
  source regclass, customer text, ordered_at text, amount text,
  order_filter text, order_key text) RETURNS text
  LANGUAGE plpgsql STABLE PARALLEL SAFE
  SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  relation text;
  columns text;
BEGIN
  SELECT format('%I.%I', n.nspname, c.relname) INTO relation
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE c.oid = source;
  IF relation IS NULL THEN
    RAISE EXCEPTION 'relation with OID % does not exist', source::oid
      USING ERRCODE = 'undefined_table';
  END IF;
  IF customer IS NULL OR ordered_at IS NULL THEN
    RAISE EXCEPTION 'customer and ordered_at must be given'
      USING ERRCODE = 'null_value_not_allowed',
            HINT = 'Name the column that holds the customer and the column or expression that says when the order was made.';
  END IF;
  SELECT string_agg(quote_ident(a.attname), ', ' ORDER BY a.attnum) INTO columns
    FROM pg_attribute a
    WHERE a.attrelid = source AND a.attnum > 0 AND NOT a.attisdropped;
  IF NOT EXISTS (SELECT FROM pg_attribute a
                 WHERE a.attrelid = source AND a.attname = customer
                   AND a.attnum > 0 AND NOT a.attisdropped) THEN
    RAISE EXCEPTION 'column "%" of relation % does not exist', customer, relation
      USING ERRCODE = 'undefined_column',
            DETAIL = format('Its columns are %s.', columns),
            HINT = 'The customer is a column, as it is spelled in the catalog; for an expression make a view.';
  END IF;
  RETURN format(
    'SELECT %I AS customer, %s AS at, %s AS amount, %s AS key, %s AS keep FROM %s',
    customer,
    crmlife._check_source_expression(source, ordered_at, NULL),
    crmlife._check_source_expression(source, amount, 'NULL::pg_catalog.numeric'),
    crmlife._check_source_expression(source, order_key, 'NULL::pg_catalog.text'),
    crmlife._check_source_expression(source, order_filter, 'true'),
    relation);
END
$$;
COMMENT ON FUNCTION crmlife._check_source_lines(regclass, text, text, text, text, text) IS
  'internal to crmlife.check_source: the query for the rows to be checked';

-- A query for the types of the expressions; the planner checks them here.
CREATE FUNCTION crmlife._check_source_probe(lines text) RETURNS text
  LANGUAGE sql STABLE PARALLEL SAFE
  SET search_path = pg_catalog, pg_temp
AS $$
  SELECT format($q$
    SELECT pg_catalog.jsonb_build_object(
      'customer', pg_catalog.pg_typeof(l.customer)::pg_catalog.oid,
      'ordered_at', pg_catalog.pg_typeof(l.at)::pg_catalog.oid,
      'amount', pg_catalog.pg_typeof(l.amount)::pg_catalog.oid,
      'order_filter', pg_catalog.pg_typeof(l.keep)::pg_catalog.oid)
    FROM (SELECT 1) AS one LEFT JOIN (%s) AS l ON false $q$, lines)
$$;
COMMENT ON FUNCTION crmlife._check_source_probe(text) IS
  'internal to crmlife.check_source: a query for the types of the expressions';

-- A type's name beneath its domains.
CREATE FUNCTION crmlife._check_source_type(type_oid text) RETURNS text
  LANGUAGE sql STABLE PARALLEL SAFE
  SET search_path = pg_catalog, pg_temp
AS $$
  WITH RECURSIVE base AS (
    SELECT t.oid, t.typtype, t.typbasetype FROM pg_type t WHERE t.oid = type_oid::oid
    UNION ALL
    SELECT t.oid, t.typtype, t.typbasetype
    FROM base b JOIN pg_type t ON t.oid = b.typbasetype WHERE b.typtype = 'd')
  SELECT CASE WHEN t.typname = 'citext' THEN 'text' ELSE b.oid::regtype::text END
  FROM base b JOIN pg_type t ON t.oid = b.oid
  WHERE b.typtype <> 'd'
$$;
COMMENT ON FUNCTION crmlife._check_source_type(text) IS
  'internal to crmlife.check_source: the type beneath a domain';

-- What the types alone say: findings of severity error, which keep the rows
-- from being read.
CREATE FUNCTION crmlife._check_source_types(types jsonb)
  RETURNS TABLE (severity text, finding text, detail text, hint text, rows bigint)
  LANGUAGE sql STABLE PARALLEL SAFE
  SET search_path = pg_catalog, pg_temp
AS $$
  WITH given AS (
    SELECT crmlife._check_source_type(types ->> 'customer') AS customer,
           crmlife._check_source_type(types ->> 'ordered_at') AS ordered_at,
           crmlife._check_source_type(types ->> 'amount') AS amount,
           crmlife._check_source_type(types ->> 'order_filter') AS order_filter)
  SELECT 'error', 'customer_type',
         format('The customer is of type %s.', customer),
         'Customers are bigint, integer, smallint, uuid or text: make a view that casts the column.', NULL::bigint
    FROM given
    WHERE customer NOT IN ('bigint', 'integer', 'smallint', 'uuid', 'text', 'character varying', 'character')
  UNION ALL
  SELECT 'error', 'time_type',
         format('ordered_at is of type %s.', ordered_at),
         CASE WHEN ordered_at IN ('bigint', 'integer', 'numeric', 'double precision')
              THEN 'Seconds since 1970 become a time with to_timestamp(column), milliseconds with to_timestamp(column / 1000.0).'
              ELSE 'Orders have a date, timestamp or timestamptz: make a view that casts the column.' END, NULL
    FROM given
    WHERE ordered_at NOT IN ('date', 'timestamp without time zone', 'timestamp with time zone')
  UNION ALL
  SELECT 'error', 'amount_type',
         format('The amount is of type %s, money is exact numeric.', amount),
         CASE WHEN amount IN ('real', 'double precision')
              THEN 'Cast it, and round it to the currency''s unit: round((amount)::numeric, 2).'
              WHEN amount = 'money' THEN 'Cast it: (amount)::numeric; that depends on lc_monetary.'
              ELSE 'Use a numeric, bigint, integer or smallint column, or an expression that gives one.' END, NULL
    FROM given
    WHERE amount NOT IN ('numeric', 'bigint', 'integer', 'smallint')
  UNION ALL
  SELECT 'error', 'filter_type',
         format('order_filter is of type %s.', order_filter),
         'The filter is a condition: it gives true or false.', NULL
    FROM given
    WHERE order_filter <> 'boolean'
$$;
COMMENT ON FUNCTION crmlife._check_source_types(jsonb) IS
  'internal to crmlife.check_source: findings about the types of the expressions';

-- A query that counts everything in one pass over the rows; $1 is the zone.
--
--   line -> same customer, time, amount -> same customer, time -> customer -> all
CREATE FUNCTION crmlife._check_source_scan(lines text, types jsonb) RETURNS text
  LANGUAGE plpgsql STABLE PARALLEL SAFE
  SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  at_type text := crmlife._check_source_type(types ->> 'ordered_at');
  local_time text := CASE at_type
    WHEN 'timestamp with time zone' THEN 'crmlife._local_time($1, l.at::pg_catalog.timestamptz)'
    ELSE 'l.at::pg_catalog.timestamp' END;
  placeholders text[] := ARRAY['', '-', '0', '-1', 'unknown', 'null', 'nil', 'none', 'n/a', 'na',
    'guest', 'anonymous', 'undefined', 'nan', 'test', 'dummy', '00000000-0000-0000-0000-000000000000'];
BEGIN
  RETURN format($q$
  WITH line AS (
    SELECT l.customer, %1$s AS at, l.amount::pg_catalog.numeric AS amount
    FROM (%2$s) AS l WHERE l.keep
  ), clock AS (
    SELECT crmlife._local_time($1, pg_catalog.now()) AS now
  ), same AS (
    SELECT customer, at, amount, pg_catalog.count(*) AS n
    FROM line GROUP BY customer, at, amount
  ), fact AS (
    SELECT customer, at, amount, n,
      pg_catalog.isfinite(at) AS finite, at OPERATOR(pg_catalog.>) clock.now AS later,
      at::pg_catalog.time AS clock_time,
      amount OPERATOR(pg_catalog.=) ANY (ARRAY['NaN', 'Infinity', '-Infinity']::pg_catalog.numeric[]) AS wild
    FROM same, clock
  ), moment AS (
    SELECT customer, at,
      pg_catalog.sum(n) AS n,
      pg_catalog.sum(n) FILTER (WHERE at IS NULL) AS null_time,
      pg_catalog.sum(n) FILTER (WHERE amount IS NULL) AS null_amount,
      pg_catalog.sum(n) FILTER (WHERE NOT finite) AS infinite_time,
      pg_catalog.sum(n) FILTER (WHERE finite AND later) AS future,
      pg_catalog.sum(n) FILTER (WHERE finite) AS timed,
      pg_catalog.sum(n) FILTER (WHERE finite AND clock_time OPERATOR(pg_catalog.=) '00:00') AS midnight,
      pg_catalog.sum(n) FILTER (WHERE finite AND clock_time OPERATOR(pg_catalog.>=) '01:00'
                                AND clock_time OPERATOR(pg_catalog.<) '05:00') AS night,
      pg_catalog.min(clock_time) FILTER (WHERE finite) AS first_clock,
      pg_catalog.max(clock_time) FILTER (WHERE finite) AS last_clock,
      pg_catalog.min(at) FILTER (WHERE finite) AS first,
      pg_catalog.max(at) FILTER (WHERE finite) AS last,
      pg_catalog.sum(n) FILTER (WHERE wild) AS wild,
      pg_catalog.sum(n) FILTER (WHERE NOT wild AND amount OPERATOR(pg_catalog.<) 0) AS refunds,
      pg_catalog.sum(amount OPERATOR(pg_catalog.*) n)
        FILTER (WHERE NOT wild AND amount OPERATOR(pg_catalog.<) 0) AS refunded,
      pg_catalog.sum(amount OPERATOR(pg_catalog.*) n)
        FILTER (WHERE NOT wild AND amount OPERATOR(pg_catalog.>) 0) AS revenue,
      pg_catalog.sum(n OPERATOR(pg_catalog.-) 1) FILTER (WHERE finite) AS duplicates
    FROM fact GROUP BY customer, at
  ), person AS MATERIALIZED (
    SELECT customer, pg_catalog.lower(pg_catalog.btrim(customer::pg_catalog.text)) AS label,
      pg_catalog.sum(n)::pg_catalog.int8 AS n,
      pg_catalog.sum(null_time) AS null_time, pg_catalog.sum(null_amount) AS null_amount,
      pg_catalog.sum(infinite_time) AS infinite_time, pg_catalog.sum(future) AS future,
      pg_catalog.sum(timed) AS timed, pg_catalog.sum(midnight) AS midnight,
      pg_catalog.sum(night) AS night, pg_catalog.min(first_clock) AS first_clock,
      pg_catalog.max(last_clock) AS last_clock, pg_catalog.min(first) AS first,
      pg_catalog.max(last) AS last, pg_catalog.sum(wild) AS wild,
      pg_catalog.sum(refunds) AS refunds, pg_catalog.sum(refunded) AS refunded,
      pg_catalog.sum(revenue) AS revenue,
      pg_catalog.sum(duplicates) FILTER (WHERE customer IS NOT NULL) AS duplicates,
      pg_catalog.sum(n) FILTER (WHERE customer IS NOT NULL AND timed OPERATOR(pg_catalog.>) 1) AS shared,
      pg_catalog.count(*) FILTER (WHERE customer IS NOT NULL AND timed OPERATOR(pg_catalog.>) 1) AS shared_moments
    FROM moment GROUP BY customer
  )
  SELECT pg_catalog.jsonb_build_object(
    'rows', coalesce(pg_catalog.sum(n), 0), 'customers', pg_catalog.count(customer),
    'null_customer', pg_catalog.sum(n) FILTER (WHERE customer IS NULL),
    'null_time', pg_catalog.sum(null_time), 'null_amount', pg_catalog.sum(null_amount),
    'infinite_time', pg_catalog.sum(infinite_time), 'future', pg_catalog.sum(future),
    'timed', pg_catalog.sum(timed), 'midnight', pg_catalog.sum(midnight), 'night', pg_catalog.sum(night),
    'first_clock', pg_catalog.min(first_clock), 'last_clock', pg_catalog.max(last_clock),
    'first', pg_catalog.min(first), 'last', pg_catalog.max(last), 'wild', pg_catalog.sum(wild),
    'refunds', pg_catalog.sum(refunds), 'refunded', pg_catalog.sum(refunded),
    'revenue', pg_catalog.sum(revenue), 'duplicates', pg_catalog.sum(duplicates),
    'shared', pg_catalog.sum(shared), 'shared_moments', pg_catalog.sum(shared_moments),
    'placeholder_rows', pg_catalog.sum(n) FILTER (WHERE label OPERATOR(pg_catalog.=) ANY (%3$L::pg_catalog.text[])
                                              OR label OPERATOR(pg_catalog.~) '^9{5,}$'),
    'placeholders', (SELECT pg_catalog.string_agg(pg_catalog.quote_literal(p.customer::pg_catalog.text), ', ') FROM (
        SELECT customer FROM person
        WHERE label OPERATOR(pg_catalog.=) ANY (%3$L::pg_catalog.text[]) OR label OPERATOR(pg_catalog.~) '^9{5,}$'
        ORDER BY n DESC, label LIMIT 5) AS p),
    'top', (SELECT pg_catalog.jsonb_build_object('customer', p.customer::pg_catalog.text, 'rows', p.n) FROM (
        SELECT customer, n FROM person WHERE customer IS NOT NULL ORDER BY n DESC, label LIMIT 1) AS p))
  FROM person $q$, local_time, lines, placeholders);
END
$$;
COMMENT ON FUNCTION crmlife._check_source_scan(text, jsonb) IS
  'internal to crmlife.check_source: a query that counts everything in one pass';

-- A query about the order key, where one is given.
CREATE FUNCTION crmlife._check_source_keys(lines text) RETURNS text
  LANGUAGE sql STABLE PARALLEL SAFE
  SET search_path = pg_catalog, pg_temp
AS $$
  SELECT format($q$
    SELECT pg_catalog.jsonb_build_object(
      'null_key', pg_catalog.sum(n) FILTER (WHERE key IS NULL),
      'keys', pg_catalog.count(key),
      'several_rows', pg_catalog.sum(n) FILTER (WHERE key IS NOT NULL AND n OPERATOR(pg_catalog.>) 1),
      'several_rows_keys', pg_catalog.count(*) FILTER (WHERE key IS NOT NULL AND n OPERATOR(pg_catalog.>) 1),
      'several_customers', pg_catalog.sum(n) FILTER (WHERE key IS NOT NULL AND people OPERATOR(pg_catalog.>) 1),
      'several_customers_keys', pg_catalog.count(*) FILTER (WHERE key IS NOT NULL AND people OPERATOR(pg_catalog.>) 1))
    FROM (SELECT l.key, pg_catalog.count(*) AS n, pg_catalog.count(DISTINCT l.customer) AS people
          FROM (%s) AS l WHERE l.keep GROUP BY l.key) AS k $q$, lines)
$$;
COMMENT ON FUNCTION crmlife._check_source_keys(text) IS
  'internal to crmlife.check_source: a query about the order key';

-- What the catalog says about the relation itself.
CREATE FUNCTION crmlife._check_source_relation(source regclass, customer text, types jsonb, timezone text)
  RETURNS TABLE (severity text, finding text, detail text, hint text, rows bigint)
  LANGUAGE plpgsql STABLE PARALLEL SAFE
  SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
  kind "char";
  relation text;
  at_type text := crmlife._check_source_type(types ->> 'ordered_at');
BEGIN
  SELECT c.relkind, format('%I.%I', n.nspname, c.relname) INTO STRICT kind, relation
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE c.oid = source;
  IF kind NOT IN ('r', 'p') THEN
    RETURN QUERY SELECT 'note', 'no_triggers',
      format('%s is a %s: its changes can not be captured row by row.', relation,
             CASE kind WHEN 'v' THEN 'view' WHEN 'm' THEN 'materialized view'
                       WHEN 'f' THEN 'foreign table' ELSE 'relation without rows of its own' END),
      'Create the stage table with capture => ''full''.', NULL::bigint;
  ELSE
    -- on its partitions, and on what it is itself a part of, too
    RETURN QUERY
      WITH RECURSIVE tree (oid) AS (
        SELECT source::oid
        UNION SELECT i.inhrelid FROM tree t JOIN pg_inherits i ON i.inhparent = t.oid),
      captured (oid) AS (
        SELECT t.oid FROM tree t
        UNION SELECT i.inhparent FROM captured t JOIN pg_inherits i ON i.inhrelid = t.oid)
      SELECT 'warning', 'no_trigger_right',
        format('You may not create triggers on %I.%I.', n.nspname, c.relname),
        format('GRANT TRIGGER ON %I.%I TO %I; or create the stage table with capture => ''full''.', n.nspname, c.relname, current_user),
        NULL::bigint
      FROM captured t JOIN pg_class c ON c.oid = t.oid JOIN pg_namespace n ON n.oid = c.relnamespace
      WHERE NOT has_table_privilege(t.oid, 'TRIGGER') AND c.relpersistence <> 't'
      ORDER BY t.oid <> source, n.nspname, c.relname LIMIT 1;
    IF NOT EXISTS (SELECT FROM pg_index i
                   JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[0]
                   WHERE i.indrelid = source AND i.indisvalid AND i.indpred IS NULL
                     AND a.attname = customer) THEN
      RETURN QUERY SELECT 'warning', 'missing_index',
        format('No index of %s begins with %I: a refresh reads the whole table even for a few customers.', relation, customer),
        format('CREATE INDEX ON %s (%I);', relation, customer), NULL::bigint;
    END IF;
  END IF;
  IF at_type = 'timestamp without time zone' THEN
    RETURN QUERY SELECT 'note', 'guessed_zone',
      'ordered_at has no time zone: its values are taken as local times of the shop, and only the present day is looked up in '
        || quote_literal(timezone) || '.',
      'If they are in UTC, say so: ordered_at => ''(column AT TIME ZONE ''''UTC'''')'', timezone => the shop''s zone.',
      NULL::bigint;
  ELSIF at_type = 'timestamp with time zone' THEN
    RETURN QUERY SELECT 'note', 'guessed_zone',
      'Days are cut in the time zone ' || quote_literal(timezone) || '.',
      'If the shop''s days begin elsewhere, name its zone: timezone => ''Asia/Shanghai''.', NULL::bigint;
  END IF;
END
$$;
COMMENT ON FUNCTION crmlife._check_source_relation(regclass, text, jsonb, text) IS
  'internal to crmlife.check_source: findings about the relation itself';

-- A share in percent, for people.
CREATE FUNCTION crmlife._check_source_share(part numeric, whole numeric) RETURNS text
  LANGUAGE sql IMMUTABLE PARALLEL SAFE
  SET search_path = pg_catalog, pg_temp
AS $$
  SELECT CASE WHEN part * 1000 < whole THEN 'less than 0.1 %'
              ELSE round(100 * part / whole, 1)::text || ' %' END
$$;
COMMENT ON FUNCTION crmlife._check_source_share(numeric, numeric) IS
  'internal to crmlife.check_source: a share in percent';

-- What the counts say.
CREATE FUNCTION crmlife._check_source_report(facts jsonb, keys jsonb, types jsonb, timezone text, has_amount boolean)
  RETURNS TABLE (severity text, finding text, detail text, hint text, rows bigint)
  LANGUAGE sql STABLE PARALLEL SAFE
  SET search_path = pg_catalog, pg_temp
AS $$
  WITH f AS (
    SELECT coalesce((facts ->> 'rows')::bigint, 0) AS n,
      coalesce((facts ->> 'customers')::bigint, 0) AS customers,
      coalesce((facts ->> 'null_customer')::bigint, 0) AS null_customer,
      coalesce((facts ->> 'null_time')::bigint, 0) AS null_time,
      coalesce((facts ->> 'null_amount')::bigint, 0) AS null_amount,
      coalesce((facts ->> 'infinite_time')::bigint, 0) AS infinite_time,
      coalesce((facts ->> 'future')::bigint, 0) AS future,
      coalesce((facts ->> 'timed')::bigint, 0) AS timed,
      coalesce((facts ->> 'midnight')::bigint, 0) AS midnight,
      coalesce((facts ->> 'night')::bigint, 0) AS night,
      (facts ->> 'first_clock')::time AS first_clock,
      (facts ->> 'last_clock')::time AS last_clock,
      (facts ->> 'first')::timestamp AS first,
      (facts ->> 'last')::timestamp AS last,
      coalesce((facts ->> 'wild')::bigint, 0) AS wild,
      coalesce((facts ->> 'refunds')::bigint, 0) AS refunds,
      coalesce((facts ->> 'refunded')::numeric, 0) AS refunded,
      coalesce((facts ->> 'revenue')::numeric, 0) AS revenue,
      coalesce((facts ->> 'duplicates')::bigint, 0) AS duplicates,
      coalesce((facts ->> 'shared')::bigint, 0) AS shared,
      coalesce((facts ->> 'shared_moments')::bigint, 0) AS shared_moments,
      coalesce((facts ->> 'placeholder_rows')::bigint, 0) AS placeholder_rows,
      facts ->> 'placeholders' AS placeholders,
      facts -> 'top' ->> 'customer' AS top_customer,
      coalesce((facts -> 'top' ->> 'rows')::bigint, 0) AS top_rows,
      coalesce((keys ->> 'null_key')::bigint, 0) AS null_key,
      coalesce((keys ->> 'several_rows')::bigint, 0) AS key_rows,
      coalesce((keys ->> 'several_rows_keys')::bigint, 0) AS key_rows_keys,
      coalesce((keys ->> 'several_customers')::bigint, 0) AS key_customers,
      coalesce((keys ->> 'several_customers_keys')::bigint, 0) AS key_customers_keys,
      crmlife._check_source_type(types ->> 'ordered_at') AS at_type
  ), g AS (
    -- do the rows tell a time of day at all?
    SELECT f.*, at_type <> 'date' AND timed > 0 AND first_clock < last_clock AND midnight * 2 < timed AS has_clock,
      -- is it the same row again that shares customer and time, rather than another line?
      has_amount AND duplicates * 20 >= shared * 9 AS mere_copies
    FROM f
  )
  SELECT 'note' AS severity, 'summary' AS finding,
      format('%s rows of %s customers, from %s to %s.', n, customers,
             coalesce(to_char(first, CASE WHEN first < '0001-01-01' THEN 'YYYY-MM-DD BC' ELSE 'YYYY-MM-DD' END), 'never'),
             coalesce(to_char(last, CASE WHEN last < '0001-01-01' THEN 'YYYY-MM-DD BC' ELSE 'YYYY-MM-DD' END), 'never')) AS detail,
      NULL::text AS hint, n AS rows FROM g WHERE n > 0
  UNION ALL
  SELECT 'warning', 'no_rows', 'There is no row to look at.',
      'Is the right table named, and does order_filter let anything through?', 0 FROM g WHERE n = 0
  UNION ALL
  SELECT 'error', 'infinite_time', 'Some orders are dated infinity or -infinity.',
      'Leave them out: order_filter => ''isfinite(ordered_at)'', or correct them.', infinite_time
    FROM g WHERE infinite_time > 0
  UNION ALL
  SELECT 'error', 'nan_amount', 'Some amounts are NaN or infinite.',
      'Leave them out with order_filter, or correct them.', wild FROM g WHERE wild > 0
  UNION ALL
  SELECT 'warning', 'null_customer',
      format('%s of the rows name no customer; they are ignored.', crmlife._check_source_share(null_customer, n)),
      'Guest orders can be given a customer of their own by a view, for instance by e-mail address.', null_customer
    FROM g WHERE null_customer > 0
  UNION ALL
  SELECT 'warning', 'null_time',
      format('%s of the rows have no time; they are ignored.', crmlife._check_source_share(null_time, n)),
      'Are these orders that were never paid? Say so with order_filter.', null_time
    FROM g WHERE null_time > 0
  UNION ALL
  SELECT 'note', 'null_amount',
      format('%s of the rows have no amount; they count as orders and add nothing to the revenue.',
             crmlife._check_source_share(null_amount, n)), NULL, null_amount
    FROM g WHERE has_amount AND null_amount > 0
  UNION ALL
  SELECT 'warning', 'placeholder_customer',
      format('The customers %s look like placeholders.', placeholders),
      'Leave them out with order_filter: a placeholder is counted as one very loyal customer.', placeholder_rows
    FROM g WHERE placeholder_rows > 0
  UNION ALL
  SELECT 'warning', 'dominant_customer',
      format('Customer %L has %s of all rows, %s times the mean.', top_customer,
             crmlife._check_source_share(top_rows, n), round(top_rows::numeric * customers / n)),
      'Is it a placeholder, a test account or a reseller? Leave it out with order_filter.', top_rows
    FROM g
    WHERE customers >= 20 AND top_rows >= 100 AND top_rows * 20 > n AND top_rows * customers > n * 10
  UNION ALL
  SELECT 'warning', 'several_rows_per_order',
      format('%s of the rows share customer and time with another: %s orders are written in several rows.',
             crmlife._check_source_share(shared, n), shared_moments),
      'One row should be one order, else every rate is too high: name the column that identifies an order, order_key => ''order_id''.',
      shared
    FROM g WHERE keys IS NULL AND has_clock AND shared * 100 > n AND NOT mere_copies
  UNION ALL
  SELECT 'note', 'several_orders_a_day',
      format('%s of the rows share customer and day with another, and the rows tell no time of day.',
             crmlife._check_source_share(shared, n)),
      'If these are lines of one order, name the column that identifies it: order_key => ''order_id''.', shared
    FROM g WHERE keys IS NULL AND NOT has_clock AND shared > 0
  UNION ALL
  SELECT 'warning', 'duplicate_rows',
      format('%s of the rows repeat another with the same customer, time and amount.',
             crmlife._check_source_share(duplicates, n)),
      'Was a file loaded twice?', duplicates
    FROM g WHERE keys IS NULL AND has_clock AND has_amount AND duplicates > 0
      AND (mere_copies OR shared * 100 <= n)
  UNION ALL
  SELECT 'note', 'rows_netted',
      format('%s orders are written in several rows; the rows of a key are netted into one order.', key_rows_keys),
      NULL, key_rows
    FROM g WHERE key_rows > 0
  UNION ALL
  SELECT 'warning', 'key_of_several_customers',
      format('%s values of order_key belong to more than one customer.', key_customers_keys),
      'Does it identify an order? It may be unique only per shop or day.', key_customers
    FROM g WHERE key_customers > 0
  UNION ALL
  SELECT 'warning', 'null_key', 'Some rows have no order_key.',
      'Each such row counts as an order of its own.', null_key
    FROM g WHERE keys IS NOT NULL AND null_key > 0
  UNION ALL
  SELECT 'warning', 'future_time',
      format('Some orders lie after now (in %s), the last on %s.', quote_literal(timezone), to_char(last, 'YYYY-MM-DD HH24:MI')),
      CASE at_type WHEN 'timestamp without time zone'
        THEN 'If all are a few hours ahead, the times are in another zone; otherwise they appear when their day comes.'
        ELSE 'They appear when their day comes.' END, future
    FROM g WHERE future > 0
  UNION ALL
  SELECT 'note', 'midnight_only',
      format('%s of the times are midnight: these are dates.', crmlife._check_source_share(midnight, timed)),
      'Orders of one day can not be put in order; that is right for a date, and a loss for a time.', midnight
    FROM g WHERE at_type <> 'date' AND timed > 0 AND midnight * 100 >= timed * 95
  UNION ALL
  SELECT 'warning', 'one_time_of_day',
      format('Every time is %s in %s: these look like dates, cut in another zone.', first_clock, quote_literal(timezone)),
      'Name the zone in which they are midnight: timezone => ''America/New_York''.', timed
    FROM g WHERE at_type <> 'date' AND timed > 1 AND first_clock = last_clock AND first_clock <> '00:00'
      AND first < last
  UNION ALL
  SELECT 'warning', 'orders_at_night',
      format('%s of the orders lie between 1 and 5 o''clock at night in %s.',
             crmlife._check_source_share(night, timed), quote_literal(timezone)),
      'Is that the zone the shop''s customers live in?', night
    FROM g WHERE has_clock AND timed >= 100 AND night * 4 > timed
  UNION ALL
  SELECT 'note', 'refunds',
      format('%s of the rows have an amount below zero: refunds of %s against %s of revenue.',
             crmlife._check_source_share(refunds, n), -refunded, revenue),
      'They reduce revenue and are no orders. With order_key they are netted against the order they belong to.', refunds
    FROM g WHERE refunds > 0
  UNION ALL
  SELECT 'note', 'no_amount', 'No amount is given: every row is an order, revenue is unknown.',
      'Name the amount, if there is one: refunds are recognized by it.', NULL
    FROM g WHERE NOT has_amount
$$;
COMMENT ON FUNCTION crmlife._check_source_report(jsonb, jsonb, jsonb, text, boolean) IS
  'internal to crmlife.check_source: the findings from what was counted';

CREATE FUNCTION crmlife._check_source(
  orders regclass, customer text, ordered_at text, amount text,
  order_filter text, order_key text, timezone text, callers_path text)
  RETURNS TABLE (severity text, finding text, detail text, hint text, rows bigint)
  LANGUAGE plpgsql STABLE
  SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
  pinned_path text := current_setting('search_path');
  lines text := crmlife._check_source_lines(orders, customer, ordered_at, amount, order_filter, order_key);
  probe text := crmlife._check_source_probe(lines);
  scan text;
  keys_query text;
  types jsonb;
  facts jsonb;
  keys jsonb;
BEGIN
  IF crmlife._local_time(timezone, now()) IS NULL THEN
    RAISE EXCEPTION 'time zone "%" not recognized', coalesce(timezone, 'NULL')
      USING ERRCODE = '22023', HINT = 'SELECT name FROM pg_timezone_names lists them.';
  END IF;
  PERFORM set_config('search_path', callers_path, true);
  EXECUTE probe INTO STRICT types;
  PERFORM pg_catalog.set_config('search_path', pinned_path, true);

  IF NOT EXISTS (SELECT FROM crmlife._check_source_types(types)) THEN
    scan := crmlife._check_source_scan(lines, types);
    IF order_key IS NOT NULL THEN
      keys_query := crmlife._check_source_keys(lines);
    END IF;
    PERFORM set_config('search_path', callers_path, true);
    EXECUTE scan INTO STRICT facts USING timezone;
    IF keys_query IS NOT NULL THEN
      EXECUTE keys_query INTO STRICT keys;
    END IF;
    PERFORM pg_catalog.set_config('search_path', pinned_path, true);
  END IF;
  RETURN QUERY
    SELECT f.* FROM (
      SELECT * FROM crmlife._check_source_types(types)
      UNION ALL
      SELECT * FROM crmlife._check_source_report(facts, keys, types, timezone, amount IS NOT NULL)
        WHERE facts IS NOT NULL
      UNION ALL
      SELECT * FROM crmlife._check_source_relation(orders, customer, types, timezone)) AS f
    ORDER BY array_position(ARRAY['error', 'warning', 'note'], f.severity);
END
$$;
COMMENT ON FUNCTION crmlife._check_source(regclass, text, text, text, text, text, text, text) IS
  'internal to crmlife.check_source: the whole of it, with the search_path of the caller';

CREATE FUNCTION crmlife.check_source(
  orders regclass, customer text, ordered_at text, amount text DEFAULT NULL,
  order_filter text DEFAULT NULL, order_key text DEFAULT NULL,
  timezone text DEFAULT pg_catalog.current_setting('TimeZone'))
  RETURNS TABLE (severity text, finding text, detail text, hint text, rows bigint)
  LANGUAGE sql STABLE
BEGIN ATOMIC
  SELECT r.severity, r.finding, r.detail, r.hint, r.rows
  FROM crmlife._check_source(orders, customer, ordered_at, amount, order_filter, order_key, timezone,
                             pg_catalog.current_setting('search_path')) AS r;
END;
COMMENT ON FUNCTION crmlife.check_source(regclass, text, text, text, text, text, text) IS
  'look at a table of orders before a stage table is made of it: what is wrong with it (error), what would make figures wrong (warning), what to know (note)';
