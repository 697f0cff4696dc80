/*
 * rfm.h
 *		RFM cuts as they come from SQL, for C code that scores customers.
 */
#ifndef CRM_FUNCTIONS_RFM_H
#define CRM_FUNCTIONS_RFM_H

#include "postgres.h"

#include "engine/rfm.h"

/*
 * Decode three numeric[] Datums, none of them NULL.  Refuses NULL or infinite
 * elements, more than one dimension, more than CRM_RFM_MAX_CUTS cuts and
 * decreasing ones.  Amounts beyond 128 bits live in CurrentMemoryContext and
 * must live as long as cuts.
 */
extern void crm_rfm_cuts_from_arrays(CrmRfmCuts *cuts, Datum recency,
									 Datum frequency, Datum monetary);

/* the same of one array; the amounts are palloc'd */
extern int
crm_rfm_decode_cuts(Datum array, const char *dimension, CrmMoney **cuts);

/* numeric[] of cuts */
extern Datum crm_rfm_encode_cuts(const CrmMoney *cuts, int count);

/* refuse a number of bins outside 2..9 */
extern void crm_rfm_check_bins(int bins);

#endif /* CRM_FUNCTIONS_RFM_H */
