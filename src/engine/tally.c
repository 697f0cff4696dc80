/*
 * tally.c
 *		One customer, into the cells.
 *
 * The cells say what repurchase, retention and revenue by cohorts say of the
 * same customers (repurchase.c, second.c, cohorts.c, value.c).
 */
#include <string.h>

#include "tally.h"

#define DAY_USECS INT64_C(86400000000)

const int32_t crm_tally_windows[CRM_TALLY_WINDOWS] = {30, 45, 60, 90, 180, 365};

void
crm_tally_init(CrmTally *tally)
{
	memset(tally, 0, sizeof(*tally));
	tally->revenue = crm_money_from_int64(0);
	tally->order_gap_seconds = crm_money_from_parts(0, 6);
	crm_totals_init(&tally->days, CRM_TALLY_DAY_COUNTS, 0);
	crm_totals_init(&tally->cohorts, CRM_TALLY_COHORT_COUNTS, 1);
}

void
crm_tally_free(CrmTally *tally)
{
	crm_totals_free(&tally->days);
	crm_totals_free(&tally->cohorts);
}

static inline void
add_amount(CrmMoney *sum, CrmMoney amount, int sign)
{
	if (sign > 0)
		crm_money_accumulate(sum, amount);
	else
		crm_money_accumulate(sum, crm_money_neg(amount));
}

void
crm_tally_add_row(CrmTally *tally, const CrmTallyRow *row, int sign)
{
	int64_t at =
		row->orders < CRM_TALLY_ORDERS ? row->orders : CRM_TALLY_ORDERS;
	CrmDay first;

	tally->customers += sign;
	tally->by_orders[at] += sign;
	add_amount(&tally->revenue, row->revenue, sign);
	if (row->orders == 0)
		return;
	first = crm_day_of_local(row->first_order_at);
	tally->paying += sign;
	tally->repeat += row->orders > 1 ? sign : 0;
	tally->orders += sign * row->orders;
	tally->gaps += sign * (row->order_days - 1);
	tally->gap_days +=
		sign * ((int64_t) crm_day_of_local(row->last_order_at) - first);
	tally->order_gaps += sign * (row->orders - 1);
	add_amount(&tally->order_gap_seconds,
			   crm_money_from_parts((crm_i128) row->last_order_at -
										(crm_i128) row->first_order_at,
									6),
			   sign);
	crm_totals_cell(&tally->days, first, 0)->count[CRM_TALLY_CUSTOMERS] += sign;
}

/* ---- cohorts ------------------------------------------------------------ */

/* where the walk over one customer's orders stands */
typedef struct Cohort
{
	CrmTally *tally;
	int		  sign;
	int32_t	  month;  /* of the first order */
	int32_t	  period; /* the cell's */
	CrmCell	 *cell;
	bool	  active; /* in it already */
} Cohort;

static void
go_to_month(Cohort *cohort, int32_t month)
{
	int32_t period = month - cohort->month;

	if (cohort->cell && period == cohort->period)
		return;
	cohort->period = period;
	cohort->cell =
		crm_totals_cell(&cohort->tally->cohorts, cohort->month, period);
	cohort->active = false;
}

static void
add_to_cohort(Cohort *cohort, const CrmOrderCursor *order)
{
	go_to_month(cohort, crm_period_of(order->day, CRM_UNIT_MONTH));
	if (order->has_amount)
		add_amount(crm_cell_sum(&cohort->tally->cohorts, cohort->cell),
				   order->amount, cohort->sign);
	if (order->refund)
		return;
	cohort->cell->count[CRM_TALLY_COHORT_ORDERS] += cohort->sign;
	if (!cohort->active)
		cohort->cell->count[CRM_TALLY_ACTIVE] += cohort->sign;
	cohort->active = true;
}

/* refunds of the first order's month that come before it, by their months */
typedef struct Early
{
	bool	 any;
	int32_t	 month;
	CrmMoney amount;
} Early;

static void
note_early(Early *early, const CrmOrderCursor *refund)
{
	int32_t month = crm_period_of(refund->day, CRM_UNIT_MONTH);

	if (!early->any || month != early->month)
		early->amount = crm_money_from_int64(0);
	early->any = true;
	early->month = month;
	early->amount = crm_money_add(early->amount, refund->amount);
}

/* the cell of the customers stays in hand until all orders are through */
static void
begin_cohort(Cohort *cohort, const Early *early, CrmDay first)
{
	cohort->month = crm_period_of(first, CRM_UNIT_MONTH);
	go_to_month(cohort, cohort->month);
	if (early->any && early->month == cohort->month)
		add_amount(crm_cell_sum(&cohort->tally->cohorts, cohort->cell),
				   early->amount, cohort->sign);
}

/* ---- the first day and the second --------------------------------------- */

static void
add_visits(CrmCell *cell, const CrmPurchaseView *view, CrmDay first, int sign)
{
	CrmVisitCursor visits;

	if (view->visit_count == 0)
		return;
	crm_visits_start(&visits, view);
	if (!crm_visits_next(&visits) || visits.day > first)
		return;
	cell->count[CRM_TALLY_SEEN] += sign;
	cell->count[CRM_TALLY_DECISION_DAYS] +=
		sign * ((int64_t) first - visits.day);
}

static void
add_second(CrmCell *cell, CrmDay first, CrmDay second, int sign)
{
	for (int i = CRM_TALLY_WINDOWS - 1;
		 i >= 0 && second - (int64_t) first <= crm_tally_windows[i]; i--)
		cell->count[CRM_TALLY_AGAIN + i] += sign;
}

void
crm_tally_add_history(CrmTally *tally, const CrmPurchaseView *view,
					  CrmDay as_of, int sign)
{
	Cohort		   cohort = {.tally = tally, .sign = sign};
	Early		   early = {0};
	CrmDay		   first = CRM_NO_DAY;
	CrmDay		   second = CRM_NO_DAY;
	CrmOrderCursor orders;
	CrmCell		  *cell;

	crm_orders_start(&orders, view, true);
	while (crm_orders_next(&orders) && orders.day <= as_of)
	{
		if (first == CRM_NO_DAY && orders.refund)
		{
			note_early(&early, &orders);
			continue;
		}
		if (first == CRM_NO_DAY)
		{
			first = orders.day;
			begin_cohort(&cohort, &early, first);
		}
		else if (second == CRM_NO_DAY && !orders.refund && orders.day > first)
			second = orders.day;
		add_to_cohort(&cohort, &orders);
	}
	if (first == CRM_NO_DAY)
		return;
	cell = crm_totals_cell(&tally->days, first, 0);
	add_visits(cell, view, first, sign);
	if (second != CRM_NO_DAY)
		add_second(cell, first, second, sign);
}
