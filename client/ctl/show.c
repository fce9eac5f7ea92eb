/* SPDX-License-Identifier: MIT */
/*
 * vdsotimectl show: the state as NAME=VALUE lines, for scripts.
 *
 * Names are the keys of status --json, joined by dots, members of arrays by their number:
 * page.generation=118204, clocksource.available.0=tsc.  What is not known has an empty value.
 *
 * What a script must be able to rely on: of the properties that it asks for each gives one line, in
 * the order asked for, or there is no line at all.
 */
#include <errno.h>
#include <string.h>

#include "client/ctl/call.h"
#include "client/ctl/gather.h"
#include "client/ctl/property.h"
#include "client/ctl/value.h"
#include "client/ctl/verbs.h"

enum { NAME_BYTES = 128 };

struct show {
	const struct ctl *ctl;
	const char *prefix;
};

static void print_property(const struct ctl *ctl, const char *name, const char *text)
{
	if (ctl_has_option(ctl, "value"))
		fprintf(ctl->out, "%s\n", text);
	else
		fprintf(ctl->out, "%s=%s\n", name, text);
}

static bool show_member(void *data, const char *key, const char *scalar, const struct value *member)
{
	const struct show *show = data;
	char name[NAME_BYTES];

	snprintf(name, sizeof(name), "%s%s%s", show->prefix, *show->prefix ? "." : "", key);
	if (scalar) {
		print_property(show->ctl, name, scalar);
	} else {
		struct show inner = { .ctl = show->ctl, .prefix = name };

		value_visit(member, show_member, &inner);
	}
	return true;
}

static void show_all(const struct ctl *ctl, struct value *state)
{
	struct show show = { .ctl = ctl, .prefix = "" };

	if (ctl->json != CTL_JSON_OFF) {
		value_print(ctl, state);
		return;
	}
	property_complete(state);
	value_visit(state, show_member, &show);
}

/* Are all that were asked for properties?  Each that is none is told. */
static bool check_names(const struct ctl *ctl, struct value *state)
{
	bool all = true;

	for (size_t i = 0; i < ctl->n_given; i++) {
		struct value *v;
		int r;

		if (strcmp(ctl->given[i].name, "property") != 0)
			continue;
		r = property_find(state, ctl->given[i].value, &v);
		if (r < 0)
			ctl_error(ctl, "show: %s: %s", ctl->given[i].value,
				r == -EISDIR ? "has properties, and is none" : "no such property");
		all &= r == 0;
	}
	return all;
}

static void show_named(const struct ctl *ctl, struct value *state)
{
	struct value *all = value_new_object();

	for (size_t i = 0; i < ctl->n_given; i++) {
		const char *name = ctl->given[i].value;
		struct value *v;

		if (strcmp(ctl->given[i].name, "property") != 0 ||
			property_find(state, name, &v) < 0)
			continue;
		if (ctl->json != CTL_JSON_OFF)
			value_share(all, name, v);
		else
			print_property(ctl, name, value_scalar(v));
	}
	if (ctl->json != CTL_JSON_OFF)
		value_print(ctl, all);
	value_free(all);
}

int verb_show(const struct ctl *ctl, int argc, char **argv)
{
	struct value *state;
	int status;

	(void)argc;
	(void)argv;
	if (ctl->json != CTL_JSON_OFF && ctl_has_option(ctl, "value")) {
		ctl_error(ctl, "show: --value is for lines, not for JSON");
		return CTL_USAGE;
	}
	status = gather_status(ctl, &state);
	if (status == CTL_NOT_RUNNING)
		ctl_error(ctl,
			"vdsotimed is not running on %s; this is what can be known without it",
			call_runtime_dir(ctl->runtime_dir));
	if (!ctl_has_option(ctl, "property"))
		show_all(ctl, state);
	else if (check_names(ctl, state))
		show_named(ctl, state);
	else
		status = CTL_FAILURE;
	value_free(state);
	return status;
}
