/* SPDX-License-Identifier: MIT */
/*
 * vdsotimectl show: the state as NAME=VALUE lines, for scripts.
 *
 * Names are the keys of status --json, joined by dots, members of arrays by their number:
 * page.generation=118204, clocksource.available.0=tsc.  What is not known has an empty value.
 */
#include <string.h>

#include "client/ctl/call.h"
#include "client/ctl/gather.h"
#include "client/ctl/value.h"
#include "client/ctl/verbs.h"

enum { NAME_BYTES = 128 };

struct show {
	const struct ctl *ctl;
	const char *prefix;
	size_t shown;
};

static bool is_wanted(const struct ctl *ctl, const char *name)
{
	if (!ctl_has_option(ctl, "property"))
		return true;
	for (size_t i = 0; i < ctl->n_given; i++) {
		if (strcmp(ctl->given[i].name, "property") == 0 &&
			strcmp(ctl->given[i].value, name) == 0)
			return true;
	}
	return false;
}

static bool show_member(void *data, const char *key, const char *scalar, const struct value *member)
{
	struct show *show = data;
	char name[NAME_BYTES];

	snprintf(name, sizeof(name), "%s%s%s", show->prefix, *show->prefix ? "." : "", key);
	if (!scalar) {
		struct show inner = { .ctl = show->ctl, .prefix = name, .shown = show->shown };

		value_visit(member, show_member, &inner);
		show->shown = inner.shown;
	} else if (is_wanted(show->ctl, name)) {
		if (ctl_has_option(show->ctl, "value"))
			fprintf(show->ctl->out, "%s\n", scalar);
		else
			fprintf(show->ctl->out, "%s=%s\n", name, scalar);
		show->shown++;
	}
	return true;
}

int verb_show(const struct ctl *ctl, int argc, char **argv)
{
	struct show show = { .ctl = ctl, .prefix = "" };
	struct value *state;
	int status = gather_status(ctl, &state);

	(void)argc;
	(void)argv;
	if (ctl->json != CTL_JSON_OFF)
		value_print(ctl, state);
	else
		value_visit(state, show_member, &show);
	value_free(state);
	if (status == CTL_NOT_RUNNING)
		ctl_error(ctl,
			"vdsotimed is not running on %s; this is what can be known without it",
			call_runtime_dir(ctl->runtime_dir));
	if (ctl->json == CTL_JSON_OFF && show.shown == 0 && ctl_has_option(ctl, "property") &&
		(status == CTL_OK || status == CTL_DEGRADED)) {
		ctl_error(ctl, "show: no property of that name");
		return CTL_FAILURE;
	}
	return status;
}
