/*
 * model_call.h
 *		What the functions that are called row by row with a model share.
 */
#ifndef CRM_MODEL_CALL_H
#define CRM_MODEL_CALL_H

#include "postgres.h"
#include "fmgr.h"

#include "engine/history.h"
#include "functions/localday.h"
#include "functions/model_type.h"

/* where the model stands among the arguments */
#define CRM_COLUMNS_MODEL 4
#define CRM_HISTORY_MODEL 2

/* kept in fn_extra */
typedef struct CrmModelCall
{
	const CrmModel *model;
	bool			fixed;		/* the argument is the same in every row */
	bool			taken;		/* there has been one */
	CrmModelSeen	seen;		/* the value of the model, if it is set */
	void		   *cache;		/* of crm_model_cached */
	bool			few;		/* of the columns no more than orders, revenue,
								 * last order, as_of and model are given */
	const int8_t   *by_order;	/* few, and the last order tells the stage */
	text		  **stages;		/* names; NULL once the model has changed */
	TupleDesc		descriptor; /* of a composite result */
} CrmModelCall;

/*
 * The call's model; argument `number` is not NULL.  With windows false a model
 * that reads a window fact is refused.
 */
static inline CrmModelCall *
crm_model_call(FunctionCallInfo fcinfo, int number, bool windows);
/* a stage's name as a text */
static inline Datum crm_model_call_stage(const CrmModelCall *call, int stage);

/*
 * The facts that the arguments of lifecycle_next say, and the model.  NULL: so
 * is the result.  Those of a history are part of it; free it.
 */
extern CrmModelCall *
crm_columns_facts(FunctionCallInfo fcinfo, CrmTimeKind kind, CrmFacts *facts,
				  CrmDay *as_of);
extern CrmModelCall *
crm_history_facts(FunctionCallInfo fcinfo, CrmTimeKind kind,
				  CrmHistory *history, const CrmFacts **facts, CrmDay *as_of);

/* the descriptor of the call's composite result */
extern TupleDesc
crm_model_call_row(FunctionCallInfo fcinfo, CrmModelCall *call);

/* ---- what is done in each row ---- */

extern CrmModelCall *
crm_model_call_anew(FunctionCallInfo fcinfo, int number, bool windows);
extern Datum crm_model_call_copy(const CrmModelCall *call, int stage);

static inline CrmModelCall *
crm_model_call(FunctionCallInfo fcinfo, int number, bool windows)
{
	CrmModelCall *call = fcinfo->flinfo->fn_extra;

	if (likely(call != NULL && call->model != NULL) &&
		(call->fixed || crm_model_seen(&call->seen, PG_GETARG_DATUM(number))))
		return call;
	return crm_model_call_anew(fcinfo, number, windows);
}

static inline Datum
crm_model_call_stage(const CrmModelCall *call, int stage)
{
	if (likely(call->stages != NULL))
		return PointerGetDatum(call->stages[stage]);
	return crm_model_call_copy(call, stage);
}

#endif /* CRM_MODEL_CALL_H */
