/*
 * newrows.h
 *		New rows of a source, packed for the queue: the columns that an event
 *		is made of.
 */
#ifndef CRM_NEWROWS_H
#define CRM_NEWROWS_H

#include "postgres.h"
#include "access/tupdesc.h"
#include "executor/tuptable.h"
#include "utils/relcache.h"

#include "stage/definition.h"

/* columns that an event may be made of, at most */
#define CRM_NEW_ROWS_COLUMNS 32
/* bytes of an entry: one fills a page of the queue */
#define CRM_NEW_ROWS_BYTES 8000

/*
 * The columns that a row of a source's event is made of; the first is the
 * customer's.
 */
typedef struct CrmNewRowsForm
{
	int	  kind; /* CrmEventKind */
	int	  count;
	int16 numbers[CRM_NEW_ROWS_COLUMNS]; /* of the relation the row is in */
} CrmNewRowsForm;

/*
 * The form of a source's rows; false when they must be read again: an
 * expression takes a row as a whole, rows of an order are netted, or the first
 * row tells the segment.
 */
extern bool
crm_new_rows_form(const CrmSource *source, int kind, CrmNewRowsForm *form);
/* the same of one of its partitions; false when it lacks a column */
extern bool
crm_new_rows_form_of(const CrmSource *source, const CrmNewRowsForm *form,
					 Oid partition, CrmNewRowsForm *own);
/* the columns, with the names and types the source has */
extern TupleDesc
crm_new_rows_descriptor(Relation source, const CrmNewRowsForm *form);

/* ----- packing ----- */

typedef struct CrmPackedColumn
{
	AttrNumber number;
	Oid		   type;
	int16	   length;
	bool	   by_value;
} CrmPackedColumn;

typedef struct CrmPacker
{
	int				count;
	AttrNumber		last; /* the highest number of a column */
	CrmPackedColumn column[CRM_NEW_ROWS_COLUMNS];
	Size			header;
	Size			used;
	union
	{
		int32 length;
		char  bytes[CRM_NEW_ROWS_BYTES];
	} entry;
} CrmPacker;

/* false: the relation has not these columns */
extern bool crm_packer_begin(CrmPacker *packer, Relation relation,
							 const CrmNewRowsForm *form);

typedef enum CrmPacked
{
	CRM_PACKED,
	CRM_PACKED_FULL, /* no room in this entry, which has rows already */
	CRM_PACKED_NEVER /* the row is too large */
} CrmPacked;

extern CrmPacked crm_packer_add(CrmPacker *packer, TupleTableSlot *slot);
extern bool		 crm_packer_is_empty(const CrmPacker *packer);
/* the entry, a bytea that is the packer's; and begin the next */
extern Datum crm_packer_take(CrmPacker *packer);

/* ----- unpacking ----- */

typedef struct CrmUnpacker
{
	Oid				relation;
	int				kind;
	int				count;
	CrmPackedColumn column[CRM_NEW_ROWS_COLUMNS];
	const char	   *header;
	Size			header_size;
	const char	   *next;
	const char	   *end;
} CrmUnpacker;

extern void crm_unpacker_begin(CrmUnpacker *unpacker, Datum entry);
/*
 * Are its columns still there, of the types they had?  Only then may it be
 * unpacked.
 */
extern bool crm_unpacker_fits(CrmUnpacker *unpacker);
/* and are they those that an event of the source is made of? */
extern bool
crm_unpacker_matches(const CrmUnpacker *unpacker, const CrmSource *source,
					 const CrmNewRowsForm *form, TupleDesc descriptor);
/* false: there are no more; what is no value is palloc'd */
extern bool
crm_unpacker_next(CrmUnpacker *unpacker, Datum *values, bool *nulls);

#endif /* CRM_NEWROWS_H */
