/*
 * history_query.c
 *		purchase_histories: the histories of all customers of a query.
 *
 *		query --executor--> gather --customer by customer--> tuplestore
 *
 * What SELECT customer, purchase_history(at, amount [, kind]) ... GROUP BY 1
 * gives, without its hash table of one state for each customer.  Rows and
 * result go to temporary files beyond the memory a hash table may take.
 *
 * Invariant: the query only reads, with the rights and the snapshot of the
 * statement that calls.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "tcop/cmdtag.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/plancache.h"

#include "compat.h"
#include "engine/history.h"
#include "functions/feed.h"
#include "functions/history.h"

PG_FUNCTION_INFO_V1(crm_purchase_histories);

/* the columns of the query, in order */
enum
{
	COLUMN_CUSTOMER,
	COLUMN_AT,
	COLUMN_AMOUNT,
	COLUMN_KIND,
	COLUMN_COUNT
};

typedef struct Call
{
	Oid			   customer_type; /* of the result */
	CrmKeyKind	   key_kind;
	CrmFeedColumns columns;
	bool		   times;
	Oid			   domain; /* that was asked for; InvalidOid: none */
	void		  *constraints;
	MemoryContext  context; /* of these */
} Call;

/* ---- the query ---------------------------------------------------------- */

pg_noreturn static void
refuse_columns(const char *detail)
{
	ereport(ERROR,
			(errcode(ERRCODE_DATATYPE_MISMATCH),
			 errmsg("the query's columns are not those of purchases"),
			 errdetail_internal("%s", detail),
			 errhint("It gives customer (bigint, integer, smallint, uuid or "
					 "text), at (date, timestamp or timestamptz), amount "
					 "(numeric) and, if there are visits too, kind ('order' or "
					 "'visit').")));
}

pg_noreturn static void
refuse_type(const char *name, int number, Oid type)
{
	refuse_columns(psprintf("Column %d, %s, is of type %s.", number + 1, name,
							format_type_be(type)));
}

static void
check_collation(TupleDesc row)
{
	Oid collation = TupleDescAttr(row, COLUMN_CUSTOMER)->attcollation;

	if (OidIsValid(collation) && !get_collation_isdeterministic(collation))
		ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
						errmsg("customers have a nondeterministic collation"),
						errhint("Give customer::text COLLATE \"C\" in the "
								"query.")));
}

static void
check_columns(Call *call, TupleDesc row)
{
	static const char *const kinds[] = {[CRM_KEY_BIGINT] = "bigint",
										[CRM_KEY_UUID] = "uuid",
										[CRM_KEY_TEXT] = "text"};
	CrmKeyKind				 kind;
	CrmTimeKind				 time;
	Oid						 type;

	if (row->natts != COLUMN_COUNT && row->natts != COLUMN_COUNT - 1)
		refuse_columns(psprintf("It has %d columns.", row->natts));
	type = TupleDescAttr(row, COLUMN_CUSTOMER)->atttypid;
	if (!crm_feed_key_kind(type, &kind))
		refuse_type("customer", COLUMN_CUSTOMER, type);
	if (kind != call->key_kind)
		ereport(
			ERROR,
			(errcode(ERRCODE_DATATYPE_MISMATCH),
			 errmsg("the query's customers are of type %s, the result's of "
					"type %s",
					format_type_be(type), format_type_be(call->customer_type)),
			 errhint("Say so with the second argument: "
					 "purchase_histories(query, NULL::%s).",
					 kinds[kind])));
	check_collation(row);
	type = TupleDescAttr(row, COLUMN_AT)->atttypid;
	if (!crm_time_kind_of_type(type, &time))
		refuse_type("at", COLUMN_AT, type);
	call->times = time != CRM_TIME_DATE;
	type = TupleDescAttr(row, COLUMN_AMOUNT)->atttypid;
	if (getBaseType(type) != NUMERICOID)
		refuse_type("amount", COLUMN_AMOUNT, type);
	call->columns.customer = COLUMN_CUSTOMER + 1;
	call->columns.at = COLUMN_AT + 1;
	call->columns.amount = COLUMN_AMOUNT + 1;
	call->columns.hint =
		"Leave such rows out with a WHERE condition in the query.";
	if (row->natts < COLUMN_COUNT)
		return;
	type = TupleDescAttr(row, COLUMN_KIND)->atttypid;
	if (getBaseType(type) != TEXTOID && getBaseType(type) != VARCHAROID)
		refuse_type("kind", COLUMN_KIND, type);
	call->columns.word = COLUMN_KIND + 1;
}

pg_noreturn static void
refuse_query(const char *why)
{
	ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					errmsg("purchase_histories takes one query that reads"),
					errdetail("This is not one: %s.", why),
					errhint("SELECT customer, at, amount FROM ...")));
}

static bool
only_reads(const CachedPlanSource *source)
{
	const Query *query = linitial_node(Query, source->query_list);

	return query->commandType == CMD_SELECT && !query->hasModifyingCTE &&
		   query->rowMarks == NIL;
}

static SPIPlanPtr
prepare(Call *call, const char *query)
{
	SPIPlanPtr plan =
		SPI_prepare_cursor(query, 0, NULL, CURSOR_OPT_PARALLEL_OK);
	List			 *sources;
	CachedPlanSource *source;

	if (plan == NULL)
		elog(ERROR, "SPI could not prepare a query: %s",
			 SPI_result_code_string(SPI_result));
	sources = SPI_plan_get_plan_sources(plan);
	if (list_length(sources) != 1)
		refuse_query("it is none, or several statements");
	source = linitial(sources);
	if (source->commandTag != CMDTAG_SELECT)
		refuse_query(
			psprintf("it is %s", GetCommandTagName(source->commandTag)));
	if (source->resultDesc == NULL)
		refuse_query("it is SELECT INTO");
	if (!only_reads(source))
		refuse_query("it locks or changes rows");
	check_columns(call, source->resultDesc);
	return plan;
}

static CrmGather *
run(Call *call, const char *query)
{
	CrmGather		 *gather;
	SPIExecuteOptions options = {0};
	SPIPlanPtr		  plan;
	int				  result;

	SPI_connect();
	plan = prepare(call, query);
	gather = crm_gather_begin(call->key_kind, get_hash_memory_limit());
	options.read_only = true;
	options.dest = crm_feed_create(gather, &call->columns);
	result = SPI_execute_plan_extended(plan, &options);
	if (result != SPI_OK_SELECT)
		elog(ERROR, "SPI returned %s for a query of purchases",
			 SPI_result_code_string(result));
	options.dest->rDestroy(options.dest);
	return gather;
}

/* ---- the result --------------------------------------------------------- */

static void
check_integer(int64 customer, Oid type)
{
	if ((type == INT4OID && customer != (int32) customer) ||
		(type == INT2OID && customer != (int16) customer))
		ereport(ERROR,
				(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
				 errmsg("customer " INT64_FORMAT " is out of range for type %s",
						customer, format_type_be(type)),
				 errhint("Leave the second argument out: customers are "
						 "bigint then.")));
}

static Datum
customer_datum(const Call *call, const CrmKey *key)
{
	Datum customer = crm_feed_customer(call->key_kind, key);

	if (call->key_kind != CRM_KEY_BIGINT)
		return customer;
	check_integer(DatumGetInt64(customer), call->customer_type);
	if (call->customer_type == INT4OID)
		return Int32GetDatum((int32) DatumGetInt64(customer));
	if (call->customer_type == INT2OID)
		return Int16GetDatum((int16) DatumGetInt64(customer));
	return customer;
}

/* what is inserted nowhere is checked by nobody else */
static void
check_domain(Call *call, Datum customer)
{
	if (OidIsValid(call->domain))
		domain_check(customer, false, call->domain, &call->constraints,
					 call->context);
}

static Datum
history_datum(const Call *call, const CrmGathered *customer)
{
	CrmPurchases list;
	CrmGatherRow row;

	crm_purchases_init(&list, call->times);
	for (uint64 i = 0; i < customer->count; i++)
	{
		crm_gathered_row(customer, i, &row);
		if (row.kind == CRM_FEED_VISIT)
			crm_purchases_add_visits(&list, crm_day_of_local(row.at), 1);
		else
			crm_purchases_add_order(&list, row.at,
									row.known ? &row.amount : NULL);
		if ((i & 0xFFFF) == 0)
			CHECK_FOR_INTERRUPTS();
	}
	return crm_history_make(&list);
}

static void
put_histories(Call *call, CrmGather *gather, ReturnSetInfo *result)
{
	MemoryContext context = AllocSetContextCreate(
		CurrentMemoryContext, "crmlife history", ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);
	CrmGathered	  customer;

	crm_gather_rewind(gather);
	while (crm_gather_next(gather, &customer))
	{
		Datum values[2];
		bool  nulls[2] = {false, false};

		values[0] = customer_datum(call, &customer.key);
		check_domain(call, values[0]);
		values[1] = history_datum(call, &customer);
		tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
		MemoryContextReset(context);
	}
	MemoryContextSwitchTo(old);
	MemoryContextDelete(context);
}

static void
result_type(Call *call, FunctionCallInfo fcinfo)
{
	Oid type = get_fn_expr_argtype(fcinfo->flinfo, 1);

	call->customer_type = OidIsValid(type) ? getBaseType(type) : INT8OID;
	call->context = CurrentMemoryContext;
	if (OidIsValid(type) && call->customer_type != type)
		call->domain = type;
	switch (call->customer_type)
	{
		case INT2OID:
		case INT4OID:
		case INT8OID:
			call->key_kind = CRM_KEY_BIGINT;
			break;
		case UUIDOID:
			call->key_kind = CRM_KEY_UUID;
			break;
		case TEXTOID:
		case VARCHAROID:
			call->key_kind = CRM_KEY_TEXT;
			break;
		default:
			ereport(ERROR, (errcode(ERRCODE_DATATYPE_MISMATCH),
							errmsg("customers cannot be of type %s",
								   format_type_be(type)),
							errhint("NULL::bigint, NULL::uuid or NULL::text; "
									"cast in the query what is something "
									"else.")));
	}
}

/* (query, a value of the customers' type) */
Datum
crm_purchase_histories(PG_FUNCTION_ARGS)
{
	Call	   call = {0};
	CrmGather *gather;

	result_type(&call, fcinfo);
	InitMaterializedSRF(fcinfo, 0);
	if (PG_ARGISNULL(0))
		return (Datum) 0;
	gather = run(&call, text_to_cstring(PG_GETARG_TEXT_PP(0)));
	put_histories(&call, gather, (ReturnSetInfo *) fcinfo->resultinfo);
	crm_gather_end(gather);
	SPI_finish();
	return (Datum) 0;
}
