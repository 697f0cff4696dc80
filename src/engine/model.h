/*
 * model.h
 *		A compiled stage model and its evaluation on one customer's facts.
 *
 * A model is one CASE expression over facts and named thresholds; the text is
 * parsed and compiled in src/functions, the engine sees the flat program.
 *
 * The stage of a customer as of a day depends on the facts (fixed until the
 * next event) and on the day, through clocks.  A clock stands only as
 * a * clock + b, so every comparison flips on a day that can be computed:
 *
 *		facts fixed  |------ active ------|---- silent ----|-- sleeping ...
 *		             last order          +90              +140
 *
 * Invariant: evaluation is a pure function of (model, facts, day) and means
 * what the same CASE means in PostgreSQL, three-valued logic included.
 */
#ifndef CRM_MODEL_H
#define CRM_MODEL_H

#include "calendar.h"
#include "money.h"

typedef enum CrmFact
{
	CRM_FACT_ORDERS,		   /* bigint */
	CRM_FACT_ORDER_DAYS,	   /* bigint */
	CRM_FACT_REVENUE,		   /* numeric */
	CRM_FACT_AVERAGE_ORDER,	   /* numeric: revenue / orders */
	CRM_FACT_DAYS_SINCE_ORDER, /* this and the following: clocks, int */
	CRM_FACT_DAYS_SINCE_FIRST_ORDER,
	CRM_FACT_DAYS_SINCE_VISIT,
	CRM_FACT_DAYS_SINCE_ACTIVE, /* later of order and visit */
	CRM_FACT_DAYS_SINCE_REGISTERED,
	CRM_FACT_COUNT
} CrmFact;

#define CRM_FACT_BIT(fact) (1u << (fact))

/* as it is written in a model */
extern const char *crm_fact_name(CrmFact fact);
/* false when it is no fact's name */
extern bool crm_fact_from_name(const char *name, CrmFact *fact);

/* one customer's facts as of a day; they hold until the next event */
typedef struct CrmFacts
{
	int64_t	 orders;
	int64_t	 order_days;
	bool	 order_days_known; /* false: the customer lacks it, NULL */
	CrmMoney revenue;
	bool	 revenue_known;
	CrmDay	 first_order; /* CRM_NO_DAY: never or unknown */
	CrmDay	 last_order;
	CrmDay	 last_visit;
	CrmDay	 registered;
} CrmFacts;

typedef struct CrmModel CrmModel;

/* stages are numbered by first appearance; the last is 'unclassified' */
extern int		   crm_model_stage_count(const CrmModel *model);
extern const char *crm_model_stage_name(const CrmModel *model, int stage);

/* bits of the facts that the model reads */
extern unsigned crm_model_facts(const CrmModel *model);

/* the stage as of a day, an index */
extern int
crm_model_evaluate(const CrmModel *model, const CrmFacts *facts, CrmDay as_of);

/* the same, -1 where the evaluation raises an error */
extern int
crm_model_try(const CrmModel *model, const CrmFacts *facts, CrmDay as_of);

/*
 * The first day after as_of on which the stage differs if the facts stay as
 * they are; false when it never will.
 */
extern bool crm_model_next(const CrmModel *model, const CrmFacts *facts,
						   CrmDay as_of, CrmDay *changes_on, int *next_stage);

/*
 * The first day of the stretch up to as_of in which the stage has been what
 * it is at as_of, facts being the same, looking back no further than floor.
 * True when the stage differed on the day before (previous is that stage),
 * false when the stretch reaches floor (since is floor then).
 */
extern bool
crm_model_since(const CrmModel *model, const CrmFacts *facts, CrmDay as_of,
				CrmDay floor, CrmDay *since, int *previous);

#endif /* CRM_MODEL_H */
