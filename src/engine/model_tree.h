/*
 * model_tree.h
 *		A stage model as a tree of typed nodes, and its compilation.
 *
 * Whoever reads a model's text builds this tree; the constructors give every
 * node the type and the meaning that PostgreSQL gives the same expression:
 *
 *		int4 op int4 -> int4, int8 with an int -> int8, numeric with any ->
 *		numeric; comparisons and IS NULL -> bool; CASE -> the widest of its
 *		results, or a stage
 *
 * Every node also knows how it depends on the day, which is what makes the
 * day of a comparison's flip computable (model_flip.c):
 *
 *		CRM_CLOCK_NONE		not through a clock of its own
 *		CRM_CLOCK_LINEAR	a * clock + b, a and b without clocks
 *		CRM_CLOCK_DIVIDED	such a form divided by something without clocks,
 *							then scaled or shifted: monotone, but it rounds
 *
 * A window fact is constant between the days on which an event leaves it, so
 * it has no clock; a node says whether there is one below it.
 *
 * A nested CASE is one of its results, so it stands for a number of
 * alternatives; its conditions flip by themselves.
 *
 * Invariant: the constructors assert, they do not check; the combinations
 * that have no meaning (crm_node_problem) are refused before.
 */
#ifndef CRM_MODEL_TREE_H
#define CRM_MODEL_TREE_H

#include "model.h"

#define CRM_MODEL_MAX_DEPTH 200
#define CRM_MODEL_MAX_SIZE 20000
#define CRM_MODEL_MAX_BRANCHES 1000
#define CRM_MODEL_MAX_STAGES 250
#define CRM_MODEL_MAX_ALTERNATIVES 1000
#define CRM_MODEL_MAX_FLIPS 5000
#define CRM_UNCLASSIFIED "unclassified"

typedef enum CrmType
{
	CRM_TYPE_BOOL,
	CRM_TYPE_INT4,
	CRM_TYPE_INT8,
	CRM_TYPE_NUMERIC,
	CRM_TYPE_STAGE
} CrmType;

typedef enum CrmClock
{
	CRM_CLOCK_NONE,
	CRM_CLOCK_LINEAR,
	CRM_CLOCK_DIVIDED
} CrmClock;

typedef enum CrmNodeKind
{
	CRM_NODE_FACT,
	CRM_NODE_CONST,
	CRM_NODE_NULL,	/* a threshold bound to NULL, or a window of such */
	CRM_NODE_STAGE, /* value: its index, -1 for 'unclassified' */
	CRM_NODE_ADD,
	CRM_NODE_SUB,
	CRM_NODE_MUL,
	CRM_NODE_DIV,
	CRM_NODE_NEG,
	CRM_NODE_COMPARE, /* value: the CrmOrder bits that make it true */
	CRM_NODE_AND,
	CRM_NODE_OR,
	CRM_NODE_NOT,
	CRM_NODE_IS_NULL,
	CRM_NODE_CASE,
	CRM_NODE_OPERAND, /* args[0], evaluated once by the simple CASE above */
	CRM_NODE_FREE	  /* a threshold that may have any value: model_grid.h */
} CrmNodeKind;

/* how a comparison can come out; sets of them say when it is true */
#define CRM_LESS 1
#define CRM_EQUAL 2
#define CRM_GREATER 4
#define CRM_UNKNOWN 8

typedef struct CrmNode CrmNode;

struct CrmNode
{
	CrmNodeKind kind;
	CrmType		type;
	CrmClock	clock;
	bool		raises;		  /* its evaluation may end in an error */
	bool		windowed;	  /* reads a window fact */
	int			depth;		  /* of the tree below */
	int			size;		  /* of the tree below, every use counted */
	int			alternatives; /* results its nested CASEs choose from */
	CrmFact		fact;
	int64_t		value; /* of a window fact: its days */
	CrmMoney	number;
	int			slot;	 /* of an operand, while compiling */
	CrmNode	   *operand; /* of a simple CASE: its CRM_NODE_OPERAND */
	bool		has_else;
	int			count;
	CrmNode	  **args; /* of a CASE: condition, result, ..., [else] */
};

extern CrmNode *crm_node_fact(CrmFact fact);
/* days >= 0 */
extern CrmNode *crm_node_window(CrmFact fact, int64_t days);
extern CrmNode *crm_node_int(CrmType type, int64_t value);
extern CrmNode *crm_node_number(CrmMoney number);
extern CrmNode *crm_node_null(CrmType type);
/* it has no program */
extern CrmNode *crm_node_free(int number);
extern CrmNode *crm_node_stage(int stage);
/* unary for NEG, NOT, IS_NULL and OPERAND; binary for the arithmetic */
extern CrmNode *crm_node_unary(CrmNodeKind kind, CrmNode *arg);
extern CrmNode *
crm_node_binary(CrmNodeKind kind, CrmNode *left, CrmNode *right);
extern CrmNode *crm_node_compare(int orders, CrmNode *left, CrmNode *right);
/* AND, OR; args is kept */
extern CrmNode *crm_node_logic(CrmNodeKind kind, CrmNode **args, int count);
/* args as in CrmNode, kept; operand NULL for a searched CASE */
extern CrmNode *
crm_node_case(CrmNode *operand, CrmNode **args, int count, bool has_else);

/* what is wrong with arithmetic or a comparison of these two; NULL: nothing */
typedef struct CrmProblem
{
	bool		of_types; /* otherwise of clocks */
	const char *message;
	const char *hint;
} CrmProblem;

extern const CrmProblem *
crm_node_problem(CrmNodeKind kind, const CrmNode *left, const CrmNode *right);

/*
 * Compile a tree of type CRM_TYPE_STAGE.  The model keeps the tree, and the
 * names of the stages, which are numbered from 0; CRM_UNCLASSIFIED comes last
 * and is not among them.
 */
extern CrmModel *
crm_model_compile(CrmNode *root, const char *const *stages, int stage_count);

/* the value of a bool tree without facts: CRM_EQUAL true, CRM_LESS false */
extern int crm_condition_evaluate(CrmNode *condition);

#endif /* CRM_MODEL_TREE_H */
