/* SPDX-License-Identifier: MIT */
/*
 * vdsotimectl stats: what the daemon's sockets have done since its start, and what came of asking
 * chronyd.
 *
 * The counts are printed under the interface's own names, whichever there are: a daemon that counts
 * more is shown in full by an older tool.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "client/ctl/call.h"
#include "client/ctl/humane.h"
#include "client/ctl/text.h"
#include "client/ctl/verbs.h"

/* The first counts are of interest also when they are zero. */
static bool is_always_shown(const char *key)
{
	return strcmp(key, "accepted") == 0 || strcmp(key, "frames") == 0 ||
	       strcmp(key, "requests") == 0;
}

/* [{reason, count}, ...] on one line. */
static void print_reasons(const struct ctl *ctl, const char *key, const struct value *counts)
{
	char line[512] = "";
	size_t length = 0;

	for (size_t i = 0; i < value_length(counts); i++) {
		const char *reason = value_get_string(value_at(counts, i), "reason");
		uint64_t count = 0;
		int n;

		value_get_uint(value_at(counts, i), "count", &count);
		n = snprintf(line + length, sizeof(line) - length, "%s%s %" PRIu64,
			i > 0 ? ", " : "", reason ? reason : "?", count);
		if (n > 0)
			length += (size_t)n;
		if (length >= sizeof(line))
			break;
	}
	if (*line)
		text_field(ctl, key, "%s", line);
}

/* One bin of the histogram: [2^key, 2^(key + 1)) ns. */
static bool print_bin(void *data, const char *key, const char *scalar, const struct value *member)
{
	const struct ctl *const *ctl = data;
	unsigned long power = strtoul(key, NULL, 10);
	char low[HUMANE_BYTES], high[HUMANE_BYTES];

	(void)member;
	if (scalar && strcmp(scalar, "0") != 0 && power < 63)
		text_field(*ctl, "served in", "%s to %s: %s",
			humane_bound(low, UINT64_C(1) << power),
			humane_bound(high, UINT64_C(2) << power), scalar);
	return true;
}

static bool print_member(
	void *data, const char *key, const char *scalar, const struct value *member)
{
	const struct ctl *const *ctl = data;

	if (strcmp(key, "socket") == 0)
		return true;
	if (strcmp(key, "serveTimeHistogram") == 0)
		value_visit(member, print_bin, data);
	else if (!scalar)
		print_reasons(*ctl, key, member);
	else if (*scalar && (strcmp(scalar, "0") != 0 || is_always_shown(key)))
		text_field(*ctl, key, "%s", scalar);
	return true;
}

static void print_head(const struct ctl *ctl, const char *text)
{
	fprintf(ctl->out, "%s%s%s\n", text_color(ctl, TEXT_BOLD), text,
		text_color(ctl, TEXT_PLAIN));
}

static void print_text(const struct ctl *ctl, const struct value *reply)
{
	const struct value *sockets = value_get(reply, "sockets");
	const struct value *chrony = value_get(reply, "chrony");
	uint64_t requests = 0;

	for (size_t i = 0; i < value_length(sockets); i++) {
		const char *name = value_get_string(value_at(sockets, i), "socket");

		print_head(ctl, name ? name : "?");
		value_visit(value_at(sockets, i), print_member, &ctl);
	}
	value_get_uint(chrony, "requests", &requests);
	if (requests > 0) {
		print_head(ctl, "chrony");
		value_visit(chrony, print_member, &ctl);
	}
}

int verb_stats(const struct ctl *ctl, int argc, char **argv)
{
	(void)argc;
	(void)argv;
	return call_show(ctl, CALL_INTERFACE ".GetStatistics", print_text);
}
