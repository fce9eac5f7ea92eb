/* SPDX-License-Identifier: MIT */
/*
 * The model of one kernel clock: where it is believed to be, as a straight line over the counter,
 * and how far from there it can be.
 *
 * Its slope is the one expected (raw rate, times what adjtimex says) and a correction that only
 * samples show: adjtime() and a PLL change the rate and tell nobody.  Its phase follows the samples
 * through a filter while they agree with it, and is theirs as soon as they do not.
 *
 * Pure.  The one thing a reader would get wrong: a clock truncates to whole ns, so on average it
 * was half a ns further than it says; all fractions here are meant so.
 */
#ifndef VDSOTIMED_MODEL_H
#define VDSOTIMED_MODEL_H

#include <stdbool.h>
#include <stdint.h>

#include "daemon/sampler.h"

/* The counter may move in steps as long as this (10 ns on some hosts); a bracket does not show
 * it. */
#define MODEL_COUNTER_STEP_NS 10.0

struct model {
	bool known;
	uint64_t counter_ticks; /* ns + fraction_ns there, and on from there at slope */
	int64_t ns;
	double fraction_ns; /* [0, 1) */
	double slope; /* ns per tick */
	double extra; /* of it, relative, that nobody told of */
	bool stirred; /* the last sample did not agree */
	struct sample_point last; /* sample */
	double noise_ns; /* by which that one may mislead */
	double least_noise_ns; /* of late */
	double residual_ns; /* its distance from the model, before that took it in */
	double left_ns; /* what of it is left */
};

/* Start anew at a sample, at this many ns per tick. */
void model_start(struct model *m, const struct sample_point *p, double expected);

/* Sample less model, in ns, at the sample's counter value. */
double model_distance_ns(const struct model *m, const struct sample_point *p);

/*
 * Take a sample in.  expected: ns per tick from here on, without extra; told: it is not what it
 * was.  exact: nothing but it can be true, so no extra is looked for.  True while samples agree.
 */
bool model_follow(
	struct model *m, const struct sample_point *p, double expected, bool told, bool exact);

/* The model at a counter value, as ns above m->ns: small enough for a double. */
double model_above_ns(const struct model *m, uint64_t counter_ticks);

/* How far the clock may have been from the model at the last sample, ns. */
double model_bound_ns(const struct model *m);

#endif
