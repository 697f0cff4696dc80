/*
 * test_standing.c
 *		Where customers stand, and when that is due, against every day of three
 *		years.
 *
 * The oracle works out anew what each day shows: rows up to its end are
 * counted, the model is evaluated as of that day, scores are compared with the
 * cuts one by one.  The first day that shows anything else, or on which a row
 * lies, is the day that is due.
 */
#include "engine/model_tree.h"
#include "engine/standing.h"
#include "random_customer.h"
#include "random_model.h"
#include "tap.h"

#define AHEAD 1096
#define MODELS 10000

/* cuts as the oracle has them: days, orders, cents */
typedef struct Cuts
{
	int64_t recency[4];
	int64_t frequency[4];
	int64_t monetary[4];
	int64_t tier[2]; /* of new customers; of returning ones twice that */
	int		recency_count;
	int		frequency_count;
	int		monetary_count;
	int		tier_count;
	bool	set;
	bool	mean;
	bool	windowed;
	int		months;
	int		days;
} Cuts;

/* what a day shows */
typedef struct Shown
{
	int stage;
	int score;
	int tier;
} Shown;

/* ----- dates by counting ----- */

#define FIRST_YEAR 1980
#define CIVIL_DAYS 12000

typedef struct Civil
{
	int year;
	int month;
	int mday;
} Civil;

static Civil civil[CIVIL_DAYS]; /* the first is of FIRST_YEAR */
static int	 epoch;				/* number of 2000-01-01 among them */

static int
month_length(int year, int month)
{
	static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};

	return days[month - 1] + (month == 2 && year % 4 == 0);
}

static void
count_days(void)
{
	Civil day = {FIRST_YEAR, 1, 1};

	for (int i = 0; i < CIVIL_DAYS; i++)
	{
		civil[i] = day;
		if (day.year == 2000 && day.month == 1 && day.mday == 1)
			epoch = i;
		if (day.mday++ < month_length(day.year, day.month))
			continue;
		day.mday = 1;
		if (day.month++ < 12)
			continue;
		day.month = 1;
		day.year++;
	}
}

/* so many months before, then so many days */
static CrmDay
before(CrmDay day, int months, int days)
{
	Civil at = civil[day + epoch];
	int	  number = day + epoch;

	for (int i = 0; i < months; i++)
		if (--at.month == 0)
		{
			at.month = 12;
			at.year--;
		}
	if (at.mday > month_length(at.year, at.month))
		at.mday = month_length(at.year, at.month);
	while (civil[number].year != at.year || civil[number].month != at.month ||
		   civil[number].mday != at.mday)
		number--;
	return number - epoch - days;
}

/* ----- random cuts ----- */

static int
random_cuts(int64_t *cuts, int64_t low, int64_t high)
{
	int count = (int) random_between(0, 4);

	for (int i = 0; i < count; i++)
	{
		cuts[i] = random_between(low, high);
		for (int j = i; j > 0 && cuts[j] < cuts[j - 1]; j--)
		{
			int64_t cut = cuts[j];

			cuts[j] = cuts[j - 1];
			cuts[j - 1] = cut;
		}
	}
	return count;
}

static Cuts
random_scheme(void)
{
	Cuts cuts = {.set = random_chance(0.9), .mean = random_chance(0.3)};

	cuts.recency_count = random_cuts(cuts.recency, -5, 500);
	cuts.frequency_count = random_cuts(cuts.frequency, 0, 6);
	cuts.monetary_count = random_cuts(cuts.monetary, -500, 2000);
	cuts.tier_count = random_chance(0.8) ? 2 : 0;
	cuts.tier[0] = random_between(-200, 300);
	cuts.tier[1] = cuts.tier[0] + random_between(0, 300);
	cuts.windowed = random_chance(0.6);
	if (random_chance(0.6))
		cuts.months = (int) random_between(1, 14);
	if (cuts.months == 0 || random_chance(0.3))
		cuts.days = (int) random_between(1, 400);
	return cuts;
}

static void
engine_cuts(const Cuts *cuts, CrmStandingCuts *to)
{
	CrmMoney recency[4];
	CrmMoney frequency[4];
	CrmMoney monetary[4];

	memset(to, 0, sizeof(*to));
	for (int i = 0; i < 4; i++)
	{
		recency[i] = crm_money_from_int64(cuts->recency[i]);
		frequency[i] = crm_money_from_int64(cuts->frequency[i]);
		monetary[i] = crm_money_from_parts(cuts->monetary[i], 2);
	}
	crm_rfm_cuts_init(&to->rfm, recency, cuts->recency_count, frequency,
					  cuts->frequency_count, monetary, cuts->monetary_count);
	for (int i = 0; i < 2; i++)
	{
		to->new_cuts[i] = crm_money_from_parts(cuts->tier[i], 2);
		to->returning_cuts[i] = crm_money_from_parts(2 * cuts->tier[i], 2);
	}
	to->new_count = to->returning_count = cuts->tier_count;
	to->set = cuts->set;
	to->mean = cuts->mean;
	to->windowed = cuts->windowed;
	to->window.months = cuts->months;
	to->window.days = cuts->days;
}

/* ----- what a day shows ----- */

static int
bin_of(const int64_t *cuts, int count, int64_t value, int64_t times)
{
	int bin = 1;

	for (int i = 0; i < count; i++)
		bin += value > cuts[i] * times;
	return bin;
}

static int
score_by_counting(const Customer *customer, const Cuts *cuts,
				  const Found *found, CrmDay day)
{
	CrmDay after =
		cuts->windowed ? before(day, cuts->months, cuts->days) : INT32_MIN;
	Found in = cuts->windowed ? look(customer, after, day) : *found;
	int	  recency = bin_of(cuts->recency, cuts->recency_count,
						   day - (int64_t) day_or_never(found->last_at), 1);

	return 100 * (cuts->recency_count + 2 - recency) +
		   10 * bin_of(cuts->frequency, cuts->frequency_count, in.orders, 1) +
		   bin_of(cuts->monetary, cuts->monetary_count, in.cents,
				  cuts->mean && in.orders > 0 ? in.orders : 1);
}

/* found: as of that day */
static Shown
show(const Customer *customer, const CrmHistory *history, const CrmModel *model,
	 const Cuts *cuts, const Found *found, CrmDay day)
{
	const CrmStep *step = crm_history_step(history, day);
	Shown		   shown = {.stage = crm_model_try(model, &step->facts, day)};

	if (found->orders == 0 || !cuts->set)
		return shown;
	shown.score = score_by_counting(customer, cuts, found, day);
	if (cuts->tier_count > 0)
		shown.tier = found->orders == 1
						 ? bin_of(cuts->tier, 2, found->only_cents, 1)
						 : bin_of(cuts->tier, 2, found->cents, 2);
	return shown;
}

/* ----- the days to come ----- */

/* how often a day was due for that reason first */
typedef struct Reasons
{
	int event;
	int stage;
	int recency;
	int window;
	int never;
	int errors;
} Reasons;

static CrmDay
first_due(const Customer *customer, const CrmHistory *history,
		  const CrmModel *model, const Cuts *cuts, CrmDay day, Shown *shown,
		  Reasons *reasons)
{
	Found found = look(customer, INT32_MIN, day);

	*shown = show(customer, history, model, cuts, &found, day);
	for (CrmDay d = day + 1; d <= day + AHEAD; d++)
	{
		Shown then;

		if (something_happens(customer, d))
		{
			reasons->event++;
			return d;
		}
		then = show(customer, history, model, cuts, &found, d);
		if (then.stage >= 0 && then.stage != shown->stage)
			reasons->stage++;
		else if (then.score / 100 != shown->score / 100)
			reasons->recency++;
		else if (then.score != shown->score)
			reasons->window++;
		else
			continue;
		return d;
	}
	reasons->never++;
	return CRM_NO_DAY;
}

static void
check_standing(const Customer *customer, const CrmHistory *history,
			   const CrmModel *model, const Cuts *cuts, CrmDay day,
			   Reasons *reasons)
{
	static CrmStandingCuts engine;
	static CrmStanding	   standing; /* stays when the model raises an error */
	Found				   found = look(customer, INT32_MIN, day);
	Shown				   shown;
	CrmDay				   due;
	bool				   known = false;

	engine_cuts(cuts, &engine);
	(void) FAILS_WITH(
		-1, known = crm_standing(history, model, &engine, day, &standing));
	if (host_failure != -1)
	{
		/* today's stage, or that of a day that since looks at */
		reasons->errors++;
		return;
	}
	CHECK(known == found.known, "day %d: known", day);
	if (!known)
		return;
	due = first_due(customer, history, model, cuts, day, &shown, reasons);
	CHECK(standing.stretch.stage == shown.stage &&
			  standing.score == shown.score && standing.tier == shown.tier,
		  "day %d: stage %d, not %d, score %d, not %d, tier %d, not %d", day,
		  standing.stretch.stage, shown.stage, standing.score, shown.score,
		  standing.tier, shown.tier);
	if (due != CRM_NO_DAY)
		CHECK(standing.due_on == due, "day %d: due on %d, not %d", day,
			  standing.due_on, due);
	else
		CHECK(standing.due_on == CRM_NO_DAY || standing.due_on > day + AHEAD,
			  "day %d: due on %d", day, standing.due_on);
}

static void
check_random_model(bool keyed, Reasons *reasons)
{
	CrmModel  *model = random_model_compile(random_model());
	Customer   customer;
	CrmHistory history;
	Cuts	   cuts = random_scheme();

	random_customer(&customer, keyed);
	fill_history(&history, &customer);
	check_standing(&customer, &history, model, &cuts,
				   (CrmDay) random_between(FIRST_DAY + 10, LAST_DAY), reasons);
	host_free_all();
}

static void
check_span(void)
{
	CrmSpan span = {(int32_t) random_between(0, 40),
					(int32_t) random_between(0, 500)};
	CrmDay	day = (CrmDay) random_between(-1000, 4000);
	CrmDay	want = before(day, span.months, span.days);

	CHECK(crm_span_before(span, day) == want,
		  "%d months, %d days before %d: %d, not %d", span.months, span.days,
		  day, crm_span_before(span, day), want);
}

int
main(void)
{
	Reasons reasons = {0};

	count_days();
	PROPERTY("days a window's length before")
	for (int i = 0; i < 20000; i++)
		check_span();
	PROPERTY("what is due, for random models, cuts and customers")
	for (int i = 0; i < MODELS; i++)
		check_random_model(i % 2 == 0, &reasons);
	ok(reasons.event > MODELS / 100 && reasons.stage > MODELS / 100 &&
		   reasons.recency > MODELS / 100 && reasons.window > MODELS / 100 &&
		   reasons.never > MODELS / 100,
	   "of all kinds: events %d, stages %d, recency %d, windows %d, never %d, "
	   "errors %d",
	   reasons.event, reasons.stage, reasons.recency, reasons.window,
	   reasons.never, reasons.errors);
	return done();
}
