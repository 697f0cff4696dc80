/*
 * daily.c
 *		Customers by stage at the end of each of many days.
 */
#include <string.h>

#include "daily.h"

void
crm_daily_init(CrmDaily *daily, CrmDay first, CrmDay last,
			   const CrmModel *model)
{
	size_t days = (size_t) ((int64_t) last - first + 1);
	size_t size;

	daily->first = first;
	daily->last = last;
	daily->stages = crm_model_stage_count(model);
	size = sizeof(int64_t) * days * (size_t) daily->stages;
	daily->moved = crm_alloc(size);
	memset(daily->moved, 0, size);
}

void
crm_daily_free(CrmDaily *daily)
{
	crm_free(daily->moved);
}

static int64_t *
moved_on(const CrmDaily *daily, CrmDay day)
{
	return daily->moved +
		   (size_t) (day - daily->first) * (size_t) daily->stages;
}

void
crm_daily_take(CrmDailyWalk *walk, int stage, CrmDay first, CrmDay last)
{
	const CrmDaily *daily = walk->daily;
	int64_t		   *moved;

	if (first < walk->known_since)
		first = walk->known_since;
	if (first > last || first > daily->last || last < daily->first)
		return;
	if (stage == walk->stage)
		return;
	if (first > daily->first)
	{
		moved = moved_on(daily, first);
		if (walk->stage != CRM_ABSENT)
			moved[walk->stage]--;
		moved[stage]++;
	}
	walk->stage = stage;
}

static void
take_piece(void *context, const CrmStep *step, int stage, CrmDay first,
		   CrmDay last, CrmDay event)
{
	crm_daily_take(context, stage, first, last < event ? last : event - 1);
}

void
crm_daily_add(CrmDaily *daily, const CrmHistory *history, CrmDay known_since,
			  const CrmModel *model)
{
	CrmDailyWalk walk;

	crm_daily_start(&walk, daily, known_since);
	crm_history_pieces(history, model, daily->first, daily->last, take_piece,
					   &walk);
}

void
crm_daily_back(const CrmDaily *daily, CrmDay day, int64_t *count)
{
	const int64_t *moved = moved_on(daily, day);

	for (int stage = 0; stage < daily->stages; stage++)
		count[stage] -= moved[stage];
}
