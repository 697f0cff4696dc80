/*
 * host.h
 *		What the engine needs of whoever links it: memory, errors and the
 *		decimals that outgrow 128 bits.
 *
 * The engine includes nothing of PostgreSQL.  In the server these functions
 * are src/functions/host.c (palloc, ereport, numeric); in the standalone
 * tests they are test/engine/host.c (malloc, longjmp).
 *
 * Invariant: crm_alloc never returns NULL and crm_fail never returns.
 */
#ifndef CRM_HOST_H
#define CRM_HOST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Aligned to 8 only, because allocators (palloc among them) promise no more:
 * the compiler must not use instructions that need 16.
 */
typedef __int128 crm_i128 __attribute__((aligned(8)));

typedef enum CrmError
{
	CRM_ERROR_PARAMETER, /* invalid_parameter_value */
	CRM_ERROR_RANGE,	 /* numeric_value_out_of_range */
	CRM_ERROR_DATETIME,	 /* datetime_field_overflow */
	CRM_ERROR_DIVISION,	 /* division_by_zero */
	CRM_ERROR_CORRUPT,	 /* data_corrupted */
	CRM_ERROR_INTERNAL	 /* internal_error: cannot happen */
} CrmError;

extern void *crm_alloc(size_t size);
extern void *crm_realloc(void *pointer, size_t size);
extern void	 crm_free(void *pointer);

/* in loops that may take seconds: does not return if the caller is to stop */
extern void crm_poll(void);

/* message is required; detail and hint may be NULL */
extern void crm_fail(CrmError code, const char *message, const char *detail,
					 const char *hint) __attribute__((noreturn));

/*
 * A decimal of any size, owned by the host (a numeric in the server).  The
 * engine only passes it around.  A result is freshly allocated as crm_alloc
 * would (in the server: in CurrentMemoryContext) and may be given to crm_free.
 */
typedef struct CrmWide CrmWide;

extern CrmWide *crm_wide_from_i128(crm_i128 mantissa, int scale);
extern CrmWide *crm_wide_add(const CrmWide *a, const CrmWide *b);
extern CrmWide *crm_wide_sub(const CrmWide *a, const CrmWide *b);
extern CrmWide *crm_wide_mul(const CrmWide *a, const CrmWide *b);
/* numeric division with PostgreSQL's choice of scale; b is not zero */
extern CrmWide *crm_wide_div(const CrmWide *a, const CrmWide *b);
extern int		crm_wide_cmp(const CrmWide *a, const CrmWide *b);
extern int		crm_wide_sign(const CrmWide *a);
/* display scale */
extern int crm_wide_scale(const CrmWide *a);
/* true and the parts (at its display scale) if the mantissa fits 128 bits */
extern bool crm_wide_to_i128(const CrmWide *a, crm_i128 *mantissa, int *scale);
/* a minus sign or none, digits, a point and as many digits as its scale */
extern char *crm_wide_to_text(const CrmWide *a);
/* the inverse; the text is of that form */
extern CrmWide *crm_wide_from_text(const char *text);

#endif /* CRM_HOST_H */
