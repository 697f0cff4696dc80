/*
 * second.c
 *		The first two days with orders, and what follows from them.
 *
 *		word 0      word 1
 *		first day | second day, 0 if there is none
 *
 * Invariant: word 1 is 0 or greater than word 0.
 *
 * The curve is that of E. L. Kaplan and P. Meier, "Nonparametric estimation
 * from incomplete observations", Journal of the American Statistical
 * Association 53 (1958), its variance Greenwood's, its interval that of the
 * logarithm, 95 %: what R's survfit gives by default.
 */
#include <math.h>

#include "engine/second.h"

/* the 97.5 % quantile of the normal distribution */
#define Z 1.959963984540054

static int
second_words(const CrmParams *params)
{
	(void) params;
	return 2;
}

static inline void
second_see(uint32_t *state, uint32_t word)
{
	if (state[0] == 0)
		state[0] = word;
	if (word < state[0])
	{
		state[1] = state[0];
		state[0] = word;
	}
	else if (word > state[0] && (state[1] == 0 || word < state[1]))
		state[1] = word;
}

static void
second_add(uint32_t *state, const CrmParams *params, CrmDay day)
{
	(void) params;
	second_see(state, crm_word_from_day(day));
}

static void
second_merge(uint32_t *state, const uint32_t *other, const CrmParams *params)
{
	(void) params;
	if (other[0] != 0)
		second_see(state, other[0]);
	if (other[1] != 0)
		second_see(state, other[1]);
}

/*
 * Mature: the days after the first are over.  Literal: the first lies in the
 * last so many days, as_of included, however young it is.
 */
static bool
second_counts(CrmDay first, const CrmParams *params)
{
	if (params->option == CRM_METHOD_LITERAL)
		return (int64_t) first > (int64_t) params->as_of - params->n;
	return crm_day_is_over(first, params->n, params);
}

static void
second_fold(const uint32_t *state, const CrmParams *params, CrmTotals *totals)
{
	if (!second_counts(crm_day_from_word(state[0]), params))
		return;
	totals->count[CRM_SECOND_CUSTOMERS]++;
	totals->count[CRM_SECOND_AGAIN] +=
		state[1] != 0 && state[1] - state[0] <= (uint32_t) params->n;
}

const CrmMetric crm_second_purchase = {
	.name = "second purchase",
	.code = 12,
	.param = {[CRM_PARAM_N] = "days",
			  [CRM_PARAM_AS_OF] = "as_of",
			  [CRM_PARAM_OPTION] = "method"},
	.absent = {.option = CRM_METHOD_MATURE},
	.most = CRM_DAYS_MOST,
	.what_n = "Days are counted from the day of the first order.",
	.words = second_words,
	.add = second_add,
	.merge = second_merge,
	.fold = second_fold,
};

/* ---- the time it took ---------------------------------------------------- */

/* what happens on as_of itself is not known yet: that day is not over */
static void
time_fold(const uint32_t *state, const CrmParams *params, CrmTotals *totals)
{
	CrmDay	first = crm_day_from_word(state[0]);
	int64_t over = (int64_t) params->as_of - 1 - first;

	if (over < 0)
		return;
	totals->count[CRM_SECOND_OBSERVED]++;
	if (state[1] != 0 && (int64_t) (state[1] - state[0]) <= over)
		crm_totals_cell(totals, (int32_t) (state[1] - state[0]), 0)
			->count[CRM_SECOND_BOUGHT]++;
	else
		crm_totals_cell(totals, over > INT32_MAX ? INT32_MAX : (int32_t) over,
						0)
			->count[CRM_SECOND_OPEN]++;
}

const CrmMetric crm_time_to_second = {
	.name = "time to second purchase",
	.code = 13,
	.param = {[CRM_PARAM_AS_OF] = "as_of"},
	.cell_counts = 2,
	.words = second_words,
	.add = second_add,
	.merge = second_merge,
	.fold = time_fold,
};

void
crm_survival_start(CrmSurvival *point, int64_t observed)
{
	CrmSurvival start = {.at_risk = observed, .survival = 1};

	*point = start;
}

void
crm_survival_next(CrmSurvival *point, int32_t day, int64_t events,
				  int64_t censored)
{
	int64_t at_risk = point->at_risk - point->events - point->censored;
	double	n = (double) at_risk;
	double	d = (double) events;

	point->day = day;
	point->at_risk = at_risk;
	point->events = events;
	point->censored = censored;
	point->survival *= (n - d) / n;
	point->bounded = point->survival > 0;
	if (!point->bounded)
		return;
	point->greenwood += d / (n * (n - d));
	point->std_error = point->survival * sqrt(point->greenwood);
	point->lower = point->survival * exp(-Z * sqrt(point->greenwood));
	point->upper = point->survival * exp(Z * sqrt(point->greenwood));
	if (point->upper > 1)
		point->upper = 1;
}
