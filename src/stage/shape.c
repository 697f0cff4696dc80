/*
 * shape.c
 *		How the rows of some customers are read: by index, or with all others.
 *
 *		few customers                                            everybody
 *		|-- index, per row --|-- one pass, a hash of the keys --|-- one pass --|
 *
 * What it comes to is decided by rows, as statistics have them, and not left to
 * the planner: it takes an array of thousands of keys for more rows than there
 * are, or for a hash join with the whole table.
 *
 * Invariant: without an index that begins with the customer a relation is read
 * once, however many customers are looked at.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/pg_class.h"
#include "catalog/pg_index.h"
#include "catalog/pg_inherits.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/syscache.h"

#include "compat.h"
#include "stage/shape.h"

/*
 * Nanoseconds, on the machine of bench/RESULTS.md, of which only the ratios
 * matter: a row that an index leads to; a row that a pass goes by; one that is
 * gathered and becomes part of a history; a customer worked out; a stored row
 * that the primary key leads to.
 */
#define COST_INDEX_ROW 1000.0
#define COST_PASS_ROW 90.0
#define COST_GATHERED_ROW 150.0
#define COST_CUSTOMER 1500.0
#define COST_STORED_BY_KEY 3000.0

/* those who have just bought have bought more often than the average */
#define EAGER 2.5

/* rows and pages so few cost nothing either way */
#define FEW_CUSTOMERS 10000
#define UNKNOWN (-1.0)

/* ----- statistics ----- */

/* rows of a relation and those below it; UNKNOWN: never looked at */
static double
rows_of(Oid relation)
{
	List	 *tree;
	ListCell *cell;
	double	  rows = 0;
	bool	  known = false;

	if (!OidIsValid(relation))
		return 0;
	tree = find_all_inheritors(relation, NoLock, NULL);
	foreach (cell, tree)
	{
		HeapTuple tuple =
			SearchSysCache1(RELOID, ObjectIdGetDatum(lfirst_oid(cell)));
		Form_pg_class class;

		if (!HeapTupleIsValid(tuple))
			continue;
		class = (Form_pg_class) GETSTRUCT(tuple);
		/* a partitioned table has its partitions' rows and none beside */
		if (class->relkind != RELKIND_PARTITIONED_TABLE &&
			class->reltuples >= 0)
		{
			rows += class->reltuples;
			known = true;
		}
		ReleaseSysCache(tuple);
	}
	list_free(tree);
	return known ? rows : UNKNOWN;
}

static bool
begins_with(Oid index, AttrNumber column)
{
	HeapTuple	  tuple = SearchSysCache1(INDEXRELID, ObjectIdGetDatum(index));
	Form_pg_index form;
	bool		  begins;

	if (!HeapTupleIsValid(tuple))
		return false;
	form = (Form_pg_index) GETSTRUCT(tuple);
	begins = form->indisvalid && form->indkey.values[0] == column &&
			 heap_attisnull(tuple, Anum_pg_index_indpred, NULL);
	ReleaseSysCache(tuple);
	return begins;
}

static bool
has_index(Oid relation, const char *column)
{
	AttrNumber number = get_attnum(relation, column);
	Relation   opened = table_open(relation, AccessShareLock);
	List	  *indexes = RelationGetIndexList(opened);
	ListCell  *cell;
	bool	   found = false;

	foreach (cell, indexes)
		found |= begins_with(lfirst_oid(cell), number);
	list_free(indexes);
	table_close(opened, AccessShareLock);
	return found;
}

/* rows of so many customers who have something new */
static double
rows_of_customers(double rows, double all_customers, int customers)
{
	double each = rows / Max(all_customers, 1.0) * EAGER;

	return Min(each * customers, rows);
}

/* ----- decisions ----- */

CrmShape
crm_shape(const CrmStageDefinition *definition, Oid relation,
		  const char *column, int customers)
{
	double all_customers = rows_of(definition->stage_table);
	double rows = rows_of(relation);

	if (!has_index(relation, column))
		return CRM_SHAPE_PASS;
	if (rows == UNKNOWN || all_customers == UNKNOWN)
		return CRM_SHAPE_INDEX;
	return rows_of_customers(rows, all_customers, customers) * COST_INDEX_ROW <=
				   rows * COST_PASS_ROW
			   ? CRM_SHAPE_INDEX
			   : CRM_SHAPE_PASS;
}

void
crm_force_shape(CrmShape shape)
{
	static const char *const others[][4] = {
		[CRM_SHAPE_INDEX] = {"enable_seqscan"},
		[CRM_SHAPE_ROWS] = {"enable_seqscan", "enable_bitmapscan"},
		[CRM_SHAPE_PASS] = {"enable_indexscan", "enable_indexonlyscan",
							"enable_bitmapscan"}};
	static const char *const wanted[][4] = {
		[CRM_SHAPE_INDEX] = {"enable_indexscan", "enable_indexonlyscan",
							 "enable_tidscan"},
		[CRM_SHAPE_ROWS] = {"enable_indexscan", "enable_indexonlyscan"},
		[CRM_SHAPE_PASS] = {"enable_seqscan"}};

	for (const char *const *name = wanted[shape]; *name; name++)
		(void) set_config_option(*name, "on", PGC_USERSET, PGC_S_SESSION,
								 GUC_ACTION_SAVE, true, 0, false);
	for (const char *const *name = others[shape]; *name; name++)
		(void) set_config_option(*name, "off", PGC_USERSET, PGC_S_SESSION,
								 GUC_ACTION_SAVE, true, 0, false);
}

static double
source_cost(const CrmStageDefinition *definition, const CrmSource *source,
			double all_customers, int customers)
{
	double rows = rows_of(source->relation);
	double theirs = rows_of_customers(rows, all_customers, customers);
	double read = rows * COST_PASS_ROW;

	if (!OidIsValid(source->relation) || customers == 0 || rows == UNKNOWN)
		return 0;
	if (crm_shape(definition, source->relation, source->customer, customers) ==
		CRM_SHAPE_INDEX)
		read = theirs * COST_INDEX_ROW;
	return read + theirs * COST_GATHERED_ROW;
}

bool
crm_everybody_costs_less(const CrmStageDefinition *definition, int changed,
						 int kept)
{
	const CrmSource *sources[] = {&definition->orders, &definition->visits,
								  &definition->members};
	double			 customers = rows_of(definition->stage_table);
	double			 all = Max(customers, 0) * COST_CUSTOMER;
	double			 some =
		(changed + (double) kept) * (COST_STORED_BY_KEY + COST_CUSTOMER);

	if (changed + (double) kept <= FEW_CUSTOMERS)
		return false;
	if (customers == UNKNOWN)
		return true;
	for (int i = 0; i < lengthof(sources); i++)
	{
		double rows = rows_of(sources[i]->relation);

		all += Max(rows, 0) * (COST_PASS_ROW + COST_GATHERED_ROW);
		some += source_cost(definition, sources[i], customers, changed);
	}
	return all < some;
}
