/*
 * log.h
 *		The rows of all customers, for metrics that want their events sorted.
 */
#ifndef CRM_LOG_H
#define CRM_LOG_H

#include "customers/customers.h"

/* one row of a customer */
typedef struct CrmLogRow
{
	CrmDay day;
	uint8  kind;  /* CRM_LOG_... */
	bool   known; /* amount is one */
	bool   timed; /* there is a time; this and the amount: if the metric asks */
	int64  time;  /* local, of that day */
	CrmMoney amount;
} CrmLogRow;

extern void crm_log_start(CrmCustomers *customers);
/* for a uuid bytes points to the key's rest */
extern void
crm_log_add(CrmCustomers *customers, const CrmKey *key, const CrmLogRow *row);
/* records as they stand in a file or came over the wire; how many there were */
extern uint64
crm_log_append(CrmCustomers *customers, const char *at, const char *end);
/* move all records to the partitions */
extern void crm_log_spill(CrmCustomers *customers);
/* walk over each customer's sorted events */
extern void crm_log_fold(const CrmCustomers *customers, CrmTotals *totals);
extern void crm_log_clear(CrmCustomers *customers);
/* all records: how much they are, and a copy of them */
extern void
crm_log_size(const CrmCustomers *customers, Size *size, uint64 *count);
extern void crm_log_copy(const CrmCustomers *customers, char *to);
extern Size crm_log_min_size(const CrmCustomers *customers);

#endif /* CRM_LOG_H */
