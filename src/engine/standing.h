/*
 * standing.h
 *		Where a customer stands on a day: stage, value score and tier, and the
 *		day on which any of it is due to be looked at again.
 *
 * What a customer's row in a stage table says is either fixed until the next
 * event, or changes by time alone: the stage, when clocks run on or something
 * leaves a window of the model; the score, when days since the last order pass
 * a cut, or orders leave the window of frequency and monetary.
 *
 *		day                                       due_on
 *		 |---- every column as it is ----------------|-- one has another value
 *
 * Invariant: due_on is the first day after `day` on which an event lies or a
 * column differs, errors of the model passed over.
 */
#ifndef CRM_STANDING_H
#define CRM_STANDING_H

#include "history.h"
#include "rfm.h"

/* a number of calendar months and days */
typedef struct CrmSpan
{
	int32_t months;
	int32_t days;
} CrmSpan;

/* months first, and no further than to a month's last day, then days */
extern CrmDay crm_span_before(CrmSpan span, CrmDay day);

/* frozen cuts, and how frequency and monetary are measured */
typedef struct CrmStandingCuts
{
	bool	   set;
	bool	   mean;	 /* monetary is the mean per order, not the sum */
	bool	   windowed; /* frequency and monetary are of a window */
	CrmSpan	   window;	 /* the days after the one so long before */
	CrmRfmCuts rfm;
	CrmMoney   new_cuts[2]; /* value tiers: thirds */
	CrmMoney   returning_cuts[2];
	int		   new_count;
	int		   returning_count;
} CrmStandingCuts;

typedef struct CrmStanding
{
	const CrmStep *step;
	CrmStretch	   stretch;
	CrmDay		   changes_on; /* CRM_NO_DAY: never */
	int			   next_stage; /* CRM_ABSENT: none */
	int			   score;	   /* 0: none */
	int			   tier;	   /* 0: none */
	CrmDay		   due_on;	   /* CRM_NO_DAY: never */
} CrmStanding;

/* frequency and monetary as the cuts measure them */
extern void
crm_standing_measures(const CrmStandingCuts *cuts, const CrmHistory *history,
					  CrmDay day, int64_t *frequency, CrmMoney *monetary);

/* false: the customer is not known on that day */
extern bool
crm_standing(const CrmHistory *history, const CrmModel *model,
			 CrmStandingCuts *cuts, CrmDay day, CrmStanding *standing);

#endif /* CRM_STANDING_H */
