/* SPDX-License-Identifier: MIT */
/*
 * A deadline: when a call that waits gives up, as ns of MONOTONIC.
 *
 * Time comes through the resolver's functions, not libc's: a process that may not read the counter
 * would be killed by libc's, which end in the vDSO.
 */
#ifndef VDSOTIME_CLIENT_DEADLINE_H
#define VDSOTIME_CLIENT_DEADLINE_H

#include <stdint.h>
#include <time.h>

#include <vdsotime/vdso.h>

#define DEADLINE_NEVER INT64_MAX
#define DEADLINE_PAST 0

/*
 * timeout (relative) from now on; NULL: DEADLINE_NEVER.  0; -EINVAL when it is no timespec;
 * -errno.
 */
int deadline_init(
	const struct vdsotime_vdso *vdso, const struct timespec *timeout, int64_t *ret_ns);

/* What is left of it; 0 when it is over.  0 or -errno. */
int deadline_left(const struct vdsotime_vdso *vdso, int64_t deadline_ns, int64_t *ret_ns);

static inline struct timespec deadline_timespec(int64_t ns)
{
	return (struct timespec){
		.tv_sec = (time_t)(ns / 1000000000),
		.tv_nsec = (long)(ns % 1000000000),
	};
}

#endif
