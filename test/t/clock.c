/*
 * clock.c
 *		A clock that a test can set, loaded before a server's own libraries.
 *
 * The number of seconds in the file CLOCK_FILE is added to the time of day;
 * time that only measures durations stays as it is.  The file is mapped, so
 * that every process of the server has the new time at once.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static const volatile int64_t *distance;

__attribute__((constructor)) static void
map_file(void)
{
	const char *name = getenv("CLOCK_FILE");
	int			file = name ? open(name, O_RDONLY | O_CLOEXEC) : -1;
	void	   *map;

	if (file < 0)
		return;
	map = mmap(NULL, sizeof(int64_t), PROT_READ, MAP_SHARED, file, 0);
	if (map != MAP_FAILED)
		distance = map;
	close(file);
}

int
clock_gettime(clockid_t clock, struct timespec *at)
{
	int result = (int) syscall(SYS_clock_gettime, clock, at);

	if (result == 0 && distance && clock == CLOCK_REALTIME)
		at->tv_sec += *distance;
	return result;
}

int
gettimeofday(struct timeval *restrict at, void *restrict zone)
{
	struct timespec now;
	int				result = clock_gettime(CLOCK_REALTIME, &now);

	at->tv_sec = now.tv_sec;
	at->tv_usec = now.tv_nsec / 1000;
	return result;
}

time_t
time(time_t *at)
{
	struct timespec now;

	(void) clock_gettime(CLOCK_REALTIME, &now);
	if (at)
		*at = now.tv_sec;
	return now.tv_sec;
}
