/*
 * agg_part.h
 *		What every part of an aggregate asks first.
 */
#ifndef CRM_AGG_PART_H
#define CRM_AGG_PART_H

#include "postgres.h"

#include "fmgr.h"

/*
 * Where the group's state lives.  An error outside an aggregate: a state is a
 * pointer, which nobody else must hand in.
 */
extern MemoryContext crm_aggregate_context(FunctionCallInfo fcinfo);

#endif /* CRM_AGG_PART_H */
