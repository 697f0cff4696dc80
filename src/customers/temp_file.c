/*
 * temp_file.c
 *		Reading back what was written to a temporary file.
 */
#include "postgres.h"

#include "compat.h"
#include "customers/temp_file.h"

void
crm_temp_seek(BufFile *file, int fileno, off_t offset)
{
	if (BufFileSeek(file, fileno, offset, SEEK_SET) != 0)
		ereport(ERROR, (errcode_for_file_access(),
						errmsg("could not seek in temporary file: %m")));
}

void
crm_temp_read(BufFile *file, void *to, Size size)
{
	if (BufFileRead(file, to, size) != size)
		ereport(ERROR, (errcode(ERRCODE_DATA_CORRUPTED),
						errmsg("a temporary file ends too soon")));
}

void
crm_temp_refuse(void)
{
	ereport(ERROR, (errcode(ERRCODE_DATA_CORRUPTED),
					errmsg("a temporary file is damaged")));
}
