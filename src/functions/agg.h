/*
 * agg.h
 *		What the transition and final functions of the aggregates over
 *		customers share.
 *
 * A transition function is declared in SQL with concrete types, often many
 * times for one C function; what its arguments are is looked up once by its own
 * oid, which works where no expression is at hand (distributed engines).  Their
 * names say what they mean:
 *
 *		customer, at, amount        the row
 *		is_start, is_return         the kind of event the row is
 *		h                           or a history instead of a row
 *		event, return_event         the kinds of event that count in it
 *		anything else               the metric's parameter of that name
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

/* how a parameter is given */
typedef enum CrmParamKind
{
	CRM_PARAM_NUMBER,
	CRM_PARAM_DAY,
	CRM_PARAM_UNIT,
	CRM_PARAM_METHOD,
	CRM_PARAM_BY,
	CRM_PARAM_EVENT
} CrmParamKind;

/* the numbers of event and return_event, which no CrmParams has */
enum
{
	CRM_PARAM_EVENT_START = CRM_PARAMS,
	CRM_PARAM_EVENT_RETURN,
	CRM_PARAM_ARGS
};

/* an argument that is a parameter, and its value in the row before */
typedef struct CrmParamArg
{
	int			 arg;
	int			 param; /* of CRM_PARAM_... */
	CrmParamKind kind;
	CrmTimeKind	 time_kind;
	bool		 null;
	Datum		 value; /* of a text: a copy */
} CrmParamArg;

/* the arguments of one transition function; 0: there is none */
typedef struct CrmAgg
{
	CrmKeyKind		   key_kind;
	int				   at;
	CrmTimeKind		   at_kind;
	CrmDayCache		   at_day;
	int				   amount;
	int				   is_start;
	int				   is_return;
	CrmCustomersQuery *query;
	int				   param_args;
	CrmParamArg		   param_arg[CRM_PARAM_ARGS];
	/* the parameters of the row before: they hardly ever change */
	bool	  params_stable; /* they cannot: constants of the query */
	bool	  params_known;
	bool	  params_given; /* none of them is NULL */
	bool	  plain; /* they are all given, and rows go to the table as days */
	CrmParams params;
	int32	  event[2]; /* CrmActivity: what starts, what returns */
	/* the state of the row before, if it has these parameters */
	Datum state;
	void *state_object;
} CrmAgg;

/* metric: NULL if it has no parameters */
extern CrmAgg *crm_agg_lookup(FunctionCallInfo fcinfo, const CrmMetric *metric);

static inline CrmAgg *
crm_agg(FunctionCallInfo fcinfo, const CrmMetric *metric)
{
	return fcinfo->flinfo->fn_extra ? (CrmAgg *) fcinfo->flinfo->fn_extra
									: crm_agg_lookup(fcinfo, metric);
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

/* the same, of whatever state */
extern void
crm_agg_require_params(const CrmMetric *metric, const CrmParams *own,
					   bool own_null, const CrmParams *params, bool null);
extern void
crm_agg_check_params(const CrmMetric *metric, const CrmParams *params);
extern bool
crm_agg_knows_option(const CrmMetric *metric, const CrmParams *params);
extern bool crm_agg_same_text(Datum a, Datum b);

static inline bool
crm_agg_is_text(const CrmParamArg *param_arg)
{
	return param_arg->kind >= CRM_PARAM_UNIT;
}

/* are the parameters those of the row before? */
static inline bool
crm_agg_params_unchanged(FunctionCallInfo fcinfo, const CrmAgg *agg)
{
	if (unlikely(!agg->params_known))
		return false;
	if (agg->params_stable)
		return true;
	for (int i = 0; i < agg->param_args; i++)
	{
		const CrmParamArg	*param_arg = &agg->param_arg[i];
		const NullableDatum *given = &fcinfo->args[param_arg->arg];

		if (given->isnull != param_arg->null)
			return false;
		if (given->value != param_arg->value && !given->isnull &&
			(!crm_agg_is_text(param_arg) ||
			 !crm_agg_same_text(given->value, param_arg->value)))
			return false;
	}
	return true;
}

/* the parameters of this row, in agg */
extern void crm_agg_read_params(FunctionCallInfo fcinfo, CrmAgg *agg,
								const CrmMetric *metric);

/* one row of argument 1's customer */
extern void crm_agg_add_text(CrmCustomers *customers, Datum value, CrmDay day);

static inline void
crm_agg_add(FunctionCallInfo fcinfo, const CrmAgg *agg, CrmCustomers *customers,
			CrmDay day)
{
	Datum value = PG_GETARG_DATUM(1);

	if (agg->key_kind == CRM_KEY_BIGINT)
		crm_customers_add(customers, CRM_KEY_BIGINT, value, day);
	else if (agg->key_kind == CRM_KEY_UUID)
		crm_customers_add(customers, CRM_KEY_UUID, value, day);
	else
		crm_agg_add_text(customers, value, day);
	if (unlikely(customers->files_open))
		crm_agg_watch_files(fcinfo, customers);
}

/* the transition function of a metric with parameters */
extern Datum
crm_agg_accumulate(FunctionCallInfo fcinfo, const CrmMetric *metric);

#define CRM_AGG_ACCUM(name, metric)                   \
	PG_FUNCTION_INFO_V1(crm_##name##_accum);          \
	Datum crm_##name##_accum(PG_FUNCTION_ARGS)        \
	{                                                 \
		return crm_agg_accumulate(fcinfo, &(metric)); \
	}                                                 \
	extern int no_such_variable

/* an error unless the metric is among them; NULL: any may be */
extern void
crm_agg_require_metric(const CrmMetric *metric, const CrmMetric *const *of);
/*
 * For a final function: the group's totals, of one of the metrics given; NULL
 * if no usable row came or a parameter was NULL.
 */
extern const CrmTotals *
crm_agg_totals(FunctionCallInfo fcinfo, const CrmMetric *const *of,
			   const CrmParams **params);
/* the metrics whose totals a final function knows how to read */
#define CRM_OF(...) ((const CrmMetric *const[]){__VA_ARGS__, NULL})

/* an array of the rows of the function's result type, in order */
typedef struct CrmRows CrmRows;
extern CrmRows		  *crm_rows_start(FunctionCallInfo fcinfo, int64 expected);
extern void crm_rows_add(CrmRows *rows, const Datum *values, const bool *nulls);
extern Datum crm_rows_finish(CrmRows *rows);

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
