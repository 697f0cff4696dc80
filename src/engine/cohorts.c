/*
 * cohorts.c
 *		The table of cohorts, from maps of periods or from events.
 *
 *		              period 0     1     2     3
 *		cohort  Jan       all    act   act  (not over)
 *		        Mar       all  (not over)
 *
 * Only cells in which somebody was active are kept; those with nobody are
 * filled in while the table is read.
 *
 * Invariant: each cohort with a customer has its cell of period 0, which
 * counts them all.
 */
#include "engine/cohorts.h"

#include "engine/periods.h"

/* ---- events -------------------------------------------------------------- */

static size_t
first_start(const CrmLogEvent *event, size_t count)
{
	size_t i = 0;

	while (i < count && (event[i].kind & CRM_LOG_START) == 0)
		i++;
	return i;
}

static void
cohorts_walk(const CrmLogEvent *event, size_t count, const CrmParams *params,
			 CrmTotals *totals)
{
	CrmUnit unit = (CrmUnit) params->option;
	size_t	i = first_start(event, count);
	int32_t cohort;
	int32_t last = 0;

	if (i == count || event[i].day < params->from || event[i].day > params->to)
		return;
	cohort = crm_period_index(event[i].day, unit);
	totals->count[CRM_COHORTS_CUSTOMERS]++;
	crm_totals_cell(totals, cohort, 0)->count[CRM_COHORT_ACTIVE]++;
	for (i++; i < count; i++)
	{
		int32_t period;

		if ((event[i].kind & CRM_LOG_RETURN) == 0)
			continue;
		period = crm_period_index(event[i].day, unit) - cohort;
		if (period == last)
			continue;
		last = period;
		crm_totals_cell(totals, cohort, period)->count[CRM_COHORT_ACTIVE]++;
	}
}

#define COHORTS_PARAMS                          \
	.param = {[CRM_PARAM_AS_OF] = "as_of",      \
			  [CRM_PARAM_FROM] = "cohort_from", \
			  [CRM_PARAM_TO] = "cohort_to",     \
			  [CRM_PARAM_OPTION] = "unit"},     \
	.absent = {.from = CRM_DAY_MIN, .to = CRM_DAY_MAX}, .cell_counts = 1

const CrmMetric crm_retention_cohorts_of_events = {
	.name = "retention cohorts of events",
	.code = 27,
	COHORTS_PARAMS,
	.walk = cohorts_walk,
};

/* ---- maps ---------------------------------------------------------------- */

static void
cohorts_merge(uint32_t *state, const uint32_t *other, const CrmParams *params)
{
	crm_periods_merge(state, other, crm_periods_words(params));
}

/* the customers of a cohort, by the age of its first period, to their cells */
static void
count_bits(const CrmParams *params, CrmTotals *totals, int32_t first)
{
	int32_t now = crm_period_of(params->as_of, (CrmUnit) params->option);

	for (int32_t age = 0; age <= first; age++)
	{
		int active =
			crm_bit_sums_get(totals->bits, first, age + CRM_PERIODS_FLAGS);

		if (active > 0)
			crm_totals_cell(totals, now - first, first - age)
				->count[CRM_COHORT_ACTIVE] += active;
	}
	crm_bit_sums_clear(totals->bits, first);
}

static void
cohorts_close(const CrmParams *params, CrmTotals *totals)
{
	if (totals->bits == NULL)
		return;
	for (int32_t first = 0; first < totals->bits->rows; first++)
		count_bits(params, totals, first);
}

static void
cohorts_fold(const uint32_t *state, const CrmParams *params, CrmTotals *totals)
{
	int			  words = crm_periods_words(params);
	CrmPeriodWalk walk = crm_periods_walk(state, words);
	int32_t		  first = crm_periods_walk_next(&walk);
	int32_t		  cohort;
	CrmBitSums	 *bits;

	if (first < 0 || (state[0] & CRM_PERIODS_EARLY) != 0 ||
		(state[0] & CRM_PERIODS_REACHED) == 0)
		return;
	totals->count[CRM_COHORTS_CUSTOMERS]++;
	bits = crm_totals_bits(totals, crm_periods_count(params), words);
	if (bits != NULL)
	{
		for (int word = 0; word < words; word++)
			crm_bit_sums_add(bits, first, word, state[word]);
		if (crm_bit_sums_count(bits, first))
			count_bits(params, totals, first);
		return;
	}
	cohort = crm_period_of(params->as_of, (CrmUnit) params->option) - first;
	for (int32_t age = first; age >= 0; age = crm_periods_walk_next(&walk))
		crm_totals_cell(totals, cohort, first - age)
			->count[CRM_COHORT_ACTIVE]++;
}

const CrmMetric crm_retention_cohorts = {
	.name = "retention cohorts",
	.code = 14,
	COHORTS_PARAMS,
	.places = true,
	.words = crm_periods_words,
	.add = crm_periods_add,
	.merge = cohorts_merge,
	.fold = cohorts_fold,
	.close = cohorts_close,
	.since = crm_periods_since,
	.older = &crm_retention_cohorts_of_events,
	.days = crm_periods_days,
};

/* ---- reading ------------------------------------------------------------- */

int64_t
crm_cohort_points(const CrmTotals *totals, const CrmParams *params)
{
	int32_t now = crm_period_index(params->as_of, (CrmUnit) params->option);
	int64_t points = 0;

	for (size_t i = 0; i < totals->cells; i++)
	{
		const CrmCell *cell = crm_totals_sorted(totals, i);

		if (cell->column == 0)
			points += (int64_t) now - cell->row + 1;
	}
	return points;
}

static bool
next_cohort(const CrmTotals *totals, CrmCohortWalk *walk)
{
	const CrmCell *cell;

	/* there is none to pass, unless somebody made the totals up */
	while (walk->place < totals->cells &&
		   crm_totals_sorted(totals, walk->place)->column != 0)
		walk->place++;
	if (walk->place == totals->cells)
		return false;
	cell = crm_totals_sorted(totals, walk->place);
	walk->row = cell->row;
	walk->column = 0;
	walk->customers = cell->count[CRM_COHORT_ACTIVE];
	return true;
}

bool
crm_cohort_next(const CrmTotals *totals, const CrmParams *params,
				CrmCohortWalk *walk, CrmCohortPoint *point)
{
	int32_t		   now = crm_period_index(params->as_of, params->option);
	const CrmCell *cell;

	if (walk->customers == 0 || walk->row + walk->column > now)
	{
		if (!next_cohort(totals, walk))
			return false;
	}
	point->cohort = crm_period_from_index(walk->row, (CrmUnit) params->option);
	point->period = walk->column;
	point->customers = walk->customers;
	point->active = 0;
	point->over = walk->row + walk->column < now;
	if (walk->place < totals->cells)
	{
		cell = crm_totals_sorted(totals, walk->place);
		if (cell->row == walk->row && cell->column == walk->column)
		{
			point->active = cell->count[CRM_COHORT_ACTIVE];
			walk->place++;
		}
	}
	walk->column++;
	return true;
}
