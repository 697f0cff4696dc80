# Writes the SQL part of a history's functions and of the aggregates over
# histories from history.list:
#
#	awk -f sql/history.awk sql/history.list > sql/history_calls.sql
#
# An overload for each type of as_of; each accumulator and final function once.

function trim(s) { gsub(/^[ \t]+|[ \t]+$/, "", s); return s }
function quoted(s) { gsub(/'/, "''", s); return "'" s "'" }
# a day depends on the session's zone, today on the transaction
function volatility(type) { return type == "date" || type == "timestamp" ? "IMMUTABLE" : "STABLE" }

function declare(type,    arguments, signature)
{
	arguments = field[2]
	gsub(/AS_OF/, type, arguments)
	signature = arguments
	gsub(/ DEFAULT ('[a-z]*'|NULL)/, "", signature)
	printf "CREATE FUNCTION %s(%s)\nRETURNS %s\n", field[1], arguments, field[3]
	printf "AS 'MODULE_PATHNAME', 'crm_%s_%s'\n", field[4], type
	printf "LANGUAGE C %s %s PARALLEL SAFE;\n", volatility(type), \
		arguments ~ /DEFAULT NULL/ ? "CALLED ON NULL INPUT" : "STRICT"
	printf "COMMENT ON FUNCTION %s(%s) IS\n  %s;\n", field[1], signature, quoted(field[5])
}

# the type of an aggregate's argument after the history
function type_of(word, as_of)
{
	if (word ~ /:/) return substr(word, index(word, ":") + 1)
	if (word ~ /^(n|max_n|from_day|to_day|max_k|days|lookback_days)$/) return "integer"
	if (word ~ /^cohort_(from|to)$/) return "date"
	if (word ~ /^(unit|method|by|event|return_event)$/) return "text"
	if (word ~ /^(as_of|base_date)$/) return as_of
	print "history.list: unknown argument " word > "/dev/stderr"
	failed = 1
	exit 1
}

# today depends on the transaction
function timeless(words) { return words ~ /as_of/ || field[3] ~ /^(repurchase|repurchase_interval|repeat_funnel|sales_by_loyalty|aov_by_order_index|revenue)$/ }

function accumulator(arguments, volatile,    sql, declaration)
{
	sql = "crmlife.histories_" field[3] "_accum"
	declaration = sql "(state bytea, h crmlife.purchase_history" arguments ")"
	if (declaration in declared) return
	declared[declaration] = 1
	printf "CREATE FUNCTION %s\nRETURNS bytea\nAS 'MODULE_PATHNAME', 'crm_histories_%s_accum'\n", declaration, field[3]
	printf "LANGUAGE C %s CALLED ON NULL INPUT PARALLEL SAFE;\n", volatile
	printf "COMMENT ON FUNCTION %s IS\n  'transition function of aggregates';\n", declaration
}

function final_function(    sql)
{
	sql = "crmlife." field[4] "_final(bytea)"
	if (sql in declared) return
	declared[sql] = 1
	printf "CREATE FUNCTION %s\nRETURNS %s\nAS 'MODULE_PATHNAME', 'crm_%s_final'\n", sql, field[5], field[4]
	printf "LANGUAGE C IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE;\n"
	printf "COMMENT ON FUNCTION %s IS\n  'final function of aggregates';\n", sql
}

function aggregate(words, as_of, volatile,    word, n, i, arguments, types)
{
	if (words ~ /none/) words = ""
	n = split(words, word, " ")
	arguments = types = ""
	for (i = 1; i <= n; i++) {
		types = types ", " type_of(word[i], as_of)
		arguments = arguments ", " substr(word[i] ":", 1, index(word[i] ":", ":") - 1) " " type_of(word[i], as_of)
	}
	accumulator(arguments, volatile)
	final_function()
	printf "CREATE AGGREGATE %s(crmlife.purchase_history%s) (\n", field[1], types
	printf "  SFUNC = crmlife.histories_%s_accum, STYPE = bytea, SSPACE = 4096,\n", field[3]
	printf "  FINALFUNC = crmlife.%s_final,\n", field[4]
	printf "  COMBINEFUNC = crmlife.histories_combine, PARALLEL = SAFE);\n"
	printf "COMMENT ON AGGREGATE %s(crmlife.purchase_history%s) IS\n  %s;\n", field[1], types, quoted(field[6])
}

# each way to call it, and each type of a day
function aggregates(    form, forms, f, t)
{
	forms = split(field[2], form, ";")
	for (f = 1; f <= forms; f++) {
		if (form[f] !~ /as_of|base_date/)
			aggregate(form[f], "", timeless(form[f]) ? "IMMUTABLE" : "STABLE")
		else for (t = 1; t <= count; t++)
			aggregate(form[f], types[t], timeless(form[f]) ? volatility(types[t]) : "STABLE")
	}
}

BEGIN {
	FS = "|"
	count = split("date,timestamp,timestamptz", types, ",")
	print "-- Functions of histories as of a day.  Built from sql/history.list."
	print "CREATE FUNCTION crmlife.histories_combine(bytea, bytea)\nRETURNS bytea"
	print "AS 'MODULE_PATHNAME', 'crm_histories_combine'\nLANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;"
	print "COMMENT ON FUNCTION crmlife.histories_combine(bytea, bytea) IS\n  'combine function of aggregates';"
}

/^#/ || /^[ \t]*$/ { next }

NF != 5 && NF != 6 { print "history.list: line " FNR " has " NF " fields" > "/dev/stderr"; failed = 1; exit 1 }

{ for (f = 1; f <= NF; f++) field[f] = trim($f) }

NF == 5 { for (t = 1; t <= count; t++) declare(types[t]) }

NF == 6 { aggregates() }

END { if (failed) exit 1 }
