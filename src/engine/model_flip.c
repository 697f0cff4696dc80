/*
 * model_flip.c
 *		The days on which a comparison with a clock may flip.
 *
 * Three kinds, by what the comparison looks like:
 *
 *		a window					event + its days, for each event
 *		clock against an integer	a test in the code; the day is start + value
 *		a * clock + b on a side		an atom; exact slope and level give the day
 *									on which both sides meet
 *		... divided by something	an atom; its sides' order changes twice at
 *									most (below, equal, above), so the days are
 *									found by bisection, as they are where
 *									128 bits are too few for the quotient
 *
 * An atom that reads clocks and windows is worked out for each stretch between
 * two days on which an event leaves a window, with what the windows hold there.
 *
 * Atoms are worked out with exact numbers, free of int4's and int8's bounds:
 * where the model itself would overflow it raises an error, and such a day has
 * no stage.  A nested CASE is taken as each of its results in turn.
 *
 * Invariant: on a day that is not given, every comparison comes out as on the
 * day before.  A day too many costs one evaluation and changes nothing.
 */
#include "engine/model_internal.h"

#include <stdlib.h>
#include <string.h>

/* ---- the list of days ---- */

typedef struct Search
{
	const CrmFacts *facts;
	CrmDay			after; /* days lie after this one */
	CrmDay			last;  /* and up to this one */
	CrmDays		   *days;
} Search;

static void
add_day(Search *search, int64_t day)
{
	CrmDays *days = search->days;

	if (day <= search->after || day > search->last)
		return;
	if (days->count == days->space)
	{
		CrmDay *old = days->days;

		days->space *= 2;
		if (old == days->inline_days)
		{
			days->days = crm_alloc(days->space * sizeof(CrmDay));
			memcpy(days->days, old, days->count * sizeof(CrmDay));
		}
		else
			days->days = crm_realloc(old, days->space * sizeof(CrmDay));
	}
	days->days[days->count++] = (CrmDay) day;
}

static int
compare_days(const void *a, const void *b)
{
	CrmDay x = *(const CrmDay *) a;
	CrmDay y = *(const CrmDay *) b;

	return (x > y) - (x < y);
}

static void
sort_days(CrmDays *days)
{
	if (days->count > 16)
	{
		qsort(days->days, days->count, sizeof(CrmDay), compare_days);
		return;
	}
	for (int i = 1; i < days->count; i++)
	{
		CrmDay day = days->days[i];
		int	   j = i;

		for (; j > 0 && days->days[j - 1] > day; j--)
			days->days[j] = days->days[j - 1];
		days->days[j] = day;
	}
}

/* ---- tests of a clock ---- */

static int
compare_flips(const void *a, const void *b)
{
	const CrmClockFlip *x = a;
	const CrmClockFlip *y = b;

	if (x->clock != y->clock)
		return x->clock < y->clock ? -1 : 1;
	return (x->days > y->days) - (x->days < y->days);
}

static void
list_flip(CrmModel *model, const CrmInstruction *test, int64_t days)
{
	CrmClockFlip *flip = &model->flips[model->flip_count++];

	flip->clock = test->op == OP_TEST_ACTIVE ? -1 : test->a;
	flip->days = days;
}

static void
list_test(CrmModel *model, const CrmInstruction *test)
{
	bool less = (test->on & CRM_LESS) != 0;
	bool equal = (test->on & CRM_EQUAL) != 0;
	bool greater = (test->on & CRM_GREATER) != 0;
	/* far enough outside either way, and it can't overflow */
	int64_t value = test->value > INT64_MAX / 2	  ? INT64_MAX / 2
					: test->value < INT64_MIN / 2 ? INT64_MIN / 2
												  : test->value;

	if (less != equal)
		list_flip(model, test, value);
	if (equal != greater)
		list_flip(model, test, value + 1);
}

/* the clock that all of the code is about; false: it is about more */
static bool
only_clock(const CrmModel *model, int32_t *clock)
{
	bool found = false;

	for (int i = 0; i < model->code_count; i++)
	{
		const CrmInstruction *code = &model->code[i];

		if (code->op == OP_STAGE || code->op == OP_JUMP)
			continue;
		if (code->op != OP_TEST_CLOCK && code->op != OP_LADDER)
			return false;
		if (found && code->a != *clock)
			return false;
		*clock = code->a;
		found = true;
	}
	return found;
}

/* further away than any day from any other */
#define FAR (1 << 30)

static void
set_timetable(CrmModel *model)
{
	CrmFacts		facts = {0};
	const CrmFault *fault;
	int32_t			clock;

	model->timetable = NULL;
	if (!only_clock(model, &clock) || model->flip_count == 0)
		return;
	model->timetable =
		crm_alloc(sizeof(int) * (size_t) (model->flip_count + 1));
	for (int i = 0; i <= model->flip_count; i++)
	{
		int64_t days =
			i == 0 ? model->flips[0].days - 1 : model->flips[i - 1].days;

		if (days > FAR)
			days = FAR;
		if (days < -FAR)
			days = -FAR;
		model->timetable[i] =
			crm_model_run(model, &facts, (CrmDay) days, &fault);
	}
}

void
crm_model_list_flips(CrmModel *model)
{
	int kept = 0;

	model->flips =
		crm_alloc(sizeof(CrmClockFlip) * 2 * (size_t) (model->code_count + 1));
	model->flip_count = 0;
	for (int i = 0; i < model->code_count; i++)
		if (model->code[i].op == OP_TEST_CLOCK ||
			model->code[i].op == OP_TEST_ACTIVE)
			list_test(model, &model->code[i]);
	qsort(model->flips, (size_t) model->flip_count, sizeof(CrmClockFlip),
		  compare_flips);
	for (int i = 0; i < model->flip_count; i++)
		if (kept == 0 ||
			compare_flips(&model->flips[kept - 1], &model->flips[i]) != 0)
			model->flips[kept++] = model->flips[i];
	model->flip_count = kept;
	set_timetable(model);
}

/* they ascend, so those of a clock end with the first that comes too late */
static void
clock_flips(Search *search, const CrmModel *model)
{
	int i = 0;

	while (i < model->flip_count)
	{
		int32_t clock = model->flips[i].clock;
		CrmDay	start = clock < 0 ? crm_facts_last_active(search->facts)
								  : crm_facts_day_at(search->facts, clock);
		bool	over = start == CRM_NO_DAY;

		for (; i < model->flip_count && model->flips[i].clock == clock; i++)
		{
			over = over || start + model->flips[i].days > search->last;
			if (!over)
				add_day(search, start + model->flips[i].days);
		}
	}
}

/* ---- forms: slope * day + level ---- */

typedef struct Form
{
	CrmMoney slope;
	CrmMoney level;
} Form;

/* what to work out: one alternative, as a form or for one day */
typedef struct Context
{
	const CrmFacts *facts;
	CrmDay			window_day; /* what windows hold is that of this day */
	bool			on_day;
	CrmDay			day;
} Context;

static bool form_of(const Context *context, const CrmNode *node,
					int alternative, Form *form);

static bool
form_of_fact(const Context *context, const CrmNode *node, Form *form)
{
	CrmDay start;

	form->slope = crm_money_from_int64(0);
	if (crm_fact_is_window(node->fact))
		return crm_window_number(context->facts, node->fact, node->value,
								 context->window_day, &form->level);
	if (node->clock == CRM_CLOCK_NONE)
		return crm_fact_number(context->facts, node->fact, &form->level);
	start = crm_clock_start(context->facts, node->fact);
	if (start == CRM_NO_DAY)
		return false;
	if (context->on_day)
		form->level = crm_money_from_int64((int64_t) context->day - start);
	else
	{
		form->slope = crm_money_from_int64(1);
		form->level = crm_money_from_int64(-(int64_t) start);
	}
	return true;
}

/* the results of a CASE come one after the other */
static bool
form_of_case(const Context *context, const CrmNode *node, int alternative,
			 Form *form)
{
	for (int i = 0; i < node->count; i++)
	{
		const CrmNode *result = node->args[i];

		if (i % 2 == 0 && !(node->has_else && i == node->count - 1))
			continue;
		if (alternative < result->alternatives)
			return form_of(context, result, alternative, form);
		alternative -= result->alternatives;
	}
	return false;
}

static bool
divide(CrmType type, const Form *left, const Form *right, CrmMoney *quotient)
{
	if (crm_money_sign(right->level) == 0)
		return false;
	if (type == CRM_TYPE_NUMERIC)
	{
		*quotient = crm_money_div(left->level, right->level);
		return true;
	}
	/* beyond 128 bits a bigint has overflowed long since */
	if (left->level.wide != NULL || right->level.wide != NULL ||
		right->level.mantissa == -1)
	{
		*quotient = crm_money_neg(left->level);
		return left->level.wide == NULL && right->level.wide == NULL;
	}
	*quotient =
		crm_money_from_parts(left->level.mantissa / right->level.mantissa, 0);
	return true;
}

static bool
form_of_binary(const Context *context, const CrmNode *node, int alternative,
			   Form *form)
{
	int	 choices = node->args[0]->alternatives;
	Form left;
	Form right;

	if (!form_of(context, node->args[0], alternative % choices, &left) ||
		!form_of(context, node->args[1], alternative / choices, &right))
		return false;
	switch (node->kind)
	{
		case CRM_NODE_ADD:
			form->slope = crm_money_add(left.slope, right.slope);
			form->level = crm_money_add(left.level, right.level);
			return true;
		case CRM_NODE_SUB:
			form->slope = crm_money_sub(left.slope, right.slope);
			form->level = crm_money_sub(left.level, right.level);
			return true;
		case CRM_NODE_MUL:
			/* one of the slopes is zero */
			form->slope = crm_money_add(crm_money_mul(left.slope, right.level),
										crm_money_mul(right.slope, left.level));
			form->level = crm_money_mul(left.level, right.level);
			return true;
		default:
			form->slope = crm_money_from_int64(0);
			return divide(node->type, &left, &right, &form->level);
	}
}

/* false: unknown, or an error */
static bool
form_of(const Context *context, const CrmNode *node, int alternative,
		Form *form)
{
	switch (node->kind)
	{
		case CRM_NODE_FACT:
			return form_of_fact(context, node, form);
		case CRM_NODE_CONST:
			form->slope = crm_money_from_int64(0);
			form->level = node->number;
			return true;
		case CRM_NODE_ADD:
		case CRM_NODE_SUB:
		case CRM_NODE_MUL:
		case CRM_NODE_DIV:
			return form_of_binary(context, node, alternative, form);
		case CRM_NODE_NEG:
			if (!form_of(context, node->args[0], alternative, form))
				return false;
			form->slope = crm_money_neg(form->slope);
			form->level = crm_money_neg(form->level);
			return true;
		case CRM_NODE_OPERAND:
			return form_of(context, node->args[0], alternative, form);
		case CRM_NODE_CASE:
			return form_of_case(context, node, alternative, form);
		default:
			return false;
	}
}

/* ---- atoms by bisection ---- */

/* the order of the sides on a day; CRM_UNKNOWN when there is none */
static int
order_on(const Search *search, const CrmNode *atom, int alternative, CrmDay day)
{
	Context context = {.facts = search->facts,
					   .window_day = search->after,
					   .on_day = true,
					   .day = day};
	int		choices = atom->args[0]->alternatives;
	Form	left;
	Form	right;
	int		sign;

	if (!form_of(&context, atom->args[0], alternative % choices, &left) ||
		!form_of(&context, atom->args[1], alternative / choices, &right))
		return CRM_UNKNOWN;
	sign = crm_money_cmp(left.level, right.level);
	return sign < 0 ? CRM_LESS : sign == 0 ? CRM_EQUAL : CRM_GREATER;
}

/*
 * The order is monotone in the day: find where it leaves what it is on the
 * first day, and again from there, until it is what it is on the last.
 */
static void
bisect_flips(Search *search, const CrmNode *atom, int alternative)
{
	CrmDay from = search->after;
	int	   first = order_on(search, atom, alternative, from);
	int	   last = order_on(search, atom, alternative, search->last);

	while (first != last)
	{
		int64_t low = from;
		int64_t high = search->last;

		while (high - low > 1)
		{
			int64_t middle = low + (high - low) / 2;

			if (order_on(search, atom, alternative, (CrmDay) middle) == first)
				low = middle;
			else
				high = middle;
		}
		add_day(search, high);
		from = (CrmDay) high;
		first = order_on(search, atom, alternative, from);
	}
}

/* ---- linear atoms ---- */

/* floor of a number that is not wide */
static crm_i128
floor_of(CrmMoney number)
{
	crm_i128 value = number.mantissa;
	bool	 fraction = false;

	for (int i = 0; i < number.scale && value != 0; i++)
	{
		fraction |= value % 10 != 0;
		value /= 10;
	}
	if (fraction && number.mantissa < 0)
		value--;
	return value;
}

/*
 * Both sides meet on day r = -level / slope, so the order changes on floor(r)
 * or floor(r) + 1, or both.  The quotient is rounded, to 6 decimals at least:
 * an r just below a whole day may come out as that day.
 */
static void
linear_flips(Search *search, const CrmNode *atom, int alternative)
{
	CrmNode difference = {.kind = CRM_NODE_SUB,
						  .type = CRM_TYPE_NUMERIC,
						  .args = atom->args,
						  .count = 2};
	Context context = {
		.facts = search->facts, .window_day = search->after, .on_day = false};
	Form	 form;
	CrmMoney meet;
	crm_i128 day;

	if (!form_of(&context, &difference, alternative, &form) ||
		crm_money_sign(form.slope) == 0)
		return;
	meet = crm_money_div(crm_money_neg(form.level), form.slope);
	if (meet.wide != NULL)
	{
		bisect_flips(search, atom, alternative);
		return;
	}
	day = floor_of(meet);
	if (day < INT32_MIN || day > INT32_MAX)
		return;
	for (int i = -1; i <= 1; i++)
		add_day(search, (int64_t) day + i);
}

static void
atom_flips(Search *search, const CrmNode *atom)
{
	bool divided = atom->args[0]->clock == CRM_CLOCK_DIVIDED ||
				   atom->args[1]->clock == CRM_CLOCK_DIVIDED;

	for (int i = 0; i < atom->alternatives; i++)
	{
		if (divided)
			bisect_flips(search, atom, i);
		else
			linear_flips(search, atom, i);
	}
}

/* ---- windows ---- */

/* whether an event of that day can have brought something into the window */
static bool
brings(const CrmTimeline *timeline, int index, CrmFact fact)
{
	const CrmFacts *facts = crm_timeline_at(timeline, index);
	const CrmFacts *before;

	if (index == 0)
		return true;
	before = crm_timeline_at(timeline, index - 1);
	switch (fact)
	{
		case CRM_FACT_ORDERS_IN:
			return facts->orders != before->orders;
		case CRM_FACT_VISITS_IN:
			return facts->visits != before->visits;
		default:
			return crm_money_cmp(facts->revenue, before->revenue) != 0;
	}
}

static void
window_flips(Search *search, const CrmWindow *window)
{
	const CrmFacts	  *facts = search->facts;
	const CrmTimeline *timeline = facts->timeline;
	int				   i;

	if (timeline == NULL)
		return;
	i = crm_timeline_find(timeline, search->after - window->days) + 1;
	for (; i < timeline->count; i++)
	{
		CrmDay day = crm_timeline_at(timeline, i)->known_on;

		if (day > facts->known_on || day + window->days > search->last)
			break;
		if (brings(timeline, i, window->fact))
			add_day(search, day + window->days);
	}
	/* what came late leaves with its own day */
	if (window->fact == CRM_FACT_ORDERS_IN)
		for (i = 0; i < timeline->late_count; i++)
			add_day(search, timeline->late[i].own + window->days);
}

/* the atom, for each stretch in which no event leaves a window */
static void
mixed_flips(Search *search, const CrmNode *atom, const CrmDays *edges)
{
	Search stretch = *search;

	for (int i = 0; i <= edges->count; i++)
	{
		if (i < edges->count && edges->days[i] == stretch.after)
			continue;
		stretch.last = i < edges->count ? edges->days[i] - 1 : search->last;
		atom_flips(&stretch, atom);
		stretch.after = stretch.last + 1;
	}
}

static bool
is_mixed(const CrmNode *atom)
{
	return atom->windowed && (atom->args[0]->clock != CRM_CLOCK_NONE ||
							  atom->args[1]->clock != CRM_CLOCK_NONE);
}

static void
init_days(CrmDays *days)
{
	days->days = days->inline_days;
	days->count = 0;
	days->space = (int) (sizeof(days->inline_days) / sizeof(CrmDay));
}

/* the days on which an event leaves a window, and what depends on them */
static void
all_window_flips(Search *search, const CrmModel *model)
{
	CrmDays edges;
	Search	of_edges = *search;

	init_days(&edges);
	of_edges.days = &edges;
	for (int i = 0; i < model->window_count; i++)
		window_flips(&of_edges, &model->windows[i]);
	sort_days(&edges);
	for (int i = 0; i < edges.count; i++)
		add_day(search, edges.days[i]);
	for (int i = 0; i < model->atom_count; i++)
		if (is_mixed(model->atoms[i]))
			mixed_flips(search, model->atoms[i], &edges);
	if (edges.days != edges.inline_days)
		crm_free(edges.days);
}

void
crm_model_flips(const CrmModel *model, const CrmFacts *facts, CrmDay after,
				CrmDay last, CrmDays *days)
{
	Search search = {
		.facts = facts, .after = after, .last = last, .days = days};

	init_days(days);
	clock_flips(&search, model);
	for (int i = 0; i < model->atom_count; i++)
		if (!is_mixed(model->atoms[i]))
			atom_flips(&search, model->atoms[i]);
	if (model->window_count > 0)
		all_window_flips(&search, model);
	sort_days(days);
}
