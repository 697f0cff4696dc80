/*
 * model_call.h
 *		What the functions that are called row by row with a model share.
 */
#ifndef CRM_MODEL_CALL_H
#define CRM_MODEL_CALL_H

#include "postgres.h"
#include "fmgr.h"

#include "functions/model_type.h"

/* kept in fn_extra */
typedef struct CrmModelCall
{
	const CrmModel *model;
	bool			fixed;		/* the argument is the same in every row */
	void		   *cache;		/* of crm_model_cached */
	text		  **stages;		/* their names, when fixed */
	TupleDesc		descriptor; /* of a composite result */
} CrmModelCall;

/* the call's model; argument `number` is not NULL */
extern CrmModelCall *crm_model_call(FunctionCallInfo fcinfo, int number);
/* a stage's name as a text */
extern Datum crm_model_call_stage(const CrmModelCall *call, int stage);

/* the descriptor of the call's composite result */
extern TupleDesc
crm_model_call_row(FunctionCallInfo fcinfo, CrmModelCall *call);

#endif /* CRM_MODEL_CALL_H */
