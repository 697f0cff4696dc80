# crmlife: customer lifecycle analytics in PostgreSQL.
#
#   make, make install, make installcheck   as for every PGXS extension
#   make demo, make test, make bench        everything on a private server
#   make extremes                           the aggregates at sizes that take minutes
#   make soak                               many writers with the worker on, for minutes
#   make fuzz                               an hour of libFuzzer on what reads bytes
#   make fault                              ten minutes of faults at random moments
#   make coverage                           which lines of src/ the tests run; twenty minutes
#   make valgrind                           the tests on a server with assertions, then under valgrind, for hours
#   make test-pg17, make test-pg18          all tests in a Debian that has that version
#   make format, make format-check          the C sources' layout

EXTENSION = crmlife
EXTVERSION = $(shell sed -n "s/^default_version *= *'\(.*\)'/\1/p" crmlife.control)
MODULE_big = crmlife
PGFILEDESC = "crmlife - customer lifecycle analytics"

OBJS = $(patsubst %.c,%.o,$(wildcard src/*.c src/engine/*.c src/customers/*.c \
	src/functions/*.c src/stage/*.c))
HEADER_FILES = $(wildcard src/*.h src/*/*.h)

# The install script, in the order in which its parts need each other.
SQL_PARTS = sql/base.sql sql/model.sql sql/rfm.sql sql/results.sql \
	sql/aggregates.sql sql/history.sql sql/history_calls.sql sql/histories.sql \
	sql/stage.sql sql/progress.sql sql/outbox.sql sql/stage_past.sql sql/figures.sql \
	sql/check_source.sql sql/worker.sql
DATA = $(wildcard sql/crmlife--*--*.sql)
DATA_built = sql/$(EXTENSION)--$(EXTVERSION).sql

TESTS := $(wildcard test/sql/*.sql)
REGRESS := $(patsubst test/sql/%.sql,%,$(TESTS))
REGRESS_OPTS = --inputdir=test --load-extension=pgtap --load-extension=crmlife
ISOLATION := $(patsubst test/isolation/specs/%.spec,%,$(wildcard test/isolation/specs/*.spec))
ISOLATION_OPTS = --inputdir=test/isolation --load-extension=crmlife

PG_CPPFLAGS = -I$(srcdir)/src -DCRM_VERSION='"$(EXTVERSION)"'
# No -O3, -march or fast-math: the same figures on every machine.
PG_CFLAGS = -std=gnu11 -Wall -Wextra -Wno-unused-parameter \
	-Wno-missing-field-initializers -Wno-sign-compare
# Nobody puts functions of his own in place of the library's: it may call and
# inline them without asking the dynamic linker, which counts in what is called
# once per row.
PG_CFLAGS += -fno-semantic-interposition
ifeq ($(shell uname -s),Linux)
SHLIB_LINK += -Wl,-Bsymbolic-functions
endif

EXTRA_CLEAN = sql/$(EXTENSION)--$(EXTVERSION).sql sql/aggregates.sql \
	sql/history_calls.sql tmp_check

# The order logs some tests read.  The variable is set when they are there,
# and only then.
CRMLIFE_DATA ?= $(wildcard $(abspath ../shared/data))
ifneq ($(CRMLIFE_DATA),)
export CRMLIFE_DATA
endif

all: sql/$(EXTENSION)--$(EXTVERSION).sql

export ORDERS
# What needs no pg_config: these find, or install, a PostgreSQL themselves.
.PHONY: test test-pg17 test-pg18 fault coverage demo demo-stop bench extremes soak valgrind fuzz format format-check dist
test:
	@scripts/test

fault:
	@scripts/test fault

coverage:
	@scripts/coverage

test-pg17 test-pg18:
	@scripts/newer $(@:test-pg%=%)

demo:
	@scripts/demo

demo-stop:
	@scripts/demo stop

bench:
	@bench/run

extremes:
	@scripts/extremes

soak:
	@scripts/soak

valgrind:
	@scripts/valgrind

fuzz:
	@$(MAKE) -s -C test/engine fuzz

format format-check:
	@scripts/format $@

dist:
	@mkdir -p build
	git archive --format zip --prefix=$(EXTENSION)-$(EXTVERSION)/ \
		-o build/$(EXTENSION)-$(EXTVERSION).zip HEAD

PG_CONFIG ?= pg_config
PGXS := $(shell $(PG_CONFIG) --pgxs 2>/dev/null)
ifneq ($(wildcard $(PGXS)),)
include $(PGXS)
else
all install installcheck uninstall clean:
	@echo "No PostgreSQL server headers: $(PG_CONFIG) --pgxs names no file." >&2; \
	echo "Install them (Debian: postgresql-server-dev-15) or say where they are: make PG_CONFIG=/path/to/pg_config" >&2; \
	exit 1
endif

sql/$(EXTENSION)--$(EXTVERSION).sql: $(SQL_PARTS) crmlife.control
	cat $(SQL_PARTS) > $@

sql/aggregates.sql: sql/aggregates.list sql/aggregates.awk
	awk -f sql/aggregates.awk sql/aggregates.list > $@.new && mv $@.new $@

sql/history_calls.sql: sql/history.list sql/history.awk
	awk -f sql/history.awk sql/history.list > $@.new && mv $@.new $@

$(OBJS) $(OBJS:.o=.bc): $(HEADER_FILES) crmlife.control

# What the compiler says where a server has assertions: Assert() and lists are
# others there, and whatever looks at the kind of a node, like castNode().
.PHONY: compile-assertions
compile-assertions:
	@grep -lE 'Assert|castNode|_node\(|ilist\.h' $(OBJS:.o=.c) | xargs -n 4 -P "$$(nproc)" \
		$(CC) $(CFLAGS) $(CPPFLAGS) -DUSE_ASSERT_CHECKING -fsyntax-only

# TAP tests, each on servers of its own, against the installed extension.  What
# several runs at a time leave behind does not meet where TAP_DIR differs.
TAP_DIR = $(CURDIR)
.PHONY: prove_installcheck
prove_installcheck:
	rm -rf '$(TAP_DIR)'/tmp_check
	TESTDIR='$(TAP_DIR)' TESTDATADIR='$(TAP_DIR)/tmp_check' TESTLOGDIR='$(TAP_DIR)/tmp_check/log' \
	PATH="$(bindir):$$PATH" PGPORT='6$(DEF_PGPORT)' \
	PG_REGRESS='$(top_builddir)/src/test/regress/pg_regress' \
	$(PROVE) $(PG_PROVE_FLAGS) $(PROVE_FLAGS) $(if $(PROVE_TESTS),$(PROVE_TESTS),test/t/*.pl)
