/*
 * valgrind.h
 *		What a server process asks valgrind itself: none is there.
 */
#ifndef CRM_VALGRIND_H
#define CRM_VALGRIND_H

#define RUNNING_ON_VALGRIND 0
#define VALGRIND_COUNT_ERRORS 0
#define VALGRIND_PRINTF(...) ((void) 0)

#endif /* CRM_VALGRIND_H */
