/*
 * purchase_text.c
 *		A customer's orders and visits as text.
 *
 *		days: 2025-01-03 12.50, 2025-01-03 -4.00, 2025-02-01 null; visits: 2025-01-02, 2025-01-05 x3
 *		times: 2025-01-03 09:30:00 12.50, 2025-01-04 23:59:59.999999 8
 *
 * The years before 1 AD have BC after the time.  Events may be given in any
 * order; white space between words does not count.
 *
 * Invariant: what print writes, parse reads back to the same bytes, whatever
 * the settings of the session.
 */
#include <stdio.h>
#include <string.h>

#include "purchase_history.h"

/* ---- printing ----------------------------------------------------------- */

typedef struct Text
{
	char  *bytes;
	size_t size;
	size_t space;
} Text;

static void
append(Text *text, const char *more)
{
	size_t length = strlen(more);

	while (text->size + length + 1 > text->space)
	{
		text->space = text->space * 2;
		text->bytes = crm_realloc(text->bytes, text->space);
	}
	memcpy(text->bytes + text->size, more, length + 1);
	text->size += length;
}

static void
append_time_of_day(Text *text, int64_t time)
{
	char buffer[32];
	int	 seconds = (int) (time / CRM_USECS_PER_SEC);
	int	 fraction = (int) (time % CRM_USECS_PER_SEC);

	snprintf(buffer, sizeof(buffer), " %02d:%02d:%02d", seconds / 3600,
			 seconds / 60 % 60, seconds % 60);
	append(text, buffer);
	if (fraction == 0)
		return;
	snprintf(buffer, sizeof(buffer), ".%06d", fraction);
	for (char *last = buffer + 6; *last == '0'; last--)
		*last = '\0';
	append(text, buffer);
}

static void
append_time(Text *text, CrmDay day, bool times, int64_t time)
{
	char buffer[48];
	int	 year;
	int	 month;
	int	 mday;

	crm_civil_from_day(day, &year, &month, &mday);
	snprintf(buffer, sizeof(buffer), " %04d-%02d-%02d",
			 year > 0 ? year : 1 - year, month, mday);
	append(text, buffer);
	if (times)
		append_time_of_day(text, time);
	if (year <= 0)
		append(text, " BC");
}

static void
append_order(Text *text, const CrmPurchase *order, bool times)
{
	CrmDay day = crm_day_of_local(order->at);
	char  *amount;

	append_time(text, day, times, order->at - day * CRM_USECS_PER_DAY);
	append(text, " ");
	if (!order->has_amount)
	{
		append(text, "null");
		return;
	}
	amount = crm_money_to_text(order->amount);
	append(text, amount);
	crm_free(amount);
}

char *
crm_purchases_print(CrmPurchases *list)
{
	Text text = {.bytes = crm_alloc(64), .space = 64};
	char count[32];

	crm_purchases_settle(list);
	append(&text, list->times ? "times:" : "days:");
	for (int i = 0; i < list->order_count; i++)
	{
		append(&text, i > 0 ? "," : "");
		append_order(&text, &list->orders[i], list->times);
	}
	append(&text, list->visit_count > 0 ? "; visits:" : "");
	for (int i = 0; i < list->visit_count; i++)
	{
		const CrmVisitDay *visit = &list->visits[i];

		append(&text, i > 0 ? "," : "");
		append_time(&text, visit->day, false, 0);
		snprintf(count, sizeof(count), " x%lld", (long long) visit->count);
		append(&text, visit->count > 1 ? count : "");
	}
	return text.bytes;
}

/* ---- parsing ------------------------------------------------------------ */

typedef struct Reader
{
	const char *start;
	const char *at;
	const char *message; /* NULL: no mistake so far */
} Reader;

static bool
fail(Reader *reader, const char *message)
{
	if (reader->message == NULL)
		reader->message = message;
	return false;
}

static void
skip_space(Reader *reader)
{
	while (*reader->at == ' ' || (*reader->at >= '\t' && *reader->at <= '\r'))
		reader->at++;
}

/* the word or sign, if it stands here */
static bool
accept(Reader *reader, const char *word)
{
	size_t length = strlen(word);

	skip_space(reader);
	if (strncmp(reader->at, word, length) != 0)
		return false;
	reader->at += length;
	return true;
}

static bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* `least` to `most` digits */
static bool
read_number(Reader *reader, int least, int most, int64_t *number)
{
	int digits = 0;

	*number = 0;
	for (; digits < most && is_digit(*reader->at); digits++)
		*number = *number * 10 + (*reader->at++ - '0');
	return digits >= least && !is_digit(*reader->at);
}

static bool
read_civil(Reader *reader, int64_t *year, int64_t *month, int64_t *mday)
{
	skip_space(reader);
	return (read_number(reader, 4, 6, year) && *reader->at++ == '-' &&
			read_number(reader, 2, 2, month) && *reader->at++ == '-' &&
			read_number(reader, 2, 2, mday)) ||
		   fail(reader, "A date as 2025-01-31 was expected.");
}

static bool
read_time_of_day(Reader *reader, int64_t *time)
{
	static const int place[] = {100000, 10000, 1000, 100, 10, 1};
	int64_t			 part[3];

	skip_space(reader);
	if (!read_number(reader, 2, 2, &part[0]) || *reader->at++ != ':' ||
		!read_number(reader, 2, 2, &part[1]) || *reader->at++ != ':' ||
		!read_number(reader, 2, 2, &part[2]) || part[0] > 23 || part[1] > 59 ||
		part[2] > 59)
		return fail(reader, "A time as 23:59:59 was expected.");
	*time = (part[0] * 3600 + part[1] * 60 + part[2]) * CRM_USECS_PER_SEC;
	if (*reader->at != '.')
		return true;
	reader->at++;
	if (!is_digit(*reader->at))
		return fail(reader, "A fraction of a second was expected.");
	for (int i = 0; is_digit(*reader->at); i++)
	{
		if (i >= 6)
			return fail(reader, "A second has six decimal places at most.");
		*time += (int64_t) place[i] * (*reader->at++ - '0');
	}
	return true;
}

static bool
read_time(Reader *reader, bool times, int64_t *at)
{
	int64_t year;
	int64_t month;
	int64_t mday;
	int64_t time = 0;
	CrmDay	day;
	int		check[3];

	if (!read_civil(reader, &year, &month, &mday) ||
		(times && !read_time_of_day(reader, &time)))
		return false;
	if (year == 0)
		return fail(reader, "There is no year 0.");
	if (accept(reader, "BC"))
		year = 1 - year;
	/* PostgreSQL's range, roughly: the time itself is checked below */
	if (year < -4713 || year > 294276 || month < 1 || month > 12 || mday < 1)
		return fail(reader, "There is no such date.");
	day = crm_day_from_civil((int) year, (int) month, (int) mday);
	crm_civil_from_day(day, &check[0], &check[1], &check[2]);
	if (check[0] != year || check[1] != month || check[2] != mday)
		return fail(reader, "There is no such date.");
	*at = day * CRM_USECS_PER_DAY;
	if (*at < CRM_LOCAL_MIN || *at >= CRM_LOCAL_END)
		return fail(reader, "The date is out of range.");
	*at += time;
	return true;
}

static bool
read_order(Reader *reader, CrmPurchases *list)
{
	const char *start;
	int64_t		at;
	CrmMoney	amount;

	if (!read_time(reader, list->times, &at))
		return false;
	if (accept(reader, "null"))
	{
		crm_purchases_add_order(list, at, NULL);
		return true;
	}
	skip_space(reader);
	start = reader->at;
	while (is_digit(*reader->at) || *reader->at == '-' || *reader->at == '.')
		reader->at++;
	if (!crm_money_from_text(start, (size_t) (reader->at - start), &amount))
		return fail(reader, "An amount or null was expected.");
	crm_purchases_add_order(list, at, &amount);
	return true;
}

static bool
read_visit(Reader *reader, CrmPurchases *list)
{
	int64_t at;
	int64_t count = 1;

	if (!read_time(reader, false, &at))
		return false;
	if (accept(reader, "x") &&
		(!read_number(reader, 1, 18, &count) || count == 0))
		return fail(reader, "A number of visits was expected.");
	crm_purchases_add_visits(list, crm_day_of_local(at), count);
	return true;
}

static bool
read_history(Reader *reader, CrmPurchases *list)
{
	if (accept(reader, "times:"))
		list->times = true;
	else if (!accept(reader, "days:"))
		return fail(reader, "It starts with days: or times:");
	skip_space(reader);
	if (*reader->at != '\0' && *reader->at != ';')
	{
		do
			if (!read_order(reader, list))
				return false;
		while (accept(reader, ","));
	}
	if (accept(reader, ";"))
	{
		if (!accept(reader, "visits:"))
			return fail(reader, "Only visits: may follow here.");
		do
			if (!read_visit(reader, list))
				return false;
		while (accept(reader, ","));
	}
	skip_space(reader);
	return *reader->at == '\0' || fail(reader, "A comma was expected.");
}

bool
crm_purchases_parse(CrmPurchases *list, const char *text, CrmTextError *error)
{
	Reader reader = {.start = text, .at = text};

	crm_purchases_init(list, false);
	if (read_history(&reader, list))
		return true;
	error->message = reader.message;
	error->position = (size_t) (reader.at - reader.start);
	return false;
}
