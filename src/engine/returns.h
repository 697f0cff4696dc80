/*
 * returns.h
 *		The return curve: of all pairs of a customer and an active day, the
 *		share that is active again exactly n days later.
 *
 * Only the 90 days before as_of are looked at, and of these the ones that are
 * over on day d + n.  Unlike retention there is no first day: each active day
 * starts anew.
 *
 *		as_of - 90                    as_of - 1 | as_of
 *		bit 89 ...          bit 2  bit 1  bit 0 | (not over)
 *
 * Invariant: a pair of days of a map counts in eligible of exactly those n
 * for which day d + n is over, and in returned of the n between them.
 */
#ifndef CRM_RETURNS_H
#define CRM_RETURNS_H

#include "metric.h"

#define CRM_RETURN_DAYS 90
/* no two of these days are further apart */
#define CRM_RETURN_MAX_N (CRM_RETURN_DAYS - 1)

/* of the curve: a count, and those of the cells (n, 0) */
enum
{
	CRM_RETURNS_CUSTOMERS
};
enum
{
	CRM_RETURNS_ELIGIBLE,
	CRM_RETURNS_RETURNED
};

/* the active days of one customer, bit k: the day k + 1 before as_of */
typedef struct CrmReturnMap
{
	uint64_t low;  /* bits 0 .. 63 */
	uint64_t high; /* bits 64 .. 89 */
} CrmReturnMap;

extern void crm_return_map_add(CrmReturnMap *map, CrmDay as_of, CrmDay day);
/*
 * Add a map's days and pairs: last[k] counts the days of bit k, which are
 * those eligible for n up to k, returned[n] the pairs n days apart.  Both have
 * CRM_RETURN_DAYS elements.
 */
extern void
crm_return_map_count(const CrmReturnMap *map, int64_t *last, int64_t *returned);

/* n = 1 .. max_n, of which those beyond CRM_RETURN_MAX_N have nobody */
extern const CrmMetric crm_return_curve;

#endif /* CRM_RETURNS_H */
