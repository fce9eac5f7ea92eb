/* SPDX-License-Identifier: MIT */
/*
 * The raw rate: how many nanoseconds of MONOTONIC_RAW a tick of the counter is.
 *
 * Where the counter is the kernel's own clocksource, the rate is constant and is the ratio mult /
 * 2^shift that the kernel computed when it registered the counter at a whole number of kHz (TSC) or
 * Hz (others).  A fit that is surely better than half a kHz names that number, and repeating the
 * kernel's computation gives the rate to the last bit.  Elsewhere it remains a fit over a baseline
 * that grows.
 *
 * Pure: samples in, numbers out.
 */
#ifndef VDSOTIMED_RATE_H
#define VDSOTIMED_RATE_H

#include <stdbool.h>
#include <stdint.h>

#include "daemon/sampler.h"

/* How the kernel registered the counter as its clocksource. */
struct rate_registration {
	uint32_t scale_hz; /* 1000: at whole kHz; 1: at whole Hz; 0: not its clocksource */
	uint64_t frequency_hz; /* where the hardware tells it, else 0 */
	uint64_t mask; /* of the counter, as the kernel has it */
};

struct rate {
	struct rate_registration registration;
	bool has_first;
	struct sample_point first; /* start of the baseline */
	struct sample_point middle; /* becomes the start when the baseline is long enough */
	double ns_per_tick; /* 0: not known yet */
	double uncertainty; /* of it, relative */
	bool exact; /* the kernel's own */
	unsigned int misses; /* samples in a row that the exact rate did not explain */
};

void rate_init(struct rate *r, const struct rate_registration *registration);

/* Take a sample of MONOTONIC_RAW into account. */
void rate_add(struct rate *r, const struct sample_point *raw);

/* Forget the baseline (the counter or the clocks were disturbed), keep the rate as an
 * assumption. */
void rate_restart(struct rate *r);

/*
 * The kernel's own ns per tick for a counter registered at frequency units of scale_hz: what
 * __clocksource_update_freq_scale() and clocks_calc_mult_shift() (kernel/time/clocksource.c) make
 * of it.
 */
double rate_of_registration(uint64_t frequency, uint32_t scale_hz, uint64_t mask);

#endif
