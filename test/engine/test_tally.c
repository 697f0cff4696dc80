/*
 * test_tally.c
 *		What customers add up to against counting their rows, and that who is
 *		taken off leaves nothing behind.
 */
#include <stdlib.h>

#include "engine/tally.h"
#include "tap.h"

#define CUSTOMERS 12
#define MAX_ROWS 14
#define ROUNDS 3000

typedef struct Row
{
	bool	visit;
	CrmDay	day;
	bool	has_amount;
	int64_t cents;
} Row;

typedef struct Customer
{
	Row			rows[MAX_ROWS];
	int			count;
	CrmDay		as_of;
	CrmTallyRow facts;
} Customer;

static Customer customers[CUSTOMERS];

static bool
is_order(const Customer *customer, int i)
{
	const Row *row = &customer->rows[i];

	return !row->visit && row->day <= customer->as_of &&
		   (!row->has_amount || row->cents >= 0);
}

static CrmDay
first_order(const Customer *customer)
{
	CrmDay first = INT32_MAX;

	for (int i = 0; i < customer->count; i++)
		if (is_order(customer, i) && customer->rows[i].day < first)
			first = customer->rows[i].day;
	return first;
}

/* the columns of the row, which the tally is given beside the history */
static void
find_facts(Customer *customer)
{
	CrmTallyRow *facts = &customer->facts;
	CrmDay		 last = INT32_MIN;

	memset(facts, 0, sizeof(*facts));
	facts->revenue = crm_money_from_int64(0);
	for (int i = 0; i < customer->count; i++)
	{
		const Row *row = &customer->rows[i];

		if (!row->visit && row->day <= customer->as_of && row->has_amount)
			facts->revenue = crm_money_add(facts->revenue,
										   crm_money_from_parts(row->cents, 2));
		if (!is_order(customer, i))
			continue;
		facts->orders++;
		facts->order_days++;
		for (int j = 0; j < i; j++)
			if (is_order(customer, j) && customer->rows[j].day == row->day)
			{
				facts->order_days--;
				break;
			}
		if (row->day > last)
			last = row->day;
	}
	if (facts->orders == 0)
		return;
	facts->first_order_at = first_order(customer) * CRM_USECS_PER_DAY;
	facts->last_order_at = last * CRM_USECS_PER_DAY;
}

static void
random_customer(Customer *customer, CrmDay base)
{
	int reach = (int) random_between(1, random_chance(0.5) ? 60 : 500);

	customer->count = (int) random_between(0, MAX_ROWS);
	customer->as_of = base + (CrmDay) random_between(0, 500);
	for (int i = 0; i < customer->count; i++)
	{
		Row *row = &customer->rows[i];

		row->visit = random_chance(0.2);
		row->day = base + (CrmDay) random_between(0, reach);
		row->has_amount = random_chance(0.9);
		row->cents = random_between(-400, 900);
	}
	find_facts(customer);
}

static void
add(CrmTally *tally, const Customer *customer, int sign)
{
	CrmPurchases	list;
	CrmPurchaseView view;
	uint8_t		   *bytes;
	size_t			size;

	crm_purchases_init(&list, false);
	for (int i = 0; i < customer->count; i++)
	{
		const Row *row = &customer->rows[i];
		CrmMoney   amount = crm_money_from_parts(row->cents, 2);

		if (row->visit)
			crm_purchases_add_visits(&list, row->day, 1);
		else
			crm_purchases_add_order(&list, row->day * CRM_USECS_PER_DAY,
									row->has_amount ? &amount : NULL);
	}
	size = crm_purchases_encode(&list, NULL, 0);
	bytes = crm_alloc(size);
	crm_purchases_encode(&list, bytes, size);
	crm_purchases_open(&view, bytes, size);
	crm_tally_add_row(tally, &customer->facts, sign);
	crm_tally_add_history(tally, &view, customer->as_of, sign);
	crm_purchases_free(&list);
	crm_free(bytes);
}

/* ---- by hand --------------------------------------------------------------- */

static int64_t
second_order(const Customer *customer, CrmDay first)
{
	int64_t second = INT64_MAX;

	for (int i = 0; i < customer->count; i++)
		if (is_order(customer, i) && customer->rows[i].day > first &&
			customer->rows[i].day < second)
			second = customer->rows[i].day;
	return second;
}

static void
count_day(CrmDay day, int64_t *count)
{
	memset(count, 0, sizeof(int64_t) * CRM_TALLY_DAY_COUNTS);
	for (int c = 0; c < CUSTOMERS; c++)
	{
		const Customer *customer = &customers[c];
		CrmDay			visit = INT32_MAX;

		if (customer->facts.orders == 0 || first_order(customer) != day)
			continue;
		count[CRM_TALLY_CUSTOMERS]++;
		for (int i = 0; i < customer->count; i++)
			if (customer->rows[i].visit && customer->rows[i].day < visit)
				visit = customer->rows[i].day;
		if (visit <= day)
		{
			count[CRM_TALLY_SEEN]++;
			count[CRM_TALLY_DECISION_DAYS] += day - visit;
		}
		for (int i = 0; i < CRM_TALLY_WINDOWS; i++)
			count[CRM_TALLY_AGAIN + i] +=
				second_order(customer, day) <= day + crm_tally_windows[i];
	}
}

/* customers with an order in the month, orders, cents */
static void
count_cohort(int32_t month, int32_t period, int64_t *count)
{
	memset(count, 0, sizeof(int64_t) * 3);
	for (int c = 0; c < CUSTOMERS; c++)
	{
		const Customer *customer = &customers[c];
		int64_t			orders = 0;

		if (customer->facts.orders == 0 ||
			crm_period_index(first_order(customer), CRM_UNIT_MONTH) != month)
			continue;
		for (int i = 0; i < customer->count; i++)
		{
			const Row *row = &customer->rows[i];

			if (row->visit || row->day > customer->as_of ||
				crm_period_index(row->day, CRM_UNIT_MONTH) != month + period)
				continue;
			orders += is_order(customer, i);
			count[2] += row->has_amount ? row->cents : 0;
		}
		count[0] += orders > 0;
		count[1] += orders;
	}
}

static void
check_cells(CrmTally *tally, CrmDay base)
{
	for (CrmDay day = base; day <= base + 500; day++)
	{
		const CrmCell *cell = crm_totals_find(&tally->days, day, 0);
		int64_t		   count[CRM_TALLY_DAY_COUNTS];

		count_day(day, count);
		for (int i = 0; i < CRM_TALLY_DAY_COUNTS; i++)
			CHECK((cell ? cell->count[i] : 0) == count[i], "day %d count %d",
				  day, i);
	}
	for (int32_t month = crm_period_index(base, CRM_UNIT_MONTH);
		 month <= crm_period_index(base + 500, CRM_UNIT_MONTH); month++)
		for (int32_t period = 0; period < 19; period++)
		{
			CrmCell *cell = crm_totals_find(&tally->cohorts, month, period);
			CrmMoney sum = crm_money_from_int64(0);
			int64_t	 count[3];

			count_cohort(month, period, count);
			if (cell)
				sum = *crm_cell_sum(&tally->cohorts, cell);
			CHECK((cell ? cell->count[CRM_TALLY_ACTIVE] : 0) == count[0] &&
					  (cell ? cell->count[CRM_TALLY_COHORT_ORDERS] : 0) ==
						  count[1] &&
					  crm_money_cmp(sum, crm_money_from_parts(count[2], 2)) ==
						  0,
				  "month %d period %d", month, period);
		}
}

static void
check_sums(const CrmTally *tally)
{
	int64_t	 paying = 0;
	int64_t	 orders = 0;
	int64_t	 gaps = 0;
	int64_t	 gap_days = 0;
	int64_t	 by_orders[CRM_TALLY_ORDERS + 1] = {0};
	CrmMoney revenue = crm_money_from_int64(0);

	for (int c = 0; c < CUSTOMERS; c++)
	{
		const CrmTallyRow *facts = &customers[c].facts;

		by_orders[facts->orders > 11 ? 11 : facts->orders]++;
		revenue = crm_money_add(revenue, facts->revenue);
		if (facts->orders == 0)
			continue;
		paying++;
		orders += facts->orders;
		gaps += facts->order_days - 1;
		gap_days +=
			(facts->last_order_at - facts->first_order_at) / CRM_USECS_PER_DAY;
	}
	CHECK(tally->customers == CUSTOMERS, "customers");
	CHECK(tally->paying == paying && tally->orders == orders, "orders");
	CHECK(tally->repeat == paying - by_orders[1], "repeat");
	CHECK(tally->gaps == gaps && tally->gap_days == gap_days, "gaps");
	CHECK(tally->order_gaps == orders - paying, "gaps between orders");
	CHECK(crm_money_cmp(tally->revenue, revenue) == 0, "revenue");
	CHECK(crm_money_cmp(tally->order_gap_seconds,
						crm_money_from_int64(gap_days * 86400)) == 0,
		  "seconds");
	CHECK(memcmp(tally->by_orders, by_orders, sizeof(by_orders)) == 0,
		  "by orders");
}

static void
check_nothing(CrmTally *tally)
{
	CHECK(tally->customers == 0 && tally->orders == 0 && tally->gap_days == 0,
		  "sums are left");
	CHECK(crm_money_sign(tally->revenue) == 0, "revenue is left");
	crm_totals_sort(&tally->days);
	for (size_t i = 0; i < tally->days.cells; i++)
		for (int c = 0; c < CRM_TALLY_DAY_COUNTS; c++)
			CHECK(crm_totals_sorted(&tally->days, i)->count[c] == 0,
				  "a day is left");
	crm_totals_sort(&tally->cohorts);
	for (size_t i = 0; i < tally->cohorts.cells; i++)
	{
		CrmCell *cell = crm_totals_sorted(&tally->cohorts, i);

		CHECK(cell->count[0] == 0 && cell->count[1] == 0 &&
				  crm_money_sign(*crm_cell_sum(&tally->cohorts, cell)) == 0,
			  "a cohort is left");
	}
}

int
main(void)
{
	PROPERTY("customers add up to what their rows say")
	for (int round = 0; round < ROUNDS / 10; round++)
	{
		CrmDay	 base = (CrmDay) random_between(-4000, 12000);
		CrmTally tally;
		Customer passing;

		crm_tally_init(&tally);
		for (int c = 0; c < CUSTOMERS; c++)
		{
			/* somebody comes and goes in between */
			random_customer(&passing, base);
			add(&tally, &passing, 1);
			random_customer(&customers[c], base);
			add(&tally, &customers[c], 1);
			add(&tally, &passing, -1);
		}
		check_cells(&tally, base);
		check_sums(&tally);
		crm_tally_free(&tally);
	}
	PROPERTY("who is taken off leaves nothing behind")
	for (int round = 0; round < ROUNDS; round++)
	{
		CrmDay	 base = (CrmDay) random_between(-4000, 12000);
		CrmTally tally;

		crm_tally_init(&tally);
		for (int c = 0; c < CUSTOMERS; c++)
		{
			random_customer(&customers[c], base);
			add(&tally, &customers[c], 1);
		}
		for (int c = 0; c < CUSTOMERS; c++)
			add(&tally, &customers[c], -1);
		check_nothing(&tally);
		crm_tally_free(&tally);
	}
	return done();
}
