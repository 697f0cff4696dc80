/*
 * source.c
 *		What may be a source of a stage table, and what became of it since.
 *
 * Invariant: whatever a stage table cannot work with is refused when it is
 * created, and named by the refresh when it came later, before anything is
 * read.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/transam.h"
#include "catalog/indexing.h"
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "storage/lmgr.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"

#include "compat.h"
#include "stage/expression.h"
#include "stage/source.h"
#include "stage/statement.h"

/* ----- when a stage table is created ----- */

const char *
crm_kind_of_key(Oid type)
{
	Oid	 base = getBaseType(type);
	char category;
	bool preferred;

	if (base == INT2OID || base == INT4OID || base == INT8OID)
		return "bigint";
	if (base == UUIDOID)
		return "uuid";
	get_type_category_preferred(base, &category, &preferred);
	return category == TYPCATEGORY_STRING ? "text" : NULL;
}

static List *
add_parents(Relation inherits, Oid relation, List *relations)
{
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple	tuple;

	ScanKeyInit(&key, Anum_pg_inherits_inhrelid, BTEqualStrategyNumber, F_OIDEQ,
				ObjectIdGetDatum(relation));
	scan = systable_beginscan(inherits, InheritsRelidSeqnoIndexId, true, NULL,
							  1, &key);
	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
		relations = list_append_unique_oid(
			relations, ((Form_pg_inherits) GETSTRUCT(tuple))->inhparent);
	systable_endscan(scan);
	return relations;
}

/* what is above a tree: all that its relations are parts of beside */
static List *
find_above(List *tree)
{
	Relation  inherits = table_open(InheritsRelationId, AccessShareLock);
	List	 *above = NIL;
	ListCell *cell;

	/* a partition has one parent, which is in the tree if it is not the first */
	foreach (cell, tree)
		if (cell == list_head(tree) ||
			!get_rel_relispartition(lfirst_oid(cell)))
			above = add_parents(inherits, lfirst_oid(cell), above);
	for (int i = 0; i < list_length(above); i++)
	{
		CHECK_FOR_INTERRUPTS();
		above = add_parents(inherits, list_nth_oid(above, i), above);
	}
	table_close(inherits, AccessShareLock);
	return list_difference_oid(above, tree);
}

int
crm_depth(Oid relation)
{
	return list_length(find_above(list_make1_oid(relation)));
}

/* those that are not locked yet; the last that were found are the highest */
static List *
lock_highest_first(List *above, List *locked)
{
	for (int i = list_length(above) - 1; i >= 0; i--)
	{
		Oid relation = list_nth_oid(above, i);

		if (list_member_oid(locked, relation))
			continue;
		LockRelationOid(relation, AccessShareLock);
		locked = lappend_oid(locked, relation);
	}
	return locked;
}

List *
crm_lock_above(List *tree)
{
	List *locked = NIL;
	List *above;

	/* whoever held a lock before may have moved what it is of */
	while (list_difference_oid(above = find_above(tree), locked) != NIL)
		locked = lock_highest_first(above, locked);
	return above;
}

/* what is below a partitioned table has no other parents */
static List *
tree_to_look_above(Oid relation)
{
	if (get_rel_relkind(relation) != RELKIND_RELATION ||
		!has_subclass(relation))
		return list_make1_oid(relation);
	return find_all_inheritors(relation, NoLock, NULL);
}

bool
crm_is_temporary(Oid relation)
{
	return get_rel_name(relation) != NULL &&
		   get_rel_persistence(relation) == RELPERSISTENCE_TEMP;
}

/*
 * A query reads the temporary children of its own session, and nobody else's.
 * The stage table is everybody's.
 */
static List *
leave_out_temporary(Oid relation, List *tree)
{
	List	 *permanent = NIL;
	ListCell *cell;

	foreach (cell, tree)
	{
		Oid child = lfirst_oid(cell);

		if (!crm_is_temporary(child))
			permanent = lappend_oid(permanent, child);
		else if (isTempNamespace(get_rel_namespace(child)))
			ereport(ERROR,
					(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
					 errmsg("%s has the temporary table %s as a child",
							crm_quote_relation(relation),
							quote_identifier(get_rel_name(child))),
					 errdetail("A stage table is for all sessions, the rows "
							   "of that one are for this session alone."),
					 errhint("Drop it, or call this from another session.")));
	}
	return permanent;
}

List *
crm_lock_tree(Oid relation)
{
	/* from the top, as a statement does that names the table there */
	(void) crm_lock_above(tree_to_look_above(relation));
	LockRelationOid(relation, AccessShareLock);
	/* whoever held the lock before may have dropped it */
	if (get_rel_name(relation) == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_TABLE),
				 errmsg("a source of the stage table was dropped meanwhile"),
				 errdetail("It was the relation with OID %u.", relation)));
	return leave_out_temporary(
		relation, find_all_inheritors(relation, AccessShareLock, NULL));
}

static void
refuse_capture(Oid relation, const char *argument, const char *why)
{
	ereport(ERROR, (errcode(ERRCODE_WRONG_OBJECT_TYPE),
					errmsg("%s: changes of %s cannot be captured by triggers",
						   argument, crm_quote_relation(relation)),
					errdetail("%s", why),
					errhint("Pass capture => 'full': every refresh then reads "
							"all of it.")));
}

static void
check_capturable_kind(Oid relation, const char *argument)
{
	char kind = get_rel_relkind(relation);

	if (kind == RELKIND_FOREIGN_TABLE)
		refuse_capture(relation, argument, "It is a foreign table.");
	if (kind != RELKIND_RELATION && kind != RELKIND_PARTITIONED_TABLE)
		refuse_capture(relation, argument, "It is a view.");
}

static void
check_trigger_right(Oid relation, const char *argument)
{
	char *name;
	char *user;

	if (pg_class_aclcheck(relation, GetUserId(), ACL_TRIGGER) == ACLCHECK_OK)
		return;
	name = crm_quote_relation(relation);
	user = GetUserNameFromId(GetUserId(), false);
	ereport(ERROR,
			(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
			 errmsg("%s: no right to create triggers on %s", argument, name),
			 errhint("GRANT TRIGGER ON %s TO %s; or pass capture => 'full'.",
					 name, quote_identifier(user))));
}

void
crm_check_capturable(Oid relation, const char *argument)
{
	check_capturable_kind(relation, argument);
	if (get_rel_persistence(relation) == RELPERSISTENCE_UNLOGGED)
		refuse_capture(relation, argument,
					   "It is unlogged: a crash empties it and no trigger "
					   "tells.");
	check_trigger_right(relation, argument);
}

void
crm_check_capturable_above(Oid relation, const char *argument)
{
	ListCell *cell;

	check_capturable_kind(relation, argument);
	/* a trigger that wants to see rows would keep writers from those of it */
	foreach (cell, find_all_inheritors(relation, NoLock, NULL))
		if (get_rel_relkind(lfirst_oid(cell)) == RELKIND_FOREIGN_TABLE)
			refuse_capture(relation, argument,
						   psprintf("It has the source as a part, and the "
									"foreign table %s.",
									crm_quote_relation(lfirst_oid(cell))));
	check_trigger_right(relation, argument);
}

static void
check_kind(Oid relation, const char *argument)
{
	char kind = get_rel_relkind(relation);

	if (get_rel_name(relation) == NULL)
		ereport(ERROR, (errcode(ERRCODE_UNDEFINED_TABLE),
						errmsg("%s: relation with OID %u does not exist",
							   argument, relation)));
	if (kind != RELKIND_RELATION && kind != RELKIND_PARTITIONED_TABLE &&
		kind != RELKIND_VIEW && kind != RELKIND_MATVIEW &&
		kind != RELKIND_FOREIGN_TABLE)
		ereport(ERROR, (errcode(ERRCODE_WRONG_OBJECT_TYPE),
						errmsg("%s: %s is not a table or view", argument,
							   crm_quote_relation(relation))));
	if (relation < FirstNormalObjectId)
		ereport(ERROR, (errcode(ERRCODE_WRONG_OBJECT_TYPE),
						errmsg("%s: %s belongs to PostgreSQL itself", argument,
							   crm_quote_relation(relation))));
	if (get_rel_persistence(relation) == RELPERSISTENCE_TEMP)
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE),
				 errmsg("%s: %s is a temporary table", argument,
						crm_quote_relation(relation)),
				 errdetail("Later refreshes, in other sessions, cannot see "
						   "it.")));
}

static void
check_readable(Oid relation, const char *argument)
{
	Oid	  user = GetUserId();
	char *name = crm_quote_relation(relation);

	if (pg_class_aclcheck(relation, user, ACL_SELECT) == ACLCHECK_OK ||
		pg_attribute_aclcheck_all(relation, user, ACL_SELECT, ACLMASK_ANY) ==
			ACLCHECK_OK)
		return;
	ereport(ERROR, (errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
					errmsg("%s: permission denied for %s", argument, name),
					errdetail("A stage table reads its sources with its "
							  "owner's rights."),
					errhint("GRANT SELECT ON %s TO %s;", name,
							quote_identifier(GetUserNameFromId(user, false)))));
}

void
crm_check_source(Oid relation, const char *argument, bool by_trigger)
{
	List	 *tree;
	ListCell *cell;

	check_kind(relation, argument);
	check_readable(relation, argument);
	if (!by_trigger)
		return;
	tree = crm_lock_tree(relation);
	foreach (cell, tree)
		crm_check_capturable(lfirst_oid(cell), argument);
	foreach (cell, crm_lock_above(tree))
		crm_check_capturable_above(lfirst_oid(cell), argument);
}

static Oid
column_type(Oid relation, const char *argument, const char *column)
{
	AttrNumber number = get_attnum(relation, column);

	if (number <= 0)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_COLUMN),
				 errmsg("%s: column \"%s\" of %s does not exist", argument,
						column, crm_quote_relation(relation)),
				 errhint("Give the name of a column as it is stored, without "
						 "quotes around it.")));
	return get_atttype(relation, number);
}

const char *
crm_check_key(Oid relation, const char *argument, const char *column)
{
	Oid			type = column_type(relation, argument, column);
	const char *kind = crm_kind_of_key(type);
	Oid			collation;
	int32		typmod;

	if (kind == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("%s: column \"%s\" is of type %s", argument, column,
						format_type_be(type)),
				 errdetail("A customer is a bigint, integer, smallint, uuid or "
						   "text."),
				 errhint("Use a view that casts it, with capture => "
						 "'full'.")));
	get_atttypetypmodcoll(relation, get_attnum(relation, column), &type,
						  &typmod, &collation);
	if (OidIsValid(collation) && !get_collation_isdeterministic(collation))
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("%s: column \"%s\" has a nondeterministic collation",
						argument, column),
				 errhint("Use a view that casts it to text COLLATE \"C\", with "
						 "capture => 'full'.")));
	return kind;
}

/* ----- at each refresh ----- */

/* of customers, by CrmStageKey */
static const char *const kinds[] = {"bigint", "uuid", "text"};
static const char *const again = "Undo that, or call crmlife.drop_stage_table "
								 "and crmlife.create_stage_table.";

/* a customer column that was made wider than the stage table's */
static void
check_width(const CrmStageDefinition *definition, const CrmSource *source,
			Oid type)
{
	Oid base = getBaseType(type);

	if (definition->key == CRM_STAGE_KEY_BIGINT &&
		get_typlen(base) > get_typlen(definition->key_type_oid))
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("column \"%s\" of %s is wider than that of stage "
						"table %s",
						source->customer, crm_quote_relation(source->relation),
						definition->table_name),
				 errdetail("One is %s, the other %s.", format_type_be(type),
						   format_type_be(definition->key_type_oid)),
				 errhint("ALTER TABLE %s ALTER COLUMN %s TYPE %s; and the same "
						 "for its change log.",
						 definition->table_name,
						 quote_identifier(definition->customer_column),
						 format_type_be(base))));
}

/* what is one customer to a database may be two to us */
static void
check_collation(const CrmStageDefinition *definition, const CrmSource *source,
				const char *argument, AttrNumber number)
{
	Oid	  type;
	int32 modifier;
	Oid	  collation;

	get_atttypetypmodcoll(source->relation, number, &type, &modifier,
						  &collation);
	if (OidIsValid(collation) && !get_collation_isdeterministic(collation))
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("%s of stage table %s: column \"%s\" of %s has a "
						"nondeterministic collation now",
						argument, definition->table_name, source->customer,
						crm_quote_relation(source->relation)),
				 errdetail("Customers are told apart byte by byte."),
				 errhint("%s", again)));
}

static void
check_source(const CrmStageDefinition *definition, const CrmSource *source,
			 const char *argument)
{
	AttrNumber number;
	Oid		   type;

	if (!OidIsValid(source->relation))
		return;
	if (get_rel_name(source->relation) == NULL)
		ereport(ERROR, (errcode(ERRCODE_UNDEFINED_TABLE),
						errmsg("%s of stage table %s do not exist any more",
							   argument, definition->table_name),
						errdetail("The relation with OID %u was dropped.",
								  source->relation),
						errhint("%s", again)));
	number = get_attnum(source->relation, source->customer);
	if (number <= 0)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_COLUMN),
				 errmsg("%s of stage table %s: column \"%s\" of %s does not "
						"exist any more",
						argument, definition->table_name, source->customer,
						crm_quote_relation(source->relation)),
				 errdetail("It was dropped or renamed."),
				 errhint("%s", again)));
	type = get_atttype(source->relation, number);
	if (crm_kind_of_key(type) == NULL ||
		strcmp(crm_kind_of_key(type), kinds[definition->key]) != 0)
		ereport(
			ERROR,
			(errcode(ERRCODE_DATATYPE_MISMATCH),
			 errmsg("%s of stage table %s: column \"%s\" of %s is now of "
					"type %s",
					argument, definition->table_name, source->customer,
					crm_quote_relation(source->relation), format_type_be(type)),
			 errdetail("The stage table was created for customers of type "
					   "%s.",
					   kinds[definition->key]),
			 errhint("%s", again)));
	check_width(definition, source, type);
	check_collation(definition, source, argument, number);
}

static void
check_stage_customer(const CrmStageDefinition *definition)
{
	Oid			type = definition->key_type_oid;
	const char *kind = crm_kind_of_key(type);

	if (kind == NULL || strcmp(kind, kinds[definition->key]) != 0)
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("column \"%s\" of stage table %s is now of type %s",
						definition->customer_column, definition->table_name,
						format_type_be(type)),
				 errdetail("The stage table was created for customers of type "
						   "%s.",
						   kinds[definition->key]),
				 errhint("%s", again)));
}

void
crm_recheck_sources(const CrmStageDefinition *definition)
{
	check_stage_customer(definition);
	check_source(definition, &definition->orders, "orders");
	check_source(definition, &definition->visits, "visits");
	check_source(definition, &definition->members, "members");
}

static void
recheck(const CrmStageDefinition *definition, const CrmSource *source,
		const char *argument, const char *text, CrmExpressionKind kind)
{
	crm_recheck_expression(
		source->relation,
		psprintf("%s of stage table %s", argument, definition->table_name),
		text, kind, definition->calls);
}

void
crm_recheck_expressions(const CrmStageDefinition *definition,
						const CrmSource			 *source)
{
	bool orders = source == &definition->orders;
	bool visits = source == &definition->visits;

	recheck(definition, source,
			orders	 ? "ordered_at"
			: visits ? "visited_at"
					 : "registered_at",
			source->at, CRM_EXPRESSION_TIME);
	recheck(definition, source, "amount", source->amount,
			CRM_EXPRESSION_AMOUNT);
	recheck(definition, source, orders ? "order_filter" : "visit_filter",
			source->filter, CRM_EXPRESSION_FILTER);
	recheck(definition, source, "order_key", source->order_key,
			CRM_EXPRESSION_ANY);
	recheck(definition, source, "segment", source->segment, CRM_EXPRESSION_ANY);
}

bool
crm_has_policies(Oid relation)
{
	HeapTuple tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(relation));
	bool	  has;

	if (!HeapTupleIsValid(tuple))
		return false;
	has = ((Form_pg_class) GETSTRUCT(tuple))->relrowsecurity;
	ReleaseSysCache(tuple);
	return has;
}
