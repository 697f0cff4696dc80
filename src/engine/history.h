/*
 * history.h
 *		One customer's events, and what was known at the end of each day.
 *
 * Rows are added in any order; crm_history_finish sorts them and folds them
 * into steps.  A step holds the facts as of the end of its day, and until the
 * day before the next step, because between two steps nothing happened:
 *
 *		steps[0]            steps[1]                 steps[2]
 *		  |-- facts hold ------|-- facts hold ----------|-- ... for ever
 *		 day of the first     day of the next          day of the last
 *
 * Inside a step only the clocks run, and events leave windows, which is what the
 * model evaluates; all steps together are the timeline windows are read from.  The
 * stage of any day, since when it holds and every change between two days
 * follow from the steps alone.
 *
 * Invariant: steps ascend strictly by day; a day before the first is a day on
 * which the customer is not known.  Events dated after a day are invisible
 * on it.
 */
#ifndef CRM_HISTORY_H
#define CRM_HISTORY_H

#include "calendar.h"
#include "model.h"
#include "money.h"

#define CRM_NO_TIME INT64_MIN
/* the day from which a customer without any dated row is known */
#define CRM_ALWAYS (INT32_MIN + 1)
/* no stage: the customer is not known on that day */
#define CRM_ABSENT (-1)

typedef enum CrmEventKind
{
	CRM_EVENT_ORDER, /* a row of the orders source, refunds included */
	CRM_EVENT_VISIT,
	CRM_EVENT_REGISTRATION
} CrmEventKind;

typedef struct CrmEvent
{
	int64_t		 at;	 /* local wall-clock time */
	int64_t		 visits; /* how many, of a visit */
	CrmMoney	 amount; /* of an order row, zero when it is NULL */
	bool		 has_amount;
	CrmEventKind kind;
	int32_t		 order; /* rows of one order share it */
} CrmEvent;

/* one order, as the rows seen so far make it */
typedef struct CrmOrder
{
	CrmMoney net;
	int64_t	 at; /* of its first row that is no refund */
	int32_t	 day_slot;
	int32_t	 before; /* the live ones beside it by time, -1: none */
	int32_t	 after;
	bool	 refunded;
	bool	 live;
} CrmOrder;

typedef struct CrmStep
{
	CrmFacts facts;
	int64_t	 first_order_at;
	int64_t	 last_order_at;
	int64_t	 last_visit_at;
	int64_t	 registered_at;
	CrmMoney first_amount; /* of the first order, while it is the only one */
} CrmStep;

typedef struct CrmHistory
{
	CrmEvent *events;
	int		  event_count;
	int		  event_space;
	CrmOrder *orders;
	int32_t	 *live_on; /* live orders by the slot of their day */
	int		  order_count;
	int		  order_space;
	CrmStep	 *steps;
	int		  step_count;
	int		  step_space;
	bool	  always; /* known on every day: a member row without a date */

	CrmLateOrder *late;
	int			  late_count;
	int			  late_space;
	CrmTimeline	  timeline; /* of the steps; they point here */
} CrmHistory;

/* the stage on a day and the stretch it belongs to */
typedef struct CrmStretch
{
	int	   stage;	 /* CRM_ABSENT: not known on that day */
	CrmDay since;	 /* CRM_NO_DAY: has always held */
	int	   previous; /* CRM_ABSENT: none */
} CrmStretch;

typedef void (*CrmChangeCallback)(void *context, CrmDay day, int from_stage,
								  int to_stage, bool by_event);

extern void crm_history_init(CrmHistory *history);
extern void crm_history_free(CrmHistory *history);
extern void crm_history_reset(CrmHistory *history);

/*
 * An order row; amount NULL when it has none.  same_order: belongs to the
 * order of the row added before.
 */
extern void crm_history_add_order(CrmHistory *history, int64_t at,
								  const CrmMoney *amount, bool same_order);
extern void
crm_history_add_visits(CrmHistory *history, int64_t at, int64_t count);
/* at CRM_NO_TIME: a member without a date of registration */
extern void crm_history_add_registration(CrmHistory *history, int64_t at);
/* the history stays where it is from here on */
extern void crm_history_finish(CrmHistory *history);

/*
 * What the orders up to a day come to, of a history that is not finished and
 * whose rows are an order each: for who needs nothing else of it.
 */
typedef struct CrmOrderSums
{
	int64_t	 orders;
	CrmMoney revenue;
	CrmMoney amount; /* of the order, while it is the only one */
} CrmOrderSums;

extern void
crm_history_sums(const CrmHistory *history, CrmDay day, CrmOrderSums *sums);
/* the day of the first event, finished or not; CRM_NO_DAY: there is none */
extern CrmDay crm_history_first_day(const CrmHistory *history);

/* what is known at the end of a day; NULL: the customer is not */
extern const CrmStep *crm_history_step(const CrmHistory *history, CrmDay day);
/* first day after `day` on which something happens; CRM_NO_DAY: none */
extern CrmDay crm_history_next_event(const CrmHistory *history, CrmDay day);

extern CrmStretch crm_history_stretch(const CrmHistory *history,
									  const CrmModel *model, CrmDay day);
extern int
crm_history_stage(const CrmHistory *history, const CrmModel *model, CrmDay day);
/* every change of the stage on the days after `from`, up to `to` */
extern void crm_history_replay(const CrmHistory *history, const CrmModel *model,
							   CrmDay from, CrmDay to,
							   CrmChangeCallback callback, void *context);

/*
 * Every stretch of one stage from `from` on, in order, as one step's facts and
 * the clocks make it.  Those of a step go on to the day of the next event, that
 * day included: the stage that would be if nothing happened on it.  `event` is
 * that day, CRM_LAST_EVENT for none.  Nothing begins after `to`.
 */
#define CRM_LAST_EVENT INT32_MAX

typedef void (*CrmPieceCallback)(void *context, const CrmStep *step, int stage,
								 CrmDay first, CrmDay last, CrmDay event);

extern void crm_history_pieces(const CrmHistory *history, const CrmModel *model,
							   CrmDay from, CrmDay to,
							   CrmPieceCallback callback, void *context);

/* orders and revenue of the days after `after`, up to `day` */
extern void crm_history_window(const CrmHistory *history, CrmDay after,
							   CrmDay day, int64_t *orders, CrmMoney *revenue);
/* first day after `after` and up to `day` on which an order row lies */
extern CrmDay
crm_history_first_in(const CrmHistory *history, CrmDay after, CrmDay day);

/*
 * Distinct days up to `day` with an order that is one on that day, and those
 * with such an order or a visit, ascending.  Both arrays have room for
 * event_count days.
 */
extern void
crm_history_days(CrmHistory *history, CrmDay day, CrmDay *order_days,
				 int *order_count, CrmDay *active_days, int *active_count);

#endif /* CRM_HISTORY_H */
