/*
 * standing.c
 *		Where a customer stands on a day, and when that is due to change.
 *
 * The days on which an order row leaves the window of frequency and monetary
 * are tried one after the other, for most leave the score as it is:
 *
 *		rows      a     b        c          |day
 *		window    [------------------------]
 *		leave on                              a'    b'        c'
 *
 * up to the first day that is due for another reason.
 */
#include "standing.h"

/* the earlier of two days, of which either may be never */
static CrmDay
earlier(CrmDay a, CrmDay b)
{
	if (a == CRM_NO_DAY)
		return b;
	return b == CRM_NO_DAY || a < b ? a : b;
}

/* ---- the window ---- */

static CrmDay
add_months(CrmDay day, int32_t months)
{
	int	   year;
	int	   month;
	int	   mday;
	int	   count;
	CrmDay first;
	CrmDay next;

	crm_civil_from_day(day, &year, &month, &mday);
	count = year * 12 + month - 1 + months;
	year = count >= 0 ? count / 12 : -((11 - count) / 12);
	month = count - year * 12 + 1;
	first = crm_day_from_civil(year, month, 1);
	next = month == 12 ? crm_day_from_civil(year + 1, 1, 1)
					   : crm_day_from_civil(year, month + 1, 1);
	return first + mday - 1 < next ? first + mday - 1 : next - 1;
}

CrmDay
crm_span_before(CrmSpan span, CrmDay day)
{
	if (span.months != 0)
		day = add_months(day, -span.months);
	return day - span.days;
}

/* first day on whose window `gone` lies no more */
static CrmDay
window_leaves(CrmSpan window, CrmDay gone)
{
	CrmDay day = gone;

	if (window.months != 0)
		day = add_months(day, window.months);
	day += window.days;
	/* months have several lengths: look for the exact day around it */
	while (crm_span_before(window, day - 1) >= gone)
		day--;
	while (crm_span_before(window, day) < gone)
		day++;
	return day;
}

/* ---- the score ---- */

void
crm_standing_measures(const CrmStandingCuts *cuts, const CrmHistory *history,
					  CrmDay day, int64_t *frequency, CrmMoney *monetary)
{
	if (cuts->windowed)
		crm_history_window(history, crm_span_before(cuts->window, day), day,
						   frequency, monetary);
	else
	{
		const CrmStep *step = crm_history_step(history, day);

		*frequency = step->facts.orders;
		*monetary = step->facts.revenue;
	}
	if (cuts->mean && *frequency > 0)
		*monetary = crm_money_div(*monetary, crm_money_from_int64(*frequency));
}

static int
score_on(const CrmHistory *history, CrmStandingCuts *cuts, CrmDay last_order,
		 CrmDay day)
{
	int64_t	 frequency;
	CrmMoney monetary;

	crm_standing_measures(cuts, history, day, &frequency, &monetary);
	return crm_rfm_score(&cuts->rfm, (int64_t) day - last_order, frequency,
						 monetary);
}

/* first day before `until` on which what left the window changes the score */
static CrmDay
window_due(const CrmHistory *history, CrmStandingCuts *cuts, CrmDay last_order,
		   CrmDay day, CrmDay until, int score)
{
	CrmDay after = crm_span_before(cuts->window, day);

	for (;;)
	{
		CrmDay gone = crm_history_first_in(history, after, day);
		CrmDay leaves;

		if (gone == CRM_NO_DAY)
			return CRM_NO_DAY;
		leaves = window_leaves(cuts->window, gone);
		if (until != CRM_NO_DAY && leaves >= until)
			return CRM_NO_DAY;
		if (score_on(history, cuts, last_order, leaves) != score)
			return leaves;
		after = crm_span_before(cuts->window, leaves);
	}
}

static void
set_score(const CrmHistory *history, CrmStandingCuts *cuts, CrmDay day,
		  CrmStanding *standing)
{
	CrmDay	last_order = standing->step->facts.last_order;
	int32_t flips_at;

	standing->score = score_on(history, cuts, last_order, day);
	if (crm_rfm_recency_flip(&cuts->rfm, day - last_order, &flips_at))
		standing->due_on = earlier(standing->due_on, last_order + flips_at);
	if (cuts->windowed)
		standing->due_on = earlier(
			standing->due_on, window_due(history, cuts, last_order, day,
										 standing->due_on, standing->score));
}

static int
value_tier(const CrmStandingCuts *cuts, const CrmStep *step)
{
	bool			is_new = step->facts.orders == 1;
	CrmMoney		value = is_new ? step->first_amount : step->facts.revenue;
	const CrmMoney *edges = is_new ? cuts->new_cuts : cuts->returning_cuts;
	int				count = is_new ? cuts->new_count : cuts->returning_count;
	int				tier = 1;

	if (count == 0)
		return 0;
	for (int i = 0; i < count; i++)
		tier += crm_money_cmp(value, edges[i]) > 0;
	return tier;
}

bool
crm_standing(const CrmHistory *history, const CrmModel *model,
			 CrmStandingCuts *cuts, CrmDay day, CrmStanding *standing)
{
	const CrmStep *step = crm_history_step(history, day);

	if (step == NULL)
		return false;
	standing->step = step;
	standing->stretch = crm_history_stretch(history, model, day);
	if (!crm_model_next(model, &step->facts, day, &standing->changes_on,
						&standing->next_stage))
	{
		standing->changes_on = CRM_NO_DAY;
		standing->next_stage = CRM_ABSENT;
	}
	standing->due_on =
		earlier(standing->changes_on, crm_history_next_event(history, day));
	standing->score = standing->tier = 0;
	if (step->facts.orders > 0 && cuts->set)
	{
		set_score(history, cuts, day, standing);
		standing->tier = value_tier(cuts, step);
	}
	return true;
}
