/*
 * arguments.h
 *		Arguments as SQL gives them, and as statements of ours take them.
 */
#ifndef CRM_ARGUMENTS_H
#define CRM_ARGUMENTS_H

#include "postgres.h"
#include "datatype/timestamp.h"
#include "fmgr.h"

/* NULL where the argument is */
extern char *crm_text_argument(FunctionCallInfo fcinfo, int number);
/* an error where it is */
extern char *
crm_required_text(FunctionCallInfo fcinfo, int number, const char *name);
/* InvalidOid where the argument is NULL */
extern Oid crm_relation_argument(FunctionCallInfo fcinfo, int number);
/* the zone's name as PostgreSQL writes it; an error where it knows none */
extern char *crm_checked_timezone(const char *name);

/* so that no time of ours plus or minus it is out of range */
extern bool crm_within_years(const Interval *interval, int years);

/* what one statement takes, collected in the order of $1, $2, ... */
typedef struct CrmValues
{
	Oid	  types[24];
	Datum values[24];
	char  nulls[25];
	int	  count;
} CrmValues;

extern void
crm_add_value(CrmValues *values, Oid type, Datum value, bool isnull);
/* NULL for NULL */
extern void crm_add_text(CrmValues *values, const char *text);
/* NULL for InvalidOid */
extern void crm_add_relation(CrmValues *values, Oid relation);

#endif /* CRM_ARGUMENTS_H */
