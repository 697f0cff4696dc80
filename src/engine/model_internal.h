/*
 * model_internal.h
 *		The compiled program, shared by the files of the model.
 *
 *		model_tree.c		nodes: types, clocks
 *		model_compile.c		tree -> code
 *		model.c				code x facts x day -> stage
 *		model_flip.c		the days on which a comparison flips
 *
 * Code is a flat list; all jumps go forward, so it ends.  A test compares, and
 * jumps if the outcome (CRM_LESS, CRM_EQUAL, CRM_GREATER, CRM_UNKNOWN) is in
 * the set `on`.  So `days_since_order < 7`, jump if not true, is one
 * instruction that reads the day of the last order straight from the facts:
 *
 *		OP_TEST_CLOCK  field=last_order  value=7  on=EQUAL|GREATER|UNKNOWN
 *
 * Whatever is more than a fact against a constant works on slots; a slot is
 * written before it is read on every path, so a run leaves nothing behind that
 * the next could see.
 */
#ifndef CRM_MODEL_INTERNAL_H
#define CRM_MODEL_INTERNAL_H

#include "model_tree.h"

typedef enum CrmOp
{
	OP_STAGE, /* the stage is a */
	OP_JUMP,
	OP_LADDER, /* of the clock at byte a of the facts: ladders[b] */
	/* tests of facts: against value, or against the number in slot b */
	OP_TEST_CLOCK,	/* of the day at byte a of the facts */
	OP_TEST_ACTIVE, /* days_since_active */
	OP_TEST_ORDERS,
	OP_TEST_ORDER_DAYS,
	OP_TEST_REVENUE,
	OP_TEST_AVERAGE, /* real: the number in b */
	/* tests of slots */
	OP_TEST_VALUE,	/* integer in a against value */
	OP_TEST_INT,	/* integers in a and b */
	OP_TEST_NUMBER, /* numbers in a and b */
	OP_TEST_NULL,	/* a: CRM_UNKNOWN if it is null, else CRM_EQUAL */
	OP_TEST_BOOL,	/* a: CRM_LESS false, CRM_EQUAL true, CRM_UNKNOWN */
	/* values, into slot to */
	OP_LOAD_FACT,
	OP_LOAD_WINDOW, /* fact a of the last `value` days */
	OP_MOVE,
	OP_SET_NULL,
	OP_SET_VALUE,
	OP_TO_NUMBER,
	OP_COMPARE_INT, /* true if the order of a and b is in on */
	OP_COMPARE_NUMBER,
	OP_NOT,
	OP_IS_NULL,
	OP_AND, /* to = to AND a */
	OP_OR,
	OP_ADD_INT, /* narrow: the result is int4 */
	OP_SUB_INT,
	OP_MUL_INT,
	OP_DIV_INT,
	OP_NEG_INT,
	OP_ADD_NUMBER,
	OP_SUB_NUMBER,
	OP_MUL_NUMBER,
	OP_DIV_NUMBER,
	OP_NEG_NUMBER
} CrmOp;

typedef struct CrmInstruction
{
	uint8_t op;
	uint8_t on;
	bool	narrow;
	int32_t a;
	int32_t b;
	int32_t to;
	int32_t jump; /* while compiling a label, then an index */
	int64_t value;
	double	real;
} CrmInstruction;

/*
 * Branches on ascending values of one clock, as most models begin: how many
 * bounds the clock has reached says where to go on, without a branch for the
 * processor to mispredict.  The tests themselves follow in the code, for
 * model_flip.c to read.
 */
#define CRM_LADDER_STEPS 16

typedef struct CrmLadder
{
	int		count;
	int64_t bounds[CRM_LADDER_STEPS]; /* never descending */
	int32_t targets[CRM_LADDER_STEPS + 1];
} CrmLadder;

typedef struct CrmSlot
{
	CrmMoney number;
	int64_t	 value; /* of an int; 0 or 1 of a bool */
	bool	 null;
} CrmSlot;

typedef struct CrmWindow
{
	CrmFact fact;
	int64_t days;
} CrmWindow;

/* a test of a clock flips so many days after the clock's start */
typedef struct CrmClockFlip
{
	int32_t clock; /* the day at that byte of the facts; -1: last active */
	int64_t days;
} CrmClockFlip;

struct CrmModel
{
	int				stage_count;
	const char	  **stages;
	unsigned		facts;
	CrmInstruction *code;
	int				code_count;
	CrmLadder	   *ladders;
	int				ladder_count;
	CrmSlot		   *slots; /* constants are set, the rest is scratch */
	int				slot_count;
	CrmClockFlip   *flips; /* each once, ascending by clock and days */
	int				flip_count;
	/*
	 * Where the stage depends on one clock and nothing else, as in most models:
	 * the stage before the first flip and from each of them on; else NULL.
	 */
	int		  *timetable;
	CrmNode	 **atoms; /* comparisons with a clock that no test holds */
	int		   atom_count;
	CrmWindow *windows; /* each once */
	int		   window_count;
	int32_t	   tabled_clock; /* where its day stands in the facts, or -1 */
	int8_t	   tabled[CRM_TABLED_DAYS]; /* stages; -1: run the code */
};

/* the last day PostgreSQL's date knows: nothing changes after it */
#define CRM_LAST_DAY 2145031948

/* later of the last order and the last visit */
static inline CrmDay
crm_facts_last_active(const CrmFacts *facts)
{
	/* CRM_NO_DAY is the smallest of all days */
	return facts->last_order > facts->last_visit ? facts->last_order
												 : facts->last_visit;
}

static inline CrmDay
crm_facts_day_at(const CrmFacts *facts, int32_t offset)
{
	return *(const CrmDay *) ((const char *) facts + offset);
}

/* the day a clock counts from */
extern CrmDay crm_clock_start(const CrmFacts *facts, CrmFact clock);
/* where it stands in the facts; -1 for days_since_active */
extern int32_t crm_clock_offset(CrmFact clock);
/* false when the customer lacks it */
extern bool
crm_fact_number(const CrmFacts *facts, CrmFact fact, CrmMoney *number);

/* a window's fact as of a day */
extern bool crm_window_number(const CrmFacts *facts, CrmFact fact, int64_t days,
							  CrmDay as_of, CrmMoney *number);
/* index of the last facts known up to a day, -1 if there are none */
extern int crm_timeline_find(const CrmTimeline *timeline, int64_t day);

static inline const CrmFacts *
crm_timeline_at(const CrmTimeline *timeline, int index)
{
	return (const CrmFacts *) ((const char *) timeline->first +
							   (size_t) index * timeline->stride);
}

/* NaN when the number does not come out close */
extern double crm_money_double(CrmMoney money);

/* what stops an evaluation */
typedef struct CrmFault
{
	CrmError	code;
	const char *message;
} CrmFault;

/* PostgreSQL's int4 (narrow) and int8 arithmetic; NULL: no fault */
extern const CrmFault *crm_int_operation(CrmNodeKind kind, bool narrow,
										 int64_t a, int64_t b, int64_t *result);

typedef struct CrmDays
{
	CrmDay *days;
	int		count;
	int		space;
	CrmDay	inline_days[32];
} CrmDays;

/*
 * The stage, or -1 and the fault that stopped the evaluation.
 */
extern int crm_model_run(const CrmModel *model, const CrmFacts *facts,
						 CrmDay as_of, const CrmFault **fault);

/* list the flips of the tests in the code, which is complete */
extern void crm_model_list_flips(CrmModel *model);

/* all days after `after` and up to `last` on which a comparison may flip */
extern void crm_model_flips(const CrmModel *model, const CrmFacts *facts,
							CrmDay after, CrmDay last, CrmDays *days);

#endif /* CRM_MODEL_INTERNAL_H */
