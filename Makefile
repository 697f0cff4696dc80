# crmlife: customer lifecycle analytics in PostgreSQL.
#
#   make, make install, make installcheck   as for every PGXS extension
#   make demo, make test, make bench        everything on a private server

EXTENSION = crmlife
EXTVERSION = $(shell sed -n "s/^default_version *= *'\(.*\)'/\1/p" crmlife.control)
MODULE_big = crmlife
PGFILEDESC = "crmlife - customer lifecycle analytics"

OBJS = $(patsubst %.c,%.o,$(wildcard src/*.c src/engine/*.c src/customers/*.c \
	src/functions/*.c src/stage/*.c))
HEADER_FILES = $(wildcard src/*.h src/*/*.h)

# The install script, in the order in which its parts need each other.
SQL_PARTS = sql/base.sql sql/model.sql sql/rfm.sql sql/aggregates.sql \
	sql/stage.sql sql/worker.sql
DATA = $(wildcard sql/crmlife--*--*.sql)
DATA_built = sql/$(EXTENSION)--$(EXTVERSION).sql

TESTS = $(wildcard test/sql/*.sql)
REGRESS = $(patsubst test/sql/%.sql,%,$(TESTS))
REGRESS_OPTS = --inputdir=test --load-extension=pgtap --load-extension=crmlife

PG_CPPFLAGS = -I$(srcdir)/src
# No -O3, -march or fast-math: the same figures on every machine.
PG_CFLAGS = -std=gnu11 -Wall -Wextra -Wno-unused-parameter \
	-Wno-missing-field-initializers -Wno-sign-compare

EXTRA_CLEAN = sql/$(EXTENSION)--$(EXTVERSION).sql build

PG_CONFIG ?= pg_config
PGXS := $(shell $(PG_CONFIG) --pgxs)
include $(PGXS)

all: sql/$(EXTENSION)--$(EXTVERSION).sql

sql/$(EXTENSION)--$(EXTVERSION).sql: $(SQL_PARTS) crmlife.control
	cat $(SQL_PARTS) > $@

$(OBJS): $(HEADER_FILES)
