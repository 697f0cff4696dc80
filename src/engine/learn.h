/*
 * learn.h
 *		Thresholds of stage models, learned from customers' histories, and
 *		whether they can be relied on.
 *
 *		customer --> weights 1 | w1 w2 ... w200 --> sums and counts of each
 *
 * Everything is counted 201 times: once as it is, and in 200 resamples in
 * which a customer stands 0, 1, 2, ... times (Poisson with mean 1, as when as
 * many customers are drawn with replacement).  The weights follow from the
 * customer's key alone.  What an estimate is in the 200 resamples says how far
 * it is from being chance.
 *
 * Invariant: the result depends on the customers and their keys, on no
 * generator and no clock; not on their order either, but for the last bits of
 * sums of money in resamples.
 */
#ifndef CRM_LEARN_H
#define CRM_LEARN_H

#include "calendar.h"
#include "day_counts.h"
#include "money.h"

/* fewer customers than these make no periods, however well they agree */
#define CRM_LEARN_MIN_CUSTOMERS 500

typedef enum CrmLearnable
{
	CRM_LEARN_ORDER_VALUE,
	CRM_LEARN_REPURCHASE_PERIOD,
	CRM_LEARN_REPURCHASE_PERIOD_Q80,
	CRM_LEARN_FIRST_PURCHASE_PERIOD,
	CRM_LEARN_ACTIVE_PERIOD,
	CRM_LEARN_CHURN_PERIOD,
	CRM_LEARNABLES
} CrmLearnable;

typedef enum CrmLearnMethod
{
	CRM_LEARN_MEAN,		/* the first two and first_purchase_period */
	CRM_LEARN_HAZARD,	/* Kaplan-Meier over closed and open gaps */
	CRM_LEARN_SMARTPUSH /* the return curve; of q80: closed gaps alone */
} CrmLearnMethod;

/* what one customer is, as of the end of a day; days ascend, each once */
typedef struct CrmLearnCustomer
{
	uint64_t	  key; /* any hash of the key that never changes */
	const CrmDay *active_days;
	int			  active_count;
	const CrmDay *order_days;
	int			  order_count;
	int64_t		  orders;
	CrmMoney	  revenue;
	bool		  registered_before; /* the first order, which it has */
	int64_t		  days_to_first_order;
} CrmLearnCustomer;

/* numerator / denominator, of all samples */
typedef struct CrmMean
{
	double	numerator[CRM_SAMPLES];
	double	denominator[CRM_SAMPLES];
	int64_t customers;
} CrmMean;

typedef struct CrmLearn
{
	CrmDay	as_of;		  /* days before it are over */
	int32_t min_eligible; /* points of a curve with fewer are none */
	int32_t smoothing;	  /* of the return curve, in days; odd */
	uint8_t weight[CRM_SAMPLES];
	CrmMean mean[CRM_LEARNABLES];
	/* gaps between active days, and those still open */
	CrmDayCounts closed;
	CrmDayCounts open;
	/* the same of days with orders */
	CrmDayCounts order_closed;
	CrmDayCounts order_open;
	/* the return curve, as crm_return_map_count has it */
	CrmDayCounts last;
	CrmDayCounts returned;
	int64_t		 active_customers;
	int64_t		 order_customers;
	int64_t		 recent_customers; /* active in the days of the return curve */
	int64_t		 orders;
	CrmMoney	 revenue;
} CrmLearn;

typedef struct CrmLearned
{
	bool	known; /* there is a value */
	double	value;
	bool	bounded; /* there are low and high */
	double	low;	 /* the 10 % and 90 % quantiles of the resamples */
	double	high;
	int64_t customers;
	bool	reliable;
	/* why not; NULL if it is */
	const char *reason;
} CrmLearned;

/* one day of a curve */
typedef struct CrmLearnPoint
{
	int32_t n;
	int64_t eligible;
	int64_t returned;
} CrmLearnPoint;

extern const char *crm_learnable_name(CrmLearnable threshold);
extern const char *crm_learn_method_name(CrmLearnMethod method);

extern void crm_learn_init(CrmLearn *learn, CrmDay as_of, int32_t min_eligible,
						   int32_t smoothing);
extern void crm_learn_add(CrmLearn *learn, const CrmLearnCustomer *customer);
extern void crm_learn_free(CrmLearn *learn);

/* the method is one that the threshold has */
extern CrmLearned crm_learned(const CrmLearn *learn, CrmLearnable threshold,
							  CrmLearnMethod method);
/* the curve behind it, from n = 1, freshly allocated; how many points it has */
extern int32_t crm_learn_curve(const CrmLearn *learn, CrmLearnable threshold,
							   CrmLearnMethod method, CrmLearnPoint **points);

#endif /* CRM_LEARN_H */
