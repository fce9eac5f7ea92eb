/* SPDX-License-Identifier: MIT */
/*
 * vdsotimectl metrics: the state and the statistics in Prometheus's text format, for the textfile
 * collector of its node exporter.
 *
 * Each metric is a row of a table: a member of the interface, and what it is as a metric.  Units
 * are those of Prometheus, seconds, with digits of integers and no floating point.
 *
 * What one would get wrong: what is not known has no sample, as 0 would be one; but without a
 * daemon there is vdsotime_up, which is 0.
 */
#include <inttypes.h>
#include <string.h>

#include "client/ctl/call.h"
#include "client/ctl/humane.h"
#include "client/ctl/value.h"
#include "client/ctl/verbs.h"

enum unit {
	UNIT_ONE,
	UNIT_BOOL,
	UNIT_EPOCH, /* the part that counts disturbances */
	UNIT_NS,
	UNIT_PS,
	UNIT_PPB
};

struct metric {
	const char *name; /* without "vdsotime_"; one that ends in _total is a counter */
	const char *help;
	const char *section; /* of GetStatus */
	const char *key;
	enum unit unit;
};

static const struct metric status_metrics[] = {
	{ "uptime_seconds", "Since the daemon's start.", "daemon", "uptimeNSec", UNIT_NS },
	{ "clocksource_avoids_system_call", "Whether a vDSO read avoids the system call.",
		"clocksource", "avoidsSystemCall", UNIT_BOOL },
	{ "clocksource_vdso_cost_seconds", "Cost of a read through the vDSO.", "clocksource",
		"vdsoCostNSec", UNIT_NS },
	{ "clocksource_system_call_cost_seconds", "Cost of a read by system call.", "clocksource",
		"systemCallCostNSec", UNIT_NS },
	{ "page_on", "Whether readers may use the page.", "page", "on", UNIT_BOOL },
	{ "page_generation", "Rises with each publication of the page.", "page", "generation",
		UNIT_ONE },
	{ "page_disturbances_total", "Disturbances of the clocks, of this page.", "page", "epoch",
		UNIT_EPOCH },
	{ "page_age_seconds", "Since the last publication.", "page", "ageNSec", UNIT_NS },
	{ "page_period_seconds", "Between publications, now.", "page", "periodNSec", UNIT_NS },
	{ "page_window_seconds", "Until readers leave a page that is not renewed.", "page",
		"windowNSec", UNIT_NS },
	{ "tracking_residual_seconds", "Page less kernel at the last sample.", "tracking",
		"residualNSec", UNIT_NS },
	{ "tracking_residual_rms_seconds", "Root mean square of the last residuals.", "tracking",
		"residualRmsPSec", UNIT_PS },
	{ "tracking_residual_maximum_seconds", "The largest residual since a disturbance.",
		"tracking", "residualMaximumNSec", UNIT_NS },
	{ "tracking_bound_seconds", "Published bound on page less kernel.", "tracking", "boundNSec",
		UNIT_NS },
	{ "tracking_samples", "Samples that the tracking figures are of.", "tracking", "samples",
		UNIT_ONE },
	{ "tracking_late_publications_total", "Publications that were held up half-way.",
		"tracking", "latePublications", UNIT_ONE },
	{ "synchronisation_error_seconds", "Claimed bound on REALTIME against UTC.",
		"synchronisation", "errorNSec", UNIT_NS },
	{ "synchronisation_maximum_error_seconds", "The kernel's maxerror.", "synchronisation",
		"maximumErrorNSec", UNIT_NS },
	{ "synchronisation_estimated_error_seconds", "The kernel's esterror.", "synchronisation",
		"estimatedErrorNSec", UNIT_NS },
	{ "synchronisation_frequency_ratio", "By how much the kernel corrects its rate.",
		"synchronisation", "frequencyPpb", UNIT_PPB },
	{ "synchronisation_tai_offset_seconds", "TAI less UTC.", "synchronisation", "taiOffsetSec",
		UNIT_ONE },
	{ "users", "Different users connected.", "clients", "users", UNIT_ONE },
	{ "peers_maximum", "Connections that there may be.", "clients", "peersMaximum", UNIT_ONE },
	{ 0 },
};

/* Of GetStatistics, one sample for each socket. */
static const struct metric socket_metrics[] = {
	{ "socket_peers", "Connections.", NULL, "peers", UNIT_ONE },
	{ "socket_accepted_total", "Connections accepted.", NULL, "accepted", UNIT_ONE },
	{ "socket_stalled_total", "Closed, as they took no reply.", NULL, "stalled", UNIT_ONE },
	{ "socket_unfinished_total", "Closed, as they finished no message.", NULL, "unfinished",
		UNIT_ONE },
	{ "socket_frames_total", "Packets or messages.", NULL, "frames", UNIT_ONE },
	{ "socket_requests_total", "Requests in them.", NULL, "requests", UNIT_ONE },
	{ "socket_attached_total", "Pages handed out.", NULL, "attached", UNIT_ONE },
	{ "socket_stamps_total", "Stamps taken.", NULL, "stamps", UNIT_ONE },
	{ "socket_throttled_total", "Not read for a while, as their user had asked too much.", NULL,
		"throttled", UNIT_ONE },
	{ "socket_overdrawn_total", "Closed, as their user held too much memory.", NULL,
		"overdrawn", UNIT_ONE },
	{ "socket_held_bytes", "Memory held for connections.", NULL, "heldBytes", UNIT_ONE },
	{ "socket_subscriptions", "Subscriptions.", NULL, "subscriptions", UNIT_ONE },
	{ "socket_subscriptions_refused_total", "Subscriptions refused.", NULL,
		"subscriptionsRefused", UNIT_ONE },
	{ "socket_ticks_total", "Ticks sent.", NULL, "ticks", UNIT_ONE },
	{ "socket_ticks_lost_total", "Ticks that slow readers lost.", NULL, "ticksLost", UNIT_ONE },
	{ "socket_received_bytes_total", "Bytes received.", NULL, "receivedBytes", UNIT_ONE },
	{ "socket_sent_bytes_total", "Bytes sent.", NULL, "sentBytes", UNIT_ONE },
	{ 0 },
};

/* Likewise, one sample for each reason that has happened. */
static const struct metric reason_metrics[] = {
	{ "socket_turned_away_total", "Connections turned away.", NULL, "turnedAway", UNIT_ONE },
	{ "socket_refused_total", "Closed for what they sent.", NULL, "refused", UNIT_ONE },
	{ "socket_attach_refused_total", "Pages not handed out.", NULL, "attachRefused", UNIT_ONE },
	{ 0 },
};

/* Of GetStatistics's chrony. */
static const struct metric chrony_metrics[] = {
	{ "chrony_requests_total", "Reports asked of chronyd.", NULL, "requests", UNIT_ONE },
	{ "chrony_reports_total", "Reports taken.", NULL, "reports", UNIT_ONE },
	{ "chrony_lost_total", "Requests that no reply came to.", NULL, "lost", UNIT_ONE },
	{ "chrony_refused_total", "Replies that were none.", NULL, "refused", UNIT_ONE },
	{ 0 },
};

static void print_head(const struct ctl *ctl, const struct metric *m)
{
	size_t length = strlen(m->name);
	bool counter = length > 6 && strcmp(m->name + length - 6, "_total") == 0;

	fprintf(ctl->out, "# HELP vdsotime_%s %s\n# TYPE vdsotime_%s %s\n", m->name, m->help,
		m->name, counter ? "counter" : "gauge");
}

/* number / 10^digits */
static void format_decimal(char text[HUMANE_BYTES], int64_t number, int digits)
{
	uint64_t magnitude = number < 0 ? 0 - (uint64_t)number : (uint64_t)number, one = 1;

	for (int i = 0; i < digits; i++)
		one *= 10;
	snprintf(text, HUMANE_BYTES, "%s%" PRIu64 ".%0*" PRIu64, number < 0 ? "-" : "",
		magnitude / one, digits, magnitude % one);
}

/* The value of a metric as it is printed: false when it is not known. */
static bool format(char text[HUMANE_BYTES], const struct metric *m, const struct value *section)
{
	uint64_t number = 0;
	int64_t signed_number = 0;
	bool truth = false;

	if (m->unit == UNIT_BOOL) {
		if (!value_get_bool(section, m->key, &truth))
			return false;
		snprintf(text, HUMANE_BYTES, "%d", truth);
		return true;
	}
	if (m->unit == UNIT_EPOCH) {
		if (!value_get_uint(section, m->key, &number))
			return false;
		snprintf(text, HUMANE_BYTES, "%" PRIu32, humane_epoch(number));
		return true;
	}
	if (!value_get_int(section, m->key, &signed_number))
		return false;
	if (m->unit == UNIT_ONE)
		snprintf(text, HUMANE_BYTES, "%" PRId64, signed_number);
	else
		format_decimal(text, signed_number, m->unit == UNIT_PS ? 12 : 9);
	return true;
}

static void print_status(const struct ctl *ctl, const struct value *state)
{
	char text[HUMANE_BYTES];

	for (const struct metric *m = status_metrics; m->name; m++) {
		if (!format(text, m, value_get(state, m->section)))
			continue;
		print_head(ctl, m);
		fprintf(ctl->out, "vdsotime_%s %s\n", m->name, text);
	}
}

static void print_state_set(const struct ctl *ctl, const struct value *state)
{
	static const struct metric synchronisation = { "synchronisation_state",
		"What a bound against UTC rests on: 1 for the state that holds.", NULL, NULL,
		UNIT_ONE };
	static const char *const names[] = { "unknown", "unsynchronised", "unquantified",
		"claimed" };
	const char *now = value_get_string(value_get(state, "synchronisation"), "state");

	print_head(ctl, &synchronisation);
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		fprintf(ctl->out, "vdsotime_%s{state=\"%s\"} %d\n", synchronisation.name, names[i],
			now && strcmp(now, names[i]) == 0);
}

static void print_flag(const struct ctl *ctl, const char *name, const char *help, bool truth)
{
	const struct metric m = { name, help, NULL, NULL, UNIT_BOOL };

	print_head(ctl, &m);
	fprintf(ctl->out, "vdsotime_%s %d\n", name, truth);
}

static void print_sockets(const struct ctl *ctl, const struct value *sockets)
{
	char text[HUMANE_BYTES];

	for (const struct metric *m = socket_metrics; m->name; m++) {
		print_head(ctl, m);
		for (size_t i = 0; i < value_length(sockets); i++) {
			const struct value *s = value_at(sockets, i);

			if (format(text, m, s))
				fprintf(ctl->out, "vdsotime_%s{socket=\"%s\"} %s\n", m->name,
					value_get_string(s, "socket"), text);
		}
	}
}

static void print_reasons(const struct ctl *ctl, const struct value *sockets)
{
	for (const struct metric *m = reason_metrics; m->name; m++) {
		print_head(ctl, m);
		for (size_t i = 0; i < value_length(sockets); i++) {
			const struct value *s = value_at(sockets, i);
			const struct value *counts = value_get(s, m->key);

			for (size_t n = 0; n < value_length(counts); n++) {
				uint64_t count = 0;

				value_get_uint(value_at(counts, n), "count", &count);
				fprintf(ctl->out,
					"vdsotime_%s{socket=\"%s\",reason=\"%s\"} %" PRIu64 "\n",
					m->name, value_get_string(s, "socket"),
					value_get_string(value_at(counts, n), "reason"), count);
			}
		}
	}
}

static void print_chrony(const struct ctl *ctl, const struct value *chrony)
{
	char text[HUMANE_BYTES];

	for (const struct metric *m = chrony_metrics; m->name; m++) {
		if (!format(text, m, chrony))
			continue;
		print_head(ctl, m);
		fprintf(ctl->out, "vdsotime_%s %s\n", m->name, text);
	}
}

static int fail(const struct ctl *ctl, int status)
{
	print_flag(ctl, "up", "Whether the daemon answers.", false);
	return status;
}

int verb_metrics(const struct ctl *ctl, int argc, char **argv)
{
	struct value *state, *statistics;
	const struct value *daemon;
	int status;

	(void)argc;
	(void)argv;
	if (ctl->json != CTL_JSON_OFF) {
		ctl_error(ctl, "metrics: has a format of its own; status and stats have JSON");
		return CTL_USAGE;
	}
	status = call_daemon(ctl, CALL_INTERFACE ".GetStatus", NULL, false, &state);
	if (status != CTL_OK)
		return fail(ctl, status);
	status = call_daemon(ctl, CALL_INTERFACE ".GetStatistics", NULL, false, &statistics);
	if (status != CTL_OK) {
		value_free(state);
		return fail(ctl, status);
	}
	daemon = value_get(state, "daemon");
	print_flag(ctl, "up", "Whether the daemon answers.", true);
	print_flag(ctl, "configuration_refused",
		"Whether the configuration that was read last is not in force.",
		value_get_string(daemon, "configurationRefused") != NULL);
	print_status(ctl, state);
	print_state_set(ctl, state);
	print_sockets(ctl, value_get(statistics, "sockets"));
	print_reasons(ctl, value_get(statistics, "sockets"));
	print_chrony(ctl, value_get(statistics, "chrony"));
	value_free(state);
	value_free(statistics);
	return CTL_OK;
}
