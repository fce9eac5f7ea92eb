/* SPDX-License-Identifier: MIT */
#include "daemon/discipline.h"

#include <math.h>
#include <stddef.h>

#include "daemon/line.h"

#define NSEC_PER_SEC 1000000000
#define PPB 1e-9
#define MULT_ONE 4294967296.0 /* 2^32 */

/* Samples at the fast period after the rate was last seen to move: seconds, at 10 ms. */
#define MOVING_SAMPLES 300

/* A rate known to this (relative) errs by 5 ns at most between publications at rest. */
#define SETTLED 5e-8

/*
 * How far MONOTONIC_RAW may be from its model without having jumped: it knows no slewing, but a
 * counter that is not the kernel's own wanders against it.
 */
#define JUMP_NS 1000.0
#define WANDER 200e-6

/* A rate that holds for so long is proven: ns. */
#define PROOF_NS 5e6

/* A line is bent when it differs by this (relative) from the clock's own rate. */
#define BENT 1e-3

/* A line never stands still to wait for the kernel, and never runs at more than twice its rate. */
#define SLOPE_LEAST (2.0 / 3)
#define SLOPE_MOST 2.0

/* Ticks that may be chosen from as the base, for the one where rounding up costs least. */
#define BASE_CHOICES 64

/* Readers' counters may lag the publisher's by this much. */
#define BASE_LAG_NS 1000.0

/* Bases of the page are whole ns; a line in between has 32 fraction bits. */
struct fixed {
	int64_t ns;
	uint32_t fraction;
};

void discipline_init(struct discipline *d, const struct rate_registration *registration)
{
	*d = (struct discipline){ .factor = 1 };
	rate_init(&d->rate, registration);
}

bool discipline_ready(const struct discipline *d)
{
	return d->monotonic.known && d->rate.ns_per_tick > 0 &&
	       (d->proof == DISCIPLINE_PROVEN ||
		       (d->proof == DISCIPLINE_DOUBTED && d->rate.registration.scale_hz != 0));
}

void discipline_restart(struct discipline *d)
{
	d->monotonic.known = false;
	d->raw.known = false;
	d->moving = MOVING_SAMPLES;
	rate_restart(&d->rate);
}

void discipline_reregister(struct discipline *d, const struct rate_registration *registration)
{
	discipline_restart(d);
	d->rate.registration = *registration;
}

bool discipline_is_moving(const struct discipline *d)
{
	return d->moving > 0 || d->rate.uncertainty > SETTLED;
}

/* kernel/time/ntp.c, ntp_update_frequency(): the tick's length in us and a frequency in 2^-16
 * ppm. */
static double factor_of(const struct discipline *d, const struct sample *s)
{
	if (s->timex_error)
		return d->factor;
	return 1 + (double)s->timex.frequency / 65536e6 +
	       (double)(s->timex.tick_us - 10000) / 10000;
}

/*
 * How much MONOTONIC may have changed its rate, relative to it: from where it was, told or seen, to
 * the far end of what it may be told.
 */
static double unseen_of(const struct discipline *d, uint64_t max_slew_ppb)
{
	double rate = d->monotonic.slope / d->rate.ns_per_tick;
	double far = (double)max_slew_ppb * PPB + fabs(rate - 1);

	return far / fmin(rate, 1) + d->rate.uncertainty;
}

/* Is a sample further from its model than a change of rate by slew, since the last, explains? */
static bool has_jumped(const struct model *m, const struct sample_point *p, double slew)
{
	double ticks = (double)(int64_t)(p->counter_ticks - m->last.counter_ticks);
	double noise = (double)p->bracket_ticks * m->slope;

	return ticks <= 0 || fabs(model_distance_ns(m, p)) >
				     ticks * m->slope * slew + noise + model_bound_ns(m) + JUMP_NS;
}

static bool has_raw_jumped(const struct discipline *d, const struct sample *s)
{
	return has_jumped(&d->raw, &s->raw, d->rate.exact ? 1e-6 : WANDER + d->rate.uncertainty);
}

/* The counter has jumped; or its rate is wrong, if that happens twice in a row, or to a new one. */
static void doubt_rate(struct discipline *d)
{
	const struct rate_registration registration = d->rate.registration;

	if (d->proof == DISCIPLINE_PROVEN) {
		d->proof = DISCIPLINE_DOUBTED;
		return;
	}
	rate_init(&d->rate, &registration);
	d->proof = DISCIPLINE_UNPROVEN;
}

/* However close samples are: from where the rate set out it has led, over PROOF_NS, to this one. */
static void look_for_proof(struct discipline *d, const struct sample_point *raw)
{
	const struct sample_point *from = &d->proof_from;
	double ns = (double)(raw->counter_ticks - from->counter_ticks) * d->proof_slope;
	double noise = (double)(raw->bracket_ticks + from->bracket_ticks) / 2 * d->proof_slope;

	if (ns < PROOF_NS)
		return;
	if (fabs((double)(raw->ns - from->ns) - ns) <= ns * WANDER + noise + JUMP_NS)
		d->proof = DISCIPLINE_PROVEN;
	d->proof_from = *raw;
	d->proof_slope = d->rate.ns_per_tick;
}

static void look_for_jump(struct discipline *d, const struct sample *s, uint64_t max_slew_ppb,
	struct discipline_news *ret)
{
	bool raw_jumped = has_raw_jumped(d, s);

	if (raw_jumped || has_jumped(&d->monotonic, &s->monotonic, unseen_of(d, max_slew_ppb))) {
		ret->jumped = true;
		ret->jump_ns = llround(model_distance_ns(&d->monotonic, &s->monotonic));
		discipline_restart(d);
	}
	if (raw_jumped)
		doubt_rate(d);
	else
		look_for_proof(d, &s->raw);
}

void discipline_add(struct discipline *d, const struct sample *s, uint64_t max_slew_ppb,
	struct discipline_news *ret)
{
	double factor = factor_of(d, s);
	bool told = factor != d->factor;
	double expected;

	*ret = (struct discipline_news){ 0 };
	if (told && d->monotonic.known) {
		ret->rate_changed = true;
		ret->rate_change_ppb = llround((factor - d->factor) / PPB);
	}
	if (d->monotonic.known)
		look_for_jump(d, s, max_slew_ppb, ret);
	rate_add(&d->rate, &s->raw);
	d->factor = factor;
	if (d->rate.ns_per_tick <= 0)
		return;
	expected = d->rate.ns_per_tick * factor;
	if (!d->monotonic.known) {
		model_start(&d->monotonic, &s->monotonic, expected);
		model_start(&d->raw, &s->raw, d->rate.ns_per_tick);
		d->proof_from = s->raw;
		d->proof_slope = d->rate.ns_per_tick;
		return;
	}
	model_follow(&d->raw, &s->raw, d->rate.ns_per_tick, false, d->rate.exact);
	if (!model_follow(&d->monotonic, &s->monotonic, expected, told, false))
		d->moving = MOVING_SAMPLES;
	else if (d->moving)
		d->moving--;
}

static struct fixed fixed_add(struct fixed f, double ns)
{
	double whole = floor(ns);
	uint64_t fraction = f.fraction + (uint64_t)((ns - whole) * MULT_ONE);

	return (struct fixed){ f.ns + (int64_t)whole + (int64_t)(fraction >> 32),
		(uint32_t)fraction };
}

/* a - b in ns. */
static double fixed_above(struct fixed a, struct fixed b)
{
	return (double)(a.ns - b.ns) + ((double)a.fraction - (double)b.fraction) / MULT_ONE;
}

static struct fixed model_at(const struct model *m, uint64_t counter_ticks)
{
	return fixed_add((struct fixed){ m->ns, 0 }, model_above_ns(m, counter_ticks));
}

/* One of the two rates of a line, by its words. */
struct track {
	enum vdsotime_word base;
	enum vdsotime_word mult;
};

static const struct track monotonic_track = { VDSOTIME_WORD_MONOTONIC, VDSOTIME_WORD_MULT };
static const struct track raw_track = { VDSOTIME_WORD_RAW, VDSOTIME_WORD_RAW_MULT };

/* What a reader computes, and the fraction that it cuts off. */
static struct fixed line_at(const struct vdsotime_line *line, const struct track *t, uint64_t ticks)
{
	uint64_t elapsed = (ticks - line->word[VDSOTIME_WORD_COUNTER]) * line->word[t->mult];

	return (struct fixed){ (int64_t)(line->word[t->base] + (elapsed >> 32)),
		(uint32_t)elapsed };
}

double discipline_page_error_ns(const struct vdsotime_line *line, const struct sample_point *p)
{
	struct fixed page = line_at(line, &monotonic_track, p->counter_ticks);

	return fixed_above(page, (struct fixed){ p->ns, UINT32_C(1) << 31 });
}

/* A new straight line: through value at ticks, at mult (ns per tick, 32 fraction bits). */
struct aim {
	uint64_t ticks;
	struct fixed value;
	uint64_t mult;
};

/* By how much that may have moved it since its last sample, at some ticks, ns. */
static double moved_of(const struct discipline *d, const struct model *m, uint64_t ticks,
	const struct discipline_order *o)
{
	return (double)(ticks - m->last.counter_ticks) * m->slope * unseen_of(d, o->max_slew_ppb);
}

/*
 * By how much a line is ahead of the model where it starts, to be ahead of the clock until it is
 * published: meanwhile the clock may move away, and the line comes down to its target.
 */
static double lead_of(
	const struct discipline *d, const struct model *m, const struct discipline_order *o)
{
	double latest = model_bound_ns(m) + moved_of(d, m, o->until_ticks, o) + o->slack_ns;
	double way =
		(double)(o->until_ticks - o->now_ticks) / (double)(o->target_ticks - o->now_ticks);

	return latest / (1 - fmin(way, 0.5));
}

/*
 * Where readers may be who have no line to go on from: at the latest that the clock can be, or,
 * where the last line has just run out, at the end of that (readers do not go back from it, see the
 * client's fallback).
 */
static struct fixed fresh_start(const struct discipline *d, const struct model *m,
	const struct track *t, const struct discipline_order *o)
{
	struct fixed start = fixed_add(model_at(m, o->now_ticks), lead_of(d, m, o));
	struct fixed end;
	uint64_t end_ticks, window_ns, tracking;
	double above;

	if (!o->expired)
		return start;
	window_ns = line_window_ns(o->expired);
	end_ticks = o->expired->word[VDSOTIME_WORD_COUNTER] +
		    (UINT64_C(1) << (o->expired->meta & VDSOTIME_META_WINDOW_MASK));
	end = line_at(o->expired, t, end_ticks);
	tracking = vdsotime_bound(o->expired->extra[VDSOTIME_EXTRA_TRACKING],
		o->expired->extra[VDSOTIME_EXTRA_TRACKING_GROWTH], window_ns);
	above = fixed_above(end, start);
	/* it may not have run out quite yet */
	if ((int64_t)(end_ticks - o->now_ticks) > 0)
		return above > 0 ? end : start;
	return above > 0 && above <= (double)tracking ? end : start;
}

/* From value at ticks to where the model will be at the target. */
static struct aim aim_from(
	const struct model *m, uint64_t ticks, struct fixed value, const struct discipline_order *o)
{
	double ahead_ticks = (double)(o->target_ticks - ticks);
	double slope = fixed_above(model_at(m, o->target_ticks), value) / ahead_ticks;

	slope = fmin(fmax(slope, m->slope * SLOPE_LEAST), m->slope * SLOPE_MOST);
	return (struct aim){ ticks, value, (uint64_t)llround(slope * MULT_ONE) };
}

/* From where readers are at present; see the head of discipline.h for now and until. */
static struct aim aim_at(const struct discipline *d, const struct model *m, const struct track *t,
	const struct discipline_order *o)
{
	struct aim aim;

	if (!o->old)
		return aim_from(m, o->now_ticks, fresh_start(d, m, t, o), o);
	aim = aim_from(m, o->now_ticks, line_at(o->old, t, o->now_ticks), o);
	if (aim.mult < o->old->word[t->mult])
		aim = aim_from(m, o->until_ticks, line_at(o->old, t, o->until_ticks), o);
	return aim;
}

/* The line's value at an earlier tick, rounded up to whole ns. */
static uint64_t base_of(const struct aim *aim, uint64_t base_ticks)
{
	uint64_t back = (aim->ticks - base_ticks) * aim->mult;
	uint64_t up = aim->value.fraction > (uint32_t)back ? 1 : 0;

	return (uint64_t)aim->value.ns - (back >> 32) + up;
}

/* What rounding up adds to it: ns, 32 fraction bits. */
static uint32_t loss_of(const struct aim *aim, uint64_t base_ticks)
{
	return (uint32_t)((aim->ticks - base_ticks) * aim->mult) - aim->value.fraction;
}

/* The tick at which both clocks are nearest to a whole ns. */
static uint64_t choose_base(const struct aim *monotonic, const struct aim *raw, uint64_t latest)
{
	uint64_t best_ticks = latest;
	uint64_t best_loss = UINT64_MAX;

	for (uint64_t ticks = latest; ticks != latest - BASE_CHOICES; ticks--) {
		/* four clocks go by the one, one by the other */
		uint64_t loss = UINT64_C(4) * loss_of(monotonic, ticks) + loss_of(raw, ticks);

		if (loss < best_loss) {
			best_loss = loss;
			best_ticks = ticks;
		}
	}
	return best_ticks;
}

/* The bound of one clock's line, at now and in its growth per ns of the page's MONOTONIC. */
struct tracking {
	double bound_ns;
	double growth;
	double bend; /* of its rate against the clock's, relative */
};

/*
 * How far a clock may be from its line: what the last sample showed and what samples cannot show,
 * the rate that may have changed since, where the line starts; and with time the same rate, and the
 * slewing.
 */
static struct tracking tracking_of(const struct discipline *d, const struct model *m,
	const struct aim *aim, const struct aim *monotonic, const struct discipline_order *o)
{
	double slope = (double)aim->mult / MULT_ONE;
	double lag = fixed_above(aim->value, model_at(m, aim->ticks)) -
		     (double)(aim->ticks - o->now_ticks) * (slope - m->slope);
	double bend = fabs(slope / m->slope - 1);
	double per_page_ns = m->slope * MULT_ONE / (double)monotonic->mult;

	return (struct tracking){
		.bound_ns = fabs(lag) + model_bound_ns(m) + moved_of(d, m, o->now_ticks, o) +
			    o->slack_ns,
		.growth = (unseen_of(d, o->max_slew_ppb) + bend) * per_page_ns,
		.bend = bend,
	};
}

static uint64_t growth_of(double per_ns)
{
	return (uint64_t)fmin(ceil(per_ns * MULT_ONE), MULT_ONE - 1);
}

/* The window, cut down so that no reader's product overflows at either rate. */
static uint32_t window_within(uint32_t log2, uint64_t mult, uint64_t raw_mult)
{
	uint64_t larger = mult > raw_mult ? mult : raw_mult;

	while (log2 > 0 && larger > UINT64_MAX >> log2)
		log2--;
	return log2;
}

void discipline_line(
	const struct discipline *d, const struct discipline_order *o, struct vdsotime_line *ret)
{
	struct aim monotonic = aim_at(d, &d->monotonic, &monotonic_track, o);
	struct aim raw = aim_at(d, &d->raw, &raw_track, o);
	struct tracking t = tracking_of(d, &d->monotonic, &monotonic, &monotonic, o);
	struct tracking raw_t = tracking_of(d, &d->raw, &raw, &monotonic, o);
	uint64_t lag_ticks = (uint64_t)ceil(BASE_LAG_NS / d->rate.ns_per_tick);
	uint64_t base = choose_base(&monotonic, &raw, o->now_ticks - lag_ticks);

	ret->meta = window_within(
		fmax(t.bend, raw_t.bend) > BENT ? o->bent_window_log2 : o->window_log2,
		monotonic.mult, raw.mult);
	ret->word[VDSOTIME_WORD_COUNTER] = base;
	ret->word[VDSOTIME_WORD_MULT] = monotonic.mult;
	ret->word[VDSOTIME_WORD_MONOTONIC] = base_of(&monotonic, base);
	ret->word[VDSOTIME_WORD_RAW_MULT] = raw.mult;
	ret->word[VDSOTIME_WORD_RAW] = base_of(&raw, base);
	ret->extra[VDSOTIME_EXTRA_TRACKING] = (uint64_t)ceil(fmax(t.bound_ns, raw_t.bound_ns));
	ret->extra[VDSOTIME_EXTRA_TRACKING_GROWTH] = growth_of(fmax(t.growth, raw_t.growth));
}
