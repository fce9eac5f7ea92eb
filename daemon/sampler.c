/* SPDX-License-Identifier: MIT */
#include "daemon/sampler.h"

#include <time.h>

#define NSEC_PER_SEC 1000000000
#define BRACKETS 5
#define BOOTTIME_BRACKETS 31
#define COARSE_TRIES 8

void sampler_init(struct sampler *s, const struct os *os, bool has_counter)
{
	*s = (struct sampler){ .os = os, .has_counter = has_counter };
}

static uint64_t counter(const struct sampler *s)
{
	return s->has_counter ? s->os->counter_read(s->os->ctx) : 0;
}

static int read_clock(const struct sampler *s, clockid_t id, int64_t *ret)
{
	return s->os->clock_gettime_ns(s->os->ctx, (int32_t)id, ret);
}

static int bracket(const struct sampler *s, clockid_t id, struct sample_point *ret)
{
	struct sample_point best = { .bracket_ticks = UINT64_MAX };

	for (int i = 0; i < BRACKETS; i++) {
		uint64_t before = counter(s);
		int64_t ns;
		int r = read_clock(s, id, &ns);
		uint64_t width = counter(s) - before;

		if (r < 0)
			return r;
		/* a counter that ran backwards gives a huge width, and loses */
		if (width < best.bracket_ticks || i == 0)
			best = (struct sample_point){ before + width / 2, width, ns };
	}
	*ret = best;
	return 0;
}

/* a - b where both are read between two equal values of a: they are of one instant, or one tick. */
static int coarse_offset(const struct sampler *s, int64_t *ret)
{
	for (int i = 0; i < COARSE_TRIES; i++) {
		int64_t before, monotonic, after;
		int r = read_clock(s, CLOCK_REALTIME_COARSE, &before);

		if (r == 0)
			r = read_clock(s, CLOCK_MONOTONIC_COARSE, &monotonic);
		if (r == 0)
			r = read_clock(s, CLOCK_REALTIME_COARSE, &after);
		if (r < 0)
			return r;
		if (before == after) {
			*ret = before - monotonic;
			return 1;
		}
	}
	return 0;
}

/* id - MONOTONIC lies in [*ret_low, *ret_high]. */
static int offset_bounds(const struct sampler *s, clockid_t id, int64_t *ret_low, int64_t *ret_high)
{
	int64_t before, ns, after;
	int r = read_clock(s, CLOCK_MONOTONIC, &before);

	if (r == 0)
		r = read_clock(s, id, &ns);
	if (r == 0)
		r = read_clock(s, CLOCK_MONOTONIC, &after);
	if (r < 0)
		return r;
	*ret_low = ns - after;
	*ret_high = ns - before;
	return 0;
}

static void insert_sorted(int64_t *sorted, int count, int64_t value)
{
	int at = count;

	for (; at > 0 && sorted[at - 1] > value; at--)
		sorted[at] = sorted[at - 1];
	sorted[at] = value;
}

static int median_offset(const struct sampler *s, clockid_t id, int64_t *ret)
{
	int64_t middles[BOOTTIME_BRACKETS];

	for (int i = 0; i < BOOTTIME_BRACKETS; i++) {
		int64_t low, high;
		int r = offset_bounds(s, id, &low, &high);

		if (r < 0)
			return r;
		insert_sorted(middles, i, low + (high - low) / 2);
	}
	*ret = middles[BOOTTIME_BRACKETS / 2];
	return 0;
}

static int realtime_offset(const struct sampler *s, int64_t *ret)
{
	int r = coarse_offset(s, ret);

	if (r == 1)
		return 0;
	/* no coarse clocks (gVisor), or a tick at every try */
	return median_offset(s, CLOCK_REALTIME, ret);
}

/* A machine that was never suspended has an offset of 0: prefer that, then what was found before. */
static int boottime_offset(struct sampler *s, int64_t *ret)
{
	int64_t low, high;
	int r = offset_bounds(s, CLOCK_BOOTTIME, &low, &high);

	if (r < 0)
		return r;
	if (low <= 0 && high >= 0) {
		s->boottime_offset_ns = 0;
	} else if (!s->has_boottime_offset || s->boottime_offset_ns < low ||
		   s->boottime_offset_ns > high) {
		r = median_offset(s, CLOCK_BOOTTIME, &s->boottime_offset_ns);
		if (r < 0)
			return r;
	}
	s->has_boottime_offset = true;
	*ret = s->boottime_offset_ns;
	return 0;
}

/* Whole seconds: a step between the two reads shows in the next sample. */
static int tai_offset(const struct sampler *s, int32_t *ret)
{
	int64_t realtime, tai, difference;
	int r = read_clock(s, CLOCK_REALTIME, &realtime);

	if (r == 0)
		r = read_clock(s, CLOCK_TAI, &tai);
	if (r < 0)
		return r;
	difference = tai - realtime;
	*ret = (int32_t)((difference + (difference < 0 ? -1 : 1) * (int64_t)(NSEC_PER_SEC / 2)) /
			 NSEC_PER_SEC);
	return 0;
}

int sampler_take(struct sampler *s, struct sample *ret)
{
	struct sample sample = { 0 };
	int r = bracket(s, CLOCK_MONOTONIC, &sample.monotonic);

	if (r == 0)
		r = bracket(s, CLOCK_MONOTONIC_RAW, &sample.raw);
	if (r == 0)
		r = realtime_offset(s, &sample.realtime_offset_ns);
	if (r == 0)
		r = boottime_offset(s, &sample.boottime_offset_ns);
	if (r == 0)
		r = tai_offset(s, &sample.tai_offset_s);
	if (r < 0)
		return r;
	sample.timex_error = s->os->timex_read(s->os->ctx, &sample.timex);
	*ret = sample;
	return 0;
}
