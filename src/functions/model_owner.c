/*
 * model_owner.c
 *		The SQL type model_owner: the role that a model belongs to.
 *
 * A role's number, shown and read as its name, as regrole is; so a model
 * follows a role that is renamed, and is not inherited by a new role under the
 * name of one that was dropped.  Unlike regrole it never stands in the way of
 * a dump: who is not known where it is read in is nobody, with a warning, and
 * who was dropped is written as nobody, not as a number that may be somebody
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

PG_FUNCTION_INFO_V1(crm_model_owner_in);
PG_FUNCTION_INFO_V1(crm_model_owner_out);
PG_FUNCTION_INFO_V1(crm_model_owner_recv);
PG_FUNCTION_INFO_V1(crm_model_owner_send);
PG_FUNCTION_INFO_V1(crm_model_owner_from_name);
PG_FUNCTION_INFO_V1(crm_model_owner_name);

static Oid
read_owner(const char *name)
{
	Oid role;

	if (name[0] == '\0')
		return InvalidOid;
	role = get_role_oid(name, true);
	if (!OidIsValid(role))
		ereport(WARNING,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("role \"%s\" does not exist", name),
				 errdetail("A stage model of this owner belongs to nobody."),
				 errhint("The owner of the database can give it another one: "
						 "UPDATE crmlife.model SET owner = '...'.")));
	return role;
}

static const char *
owner_name(Oid role)
{
	const char *name = GetUserNameFromId(role, true);

	return name ? name : "";
}

Datum
crm_model_owner_in(PG_FUNCTION_ARGS)
{
	PG_RETURN_OID(read_owner(PG_GETARG_CSTRING(0)));
}

Datum
crm_model_owner_out(PG_FUNCTION_ARGS)
{
	PG_RETURN_CSTRING(pstrdup(owner_name(PG_GETARG_OID(0))));
}

/* binary is the name too: numbers mean nothing elsewhere */
Datum
crm_model_owner_recv(PG_FUNCTION_ARGS)
{
	StringInfo buffer = (StringInfo) PG_GETARG_POINTER(0);
	int		   size;
	char *name = pq_getmsgtext(buffer, buffer->len - buffer->cursor, &size);

	PG_RETURN_OID(read_owner(name));
}

Datum
crm_model_owner_send(PG_FUNCTION_ARGS)
{
	const char	  *name = owner_name(PG_GETARG_OID(0));
	StringInfoData buffer;

	pq_begintypsend(&buffer);
	pq_sendtext(&buffer, name, (int) strlen(name));
	PG_RETURN_BYTEA_P(pq_endtypsend(&buffer));
}

/* for current_user and its like, which exist */
Datum
crm_model_owner_from_name(PG_FUNCTION_ARGS)
{
	PG_RETURN_OID(get_role_oid(NameStr(*PG_GETARG_NAME(0)), false));
}

Datum
crm_model_owner_name(PG_FUNCTION_ARGS)
{
	PG_RETURN_DATUM(DirectFunctionCall1(
		namein, CStringGetDatum(owner_name(PG_GETARG_OID(0)))));
}
