/* SPDX-License-Identifier: MIT */
#include "client/deadline.h"

#include <errno.h>

#define NSEC_PER_SEC 1000000000

/* Since boot: 64 bits of ns are 292 years. */
static int monotonic_ns(const struct vdsotime_vdso *vdso, int64_t *ret_ns)
{
	struct vdsotime_timespec ts;
	int r = vdsotime_vdso_clock_gettime(vdso, CLOCK_MONOTONIC, &ts);

	if (r < 0)
		return r;
	*ret_ns = ts.sec * NSEC_PER_SEC + ts.nsec;
	return 0;
}

int deadline_init(const struct vdsotime_vdso *vdso, const struct timespec *timeout, int64_t *ret_ns)
{
	int64_t now, end;
	int r;

	if (!timeout) {
		*ret_ns = DEADLINE_NEVER;
		return 0;
	}
	if (timeout->tv_sec < 0 || timeout->tv_nsec < 0 || timeout->tv_nsec >= NSEC_PER_SEC)
		return -EINVAL;
	r = monotonic_ns(vdso, &now);
	if (r < 0)
		return r;
	if (__builtin_mul_overflow((int64_t)timeout->tv_sec, (int64_t)NSEC_PER_SEC, &end) ||
		__builtin_add_overflow(end, now + timeout->tv_nsec, &end))
		end = DEADLINE_NEVER;
	*ret_ns = end;
	return 0;
}

int deadline_left(const struct vdsotime_vdso *vdso, int64_t deadline_ns, int64_t *ret_ns)
{
	int64_t now;
	int r = monotonic_ns(vdso, &now);

	if (r < 0)
		return r;
	*ret_ns = now < deadline_ns ? deadline_ns - now : 0;
	return 0;
}
