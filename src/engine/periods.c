/*
 * periods.c
 *		The map of periods: setting bits and finding them again.
 */
#include "engine/periods.h"

/* no map is larger */
#define MOST_WORDS 8

_Static_assert(MOST_WORDS *CRM_PERIODS_WORD_BITS <= CRM_METRIC_MAX_DAYS,
			   "a map has more periods than a customer may send to the log");

int
crm_periods_words(const CrmParams *params)
{
	switch ((CrmUnit) params->option)
	{
		case CRM_UNIT_DAY:
			return 1;
		case CRM_UNIT_WEEK:
			return MOST_WORDS; /* 252: 4.8 years */
		case CRM_UNIT_MONTH:
			return 2; /* 60: 5 years */
		case CRM_UNIT_QUARTER:
			return 2; /* 60: 15 years */
		case CRM_UNIT_YEAR:
			break;
	}
	return 2; /* 60 years */
}

int
crm_periods_count(const CrmParams *params)
{
	if ((CrmUnit) params->option == CRM_UNIT_DAY)
		return 0;
	return crm_periods_words(params) * CRM_PERIODS_WORD_BITS -
		   CRM_PERIODS_FLAGS;
}

CrmDay
crm_periods_since(const CrmParams *params)
{
	CrmUnit unit = (CrmUnit) params->option;
	int		count = crm_periods_count(params);

	if (count == 0)
		return CRM_DAY_MAX;
	return crm_period_from_index(
		crm_period_index(params->as_of, unit) - count + 1, unit);
}

CrmPlaces
crm_places(const CrmParams *params)
{
	CrmPlaces places = {
		.now = crm_period_index(params->as_of, (CrmUnit) params->option),
		.count = crm_periods_count(params)};

	return places;
}

void
crm_periods_add(uint32_t *map, const CrmParams *params, int32_t place)
{
	uint32_t bit = place & CRM_PLACE_BIT;

	(void) params;
	map[0] |= (uint32_t) place >> CRM_PLACE_FLAGS_SHIFT;
	map[bit / CRM_PERIODS_WORD_BITS] |= UINT32_C(1)
										<< bit % CRM_PERIODS_WORD_BITS;
}

void
crm_periods_merge(uint32_t *map, const uint32_t *other, int words)
{
	for (int word = 0; word < words; word++)
		map[word] |= other[word];
}

int32_t
crm_periods_next(const uint32_t *map, int words, int32_t below)
{
	int64_t	 end = (int64_t) below + CRM_PERIODS_FLAGS;
	int		 word = words - 1;
	uint32_t bits;

	if (end < (int64_t) words * CRM_PERIODS_WORD_BITS)
	{
		word = (int) (end / CRM_PERIODS_WORD_BITS);
		bits = map[word] & ((UINT32_C(1) << end % CRM_PERIODS_WORD_BITS) - 1);
	}
	else
		bits = map[word];
	while (bits == 0 && word > 0)
		bits = map[--word];
	if (word == 0)
		bits &= ~((UINT32_C(1) << CRM_PERIODS_FLAGS) - 1);
	if (bits == 0)
		return -1;
	return word * CRM_PERIODS_WORD_BITS + 31 - __builtin_clz(bits) -
		   CRM_PERIODS_FLAGS;
}

size_t
crm_periods_days(const uint32_t *map, const CrmParams *params, CrmDay *day)
{
	CrmUnit unit = (CrmUnit) params->option;
	int		words = crm_periods_words(params);
	int32_t now = crm_period_index(params->as_of, unit);
	int32_t age = CRM_PERIODS_ALL;
	size_t	count = 0;

	if (!crm_periods_older(map))
		return 0;
	while ((age = crm_periods_next(map, words, age)) >= 0)
		day[count++] = crm_period_from_index(now - age, unit);
	return count;
}
