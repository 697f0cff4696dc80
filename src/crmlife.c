/*
 * crmlife.c
 *		The module: magic block, settings, registration of the worker.
 *
 * Stands above everything else in src/ and does nothing of its own.
 */
#include "postgres.h"

#include "fmgr.h"

PG_MODULE_MAGIC;
