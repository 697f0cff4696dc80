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
 * A window fact counts what lies in the last so many days, as_of included; it
 * too depends on the day, for each event leaves the window on a day of its own:
 *
 *		orders_in(90)    2            1                 0
 *		             |-------|----------------|--------------
 *		             as_of   first order +90  last order +90
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
	CRM_FACT_ORDERS_IN,	 /* this and the following: of a window; bigint */
	CRM_FACT_REVENUE_IN, /* numeric */
	CRM_FACT_VISITS_IN,	 /* bigint */
	CRM_FACT_COUNT
} CrmFact;

#define CRM_FACT_BIT(fact) (1u << (fact))
#define CRM_FACT_WINDOWS                                                    \
	(CRM_FACT_BIT(CRM_FACT_ORDERS_IN) | CRM_FACT_BIT(CRM_FACT_REVENUE_IN) | \
	 CRM_FACT_BIT(CRM_FACT_VISITS_IN))

/* as it is written in a model, without the days of a window */
extern const char *crm_fact_name(CrmFact fact);
/* false when it is no fact's name */
extern bool crm_fact_from_name(const char *name, CrmFact *fact);

static inline bool
crm_fact_is_window(CrmFact fact)
{
	return fact >= CRM_FACT_ORDERS_IN;
}

typedef struct CrmTimeline CrmTimeline;

/* one customer's facts as of a day; they hold until the next event */
typedef struct CrmFacts
{
	CrmDay	 known_on; /* they hold from the end of this day on */
	int64_t	 orders;
	int64_t	 order_days;
	bool	 order_days_known; /* false: the customer lacks it, NULL */
	CrmMoney revenue;
	bool	 revenue_known;
	CrmDay	 first_order; /* CRM_NO_DAY: never or unknown */
	CrmDay	 last_order;
	CrmDay	 last_visit;
	CrmDay	 registered;
	int64_t	 visits;			 /* seen so far */
	const CrmTimeline *timeline; /* only for a model with window facts */
} CrmFacts;

/* an order that came to count (1) or ceased to (-1) after its own day */
typedef struct CrmLateOrder
{
	CrmDay own;
	CrmDay known_on;
	int	   sign;
} CrmLateOrder;

/*
 * What was known at the end of each day with an event, ascending: what a
 * window holds is the difference of two of them.  The facts stand `stride`
 * bytes apart; those after a customer's own known_on are not looked at.
 */
struct CrmTimeline
{
	const CrmFacts	   *first;
	size_t				stride;
	int					count;
	const CrmLateOrder *late;
	int					late_count;
};

/* what the facts know of the days after `after` */
extern int64_t	crm_facts_orders_after(const CrmFacts *facts, int64_t after);
extern CrmMoney crm_facts_revenue_after(const CrmFacts *facts, int64_t after);
extern int64_t	crm_facts_visits_after(const CrmFacts *facts, int64_t after);

/* any fact as of a day, days those of a window; false: the customer lacks it */
extern bool crm_facts_number(const CrmFacts *facts, CrmFact fact, int64_t days,
							 CrmDay as_of, CrmMoney *number);

typedef struct CrmModel CrmModel;

/* stages are numbered by first appearance; the last is 'unclassified' */
extern int		   crm_model_stage_count(const CrmModel *model);
extern const char *crm_model_stage_name(const CrmModel *model, int stage);

/* bits of the facts that the model reads */
extern unsigned crm_model_facts(const CrmModel *model);
/* days of its largest window, 0 without one */
extern int64_t crm_model_window(const CrmModel *model);

/* the stage as of a day, an index */
extern int
crm_model_evaluate(const CrmModel *model, const CrmFacts *facts, CrmDay as_of);

/*
 * The stages by days since the last order, for CRM_TABLED_DAYS days of which
 * the last stands for all later ones; -1 where more must be known.  NULL when
 * the model does not begin so.
 */
#define CRM_TABLED_DAYS 512
extern const int8_t *crm_model_by_last_order(const CrmModel *model);

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
 * All days after as_of on which the stage differs from the day before, days
 * without a stage passed over, if the facts stay as they are.
 */
typedef void (*CrmScheduleCallback)(void *context, CrmDay day, int from_stage,
									int to_stage);

extern void
crm_model_schedule(const CrmModel *model, const CrmFacts *facts, CrmDay as_of,
				   CrmScheduleCallback callback, void *context);

/* the same up to a day; returns the stage on it, or the last one before */
extern int
crm_model_until(const CrmModel *model, const CrmFacts *facts, CrmDay as_of,
				CrmDay last, CrmScheduleCallback callback, void *context);

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
