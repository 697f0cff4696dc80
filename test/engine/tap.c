/*
 * tap.c
 *		Assertions and random numbers of tap.h.
 */
#include <stdarg.h>

#include "tap.h"

#define REPORTED 5 /* failed checks of a property that are printed */

static int tests = 0;
static int failures = 0;

static const char *property_name;
static int64_t	   property_checks;
static int64_t	   property_failures;

static uint64_t random_state = UINT64_C(0x9e3779b97f4a7c15);

static void
print_result(bool holds, const char *format, va_list arguments)
{
	tests++;
	failures += !holds;
	printf("%s %d - ", holds ? "ok" : "not ok", tests);
	vprintf(format, arguments);
}

void
ok(bool holds, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	print_result(holds, format, arguments);
	va_end(arguments);
	printf("\n");
	fflush(stdout);
}

int
done(void)
{
	printf("1..%d\n", tests);
	host_free_all();
	return failures == 0 && tests > 0 ? 0 : 1;
}

void
property_begin(const char *name)
{
	property_name = name;
	property_checks = 0;
	property_failures = 0;
}

bool
property_end(void)
{
	ok(property_failures == 0 && property_checks > 0,
	   "%s (%lld checks, %lld failed)", property_name,
	   (long long) property_checks, (long long) property_failures);
	host_free_all();
	return false;
}

void
property_check(bool holds, const char *file, int line, const char *format, ...)
{
	va_list arguments;

	property_checks++;
	if (holds || property_failures++ >= REPORTED)
		return;
	printf("# %s:%d: ", file, line);
	va_start(arguments, format);
	vprintf(format, arguments);
	va_end(arguments);
	printf("\n");
}

/* splitmix64 */
uint64_t
random_bits(void)
{
	uint64_t z = (random_state += UINT64_C(0x9e3779b97f4a7c15));

	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return z ^ (z >> 31);
}

int64_t
random_between(int64_t low, int64_t high)
{
	uint64_t span = (uint64_t) high - (uint64_t) low + 1;

	if (span == 0)
		return (int64_t) random_bits();
	return (int64_t) ((uint64_t) low + random_bits() % span);
}

bool
random_chance(double probability)
{
	return (double) (random_bits() >> 11) * 0x1p-53 < probability;
}

int64_t
random_magnitude(int bits)
{
	int		 kept = (int) random_between(0, bits);
	uint64_t value = kept == 0 ? 0 : random_bits() >> (64 - kept);

	return random_chance(0.5) ? (int64_t) value : (int64_t) -value;
}
