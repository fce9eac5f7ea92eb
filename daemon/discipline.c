/* SPDX-License-Identifier: MIT */
#include "daemon/discipline.h"

#include <math.h>
#include <stddef.h>

#define NSEC_PER_SEC 1000000000
#define PPB 1e-9
#define MULT_ONE 4294967296.0 /* 2^32 */

/* Filter of a quiet clock: phase, and the small integral that finds a rate nobody told of. */
#define PHASE_GAIN (1.0 / 8)
#define RATE_GAIN (1.0 / 256)

/* Samples at the fast period after the rate was last seen to move: seconds, at 10 ms. */
#define MOVING_SAMPLES 300

/* A rate known to this (relative) errs by 5 ns at most between publications at rest. */
#define SETTLED 5e-8

/* Larger errors than this, beyond all slewing, are no rate: the clock or the counter jumped. */
#define JUMP_NS 1000000.0

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
	return d->has_model && d->rate.ns_per_tick > 0;
}

void discipline_restart(struct discipline *d)
{
	d->has_model = false;
	d->extra = 0;
	d->moving = MOVING_SAMPLES;
	rate_restart(&d->rate);
}

bool discipline_is_moving(const struct discipline *d)
{
	return d->moving > 0 || d->rate.uncertainty > SETTLED;
}

static void model_normalise(struct discipline_model *m)
{
	double whole = floor(m->fraction_ns);

	m->ns += (int64_t)whole;
	m->fraction_ns -= whole;
}

/* The model as ns above its own m->ns: small enough for a double. */
static double model_above(const struct discipline_model *m, uint64_t counter_ticks)
{
	return m->fraction_ns + (double)(int64_t)(counter_ticks - m->counter_ticks) * m->slope;
}

static void model_set(struct discipline_model *m, const struct sample_point *p, double slope)
{
	*m = (struct discipline_model){ p->counter_ticks, p->ns, 0.5, slope };
}

/* Move the model to the sample's instant, and gain of the way to its value.  Its error there, in ns. */
static double model_follow(
	struct discipline_model *m, const struct sample_point *p, double gain, double slope)
{
	double above = model_above(m, p->counter_ticks);
	/* a clock truncates to ns: on average it was half a ns further */
	double error = (double)(p->ns - m->ns) + 0.5 - above;

	m->fraction_ns = above + error * gain;
	m->counter_ticks = p->counter_ticks;
	m->slope = slope;
	model_normalise(m);
	return error;
}

/* kernel/time/ntp.c, ntp_update_frequency(): the tick's length in us and a frequency in 2^-16 ppm. */
static double factor_of(const struct discipline *d, const struct sample *s)
{
	if (s->timex_error)
		return d->factor;
	return 1 + (double)s->timex.frequency / 65536e6 +
	       (double)(s->timex.tick_us - 10000) / 10000;
}

static double noise_of(const struct discipline *d, const struct sample_point *p)
{
	return (double)p->bracket_ticks / 2 * d->rate.ns_per_tick + 2;
}

/* The rate seen between two samples where that differs clearly from the one expected. */
static void measure_extra(struct discipline *d, const struct sample *s)
{
	double ticks =
		(double)(int64_t)(s->monotonic.counter_ticks - d->last.monotonic.counter_ticks);
	double ns = (double)(s->monotonic.ns - d->last.monotonic.ns);
	double expected = ticks * d->rate.ns_per_tick * d->factor;
	double noise = noise_of(d, &s->monotonic) + noise_of(d, &d->last.monotonic);

	if (ticks > 0 && fabs(ns - expected * (1 + d->extra)) > noise)
		d->extra = ns / expected - 1;
}

static void follow_monotonic(struct discipline *d, const struct sample *s, bool told)
{
	double slope = d->rate.ns_per_tick * d->factor * (1 + d->extra);
	double period_ns = (double)(s->monotonic.ns - d->last.monotonic.ns);
	bool quiet = fabs(d->residual_ns) <= d->noise_ns && !told;

	if (!quiet) {
		/* between the two samples the rate was partly the old one: believe the second time */
		if (!told && d->moving == MOVING_SAMPLES)
			measure_extra(d, s);
		d->moving = MOVING_SAMPLES;
		slope = d->rate.ns_per_tick * d->factor * (1 + d->extra);
		model_follow(&d->monotonic, &s->monotonic, 1, slope);
		return;
	}
	if (d->moving)
		d->moving--;
	if (period_ns > 0)
		d->extra += RATE_GAIN * d->residual_ns / period_ns;
	model_follow(&d->monotonic, &s->monotonic, PHASE_GAIN, slope);
}

void discipline_add(struct discipline *d, const struct sample *s, struct discipline_news *ret)
{
	double factor = factor_of(d, s);
	bool told = factor != d->factor;

	*ret = (struct discipline_news){ 0 };
	rate_add(&d->rate, &s->raw);
	if (d->rate.ns_per_tick <= 0)
		return;
	d->noise_ns = noise_of(d, &s->monotonic);
	if (told && d->has_model) {
		ret->rate_changed = true;
		ret->rate_change_ppb = llround((factor - d->factor) / PPB);
	}
	d->factor = factor;
	if (d->has_model) {
		d->residual_ns = (double)(s->monotonic.ns - d->monotonic.ns) + 0.5 -
				 model_above(&d->monotonic, s->monotonic.counter_ticks);
		double raw_residual = (double)(s->raw.ns - d->raw.ns) + 0.5 -
				      model_above(&d->raw, s->raw.counter_ticks);

		/* the raw clock knows no slewing: parted from the counter, it was a jump */
		if (fabs(raw_residual) > JUMP_NS) {
			ret->jumped = true;
			ret->jump_ns = llround(d->residual_ns);
			discipline_restart(d);
			rate_add(&d->rate, &s->raw);
		}
	}
	if (!d->has_model) {
		model_set(&d->monotonic, &s->monotonic, d->rate.ns_per_tick * factor);
		model_set(&d->raw, &s->raw, d->rate.ns_per_tick);
		d->has_model = true;
		d->residual_ns = 0;
	} else {
		follow_monotonic(d, s, told);
		model_follow(&d->raw, &s->raw, PHASE_GAIN, d->rate.ns_per_tick);
	}
	d->last = *s;
}

int64_t discipline_monotonic_ns(const struct discipline *d, uint64_t counter_ticks)
{
	return d->monotonic.ns + (int64_t)floor(model_above(&d->monotonic, counter_ticks));
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

static struct fixed model_at(const struct discipline_model *m, uint64_t counter_ticks)
{
	return fixed_add((struct fixed){ m->ns, 0 }, model_above(m, counter_ticks));
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

/* A new straight line: through value at ticks, at mult. */
struct aim {
	uint64_t ticks;
	struct fixed value;
	uint64_t mult;
};

/*
 * Where readers may be who have no line to go on from: at the latest that the clock can be, or, where the
 * last line has just run out, at the end of that (readers do not go back from it, see the client's
 * fallback).
 */
static struct fixed fresh_start(const struct discipline *d, const struct discipline_model *m,
	const struct track *t, const struct discipline_order *o)
{
	struct fixed start = fixed_add(model_at(m, o->now_ticks), d->noise_ns);
	struct fixed end;
	uint64_t window, tracking;
	double above;

	if (!o->expired)
		return start;
	window = UINT64_C(1) << (o->expired->meta & VDSOTIME_META_WINDOW_MASK);
	end = line_at(o->expired, t, o->expired->word[VDSOTIME_WORD_COUNTER] + window);
	tracking = vdsotime_bound(o->expired->extra[VDSOTIME_EXTRA_TRACKING],
		o->expired->extra[VDSOTIME_EXTRA_TRACKING_GROWTH],
		window * o->expired->word[VDSOTIME_WORD_MULT] >> 32);
	above = fixed_above(end, start);
	return above > 0 && above <= (double)tracking ? end : start;
}

/*
 * From where readers are at present to where the model will be at the target; see the head of
 * discipline.h for now and until.
 */
static struct aim aim_at(const struct discipline *d, const struct discipline_model *m,
	const struct track *t, const struct discipline_order *o)
{
	struct fixed start = o->old ? line_at(o->old, t, o->now_ticks) : fresh_start(d, m, t, o);
	double ahead_ticks = (double)(o->target_ticks - o->now_ticks);
	double slope = fixed_above(model_at(m, o->target_ticks), start) / ahead_ticks;
	struct aim aim = { .ticks = o->now_ticks, .value = start };

	/* never stand still to wait for the kernel, never run at more than twice its rate */
	slope = fmin(fmax(slope, m->slope / 2), m->slope * 2);
	aim.mult = (uint64_t)llround(slope * MULT_ONE);
	if (o->old && aim.mult < o->old->word[t->mult]) {
		aim.ticks = o->until_ticks;
		aim.value = line_at(o->old, t, o->until_ticks);
	}
	return aim;
}

/* The line's value at an earlier tick, rounded up to whole ns; *ret_loss: what that added. */
static int64_t base_of(const struct aim *aim, uint64_t base_ticks, double *ret_loss)
{
	uint64_t back = (aim->ticks - base_ticks) * aim->mult;
	int64_t ns = aim->value.ns - (int64_t)(back >> 32);
	/* value.fraction - back's fraction, above that ns */
	int64_t fraction = (int64_t)aim->value.fraction - (int64_t)(uint32_t)back;
	int64_t up = fraction > 0 ? 1 : 0;

	*ret_loss = (double)up - (double)fraction / MULT_ONE;
	return ns + up;
}

/* The tick at which both clocks are nearest to a whole ns. */
static uint64_t choose_base(const struct aim *monotonic, const struct aim *raw, uint64_t latest)
{
	uint64_t best_ticks = latest;
	double best_loss = 3;

	for (uint64_t i = 0; i < BASE_CHOICES; i++) {
		double monotonic_loss, raw_loss;

		base_of(monotonic, latest - i, &monotonic_loss);
		base_of(raw, latest - i, &raw_loss);
		/* four clocks go by the one, one by the other */
		if (4 * monotonic_loss + raw_loss < best_loss) {
			best_loss = 4 * monotonic_loss + raw_loss;
			best_ticks = latest - i;
		}
	}
	return best_ticks;
}

static uint64_t growth_of(double per_ns)
{
	return (uint64_t)fmin(per_ns * MULT_ONE, MULT_ONE - 1);
}

/*
 * How far the page may be from the kernel's clocks: what the last sample showed, what samples cannot show,
 * where the line starts; and with time the rate that may change unseen, ours that may be wrong, and the
 * slewing.
 */
static void set_tracking(const struct discipline *d, const struct discipline_order *o,
	const struct aim *monotonic, const struct aim *raw, struct vdsotime_line *line)
{
	double lag = fabs(fixed_above(monotonic->value, model_at(&d->monotonic, monotonic->ticks)));
	double raw_lag = fabs(fixed_above(raw->value, model_at(&d->raw, raw->ticks)));
	double slew = fabs((double)monotonic->mult / MULT_ONE / d->monotonic.slope - 1);
	double raw_slew = fabs((double)raw->mult / MULT_ONE / d->raw.slope - 1);
	double since_sample =
		(double)(o->until_ticks - d->last.monotonic.counter_ticks) * d->monotonic.slope;
	double growth = (double)o->max_slew_ppb * PPB + d->rate.uncertainty;

	line->extra[VDSOTIME_EXTRA_TRACKING] =
		(uint64_t)ceil(fmax(lag, raw_lag) + fabs(d->residual_ns) + 2 * d->noise_ns +
			       since_sample * growth);
	line->extra[VDSOTIME_EXTRA_TRACKING_GROWTH] = growth_of(growth + fmax(slew, raw_slew));
}

void discipline_line(
	const struct discipline *d, const struct discipline_order *o, struct vdsotime_line *ret)
{
	struct aim monotonic = aim_at(d, &d->monotonic, &monotonic_track, o);
	struct aim raw = aim_at(d, &d->raw, &raw_track, o);
	uint64_t lag_ticks = (uint64_t)ceil(BASE_LAG_NS / d->rate.ns_per_tick);
	uint64_t base = choose_base(&monotonic, &raw, o->now_ticks - lag_ticks);
	double loss;

	ret->meta = o->window_log2 & VDSOTIME_META_WINDOW_MASK;
	ret->word[VDSOTIME_WORD_COUNTER] = base;
	ret->word[VDSOTIME_WORD_MULT] = monotonic.mult;
	ret->word[VDSOTIME_WORD_MONOTONIC] = (uint64_t)base_of(&monotonic, base, &loss);
	ret->word[VDSOTIME_WORD_RAW_MULT] = raw.mult;
	ret->word[VDSOTIME_WORD_RAW] = (uint64_t)base_of(&raw, base, &loss);
	set_tracking(d, o, &monotonic, &raw, ret);
}
