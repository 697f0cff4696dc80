/*-------------------------------------------------------------------------
 * crmlife_flawed: what valgrind must see
 *
 * Each function makes one of the mistakes that make valgrind looks for, on
 * purpose.  A run that does not report every one of them proves nothing about
 * the rest: PostgreSQL may have been built without USE_VALGRIND, or the frames
 * of a library may not be told from the server's.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "fmgr.h"
#include "utils/memutils.h"

PG_MODULE_MAGIC;

PG_FUNCTION_INFO_V1(flawed_freed);
PG_FUNCTION_INFO_V1(flawed_beyond);
PG_FUNCTION_INFO_V1(flawed_unset);

/* reads memory that was given back */
Datum
flawed_freed(PG_FUNCTION_ARGS)
{
	volatile int *value = palloc0(sizeof(int));
	int			  result;

	pfree((void *) value);
	result = *value;
	PG_RETURN_BOOL(result == 1);
}

/* reads one byte behind the end of its memory */
Datum
flawed_beyond(PG_FUNCTION_ARGS)
{
	volatile char *value = palloc0(5);

	PG_RETURN_BOOL(value[5] == 1);
}

/* goes by a value that nobody set */
Datum
flawed_unset(PG_FUNCTION_ARGS)
{
	volatile int *value = palloc(sizeof(int));

	if (*value == 1)
		ereport(NOTICE, (errmsg("it happened to be 1")));
	PG_RETURN_BOOL(true);
}
