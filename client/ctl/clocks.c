/* SPDX-License-Identifier: MIT */
/*
 * vdsotimectl clocks: five clocks of ONE instant, each with its difference from the kernel's own
 * clock.
 */
#include <inttypes.h>
#include <string.h>

#include "client/ctl/bracket.h"
#include "client/ctl/clockid.h"
#include "client/ctl/humane.h"
#include "client/ctl/reader.h"
#include "client/ctl/table.h"
#include "client/ctl/verbs.h"

/* Enough for one bracket that nothing came between, on a busy machine too: some 0.1 ms a clock. */
enum { BRACKETS = 1000 };

struct reading {
	struct vdsotime_snapshot snapshot;
	int64_t took_ns; /* to take it */
	struct vdsotime_status status;
	struct bracket brackets[CLOCKID_PAGE_CLOCKS];
};

static int take_reading(const struct vdsotime *t, struct reading *ret)
{
	int64_t begin_ns;
	int r;

	for (int i = 0; i < CLOCKID_PAGE_CLOCKS; i++) {
		r = bracket_snapshot(t, clockid_page[i], BRACKETS, &ret->brackets[i]);
		if (r < 0)
			return r;
	}
	r = vdsotime_status(t, &ret->status);
	if (r < 0)
		return r;
	begin_ns = bracket_kernel_ns(CLOCK_MONOTONIC_RAW);
	r = vdsotime_snapshot(t, &ret->snapshot);
	ret->took_ns = bracket_kernel_ns(CLOCK_MONOTONIC_RAW) - begin_ns;
	return r;
}

static void print_text(const struct ctl *ctl, const struct reading *reading)
{
	static const struct table_column columns[] = {
		{ "CLOCK", false },
		{ "TIME", true },
		{ "LESS KERNEL", true },
		{ "+/-", true },
		{ "PATH", false },
	};
	const struct vdsotime_snapshot *snapshot = &reading->snapshot;
	struct table *table = table_new(columns, 5);
	char text[HUMANE_BYTES];

	for (int i = 0; i < CLOCKID_PAGE_CLOCKS; i++) {
		clockid_t id = clockid_page[i];
		int64_t time_ns = clockid_of_snapshot(snapshot, id);

		table_cell(table, "%s", clockid_name(id));
		if (clockid_is_date(id))
			table_cell(table, "%s",
				humane_date(text, time_ns, id == CLOCK_TAI ? " TAI" : "Z"));
		else
			table_cell(table, "%s", humane_seconds(text, time_ns));
		table_cell(table, "%s",
			humane_difference(text, bracket_difference_ns(&reading->brackets[i])));
		table_cell(table, "%s",
			humane_duration(text, bracket_uncertainty_ns(&reading->brackets[i])));
		table_cell(table, "%s", reader_path(&reading->status, id));
	}
	table_print(ctl, table);
	table_free(table);
	if (!ctl->legend)
		return;
	if (snapshot->path == VDSOTIME_PATH_PAGE)
		fprintf(ctl->out,
			"\nOne instant (counter %" PRIu64 ", epoch %" PRIu32
			"), each within %s of the kernel's clock.\n",
			snapshot->counter_ticks, humane_epoch(snapshot->epoch),
			humane_bound(text, snapshot->tracking_ns));
	else
		fprintf(ctl->out, "\nOne after the other within %s, not one instant: %s.\n",
			humane_bound(text, (uint64_t)reading->took_ns),
			vdsotime_nopage_text(reading->status.reason));
}

static void print_json(const struct ctl *ctl, const struct reading *reading)
{
	const struct vdsotime_snapshot *snapshot = &reading->snapshot;
	struct value *all = value_new_object(), *list = value_new_array();

	for (int i = 0; i < CLOCKID_PAGE_CLOCKS; i++) {
		const struct bracket *bracket = &reading->brackets[i];
		struct value *clock = value_new_object();

		value_add_string(clock, "clock", clockid_name(clockid_page[i]));
		value_add_int(clock, "id", clockid_page[i]);
		value_add_int(clock, "timeNSec", clockid_of_snapshot(snapshot, clockid_page[i]));
		value_add_int(clock, "differenceNSec", bracket_difference_ns(bracket));
		value_add_int(clock, "uncertaintyNSec", bracket_uncertainty_ns(bracket));
		value_add_string(clock, "path", reader_path(&reading->status, clockid_page[i]));
		value_append(list, clock);
	}
	value_add(all, "clocks", list);
	value_add_bool(all, "oneInstant", snapshot->path == VDSOTIME_PATH_PAGE);
	if (snapshot->path == VDSOTIME_PATH_PAGE) {
		value_add_uint(all, "counterTicks", snapshot->counter_ticks);
		value_add_uint(all, "epoch", snapshot->epoch);
		value_add_uint(all, "trackingBoundNSec", snapshot->tracking_ns);
	} else {
		value_add_int(all, "spreadNSec", reading->took_ns);
		value_add_string(all, "reason", vdsotime_nopage_text(reading->status.reason));
	}
	value_print(ctl, all);
	value_free(all);
}

int verb_clocks(const struct ctl *ctl, int argc, char **argv)
{
	struct reading reading;
	struct vdsotime *t;
	int r, status = reader_attach(ctl, &t);

	(void)argc;
	(void)argv;
	if (status != CTL_OK)
		return status;
	r = take_reading(t, &reading);
	if (r < 0) {
		ctl_error(ctl, "clocks: cannot read: %s", strerror(-r));
		status = CTL_FAILURE;
	} else if (ctl->json != CTL_JSON_OFF) {
		print_json(ctl, &reading);
	} else {
		print_text(ctl, &reading);
	}
	vdsotime_detach(t);
	return status;
}
