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

CREATE FUNCTION customers_cut(key_kind int, metric int, customers int, seed int, OUT refused bigint, OUT bytes bigint, OUT whole_accepted bool)
AS 'MODULE_PATHNAME' LANGUAGE C STRICT;
COMMENT ON FUNCTION customers_cut(int, int, int, int) IS
  'what a process would send of a group, with what is beside its table, cut at every byte and whole';
