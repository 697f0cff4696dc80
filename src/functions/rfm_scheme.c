/*
 * rfm_scheme.c
 *		RFM segments as boxes: rfm_scheme_segment(score, boxes).
 *
 *		box   r_from .. r_to | f_from .. f_to | m_from .. m_to -> segment
 *
 * The first box that holds a score is its segment, so boxes may overlap and
 * their order matters; a score in none is "others".  The boxes are the same in
 * all rows as a rule: what they say of each of the 999 scores is worked out
 * once and kept with their bytes.
 *
 * Invariant: the kept segments are those of the bytes kept beside them.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "fmgr.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/typcache.h"

#include "compat.h"
#include "engine/rfm.h"

#define OTHERS "others"
#define MAX_BOXES 1000

/* columns of crmlife.rfm_box */
enum
{
	BOX_SEGMENT,
	BOX_LIMITS, /* r_from, r_to, f_from, f_to, m_from, m_to */
	BOX_COLUMNS = BOX_LIMITS + 6
};

typedef struct SchemeCache
{
	MemoryContext	context; /* of all below */
	struct varlena *bytes;
	text		   *segment[1000]; /* NULL: no score */
} SchemeCache;

PG_FUNCTION_INFO_V1(crm_rfm_scheme_segment);

static void
refuse_box(int number, const char *detail)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("box %d of an RFM scheme is not valid", number),
			 errdetail("%s", detail),
			 errhint("A box is (segment, r_from, r_to, f_from, f_to, m_from, "
					 "m_to), scores from 1 to %d, NULL for no limit.",
					 CRM_RFM_MAX_BINS)));
}

/* a limit that is NULL does not limit */
static void
read_limits(int number, Datum *values, bool *nulls, int *limits)
{
	for (int i = 0; i < 6; i++)
	{
		limits[i] = i % 2 == 0 ? 1 : CRM_RFM_MAX_BINS;
		if (nulls[BOX_LIMITS + i])
			continue;
		limits[i] = DatumGetInt32(values[BOX_LIMITS + i]);
		if (limits[i] < 1 || limits[i] > CRM_RFM_MAX_BINS)
			refuse_box(number, psprintf("A limit is %d.", limits[i]));
	}
	for (int i = 0; i < 6; i += 2)
		if (limits[i] > limits[i + 1])
			refuse_box(number, psprintf("It goes from %d to %d.", limits[i],
										limits[i + 1]));
}

/* the scores that no box before has */
static void
fill_box(SchemeCache *cache, text *segment, const int *limits)
{
	for (int r = limits[0]; r <= limits[1]; r++)
		for (int f = limits[2]; f <= limits[3]; f++)
			for (int m = limits[4]; m <= limits[5]; m++)
				if (cache->segment[r * 100 + f * 10 + m] == NULL)
					cache->segment[r * 100 + f * 10 + m] = segment;
}

static void
read_box(SchemeCache *cache, int number, Datum box, TupleDesc descriptor)
{
	HeapTupleHeader header = DatumGetHeapTupleHeader(box);
	HeapTupleData	tuple = {.t_len = HeapTupleHeaderGetDatumLength(header),
							 .t_data = header};
	Datum			values[BOX_COLUMNS];
	bool			nulls[BOX_COLUMNS];
	int				limits[6];

	heap_deform_tuple(&tuple, descriptor, values, nulls);
	if (nulls[BOX_SEGMENT])
		refuse_box(number, "Its segment is NULL.");
	read_limits(number, values, nulls, limits);
	fill_box(cache, DatumGetTextPCopy(values[BOX_SEGMENT]), limits);
}

static void
read_boxes(SchemeCache *cache, ArrayType *array)
{
	TupleDesc descriptor = lookup_rowtype_tupdesc_copy(ARR_ELEMTYPE(array), -1);
	int		  all[6] = {1, CRM_RFM_MAX_BINS, 1, CRM_RFM_MAX_BINS,
						1, CRM_RFM_MAX_BINS};
	Datum	 *boxes;
	bool	 *nulls;
	int		  count;

	if (descriptor->natts != BOX_COLUMNS)
		elog(ERROR, "type of boxes has %d columns", descriptor->natts);
	deconstruct_array(array, ARR_ELEMTYPE(array), -1, false, TYPALIGN_DOUBLE,
					  &boxes, &nulls, &count);
	if (count > MAX_BOXES)
		ereport(ERROR, (errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
						errmsg("an RFM scheme has at most %d boxes", MAX_BOXES),
						errdetail("There are %d.", count)));
	for (int i = 0; i < count; i++)
	{
		if (nulls[i])
			refuse_box(i + 1, "It is NULL.");
		read_box(cache, i + 1, boxes[i], descriptor);
	}
	fill_box(cache, cstring_to_text(OTHERS), all);
}

/* nothing is kept until all of it is read: reading may fail */
static SchemeCache *
make_cache(FmgrInfo *flinfo, ArrayType *array)
{
	MemoryContext context = AllocSetContextCreate(flinfo->fn_mcxt, "RFM scheme",
												  ALLOCSET_SMALL_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);
	SchemeCache	 *cache = palloc0(sizeof(SchemeCache));

	cache->context = context;
	cache->bytes = palloc(VARSIZE(array));
	memcpy(cache->bytes, array, VARSIZE(array));
	read_boxes(cache, array);
	MemoryContextSwitchTo(old);
	return cache;
}

static const SchemeCache *
cached_scheme(FunctionCallInfo fcinfo)
{
	SchemeCache *cache = fcinfo->flinfo->fn_extra;
	ArrayType	*array = PG_GETARG_ARRAYTYPE_P(1);
	SchemeCache *fresh;

	if (cache != NULL && VARSIZE(cache->bytes) == VARSIZE(array) &&
		memcmp(cache->bytes, array, VARSIZE(array)) == 0)
		return cache;
	fresh = make_cache(fcinfo->flinfo, array);
	fcinfo->flinfo->fn_extra = fresh;
	if (cache != NULL)
		MemoryContextDelete(cache->context);
	return fresh;
}

/* rfm_scheme_segment(score int, boxes crmlife.rfm_box[]), strict */
Datum
crm_rfm_scheme_segment(PG_FUNCTION_ARGS)
{
	int				   score = PG_GETARG_INT32(0);
	const SchemeCache *scheme = cached_scheme(fcinfo);
	text			  *segment;

	segment = score < 0 || score > 999 ? NULL : scheme->segment[score];
	if (segment == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("not an RFM score: %d", score),
				 errdetail("A score is three digits, recency, frequency and "
						   "monetary, each between 1 and %d.",
						   CRM_RFM_MAX_BINS),
				 errhint("Pass a result of rfm_score, or r * 100 + f * 10 + "
						 "m.")));
	PG_RETURN_TEXT_P(DatumGetTextPCopy(PointerGetDatum(segment)));
}
