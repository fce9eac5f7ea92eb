/* SPDX-License-Identifier: MIT */
/*
 * The reads.  Each asks the page, inline; what the page does not answer goes out of line to the
 * vDSO.
 *
 * The one thing a reader would get wrong: the vDSO's answer is not always handed on as it is.  The
 * page may have been some nanoseconds ahead of the kernel when it expired, and time must not go
 * back because its daemon died.  So an answer that lies before what the page could still have said,
 * and no further than the page's own bound, is lifted to that.
 */
#include <errno.h>

#include "client/handle.h"

#define NSEC_PER_SEC 1000000000

/* The out-of-line paths: kept from growing the calls that hold the fast one. */
#define COLD __attribute__((noinline, cold))
/* The fast ones: whole, without a jump into a part that they share. */
#define HOT __attribute__((flatten))

int handle_read_vdso(const struct vdsotime *t, clockid_t id, int64_t *ret_ns)
{
	struct vdsotime_timespec ts;
	int64_t ns;
	int r = vdsotime_vdso_clock_gettime(&t->vdso, (int32_t)id, &ts);

	if (r < 0)
		return r;
	if (__builtin_mul_overflow(ts.sec, (int64_t)NSEC_PER_SEC, &ns) ||
		__builtin_add_overflow(ns, ts.nsec, &ns))
		return -EOVERFLOW;
	*ret_ns = ns;
	return 0;
}

/*
 * The latest time of a clock that a reader of this page can have got from its newest line, which is
 * over, and how far that may have been ahead of the kernel.  1, or 0 when there is none to tell.
 */
static int page_floor(
	const struct vdsotime *t, clockid_t id, int64_t *ret_ns, uint64_t *ret_tracking_ns)
{
	struct vdsotime_line line;
	uint64_t window, ticks, mult, elapsed;
	int64_t base;

	if (!vdsotime_page_line(t->page, &line))
		return 0;
	window = UINT64_C(1) << (line.meta & VDSOTIME_META_WINDOW_MASK);
	ticks = vdsotime_counter_read(VDSOTIME_COUNTER_RELAXED) - line.word[VDSOTIME_WORD_COUNTER];
	/* a counter that is behind the line says nothing of its end */
	if ((int64_t)ticks < 0 || ticks < window)
		return 0;
	base = vdsotime_line_base(&line, id, line.meta, &mult);
	elapsed = window * mult >> 32;
	*ret_ns = (int64_t)((uint64_t)base + elapsed);
	*ret_tracking_ns = vdsotime_bound(line.extra[VDSOTIME_EXTRA_TRACKING],
		line.extra[VDSOTIME_EXTRA_TRACKING_GROWTH], elapsed);
	return 1;
}

/*
 * The vDSO's answer, unless the page has come alive meanwhile: the next read would take that, and
 * it may be behind the kernel within its bound.
 */
COLD static int fallback_ns(const struct vdsotime *t, clockid_t id, int64_t *ret_ns)
{
	enum vdsotime_page_result result;
	uint64_t tracking_ns;
	int64_t now, floor;
	int r = handle_read_vdso(t, id, &now);

	if (r < 0)
		return r;
	if (handle_serves(t, id)) {
		result = vdsotime_page_read_ns(
			t->page, id, (enum vdsotime_counter_order)t->order, ret_ns);
		if (result == VDSOTIME_PAGE_READ)
			return 0;
		if (result == VDSOTIME_PAGE_STALE && page_floor(t, id, &floor, &tracking_ns) &&
			now < floor && (uint64_t)floor - (uint64_t)now <= tracking_ns)
			now = floor;
	}
	*ret_ns = now;
	return 0;
}

/* Clocks that the page lacks keep their full range: no detour over 64 bits of ns. */
COLD static int fallback_timespec(const struct vdsotime *t, clockid_t id, struct timespec *ret)
{
	struct vdsotime_timespec ts;
	int64_t ns = 0;
	int r;

	if (handle_serves(t, id)) {
		r = fallback_ns(t, id, &ns);
		ts.sec = ns / NSEC_PER_SEC;
		ts.nsec = ns % NSEC_PER_SEC;
	} else {
		r = vdsotime_vdso_clock_gettime(&t->vdso, (int32_t)id, &ts);
	}
	if (r < 0)
		return r;
	ret->tv_sec = (time_t)ts.sec;
	ret->tv_nsec = (long)ts.nsec;
	return 0;
}

static inline int read_timespec(const struct vdsotime *t, clockid_t id,
	enum vdsotime_counter_order order, struct timespec *ret)
{
	uint32_t nsec;
	int64_t sec;

	if (__builtin_expect(!handle_serves(t, id) || vdsotime_page_read_sec(t->page, id, order,
							      &sec, &nsec) != VDSOTIME_PAGE_READ,
		    0))
		return fallback_timespec(t, id, ret);
	ret->tv_sec = (time_t)sec;
	ret->tv_nsec = (long)nsec;
	return 0;
}

COLD static int retry_ns(
	const struct vdsotime *t, clockid_t id, enum vdsotime_counter_order order, int64_t *ret)
{
	if (handle_serves(t, id) &&
		vdsotime_page_read_ns(t->page, id, order, ret) == VDSOTIME_PAGE_READ)
		return 0;
	return fallback_ns(t, id, ret);
}

/* One try on the primary line, and nothing else that would have registers saved. */
static inline int read_ns(
	const struct vdsotime *t, clockid_t id, enum vdsotime_counter_order order, int64_t *ret)
{
	struct vdsotime_point point;

	if (__builtin_expect(!handle_serves(t, id) || vdsotime_line_read(&t->page->line[0], id,
							      order, &point) != VDSOTIME_PAGE_READ,
		    0))
		return retry_ns(t, id, order, ret);
	*ret = (int64_t)((uint64_t)point.base_ns + point.elapsed_ns);
	return 0;
}

HOT int vdsotime_gettime(const struct vdsotime *t, clockid_t id, struct timespec *ret)
{
	return read_timespec(t, id, (enum vdsotime_counter_order)t->order, ret);
}

HOT int vdsotime_gettime_relaxed(const struct vdsotime *t, clockid_t id, struct timespec *ret)
{
	return read_timespec(t, id, VDSOTIME_COUNTER_RELAXED, ret);
}

HOT int vdsotime_gettime_ns(const struct vdsotime *t, clockid_t id, int64_t *ret)
{
	return read_ns(t, id, (enum vdsotime_counter_order)t->order, ret);
}

HOT int vdsotime_gettime_ns_relaxed(const struct vdsotime *t, clockid_t id, int64_t *ret)
{
	return read_ns(t, id, VDSOTIME_COUNTER_RELAXED, ret);
}

HOT int vdsotime_gettime_ns_after(
	const struct vdsotime *t, clockid_t id, int64_t prev_ns, int64_t *ret)
{
	int64_t now;
	int r = read_ns(t, id, VDSOTIME_COUNTER_RELAXED, &now);

	if (r < 0)
		return r;
	*ret = now < prev_ns ? prev_ns : now;
	return 0;
}

/*
 * Five calls in turn: their spread is the bound.  In another time namespace some of them come from
 * the page, as they do when read alone.
 */
COLD static int fallback_snapshot(const struct vdsotime *t, struct vdsotime_snapshot *ret)
{
	enum vdsotime_counter_order order = (enum vdsotime_counter_order)t->order;
	struct vdsotime_snapshot s = { .quality = VDSOTIME_QUALITY_NONE };
	struct vdsotime_instant i;
	int64_t end = 0;
	int r = read_ns(t, CLOCK_MONOTONIC, order, &s.monotonic_ns);

	if (r == 0)
		r = read_ns(t, CLOCK_REALTIME, order, &s.realtime_ns);
	if (r == 0)
		r = read_ns(t, CLOCK_MONOTONIC_RAW, order, &s.monotonic_raw_ns);
	if (r == 0)
		r = read_ns(t, CLOCK_BOOTTIME, order, &s.boottime_ns);
	if (r == 0)
		r = read_ns(t, CLOCK_TAI, order, &s.tai_ns);
	if (r == 0)
		r = read_ns(t, CLOCK_MONOTONIC, order, &end);
	if (r < 0)
		return r;
	s.tracking_ns = (uint64_t)(end - s.monotonic_ns);
	if (t->clocks && vdsotime_page_read_instant(t->page, order, &i) == VDSOTIME_PAGE_READ)
		s.tracking_ns += i.tracking_ns;
	s.path = t->vdso.address[VDSOTIME_CLOCK_GETTIME] ? VDSOTIME_PATH_VDSO
							 : VDSOTIME_PATH_SYSCALL;
	*ret = s;
	return 0;
}

HOT int vdsotime_snapshot(const struct vdsotime *t, struct vdsotime_snapshot *ret)
{
	struct vdsotime_instant i;

	if (__builtin_expect(t->clocks != VDSOTIME_PAGE_CLOCKS ||
				     vdsotime_page_read_instant(t->page,
					     (enum vdsotime_counter_order)t->order,
					     &i) != VDSOTIME_PAGE_READ,
		    0))
		return fallback_snapshot(t, ret);
	ret->realtime_ns = i.realtime_ns;
	ret->monotonic_ns = i.monotonic_ns;
	ret->monotonic_raw_ns = i.monotonic_raw_ns;
	ret->boottime_ns = i.boottime_ns;
	ret->tai_ns = i.tai_ns;
	ret->counter_ticks = i.counter_ticks;
	ret->epoch = i.epoch;
	ret->tracking_ns = i.tracking_ns;
	ret->path = VDSOTIME_PATH_PAGE;
	ret->quality = VDSOTIME_FLAGS_QUALITY(i.flags);
	return 0;
}

HOT int vdsotime_interval(const struct vdsotime *t, struct vdsotime_interval *ret)
{
	struct vdsotime_bounded b;

	if (!handle_serves(t, CLOCK_REALTIME) ||
		vdsotime_page_read_bounded(t->page, (enum vdsotime_counter_order)t->order, &b) !=
			VDSOTIME_PAGE_READ ||
		VDSOTIME_FLAGS_QUALITY(b.flags) != VDSOTIME_QUALITY_CLAIMED ||
		b.error_ns > INT64_MAX / 2)
		return -ENODATA;
	ret->earliest_ns = (int64_t)((uint64_t)b.realtime_ns - b.error_ns);
	ret->latest_ns = (int64_t)((uint64_t)b.realtime_ns + b.error_ns);
	ret->quality = VDSOTIME_QUALITY_CLAIMED;
	ret->leap = VDSOTIME_FLAGS_LEAP(b.flags);
	ret->epoch = b.epoch;
	return 0;
}

int vdsotime_resolve(const struct vdsotime *t, uint64_t stamp_ticks, clockid_t id, int64_t *ret)
{
	if ((uint32_t)id >= 32 || !(VDSOTIME_PAGE_CLOCKS >> id & 1))
		return -EINVAL;
	if (!handle_serves(t, id))
		return -ENODATA;
	return vdsotime_page_resolve(t->page, (int32_t)id, stamp_ticks, ret) ? 0 : -ERANGE;
}
