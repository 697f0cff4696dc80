/*
 * model_shipped.h
 *		The stage models that come with crmlife.
 */
#ifndef CRM_MODEL_SHIPPED_H
#define CRM_MODEL_SHIPPED_H

typedef struct CrmShippedStage
{
	const char *stage;
	const char *zone; /* acquire, grow, retain */
	const char *label_en;
	const char *label_zh;
	const char *advice;
} CrmShippedStage;

typedef struct CrmShippedModel
{
	const char			  *name;
	const char			  *text;
	const CrmShippedStage *stages; /* ends with a stage NULL */
} CrmShippedModel;

/* ends with a name NULL */
extern const CrmShippedModel crm_shipped_models[];

extern const CrmShippedModel *crm_shipped_model(const char *name);
/* the names, for a hint */
extern char *crm_shipped_names(void);

#endif /* CRM_MODEL_SHIPPED_H */
