/* SPDX-License-Identifier: MIT */
/*
 * Steps of REALTIME, from a millisecond to eleven days and both ways, and how soon the page follows
 * each: another epoch, and the kernel's time within the page's bound.
 */
#ifndef VDSOTIMED_TESTS_GUEST_STEPS_H
#define VDSOTIMED_TESTS_GUEST_STEPS_H

#include <stdint.h>

#include <vdsotime/client.h>

#define STEPS 400 /* enough for a percentile of 99 */
#define STEPS_NEVER_NS INT64_C(2000000000) /* after which a step is given up */

/* Ns of MONOTONIC from before each step until it was followed, sorted: the shortest first. */
void steps_make(const struct vdsotime *handle, int64_t ret_latency_ns[static STEPS]);

#endif
