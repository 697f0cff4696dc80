/*
 * model_type.c
 *		The SQL type lifecycle_model: input, output, binding, caching.
 *
 * A value is the canonical text, so it dumps and travels as text and an upgrade
 * never changes it; the name of a shipped model turns into its text when it is
 * read.  It is compiled where it is used, once per value.  To tell in each row
 * whether the value is one that is compiled already, there is a digest before
 * the text:
 *
 *		varlena header | first 16 bytes of the text's SHA-256 | text
 *
 * Invariant: a stored text parses, compiles and keeps its REQUIRE clause; only
 * unbound thresholds are left for use to refuse.
 */
#include "postgres.h"

#include "common/cryptohash.h"
#include "common/sha2.h"
#include "fmgr.h"
#include "funcapi.h"
#include "libpq/pqformat.h"
#include "mb/pg_wchar.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

#include "compat.h"
#include "functions/model_parse.h"
#include "functions/model_shipped.h"
#include "functions/model_type.h"

PG_FUNCTION_INFO_V1(crm_model_in);
PG_FUNCTION_INFO_V1(crm_model_out);
PG_FUNCTION_INFO_V1(crm_model_recv);
PG_FUNCTION_INFO_V1(crm_model_send);
PG_FUNCTION_INFO_V1(crm_with_threshold);
PG_FUNCTION_INFO_V1(crm_model_thresholds);
PG_FUNCTION_INFO_V1(crm_model_stages);
PG_FUNCTION_INFO_V1(crm_model_case);
PG_FUNCTION_INFO_V1(crm_shipped_model_list);

/* ---- the stored form ---- */

Datum
crm_model_datum(const char *model)
{
	int				   size = (int) strlen(model);
	struct varlena	  *value = palloc(VARHDRSZ + CRM_MODEL_DIGEST + size);
	uint8			   digest[PG_SHA256_DIGEST_LENGTH];
	pg_cryptohash_ctx *hash = pg_cryptohash_create(PG_SHA256);

	if (pg_cryptohash_init(hash) < 0 ||
		pg_cryptohash_update(hash, (const uint8 *) model, size) < 0 ||
		pg_cryptohash_final(hash, digest, sizeof(digest)) < 0)
		elog(ERROR, "could not compute SHA-256: %s", pg_cryptohash_error(hash));
	pg_cryptohash_free(hash);
	SET_VARSIZE(value, VARHDRSZ + CRM_MODEL_DIGEST + size);
	memcpy(VARDATA(value), digest, CRM_MODEL_DIGEST);
	memcpy(VARDATA(value) + CRM_MODEL_DIGEST, model, size);
	return PointerGetDatum(value);
}

char *
crm_model_datum_text(Datum model)
{
	struct varlena *value = PG_DETOAST_DATUM_PACKED(model);
	char		   *result = pnstrdup(VARDATA_ANY(value) + CRM_MODEL_DIGEST,
									  VARSIZE_ANY_EXHDR(value) - CRM_MODEL_DIGEST);

	if (PointerGetDatum(value) != model)
		pfree(value);
	return result;
}

bool
crm_model_seen_stored(const CrmModelSeen *seen, Datum model)
{
	return seen->stored != NULL &&
		   VARSIZE_ANY(DatumGetPointer(model)) == seen->stored_size &&
		   memcmp(DatumGetPointer(model), seen->stored, seen->stored_size) == 0;
}

/*
 * What a pointer points to is the same as long as the pointer is: the query
 * that read it still sees the row.  A pointer into memory is not.
 */
void
crm_model_see(CrmModelSeen *seen, MemoryContext context, Datum model)
{
	struct varlena *value = (struct varlena *) DatumGetPointer(model);

	if (seen->stored != NULL)
		pfree(seen->stored);
	seen->stored = NULL;
	seen->first = UINT16_MAX;
	if (!VARATT_IS_EXTENDED(value) || VARATT_IS_SHORT(value))
	{
		seen->first = *(uint8 *) value;
		seen->start = VARDATA_ANY(value) - (char *) value;
		memcpy(seen->digest, VARDATA_ANY(value), CRM_MODEL_DIGEST);
	}
	else if (VARATT_IS_COMPRESSED(value) || VARATT_IS_EXTERNAL_ONDISK(value))
	{
		seen->stored_size = VARSIZE_ANY(value);
		seen->stored = MemoryContextAlloc(context, seen->stored_size);
		memcpy(seen->stored, value, seen->stored_size);
	}
}

/* ---- input and output ---- */

/* the word that is the whole input, or NULL */
static char *
single_word(const char *input)
{
	const char *start = input + strspn(input, " \t\r\n\f");
	size_t		size = strcspn(start, " \t\r\n\f");

	if (start[size + strspn(start + size, " \t\r\n\f")] != '\0')
		return NULL;
	for (size_t i = 0; i < size; i++)
		if (strchr("'\"(=<>-", start[i]) != NULL)
			return NULL;
	return pnstrdup(start, size);
}

static const char *
shipped_text(const char *name)
{
	const CrmShippedModel *shipped = crm_shipped_model(name);

	if (shipped == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("stage model \"%s\" does not exist", name),
				 errdetail("Shipped models are %s.", crm_shipped_names()),
				 errhint("A model of your own is the text CASE ... END, or "
						 "(SELECT model FROM crmlife.model WHERE name = '%s').",
						 name)));
	return shipped->text;
}

/* checks the input; the canonical text */
static char *
read_model(const char *input)
{
	const char	 *name = single_word(input);
	CrmModelText *parts;
	MemoryContext old = CurrentMemoryContext;
	MemoryContext work =
		AllocSetContextCreate(old, "stage model input", ALLOCSET_SMALL_SIZES);
	char *result;

	MemoryContextSwitchTo(work);
	parts = crm_model_text_split(name ? shipped_text(name) : input);
	crm_model_text_compile(parts, false);
	crm_model_text_require(parts);
	MemoryContextSwitchTo(old);
	result = crm_model_text_print(parts);
	MemoryContextDelete(work);
	return result;
}

Datum
crm_model_in(PG_FUNCTION_ARGS)
{
	PG_RETURN_DATUM(crm_model_datum(read_model(PG_GETARG_CSTRING(0))));
}

Datum
crm_model_out(PG_FUNCTION_ARGS)
{
	PG_RETURN_CSTRING(crm_model_datum_text(PG_GETARG_DATUM(0)));
}

Datum
crm_model_recv(PG_FUNCTION_ARGS)
{
	StringInfo buffer = (StringInfo) PG_GETARG_POINTER(0);
	int		   size;
	char *input = pq_getmsgtext(buffer, buffer->len - buffer->cursor, &size);

	PG_RETURN_DATUM(crm_model_datum(read_model(input)));
}

Datum
crm_model_send(PG_FUNCTION_ARGS)
{
	char		  *model = crm_model_datum_text(PG_GETARG_DATUM(0));
	StringInfoData buffer;

	pq_begintypsend(&buffer);
	pq_sendtext(&buffer, model, (int) strlen(model));
	PG_RETURN_BYTEA_P(pq_endtypsend(&buffer));
}

/* ---- for C code ---- */

CrmModel *
crm_model_from_datum(Datum model)
{
	CrmModelText *parts = crm_model_text_split(crm_model_datum_text(model));

	return crm_model_text_compile(parts, true);
}

typedef struct Cached
{
	MemoryContext context;
	char		  digest[CRM_MODEL_DIGEST];
	CrmModel	 *model;
} Cached;

/*
 * Rows may come with several models in turn, as those of segments do.  The
 * first ones stay; of all others the last one does.
 */
#define CACHED_SLOTS 128
#define CACHED_MODELS 96

typedef struct ModelCache
{
	Cached *last;
	Cached *other;
	int		count;
	Cached *slots[CACHED_SLOTS]; /* by digest, the next free one */
} ModelCache;

static Cached *
compile_cached(MemoryContext parent, Datum value, const char *digest)
{
	MemoryContext context =
		AllocSetContextCreate(parent, "stage model", ALLOCSET_SMALL_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);
	Cached		 *cached = palloc(sizeof(Cached));

	cached->context = context;
	memcpy(cached->digest, digest, CRM_MODEL_DIGEST);
	cached->model = crm_model_from_datum(value);
	MemoryContextSwitchTo(old);
	return cached;
}

static inline bool
is_cached(const Cached *cached, const char *digest)
{
	return cached != NULL &&
		   memcmp(cached->digest, digest, CRM_MODEL_DIGEST) == 0;
}

/* the slot that has it, or the empty one where it would be */
static Cached **
find_slot(ModelCache *cache, const char *digest)
{
	uint32 slot;

	memcpy(&slot, digest, sizeof(slot));
	slot %= CACHED_SLOTS;
	while (cache->slots[slot] != NULL && !is_cached(cache->slots[slot], digest))
		slot = (slot + 1) % CACHED_SLOTS;
	return &cache->slots[slot];
}

static pg_noinline Cached *
look_up(ModelCache *cache, MemoryContext context, Datum value,
		const char *digest)
{
	Cached **slot = find_slot(cache, digest);
	Cached	*before = cache->other;

	if (*slot != NULL)
		return *slot;
	if (is_cached(before, digest))
		return before;
	if (cache->count < CACHED_MODELS)
	{
		*slot = compile_cached(context, value, digest);
		cache->count++;
		return *slot;
	}
	cache->other = compile_cached(context, value, digest);
	cache->last = NULL;
	if (before != NULL)
		MemoryContextDelete(before->context);
	return cache->other;
}

const CrmModel *
crm_model_cached(void **kept, MemoryContext context, Datum model)
{
	ModelCache	   *cache = *kept;
	struct varlena *value = PG_DETOAST_DATUM_PACKED(model);
	const char	   *digest = VARDATA_ANY(value);

	if (unlikely(cache == NULL))
		*kept = cache = MemoryContextAllocZero(context, sizeof(ModelCache));
	if (unlikely(!is_cached(cache->last, digest)))
		cache->last = look_up(cache, context, PointerGetDatum(value), digest);
	if (unlikely(PointerGetDatum(value) != model))
		pfree(value);
	return cache->last->model;
}

void
crm_model_require(const CrmModel *model, unsigned supplied, const char *door,
				  const char *hint)
{
	unsigned missing = crm_model_facts(model) & ~supplied;

	for (int fact = 0; fact < CRM_FACT_COUNT; fact++)
		if (missing & CRM_FACT_BIT(fact))
			ereport(ERROR,
					(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
					 errmsg("the stage model reads %s, which %s can't supply",
							crm_fact_name((CrmFact) fact), door),
					 hint ? errhint("%s", hint) : 0));
}

/* what is the same in models that differ in thresholds alone */
Datum
crm_model_case(PG_FUNCTION_ARGS)
{
	CrmModelText *parts =
		crm_model_text_split(crm_model_datum_text(PG_GETARG_DATUM(0)));

	PG_RETURN_TEXT_P(cstring_to_text_with_len(
		parts->text + parts->case_start, parts->case_end - parts->case_start));
}

/* ---- thresholds ---- */

static CrmThreshold *
find_threshold(CrmModelText *parts, const char *name)
{
	StringInfoData names;

	initStringInfo(&names);
	for (int i = 0; i < parts->count; i++)
	{
		if (strcmp(parts->thresholds[i].name, name) == 0)
			return &parts->thresholds[i];
		appendStringInfo(&names, "%s%s", i == 0 ? "" : ", ",
						 parts->thresholds[i].name);
	}
	ereport(ERROR, (errcode(ERRCODE_UNDEFINED_OBJECT),
					errmsg("the stage model has no threshold \"%s\"", name),
					parts->count > 0 ? errdetail("It has %s.", names.data)
									 : errdetail("It has none.")));
}

static void
check_value(Numeric value)
{
	if (numeric_is_nan(value) || numeric_is_inf(value))
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("a threshold must be a finite number or NULL"),
						errhint("NULL makes its comparisons unknown.")));
}

/* a value that keeps REQUIRE and can be written into the text */
Datum
crm_with_threshold(PG_FUNCTION_ARGS)
{
	CrmModelText *parts;
	CrmThreshold *threshold;

	if (PG_ARGISNULL(0))
		PG_RETURN_NULL();
	if (PG_ARGISNULL(1))
		ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
						errmsg("name of the threshold must not be NULL")));
	parts = crm_model_text_split(crm_model_datum_text(PG_GETARG_DATUM(0)));
	threshold = find_threshold(parts, text_to_cstring(PG_GETARG_TEXT_PP(1)));
	threshold->bound = true;
	threshold->value = NULL;
	if (!PG_ARGISNULL(2))
	{
		threshold->value = PG_GETARG_NUMERIC(2);
		check_value(threshold->value);
	}
	crm_model_text_require(parts);
	PG_RETURN_DATUM(crm_model_datum(crm_model_text_print(parts)));
}

static void
bind(CrmModelText *parts, const CrmBinding *binding, bool with_default)
{
	check_value(binding->value);
	for (int i = 0; i < parts->count; i++)
	{
		CrmThreshold *threshold = &parts->thresholds[i];

		if (strcmp(threshold->name, binding->threshold) != 0 ||
			(threshold->bound && !with_default))
			continue;
		threshold->bound = true;
		threshold->value = binding->value;
	}
}

bool
crm_model_try_bind(Datum model, const CrmBinding *bindings, int count,
				   Datum *bound)
{
	CrmModelText *parts = crm_model_text_split(crm_model_datum_text(model));

	for (int i = 0; i < count; i++)
		bind(parts, &bindings[i], true);
	if (!crm_model_text_holds(parts))
		return false;
	*bound = crm_model_datum(crm_model_text_print(parts));
	return true;
}

Datum
crm_model_bind(Datum model, const CrmBinding *bindings, int count)
{
	CrmModelText *parts;
	Datum		  bound;

	if (crm_model_try_bind(model, bindings, count, &bound))
		return bound;
	parts = crm_model_text_split(crm_model_datum_text(model));
	for (int i = 0; i < count; i++)
		bind(parts, &bindings[i], !bindings[i].learned);
	crm_model_text_require(parts);
	return crm_model_datum(crm_model_text_print(parts));
}

bool
crm_model_has_threshold(Datum model, const char *name)
{
	CrmModelText *parts = crm_model_text_split(crm_model_datum_text(model));

	for (int i = 0; i < parts->count; i++)
		if (strcmp(parts->thresholds[i].name, name) == 0)
			return true;
	return false;
}

bool
crm_model_lacks_value(Datum model)
{
	CrmModelText *parts = crm_model_text_split(crm_model_datum_text(model));

	for (int i = 0; i < parts->count; i++)
		if (!parts->thresholds[i].bound)
			return true;
	return false;
}

CrmModel *
crm_model_for_checks(Datum model)
{
	CrmModelText *parts = crm_model_text_split(crm_model_datum_text(model));

	return crm_model_text_compile(parts, false);
}

Datum
crm_model_thresholds(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	CrmModelText  *parts;

	InitMaterializedSRF(fcinfo, 0);
	parts = crm_model_text_split(crm_model_datum_text(PG_GETARG_DATUM(0)));
	for (int i = 0; i < parts->count; i++)
	{
		const CrmThreshold *threshold = &parts->thresholds[i];
		Datum				values[2];
		bool				nulls[2] = {false, threshold->value == NULL};

		values[0] = CStringGetTextDatum(threshold->name);
		values[1] = NumericGetDatum(threshold->value);
		tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
	}
	return (Datum) 0;
}

/* ---- stages ---- */

/* the shipped model with the same CASE, whatever its thresholds */
static const CrmShippedModel *
shipped_like(const CrmModelText *parts)
{
	for (const CrmShippedModel *model = crm_shipped_models; model->name;
		 model++)
		if (crm_model_text_same_case(parts, crm_model_text_split(model->text)))
			return model;
	return NULL;
}

static void
set_text(Datum *value, bool *null, const char *text)
{
	*null = text == NULL;
	*value = text == NULL ? (Datum) 0 : CStringGetTextDatum(text);
}

typedef struct ShownStage
{
	int					   number; /* in the model */
	const CrmShippedStage *shipped;
} ShownStage;

/* in the order of the shipped model, else of first appearance */
static ShownStage *
shown_stages(const CrmModel *model, const CrmShippedModel *shipped)
{
	int			count = crm_model_stage_count(model);
	ShownStage *shown = palloc(count * sizeof(ShownStage));
	bool	   *placed = palloc0(count * sizeof(bool));
	int			placed_count = 0;

	for (const CrmShippedStage *stage = shipped ? shipped->stages : NULL;
		 stage != NULL && stage->stage != NULL; stage++)
		for (int i = 0; i < count; i++)
			if (strcmp(crm_model_stage_name(model, i), stage->stage) == 0)
			{
				shown[placed_count++] = (ShownStage){i, stage};
				placed[i] = true;
			}
	for (int i = 0; i < count; i++)
		if (!placed[i])
			shown[placed_count++] = (ShownStage){i, NULL};
	return shown;
}

Datum
crm_model_stages(PG_FUNCTION_ARGS)
{
	ReturnSetInfo		  *result = (ReturnSetInfo *) fcinfo->resultinfo;
	CrmModelText		  *parts;
	const CrmShippedModel *shipped;
	CrmModel			  *model;
	ShownStage			  *shown;

	InitMaterializedSRF(fcinfo, 0);
	parts = crm_model_text_split(crm_model_datum_text(PG_GETARG_DATUM(0)));
	shipped = shipped_like(parts);
	model = crm_model_text_compile(parts, false);
	shown = shown_stages(model, shipped);
	for (int i = 0; i < crm_model_stage_count(model); i++)
	{
		const CrmShippedStage *stage = shown[i].shipped;
		Datum				   values[6];
		bool				   nulls[6] = {false};

		values[0] = Int32GetDatum(i + 1);
		values[1] =
			CStringGetTextDatum(crm_model_stage_name(model, shown[i].number));
		set_text(&values[2], &nulls[2], stage ? stage->zone : NULL);
		set_text(&values[3], &nulls[3], stage ? stage->label_en : NULL);
		set_text(&values[4], &nulls[4], stage ? stage->label_zh : NULL);
		set_text(&values[5], &nulls[5], stage ? stage->advice : NULL);
		tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
	}
	return (Datum) 0;
}

Datum
crm_shipped_model_list(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;

	InitMaterializedSRF(fcinfo, 0);
	for (const CrmShippedModel *model = crm_shipped_models; model->name;
		 model++)
	{
		bool  nulls[2] = {false, false};
		Datum values[2] = {CStringGetTextDatum(model->name),
						   crm_model_datum(read_model(model->name))};

		tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
	}
	return (Datum) 0;
}
