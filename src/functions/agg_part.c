/*
 * agg_part.c
 *		What every part of an aggregate asks first.
 */
#include "functions/agg_part.h"

MemoryContext
crm_aggregate_context(FunctionCallInfo fcinfo)
{
	MemoryContext context;

	if (!AggCheckCallContext(fcinfo, &context))
		ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
						errmsg("function called outside an aggregate"),
						errhint("It is a part of an aggregate: call that.")));
	return context;
}
