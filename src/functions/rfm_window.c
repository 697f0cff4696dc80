/*
 * rfm_window.c
 *		rfm_score(last_order, frequency, monetary [, bins]) OVER (...): scores
 *		of customers against their whole partition.
 *
 * The first call of a partition reads all of it, scores it, and keeps two
 * bytes for each row; every further call only looks its own row up:
 *
 *		rows  --read once-->  sample  --cuts-->  scores[]  --row by row-->
 *		                     (freed)
 *
 * A window function is handed one argument of one row at a time, and asking
 * for another argument of the same row makes the row store step away and
 * back.  So rows are read in blocks that are passed over once per argument,
 * forwards and backwards in turn, which is one step for each:
 *
 *		last_order -->   frequency <--   monetary -->   | next block
 *
 * Invariant: scores depend on the rows of the partition, not on their order,
 * nor on the window's ORDER BY or frame.
 */
#include "postgres.h"

#include "fmgr.h"
#include "miscadmin.h"
#include "utils/memutils.h"
#include "windowapi.h"

#include "compat.h"
#include "functions/localday.h"
#include "functions/numeric_money.h"
#include "functions/rfm.h"

#define BLOCK_ROWS 64
#define BINS_ARGUMENT 3

#define NO_SCORE 0
#define IN_SAMPLE (-1) /* until the cuts are known */

typedef struct Partition
{
	int16 *scores; /* by position; NO_SCORE is NULL */
} Partition;

typedef struct Reader
{
	WindowObject  window;
	CrmTimeKind	  kind;
	int64		  rows;
	int			  bins;
	bool		  bins_null;
	bool		  bins_stable; /* need not be read for each row */
	MemoryContext scratch;	   /* what arguments allocate; reset per block */
} Reader;

typedef struct Block
{
	bool	 null[BLOCK_ROWS];
	CrmDay	 day[BLOCK_ROWS];
	int64	 frequency[BLOCK_ROWS];
	CrmMoney monetary[BLOCK_ROWS];
} Block;

PG_FUNCTION_INFO_V1(crm_rfm_score_over_date);
PG_FUNCTION_INFO_V1(crm_rfm_score_over_timestamp);
PG_FUNCTION_INFO_V1(crm_rfm_score_over_timestamptz);

/* --------------------------------------------------------------- reading -- */

static Datum
fetch(Reader *reader, int argument, int64 row, bool *null)
{
	MemoryContext old = MemoryContextSwitchTo(reader->scratch);
	bool		  outside;
	Datum		  value =
		WinGetFuncArgInPartition(reader->window, argument, (int) row,
								 WINDOW_SEEK_HEAD, false, null, &outside);

	MemoryContextSwitchTo(old);
	return value;
}

/* take the number of bins from a row; all rows must agree */
static void
read_bins(Reader *reader, int64 row)
{
	bool null;
	int	 bins = DatumGetInt32(fetch(reader, BINS_ARGUMENT, row, &null));

	if (row == 0)
	{
		if (!null)
			crm_rfm_check_bins(bins);
		reader->bins = bins;
		reader->bins_null = null;
	}
	else if (null != reader->bins_null || (!null && bins != reader->bins))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("number of bins must be the same in all rows of a "
						"partition"),
				 errhint("Add it to PARTITION BY, or pass a constant.")));
}

static void
read_block(Reader *reader, int64 start, int rows, Block *block)
{
	bool null;

	for (int i = 0; i < rows; i++)
	{
		Datum value = fetch(reader, 0, start + i, &block->null[i]);

		if (!block->null[i])
			block->day[i] = crm_day_from_datum(value, reader->kind);
	}
	for (int i = rows - 1; i >= 0; i--)
	{
		block->frequency[i] = DatumGetInt64(fetch(reader, 1, start + i, &null));
		block->null[i] |= null;
	}
	for (int i = 0; i < rows; i++)
	{
		Datum value = fetch(reader, 2, start + i, &null);

		if (!null)
			block->monetary[i] = crm_money_from_numeric_datum(value);
		block->null[i] |= null;
	}
	for (int i = rows - 1; i >= 0 && !reader->bins_stable; i--)
		read_bins(reader, start + i);
}

/*
 * Recency is counted back from the latest order, but quantiles move with
 * their values: days before any fixed day give the same scores.
 */
static void
read_partition(Reader *reader, CrmRfmSample *sample, int16 *scores)
{
	Block *block = palloc(sizeof(Block));

	for (int64 start = 0; start < reader->rows; start += BLOCK_ROWS)
	{
		int rows = (int) Min(BLOCK_ROWS, reader->rows - start);

		CHECK_FOR_INTERRUPTS();
		read_block(reader, start, rows, block);
		for (int i = 0; i < rows; i++)
		{
			scores[start + i] = block->null[i] ? NO_SCORE : IN_SAMPLE;
			if (!block->null[i])
				crm_rfm_sample_add(sample, -(int64) block->day[i],
								   block->frequency[i], block->monetary[i]);
		}
		MemoryContextReset(reader->scratch);
	}
	pfree(block);
}

/* --------------------------------------------------------------- scoring -- */

static void
score_sample(const CrmRfmSample *sample, int bins, int16 *scores, int64 rows)
{
	CrmMoney cuts[3][CRM_RFM_MAX_CUTS];
	int count = crm_rfm_sample_cuts(sample, bins, CRM_RFM_QUANTILE, cuts, NULL);
	CrmRfmCuts decoded;
	int64	   next = 0;

	crm_rfm_cuts_init(&decoded, cuts[0], count, cuts[1], count, cuts[2], count);
	for (int64 row = 0; row < rows; row++)
	{
		if (row % 65536 == 0)
			CHECK_FOR_INTERRUPTS();
		if (scores[row] != IN_SAMPLE)
			continue;
		scores[row] = (int16) crm_rfm_score(
			&decoded, sample->recency[next], sample->frequency[next],
			crm_rfm_sample_amount(sample, next));
		next++;
	}
}

static int16 *
score_partition(Reader *reader)
{
	CrmRfmSample sample;
	int16		*scores;

	reader->rows = WinGetPartitionRowCount(reader->window);
	if (reader->rows > PG_INT32_MAX)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("too many rows in a partition of rfm_score"),
				 errdetail("There are %lld, at most %d are supported.",
						   (long long) reader->rows, PG_INT32_MAX),
				 errhint("Take the cuts with rfm_cuts and score with them.")));
	read_bins(reader, 0);
	scores = palloc_extended(reader->rows * sizeof(int16), MCXT_ALLOC_HUGE);
	crm_rfm_sample_init(&sample, reader->rows);
	read_partition(reader, &sample, scores);
	if (reader->bins_null)
		memset(scores, 0, reader->rows * sizeof(int16));
	else if (sample.count > 0)
		score_sample(&sample, reader->bins, scores, reader->rows);
	crm_rfm_sample_free(&sample);
	return scores;
}

static Datum
score_over(FunctionCallInfo fcinfo, CrmTimeKind kind)
{
	WindowObject window = PG_WINDOW_OBJECT();
	Partition	*partition =
		WinGetPartitionLocalMemory(window, sizeof(Partition));
	int16 score;

	if (partition->scores == NULL)
	{
		/* what outlives this call belongs to the partition */
		MemoryContext old =
			MemoryContextSwitchTo(GetMemoryChunkContext(partition));
		Reader reader = {.window = window, .kind = kind};

		reader.bins_stable =
			get_fn_expr_arg_stable(fcinfo->flinfo, BINS_ARGUMENT);
		reader.scratch = AllocSetContextCreate(
			CurrentMemoryContext, "rfm_score rows", ALLOCSET_DEFAULT_SIZES);
		partition->scores = score_partition(&reader);
		MemoryContextDelete(reader.scratch);
		MemoryContextSwitchTo(old);
	}
	score = partition->scores[WinGetCurrentPosition(window)];
	if (score == NO_SCORE)
		PG_RETURN_NULL();
	PG_RETURN_INT32(score);
}

Datum
crm_rfm_score_over_date(PG_FUNCTION_ARGS)
{
	return score_over(fcinfo, CRM_TIME_DATE);
}

Datum
crm_rfm_score_over_timestamp(PG_FUNCTION_ARGS)
{
	return score_over(fcinfo, CRM_TIME_TIMESTAMP);
}

Datum
crm_rfm_score_over_timestamptz(PG_FUNCTION_ARGS)
{
	return score_over(fcinfo, CRM_TIME_TIMESTAMPTZ);
}
