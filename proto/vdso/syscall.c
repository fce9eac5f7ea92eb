/* SPDX-License-Identifier: MIT */
/*
 * The system calls under every time function: what answers when there is no vDSO, or when it fails.
 *
 * The one thing a reader would get wrong: on 32-bit machines the call with 64-bit times is not
 * always there (before Linux 5.1), and seccomp filters older than it answer -EPERM, which
 * clock_gettime itself never does.  Both mean: ask the old call.
 */

#include <vdsotime/vdso.h>

#include "proto/vdso/call.h"
#include "proto/vdso/native.h"

enum {
	ERROR_PERMISSION = 1, /* EPERM */
	CLOCK_REALTIME_ID = 0,
	CLOCK_REALTIME_COARSE_ID = 5
};

/* number64 is the call with 64-bit times of a 32-bit machine, number the machine's own. */
static int read_clock(
	NATIVE_WORD number, NATIVE_WORD number64, int32_t clock_id, struct vdsotime_timespec *ret)
{
	struct timespec32 old;
	NATIVE_WORD r;

	if (NATIVE_TIME64)
		return (int)sys_call3(number, clock_id, sys_pointer(ret), 0);
	r = sys_call3(number64, clock_id, sys_pointer(ret), 0);
	if (r != -NATIVE_ENOSYS && r != -ERROR_PERMISSION)
		return (int)r;
	r = sys_call3(number, clock_id, sys_pointer(&old), 0);
	if (r < 0)
		return (int)r;
	ret->sec = old.sec;
	ret->nsec = old.nsec;
	return 0;
}

int vdsotime_sys_clock_gettime(int32_t clock_id, struct vdsotime_timespec *ret)
{
	return read_clock(NR_CLOCK_GETTIME, NR_CLOCK_GETTIME64, clock_id, ret);
}

int vdsotime_sys_clock_getres(int32_t clock_id, struct vdsotime_timespec *ret)
{
	return read_clock(NR_CLOCK_GETRES, NR_CLOCK_GETRES_TIME64, clock_id, ret);
}

int vdsotime_sys_gettimeofday(struct vdsotime_timeval *ret)
{
	struct vdsotime_timespec now;
	struct timeval_native native;
	int r;

	if (NATIVE_TIME64) {
		r = (int)sys_call3(NR_GETTIMEOFDAY, sys_pointer(&native), 0, 0);
		if (r < 0)
			return r;
		ret->sec = native.sec;
		ret->usec = native.usec;
		return 0;
	}
	r = vdsotime_sys_clock_gettime(CLOCK_REALTIME_ID, &now);
	if (r < 0)
		return r;
	ret->sec = now.sec;
	ret->usec = nsec_to_usec((uint32_t)now.nsec);
	return 0;
}

/* time() is the second of the coarse clock, and not every architecture has the system call. */
int vdsotime_sys_time(int64_t *ret_sec)
{
	struct vdsotime_timespec now;
	int r = vdsotime_sys_clock_gettime(CLOCK_REALTIME_COARSE_ID, &now);

	if (r < 0)
		return r;
	*ret_sec = now.sec;
	return 0;
}

int vdsotime_sys_getcpu(uint32_t *ret_cpu, uint32_t *ret_node)
{
	return (int)sys_call3(NR_GETCPU, sys_pointer(ret_cpu), sys_pointer(ret_node), 0);
}
