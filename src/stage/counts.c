/*
 * counts.c
 *		What views show of stage tables that their reader has not named.
 *
 * Whoever selects from a view of schema crmlife meets every stage table he may
 * read, also one that somebody made readable in order to be met: its owner can
 * give it policies, index predicates, columns of another type with casts of
 * their own.  A query on it would run all of these as the reader.
 *
 * Invariant: here a stage table is read as its owner, security-restricted, for
 * readers who may see all of its rows, and for nobody else.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_class.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "storage/lmgr.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/rls.h"

#include "compat.h"
#include "stage/rights.h"
#include "stage/statement.h"

PG_FUNCTION_INFO_V1(crm_reads_all);
PG_FUNCTION_INFO_V1(crm_reads_scores);
PG_FUNCTION_INFO_V1(crm_rfm_counts);
PG_FUNCTION_INFO_V1(crm_changes_after);

static bool
reads_all(Oid relation)
{
	bool	  missing = false;
	AclResult result =
		pg_class_aclcheck_ext(relation, GetUserId(), ACL_SELECT, &missing);

	return !missing && result == ACLCHECK_OK &&
		   check_enable_rls(relation, InvalidOid, true) != RLS_ENABLED;
}

/* (relation): may the current user read it, and every row of it? */
Datum
crm_reads_all(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(reads_all(PG_GETARG_OID(0)));
}

static bool
has_column(Oid relation, const char *name, Oid type)
{
	AttrNumber number = get_attnum(relation, name);

	return number > 0 && get_atttype(relation, number) == type;
}

/* (relation): the same, and does it have what crm_rfm_counts counts? */
Datum
crm_reads_scores(PG_FUNCTION_ARGS)
{
	Oid relation = PG_GETARG_OID(0);

	PG_RETURN_BOOL(reads_all(relation) &&
				   has_column(relation, "rfm_score", INT4OID) &&
				   has_column(relation, "revenue", NUMERICOID));
}

static void
require_reader_of_all(Oid relation)
{
	crm_require_stage_reader(relation);
	if (check_enable_rls(relation, InvalidOid, true) == RLS_ENABLED)
		ereport(
			ERROR,
			(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
			 errmsg("row security keeps you from reading all of stage table %s",
					crm_quote_relation(relation)),
			 errhint("A query of your own counts the rows that you may "
					 "read.")));
}

static void
check_count_types(Oid relation, TupleDesc row)
{
	static const Oid types[] = {INT4OID, INT8OID, NUMERICOID};

	for (int i = 0; i < (int) lengthof(types); i++)
		if (SPI_gettypeid(row, i + 1) != types[i])
			ereport(ERROR,
					(errcode(ERRCODE_DATATYPE_MISMATCH),
					 errmsg("columns of stage table %s have other types than "
							"they were created with",
							crm_quote_relation(relation)),
					 errhint("Drop the stage table with "
							 "crmlife.drop_stage_table and create it "
							 "again.")));
}

/* (stage table): customers and revenue of each score */
Datum
crm_rfm_counts(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	Oid			   relation = PG_GETARG_OID(0);
	CrmIdentity	   saved;

	InitMaterializedSRF(fcinfo, 0);
	crm_require_stage_table(relation);
	require_reader_of_all(relation);
	LockRelationOid(relation, AccessShareLock);
	/* it may have changed while we waited */
	require_reader_of_all(relation);
	SPI_connect();
	crm_become_owner_of(relation, &saved);
	(void) crm_query(psprintf("SELECT rfm_score, count(*), sum(revenue) "
							  "FROM %s WHERE rfm_score IS NOT NULL "
							  "GROUP BY rfm_score",
							  crm_quote_relation(relation)),
					 0, NULL, NULL);
	crm_revert_identity(&saved);
	check_count_types(relation, SPI_tuptable->tupdesc);
	for (uint64 i = 0; i < SPI_processed; i++)
		tuplestore_puttuple(result->setResult, SPI_tuptable->vals[i]);
	SPI_finish();
	return (Datum) 0;
}

/* a table the reader may count, and no policy of its owner's own in the way */
static bool
runs_nothing_else(Oid table)
{
	return reads_all(table) && get_rel_relkind(table) == RELKIND_RELATION &&
		   check_enable_rls(table, crm_relation_owner(table), true) !=
			   RLS_ENABLED;
}

/* nobody holds a lock on what is not theirs to read */
static bool
lock_countable(Oid table)
{
	if (!runs_nothing_else(table))
		return false;
	LockRelationOid(table, AccessShareLock);
	/* it may have changed while we waited */
	return runs_nothing_else(table);
}

/*
 * (change log, seq): how many rows come after it, and when the first of them
 * was recorded; NULL where the log is not what it was created as, or not the
 * reader's to read
 */
Datum
crm_changes_after(PG_FUNCTION_ARGS)
{
	Oid			log = PG_GETARG_OID(0);
	Oid			types[1] = {INT8OID};
	Datum		arguments[1] = {PG_GETARG_DATUM(1)};
	Datum		values[2] = {0};
	bool		nulls[2] = {true, true};
	TupleDesc	descriptor;
	CrmIdentity saved;

	if (get_call_result_type(fcinfo, NULL, &descriptor) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	if (lock_countable(log) && has_column(log, "seq", INT8OID) &&
		has_column(log, "recorded_at", TIMESTAMPTZOID))
	{
		const char *name = crm_quote_relation(log);

		SPI_connect();
		crm_become_owner_of(log, &saved);
		(void) crm_query(
			psprintf("SELECT (SELECT count(*) FROM %s WHERE seq > $1), (SELECT "
					 "recorded_at FROM %s WHERE seq > $1 ORDER BY seq LIMIT 1)",
					 name, name),
			1, types, arguments);
		crm_revert_identity(&saved);
		for (int i = 0; i < 2; i++)
			values[i] = SPI_getbinval(SPI_tuptable->vals[0],
									  SPI_tuptable->tupdesc, i + 1, &nulls[i]);
		SPI_finish();
	}
	PG_RETURN_DATUM(
		HeapTupleGetDatum(heap_form_tuple(descriptor, values, nulls)));
}

PG_FUNCTION_INFO_V1(crm_due_rows);

/* (stage table, day): how many of its rows are due by that day; NULL as above */
Datum
crm_due_rows(PG_FUNCTION_ARGS)
{
	Oid			table = PG_GETARG_OID(0);
	Oid			types[1] = {DATEOID};
	Datum		arguments[1] = {PG_GETARG_DATUM(1)};
	Datum		count;
	bool		isnull;
	CrmIdentity saved;

	if (!lock_countable(table) || !has_column(table, "due_on", DATEOID))
		PG_RETURN_NULL();
	SPI_connect();
	crm_become_owner_of(table, &saved);
	(void) crm_query(psprintf("SELECT count(*) FROM %s WHERE due_on <= $1",
							  crm_quote_relation(table)),
					 1, types, arguments);
	crm_revert_identity(&saved);
	count =
		SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull);
	SPI_finish();
	PG_RETURN_DATUM(count);
}
