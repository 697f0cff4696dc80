/*
 * fuzz_purchase_history.c
 *		Any bytes as a history, and any text.
 *
 * Nothing may crash or read too far, whatever comes; and what is taken must
 * encode to bytes that decode to themselves, whole, cut, merged and as text.
 * Every accessor is asked, and one of the metrics, which the input chooses.
 */
#include <stdlib.h>

#include "engine/purchase_count.h"
#include "engine/purchase_metric.h"

#include "tap.h"

#define REQUIRE(condition)                                                   \
	do                                                                       \
		if (!(condition))                                                    \
		{                                                                    \
			fprintf(stderr, "%s: %d: %s\n", __FILE__, __LINE__, #condition); \
			abort();                                                         \
		}                                                                    \
	while (0)

static void
open_list(CrmPurchases *list, const uint8_t *bytes, size_t size)
{
	CrmPurchaseView view;

	crm_purchases_open(&view, bytes, size);
	crm_purchases_init(list, view.times);
	crm_purchases_add_view(list, &view);
}

static uint8_t *
encode(CrmPurchases *list, size_t *size)
{
	uint8_t *bytes;

	*size = crm_purchases_encode(list, NULL, 0);
	bytes = crm_alloc(*size);
	REQUIRE(crm_purchases_encode(list, bytes, *size) == *size);
	return bytes;
}

static void
ask(const CrmPurchaseView *view, CrmDay day, int32_t n)
{
	CrmFacts	  facts;
	CrmActiveDays days;
	CrmDay		  active;
	CrmDay		  before = CRM_NO_DAY;
	int64_t		  orders;
	int64_t		  at;
	CrmMoney	  revenue;

	(void) crm_purchase_facts(view, day, n, true, &facts);
	crm_purchase_window(view, day - n, day, &orders, &revenue);
	(void) crm_purchase_nth(view, n, &at);
	for (int activity = 0; activity < 3; activity++)
	{
		(void) crm_purchase_retained(view, (CrmActivity) activity, n / 2, n,
									 day);
		crm_active_days_start(&days, view, (CrmActivity) activity, day);
		for (; crm_active_days_next(&days, &active); before = active)
			;
	}
	(void) before;
}

/* one history, counted for one metric */
static void
count(const CrmPurchaseView *view, int code, CrmDay day, int32_t n)
{
	const CrmMetric	  *metric = crm_metric_by_code(code);
	CrmHistoryParams   params = {.event = (CrmActivity) (n % 3),
								 .return_event = (CrmActivity) (n / 3 % 3)};
	CrmPurchaseCounter counter;
	CrmTotals		   totals;
	CrmLine			   line = {NULL, 0};
	CrmEvents		   events = {NULL, 0, 0};

	if (metric == NULL)
		return;
	params.metric = metric->absent;
	params.metric.as_of = day;
	params.metric.n = metric->least + n % 500;
	params.metric.m = n % 50;
	if (metric->param[CRM_PARAM_OPTION])
		params.metric.option =
			strcmp(metric->param[CRM_PARAM_OPTION], "unit") == 0 ? n % 5
																 : n % 2;
	counter = crm_purchase_counter(metric);
	crm_totals_init(&totals, metric->cell_counts, metric->cell_sums);
	if (counter.line)
		crm_line_grow(&line, counter.line(&params));
	if (crm_purchase_directly(&counter, &params))
		counter.count(&line, &totals, view, &params);
	else
	{
		crm_purchase_events(&counter, view, &params, &events);
		crm_purchase_events_count(&counter, &events, &params, &totals);
	}
	if (counter.close)
		counter.close(&line, &params, &totals);
	crm_totals_sort(&totals);
}

/* what is taken is stable */
static void
check_stable(CrmPurchases *list, CrmDay day)
{
	size_t		 size;
	size_t		 again_size;
	uint8_t		*bytes = encode(list, &size);
	uint8_t		*again;
	CrmPurchases other;
	CrmPurchases parsed;
	CrmTextError error;

	open_list(&other, bytes, size);
	again = encode(&other, &again_size);
	REQUIRE(size == again_size && memcmp(bytes, again, size) == 0);
	REQUIRE(crm_purchases_parse(&parsed, crm_purchases_print(list), &error));
	again = encode(&parsed, &again_size);
	REQUIRE(size == again_size && memcmp(bytes, again, size) == 0);
	crm_purchases_add_list(&other, &parsed);
	REQUIRE(other.order_count == 2 * list->order_count);
	crm_purchases_settle(&other);
	crm_purchases_cut(&other, day);
	crm_purchases_cut(list, day);
	REQUIRE(other.order_count == 2 * list->order_count);
}

static void
use_bytes(const uint8_t *data, size_t size, CrmDay day, int32_t n)
{
	CrmPurchaseView view;
	CrmPurchases	list;

	crm_purchases_open(&view, data, size);
	ask(&view, day, n);
	count(&view, n % 50, day, n);
	open_list(&list, data, size);
	check_stable(&list, day);
}

static void
use_text(const uint8_t *data, size_t size, CrmDay day)
{
	char		*text = crm_alloc(size + 1);
	CrmPurchases list;
	CrmTextError error;

	memcpy(text, data, size);
	text[size] = '\0';
	if (crm_purchases_parse(&list, text, &error))
		check_stable(&list, day);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 4)
		return 0;
	if (!FAILS_WITH(CRM_ERROR_CORRUPT, if (data[0] & 1) use_text(
										   data + 4, size - 4, data[1] * 100);
					else use_bytes(data + 4, size - 4, data[1] * 100,
								   data[2] + (data[3] << 5))))
		REQUIRE(host_failure == -1 || host_failure == CRM_ERROR_RANGE);
	host_free_all();
	return 0;
}
