/* SPDX-License-Identifier: MIT */
/*
 * The sampler: what the kernel's clocks said, and at which counter value.
 *
 * A clock is read between two reads of the counter; of several such brackets the narrowest is kept,
 * since an interrupt can only widen one.  The offsets between the clocks are not differences of
 * such reads: the two COARSE clocks are both of the last tick, so REALTIME_COARSE -
 * MONOTONIC_COARSE, with no tick in between, is REALTIME - MONOTONIC to the nanosecond.  BOOTTIME
 * has no coarse twin, and some kernels have no coarse clocks at all: there an offset is what many
 * brackets have in common, and it is kept for as long as new brackets agree with it.
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
	uint64_t offset_slack_ns; /* by which these two may be wrong */
	int32_t tai_offset_s; /* TAI - REALTIME */
	int timex_error; /* 0, or why timex could not be read */
	struct os_timex timex;
};

/* A clock less MONOTONIC, as found last. */
struct sampler_offset {
	bool known;
	int64_t ns;
	uint64_t slack_ns;
};

struct sampler {
	const struct os *os;
	bool has_counter; /* else every counter value is 0 and nothing is bracketed */
	struct sampler_offset realtime;
	struct sampler_offset boottime;
	int32_t tai_offset_s; /* as found last */
};

/* os is borrowed. */
void sampler_init(struct sampler *s, const struct os *os, bool has_counter);

/* Offsets to be kept for as long as they agree with what is seen. */
void sampler_assume(struct sampler *s, int64_t realtime_offset_ns, int64_t boottime_offset_ns);

/* Read all of it: microseconds.  0, or -errno of a clock that could not be read (not of timex). */
int sampler_take(struct sampler *s, struct sample *ret);

#endif
