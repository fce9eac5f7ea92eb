/* SPDX-License-Identifier: MIT */
#include "daemon/sampler.h"

#include <time.h>

#define NSEC_PER_SEC 1000000000
#define BRACKETS 5
#define OFFSET_BRACKETS 31
#define OFFSET_TRIES 3
#define COARSE_TRIES 8
#define TAI_TRIES 3

/*
 * A sample is taken in some us; one during which the daemon was held up for longer is taken again,
 * but not for ever.
 */
#define SPAN_MAX_NS (10 * 1000000)
#define SPAN_TRIES 3

void sampler_init(struct sampler *s, const struct os *os, bool has_counter)
{
	*s = (struct sampler){ .os = os, .has_counter = has_counter };
}

void sampler_assume(struct sampler *s, int64_t realtime_offset_ns, int64_t boottime_offset_ns)
{
	s->realtime = (struct sampler_offset){ .known = true, .ns = realtime_offset_ns };
	s->boottime = (struct sampler_offset){ .known = true, .ns = boottime_offset_ns };
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

/* Where an offset lies: both ends belong to it. */
struct span {
	int64_t low_ns;
	int64_t high_ns;
};

/* id - MONOTONIC, from one bracket. */
static int offset_span(const struct sampler *s, clockid_t id, struct span *ret)
{
	int64_t before, ns, after;
	int r = read_clock(s, CLOCK_MONOTONIC, &before);

	if (r == 0)
		r = read_clock(s, id, &ns);
	if (r == 0)
		r = read_clock(s, CLOCK_MONOTONIC, &after);
	if (r < 0)
		return r;
	*ret = (struct span){ ns - after, ns - before };
	return 0;
}

/* From several, of which the latest count where a step came in between. */
static int common_span(const struct sampler *s, clockid_t id, int brackets, struct span *ret)
{
	struct span common = { INT64_MIN, INT64_MAX };

	for (int i = 0; i < brackets; i++) {
		struct span next;
		int r = offset_span(s, id, &next);

		if (r < 0)
			return r;
		if (next.low_ns > common.high_ns || next.high_ns < common.low_ns)
			common = next;
		if (next.low_ns > common.low_ns)
			common.low_ns = next.low_ns;
		if (next.high_ns < common.high_ns)
			common.high_ns = next.high_ns;
	}
	*ret = common;
	return 0;
}

static bool span_has(const struct span *span, int64_t ns)
{
	return ns >= span->low_ns && ns <= span->high_ns;
}

static uint64_t span_slack_ns(const struct span *span, int64_t ns)
{
	int64_t below = ns - span->low_ns, above = span->high_ns - ns;

	return (uint64_t)(below > above ? below : above);
}

/* Keep what agrees, else find it anew; slack is always that of the latest brackets. */
static int bracketed_offset(const struct sampler *s, clockid_t id, struct sampler_offset *o)
{
	struct span span;
	int r = common_span(s, id, OFFSET_TRIES, &span);

	if (r == 0 && (!o->known || !span_has(&span, o->ns))) {
		r = common_span(s, id, OFFSET_BRACKETS, &span);
		o->ns = span.low_ns + (span.high_ns - span.low_ns) / 2;
	}
	if (r < 0)
		return r;
	o->known = true;
	o->slack_ns = span_slack_ns(&span, o->ns);
	return 0;
}

static int realtime_offset(const struct sampler *s, struct sampler_offset *o)
{
	int r = coarse_offset(s, &o->ns);

	if (r == 1) {
		o->known = true;
		o->slack_ns = 0;
		return 0;
	}
	/* no coarse clocks (gVisor), or a tick at every try */
	return r < 0 ? r : bracketed_offset(s, CLOCK_REALTIME, o);
}

/* A machine that was never suspended has an offset of 0 exactly: nothing else comes so near to
 * it. */
static int boottime_offset(const struct sampler *s, struct sampler_offset *o)
{
	if (!o->known)
		*o = (struct sampler_offset){ .known = true };
	int r = bracketed_offset(s, CLOCK_BOOTTIME, o);

	if (r == 0 && o->ns == 0)
		o->slack_ns = 0;
	return r;
}

/* Whole seconds, unless REALTIME is not the same before and after: then as it was. */
static int tai_offset(const struct sampler *s, int32_t *tai_offset_s)
{
	for (int i = 0; i < TAI_TRIES; i++) {
		int64_t before, tai, after, difference;
		int r = read_clock(s, CLOCK_REALTIME, &before);

		if (r == 0)
			r = read_clock(s, CLOCK_TAI, &tai);
		if (r == 0)
			r = read_clock(s, CLOCK_REALTIME, &after);
		if (r < 0)
			return r;
		if (after < before || after - before > NSEC_PER_SEC / 4)
			continue;
		difference = tai - before;
		*tai_offset_s = (int32_t)((difference + (difference < 0 ? -1 : 1) *
								(int64_t)(NSEC_PER_SEC / 2)) /
					  NSEC_PER_SEC);
		return 0;
	}
	return 0;
}

static int take_once(struct sampler *s, struct sample *ret)
{
	struct sample sample = { 0 };
	int r = bracket(s, CLOCK_MONOTONIC, &sample.monotonic);

	if (r == 0)
		r = bracket(s, CLOCK_MONOTONIC_RAW, &sample.raw);
	if (r == 0)
		r = realtime_offset(s, &s->realtime);
	if (r == 0)
		r = boottime_offset(s, &s->boottime);
	if (r == 0)
		r = tai_offset(s, &s->tai_offset_s);
	if (r < 0)
		return r;
	sample.realtime_offset_ns = s->realtime.ns;
	sample.boottime_offset_ns = s->boottime.ns;
	sample.offset_slack_ns = s->realtime.slack_ns > s->boottime.slack_ns ? s->realtime.slack_ns
									     : s->boottime.slack_ns;
	sample.tai_offset_s = s->tai_offset_s;
	sample.timex_error = s->os->timex_read(s->os->ctx, &sample.timex);
	*ret = sample;
	return 0;
}

int sampler_take(struct sampler *s, struct sample *ret)
{
	for (int i = 0; i < SPAN_TRIES; i++) {
		int64_t end_ns;
		int r = take_once(s, ret);

		if (r == 0)
			r = read_clock(s, CLOCK_MONOTONIC, &end_ns);
		if (r < 0)
			return r;
		if (end_ns - ret->monotonic.ns <= SPAN_MAX_NS)
			break;
	}
	return 0;
}
