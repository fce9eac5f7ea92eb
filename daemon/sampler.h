/* SPDX-License-Identifier: MIT */
/*
 * The sampler: what the kernel's clocks said, and at which counter value.
 *
 * A clock is read between two reads of the counter; of several such brackets the narrowest is kept, since
 * an interrupt can only widen one.  The offsets between the clocks are not differences of such reads: the
 * two COARSE clocks are both of the last tick, so REALTIME_COARSE - MONOTONIC_COARSE, with no tick in
 * between, is REALTIME - MONOTONIC to the nanosecond.  BOOTTIME has no coarse twin; there it is the median
 * of many brackets, kept for as long as it agrees with new ones.
 *
 * Pure but for the clocks, which come through struct os.
 */
#ifndef VDSOTIMED_SAMPLER_H
#define VDSOTIMED_SAMPLER_H

#include <stdbool.h>
#include <stdint.h>

#include "daemon/os.h"

/* One clock at one counter value: within half a bracket of it. */
struct sample_point {
	uint64_t counter_ticks; /* the middle of the bracket */
	uint64_t bracket_ticks;
	int64_t ns;
};

struct sample {
	struct sample_point monotonic;
	struct sample_point raw;
	int64_t realtime_offset_ns; /* REALTIME - MONOTONIC */
	int64_t boottime_offset_ns; /* BOOTTIME - MONOTONIC */
	int32_t tai_offset_s; /* TAI - REALTIME */
	int timex_error; /* 0, or why timex could not be read */
	struct os_timex timex;
};

struct sampler {
	const struct os *os;
	bool has_counter; /* else every counter value is 0 and nothing is bracketed */
	bool has_boottime_offset;
	int64_t boottime_offset_ns;
};

/* os is borrowed. */
void sampler_init(struct sampler *s, const struct os *os, bool has_counter);

/* Read all of it: microseconds.  0, or -errno of a clock that could not be read (not of timex). */
int sampler_take(struct sampler *s, struct sample *ret);

#endif
