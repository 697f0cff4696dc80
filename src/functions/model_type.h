/*
 * model_type.h
 *		The SQL type lifecycle_model, for C code that is given one.
 */
#ifndef CRM_MODEL_TYPE_H
#define CRM_MODEL_TYPE_H

#include "postgres.h"

#include "utils/numeric.h"

#include "engine/model.h"

/* each value begins with a digest of its text: equal ones are equal models */
#define CRM_MODEL_DIGEST 16

/* false, too, for a value that would have to be detoasted first */
static inline bool
crm_model_has_digest(Datum model, const char *digest)
{
	const struct varlena *value = (struct varlena *) DatumGetPointer(model);

	return (!VARATT_IS_EXTENDED(value) || VARATT_IS_SHORT(value)) &&
		   memcmp(VARDATA_ANY(value), digest, CRM_MODEL_DIGEST) == 0;
}

extern void crm_model_copy_digest(Datum model, char *digest);

/* a lifecycle_model of a text that was read, and back; palloc'd */
extern Datum crm_model_datum(const char *model);
extern char *crm_model_datum_text(Datum model);

/* compile a lifecycle_model; the program lives in CurrentMemoryContext */
extern CrmModel *crm_model_from_datum(Datum model);
/* the same where a threshold may still lack a value: not for evaluating */
extern CrmModel *crm_model_for_checks(Datum model);
/* whether a threshold has neither a default nor a value */
extern bool crm_model_lacks_value(Datum model);

/*
 * The same, cached by value in *cache (a pointer kept in fn_extra or a struct
 * of the caller's); the program lives in context, until the next call at least.
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
