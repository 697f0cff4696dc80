/*
 * metric.h
 *		What a metric over customers is: what it keeps of each of them, and how
 *		all of them become the totals of a group.
 *
 * Most metrics keep a small state of each customer, constant in size:
 *
 *		rows of a customer --add--> state --fold--> totals of the group
 *		                              ^
 *		state of other rows --merge---+
 *
 * A state is an array of 32-bit words, constant in size for a group, so that
 * it can be moved, written to a file and sent to another process by anyone
 * who knows its number of words.
 *
 * What no small state can answer has the customer's events instead, sorted:
 *
 *		rows of a customer --------------> events --walk--> totals of the group
 *
 * And some have a state that answers for nearly all customers, and events for
 * the rest.  Rows before the first day the state has room for go to a metric
 * with events, and when all rows have come, so do the days in the states of
 * the customers who have such rows:
 *
 *		rows since then --add--> state ----------fold--> totals of the group
 *		                           | days                    ^
 *		older rows -----------------------> events --walk----+
 *
 * Invariants: a state of zeros has seen nothing, and once it has seen a row
 * its word 0 is never zero.  add and merge commute: the state depends on the
 * set of rows, not on their order or on how they were split.  fold and walk
 * only add to the totals, so that these don't depend on the order of customers.
 */
#ifndef CRM_METRIC_H
#define CRM_METRIC_H

#include "calendar.h"
#include "money.h"
#include "totals.h"

/* what a metric may be told besides the rows, the same for all of a group */
enum
{
	CRM_PARAM_N,
	CRM_PARAM_M,
	CRM_PARAM_AS_OF,
	CRM_PARAM_FROM,
	CRM_PARAM_TO,
	CRM_PARAM_OPTION,
	CRM_PARAMS
};

typedef union CrmParams
{
	struct
	{
		int32_t n;		/* a number of days or of orders, the largest */
		int32_t m;		/* another number */
		CrmDay	as_of;	/* the last visible day */
		CrmDay	from;	/* a day, or the first of several */
		CrmDay	to;		/* the last of them */
		int32_t option; /* a CrmUnit or a CrmMethod */
	};
	int32_t value[CRM_PARAMS];
} CrmParams;

typedef enum CrmMethod
{
	CRM_METHOD_MATURE,
	CRM_METHOD_LITERAL
} CrmMethod;

/* before and after all days that rows can have */
#define CRM_DAY_MIN (INT32_MIN + 1)
#define CRM_DAY_MAX INT32_MAX

/* a hundred years: no number of days in a question is larger */
#define CRM_DAYS_MOST 36525

/* no state is larger */
#define CRM_STATE_MAX_WORDS 1200

/* no state has more days */
#define CRM_METRIC_MAX_DAYS 256

/* a customer's row, or several that came to the same */
typedef struct CrmLogEvent
{
	CrmDay	 day;
	uint8_t	 kind;	/* of CRM_LOG_... */
	bool	 known; /* amount is one */
	CrmMoney amount;
} CrmLogEvent;

#define CRM_LOG_START 1
#define CRM_LOG_RETURN 2

typedef struct CrmMetric
{
	const char *name;
	uint8_t		code; /* its name in serialized states: never reused */
	/* the parameters it has: what the users call them */
	const char *param[CRM_PARAMS];
	/* of those that may be left out */
	CrmParams absent;
	/* what n and m may be */
	int32_t		least;
	int32_t		most;
	const char *what_n; /* a sentence on n, for hints */
	int32_t		most_m; /* 0: as many as there are */
	const char *what_m; /* NULL: what_n says it */

	/* totals: cells of so many counts and sums */
	uint8_t cell_counts;
	uint8_t cell_sums;

	/* a state for each customer ... */
	int (*words)(const CrmParams *params);
	void (*add)(uint32_t *state, const CrmParams *params, CrmDay day);
	void (*merge)(uint32_t *state, const uint32_t *other,
				  const CrmParams *params);
	void (*fold)(const uint32_t *state, const CrmParams *params,
				 CrmTotals *totals);
	/* ... add gets the place of the row's period (periods.h), not the day ... */
	bool places;
	/* ... with room for rows since a day, CRM_DAY_MAX: for none at all ... */
	CrmDay (*since)(const CrmParams *params);
	/* ... those before it are kept for this one, with the same parameters, ... */
	const struct CrmMetric *older;
	/*
	 * ... and it gets these days too: none of a customer without older rows.
	 * NULL if it can do without, as what older rows say stands alone; then add
	 * does not get them.
	 */
	size_t (*days)(const uint32_t *state, const CrmParams *params, CrmDay *day);
	/* ... and the sum of all amounts, in the cell (0, 0) ... */
	bool revenue;
	/* ... or its events: by day, and if it wants amounts, in their order */
	bool amounts;
	void (*walk)(const CrmLogEvent *event, size_t count,
				 const CrmParams *params, CrmTotals *totals);

	/* once, after the last customer and before the cells are sorted */
	void (*close)(const CrmParams *params, CrmTotals *totals);
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

/* day n after the first is over at as_of: before that nothing is known of it */
static inline bool
crm_day_is_over(CrmDay first, int32_t n, const CrmParams *params)
{
	return (int64_t) first + n < params->as_of;
}

#endif /* CRM_METRIC_H */
