/*
 * memcheck.h
 *		What PostgreSQL tells valgrind of its memory, told to AddressSanitizer.
 *
 * Memory that palloc has not given out, or has been given back, may not be read
 * or written.  What was not set is not told apart: that only valgrind knows.
 */
#ifndef CRM_MEMCHECK_H
#define CRM_MEMCHECK_H

#include <sanitizer/asan_interface.h>

#define VALGRIND_CHECK_MEM_IS_DEFINED(addr, size) ((void) (addr))
#define VALGRIND_CREATE_MEMPOOL(pool, redzone, zeroed) ((void) (pool))
#define VALGRIND_DESTROY_MEMPOOL(pool) ((void) (pool))
#define VALGRIND_MAKE_MEM_DEFINED(addr, size) \
	ASAN_UNPOISON_MEMORY_REGION(addr, size)
#define VALGRIND_MAKE_MEM_UNDEFINED(addr, size) \
	ASAN_UNPOISON_MEMORY_REGION(addr, size)
#define VALGRIND_MAKE_MEM_NOACCESS(addr, size) \
	ASAN_POISON_MEMORY_REGION(addr, size)
#define VALGRIND_MEMPOOL_ALLOC(pool, addr, size) \
	ASAN_UNPOISON_MEMORY_REGION(addr, size)
/* how long it is is not said here: it is overwritten, and closed, before */
#define VALGRIND_MEMPOOL_FREE(pool, addr) ((void) (addr))
#define VALGRIND_MEMPOOL_CHANGE(pool, old, addr, size) \
	ASAN_UNPOISON_MEMORY_REGION(addr, size)

#endif /* CRM_MEMCHECK_H */
