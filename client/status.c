/* SPDX-License-Identifier: MIT */
/* What a handle knows of itself: the path that answers, why, and the state of the page. */
#include <stdbool.h>

#include "client/crosscheck.h"
#include "client/handle.h"

static uint32_t kernel_path(const struct vdsotime *t)
{
	return t->vdso.address[VDSOTIME_CLOCK_GETTIME] ? VDSOTIME_PATH_VDSO : VDSOTIME_PATH_SYSCALL;
}

/*
 * Since the line's instant.  By REALTIME in another time namespace, whose MONOTONIC differs; by the
 * counter nowhere, since it may be the counter that went wrong.
 */
static int64_t line_age(const struct vdsotime *t, const struct vdsotime_line *line)
{
	clockid_t id = handle_serves(t, CLOCK_MONOTONIC) ? CLOCK_MONOTONIC : CLOCK_REALTIME;
	uint64_t mult;
	int64_t base = vdsotime_line_base(line, id, line->meta, &mult);
	int64_t now, age;

	if (handle_read_vdso(t, id, &now) < 0 || __builtin_sub_overflow(now, base, &age))
		return -1;
	return age < 0 ? 0 : age;
}

static uint32_t reason_of(const struct vdsotime *t, enum vdsotime_page_result result,
	const struct vdsotime_line *line)
{
	if (result == VDSOTIME_PAGE_READ)
		return t->clocks == VDSOTIME_PAGE_CLOCKS ? VDSOTIME_NOPAGE_NONE
							 : VDSOTIME_NOPAGE_TIME_NAMESPACE;
	return line->meta & VDSOTIME_META_OFF ? VDSOTIME_NOPAGE_OFF : VDSOTIME_NOPAGE_STALE;
}

static void describe_line(
	const struct vdsotime *t, const struct vdsotime_line *line, struct vdsotime_status *s)
{
	uint64_t flags = line->extra[VDSOTIME_EXTRA_FLAGS];
	int32_t tai_offset_s = (int32_t)line->meta >> VDSOTIME_META_TAI_SHIFT;

	s->quality = VDSOTIME_FLAGS_QUALITY(flags);
	s->leap = VDSOTIME_FLAGS_LEAP(flags);
	s->epoch = line->extra[VDSOTIME_EXTRA_EPOCH];
	s->generation = line->extra[VDSOTIME_EXTRA_GENERATION];
	s->age_ns = line_age(t, line);
	s->tai_offset_s = flags & VDSOTIME_FLAGS_TAI_KNOWN ? tai_offset_s : 0;
	s->counter = t->page->header.counter_kind;
	s->counter_hz = t->page->header.counter_hz;
}

static void describe_page(const struct vdsotime *t, struct vdsotime_status *s)
{
	struct vdsotime_instant now = { 0 };
	struct vdsotime_line line;
	bool intact = vdsotime_page_line(t->page, &line);
	enum vdsotime_page_result result =
		vdsotime_page_read_instant(t->page, VDSOTIME_COUNTER_FENCE, &now);

	if (result == VDSOTIME_PAGE_READ)
		s->path = VDSOTIME_PATH_PAGE;
	if (!intact) {
		/* reads look at no check word: they take what is there */
		s->reason = result == VDSOTIME_PAGE_READ ? VDSOTIME_NOPAGE_CROSS_CHECK
							 : VDSOTIME_NOPAGE_STALE;
		return;
	}
	s->reason = reason_of(t, result, &line);
	describe_line(t, &line, s);
	if (result != VDSOTIME_PAGE_READ) {
		s->quality = VDSOTIME_QUALITY_NONE;
		s->leap = VDSOTIME_LEAP_UNKNOWN;
		return;
	}
	if (crosscheck_once(t, t->page, t->clocks) == VDSOTIME_NOPAGE_CROSS_CHECK)
		s->reason = VDSOTIME_NOPAGE_CROSS_CHECK;
	s->tracking_ns = now.tracking_ns;
	if (s->quality == VDSOTIME_QUALITY_CLAIMED)
		s->error_ns = now.error_ns;
}

int vdsotime_status(const struct vdsotime *t, struct vdsotime_status *ret)
{
	struct vdsotime_status s = {
		.path = kernel_path(t),
		.reason = t->nopage,
		.leap = VDSOTIME_LEAP_UNKNOWN,
		.age_ns = -1,
		.tracking_ns = UINT64_MAX,
		.error_ns = UINT64_MAX,
		.clocks = t->clocks,
	};

	if (t->page)
		describe_page(t, &s);
	*ret = s;
	return 0;
}
