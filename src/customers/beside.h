/*
 * beside.h
 *		What a group has beside its table of customers: rows that are older than
 *		the states have room for, and the sum of all amounts.
 */
#ifndef CRM_BESIDE_H
#define CRM_BESIDE_H

#include "customers/log.h"
#include "engine/periods.h"

struct CrmBeside
{
	CrmDay		  since; /* rows before this day are older */
	CrmPlaces	  places;
	CrmCustomers *older; /* NULL: there are none */
	CrmMoney	  sum;
};

/* does the metric want one? */
static inline bool
crm_wants_beside(const CrmMetric *metric)
{
	return metric->since != NULL || metric->revenue;
}

extern CrmBeside *crm_beside_start(CrmCustomers *customers);

static inline CrmBeside *
crm_beside(CrmCustomers *customers)
{
	return likely(customers->beside != NULL) ? customers->beside
											 : crm_beside_start(customers);
}

/* an older row; for a uuid the key's bytes point to its rest */
extern void crm_beside_add_older(CrmCustomers *customers, const CrmKey *key,
								 const CrmLogRow *row);
extern void crm_beside_add_amount(CrmCustomers *customers, CrmMoney amount);

/* the days of a customer who has older rows join these; false if it has none */
extern bool crm_beside_take(CrmCustomers *customers, const CrmKey *key,
							const uint32 *state);

/* one customer's state to the totals, or where its older rows are */
static inline void
crm_beside_fold(CrmCustomers *customers, const CrmKey *key, const uint32 *state,
				CrmTotals *totals)
{
	const CrmMetric *metric = customers->query->metric;

	/* no customer has older rows where there are none at all */
	if (metric->days == NULL || customers->beside == NULL ||
		customers->beside->older == NULL ||
		!crm_beside_take(customers, key, state))
		metric->fold(state, &customers->params, totals);
}

/* after the last customer's state */
extern void crm_beside_finish(CrmCustomers *customers, CrmTotals *totals);

/* a group as another process sent it: table and what is beside it */
typedef struct CrmParcel CrmParcel;

extern bytea	 *crm_parcel_serialize(CrmCustomers *customers);
extern CrmParcel *crm_parcel_open(const char *bytes, Size size);
extern bool		  crm_is_parcel(const void *pointer);
extern CrmWire	 *crm_parcel_wire(const CrmParcel *parcel);
extern void crm_parcel_merge(CrmCustomers *customers, const CrmParcel *parcel);

#endif /* CRM_BESIDE_H */
