-- key_kind: 1 bigint, 2 uuid, 3 text, 4 bigint with hashes at both ends; metric: its code; budget in bytes.

CREATE FUNCTION customers_random(key_kind int, metric int, n int, customers int, rows int, budget bigint, pieces int, seed int, leader bool,
  OUT totals bigint[], OUT expected bigint[], OUT spilled bool)
AS 'MODULE_PATHNAME' LANGUAGE C STRICT;
COMMENT ON FUNCTION customers_random(int, int, int, int, int, bigint, int, int, bool) IS
  'random rows of so many customers through the table in so many pieces, which merge into the first, or as a leader merges them, by serialized states, and the totals from a plain array of states';

CREATE FUNCTION customers_fuzz(key_kind int, metric int, customers int, rounds int, seed int, OUT refused bigint, OUT accepted bigint)
AS 'MODULE_PATHNAME' LANGUAGE C STRICT;
COMMENT ON FUNCTION customers_fuzz(int, int, int, int, int) IS
  'serialized states with bytes changed, cut off or random, in front of memory that cannot be read';

CREATE FUNCTION customers_miscounted(key_kind int, customers int) RETURNS bool
AS 'MODULE_PATHNAME' LANGUAGE C STRICT;
COMMENT ON FUNCTION customers_miscounted(int, int) IS
  'whether customers that come with a wrong number of them are refused where they join others';

CREATE FUNCTION customers_cut(key_kind int, metric int, customers int, seed int, OUT refused bigint, OUT bytes bigint, OUT whole_accepted bool)
AS 'MODULE_PATHNAME' LANGUAGE C STRICT;
COMMENT ON FUNCTION customers_cut(int, int, int, int) IS
  'what a process would send of a group, with what is beside its table, cut at every byte and whole';

-- failure: 0 a file ends there, 1 in the middle, 2 a head is damaged to ones, 3 to zeros

CREATE FUNCTION customers_unreadable(key_kind int, metric int, rows int, budget bigint, failure int,
  OUT attempts bigint, OUT refused bigint, OUT no_matter bigint, OUT wrong bigint)
AS 'MODULE_PATHNAME' LANGUAGE C STRICT;
COMMENT ON FUNCTION customers_unreadable(int, int, int, bigint, int) IS
  'rows through the table and its temporary files, once for each of some calls that seek or read, which fails';

CREATE FUNCTION gather_random(key_kind int, customers int, rows int, budget bigint, most bigint) RETURNS bigint
AS 'MODULE_PATHNAME' LANGUAGE C STRICT;
COMMENT ON FUNCTION gather_random(int, int, int, bigint, bigint) IS
  'random rows gathered by customer: how many of the first so many (-1: of all) come as they were added';

CREATE FUNCTION gather_unreadable(key_kind int, customers int, rows int, budget bigint, most bigint, failure int,
  OUT attempts bigint, OUT refused bigint, OUT no_matter bigint, OUT wrong bigint)
AS 'MODULE_PATHNAME' LANGUAGE C STRICT;
COMMENT ON FUNCTION gather_unreadable(int, int, int, bigint, bigint, int) IS
  'the same, once for each of some calls that seek or read, which fails';
