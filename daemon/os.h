/* SPDX-License-Identifier: MIT */
/*
 * The operating system as the time side sees it: one table of functions, so that a test can be the
 * world (virtual time, a counter that runs backwards, an adjtimex that is refused).
 *
 * Every function takes the table's ctx first, returns 0 or -errno, and writes its out-parameters on
 * success only.  This is where errno becomes -errno: above it errno is never looked at.
 *
 * The one thing a reader would get wrong: counter_read() must not be called unless counter_info()
 * has named a counter; where user space may not read it, the instruction is fatal.
 */
#ifndef VDSOTIMED_OS_H
#define VDSOTIMED_OS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct vdsotime_vdso;

/* What adjtimex(2) says with modes = 0, in its own units unless the name has another. */
struct os_timex {
	int64_t frequency; /* ppm, scaled by 65536 */
	int64_t tick_us; /* length of a tick, 10000 at HZ=100 */
	int64_t offset_ns; /* what is left to slew (STA_NANO or not) */
	int64_t maxerror_us;
	int64_t esterror_us;
	int32_t tai_offset_s;
	int32_t state; /* TIME_OK, TIME_INS, TIME_DEL, TIME_OOP, TIME_WAIT, TIME_ERROR */
	uint32_t status; /* STA_* */
};

struct os_counter {
	uint32_t kind; /* enum vdsotime_counter_kind; NONE where it may not be read */
	uint64_t frequency_hz; /* where an instruction tells it for certain (CNTFRQ), else 0 */
};

/* How far the counters of two CPUs were apart. */
struct os_warp {
	uint64_t worst_ticks;
	uint32_t cpus; /* that took part */
	bool pinned; /* a thread to each, else as the scheduler had it */
};

struct os {
	void *ctx;

	/* The counter, ordered after all loads before it; never 0. */
	uint64_t (*counter_read)(void *ctx);
	int (*counter_info)(void *ctx, struct os_counter *ret);

	/* Compare the counters of all CPUs for so long.  -EAGAIN: no thread could be had. */
	int (*counter_warp)(void *ctx, uint64_t duration_ns, struct os_warp *ret);
	/*
	 * The same in the background, one at a time: -EBUSY; start's other errors as above.  poll
	 * gives what the last one has found, and -EINPROGRESS before.
	 */
	int (*counter_warp_start)(void *ctx, uint64_t duration_ns);
	int (*counter_warp_poll)(void *ctx, struct os_warp *ret);

	/* Any clock id, through the resolved vDSO functions: what clock_gettime(2) would say. */
	int (*clock_gettime_ns)(void *ctx, int32_t clock_id, int64_t *ret);
	/* The same by a bare system call, to know what the vDSO saves. */
	int (*clock_gettime_syscall_ns)(void *ctx, int32_t clock_id, int64_t *ret);

	/* -EPERM under a system call filter, as in many containers: go on without it. */
	int (*timex_read)(void *ctx, struct os_timex *ret);

	/*
	 * The kernel's clocksource and all that it would take, separated by blanks, from sysfs;
	 * sizes in bytes with the NUL.  available may be NULL: then it is not read, which costs as
	 * much again.  -ENOENT where sysfs is not mounted, -ENAMETOOLONG when a buffer is short.
	 */
	int (*clocksource_read)(void *ctx, char *current, size_t current_bytes, char *available,
		size_t available_bytes);

	int (*boot_id)(void *ctx, uint8_t ret[static 16]);
	/* Identity of the time namespace of this process; -ENOENT on a kernel without them. */
	int (*time_namespace)(void *ctx, uint64_t *ret_dev, uint64_t *ret_ino);
	/*
	 * The hypervisor's VMClock device, open for reading and the caller's to close; -ENOENT
	 * where there is none.
	 */
	int (*vmclock_open)(void *ctx, int *ret_fd);
	/* CPUs online, 1 at least. */
	int (*cpu_online_count)(void *ctx, uint32_t *ret);

	/* Let at least so much time pass; less when a signal came.  Only at start-up. */
	void (*sleep_ns)(void *ctx, uint64_t ns);
};

/* The host's own table.  vdso is borrowed and must outlive it. */
void os_host_init(struct os *os, const struct vdsotime_vdso *vdso);

#endif
