/*
 * digest.h
 *		What a row of a stage table comes down to, in 16 bytes.
 */
#ifndef CRM_DIGEST_H
#define CRM_DIGEST_H

#include "postgres.h"

#include "stage/row.h"

typedef struct CrmDigest
{
	uint64 a;
	uint64 b;
} CrmDigest;

/* rows of the same columns with equal values, and practically no others, have
 * equal digests */
extern CrmDigest crm_row_digest(const CrmStageRow *row, int columns);

static inline bool
crm_same_digest(const CrmDigest *left, const CrmDigest *right)
{
	return left->a == right->a && left->b == right->b;
}

#endif /* CRM_DIGEST_H */
