/* SPDX-License-Identifier: MIT */
/*
 * vdsotimectl monitor: a line at each interval, and one at each disturbance of the clocks.
 *
 * It reads the page as any client does: between lines it sleeps on the page's epoch, and without a
 * page it asks for one at each interval.  With --json each line is one JSON object, whatever the
 * style asked for.
 */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "client/ctl/clockid.h"
#include "client/ctl/humane.h"
#include "client/ctl/reader.h"
#include "client/ctl/verbs.h"

enum { COUNT_MAX = 1000000000 };

struct monitor {
	struct vdsotime *t;
	clockid_t id;
	int64_t interval_ns;
	int64_t count; /* lines to print; -1: no end */
	uint64_t epoch; /* as printed last */
	uint32_t path;
};

/* Why a line is printed. */
static const char *event_name(const struct monitor *m, const struct vdsotime_status *status)
{
	if (m->path != 0 && status->path != m->path)
		return "path";
	/* Any number may be an epoch. */
	if (m->path == VDSOTIME_PATH_PAGE && status->epoch != m->epoch)
		return "disturbed";
	return "tick";
}

static void print_text(const struct ctl *ctl, const struct monitor *m, const char *event,
	int64_t time_ns, const struct vdsotime_status *status)
{
	char time_text[HUMANE_BYTES], age[HUMANE_BYTES], bound[HUMANE_BYTES];

	if (clockid_is_date(m->id))
		humane_date(time_text, time_ns, m->id == CLOCK_TAI ? " TAI" : "Z");
	else
		humane_seconds(time_text, time_ns);
	fprintf(ctl->out, "%s  %-9s  %s", time_text, event, reader_path(status, m->id));
	if (status->path == VDSOTIME_PATH_PAGE)
		fprintf(ctl->out,
			"  epoch %" PRIu32 "  generation %" PRIu64 "  age %s  within %s\n",
			humane_epoch(status->epoch), status->generation,
			humane_duration(age, status->age_ns),
			humane_bound(bound, status->tracking_ns));
	else
		fprintf(ctl->out, "  %s\n", vdsotime_nopage_text(status->reason));
}

static void print_json(const struct ctl *ctl, const struct monitor *m, const char *event,
	int64_t time_ns, const struct vdsotime_status *status)
{
	struct value *v = value_new_object();

	value_add_string(v, "event", event);
	value_add_string(v, "clock", clockid_name(m->id));
	value_add_int(v, "timeNSec", time_ns);
	value_add_string(v, "path", reader_path(status, m->id));
	if (status->path == VDSOTIME_PATH_PAGE) {
		value_add_uint(v, "epoch", status->epoch);
		value_add_uint(v, "generation", status->generation);
		value_add_int(v, "ageNSec", status->age_ns);
		value_add_uint(v, "trackingBoundNSec", status->tracking_ns);
	} else {
		value_add_string(v, "reason", vdsotime_nopage_text(status->reason));
	}
	fprintf(ctl->out, "%s\n", value_text(v));
	value_free(v);
}

static int print_line(const struct ctl *ctl, struct monitor *m)
{
	struct vdsotime_status status;
	const char *event;
	int64_t time_ns;
	int r = vdsotime_status(m->t, &status);

	if (r == 0)
		r = vdsotime_gettime_ns(m->t, m->id, &time_ns);
	if (r < 0) {
		ctl_error(ctl, "monitor: %s", r == -EINVAL ? "no such clock" : strerror(-r));
		return CTL_FAILURE;
	}
	event = event_name(m, &status);
	if (ctl->json == CTL_JSON_OFF)
		print_text(ctl, m, event, time_ns, &status);
	else
		print_json(ctl, m, event, time_ns, &status);
	m->path = status.path;
	m->epoch = status.epoch;
	return ctl_flush(ctl);
}

/* Until the next line is due: the interval is over, or the epoch is another. */
static void sleep_until_due(struct monitor *m)
{
	const struct timespec interval = {
		.tv_sec = m->interval_ns / 1000000000,
		.tv_nsec = m->interval_ns % 1000000000,
	};

	if (m->path == VDSOTIME_PATH_PAGE) {
		/* Whether it was woken, interrupted or timed out, the next line tells. */
		if (vdsotime_wait_epoch(m->t, m->epoch, &interval) != -ENODATA)
			return;
	}
	nanosleep(&interval, NULL);
	(void)vdsotime_refresh(m->t);
}

static int parse(const struct ctl *ctl, int argc, char **argv, struct monitor *m)
{
	const char *interval = ctl_option(ctl, "interval"), *count = ctl_option(ctl, "count");

	*m = (struct monitor){ .interval_ns = 1000000000, .count = -1 };
	if (clockid_parse(argc > 0 ? argv[0] : "REALTIME", &m->id) < 0) {
		ctl_error(ctl, "monitor: unknown clock %s", argv[0]);
		return CTL_USAGE;
	}
	if (interval && (humane_parse_duration(interval, &m->interval_ns) < 0 ||
				m->interval_ns < 1000000)) {
		ctl_error(ctl, "monitor: --interval=%s: must be a duration from 1ms", interval);
		return CTL_USAGE;
	}
	if (count && humane_parse_number(count, 1, COUNT_MAX, &m->count) < 0) {
		ctl_error(ctl, "monitor: --count=%s: must be a number from 1 to %d", count,
			COUNT_MAX);
		return CTL_USAGE;
	}
	return CTL_OK;
}

int verb_monitor(const struct ctl *ctl, int argc, char **argv)
{
	struct monitor m;
	int status = parse(ctl, argc, argv, &m);

	if (status == CTL_OK)
		status = reader_attach(ctl, &m.t);
	if (status != CTL_OK)
		return status;
	while (status == CTL_OK && m.count != 0) {
		status = print_line(ctl, &m);
		if (m.count > 0)
			m.count--;
		if (status == CTL_OK && m.count != 0)
			sleep_until_due(&m);
	}
	vdsotime_detach(m.t);
	return status;
}
