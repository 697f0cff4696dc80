/*
 * in_force.c
 *		The models in force: a stage table's own, and those of its segments.
 *
 * A model has defaults for its thresholds.  Over these lie, from below,
 *
 *		learned from all customers            where reliable
 *		learned from those of the segment     where reliable
 *		set by hand for all
 *		set by hand for the segment
 *
 * so that what somebody set by hand is never undone by data, and of values of
 * one origin the narrower wins.  What was learned from a segment is left out
 * where it breaks a condition of the model together with the others; then what
 * was learned from all (crm_model_bind).
 *
 * Invariant: the models of all segments have the same stages, with the same
 * numbers.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"

#include "compat.h"
#include "functions/model_type.h"
#include "stage/definition.h"
#include "stage/in_force.h"
#include "stage/rights.h"
#include "stage/statement.h"

/* the SQL function of src/functions/model_type.c */
extern Datum crm_with_threshold(PG_FUNCTION_ARGS);

/* a segment, or all customers, with the values that are their own */
typedef struct Segment
{
	const char *name; /* "": all */
	CrmBinding *bindings;
	int			learned; /* these come first */
	int			count;
	Datum		text; /* 0: not looked at yet */
	CrmModel   *model;
} Segment;

struct CrmInForce
{
	MemoryContext context;
	Datum		  model; /* without any of these values */
	Segment		  all;
	Segment		 *segments;
	int			  count;
};

/* ----- reading ----- */

/* the segment whose values come next; those of one stand together */
static Segment *
segment_of(CrmInForce *in_force, const char *name)
{
	Segment *segment;

	if (name[0] == '\0')
		return &in_force->all;
	if (in_force->count > 0 &&
		strcmp(in_force->segments[in_force->count - 1].name, name) == 0)
		return &in_force->segments[in_force->count - 1];
	segment = &in_force->segments[in_force->count++];
	segment->name = pstrdup(name);
	return segment;
}

static void
read_value(CrmInForce *in_force, CrmBinding *binding, HeapTuple tuple,
		   TupleDesc row)
{
	Segment *segment = segment_of(in_force, SPI_getvalue(tuple, row, 2));
	bool	 isnull;

	binding->threshold = SPI_getvalue(tuple, row, 3);
	binding->value = DatumGetNumericCopy(SPI_getbinval(tuple, row, 4, &isnull));
	binding->learned = DatumGetBool(SPI_getbinval(tuple, row, 5, &isnull));
	if (segment->count++ == 0)
		segment->bindings = binding;
	segment->learned += binding->learned;
}

/* what the query of crm_read_in_force returned */
static CrmInForce *
read_rows(SPITupleTable *table, uint64 count)
{
	CrmInForce *in_force = palloc0(sizeof(CrmInForce));
	CrmBinding *bindings = palloc(sizeof(CrmBinding) * count);
	bool		isnull;

	in_force->context = CurrentMemoryContext;
	in_force->model = PointerGetDatum(PG_DETOAST_DATUM_COPY(
		SPI_getbinval(table->vals[0], table->tupdesc, 1, &isnull)));
	in_force->all.name = "";
	in_force->segments = palloc0(sizeof(Segment) * count);
	for (uint64 i = 0; i < count; i++)
		if (SPI_getvalue(table->vals[i], table->tupdesc, 2) != NULL)
			read_value(in_force, &bindings[i], table->vals[i], table->tupdesc);
	return in_force;
}

CrmInForce *
crm_read_in_force(Oid stage_table)
{
	Oid			  types[1] = {OIDOID};
	Datum		  values[1] = {ObjectIdGetDatum(stage_table)};
	CrmInForce	 *in_force = NULL;
	uint64		  count;
	MemoryContext into = CurrentMemoryContext;

	SPI_connect();
	count =
		crm_query("SELECT t.model, v.segment, v.threshold, v.value, v.learned "
				  "FROM crmlife.stage_table t LEFT JOIN ("
				  "SELECT stage_table, segment, threshold, value, true AS "
				  "learned "
				  "FROM crmlife.learned_threshold WHERE chosen AND reliable "
				  "UNION ALL "
				  "SELECT stage_table, segment, threshold, value, false "
				  "FROM crmlife.threshold_override) v "
				  "ON v.stage_table = t.stage_table "
				  "WHERE t.stage_table = $1 "
				  "ORDER BY v.segment COLLATE \"C\", v.learned DESC",
				  1, types, values);
	if (count > 0)
	{
		SPITupleTable *table = SPI_tuptable;
		MemoryContext  old = MemoryContextSwitchTo(into);

		in_force = read_rows(table, count);
		MemoryContextSwitchTo(old);
	}
	SPI_finish();
	return in_force;
}

CrmInForce *
crm_newest_in_force(Oid stage_table)
{
	CrmInForce *in_force;
	CrmIdentity saved;

	CommandCounterIncrement();
	PushActiveSnapshot(GetTransactionSnapshot());
	crm_become_catalog_owner(&saved);
	in_force = crm_read_in_force(stage_table);
	crm_revert_identity(&saved);
	PopActiveSnapshot();
	if (in_force == NULL)
		crm_refuse_other_table(stage_table);
	return in_force;
}

/* ----- one model ----- */

/* all values that count for a segment; with_own: what was learned from it too */
static int
gather_bindings(const CrmInForce *in_force, const Segment *segment,
				bool with_own, CrmBinding *bindings)
{
	const Segment *all = &in_force->all;
	int			   count = 0;

	for (int i = 0; i < all->learned; i++)
		bindings[count++] = all->bindings[i];
	if (segment != all && with_own)
		for (int i = 0; i < segment->learned; i++)
			bindings[count++] = segment->bindings[i];
	for (int i = all->learned; i < all->count; i++)
		bindings[count++] = all->bindings[i];
	if (segment != all)
		for (int i = segment->learned; i < segment->count; i++)
			bindings[count++] = segment->bindings[i];
	return count;
}

static Datum
bind_segment(const CrmInForce *in_force, const Segment *segment)
{
	CrmBinding *bindings =
		palloc(sizeof(CrmBinding) * (in_force->all.count + segment->count + 1));
	int	  count = gather_bindings(in_force, segment, true, bindings);
	Datum text;

	if (crm_model_try_bind(in_force->model, bindings, count, &text))
		return text;
	count = gather_bindings(in_force, segment, false, bindings);
	return crm_model_bind(in_force->model, bindings, count);
}

static Segment *
find_segment(CrmInForce *in_force, const char *name)
{
	int low = 0;
	int high = in_force->count;

	if (name == NULL)
		return &in_force->all;
	while (low < high)
	{
		int middle = low + (high - low) / 2;
		int order = strcmp(in_force->segments[middle].name, name);

		if (order == 0)
			return &in_force->segments[middle];
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return &in_force->all;
}

static Datum
text_of(CrmInForce *in_force, Segment *segment)
{
	if (segment->text == (Datum) 0)
	{
		MemoryContext old = MemoryContextSwitchTo(in_force->context);

		segment->text = bind_segment(in_force, segment);
		MemoryContextSwitchTo(old);
	}
	return segment->text;
}

Datum
crm_in_force_text(CrmInForce *in_force, const char *segment)
{
	return text_of(in_force, find_segment(in_force, segment));
}

const CrmModel *
crm_in_force_model(CrmInForce *in_force, const char *name)
{
	Segment *segment = find_segment(in_force, name);

	if (segment->model == NULL)
	{
		Datum		  text = text_of(in_force, segment);
		MemoryContext old = MemoryContextSwitchTo(in_force->context);

		segment->model = crm_model_from_datum(text);
		MemoryContextSwitchTo(old);
	}
	return segment->model;
}

int
crm_in_force_segments(const CrmInForce *in_force)
{
	return in_force->count;
}

const char *
crm_in_force_segment(const CrmInForce *in_force, int number)
{
	return in_force->segments[number].name;
}

bool
crm_in_force_has(const CrmInForce *in_force, const char *segment)
{
	return find_segment(unconstify(CrmInForce *, in_force), segment) !=
		   &in_force->all;
}

/* ----- SQL ----- */

PG_FUNCTION_INFO_V1(crm_segment_models);

CrmInForce *
crm_show_in_force(Oid stage_table)
{
	CrmIdentity saved;
	CrmInForce *in_force;

	crm_require_stage_reader(stage_table);
	crm_become_catalog_owner(&saved);
	in_force = crm_read_in_force(stage_table);
	crm_revert_identity(&saved);
	if (in_force == NULL)
		crm_refuse_other_table(stage_table);
	return in_force;
}

/* (stage_table) -> the segments with values of their own, and their models */
Datum
crm_segment_models(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	CrmInForce	  *in_force;

	InitMaterializedSRF(fcinfo, 0);
	if (PG_ARGISNULL(0))
		return (Datum) 0;
	in_force = crm_show_in_force(PG_GETARG_OID(0));
	for (int i = 0; i < in_force->count; i++)
	{
		Datum values[2];
		bool  nulls[2] = {false, false};

		values[0] = CStringGetTextDatum(in_force->segments[i].name);
		values[1] = text_of(in_force, &in_force->segments[i]);
		tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
	}
	return (Datum) 0;
}

/* ----- versions ----- */

/* A segment whose values come to the same as the stage table's has no row. */
void
crm_record_model_version(Oid stage_table)
{
	Oid			types[1] = {OIDOID};
	Datum		values[1] = {ObjectIdGetDatum(stage_table)};
	CrmIdentity saved;

	crm_become_catalog_owner(&saved);
	crm_execute(
		"WITH last AS (SELECT v.version, v.segment, v.model::text AS model "
		"FROM crmlife.model_version v WHERE v.stage_table = $1 AND v.version "
		"= (SELECT max(w.version) FROM crmlife.model_version w "
		"WHERE w.stage_table = $1)), "
		"general AS (SELECT crmlife.effective_model($1) AS model), "
		"now AS (SELECT '' AS segment, g.model FROM general g UNION ALL "
		"SELECT s.segment, s.model FROM crmlife._segment_models($1) s, "
		"general g WHERE s.model::text <> g.model::text), "
		"next AS (SELECT coalesce((SELECT max(version) FROM last), 0) + 1 AS "
		"version WHERE EXISTS (SELECT FROM now n FULL JOIN last l "
		"ON l.segment = n.segment "
		"WHERE n.model::text IS DISTINCT FROM l.model)), "
		"kept AS (INSERT INTO crmlife.model_version (stage_table, version, "
		"segment, model) SELECT $1, next.version, now.segment, now.model "
		"FROM next, now) "
		"UPDATE crmlife.stage_table t SET model_version = next.version "
		"FROM next WHERE t.stage_table = $1",
		1, types, values, NULL, SPI_OK_UPDATE);
	crm_revert_identity(&saved);
}

void
crm_require_threshold(Oid stage_table, const char *name)
{
	Datum model = crm_in_force_text(crm_newest_in_force(stage_table), NULL);

	/* where there is none, this raises the error that names those there are */
	if (!crm_model_has_threshold(model, name))
		(void) DirectFunctionCall3(
			crm_with_threshold, model, CStringGetTextDatum(name),
			DirectFunctionCall1(int4_numeric, Int32GetDatum(0)));
}
