/* SPDX-License-Identifier: MIT */
#include "client/crosscheck.h"

#include <time.h>

/*
 * Looks that are taken at most, and good ones in a row that are enough.  A bad one is good a
 * moment later where only the daemon had not caught up yet.
 */
#define TRIES 16
#define LOOKS 2

static const clockid_t ids[] = { CLOCK_REALTIME, CLOCK_MONOTONIC, CLOCK_MONOTONIC_RAW,
	CLOCK_BOOTTIME, CLOCK_TAI };
#define IDS (sizeof(ids) / sizeof(ids[0]))

static int read_vdso(const struct vdsotime *t, uint32_t clocks, int64_t ret_ns[static IDS])
{
	for (size_t i = 0; i < IDS; i++) {
		int r = 0;

		if (clocks >> ids[i] & 1)
			r = handle_read_vdso(t, ids[i], &ret_ns[i]);
		if (r < 0)
			return r;
	}
	return 0;
}

/* Is value surely more than slack before the one or after the other?  (Sums could overflow.) */
static int is_outside(int64_t value, int64_t before, int64_t after, int64_t slack)
{
	int64_t early, late;

	return __builtin_sub_overflow(value, before, &early) ||
	       __builtin_sub_overflow(after, value, &late) || early < -slack || late < -slack;
}

enum vdsotime_nopage crosscheck_once(
	const struct vdsotime *t, const struct vdsotime_page *page, uint32_t clocks)
{
	int64_t before[IDS], after[IDS];
	struct vdsotime_instant now;

	if (read_vdso(t, clocks, before) < 0)
		return VDSOTIME_NOPAGE_SYSTEM;
	if (vdsotime_page_read_instant(page, (enum vdsotime_counter_order)t->order, &now) !=
		VDSOTIME_PAGE_READ)
		return VDSOTIME_NOPAGE_STALE;
	if (read_vdso(t, clocks, after) < 0)
		return VDSOTIME_NOPAGE_SYSTEM;
	const int64_t values[IDS] = { now.realtime_ns, now.monotonic_ns, now.monotonic_raw_ns,
		now.boottime_ns, now.tai_ns };

	if (now.tracking_ns > VDSOTIME_PAGE_TRACKING_MAX_NS || !vdsotime_page_intact(page))
		return VDSOTIME_NOPAGE_CROSS_CHECK;
	for (size_t i = 0; i < IDS; i++)
		if ((clocks >> ids[i] & 1) &&
			is_outside(values[i], before[i], after[i], (int64_t)now.tracking_ns))
			return VDSOTIME_NOPAGE_CROSS_CHECK;
	return VDSOTIME_NOPAGE_NONE;
}

/*
 * A step of the clock, or the end of a line, may fall into one look; so a bad one is taken again, a
 * millisecond later each time, and only many in a row condemn the page.
 */
enum vdsotime_nopage crosscheck(
	const struct vdsotime *t, const struct vdsotime_page *page, uint32_t clocks)
{
	const struct timespec pause = { .tv_nsec = 1000000 };
	enum vdsotime_nopage reason = VDSOTIME_NOPAGE_NONE;
	int good = 0;

	for (int i = 0; i < TRIES && good < LOOKS; i++) {
		reason = crosscheck_once(t, page, clocks);
		if (reason == VDSOTIME_NOPAGE_NONE) {
			good++;
			continue;
		}
		good = 0;
		if (reason == VDSOTIME_NOPAGE_SYSTEM)
			break;
		nanosleep(&pause, NULL);
	}
	return good == LOOKS ? VDSOTIME_NOPAGE_NONE : reason;
}
