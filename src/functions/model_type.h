/*
 * model_type.h
 *		The SQL type lifecycle_model, for C code that is given one.
 */
#ifndef CRM_MODEL_TYPE_H
#define CRM_MODEL_TYPE_H

#include "postgres.h"

#include "engine/model.h"

/* compile a lifecycle_model; the program lives in CurrentMemoryContext */
extern CrmModel *crm_model_from_datum(Datum model);

/*
 * The same, cached by value in *cache (a pointer kept in fn_extra or a struct
 * of the caller's); the program lives in context.
 */
extern const CrmModel *
crm_model_cached(void **cache, MemoryContext context, Datum model);

/* refuse a model that reads a fact outside `supplied` (bits), with a hint */
extern void crm_model_require(const CrmModel *model, unsigned supplied,
							  const char *door, const char *hint);

#endif /* CRM_MODEL_TYPE_H */
