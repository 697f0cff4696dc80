/*
 * history_state.h
 *		The state of the aggregates over histories: a metric's totals.
 *
 * Its SQL type is bytea, a real type, so that engines that distribute queries
 * can send partial states between machines.  While rows come it is an expanded
 * object, which is changed in place:
 *
 *		            +-- metric, parameters
 *		 bytea ---> |-- totals: counts, cells         } engine/purchase_count.h
 *		            +-- line of counts                }
 *
 * Flat, it is the same in every process and on every platform; the form is
 * history_state.c's.
 *
 * Invariant: the parameters are those of all rows of the group.
 */
#ifndef CRM_HISTORY_STATE_H
#define CRM_HISTORY_STATE_H

#include "postgres.h"

#include "fmgr.h"
#include "utils/expandeddatum.h"

#include "engine/purchase_count.h"

typedef struct CrmHistories
{
	ExpandedObjectHeader header;
	CrmPurchaseCounter	 counter;
	bool				 params_null; /* one of them: so is the result */
	CrmHistoryParams	 params;
	CrmTotals			 totals;
	CrmLine				 line;
	CrmEvents			 events; /* of the row at hand */
	char				*flat;	 /* what the last flattening came to */
	Size				 flat_size;
} CrmHistories;

/* a new state, in a context of its own below that one */
extern CrmHistories *
crm_histories_create(const CrmMetric *metric, const CrmHistoryParams *params,
					 bool params_null, MemoryContext parent);

/* argument `number` to be changed: what lies flat is expanded below parent */
extern CrmHistories *
crm_histories_open(FunctionCallInfo fcinfo, int number, MemoryContext parent);

/* an error unless they are the state's */
extern void crm_histories_require(const CrmHistories	 *state,
								  const CrmHistoryParams *params, bool null);

/*
 * For final functions: the totals of argument 0, which is not NULL, closed and
 * sorted; NULL if a parameter was NULL.
 */
extern const CrmTotals *
crm_histories_totals(FunctionCallInfo fcinfo, const CrmMetric *const *of,
					 const CrmParams **params);

#endif /* CRM_HISTORY_STATE_H */
