/* SPDX-License-Identifier: MIT */
#include "daemon/model.h"

#include <math.h>

/* Filter of a quiet clock: phase, and the small integral that finds a rate nobody told of. */
#define PHASE_GAIN (1.0 / 8)
#define RATE_GAIN (1.0 / 256)

/* Samples that follow each other faster (a clock was set) say nothing of the rate. */
#define RATE_PERIOD_NS 1e6

/* The best bracket of late is forgotten at this pace. */
#define NOISE_DECAY (1.0 / 256)

static double noise_of(const struct sample_point *p, double slope)
{
	return (double)p->bracket_ticks / 2 * slope + 2;
}

double model_above_ns(const struct model *m, uint64_t counter_ticks)
{
	return m->fraction_ns + (double)(int64_t)(counter_ticks - m->counter_ticks) * m->slope;
}

double model_distance_ns(const struct model *m, const struct sample_point *p)
{
	return (double)(p->ns - m->ns) + 0.5 - model_above_ns(m, p->counter_ticks);
}

double model_bound_ns(const struct model *m)
{
	/* once for the bracket, once for a reader */
	return fabs(m->left_ns) + m->noise_ns + 2 * MODEL_COUNTER_STEP_NS + 2;
}

void model_start(struct model *m, const struct sample_point *p, double expected)
{
	*m = (struct model){
		.known = true,
		.counter_ticks = p->counter_ticks,
		.ns = p->ns,
		.fraction_ns = 0.5,
		.slope = expected,
		.last = *p,
		.noise_ns = noise_of(p, expected),
		.least_noise_ns = noise_of(p, expected),
	};
}

/* Move the model to the sample's instant, and gain of the way to its value. */
static void move(struct model *m, const struct sample_point *p, double gain, double slope)
{
	double above = model_above_ns(m, p->counter_ticks) + m->residual_ns * gain;
	double whole = floor(above);

	m->left_ns = m->residual_ns * (1 - gain);
	m->ns += (int64_t)whole;
	m->fraction_ns = above - whole;
	m->counter_ticks = p->counter_ticks;
	m->slope = slope;
	m->last = *p;
}

/* The rate seen between two samples, where that differs clearly from the one expected. */
static void measure_extra(
	struct model *m, const struct sample_point *p, double noise_before_ns, double expected)
{
	double ticks = (double)(int64_t)(p->counter_ticks - m->last.counter_ticks);
	double ns = (double)(p->ns - m->last.ns);

	if (ticks > 0 &&
		fabs(ns - ticks * expected * (1 + m->extra)) > m->noise_ns + noise_before_ns)
		m->extra = ns / (ticks * expected) - 1;
}

/* A wide bracket says little, and moves the model little. */
static double weight_of(struct model *m)
{
	double ratio;

	m->least_noise_ns += (m->noise_ns - m->least_noise_ns) * NOISE_DECAY;
	if (m->noise_ns < m->least_noise_ns)
		m->least_noise_ns = m->noise_ns;
	ratio = m->least_noise_ns / m->noise_ns;
	return ratio * ratio;
}

bool model_follow(
	struct model *m, const struct sample_point *p, double expected, bool told, bool exact)
{
	double noise_before = m->noise_ns, period_ns = (double)(p->ns - m->last.ns), weight;

	m->residual_ns = model_distance_ns(m, p);
	m->noise_ns = noise_of(p, m->slope);
	weight = weight_of(m);
	if (exact)
		m->extra = 0;
	if (told || fabs(m->residual_ns) > m->noise_ns) {
		/* between the two samples the rate was partly the old one: believe the second
		 * time */
		if (!told && !exact && m->stirred)
			measure_extra(m, p, noise_before, expected);
		m->stirred = true;
		move(m, p, 1, expected * (1 + m->extra));
		return false;
	}
	m->stirred = false;
	if (period_ns >= RATE_PERIOD_NS && !exact)
		m->extra += RATE_GAIN * weight * m->residual_ns / period_ns;
	move(m, p, PHASE_GAIN * weight, expected * (1 + m->extra));
	return true;
}
