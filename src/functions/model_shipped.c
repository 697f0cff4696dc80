/*
 * model_shipped.c
 *		The registry of shipped stage models: text, labels, advice.
 *
 * A further model is one entry.  The numbers are defaults: every edge differs
 * by shop.  recency, recency_grid and kpi_bands count days since the last
 * order; engagement follows SmartPush's stages, with the customers its rules
 * leave open assigned (a fresh visitor is a prospect, an imported contact is
 * unclassified); membership and layers are phases of a member's life, told by
 * registration, activity and the orders of a period.
 *
 * Stages are listed in the order in which they are to be shown.
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

static const char recency_grid_text[] =
	"CASE WHEN days_since_order < aftersale_days THEN\n"
	"       CASE WHEN orders = 1 THEN 'aftersale_new' "
	"ELSE 'aftersale_returning' END\n"
	"     WHEN days_since_order < active_days THEN\n"
	"       CASE WHEN orders = 1 THEN 'active_new' "
	"ELSE 'active_returning' END\n"
	"     WHEN days_since_order < silent_days THEN\n"
	"       CASE WHEN orders = 1 THEN 'silent_new' "
	"ELSE 'silent_returning' END\n"
	"     WHEN days_since_order < sleeping_days THEN\n"
	"       CASE WHEN orders = 1 THEN 'sleeping_new' "
	"ELSE 'sleeping_returning' END\n"
	"     WHEN days_since_order IS NOT NULL THEN\n"
	"       CASE WHEN orders = 1 THEN 'churned_new' "
	"ELSE 'churned_returning' END\n"
	"     ELSE 'prospect' END\n"
	"WITH (aftersale_days = 7, active_days = 90, silent_days = 140, "
	"sleeping_days = 365)";

static const CrmShippedStage recency_grid_stages[] = {
	{"aftersale_new", "grow", "After-sales, new", "售后 新客",
	 "Make the first purchase a good one: delivery, use, review."},
	{"aftersale_returning", "grow", "After-sales, returning", "售后 老客",
	 "Serve and thank; no selling yet."},
	{"active_new", "grow", "Active, new", "活跃 新客",
	 "Win the second order; the first 45 days decide."},
	{"active_returning", "grow", "Active, returning", "活跃 老客",
	 "Sell the next order; raise its value."},
	{"silent_new", "retain", "Silent, new", "沉默 新客",
	 "Remind of the first purchase; a reason for a second."},
	{"silent_returning", "retain", "Silent, returning", "沉默 老客",
	 "Remind: new goods, the benefits of membership."},
	{"sleeping_new", "retain", "Sleeping, new", "睡眠 新客",
	 "Wake up cheaply; most bought once and are gone."},
	{"sleeping_returning", "retain", "Sleeping, returning", "睡眠 老客",
	 "Wake up with an offer; measure against a control group."},
	{"churned_new", "retain", "Churned, new", "流失 新客",
	 "Let go, or win back at no cost."},
	{"churned_returning", "retain", "Churned, returning", "流失 老客",
	 "Win back rarely, the valuable ones personally."},
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

static const char membership_text[] =
	"CASE WHEN orders = 0 AND days_since_registered > churn_unbought_days OR\n"
	"          orders = 1 AND days_since_order > churn_first_days OR\n"
	"          orders >= 2 AND days_since_order > churn_repeat_days "
	"THEN 'churn'\n"
	"     WHEN orders = 0 AND days_since_registered > dormant_unbought_days "
	"OR\n"
	"          orders >= 1 AND days_since_order > dormant_days "
	"THEN 'dormancy'\n"
	"     WHEN orders = 0 THEN 'introduction'\n"
	"     WHEN orders_in(period_days) >= mature_orders THEN 'maturity'\n"
	"     ELSE 'growth' END\n"
	"WITH (churn_unbought_days = 180, churn_first_days = 365, "
	"churn_repeat_days = 730, dormant_unbought_days = 60, "
	"dormant_days = 120, period_days = 365, mature_orders = 3)";

static const CrmShippedStage membership_stages[] = {
	{"introduction", "acquire", "Introduction", "导入",
	 "Welcome the new member; win the first order."},
	{"growth", "grow", "Growth", "成长",
	 "Lead from the first to the next order; widen what is bought."},
	{"maturity", "grow", "Maturity", "成熟",
	 "Reward and raise: higher tier, larger orders."},
	{"dormancy", "retain", "Dormancy", "休眠",
	 "Wake up before it becomes a habit to stay away."},
	{"churn", "retain", "Churn", "流失",
	 "Win back the valuable ones; learn why the others left."},
	UNCLASSIFIED,
	{NULL}};

static const char layers_text[] =
	"CASE WHEN orders = 0 AND days_since_visit IS NULL THEN 'potential'\n"
	"     WHEN days_since_active > churn_days THEN 'churned'\n"
	"     WHEN days_since_active > pre_churn_days THEN 'pre_churn'\n"
	"     WHEN days_since_registered <= new_days THEN 'new'\n"
	"     WHEN orders_in(period_days) >= mature_orders THEN 'mature'\n"
	"     ELSE 'growing' END\n"
	"WITH (churn_days = 180, pre_churn_days = 90, new_days = 30, "
	"period_days = 365, mature_orders = 3)";

static const CrmShippedStage layers_stages[] = {
	{"potential", "acquire", "Potential", "潜在",
	 "Registered, never seen: bring about the first visit."},
	{"new", "acquire", "New", "新",
	 "Win the first order while the welcome lasts."},
	{"growing", "grow", "Growing", "成长",
	 "Make a habit of it: the next order, a second category."},
	{"mature", "grow", "Mature", "成熟",
	 "Reward and keep; ask for recommendations."},
	{"pre_churn", "retain", "Pre-churn", "预流失",
	 "Ask back now: later it costs more."},
	{"churned", "retain", "Churned", "流失",
	 "Win back rarely and cheaply, or let go."},
	UNCLASSIFIED,
	{NULL}};

const CrmShippedModel crm_shipped_models[] = {
	{"recency", recency_text, recency_stages},
	{"recency_grid", recency_grid_text, recency_grid_stages},
	{"kpi_bands", kpi_bands_text, kpi_bands_stages},
	{"engagement", engagement_text, engagement_stages},
	{"membership", membership_text, membership_stages},
	{"layers", layers_text, layers_stages},
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
