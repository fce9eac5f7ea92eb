/* SPDX-License-Identifier: MIT */
/*
 * The warp test: do the counters of all CPUs tell one time?
 *
 * A thread for each CPU reads the counter, in order, after the largest value that any thread has
 * seen; one that gets less has found two CPUs out of step, by that much at least.  The kernel does
 * the same when it brings CPUs up; a hypervisor may have undone it since.
 *
 * Threads are pinned where that is allowed.  Under a filter that forbids sched_setaffinity(2), as
 * the service's own does, they run where the scheduler puts them, which on an idle machine is on
 * different CPUs; on which ones is seen, and told.
 */
#ifndef VDSOTIMED_WARP_H
#define VDSOTIMED_WARP_H

#include <stdint.h>

struct os_warp;

/* Test for duration_ns.  0 with how many CPUs took part, or -errno when no thread could be had. */
int warp_measure(uint64_t duration_ns, struct os_warp *ret);

/*
 * The same in a thread of its own: 0 when it runs, -EBUSY while another does, or -errno.  From one
 * thread only, as is warp_poll(): what was found, once it was; -EINPROGRESS until then.
 */
int warp_start(uint64_t duration_ns);
int warp_poll(struct os_warp *ret);

#endif
