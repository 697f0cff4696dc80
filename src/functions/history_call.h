/*
 * history_call.h
 *		Arguments and results that functions of a purchase_history share.
 */
#ifndef CRM_HISTORY_CALL_H
#define CRM_HISTORY_CALL_H

#include "postgres.h"

#include "fmgr.h"
#include "funcapi.h"

#include "engine/purchase_metric.h"

/* days after the first one: 0 <= from <= to <= the limit, else an error */
extern void crm_history_check_days(int32 from, int32 to, const char *from_name,
								   const char *to_name);
/* a text: order, visit, any */
extern CrmActivity crm_history_activity(Datum event);

/* of the function's composite result; kept in fn_extra */
extern TupleDesc crm_history_result_row(FunctionCallInfo fcinfo);

/* for each type of as_of a function of its own: nothing is looked up */
#define CRM_AS_OF_OVERLOADS(name)                    \
	PG_FUNCTION_INFO_V1(crm_##name##_date);          \
	PG_FUNCTION_INFO_V1(crm_##name##_timestamp);     \
	PG_FUNCTION_INFO_V1(crm_##name##_timestamptz);   \
	Datum crm_##name##_date(PG_FUNCTION_ARGS)        \
	{                                                \
		return name(fcinfo, CRM_TIME_DATE);          \
	}                                                \
	Datum crm_##name##_timestamp(PG_FUNCTION_ARGS)   \
	{                                                \
		return name(fcinfo, CRM_TIME_TIMESTAMP);     \
	}                                                \
	Datum crm_##name##_timestamptz(PG_FUNCTION_ARGS) \
	{                                                \
		return name(fcinfo, CRM_TIME_TIMESTAMPTZ);   \
	}                                                \
	extern int no_such_variable

#endif /* CRM_HISTORY_CALL_H */
