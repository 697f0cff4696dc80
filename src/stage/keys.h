/*
 * keys.h
 *		Keys of customers, and lists of them.
 */
#ifndef CRM_KEYS_H
#define CRM_KEYS_H

#include "postgres.h"

#include "stage/definition.h"

/* "bigint", "uuid" or "text" */
extern CrmStageKey crm_stage_key_from_name(const char *name);
/* int8, uuid or text, and its array */
extern Oid crm_key_type(CrmStageKey key);
extern Oid crm_key_array_type(CrmStageKey key);
extern int crm_stage_key_compare(CrmStageKey key, Datum a, Datum b);
/* as text, the way the queue holds it */
extern char *crm_key_text(CrmStageKey key, Datum value);
/* false: no such text is one of a key */
extern bool
crm_stage_key_from_text(CrmStageKey key, const char *text, Datum *value);
extern Datum crm_stage_key_copy(CrmStageKey key, Datum value);
extern Datum crm_key_array(CrmStageKey key, Datum *keys, int count);
/* does PostgreSQL have arrays so large?  keys are not toasted */
extern bool
crm_key_array_possible(CrmStageKey key, const Datum *keys, int count);

typedef struct CrmKeys
{
	CrmStageKey kind;
	Datum	   *keys;
	int			count;
	int			space;
} CrmKeys;

/* the key is not copied */
extern void crm_keys_add(CrmKeys *keys, Datum key);
/* sort it, each key once; both lists of the others are settled */
extern void crm_keys_settle(CrmKeys *keys);
extern bool crm_keys_have(const CrmKeys *keys, Datum key);
/* leave out those of another list */
extern void crm_keys_subtract(CrmKeys *keys, const CrmKeys *others);

#endif /* CRM_KEYS_H */
