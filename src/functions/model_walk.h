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

/* a condition between the root and a leaf; in a simple CASE the comparison */
typedef struct CrmTested
{
	CrmNode *condition;
	int		 case_at; /* the CASE and the WHEN, as offsets in the text */
	int		 when_at;
	bool	 simple;
} CrmTested;

/* a result of the model: one of its branches, or what is left when none is */
typedef struct CrmLeaf
{
	const char *stage;
	const char *branch;	 /* 2, 2.1, else: counted within each CASE */
	List	   *tested;	 /* CrmTested *, from the first one looked at on */
	bool		by_when; /* the last of them holds; otherwise it is an ELSE */
	bool		written; /* or none: CASE without ELSE */
} CrmLeaf;

typedef struct CrmWalk
{
	const CrmModelText *parts;
	bool				for_use;	 /* unbound thresholds are errors */
	bool				conditional; /* in REQUIRE: no facts */
	List			   *stages;		 /* char *, by first appearance */
	int					branches;
	int					depth;
	int					alternatives; /* of all comparisons */

	/* results are numbers of leaves, not of stages */
	bool		of_leaves;
	bool		free_thresholds; /* the unbound ones may have any value */
	List	   *leaves;			 /* CrmLeaf * */
	List	   *tested;			 /* on the way to here */
	const char *path;
} CrmWalk;

/* the CASE that is the model: its results are stages */
extern CrmNode *crm_walk_model(CrmWalk *walk, Node *expression);
/* a condition */
extern CrmNode *crm_walk_condition(CrmWalk *walk, Node *expression);

/* errposition for a byte offset of the text */
extern int crm_model_errposition(const CrmModelText *parts, int location);

#endif /* CRM_MODEL_WALK_H */
