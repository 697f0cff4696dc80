/*
 * role_ref.c
 *		The SQL type role_ref: the role that a model or a consumer belongs to.
 *
 * A role's number, shown and read as its name, as regrole is; so what belongs
 * to a role follows one that is renamed, and is not inherited by a new role
 * under the name of one that was dropped.  Unlike regrole it never stands in the
 * way of a dump: who is not known where it is read in is nobody, with a warning,
 * and who was dropped is written as nobody, not as a number that may be somebody
 * else's there.
 *
 * Invariant: nobody is the empty name, which no role has.
 */
#include "postgres.h"

#include "fmgr.h"
#include "libpq/pqformat.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"

PG_FUNCTION_INFO_V1(crm_role_ref_in);
PG_FUNCTION_INFO_V1(crm_role_ref_out);
PG_FUNCTION_INFO_V1(crm_role_ref_recv);
PG_FUNCTION_INFO_V1(crm_role_ref_send);
PG_FUNCTION_INFO_V1(crm_role_ref_from_name);
PG_FUNCTION_INFO_V1(crm_role_ref_name);

static Oid
read_role(const char *name)
{
	Oid role;

	if (name[0] == '\0')
		return InvalidOid;
	role = get_role_oid(name, true);
	if (!OidIsValid(role))
		ereport(WARNING,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("role \"%s\" does not exist", name),
				 errdetail("What belongs to it belongs to nobody."),
				 errhint("The owner of the database can give a stage model to "
						 "another: UPDATE crmlife.model SET owner = '...'; the "
						 "owner of the stage table a consumer: SELECT "
						 "crmlife.set_consumer_role(...).")));
	return role;
}

static const char *
role_name(Oid role)
{
	const char *name = GetUserNameFromId(role, true);

	return name ? name : "";
}

Datum
crm_role_ref_in(PG_FUNCTION_ARGS)
{
	PG_RETURN_OID(read_role(PG_GETARG_CSTRING(0)));
}

Datum
crm_role_ref_out(PG_FUNCTION_ARGS)
{
	PG_RETURN_CSTRING(pstrdup(role_name(PG_GETARG_OID(0))));
}

/* binary is the name too: numbers mean nothing elsewhere */
Datum
crm_role_ref_recv(PG_FUNCTION_ARGS)
{
	StringInfo buffer = (StringInfo) PG_GETARG_POINTER(0);
	int		   size;
	char *name = pq_getmsgtext(buffer, buffer->len - buffer->cursor, &size);

	PG_RETURN_OID(read_role(name));
}

Datum
crm_role_ref_send(PG_FUNCTION_ARGS)
{
	const char	  *name = role_name(PG_GETARG_OID(0));
	StringInfoData buffer;

	pq_begintypsend(&buffer);
	pq_sendtext(&buffer, name, (int) strlen(name));
	PG_RETURN_BYTEA_P(pq_endtypsend(&buffer));
}

/* for current_user and its like, which exist */
Datum
crm_role_ref_from_name(PG_FUNCTION_ARGS)
{
	PG_RETURN_OID(get_role_oid(NameStr(*PG_GETARG_NAME(0)), false));
}

Datum
crm_role_ref_name(PG_FUNCTION_ARGS)
{
	PG_RETURN_DATUM(DirectFunctionCall1(
		namein, CStringGetDatum(role_name(PG_GETARG_OID(0)))));
}
