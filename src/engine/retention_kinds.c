/*
 * retention_kinds.c
 *		Retention where an event may start, return, both or neither.
 *
 *		day 0 = first start
 *		   |      1      2      3      4
 *		   S      .      R      .     S R       active on days 2 and 4
 *
 * A start may come late that lies before all others, and then every return
 * counts from there; so no small state will do, the days are kept.
 *
 * Invariant: day 0 counts as active whatever happened on it, and a return on
 * it is no return.
 */
#include "engine/retention.h"

/* the first start's place, count if there is none */
static size_t
first_start(const CrmLogEvent *event, size_t count)
{
	size_t i = 0;

	while (i < count && (event[i].kind & CRM_LOG_START) == 0)
		i++;
	return i;
}

/* is there a return on days from .. to after the start at `start`? */
static bool
returned(const CrmLogEvent *event, size_t count, size_t start, int64_t from,
		 int64_t to)
{
	if (from <= 0)
		return true;
	for (size_t i = start + 1; i < count; i++)
	{
		int64_t n = (int64_t) event[i].day - event[start].day;

		if ((event[i].kind & CRM_LOG_RETURN) != 0 && n >= from && n <= to)
			return true;
	}
	return false;
}

static void
by_days_walk(const CrmLogEvent *event, size_t count, const CrmParams *params,
			 CrmTotals *totals)
{
	size_t start = first_start(event, count);

	if (start == count || !crm_day_is_over(event[start].day, params->n, params))
		return;
	totals->count[CRM_RETENTION_MATURE]++;
	totals->count[CRM_RETENTION_ON_DAY] +=
		returned(event, count, start, params->n, params->n);
	totals->count[CRM_RETENTION_WITHIN] +=
		returned(event, count, start, 1, params->n);
}

const CrmMetric crm_retention_by_days_of_kinds = {
	.name = "retention by days of kinds",
	.code = 7,
	.param = {[CRM_PARAM_N] = "n", [CRM_PARAM_AS_OF] = "as_of"},
	.most = CRM_RETENTION_MAX_N,
	.what_n = CRM_RETENTION_WHAT_N,
	.walk = by_days_walk,
};

static void
between_walk(const CrmLogEvent *event, size_t count, const CrmParams *params,
			 CrmTotals *totals)
{
	size_t start = first_start(event, count);

	if (start == count || !crm_day_is_over(event[start].day, params->n, params))
		return;
	totals->count[CRM_RETENTION_MATURE]++;
	totals->count[CRM_RETENTION_RETAINED] +=
		returned(event, count, start, params->m, params->n);
}

const CrmMetric crm_retention_between_of_kinds = {
	.name = "retention between days of kinds",
	.code = 8,
	.param = {[CRM_PARAM_N] = "to_day",
			  [CRM_PARAM_M] = "from_day",
			  [CRM_PARAM_AS_OF] = "as_of"},
	.most = CRM_RETENTION_MAX_N,
	.what_n = CRM_RETENTION_WHAT_N,
	.walk = between_walk,
};

static void
from_walk(const CrmLogEvent *event, size_t count, const CrmParams *params,
		  CrmTotals *totals)
{
	size_t start = first_start(event, count);

	if (start == count || !crm_day_is_over(event[start].day, params->n, params))
		return;
	totals->count[CRM_RETENTION_MATURE]++;
	totals->count[CRM_RETENTION_RETAINED] +=
		returned(event, count, start, params->n, INT64_MAX);
}

const CrmMetric crm_retention_from_of_kinds = {
	.name = "retention from a day on of kinds",
	.code = 9,
	.param = {[CRM_PARAM_N] = "n", [CRM_PARAM_AS_OF] = "as_of"},
	.most = CRM_RETENTION_MAX_N,
	.what_n = CRM_RETENTION_WHAT_N,
	.walk = from_walk,
};

static void
curve_walk(const CrmLogEvent *event, size_t count, const CrmParams *params,
		   CrmTotals *totals)
{
	size_t	start = first_start(event, count);
	CrmDay	first;
	int64_t last;

	if (start == count)
		return;
	first = event[start].day;
	if (first < params->from || first > params->to)
		return;
	totals->count[CRM_CURVE_CUSTOMERS]++;
	last = (int64_t) params->as_of - 1 - first;
	if (last < 0)
		return;
	if (last > params->n)
		last = params->n;
	crm_totals_cell(totals, (int32_t) last, 0)->count[CRM_CURVE_ELIGIBLE]++;
	crm_totals_cell(totals, 0, 0)->count[CRM_CURVE_RETAINED]++;
	for (size_t i = start + 1; i < count; i++)
	{
		int64_t n = (int64_t) event[i].day - first;

		if (n > last)
			break;
		if ((event[i].kind & CRM_LOG_RETURN) != 0)
			crm_totals_cell(totals, (int32_t) n, 0)
				->count[CRM_CURVE_RETAINED]++;
	}
}

const CrmMetric crm_retention_curve_of_kinds = {
	.name = "retention curve of kinds",
	.code = 10,
	.param = {[CRM_PARAM_N] = "max_n",
			  [CRM_PARAM_AS_OF] = "as_of",
			  [CRM_PARAM_FROM] = "cohort_from",
			  [CRM_PARAM_TO] = "cohort_to"},
	.absent = {.from = CRM_DAY_MIN, .to = CRM_DAY_MAX},
	.most = CRM_RETENTION_MAX_N,
	.what_n = CRM_RETENTION_WHAT_N,
	.cell_counts = 2,
	.walk = curve_walk,
	.close = crm_retention_curve_close,
};
