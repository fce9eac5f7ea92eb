/* SPDX-License-Identifier: MIT */
/*
 * Numbers as people write and read them: see humane.h.
 *
 * All arithmetic is on integers: a double's rounding has no place in a time.
 */
#include "client/ctl/humane.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define NS_PER_S UINT64_C(1000000000)

/* Two units, the smaller one whole: from two minutes upward. */
static void format_long(char buf[HUMANE_BYTES], const char *sign, uint64_t seconds)
{
	uint64_t minutes = seconds / 60, hours = minutes / 60, days = hours / 24;

	if (days > 0)
		snprintf(buf, HUMANE_BYTES, "%s%" PRIu64 "d %" PRIu64 "h", sign, days, hours % 24);
	else if (hours > 0)
		snprintf(buf, HUMANE_BYTES, "%s%" PRIu64 "h %" PRIu64 "min", sign, hours,
			minutes % 60);
	else
		snprintf(buf, HUMANE_BYTES, "%s%" PRIu64 "min %" PRIu64 "s", sign, minutes,
			seconds % 60);
}

/* value in units of 1/1000 of what unit names: three digits that count. */
static void format_three(
	char buf[HUMANE_BYTES], const char *sign, uint64_t thousandths, const char *unit)
{
	if (thousandths < 10000)
		snprintf(buf, HUMANE_BYTES, "%s%" PRIu64 ".%02" PRIu64 " %s", sign,
			thousandths / 1000, thousandths % 1000 / 10, unit);
	else if (thousandths < 100000)
		snprintf(buf, HUMANE_BYTES, "%s%" PRIu64 ".%" PRIu64 " %s", sign,
			thousandths / 1000, thousandths % 1000 / 100, unit);
	else
		snprintf(buf, HUMANE_BYTES, "%s%" PRIu64 " %s", sign, thousandths / 1000, unit);
}

static const char *format_duration(char buf[HUMANE_BYTES], const char *sign, uint64_t ns)
{
	if (ns < 1000)
		snprintf(buf, HUMANE_BYTES, "%s%" PRIu64 " ns", sign, ns);
	else if (ns < 1000000)
		format_three(buf, sign, ns, "us");
	else if (ns < NS_PER_S)
		format_three(buf, sign, ns / 1000, "ms");
	else if (ns < 120 * NS_PER_S)
		format_three(buf, sign, ns / 1000000, "s");
	else
		format_long(buf, sign, ns / NS_PER_S);
	return buf;
}

/* The magnitude of any int64_t, INT64_MIN included. */
static uint64_t magnitude(int64_t number)
{
	return number < 0 ? 0 - (uint64_t)number : (uint64_t)number;
}

const char *humane_duration(char buf[HUMANE_BYTES], int64_t duration_ns)
{
	return format_duration(buf, duration_ns < 0 ? "-" : "", magnitude(duration_ns));
}

/* The next multiple of step; near the top of the range there is none. */
static uint64_t round_up(uint64_t ns, uint64_t step)
{
	uint64_t beyond = ns % step;

	return beyond == 0 || ns > UINT64_MAX - step ? ns : ns + (step - beyond);
}

/* What the last digit that is shown of so long a duration stands for. */
static uint64_t shown_step_ns(uint64_t ns)
{
	if (ns >= 24 * 3600 * NS_PER_S)
		return 3600 * NS_PER_S;
	if (ns >= 3600 * NS_PER_S)
		return 60 * NS_PER_S;
	if (ns >= 120 * NS_PER_S)
		return NS_PER_S;
	for (uint64_t unit = NS_PER_S; unit > 1; unit /= 1000) {
		if (ns >= unit)
			return ns >= 100 * unit ? unit : ns >= 10 * unit ? unit / 10 : unit / 100;
	}
	return 1;
}

const char *humane_bound(char buf[HUMANE_BYTES], uint64_t duration_ns)
{
	return format_duration(buf, "", round_up(duration_ns, shown_step_ns(duration_ns)));
}

const char *humane_frequency(char buf[HUMANE_BYTES], uint64_t frequency_hz)
{
	if (frequency_hz < 1000000)
		snprintf(buf, HUMANE_BYTES, "%" PRIu64 " Hz", frequency_hz);
	else if (frequency_hz < 1000000000)
		snprintf(buf, HUMANE_BYTES, "%" PRIu64 ".%02" PRIu64 " MHz", frequency_hz / 1000000,
			frequency_hz % 1000000 / 10000);
	else
		snprintf(buf, HUMANE_BYTES, "%" PRIu64 ".%03" PRIu64 " GHz",
			frequency_hz / 1000000000, frequency_hz % 1000000000 / 1000000);
	return buf;
}

const char *humane_difference(char buf[HUMANE_BYTES], int64_t difference_ns)
{
	const char *sign = difference_ns < 0 ? "-" : difference_ns > 0 ? "+" : "";
	uint64_t ns = magnitude(difference_ns);

	if (ns < 10000)
		snprintf(buf, HUMANE_BYTES, "%s%" PRIu64 " ns", sign, ns);
	else
		format_duration(buf, sign, ns);
	return buf;
}

const char *humane_date(char buf[HUMANE_BYTES], int64_t time_ns, const char *zone)
{
	int64_t seconds = time_ns / (int64_t)NS_PER_S, ns = time_ns % (int64_t)NS_PER_S;
	time_t time_s;
	struct tm tm;
	char day[32];

	if (ns < 0) {
		seconds--;
		ns += (int64_t)NS_PER_S;
	}
	time_s = (time_t)seconds;
	/* 2^63 ns are 292 years: the year has four digits. */
	gmtime_r(&time_s, &tm);
	strftime(day, sizeof(day), "%Y-%m-%dT%H:%M:%S", &tm);
	snprintf(buf, HUMANE_BYTES, "%s.%09" PRId64 "%s", day, ns, zone);
	return buf;
}

const char *humane_seconds(char buf[HUMANE_BYTES], int64_t time_ns)
{
	uint64_t ns = magnitude(time_ns);

	snprintf(buf, HUMANE_BYTES, "%s%" PRIu64 ".%09" PRIu64, time_ns < 0 ? "-" : "",
		ns / NS_PER_S, ns % NS_PER_S);
	return buf;
}

static int unit_find(const char *name, int64_t *ret_ns)
{
	static const struct {
		const char *name;
		int64_t ns;
	} units[] = {
		{ "", 1000000000 },
		{ "s", 1000000000 },
		{ "sec", 1000000000 },
		{ "ms", 1000000 },
		{ "us", 1000 },
		{ "ns", 1 },
		{ "min", INT64_C(60000000000) },
		{ "h", INT64_C(3600000000000) },
	};

	for (size_t i = 0; i < sizeof(units) / sizeof(*units); i++) {
		if (strcmp(units[i].name, name) == 0) {
			*ret_ns = units[i].ns;
			return 0;
		}
	}
	return -EINVAL;
}

int humane_parse_duration(const char *text, int64_t *ret_ns)
{
	const int64_t limit = INT64_C(1) << 62;
	const char *digits = "0123456789", *fraction = "";
	size_t n_whole = strspn(text, digits), n_fraction = 0;
	const char *rest = text + n_whole;
	int64_t unit_ns, place_ns, total_ns = 0;

	if (*rest == '.') {
		fraction = rest + 1;
		n_fraction = strspn(fraction, digits);
		rest = fraction + n_fraction;
	}
	if (n_whole + n_fraction == 0 || unit_find(rest, &unit_ns) < 0)
		return -EINVAL;
	for (size_t i = 0; i < n_whole; i++) {
		int64_t digit_ns = unit_ns * (text[i] - '0');

		if (total_ns > (limit - digit_ns) / 10)
			return -ERANGE;
		total_ns = 10 * total_ns + digit_ns;
	}
	place_ns = unit_ns / 10;
	for (size_t i = 0; i < n_fraction && place_ns > 0; i++, place_ns /= 10)
		total_ns += place_ns * (fraction[i] - '0');
	*ret_ns = total_ns;
	return 0;
}

int humane_parse_number(const char *text, int64_t min, int64_t max, int64_t *ret)
{
	bool negative = min < 0 && *text == '-';
	const char *digits = negative ? text + 1 : text;
	size_t n = strspn(digits, "0123456789");
	int64_t number = 0;

	if (n == 0 || digits[n])
		return -EINVAL;
	for (size_t i = 0; i < n; i++) {
		int digit = digits[i] - '0';

		/* Down from 0 for what is negative: INT64_MIN has no magnitude. */
		if (__builtin_mul_overflow(number, 10, &number) ||
			__builtin_add_overflow(number, negative ? -digit : digit, &number))
			return -ERANGE;
	}
	if (number < min || number > max)
		return -ERANGE;
	*ret = number;
	return 0;
}
