/* SPDX-License-Identifier: MIT */
#include "daemon/rate.h"

#include <math.h>

#include "daemon/model.h"

#define NSEC_PER_SEC 1000000000

/* A baseline is renewed once it is this long: temperature moves a counter that is not the
 * kernel's. */
#define BASELINE_MAX_NS (100 * (int64_t)NSEC_PER_SEC)
/* Below this, a fit says nothing. */
#define BASELINE_MIN_NS (5 * 1000000)
/* What an assumption that has lost its ground is worth. */
#define ASSUMED_UNCERTAINTY 1e-3
/* Samples in a row that an exact rate may fail to explain before it is given up. */
#define MISSES_MAX 5

void rate_init(struct rate *r, const struct rate_registration *registration)
{
	*r = (struct rate){ .registration = *registration, .uncertainty = 1 };
}

void rate_restart(struct rate *r)
{
	r->has_first = false;
	r->exact = false;
	r->misses = 0;
	r->uncertainty = fmax(r->uncertainty, ASSUMED_UNCERTAINTY);
}

/* The largest shift at which a second-count of max_sec still converts without overflow. */
static void calc_mult_shift(
	uint64_t from, uint64_t to, uint64_t max_sec, uint64_t *ret_mult, uint32_t *ret_shift)
{
	uint64_t spill = max_sec * from >> 32;
	uint32_t bits = 32, shift;
	uint64_t mult = 0;

	for (; spill; spill >>= 1)
		bits--;
	for (shift = 32; shift > 0; shift--) {
		mult = ((to << shift) + from / 2) / from;
		if (mult >> bits == 0)
			break;
	}
	*ret_mult = (uint32_t)mult;
	*ret_shift = shift;
}

double rate_of_registration(uint64_t frequency, uint32_t scale_hz, uint64_t mask)
{
	uint64_t sec = mask / frequency / scale_hz;
	uint64_t mult;
	uint32_t shift;

	if (sec == 0)
		sec = 1;
	else if (sec > 600 && mask > UINT32_MAX)
		sec = 600;
	calc_mult_shift(frequency, NSEC_PER_SEC / scale_hz, sec * scale_hz, &mult, &shift);
	/* room for the 11 % by which NTP may move mult */
	while (mult + mult * 11 / 100 > UINT32_MAX) {
		mult >>= 1;
		shift--;
	}
	return ldexp((double)mult, -(int)shift);
}

/* How far two points may mislead about the time between them, in ns: half a bracket each, a step of
 * the counter, and rounding. */
static double slack_ns(
	const struct sample_point *a, const struct sample_point *b, double ns_per_tick)
{
	return (double)(a->bracket_ticks + b->bracket_ticks) / 2 * ns_per_tick +
	       2 * MODEL_COUNTER_STEP_NS + 2;
}

/* The one whole frequency that the fit leaves room for, if there is one. */
static void try_exact(struct rate *r)
{
	const struct rate_registration *reg = &r->registration;
	double unit = reg->scale_hz;
	double hz = NSEC_PER_SEC / r->ns_per_tick;
	double exact;

	if (unit == 0 || (!reg->frequency_hz && r->uncertainty * hz > unit / 2))
		return;
	uint64_t whole = reg->frequency_hz ? reg->frequency_hz : (uint64_t)(hz / unit + 0.5);

	exact = rate_of_registration(whole, reg->scale_hz, reg->mask);
	if (fabs(exact / r->ns_per_tick - 1) > r->uncertainty)
		return;
	r->ns_per_tick = exact;
	r->uncertainty = 0;
	r->exact = true;
}

/* Does the exact rate still lead from the baseline's start to this point? */
static void check_exact(struct rate *r, const struct sample_point *p, double ticks, double ns)
{
	if (fabs(ns - ticks * r->ns_per_tick) <= slack_ns(p, &r->first, r->ns_per_tick)) {
		r->misses = 0;
		/* longer ones would strain the 53 bits of a double */
		if (ns > BASELINE_MAX_NS)
			r->first = *p;
		return;
	}
	if (++r->misses < MISSES_MAX)
		return;
	/* not the kernel's after all: fit, from here on for good */
	rate_restart(r);
	r->registration.scale_hz = 0;
}

static void fit(struct rate *r, const struct sample_point *p, double ticks, double ns)
{
	double ns_per_tick = ns / ticks;
	double uncertainty = slack_ns(p, &r->first, ns_per_tick) / ns;

	/* an assumption stands until the fit is better, or contradicts it */
	if (uncertainty < r->uncertainty ||
		fabs(ns_per_tick / r->ns_per_tick - 1) > r->uncertainty + uncertainty) {
		r->ns_per_tick = ns_per_tick;
		r->uncertainty = uncertainty;
	}
	if (ns > BASELINE_MAX_NS / 2 && r->middle.counter_ticks == r->first.counter_ticks)
		r->middle = *p;
	if (ns > BASELINE_MAX_NS) {
		r->first = r->middle;
		r->middle = *p;
		r->uncertainty *= 2;
	}
}

void rate_add(struct rate *r, const struct sample_point *raw)
{
	int64_t ticks = (int64_t)(raw->counter_ticks - r->first.counter_ticks);
	int64_t ns = raw->ns - r->first.ns;

	if (!r->has_first || ticks <= 0 || ns <= 0) {
		r->first = *raw;
		r->middle = *raw;
		r->has_first = true;
		return;
	}
	if (r->exact) {
		check_exact(r, raw, (double)ticks, (double)ns);
	} else if (ns >= BASELINE_MIN_NS) {
		fit(r, raw, (double)ticks, (double)ns);
		try_exact(r);
	}
}
