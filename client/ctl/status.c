/* SPDX-License-Identifier: MIT */
/*
 * vdsotimectl status: the whole state on one page, in words and units.
 *
 * Each line is drawn from one section of the gathered state, and left out where that section is not
 * known, so that the same code serves with the daemon and without.
 */
#include <inttypes.h>
#include <stdarg.h>
#include <string.h>

#include "client/ctl/call.h"
#include "client/ctl/gather.h"
#include "client/ctl/humane.h"
#include "client/ctl/text.h"
#include "client/ctl/value.h"
#include "client/ctl/verbs.h"

/* A value of a line, composed before it is printed. */
struct sentence {
	char text[768];
	size_t length;
};

static void sentence_add(struct sentence *s, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

static void sentence_add(struct sentence *s, const char *format, ...)
{
	va_list args;
	int n;

	va_start(args, format);
	n = vsnprintf(s->text + s->length, sizeof(s->text) - s->length, format, args);
	va_end(args);
	if (n > 0)
		s->length += (size_t)n;
	if (s->length >= sizeof(s->text))
		s->length = sizeof(s->text) - 1;
}

/* ", NAME 3.1 ms" where the number is known. */
static void sentence_add_duration(
	struct sentence *s, const char *before, const struct value *v, const char *key)
{
	char duration[HUMANE_BYTES];
	int64_t ns;

	if (value_get_int(v, key, &ns))
		sentence_add(s, "%s%s", before, humane_duration(duration, ns));
}

static void print_daemon(const struct ctl *ctl, const struct value *state, int status)
{
	const struct value *daemon = value_get(state, "daemon");
	const char *dir = value_get_string(daemon, "runtimeDirectory");
	const char *version = value_get_string(daemon, "version");
	const char *refusal = value_get_string(daemon, "configurationRefused");
	enum text_color color = status == CTL_OK         ? TEXT_GOOD
				: status == CTL_DEGRADED ? TEXT_WARN
							 : TEXT_BAD;
	struct sentence s = { 0 };
	int64_t pid;

	if (!daemon) {
		sentence_add(&s, "vdsotimed: %s (%s/%s)",
			status == CTL_NOT_RUNNING  ? "not running"
			: status == CTL_PERMISSION ? "not allowed to ask"
						   : "no answer",
			call_runtime_dir(ctl->runtime_dir), CALL_INTERFACE);
	} else {
		sentence_add(&s, "vdsotimed %s: %s", version ? version : "?",
			status == CTL_OK ? "serving"
					 : "serving, but this process does not read its page");
		sentence_add(&s, " (%s", dir ? dir : "?");
		if (value_get_int(daemon, "processId", &pid))
			sentence_add(&s, ", pid %" PRId64, pid);
		sentence_add_duration(&s, ", up ", daemon, "uptimeNSec");
		sentence_add(&s, ")");
	}
	fprintf(ctl->out, "%s%s%s\n", text_color(ctl, color), s.text, text_color(ctl, TEXT_PLAIN));
	if (refusal)
		text_field(ctl, "Configuration", "%sREFUSED, the former is in force: %s%s",
			text_color(ctl, TEXT_WARN), refusal, text_color(ctl, TEXT_PLAIN));
}

/* The version that every resolved function has; NULL where they differ, or have none. */
static const char *common_version(const struct value *functions)
{
	const char *common = NULL;

	for (size_t i = 0; i < value_length(functions); i++) {
		const struct value *function = value_at(functions, i);
		const char *version = value_get_string(function, "version");

		if (!value_get_string(function, "symbol"))
			continue;
		if (!version || (common && strcmp(version, common) != 0))
			return NULL;
		common = version;
	}
	return common;
}

static void sentence_add_functions(struct sentence *s, const struct value *functions, bool versions)
{
	for (size_t i = 0; i < value_length(functions); i++) {
		const struct value *function = value_at(functions, i);
		const char *name = value_get_string(function, "name");
		const char *version = value_get_string(function, "version");

		sentence_add(s, "%s %s", i > 0 ? "," : "", name ? name : "?");
		if (!value_get_string(function, "symbol"))
			sentence_add(s, " (not there: system call)");
		else if (versions)
			sentence_add(s, " (%s)", version ? version : "no version");
	}
}

static void print_vdso(const struct ctl *ctl, const struct value *state)
{
	const struct value *vdso = value_get(state, "vdso"),
			   *functions = value_get(vdso, "functions");
	const char *soname = value_get_string(vdso, "soname"), *common = common_version(functions);
	size_t resolved = 0, n = value_length(functions);
	struct sentence s = { 0 };
	bool usable;

	if (!value_get_bool(vdso, "usable", &usable))
		return;
	if (!usable) {
		text_field(ctl, "vDSO", "none: every read of the kernel's clocks is a system call");
		return;
	}
	for (size_t i = 0; i < n; i++)
		resolved += value_get_string(value_at(functions, i), "symbol") != NULL;
	sentence_add(&s, "%s%s%s, %zu of %zu functions:", soname ? soname : "(no name)",
		common ? ", version " : "", common ? common : "", resolved, n);
	sentence_add_functions(&s, functions, !common);
	text_field(ctl, "vDSO", "%s", s.text);
}

static void print_clocksource(const struct ctl *ctl, const struct value *state)
{
	const struct value *source = value_get(state, "clocksource");
	const struct value *available = value_get(source, "available");
	const char *current = value_get_string(source, "current");
	struct sentence s = { 0 };
	bool avoids;

	if (!source)
		return;
	sentence_add(&s, "%s", current ? current : "not known");
	for (size_t i = 0; i < value_length(available); i++) {
		const char *name = value_at_string(available, i);

		sentence_add(&s, "%s%s", i == 0 ? " (available: " : " ", name ? name : "?");
	}
	sentence_add(&s, "%s", value_length(available) > 0 ? ")" : "");
	if (value_get_bool(source, "avoidsSystemCall", &avoids))
		sentence_add(&s, avoids ? "; vDSO reads avoid the system call"
					: "; vDSO reads FALL INTO the system call");
	sentence_add_duration(&s, ": ", source, "vdsoCostNSec");
	sentence_add_duration(&s, " against ", source, "systemCallCostNSec");
	text_field(ctl, "Clocksource", "%s", s.text);
}

static void print_counter(const struct ctl *ctl, const struct value *state)
{
	const struct value *counter = value_get(state, "counter");
	const char *name = value_get_string(counter, "name");
	const char *reason = value_get_string(counter, "reason");
	const char *vmclock = value_get_string(counter, "vmclock");
	char frequency[HUMANE_BYTES];
	struct sentence s = { 0 };
	bool usable, exact, pinned;
	uint64_t hz, cpus;

	if (!value_get_bool(counter, "usable", &usable))
		return;
	sentence_add(&s, "%s", name ? name : "?");
	if (value_get_uint(counter, "frequencyHz", &hz))
		sentence_add(&s, " at %s", humane_frequency(frequency, hz));
	if (usable && value_get_bool(counter, "rateExact", &exact))
		sentence_add(&s, exact ? " (the kernel's own rate, exact)" : " (rate fitted)");
	sentence_add(&s, ", %s", usable ? "used" : "NOT used");
	if (reason && *reason)
		sentence_add(&s, ": %s", reason);
	if (value_get_uint(counter, "comparedCpus", &cpus) && cpus > 1 &&
		value_get_bool(counter, "comparedPinned", &pinned))
		sentence_add(
			&s, "; %" PRIu64 " CPUs compared%s", cpus, pinned ? "" : ", not pinned");
	text_field(ctl, "Counter", "%s", s.text);
	if (vmclock)
		text_field(ctl, "VMClock", "%s", vmclock);
}

static void print_page(const struct ctl *ctl, const struct value *state)
{
	const struct value *page = value_get(state, "page");
	struct sentence s = { 0 };
	bool on, flag;
	uint64_t epoch;
	int64_t number;

	if (!value_get_bool(page, "on", &on))
		return;
	sentence_add(&s, "%s", on ? "on" : "OFF");
	if (value_get_int(page, "generation", &number))
		sentence_add(&s, ", generation %" PRId64, number);
	if (value_get_uint(page, "epoch", &epoch))
		sentence_add(&s, ", epoch %" PRIu32, humane_epoch(epoch));
	sentence_add_duration(&s, ", age ", page, "ageNSec");
	sentence_add_duration(&s, ", renewed every ", page, "periodNSec");
	sentence_add_duration(&s, ", good for ", page, "windowNSec");
	if (value_get_bool(page, "restored", &flag) && flag)
		sentence_add(&s, ", continued from an earlier life");
	if (value_get_bool(page, "kept", &flag))
		sentence_add(&s, flag ? ", kept over restarts" : ", not kept over restarts");
	text_field(ctl, "Page", "%s", s.text);
}

static void print_reader(const struct ctl *ctl, const struct value *state)
{
	const struct value *reader = value_get(state, "reader");
	const char *path = value_get_string(reader, "path");
	const char *reason = value_get_string(reader, "reason");
	bool page = path && strcmp(path, "page") == 0;

	if (!path)
		return;
	text_field(ctl, "Path here", "%s%s%s%s%s", text_color(ctl, page ? TEXT_GOOD : TEXT_WARN),
		path, text_color(ctl, TEXT_PLAIN), reason ? ": " : "", reason ? reason : "");
}

static void print_tracking(const struct ctl *ctl, const struct value *state)
{
	const struct value *tracking = value_get(state, "tracking");
	char number[HUMANE_BYTES];
	struct sentence s = { 0 };
	uint64_t bound_ns;
	int64_t ns, ps;
	bool on;

	if (!value_get_uint(tracking, "boundNSec", &bound_ns)) {
		if (value_get_bool(value_get(state, "page"), "on", &on) && !on)
			text_field(ctl, "Tracking", "none while the page is off");
		else if (tracking)
			text_field(ctl, "Tracking", "not compared with the kernel's clock yet");
		return;
	}
	if (value_get_int(tracking, "residualNSec", &ns))
		sentence_add(
			&s, "last %s from the kernel's clock, ", humane_difference(number, ns));
	if (value_get_int(tracking, "residualRmsPSec", &ps))
		sentence_add(&s, "rms %" PRId64 ".%" PRId64 " ns, ", ps / 1000, ps % 1000 / 100);
	if (value_get_int(tracking, "residualMaximumNSec", &ns))
		sentence_add(&s, "max %s; ", humane_duration(number, ns));
	/* the bound is for the worst that may have happened since the last publication */
	sentence_add(&s, "never more than %s", humane_bound(number, bound_ns));
	text_field(ctl, "Tracking", "%s", s.text);
}

static void print_synchronisation(const struct ctl *ctl, const struct value *state)
{
	const struct value *sync = value_get(state, "synchronisation");
	const char *name = value_get_string(sync, "state"),
		   *origin = value_get_string(sync, "origin");
	const char *leap = value_get_string(sync, "leap");
	char number[HUMANE_BYTES];
	struct sentence s = { 0 };
	uint64_t error_ns;
	int64_t n;

	if (!name)
		return;
	sentence_add(&s, "%s", name);
	if (value_get_uint(sync, "errorNSec", &error_ns))
		sentence_add(&s, ": REALTIME within %s of UTC", humane_bound(number, error_ns));
	else
		sentence_add(&s, ": no bound on REALTIME against UTC");
	if (origin && *origin)
		sentence_add(&s, " (%s)", origin);
	text_field(ctl, "Sync", "%s", s.text);

	s = (struct sentence){ 0 };
	if (value_get_int(sync, "taiOffsetSec", &n))
		sentence_add(&s, "TAI-UTC %" PRId64 " s", n);
	else
		sentence_add(&s, "TAI-UTC not set: TAI reads as REALTIME");
	if (leap && strcmp(leap, "insert") == 0)
		sentence_add(&s, ", a leap second ends this UTC day");
	else if (leap && strcmp(leap, "delete") == 0)
		sentence_add(&s, ", this UTC day ends a second early");
	if (value_get_int(sync, "frequencyPpb", &n) && n != 0)
		sentence_add(&s, ", frequency adjusted by %s%" PRId64 ".%03" PRId64 " ppm",
			n < 0 ? "-" : "+", (n < 0 ? -n : n) / 1000, (n < 0 ? -n : n) % 1000);
	text_field(ctl, "", "%s", s.text);
}

static void print_clients(const struct ctl *ctl, const struct value *state)
{
	const struct value *clients = value_get(state, "clients");
	int64_t stamp, varlink, users, most;

	if (!value_get_int(clients, "stampPeers", &stamp) ||
		!value_get_int(clients, "varlinkPeers", &varlink) ||
		!value_get_int(clients, "users", &users) ||
		!value_get_int(clients, "peersMaximum", &most))
		return;
	text_field(ctl, "Clients",
		"%" PRId64 " stamp, %" PRId64 " varlink (this one among them), of at most %" PRId64
		"; users: %" PRId64 "; readers of the page cannot be counted",
		stamp, varlink, most, users);
}

int verb_status(const struct ctl *ctl, int argc, char **argv)
{
	struct value *state;
	int status = gather_status(ctl, &state);

	(void)argc;
	(void)argv;
	if (ctl->json != CTL_JSON_OFF) {
		value_print(ctl, state);
	} else {
		print_daemon(ctl, state, status);
		print_vdso(ctl, state);
		print_clocksource(ctl, state);
		print_counter(ctl, state);
		print_page(ctl, state);
		print_reader(ctl, state);
		print_tracking(ctl, state);
		print_synchronisation(ctl, state);
		print_clients(ctl, state);
	}
	value_free(state);
	return status;
}
