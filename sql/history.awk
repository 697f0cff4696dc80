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

# the types of an aggregate's arguments after the history
function types_of(words, as_of,    word, count, i, result)
{
	count = split(words, word, " ")
	result = ""
	for (i = 1; i <= count; i++) {
		if (word[i] ~ /^(n|max_n|day|max_k|days)$/) result = result ", integer"
		else if (word[i] == "date") result = result ", date"
		else if (word[i] ~ /^(unit|event)$/) result = result ", text"
		else if (word[i] == "AS_OF") result = result ", " as_of
		else if (word[i] != "none") {
			print "history.list: unknown argument " word[i] > "/dev/stderr"
			failed = 1
			exit 1
		}
	}
	return result
}

function accumulator(types, c, volatile,    sql)
{
	sql = "crmlife.histories_" field[3] "_accum(bigint[], crmlife.purchase_history" types ")"
	if (sql in declared) return
	declared[sql] = 1
	printf "CREATE FUNCTION %s\nRETURNS bigint[]\nAS 'MODULE_PATHNAME', 'crm_histories_%s'\n", sql, c
	printf "LANGUAGE C %s CALLED ON NULL INPUT PARALLEL SAFE;\n", volatile
	printf "COMMENT ON FUNCTION %s IS\n  'transition function of aggregates';\n", sql
}

function final_function(    sql)
{
	sql = "crmlife.histories_" field[4] "_final(bigint[])"
	if (sql in declared) return
	declared[sql] = 1
	printf "CREATE FUNCTION %s\nRETURNS %s\nAS 'MODULE_PATHNAME', 'crm_histories_%s_final'\n", sql, field[5], field[4]
	printf "LANGUAGE C IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE;\n"
	printf "COMMENT ON FUNCTION %s IS\n  'final function of aggregates';\n", sql
}

function aggregate(types, c, volatile)
{
	accumulator(types, c, volatile)
	final_function()
	printf "CREATE AGGREGATE %s(crmlife.purchase_history%s) (\n", field[1], types
	printf "  SFUNC = crmlife.histories_%s_accum, STYPE = bigint[],\n", field[3]
	printf "  FINALFUNC = crmlife.histories_%s_final,\n", field[4]
	printf "  COMBINEFUNC = crmlife.histories_combine, PARALLEL = SAFE);\n"
	printf "COMMENT ON AGGREGATE %s(crmlife.purchase_history%s) IS\n  %s;\n", field[1], types, quoted(field[6])
}

# each way to call it, and each type of as_of
function aggregates(    form, forms, f, t)
{
	forms = split(field[2], form, ";")
	for (f = 1; f <= forms; f++) {
		if (field[2] !~ /AS_OF/) aggregate(types_of(form[f], ""), field[3], "IMMUTABLE")
		else if (form[f] !~ /AS_OF/) aggregate(types_of(form[f], ""), field[3] "_date", "STABLE")
		else for (t = 1; t <= count; t++)
			aggregate(types_of(form[f], types[t]), field[3] "_" types[t], volatility(types[t]))
	}
}

BEGIN {
	FS = "|"
	count = split("date,timestamp,timestamptz", types, ",")
	print "-- Functions of histories as of a day.  Built from sql/history.list."
	print "CREATE FUNCTION crmlife.histories_combine(bigint[], bigint[])\nRETURNS bigint[]"
	print "AS 'MODULE_PATHNAME', 'crm_histories_combine'\nLANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;"
	print "COMMENT ON FUNCTION crmlife.histories_combine(bigint[], bigint[]) IS\n  'combine function of aggregates';"
}

/^#/ || /^[ \t]*$/ { next }

NF != 5 && NF != 6 { print "history.list: line " FNR " has " NF " fields" > "/dev/stderr"; failed = 1; exit 1 }

{ for (f = 1; f <= NF; f++) field[f] = trim($f) }

NF == 5 { for (t = 1; t <= count; t++) declare(types[t]) }

NF == 6 { aggregates() }

END { if (failed) exit 1 }
