/* SPDX-License-Identifier: MIT */
/*
 * A bracket: a reading of ours between two of the kernel's own clock.
 *
 * Both read by this thread, so kernel-before, ours, kernel-after were taken in this order, and if
 * the two clocks agree, before <= ours <= after.  The difference is told from the middle, and
 * cannot be told better than half the width; of many brackets the narrowest is best.
 */
#ifndef VDSOTIMED_CTL_BRACKET_H
#define VDSOTIMED_CTL_BRACKET_H

#include <stdint.h>
#include <time.h>

#include <vdsotime/client.h>

struct bracket {
	int64_t before_ns;
	int64_t value_ns;
	int64_t after_ns;
};

/* Ours less the kernel's. */
static inline int64_t bracket_difference_ns(const struct bracket *b)
{
	return b->value_ns - b->before_ns - (b->after_ns - b->before_ns) / 2;
}

/* The difference is right to within this. */
static inline int64_t bracket_uncertainty_ns(const struct bracket *b)
{
	return (b->after_ns - b->before_ns + 1) / 2;
}

/* By how much ours is surely before or after the kernel's; 0 where it may be equal. */
static inline int64_t bracket_outside_ns(const struct bracket *b)
{
	if (b->value_ns < b->before_ns)
		return b->before_ns - b->value_ns;
	if (b->value_ns > b->after_ns)
		return b->value_ns - b->after_ns;
	return 0;
}

/* The kernel's clock id in ns, as libc reads it.  The clock must exist. */
int64_t bracket_kernel_ns(clockid_t id);

/*
 * The narrowest of tries brackets around a snapshot, for one of the page's clocks; or around an
 * ordered read of it alone.  0 or -errno.
 */
int bracket_snapshot(
	const struct vdsotime *t, clockid_t id, unsigned int tries, struct bracket *ret);
int bracket_gettime(
	const struct vdsotime *t, clockid_t id, unsigned int tries, struct bracket *ret);

#endif
