/* SPDX-License-Identifier: MIT */
/*
 * The calls through the vDSO, with the system call under each.
 *
 * Whatever the vDSO answers but success is asked again of the kernel: some vDSOs say ENOSYS for a
 * clock that the kernel serves, and some architectures' say nothing at all.  The one thing a reader
 * would get wrong: on 32-bit machines a plain function succeeds after 2038 too, with a negative
 * second.
 */

#include <vdsotime/vdso.h>

#include "proto/vdso/call.h"
#include "proto/vdso/native.h"

enum { CLOCK_REALTIME_COARSE_ID = 5 };

/*
 * A function that fills a timespec: `wide` with 64-bit times, else `plain` with the machine's own.
 * Returns whether *ret holds an answer.
 */
static bool call_timespec(
	uintptr_t plain, uintptr_t wide, int32_t clock_id, struct vdsotime_timespec *ret)
{
	struct timespec32 old;

	if (NATIVE_TIME64)
		return plain && native_call_clock(plain, clock_id, ret) == 0;
	if (wide && native_call_clock(wide, clock_id, ret) == 0)
		return true;
	if (!plain || native_call_clock(plain, clock_id, &old) != 0 || old.sec < 0)
		return false;
	ret->sec = old.sec;
	ret->nsec = old.nsec;
	return true;
}

int vdsotime_call_clock_gettime(
	const struct vdsotime_vdso *vdso, int32_t clock_id, struct vdsotime_timespec *ret)
{
	if (call_timespec(vdso->address[VDSOTIME_CLOCK_GETTIME],
		    vdso->address[VDSOTIME_CLOCK_GETTIME64], clock_id, ret))
		return 0;
	return vdsotime_sys_clock_gettime(clock_id, ret);
}

int vdsotime_vdso_clock_getres(
	const struct vdsotime_vdso *vdso, int32_t clock_id, struct vdsotime_timespec *ret)
{
	if (call_timespec(vdso->address[VDSOTIME_CLOCK_GETRES],
		    vdso->address[VDSOTIME_CLOCK_GETRES_TIME64], clock_id, ret))
		return 0;
	return vdsotime_sys_clock_getres(clock_id, ret);
}

int vdsotime_vdso_gettimeofday(const struct vdsotime_vdso *vdso, struct vdsotime_timeval *ret)
{
	uintptr_t address = vdso->address[VDSOTIME_GETTIMEOFDAY];
	struct timeval_native now;

	if (!address || native_call_pointers(address, &now, NULL) != 0 ||
		(!NATIVE_TIME64 && now.sec < 0))
		return vdsotime_sys_gettimeofday(ret);
	ret->sec = now.sec;
	ret->usec = now.usec;
	return 0;
}

/*
 * time() returns the second and cannot fail; what it stored is looked at, as that is not truncated.
 */
int vdsotime_vdso_time(const struct vdsotime_vdso *vdso, int64_t *ret_sec)
{
	uintptr_t address = vdso->address[VDSOTIME_TIME];
	struct vdsotime_timespec coarse;
	NATIVE_SECONDS now = -1;
	int r;

	if (address) {
		(void)native_call_pointers(address, &now, NULL);
		if (now >= 0) {
			*ret_sec = now;
			return 0;
		}
	}
	r = vdsotime_call_clock_gettime(vdso, CLOCK_REALTIME_COARSE_ID, &coarse);
	if (r < 0)
		return r;
	*ret_sec = coarse.sec;
	return 0;
}

int vdsotime_vdso_getcpu(const struct vdsotime_vdso *vdso, uint32_t *ret_cpu, uint32_t *ret_node)
{
	uintptr_t address = vdso->address[VDSOTIME_GETCPU];

	if (address && native_call_pointers(address, ret_cpu, ret_node) == 0)
		return 0;
	return vdsotime_sys_getcpu(ret_cpu, ret_node);
}
