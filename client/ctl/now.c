/* SPDX-License-Identifier: MIT */
/*
 * vdsotimectl now: one clock, or where UTC may be.
 */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "client/ctl/clockid.h"
#include "client/ctl/humane.h"
#include "client/ctl/reader.h"
#include "client/ctl/verbs.h"

enum format { FORMAT_RFC3339, FORMAT_UNIX, FORMAT_NS };

static int parse_format(const struct ctl *ctl, clockid_t id, enum format *ret)
{
	static const char *const names[] = {
		[FORMAT_RFC3339] = "rfc3339",
		[FORMAT_UNIX] = "unix",
		[FORMAT_NS] = "ns",
	};
	const char *given = ctl_option(ctl, "format");

	*ret = clockid_is_date(id) ? FORMAT_RFC3339 : FORMAT_UNIX;
	if (!given)
		return CTL_OK;
	for (int i = FORMAT_RFC3339; i <= FORMAT_NS; i++) {
		if (strcmp(given, names[i]) != 0)
			continue;
		if (i == FORMAT_RFC3339 && !clockid_is_date(id)) {
			ctl_error(ctl, "now: --format=rfc3339 is for clocks that tell the date");
			return CTL_USAGE;
		}
		*ret = (enum format)i;
		return CTL_OK;
	}
	ctl_error(ctl, "now: --format=%s: must be rfc3339, unix or ns", given);
	return CTL_USAGE;
}

static const char *format_time(
	char buf[HUMANE_BYTES], enum format format, clockid_t id, int64_t time_ns)
{
	switch (format) {
	case FORMAT_RFC3339:
		return humane_date(buf, time_ns, id == CLOCK_TAI ? " TAI" : "Z");
	case FORMAT_UNIX:
		return humane_seconds(buf, time_ns);
	case FORMAT_NS:
		snprintf(buf, HUMANE_BYTES, "%" PRId64, time_ns);
		break;
	}
	return buf;
}

static void print_no_bounds(const struct ctl *ctl, const char *quality, const char *reason)
{
	struct value *v;

	ctl_error(ctl, "now: no bound on REALTIME: %s", reason);
	if (ctl->json == CTL_JSON_OFF)
		return;
	v = value_new_object();
	value_add_null(v, "earliestNSec");
	value_add_null(v, "latestNSec");
	value_add_string(v, "quality", quality);
	value_add_string(v, "reason", reason);
	value_print(ctl, v);
	value_free(v);
}

static int print_bounds(const struct ctl *ctl, const struct vdsotime *t, enum format format)
{
	char earliest[HUMANE_BYTES], latest[HUMANE_BYTES];
	struct vdsotime_status status = { 0 };
	struct vdsotime_interval interval;
	struct value *v;
	int r = vdsotime_interval(t, &interval);

	vdsotime_status(t, &status);
	if (r < 0) {
		const char *quality = vdsotime_quality_name(status.quality);

		print_no_bounds(ctl, quality,
			r != -ENODATA                       ? strerror(-r)
			: status.path == VDSOTIME_PATH_PAGE ? quality
							    : vdsotime_nopage_text(status.reason));
		return r == -ENODATA ? CTL_DEGRADED : CTL_FAILURE;
	}
	if (ctl->json == CTL_JSON_OFF) {
		fprintf(ctl->out, "%s %s\n",
			format_time(earliest, format, CLOCK_REALTIME, interval.earliest_ns),
			format_time(latest, format, CLOCK_REALTIME, interval.latest_ns));
		return CTL_OK;
	}
	v = value_new_object();
	value_add_int(v, "earliestNSec", interval.earliest_ns);
	value_add_int(v, "latestNSec", interval.latest_ns);
	value_add_string(v, "quality", vdsotime_quality_name(interval.quality));
	value_add_uint(v, "epoch", interval.epoch);
	value_print(ctl, v);
	value_free(v);
	return CTL_OK;
}

static int print_time(const struct ctl *ctl, const struct vdsotime *t, clockid_t id,
	const char *name, enum format format)
{
	struct vdsotime_status status = { 0 };
	char text[HUMANE_BYTES];
	struct value *v;
	int64_t time_ns;
	int r = vdsotime_gettime_ns(t, id, &time_ns);

	if (r < 0) {
		ctl_error(ctl, "now: clock %s: %s", name,
			r == -EINVAL ? "no such clock" : strerror(-r));
		return CTL_FAILURE;
	}
	if (ctl->json == CTL_JSON_OFF) {
		fprintf(ctl->out, "%s\n", format_time(text, format, id, time_ns));
		return CTL_OK;
	}
	vdsotime_status(t, &status);
	v = value_new_object();
	value_add_string(v, "clock", clockid_name(id));
	value_add_int(v, "id", id);
	value_add_int(v, "timeNSec", time_ns);
	value_add_string(v, "path", reader_path(&status, id));
	value_print(ctl, v);
	value_free(v);
	return CTL_OK;
}

int verb_now(const struct ctl *ctl, int argc, char **argv)
{
	const char *name = argc > 0 ? argv[0] : "REALTIME";
	struct vdsotime *t;
	enum format format;
	clockid_t id;
	int status;

	if (clockid_parse(name, &id) < 0) {
		ctl_error(ctl, "now: unknown clock %s", name);
		return CTL_USAGE;
	}
	if (ctl_has_option(ctl, "bounds") && id != CLOCK_REALTIME) {
		ctl_error(ctl, "now: --bounds is for REALTIME alone");
		return CTL_USAGE;
	}
	status = parse_format(ctl, id, &format);
	if (status != CTL_OK)
		return status;
	status = reader_attach(ctl, &t);
	if (status != CTL_OK)
		return status;
	if (ctl_has_option(ctl, "bounds"))
		status = print_bounds(ctl, t, format);
	else
		status = print_time(ctl, t, id, name, format);
	vdsotime_detach(t);
	return status;
}
