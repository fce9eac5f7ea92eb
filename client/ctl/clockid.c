/* SPDX-License-Identifier: MIT */
/*
 * The names of clocks: see clockid.h.
 */
#include "client/ctl/clockid.h"

#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <strings.h>

#include "client/ctl/humane.h"

static const struct {
	const char *name;
	clockid_t id;
} clocks[] = {
	{ "REALTIME", CLOCK_REALTIME },
	{ "MONOTONIC", CLOCK_MONOTONIC },
	{ "MONOTONIC_RAW", CLOCK_MONOTONIC_RAW },
	{ "BOOTTIME", CLOCK_BOOTTIME },
	{ "TAI", CLOCK_TAI },
	{ "REALTIME_COARSE", CLOCK_REALTIME_COARSE },
	{ "MONOTONIC_COARSE", CLOCK_MONOTONIC_COARSE },
	{ "REALTIME_ALARM", CLOCK_REALTIME_ALARM },
	{ "BOOTTIME_ALARM", CLOCK_BOOTTIME_ALARM },
	{ "PROCESS_CPUTIME_ID", CLOCK_PROCESS_CPUTIME_ID },
	{ "THREAD_CPUTIME_ID", CLOCK_THREAD_CPUTIME_ID },
	/* The first of an id names it; what follows is only understood. */
	{ "RAW", CLOCK_MONOTONIC_RAW },
	{ "PROCESS_CPUTIME", CLOCK_PROCESS_CPUTIME_ID },
	{ "THREAD_CPUTIME", CLOCK_THREAD_CPUTIME_ID },
};

const clockid_t clockid_page[CLOCKID_PAGE_CLOCKS] = {
	CLOCK_REALTIME,
	CLOCK_MONOTONIC,
	CLOCK_MONOTONIC_RAW,
	CLOCK_BOOTTIME,
	CLOCK_TAI,
};

const char *clockid_name(clockid_t id)
{
	for (size_t i = 0; i < sizeof(clocks) / sizeof(*clocks); i++) {
		if (clocks[i].id == id)
			return clocks[i].name;
	}
	return NULL;
}

static bool names_match(const char *text, const char *name)
{
	for (; *text && *name; text++, name++) {
		char c = *text == '-' ? '_' : (char)toupper((unsigned char)*text);

		if (c != *name)
			return false;
	}
	return *text == *name;
}

int clockid_parse(const char *text, clockid_t *ret)
{
	int64_t number;

	if (strncasecmp(text, "CLOCK_", 6) == 0 || strncasecmp(text, "CLOCK-", 6) == 0)
		text += 6;
	for (size_t i = 0; i < sizeof(clocks) / sizeof(*clocks); i++) {
		if (names_match(text, clocks[i].name)) {
			*ret = clocks[i].id;
			return 0;
		}
	}
	if (humane_parse_number(text, INT_MIN, INT_MAX, &number) < 0)
		return -EINVAL;
	*ret = (clockid_t)number;
	return 0;
}

bool clockid_is_date(clockid_t id)
{
	return id == CLOCK_REALTIME || id == CLOCK_REALTIME_COARSE || id == CLOCK_REALTIME_ALARM ||
	       id == CLOCK_TAI;
}

int64_t clockid_of_snapshot(const struct vdsotime_snapshot *snapshot, clockid_t id)
{
	switch (id) {
	case CLOCK_REALTIME:
		return snapshot->realtime_ns;
	case CLOCK_MONOTONIC:
		return snapshot->monotonic_ns;
	case CLOCK_MONOTONIC_RAW:
		return snapshot->monotonic_raw_ns;
	case CLOCK_BOOTTIME:
		return snapshot->boottime_ns;
	default:
		return snapshot->tai_ns;
	}
}
