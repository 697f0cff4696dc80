/*
 * expression.h
 *		The expressions a stage table's owner gives for time, amount, filter
 *		and order key.
 */
#ifndef CRM_EXPRESSION_H
#define CRM_EXPRESSION_H

#include "postgres.h"
#include "nodes/bitmapset.h"
#include "nodes/pg_list.h"
#include "utils/relcache.h"

typedef enum CrmExpressionKind
{
	CRM_EXPRESSION_TIME,   /* date, timestamp, timestamptz */
	CRM_EXPRESSION_AMOUNT, /* numeric or integer */
	CRM_EXPRESSION_FILTER, /* boolean */
	CRM_EXPRESSION_ANY
} CrmExpressionKind;

/*
 * Check an expression over one relation's columns and give it back with every
 * name qualified, so that it means the same under any search_path.  Functions
 * that it calls, but PostgreSQL's own, and domains whose constraints it has
 * checked are added to calls, a List of CrmCall (calls.h).
 */
extern char *
crm_check_expression(Oid relation, const char *argument, const char *text,
					 CrmExpressionKind kind, List **calls);

/*
 * The same of an expression as it was stored: is it still one that
 * crm_check_expression would take, and does it call no other user's function
 * or constraint but those in calls?  Keeps the relation locked against DDL.
 */
extern void
crm_recheck_expression(Oid relation, const char *argument, const char *text,
					   CrmExpressionKind kind, const List *calls);

/*
 * Add the numbers of the columns that a checked expression reads; false when
 * it takes the row as a whole, or a system column.
 */
extern bool crm_expression_columns(Relation relation, const char *text,
								   Bitmapset **columns);

/* add the users' types, by their OIDs, that it has values of but for columns */
extern void
crm_expression_types(Relation relation, const char *text, List **types);

#endif /* CRM_EXPRESSION_H */
