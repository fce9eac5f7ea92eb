/* SPDX-License-Identifier: MIT */
/*
 * The ratio: what clock_gettime() costs for each way of reading the page.
 *
 * Small batches of each way in turn, so that a busy host slows all of them alike, and the median of
 * the ratios of neighbours.  The one thing a reader would get wrong: under emulation a call into a
 * library costs twice what the read of the page does, so the header's inline read, which a program
 * compiles into itself, comes out far ahead of the library's calls.
 */
#ifndef VDSOTIMED_TESTS_GUEST_RATIO_H
#define VDSOTIMED_TESTS_GUEST_RATIO_H

#include <stdbool.h>

#include <vdsotime/client.h>

enum ratio_way {
	RATIO_INLINE, /* vdsotime_page_read_ns(), ordered */
	RATIO_CALL, /* vdsotime_gettime_ns() */
	RATIO_CALL_RELAXED, /* vdsotime_gettime_ns_relaxed() */
	RATIO_WAYS
};

struct ratio {
	double vdso_ns; /* a clock_gettime(), median */
	double page_ns[RATIO_WAYS]; /* medians */
	double times[RATIO_WAYS]; /* medians of clock_gettime() / page */
};

/* 0; -errno as vdsotime_page_attach(); -EAGAIN when the page did not answer all the time. */
int ratio_measure(const struct vdsotime *handle, struct ratio *ret);

#endif
