/*
 * random_model.h
 *		Random stage models, for the tests of what evaluates them.
 */
#ifndef CRM_RANDOM_MODEL_H
#define CRM_RANDOM_MODEL_H

#include "engine/model_tree.h"

#define RANDOM_STAGES 6

/* allocated with crm_alloc, as all of a model is: host_free_all frees them */
extern CrmNode	*random_model(void);
extern CrmModel *random_model_compile(CrmNode *root);

#endif /* CRM_RANDOM_MODEL_H */
