/*
 * day_counts.c
 *		Finding a number of days among those that occur, and making room.
 *
 * A new one moves the ones above it, but not their counts.
 */
#include <string.h>

#include "engine/day_counts.h"
#include "engine/host.h"

#define ROOM_AT_FIRST 64

/* the place of the first that is n or more */
static int32_t
place_of(const CrmDayCounts *counts, int32_t n)
{
	int32_t low = 0;
	int32_t high = counts->used;

	while (low < high)
	{
		int32_t middle = low + (high - low) / 2;

		if (counts->day[middle].n < n)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static void *
resized(void *pointer, size_t size)
{
	return pointer == NULL ? crm_alloc(size) : crm_realloc(pointer, size);
}

static void
make_room(CrmDayCounts *counts)
{
	size_t room = counts->room == 0 ? ROOM_AT_FIRST : (size_t) counts->room * 2;

	counts->day = resized(counts->day, room * sizeof(CrmDayRow));
	counts->count =
		resized(counts->count, room * CRM_SAMPLES * sizeof(int64_t));
	counts->room = (int32_t) room;
}

static void
insert(CrmDayCounts *counts, int32_t place, int32_t n)
{
	if (counts->used == counts->room)
		make_room(counts);
	memmove(counts->day + place + 1, counts->day + place,
			(size_t) (counts->used - place) * sizeof(CrmDayRow));
	counts->day[place] = (CrmDayRow){n, counts->used};
	memset(counts->count + (size_t) counts->used * CRM_SAMPLES, 0,
		   CRM_SAMPLES * sizeof(int64_t));
	counts->used++;
}

void
crm_day_counts_add(CrmDayCounts *counts, const uint8_t *weight, int32_t n,
				   int64_t times)
{
	int32_t	 place = place_of(counts, n);
	int64_t *count;

	if (place == counts->used || counts->day[place].n != n)
		insert(counts, place, n);
	count = counts->count + (size_t) counts->day[place].row * CRM_SAMPLES;
	for (int s = 0; s < CRM_SAMPLES; s++)
		count[s] += weight[s] * times;
}

int64_t
crm_day_counts_at(const CrmDayCounts *counts, int32_t n, int sample)
{
	int32_t place = place_of(counts, n);

	return place < counts->used && counts->day[place].n == n
			   ? crm_day_counts_get(counts, place, sample)
			   : 0;
}

void
crm_day_counts_free(CrmDayCounts *counts)
{
	if (counts->room > 0)
	{
		crm_free(counts->day);
		crm_free(counts->count);
	}
	memset(counts, 0, sizeof(*counts));
}
