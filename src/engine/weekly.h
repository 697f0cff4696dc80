/*
 * weekly.h
 *		What the customers of many weeks did: by the days since their last
 *		order, and by their stage.
 *
 * A week is an ISO week of local days.  Who belongs where is settled when it
 * begins: by what was known at the end of the Sunday before, with the clocks at
 * the Monday.
 *
 *		     Sunday | Monday   ...   Sunday |
 *		 facts -----+-> member of a band, a stage, a loyalty
 *		            |   orders, revenue --> of the cell of the member
 *
 * A member stays one for weeks on end.  So members are kept as differences
 * between a week and the one before, and a customer costs what it has orders,
 * not what there are weeks.
 *
 * Invariant: orders and revenue of all cells of a week, of bands or of stages,
 * add up to all orders and all revenue of the week.
 */
#ifndef CRM_WEEKLY_H
#define CRM_WEEKLY_H

#include "daily.h"
#include "purchase_history.h"

/* days since the last order, each up to the next one's first; then no order */
enum
{
	CRM_BAND_45,
	CRM_BAND_90,
	CRM_BAND_140,
	CRM_BAND_365,
	CRM_BAND_REST,
	CRM_BAND_NONE,
	CRM_BANDS
};

typedef enum CrmLoyalty
{
	CRM_LOYALTY_NONE, /* no order before the week */
	CRM_LOYALTY_NEW,  /* one */
	CRM_LOYALTY_RETURNING,
	CRM_LOYALTIES
} CrmLoyalty;

/* the window of the first band's second purchase, in days */
#define CRM_SECOND_DAYS 45

typedef struct CrmWeekCell
{
	int64_t	 members;
	int64_t	 buyers; /* of them, with an order in the week */
	int64_t	 orders;
	CrmMoney revenue; /* refunds of the week taken off */
} CrmWeekCell;

typedef struct CrmWeekPair
{
	int64_t customers;
	int64_t again;
} CrmWeekPair;

typedef struct CrmWeekly
{
	CrmDay			first; /* a Monday */
	int				weeks;
	const CrmModel *model;
	int				stages; /* the model's, and one more: not known */

	CrmWeekCell *band;	/* [weeks + 1][CRM_BANDS][CRM_LOYALTIES] */
	CrmWeekCell *stage; /* [weeks + 1][stages][CRM_LOYALTIES] */
	/*
	 * Members while they are counted, of the same cells: apart, for they are
	 * what every customer touches, and small enough to stay near.
	 */
	int64_t *band_members;
	int64_t *stage_members;
	/*
	 * Customers with an order on the last 45 days of the week, new: their first
	 * is one of them; and with two orders or more on these days.
	 */
	CrmWeekPair *recent; /* [weeks + 1][CRM_LOYALTIES] */
	/*
	 * Customers whose 45th day after the first order lies in the week, and with
	 * another day of orders up to then.
	 */
	CrmWeekPair *matured; /* [weeks] */
	/* stage at the week's beginning and at the next one's, by loyalty then */
	int64_t *flow; /* [weeks][stages][stages][CRM_LOYALTIES] */

	/* of the customer at hand */
	struct CrmWeekActivity *activity;
	int						activities;
	int						activity_space;
} CrmWeekly;

extern void crm_weekly_init(CrmWeekly *weekly, CrmDay first, int weeks,
							const CrmModel *model);
extern void crm_weekly_free(CrmWeekly *weekly);

/*
 * One customer: the purchases, and the same as a history.  Not a member of a
 * stage before known_since (CRM_ALWAYS: ever).  The model has the stages of
 * the one given at the beginning; its thresholds may be others.  daily: counted
 * by the same walk; or NULL.
 */
extern void crm_weekly_add(CrmWeekly *weekly, const CrmPurchaseView *view,
						   const CrmHistory *history, CrmDay known_since,
						   const CrmModel *model, CrmDaily *daily);

/* from differences to numbers; nothing is added afterwards */
extern void crm_weekly_finish(CrmWeekly *weekly);

static inline CrmWeekCell *
crm_weekly_band(const CrmWeekly *weekly, int week, int band, int loyalty)
{
	return &weekly->band[(week * CRM_BANDS + band) * CRM_LOYALTIES + loyalty];
}

static inline CrmWeekCell *
crm_weekly_stage(const CrmWeekly *weekly, int week, int stage, int loyalty)
{
	return &weekly->stage[(week * weekly->stages + stage) * CRM_LOYALTIES +
						  loyalty];
}

static inline int64_t *
crm_weekly_flow(const CrmWeekly *weekly, int week, int from, int to,
				int loyalty)
{
	return &weekly
				->flow[((week * weekly->stages + from) * weekly->stages + to) *
						   CRM_LOYALTIES +
					   loyalty];
}

#endif /* CRM_WEEKLY_H */
