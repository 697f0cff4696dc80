/*
 * crmlife_states.c
 *		Parts of aggregates called one by one, for tests.
 *
 * An aggregate whose transition function is take_state does what PostgreSQL
 * does with the states of parallel workers, except that the states may be any
 * bytes.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "utils/builtins.h"
#include "utils/expandeddatum.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"

PG_MODULE_MAGIC;

PG_FUNCTION_INFO_V1(take_state);
PG_FUNCTION_INFO_V1(call_outside);
PG_FUNCTION_INFO_V1(score_bare);
PG_FUNCTION_INFO_V1(flat_twice);

/* the functions given in the first call; what they keep is theirs */
typedef struct Parts
{
	FmgrInfo combine;
	FmgrInfo deserial;
} Parts;

static Parts *
parts_of(FunctionCallInfo fcinfo)
{
	MemoryContext context = fcinfo->flinfo->fn_mcxt;

	if (fcinfo->flinfo->fn_extra == NULL)
	{
		Parts *parts = MemoryContextAllocZero(context, sizeof(Parts));

		fmgr_info_cxt(PG_GETARG_OID(1), &parts->combine, context);
		if (!PG_ARGISNULL(2))
			fmgr_info_cxt(PG_GETARG_OID(2), &parts->deserial, context);
		fcinfo->flinfo->fn_extra = parts;
	}
	return fcinfo->flinfo->fn_extra;
}

/* in this aggregate, as the one that is under test */
static NullableDatum
call(FunctionCallInfo fcinfo, FmgrInfo *function, NullableDatum first,
	 NullableDatum second)
{
	LOCAL_FCINFO(inner, 2);
	NullableDatum result;

	InitFunctionCallInfoData(*inner, function, 2, fcinfo->fncollation,
							 fcinfo->context, NULL);
	inner->args[0] = first;
	inner->args[1] = second;
	result.value = FunctionCallInvoke(inner);
	result.isnull = inner->isnull;
	return result;
}

Datum
take_state(PG_FUNCTION_ARGS)
{
	static const NullableDatum none = {.isnull = true};
	Parts					  *parts = parts_of(fcinfo);
	NullableDatum			   other = fcinfo->args[0];
	NullableDatum			   state;

	if (!PG_ARGISNULL(2))
		other = PG_ARGISNULL(3)
					? none
					: call(fcinfo, &parts->deserial, fcinfo->args[3], none);
	state = call(fcinfo, &parts->combine, fcinfo->args[0], other);
	fcinfo->isnull = state.isnull;
	return state.value;
}

Datum
call_outside(PG_FUNCTION_ARGS)
{
	LOCAL_FCINFO(inner, FUNC_MAX_ARGS);
	FmgrInfo function;
	Oid		*types;
	int		 count;

	fmgr_info(PG_GETARG_OID(0), &function);
	(void) get_func_signature(function.fn_oid, &types, &count);
	InitFunctionCallInfoData(*inner, &function, count, PG_GET_COLLATION(), NULL,
							 NULL);
	for (int i = 0; i < count; i++)
	{
		inner->args[i].value = CStringGetTextDatum("");
		inner->args[i].isnull = types[i] != BYTEAOID;
	}
	(void) FunctionCallInvoke(inner);
	PG_RETURN_VOID();
}

/* a function of six arguments that are not NULL, without an expression */
Datum
score_bare(PG_FUNCTION_ARGS)
{
	PG_RETURN_DATUM(OidFunctionCall6(PG_GETARG_OID(0), PG_GETARG_DATUM(1),
									 PG_GETARG_DATUM(2), PG_GETARG_DATUM(3),
									 PG_GETARG_DATUM(4), PG_GETARG_DATUM(5),
									 PG_GETARG_DATUM(6)));
}

/* an expanded state made flat twice */
Datum
flat_twice(PG_FUNCTION_ARGS)
{
	ExpandedObjectHeader *state = DatumGetEOHP(PG_GETARG_DATUM(0));
	Size				  size = EOH_get_flat_size(state);
	char				 *flat[] = {palloc0(size), palloc0(size)};

	for (int i = 0; i < lengthof(flat); i++)
	{
		if (EOH_get_flat_size(state) != size)
			elog(ERROR, "two sizes of one state");
		EOH_flatten_into(state, flat[i], size);
	}
	PG_RETURN_BOOL(memcmp(flat[0], flat[1], size) == 0);
}
