\echo Use "CREATE EXTENSION crmlife_money" to load this file. \quit

CREATE FUNCTION money_round_trip(numeric) RETURNS numeric
AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT;
CREATE FUNCTION money_is_wide(numeric) RETURNS bool
AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT;
CREATE FUNCTION money_datum_sign(numeric) RETURNS int
AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT;
CREATE FUNCTION money_add(numeric, numeric) RETURNS numeric
AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT;
CREATE FUNCTION money_sub(numeric, numeric) RETURNS numeric
AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT;
CREATE FUNCTION money_mul(numeric, numeric) RETURNS numeric
AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT;
CREATE FUNCTION money_div(numeric, numeric) RETURNS numeric
AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT;
CREATE FUNCTION money_neg(numeric) RETURNS numeric
AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT;
CREATE FUNCTION money_cmp(numeric, numeric) RETURNS int
AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT;
CREATE FUNCTION money_identical(numeric, numeric) RETURNS bool
AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT;
-- whether two numerics are stored in the same bytes
CREATE FUNCTION money_same_bytes(numeric, numeric) RETURNS bool
AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT;
CREATE FUNCTION money_sum(numeric[]) RETURNS numeric
AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT;
-- decode the value so many times: a stopwatch for the decoder
CREATE FUNCTION money_decode_loop(numeric, bigint) RETURNS bigint
AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT;
-- whether its bytes would be taken from another process
CREATE FUNCTION money_is_whole(numeric) RETURNS bool
AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT;
-- an error of the engine, by its number in engine/host.h
CREATE FUNCTION host_fail(int) RETURNS void
AS 'MODULE_PATHNAME' LANGUAGE C STRICT;
