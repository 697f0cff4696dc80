# Sourced by the scripts beside it: which PostgreSQL, whose processes.

export LC_ALL=C.UTF-8 LANG=C.UTF-8
supported="15 16 17 18"

say() { printf '%s\n' "$*"; }
die() { printf '%s\n' "$@" >&2; exit 1; }

# Settings of the caller's own PostgreSQL or make would leak into ours.
clean_environment()
{
	unset MAKEFLAGS MFLAGS MAKELEVEL MAKEOVERRIDES
	unset PGHOST PGHOSTADDR PGPORT PGUSER PGDATABASE PGPASSWORD PGPASSFILE \
		PGSERVICE PGSERVICEFILE PGOPTIONS PGDATA PGAPPNAME PGCLIENTENCODING \
		PGTZ PGDATESTYLE PGSSLMODE PGCLUSTER PSQLRC PAGER PSQL_PAGER \
		PG_COLOR PG_CONFIG CRM_PORT
	cd /
}

# pg_config of the PostgreSQL to use: PG_VERSION if set, else the newest
# supported one that is complete with headers; nothing if there is none
find_pg_config()
{
	for v in ${PG_VERSION:-18 17 16 15}; do
		if [ -x "/usr/lib/postgresql/$v/bin/postgres" ] &&
			[ -e "/usr/lib/postgresql/$v/lib/pgxs/src/makefiles/pgxs.mk" ]; then
			echo "/usr/lib/postgresql/$v/bin/pg_config"
			return
		fi
	done
	found=$(command -v pg_config) || return 0
	if [ -x "$("$found" --bindir 2> /dev/null)/postgres" ] &&
		[ -e "$("$found" --pgxs 2> /dev/null)" ]; then
		echo "$found"
	fi
}

# Who runs the server: PostgreSQL refuses to run as root.
if [ "$(id -u)" = 0 ]; then
	owner=postgres
else
	owner=$(id -un)
fi

as_owner()
{
	if [ "$(id -u)" = 0 ]; then
		runuser -u "$owner" -- "$@"
	else
		"$@"
	fi
}
