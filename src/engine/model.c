/*
 * model.c
 *		Evaluating a compiled model, and when its result changes.
 *
 * crm_model_run walks the code of model_internal.h once, forward.  The stage
 * of a customer whose facts stay is a step function of the day:
 *
 *		aftersale |        active         |  silent  |  sleeping
 *		----------+-----------------------+----------+-------------> day
 *		          f1        f2            f3         f4
 *
 * crm_model_flips gives every f on which a comparison may flip (f2: one that
 * makes no difference); between two of them the stage is constant, so it is
 * enough to evaluate there.
 *
 * Invariant: a day on which the evaluation raises an error has no stage and
 * is passed over by crm_model_next and crm_model_since; as_of itself raises.
 */
#include "engine/model_internal.h"

#include <math.h>
#include <stddef.h>
#include <string.h>

/* ---- facts ---- */

static const char *const fact_names[CRM_FACT_COUNT] = {
	[CRM_FACT_ORDERS] = "orders",
	[CRM_FACT_ORDER_DAYS] = "order_days",
	[CRM_FACT_REVENUE] = "revenue",
	[CRM_FACT_AVERAGE_ORDER] = "average_order",
	[CRM_FACT_DAYS_SINCE_ORDER] = "days_since_order",
	[CRM_FACT_DAYS_SINCE_FIRST_ORDER] = "days_since_first_order",
	[CRM_FACT_DAYS_SINCE_VISIT] = "days_since_visit",
	[CRM_FACT_DAYS_SINCE_ACTIVE] = "days_since_active",
	[CRM_FACT_DAYS_SINCE_REGISTERED] = "days_since_registered",
	[CRM_FACT_ORDERS_IN] = "orders_in",
	[CRM_FACT_REVENUE_IN] = "revenue_in",
	[CRM_FACT_VISITS_IN] = "visits_in"};

const char *
crm_fact_name(CrmFact fact)
{
	return fact_names[fact];
}

bool
crm_fact_from_name(const char *name, CrmFact *fact)
{
	for (int i = 0; i < CRM_FACT_COUNT; i++)
		if (strcmp(fact_names[i], name) == 0)
		{
			*fact = (CrmFact) i;
			return true;
		}
	return false;
}

static const int32_t clock_offset[CRM_FACT_COUNT] = {
	[CRM_FACT_DAYS_SINCE_ORDER] = offsetof(CrmFacts, last_order),
	[CRM_FACT_DAYS_SINCE_FIRST_ORDER] = offsetof(CrmFacts, first_order),
	[CRM_FACT_DAYS_SINCE_VISIT] = offsetof(CrmFacts, last_visit),
	[CRM_FACT_DAYS_SINCE_ACTIVE] = -1,
	[CRM_FACT_DAYS_SINCE_REGISTERED] = offsetof(CrmFacts, registered)};

int32_t
crm_clock_offset(CrmFact clock)
{
	return clock_offset[clock];
}

CrmDay
crm_clock_start(const CrmFacts *facts, CrmFact clock)
{
	if (clock == CRM_FACT_DAYS_SINCE_ACTIVE)
		return crm_facts_last_active(facts);
	return crm_facts_day_at(facts, clock_offset[clock]);
}

bool
crm_fact_number(const CrmFacts *facts, CrmFact fact, CrmMoney *number)
{
	switch (fact)
	{
		case CRM_FACT_ORDERS:
			*number = crm_money_from_int64(facts->orders);
			return true;
		case CRM_FACT_ORDER_DAYS:
			*number = crm_money_from_int64(facts->order_days);
			return facts->order_days_known;
		case CRM_FACT_REVENUE:
			*number = facts->revenue;
			return facts->revenue_known;
		default:
			if (!facts->revenue_known || facts->orders == 0)
				return false;
			*number = crm_money_div(facts->revenue,
									crm_money_from_int64(facts->orders));
			return true;
	}
}

/* ---- windows ---- */

int
crm_timeline_find(const CrmTimeline *timeline, int64_t day)
{
	int low = 0;
	int high = timeline->count;

	while (low < high)
	{
		int middle = low + (high - low) / 2;

		if (crm_timeline_at(timeline, middle)->known_on <= day)
			low = middle + 1;
		else
			high = middle;
	}
	return low - 1;
}

/* what was known at the end of a day, NULL before anything was */
static const CrmFacts *
facts_before(const CrmFacts *facts, int64_t day)
{
	int index;

	if (day >= facts->known_on)
		return facts;
	index = crm_timeline_find(facts->timeline, day);
	return index < 0 ? NULL : crm_timeline_at(facts->timeline, index);
}

/*
 * What came to be known after the day, less what concerns an order of the days
 * before: it lies in no window that begins after its own day.
 */
int64_t
crm_facts_orders_after(const CrmFacts *facts, int64_t after)
{
	const CrmTimeline *timeline = facts->timeline;
	const CrmFacts	  *before = facts_before(facts, after);
	int64_t			   count = facts->orders - (before ? before->orders : 0);

	for (int i = 0; i < timeline->late_count; i++)
	{
		const CrmLateOrder *late = &timeline->late[i];

		if (late->own <= after && late->known_on > after &&
			late->known_on <= facts->known_on)
			count -= late->sign;
	}
	return count;
}

CrmMoney
crm_facts_revenue_after(const CrmFacts *facts, int64_t after)
{
	const CrmFacts *before = facts_before(facts, after);

	if (before == NULL)
		return facts->revenue;
	return crm_money_sub(facts->revenue, before->revenue);
}

int64_t
crm_facts_visits_after(const CrmFacts *facts, int64_t after)
{
	const CrmFacts *before = facts_before(facts, after);

	return facts->visits - (before ? before->visits : 0);
}

bool
crm_window_number(const CrmFacts *facts, CrmFact fact, int64_t days,
				  CrmDay as_of, CrmMoney *number)
{
	int64_t after = as_of - days;

	if (facts->timeline == NULL)
		return false;
	if (fact == CRM_FACT_REVENUE_IN)
		*number = crm_facts_revenue_after(facts, after);
	else
		*number = crm_money_from_int64(
			fact == CRM_FACT_ORDERS_IN ? crm_facts_orders_after(facts, after)
									   : crm_facts_visits_after(facts, after));
	return true;
}

bool
crm_facts_number(const CrmFacts *facts, CrmFact fact, int64_t days,
				 CrmDay as_of, CrmMoney *number)
{
	CrmDay start;

	if (crm_fact_is_window(fact))
		return crm_window_number(facts, fact, days, as_of, number);
	if (fact < CRM_FACT_DAYS_SINCE_ORDER)
		return crm_fact_number(facts, fact, number);
	start = crm_clock_start(facts, fact);
	*number = crm_money_from_int64((int64_t) as_of - start);
	return start != CRM_NO_DAY;
}

static void
load_window(const CrmFacts *facts, const CrmInstruction *code, CrmDay as_of,
			CrmSlot *to)
{
	to->null = !crm_window_number(facts, (CrmFact) code->a, code->value, as_of,
								  &to->number);
	if (!to->null && code->a != CRM_FACT_REVENUE_IN)
		to->value = (int64_t) to->number.mantissa;
}

static void
load_fact(const CrmFacts *facts, CrmFact fact, CrmDay as_of, CrmSlot *to)
{
	CrmDay start;

	switch (fact)
	{
		case CRM_FACT_ORDERS:
			to->value = facts->orders;
			to->null = false;
			return;
		case CRM_FACT_ORDER_DAYS:
			to->value = facts->order_days;
			to->null = !facts->order_days_known;
			return;
		case CRM_FACT_REVENUE:
		case CRM_FACT_AVERAGE_ORDER:
			to->null = !crm_fact_number(facts, fact, &to->number);
			return;
		default:
			start = crm_clock_start(facts, fact);
			to->null = start == CRM_NO_DAY;
			to->value = (int64_t) as_of - start;
	}
}

/* ---- comparisons ---- */

static inline int
order_of(int64_t a, int64_t b)
{
	return a < b ? CRM_LESS : a == b ? CRM_EQUAL : CRM_GREATER;
}

static inline int
order_of_sign(int sign)
{
	return order_of(sign, 0);
}

static inline int
order_of_clock(CrmDay start, CrmDay as_of, int64_t value)
{
	if (start == CRM_NO_DAY)
		return CRM_UNKNOWN;
	return order_of((int64_t) as_of - start, value);
}

static inline int
order_of_slot(const CrmSlot *slot, int64_t value)
{
	return slot->null ? CRM_UNKNOWN : order_of(slot->value, value);
}

static inline int
order_of_slots(const CrmSlot *a, const CrmSlot *b)
{
	return a->null || b->null ? CRM_UNKNOWN : order_of(a->value, b->value);
}

static int
order_of_numbers(const CrmSlot *a, const CrmSlot *b)
{
	if (a->null || b->null)
		return CRM_UNKNOWN;
	return order_of_sign(crm_money_cmp(a->number, b->number));
}

static int
order_of_revenue(const CrmFacts *facts, const CrmSlot *b)
{
	if (!facts->revenue_known || b->null)
		return CRM_UNKNOWN;
	return order_of_sign(crm_money_cmp(facts->revenue, b->number));
}

double
crm_money_double(CrmMoney money)
{
	static const double power[] = {
		1e0,  1e1,	1e2,  1e3,	1e4,  1e5,	1e6,  1e7,	1e8,  1e9,	1e10, 1e11,
		1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};

	if (money.wide != NULL || money.scale > 22)
		return NAN;
	if (money.mantissa >= INT64_MIN && money.mantissa <= INT64_MAX)
		return (double) (int64_t) money.mantissa / power[money.scale];
	return (double) money.mantissa / power[money.scale];
}

/*
 * The average is the quotient rounded to 16 or more significant digits, and a
 * division of decimals is slow; double tells the order of all but the averages
 * that agree with the number in 9 digits.
 */
static int
order_of_average(const CrmFacts *facts, const CrmSlot *b, double number)
{
	double	 revenue;
	double	 product;
	double	 difference;
	CrmMoney average;

	if (!facts->revenue_known || facts->orders == 0)
		return CRM_UNKNOWN;
	revenue = crm_money_double(facts->revenue);
	product = number * (double) facts->orders;
	difference = revenue - product;
	if (facts->orders > 0 &&
		fabs(difference) > 1e-9 * (fabs(revenue) + fabs(product)))
		return difference < 0 ? CRM_LESS : CRM_GREATER;
	crm_fact_number(facts, CRM_FACT_AVERAGE_ORDER, &average);
	return order_of_sign(crm_money_cmp(average, b->number));
}

/* where a ladder leads to; an unknown clock passes all of its branches */
static inline const CrmInstruction *
climb(const CrmModel *model, const CrmInstruction *code, const CrmFacts *facts,
	  CrmDay as_of)
{
	const CrmLadder *ladder = &model->ladders[code->b];
	CrmDay			 start = crm_facts_day_at(facts, code->a);
	int64_t			 clock = (int64_t) as_of - start;
	int				 reached = 0;

	for (int i = 0; i < ladder->count; i++)
		reached += clock >= ladder->bounds[i];
	if (start == CRM_NO_DAY)
		reached = ladder->count;
	return model->code + ladder->targets[reached];
}

/* ---- values ---- */

static const CrmFault int4_range = {CRM_ERROR_RANGE, "integer out of range"};
static const CrmFault int8_range = {CRM_ERROR_RANGE, "bigint out of range"};
static const CrmFault by_zero = {CRM_ERROR_DIVISION, "division by zero"};

const CrmFault *
crm_int_operation(CrmNodeKind kind, bool narrow, int64_t a, int64_t b,
				  int64_t *result)
{
	bool over = false;

	switch (kind)
	{
		case CRM_NODE_ADD:
			over = __builtin_add_overflow(a, b, result);
			break;
		case CRM_NODE_SUB:
			over = __builtin_sub_overflow(a, b, result);
			break;
		case CRM_NODE_MUL:
			over = __builtin_mul_overflow(a, b, result);
			break;
		case CRM_NODE_NEG:
			over = __builtin_sub_overflow((int64_t) 0, a, result);
			break;
		default:
			if (b == 0)
				return &by_zero;
			if (b == -1)
				over = __builtin_sub_overflow((int64_t) 0, a, result);
			else
				*result = a / b;
	}
	if (narrow && (over || *result != (int32_t) *result))
		return &int4_range;
	return over ? &int8_range : NULL;
}

static const CrmFault *
compute_int(const CrmInstruction *code, CrmSlot *slots)
{
	static const uint8_t kind[] = {[OP_ADD_INT] = CRM_NODE_ADD,
								   [OP_SUB_INT] = CRM_NODE_SUB,
								   [OP_MUL_INT] = CRM_NODE_MUL,
								   [OP_DIV_INT] = CRM_NODE_DIV,
								   [OP_NEG_INT] = CRM_NODE_NEG};
	const CrmSlot		*a = &slots[code->a];
	const CrmSlot		*b = code->op == OP_NEG_INT ? a : &slots[code->b];
	CrmSlot				*to = &slots[code->to];

	to->null = a->null || b->null;
	if (to->null)
		return NULL;
	return crm_int_operation((CrmNodeKind) kind[code->op], code->narrow,
							 a->value, b->value, &to->value);
}

static const CrmFault *
compute_number(const CrmInstruction *code, CrmSlot *slots)
{
	const CrmSlot *a = &slots[code->a];
	const CrmSlot *b = code->op == OP_NEG_NUMBER ? a : &slots[code->b];
	CrmSlot		  *to = &slots[code->to];

	to->null = a->null || b->null;
	if (to->null)
		return NULL;
	switch (code->op)
	{
		case OP_ADD_NUMBER:
			to->number = crm_money_add(a->number, b->number);
			break;
		case OP_SUB_NUMBER:
			to->number = crm_money_sub(a->number, b->number);
			break;
		case OP_MUL_NUMBER:
			to->number = crm_money_mul(a->number, b->number);
			break;
		case OP_NEG_NUMBER:
			to->number = crm_money_neg(a->number);
			break;
		default:
			if (crm_money_sign(b->number) == 0)
				return &by_zero;
			to->number = crm_money_div(a->number, b->number);
	}
	return NULL;
}

static void
set_truth(CrmSlot *to, int order, int orders)
{
	to->null = order == CRM_UNKNOWN;
	to->value = (order & orders) != 0;
}

/* fold a into to: `decides` is the value that settles it, known or not */
static void
fold_logic(CrmSlot *to, const CrmSlot *a, int decides)
{
	if (!a->null && a->value == decides)
	{
		to->null = false;
		to->value = decides;
	}
	else
		to->null |= a->null;
}

/* everything that is no test; the fault that stopped it */
static const CrmFault *
compute(const CrmInstruction *code, CrmSlot *slots, const CrmFacts *facts,
		CrmDay as_of)
{
	const CrmSlot *a = &slots[code->a];
	CrmSlot		  *to = &slots[code->to];

	switch ((CrmOp) code->op)
	{
		case OP_LOAD_FACT:
			load_fact(facts, (CrmFact) code->a, as_of, to);
			return NULL;
		case OP_LOAD_WINDOW:
			load_window(facts, code, as_of, to);
			return NULL;
		case OP_MOVE:
			*to = *a;
			return NULL;
		case OP_SET_NULL:
			to->null = true;
			return NULL;
		case OP_SET_VALUE:
			to->null = false;
			to->value = code->value;
			return NULL;
		case OP_TO_NUMBER:
			to->null = a->null;
			to->number = crm_money_from_int64(a->value);
			return NULL;
		case OP_COMPARE_INT:
			set_truth(to, order_of_slots(a, &slots[code->b]), code->on);
			return NULL;
		case OP_COMPARE_NUMBER:
			set_truth(to, order_of_numbers(a, &slots[code->b]), code->on);
			return NULL;
		case OP_NOT:
			to->null = a->null;
			to->value = !a->value;
			return NULL;
		case OP_IS_NULL:
			to->null = false;
			to->value = a->null;
			return NULL;
		case OP_AND:
			fold_logic(to, a, false);
			return NULL;
		case OP_OR:
			fold_logic(to, a, true);
			return NULL;
		case OP_ADD_INT:
		case OP_SUB_INT:
		case OP_MUL_INT:
		case OP_DIV_INT:
		case OP_NEG_INT:
			return compute_int(code, slots);
		default:
			return compute_number(code, slots);
	}
}

/* not inlined: the short way past it needs few registers */
static __attribute__((noinline)) int
walk(const CrmModel *model, const CrmInstruction *code, const CrmFacts *facts,
	 CrmDay as_of, const CrmFault **fault)
{
	const CrmInstruction *start = model->code;
	CrmSlot				 *slots = model->slots;
	int					  order;

	for (;;)
	{
		switch ((CrmOp) code->op)
		{
			case OP_STAGE:
				return code->a;
			case OP_JUMP:
				code = start + code->jump;
				continue;
			case OP_LADDER:
				code = climb(model, code, facts, as_of);
				continue;
			case OP_TEST_CLOCK:
				order = order_of_clock(crm_facts_day_at(facts, code->a), as_of,
									   code->value);
				break;
			case OP_TEST_ACTIVE:
				order = order_of_clock(crm_facts_last_active(facts), as_of,
									   code->value);
				break;
			case OP_TEST_ORDERS:
				order = order_of(facts->orders, code->value);
				break;
			case OP_TEST_ORDER_DAYS:
				order = facts->order_days_known
							? order_of(facts->order_days, code->value)
							: CRM_UNKNOWN;
				break;
			case OP_TEST_REVENUE:
				order = order_of_revenue(facts, &slots[code->b]);
				break;
			case OP_TEST_AVERAGE:
				order = order_of_average(facts, &slots[code->b], code->real);
				break;
			case OP_TEST_VALUE:
				order = order_of_slot(&slots[code->a], code->value);
				break;
			case OP_TEST_INT:
				order = order_of_slots(&slots[code->a], &slots[code->b]);
				break;
			case OP_TEST_NUMBER:
				order = order_of_numbers(&slots[code->a], &slots[code->b]);
				break;
			case OP_TEST_NULL:
				order = slots[code->a].null ? CRM_UNKNOWN : CRM_EQUAL;
				break;
			case OP_TEST_BOOL:
				order = order_of_slot(&slots[code->a], 1);
				break;
			default:
				*fault = compute(code, slots, facts, as_of);
				if (*fault != NULL)
					return -1;
				code++;
				continue;
		}
		code = code->on & order ? start + code->jump : code + 1;
	}
}

/* one look-up instead of a run; -1: it does not tell */
static inline int
look_up(const CrmModel *model, const CrmFacts *facts, CrmDay as_of)
{
	CrmDay	start;
	int64_t clock;

	if (model->tabled_clock < 0)
		return -1;
	start = crm_facts_day_at(facts, model->tabled_clock);
	clock = (int64_t) as_of - start;
	if (start == CRM_NO_DAY || clock < 0)
		return -1;
	return model->tabled[clock < CRM_TABLED_DAYS ? clock : CRM_TABLED_DAYS - 1];
}

const int8_t *
crm_model_by_last_order(const CrmModel *model)
{
	return model->tabled_clock == offsetof(CrmFacts, last_order) ? model->tabled
																 : NULL;
}

int
crm_model_run(const CrmModel *model, const CrmFacts *facts, CrmDay as_of,
			  const CrmFault **fault)
{
	int stage = look_up(model, facts, as_of);

	return stage >= 0 ? stage : walk(model, model->code, facts, as_of, fault);
}

/* ---- the interface ---- */

int
crm_model_stage_count(const CrmModel *model)
{
	return model->stage_count;
}

const char *
crm_model_stage_name(const CrmModel *model, int stage)
{
	return model->stages[stage];
}

unsigned
crm_model_facts(const CrmModel *model)
{
	return model->facts;
}

int64_t
crm_model_window(const CrmModel *model)
{
	int64_t days = 0;

	for (int i = 0; i < model->window_count; i++)
		if (model->windows[i].days > days)
			days = model->windows[i].days;
	return days;
}

int
crm_model_evaluate(const CrmModel *model, const CrmFacts *facts, CrmDay as_of)
{
	const CrmFault *fault = NULL;
	int				stage = crm_model_run(model, facts, as_of, &fault);

	if (stage < 0)
		crm_fail(fault->code, fault->message, NULL, NULL);
	return stage;
}

int
crm_model_try(const CrmModel *model, const CrmFacts *facts, CrmDay as_of)
{
	const CrmFault *fault;

	return crm_model_run(model, facts, as_of, &fault);
}

static void
free_days(CrmDays *days)
{
	if (days->days != days->inline_days)
		crm_free(days->days);
}

bool
crm_model_next(const CrmModel *model, const CrmFacts *facts, CrmDay as_of,
			   CrmDay *changes_on, int *next_stage)
{
	int		now = crm_model_evaluate(model, facts, as_of);
	bool	found = false;
	CrmDays flips;

	crm_model_flips(model, facts, as_of, CRM_LAST_DAY, &flips);
	for (int i = 0; i < flips.count && !found; i++)
	{
		int stage;

		if (i > 0 && flips.days[i] == flips.days[i - 1])
			continue;
		stage = crm_model_try(model, facts, flips.days[i]);
		found = stage >= 0 && stage != now;
		if (found)
		{
			*changes_on = flips.days[i];
			*next_stage = stage;
		}
	}
	free_days(&flips);
	return found;
}

static int
until(const CrmModel *model, const CrmFacts *facts, CrmDay as_of, CrmDay last,
	  CrmScheduleCallback callback, void *context)
{
	int		now = crm_model_evaluate(model, facts, as_of);
	CrmDays flips;

	crm_model_flips(model, facts, as_of, last, &flips);
	for (int i = 0; i < flips.count; i++)
	{
		int stage;

		if (i > 0 && flips.days[i] == flips.days[i - 1])
			continue;
		stage = crm_model_try(model, facts, flips.days[i]);
		if (stage < 0 || stage == now)
			continue;
		callback(context, flips.days[i], now, stage);
		now = stage;
	}
	free_days(&flips);
	return now;
}

/* the same by the timetable of a clock that runs since `start` */
static int
read_timetable(const CrmModel *model, CrmDay start, CrmDay as_of, CrmDay last,
			   CrmScheduleCallback callback, void *context)
{
	const CrmClockFlip *flips = model->flips;
	int64_t				clock = (int64_t) as_of - start;
	int					i = 0;
	int					now;

	while (i < model->flip_count && flips[i].days <= clock)
		i++;
	now = model->timetable[i];
	for (; i < model->flip_count && start + flips[i].days <= last; i++)
	{
		int stage = model->timetable[i + 1];

		if (stage == now)
			continue;
		callback(context, (CrmDay) (start + flips[i].days), now, stage);
		now = stage;
	}
	return now;
}

int
crm_model_until(const CrmModel *model, const CrmFacts *facts, CrmDay as_of,
				CrmDay last, CrmScheduleCallback callback, void *context)
{
	if (model->timetable)
	{
		CrmDay start = crm_facts_day_at(facts, model->flips[0].clock);

		if (start != CRM_NO_DAY)
			return read_timetable(model, start, as_of, last, callback, context);
	}
	return until(model, facts, as_of, last, callback, context);
}

void
crm_model_schedule(const CrmModel *model, const CrmFacts *facts, CrmDay as_of,
				   CrmScheduleCallback callback, void *context)
{
	(void) crm_model_until(model, facts, as_of, CRM_LAST_DAY, callback,
						   context);
}

bool
crm_model_since(const CrmModel *model, const CrmFacts *facts, CrmDay as_of,
				CrmDay floor, CrmDay *since, int *previous)
{
	int		now = crm_model_evaluate(model, facts, as_of);
	CrmDay	resumed = CRM_NO_DAY; /* first day after errors */
	bool	found = false;
	CrmDays flips;

	*since = floor;
	crm_model_flips(model, facts, floor, as_of, &flips);
	for (int i = flips.count - 1; i >= 0 && !found; i--)
	{
		CrmDay day = flips.days[i];
		int	   stage;

		if (i + 1 < flips.count && day == flips.days[i + 1])
			continue;
		stage = crm_model_try(model, facts, day - 1);
		found = stage >= 0 && stage != now;
		if (found)
		{
			*since = resumed == CRM_NO_DAY ? day : resumed;
			*previous = stage;
		}
		else if (stage == now)
			resumed = CRM_NO_DAY;
		else if (resumed == CRM_NO_DAY)
			resumed = day;
	}
	free_days(&flips);
	return found;
}
