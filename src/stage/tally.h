/*
 * tally.h
 *		What the rows of a stage table add up to, kept by differences.
 *
 * Invariant: the tally in crmlife's tables is the sum over the rows that the
 * stage table has, as of the day that it shows.
 */
#ifndef CRM_STAGE_TALLY_H
#define CRM_STAGE_TALLY_H

#include "postgres.h"
#include "nodes/execnodes.h"

#include "engine/tally.h"
#include "stage/definition.h"
#include "stage/row.h"

/* customers of a stage, by name: a row may be of a model of the past */
typedef struct CrmStageCount
{
	char *stage;
	int	  length;
	int64 customers;
} CrmStageCount;

typedef struct CrmStageTally
{
	const CrmStageDefinition *definition;
	MemoryContext			  context; /* of all that is counted */
	CrmTally				  cells;
	CrmStageCount			 *stages;
	int						  stage_count;
	int						  stage_space;
} CrmStageTally;

/* what it holds is of the current memory context */
extern void crm_stage_tally_init(CrmStageTally			  *tally,
								 const CrmStageDefinition *definition);

/* one row, as of a day; sign 1 or -1 */
extern void crm_stage_tally_add(CrmStageTally *tally, const CrmStageRow *row,
								CrmDay day, int sign);
/* from one row, as of a day, to another, either NULL; what is equal is passed */
extern void
crm_stage_tally_move(CrmStageTally *tally, const CrmStageRow *before,
					 CrmDay then, const CrmStageRow *row, CrmDay day);

/* anew: in place of what is there, else added to it; connected to SPI */
extern void crm_stage_tally_write(CrmStageTally *tally, bool anew);

/*
 * Rows (cell, stored, expected) where the tables say otherwise, as the active
 * snapshot shows them.
 */
extern void
crm_stage_tally_compare(CrmStageTally *tally, ReturnSetInfo *result);

/* customers of each stage of the model in force, from the tables; palloc'd */
extern int64 *crm_stage_tally_stages(const CrmStageDefinition *definition);

#endif /* CRM_STAGE_TALLY_H */
