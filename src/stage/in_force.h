/*
 * in_force.h
 *		The models in force: a stage table's own, and those of its segments.
 */
#ifndef CRM_IN_FORCE_H
#define CRM_IN_FORCE_H

#include "postgres.h"

#include "engine/model.h"

typedef struct CrmInForce CrmInForce;

/*
 * As the active snapshot shows them, palloc'd in the current context; NULL
 * when there is no such stage table.  The caller is connected to SPI, as the
 * owner of crmlife's own tables.
 */
extern CrmInForce *crm_read_in_force(Oid stage_table);
/* the same for a user: an error if it is none, or not for him to read */
extern CrmInForce *crm_show_in_force(Oid stage_table);
/* the same with a snapshot taken now, whoever the caller is */
extern CrmInForce *crm_newest_in_force(Oid stage_table);

/* segments with a value of their own, which ascend by their bytes */
extern int		   crm_in_force_segments(const CrmInForce *in_force);
extern const char *crm_in_force_segment(const CrmInForce *in_force, int number);
extern bool crm_in_force_has(const CrmInForce *in_force, const char *segment);

/*
 * The model of a segment; NULL, or one without a value of its own: the stage
 * table's.  What is returned lives as long as in_force.
 */
extern Datum crm_in_force_text(CrmInForce *in_force, const char *segment);
/* the same, compiled; an error where a threshold has no value */
extern const CrmModel *
crm_in_force_model(CrmInForce *in_force, const char *segment);

/* keep the models in force as a new version if they are others */
extern void crm_record_model_version(Oid stage_table);
/* an error unless the model has a threshold of that name */
extern void crm_require_threshold(Oid stage_table, const char *name);

#endif /* CRM_IN_FORCE_H */
