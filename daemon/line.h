/* SPDX-License-Identifier: MIT */
/*
 * A line as the writer's side looks at one: whether readers use it, until when, and how wide its
 * window is to be.  What readers compute from a line is <vdsotime/page.h>'s alone, and is asked
 * there.
 *
 * Pure.  The one thing a reader would get wrong: a window is a power of two of ticks from the
 * line's own counter, so it lasts at least as long as was asked, and up to twice that.
 */
#ifndef VDSOTIMED_LINE_H
#define VDSOTIMED_LINE_H

#include <stdbool.h>
#include <stdint.h>

#include <vdsotime/page.h>

/* A window must be less than 2^32 ns, so that elapsed ns fit 32 bits. */
#define LINE_WINDOW_MAX_NS UINT64_C(4000000000)

/* Published, and not one that sends readers away. */
bool line_is_on(const struct vdsotime_line *line);

/* On, and within its window at this counter value. */
bool line_covers(const struct vdsotime_line *line, uint64_t counter_ticks);

/* The length of its window in ns of MONOTONIC. */
uint64_t line_window_ns(const struct vdsotime_line *line);

/* The log2 of the smallest window, in ticks, that lasts ns or longer, within LINE_WINDOW_MAX_NS. */
uint32_t line_window_log2(uint64_t ns, double ns_per_tick);

/* The log2 of the largest window that does not last longer than ns (and 0, one tick, at the
 * least). */
uint32_t line_window_log2_within(uint64_t ns, double ns_per_tick);

#endif
