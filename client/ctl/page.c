/* SPDX-License-Identifier: MIT */
/*
 * vdsotimectl page: the shared page itself, decoded: header, both lines word by word, the ring.
 *
 * It is attached to by <vdsotime/attach.h>, which hands out a page that is on, fresh and of this
 * time namespace, and no other.
 *
 * What one would get wrong: the two lines are read one after the other, so they may be of two
 * publications, and the ring moves on while it is counted.
 */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include <vdsotime/attach.h>
#include <vdsotime/client.h>

#include "client/ctl/call.h"
#include "client/ctl/humane.h"
#include "client/ctl/table.h"
#include "client/ctl/text.h"
#include "client/ctl/verbs.h"

static const char *const counters[] = {
	[VDSOTIME_COUNTER_NONE] = "none",
	[VDSOTIME_COUNTER_TSC] = "tsc",
	[VDSOTIME_COUNTER_CNTVCT] = "cntvct",
	[VDSOTIME_COUNTER_RISCV_TIME] = "time",
};

static const char *const leaps[] = {
	[VDSOTIME_LEAP_NONE] = "none",
	[VDSOTIME_LEAP_INSERT] = "insert",
	[VDSOTIME_LEAP_DELETE] = "delete",
	[VDSOTIME_LEAP_UNKNOWN] = "unknown",
};

static const char *name_of(const char *const *names, size_t count, uint32_t number)
{
	return number < count ? names[number] : "?";
}

/* The lines of the ring that are there. */
struct ring {
	unsigned int lines;
	struct vdsotime_line oldest, newest;
};

static bool load_line(const struct vdsotime_line *line, struct vdsotime_line *ret)
{
	for (int i = 0; i < VDSOTIME_PAGE_TRIES; i++) {
		if (vdsotime_line_load(line, ret))
			return true;
	}
	return false;
}

static uint64_t generation(const struct vdsotime_line *line)
{
	return line->extra[VDSOTIME_EXTRA_GENERATION];
}

static struct ring count_ring(const struct vdsotime_page *page)
{
	struct ring ring = { 0 };
	struct vdsotime_line line;

	for (unsigned int i = 0; i < VDSOTIME_PAGE_RING; i++) {
		if (!load_line(&page->ring[i], &line) || generation(&line) == 0 ||
			!vdsotime_line_intact(&line))
			continue;
		if (ring.lines == 0 || generation(&line) < generation(&ring.oldest))
			ring.oldest = line;
		if (ring.lines == 0 || generation(&line) > generation(&ring.newest))
			ring.newest = line;
		ring.lines++;
	}
	return ring;
}

static struct value *header_value(const struct vdsotime_page_header *header)
{
	struct value *v = value_new_object();
	char digits[2 * sizeof(header->boot_id) + 1];

	for (size_t i = 0; i < sizeof(header->boot_id); i++)
		snprintf(digits + 2 * i, 3, "%02x", header->boot_id[i]);
	value_add_uint(v, "major", header->major);
	value_add_uint(v, "minor", header->minor);
	value_add_uint(v, "sizeBytes", header->size_bytes);
	value_add_string(v, "bootId", digits);
	value_add_uint(v, "timeNamespaceDevice", header->time_namespace_dev);
	value_add_uint(v, "timeNamespaceInode", header->time_namespace_inode);
	value_add_string(v, "counter",
		name_of(counters, sizeof(counters) / sizeof(*counters), header->counter_kind));
	value_add_uint(v, "counterHz", header->counter_hz);
	value_add_uint(v, "ringEntries", header->ring_entries);
	value_add_uint(v, "instance", header->instance);
	return v;
}

static void add_extra(struct value *v, const struct vdsotime_line *line)
{
	uint64_t flags = line->extra[VDSOTIME_EXTRA_FLAGS];
	uint64_t error_ns = line->extra[VDSOTIME_EXTRA_ERROR];

	value_add_uint(v, "generation", generation(line));
	value_add_uint(v, "epoch", line->extra[VDSOTIME_EXTRA_EPOCH]);
	if (error_ns == VDSOTIME_NO_ERROR_BOUND)
		value_add_null(v, "errorNSec");
	else
		value_add_uint(v, "errorNSec", error_ns);
	value_add_uint(v, "errorGrowth", line->extra[VDSOTIME_EXTRA_ERROR_GROWTH]);
	value_add_uint(v, "trackingNSec", line->extra[VDSOTIME_EXTRA_TRACKING]);
	value_add_uint(v, "trackingGrowth", line->extra[VDSOTIME_EXTRA_TRACKING_GROWTH]);
	value_add_string(v, "quality", vdsotime_quality_name(VDSOTIME_FLAGS_QUALITY(flags)));
	value_add_string(v, "leap",
		name_of(leaps, sizeof(leaps) / sizeof(*leaps), VDSOTIME_FLAGS_LEAP(flags)));
	value_add_bool(v, "taiKnown", flags & VDSOTIME_FLAGS_TAI_KNOWN);
	value_add_uint(v, "check", line->extra[VDSOTIME_EXTRA_CHECK]);
	value_add_bool(v, "intact", vdsotime_line_intact(line));
}

/* NULL, which is null, where it was being written however often one looked. */
static struct value *line_value(const struct vdsotime_line *line)
{
	struct vdsotime_line copy;
	struct value *v;

	if (!load_line(line, &copy))
		return NULL;
	v = value_new_object();
	value_add_uint(v, "seq", copy.seq);
	value_add_uint(v, "windowLog2", copy.meta & VDSOTIME_META_WINDOW_MASK);
	value_add_bool(v, "off", copy.meta & VDSOTIME_META_OFF);
	value_add_int(v, "taiOffsetSec", (int32_t)copy.meta >> VDSOTIME_META_TAI_SHIFT);
	value_add_uint(v, "counterTicks", copy.word[VDSOTIME_WORD_COUNTER]);
	value_add_uint(v, "mult", copy.word[VDSOTIME_WORD_MULT]);
	value_add_uint(v, "monotonicNSec", copy.word[VDSOTIME_WORD_MONOTONIC]);
	value_add_int(v, "realtimeOffsetNSec", (int64_t)copy.word[VDSOTIME_WORD_REALTIME]);
	value_add_int(v, "boottimeOffsetNSec", (int64_t)copy.word[VDSOTIME_WORD_BOOTTIME]);
	value_add_uint(v, "rawMult", copy.word[VDSOTIME_WORD_RAW_MULT]);
	value_add_uint(v, "rawNSec", copy.word[VDSOTIME_WORD_RAW]);
	add_extra(v, &copy);
	return v;
}

/* How old the newest line is, and for how long it may be read. */
static void add_state(struct value *v, const struct vdsotime_page *page)
{
	struct vdsotime_line line;
	uint64_t ticks, window_ticks;
	bool on;

	if (!vdsotime_page_line(page, &line))
		return;
	ticks = vdsotime_stamp() - line.word[VDSOTIME_WORD_COUNTER];
	window_ticks = UINT64_C(1) << (line.meta & VDSOTIME_META_WINDOW_MASK);
	on = !(line.meta & VDSOTIME_META_OFF) && ticks < window_ticks;
	value_add_bool(v, "on", on);
	if (!on)
		return;
	value_add_uint(v, "ageNSec", ticks * line.word[VDSOTIME_WORD_MULT] >> 32);
	value_add_uint(v, "windowNSec", window_ticks * line.word[VDSOTIME_WORD_MULT] >> 32);
}

static struct value *page_value(const struct vdsotime_page *page)
{
	struct value *v = value_new_object(), *lines = value_new_array(), *r = value_new_object();
	struct ring ring = count_ring(page);

	value_add(v, "header", header_value(&page->header));
	add_state(v, page);
	value_add_uint(v, "epochWord", __atomic_load_n(&page->epoch, __ATOMIC_RELAXED));
	for (int i = 0; i < 2; i++)
		value_append(lines, line_value(&page->line[i]));
	value_add(v, "lines", lines);
	value_add_uint(r, "lines", ring.lines);
	if (ring.lines > 0) {
		value_add_uint(r, "oldestGeneration", generation(&ring.oldest));
		value_add_uint(r, "newestGeneration", generation(&ring.newest));
		value_add_uint(r, "spanNSec",
			ring.newest.word[VDSOTIME_WORD_MONOTONIC] -
				ring.oldest.word[VDSOTIME_WORD_MONOTONIC]);
	}
	value_add(v, "ring", r);
	return v;
}

static uint64_t number(const struct value *v, const char *key)
{
	uint64_t n = 0;

	value_get_uint(v, key, &n);
	return n;
}

static void print_head(const struct ctl *ctl, const struct value *v)
{
	const struct value *header = value_get(v, "header"), *ring = value_get(v, "ring");
	char a[HUMANE_BYTES], b[HUMANE_BYTES];
	bool on = false;

	text_field(ctl, "Page",
		"layout %" PRIu64 ".%" PRIu64 ", %" PRIu64 " bytes, instance %" PRIu64,
		number(header, "major"), number(header, "minor"), number(header, "sizeBytes"),
		number(header, "instance"));
	text_field(ctl, "Boot", "%s, time namespace %" PRIu64 ":%" PRIu64,
		value_get_string(header, "bootId"), number(header, "timeNamespaceDevice"),
		number(header, "timeNamespaceInode"));
	text_field(ctl, "Counter", "%s at %s", value_get_string(header, "counter"),
		humane_frequency(a, number(header, "counterHz")));
	value_get_bool(v, "on", &on);
	if (on)
		text_field(ctl, "State", "on, age %s, good for %s",
			humane_duration(a, (int64_t)number(v, "ageNSec")),
			humane_duration(b, (int64_t)number(v, "windowNSec")));
	else
		text_field(ctl, "State", "OFF, or stale");
	text_field(ctl, "Epoch word", "%" PRIu64, number(v, "epochWord"));
	text_field(ctl, "Ring",
		"%" PRIu64 " of %" PRIu64 " lines, generations %" PRIu64 " to %" PRIu64
		", the last %s",
		number(ring, "lines"), number(header, "ringEntries"),
		number(ring, "oldestGeneration"), number(ring, "newestGeneration"),
		humane_duration(a, (int64_t)number(ring, "spanNSec")));
}

struct columns {
	struct table *table;
	const struct value *lines;
};

/* One word of both lines; key and scalar are the primary's. */
static bool add_row(void *data, const char *key, const char *scalar, const struct value *member)
{
	const struct columns *c = data;
	const struct value *backup = value_at(c->lines, 1);

	(void)member;
	table_cell(c->table, "%s", key);
	table_cell(c->table, "%s", scalar);
	table_cell(c->table, "%s",
		value_is_object(backup) ? value_scalar(value_get(backup, key)) : "");
	return true;
}

static void print_text(const struct ctl *ctl, const struct value *v)
{
	static const struct table_column columns[] = {
		{ "WORD", false },
		{ "PRIMARY", true },
		{ "BACKUP", true },
	};
	struct columns c = { table_new(columns, 3), value_get(v, "lines") };

	print_head(ctl, v);
	fputc('\n', ctl->out);
	value_visit(value_at(c.lines, 0), add_row, &c);
	table_print(ctl, c.table);
	table_free(c.table);
}

/* The library's reason not to read the page: it looks closer than who only attaches. */
static uint32_t reason_of_library(const struct ctl *ctl)
{
	struct vdsotime_status status = { .reason = VDSOTIME_NOPAGE_SYSTEM };
	struct vdsotime *t;

	if (vdsotime_attach(&t, ctl->runtime_dir, VDSOTIME_FALLBACK) == 0) {
		vdsotime_status(t, &status);
		vdsotime_detach(t);
	}
	return status.reason;
}

/* The daemon is there, and its page is not for us. */
static int explain_page(const struct ctl *ctl, int error)
{
	uint32_t reason = reason_of_library(ctl);
	const char *text = vdsotime_nopage_text(reason);

	/* The library found nothing wrong, or has no name for it. */
	if (reason == VDSOTIME_NOPAGE_NONE || reason == VDSOTIME_NOPAGE_SYSTEM)
		text = strerror(-error);
	ctl_error(ctl, "page: not to be read here: %s", text);
	return reason == VDSOTIME_NOPAGE_PROTOCOL || reason == VDSOTIME_NOPAGE_SYSTEM
		       ? CTL_FAILURE
		       : CTL_DEGRADED;
}

/* Why there is no page to show. */
static int explain(const struct ctl *ctl, int error)
{
	switch (-error) {
	case ENAMETOOLONG:
	case ENOENT:
	case ENOTDIR:
	case ECONNREFUSED:
	case EACCES:
		return call_explain(ctl, CALL_STAMP_SOCKET, error, false);
	case EAGAIN:
		ctl_error(ctl, "vdsotimed did not answer on %s/%s in time",
			call_runtime_dir(ctl->runtime_dir), CALL_STAMP_SOCKET);
		return CTL_TIMEOUT;
	default:
		return explain_page(ctl, error);
	}
}

int verb_page(const struct ctl *ctl, int argc, char **argv)
{
	const struct vdsotime_page *page;
	struct value *v;
	int r = vdsotime_page_attach(call_runtime_dir(ctl->runtime_dir), &page);

	(void)argc;
	(void)argv;
	if (r < 0)
		return explain(ctl, r);
	v = page_value(page);
	vdsotime_page_detach(page);
	if (ctl->json != CTL_JSON_OFF)
		value_print(ctl, v);
	else
		print_text(ctl, v);
	value_free(v);
	return CTL_OK;
}
