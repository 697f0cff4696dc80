# Writes the SQL part of a history's functions from history.list:
#
#	awk -f sql/history.awk sql/history.list > sql/history_calls.sql
#
# For each row an overload for each type of as_of.

function trim(s) { gsub(/^[ \t]+|[ \t]+$/, "", s); return s }
function quoted(s) { gsub(/'/, "''", s); return "'" s "'" }

function declare(type,    arguments, signature)
{
	arguments = field[2]
	gsub(/AS_OF/, type, arguments)
	signature = arguments
	gsub(/ DEFAULT ('[a-z]*'|NULL)/, "", signature)
	printf "CREATE FUNCTION %s(%s)\nRETURNS %s\n", field[1], arguments, field[3]
	printf "AS 'MODULE_PATHNAME', 'crm_%s_%s'\n", field[4], type
	# a day depends on the session's zone
	printf "LANGUAGE C %s %s PARALLEL SAFE;\n", type == "timestamptz" ? "STABLE" : "IMMUTABLE", \
		arguments ~ /DEFAULT NULL/ ? "CALLED ON NULL INPUT" : "STRICT"
	printf "COMMENT ON FUNCTION %s(%s) IS\n  %s;\n", field[1], signature, quoted(field[5])
}

BEGIN {
	FS = "|"
	count = split("date,timestamp,timestamptz", types, ",")
	print "-- Functions of a history as of a day.  Built from sql/history.list."
}

/^#/ || /^[ \t]*$/ { next }

NF != 5 { print "history.list: line " FNR " has " NF " fields" > "/dev/stderr"; failed = 1; exit 1 }

{
	for (f = 1; f <= 5; f++) field[f] = trim($f)
	for (t = 1; t <= count; t++) declare(types[t])
}

END { if (failed) exit 1 }
