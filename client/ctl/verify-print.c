/* SPDX-License-Identifier: MIT */
/*
 * The table of vdsotimectl verify, what it means, and the same as JSON.
 */
#include "client/ctl/verify.h"

#include <inttypes.h>

#include "client/ctl/humane.h"
#include "client/ctl/table.h"
#include "client/ctl/value.h"

static const struct table_column columns[] = {
	{ "CLOCK", false },
	{ "SAMPLES", true },
	{ "P50", true },
	{ "P99", true },
	{ "MAX", true },
	{ "+/-", true },
	{ "OUTSIDE", true },
	{ "BACKWARD", true },
	{ "RELAXED", true },
	{ "2 THREADS", true },
};
enum { COLUMNS = sizeof(columns) / sizeof(*columns) };

static void print_row(struct table *table, clockid_t id, const struct checked_clock *c)
{
	char text[HUMANE_BYTES];

	table_cell(table, "%s", clockid_name(id));
	if (!c->on_page) {
		for (int column = 1; column < COLUMNS; column++)
			table_cell(table, "-");
		return;
	}
	table_cell(table, "%zu", c->differences.count);
	table_cell(table, "%s", humane_duration(text, c->difference.median));
	table_cell(table, "%s", humane_duration(text, c->difference.p99));
	table_cell(table, "%s", humane_duration(text, c->difference.maximum));
	table_cell(table, "%s", humane_duration(text, c->uncertainty.median));
	table_cell(table, "%" PRIu64, c->outside);
	table_cell(table, "%" PRIu64, c->ordered.backward);
	table_cell(table, "%" PRIu64, c->relaxed.backward);
	table_cell(table, "%" PRIu64, c->pair.backward);
}

static void print_remarks(const struct ctl *ctl, const struct verify *v)
{
	char text[HUMANE_BYTES];

	fputs("\n|page - kernel|, bracketed, each known to within +/-; outside: beyond the bound that the "
	      "page gives;\nbackward: of reads in one thread, ordered and relaxed, and of ordered reads "
	      "across two.\n",
		ctl->out);
	fprintf(ctl->out,
		"Largest bound: %s.  Slices: %" PRIu64 ", without the page: %" PRIu64
		", disturbed and not counted: %" PRIu64 ".\n",
		humane_bound(text, v->tracking_ns), v->slices, v->missed, v->disturbed);
	for (int i = 0; i < CLOCKID_PAGE_CLOCKS; i++) {
		if (!v->clocks[i].on_page)
			fprintf(ctl->out, "Not on the page here, not verified: %s.\n",
				clockid_name(clockid_page[i]));
	}
}

static void print_text(const struct ctl *ctl, const struct verify *v)
{
	struct table *table = table_new(columns, COLUMNS);

	for (int i = 0; i < CLOCKID_PAGE_CLOCKS; i++)
		print_row(table, clockid_page[i], &v->clocks[i]);
	table_print(ctl, table);
	table_free(table);
	if (ctl->legend)
		print_remarks(ctl, v);
}

static struct value *relay_value(const struct relay_count *count)
{
	struct value *v = value_new_object();

	value_add_uint(v, "reads", count->reads);
	value_add_uint(v, "backward", count->backward);
	value_add_int(v, "backwardMaximumNSec", count->backward_ns);
	return v;
}

static void print_json(const struct ctl *ctl, const struct verify *v)
{
	struct value *all = value_new_object(), *list = value_new_array();

	for (int i = 0; i < CLOCKID_PAGE_CLOCKS; i++) {
		const struct checked_clock *c = &v->clocks[i];
		struct value *clock = value_new_object();

		value_add_string(clock, "clock", clockid_name(clockid_page[i]));
		value_add_bool(clock, "onPage", c->on_page);
		if (!c->on_page) {
			value_append(list, clock);
			continue;
		}
		value_add_uint(clock, "samples", c->differences.count);
		value_add_int(clock, "differenceMedianNSec", c->difference.median);
		value_add_int(clock, "differenceP99NSec", c->difference.p99);
		value_add_int(clock, "differenceMaximumNSec", c->difference.maximum);
		value_add_int(clock, "uncertaintyMedianNSec", c->uncertainty.median);
		value_add_uint(clock, "outside", c->outside);
		value_add(clock, "ordered", relay_value(&c->ordered));
		value_add(clock, "relaxed", relay_value(&c->relaxed));
		value_add(clock, "twoThreads", relay_value(&c->pair));
		value_append(list, clock);
	}
	value_add_bool(all, "good", verify_is_good(v));
	value_add(all, "clocks", list);
	value_add_uint(all, "trackingBoundMaximumNSec", v->tracking_ns);
	value_add_uint(all, "slices", v->slices);
	value_add_uint(all, "slicesWithoutPage", v->missed);
	value_add_uint(all, "slicesDisturbed", v->disturbed);
	value_print(ctl, all);
	value_free(all);
}

void verify_print(const struct ctl *ctl, const struct verify *v)
{
	if (ctl->json != CTL_JSON_OFF)
		print_json(ctl, v);
	else
		print_text(ctl, v);
}
