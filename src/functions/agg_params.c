/*
 * agg_params.c
 *		The parameters of aggregates over customers: read from the arguments,
 *		checked, the same in all rows of a group; and the transition function
 *		of every metric that has any.
 *
 * Parameters are nearly always constants.  So each argument is compared with
 * its value in the row before, and only what differs is read anew.
 *
 * Invariant: agg->params are those of the row before, of whatever group; a
 * group's own are in its CrmCustomers.
 */
#include "postgres.h"

#include "utils/builtins.h"
#include "utils/date.h"

#include "compat.h"
#include "customers/beside.h"
#include "engine/purchase_count.h"
#include "functions/agg.h"
#include "functions/history_call.h"
#include "functions/numeric_money.h"

/* ---- mistakes ------------------------------------------------------------ */

static void
refuse_params(const char *name, const char *first, const char *other)
{
	ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					errmsg("%s must be the same in all rows of a group", name),
					errdetail("One row has %s, another one %s.", first, other),
					errhint("Give a constant, or add %s to GROUP BY.", name)));
}

static char *
value_text(const CrmMetric *metric, const CrmParams *params, int param)
{
	static const char *const units[] = {"day", "week", "month", "quarter",
										"year"};
	int32					 value = params->value[param];

	switch (param)
	{
		case CRM_PARAM_N:
		case CRM_PARAM_M:
			return psprintf("%d", value);
		case CRM_PARAM_OPTION:
			if (strcmp(metric->param[param], "unit") == 0)
				return pstrdup(units[value]);
			if (strcmp(metric->param[param], "by") == 0)
				return pstrdup(value == CRM_BY_DAYS ? "days" : "orders");
			return pstrdup(value == CRM_METHOD_LITERAL ? "literal" : "mature");
		default:
			return DatumGetCString(
				DirectFunctionCall1(date_out, DateADTGetDatum(value)));
	}
}

pg_noreturn static void
refuse_null(void)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("parameters must be the same in all rows of a group"),
			 errdetail("In one row one of them is NULL, in another one none."),
			 errhint("Give constants, or add them to GROUP BY.")));
}

/* the row at hand has a NULL, or the group has one in all rows before it */
pg_noreturn static void
refuse_null_of(const CrmMetric *metric, const CrmAgg *agg)
{
	for (int i = 0; i < agg->param_args; i++)
	{
		const CrmParamArg *param_arg = &agg->param_arg[i];

		if (param_arg->null && param_arg->param < CRM_PARAMS)
			refuse_params(metric->param[param_arg->param], "a value", "NULL");
	}
	refuse_null();
}

void
crm_agg_require_params(const CrmMetric *metric, const CrmParams *own,
					   bool own_null, const CrmParams *params, bool null)
{
	if (own_null != null)
		refuse_null();
	if (null)
		return;
	for (int param = 0; param < CRM_PARAMS; param++)
	{
		/* what a metric does not have may be anything in a state that was made up */
		if (metric->param[param] != NULL &&
			own->value[param] != params->value[param])
			refuse_params(metric->param[param], value_text(metric, own, param),
						  value_text(metric, params, param));
	}
}

void
crm_agg_compare_params(const CrmCustomers *customers, const CrmParams *params,
					   bool params_null)
{
	crm_agg_require_params(customers->query->metric, &customers->params,
						   customers->params_null, params, params_null);
}

static void
refuse_beyond(const CrmMetric *metric, int param, int32 value, int32 most)
{
	if (value > most)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("%s must not be greater than %d",
							   metric->param[param], most),
						errdetail("The value is %d.", value),
						errhint("%s", param == CRM_PARAM_M && metric->what_m
										  ? metric->what_m
										  : metric->what_n)));
}

/* of a number that is given: what stands for one that is not may lie beyond */
static void
check_most(const CrmMetric *metric, int param, int32 value)
{
	if (param == CRM_PARAM_N)
		refuse_beyond(metric, param, value, metric->most);
	else if (metric->most_m != 0)
		refuse_beyond(metric, param, value, metric->most_m);
}

static void
check_number(const CrmMetric *metric, int param, int32 value)
{
	const char *name = metric->param[param];
	int32		least = param == CRM_PARAM_N ? metric->least : 0;

	if (value < least)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 least == 0 ? errmsg("%s must not be negative", name)
							: errmsg("%s must be at least %d", name, least),
				 errdetail("The value is %d.", value),
				 errhint("%s", metric->what_n)));
	if (param == CRM_PARAM_N || value != metric->absent.value[param])
		check_most(metric, param, value);
}

static void
check_pair(const CrmMetric *metric, const CrmParams *params, int from, int to)
{
	if (params->value[from] > params->value[to])
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("%s must not be greater than %s",
							   metric->param[from], metric->param[to]),
						errdetail("They are %s and %s.",
								  value_text(metric, params, from),
								  value_text(metric, params, to)),
						errhint("Give the smaller one first; both belong to "
								"the range.")));
}

void
crm_agg_check_params(const CrmMetric *metric, const CrmParams *params)
{
	for (int param = CRM_PARAM_N; param <= CRM_PARAM_M; param++)
	{
		if (metric->param[param] != NULL)
			check_number(metric, param, params->value[param]);
	}
	if (metric->param[CRM_PARAM_M] != NULL &&
		strcmp(metric->param[CRM_PARAM_M], "from_day") == 0)
		check_pair(metric, params, CRM_PARAM_M, CRM_PARAM_N);
	if (metric->param[CRM_PARAM_TO] != NULL)
		check_pair(metric, params, CRM_PARAM_FROM, CRM_PARAM_TO);
}

/* one from a call is; one that came in a state may be anything */
bool
crm_agg_knows_option(const CrmMetric *metric, const CrmParams *params)
{
	const char *option = metric->param[CRM_PARAM_OPTION];
	int32		most = option && strcmp(option, "unit") == 0 ? CRM_UNIT_YEAR
															 : CRM_METHOD_LITERAL;

	return option == NULL || (params->option >= 0 && params->option <= most);
}

/* ---- reading ------------------------------------------------------------- */

static int32
read_unit(const char *name)
{
	CrmUnit unit;

	if (!crm_unit_from_name(name, &unit))
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("unknown unit"),
						errdetail("The value is \"%s\".", name),
						errhint("Units are day, week, month, quarter and "
								"year.")));
	return unit;
}

static int32
read_method(const char *name)
{
	if (pg_strcasecmp(name, "mature") == 0)
		return CRM_METHOD_MATURE;
	if (pg_strcasecmp(name, "literal") == 0)
		return CRM_METHOD_LITERAL;
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("unknown method"),
			 errdetail("The value is \"%s\".", name),
			 errhint("Methods are mature and literal.")));
}

static int32
read_by(const char *name)
{
	if (pg_strcasecmp(name, "orders") == 0)
		return CRM_BY_ORDERS;
	if (pg_strcasecmp(name, "days") == 0)
		return CRM_BY_DAYS;
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("unknown way to count orders"),
			 errdetail("The value is \"%s\".", name),
			 errhint("It is orders, or days: all orders of a day are one.")));
}

static int32
read_value(const CrmParamArg *param_arg, Datum value)
{
	switch (param_arg->kind)
	{
		case CRM_PARAM_NUMBER:
			return DatumGetInt32(value);
		case CRM_PARAM_UNIT:
			return read_unit(TextDatumGetCString(value));
		case CRM_PARAM_METHOD:
			return read_method(TextDatumGetCString(value));
		case CRM_PARAM_BY:
			return read_by(TextDatumGetCString(value));
		case CRM_PARAM_EVENT:
			return crm_history_activity(value);
		case CRM_PARAM_DAY:
			break;
	}
	return crm_day_from_datum(value, param_arg->time_kind);
}

bool
crm_agg_same_text(Datum a, Datum b)
{
	text *left = DatumGetTextPP(a);
	text *right = (text *) DatumGetPointer(b);

	return VARSIZE_ANY_EXHDR(left) == VARSIZE_ANY_EXHDR(right) &&
		   memcmp(VARDATA_ANY(left), VARDATA_ANY(right),
				  VARSIZE_ANY_EXHDR(left)) == 0;
}

static void
remember(FunctionCallInfo fcinfo, CrmParamArg *param_arg, Datum value)
{
	MemoryContext old;
	text		 *copy;

	if (!crm_agg_is_text(param_arg))
	{
		param_arg->value = value;
		return;
	}
	old = MemoryContextSwitchTo(fcinfo->flinfo->fn_mcxt);
	copy = cstring_to_text(TextDatumGetCString(value));
	MemoryContextSwitchTo(old);
	if (param_arg->value != 0)
		pfree(DatumGetPointer(param_arg->value));
	param_arg->value = PointerGetDatum(copy);
}

/* return_event is as event where it is not given */
static void
set_param(CrmAgg *agg, int param, int32 value)
{
	if (param < CRM_PARAMS)
		agg->params.value[param] = value;
	else if (param == CRM_PARAM_EVENT_RETURN)
		agg->event[1] = value;
	else
		agg->event[0] = agg->event[1] = value;
}

void
crm_agg_read_params(FunctionCallInfo fcinfo, CrmAgg *agg,
					const CrmMetric *metric)
{
	bool as_of_given = false;

	agg->state = 0;
	agg->event[0] = agg->event[1] = CRM_ACTIVITY_ORDER;

	agg->params_known = false;
	agg->params_given = true;
	agg->params = metric->absent;
	for (int i = 0; i < agg->param_args; i++)
	{
		CrmParamArg *param_arg = &agg->param_arg[i];

		as_of_given |= param_arg->param == CRM_PARAM_AS_OF;
		param_arg->null = PG_ARGISNULL(param_arg->arg);
		agg->params_given &= !param_arg->null;
	}
	for (int i = 0; i < agg->param_args; i++)
	{
		CrmParamArg *param_arg = &agg->param_arg[i];
		Datum		 value = PG_GETARG_DATUM(param_arg->arg);

		if (param_arg->null)
			continue;
		if (agg->params_given)
			set_param(agg, param_arg->param, read_value(param_arg, value));
		if (agg->params_given && param_arg->kind == CRM_PARAM_NUMBER)
			check_most(metric, param_arg->param, DatumGetInt32(value));
		remember(fcinfo, param_arg, value);
	}
	if (!as_of_given)
		agg->params.as_of =
			metric->param[CRM_PARAM_AS_OF] ? crm_today() : CRM_DAY_MAX;
	if (!agg->params_given)
		memset(&agg->params, 0, sizeof(agg->params));
	agg->params_known = true;
	agg->plain = agg->params_stable && agg->params_given &&
				 metric->walk == NULL && !metric->places && !metric->revenue;
}

/* ---- rows ---------------------------------------------------------------- */

static inline uint8
event_kind(FunctionCallInfo fcinfo, const CrmAgg *agg)
{
	uint8 kind = 0;

	if (agg->is_start == 0)
		return CRM_LOG_START | CRM_LOG_RETURN;
	if (!PG_ARGISNULL(agg->is_start) && PG_GETARG_BOOL(agg->is_start))
		kind |= CRM_LOG_START;
	if (!PG_ARGISNULL(agg->is_return) && PG_GETARG_BOOL(agg->is_return))
		kind |= CRM_LOG_RETURN;
	return kind;
}

/* to the group's log, or to that of the older rows beside its table */
static inline void
add_to_log(FunctionCallInfo fcinfo, const CrmAgg *agg, CrmCustomers *customers,
		   const CrmLogRow *row)
{
	CrmCustomers *owner = customers;
	Datum		  value = PG_GETARG_DATUM(1);
	text		 *plain = NULL;
	CrmKey		  key;

	if (agg->key_kind == CRM_KEY_BIGINT)
		key = crm_key_from_bigint(DatumGetInt64(value));
	else if (agg->key_kind == CRM_KEY_UUID)
	{
		key = crm_key_from_uuid(DatumGetUUIDP(value));
		key.bytes = (const char *) DatumGetUUIDP(value)->data + sizeof(uint64);
		key.length = sizeof(uint64);
	}
	else
	{
		plain = DatumGetTextPP(value);
		key = crm_key_from_text(VARDATA_ANY(plain), VARSIZE_ANY_EXHDR(plain));
	}
	if (customers->log != NULL)
		crm_log_add(customers, &key, row);
	else
	{
		crm_beside_add_older(customers, &key, row);
		owner = customers->beside->older;
	}
	if (plain != NULL && plain != (text *) DatumGetPointer(value))
		pfree(plain);
	if (unlikely(owner->files_open))
		crm_agg_watch_files(fcinfo, owner);
}

/* false if the table needs to know nothing of it */
static bool
add_older(FunctionCallInfo fcinfo, const CrmAgg *agg, const CrmMetric *metric,
		  CrmCustomers *customers, CrmDay day)
{
	CrmLogRow row = {.day = day, .kind = CRM_LOG_START | CRM_LOG_RETURN};

	add_to_log(fcinfo, agg, customers, &row);
	return metric->days != NULL && customers->beside->since != CRM_DAY_MAX;
}

/* false if it is a refund, which makes nobody a customer */
static inline bool
add_amount(FunctionCallInfo fcinfo, const CrmAgg *agg, CrmCustomers *customers)
{
	CrmMoney amount;

	if (PG_ARGISNULL(agg->amount))
		return true;
	amount = crm_money_from_numeric_datum(PG_GETARG_DATUM(agg->amount));
	crm_beside_add_amount(customers, amount);
	return crm_money_sign(amount) >= 0;
}

static inline void
add_row(FunctionCallInfo fcinfo, const CrmAgg *agg, const CrmMetric *metric,
		CrmCustomers *customers, CrmDay day)
{
	CrmLogRow row;

	if (metric->walk == NULL)
	{
		if (metric->places)
		{
			CrmBeside *beside = crm_beside(customers);

			if (unlikely(day < beside->since) &&
				!add_older(fcinfo, agg, metric, customers, day))
				return;
			day = crm_place(&beside->places, &customers->params, day);
		}
		if (metric->revenue && !add_amount(fcinfo, agg, customers))
			return;
		crm_agg_add(fcinfo, agg, customers, day);
		return;
	}
	row.day = day;
	row.kind = event_kind(fcinfo, agg);
	if (row.kind == 0)
		return;
	row.known = false;
	if (metric->amounts)
	{
		row.timed = agg->at != 0;
		if (row.timed)
			row.time =
				crm_local_from_datum(PG_GETARG_DATUM(agg->at), agg->at_kind);
		row.known = !PG_ARGISNULL(agg->amount);
		if (row.known)
			row.amount =
				crm_money_from_numeric_datum(PG_GETARG_DATUM(agg->amount));
	}
	add_to_log(fcinfo, agg, customers, &row);
}

Datum
crm_agg_accumulate(FunctionCallInfo fcinfo, const CrmMetric *metric)
{
	CrmAgg		 *agg = crm_agg(fcinfo, metric);
	CrmCustomers *customers =
		PG_ARGISNULL(0) ? NULL : (CrmCustomers *) PG_GETARG_POINTER(0);
	CrmDay day = 0;

	if (PG_ARGISNULL(1) || (agg->at != 0 && PG_ARGISNULL(agg->at)))
	{
		if (customers == NULL)
			PG_RETURN_NULL();
		PG_RETURN_POINTER(customers);
	}
	if (agg->at != 0)
		day = crm_day_cached(&agg->at_day, PG_GETARG_DATUM(agg->at),
							 agg->at_kind);
	if (likely(agg->plain && customers != NULL))
	{
		if (day <= agg->params.as_of)
			crm_agg_add(fcinfo, agg, customers, day);
		PG_RETURN_POINTER(customers);
	}
	if (unlikely(!crm_agg_params_unchanged(fcinfo, agg)))
		crm_agg_read_params(fcinfo, agg, metric);
	if (unlikely(customers == NULL))
	{
		if (agg->params_given)
			crm_agg_check_params(metric, &agg->params);
		customers = crm_agg_start(fcinfo, agg, metric, &agg->params,
								  !agg->params_given);
	}
	else if (!agg->params_stable &&
			 unlikely(customers->params_null == agg->params_given ||
					  memcmp(&customers->params, &agg->params,
							 sizeof(CrmParams)) != 0))
	{
		if (customers->params_null == agg->params_given)
			refuse_null_of(metric, agg);
		crm_agg_compare_params(customers, &agg->params, !agg->params_given);
	}
	if (agg->params_given && day <= agg->params.as_of)
		add_row(fcinfo, agg, metric, customers, day);
	PG_RETURN_POINTER(customers);
}
