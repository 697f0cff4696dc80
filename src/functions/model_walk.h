/*
 * model_walk.h
 *		From PostgreSQL's raw parse tree to the engine's nodes.
 */
#ifndef CRM_MODEL_WALK_H
#define CRM_MODEL_WALK_H

#include "postgres.h"
#include "nodes/pg_list.h"

#include "engine/model_tree.h"
#include "functions/model_parse.h"

typedef struct CrmWalk
{
	const CrmModelText *parts;
	bool				for_use;	 /* unbound thresholds are errors */
	bool				conditional; /* in REQUIRE: no facts */
	List			   *stages;		 /* char *, by first appearance */
	int					branches;
	int					depth;
	int					alternatives; /* of all comparisons */
} CrmWalk;

/* the CASE that is the model: its results are stages */
extern CrmNode *crm_walk_model(CrmWalk *walk, Node *expression);
/* a condition */
extern CrmNode *crm_walk_condition(CrmWalk *walk, Node *expression);

/* errposition for a byte offset of the text */
extern int crm_model_errposition(const CrmModelText *parts, int location);

#endif /* CRM_MODEL_WALK_H */
