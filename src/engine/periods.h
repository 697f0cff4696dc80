/*
 * periods.h
 *		The periods in which a customer was active, as a map of bits.
 *
 * The map ends with the period of as_of and goes back as far as it has bits:
 *
 *		word 0                                          word 1
 *		seen, older, early, reached, age 0, 1 ... 27 |   age 28, 29 ... 59 | ...
 *
 *		age = period of as_of - period of the row
 *
 * How many words there are depends on the unit alone: five years of months.
 * "early" says that there is a row before params->from, "reached" that there is
 * one up to params->to: the first day lies between them if it is reached and
 * not early.  A row before the map's first day sets "older" and no more, so it
 * has to be kept elsewhere (CrmMetric.older).  Days have no map: three years
 * of them would take more memory than the rows themselves.
 *
 * What is set for a row, its place, is worked out before the row goes into the
 * table: add only sets it.
 *
 * Invariant: of rows since the map's first day, the map holds exactly the
 * periods; it depends on no other customer and no other row, so that maps of
 * the same customer merge by OR.
 */
#ifndef CRM_PERIODS_H
#define CRM_PERIODS_H

#include "metric.h"

#define CRM_PERIODS_SEEN UINT32_C(1)
#define CRM_PERIODS_OLDER_BIT 1
#define CRM_PERIODS_OLDER UINT32_C(2)
#define CRM_PERIODS_EARLY UINT32_C(4)
#define CRM_PERIODS_REACHED UINT32_C(8)
#define CRM_PERIODS_FLAGS 4
#define CRM_PERIODS_WORD_BITS 32
/* below this age are all */
#define CRM_PERIODS_ALL (INT32_MAX - CRM_PERIODS_FLAGS)

/* words of a map and the number of its periods, 0 for days */
extern int crm_periods_words(const CrmParams *params);
extern int crm_periods_count(const CrmParams *params);
/* the map's first day; CRM_DAY_MAX if no row goes into it */
extern CrmDay crm_periods_since(const CrmParams *params);

/* periods from the row's to that of as_of */
static inline int32_t
crm_periods_age(const CrmParams *params, CrmDay day)
{
	CrmUnit unit = (CrmUnit) params->option;

	return crm_period_index(params->as_of, unit) - crm_period_index(day, unit);
}

static inline bool
crm_periods_older(const uint32_t *map)
{
	return (map[0] & CRM_PERIODS_OLDER) != 0;
}

/* a place: the bit in the lower half, flags of word 0 in the upper one */
#define CRM_PLACE_BIT 0xFFFF
#define CRM_PLACE_FLAGS_SHIFT 16

/* what places are counted from, the same for all rows of a group */
typedef struct CrmPlaces
{
	int32_t now;   /* number of the period of as_of */
	int32_t count; /* of periods in the map */
} CrmPlaces;

extern CrmPlaces crm_places(const CrmParams *params);

static inline int32_t
crm_place(const CrmPlaces *places, const CrmParams *params, CrmDay day)
{
	int32_t	 age = places->now - crm_period_of(day, (CrmUnit) params->option);
	uint32_t flags = CRM_PERIODS_SEEN;

	if (day < params->from)
		flags |= CRM_PERIODS_EARLY;
	if (day <= params->to)
		flags |= CRM_PERIODS_REACHED;
	return (int32_t) (flags << CRM_PLACE_FLAGS_SHIFT) |
		   (age < places->count ? age + CRM_PERIODS_FLAGS
								: CRM_PERIODS_OLDER_BIT);
}

extern void
crm_periods_add(uint32_t *map, const CrmParams *params, int32_t place);
extern void crm_periods_merge(uint32_t *map, const uint32_t *other, int words);
/* the largest age below `below`, -1 if there is none: from the first one on */
extern int32_t crm_periods_next(const uint32_t *map, int words, int32_t below);
/* the same, one after the other from the largest age on */
typedef struct CrmPeriodWalk
{
	const uint32_t *map;
	int				word;
	uint32_t		bits;
} CrmPeriodWalk;

static inline CrmPeriodWalk
crm_periods_walk(const uint32_t *map, int words)
{
	CrmPeriodWalk walk = {.map = map, .word = words, .bits = 0};

	return walk;
}

static inline int32_t
crm_periods_walk_next(CrmPeriodWalk *walk)
{
	int bit;

	while (walk->bits == 0)
	{
		if (walk->word == 0)
			return -1;
		walk->bits = walk->map[--walk->word];
		if (walk->word == 0)
			walk->bits &= ~((UINT32_C(1) << CRM_PERIODS_FLAGS) - 1);
	}
	bit = 31 - __builtin_clz(walk->bits);
	walk->bits ^= UINT32_C(1) << bit;
	return walk->word * CRM_PERIODS_WORD_BITS + bit - CRM_PERIODS_FLAGS;
}

/* the first day of each period, if the customer has older rows, else none */
extern size_t
crm_periods_days(const uint32_t *map, const CrmParams *params, CrmDay *day);

#endif /* CRM_PERIODS_H */
