/*
 * agg.h
 *		What the transition and final functions of the aggregates over
 *		customers share.
 *
 * A transition function is declared in SQL with concrete types, often many
 * times for one C function; what its types are is looked up once by its own
 * oid, which works where no expression is at hand (distributed engines).
 *
 * Invariant: nothing but the group's own state is needed from one call to the
 * next; what is kept in fn_extra only saves looking it up again.
 */
#ifndef CRM_AGG_H
#define CRM_AGG_H

#include "postgres.h"

#include "fmgr.h"

#include "customers/customers.h"
#include "functions/localday.h"

/* the arguments of one transition function, after the state */
typedef struct CrmAgg
{
	CrmKeyKind		   key_kind;
	CrmTimeKind		   at_kind;	   /* argument 2, if it is a time */
	CrmTimeKind		   as_of_kind; /* argument 4, if there is one */
	bool			   has_as_of;
	CrmCustomersQuery *query;
	/* the last as_of converted: it is the same in all rows */
	bool   as_of_known;
	Datum  as_of;
	CrmDay as_of_day;
} CrmAgg;

extern CrmAgg *crm_agg_lookup(FunctionCallInfo fcinfo);

static inline CrmAgg *
crm_agg(FunctionCallInfo fcinfo)
{
	return fcinfo->flinfo->fn_extra ? (CrmAgg *) fcinfo->flinfo->fn_extra
									: crm_agg_lookup(fcinfo);
}

/* the group's first row */
extern CrmCustomers *
crm_agg_start(FunctionCallInfo fcinfo, CrmAgg *agg, const CrmMetric *metric,
			  const CrmParams *params, bool params_null);
extern void
crm_agg_watch_files(FunctionCallInfo fcinfo, CrmCustomers *customers);
/* an error when they are not the group's */
extern void crm_agg_compare_params(const CrmCustomers *customers,
								   const CrmParams *params, bool params_null);

/* one row of argument 1's customer */
extern void crm_agg_add_text(CrmCustomers *customers, Datum value, CrmDay day);

static inline void
crm_agg_add(FunctionCallInfo fcinfo, const CrmAgg *agg, CrmCustomers *customers,
			CrmDay day)
{
	Datum  value = PG_GETARG_DATUM(1);
	CrmKey key;

	if (agg->key_kind == CRM_KEY_BIGINT)
	{
		key = crm_key_from_bigint(DatumGetInt64(value));
		crm_customers_add(customers, &key, day);
	}
	else if (agg->key_kind == CRM_KEY_UUID)
	{
		key = crm_key_from_uuid(DatumGetUUIDP(value));
		crm_customers_add(customers, &key, day);
	}
	else
		crm_agg_add_text(customers, value, day);
	if (unlikely(customers->files_open))
		crm_agg_watch_files(fcinfo, customers);
}

/* a rate and its _stats out of two counts of the group's totals */
extern Datum
crm_agg_rate(FunctionCallInfo fcinfo, int numerator, int denominator);
extern Datum
crm_agg_rate_stats(FunctionCallInfo fcinfo, int numerator, int denominator);

#define CRM_AGG_RATE(name, numerator, denominator)                 \
	PG_FUNCTION_INFO_V1(crm_##name##_final);                       \
	Datum crm_##name##_final(PG_FUNCTION_ARGS)                     \
	{                                                              \
		return crm_agg_rate(fcinfo, numerator, denominator);       \
	}                                                              \
	PG_FUNCTION_INFO_V1(crm_##name##_stats_final);                 \
	Datum crm_##name##_stats_final(PG_FUNCTION_ARGS)               \
	{                                                              \
		return crm_agg_rate_stats(fcinfo, numerator, denominator); \
	}                                                              \
	extern int no_such_variable

#endif /* CRM_AGG_H */
