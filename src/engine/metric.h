/*
 * metric.h
 *		What a metric over customers is: the small state it keeps for each of
 *		them, and how the states of all customers become totals.
 *
 *		rows of a customer --add--> state --fold--> totals of the group
 *		                              ^
 *		state of other rows --merge---+
 *
 * A state is an array of 32-bit words, constant in size for a group, so that
 * it can be moved, written to a file and sent to another process by anyone
 * who knows its number of words.
 *
 * Invariants: a state of zeros has seen nothing, and once it has seen a row
 * its word 0 is never zero.  add and merge commute: the state depends on the
 * set of rows, not on their order or on how they were split.
 */
#ifndef CRM_METRIC_H
#define CRM_METRIC_H

#include "calendar.h"

/* what a metric is told besides the rows, the same for all rows of a group */
typedef struct CrmParams
{
	int32_t n;	   /* a number of days */
	CrmDay	as_of; /* the last visible day */
} CrmParams;

#define CRM_TOTALS 3

/* no state is larger */
#define CRM_STATE_MAX_WORDS 1200

/* what a metric counts; which count is which is the metric's affair */
typedef struct CrmTotals
{
	int64_t count[CRM_TOTALS];
} CrmTotals;

typedef struct CrmMetric
{
	const char *name;
	uint8_t		code; /* its name in serialized states: never reused */
	int (*words)(const CrmParams *params);
	void (*add)(uint32_t *state, const CrmParams *params, CrmDay day);
	void (*merge)(uint32_t *state, const uint32_t *other,
				  const CrmParams *params);
	void (*fold)(const uint32_t *state, const CrmParams *params,
				 CrmTotals *totals);
} CrmMetric;

/* NULL when no metric has this code */
extern const CrmMetric *crm_metric_by_code(int code);

/*
 * A day as a word that is never zero and orders as days do: what a state
 * keeps in word 0.
 */
static inline uint32_t
crm_word_from_day(CrmDay day)
{
	return (uint32_t) day ^ UINT32_C(0x80000000);
}

static inline CrmDay
crm_day_from_word(uint32_t word)
{
	return (CrmDay) (word ^ UINT32_C(0x80000000));
}

#endif /* CRM_METRIC_H */
