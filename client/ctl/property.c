/* SPDX-License-Identifier: MIT */
/*
 * Properties: see property.h.  A test holds the list against the interface.
 */
#include "client/ctl/property.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { KEY_BYTES = 64 };

/* # stands for a number. */
static const char *const names[] = {
	"daemon.version",
	"daemon.processId",
	"daemon.runtimeDirectory",
	"daemon.uptimeNSec",
	"daemon.configurationFiles.#",
	"daemon.configurationRefused",
	"vdso.usable",
	"vdso.soname",
	"vdso.functions.#.name",
	"vdso.functions.#.symbol",
	"vdso.functions.#.version",
	"clocksource.current",
	"clocksource.available.#",
	"clocksource.avoidsSystemCall",
	"clocksource.vdsoCostNSec",
	"clocksource.systemCallCostNSec",
	"counter.name",
	"counter.usable",
	"counter.reason",
	"counter.frequencyHz",
	"counter.rateExact",
	"counter.comparedCpus",
	"counter.comparedPinned",
	"counter.comparedWorstTicks",
	"counter.vmclock",
	"page.on",
	"page.restored",
	"page.kept",
	"page.sizeBytes",
	"page.generation",
	"page.epoch",
	"page.ageNSec",
	"page.periodNSec",
	"page.windowNSec",
	"tracking.residualNSec",
	"tracking.residualRmsPSec",
	"tracking.residualMaximumNSec",
	"tracking.boundNSec",
	"tracking.samples",
	"tracking.latePublications",
	"synchronisation.state",
	"synchronisation.origin",
	"synchronisation.source",
	"synchronisation.errorNSec",
	"synchronisation.maximumErrorNSec",
	"synchronisation.estimatedErrorNSec",
	"synchronisation.frequencyPpb",
	"synchronisation.kernelStatus",
	"synchronisation.taiOffsetSec",
	"synchronisation.leap",
	"clients.stampPeers",
	"clients.varlinkPeers",
	"clients.subscriptions",
	"clients.users",
	"clients.acceptedTotal",
	"clients.peersMaximum",
	"clients.peersPerUserMaximum",
	"reader.path",
	"reader.reason",
	"reader.generation",
	"reader.epoch",
	"reader.ageNSec",
	"reader.trackingBoundNSec",
	"reader.errorNSec",
	"reader.quality",
	"reader.clocks.#",
	NULL,
};

/* The key that name begins with, and what follows its dot; NULL: nothing does. */
static const char *split(const char *name, char key[KEY_BYTES])
{
	size_t length = strcspn(name, ".");

	snprintf(key, KEY_BYTES, "%.*s", (int)length, name);
	return name[length] ? name + length + 1 : NULL;
}

static void complete(struct value *object, const char *name)
{
	char key[KEY_BYTES];
	const char *rest = split(name, key);
	struct value *child = value_get(object, key);

	if (!rest) {
		if (!child)
			value_add_null(object, key);
		return;
	}
	if (!value_is_object(child)) {
		child = value_new_object();
		value_add(object, key, child);
	}
	complete(child, rest);
}

void property_complete(struct value *state)
{
	for (size_t i = 0; names[i]; i++) {
		if (!strchr(names[i], '#'))
			complete(state, names[i]);
	}
}

static bool is_number(const char *key)
{
	return *key && strspn(key, "0123456789") == strlen(key);
}

static bool matches(const char *pattern, const char *name)
{
	char wanted[KEY_BYTES], key[KEY_BYTES];

	while (pattern && name) {
		pattern = split(pattern, wanted);
		name = split(name, key);
		if (strcmp(wanted, "#") == 0 ? !is_number(key) : strcmp(wanted, key) != 0)
			return false;
	}
	return !pattern && !name;
}

static bool is_listed(const char *name)
{
	for (size_t i = 0; names[i]; i++) {
		if (matches(names[i], name))
			return true;
	}
	return false;
}

int property_find(struct value *state, const char *name, struct value **ret)
{
	struct value *v = state;
	char key[KEY_BYTES];

	for (const char *rest = name; rest && v;) {
		rest = split(rest, key);
		if (value_is_object(v))
			v = value_get(v, key);
		else
			v = is_number(key) ? value_at(v, strtoul(key, NULL, 10)) : NULL;
	}
	/* What a daemon of a later version adds is found as well, where it is known. */
	if (!v && !is_listed(name))
		return -ENOENT;
	if (v && !value_scalar(v))
		return -EISDIR;
	*ret = v;
	return 0;
}
