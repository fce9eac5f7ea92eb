/* SPDX-License-Identifier: MIT */
/*
 * Is a page right?  Its clocks are held against the vDSO's, and its lines against their check
 * words.
 *
 * A read of the page asks neither: the one would cost as much as the read, the other more.  So it
 * is done when attaching and refreshing, and when the status is asked for; and nothing is noted of
 * it in the handle, which does not change under its readers.
 */
#ifndef VDSOTIME_CLIENT_CROSSCHECK_H
#define VDSOTIME_CLIENT_CROSSCHECK_H

#include <stdint.h>

#include "client/handle.h"

/*
 * One look at those clocks (bit per id) of a page, which need not be t's.  VDSOTIME_NOPAGE_NONE;
 * _CROSS_CHECK: a clock is surely farther from the vDSO's than the page's bound, or a line is
 * not as it was published; _STALE; _SYSTEM.  A clock that was set a moment ago looks like a page
 * that is wrong. Async-signal-safe.
 */
enum vdsotime_nopage crosscheck_once(
	const struct vdsotime *t, const struct vdsotime_page *page, uint32_t clocks);

/*
 * Look until all is well twice in a row, some milliseconds at most; else the last reason.  It
 * sleeps.
 */
enum vdsotime_nopage crosscheck(
	const struct vdsotime *t, const struct vdsotime_page *page, uint32_t clocks);

#endif
