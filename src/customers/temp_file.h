/*
 * temp_file.h
 *		Reading back what was written to a temporary file.
 *
 * A file that ends too soon is an error: nothing is left out in silence.
 */
#ifndef CRM_TEMP_FILE_H
#define CRM_TEMP_FILE_H

#include "postgres.h"

#include "storage/buffile.h"

extern void				crm_temp_seek(BufFile *file, int fileno, off_t offset);
extern void				crm_temp_read(BufFile *file, void *to, Size size);
pg_noreturn extern void crm_temp_refuse(void);

#endif /* CRM_TEMP_FILE_H */
