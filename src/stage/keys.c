/*
 * keys.c
 *		Keys of customers, and lists of them.
 *
 * A key is an int8, a uuid or a text, whatever the types of the columns it
 * stands in; in the queue it stands as text, as its type writes it.
 *
 * Invariant: a settled list ascends by crm_stage_key_compare, which compares
 * texts byte by byte, and has each key once.
 */
#include "postgres.h"

#include <ctype.h>
#include <limits.h>

#include "catalog/pg_type.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/fmgrprotos.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/uuid.h"

#include "stage/keys.h"

CrmStageKey
crm_stage_key_from_name(const char *name)
{
	if (strcmp(name, "bigint") == 0)
		return CRM_STAGE_KEY_BIGINT;
	return strcmp(name, "uuid") == 0 ? CRM_STAGE_KEY_UUID : CRM_STAGE_KEY_TEXT;
}

Oid
crm_key_type(CrmStageKey key)
{
	switch (key)
	{
		case CRM_STAGE_KEY_BIGINT:
			return INT8OID;
		case CRM_STAGE_KEY_UUID:
			return UUIDOID;
		case CRM_STAGE_KEY_TEXT:
			break;
	}
	return TEXTOID;
}

Oid
crm_key_array_type(CrmStageKey key)
{
	switch (key)
	{
		case CRM_STAGE_KEY_BIGINT:
			return INT8ARRAYOID;
		case CRM_STAGE_KEY_UUID:
			return UUIDARRAYOID;
		case CRM_STAGE_KEY_TEXT:
			break;
	}
	return TEXTARRAYOID;
}

int
crm_stage_key_compare(CrmStageKey key, Datum a, Datum b)
{
	if (key == CRM_STAGE_KEY_BIGINT)
	{
		int64 left = DatumGetInt64(a);
		int64 right = DatumGetInt64(b);

		return left < right ? -1 : left > right;
	}
	else if (key == CRM_STAGE_KEY_UUID)
		return memcmp(DatumGetUUIDP(a), DatumGetUUIDP(b), UUID_LEN);
	else
	{
		text *left = DatumGetTextPP(a);
		text *right = DatumGetTextPP(b);
		int	  left_size = VARSIZE_ANY_EXHDR(left);
		int	  right_size = VARSIZE_ANY_EXHDR(right);
		int	  result = memcmp(VARDATA_ANY(left), VARDATA_ANY(right),
							  Min(left_size, right_size));

		if (result != 0)
			return result;
		return left_size < right_size ? -1 : left_size > right_size;
	}
}

char *
crm_key_text(CrmStageKey key, Datum value)
{
	Oid	 output;
	bool varlena;

	getTypeOutputInfo(crm_key_type(key), &output, &varlena);
	return OidOutputFunctionCall(output, value);
}

static bool
int_from_text(const char *text, Datum *value)
{
	char *end;
	int64 number;

	errno = 0;
	number = strtoi64(text, &end, 10);
	*value = Int64GetDatum(number);
	return end != text && *end == '\0' && errno == 0;
}

static bool
uuid_from_text(const char *text, Datum *value)
{
	static const char form[] = "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx";

	if (strlen(text) != strlen(form))
		return false;
	for (int i = 0; form[i]; i++)
		if (form[i] == '-' ? text[i] != '-'
						   : !isxdigit((unsigned char) text[i]))
			return false;
	*value = DirectFunctionCall1(uuid_in, CStringGetDatum(text));
	return true;
}

bool
crm_stage_key_from_text(CrmStageKey key, const char *text, Datum *value)
{
	switch (key)
	{
		case CRM_STAGE_KEY_BIGINT:
			return int_from_text(text, value);
		case CRM_STAGE_KEY_UUID:
			return uuid_from_text(text, value);
		case CRM_STAGE_KEY_TEXT:
			break;
	}
	*value = CStringGetTextDatum(text);
	return true;
}

Datum
crm_stage_key_copy(CrmStageKey key, Datum value)
{
	switch (key)
	{
		case CRM_STAGE_KEY_BIGINT:
			return value;
		case CRM_STAGE_KEY_UUID:
			return datumCopy(value, false, UUID_LEN);
		case CRM_STAGE_KEY_TEXT:
			break;
	}
	return datumCopy(value, false, -1);
}

Datum
crm_key_array(CrmStageKey key, Datum *keys, int count)
{
	Oid	  type = crm_key_type(key);
	int16 length;
	bool  by_value;
	char  align;

	get_typlenbyvalalign(type, &length, &by_value, &align);
	return PointerGetDatum(
		construct_array(keys, count, type, length, by_value, align));
}

bool
crm_key_array_possible(CrmStageKey key, const Datum *keys, int count)
{
	Size bytes = ARR_OVERHEAD_NONULLS(1);

	if (key == CRM_STAGE_KEY_BIGINT)
		bytes += sizeof(int64) * (Size) count;
	else if (key == CRM_STAGE_KEY_UUID)
		bytes += UUID_LEN * (Size) count;
	else
		for (int i = 0; i < count; i++)
			bytes += INTALIGN(VARSIZE_ANY(DatumGetPointer(keys[i])));
	return count <= MaxArraySize && AllocSizeIsValid(bytes);
}

/* ----- lists ----- */

void
crm_keys_add(CrmKeys *keys, Datum key)
{
	if (keys->count == keys->space)
	{
		if (keys->space > INT_MAX / 2)
			ereport(ERROR, (errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
							errmsg("too many customers")));
		keys->space = Max(keys->space * 2, 64);
		keys->keys =
			keys->keys ? repalloc_huge(keys->keys, sizeof(Datum) * keys->space)
					   : palloc(sizeof(Datum) * keys->space);
	}
	keys->keys[keys->count++] = key;
}

static int
compare_keys(const void *a, const void *b, void *kind)
{
	return crm_stage_key_compare(*(CrmStageKey *) kind, *(const Datum *) a,
								 *(const Datum *) b);
}

void
crm_keys_settle(CrmKeys *keys)
{
	int kept = 0;

	qsort_arg(keys->keys, keys->count, sizeof(Datum), compare_keys,
			  &keys->kind);
	for (int i = 0; i < keys->count; i++)
		if (kept == 0 || crm_stage_key_compare(keys->kind, keys->keys[kept - 1],
											   keys->keys[i]) != 0)
			keys->keys[kept++] = keys->keys[i];
	keys->count = kept;
}

bool
crm_keys_have(const CrmKeys *keys, Datum key)
{
	return keys->count > 0 &&
		   bsearch_arg(&key, keys->keys, keys->count, sizeof(Datum),
					   compare_keys,
					   unconstify(CrmStageKey *, &keys->kind)) != NULL;
}

void
crm_keys_subtract(CrmKeys *keys, const CrmKeys *others)
{
	int kept = 0;

	for (int i = 0; i < keys->count; i++)
		if (!crm_keys_have(others, keys->keys[i]))
			keys->keys[kept++] = keys->keys[i];
	keys->count = kept;
}
