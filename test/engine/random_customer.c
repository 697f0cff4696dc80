/*
 * random_customer.c
 *		Random customers, their histories, and what a look at their rows finds.
 */
#include "random_customer.h"

#include "tap.h"

static int64_t
random_time(void)
{
	return random_between(FIRST_DAY + 10, LAST_DAY - 60) * CRM_USECS_PER_DAY +
		   random_between(0, 3) * (CRM_USECS_PER_DAY / 4);
}

void
random_customer(Customer *customer, bool keyed)
{
	memset(customer, 0, sizeof(*customer));
	customer->count = (int) random_between(0, MAX_ROWS);
	customer->always = random_chance(0.2);
	customer->orders = keyed ? 6 : MAX_ROWS;
	for (int i = 0; i < customer->count; i++)
	{
		Row *row = &customer->rows[i];

		row->kind = random_chance(0.7)	 ? CRM_EVENT_ORDER
					: random_chance(0.7) ? CRM_EVENT_VISIT
										 : CRM_EVENT_REGISTRATION;
		row->at = random_time();
		row->has_amount = random_chance(0.9);
		row->cents = random_between(-3, 6) * 100;
		row->order = keyed ? (int) random_between(0, 5) : i;
	}
}

/* rows of one order must come one after the other; the rest in any order */
void
fill_history(CrmHistory *history, const Customer *customer)
{
	crm_history_init(history);
	if (customer->always)
		crm_history_add_registration(history, CRM_NO_TIME);
	for (int order = customer->orders - 1; order >= 0; order--)
	{
		bool first = true;

		for (int i = 0; i < customer->count; i++)
		{
			const Row *row = &customer->rows[i];
			CrmMoney   amount = crm_money_from_parts(row->cents, 2);

			if (row->kind != CRM_EVENT_ORDER || row->order != order)
				continue;
			crm_history_add_order(history, row->at,
								  row->has_amount ? &amount : NULL, !first);
			first = false;
		}
	}
	for (int i = 0; i < customer->count; i++)
		if (customer->rows[i].kind == CRM_EVENT_VISIT)
			crm_history_add_visits(history, customer->rows[i].at, 1);
		else if (customer->rows[i].kind == CRM_EVENT_REGISTRATION)
			crm_history_add_registration(history, customer->rows[i].at);
	crm_history_finish(history);
}

int64_t
order_time(const Customer *customer, int order, CrmDay day, int64_t *net)
{
	int64_t at = CRM_NO_TIME;
	bool	refunded = false;

	*net = 0;
	for (int i = 0; i < customer->count; i++)
	{
		const Row *row = &customer->rows[i];

		if (row->kind != CRM_EVENT_ORDER || row->order != order ||
			crm_day_of_local(row->at) > day)
			continue;
		if (row->has_amount)
			*net += row->cents;
		if (row->has_amount && row->cents < 0)
			refunded = true;
		else if (at == CRM_NO_TIME || row->at < at)
			at = row->at;
	}
	return refunded && *net <= 0 ? CRM_NO_TIME : at;
}

static void
count_orders(const Customer *customer, CrmDay after, CrmDay day, Found *found)
{
	bool seen[LAST_DAY - FIRST_DAY + 1] = {false};

	found->first_at = found->last_at = CRM_NO_TIME;
	for (int order = 0; order < customer->orders; order++)
	{
		int64_t net;
		int64_t at = order_time(customer, order, day, &net);

		if (at == CRM_NO_TIME || crm_day_of_local(at) <= after)
			continue;
		found->orders++;
		found->only_cents = net;
		if (!seen[crm_day_of_local(at) - FIRST_DAY])
			found->order_days++;
		seen[crm_day_of_local(at) - FIRST_DAY] = true;
		if (found->first_at == CRM_NO_TIME || at < found->first_at)
			found->first_at = at;
		if (at > found->last_at)
			found->last_at = at;
	}
}

Found
look(const Customer *customer, CrmDay after, CrmDay day)
{
	Found found = {.known = customer->always,
				   .visit_at = CRM_NO_TIME,
				   .registered_at = CRM_NO_TIME};

	for (int i = 0; i < customer->count; i++)
	{
		const Row *row = &customer->rows[i];
		CrmDay	   on = crm_day_of_local(row->at);

		if (on > day)
			continue;
		found.known = true;
		if (row->kind == CRM_EVENT_ORDER && row->has_amount && on > after)
			found.cents += row->cents;
		found.visits += row->kind == CRM_EVENT_VISIT && on > after;
		if (row->kind == CRM_EVENT_VISIT && row->at > found.visit_at)
			found.visit_at = row->at;
		if (row->kind == CRM_EVENT_REGISTRATION &&
			(found.registered_at == CRM_NO_TIME ||
			 row->at < found.registered_at))
			found.registered_at = row->at;
	}
	count_orders(customer, after, day, &found);
	return found;
}

CrmDay
day_or_never(int64_t at)
{
	return at == CRM_NO_TIME ? CRM_NO_DAY : crm_day_of_local(at);
}

bool
cents_are(CrmMoney money, int64_t cents)
{
	return crm_money_cmp(money, crm_money_from_parts(cents, 2)) == 0;
}

bool
something_happens(const Customer *customer, CrmDay day)
{
	for (int i = 0; i < customer->count; i++)
		if (crm_day_of_local(customer->rows[i].at) == day)
			return true;
	return false;
}
