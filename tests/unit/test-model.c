/* SPDX-License-Identifier: MIT */
/*
 * The model of one clock: it follows quiet samples slowly, the others at once, and knows its
 * bound.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "daemon/model.h"

#define RATE 0.38519
#define PERIOD_TICKS UINT64_C(259613200) /* 100 ms */
#define BRACKET_TICKS 104

static struct model m;
static uint64_t ticks;
static double clock_ns; /* the true clock, at ticks */

static int begin(void **state)
{
	(void)state;
	ticks = 1000000;
	clock_ns = 5e9;
	model_start(&m, &(struct sample_point){ ticks, BRACKET_TICKS, 5000000000 }, RATE);
	return 0;
}

static struct sample_point pass(double rate, double error_ns)
{
	ticks += PERIOD_TICKS;
	clock_ns += (double)PERIOD_TICKS * rate;
	return (struct sample_point){ ticks, BRACKET_TICKS, (int64_t)floor(clock_ns + error_ns) };
}

static double model_ns(void)
{
	return (double)m.ns + model_above_ns(&m, ticks);
}

static void test_first_sample_is_the_model(void **state)
{
	(void)state;
	assert_true(m.known);
	assert_int_equal(m.ns, 5000000000);
	assert_true(model_above_ns(&m, ticks + 1000) == 0.5 + 1000 * RATE);
	assert_true(model_above_ns(&m, ticks - 1000) == 0.5 - 1000 * RATE);
}

static void test_noise_is_smoothed(void **state)
{
	double worst = 0;

	(void)state;
	srand(1);
	for (int i = 0; i < 2000; i++) {
		struct sample_point p = pass(RATE, rand() % 21 - 10);

		assert_true(model_follow(&m, &p, RATE, false, false));
		if (i > 100)
			worst = fmax(worst, fabs(model_ns() - clock_ns - 0.5));
	}
	assert_true(worst < 8);
}

static void test_bound_covers_what_a_sample_cannot_show(void **state)
{
	(void)state;
	srand(2);
	for (int i = 0; i < 2000; i++) {
		/* as far off as a bracket allows */
		double half = BRACKET_TICKS / 2 * RATE;
		struct sample_point p = pass(RATE, rand() % 2 ? half : -half);

		model_follow(&m, &p, RATE, false, false);
		assert_true(fabs(model_ns() - clock_ns) <= model_bound_ns(&m));
	}
}

static void test_quiet_rate_that_nobody_told_of_is_found(void **state)
{
	(void)state;
	for (int i = 0; i < 3000; i++) {
		struct sample_point p = pass(RATE * (1 + 2e-8), 0);

		model_follow(&m, &p, RATE, false, false);
	}
	assert_true(fabs(m.extra - 2e-8) < 2e-9);
	assert_true(fabs(model_ns() - clock_ns) < 2);
}

/* adjtime(): 500 ppm, of which adjtimex says nothing. */
static void test_slew_that_nobody_told_of_is_measured_at_the_second_sample(void **state)
{
	struct sample_point p;

	(void)state;
	for (int i = 0; i < 10; i++) {
		p = pass(RATE, 0);
		assert_true(model_follow(&m, &p, RATE, false, false));
	}
	for (int i = 0; i < 3; i++) {
		p = pass(RATE * (1 + 500e-6), 0);
		model_follow(&m, &p, RATE, false, false);
		/* what a disagreeing sample says is believed at once */
		assert_true(fabs(model_ns() - clock_ns) < 1);
	}
	assert_true(fabs(m.extra - 500e-6) < 1e-6);
	assert_true(fabs(m.residual_ns) < 50);
	for (int i = 0; i < 3; i++) {
		p = pass(RATE, 0);
		model_follow(&m, &p, RATE, false, false);
	}
	assert_true(fabs(m.extra) < 1e-6);
}

/* A round because a clock was set comes microseconds after the one before. */
static void test_sample_right_behind_another_says_nothing_of_the_rate(void **state)
{
	struct sample_point p = pass(RATE, 0);

	(void)state;
	model_follow(&m, &p, RATE, false, false);
	p.counter_ticks += 26000;
	p.ns += (int64_t)(26000 * RATE) + 15;
	assert_true(model_follow(&m, &p, RATE, false, false));
	assert_true(fabs(m.extra) < 1e-9);
}

static void test_told_rate_takes_the_phase_of_its_sample(void **state)
{
	struct sample_point p = pass(RATE * (1 + 50e-6), 0);

	(void)state;
	assert_false(model_follow(&m, &p, RATE * (1 + 100e-6), true, false));
	assert_true(fabs(m.slope / (RATE * (1 + 100e-6)) - 1) < 1e-12);
	assert_true(fabs(model_ns() - clock_ns) < 1);
	assert_true(m.extra == 0);
	p = pass(RATE * (1 + 100e-6), 0);
	assert_true(model_follow(&m, &p, RATE * (1 + 100e-6), false, false));
}

static void test_exact_rate_is_not_corrected(void **state)
{
	(void)state;
	for (int i = 0; i < 100; i++) {
		struct sample_point p = pass(RATE, i % 3 ? 10 : -10);

		model_follow(&m, &p, RATE, false, true);
		assert_true(m.slope == RATE);
	}
}

static void test_wide_bracket_moves_little(void **state)
{
	struct sample_point p;

	(void)state;
	for (int i = 0; i < 50; i++) {
		p = pass(RATE, 0);
		model_follow(&m, &p, RATE, false, false);
	}
	/* all five brackets were interrupted, and the clock was read near an end */
	p = pass(RATE, 4000);
	p.bracket_ticks = 25000;
	assert_true(model_follow(&m, &p, RATE, false, false));
	assert_true(fabs(model_ns() - clock_ns) < 2);
	assert_true(model_bound_ns(&m) > 4000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_first_sample_is_the_model, begin),
		cmocka_unit_test_setup(test_noise_is_smoothed, begin),
		cmocka_unit_test_setup(test_bound_covers_what_a_sample_cannot_show, begin),
		cmocka_unit_test_setup(test_quiet_rate_that_nobody_told_of_is_found, begin),
		cmocka_unit_test_setup(
			test_slew_that_nobody_told_of_is_measured_at_the_second_sample, begin),
		cmocka_unit_test_setup(
			test_sample_right_behind_another_says_nothing_of_the_rate, begin),
		cmocka_unit_test_setup(test_told_rate_takes_the_phase_of_its_sample, begin),
		cmocka_unit_test_setup(test_exact_rate_is_not_corrected, begin),
		cmocka_unit_test_setup(test_wide_bracket_moves_little, begin),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
