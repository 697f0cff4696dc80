/*
 * model_parse.h
 *		The text of a stage model: its parts, and its compilation.
 *
 *		CASE ... END  WITH (name = value, name, ...)  REQUIRE (condition, ...)
 *
 * A threshold `name` alone has no default: it must be bound before the model
 * can be used; `name = NULL` is bound, and makes its comparisons unknown.
 * REQUIRE states conditions over thresholds that bound values must not break.
 *
 * Invariant: printing gives a text that parses to the same parts.
 */
#ifndef CRM_MODEL_PARSE_H
#define CRM_MODEL_PARSE_H

#include "postgres.h"
#include "utils/numeric.h"

#include "engine/model.h"
#include "nodes/pg_list.h"

#define CRM_MODEL_MAX_TEXT 65536
#define CRM_MODEL_MAX_THRESHOLDS 64

typedef struct CrmThreshold
{
	char   *name;
	bool	bound;
	Numeric value; /* NULL: bound to NULL, or not bound */
} CrmThreshold;

typedef struct CrmModelText
{
	const char	 *text;
	int			  case_start; /* byte offsets; the ends are exclusive */
	int			  case_end;
	int			  require_start; /* of the parenthesis; 0: no REQUIRE */
	int			  require_end;
	int			  count;
	CrmThreshold *thresholds;
} CrmModelText;

/* split a text into its parts; it must outlive the result */
extern CrmModelText *crm_model_text_split(const char *text);
/* the canonical text */
extern char *crm_model_text_print(const CrmModelText *parts);
/* whether two texts have the same CASE, letter by letter */
extern bool
crm_model_text_same_case(const CrmModelText *a, const CrmModelText *b);

/* refuse thresholds that break the REQUIRE clause */
extern void crm_model_text_require(const CrmModelText *parts);
/* whether they keep it */
extern bool crm_model_text_holds(const CrmModelText *parts);
/*
 * Compile into CurrentMemoryContext.  for_use: an unbound threshold is an
 * error; otherwise it counts as NULL, so that a text can be checked.
 */
extern CrmModel *
crm_model_text_compile(const CrmModelText *parts, bool for_use);

/*
 * The same with a number for each result instead of its stage, so that it can
 * be told which branch decided (CrmLeaf in model_walk.h).  for_use: compiled,
 * an unbound threshold is an error; otherwise it may have any value.
 */
typedef struct CrmModelLeaves
{
	struct CrmNode *root;
	List		   *leaves; /* CrmLeaf * */
	CrmModel	   *model;	/* NULL unless for_use */
} CrmModelLeaves;

extern CrmModelLeaves *
crm_model_text_leaves(const CrmModelText *parts, bool for_use);

/* the text of a condition that was tested */
struct CrmTested;
extern char *crm_model_text_tested(const CrmModelText	  *parts,
								   const struct CrmTested *tested);
/* whether a part of the text names a threshold */
extern bool crm_model_text_names(const char *text, const char *threshold);

#endif /* CRM_MODEL_PARSE_H */
