/* SPDX-License-Identifier: MIT */
#include "daemon/quantity.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

const struct quantity_unit quantity_durations[] = {
	{ "ns", 1 },
	{ "us", 1000 },
	{ "ms", 1000000 },
	{ "s", 1000000000 },
	{ "min", UINT64_C(60000000000) },
	{ NULL, 0 },
};

const struct quantity_unit quantity_rates[] = {
	{ "ppb", 1 },
	{ "ppm", 1000 },
	{ "%", 10000000 },
	{ NULL, 0 },
};

const struct quantity_unit quantity_sizes[] = {
	{ "B", 1 },
	{ "K", 1 << 10 },
	{ "M", 1 << 20 },
	{ "G", 1 << 30 },
	{ NULL, 0 },
};

/* strtoull() would take blanks, signs and hexadecimal. */
static int parse_digits(const char *text, const char **end, uint64_t *ret)
{
	uint64_t value = 0;
	const char *c = text;

	for (; *c >= '0' && *c <= '9'; c++)
		if (__builtin_mul_overflow(value, 10, &value) ||
			__builtin_add_overflow(value, (uint64_t)(*c - '0'), &value))
			return -ERANGE;
	if (c == text)
		return -EINVAL;
	*end = c;
	*ret = value;
	return 0;
}

int quantity_parse(const char *text, const struct quantity_unit *units, uint64_t *ret)
{
	uint64_t value;
	int r = parse_digits(text, &text, &value);

	if (r < 0)
		return r;
	if (!units) {
		if (*text)
			return -EINVAL;
		*ret = value;
		return 0;
	}
	while (*text == ' ')
		text++;
	for (const struct quantity_unit *u = units; u->name; u++) {
		if (strcmp(text, u->name) != 0)
			continue;
		if (__builtin_mul_overflow(value, u->factor, &value))
			return -ERANGE;
		*ret = value;
		return 0;
	}
	return -EINVAL;
}

void quantity_format(
	char *text, size_t size_bytes, const struct quantity_unit *units, uint64_t value)
{
	const struct quantity_unit *best = units;

	for (const struct quantity_unit *u = units; u && u->name; u++)
		if (value && value % u->factor == 0)
			best = u;
	if (best)
		snprintf(text, size_bytes, "%" PRIu64 "%s", value / best->factor, best->name);
	else
		snprintf(text, size_bytes, "%" PRIu64, value);
}
