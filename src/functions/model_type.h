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

/*
 * The value of a row, to be known again in the next one.  Most are as they
 * are; one of a long text comes compressed or as a pointer to where it is
 * stored, and is known by these bytes, for reading the digest would take
 * longer than evaluating the model.
 */
typedef struct CrmModelSeen
{
	uint16 first; /* byte, which tells the form too; over 255: none of these */
	uint16 start; /* of the digest */
	char   digest[CRM_MODEL_DIGEST];
	char  *stored; /* NULL: the value was as it is */
	Size   stored_size;
} CrmModelSeen;

/* false, too, for a value that is compressed or stored elsewhere */
static inline bool
crm_model_seen(const CrmModelSeen *seen, Datum model)
{
	const uint8 *value = (const uint8 *) DatumGetPointer(model);

	return value[0] == seen->first &&
		   memcmp(value + seen->start, seen->digest, CRM_MODEL_DIGEST) == 0;
}

/* for a value of which crm_model_seen says false */
extern bool crm_model_seen_stored(const CrmModelSeen *seen, Datum model);
/* `seen` is zeroed before the first one, and lives as long as the context */
extern void
crm_model_see(CrmModelSeen *seen, MemoryContext context, Datum model);

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
