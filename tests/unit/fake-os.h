/* SPDX-License-Identifier: MIT */
/*
 * An operating system of straight lines: a counter that each read moves on, and clocks that go by
 * it, for tests that change one thing at a time.  (For worlds of chance there is tests/sim.)
 */
#ifndef TESTS_FAKE_OS_H
#define TESTS_FAKE_OS_H

#include <stdbool.h>
#include <stdint.h>

#include "daemon/os.h"

#define FAKE_KHZ 2596132

struct fake_os {
	struct os os;
	uint64_t x; /* ticks that have passed */
	uint64_t counter_offset; /* the counter is x + this */
	double ns_per_tick; /* of MONOTONIC_RAW */
	double factor; /* of MONOTONIC over it */
	double monotonic_ns; /* at x */
	double raw_ns;
	int64_t realtime_offset_ns;
	int64_t boottime_offset_ns;
	int32_t tai_offset_s;
	int64_t coarse_tick_ns; /* 0: coarse clocks are not coarse */
	int clock_error; /* -errno of every clock, or 0 */
	int timex_error;
	struct os_timex timex;
	uint32_t counter_kind;
	struct os_warp warp;
	uint32_t cpus_online;
	int warp_error; /* of a test in the background that cannot begin */
	unsigned int warp_polls; /* still to come before it is over */
	unsigned int warp_starts;
	uint64_t counter_hz;
	int vmclock_fd; /* of a page in memory; -1: there is no such device */
	const char *clocksource; /* NULL: sysfs is not there */
	const char *clocksources;
	/* called at each read of a clock, before it: for what happens in the middle of a sample */
	void (*on_read)(struct fake_os *f, int32_t clock_id);
	unsigned int reads;
};

/* A quiet TSC machine: the counter is the kernel's clocksource, nothing is slewed. */
void fake_os_init(struct fake_os *f);

/* So much time passes. */
void fake_os_pass(struct fake_os *f, double ns);

/* What a clock would say now; no time passes. */
int64_t fake_os_clock(const struct fake_os *f, int32_t clock_id);

#endif
