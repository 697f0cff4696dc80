/*
 * model_shipped.c
 *		The registry of shipped stage models: text, labels, advice.
 *
 * A further model is one entry.  The numbers are defaults: every edge differs
 * by shop.  recency and kpi_bands count days since the last order; engagement
 * follows SmartPush's stages, with the customers its rules leave open assigned
 * (a fresh visitor is a prospect, an imported contact is unclassified).
 *
 * Invariant: a shipped text never changes once released, for stored values
 * hold the text, and labels are found by the CASE, letter by letter.
 */
#include "postgres.h"

#include "lib/stringinfo.h"

#include "functions/model_shipped.h"

#define UNCLASSIFIED                                    \
	{                                                   \
		"unclassified", NULL, "Unclassified", "未分类", \
			"No branch of the model applies."           \
	}

static const char recency_text[] =
	"CASE WHEN days_since_order < aftersale_days THEN 'aftersale'\n"
	"     WHEN days_since_order < active_days THEN 'active'\n"
	"     WHEN days_since_order < silent_days THEN 'silent'\n"
	"     WHEN days_since_order < sleeping_days THEN 'sleeping'\n"
	"     WHEN days_since_order IS NOT NULL THEN 'churned'\n"
	"     ELSE 'prospect' END\n"
	"WITH (aftersale_days = 7, active_days = 90, silent_days = 140, "
	"sleeping_days = 365)";

static const CrmShippedStage recency_stages[] = {
	{"aftersale", "grow", "After-sales", "售后",
	 "Serve: delivery, use, review; no selling yet."},
	{"active", "grow", "Active", "活跃",
	 "Sell the next order while the shop is remembered."},
	{"silent", "retain", "Silent", "沉默",
	 "Remind: new goods, a reason to come back."},
	{"sleeping", "retain", "Sleeping", "睡眠",
	 "Wake up with an offer; expect little, measure against a control group."},
	{"churned", "retain", "Churned", "流失",
	 "Win back rarely and cheaply, or let go."},
	{"prospect", "acquire", "Prospect", "潜在", "Win the first order."},
	UNCLASSIFIED,
	{NULL}};

static const char kpi_bands_text[] =
	"CASE WHEN days_since_order < 45 THEN 'within_45'\n"
	"     WHEN days_since_order < 90 THEN 'prechurn_45_90'\n"
	"     WHEN days_since_order < 140 THEN 'prechurn_90_140'\n"
	"     WHEN days_since_order < 365 THEN 'sleeping_140'\n"
	"     WHEN days_since_order IS NOT NULL THEN 'churned'\n"
	"     ELSE 'prospect' END";

static const CrmShippedStage kpi_bands_stages[] = {
	{"within_45", "grow", "Within 45 days", "45天内",
	 "Second order within 45 days is the figure to move."},
	{"prechurn_45_90", "retain", "Pre-churn, day 45 to 90", "预流失 45-90天",
	 "First repurchase reminder."},
	{"prechurn_90_140", "retain", "Pre-churn, day 90 to 140", "预流失 90-140天",
	 "Stronger repurchase reminder."},
	{"sleeping_140", "retain", "Sleeping, from day 140", "睡眠",
	 "Wake up with an offer."},
	{"churned", "retain", "Churned", "流失",
	 "Win back rarely and cheaply, or let go."},
	{"prospect", "acquire", "Prospect", "潜在", "Win the first order."},
	UNCLASSIFIED,
	{NULL}};

#define ALIVE                                  \
	"(days_since_active <= active_period OR\n" \
	"           days_since_order <= repurchase_period)"

static const char engagement_text[] =
	"CASE WHEN orders >= 2 AND average_order > order_value AND\n"
	"          " ALIVE " THEN 'loyal'\n"
	"     WHEN (orders >= 2 OR average_order > order_value) AND\n"
	"          " ALIVE " THEN 'high_potential'\n"
	"     WHEN orders = 1 AND\n"
	"          " ALIVE " THEN 'nurture'\n"
	"     WHEN orders >= 1 AND days_since_active <= churn_period THEN "
	"'silent'\n"
	"     WHEN orders >= 1 THEN 'cant_lose'\n"
	"     WHEN days_since_active IS NULL AND days_since_registered IS NULL "
	"THEN 'unclassified'\n"
	"     WHEN days_since_active > churn_period THEN 'lost'\n"
	"     WHEN days_since_active > active_period THEN 'introduce'\n"
	"     WHEN days_since_registered > first_purchase_period "
	"THEN 'introduce'\n"
	"     ELSE 'prospect' END\n"
	"WITH (active_period = 30, churn_period = 90, repurchase_period = 60, "
	"first_purchase_period = 14, order_value)\n"
	"REQUIRE (churn_period > active_period)";

static const CrmShippedStage engagement_stages[] = {
	{"loyal", "retain", "Loyal", "忠诚",
	 "Reward and keep: the best customers."},
	{"high_potential", "grow", "High potential", "高潜力",
	 "Raise order value or bring the next order forward."},
	{"nurture", "grow", "Nurture", "需要培养", "Win the second order."},
	{"silent", "retain", "Silent", "沉默",
	 "Ask back before the churn period is over."},
	{"cant_lose", "retain", "Can't lose", "不能流失",
	 "Win back personally: has bought before."},
	{"lost", "acquire", "Lost", "流失", "Never bought and gone."},
	{"introduce", "acquire", "Introduce", "需要引入",
	 "Show the shop again; win the first order."},
	{"prospect", "acquire", "Prospect", "潜在",
	 "Fresh visitor or member: win the first order."},
	UNCLASSIFIED,
	{NULL}};

const CrmShippedModel crm_shipped_models[] = {
	{"recency", recency_text, recency_stages},
	{"kpi_bands", kpi_bands_text, kpi_bands_stages},
	{"engagement", engagement_text, engagement_stages},
	{NULL}};

const CrmShippedModel *
crm_shipped_model(const char *name)
{
	for (const CrmShippedModel *model = crm_shipped_models; model->name;
		 model++)
		if (strcmp(model->name, name) == 0)
			return model;
	return NULL;
}

char *
crm_shipped_names(void)
{
	StringInfoData names;

	initStringInfo(&names);
	for (const CrmShippedModel *model = crm_shipped_models; model->name;
		 model++)
		appendStringInfo(&names, "%s%s",
						 model == crm_shipped_models ? "" : ", ", model->name);
	return names.data;
}
