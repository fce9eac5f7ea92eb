/* SPDX-License-Identifier: MIT */
/*
 * vdsotimectl events: the disturbances that the daemon still knows.
 */
#include <inttypes.h>

#include "client/ctl/call.h"
#include "client/ctl/humane.h"
#include "client/ctl/table.h"
#include "client/ctl/verbs.h"

static void print_event(struct table *table, const struct value *event)
{
	const char *kind = value_get_string(event, "kind");
	const char *description = value_get_string(event, "description");
	int64_t number = 0, realtime_ns = 0;
	uint64_t epoch = 0;
	char text[HUMANE_BYTES];

	value_get_int(event, "number", &number);
	value_get_uint(event, "epoch", &epoch);
	value_get_int(event, "realtimeNSec", &realtime_ns);
	table_cell(table, "%" PRId64, number);
	table_cell(table, "%s", humane_date(text, realtime_ns, "Z"));
	table_cell(table, "%" PRIu32, humane_epoch(epoch));
	table_cell(table, "%s", kind ? kind : "?");
	table_cell(table, "%s", description ? description : "");
}

static void print_text(const struct ctl *ctl, const struct value *reply)
{
	static const struct table_column columns[] = {
		{ "NUMBER", true },
		{ "TIME", true },
		{ "EPOCH", true },
		{ "KIND", false },
		{ "DESCRIPTION", false },
	};
	const struct value *events = value_get(reply, "events");
	struct table *table = table_new(columns, 5);
	int64_t total;

	for (size_t i = 0; i < value_length(events); i++)
		print_event(table, value_at(events, i));
	table_print(ctl, table);
	table_free(table);
	if (ctl->legend && value_get_int(reply, "total", &total))
		fprintf(ctl->out, "\n%zu of %" PRId64 " since the start.\n", value_length(events),
			total);
}

int verb_events(const struct ctl *ctl, int argc, char **argv)
{
	(void)argc;
	(void)argv;
	return call_show(ctl, CALL_INTERFACE ".GetEvents", print_text);
}
