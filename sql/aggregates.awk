# Writes the SQL part of the aggregates over customers from aggregates.list:
#
#	awk -f sql/aggregates.awk sql/aggregates.list > sql/aggregates.sql
#
# For each row the product of its arguments' types; each accumulator and final
# function once.

function trim(s) { gsub(/^[ \t]+|[ \t]+$/, "", s); return s }
function quoted(s) { gsub(/'/, "''", s); return "'" s "'" }

# the types an argument comes in
function types_of(argument)
{
	if (argument == "customer") return "bigint,uuid,text"
	if (argument ~ /^(at|as_of|base_date)$/) return "date,timestamp,timestamptz"
	if (argument == "amount") return "numeric"
	if (argument ~ /^(n|max_n|from_day|to_day|days|lookback_days|max_k)$/) return "integer"
	if (argument ~ /^cohort_(from|to)$/) return "date"
	if (argument ~ /^(unit|method)$/) return "text"
	if (argument ~ /^is_(start|return)$/) return "boolean"
	print "aggregates.list: unknown argument " argument > "/dev/stderr"
	failed = 1
	exit 1
}

# A day depends on the session's zone, today on the transaction.
function volatility(declared)
{
	if (declared ~ /timestamptz/) return "STABLE"
	if (declared !~ / as_of / && declared ~ / (n|max_n|to_day|days|unit) /) return "STABLE"
	return "IMMUTABLE"
}

function accumulator(name, c, declared)
{
	if ((name, declared) in accumulators) return
	accumulators[name, declared] = 1
	printf "CREATE FUNCTION crmlife.%s_accum(internal, %s)\nRETURNS internal\n", name, declared
	printf "LANGUAGE C %s PARALLEL SAFE\nAS 'MODULE_PATHNAME', 'crm_%s_accum';\n", volatility(" " declared), c
	printf "COMMENT ON FUNCTION crmlife.%s_accum(internal, %s) IS\n  'transition function of aggregates';\n", name, declared
}

# result: rate, stats, or a type
function final_function(name, result,    sql, c, type)
{
	sql = "crmlife." name (result == "stats" ? "_stats_final" : "_final")
	if (sql in finals) return sql
	finals[sql] = 1
	c = "crm_" name (result == "stats" ? "_stats_final" : "_final")
	type = result == "stats" ? "crmlife.rate_stats" : result == "rate" ? "float8" : result
	printf "CREATE FUNCTION %s(internal)\nRETURNS %s\n", sql, type
	printf "LANGUAGE C IMMUTABLE PARALLEL SAFE\nAS 'MODULE_PATHNAME', '%s';\n", c
	printf "COMMENT ON FUNCTION %s(internal) IS\n  'final function of aggregates';\n", sql
	return sql
}

function aggregate(types, declared)
{
	accumulator(field[3], field[4], declared)
	printf "CREATE AGGREGATE %s(%s) (\n", field[1], declared
	printf "  SFUNC = crmlife.%s_accum, STYPE = internal, SSPACE = 1024,\n", field[3]
	printf "  FINALFUNC = %s, FINALFUNC_MODIFY = SHAREABLE,\n", final
	printf "  COMBINEFUNC = crmlife.customers_combine,\n"
	printf "  SERIALFUNC = crmlife.customers_serial,\n"
	printf "  DESERIALFUNC = crmlife.customers_deserial, PARALLEL = SAFE);\n"
	printf "COMMENT ON AGGREGATE %s(%s) IS\n  %s;\n", field[1], types, quoted(field[7])
}

# every way to choose types for argument i and those after it
function overloads(arguments, i, count, types, declared,    choices, n, k)
{
	if (i > count) { aggregate(types, declared); return }
	n = split(types_of(arguments[i]), choices, ",")
	for (k = 1; k <= n; k++)
		overloads(arguments, i + 1, count, types (i > 1 ? ", " : "") choices[k],
			declared (i > 1 ? ", " : "") arguments[i] " " choices[k])
}

# with and without the argument in brackets, if there is one
function both(list,    arguments, count)
{
	if (list ~ /\[/) {
		count = split(without(list), arguments, " ")
		overloads(arguments, 1, count, "", "")
		gsub(/[\[\]]/, "", list)
	}
	count = split(list, arguments, " ")
	overloads(arguments, 1, count, "", "")
}

function without(list) { sub(/\[[^\]]*\]/, "", list); return list }

BEGIN {
	FS = "|"
	print "-- Aggregates over customers.  Built from sql/aggregates.list."
	print "CREATE TYPE crmlife.rate_stats AS ("
	print "  numerator bigint, denominator bigint, rate float8, lower float8, upper float8);"
	print "COMMENT ON TYPE crmlife.rate_stats IS"
	print "  'a rate with its parts and Wilson''s 95 % interval';"
	print "CREATE FUNCTION crmlife.customers_combine(internal, internal)\nRETURNS internal"
	print "LANGUAGE C IMMUTABLE PARALLEL SAFE\nAS 'MODULE_PATHNAME', 'crm_customers_combine';"
	print "COMMENT ON FUNCTION crmlife.customers_combine(internal, internal) IS\n  'combine function of aggregates';"
	print "CREATE FUNCTION crmlife.customers_serial(internal)\nRETURNS bytea"
	print "LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE\nAS 'MODULE_PATHNAME', 'crm_customers_serial';"
	print "COMMENT ON FUNCTION crmlife.customers_serial(internal) IS\n  'serialize function of aggregates';"
	print "CREATE FUNCTION crmlife.customers_deserial(bytea, internal)\nRETURNS internal"
	print "LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE\nAS 'MODULE_PATHNAME', 'crm_customers_deserial';"
	print "COMMENT ON FUNCTION crmlife.customers_deserial(bytea, internal) IS\n  'deserialize function of aggregates';"
}

/^#/ || /^[ \t]*$/ { next }

NF != 7 { print "aggregates.list: line " FNR " has " NF " fields" > "/dev/stderr"; failed = 1; exit 1 }

{
	for (f = 1; f <= 7; f++) field[f] = trim($f)
	final = final_function(field[5], field[6])
	both(field[2])
}

END { if (failed) exit 1 }
