/*
 * tap.h
 *		The little that the engine's tests share: assertions, a generator of
 *		random numbers, and a way to survive crm_fail.
 *
 *		int
 *		main(void)
 *		{
 *			PROPERTY("days have successors")
 *				for (...)
 *					CHECK(next == day + 1, "day %d", day);
 *			ok(2 > 1, "an assertion by itself");
 *			return done();
 *		}
 *
 * A PROPERTY is one line of TAP for all of its CHECKs: it passes if at least
 * one was made and all held, and tells how many there were.  Memory from
 * crm_alloc is freed at its end.
 */
#ifndef CRM_TAP_H
#define CRM_TAP_H

#include <setjmp.h>
#include <stdio.h>
#include <string.h>

#include "engine/host.h"

extern void
ok(bool holds, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* prints the plan; 0 if everything held: the program's exit status */
extern int done(void);

extern void property_begin(const char *name);
extern bool property_end(void); /* false */
extern void
property_check(bool holds, const char *file, int line, const char *format, ...)
	__attribute__((format(printf, 4, 5)));

#define PROPERTY(name)                                           \
	for (bool running_ = (property_begin(name), true); running_; \
		 running_ = property_end())

#define CHECK(condition, ...) \
	property_check((condition), __FILE__, __LINE__, __VA_ARGS__)

/* the same sequence in each run */
extern uint64_t random_bits(void);
/* low <= result <= high */
extern int64_t random_between(int64_t low, int64_t high);
extern bool	   random_chance(double probability);
/* uniform in magnitude: small and large values alike, both signs */
extern int64_t random_magnitude(int bits);

/*
 * Whether the statement calls crm_fail with that code.  What it said is in
 * the strings below (empty when it gave none).
 */
#define FAILS_WITH(code, statement)     \
	({                                  \
		host_expecting_failure = true;  \
		host_failure = -1;              \
		if (setjmp(host_failed) == 0)   \
		{                               \
			statement;                  \
		}                               \
		host_expecting_failure = false; \
		host_failure == (int) (code);   \
	})

extern jmp_buf host_failed;
extern bool	   host_expecting_failure;
extern int	   host_failure;
extern char	   host_message[512];
extern char	   host_detail[512];
extern char	   host_hint[512];

/* number of blocks from crm_alloc that are not freed */
extern size_t host_blocks(void);
/* bytes of them */
extern size_t host_bytes(void);
extern void	  host_free_all(void);

#endif /* CRM_TAP_H */
