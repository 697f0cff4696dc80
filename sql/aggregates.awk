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
	if (argument == "at" || argument == "as_of") return "date,timestamp,timestamptz"
	if (argument == "amount") return "numeric"
	if (argument == "n") return "integer"
	print "aggregates.list: unknown argument " argument > "/dev/stderr"
	failed = 1
	exit 1
}

function accumulator(name, c, types)
{
	if ((name, types) in accumulators) return
	accumulators[name, types] = 1
	printf "CREATE FUNCTION crmlife.%s_accum(internal, %s)\nRETURNS internal\n", name, types
	# a day depends on the session's zone, today on the transaction
	printf "LANGUAGE C %s PARALLEL SAFE\nAS 'MODULE_PATHNAME', 'crm_%s_accum';\n", \
		types ~ /timestamptz|integer$/ ? "STABLE" : "IMMUTABLE", c
	printf "COMMENT ON FUNCTION crmlife.%s_accum(internal, %s) IS\n  'transition function of aggregates';\n", name, types
}

function final_function(name, result,    sql, c, type)
{
	sql = "crmlife." name (result == "stats" ? "_stats_final" : "_final")
	if (sql in finals) return sql
	finals[sql] = 1
	c = "crm_" name (result == "stats" ? "_stats_final" : "_final")
	type = result == "stats" ? "crmlife.rate_stats" : "float8"
	printf "CREATE FUNCTION %s(internal)\nRETURNS %s\n", sql, type
	printf "LANGUAGE C IMMUTABLE PARALLEL SAFE\nAS 'MODULE_PATHNAME', '%s';\n", c
	printf "COMMENT ON FUNCTION %s(internal) IS\n  'final function of aggregates';\n", sql
	return sql
}

function aggregate(types)
{
	accumulator(field[3], field[4], types)
	printf "CREATE AGGREGATE %s(%s) (\n", field[1], types
	printf "  SFUNC = crmlife.%s_accum, STYPE = internal, SSPACE = 1024,\n", field[3]
	printf "  FINALFUNC = %s, FINALFUNC_MODIFY = SHAREABLE,\n", final
	printf "  COMBINEFUNC = crmlife.customers_combine,\n"
	printf "  SERIALFUNC = crmlife.customers_serial,\n"
	printf "  DESERIALFUNC = crmlife.customers_deserial, PARALLEL = SAFE);\n"
	printf "COMMENT ON AGGREGATE %s(%s) IS\n  %s;\n", field[1], types, quoted(field[7])
}

# every way to choose types for argument i and those after it
function overloads(arguments, i, count, types,    choices, n, k)
{
	if (i > count) { aggregate(types); return }
	n = split(types_of(arguments[i]), choices, ",")
	for (k = 1; k <= n; k++)
		overloads(arguments, i + 1, count, types (i > 1 ? ", " : "") choices[k])
}

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
	count = split(field[2], arguments, " ")
	if (arguments[count] ~ /^\[.*\]$/) {
		arguments[count] = substr(arguments[count], 2, length(arguments[count]) - 2)
		overloads(arguments, 1, count - 1, "")
	}
	overloads(arguments, 1, count, "")
}

END { if (failed) exit 1 }
