/*
 * calls.h
 *		Whose functions an expression calls.
 */
#ifndef CRM_CALLS_H
#define CRM_CALLS_H

#include "postgres.h"
#include "nodes/pg_list.h"

/* a user's function, or a domain, as it is kept with what calls or casts to it */
typedef struct CrmCall
{
	char *name; /* qualified, with its arguments' types, or constraints */
	Oid	  owner;
} CrmCall;

/* the type of which a node makes values, or of types within it; none: it reads */
extern Oid crm_made_type(Node *node);

/* add what a parsed expression calls, but PostgreSQL's own, to a List of CrmCall */
extern void crm_calls_note(Node *node, List **calls);

/*
 * Each is an error where another user's is called: by a cast that the text does
 * not show, by reading a literal of a text that is not parsed yet, by what is
 * parsed.
 */
extern void
crm_calls_check_casts(const char *argument, const char *text, Node *node);
extern void crm_calls_check_literals(const char *argument, const char *text,
									 Node *raw, const List *calls);
extern void crm_calls_check(const char *argument, const char *text, Node *node,
							const List *calls);

#endif /* CRM_CALLS_H */
