CREATE FUNCTION take_state(internal, combine regprocedure, deserial regprocedure, state bytea) RETURNS internal
AS 'MODULE_PATHNAME' LANGUAGE C;
COMMENT ON FUNCTION take_state(internal, regprocedure, regprocedure, bytea) IS
  'combines the group''s state with a serialized one, as the leader of a parallel plan does; with none where that is NULL, and with itself where deserial is';

CREATE FUNCTION call_outside(part regprocedure) RETURNS void
AS 'MODULE_PATHNAME' LANGUAGE C STRICT;
COMMENT ON FUNCTION call_outside(regprocedure) IS
  'calls a part of an aggregate where there is none: NULLs for what is internal, else empty values';

CREATE FUNCTION score_bare(score regprocedure, recency int, frequency bigint, monetary numeric, numeric[], numeric[], numeric[]) RETURNS int
AS 'MODULE_PATHNAME' LANGUAGE C STRICT;
COMMENT ON FUNCTION score_bare(regprocedure, int, bigint, numeric, numeric[], numeric[], numeric[]) IS
  'calls rfm_score as C code does: by its oid, without an expression';

CREATE FUNCTION flat_twice(bytea) RETURNS bool
AS 'MODULE_PATHNAME' LANGUAGE C STRICT;
COMMENT ON FUNCTION flat_twice(bytea) IS
  'whether an expanded state of histories is the same each time it is made flat';
