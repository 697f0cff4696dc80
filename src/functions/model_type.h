/*
 * model_type.h
 *		The SQL type lifecycle_model, for C code that is given one.
 */
#ifndef CRM_MODEL_TYPE_H
#define CRM_MODEL_TYPE_H

#include "postgres.h"

#include "utils/numeric.h"

#include "engine/model.h"

/* compile a lifecycle_model; the program lives in CurrentMemoryContext */
extern CrmModel *crm_model_from_datum(Datum model);
/* the same where a threshold may still lack a value: not for evaluating */
extern CrmModel *crm_model_for_checks(Datum model);
/* whether a threshold has neither a default nor a value */
extern bool crm_model_lacks_value(Datum model);

/*
 * The same, cached by value in *cache (a pointer kept in fn_extra or a struct
 * of the caller's); the program lives in context.
 */
extern const CrmModel *
crm_model_cached(void **cache, MemoryContext context, Datum model);

/* a value for a threshold; learned: it gives way where it breaks a condition */
typedef struct CrmBinding
{
	const char *threshold;
	Numeric		value;
	bool		learned;
} CrmBinding;

/*
 * The model with all these values, of which later ones win; names that it
 * does not have are passed over.  Where they break its REQUIRE, learned values
 * of thresholds that have a default are left out; where it is broken then, an
 * error.
 */
extern Datum crm_model_bind(Datum model, const CrmBinding *bindings, int count);
/* false where they break it, all of them taken */
extern bool crm_model_try_bind(Datum model, const CrmBinding *bindings,
							   int count, Datum *bound);
extern bool crm_model_has_threshold(Datum model, const char *name);

/* refuse a model that reads a fact outside `supplied` (bits), with a hint */
extern void crm_model_require(const CrmModel *model, unsigned supplied,
							  const char *door, const char *hint);

#endif /* CRM_MODEL_TYPE_H */
